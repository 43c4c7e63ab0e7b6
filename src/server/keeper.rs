//! Reads files and accounts beside the switch's way: signalling never waits for a disk.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::clock::Clock;
use super::control::Answer;
use super::dialplans::{Dialplans, Loaded};
use crate::config::Location;
use crate::dialplan::safety;
use crate::ids::{OperatorId, Pseudonym};
use crate::store::cases::Cases;
use crate::store::health::{Health, Part};
use crate::store::lists::Lists;
use crate::store::operators::Operators;
use crate::store::plans::PlansError;
use crate::switch::{Account, OnList};
use crate::time::Wall;

/// How often accounts and the dialplans' folder are looked at.
const LOOK: Duration = Duration::from_secs(1);
/// How often the live dialplan is followed through the coming year.
const A_DAY: Duration = Duration::from_secs(24 * 3600);
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
    /// Who looks after whose open case, after a change.
    Cases(BTreeMap<Pseudonym, OperatorId>),
    /// All callers on lists, after a change.
    Lists(Vec<OnList>),
    /// Whether the clock is synchronised, after a change.
    Clock(bool),
    /// What is in the dialplans' folder now.
    OnDisk {
        /// Its hash; `None`: it cannot be read.
        hash: Option<String>,
        /// Its mistakes, and what is no mistake and yet not as it should be.
        findings: Vec<String>,
    },
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
    pub database: Location,
    /// The realm of their passwords.
    pub realm: String,
    /// Dates the versions.
    pub clock: Clock,
    /// What is live at the start.
    pub live: Loaded,
    /// Hears of a guard that is broken.
    pub health: Health,
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
                seen: String::new(),
                changing: None,
                guarded: None,
                accounts: None,
                cases: None,
                opened: None,
                lists: None,
                listed: None,
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
    /// The folder when it was looked into last.
    seen: String,
    /// The folder a moment ago, if it has changed since: a file may be half written still.
    changing: Option<String>,
    /// When the guard ran last.
    guarded: Option<Wall>,
    /// Opened again where it could not be opened before.
    operators: Option<Operators>,
    /// The version of the accounts that the switch knows.
    accounts: Option<u64>,
    /// Opened again where it could not be opened before.
    lists: Option<Lists>,
    /// Opened like them.
    cases: Option<Cases>,
    /// The version of the cases that the switch knows.
    opened: Option<u64>,
    /// The version of the lists that the switch knows.
    listed: Option<u64>,
    /// What the switch was told of the clock.
    synchronised: bool,
}

impl Round {
    fn run(mut self, orders: &Receiver<Order>) {
        // What is live came from the folder a moment ago, which may have been saved since: it is looked at as
        // if it had changed.
        self.tell_findings(self.check().as_ref());
        loop {
            self.look_at_clock();
            match orders.recv_timeout(LOOK) {
                Ok(Order::Apply(answer)) => {
                    self.seen = self.kept.dialplans.fingerprint();
                    self.apply(Some(answer));
                }
                Ok(Order::UseVersion(hash, answer)) => {
                    let loaded = self.kept.dialplans.use_version(&hash, self.now());
                    self.publish(loaded, Some(answer));
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.look_at_accounts();
            self.look_at_lists();
            self.look_at_cases();
            self.look_at_folder();
            self.look_ahead();
        }
    }

    fn now(&self) -> Wall {
        self.kept.clock.now().wall
    }

    fn tell(&self, news: News) {
        // The driver is gone when nobody listens; so is this thread soon.
        let _ = self.news.blocking_send(news);
    }

    /// Makes the folder live, if it is well.
    fn apply(&mut self, answer: Option<oneshot::Sender<Answer>>) {
        let loaded = self.kept.dialplans.apply(self.now());
        // First: whoever asks for the status after the answer is told of the folder as it is now.
        self.tell_findings(loaded.as_ref());
        self.publish(loaded, answer);
    }

    fn publish(
        &mut self,
        loaded: Result<Loaded, PlansError>,
        answer: Option<oneshot::Sender<Answer>>,
    ) {
        match loaded {
            Ok(loaded) => {
                self.kept.live = loaded.clone();
                self.guarded = None;
                self.tell(News::Plan { loaded, answer });
            }
            Err(error) => {
                let text = format!("NOT LIVE\n{error}");
                match answer {
                    Some(answer) => {
                        let _ = answer.send(refusal(text));
                    }
                    None => tracing::warn!("{text}"),
                }
            }
        }
    }

    fn tell_findings(&self, found: Result<&Loaded, &PlansError>) {
        let findings = match found {
            Ok(loaded) => loaded.warnings.clone(),
            Err(PlansError::Faulty(faults)) => faults.iter().map(ToString::to_string).collect(),
            Err(other) => vec![other.to_string()],
        };
        let hash = self.kept.dialplans.hash_on_disk();
        self.tell(News::OnDisk { hash, findings });
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
        let Some(operators) = &mut self.operators else {
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

    fn look_at_lists(&mut self) {
        if self.lists.is_none() {
            self.lists = Lists::open(&self.kept.database).ok();
        }
        let now = self.now();
        let Some(lists) = &mut self.lists else { return };
        let Ok(version) = lists.version() else { return };
        if self.listed == Some(version) {
            return;
        }
        match lists.all(now) {
            Ok(all) => {
                self.listed = Some(version);
                let all = all.into_iter().map(|one| one.listed).collect();
                self.tell(News::Lists(all));
            }
            Err(error) => tracing::error!(%error, "lists of callers"),
        }
    }

    fn look_at_cases(&mut self) {
        if self.cases.is_none() {
            self.cases = Cases::open(&self.kept.database).ok();
        }
        let Some(cases) = &mut self.cases else { return };
        let Ok(version) = cases.version() else { return };
        if self.opened == Some(version) {
            return;
        }
        match cases.open_ones() {
            Ok(all) => {
                self.opened = Some(version);
                let all = all.into_iter().map(|case| (case.caller, case.owner));
                self.tell(News::Cases(all.collect()));
            }
            Err(error) => tracing::error!(%error, "open cases"),
        }
    }

    /// A saved file is checked as soon as nobody writes it any more, and the findings are shown; it is live
    /// only where saving is publishing.
    fn look_at_folder(&mut self) {
        let found = self.kept.dialplans.fingerprint();
        if found == self.seen {
            self.changing = None;
            return;
        }
        if self.changing.as_ref() != Some(&found) {
            self.changing = Some(found);
            return;
        }
        self.seen = found;
        self.changing = None;
        let is_live =
            self.kept.dialplans.hash_on_disk().as_ref() == Some(&self.kept.live.plan.hash);
        if self.kept.apply_on_save && !is_live {
            return self.apply(None);
        }
        let found = self.check();
        match &found {
            Ok(_) if is_live => {}
            Ok(loaded) => {
                tracing::info!("the saved dialplan is well; `qaynar apply` makes it live");
                for warning in &loaded.warnings {
                    tracing::warn!("{warning}");
                }
            }
            Err(error) => tracing::warn!("the saved dialplan has mistakes:\n{error}"),
        }
        self.tell_findings(found.as_ref());
    }

    fn check(&self) -> Result<Loaded, PlansError> {
        let checked = self.kept.dialplans.check(self.now());
        checked.map(|(loaded, _)| loaded)
    }

    /// What was safe for a year when it was applied is looked at again each day.
    fn look_ahead(&mut self) {
        let now = self.now();
        if self.guarded.is_some_and(|last| now.since(last) < A_DAY) {
            return;
        }
        self.guarded = Some(now);
        let faults = safety::check(&self.kept.live.plan, &self.kept.live.lengths, now);
        if faults.is_empty() {
            return self.kept.health.well(Part::Guard);
        }
        let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
        self.kept.health.fault(Part::Guard, faults.join("\n"));
    }
}
