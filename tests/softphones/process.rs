//! Programs that a test starts, listens to, and ends.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::moment::eventually;

/// A running program with everything that it says.
pub(crate) struct Process {
    name: String,
    child: Child,
    stdin: Option<ChildStdin>,
    said: Arc<Mutex<Vec<String>>>,
    /// It leads a group: its children go with it.
    leads: bool,
}

impl Process {
    /// Starts it with children of its own, which end with it.
    pub(crate) fn start_group(package: &str, command: &mut Command) -> Self {
        let mut process = Self::start(package, command.process_group(0));
        process.leads = true;
        process
    }

    /// Starts it; a missing program names its Debian package.
    pub(crate) fn start(package: &str, command: &mut Command) -> Self {
        let name = Path::new(command.get_program());
        let name = name.file_name().unwrap().to_string_lossy().into_owned();
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .unwrap_or_else(|fault| panic!("{name}: {fault}; run: {package}"));
        let said = Arc::new(Mutex::new(Vec::new()));
        listen(child.stdout.take().unwrap(), &said);
        listen(child.stderr.take().unwrap(), &said);
        let stdin = child.stdin.take();
        Self {
            name,
            child,
            stdin,
            said,
            leads: false,
        }
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Everything that it said up to now.
    pub(crate) fn said(&self) -> String {
        self.said.lock().unwrap().join("\n")
    }

    /// What it says, also when it is over.
    pub(crate) fn ear(&self) -> Arc<Mutex<Vec<String>>> {
        Arc::clone(&self.said)
    }

    /// The first line with `part`, once it is said.
    pub(crate) fn says(&mut self, part: &str, within: Duration) -> String {
        self.says_after(0, part, within).1
    }

    /// The first line with `part` from line `from` on, and the number of the line after it.
    pub(crate) fn says_after(
        &mut self,
        from: usize,
        part: &str,
        within: Duration,
    ) -> (usize, String) {
        let (name, said) = (self.name.clone(), Arc::clone(&self.said));
        let mut gone = false;
        eventually(&format!("{part:?} from {name}"), within, || {
            let lines = said.lock().unwrap().clone();
            let place = lines.iter().skip(from).position(|line| line.contains(part));
            if let Some(place) = place {
                return Some((from + place + 1, lines[from + place].clone()));
            }
            // What it said last is read after it has ended.
            assert!(
                !gone,
                "{name} ended without {part:?}:\n{}",
                lines.join("\n")
            );
            gone = self.child.try_wait().unwrap().is_some();
            None
        })
    }

    /// How many lines it has said.
    pub(crate) fn lines(&self) -> usize {
        self.said.lock().unwrap().len()
    }

    /// Types a line.
    pub(crate) fn tell(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().unwrap();
        writeln!(stdin, "{line}").unwrap();
        stdin.flush().unwrap();
    }

    /// Sends a signal by name: TERM, KILL, …
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args([format!("-{name}"), self.pid().to_string()])
            .status();
        assert!(sent.unwrap().success(), "kill -{name} {}", self.name);
    }

    /// Ends it as a power cut does.
    pub(crate) fn kill(&mut self) {
        self.kill_children();
        // It may have ended by itself.
        let _ = self.child.kill();
        self.child.wait().unwrap();
    }

    fn kill_children(&self) {
        if self.leads {
            let group = format!("-{}", self.pid());
            // They may have ended by themselves.
            let mut kill = Command::new("kill");
            let _ = kill
                .args(["-KILL", "--", &group])
                .stderr(Stdio::null())
                .status();
        }
    }

    /// Waits for its end.
    pub(crate) fn ends(&mut self, within: Duration) -> ExitStatus {
        eventually(&format!("the end of {}", self.name), within, || {
            self.child.try_wait().unwrap()
        })
    }

    /// Whether it still runs.
    pub(crate) fn runs(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill_children();
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("── {} said ──\n{}", self.name, self.said());
        }
    }
}

fn listen(source: impl Read + Send + 'static, said: &Arc<Mutex<Vec<String>>>) {
    let said = Arc::clone(said);
    std::thread::spawn(move || {
        let mut source = BufReader::new(source);
        let mut line = Vec::new();
        while source
            .read_until(b'\n', &mut line)
            .is_ok_and(|read| read > 0)
        {
            let text = String::from_utf8_lossy(&line);
            said.lock().unwrap().push(text.trim_end().to_owned());
            line.clear();
        }
    });
}
