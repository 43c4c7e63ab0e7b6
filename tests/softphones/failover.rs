//! Two carriers, of which one fails: by its answers to OPTIONS, by 503, or by silence. And a carrier whose
//! network forks our call, or loses our ACK.

use std::collections::BTreeSet;
use std::net::UdpSocket;
use std::time::Duration;

use crate::baresip::{self, Baresip};
use crate::ear::{ALAW, Ear, ULAW};
use crate::moment::{eventually, now};
use crate::ports::free_port;
use crate::server::{SOON, Server, Setup, password};
use crate::sipp::{Scenario, Sipp, audio};

const OPERATOR: u32 = 480;
const CALLEE: u32 = 350;
const NUMBER: &str = "0506802299";
const FIRST: &str = "127.0.0.1";
const SECOND: &str = "127.0.0.2";

/// A server with two carriers, the first preferred, and operator 101; their ports.
fn two(each: &str) -> (Server, [u16; 2]) {
    let ports = [free_port(), free_port()];
    let mut config = String::new();
    for (at, (name, address)) in [("first", FIRST), ("second", SECOND)].iter().enumerate() {
        let (port, priority) = (ports[at], at + 1);
        config += &format!(
            "[[trunks]]\nname = \"{name}\"\npeer = \"sip:{address}:{port};transport=udp\"\n\
             priority = {priority}\nfailover_after = \"1s\"\nfrom = \"+994124040404\"\n{each}\n"
        );
    }
    let outgoing = "[[outgoing]]\nname = \"mobile\"\nnumbers = \"mobile\"\n\n[queue.children]";
    let setup = Setup::new().operator("101").config(&config);
    (setup.plan("[queue.children]", outgoing).start(), ports)
}

fn phone(server: &Server) -> Baresip {
    let mut phone = baresip::Setup::new("101", OPERATOR).start(server);
    phone.is_registered();
    phone
}

fn dials(phone: &mut Baresip, server: &Server) {
    phone.command("dial", &format!("sip:{NUMBER}@{}", server.udp));
}

/// A carrier that answers OPTIONS in its own way, and has somebody behind it.
fn carrier(server: &Server, alive: &str, (address, port): (&'static str, u16)) -> (Sipp, Ear) {
    let ear = Ear::open(CALLEE, ULAW);
    let parts = ["options_or.xml", "operator.xml", "options_end.xml"];
    let sipp = Scenario::of(&parts)
        .with("SDP", &audio(ear.port(), &[ULAW, ALAW]))
        .with("ALIVE", alive)
        .times(1_000);
    (sipp.at_port(port).at_address(address).run(server), ear)
}

/// A call over the second carrier, to the record; who hangs up is the callee.
fn goes_over_the_second(server: &Server, phone: &mut Baresip, sipp: &Sipp, ear: &Ear) {
    dials(phone, server);
    let invite = sipp.receives("INVITE", SOON);
    ear.speaks_to(invite.audio_port());
    sipp.nudge();
    ear.hears(OPERATOR, SOON);
    phone.heard(CALLEE, SOON);
    ear.heard_one_stream();
    sipp.nudge();
    let calls = server.records(1);
    calls[0].ended("hung_up", "operator").with("101");
    assert_eq!(calls[0].text("trunk"), "second");
    server.is_drained();
    server.tells_nobody(&["506802299"]);
}

/// What a trunk is seen as, once it is so.
fn is_seen(server: &Server, at: usize, alive: bool, status: u16) {
    let mut last = serde_json::Value::Null;
    eventually(&format!("{alive} and {status} of a trunk"), SOON, || {
        last = server.status()["trunks"][at].clone();
        (last["alive"] == alive && last["status"] == status).then_some(())
    });
}

/// A carrier's address where nobody answers, and what it got: start lines with Call-IDs.
struct Silent(UdpSocket);

impl Silent {
    fn at(address: &str, port: u16) -> Self {
        let socket = UdpSocket::bind((address, port)).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_millis(20)))
            .unwrap();
        Self(socket)
    }

    /// Wakes up at last, and refuses what comes until `over`.
    fn refuses_until(&self, mut over: impl FnMut() -> bool) {
        let mut buffer = [0; 4_096];
        eventually("an end after the late refusal", SOON, || {
            if let Ok((length, from)) = self.0.recv_from(&mut buffer) {
                let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
                let kept = ["Via:", "From:", "To:", "Call-ID:", "CSeq:"];
                let kept = |line: &&str| kept.iter().any(|name| line.starts_with(name));
                let lines: Vec<&str> = text.lines().filter(kept).collect();
                let answer = format!("SIP/2.0 480 Late\r\n{}\r\n\r\n", lines.join("\r\n"));
                let answer = answer.replace("\r\nCall-ID", ";tag=late\r\nCall-ID");
                if text.starts_with("INVITE") {
                    self.0.send_to(answer.as_bytes(), from).unwrap();
                }
            }
            over().then_some(())
        });
    }

    /// Call-IDs of this method since the last look.
    fn got(&self, method: &str) -> BTreeSet<String> {
        let mut buffer = [0; 4_096];
        let mut all = BTreeSet::new();
        while let Ok(length) = self.0.recv(&mut buffer) {
            let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
            let call_id = text.lines().find(|line| line.starts_with("Call-ID:"));
            if text.starts_with(method) {
                all.insert(call_id.unwrap().to_owned());
            }
        }
        all
    }
}

#[test]
fn a_carrier_that_answers_no_options_is_passed_over_until_it_does() {
    let (server, [one, two]) = two("qualify_every = \"1s\"");
    let (mut first, _ear) = carrier(&server, "404 Not Found", (FIRST, one));
    let (second, ear) = carrier(&server, "405 Method Not Allowed", (SECOND, two));
    let mut phone = phone(&server);
    // Any final answer is a sign of life.
    is_seen(&server, 0, true, 404);
    is_seen(&server, 1, true, 405);
    let (_, said) = server.run(&["trunk", "list"]);
    assert!(
        said.contains("first: 0 calls, alive (OPTIONS: 404)"),
        "{said}"
    );

    first.vanish();
    let silent = Silent::at(FIRST, one);
    let mut asked = BTreeSet::new();
    eventually("trunk-down", SOON, || {
        asked.extend(silent.got("OPTIONS"));
        server.process.said().contains("trunk-down").then_some(())
    });
    assert!(asked.len() >= 3, "one silence is no death: {asked:?}");
    is_seen(&server, 0, false, 404);
    goes_over_the_second(&server, &mut phone, &second, &ear);
    assert!(silent.got("INVITE").is_empty(), "the dead one was tried");

    drop(silent);
    let (back, _ear) = carrier(&server, "200 OK", (FIRST, one));
    server.logs(&["trunk-up"]);
    is_seen(&server, 0, true, 200);
    assert!(back.received("OPTIONS").len() >= 2, "one answer is no life");
}

#[test]
fn another_carrier_takes_over_where_one_answers_503() {
    let (server, [one, two]) = two("");
    let refusal = Scenario::of(&["unavailable.xml"]).with("STATUS", "503 Service Unavailable");
    let mut first = refusal.at_port(one).run(&server);
    let (second, ear) = carrier(&server, "200 OK", (SECOND, two));
    goes_over_the_second(&server, &mut phone(&server), &second, &ear);
    first.succeeds();
}

#[test]
fn another_carrier_takes_over_where_one_says_nothing_for_failover_after() {
    let (server, [one, two]) = two("");
    let silent = Silent::at(FIRST, one);
    let (second, ear) = carrier(&server, "200 OK", (SECOND, two));
    let mut phone = phone(&server);
    let begun = now();
    dials(&mut phone, &server);
    eventually("the first INVITE", SOON, || {
        silent.got("INVITE").pop_first()
    });
    second.receives("INVITE", SOON);
    assert!(now() - begun >= Duration::from_secs(1), "too hasty");
    second.nudge();
    ear.hears(OPERATOR, SOON);
    phone.heard(CALLEE, SOON);
    phone.command("hangup", "");
    second.receives("BYE", SOON);
    silent.refuses_until(|| server.count("legs") == 0);
    let calls = server.records(1);
    calls[0].ended("hung_up", "caller").with("101");
    assert_eq!(calls[0].text("trunk"), "second");
    server.is_drained();
}

#[test]
fn carriers_of_one_priority_share_the_calls_by_weight() {
    let ports = [free_port(), free_port()];
    let mut config = String::new();
    for (at, (address, weight)) in [(FIRST, 3), (SECOND, 1)].iter().enumerate() {
        config += &format!(
            "[[trunks]]\nname = \"c{at}\"\npeer = \"sip:{address}:{}\"\nweight = {weight}\n",
            ports[at]
        );
    }
    let outgoing = "[[outgoing]]\nname = \"mobile\"\nnumbers = \"mobile\"\n\n[queue.children]";
    let setup = Setup::new().operator("101").busy(5).config(&config);
    let server = setup.plan("[queue.children]", outgoing).start();
    let mut carriers = Vec::new();
    for (address, port) in [(FIRST, ports[0]), (SECOND, ports[1])] {
        let busy = Scenario::of(&["unavailable.xml"]).with("STATUS", "486 Busy Here");
        let busy = busy.times(1_000).at_port(port).at_address(address);
        carriers.push(busy.run(&server));
    }
    const CALLS: usize = 160;
    let phone = Scenario::of(&["dials_busy.xml"])
        .with("USER", "101")
        .with("PASSWORD", &password("101"))
        .with("NUMBER", NUMBER)
        .with("SDP", &audio(free_port(), &[ULAW]));
    phone.times(CALLS as u32).run(&server).succeeds();
    let shares: Vec<usize> = carriers
        .iter()
        .map(|one| {
            let invites = one.received("INVITE");
            let calls = invites.iter().map(|wire| wire.header("Call-ID").unwrap());
            calls.collect::<BTreeSet<_>>().len()
        })
        .collect();
    assert_eq!(shares.iter().sum::<usize>(), CALLS, "{shares:?}");
    // Three of four, and five deviations of 5.5 around: a fair lot fails once in a million runs.
    assert!((92..=148).contains(&shares[0]), "{shares:?}");
    for call in server.records(CALLS) {
        call.ended("not_reached", "operator");
    }
    server.is_drained();
}

/// A carrier by this scenario, until our phone hangs up: all that it received.
fn spoken_with(scenario: &str) -> (Server, Sipp) {
    let (server, [one, _]) = two("");
    let ear = Ear::open(CALLEE, ULAW);
    let sipp = Scenario::of(&[scenario]).with("SDP", &audio(ear.port(), &[ULAW, ALAW]));
    let mut sipp = sipp.at_port(one).run(&server);
    let mut phone = phone(&server);
    dials(&mut phone, &server);
    let invite = sipp.receives("INVITE", SOON);
    ear.speaks_to(invite.audio_port());
    ear.hears(OPERATOR, SOON);
    phone.heard(CALLEE, SOON);
    eventually("the second ACK", SOON, || {
        (sipp.received("ACK").len() >= 2).then_some(())
    });
    phone.command("hangup", "");
    sipp.receives("BYE", SOON);
    sipp.succeeds();
    server.records(1)[0].ended("hung_up", "caller").with("101");
    server.is_drained();
    (server, sipp)
}

#[test]
fn of_two_answers_of_a_forking_carrier_one_is_taken_and_the_other_is_hung_up() {
    let (_server, sipp) = spoken_with("forks.xml");
    let tags = |method: &str| -> Vec<String> {
        let all = sipp.received(method);
        let to = all.iter().map(|wire| wire.header("To").unwrap());
        to.map(|to| to.split(";tag=").nth(1).unwrap().to_owned())
            .collect()
    };
    // RFC 3261 §13.2.2.4: each 2xx gets its ACK, and what is not wanted a BYE.
    assert_eq!(tags("ACK"), ["operator1", "fork1"]);
    assert_eq!(tags("BYE"), ["fork1", "operator1"]);
}

#[test]
fn a_repeated_answer_of_a_carrier_gets_the_same_ack() {
    let (_server, sipp) = spoken_with("repeats.xml");
    let acks = sipp.received("ACK");
    assert_eq!(acks[0].text, acks[1].text, "RFC 3261 §13.2.2.4");
    assert_eq!(sipp.received("BYE").len(), 1);
}
