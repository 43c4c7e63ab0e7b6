//! Messages written to hurt: one for each case of RFC 4475 §3 and RFC 5118 §4, in
//! `tests/data/torture`, against the pure switch and against the built server by UDP and TCP. An
//! OPTIONS is answered after each.
//!
//! A message's file has its lines as they are, each ended by CRLF when it is sent; `\xNN` is an
//! octet, and `{length}` the length of the body. Where `QAYNAR_SIP_DATA` names a folder with the
//! RFCs' own messages, those are run as well (`torture/theirs.rs`), and so are whole call flows
//! (`torture/flows.rs`).

#![allow(clippy::unwrap_used, reason = "a test that fails says so")]

mod desk;
mod house;

#[path = "torture/flows.rs"]
mod flows;
#[path = "torture/theirs.rs"]
mod theirs;
#[path = "torture/wire.rs"]
mod wire;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use house::House;
use wire::{by_desk, by_tcp, by_udp, replace, report};

/// One line of our table.
struct Case {
    name: String,
    section: String,
    udp: String,
    tcp: String,
    why: String,
    bytes: Vec<u8>,
}

impl Case {
    /// `None`: it got what it must get.
    fn wrong(&self, got: &str, expected: &str) -> Option<String> {
        let Self { name, why, .. } = self;
        (got != expected).then(|| format!("{name}: {got}, not {expected}: {why}"))
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/torture")
}

fn cases() -> Vec<Case> {
    let table = fs::read_to_string(folder().join("expected.tsv")).unwrap();
    let lines = table.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let columns: Vec<&str> = line.split('\t').collect();
            let [name, section, udp, tcp, why] = columns[..] else {
                panic!("five columns, not: {line}");
            };
            let text = fs::read_to_string(folder().join(format!("{name}.sip"))).unwrap();
            Case {
                name: name.to_owned(),
                section: section.to_owned(),
                udp: udp.to_owned(),
                tcp: if tcp == "=" { udp } else { tcp }.to_owned(),
                why: why.to_owned(),
                bytes: message(&text),
            }
        })
        .collect()
}

/// The octets of a message's file.
fn message(text: &str) -> Vec<u8> {
    let bytes = octets(&text.replace('\n', "\r\n"));
    let body = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    let length = body.map_or(0, |at| bytes.len() - at - 4).to_string();
    replace(&bytes, b"{length}", length.as_bytes())
}

fn octets(text: &str) -> Vec<u8> {
    let mut pieces = text.split("\\x");
    let mut out = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        out.push(u8::from_str_radix(&piece[..2], 16).unwrap());
        out.extend_from_slice(&piece.as_bytes()[2..]);
    }
    out
}

#[test]
fn each_case_of_both_rfcs_has_its_message_and_each_message_its_case() {
    let cases = cases();
    let of = |rfc: &str| {
        let all = cases.iter().filter(|case| case.section.starts_with(rfc));
        let sections: BTreeSet<&str> = all.clone().map(|case| case.section.as_str()).collect();
        (all.count(), sections.len())
    };
    assert_eq!(of("4475 3."), (49, 49), "each paragraph has one message");
    // §4.5 and §4.10 have two messages each.
    assert_eq!(of("5118 4."), (12, 10), "each paragraph has its messages");
    let named: BTreeSet<&str> = cases.iter().map(|case| case.name.as_str()).collect();
    assert_eq!(named.len(), 61, "no name stands twice");
    for entry in fs::read_dir(folder()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let known = name.ends_with(".tsv") || named.contains(name.trim_end_matches(".sip"));
        assert!(known, "{name} is in no line of expected.tsv");
    }
}

#[test]
fn the_switch_gives_each_message_its_answer() {
    let wrong = cases()
        .iter()
        .filter_map(|case| case.wrong(&by_desk(&case.bytes), &case.udp))
        .collect::<Vec<_>>();
    report(&wrong);
}

#[test]
fn the_server_gives_each_message_its_answer_by_udp() {
    let server = House::new("").serve();
    let mut wrong = Vec::new();
    for (at, case) in cases().iter().enumerate() {
        let got = by_udp(&server, &case.bytes, &at.to_string());
        wrong.extend(case.wrong(&got, &case.udp));
    }
    report(&wrong);
}

#[test]
fn the_server_gives_each_message_its_answer_by_tcp() {
    let server = House::new("").serve();
    let mut wrong = Vec::new();
    for (at, case) in cases().iter().enumerate() {
        let got = by_tcp(&server, &case.bytes, &at.to_string(), &case.tcp);
        wrong.extend(case.wrong(&got, &case.tcp));
    }
    report(&wrong);
}
