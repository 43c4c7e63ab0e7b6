//! What phones may want beyond RFC 3261: PRACK from us, early media, hold from either side, glare, several
//! phones at once, INFO.

use std::time::Duration;

use qaynar::event::What;
use qaynar::media;
use qaynar::media::Command as Sound;
use qaynar::sip::digest::Challenge;
use qaynar::sip::message::{Method, Name, Request, Response};
use qaynar::switch::{Command, Input};

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
    let bridged = |one: &Sound| matches!(one, Sound::Bridge { .. });
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

/// RFC 3311 §5.2.
#[test]
fn a_phone_may_change_its_end_before_it_answers() {
    let (mut house, _, invite) = ringing();
    let mut phone = house.reply(&invite, 180, "", "");
    // Our own offer has no answer yet; without an offer nothing stands against it.
    let moved = SDP.replace("192.0.2.50", "192.0.2.51");
    house.receive(PHONE, &phone.next("UPDATE", "", &moved));
    assert_eq!(house.response().status, 491);
    house.receive(PHONE, &phone.next("UPDATE", "", ""));
    let granted = house.response();
    assert_eq!(granted.status, 200);
    assert!(granted.headers.has(Name::Contact) && granted.body.is_empty());

    house.reply(&invite, 183, &reliable(1), SDP);
    house.request(Method::Prack);
    house.receive(PHONE, &phone.next("UPDATE", "", &moved));
    let granted = house.response();
    assert_eq!(granted.status, 200);
    let body = String::from_utf8_lossy(&granted.body).into_owned();
    assert!(body.contains("m=audio "), "{body}");
    let old = phone.clone();
    house.receive(PHONE, &phone.next("UPDATE", "", ""));
    assert_eq!(house.response().status, 200);
    let mut late = old;
    house.receive(
        PHONE,
        &late
            .next("UPDATE", "X-Late: 1\n", "")
            .replace("z9hG4bK", "z9hG4bK-late"),
    );
    assert_eq!(house.response().status, 500, "out of order");
    // The first description of the 2xx is of the past.
    house.reply(&invite, 200, "", SDP);
    house.request(Method::Ack);
    assert_eq!(house.switch.counts().talking, 1);
    let last = house.media.iter().rev().find_map(|one| match one {
        Sound::Configure { stream, .. } => Some(stream.remote.to_string()),
        _ => None,
    });
    assert_eq!(last.as_deref(), Some("192.0.2.51:4000"));
}

#[test]
fn of_a_phone_that_rings_nobody_but_its_own_dialog_is_heard() {
    let (mut house, _, invite) = ringing();
    let mut phone = house.reply(&invite, 180, "", "");
    house.receive(PHONE, &phone.next("BYE", "", ""));
    assert_eq!(
        house.response().status,
        481,
        "it refuses by its answer alone"
    );
    house.receive(PHONE, &phone.next("INVITE", "", SDP));
    assert_eq!(house.response().status, 491);
    let mut stranger = phone.clone();
    stranger.ours = stranger.ours.replace("tag=", "tag=x");
    house.receive(
        PHONE,
        &stranger
            .next("UPDATE", "", "")
            .replace("z9hG4bK", "z9hG4bK-x"),
    );
    assert_eq!(house.response().status, 481);
    house.reply(&invite, 200, "", SDP);
    house.request(Method::Ack);
    assert_eq!(house.switch.counts().talking, 1);
}

/// A caller's phone without telephone-events presses keys by INFO while it talks.
#[test]
fn a_key_by_info_reaches_whoever_talks_with_that_phone() {
    let plain = SDP.replace(" 101\na=rtpmap:101 telephone-event/8000", "");
    let mut house = House::new(RINGS).with_phone();
    let (mut caller, answer) = house.call("", &plain);
    assert_eq!(answer.status, 200);
    house.receive(CARRIER, &caller.ack(1, ""));
    let invite = house.request(Method::Invite);
    house.reply(&invite, 200, "", SDP);
    house.request(Method::Ack);
    let key = "Content-Type: application/dtmf-relay\n";
    let info = caller.next("INFO", key, "") + "\nSignal=7\nDuration=160\n";
    house.receive(CARRIER, &info);
    assert_eq!(house.response().status, 200);
    let other = house.legs()[1];
    let pressed = house.media.iter().rev().find_map(|one| match one {
        Sound::Press { leg, digit } => Some((*leg, *digit)),
        _ => None,
    });
    assert_eq!(pressed, Some((other, '7')));
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
            Sound::Music { .. } | Sound::Play { .. } | Sound::Bridge { .. }
        )
    });
    assert!(matches!(last, Some(Sound::Music { .. })), "{last:?}");
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
            Sound::Music { leg, .. } if *leg == wanted => Some("music"),
            Sound::Bridge { .. } => Some("each other"),
            Sound::Unbridge { .. } => Some("nothing"),
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
            .any(|one| matches!(one, Sound::Play { .. }))
    );
}

/// Without telephone-events: its keys come by INFO alone.
const OLD_SDP: &str = "v=0\no=x 1 1 IN IP4 192.0.2.50\ns=-\nc=IN IP4 192.0.2.50\nt=0 0\n\
                       m=audio 4000 RTP/AVP 8\n";

fn info(peer: &mut Peer, kind: &str, body: &str) -> String {
    let text = peer.next("INFO", "", body);
    text.replace(
        "Content-Type: application/sdp",
        &format!("Content-Type: {kind}"),
    )
}

fn languages(house: &House) -> usize {
    let chosen = |event: &&What| matches!(event, What::Language { .. });
    house.events.iter().filter(chosen).count()
}

#[test]
fn keys_by_info_count_where_telephone_events_were_not_agreed_on_and_are_never_doubled() {
    let relay = ("application/dtmf-relay", "Signal=2\nDuration=160\n");
    for (kind, body) in [relay, ("application/dtmf", "2\n")] {
        let mut house = House::with_languages(crate::house::PLAYS);
        let (mut caller, _) = house.call("", OLD_SDP);
        house.receive(CARRIER, &caller.ack(1, ""));
        house.receive(CARRIER, &info(&mut caller, kind, body));
        assert_eq!(house.response().status, 200);
        assert_eq!(languages(&house), 1, "{kind}");
        // The tone of the same key, and of others, goes along with it.
        let leg = house.legs()[0];
        let digit = '3';
        house.tell(Input::Media(media::Event::Digit { leg, digit }));
        assert_eq!(languages(&house), 1, "{kind}");

        let mut house = House::with_languages(crate::house::PLAYS);
        let mut caller = house.standing_call("");
        house.receive(CARRIER, &info(&mut caller, kind, body));
        assert_eq!(house.response().status, 200);
        assert_eq!(languages(&house), 0, "its telephone-event counts");
        let (leg, digit) = (house.legs()[0], '2');
        house.tell(Input::Media(media::Event::Digit { leg, digit }));
        assert_eq!(languages(&house), 1);
    }
}

#[test]
fn an_info_that_means_nothing_here_is_refused_and_the_call_goes_on() {
    let mut house = House::new(crate::house::PLAYS);
    let mut caller = house.standing_call("");
    house.receive(CARRIER, &info(&mut caller, "application/broadsoft", "x\n"));
    let refusal = house.response();
    assert_eq!(refusal.status, 415);
    assert!(
        refusal
            .headers
            .lists(Name::Accept, "application/dtmf-relay")
    );
    house.receive(CARRIER, &caller.next("INFO", "Info-Package: foo\n", ""));
    assert_eq!(house.response().status, 469);
    house.receive(CARRIER, &caller.next("INFO", "", ""));
    assert_eq!(house.response().status, 200);
    assert_eq!(house.switch.counts().calls, 1);
}

/// A SUBSCRIBE of 101 to the mailbox of `user`, with the proof where it is asked for.
fn subscribes(house: &mut House, peer: &mut Peer, user: &str, headers: &str) -> Response {
    let line = format!("SUBSCRIBE sip:{user}@203.0.113.5");
    let text = |peer: &mut Peer, more: &str| {
        let text = peer.next("SUBSCRIBE", more, "");
        text.replace("SUBSCRIBE sip:116111@203.0.113.5", &line)
    };
    house.wait(Duration::from_millis(1));
    house.receive(PHONE, &text(peer, headers));
    let first = house.response();
    if first.status != 401 {
        return first;
    }
    let values = first.headers.fields(&Name::WwwAuthenticate);
    let challenge = Challenge::best(values.map(String::from_utf8_lossy)).unwrap();
    let uri = format!("sip:{user}@203.0.113.5");
    let proof = challenge.answer("101", "pass", "SUBSCRIBE", &uri, "own");
    let more = format!("Authorization: {proof}\n{headers}");
    house.receive(PHONE, &text(peer, &more));
    house.response()
}

fn subscriber(call_id: &str) -> Peer {
    Peer {
        at: PHONE.parse().unwrap(),
        call_id: call_id.into(),
        own: "<sip:101@qaynar>;tag=mailbox".into(),
        ours: "<sip:101@qaynar>".into(),
        cseq: 0,
    }
}

fn state(notify: &Request) -> String {
    let name = Name::from("Subscription-State");
    notify.headers.text(name).unwrap().into_owned()
}

const SUMMARY: &str = "Event: message-summary;id=7\nAccept: application/simple-message-summary\n";

#[test]
fn a_phone_that_subscribes_to_its_mailbox_is_told_at_once_that_it_is_empty() {
    let mut house = House::new(RINGS).with_phone();
    let mut peer = subscriber("mwi-1");
    let more = format!("{SUMMARY}Expires: 600\n");
    let granted = subscribes(&mut house, &mut peer, "101", &more);
    assert_eq!(granted.status, 200);
    assert_eq!(granted.headers.text(Name::Expires).unwrap(), "600");
    peer.ours = granted.headers.text(Name::To).unwrap().into_owned();
    let notify = house.request(Method::Notify);
    assert_eq!(state(&notify), "active;expires=600");
    assert_eq!(
        notify.headers.text(Name::Event).unwrap(),
        "message-summary;id=7"
    );
    let body = String::from_utf8(notify.body.clone()).unwrap();
    assert!(body.starts_with("Messages-Waiting: no\r\n"), "{body}");
    house.reply(&notify, 200, "", "");
    assert_eq!(house.switch.counts().subscriptions, 1);
    // A refresh in its dialog, and the same word again.
    let granted = subscribes(&mut house, &mut peer, "101", &more);
    assert_eq!(granted.status, 200);
    let notify = house.request(Method::Notify);
    house.reply(&notify, 200, "", "");
    house.wait(SECOND * 599);
    assert_eq!(house.sent(), [""; 0]);
    house.wait(SECOND * 2);
    let notify = house.request(Method::Notify);
    assert_eq!(state(&notify), "terminated;reason=timeout");
    house.reply(&notify, 200, "", "");
    assert_eq!(house.switch.counts().subscriptions, 0);
    assert_eq!(subscribes(&mut house, &mut peer, "101", &more).status, 481);
}

#[test]
fn a_subscription_ends_when_the_phone_wants_it_or_is_gone() {
    let mut house = House::new(RINGS).with_phone();
    let mut peer = subscriber("mwi-1");
    let fetched = subscribes(
        &mut house,
        &mut peer,
        "101",
        &format!("{SUMMARY}Expires: 0\n"),
    );
    assert_eq!(fetched.status, 200);
    assert_eq!(
        state(&house.request(Method::Notify)),
        "terminated;reason=timeout"
    );
    for (number, status) in [(1, 481), (2, 0)] {
        let mut peer = subscriber(&format!("mwi-{number}-gone"));
        assert_eq!(
            subscribes(&mut house, &mut peer, "101", SUMMARY).status,
            200
        );
        let notify = house.request(Method::Notify);
        match status {
            0 => house.wait(SECOND * 33),
            _ => {
                house.reply(&notify, status, "", "");
            }
        }
        assert_eq!(house.switch.counts().subscriptions, 0);
        house.sent();
    }
}

#[test]
fn mailboxes_are_for_their_own_operator_and_for_a_few_phones_each() {
    let mut house = House::new(RINGS).with_phone();
    let mut peer = subscriber("mwi-1");
    assert_eq!(
        subscribes(&mut house, &mut peer, "102", SUMMARY).status,
        403
    );
    let brief = format!("{SUMMARY}Expires: 5\n");
    let refusal = subscribes(&mut house, &mut peer, "101", &brief);
    assert_eq!(refusal.status, 423);
    assert_eq!(refusal.headers.text(Name::MinExpires).unwrap(), "60");
    let other = subscribes(&mut house, &mut peer, "101", "Event: presence\n");
    assert_eq!(other.status, 489);
    assert!(other.headers.lists(Name::AllowEvents, "message-summary"));
    for number in 0..9 {
        let mut peer = subscriber(&format!("many-{number}"));
        let status = if number < 8 { 200 } else { 403 };
        let granted = subscribes(&mut house, &mut peer, "101", SUMMARY);
        assert_eq!(granted.status, status, "{number}");
        if status == 200 {
            let notify = house.request(Method::Notify);
            house.reply(&notify, 200, "", "");
        }
    }
    // The operator is removed: every phone hears that it is over.
    house.tell(Input::Command(Command::Operators(Vec::new())));
    assert_eq!(house.switch.counts().subscriptions, 0);
    assert_eq!(
        state(&house.request(Method::Notify)),
        "terminated;reason=rejected"
    );
}
