//! Talks of queues that record: the caller is told before the operator can be heard, the operator may pause
//! it, and it holds nothing of what is said while one holds the other.

use std::time::Duration;

use super::pbx::Switch;
use super::recordings::Take;
use crate::call::{Said, Stage};
use crate::event::{Change, Recorded};
use crate::ids::{CallId, LegId, PromptName, QueueName};
use crate::media::{Clip, Command};
use crate::speech::messages::{NOTICE, PAUSED, RESUMED};
use crate::time::Now;

/// How long a recording may be.
const MOST: Duration = Duration::from_secs(4 * 3_600);

impl Switch {
    /// What is heard with a queue's greeting where it records.
    pub(super) fn with_notice(
        &self,
        call: CallId,
        queue: &QueueName,
        greet: Vec<PromptName>,
    ) -> Vec<PromptName> {
        let one = self.calls.get(&call);
        let told = one.is_none_or(|one| one.tape.told);
        let records = one.and_then(|one| one.plan.queues.get(queue)?.record);
        // A greeting that is cut off by an operator who is quick did not tell; the notice comes then.
        match records.is_some() && !told && !greet.is_empty() && self.recordings.room {
            true => greet.into_iter().chain([NOTICE.into()]).collect(),
            false => greet,
        }
    }

    /// A greeting was heard to its end: `true`, if the notice was in it, so that the caller knows now.
    pub(super) fn greeted(&mut self, call: CallId) -> bool {
        let Some(one) = self.calls.get_mut(&call) else {
            return false;
        };
        let told = matches!(&one.said, Said::Prompts(prompts)
            if prompts.iter().any(|prompt| prompt.as_str() == NOTICE));
        one.tape.told |= told;
        told
    }

    /// The queue by which the caller came to whoever talks, if its talks are recorded. Who is handed on to an
    /// operator stays a caller of the last queue; who is handed on to another queue is one of that.
    fn recording_queue(&self, call: CallId) -> Option<QueueName> {
        let one = self.calls.get(&call)?;
        let (_, claim) = one.operator.as_ref()?;
        let queue = self.line_of(call, *claim)?;
        one.plan.queues.get(&queue)?.record.map(|_| queue)
    }

    /// The two are about to hear each other: `true`, if the notice is said first.
    pub(super) fn tells_notice(&mut self, call: CallId, partner: LegId) -> bool {
        if self.recording_queue(call).is_none() || !self.recordings.room {
            return false;
        }
        let Some(one) = self.calls.get(&call) else {
            return false;
        };
        if one.tape.told {
            return false;
        }
        if one.tape.telling.is_some() {
            return true;
        }
        let (leg, language) = (one.caller_leg, one.run.language());
        self.media(Command::Unbridge { leg });
        let playback = self.say(call, Said::Prompts(vec![NOTICE.into()]));
        if let Some(one) = self.calls.get_mut(&call) {
            one.tape.telling = Some(playback);
        }
        // The operator hears the same, and knows why nobody answers yet.
        self.last_playback += 1;
        self.media(Command::Play {
            leg: partner,
            playback: self.last_playback,
            clips: vec![Clip {
                language: Some(language),
                name: NOTICE.into(),
            }],
        });
        true
    }

    /// The notice is out; `false`: it was something else.
    pub(super) fn notice_heard(&mut self, call: CallId, playback: u64) -> bool {
        let Some(one) = self.calls.get_mut(&call) else {
            return false;
        };
        if one.tape.telling != Some(playback) {
            return false;
        }
        one.tape.telling = None;
        one.tape.told = true;
        let leg = one.caller_leg;
        if one.stage == Stage::Talking {
            self.connect_media(leg);
        }
        true
    }

    /// The notice is cut off by a hold; it is said again afterwards.
    pub(super) fn forget_notice(&mut self, call: CallId) {
        self.tape(call, |tape| tape.telling = None);
    }

    /// Something changed that may begin, pause or end the recordings of these calls.
    pub(super) fn tend_tapes(&mut self, now: Now) {
        while let Some(call) = self.tapes.pop_first() {
            self.tend_tape(call, now);
        }
    }

    fn tend_tape(&mut self, call: CallId, now: Now) {
        let queue = self.recording_queue(call);
        let Some(one) = self.calls.get(&call) else {
            return;
        };
        let tape = one.tape.clone();
        let (leg, partner) = (one.caller_leg, one.partner);
        let with_caller = one.host.is_none() && partner.is_some();
        let talks = one.stage == Stage::Talking && with_caller && tape.telling.is_none();
        let wanted = queue.filter(|_| talks && tape.told && self.recordings.room);
        let of = tape.recording.and_then(|id| self.recordings.known.get(&id));
        let of = of.map(|one| one.of.clone());
        let same = wanted.clone().map(|queue| Recorded::Talk { queue }) == of;
        if let Some(recording) = tape.recording
            && !(same && tape.partner == partner)
        {
            self.media(Command::StopRecording { leg, recording });
            self.tape(call, |tape| {
                (tape.recording, tape.silent) = (None, false);
            });
        }
        let now_running = self.calls.get(&call).and_then(|one| one.tape.recording);
        if let (Some(queue), None) = (wanted, now_running) {
            let take = Take {
                of: Recorded::Talk { queue },
                leg,
                right: partner,
                most: MOST,
                quiet: None,
            };
            let recording = self.begin_recording(call, take, now);
            self.tape(call, |tape| {
                // What one operator paused, the next one need not know.
                tape.paused &= tape.partner.is_none() || tape.partner == partner;
                (tape.recording, tape.partner) = (Some(recording), partner);
            });
        }
        self.tend_pause(call);
    }

    /// What media should hold: nothing while one holds the other, or while the operator wants so.
    fn tend_pause(&mut self, call: CallId) {
        let Some(one) = self.calls.get(&call) else {
            return;
        };
        let Some(recording) = one.tape.recording else {
            return;
        };
        let leg = one.caller_leg;
        let held = |leg: &LegId| self.legs.get(leg).is_some_and(|leg| leg.media.held);
        let holds = held(&leg) || one.partner.as_ref().is_some_and(held);
        let silent = one.tape.paused || holds;
        if silent != one.tape.silent {
            self.tape(call, |tape| tape.silent = silent);
            self.media(Command::PauseRecording {
                leg,
                recording,
                paused: silent,
            });
        }
    }

    fn tape(&mut self, call: CallId, change: impl FnOnce(&mut crate::call::Tape)) {
        if let Some(one) = self.calls.get_mut(&call) {
            change(&mut one.tape);
        }
    }

    /// The operator pauses the recording, or lets it go on.
    pub(super) fn toggle_tape(&mut self, call: CallId, now: Now) {
        let Some(one) = self.calls.get_mut(&call) else {
            return;
        };
        let (Some(recording), Some((by, _))) = (one.tape.recording, one.operator.clone()) else {
            return;
        };
        one.tape.paused = !one.tape.paused;
        let (change, word) = match one.tape.paused {
            true => (Change::Paused { by }, PAUSED),
            false => (Change::Resumed { by }, RESUMED),
        };
        self.change_recording(recording, change, now);
        self.tend_pause(call);
        self.tell_operators(call, &[PromptName::from(word)]);
        self.save(call);
    }

    /// A key of whoever talks with a caller: the code that pauses is gathered key by key.
    pub(super) fn partner_pressed(&mut self, leg: LegId, digit: char, now: Now) {
        let call = self.legs.get(&leg).and_then(|leg| leg.call());
        let code = self.settings.codes.pause_recording.clone();
        let Some((call, one)) = call.and_then(|id| Some((id, self.calls.get_mut(&id)?))) else {
            return;
        };
        if one.partner != Some(leg) || one.tape.recording.is_none() {
            return;
        }
        if digit == '*' {
            one.tape.keys.clear();
        }
        one.tape.keys.push(digit);
        if one.tape.keys == code {
            one.tape.keys.clear();
            self.toggle_tape(call, now);
        } else if !code.starts_with(&one.tape.keys) {
            one.tape.keys.clear();
        }
    }
}
