//! What real phones want beyond RFC 3261.

use std::time::Duration;

use crate::ear::{Ear, ULAW};
use crate::ports::free_port;
use crate::server::{HOLD, SOON, Server, Setup, tone_of};
use crate::sipp::{Phone, Scenario, audio, on_shift, talk};
use crate::{baresip, pjsua};

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
    // Its log comes by another pipe, and may be later.
    phone.process.says("100rel", SOON);
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

/// An operator's phone by one of our scenarios, registered and on shift.
fn phone_of(server: &Server, ear: Ear, scenario: Scenario) -> Phone {
    let port = free_port();
    on_shift(server, "101", port);
    let sipp = scenario.at_port(port).run(server);
    Phone { sipp, ear }
}

#[test]
fn another_branch_of_a_fork_that_answers_gets_ack_and_bye() {
    let server = Setup::new().operator("101").start();
    let ear = Ear::open(OPERATOR, ULAW);
    let scenario = Scenario::of(&["forks.xml"]).with("SDP", &audio(ear.port(), &[ULAW]));
    let mut phone = phone_of(&server, ear, scenario);
    let mut caller = Phone::caller(&server, "0501234567", "116111", CALLER);
    phone.rings();
    phone.sipp.receives("BYE", SOON);
    talk((&caller.ear, CALLER), (&phone.ear, OPERATOR));
    let acks = phone.sipp.received("ACK");
    assert!(acks.len() > 1);
    assert!(acks[1].header("To").unwrap().contains("tag=fork"));
    let bye = &phone.sipp.received("BYE")[0];
    assert!(bye.header("To").unwrap().contains("tag=fork"));
    assert!(
        bye.header("Reason")
            .unwrap()
            .contains("Call completed elsewhere")
    );
    caller.hangs_up();
    phone.sipp.succeeds();
    server.records(1)[0].ended("hung_up", "caller").with("101");
    caller.ear.heard_one_stream();
    server.is_drained();
}

#[test]
fn a_2xx_that_crosses_our_cancel_is_acknowledged_and_ended() {
    let server = Setup::new().operator("101").start();
    let ear = Ear::open(OPERATOR, ULAW);
    let scenario = Scenario::of(&["crossing.xml"]).with("SDP", &audio(ear.port(), &[ULAW]));
    let mut phone = phone_of(&server, ear, scenario);
    let mut caller = Phone::caller(&server, "0501234567", "116111", CALLER);
    phone.rings();
    caller.hangs_up();
    phone.sipp.succeeds();
    assert!(
        phone.ear.never_heard(CALLER),
        "the two were never connected"
    );
    server.records(1)[0].ended("abandoned", "caller");
    server.operator_is("101", "free");
    server.is_drained();
}

#[test]
fn a_hold_that_crosses_our_refresh_comes_again_after_both_got_491() {
    let server = Setup::new().operator("101").start();
    let ear = Ear::open(OPERATOR, ULAW);
    let sdp = audio(ear.port(), &[ULAW]);
    let version = |number: u32| sdp.replace("o=- 1 1", &format!("o=- 1 {number}"));
    let scenario = Scenario::of(&["glare.xml"])
        .with("SDP", &sdp)
        .with("HELD", &(version(2) + "a=sendonly\n"))
        .with("RESUMED", &version(3));
    let mut phone = phone_of(&server, ear, scenario);
    let mut caller = Phone::caller(&server, "0501234567", "116111", CALLER);
    phone.rings();
    caller.ear.hears(tone_of("az", "greeting"), SOON);
    phone.sipp.nudge();
    talk((&caller.ear, CALLER), (&phone.ear, OPERATOR));
    // We refresh after half of 90 s.
    phone.sipp.receives("SIP/2.0 491", Duration::from_secs(60));
    caller.ear.hears(HOLD, SOON);
    phone.sipp.nudge();
    talk((&caller.ear, CALLER), (&phone.ear, OPERATOR));
    caller.hangs_up();
    phone.sipp.succeeds();
    server.records(1)[0].ended("hung_up", "caller").with("101");
    caller.ear.heard_one_stream();
    phone.ear.heard_one_stream();
    server.is_drained();
}

#[test]
fn a_phone_that_moves_its_end_before_it_answers_is_heard_there() {
    let server = Setup::new().operator("101").start();
    let (old, ear) = (Ear::open(None, ULAW), Ear::open(OPERATOR, ULAW));
    let moved = audio(ear.port(), &[ULAW]).replace("o=- 1 1", "o=- 1 2");
    let scenario = Scenario::of(&["update_early.xml"])
        .with("SDP", &audio(old.port(), &[ULAW]))
        .with("MOVED", &moved);
    let mut phone = phone_of(&server, ear, scenario);
    let mut caller = Phone::caller(&server, "0501234567", "116111", CALLER);
    phone.sipp.is_answered("1 UPDATE");
    phone.rings();
    phone.sipp.nudge();
    talk((&caller.ear, CALLER), (&phone.ear, OPERATOR));
    assert!(old.never_heard(CALLER));
    caller.hangs_up();
    phone.sipp.succeeds();
    server.records(1)[0].ended("hung_up", "caller").with("101");
    caller.ear.heard_one_stream();
    server.is_drained();
}

/// The caller's phone has no telephone-events; the operator's has.
#[test]
fn a_key_by_info_reaches_the_operator_as_a_telephone_event() {
    let server = Setup::new().operator("101").start();
    let mut operator = Phone::operator(&server, "101", OPERATOR);
    let ear = Ear::open(CALLER, ULAW);
    let sdp = audio(ear.port(), &[ULAW]);
    let lines = sdp.lines().filter(|line| !line.starts_with("a="));
    let sdp: String = lines
        .map(|line| line.replace(" 0 101", " 0") + "\n")
        .collect();
    let parts = ["invite.xml", "keys_by_info.xml", "talk.xml"];
    let mut caller = Scenario::caller_of(&parts, "0501234567", "116111", &sdp).run(&server);
    operator.answers();
    talk((&ear, CALLER), (&operator.ear, OPERATOR));
    caller.nudge();
    caller.is_answered("40 INFO");
    crate::moment::eventually("key 2", SOON, || {
        (operator.ear.digits() == [2]).then_some(())
    });
    talk((&ear, CALLER), (&operator.ear, OPERATOR));
    operator.hangs_up();
    caller.receives("BYE", SOON);
    caller.succeeds();
    operator.ear.heard_one_stream();
    server.is_drained();
}

#[test]
fn a_key_by_info_chooses_the_language_of_a_caller_without_telephone_events() {
    let server = Setup::new().operator("101").start();
    let mut operator = Phone::operator(&server, "101", OPERATOR);
    let ear = Ear::open(CALLER, ULAW);
    let sdp = audio(ear.port(), &[ULAW]);
    let lines = sdp.lines().filter(|line| !line.starts_with("a="));
    let sdp: String = lines
        .map(|line| line.replace(" 0 101", " 0") + "\n")
        .collect();
    let parts = ["invite.xml", "keys_by_info.xml", "talk.xml"];
    let mut caller = Scenario::caller_of(&parts, "0501234567", "116111", &sdp).run(&server);
    ear.hears(tone_of("az", "greeting"), SOON);
    caller.nudge();
    ear.hears(tone_of("ru", "greeting"), SOON);
    operator.answers();
    talk((&ear, CALLER), (&operator.ear, OPERATOR));
    operator.hangs_up();
    caller.receives("BYE", SOON);
    caller.succeeds();
    let records = server.records(1);
    records[0].ended("hung_up", "operator").with("101");
    assert_eq!(records[0].text("language"), "ru");
    server.is_drained();
}

#[test]
fn two_phones_of_an_operator_ring_together_and_the_loser_is_told_that_it_missed_no_call() {
    let server = Setup::new().operator("101").start();
    let mut first = baresip::Setup::new("101", OPERATOR)
        .by_hand()
        .start(&server);
    first.is_registered();
    let mut second = Phone::operator(&server, "101", 540);
    let mut caller = Phone::caller(&server, "0501234567", "116111", CALLER);
    second.rings();
    first.tells("CALL_INCOMING", SOON);
    first.command("accept", "");
    caller.ear.hears(OPERATOR, SOON);
    first.heard(CALLER, SOON);
    let cancel = second.sipp.receives("CANCEL", SOON);
    let why = cancel.header("Reason").unwrap();
    assert!(
        why.contains("cause=200") && why.contains("Call completed elsewhere"),
        "{why}"
    );
    second.sipp.succeeds();
    first.command("hold", "");
    caller.ear.hears(HOLD, SOON);
    first.command("resume", "");
    caller.ear.hears(OPERATOR, SOON);
    caller.hangs_up();
    first.tells("CALL_CLOSED", SOON);
    server.records(1)[0].ended("hung_up", "caller").with("101");
    caller.ear.heard_one_stream();
    server.is_drained();
}
