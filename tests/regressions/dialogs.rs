//! What peers ask and answer inside dialogs.

use std::time::Duration;

use qaynar::sip::message::Method;

use crate::house::{CARRIER, House, PHONE, PLAYS, RINGS, SDP};

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
