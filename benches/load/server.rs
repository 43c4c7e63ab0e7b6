//! The built server in a folder of its own, and what the system says of its process.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use qaynar::private::Private;
use qaynar::store::operators::Operators;

/// The password of every operator.
pub(crate) const PASSWORD: &str = "bench-password";
/// Callers are queued at once and hear music; operators rest for no time.
const PLAN: &str = r#"
numbers = ["116111"]
start = "welcome"
otherwise = "welcome"
languages = ["az"]

[path.welcome]
steps = [{ queue = "children" }, { hang_up = true }]

[queue.children]
ring_for = "60s"
wrap_up = "0s"
"#;
/// As many media ports as there can be: each rests for ten seconds after its call.
const CONFIG: &str = r#"
[web]
listen = []
[sip]
listen = ["udp://127.0.0.1:0"]
max_calls = 20000

[media]
ports = "10000-65000"
threads = 1

[log]
filter = "error"
"#;

/// A running server. Dropping it ends it.
pub(crate) struct Server {
    child: Child,
    /// Where it hears SIP.
    pub(crate) address: SocketAddr,
    folder: tempfile::TempDir,
}

/// CPU time and memory of a process at one moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Usage {
    /// User and system time since its start.
    pub(crate) cpu: Duration,
    /// Resident memory in bytes.
    pub(crate) memory: u64,
}

impl Server {
    /// Starts the server with operators 1000, 1001, …; whoever calls on this machine is a trunk.
    pub(crate) fn start(operators: usize) -> Self {
        Self::start_with(operators, "")
    }

    /// The same with more settings.
    pub(crate) fn start_with(operators: usize, more: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let root = folder.path();
        let plans = root.join("dialplans");
        std::fs::create_dir(&plans).expect("a folder");
        std::fs::write(plans.join("main.toml"), PLAN).expect("a file");
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("dialplans/prompts");
        std::os::unix::fs::symlink(shipped, plans.join("prompts")).expect("a link");
        let config = root.join("qaynar.toml");
        std::fs::write(&config, format!("{CONFIG}{more}")).expect("a file");
        let mut accounts =
            Operators::open(&root.join("data/qaynar.db").into()).expect("a database of accounts");
        let password = Private::new(PASSWORD.to_owned());
        for number in 0..operators {
            let id = operator(number);
            accounts
                .add(&id, "Bench", "qaynar", &password)
                .expect("a new account");
        }
        drop(accounts);
        let mut child = Command::new(env!("CARGO_BIN_EXE_qaynar"))
            .args(["serve", "--config"])
            .arg(&config)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the built server");
        let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let mut address = None;
        for line in lines.map_while(Result::ok) {
            if let Some(text) = line.strip_prefix("SIP on udp ") {
                address = text.parse().ok();
            }
            if line.ends_with("; ready") {
                break;
            }
        }
        Self {
            child,
            address: address.expect("the server tells where it hears SIP"),
            folder,
        }
    }

    /// What a command prints of it, as JSON.
    pub(crate) fn ask(&self, arguments: &[&str]) -> serde_json::Value {
        let output = Command::new(env!("CARGO_BIN_EXE_qaynar"))
            .args(arguments)
            .arg("--config")
            .arg(self.folder.path().join("qaynar.toml"))
            .output()
            .expect("the built program");
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    /// What it has used until now.
    pub(crate) fn usage(&self) -> Usage {
        let read = |file: &str| {
            let path = format!("/proc/{}/{file}", self.child.id());
            std::fs::read_to_string(path).expect("the server runs")
        };
        let stat = read("stat");
        // After the name in parentheses: utime and stime are fields 14 and 15, in ticks of 10 ms.
        let fields: Vec<&str> = stat
            .rsplit(')')
            .next()
            .unwrap_or_default()
            .split_whitespace()
            .collect();
        let ticks = |at: usize| {
            fields
                .get(at)
                .and_then(|one| one.parse().ok())
                .unwrap_or(0_u64)
        };
        let pages = read("statm");
        let resident = pages.split_whitespace().nth(1);
        Usage {
            cpu: Duration::from_millis(10 * (ticks(11) + ticks(12))),
            memory: 4_096
                * resident
                    .and_then(|one| one.parse::<u64>().ok())
                    .unwrap_or(0),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It was ours, and nothing of it is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The name of an operator.
pub(crate) fn operator(number: usize) -> String {
    (1_000 + number).to_string()
}
