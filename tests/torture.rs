//! Messages written to hurt: one for each case of RFC 4475 §3 and RFC 5118 §4, in
//! `tests/data/torture`, against the pure switch and against the built server by UDP and TCP. An
//! OPTIONS is answered after each.
//!
//! A message's file has its lines as they are, each ended by CRLF when it is sent; `\xNN` is an
//! octet, and `{length}` the length of the body. Where `QAYNAR_SIP_DATA` names a folder with the
//! RFCs' own messages and an `expected.tsv`, those are run as well.

#![allow(clippy::unwrap_used, reason = "a test that fails says so")]

mod desk;
mod house;

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::net::Shutdown;
use std::path::{Path, PathBuf};

use desk::{Desk, from, response, settings};
use house::{House, Server, options, read_message};
use qaynar::sip::message::{Name, Response};
use qaynar::sip::parse::parse_datagram;

/// One line of our table.
struct Case {
    name: String,
    udp: String,
    tcp: String,
    why: String,
    bytes: Vec<u8>,
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
            let [name, _, udp, tcp, why] = columns[..] else {
                panic!("five columns, not: {line}");
            };
            let text = fs::read_to_string(folder().join(format!("{name}.sip"))).unwrap();
            Case {
                name: name.to_owned(),
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

fn replace(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    match bytes.windows(from.len()).position(|some| some == from) {
        Some(at) => [&bytes[..at], to, &bytes[at + from.len()..]].concat(),
        None => bytes.to_vec(),
    }
}

/// The message with a Call-ID and branches of its own, so that it is no repetition of another.
fn fresh(bytes: &[u8], mark: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + 64);
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let lower = line.to_ascii_lowercase();
        let branch = b"branch=z9hg4bk";
        let at = lower.windows(branch.len()).position(|some| some == branch);
        let call_id = lower.starts_with(b"call-id:") || lower.starts_with(b"i:");
        let cut = match at {
            // A cookie with nothing behind it is the case itself.
            Some(at) if is_letter(line.get(at + branch.len())) => at + branch.len(),
            _ if call_id => line.iter().position(|byte| *byte == b':').unwrap() + 1,
            _ => 0,
        };
        out.extend_from_slice(&line[..cut]);
        if cut > 0 {
            out.extend_from_slice(mark.as_bytes());
        }
        out.extend_from_slice(line[cut..].trim_ascii_start());
        if cut == 0 {
            let end = out.len() - line.trim_ascii_start().len();
            out.truncate(end);
            out.extend_from_slice(line);
        }
    }
    out
}

fn is_letter(byte: Option<&u8>) -> bool {
    byte.is_some_and(|byte| byte.is_ascii_graphic() && *byte != b';')
}

/// `NONE`, or the statuses in their order, repetitions left out.
fn words(answers: &[Response]) -> String {
    let mut statuses: Vec<String> = answers.iter().map(|one| one.status.to_string()).collect();
    statuses.dedup();
    if statuses.is_empty() {
        return "NONE".to_owned();
    }
    statuses.join(" ")
}

/// What makes a refusal one that the peer can act on.
fn lacks(answer: &Response) -> Option<&'static str> {
    let (name, what) = match answer.status {
        401 => (Name::WwwAuthenticate, "401 without WWW-Authenticate"),
        405 | 501 => (Name::Allow, "405 or 501 without Allow"),
        415 => (Name::Accept, "415 without Accept"),
        420 => (Name::Unsupported, "420 without Unsupported"),
        503 => (Name::RetryAfter, "503 without Retry-After"),
        _ => return None,
    };
    (!answer.headers.has(name)).then_some(what)
}

/// What the pure switch answers to a message by UDP; then it still answers an OPTIONS.
fn by_desk(bytes: &[u8]) -> Vec<Response> {
    let mut desk = Desk::new(settings());
    let flow = from("127.0.0.1:5080");
    let answers = desk.ask(flow, bytes);
    let pulse = desk.ask(flow, options("pulse", "UDP").as_bytes());
    assert_eq!(words(&pulse), "200", "no OPTIONS is answered any more");
    answers
}

/// What the server answers to a datagram; the OPTIONS behind it shows that no more will come.
fn by_udp(server: &Server, bytes: &[u8], mark: &str) -> Vec<Response> {
    let socket = server.socket();
    let pulse = format!("pulse-{mark}");
    socket.send(bytes).unwrap();
    socket.send(options(&pulse, "UDP").as_bytes()).unwrap();
    let mut answers = Vec::new();
    let mut buffer = vec![0; 65_535];
    loop {
        let length = socket.recv(&mut buffer).expect("no OPTIONS is answered");
        let answer = response(&buffer[..length]);
        if answer.headers.call_id() == Ok(&pulse) {
            assert_eq!(answer.status, 200);
            return answers;
        }
        answers.push(answer);
    }
}

/// What the server answers on a connection, with what becomes of the connection.
fn by_tcp(server: &Server, bytes: &[u8], mark: &str, expected: &str) -> String {
    let mut stream = server.connect();
    let mut buffer = Vec::new();
    stream.write_all(bytes).unwrap();
    let pulse = format!("pulse-{mark}");
    let closes = expected.ends_with("CLOSES");
    if !closes {
        stream.write_all(options(&pulse, "TCP").as_bytes()).unwrap();
    }
    if expected == "WAITS" {
        stream.shutdown(Shutdown::Write).unwrap();
    }
    let mut answers = Vec::new();
    let mut alive = false;
    while let Some(bytes) = read_message(&mut stream, &mut buffer) {
        let answer = response(&bytes);
        if answer.headers.call_id() == Ok(&pulse) {
            alive = answer.status == 200;
            break;
        }
        answers.push(answer);
    }
    if !alive {
        let mut other = server.connect();
        other.write_all(options(&pulse, "TCP").as_bytes()).unwrap();
        let bytes = read_message(&mut other, &mut Vec::new()).expect("no OPTIONS is answered");
        assert_eq!(response(&bytes).status, 200);
    }
    match (alive, answers.is_empty()) {
        (true, _) => words(&answers),
        (false, true) => "WAITS".to_owned(),
        (false, false) => format!("{} CLOSES", words(&answers)),
    }
}

fn report(wrong: &[String]) {
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn each_case_of_both_rfcs_has_its_message_and_each_message_its_case() {
    let table = fs::read_to_string(folder().join("expected.tsv")).unwrap();
    let sections: Vec<&str> = table
        .lines()
        .filter_map(|line| line.split('\t').nth(1)?.strip_prefix("4475 "))
        .collect();
    assert_eq!(sections.iter().collect::<BTreeSet<_>>().len(), 49);
    let named: BTreeSet<String> = cases().into_iter().map(|case| case.name).collect();
    for entry in fs::read_dir(folder()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let known = name == "expected.tsv" || named.contains(name.trim_end_matches(".sip"));
        assert!(known, "{name} is in no line of expected.tsv");
    }
}

#[test]
fn the_switch_gives_each_message_its_answer() {
    let mut wrong = Vec::new();
    for case in cases() {
        let answers = by_desk(&case.bytes);
        let got = words(&answers);
        if got != case.udp {
            wrong.push(format!(
                "{}: {got}, not {}: {}",
                case.name, case.udp, case.why
            ));
        }
        wrong.extend(
            answers
                .iter()
                .find_map(lacks)
                .map(|what| format!("{}: {what}", case.name)),
        );
    }
    report(&wrong);
}

#[test]
fn the_server_gives_each_message_its_answer_by_udp() {
    let server = House::new("").serve();
    let mut wrong = Vec::new();
    for (at, case) in cases().iter().enumerate() {
        let got = words(&by_udp(&server, &case.bytes, &at.to_string()));
        if got != case.udp {
            wrong.push(format!(
                "{}: {got}, not {}: {}",
                case.name, case.udp, case.why
            ));
        }
    }
    report(&wrong);
}

#[test]
fn the_server_gives_each_message_its_answer_by_tcp() {
    let server = House::new("").serve();
    let mut wrong = Vec::new();
    for (at, case) in cases().iter().enumerate() {
        let got = by_tcp(&server, &case.bytes, &at.to_string(), &case.tcp);
        if got != case.tcp {
            wrong.push(format!(
                "{}: {got}, not {}: {}",
                case.name, case.tcp, case.why
            ));
        }
    }
    report(&wrong);
}

// ── The RFCs' own messages, where they are at hand ───────────────────────────────────────────────

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

/// Whether a column of `expected.tsv` allows an answer.
fn allows(column: &str, got: &str) -> bool {
    let ua = "401 403 404 405 407 410 480 484 488 503 604";
    column.split(',').any(|token| match token {
        "ANY" => got != "NONE",
        "VALID" => got != "NONE" && !["400", "414", "500", "505"].contains(&got),
        "UA" => ua.split(' ').any(|status| status == got),
        exact => exact == got,
    })
}

/// File, preferred, also tolerable, and the message.
fn theirs() -> Vec<(String, String, String, Vec<u8>)> {
    let Some(folder) = std::env::var_os("QAYNAR_SIP_DATA").map(PathBuf::from) else {
        eprintln!("QAYNAR_SIP_DATA names no folder: only our own messages are run");
        return Vec::new();
    };
    let table = fs::read_to_string(folder.join("expected.tsv")).expect("QAYNAR_SIP_DATA");
    let lines = table.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let columns: Vec<&str> = line.split('\t').collect();
            let path = folder.join(columns[0]).join(columns[1]);
            let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
            let bytes = if columns[0] == "rfc5118" {
                mended(&bytes)
            } else {
                bytes
            };
            (
                columns[1].into(),
                columns[4].into(),
                columns[5].into(),
                bytes,
            )
        })
        .collect()
}

/// The copies of RFC 5118 lack their last empty line, or count line ends as one octet.
fn mended(bytes: &[u8]) -> Vec<u8> {
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
    replace(
        &bytes,
        old.as_bytes(),
        format!("Content-Length: {length}").as_bytes(),
    )
}

fn judge(file: &str, prefer: &str, accept: &str, got: &str) -> Option<String> {
    let excused = ELSE
        .iter()
        .any(|(one, status, _)| *one == file && *status == got);
    let well = allows(prefer, got) || (excused && allows(accept, got));
    (!well).then(|| format!("{file}: {got}, not {prefer} ({accept})"))
}

#[test]
fn the_rfcs_own_messages_get_what_is_preferred() {
    let theirs = theirs();
    let server = (!theirs.is_empty()).then(|| House::new("").serve());
    let mut wrong = Vec::new();
    for (at, (file, prefer, accept, bytes)) in theirs.iter().enumerate() {
        let got = words(&by_desk(bytes));
        wrong.extend(judge(file, prefer, accept, &got));
        let mark = format!("m{at}-");
        let got = words(&by_udp(
            server.as_ref().unwrap(),
            &fresh(bytes, &mark),
            &mark,
        ));
        wrong.extend(judge(file, prefer, accept, &got).map(|text| format!("by UDP, {text}")));
    }
    report(&wrong);
}

/// The messages of a flow: items of a YAML list, each a block two spaces deep.
fn flow(text: &str) -> Vec<Vec<u8>> {
    let blocks = text.split("\n- |").skip(1);
    let message = |block: &str| {
        let lines = block
            .lines()
            .skip(1)
            .map(|line| line.get(2..).unwrap_or_default());
        let whole: Vec<&str> = lines.collect();
        mended(format!("{}\r\n", whole.join("\r\n")).as_bytes())
    };
    blocks.map(message).collect()
}

#[test]
fn the_flows_of_the_rfcs_can_all_be_read() {
    let Some(folder) = std::env::var_os("QAYNAR_SIP_DATA").map(PathBuf::from) else {
        return;
    };
    let (mut wrong, mut count) = (Vec::new(), 0);
    for rfc in fs::read_dir(folder.join("flows")).unwrap() {
        let rfc = rfc.unwrap().path();
        let Ok(files) = fs::read_dir(&rfc) else {
            continue;
        };
        for file in files.map(|file| file.unwrap().path()) {
            if file.extension().is_none_or(|ending| ending != "yaml") {
                continue;
            }
            for bytes in flow(&fs::read_to_string(&file).unwrap()) {
                // RFC 5626 shows some messages in part.
                if !bytes.windows(5).any(|some| some == b"Via: ") {
                    continue;
                }
                count += 1;
                if let Err(fault) = parse_datagram(&bytes) {
                    let name = file.file_name().unwrap();
                    let text = String::from_utf8_lossy(&bytes).into_owned();
                    wrong.push(format!("{name:?}: {}\n{text}", fault.fault));
                }
            }
        }
    }
    assert!(count > 100, "only {count} messages were found");
    report(&wrong);
}
