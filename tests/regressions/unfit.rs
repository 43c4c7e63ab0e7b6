//! A phone that rings and then refuses what we offer: it may not be rung for each caller for ever.

use std::time::Duration;

use qaynar::event::What;
use qaynar::sip::message::{Message, Method, Name};
use qaynar::switch::{Command, Input};

use crate::house::{CARRIER, House, Peer, RINGS, SDP};

/// A call whose ring is refused with this status; it goes on to the next step. `false`: no phone rang.
fn refused(house: &mut House, number: u32, status: u16) -> bool {
    let mut caller = Peer::caller();
    caller.call_id = format!("caller-{number}");
    let invite = caller.next("INVITE", "", SDP);
    house.receive(CARRIER, &invite);
    let answer = house.response();
    assert_eq!(answer.status, 200, "the caller is answered");
    caller.ours = answer.headers.text(Name::To).unwrap().into_owned();
    house.receive(CARRIER, &caller.ack(1, ""));
    let rang = house.sent.iter().any(
        |(_, message)| matches!(message, Message::Request(one) if one.method == Method::Invite),
    );
    if rang {
        let invite = house.request(Method::Invite);
        house.reply(&invite, 180, "", "");
        house.reply(&invite, status, "", "");
    }
    assert_eq!(house.switch.counts().calls, 1, "the caller is still there");
    let bye = caller.next("BYE", "", "");
    house.receive(CARRIER, &bye);
    house.wait(Duration::from_secs(40));
    house.sent.clear();
    rang
}

fn alarms(house: &House) -> usize {
    let unfit = |what: &&What| matches!(what, What::Alarm { kind, .. } if kind == "phone-unfit");
    house.events.iter().filter(unfit).count()
}

#[test]
fn a_phone_that_cannot_talk_with_us_is_passed_by_after_the_second_refusal_with_an_alarm() {
    let mut house = House::new(RINGS).with_phone();
    assert!(refused(&mut house, 1, 488));
    assert_eq!(alarms(&house), 0, "once may be chance");
    assert!(refused(&mut house, 2, 488));
    assert_eq!(alarms(&house), 1);
    for number in 3..6 {
        assert!(!refused(&mut house, number, 488), "nobody waits for it");
    }
    assert_eq!(alarms(&house), 1);
    // It registers anew: by now it may be another phone at the same place.
    let mut known = house.known.clone();
    for command in &mut known {
        if let Command::Bindings(bindings) = command {
            bindings[0].1.call_id = "anew".into();
        }
    }
    for command in known {
        house.tell(Input::Command(command));
    }
    house.phones_answer();
    assert!(refused(&mut house, 6, 488));
}

#[test]
fn whoever_declines_as_a_person_does_is_rung_for_the_next_caller() {
    let mut house = House::new(RINGS).with_phone();
    for (number, status) in (1..).zip([486, 603, 480, 500, 486]) {
        assert!(refused(&mut house, number, status), "{status}");
    }
    assert_eq!(alarms(&house), 0);
}
