//! Dialplans as hands and editors leave them: half saved, gone, in another encoding, endless, in circles.
//! Each has one clear outcome, with the file, the line and what to do.

#![allow(clippy::disallowed_methods, reason = "a test measures")]
#![allow(clippy::unwrap_used, reason = "a test that fails says so")]

mod house;

use std::fs;
use std::path::Path;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use house::{House, PATIENCE};
use qaynar::dialplan::{Catalogue, load};
use qaynar::store::plans::{self, PlansError};
use qaynar::store::signal::Signal;
use tempfile::TempDir;

const SHIPPED: &str = include_str!("../dialplans/helpline.toml");

fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    folder
}

/// What is wrong with a folder's texts.
fn unread(folder: &Path) -> String {
    plans::read(folder).unwrap_err().to_string()
}

fn trusted() -> Catalogue {
    Catalogue {
        on_trust: true,
        ..Catalogue::default()
    }
}

/// All sounds are there.
static SOUNDS: LazyLock<Catalogue> = LazyLock::new(|| {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("dialplans");
    plans::sounds(&shipped).0
});

fn faults(text: &str) -> String {
    let found = load(&[("a.toml".into(), text.into())], &SOUNDS).unwrap_err();
    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
    found.join("\n")
}

/// A plan of these paths.
fn plan(paths: &str) -> String {
    format!("numbers = ['116111']\nstart = 'a'\n{paths}\n[queue.children]\n")
}

#[test]
fn a_mark_of_byte_order_and_lines_of_windows_are_read() {
    let windows = format!("\u{feff}{}", SHIPPED.replace('\n', "\r\n"));
    let folder = folder(&[("a.toml", windows.as_bytes())]);
    let files = plans::read(folder.path()).unwrap();
    let plan = load(&files, &trusted()).unwrap();
    assert_eq!(plan.numbers.len(), 5);
    let wrong = windows.replace("start = \"welcome\"", "start = \"welcom\"");
    fs::write(folder.path().join("a.toml"), wrong).unwrap();
    let files = plans::read(folder.path()).unwrap();
    let found = load(&files, &trusted()).unwrap_err();
    let line = 1 + SHIPPED
        .lines()
        .position(|line| line.starts_with("start"))
        .unwrap();
    assert_eq!(found[0].place.line, line);
}

#[test]
fn letters_of_another_encoding_are_told_with_their_line() {
    let text = b"numbers = ['116111']\n# \xe7\xe0\xe4\xe0\xe7\n".to_vec();
    let folder = folder(&[("a.toml", &text), ("b.toml", b"\xff\xfe")]);
    let told = unread(folder.path());
    assert!(
        told.contains("a.toml:2: this is no UTF-8; save the file as UTF-8"),
        "{told}"
    );
    assert!(
        told.contains("b.toml:1: this is no UTF-8"),
        "all at once: {told}"
    );
}

#[test]
fn links_in_a_circle_and_things_that_are_no_files_are_told() {
    let folder = folder(&[("a.toml", SHIPPED.as_bytes())]);
    let at = |name: &str| folder.path().join(name);
    std::os::unix::fs::symlink("c.toml", at("b.toml")).unwrap();
    std::os::unix::fs::symlink("b.toml", at("c.toml")).unwrap();
    std::os::unix::fs::symlink("nowhere", at("d.toml")).unwrap();
    fs::create_dir(at("e.toml")).unwrap();
    let told = unread(folder.path());
    for name in [
        "b.toml:1: it cannot",
        "c.toml:1: it cannot",
        "d.toml:1: it cannot",
        "e.toml:1: it cannot be read: this is no file",
    ] {
        assert!(told.contains(name), "{name} is not in:\n{told}");
    }
    fs::remove_file(at("b.toml")).unwrap();
    assert!(!unread(folder.path()).contains("b.toml:1"));
}

#[test]
fn a_file_without_end_is_refused_for_its_length() {
    let folder = folder(&[]);
    let file = fs::File::create(folder.path().join("a.toml")).unwrap();
    file.set_len(8 * 1024 * 1024 * 1024).unwrap();
    let files = plans::read(folder.path()).unwrap();
    let found = load(&files, &trusted()).unwrap_err();
    assert!(
        found
            .iter()
            .any(|one| one.what.contains("larger than 4 MiB")),
        "{found:?}"
    );
}

#[test]
fn files_that_come_and_go_while_they_are_read_break_nothing() {
    let folder = folder(&[("a.toml", SHIPPED.as_bytes())]);
    let path = folder.path().join("b.toml");
    let end = Instant::now() + Duration::from_millis(500);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while Instant::now() < end {
                fs::write(&path, "# an editor's draft").unwrap();
                fs::remove_file(&path).unwrap();
            }
        });
        while Instant::now() < end {
            match plans::read(folder.path()) {
                Ok(files) => assert!(files[0].1 == SHIPPED && files.len() <= 2),
                Err(PlansError::Faulty(found)) => {
                    assert!(found[0].what.contains("come and go"), "{found:?}");
                }
                Err(other) => panic!("{other}"),
            }
        }
    });
}

#[test]
fn nothing_is_included_so_there_is_no_circle_of_files() {
    let told = faults(&format!("include = 'a.toml'\n{SHIPPED}"));
    assert!(
        told.contains("a.toml:1: the dialplan has no key \"include\"; remove it: all *.toml"),
        "{told}"
    );
}

#[test]
fn sounds_of_other_kinds_are_converted_or_refused_with_the_command_that_helps() {
    let mut studio = std::io::Cursor::new(Vec::new());
    let spec = hound::WavSpec {
        channels: 2,
        sample_rate: 44_100,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::new(&mut studio, spec).unwrap();
    for _ in 0..88_200 {
        writer.write_sample(0_i16).unwrap();
    }
    writer.finalize().unwrap();
    let studio = studio.into_inner();
    let folder = folder(&[
        ("prompts/az/studio.wav", &studio),
        ("prompts/az/renamed.wav", b"\xff\xfb\x90\x64 an mp3"),
        ("prompts/az/greeting.mp3", b"ID3"),
    ]);
    let (catalogue, _, faults) = plans::sounds(folder.path());
    let length = catalogue.lengths[&(Some(qaynar::ids::Language::Az), "studio".into())];
    assert_eq!(length.as_secs(), 1, "it is heard as it is");
    let note = catalogue.notes[0].to_string();
    assert!(
        note.contains("studio.wav:1: 44100 Hz stereo: converted") && note.contains("sox"),
        "{note}"
    );
    let fault = faults[0].to_string();
    assert!(
        fault.contains("renamed.wav:1: this is an MP3 that is called .wav; convert it: sox -t mp3"),
        "{fault}"
    );
    let text = plan("[path.a]\nsteps = [{ play = 'greeting' }]");
    let found = load(&[("a.toml".into(), text)], &catalogue).unwrap_err();
    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert!(
        found
            .iter()
            .any(|one| one.contains("there is no prompts/az/greeting.wav")
                && one.contains("greeting.mp3 -r 8000")),
        "{found:?}"
    );
}

#[test]
fn a_path_must_have_an_end_that_callers_hear() {
    for (steps, why) in [
        (
            "{ queue = 'children' }",
            "path a has no end: nobody may answer in the queue",
        ),
        (
            "{ play = 'greeting' }, { ring = '101', for = '9s' }",
            "nobody may answer the phone",
        ),
        (
            "{ if = 'nobody on shift', play = 'greeting' }",
            "its last step may be passed by",
        ),
    ] {
        let told = faults(&plan(&format!("[path.a]\nsteps = [{steps}]")));
        assert!(
            told.contains("a.toml:4: path a has no end") && told.contains(why),
            "{told}"
        );
    }
    for steps in [
        "{ queue = 'children' }, { play = 'nobody-now' }",
        "{ play = 'greeting' }, { hang_up = true }",
    ] {
        let text = plan(&format!("[path.a]\nsteps = [{steps}]"));
        assert!(load(&[("a.toml".into(), text)], &SOUNDS).is_ok(), "{steps}");
    }
}

#[test]
fn paths_and_queues_that_no_call_comes_to_are_warnings() {
    let used = "[path.a]\nsteps = [{ queue = 'children' }, { go = 'b' }]\n[path.b]\nsteps = [{ play = 'nobody-now' }]\n";
    let more = "[path.late]\nsteps = [{ play = 'nobody-now' }]\n[path.lost]\nsteps = [{ go = 'found' }]\n[path.found]\nsteps = [{ play = 'nobody-now' }]\n";
    let text = format!(
        "{}if_waiting = [{{ for = '3m', go = 'late' }}]\n[queue.empty]\n",
        plan(&format!("{used}{more}"))
    );
    let plan = load(&[("a.toml".into(), text)], &SOUNDS).unwrap();
    let told: Vec<String> = plan.remarks.iter().map(ToString::to_string).collect();
    let unused: Vec<&String> = told
        .iter()
        .filter(|one| one.contains("never used"))
        .collect();
    assert_eq!(
        unused,
        [
            "a.toml:12: path found is never used; let a step go there, or remove it",
            "a.toml:10: path lost is never used; let a step go there, or remove it",
            "a.toml:16: queue empty is never used; let a path queue there, or remove it",
        ]
    );
}

#[test]
fn a_circle_is_told_once_with_all_who_are_in_it() {
    let paths = "[path.a]\nsteps = [{ if = 'nobody on shift', go = 'b' }, { queue = 'children' }, { play = 'nobody-now' }]\n\
        [path.b]\nsteps = [{ if = 'somebody on shift', play = 'greeting' }, { go = 'c' }]\n\
        [path.c]\nsteps = [{ go = 'a' }]\n";
    let told = faults(&plan(paths));
    assert_eq!(told.matches("runs in a circle").count(), 1, "{told}");
    assert!(
        told.contains("a.toml:4: path a runs in a circle without a word to the caller: a, b, c"),
        "{told}"
    );
}

#[test]
fn a_need_that_nobody_in_the_queue_can_meet_is_told() {
    let text = plan(
        "[path.a]\nsteps = [{ queue = 'children', needs = 'ru' }, { play = 'nobody-now' }]\n[operator.205]\ncan = ['ru']",
    ) + "operators = ['201']\n";
    let told = faults(&text);
    assert!(
        told.contains("a.toml:4: nobody in queue children can \"ru\""),
        "{told}"
    );
}

/// A chain of paths as long as a file may be, with numbers, closures and a circle at its end.
#[test]
fn fifty_thousand_lines_are_checked_in_a_moment() {
    let mut text = "start = 'p0'\nnumbers = [\n".to_owned();
    for number in 0..10_000 {
        text += &format!("  '+99450{:07}',\n", 2_000_000 + number);
    }
    text += "]\n";
    for path in 0..8_000 {
        let next = path + 1;
        text += &format!(
            "[path.p{path}]\nsteps = [\n  {{ if = 'nobody on shift', go = 'p{next}' }},\n  {{ go = 'p{next}' }},\n]\n"
        );
    }
    text += "[path.p8000]\nsteps = [{ play = 'greeting' }]\n";
    assert!(text.lines().count() > 50_000 && text.len() < 4 * 1024 * 1024);
    let begun = Instant::now();
    let plan = load(&[("a.toml".into(), text.clone())], &SOUNDS).unwrap();
    let took = begun.elapsed();
    assert_eq!((plan.numbers.len(), plan.paths.len()), (10_000, 8_001));
    println!("loaded in {took:?}");
    // Quadratic work took minutes; built without optimisation this takes a second or two.
    assert!(took < 3 * PATIENCE, "{took:?}");
    let begun = Instant::now();
    let broken = text
        .replace("go = 'p8000'", "go = 'p0'")
        .replace("'p77'", "'q77'");
    let found = load(&[("a.toml".into(), broken)], &SOUNDS).unwrap_err();
    let took = begun.elapsed();
    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert!(
        found
            .iter()
            .any(|one| one.contains("no path is called \"q77\"")),
        "{found:?}"
    );
    println!("refused in {took:?}");
    assert!(took < 3 * PATIENCE, "{took:?}");
}

// ── The running server ───────────────────────────────────────────────────────────────────────────

fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let (end, bell) = (Instant::now() + PATIENCE, Signal::default());
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "{what}");
        bell.wait(Duration::from_millis(50));
    }
}

fn said(house: &House, arguments: &[&str]) -> (bool, String) {
    let done = house.run(arguments, "");
    (
        done.status.success(),
        String::from_utf8_lossy(&done.stdout).into_owned(),
    )
}

#[test]
fn what_is_saved_is_checked_and_shown_and_live_only_when_it_is_applied() {
    let house = House::new("");
    let _server = house.serve();
    let file = house.path().join("dialplans/helpline.toml");
    let live = |text: &str| text.lines().next().unwrap_or_default().to_owned();
    let before = live(&said(&house, &["status"]).1);
    fs::write(
        &file,
        SHIPPED.replace("start = \"welcome\"", "start = \"welcom\""),
    )
    .unwrap();
    let shown = eventually("the mistake is shown", || {
        let text = said(&house, &["status"]).1;
        text.contains("no path is called \"welcom\"")
            .then_some(text)
    });
    assert_eq!(live(&shown), before, "and the running one stays");
    let (done, text) = said(&house, &["apply"]);
    assert!(
        !done && text.starts_with("NOT LIVE\n") && text.contains("helpline.toml:9: no path"),
        "{text}"
    );
    fs::write(&file, format!("{SHIPPED}# better\n")).unwrap();
    let (done, text) = said(&house, &["apply"]);
    assert!(done && text.starts_with("LIVE "), "{text}");
    let after = said(&house, &["status"]).1;
    assert_ne!(live(&after), before);
    assert!(
        !after.contains("differs") && !after.contains("welcom\""),
        "{after}"
    );

    // History, what differs, and back to the version before.
    let (_, history) = said(&house, &["dialplan", "history"]);
    let hashes: Vec<&str> = history
        .lines()
        .filter_map(|line| line.split("  ").next())
        .collect();
    assert_eq!(hashes.len(), 2, "{history}");
    assert!(text.contains(hashes[0]), "{text}: {history}");
    let (_, differs) = said(&house, &["dialplan", "diff", hashes[1]]);
    assert!(
        differs.contains("+ # better") && differs.contains("helpline.toml"),
        "{differs}"
    );
    let (done, text) = said(&house, &["dialplan", "rollback"]);
    assert!(
        done && text.contains(&format!("LIVE {}", hashes[1])),
        "{text}"
    );
    let status = said(&house, &["status"]).1;
    assert_eq!(live(&status), before);
    assert!(
        status.contains("differs"),
        "the folder still has the newer one: {status}"
    );
    // Once more: the one before is the one that was live until now.
    let (_, text) = said(&house, &["dialplan", "rollback"]);
    assert!(text.contains(&format!("LIVE {}", hashes[0])), "{text}");
    let (done, _) = said(&house, &["dialplan", "rollback", "0000"]);
    assert!(!done, "there is no such version");
}

#[test]
fn where_saving_is_publishing_half_a_file_is_never_live() {
    let house = House::new("[dialplans]\napply = \"on-save\"");
    let _server = house.serve();
    let file = house.path().join("dialplans/helpline.toml");
    // An editor that writes slowly: each part for itself is a dialplan, or none.
    let better = format!(
        "{SHIPPED}\n[[closed]]\nfrom = 2020-01-01T00:00:00\nuntil = 2020-01-02T00:00:00\ngo = \"nobody\"\n"
    );
    let mut parts = better.split_inclusive('\n').collect::<Vec<_>>();
    let rest = parts.split_off(40);
    fs::write(&file, parts.concat()).unwrap();
    fs::write(&file, [parts.concat(), rest.concat()].concat()).unwrap();
    let status = eventually("the whole file is live", || {
        let text = said(&house, &["status"]).1;
        let (_, history) = said(&house, &["dialplan", "history"]);
        (history.lines().count() == 2 && !text.contains("differs")).then_some(text)
    });
    assert!(!status.contains("helpline.toml:4"), "{status}");
    fs::write(&file, better.replace("[queue.children]", "[queue.childen]")).unwrap();
    let shown = eventually("the mistake is shown", || {
        let text = said(&house, &["status"]).1;
        text.contains("no queue is called \"children\"")
            .then_some(text)
    });
    assert_eq!(
        shown.lines().next(),
        status.lines().next(),
        "what was live stays"
    );
    assert!(house.log().contains("NOT LIVE"));
}

#[test]
fn an_operator_of_a_queue_without_an_account_is_a_warning() {
    let house = House::new("");
    house.operator("201", "gizli-söz");
    let file = house.path().join("dialplans/helpline.toml");
    let text = SHIPPED.replace(
        "[queue.children]\n",
        "[queue.children]\noperators = [\"201\", \"209\"]\n",
    );
    fs::write(&file, text).unwrap();
    let (well, told) = said(&house, &["check"]);
    assert!(
        well && told.contains("queue children names operator 209, who has no account"),
        "{told}"
    );
    assert!(!told.contains("operator 201,"), "{told}");
}
