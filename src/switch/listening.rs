//! Operators hear messages by a feature code: the newest that nobody heard first. `1`: again, `2`: the next,
//! `3`: it is handled.

use std::time::Duration;

use super::input::Output;
use super::pbx::{Switch, Timer};
use crate::event::Change;
use crate::ids::{LegId, OperatorId, PromptName, RecordingId};
use crate::media::{Clip, Command};
use crate::speech::messages::{HANDLED, KEYS, NONE, OVER};
use crate::time::Now;

/// How long a key is awaited.
const PATIENCE: Duration = Duration::from_secs(60);
/// The most messages of one call.
const MOST: usize = 200;

/// What an operator hears now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hears {
    /// Words, and the message after them.
    Words,
    /// The message.
    Message,
    /// The keys: one of them is awaited.
    Keys,
    /// The last words.
    Farewell,
}

/// An operator who hears messages.
pub(super) struct Listening {
    operator: OperatorId,
    /// From the one that is heard.
    messages: Vec<RecordingId>,
    hears: Hears,
    playback: u64,
}

impl Switch {
    /// An operator dialled the code.
    pub(super) fn listen(&mut self, leg: LegId, operator: &OperatorId, now: Now) {
        let messages = self.messages_of(operator).into_iter().take(MOST);
        let mut messages: Vec<RecordingId> = messages.map(|one| one.recording).collect();
        messages.reverse();
        let (hears, words) = match messages.is_empty() {
            true => (Hears::Farewell, NONE),
            false => (Hears::Words, KEYS),
        };
        let listening = Listening {
            operator: operator.clone(),
            messages,
            hears,
            playback: 0,
        };
        self.listening.insert(leg, listening);
        self.tell_listener(leg, hears, &[words]);
        self.timers.set(Timer::Listening(leg), now.at + PATIENCE);
    }

    fn tell_listener(&mut self, leg: LegId, hears: Hears, words: &[&str]) {
        self.last_playback += 1;
        let playback = self.last_playback;
        let language = Some(self.plan.first_language());
        let Some(one) = self.listening.get_mut(&leg) else {
            return;
        };
        (one.hears, one.playback) = (hears, playback);
        let clip = |name: &&str| Clip {
            language,
            name: PromptName::from(*name),
        };
        self.media(Command::Play {
            leg,
            playback,
            clips: words.iter().map(clip).collect(),
        });
    }

    /// Something is out; `false`: nobody listens by this leg.
    pub(super) fn listener_heard(&mut self, leg: LegId, played: u64, now: Now) -> bool {
        let Some(one) = self.listening.get(&leg) else {
            return false;
        };
        if one.playback != played {
            return true;
        }
        let (hears, current, by) = (
            one.hears,
            one.messages.last().copied(),
            one.operator.clone(),
        );
        match (hears, current) {
            (Hears::Words, Some(message)) => self.hear_message(leg, message, now),
            (Hears::Message, Some(message)) => {
                if self.recordings.waiting.contains(&message) {
                    self.change_recording(message, Change::Heard { by }, now);
                }
                self.timers.set(Timer::Listening(leg), now.at + PATIENCE);
                self.tell_listener(leg, Hears::Keys, &[KEYS]);
            }
            (Hears::Keys, _) => {}
            _ => self.hang_up(leg, now),
        }
        true
    }

    fn hear_message(&mut self, leg: LegId, recording: RecordingId, now: Now) {
        self.last_playback += 1;
        let playback = self.last_playback;
        let Some(one) = self.listening.get_mut(&leg) else {
            return;
        };
        (one.hears, one.playback) = (Hears::Message, playback);
        // A message may be longer than the patience for keys.
        let length = self.recordings.known.get(&recording);
        let length = length.and_then(|one| one.length).unwrap_or(PATIENCE * 10);
        self.timers
            .set(Timer::Listening(leg), now.at + length + PATIENCE);
        self.outputs.push_back(Output::Listen {
            leg,
            playback,
            recording,
        });
    }

    /// A key of somebody who listens; `false`: nobody does by this leg.
    pub(super) fn listener_pressed(&mut self, leg: LegId, digit: char, now: Now) -> bool {
        let Some(one) = self.listening.get_mut(&leg) else {
            return false;
        };
        let Some(current) = one.messages.last().copied() else {
            return true;
        };
        if one.hears == Hears::Farewell {
            return true;
        }
        let by = one.operator.clone();
        match digit {
            '1' => self.hear_message(leg, current, now),
            '2' => {
                one.messages.pop();
                self.next_message(leg, &[], now);
            }
            '3' => {
                one.messages.pop();
                self.judge_recording(current, Change::Handled { by: Some(by) }, now);
                self.next_message(leg, &[HANDLED], now);
            }
            _ => {}
        }
        true
    }

    fn next_message(&mut self, leg: LegId, words: &[&str], now: Now) {
        let waiting = &self.recordings.waiting;
        let Some(one) = self.listening.get_mut(&leg) else {
            return;
        };
        // What somebody else handled meanwhile is passed by.
        while one
            .messages
            .pop_if(|message| !waiting.contains(message))
            .is_some()
        {}
        let next = one.messages.last().copied();
        match (next, words) {
            (Some(message), []) => self.hear_message(leg, message, now),
            (Some(_), words) => self.tell_listener(leg, Hears::Words, words),
            (None, words) => {
                let words: Vec<&str> = words.iter().copied().chain([OVER]).collect();
                self.tell_listener(leg, Hears::Farewell, &words);
            }
        }
    }

    /// No key came.
    pub(super) fn listener_tires(&mut self, leg: LegId, now: Now) {
        if self.listening.contains_key(&leg) {
            self.hang_up(leg, now);
        }
    }

    /// The leg is gone.
    pub(super) fn listener_left(&mut self, leg: LegId) {
        self.timers.clear(&Timer::Listening(leg));
        self.listening.remove(&leg);
    }
}
