//! Reads files and accounts beside the switch's way: signalling never waits for a disk.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::clock::Clock;
use super::control::Answer;
use super::dialplans::{Dialplans, Loaded};
use crate::store::operators::Operators;
use crate::store::plans::PlansError;
use crate::switch::Account;

/// How often accounts and the dialplans' folder are looked at.
const LOOK: Duration = Duration::from_secs(2);
/// Orders that may wait; one more is told that the server is busy.
const ORDERS: usize = 16;

/// What the keeper is asked for.
pub enum Order {
    /// Check the folder and make it live.
    Apply(oneshot::Sender<Answer>),
    /// Make a former version live.
    UseVersion(String, oneshot::Sender<Answer>),
}

/// What it finds.
pub enum News {
    /// All accounts, after a change.
    Accounts(Vec<Account>),
    /// Whether the clock is synchronised, after a change.
    Clock(bool),
    /// What is in the dialplans' folder now.
    OnDisk(Option<String>),
    /// A checked plan, to be made live.
    Plan {
        /// The plan with its sounds.
        loaded: Loaded,
        /// Who asked for it, if anybody did.
        answer: Option<oneshot::Sender<Answer>>,
    },
}

/// The way to the keeper's thread, which ends when this is dropped.
pub struct Keeper {
    orders: SyncSender<Order>,
}

/// What it looks after.
pub struct Kept {
    /// The dialplans' folder.
    pub dialplans: Dialplans,
    /// Whether saving is publishing.
    pub apply_on_save: bool,
    /// The database of the accounts.
    pub database: PathBuf,
    /// The realm of their passwords.
    pub realm: String,
    /// Dates the versions.
    pub clock: Clock,
    /// The hash that is live at the start.
    pub live: String,
}

impl Keeper {
    /// Starts the thread; what it finds goes to `news`.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn start(kept: Kept, news: mpsc::Sender<News>) -> std::io::Result<Self> {
        let (orders, waiting) = sync_channel(ORDERS);
        let thread = std::thread::Builder::new().name("keeper".into());
        thread.spawn(move || {
            Round {
                on_disk: None,
                accounts: None,
                operators: None,
                synchronised: true,
                kept,
                news,
            }
            .run(&waiting);
        })?;
        Ok(Self { orders })
    }

    /// Asks for something; the answer goes to whoever asked.
    pub fn order(&self, order: Order) {
        if let Err(refused) = self.orders.try_send(order) {
            let (std::sync::mpsc::TrySendError::Full(order)
            | std::sync::mpsc::TrySendError::Disconnected(order)) = refused;
            let (Order::Apply(answer) | Order::UseVersion(_, answer)) = order;
            let _ = answer.send(refusal("NOT LIVE\nthe server is busy; ask again".into()));
        }
    }
}

fn refusal(text: String) -> Answer {
    Answer {
        done: false,
        text,
        data: serde_json::Value::Null,
    }
}

struct Round {
    kept: Kept,
    news: mpsc::Sender<News>,
    on_disk: Option<String>,
    /// Opened again where it could not be opened before.
    operators: Option<Operators>,
    /// The version of the accounts that the switch knows.
    accounts: Option<u64>,
    /// What the switch was told of the clock.
    synchronised: bool,
}

impl Round {
    fn run(mut self, orders: &Receiver<Order>) {
        // What is live came from the folder a moment ago, or is the last good version.
        self.on_disk = self.kept.dialplans.hash_on_disk();
        self.tell(News::OnDisk(self.on_disk.clone()));
        loop {
            self.look_at_clock();
            match orders.recv_timeout(LOOK) {
                Ok(Order::Apply(answer)) => {
                    let loaded = self.kept.dialplans.apply(self.kept.clock.now().wall);
                    self.publish(loaded, answer);
                }
                Ok(Order::UseVersion(hash, answer)) => {
                    let now = self.kept.clock.now().wall;
                    let loaded = self.kept.dialplans.use_version(&hash, now);
                    self.publish(loaded, answer);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.look_at_accounts();
            self.look_at_folder();
        }
    }

    fn tell(&self, news: News) {
        // The driver is gone when nobody listens; so is this thread soon.
        let _ = self.news.blocking_send(news);
    }

    fn publish(&mut self, loaded: Result<Loaded, PlansError>, answer: oneshot::Sender<Answer>) {
        match loaded {
            Ok(loaded) => {
                self.kept.live.clone_from(&loaded.plan.hash);
                let answer = Some(answer);
                self.tell(News::Plan { loaded, answer });
            }
            Err(error) => {
                let _ = answer.send(refusal(format!("NOT LIVE\n{error}")));
            }
        }
    }

    fn look_at_clock(&mut self) {
        let found = self.kept.clock.is_synchronised();
        if std::mem::replace(&mut self.synchronised, found) != found {
            self.tell(News::Clock(found));
        }
    }

    fn look_at_accounts(&mut self) {
        if self.operators.is_none() {
            self.operators = Operators::open(&self.kept.database).ok();
        }
        let Some(operators) = &self.operators else {
            return;
        };
        let Ok(version) = operators.version() else {
            return;
        };
        if self.accounts == Some(version) {
            return;
        }
        match operators.accounts(&self.kept.realm) {
            Ok(accounts) => {
                self.accounts = Some(version);
                self.tell(News::Accounts(accounts));
            }
            Err(error) => tracing::error!(%error, "operators"),
        }
    }

    /// A saved file is checked at once and the findings are shown; it is live only where saving is
    /// publishing.
    fn look_at_folder(&mut self) {
        let found = self.kept.dialplans.hash_on_disk();
        if found == self.on_disk {
            return;
        }
        self.on_disk.clone_from(&found);
        self.tell(News::OnDisk(found.clone()));
        if found.as_deref() == Some(self.kept.live.as_str()) {
            return;
        }
        if !self.kept.apply_on_save {
            match self.kept.dialplans.check() {
                Ok(_) => tracing::info!("the saved dialplan is well; `qaynar apply` makes it live"),
                Err(error) => tracing::warn!("the saved dialplan has mistakes:\n{error}"),
            }
            return;
        }
        match self.kept.dialplans.apply(self.kept.clock.now().wall) {
            Ok(loaded) => {
                self.kept.live.clone_from(&loaded.plan.hash);
                let answer = None;
                self.tell(News::Plan { loaded, answer });
            }
            Err(error) => tracing::warn!("NOT LIVE\n{error}"),
        }
    }
}
