//! Networks of their own for a test: namespaces joined by links, with real NATs between. Whatever was made
//! goes away with its [`Net`], also when the test fails.

use std::fs::File;
use std::os::fd::AsFd;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// A host: a network namespace.
#[derive(Debug, Clone)]
pub(crate) struct Host(String);

/// All hosts of a test. Programs inside must end before: declare it first.
pub(crate) struct Net {
    prefix: String,
    hosts: Vec<Host>,
}

impl Net {
    /// None yet.
    pub(crate) fn new() -> Self {
        static RUNS: AtomicU32 = AtomicU32::new(0);
        let run = RUNS.fetch_add(1, Ordering::Relaxed);
        Self {
            prefix: format!("qaynar-{}-{run}", std::process::id()),
            hosts: Vec::new(),
        }
    }

    /// A host with nothing but itself.
    pub(crate) fn host(&mut self, name: &str) -> Host {
        let host = Host(format!("{}-{name}", self.prefix));
        ip(&["netns", "add", &host.0]);
        self.hosts.push(host.clone());
        ip(&["-n", &host.0, "link", "set", "dev", "lo", "up"]);
        host
    }

    /// A router between its links.
    pub(crate) fn router(&mut self, name: &str) -> Host {
        let host = self.host(name);
        host.runs("sysctl", &["-q", "-w", "net.ipv4.ip_forward=1"]);
        host
    }

    /// Joins two: `end` of one host and `other` of another, each an interface with its address.
    pub(crate) fn link(
        &self,
        (a, end, here): (&Host, &str, &str),
        (b, other, there): (&Host, &str, &str),
    ) {
        let peer = ["peer", "name", other, "netns", &b.0];
        let link = ["link", "add", "name", end, "netns", &a.0, "type", "veth"];
        ip(&[&link[..], &peer[..]].concat());
        for (host, name, address) in [(a, end, here), (b, other, there)] {
            host.address(name, address);
            ip(&["-n", &host.0, "link", "set", "dev", name, "up"]);
        }
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        // Links and rules go with their namespaces.
        for host in &self.hosts {
            let _ = Command::new("ip").args(["netns", "del", &host.0]).status();
        }
    }
}

impl Host {
    /// One more address of an interface; "": none.
    pub(crate) fn address(&self, interface: &str, address: &str) {
        if !address.is_empty() {
            ip(&["-n", &self.0, "address", "add", address, "dev", interface]);
        }
    }

    /// Where everything goes that is not near.
    pub(crate) fn gateway(&self, address: &str) {
        ip(&["-n", &self.0, "route", "add", "default", "via", address]);
    }

    /// Joins interfaces to one network of this host's, with its address.
    pub(crate) fn bridge(&self, name: &str, address: &str, interfaces: &[&str]) {
        ip(&["-n", &self.0, "link", "add", "name", name, "type", "bridge"]);
        for interface in interfaces {
            ip(&[
                "-n", &self.0, "link", "set", "dev", interface, "master", name,
            ]);
        }
        self.address(name, address);
        ip(&["-n", &self.0, "link", "set", "dev", name, "up"]);
    }

    /// Rules of nftables.
    pub(crate) fn rules(&self, rules: &str) {
        self.runs("nft", &[rules]);
    }

    /// What goes out by `interface` bears the address of that, and a port of its choice.
    pub(crate) fn masquerades(&self, interface: &str) {
        self.rules(&format!(
            "add table ip nat; add chain ip nat out {{ type nat hook postrouting priority 100; }}; \
             add rule ip nat out oifname {interface} masquerade fully-random"
        ));
    }

    /// A program that is to run here.
    pub(crate) fn command(&self, program: &Command) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.0]);
        command.arg(program.get_program()).args(program.get_args());
        for (name, value) in program.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        if let Some(folder) = program.get_current_dir() {
            command.current_dir(folder);
        }
        command
    }

    /// Does something here, such as to open a socket: it stays here for good.
    pub(crate) fn within<T: Send + 'static>(&self, act: impl FnOnce() -> T + Send + 'static) -> T {
        let path = format!("/var/run/netns/{}", self.0);
        let space = File::open(&path).unwrap_or_else(|fault| panic!("{path}: {fault}"));
        let thread = std::thread::spawn(move || {
            move_into_link_name_space(space.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
            act()
        });
        thread.join().unwrap()
    }

    fn runs(&self, program: &str, arguments: &[&str]) {
        ip(&[&["netns", "exec", &self.0, program], arguments].concat());
    }
}

fn ip(arguments: &[&str]) {
    let output = Command::new("ip").args(arguments).output();
    let output = output.unwrap_or_else(|fault| {
        panic!("ip: {fault}; run: apt-get install iproute2 nftables procps")
    });
    assert!(
        output.status.success(),
        "ip {}: {}these tests make network namespaces: run them as root, with iproute2, nftables and procps",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr)
    );
}
