//! What goes out, read by tshark: no packet of ours is malformed, whatever it is a packet of.

use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::baresip;
use crate::ear::{ALAW, Ear, ULAW};
use crate::moment::eventually;
use crate::process::Process;
use crate::server::{SOON, Server, Setup};
use crate::sipp::{Scenario, audio};

/// What to install where tshark or dumpcap is missing, or may not capture.
const PACKAGE: &str = "as root, apt-get install tshark";

/// The two streams that the last packet of a capture tells of: dumpcap gets packets in blocks, late.
const LAST: &[u8] = b"the end.";

/// All that comes and goes on loopback at these ports.
struct Capture {
    process: Process,
    file: PathBuf,
}

impl Capture {
    fn of(server: &Server, six: SocketAddr) -> Self {
        let file = server.place.path().join("capture.pcapng");
        let (low, high) = server.place.media_ports();
        let filter = format!(
            "port {} or port {} or port {} or portrange {low}-{high}",
            server.udp.port(),
            server.at("tcp").port(),
            six.port()
        );
        let mut command = Command::new("dumpcap");
        command.args(["-q", "-i", "lo", "-f", &filter, "-w"]);
        let mut process = Process::start(PACKAGE, command.arg(&file));
        // It has opened the interface once it names its file.
        process.says("File: ", SOON);
        Self { process, file }
    }

    /// Ends it once it has the last packet.
    fn ends(mut self) -> PathBuf {
        eventually("the last packet in the capture", SOON, || {
            let bytes = std::fs::read(&self.file).ok()?;
            bytes
                .windows(LAST.len())
                .any(|some| some == LAST)
                .then_some(())
        });
        self.process.signal("INT");
        assert!(self.process.ends(SOON).success(), "{}", self.process.said());
        self.file
    }
}

/// One packet as tshark sees it.
struct Seen {
    /// `eth:ethertype:ip:udp:sip:sdp`
    layers: String,
    /// Whether its own dissector says that it is broken.
    broken: bool,
    line: String,
}

/// All packets that a filter lets through; what a port speaks is said where nothing else tells.
fn read(file: &Path, ports: &[(&str, u16, &str)], filter: &str) -> Vec<Seen> {
    let mut command = Command::new("tshark");
    command.args(["-n", "-2", "-r"]).arg(file);
    for (transport, port, protocol) in ports {
        let decode = format!("{transport}.port=={port},{protocol}");
        command.args(["-d", &decode]);
    }
    // What is quoted by who has no such port is no packet.
    let filter = format!("not icmp and not icmpv6 and ({filter})");
    command.args(["-Y", &filter, "-T", "fields", "-E", "separator=|"]);
    for field in [
        "frame.number",
        "frame.protocols",
        "_ws.malformed",
        "_ws.expert.severity",
        "_ws.expert.message",
    ] {
        command.args(["-e", field]);
    }
    let output = command.output();
    let output = output.unwrap_or_else(|fault| panic!("tshark: {fault}; {PACKAGE}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "tshark: {errors}");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().map(seen).collect()
}

fn seen(line: &str) -> Seen {
    let fields: Vec<&str> = line.split('|').collect();
    // Wireshark's PI_ERROR.
    let severe = fields[3].split(',').any(|one| one == "8388608");
    Seen {
        layers: fields[1].to_owned(),
        broken: severe || !fields[2].is_empty() || fields[1].contains("_ws.malformed"),
        line: line.to_owned(),
    }
}

/// What a stranger sends from a socket of its own, until there is an answer that begins so.
fn asks(socket: &UdpSocket, bytes: &[u8], begin: &[u8]) -> Vec<u8> {
    socket.send(bytes).unwrap();
    let mut buffer = vec![0; 65_535];
    loop {
        let length = socket.recv(&mut buffer).expect("an answer");
        if buffer[..length].starts_with(begin) {
            return buffer[..length].to_vec();
        }
    }
}

fn stranger(server: SocketAddr) -> UdpSocket {
    let any = if server.is_ipv6() {
        "[::1]:0"
    } else {
        "127.0.0.1:0"
    };
    let socket = UdpSocket::bind(any).unwrap();
    socket.connect(server).unwrap();
    socket.set_read_timeout(Some(SOON)).unwrap();
    socket
}

/// A Binding request (RFC 5389 §6).
fn keep_alive(server: SocketAddr) {
    let mut request = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
    request.extend([7; 12]);
    asks(&stranger(server), &request, &[1, 1]);
}

/// A report that ends too early, from nobody to a port of ours where nothing listens; from which port.
fn lies(server: &Server) -> u16 {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let report = [&[0x81, 201, 0, 23], LAST].concat();
    let last = server.place.media_ports().1;
    socket.send_to(&report, ("127.0.0.1", last)).unwrap();
    socket.local_addr().unwrap().port()
}

/// A call by IPv6, audio included: hears a second of the greeting, and hangs up.
fn call_by_six(server: SocketAddr) {
    let (signals, ear) = (stranger(server), UdpSocket::bind("[::1]:0").unwrap());
    ear.set_read_timeout(Some(SOON)).unwrap();
    let (here, port) = (
        signals.local_addr().unwrap(),
        ear.local_addr().unwrap().port(),
    );
    let sdp = format!(
        "v=0\r\no=- 1 1 IN IP6 ::1\r\ns=-\r\nc=IN IP6 ::1\r\nt=0 0\r\nm=audio {port} RTP/AVP 8\r\n"
    );
    let write = |method: &str, number: u32, to: &str, body: &str| {
        let kind = if body.is_empty() {
            ""
        } else {
            "Content-Type: application/sdp\r\n"
        };
        format!(
            "{method} sip:116111@{server} SIP/2.0\r\nVia: SIP/2.0/UDP {here};rport;branch=z9hG4bK{method}{number}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:0501234567@{here}>;tag=six\r\nTo: {to}\r\nCall-ID: six\r\n\
             CSeq: {number} {method}\r\nContact: <sip:caller@{here}>\r\n{kind}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let invite = write("INVITE", 1, &format!("<sip:116111@{server}>"), &sdp);
    let answer = asks(&signals, invite.as_bytes(), b"SIP/2.0 200");
    let answer = String::from_utf8(answer).unwrap();
    let to = answer
        .lines()
        .find_map(|line| line.strip_prefix("To: "))
        .unwrap();
    signals.send(write("ACK", 1, to, "").as_bytes()).unwrap();
    for _ in 0..50 {
        ear.recv(&mut [0; 1_500]).expect("the greeting");
    }
    asks(&signals, write("BYE", 2, to, "").as_bytes(), b"SIP/2.0 200");
}

/// A caller by TCP, whom a phone of an operator takes, and who presses keys.
fn call_by_tcp(server: &Server, phone: &mut baresip::Baresip) {
    let ear = Ear::open(350, ULAW);
    let scenario = Scenario::caller("0501234567", "116111", &audio(ear.port(), &[ULAW, ALAW]));
    let mut caller = scenario.over_tcp().run(server);
    ear.hears(480, SOON);
    phone.heard(350, SOON);
    ear.press(5);
    phone.tells("CALL_DTMF_START", SOON);
    caller.nudge();
    caller.succeeds();
    phone.tells("CALL_CLOSED", SOON);
}

#[test]
fn nothing_that_we_send_is_malformed() {
    let listen = "\"udp://127.0.0.1:0\", \"tcp://127.0.0.1:0\", \"udp://[::1]:0\"";
    let server = Setup::new()
        .operator("101")
        .operator("102")
        .listen(listen)
        .start();
    let six = server
        .all_at("udp")
        .into_iter()
        .find(SocketAddr::is_ipv6)
        .unwrap();
    let capture = Capture::of(&server, six);
    let mut phone = baresip::Setup::new("101", 480).codec("pcma").start(&server);
    phone.goes_on_shift(&server, "101");
    call_by_tcp(&server, &mut phone);
    call_by_six(six);
    keep_alive(server.udp);
    let liar = lies(&server);
    server.records(2);
    server.is_drained();
    let file = capture.ends();

    let (low, high) = server.place.media_ports();
    let ports = [
        ("udp", server.udp.port(), "sip"),
        ("tcp", server.at("tcp").port(), "sip"),
        ("udp", six.port(), "sip"),
        ("udp", liar, "rtcp"),
    ];
    let lies = read(&file, &ports, &format!("udp.srcport == {liar}"));
    let seen: Vec<&str> = lies.iter().map(|one| &*one.line).collect();
    let is_seen = lies.len() == 1 && lies[0].broken;
    assert!(is_seen, "what is broken is not seen to be: {seen:?}");
    let sent = format!(
        "udp.srcport == {} or tcp.srcport == {} or udp.srcport == {} or (udp.srcport >= {low} and udp.srcport <= {high})",
        server.udp.port(),
        server.at("tcp").port(),
        six.port()
    );
    let ours = read(&file, &ports, &sent);
    let broken: Vec<&str> = ours
        .iter()
        .filter(|one| one.broken)
        .map(|one| &*one.line)
        .collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    for layers in [
        "ip:udp:sip",
        "ip:udp:sip:sdp",
        "ip:tcp:sip",
        "ip:tcp:sip:sdp",
        "ipv6:udp:sip:sdp",
        "ip:udp:rtp",
        "ipv6:udp:rtp",
        "ip:udp:rtp:rtpevent",
        "ip:udp:rtcp",
        "ip:udp:stun",
    ] {
        let found = ours.iter().any(|one| one.layers.ends_with(layers));
        assert!(found, "nothing of ours is {layers}");
    }
}
