//! The journal under everything that disks and power cuts do to it.

#![allow(
    clippy::unwrap_used,
    reason = "a test may stop where its ground is missing"
)]

use std::fs;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use proptest::prelude::*;
use qaynar::event::{Cause, Entry, Event, OperatorState, Side, What};
use qaynar::ids::{CallId, Language};
use qaynar::store::cursor::{Cursor, Found, segments};
use qaynar::store::disk::{Disk, Files, Segment};
use qaynar::store::health::{Health, Part};
use qaynar::store::journal::{Journal, JournalError, Settings};
use qaynar::store::recover::Recovered;
use qaynar::store::signal::Signal;
use qaynar::time::Wall;

fn event(call: u64, what: What) -> Entry {
    Entry::Event(Event {
        at: Wall(1_795_000_000_000_000),
        call: Some(CallId(call)),
        what,
    })
}

fn arrived(call: u64) -> Entry {
    event(
        call,
        What::Arrived {
            caller: Some("C-A1".into()),
            dialled: "116111".into(),
            trunk: "loopback".into(),
            plan: "p1".into(),
            language: Language::Az,
            direction: Default::default(),
            operator: None,
        },
    )
}

fn ended(call: u64) -> Entry {
    event(
        call,
        What::Ended {
            by: Side::Caller,
            cause: Cause::HungUp,
        },
    )
}

fn snapshot(call: u64, sealed: &str) -> Entry {
    Entry::Snapshot {
        call: CallId(call),
        sealed: sealed.to_owned(),
    }
}

/// Small segments, no reserve.
fn settings(folder: &Path) -> Settings {
    Settings {
        segment_size: 2_000,
        reserve: 0,
        keep: 1,
        ..Settings::in_folder(folder)
    }
}

fn open(folder: &Path) -> (Journal, Recovered) {
    Journal::open(settings(folder), 0, Health::logged()).unwrap()
}

fn read(folder: &Path, after: u64) -> (Vec<u64>, Vec<String>) {
    let (mut cursor, mut numbers, mut damage) =
        (Cursor::new(folder, after), Vec::new(), Vec::new());
    while let Some(found) = cursor.advance().unwrap() {
        match found {
            Found::Entry(entry) => numbers.push(entry.sequence),
            Found::Damage(found) => damage.push(found.to_string()),
        }
    }
    (numbers, damage)
}

fn newest(folder: &Path) -> PathBuf {
    let first = *segments(folder).unwrap().last().unwrap();
    folder.join(format!("{first:08}.log"))
}

/// Waits for something that another thread does; no test needs this long.
fn eventually(what: &str, holds: impl Fn() -> bool) {
    let bell = Signal::default();
    for _ in 0..2_000 {
        if holds() {
            return;
        }
        bell.wait(Duration::from_millis(5));
    }
    panic!("never came: {what}");
}

#[test]
fn numbers_go_on_over_restarts_and_segments() {
    let folder = tempfile::tempdir().unwrap();
    for run in 0..5 {
        let (journal, recovered) = open(folder.path());
        assert_eq!(recovered.last, run * 20);
        for call in 0..10 {
            journal.append(&[arrived(run * 10 + call), ended(run * 10 + call)]);
        }
    }
    let (numbers, damage) = read(folder.path(), 0);
    assert_eq!(numbers, (1..=100).collect::<Vec<_>>());
    assert!(damage.is_empty());
    assert!(
        segments(folder.path()).unwrap().len() > 3,
        "small segments follow one another"
    );
    assert_eq!(read(folder.path(), 73).0, (74..=100).collect::<Vec<_>>());
}

#[test]
fn numbers_go_on_above_what_the_database_holds_where_the_journal_was_lost() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(settings(folder.path()), 500, Health::logged()).unwrap();
    assert_eq!(journal.append(&[arrived(1)]), 501);
}

#[test]
fn calls_without_an_end_are_found_with_their_last_snapshot() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = open(folder.path());
    journal.append(&[arrived(1), snapshot(1, "one")]);
    journal.append(&[
        arrived(2),
        snapshot(2, "two"),
        ended(2),
        snapshot(2, "late"),
    ]);
    journal.append(&[arrived(3), snapshot(1, "newer")]);
    drop(journal);
    let (_, recovered) = open(folder.path());
    let found: Vec<_> = recovered
        .calls
        .iter()
        .map(|open| (open.call, open.snapshot.as_deref()))
        .collect();
    assert_eq!(found, [(CallId(1), Some("newer")), (CallId(3), None)]);
    assert!(matches!(
        recovered.calls[0].interrupted(Wall(5)),
        Entry::Event(Event {
            what: What::Ended {
                cause: Cause::Interrupted,
                ..
            },
            ..
        })
    ));
}

#[test]
fn calls_that_ended_in_the_last_moment_are_found_with_their_last_snapshot() {
    let folder = tempfile::tempdir().unwrap();
    let late = |call: u64, seconds: i64| {
        let Entry::Event(mut event) = ended(call) else {
            panic!("an event")
        };
        event.at = Wall(event.at.0 + seconds * 1_000_000);
        Entry::Event(event)
    };
    {
        let (journal, _) = open(folder.path());
        journal.append(&[arrived(1), snapshot(1, "long ago"), late(1, 0)]);
        journal.append(&[arrived(2), snapshot(2, "old"), snapshot(2, "just now")]);
        journal.append(&[late(2, 60), arrived(3), late(3, 61)]);
    }
    let (_, recovered) = open(folder.path());
    let parted = recovered.parted.iter();
    let parted: Vec<_> = parted
        .map(|one| (one.call.0, one.snapshot.as_str()))
        .collect();
    assert_eq!(parted, [(2, "just now")], "the third never had a dialog");
}

#[test]
fn the_journal_tells_what_operators_did_last_where_the_database_is_behind() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = open(folder.path());
    let states = [
        ("101", OperatorState::Free),
        ("102", OperatorState::Free),
        ("101", OperatorState::LoggedOut),
    ];
    for (operator, state) in states {
        let what = What::Operator {
            operator: operator.into(),
            state,
            reason: String::new(),
        };
        journal.append(&[event(1, what)]);
    }
    drop(journal);
    let (_journal, recovered) = open(folder.path());
    let last: Vec<_> = recovered
        .operators
        .iter()
        .map(|(operator, row)| (operator.as_str(), row.state))
        .collect();
    assert_eq!(
        last,
        [
            ("101", OperatorState::LoggedOut),
            ("102", OperatorState::Free)
        ]
    );
}

#[test]
fn a_torn_last_line_is_cut_off_and_the_journal_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = open(folder.path());
    journal.append(&[arrived(1), arrived(2), arrived(3)]);
    drop(journal);
    let path = newest(folder.path());
    let mut bytes = fs::read(&path).unwrap();
    bytes.truncate(bytes.len() - 10);
    bytes.extend_from_slice(&[0; 5_000]);
    fs::write(&path, bytes).unwrap();
    let (journal, recovered) = open(folder.path());
    assert!(recovered.truncated > 5_000);
    assert_eq!(recovered.last, 2);
    assert!(recovered.damage.is_empty(), "a torn end is not damage");
    assert_eq!(journal.append(&[ended(1)]), 3);
    assert_eq!(read(folder.path(), 0), (vec![1, 2, 3], vec![]));
}

#[test]
fn a_damaged_line_is_reported_by_file_and_line_and_skipped() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = open(folder.path());
    journal.append(&[arrived(1), arrived(2), arrived(3)]);
    drop(journal);
    let path = newest(folder.path());
    let text = fs::read_to_string(&path)
        .unwrap()
        .replacen("0000000000002", "0000000000009", 1);
    fs::write(&path, text).unwrap();
    let (_, recovered) = open(folder.path());
    let told = recovered.damage[0].to_string();
    assert!(
        told.contains("00000001.log:2: its checksum does not match"),
        "{told}"
    );
    assert_eq!(read(folder.path(), 0).0, [1, 3]);
}

#[test]
fn rubbish_without_a_newline_does_not_fill_the_memory() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = open(folder.path());
    journal.append(&[arrived(1)]);
    drop(journal);
    let path = newest(folder.path());
    let mut bytes = fs::read(&path).unwrap();
    bytes.extend(std::iter::repeat_n(b'x', 5 << 20));
    bytes.push(b'\n');
    fs::write(&path, bytes).unwrap();
    let (journal, recovered) = open(folder.path());
    assert_eq!(recovered.damage.len(), 1);
    journal.append(&[arrived(2)]);
    assert_eq!(read(folder.path(), 0).0, [1, 2]);
}

#[test]
fn a_reader_follows_while_the_journal_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = open(folder.path());
    let mut cursor = journal.cursor(0);
    for call in 1..=100 {
        assert!(matches!(cursor.advance(), Ok(None)));
        journal.append(&[arrived(call)]);
        let Ok(Some(Found::Entry(entry))) = cursor.advance() else {
            panic!("written, so readable")
        };
        assert_eq!(entry.sequence, call);
    }
}

#[test]
fn segments_stay_while_a_call_in_them_is_open() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = open(folder.path());
    journal.append(&[arrived(1_000)]);
    for call in 1..100 {
        journal.append(&[arrived(call), ended(call)]);
    }
    let before = segments(folder.path()).unwrap().len();
    journal.applied(journal.last());
    assert_eq!(
        segments(folder.path()).unwrap().len(),
        before,
        "call 1000 is not over"
    );
    journal.append(&[ended(1_000)]);
    journal.applied(50);
    let now = segments(folder.path()).unwrap();
    assert!(
        now.len() > 1 && now.len() < before && now[0] <= 51,
        "what is not applied stays"
    );
    journal.applied(journal.last());
    assert_eq!(segments(folder.path()).unwrap().len(), 1);
    drop(journal);
    let (journal, _) = open(folder.path());
    assert_eq!(journal.append(&[arrived(2_000)]), 201);
}

#[test]
fn two_servers_cannot_share_a_journal() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = open(folder.path());
    let second = Journal::open(settings(folder.path()), 0, Health::logged());
    assert!(matches!(second, Err(JournalError::InUse(_))));
    drop(journal);
    open(folder.path());
}

#[test]
fn entries_are_synced_soon() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = open(folder.path());
    let last = journal.append(&[arrived(1)]);
    eventually("the sync", || journal.synced() == last);
}

const CHILD_FOLDER: &str = "QAYNAR_TEST_JOURNAL";

/// Appends without end and tells the number of each entry; run by the test after it.
#[test]
#[ignore = "a part of `an_entry_that_was_acknowledged_survives_kill_9`, which runs it"]
fn child_that_appends() {
    let Ok(folder) = std::env::var(CHILD_FOLDER) else {
        return;
    };
    let (journal, _) = open(Path::new(&folder));
    loop {
        let last = journal.append(&[arrived(1), snapshot(1, "state"), ended(1)]);
        println!("\nwritten {last}");
    }
}

#[test]
fn an_entry_that_was_acknowledged_survives_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    for run in 1..=5 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child_that_appends", "--ignored", "--nocapture"])
            .env(CHILD_FOLDER, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let told =
            lines.filter_map(|line| line.unwrap().strip_prefix("written ")?.parse::<u64>().ok());
        let acknowledged = told.take(200 * run).last().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        let (_, recovered) = open(folder.path());
        assert!(
            recovered.last >= acknowledged,
            "{} < {acknowledged}",
            recovered.last
        );
        assert!(recovered.damage.is_empty());
    }
}

/// A disk with so many free bytes; what the reserve takes, it gives back.
#[derive(Default)]
struct Narrow {
    free: Arc<AtomicU64>,
    reserved: AtomicU64,
    broken: Arc<AtomicBool>,
}

struct NarrowSegment {
    file: Arc<dyn Segment>,
    free: Arc<AtomicU64>,
    broken: Arc<AtomicBool>,
}

impl Disk for Narrow {
    fn open(&self, path: &Path) -> io::Result<Arc<dyn Segment>> {
        let file = Files.open(path)?;
        Ok(Arc::new(NarrowSegment {
            file,
            free: self.free.clone(),
            broken: self.broken.clone(),
        }))
    }

    fn reserve(&self, path: &Path, size: u64) -> io::Result<()> {
        if self.free.load(Ordering::SeqCst) < 2 * size {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.free.fetch_sub(size, Ordering::SeqCst);
        self.reserved.store(size, Ordering::SeqCst);
        fs::write(path, "reserve")
    }

    fn release(&self, path: &Path) -> io::Result<()> {
        self.free
            .fetch_add(self.reserved.swap(0, Ordering::SeqCst), Ordering::SeqCst);
        fs::remove_file(path)
    }
}

impl Segment for NarrowSegment {
    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        if self.broken.load(Ordering::SeqCst) {
            return Err(io::Error::from_raw_os_error(5));
        }
        let free = self.free.load(Ordering::SeqCst);
        if free == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        // As real disks do: the part that fits goes in.
        let count = bytes.len().min(usize::try_from(free).unwrap());
        let written = self.file.write(&bytes[..count])?;
        self.free.fetch_sub(written as u64, Ordering::SeqCst);
        Ok(written)
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.file.truncate(length)
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync()
    }
}

#[test]
fn a_full_disk_costs_the_reserve_then_memory_but_no_entry() {
    let folder = tempfile::tempdir().unwrap();
    let free = Arc::new(AtomicU64::new(8_500));
    let disk = Arc::new(Narrow {
        free: free.clone(),
        ..Narrow::default()
    });
    let health = Health::logged();
    let settings = Settings {
        reserve: 4_000,
        ..settings(folder.path())
    };
    let (journal, _) = Journal::open_on(disk, settings, 0, health.clone()).unwrap();
    eventually("the reserve", || folder.path().join("reserve").exists());
    while !health.report().faults.contains_key(&Part::JournalReserve) {
        journal.append(&[arrived(journal.last() + 1)]);
    }
    assert!(!folder.path().join("reserve").exists());
    assert_eq!(health.report().unwritten, 0, "the reserve made room");
    while health.report().unwritten < 50 {
        journal.append(&[arrived(journal.last() + 1)]);
    }
    let last = journal.last();
    assert!(health.report().faults[&Part::Journal].contains("free some space"));
    free.store(1_000_000, Ordering::SeqCst);
    eventually("the retry", || health.report().unwritten == 0);
    assert!(!health.report().faults.contains_key(&Part::Journal));
    assert_eq!(health.report().lost, 0);
    drop(journal);
    let (numbers, damage) = read(folder.path(), 0);
    assert_eq!(numbers, (1..=last).collect::<Vec<_>>());
    assert!(damage.is_empty(), "{damage:?}");
}

#[test]
fn a_broken_disk_loses_nothing_once_it_works_again() {
    let folder = tempfile::tempdir().unwrap();
    let broken = Arc::new(AtomicBool::new(false));
    let disk = Arc::new(Narrow {
        free: Arc::new(AtomicU64::new(u64::MAX / 2)),
        broken: broken.clone(),
        ..Narrow::default()
    });
    let health = Health::logged();
    let (journal, _) = Journal::open_on(disk, settings(folder.path()), 0, health.clone()).unwrap();
    journal.append(&[arrived(1)]);
    broken.store(true, Ordering::SeqCst);
    journal.append(&[arrived(2), arrived(3)]);
    assert_eq!(health.report().unwritten, 2);
    broken.store(false, Ordering::SeqCst);
    journal.append(&[arrived(4)]);
    assert_eq!(health.report().unwritten, 0);
    assert_eq!(read(folder.path(), 0).0, [1, 2, 3, 4]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_cut_anywhere_loses_the_torn_line_at_most(cut in 0_u64..3_000) {
        let folder = tempfile::tempdir().unwrap();
        let (journal, _) = Journal::open(
            Settings { segment_size: 1 << 20, ..settings(folder.path()) }, 0, Health::logged()).unwrap();
        for call in 1..=15 {
            journal.append(&[arrived(call)]);
        }
        drop(journal);
        let path = newest(folder.path());
        let text = fs::read(&path).unwrap();
        let kept = usize::try_from(cut).unwrap().min(text.len());
        fs::write(&path, &text[..kept]).unwrap();
        // A line whose last byte is there is whole, with or without its newline.
        let whole = text.split_inclusive(|byte| *byte == b'\n').scan(0, |end, line| {
            *end += line.len();
            Some(*end)
        }).filter(|end| kept + 1 >= *end).count() as u64;
        let (journal, recovered) = open(folder.path());
        prop_assert_eq!(recovered.last, whole);
        prop_assert!(recovered.damage.is_empty());
        prop_assert_eq!(journal.append(&[arrived(99)]), whole + 1);
        prop_assert_eq!(read(folder.path(), 0).0, (1..=whole + 1).collect::<Vec<_>>());
    }

    #[test]
    fn flipped_bytes_cost_their_own_lines_only(places in proptest::collection::vec((0_usize..3_000, 1_u8..=255), 1..4)) {
        let folder = tempfile::tempdir().unwrap();
        let (journal, _) = Journal::open(
            Settings { segment_size: 1 << 20, ..settings(folder.path()) }, 0, Health::logged()).unwrap();
        for call in 1..=30 {
            journal.append(&[arrived(call)]);
        }
        drop(journal);
        let path = newest(folder.path());
        let mut bytes = fs::read(&path).unwrap();
        for (place, flip) in &places {
            let place = place % bytes.len();
            bytes[place] ^= flip;
        }
        fs::write(&path, bytes).unwrap();
        let (numbers, _) = read(folder.path(), 0);
        // A newline that is lost joins two lines.
        prop_assert!(numbers.len() + 2 * places.len() >= 30);
        let (journal, _) = open(folder.path());
        journal.append(&[arrived(99)]);
    }
}
