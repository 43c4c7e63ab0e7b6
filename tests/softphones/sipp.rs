//! SIPp: the trunk's callers, and operators' phones whose every word is ours.

use std::net::{IpAddr, Ipv6Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::ear::{ALAW, Ear, ULAW};
use crate::moment::eventually;
use crate::ports::free_port;
use crate::process::Process;
use crate::server::{Place, SOON, Server, password, tone_of};

/// How to get it.
const PACKAGE: &str = "apt-get install sip-tester";

/// A description of audio alone: µ-law or A-law as asked, and telephone events.
pub(crate) fn audio(port: u16, payload_types: &[u8]) -> String {
    audio_at([127, 0, 0, 1].into(), port, payload_types)
}

/// The same at an address.
pub(crate) fn audio_at(ip: IpAddr, port: u16, payload_types: &[u8]) -> String {
    let family = if ip.is_ipv4() { "IP4" } else { "IP6" };
    let formats: Vec<String> = payload_types.iter().map(ToString::to_string).collect();
    format!(
        "v=0\no=- 1 1 IN {family} {ip}\ns=-\nc=IN {family} {ip}\nt=0 0\nm=audio {port} RTP/AVP {} 101\na=rtpmap:101 telephone-event/8000\na=fmtp:101 0-15\n",
        formats.join(" ")
    )
}

/// Parts of `tests/data/sipp`, one after the other, with the words between `@` filled in.
pub(crate) struct Scenario {
    text: String,
    to: String,
    port: Option<u16>,
    address: &'static str,
    tcp: bool,
    remote: Option<SocketAddr>,
    times: u32,
    at_once: u32,
}

impl Scenario {
    /// Of these files.
    pub(crate) fn of(parts: &[&str]) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/sipp");
        let mut text = String::from("<?xml version=\"1.0\"?>\n<scenario name=\"test\">\n");
        for part in parts {
            text += &std::fs::read_to_string(folder.join(part)).unwrap();
        }
        text.push_str("</scenario>\n");
        Self {
            text,
            to: String::new(),
            port: None,
            address: "127.0.0.1",
            tcp: false,
            remote: None,
            times: 1,
            at_once: 1,
        }
    }

    /// A caller with a number who dials one and describes the own end, in parts of these files.
    pub(crate) fn caller_of(parts: &[&str], from: &str, dialled: &str, sdp: &str) -> Self {
        let from = format!("<sip:{from}@[local_ip]>");
        Self::caller_from(parts, &from, dialled, sdp)
    }

    /// The same with the whole of the own address.
    fn caller_from(parts: &[&str], from: &str, dialled: &str, sdp: &str) -> Self {
        let uri = match dialled.contains(':') {
            true => dialled.to_owned(),
            false => format!("sip:{dialled}@[remote_ip]:[remote_port]"),
        };
        let mut scenario = Self::of(parts)
            .with("URI", &uri)
            .with("FROM", from)
            .with("SDP", sdp);
        scenario.to = uri;
        scenario
    }

    /// A caller who talks until one hangs up.
    pub(crate) fn caller(from: &str, dialled: &str, sdp: &str) -> Self {
        Self::caller_of(&["invite.xml", "talk.xml"], from, dialled, sdp)
    }

    /// An operator's phone at a port: rings, answers when nudged, hangs up when nudged again.
    pub(crate) fn operator(port: u16, sdp: &str) -> Self {
        Self::of(&["operator.xml"]).with("SDP", sdp).at_port(port)
    }

    /// Fills in a word.
    pub(crate) fn with(mut self, word: &str, value: &str) -> Self {
        let word = format!("@{word}@");
        assert!(self.text.contains(&word), "no {word} in the scenario");
        self.text = self.text.replace(&word, value);
        self
    }

    /// From this port.
    pub(crate) fn at_port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// At another address of this machine.
    pub(crate) fn at_address(mut self, address: &'static str) -> Self {
        self.address = address;
        self
    }

    /// To a proxy at this place.
    pub(crate) fn through(mut self, proxy: SocketAddr) -> Self {
        self.remote = Some(proxy);
        self
    }

    /// Names another number in To than in the request line.
    pub(crate) fn to(mut self, uri: &str) -> Self {
        self.to = uri.into();
        self
    }

    /// For so many calls, one after the other where it makes them.
    pub(crate) fn times(mut self, times: u32) -> Self {
        self.times = times;
        self
    }

    /// So many of the calls at the same time.
    pub(crate) fn at_once(mut self, count: u32) -> Self {
        self.at_once = count;
        self
    }

    /// Over TCP, one connection.
    pub(crate) fn over_tcp(mut self) -> Self {
        self.tcp = true;
        self
    }

    /// Runs it against the server.
    pub(crate) fn run(self, server: &Server) -> Sipp {
        let name = if self.tcp { "tcp" } else { "udp" };
        let own = match self.address.contains(':') {
            true => server.at(&format!("{name}6")),
            false => server.at(name),
        };
        let remote = self.remote.unwrap_or(own);
        self.start(&server.place, Some(remote))
    }

    /// Waits for whoever sends it something, also before there is a server.
    pub(crate) fn waits(self, place: &Place) -> Sipp {
        self.start(place, None)
    }

    fn start(self, place: &Place, remote: Option<SocketAddr>) -> Sipp {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = place.path().join(format!("sipp-{number}"));
        std::fs::create_dir(&folder).unwrap();
        let text = self.text.replace("@HEADERS@", "");
        let text = text.replace("@TO@", &self.to);
        let missing = text
            .split('@')
            .nth(1)
            .filter(|word| word.chars().all(|one| one.is_ascii_uppercase()));
        assert_eq!(missing, None, "a word of the scenario is not filled in");
        std::fs::write(folder.join("scenario.xml"), text).unwrap();
        let port = self.port.unwrap_or_else(free_port);
        // Where there are several calls, each has a Call-ID of its own.
        let call_id = match self.times {
            1 => format!("sipp-{number}-{}", std::process::id()),
            _ => format!("sipp-{number}-{}-%u", std::process::id()),
        };
        let (transport, port_text) = (if self.tcp { "t1" } else { "u1" }, port.to_string());
        let mut command = Command::new("sipp");
        command.current_dir(&folder);
        command.args(remote.map(|remote| remote.to_string()));
        command.args(["-sf", "scenario.xml", "-i", self.address, "-nostdin", "-aa"]);
        let (times, at_once) = (self.times.to_string(), self.at_once.to_string());
        command.args(["-m", &times, "-l", &at_once, "-r", "100"]);
        command.args(["-p", &port_text, "-t", transport, "-cid_str", &call_id]);
        command.args(["-trace_msg", "-message_file", "messages.log", "-trace_err"]);
        command.args(["-error_file", "errors.log"]);
        command.args(["-timeout", "120", "-timeout_error"]);
        command.env("TERM", "dumb");
        let process = Process::start(PACKAGE, &mut command);
        Sipp {
            process,
            folder,
            port,
            address: self.address,
            call_id,
            tcp: self.tcp,
        }
    }
}

/// A message that went over the wire.
#[derive(Debug, Clone)]
pub(crate) struct Wire {
    /// Whether SIPp sent it.
    pub(crate) sent: bool,
    /// The whole text.
    pub(crate) text: String,
}

impl Wire {
    /// Whether its first line begins so.
    pub(crate) fn begins(&self, words: &str) -> bool {
        self.text.starts_with(words)
    }

    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let begin = format!("{}:", name.to_ascii_lowercase());
        let line = self
            .text
            .lines()
            .find(|line| line.to_ascii_lowercase().starts_with(&begin))?;
        Some(line[begin.len()..].trim())
    }

    /// Where its description wants to hear.
    pub(crate) fn audio_port(&self) -> u16 {
        let port = self.text.split("m=audio ").nth(1);
        let port = port.and_then(|rest| rest.split(' ').next()?.parse().ok());
        port.expect("a description with audio")
    }
}

/// A running SIPp.
pub(crate) struct Sipp {
    process: Process,
    folder: PathBuf,
    port: u16,
    address: &'static str,
    call_id: String,
    tcp: bool,
}

impl Sipp {
    /// All messages up to now.
    pub(crate) fn messages(&self) -> Vec<Wire> {
        let text = std::fs::read(self.folder.join("messages.log")).unwrap_or_default();
        let text = String::from_utf8_lossy(&text).replace("\r\n", "\n");
        let parts = text.split("-----------------------------------------------");
        let read = |part: &str| {
            let (head, body) = part.split_once("\n\n")?;
            let sent = head.contains("message sent");
            (sent || head.contains("message received")).then(|| Wire {
                sent,
                text: body.to_owned(),
            })
        };
        parts.filter_map(read).collect()
    }

    /// The first message from the server that begins so, once it is there.
    pub(crate) fn receives(&self, begin: &str, within: Duration) -> Wire {
        eventually(&format!("{begin} at SIPp"), within, || {
            self.received(begin).into_iter().next()
        })
    }

    /// Waits for the answer to a request, by its CSeq.
    pub(crate) fn is_answered(&self, cseq: &str) {
        eventually(&format!("the answer to {cseq}"), SOON, || {
            let final_ones = self.received("SIP/2.0 200");
            final_ones
                .iter()
                .any(|wire| wire.header("CSeq") == Some(cseq))
                .then_some(())
        });
    }

    /// All messages from the server that begin so.
    pub(crate) fn received(&self, begin: &str) -> Vec<Wire> {
        let mut all = self.messages();
        all.retain(|wire| !wire.sent && wire.begins(begin));
        all
    }

    /// Tells the scenario to go on where it waits for an INFO.
    pub(crate) fn nudge(&self) {
        let all = self.messages();
        let call = all.iter().find(|wire| wire.begins("INVITE"));
        let call = call.or(all.first());
        let call_id = call.and_then(|wire| wire.header("Call-ID").map(str::to_owned));
        self.nudge_call(&call_id.unwrap_or_else(|| self.call_id.clone()));
    }

    fn nudge_call(&self, call_id: &str) {
        // Two that are the same would be one, repeated.
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let text = format!(
            "INFO sip:sipp@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bKnudge{number}\r\nFrom: <sip:test@127.0.0.1>;tag=n\r\nTo: <sip:sipp@127.0.0.1>\r\nCall-ID: {call_id}\r\nCSeq: {number} INFO\r\nContent-Length: 0\r\n\r\n"
        );
        let to = SocketAddr::new(self.address.parse().unwrap(), self.port);
        if self.tcp {
            use std::io::Write;
            let mut stream = std::net::TcpStream::connect(to).unwrap();
            stream.write_all(text.as_bytes()).unwrap();
        } else {
            let socket = UdpSocket::bind((to.ip(), 0)).unwrap();
            socket.send_to(text.as_bytes(), to).unwrap();
        }
    }

    /// Waits until it hears at its port. To try the port by taking it would now and then take it from SIPp.
    pub(crate) fn hears(&self) {
        let own = format!(":{:04X} ", self.port);
        eventually("SIPp's port to be taken", SOON, || {
            let tables = ["/proc/net/udp", "/proc/net/udp6"];
            let texts = tables.map(|table| std::fs::read_to_string(table).unwrap_or_default());
            // The second word of a line is the own address and port.
            let mut lines = texts.iter().flat_map(|text| text.lines());
            lines
                .any(|line| {
                    line.split_once(&own)
                        .is_some_and(|(before, _)| before.split_whitespace().count() == 2)
                })
                .then_some(())
        });
    }

    /// Waits until all its calls are over, however they ended.
    pub(crate) fn is_over(&mut self) {
        self.process.ends(Duration::from_secs(60));
    }

    /// Waits until the scenario has come to its end as written.
    pub(crate) fn succeeds(&mut self) {
        let status = self.process.ends(Duration::from_secs(45));
        assert!(status.success(), "SIPp: {status}");
    }

    /// Vanishes without a word.
    pub(crate) fn vanish(&mut self) {
        self.process.kill();
    }

    /// Its port.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Sipp {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("── messages of SIPp at {} ──", self.port);
            for wire in self.messages() {
                let arrow = if wire.sent { "→" } else { "←" };
                eprintln!("{arrow} {}", wire.text);
            }
            let errors = std::fs::read_to_string(self.folder.join("errors.log"));
            eprintln!("{}", errors.unwrap_or_default());
        }
    }
}

/// A phone by SIPp, with a voice and an ear.
pub(crate) struct Phone {
    /// Its signalling.
    pub(crate) sipp: Sipp,
    /// Its sound.
    pub(crate) ear: Ear,
}

impl Phone {
    /// A caller of the trunk, who talks until one hangs up.
    pub(crate) fn caller(server: &Server, from: &str, dialled: &str, tone: u32) -> Self {
        let from = format!("<sip:{from}@[local_ip]>");
        Self::caller_named(server, &from, dialled, tone)
    }

    /// The same with the whole of the own address, display name included.
    pub(crate) fn caller_named(server: &Server, from: &str, dialled: &str, tone: u32) -> Self {
        let ear = Ear::open(tone, ULAW);
        let sdp = audio(ear.port(), &[ULAW, ALAW]);
        let scenario = Scenario::caller_from(&["invite.xml", "talk.xml"], from, dialled, &sdp);
        let sipp = scenario.run(server);
        Self { sipp, ear }
    }

    /// The same by IPv6, as a datagram or over TCP.
    pub(crate) fn caller_by_six(server: &Server, dialled: &str, tone: u32, tcp: bool) -> Self {
        let ear = Ear::at(Ipv6Addr::LOCALHOST.into(), tone, ULAW);
        let sdp = audio_at(Ipv6Addr::LOCALHOST.into(), ear.port(), &[ULAW, ALAW]);
        let scenario = Scenario::caller("0501234567", dialled, &sdp).at_address("::1");
        let scenario = if tcp { scenario.over_tcp() } else { scenario };
        let sipp = scenario.run(server);
        Self { sipp, ear }
    }

    /// An operator's phone, registered and on shift: rings, and answers when nudged.
    pub(crate) fn operator(server: &Server, id: &str, tone: u32) -> Self {
        let port = free_port();
        on_shift(server, id, port);
        let ear = Ear::open(tone, ULAW);
        let sipp = Scenario::operator(port, &audio(ear.port(), &[ULAW, ALAW])).run(server);
        sipp.hears();
        Self { sipp, ear }
    }

    /// Waits until it rings. It speaks from then on, as its offer says where to: where the call is
    /// taken before a frame of the greeting was played, two that waited to hear first would both be silent.
    pub(crate) fn rings(&self) -> Wire {
        let invite = self.sipp.receives("INVITE", SOON);
        self.ear.speaks_to(invite.audio_port());
        invite
    }

    /// Waits until it rings, and answers.
    pub(crate) fn answers(&self) {
        self.rings();
        self.sipp.nudge();
    }

    /// Hangs up, and the scenario ends as written.
    pub(crate) fn hangs_up(&mut self) {
        self.sipp.nudge();
        self.sipp.succeeds();
    }

    /// The server hangs up, and the scenario ends as written.
    pub(crate) fn is_hung_up_on(&mut self) {
        self.sipp.receives("BYE", SOON);
        self.sipp.succeeds();
    }
}

/// Two who are connected hear each other.
pub(crate) fn talk(caller: (&Ear, u32), operator: (&Ear, u32)) {
    caller.0.hears(operator.1, SOON);
    operator.0.hears(caller.1, SOON);
}

/// Registers an operator at a port, where another scenario then answers, and goes on shift.
pub(crate) fn on_shift(server: &Server, operator: &str, port: u16) {
    register(server, operator, port);
    dial_code(server, operator, "*11", "logged-in");
    server.is_on_shift(operator);
}

/// Registers an operator at a port.
pub(crate) fn register(server: &Server, operator: &str, port: u16) {
    let scenario = Scenario::of(&["register.xml"])
        .with("USER", operator)
        .with("PASSWORD", &password(operator))
        .at_port(port);
    scenario.run(server).succeeds();
}

/// An operator dials a code and hears what was done.
pub(crate) fn dial_code(server: &Server, operator: &str, code: &str, words: &str) {
    let ear = Ear::open(None, ULAW);
    let scenario = Scenario::of(&["code.xml"])
        .with("USER", operator)
        .with("PASSWORD", &password(operator))
        .with("CODE", code)
        .with("SDP", &audio(ear.port(), &[0]));
    scenario.run(server).succeeds();
    assert!(
        !ear.never_heard(tone_of("az", words)),
        "{words} is not heard"
    );
}
