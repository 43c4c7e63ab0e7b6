//! Who is on shift, and who comes back: nobody leaves callers alone unasked, nobody is rung who may be gone
//! since the restart, and who was cut off comes first.

use std::time::Duration;

use qaynar::event::{OperatorState, What};
use qaynar::ids::OperatorId;
use qaynar::media;
use qaynar::queue::{OperatorSnapshot, Snapshot};
use qaynar::sip::message::Method;
use qaynar::switch::{Command, Input};

use super::house::{CARRIER, House, PHONE, Peer, SDP, flow};
use super::transfers::dials;

const SECOND: &str = "192.0.2.10:5060";

/// Operators 101 and 102 on shift, each with a phone.
fn shift(queue: &str) -> House {
    let mut house =
        House::with_queue(queue).with_phones(&[("101", flow(PHONE)), ("102", flow(SECOND))]);
    log_in(&mut house, &["101", "102"]);
    house
}

fn log_in(house: &mut House, operators: &[&str]) {
    let wall = house.now().wall;
    let on_shift = |id: &&str| OperatorSnapshot::new(OperatorId::from(*id), true, wall);
    let operators = operators.iter().map(on_shift).collect();
    house.tell(Input::Command(Command::OperatorStates(Snapshot {
        operators,
    })));
}

/// Somebody else than the usual caller, from this number.
fn caller(number: &str) -> Peer {
    Peer {
        call_id: format!("call-of-{number}"),
        own: format!("<sip:{number}@carrier.example>;tag=caller-{number}"),
        ..Peer::caller()
    }
}

/// A call of this caller, answered.
fn calls(house: &mut House, peer: &mut Peer) {
    let invite = peer.next("INVITE", "", SDP);
    house.receive(CARRIER, &invite);
    let response = house.response();
    assert_eq!(response.status, 200);
    peer.ours = response
        .headers
        .text(qaynar::sip::message::Name::To)
        .unwrap()
        .into_owned();
    house.receive(CARRIER, &peer.ack(peer.cseq, ""));
}

/// The caller talks with the operator whose phone rang: that phone.
fn talks(house: &mut House) -> Peer {
    let invite = house.request(Method::Invite);
    house.reply(&invite, 200, "", SDP)
}

fn states(house: &House, operator: &str) -> Vec<(OperatorState, String)> {
    let of = |what: &What| match what {
        What::Operator {
            operator: who,
            state,
            reason,
        } if who.as_str() == operator => Some((*state, reason.clone())),
        _ => None,
    };
    house.events.iter().filter_map(of).collect()
}

fn ringing(house: &House) -> Vec<String> {
    let of = |what: &What| match what {
        What::Ringing { operator, .. } => Some(operator.to_string()),
        _ => None,
    };
    house.events.iter().filter_map(of).collect()
}

/// Whom the network cut off calls back: before those who waited already, and to the same operator.
#[test]
fn a_caller_whom_the_network_cut_off_comes_first_and_to_the_same_operator() {
    let mut house = shift("wrap_up = \"1s\"");
    let mut cut = caller("0501110000");
    calls(&mut house, &mut cut);
    let phone = talks(&mut house);
    assert_eq!(ringing(&house), ["101"]);
    let mut other = caller("0502220000");
    calls(&mut house, &mut other);
    talks(&mut house);
    // Two wait while both talk; then the first call breaks off.
    let mut early = caller("0503330000");
    calls(&mut house, &mut early);
    house.events.clear();
    house.receive(CARRIER, &cut.next("BYE", "Reason: Q.850;cause=41\n", ""));
    let bye = house.request(Method::Bye);
    house.reply(&bye, 200, "", "");
    let mut again = Peer {
        call_id: "again".into(),
        ..caller("0501110000")
    };
    calls(&mut house, &mut again);
    house.wait(Duration::from_secs(2));
    assert_eq!(phone.at.to_string(), PHONE);
    let order: Vec<_> = house
        .events
        .iter()
        .filter_map(|what| match what {
            What::Returned { operator } => Some(format!("returned to {operator:?}")),
            What::Ringing { operator, reason } => Some(format!("{operator} {reason}")),
            _ => None,
        })
        .collect();
    assert_eq!(order.len(), 2, "{order:?}");
    assert!(order[0].contains("101"), "{order:?}");
    assert!(order[1].starts_with("101 knows the caller"), "{order:?}");
}

#[test]
fn a_caller_who_hung_up_is_not_one_who_was_cut_off() {
    let mut house = shift("wrap_up = \"1s\"");
    let mut peer = caller("0501110000");
    calls(&mut house, &mut peer);
    talks(&mut house);
    house.receive(CARRIER, &peer.next("BYE", "Reason: Q.850;cause=16\n", ""));
    let mut again = Peer {
        call_id: "again".into(),
        ..caller("0501110000")
    };
    calls(&mut house, &mut again);
    let back = |what: &What| matches!(what, What::Returned { .. });
    assert!(!house.events.iter().any(back));
}

/// A power cut ended the calls: the callers come back, and the operators' phones answer again.
#[test]
fn who_was_free_before_a_restart_is_rung_once_the_phone_was_heard() {
    let mut house = House::with_queue("ring_for = \"15s\"");
    house = house.with_phones(&[("101", flow(PHONE))]);
    let bindings = house.known.clone();
    let mut house = House::with_queue("ring_for = \"15s\"");
    for command in bindings {
        house.tell(Input::Command(command));
    }
    log_in(&mut house, &["101"]);
    let ask = house.request(Method::Options);
    let mut peer = caller("0501110000");
    calls(&mut house, &mut peer);
    house.wait(Duration::from_secs(3));
    assert_eq!(ringing(&house), [""; 0], "nobody knows who is there");
    assert_eq!(house.switch.counts().waiting, 1, "and the caller waits");
    house.reply(&ask, 200, "", "");
    assert_eq!(ringing(&house), ["101"]);
}

#[test]
fn who_is_not_heard_after_a_restart_keeps_no_caller_waiting() {
    let known = House::new(super::house::PLAYS).with_phone().known;
    let mut house = House::with_queue("ring_for = \"15s\"");
    for command in known {
        house.tell(Input::Command(command));
    }
    log_in(&mut house, &["101"]);
    let mut peer = caller("0501110000");
    calls(&mut house, &mut peer);
    house.wait(Duration::from_secs(19));
    assert_eq!(house.switch.counts().waiting, 1);
    house.wait(Duration::from_secs(25));
    assert_eq!(house.switch.counts().waiting, 0, "the path goes on");
    assert_eq!(ringing(&house), [""; 0]);
}

fn plays(house: &House) -> Vec<Vec<String>> {
    let of = |command: &media::Command| match command {
        media::Command::Play { clips, .. } => Some(
            clips
                .iter()
                .map(|clip| clip.name.to_string())
                .collect::<Vec<_>>(),
        ),
        _ => None,
    };
    house.media.iter().filter_map(of).collect()
}

/// Operator 102 rests, callers wait, and 101 is in a call: who leaves is asked.
fn with_one_who_would_leave() -> (House, media::Event) {
    let mut house = shift("wrap_up = \"60s\"");
    let mut first = caller("0501110000");
    calls(&mut house, &mut first);
    talks(&mut house);
    let mut second = caller("0502220000");
    calls(&mut house, &mut second);
    let phone = talks(&mut house);
    let mut waits = caller("0503330000");
    calls(&mut house, &mut waits);
    assert_eq!(house.switch.counts().waiting, 1);
    house.receive(CARRIER, &second.next("BYE", "", ""));
    let bye = house.request(Method::Bye);
    house.reply(&bye, 200, "", "");
    house.media.clear();
    house.events.clear();
    dials(&mut house, "102", &phone.at.to_string(), "*12", "");
    let words = plays(&house).pop().unwrap();
    assert_eq!(
        words[words.len() - 2..],
        ["callers-waiting", "press-1-to-leave"]
    );
    let leg = *house.legs().last().unwrap();
    house.played();
    (house, media::Event::Digit { leg, digit: '1' })
}

#[test]
fn who_logs_out_while_callers_wait_is_asked_and_1_leaves() {
    let (mut house, one) = with_one_who_would_leave();
    assert_eq!(states(&house, "102"), []);
    house.tell(Input::Media(one));
    let (state, _) = states(&house, "102").pop().unwrap();
    assert_eq!(state, OperatorState::LoggedOut);
    assert_eq!(plays(&house).pop().unwrap()[0], "logged-out");
}

#[test]
fn who_says_nothing_stays_on_shift() {
    let (mut house, _) = with_one_who_would_leave();
    house.wait(Duration::from_secs(9));
    assert!(states(&house, "102").is_empty());
    assert_eq!(plays(&house).pop().unwrap(), ["wrap-up"]);
    house.played();
    house.request(Method::Bye);
    house.wait(Duration::from_secs(60));
    assert_eq!(
        ringing(&house),
        ["102"],
        "and takes the caller after the rest"
    );
}

#[test]
fn the_reason_of_a_pause_is_told_and_a_rest_can_be_longer() {
    let mut house = shift("wrap_up = \"20s\"");
    dials(&mut house, "102", SECOND, "*132", "");
    house.played();
    let last = states(&house, "102").pop().unwrap();
    assert_eq!(last, (OperatorState::Paused, "paused: lunch".into()));
    let mut peer = caller("0501110000");
    calls(&mut house, &mut peer);
    talks(&mut house);
    house.receive(CARRIER, &peer.next("BYE", "", ""));
    let bye = house.request(Method::Bye);
    house.reply(&bye, 200, "", "");
    dials(&mut house, "101", PHONE, "*15", "");
    assert_eq!(plays(&house).pop().unwrap(), ["extended", "wrap-up"]);
    house.played();
    house.wait(Duration::from_secs(290));
    assert_eq!(
        states(&house, "101").pop().unwrap().0,
        OperatorState::WrapUp
    );
    house.wait(Duration::from_secs(20));
    assert_eq!(states(&house, "101").pop().unwrap().0, OperatorState::Free);
}

/// A crash that met the pause while a talk hid it forgot the pause.
#[test]
fn a_pause_that_a_talk_hides_is_told_at_once_and_so_is_its_end() {
    let mut house = shift("wrap_up = \"1s\"");
    let mut peer = caller("0501110000");
    calls(&mut house, &mut peer);
    talks(&mut house);
    for (code, told) in [("*132", "paused: lunch"), ("*14", "resumed")] {
        dials(&mut house, "101", PHONE, code, "");
        house.played();
        let last = states(&house, "101").pop().unwrap();
        assert_eq!(last, (OperatorState::Talking, told.into()));
    }
}

/// Whoever chose Russian while waiting is rung for by whom speaks it.
#[test]
fn a_language_that_is_chosen_while_waiting_changes_whom_the_caller_needs() {
    let needs = "[operator.102]\ncan = [\"ru\"]\n[operator.101]\ncan = [\"az\"]";
    let mut house = shift(&format!("ring_for = \"5s\"\n{needs}"));
    let mut peers: Vec<Peer> = ["0501110000", "0502220000"].map(caller).into();
    for peer in &mut peers {
        calls(&mut house, peer);
        talks(&mut house);
    }
    let mut waits = caller("0503330000");
    calls(&mut house, &mut waits);
    let leg = house.legs()[4];
    house.tell(Input::Media(media::Event::Digit { leg, digit: '2' }));
    house.events.clear();
    for peer in &mut peers {
        house.receive(CARRIER, &peer.next("BYE", "", ""));
    }
    house.wait(Duration::from_secs(21));
    assert_eq!(ringing(&house)[0], "102");
}

/// At a start without a network the clock may be hours off, and is set while callers wait.
#[test]
fn a_clock_that_is_set_while_callers_wait_moves_nobody_and_sends_nobody_away() {
    const HOUR: i64 = 3_600_000_000;
    for jump in [-3 * HOUR, 26 * HOUR] {
        let mut house =
            shift("wrap_up = \"1s\"\nif_waiting = [{ for = \"10m\", go = \"welcome\" }]");
        let mut talking: Vec<Peer> = ["0501110000", "0502220000"].map(caller).into();
        for peer in &mut talking {
            calls(&mut house, peer);
            talks(&mut house);
        }
        let mut first = caller("0503330000");
        calls(&mut house, &mut first);
        house.wait(Duration::from_secs(5));
        house.skew = jump;
        house.wait(Duration::from_secs(5));
        let mut second = caller("0504440000");
        calls(&mut house, &mut second);
        house.events.clear();
        let bye = talking[0].next("BYE", "", "");
        house.receive(CARRIER, &bye);
        house.wait(Duration::from_secs(2));
        let told: Vec<String> = house
            .events
            .iter()
            .filter_map(|what| match what {
                What::Ringing { reason, .. } => Some(reason.clone()),
                What::LeftQueue { reason, .. } => Some(format!("left: {reason}")),
                _ => None,
            })
            .collect();
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains("caller waited 11 s"), "{told:?}");
    }
}

#[test]
fn a_caller_with_an_open_case_goes_to_who_looks_after_it() {
    let mut house = shift("wrap_up = \"1s\"");
    let mut first = caller("0501110000");
    calls(&mut house, &mut first);
    let who = house.events.iter().find_map(|what| match what {
        What::Arrived { caller, .. } => caller.clone(),
        _ => None,
    });
    talks(&mut house);
    house.receive(CARRIER, &first.next("BYE", "", ""));
    // By the queue's rule 102 would be next, and 101 the one after.
    house.wait(Duration::from_secs(5));
    house.tell(Input::Command(Command::Cases(
        [(who.unwrap(), OperatorId::from("101"))].into(),
    )));
    let mut again = Peer {
        call_id: "again".into(),
        ..caller("0501110000")
    };
    calls(&mut house, &mut again);
    assert_eq!(ringing(&house), ["101", "101"]);
    let back = |what: &What| matches!(what, What::Returned { .. });
    assert!(!house.events.iter().any(back), "and was not cut off");
}
