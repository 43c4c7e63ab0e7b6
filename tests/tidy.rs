//! What a reviewer would otherwise have to look for: layers, purity, sizes, names and words.
//!
//! All mistakes appear at once, each with its place and what to do. The layers are read from the
//! diagram at the top of `src/lib.rs`, so that picture and code cannot part.

#![allow(clippy::unwrap_used, reason = "a test that fails says so")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// A longer file wants to be two.
const MAX_FILE: usize = 700;
/// What fits a screen.
const MAX_FUNCTION: usize = 70;

/// Files above [`MAX_FILE`], and why each is still one.
const LONG_FILES: &[(&str, &str)] = &[];

/// Functions above [`MAX_FUNCTION`], and why each is still one.
const LONG_FUNCTIONS: &[(&str, &str, &str)] = &[
    (
        "src/server/run.rs",
        "start",
        "the order of start-up, readable from top to bottom",
    ),
    (
        "src/sip/transaction/layer.rs",
        "settle_client",
        "three machines side by side",
    ),
];

/// Crates that one place alone may use: the crate, where, and what to do.
const OWNED: &[(&str, &[&str], &str)] = &[
    (
        "rsip",
        &["src/phone", "tests/", "benches/"],
        "it speaks for the simulated phones; the server reads and writes SIP by crate::sip",
    ),
    (
        "rtp_rs",
        &["src/rtp/packet.rs", "src/phone", "tests/", "benches/"],
        "read and write packets by crate::rtp::packet",
    ),
];

/// What pure code may not mention, and what to do instead.
const IMPURE: &[(&str, &str)] = &[
    ("tokio", "tasks and sockets live in server"),
    ("mio", "sockets live in server"),
    ("socket2", "sockets live in server"),
    ("rusqlite", "the database lives in store"),
    ("redis", "Redis lives in store"),
    ("UdpSocket", "sockets live in server"),
    ("TcpStream", "sockets live in server"),
    ("TcpListener", "sockets live in server"),
    ("ToSocketAddrs", "ask by Output::Resolve"),
    (
        "std::fs",
        "files live in store; take their content as an argument",
    ),
    ("std::env", "settings come in as arguments"),
    ("std::process", "nothing pure starts or ends a process"),
    ("std::thread", "threads live in server"),
    ("SystemTime", "take `now` as an argument"),
    ("Instant::now", "take `now` as an argument"),
    ("getrandom", "a seed comes in at start and at restore"),
    ("thread_rng", "a seed comes in at start and at restore"),
    ("OsRng", "a seed comes in at start and at restore"),
    ("HashMap", "its order differs from run to run: use BTreeMap"),
    ("HashSet", "its order differs from run to run: use BTreeSet"),
];

/// File names that say nothing.
const EMPTY_NAMES: &[&str] = &[
    "util", "utils", "common", "manager", "helper", "helpers", "misc",
];

/// Macros of unfinished work.
const UNFINISHED: &[&str] = &["todo!", "dbg!", "unimplemented!"];

/// What may follow the word that is banned alone.
const SESSION_OF: &[&str] = &[
    "timer",
    "refresh",
    "interval",
    "expires",
    "progress",
    "description",
    "due",
];

/// Pieces of places on somebody's machine, and of hosts that packages come from; in halves, so that
/// this file is no mistake itself.
const PLACES: &[(&str, &str)] = &[
    ("/wor", "k/"),
    ("/tmp/", "wt"),
    ("/ro", "ot/"),
    ("/ho", "me/"),
    ("/Use", "rs/"),
    ("crates", ".io"),
    ("pypi", ".org"),
    ("registry.npm", "js"),
    ("deb.deb", "ian.org"),
    ("proxy.gol", "ang.org"),
];

struct Source {
    path: String,
    text: String,
}

impl Source {
    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Lines with their numbers, comments cut off.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text
            .lines()
            .enumerate()
            .map(|(at, line)| (at + 1, line.find("//").map_or(line, |end| &line[..end])))
    }

    /// The folder or file right under `src/`.
    fn module(&self) -> Option<&str> {
        let rest = self.path.strip_prefix("src/")?;
        let first = rest.split('/').next()?;
        Some(first.strip_suffix(".rs").unwrap_or(first))
    }
}

#[derive(Default)]
struct Mistakes(Vec<String>);

impl Mistakes {
    fn add(&mut self, path: &str, line: usize, what: impl std::fmt::Display) {
        self.0.push(format!("{path}:{line}: {what}"));
    }
}

fn is_word(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_'
}

/// Whether `word` stands in `line` as a word of its own.
fn mentions(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    })
}

// ── Layers ───────────────────────────────────────────────────────────────────────────────────────

/// Who may import whom, and who is pure, as the diagram says.
#[derive(Debug, Default)]
struct Layers {
    allowed: BTreeMap<String, BTreeSet<String>>,
    pure: BTreeSet<String>,
}

impl Layers {
    /// Reads the diagram: rows from top to bottom; in a row chains between `;`, in a chain arrows.
    fn read(library: &str) -> Self {
        let fenced = library.split("//! ```text\n").nth(1).unwrap();
        let rows: Vec<&str> = fenced
            .lines()
            .take_while(|line| *line != "//! ```")
            .map(|line| line.trim_start_matches("//!").trim())
            .collect();
        let mut layers = Self::default();
        let mut below: BTreeSet<String> = BTreeSet::new();
        for row in rows.iter().rev() {
            let (picture, words) = row.split_once("   ").unwrap();
            let mut row_names = BTreeSet::new();
            for chain in picture.split(';') {
                let mut right: BTreeSet<String> = BTreeSet::new();
                for group in chain.rsplit('→') {
                    let names: Vec<String> = group
                        .split(',')
                        .map(|name| name.trim().to_owned())
                        .collect();
                    for name in &names {
                        let may = layers.allowed.entry(name.clone()).or_default();
                        may.extend(right.iter().cloned());
                        may.extend(below.iter().cloned());
                    }
                    right.extend(names);
                }
                row_names.extend(right);
            }
            let words = words.trim();
            if words.starts_with("pure") || words.starts_with("vocabulary") {
                layers.pure.extend(row_names.iter().cloned());
            }
            if words.starts_with("vocabulary") {
                layers.settle_vocabulary(picture);
            }
            // The other side of the wire stands below the house: nobody builds on it.
            if row_names.contains("phone") {
                continue;
            }
            below.extend(row_names);
        }
        let vocabulary: BTreeSet<String> = below
            .iter()
            .filter(|name| layers.pure.contains(*name) && layers.is_vocabulary(name))
            .cloned()
            .collect();
        layers.allowed.insert("phone".into(), vocabulary);
        layers
            .allowed
            .entry("cli".into())
            .or_default()
            .insert("phone".into());
        layers
    }

    /// Words may be made of words to their right.
    fn settle_vocabulary(&mut self, picture: &str) {
        let names: Vec<&str> = picture.split(',').map(str::trim).collect();
        for (at, name) in names.iter().enumerate() {
            let may = self.allowed.entry((*name).to_owned()).or_default();
            may.extend(names[at + 1..].iter().map(|name| (*name).to_owned()));
        }
    }

    fn is_vocabulary(&self, name: &str) -> bool {
        ["event", "ids", "time", "private"].contains(&name)
    }

    fn check(&self, source: &Source, mistakes: &mut Mistakes) {
        let Some(module) = source.module() else {
            return;
        };
        if module == "lib" {
            return;
        }
        let Some(allowed) = self.allowed.get(module) else {
            let what = format!("{module} has no place in the diagram of src/lib.rs; give it one");
            return mistakes.add(&source.path, 1, what);
        };
        let root = if module == "main" {
            "qaynar::"
        } else {
            "crate::"
        };
        for (line, code) in source.code() {
            for (at, _) in code.match_indices(root) {
                for name in first_names(&code[at + root.len()..]) {
                    if name != module && !allowed.contains(name) {
                        let what = format!(
                            "{module} imports {name}; imports go right or down: move what both need \
                             down, or turn the call into a message"
                        );
                        mistakes.add(&source.path, line, what);
                    }
                }
            }
        }
    }
}

/// `sip` of `sip::flow`; `a`, `b` of `{a, b::c}`.
fn first_names(rest: &str) -> Vec<&str> {
    let end = |text: &str| text.find(|c| !is_word(c)).unwrap_or(text.len());
    let Some(list) = rest.strip_prefix('{') else {
        return vec![&rest[..end(rest)]];
    };
    let list = list.split('}').next().unwrap_or(list);
    list.split(',')
        .map(str::trim)
        .map(|item| &item[..end(item)])
        .filter(|name| !name.is_empty())
        .collect()
}

fn check_purity(layers: &Layers, source: &Source, mistakes: &mut Mistakes) {
    if !source
        .module()
        .is_some_and(|module| layers.pure.contains(module))
    {
        return;
    }
    for (line, code) in source.code() {
        for (word, remedy) in IMPURE {
            if mentions(code, word) {
                mistakes.add(
                    &source.path,
                    line,
                    format!("pure code mentions {word}: {remedy}"),
                );
            }
        }
    }
}

fn check_owned_crates(source: &Source, mistakes: &mut Mistakes) {
    for (name, places, remedy) in OWNED {
        if places.iter().any(|place| source.path.starts_with(place)) {
            continue;
        }
        for (line, code) in source.code() {
            if mentions(code, name) {
                mistakes.add(
                    &source.path,
                    line,
                    format!("{name} does not belong here: {remedy}"),
                );
            }
        }
    }
}

// ── Sizes ────────────────────────────────────────────────────────────────────────────────────────

fn check_sizes(source: &Source, mistakes: &mut Mistakes) {
    let lines = source.text.lines().count();
    let excused = LONG_FILES.iter().any(|(path, _)| *path == source.path);
    if lines > MAX_FILE && !excused {
        let what = format!("{lines} lines, {MAX_FILE} are the limit: part it, or list a reason");
        mistakes.add(&source.path, lines, what);
    }
    if lines <= MAX_FILE && excused {
        mistakes.add(
            &source.path,
            lines,
            "short enough now: take it off LONG_FILES",
        );
    }
    let functions = functions(&source.text);
    for (line, name, length) in &functions {
        let excused = is_excused(&source.path, name);
        if *length > MAX_FUNCTION && !excused {
            let what = format!("{name} has {length} lines, {MAX_FUNCTION} are the limit: part it");
            mistakes.add(&source.path, *line, what);
        }
    }
    for (path, name, _) in LONG_FUNCTIONS {
        let long = |(_, one, length): &(usize, &str, usize)| one == name && *length > MAX_FUNCTION;
        if *path == source.path && !functions.iter().any(long) {
            let what = format!("{name} is short enough now: take it off LONG_FUNCTIONS");
            mistakes.add(&source.path, 1, what);
        }
    }
}

fn is_excused(path: &str, function: &str) -> bool {
    let same = |(file, name, _): &(&str, &str, &str)| *file == path && *name == function;
    LONG_FUNCTIONS.iter().any(same)
}

/// Line, name and length of each function, by the formatter's indentation.
fn functions(text: &str) -> Vec<(usize, &str, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let indent = line.len() - line.trim_start().len();
        let Some((before, after)) = line.split_once("fn ") else {
            continue;
        };
        let modifier = |word: &str| {
            word.starts_with("pub") || ["async", "const", "unsafe", "in"].contains(&word)
        };
        if !before.split_whitespace().all(modifier) {
            continue;
        }
        let name = after.split(|c| !is_word(c)).next().unwrap_or_default();
        let close = format!("{}}}", " ".repeat(indent));
        if let Some(length) = lines[at..].iter().position(|line| *line == close) {
            found.push((at + 1, name, length + 1));
        }
    }
    found
}

// ── Names and words ──────────────────────────────────────────────────────────────────────────────

fn check_names(source: &Source, mistakes: &mut Mistakes) {
    let stem = |part: &str| part.split('.').next().unwrap_or_default().to_lowercase();
    for part in source.path.split('/') {
        if EMPTY_NAMES.contains(&stem(part).as_str()) {
            let what = format!("{part} says nothing: name the file for what is in it");
            mistakes.add(&source.path, 1, what);
        }
    }
}

fn check_words(source: &Source, mistakes: &mut Mistakes) {
    for (at, line) in source.text.lines().enumerate() {
        for word in UNFINISHED {
            if source.is_rust() && line.contains(word) {
                mistakes.add(
                    &source.path,
                    at + 1,
                    format!("{word} is unfinished work: finish it"),
                );
            }
        }
        for (left, right) in PLACES {
            let place = format!("{left}{right}");
            if line.contains(&place) {
                let what = format!("{place} names a machine or a registry: take it out");
                mistakes.add(&source.path, at + 1, what);
            }
        }
        if says_session(line) {
            let what = "“session” alone: say call, dialog or leg (RFC 4028 has session timers)";
            mistakes.add(&source.path, at + 1, what);
        }
    }
}

/// Whether the banned word stands for a call: neither an RFC's compound, nor the timer of RFC 4028
/// under its short name.
fn says_session(line: &str) -> bool {
    let line = line.to_ascii_lowercase();
    line.match_indices("session").any(|(at, word)| {
        let before = &line[..at];
        let after = line[at + word.len()..].trim_start_matches(['s', '-', '_', ' ', ':']);
        let timer = before.ends_with("timer::") || before.ends_with("fn set_");
        let timer = timer || before.ends_with("self.set_") || line.trim() == "session,";
        !timer && !SESSION_OF.iter().any(|next| after.starts_with(next))
    })
}

// ── Test data ────────────────────────────────────────────────────────────────────────────────────

/// Each file of tests/data has a line `path` or `folder/` in its list that says where it came from.
fn check_data(paths: &[String], list: &str, mistakes: &mut Mistakes) {
    let listed: Vec<&str> = list
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .collect();
    for path in paths {
        let Some(inside) = path.strip_prefix("tests/data/") else {
            continue;
        };
        let covers = |one: &str| one == inside || (one.ends_with('/') && inside.starts_with(one));
        if inside != "SOURCES.md" && !listed.iter().any(|one| covers(one)) {
            mistakes.add(path, 1, "say in tests/data/SOURCES.md where it came from");
        }
    }
    for one in listed {
        let used = |path: &String| path.trim_start_matches("tests/data/").starts_with(one);
        if !paths.iter().any(used) {
            mistakes.add(
                "tests/data/SOURCES.md",
                1,
                format!("{one} is not there any more"),
            );
        }
    }
}

// ── The whole house ──────────────────────────────────────────────────────────────────────────────

/// What stands at the top of the house; a new room goes below `src`.
const TOP: &[&str] = &[
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "benches",
    "dialplans",
    "fuzz",
    "src",
    "tests",
];

fn check_top(paths: &[String], mistakes: &mut Mistakes) {
    for path in paths {
        let first = path.split('/').next().unwrap_or_default();
        if !first.starts_with('.') && !TOP.contains(&first) {
            mistakes.add(path, 1, format!("{first} is no room of the top level"));
        }
    }
}

/// All files of the checkout but what git, builds and runs leave there.
fn walk(folder: &Path, root: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path
            .strip_prefix(root)
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned();
        let left = [".git", "target", "data"].contains(&name.as_str());
        // Where cargo-fuzz puts things when it is run by hand.
        if left || ["fuzz/target", "fuzz/corpus", "fuzz/artifacts"].contains(&name.as_str()) {
            continue;
        }
        if path.is_dir() {
            walk(&path, root, found);
        } else {
            found.push(name);
        }
    }
}

#[test]
fn the_house_is_tidy() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    walk(root, root, &mut paths);
    paths.sort();
    assert!(paths.len() > 100, "only {} files were found", paths.len());
    let layers = Layers::read(&fs::read_to_string(root.join("src/lib.rs")).unwrap());
    let mut mistakes = Mistakes::default();
    for path in &paths {
        // What is no text says nothing; lock files name their registry of necessity.
        let Ok(text) = fs::read_to_string(root.join(path)) else {
            continue;
        };
        let source = Source {
            path: path.clone(),
            text,
        };
        check_names(&source, &mut mistakes);
        let own = path == "tests/tidy.rs";
        if !path.ends_with("Cargo.lock") && !own && !path.starts_with("tests/data/") {
            check_words(&source, &mut mistakes);
        }
        if source.is_rust() && !own {
            layers.check(&source, &mut mistakes);
            check_purity(&layers, &source, &mut mistakes);
            check_owned_crates(&source, &mut mistakes);
        }
        if source.is_rust() {
            check_sizes(&source, &mut mistakes);
        }
    }
    let list = fs::read_to_string(root.join("tests/data/SOURCES.md")).unwrap_or_default();
    check_data(&paths, &list, &mut mistakes);
    check_top(&paths, &mut mistakes);
    let count = mistakes.0.len();
    assert!(count == 0, "{count} mistakes:\n{}", mistakes.0.join("\n"));
}

/// All mistakes of one made-up file.
fn mistakes_in(path: &str, text: &str) -> Vec<String> {
    let layers = Layers::read(include_str!("../src/lib.rs"));
    let source = Source {
        path: path.to_owned(),
        text: text.to_owned(),
    };
    let mut mistakes = Mistakes::default();
    layers.check(&source, &mut mistakes);
    check_purity(&layers, &source, &mut mistakes);
    check_owned_crates(&source, &mut mistakes);
    check_sizes(&source, &mut mistakes);
    check_names(&source, &mut mistakes);
    check_words(&source, &mut mistakes);
    mistakes.0
}

/// Else the test above could not fail.
#[test]
fn each_kind_of_mistake_is_found() {
    let long = format!("fn long() {{\n{}}}\n", "    go();\n".repeat(MAX_FUNCTION));
    let many = "// line\n".repeat(MAX_FILE + 1);
    let place = format!("see {}{}shared", PLACES[0].0, PLACES[0].1);
    for (path, text) in [
        ("src/sip/a.rs", "use crate::switch::Switch;"),
        ("src/queue/a.rs", "use crate::registrar::Binding;"),
        ("src/sip/a.rs", "use crate::{switch::Switch, time::Wall};"),
        (
            "src/event.rs",
            "let quality = crate::media::Quality::default();",
        ),
        ("src/phone/a.rs", "use crate::sip::uri::Uri;"),
        ("src/switch/a.rs", "use crate::phone::Phone;"),
        ("src/nowhere/a.rs", "fn a() {}"),
        ("src/switch/a.rs", "let now = Instant::now();"),
        ("src/queue/a.rs", "use std::collections::HashMap;"),
        ("src/media/a.rs", "use std::net::UdpSocket;"),
        ("src/rtp/a.rs", "tokio::spawn(a);"),
        ("src/server/a.rs", "use rsip::Request;"),
        ("src/media/a.rs", "use rtp_rs::RtpReader;"),
        ("src/server/a.rs", &long),
        ("src/server/a.rs", &many),
        ("src/server/utils.rs", "fn a() {}"),
        ("README.md", "each session is a call"),
        ("src/server/a.rs", "struct CallSession;"),
        ("src/server/a.rs", "todo!()"),
        ("README.md", &place),
    ] {
        let found = mistakes_in(path, text);
        assert_eq!(found.len(), 1, "{path}: {text}: {found:?}");
    }
}

#[test]
fn what_is_well_is_not_called_a_mistake() {
    for (path, text) in [
        (
            "src/sip/a.rs",
            "use crate::sdp::Description; // tokio::spawn",
        ),
        ("src/sdp/a.rs", "use crate::rtp::codec::Codec;"),
        (
            "src/phone/a.rs",
            "use crate::ids::CallId; use rsip::Request;",
        ),
        (
            "src/switch/a.rs",
            "let timer: SessionTimer = session_timer::new();",
        ),
        ("src/sip/a.rs", "use std::net::{IpAddr, SocketAddr};"),
    ] {
        assert_eq!(mistakes_in(path, text), Vec::<String>::new());
    }
}

#[test]
fn unlisted_and_vanished_test_data_is_found() {
    let mut mistakes = Mistakes::default();
    let paths = ["tests/data/a.wav", "tests/data/b/c.sip"].map(ToOwned::to_owned);
    check_data(&paths, "| `b/` | ours |\n| `gone` | ours |", &mut mistakes);
    assert_eq!(mistakes.0.len(), 2, "{:?}", mistakes.0);
}
