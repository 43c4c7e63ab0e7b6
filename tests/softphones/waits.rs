//! Callers who leave the line by a key, and callers who are called back.

use crate::baresip;
use crate::ear::{ALAW, Ear, ULAW};
use crate::ports::free_port;
use crate::server::{SOON, Server, Setup, tone_of};
use crate::sipp::{Phone, Scenario, Sipp, audio};

const FIRST: u32 = 350;
const CALLER: u32 = 390;
const OPERATOR: u32 = 480;
/// Where the carrier is.
const CARRIER: &str = "127.0.0.2";
const NUMBER: &str = "0507654321";

#[test]
fn a_key_leaves_the_line_and_the_phone_that_rang_is_silent() {
    let keys = "[queue.children]\nkeys = { 0 = \"nobody\" }\n";
    let server = Setup::new()
        .operator("101")
        .plan("[queue.children]\n", keys)
        .start();
    let mut operator = Phone::operator(&server, "101", OPERATOR);
    let mut caller = Phone::caller(&server, "0501234567", "116111", CALLER);
    operator.rings();
    caller.ear.hears(tone_of("az", "greeting"), SOON);
    caller.ear.press(0);
    caller.ear.hears(tone_of("az", "nobody-now"), SOON);
    operator.sipp.receives("CANCEL", SOON);
    operator.sipp.succeeds();
    caller.is_hung_up_on();
    let calls = server.records(1);
    calls[0].ended("completed", "server");
    assert_eq!(calls[0].text("queue"), "children");
    server.is_drained();
}

/// A caller whom the carrier brings.
fn carried(server: &Server, from: &str, tone: u32) -> (Sipp, Ear) {
    let ear = Ear::open(tone, ULAW);
    let sdp = audio(ear.port(), &[ULAW, ALAW]);
    let parts = ["invite.xml", "talk.xml"];
    let scenario = Scenario::caller_of(&parts, from, "116111", &sdp);
    (scenario.at_address(CARRIER).run(server), ear)
}

#[test]
fn who_asked_for_it_is_called_back_and_both_hear_each_other() {
    let port = free_port();
    let server = Setup::new()
        .operator("101")
        .plan("{ for = \"3m\", offer", "{ for = \"1s\", offer")
        .config(&trunk(port))
        .busy(2)
        .start();
    let mut operator = baresip::Setup::new("101", OPERATOR).start(&server);
    operator.goes_on_shift(&server, "101");
    let (mut first, first_ear) = carried(&server, "0501234567", FIRST);
    first_ear.hears(OPERATOR, SOON);

    let (mut caller, ear) = carried(&server, NUMBER, CALLER);
    ear.hears(tone_of("az", "language-choice"), SOON);
    // It is wanted; that is the number; as soon as it is the caller's turn.
    for _ in 0..3 {
        ear.press(1);
    }
    ear.hears(tone_of("az", "callback-noted"), SOON);
    caller.receives("BYE", SOON);
    caller.succeeds();
    let (well, listed) = server.run(&["callbacks", "list"]);
    assert!(well && listed.contains("queue children  waits"), "{listed}");

    // The carrier's side of the call that is made to the caller.
    let callee_ear = Ear::open(CALLER, ULAW);
    let sdp = audio(callee_ear.port(), &[ULAW, ALAW]);
    let callee = Scenario::of(&["operator.xml"]).with("SDP", &sdp);
    let mut callee = callee.at_port(port).at_address(CARRIER).run(&server);
    callee.hears();
    first.nudge();
    first.succeeds();
    let invite = callee.receives("INVITE", SOON);
    assert!(
        invite.begins("INVITE sip:+994507654321@"),
        "{}",
        invite.text
    );
    let from = invite.header("From").unwrap();
    assert!(from.contains("<sip:+994124040404@"), "{from}");
    callee_ear.speaks_to(invite.audio_port());
    callee.nudge();
    callee_ear.hears(tone_of("az", "callback-neutral"), SOON);
    assert!(callee_ear.never_heard(OPERATOR), "not before a key");
    callee_ear.press(5);
    callee_ear.hears(OPERATOR, SOON);
    operator.heard(CALLER, SOON);
    callee.nudge();
    callee.succeeds();

    let calls = server.records(3);
    calls[1].ended("completed", "server");
    calls[2].ended("hung_up", "caller").with("101");
    assert_eq!(calls[2].text("direction"), "back");
    assert_eq!(calls[2].text("caller"), calls[1].text("caller"));
    let (_, listed) = server.run(&["callbacks", "list"]);
    assert!(listed.starts_with("0 callbacks"), "{listed}");
    server.is_drained();
    server.tells_nobody(&["507654321", "501234567"]);
}

/// A trunk that brings calls and takes ours at this port.
fn trunk(port: u16) -> String {
    format!(
        "[[trunks]]\nname = \"carrier\"\nsources = [\"{CARRIER}\"]\npeer = \"sip:{CARRIER}:{port}\"\n\
         from = \"+994124040404\""
    )
}

#[test]
fn a_callback_outlives_the_process_and_can_be_cancelled() {
    let server = Setup::new()
        .operator("101")
        .plan("{ for = \"3m\", offer", "{ for = \"1s\", offer")
        .config(&trunk(free_port()))
        .start();
    let operator = Phone::operator(&server, "101", OPERATOR);
    let (mut caller, ear) = carried(&server, NUMBER, CALLER);
    operator.rings();
    ear.hears(tone_of("az", "language-choice"), SOON);
    for _ in 0..3 {
        ear.press(1);
    }
    ear.hears(tone_of("az", "callback-noted"), SOON);
    caller.succeeds();
    let listed = |server: &Server| -> Vec<serde_json::Value> {
        let (well, text) = server.run(&["callbacks", "list", "--json"]);
        assert!(well, "{text}");
        serde_json::from_str(&text).unwrap()
    };
    let before = listed(&server).remove(0);
    let server = server.crash_and_start();
    let after = listed(&server).remove(0);
    for kept in ["call", "caller", "queue", "joined"] {
        assert_eq!(after[kept], before[kept]);
    }
    let call = after["call"].as_str().unwrap();
    let (well, text) = server.run(&["callbacks", "cancel", call]);
    assert!(well, "{text}");
    let (well, text) = server.run(&["callbacks", "cancel", call]);
    assert!(!well && text.contains("qaynar callbacks list"), "{text}");
    let calls = server.records(2);
    calls[1].ended("completed", "server");
    let (_, told) = server.run(&["calls", "--call", call]);
    assert!(told.contains("outcome: cancelled"), "{told}");
    server.tells_nobody(&["507654321"]);
}

#[test]
fn an_estimate_is_heard_once_some_calls_were_seen_and_measured() {
    let server = Setup::new()
        .operator("101")
        .plan("say_position = false", "say_estimate = \"5s\"")
        .plan("wrap_up = \"2s\"", "wrap_up = \"0s\"")
        .shipped_words()
        .busy(2)
        .start();
    let mut operator = baresip::Setup::new("101", OPERATOR).start(&server);
    operator.goes_on_shift(&server, "101");
    for _ in 0..3 {
        let mut caller = Phone::caller(&server, "0501234567", "116111", FIRST);
        caller.ear.hears(OPERATOR, SOON);
        caller.hangs_up();
        server.operator_is("101", "free");
    }
    let mut first = Phone::caller(&server, "0501234567", "116111", FIRST);
    first.ear.hears(OPERATOR, SOON);
    let mut second = Phone::caller(&server, "0507654321", "116111", CALLER);
    second.ear.hears(tone_of("az", "estimate-soon"), SOON);
    first.hangs_up();
    second.ear.hears(OPERATOR, SOON);
    second.hangs_up();
    server.records(5);
    let (well, told) = server.run(&["estimates"]);
    assert!(
        well && told.starts_with("queue children: 1 waits; told 60 s"),
        "{told}"
    );
    server.is_drained();
}
