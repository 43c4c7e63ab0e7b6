//! Operators hand callers on (RFC 3515, 3891, 4488).

use std::time::Duration;

use qaynar::event::{Cause, What};
use qaynar::media::Command;
use qaynar::sip::digest::Challenge;
use qaynar::sip::message::{Method, Name, Request, Response};

use crate::house::{CARRIER, House, PHONE, PLAYS, Peer, RINGS, SDP, flow};

const SECOND: Duration = Duration::from_secs(1);
/// Where operator 102 has a phone.
const OTHER: &str = "192.0.2.12:5060";

/// A call that talks with 101; 102 has a phone too.
pub(crate) fn talking() -> (House, Peer, Peer) {
    let phones = [("101", flow(PHONE)), ("102", flow(OTHER))];
    let mut house = House::new(RINGS).with_phones(&phones);
    let caller = house.standing_call("");
    let invite = house.request(Method::Invite);
    let phone = house.reply(&invite, 200, "", SDP);
    house.request(Method::Ack);
    (house, caller, phone)
}

pub(crate) fn refer(house: &mut House, peer: &mut Peer, to: &str, more: &str) -> Response {
    let headers = format!("Refer-To: {to}\nReferred-By: <sip:0501234567@h>\n{more}");
    let text = peer.next("REFER", &headers, "");
    house.receive(&peer.at.to_string(), &text);
    house.response()
}

/// The next NOTIFY: Subscription-State and the status in its body.
pub(crate) fn notified(house: &mut House) -> (Request, String, String) {
    let notify = house.request(Method::Notify);
    let text = |name: &str| notify.headers.text(Name::from(name)).unwrap().into_owned();
    assert!(text("Event").starts_with("refer"));
    assert_eq!(text("Content-Type"), "message/sipfrag;version=2.0");
    let state = text("Subscription-State");
    let body = String::from_utf8(notify.body.clone()).unwrap();
    let status = body.strip_prefix("SIP/2.0 ").unwrap()[..3].to_owned();
    (notify, state, status)
}

/// The phone of 102 rings.
fn rung(house: &mut House) -> Request {
    let invite = house.request(Method::Invite);
    assert!(invite.uri.to_string().contains(OTHER), "{}", invite.uri);
    invite
}

pub(crate) fn told(house: &House) -> Vec<String> {
    let line = |event: &What| match event {
        What::Transfer { operator, to } => Some(format!("{operator} hands to {to}")),
        What::TransferFailed { status, .. } => Some(format!("failed {status}")),
        What::Parted { operator, .. } => Some(format!("{operator} parted")),
        What::Connected { operator } => Some(format!("{operator} connected")),
        What::Queued { queue } => Some(format!("queued {queue}")),
        What::Ended { cause, .. } => Some(format!("{cause:?}")),
        _ => None,
    };
    house.events.iter().filter_map(line).collect()
}

/// The last bridge, by the order in which the legs were opened.
pub(crate) fn bridged(house: &House) -> (usize, usize) {
    let legs = house.legs();
    let place = |leg| legs.iter().position(|one| *one == leg).unwrap();
    let last = house.media.iter().rev().find_map(|command| match command {
        Command::Bridge { a, b, .. } => Some((place(*a), place(*b))),
        _ => None,
    });
    last.unwrap()
}

pub(crate) fn leaves_nothing(house: &mut House) {
    house.wait(SECOND * 70);
    house.sent();
    let counts = house.switch.counts();
    let left = (
        counts.calls,
        counts.legs,
        counts.transactions - counts.asking,
    );
    assert_eq!(left, (0, 0, 0), "{counts:?}");
    assert_eq!(house.switch.violations(house.now()), Vec::<String>::new());
    assert_eq!(counts.free + counts.on_shift, 0, "nobody logged in");
}

#[test]
fn a_blind_transfer_rings_the_other_operator_and_frees_the_first() {
    let (mut house, mut caller, mut phone) = talking();
    let answer = refer(&mut house, &mut phone, "<sip:102@qaynar>", "");
    assert_eq!(answer.status, 202);
    let (notify, state, status) = notified(&mut house);
    assert_eq!(
        (state.as_str(), status.as_str()),
        ("active;expires=60", "100")
    );
    house.reply(&notify, 200, "", "");
    let invite = rung(&mut house);
    let wire = String::from_utf8_lossy(&invite.to_bytes()).into_owned();
    assert!(
        !wire.contains("501234567") && !wire.contains("Referred-By"),
        "{wire}"
    );
    house.reply(&invite, 180, "", "");
    let second = house.reply(&invite, 200, "", SDP);
    assert_eq!(second.at.to_string(), OTHER);
    house.request(Method::Ack);
    let (notify, state, status) = notified(&mut house);
    assert_eq!(state, "terminated;reason=noresource");
    assert_eq!(status, "200");
    assert!(
        !house.sent().contains(&"BYE".to_owned()),
        "the word comes first"
    );
    house.reply(&notify, 200, "", "");
    let bye = house.request(Method::Bye);
    assert!(bye.uri.to_string().contains(PHONE));
    house.reply(&bye, 200, "", "");
    assert_eq!(bridged(&house), (0, 2));
    assert_eq!(
        told(&house),
        [
            "101 connected",
            "101 hands to 102",
            "102 connected",
            "101 parted"
        ]
    );
    house.receive(CARRIER, &caller.next("BYE", "", ""));
    let bye = house.request(Method::Bye);
    assert!(bye.uri.to_string().contains(OTHER));
    house.reply(&bye, 200, "", "");
    leaves_nothing(&mut house);
    assert_eq!(told(&house).last().unwrap(), "HungUp");
}

#[test]
fn a_phone_that_hangs_up_with_the_202_leaves_the_caller_to_the_other() {
    let (mut house, mut caller, mut phone) = talking();
    refer(&mut house, &mut phone, "<sip:102@qaynar>", "");
    house.receive(PHONE, &phone.next("BYE", "", ""));
    let invite = rung(&mut house);
    assert_eq!(house.switch.counts().calls, 1);
    house.reply(&invite, 200, "", SDP);
    house.request(Method::Ack);
    assert_eq!(house.switch.counts().talking, 1);
    house.receive(CARRIER, &caller.next("BYE", "", ""));
    leaves_nothing(&mut house);
}

#[test]
fn a_caller_whom_nobody_takes_is_back_with_the_operator() {
    for (status, word) in [(486, "486"), (603, "603"), (0, "408")] {
        let (mut house, mut caller, mut phone) = talking();
        refer(&mut house, &mut phone, "<sip:102@qaynar>", "");
        let (notify, ..) = notified(&mut house);
        house.reply(&notify, 200, "", "");
        let invite = rung(&mut house);
        match status {
            0 => {
                house.reply(&invite, 180, "", "");
                house.wait(SECOND * 26);
            }
            _ => {
                house.reply(&invite, status, "", "");
            }
        }
        let (notify, state, told_status) = notified(&mut house);
        assert!(state.starts_with("terminated"));
        assert_eq!(told_status, word);
        house.reply(&notify, 200, "", "");
        assert_eq!(bridged(&house), (0, 1));
        assert_eq!(house.switch.counts().talking, 1);
        assert_eq!(told(&house).last().unwrap(), "101 connected");
        // Once more, now with an id (RFC 3515 §2.4.6).
        refer(&mut house, &mut phone, "<sip:102@qaynar>", "");
        let (notify, ..) = notified(&mut house);
        let event = notify.headers.text(Name::Event).unwrap().into_owned();
        assert_eq!(event, format!("refer;id={}", phone.cseq));
        house.receive(CARRIER, &caller.next("BYE", "", ""));
        house.wait(SECOND * 40);
        leaves_nothing(&mut house);
    }
}

#[test]
fn a_caller_whom_nobody_takes_and_whose_operator_hung_up_goes_on_in_the_plan() {
    let (mut house, _, mut phone) = talking();
    refer(&mut house, &mut phone, "<sip:102@qaynar>", "");
    let invite = rung(&mut house);
    house.receive(PHONE, &phone.next("BYE", "", ""));
    house.reply(&invite, 486, "", "");
    assert_eq!(house.switch.counts().calls, 1);
    let plays = |one: &Command| matches!(one, Command::Play { .. });
    assert!(house.media.iter().any(plays), "the step behind the ring");
}

#[test]
fn a_busy_operator_is_not_rung_for_a_transfer_and_the_caller_is_never_left_alone() {
    let (mut house, mut caller, mut phone) = talking();
    let to = "<sip:101@qaynar>";
    assert_eq!(refer(&mut house, &mut phone, to, "").status, 202);
    notified(&mut house);
    let (_, _, status) = notified(&mut house);
    assert_eq!(status, "486", "{to}");
    assert_eq!(house.switch.counts().talking, 1);
    assert_eq!(bridged(&house), (0, 1));
    house.receive(CARRIER, &caller.next("BYE", "", ""));
    house.wait(SECOND * 40);
    leaves_nothing(&mut house);
}

#[test]
fn who_wants_no_word_gets_none() {
    let (mut house, _, mut phone) = talking();
    let more = "Refer-Sub: false\nRequire: norefersub\n";
    let answer = refer(&mut house, &mut phone, "<sip:102@qaynar>", more);
    assert_eq!(answer.status, 202);
    assert_eq!(
        answer.headers.text(Name::from("Refer-Sub")).unwrap(),
        "false"
    );
    let invite = rung(&mut house);
    house.reply(&invite, 200, "", SDP);
    house.request(Method::Ack);
    assert_eq!(house.sent(), ["BYE"], "no NOTIFY (RFC 4488)");
}

#[test]
fn a_transfer_to_a_number_of_the_helpline_begins_its_path() {
    let (mut house, _, mut phone) = talking();
    assert_eq!(
        refer(&mut house, &mut phone, "<sip:116111@qaynar>", "").status,
        202
    );
    let (notify, ..) = notified(&mut house);
    house.reply(&notify, 200, "", "");
    let (notify, _, status) = notified(&mut house);
    assert_eq!(status, "200");
    house.reply(&notify, 200, "", "");
    assert!(told(&house).contains(&"101 parted".to_owned()));
    assert_eq!(house.switch.counts().calls, 1);
}

#[test]
fn strangers_callers_and_ways_outside_are_refused() {
    let (mut house, mut caller, mut phone) = talking();
    // The caller may not make us call anybody.
    assert_eq!(
        refer(&mut house, &mut caller, "<sip:102@qaynar>", "").status,
        403
    );
    for (to, status) in [
        // The dialplan allows no calls outside.
        ("<sip:+994501234567@carrier>", 403),
        ("<tel:+994501234567>", 403),
        ("<sip:nobody@qaynar>", 404),
        ("<sip:102@qaynar;method=BYE>", 403),
        ("<sip:102@qaynar>, <sip:101@qaynar>", 400),
        ("<sip:102@qaynar?Replaces=x>", 400),
        (
            "<sip:102@qaynar?Replaces=x%3Bto-tag%3D1%3Bfrom-tag%3D2>",
            404,
        ),
    ] {
        let answer = refer(&mut house, &mut phone, to, "");
        assert_eq!(answer.status, status, "{to}");
    }
    // The caller's own dialog is not the operator's to hand on.
    let (call_id, own) = (&caller.call_id, caller.own.rsplit_once("tag=").unwrap().1);
    let ours = caller.ours.rsplit_once("tag=").unwrap().1;
    let to = format!("<sip:1@h?Replaces={call_id}%3Bto-tag%3D{ours}%3Bfrom-tag%3D{own}>");
    assert_eq!(refer(&mut house, &mut phone, &to, "").status, 403);
    assert_eq!(house.switch.counts().talking, 1);
    assert_eq!(bridged(&house), (0, 1));
    // Outside of any dialog.
    let mut stranger = Peer::caller();
    stranger.call_id = "call-9".into();
    assert_eq!(
        refer(&mut house, &mut stranger, "<sip:102@qaynar>", "").status,
        403
    );
    // While one is under way.
    refer(&mut house, &mut phone, "<sip:102@qaynar>", "");
    assert_eq!(
        refer(&mut house, &mut phone, "<sip:102@qaynar>", "").status,
        491
    );
}

/// An operator dials, with the proof; the response is the last one.
pub(crate) fn dials(
    house: &mut House,
    id: &str,
    at: &str,
    user: &str,
    headers: &str,
) -> (Peer, Response) {
    let mut peer = proves(house, id, at, user, headers);
    let answer = house.response();
    if answer.status == 200 {
        peer.ours = answer.headers.text(Name::To).unwrap().into_owned();
        house.receive(at, &peer.ack(peer.cseq, ""));
    }
    (peer, answer)
}

/// An operator's INVITE, asked for its proof and sent again with it.
fn proves(house: &mut House, id: &str, at: &str, user: &str, headers: &str) -> Peer {
    let mut peer = Peer {
        at: at.parse().unwrap(),
        call_id: format!("dialled-{id}-{user}"),
        own: format!("<sip:{id}@qaynar>;tag=own{id}"),
        ours: format!("<sip:{user}@qaynar>"),
        cseq: 0,
    };
    let line = format!("INVITE sip:{user}@203.0.113.5");
    let invite = |peer: &mut Peer, headers: &str| {
        let text = peer.next("INVITE", headers, SDP);
        text.replace("INVITE sip:116111@203.0.113.5", &line)
    };
    // A nonce of its own.
    house.wait(Duration::from_millis(1));
    house.receive(at, &invite(&mut peer, headers));
    let asked = house.response();
    assert_eq!(asked.status, 407);
    let values = asked.headers.fields(&Name::ProxyAuthenticate);
    let challenge = Challenge::best(values.map(String::from_utf8_lossy)).unwrap();
    let uri = format!("sip:{user}@203.0.113.5");
    let proof = challenge.answer(id, "pass", "INVITE", &uri, "own");
    let more = format!("Proxy-Authorization: {proof}\n{headers}");
    house.receive(at, &invite(&mut peer, &more));
    peer
}

/// An operator dials a number outside, with the proof; what the carrier is asked.
pub(crate) fn dials_outside(
    house: &mut House,
    id: &str,
    at: &str,
    number: &str,
) -> (Peer, Request) {
    let peer = proves(house, id, at, number, "");
    (peer, house.request(Method::Invite))
}

/// As the phone at the far end of this dialog names it in Refer-To.
pub(crate) fn replacing(peer: &Peer) -> String {
    let tag = |text: &str| text.rsplit_once("tag=").unwrap().1.to_owned();
    let (theirs, ours) = (tag(&peer.ours), tag(&peer.own));
    format!(
        "<sip:102@203.0.113.5?Replaces={}%3Bto-tag%3D{theirs}%3Bfrom-tag%3D{ours}>",
        peer.call_id
    )
}

/// 101 holds the caller and talks with 102.
fn consulting() -> (House, Peer, Peer, Peer) {
    let (mut house, caller, mut phone) = talking();
    let hold = SDP.replace("m=audio", "a=sendonly\nm=audio");
    house.receive(PHONE, &phone.next("INVITE", "", &hold));
    assert_eq!(house.response().status, 200);
    house.receive(PHONE, &phone.ack(phone.cseq, ""));
    let (consult, answer) = dials(&mut house, "101", PHONE, "102", "");
    assert_eq!(answer.status, 200);
    (house, caller, phone, consult)
}

#[test]
fn an_attended_transfer_puts_caller_and_colleague_together_by_either_of_the_two_dialogs() {
    for by_consultation in [false, true] {
        let (mut house, mut caller, mut phone, mut consult) = consulting();
        let invite = rung(&mut house);
        assert!(
            invite.headers.text(Name::From).unwrap().contains("101"),
            "a colleague is shown"
        );
        house.reply(&invite, 200, "", SDP);
        house.request(Method::Ack);
        assert_eq!(bridged(&house), (2, 3));
        let answer = match by_consultation {
            false => refer(&mut house, &mut phone, &replacing(&consult), ""),
            true => {
                let to = replacing(&phone);
                refer(&mut house, &mut consult, &to, "")
            }
        };
        assert_eq!(answer.status, 202, "{by_consultation}");
        notified(&mut house);
        let (_, _, status) = notified(&mut house);
        assert_eq!(status, "200");
        house.wait(SECOND * 40);
        assert_eq!(bridged(&house), (0, 3));
        let counts = house.switch.counts();
        assert_eq!((counts.calls, counts.talking, counts.legs), (1, 1, 2));
        let words = told(&house);
        for word in ["101 hands to 102", "101 parted", "HungUp"] {
            assert!(words.contains(&word.to_owned()), "{words:?}");
        }
        house.receive(CARRIER, &caller.next("BYE", "", ""));
        leaves_nothing(&mut house);
    }
}

#[test]
fn a_transfer_while_the_colleagues_phone_still_rings_waits_for_it() {
    for answers in [true, false] {
        let (mut house, mut caller, mut phone, consult) = consulting();
        let invite = rung(&mut house);
        house.reply(&invite, 180, "", "");
        assert_eq!(
            refer(&mut house, &mut phone, &replacing(&consult), "").status,
            202
        );
        house.sent();
        assert_eq!(house.switch.counts().calls, 1);
        match answers {
            true => {
                house.reply(&invite, 200, "", SDP);
                assert_eq!(notified(&mut house).2, "200");
                assert_eq!(bridged(&house), (0, 3));
            }
            false => {
                house.reply(&invite, 486, "", "");
                assert_eq!(notified(&mut house).2, "486");
                // Still held by the operator's phone, whose caller hears music.
                assert_eq!(told(&house).last().unwrap(), "101 connected");
            }
        }
        assert_eq!(house.switch.counts().talking, 1);
        house.receive(CARRIER, &caller.next("BYE", "", ""));
        house.wait(SECOND * 40);
        leaves_nothing(&mut house);
    }
}

#[test]
fn a_colleague_who_does_not_answer_ends_the_call_to_him_alone() {
    let (mut house, _, _, _) = consulting();
    let invite = rung(&mut house);
    house.reply(&invite, 486, "", "");
    let bye = house.request(Method::Bye);
    assert!(bye.uri.to_string().contains(PHONE));
    assert_eq!(house.switch.counts().calls, 1);
    assert_eq!(house.switch.counts().talking, 1);
}

#[test]
fn an_invite_with_replaces_takes_a_call_over_and_the_phone_before_gets_bye() {
    let (mut house, _, phone) = talking();
    let tag = |text: &str| text.rsplit_once("tag=").unwrap().1.to_owned();
    let (call_id, to, from) = (phone.call_id.clone(), tag(&phone.ours), tag(&phone.own));
    let wrong = format!("Replaces: {call_id};to-tag={from};from-tag={to}\nRequire: replaces\n");
    assert_eq!(dials(&mut house, "102", OTHER, "101", &wrong).1.status, 481);
    house.sent();
    let right = format!("Replaces: {call_id};to-tag={to};from-tag={from}\nRequire: replaces\n");
    let early = right
        .replace('\n', ";early-only\n")
        .replacen("replaces;early-only", "replaces", 1);
    assert_eq!(
        dials(&mut house, "102", OTHER, "early", &early).1.status,
        486
    );
    house.sent();
    let (mut second, answer) = dials(&mut house, "102", OTHER, "taken", &right);
    assert_eq!(answer.status, 200);
    assert_eq!(house.switch.counts().talking, 1);
    house.wait(SECOND * 40);
    let counts = house.switch.counts();
    assert_eq!((counts.calls, counts.legs), (1, 2));
    assert_eq!(told(&house)[1..], ["101 parted", "102 connected"]);
    house.sent();
    house.receive(OTHER, &second.next("BYE", "", ""));
    assert_eq!(house.response().status, 200);
    let bye = house.request(Method::Bye);
    assert!(bye.uri.to_string().contains("198.51.100.7"));
    leaves_nothing(&mut house);
    assert!(house.events.iter().any(|event| matches!(
        event,
        What::Ended {
            cause: Cause::HungUp,
            ..
        }
    )));
}

#[test]
fn an_operator_in_a_call_takes_no_second_one_over_and_strangers_take_none() {
    let (mut house, _, phone) = talking();
    let tag = |text: &str| text.rsplit_once("tag=").unwrap().1.to_owned();
    let (to, from) = (tag(&phone.ours), tag(&phone.own));
    let replaces = format!("Replaces: {};to-tag={to};from-tag={from}\n", phone.call_id);
    let mut stranger = Peer::caller();
    stranger.call_id = "call-7".into();
    house.receive(CARRIER, &stranger.next("INVITE", &replaces, SDP));
    assert_eq!(house.response().status, 481, "a carrier has no such dialog");
    // 102 is busy with a call of one's own.
    let (_, answer) = dials(&mut house, "102", OTHER, "116111", "");
    assert_eq!(answer.status, 200);
    house.sent();
    assert_eq!(
        dials(&mut house, "102", OTHER, "take", &replaces).1.status,
        486
    );
    assert_eq!(house.switch.counts().talking, 1);
}

#[test]
fn no_feature_of_operators_is_there_for_callers() {
    let mut house = House::new(PLAYS).with_phones(&[("101", flow(PHONE))]);
    let mut caller = Peer::caller();
    let invite = caller.next("INVITE", "", SDP);
    house.receive(CARRIER, &invite.replace("sip:116111@203", "sip:101@203"));
    assert_eq!(
        house.response().status,
        200,
        "a carrier's 101 is a call to the helpline"
    );
    let unknown =
        |event: &What| matches!(event, What::Alarm { kind, .. } if kind == "unknown-number");
    assert!(house.events.iter().any(unknown));
}

#[test]
fn a_consultation_survives_a_restart_and_can_still_be_put_together() {
    let (mut house, mut caller, mut phone, consult) = consulting();
    let invite = rung(&mut house);
    house.reply(&invite, 200, "", SDP);
    house.request(Method::Ack);
    house.restart();
    let counts = house.switch.counts();
    assert_eq!((counts.calls, counts.talking, counts.legs), (2, 2, 4));
    assert_eq!(house.switch.violations(house.now()), Vec::<String>::new());
    assert_eq!(
        refer(&mut house, &mut phone, &replacing(&consult), "").status,
        202
    );
    notified(&mut house);
    assert_eq!(notified(&mut house).2, "200");
    house.wait(SECOND * 40);
    let counts = house.switch.counts();
    assert_eq!((counts.calls, counts.talking, counts.legs), (1, 1, 2));
    house.receive(CARRIER, &caller.next("BYE", "", ""));
    leaves_nothing(&mut house);
}

#[test]
fn a_restart_while_the_colleagues_phone_rings_gives_the_caller_back_and_ends_the_rest() {
    let (mut house, mut caller, _, consult) = consulting();
    rung(&mut house);
    house.restart();
    // The ACK came after what was written: our 2xx is repeated, and acknowledged again.
    house.wait(SECOND);
    assert_eq!(house.response().status, 200);
    house.receive(PHONE, &consult.ack(consult.cseq, ""));
    // The consultation had nobody yet; the caller is still held by the operator.
    let bye = house.request(Method::Bye);
    assert!(bye.uri.to_string().contains(PHONE));
    house.reply(&bye, 200, "", "");
    let counts = house.switch.counts();
    assert_eq!((counts.calls, counts.talking), (1, 1));
    house.receive(CARRIER, &caller.next("BYE", "", ""));
    leaves_nothing(&mut house);
}
