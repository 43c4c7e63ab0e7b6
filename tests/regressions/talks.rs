//! Talks of three and more: help by one touch, colleagues, numbers outside, supervisors, and holds.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use qaynar::dialplan::{Catalogue, load};
use qaynar::event::{OperatorState, What};
use qaynar::ids::LegId;
use qaynar::media::{self, Command};
use qaynar::sip::digest::Challenge;
use qaynar::sip::message::{Method, Name, Request, Response};
use qaynar::switch::{Command as Order, Input};

use crate::house::{CARRIER, House, PHONE, Peer, RINGS, SDP, flow};
use crate::transfers::leaves_nothing;

const SECOND: Duration = Duration::from_secs(1);
/// Where operator 102 has a phone, whose id is no service here.
const OTHER: &str = "192.0.2.12:5060";
/// Where supervisor 210 has one.
const BOSS: &str = "192.0.2.21:5060";
const HELD: &str = "v=0\no=x 1 2 IN IP4 192.0.2.50\ns=-\nc=IN IP4 192.0.2.50\nt=0 0\n\
                    m=audio 4000 RTP/AVP 8 101\na=rtpmap:101 telephone-event/8000\na=inactive\n";

const PLAN: &str = "numbers = [\"116111\"]\nstart = \"a\"\nlanguages = [\"az\"]\n\
    help_word = \"help\"\n\
    [path.a]\nsteps = [{ ring = \"101\", for = \"25s\" }, { play = \"greeting\" }, { hang_up = true }]\n\
    [operator.210]\nmay = [\"listen\", \"whisper\", \"barge\"]\n\
    [[outgoing]]\nname = \"mobile\"\nnumbers = \"mobile\"\ncalls_a_day = 1\n";

/// A house where 101 talks with a caller; 201 and supervisor 210 have phones too.
fn talking() -> (House, Peer, Peer) {
    let phones = [
        ("101", flow(PHONE)),
        ("201", flow(OTHER)),
        ("210", flow(BOSS)),
    ];
    let mut house = House::new(RINGS).with_phones(&phones);
    let catalogue = Catalogue {
        on_trust: true,
        ..Catalogue::default()
    };
    let plan = load(&[("a.toml".into(), PLAN.into())], &catalogue).unwrap();
    house.tell(Input::Command(Order::Apply(Arc::new(plan))));
    let caller = house.standing_call("");
    let invite = house.request(Method::Invite);
    let phone = house.reply(&invite, 200, "", SDP);
    house.request(Method::Ack);
    house.events.clear();
    (house, caller, phone)
}

/// The leg that was opened at this place, from 0.
fn leg(house: &House, place: usize) -> LegId {
    house.legs()[place]
}

fn keys(house: &mut House, place: usize, keys: &str) {
    let leg = leg(house, place);
    for digit in keys.chars() {
        house.tell(Input::Media(media::Event::Digit { leg, digit }));
    }
}

/// Whom each hears, by the order in which their legs were opened; music is "m", a word over it is "w".
fn hearing(house: &House) -> BTreeMap<usize, String> {
    let legs = house.legs();
    let place = |leg: &LegId| legs.iter().position(|one| one == leg).unwrap();
    let mut hears: BTreeMap<usize, String> = BTreeMap::new();
    let mut bridged: BTreeMap<usize, usize> = BTreeMap::new();
    for command in &house.media {
        match command {
            Command::Bridge { a, b, .. } => {
                hears.insert(place(a), place(b).to_string());
                hears.insert(place(b), place(a).to_string());
                bridged.extend([(place(a), place(b)), (place(b), place(a))]);
            }
            Command::Mix { room } => {
                bridged.clear();
                for seat in room {
                    let others = seat.hears.iter().filter(|other| **other != seat.leg);
                    let others: Vec<String> = others.map(|one| place(one).to_string()).collect();
                    hears.insert(place(&seat.leg), others.concat());
                }
            }
            Command::Over { leg, .. } => hears.entry(place(leg)).or_default().push('w'),
            Command::Music { leg, .. } => {
                hears.insert(place(leg), "m".into());
            }
            Command::Unbridge { leg } | Command::Silence { leg } | Command::Close { leg } => {
                hears.remove(&place(leg));
                if let Some(other) = bridged.remove(&place(leg)) {
                    hears.remove(&other);
                    bridged.remove(&other);
                }
            }
            _ => {}
        }
    }
    hears
}

fn hears(house: &House, expected: &[(usize, &str)]) {
    let expected = expected
        .iter()
        .map(|(who, whom)| (*who, (*whom).to_owned()));
    assert_eq!(hearing(house), expected.collect(), "{:?}", told(house));
}

/// All words over the talk are out.
fn words_out(house: &mut House) {
    let words: Vec<(LegId, u64)> = house
        .media
        .iter()
        .filter_map(|command| match command {
            Command::Over { leg, playback, .. } => Some((*leg, *playback)),
            _ => None,
        })
        .collect();
    for (leg, playback) in words {
        house.tell(Input::Media(media::Event::Played { leg, playback }));
    }
}

/// What the journal tells of the talk.
fn told(house: &House) -> Vec<String> {
    let line = |event: &What| match event {
        What::Bringing { operator, who, .. } => Some(format!("{operator} calls {who}")),
        What::Joined { who, .. } => Some(format!("{who} joined")),
        What::NotJoined { who, .. } => Some(format!("{who} did not come")),
        What::LeftTalk { who, .. } => Some(format!("{who} left")),
        What::Supervising {
            supervisor, how, ..
        } => Some(format!("{supervisor} {how:?}")),
        What::Supervised { supervisor, .. } => Some(format!("{supervisor} stopped")),
        What::Connected { operator } => Some(format!("{operator} connected")),
        What::Parted { operator, .. } => Some(format!("{operator} parted")),
        What::Held { side, .. } => Some(format!("{side:?} holds")),
        What::Resumed { lasted, total, .. } => {
            Some(format!("held {} of {}", lasted.as_secs(), total.as_secs()))
        }
        What::Refused { operator, .. } => Some(format!("{operator} refused")),
        What::Ended { by, cause } => Some(format!("{cause:?} by {by:?}")),
        _ => None,
    };
    house.events.iter().filter_map(line).collect()
}

fn state(house: &House, id: &str) -> OperatorState {
    let mut all = house.switch.operators();
    all.find(|(operator, _)| operator.as_str() == id).unwrap().1
}

/// The service's phone rings at the carrier.
fn service_rings(house: &mut House, number: &str) -> Request {
    let invite = house.request(Method::Invite);
    assert_eq!(
        invite.uri.to_string(),
        format!("sip:{number}@198.51.100.7:5060")
    );
    let wire = String::from_utf8_lossy(&invite.to_bytes()).into_owned();
    assert!(!wire.contains("501234567"), "{wire}");
    invite
}

/// Caller, 101 and 112 talk.
fn with_service() -> (House, Peer, Peer, Peer) {
    let (mut house, caller, phone) = talking();
    keys(&mut house, 1, "*112#");
    let invite = service_rings(&mut house, "112");
    house.reply(&invite, 180, "", "");
    let service = house.reply(&invite, 200, "", SDP);
    house.request(Method::Ack);
    words_out(&mut house);
    (house, caller, phone, service)
}

fn hangs_up(house: &mut House, peer: &mut Peer) {
    let text = peer.next("BYE", "", "");
    house.receive(&peer.at.to_string(), &text);
    assert_eq!(house.response().status, 200);
}

/// Whoever is told BYE answers.
fn all_parted(house: &mut House, count: usize) {
    for _ in 0..count {
        let bye = house.request(Method::Bye);
        house.reply(&bye, 200, "", "");
    }
    leaves_nothing(house);
}

/// An operator dials a code and proves who that is.
fn dials(house: &mut House, operator: &str, from: &str, code: &str) -> (Peer, Option<Response>) {
    let mut peer = Peer {
        at: from.parse().unwrap(),
        call_id: format!("dials-{code}-{}", house.events.len()),
        own: format!("<sip:{operator}@qaynar>;tag={operator}"),
        ours: format!("<sip:{code}@qaynar>"),
        cseq: 0,
    };
    let to = |text: String| text.replace("sip:116111@", &format!("sip:{code}@"));
    let first = to(peer.next("INVITE", "", SDP));
    house.receive(from, &first);
    let challenge = house.response();
    let asks = challenge
        .headers
        .fields(&Name::ProxyAuthenticate)
        .chain(challenge.headers.fields(&Name::WwwAuthenticate))
        .map(String::from_utf8_lossy);
    let challenge = Challenge::best(asks).expect("a challenge");
    let uri = format!("sip:{code}@203.0.113.5");
    let proof = challenge.answer(operator, "pass", "INVITE", &uri, "own");
    let header = format!("Proxy-Authorization: {proof}\nAuthorization: {proof}\n");
    let second = to(peer.next("INVITE", &header, SDP));
    house.sent.clear();
    house.receive(from, &second);
    let answered = house.sent.iter().any(|(_, message)| {
        matches!(message, qaynar::sip::message::Message::Response(one) if !one.is_provisional())
    });
    let response = answered.then(|| house.response());
    if let Some(response) = &response {
        peer.ours = response.headers.text(Name::To).unwrap().into_owned();
        if response.status == 200 {
            house.receive(from, &peer.ack(peer.cseq, ""));
        }
    }
    (peer, response)
}

#[test]
fn one_touch_brings_a_service_into_the_talk_while_all_talk_on() {
    let (mut house, mut caller, _) = talking();
    hears(&house, &[(0, "1"), (1, "0")]);
    keys(&mut house, 1, "7*9*112#");
    // Both hear the word, and each other: nobody is on hold.
    hears(&house, &[(0, "1w"), (1, "0w")]);
    let invite = service_rings(&mut house, "112");
    words_out(&mut house);
    hears(&house, &[(0, "1"), (1, "0")]);
    house.reply(&invite, 180, "", "");
    house.reply(&invite, 200, "", SDP);
    house.request(Method::Ack);
    hears(&house, &[(0, "12"), (1, "02"), (2, "01")]);
    assert_eq!(told(&house), ["101 calls 112", "112 joined"]);
    hangs_up(&mut house, &mut caller);
    // The operator tells the service the rest.
    hears(&house, &[(1, "2"), (2, "1")]);
    assert_eq!(state(&house, "101"), OperatorState::Talking);
}

#[test]
fn whoever_of_the_three_leaves_the_other_two_talk_on_to_the_last_but_one() {
    // The service leaves.
    let (mut house, mut caller, _, mut service) = with_service();
    hangs_up(&mut house, &mut service);
    hears(&house, &[(0, "1"), (1, "0")]);
    hangs_up(&mut house, &mut caller);
    assert_eq!(told(&house)[2..], ["112 left", "HungUp by Caller"]);
    all_parted(&mut house, 1);
    // The operator leaves: caller and service talk on, and the operator is free.
    let (mut house, _, mut phone, mut service) = with_service();
    hangs_up(&mut house, &mut phone);
    hears(&house, &[(0, "2"), (2, "0")]);
    assert_eq!(state(&house, "101"), OperatorState::LoggedOut);
    assert_eq!(house.switch.counts().talking, 1);
    assert_eq!(told(&house)[2..], ["101 parted", "outside connected"]);
    hangs_up(&mut house, &mut service);
    all_parted(&mut house, 1);
    // The caller leaves, then the operator: the last one is not left alone.
    let (mut house, mut caller, mut phone, _) = with_service();
    hangs_up(&mut house, &mut caller);
    hears(&house, &[(1, "2"), (2, "1")]);
    assert_eq!(told(&house)[2..], ["caller left"]);
    hangs_up(&mut house, &mut phone);
    all_parted(&mut house, 1);
    let ended = told(&house);
    assert_eq!(ended.iter().filter(|line| line.contains(" by ")).count(), 1);
}

#[test]
fn a_service_that_does_not_answer_leaves_the_two_as_they_were() {
    let (mut house, mut caller, _) = talking();
    keys(&mut house, 1, "*112#");
    let invite = service_rings(&mut house, "112");
    house.reply(&invite, 486, "", "");
    words_out(&mut house);
    hears(&house, &[(0, "1"), (1, "0")]);
    assert_eq!(told(&house), ["101 calls 112", "112 did not come"]);
    // Nobody takes it, and a second service was wanted meanwhile.
    keys(&mut house, 1, "*103#");
    let invite = service_rings(&mut house, "103");
    house.reply(&invite, 180, "", "");
    keys(&mut house, 1, "*102#*102#");
    house.wait(SECOND * 61);
    let cancel = house.request(Method::Cancel);
    house.reply(&cancel, 200, "", "");
    house.reply(&invite, 487, "", "");
    let last = told(&house).split_off(2);
    assert_eq!(last, ["101 calls 103", "103 did not come", "101 calls 102"]);
    hangs_up(&mut house, &mut caller);
    assert!(house.switch.violations(house.now()).is_empty());
}

#[test]
fn help_is_called_whatever_the_caps_and_limits() {
    let mut settings = crate::house::settings();
    settings.max_calls = 1;
    settings.trunks[0].limits.max_calls = Some(1);
    settings.trunks[0].limits.emergency_channels = 0;
    let mut house = House::with_settings(RINGS, settings).with_phone();
    house.standing_call("");
    let invite = house.request(Method::Invite);
    house.reply(&invite, 200, "", SDP);
    house.request(Method::Ack);
    keys(&mut house, 1, "*103#");
    service_rings(&mut house, "103");
}

#[test]
fn the_callers_keys_do_nothing() {
    let (mut house, ..) = talking();
    keys(&mut house, 0, "*112#*3201#");
    assert_eq!(house.sent(), Vec::<String>::new());
    assert_eq!(told(&house), Vec::<String>::new());
    // A code that was left for ten seconds is none any more.
    keys(&mut house, 1, "*11");
    house.wait(SECOND * 11);
    keys(&mut house, 1, "2#");
    assert_eq!(told(&house), Vec::<String>::new());
}

#[test]
fn a_caller_whose_operator_hangs_up_while_help_rings_waits_for_it() {
    let (mut house, mut caller, mut phone) = talking();
    keys(&mut house, 1, "*112#");
    let invite = service_rings(&mut house, "112");
    house.reply(&invite, 180, "", "");
    hangs_up(&mut house, &mut phone);
    hears(&house, &[(0, "m")]);
    assert_eq!(house.switch.counts().calls, 1);
    house.reply(&invite, 200, "", SDP);
    house.request(Method::Ack);
    hears(&house, &[(0, "2"), (2, "0")]);
    hangs_up(&mut house, &mut caller);
    all_parted(&mut house, 1);
}

#[test]
fn a_colleague_joins_and_stays_with_the_caller_when_the_first_leaves() {
    let (mut house, mut caller, mut phone) = talking();
    keys(&mut house, 1, "*3201#");
    let invite = house.request(Method::Invite);
    assert!(invite.uri.to_string().contains(OTHER));
    house.reply(&invite, 180, "", "");
    assert_eq!(state(&house, "201"), OperatorState::Ringing);
    house.reply(&invite, 200, "", SDP);
    house.request(Method::Ack);
    words_out(&mut house);
    hears(&house, &[(0, "12"), (1, "02"), (2, "01")]);
    assert_eq!(state(&house, "201"), OperatorState::Talking);
    hangs_up(&mut house, &mut phone);
    hears(&house, &[(0, "2"), (2, "0")]);
    let all = ["101 calls 201", "201 joined", "101 parted", "201 connected"];
    assert_eq!(told(&house), all);
    assert_eq!(state(&house, "101"), OperatorState::LoggedOut);
    hangs_up(&mut house, &mut caller);
    all_parted(&mut house, 1);
}

#[test]
fn a_colleague_who_is_busy_or_does_not_answer_does_not_come() {
    let (mut house, mut caller, _) = talking();
    keys(&mut house, 1, "*3201#");
    let invite = house.request(Method::Invite);
    house.reply(&invite, 180, "", "");
    house.wait(SECOND * 26);
    house.request(Method::Cancel);
    house.reply(&invite, 487, "", "");
    assert_eq!(told(&house), ["101 calls 201", "201 did not come"]);
    keys(&mut house, 1, "*3101#");
    assert_eq!(told(&house)[2..], ["101 calls 101", "101 did not come"]);
    words_out(&mut house);
    hears(&house, &[(0, "1"), (1, "0")]);
    hangs_up(&mut house, &mut caller);
    all_parted(&mut house, 1);
}

#[test]
fn a_number_outside_joins_by_the_rules_and_counts() {
    let (mut house, mut caller, _) = talking();
    keys(&mut house, 1, "*300902125551234#");
    assert_eq!(told(&house), ["101 refused"]);
    keys(&mut house, 1, "*30501112233#");
    let invite = house.request(Method::Invite);
    house.reply(&invite, 200, "", SDP);
    house.request(Method::Ack);
    keys(&mut house, 1, "*30501112233#");
    assert_eq!(
        told(&house),
        [
            "101 refused",
            "101 calls mobile",
            "mobile joined",
            "101 refused"
        ],
        "one call a day"
    );
    assert!(!format!("{:?}", house.events).contains("1112233"));
    hangs_up(&mut house, &mut caller);
    assert!(house.switch.violations(house.now()).is_empty());
}

#[test]
fn a_restart_leaves_all_three_in_the_talk() {
    let (mut house, mut caller, ..) = with_service();
    house.media.clear();
    house.restart();
    hears(&house, &[(0, "12"), (1, "02"), (2, "01")]);
    assert_eq!(state(&house, "101"), OperatorState::Talking);
    assert!(house.switch.violations(house.now()).is_empty());
    // And without the caller.
    hangs_up(&mut house, &mut caller);
    house.media.clear();
    house.restart();
    assert_eq!(house.switch.counts().talking, 1);
    let room = hearing(&house);
    assert_eq!(room.len(), 2, "{room:?}");
    assert!(house.switch.violations(house.now()).is_empty());
}

#[test]
fn by_a_code_from_another_line_help_comes_to_the_call_on_hold() {
    let (mut house, _, mut phone) = talking();
    house.receive(PHONE, &phone.next("INVITE", "", HELD));
    assert_eq!(house.response().status, 200);
    house.receive(PHONE, &phone.ack(phone.cseq, ""));
    hears(&house, &[(0, "m")]);
    assert_eq!(state(&house, "101"), OperatorState::OnHold);
    let (_, response) = dials(&mut house, "101", PHONE, "*112");
    assert_eq!(response.unwrap().status, 200);
    let rings = house
        .media
        .iter()
        .filter(|one| matches!(one, Command::Play { .. }));
    assert_eq!(rings.count(), 1, "the code is answered in words");
    assert_eq!(told(&house)[1], "101 calls 112");
}

#[test]
fn a_supervisor_listens_whispers_and_barges_by_permission() {
    for (code, all) in [
        ("*21101", [(0, "1"), (1, "0"), (2, "01")]),
        ("*22101", [(0, "1"), (1, "02"), (2, "01")]),
        ("*23101", [(0, "12"), (1, "02"), (2, "01")]),
    ] {
        let (mut house, mut caller, _) = talking();
        let (mut boss, response) = dials(&mut house, "210", BOSS, code);
        assert_eq!(response.unwrap().status, 200, "{code}");
        hears(&house, &all);
        assert_eq!(house.switch.counts().talking, 1);
        house.wait(SECOND * 3);
        // A supervisor who leaves ends nothing.
        hangs_up(&mut house, &mut boss);
        hears(&house, &[(0, "1"), (1, "0")]);
        let heard = told(&house);
        assert_eq!(heard.len(), 2, "{heard:?}");
        assert_eq!(heard[1], "210 stopped");
        let began = house.events.iter().find_map(|event| match event {
            What::Supervised { began, .. } => Some(*began),
            _ => None,
        });
        assert_eq!(house.now().wall.since(began.unwrap()), SECOND * 3);
        hangs_up(&mut house, &mut caller);
        all_parted(&mut house, 1);
    }
}

#[test]
fn the_end_of_a_call_ends_the_listening_and_a_transfer_too() {
    let (mut house, mut caller, mut phone) = talking();
    dials(&mut house, "210", BOSS, "*22101");
    hangs_up(&mut house, &mut phone);
    let ended = told(&house);
    assert_eq!(ended[1..], ["210 stopped", "HungUp by Operator"]);
    all_parted(&mut house, 2);
    let (mut house, ..) = {
        caller.cseq = 0;
        talking()
    };
    dials(&mut house, "210", BOSS, "*23101");
    house.restart();
    assert_eq!(house.switch.counts().legs, 3, "it goes on after a restart");
    assert!(house.switch.violations(house.now()).is_empty());
}

#[test]
fn nobody_listens_without_permission_or_where_nobody_talks() {
    let (mut house, ..) = talking();
    // Words first: the refusal comes when they are out.
    let (_, response) = dials(&mut house, "201", OTHER, "*21101");
    assert!(response.is_none());
    house.played();
    assert_eq!(house.response().status, 403);
    assert_eq!(told(&house), ["201 refused"]);
    let (_, response) = dials(&mut house, "210", BOSS, "*21201");
    assert!(response.is_none());
    house.played();
    assert_eq!(house.response().status, 480);
    hears(&house, &[(0, "1"), (1, "0")]);
}

#[test]
fn holds_are_told_with_their_durations_and_add_up() {
    let (mut house, mut caller, mut phone) = talking();
    for (body, wait) in [(HELD, 20), (SDP, 5), (HELD, 10), (SDP, 1)] {
        house.receive(PHONE, &phone.next("INVITE", "", body));
        assert_eq!(house.response().status, 200);
        house.receive(PHONE, &phone.ack(phone.cseq, ""));
        let expected = match body {
            HELD => OperatorState::OnHold,
            _ => OperatorState::Talking,
        };
        assert_eq!(state(&house, "101"), expected);
        house.wait(SECOND * wait);
    }
    let all = [
        "Operator holds",
        "held 20 of 20",
        "Operator holds",
        "held 10 of 30",
    ];
    assert_eq!(told(&house), all);
    // The caller's carrier holds, and the call ends so.
    house.receive(CARRIER, &caller.next("INVITE", "", HELD));
    assert_eq!(house.response().status, 200);
    house.receive(CARRIER, &caller.ack(2, ""));
    hears(&house, &[(1, "m")]);
    house.wait(SECOND * 4);
    hangs_up(&mut house, &mut caller);
    let last = told(&house).split_off(4);
    assert_eq!(last, ["Caller holds", "held 4 of 30", "HungUp by Caller"]);
}

#[test]
fn who_holds_a_talk_of_three_leaves_the_two_together_and_the_last_one_with_music() {
    let (mut house, _, mut phone, mut service) = with_service();
    house.receive(PHONE, &phone.next("INVITE", "", HELD));
    house.receive(PHONE, &phone.ack(phone.cseq, ""));
    hears(&house, &[(0, "2"), (2, "0")]);
    let text = service.next("INVITE", "", HELD);
    house.receive(CARRIER, &text);
    house.receive(CARRIER, &service.ack(service.cseq, ""));
    hears(&house, &[(0, "m")]);
    house.receive(PHONE, &phone.next("INVITE", "", SDP));
    house.receive(PHONE, &phone.ack(phone.cseq, ""));
    hears(&house, &[(0, "1"), (1, "0")]);
}

#[test]
fn alone_at_night_an_operator_hears_the_number_and_nobody_else_does() {
    let (mut house, ..) = talking();
    keys(&mut house, 1, "*90#");
    let broken =
        |what: &What| matches!(what, What::GlassBroken { operator } if operator.as_str() == "101");
    assert!(house.events.iter().any(broken), "{:?}", house.events);
    let told = house.media.iter().filter_map(|command| match command {
        Command::Over { leg, clips, .. } => Some((*leg, clips.clone())),
        _ => None,
    });
    let told: Vec<_> = told.collect();
    let [(heard_by, clips)] = &told[..] else {
        panic!("{told:?}");
    };
    assert_eq!(*heard_by, leg(&house, 1), "the operator alone");
    let digits: String = clips
        .iter()
        .map(|clip| clip.name.as_str().trim_start_matches("number-"))
        .collect();
    assert_eq!(digits, "994501234567");
    let journalled = serde_json::to_string(&house.events).unwrap();
    assert!(!journalled.contains("501234567"), "{journalled}");
}
