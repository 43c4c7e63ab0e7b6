//! Operators call numbers outside, and trunks' servers fail: what each side of the wire sees.

#![allow(clippy::unwrap_used, reason = "a test that fails says so")]

mod desk;
#[path = "outgoing/resolver.rs"]
mod resolver;

use std::sync::Arc;
use std::time::Duration;

use desk::{Desk, PASSWORD, from, settings};
use qaynar::dialplan::{Catalogue, Plan, load};
use qaynar::event::{Cause, Direction, What};
use qaynar::sip::digest::Challenge;
use qaynar::sip::flow::{Flow, Transport};
use qaynar::sip::locate::Answer;
use qaynar::sip::message::{Message, Method, Name, Request, Response};
use qaynar::sip::uri::Uri;
use qaynar::switch::{Command, Input, PastCall, Settings, Trunk};
use resolver::resolve_all;

const FIRST: &str = "198.51.100.7:5060";
const SECOND: &str = "198.51.100.8:5060";
const PHONE: &str = "192.0.2.9:5062";
const CALLEE: &str = "0506802299";
const SDP: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\n";

fn trunk(name: &str, peer: &str) -> Trunk {
    Trunk {
        sources: vec!["198.51.100.0/24".parse().unwrap()],
        peer: Some(Uri::parse(peer).unwrap()),
        from: Some("+994124040404".into()),
        ..Trunk::named(name)
    }
}

fn two_trunks() -> Settings {
    Settings {
        trunks: vec![
            trunk("first", "sip:198.51.100.7:5060"),
            trunk("second", "sip:198.51.100.8:5060"),
        ],
        ..settings()
    }
}

fn one_name() -> Settings {
    Settings {
        trunks: vec![trunk("carrier", "sip:sip.example.net")],
        ..settings()
    }
}

fn plan() -> Arc<Plan> {
    let text = "numbers = [\"116111\"]\nstart = \"a\"\nlanguages = [\"az\"]\nlanguage_keys = {}\n\
        [path.a]\nsteps = [{ play = \"x\" }]\n\
        [[outgoing]]\nname = \"mobile\"\nnumbers = \"mobile\"\ntrunks = [\"first\", \"second\", \"carrier\"]\n\
        per_minute = 0.05\ncalls_a_day = 2\n\
        [[outgoing]]\nname = \"abroad\"\nnumbers = \"+90…\"\nper_minute = 0.5\nspend_a_day = 1\n";
    let catalogue = Catalogue {
        on_trust: true,
        ..Catalogue::default()
    };
    Arc::new(load(&[("a.toml".into(), text.into())], &catalogue).unwrap())
}

fn desk(settings: Settings) -> Desk {
    let mut desk = Desk::new(settings);
    desk.input(Input::Command(Command::Apply(plan())));
    desk
}

/// The INVITE of operator 101's phone; `id`: of the call.
fn invite(id: &str, number: &str, cseq: u32, more: &str) -> String {
    format!(
        "INVITE sip:{number}@qaynar SIP/2.0\r\nVia: SIP/2.0/UDP {PHONE};branch=z9hG4bK{id}{cseq}\r\n\
         Max-Forwards: 70\r\nFrom: \"Sevda\" <sip:101@qaynar>;tag=own\r\nTo: <sip:{number}@qaynar>\r\n\
         Call-ID: {id}\r\nCSeq: {cseq} INVITE\r\nContact: <sip:101@{PHONE}>\r\n{more}\
         Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{SDP}",
        SDP.len()
    )
}

/// Operator 101 dials, proves who that is, and hears what comes at once.
fn dials(desk: &mut Desk, id: &str, number: &str) -> Vec<Response> {
    desk.wait(Duration::from_millis(1)); // A nonce of its own.
    let asked = desk.ask(from(PHONE), invite(id, number, 1, "").as_bytes());
    assert_eq!(asked[0].status, 407);
    let values = asked[0].headers.fields(&Name::ProxyAuthenticate);
    let challenge = Challenge::best(values.map(String::from_utf8_lossy)).unwrap();
    let uri = format!("sip:{number}@qaynar");
    let proof = challenge.answer("101", PASSWORD, "INVITE", &uri, "own");
    let more = format!("Proxy-Authorization: {proof}\r\n");
    desk.ask(from(PHONE), invite(id, number, 2, &more).as_bytes())
}

/// Operator 101 dials, hears in words why it cannot be, and then gets the status.
fn refused_in_words(desk: &mut Desk, id: &str, number: &str) -> Response {
    let voice = dials(desk, id, number).remove(0);
    assert_eq!(voice.status, 183);
    assert!(String::from_utf8_lossy(&voice.body).contains("m=audio "));
    desk.played();
    let refusal = desk.responses().remove(0);
    let tag = |one: &Response| one.headers.to().unwrap().tag().map(ToOwned::to_owned);
    assert_eq!(tag(&voice), tag(&refusal), "one early dialog");
    refusal
}

/// Requests of ours with this method that are not picked up, with their ways.
fn asked(desk: &Desk, method: Method) -> Vec<(Flow, Request)> {
    let of = |(flow, message): &(Flow, Message)| match message {
        Message::Request(request) if request.method == method => Some((*flow, request.clone())),
        _ => None,
    };
    desk.sent.iter().filter_map(of).collect()
}

/// The only INVITE that went out, and where.
fn the_invite(desk: &mut Desk) -> (String, Request) {
    let mut all = asked(desk, Method::Invite);
    assert_eq!(all.len(), 1, "{all:?}");
    desk.sent.clear();
    let (flow, request) = all.remove(0);
    (flow.remote.to_string(), request)
}

/// A peer's answer to a request of ours.
fn says(request: &Request, status: &str, more: &str, body: &str) -> String {
    let text = |name| request.headers.text(name).unwrap().into_owned();
    format!(
        "SIP/2.0 {status}\r\nVia: {}\r\nFrom: {}\r\nTo: {};tag=callee\r\nCall-ID: {}\r\nCSeq: {}\r\n\
         Contact: <sip:gateway@{FIRST}>\r\n{more}Content-Length: {}\r\n\r\n{body}",
        text(Name::Via),
        text(Name::From),
        text(Name::To),
        text(Name::CallId),
        text(Name::CSeq),
        body.len()
    )
}

const WITH_SDP: &str = "Content-Type: application/sdp\r\n";

fn answers(desk: &mut Desk, by: &str, request: &Request, status: &str) {
    desk.datagram(from(by), says(request, status, "", "").as_bytes());
}

/// Everything that operator 101's phone was told by now.
fn told(desk: &mut Desk) -> Vec<u16> {
    let all = desk.responses();
    all.into_iter().map(|one| one.status).collect()
}

fn all_over(desk: &mut Desk) {
    desk.wait(Duration::from_secs(300));
    let counts = desk.switch.counts();
    let left = (counts.calls, counts.legs, counts.transactions, counts.ports);
    assert_eq!(left, (0, 0, 0, 0));
}

fn ends(desk: &Desk) -> Vec<Cause> {
    let cause = |event: &qaynar::event::Event| match event.what {
        What::Ended { cause, .. } => Some(cause),
        _ => None,
    };
    desk.events.iter().filter_map(cause).collect()
}

#[test]
fn naptr_srv_and_addresses_lead_to_the_first_server_and_then_to_the_second() {
    let mut desk = desk(one_name());
    dials(&mut desk, "one", CALLEE);
    resolve_all(&mut desk);
    let (place, first) = the_invite(&mut desk);
    assert_eq!(place, FIRST);
    assert_eq!(first.uri.to_string(), "sip:+994506802299@sip.example.net");
    // §4.3: 503 is this server's alone.
    answers(&mut desk, FIRST, &first, "503 Service Unavailable");
    let (place, second) = {
        let mut all = asked(&desk, Method::Invite);
        let (flow, request) = all.pop().unwrap();
        (flow.remote.to_string(), request)
    };
    assert_eq!(place, SECOND);
    let branch = |one: &Request| one.headers.via().unwrap().branch().to_owned();
    assert_ne!(branch(&first), branch(&second), "a new transaction");
    for same in [Name::CallId, Name::From] {
        assert_eq!(first.headers.text(same.clone()), second.headers.text(same));
    }
    answers(&mut desk, SECOND, &second, "486 Busy Here");
    assert!(told(&mut desk).contains(&486));
    // The server that failed is asked last for a while.
    desk.sent.clear();
    dials(&mut desk, "two", CALLEE);
    resolve_all(&mut desk);
    let (place, next) = the_invite(&mut desk);
    assert_eq!(place, SECOND);
    answers(&mut desk, SECOND, &next, "404 Not Found");
    // And first again after it.
    desk.wait(Duration::from_secs(40));
    desk.sent.clear();
    dials(&mut desk, "three", CALLEE);
    resolve_all(&mut desk);
    assert_eq!(the_invite(&mut desk).0, FIRST);
    all_over(&mut desk);
}

#[test]
fn while_dns_is_silent_the_servers_of_the_last_time_are_good() {
    let mut desk = desk(one_name());
    dials(&mut desk, "one", CALLEE);
    resolve_all(&mut desk);
    let (_, first) = the_invite(&mut desk);
    answers(&mut desk, FIRST, &first, "486 Busy Here");
    dials(&mut desk, "two", CALLEE);
    for _ in 0..4 {
        while let Some((question, ask)) = desk.questions.pop() {
            let answer = Answer::nothing(&ask);
            desk.input(Input::Resolved { question, answer });
        }
    }
    assert_eq!(the_invite(&mut desk).0, FIRST);
    all_over(&mut desk);
}

#[test]
fn a_name_that_nobody_knows_is_told_as_such() {
    let mut desk = desk(one_name());
    dials(&mut desk, "one", CALLEE);
    for _ in 0..4 {
        while let Some((question, ask)) = desk.questions.pop() {
            let answer = Answer::nothing(&ask);
            desk.input(Input::Resolved { question, answer });
        }
    }
    assert_eq!(told(&mut desk), [503]);
    assert_eq!(ends(&desk), [Cause::NotReached]);
    all_over(&mut desk);
}

#[test]
fn a_silent_server_is_left_after_three_seconds_and_cancelled_when_it_speaks() {
    let mut desk = desk(two_trunks());
    dials(&mut desk, "one", CALLEE);
    let (place, first) = the_invite(&mut desk);
    assert_eq!(place, FIRST);
    desk.wait(Duration::from_millis(2_900));
    assert!(
        asked(&desk, Method::Invite)
            .iter()
            .all(|(flow, _)| flow.remote.to_string() == FIRST)
    );
    desk.sent.clear();
    desk.wait(Duration::from_millis(200));
    let (place, second) = the_invite(&mut desk);
    assert_eq!(place, SECOND);
    assert_ne!(
        first.headers.text(Name::CallId),
        second.headers.text(Name::CallId)
    );
    answers(&mut desk, SECOND, &second, "180 Ringing");
    // Late, and so in vain.
    answers(&mut desk, FIRST, &first, "180 Ringing");
    let (flow, _) = asked(&desk, Method::Cancel).pop().unwrap();
    assert_eq!(flow.remote.to_string(), FIRST);
    desk.sent.clear();
    let taken = says(&first, "200 OK", WITH_SDP, SDP);
    desk.datagram(from(FIRST), taken.as_bytes());
    assert_eq!(asked(&desk, Method::Bye).len(), 1, "the late one is ended");
    let taken = says(&second, "200 OK", WITH_SDP, SDP);
    desk.datagram(from(SECOND), taken.as_bytes());
    assert_eq!(desk.switch.counts().talking, 1);
    all_over(&mut desk);
}

#[test]
fn the_last_server_is_waited_for() {
    let mut desk = desk(Settings {
        trunks: vec![trunk("first", "sip:198.51.100.7:5060")],
        ..settings()
    });
    dials(&mut desk, "one", CALLEE);
    let (_, first) = the_invite(&mut desk);
    desk.wait(Duration::from_secs(10));
    let taken = says(&first, "200 OK", WITH_SDP, SDP);
    desk.datagram(from(FIRST), taken.as_bytes());
    assert_eq!(desk.switch.counts().talking, 1);
    all_over(&mut desk);
}

// Calls of operators.

#[test]
fn on_the_outside_leg_nothing_tells_the_operator() {
    let mut desk = desk(two_trunks());
    dials(&mut desk, "one", CALLEE);
    let (_, out) = the_invite(&mut desk);
    let text = String::from_utf8(out.to_bytes()).unwrap();
    assert!(text.contains("From: <sip:+994124040404@qaynar>"), "{text}");
    for secret in ["101@", "Sevda", "192.0.2.9", "sip:101", "P-Asserted"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    // And no event tells the number.
    let events = serde_json::to_string(&desk.events).unwrap();
    assert!(!events.contains("6802299"), "{events}");
    all_over(&mut desk);
}

#[test]
fn early_sound_is_passed_on_and_the_answer_says_what_the_183_said() {
    let mut desk = desk(two_trunks());
    dials(&mut desk, "one", CALLEE);
    let (_, out) = the_invite(&mut desk);
    let early = says(&out, "183 Session Progress", WITH_SDP, SDP);
    desk.datagram(from(FIRST), early.as_bytes());
    let heard = desk.responses();
    assert_eq!(heard[0].status, 183);
    assert!(!heard[0].body.is_empty());
    let taken = says(&out, "200 OK", WITH_SDP, SDP);
    desk.datagram(from(FIRST), taken.as_bytes());
    let answered = desk.responses();
    assert_eq!(answered[0].status, 200);
    assert_eq!(answered[0].body, heard[0].body);
    let what = |wanted: fn(&What) -> bool| desk.events.iter().any(|one| wanted(&one.what));
    assert!(what(
        |one| matches!(one, What::Arrived { direction: Direction::Out, dialled, operator: Some(who), .. } if dialled == "mobile" && who.as_str() == "101")
    ));
    assert!(what(
        |one| matches!(one, What::Connected { operator } if operator.as_str() == "101")
    ));
    all_over(&mut desk);
}

#[test]
fn without_early_sound_the_phone_makes_its_own_ringing_tone() {
    let mut desk = desk(two_trunks());
    dials(&mut desk, "one", CALLEE);
    let (_, out) = the_invite(&mut desk);
    answers(&mut desk, FIRST, &out, "100 Trying");
    assert!(told(&mut desk).is_empty());
    answers(&mut desk, FIRST, &out, "180 Ringing");
    answers(&mut desk, FIRST, &out, "180 Ringing");
    assert_eq!(told(&mut desk), [180]);
    all_over(&mut desk);
}

#[test]
fn an_operator_who_gives_up_cancels_the_call_outside() {
    let mut desk = desk(two_trunks());
    dials(&mut desk, "one", CALLEE);
    let (_, out) = the_invite(&mut desk);
    answers(&mut desk, FIRST, &out, "180 Ringing");
    desk.sent.clear();
    let cancel = invite("one", CALLEE, 2, "")
        .replace("INVITE sip", "CANCEL sip")
        .replace("2 INVITE", "2 CANCEL")
        .replace(
            &format!("Content-Length: {}\r\n\r\n{SDP}", SDP.len()),
            "Content-Length: 0\r\n\r\n",
        );
    desk.datagram(from(PHONE), cancel.as_bytes());
    let (flow, _) = asked(&desk, Method::Cancel).pop().unwrap();
    assert_eq!(flow.remote.to_string(), FIRST);
    let mut told = told(&mut desk);
    told.sort_unstable();
    assert_eq!(told, [200, 487]);
    answers(&mut desk, FIRST, &out, "487 Request Terminated");
    assert_eq!(ends(&desk), [Cause::Abandoned]);
    all_over(&mut desk);
}

#[test]
fn a_busy_callee_is_busy_to_the_operator_and_a_trunk_that_refuses_us_is_passed_by() {
    let mut desk = desk(two_trunks());
    dials(&mut desk, "one", CALLEE);
    let (_, out) = the_invite(&mut desk);
    answers(&mut desk, FIRST, &out, "403 Forbidden");
    let invites = asked(&desk, Method::Invite);
    let (flow, second) = invites.last().unwrap().clone();
    assert_eq!(flow.remote.to_string(), SECOND);
    desk.sent.clear();
    answers(&mut desk, SECOND, &second, "486 Busy Here");
    assert_eq!(told(&mut desk), [486]);
    assert_eq!(ends(&desk), [Cause::NotReached]);
    all_over(&mut desk);
}

#[test]
fn what_the_dialplan_does_not_allow_is_refused_with_its_reason() {
    let mut desk = desk(two_trunks());
    let refused = refused_in_words(&mut desk, "one", "0125551234");
    assert_eq!(refused.status, 403);
    let warning = refused.headers.text(Name::Warning).unwrap();
    assert!(warning.starts_with("399 qaynar \""), "{warning}");
    assert!(asked(&desk, Method::Invite).is_empty());
    assert!(ends(&desk).is_empty(), "no record begins");
    all_over(&mut desk);
}

#[test]
fn a_phone_that_hears_no_early_voice_is_refused_at_once_and_one_that_gives_up_gets_487() {
    let mut desk = desk(two_trunks());
    desk.wait(Duration::from_millis(1));
    let reliable = "Require: 100rel\r\n";
    let asks = invite("one", "0125551234", 1, reliable);
    let asked = desk.ask(from(PHONE), asks.as_bytes());
    let values = asked[0].headers.fields(&Name::ProxyAuthenticate);
    let challenge = Challenge::best(values.map(String::from_utf8_lossy)).unwrap();
    let proof = challenge.answer("101", PASSWORD, "INVITE", "sip:0125551234@qaynar", "own");
    let more = format!("{reliable}Proxy-Authorization: {proof}\r\n");
    let again = invite("one", "0125551234", 2, &more);
    assert_eq!(desk.ask(from(PHONE), again.as_bytes())[0].status, 403);

    assert_eq!(dials(&mut desk, "two", "0125551234")[0].status, 183);
    let cancel = invite("two", "0125551234", 2, "").replace("INVITE", "CANCEL");
    let (head, _) = cancel.split_once("Content-Type").unwrap();
    let cancel = format!("{head}Content-Length: 0\r\n\r\n");
    let told = desk.ask(from(PHONE), cancel.as_bytes());
    let statuses: Vec<u16> = told.iter().map(|one| one.status).collect();
    assert_eq!(statuses, [200, 487]);
    // Should the voice never end, the phone is told all the same.
    assert_eq!(dials(&mut desk, "three", "0125551234")[0].status, 183);
    desk.wait(Duration::from_secs(16));
    assert_eq!(desk.responses()[0].status, 403);
    all_over(&mut desk);
}

#[test]
fn a_days_cap_stops_new_calls_but_never_one_for_help() {
    let mut desk = desk(two_trunks());
    for id in ["one", "two"] {
        dials(&mut desk, id, CALLEE);
        let (_, out) = the_invite(&mut desk);
        let taken = says(&out, "200 OK", WITH_SDP, SDP);
        desk.datagram(from(FIRST), taken.as_bytes());
    }
    // One still goes on, the other is over: both count.
    let refused = refused_in_words(&mut desk, "three", CALLEE);
    assert_eq!(refused.status, 403);
    let reason = &refused.reason;
    assert!(reason.contains("calls_a_day = 2"), "{reason}");
    dials(&mut desk, "four", "112");
    let invites = asked(&desk, Method::Invite);
    let (_, help) = invites.last().unwrap();
    assert!(help.uri.to_string().starts_with("sip:112@"), "{}", help.uri);
    all_over(&mut desk);
    // The next day begins anew.
    desk.sent.clear();
    desk.wait(Duration::from_secs(25 * 3_600));
    desk.sent.clear();
    dials(&mut desk, "five", CALLEE);
    the_invite(&mut desk);
    all_over(&mut desk);
}

#[test]
fn what_was_spent_before_a_restart_counts() {
    let mut desk = desk(two_trunks());
    let past = PastCall {
        class: "abroad".into(),
        connected: desk.now.wall,
        ended: desk.now.wall + Duration::from_secs(119),
    };
    desk.wait(Duration::from_secs(120));
    desk.input(Input::Command(Command::PastCalls(vec![past])));
    let refused = refused_in_words(&mut desk, "one", "00902125551234");
    let reason = &refused.reason;
    assert!(reason.contains("1.000 spent today"), "{reason}");
    all_over(&mut desk);
}

#[test]
fn a_call_with_somebody_outside_goes_on_after_a_restart() {
    let mut desk = desk(two_trunks());
    dials(&mut desk, "one", CALLEE);
    let (_, out) = the_invite(&mut desk);
    let taken = says(&out, "200 OK", WITH_SDP, SDP);
    desk.datagram(from(FIRST), taken.as_bytes());
    let accepted = desk.responses().pop().unwrap();
    let snapshot = desk.snapshots.values().last().unwrap().clone().unwrap();
    let mut next = desk::Desk::new(two_trunks());
    next.now = desk.now;
    next.input(Input::Command(Command::Apply(plan())));
    next.switch.restore(vec![*snapshot], &[].into(), next.now);
    assert_eq!(next.switch.counts().talking, 1);
    // The phone's ACK may come to the new process (§13.3.1.4).
    let ack = format!(
        "ACK sip:qaynar@127.0.0.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP {PHONE};branch=z9hG4bKack\r\n\
         From: <sip:101@qaynar>;tag=own\r\nTo: {}\r\nCall-ID: one\r\nCSeq: 2 ACK\r\n\
         Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
        accepted.headers.text(Name::To).unwrap()
    );
    next.datagram(from(PHONE), ack.as_bytes());
    // The callee hangs up, and the operator's phone hears of it.
    let text = |name| out.headers.text(name).unwrap().into_owned();
    let bye = format!(
        "BYE sip:qaynar@127.0.0.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP {FIRST};branch=z9hG4bKbye\r\n\
         From: {};tag=callee\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: 9 BYE\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
        text(Name::To),
        text(Name::From),
        text(Name::CallId),
    );
    next.datagram(from(FIRST), bye.as_bytes());
    let (flow, _) = asked(&next, Method::Bye).pop().unwrap();
    assert_eq!(flow.remote.to_string(), PHONE);
    // It counts as one of today's two.
    for (id, begun) in [("two", true), ("three", false)] {
        next.sent.clear();
        dials(&mut next, id, CALLEE);
        assert_eq!(!asked(&next, Method::Invite).is_empty(), begun, "{id}");
    }
    all_over(&mut next);
}

#[test]
fn an_operator_in_a_call_outside_is_not_rung() {
    let mut desk = desk(two_trunks());
    let state = qaynar::queue::OperatorSnapshot::new("101".into(), true, desk.now.wall);
    let operators = vec![state];
    let states = qaynar::queue::Snapshot { operators };
    desk.input(Input::Command(Command::OperatorStates(states)));
    register(&mut desk);
    assert_eq!(desk.switch.counts().free, 1);
    dials(&mut desk, "one", CALLEE);
    assert_eq!(desk.switch.counts().free, 0);
    let (_, out) = the_invite(&mut desk);
    answers(&mut desk, FIRST, &out, "486 Busy Here");
    assert_eq!(desk.switch.counts().free, 1);
}

fn register(desk: &mut Desk) {
    desk.wait(Duration::from_millis(1));
    let register = |cseq: u32, more: &str| {
        format!(
            "REGISTER sip:qaynar SIP/2.0\r\nVia: SIP/2.0/UDP {PHONE};branch=z9hG4bKr{cseq}\r\n\
             From: <sip:101@qaynar>;tag=r\r\nTo: <sip:101@qaynar>\r\nCall-ID: r\r\nCSeq: {cseq} REGISTER\r\n\
             Max-Forwards: 70\r\nContact: <sip:101@{PHONE}>\r\nExpires: 3600\r\n{more}Content-Length: 0\r\n\r\n"
        )
    };
    let asked = desk.ask(from(PHONE), register(1, "").as_bytes());
    let values = asked[0].headers.fields(&Name::WwwAuthenticate);
    let challenge = Challenge::best(values.map(String::from_utf8_lossy)).unwrap();
    let proof = challenge.answer("101", PASSWORD, "REGISTER", "sip:qaynar", "own");
    let more = format!("Authorization: {proof}\r\n");
    let granted = desk.ask(from(PHONE), register(2, &more).as_bytes());
    assert_eq!(granted[0].status, 200);
}

#[test]
fn a_connection_that_cannot_be_made_leads_to_the_next_server() {
    let first = trunk("first", "sip:198.51.100.7:5060;transport=tcp");
    let mut desk = desk(Settings {
        trunks: vec![first, trunk("second", "sip:198.51.100.8:5060")],
        ..settings()
    });
    dials(&mut desk, "one", CALLEE);
    let (flow, _) = asked(&desk, Method::Invite).pop().unwrap();
    assert_eq!(flow.transport, Transport::Tcp);
    desk.sent.clear();
    desk.input(Input::SendFailed { flow });
    assert_eq!(the_invite(&mut desk).0, SECOND);
    all_over(&mut desk);
}

#[test]
fn one_channel_is_kept_for_help_and_numbers_are_written_as_the_carrier_wants() {
    let mut first = trunk("first", "sip:198.51.100.7:5060");
    first.limits.max_calls = Some(2);
    first.number_format = qaynar::switch::settings::NumberFormat::National;
    let mut desk = desk(Settings {
        trunks: vec![first],
        ..settings()
    });
    dials(&mut desk, "one", CALLEE);
    let (_, out) = the_invite(&mut desk);
    assert_eq!(out.uri.to_string(), "sip:0506802299@198.51.100.7:5060");
    // The second channel is not for everybody.
    let refused = dials(&mut desk, "two", CALLEE);
    assert_eq!(refused[0].status, 503);
    dials(&mut desk, "three", "103");
    let invites = asked(&desk, Method::Invite);
    let help = invites
        .iter()
        .any(|(_, one)| one.uri.to_string().starts_with("sip:103@"));
    assert!(help, "{invites:?}");
    all_over(&mut desk);
}

/// Weighted sharing: over many calls, three to one.
#[test]
fn trunks_of_one_priority_share_the_calls_by_weight() {
    let mut big = trunk("big", "sip:198.51.100.7:5060");
    big.weight = 75;
    let mut small = trunk("small", "sip:198.51.100.8:5060");
    small.weight = 25;
    let mut reserve = trunk("reserve", "sip:198.51.100.9:5060");
    reserve.priority = 2;
    let mut desk = desk(Settings {
        trunks: vec![reserve, small, big],
        ..settings()
    });
    let mut share = std::collections::BTreeMap::new();
    for number in 0..200 {
        dials(&mut desk, &format!("call{number}"), "112");
        let (place, out) = the_invite(&mut desk);
        answers(&mut desk, &place, &out, "486 Busy Here");
        desk.sent.clear();
        *share.entry(place).or_insert(0) += 1;
        desk.wait(Duration::from_secs(1));
    }
    assert_eq!(share.len(), 2, "the reserve is not needed: {share:?}");
    assert!((125..=175).contains(&share[FIRST]), "{share:?}");
    all_over(&mut desk);
}

/// A carrier that DNS alone leads to, or an address that no source names.
fn unnamed(peer: &str) -> Settings {
    let trunk = Trunk {
        sources: Vec::new(),
        ..trunk("carrier", peer)
    };
    Settings {
        trunks: vec![trunk],
        ..settings()
    }
}

#[test]
fn a_carriers_contact_is_where_its_requests_go_though_no_source_names_it() {
    let mut desk = desk(unnamed("sip:198.51.100.8:5060"));
    dials(&mut desk, "o", CALLEE);
    let (to, request) = the_invite(&mut desk);
    assert_eq!(to, SECOND);
    // Its 200 comes from the proxy, and names the gateway as its Contact.
    let body = SDP.replace("192.0.2.9", "198.51.100.7");
    let ok = says(&request, "200 OK", WITH_SDP, &body);
    desk.datagram(from(SECOND), ok.as_bytes());
    let acks = asked(&desk, Method::Ack);
    assert_eq!(acks.len(), 1);
    assert_eq!(acks[0].0.remote.to_string(), FIRST, "RFC 3261 §12.2.1.1");
}

#[test]
fn a_trunks_wish_for_encryption_holds_though_no_source_names_it() {
    let mut settings = unnamed("sip:198.51.100.8:5060");
    settings.trunks[0].srtp = qaynar::sdp::Srtp::Required;
    let mut desk = desk(settings);
    let told = dials(&mut desk, "o", CALLEE);
    assert!(asked(&desk, Method::Invite).is_empty(), "in the clear");
    assert!(desk.alarms().contains(&"srtp-without-tls".into()));
    assert_eq!(told.last().map(|one| one.status), Some(503));
    all_over(&mut desk);
}
