//! The built binary in a folder of its own, and callers who call it: real datagrams, no softphone.

use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use qaynar::store::signal::Signal;
use serde_json::Value;

const SOON: Duration = Duration::from_secs(60);

/// A folder with a configuration and the shipped dialplan.
pub(crate) struct House {
    folder: tempfile::TempDir,
}

impl House {
    /// Lays it out; `config` are further sections.
    pub(crate) fn new(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("dialplans");
        let text = format!(
            "[log]\nfilter = \"debug\"\n[dialplans]\ndir = {:?}\n[sip]\nlisten = [\"udp://127.0.0.1:0\"]\n[media]\n\
             ports = \"{}\"\n{config}\n",
            shipped.display().to_string(),
            ports(),
        );
        std::fs::write(folder.path().join("qaynar.toml"), text).unwrap();
        Self { folder }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_qaynar"));
        let config = self.path().join("qaynar.toml");
        command.args(arguments).arg("--config").arg(config);
        command.current_dir(self.path()).env_remove("RUST_LOG");
        command
    }

    /// What a command prints; it is content.
    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        let (well, text) = self.attempt(arguments);
        assert!(well, "{arguments:?}: {text}");
        text
    }

    /// What it prints where it is not.
    pub(crate) fn refused(&self, arguments: &[&str]) -> String {
        let (well, text) = self.attempt(arguments);
        assert!(!well, "{arguments:?}: {text}");
        text
    }

    pub(crate) fn attempt(&self, arguments: &[&str]) -> (bool, String) {
        let output = self.command(arguments).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        (output.status.success(), text + &errors)
    }

    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.run(arguments)).unwrap()
    }

    /// Starts the server and waits until it is ready.
    pub(crate) fn serve(&self) -> Served {
        let log = self.path().join("log");
        let file = || {
            std::fs::File::options()
                .create(true)
                .append(true)
                .open(&log)
                .unwrap()
        };
        let before = std::fs::read_to_string(&log).unwrap_or_default().len();
        let mut command = self.command(&["serve"]);
        let child = command.stdout(file()).stderr(file()).stdin(Stdio::null());
        let served = Served(child.spawn().unwrap(), SocketAddr::from(([0; 4], 0)));
        let place = eventually("a server that is ready", || {
            let text = std::fs::read_to_string(&log).unwrap();
            let text = &text[before..];
            let place = text
                .lines()
                .find_map(|line| line.strip_prefix("SIP on udp "));
            place.filter(|_| text.contains("; ready"))?.parse().ok()
        });
        let mut served = served;
        served.1 = place;
        served
    }

    /// All that have called, once there are so many calls and each is over.
    pub(crate) fn calls(&self, count: usize) -> Vec<Value> {
        eventually("calls that are over", || {
            let all = self.json(&["calls", "--json"]);
            let all = all.as_array().unwrap().clone();
            let over = all.iter().all(|one| one["ended"].is_string());
            (all.len() == count && over).then_some(all)
        })
    }

    /// The files, the log too, in which a text stands.
    pub(crate) fn holding(&self, text: &str) -> Vec<String> {
        let mut files = vec![self.path().join("data"), self.path().join("log")];
        let mut found = Vec::new();
        while let Some(path) = files.pop() {
            if path.is_dir() {
                let entries = std::fs::read_dir(&path).unwrap();
                files.extend(entries.map(|entry| entry.unwrap().path()));
            } else if path.is_file() && holds(&path, text) {
                found.push(path.display().to_string());
            }
        }
        found
    }
}

fn holds(path: &PathBuf, text: &str) -> bool {
    // Files of a database come and go.
    let bytes = std::fs::read(path).unwrap_or_default();
    bytes
        .windows(text.len())
        .any(|part| part == text.as_bytes())
}

/// Ports that nobody else has at the moment.
fn ports() -> String {
    let first = 14_000 + 200 * (std::process::id() % 25) as u16;
    let base = (0..20).map(|at| first + 200 * at).find(|port| {
        static TAKEN: std::sync::Mutex<Vec<u16>> = std::sync::Mutex::new(Vec::new());
        let mut taken = TAKEN.lock().unwrap();
        let free = !taken.contains(port) && UdpSocket::bind(("127.0.0.1", *port)).is_ok();
        if free {
            taken.push(*port);
        }
        free
    });
    let base = base.expect("two hundred free ports");
    format!("{base}-{}", base + 199)
}

/// A running server; it is ended with it.
pub(crate) struct Served(Child, SocketAddr);

impl Served {
    /// Stops in good order.
    pub(crate) fn stop(mut self) {
        for _ in 0..2 {
            let pid = self.0.id().to_string();
            Command::new("kill").args(["-TERM", &pid]).status().unwrap();
        }
        eventually("the end of the server", || self.0.try_wait().unwrap());
    }

    /// Somebody calls, is answered, and hangs up.
    pub(crate) fn call(&self, from: &str) {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(SOON)).unwrap();
        socket.connect(self.1).unwrap();
        let own = socket.local_addr().unwrap();
        let sdp = format!(
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {} RTP/AVP 8\r\n",
            own.port()
        );
        let send = |method: &str, number: u32, uri: &str, to: &str, body: &str| {
            let kind = match body.is_empty() {
                true => "",
                false => "Content-Type: application/sdp\r\n",
            };
            let text = format!(
                "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK{}{method}{number};rport\r\n\
                 Max-Forwards: 70\r\nFrom: <{from}>;tag=own\r\nTo: {to}\r\nCall-ID: {}@test\r\n\
                 CSeq: {number} {method}\r\nContact: <sip:caller@{own}>\r\n{kind}Content-Length: {}\r\n\r\n{body}",
                own.port(),
                own.port(),
                body.len()
            );
            socket.send(text.as_bytes()).unwrap();
        };
        let answer = |method: &str| loop {
            let mut bytes = [0; 4_096];
            let length = socket.recv(&mut bytes).unwrap();
            let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
            if text.starts_with("SIP/2.0 2") && text.contains(method) {
                return text;
            }
            assert!(!text.starts_with("SIP/2.0 4"), "{text}");
        };
        let uri = format!("sip:116111@{}", self.1);
        send("INVITE", 1, &uri, "<sip:116111@helpline>", &sdp);
        let answered = answer("INVITE");
        let header = |name: &str| {
            let mut lines = answered.lines();
            lines
                .find_map(|line| line.strip_prefix(name))
                .unwrap()
                .trim()
                .to_owned()
        };
        let (to, contact) = (header("To:"), header("Contact:"));
        let target = contact.trim_matches(['<', '>']).to_owned();
        send("ACK", 1, &target, &to, "");
        send("BYE", 2, &target, &to, "");
        answer("BYE");
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Looks again and again until it is there.
pub(crate) fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let bell = Signal::default();
    for _ in 0..2_400 {
        if let Some(found) = look() {
            return found;
        }
        bell.wait(Duration::from_millis(50));
    }
    panic!("never came: {what}");
}
