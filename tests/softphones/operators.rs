//! Operators who do not answer: the caller goes on to the next, or is told.

use std::time::Duration;

use crate::baresip;
use crate::ports::free_port;
use crate::server::{SOON, Server, Setup, tone_of};
use crate::sipp::{Phone, Scenario, dial_code, on_shift, talk};

/// The caller reaches 102 after 101 did not answer, and both sides hear each other.
fn goes_to_102(server: &Server, mut caller: Phone, mut second: Phone) {
    second.answers();
    talk((&caller.ear, 350), (&second.ear, 480));
    caller.hangs_up();
    second.is_hung_up_on();
    server.records(1)[0].ended("hung_up", "caller").with("102");
    caller.ear.heard_one_stream();
    server.is_drained();
}

fn refuses(status: &str) {
    let server = Setup::new().operator("101").operator("102").start();
    let port = free_port();
    on_shift(&server, "101", port);
    let first = Scenario::of(&["declines.xml"]).with("STATUS", status);
    let mut first = first.at_port(port).run(&server);
    let second = Phone::operator(&server, "102", 480);
    let caller = Phone::caller(&server, "0501234567", "116111", 350);
    first.succeeds();
    server.logs(&["ring_ended", "declined", &status[..3]]);
    goes_to_102(&server, caller, second);
}

#[test]
fn a_busy_operator_is_passed_by() {
    refuses("486 Busy Here");
}

#[test]
fn an_operator_who_declines_is_passed_by() {
    refuses("603 Decline");
}

#[test]
fn an_operator_who_does_not_answer_is_passed_by() {
    let server = Setup::new()
        .plan("ring_for = \"15s\"", "ring_for = \"2s\"")
        .operator("101")
        .operator("102")
        .start();
    let mut first = Phone::operator(&server, "101", 520);
    let second = Phone::operator(&server, "102", 480);
    let caller = Phone::caller(&server, "0501234567", "116111", 350);
    first.rings();
    first.sipp.receives("CANCEL", SOON);
    first.sipp.succeeds();
    goes_to_102(&server, caller, second);
    assert!(first.ear.never_heard(350));
}

#[test]
fn an_operator_whose_phone_vanished_is_passed_by() {
    let server = Setup::new()
        .plan("ring_for = \"15s\"", "ring_for = \"2s\"")
        .operator("101")
        .operator("102")
        .start();
    let mut first = baresip::Setup::new("101", 520).start(&server);
    first.goes_on_shift(&server, "101");
    let second = Phone::operator(&server, "102", 480);
    first.process.kill();
    let caller = Phone::caller(&server, "0501234567", "116111", 350);
    server.logs(&["\"ringing\"", "101"]);
    goes_to_102(&server, caller, second);
}

#[test]
fn an_operator_whose_tcp_phone_vanished_is_not_rung() {
    let server = Setup::new().operator("101").operator("102").start();
    let mut first = baresip::Setup::new("101", 520).over_tcp().start(&server);
    first.is_registered();
    dial_code(&server, "101", "*11", "logged-in");
    let second = Phone::operator(&server, "102", 480);
    first.process.kill();
    server.operator_is("101", "unreachable");
    let caller = Phone::caller(&server, "0501234567", "116111", 350);
    goes_to_102(&server, caller, second);
}

#[test]
fn an_operator_who_vanishes_from_a_conversation_leaves_the_caller_in_the_line() {
    let server = Setup::new().operator("101").operator("102").start();
    let mut operator = baresip::Setup::new("101", 480).start(&server);
    operator.goes_on_shift(&server, "101");
    let mut second = Phone::operator(&server, "102", 540);
    let mut caller = Phone::caller(&server, "0501234567", "116111", 350);
    caller.ear.hears(480, SOON);
    operator.process.kill();
    server.logs(&["audio_absent", "operator"]);
    caller
        .ear
        .hears(tone_of("az", "stay-with-us"), Duration::from_secs(45));
    server.logs(&["\"parted\"", "101"]);
    second.answers();
    talk((&caller.ear, 350), (&second.ear, 540));
    caller.hangs_up();
    second.is_hung_up_on();
    server.records(1)[0].ended("hung_up", "caller").with("102");
    server.is_drained();
}

#[test]
fn the_longest_idle_operator_rings_and_two_callers_never_share_one() {
    let server = Setup::new().operator("101").operator("102").start();
    let mut first = Phone::operator(&server, "101", 480);
    let mut second = Phone::operator(&server, "102", 540);
    let mut one = Phone::caller(&server, "0501234567", "116111", 350);
    first.answers();
    talk((&one.ear, 350), (&first.ear, 480));
    assert!(
        second.sipp.received("INVITE").is_empty(),
        "101 was idle for longer"
    );
    let mut two = Phone::caller(&server, "0551234567", "116111", 300);
    second.answers();
    talk((&two.ear, 300), (&second.ear, 540));
    talk((&one.ear, 350), (&first.ear, 480));
    first.hangs_up();
    one.is_hung_up_on();
    two.hangs_up();
    second.is_hung_up_on();
    let calls = server.records(2);
    calls[0].ended("hung_up", "operator").with("101");
    calls[1].ended("hung_up", "caller").with("102");
    server.is_drained();
}

#[test]
fn when_the_last_operator_goes_the_caller_is_told_and_not_left_ringing() {
    let server = Setup::new().operator("101").start();
    let mut operator = Phone::operator(&server, "101", 480);
    let mut caller = Phone::caller(&server, "0501234567", "116111", 350);
    operator.rings();
    // Who would leave a caller alone is asked first, and stays who says nothing.
    dial_code(&server, "101", "*12", "callers-waiting");
    assert!(server.run(&["operator", "remove", "101"]).0);
    operator.sipp.receives("CANCEL", SOON);
    operator.sipp.succeeds();
    // After the grace, in which a phone may come back.
    caller.ear.hears(tone_of("az", "nobody-now"), SOON * 2);
    caller.is_hung_up_on();
    assert!(!caller.ear.never_heard(tone_of("az", "please-call-again")));
    server.records(1)[0].ended("completed", "server").with("");
    server.is_drained();
}
