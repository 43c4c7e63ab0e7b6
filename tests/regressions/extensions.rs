//! What phones may want beyond RFC 3261: PRACK from us, early media, hold from either side, glare, several
//! phones at once, INFO.

use std::time::Duration;

use qaynar::media::{self, Command};
use qaynar::sip::message::{Method, Name, Request};

use crate::house::{CARRIER, House, PHONE, Peer, RINGS, SDP, flow};

const SECOND: Duration = Duration::from_secs(1);
/// The second phone of 101.
const DESK: &str = "192.0.2.10:5060";
const COMPLETED: &str = "SIP;cause=200;text=\"Call completed elsewhere\"";

fn ringing() -> (House, Peer, Request) {
    let mut house = House::new(RINGS).with_phone();
    let caller = house.standing_call("");
    let invite = house.request(Method::Invite);
    (house, caller, invite)
}

fn reliable(rseq: u32) -> String {
    format!("Require: 100rel\nRSeq: {rseq}\n")
}

fn number(request: &Request) -> u32 {
    request.headers.cseq().unwrap().number
}

#[test]
fn a_reliable_180_of_a_phone_is_pracked_once_and_the_call_goes_on_from_its_number() {
    let (mut house, mut caller, invite) = ringing();
    assert!(invite.headers.lists(Name::Supported, "100rel"));
    house.reply(&invite, 180, &reliable(7), "");
    let prack = house.request(Method::Prack);
    assert_eq!(prack.headers.text(Name::RAck).unwrap(), "7 1 INVITE");
    assert_eq!(prack.headers.to().unwrap().tag(), Some("phone"));
    assert_eq!(number(&prack), 2);
    house.reply(&prack, 200, "", "");
    house.reply(&invite, 180, &reliable(7), "");
    assert_eq!(
        house.sent(),
        [""; 0],
        "a repetition is discarded (RFC 3262 §4)"
    );
    house.reply(&invite, 183, &reliable(9), "");
    assert_eq!(house.sent(), [""; 0], "8 is missing");
    house.reply(&invite, 183, &reliable(8), "");
    assert_eq!(number(&house.request(Method::Prack)), 3);
    house.reply(&invite, 200, "", SDP);
    let ack = house.request(Method::Ack);
    assert_eq!(number(&ack), 1, "of the INVITE");
    let bye = caller.next("BYE", "", "");
    house.receive(CARRIER, &bye);
    assert_eq!(number(&house.request(Method::Bye)), 4);
}

#[test]
fn a_lost_prack_is_sent_again_and_does_not_stop_the_call() {
    let (mut house, _, invite) = ringing();
    house.reply(&invite, 180, &reliable(1), "");
    house.request(Method::Prack);
    house.wait(SECOND * 2);
    assert_eq!(house.sent(), ["PRACK", "PRACK"]);
    house.reply(&invite, 200, "", SDP);
    house.request(Method::Ack);
    assert_eq!(house.switch.counts().talking, 1);
}

#[test]
fn the_answer_of_a_reliable_183_counts_when_the_2xx_brings_none() {
    let (mut house, _, invite) = ringing();
    house.reply(&invite, 183, &reliable(1), SDP);
    house.request(Method::Prack);
    house.reply(&invite, 200, "", "");
    house.request(Method::Ack);
    assert_eq!(house.switch.counts().talking, 1);
    let bridged = |one: &Command| matches!(one, Command::Bridge { .. });
    assert!(house.media.iter().any(bridged));
}

#[test]
fn each_branch_of_a_forked_invite_is_pracked_in_its_own_dialog() {
    let (mut house, _, invite) = ringing();
    for fork in ["a", "b"] {
        house.reply_with(&invite, 180, fork, &reliable(1), "");
        let prack = house.request(Method::Prack);
        assert_eq!(prack.headers.to().unwrap().tag(), Some(fork));
        assert_eq!(number(&prack), 2);
    }
    house.reply_with(&invite, 200, "b", "", SDP);
    house.request(Method::Ack);
    house.reply_with(&invite, 200, "a", "", SDP);
    house.request(Method::Ack);
    let bye = house.request(Method::Bye);
    assert!(number(&bye) > 2, "higher than that of its PRACK");
    assert_eq!(bye.headers.text(Name::Reason).unwrap(), COMPLETED);
    assert_eq!(house.switch.counts().talking, 1);
}

#[test]
fn the_early_media_of_a_phone_is_heard_by_nobody_and_the_music_goes_on() {
    let (mut house, _, invite) = ringing();
    let before = house.media.len();
    house.reply(&invite, 183, "", SDP);
    house.reply(&invite, 183, &reliable(1), SDP);
    assert_eq!(house.media.len(), before);
    let last = house.media.iter().rev().find(|one| {
        matches!(
            one,
            Command::Music { .. } | Command::Play { .. } | Command::Bridge { .. }
        )
    });
    assert!(matches!(last, Some(Command::Music { .. })), "{last:?}");
}

#[test]
fn of_two_phones_the_first_wins_and_the_other_is_told_that_it_missed_no_call() {
    let mut house = House::new(RINGS).with_phones(&[("101", flow(PHONE)), ("101", flow(DESK))]);
    let mut caller = house.standing_call("");
    let (one, two) = (house.request(Method::Invite), house.request(Method::Invite));
    assert_ne!(one.uri, two.uri);
    house.reply(&one, 180, "", "");
    house.reply(&two, 180, "", "");
    house.reply(&two, 200, "", SDP);
    house.request(Method::Ack);
    let cancel = house.request(Method::Cancel);
    assert_eq!(cancel.headers.text(Name::Reason).unwrap(), COMPLETED);
    // And it answered in the same moment.
    house.reply(&one, 200, "", SDP);
    house.request(Method::Ack);
    let bye = house.request(Method::Bye);
    assert_eq!(bye.headers.text(Name::Reason).unwrap(), COMPLETED);
    house.reply(&bye, 200, "", "");
    assert_eq!(house.switch.counts().talking, 1);
    let bye = caller.next("BYE", "", "");
    house.receive(CARRIER, &bye);
    let bye = house.request(Method::Bye);
    assert!(!bye.headers.has(Name::Reason));
}

#[test]
fn a_caller_who_gives_up_is_a_missed_call() {
    let (mut house, mut caller, invite) = ringing();
    house.reply(&invite, 180, "", "");
    house.receive(CARRIER, &caller.next("BYE", "", ""));
    let cancel = house.request(Method::Cancel);
    assert!(!cancel.headers.has(Name::Reason));
}

fn talking(answer: &str) -> (House, Peer, Peer) {
    let (mut house, caller, invite) = ringing();
    let phone = house.reply(&invite, 200, answer, SDP);
    house.request(Method::Ack);
    (house, caller, phone)
}

/// What the two legs hear, by the last command for each: caller, phone.
fn heard(house: &House) -> (&'static str, &'static str) {
    let legs = house.legs();
    let last = |wanted| {
        let found = house.media.iter().rev().find_map(|command| match command {
            Command::Music { leg, .. } if *leg == wanted => Some("music"),
            Command::Bridge { .. } => Some("each other"),
            Command::Unbridge { .. } => Some("nothing"),
            _ => None,
        });
        found.unwrap_or("nothing")
    };
    (last(legs[0]), last(legs[1]))
}

#[test]
fn either_side_holds_in_each_form_and_the_held_one_hears_music_until_taken_back() {
    let with = |line: &str| SDP.replace("m=audio", &format!("{line}\nm=audio"));
    let null = SDP.replace("c=IN IP4 192.0.2.50", "c=IN IP4 0.0.0.0");
    for hold in [with("a=sendonly"), with("a=inactive"), null] {
        let (mut house, mut caller, mut phone) = talking("");
        let offer = |house: &mut House, peer: &mut Peer, body: &str| {
            let at = peer.at.to_string();
            house.receive(&at, &peer.next("INVITE", "", body));
            assert_eq!(house.response().status, 200);
            house.receive(&at, &peer.ack(peer.cseq, ""));
        };
        offer(&mut house, &mut phone, &hold);
        assert_eq!(heard(&house).0, "music", "{hold}");
        offer(&mut house, &mut phone, SDP);
        assert_eq!(heard(&house), ("each other", "each other"), "{hold}");
        offer(&mut house, &mut caller, &hold);
        assert_eq!(heard(&house).1, "music", "{hold}");
        offer(&mut house, &mut phone, &hold);
        assert_eq!(heard(&house), ("nothing", "nothing"), "both hold: {hold}");
        offer(&mut house, &mut caller, SDP);
        assert_eq!(heard(&house).0, "music", "{hold}");
        offer(&mut house, &mut phone, SDP);
        assert_eq!(heard(&house), ("each other", "each other"), "{hold}");
        assert_eq!(house.switch.counts().talking, 1);
    }
}

/// Our refresh and the phone's hold cross: each gets 491. The Call-ID is ours, so we wait for 2.1 to 4 s,
/// and the phone, which waits for up to 2 s, goes first (RFC 3261 §14.1).
#[test]
fn in_a_glare_the_owner_of_the_call_id_waits_for_longer() {
    let timer = "Supported: timer\nRequire: timer\nSession-Expires: 1800;refresher=uac\n";
    let (mut house, _, mut phone) = talking(timer);
    house.wait(SECOND * 901);
    let ours = house.request(Method::Invite);
    let hold = SDP.replace("m=audio", "a=sendonly\nm=audio");
    house.receive(PHONE, &phone.next("INVITE", "", &hold));
    assert_eq!(house.response().status, 491);
    house.receive(PHONE, &phone.ack_refusal(phone.cseq));
    house.reply(&ours, 491, "", "");
    house.sent();
    house.wait(Duration::from_millis(2_099));
    assert!(!house.sent().contains(&"INVITE".to_owned()), "too early");
    house.receive(PHONE, &phone.next("INVITE", timer, &hold));
    assert_eq!(house.response().status, 200);
    assert_eq!(heard(&house).0, "music");
    house.receive(PHONE, &phone.ack(phone.cseq, ""));
    house.wait(SECOND * 2);
    let sent = house.sent();
    assert!(
        !sent.contains(&"INVITE".to_owned()),
        "the hold refreshed it: {sent:?}"
    );
    assert_eq!(house.switch.counts().talking, 1);
}

#[test]
fn a_phone_that_takes_update_is_refreshed_by_it_and_one_that_refreshes_itself_is_left_alone() {
    let ours = "Allow: INVITE, ACK, BYE, UPDATE\nSession-Expires: 1800;refresher=uac\n";
    let (mut house, _, _) = talking(ours);
    house.wait(SECOND * 901);
    let update = house.request(Method::Update);
    assert!(update.body.is_empty());
    let again = "Session-Expires: 1800;refresher=uac\n";
    house.reply(&update, 200, again, "");
    house.wait(SECOND * 901);
    house.request(Method::Update);

    let theirs = "Allow: UPDATE\nRequire: timer\nSession-Expires: 1800;refresher=uas\n";
    let (mut house, _, mut phone) = talking(theirs);
    for _ in 0..3 {
        house.wait(SECOND * 900);
        assert_eq!(house.sent(), [""; 0]);
        let headers = "Supported: timer\nSession-Expires: 1800;refresher=uac\n";
        house.receive(PHONE, &phone.next("UPDATE", headers, ""));
        let answer = house.response();
        let granted = answer.headers.session_expires().unwrap();
        assert_eq!(granted.refresher.unwrap().parameter(), "uac");
    }
    // It stops: the dialog is dead, and the caller is told and goes on.
    house.wait(SECOND * 1_770);
    house.request(Method::Bye);
    assert_eq!(house.switch.counts().calls, 1);
    assert!(
        house
            .media
            .iter()
            .any(|one| matches!(one, media::Command::Play { .. }))
    );
}
