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
            for (sequence, event) in events {
                states::note(sql, sequence, event)?;
                messages::note(sql, event)?;
                let stored = |call| match changed.get(&call) {
                    Some(record) => Ok(Some(record.clone())),
                    None => rows::one(sql, call),
                };
                if let Some(record) = fold(builder, event, stored)? {
                    changed.insert(record.call, record);
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
        Entry::Snapshot { .. } => None,
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
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;
    use crate::event::{Cause, OperatorState, Side};
    use crate::records::build::samples::{arrived, call, event, folded};
    use crate::store::database::Reader;
    use crate::store::journal::Settings;
    use crate::time::Wall;
    use std::path::Path;

    struct Bench {
        folder: tempfile::TempDir,
        journal: Journal,
        health: Health,
    }

    impl Bench {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let health = Health::logged();
            let journal = open(folder.path(), &health);
            Self {
                folder,
                journal,
                health,
            }
        }

        fn path(&self) -> PathBuf {
            self.folder.path().join("qaynar.db")
        }

        fn at(&self) -> Location {
            self.path().into()
        }

        fn open(&self) -> Sql {
            Sql::open(&self.at()).unwrap()
        }

        fn start(&self) -> Writer {
            Writer::start(&self.at(), &self.journal, &self.health).unwrap()
        }

        fn append(&self, events: Vec<Event>) {
            let entries: Vec<Entry> = events.into_iter().map(Entry::Event).collect();
            self.journal.append(&entries);
        }

        fn reader(&self) -> Reader {
            Reader::open(&self.at()).unwrap()
        }

        fn caught_up(&self, writer: &Writer) {
            eventually(|| writer.applied() == self.journal.last());
        }
    }

    fn open(folder: &Path, health: &Health) -> Journal {
        let settings = Settings {
            reserve: 0,
            segment_size: 4_000,
            ..Settings::in_folder(&folder.join("journal"))
        };
        Journal::open(settings, 0, health.clone()).unwrap().0
    }

    fn eventually(holds: impl Fn() -> bool) {
        let bell = Signal::default();
        for _ in 0..3_000 {
            if holds() {
                return;
            }
            bell.wait(Duration::from_millis(10));
        }
        panic!("never came");
    }

    #[test]
    fn calls_and_their_timelines_reach_the_database() {
        let bench = Bench::new();
        let writer = bench.start();
        bench.append(call(7, 1_000));
        bench.append(call(8, 2_000));
        bench.caught_up(&writer);
        let mut reader = bench.reader();
        assert_eq!(
            reader.calls(None, None, 10).unwrap(),
            [folded(&call(7, 1_000)), folded(&call(8, 2_000))]
        );
        let second = Wall(2_000_000_000);
        assert_eq!(reader.calls(None, Some(second), 10).unwrap().len(), 1);
        assert_eq!(
            reader.calls(Some(second), None, 10).unwrap()[0].call,
            CallId(8)
        );
        assert_eq!(
            reader.calls(None, None, 1).unwrap()[0].call,
            CallId(8),
            "the latest"
        );
        let timeline: Vec<Event> = reader
            .timeline(CallId(8))
            .unwrap()
            .into_iter()
            .map(|(_, event)| event)
            .collect();
        assert_eq!(timeline, call(8, 2_000));
    }

    #[test]
    fn a_call_that_lasts_over_a_restart_keeps_its_record() {
        let bench = Bench::new();
        let events = call(7, 1_000);
        let writer = bench.start();
        bench.append(events[..4].to_vec());
        bench.caught_up(&writer);
        drop(writer);
        assert_eq!(bench.reader().unended(10).unwrap().len(), 1);
        bench.append(events[4..].to_vec());
        let writer = bench.start();
        bench.caught_up(&writer);
        assert_eq!(
            bench.reader().calls(None, None, 10).unwrap(),
            [folded(&events)]
        );
        assert_eq!(bench.reader().unended(10).unwrap(), []);
    }

    #[test]
    fn the_whole_journal_applied_twice_changes_nothing() {
        let bench = Bench::new();
        bench.append(call(7, 1_000));
        drop(bench.start());
        let before = (
            bench.reader().calls(None, None, 10).unwrap(),
            bench.reader().timeline(CallId(7)).unwrap(),
        );
        bench.open().execute("DELETE FROM meta", &[]).unwrap();
        drop(bench.start());
        let after = (
            bench.reader().calls(None, None, 10).unwrap(),
            bench.reader().timeline(CallId(7)).unwrap(),
        );
        assert_eq!(after, before);
        assert_eq!(after.1.len(), 9);
    }

    #[test]
    fn stopping_writes_what_is_left() {
        let bench = Bench::new();
        let writer = bench.start();
        bench.append(call(7, 1_000));
        drop(writer);
        assert_eq!(bench.reader().checkpoint().unwrap(), bench.journal.last());
    }

    #[test]
    fn a_locked_database_is_an_alarm_and_is_made_good() {
        let bench = Bench::new();
        let writer = bench.start();
        bench.append(call(7, 1_000));
        bench.caught_up(&writer);
        let mut other = bench.open();
        other.control("BEGIN IMMEDIATE").unwrap();
        bench.append(call(8, 2_000));
        eventually(|| bench.health.report().faults.contains_key(&Part::Database));
        let told = bench.health.report().faults[&Part::Database].clone();
        assert!(told.contains("another program has it locked"), "{told}");
        other.control("COMMIT").unwrap();
        bench.caught_up(&writer);
        eventually(|| bench.health.report().faults.is_empty());
        assert_eq!(bench.reader().calls(None, None, 10).unwrap().len(), 2);
    }

    #[test]
    fn a_read_only_database_is_an_alarm_and_is_made_good() {
        let bench = Bench::new();
        drop(bench.start());
        let writable = Arc::new(AtomicBool::new(false));
        let now = writable.clone();
        // Rights do not bind the superuser, so the connection itself is made to refuse.
        let open: Opener = Box::new(move |at| match now.load(Ordering::SeqCst) {
            true => Sql::open(at),
            false => Sql::open_to_read(at),
        });
        let writer = Writer::start_with(open, &bench.at(), &bench.journal, &bench.health).unwrap();
        bench.append(call(7, 1_000));
        eventually(|| bench.health.report().faults.contains_key(&Part::Database));
        let told = bench.health.report().faults[&Part::Database].clone();
        assert!(told.contains("the right to write"), "{told}");
        writable.store(true, Ordering::SeqCst);
        bench.caught_up(&writer);
        assert_eq!(bench.reader().calls(None, None, 10).unwrap().len(), 1);
    }

    #[test]
    fn a_damaged_database_is_an_alarm_and_a_restored_one_catches_up() {
        let bench = Bench::new();
        std::fs::write(
            bench.path(),
            "this is no database, however long it may be. ".repeat(100),
        )
        .unwrap();
        let writer = bench.start();
        bench.append(call(7, 1_000));
        eventually(|| bench.health.report().faults.contains_key(&Part::Database));
        std::fs::remove_file(bench.path()).unwrap();
        bench.caught_up(&writer);
        assert_eq!(
            bench.reader().calls(None, None, 10).unwrap(),
            [folded(&call(7, 1_000))]
        );
    }

    #[test]
    fn operators_and_their_phones_are_found_again() {
        let bench = Bench::new();
        let writer = bench.start();
        let state = |state| What::Operator {
            operator: "101".into(),
            state,
            reason: "paused: lunch".into(),
        };
        let at = |moment, what| Event {
            at: Wall(moment),
            call: None,
            what,
        };
        bench.append(vec![
            at(1, state(OperatorState::Free)),
            at(2, state(OperatorState::Paused)),
        ]);
        let row = |contact: &str| BindingRow {
            operator: "101".into(),
            contact: contact.into(),
            body: "{}".into(),
            expires: Wall(9),
        };
        writer.bindings("101".into(), vec![row("one"), row("two")]);
        writer.bindings("101".into(), vec![row("two")]);
        let ban = |user: &str| BanRow {
            source: "192.0.2.66".into(),
            user: user.into(),
            until: Wall(9),
            body: "{}".into(),
        };
        writer.ban(ban("101"));
        writer.ban(ban(""));
        writer.lift("192.0.2.66".into(), "101".into());
        drop(writer);
        let mut reader = bench.reader();
        assert_eq!(reader.bindings().unwrap(), [row("two")]);
        assert_eq!(reader.bans().unwrap(), [ban("")]);
        assert_eq!(
            reader.operator_states().unwrap(),
            [states::StateRow {
                operator: "101".into(),
                state: OperatorState::Paused,
                at: Wall(2),
                reason: "paused: lunch".into(),
            }]
        );
    }

    #[test]
    fn a_call_whose_arrival_was_lost_stops_nothing() {
        let bench = Bench::new();
        let writer = bench.start();
        bench.append(vec![event(5, 6, What::Answered), event(6, 7, arrived())]);
        bench.caught_up(&writer);
        assert_eq!(bench.reader().calls(None, None, 10).unwrap().len(), 1);
        assert_eq!(bench.reader().timeline(CallId(6)).unwrap().len(), 1);
    }

    #[test]
    fn ten_thousand_events_pass_and_old_segments_go() {
        let bench = Bench::new();
        let writer = bench.start();
        for id in 0..1_250 {
            bench.append(call(id, 1_000));
        }
        bench.caught_up(&writer);
        let mut reader = bench.reader();
        assert_eq!(reader.calls(None, None, usize::MAX).unwrap().len(), 1_250);
        let ended = (Some(Side::Caller), Some(Cause::HungUp));
        let records = reader.calls(None, None, 1).unwrap();
        assert_eq!((records[0].ended_by, records[0].cause), ended);
        let folder = bench.folder.path().join("journal");
        eventually(|| crate::store::cursor::segments(&folder).unwrap().len() <= 4);
    }

    #[test]
    fn commands_see_what_the_database_does_not_hold_yet() {
        let bench = Bench::new();
        let events = call(7, 1_000);
        bench.append(events[..4].to_vec());
        let folder = bench.folder.path().join("journal");
        let calls = || crate::store::calls::calls(&bench.at(), &folder, None, None, 10).unwrap();
        assert_eq!(calls().len(), 1, "from the journal alone");
        drop(bench.start());
        bench.append(events[4..].to_vec());
        assert_eq!(calls(), [folded(&events)], "from both");
    }
}
