//! What real phones want beyond RFC 3261.

use std::time::Duration;

use crate::pjsua;
use crate::server::{HOLD, SOON, Setup};
use crate::sipp::Phone;

const CALLER: u32 = 350;
const OPERATOR: u32 = 480;

#[test]
fn pjsua2_wants_its_ringing_acknowledged() {
    let server = Setup::new().operator("101").start();
    let mut phone = pjsua::Setup::new("101", OPERATOR)
        .by_hand()
        .reliable()
        .start(&server);
    phone.goes_on_shift(&server, "101");
    let mut caller = Phone::caller(&server, "0501234567", "116111", CALLER);
    phone.process.says("incoming", SOON);
    assert!(phone.process.said().contains("100rel"));
    phone.process.tell("ring");
    server.operator_is("101", "ringing");
    caller.ear.hears(HOLD, SOON);
    // Its 200 waits for our PRACK (RFC 3262 §3).
    phone.process.tell("answer 200");
    caller.ear.hears(OPERATOR, SOON);
    phone.heard(CALLER, SOON);
    phone.process.tell("hold");
    caller.ear.hears(HOLD, SOON);
    phone.process.tell("resume");
    caller.ear.hears(OPERATOR, SOON);
    phone.process.tell("hangup");
    caller.is_hung_up_on();
    server.records(1)[0]
        .ended("hung_up", "operator")
        .with("101");
    caller.ear.heard_one_stream();
    server.is_drained();
}

#[test]
fn pjsua2_hears_that_its_mailbox_is_empty() {
    let server = Setup::new().operator("101").start();
    let mut phone = pjsua::Setup::new("101", OPERATOR)
        .with_mailbox()
        .start(&server);
    phone.is_registered();
    phone.process.says("mailbox Messages-Waiting: no", SOON);
    server.counts("subscriptions", 1);
    phone.process.tell("quit");
    assert!(phone.process.ends(Duration::from_secs(20)).success());
    server.counts("subscriptions", 0);
}
