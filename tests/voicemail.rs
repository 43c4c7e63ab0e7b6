//! Messages and recorded talks as callers, operators and the journal meet them: the switch alone, on virtual
//! time, with hand-written SIP around it.

#![allow(clippy::unwrap_used, reason = "a test that fails says so")]
#![allow(dead_code, reason = "the house serves other tests too")]

#[path = "regressions/house.rs"]
mod house;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use house::{CARRIER, EPOCH, House, PHONE, Peer, RINGS, SDP, flow, settings};
use qaynar::dialplan::{Catalogue, Plan, load};
use qaynar::event::{Cause, Change, Event, Recorded, Recording, RecordingEnd, What};
use qaynar::ids::RecordingId;
use qaynar::media::{self, Command as Sound};
use qaynar::sip::digest::Challenge;
use qaynar::sip::message::{Method, Name, Request};
use qaynar::switch::{Command, Input, Output};
use qaynar::time::Wall;

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(86_400);
const DESK: &str = "192.0.2.10:5060";

/// A plan with a mailbox of operator 101, and a queue that records.
const PLAN: &str = r#"
numbers = ["116111"]
start = "START"
languages = ["az", "ru"]
language_keys = { 2 = "ru" }

[path.night]
steps = [{ voicemail = "night" }, { play = "message-thanks" }, { hang_up = true }]

[path.day]
steps = [{ queue = "children" GREET }, { play = "greeting" }, { hang_up = true }]

[voicemail.night]
greeting = "leave-a-message"
most = "2m"
operators = ["101"]
keep = "10d"

[queue.children]
record = true
keep = "5d"
wrap_up = "0s"
"#;

fn plan(start: &str, greet: &str) -> Arc<Plan> {
    let text = PLAN.replace("START", start).replace("GREET", greet);
    let catalogue = Catalogue {
        on_trust: true,
        ..Catalogue::default()
    };
    Arc::new(load(&[("main.toml".into(), text)], &catalogue).unwrap())
}

/// A house with two operators; `start`: where callers go.
fn house(start: &str, greet: &str) -> House {
    let mut house = House::with_settings(RINGS, settings());
    house.tell(Input::Command(Command::Apply(plan(start, greet))));
    house.with_phones(&[("101", flow(PHONE)), ("102", flow(DESK))])
}

/// What happened to recordings, in order.
fn changes(house: &House) -> Vec<(RecordingId, Change)> {
    let change = |what: &What| match what {
        What::Recording { recording, change } => Some((*recording, change.clone())),
        _ => None,
    };
    house.events.iter().filter_map(change).collect()
}

/// What a store would know of recordings by now.
fn known(house: &House) -> Vec<Recording> {
    let mut known: BTreeMap<RecordingId, Recording> = BTreeMap::new();
    for (id, change) in changes(house) {
        let event = Event {
            at: Wall(EPOCH),
            call: Some(id.call),
            what: What::Recording {
                recording: id,
                change,
            },
        };
        let one = Recording::fold(known.remove(&id), &event).unwrap();
        known.insert(id, one);
    }
    known.into_values().collect()
}

/// Media says that the running recording is over.
fn recorded(house: &mut House, length: Duration, silent: bool, why: RecordingEnd) {
    let (recording, _) = changes(house).pop().expect("something is recorded");
    house.tell(Input::Media(media::Event::Recorded {
        recording,
        length,
        silent,
        why,
    }));
}

fn commands(house: &mut House) -> Vec<Sound> {
    std::mem::take(&mut house.media)
}

fn records(commands: &[Sound]) -> Vec<&Sound> {
    let of = |one: &&Sound| matches!(one, Sound::Record { .. });
    commands.iter().filter(of).collect()
}

/// What was played last, by the names of the clips.
fn plays(commands: &[Sound]) -> String {
    let last = commands.iter().rev().find_map(|command| match command {
        Sound::Play { clips, .. } => Some(clips),
        _ => None,
    });
    let clips = last.expect("something plays").iter();
    let name = |clip: &media::Clip| match clip.language {
        Some(language) => format!("{language}/{}", clip.name),
        None => clip.name.to_string(),
    };
    clips.map(name).collect::<Vec<_>>().join(" ")
}

fn press(house: &mut House, leg: usize, keys: &str, legs: &[qaynar::ids::LegId]) {
    for digit in keys.chars() {
        let leg = legs[leg];
        house.tell(Input::Media(media::Event::Digit { leg, digit }));
    }
}

/// A caller who heard the greeting and the tone.
fn caller_speaks(house: &mut House) -> Peer {
    let caller = house.standing_call("");
    house.played();
    caller
}

#[test]
fn a_message_is_recorded_after_the_tone_and_the_number_sign_ends_it() {
    let mut house = house("night", "");
    house.standing_call("");
    let legs = house.legs();
    assert_eq!(plays(&house.media), "az/leave-a-message tone");
    press(&mut house, 0, "2", &legs);
    assert_eq!(
        plays(&house.media),
        "ru/leave-a-message tone",
        "again in Russian"
    );
    assert!(records(&house.media).is_empty(), "not before the tone");
    house.played();
    let all = commands(&mut house);
    let [
        Sound::Record {
            leg,
            right: None,
            most,
            quiet: None,
            voicemail: true,
            ..
        },
    ] = records(&all)[..]
    else {
        panic!("{all:?}");
    };
    assert_eq!((*leg, *most), (legs[0], 120 * SECOND));
    press(&mut house, 0, "2", &legs);
    assert!(
        commands(&mut house).is_empty(),
        "a key in a message says nothing"
    );
    press(&mut house, 0, "#", &legs);
    assert!(matches!(
        commands(&mut house)[..],
        [Sound::StopRecording { .. }]
    ));
    recorded(&mut house, 30 * SECOND, false, RecordingEnd::Stopped);
    assert_eq!(plays(&house.media), "ru/message-thanks");
    let message = known(&house).remove(0);
    let mailbox = "night".into();
    assert_eq!(message.of, Recorded::Voicemail { mailbox });
    assert!(message.caller.is_some(), "by pseudonym");
    assert_eq!(message.language.code(), "ru");
    assert_eq!(
        (message.length, message.silent),
        (Some(30 * SECOND), Some(false))
    );
    assert_eq!(house.switch.messages_waiting(), 1);
    house.played();
    house.request(Method::Bye);
    assert!(house.events.iter().any(|what| matches!(
        what,
        What::Ended {
            cause: Cause::Completed,
            ..
        }
    )));
}

#[test]
fn who_hangs_up_keeps_what_there_is_and_a_silent_message_is_kept_too() {
    let mut house = house("night", "");
    let mut caller = caller_speaks(&mut house);
    let bye = caller.next("BYE", "", "");
    house.receive(CARRIER, &bye);
    assert!(
        !house.switch.is_quiet(),
        "a drain waits for the end of the recording"
    );
    recorded(&mut house, 4 * SECOND, true, RecordingEnd::HungUp);
    let ended = house.events.iter().find_map(|what| match what {
        What::Ended { cause, .. } => Some(*cause),
        _ => None,
    });
    assert_eq!(ended, Some(Cause::Completed), "not abandoned");
    assert_eq!(house.switch.messages_waiting(), 1);
    let kept = house.switch.messages_waiting();
    recorded(&mut house, 4 * SECOND, true, RecordingEnd::HungUp);
    assert_eq!(kept, house.switch.messages_waiting(), "it ended once");
}

#[test]
fn the_plan_goes_on_where_media_never_tells_the_end() {
    let mut house = house("night", "");
    caller_speaks(&mut house);
    house.wait(126 * SECOND);
    assert_eq!(plays(&house.media), "az/message-thanks");
    let (_, last) = changes(&house).pop().unwrap();
    assert!(
        matches!(
            last,
            Change::Ended {
                why: RecordingEnd::Failed,
                ..
            }
        ),
        "{last:?}"
    );
}

#[test]
fn a_full_disk_is_explained_to_the_caller_before_and_during_a_message() {
    let mut full = house("night", "");
    full.tell(Input::Command(Command::RecordingRoom(false)));
    full.standing_call("");
    assert_eq!(plays(&full.media), "az/no-message-now");
    assert!(records(&full.media).is_empty());
    full.played();
    assert_eq!(plays(&full.media), "az/message-thanks", "the plan goes on");

    let mut fails = house("night", "");
    caller_speaks(&mut fails);
    let (recording, _) = changes(&fails).pop().unwrap();
    let reason = "no space left on device".to_owned();
    fails.tell(Input::Command(Command::RecordingFailed {
        recording,
        reason,
    }));
    assert_eq!(plays(&fails.media), "az/no-message-now");
    for (house, alarm) in [(&full, "message-refused"), (&fails, "recording-failed")] {
        let told = |what: &What| matches!(what, What::Alarm { kind, .. } if kind == alarm);
        assert!(house.events.iter().any(told), "{alarm}");
    }
}

/// An operator proves who that is and asks for something; the final response.
fn proven(
    house: &mut House,
    method: &str,
    user: &str,
    id: &str,
    headers: &str,
    body: &str,
) -> Peer {
    let mut peer = Peer {
        at: PHONE.parse().unwrap(),
        call_id: format!("{id}-{user}"),
        own: "<sip:101@qaynar>;tag=own".into(),
        ours: format!("<sip:{user}@qaynar>"),
        cseq: 0,
    };
    let line = format!("{method} sip:{user}@203.0.113.5");
    let old = format!("{method} sip:116111@203.0.113.5");
    house.wait(Duration::from_millis(1));
    let first = peer.next(method, headers, body).replace(&old, &line);
    house.receive(PHONE, &first);
    let asked = house.response();
    let (ask, name) = match asked.status {
        407 => (Name::ProxyAuthenticate, "Proxy-Authorization"),
        _ => (Name::WwwAuthenticate, "Authorization"),
    };
    let values = asked.headers.fields(&ask);
    let challenge = Challenge::best(values.map(String::from_utf8_lossy)).unwrap();
    let uri = format!("sip:{user}@203.0.113.5");
    let proof = challenge.answer("101", "pass", method, &uri, "own");
    let more = format!("{name}: {proof}\n{headers}");
    let second = peer.next(method, &more, body).replace(&old, &line);
    house.receive(PHONE, &second);
    let answer = house.response();
    assert_eq!(answer.status, 200);
    peer.ours = answer.headers.text(Name::To).unwrap().into_owned();
    peer
}

fn summary(notify: &Request) -> String {
    let body = String::from_utf8(notify.body.clone()).unwrap();
    let counts = body
        .lines()
        .find_map(|line| line.strip_prefix("Voice-Message: "));
    let waiting = body
        .lines()
        .next()
        .unwrap()
        .replace("Messages-Waiting: ", "");
    format!("{waiting} {}", counts.unwrap())
}

/// One message is left, and the call is over.
fn leave(house: &mut House) {
    let mut caller = caller_speaks(house);
    let bye = caller.next("BYE", "", "");
    house.receive(CARRIER, &bye);
    recorded(house, 4 * SECOND, false, RecordingEnd::HungUp);
    house.wait(40 * SECOND);
    house.sent.clear();
}

#[test]
fn phones_of_the_mailbox_hear_of_messages_and_an_operator_hears_and_handles_them() {
    let mut house = house("night", "");
    let headers = "Event: message-summary\nExpires: 3600\n";
    proven(&mut house, "SUBSCRIBE", "101", "mwi", headers, "");
    let notify = house.request(Method::Notify);
    assert_eq!(summary(&notify), "no 0/0 (0/0)");
    house.reply(&notify, 200, "", "");
    let mut caller = caller_speaks(&mut house);
    let bye = caller.next("BYE", "", "");
    house.receive(CARRIER, &bye);
    recorded(&mut house, 4 * SECOND, false, RecordingEnd::HungUp);
    let notify = house.request(Method::Notify);
    assert_eq!(summary(&notify), "yes 1/0 (0/0)");
    house.reply(&notify, 200, "", "");
    house.wait(40 * SECOND);

    let mut phone = proven(&mut house, "INVITE", "*97", "listen", "", SDP);
    house.receive(PHONE, &phone.ack(2, ""));
    let legs = house.legs();
    let leg = legs.len() - 1;
    assert_eq!(plays(&house.media), "az/message-keys");
    house.played();
    let Some(Output::Listen {
        playback,
        recording,
        ..
    }) = house.shelf.pop()
    else {
        panic!("the message is heard");
    };
    let played = media::Event::Played {
        leg: legs[leg],
        playback,
    };
    house.tell(Input::Media(played));
    let notify = house.request(Method::Notify);
    assert_eq!(summary(&notify), "yes 0/1 (0/0)", "heard, and not handled");
    house.reply(&notify, 200, "", "");
    press(&mut house, leg, "1", &legs);
    assert!(
        matches!(house.shelf.pop(), Some(Output::Listen { .. })),
        "again"
    );
    press(&mut house, leg, "3", &legs);
    let notify = house.request(Method::Notify);
    assert_eq!(summary(&notify), "no 0/0 (0/0)");
    house.reply(&notify, 200, "", "");
    assert_eq!(plays(&house.media), "az/message-handled az/messages-over");
    house.played();
    house.request(Method::Bye);
    assert_eq!(house.switch.messages_waiting(), 0);
    let (of, change) = changes(&house).pop().unwrap();
    let by = Some("101".into());
    assert_eq!((of, change), (recording, Change::Handled { by }));
    drop(phone.next("BYE", "", ""));
}

#[test]
fn the_newest_that_nobody_heard_is_first_and_two_passes_on() {
    let mut house = house("night", "");
    leave(&mut house);
    leave(&mut house);
    let ids: Vec<RecordingId> = changes(&house)
        .into_iter()
        .filter(|(_, change)| matches!(change, Change::Begun { .. }))
        .map(|(id, _)| id)
        .collect();
    let phone = proven(&mut house, "INVITE", "*97", "listen", "", SDP);
    house.receive(PHONE, &phone.ack(2, ""));
    let legs = house.legs();
    let leg = legs.len() - 1;
    house.played();
    let heard = |house: &mut House| match house.shelf.pop() {
        Some(Output::Listen { recording, .. }) => recording,
        other => panic!("{other:?}"),
    };
    assert_eq!(heard(&mut house), ids[1]);
    press(&mut house, leg, "2", &legs);
    assert_eq!(heard(&mut house), ids[0]);
    press(&mut house, leg, "2", &legs);
    assert_eq!(plays(&house.media), "az/messages-over");
    assert_eq!(house.switch.messages_waiting(), 2, "neither is handled");
}

#[test]
fn files_go_when_the_mailbox_has_kept_them_for_long_enough() {
    let mut house = house("night", "");
    house.tell(Input::Command(Command::Recordings(Vec::new())));
    leave(&mut house);
    house.wait(DAY * 9);
    assert!(house.shelf.is_empty());
    house.wait(DAY * 2);
    assert!(matches!(
        house.shelf[..],
        [Output::Erase {
            voicemail: true,
            ..
        }]
    ));
    assert_eq!(house.switch.messages_waiting(), 0);
    let (_, last) = changes(&house).pop().unwrap();
    assert!(matches!(last, Change::Erased { .. }));
}

#[test]
fn what_a_former_process_recorded_is_over_and_a_call_that_goes_on_gets_a_second_file() {
    let mut house = house("night", "");
    caller_speaks(&mut house);
    let kept = known(&house);
    house.known.push(Command::Recordings(kept));
    house.media.clear();
    house.restart();
    assert_eq!(
        plays(&house.media),
        "az/leave-a-message tone",
        "the step begins again"
    );
    house.played();
    let all = changes(&house);
    let ended = |one: &&(RecordingId, Change)| {
        matches!(
            one.1,
            Change::Ended {
                why: RecordingEnd::Interrupted,
                length: None,
                ..
            }
        )
    };
    assert_eq!(all.iter().filter(ended).count(), 1);
    let parts: Vec<u16> = all
        .iter()
        .filter(|(_, change)| matches!(change, Change::Begun { .. }))
        .map(|(id, _)| id.part)
        .collect();
    assert_eq!(parts, [1, 2]);
}

/// The phone of an operator who is rung answers.
fn answers(house: &mut House) -> Peer {
    let invite = house.request(Method::Invite);
    let phone = house.reply(&invite, 200, "", SDP);
    house.request(Method::Ack);
    phone
}

fn on_shift(house: &mut House, operators: &[&str]) {
    let states = operators
        .iter()
        .map(|id| qaynar::queue::OperatorSnapshot::new((*id).into(), true, Wall(EPOCH)));
    let operators = states.collect();
    house.tell(Input::Command(Command::OperatorStates(
        qaynar::queue::Snapshot { operators },
    )));
}

#[test]
fn a_talk_is_recorded_only_after_the_caller_was_told() {
    let mut house = house("day", "");
    on_shift(&mut house, &["101"]);
    house.standing_call("");
    commands(&mut house);
    answers(&mut house);
    let all = commands(&mut house);
    assert_eq!(plays(&all), "az/recording-notice");
    let bridges = |all: &[Sound]| all.iter().any(|one| matches!(one, Sound::Bridge { .. }));
    assert!(!bridges(&all), "the operator is not heard before");
    assert!(records(&all).is_empty());
    // The caller's, which was asked for first.
    let (leg, playback) = all
        .iter()
        .find_map(|one| match one {
            Sound::Play { leg, playback, .. } => Some((*leg, *playback)),
            _ => None,
        })
        .unwrap();
    house.tell(Input::Media(media::Event::Played { leg, playback }));
    let all = commands(&mut house);
    assert!(bridges(&all));
    let [
        Sound::Record {
            leg: left,
            right: Some(right),
            voicemail: false,
            ..
        },
    ] = records(&all)[..]
    else {
        panic!("{all:?}");
    };
    assert_eq!(*left, leg);
    assert_ne!(left, right);
    let (_, begun) = changes(&house).pop().unwrap();
    let Change::Begun { of, operator, .. } = begun else {
        panic!()
    };
    assert_eq!(of.place(), "children");
    assert_eq!(operator, Some("101".into()));
}

#[test]
fn a_notice_that_a_hold_cuts_off_is_said_again_before_the_two_hear_each_other() {
    let mut house = house("day", "");
    on_shift(&mut house, &["101"]);
    house.standing_call("");
    let mut phone = answers(&mut house);
    let hold = SDP.to_owned() + "a=sendonly\n";
    let text = phone.next("INVITE", "", &hold);
    house.receive(PHONE, &text);
    house.receive(PHONE, &phone.ack(phone.cseq, ""));
    commands(&mut house);
    let text = phone.next("INVITE", "", SDP);
    house.receive(PHONE, &text);
    let all = commands(&mut house);
    assert_eq!(plays(&all), "az/recording-notice");
    let spoken = all.iter().find_map(|one| match one {
        Sound::Play { leg, playback, .. } => Some((*leg, *playback)),
        _ => None,
    });
    let (leg, playback) = spoken.unwrap();
    house.tell(Input::Media(media::Event::Played { leg, playback }));
    let all = commands(&mut house);
    assert!(all.iter().any(|one| matches!(one, Sound::Bridge { .. })));
    assert_eq!(records(&all).len(), 1);
}

/// A talk of 101 whose caller was told in the greeting.
fn talk() -> (House, Peer, Vec<qaynar::ids::LegId>) {
    let mut house = house("day", ", greet = \"greeting\"");
    on_shift(&mut house, &["101"]);
    house.standing_call("");
    assert_eq!(plays(&house.media), "az/greeting az/recording-notice");
    house.played();
    let legs = house.legs();
    commands(&mut house);
    let phone = answers(&mut house);
    (house, phone, legs)
}

#[test]
fn a_greeting_that_was_heard_to_its_end_tells_so_and_nothing_is_said_twice() {
    let (mut house, _, _) = talk();
    let all = commands(&mut house);
    assert!(!all.iter().any(|one| matches!(one, Sound::Play { .. })));
    assert_eq!(records(&all).len(), 1);
}

#[test]
fn the_operator_pauses_by_a_code_and_a_hold_is_not_recorded() {
    let (mut house, mut phone, legs) = talk();
    commands(&mut house);
    let mut told = Vec::new();
    let mut pauses = |house: &mut House| {
        let all = commands(house);
        told.extend(all.iter().filter_map(|one| match one {
            Sound::Over { leg, clips, .. } => Some((*leg, clips[0].name.to_string())),
            _ => None,
        }));
        let paused = all.iter().filter_map(|one| match one {
            Sound::PauseRecording { paused, .. } => Some(*paused),
            _ => None,
        });
        paused.collect::<Vec<bool>>()
    };
    let operator = legs.len() - 1;
    press(&mut house, operator, "4*", &legs);
    assert!(pauses(&mut house).is_empty());
    press(&mut house, operator, "5", &legs);
    assert_eq!(pauses(&mut house), [true]);
    let hold = SDP.to_owned() + "a=sendonly\n";
    let text = phone.next("INVITE", "", &hold);
    house.receive(PHONE, &text);
    house.receive(PHONE, &phone.ack(phone.cseq, ""));
    assert!(pauses(&mut house).is_empty(), "it is silent already");
    press(&mut house, operator, "*5", &legs);
    assert!(pauses(&mut house).is_empty(), "the hold still lasts");
    let text = phone.next("INVITE", "", SDP);
    house.receive(PHONE, &text);
    assert_eq!(pauses(&mut house), [false]);
    let words = ["recording-paused", "recording-resumed"];
    let words = words.map(|word| (legs[operator], word.to_owned()));
    assert_eq!(told, words, "to the operator alone");
    let by = || "101".into();
    let last: Vec<Change> = changes(&house)
        .into_iter()
        .map(|(_, change)| change)
        .skip(1)
        .collect();
    assert_eq!(
        last,
        [Change::Paused { by: by() }, Change::Resumed { by: by() }]
    );
}

#[test]
fn a_restart_in_a_recorded_talk_says_nothing_again_and_begins_a_second_file() {
    let (mut house, _, _) = talk();
    let kept = known(&house);
    let first = kept[0].recording;
    house.known.push(Command::Recordings(kept));
    commands(&mut house);
    house.restart();
    let all = commands(&mut house);
    assert!(
        !all.iter().any(|one| matches!(one, Sound::Play { .. })),
        "told before"
    );
    assert_eq!(records(&all).len(), 1);
    let (second, _) = changes(&house).pop().unwrap();
    assert_eq!((second.call, second.part), (first.call, 2));
}
