//! What calls come to: each figure by its definition, whole or in parts, with the calls behind it.

#![allow(clippy::unwrap_used, reason = "a test that fails says so")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use proptest::prelude::*;
use qaynar::event::{CallRecord, Cause, Direction, Entry, Event, OperatorState, Shut, Side, What};
use qaynar::ids::{CallId, Language, OperatorId};
use qaynar::report::compose::calls::{PREFIX, sections};
use qaynar::report::document::{Part, Value as CellValue};
use qaynar::report::figures::{
    Basis, Calendar, CallFigures, Key, Listing, Rules, Shifts, Tally, Value, definitions,
};
use qaynar::report::language::Language as ReportLanguage;
use qaynar::store::health::Health;
use qaynar::store::journal::{Journal, Settings as JournalSettings};
use qaynar::store::signal::Signal;
use qaynar::store::writer::Writer;
use qaynar::time::Wall;

const SECOND: i64 = 1_000_000;

fn basis() -> Basis {
    Basis {
        rules: Rules::default(),
        calendar: Calendar::new(TimeZone::get("Asia/Baku").unwrap()),
        asked_back: BTreeSet::new(),
    }
}

fn at(text: &str) -> Wall {
    Wall(text.parse::<Timestamp>().unwrap().as_microsecond())
}

/// A call that came in and ended at once; moments are added by the tests, in seconds after its arrival.
fn arrived(call: u64, moment: Wall) -> CallRecord {
    CallRecord {
        call: CallId(call),
        caller: None,
        dialled: "116111".into(),
        trunk: "azercell".into(),
        direction: Direction::In,
        queue: None,
        operator: None,
        language: Language::Az,
        plan: "p1".into(),
        arrived: moment,
        answered: Some(moment),
        queued: None,
        rung: None,
        connected: None,
        ended: Some(moment),
        held: Duration::ZERO,
        shut: None,
        ended_by: None,
        cause: Some(Cause::Completed),
        caller_quality: None,
        operator_quality: None,
    }
}

fn later(record: &CallRecord, seconds: i64) -> Wall {
    Wall(record.arrived.0 + seconds * SECOND)
}

fn answered(call: u64, moment: Wall, wait: i64, talk: i64, operator: &str) -> CallRecord {
    let mut record = arrived(call, moment);
    record.queue = Some("children".into());
    record.operator = Some(operator.into());
    record.queued = Some(moment);
    record.connected = Some(later(&record, wait));
    record.ended = Some(later(&record, wait + talk));
    record.cause = Some(Cause::HungUp);
    record
}

fn gave_up(call: u64, moment: Wall, wait: i64) -> CallRecord {
    let mut record = arrived(call, moment);
    record.queue = Some("children".into());
    record.queued = Some(moment);
    record.ended = Some(later(&record, wait));
    record.cause = Some(Cause::Abandoned);
    record
}

fn figures(basis: &Basis, calls: &[CallRecord]) -> CallFigures {
    let mut tally = Tally::new(basis);
    calls.iter().for_each(|call| tally.add(call));
    tally.finish(BTreeMap::new())
}

fn value(figures: &CallFigures, key: &str) -> Value {
    let definition = definitions().iter().find(|one| one.key == key).unwrap();
    definition.whole(figures)
}

fn ids(basis: &Basis, calls: &[CallRecord], key: &str) -> Vec<u64> {
    let key: Key = key.parse().unwrap();
    let mut listing = Listing::new(basis, &key);
    calls.iter().for_each(|call| listing.add(call));
    listing.finish().into_iter().map(|call| call.0).collect()
}

/// A day with one of everything.
fn day() -> Vec<CallRecord> {
    let noon = at("2021-06-14T08:00:00Z");
    let mut calls = vec![
        answered(1, noon, 5, 300, "201"),
        answered(2, later_by(noon, 10), 20, 100, "201"),
        answered(3, later_by(noon, 20), 65, 200, "202"),
        gave_up(4, later_by(noon, 30), 4),
        gave_up(5, later_by(noon, 40), 10),
        gave_up(6, later_by(noon, 50), 90),
    ];
    calls[1].held = Duration::from_secs(30);
    calls[0].caller = Some("C-A".into());
    calls[3].caller = Some("C-A".into());
    calls[4].caller = Some("C-B".into());
    // A message was left; asked to be called back; the line broke; still there.
    let mut led = gave_up(7, later_by(noon, 60), 240);
    led.cause = Some(Cause::Completed);
    let mut lost = gave_up(9, later_by(noon, 80), 12);
    lost.cause = Some(Cause::Lost);
    let mut waiting = gave_up(10, later_by(noon, 90), 0);
    (waiting.ended, waiting.cause) = (None, None);
    calls.extend([led, gave_up(8, later_by(noon, 70), 200), lost, waiting]);
    // Past the queues.
    let mut closed = arrived(12, later_by(noon, 110));
    closed.shut = Some(Shut::Closed);
    let mut nobody = arrived(13, later_by(noon, 120));
    nobody.shut = Some(Shut::NobodyOnShift);
    calls.extend([arrived(11, later_by(noon, 100)), closed, nobody]);
    let mut direct = arrived(14, later_by(noon, 130));
    direct.connected = Some(later(&direct, 10));
    direct.ended = Some(later(&direct, 40));
    let mut back = answered(15, later_by(noon, 600), 3_000, 60, "202");
    back.direction = Direction::Back;
    let mut outside = arrived(16, later_by(noon, 140));
    (outside.direction, outside.operator) = (Direction::Out, Some("201".into()));
    calls.extend([direct, back, outside]);
    calls
}

fn later_by(moment: Wall, seconds: i64) -> Wall {
    Wall(moment.0 + seconds * SECOND)
}

#[test]
fn each_call_is_counted_once_and_each_figure_is_what_it_says() {
    let mut basis = basis();
    basis.asked_back.insert(CallId(8));
    let calls = day();
    let found = figures(&basis, &calls);
    let count = |key| match value(&found, key) {
        Value::Count(count) => count,
        other => panic!("{key}: {other:?}"),
    };
    assert_eq!(count("offered"), 10);
    assert_eq!(count("answered"), 3);
    assert_eq!(count("handled"), 5);
    assert_eq!((count("abandoned"), count("short_abandoned")), (2, 1));
    assert_eq!((count("asked_back"), count("led_on")), (1, 1));
    assert_eq!((count("lost"), count("waiting")), (1, 1));
    assert_eq!((count("ivr_only"), count("closed")), (1, 1));
    assert_eq!((count("nobody_on_shift"), count("direct")), (1, 1));
    assert_eq!((count("callbacks"), count("callbacks_reached")), (1, 1));
    assert_eq!(count("outside"), 1);
    let share = |key| match value(&found, key) {
        Value::Share(share) => share.unwrap(),
        other => panic!("{key}: {other:?}"),
    };
    assert_eq!(share("abandonment_rate"), 2.0 / 7.0);
    assert_eq!(share("answer_rate"), 3.0 / 10.0);
    // 5 s and 20 s are within 20 s; 90 s is beyond; 10 s and 4 s are neither.
    assert_eq!(share("service_level"), 2.0 / 4.0);
    assert_eq!(share("service_level_strict"), 2.0 / 10.0);
    let time = |key| match value(&found, key) {
        Value::Time(time) => time.unwrap().as_secs_f64(),
        other => panic!("{key}: {other:?}"),
    };
    assert_eq!(time("asa"), 30.0);
    assert_eq!(time("longest_wait"), 90.0);
    assert_eq!(time("talk"), (300 + 100 + 200 + 30 + 60) as f64 / 5.0);
    assert_eq!(found.whole.hold, Duration::from_secs(30));
    assert_eq!((count("callers"), count("repeat_callers")), (2, 1));
    assert_eq!(count("without_identity"), 11);
    assert_eq!(ids(&basis, &calls, "abandoned"), [5, 6]);
    assert_eq!(
        ids(&basis, &calls, "abandonment_rate.base"),
        [1, 2, 3, 5, 6, 14, 15]
    );
    assert_eq!(ids(&basis, &calls, "repeat_callers"), [1, 4]);
    assert_eq!(ids(&basis, &calls, "queue.children.short_abandoned"), [4]);
    assert_eq!(ids(&basis, &calls, "operator.202"), [3, 15]);
    assert_eq!(
        ids(&basis, &calls, "hour.1.12"),
        [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
    );
    assert_eq!(ids(&basis, &calls, "wait.60"), [3, 6]);
    assert_eq!(
        count("concurrency"),
        ids(&basis, &calls, "concurrency").len() as u64
    );
}

#[test]
fn what_is_of_nothing_is_nothing_and_no_hundred_percent() {
    let found = figures(&basis(), &[]);
    for one in definitions() {
        match one.whole(&found) {
            Value::Count(count) => assert_eq!(count, 0, "{}", one.key),
            Value::Share(share) => assert_eq!(share, None, "{}", one.key),
            Value::Time(time) => assert_eq!(time, None, "{}", one.key),
        }
    }
    let json = serde_json::to_value(&found).unwrap();
    assert!(json["figures"]["service_level"].is_null());
    assert_eq!(json["hours"]["offered"].as_array().unwrap().len(), 7);
}

#[test]
fn handling_time_has_the_rest_after_calls_in_it_and_occupancy_no_breaks() {
    let basis = basis();
    let noon = at("2021-06-14T08:00:00Z");
    let mut tally = Tally::new(&basis);
    tally.add(&answered(1, noon, 5, 100, "201"));
    tally.add(&answered(2, later_by(noon, 600), 5, 50, "201"));
    let mut shifts = Shifts::new(noon, later_by(noon, 1_000));
    let operator = OperatorId::from("201");
    for (second, state) in [
        (-500, OperatorState::Free),
        (5, OperatorState::Talking),
        (105, OperatorState::WrapUp),
        (125, OperatorState::Paused),
        (500, OperatorState::Free),
        (605, OperatorState::Talking),
        (655, OperatorState::WrapUp),
        (675, OperatorState::LoggedOut),
    ] {
        shifts.add(&operator, state, later_by(noon, second));
    }
    let found = tally.finish(shifts.finish());
    assert_eq!(
        value(&found, "aht"),
        Value::Time(Some(Duration::from_secs(95)))
    );
    let busy = 100.0 + 50.0 + 40.0;
    let idle = 5.0 + 105.0;
    assert_eq!(
        value(&found, "occupancy"),
        Value::Share(Some(busy / (busy + idle)))
    );
    assert_eq!(found.operators[0].handled, 2);
    assert_eq!(found.operators[0].aht(), Some(Duration::from_secs(95)));
}

#[test]
fn a_figure_that_is_none_is_told_with_those_that_are() {
    for wrong in [
        "",
        "sold",
        "queue.children",
        "hour.8.1",
        "hour.1.24",
        "wait.7",
        "queue.a.occupancy",
    ] {
        let told = wrong.parse::<Key>().unwrap_err().to_string();
        assert!(
            told.contains("service_level_strict") && told.contains("hour.1.14"),
            "{told}"
        );
    }
}

// ── As a user asks ───────────────────────────────────────────────────────────────────────────────

/// A folder with a configuration and a journal of some calls, one an hour from Monday 2021-06-07 in Baku.
fn house(calls: u64) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("qaynar.toml"),
        "[storage]\ndata = \"data\"\n",
    )
    .unwrap();
    let journal = journal(folder.path());
    for call in 1..=calls {
        let begin = later_by(
            at("2021-06-06T20:00:00Z"),
            i64::try_from(call).unwrap() * 3_600,
        );
        journal.append(&happened(call, begin));
    }
    journal.flush();
    folder
}

fn journal(folder: &Path) -> Journal {
    let settings = JournalSettings {
        reserve: 0,
        ..JournalSettings::in_folder(&folder.join("data/journal"))
    };
    Journal::open(settings, 0, Health::logged()).unwrap().0
}

/// A call that is answered after 30 s and lasts five minutes; each fourth gives up after 40 s.
fn happened(call: u64, begin: Wall) -> Vec<Entry> {
    let arrived = What::Arrived {
        caller: Some(format!("C-{}", call % 7).as_str().into()),
        dialled: "116111".into(),
        trunk: "azercell".into(),
        plan: "p1".into(),
        language: Language::Az,
        direction: Direction::In,
        operator: None,
    };
    let queued = What::Queued {
        queue: "children".into(),
    };
    let mut all = vec![(0, arrived), (0, What::Answered), (1, queued)];
    let ended = |cause| What::Ended {
        by: Side::Caller,
        cause,
    };
    match call % 4 {
        0 => all.push((41, ended(Cause::Abandoned))),
        _ => {
            let operator = "201".into();
            all.push((31, What::Connected { operator }));
            all.push((331, ended(Cause::HungUp)));
        }
    }
    let event = |(after, what)| {
        Entry::Event(Event {
            at: later_by(begin, after),
            call: Some(CallId(call << 22)),
            what,
        })
    };
    all.into_iter().map(event).collect()
}

fn asks(folder: &tempfile::TempDir, arguments: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_qaynar"))
        .args(arguments)
        .current_dir(folder.path())
        .env_remove("RUST_LOG")
        .output()
        .unwrap();
    let told = if output.status.success() {
        output.stdout
    } else {
        output.stderr
    };
    (output.status.success(), String::from_utf8(told).unwrap())
}

#[test]
fn the_journal_alone_and_the_database_give_the_same_figures() {
    let folder = house(48);
    let asked = [
        "figures",
        "--from",
        "2021-06-07",
        "--to",
        "2021-06-08",
        "--json",
    ];
    let (done, from_journal) = asks(&folder, &asked);
    assert!(done, "{from_journal}");
    let found: serde_json::Value = serde_json::from_str(&from_journal).unwrap();
    assert_eq!(found["figures"]["offered"], 47, "the last is of Wednesday");
    assert_eq!(found["figures"]["abandoned"], 11);
    assert_eq!(found["figures"]["asa"], 30.0);
    assert_eq!(found["figures"]["service_level"], 0.0);
    assert_eq!(found["queues"]["children"]["answered"], 36);
    assert_eq!(found["hours"]["offered"][0][1], 1);
    let note = found["notes"]
        .as_array()
        .unwrap()
        .iter()
        .find(|note| note["key"] == "service_level");
    assert!(
        note.unwrap()["formula"]
            .as_str()
            .unwrap()
            .contains("the usual form")
    );

    let journal = journal(folder.path());
    let database = folder.path().join("data/qaynar.db").into();
    let writer = Writer::start(&database, &journal, &Health::logged()).unwrap();
    let bell = Signal::default();
    while writer.applied() < journal.last() {
        bell.wait(Duration::from_millis(5));
    }
    drop(writer);
    drop(journal);
    fs::remove_dir_all(folder.path().join("data/journal")).unwrap();
    fs::create_dir(folder.path().join("data/journal")).unwrap();
    let (done, from_database) = asks(&folder, &asked);
    assert!(done, "{from_database}");
    assert_eq!(from_database, from_journal);
}

#[test]
fn figures_are_told_with_their_definitions_and_their_calls() {
    let folder = house(8);
    let (done, told) = asks(&folder, &["figures"]);
    assert!(done, "{told}");
    for wanted in [
        "service level 80/20",
        "before 10 s",
        "Queue",
        "children",
        "Mon",
        "the strict form",
    ] {
        assert!(told.contains(wanted), "{wanted}: {told}");
    }
    let (done, told) = asks(&folder, &["figures", "--ids", "abandoned"]);
    assert!(done, "{told}");
    let wanted = [4_u64 << 22, 8 << 22].map(|call| CallId(call).to_string());
    assert_eq!(told.lines().collect::<Vec<_>>(), wanted);
}

#[test]
fn what_cannot_be_asked_is_told_with_the_way_out() {
    let folder = house(1);
    for (asked, wanted) in [
        (
            ["figures", "--from", "2021-06-08", "--to", "2021-06-07"],
            "--to is not after --from",
        ),
        (
            ["figures", "--from", "2021-02-29", "--to", "2021-03-01"],
            "is no moment",
        ),
        (
            ["figures", "--ids", "sold", "--from", "2021-06-07"],
            "service_level_strict",
        ),
        (
            ["forecast", "--from", "2001-01-01", "--to", "2002-01-01"],
            "no call came in this time",
        ),
        (
            ["forecast", "--target", "101/20", "--from", "2021-06-07"],
            "80/20",
        ),
    ] {
        let (done, told) = asks(&folder, &asked);
        assert!(!done && told.contains(wanted), "{wanted}: {told}");
    }
}

#[test]
fn a_forecast_says_how_sure_it_is() {
    let folder = house(24 * 14);
    let (done, told) = asks(
        &folder,
        &[
            "forecast",
            "--to",
            "2021-06-20",
            "--target",
            "80/20",
            "--json",
        ],
    );
    assert!(done, "{told}");
    let found: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!(found["calls"], 335);
    assert_eq!(found["is_little_data"], true);
    assert_eq!(found["handling"], 300.0);
    // One call an hour of 300 s: a twelfth of an erlang, of which one operator answers 92 % in time.
    let monday = &found["hours"][9];
    assert_eq!(
        (&monday["weekday"], &monday["hour"]),
        (&1.into(), &9.into())
    );
    assert_eq!(monday["per_hour"]["mean"], 1.0);
    assert_eq!(monday["erlang_c"]["mean"], 1);
    let high = monday["per_hour"]["high"].as_f64().unwrap();
    assert!(
        (high - 7.2247 / 2.0).abs() < 1e-3,
        "two were counted in two hours: {high}"
    );
    assert_eq!(monday["erlang_c"]["high"], 2);
    assert_eq!(found["what_if"][1]["operators"], 2);
    let (done, told) = asks(&folder, &["forecast", "--on-shift", "1"]);
    assert!(done, "{told}");
    for wanted in [
        "This is little data",
        "By Erlang C",
        "By Erlang A",
        "If 1 is on shift all week",
        "1 (1–2)",
    ] {
        assert!(told.contains(wanted), "{wanted}: {told}");
    }
}

#[test]
fn the_report_tells_of_calls_in_each_language_and_lists_them() {
    let folder = house(8);
    let report = |arguments: &[&str]| {
        let asked = [&["report", "--from", "2021-06"], arguments].concat();
        let (done, told) = asks(&folder, &asked);
        assert!(done, "{told}");
        told
    };
    for (language, wanted) in [
        ("az", "Növbəyə daxil olan"),
        ("ru", "Поступило в очередь"),
        ("en", "Entered a queue"),
    ] {
        let told = report(&["--lang", language]);
        assert!(told.contains(wanted) && !told.contains('⟦'), "{told}");
    }
    let calls = |which: [u64; 2]| {
        which
            .map(|call| format!("{}\n", CallId(call << 22)))
            .concat()
    };
    assert_eq!(report(&["--ids", "call.abandoned"]), calls([4, 8]));
    assert_eq!(report(&["--ids", "call.wait.30.gave_up"]), calls([4, 8]));
}

#[test]
fn every_figure_of_calls_that_a_report_prints_lists_its_calls() {
    let (basis, calls) = (basis(), day());
    let found = figures(&basis, &calls);
    for language in ReportLanguage::ALL {
        for section in sections(&found, *language) {
            let tables = section.parts.iter().filter_map(|part| match part {
                Part::Table(table) => Some(table),
                _ => None,
            });
            for cell in tables
                .flat_map(|table| &table.rows)
                .flat_map(|row| &row.cells)
            {
                let key = cell
                    .figure
                    .as_deref()
                    .map(|figure| figure.strip_prefix(PREFIX).unwrap());
                match (key, &cell.value) {
                    (Some("callers" | "repeat_callers"), _) | (None, _) => {}
                    (Some(key), CellValue::Count(count)) => {
                        assert_eq!(ids(&basis, &calls, key).len() as u64, *count, "{key}");
                    }
                    (Some(key), _) => assert!(key.parse::<Key>().is_ok(), "{key}"),
                }
            }
        }
    }
    assert_eq!(sections(&figures(&basis, &[]), ReportLanguage::Az), []);
}

// ── Whatever calls there are ─────────────────────────────────────────────────────────────────────

/// Any call, within two weeks.
fn any_call() -> impl Strategy<Value = CallRecord> {
    let moments = (
        0_i64..1_209_600,
        0_i64..30,
        prop::option::of(0_i64..200),
        prop::option::of(0_i64..900),
    );
    let who = (prop::option::of(0_u8..6), 0_u8..3, 0_u8..3);
    let how = (
        0_usize..3,
        0_usize..8,
        prop::option::of(any::<bool>()),
        any::<bool>(),
    );
    (moments, who, how).prop_map(
        |((begin, ring, wait, talk), (caller, operator, queue), how)| {
            let (direction, cause, shut, queued) = how;
            let mut record = arrived(0, later_by(at("2021-06-01T00:00:00Z"), begin));
            record.caller = caller.map(|caller| format!("C-{caller}").as_str().into());
            record.direction = [Direction::In, Direction::Out, Direction::Back][direction];
            record.shut = shut.map(|open| {
                if open {
                    Shut::NobodyOnShift
                } else {
                    Shut::Closed
                }
            });
            if queued {
                record.queued = Some(later(&record, ring));
                record.queue = Some(format!("q{queue}").as_str().into());
            }
            if let Some(wait) = wait {
                record.connected = Some(later(&record, ring + wait));
                record.operator = Some(format!("20{operator}").as_str().into());
            }
            record.ended = talk.map(|talk| later(&record, ring + wait.unwrap_or(0) + talk));
            let causes = [
                Cause::HungUp,
                Cause::Abandoned,
                Cause::Completed,
                Cause::Lost,
                Cause::Refused,
                Cause::NotReached,
                Cause::Interrupted,
                Cause::ShutDown,
            ];
            record.cause = record.ended.map(|_| causes[cause]);
            record
        },
    )
}

fn numbered(mut calls: Vec<CallRecord>) -> Vec<CallRecord> {
    for (number, call) in calls.iter_mut().enumerate() {
        call.call = CallId(number as u64);
    }
    calls
}

/// The greatest overlap, looked for at each beginning.
fn overlap(calls: &[CallRecord]) -> u64 {
    let span = |call: &CallRecord| match call.direction {
        Direction::Back => Some((call.connected?, call.ended)),
        _ => Some((call.arrived, call.ended)),
    };
    let spans: Vec<_> = calls.iter().filter_map(span).collect();
    let there = |moment: Wall| {
        let at_it = |(begun, ended): &&(Wall, Option<Wall>)| {
            *begun <= moment && ended.is_none_or(|end| end > moment)
        };
        spans.iter().filter(at_it).count() as u64
    };
    spans
        .iter()
        .map(|(begun, _)| there(*begun))
        .max()
        .unwrap_or(0)
}

proptest! {
    #[test]
    fn days_add_up_to_the_whole_in_any_order(calls in prop::collection::vec(any_call(), 0..60)) {
        let (basis, calls) = (basis(), numbered(calls));
        let mut days: BTreeMap<i64, Tally<'_>> = BTreeMap::new();
        for call in calls.iter().rev() {
            let day = basis.calendar.day(call.arrived);
            days.entry(day).or_insert_with(|| Tally::new(&basis)).add(call);
        }
        let mut all = Tally::new(&basis);
        days.into_values().rev().for_each(|day| all.merge(day));
        prop_assert_eq!(all.finish(BTreeMap::new()), figures(&basis, &calls));
    }

    #[test]
    fn every_count_is_that_of_the_calls_behind_it(calls in prop::collection::vec(any_call(), 0..60)) {
        let mut basis = basis();
        basis.asked_back.extend([CallId(1), CallId(3), CallId(5)]);
        let calls = numbered(calls);
        let found = figures(&basis, &calls);
        for one in definitions() {
            let behind = ids(&basis, &calls, one.key);
            match one.whole(&found) {
                Value::Count(_) if ["callers", "repeat_callers"].contains(&one.key) => {}
                Value::Count(count) => prop_assert_eq!(count, behind.len() as u64, "{}", one.key),
                Value::Share(Some(share)) if one.part(&found.whole).is_some() => {
                    let base = ids(&basis, &calls, &format!("{}.base", one.key));
                    prop_assert_eq!(share, behind.len() as f64 / base.len() as f64, "{}", one.key);
                }
                _ => {}
            }
            for (queue, counts) in &found.queues {
                if let Some(Value::Count(count)) = one.part(counts) {
                    let behind = ids(&basis, &calls, &format!("queue.{queue}.{}", one.key));
                    prop_assert_eq!(count, behind.len() as u64);
                }
            }
        }
        prop_assert_eq!(found.peak.map_or(0, |peak| peak.calls), overlap(&calls));
    }

    #[test]
    fn what_was_offered_is_what_became_of_it(calls in prop::collection::vec(any_call(), 0..60)) {
        let calls = numbered(calls);
        let of = figures(&basis(), &calls).whole;
        let became = of.answered + of.gave_up() + of.asked_back + of.led_on + of.lost + of.waiting;
        prop_assert_eq!(of.offered, became);
        let beside = of.ivr_only + of.closed + of.nobody_on_shift + of.direct + of.callbacks + of.outside;
        prop_assert_eq!(of.offered + beside, calls.len() as u64);
    }
}
