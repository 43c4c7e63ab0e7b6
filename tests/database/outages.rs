//! Processes that are killed and databases that go away: afterwards each call has exactly one record.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use qaynar::config::Location;
use qaynar::event::{Cause, Entry};
use qaynar::store::calls::calls;
use qaynar::store::health::{Health, Part};
use qaynar::store::journal::Journal;
use qaynar::store::verify::verify;
use qaynar::store::writer::Writer;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use crate::events::{arrived, course, journal, second};
use crate::eventually;
use crate::postgres::Postgres;

const FOLDER: &str = "QAYNAR_TEST_FOLDER";
const DATABASE: &str = "QAYNAR_TEST_DATABASE";
const ROUND: &str = "QAYNAR_TEST_ROUND";

/// Opens journal and database as a server does; calls that were going on have ended.
fn open(folder: &Path, database: &Location, round: u64) -> (Journal, Writer, Health) {
    let health = Health::logged();
    let (journal, recovered) = journal(folder, &health);
    let interrupted = recovered.calls.iter();
    let entries: Vec<Entry> = interrupted
        .map(|open| open.interrupted(second(round * 1_000)))
        .collect();
    journal.append(&entries);
    let writer = Writer::start(database, &journal, &health).unwrap();
    (journal, writer, health)
}

#[test]
#[ignore = "a part of the tests below, which run it"]
fn child_that_takes_calls() {
    let folder = PathBuf::from(std::env::var_os(FOLDER).unwrap());
    let database = Location::read(&std::env::var(DATABASE).unwrap(), Path::new("/")).unwrap();
    let round: u64 = std::env::var(ROUND).unwrap().parse().unwrap();
    let (journal, _writer, _) = open(&folder, &database, round);
    let mut waiting: Vec<Vec<Entry>> = Vec::new();
    for number in round * 100_000.. {
        journal.append(&[arrived(number)]);
        // What a 200 OK would be: from here on the caller may rely on being on record.
        println!("took {number}");
        waiting.push(course(number));
        // Some calls go on at once, and each batch has events of several.
        let batch: Vec<Entry> = waiting.iter_mut().map(|course| course.remove(0)).collect();
        journal.append(&batch);
        waiting.retain(|course| !course.is_empty());
    }
}

/// Kills the process that takes calls after some of them, so many times; tells which calls were taken.
fn kill(folder: &Path, url: &str, times: u64, dice: &mut ChaCha8Rng) -> BTreeSet<u64> {
    let mut taken = BTreeSet::new();
    for round in 1..=times {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "outages::child_that_takes_calls",
                "--exact",
                "--ignored",
                "--nocapture",
            ])
            .env(FOLDER, folder)
            .env(DATABASE, url)
            .env(ROUND, round.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut left = dice.next_u32() % 60;
        // What was said before the end counts, although it is read after it.
        for line in lines {
            let line = line.unwrap();
            if let Some((_, number)) = line.split_once("took ") {
                taken.insert(number.parse().unwrap());
                if left == 0 {
                    child.kill().unwrap();
                }
                left = left.wrapping_sub(1);
            }
        }
        child.wait().unwrap();
    }
    taken
}

/// Each call that was taken has one record, ended once; nothing differs.
fn reconcile(folder: &Path, database: &Location, taken: &BTreeSet<u64>) {
    let (journal, writer, _) = open(folder, database, 1_000_000);
    eventually("the database holds the journal", || {
        writer.applied() == journal.last()
    });
    let path = folder.join("journal");
    let found = verify(database, &path, 0).unwrap();
    assert_eq!(found.differences, []);
    assert_eq!((found.open, found.without_events), (0, 0));
    let records = calls(database, &path, None, None, usize::MAX >> 1).unwrap();
    assert_eq!(found.same_records, records.len() as u64);
    let recorded: BTreeSet<u64> = records.iter().map(|one| one.call.0).collect();
    assert_eq!(recorded.len(), records.len());
    let lost: Vec<&u64> = taken.difference(&recorded).collect();
    assert!(lost.is_empty(), "{lost:?}");
    // A call may have been written down in the very moment in which nobody could be told any more.
    assert!(recorded.len() <= taken.len() + 1_000);
    for one in &records {
        assert!(matches!(
            one.cause,
            Some(Cause::HungUp | Cause::Interrupted)
        ));
    }
}

#[test]
fn a_server_that_is_killed_two_hundred_times_loses_no_call() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("qaynar.db").display());
    let mut dice = ChaCha8Rng::seed_from_u64(4);
    let taken = kill(folder.path(), &url, 200, &mut dice);
    assert!(taken.len() > 2_000, "{}", taken.len());
    let database = Location::read(&url, Path::new("/")).unwrap();
    reconcile(folder.path(), &database, &taken);
}

#[test]
fn with_postgresql_a_server_that_is_killed_loses_no_call() {
    let server = Postgres::start();
    let folder = tempfile::tempdir().unwrap();
    let mut dice = ChaCha8Rng::seed_from_u64(5);
    let taken = kill(folder.path(), &server.url(), 40, &mut dice);
    reconcile(folder.path(), &server.location(), &taken);
}

#[test]
fn while_postgresql_is_stopped_calls_go_on_and_afterwards_each_is_there() {
    let mut server = Postgres::start();
    let folder = tempfile::tempdir().unwrap();
    let (journal, writer, health) = open(folder.path(), &server.location(), 1);
    let take = |numbers: std::ops::Range<u64>| {
        for number in numbers.clone() {
            journal.append(&[arrived(number)]);
            journal.append(&course(number));
        }
        numbers
    };
    let mut taken: BTreeSet<u64> = take(0..500).collect();
    for outage in 1..=3 {
        server.stop();
        taken.extend(take(outage * 1_000..outage * 1_000 + 700));
        eventually("an alarm", || {
            health.report().faults.contains_key(&Part::Database)
        });
        assert!(writer.applied() < journal.last());
        taken.extend(take(outage * 1_000 + 700..outage * 1_000 + 900));
        server.again();
        taken.extend(take(outage * 1_000 + 900..outage * 1_000 + 999));
        eventually("the database holds the journal", || {
            writer.applied() == journal.last()
        });
        eventually("the alarm is over", || {
            !health.report().faults.contains_key(&Part::Database)
        });
    }
    drop((writer, journal));
    reconcile(folder.path(), &server.location(), &taken);
}
