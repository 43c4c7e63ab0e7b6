//! Operators hand callers on to numbers outside; SIPp is the carrier there.

use crate::ear::{ALAW, Ear, ULAW};
use crate::ports::free_port;
use crate::server::{HOLD, SOON, Server, Setup};
use crate::sipp::{Phone, Scenario, Sipp, audio, talk};
use crate::{baresip, pjsua};

/// What the caller, the operator and the psychologist outside speak.
const CALLER: u32 = 350;
const OPERATOR: u32 = 480;
const OUTSIDE: u32 = 540;
/// Whom the operator calls.
const NUMBER: &str = "0506802299";

/// A server with a carrier at this port, and a class of numbers.
fn house(port: u16, more: &str) -> Server {
    // What comes from this machine but is no operator's is the carrier's.
    let trunk = format!(
        "[[trunks]]\nname = \"carrier\"\nsources = [\"127.0.0.0/8\"]\n\
         peer = \"sip:127.0.0.1:{port};transport=udp\"\nfrom = \"+994124040404\""
    );
    let outgoing = format!(
        "[[outgoing]]\nname = \"mobile\"\nnumbers = \"mobile\"\nper_minute = 0.05\n{more}\n\n[queue.children]"
    );
    Setup::new()
        .operator("201")
        .plan("[queue.children]", &outgoing)
        .config(&trunk)
        .start()
}

/// The carrier with the psychologist behind it.
fn carrier(server: &Server, port: u16) -> Phone {
    let ear = Ear::open(OUTSIDE, ULAW);
    let scenario = Scenario::of(&["operator.xml"]).with("SDP", &audio(ear.port(), &[ULAW, ALAW]));
    let sipp = scenario.at_port(port).run(server);
    Phone { sipp, ear }
}

/// The carrier is shown our own number and nothing of caller and operator.
fn is_rung_by_our_number(outside: &Phone) {
    let invite = outside.rings();
    assert!(
        invite.begins("INVITE sip:+994506802299@"),
        "{}",
        invite.text
    );
    let from = invite.header("From").unwrap();
    assert!(from.contains("<sip:+994124040404@"), "{from}");
    for secret in ["501234567", "201@", "Aygün", "C-", "Referred-By"] {
        assert!(!invite.text.contains(secret), "{}", invite.text);
    }
}

/// Caller and psychologist hear each other; the caller hangs up, and nothing is left.
fn is_outside(server: &Server, mut caller: Phone, mut outside: Phone, records: usize) {
    talk((&caller.ear, CALLER), (&outside.ear, OUTSIDE));
    server.counts("calls", 1);
    server.counts("legs", 2);
    caller.hangs_up();
    outside.is_hung_up_on();
    let records = server.records(records);
    records[0].ended("hung_up", "caller").with("outside");
    assert_eq!(records[0].text("dialled"), "116111");
    caller.ear.heard_one_stream();
    outside.ear.heard_one_stream();
    server.is_drained();
    server.tells_nobody(&["501234567", "506802299"]);
}

#[test]
fn baresip_hands_a_caller_on_to_a_number_outside() {
    let port = free_port();
    let server = house(port, "");
    let mut first = baresip::Setup::new("201", OPERATOR).start(&server);
    first.goes_on_shift(&server, "201");
    let caller = Phone::caller(&server, "0501234567", "116111", CALLER);
    caller.ear.hears(OPERATOR, SOON);
    let outside = carrier(&server, port);
    first.command("transfer", &format!("sip:{NUMBER}@{}", server.udp));
    is_rung_by_our_number(&outside);
    caller.ear.hears(HOLD, SOON);
    outside.sipp.nudge();
    first.tells("CALL_CLOSED", SOON);
    server.logs(&["\"transfer\"", "mobile"]);
    is_outside(&server, caller, outside, 1);
}

#[test]
fn pjsua2_asks_a_number_outside_first_and_then_puts_the_two_together() {
    let port = free_port();
    let server = house(port, "");
    let mut first = pjsua::Setup::new("201", OPERATOR).start(&server);
    first.goes_on_shift(&server, "201");
    let caller = Phone::caller(&server, "0501234567", "116111", CALLER);
    caller.ear.hears(OPERATOR, SOON);
    first.process.tell("hold");
    caller.ear.hears(HOLD, SOON);
    let outside = carrier(&server, port);
    first.dials(NUMBER);
    is_rung_by_our_number(&outside);
    outside.sipp.nudge();
    first.heard(OUTSIDE, SOON);
    outside.ear.hears(OPERATOR, SOON);
    first.process.tell("attend");
    first.process.says("transfer 200 last", SOON);
    is_outside(&server, caller, outside, 2);
}

#[test]
fn pjsua2_has_the_caller_back_whom_nobody_outside_takes_and_calls_outside_itself() {
    let port = free_port();
    let server = house(port, "calls_a_day = 1");
    let mut first = pjsua::Setup::new("201", OPERATOR).start(&server);
    first.goes_on_shift(&server, "201");
    let mut caller = Phone::caller(&server, "0501234567", "116111", CALLER);
    caller.ear.hears(OPERATOR, SOON);
    let busy = Scenario::of(&["unavailable.xml"]).with("STATUS", "486 Busy Here");
    let mut busy: Sipp = busy.at_port(port).run(&server);
    let to = format!("transfer sip:{NUMBER}@{}", server.udp);
    first.process.tell(&to);
    first.process.says("transfer 486 last", SOON);
    busy.succeeds();
    caller.ear.hears(OPERATOR, SOON);
    caller.hangs_up();
    first.process.says("call disconn", SOON);
    server.records(1)[0].ended("hung_up", "caller").with("201");
    // Its own call is the only one of the day.
    let mut outside = carrier(&server, port);
    first.dials(NUMBER);
    is_rung_by_our_number(&outside);
    outside.sipp.nudge();
    first.heard(OUTSIDE, SOON);
    outside.ear.hears(OPERATOR, SOON);
    first.process.tell("hangup");
    outside.is_hung_up_on();
    server.records(2)[1].ended("hung_up", "caller").with("201");
    server.is_drained();
}
