//! Bytes to messages, with limits. Nothing that a peer sends may panic, stall or grow us.

use super::fault::Fault;
use super::message::{Headers, Message, Method, Name, Request, Response};
use super::uri::Uri;

/// The largest message; what a datagram can hold.
pub const MAX_MESSAGE: usize = 65_535;
/// The longest header section of a stream's message.
pub const MAX_HEAD: usize = 32 * 1024;
/// The most header lines.
pub const MAX_HEADERS: usize = 256;
/// The longest header line, folds joined.
pub const MAX_LINE: usize = 16 * 1024;

/// What is no message, with as much of it as an answer takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    /// What is wrong.
    pub fault: Fault,
    /// A request whose Via, From, To, Call-ID and CSeq, as far as it has them, can be copied into an
    /// answer (§8.2.6); `None`: a response, or too little of a request.
    pub answerable: Option<Box<Request>>,
}

/// Reads one datagram. Octets after the body are ignored (§18.3); without a Content-Length the body
/// reaches to the end of the datagram.
///
/// # Errors
/// What is wrong, and whom to tell.
pub fn parse_datagram(bytes: &[u8]) -> Result<Message, Malformed> {
    parse_whole(bytes, false)
}

/// Reads what came in one message of a WebSocket: one of SIP, and nothing behind it (RFC 7118 §5.2); a
/// second one would else be lost without a word.
///
/// # Errors
/// What is wrong, and whom to tell.
pub fn parse_frame(bytes: &[u8]) -> Result<Message, Malformed> {
    parse_whole(bytes, true)
}

fn parse_whole(bytes: &[u8], alone: bool) -> Result<Message, Malformed> {
    let start = bytes
        .iter()
        .position(|byte| !matches!(byte, b'\r' | b'\n'))
        .unwrap_or(bytes.len());
    let bytes = bytes.get(start..).unwrap_or_default();
    let Some(head_end) = end_of_head(bytes) else {
        return Err(Head::read(bytes).map_or_else(
            |malformed| malformed,
            |head| {
                head.malformed(Fault::BadHeaderLine(
                    "the empty line after the headers is missing",
                ))
            },
        ));
    };
    let head = Head::read(bytes.get(..head_end).unwrap_or_default())?;
    let after = bytes.get(head_end..).unwrap_or_default();
    let length = match head.content_length() {
        Ok(length) => length,
        Err(fault) => return Err(head.malformed(fault)),
    };
    match after.split_at_checked(length.unwrap_or(after.len())) {
        Some((_, rest)) if alone && !rest.iter().all(|byte| matches!(byte, b'\r' | b'\n')) => {
            Err(head.malformed(Fault::BadHeader {
                name: Name::ContentLength,
                what: "more follows: a frame holds one message",
            }))
        }
        Some((body, _)) => head.finish(body.to_vec()),
        None => Err(head.malformed(Fault::ShortBody)),
    }
}

/// One thing out of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Framed {
    /// A message.
    Message(Message),
    /// A double CRLF between messages: a keep-alive that wants a single one back (RFC 5626 §4.4.1).
    Ping,
    /// A message that cannot be used; the next one can be found.
    Malformed(Malformed),
    /// Where the next message begins is lost: answer, then close.
    Lost(Malformed),
}

/// Takes messages out of a stream by Content-Length (§18.3). Holds at most one message.
#[derive(Debug, Default)]
pub struct Framer {
    buffer: Vec<u8>,
    searched: usize,
    /// How long the buffer must be before another look is worth it: a peer who sends octet by octet
    /// must not have the headers read at each.
    needed: usize,
    lost: bool,
}

impl Framer {
    /// Adds what was read. After [`Framed::Lost`] nothing is kept any more.
    pub fn push(&mut self, bytes: &[u8]) {
        if !self.lost {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// Whether a message has begun and is not whole.
    pub fn is_partial(&self) -> bool {
        // A single CRLF is what some phones keep a connection alive with.
        self.buffer
            .iter()
            .any(|byte| !matches!(byte, b'\r' | b'\n'))
    }

    /// Whether [`Framer::pull`] would find something to read: it costs no more than looking for the end
    /// of the headers, so whoever sends too much is not read at all.
    pub fn has_head(&self) -> bool {
        if self.lost || self.buffer.len() < self.needed {
            return false;
        }
        let from = self.searched.saturating_sub(3);
        let found = self.buffer.get(from..).and_then(end_of_head);
        found.is_some() || self.buffer.len() > MAX_HEAD
    }

    /// The next thing, if it is complete.
    pub fn pull(&mut self) -> Option<Framed> {
        if self.lost || self.buffer.len() < self.needed {
            return None;
        }
        self.consume(breaks(&self.buffer));
        if self.buffer.starts_with(PING) {
            self.consume(PING.len());
            return Some(Framed::Ping);
        }
        if PING.starts_with(&self.buffer) {
            return None; // Perhaps a part of one.
        }
        let from = self.searched.saturating_sub(3);
        let Some(end) = end_of_head(self.buffer.get(from..)?).map(|at| at + from) else {
            self.searched = self.buffer.len();
            return (self.buffer.len() > MAX_HEAD)
                .then(|| self.lose(Fault::TooLarge("the header section")));
        };
        if end > MAX_HEAD {
            return Some(self.lose(Fault::TooLarge("the header section")));
        }
        self.searched = end.saturating_sub(1);
        self.pull_message(end)
    }

    fn pull_message(&mut self, head_end: usize) -> Option<Framed> {
        let head = match Head::read(self.buffer.get(..head_end)?) {
            Ok(head) => head,
            Err(malformed) => {
                self.lost = true;
                return Some(Framed::Lost(malformed));
            }
        };
        let fault = match head.content_length() {
            Ok(Some(length)) if length <= MAX_MESSAGE - head_end => {
                let end = head_end + length;
                self.needed = end;
                let body = self.buffer.get(head_end..end)?.to_vec();
                let framed = head
                    .finish(body)
                    .map_or_else(Framed::Malformed, Framed::Message);
                self.consume(end);
                return Some(framed);
            }
            Ok(Some(_)) => Fault::TooLarge("the body"),
            // §20.14: a stream cannot do without it.
            Ok(None) => Fault::MissingHeader(Name::ContentLength),
            Err(fault) => fault,
        };
        let lost = Framed::Lost(head.malformed(fault));
        self.lost = true;
        self.buffer.clear();
        Some(lost)
    }

    fn lose(&mut self, fault: Fault) -> Framed {
        self.lost = true;
        self.buffer.clear();
        Framed::Lost(Malformed {
            fault,
            answerable: None,
        })
    }

    fn consume(&mut self, count: usize) {
        if count == 0 {
            return;
        }
        self.buffer.drain(..count.min(self.buffer.len()));
        self.searched = 0;
        self.needed = 0;
    }
}

/// RFC 5626 §4.4.1.
const PING: &[u8] = b"\r\n\r\n";

/// How many ends of lines stand before a message, and are no ping, nor what may become one: so the same
/// comes out however the stream is cut.
fn breaks(buffer: &[u8]) -> usize {
    let over = |at: usize| {
        let rest = buffer.get(at..).unwrap_or_default();
        let is_break = matches!(rest.first(), Some(b'\r' | b'\n'));
        !is_break || rest.starts_with(PING) || PING.starts_with(rest)
    };
    (0..buffer.len())
        .find(|at| over(*at))
        .unwrap_or(buffer.len())
}

/// Just behind the empty line that ends the headers.
fn end_of_head(bytes: &[u8]) -> Option<usize> {
    bytes
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .map(|at| at + 4)
}

/// Start line and headers, unchecked.
struct Head<'a> {
    start: &'a str,
    headers: Headers,
    fault: Option<Fault>,
}

impl<'a> Head<'a> {
    /// Reads lines. A fault in a header line is kept for [`Head::finish`], so that what follows it
    /// can still serve for an answer.
    fn read(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let hopeless = |fault| Malformed {
            fault,
            answerable: None,
        };
        let mut lines = Lines { rest: bytes };
        let start = lines.next().unwrap_or_default();
        let start = std::str::from_utf8(start).map_err(|_| hopeless(Fault::BadStartLine))?;
        if start.contains('\r') {
            return Err(hopeless(Fault::BadStartLine));
        }
        let mut head = Self {
            start,
            headers: Headers::with_capacity(16),
            fault: None,
        };
        while let Some(line) = lines.next() {
            if line.is_empty() {
                break;
            }
            if head.headers.len() >= MAX_HEADERS {
                head.fault
                    .get_or_insert(Fault::TooLarge("more than 256 headers"));
                break;
            }
            let folded = lines.folds_after(line);
            if let Err(fault) = head.add(folded.as_deref().unwrap_or(line)) {
                head.fault.get_or_insert(fault);
            }
        }
        Ok(head)
    }

    fn add(&mut self, line: &[u8]) -> Result<(), Fault> {
        if line.len() > MAX_LINE {
            return Err(Fault::TooLarge("a header line"));
        }
        if line.contains(&b'\r') {
            // Others may take it for the end of the line (§25.1 has CR before LF alone).
            return Err(Fault::BadHeaderLine("a CR without LF"));
        }
        let colon = line.iter().position(|byte| *byte == b':');
        let (name, value) = line.split_at(colon.ok_or(Fault::BadHeaderLine("no colon"))?);
        let name = name.trim_ascii_end();
        if name.is_empty() || !name.iter().all(|byte| is_token(*byte)) {
            return Err(Fault::BadHeaderLine("the name is no word"));
        }
        let name = std::str::from_utf8(name).map_err(|_| Fault::BadHeaderLine("the name"))?;
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        self.headers.push(Name::from(name), value);
        Ok(())
    }

    /// `None`: there is none.
    fn content_length(&self) -> Result<Option<usize>, Fault> {
        let fault = |what| Fault::BadHeader {
            name: Name::ContentLength,
            what,
        };
        let mut values = self.headers.fields(&Name::ContentLength);
        let Some(first) = values.next() else {
            return Ok(None);
        };
        if values.any(|other| other != first) {
            return Err(fault("two different lengths"));
        }
        let digits = !first.is_empty() && first.iter().all(u8::is_ascii_digit);
        let text = std::str::from_utf8(first).ok().filter(|_| digits);
        text.and_then(|text| text.parse().ok())
            .map(Some)
            .ok_or_else(|| fault("not a number"))
    }

    fn is_response(&self) -> bool {
        self.start
            .get(..4)
            .is_some_and(|four| four.eq_ignore_ascii_case("SIP/"))
    }

    fn finish(self, body: Vec<u8>) -> Result<Message, Malformed> {
        if let Some(fault) = self.fault.clone() {
            return Err(self.malformed(fault));
        }
        if self.is_response() {
            let response = self.response(body);
            return response.map(Message::Response).map_err(|fault| Malformed {
                fault,
                answerable: None,
            });
        }
        match self.request_line() {
            Ok((method, uri)) => match check_request(&method, &self.headers) {
                Ok(()) => Ok(Message::Request(Request {
                    method,
                    uri,
                    headers: self.headers,
                    body,
                })),
                Err(fault) => Err(self.malformed(fault)),
            },
            Err(fault) => Err(self.malformed(fault)),
        }
    }

    fn request_line(&self) -> Result<(Method, Uri), Fault> {
        let (method, rest) = self.start.split_once(' ').ok_or(Fault::BadStartLine)?;
        let (uri, version) = rest.rsplit_once(' ').ok_or(Fault::BadStartLine)?;
        if uri.trim() != uri {
            return Err(Fault::BadStartLine); // One space parts the words (§7.1).
        }
        let sip = version
            .get(..4)
            .is_some_and(|four| four.eq_ignore_ascii_case("SIP/"));
        if method.is_empty() || !method.bytes().all(is_token) || !sip {
            return Err(Fault::BadStartLine);
        }
        if !version.eq_ignore_ascii_case("SIP/2.0") {
            return Err(Fault::BadVersion);
        }
        let uri = Uri::parse(uri)?;
        if matches!(&uri, Uri::Sip(sip) if sip.headers.is_some()) {
            return Err(Fault::BadUri("headers in a request line")); // §19.1.1, table 1.
        }
        Ok((Method::from(method), uri))
    }

    fn response(self, body: Vec<u8>) -> Result<Response, Fault> {
        let rest = self
            .start
            .get(4..)
            .and_then(|rest| rest.strip_prefix("2.0 "));
        let rest = rest.ok_or(Fault::BadVersion)?;
        let (digits, reason) = rest.split_once(' ').unwrap_or((rest, ""));
        let status: u16 = digits.parse().map_err(|_| Fault::BadStartLine)?;
        if digits.len() != 3 || !(100..700).contains(&status) {
            return Err(Fault::BadStartLine);
        }
        self.headers.via()?;
        self.headers.cseq()?;
        self.headers.call_id()?;
        self.headers.from()?;
        self.headers.to()?;
        Ok(Response {
            status,
            reason: reason.to_owned(),
            headers: self.headers,
            body,
        })
    }

    /// What can be answered of a faulty request.
    fn malformed(self, fault: Fault) -> Malformed {
        if self.is_response() {
            return Malformed {
                fault,
                answerable: None,
            };
        }
        let method = Method::from(self.start.split(' ').next().unwrap_or_default());
        // The answer goes back by the way that the request came, so that it needs no readable Via.
        let asks = self.start.to_ascii_uppercase().contains(" SIP/");
        let answerable = asks && self.headers.has(Name::Via) && method != Method::Ack;
        let uri = self.start.split(' ').nth(1).unwrap_or_default();
        let request = Request {
            method,
            uri: Uri::parse_lenient(uri),
            headers: self.headers,
            body: Vec::new(),
        };
        Malformed {
            fault,
            answerable: answerable.then(|| Box::new(request)),
        }
    }
}

/// What every request must have, readable and once (§8.1.1).
fn check_request(method: &Method, headers: &Headers) -> Result<(), Fault> {
    for name in [
        Name::From,
        Name::To,
        Name::CallId,
        Name::CSeq,
        Name::MaxForwards,
    ] {
        if headers.fields(&name).nth(1).is_some() {
            return Err(Fault::BadHeader {
                name,
                what: "it is there twice",
            });
        }
    }
    headers.vias()?;
    headers.from()?;
    headers.to()?;
    headers.call_id()?;
    headers.max_forwards()?;
    if headers.cseq()?.method != *method {
        return Err(Fault::BadHeader {
            name: Name::CSeq,
            what: "the method is another one",
        });
    }
    // A dialog cannot be made with a Contact that cannot be read (§8.1.1.8).
    headers.contacts().map(|_| ())
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&byte)
}

/// Lines that end in CRLF or a bare LF.
struct Lines<'a> {
    rest: &'a [u8],
}

impl<'a> Lines<'a> {
    /// `line` with the lines joined that continue it (§7.3.1); `None`: none does.
    fn folds_after(&mut self, line: &[u8]) -> Option<Vec<u8>> {
        let mut joined: Option<Vec<u8>> = None;
        while matches!(self.rest.first(), Some(b' ' | b'\t')) {
            let Some(next) = self.next() else { break };
            let joined = joined.get_or_insert_with(|| line.to_vec());
            joined.push(b' ');
            joined.extend_from_slice(next.trim_ascii_start());
        }
        joined
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        let end = self
            .rest
            .iter()
            .position(|byte| *byte == b'\n')
            .unwrap_or(self.rest.len());
        let line = self.rest.get(..end).unwrap_or_default();
        self.rest = self.rest.get(end + 1..).unwrap_or_default();
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INVITE: &str = "INVITE sip:116111@qaynar SIP/2.0\r\nv: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK1\r\n\
        From: <sip:a@h>;tag=1\r\nt: <sip:116111@qaynar>\r\ni: abc\r\nCSeq: 1 INVITE\r\n\
        Subject: one\r\n two\r\nX-Own: ü\r\nContact: <sip:a@192.0.2.7>\r\n";

    fn invite(rest: &str) -> Vec<u8> {
        format!("{INVITE}{rest}").into_bytes()
    }

    #[test]
    fn compact_folded_and_unknown_headers_are_read() {
        let Ok(Message::Request(request)) = parse_datagram(&invite("l: 2\r\n\r\nab, and more"))
        else {
            panic!("a valid INVITE was refused");
        };
        assert_eq!(
            request.body, b"ab",
            "octets after Content-Length are ignored"
        );
        assert_eq!(request.headers.text(Name::Subject).unwrap(), "one two");
        assert_eq!(
            request.headers.first(&Name::from("x-own")).unwrap(),
            "ü".as_bytes()
        );
        let again = parse_datagram(&request.to_bytes()).unwrap();
        assert_eq!(again.headers().call_id().unwrap(), "abc");
    }

    #[test]
    fn a_faulty_request_can_still_be_answered() {
        for (rest, status) in [
            ("Content-Length: 99\r\n\r\n", 400),
            ("Content-Length: -1\r\n\r\n", 400),
            ("To: <sip:b@h>\r\n\r\n", 400),
            ("no colon here\r\n\r\n", 400),
        ] {
            let malformed = parse_datagram(&invite(rest)).unwrap_err();
            assert_eq!(malformed.fault.status(), status, "{rest:?}");
            assert!(malformed.answerable.is_some(), "{rest:?}");
        }
        let version = INVITE.replace("SIP/2.0\r\nv", "SIP/7.0\r\nv") + "\r\n";
        assert_eq!(
            parse_datagram(version.as_bytes()).unwrap_err().fault,
            Fault::BadVersion
        );
    }

    #[test]
    fn a_stream_is_framed_by_content_length_wherever_it_is_cut() {
        let mut stream = b"\r\r\n\r\n\n".to_vec(); // A ping among crumbs.
        stream.extend(invite("Content-Length: 3\r\n\r\nabc"));
        stream.extend(invite("Content-Length: 0\r\n\r\n"));
        for cut in 0..stream.len() {
            let (mut framer, mut found) = (Framer::default(), Vec::new());
            for part in [&stream[..cut], &stream[cut..]] {
                framer.push(part);
                while let Some(framed) = framer.pull() {
                    found.push(framed);
                }
            }
            let kinds: Vec<_> = found
                .iter()
                .map(|framed| match framed {
                    Framed::Message(Message::Request(request)) => request.body.len(),
                    Framed::Ping => 99,
                    _ => panic!("{framed:?}"),
                })
                .collect();
            assert_eq!(kinds, [99, 3, 0], "cut at {cut}");
        }
    }

    #[test]
    fn a_stream_that_never_ends_its_headers_is_given_up() {
        let mut framer = Framer::default();
        framer.push(&vec![b'a'; MAX_HEAD + 1]);
        assert!(matches!(framer.pull(), Some(Framed::Lost(_))));
        framer.push(b"more");
        assert_eq!(framer.pull(), None);
        assert!(framer.buffer.is_empty(), "nothing is kept");
    }

    #[test]
    fn a_body_that_is_too_long_is_told_so_before_it_has_come_and_nothing_is_read_before_it_is_asked_for()
     {
        let mut framer = Framer::default();
        assert!(!framer.has_head());
        framer.push(&invite("Content-Length: 70000\r\n"));
        assert!(!framer.has_head(), "the empty line is missing");
        framer.push(b"\r\n");
        assert!(framer.has_head());
        let Some(Framed::Lost(lost)) = framer.pull() else {
            panic!("a body of 70,000 octets is waited for");
        };
        assert_eq!(lost.fault.status(), 513);
        assert!(lost.answerable.is_some() && !framer.has_head());
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = parse_datagram(&bytes);
            let mut framer = Framer::default();
            framer.push(&bytes);
            for _ in 0..100 {
                if framer.pull().is_none() { break }
            }
        }

        #[test]
        fn no_mutation_panics_and_what_is_read_is_written_and_read_again(
            at in 0usize..260, byte: u8, cut in 0usize..300,
        ) {
            let mut bytes = invite("Content-Length: 3\r\n\r\nabc");
            if let Some(place) = bytes.get_mut(at) { *place = byte }
            bytes.truncate(cut.max(20));
            if let Ok(Message::Request(request)) = parse_datagram(&bytes) {
                let again = parse_datagram(&request.to_bytes());
                proptest::prop_assert!(again.is_ok(), "{:?} of {:?}", again, String::from_utf8_lossy(&bytes));
            }
        }
    }
}
