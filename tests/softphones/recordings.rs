//! Messages and recorded talks of real phones: what is in their files, who hears of them, and what a crash and
//! a full disk leave.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::ear::{Ear, ULAW};
use crate::moment::eventually;
use crate::pjsua;
use crate::server::{NO_ROOM, NOTICE, SOON, SPEAK_NOW, Server, Setup};
use crate::sipp::{Phone, Scenario, audio, talk};
use crate::tone;

const CALLER: u32 = 350;
const OPERATOR: u32 = 480;

/// The channels of a file, each with the length that its header tells.
fn channels(file: &Path) -> Option<Vec<Vec<i16>>> {
    let mut reader = hound::WavReader::open(file).ok()?;
    let count = usize::from(reader.spec().channels);
    let samples: Vec<i16> = reader.samples::<i16>().collect::<Result<_, _>>().ok()?;
    let channel = |number: usize| {
        samples
            .iter()
            .skip(number)
            .step_by(count)
            .copied()
            .collect()
    };
    Some((0..count).map(channel).collect())
}

fn holds(samples: &[i16], frequency: u32) -> bool {
    tone::first_heard(samples, frequency).is_some()
}

/// The only file of a folder, once it is there.
fn the_file(server: &Server, folder: &str) -> PathBuf {
    let folder = server.place.path().join("data").join(folder);
    eventually("a recording", SOON, || {
        let entry = std::fs::read_dir(&folder).ok()?.next()?;
        Some(entry.ok()?.path())
    })
}

/// Waits until the file on the disk holds a tone on a channel, while it still grows.
fn gets(file: &Path, channel: usize, frequency: u32) {
    eventually(
        &format!("{frequency} Hz on channel {channel}"),
        SOON,
        || {
            let channels = channels(file)?;
            holds(channels.get(channel)?, frequency).then_some(())
        },
    );
}

/// What a list tells, once so many are over.
fn listed(server: &Server, what: &str, count: usize) -> Vec<Value> {
    eventually(&format!("{count} of {what}"), SOON, || {
        let (well, text) = server.run(&[what, "list", "--json"]);
        assert!(well, "{text}");
        let all: Vec<Value> = serde_json::from_str(&text).unwrap();
        let over = all.iter().all(|one| !one["ended"].is_null());
        (all.len() == count && over).then_some(all)
    })
}

/// A caller who hears the tone after which one speaks, and the file of the message.
fn speaks(server: &Server) -> (Phone, PathBuf) {
    let caller = Phone::caller(server, "0501234567", "116111", CALLER);
    caller.ear.hears(SPEAK_NOW, SOON);
    let file = the_file(server, "voicemail");
    (caller, file)
}

#[test]
fn a_message_is_on_the_disk_while_it_is_spoken_and_an_operator_hears_and_handles_it() {
    let server = Setup::with_mailbox().operator("101").start();
    let mut phone = pjsua::Setup::new("101", OPERATOR)
        .with_mailbox()
        .start(&server);
    phone.is_registered();
    phone.process.says("mailbox Messages-Waiting: no", SOON);
    let (mut caller, file) = speaks(&server);
    gets(&file, 0, CALLER);
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    caller.hangs_up();
    phone.process.says("mailbox Messages-Waiting: yes", SOON);
    let [message] = &listed(&server, "voicemail", 1)[..] else {
        panic!("one message");
    };
    assert_eq!(message["silent"], false);
    assert_eq!(message["of"]["mailbox"], "night");
    assert!(message["caller"].is_string());
    server.records(1)[0].ended("completed", "caller");
    let id = message["recording"].as_str().unwrap();
    let copy = server.place.path().join("copy.wav");
    let (well, text) = server.run(&["voicemail", "export", id, copy.to_str().unwrap()]);
    assert!(well, "{text}");
    let whole = &channels(&copy).unwrap()[0];
    let told = message["length"]["secs"].as_u64().unwrap();
    assert_eq!(whole.len() as u64 / 8_000, told);
    assert!(holds(whole, CALLER) && !holds(whole, OPERATOR));

    phone.dials("*97");
    phone.heard(CALLER, SOON);
    phone.process.tell("hangup");
    let (well, text) = server.run(&["voicemail", "handled", id]);
    assert!(well, "{text}");
    phone.process.says("mailbox Messages-Waiting: no", SOON);
    assert!(
        server
            .run(&["status"])
            .1
            .lines()
            .all(|line| !line.contains("messages wait"))
    );
    let (well, text) = server.run(&["voicemail", "delete", id]);
    assert!(well, "{text}");
    eventually("an erased file", SOON, || (!file.exists()).then_some(()));
    server.tells_nobody(&["501234567"]);
    server.is_drained();
}

#[test]
fn a_silent_message_is_kept_and_shown_as_one_to_handle() {
    let server = Setup::with_mailbox().start();
    let ear = Ear::open(None, ULAW);
    let scenario = Scenario::caller("0501234567", "116111", &audio(ear.port(), &[ULAW]));
    let mut caller = scenario.run(&server);
    ear.hears(SPEAK_NOW, SOON);
    let file = the_file(&server, "voicemail");
    eventually("a second of silence", SOON, || {
        let long = channels(&file).is_some_and(|all| all[0].len() >= 8_000);
        long.then_some(())
    });
    caller.nudge();
    caller.succeeds();
    let [message] = &listed(&server, "voicemail", 1)[..] else {
        panic!("one message");
    };
    assert_eq!(message["silent"], true);
    let (_, text) = server.run(&["calls"]);
    assert!(text.contains("1 messages wait to be handled"), "{text}");
    server.is_drained();
}

#[test]
fn a_recorded_talk_has_the_caller_left_and_the_operator_right_and_the_caller_was_told() {
    let server = Setup::new()
        .plan("record = false", "record = true")
        .operator("101")
        .start();
    let mut operator = Phone::operator(&server, "101", OPERATOR);
    let caller = Phone::caller(&server, "0501234567", "116111", CALLER);
    operator.answers();
    talk((&caller.ear, CALLER), (&operator.ear, OPERATOR));
    let file = the_file(&server, "recordings");
    gets(&file, 0, CALLER);
    gets(&file, 1, OPERATOR);
    let notice = tone::first_heard(&caller.ear.samples(), NOTICE).expect("the notice");
    let voice = tone::first_heard(&caller.ear.samples(), OPERATOR).expect("the operator");
    assert!(notice < voice, "told before the operator can be heard");
    let mut caller = caller;
    caller.hangs_up();
    operator.is_hung_up_on();
    let [talk] = &listed(&server, "recordings", 1)[..] else {
        panic!("one recording");
    };
    assert_eq!(
        (&talk["of"]["queue"], &talk["operator"]),
        (&"children".into(), &"101".into())
    );
    let whole = channels(&file).unwrap();
    assert_eq!(whole.len(), 2);
    assert!(holds(&whole[0], CALLER) && !holds(&whole[0], OPERATOR));
    assert!(holds(&whole[1], OPERATOR) && !holds(&whole[1], CALLER));
    let record = &server.records(1)[0];
    let (_, text) = server.run(&["calls", "--call", record.text("call")]);
    assert!(text.contains("is recorded as"), "{text}");
    server.is_drained();
}

#[test]
fn a_kill_in_the_middle_leaves_a_readable_message_that_waits_to_be_handled() {
    let mut server = Setup::with_mailbox().start();
    let (caller, file) = speaks(&server);
    gets(&file, 0, CALLER);
    server.process.kill();
    let left = channels(&file).expect("a file with a valid header");
    assert!(holds(&left[0], CALLER));
    let server = server.place.start();
    let [message] = &listed(&server, "voicemail", 1)[..] else {
        panic!("one message");
    };
    assert_eq!(message["why"], "interrupted");
    assert!(
        message["length"]["secs"].as_u64().unwrap() >= 1,
        "told by the file"
    );
    drop(caller);
}

#[test]
fn where_the_disk_has_no_room_the_caller_hears_why_and_the_log_tells() {
    let server = Setup::with_mailbox()
        .config("[storage]\nkeep_free = \"900000T\"")
        .start();
    server.logs(&["recordings-full"]);
    let mut caller = Phone::caller(&server, "0501234567", "116111", CALLER);
    caller.ear.hears(NO_ROOM, SOON);
    caller.is_hung_up_on();
    assert!(caller.ear.never_heard(SPEAK_NOW));
    server.records(1)[0].ended("completed", "server");
    server.logs(&["message-refused"]);
    assert!(!server.place.path().join("data/voicemail").exists());
    server.is_drained();
}
