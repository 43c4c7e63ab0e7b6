//! `qaynar verify`, as an admin runs it.

use std::path::Path;
use std::process::Command;

use qaynar::config::Location;
use qaynar::store::cursor::segments;
use qaynar::store::health::Health;
use qaynar::store::sql::Sql;
use qaynar::store::writer::Writer;

use crate::events::{arrived, course, journal};
use crate::eventually;

/// A folder with calls in journal and database.
fn house() -> (tempfile::TempDir, Location) {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let at: Location = data.join("qaynar.db").into();
    let (journal, _) = journal(&data, &Health::logged());
    let writer = Writer::start(&at, &journal, &Health::logged()).unwrap();
    for number in 1..=40 {
        journal.append(&[arrived(number)]);
        journal.append(&course(number));
    }
    eventually("the database holds the journal", || {
        writer.applied() == journal.last()
    });
    let settings = "[storage]\ndata = \"data\"\nurl = \"sqlite://data/qaynar.db\"\n";
    std::fs::write(folder.path().join("qaynar.toml"), settings).unwrap();
    (folder, at)
}

fn told(folder: &Path) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_qaynar"))
        .args(["verify", "--config", "qaynar.toml"])
        .current_dir(folder)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let fault = String::from_utf8(output.stderr).unwrap();
    (output.status.success(), text + &fault)
}

#[test]
fn a_whole_house_has_no_differences() {
    let (folder, _) = house();
    let (well, text) = told(folder.path());
    assert!(well, "{text}");
    assert!(
        text.contains("40 records are what their events tell"),
        "{text}"
    );
    assert!(text.contains("nothing differs"), "{text}");
}

#[test]
fn what_differs_is_told_by_its_call() {
    let (folder, at) = house();
    let mut sql = Sql::open(&at).unwrap();
    let call = |number: u64| qaynar::ids::CallId(number).to_string();
    for change in [
        format!("DELETE FROM calls WHERE call = '{}'", call(5)),
        format!(
            "UPDATE calls SET operator = '999' WHERE call = '{}'",
            call(6)
        ),
        format!(
            "DELETE FROM events WHERE call = '{}' AND kind = 'answered'",
            call(7)
        ),
    ] {
        assert_eq!(sql.execute(&change, &[]).unwrap(), 1);
    }
    let (well, text) = told(folder.path());
    assert!(!well);
    for wanted in [
        format!("call {} arrived and has no record", call(5)),
        format!(
            "the record of call {} is not what its events tell: operator",
            call(6)
        ),
        format!("is not in the database (call {})", call(7)),
    ] {
        assert!(text.contains(&wanted), "{wanted}: {text}");
    }
    let segment = segment_path(&folder.path().join("data/journal"));
    let damaged = std::fs::read_to_string(&segment)
        .unwrap()
        .replacen("116111", "116112", 1);
    std::fs::write(&segment, damaged).unwrap();
    let (_, text) = told(folder.path());
    assert!(text.contains(":1: its checksum does not match"), "{text}");
}

/// The first segment of a journal.
fn segment_path(journal: &Path) -> std::path::PathBuf {
    let first = segments(journal).unwrap()[0];
    journal.join(format!("{first:08}.log"))
}
