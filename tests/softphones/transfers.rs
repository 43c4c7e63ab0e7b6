//! Operators hand callers on, each with a phone of another make.

use std::time::Duration;

use crate::linphone::Linphone;
use crate::server::{HOLD, SOON, Server, Setup};
use crate::sipp::{Phone, talk};
use crate::{baresip, pjsua};

/// What the caller, the first operator and the second one speak.
const CALLER: u32 = 350;
const FIRST: u32 = 480;
const SECOND: u32 = 540;

fn house() -> Server {
    Setup::new().operator("101").operator("102").start()
}

/// The caller and 102 hear each other, 101 is free again, and the caller hangs up.
fn is_with_102(server: &Server, mut caller: Phone, mut second: Phone) {
    talk((&caller.ear, CALLER), (&second.ear, SECOND));
    server.counts("calls", 1);
    server.counts("legs", 2);
    caller.hangs_up();
    second.is_hung_up_on();
    let records = server.records(1);
    records[0].ended("hung_up", "caller").with("102");
    caller.ear.heard_one_stream();
    second.ear.heard_one_stream();
    server.is_drained();
    server.tells_nobody(&["501234567"]);
}

/// 101 talks with a caller; 102 is on shift with SIPp, whose every message is seen.
fn caller_of(server: &Server, heard: impl FnOnce(u32, Duration)) -> Phone {
    let caller = Phone::caller(server, "0501234567", "116111", CALLER);
    caller.ear.hears(FIRST, SOON);
    heard(CALLER, SOON);
    caller
}

fn rung_without_the_number(second: &Phone) {
    let invite = second.rings();
    assert!(!invite.text.contains("501234567"), "{}", invite.text);
    assert!(!invite.text.contains("Referred-By"), "{}", invite.text);
}

#[test]
fn baresip_hands_a_caller_on() {
    let server = house();
    let mut first = baresip::Setup::new("101", FIRST).start(&server);
    first.goes_on_shift(&server, "101");
    let second = Phone::operator(&server, "102", SECOND);
    let caller = caller_of(&server, |tone, within| first.heard(tone, within));
    first.command("transfer", &format!("sip:102@{}", server.udp));
    caller.ear.hears(HOLD, SOON);
    rung_without_the_number(&second);
    second.sipp.nudge();
    first.tells("CALL_CLOSED", SOON);
    server.logs(&["\"transfer\"", "102"]);
    is_with_102(&server, caller, second);
}

#[test]
fn pjsua2_hands_a_caller_on_and_hears_how_it_went() {
    let server = house();
    let mut first = pjsua::Setup::new("101", FIRST).over_tcp().start(&server);
    first.goes_on_shift(&server, "101");
    let second = Phone::operator(&server, "102", SECOND);
    let caller = caller_of(&server, |tone, within| first.heard(tone, within));
    first
        .process
        .tell(&format!("transfer sip:102@{}", server.udp));
    first.process.says("transfer 100 early", SOON);
    rung_without_the_number(&second);
    second.sipp.nudge();
    first.process.says("transfer 200 last", SOON);
    first.process.says("call disconn", SOON);
    is_with_102(&server, caller, second);
}

#[test]
fn linphone_hands_a_caller_on() {
    let server = house();
    let mut first = Linphone::start(&server, "101", "udp", FIRST);
    first.goes_on_shift(&server, "101");
    let second = Phone::operator(&server, "102", SECOND);
    let caller = caller_of(&server, |tone, within| first.heard(tone, within));
    first
        .process
        .tell(&format!("transfer sip:102@{}", server.udp));
    rung_without_the_number(&second);
    second.sipp.nudge();
    is_with_102(&server, caller, second);
}

#[test]
fn a_caller_whom_nobody_takes_is_back_with_pjsua2() {
    let server = house();
    let mut first = pjsua::Setup::new("101", FIRST).start(&server);
    first.goes_on_shift(&server, "101");
    let mut caller = caller_of(&server, |tone, within| first.heard(tone, within));
    // 102 has no phone.
    first
        .process
        .tell(&format!("transfer sip:102@{}", server.udp));
    first.process.says("transfer 486 last", SOON);
    caller.ear.hears(FIRST, SOON);
    server.logs(&["transfer_failed", "486"]);
    caller.hangs_up();
    first.process.says("call disconn", SOON);
    server.records(1)[0].ended("hung_up", "caller").with("101");
    server.is_drained();
}

#[test]
fn pjsua2_asks_a_colleague_first_and_then_puts_the_two_together() {
    let server = house();
    let mut first = pjsua::Setup::new("101", FIRST).start(&server);
    first.goes_on_shift(&server, "101");
    let second = Phone::operator(&server, "102", SECOND);
    let caller = caller_of(&server, |tone, within| first.heard(tone, within));
    first.process.tell("hold");
    caller.ear.hears(HOLD, SOON);
    first.dials("102");
    let invite = second.rings();
    assert!(
        invite.header("From").unwrap().starts_with("\"101\""),
        "a colleague is shown: {}",
        invite.text
    );
    second.sipp.nudge();
    first.heard(SECOND, SOON);
    second.ear.hears(FIRST, SOON);
    assert!(
        caller.ear.is_hearing(HOLD),
        "the caller hears nothing of it"
    );
    first.process.tell("attend");
    first.process.says("transfer 200 last", SOON);
    talk((&caller.ear, CALLER), (&second.ear, SECOND));
    server.counts("calls", 1);
    server.counts("legs", 2);
    let (mut caller, mut second) = (caller, second);
    second.hangs_up();
    caller.is_hung_up_on();
    let records = server.records(2);
    records[0].ended("hung_up", "operator").with("102");
    assert_eq!(records[0].text("dialled"), "116111");
    records[1].with("102");
    assert_eq!(records[1].text("trunk"), "operators");
    caller.ear.heard_one_stream();
    server.is_drained();
    server.tells_nobody(&["501234567"]);
}

#[test]
fn linphone_asks_a_colleague_first_and_then_puts_the_two_together() {
    let server = house();
    let mut first = Linphone::start(&server, "101", "udp", FIRST);
    first.goes_on_shift(&server, "101");
    let mut second = Phone::operator(&server, "102", SECOND);
    let mut caller = caller_of(&server, |tone, within| first.heard(tone, within));
    first.process.tell("pause");
    caller.ear.hears(HOLD, SOON);
    first.dials(&server, "102");
    second.rings();
    second.sipp.nudge();
    second.ear.hears(FIRST, SOON);
    // Its first call was the code's, its second the caller's.
    first.process.tell("transfer 2 --to-call 3");
    talk((&caller.ear, CALLER), (&second.ear, SECOND));
    server.counts("calls", 1);
    server.counts("legs", 2);
    caller.hangs_up();
    second.is_hung_up_on();
    server.records(2)[0].ended("hung_up", "caller").with("102");
    caller.ear.heard_one_stream();
    server.is_drained();
}
