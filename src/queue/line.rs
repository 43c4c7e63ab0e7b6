//! Who waits: an order that is fixed when a caller joins, so that nobody can starve.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::ids::{CallId, OperatorId, QueueName};
use crate::time::{Instant, Now, Wall};

use super::operator::ClaimId;
use super::settings::QueueSettings;
use super::wants::{Skills, Wants};

/// Place in the line: arrival less a bonus in microseconds of the monotonic clock (negative: before this
/// process began; the wall clock may be set back), then the call's own number.
pub(super) type Key = (i64, CallId);

/// Callers for whom the same operators may be rung: if nobody is there for the first, nobody is for the
/// others.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Class {
    pub(super) queue: QueueName,
    pub(super) required: Skills,
    pub(super) level: u8,
    /// Whom some operators are to be left in peace with is a class alone.
    pub(super) alone: Option<CallId>,
}

/// One caller.
#[derive(Debug, Clone)]
pub(super) struct Waiting {
    pub(super) queue: QueueName,
    /// As in the dialplan that the call runs on, to the end of the call.
    pub(super) settings: Arc<QueueSettings>,
    pub(super) wants: Wants,
    pub(super) key: Key,
    /// The claims under which operators ring for this caller.
    pub(super) rings: BTreeSet<ClaimId>,
    /// Operators who did not take this caller, until when they are left in peace.
    pub(super) refused: BTreeMap<OperatorId, Instant>,
    pub(super) comfort_at: Option<Instant>,
    pub(super) position_at: Option<Instant>,
    pub(super) estimate_at: Option<Instant>,
    joined_at: Instant,
    pub(super) next_threshold: usize,
    pub(super) told_nobody: bool,
    /// Under which class the caller is filed while nobody rings.
    class: Option<Class>,
}

/// What a caller brings along.
#[derive(Debug, Clone, PartialEq)]
pub struct Joining {
    /// Who.
    pub call: CallId,
    /// Where.
    pub queue: QueueName,
    /// When: the original moment where a place is kept.
    pub joined: Wall,
    /// Taken off the moment of joining. It is fixed, so nobody waits behind more than those who come
    /// within the largest bonus after.
    pub bonus: Duration,
    /// What is wanted of an operator.
    pub wants: Wants,
    /// The queue in the dialplan that the call runs on; it may not be the live one.
    pub settings: Arc<QueueSettings>,
}

impl Waiting {
    pub(super) fn new(joining: Joining, now: Now) -> Self {
        let settings = joining.settings;
        let waited = now.wall.since(joining.joined);
        // The monotonic moment of joining; a caller restored after a restart joined before our origin.
        let ago = u64::try_from(waited.as_micros()).unwrap_or(0);
        let joined_at = Instant(now.at.0.saturating_sub(ago));
        let micros = |time: Duration| i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
        let arrival = i64::try_from(now.at.0).unwrap_or(i64::MAX) - micros(waited);
        let passed = settings
            .thresholds
            .iter()
            .filter(|after| **after <= waited)
            .count();
        Self {
            queue: joining.queue,
            wants: joining.wants,
            key: (arrival.saturating_sub(micros(joining.bonus)), joining.call),
            rings: BTreeSet::new(),
            refused: BTreeMap::new(),
            comfort_at: settings.comfort.map(|every| now.at + every),
            position_at: settings.position.map(|every| now.at + every),
            estimate_at: settings.estimate.map(|every| now.at + every),
            joined_at,
            next_threshold: passed,
            told_nobody: false,
            class: None,
            settings,
        }
    }

    /// When the next threshold is reached.
    pub(super) fn threshold_at(&self) -> Option<Instant> {
        self.settings
            .thresholds
            .get(self.next_threshold)
            .map(|after| self.joined_at + *after)
    }

    /// When something of this caller changes by time alone.
    pub(super) fn due(&self, now: Instant) -> Option<Instant> {
        let waited = self.waited(now);
        let later = |after: Option<Duration>| after.map(|after| self.joined_at + after);
        let due = [
            self.comfort_at,
            self.position_at,
            self.estimate_at,
            self.threshold_at(),
            self.refused.values().min().copied(),
            later(self.settings.reach_grows(waited)),
            later(self.wants.relaxes(waited)),
        ];
        due.into_iter().flatten().min()
    }

    /// How long the caller has waited.
    pub(super) fn waited(&self, now: Instant) -> Duration {
        now.since(self.joined_at)
    }

    /// Whether an operator let this caller ring just now.
    pub(super) fn leaves_in_peace(&self, id: &OperatorId, now: Instant) -> bool {
        self.refused.get(id).is_some_and(|until| *until > now)
    }

    /// Who may be rung for this caller now.
    pub(super) fn class(&self, now: Instant) -> Class {
        let waited = self.waited(now);
        Class {
            queue: self.queue.clone(),
            required: self.wants.required_after(waited),
            level: self.settings.reach(waited).level,
            alone: (!self.refused.is_empty()).then_some(self.key.1),
        }
    }

    fn wants_more(&self, now: Instant) -> bool {
        let reach = self.settings.reach(self.waited(now));
        !self.rings.is_empty() && self.rings.len() < reach.operators
    }
}

/// All callers of the domain.
#[derive(Debug, Clone, Default)]
pub(super) struct Line {
    callers: BTreeMap<CallId, Waiting>,
    /// Everybody, in order, by queue; none is empty.
    order: BTreeMap<QueueName, BTreeSet<Key>>,
    /// For whom nobody rings.
    unclaimed: BTreeMap<Class, BTreeSet<Key>>,
    /// For whom somebody rings, and more might.
    widening: BTreeSet<Key>,
    /// How many of a queue are to be called back.
    silent: BTreeMap<QueueName, usize>,
}

impl Line {
    pub(super) fn join(&mut self, waiting: Waiting, now: Instant) {
        let (call, key) = (waiting.key.1, waiting.key);
        let order = self.order.entry(waiting.queue.clone()).or_default();
        order.insert(key);
        if waiting.settings.silent {
            *self.silent.entry(waiting.queue.clone()).or_default() += 1;
        }
        self.callers.insert(call, waiting);
        self.file(call, now);
    }

    pub(super) fn leave(&mut self, call: CallId) -> Option<Waiting> {
        self.unfile(call);
        let waiting = self.callers.remove(&call)?;
        let silent = self.silent.get_mut(&waiting.queue);
        if let Some(count) = silent.filter(|_| waiting.settings.silent) {
            *count = count.saturating_sub(1);
        }
        if let Some(order) = self.order.get_mut(&waiting.queue) {
            order.remove(&waiting.key);
            if order.is_empty() {
                self.order.remove(&waiting.queue);
            }
        }
        Some(waiting)
    }

    /// Changes a caller, and files anew.
    pub(super) fn change(
        &mut self,
        call: CallId,
        now: Instant,
        how: impl FnOnce(&mut Waiting),
    ) -> Option<&Waiting> {
        self.unfile(call);
        how(self.callers.get_mut(&call)?);
        self.file(call, now);
        self.callers.get(&call)
    }

    fn file(&mut self, call: CallId, now: Instant) {
        let Some(waiting) = self.callers.get_mut(&call) else {
            return;
        };
        if waiting.rings.is_empty() {
            let class = waiting.class(now);
            let keys = self.unclaimed.entry(class.clone()).or_default();
            keys.insert(waiting.key);
            waiting.class = Some(class);
        } else if waiting.wants_more(now) {
            self.widening.insert(waiting.key);
        }
    }

    fn unfile(&mut self, call: CallId) {
        let Some(waiting) = self.callers.get_mut(&call) else {
            return;
        };
        self.widening.remove(&waiting.key);
        let Some(class) = waiting.class.take() else {
            return;
        };
        if let Some(keys) = self.unclaimed.get_mut(&class) {
            keys.remove(&waiting.key);
            if keys.is_empty() {
                self.unclaimed.remove(&class);
            }
        }
    }

    pub(super) fn get(&self, call: CallId) -> Option<&Waiting> {
        self.callers.get(&call)
    }

    pub(super) fn callers(&self) -> impl Iterator<Item = (&CallId, &Waiting)> {
        self.callers.iter()
    }

    pub(super) fn len(&self) -> usize {
        self.callers.len()
    }

    /// How many wait in a queue, without those who are to be called back.
    pub(super) fn len_of(&self, queue: &QueueName) -> usize {
        let all = self.order.get(queue).map_or(0, BTreeSet::len);
        all - self.silent.get(queue).copied().unwrap_or(0).min(all)
    }

    /// Queues in which somebody waits.
    pub(super) fn queues(&self) -> impl Iterator<Item = &QueueName> {
        self.order.keys()
    }

    /// From 1; 0: does not wait.
    pub(super) fn position(&self, call: CallId) -> usize {
        let Some(waiting) = self.callers.get(&call) else {
            return 0;
        };
        let order = self.order.get(&waiting.queue);
        order.map_or(0, |keys| keys.range(..=waiting.key).count())
    }

    /// The first of each class for whom nobody rings, in order.
    pub(super) fn heads(&self) -> Vec<Key> {
        let mut heads: Vec<Key> = self
            .unclaimed
            .values()
            .filter_map(|keys| keys.first().copied())
            .collect();
        heads.sort_unstable();
        heads
    }

    /// For whom somebody rings, and more might; in order.
    pub(super) fn widening(&self) -> Vec<Key> {
        self.widening.iter().copied().collect()
    }

    pub(super) fn has_unclaimed(&self) -> bool {
        !self.unclaimed.is_empty()
    }

    /// For the checks: whether a caller is filed as the facts say.
    pub(super) fn is_filed(&self, call: CallId) -> bool {
        let Some(waiting) = self.callers.get(&call) else {
            return false;
        };
        let filed = waiting
            .class
            .as_ref()
            .and_then(|class| self.unclaimed.get(class));
        let alone = filed.is_some_and(|keys| keys.contains(&waiting.key));
        alone == waiting.rings.is_empty()
    }
}
