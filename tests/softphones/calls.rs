//! Calls from the trunk, and from each phone.

use std::time::Duration;

use crate::ear::{Ear, ULAW};
use crate::linphone::Linphone;
use crate::moment::now;
use crate::server::{HOLD, SOON, Server, Setup, tone_of};
use crate::sipp::{Phone, Scenario, audio, talk};
use crate::{baresip, pjsua};

/// What the caller speaks.
const CALLER: u32 = 350;
/// What the operator speaks.
const OPERATOR: u32 = 480;

#[test]
fn a_call_is_greeted_while_phones_ring_then_answered_and_kept() {
    let server = Setup::new().operator("101").start();
    let mut operator = Phone::operator(&server, "101", OPERATOR);
    let began = now();
    let mut caller = Phone::caller(&server, "0501234567", "116111", CALLER);
    caller.ear.hears(tone_of("az", "greeting"), SOON);
    let first = caller.ear.first_heard_at().unwrap() - began;
    assert!(
        first < Duration::from_secs(1),
        "a voice came after {first:?}"
    );
    let invite = operator.rings();
    assert!(
        caller.ear.is_hearing(tone_of("az", "greeting")),
        "phones ring while it plays"
    );
    caller.ear.hears(tone_of("az", "language-choice"), SOON);
    caller.ear.hears(HOLD, SOON);
    caller.ear.hears(tone_of("az", "stay-with-us"), SOON);
    operator.sipp.nudge();
    talk((&caller.ear, CALLER), (&operator.ear, OPERATOR));
    server.counts("talking", 1);
    caller.hangs_up();
    operator.is_hung_up_on();
    let calls = server.records(1);
    calls[0].ended("hung_up", "caller").with("101");
    assert_eq!(calls[0].text("dialled"), "116111");
    assert_eq!(calls[0].text("queue"), "children");
    assert_eq!(calls[0].text("language"), "az");
    assert!(calls[0].seconds("waited") > 3.0);
    // The phone shows who calls as the record names the caller.
    let pseudonym = calls[0].text("caller");
    assert!(pseudonym.starts_with("C-"));
    assert!(
        invite
            .header("From")
            .unwrap()
            .starts_with(&format!("\"{pseudonym}\""))
    );
    caller.ear.heard_one_stream();
    operator.ear.heard_one_stream();
    server.is_drained();
    server.tells_nobody(&["501234567"]);
}

/// A caller of the trunk is answered, heard both ways, and the operator hangs up.
fn answered_by(server: &Server, heard: impl FnOnce(), hang_up: impl FnOnce()) {
    let mut caller = Phone::caller(server, "0501234567", "0506802280", CALLER);
    caller.ear.hears(OPERATOR, SOON);
    heard();
    hang_up();
    caller.is_hung_up_on();
    let calls = server.records(1);
    calls[0].ended("hung_up", "operator").with("101");
    caller.ear.heard_one_stream();
    server.is_drained();
    server.tells_nobody(&["501234567"]);
}

#[test]
fn baresip_answers_a_caller_of_the_trunk() {
    let server = Setup::new().operator("101").start();
    let mut phone = baresip::Setup::new("101", OPERATOR).start(&server);
    phone.goes_on_shift(&server, "101");
    let seen = std::cell::RefCell::new(phone);
    answered_by(
        &server,
        || seen.borrow().heard(CALLER, SOON),
        || seen.borrow_mut().command("hangup", ""),
    );
    let phone = seen.into_inner();
    phone.tells("CALL_CLOSED", SOON);
    assert!(
        phone.process.said().contains("From: \"C-"),
        "a pseudonym is shown"
    );
    // Its trace has each byte that it received.
    assert!(!phone.process.said().contains("501234567"));
}

#[test]
fn linphone_answers_a_caller_of_the_trunk() {
    let server = Setup::new().operator("101").start();
    let mut phone = Linphone::start(&server, "101", "tcp", OPERATOR);
    phone.goes_on_shift(&server, "101");
    let seen = std::cell::RefCell::new(phone);
    answered_by(
        &server,
        || seen.borrow().heard(CALLER, SOON),
        || seen.borrow_mut().hangs_up(),
    );
    assert!(!seen.borrow().process.said().contains("501234567"));
}

#[test]
fn pjsua2_answers_a_caller_of_the_trunk() {
    let server = Setup::new().operator("101").start();
    let mut phone = pjsua::Setup::new("101", OPERATOR).over_tcp().start(&server);
    phone.goes_on_shift(&server, "101");
    let seen = std::cell::RefCell::new(phone);
    answered_by(
        &server,
        || seen.borrow().heard(CALLER, SOON),
        || seen.borrow_mut().process.tell("hangup"),
    );
    assert!(!seen.borrow().process.said().contains("501234567"));
}

#[test]
fn each_of_the_phones_calls_as_a_caller_would() {
    let server = Setup::new()
        .operator("101")
        .operator("201")
        .operator("202")
        .operator("203")
        .start();
    let mut baresip = baresip::Setup::new("201", CALLER).start(&server);
    let mut pjsua = pjsua::Setup::new("202", CALLER + 190).start(&server);
    let mut linphone = Linphone::start(&server, "203", "udp", CALLER - 100);
    baresip.is_registered();
    pjsua.is_registered();
    linphone.is_registered();
    let mut operator = baresip::Setup::new("101", OPERATOR).start(&server);
    operator.goes_on_shift(&server, "101");

    baresip.command("dial", &format!("sip:116111@{}", server.udp));
    baresip.heard(OPERATOR, SOON);
    operator.heard(CALLER, SOON);
    baresip.command("hangup", "");
    server.records(1)[0].ended("hung_up", "caller").with("101");

    server.operator_is("101", "free");
    pjsua.dials("0515802280");
    pjsua.heard(OPERATOR, SOON);
    operator.heard(CALLER + 190, SOON);
    operator.command("hangup", "");
    pjsua.process.says("call disconn", SOON);
    server.records(2)[1]
        .ended("hung_up", "operator")
        .with("101");

    server.operator_is("101", "free");
    linphone.dials(&server, "0518801180");
    linphone.heard(OPERATOR, SOON);
    operator.heard(CALLER - 100, SOON);
    linphone.hangs_up();
    let calls = server.records(3);
    calls[2].ended("hung_up", "caller").with("101");
    let dialled: Vec<&str> = calls.iter().map(|call| call.text("dialled")).collect();
    assert_eq!(dialled, ["116111", "+994515802280", "+994518801180"]);
    server.is_drained();
}

#[test]
fn every_form_of_the_five_numbers_is_understood_and_an_unknown_one_is_helped() {
    let server = Setup::new().start();
    let forms = [
        ("116111", "116111"),
        ("+994116111", "116111"),
        ("050%20680%2022%2080", "+994506802280"),
        ("994515802280", "+994515802280"),
        ("+994518801180", "+994518801180"),
        ("00994518802280", "+994518802280"),
        (
            "sip:0506802280@[remote_ip]:[remote_port];user=phone",
            "+994506802280",
        ),
        (
            "sip:0506802280;phone-context=+994@[remote_ip];user=phone",
            "+994506802280",
        ),
        ("tel:+994-51-580-22-80", "+994515802280"),
        ("tel:0518801180;phone-context=+994", "+994518801180"),
        ("0501112233", "+994501112233"),
    ];
    let ears: Vec<Ear> = forms.iter().map(|_| Ear::open(CALLER, ULAW)).collect();
    let mut callers: Vec<_> = forms
        .iter()
        .zip(&ears)
        .map(|((dialled, _), ear)| {
            Scenario::caller("0701234567", dialled, &audio(ear.port(), &[ULAW])).run(&server)
        })
        .collect();
    // Nobody is on shift: each hears the explanation and what to do, then the line is closed.
    for (caller, ear) in callers.iter_mut().zip(&ears) {
        caller.receives("BYE", SOON);
        caller.succeeds();
        for prompt in ["nobody-now", "in-danger-call-112", "please-call-again"] {
            assert!(!ear.never_heard(tone_of("az", prompt)), "{prompt}");
        }
        ear.heard_one_stream();
    }
    let mut dialled: Vec<String> = Vec::new();
    for call in server.records(forms.len()) {
        call.ended("completed", "server");
        dialled.push(call.text("dialled").to_owned());
    }
    let mut wanted: Vec<&str> = forms.iter().map(|(_, number)| *number).collect();
    wanted.sort_unstable();
    dialled.sort_unstable();
    assert_eq!(dialled, wanted);
    server.logs(&["unknown-number", "+994501112233"]);
    server.is_drained();
    server.tells_nobody(&["701234567"]);
}

#[test]
fn key_2_turns_the_call_to_russian() {
    let server = Setup::new().operator("101").start();
    let mut operator = Phone::operator(&server, "101", OPERATOR);
    let mut caller = Phone::caller(&server, "0501234567", "116111", CALLER);
    caller.ear.hears(tone_of("az", "greeting"), SOON);
    caller.ear.press(2);
    caller.ear.hears(tone_of("ru", "greeting"), SOON);
    caller.ear.hears(tone_of("ru", "language-choice"), SOON);
    caller.ear.hears(tone_of("ru", "stay-with-us"), SOON);
    operator.answers();
    talk((&caller.ear, CALLER), (&operator.ear, OPERATOR));
    operator.hangs_up();
    caller.is_hung_up_on();
    let calls = server.records(1);
    assert_eq!(calls[0].text("language"), "ru");
    server.is_drained();
}

#[test]
fn the_position_is_spoken_where_the_plan_says_so() {
    let server = Setup::new()
        .plan(
            "say_position = false",
            "say_position = true\nsay_position_every = \"4s\"",
        )
        .shipped_words()
        .operator("101")
        .start();
    let mut operator = Phone::operator(&server, "101", OPERATOR);
    let mut first = Phone::caller(&server, "0501234567", "116111", CALLER);
    operator.answers();
    talk((&first.ear, CALLER), (&operator.ear, OPERATOR));
    let mut second = Phone::caller(&server, "0551234567", "116111", CALLER);
    second.ear.hears(tone_of("az", "position-before"), SOON);
    second.ear.hears(tone_of("az", "ordinal-1"), SOON);
    second.hangs_up();
    first.hangs_up();
    operator.is_hung_up_on();
    let calls = server.records(2);
    calls[1].ended("abandoned", "caller");
    server.is_drained();
}

#[test]
fn the_shipped_prompts_are_voices() {
    let place = Setup::new().lay_out();
    let shipped = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("dialplans");
    for name in ["greeting", "nobody-now"] {
        let file = format!("prompts/az/{name}.wav");
        std::fs::copy(
            shipped.join(&file),
            place.path().join("dialplans").join(&file),
        )
        .unwrap();
    }
    let server = place.start();
    let mut caller = Phone::caller(&server, "0501234567", "116111", CALLER);
    caller.is_hung_up_on();
    let heard = caller.ear.samples();
    assert!(
        crate::tone::loudness(&heard[..8_000]) > 300.0,
        "the first second is silent"
    );
    server.is_drained();
}
