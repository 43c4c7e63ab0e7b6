//! What peers ask and answer inside dialogs.

use std::time::Duration;

use qaynar::event::What;
use qaynar::media;
use qaynar::sip::message::{Method, Name};
use qaynar::switch::Input;

use crate::house::{CARRIER, House, PHONE, PLAYS, Peer, RINGS, RINGS_OUTSIDE, SDP, flow};

/// What a carrier asks who does not know us.
const CHALLENGE: &str =
    "Proxy-Authenticate: Digest realm=\"carrier\", nonce=\"n1\", algorithm=MD5, qop=\"auth\"\n";

#[test]
fn a_call_is_answered_connected_and_ended() {
    let mut house = House::new(RINGS).with_phone();
    let mut caller = house.standing_call("");
    let invite = house.request(Method::Invite);
    house.reply(&invite, 180, "", "");
    let phone = house.reply(&invite, 200, "", SDP);
    house.request(Method::Ack);
    assert_eq!(house.switch.counts().talking, 1);
    let bye = caller.next("BYE", "", "");
    house.receive(CARRIER, &bye);
    let bye = house.request(Method::Bye);
    assert_eq!(phone.at.to_string(), PHONE);
    house.reply(&bye, 200, "", "");
    assert!(house.switch.is_idle());
}

#[test]
fn a_lost_ack_has_the_2xx_sent_again() {
    let mut house = House::new(PLAYS);
    let (caller, _) = house.call("", SDP);
    house.wait(Duration::from_secs(1));
    assert_eq!(house.sent(), ["200 INVITE"]);
    house.receive(CARRIER, &caller.ack(1, ""));
    house.wait(Duration::from_secs(60));
    assert_eq!(house.sent(), [""; 0]);
}

#[test]
fn a_repeated_ack_of_the_first_invite_does_not_end_a_call_that_is_offered_anew() {
    let mut house = House::new(PLAYS);
    let mut caller = house.standing_call("");
    let reinvite = caller.next("INVITE", "", "");
    house.receive(CARRIER, &reinvite);
    assert_eq!(house.response().status, 200);
    house.receive(CARRIER, &caller.ack(1, ""));
    assert_eq!(house.switch.counts().calls, 1);
    // The answer is still due: another offer must wait for it (RFC 3264 §4).
    let update = caller.next("UPDATE", "", SDP);
    house.receive(CARRIER, &update);
    assert_eq!(house.response().status, 491);
    house.wait(Duration::from_secs(1));
    assert_eq!(
        house.sent(),
        ["200 INVITE"],
        "ACK 1 is not that of INVITE 2"
    );
    house.receive(CARRIER, &caller.ack(2, SDP));
    house.wait(Duration::from_secs(40));
    assert_eq!(house.sent(), [""; 0]);
    assert_eq!(house.switch.counts().calls, 1);
}

#[test]
fn an_offer_in_update_before_our_answer_to_the_invite_is_told_to_come_later() {
    let mut house = House::new(PLAYS);
    let mut caller = Peer::caller();
    house.receive(CARRIER, &caller.next("INVITE", "Require: 100rel\n", SDP));
    caller.ours = house
        .provisional(180)
        .headers
        .text(Name::To)
        .unwrap()
        .into();
    house.receive(CARRIER, &caller.next("UPDATE", "", SDP));
    let refusal = house.response();
    assert_eq!(refusal.status, 500);
    assert!(refusal.headers.has(Name::RetryAfter));
}

#[test]
fn a_reinvite_without_an_offer_gets_one_with_all_lines_of_the_dialog() {
    let mut house = House::new(PLAYS);
    let video = SDP.replace("m=audio", "m=video 5000 RTP/AVP 96\nm=audio");
    let (mut caller, _) = house.call("", &video);
    house.receive(CARRIER, &caller.ack(1, ""));
    let reinvite = caller.next("INVITE", "", "");
    house.receive(CARRIER, &reinvite);
    let offer = String::from_utf8(house.response().body).unwrap();
    let mut lines = offer.lines().filter(|line| line.starts_with("m="));
    assert_eq!(lines.next(), Some("m=video 0 RTP/AVP 96"));
    let audio = lines.next().unwrap();
    assert!(
        audio.starts_with("m=audio 2") && audio.ends_with(" RTP/AVP 8 0 101"),
        "{audio}"
    );
    assert_eq!(lines.next(), None);
    assert!(
        offer.contains(" 2 IN IP4 203.0.113.5\r\n"),
        "version 2: {offer}"
    );
    let answer = SDP.replace("m=audio", "m=video 0 RTP/AVP 96\nm=audio");
    house.receive(CARRIER, &caller.ack(2, &answer));
    assert_eq!(house.switch.counts().calls, 1);
}

#[test]
fn the_ack_of_a_challenged_invite_has_the_credentials_of_the_invite() {
    let mut house = House::new(RINGS_OUTSIDE);
    house.standing_call("");
    let invite = house.request(Method::Invite);
    house.reply(&invite, 407, CHALLENGE, "");
    let invite = house.request(Method::Invite);
    let proof = invite.headers.text(Name::ProxyAuthorization).unwrap();
    assert!(proof.contains("username=\"line\""), "{proof}");
    house.reply(&invite, 200, "", SDP);
    let ack = house.request(Method::Ack);
    assert_eq!(ack.headers.text(Name::ProxyAuthorization), Some(proof));
}

#[test]
fn a_challenge_that_crosses_the_callers_goodbye_rings_nobody() {
    let mut house = House::new(RINGS_OUTSIDE);
    let mut caller = house.standing_call("");
    let invite = house.request(Method::Invite);
    let bye = caller.next("BYE", "", "");
    house.receive(CARRIER, &bye);
    assert_eq!(house.sent(), ["200 BYE"]);
    house.reply(&invite, 407, CHALLENGE, "");
    assert_eq!(house.sent(), ["ACK"]);
    assert!(house.switch.is_idle());
}

#[test]
fn a_call_that_ends_for_want_of_an_ack_tells_which_address_the_peer_cannot_reach() {
    let mut house = House::new(PLAYS);
    house.call("", SDP);
    house.wait(Duration::from_secs(33));
    let told = house.events.iter().find_map(|event| match event {
        What::Alarm { kind, text } if kind == "no-ack" => Some(text.as_str()),
        _ => None,
    });
    let told = told.expect("an alarm");
    assert!(told.contains("<sip:qaynar@203.0.113.5:5060>"), "{told}");
    assert!(
        told.contains("advertise") && told.contains("local_networks"),
        "{told}"
    );
    house.request(Method::Bye);
}

#[test]
fn a_trunk_that_challenges_our_last_bye_gets_it_again_with_the_proof() {
    let mut house = House::new(PLAYS);
    house.standing_call("");
    house.played();
    let bye = house.request(Method::Bye);
    house.reply(&bye, 407, CHALLENGE, "");
    let bye = house.request(Method::Bye);
    let proof = bye.headers.text(Name::ProxyAuthorization).unwrap();
    assert!(proof.contains("username=\"line\""), "{proof}");
}

#[test]
fn an_operators_phone_gets_no_digest_of_the_trunks_password() {
    let mut house = House::new(RINGS).with_phone();
    house.standing_call("");
    let invite = house.request(Method::Invite);
    house.reply(&invite, 200, "", SDP);
    house.request(Method::Ack);
    let silent = media::Event::Absent {
        leg: house.legs().pop().unwrap(),
        silent_for: Duration::from_secs(5),
    };
    house.tell(Input::Media(silent));
    let probe = house.request(Method::Options);
    house.reply(&probe, 407, CHALLENGE, "");
    assert_eq!(house.sent(), [""; 0]);
    assert_eq!(house.switch.counts().talking, 1);
}

#[test]
fn a_call_that_we_end_before_its_ack_gets_its_bye_behind_the_ack() {
    let mut house = House::new(PLAYS);
    let (caller, _) = house.call("", SDP);
    house.played();
    assert_eq!(house.sent(), [""; 0], "no BYE yet (RFC 3261 §15)");
    assert!(matches!(
        house.media.last(),
        Some(media::Command::Close { .. })
    ));
    house.wait(Duration::from_secs(1));
    assert_eq!(house.sent(), ["200 INVITE"]);
    house.receive(CARRIER, &caller.ack(1, ""));
    let bye = house.request(Method::Bye);
    house.reply(&bye, 200, "", "");
    assert!(house.switch.is_idle());
}

#[test]
fn a_call_that_we_end_and_nobody_acknowledges_gets_its_bye_in_the_end() {
    let mut house = House::new(PLAYS);
    house.call("", SDP);
    house.played();
    house.wait(Duration::from_secs(33));
    house.request(Method::Bye);
    assert!(house.switch.is_idle());
}

/// Half an hour, to be refreshed by us.
const TIMED: &str = "Supported: timer\nSession-Expires: 1800;refresher=uas\n";

#[test]
fn a_peer_without_update_is_refreshed_by_invite_and_the_call_outlives_its_interval() {
    let mut house = House::new(PLAYS);
    house.standing_call(TIMED);
    for _ in 0..3 {
        house.wait(Duration::from_secs(901));
        let invite = house.request(Method::Invite);
        let offer = String::from_utf8(invite.body.clone()).unwrap();
        assert!(
            offer.contains(" 1 IN IP4 203.0.113.5\r\n"),
            "the same description: {offer}"
        );
        let expires = invite.headers.session_expires().unwrap();
        assert_eq!(expires.refresher.unwrap().parameter(), "uac");
        house.reply(&invite, 200, "Session-Expires: 1800;refresher=uac\n", SDP);
        let ack = house.request(Method::Ack);
        assert_eq!(
            ack.headers.cseq().unwrap().number,
            invite.headers.cseq().unwrap().number
        );
        house.reply(&invite, 200, "Session-Expires: 1800;refresher=uac\n", SDP);
        assert_eq!(
            house.sent(),
            ["ACK"],
            "the 2xx came again: our ACK was lost"
        );
    }
    assert_eq!(house.switch.counts().calls, 1);
}

#[test]
fn a_refused_refresh_is_tried_again_and_does_not_end_the_call() {
    let mut house = House::new(PLAYS);
    house.standing_call(&format!("Allow: INVITE, ACK, BYE, UPDATE\n{TIMED}"));
    house.wait(Duration::from_secs(901));
    let update = house.request(Method::Update);
    house.reply(&update, 405, "", "");
    let invite = house.request(Method::Invite);
    house.reply(&invite, 500, "Retry-After: 5 (busy)\n", "");
    house.wait(Duration::from_millis(4_900));
    assert_eq!(house.sent(), ["ACK"]);
    house.wait(Duration::from_millis(200));
    let invite = house.request(Method::Invite);
    house.reply(&invite, 491, "", "");
    // Some time in the next two seconds (§14.1); what was sent early is sent again meanwhile.
    house.wait(Duration::from_millis(2_010));
    let invite = house.request(Method::Invite);
    house.sent();
    house.reply(&invite, 422, "Min-SE: 3600\n", "");
    let invite = house.request(Method::Invite);
    assert_eq!(
        invite.headers.session_expires().unwrap().interval.as_secs(),
        3_600
    );
    assert_eq!(invite.headers.min_se().unwrap().as_secs(), 3_600);
    house.reply(&invite, 200, "Session-Expires: 3600;refresher=uac\n", SDP);
    house.wait(Duration::from_secs(1_790));
    assert_eq!(house.sent(), ["ACK"]);
    assert_eq!(house.switch.counts().calls, 1);
}

#[test]
fn a_phone_that_wants_a_longer_interval_rings_all_the_same() {
    let mut house = House::new(RINGS).with_phone();
    house.standing_call("");
    let invite = house.request(Method::Invite);
    house.reply(&invite, 422, "Min-SE: 2000\n", "");
    let invite = house.request(Method::Invite);
    assert_eq!(
        invite.headers.session_expires().unwrap().interval.as_secs(),
        2_000
    );
    house.reply(&invite, 200, "", SDP);
    house.request(Method::Ack);
    assert_eq!(house.switch.counts().talking, 1);
}

#[test]
fn a_network_that_cannot_send_for_a_moment_ends_no_call() {
    let mut house = House::new(PLAYS);
    house.standing_call(&format!("Allow: UPDATE\n{TIMED}"));
    let leg = house.legs().pop().unwrap();
    let silent_for = Duration::from_secs(5);
    house.tell(Input::Media(media::Event::Absent { leg, silent_for }));
    house.request(Method::Options);
    house.tell(Input::SendFailed {
        flow: flow(CARRIER),
    });
    house.wait(Duration::from_secs(11));
    let probe = house.request(Method::Options);
    house.reply(&probe, 200, "", "");
    house.wait(Duration::from_secs(900));
    house.request(Method::Update);
    house.tell(Input::SendFailed {
        flow: flow(CARRIER),
    });
    house.wait(Duration::from_secs(11));
    let update = house.request(Method::Update);
    house.reply(&update, 200, "Session-Expires: 1800;refresher=uac\n", "");
    assert_eq!(house.switch.counts().calls, 1);
}

#[test]
fn two_reinvites_do_not_cross() {
    let mut house = House::new(PLAYS);
    let mut caller = house.standing_call(TIMED);
    house.wait(Duration::from_secs(890));
    let hold = caller.next("INVITE", TIMED, SDP);
    house.receive(CARRIER, &hold);
    assert_eq!(house.response().status, 200);
    house.receive(CARRIER, &caller.ack(2, ""));
    house.wait(Duration::from_secs(901));
    let ours = house.request(Method::Invite);
    let theirs = caller.next("INVITE", "", SDP);
    house.receive(CARRIER, &theirs);
    assert_eq!(house.response().status, 491);
    house.reply(&ours, 491, "", "");
    house.sent();
    let theirs = caller.next("INVITE", TIMED, SDP);
    house.receive(CARRIER, &theirs);
    assert_eq!(house.response().status, 200);
    house.wait(Duration::from_secs(3));
    assert!(
        !house.sent().contains(&"INVITE".to_owned()),
        "theirs waits for its ACK"
    );
    assert_eq!(house.switch.counts().calls, 1);
}

#[test]
fn a_hold_that_says_nothing_of_timers_does_not_end_our_refreshes() {
    let mut house = House::new(PLAYS);
    let mut caller = house.standing_call(TIMED);
    let hold = caller.next("INVITE", "", &SDP.replace("m=audio", "a=sendonly\nm=audio"));
    house.receive(CARRIER, &hold);
    let answer = house.response();
    let expires = answer.headers.session_expires().unwrap();
    assert_eq!(expires.refresher.unwrap().parameter(), "uas");
    assert!(
        !answer.headers.has(Name::Require),
        "it did not say that it knows timers"
    );
    house.receive(CARRIER, &caller.ack(2, ""));
    house.wait(Duration::from_secs(901));
    house.request(Method::Invite);
}

#[test]
fn hold_in_all_its_forms_is_answered_and_resumed() {
    let mut house = House::new(PLAYS);
    let mut caller = house.standing_call("");
    let held = |line: &str| SDP.replace("m=audio", &format!("{line}\nm=audio"));
    for (offer, answer) in [
        (held("a=sendonly"), "recvonly"),
        (held("a=inactive"), "inactive"),
        (
            SDP.replace("c=IN IP4 192.0.2.50", "c=IN IP4 0.0.0.0"),
            "inactive",
        ),
        (SDP.to_owned(), "sendrecv"),
    ] {
        let text = caller.next("INVITE", "", &offer);
        house.receive(CARRIER, &text);
        let response = house.response();
        let body = String::from_utf8(response.body).unwrap();
        assert!(body.contains(&format!("a={answer}\r\n")), "{offer}: {body}");
        house.receive(CARRIER, &caller.ack(caller.cseq, ""));
    }
}

#[test]
fn an_offer_that_cannot_be_taken_leaves_the_call_as_it_was() {
    let mut house = House::new(PLAYS);
    let mut caller = house.standing_call("");
    let sound = house.media.len();
    let opus = SDP.replace("RTP/AVP 8 101", "RTP/AVP 111\na=rtpmap:111 opus/48000/2");
    for (method, body, status) in [
        ("INVITE", opus.as_str(), 488),
        ("INVITE", "nonsense\n", 400),
        ("UPDATE", opus.as_str(), 488),
        ("UPDATE", "nonsense\n", 400),
    ] {
        let text = caller.next(method, "", body);
        house.receive(CARRIER, &text);
        assert_eq!(house.response().status, status, "{method} {body}");
        if method == "INVITE" {
            house.receive(CARRIER, &caller.ack_refusal(caller.cseq));
        }
    }
    house.wait(Duration::from_secs(40));
    assert_eq!(house.sent(), [""; 0]);
    assert_eq!(house.media.len(), sound);
    assert_eq!(house.switch.counts().calls, 1);
    let text = caller.next("INVITE", "", SDP);
    house.receive(CARRIER, &text);
    let body = String::from_utf8(house.response().body).unwrap();
    assert!(
        body.contains(" 2 IN IP4 203.0.113.5\r\n"),
        "version 2: {body}"
    );
}

#[test]
fn an_offer_in_prack_is_refused_and_the_call_answered() {
    let mut house = House::new(PLAYS);
    let mut caller = Peer::caller();
    let invite = caller.next("INVITE", "Require: 100rel\n", SDP);
    house.receive(CARRIER, &invite);
    let ringing = house.provisional(180);
    caller.ours = ringing.headers.text(Name::To).unwrap().into();
    let rseq = ringing.headers.text(Name::RSeq).unwrap().into_owned();
    let prack = caller.next("PRACK", &format!("RAck: {rseq} 1 INVITE\n"), SDP);
    house.receive(CARRIER, &prack);
    assert_eq!(house.sent(), ["488 PRACK", "200 INVITE"]);
}
