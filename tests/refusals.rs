//! Each refusal that the exchange may send, provoked once in virtual time, with the headers that let
//! the peer do better: RFC 3261 §20–§22, RFC 3262, RFC 4028.
//!
//! 486 is missing by intent: the exchange has always room to wait in, and is never busy itself. What
//! a phone's 486 leads to is the last test here.

#![allow(clippy::unwrap_used, reason = "a test that fails says so")]

mod desk;

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use desk::{Desk, PASSWORD, from, settings};
use qaynar::sip::digest::Challenge;
use qaynar::sip::flow::Flow;
use qaynar::sip::message::{Method, Name, Request, Response};
use qaynar::switch::{Command, Input};

const SDP: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8\r\n";

/// A request with what each must have; `more` holds further lines, and replaces those of its name.
fn request(method: &str, number: u32, more: &[&str], body: &str) -> String {
    let name = |line: &str| line.split(':').next().unwrap_or_default().to_owned();
    let defaults = [
        "Via: SIP/2.0/UDP 127.0.0.1:5080;branch=z9hG4bKBRANCH",
        "Max-Forwards: 70",
        "From: <sip:nigar@samaxi.test>;tag=f1",
        "To: <sip:116111@qaynar>",
        "Call-ID: c1",
        "CSeq: NUMBER METHOD",
        "Contact: <sip:nigar@127.0.0.1:5080>",
    ];
    static BRANCH: AtomicU32 = AtomicU32::new(0);
    let branch = BRANCH.fetch_add(1, Ordering::Relaxed).to_string();
    let mut text = format!("{method} sip:116111@qaynar SIP/2.0\r\n");
    for line in defaults {
        if !more.iter().any(|other| name(other) == name(line)) {
            let line = line
                .replace("NUMBER", &number.to_string())
                .replace("BRANCH", &branch);
            text.push_str(&format!("{}\r\n", line.replace("METHOD", method)));
        }
    }
    for line in more {
        text.push_str(&format!("{line}\r\n"));
    }
    if !body.is_empty() && !more.iter().any(|line| name(line) == "Content-Type") {
        text.push_str("Content-Type: application/sdp\r\n");
    }
    format!("{text}Content-Length: {}\r\n\r\n{body}", body.len())
}

fn trunk() -> Flow {
    from("127.0.0.1:5080")
}

/// Neither a trunk nor loopback.
fn stranger() -> Flow {
    from("198.51.100.9:5080")
}

/// The last response, which must be the only one besides provisional ones.
fn answer(desk: &mut Desk, flow: Flow, text: &str) -> Response {
    let mut all = desk.ask(flow, text.as_bytes());
    all.retain(|one| one.status >= 200);
    assert_eq!(all.len(), 1, "{text}\n{all:?}");
    all.pop().unwrap()
}

fn header(response: &Response, name: Name) -> String {
    let missing = || panic!("{} without {name}", response.status);
    response
        .headers
        .text(name.clone())
        .unwrap_or_else(missing)
        .into_owned()
}

/// Answers a challenge: the same request with the proof.
fn proven(
    desk: &mut Desk,
    flow: Flow,
    method: &str,
    number: u32,
    more: &[&str],
    body: &str,
) -> Response {
    desk.wait(Duration::from_millis(1)); // A nonce of its own.
    let first = answer(desk, flow, &request(method, number, more, body));
    let (asks, answers) = match first.status {
        401 => (Name::WwwAuthenticate, "Authorization"),
        407 => (Name::ProxyAuthenticate, "Proxy-Authorization"),
        other => panic!("{other} instead of a challenge"),
    };
    let challenge = Challenge::best(first.headers.fields(&asks).map(String::from_utf8_lossy));
    let uri = "sip:116111@qaynar";
    let proof = challenge
        .unwrap()
        .answer("101", PASSWORD, method, uri, "own");
    let line = format!("{answers}: {proof}");
    let more = [more, &[line.as_str()]].concat();
    answer(desk, flow, &request(method, number + 1, &more, body))
}

/// A call that is up; gives the To tag of our end.
fn call(desk: &mut Desk, more: &[&str]) -> String {
    let taken = answer(desk, trunk(), &request("INVITE", 1, more, SDP));
    assert_eq!(taken.status, 200);
    let tag = taken.headers.to().unwrap().tag().unwrap().to_owned();
    let to = format!("To: <sip:116111@qaynar>;tag={tag}");
    let ack = request("ACK", 1, &[&to], "");
    assert!(desk.ask(trunk(), ack.as_bytes()).is_empty());
    to
}

/// What is refused at once: what is sent, from where, the status, and the header with a piece of it.
type Row<'a> = (
    u16,
    &'a str,
    &'a [&'a str],
    &'a str,
    Option<(Name, &'a str)>,
);

const VIDEO: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=video 40000 RTP/AVP 31\r\n";
const ADDRESS: [&str; 2] = ["To: <sip:101@qaynar>", "From: <sip:101@qaynar>;tag=f1"];

const AT_ONCE: &[Row<'static>] = &[
    (400, "OPTIONS", &["CSeq: 1 INVITE"], "", None),
    (400, "INVITE", &[], "not an SDP", None),
    (
        401,
        "REGISTER",
        &ADDRESS,
        "",
        Some((Name::WwwAuthenticate, "realm=\"qaynar\"")),
    ),
    (405, "MESSAGE", &[], "", Some((Name::Allow, "INVITE"))),
    (
        489,
        "SUBSCRIBE",
        &["Event: presence"],
        "",
        Some((Name::AllowEvents, "message-summary")),
    ),
    (406, "INVITE", &["Accept: text/poem"], SDP, None),
    (
        415,
        "INVITE",
        &["Content-Type: text/poem"],
        "a",
        Some((Name::Accept, "application/sdp")),
    ),
    (
        415,
        "INVITE",
        &["Content-Encoding: gzip"],
        SDP,
        Some((Name::AcceptEncoding, "identity")),
    ),
    (
        420,
        "INVITE",
        &["Require: telepathy"],
        SDP,
        Some((Name::Unsupported, "telepathy")),
    ),
    (
        422,
        "INVITE",
        &["Supported: timer", "Session-Expires: 30"],
        SDP,
        Some((Name::MinSe, "")),
    ),
    (481, "BYE", &["To: <sip:116111@qaynar>;tag=gone"], "", None),
    (481, "CANCEL", &[], "", None),
    (481, "PRACK", &["RAck: 1 1 INVITE"], "", None),
    (483, "INVITE", &["Max-Forwards: 0"], SDP, None),
    (488, "INVITE", &[], VIDEO, None),
    (501, "DANCE", &[], "", Some((Name::Allow, "INVITE"))),
];

#[test]
fn what_is_refused_at_once_says_what_would_be_taken() {
    for (status, method, more, body, wanted) in AT_ONCE {
        let mut desk = Desk::new(settings());
        let refusal = answer(&mut desk, trunk(), &request(method, 1, more, body));
        assert_eq!(refusal.status, *status, "{method} {more:?}");
        if let Some((name, piece)) = wanted {
            let value = header(&refusal, name.clone());
            assert!(value.contains(piece), "{status}: {name}: {value}");
        }
        assert!(
            refusal.headers.to().unwrap().tag().is_some(),
            "{status} without a To tag"
        );
        desk.wait(Duration::from_secs(40));
        assert_eq!(
            desk.switch.counts().legs + desk.switch.counts().calls,
            0,
            "{status}"
        );
        assert_eq!(
            desk.switch.violations(desk.now),
            Vec::<String>::new(),
            "{status}"
        );
    }
}

#[test]
fn the_line_itself_may_be_at_fault() {
    for (status, from, to) in [
        (416, "sip:116111@qaynar", "pigeon:loft"),
        (505, "SIP/2.0\r\nVia", "SIP/3.0\r\nVia"),
        (400, "sip:116111@qaynar", "sip:"),
    ] {
        let mut desk = Desk::new(settings());
        let text = request("OPTIONS", 1, &[], "").replacen(from, to, 1);
        assert_eq!(answer(&mut desk, trunk(), &text).status, status);
    }
}

#[test]
fn strangers_are_asked_who_they_are_and_operators_reach_what_is_there() {
    let mut desk = Desk::new(settings());
    let invite = request("INVITE", 1, &[], SDP);
    let asked = answer(&mut desk, stranger(), &invite);
    assert_eq!(asked.status, 407);
    for piece in ["Digest", "realm=\"qaynar\"", "nonce=", "qop=\"auth\""] {
        assert!(header(&asked, Name::ProxyAuthenticate).contains(piece));
    }
    // 116111 is in the plan; no other number is for operators' phones.
    let to = ["Call-ID: c2", "To: <sip:999@qaynar>"];
    let text = request("INVITE", 1, &to, SDP).replacen("sip:116111@qaynar", "sip:999@qaynar", 1);
    let asked = answer(&mut desk, stranger(), &text);
    let challenge = asked
        .headers
        .fields(&Name::ProxyAuthenticate)
        .map(String::from_utf8_lossy);
    let proof = Challenge::best(challenge).unwrap();
    let proof = proof.answer("101", PASSWORD, "INVITE", "sip:999@qaynar", "own");
    let proof = format!("Proxy-Authorization: {proof}");
    let more = [to[0], to[1], proof.as_str()];
    let text = request("INVITE", 2, &more, SDP).replacen("sip:116111@qaynar", "sip:999@qaynar", 1);
    assert_eq!(answer(&mut desk, stranger(), &text).status, 404);
}

#[test]
fn a_register_is_refused_with_the_bounds_that_it_missed() {
    let mut desk = Desk::new(settings());
    let lines = |more: &[&'static str]| [&ADDRESS[..], more].concat();
    let brief = proven(
        &mut desk,
        stranger(),
        "REGISTER",
        1,
        &lines(&["Expires: 10"]),
        "",
    );
    assert_eq!(
        (brief.status, header(&brief, Name::MinExpires).as_str()),
        (423, "60")
    );
    let all = lines(&["Contact: *", "Expires: 60"]);
    assert_eq!(
        proven(&mut desk, stranger(), "REGISTER", 3, &all, "").status,
        400
    );
    let other = ["To: <sip:102@qaynar>", ADDRESS[1]];
    assert_eq!(
        proven(&mut desk, stranger(), "REGISTER", 5, &other, "").status,
        403
    );
    assert_eq!(desk.switch.counts().contacts, 0);
    let granted = proven(
        &mut desk,
        stranger(),
        "REGISTER",
        7,
        &lines(&["Expires: 600"]),
        "",
    );
    assert_eq!((granted.status, desk.switch.counts().contacts), (200, 1));
}

#[test]
fn a_request_that_came_by_two_ways_is_taken_once() {
    let mut desk = Desk::new(settings());
    call(&mut desk, &[]);
    let merged = answer(&mut desk, trunk(), &request("INVITE", 1, &[], SDP));
    assert_eq!((merged.status, desk.switch.counts().calls), (482, 1));
}

#[test]
fn a_caller_who_gives_up_before_the_answer_gets_487() {
    let mut desk = Desk::new(settings());
    let via = "Via: SIP/2.0/UDP 127.0.0.1:5080;branch=z9hG4bKgone";
    let invite = request("INVITE", 1, &["Require: 100rel", via], SDP);
    let first = desk.ask(trunk(), invite.as_bytes());
    assert_eq!(first.iter().map(|one| one.status).max(), Some(180));
    let both = desk.ask(trunk(), request("CANCEL", 1, &[via], "").as_bytes());
    let told: Vec<(u16, Method)> = both
        .iter()
        .map(|one| (one.status, one.headers.cseq().unwrap().method))
        .collect();
    assert_eq!(told, [(200, Method::Cancel), (487, Method::Invite)]);
    desk.wait(Duration::from_secs(40));
    assert_eq!(desk.switch.counts().calls, 0);
}

#[test]
fn a_new_offer_waits_for_what_is_under_way() {
    let mut desk = Desk::new(settings());
    let timer = ["Supported: timer", "Session-Expires: 90;refresher=uas"];
    let to = call(&mut desk, &timer);
    let again = [to.as_str(), timer[0], timer[1]];
    assert_eq!(
        answer(&mut desk, trunk(), &request("INVITE", 2, &again, SDP)).status,
        200
    );
    let early = answer(&mut desk, trunk(), &request("INVITE", 3, &[&to], SDP));
    let wait: u64 = header(&early, Name::RetryAfter).parse().unwrap();
    assert!(early.status == 500 && wait <= 10, "{early:?}");
    let old = answer(&mut desk, trunk(), &request("OPTIONS", 1, &[&to], ""));
    assert_eq!(old.status, 500, "the number went back (§12.2.2)");
    desk.ask(trunk(), request("ACK", 2, &[&to], "").as_bytes());
    desk.wait(Duration::from_secs(46));
    let refreshes: Vec<Request> = desk.requests();
    assert!(
        refreshes.iter().any(|one| one.method == Method::Invite),
        "{refreshes:?}"
    );
    let crossed = answer(&mut desk, trunk(), &request("INVITE", 4, &[&to], SDP));
    assert_eq!(crossed.status, 491);
    assert_eq!(desk.switch.counts().calls, 1, "no refusal ends a call");
}

#[test]
fn a_house_that_is_full_or_closing_says_when_to_come_back() {
    let mut few = settings();
    few.max_calls = 1;
    let mut desk = Desk::new(few);
    call(&mut desk, &[]);
    let full = answer(
        &mut desk,
        trunk(),
        &request("INVITE", 1, &["Call-ID: c2"], SDP),
    );
    assert_eq!(
        (full.status, header(&full, Name::RetryAfter).as_str()),
        (503, "5")
    );
    assert_eq!(desk.alarms(), ["too-many-calls"]);

    let mut desk = Desk::new(settings());
    let to = call(&mut desk, &[]);
    desk.input(Input::Command(Command::Drain));
    let closing = answer(
        &mut desk,
        trunk(),
        &request("INVITE", 1, &["Call-ID: c2"], SDP),
    );
    assert_eq!(
        (closing.status, header(&closing, Name::RetryAfter).as_str()),
        (503, "5")
    );
    let bye = answer(&mut desk, trunk(), &request("BYE", 2, &[&to], ""));
    assert_eq!(bye.status, 200, "calls in progress end by themselves");
}

/// Registers a phone of 101 and puts its operator on shift.
fn operator(desk: &mut Desk, phone: Flow) {
    let contact = format!("Contact: <sip:101@{}>", phone.remote);
    let lines = [ADDRESS[0], ADDRESS[1], "Call-ID: r1", contact.as_str()];
    assert_eq!(proven(desk, phone, "REGISTER", 1, &lines, "").status, 200);
    let states = qaynar::queue::Snapshot {
        operators: vec![qaynar::queue::OperatorSnapshot::new(
            "101".into(),
            true,
            desk.now.wall,
        )],
    };
    desk.input(Input::Command(Command::OperatorStates(states)));
}

#[test]
fn a_busy_phone_is_no_busy_line() {
    let mut desk = Desk::new(settings());
    let phone = from("127.0.0.1:5091");
    operator(&mut desk, phone);
    assert_eq!(
        answer(&mut desk, trunk(), &request("INVITE", 1, &[], SDP)).status,
        200
    );
    let invites: Vec<Request> = desk.requests();
    let invite = invites.iter().find(|one| one.method == Method::Invite);
    let busy = Response::to(invite.expect("the phone rings"), 486).with_tag("busy");
    desk.datagram(phone, &busy.to_bytes());
    let sent = desk.responses();
    assert!(sent.iter().all(|one| one.status < 300), "{sent:?}");
    desk.wait(Duration::from_secs(5));
    assert_eq!(
        desk.switch.counts().waiting,
        1,
        "the caller keeps the place"
    );
}
