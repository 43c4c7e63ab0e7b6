//! A call from the trunk to an operator.

use std::time::Duration;

use crate::{baresip, pjsua};
use crate::linphone::Linphone;
use crate::ear::{Ear, ULAW};
use crate::moment::now;
use crate::server::{HOLD, SOON, Setup, tone_of};
use crate::sipp::{self, Scenario, audio, free_port};

#[test]
fn a_call_is_greeted_queued_answered_and_kept() {
    let server = Setup::new().operator("101").start();
    let phone = free_port();
    sipp::on_shift(&server, "101", phone);
    let (caller_ear, operator_ear) = (Ear::open(350, ULAW), Ear::open(480, ULAW));
    let mut operator = Scenario::operator(phone, &audio(operator_ear.port(), &[0])).run(&server);
    let began = now();
    let mut caller = Scenario::caller("0501234567", "116111", &audio(caller_ear.port(), &[0, 8]))
        .run(&server);
    operator.receives("INVITE", SOON);
    caller_ear.hears(tone_of("az", "greeting"), SOON);
    operator.nudge();
    caller_ear.hears(480, SOON);
    operator_ear.hears(350, SOON);
    let first = caller_ear.first_heard_at().unwrap();
    assert!(first - began < Duration::from_secs(1));
    server.counts("talking", 1);
    caller.nudge();
    caller.succeeds();
    operator.succeeds();
    let calls = server.calls(1);
    assert_eq!(calls[0]["ended_by"], "caller");
    let _ = (HOLD, tone_of("az", "greeting"));
    server.is_drained();
}

#[test]
fn baresip_answers_a_caller_of_the_trunk() {
    let server = Setup::new().operator("101").start();
    let mut phone = baresip::Setup::new("101", 480).start(&server);
    phone.goes_on_shift(&server, "101");
    let ear = Ear::open(350, ULAW);
    let mut caller = Scenario::caller("0501234567", "116111", &audio(ear.port(), &[0, 8])).run(&server);
    ear.hears(480, SOON);
    phone.heard(350, SOON);
    phone.command("hangup", "");
    caller.succeeds();
    phone.tells("CALL_CLOSED", SOON);
    let calls = server.calls(1);
    assert_eq!(calls[0]["ended_by"], "operator");
    server.is_drained();
}

#[test]
fn pjsua2_answers_a_caller_of_the_trunk() {
    let server = Setup::new().operator("101").start();
    let mut phone = pjsua::Setup::new("101", 480).start(&server);
    phone.goes_on_shift(&server, "101");
    let ear = Ear::open(350, ULAW);
    let mut caller = Scenario::caller("0501234567", "116111", &audio(ear.port(), &[0, 8])).run(&server);
    ear.hears(480, SOON);
    phone.heard(350, SOON);
    phone.process.tell("hangup");
    caller.succeeds();
    let calls = server.calls(1);
    assert_eq!(calls[0]["ended_by"], "operator");
    server.is_drained();
}

#[test]
fn linphone_answers_a_caller_of_the_trunk() {
    let server = Setup::new().operator("101").start();
    let mut phone = Linphone::start(&server, "101", "tcp", 480);
    phone.goes_on_shift(&server, "101");
    let ear = Ear::open(350, ULAW);
    let mut caller = Scenario::caller("0501234567", "116111", &audio(ear.port(), &[0, 8])).run(&server);
    ear.hears(480, SOON);
    phone.heard(350, SOON);
    phone.hangs_up();
    caller.succeeds();
    let calls = server.calls(1);
    assert_eq!(calls[0]["ended_by"], "operator");
    server.is_drained();
}
