//! Backups end to end, by the built program: made beside a running server, checked, and restored onto an empty
//! machine, where everything is as it was.

#![allow(clippy::unwrap_used, reason = "a test that fails says so")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use qaynar::event::{Cause, Entry, Event, Side, What};
use qaynar::ids::{CallId, Language};
use qaynar::store::backup::{self, Kind};
use qaynar::store::health::Health;
use qaynar::store::journal::{Journal, Settings as JournalSettings};
use qaynar::store::signal::Signal;
use qaynar::store::writer::Writer;
use qaynar::time::Wall;
use rusqlite::Connection;

use self::postgres::Postgres;

#[path = "database/postgres.rs"]
mod postgres;

/// A machine: a folder with settings, dialplans and data.
struct Machine {
    folder: tempfile::TempDir,
}

impl Machine {
    /// With nothing on it.
    fn empty() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// With an operator, three calls, a recording, and settings that say so much of backups.
    fn with_calls(backup: &str) -> Self {
        let machine = Self::empty();
        let settings = format!("[sip]\nlisten = [\"udp://127.0.0.1:0\"]\n[backup]\n{backup}\n");
        fs::write(machine.path("qaynar.toml"), settings).unwrap();
        plan(&machine.path("dialplans"));
        assert_done(&machine.run(&["operator", "add", "201", "--name", "Aygün"]));
        machine.calls(1..=3);
        fs::create_dir_all(machine.path("data/recordings")).unwrap();
        fs::write(machine.path("data/recordings/C-1-1.wav"), [7; 200_000]).unwrap();
        fs::create_dir_all(machine.path("data/keys")).unwrap();
        for (name, digit) in [("pseudonym.key", "a1"), ("snapshot.key", "b2")] {
            let path = machine.path("data/keys").join(name);
            fs::write(&path, digit.repeat(32)).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        }
        fs::create_dir(machine.path("data/keys/erasable")).unwrap();
        fs::write(machine.path("data/keys/erasable/numbers"), "c3".repeat(32)).unwrap();
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Calls by the journal into the database, as a server does it.
    fn calls(&self, numbers: std::ops::RangeInclusive<u64>) {
        let journal = JournalSettings::in_folder(&self.path("data/journal"));
        let (journal, _) = Journal::open(journal, 0, Health::logged()).unwrap();
        let settings = qaynar::config::load(Some(&self.path("qaynar.toml"))).unwrap();
        let database = settings.storage.database;
        let writer = Writer::start(&database, &journal, &Health::logged()).unwrap();
        for number in numbers {
            journal.append(&call(number));
        }
        let last = journal.last();
        eventually("the database follows", || writer.applied() >= last);
        // A line that is still being written when the backup comes by.
        drop(writer);
        drop(journal);
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_qaynar"));
        command
            .arg("--config")
            .arg(self.path("qaynar.toml"))
            .args(arguments);
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn told(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_done(&output);
        String::from_utf8(output.stdout).unwrap()
    }

    fn serve(&self) -> Server {
        let log = fs::File::create(self.path("log")).unwrap();
        let errors = log.try_clone().unwrap();
        let mut command = self.command(&["serve"]);
        let child = command
            .stdout(log)
            .stderr(errors)
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let server = Server(child);
        eventually("the server is ready", || self.log().contains("; ready"));
        server
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    fn restore(&self, from: &Path, more: &[&str]) -> Output {
        let from = from.display().to_string();
        self.run(&[&["restore", &from], more].concat())
    }
}

/// The smallest of the shipped plans, with a moment of silence for each shipped prompt.
fn plan(folder: &Path) {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("dialplans");
    fs::create_dir(folder).unwrap();
    fs::copy(
        shipped.join("examples/minimal.toml"),
        folder.join("plan.toml"),
    )
    .unwrap();
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 8_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    for language in ["az", "en", "ru", "music"] {
        fs::create_dir_all(folder.join("prompts").join(language)).unwrap();
        for entry in fs::read_dir(shipped.join("prompts").join(language)).unwrap() {
            let name = Path::new("prompts")
                .join(language)
                .join(entry.unwrap().file_name());
            let mut sound = hound::WavWriter::create(folder.join(name), spec).unwrap();
            for _ in 0..80 {
                sound.write_sample(0_i16).unwrap();
            }
            sound.finalize().unwrap();
        }
    }
}

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn call(number: u64) -> Vec<Entry> {
    let event = |seconds: i64, what| {
        Entry::Event(Event {
            at: Wall(1_795_000_000_000_000 + seconds * 1_000_000),
            call: Some(CallId(number)),
            what,
        })
    };
    vec![
        event(
            0,
            What::Arrived {
                caller: Some("C-A1".into()),
                dialled: "116111".into(),
                trunk: "loopback".into(),
                plan: "p1".into(),
                language: Language::Az,
                direction: Default::default(),
                operator: None,
            },
        ),
        event(
            9,
            What::Ended {
                by: Side::Caller,
                cause: Cause::HungUp,
            },
        ),
    ]
}

/// Waits for what another process does.
fn eventually(what: &str, holds: impl Fn() -> bool) {
    let bell = Signal::default();
    for _ in 0..6_000 {
        if holds() {
            return;
        }
        bell.wait(Duration::from_millis(10));
    }
    panic!("never came: {what}");
}

fn said(output: &Output) -> String {
    let out = String::from_utf8_lossy(&output.stdout);
    format!("{out}{}", String::from_utf8_lossy(&output.stderr))
}

#[track_caller]
fn assert_done(output: &Output) {
    assert!(output.status.success(), "{}", said(output));
}

#[track_caller]
fn assert_refused(output: &Output, why: &str) {
    let said = said(output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(why), "{said}");
}

/// All files below a folder with what is in them, by their paths.
fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.is_file() {
            found.push((path.clone(), fs::read(&path).unwrap()));
        }
    }
    found.sort();
    found
}

fn has(bytes: &[u8], part: &str) -> bool {
    bytes
        .windows(part.len())
        .any(|window| window == part.as_bytes())
}

#[test]
fn what_a_running_server_had_is_there_again_on_an_empty_machine() {
    let old = Machine::with_calls("to = \"backups\"");
    let server = old.serve();
    let made = || backup::list(&old.path("backups"), Kind::Records).unwrap();
    eventually("the first backup is made by itself", || !made().is_empty());
    // By hand, beside the server that goes on.
    let apart = old.path("apart").display().to_string();
    let told = old.told(&["backup", &apart, "--keys-to", &apart]);
    assert!(
        told.contains("read again") && told.contains("keys of"),
        "{told}"
    );
    let (calls, operators) = (
        old.told(&["calls", "--json"]),
        old.told(&["operator", "list", "--json"]),
    );
    drop(server);
    let kept = |folder: &str| files(&old.path(folder)).into_iter();
    for (path, bytes) in kept("backups").chain(kept("apart")) {
        let of_keys = path.components().any(|part| {
            let name = part.as_os_str().to_string_lossy();
            name.starts_with("qaynar-keys-")
        });
        let secret = has(&bytes, &"a1".repeat(32)) || has(&bytes, &"b2".repeat(32));
        assert!(!secret || of_keys, "a key is in {}", path.display());
        let erasable = has(&bytes, &"c3".repeat(32));
        assert!(!erasable, "what is to be dropped is in {}", path.display());
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{} is for this user alone", path.display());
    }

    for from in [old.path("backups"), old.path("apart")] {
        let new = Machine::empty();
        assert_refused(&new.restore(&from, &[]), "--without-keys");
        fs::remove_file(new.path("qaynar.toml")).unwrap();
        assert_done(&new.restore(&from, &["--keys", &apart]));
        assert_eq!(new.told(&["calls", "--json"]), calls);
        assert_eq!(new.told(&["operator", "list", "--json"]), operators);
        for name in [
            "data/recordings/C-1-1.wav",
            "data/keys/snapshot.key",
            "dialplans/plan.toml",
            "qaynar.toml",
        ] {
            assert_eq!(
                fs::read(new.path(name)).unwrap(),
                fs::read(old.path(name)).unwrap(),
                "{name}"
            );
        }
        // Nothing is overwritten.
        assert_refused(&new.restore(&from, &["--without-keys"]), "empty machine");
        let server = new.serve();
        assert_eq!(new.told(&["calls", "--json"]), calls);
        drop(server);
    }
}

#[test]
fn a_backup_that_is_damaged_is_found_out_before_anything_is_written() {
    let old = Machine::with_calls("");
    let to = old.path("backups");
    old.told(&["backup", &to.display().to_string()]);
    let whole = backup::find(&to, Kind::Records).unwrap();
    let new = Machine::empty();
    assert_done(&new.restore(&to, &["--check"]));
    let prompt = |name: &&String| name.contains("/prompts/") && !name.ends_with("az/greeting.wav");
    let names = whole.manifest.files.keys().filter(|name| !prompt(name));
    for name in names {
        let path = whole.folder.join(name);
        let bytes = fs::read(&path).unwrap();
        let mut other = bytes.clone();
        let middle = other.len() / 2;
        other[middle] ^= 1;
        let short = bytes[..bytes.len() - 1].to_vec();
        for damage in [Some(other), Some(short), None] {
            match &damage {
                Some(bytes) => fs::write(&path, bytes).unwrap(),
                None => fs::remove_file(&path).unwrap(),
            }
            assert_refused(&new.restore(&to, &["--check"]), name);
            assert_refused(&new.restore(&whole.folder, &["--without-keys"]), name);
            assert!(!new.path("data").exists(), "nothing was written");
        }
        fs::write(&path, &bytes).unwrap();
    }
    let manifest = whole.folder.join(backup::MANIFEST);
    let text = fs::read_to_string(&manifest).unwrap();
    for (from, to, why) in [
        (
            "\"data/recordings/",
            "\"data/../../recordings/",
            "no name of a file",
        ),
        ("\"format\": 1", "\"format\": 7", "format 7"),
        (
            "\"kind\": \"records\"",
            "\"kind\": \"keys\"",
            "backup of keys",
        ),
        ("{", "", "no backup"),
    ] {
        fs::write(&manifest, text.replacen(from, to, 1)).unwrap();
        assert_refused(&new.restore(&whole.folder, &["--without-keys"]), why);
    }
    assert!(!new.path("data").exists());
}

#[test]
fn a_restore_that_was_interrupted_is_never_taken_for_a_house_and_can_be_run_again() {
    let old = Machine::with_calls("");
    let to = old.path("backups");
    old.told(&["backup", &to.display().to_string()]);
    let new = Machine::empty();
    fs::create_dir_all(new.path("data/journal")).unwrap();
    fs::write(new.path("data/restoring"), "").unwrap();
    fs::write(new.path("data/journal/00000001.log"), "half").unwrap();
    fs::write(new.path("data/qaynar.db"), "half").unwrap();
    fs::write(
        new.path("qaynar.toml"),
        "[sip]\nlisten = [\"udp://127.0.0.1:0\"]\n",
    )
    .unwrap();
    assert_refused(&new.run(&["serve"]), "did not come to its end");
    assert_done(&new.restore(&to, &["--without-keys"]));
    assert_eq!(
        new.told(&["calls", "--json"]),
        old.told(&["calls", "--json"])
    );
    assert!(!new.path("data/restoring").exists());
}

/// What a later program would do to the tables: steps only add.
fn upgraded(database: &Path, least: u32) {
    let connection = Connection::open(database).unwrap();
    let version: u32 = connection
        .query_row("SELECT max(version) FROM schema_version", [], |row| {
            row.get(0)
        })
        .unwrap();
    connection
        .execute_batch(&format!(
            "ALTER TABLE calls ADD COLUMN mood TEXT NOT NULL DEFAULT 'calm';
             CREATE TABLE later (id INTEGER PRIMARY KEY, what TEXT NOT NULL) STRICT;
             INSERT INTO later (what) VALUES ('kept');
             INSERT INTO schema_version (version, applied, least) VALUES ({}, 'later', {least});",
            version + 1
        ))
        .unwrap();
}

#[test]
fn after_an_upgrade_that_disappoints_the_former_program_goes_on_and_its_backups_lose_nothing() {
    let house = Machine::with_calls("");
    upgraded(&house.path("data/qaynar.db"), 9);
    // The former program works on, beside columns and tables that it does not know.
    house.calls(4..=5);
    assert_done(&house.run(&["operator", "add", "202", "--name", "Leyla"]));
    let calls = house.told(&["calls", "--json"]);
    assert_eq!(calls.matches("\"dialled\"").count(), 5, "{calls}");
    drop(house.serve());
    let to = house.path("backups");
    house.told(&["backup", &to.display().to_string()]);
    let new = Machine::empty();
    assert_done(&new.restore(&to, &["--without-keys"]));
    assert_eq!(new.told(&["calls", "--json"]), calls);
    let connection = Connection::open(new.path("data/qaynar.db")).unwrap();
    let kept = "SELECT what || (SELECT count(*) FROM calls WHERE mood = 'calm') FROM later";
    let kept: String = connection.query_row(kept, [], |row| row.get(0)).unwrap();
    assert_eq!(kept, "kept5", "and the later one finds all when it is back");
}

#[test]
fn a_database_that_this_program_may_not_use_is_left_alone_and_told_of() {
    let house = Machine::with_calls("");
    let database = house.path("data/qaynar.db");
    upgraded(&database, 9_999);
    let before = files(&house.path("data"));
    let to = house.path("backups").display().to_string();
    assert_refused(&house.run(&["calls"]), "run the newer qaynar");
    // It can be saved page by page, for the program that knows it.
    house.told(&["backup", &to]);
    let new = Machine::empty();
    let from = Path::new(&to);
    assert_refused(
        &new.restore(from, &["--without-keys"]),
        "run the newer qaynar",
    );
    assert!(
        !new.path("data").exists(),
        "and is not restored for this one"
    );
    let tables =
        |files: Vec<(PathBuf, Vec<u8>)>| files.into_iter().find(|(path, _)| *path == database);
    assert_eq!(
        tables(files(&house.path("data"))),
        tables(before),
        "nothing is changed"
    );
}

#[test]
fn a_backup_that_is_missed_is_an_alarm() {
    let house = Machine::with_calls("to = \"file/backups\"\nevery = \"1h\"");
    fs::write(house.path("file"), "no folder").unwrap();
    let _server = house.serve();
    eventually("the alarm", || house.log().contains("backup-missed"));
    let status = house.told(&["status"]);
    assert!(status.contains("FAULT no backup was made"), "{status}");
    let status: serde_json::Value =
        serde_json::from_str(&house.told(&["status", "--json"])).unwrap();
    assert!(status.to_string().contains("\"backup\""), "{status}");
}

#[test]
fn backups_are_carried_away_and_the_oldest_go() {
    let house = Machine::empty();
    let away = house.path("away").display().to_string();
    fs::create_dir(&away).unwrap();
    let settings = |command: &str| {
        let text = format!("[backup]\nto = \"backups\"\nkeep = 2\ncommand = {command}\n");
        fs::write(house.path("qaynar.toml"), text).unwrap();
    };
    settings(&format!("[\"cp\", \"-r\", \"{{backup}}\", \"{away}\"]"));
    for _ in 0..3 {
        house.told(&["backup"]);
    }
    assert_eq!(fs::read_dir(&away).unwrap().count(), 3);
    assert_eq!(
        backup::list(&house.path("backups"), Kind::Records)
            .unwrap()
            .len(),
        2
    );
    assert_eq!(house.told(&["backup", "list"]).lines().count(), 2);
    settings("[\"false\", \"{backup}\"]");
    assert_refused(&house.run(&["backup"]), "[backup] command \"false\"");
    for (text, remedy) in [
        ("keep = 0", "keep = 14"),
        ("to = \"x\"\ncommand = [\"cp\"]", "{backup}"),
        ("command = [\"cp\", \"{backup}\"]", "to ="),
    ] {
        fs::write(house.path("qaynar.toml"), format!("[backup]\n{text}\n")).unwrap();
        assert_refused(&house.run(&["backup"]), remedy);
    }
}

#[test]
fn the_tables_of_postgresql_go_into_a_backup_and_back_into_either_database() {
    let (first, second) = (Postgres::start(), Postgres::start());
    let kept_by = |server: &Postgres| format!("[storage]\nurl = \"{}\"", server.url());
    let old = Machine::with_calls(&kept_by(&first));
    assert_done(&old.run(&[
        "case",
        "open",
        "--call",
        &CallId(1).to_string(),
        "--operator",
        "201",
    ]));
    let asked: [&[&str]; 3] = [
        &["calls", "--json"],
        &["operator", "list", "--json"],
        &["case", "list", "--json"],
    ];
    let all = |machine: &Machine| asked.map(|arguments| machine.told(arguments));
    let was = all(&old);
    let backup = |machine: &Machine| {
        let to = machine.path("backups");
        machine.told(&["backup", &to.display().to_string()]);
        to
    };
    let from = backup(&old);
    let file = Machine::empty();
    fs::write(file.path("qaynar.toml"), "").unwrap();
    assert_done(&file.restore(&from, &["--without-keys"]));
    assert_eq!(all(&file), was);
    let from = backup(&file);
    let new = Machine::empty();
    fs::write(new.path("qaynar.toml"), kept_by(&second)).unwrap();
    assert_done(&new.restore(&from, &["--without-keys"]));
    assert_eq!(all(&new), was);
    // Numbers that count up go on above those that came along.
    assert_done(&new.run(&["case", "close", "C-A1"]));
    assert_done(&new.run(&[
        "case",
        "open",
        "--call",
        &CallId(2).to_string(),
        "--operator",
        "201",
    ]));
    let taken = Machine::empty();
    fs::write(taken.path("qaynar.toml"), kept_by(&first)).unwrap();
    assert_refused(&taken.restore(&from, &["--without-keys"]), "empty machine");
    assert_eq!(all(&old), was);
}
