//! Messages that cross, get lost, come twice or never: one test for each race that other exchanges
//! learned the hard way. At the end of each, every table is empty.

use std::time::Duration;

use qaynar::event::{Cause, What};
use qaynar::sip::message::{Method, Name, Request};
use qaynar::switch::Input;

use crate::house::{CARRIER, House, PHONE, PLAYS, Peer, RINGS, SDP, flow, stream};

const SECOND: Duration = Duration::from_secs(1);
/// A proxy's own address, with its requests.
const PROXY: &str = "198.51.100.8:5060";

/// All calls are over and all timers have run out: nothing may be left.
fn leaves_nothing(house: &mut House) {
    house.wait(SECOND * 70);
    house.sent();
    let counts = house.switch.counts();
    // A phone that fell silent is asked until its binding ends.
    let transactions = counts.transactions - counts.asking;
    let left = (counts.calls, counts.legs, transactions);
    assert_eq!(left, (0, 0, 0), "{counts:?}");
    assert!(house.switch.is_idle());
    let violations = house.switch.violations(house.now());
    assert!(violations.is_empty(), "{violations:?}");
}

/// A caller who hangs up, and the BYE to the phone answered where there is one.
fn hangs_up(house: &mut House, caller: &mut Peer) {
    let bye = caller.next("BYE", "", "");
    house.receive(CARRIER, &bye);
    assert_eq!(house.response().status, 200);
}

/// A call that rings the phone.
fn ringing() -> (House, Peer, Request) {
    let mut house = House::new(RINGS).with_phone();
    let caller = house.standing_call("");
    let invite = house.request(Method::Invite);
    house.reply(&invite, 180, "", "");
    house.sent();
    (house, caller, invite)
}

/// A call that talks; the INVITE is the one that the phone answered.
fn talking() -> (House, Peer, Request, Peer) {
    let (mut house, caller, invite) = ringing();
    let phone = house.reply(&invite, 200, "", SDP);
    house.request(Method::Ack);
    (house, caller, invite, phone)
}

fn causes(house: &House) -> Vec<Cause> {
    let ends = house.events.iter().filter_map(|event| match event {
        What::Ended { cause, .. } => Some(*cause),
        _ => None,
    });
    ends.collect()
}

fn answered_bye(house: &mut House) {
    let bye = house.request(Method::Bye);
    house.reply(&bye, 200, "", "");
}

#[test]
fn our_cancel_and_the_phones_2xx_cross_and_the_phone_gets_ack_and_bye() {
    let (mut house, mut caller, invite) = ringing();
    hangs_up(&mut house, &mut caller);
    let cancel = house.request(Method::Cancel);
    house.reply(&invite, 200, "", SDP);
    house.request(Method::Ack);
    let bye = house.request(Method::Bye);
    house.reply(&cancel, 200, "", "");
    house.reply(&bye, 200, "", "");
    // The phone did not get the ACK yet.
    house.reply(&invite, 200, "", SDP);
    assert_eq!(house.sent().first().map(String::as_str), Some("ACK"));
    assert_eq!(causes(&house), [Cause::Abandoned]);
    leaves_nothing(&mut house);
}

#[test]
fn a_cancel_that_comes_behind_our_2xx_changes_nothing() {
    let mut house = House::new(PLAYS);
    let (mut caller, _) = house.call("", SDP);
    let cancel = caller.cancel(1);
    house.receive(CARRIER, &cancel);
    assert_eq!(house.sent(), ["200 CANCEL"], "and no 487 (§9.2)");
    house.receive(CARRIER, &caller.ack(1, ""));
    assert_eq!(house.switch.counts().calls, 1);
    hangs_up(&mut house, &mut caller);
    leaves_nothing(&mut house);
}

#[test]
fn each_2xx_of_a_forked_invite_gets_its_ack_and_all_but_the_first_a_bye() {
    let (mut house, mut caller, invite, _) = talking();
    for fork in ["fork-1", "fork-2"] {
        house.reply_as(&invite, 200, fork, SDP);
        let ack = house.request(Method::Ack);
        assert_eq!(ack.headers.to().unwrap().tag(), Some(fork));
        let bye = house.request(Method::Bye);
        assert_eq!(bye.headers.to().unwrap().tag(), Some(fork));
        assert!(bye.headers.cseq().unwrap().number > 1);
        house.reply(&bye, 200, "", "");
    }
    assert_eq!(house.switch.counts().talking, 1, "the first one stands");
    hangs_up(&mut house, &mut caller);
    answered_bye(&mut house);
    leaves_nothing(&mut house);
}

#[test]
fn our_lost_ack_goes_out_again_octet_by_octet_with_each_copy_of_the_2xx() {
    let (mut house, mut caller, invite) = ringing();
    house.reply(&invite, 200, "", SDP);
    let first = house.request(Method::Ack);
    for _ in 0..3 {
        house.reply(&invite, 200, "", SDP);
        assert_eq!(house.request(Method::Ack), first);
    }
    assert_eq!(house.switch.counts().talking, 1);
    hangs_up(&mut house, &mut caller);
    answered_bye(&mut house);
    leaves_nothing(&mut house);
}

/// Seen in RFC 3665 §3.2, spoken by somebody who does not wait: the second one got the first one's 2xx.
#[test]
fn another_attempt_with_the_same_call_id_is_no_copy_and_gets_an_answer_of_its_own() {
    let mut house = House::new(PLAYS);
    let (mut caller, first) = house.call("", SDP);
    let unasked = caller.ours.clone();
    caller.ours = "<sip:116111@qaynar>".into();
    house.receive(CARRIER, &caller.next("INVITE", "", SDP));
    let second = house.response();
    assert_eq!((first.status, second.status), (200, 200));
    assert_eq!(second.headers.cseq().unwrap().number, 2);
    let tag = |text: &str| text.rsplit("tag=").next().unwrap().to_owned();
    let own = second.headers.text(Name::To).unwrap().into_owned();
    assert_ne!(tag(&own), tag(&unasked), "a dialog of its own");
    for (number, to) in [(1, unasked), (2, own)] {
        caller.ours = to;
        house.receive(CARRIER, &caller.ack(number, ""));
        hangs_up(&mut house, &mut caller);
    }
    leaves_nothing(&mut house);
}

#[test]
fn our_lost_bye_goes_out_again_until_it_is_answered() {
    let (mut house, mut caller, _, _) = talking();
    hangs_up(&mut house, &mut caller);
    let first = house.request(Method::Bye);
    house.wait(SECOND * 4);
    assert_eq!(house.sent(), ["BYE", "BYE", "BYE"], "0.5, 1.5 and 3.5 s");
    house.reply(&first, 200, "", "");
    house.wait(SECOND * 10);
    assert_eq!(house.sent(), [""; 0]);
    leaves_nothing(&mut house);
}

#[test]
fn our_bye_that_nobody_ever_answers_is_given_up() {
    let (mut house, mut caller, _, _) = talking();
    hangs_up(&mut house, &mut caller);
    house.wait(SECOND * 33);
    assert_eq!(house.sent().len(), 11, "RFC 3261 §17.1.2.2");
    leaves_nothing(&mut house);
}

#[test]
fn a_bye_that_comes_twice_is_answered_twice_and_ends_one_call() {
    let (mut house, mut caller, _, _) = talking();
    let bye = caller.next("BYE", "", "");
    house.receive(CARRIER, &bye);
    answered_bye(&mut house);
    house.receive(CARRIER, &bye);
    assert_eq!(house.sent(), ["200 BYE"]);
    assert_eq!(causes(&house), [Cause::HungUp]);
    leaves_nothing(&mut house);
}

#[test]
fn byes_of_both_sides_cross() {
    let (mut house, mut caller, _, mut phone) = talking();
    hangs_up(&mut house, &mut caller);
    let ours = house.request(Method::Bye);
    let theirs = phone.next("BYE", "", "");
    house.receive(PHONE, &theirs);
    // Known or not any more: either ends the phone's side (RFC 3261 §15.1.2).
    assert!(matches!(house.response().status, 200 | 481));
    house.reply(&ours, 481, "", "");
    leaves_nothing(&mut house);
}

#[test]
fn an_invite_that_comes_twice_by_udp_or_tcp_is_one_call() {
    for way in [flow(CARRIER), stream(CARRIER, 1)] {
        let mut house = House::new(PLAYS);
        let mut caller = Peer::caller();
        let mut invite = caller.next("INVITE", "", SDP);
        if way.transport.is_reliable() {
            invite = invite.replace("SIP/2.0/UDP", "SIP/2.0/TCP");
        }
        house.receive_by(way, &invite);
        let first = house.response();
        house.receive_by(way, &invite);
        house.receive_by(way, &invite);
        caller.ours = first.headers.text(Name::To).unwrap().into_owned();
        // The 2xx is repeated by its own timer alone (RFC 6026 §7.1).
        assert_eq!(house.sent(), [""; 0], "{way:?}");
        assert_eq!(house.switch.counts().calls, 1, "{way:?}");
        house.wait(SECOND);
        assert_eq!(house.sent(), ["200 INVITE"], "end to end, on TCP too");
        house.receive_by(way, &caller.ack(1, ""));
        house.receive_by(way, &caller.next("BYE", "", ""));
        assert_eq!(house.response().status, 200);
        leaves_nothing(&mut house);
    }
}

#[test]
fn our_invite_is_repeated_by_udp_and_not_by_tcp() {
    for (way, copies) in [(flow(PHONE), 3), (stream(PHONE, 7), 0)] {
        let mut house = House::new(RINGS).with_phones(&[("101", way)]);
        let mut caller = house.standing_call("");
        let invite = house.request(Method::Invite);
        house.wait(SECOND * 4);
        let sent = house.sent();
        assert_eq!(sent, vec!["INVITE"; copies], "{way:?}");
        house.reply_by(way, &invite, 486, "", "");
        house.request(Method::Ack);
        house.reply_by(way, &invite, 486, "", "");
        assert_eq!(house.sent().contains(&"ACK".to_owned()), copies > 0);
        hangs_up(&mut house, &mut caller);
        leaves_nothing(&mut house);
    }
}

#[test]
fn a_caller_who_never_acknowledges_our_2xx_gets_bye_and_the_call_is_lost() {
    let mut house = House::new(PLAYS);
    house.call("", SDP);
    house.wait(SECOND * 33);
    assert_eq!(house.sent().iter().filter(|line| *line == "BYE").count(), 2);
    assert_eq!(causes(&house), [Cause::Lost]);
    leaves_nothing(&mut house);
}

#[test]
fn a_refusal_that_is_never_acknowledged_is_repeated_and_given_up() {
    let mut house = House::new(PLAYS);
    let mut caller = Peer::caller();
    let invite = caller.next("INVITE", "Require: teleport\n", SDP);
    house.receive(CARRIER, &invite);
    assert_eq!(house.sent(), ["420 INVITE"]);
    leaves_nothing(&mut house);
}

#[test]
fn a_malformed_cancel_stops_nothing_and_a_right_one_still_cancels() {
    let mut house = House::new(PLAYS);
    let mut caller = Peer::caller();
    house.receive(CARRIER, &caller.next("INVITE", "Require: 100rel\n", SDP));
    house.provisional(180);
    let cancel = caller.cancel(1);
    let broken = [
        cancel.replace("CSeq: 1 CANCEL", "CSeq: 1 INVITE"),
        cancel.replace("CSeq: 1 CANCEL", "CSeq: one CANCEL"),
        cancel.replace("Call-ID: call-1\n", ""),
        cancel.replace("To: ", "To: <<"),
        cancel.replace(";branch=z9hG4bK-INVITE-1", ";branch=z9hG4bK-other"),
        cancel.replace(";branch=z9hG4bK-INVITE-1", ""),
    ];
    for text in &broken {
        let whole = format!(
            "{}\r\nContent-Length: 0\r\n\r\n",
            text.trim_end().replace('\n', "\r\n")
        );
        house.tell(Input::datagram(flow(CARRIER), whole.as_bytes()));
        let sent = house.sent();
        assert!(!sent.contains(&"487 INVITE".to_owned()), "{text}: {sent:?}");
        assert_eq!(house.switch.counts().calls, 1, "{text}");
    }
    house.receive(CARRIER, &cancel);
    assert_eq!(house.sent(), ["200 CANCEL", "487 INVITE"]);
    house.receive(CARRIER, &caller.ack_refusal(1));
    leaves_nothing(&mut house);
}

/// Another server's UDP socket was deaf after one CANCEL that could not be delivered.
#[test]
fn a_cancel_that_cannot_be_sent_stops_no_other_call() {
    let (mut house, mut caller, invite) = ringing();
    hangs_up(&mut house, &mut caller);
    house.request(Method::Cancel);
    house.tell(Input::SendFailed { flow: flow(PHONE) });
    house.sent();
    let mut other = Peer::caller();
    other.call_id = "call-2".into();
    house.receive(CARRIER, &other.next("INVITE", "", SDP));
    let answer = house.response();
    assert_eq!(answer.status, 200);
    other.ours = answer.headers.text(Name::To).unwrap().into_owned();
    house.receive(CARRIER, &other.ack(1, ""));
    house.wait(SECOND);
    assert!(house.sent().contains(&"CANCEL".to_owned()), "sent again");
    house.reply(&invite, 487, "", "");
    house.request(Method::Ack);
    hangs_up(&mut house, &mut other);
    house.wait(SECOND * 40);
    leaves_nothing(&mut house);
}

/// RFC 3261 §16.7 step 10 has it for proxies: who rings for too long is not forgotten but cancelled.
#[test]
fn the_end_of_the_ringing_time_sends_cancel_and_waits_for_the_487() {
    let (mut house, mut caller, invite) = ringing();
    house.wait(SECOND * 25);
    let cancel = house.request(Method::Cancel);
    let branch = |request: &Request| request.headers.via().unwrap().branch().to_owned();
    assert_eq!(branch(&cancel), branch(&invite));
    house.reply(&cancel, 200, "", "");
    house.reply(&invite, 487, "", "");
    house.request(Method::Ack);
    assert_eq!(
        house.switch.counts().calls,
        1,
        "the caller hears the next step"
    );
    hangs_up(&mut house, &mut caller);
    leaves_nothing(&mut house);
}

#[test]
fn a_phone_that_never_answers_the_cancel_is_forgotten_after_64_t1() {
    let (mut house, mut caller, _) = ringing();
    hangs_up(&mut house, &mut caller);
    house.request(Method::Cancel);
    assert_eq!(
        house.switch.counts().legs,
        1,
        "§9.1: the INVITE may still be answered"
    );
    house.wait(SECOND * 33);
    assert_eq!(house.switch.counts().legs, 0);
    leaves_nothing(&mut house);
}

#[test]
fn a_phone_that_was_silent_when_the_caller_left_is_cancelled_with_its_first_word() {
    let mut house = House::new(RINGS).with_phone();
    let mut caller = house.standing_call("");
    let invite = house.request(Method::Invite);
    hangs_up(&mut house, &mut caller);
    assert_eq!(
        house.sent(),
        [""; 0],
        "no CANCEL before a provisional response (§9.1)"
    );
    house.reply(&invite, 180, "", "");
    let cancel = house.request(Method::Cancel);
    house.reply(&cancel, 200, "", "");
    house.reply(&invite, 487, "", "");
    leaves_nothing(&mut house);
}

#[test]
fn a_provisional_response_that_is_never_pracked_is_repeated_and_the_child_is_answered_all_the_same()
{
    let mut house = House::new(PLAYS);
    let mut caller = Peer::caller();
    house.receive(CARRIER, &caller.next("INVITE", "Require: 100rel\n", SDP));
    let first = house.provisional(180);
    house.wait(SECOND * 2);
    let again = house.provisional(180);
    assert_eq!(
        again.headers.text(Name::RSeq),
        first.headers.text(Name::RSeq)
    );
    house.wait(SECOND * 31);
    let answer = house.response();
    assert_eq!(answer.status, 200);
    caller.ours = answer.headers.text(Name::To).unwrap().into_owned();
    house.receive(CARRIER, &caller.ack(1, ""));
    hangs_up(&mut house, &mut caller);
    leaves_nothing(&mut house);
}

#[test]
fn a_prack_whose_answer_was_lost_comes_again_and_gets_the_same_answer() {
    let mut house = House::new(PLAYS);
    let mut caller = Peer::caller();
    house.receive(CARRIER, &caller.next("INVITE", "Require: 100rel\n", SDP));
    let ringing = house.provisional(180);
    caller.ours = ringing.headers.text(Name::To).unwrap().into_owned();
    let rseq = ringing.headers.text(Name::RSeq).unwrap().into_owned();
    let prack = caller.next("PRACK", &format!("RAck: {rseq} 1 INVITE\n"), "");
    house.receive(CARRIER, &prack);
    assert_eq!(house.sent(), ["200 PRACK", "200 INVITE"]);
    house.receive(CARRIER, &prack);
    assert_eq!(house.sent(), ["200 PRACK"]);
    house.receive(CARRIER, &caller.ack(1, ""));
    hangs_up(&mut house, &mut caller);
    leaves_nothing(&mut house);
}

#[test]
fn a_request_that_came_by_two_ways_is_served_once_and_refused_once_with_482() {
    let mut house = House::new(PLAYS);
    let mut caller = Peer::caller();
    let invite = caller.next("INVITE", "", SDP);
    house.receive(CARRIER, &invite);
    let answer = house.response();
    let other_way = invite.replace("z9hG4bK-INVITE-1", "z9hG4bK-by-another-proxy");
    house.receive(PROXY, &other_way.replace(CARRIER, PROXY));
    assert_eq!(house.response().status, 482, "§8.2.2.2");
    caller.ours = answer.headers.text(Name::To).unwrap().into_owned();
    house.receive(CARRIER, &caller.ack(1, ""));
    assert_eq!(house.switch.counts().calls, 1);
    hangs_up(&mut house, &mut caller);
    leaves_nothing(&mut house);
}

/// A proxy that asks for itself twice, or a caller who was told 302: the same Call-ID and From, but the
/// next CSeq. That is no loop (§16.3 step 4, "spiral").
#[test]
fn the_same_call_that_comes_back_with_another_number_is_a_spiral_and_is_served() {
    let mut house = House::new(PLAYS);
    let mut caller = Peer::caller();
    let first = caller.next("INVITE", "Require: teleport\n", SDP);
    house.receive(CARRIER, &first);
    assert_eq!(house.response().status, 420);
    let second = caller.next("INVITE", "", SDP);
    house.receive(PROXY, &second.replace(CARRIER, PROXY));
    let answer = house.response();
    assert_eq!(answer.status, 200);
    caller.ours = answer.headers.text(Name::To).unwrap().into_owned();
    house.receive(CARRIER, &caller.ack(2, ""));
    hangs_up(&mut house, &mut caller);
    leaves_nothing(&mut house);
}

/// Each hop of a loop through an exchange like ours is a new call: only Max-Forwards ends it (RFC 7332).
#[test]
fn a_number_outside_that_is_diverted_back_to_us_loses_a_hop_each_time_and_ends() {
    let mut house = House::new(crate::house::RINGS_OUTSIDE);
    let mut caller = Peer::caller();
    let invite = caller.next("INVITE", "", SDP);
    house.receive(
        CARRIER,
        &invite.replace("Max-Forwards: 70", "Max-Forwards: 3"),
    );
    let mut calls = 1;
    let ours = loop {
        let invite = house.request(Method::Invite);
        let hops = invite.headers.max_forwards().unwrap();
        if calls == 3 {
            assert_eq!(hops, Some(0));
            break invite;
        }
        // The trunk sends it back as a call to the helpline: the same Call-ID, From and number.
        let mut back = Peer::caller();
        back.call_id = invite.headers.call_id().unwrap().to_owned();
        back.own = invite.headers.text(Name::From).unwrap().into_owned();
        let text = back.next("INVITE", "", SDP);
        let text = text.replace("z9hG4bK-INVITE", &format!("z9hG4bK-{calls}"));
        let hops = hops.unwrap();
        house.receive(
            CARRIER,
            &text.replace("Max-Forwards: 70", &format!("Max-Forwards: {hops}")),
        );
        calls += 1;
    };
    assert_eq!(house.switch.counts().calls, 3);
    house.reply(&ours, 483, "", "");
    house.wait(SECOND * 100);
    assert!(
        house.switch.is_idle(),
        "nobody acknowledged, nobody is left"
    );
}

#[test]
fn no_dialog_is_left_whichever_way_calls_end() {
    let (mut house, mut caller, _, _) = talking();
    hangs_up(&mut house, &mut caller);
    answered_bye(&mut house);
    leaves_nothing(&mut house);
    let (mut house, _, _, mut phone) = talking();
    house.receive(PHONE, &phone.next("BYE", "", ""));
    answered_bye(&mut house);
    leaves_nothing(&mut house);
    // Neither answers a BYE or a probe any more.
    let (mut house, _, _, mut phone) = talking();
    house.receive(PHONE, &phone.next("BYE", "", ""));
    leaves_nothing(&mut house);
    // The phone refuses, in a transaction that has to be acknowledged.
    let (mut house, mut caller, invite) = ringing();
    house.reply(&invite, 603, "", "");
    hangs_up(&mut house, &mut caller);
    leaves_nothing(&mut house);
    // A 2xx without a description that could be read.
    let (mut house, mut caller, invite) = ringing();
    house.reply(&invite, 200, "", "nonsense\n");
    house.request(Method::Ack);
    answered_bye(&mut house);
    hangs_up(&mut house, &mut caller);
    leaves_nothing(&mut house);
}

#[test]
fn a_leg_held_without_sound_and_without_a_timer_is_asked_and_found_dead() {
    for line in ["a=inactive", "a=sendonly"] {
        let (mut house, _, _, mut phone) = talking();
        let hold = SDP.replace("m=audio", &format!("{line}\nm=audio"));
        house.receive(PHONE, &phone.next("INVITE", "", &hold));
        assert_eq!(house.response().status, 200);
        house.receive(PHONE, &phone.ack(phone.cseq, ""));
        if line == "a=sendonly" {
            // Its music may come: if not, that is noticed by media.
            house.wait(SECOND * 40);
            assert_eq!(house.sent(), [""; 0]);
            continue;
        }
        for _ in 0..3 {
            house.wait(SECOND * 31);
            let probe = house.request(Method::Options);
            house.reply(&probe, 200, "", "");
        }
        house.wait(SECOND * 64);
        let told = house.events.iter();
        let parted = told.filter(|event| matches!(event, What::Parted { .. }));
        assert_eq!(parted.count(), 1, "the phone is dead, the caller is not");
        assert_eq!(house.switch.counts().calls, 1);
    }
}
