//! How a message is sent, and what is told of its answer: by the switch alone, by UDP, and on a
//! connection. An OPTIONS behind it shows that no more will come, and that the server lives.

use std::collections::BTreeSet;
use std::io::Write;
use std::net::{Shutdown, TcpStream};

use qaynar::sip::message::{Name, Response};

use crate::desk::{Desk, from, response, settings};
use crate::house::{Server, options, read_message};

/// `NONE`, or the statuses in their order.
pub(crate) fn words(answers: &[Response]) -> String {
    let statuses: Vec<String> = answers.iter().map(|one| one.status.to_string()).collect();
    if statuses.is_empty() {
        return "NONE".to_owned();
    }
    statuses.join(" ")
}

/// What makes a refusal one that the peer can act on; it is missing.
pub(crate) fn lacks(answer: &Response) -> Option<&'static str> {
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

/// The answers in words; a refusal that helps nobody stands out.
fn told(answers: &[Response]) -> String {
    match answers.iter().find_map(lacks) {
        Some(what) => what.to_owned(),
        None => words(answers),
    }
}

/// What the pure switch answers to a message by UDP; then it still answers an OPTIONS.
pub(crate) fn by_desk(bytes: &[u8]) -> String {
    let mut desk = Desk::new(settings());
    let flow = from("127.0.0.1:5080");
    let answers = desk.ask(flow, bytes);
    let pulse = desk.ask(flow, options("pulse", "UDP").as_bytes());
    assert_eq!(words(&pulse), "200", "no OPTIONS is answered any more");
    told(&answers)
}

/// What the server answers to a datagram.
pub(crate) fn by_udp(server: &Server, bytes: &[u8], mark: &str) -> String {
    let socket = server.socket();
    let pulse = format!("pulse-{mark}");
    socket.send(bytes).unwrap();
    socket.send(options(&pulse, "UDP").as_bytes()).unwrap();
    let mut answers = Vec::new();
    let mut seen = BTreeSet::new();
    let mut buffer = vec![0; 65_535];
    loop {
        let length = socket.recv(&mut buffer).expect("no OPTIONS is answered");
        let answer = response(&buffer[..length]);
        if answer.headers.call_id() == Ok(&pulse) {
            assert_eq!(answer.status, 200);
            return told(&answers);
        }
        if seen.insert(buffer[..length].to_vec()) {
            answers.push(answer);
        }
    }
}

/// A connection, opened again where the server closes it.
pub(crate) struct Conversation<'a> {
    server: &'a Server,
    stream: TcpStream,
    buffer: Vec<u8>,
    /// A final answer that nobody acknowledges is sent again, here too (RFC 3261 §13.3.1.4).
    seen: BTreeSet<Vec<u8>>,
}

impl<'a> Conversation<'a> {
    pub(crate) fn new(server: &'a Server) -> Self {
        Self {
            server,
            stream: server.connect(),
            buffer: Vec::new(),
            seen: BTreeSet::new(),
        }
    }

    /// What the server answers, with what becomes of the connection: `CLOSES`, or `WAITS` for what will
    /// not come any more. Where that is `expected`, nothing is sent behind the message.
    pub(crate) fn says(&mut self, bytes: &[u8], mark: &str, expected: &str) -> String {
        self.stream.write_all(bytes).unwrap();
        let pulse = format!("pulse-{mark}");
        if expected == "WAITS" {
            self.stream.shutdown(Shutdown::Write).unwrap();
        } else if !expected.ends_with("CLOSES") {
            let options = options(&pulse, "TCP");
            self.stream.write_all(options.as_bytes()).unwrap();
        }
        let mut answers = Vec::new();
        while let Some(answer) = self.next() {
            if answer.headers.call_id() == Ok(&pulse) {
                assert_eq!(answer.status, 200);
                return told(&answers);
            }
            answers.push(answer);
        }
        self.stream = self.server.connect();
        self.buffer.clear();
        let options = options(&pulse, "TCP");
        self.stream.write_all(options.as_bytes()).unwrap();
        let answer = self.next().expect("no OPTIONS is answered");
        assert_eq!(answer.status, 200);
        match (answers.is_empty(), expected) {
            (true, "WAITS") => "WAITS".to_owned(),
            (true, _) => "CLOSES".to_owned(),
            (false, _) => format!("{} CLOSES", told(&answers)),
        }
    }

    /// The next response that is no repetition; `None`: the connection is closed.
    fn next(&mut self) -> Option<Response> {
        loop {
            let bytes = read_message(&mut self.stream, &mut self.buffer)?;
            // A CRLF before it answers two of them, taken for a keep-alive (RFC 5626 §4.4.1).
            let bytes = bytes.trim_ascii_start();
            // A request would be of a call that one of the messages began.
            if bytes.starts_with(b"SIP/2.0 ") && self.seen.insert(bytes.to_vec()) {
                return Some(response(bytes));
            }
        }
    }
}

/// What the server answers on a connection of its own.
pub(crate) fn by_tcp(server: &Server, bytes: &[u8], mark: &str, expected: &str) -> String {
    Conversation::new(server).says(bytes, mark, expected)
}

/// The message with a Call-ID and branches of its own, so that it is no repetition of another.
pub(crate) fn fresh(bytes: &[u8], mark: &str) -> Vec<u8> {
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
        if cut == 0 {
            out.extend_from_slice(line);
            continue;
        }
        out.extend_from_slice(&line[..cut]);
        out.extend_from_slice(mark.as_bytes());
        out.extend_from_slice(line[cut..].trim_ascii_start());
    }
    out
}

fn is_letter(byte: Option<&u8>) -> bool {
    byte.is_some_and(|byte| byte.is_ascii_graphic() && *byte != b';')
}

/// Bytes with the first `from` made `to`.
pub(crate) fn replace(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    match bytes.windows(from.len()).position(|some| some == from) {
        Some(at) => [&bytes[..at], to, &bytes[at + from.len()..]].concat(),
        None => bytes.to_vec(),
    }
}

/// Fails with all that is wrong.
pub(crate) fn report(wrong: &[String]) {
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
