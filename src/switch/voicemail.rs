//! A caller leaves a message: a greeting, a tone, and what is said until `#`, the end or the limit. Whoever
//! hangs up keeps what there is, and silence is kept too: it may be all that a child can say.

use std::time::Duration;

use super::pbx::{Switch, Timer};
use super::recordings::Take;
use crate::call::{Said, Stage};
use crate::event::{Recorded, RecordingEnd, What};
use crate::ids::{CallId, MailboxName, PromptName, RecordingId};
use crate::media::{Clip, Command};
use crate::speech::messages::{NO_ROOM, TONE};
use crate::time::Now;

/// How long media may take to say that a recording is over, beyond its limit.
const GRACE: Duration = Duration::from_secs(5);
/// The key that ends a message.
const END_KEY: char = '#';

impl Switch {
    /// A `voicemail` step; `false`: the plan has no such mailbox.
    pub(super) fn take_message(&mut self, id: CallId, mailbox: MailboxName, now: Now) -> bool {
        let Some(call) = self.calls.get(&id) else {
            return false;
        };
        if !call.plan.mailboxes.contains_key(&mailbox) {
            return false;
        }
        if !self.recordings.room {
            self.no_message(id, &mailbox, now);
            return true;
        }
        self.greet_for_message(id, mailbox);
        true
    }

    /// An explanation in place of a message; the plan goes on behind it.
    fn no_message(&mut self, id: CallId, mailbox: &MailboxName, now: Now) {
        let text = format!("a caller could leave no message in {mailbox}: nothing can be recorded");
        self.alarm(Some(id), "message-refused", text, now);
        let playback = self.say(id, Said::Prompts(vec![NO_ROOM.into()]));
        if let Some(call) = self.calls.get_mut(&id) {
            call.stage = Stage::Playing { playback };
        }
    }

    /// Greeting and tone.
    fn greet_for_message(&mut self, id: CallId, mailbox: MailboxName) {
        self.last_playback += 1;
        let playback = self.last_playback;
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        let language = Some(call.run.language());
        let greeting = call.plan.mailboxes.get(&mailbox);
        let greeting = greeting.map(|mailbox| mailbox.greeting.clone());
        let words = greeting.unwrap_or_default().into_iter();
        let words = words.map(|name| Clip { language, name });
        let tone = Clip {
            language: None,
            name: PromptName::from(TONE),
        };
        let (leg, clips) = (call.caller_leg, words.chain([tone]).collect());
        call.stage = Stage::LeavingMessage {
            mailbox,
            playback,
            recording: None,
        };
        self.media(Command::Play {
            leg,
            playback,
            clips,
        });
    }

    /// Greeting and tone are out: the caller speaks. `false`: it was something else.
    pub(super) fn message_begins(&mut self, id: CallId, played: u64, now: Now) -> bool {
        let Some(call) = self.calls.get(&id) else {
            return false;
        };
        let Stage::LeavingMessage {
            mailbox,
            playback,
            recording: None,
        } = &call.stage
        else {
            return false;
        };
        if *playback != played {
            return false;
        }
        let (mailbox, playback, leg) = (mailbox.clone(), *playback, call.caller_leg);
        let Some(settings) = call.plan.mailboxes.get(&mailbox) else {
            return false;
        };
        let (most, quiet) = (settings.most, settings.quiet);
        if !self.recordings.room {
            self.no_message(id, &mailbox, now);
            return true;
        }
        let of = Recorded::Voicemail {
            mailbox: mailbox.clone(),
        };
        let take = Take {
            of,
            leg,
            right: None,
            most,
            quiet,
        };
        let recording = Some(self.begin_recording(id, take, now));
        // Should media never say that it is over.
        self.timers.set(Timer::Call(id), now.at + most + GRACE);
        if let Some(call) = self.calls.get_mut(&id) {
            call.stage = Stage::LeavingMessage {
                mailbox,
                playback,
                recording,
            };
        }
        true
    }

    /// A key while a message is left or its greeting plays; `false`: the key is for others.
    pub(super) fn pressed_in_message(&mut self, id: CallId, digit: char, now: Now) -> bool {
        let Some(call) = self.calls.get_mut(&id) else {
            return false;
        };
        let Stage::LeavingMessage {
            mailbox, recording, ..
        } = &call.stage
        else {
            return false;
        };
        if let Some(recording) = *recording {
            let leg = call.caller_leg;
            if digit == END_KEY {
                self.media(Command::StopRecording { leg, recording });
            }
            return true;
        }
        let (mailbox, plan) = (mailbox.clone(), call.plan.clone());
        if let Some(language) = call.run.press(&plan, digit) {
            call.resume.press(&plan, digit);
            self.emit(Some(id), What::Language { language }, now);
            self.greet_for_message(id, mailbox);
        }
        true
    }

    /// A recording is over: if it is the message that a caller leaves, the plan goes on.
    pub(super) fn message_left(&mut self, ended: RecordingId, now: Now) {
        let Some(call) = self.calls.get_mut(&ended.call) else {
            return;
        };
        if is_leaving(&call.stage, ended) {
            call.stage = Stage::Arriving;
            self.timers.clear(&Timer::Call(ended.call));
            self.advance(ended.call, now);
        }
    }

    /// The message cannot be written on: the caller hears so.
    pub(super) fn message_failed(&mut self, failed: RecordingId, now: Now) {
        let Some(call) = self.calls.get(&failed.call) else {
            return;
        };
        let Stage::LeavingMessage { mailbox, .. } = &call.stage else {
            return;
        };
        if is_leaving(&call.stage, failed) {
            let mailbox = mailbox.clone();
            self.timers.clear(&Timer::Call(failed.call));
            self.no_message(failed.call, &mailbox, now);
        }
    }

    /// Media did not say that the message is over; `false`: none is left.
    pub(super) fn message_overdue(&mut self, id: CallId, now: Now) -> bool {
        let call = self.calls.get(&id);
        let Some(Stage::LeavingMessage {
            recording: Some(recording),
            ..
        }) = call.map(|call| &call.stage)
        else {
            return false;
        };
        let recording = *recording;
        self.end_recording(recording, None, RecordingEnd::Failed, now);
        self.message_left(recording, now);
        true
    }
}

fn is_leaving(stage: &Stage, message: RecordingId) -> bool {
    matches!(stage, Stage::LeavingMessage { recording, .. } if *recording == Some(message))
}
