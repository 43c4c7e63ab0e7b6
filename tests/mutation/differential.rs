//! Another reader of SIP, by other people: where both take a message, both see the same in it. Where
//! `QAYNAR_SIP_DATA` names a folder with the RFCs' own messages, they are compared as well.

use std::panic::catch_unwind;
use std::path::PathBuf;

use qaynar::sip::message::{Headers, Message};
use qaynar::sip::parse::parse_datagram;
use rsip::prelude::*;

use crate::dice::{Dice, messages, mutant};

/// So many mutants; the more, the rarer what both take.
const MUTANTS: u64 = 10_000;

/// What both have to agree on.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    /// The method, or the status.
    start: String,
    /// The target; responses have none.
    uri: Option<String>,
    /// Names in lower case, and values.
    fields: Vec<(String, String)>,
    body: Vec<u8>,
}

/// Content-Length is no field of ours: it is computed when a message is written.
fn is_told((name, _): &(String, String)) -> bool {
    name != "content-length"
}

fn ours(message: &Message) -> Seen {
    let fields = |headers: &Headers| {
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        let field = |(name, value): (&qaynar::sip::message::Name, &[u8])| {
            (name.as_str().to_ascii_lowercase(), text(value))
        };
        headers.iter().map(field).filter(is_told).collect()
    };
    match message {
        Message::Request(request) => Seen {
            start: request.method.as_str().to_owned(),
            uri: Some(request.uri.to_string()),
            fields: fields(&request.headers),
            body: request.body.clone(),
        },
        Message::Response(response) => Seen {
            start: response.status.to_string(),
            uri: None,
            fields: fields(&response.headers),
            body: response.body.clone(),
        },
    }
}

/// What rsip takes of it, if it takes it.
fn theirs(bytes: &[u8]) -> Option<Seen> {
    // rsip has panicked before; that is no disagreement.
    let message = catch_unwind(|| rsip::SipMessage::try_from(bytes))
        .ok()?
        .ok()?;
    let field = |header: &rsip::Header| {
        let line = header.to_string();
        let (name, value) = line.split_once(':').unwrap_or((&line, ""));
        (name.trim().to_ascii_lowercase(), value.trim().to_owned())
    };
    let fields = message
        .headers()
        .iter()
        .map(field)
        .filter(is_told)
        .collect();
    let (start, uri) = match &message {
        rsip::SipMessage::Request(request) => {
            (request.method.to_string(), Some(request.uri.to_string()))
        }
        rsip::SipMessage::Response(response) => {
            (u16::from(response.status_code.clone()).to_string(), None)
        }
    };
    Some(Seen {
        start,
        uri,
        fields,
        body: message.body().clone(),
    })
}

/// Compares; `false`: one of them does not take it.
fn compare(name: &str, bytes: &[u8]) -> bool {
    let Ok(message) = parse_datagram(bytes) else {
        return false;
    };
    // As we write it: rsip knows few compact names, joins no folded lines and reads no Content-Length.
    let plain = message.to_bytes();
    let Some(theirs) = theirs(&plain) else {
        return false;
    };
    let text = plain.escape_ascii();
    assert_eq!(ours(&message), theirs, "{name}: {text}");
    true
}

/// The RFCs' own messages, where they are at hand.
fn of_the_rfcs() -> Vec<(String, Vec<u8>)> {
    let Some(folder) = std::env::var_os("QAYNAR_SIP_DATA").map(PathBuf::from) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for suite in ["rfc4475", "rfc5118"] {
        for entry in std::fs::read_dir(folder.join(suite)).unwrap() {
            let path = entry.unwrap().path();
            found.push((format!("{path:?}"), std::fs::read(&path).unwrap()));
        }
    }
    assert!(found.len() > 60, "{} messages of the RFCs", found.len());
    found
}

#[test]
fn our_reader_and_rsip_agree_where_both_accept() {
    let corpus = messages();
    let (mut whole, mut scrambled) = (0, 0);
    for (place, bytes) in corpus.iter().enumerate() {
        whole += u32::from(compare(&format!("message {place}"), bytes));
    }
    for (name, bytes) in of_the_rfcs() {
        compare(&name, &bytes);
    }
    for seed in 0..MUTANTS {
        let bytes = mutant(&corpus, &mut Dice::new(seed));
        scrambled += u32::from(compare(&format!("seed {seed}"), &bytes));
    }
    assert!(whole > 20, "only {whole} whole messages were taken by both");
    assert!(
        scrambled > 400,
        "only {scrambled} mutants were taken by both"
    );
}
