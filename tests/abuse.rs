//! Who guesses passwords or scans is slowed and then refused, and nobody else; strangers reach nothing.

#![allow(clippy::unwrap_used, reason = "a test that fails says so")]

mod desk;

use std::sync::Arc;
use std::time::Duration;

use desk::{Desk, PASSWORD, from, settings};
use qaynar::event::What;
use qaynar::sip::digest::Challenge;
use qaynar::sip::flow::{ConnectionId, Flow, Transport};
use qaynar::sip::message::Name;
use qaynar::switch::{
    Ban, BanSettings, Command, Input, Output, Scanner, Scanners, Settings, Trunk,
};

const STRANGER: &str = "203.0.113.66:5060";
const NETWORK: &str = "203.0.113.67:5060";
const CARRIER: &str = "198.51.100.7:5060";

/// The desk's settings with one trunk, so that loopback is nobody.
fn with_trunk() -> Settings {
    let trunk = Trunk {
        sources: vec!["198.51.100.0/24".parse().unwrap()],
        ..Trunk::named("azercell")
    };
    let scanner = Scanner {
        name: "sipvicious".into(),
        user_agent: vec!["friendly-scanner".into()],
        ..Scanner::default()
    };
    let scanners = Scanners {
        known: vec![scanner],
        names: 20,
    };
    Settings {
        trunks: vec![trunk],
        bans: BanSettings {
            scanners: Arc::new(scanners),
            ..BanSettings::default()
        },
        ..settings()
    }
}

fn by(transport: Transport, remote: &str) -> Flow {
    Flow {
        transport,
        connection: (transport != Transport::Udp).then_some(ConnectionId(1)),
        ..from(remote)
    }
}

fn stream(remote: &str) -> Flow {
    by(Transport::Tcp, remote)
}

fn register(user: &str, number: usize, more: &str) -> String {
    format!(
        "REGISTER sip:qaynar SIP/2.0\r\nMax-Forwards: 70\r\n\
         Via: SIP/2.0/UDP 203.0.113.66;rport;branch=z9hG4bK{user}-{number}\r\n\
         From: <sip:{user}@qaynar>;tag=phone\r\nTo: <sip:{user}@qaynar>\r\nCall-ID: {user}\r\n\
         CSeq: {number} REGISTER\r\nContact: <sip:{user}@203.0.113.66:5070>\r\n{more}Content-Length: 0\r\n\r\n"
    )
}

/// The nonce's challenge, as a line of proof for it.
fn proof(desk: &mut Desk, flow: Flow, user: &str, password: &str, number: usize) -> String {
    desk.wait(Duration::from_millis(1)); // A nonce of its own.
    let asked = desk.ask(flow, register(user, 2 * number, "").as_bytes());
    let values = asked[0].headers.fields(&Name::WwwAuthenticate);
    let challenge = Challenge::best(values.map(String::from_utf8_lossy)).unwrap();
    let proof = challenge.answer(user, password, "REGISTER", "sip:qaynar", "own");
    format!("Authorization: {proof}\r\n")
}

/// One attempt with its challenge: the final status.
fn attempt(desk: &mut Desk, flow: Flow, user: &str, password: &str, number: usize) -> u16 {
    let line = proof(desk, flow, user, password, number);
    desk.ask(flow, register(user, 2 * number + 1, &line).as_bytes())[0].status
}

fn guesses(desk: &mut Desk, flow: Flow, user: &str) -> Vec<u16> {
    let one = |number| attempt(desk, flow, user, "wrong", number);
    (1..=15).map(one).collect()
}

/// The bans that the shell was told of.
fn banned(desk: &Desk) -> Vec<(String, Option<String>)> {
    let ban = |output: &Output| match output {
        Output::Ban { ban, .. } => Some((ban.source.to_string(), ban.user.clone())),
        _ => None,
    };
    desk.guarded.iter().filter_map(ban).collect()
}

/// Ten are taken for mistakes.
fn ten_and_then_refused() -> Vec<u16> {
    [&[401; 10][..], &[403; 5]].concat()
}

#[test]
fn a_guesser_by_tcp_is_refused_and_learns_not_whether_there_is_such_an_operator() {
    let mut desk = Desk::new(with_trunk());
    let there = guesses(&mut desk, stream(STRANGER), "101");
    assert_eq!(there, ten_and_then_refused());
    assert_eq!(guesses(&mut desk, stream(STRANGER), "nobody"), there);
    // The right password changes nothing there, and all elsewhere.
    let right = |desk: &mut Desk, flow| attempt(desk, flow, "101", PASSWORD, 50);
    assert_eq!(right(&mut desk, stream(STRANGER)), 403);
    assert_eq!(right(&mut desk, stream(NETWORK)), 200);
    desk.wait(Duration::from_secs(601));
    assert_eq!(
        attempt(&mut desk, stream(STRANGER), "101", PASSWORD, 60),
        200
    );
}

#[test]
fn guesses_are_paused_ever_longer_before_they_are_refused() {
    let mut desk = Desk::new(with_trunk());
    guesses(&mut desk, stream(STRANGER), "101");
    let pause = |output: &Output| match output {
        Output::Slow { time, whole, .. } => Some((time.as_millis(), *whole)),
        _ => None,
    };
    let pauses: Vec<_> = desk.guarded.iter().filter_map(pause).collect();
    let expected = [500, 1000, 2000, 4000, 8000, 8000].map(|time| (time, true));
    assert_eq!(pauses, expected, "the first three may be mistakes");
    assert!(
        matches!(desk.guarded[6], Output::Ban { .. }),
        "{:?}",
        desk.guarded
    );
}

#[test]
fn a_datagram_bans_nobody_unless_its_nonce_was_sent_to_its_very_address() {
    let mut desk = Desk::new(with_trunk());
    // A nonce of his own, sent on under the address of a phone that he would have banned.
    for number in 1..=30 {
        let line = proof(&mut desk, from(STRANGER), "101", "wrong", number);
        let text = register("101", 2 * number + 1, &line);
        assert_eq!(desk.ask(from(NETWORK), text.as_bytes())[0].status, 401);
    }
    assert_eq!(banned(&desk), []);
    assert_eq!(attempt(&mut desk, from(NETWORK), "101", PASSWORD, 50), 200);
    // Whoever answers what he was asked hears us there.
    assert_eq!(
        guesses(&mut desk, from(STRANGER), "102"),
        ten_and_then_refused()
    );
    assert_eq!(banned(&desk), [("203.0.113.66".into(), Some("102".into()))]);
}

#[test]
fn a_trunk_and_a_network_that_is_never_banned_may_guess_for_ever() {
    let mut settings = with_trunk();
    settings.bans.never = vec!["203.0.113.67/32".parse().unwrap()];
    let mut desk = Desk::new(settings);
    for remote in [CARRIER, NETWORK] {
        assert_eq!(guesses(&mut desk, stream(remote), "102"), [401; 15]);
    }
    // A WebSocket is no trunk's, but its address may be.
    let browser = by(Transport::Wss, CARRIER);
    assert_eq!(guesses(&mut desk, browser, "102"), [401; 15]);
    assert!(desk.guarded.is_empty(), "{:?}", desk.guarded);
}

#[test]
fn behind_the_nat_of_a_registered_phone_one_name_is_refused_and_no_other() {
    let mut desk = Desk::new(with_trunk());
    let phone = from(STRANGER);
    assert_eq!(attempt(&mut desk, phone, "101", PASSWORD, 50), 200);
    let guesser = stream("203.0.113.66:999");
    assert_eq!(guesses(&mut desk, guesser, "102"), ten_and_then_refused());
    assert_eq!(
        guesses(&mut desk, guesser, "101"),
        [401; 15],
        "101 lives there"
    );
    for name in 200..280 {
        guesses(&mut desk, guesser, &name.to_string());
    }
    assert!(banned(&desk).iter().all(|(_, user)| user.is_some()));
    let of_all = |output: &Output| matches!(output, Output::Slow { whole: true, .. });
    assert!(
        !desk.guarded.iter().any(of_all),
        "nor is the address slowed"
    );
    assert_eq!(attempt(&mut desk, phone, "101", PASSWORD, 60), 200);
}

#[test]
fn who_tries_many_names_is_not_heard_any_more() {
    let mut desk = Desk::new(with_trunk());
    for number in 0..50 {
        let name = format!("n{}", number % 10);
        let status = attempt(&mut desk, stream(STRANGER), &name, "wrong", number + 1);
        assert_eq!(status, 401);
    }
    assert_eq!(banned(&desk), [("203.0.113.66".into(), None)]);
    let text = register("101", 200, "");
    assert!(desk.ask(stream(STRANGER), text.as_bytes()).is_empty());
    assert!(desk.ask(from(STRANGER), text.as_bytes()).is_empty());
    assert_eq!(desk.ask(stream(NETWORK), text.as_bytes())[0].status, 401);
}

#[test]
fn a_scanner_gets_no_answer_and_by_a_connection_it_is_banned() {
    let mut desk = Desk::new(with_trunk());
    let agent = "User-Agent: Friendly-Scanner\r\n";
    for number in 1..=20 {
        let text = register("100", number, agent);
        assert!(desk.ask(from(STRANGER), text.as_bytes()).is_empty());
        assert_eq!(desk.ask(from(CARRIER), text.as_bytes())[0].status, 401);
    }
    assert!(desk.guarded.is_empty(), "nor is the address slowed");
    for number in 21..=25 {
        let text = register("100", number, agent);
        assert!(desk.ask(stream(STRANGER), text.as_bytes()).is_empty());
    }
    assert_eq!(banned(&desk), [("203.0.113.66".into(), None)]);
    let bans = desk.switch.bans(desk.now);
    assert_eq!(bans[0].why, "scanned (sipvicious)");
}

#[test]
fn who_asks_for_many_names_sweeps_and_a_house_of_phones_does_not() {
    let mut desk = Desk::new(with_trunk());
    for round in 1..=30 {
        for name in ["101", "102"] {
            let status = attempt(&mut desk, stream(NETWORK), name, PASSWORD, round);
            assert_eq!(status, 200);
        }
    }
    for number in 1..=20 {
        let text = register(&format!("{}", 100 + number), number, "");
        assert_eq!(desk.ask(stream(STRANGER), text.as_bytes())[0].status, 401);
    }
    assert_eq!(banned(&desk), [("203.0.113.66".into(), None)]);
    let bans = desk.switch.bans(desk.now);
    assert_eq!(bans[0].why, "asked for 20 names");
}

#[test]
fn a_ban_outlives_a_restart_and_ends_when_it_is_lifted() {
    let mut desk = Desk::new(with_trunk());
    guesses(&mut desk, stream(STRANGER), "101");
    let kept = serde_json::to_string(&desk.switch.bans(desk.now)).unwrap();
    let bans: Vec<Ban> = serde_json::from_str(&kept).unwrap();
    let mut desk = Desk::new(with_trunk());
    desk.wait(Duration::from_secs(60));
    desk.input(Input::Command(Command::Bans(bans.clone())));
    assert_eq!(
        attempt(&mut desk, stream(STRANGER), "101", PASSWORD, 1),
        403
    );
    let lift = |user: &str| {
        Input::Command(Command::LiftBans {
            source: bans[0].source,
            user: Some(user.into()),
        })
    };
    desk.input(lift("102"));
    assert_eq!(
        attempt(&mut desk, stream(STRANGER), "101", PASSWORD, 2),
        403
    );
    desk.input(lift("101"));
    assert_eq!(
        attempt(&mut desk, stream(STRANGER), "101", PASSWORD, 3),
        200
    );
    let lifted =
        |output: &Output| matches!(output, Output::Lift { user: Some(user), .. } if user == "101");
    assert!(desk.guarded.iter().any(lifted));
}

#[test]
fn the_journal_tells_of_bans_and_names_neither_addresses_nor_what_strangers_call_themselves() {
    let mut desk = Desk::new(with_trunk());
    guesses(&mut desk, stream(STRANGER), "101");
    guesses(&mut desk, stream(STRANGER), "0505550123");
    let told: Vec<_> = desk
        .events
        .iter()
        .filter(|event| matches!(&event.what, What::Banned { .. } | What::Alarm { .. }))
        .collect();
    assert!(
        matches!(&told[0].what, What::Banned { operator: Some(who), .. } if who.as_str() == "101")
    );
    assert!(
        matches!(&told[2].what, What::Banned { operator: None, .. }),
        "{told:?}"
    );
    assert_eq!(desk.alarms(), ["banned"], "one a minute");
    let text = serde_json::to_string(&desk.events).unwrap();
    assert!(
        !text.contains("203.0.113") && !text.contains("0505550123"),
        "{text}"
    );
}

// ── What strangers reach ─────────────────────────────────────────────────────────────────────────

const SDP: &str = "v=0\r\no=- 1 1 IN IP4 203.0.113.66\r\ns=-\r\nc=IN IP4 203.0.113.66\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8\r\n";

fn invite(number: &str, call: &str) -> String {
    format!(
        "INVITE sip:{number}@qaynar SIP/2.0\r\nMax-Forwards: 70\r\n\
         Via: SIP/2.0/UDP 203.0.113.66;rport;branch=z9hG4bK{call}\r\nFrom: <sip:0505550123@qaynar>;tag=c\r\n\
         To: <sip:{number}@qaynar>\r\nCall-ID: {call}\r\nCSeq: 1 INVITE\r\nContact: <sip:c@203.0.113.66>\r\n\
         P-Asserted-Identity: <sip:101@qaynar>\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{SDP}",
        SDP.len()
    )
}

#[test]
fn a_call_without_a_proof_comes_in_by_a_trunk_alone_whatever_it_dials() {
    let all = [
        Transport::Udp,
        Transport::Tcp,
        Transport::Tls,
        Transport::Ws,
        Transport::Wss,
    ];
    let dialled = [
        "116111",
        "0506802280",
        "101",
        "*11",
        "112",
        "0501234567",
        "children",
        "+442071234567",
    ];
    let mut desk = Desk::new(with_trunk());
    for (at, transport) in all.into_iter().enumerate() {
        for number in dialled {
            let text = invite(number, &format!("s{at}{}", number.len()));
            let answers = desk.ask(by(transport, STRANGER), text.as_bytes());
            let told: Vec<u16> = answers.iter().map(|one| one.status).collect();
            assert_eq!(told, [407], "{transport} {number}");
        }
        // A page in a browser on a carrier's machine is no carrier.
        if transport.is_websocket() {
            let text = invite("116111", &format!("w{at}"));
            let told = desk.ask(by(transport, CARRIER), text.as_bytes());
            assert_eq!(told[0].status, 407, "{transport}");
        }
    }
    let counts = desk.switch.counts();
    assert_eq!((counts.calls, counts.legs, counts.ports), (0, 0, 0));
}

#[test]
fn a_trunk_reaches_the_helpline_alone_and_neither_operators_nor_codes_nor_numbers_outside() {
    let mut desk = Desk::new(with_trunk());
    assert_eq!(attempt(&mut desk, from(STRANGER), "101", PASSWORD, 1), 200);
    for (at, number) in ["101", "112", "0501234567", "+442071234567"]
        .iter()
        .enumerate()
    {
        let text = invite(number, &format!("t{at}"));
        let answers = desk.ask(from(CARRIER), text.as_bytes());
        assert!(
            answers.iter().any(|one| one.status == 200),
            "{number}: a child is heard"
        );
        assert!(desk.requests().is_empty(), "{number}: nobody is called");
        let alarm = desk.alarms();
        assert_eq!(
            alarm.last().map(String::as_str),
            Some("unknown-number"),
            "{number}"
        );
    }
    let text = invite("*11", "code");
    let refused = desk.ask(from(CARRIER), text.as_bytes());
    assert_eq!(refused[0].status, 407);
    assert_eq!(desk.switch.counts().calls, 4);
}

// ── Limits, each with its answer ─────────────────────────────────────────────────────────────────

#[test]
fn a_message_that_is_too_much_in_any_way_is_told_so() {
    let mut desk = Desk::new(with_trunk());
    let via = "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK9\r\n";
    for (what, more) in [
        ("headers", "X-Own: 1\r\n".repeat(300)),
        ("a line", format!("X-Own: {}\r\n", "x".repeat(17_000))),
        ("hops", via.repeat(71)),
        ("contacts", "Contact: <sip:a@192.0.2.1>\r\n".repeat(33)),
    ] {
        let text = register("101", 1, &more);
        let told = desk.ask(from(STRANGER), text.as_bytes());
        assert_eq!(told[0].status, 513, "{what}");
    }
    let counts = desk.switch.counts();
    assert_eq!((counts.transactions, counts.contacts), (0, 0));
}

#[test]
fn an_operator_has_ten_phones_and_eight_subscriptions_and_the_next_is_refused() {
    let mut desk = Desk::new(with_trunk());
    let mut statuses = Vec::new();
    for number in 1..=11 {
        let flow = from(STRANGER);
        let line = proof(&mut desk, flow, "101", PASSWORD, number);
        let text = register("101", 2 * number + 1, &line);
        let text = text.replace(
            "sip:101@203.0.113.66:5070",
            &format!("sip:101@203.0.113.66:{}", 6_000 + number),
        );
        statuses.push(desk.ask(flow, text.as_bytes())[0].status);
    }
    assert_eq!(statuses, [&[200; 10][..], &[403]].concat());
    assert_eq!(desk.switch.counts().contacts, 10);
    assert!(desk.alarms().contains(&"too-many-contacts".to_owned()));
    let mut statuses = Vec::new();
    for number in 1..=9 {
        desk.wait(Duration::from_millis(1));
        let subscribe = |more: &str, at: usize| {
            let text = register(
                "101",
                at,
                &format!("{more}Event: message-summary\r\nExpires: 600\r\n"),
            );
            let text = text
                .replace("REGISTER", "SUBSCRIBE")
                .replace("sip:qaynar SIP", "sip:101@qaynar SIP");
            text.replace("Call-ID: 101", &format!("Call-ID: mail{number}"))
                .replace("bK101", &format!("bKmail{number}"))
        };
        let asked = desk.ask(from(STRANGER), subscribe("", 1).as_bytes());
        let values = asked[0].headers.fields(&Name::WwwAuthenticate);
        let challenge = Challenge::best(values.map(String::from_utf8_lossy)).unwrap();
        let proof = challenge.answer("101", PASSWORD, "SUBSCRIBE", "sip:101@qaynar", "own");
        let line = format!("Authorization: {proof}\r\n");
        let told = desk.ask(from(STRANGER), subscribe(&line, 2).as_bytes());
        statuses.push(told[0].status);
    }
    assert_eq!(statuses, [&[200; 8][..], &[403]].concat());
    assert_eq!(desk.switch.counts().subscriptions, 8);
}
