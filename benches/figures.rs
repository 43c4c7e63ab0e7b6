//! Figures over a million calls: how long it takes, from memory and from the database.
//! `cargo bench --bench figures`; fewer calls: `QAYNAR_CALLS=100000 cargo bench --bench figures`

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

use jiff::tz::TimeZone;
use qaynar::event::{CallRecord, Cause, Direction, Quality};
use qaynar::ids::{CallId, Language};
use qaynar::report::figures::{Basis, Calendar, Rules, Tally};
use qaynar::store::calls::each_without_media;
use qaynar::store::sql::Sql;
use qaynar::time::Wall;

/// 2021-01-01 00:00 in Baku.
const BEGIN: i64 = 1_609_444_800_000_000;
const SECOND: i64 = 1_000_000;

/// One of a stream that repeats itself after some thousand calls.
fn record(number: u64) -> CallRecord {
    let mixed = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20;
    let pick = |of: u64, shift: u32| i64::try_from((mixed >> shift) % of).unwrap_or_default();
    let arrived = BEGIN + i64::try_from(number).unwrap_or_default() * 60 * SECOND;
    let later = |seconds: i64| Some(Wall(arrived + seconds * SECOND));
    let (wait, talk) = (pick(90, 3), 30 + pick(900, 7));
    let answered = pick(10, 11) < 8;
    CallRecord {
        call: CallId(number << 22),
        caller: (pick(10, 17) > 0).then(|| format!("C-{:010}", mixed % 400_000).as_str().into()),
        dialled: "116111".into(),
        trunk: ["azercell", "bakcell"][usize::from(answered)].into(),
        direction: Direction::In,
        queue: Some(["children", "psychology"][usize::from(wait > 45)].into()),
        operator: answered.then(|| format!("2{:02}", pick(12, 23)).as_str().into()),
        language: Language::Az,
        plan: "0123456789abcdef".into(),
        arrived: Wall(arrived),
        answered: later(0),
        queued: later(1),
        rung: later(1),
        connected: later(1 + wait).filter(|_| answered),
        ended: later(1 + wait + if answered { talk } else { 0 }),
        held: Duration::ZERO,
        shut: None,
        ended_by: None,
        cause: Some(if answered {
            Cause::HungUp
        } else {
            Cause::Abandoned
        }),
        caller_quality: None,
        operator_quality: None,
    }
}

#[allow(clippy::disallowed_methods, reason = "a measurement reads the clock")]
fn main() {
    let calls: u64 = std::env::var("QAYNAR_CALLS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(1_000_000);
    let zone = TimeZone::get("Asia/Baku").unwrap_or(TimeZone::UTC);
    let basis = Basis {
        rules: Rules::default(),
        calendar: Calendar::new(zone),
        asked_back: BTreeSet::new(),
    };
    let records: Vec<CallRecord> = (0..calls).map(record).collect();
    let begun = Instant::now();
    let mut tally = Tally::new(&basis);
    records.iter().for_each(|record| tally.add(record));
    let from_memory = tally.finish(BTreeMap::new());
    println!(
        "{calls} calls in memory: {:.2} s",
        begun.elapsed().as_secs_f64()
    );

    let folder = tempfile::tempdir().expect("a temporary folder");
    let (path, journal) = (
        folder.path().join("qaynar.db"),
        folder.path().join("journal"),
    );
    std::fs::create_dir(&journal).expect("a folder for the journal");
    fill(&path, &records);
    drop(records);
    let begun = Instant::now();
    let mut tally = Tally::new(&basis);
    each_without_media(&path.into(), &journal, None, None, |record| {
        tally.add(&record)
    })
    .expect("a database that was just written");
    let from_database = tally.finish(BTreeMap::new());
    println!(
        "{calls} calls in the database: {:.2} s",
        begun.elapsed().as_secs_f64()
    );
    assert_eq!(from_memory, from_database);
}

/// Writes the records into new tables, in one transaction.
fn fill(path: &Path, records: &[CallRecord]) {
    drop(Sql::open(&path.to_owned().into()).expect("a new database"));
    let mut connection = rusqlite::Connection::open(path).expect("it is there");
    let all = connection.transaction().expect("a transaction");
    let insertion = "INSERT INTO calls (call, caller, dialled, trunk, queue, operator, language, plan, arrived, \
                     answered, queued, rung, connected, ended, cause, caller_quality, operator_quality) \
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'az', ?7, ?8, ?8, ?9, ?9, ?10, ?11, ?12, ?13, ?13)";
    let quality = serde_json::to_string(&Quality::default()).expect("figures");
    let moment = |at: Option<Wall>| at.map(|at| at.0);
    let name = |cause| match cause {
        Some(Cause::HungUp) => "hung_up",
        _ => "abandoned",
    };
    let mut insert = all.prepare(insertion).expect("the columns of calls");
    for one in records {
        let row = rusqlite::params![
            one.call.to_string(),
            one.caller.as_ref().map(|caller| caller.as_str()),
            one.dialled,
            one.trunk.as_str(),
            one.queue.as_ref().map(|queue| queue.as_str()),
            one.operator.as_ref().map(|operator| operator.as_str()),
            one.plan,
            one.arrived.0,
            moment(one.queued),
            moment(one.connected),
            moment(one.ended),
            name(one.cause),
            quality,
        ];
        insert.execute(row).expect("a row");
    }
    drop(insert);
    all.commit().expect("rows");
}
