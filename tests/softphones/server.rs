//! The built binary, run as a newcomer runs it: in a folder of its own, with the shipped dialplans.

use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

use crate::certificates::Authority;
use crate::moment::eventually;
use crate::netns::Host;
use crate::process::Process;
use crate::record::Record;
use crate::tone;

/// How long the server may take for anything that is not to be waited for.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// Ports of a server's media.
const BLOCK: u16 = 200;

/// Prompts, each a tone of its own in each language, and how long it is.
const PROMPTS: [(&str, f64); 23] = [
    ("greeting", 2.0),
    ("language-choice", 1.0),
    ("nobody-now", 0.5),
    ("in-danger-call-112", 0.5),
    ("please-call-again", 0.5),
    ("stay-with-us", 1.0),
    ("position-before", 0.5),
    ("ordinal-1", 0.5),
    ("logged-in", 0.4),
    ("logged-out", 0.4),
    ("paused", 0.4),
    ("resumed", 0.4),
    ("free", 0.4),
    ("ringing", 0.4),
    ("talking", 0.4),
    ("wrap-up", 0.4),
    ("unreachable", 0.4),
    ("callers-waiting", 0.4),
    ("long-wait", 0.5),
    ("call-not-allowed", 0.8),
    ("callback-noted", 0.8),
    ("callback-neutral", 0.8),
    ("estimate-soon", 0.8),
];
/// The music.
pub(crate) const HOLD: u32 = 3_150;

/// What is said around messages and recordings, the same in each language.
const AROUND_MESSAGES: [(&str, u32); 10] = [
    ("leave-a-message", 3_300),
    ("message-thanks", 3_300),
    ("message-keys", 3_300),
    ("message-handled", 3_300),
    ("messages-over", 3_300),
    ("no-messages", 3_300),
    ("no-message-now", NO_ROOM),
    ("recording-notice", NOTICE),
    ("recording-paused", 3_300),
    ("recording-resumed", 3_300),
];
/// A caller hears that no message can be left.
pub(crate) const NO_ROOM: u32 = 3_500;
/// A caller hears that the talk is recorded.
pub(crate) const NOTICE: u32 = 3_600;
/// After it, callers speak.
pub(crate) const SPEAK_NOW: u32 = 3_400;

/// The tone that a prompt is.
pub(crate) fn tone_of(language: &str, prompt: &str) -> u32 {
    let place = PROMPTS.iter().position(|(name, _)| *name == prompt);
    let language = ["az", "ru", "en"].iter().position(|one| *one == language);
    600 + 45 * (place.unwrap() * 3 + language.unwrap()) as u32
}

/// What is laid out before the start.
pub(crate) struct Setup {
    plan: String,
    config: String,
    media: String,
    listen: String,
    operators: Vec<&'static str>,
    shipped_words: bool,
    tls: bool,
    blocks: u16,
    host: Option<Host>,
}

impl Setup {
    /// As shipped, but quick: rest is 2 s, comfort comes every 5 s; and where nobody is there, a caller hears
    /// to call again and leaves no message.
    pub(crate) fn new() -> Self {
        let (step, thanks) = ("  { voicemail = \"night\" },", "play = \"message-thanks\"");
        Self::with_mailbox()
            .plan(step, "")
            .plan(thanks, "play = \"please-call-again\"")
            .plan(
                "ends = { voicemail = \"night\" }",
                "ends = { heard = \"please-call-again\" }",
            )
    }

    /// The same with the mailbox.
    pub(crate) fn with_mailbox() -> Self {
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("dialplans/helpline.toml");
        let plan = std::fs::read_to_string(shipped).unwrap();
        let plan = plan
            .replace("wrap_up = \"20s\"", "wrap_up = \"2s\"")
            .replace("every = \"20s\"", "every = \"5s\"")
            .replace("later = [\"10:00\", \"16:00\", \"20:00\"]", "");
        Self {
            plan,
            config: String::new(),
            media: String::new(),
            listen: "\"udp://127.0.0.1:0\", \"tcp://127.0.0.1:0\"".into(),
            operators: Vec::new(),
            shipped_words: false,
            tls: false,
            blocks: 1,
            host: None,
        }
    }

    /// Changes the dialplan; what is replaced must be there.
    pub(crate) fn plan(mut self, old: &str, new: &str) -> Self {
        assert!(self.plan.contains(old), "the dialplan has no {old:?}");
        self.plan = self.plan.replace(old, new);
        self
    }

    /// Adds to the section `[sip]`, or further sections after it.
    pub(crate) fn config(mut self, text: &str) -> Self {
        self.config.push_str(text);
        self.config.push('\n');
        self
    }

    /// Adds to the section `[media]`.
    pub(crate) fn media(mut self, text: &str) -> Self {
        self.media.push_str(text);
        self.media.push('\n');
        self
    }

    /// Hears there alone: "udp://…", in quotes.
    pub(crate) fn listen(mut self, at: &str) -> Self {
        self.listen = at.into();
        self
    }

    /// Also by TLS, as `sip.az`, with an authority of its own in `ca.pem`.
    pub(crate) fn tls(mut self) -> Self {
        self.tls = true;
        self.listen.push_str(", \"tls://127.0.0.1:0\"");
        self
    }

    /// Also by WebSocket, at this address.
    pub(crate) fn websocket(mut self, address: &str) -> Self {
        self.listen.push_str(&format!(", \"ws://{address}:0\""));
        self
    }

    /// Also by WebSocket within TLS.
    pub(crate) fn secure_websocket(self) -> Self {
        let mut with = self.tls();
        with.listen.push_str(", \"wss://127.0.0.1:0\"");
        with
    }

    /// Also by IPv6.
    pub(crate) fn six(mut self) -> Self {
        self.listen
            .push_str(", \"udp://[::1]:0\", \"tcp://[::1]:0\"");
        if self.tls {
            self.listen.push_str(", \"tls://[::1]:0\"");
        }
        self
    }

    /// With media ports for so many times as many calls: each port rests after a call.
    pub(crate) fn busy(mut self, times: u16) -> Self {
        self.blocks = times;
        self
    }

    /// Runs on this host alone.
    pub(crate) fn on(mut self, host: &Host) -> Self {
        self.host = Some(host.clone());
        self
    }

    /// With the shipped recordings of numbers.
    pub(crate) fn shipped_words(mut self) -> Self {
        self.shipped_words = true;
        self
    }

    /// With an account, whose password is `secret-ID-99`.
    pub(crate) fn operator(mut self, id: &'static str) -> Self {
        self.operators.push(id);
        self
    }

    /// Lays out the folder.
    pub(crate) fn lay_out(self) -> Place {
        let folder = tempfile::tempdir().unwrap();
        let (media, ports) = blocks(self.blocks);
        let root = folder.path();
        let plans = root.join("dialplans");
        std::fs::create_dir(&plans).unwrap();
        std::fs::write(plans.join("helpline.toml"), &self.plan).unwrap();
        for language in ["az", "ru", "en"] {
            let folder = format!("dialplans/prompts/{language}");
            let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join(&folder);
            // Numbers are many and slow to load: they are there where they are spoken.
            let words = [
                "number-",
                "ordinal-",
                "position-",
                "day-",
                "on-",
                "month-",
                "of-",
                "date-",
                "at-",
            ];
            let digit = |name: &str| name.len() == "number-0.wav".len();
            let wanted = |name: &str| {
                let spoken = words.iter().any(|begin| name.starts_with(begin));
                self.shipped_words || !spoken || (name.starts_with("number-") && digit(name))
            };
            copy(&shipped, &root.join(&folder), wanted);
            for (prompt, seconds) in PROMPTS {
                let path = plans.join(format!("prompts/{language}/{prompt}.wav"));
                tone::write_wav(&path, tone_of(language, prompt), seconds);
            }
            for (prompt, hertz) in AROUND_MESSAGES {
                let path = plans.join(format!("prompts/{language}/{prompt}.wav"));
                tone::write_wav(&path, hertz, 0.3);
            }
        }
        tone::write_wav(&plans.join("prompts/music/hold.wav"), HOLD, 5.0);
        tone::write_wav(&plans.join("prompts/music/tone.wav"), SPEAK_NOW, 0.3);
        let (mut config, mut authority) = (self.config, None);
        if self.tls {
            let own = Authority::new(root);
            own.sign(root, "sip.az");
            authority = Some(own);
            config.push_str(
                "[tls]\ncertificate = \"sip.az.pem\"\nkey = \"sip.az.key\"\nclient_ca = \"ca.pem\"\nca = \"ca.pem\"\n",
            );
        }
        let place = Place {
            folder,
            listen: self.listen,
            config,
            authority,
            media: self.media,
            ports,
            host: self.host,
            ears: Vec::new(),
            _media: media,
        };
        place.write_config();
        for id in self.operators {
            place.add_operator(id);
        }
        place
    }

    /// Lays out the folder and starts the server.
    pub(crate) fn start(self) -> Server {
        self.lay_out().start()
    }
}

/// Copies the wanted files of a folder.
fn copy(from: &Path, to: &Path, wanted: impl Fn(&str) -> bool) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (path, name) = entry.map(|one| (one.path(), one.file_name())).unwrap();
        if wanted(&name.to_string_lossy()) {
            std::fs::copy(&path, to.join(name)).unwrap();
        }
    }
}

/// A range of so many blocks that is ours as long as the sockets live, also beside other runs of these tests:
/// each block has a port elsewhere that stands for it.
fn blocks(count: u16) -> (Vec<UdpSocket>, (u16, u16)) {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    loop {
        let number = NEXT.fetch_add(count, Ordering::Relaxed) % (45 - count);
        let first = 11_000 + number * BLOCK;
        let stand_ins = (number..number + count).map(|one| 10_900 + one);
        let guards = stand_ins.chain([first]);
        let guards = guards.map(|port| UdpSocket::bind(("127.0.0.1", port)).ok());
        if let Some(guards) = guards.collect() {
            return (guards, (first + 2, first + count * BLOCK - 1));
        }
    }
}

/// A server's folder.
pub(crate) struct Place {
    folder: tempfile::TempDir,
    listen: String,
    config: String,
    authority: Option<Authority>,
    media: String,
    ports: (u16, u16),
    host: Option<Host>,
    /// What its servers say.
    ears: Vec<Arc<Mutex<Vec<String>>>>,
    _media: Vec<UdpSocket>,
}

/// Who calls in these tests, however it may be written.
const CALLERS: [&str; 5] = [
    "501234567",
    "50 123 45 67",
    "50-123-45-67",
    "551234567",
    "55 123 45 67",
];

/// Where a number stands.
fn told<'a>(written: &'a [(String, Vec<u8>)], number: &str) -> Option<&'a str> {
    let holds = |bytes: &[u8]| {
        bytes
            .windows(number.len())
            .any(|part| part == number.as_bytes())
    };
    let found = written.iter().find(|(_, bytes)| holds(bytes));
    found.map(|(name, _)| name.as_str())
}

/// After each test: no caller's number stands in anything that a server of it wrote.
impl Drop for Place {
    fn drop(&mut self) {
        if std::thread::panicking() || self.ears.is_empty() {
            return;
        }
        let written = self.written();
        for number in CALLERS {
            let found = told(&written, number);
            assert!(found.is_none(), "{number} is in {found:?}");
        }
    }
}

impl Place {
    fn write_config(&self) {
        let (low, high) = self.ports;
        // Many servers run at once: the API has no place where a test does not ask for one.
        let web = match self.config.contains("[web]") {
            true => "",
            false => "[web]\nlisten = []\n",
        };
        let text = format!(
            "{web}[log]\nfilter = \"debug\"\n[media]\nports = \"{low}-{high}\"\n{}[sip]\nlisten = [{}]\n{}",
            self.media, self.listen, self.config
        );
        std::fs::write(self.config_file(), text).unwrap();
    }

    /// All that its servers wrote: logs and files of data, by name.
    fn written(&self) -> Vec<(String, Vec<u8>)> {
        let ears = self.ears.iter().map(|ear| ear.lock().unwrap().join("\n"));
        let mut written: Vec<_> = ears
            .map(|said| ("the log".to_owned(), said.into_bytes()))
            .collect();
        let mut files = vec![self.path().join("data")];
        while let Some(path) = files.pop() {
            if path.is_dir() {
                let entries = std::fs::read_dir(&path).into_iter().flatten();
                files.extend(entries.filter_map(|entry| Some(entry.ok()?.path())));
            } else if path.is_file() {
                // Files of a database come and go.
                let bytes = std::fs::read(&path).unwrap_or_default();
                written.push((path.display().to_string(), bytes));
            }
        }
        written
    }

    /// Adds sections to the configuration.
    pub(crate) fn configure(&mut self, text: &str) {
        self.config.push_str(text);
        self.write_config();
    }

    fn config_file(&self) -> PathBuf {
        self.path().join("qaynar.toml")
    }

    /// The folder.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Who signed its certificate.
    pub(crate) fn authority(&self) -> &Authority {
        self.authority.as_ref().expect("a server by TLS")
    }

    /// The dialplan.
    pub(crate) fn plan_file(&self) -> PathBuf {
        self.path().join("dialplans/helpline.toml")
    }

    /// First and last port of its media.
    pub(crate) fn media_ports(&self) -> (u16, u16) {
        self.ports
    }

    /// `qaynar …` with the folder's configuration.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_qaynar"));
        command.current_dir(self.path()).args(arguments);
        command.args(["--config", self.config_file().to_str().unwrap()]);
        command.env_remove("RUST_LOG");
        command
    }

    fn add_operator(&self, id: &str) {
        // Many tests of these have operators whose ids are emergency numbers, as old houses may.
        let arguments = [
            "operator",
            "add",
            id,
            "--name",
            "Aygün",
            "--password-stdin",
            "--hide-emergency",
        ];
        let mut command = Process::start("cargo build", &mut self.command(&arguments));
        command.tell(&password(id));
        assert!(command.ends(SOON).success(), "{}", command.said());
    }

    /// Starts the server and waits until it is ready.
    pub(crate) fn start(mut self) -> Server {
        let mut command = self.command(&["serve"]);
        if let Some(host) = &self.host {
            command = host.command(&command);
        }
        let mut process = Process::start("cargo build", &mut command);
        self.ears.push(process.ear());
        process.says("; ready", SOON);
        let said = process.said();
        let lines = said.lines().filter_map(|line| line.strip_prefix("SIP on "));
        let listeners: Vec<(String, SocketAddr)> = lines
            .filter_map(|line| line.split_once(' '))
            .map(|(transport, place)| (transport.to_owned(), place.parse().unwrap()))
            .collect();
        // A restart takes the same ports.
        let places = listeners.iter();
        let places = places.map(|(transport, place)| format!("\"{transport}://{place}\""));
        self.listen = places.collect::<Vec<_>>().join(", ");
        self.write_config();
        Server {
            udp: heard_at(&listeners, "udp"),
            place: self,
            process,
            listeners,
        }
    }
}

/// Where a transport is heard; "udp6" and the like are those of IPv6.
fn heard_at(listeners: &[(String, SocketAddr)], transport: &str) -> SocketAddr {
    let (name, v6) = match transport.strip_suffix('6') {
        Some(name) => (name, true),
        None => (transport, false),
    };
    let fitting = || listeners.iter().filter(|(one, _)| one == name);
    let found = fitting().find(|(_, place)| place.is_ipv6() == v6);
    let found = found.or_else(|| fitting().next());
    found.expect("a server that hears by this transport").1
}

/// The password of an operator.
pub(crate) fn password(id: &str) -> String {
    format!("secret-{id}-99")
}

/// A running server.
pub(crate) struct Server {
    /// Its folder.
    pub(crate) place: Place,
    /// Its process.
    pub(crate) process: Process,
    /// Where it hears datagrams.
    pub(crate) udp: SocketAddr,
    listeners: Vec<(String, SocketAddr)>,
}

impl Server {
    /// Where it hears by this transport: "udp", "tcp" or "tls", and with a 6 by IPv6.
    pub(crate) fn at(&self, transport: &str) -> SocketAddr {
        heard_at(&self.listeners, transport)
    }

    /// Everywhere where it hears by this transport.
    pub(crate) fn all_at(&self, transport: &str) -> Vec<SocketAddr> {
        let said = self.process.said();
        let begin = format!("SIP on {transport} ");
        let places = said.lines().filter_map(|line| line.strip_prefix(&begin));
        places.map(|place| place.parse().unwrap()).collect()
    }

    /// Tells it to read its certificates anew.
    pub(crate) fn hang_up_signal(&self) {
        let pid = self.process.pid().to_string();
        assert!(
            Command::new("kill")
                .args(["-HUP", &pid])
                .status()
                .unwrap()
                .success()
        );
    }

    /// Runs a command beside it; what it prints, and whether it was content.
    pub(crate) fn run(&self, arguments: &[&str]) -> (bool, String) {
        let output = self.place.command(arguments).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        (output.status.success(), text + &errors)
    }

    /// `qaynar status --json`
    pub(crate) fn status(&self) -> Value {
        let (well, text) = self.run(&["status", "--json"]);
        assert!(well, "{text}");
        let answer: Value = serde_json::from_str(&text).unwrap();
        answer["data"].clone()
    }

    /// A count of `qaynar status`.
    pub(crate) fn count(&self, name: &str) -> u64 {
        self.status()["counts"][name].as_u64().unwrap()
    }

    /// Waits until a count is so.
    pub(crate) fn counts(&self, name: &str, wanted: u64) {
        eventually(&format!("{wanted} {name}"), SOON, || {
            (self.count(name) == wanted).then_some(())
        });
    }

    /// Waits until an operator is in a state.
    pub(crate) fn operator_is(&self, id: &str, state: &str) {
        let mut last = Value::Null;
        eventually(&format!("operator {id} {state}"), SOON, || {
            last = self.status()["operators"][id].clone();
            (last == state).then_some(())
        });
    }

    /// Waits until an operator is on shift: free, or rung already for somebody who waits.
    pub(crate) fn is_on_shift(&self, id: &str) {
        eventually(&format!("operator {id} on shift"), SOON, || {
            let state = &self.status()["operators"][id];
            (state.is_string() && state != "logged_out").then_some(())
        });
    }

    /// The records, by arrival, once there are so many and all have ended; their sums are right.
    pub(crate) fn records(&self, count: usize) -> Vec<Record> {
        self.calls(count).iter().map(Record::checked).collect()
    }

    /// `qaynar calls --json`, once there are so many and all have ended.
    fn calls(&self, count: usize) -> Vec<Value> {
        eventually(&format!("{count} finished calls"), SOON, || {
            let (well, text) = self.run(&["calls", "--json"]);
            assert!(well, "{text}");
            let calls: Vec<Value> = serde_json::from_str(&text).unwrap();
            let ended = calls.iter().all(|call| call["ended"].is_string());
            assert!(calls.len() <= count, "more calls than were made: {text}");
            (calls.len() == count && ended).then_some(calls)
        })
    }

    /// What the server wrote holds none of these numbers, in any of its files and in its log.
    pub(crate) fn tells_nobody(&self, numbers: &[&str]) {
        let written = self.place.written();
        assert!(written.len() > 3, "the data folder is elsewhere");
        for number in numbers {
            let found = told(&written, number);
            assert!(found.is_none(), "{number} is in {found:?}");
        }
    }

    /// Nothing is left of any call: each table is empty. A phone that vanished while it rang keeps its leg
    /// until the INVITE is given up after 64·T1 (RFC 3261 §17.1.1.2).
    pub(crate) fn is_drained(&self) {
        let mut last = Value::Null;
        eventually("empty tables", Duration::from_secs(45), || {
            last = self.status()["counts"].clone();
            let empty = ["calls", "waiting", "talking", "legs", "ports"];
            empty.iter().all(|name| last[name] == 0).then_some(())
        });
        self.is_on_record();
    }

    /// Journal, database and what was counted from SIP tell the same.
    pub(crate) fn is_on_record(&self) {
        eventually("a database that holds the journal", SOON, || {
            let (_, text) = self.run(&["verify", "--json"]);
            let found: Value = serde_json::from_str(&text).unwrap_or_default();
            let is_caught_up = found["applied"] == found["journal_to"];
            // Calls that end while it looks are on their way.
            let differences = found["differences"].as_array().is_some_and(Vec::is_empty);
            (is_caught_up && differences).then_some(())
        });
    }

    /// Nothing at all is left, not even a transaction that waits for late repetitions.
    pub(crate) fn is_empty(&self) {
        self.is_drained();
        // Timers H, J and L: 64·T1 (RFC 3261 §17, RFC 6026 §8).
        eventually("no transactions", Duration::from_secs(40), || {
            (self.count("transactions") == 0).then_some(())
        });
    }

    /// Waits until the log has a line with all parts.
    pub(crate) fn logs(&self, parts: &[&str]) {
        eventually(&format!("{parts:?} in the log"), SOON, || {
            let said = self.process.said();
            said.lines()
                .any(|line| parts.iter().all(|part| line.contains(part)))
                .then_some(())
        });
    }

    /// Ends as a power cut does, and starts again on the same ports.
    pub(crate) fn crash_and_start(self) -> Self {
        let Self {
            place, mut process, ..
        } = self;
        process.kill();
        place.start()
    }
}
