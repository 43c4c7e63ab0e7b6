//! Through real NATs: each party on a network of its own, a stranger outside.
//!
//! ```text
//!   phone 192.168.1.20 ── nat 192.0.2.2 ──┐
//!   carrier 203.0.113.7 and .9 ───────────┤ wan ──── server 198.51.100.5, or
//!   stranger 198.18.0.66 ─────────────────┘     └─── edge 198.51.100.5 ══ server 10.0.0.5, lan 10.0.0.20
//! ```

use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::baresip::{Baresip, Setup as Phone};
use crate::moment::{eventually, throughout};
use crate::netns::{Host, Net};
use crate::server::{SOON, Server, Setup};

const PUBLIC: &str = "198.51.100.5:5060";
const TRUNK: &str = "[[trunks]]\nname = \"carrier\"\nsources = [\"203.0.113.0/24\"]\n";
/// The stranger's tone.
const NOISE: u32 = 1_000;
const CALLER: u32 = 350;
const OPERATOR: u32 = 480;

/// What all worlds have.
struct Wide {
    net: Net,
    wan: Host,
    phone: Host,
    carrier: Host,
    stranger: Host,
}

impl Wide {
    fn new() -> Self {
        let mut net = Net::new();
        let wan = net.router("wan");
        let nat = net.router("nat");
        let [phone, carrier, stranger] = ["phone", "carrier", "thief"].map(|name| net.host(name));
        net.link((&wan, "nat", "192.0.2.1/24"), (&nat, "out", "192.0.2.2/24"));
        nat.gateway("192.0.2.1");
        nat.masquerades("out");
        net.link(
            (&nat, "in", "192.168.1.1/24"),
            (&phone, "eth", "192.168.1.20/24"),
        );
        phone.gateway("192.168.1.1");
        net.link(
            (&wan, "carrier", "203.0.113.1/24"),
            (&carrier, "eth", "203.0.113.7/24"),
        );
        carrier.address("eth", "203.0.113.9/24");
        carrier.gateway("203.0.113.1");
        net.link(
            (&wan, "thief", "198.18.0.1/24"),
            (&stranger, "eth", "198.18.0.66/24"),
        );
        stranger.gateway("198.18.0.1");
        Self {
            net,
            wan,
            phone,
            carrier,
            stranger,
        }
    }

    /// The server on a public address of its own.
    fn public_server(&mut self) -> Host {
        let host = self.net.host("server");
        let end = (&host, "eth", "198.51.100.5/24");
        self.net.link((&self.wan, "server", "198.51.100.1/24"), end);
        host.gateway("198.51.100.1");
        host
    }

    /// The server and a colleague behind a 1:1 NAT.
    fn inner_server(&mut self) -> (Host, Host) {
        let edge = self.net.router("edge");
        let [server, lan] = ["server", "lan"].map(|name| self.net.host(name));
        let end = (&edge, "out", "198.51.100.5/24");
        self.net.link((&self.wan, "edge", "198.51.100.1/24"), end);
        edge.gateway("198.51.100.1");
        for (host, name, address) in [
            (&server, "one", "10.0.0.5/24"),
            (&lan, "two", "10.0.0.20/24"),
        ] {
            self.net.link((&edge, name, ""), (host, "eth", address));
        }
        edge.bridge("inside", "10.0.0.1/24", &["one", "two"]);
        for host in [&server, &lan] {
            host.gateway("10.0.0.1");
        }
        edge.rules(
            "add table ip nat; \
             add chain ip nat in { type nat hook prerouting priority -100; }; \
             add chain ip nat out { type nat hook postrouting priority 100; }; \
             add rule ip nat in iifname out dnat to 10.0.0.5; \
             add rule ip nat out oifname out ip saddr 10.0.0.5 snat to 198.51.100.5",
        );
        (server, lan)
    }
}

/// A stranger who sends sound to all media ports, from before the call to after it.
struct Stranger {
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
    heard: Arc<AtomicU64>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Stranger {
    fn new(host: &Host, server: &Server) -> Self {
        let socket = host.within(|| UdpSocket::bind("0.0.0.0:0").unwrap());
        socket
            .set_read_timeout(Some(Duration::from_millis(20)))
            .unwrap();
        let (low, high) = server.place.media_ports();
        let [stop, sent, heard] = [0, 0, 0].map(|_| Arc::new(AtomicU64::new(0)));
        let stop = Arc::new(AtomicBool::new(stop.load(Ordering::Relaxed) != 0));
        let (ended, out, back) = (Arc::clone(&stop), Arc::clone(&sent), Arc::clone(&heard));
        let thread = std::thread::spawn(move || {
            let mut at = 0_u32;
            while !ended.load(Ordering::Relaxed) {
                let packet = crate::ear::packet_of(NOISE, at);
                for port in low..=high {
                    // The server's network may be busy; the next round comes soon.
                    let _ = socket.send_to(&packet, ("198.51.100.5", port));
                }
                at += 1;
                out.fetch_add(1, Ordering::Relaxed);
                // Reading paces it, too.
                if socket.recv_from(&mut [0; 2_000]).is_ok() {
                    back.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        let stranger = Self {
            stop,
            sent,
            heard,
            thread: Some(thread),
        };
        stranger.goes_on();
        stranger
    }

    /// It sends all the time.
    fn goes_on(&self) {
        let before = self.sent.load(Ordering::Relaxed);
        eventually("the stranger's packets", SOON, || {
            (self.sent.load(Ordering::Relaxed) > before + 2).then_some(())
        });
    }

    /// Neither does it hear anything, nor does anybody hear it.
    fn is_unheard(&self, phones: &[&Baresip]) {
        self.goes_on();
        assert_eq!(
            self.heard.load(Ordering::Relaxed),
            0,
            "the stranger was sent to"
        );
        for phone in phones {
            assert!(!phone.has_heard(NOISE), "the stranger is heard");
        }
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The stranger's packets did arrive, and were refused.
fn refused(server: &Server) {
    eventually("refused packets in the figures of a leg", SOON, || {
        let said = server.process.said();
        let figures = said
            .lines()
            .filter(|line| line.contains("\"event\":\"media\""));
        let mut counts = figures.filter_map(|line| line.split_once("\"refused\":"));
        counts.any(|(_, rest)| !rest.starts_with('0')).then_some(())
    });
}

/// Both hear each other; then the caller hangs up, and nothing is left.
fn talk_and_part(server: &Server, caller: &mut Baresip, operator: &mut Baresip, calls: usize) {
    caller.heard(OPERATOR, SOON);
    caller.command("hangup", "");
    operator.tells("CALL_CLOSED", SOON);
    let records = server.records(calls);
    records[calls - 1].ended("hung_up", "caller").with("101");
    server.is_drained();
}

#[test]
fn a_phone_behind_a_nat_talks_with_a_caller_elsewhere_and_a_stranger_is_not_heard() {
    let mut wide = Wide::new();
    let host = wide.public_server();
    let server = Setup::new()
        .operator("101")
        .config(TRUNK)
        .listen("\"udp://198.51.100.5:5060\", \"tcp://198.51.100.5:5060\"")
        .on(&host)
        .start();
    let stranger = Stranger::new(&wide.stranger, &server);
    let phone = Phone::new("101", OPERATOR).on(&wide.phone, "192.168.1.20", PUBLIC);
    let mut phone = phone.start(&server);
    phone.goes_on_shift(&server, "101");
    // The second speaks from the first address of its host, though it signals and describes another.
    let callers = [("203.0.113.7", CALLER), ("203.0.113.9", 270)];
    for (number, (address, tone)) in callers.into_iter().enumerate() {
        let caller = Phone::caller("0501234567", tone).on(&wide.carrier, address, PUBLIC);
        let mut caller = caller.start(&server);
        caller.command("dial", &format!("sip:116111@{PUBLIC}"));
        phone.heard(tone, SOON);
        talk_and_part(&server, &mut caller, &mut phone, number + 1);
        stranger.is_unheard(&[&caller, &phone]);
        refused(&server);
        server.operator_is("101", "free");
    }
}

#[test]
fn a_phone_behind_a_nat_is_rung_by_the_connection_that_it_opened() {
    let mut wide = Wide::new();
    let host = wide.public_server();
    let server = Setup::new()
        .operator("101")
        .config(TRUNK)
        .listen("\"udp://198.51.100.5:5060\", \"tcp://198.51.100.5:5060\"")
        .on(&host)
        .start();
    let phone = Phone::new("101", OPERATOR).over_tcp();
    let mut phone = phone.on(&wide.phone, "192.168.1.20", PUBLIC).start(&server);
    phone.goes_on_shift(&server, "101");
    let named = phone.process.said().contains("@192.168.1.20:");
    assert!(named, "its Contact is where nobody outside can connect to");
    for count in [1, 2] {
        let caller = Phone::caller("0501234567", CALLER).on(&wide.carrier, "203.0.113.7", PUBLIC);
        let mut caller = caller.start(&server);
        caller.command("dial", &format!("sip:116111@{PUBLIC}"));
        phone.heard(CALLER, SOON);
        talk_and_part(&server, &mut caller, &mut phone, count);
        server.operator_is("101", "free");
    }
}

#[test]
fn behind_a_one_to_one_nat_a_colleague_on_the_lan_talks_with_a_caller_outside() {
    let mut wide = Wide::new();
    let (host, lan) = wide.inner_server();
    let server = Setup::new()
        .operator("101")
        .operator("102")
        .config("advertise = \"198.51.100.5\"\nlocal_networks = [\"10.0.0.0/8\"]")
        .config(TRUNK)
        .listen("\"udp://10.0.0.5:5060\", \"tcp://10.0.0.5:5060\"")
        .on(&host)
        .start();
    let stranger = Stranger::new(&wide.stranger, &server);
    let near = Phone::new("101", OPERATOR).on(&lan, "10.0.0.20", "10.0.0.5:5060");
    let mut near = near.start(&server);
    near.goes_on_shift(&server, "101");
    let caller = Phone::caller("0501234567", CALLER).on(&wide.carrier, "203.0.113.9", PUBLIC);
    let mut first = caller.start(&server);
    first.command("dial", &format!("sip:116111@{PUBLIC}"));
    near.heard(CALLER, SOON);
    first.heard(OPERATOR, SOON);

    // At the same time another colleague at home, behind a NAT of her own.
    let far = Phone::new("102", 620).on(&wide.phone, "192.168.1.20", PUBLIC);
    let mut far = far.start(&server);
    far.goes_on_shift(&server, "102");
    let caller = Phone::caller("0557654321", 270).on(&wide.carrier, "203.0.113.7", PUBLIC);
    let mut second = caller.start(&server);
    second.command("dial", &format!("sip:116111@{PUBLIC}"));
    far.heard(270, SOON);
    second.heard(620, SOON);
    assert!(throughout(Duration::from_millis(500), || !first.has_heard(620)));

    far.command("hangup", "");
    second.tells("CALL_CLOSED", SOON);
    first.command("hangup", "");
    near.tells("CALL_CLOSED", SOON);
    let records = server.records(2);
    records[0].ended("hung_up", "caller").with("101");
    records[1].ended("hung_up", "operator").with("102");
    server.is_drained();
    stranger.is_unheard(&[&first, &second, &near, &far]);
    refused(&server);
}
