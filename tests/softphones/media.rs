//! Sound: codecs, packet times, keys, hold, and media that is no sound.

use std::time::Duration;

use crate::ear::{ALAW, Ear, ULAW};
use crate::linphone::Linphone;
use crate::ports::free_port;
use crate::server::{HOLD, SOON, Server, Setup};
use crate::sipp::{Phone, Scenario, Sipp, audio, on_shift, talk};
use crate::{baresip, pjsua};

/// A caller by these parts, who describes the own end so.
fn caller(server: &Server, parts: &[&str], sdp: &str) -> Sipp {
    Scenario::caller_of(parts, "0501234567", "116111", sdp).run(server)
}

#[test]
fn an_a_law_caller_and_a_mu_law_operator_understand_each_other() {
    let server = Setup::new().operator("101").start();
    let (ear, port) = (Ear::open(350, ALAW), free_port());
    on_shift(&server, "101", port);
    let other = Ear::open(480, ULAW);
    let mut operator = Scenario::operator(port, &audio(other.port(), &[ULAW])).run(&server);
    let mut caller = caller(
        &server,
        &["invite.xml", "talk.xml"],
        &audio(ear.port(), &[ALAW]),
    );
    // Two that waited to hear first would both be silent, where the call is taken before the greeting began.
    let invite = operator.receives("INVITE", SOON);
    other.speaks_to(invite.audio_port());
    operator.nudge();
    talk((&ear, 350), (&other, 480));
    assert_eq!(
        (ear.payload_types(), other.payload_types()),
        (vec![ALAW], vec![ULAW])
    );
    caller.nudge();
    caller.succeeds();
    operator.succeeds();
    ear.heard_one_stream();
    other.heard_one_stream();
    server.records(1)[0].ended("hung_up", "caller");
    server.is_drained();
}

#[test]
fn an_a_law_baresip_answers_a_mu_law_caller() {
    let server = Setup::new().operator("101").start();
    let phone = baresip::Setup::new("101", 480).codec("pcma").packets_of(30);
    let mut phone = phone.start(&server);
    phone.goes_on_shift(&server, "101");
    let ear = Ear::open(350, ULAW);
    let mut caller = caller(
        &server,
        &["invite.xml", "talk.xml"],
        &audio(ear.port(), &[ULAW]),
    );
    ear.hears(480, SOON);
    phone.heard(350, SOON);
    assert_eq!(ear.payload_types(), [ULAW]);
    caller.nudge();
    caller.succeeds();
    server.records(1)[0].ended("hung_up", "caller");
    server.is_drained();
}

#[test]
fn a_caller_with_packets_of_40_ms_gets_such_packets() {
    let server = Setup::new().operator("101").start();
    let mut operator = Phone::operator(&server, "101", 480);
    let ear = Ear::with_packets_of(40, 350, ULAW);
    let sdp = audio(ear.port(), &[ULAW]) + "a=ptime:40\n";
    let mut caller = caller(&server, &["invite.xml", "talk.xml"], &sdp);
    ear.hears(HOLD, SOON);
    assert_eq!(ear.sizes(), [320], "40 ms of our own sound");
    operator.answers();
    talk((&ear, 350), (&operator.ear, 480));
    caller.nudge();
    caller.succeeds();
    operator.is_hung_up_on();
    ear.heard_one_stream();
    server.is_drained();
}

#[test]
fn keys_reach_the_other_side_once() {
    let server = Setup::new().operator("101").start();
    let mut operator = Phone::operator(&server, "101", 480);
    let mut caller = Phone::caller(&server, "0501234567", "116111", 350);
    operator.answers();
    talk((&caller.ear, 350), (&operator.ear, 480));
    caller.ear.press(5);
    caller.ear.press(7);
    crate::moment::eventually("keys 5 and 7", SOON, || {
        (operator.ear.digits() == [5, 7]).then_some(())
    });
    talk((&caller.ear, 350), (&operator.ear, 480));
    assert_eq!(operator.ear.digits(), [5, 7]);
    caller.hangs_up();
    operator.is_hung_up_on();
    server.is_drained();
}

#[test]
fn video_and_fax_are_refused_while_the_call_goes_on() {
    let server = Setup::new().operator("101").start();
    let mut operator = Phone::operator(&server, "101", 480);
    let ear = Ear::open(350, ULAW);
    let sdp = audio(ear.port(), &[ULAW])
        + "m=video 40000 RTP/AVP 96\na=rtpmap:96 VP8/90000\nm=image 40002 udptl t38\n";
    let mut caller = caller(&server, &["invite.xml", "talk.xml"], &sdp);
    let answer = caller.receives("SIP/2.0 200", SOON).text;
    let lines: Vec<&str> = answer
        .lines()
        .filter(|line| line.starts_with("m="))
        .collect();
    assert_eq!(lines.len(), 3, "{answer}");
    assert!(lines[0].starts_with("m=audio ") && !lines[0].starts_with("m=audio 0 "));
    assert!(
        lines[1].starts_with("m=video 0 ") && lines[2].starts_with("m=image 0 "),
        "{answer}"
    );
    operator.answers();
    talk((&ear, 350), (&operator.ear, 480));
    caller.nudge();
    caller.succeeds();
    operator.is_hung_up_on();
    server.is_drained();
}

#[test]
fn a_caller_without_a_codec_of_ours_is_refused() {
    let server = Setup::new().start();
    let sdp = "v=0\no=- 1 1 IN IP4 127.0.0.1\ns=-\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 40000 RTP/AVP 96\na=rtpmap:96 opus/48000/2\n";
    let scenario = Scenario::caller_of(&["refused.xml"], "0501234567", "116111", sdp);
    scenario.with("STATUS", "488").run(&server).succeeds();
    server.records(1)[0].ended("refused", "server");
    server.is_drained();
}

#[test]
fn a_late_offer_is_answered() {
    let server = Setup::new().operator("101").start();
    let mut operator = Phone::operator(&server, "101", 480);
    let ear = Ear::open(350, ULAW);
    let mut caller = caller(
        &server,
        &["late_offer.xml", "talk.xml"],
        &audio(ear.port(), &[ULAW]),
    );
    operator.answers();
    talk((&ear, 350), (&operator.ear, 480));
    caller.nudge();
    caller.succeeds();
    operator.is_hung_up_on();
    ear.heard_one_stream();
    server.is_drained();
}

#[test]
fn an_operator_who_is_held_hears_music() {
    let server = Setup::new().operator("101").start();
    let mut operator = Phone::operator(&server, "101", 480);
    let ear = Ear::open(350, ULAW);
    let sdp = audio(ear.port(), &[ULAW]);
    let parts = ["invite.xml", "hold.xml", "resume.xml", "talk.xml"];
    let mut caller = Scenario::caller_of(&parts, "0501234567", "116111", &sdp)
        .with(
            "HELD",
            &(sdp.replace("o=- 1 1", "o=- 1 2") + "a=sendonly\n"),
        )
        .with(
            "RESUMED",
            &(sdp.replace("o=- 1 1", "o=- 1 3") + "a=sendrecv\n"),
        )
        .run(&server);
    operator.answers();
    talk((&ear, 350), (&operator.ear, 480));
    caller.nudge();
    operator.ear.hears(HOLD, SOON);
    assert!(
        ear.is_deaf_for(Duration::from_secs(1)),
        "who holds is sent nothing"
    );
    caller.nudge();
    talk((&ear, 350), (&operator.ear, 480));
    caller.nudge();
    caller.succeeds();
    operator.is_hung_up_on();
    operator.ear.heard_one_stream();
    server.records(1)[0].ended("hung_up", "caller");
    server.is_drained();
}

#[test]
fn a_caller_whom_linphone_holds_hears_music() {
    let server = Setup::new().operator("201").start();
    let mut operator = Linphone::start(&server, "201", "udp", 480);
    operator.goes_on_shift(&server, "201");
    let mut caller = Phone::caller(&server, "0501234567", "116111", 350);
    caller.ear.hears(480, SOON);
    operator.heard(350, SOON);
    operator.process.tell("pause");
    caller.ear.hears(HOLD, SOON);
    operator.process.tell("resume");
    caller.ear.hears(480, SOON);
    caller.hangs_up();
    caller.ear.heard_one_stream();
    server.records(1)[0].ended("hung_up", "caller").with("201");
    server.is_drained();
}

#[test]
fn a_caller_who_is_held_hears_music() {
    let server = Setup::new().operator("101").start();
    let mut operator = pjsua::Setup::new("101", 480).by_hand().start(&server);
    operator.goes_on_shift(&server, "101");
    let mut caller = Phone::caller(&server, "0501234567", "116111", 350);
    operator.process.says("incoming", SOON);
    operator.process.tell("answer 200");
    caller.ear.hears(480, SOON);
    operator.process.tell("hold");
    caller.ear.hears(HOLD, SOON);
    operator.process.tell("resume");
    caller.ear.hears(480, SOON);
    caller.hangs_up();
    operator.process.says("call disconn", SOON);
    caller.ear.heard_one_stream();
    server.records(1)[0].ended("hung_up", "caller").with("101");
    server.is_drained();
}
