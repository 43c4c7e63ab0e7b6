//! Callers give up, in each state of a call.

use std::time::Duration;

use crate::ear::{Ear, ULAW};
use crate::server::{HOLD, SOON, Setup, tone_of};
use crate::sipp::{Phone, Scenario, audio, talk};

/// How long a peer that has vanished may stay unnoticed: audio is missed for 5 s, then a probe goes
/// unanswered for 64·T1 (RFC 3261 §17.1.2.2).
const UNNOTICED: Duration = Duration::from_secs(45);

#[test]
fn a_caller_cancels_before_the_answer() {
    let server = Setup::new().start();
    let ear = Ear::open(350, ULAW);
    let sdp = audio(ear.port(), &[ULAW]);
    let scenario = Scenario::caller_of(&["cancel.xml"], "0501234567", "116111", &sdp);
    scenario.run(&server).succeeds();
    let calls = server.records(1);
    calls[0].ended("abandoned", "caller");
    assert_eq!(calls[0].text("answered"), "");
    server.is_drained();
}

#[test]
fn a_caller_hangs_up_while_the_greeting_plays_and_the_phone_stops_ringing() {
    let server = Setup::new().operator("101").start();
    let mut operator = Phone::operator(&server, "101", 480);
    let mut caller = Phone::caller(&server, "0501234567", "116111", 350);
    caller.ear.hears(tone_of("az", "greeting"), SOON);
    operator.rings();
    caller.hangs_up();
    operator.sipp.receives("CANCEL", SOON);
    operator.sipp.succeeds();
    server.operator_is("101", "free");
    let calls = server.records(1);
    calls[0].ended("abandoned", "caller").with("");
    assert_eq!(calls[0].text("queue"), "children", "counted as offered");
    server.is_drained();
}

#[test]
fn a_caller_hangs_up_while_waiting_with_music() {
    let server = Setup::new().operator("101").start();
    let mut operator = Phone::operator(&server, "101", 480);
    let mut first = Phone::caller(&server, "0501234567", "116111", 350);
    operator.answers();
    talk((&first.ear, 350), (&operator.ear, 480));
    let mut second = Phone::caller(&server, "0551234567", "0506802280", 300);
    second.ear.hears(HOLD, SOON);
    server.counts("waiting", 1);
    second.hangs_up();
    server.counts("waiting", 0);
    assert!(first.ear.is_hearing(480), "the others talk on");
    operator.hangs_up();
    first.is_hung_up_on();
    let calls = server.records(2);
    calls[0].ended("hung_up", "operator").with("101");
    calls[1].ended("abandoned", "caller").with("");
    second.ear.heard_one_stream();
    server.is_drained();
}

#[test]
fn a_caller_hangs_up_during_the_explanation() {
    let server = Setup::new().start();
    let mut caller = Phone::caller(&server, "0501234567", "116111", 350);
    caller.ear.hears(tone_of("az", "nobody-now"), SOON);
    caller.hangs_up();
    server.records(1)[0].ended("abandoned", "caller");
    server.is_drained();
}

#[test]
fn a_trunk_that_vanishes_from_a_conversation_is_noticed_and_the_operator_is_free_again() {
    let server = Setup::new().operator("101").start();
    let mut operator = Phone::operator(&server, "101", 480);
    let mut caller = Phone::caller(&server, "0501234567", "116111", 350);
    operator.answers();
    talk((&caller.ear, 350), (&operator.ear, 480));
    caller.sipp.vanish();
    caller.ear.speak(None);
    server.logs(&["audio_absent", "caller"]);
    operator.sipp.receives("BYE", UNNOTICED);
    operator.sipp.succeeds();
    server.operator_is("101", "free");
    server.records(1)[0].ended("lost", "caller").with("101");
    server.is_drained();
    server.is_empty();
}

#[test]
fn a_trunk_that_vanishes_while_a_caller_waits_is_noticed() {
    let server = Setup::new()
        .plan("ring_for = \"15s\"", "ring_for = \"60s\"")
        .operator("101")
        .start();
    let mut operator = Phone::operator(&server, "101", 480);
    let mut caller = Phone::caller(&server, "0501234567", "116111", 350);
    operator.rings();
    caller.ear.hears(HOLD, SOON);
    caller.sipp.vanish();
    caller.ear.speak(None);
    operator.sipp.receives("CANCEL", UNNOTICED);
    operator.sipp.succeeds();
    server.records(1)[0].ended("lost", "caller").with("");
    server.is_drained();
}

#[test]
fn a_silent_caller_is_not_hung_up_on() {
    let server = Setup::new().operator("101").start();
    let mut operator = Phone::operator(&server, "101", 480);
    let mut caller = Phone::caller(&server, "0501234567", "116111", 350);
    operator.answers();
    talk((&caller.ear, 350), (&operator.ear, 480));
    caller.ear.speak(None);
    server.logs(&["audio_absent", "caller"]);
    caller.sipp.receives("OPTIONS", SOON);
    caller.ear.speak(350);
    server.logs(&["audio_returned", "caller"]);
    talk((&caller.ear, 350), (&operator.ear, 480));
    caller.hangs_up();
    operator.is_hung_up_on();
    server.records(1)[0].ended("hung_up", "caller").with("101");
    server.is_drained();
}
