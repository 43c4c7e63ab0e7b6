//! Carriers' lines in virtual time: what they bring, registration, and whether they live.

#![allow(clippy::unwrap_used, reason = "a test that fails says so")]

mod desk;

use std::time::Duration;

use desk::{Desk, from, settings};
use qaynar::event::{Turned, What};
use qaynar::private::Private;
use qaynar::rtp::codec::Codec;
use qaynar::sip::flow::Flow;
use qaynar::sip::locate::{Address, Answer, Question};
use qaynar::sip::message::{Message, Name, Request, Response};
use qaynar::sip::uri::Uri;
use qaynar::switch::settings::{Credentials, DidFrom, Limits, Trunk};
use qaynar::switch::{Command, Input, Registered};

const CARRIER: &str = "198.51.100.7:5060";
const SECOND: &str = "198.51.100.8:5060";
const STRANGER: &str = "203.0.113.66:5060";

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// A trunk that brings calls from the carrier's network.
fn inbound() -> Trunk {
    Trunk {
        sources: vec!["198.51.100.0/29".parse().unwrap()],
        ..Trunk::named("azercell")
    }
}

/// A trunk that registers, and has no sources.
fn registering() -> Trunk {
    Trunk {
        peer: Some(Uri::parse("sip:198.51.100.7").unwrap()),
        credentials: Some(Credentials {
            user: "helpline".into(),
            password: Private::new("secret".into()),
        }),
        register: Some(seconds(600)),
        ..Trunk::named("azercell")
    }
}

fn desk(trunks: Vec<Trunk>) -> Desk {
    let mut desk = Desk::new(qaynar::switch::Settings {
        trunks,
        ..settings()
    });
    desk.wait(Duration::ZERO);
    desk
}

/// An INVITE with these lines besides what each must have.
fn invite(number: u32, user: &str, caller: &str, lines: &[&str], formats: &str) -> Vec<u8> {
    let body = format!(
        "v=0\r\no=- 1 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\nm=audio 40000 RTP/AVP {formats}\r\n"
    );
    let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    format!(
        "INVITE sip:{user}@qaynar SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.7;rport;branch=z9hG4bKi{number}\r\n\
         From: {caller};tag=c{number}\r\nTo: <sip:116111@qaynar>\r\nCall-ID: call{number}\r\n\
         CSeq: 1 INVITE\r\nMax-Forwards: 70\r\nContact: <sip:c@198.51.100.7>\r\n{lines}\
         Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

const CALLER: &str = "<sip:0501234567@carrier.az>";

fn statuses(responses: &[Response]) -> Vec<u16> {
    responses.iter().map(|one| one.status).collect()
}

/// The pseudonym and the dialled number of the last call.
fn arrived(desk: &Desk) -> (Option<String>, String, String) {
    let of = |what: &What| match what {
        What::Arrived {
            caller,
            dialled,
            trunk,
            ..
        } => Some((
            caller.as_ref().map(|one| one.as_str().to_owned()),
            dialled.clone(),
            trunk.as_str().to_owned(),
        )),
        _ => None,
    };
    desk.events
        .iter()
        .rev()
        .find_map(|event| of(&event.what))
        .unwrap()
}

/// Requests with this method that went out and were not picked up, with their ways.
fn sent(desk: &mut Desk, method: &str) -> Vec<(Flow, Request)> {
    let all = std::mem::take(&mut desk.sent);
    let request = |(flow, message)| match message {
        Message::Request(request) => Some((flow, request)),
        Message::Response(_) => None,
    };
    let all = all.into_iter().filter_map(request);
    all.filter(|(_, one)| one.method.as_str() == method)
        .collect()
}

/// The carrier answers a request of ours.
fn answer(desk: &mut Desk, way: Flow, request: &Request, status: u16, lines: &[(&str, &str)]) {
    let mut response = Response::to(request, status).with_tag("theirs");
    for (name, value) in lines {
        response = response.with(Name::from(*name), *value);
    }
    desk.datagram(way, &response.to_bytes());
}

#[test]
fn the_dialled_number_comes_from_where_the_trunk_writes_it() {
    for (did_from, line) in [
        (DidFrom::To, "X-None: 1"),
        (
            DidFrom::PCalledPartyId,
            "P-Called-Party-ID: <sip:116111@c.az>",
        ),
        (
            DidFrom::Diversion,
            "Diversion: <tel:+994116111>;reason=unconditional",
        ),
        (
            DidFrom::HistoryInfo,
            "History-Info: <sip:116111@c.az>;index=1, <sip:line@q>;index=1.1",
        ),
    ] {
        let mut desk = desk(vec![Trunk {
            did_from,
            ..inbound()
        }]);
        let answers = desk.ask(from(CARRIER), &invite(1, "line-77", CALLER, &[line], "8"));
        assert_eq!(statuses(&answers).last(), Some(&200), "{did_from:?}");
        assert_eq!(arrived(&desk).1, "116111", "{did_from:?}");
        assert!(
            !desk.alarms().contains(&"unknown-number".into()),
            "{did_from:?}"
        );
    }
}

#[test]
fn who_calls_is_asserted_by_the_trunk_and_hidden_wins() {
    let mut number = 0;
    let mut who = |caller: &str, lines: &[&str]| {
        number += 1;
        let mut desk = desk(vec![inbound()]);
        desk.ask(from(CARRIER), &invite(number, "116111", caller, lines, "8"));
        arrived(&desk).0
    };
    let known = who(CALLER, &[]).unwrap();
    let asserted = "P-Asserted-Identity: \"A\" <sip:+994501234567@c.az;user=phone>";
    let anonymous = "\"Anonymous\" <sip:anonymous@Anonymous.Invalid>";
    // All forms of one number are one caller (DOMAIN: numbers).
    for (from, line) in [
        ("<sip:00994501234567@c.az;user=phone>", "X-None: 1"),
        ("<tel:0501234567;phone-context=+994>", "X-None: 1"),
        ("<sip:100@c.az>", asserted),
        (
            "<sip:100@c.az>",
            "P-Asserted-Identity: <urn:x:y>, <tel:+994501234567>",
        ),
    ] {
        assert_eq!(who(from, &[line]).as_ref(), Some(&known), "{from} {line}");
    }
    assert_eq!(who(CALLER, &[asserted, "Privacy: id;critical"]), None);
    assert_eq!(who(anonymous, &[asserted]), None);
    for nobody in ["anonymous", "unavailable", "Restricted", "unknown"] {
        assert_eq!(who(&format!("<sip:{nobody}@c.az>"), &[]), None, "{nobody}");
    }
}

#[test]
fn beyond_its_channels_a_trunk_gets_its_code_and_no_retry_after() {
    let limits = Limits {
        max_calls: Some(3),
        busy_code: 503,
        ..Limits::default()
    };
    let mut desk = desk(vec![Trunk {
        limits,
        ..inbound()
    }]);
    // One of three is left to a call for help.
    for number in 1..=2 {
        let answers = desk.ask(from(CARRIER), &invite(number, "116111", CALLER, &[], "8"));
        assert_eq!(statuses(&answers).last(), Some(&200));
    }
    let refused = desk.ask(from(CARRIER), &invite(3, "116111", CALLER, &[], "8"));
    assert_eq!(statuses(&refused).last(), Some(&503));
    assert!(!refused.last().unwrap().headers.has(Name::RetryAfter));
    assert!(desk.alarms().contains(&"trunk-full".into()));
    assert_eq!(desk.switch.trunks(desk.now)[0].calls, 2);
}

#[test]
fn more_calls_a_second_than_agreed_are_refused_and_the_next_second_is_new() {
    let limits = Limits {
        calls_per_second: Some(2),
        ..Limits::default()
    };
    let mut desk = desk(vec![Trunk {
        limits,
        ..inbound()
    }]);
    let call = |desk: &mut Desk, number| {
        let answers = desk.ask(from(CARRIER), &invite(number, "116111", CALLER, &[], "8"));
        statuses(&answers).last().copied().unwrap()
    };
    let burst: Vec<u16> = (1..=3).map(|number| call(&mut desk, number)).collect();
    assert_eq!(burst, [200, 200, 486]);
    desk.wait(seconds(1));
    assert_eq!(call(&mut desk, 4), 200);
}

#[test]
fn the_trunks_codec_order_holds_in_our_answers() {
    let mut desk = desk(vec![Trunk {
        codecs: vec![Codec::Pcmu, Codec::Pcma],
        ..inbound()
    }]);
    let answers = desk.ask(from(CARRIER), &invite(1, "116111", CALLER, &[], "8 0"));
    let body = String::from_utf8(answers.last().unwrap().body.clone()).unwrap();
    assert!(body.contains("RTP/AVP 0 8"), "{body}");
    let mut only = self::desk(vec![Trunk {
        codecs: vec![Codec::Pcmu],
        ..inbound()
    }]);
    let answers = only.ask(from(CARRIER), &invite(1, "116111", CALLER, &[], "8"));
    assert_eq!(statuses(&answers).last(), Some(&488));
}

#[test]
fn a_trunk_registers_with_proof_and_refreshes_between_half_and_nine_tenths() {
    let mut desk = desk(vec![registering()]);
    let (way, first) = sent(&mut desk, "REGISTER").pop().unwrap();
    assert_eq!(way.remote.to_string(), CARRIER);
    assert_eq!(first.uri.to_string(), "sip:198.51.100.7");
    assert!(
        first
            .headers
            .text(Name::To)
            .unwrap()
            .contains("sip:helpline@198.51.100.7")
    );
    let challenge = "Digest realm=\"c.az\", nonce=\"abc\", algorithm=SHA-256, qop=\"auth\"";
    answer(
        &mut desk,
        way,
        &first,
        401,
        &[("WWW-Authenticate", challenge)],
    );
    let (way, second) = sent(&mut desk, "REGISTER").pop().unwrap();
    let proof = second
        .headers
        .text(Name::Authorization)
        .unwrap()
        .into_owned();
    assert!(proof.contains("algorithm=SHA-256") && proof.contains("username=\"helpline\""));
    // §10.2.8 and §10.2.4: longer where it wants, one Call-ID, rising numbers.
    answer(&mut desk, way, &second, 423, &[("Min-Expires", "1000")]);
    let (way, third) = sent(&mut desk, "REGISTER").pop().unwrap();
    assert_eq!(third.headers.expires(), Some(seconds(1_000)));
    assert_eq!(third.headers.call_id(), first.headers.call_id());
    assert!(third.headers.cseq().unwrap().number > second.headers.cseq().unwrap().number);
    let contact = third.headers.text(Name::Contact).unwrap().into_owned();
    let bare = contact.split('>').next().unwrap();
    let granted = format!("{bare}>;expires=100");
    answer(&mut desk, way, &third, 200, &[("Contact", &granted)]);
    assert_eq!(desk.switch.trunks(desk.now)[0].registered, Registered::Yes);
    desk.wait(seconds(49));
    assert!(sent(&mut desk, "REGISTER").is_empty(), "too early");
    desk.wait(seconds(42));
    let (_, refresh) = sent(&mut desk, "REGISTER").pop().unwrap();
    assert_eq!(refresh.headers.call_id(), first.headers.call_id());
}

/// Answers the first REGISTER with these lines; returns the user of our Contact.
fn register(desk: &mut Desk, lines: &[(&str, &str)]) -> String {
    let (way, request) = sent(desk, "REGISTER").pop().unwrap();
    let contact = request.headers.text(Name::Contact).unwrap().into_owned();
    let mut all = vec![("Contact", contact.as_str())];
    all.extend(lines);
    answer(desk, way, &request, 200, &all);
    let user = contact.split(['<', ':', '@']).nth(2);
    user.unwrap().to_owned()
}

#[test]
fn calls_to_the_registered_contact_are_that_trunks_and_others_are_not() {
    let mut desk = desk(vec![Trunk {
        did_from: DidFrom::To,
        ..registering()
    }]);
    let user = register(&mut desk, &[]);
    // Even from a server of the carrier that no name leads to.
    let answers = desk.ask(from(SECOND), &invite(1, &user, CALLER, &[], "8"));
    assert_eq!(statuses(&answers).last(), Some(&200));
    let (_, dialled, trunk) = arrived(&desk);
    assert_eq!((dialled.as_str(), trunk.as_str()), ("116111", "azercell"));
    // The registrar's own address is the trunk's too; whoever guesses is a stranger.
    let answers = desk.ask(from(CARRIER), &invite(2, "116111", CALLER, &[], "8"));
    assert_eq!(statuses(&answers).last(), Some(&200));
    let answers = desk.ask(from(STRANGER), &invite(3, "line-0000", CALLER, &[], "8"));
    assert_eq!(statuses(&answers), [407]);
}

#[test]
fn a_failed_registration_is_told_once_and_tried_again_ever_more_rarely() {
    let mut desk = desk(vec![registering()]);
    let mut gaps = Vec::new();
    for _ in 0..5 {
        let (way, request) = sent(&mut desk, "REGISTER").pop().unwrap();
        answer(&mut desk, way, &request, 403, &[]);
        let failed = desk.now.at;
        while sent(&mut desk, "REGISTER")
            .pop()
            .map(|one| desk.sent.push((one.0, Message::Request(one.1))))
            .is_none()
        {
            desk.wait(seconds(1));
        }
        gaps.push(desk.now.at.since(failed).as_secs());
    }
    assert_eq!(desk.alarms(), ["trunk-unregistered"]);
    // RFC 5626 §4.5: 30 s · 2^failures, of which between half and all.
    for (at, gap) in gaps.iter().enumerate() {
        let whole = 30 << (at + 1);
        assert!((whole / 2..=whole + 1).contains(gap), "{gaps:?}");
    }
    let state = &desk.switch.trunks(desk.now)[0];
    assert!(state.fault.as_ref().unwrap().contains("user and password"));
    register(&mut desk, &[]);
    assert_eq!(desk.alarms(), ["trunk-unregistered", "trunk-registered"]);
}

#[test]
fn at_the_end_of_a_drain_the_carrier_is_told_that_we_leave() {
    let mut desk = desk(vec![registering()]);
    register(&mut desk, &[]);
    desk.input(Input::Command(Command::Drain));
    let (_, last) = sent(&mut desk, "REGISTER").pop().unwrap();
    assert!(
        last.headers
            .text(Name::Contact)
            .unwrap()
            .ends_with(";expires=0")
    );
    desk.wait(seconds(3_600));
    let later = sent(&mut desk, "REGISTER");
    assert!(
        later
            .iter()
            .all(|(_, one)| one.headers.cseq() == last.headers.cseq()),
        "repetitions alone"
    );
}

#[test]
fn service_routes_are_the_way_of_later_requests() {
    let mut desk = desk(vec![Trunk {
        qualify_every: Some(seconds(30)),
        ..registering()
    }]);
    register(
        &mut desk,
        &[(
            "Service-Route",
            "<sip:orig@198.51.100.9;lr>, <sip:core.az;lr>",
        )],
    );
    desk.wait(seconds(31));
    let (_, options) = sent(&mut desk, "OPTIONS").pop().unwrap();
    let routes: Vec<_> = options
        .headers
        .all(Name::Route)
        .map(|one| one.into_owned())
        .collect();
    assert_eq!(routes, ["<sip:orig@198.51.100.9;lr>", "<sip:core.az;lr>"]);
}

/// The next OPTIONS that is no repetition.
fn next_round(desk: &mut Desk, seen: &mut Vec<String>) -> (Flow, Request) {
    loop {
        for (way, request) in sent(desk, "OPTIONS") {
            let call_id = request.headers.call_id().unwrap().to_owned();
            if !seen.contains(&call_id) {
                seen.push(call_id);
                return (way, request);
            }
        }
        desk.wait(seconds(1));
    }
}

#[test]
fn three_silences_are_down_two_answers_up_and_a_503_is_alive() {
    let mut desk = desk(vec![Trunk {
        peer: Some(Uri::parse("sip:198.51.100.7").unwrap()),
        qualify_every: Some(seconds(30)),
        ..inbound()
    }]);
    let alive = |desk: &Desk| desk.switch.trunks(desk.now)[0].alive;
    // Silence for two rounds and an answer: no word of it.
    desk.wait(seconds(59));
    let mut asked = sent(&mut desk, "OPTIONS");
    let (way, request) = asked.pop().unwrap();
    answer(&mut desk, way, &request, 503, &[("Retry-After", "30")]);
    assert_eq!((alive(&desk), desk.alarms().len()), (Some(true), 0));
    desk.wait(seconds(100));
    assert_eq!(
        (alive(&desk), desk.alarms()),
        (Some(false), vec!["trunk-down".to_owned()])
    );
    let mut seen: Vec<String> = Vec::new();
    for (_, old) in sent(&mut desk, "OPTIONS") {
        seen.push(old.headers.call_id().unwrap().to_owned());
    }
    for wanted in [false, true] {
        let (way, request) = next_round(&mut desk, &mut seen);
        answer(&mut desk, way, &request, 404, &[]);
        assert_eq!(alive(&desk), Some(wanted));
    }
    assert_eq!(desk.alarms(), ["trunk-down", "trunk-up"]);
}

#[test]
fn refused_callers_are_counted_the_first_at_once_and_the_rest_of_a_minute_together() {
    let limits = Limits {
        max_calls: Some(2),
        ..Limits::default()
    };
    let mut desk = desk(vec![Trunk {
        limits,
        ..inbound()
    }]);
    let told = |desk: &Desk| -> Vec<u32> {
        let count = |event: &qaynar::event::Event| match &event.what {
            What::TurnedAway { trunk, why, count } => {
                assert_eq!((trunk.as_str(), *why), ("azercell", Turned::TrunkFull));
                Some(*count)
            }
            _ => None,
        };
        desk.events.iter().filter_map(count).collect()
    };
    for number in 1..=300 {
        desk.ask(from(CARRIER), &invite(number, "116111", CALLER, &[], "8"));
    }
    assert_eq!(told(&desk), [1]);
    assert_eq!(desk.switch.counts().refused, 299);
    desk.wait(seconds(61));
    assert_eq!(told(&desk), [1, 298]);
    // A quiet minute says nothing, and the next one is told at once again.
    desk.wait(seconds(120));
    let counts = desk.switch.counts();
    for number in 301..=302 {
        desk.ask(from(CARRIER), &invite(number, "116111", CALLER, &[], "8"));
    }
    let new = (desk.switch.counts().refused - counts.refused) as usize;
    assert_eq!(told(&desk).len(), 2 + new.min(1));
    // What is not told yet is told when the process ends.
    desk.ask(from(CARRIER), &invite(303, "116111", CALLER, &[], "8"));
    desk.input(Input::Command(Command::ShutDown));
    let all: u32 = told(&desk).iter().sum();
    assert_eq!(u64::from(all), desk.switch.counts().refused);
}

#[test]
fn a_carriers_server_of_a_family_that_we_do_not_listen_in_is_none() {
    let mut desk = desk(vec![Trunk {
        peer: Some(Uri::parse("sip:sip.example.net:5060").unwrap()),
        ..registering()
    }]);
    let (question, ask) = desk.questions.remove(0);
    assert_eq!(ask, Question::Host("sip.example.net".into()));
    let address = |remote: &str| Address {
        remote: remote.parse().unwrap(),
        local: None,
    };
    let answer = Answer::Addresses(vec![address("2001:db8::7"), address("198.51.100.7")]);
    desk.input(Input::Resolved { question, answer });
    let (way, _) = sent(&mut desk, "REGISTER").pop().unwrap();
    assert_eq!(way.remote.to_string(), CARRIER);
    assert_eq!(desk.alarms(), Vec::<String>::new());
}
