//! SIP over WebSocket (RFC 7118, RFC 6455) on a real socket, by a peer whose every octet is written here;
//! and peers who never read, by WebSocket and by TLS.

#![allow(clippy::unwrap_used, reason = "a test that fails says so")]

mod house;

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::sync::Arc;

use house::{House, Server, options, read_message};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;
/// The largest message that is taken.
const LARGEST: usize = 65_535;

/// The sample of RFC 6455 §1.3: a key, and what proves that it was read.
const KEY: (&str, &str) = ("dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
const SIP: &str = "Sec-WebSocket-Protocol: sip\r\n";

/// Asks for a WebSocket with these lines; the head of the answer.
fn ask(stream: &mut TcpStream, lines: &str) -> String {
    let head = format!(
        "GET / HTTP/1.1\r\nHost: sip.az\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {}\r\n{lines}\r\n",
        KEY.0
    );
    stream.write_all(head.as_bytes()).unwrap();
    let (mut answer, mut octet) = (Vec::new(), [0]);
    while !answer.ends_with(b"\r\n\r\n") && stream.read(&mut octet).unwrap() == 1 {
        answer.push(octet[0]);
    }
    String::from_utf8(answer).unwrap()
}

/// A WebSocket's client.
struct Peer {
    stream: TcpStream,
}

impl Peer {
    fn open(server: &Server) -> Self {
        let mut stream = server.connect_by("ws");
        let answer = ask(&mut stream, SIP);
        assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
        Self { stream }
    }

    /// A frame, masked as clients must (§5.3).
    fn frame(&mut self, last: bool, kind: u8, payload: &[u8]) {
        let bytes = frame(last, kind, payload);
        self.stream.write_all(&bytes).unwrap();
    }

    fn says(&mut self, text: &str) {
        self.frame(true, TEXT, text.as_bytes());
    }

    /// The next frame: servers send them whole and without a mask.
    fn hears(&mut self) -> (u8, Vec<u8>) {
        let mut head = [0; 2];
        self.stream.read_exact(&mut head).unwrap();
        assert_eq!(head[0] & 0xf0, 0x80, "whole, and no extension");
        let length = match head[1] {
            short @ 0..=125 => usize::from(short),
            126 => {
                let mut long = [0; 2];
                self.stream.read_exact(&mut long).unwrap();
                usize::from(u16::from_be_bytes(long))
            }
            other => panic!("{other}: masked, or longer than any message of ours"),
        };
        let mut payload = vec![0; length];
        self.stream.read_exact(&mut payload).unwrap();
        (head[0] & 0x0f, payload)
    }

    /// The next frame is a message of SIP: the status of that answer to this call.
    fn is_answered(&mut self, call_id: &str) -> u16 {
        let (kind, payload) = self.hears();
        let text = String::from_utf8(payload).unwrap();
        assert_eq!(kind, TEXT, "{text}");
        assert!(text.contains(&format!("Call-ID: {call_id}\r\n")), "{text}");
        let status = text.strip_prefix("SIP/2.0 ").and_then(|rest| rest.get(..3));
        status.unwrap().parse().unwrap()
    }

    /// The next frame closes the WebSocket with this code, and then comes nothing more.
    fn is_closed(&mut self, code: u16) {
        let (kind, payload) = self.hears();
        assert_eq!(kind, CLOSE);
        assert_eq!(payload.get(..2), Some(&code.to_be_bytes()[..]));
        let rest = self.stream.read(&mut [0]);
        assert!(matches!(rest, Ok(0)), "{rest:?}");
    }
}

fn frame(last: bool, kind: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind | if last { 0x80 } else { 0 }];
    match payload.len() {
        short @ 0..=125 => bytes.push(0x80 | short as u8),
        long @ 126..=65_535 => {
            bytes.push(0x80 | 126);
            bytes.extend((long as u16).to_be_bytes());
        }
        huge => {
            bytes.push(0x80 | 127);
            bytes.extend((huge as u64).to_be_bytes());
        }
    }
    let mask = [0x37, 0xfa, 0x21, 0x3d];
    bytes.extend(mask);
    let masked = payload.iter().zip(mask.iter().cycle());
    bytes.extend(masked.map(|(octet, key)| octet ^ key));
    bytes
}

fn house() -> House {
    House::listening(&["ws"], "")
}

/// Others are served, and so are their calls.
fn is_well(server: &Server, mark: &str) {
    let socket = server.socket();
    let sdp = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8\r\n";
    let dialog = |method: &str, to: &str, body: &str| {
        format!(
            "{method} sip:116111@qaynar SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;rport;branch=z9hG4bK{mark}{method}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:0501234567@carrier>;tag=f\r\nTo: <sip:116111@qaynar>{to}\r\n\
             Call-ID: {mark}\r\nCSeq: {} {method}\r\nContact: <sip:c@127.0.0.1:5080>\r\n\
             Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
            if method == "BYE" { 2 } else { 1 },
            body.len()
        )
    };
    socket.send(dialog("INVITE", "", sdp).as_bytes()).unwrap();
    let taken = is_taken(&socket, "INVITE");
    let to = taken.lines().find(|line| line.starts_with("To:")).unwrap();
    let tag = format!(";tag={}", to.split_once(";tag=").unwrap().1);
    socket.send(dialog("ACK", &tag, "").as_bytes()).unwrap();
    socket.send(dialog("BYE", &tag, "").as_bytes()).unwrap();
    is_taken(&socket, "BYE");
}

/// The 200 to a request of this method; what else comes is passed over.
fn is_taken(socket: &UdpSocket, method: &str) -> String {
    let mut buffer = vec![0; 65_535];
    loop {
        let length = socket.recv(&mut buffer).expect("no answer");
        let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
        if text.starts_with("SIP/2.0 200") && text.contains(&format!(" {method}\r\n")) {
            return text;
        }
    }
}

#[test]
fn a_websocket_begins_where_sip_is_asked_for_by_a_page_that_may() {
    let server = House::listening(&["ws"], "origins = [\"https://desk.example.net\"]").serve();
    let status = |lines: &str| {
        let answer = ask(&mut server.connect_by("ws"), lines);
        answer.split(' ').nth(1).unwrap().to_owned()
    };
    assert_eq!(status(""), "400", "RFC 7118 §4.1");
    assert_eq!(status("Sec-WebSocket-Protocol: mqtt\r\n"), "400");
    assert_eq!(
        status(&format!("{SIP}Origin: https://evil.example\r\n")),
        "403"
    );
    let mut stream = server.connect_by("ws");
    let lines = "Sec-WebSocket-Protocol: mqtt, sip\r\nOrigin: https://desk.example.net\r\n";
    let answer = ask(&mut stream, lines).to_ascii_lowercase();
    let line = |name: &str| {
        let line = answer.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_default().trim().to_owned()
    };
    assert_eq!(line("sec-websocket-protocol:"), "sip");
    assert_eq!(line("sec-websocket-accept:"), KEY.1.to_ascii_lowercase());
}

#[test]
fn a_message_may_come_in_pieces_as_text_or_binary_and_between_pings() {
    let server = house().serve();
    let mut peer = Peer::open(&server);
    let text = options("pieces", "WS");
    let (first, rest) = text.as_bytes().split_at(40);
    let (second, third) = rest.split_at(70);
    peer.frame(false, TEXT, first);
    // RFC 6455 §5.4: control frames may come between the pieces.
    peer.frame(true, PING, b"alive?");
    assert_eq!(peer.hears(), (PONG, b"alive?".to_vec()));
    peer.frame(false, CONTINUATION, second);
    peer.frame(true, CONTINUATION, third);
    assert_eq!(peer.is_answered("pieces"), 200);
    peer.frame(true, BINARY, options("binary", "WS").as_bytes());
    assert_eq!(peer.is_answered("binary"), 200);
    // RFC 7118 §5.4: the frame tells where a message ends.
    let short = options("short", "WS").replace("Content-Length: 0\r\n", "");
    peer.says(&short);
    assert_eq!(peer.is_answered("short"), 200);
    // RFC 5626 §4.4.1, where a phone keeps to it here too.
    peer.says("\r\n\r\n");
    assert_eq!(peer.hears(), (TEXT, b"\r\n".to_vec()));
    peer.frame(true, CLOSE, &1_000_u16.to_be_bytes());
    peer.is_closed(1_000);
}

#[test]
fn two_messages_in_one_frame_are_refused_and_junk_is_passed_over() {
    let server = house().serve();
    let mut peer = Peer::open(&server);
    peer.says(&(options("one", "WS") + &options("two", "WS")));
    assert_eq!(peer.is_answered("one"), 400);
    for junk in [
        "hello",
        "\0\0\0",
        "SIP/2.0 200 OK\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
    ] {
        peer.says(junk);
    }
    peer.frame(true, BINARY, &[0xff; 300]);
    peer.says(&options("bad", "WS").replace("CSeq: 1", "CSeq: one"));
    assert_eq!(peer.is_answered("bad"), 400);
    peer.says(&options("after", "WS"));
    assert_eq!(peer.is_answered("after"), 200);
}

#[test]
fn a_peer_whose_frames_cannot_be_used_is_told_why_and_closed() {
    let server = house().serve();
    // The head of the frame is enough; what follows is not waited for.
    let mut peer = Peer::open(&server);
    peer.frame(true, TEXT, &vec![b'x'; LARGEST + 1]);
    peer.is_closed(1_009);
    // Piece by piece it is no shorter.
    let mut peer = Peer::open(&server);
    peer.frame(false, TEXT, &vec![b'x'; LARGEST]);
    peer.frame(true, CONTINUATION, b"xx");
    peer.is_closed(1_009);
    let mut peer = Peer::open(&server);
    peer.frame(true, TEXT, &[b'a', 0xff, b'b']);
    peer.is_closed(1_007);
    let mut peer = Peer::open(&server);
    peer.stream.write_all(&[0x81, 2, b'h', b'i']).unwrap();
    peer.is_closed(1_002); // RFC 6455 §5.1: a client masks.
    is_well(&server, "after");
}

/// Answers of 8 kB each.
fn long_options(mark: &str, transport: &str) -> String {
    let hop = format!("Via: SIP/2.0/{transport} hop.test;branch=z9hG4bKfar\r\n");
    options(mark, transport).replacen("From:", &format!("{}From:", hop.repeat(160)), 1)
}

/// Asks for 160 MB of answers that nobody reads: is it let go before, are all others served meanwhile, and
/// does the server not grow?
fn never_reads(server: &Server, mark: &str, mut send: impl FnMut(&str) -> std::io::Result<()>) {
    let before = server.memory();
    let mut dropped = false;
    for at in 0..20_000 {
        if let Err(error) = send(&format!("{mark}{at}")) {
            let kinds = [ErrorKind::ConnectionReset, ErrorKind::BrokenPipe];
            assert!(kinds.contains(&error.kind()), "{error}");
            dropped = true;
            break;
        }
        if at % 500 == 0 {
            is_well(server, &format!("beside-{mark}{at}"));
        }
    }
    assert!(dropped, "160 MB of answers were kept for one peer");
    let grown = server.memory().saturating_sub(before);
    assert!(grown < 64_000, "{grown} KiB more");
    is_well(server, &format!("after-{mark}"));
}

#[test]
fn a_websocket_peer_who_never_reads_is_dropped_and_nobody_else_waits() {
    let server = house().serve();
    let mut deaf = Peer::open(&server);
    never_reads(&server, "ws", |mark| {
        let text = long_options(mark, "WS");
        deaf.stream.write_all(&frame(true, TEXT, text.as_bytes()))
    });
}

#[test]
fn a_tls_peer_who_never_reads_is_dropped_and_nobody_else_waits() {
    let house = House::listening(
        &["tls"],
        "[tls]\ncertificate = \"own.pem\"\nkey = \"own.key\"",
    );
    let own = rcgen::generate_simple_self_signed(vec!["sip.az".to_owned()]).unwrap();
    std::fs::write(house.path().join("own.pem"), own.cert.pem()).unwrap();
    std::fs::write(
        house.path().join("own.key"),
        own.signing_key.serialize_pem(),
    )
    .unwrap();
    let server = house.serve();
    let mut roots = RootCertStore::empty();
    let trusted = CertificateDer::from_pem_file(house.path().join("own.pem")).unwrap();
    roots.add(trusted).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let host = ServerName::try_from("sip.az").unwrap();
    let client = ClientConnection::new(Arc::new(config), host).unwrap();
    let mut deaf = StreamOwned::new(client, server.connect_by("tls"));
    deaf.write_all(options("first", "TLS").as_bytes()).unwrap();
    assert!(deaf.read(&mut [0; 100]).unwrap() > 0);
    never_reads(&server, "tls", |mark| {
        let text = long_options(mark, "TLS");
        // Straight to the socket: the library's own writer would read between.
        deaf.conn.writer().write_all(text.as_bytes())?;
        while deaf.conn.wants_write() {
            deaf.conn.write_tls(&mut deaf.sock)?;
        }
        Ok(())
    });
}

#[test]
fn a_plain_request_at_the_websockets_port_leaves_it_standing() {
    let server = house().serve();
    let mut stream = server.connect_by("ws");
    stream
        .write_all(options("plain", "TCP").as_bytes())
        .unwrap();
    let answer = read_message(&mut stream, &mut Vec::new());
    assert_eq!(answer, None, "closed: it is no HTTP");
    let mut peer = Peer::open(&server);
    peer.says(&options("well", "WS"));
    assert_eq!(peer.is_answered("well"), 200);
}
