//! Flows that phones keep (RFC 5626) and proxies before them (RFC 3327), in virtual time.

#![allow(clippy::unwrap_used, reason = "a test that fails says so")]

mod desk;

use std::time::Duration;

use desk::{Desk, PASSWORD, from, settings};
use qaynar::queue::{OperatorSnapshot, Snapshot};
use qaynar::sip::digest::Challenge;
use qaynar::sip::flow::{ConnectionId, Flow, Transport};
use qaynar::sip::message::{Message, Method, Name, Request, Response};
use qaynar::switch::{Command, Input};

const SDP: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8\r\n";
/// A Contact of one device.
const CONTACT: &str = "<sip:101@x.invalid>;+sip.instance=\"<urn:uuid:1>\"";
const OUTBOUND: &str = "Supported: path, outbound";

fn stream(connection: u64) -> Flow {
    Flow {
        transport: Transport::Ws,
        connection: Some(ConnectionId(connection)),
        ..from("192.0.2.9:40000")
    }
}

/// A REGISTER of operator 101 with these lines and a proof; the answer.
fn register(desk: &mut Desk, flow: Flow, id: &str, lines: &[&str]) -> Response {
    desk.wait(Duration::from_millis(1)); // A nonce of its own.
    let ask = |desk: &mut Desk, number: u32, proof: &str| {
        let mut text = format!(
            "REGISTER sip:qaynar SIP/2.0\r\nVia: SIP/2.0/WS x.invalid;branch=z9hG4bK{id}-{number}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:101@qaynar>;tag=phone\r\nTo: <sip:101@qaynar>\r\n\
             Call-ID: {id}\r\nCSeq: {number} REGISTER\r\nContent-Length: 0\r\n{proof}"
        );
        for line in lines {
            text.push_str(&format!("{line}\r\n"));
        }
        desk.ask(flow, format!("{text}\r\n").as_bytes()).remove(0)
    };
    let asked = ask(desk, 1, "");
    let values = asked.headers.fields(&Name::WwwAuthenticate);
    let challenge = Challenge::best(values.map(String::from_utf8_lossy)).unwrap();
    let proof = challenge.answer("101", PASSWORD, "REGISTER", "sip:qaynar", "own");
    ask(desk, 2, &format!("Authorization: {proof}\r\n"))
}

fn texts(response: &Response, name: Name) -> Vec<String> {
    let all = response.headers.all(name);
    all.map(|text| text.into_owned()).collect()
}

/// Operator 101 takes calls from now on.
fn on_shift(desk: &mut Desk) {
    let operators = vec![OperatorSnapshot::new("101".into(), true, desk.now.wall)];
    desk.input(Input::Command(Command::OperatorStates(Snapshot {
        operators,
    })));
}

/// A caller of the trunk comes; the INVITEs that went out since, and by which way.
fn rung(desk: &mut Desk) -> Vec<(Flow, Request)> {
    let invite = format!(
        "INVITE sip:116111@qaynar SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bKcall\r\n\
         Max-Forwards: 70\r\nFrom: <sip:0501234567@carrier>;tag=theirs\r\nTo: <sip:116111@qaynar>\r\n\
         Call-ID: call\r\nCSeq: 1 INVITE\r\nContact: <sip:c@127.0.0.1:5070>\r\n\
         Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{SDP}",
        SDP.len()
    );
    desk.datagram(from("127.0.0.1:5070"), invite.as_bytes());
    invites(desk)
}

fn invites(desk: &Desk) -> Vec<(Flow, Request)> {
    let invite = |(flow, message): &(Flow, Message)| match message {
        Message::Request(request) if request.method == Method::Invite => {
            Some((*flow, request.clone()))
        }
        _ => None,
    };
    desk.sent.iter().filter_map(invite).collect()
}

#[test]
fn a_phone_with_two_flows_rings_once_and_by_the_other_where_the_first_fails() {
    let mut desk = Desk::new(settings());
    for (number, connection) in [(1, 11), (2, 12)] {
        let contact = format!("Contact: {CONTACT};reg-id={number}");
        let id = format!("r{number}");
        let granted = register(&mut desk, stream(connection), &id, &[OUTBOUND, &contact]);
        assert_eq!(granted.status, 200);
        assert_eq!(texts(&granted, Name::Require), ["outbound"]);
        assert_eq!(texts(&granted, Name::FlowTimer), ["120"]);
        let contacts = texts(&granted, Name::Contact);
        assert_eq!(contacts.len(), number);
        assert!(contacts[number - 1].contains(&format!(";reg-id={number}")));
    }
    on_shift(&mut desk);
    let out = rung(&mut desk);
    assert_eq!(out.len(), 1, "one phone rings once");
    assert_eq!(out[0].0, stream(12));
    assert_eq!(out[0].1.uri.to_string(), "sip:101@x.invalid");
    let connection = ConnectionId(12);
    desk.input(Input::FlowClosed { connection });
    desk.input(Input::SendFailed { flow: stream(12) });
    let out = invites(&desk);
    assert_eq!(out.last().unwrap().0, stream(11), "by the other flow");
    assert_eq!(out.len(), 2);
    assert_eq!(desk.switch.counts().contacts, 1);
}

#[test]
fn proxies_are_the_way_to_the_phone_and_the_first_must_keep_flows() {
    let mut desk = Desk::new(settings());
    let proxy = from("192.0.2.7:5060");
    let contact = format!("Contact: {CONTACT};reg-id=1");
    let through = "Via: SIP/2.0/WS y.invalid;branch=z9hG4bKphone";
    let path = "Path: <sip:192.0.2.7;lr>";
    let lines = [through, OUTBOUND, path, &contact];
    assert_eq!(register(&mut desk, proxy, "r1", &lines).status, 439);
    let path = "Path: <sip:192.0.2.7;lr>, <sip:192.0.2.8;lr;ob>";
    let granted = register(&mut desk, proxy, "r2", &[through, OUTBOUND, path, &contact]);
    assert_eq!(granted.status, 200);
    let named = ["<sip:192.0.2.7;lr>", "<sip:192.0.2.8;lr;ob>"];
    assert_eq!(texts(&granted, Name::Path), named);
    on_shift(&mut desk);
    let out = rung(&mut desk);
    assert_eq!(out.len(), 1);
    assert_eq!(out[0].0, proxy);
    let route: Vec<_> = out[0].1.headers.all(Name::Route).collect();
    assert_eq!(route, named);
}

#[test]
fn a_reg_id_that_cannot_be_meant_is_refused_or_passed_over() {
    let mut desk = Desk::new(settings());
    let contact = format!("Contact: {CONTACT};reg-id=1");
    let plain = register(&mut desk, stream(1), "r1", &[&contact]);
    assert_eq!(plain.status, 200, "without the option tag it means nothing");
    assert!(!plain.headers.has(Name::Require));
    let zero = format!("Contact: {CONTACT};reg-id=0");
    assert_eq!(
        register(&mut desk, stream(1), "r2", &[OUTBOUND, &zero]).status,
        400
    );
    let both = format!("{contact}, <sip:101@y.invalid>");
    assert_eq!(
        register(&mut desk, stream(1), "r3", &[OUTBOUND, &both]).status,
        400
    );
    let path = "Path: <sip:192.0.2.7;lr";
    assert_eq!(
        register(&mut desk, stream(1), "r4", &[path, &contact]).status,
        400
    );
}

#[test]
fn nobody_is_a_trunk_by_websocket() {
    let mut desk = Desk::new(settings());
    let flow = Flow {
        transport: Transport::Ws,
        connection: Some(ConnectionId(1)),
        ..from("127.0.0.1:40000")
    };
    let invite = format!(
        "INVITE sip:116111@qaynar SIP/2.0\r\nVia: SIP/2.0/WS x.invalid;branch=z9hG4bKpage\r\n\
         Max-Forwards: 70\r\nFrom: <sip:0501234567@x.invalid>;tag=theirs\r\nTo: <sip:116111@qaynar>\r\n\
         Call-ID: page\r\nCSeq: 1 INVITE\r\nContact: <sip:c@x.invalid;transport=ws>\r\n\
         Content-Type: application/sdp\r\n\r\n{SDP}"
    );
    assert_eq!(desk.ask(flow, invite.as_bytes())[0].status, 407);
}
