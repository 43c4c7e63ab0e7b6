//! A softphone on pjsua2, by our script in `tests/data/softphones`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::moment::eventually;
use crate::process::Process;
use crate::server::{SOON, Server, password};
use crate::tone;

/// Where `.ci/test` puts Python with pjsua2.
const PYTHON: &str = "target/softphones/bin/python";

/// What a phone is like.
pub(crate) struct Setup {
    operator: String,
    transport: &'static str,
    tone: u32,
    answers: bool,
    reliable: bool,
    mailbox: bool,
    remote: Option<SocketAddr>,
    flow: u32,
    /// "off", "optional" or "required".
    encryption: &'static str,
    /// Of a carrier: the name in its certificate, and where it listens.
    carrier: Option<(&'static str, u16)>,
}

impl Setup {
    /// The phone of an operator, which answers by itself and speaks a tone.
    pub(crate) fn new(operator: &str, tone: u32) -> Self {
        Self {
            operator: operator.into(),
            transport: "udp",
            tone,
            answers: true,
            reliable: false,
            mailbox: false,
            remote: None,
            flow: 0,
            encryption: "off",
            carrier: None,
        }
    }

    /// A carrier's switch by TLS, which shows a certificate of this name and wants to see one, and answers.
    pub(crate) fn carrier(name: &'static str, tone: u32, port: u16) -> Self {
        Self {
            transport: "tls",
            carrier: Some((name, port)),
            ..Self::new("0501234567", tone)
        }
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

    /// It is this flow, from 1, of a device that all such phones are together (RFC 5626 §4.2).
    pub(crate) fn flow(mut self, number: u32) -> Self {
        self.flow = number;
        self
    }

    /// Its server is a proxy at this place.
    pub(crate) fn through(mut self, proxy: SocketAddr) -> Self {
        self.remote = Some(proxy);
        self
    }

    /// Rings until it is told what to do.
    pub(crate) fn by_hand(mut self) -> Self {
        self.answers = false;
        self
    }

    /// Its provisional responses want to be acknowledged.
    pub(crate) fn reliable(mut self) -> Self {
        self.reliable = true;
        self
    }

    /// With encrypted audio: "optional" or "required".
    pub(crate) fn encrypts(mut self, how: &'static str) -> Self {
        self.encryption = how;
        self
    }

    /// Wants to hear of its mailbox.
    pub(crate) fn with_mailbox(mut self) -> Self {
        self.mailbox = true;
        self
    }

    /// Starts it; registering begins by itself.
    pub(crate) fn start(self, server: &Server) -> Pjsua {
        let folder = tempfile::tempdir_in(server.place.path()).unwrap();
        let (voice, ear) = (
            folder.path().join("voice.wav"),
            folder.path().join("ear.wav"),
        );
        tone::write_wav(&voice, self.tone, 60.0);
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let remote = self.remote.unwrap_or_else(|| server.at(self.transport));
        let place = &server.place;
        let identity = self.carrier.map(|(name, port)| {
            let (certificate, key) = place.authority().sign(place.path(), name);
            serde_json::json!({"certificate": certificate, "key": key, "port": port})
        });
        let settings = serde_json::json!({
            "user": self.operator,
            "password": password(&self.operator),
            "server": remote.to_string(),
            "transport": self.transport,
            "voice": voice,
            "ear": ear,
            "answers": self.answers,
            "reliable": self.reliable,
            "mailbox": self.mailbox,
            "flow": self.flow,
            "encryption": self.encryption,
            "codecs": ["PCMU", "PCMA"],
            "own": remote.ip().to_string(),
            "authorities": place.path().join("ca.pem"),
            "identity": identity,
        });
        let mut command = Command::new(root.join(PYTHON));
        command.arg(root.join("tests/data/softphones/phone.py"));
        command.arg(settings.to_string());
        let process = Process::start(".ci/test, which installs pjsua2", &mut command);
        let remote = format!("{remote};transport={}", self.transport);
        Pjsua {
            process,
            remote,
            ear,
            _folder: folder,
        }
    }
}

/// A running phone.
pub(crate) struct Pjsua {
    /// Its process.
    pub(crate) process: Process,
    remote: String,
    ear: PathBuf,
    _folder: tempfile::TempDir,
}

impl Pjsua {
    /// Waits until it is registered.
    pub(crate) fn is_registered(&mut self) {
        self.process.says("registration 200", SOON);
    }

    /// Registers, and dials the code that takes the operator on shift.
    pub(crate) fn goes_on_shift(&mut self, server: &Server, operator: &str) {
        self.is_registered();
        self.dials_code("*11");
        server.operator_is(operator, "free");
    }

    /// Dials.
    pub(crate) fn dials(&mut self, number: &str) {
        self.process
            .tell(&format!("dial sip:{number}@{}", self.remote));
    }

    /// Dials a code and waits until the server hangs up.
    pub(crate) fn dials_code(&mut self, code: &str) {
        let from = self.process.lines();
        self.dials(code);
        self.process.says_after(from, "call disconn", SOON);
    }

    /// Waits until a tone was heard.
    pub(crate) fn heard(&self, frequency: u32, within: Duration) {
        eventually(&format!("{frequency} Hz at pjsua2"), within, || {
            self.has_heard(frequency).then_some(())
        });
    }

    /// Waits until all of these tones were heard at once.
    pub(crate) fn heard_together(&self, tones: &[u32], within: Duration) {
        eventually(&format!("{tones:?} Hz at pjsua2"), within, || {
            let samples = tone::read_wav(&self.ear);
            let mut parts = samples.chunks(1_600);
            parts.any(|part| tone::are_heard(part, tones)).then_some(())
        });
    }

    /// Whether a tone was never heard, not even among others.
    pub(crate) fn never_heard_among(&self, frequency: u32) -> bool {
        let samples = tone::read_wav(&self.ear);
        let mut parts = samples.chunks(1_600);
        parts.all(|part| tone::share(part, frequency) < 0.05)
    }

    /// Presses keys, one by one.
    pub(crate) fn presses(&mut self, keys: &str) {
        self.process.tell(&format!("press {keys}"));
    }

    /// Whether a tone was heard in any call.
    pub(crate) fn has_heard(&self, frequency: u32) -> bool {
        tone::first_heard(&tone::read_wav(&self.ear), frequency).is_some()
    }
}
