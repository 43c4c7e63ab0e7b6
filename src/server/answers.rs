//! What the driver answers to questions of commands and of the API, beside the status.

use super::control::Answer;
use super::drive::Shell;
use crate::event::Change;
use crate::ids::{CallId, RecordingId};
use crate::sip::source::Source;
use crate::store::keys::Keys;
use crate::switch::{Command, Input};

impl Shell {
    /// What operators are doing, and for which calls.
    pub(super) fn desks(&self) -> Answer {
        let desks = self.switch.desks();
        Answer {
            done: true,
            text: format!("{} operators", desks.len()),
            data: serde_json::json!(desks),
        }
    }

    pub(super) fn callbacks(&self) -> Answer {
        let callbacks = self.switch.callbacks();
        let now = self.clock.now().wall;
        let mut text = format!("{} callbacks", callbacks.len());
        for one in &callbacks {
            let who = one
                .caller
                .as_ref()
                .map_or("hidden", |caller| caller.as_str());
            let waits = one
                .joined
                .map_or(0, |joined| now.since(joined).as_secs() / 60);
            let due = one.due.map(|due| due.since(now).as_secs() / 60);
            let due = due.map_or(String::new(), |minutes| format!(", in {minutes} min"));
            let (call, queue, state, attempts) = (one.call, &one.queue, one.state, one.attempts);
            text.push_str(&format!(
                "\n{call}  {who}  queue {queue}  {state}{due}; waits for {waits} min, {attempts} attempts"
            ));
        }
        Answer {
            done: true,
            text,
            data: serde_json::json!(callbacks),
        }
    }

    pub(super) fn cancel_callback(&mut self, call: CallId) -> Answer {
        let is_one = |one: &crate::switch::Listed| one.call == call && one.is_pending();
        let done = self.switch.callbacks().iter().any(is_one);
        if done {
            self.handle(Input::Command(Command::CancelCallback(call)));
        }
        Answer {
            done,
            text: match done {
                true => format!("{call} is not called back"),
                false => {
                    format!("nobody waits to be called back as {call}; see: qaynar callbacks list")
                }
            },
            data: serde_json::Value::Null,
        }
    }

    pub(super) fn bans(&self) -> Answer {
        let now = self.clock.now();
        let bans = self.switch.bans(now);
        let mut text = format!("{} bans", bans.len());
        for ban in &bans {
            // A name is as its sender wrote it.
            let user = ban.user.as_deref().map(str::escape_debug);
            let user = user.map_or("any name".to_owned(), |user| format!("as {user}"));
            let left = ban.until.since(now.wall).as_secs();
            let (source, why) = (ban.source, &ban.why);
            text.push_str(&format!("\n{source}  {user}  {why}; for {left} s more"));
        }
        Answer {
            done: true,
            text,
            data: serde_json::json!(bans),
        }
    }

    pub(super) fn lift_bans(&mut self, source: Source, user: Option<String>) -> Answer {
        let now = self.clock.now();
        let before = self.switch.bans(now).len();
        self.handle(Input::Command(Command::LiftBans { source, user }));
        let lifted = before.saturating_sub(self.switch.bans(now).len());
        let text = match lifted {
            0 => format!("no ban of {source} holds; `qaynar bans` lists those that do"),
            count => format!("{count} bans of {source} lifted"),
        };
        Answer {
            done: lifted > 0,
            text,
            data: serde_json::json!({ "lifted": lifted }),
        }
    }

    pub(super) fn change_recording(&mut self, recording: RecordingId, change: Change) -> Answer {
        let before = self.switch.recording(recording).cloned();
        let done = Command::ChangeRecording { recording, change };
        self.handle(Input::Command(done));
        let after = self.switch.recording(recording);
        let (done, text) = match &before {
            None => (
                false,
                format!(
                    "there is no {recording}; `qaynar voicemail list` and `qaynar recordings list` name them"
                ),
            ),
            Some(one) if one.ended.is_none() => (
                false,
                format!("{recording} is being recorded; wait for its end"),
            ),
            Some(one) if after == Some(one) => (
                false,
                format!("{recording} is no message that waits to be handled"),
            ),
            Some(_) if after.is_some() => (true, format!("{recording} is handled")),
            Some(_) => (true, format!("{recording} is erased")),
        };
        Answer {
            done,
            text,
            data: serde_json::json!({ "recording": recording }),
        }
    }

    /// Callers are named by the keys as they are on the disk now.
    pub(super) fn read_keys(&mut self) -> Answer {
        let read = Keys::load_or_make(&self.keys);
        let (done, text) = match read {
            Ok(keys) => {
                self.handle(Input::Command(Command::PseudonymKeys {
                    key: keys.pseudonym,
                    former: keys.former,
                }));
                (
                    true,
                    "callers are named by the keys as they are now".to_owned(),
                )
            }
            Err(error) => (false, error.to_string()),
        };
        let data = serde_json::Value::Null;
        Answer { done, text, data }
    }
}
