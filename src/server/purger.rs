//! The thread that purges each hour, forgets callers when it is told to, and gives snapshots a new key each day.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::{mpsc, oneshot};

use super::clock::Clock;
use super::control::Answer;
use crate::config::Settings;
use crate::event::{Change, Recording};
use crate::ids::{CallId, OperatorId};
use crate::store::audit::{self, Audit, Deed, Note};
use crate::store::forget::{forget, whom};
use crate::store::health::{Health, Part};
use crate::store::journal::Journal;
use crate::store::keys::Keys;
use crate::store::purge::{Gone, Holdings, PurgeError, purge};
use crate::store::seal::Sealer;
use crate::store::writer::Writer;
use crate::switch::{Command, Input};
use crate::time::Wall;

/// How often it purges.
const PURGE: Duration = Duration::from_secs(3_600);
/// How soon after the start it does first: what a former process left is taken up before.
const FIRST: Duration = Duration::from_secs(60);
/// How often it looks whether something waits for a review.
const EACH: Duration = Duration::from_secs(20);
/// How long it waits for the database to hold the whole journal.
const CATCH_UP: Duration = Duration::from_secs(10);
/// How often it looks.
const LOOK: Duration = Duration::from_millis(20);
/// Orders that may wait.
const ORDERS: usize = 16;

/// What it is told.
pub enum Order {
    /// Erase what was kept for long enough.
    Purge {
        /// Who says so.
        who: String,
        /// Tell what would go.
        dry_run: bool,
        /// The way back.
        answer: oneshot::Sender<Answer>,
    },
    /// Write down that an operator broke the glass in a talk.
    GlassBroken {
        /// When.
        at: Wall,
        /// Who.
        operator: OperatorId,
        /// In which call.
        call: Option<CallId>,
    },
    /// Forget a caller.
    Forget {
        /// A call or a pseudonym.
        whom: String,
        /// Who says so.
        who: String,
        /// Why.
        reason: String,
        /// The way back.
        answer: oneshot::Sender<Answer>,
    },
}

/// The way to the thread, which ends when this is dropped.
pub struct Purger {
    orders: Option<SyncSender<Order>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Purger {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was already printed.
            let _ = thread.join();
        }
    }
}

/// What it works with.
pub struct Tools {
    /// Where everything is.
    pub settings: Settings,
    /// The journal.
    pub journal: Journal,
    /// Follows it into the database.
    pub writer: Writer,
    /// Seals snapshots.
    pub sealer: Arc<Sealer>,
    /// Hears what goes wrong.
    pub health: Health,
    /// The clock.
    pub clock: Clock,
    /// The way to the switch, which knows recordings and calls.
    pub inputs: mpsc::Sender<Input>,
}

impl Purger {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system gives none.
    pub fn start(tools: Tools) -> io::Result<Self> {
        let (orders, waiting) = sync_channel(ORDERS);
        let thread = std::thread::Builder::new().name("purger".into());
        let thread = thread.spawn(move || run(&tools, &waiting))?;
        Ok(Self {
            orders: Some(orders),
            thread: Some(thread),
        })
    }

    /// Hands an order over and never waits.
    pub fn order(&self, order: Order) {
        let Some(orders) = &self.orders else { return };
        if let Err(refused) = orders.try_send(order) {
            let order = match refused {
                TrySendError::Full(order) | TrySendError::Disconnected(order) => order,
            };
            match order {
                Order::Purge { answer, .. } | Order::Forget { answer, .. } => {
                    let _ = answer.send(refusal("the server is busy with others; try again"));
                }
                Order::GlassBroken { operator, .. } => {
                    tracing::error!(%operator, "a broken glass is in the journal alone: see `qaynar calls --call`");
                }
            }
        }
    }
}

fn refusal(text: impl Into<String>) -> Answer {
    Answer {
        done: false,
        text: text.into(),
        data: serde_json::Value::Null,
    }
}

fn run(tools: &Tools, orders: &Receiver<Order>) {
    let (mut passed, mut next) = (Duration::ZERO, FIRST);
    loop {
        match orders.recv_timeout(EACH) {
            Ok(Order::GlassBroken { at, operator, call }) => {
                tools.write_down(at, &operator, call);
                tools.look_for_reviews();
            }
            Ok(Order::Purge {
                who,
                dry_run,
                answer,
            }) => {
                let did = if dry_run { "would go" } else { "gone" };
                let done = tools.purge(&who, dry_run);
                let told = answered(done, |gone| format!("{did}: {gone}"));
                // Whoever asked may have gone.
                let _ = answer.send(told);
            }
            Ok(Order::Forget {
                whom,
                who,
                reason,
                answer,
            }) => {
                let done = tools.forget(&whom, &who, &reason);
                let _ = answer.send(answered(done, ToString::to_string));
            }
            Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => {
                passed += EACH;
                tools.look_for_reviews();
                if passed >= next {
                    tools.by_schedule();
                    (passed, next) = (Duration::ZERO, PURGE);
                }
            }
        }
    }
}

fn answered<T: Serialize>(done: Result<T, PurgeError>, text: impl Fn(&T) -> String) -> Answer {
    match done {
        Ok(gone) => Answer {
            done: true,
            text: text(&gone),
            data: serde_json::json!(gone),
        },
        Err(error) => refusal(error.to_string()),
    }
}

impl Tools {
    fn write_down(&self, at: Wall, operator: &OperatorId, call: Option<CallId>) {
        let storage = &self.settings.storage;
        let note = Note {
            at,
            who: operator.to_string(),
            deed: Deed::BrokeGlass,
            call,
            about: None,
            reason: "by code, in the talk".into(),
        };
        let written = Keys::load_or_make(&self.settings.privacy.keys)
            .map_err(PurgeError::from)
            .and_then(|keys| {
                let noted = audit::note(&storage.database, &storage.data, &keys.audit, &note);
                Ok(noted?)
            });
        if let Err(error) = written {
            tracing::error!(%error, "a broken glass is in the journal alone");
        }
    }

    /// What waits for a supervisor is told until it is reviewed.
    fn look_for_reviews(&self) {
        let storage = &self.settings.storage;
        let pending = Keys::load_or_make(&self.settings.privacy.keys)
            .map_err(PurgeError::from)
            .and_then(|keys| {
                let mut audit = Audit::open(&storage.database, &storage.data, &keys.audit)?;
                Ok(audit.pending()?.len())
            });
        match pending {
            Ok(0) => self.health.well(Part::Review),
            Ok(count) => {
                let text = format!(
                    "{count} numbers were read by breaking the glass and nobody reviewed that: `qaynar audit list --pending`"
                );
                self.health.fault(Part::Review, text);
            }
            // The database tells of itself.
            Err(error) => tracing::debug!(%error, "the audit log cannot be read"),
        }
    }

    fn by_schedule(&self) {
        match self.sealer.renew(self.clock.now().wall) {
            Ok(false) => {}
            Ok(true) => self.tell(Command::SealAgain),
            Err(error) => tracing::error!(%error, "snapshots keep their key for another hour"),
        }
        match self.purge("qaynar", false) {
            Ok(gone) => {
                self.health.well(Part::Purge);
                if gone != Gone::default() {
                    tracing::info!("purged: {gone}");
                }
            }
            Err(error) => {
                let text = format!("what was kept for long enough is still there: {error}");
                self.health.fault(Part::Purge, text);
            }
        }
    }

    fn tell(&self, command: Command) {
        // The switch is gone when nobody listens; so is this thread soon.
        let _ = self.inputs.blocking_send(Input::Command(command));
    }

    fn with<T>(
        &self,
        what: impl FnOnce(&mut Holdings<'_>) -> Result<T, PurgeError>,
    ) -> Result<T, PurgeError> {
        let storage = &self.settings.storage;
        let mut erase = |one: &Recording| {
            let reason = "it was kept for as long as [privacy] says, or its caller is forgotten";
            self.tell(Command::ChangeRecording {
                recording: one.recording,
                change: Change::Erased {
                    reason: reason.to_owned(),
                },
            });
        };
        what(&mut Holdings {
            database: &storage.database,
            data: &storage.data,
            privacy: &self.settings.privacy,
            journal: &self.journal,
            erase: &mut erase,
        })
    }

    fn purge(&self, who: &str, dry_run: bool) -> Result<Gone, PurgeError> {
        let now = self.clock.now().wall;
        self.with(|holdings| purge(holdings, who, now, dry_run))
    }

    fn forget(
        &self,
        caller: &str,
        who: &str,
        reason: &str,
    ) -> Result<crate::store::forget::Forgotten, PurgeError> {
        let caller = whom(caller)?;
        // What is not in the tables yet would come into them afterwards.
        let last = self.journal.last();
        let mut waited = Duration::ZERO;
        while self.writer.applied() < last {
            if waited > CATCH_UP {
                let text = "the database does not hold the whole journal yet; `qaynar status` tells why; try again";
                return Err(PurgeError::Refused(text.to_owned()));
            }
            std::thread::sleep(LOOK);
            waited += LOOK;
        }
        let now = self.clock.now().wall;
        self.with(|holdings| forget(holdings, &caller, (who, reason), now))
    }
}
