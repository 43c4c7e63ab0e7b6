//! Peers behind a NAT: the way to them stays open.

use std::time::Duration;

use qaynar::registrar::Binding;
use qaynar::sip::message::Method;
use qaynar::switch::Input;
use qaynar::switch::input::Command;
use qaynar::time::Wall;

use crate::house::{EPOCH, House, PLAYS, Peer, SDP, flow, stream};

/// Where the NAT shows the phone, and where it believes to be.
const SEEN: &str = "198.51.100.99:61000";
const NAMED: &str = "192.168.1.20:5060";

/// A house with one phone, which came by `way` and named itself `contact`.
fn house(way: qaynar::sip::flow::Flow, contact: &str) -> House {
    house_behind(way, contact, Vec::new())
}

/// The same with proxies between.
fn house_behind(way: qaynar::sip::flow::Flow, contact: &str, path: Vec<String>) -> House {
    let mut house = House::new(PLAYS).with_phones(&[("101", way)]);
    let binding = Binding {
        contact: format!("sip:101@{contact}"),
        instance: None,
        reg_id: None,
        path,
        flow: way,
        expires: Wall(EPOCH + 7_200_000_000),
        call_id: "registration".into(),
        cseq: 7,
    };
    house.tell(Input::Command(Command::Bindings(vec![(
        "101".into(),
        binding,
    )])));
    house.phones_answer();
    house
}

#[test]
fn a_phone_behind_a_nat_is_asked_for_a_word_each_25_seconds() {
    let mut house = house(flow(SEEN), NAMED);
    for _ in 0..3 {
        house.wait(Duration::from_secs(25));
        let ways: Vec<String> = house
            .sent
            .iter()
            .map(|(way, _)| way.remote.to_string())
            .collect();
        assert_eq!(
            ways,
            [SEEN],
            "where the NAT shows it, not where it believes to be"
        );
        let options = house.request(Method::Options);
        assert_eq!(options.uri.to_string(), format!("sip:101@{NAMED}"));
        assert_eq!(
            house.switch.counts().transactions,
            0,
            "nothing waits for the answer"
        );
    }
}

#[test]
fn phones_that_can_be_reached_as_they_say_or_hold_a_connection_are_left_alone() {
    for (way, contact) in [(flow(NAMED), NAMED), (stream(SEEN, 7), NAMED)] {
        let mut house = house(way, contact);
        house.wait(Duration::from_secs(120));
        assert_eq!(house.sent(), [""; 0]);
    }
}

#[test]
fn the_way_behind_a_proxy_is_not_ours_to_keep_open() {
    let path = vec![format!("<sip:{SEEN};lr>")];
    let mut house = house_behind(flow(SEEN), NAMED, path);
    house.wait(Duration::from_secs(100));
    assert_eq!(house.sent(), Vec::<String>::new());
}

#[test]
fn a_proxy_before_phones_and_a_carrier_at_once_brings_calls_of_both() {
    // It is at an address of the trunk, and a phone has registered by it.
    let proxy = "198.51.100.8:5060";
    let mut house = house_behind(flow(proxy), NAMED, vec![format!("<sip:{proxy};lr>")]);
    let mut asked = |from: &str, number: &str| {
        let mut peer = Peer::caller();
        peer.at = proxy.parse().unwrap();
        peer.call_id = format!("from-{from}-to-{number}");
        peer.own = format!("<sip:{from}@carrier.example>;tag=x");
        let invite = peer.next("INVITE", "", SDP);
        house.receive(
            proxy,
            &invite.replace(
                "sip:116111@203.0.113.5",
                &format!("sip:{number}@203.0.113.5"),
            ),
        );
        house.response().status
    };
    assert_eq!(asked("0501234567", "116111"), 200);
    // Nobody configured it: the helpline's all the same, never a question that no carrier can answer.
    assert_eq!(asked("0501234567", "0125555555"), 200);
    assert_eq!(asked("101", "0125555555"), 407, "an operator calls outside");
    assert_eq!(asked("101", "101"), 407);
}
