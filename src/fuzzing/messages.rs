//! SIP as datagrams and in streams, and the keep-alives beside it.

use std::net::SocketAddr;

use crate::sip::digest::{Authorization, Challenge};
use crate::sip::message::{Headers, Message, Name, Request, Response};
use crate::sip::parse::{Framed, Framer, MAX_MESSAGE, parse_datagram};
use crate::sip::sketch::Sketch;
use crate::sip::stun as keep_alive;

/// The most digits in a row that a sketch may keep: a phone number is longer (`sip/sketch.rs`).
const SKETCHED_DIGITS: usize = 6;
/// A sketch has a line for each of some twenty headers.
const SKETCHED_LINES: usize = 32;

/// A message that can be read is written so that it is the same; what cannot is refused, where it can
/// be, by an answer that is one.
pub(super) fn message(bytes: &[u8]) {
    match parse_datagram(bytes) {
        Ok(message) => {
            read_all(message.headers());
            is_sketched(&message);
            is_written_as_it_is(&message);
        }
        Err(malformed) => {
            if let Some(request) = malformed.answerable {
                let answer = Response::to(&request, 400).to_bytes();
                assert!(answer.starts_with(b"SIP/2.0 400 "), "an answer");
                assert!(
                    answer.len() <= bytes.len() + 1024,
                    "an answer as long as its question"
                );
            }
        }
    }
}

fn is_written_as_it_is(message: &Message) {
    let written = message.to_bytes();
    let read = parse_datagram(&written).expect("what we write can be read");
    assert_eq!(fields(message.headers()), fields(read.headers()));
    match (message, &read) {
        (Message::Request(one), Message::Request(two)) => {
            assert_eq!((&one.method, &one.body), (&two.method, &two.body));
            assert_eq!(one.uri, two.uri);
        }
        (Message::Response(one), Message::Response(two)) => {
            assert_eq!((one.status, &one.reason), (two.status, &two.reason));
            assert_eq!(one.body, two.body);
        }
        _ => panic!("a request became a response"),
    }
    assert_eq!(read.to_bytes(), written, "written twice, it is the same");
}

/// The fields but for Content-Length, which is computed.
fn fields(headers: &Headers) -> Vec<(&str, &[u8])> {
    headers
        .iter()
        .filter(|(name, _)| **name != Name::ContentLength)
        .map(|(name, value)| (name.as_str(), value))
        .collect()
}

/// Touches every typed reading.
fn read_all(headers: &Headers) {
    let _ = (headers.vias(), headers.via(), headers.from(), headers.to());
    let _ = (headers.call_id(), headers.cseq(), headers.max_forwards());
    let _ = (headers.contacts(), headers.expires(), headers.rack());
    let _ = (
        headers.session_expires(),
        headers.min_se(),
        headers.content_type(),
    );
    let _ = (
        headers.tokens(Name::Require),
        headers.lists(Name::Supported, "timer"),
    );
    for value in headers.all(Name::Authorization) {
        let _ = Authorization::parse(&value);
    }
    let challenges = headers
        .fields(&Name::WwwAuthenticate)
        .map(String::from_utf8_lossy);
    let _ = Challenge::best(challenges);
}

/// What is kept of a message for people has no room for a number.
fn is_sketched(message: &Message) {
    let sketch = Sketch::of(message);
    assert!(sketch.details.len() <= SKETCHED_LINES);
    for text in sketch.details.iter().chain([&sketch.line]) {
        let mut runs = text.split(|letter: char| !letter.is_ascii_digit());
        assert!(
            runs.all(|run| run.len() <= SKETCHED_DIGITS),
            "a number is kept: {text}"
        );
    }
}

/// A stream says the same however it is cut, and nothing after its frame is lost. The first octet says
/// how it is cut.
pub(super) fn stream(bytes: &[u8]) {
    let Some((cut, bytes)) = bytes.split_first() else {
        return;
    };
    let length = 1 + usize::from(*cut) * 8;
    let whole = pulled(bytes, bytes.len().max(1));
    assert_eq!(whole, pulled(bytes, length), "pieces of {length} octets");
    let lost = whole.iter().position(|one| matches!(one, Framed::Lost(_)));
    assert!(
        lost.is_none_or(|at| at + 1 == whole.len()),
        "words after the end"
    );
    for one in &whole {
        if let Framed::Message(message) = one {
            let (Message::Request(Request { body, .. }) | Message::Response(Response { body, .. })) =
                message;
            assert!(body.len() <= MAX_MESSAGE);
        }
    }
}

/// All that comes out of a stream in pieces of this length.
fn pulled(bytes: &[u8], length: usize) -> Vec<Framed> {
    let (mut framer, mut found) = (Framer::default(), Vec::new());
    for piece in bytes.chunks(length) {
        framer.push(piece);
        found.extend(std::iter::from_fn(|| framer.pull()));
    }
    found
}

/// A keep-alive is answered by its own id and the sender's address, with little more than came; nothing
/// else is answered.
pub(super) fn stun(bytes: &[u8]) {
    for remote in ["192.0.2.1:5060", "[2001:db8::1]:5060"] {
        let Ok(remote) = remote.parse::<SocketAddr>() else {
            continue;
        };
        let Some(answer) = keep_alive::answer(bytes, remote) else {
            continue;
        };
        assert!(keep_alive::is_stun(bytes) && keep_alive::is_stun(&answer));
        assert_eq!(answer.get(4..20), bytes.get(4..20), "the same transaction");
        assert!(
            answer.len() <= bytes.len() + 24,
            "nobody is flooded by our answers"
        );
        let again = keep_alive::answer(&answer, remote);
        assert_eq!(again, None, "two of us would answer each other for ever");
    }
}
