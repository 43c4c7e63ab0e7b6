//! Operators hand callers on to numbers outside: by the rules for their own calls, with our own number.

use std::sync::Arc;
use std::time::Duration;

use qaynar::dialplan::{Catalogue, load};
use qaynar::event::What;
use qaynar::sip::message::{Method, Name, Request};
use qaynar::switch::{Command, Input};

use crate::house::{CARRIER, House, PHONE, Peer, SDP};
use crate::transfers::{
    bridged, dials_outside, leaves_nothing, notified, refer, replacing, talking, told,
};

const SECOND: Duration = Duration::from_secs(1);
const PSYCHOLOGIST: &str = "<sip:0506802299@qaynar>";

/// A call that talks with 101, who may call mobile numbers twice a day.
fn allowed() -> (House, Peer, Peer) {
    let (mut house, caller, phone) = talking();
    let text = "numbers = [\"116111\"]\nstart = \"a\"\nlanguages = [\"az\"]\nlanguage_keys = {}\n\
        [path.a]\nsteps = [{ play = \"greeting\" }]\n\
        [[outgoing]]\nname = \"mobile\"\nnumbers = \"mobile\"\nper_minute = 0.05\ncalls_a_day = 2\n";
    let catalogue = Catalogue {
        on_trust: true,
        ..Catalogue::default()
    };
    let plan = load(&[("a.toml".into(), text.into())], &catalogue).unwrap();
    house.tell(Input::Command(Command::Apply(Arc::new(plan))));
    (house, caller, phone)
}

/// What the carrier is asked: our own number calls, and nothing of the caller or the operator is there.
fn carrier_is_asked(house: &mut House, number: &str) -> Request {
    let invite = house.request(Method::Invite);
    assert_eq!(
        invite.uri.to_string(),
        format!("sip:{number}@198.51.100.7:5060")
    );
    let from = invite.headers.text(Name::From).unwrap().into_owned();
    assert!(from.starts_with("<sip:116111@"), "{from}");
    assert_eq!(invite.headers.max_forwards().unwrap(), Some(69));
    let wire = String::from_utf8_lossy(&invite.to_bytes()).into_owned();
    for secret in ["501234567", "Referred-By", "101@", "C-"] {
        assert!(!wire.contains(secret), "{wire}");
    }
    invite
}

/// The operator is told that it went well, and let go.
fn is_let_go(house: &mut House) {
    let (notify, state, status) = notified(house);
    assert_eq!(
        (state.as_str(), status.as_str()),
        ("terminated;reason=noresource", "200")
    );
    house.reply(&notify, 200, "", "");
    let bye = house.request(Method::Bye);
    house.reply(&bye, 200, "", "");
}

#[test]
fn a_caller_is_handed_to_a_number_outside_and_counts_there() {
    let (mut house, mut caller, mut phone) = allowed();
    assert_eq!(refer(&mut house, &mut phone, PSYCHOLOGIST, "").status, 202);
    let (notify, ..) = notified(&mut house);
    house.reply(&notify, 200, "", "");
    let invite = carrier_is_asked(&mut house, "+994506802299");
    house.reply(&invite, 180, "", "");
    let callee = house.reply(&invite, 200, "", SDP);
    house.request(Method::Ack);
    is_let_go(&mut house);
    assert_eq!(bridged(&house), (0, 2));
    let words = told(&house);
    for word in ["101 hands to mobile", "101 parted", "outside connected"] {
        assert!(words.contains(&word.to_owned()), "{words:?}");
    }
    assert!(!format!("{:?}", house.events).contains("6802299"));
    // It goes on after a restart.
    house.restart();
    house.wait(SECOND * 60);
    assert_eq!(house.switch.counts().talking, 1);
    house.receive(CARRIER, &caller.next("BYE", "", ""));
    let bye = house.request(Method::Bye);
    assert_eq!(bye.headers.to().unwrap().tag(), Some("phone"));
    assert_eq!(callee.at.to_string(), CARRIER);
    house.reply(&bye, 200, "", "");
    leaves_nothing(&mut house);
}

#[test]
fn a_caller_whom_nobody_takes_outside_is_back_with_the_operator() {
    let (mut house, mut caller, mut phone) = allowed();
    for status in [486, 503] {
        refer(&mut house, &mut phone, PSYCHOLOGIST, "");
        let (notify, ..) = notified(&mut house);
        house.reply(&notify, 200, "", "");
        let invite = house.request(Method::Invite);
        house.reply(&invite, status, "", "");
        let (notify, _, told) = notified(&mut house);
        let wanted = if status == 503 { "480" } else { "486" };
        assert_eq!(told, wanted);
        house.reply(&notify, 200, "", "");
        assert_eq!(bridged(&house), (0, 1));
    }
    // Nobody answers: a while later.
    refer(&mut house, &mut phone, PSYCHOLOGIST, "");
    let (notify, ..) = notified(&mut house);
    house.reply(&notify, 200, "", "");
    let invite = house.request(Method::Invite);
    house.reply(&invite, 180, "", "");
    house.wait(SECOND * 46);
    let cancel = house.request(Method::Cancel);
    house.reply(&cancel, 200, "", "");
    house.reply(&invite, 487, "", "");
    assert_eq!(bridged(&house), (0, 1));
    assert!(told(&house).contains(&"failed 408".to_owned()));
    // None of these was a call: both of the day are left.
    house.sent();
    assert_eq!(refer(&mut house, &mut phone, PSYCHOLOGIST, "").status, 202);
    house.receive(CARRIER, &caller.next("BYE", "", ""));
    leaves_nothing(&mut house);
}

#[test]
fn caps_and_classes_hold_for_transfers_and_not_for_emergencies() {
    let (mut house, _, mut phone) = allowed();
    let refused = refer(&mut house, &mut phone, "<sip:00902125551234@qaynar>", "");
    assert_eq!(refused.status, 403);
    let why = refused.headers.text(Name::Warning).unwrap().into_owned();
    assert!(why.contains("allows no calls"), "{why}");
    let refusal = |event: &&What| matches!(event, What::Refused { .. });
    assert_eq!(house.events.iter().filter(refusal).count(), 1);
    // Two calls of the day.
    for id in ["one", "two"] {
        let (mut own, answer) = dials_out(&mut house, id);
        assert_eq!(answer, 200);
        house.receive(&own.at.to_string(), &own.next("BYE", "", ""));
        let bye = house.request(Method::Bye);
        house.reply(&bye, 200, "", "");
    }
    assert_eq!(refer(&mut house, &mut phone, PSYCHOLOGIST, "").status, 403);
    let police = refer(&mut house, &mut phone, "<sip:112@qaynar>", "");
    assert_eq!(police.status, 202);
    let invite = carrier_is_asked(&mut house, "112");
    house.reply(&invite, 200, "", SDP);
    house.request(Method::Ack);
    assert!(told(&house).contains(&"101 hands to 112".to_owned()));
}

/// 101 calls a mobile number, which answers at once.
fn dials_out(house: &mut House, id: &str) -> (Peer, u16) {
    let number = match id {
        "one" => "0506802298",
        _ => "0506802297",
    };
    let (mut own, invite) = dials_outside(house, "101", PHONE, number);
    house.reply(&invite, 200, "", SDP);
    let answer = house.response();
    own.ours = answer.headers.text(Name::To).unwrap().into_owned();
    house.receive(PHONE, &own.ack(own.cseq, ""));
    (own, answer.status)
}

#[test]
fn a_caller_is_put_together_with_a_number_outside_that_was_asked_first() {
    let (mut house, mut caller, mut phone) = allowed();
    let hold = SDP.replace("m=audio", "a=sendonly\nm=audio");
    house.receive(PHONE, &phone.next("INVITE", "", &hold));
    assert_eq!(house.response().status, 200);
    house.receive(PHONE, &phone.ack(phone.cseq, ""));
    let (own, answer) = dials_out(&mut house, "one");
    assert_eq!((answer, bridged(&house)), (200, (2, 3)));
    let answer = refer(&mut house, &mut phone, &replacing(&own), "");
    assert_eq!(answer.status, 202);
    let (notify, ..) = notified(&mut house);
    house.reply(&notify, 200, "", "");
    house.wait(SECOND * 40);
    assert_eq!(bridged(&house), (0, 3));
    let counts = house.switch.counts();
    assert_eq!((counts.calls, counts.talking, counts.legs), (1, 1, 2));
    let words = told(&house);
    for word in ["101 hands to mobile", "101 parted", "outside connected"] {
        assert!(words.contains(&word.to_owned()), "{words:?}");
    }
    house.receive(CARRIER, &caller.next("BYE", "", ""));
    leaves_nothing(&mut house);
}

#[test]
fn a_caller_whose_operator_left_while_handing_on_outside_goes_on() {
    let (mut house, _, mut phone) = allowed();
    refer(&mut house, &mut phone, PSYCHOLOGIST, "");
    let invite = house.request(Method::Invite);
    house.receive(&phone.at.to_string(), &phone.next("BYE", "", ""));
    house.reply(&invite, 404, "", "");
    assert!(told(&house).contains(&"failed 404".to_owned()));
    // This call came by no line: the plan's next step is a prompt.
    assert_eq!(house.switch.counts().calls, 1);
    house.played();
    leaves_nothing(&mut house);
}
