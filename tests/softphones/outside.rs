//! Operators call numbers outside: a carrier found by DNS, its servers that fail, and what it sees of us.

use std::net::UdpSocket;

use crate::baresip::{self, Baresip};
use crate::dns::{Dns, Zone};
use crate::ear::{ALAW, Ear, ULAW};
use crate::ports::free_port;
use crate::server::{SOON, Server, Setup, tone_of};
use crate::sipp::{Scenario, Sipp, audio};

/// What the operator speaks.
const OPERATOR: u32 = 480;
/// What the callee speaks.
const CALLEE: u32 = 350;
/// Whom the operator calls.
const NUMBER: &str = "0506802299";
/// A second carrier address of this machine.
const ELSEWHERE: &str = "127.0.0.2";

/// The carrier's zone: a first server, and one that is asked when that fails.
fn zone(first: u16, second: u16) -> Dns {
    let service = "_sip._udp.carrier.example.net";
    Zone::default()
        .naptr(
            "carrier.example.net",
            20,
            "SIP+D2T",
            "_sip._tcp.carrier.example.net",
        )
        .naptr("carrier.example.net", 10, "SIP+D2U", service)
        .srv(service, (20, 5), ("second.example.net", second))
        .srv(service, (10, 5), ("first.example.net", first))
        .host("first.example.net", "127.0.0.1")
        .host("second.example.net", ELSEWHERE)
        .serve()
}

/// A server with that carrier, and operator 101's phone.
fn house(dns: &Dns) -> (Server, Baresip) {
    house_at(dns, "\"udp://127.0.0.1:0\", \"tcp://127.0.0.1:0\"")
}

/// The same, hearing there.
fn house_at(dns: &Dns, listen: &str) -> (Server, Baresip) {
    let config = format!(
        "[dns]\nservers = [\"127.0.0.1:{}\"]\n[[trunks]]\nname = \"carrier\"\n\
         peer = \"sip:carrier.example.net\"\nfrom = \"+994124040404\"",
        dns.port
    );
    let outgoing = "[[outgoing]]\nname = \"mobile\"\nnumbers = \"mobile\"\nper_minute = 0.05\n\n[queue.children]";
    let server = Setup::new()
        .operator("101")
        .plan("[queue.children]", outgoing)
        .config(&config)
        .listen(listen)
        .start();
    let mut phone = baresip::Setup::new("101", OPERATOR).start(&server);
    phone.is_registered();
    (server, phone)
}

fn dials(phone: &mut Baresip, server: &Server, number: &str) {
    phone.command("dial", &format!("sip:{number}@{}", server.udp));
}

/// A server of the carrier with the callee behind it.
fn carrier(server: &Server, part: &str, port: u16, address: &'static str) -> (Sipp, Ear) {
    let ear = Ear::open(CALLEE, ULAW);
    let scenario = Scenario::of(&[part]).with("SDP", &audio(ear.port(), &[ULAW, ALAW]));
    let sipp = scenario.at_port(port).at_address(address).run(server);
    (sipp, ear)
}

/// It rings at the carrier, which sees our number and nothing of the operator; the callee answers and both
/// hear each other.
fn is_connected(phone: &Baresip, sipp: &Sipp, ear: &Ear) {
    let invite = sipp.receives("INVITE", SOON);
    assert!(
        invite
            .header("From")
            .unwrap()
            .contains("<sip:+994124040404@"),
        "{}",
        invite.text
    );
    assert!(invite.begins("INVITE sip:+994506802299@carrier.example.net"));
    ear.speaks_to(invite.audio_port());
    sipp.nudge();
    ear.hears(OPERATOR, SOON);
    phone.heard(CALLEE, SOON);
    let to_us = sipp.messages().into_iter().filter(|wire| !wire.sent);
    for wire in to_us {
        for secret in ["101@", "Aygün", "C-"] {
            assert!(!wire.text.contains(secret), "{secret} in {}", wire.text);
        }
    }
}

/// The one record, and nothing left.
fn is_over(server: &Server, cause: &str, by: &str) {
    let calls = server.records(1);
    calls[0].ended(cause, by).with("101");
    assert_eq!(calls[0].text("direction"), "out");
    assert_eq!(calls[0].text("dialled"), "mobile");
    assert_eq!(calls[0].text("trunk"), "carrier");
    assert!(calls[0].text("caller").starts_with("C-"));
    server.is_drained();
    server.tells_nobody(&["506802299"]);
}

#[test]
fn the_second_server_takes_over_where_the_first_answers_503() {
    let (one, two) = (free_port(), free_port());
    let dns = zone(one, two);
    let (server, mut phone) = house(&dns);
    let refusal = Scenario::of(&["unavailable.xml"]).with("STATUS", "503 Service Unavailable");
    let mut first = refusal.at_port(one).run(&server);
    let (mut second, ear) = carrier(&server, "operator.xml", two, ELSEWHERE);
    dials(&mut phone, &server, NUMBER);
    is_connected(&phone, &second, &ear);
    first.succeeds();
    server.operator_is("101", "logged_out");
    phone.command("hangup", "");
    second.receives("BYE", SOON);
    second.succeeds();
    is_over(&server, "hung_up", "caller");
}

#[test]
fn the_second_server_takes_over_where_the_first_says_nothing() {
    let (silent, two) = (UdpSocket::bind("127.0.0.1:0").unwrap(), free_port());
    let dns = zone(silent.local_addr().unwrap().port(), two);
    let (server, mut phone) = house(&dns);
    let (mut second, ear) = carrier(&server, "operator.xml", two, ELSEWHERE);
    dials(&mut phone, &server, NUMBER);
    is_connected(&phone, &second, &ear);
    // The callee hangs up.
    second.nudge();
    second.succeeds();
    phone.tells("CALL_CLOSED", SOON);
    is_over(&server, "hung_up", "operator");
}

#[test]
fn the_carriers_early_sound_is_heard_and_an_operator_may_give_up() {
    let (one, two) = (free_port(), free_port());
    let dns = zone(one, two);
    let (server, mut phone) = house(&dns);
    let (mut first, ear) = carrier(&server, "early.xml", one, "127.0.0.1");
    dials(&mut phone, &server, NUMBER);
    let invite = first.receives("INVITE", SOON);
    ear.speaks_to(invite.audio_port());
    phone.heard(CALLEE, SOON);
    phone.command("hangup", "");
    first.receives("CANCEL", SOON);
    first.succeeds();
    is_over(&server, "abandoned", "caller");
}

#[test]
fn a_busy_callee_and_a_forbidden_number_are_told_to_the_operators_phone() {
    let (one, two) = (free_port(), free_port());
    let dns = zone(one, two);
    let (server, mut phone) = house(&dns);
    let busy = Scenario::of(&["unavailable.xml"]).with("STATUS", "486 Busy Here");
    let mut first = busy.at_port(one).run(&server);
    dials(&mut phone, &server, NUMBER);
    let closed = phone.tells("CALL_CLOSED", SOON);
    assert!(
        closed["param"].as_str().unwrap().contains("486"),
        "{closed}"
    );
    first.succeeds();
    is_over(&server, "not_reached", "operator");
    dials(&mut phone, &server, "00902125551234");
    // In words first.
    phone.heard(tone_of("az", "call-not-allowed"), SOON);
    phone.process.says(
        "403 Forbidden (the dialplan allows no calls to such numbers",
        SOON,
    );
}

#[test]
fn a_carriers_server_at_an_address_of_ipv6_is_called_there_and_the_next_by_ipv4() {
    let (one, two) = (free_port(), free_port());
    let service = "_sip._udp.carrier.example.net";
    let dns = Zone::default()
        .naptr("carrier.example.net", 10, "SIP+D2U", service)
        .srv(service, (10, 5), ("first.example.net", one))
        .srv(service, (20, 5), ("second.example.net", two))
        .host("first.example.net", "::1")
        .host("second.example.net", ELSEWHERE)
        .serve();
    let (server, mut phone) = house_at(
        &dns,
        "\"udp://127.0.0.1:0\", \"tcp://127.0.0.1:0\", \"udp://[::1]:0\"",
    );
    let refusal = Scenario::of(&["unavailable.xml"]).with("STATUS", "503 Service Unavailable");
    let mut first = refusal.at_port(one).at_address("::1").waits(&server.place);
    let (mut second, ear) = carrier(&server, "operator.xml", two, ELSEWHERE);
    dials(&mut phone, &server, NUMBER);
    let invite = first.receives("INVITE", SOON);
    assert!(
        invite.header("Via").unwrap().contains("[::1]:"),
        "{}",
        invite.text
    );
    assert!(
        invite.header("Contact").unwrap().contains("@[::1]:"),
        "{}",
        invite.text
    );
    assert!(invite.text.contains("c=IN IP6 ::1"), "{}", invite.text);
    is_connected(&phone, &second, &ear);
    first.succeeds();
    second.nudge();
    second.succeeds();
    is_over(&server, "hung_up", "operator");
}
