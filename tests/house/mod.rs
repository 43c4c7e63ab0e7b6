//! The built server in a temporary folder, on free ports of loopback. It ends with the value.

#![allow(dead_code, reason = "each test uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test that fails says so")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use tempfile::TempDir;

/// What the house calls itself.
pub(crate) const DOMAIN: &str = "qaynar";
/// Nobody waits longer for an answer on loopback, however busy the machine is.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A folder with configuration, dialplan and tones for prompts.
pub(crate) struct House {
    folder: TempDir,
}

impl House {
    /// With the shipped dialplan; `extra` goes to the end of qaynar.toml.
    pub(crate) fn new(extra: &str) -> Self {
        Self::listening(&[], extra)
    }

    /// The same, also by these transports: "ws".
    pub(crate) fn listening(transports: &[&str], extra: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path();
        let plans = base.join("dialplans");
        fs::create_dir(&plans).unwrap();
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("dialplans");
        fs::copy(shipped.join("helpline.toml"), plans.join("helpline.toml")).unwrap();
        let sound = base.join("tone.wav");
        tone(&sound);
        for folder in ["az", "ru", "en", "music"] {
            let to = plans.join("prompts").join(folder);
            fs::create_dir_all(&to).unwrap();
            for entry in fs::read_dir(shipped.join("prompts").join(folder)).unwrap() {
                fs::copy(&sound, to.join(entry.unwrap().file_name())).unwrap();
            }
        }
        let listeners = ["udp", "tcp"].iter().chain(transports);
        let listeners: Vec<String> = listeners
            .map(|transport| format!("\"{transport}://127.0.0.1:0\""))
            .collect();
        // Many houses stand on one machine: the API has a port where a test asks for it.
        let web = match extra.contains("[web]") {
            true => "",
            false => "[web]\nlisten = []\n",
        };
        let listen = listeners.join(", ");
        let config = format!("[sip]\nlisten = [{listen}]\n{extra}\n{web}");
        fs::write(base.join("qaynar.toml"), config).unwrap();
        Self { folder }
    }

    /// Its place.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Runs `qaynar` with `arguments` to its end.
    pub(crate) fn run(&self, arguments: &[&str], input: &str) -> Output {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(input.as_bytes())
            .unwrap();
        child.wait_with_output().unwrap()
    }

    /// Makes an operator.
    pub(crate) fn operator(&self, id: &str, password: &str) {
        // Ids of these tests may be emergency numbers, as those of old houses.
        let add = ["operator", "add", id, "--name", id];
        let arguments = [&add[..], &["--password-stdin", "--hide-emergency"]].concat();
        let done = self.run(&arguments, &format!("{password}\n"));
        assert!(done.status.success(), "{done:?}");
    }

    /// Starts the server and waits until it is ready.
    pub(crate) fn serve(&self) -> Server {
        let log = fs::File::create(self.path().join("log")).unwrap();
        // A file that may not grow is then an error of the write, as a full disk is, and no signal.
        let script = "trap '' XFSZ; exec \"$0\" serve --config qaynar.toml";
        let mut child = Command::new("sh")
            .args(["-c", script, env!("CARGO_BIN_EXE_qaynar")])
            .current_dir(self.path())
            .env_remove("RUST_LOG")
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut places: Vec<(String, SocketAddr)> = Vec::new();
        for line in lines.by_ref().map_while(Result::ok) {
            let place = line.strip_prefix("SIP on ");
            let place = place.and_then(|place| place.split_once(' '));
            if let Some((transport, address)) = place {
                places.push((transport.to_owned(), address.parse().unwrap()));
            }
            if let Some(address) = line.strip_prefix("API on http://") {
                places.push(("api".to_owned(), address.parse().unwrap()));
            }
            if line.contains("ready") {
                break;
            }
        }
        let at = |wanted: &str| {
            let found = places.iter().find(|(transport, _)| transport == wanted);
            found.map(|(_, address)| *address)
        };
        let (Some(udp), Some(tcp)) = (at("udp"), at("tcp")) else {
            let _ = child.kill();
            let _ = child.wait();
            panic!("it does not start:\n{}", self.log());
        };
        Server {
            child,
            udp,
            tcp,
            places,
            log: self.path().join("log"),
        }
    }

    /// What the server logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.path().join("log")).unwrap_or_default()
    }

    /// `qaynar` with `arguments`, in this house.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_qaynar"));
        command
            .args(arguments)
            .arg("--config")
            .arg(self.path().join("qaynar.toml"))
            .current_dir(self.path())
            .env_remove("RUST_LOG");
        command
    }
}

/// A server that runs.
pub(crate) struct Server {
    child: Child,
    /// Where it hears datagrams.
    pub(crate) udp: SocketAddr,
    /// Where it takes connections.
    pub(crate) tcp: SocketAddr,
    /// Where it hears, by each transport.
    places: Vec<(String, SocketAddr)>,
    log: std::path::PathBuf,
}

impl Server {
    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Memory in use, in KiB.
    pub(crate) fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let words = line.unwrap().split_whitespace().nth(1).unwrap();
        words.parse().unwrap()
    }

    /// A socket of one's own, towards the server.
    pub(crate) fn socket(&self) -> UdpSocket {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(self.udp).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket
    }

    /// A connection to the server.
    pub(crate) fn connect(&self) -> TcpStream {
        self.connect_by("tcp")
    }

    /// A connection to where it hears by this transport.
    pub(crate) fn connect_by(&self, transport: &str) -> TcpStream {
        let stream = TcpStream::connect(self.place(transport)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// Where it hears by this transport.
    pub(crate) fn place(&self, transport: &str) -> SocketAddr {
        let mut places = self.places.iter();
        let place = places.find(|(name, _)| name == transport);
        place.expect("it hears there").1
    }

    /// The process ends as by a power cut.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Whether the process still runs.
    pub(crate) fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let panicked = log.contains("panicked at");
        if panicked && !std::thread::panicking() {
            panic!("the server panicked:\n{log}");
        }
    }
}

/// Half a second of 400 Hz.
pub(crate) fn tone(path: &Path) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 8_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec).unwrap();
    for at in 0..4_000_i32 {
        // A square wave: 400 Hz is 20 samples a turn.
        let level: i16 = if at % 20 < 10 { 6_000 } else { -6_000 };
        writer.write_sample(level).unwrap();
    }
    writer.finalize().unwrap();
}

/// One whole message out of a stream; `None`: the peer closed it.
pub(crate) fn read_message(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Vec<u8>> {
    loop {
        if let Some(end) = whole(buffer) {
            return Some(buffer.drain(..end).collect());
        }
        let mut chunk = [0; 16 * 1024];
        match stream.read(&mut chunk) {
            Ok(0) => return None,
            Ok(length) => buffer.extend_from_slice(&chunk[..length]),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
            Err(error) => panic!("no answer: {error}"),
        }
    }
}

/// Where the first message ends; our server always writes Content-Length.
fn whole(buffer: &[u8]) -> Option<usize> {
    let head = buffer.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&buffer[..head]).into_owned();
    let length = text
        .lines()
        .find_map(|line| line.strip_prefix("Content-Length: "));
    let length: usize = length?.trim().parse().ok()?;
    (buffer.len() >= head + length).then_some(head + length)
}

/// An OPTIONS that a living server answers with 200.
pub(crate) fn options(call_id: &str, transport: &str) -> String {
    format!(
        "OPTIONS sip:{DOMAIN} SIP/2.0\r\nVia: SIP/2.0/{transport} 127.0.0.1;rport;branch=z9hG4bK{call_id}\r\n\
         From: <sip:pulse@{DOMAIN}>;tag=p\r\nTo: <sip:{DOMAIN}>\r\nCall-ID: {call_id}\r\nCSeq: 1 OPTIONS\r\n\
         Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    )
}
