//! Transports in virtual time: who a certificate is, what must not go in the clear, which family audio is
//! of, and requests too large for a datagram.

#![allow(clippy::unwrap_used, reason = "a test that fails says so")]

mod desk;

use std::time::Duration;

use desk::{Desk, PASSWORD, from, settings};
use qaynar::event::What;
use qaynar::sip::digest::Challenge;
use qaynar::sip::flow::{ConnectionId, Flow, Transport};
use qaynar::sip::message::{Message, Method, Name, Request};
use qaynar::sip::uri::Uri;
use qaynar::switch::{Counts, Input, Settings, Trunk};

const SDP: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8\r\n";
/// Nobody's address.
const SOMEWHERE: &str = "203.0.113.66:40001";

/// A trunk that shows a certificate.
fn trunk() -> Trunk {
    Trunk {
        tls_identity: Some("carrier.az".into()),
        ..Trunk::named("carrier")
    }
}

/// The desk's settings with TLS too.
fn secure(trunks: Vec<Trunk>) -> Settings {
    let mut settings = settings();
    let local = "127.0.0.1:5061".parse().unwrap();
    settings.listeners.push((Transport::Tls, local));
    Settings { trunks, ..settings }
}

/// A connection by TLS.
fn tls(remote: &str, connection: u64) -> Flow {
    Flow {
        transport: Transport::Tls,
        local: "127.0.0.1:5061".parse().unwrap(),
        connection: Some(ConnectionId(connection)),
        ..from(remote)
    }
}

fn request(method: &str, uri: &str, lines: &[&str], body: &str) -> Vec<u8> {
    let mut text = format!("{method} {uri} SIP/2.0\r\nMax-Forwards: 70\r\n");
    for line in lines {
        text.push_str(&format!("{line}\r\n"));
    }
    if !body.is_empty() {
        text.push_str("Content-Type: application/sdp\r\n");
    }
    format!("{text}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// A call to the helpline.
fn invite(uri: &str, id: &str, contact: &str, body: &str) -> Vec<u8> {
    let lines = [
        format!("Via: SIP/2.0/UDP host;rport;branch=z9hG4bK{id}"),
        "From: <sip:0501234567@carrier>;tag=theirs".into(),
        format!("To: <{uri}>"),
        format!("Call-ID: {id}"),
        "CSeq: 1 INVITE".into(),
        format!("Contact: <{contact}>"),
    ];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    request("INVITE", uri, &lines, body)
}

fn status(desk: &mut Desk, flow: Flow, bytes: &[u8]) -> u16 {
    let answers = desk.ask(flow, bytes);
    answers.last().unwrap().status
}

#[test]
fn a_connection_whose_certificate_names_a_trunk_is_the_trunks_until_it_closes() {
    let mut desk = Desk::new(secure(vec![trunk()]));
    let way = tls(SOMEWHERE, 7);
    let call = |id: &str| {
        invite(
            "sip:116111@qaynar",
            id,
            "sip:c@carrier.az;transport=tls",
            SDP,
        )
    };
    assert_eq!(status(&mut desk, way, &call("1")), 407, "nothing is proved");
    let proved = |names: &[&str]| Input::Proved {
        connection: ConnectionId(7),
        names: names.iter().map(|name| (*name).to_owned()).collect(),
    };
    desk.input(proved(&["other.az"]));
    assert_eq!(status(&mut desk, way, &call("2")), 407, "another's name");
    desk.input(proved(&["other.az", "carrier.az"]));
    assert_eq!(
        status(&mut desk, tls(SOMEWHERE, 8), &call("3")),
        407,
        "another connection"
    );
    assert_eq!(status(&mut desk, way, &call("4")), 200);
    let trunk = desk.events.iter().find_map(|event| match &event.what {
        What::Arrived { trunk, .. } => Some(trunk.to_string()),
        _ => None,
    });
    assert_eq!(trunk.as_deref(), Some("carrier"));
    desk.input(Input::FlowClosed {
        connection: ConnectionId(7),
    });
    assert_eq!(
        status(&mut desk, way, &call("5")),
        407,
        "its number may be anybody's"
    );
}

#[test]
fn contacts_are_sips_where_the_dialog_is_and_name_tls_where_the_way_is() {
    let mut desk = Desk::new(secure(vec![trunk()]));
    desk.input(Input::Proved {
        connection: ConnectionId(7),
        names: vec!["carrier.az".into()],
    });
    let mut contact = |uri: &str, id: &str, theirs: &str| {
        let answers = desk.ask(tls(SOMEWHERE, 7), &invite(uri, id, theirs, SDP));
        let answer = answers.last().unwrap();
        assert_eq!(answer.status, 200);
        answer.headers.text(Name::Contact).unwrap().to_string()
    };
    let plain = "sip:c@carrier.az;transport=tls";
    assert_eq!(
        contact("sip:116111@qaynar", "1", plain),
        "<sip:qaynar@127.0.0.1:5061;transport=tls>"
    );
    // RFC 3261 §12.1.1.
    assert_eq!(
        contact("sips:116111@qaynar", "2", plain),
        "<sips:qaynar@127.0.0.1:5061>"
    );
    assert_eq!(
        contact("sip:116111@qaynar", "3", "sips:c@carrier.az"),
        "<sips:qaynar@127.0.0.1:5061>"
    );
}

/// Operator 101 registers by a way, with the proof.
fn registered(desk: &mut Desk, flow: Flow, id: &str, contact: &str) {
    desk.wait(Duration::from_millis(1)); // A nonce of its own.
    let register = |number: u32, proof: &str| {
        let via = flow.transport.via_name();
        let lines = [
            format!("Via: SIP/2.0/{via} host;rport;branch=z9hG4bK{id}{number}"),
            "From: <sip:101@qaynar>;tag=phone".into(),
            "To: <sip:101@qaynar>".into(),
            format!("Call-ID: {id}"),
            format!("CSeq: {number} REGISTER"),
            format!("Contact: <{contact}>"),
            format!("Authorization: {proof}"),
        ];
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let lines = if proof.is_empty() {
            &lines[..6]
        } else {
            &lines
        };
        request("REGISTER", "sip:qaynar", lines, "")
    };
    let asked = desk.ask(flow, &register(1, ""));
    let values = asked[0].headers.fields(&Name::WwwAuthenticate);
    let challenge = Challenge::best(values.map(String::from_utf8_lossy)).unwrap();
    let proof = challenge.answer("101", PASSWORD, "REGISTER", "sip:qaynar", "own");
    assert_eq!(status(desk, flow, &register(2, &proof)), 200);
}

/// Requests of ours with this method that went out, with their ways.
fn sent(desk: &Desk, method: Method) -> Vec<(Flow, Request)> {
    let of = |(flow, message): &(Flow, Message)| match message {
        Message::Request(request) if request.method == method => Some((*flow, request.clone())),
        _ => None,
    };
    desk.sent.iter().filter_map(of).collect()
}

/// Operator 101, who has registered, dials the code that takes one on shift, by an INVITE that is proved.
fn on_shift(desk: &mut Desk, flow: Flow) {
    let dial = |number: u32, proof: &str| {
        let lines = [
            format!("Via: SIP/2.0/TLS host;rport;branch=z9hG4bKcode{number}"),
            "From: <sip:101@qaynar>;tag=code".into(),
            "To: <sip:*11@qaynar>".into(),
            "Call-ID: code".into(),
            format!("CSeq: {number} INVITE"),
            "Contact: <sip:101@192.0.2.9>".into(),
            format!("Proxy-Authorization: {proof}"),
        ];
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let lines = if proof.is_empty() {
            &lines[..6]
        } else {
            &lines
        };
        request("INVITE", "sip:*11@qaynar", lines, SDP)
    };
    desk.wait(Duration::from_millis(1));
    let asked = desk.ask(flow, &dial(1, ""));
    let values = asked[0].headers.fields(&Name::ProxyAuthenticate);
    let challenge = Challenge::best(values.map(String::from_utf8_lossy)).unwrap();
    let proof = challenge.answer("101", PASSWORD, "INVITE", "sip:*11@qaynar", "own");
    assert_eq!(status(desk, flow, &dial(2, &proof)), 200);
    desk.wait(Duration::from_secs(40));
}

#[test]
fn a_phone_registered_by_tls_is_rung_by_its_connection_and_nothing_of_it_goes_in_the_clear() {
    let carrier = Trunk {
        sources: vec!["198.51.100.0/24".parse().unwrap()],
        ..trunk()
    };
    let mut desk = Desk::new(secure(vec![carrier]));
    let phone = tls("192.0.2.9:40009", 9);
    registered(&mut desk, phone, "tls", "sips:101@192.0.2.9:40009");
    on_shift(&mut desk, phone);
    desk.sent.clear();
    let caller = invite("sip:116111@qaynar", "call", "sip:c@198.51.100.7", SDP);
    desk.datagram(from("198.51.100.7:5060"), &caller);
    let rung = sent(&desk, Method::Invite);
    let (way, invite) = rung.first().expect("it rings");
    assert_eq!(*way, phone);
    assert!(invite.uri.is_sips());
    let header = |name| invite.headers.text(name).unwrap().to_string();
    assert!(
        header(Name::Via).starts_with("SIP/2.0/TLS 127.0.0.1:5061;"),
        "{}",
        header(Name::Via)
    );
    assert_eq!(header(Name::Contact), "<sips:qaynar@127.0.0.1:5061>");
    // Its connection closes and another phone of the operator is there by UDP: what is left of the ring
    // does not go there.
    let other = from("192.0.2.10:5062");
    registered(&mut desk, other, "udp", "sip:101@192.0.2.10:5062");
    desk.sent.clear();
    desk.input(Input::FlowClosed {
        connection: ConnectionId(9),
    });
    desk.input(Input::SendFailed { flow: phone });
    desk.wait(Duration::from_secs(60));
    let of_the_ring =
        |request: &Request| request.headers.call_id().unwrap() == invite.headers.call_id().unwrap();
    let all = [Method::Invite, Method::Cancel, Method::Bye, Method::Ack];
    let strayed = all.into_iter().flat_map(|method| sent(&desk, method));
    for (way, request) in strayed.filter(|(_, request)| of_the_ring(request)) {
        assert_eq!(way.transport, Transport::Tls, "{request:?}");
    }
}

#[test]
fn audio_is_of_the_family_that_the_offer_names() {
    let ip6 = SDP.replace("IP4 127.0.0.1", "IP6 ::1");
    // With a listener by IPv6 an offer of it that came by IPv4 has an answer of it, and the reverse.
    let mut both = settings();
    both.listeners
        .push((Transport::Udp, "[::1]:5060".parse().unwrap()));
    let mut desk = Desk::new(both);
    let by_ip4 = from("127.0.0.1:40000");
    let by_ip6 = Flow {
        local: "[::1]:5060".parse().unwrap(),
        ..from("[::1]:40000")
    };
    let ways = [
        (by_ip4, ip6.as_str(), "c=IN IP6 ::1\r\n"),
        (by_ip6, SDP, "c=IN IP4 127.0.0.1\r\n"),
        (by_ip6, ip6.as_str(), "c=IN IP6 ::1\r\n"),
        (by_ip4, SDP, "c=IN IP4 127.0.0.1\r\n"),
    ];
    for (number, (way, offer, wanted)) in ways.into_iter().enumerate() {
        let call = invite(
            "sip:116111@qaynar",
            &number.to_string(),
            "sip:c@127.0.0.1",
            offer,
        );
        let answers = desk.ask(way, &call);
        let answer = answers.last().unwrap();
        assert_eq!(answer.status, 200, "{number}");
        let body = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(body.contains(wanted), "{number}: {body}");
        let contact = answer.headers.text(Name::Contact).unwrap().to_string();
        assert_eq!(
            contact.contains("@[::1]:5060>"),
            way.local.is_ipv6(),
            "{contact}"
        );
    }
    // Without one the peer is told which addresses are understood (RFC 3261 §20.43).
    let mut desk = Desk::new(settings());
    let call = invite("sip:116111@qaynar", "ip6", "sip:c@127.0.0.1", &ip6);
    let answers = desk.ask(by_ip4, &call);
    let refusal = answers.last().unwrap();
    assert_eq!(refusal.status, 488);
    let warning = refusal.headers.text(Name::Warning).unwrap().to_string();
    assert!(warning.starts_with("301 "), "{warning}");
    desk.wait(Duration::from_secs(64));
    let untouched = Desk::new(settings()).switch.counts();
    let one_refused = Counts {
        refused: 1,
        ..untouched
    };
    assert_eq!(desk.switch.counts(), one_refused);
}

#[test]
fn behind_nat_the_address_outside_is_told_to_its_own_family_alone() {
    let settings = Settings {
        advertise: vec![[203, 0, 113, 5].into()],
        ..settings()
    };
    let address = |remote: &str, local: &str| {
        settings.address_for(remote.parse().unwrap(), local.parse().unwrap())
    };
    assert_eq!(
        address("198.51.100.7", "10.0.0.2").to_string(),
        "203.0.113.5"
    );
    assert_eq!(
        address("2001:db8::7", "2001:db8::2").to_string(),
        "2001:db8::2"
    );
}

/// A call in progress by the trunk whose Record-Route is so long that no request in it fits a datagram.
fn large_dialog(peer: Option<&str>) -> (Desk, Flow) {
    let carrier = Trunk {
        sources: vec!["198.51.100.0/24".parse().unwrap()],
        peer: peer.map(|peer| Uri::parse(peer).unwrap()),
        ..trunk()
    };
    let mut desk = Desk::new(secure(vec![carrier]));
    let way = from("198.51.100.7:5060");
    let route = format!("Record-Route: <sip:198.51.100.7;lr;{}>", "x".repeat(1_300));
    let lines = [
        "Via: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bKa",
        "From: <sip:0501234567@carrier>;tag=theirs",
        "To: <sip:116111@qaynar>",
        "Call-ID: large",
        "CSeq: 1 INVITE",
        "Contact: <sip:c@198.51.100.7>",
        route.as_str(),
    ];
    let answers = desk.ask(way, &request("INVITE", "sip:116111@qaynar", &lines, SDP));
    let answer = answers.last().unwrap();
    assert_eq!(answer.status, 200);
    let to = format!("To: {}", answer.headers.text(Name::To).unwrap());
    let ack = [
        "Via: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bKb",
        lines[1],
        to.as_str(),
        lines[3],
        "CSeq: 1 ACK",
    ];
    desk.datagram(way, &request("ACK", "sip:qaynar@127.0.0.1", &ack, ""));
    desk.sent.clear();
    desk.input(Input::Command(qaynar::switch::Command::ShutDown));
    (desk, way)
}

#[test]
fn a_request_too_large_for_a_datagram_goes_by_tcp_and_as_a_datagram_where_that_is_refused() {
    let (mut desk, way) = large_dialog(None);
    let byes = sent(&desk, Method::Bye);
    let (by, bye) = byes.first().expect("a BYE");
    assert_eq!(
        (by.transport, by.remote, by.connection),
        (Transport::Tcp, way.remote, None)
    );
    let via = bye.headers.text(Name::Via).unwrap().to_string();
    assert!(
        via.starts_with("SIP/2.0/TCP "),
        "RFC 3261 §18.1.1: the Via names what is used: {via}"
    );
    let by = *by;
    desk.sent.clear();
    desk.input(Input::SendFailed { flow: by });
    let again = sent(&desk, Method::Bye);
    let (by, same) = again.first().expect("the BYE again");
    assert_eq!((by.transport, by.remote), (Transport::Udp, way.remote));
    assert_eq!(same.headers.cseq().unwrap(), bye.headers.cseq().unwrap());
    let via = same.headers.text(Name::Via).unwrap().to_string();
    assert!(via.starts_with("SIP/2.0/UDP "), "{via}");
    desk.sent.clear();
    desk.input(Input::SendFailed { flow: *by });
    assert!(
        sent(&desk, Method::Bye)
            .iter()
            .all(|(by, _)| by.transport == Transport::Udp)
    );
}

#[test]
fn a_trunk_that_is_written_with_udp_gets_datagrams_of_any_size() {
    let (desk, _) = large_dialog(Some("sip:198.51.100.7;transport=udp"));
    assert_eq!(sent(&desk, Method::Bye)[0].0.transport, Transport::Udp);
    let (desk, _) = large_dialog(Some("sip:198.51.100.7"));
    assert_eq!(sent(&desk, Method::Bye)[0].0.transport, Transport::Tcp);
}
