//! The database for requests: a few connections, each used by one request at a time on a thread that may wait.
//! Calls have connections of their own, so that no request holds one of theirs up.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Semaphore;

use super::problem::Problem;
use crate::config::Location;
use crate::store::activities::Activities;
use crate::store::cases::Cases;
use crate::store::contacts::Contacts;
use crate::store::database::{DatabaseError, Reader};
use crate::store::escalations::Escalations;
use crate::store::operators::Operators;
use crate::store::taxonomies::Taxonomies;
use crate::store::tokens::Tokens;

/// Requests that use the database at once; others wait.
const AT_ONCE: usize = 3;

macro_rules! tables {
    ($($(#[$doc:meta])* $name:ident: $type:ident),+ $(,)?) => {
        /// What one request asks the database by; each connection is opened when it is first needed.
        pub(super) struct Desk {
            at: Location,
            $($name: Option<$type>,)+
        }

        impl Desk {
            fn new(at: Location) -> Self {
                Self { at, $($name: None,)+ }
            }

            $($(#[$doc])*
            pub(super) fn $name(&mut self) -> Result<&mut $type, DatabaseError> {
                let open = match self.$name.take() {
                    Some(open) => open,
                    None => $type::open(&self.at)?,
                };
                Ok(self.$name.insert(open))
            })+
        }
    };
}

tables! {
    /// Call records and their timelines.
    reader: Reader,
    /// Contacts.
    contacts: Contacts,
    /// Activities.
    activities: Activities,
    /// Cases.
    cases: Cases,
    /// Escalations.
    escalations: Escalations,
    /// Taxonomies.
    taxonomies: Taxonomies,
    /// Operators' accounts.
    operators: Operators,
    /// Tokens.
    tokens: Tokens,
}

/// The connections. Clones are one.
#[derive(Clone)]
pub(super) struct Tables {
    at: Location,
    idle: Arc<Mutex<Vec<Desk>>>,
    room: Arc<Semaphore>,
}

impl Tables {
    pub(super) fn new(at: &Location) -> Self {
        Self {
            at: at.clone(),
            idle: Arc::default(),
            room: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }

    /// Does something with the database. It is done to its end also where nobody waits for it any more.
    pub(super) async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Desk) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let room = Arc::clone(&self.room).acquire_owned().await;
        let room = room.map_err(|fault| Problem::ours(&fault))?;
        let (at, idle) = (self.at.clone(), Arc::clone(&self.idle));
        let done = tokio::task::spawn_blocking(move || {
            let _room = room;
            let free = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut desk = free.unwrap_or_else(|| Desk::new(at));
            let done = work(&mut desk);
            // After a fault the next request begins anew.
            if !done.as_ref().is_err_and(Problem::is_ours) {
                idle.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(desk);
            }
            done
        });
        done.await
            .unwrap_or_else(|fault| Err(Problem::ours(&fault)))
    }
}
