//! A call: one caller's way from the first INVITE to the one record.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::civil::{Date, DateTime, Time};
use serde::{Deserialize, Serialize};

use super::guest::{Coming, Guest};
use crate::ids::{
    CallId, Language, LegId, MailboxName, OperatorId, PromptName, Pseudonym, QueueName,
    RecordingId, TrunkName,
};
use crate::private::Private;
use crate::speech::callback::Words;
use crate::speech::{self, Rounded};
use crate::time::{Instant, Wall};

use super::asking::Asking;
use super::callback::Callback;

/// How far a call is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    /// The caller's INVITE is not answered yet.
    Arriving,
    /// A `play` step; `playback` tells its end.
    Playing {
        /// Of the media command.
        playback: u64,
    },
    /// A `menu` step: a key is waited for.
    Choosing {
        /// What still plays; `None`: it is out, and the wait for a key has begun.
        playback: Option<u64>,
        /// How long a key is waited for then.
        wait: Duration,
    },
    /// A `webhook` step: a server is asked.
    Inquiring {
        /// Which question.
        number: u64,
        /// Whom, for people.
        host: String,
        /// When nobody waits for it any more.
        until: Instant,
    },
    /// In a queue.
    Waiting {
        /// Which.
        queue: QueueName,
        /// Since when, for the place in it.
        joined: Wall,
        /// A greeting or announcement that still plays.
        speaking: Option<u64>,
    },
    /// A `ring` step.
    Ringing {
        /// When it is given up.
        until: Instant,
    },
    /// A `voicemail` step.
    LeavingMessage {
        /// In which mailbox.
        mailbox: MailboxName,
        /// Greeting and tone; the message begins behind them.
        playback: u64,
        /// The message, once it is recorded.
        recording: Option<RecordingId>,
    },
    /// Connected with an operator or an outside number.
    Talking,
}

/// The recording of a talk, where the queue wants one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tape {
    /// The caller was told.
    pub told: bool,
    /// The notice that is being said; whatever the caller hears instead clears it, and it is said again.
    pub telling: Option<u64>,
    /// What is recorded now.
    pub recording: Option<RecordingId>,
    /// Who is on its right channel.
    pub partner: Option<LegId>,
    /// The operator wants silence in it.
    pub paused: bool,
    /// Media makes silence of it.
    pub silent: bool,
    /// Keys of the operator that may become a code.
    pub keys: String,
}

/// What is said to a caller, whatever the language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// Prompts that every language has.
    Prompts(Vec<PromptName>),
    /// The place in the line: its words differ, not only their sounds.
    Position(u32),
    /// How long it may last.
    Estimate(Rounded),
    /// Of being called back.
    Callback(Private<Words>),
    /// The time of the day.
    Time(Time),
    /// The day.
    Date(Date),
    /// When the line opens again, as seen from a moment.
    Resumes(DateTime, DateTime),
}

impl Default for Said {
    fn default() -> Self {
        Self::Prompts(Vec::new())
    }
}

impl Said {
    /// The clips to be played.
    pub fn words(&self, language: Language) -> Vec<PromptName> {
        match self {
            Self::Prompts(prompts) => prompts.clone(),
            Self::Position(position) => speech::position(language, *position),
            Self::Estimate(rounded) => speech::estimate(language, *rounded),
            Self::Callback(words) => speech::callback(language, words.reveal()),
            Self::Time(time) => speech::moment::time(language, *time),
            Self::Date(date) => speech::moment::date(language, *date),
            Self::Resumes(now, then) => speech::moment::resumes(language, *now, *then),
        }
    }
}

/// What a caller was told first of how long the wait may last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// In which queue.
    pub queue: QueueName,
    /// When.
    pub at: Wall,
    /// What.
    pub estimate: Duration,
}

/// What is counted of an operator's call to a number outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outgoing {
    /// Its class in the dialplan.
    pub class: String,
    /// Since when the two are connected.
    pub since: Option<Wall>,
}

/// A caller who is being handed on. Until somebody takes the call, who hands on may have it back.
#[derive(Debug, Clone)]
pub struct Transfer<C> {
    /// Who hands on.
    pub operator: OperatorId,
    /// By which leg; `None`: that has hung up.
    pub leg: Option<LegId>,
    /// Under which claim.
    pub claim: Option<C>,
    /// The line that the caller came by.
    pub queue: Option<QueueName>,
}

/// An operator whose phones ring for a call.
#[derive(Debug, Clone)]
pub struct Rung<C> {
    /// Who.
    pub operator: OperatorId,
    /// Under which claim of the queue.
    pub claim: C,
    /// The best refusal of the phones (RFC 3261 §16.7).
    pub refusal: Option<u16>,
}

/// One call. `P` is its dialplan, `R` its place in it.
#[derive(Debug, Clone)]
pub struct Call<P, R, C> {
    /// Which.
    pub id: CallId,
    /// Who calls; `None`: no identity.
    pub caller: Option<Pseudonym>,
    /// The dialled number, normalised.
    pub dialled: String,
    /// By which trunk.
    pub trunk: TrunkName,
    /// The dialplan, to the end of the call.
    pub plan: Arc<P>,
    /// Where the call is in it.
    pub run: R,
    /// Where it was before its present step: what a restart begins again with.
    pub resume: R,
    /// What is being said, to be said again in another language.
    pub said: Said,
    /// How far.
    pub stage: Stage,
    /// When each queue was joined first: the place that is kept.
    pub joined: BTreeMap<QueueName, Wall>,
    /// So much earlier than it came the call counts in a line: the caller was cut off before.
    pub ahead: Duration,
    /// Who spoke with the caller before: rung first, if free.
    pub knows: Option<OperatorId>,
    /// A network ended the call, and no person.
    pub broke_off: bool,
    /// Since when the caller waits, whatever the queue: who goes on in another one keeps the place.
    pub waits_since: Option<Wall>,
    /// What the caller was told first of how long it may last, and when.
    pub told: Option<Told>,
    /// The number that came with the call, in its one form, for who wants to be called back. It stands in
    /// sealed snapshots alone.
    pub number: Option<Private<String>>,
    /// The caller is asking to be called back.
    pub asking: Option<Asking>,
    /// Nobody is on the line: it is a place in it, for who is to be called back.
    pub callback: Option<Callback>,
    /// The caller's leg.
    pub caller_leg: LegId,
    /// Whoever talks with the caller.
    pub partner: Option<LegId>,
    /// Legs that ring.
    pub rings: BTreeSet<LegId>,
    /// How many hops its INVITE had left: calls that we make for it have one less, else a number that
    /// is diverted back to us would ring for ever (RFC 7332 §3).
    pub hops: u8,
    /// The caller is being handed on: the phone of somebody else rings.
    pub transfer: Option<Transfer<C>>,
    /// The caller is with a number outside, to whom an operator handed on.
    pub onward: Option<Outgoing>,
    /// An operator called a number outside; `None`: a caller of the helpline.
    pub outgoing: Option<Outgoing>,
    /// Who talks, and under which claim of the queue.
    pub operator: Option<(OperatorId, Option<C>)>,
    /// Whose phones ring.
    pub rung: Vec<Rung<C>>,
    /// Whether the talk is recorded.
    pub tape: Tape,
    /// Who takes part in the talk besides the two.
    pub guests: Vec<Guest<C>>,
    /// Who is in the caller's place, since the caller has left a talk of three; `None`: the caller.
    pub host: Option<Guest<C>>,
    /// Who is being called into the talk.
    pub coming: Option<Coming>,
    /// Services that are called after that.
    pub wanted: Vec<String>,
    /// Words that are said over the talk, by the leg that hears them.
    pub words: BTreeMap<LegId, u64>,
    /// How long operators had the other side on hold.
    pub held: Duration,
}

impl<P, R, C> Call<P, R, C> {
    /// Whether the two are connected.
    pub fn is_talking(&self) -> bool {
        self.stage == Stage::Talking
    }
}

impl<P, R: Clone, C> Call<P, R, C> {
    /// Whether the caller is being asked something.
    pub fn is_asked(&self) -> bool {
        self.asking.is_some()
    }

    /// Whether nobody is on a phone: the caller is to be called back.
    pub fn is_pending_callback(&self) -> bool {
        self.callback
            .as_ref()
            .is_some_and(|one| one.phase.is_pending())
    }

    /// A call of the helpline at its beginning, nobody rung and nothing said.
    pub fn new(
        (id, caller_leg): (CallId, LegId),
        caller: Option<Pseudonym>,
        dialled: String,
        trunk: TrunkName,
        (plan, run): (Arc<P>, R),
        hops: u8,
    ) -> Self {
        Self {
            id,
            caller,
            dialled,
            trunk,
            plan,
            resume: run.clone(),
            run,
            said: Said::default(),
            stage: Stage::Arriving,
            joined: BTreeMap::new(),
            ahead: Duration::ZERO,
            knows: None,
            broke_off: false,
            waits_since: None,
            told: None,
            number: None,
            asking: None,
            callback: None,
            caller_leg,
            partner: None,
            rings: BTreeSet::new(),
            hops,
            transfer: None,
            onward: None,
            outgoing: None,
            operator: None,
            rung: Vec::new(),
            tape: Tape::default(),
            guests: Vec::new(),
            host: None,
            coming: None,
            wanted: Vec::new(),
            words: BTreeMap::new(),
            held: Duration::ZERO,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A key chose Russian while "on birinci yerdəsiniz" was being said.
    #[test]
    fn what_is_said_again_in_another_language_follows_its_grammar() {
        let said = Said::Position(11);
        let words = |language| {
            let words = said.words(language).into_iter();
            words.map(|word| word.0).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(
            words(Language::Az),
            "position-before number-10 ordinal-1 position-after"
        );
        assert_eq!(words(Language::Ru), "position-before ordinal-11");
    }
}
