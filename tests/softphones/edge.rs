//! Kamailio between us and others: as edge proxy before the phones (RFC 3327), as our proxy towards a
//! carrier, and as a carrier that forks, and loses what it is sent first.

use std::net::SocketAddr;
use std::time::Duration;

use crate::baresip::{self, Baresip};
use crate::ear::{Ear, ULAW};
use crate::kamailio::Kamailio;
use crate::moment::eventually;
use crate::ports::free_port;
use crate::server::{HOLD, SOON, Server, Setup};
use crate::sipp::{Phone, Scenario, audio, talk};

const CALLER: u32 = 350;
const OPERATOR: u32 = 480;
/// Whom the operator calls outside.
const NUMBER: &str = "0506802299";

#[test]
fn a_phone_behind_an_edge_proxy_is_called_by_its_path_and_holds_resumes_and_hangs_up() {
    let server = Setup::new().operator("101").start();
    let proxy = Kamailio::edge(&server, "udp");
    let phone = baresip::Setup::new("101", OPERATOR).through(proxy.at);
    let mut phone = phone.start(&server);
    phone.goes_on_shift(&server, "101");
    let mut caller = Phone::caller(&server, "0501234567", "116111", CALLER);
    caller.ear.hears(OPERATOR, SOON);
    phone.heard(CALLER, SOON);
    let rung = phone.process.said();
    let invite = rung.split("INVITE sip:101").nth(1).unwrap();
    let head = invite.split("m=audio").next().unwrap();
    assert_eq!(head.matches("Via: SIP/2.0/UDP").count(), 2, "{head}");
    phone.command("hold", "");
    caller.ear.hears(HOLD, SOON);
    phone.command("resume", "");
    caller.ear.hears(OPERATOR, SOON);
    caller.hangs_up();
    phone.tells("CALL_CLOSED", SOON);
    server.records(1)[0].ended("hung_up", "caller").with("101");
    server.operator_is("101", "free");

    let mut caller = Phone::caller(&server, "0501234567", "116111", CALLER);
    caller.ear.hears(OPERATOR, SOON);
    phone.command("hangup", "");
    caller.is_hung_up_on();
    server.records(2)[1]
        .ended("hung_up", "operator")
        .with("101");
    caller.ear.heard_one_stream();
    server.is_drained();
    server.tells_nobody(&["501234567"]);
}

#[test]
fn an_edge_proxy_and_then_the_server_are_killed_and_the_phone_is_let_go_and_rung_again() {
    let server = Setup::new().operator("101").start();
    let place = Kamailio::place();
    let proxy = Kamailio::edge_at(place, &server, "udp");
    let phone = baresip::Setup::new("101", OPERATOR).through(place);
    let mut phone = phone.start(&server);
    phone.goes_on_shift(&server, "101");
    let called = |server: &Server| {
        let caller = Phone::caller(server, "0501234567", "116111", CALLER);
        caller.ear.hears(OPERATOR, SOON);
        caller
    };
    let is_let_go = |phone: &Baresip, times: usize| {
        eventually("the end at the phone", SOON, || {
            (phone.told("CALL_CLOSED") == times).then_some(())
        });
    };
    let codes = phone.told("CALL_CLOSED");
    let mut caller = called(&server);
    // The next proxy at its place knows nothing of the call, and needs not.
    drop(proxy);
    let _proxy = Kamailio::edge_at(place, &server, "udp");
    caller.hangs_up();
    is_let_go(&phone, codes + 1);
    server.records(1)[0].ended("hung_up", "caller").with("101");
    server.operator_is("101", "free");
    let mut caller = called(&server);
    server.counts("talking", 1);
    let server = server.crash_and_start();
    caller.is_hung_up_on();
    is_let_go(&phone, codes + 2);
    server.records(2)[1]
        .ended("interrupted", "server")
        .with("101");
    server.operator_is("101", "free");
    let mut caller = called(&server);
    caller.hangs_up();
    is_let_go(&phone, codes + 3);
    server.records(3)[2].ended("hung_up", "caller").with("101");
    server.is_drained();
}

/// A server whose calls to mobile numbers go to this carrier, by these further settings of the trunk.
fn with_carrier(peer: SocketAddr, more: &str) -> (Server, Baresip) {
    let trunk = format!(
        "[[trunks]]\nname = \"carrier\"\npeer = \"sip:{peer};transport=udp\"\nfrom = \"+994124040404\"\n{more}"
    );
    let outgoing = "[[outgoing]]\nname = \"mobile\"\nnumbers = \"mobile\"\n\n[queue.children]";
    let server = Setup::new()
        .operator("101")
        .operator("102")
        .plan("[queue.children]", outgoing)
        .config(&trunk)
        .start();
    let mut phone = baresip::Setup::new("101", OPERATOR).start(&server);
    phone.is_registered();
    (server, phone)
}

/// A phone at the carrier's end that takes each call to the number.
fn callee(server: &Server, port: u16) -> Baresip {
    let phone = baresip::Setup::caller("+994506802299", CALLER);
    phone.at_port(port).start(server)
}

fn calls_outside(phone: &mut Baresip, server: &Server, callee: &Baresip) {
    phone.command("dial", &format!("sip:{NUMBER}@{}", server.udp));
    phone.heard(CALLER, SOON);
    callee.heard(OPERATOR, SOON);
    server.counts("talking", 1);
}

#[test]
fn calls_go_out_through_our_proxy_and_either_side_hangs_up() {
    let (place, port) = (Kamailio::place(), free_port());
    let via = format!("outbound_proxy = \"sip:{place};transport=udp\"");
    let (server, mut phone) = with_carrier(([127, 0, 0, 1], port).into(), &via);
    let proxy = Kamailio::start_at(place, &server, "loose_route(); record_route(); t_relay();");
    let mut callee = callee(&server, port);
    calls_outside(&mut phone, &server, &callee);
    let seen = callee.process.said();
    assert!(seen.contains(&format!("Record-Route: <sip:{}", proxy.at)));
    assert!(!seen.contains("101@"), "nothing of the operator");
    callee.command("hangup", "");
    phone.tells("CALL_CLOSED", SOON);
    server.records(1)[0]
        .ended("hung_up", "operator")
        .with("101");
    calls_outside(&mut phone, &server, &callee);
    phone.command("hangup", "");
    eventually("two ends at the callee", SOON, || {
        (callee.told("CALL_CLOSED") == 2).then_some(())
    });
    let calls = server.records(2);
    calls[1].ended("hung_up", "caller").with("101");
    assert_eq!(calls[1].text("trunk"), "carrier");
    server.is_drained();
    server.tells_nobody(&["506802299"]);
}

/// A carrier's route to two phones.
fn fork(one: u16, two: u16) -> String {
    format!(
        "record_route(); $ru = \"sip:+994506802299@127.0.0.1:{one}\"; \
         append_branch(\"sip:+994506802299@127.0.0.1:{two}\"); t_relay();"
    )
}

#[test]
fn of_two_phones_that_a_carrier_forks_to_one_is_kept_and_the_other_let_go() {
    let (place, one, two) = (Kamailio::place(), free_port(), free_port());
    let (server, mut phone) = with_carrier(place, "");
    let _proxy = Kamailio::start_at(place, &server, &fork(one, two));
    let kept = baresip::Setup::caller("+994506802299", CALLER).by_hand();
    let mut kept = kept.at_port(one).start(&server);
    let ear = Ear::open(CALLER + 190, ULAW);
    let other = Scenario::of(&["forked.xml"]).with("SDP", &audio(ear.port(), &[ULAW]));
    let mut other = other.at_port(two).run(&server);
    other.hears();
    phone.command("dial", &format!("sip:{NUMBER}@{}", server.udp));
    other.receives("INVITE", SOON);
    kept.tells("CALL_INCOMING", SOON);
    kept.command("accept", "");
    phone.heard(CALLER, SOON);
    kept.heard(OPERATOR, SOON);
    // It answered too, and is let go by ACK and BYE.
    other.succeeds();
    assert!(
        !phone.has_heard(CALLER + 190),
        "one is heard, and one alone"
    );
    kept.command("hangup", "");
    phone.tells("CALL_CLOSED", SOON);
    server.records(1)[0]
        .ended("hung_up", "operator")
        .with("101");
    server.is_drained();
}

#[test]
fn of_two_phones_that_are_heard_early_and_that_answer_the_latter_talks() {
    let (place, one, two) = (Kamailio::place(), free_port(), free_port());
    let (server, mut phone) = with_carrier(place, "");
    let _proxy = Kamailio::start_at(place, &server, &fork(one, two));
    let ear = Ear::open(CALLER + 190, ULAW);
    let early = Scenario::of(&["forked_early.xml"]).with("SDP", &audio(ear.port(), &[ULAW]));
    let mut early = early.at_port(one).run(&server);
    early.hears();
    let other = baresip::Setup::caller("+994506802299", CALLER).by_hand();
    let mut other = other.at_port(two).start(&server);
    phone.command("dial", &format!("sip:{NUMBER}@{}", server.udp));
    let invite = early.receives("INVITE", SOON);
    let port = invite.text.split("m=audio ").nth(1);
    let port = port.and_then(|rest| rest.split(' ').next()?.parse().ok());
    ear.speaks_to(port.unwrap());
    phone.heard(CALLER + 190, SOON);
    other.tells("CALL_INCOMING", SOON);
    other.command("accept", "");
    phone.heard(CALLER, SOON);
    other.heard(OPERATOR, SOON);
    early.succeeds();
    assert!(ear.is_deaf_for(Duration::from_secs(1)), "it is let go");
    phone.command("hangup", "");
    other.tells("CALL_CLOSED", SOON);
    server.records(1)[0].ended("hung_up", "caller").with("101");
    server.is_drained();
}

#[test]
fn a_call_that_a_carrier_forks_to_us_twice_is_one_call() {
    let server = Setup::new().operator("101").start();
    let fork = format!(
        "record_route(); $ru = \"sip:116111@{udp}\"; append_branch(\"sip:116111@{udp};branch=two\"); t_relay();",
        udp = server.udp
    );
    let proxy = Kamailio::start_at(Kamailio::place(), &server, &fork);
    let mut operator = Phone::operator(&server, "101", OPERATOR);
    let ear = Ear::open(CALLER, ULAW);
    let caller = Scenario::caller("0501234567", "116111", &audio(ear.port(), &[ULAW]));
    let mut caller = caller.through(proxy.at).run(&server);
    operator.answers();
    talk((&ear, CALLER), (&operator.ear, OPERATOR));
    caller.nudge();
    caller.succeeds();
    operator.is_hung_up_on();
    server.records(1)[0].ended("hung_up", "caller").with("101");
    ear.heard_one_stream();
    server.is_drained();
}

#[test]
fn a_phone_behind_an_edge_that_loses_the_first_copy_of_each_message_rings_and_talks() {
    let server = Setup::new().operator("101").start();
    let proxy = Kamailio::edge_that_loses(&server);
    let phone = baresip::Setup::new("101", OPERATOR).by_hand();
    let mut phone = phone.through(proxy.at).start(&server);
    phone.goes_on_shift(&server, "101");
    // One who gives up while it rings, whose CANCEL is lost too.
    let mut caller = Phone::caller(&server, "0501234567", "116111", CALLER);
    phone.tells("CALL_INCOMING", SOON);
    let ended = phone.told("CALL_CLOSED");
    caller.hangs_up();
    eventually("the end of the ring", SOON, || {
        (phone.told("CALL_CLOSED") > ended).then_some(())
    });
    server.records(1)[0].ended("abandoned", "caller");
    server.operator_is("101", "free");
    // And one who waits.
    let rung = phone.told("CALL_INCOMING");
    let mut caller = Phone::caller(&server, "0501234567", "116111", CALLER);
    eventually("the next ring", SOON, || {
        (phone.told("CALL_INCOMING") > rung).then_some(())
    });
    phone.command("accept", "");
    caller.ear.hears(OPERATOR, SOON);
    phone.heard(CALLER, SOON);
    phone.command("hangup", "");
    caller.is_hung_up_on();
    server.records(2)[1]
        .ended("hung_up", "operator")
        .with("101");
    caller.ear.heard_one_stream();
    server.is_drained();
}

#[test]
fn a_call_stands_where_the_first_copy_of_each_message_is_lost() {
    let server = Setup::new().operator("101").start();
    let proxy = Kamailio::that_loses(&server);
    let mut operator = Phone::operator(&server, "101", OPERATOR);
    let ear = Ear::open(CALLER, ULAW);
    let caller = Scenario::caller("0501234567", "116111", &audio(ear.port(), &[ULAW]));
    let mut caller = caller.through(proxy.at).run(&server);
    operator.answers();
    talk((&ear, CALLER), (&operator.ear, OPERATOR));
    operator.hangs_up();
    caller.succeeds();
    server.records(1)[0]
        .ended("hung_up", "operator")
        .with("101");
    ear.heard_one_stream();
    server.is_drained();
    let sent = caller.messages();
    let invites = sent
        .iter()
        .filter(|wire| wire.sent && wire.begins("INVITE"));
    assert!(invites.count() > 1, "the first one was lost");
}

#[test]
fn a_call_outside_that_the_carrier_brings_back_is_a_call_to_the_helpline() {
    let place = Kamailio::place();
    let (server, mut phone) = with_carrier(place, "sources = [\"127.0.0.1\"]\n");
    // The very INVITE, with its Call-ID and tag (RFC 3261 §16.3: a spiral), for another target.
    let back = format!(
        "record_route(); $ru = \"sip:116111@{}\"; t_relay();",
        server.udp
    );
    let _proxy = Kamailio::start_at(place, &server, &back);
    let mut colleague = Phone::operator(&server, "102", CALLER);
    phone.command("dial", &format!("sip:{NUMBER}@{}", server.udp));
    colleague.answers();
    colleague.ear.hears(OPERATOR, SOON);
    phone.heard(CALLER, SOON);
    colleague.hangs_up();
    phone.tells("CALL_CLOSED", SOON);
    let calls = server.records(2);
    for call in &calls {
        call.ended("hung_up", "operator");
    }
    let mut with: Vec<&str> = calls.iter().map(|call| call.text("operator")).collect();
    with.sort_unstable();
    assert_eq!(with, ["101", "102"]);
    server.is_drained();
}

#[test]
fn a_carrier_by_tls_and_we_prove_to_each_other_who_we_are_in_both_directions() {
    let (place, tls) = (Kamailio::place(), Kamailio::place());
    let port = free_port();
    let trunk = format!(
        "[[trunks]]\nname = \"carrier\"\ntls_identity = \"carrier.az\"\nfrom = \"+994124040404\"\n\
         peer = \"sip:{tls};transport=tls\""
    );
    let outgoing = "[[outgoing]]\nname = \"mobile\"\nnumbers = \"mobile\"\n\n[queue.children]";
    let server = Setup::new()
        .operator("101")
        .tls()
        .plan("[queue.children]", outgoing)
        .config(&trunk)
        .start();
    // What comes by TLS goes to a phone in the clear; all else to us, by TLS.
    let route = format!(
        "record_route(); if ($pr == \"tls\") {{ $ru = \"sip:+994506802299@127.0.0.1:{port}\"; }} \
         else {{ $du = \"sip:{};transport=tls\"; }} t_relay();",
        server.at("tls")
    );
    let _proxy = Kamailio::start_with_tls(place, tls, &server, &route);
    let mut phone = baresip::Setup::new("101", OPERATOR).start(&server);
    phone.goes_on_shift(&server, "101");
    let ear = Ear::open(CALLER, ULAW);
    let caller = Scenario::caller("0501234567", "116111", &audio(ear.port(), &[ULAW]));
    let mut caller = caller.through(place).run(&server);
    ear.hears(OPERATOR, SOON);
    phone.heard(CALLER, SOON);
    phone.command("hangup", "");
    caller.succeeds();
    server.records(1)[0]
        .ended("hung_up", "operator")
        .with("101");
    server.operator_is("101", "free");
    // And out.
    let callee = baresip::Setup::caller("+994506802299", CALLER + 190);
    let mut callee = callee.at_port(port).start(&server);
    phone.command("dial", &format!("sip:{NUMBER}@{}", server.udp));
    phone.heard(CALLER + 190, SOON);
    callee.heard(OPERATOR, SOON);
    callee.command("hangup", "");
    let calls = server.records(2);
    calls[1].ended("hung_up", "operator").with("101");
    for call in &calls {
        assert_eq!(call.text("trunk"), "carrier");
    }
    server.is_drained();
}
