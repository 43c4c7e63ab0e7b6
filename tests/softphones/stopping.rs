//! The server dies, and is stopped.

use std::collections::BTreeSet;
use std::net::UdpSocket;
use std::time::Duration;

use crate::ear::{Ear, ULAW};
use crate::moment::{eventually, throughout};
use crate::server::{HOLD, SOON, Setup, tone_of};
use crate::sipp::{Phone, Scenario, audio, register, talk};

#[test]
fn after_a_crash_every_leg_gets_bye_and_no_record_is_lost() {
    let server = Setup::new().operator("101").start();
    let mut operator = Phone::operator(&server, "101", 480);
    let mut talking = Phone::caller(&server, "0501234567", "116111", 350);
    operator.answers();
    talk((&talking.ear, 350), (&operator.ear, 480));
    let mut waiting = Phone::caller(&server, "0551234567", "0506802280", 300);
    waiting.ear.hears(HOLD, SOON);
    let server = server.crash_and_start();
    operator.is_hung_up_on();
    talking.is_hung_up_on();
    waiting.is_hung_up_on();
    let calls = server.records(2);
    calls[0].ended("interrupted", "server").with("101");
    calls[1].ended("interrupted", "server").with("");
    assert_eq!(calls[1].text("dialled"), "+994506802280");
    server.is_drained();
    // Who was on shift before still is, and is rung.
    let port = operator.sipp.port();
    register(&server, "101", port);
    server.operator_is("101", "free");
    let ear = Ear::open(480, ULAW);
    let mut again = Scenario::operator(port, &audio(ear.port(), &[ULAW])).run(&server);
    let mut caller = Phone::caller(&server, "0501234567", "116111", 350);
    again.receives("INVITE", SOON);
    again.nudge();
    talk((&caller.ear, 350), (&ear, 480));
    caller.hangs_up();
    again.succeeds();
    let calls = server.records(3);
    assert_eq!(
        calls[2].text("caller"),
        calls[0].text("caller"),
        "the pseudonym stays"
    );
    server.is_drained();
    server.tells_nobody(&["501234567", "551234567"]);
}

#[test]
fn who_may_not_have_heard_the_last_bye_before_a_crash_gets_another_after_it() {
    let server = Setup::new().operator("101").start();
    let mut operator = Phone::operator(&server, "101", 480);
    let mut caller = Phone::caller(&server, "0501234567", "116111", 350);
    operator.answers();
    talk((&caller.ear, 350), (&operator.ear, 480));
    caller.hangs_up();
    operator.is_hung_up_on();
    server.records(1)[0].ended("hung_up", "caller").with("101");
    // A phone that lost the BYE would still be there.
    let phone = UdpSocket::bind(("127.0.0.1", operator.sipp.port())).unwrap();
    phone.set_read_timeout(Some(SOON)).unwrap();
    let server = server.crash_and_start();
    let mut bytes = [0; 2_000];
    // It is also asked whether it is there at all.
    let text = loop {
        let count = phone.recv(&mut bytes).expect("a BYE");
        let text = String::from_utf8_lossy(&bytes[..count]).into_owned();
        if !text.starts_with("OPTIONS ") {
            break text;
        }
    };
    assert!(text.starts_with("BYE sip:"), "{text}");
    let calls = server.records(1);
    calls[0].ended("hung_up", "caller");
}

#[test]
fn after_a_crash_a_phone_that_rang_stops() {
    let server = Setup::new().operator("101").start();
    let mut operator = Phone::operator(&server, "101", 480);
    let mut caller = Phone::caller(&server, "0501234567", "116111", 350);
    operator.rings();
    caller.ear.hears(tone_of("az", "greeting"), SOON);
    let server = server.crash_and_start();
    caller.is_hung_up_on();
    // It answers into nothing, and is let go at once.
    operator.sipp.nudge();
    operator.is_hung_up_on();
    server.records(1)[0].ended("interrupted", "server");
    server.is_drained();
}

#[test]
fn sigterm_lets_calls_end_and_takes_no_new_ones() {
    let mut server = Setup::new().operator("101").start();
    let mut operator = Phone::operator(&server, "101", 480);
    let mut caller = Phone::caller(&server, "0501234567", "116111", 350);
    operator.answers();
    talk((&caller.ear, 350), (&operator.ear, 480));
    server.process.signal("TERM");
    server.logs(&["no new calls"]);
    let late = Scenario::caller_of(
        &["refused.xml"],
        "0551234567",
        "116111",
        &audio(40_000, &[ULAW]),
    );
    let mut late = late.with("STATUS", "503").run(&server);
    late.succeeds();
    assert!(
        late.received("SIP/2.0 503")[0]
            .header("Retry-After")
            .is_some()
    );
    let still = || caller.ear.is_hearing(480) && operator.ear.is_hearing(350);
    assert!(
        throughout(Duration::from_secs(1), still),
        "the call goes on"
    );
    assert!(server.process.runs());
    caller.hangs_up();
    operator.is_hung_up_on();
    assert!(server.process.ends(SOON).success());
    server.records(1)[0].ended("hung_up", "caller").with("101");
}

#[test]
fn a_second_sigterm_ends_calls() {
    let mut server = Setup::new().operator("101").start();
    let mut operator = Phone::operator(&server, "101", 480);
    let mut talking = Phone::caller(&server, "0501234567", "116111", 350);
    operator.answers();
    talk((&talking.ear, 350), (&operator.ear, 480));
    let mut waiting = Phone::caller(&server, "0551234567", "116111", 300);
    waiting.ear.hears(HOLD, SOON);
    server.process.signal("TERM");
    server.logs(&["no new calls"]);
    server.process.signal("TERM");
    talking.is_hung_up_on();
    waiting.is_hung_up_on();
    operator.is_hung_up_on();
    assert!(server.process.ends(SOON).success());
    for call in server.records(2) {
        call.ended("shut_down", "server");
    }
}

#[test]
fn an_idle_server_stops_at_once() {
    let mut server = Setup::new().start();
    server.process.signal("TERM");
    assert!(server.process.ends(SOON).success());
    let (well, told) = server.run(&["status"]);
    assert!(!well && told.contains("no server runs"), "{told}");
}

#[test]
fn killed_again_and_again_under_load_it_has_each_answered_call_once() {
    const KILLS: usize = 15;
    let mut server = Setup::new().start();
    let sdp = audio(6_000, &[ULAW]);
    let load = Scenario::caller_of(&["load.xml"], "0501234567", "116111", &sdp);
    let mut callers = load.times(600).at_once(12).run(&server);
    let answered = |callers: &crate::sipp::Sipp| -> BTreeSet<String> {
        let all = callers.received("SIP/2.0 200").into_iter();
        let invites = all.filter(|wire| wire.header("CSeq") == Some("1 INVITE"));
        invites
            .filter_map(|wire| wire.header("Call-ID").map(str::to_owned))
            .collect()
    };
    for kill in 0..KILLS {
        // At another point of some call each time.
        let wanted = answered(&callers).len() + 3 + kill * 7 % 20;
        eventually("more answered calls", SOON, || {
            (answered(&callers).len() >= wanted).then_some(())
        });
        server = server.crash_and_start();
    }
    callers.is_over();
    server.is_drained();
    let (well, text) = server.run(&["calls", "--json", "--limit", "5000"]);
    assert!(well, "{text}");
    let records: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    let on_record = records.iter().filter(|one| one["answered"].is_string());
    let (on_record, heard) = (on_record.count(), answered(&callers).len());
    // An answer may be on record that a kill kept from the wire; never the other way round.
    assert!(
        on_record >= heard,
        "{heard} heard an answer, {on_record} are on record"
    );
    assert!(on_record <= heard + KILLS * 12, "{heard}, {on_record}");
    assert!(records.iter().all(|one| one["ended"].is_string()), "{text}");
    server.tells_nobody(&["501234567"]);
}
