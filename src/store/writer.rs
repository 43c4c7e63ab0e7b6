//! The thread that carries the journal into the database.
//!
//! The journal is its queue: it reads on from the last entry that the tables hold, so live
//! operation, catching up at the start and catching up after an outage are one and the same. Rows and
//! checkpoint are committed together; whatever fails, it begins again from the checkpoint.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::bans::{self, BanRow};
use super::bindings::{self, BindingRow};
use super::cursor::{Cursor, Damage, Found};
use super::database::CHECKPOINT;
use super::health::{Health, Part};
use super::journal::Journal;
use super::line::Numbered;
use super::messages;
use super::numbers;
use super::opening;
use super::renamed;
use super::rows;
use super::signal::Signal;
use super::sql::Sql;
use super::states;
use super::trouble::DatabaseError;
use crate::config::Location;
use crate::event::{CallRecord, Entry, Event, What};
use crate::ids::{CallId, OperatorId};
use crate::records::{Applied, Builder};

/// The most entries of one commit.
const BATCH: usize = 2_000;

/// How long entries gather before they are committed together.
const GATHER: Duration = Duration::from_millis(20);

/// How long the thread sleeps when nobody rings.
const IDLE: Duration = Duration::from_secs(5);

/// How soon a failed commit is tried again at first; doubled up to [`MAX_BACK_OFF`].
const BACK_OFF: Duration = Duration::from_millis(100);

/// The longest wait before the next try: an outage that ends is noticed within it.
const MAX_BACK_OFF: Duration = Duration::from_secs(5);

/// The most operators whose contacts, and the most bans that wait to be written.
const MAX_PENDING: usize = 10_000;

type Opener = Box<dyn Fn(&Location) -> Result<Sql, DatabaseError> + Send>;

/// Why nothing could be committed.
#[derive(Debug, thiserror::Error)]
enum Hindrance {
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error("the journal cannot be read: {0}; check its disk and that this user may read it")]
    Journal(#[from] io::Error),
}

/// Writes the database until dropped. Clones are one.
#[derive(Clone)]
pub struct Writer {
    owner: Arc<Owner>,
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer")
            .field("applied", &self.applied())
            .finish_non_exhaustive()
    }
}

impl Writer {
    /// Starts the thread. A database that cannot be used is an alarm, and is tried again; it is
    /// never a reason not to answer calls.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(at: &Location, journal: &Journal, health: &Health) -> io::Result<Self> {
        Self::start_with(Box::new(Sql::open), at, journal, health)
    }

    fn start_with(
        open: Opener,
        at: &Location,
        journal: &Journal,
        health: &Health,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        journal.subscribe(shared.signal.clone());
        let work = Work {
            open,
            at: at.clone(),
            journal: journal.clone(),
            health: health.clone(),
            shared: shared.clone(),
            builder: Builder::default(),
            place: None,
            reported: None,
        };
        shared.signal.ring();
        let thread = std::thread::Builder::new()
            .name("database".into())
            .spawn(move || work.run())?;
        Ok(Self {
            owner: Arc::new(Owner {
                shared,
                thread: Some(thread),
            }),
        })
    }

    /// Keeps these contacts in the place of all that the operator had.
    pub fn bindings(&self, operator: OperatorId, contacts: Vec<BindingRow>) {
        let shared = &self.owner.shared;
        let mut state = shared.lock();
        // Only registered operators get here, and beyond this many the phones register again anyway.
        let waiting = &mut state.pending.bindings;
        if waiting.len() < MAX_PENDING || waiting.contains_key(&operator) {
            waiting.insert(operator, contacts);
            drop(state);
            shared.signal.ring();
        }
    }

    /// Keeps a ban. Beyond as many as may wait, it holds until the next start alone.
    pub fn ban(&self, ban: BanRow) {
        self.change_ban((ban.source.clone(), ban.user.clone()), Some(ban));
    }

    /// Forgets a ban.
    pub fn lift(&self, source: String, user: String) {
        self.change_ban((source, user), None);
    }

    fn change_ban(&self, who: bans::Who, ban: Option<BanRow>) {
        let shared = &self.owner.shared;
        let mut state = shared.lock();
        if state.pending.bans.len() < MAX_PENDING || state.pending.bans.contains_key(&who) {
            state.pending.bans.insert(who, ban);
            drop(state);
            shared.signal.ring();
        }
    }

    /// The number of the last journal entry that was committed, as far as this run knows.
    pub fn applied(&self) -> u64 {
        self.owner.shared.lock().applied
    }
}

#[derive(Default)]
struct Shared {
    signal: Arc<Signal>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    applied: u64,
    pending: Pending,
}

/// What is kept beside the journal, the latest of each.
#[derive(Default)]
struct Pending {
    bindings: BTreeMap<OperatorId, Vec<BindingRow>>,
    bans: BTreeMap<bans::Who, Option<BanRow>>,
}

impl Pending {
    fn is_empty(&self) -> bool {
        self.bindings.is_empty() && self.bans.is_empty()
    }

    /// What could not be written waits again; what came in meanwhile is newer.
    fn put_back(&mut self, older: Self) {
        for (operator, contacts) in older.bindings {
            self.bindings.entry(operator).or_insert(contacts);
        }
        for (who, ban) in older.bans {
            self.bans.entry(who).or_insert(ban);
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Owner {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.shared.signal.stop();
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was already printed.
            let _ = thread.join();
        }
    }
}

/// An open database and the place in the journal that belongs to it.
struct Place {
    sql: Sql,
    cursor: Cursor,
}

struct Work {
    open: Opener,
    at: Location,
    journal: Journal,
    health: Health,
    shared: Arc<Shared>,
    builder: Builder,
    place: Option<Place>,
    reported: Option<(PathBuf, u64)>,
}

impl Work {
    fn run(mut self) {
        let mut back_off = BACK_OFF;
        let mut more = false;
        loop {
            if !more && self.shared.signal.wait(IDLE) {
                self.shared.signal.pause(GATHER);
            }
            let stopped = self.shared.signal.stopped();
            match self.round() {
                Ok(full) => {
                    self.health.well(Part::Database);
                    back_off = BACK_OFF;
                    more = full;
                }
                Err(fault) => {
                    self.place = None;
                    self.builder.clear();
                    let text =
                        format!("{fault}. Calls go on, the journal keeps their records until then");
                    self.health.fault(Part::Database, text);
                    if stopped {
                        return;
                    }
                    self.shared.signal.pause(back_off);
                    back_off = (back_off * 2).min(MAX_BACK_OFF);
                    more = true;
                }
            }
            if stopped && !more {
                return;
            }
        }
    }

    /// One commit; tells whether there may be more to do at once.
    fn round(&mut self) -> Result<bool, Hindrance> {
        let mut place = match self.place.take() {
            Some(place) => place,
            None => self.enter()?,
        };
        let (batch, full) = self.read(&mut place.cursor)?;
        let pending = std::mem::take(&mut self.shared.lock().pending);
        if batch.is_empty() && pending.is_empty() {
            self.place = Some(place);
            return Ok(full);
        }
        let committed = self.commit(&mut place.sql, &batch, &pending);
        if let Err(fault) = committed {
            self.shared.lock().pending.put_back(pending);
            return Err(fault.into());
        }
        if let Some(last) = batch.last() {
            self.shared.lock().applied = last.sequence;
            self.journal.applied(last.sequence);
        }
        self.place = Some(place);
        Ok(full)
    }

    fn enter(&mut self) -> Result<Place, Hindrance> {
        let mut sql = (self.open)(&self.at)?;
        let applied = rows::meta(&mut sql, CHECKPOINT)?.unwrap_or_default();
        self.builder.clear();
        self.shared.lock().applied = applied;
        Ok(Place {
            sql,
            cursor: self.journal.cursor(applied),
        })
    }

    fn read(&mut self, cursor: &mut Cursor) -> io::Result<(Vec<Numbered>, bool)> {
        let mut batch = Vec::new();
        while batch.len() < BATCH {
            match cursor.advance()? {
                Some(Found::Entry(entry)) => batch.push(entry),
                Some(Found::Damage(damage)) => self.report(damage),
                None => return Ok((batch, false)),
            }
        }
        Ok((batch, true))
    }

    fn report(&mut self, damage: Damage) {
        let at = Some((damage.path.clone(), damage.line));
        if at > self.reported {
            tracing::warn!("{damage}");
            self.reported = at;
        }
    }

    fn commit(
        &mut self,
        sql: &mut Sql,
        batch: &[Numbered],
        pending: &Pending,
    ) -> Result<(), DatabaseError> {
        let events: Vec<(u64, &Event)> = batch.iter().filter_map(event).collect();
        let builder = &mut self.builder;
        sql.transaction(|sql| {
            let mut changed: BTreeMap<CallId, CallRecord> = BTreeMap::new();
            rows::insert_events(sql, events.iter().copied())?;
            for numbered in batch {
                numbers::note(sql, &numbered.entry)?;
            }
            for (sequence, event) in events {
                states::note(sql, sequence, event)?;
                messages::note(sql, event)?;
                if let What::Renamed { .. } = event.what {
                    // What is held by the former name is stored first, and read again by the new one.
                    for record in std::mem::take(&mut changed).values() {
                        rows::upsert(sql, record)?;
                    }
                    renamed::note(sql, event)?;
                    builder.clear();
                }
                let stored = |call| match changed.get(&call) {
                    Some(record) => Ok(Some(record.clone())),
                    None => rows::one(sql, call),
                };
                if let Some(record) = fold(builder, event, stored)? {
                    changed.insert(record.call, record);
                }
                let record = event.call.and_then(|call| builder.record(call));
                if let Some(record) = record {
                    opening::note(sql, event, record)?;
                }
            }
            for record in changed.values() {
                rows::upsert(sql, record)?;
            }
            for (operator, contacts) in &pending.bindings {
                bindings::replace(sql, operator, contacts)?;
            }
            for (who, ban) in &pending.bans {
                bans::change(sql, who, ban.as_ref())?;
            }
            match batch.last() {
                Some(last) => rows::set_meta(sql, CHECKPOINT, last.sequence),
                None => Ok(()),
            }
        })
    }
}

fn event(numbered: &Numbered) -> Option<(u64, &Event)> {
    match &numbered.entry {
        Entry::Event(event) => Some((numbered.sequence, event)),
        Entry::Snapshot { .. } | Entry::Number { .. } => None,
    }
}

/// Applies an event to the records; one that is not held is looked up with `stored` first. Gives the
/// record where it changed.
pub(crate) fn fold<E>(
    builder: &mut Builder,
    event: &Event,
    stored: impl FnOnce(CallId) -> Result<Option<CallRecord>, E>,
) -> Result<Option<CallRecord>, E> {
    let call = match (builder.apply(event), &event.what) {
        // An arrival that is applied again, after a checkpoint was lost, must not begin a new record.
        (Applied::Changed(record), What::Arrived { .. }) => record.call,
        (Applied::Changed(record), _) => return Ok(Some(record.clone())),
        (Applied::Unchanged, _) => return Ok(None),
        (Applied::Unknown(call), _) => call,
    };
    match stored(call)? {
        Some(record) => {
            builder.resume(record);
            match builder.apply(event) {
                Applied::Changed(record) => Ok(Some(record.clone())),
                _ => Ok(None),
            }
        }
        // Without its arrival, which was on a damaged line, a call has no record; its timeline stands.
        None => Ok(builder.record(call).cloned()),
    }
}

#[cfg(test)]
mod tests;
