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
