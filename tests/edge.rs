//! The edge towards the network, in virtual time: what strangers cost, whom we answer and where, and
//! what becomes of calls when a connection closes under them.

#![allow(clippy::unwrap_used, reason = "a test that fails says so")]

mod desk;

use std::time::Duration;

use desk::{Desk, PASSWORD, from, settings};
use qaynar::sip::digest::Challenge;
use qaynar::sip::flow::{ConnectionId, Flow, Transport};
use qaynar::sip::locate::{Address, Answer, Question};
use qaynar::sip::message::{Message, Method, Name, Request, Response};
use qaynar::sip::transaction::key::{MergeKey, OldFacts, ServerKey, TopVia};
use qaynar::sip::transaction::layer::{Incoming, Kind, Layer, MAX_BYTES, RESERVED_BYTES, Received};
use qaynar::sip::uri::Uri;
use qaynar::switch::{Input, Settings, Trunk};
use qaynar::time::Instant;

const SDP: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8\r\n";
/// The carrier's switch.
const CARRIER: &str = "198.51.100.7:5060";
/// Where operator 101 sits.
const PHONE: &str = "192.0.2.9:5062";
/// Neither.
const STRANGER: &str = "203.0.113.66:5060";

/// The desk's settings with one trunk, so that loopback is nobody.
fn with_trunk() -> Settings {
    let trunk = Trunk {
        sources: vec!["198.51.100.0/24".parse().unwrap()],
        peer: Some(Uri::parse("sip:198.51.100.7:5060;transport=udp").unwrap()),
        ..Trunk::named("azercell")
    };
    Settings {
        trunks: vec![trunk],
        ..settings()
    }
}

/// By the connection with this number.
fn stream(remote: &str, connection: u64) -> Flow {
    Flow {
        transport: Transport::Tcp,
        connection: Some(ConnectionId(connection)),
        ..from(remote)
    }
}

/// A request with these lines besides what each must have.
fn request(method: &str, user: &str, lines: &[&str], body: &str) -> String {
    let mut text = format!("{method} sip:{user}@qaynar SIP/2.0\r\nMax-Forwards: 70\r\n");
    for line in lines {
        text.push_str(&format!("{line}\r\n"));
    }
    if !body.is_empty() {
        text.push_str("Content-Type: application/sdp\r\n");
    }
    format!("{text}Content-Length: {}\r\n\r\n{body}", body.len())
}

/// A caller's INVITE by the trunk, from `via` and reached at `contact`.
fn invite(via: &str, contact: &str, more: &[&str]) -> String {
    let (via, contact) = (format!("Via: {via}"), format!("Contact: <{contact}>"));
    let lines = [
        via.as_str(),
        "From: <sip:0501234567@carrier>;tag=theirs",
        "To: <sip:116111@qaynar>",
        "Call-ID: call",
        "CSeq: 1 INVITE",
        &contact,
    ];
    request("INVITE", "116111", &[&lines, more].concat(), SDP)
}

/// The caller's ACK of the 200 that went out.
fn acknowledge(desk: &mut Desk, flow: Flow) {
    let to = |(_, message): &(Flow, Message)| match message {
        Message::Response(response) if response.status == 200 => {
            Some(format!("To: {}", response.headers.text(Name::To)?))
        }
        _ => None,
    };
    let to = desk.sent.iter().find_map(to).unwrap();
    let ack = [
        "Via: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bKack",
        "From: <sip:0501234567@carrier>;tag=theirs",
        &to,
        "Call-ID: call",
        "CSeq: 1 ACK",
    ];
    desk.datagram(flow, request("ACK", "116111", &ack, "").as_bytes());
}

/// A REGISTER of operator 101 with the Call-ID `id`; `more` has a proof, or nothing.
fn register(id: &str, number: u32, contact: &str, more: &[&str]) -> String {
    let lines = [
        format!("Via: SIP/2.0/UDP 192.0.2.9:5062;rport;branch=z9hG4bK{id}-{number}"),
        "From: <sip:101@qaynar>;tag=phone".into(),
        "To: <sip:101@qaynar>".into(),
        format!("Call-ID: {id}"),
        format!("CSeq: {number} REGISTER"),
        format!("Contact: <{contact}>"),
    ];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    request("REGISTER", "101", &[&lines, more].concat(), "")
}

/// Operator 101 registers, with the proof.
fn registered(desk: &mut Desk, flow: Flow, id: &str, contact: &str) {
    desk.wait(Duration::from_millis(1)); // A nonce of its own.
    let asked = desk.ask(flow, register(id, 1, contact, &[]).as_bytes());
    let proof = proof(&asked[0], "REGISTER", "sip:101@qaynar");
    let line = format!("Authorization: {proof}");
    let granted = desk.ask(flow, register(id, 2, contact, &[&line]).as_bytes());
    assert_eq!(granted[0].status, 200);
}

fn proof(asked: &Response, method: &str, uri: &str) -> String {
    let values = asked.headers.fields(&Name::WwwAuthenticate);
    let challenge = Challenge::best(values.map(String::from_utf8_lossy)).unwrap();
    challenge.answer("101", PASSWORD, method, uri, "own")
}

/// Requests of ours with this method that went out, with their ways.
fn asked(desk: &Desk, method: Method) -> Vec<(Flow, Request)> {
    let of = |(flow, message): &(Flow, Message)| match message {
        Message::Request(request) if request.method == method => Some((*flow, request.clone())),
        _ => None,
    };
    desk.sent.iter().filter_map(of).collect()
}

/// A peer's 200 to a request of ours.
fn accepts(invite: &Request, contact: &str) -> String {
    let text = |name| invite.headers.text(name).unwrap().into_owned();
    format!(
        "SIP/2.0 200 OK\r\nVia: {}\r\nFrom: {}\r\nTo: {};tag=phone\r\nCall-ID: {}\r\nCSeq: {}\r\n\
         Contact: <{contact}>\r\nAllow: INVITE, ACK, BYE, UPDATE\r\nRequire: timer\r\n\
         Session-Expires: 1800;refresher=uac\r\nContent-Type: application/sdp\r\n\
         Content-Length: {}\r\n\r\n{SDP}",
        text(Name::Via),
        text(Name::From),
        text(Name::To),
        text(Name::CallId),
        text(Name::CSeq),
        SDP.len()
    )
}

/// Operator 101 is on shift with a phone, a caller came by the trunk, and the phone's 200 is here.
fn connected(desk: &mut Desk, phone: Flow, contact: &str) -> String {
    on_shift(desk, phone, contact);
    let ring = rung(desk, "call", phone).unwrap();
    acknowledge(desk, from(CARRIER));
    let accepted = accepts(&ring, contact);
    desk.datagram(phone, accepted.as_bytes());
    assert_eq!(desk.switch.counts().talking, 1);
    accepted
}

/// Operator 101 is on shift with a phone.
fn on_shift(desk: &mut Desk, phone: Flow, contact: &str) {
    registered(desk, phone, "registration", contact);
    desk.input(Input::Command(qaynar::switch::Command::OperatorStates(
        qaynar::queue::Snapshot {
            operators: vec![qaynar::queue::OperatorSnapshot::new(
                "101".into(),
                true,
                desk.now.wall,
            )],
        },
    )));
}

/// A caller comes by the trunk with this Call-ID: the INVITE that goes out by `phone`.
fn rung(desk: &mut Desk, id: &str, phone: Flow) -> Option<Request> {
    let via = format!("SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bK{id}");
    let call = invite(&via, "sip:caller@198.51.100.7:5060", &[]);
    let call = call.replace("Call-ID: call", &format!("Call-ID: {id}"));
    desk.sent.clear();
    desk.datagram(from(CARRIER), call.as_bytes());
    let mut rings = asked(desk, Method::Invite).into_iter();
    rings.find(|(flow, _)| *flow == phone).map(|one| one.1)
}

// Item 1: strays.

/// A 2xx that answers nothing of ours, with the branch `b` and our own address as its Via.
fn stray(contact: &str) -> String {
    format!(
        "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bKb\r\n\
         From: <sip:116111@qaynar>;tag=x\r\nTo: <sip:a@b>;tag=y\r\nCall-ID: never\r\n\
         CSeq: 1 INVITE\r\nContact: <{contact}>\r\nContent-Length: 0\r\n\r\n"
    )
}

#[test]
fn a_strangers_2xx_brings_nothing_and_a_trunks_is_ended_once_where_it_came_from() {
    let mut desk = Desk::new(with_trunk());
    let text = stray("sip:victim@192.0.2.200:9");
    desk.datagram(from(STRANGER), text.as_bytes());
    desk.wait(Duration::from_secs(40));
    assert!(desk.sent.is_empty(), "{:?}", desk.sent);

    // Perhaps of before a restart: the phone must not stay in a call with nobody.
    desk.datagram(from(CARRIER), text.as_bytes());
    assert_eq!(desk.switch.counts().transactions, 0);
    desk.wait(Duration::from_secs(40));
    let sent: Vec<_> = desk.requests().into_iter().map(|one| one.method).collect();
    assert_eq!(sent, [Method::Ack, Method::Bye]);
    desk.datagram(from(CARRIER), text.as_bytes());
    assert!(desk.sent.iter().all(|(flow, _)| *flow == from(CARRIER)));
}

#[test]
fn a_late_repetition_of_the_phones_2xx_gets_an_ack_and_the_call_goes_on() {
    let mut desk = Desk::new(with_trunk());
    let accepted = connected(&mut desk, from(PHONE), "sip:101@192.0.2.9:5062");
    desk.wait(Duration::from_secs(40));
    desk.sent.clear();
    desk.datagram(from(PHONE), accepted.as_bytes());
    let sent: Vec<_> = desk.requests().into_iter().map(|one| one.method).collect();
    assert_eq!(sent, [Method::Ack]);
    assert_eq!(desk.switch.counts().talking, 1);
}

// Item 2: strangers cost nothing that lasts.

#[test]
fn strangers_are_refused_once_and_keep_no_room() {
    let mut desk = Desk::new(with_trunk());
    let via = "Via: SIP/2.0/UDP 203.0.113.66;branch=z9hG4bK1";
    let rest = ["From: <sip:a@b>;tag=1", "Call-ID: s"];
    let known = ["To: <sip:116111@qaynar>"];
    let rows: &[(&str, &[&str], u16)] = &[
        ("REGISTER", &known, 401),
        ("INVITE", &known, 407),
        ("OPTIONS", &known, 200),
        ("OPTIONS", &["To: <sip:116111@qaynar>;tag=forged"], 481),
        ("BYE", &["To: <sip:116111@qaynar>;tag=forged"], 481),
        ("INVITE", &["To: <sip:116111@qaynar>;tag=forged"], 481),
        ("CANCEL", &known, 481),
        ("PRACK", &known, 481),
        ("SUBSCRIBE", &known, 489),
        ("FROBNICATE", &known, 501),
        ("REGISTER", &["To: <sip:a@b>", "Require: magic"], 420),
    ];
    for (method, to, status) in rows {
        let cseq = format!("CSeq: 1 {method}");
        let text = request(
            method,
            "116111",
            &[&[via, &cseq], &rest[..], to].concat(),
            "",
        );
        let answers = desk.ask(from(STRANGER), text.as_bytes());
        assert_eq!(answers[0].status, *status, "{text}");
        assert_eq!(desk.switch.counts().transactions, 0, "{text}");
        // The ACK of a refusal is for nobody.
        if *method == "INVITE" {
            let ack = text.replace("INVITE", "ACK");
            assert!(desk.ask(from(STRANGER), ack.as_bytes()).is_empty());
        }
        desk.wait(Duration::from_secs(40));
        assert!(desk.sent.is_empty(), "sent again: {:?}", desk.sent);
    }
}

#[test]
fn a_thousand_guessers_in_six_seconds_leave_no_trace_and_no_call_is_refused() {
    let mut desk = Desk::new(with_trunk());
    for number in 0..1_000 {
        let text = register(&format!("guess{number}"), 1, "sip:101@203.0.113.66", &[]);
        let answers = desk.ask(from(STRANGER), text.as_bytes());
        assert_eq!(answers.len(), 1);
        let length = answers[0].to_bytes().len();
        assert!(
            length < 2 * text.len(),
            "no amplifier: {length} octets for {}",
            text.len()
        );
        desk.wait(Duration::from_millis(6));
    }
    assert_eq!(desk.switch.counts().transactions, 0);
    let via = "SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bKcall";
    let call = invite(via, "sip:caller@198.51.100.7", &[]);
    assert!(
        desk.ask(from(CARRIER), call.as_bytes())
            .iter()
            .any(|one| one.status == 200)
    );
}

#[test]
fn a_wrong_password_is_refused_without_a_transaction_and_the_right_one_is_taken() {
    let mut desk = Desk::new(with_trunk());
    let contact = "sip:101@192.0.2.9:5062";
    let first = desk.ask(from(PHONE), register("r", 1, contact, &[]).as_bytes());
    let wrong = proof(&first[0], "OPTIONS", "sip:101@qaynar");
    let line = format!("Authorization: {wrong}");
    let text = register("r", 2, contact, &[&line]);
    assert_eq!(desk.ask(from(PHONE), text.as_bytes())[0].status, 401);
    assert_eq!(desk.switch.counts().transactions, 0);
    let line = format!(
        "Authorization: {}",
        proof(&first[0], "REGISTER", "sip:101@qaynar")
    );
    let text = register("r", 3, contact, &[&line]);
    assert_eq!(desk.ask(from(PHONE), text.as_bytes())[0].status, 200);
    // The repetition of a lost 200 is no replay.
    assert_eq!(desk.ask(from(PHONE), text.as_bytes())[0].status, 200);
    assert_eq!(desk.switch.counts().contacts, 1);
}

#[test]
fn large_messages_are_bounded_together_and_calls_can_still_end() {
    let mut layer = Layer::default();
    let incoming = |number: usize, to_tag| {
        let (id, branch) = (format!("call{number}"), format!("z9hG4bK{number}"));
        let old = OldFacts {
            request_uri: "sip:116111@qaynar",
            call_id: &id,
            from_tag: Some("a"),
            to_tag,
            cseq: 1,
        };
        let top = TopVia {
            branch: Some(&branch),
            sent_by: "198.51.100.7",
            whole: "",
        };
        Incoming {
            key: ServerKey::new(top, "OPTIONS", old),
            merge: MergeKey::new("OPTIONS", old),
            kind: Kind::Other,
        }
    };
    const LARGE: usize = 60_000;
    let mut taken = 0;
    while let Received::New { id, .. } =
        layer.receive_request(incoming(taken, None), from(CARRIER), Instant(0))
    {
        let bytes = vec![b'x'; LARGE].into();
        layer.respond(id, 200, bytes, Instant(0)).unwrap();
        while layer.poll().is_some() {}
        taken += 1;
    }
    let room = MAX_BYTES - RESERVED_BYTES;
    assert!(
        (room / 2..=room + LARGE).contains(&(taken * LARGE)),
        "{taken}"
    );
    let inside = layer.receive_request(incoming(taken, Some("ours")), from(CARRIER), Instant(0));
    assert!(
        matches!(inside, Received::New { .. }),
        "a BYE is still heard"
    );
    // All of the room comes back.
    layer.handle_timeout(Instant(40_000_000));
    assert!(matches!(
        layer.receive_request(incoming(0, None), from(CARRIER), Instant(40_000_000)),
        Received::New { .. }
    ));
}

// Item 10: the way of replies.

#[test]
fn a_trunk_without_rport_hears_at_its_vias_port_and_a_phone_at_its_source() {
    let mut desk = Desk::new(with_trunk());
    let options = |via: &str| {
        let lines = [
            via,
            "From: <sip:a@b>;tag=1",
            "To: <sip:116111@qaynar>",
            "Call-ID: o",
            "CSeq: 1 OPTIONS",
        ];
        request("OPTIONS", "116111", &lines, "")
    };
    let rows = [
        (
            "198.51.100.7:33000",
            "Via: SIP/2.0/UDP 198.51.100.7:5080;branch=z9hG4bK1",
            "198.51.100.7:5080",
        ),
        (
            "198.51.100.7:33000",
            "Via: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bK2",
            "198.51.100.7:5060",
        ),
        (
            "198.51.100.7:33000",
            "Via: SIP/2.0/UDP 198.51.100.7:5080;rport;branch=z9hG4bK3",
            "198.51.100.7:33000",
        ),
        (
            "192.0.2.9:33000",
            "Via: SIP/2.0/UDP 10.0.0.4:5080;branch=z9hG4bK4",
            "192.0.2.9:33000",
        ),
    ];
    for (source, via, expected) in rows {
        desk.sent.clear();
        desk.datagram(from(source), options(via).as_bytes());
        assert_eq!(desk.sent[0].0, from(expected), "{via}");
    }
}

// Item 15: a datagram that was not sent is one that got lost.

#[test]
fn one_datagram_that_could_not_be_sent_ends_no_call_and_is_sent_again() {
    let mut desk = Desk::new(with_trunk());
    connected(&mut desk, from(PHONE), "sip:101@192.0.2.9:5062");
    // The phone is asked before its session timer ends (RFC 4028).
    desk.sent.clear();
    let mut waited = 0;
    while desk
        .sent
        .iter()
        .all(|(_, one)| !matches!(one, Message::Request(_)))
    {
        desk.wait(Duration::from_secs(60));
        waited += 1;
        assert!(waited < 30, "nothing was asked in half an hour");
    }
    let flow = desk.sent[0].0;
    desk.sent.clear();
    desk.input(Input::SendFailed { flow });
    assert_eq!(desk.switch.counts().talking, 1);
    desk.wait(Duration::from_secs(1));
    assert!(
        desk.sent
            .iter()
            .any(|(_, one)| matches!(one, Message::Request(_)))
    );
}

// Item 9: the way of requests inside dialogs.

/// The ways of the BYEs that end a trunk's call whose INVITE came by `flow`.
fn last_way(flow: Flow, contact: &str, more: &[&str], closed: bool) -> Vec<Flow> {
    let mut desk = Desk::new(with_trunk());
    let transport = flow.transport.via_name();
    let via = format!("SIP/2.0/{transport} 198.51.100.7:5060;branch=z9hG4bKcall");
    desk.datagram(flow, invite(&via, contact, more).as_bytes());
    acknowledge(&mut desk, flow);
    if closed {
        let connection = flow.connection.unwrap();
        desk.input(Input::FlowClosed { connection });
    }
    desk.sent.clear();
    desk.input(Input::Command(qaynar::switch::Command::ShutDown));
    let ways = asked(&desk, Method::Bye);
    ways.into_iter().map(|(flow, _)| flow).collect()
}

#[test]
fn a_trunk_is_reached_where_its_contact_or_its_route_says() {
    let contact = "sip:caller@198.51.100.20:5070";
    let udp = from(CARRIER);
    assert_eq!(
        last_way(udp, contact, &[], false),
        [from("198.51.100.20:5070")]
    );
    let route = "Record-Route: <sip:198.51.100.30;lr>, <sip:198.51.100.31;lr>";
    assert_eq!(
        last_way(udp, contact, &[route], false),
        [from("198.51.100.30:5060")]
    );
    for vague in [
        "sip:caller@sbc.carrier.example",
        "sip:caller@10.1.2.3",
        "sip:caller@127.0.0.1",
    ] {
        assert_eq!(last_way(udp, vague, &[], false), [udp], "{vague}");
    }
}

#[test]
fn a_trunks_closed_connection_is_replaced_by_one_to_its_contact() {
    let flow = stream("198.51.100.7:41000", 5);
    let contact = "sip:caller@198.51.100.7:5060;transport=tcp";
    assert_eq!(last_way(flow, contact, &[], false), [flow], "it stands");
    let target = Flow {
        remote: CARRIER.parse().unwrap(),
        connection: None,
        ..flow
    };
    assert_eq!(last_way(flow, contact, &[], true), [target]);
}

#[test]
fn a_call_goes_on_when_its_phone_comes_back_by_another_connection() {
    let mut desk = Desk::new(with_trunk());
    let (old, new) = (stream("192.0.2.9:41000", 5), stream("192.0.2.9:41001", 6));
    let contact = "sip:101@192.0.2.9:41000;transport=tcp";
    connected(&mut desk, old, contact);
    let connection = ConnectionId(5);
    desk.input(Input::FlowClosed { connection });
    desk.input(Input::SendFailed { flow: old });
    assert_eq!(desk.switch.counts().talking, 1);
    registered(
        &mut desk,
        new,
        "again",
        "sip:101@192.0.2.9:41001;transport=tcp",
    );
    desk.sent.clear();
    // The session timer's refresh takes the new way, and so does the end.
    desk.wait(Duration::from_secs(910));
    let refresh = desk
        .sent
        .iter()
        .find(|(_, one)| matches!(one, Message::Request(_)));
    assert_eq!(refresh.unwrap().0, new);
    desk.sent.clear();
    desk.input(Input::Command(qaynar::switch::Command::ShutDown));
    let ways: Vec<Flow> = asked(&desk, Method::Bye)
        .into_iter()
        .map(|one| one.0)
        .collect();
    assert!(ways.contains(&new), "{ways:?}");
}

/// `[path.outside]` rings a number by the trunk.
fn with_a_number_outside() -> std::sync::Arc<qaynar::dialplan::Plan> {
    let text = "numbers = [\"116111\"]\nstart = \"outside\"\notherwise = \"outside\"\nlanguages = [\"az\"]\n\
        language_keys = {}\ntime_zone = \"Asia/Baku\"\n[path.outside]\nsteps = [{ ring = \"0125551234\", for = \"30s\" }]\n";
    let catalogue = qaynar::dialplan::Catalogue {
        on_trust: true,
        ..Default::default()
    };
    std::sync::Arc::new(
        qaynar::dialplan::load(&[("a.toml".into(), text.into())], &catalogue).unwrap(),
    )
}

#[test]
fn a_repeated_ack_goes_the_way_of_the_first() {
    let mut desk = Desk::new(with_trunk());
    desk.input(Input::Command(qaynar::switch::Command::Apply(
        with_a_number_outside(),
    )));
    let via = "SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bKcall";
    let call = invite(via, "sip:caller@198.51.100.7:5060", &[]);
    desk.datagram(from(CARRIER), call.as_bytes());
    acknowledge(&mut desk, from(CARRIER));
    let (_, ring) = asked(&desk, Method::Invite).pop().unwrap();
    // The carrier's media gateway answers for it.
    let accepted = accepts(&ring, "sip:gateway@198.51.100.20:5070");
    // Within the transaction's life, and after it.
    for wait in [0, 1, 60] {
        desk.wait(Duration::from_secs(wait));
        desk.sent.clear();
        desk.datagram(from(CARRIER), accepted.as_bytes());
        let ways: Vec<Flow> = asked(&desk, Method::Ack)
            .into_iter()
            .map(|ack| ack.0)
            .collect();
        assert_eq!(ways, [from("198.51.100.20:5070")], "after {wait} s");
    }
}

#[test]
fn a_call_outside_leaves_from_the_address_that_leads_to_the_trunk() {
    let place = |text: &str| (Transport::Udp, text.parse().unwrap());
    let listeners = vec![place("10.9.0.2:5060"), place("203.0.113.5:5060")];
    let mut desk = Desk::new(Settings {
        listeners,
        ..with_trunk()
    });
    desk.input(Input::Command(qaynar::switch::Command::Apply(
        with_a_number_outside(),
    )));
    let via = "SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bKcall";
    let call = invite(via, "sip:caller@198.51.100.7:5060", &[]);
    desk.datagram(from(CARRIER), call.as_bytes());
    let (question, host) = desk.questions.pop().unwrap();
    assert_eq!(host, Question::Host("198.51.100.7".into()));
    let address = Address {
        remote: "198.51.100.7".parse().unwrap(),
        local: Some("203.0.113.5".parse().unwrap()),
    };
    let answer = Answer::Addresses(vec![address]);
    desk.input(Input::Resolved { question, answer });
    let (flow, ring) = asked(&desk, Method::Invite).pop().unwrap();
    assert_eq!(flow.local, "203.0.113.5:5060".parse().unwrap());
    let via = ring.headers.text(Name::Via).unwrap();
    assert!(via.contains("203.0.113.5:5060"), "{via}");
}

// Phones that say nothing.

/// A peer's answer to a request of ours, without a body.
fn says(request: &Request, status: &str) -> String {
    let text = |name| request.headers.text(name).unwrap().into_owned();
    format!(
        "SIP/2.0 {status}\r\nVia: {}\r\nFrom: {}\r\nTo: {};tag=phone\r\nCall-ID: {}\r\nCSeq: {}\r\nContent-Length: 0\r\n\r\n",
        text(Name::Via),
        text(Name::From),
        text(Name::To),
        text(Name::CallId),
        text(Name::CSeq),
    )
}

/// The phone of 101 lost its power, and the first caller's ring for it is over.
fn with_a_silent_phone() -> Desk {
    let mut desk = Desk::new(with_trunk());
    on_shift(&mut desk, from(PHONE), "sip:101@192.0.2.9:5062");
    assert!(rung(&mut desk, "first", from(PHONE)).is_some());
    // The caller, who never sent an ACK, is gone by then too.
    desk.wait(Duration::from_secs(60));
    let counts = desk.switch.counts();
    assert_eq!(counts.calls, 0);
    assert_eq!((counts.contacts, counts.silent, counts.free), (1, 1, 0));
    assert!(desk.alarms().contains(&"phone-silent".to_owned()));
    desk
}

#[test]
fn a_silent_phone_is_passed_by_until_it_answers_options() {
    let mut desk = with_a_silent_phone();
    assert!(rung(&mut desk, "second", from(PHONE)).is_none());
    // It is asked again and again.
    desk.wait(Duration::from_secs(100));
    desk.sent.clear();
    desk.wait(Duration::from_secs(5));
    let (way, question) = asked(&desk, Method::Options).pop().unwrap();
    assert_eq!(way, from(PHONE));
    // Whatever it says, it lives.
    desk.datagram(from(PHONE), says(&question, "405 No").as_bytes());
    assert_eq!(desk.switch.counts().silent, 0);
    desk.sent.clear();
    desk.wait(Duration::from_secs(120));
    assert!(asked(&desk, Method::Options).is_empty());
    assert!(rung(&mut desk, "third", from(PHONE)).is_some());
}

#[test]
fn a_silent_phone_that_registers_again_is_rung_again() {
    let mut desk = with_a_silent_phone();
    registered(&mut desk, from(PHONE), "again", "sip:101@192.0.2.9:5062");
    assert_eq!(desk.switch.counts().silent, 0);
    // Also the question that is under way changes nothing when it finds nobody.
    desk.wait(Duration::from_secs(60));
    assert_eq!(desk.switch.counts().free, 1);
    assert!(rung(&mut desk, "second", from(PHONE)).is_some());
}

#[test]
fn a_silent_phone_is_asked_no_longer_than_its_binding_stands() {
    let mut desk = with_a_silent_phone();
    desk.wait(Duration::from_secs(3_640));
    assert_eq!(desk.switch.counts().silent, 0);
    desk.sent.clear();
    desk.wait(Duration::from_secs(600));
    assert!(asked(&desk, Method::Options).is_empty());
}

#[test]
fn a_phone_that_rings_unanswered_is_not_a_silent_one() {
    let mut desk = Desk::new(with_trunk());
    on_shift(&mut desk, from(PHONE), "sip:101@192.0.2.9:5062");
    let ring = rung(&mut desk, "first", from(PHONE)).unwrap();
    desk.datagram(from(PHONE), says(&ring, "100 Trying").as_bytes());
    desk.wait(Duration::from_secs(16));
    assert_eq!(desk.switch.counts().silent, 0);
    assert!(asked(&desk, Method::Options).is_empty());
}
