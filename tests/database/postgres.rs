//! A PostgreSQL server of a test's own, in a temporary folder on a free port of loopback.

use std::net::TcpListener;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use qaynar::config::Location;
use qaynar::store::sql::Sql;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::eventually;

/// Runs until it is dropped.
pub(crate) struct Postgres {
    folder: TempDir,
    port: u16,
    process: Option<Child>,
}

impl Postgres {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        if let Some((user, group)) = other_user() {
            chown(folder.path(), Some(user), Some(group)).unwrap();
        }
        let made = program("initdb")
            .args([
                "--username=qaynar",
                "--auth=trust",
                "--encoding=UTF8",
                "--locale=C",
            ])
            .args(["--no-sync", "--pgdata"])
            .arg(folder.path().join("data"))
            .output()
            .unwrap();
        assert!(
            made.status.success(),
            "{}",
            String::from_utf8_lossy(&made.stderr)
        );
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        drop(socket);
        let mut server = Self {
            folder,
            port,
            process: None,
        };
        server.again();
        server
    }

    /// Starts after a stop.
    pub(crate) fn again(&mut self) {
        let port = self.port.to_string();
        let started = program("postgres")
            .arg("-D")
            .arg(self.folder.path().join("data"))
            .args(["-p", &port, "-c", "listen_addresses=127.0.0.1"])
            .args(["-c", "unix_socket_directories=", "-c", "fsync=off"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        self.process = Some(started.unwrap());
        eventually("PostgreSQL answers", || Sql::open(&self.location()).is_ok());
    }

    /// Pulls the plug: whoever is connected loses the connection.
    pub(crate) fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            if let Some(pid) = Pid::from_raw(i32::try_from(process.id()).unwrap()) {
                kill_process(pid, Signal::QUIT).unwrap();
            }
            process.wait().unwrap();
        }
    }

    pub(crate) fn location(&self) -> Location {
        Location::read(&self.url(), Path::new("/")).unwrap()
    }

    pub(crate) fn url(&self) -> String {
        format!("postgres://qaynar@127.0.0.1:{}/postgres", self.port)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.stop();
    }
}

/// One of PostgreSQL's programs, run by a user whom it accepts: root is none.
fn program(name: &str) -> Command {
    let path = newest().join(name);
    match other_user() {
        None => Command::new(path),
        Some((user, group)) => {
            let mut command = Command::new("setpriv");
            let ids = [format!("--reuid={user}"), format!("--regid={group}")];
            command.args(ids).args(["--clear-groups", "--"]).arg(path);
            command
        }
    }
}

/// The folder of its programs.
fn newest() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten();
    let mut found: Vec<(u32, PathBuf)> = versions
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let version = path.file_name()?.to_str()?.parse().ok()?;
            let programs = path.join("bin");
            programs
                .join("postgres")
                .exists()
                .then_some((version, programs))
        })
        .collect();
    found.sort();
    let (_, newest) = found
        .pop()
        .expect("PostgreSQL is missing; install the package postgresql");
    newest
}

/// Whom it is run by where this is root.
fn other_user() -> Option<(u32, u32)> {
    let id = |flag: &str, name: &[&str]| {
        let told = Command::new("id").arg(flag).args(name).output().unwrap();
        String::from_utf8_lossy(&told.stdout).trim().parse().ok()
    };
    match id("-u", &[]) {
        Some(0) => Some((id("-u", &["postgres"])?, id("-g", &["postgres"])?)),
        _ => None,
    }
}
