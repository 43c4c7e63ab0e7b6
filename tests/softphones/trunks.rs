//! What carriers require: reliable responses, timers, connections.

use std::time::Duration;

use crate::ear::{Ear, ULAW};
use crate::server::{SOON, Setup};
use crate::sipp::{Phone, Scenario, audio, talk};

#[test]
fn a_trunk_may_require_reliable_responses() {
    let server = Setup::new().operator("101").start();
    let mut operator = Phone::operator(&server, "101", 480);
    let ear = Ear::open(350, ULAW);
    let sdp = audio(ear.port(), &[ULAW]);
    let parts = ["reliable.xml", "talk.xml"];
    let mut caller = Scenario::caller_of(&parts, "0501234567", "116111", &sdp).run(&server);
    operator.answers();
    talk((&ear, 350), (&operator.ear, 480));
    caller.nudge();
    caller.succeeds();
    operator.is_hung_up_on();
    server.records(1)[0].ended("hung_up", "caller");
    server.is_drained();
}

/// A trunk requires a timer, which `refresher` refreshes.
fn timed(refresher: &str, part: &str) {
    let server = Setup::new().operator("101").start();
    let mut operator = Phone::operator(&server, "101", 480);
    let ear = Ear::open(350, ULAW);
    let sdp = audio(ear.port(), &[ULAW]);
    let parts = ["invite.xml", part, "talk.xml"];
    let headers = format!(
        "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE\nSupported: timer\nRequire: timer\nSession-Expires: 90;refresher={refresher}\nMin-SE: 90\n"
    );
    let mut caller = Scenario::caller_of(&parts, "0501234567", "116111", &sdp)
        .with("HEADERS", &headers)
        .run(&server);
    let answer = caller.receives("SIP/2.0 200", SOON);
    let timer = answer.header("Session-Expires").unwrap();
    assert!(
        timer.starts_with("90") && timer.ends_with(refresher),
        "{timer}"
    );
    assert!(answer.header("Require").unwrap().contains("timer"));
    operator.answers();
    talk((&ear, 350), (&operator.ear, 480));
    if refresher == "uac" {
        caller.nudge();
        caller.is_answered("30 UPDATE");
    } else {
        caller.receives("UPDATE", Duration::from_secs(55));
    }
    talk((&ear, 350), (&operator.ear, 480));
    caller.nudge();
    caller.succeeds();
    operator.is_hung_up_on();
    server.records(1)[0].ended("hung_up", "caller");
    server.is_drained();
}

#[test]
fn a_trunk_may_require_a_timer_and_refresh_it() {
    timed("uac", "update.xml");
}

#[test]
fn a_trunk_may_require_a_timer_that_we_refresh() {
    timed("uas", "updated.xml");
}

#[test]
fn a_trunk_may_call_over_tcp() {
    let server = Setup::new().operator("101").start();
    let mut operator = Phone::operator(&server, "101", 480);
    let ear = Ear::open(350, ULAW);
    let scenario = Scenario::caller("0501234567", "116111", &audio(ear.port(), &[ULAW]));
    let mut caller = scenario.over_tcp().run(&server);
    operator.answers();
    talk((&ear, 350), (&operator.ear, 480));
    operator.hangs_up();
    caller.receives("BYE", SOON);
    caller.succeeds();
    server.records(1)[0].ended("hung_up", "operator");
    server.is_drained();
}
