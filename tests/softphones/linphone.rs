//! linphone's softphone of the terminal, steered by lines.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::moment::eventually;
use crate::ports::free_port;
use crate::process::Process;
use crate::server::{SOON, Server, password};
use crate::tone;

/// How to get it.
const PACKAGE: &str = "apt-get install linphone-cli";

/// A running phone.
pub(crate) struct Linphone {
    /// Its process.
    pub(crate) process: Process,
    remote: String,
    ear: PathBuf,
    _folder: tempfile::TempDir,
}

impl Linphone {
    /// The phone of an operator over "udp", "tcp" or "tls", with a 6 by IPv6; it registers, answers by itself and speaks a tone.
    pub(crate) fn start(server: &Server, operator: &str, transport: &str, tone: u32) -> Self {
        Self::start_with(server, operator, transport, tone, "")
    }

    /// The same with further lines of the section `[sip]` of its configuration.
    pub(crate) fn start_with(
        server: &Server,
        operator: &str,
        transport: &str,
        tone: u32,
        more: &str,
    ) -> Self {
        let folder = tempfile::tempdir_in(server.place.path()).unwrap();
        let path = folder.path();
        // Without a folder for its database it starts halfway.
        std::fs::create_dir_all(path.join(".local/share/linphone")).unwrap();
        let (voice, ear) = (path.join("voice.wav"), path.join("ear.wav"));
        tone::write_wav(&voice, tone, 60.0);
        let (port, media) = (free_port(), free_port());
        let tls = if transport == "tls" { free_port() } else { 0 };
        let config = path.join("linphonerc");
        let remote = server.at(transport);
        let transport = transport.trim_end_matches('6');
        let (address, six) = (remote.ip(), u8::from(remote.is_ipv6()));
        let text = format!(
            "[sip]\nsip_port={port}\nsip_tcp_port={port}\nsip_tls_port={tls}\nbind_address={address}\nuse_ipv6={six}\nroot_ca={}\nverify_server_cn=0\n{more}[rtp]\naudio_rtp_port={media}\n",
            server.place.path().join("ca.pem").display()
        );
        std::fs::write(&config, text).unwrap();
        let mut command = Command::new("linphonec");
        command
            .env("HOME", path)
            .args(["-a", "-d", "6", "-c"])
            .arg(&config);
        let mut process = Process::start(PACKAGE, &mut command);
        process.says("video is disabled", SOON);
        process.tell("soundcard use files");
        process.tell(&format!("play {}", voice.display()));
        process.tell(&format!("record {}", ear.display()));
        process.tell(&format!(
            "register sip:{operator}@{remote} sip:{remote};transport={transport} {}",
            password(operator)
        ));
        Self {
            process,
            remote: format!("{remote};transport={transport}"),
            ear,
            _folder: folder,
        }
    }

    /// Waits until it is registered.
    pub(crate) fn is_registered(&mut self) {
        eventually("linphone's registration", SOON, || {
            let from = self.process.lines();
            self.process.tell("status register");
            let (_, line) = self.process.says_after(from, "registered", SOON);
            line.contains("registered, identity").then_some(())
        });
    }

    /// Waits until it is registered, and dials the code that takes the operator on shift.
    pub(crate) fn goes_on_shift(&mut self, server: &Server, operator: &str) {
        self.is_registered();
        self.dials(server, "*11");
        self.process.says("ended (No error)", SOON);
        server.operator_is(operator, "free");
    }

    /// Dials.
    pub(crate) fn dials(&mut self, _: &Server, number: &str) {
        self.process
            .tell(&format!("call sip:{number}@{}", self.remote));
    }

    /// Hangs up.
    pub(crate) fn hangs_up(&mut self) {
        self.process.tell("terminate");
    }

    /// Waits until a tone was heard in the latest call.
    pub(crate) fn heard(&self, frequency: u32, within: Duration) {
        eventually(&format!("{frequency} Hz at linphone"), within, || {
            tone::first_heard(&tone::read_wav(&self.ear), frequency)
        });
    }
}
