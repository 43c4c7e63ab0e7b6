//! baresip: a softphone that is steered over a control connection and dumps what it hears.

use std::io::{BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

use crate::moment::eventually;
use crate::netns::Host;
use crate::ports::free_port;
use crate::process::Process;
use crate::server::{SOON, Server, password};
use crate::tone;

/// How to get it.
const PACKAGE: &str = "apt-get install baresip";

/// What a phone is like.
pub(crate) struct Setup {
    operator: String,
    password: String,
    transport: &'static str,
    tone: u32,
    answers: bool,
    codec: &'static str,
    packet_time: u32,
    registers: bool,
    host: Option<Host>,
    address: String,
    remote: Option<SocketAddr>,
    port: u16,
    /// Its outbound proxies; a flow goes through each.
    proxies: Vec<SocketAddr>,
    /// A word of baresip's; empty: in the clear.
    encryption: &'static str,
}

impl Setup {
    /// The phone of an operator, which answers by itself and speaks a tone.
    pub(crate) fn new(operator: &str, tone: u32) -> Self {
        Self {
            operator: operator.into(),
            password: password(operator),
            transport: "udp",
            tone,
            answers: true,
            codec: "pcmu",
            packet_time: 20,
            registers: true,
            host: None,
            address: "127.0.0.1".into(),
            remote: None,
            port: 0,
            proxies: Vec::new(),
            encryption: "",
        }
    }

    /// The phone of a caller, which a carrier brings: it does not register.
    pub(crate) fn caller(number: &str, tone: u32) -> Self {
        Self {
            registers: false,
            ..Self::new(number, tone)
        }
    }

    /// On another host, where it has this address and finds the server at that one.
    pub(crate) fn on(mut self, host: &Host, address: &str, server: &str) -> Self {
        self.host = Some(host.clone());
        self.address = address.into();
        self.remote = Some(server.parse().unwrap());
        self
    }

    /// Its server is a proxy at this place.
    pub(crate) fn through(mut self, proxy: SocketAddr) -> Self {
        self.remote = Some(proxy);
        self
    }

    /// Registers through each of these proxies, by a flow of its own (RFC 5626 §4.2).
    pub(crate) fn through_all(mut self, proxies: &[SocketAddr]) -> Self {
        self.proxies = proxies.to_vec();
        self
    }

    /// Hears at this port.
    pub(crate) fn at_port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// With encrypted audio: "srtp" as a choice, "srtp-mand" as a must.
    pub(crate) fn encrypts(mut self, how: &'static str) -> Self {
        self.encryption = how;
        self
    }

    /// By IPv6, over "udp", "tcp" or "tls".
    pub(crate) fn by_six(mut self, transport: &'static str, server: &Server) -> Self {
        self.transport = transport;
        self.address = "[::1]".into();
        self.remote = Some(server.at(&format!("{transport}6")));
        self
    }

    /// Over TCP.
    pub(crate) fn over_tcp(mut self) -> Self {
        self.transport = "tcp";
        self
    }

    /// Over this transport.
    pub(crate) fn over(mut self, transport: &'static str) -> Self {
        self.transport = transport;
        self
    }

    /// Rings until it is told what to do.
    pub(crate) fn by_hand(mut self) -> Self {
        self.answers = false;
        self
    }

    /// Speaks this codec alone.
    pub(crate) fn codec(mut self, codec: &'static str) -> Self {
        self.codec = codec;
        self
    }

    /// Sends packets of so many milliseconds.
    pub(crate) fn packets_of(mut self, milliseconds: u32) -> Self {
        self.packet_time = milliseconds;
        self
    }

    /// With another password.
    pub(crate) fn password(mut self, password: &str) -> Self {
        self.password = password.into();
        self
    }

    /// What the account says of its proxies.
    fn flows(&self) -> String {
        let transport = self.transport;
        let flow =
            |(number, proxy)| format!(";outbound{number}=\"sip:{proxy};transport={transport}\"");
        let mut flows: String = (1..).zip(&self.proxies).map(flow).collect();
        if !flows.is_empty() {
            flows.push_str(";sipnat=outbound");
        }
        flows
    }

    /// Starts it; registering begins by itself.
    pub(crate) fn start(self, server: &Server) -> Baresip {
        let folder = tempfile::tempdir_in(server.place.path()).unwrap();
        let path = folder.path();
        let control = free_port();
        let voice = path.join("voice.wav");
        tone::write_wav(&voice, self.tone, 60.0);
        std::fs::write(
            path.join("config"),
            config(control, path, &voice, (&self.address, self.port)),
        )
        .unwrap();
        if self.transport == "tls" {
            let mut file = std::fs::OpenOptions::new();
            let mut file = file.append(true).open(path.join("config")).unwrap();
            let ca = server.place.path().join("ca.pem");
            writeln!(file, "sip_cafile {}", ca.display()).unwrap();
        }
        std::fs::write(path.join("contacts"), "").unwrap();
        let remote = self.remote.unwrap_or_else(|| server.at(self.transport));
        let answer = if self.answers { "auto" } else { "manual" };
        let account = format!(
            "<sip:{}@{remote};transport={}>;auth_pass={};answermode={answer};regint={};audio_codecs={}/8000;ptime={}{}",
            self.operator,
            self.transport,
            self.password,
            if self.registers { 600 } else { 0 },
            self.codec,
            self.packet_time,
            match self.encryption {
                "" => String::new(),
                how => format!(";mediaenc={how}"),
            }
        );
        std::fs::write(path.join("accounts"), account + &self.flows() + "\n").unwrap();
        let mut command = Command::new("baresip");
        command.args(["-s", "-f", path.to_str().unwrap()]);
        if let Some(host) = &self.host {
            command = host.command(&command);
        }
        let mut process = Process::start(PACKAGE, &mut command);
        process.says("baresip is ready", SOON);
        let events = Arc::new(Mutex::new(Vec::new()));
        let stream = eventually("baresip's control port", SOON, || {
            let connect = move || TcpStream::connect(("127.0.0.1", control)).ok();
            match &self.host {
                Some(host) => host.within(connect),
                None => connect(),
            }
        });
        let (reader, into) = (stream.try_clone().unwrap(), Arc::clone(&events));
        std::thread::spawn(move || listen(reader, &into));
        Baresip {
            server: remote.to_string(),
            process,
            stream,
            events,
            folder,
        }
    }
}

fn config(control: u16, folder: &Path, voice: &Path, (address, port): (&str, u16)) -> String {
    let (folder, voice) = (folder.display(), voice.display());
    let interface = address.trim_matches(['[', ']']);
    format!(
        "poll_method epoll
sip_listen {address}:{port}
net_interface {interface}
call_local_timeout 120
call_max_calls 4
audio_source aufile,{voice}
audio_player aubridge,none
audio_alert aubridge,none
ausrc_srate 8000
auplay_srate 8000
ausrc_channels 1
auplay_channels 1
audio_buffer 20-160
rtp_timeout 0
module_path /usr/lib/baresip/modules
module g711.so
module aufile.so
module aubridge.so
module sndfile.so
module srtp.so
module_tmp uuid.so
module_app account.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen 127.0.0.1:{control}
snd_path {folder}
"
    )
}

/// A running baresip.
pub(crate) struct Baresip {
    /// Its process.
    pub(crate) process: Process,
    /// Where codes are dialled.
    server: String,
    stream: TcpStream,
    events: Arc<Mutex<Vec<Value>>>,
    folder: tempfile::TempDir,
}

impl Baresip {
    /// Does a command: `dial`, `accept`, `hangup`, …
    pub(crate) fn command(&mut self, command: &str, parameters: &str) {
        let body = serde_json::json!({ "command": command, "params": parameters }).to_string();
        write!(self.stream, "{}:{body},", body.len()).unwrap();
    }

    /// The first event of a type, once it is there.
    pub(crate) fn tells(&self, kind: &str, within: Duration) -> Value {
        eventually(&format!("{kind} from baresip"), within, || {
            let events = self.events.lock().unwrap();
            events.iter().find(|event| event["type"] == kind).cloned()
        })
    }

    /// How many events of a type there were.
    pub(crate) fn told(&self, kind: &str) -> usize {
        let events = self.events.lock().unwrap();
        events.iter().filter(|event| event["type"] == kind).count()
    }

    /// Waits until it is registered, and dials the code that takes the operator on shift.
    pub(crate) fn goes_on_shift(&mut self, server: &Server, operator: &str) {
        self.is_registered();
        self.dials_code("*11");
        server.operator_is(operator, "free");
    }

    /// Waits until the server has taken its contact.
    pub(crate) fn is_registered(&mut self) {
        // It may have happened before the control connection stood.
        self.process.says("200 OK () [", SOON);
    }

    /// Dials a code and waits until the server hangs up.
    pub(crate) fn dials_code(&mut self, code: &str) {
        let before = self.told("CALL_CLOSED");
        self.command("dial", &format!("sip:{code}@{}", self.server));
        eventually("the end of a code's call", SOON, || {
            (self.told("CALL_CLOSED") > before).then_some(())
        });
    }

    /// Waits until its calls, the latest first, heard a tone.
    pub(crate) fn heard(&self, frequency: u32, within: Duration) {
        eventually(&format!("{frequency} Hz at baresip"), within, || {
            self.has_heard(frequency).then_some(())
        });
    }

    /// Whether a tone was heard in any call.
    pub(crate) fn has_heard(&self, frequency: u32) -> bool {
        let heard = |path: &PathBuf| tone::first_heard(&tone::read_wav(path), frequency).is_some();
        self.recordings().iter().any(heard)
    }

    /// Dumps of what was decoded.
    fn recordings(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.folder.path()).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        let mut all: Vec<PathBuf> = paths
            .filter(|path| path.to_string_lossy().ends_with("-dec.wav"))
            .collect();
        all.sort();
        all
    }
}

/// Reads events: JSON in netstrings.
fn listen(stream: TcpStream, into: &Mutex<Vec<Value>>) {
    let mut reader = BufReader::new(stream);
    loop {
        let (mut size, mut octet) = (0_usize, [0]);
        loop {
            if reader.read_exact(&mut octet).is_err() {
                return;
            }
            match octet[0] {
                digit @ b'0'..=b'9' => size = size * 10 + usize::from(digit - b'0'),
                _ => break,
            }
        }
        let mut body = vec![0; size + 1];
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        if let Ok(value) = serde_json::from_slice::<Value>(&body[..size])
            && value["event"] == true
        {
            into.lock().unwrap().push(value);
        }
    }
}
