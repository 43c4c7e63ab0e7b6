//! Talks of three, each with a tone of its own: an operator on pjsua2 keys in who shall come, and a supervisor
//! on pjsua2 listens, whispers and barges.

use std::time::Duration;

use crate::ear::{ALAW, Ear, ULAW};
use crate::pjsua::{self, Pjsua};
use crate::ports::free_port;
use crate::server::{SOON, Server, Setup};
use crate::sipp::{Phone, Scenario, audio, talk};

const CALLER: u32 = 350;
const FIRST: u32 = 480;
const THIRD: u32 = 660;

/// A server with operators 201, 202 and the supervisor 210, and a carrier at this port.
fn house(port: u16) -> Server {
    let trunk = format!(
        "[[trunks]]\nname = \"carrier\"\nsources = [\"127.0.0.0/8\"]\n\
         peer = \"sip:127.0.0.1:{port};transport=udp\"\nfrom = \"+994124040404\""
    );
    let may = "[operator.210]\nmay = [\"listen\", \"whisper\", \"barge\"]\n\n[queue.children]";
    Setup::new()
        .operator("201")
        .operator("202")
        .operator("210")
        .plan("[queue.children]", may)
        .config(&trunk)
        .start()
}

/// 201 on pjsua2 talks with a caller.
fn talking(server: &Server) -> (Phone, Pjsua) {
    let mut first = pjsua::Setup::new("201", FIRST).start(server);
    first.goes_on_shift(server, "201");
    let caller = Phone::caller(server, "0501234567", "116111", CALLER);
    caller.ear.hears(FIRST, SOON);
    first.heard(CALLER, SOON);
    (caller, first)
}

/// All three hear the two others.
fn three_talk(caller: &Phone, first: &Pjsua, third: &Phone) {
    caller.ear.hears_together(&[FIRST, THIRD], SOON);
    third.ear.hears_together(&[CALLER, FIRST], SOON);
    first.heard_together(&[CALLER, THIRD], SOON);
}

#[test]
fn one_touch_brings_112_from_a_carrier_and_it_stays_when_the_operator_leaves() {
    let port = free_port();
    let server = house(port);
    let (mut caller, mut first) = talking(&server);
    let ear = Ear::open(THIRD, ULAW);
    let scenario = Scenario::of(&["operator.xml"]).with("SDP", &audio(ear.port(), &[ULAW, ALAW]));
    let sipp = scenario.at_port(port).run(&server);
    let mut service = Phone { sipp, ear };
    first.presses("*112#");
    let invite = service.rings();
    assert!(invite.begins("INVITE sip:112@"), "{}", invite.text);
    for secret in ["501234567", "201@", "C-"] {
        assert!(!invite.text.contains(secret), "{}", invite.text);
    }
    service.sipp.nudge();
    three_talk(&caller, &first, &service);
    server.counts("legs", 3);
    server.logs(&["\"joined\"", "112"]);
    first.process.tell("hangup");
    talk((&caller.ear, CALLER), (&service.ear, THIRD));
    server.counts("legs", 2);
    // The operator's keys were for us alone.
    assert!(caller.ear.digits().is_empty());
    caller.hangs_up();
    service.is_hung_up_on();
    server.records(1)[0]
        .ended("hung_up", "caller")
        .with("outside");
    caller.ear.heard_one_stream();
    service.ear.heard_one_stream();
    server.is_drained();
    server.tells_nobody(&["501234567"]);
}

#[test]
fn a_colleague_is_called_into_the_talk_and_leaves_it_again() {
    let server = house(free_port());
    let (mut caller, mut first) = talking(&server);
    let mut second = Phone::operator(&server, "202", THIRD);
    first.presses("*3202#");
    second.answers();
    three_talk(&caller, &first, &second);
    second.hangs_up();
    caller.ear.hears(FIRST, SOON);
    server.counts("legs", 2);
    caller.hangs_up();
    first.process.says("call disconn", SOON);
    server.records(1)[0].ended("hung_up", "caller").with("201");
    caller.ear.heard_one_stream();
    second.ear.heard_one_stream();
    server.is_drained();
}

#[test]
fn a_supervisor_listens_whispers_and_barges() {
    let server = house(free_port());
    let (mut caller, first) = talking(&server);
    let mut boss = pjsua::Setup::new("210", THIRD).start(&server);
    boss.is_registered();
    boss.dials("*21201");
    boss.heard_together(&[CALLER, FIRST], SOON);
    server.counts("legs", 3);
    assert!(caller.ear.never_heard_among(THIRD) && first.never_heard_among(THIRD));
    let from = boss.process.lines();
    boss.process.tell("hangup");
    boss.process.says_after(from, "call disconn", SOON);
    server.logs(&["\"supervised\"", "210"]);
    boss.dials("*22201");
    first.heard_together(&[CALLER, THIRD], SOON);
    assert!(caller.ear.never_heard_among(THIRD));
    let from = boss.process.lines();
    boss.process.tell("hangup");
    boss.process.says_after(from, "call disconn", SOON);
    boss.dials("*23201");
    caller.ear.hears_together(&[FIRST, THIRD], SOON);
    // With the call the listening ends.
    let from = boss.process.lines();
    caller.hangs_up();
    boss.process.says_after(from, "call disconn", SOON);
    server.records(1)[0].ended("hung_up", "caller").with("201");
    caller.ear.heard_one_stream();
    server.is_drained();
}

#[test]
fn who_may_not_listen_is_told_so_and_hears_nothing() {
    let server = house(free_port());
    let (mut caller, mut first) = talking(&server);
    let mut other = pjsua::Setup::new("202", THIRD).start(&server);
    other.is_registered();
    other.dials("*21201");
    other.process.says("call disconn", Duration::from_secs(20));
    assert!(!other.has_heard(CALLER) && !other.has_heard(FIRST));
    caller.hangs_up();
    first.process.says("call disconn", SOON);
    server.logs(&["\"refused\"", "202"]);
    server.is_drained();
}

#[test]
fn the_time_on_hold_stands_on_the_record() {
    let server = house(free_port());
    let (mut caller, mut first) = talking(&server);
    first.process.tell("hold");
    caller.ear.hears(crate::server::HOLD, SOON);
    server.operator_is("201", "on_hold");
    first.process.tell("resume");
    caller.ear.hears(FIRST, SOON);
    server.operator_is("201", "talking");
    caller.hangs_up();
    first.process.says("call disconn", SOON);
    server.logs(&["\"held\""]);
    server.logs(&["\"resumed\"", "\"lasted\""]);
    server.records(1)[0].ended("hung_up", "caller");
    server.is_drained();
}
