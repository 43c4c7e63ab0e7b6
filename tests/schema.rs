//! The schema that editors read says what the reader knows, key by key, and is written beside the plan.

#![allow(clippy::unwrap_used, reason = "a test that fails says so")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use qaynar::dialplan::keys::{DIALPLAN, GUARD, Kind, Section};
use qaynar::dialplan::{Catalogue, load, schema};

/// A key that is like no other.
const STRANGE: &str = "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz";

/// For each table, texts in which it holds a strange key; all together ask for every key that the reader
/// knows there.
fn samples() -> Vec<(&'static str, &'static str, Vec<String>)> {
    let steps = [
        "play = 'x'",
        "queue = 'q', needs = 'ru'",
        "ring = '101', for = '9s'",
        "go = 'a'",
        "menu = 'x'",
        "say = 'time'",
        "set = {}",
        "callback = 'q'",
        "webhook = 'https://x', go = {}",
        "hang_up = true",
    ];
    let steps = steps.map(|step| format!("[path.a]\nsteps = [{{ {step}, STRANGE = 1 }}]"));
    let one = |text: &str| vec![text.to_owned()];
    vec![
        ("the dialplan", "a.toml", one("STRANGE = 1")),
        ("the guard", "safety.toml", one("STRANGE = 1")),
        ("safety", "safety.toml", one("[safety]\nSTRANGE = 1")),
        ("route", "a.toml", one("[[route]]\nSTRANGE = 1")),
        ("hours", "a.toml", one("[hours.h]\nSTRANGE = 1")),
        (
            "except",
            "a.toml",
            one("[hours.h]\nexcept = [{ STRANGE = 1 }]"),
        ),
        ("callback", "a.toml", one("[callback]\nSTRANGE = 1")),
        ("path", "a.toml", one("[path.a]\nSTRANGE = 1")),
        ("step", "a.toml", steps.to_vec()),
        (
            "set",
            "a.toml",
            one("[path.a]\nsteps = [{ set = { STRANGE = 1 } }]"),
        ),
        ("queue", "a.toml", one("[queue.q]\nSTRANGE = 1")),
        (
            "member",
            "a.toml",
            one("[queue.q]\noperators = [{ STRANGE = 1 }]"),
        ),
        (
            "comfort",
            "a.toml",
            one("[queue.q]\ncomfort = { STRANGE = 1 }"),
        ),
        (
            "if_waiting",
            "a.toml",
            vec![
                "[queue.q]\nif_waiting = [{ STRANGE = 1 }]".to_owned(),
                "[queue.q]\nif_waiting = [{ offer = 'callback', STRANGE = 1 }]".to_owned(),
            ],
        ),
        ("callback", "a.toml", one("[callback]\nSTRANGE = 1")),
        ("voicemail", "a.toml", one("[voicemail.v]\nSTRANGE = 1")),
        ("operator", "a.toml", one("[operator.o]\nSTRANGE = 1")),
        ("closed", "a.toml", one("[[closed]]\nSTRANGE = 1")),
        ("outgoing", "a.toml", one("[[outgoing]]\nSTRANGE = 1")),
        ("expect", "a.toml", one("[[expect]]\nSTRANGE = 1")),
        ("ends", "a.toml", one("[[expect]]\nends = { STRANGE = 1 }")),
    ]
}

/// What the reader says that there is, where it meets the strange key.
fn known_to_reader(file: &str, texts: &[String]) -> BTreeSet<String> {
    let mut known = BTreeSet::new();
    for text in texts {
        let text = text.replace("STRANGE", STRANGE);
        let found = load(&[(file.into(), text)], &Catalogue::default()).unwrap_err();
        let fault = found.iter().find(|fault| fault.what.contains(STRANGE));
        let remedy = &fault.expect("a strange key is a fault").remedy;
        let list = remedy.strip_prefix("there are: ").unwrap();
        assert!(!list.contains(" more"), "{list}");
        known.extend(list.split(", ").map(ToOwned::to_owned));
    }
    known
}

/// All tables of the format, by name.
fn sections<'a>(section: &'a Section, all: &mut BTreeMap<&'a str, &'a Section>) {
    if all.insert(section.name, section).is_none() {
        for key in section.keys {
            within(&key.kind, all);
        }
    }
}

fn within<'a>(kind: &'a Kind, all: &mut BTreeMap<&'a str, &'a Section>) {
    match kind {
        Kind::Table(one) | Kind::Tables(one) | Kind::Named(one) => sections(one, all),
        Kind::List(kinds) | Kind::Any(kinds) => kinds.iter().for_each(|one| within(one, all)),
        _ => {}
    }
}

#[test]
fn the_table_of_keys_and_the_reader_know_the_same() {
    let mut all = BTreeMap::new();
    sections(&DIALPLAN, &mut all);
    sections(&GUARD, &mut all);
    let (mut seen, mut mistakes) = (BTreeSet::new(), Vec::new());
    for (name, file, texts) in samples() {
        let mut known = known_to_reader(file, &texts);
        // It is asked for to be refused.
        if name == "the dialplan" {
            assert!(known.remove("safety"));
        }
        let table: BTreeSet<String> = all[name]
            .keys
            .iter()
            .map(|key| key.name.to_owned())
            .collect();
        if table.len() != all[name].keys.len() {
            mistakes.push(format!("a key of {name} is there twice"));
        }
        for key in table.symmetric_difference(&known) {
            let missing = if known.contains(key) {
                "src/dialplan/keys.rs"
            } else {
                "the reader"
            };
            mistakes.push(format!("{key:?} of {name} is not in {missing}"));
        }
        for needed in all[name].needed {
            assert!(table.contains(*needed), "{needed} of {name}");
        }
        seen.insert(name);
    }
    assert_eq!(mistakes, [""; 0]);
    let all: BTreeSet<&str> = all.into_keys().collect();
    assert_eq!(all, seen, "each table of the format has a sample here");
}

#[test]
fn the_shipped_schemas_are_current_and_the_shipped_files_point_to_them() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("dialplans");
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    for (name, schema, more) in [
        ("dialplan.schema.json", schema::of_dialplan(), ""),
        ("safety.schema.json", schema::of_guard(), " --guard"),
    ] {
        let wanted = serde_json::to_string_pretty(&schema).unwrap() + "\n";
        assert!(
            read(name) == wanted,
            "run: qaynar schema{more} > dialplans/{name}"
        );
    }
    assert!(read("helpline.toml").starts_with("#:schema ./dialplan.schema.json\n"));
    assert!(read("safety.toml").starts_with("#:schema ./safety.schema.json\n"));
}

#[test]
fn each_word_of_the_table_is_one_that_the_reader_takes() {
    let mut all = BTreeMap::new();
    sections(&DIALPLAN, &mut all);
    let ring = all["queue"]
        .keys
        .iter()
        .find(|key| key.name == "ring")
        .unwrap();
    let Kind::Words(words) = ring.kind else {
        panic!("ring is one of some words");
    };
    let known: Vec<&str> = qaynar::ids::Rule::ALL
        .iter()
        .map(|rule| rule.name())
        .collect();
    assert_eq!(words, known);
}
