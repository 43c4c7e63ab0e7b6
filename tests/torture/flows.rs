//! Whole call flows that others wrote, where `QAYNAR_SIP_DATA` names a folder with them: each message
//! in its order, by UDP, and all on one connection; and what came out of other people's streams.
//! `tests/data/flows.tsv` says what each message gets from a server that was no part of the flow.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::desk::{Desk, from, settings};
use crate::house::House;
use crate::theirs::{mended, sip_data};
use crate::wire::{Conversation, by_udp, fresh, report};

/// Answers message by message, by UDP and by TCP; a comma between them.
type Table = BTreeMap<String, (String, String)>;

fn table() -> Table {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/flows.tsv");
    let text = fs::read_to_string(path).unwrap();
    let rows = text.lines().filter(|line| !line.starts_with('#'));
    rows.map(|row| {
        let columns: Vec<&str> = row.split('\t').collect();
        let [file, udp, tcp] = columns[..] else {
            panic!("three columns, not: {row}");
        };
        let tcp = if tcp == "=" { udp } else { tcp };
        (file.to_owned(), (udp.to_owned(), tcp.to_owned()))
    })
    .collect()
}

/// All files of a folder and of those in it.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{folder:?}: {error}")) {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push(path),
        }
    }
    found.sort();
    found
}

/// The messages of a flow: items of a YAML list, each a block two spaces deep.
fn flow(text: &str) -> Vec<Vec<u8>> {
    let text = format!("\n{text}");
    let blocks = text.split("\n- |").skip(1);
    let message = |block: &str| {
        let lines = block.lines().skip(1);
        let lines = lines.map(|line| line.get(2..).unwrap_or_default());
        let whole: Vec<&str> = lines.collect();
        mended(format!("{}\r\n", whole.join("\r\n")).as_bytes())
    };
    blocks.map(message).collect()
}

/// The messages of a stream, each by its Content-Length; those that have none get one: 0.
fn stream(mut text: &str) -> Vec<Vec<u8>> {
    let mut messages = Vec::new();
    while let Some((head, _)) = text.split_once("\r\n\r\n") {
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("Content-Length: "));
        let end = head.len() + 4 + length.map_or(0, |digits| digits.parse::<usize>().unwrap());
        let message = match length {
            Some(_) => text[..end].to_owned(),
            None => format!("{head}\r\nContent-Length: 0\r\n\r\n"),
        };
        assert!(
            message.lines().next().unwrap().contains("SIP/2.0"),
            "{message}"
        );
        messages.push(message.into_bytes());
        // Some lengths leave out the last line's end.
        text = text[end..].trim_start_matches("\r\n");
    }
    assert_eq!(text, "", "a rest");
    messages
}

fn is_stream(file: &Path) -> bool {
    file.extension().is_some_and(|ending| ending == "txt")
}

fn messages(file: &Path) -> Vec<Vec<u8>> {
    let text = fs::read_to_string(file).unwrap();
    match is_stream(file) {
        true => stream(&text),
        false => flow(&text),
    }
}

/// What the kind of a message leaves open, whatever the table says: responses and ACKs get nothing,
/// requests of dialogs that nobody knows 481, and the others an answer of their method.
fn may_get(message: &[u8]) -> &'static [&'static str] {
    let text = String::from_utf8_lossy(message);
    let method = text.split(' ').next().unwrap_or_default();
    if method == "SIP/2.0" || method == "ACK" || !text.contains("\r\nVia: ") {
        return &["NONE"];
    }
    let to = text.lines().find(|line| line.starts_with("To: "));
    let in_dialog = to.is_some_and(|line| line.contains(";tag="));
    match method {
        _ if in_dialog => &["481"],
        "REGISTER" => &["401"],
        "INVITE" => &["200", "400", "482", "488"], // 482: the same one, by another hop.
        "CANCEL" => &["200", "481"],
        "REFER" => &["403"],
        "SUBSCRIBE" => &["489"],
        "MESSAGE" => &["405"],
        _ => &["481"],
    }
}

/// The transaction of an INVITE: the branch of its first Via (RFC 3261 §17.2.3).
fn transaction(message: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(message);
    let branch = text
        .split("branch=")
        .nth(1)?
        .split(|end| ";\r".contains(end))
        .next()?;
    text.starts_with("INVITE ").then(|| branch.to_owned())
}

#[test]
fn each_message_of_the_flows_gets_what_a_stranger_to_the_flow_gives() {
    let Some(folder) = sip_data() else { return };
    let folder = folder.join("flows");
    let server = House::new("").serve();
    let (table, mut wrong, mut count) = (table(), Vec::new(), 0);
    let mut names = Vec::new();
    for (at, file) in files(&folder).iter().enumerate() {
        let name = file.strip_prefix(&folder).unwrap().to_str().unwrap();
        names.push(name.to_owned());
        let messages = messages(file);
        count += messages.len();
        let (udp, tcp) = table.get(name).cloned().unwrap_or_default();
        let (mut by_udp_got, mut begun) = (Vec::new(), BTreeSet::new());
        for (place, bytes) in messages.iter().enumerate() {
            let bytes = fresh(bytes, &format!("u{at}-"));
            let answer = by_udp(&server, &bytes, &format!("u{at}-{place}"));
            let may = may_get(&bytes);
            // An INVITE that comes again is absorbed: its answer goes out by itself (RFC 6026 §7.1).
            let again = transaction(&bytes).is_some_and(|one| !begun.insert(one));
            let absorbed = again && answer == "NONE";
            if !absorbed && !may.contains(&answer.as_str()) {
                wrong.push(format!("{name}, message {place}: {answer}, not {may:?}"));
            }
            by_udp_got.push(answer);
        }
        let mut conversation = Conversation::new(&server);
        let expected: Vec<&str> = tcp.split(", ").collect();
        let mut by_tcp_got = Vec::new();
        // A flow is spoken message by message; a stream is what it is: all at once.
        let pieces = match is_stream(file) {
            true => vec![messages.concat()],
            false => messages,
        };
        for (place, bytes) in pieces.iter().enumerate() {
            let bytes = fresh(bytes, &format!("t{at}-"));
            let end = expected.get(place).copied().unwrap_or_default();
            by_tcp_got.push(conversation.says(&bytes, &format!("t{at}-{place}"), end));
        }
        let got = (by_udp_got.join(", "), by_tcp_got.join(", "));
        if got != (udp, tcp) {
            wrong.push(format!("{name}\t{}\t{}", got.0, got.1));
        }
    }
    let missing = table.keys().filter(|name| !names.contains(name));
    wrong.extend(missing.map(|name| format!("{name} is not there any more")));
    assert!(count > 350, "only {count} messages were found");
    report(&wrong);
}

#[test]
fn of_all_flows_nothing_is_left_in_the_switch() {
    let Some(folder) = sip_data() else { return };
    let mut desk = Desk::new(settings());
    for (at, file) in files(&folder.join("flows")).iter().enumerate() {
        for bytes in messages(file) {
            desk.datagram(from("127.0.0.1:5080"), &fresh(&bytes, &format!("d{at}-")));
            desk.wait(Duration::from_millis(200));
        }
    }
    assert_eq!(desk.switch.violations(desk.now), Vec::<String>::new());
    desk.wait(Duration::from_secs(4_000));
    let counts = desk.switch.counts();
    let left = (counts.calls, counts.legs, counts.transactions);
    assert_eq!(left, (0, 0, 0), "all has drained");
    assert_eq!(desk.switch.violations(desk.now), Vec::<String>::new());
}
