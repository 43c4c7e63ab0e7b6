//! The thread that seals callers' numbers: making a key waits for a disk, which signalling never does.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use super::clock::Clock;
use crate::config::Privacy;
use crate::ids::{CallId, Pseudonym};
use crate::private::Private;
use crate::store::health::{Health, Part};
use crate::store::journal::Journal;
use crate::store::keys::KeyError;
use crate::store::numbers;
use crate::store::ring::Ring;

/// Numbers that may wait to be sealed.
const QUEUE: usize = 10_000;

type Kept = (CallId, Pseudonym, Private<String>);

/// The way to the thread, which ends when this is dropped and all that waits is sealed.
pub struct Vault {
    /// `None`: numbers are not kept at all.
    kept: Option<SyncSender<Kept>>,
    health: Health,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Vault {
    fn drop(&mut self) {
        self.kept = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was already printed.
            let _ = thread.join();
        }
    }
}

/// It cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The keys.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// The system gives no thread.
    #[error("the system refuses: {0}")]
    System(#[from] io::Error),
}

impl Vault {
    /// Starts the thread; what it seals goes to the journal.
    ///
    /// # Errors
    /// See [`VaultError`].
    pub fn start(
        privacy: &Privacy,
        journal: &Journal,
        health: &Health,
        clock: Clock,
    ) -> Result<Self, VaultError> {
        let health = health.clone();
        if privacy.keep_numbers.is_zero() {
            return Ok(Self {
                kept: None,
                health,
                thread: None,
            });
        }
        let (kept, waiting) = sync_channel(QUEUE);
        let work = Work {
            ring: Ring::of_callers(&privacy.keys)?,
            keep: privacy.keep_numbers,
            journal: journal.clone(),
            health: health.clone(),
            clock,
        };
        let thread = std::thread::Builder::new().name("vault".into());
        let thread = thread.spawn(move || work.run(&waiting))?;
        Ok(Self {
            kept: Some(kept),
            health,
            thread: Some(thread),
        })
    }

    /// Keeps a number; never waits.
    pub fn keep(&self, call: CallId, caller: Pseudonym, number: Private<String>) {
        let Some(kept) = &self.kept else { return };
        if kept.try_send((call, caller, number)).is_err() {
            let text = "numbers of callers come faster than they can be sealed and are not kept; check the disk of \
                        [privacy] keys";
            self.health.fault(Part::Vault, text);
        }
    }
}

struct Work {
    ring: Ring,
    keep: Duration,
    journal: Journal,
    health: Health,
    clock: Clock,
}

impl Work {
    fn run(mut self, waiting: &Receiver<Kept>) {
        while let Ok((call, caller, number)) = waiting.recv() {
            let now = self.clock.now().wall;
            match numbers::seal(&mut self.ring, call, &caller, &number, (now, self.keep)) {
                Ok(Some(entry)) => {
                    self.journal.append(&[entry]);
                    self.health.well(Part::Vault);
                }
                Ok(None) => self.health.fault(
                    Part::Vault,
                    "there is no room for one more key: a number was not kept; run: qaynar purge",
                ),
                Err(error) => self.health.fault(
                    Part::Vault,
                    format!("a caller's number was not kept: {error}"),
                ),
            }
        }
    }
}
