//! A checked dialplan: plain data, never changed once it is made.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;

use super::condition::{Condition, Sort, Test};
use super::entrance::Entrance;
use super::fault::{Fault, Place};
use super::holidays;
use super::hours::{Hours, local};
use super::menu::{Menu, Saying, Setting};
use super::number::{Kind, Number};
use super::outgoing::{Destination, Pattern};
use super::safety::Safety;
use super::webhook::Webhook;
use crate::event::Supervision;
use crate::ids::{
    HoursName, Language, ListName, MailboxName, OperatorId, PathName, PromptName, QueueName, Rule,
    Skill, TrunkName,
};
use crate::time::Wall;

/// One version of the dialplan.
#[derive(Debug, Clone)]
pub struct Plan {
    /// First half of the SHA-256 of the files' names and texts, hex.
    pub hash: String,
    /// In which the plan's moments are meant.
    pub zone: TimeZone,
    /// The helpline's numbers, as they are listed.
    pub numbers: Vec<Number>,
    /// Where each of them stands, to be found fast.
    pub known_numbers: BTreeMap<Number, Place>,
    /// Where any other number on a trusted trunk goes.
    pub otherwise: PathName,
    /// Where that stands, if it is said.
    pub otherwise_place: Option<Place>,
    /// What is spoken; the first unless a key is pressed.
    pub languages: Vec<Language>,
    /// Keys that choose a language at any moment.
    pub language_keys: BTreeMap<char, Language>,
    /// Where calls go first of all, in this order.
    pub entrances: Vec<Entrance>,
    /// Where the helpline's numbers go.
    pub start: PathName,
    /// All paths.
    pub paths: BTreeMap<PathName, Vec<Step>>,
    /// All queues.
    pub queues: BTreeMap<QueueName, Queue>,
    /// Where callers leave messages.
    pub mailboxes: BTreeMap<MailboxName, Mailbox>,
    /// When somebody is there.
    pub hours: BTreeMap<HoursName, Hours>,
    /// The beginnings of callers' numbers that decisions ask for.
    pub beginnings: BTreeSet<String>,
    /// Times when calls go elsewhere; those that are over do nothing.
    pub closed: Vec<Closed>,
    /// What operators can, by `[operator.ID]`.
    pub skills: BTreeMap<OperatorId, BTreeSet<Skill>>,
    /// Who may hear others' talks, and how, by `[operator.ID]`.
    pub may: BTreeMap<OperatorId, BTreeSet<Supervision>>,
    /// What all of a talk hear when a service is called into it.
    pub help_word: Vec<PromptName>,
    /// How callers are called back.
    pub callback: CallBack,
    /// Whom operators may call, in this order.
    pub outgoing: Vec<Destination>,
    /// The plan's own tests.
    pub expectations: Vec<Expectation>,
    /// What every call is promised, from the guard's own file.
    pub safety: Option<Safety>,
    /// What is no mistake and yet not as it should be.
    pub remarks: Vec<Fault>,
}

impl Plan {
    /// Whether the number is one of the helpline's.
    pub fn has_number(&self, number: &Number) -> bool {
        let entered = |one: &Entrance| one.dial.iter().any(|dialled| dialled.holds(number));
        self.known_numbers.contains_key(number) || self.entrances.iter().any(entered)
    }

    /// The next beginning of a day in the plan's time zone; `None`: a moment that no calendar has.
    pub fn midnight_after(&self, moment: Wall) -> Option<Wall> {
        let moment = jiff::Timestamp::from_microsecond(moment.0).ok()?;
        let next = self.zone.to_datetime(moment).date().tomorrow().ok()?;
        let midnight = self.zone.to_ambiguous_zoned_datetime(next.at(0, 0, 0, 0));
        let midnight = midnight.compatible().ok()?.timestamp();
        Some(Wall(midnight.as_microsecond()))
    }

    /// The civil time at a moment; `None`: no calendar has it.
    pub fn civil(&self, moment: Wall) -> Option<DateTime> {
        local(moment, &self.zone)
    }

    /// Whether callers may be called back.
    pub fn calls_back(&self) -> bool {
        let mut steps = self.paths.values().flatten();
        let offered = |step: &Step| matches!(step.action, Action::Callback(_));
        self.queues.values().any(|queue| queue.offer.is_some()) || steps.any(offered)
    }

    /// The next moments at which callers may choose to be called back, in their order.
    pub fn later_moments(&self, now: Wall) -> Vec<Wall> {
        let Some(today) = self.civil(now) else {
            return Vec::new();
        };
        let tomorrow = today.date().tomorrow();
        let days = [Some(today.date()), tomorrow.ok()].into_iter().flatten();
        let moments = days.flat_map(|day| {
            let times = self.callback.later.iter();
            times.filter_map(move |time| {
                let local = self
                    .zone
                    .to_ambiguous_zoned_datetime(day.to_datetime(*time));
                Some(Wall(local.compatible().ok()?.timestamp().as_microsecond()))
            })
        });
        let mut moments: Vec<Wall> = moments.filter(|moment| *moment > now).collect();
        moments.sort_unstable();
        moments.dedup();
        moments.truncate(self.callback.later.len());
        moments
    }

    /// All conditions of all steps.
    pub fn conditions(&self) -> impl Iterator<Item = &Condition> {
        let steps = self.paths.values().flatten();
        steps.flat_map(|step| &step.conditions)
    }

    /// Whether anything depends on public holidays.
    pub fn asks_for_holidays(&self) -> bool {
        let asks = |one: &Condition| one.test == Test::Holiday;
        let closes = |one: &Hours| one.closed_on_holidays;
        self.conditions().any(asks) || self.hours.values().any(closes)
    }

    /// What whoever looks after the plan should know, though it is well.
    pub fn warnings(&self, now: Wall) -> Vec<String> {
        let holidays = self.asks_for_holidays();
        let holidays = holidays.then(|| holidays::warning(now, &self.zone));
        holidays.flatten().into_iter().collect()
    }

    /// Notes which beginnings of callers' numbers decisions ask for.
    pub(super) fn note_beginnings(&mut self) {
        let asked = self.conditions().filter_map(|one| match &one.test {
            Test::Caller(sort) => Some(sort),
            _ => None,
        });
        let entrances = self.entrances.iter().flat_map(|one| &one.from);
        let beginnings = asked.chain(entrances).filter_map(|sort| match sort {
            Sort::Beginning(beginning) => Some(beginning.clone()),
            _ => None,
        });
        self.beginnings = beginnings.collect();
    }

    /// The language of a caller who pressed nothing.
    pub fn first_language(&self) -> Language {
        self.languages.first().copied().unwrap_or(Language::Az)
    }
}

/// One line of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Where it stands.
    pub place: Place,
    /// When it is done: all must hold; none: always.
    pub conditions: Vec<Condition>,
    /// What is done.
    pub action: Action,
}

impl Step {
    /// Whether it is done whatever holds.
    pub fn is_always_done(&self) -> bool {
        self.conditions.is_empty()
    }
}

/// What a step does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// `play`.
    Play(Vec<PromptName>),
    /// `queue`, with what is heard while the phones ring already.
    Queue {
        /// Which.
        queue: QueueName,
        /// `greet`.
        greet: Vec<PromptName>,
        /// `needs` and `prefers`.
        wants: Wants,
    },
    /// `ring`: an operator or an outside number, for a time.
    Ring {
        /// Whom.
        target: Target,
        /// `for`.
        wait: Duration,
    },
    /// `voicemail`: the caller leaves a message.
    Voicemail(MailboxName),
    /// `callback`: offers a place in this line to who wants to be called back.
    Callback(QueueName),
    /// `menu`
    Menu(Menu),
    /// `webhook`: a server of the house says where the call goes.
    Webhook(Webhook),
    /// `say`
    Say(Saying),
    /// `set`
    Set(Setting),
    /// `go`: on with another path.
    Go(PathName),
    /// `hang_up = true`.
    HangUp,
}

/// `[callback]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallBack {
    /// How often a number is called.
    pub attempts: u32,
    /// How long after an attempt in vain the next one is made.
    pub every: Duration,
    /// Which numbers may be called.
    pub numbers: Vec<Pattern>,
    /// Times of the day that callers may choose besides their turn.
    pub later: Vec<Time>,
}

impl Default for CallBack {
    fn default() -> Self {
        Self {
            attempts: 3,
            every: Duration::from_secs(600),
            numbers: vec![Pattern::Kind(Kind::Mobile), Pattern::Kind(Kind::Fixed)],
            later: Vec::new(),
        }
    }
}

impl CallBack {
    /// Whether a number may be called back: never one for help, and a helpline's least of all.
    pub fn may_call(&self, number: &Number) -> bool {
        !number.is_emergency() && self.numbers.iter().any(|one| one.holds(number))
    }

    /// Whether callers may choose a time.
    pub fn is_later(&self) -> bool {
        !self.later.is_empty()
    }
}

/// What a path wants of an operator.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wants {
    /// `needs`: nobody else is rung.
    pub needs: Vec<Skill>,
    /// `needs_for`: for so long, then they are preferences; `None`: always.
    pub needs_for: Option<Duration>,
    /// `prefers`: who has most is rung first.
    pub prefers: BTreeSet<Skill>,
}

/// Whom a `ring` step rings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// An operator, whether logged in or not.
    Operator(OperatorId),
    /// Several operators at once; who answers first has the call.
    Group(Vec<OperatorId>),
    /// A number outside, by a trunk.
    Outside(Number),
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Operator(operator) => write!(f, "operator {operator}"),
            Self::Group(operators) => {
                let names: Vec<&str> = operators.iter().map(OperatorId::as_str).collect();
                write!(f, "operators {} at once", names.join(", "))
            }
            // The number may be somebody's own.
            Self::Outside(_) => f.write_str("an outside number"),
        }
    }
}

/// A queue's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// Where it stands.
    pub place: Place,
    /// Whose phone rings first.
    pub ring: Rule,
    /// How long an operator's phones ring.
    pub ring_for: Duration,
    /// How long an operator rests after a call.
    pub wrap_up: Duration,
    /// Who answers; `None`: everybody.
    pub operators: Option<Vec<Member>>,
    /// After how many rings in a row that were not answered an operator is paused.
    pub pause_after: Option<u32>,
    /// How many may wait, and where one more goes.
    pub full: Option<Full>,
    /// Whether and how often callers are told their position.
    pub say_position: Option<Duration>,
    /// Whether and how often callers are told how long it may last.
    pub say_estimate: Option<Duration>,
    /// What callers are told now and then.
    pub comfort: Option<Comfort>,
    /// What they hear otherwise.
    pub music: PromptName,
    /// Where they go after a time, in rising order.
    pub if_waiting: Vec<Waiting>,
    /// Who else rings after a time, in rising order.
    pub ring_more: Vec<RingMore>,
    /// Talks are recorded, and for how long the files are kept; `None`: they are not.
    pub record: Option<Duration>,
    /// From when on a callback is offered, and by which key.
    pub offer: Option<Offer>,
    /// Keys by which callers leave the line, and where they go then.
    pub keys: BTreeMap<char, PathName>,
    /// Where callers go while nobody is on shift; `None`: on with the next step.
    pub if_empty: Option<PathName>,
}

impl Queue {
    /// What happens after a time, in rising order; `None`: the offer.
    pub fn thresholds(&self) -> Vec<(Duration, Option<&PathName>)> {
        let entries = self.if_waiting.iter();
        let mut all: Vec<_> = entries.map(|one| (one.after, Some(&one.go))).collect();
        all.extend(self.offer.iter().map(|offer| (offer.after, None)));
        all.sort_unstable_by_key(|(after, _)| *after);
        all
    }
}

/// `{ for = "3m", offer = "callback", key = 1 }`: the key works from then on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offer {
    /// After how long a wait.
    pub after: Duration,
    /// Which.
    pub key: char,
}

/// `[voicemail.NAME]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mailbox {
    /// Where it stands.
    pub place: Place,
    /// What callers hear before the tone.
    pub greeting: Vec<PromptName>,
    /// How long a message may be.
    pub most: Duration,
    /// After how much silence it ends; `None`: never, since silence may be all that a child can say.
    pub quiet: Option<Duration>,
    /// Who hears of messages and may hear them; `None`: everybody.
    pub operators: Option<Vec<OperatorId>>,
    /// For how long files are kept.
    pub keep: Duration,
}

impl Mailbox {
    /// Whether an operator may hear its messages.
    pub fn is_of(&self, operator: &OperatorId) -> bool {
        self.operators
            .as_ref()
            .is_none_or(|all| all.contains(operator))
    }
}

/// An operator's place in a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Who.
    pub operator: OperatorId,
    /// From 1; lower ones ring first.
    pub level: u8,
    /// From 1, for `ring = "weighted random"`.
    pub weight: u32,
}

/// An entry of `if_waiting` that rings more phones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RingMore {
    /// After how long a wait.
    pub after: Duration,
    /// How many operators ring together; `usize::MAX`: all.
    pub operators: usize,
    /// Up to which level; `None`: all.
    pub level: Option<u8>,
}

/// `max_waiting` with `if_full`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Full {
    /// How many may wait.
    pub most: usize,
    /// Where one more goes.
    pub go: PathName,
}

/// `comfort`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comfort {
    /// What.
    pub play: PromptName,
    /// How often.
    pub every: Duration,
}

/// One entry of `if_waiting`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// After how long.
    pub after: Duration,
    /// Where to.
    pub go: PathName,
}

/// `[[closed]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed {
    /// Where it stands.
    pub place: Place,
    /// From when.
    pub from: Wall,
    /// Until when.
    pub until: Wall,
    /// Where calls go meanwhile.
    pub go: PathName,
}

/// `[[expect]]`: a test that the plan carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expectation {
    /// Where it stands.
    pub place: Place,
    /// The numbers dialled, as written.
    pub dial: Vec<String>,
    /// When; `None`: at any moment.
    pub at: Option<Wall>,
    /// How many operators are on shift.
    pub operators: usize,
    /// An operator dials, not a caller.
    pub by_operator: bool,
    /// Keys pressed at once, in this order.
    pub keys: Vec<char>,
    /// The caller's number; `None`: none came with the call.
    pub from: Option<String>,
    /// By which trunk.
    pub trunk: Option<TrunkName>,
    /// Callers in each line.
    pub waiting: BTreeMap<QueueName, usize>,
    /// Lists that the caller is on.
    pub lists: BTreeSet<ListName>,
    /// How often the caller called in the last hour, this call with them.
    pub calls: usize,
    /// What webhooks answer, in this order; the others say nothing.
    pub webhook: Vec<String>,
    /// Where the call ends.
    pub ends: Ends,
    /// In which language; `None`: any.
    pub language: Option<Language>,
}

/// Where a call ends, as far as the plan decides.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ends {
    /// Waits for an operator.
    Queue(QueueName),
    /// Leaves a message.
    Voicemail(MailboxName),
    /// Is called back, from this line.
    Callback(QueueName),
    /// Hears this last, then the line is closed.
    Heard(PromptName),
    /// Hears this last, worked out: `time`, `date` or `resumes`; then the line is closed.
    Said(String),
    /// The line is closed and nothing was said.
    HungUp,
    /// An operator's call goes outside, in this class.
    Outgoing(String),
    /// An operator's call is refused.
    Refused,
}
