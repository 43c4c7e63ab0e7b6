//! What is recorded: each begins and ends once on the journal, and goes when its time is over.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::input::Output;
use super::pbx::{Switch, Timer};
use crate::event::{Change, Event, Recorded, Recording, RecordingEnd, What};
use crate::ids::{CallId, LegId, OperatorId, RecordingId};
use crate::media::{self, Command};
use crate::time::Now;

/// The most recordings whose files are looked after; of more, the oldest are forgotten until the next start.
const MAX_KNOWN: usize = 200_000;
/// How many are looked at in one breath for their age, how soon the next ones are, and how often all.
const LOOK_AT: usize = 500;
const LOOK_ON: Duration = Duration::from_millis(200);
const LOOK_AGAIN: Duration = Duration::from_secs(1_800);
/// For how long a file is kept whose mailbox or queue the dialplan does not have any more.
const KEEP: Duration = Duration::from_secs(30 * 86_400);

/// All recordings whose files are there.
pub(super) struct Recordings {
    pub(super) known: BTreeMap<RecordingId, Recording>,
    /// Those that media makes now.
    pub(super) running: BTreeSet<RecordingId>,
    /// Messages that nobody handled yet.
    pub(super) waiting: BTreeSet<RecordingId>,
    /// Whether the disk has room for more.
    pub(super) room: bool,
    /// Up to where they were looked at for their age.
    looked: Option<RecordingId>,
}

impl Default for Recordings {
    fn default() -> Self {
        Self {
            known: BTreeMap::new(),
            running: BTreeSet::new(),
            waiting: BTreeSet::new(),
            room: true,
            looked: None,
        }
    }
}

impl Recordings {
    /// A name that no recording of the call has.
    fn fresh(&self, call: CallId) -> RecordingId {
        let id = |part| RecordingId { call, part };
        let last = self.known.range(id(0)..=id(u16::MAX)).next_back();
        id(last.map_or(0, |(last, _)| last.part).saturating_add(1))
    }

    fn keep(&mut self, one: Recording) {
        let id = one.recording;
        match one.waits() {
            true => self.waiting.insert(id),
            false => self.waiting.remove(&id),
        };
        if one.erased.is_some() {
            self.known.remove(&id);
            return;
        }
        self.known.insert(id, one);
        if self.known.len() > MAX_KNOWN
            && let Some((oldest, _)) = self.known.pop_first()
        {
            self.waiting.remove(&oldest);
        }
    }
}

/// How a recording is made.
pub(super) struct Take {
    pub(super) of: Recorded,
    pub(super) leg: LegId,
    pub(super) right: Option<LegId>,
    pub(super) most: Duration,
    pub(super) quiet: Option<Duration>,
}

impl Switch {
    /// Begins a recording of a call.
    pub(super) fn begin_recording(&mut self, call: CallId, take: Take, now: Now) -> RecordingId {
        let recording = self.recordings.fresh(call);
        let one = self.calls.get(&call);
        let operator = one.and_then(|one| one.operator.as_ref());
        let change = Change::Begun {
            of: take.of.clone(),
            caller: one.and_then(|one| one.caller.clone()),
            language: one.map_or(self.plan.first_language(), |one| one.run.language()),
            operator: operator.map(|(operator, _)| operator.clone()),
        };
        self.recordings.running.insert(recording);
        self.change_recording(recording, change, now);
        self.media(Command::Record {
            leg: take.leg,
            right: take.right,
            recording,
            voicemail: take.of.is_voicemail(),
            most: take.most,
            quiet: take.quiet,
        });
        recording
    }

    /// Journals what happened to a recording; phones hear of it where it changes what waits for them.
    pub(super) fn change_recording(&mut self, id: RecordingId, change: Change, now: Now) {
        let event = Event {
            at: now.wall,
            call: Some(id.call),
            what: What::Recording {
                recording: id,
                change,
            },
        };
        let former = self.recordings.known.get(&id).cloned();
        let summary = |one: Option<&Recording>| {
            one.map(|one| (one.waits(), one.heard.is_some()))
                .filter(|(waits, _)| *waits)
        };
        let before = summary(former.as_ref());
        let after = Recording::fold(former, &event);
        self.outputs.push_back(Output::Event(event));
        let Some(after) = after else { return };
        let changed = summary(Some(&after)) != before;
        let mailbox = after.of.place().to_owned();
        self.recordings.keep(after);
        if changed {
            self.mailbox_changed(&mailbox, now);
        }
    }

    /// Media tells that a recording is over.
    pub(super) fn recorded(&mut self, event: &media::Event, now: Now) {
        let media::Event::Recorded {
            recording,
            length,
            silent,
            why,
        } = event
        else {
            return;
        };
        self.end_recording(*recording, Some((*length, *silent)), *why, now);
        self.message_left(*recording, now);
    }

    /// The one end of a recording; `false`: it was over.
    pub(super) fn end_recording(
        &mut self,
        id: RecordingId,
        heard: Option<(Duration, bool)>,
        why: RecordingEnd,
        now: Now,
    ) -> bool {
        if !self.recordings.running.remove(&id) {
            return false;
        }
        let change = Change::Ended {
            length: heard.map(|(length, _)| length),
            silent: heard.map(|(_, silent)| silent),
            why,
        };
        self.change_recording(id, change, now);
        true
    }

    /// What a store kept. Those without an end were made by a process that is no more.
    pub(super) fn recordings_known(&mut self, kept: Vec<Recording>, now: Now) {
        let mut open = Vec::new();
        for one in kept {
            if one.ended.is_none() {
                open.push(one.recording);
            }
            self.recordings.keep(one);
        }
        for id in open {
            self.recordings.running.insert(id);
            self.end_recording(id, None, RecordingEnd::Interrupted, now);
        }
        self.timers.set(Timer::Recordings, now.at + LOOK_ON);
    }

    /// The disk is full, or is not any more.
    pub(super) fn recordings_room(&mut self, room: bool, now: Now) {
        if self.recordings.room == room {
            return;
        }
        self.recordings.room = room;
        if room {
            return;
        }
        let text =
            "the disk is nearly full ([storage] keep_free): nothing is recorded, and callers who \
                    would leave a message hear why; free some space"
                .to_owned();
        self.alarm(None, "recordings-full", text, now);
    }

    /// A recording cannot be written any more; the call goes on.
    pub(super) fn recording_failed(&mut self, id: RecordingId, reason: &str, now: Now) {
        let text = format!("recording {id} cannot be written ({reason}); check the disk");
        self.alarm(
            Some(id.call).filter(|call| self.calls.contains_key(call)),
            "recording-failed",
            text,
            now,
        );
        if !self.end_recording(id, None, RecordingEnd::Failed, now) {
            return;
        }
        if let Some(one) = self.calls.get_mut(&id.call) {
            let leg = one.caller_leg;
            if one.tape.recording == Some(id) {
                one.tape.recording = None;
            }
            self.media(Command::StopRecording { leg, recording: id });
            self.message_failed(id, now);
        }
    }

    /// Somebody says that a message is handled, or wants a file gone; what is wrong with that otherwise.
    pub(super) fn judge_recording(&mut self, id: RecordingId, change: Change, now: Now) {
        let Some(one) = self.recordings.known.get(&id) else {
            return;
        };
        let voicemail = one.of.is_voicemail();
        let erases = matches!(change, Change::Erased { .. });
        if self.recordings.running.contains(&id) || (!erases && !one.waits()) {
            return;
        }
        self.change_recording(id, change, now);
        if erases {
            self.outputs.push_back(Output::Erase {
                recording: id,
                voicemail,
            });
        }
    }

    /// Files whose time is over go, some at a time.
    pub(super) fn look_at_recordings(&mut self, now: Now) {
        let from = match self.recordings.looked {
            Some(last) => std::ops::Bound::Excluded(last),
            None => std::ops::Bound::Unbounded,
        };
        let all = self
            .recordings
            .known
            .range((from, std::ops::Bound::Unbounded));
        let some: Vec<&Recording> = all.map(|(_, one)| one).take(LOOK_AT).collect();
        self.recordings.looked = match some.len() < LOOK_AT {
            true => None,
            false => some.last().map(|one| one.recording),
        };
        let old = some.into_iter().filter(|one| {
            let ended = one.ended;
            ended.is_some_and(|ended| now.wall.since(ended) >= self.kept_for(&one.of))
        });
        for id in old.map(|one| one.recording).collect::<Vec<_>>() {
            let reason = "it was kept as long as the dialplan says".to_owned();
            self.judge_recording(id, Change::Erased { reason }, now);
        }
        let next = match self.recordings.looked {
            Some(_) => LOOK_ON,
            None => LOOK_AGAIN,
        };
        self.timers.set(Timer::Recordings, now.at + next);
    }

    fn kept_for(&self, of: &Recorded) -> Duration {
        let kept = match of {
            Recorded::Voicemail { mailbox } => {
                let mailbox = self.plan.mailboxes.get(mailbox);
                mailbox.map(|mailbox| mailbox.keep)
            }
            Recorded::Talk { queue } => self.plan.queues.get(queue).and_then(|queue| queue.record),
        };
        kept.unwrap_or(KEEP)
    }

    /// Messages that an operator may hear and that nobody handled: those that nobody heard first, the newest
    /// first among them.
    pub(super) fn messages_of(&self, operator: &OperatorId) -> Vec<&Recording> {
        let waiting = self.recordings.waiting.iter().rev();
        let all = waiting.filter_map(|id| self.recordings.known.get(id));
        let own = all.filter(|one| match &one.of {
            Recorded::Voicemail { mailbox } => {
                let mailbox = self.plan.mailboxes.get(mailbox);
                mailbox.is_none_or(|mailbox| mailbox.is_of(operator))
            }
            Recorded::Talk { .. } => false,
        });
        let (heard, new): (Vec<_>, Vec<_>) = own.partition(|one| one.heard.is_some());
        new.into_iter().chain(heard).collect()
    }

    /// How many messages nobody handled yet.
    pub fn messages_waiting(&self) -> usize {
        self.recordings.waiting.len()
    }

    /// What is known of a recording whose file is there.
    pub fn recording(&self, id: RecordingId) -> Option<&Recording> {
        self.recordings.known.get(&id)
    }
}
