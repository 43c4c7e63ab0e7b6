//! The RFCs' own messages, where `QAYNAR_SIP_DATA` names a folder with them and an `expected.tsv`:
//! none is skipped, each gets the preferred answer by UDP and TCP, and where only a tolerable one is
//! given, [`ELSE`] says why.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::house::House;
use crate::wire::{by_desk, by_tcp, by_udp, fresh, replace, report};

/// Where our answer is tolerable but not the first choice: the file, our answer, and why.
const ELSE: &[(&str, &str, &str)] = &[
    (
        "baddate.dat",
        "200",
        "Date is not read here: nobody is refused for a clock",
    ),
    (
        "badaspec.dat",
        "200",
        "the spaces mean nothing; passed over",
    ),
    (
        "baddn.dat",
        "200",
        "the quotes are missing, the address is plain; passed over",
    ),
    (
        "mismatch02.dat",
        "400",
        "both faults are there; the one in the grammar is told",
    ),
];

/// What happens on a connection where it is not one answer: the file, all that we do, and why.
const ON_A_CONNECTION: &[(&str, &str, &str)] = &[
    (
        "dblreq.dat",
        "401 400 CLOSES",
        "two requests; the second lacks a Contact, its length falls short, and what is left is no start line",
    ),
    (
        "clerr.dat",
        "WAITS",
        "the rest of the body may still come (RFC 3261 §18.3)",
    ),
    ("ncl.dat", "400 CLOSES", "where the next one begins is lost"),
    (
        "mcl01.dat",
        "400 CLOSES",
        "where the next one begins is lost",
    ),
    (
        "inv2543.dat",
        "400 CLOSES",
        "a stream cannot do without Content-Length (RFC 3261 §20.14)",
    ),
];

/// In the folders, in no line of the table: a request line without a version and a header line without
/// a colon. By TCP it has neither the end of its headers' fault nor of its frame.
const UNLISTED: &[(&str, &str, &str)] = &[("extra-test.dat", "NONE", "NONE")];

struct Case {
    file: String,
    prefer: String,
    accept: String,
    bytes: Vec<u8>,
}

/// The folder; `None`: no variable names one, and only our own messages are run.
pub(crate) fn sip_data() -> Option<PathBuf> {
    let folder = std::env::var_os("QAYNAR_SIP_DATA").map(PathBuf::from);
    if folder.is_none() {
        eprintln!("QAYNAR_SIP_DATA names no folder: only our own messages are run");
    }
    folder
}

fn read(folder: &Path, suite: &str, file: &str) -> Vec<u8> {
    let path = folder.join(suite).join(file);
    let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    match suite {
        "rfc5118" => mended(&bytes),
        _ => bytes,
    }
}

fn cases(folder: &Path) -> Vec<Case> {
    let table = fs::read_to_string(folder.join("expected.tsv")).expect("expected.tsv");
    let lines = table.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let columns: Vec<&str> = line.split('\t').collect();
            Case {
                file: columns[1].into(),
                prefer: columns[4].into(),
                accept: columns[5].into(),
                bytes: read(folder, columns[0], columns[1]),
            }
        })
        .collect()
}

/// The copies of RFC 5118 lack their last empty line, or count line ends as one octet.
pub(crate) fn mended(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    if !bytes.windows(4).any(|four| four == b"\r\n\r\n") {
        bytes.extend_from_slice(b"\r\n");
    }
    let head = bytes
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap()
        + 4;
    let length = (bytes.len() - head).to_string();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let old = text.lines().find(|line| line.starts_with("Content-Length"));
    let Some(old) = old else { return bytes };
    let new = format!("Content-Length: {length}");
    replace(&bytes, old.as_bytes(), new.as_bytes())
}

/// Whether a column of `expected.tsv` allows one answer.
fn allows(column: &str, got: &str) -> bool {
    let ua = "401 403 404 405 407 410 480 484 488 503 604";
    column.split(',').any(|token| match token {
        "ANY" => got != "NONE",
        "VALID" => got != "NONE" && !["400", "414", "500", "505"].contains(&got),
        "UA" => ua.split(' ').any(|status| status == got),
        exact => exact == got,
    })
}

impl Case {
    /// `None`: well. What is tolerable alone needs a reason.
    fn judge(&self, got: &str, excuses: &[(&str, &str, &str)]) -> Option<String> {
        let Self {
            file,
            prefer,
            accept,
            ..
        } = self;
        let excuse = |(one, status, _): &&(&str, &str, &str)| one == file && *status == got;
        let excuse = excuses.iter().find(excuse);
        // The column is about the message; what becomes of the connection has its reason.
        let answer = match excuse {
            Some((_, "WAITS", _)) => "NONE",
            Some((_, all, _)) => all.split(' ').next().unwrap_or_default(),
            None => got,
        };
        let well = allows(prefer, answer) || (excuse.is_some() && allows(accept, answer));
        (!well).then(|| format!("{file}: {got}, not {prefer} ({accept})"))
    }

    /// What is to happen on a connection, where it is not one answer.
    fn on_a_connection(&self) -> &str {
        let mut listed = ON_A_CONNECTION.iter();
        let own = listed.find(|(file, ..)| *file == self.file);
        own.map_or("", |(_, all, _)| all)
    }
}

#[test]
fn none_of_the_rfcs_messages_is_skipped() {
    let Some(folder) = sip_data() else { return };
    let cases = cases(&folder);
    let listed: BTreeSet<&str> = cases.iter().map(|case| case.file.as_str()).collect();
    let unlisted = |name: &str| UNLISTED.iter().any(|(file, ..)| *file == name);
    assert_eq!(listed.len(), 61, "49 of RFC 4475, 12 of RFC 5118");
    for suite in ["rfc4475", "rfc5118"] {
        for entry in fs::read_dir(folder.join(suite)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            assert!(
                listed.contains(name.as_str()) || unlisted(&name),
                "{name} is run by nobody"
            );
        }
    }
}

#[test]
fn the_rfcs_own_messages_get_what_is_preferred() {
    let Some(folder) = sip_data() else { return };
    let server = House::new("").serve();
    let mut wrong = Vec::new();
    for (at, case) in cases(&folder).iter().enumerate() {
        wrong.extend(case.judge(&by_desk(&case.bytes), ELSE));
        let mark = format!("u{at}-");
        let got = by_udp(&server, &fresh(&case.bytes, &mark), &mark);
        wrong.extend(case.judge(&got, ELSE).map(|text| format!("by UDP, {text}")));
        let mark = format!("t{at}-");
        let end = case.on_a_connection();
        let got = by_tcp(&server, &fresh(&case.bytes, &mark), &mark, end);
        let mistake = case.judge(&got, &[ELSE, ON_A_CONNECTION].concat());
        wrong.extend(mistake.map(|text| format!("by TCP, {text}")));
    }
    for (file, udp, tcp) in UNLISTED {
        let bytes = read(&folder, "rfc4475", file);
        let got = by_udp(&server, &bytes, file);
        if got != *udp {
            wrong.push(format!("by UDP, {file}: {got}, not {udp}"));
        }
        let got = by_tcp(&server, &bytes, file, tcp);
        if got != *tcp {
            wrong.push(format!("by TCP, {file}: {got}, not {tcp}"));
        }
    }
    report(&wrong);
}
