//! One dispatch domain: all queues that share operators, with one matcher.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use crate::event::{OperatorState, RingEnd};
use crate::ids::{CallId, OperatorId, QueueName};
use crate::time::{Instant, Now, TimerTable, Wall};

use super::line::{Key, Waiting};
use super::operator::{Claim, ClaimId, Operator, OperatorSnapshot, Progress, Snapshot};
use super::settings::QueueSettings;
use super::strategy::{LongestIdle, Rank, Strategy};

/// How long a line without anybody on shift is kept, once somebody was: a phone may come back (one that
/// registers anew by TCP takes some seconds), or the pause be short.
const GRACE: Duration = Duration::from_secs(20);
/// A caller who waits beside a free operator for so long is a fault of this program: alarm, and repair.
const WATCH: Duration = Duration::from_secs(2);

/// What the domain is told.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// These queues with these settings: who serves them from now on, and how operators rest. What a
    /// waiting caller hears and when one goes elsewhere stays as it was at joining.
    Queues(BTreeMap<QueueName, QueueSettings>),
    /// There is such an operator.
    Add(OperatorId),
    /// There is no such operator any more, after the call if there is one.
    Remove(OperatorId),
    /// On shift.
    LogIn(OperatorId),
    /// Off shift; a call in progress goes on.
    LogOut(OperatorId),
    /// No calls for a while.
    Pause(OperatorId),
    /// Calls again; ends wrap-up too.
    Resume(OperatorId),
    /// Has a registered phone, or none.
    Reachable(OperatorId, bool),
    /// A caller joins. `joined` is the original moment where a place is kept.
    Joined {
        /// Who.
        call: CallId,
        /// Where.
        queue: QueueName,
        /// When.
        joined: Wall,
        /// Taken off the moment of joining.
        bonus: Duration,
        /// The queue in the dialplan that the call runs on; it may not be the live one.
        settings: Arc<QueueSettings>,
    },
    /// A caller is gone, or goes elsewhere.
    Left(CallId),
    /// The operator is in a call of one's own (a feature code, a call to the helpline), or no more.
    /// Calls are counted: each `true` wants its `false`.
    Occupied(OperatorId, bool),
    /// A phone of the claim rings.
    RingStarted(ClaimId),
    /// No phone of the claim rings any more.
    RingFailed(ClaimId, RingEnd),
    /// An operator answered: caller and operator talk.
    Answered(ClaimId),
    /// They talk no more.
    TalkEnded(ClaimId),
}

/// What is to be said to a waiting caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Announcement {
    /// The comfort message.
    Comfort,
    /// The position, from 1.
    Position(u32),
}

/// What the domain wants done.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Ring the operator's phones. The claim is taken already.
    Ring {
        /// Under which claim.
        claim: ClaimId,
        /// Whom.
        operator: OperatorId,
        /// For which caller.
        call: CallId,
        /// The decision, for the record.
        reason: String,
    },
    /// Let the phones be silent. The claim is given up already.
    StopRinging {
        /// Which claim.
        claim: ClaimId,
        /// Whose phones.
        operator: OperatorId,
        /// For which caller.
        call: CallId,
        /// Why.
        why: RingEnd,
    },
    /// Say something to a caller.
    Announce {
        /// To whom.
        call: CallId,
        /// What.
        what: Announcement,
    },
    /// The caller has waited for so long as the threshold says.
    Threshold {
        /// Who.
        call: CallId,
        /// Which of the queue's thresholds.
        index: usize,
    },
    /// Nobody is on shift who serves the caller's queue.
    NobodyOnShift {
        /// Who waits.
        call: CallId,
    },
    /// An operator's state changed.
    Changed {
        /// Who.
        operator: OperatorId,
        /// To what.
        state: OperatorState,
        /// Why, for people.
        reason: &'static str,
    },
    /// A person should look.
    Alarm {
        /// A stable name.
        kind: &'static str,
        /// For people.
        text: String,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    Operator(OperatorId),
    Caller(CallId),
    Grace,
    Watch,
}

/// Queues, callers and operators.
#[derive(Debug, Clone, Default)]
pub struct Domain {
    queues: BTreeMap<QueueName, Arc<QueueSettings>>,
    operators: BTreeMap<OperatorId, Operator>,
    claims: BTreeMap<ClaimId, OperatorId>,
    callers: BTreeMap<CallId, Waiting>,
    /// How many wait in each queue; none is zero.
    lines: BTreeMap<QueueName, usize>,
    /// Callers for whom nobody rings, in the order in which they are served.
    unclaimed: BTreeSet<Key>,
    free: BTreeSet<Rank>,
    timers: TimerTable<Timer>,
    actions: VecDeque<Action>,
    last_claim: u64,
}

impl Domain {
    /// Takes a fact in; [`Domain::poll`] then tells what is to be done.
    pub fn handle(&mut self, input: Input, now: Now) {
        match input {
            Input::Queues(queues) => self.configure(queues),
            Input::Add(id) => {
                let operator = self.operators.entry(id);
                let operator = operator.or_insert_with(|| Operator::new(now.wall));
                // Removed while talking, and added again before the end of that call.
                operator.leaving = false;
            }
            Input::Remove(id) => self.remove(&id, now),
            Input::LogIn(id) => {
                self.change(&id, now, "logged in", |operator| {
                    if !operator.logged_in {
                        // Who comes on shift does not go before those who have waited there.
                        operator.idle_since = now.wall;
                    }
                    operator.logged_in = true;
                });
            }
            Input::LogOut(id) => self.change(&id, now, "logged out", |operator| {
                (operator.logged_in, operator.paused, operator.wrap_up_until) =
                    (false, false, None);
            }),
            Input::Pause(id) => self.change(&id, now, "paused", |operator| operator.paused = true),
            Input::Resume(id) => self.change(&id, now, "resumed", |operator| {
                (operator.paused, operator.wrap_up_until) = (false, None);
            }),
            Input::Reachable(id, reachable) => {
                let reason = if reachable {
                    "a phone can ring"
                } else {
                    "no phone can ring"
                };
                self.change(&id, now, reason, |operator| operator.reachable = reachable);
            }
            Input::Joined {
                call,
                queue,
                joined,
                bonus,
                settings,
            } => {
                let waiting = Waiting::new(queue, call, joined, bonus, settings, now);
                self.join(call, waiting);
            }
            Input::Occupied(id, occupied) => self.change(&id, now, "own call", |operator| {
                operator.own_calls = if occupied {
                    operator.own_calls.saturating_add(1)
                } else {
                    operator.own_calls.saturating_sub(1)
                };
            }),
            Input::Left(call) => self.leave(call, now),
            Input::RingStarted(claim) => self.ring_started(claim, now),
            Input::RingFailed(claim, why) => self.ring_failed(claim, why, now),
            Input::Answered(claim) => self.answered(claim, now),
            Input::TalkEnded(claim) => self.talk_ended(claim, now),
        }
        self.match_all(now);
        self.watch_shift(now);
    }

    /// Claims an operator for a direct ring; `None`: the operator is busy or unknown. Also who is
    /// not logged in can be rung so, if a phone is registered.
    pub fn claim(
        &mut self,
        id: &OperatorId,
        call: CallId,
        wait: Duration,
        now: Now,
    ) -> Option<ClaimId> {
        let operator = self.operators.get(id)?;
        let busy = operator.claim.is_some() || operator.own_calls > 0;
        if busy || !operator.reachable || operator.leaving {
            return None;
        }
        let claim = self.new_claim(id);
        let until = now.at + wait;
        self.change(id, now, "rung directly", |operator| {
            let progress = Progress::Claimed { until };
            operator.claim = Some(Claim {
                id: claim,
                call,
                queue: None,
                progress,
            });
        });
        Some(claim)
    }

    fn new_claim(&mut self, id: &OperatorId) -> ClaimId {
        self.last_claim += 1;
        let claim = ClaimId(self.last_claim);
        self.claims.insert(claim, id.clone());
        claim
    }

    fn configure(&mut self, queues: BTreeMap<QueueName, QueueSettings>) {
        let mut next: BTreeMap<_, _> = queues
            .into_iter()
            .map(|(name, settings)| (name, Arc::new(settings)))
            .collect();
        for waiting in self.callers.values() {
            if !next.contains_key(&waiting.queue)
                && let Some(old) = self.queues.remove(&waiting.queue)
            {
                next.insert(waiting.queue.clone(), old);
            }
        }
        self.queues = next;
    }

    /// Changes an operator, keeps the index of the free ones and tells the new state.
    fn change(
        &mut self,
        id: &OperatorId,
        now: Now,
        reason: &'static str,
        how: impl FnOnce(&mut Operator),
    ) {
        let Some(operator) = self.operators.get_mut(id) else {
            return;
        };
        let before = (LongestIdle.key(operator.idle_since), id.clone());
        how(operator);
        let state = operator.state();
        self.free.remove(&before);
        if operator.is_free() {
            self.free
                .insert((LongestIdle.key(operator.idle_since), id.clone()));
        }
        let claim_end = operator
            .claim
            .as_ref()
            .and_then(|claim| match claim.progress {
                Progress::Claimed { until } | Progress::Ringing { until } => Some(until),
                Progress::Talking => None,
            });
        let due = claim_end.or(operator.wrap_up_until.filter(|_| operator.claim.is_none()));
        self.timers
            .set_or_clear(Timer::Operator(id.clone()), due.map(|due| due.max(now.at)));
        if state != operator.told {
            operator.told = state;
            self.actions.push_back(Action::Changed {
                operator: id.clone(),
                state,
                reason,
            });
        }
    }

    fn remove(&mut self, id: &OperatorId, now: Now) {
        let Some(operator) = self.operators.get(id) else {
            return;
        };
        match operator
            .claim
            .as_ref()
            .map(|claim| (claim.id, claim.progress))
        {
            Some((_, Progress::Talking)) => {
                self.change(id, now, "removed after the call", |operator| {
                    operator.leaving = true
                });
                return;
            }
            Some((claim, _)) => self.give_up(claim, RingEnd::Withdrawn, now),
            None => {}
        }
        self.forget(id, now);
    }

    fn forget(&mut self, id: &OperatorId, now: Now) {
        self.change(id, now, "removed", |operator| {
            (operator.logged_in, operator.leaving, operator.wrap_up_until) = (false, true, None);
        });
        self.operators.remove(id);
        self.timers.clear(&Timer::Operator(id.clone()));
    }

    fn join(&mut self, call: CallId, waiting: Waiting) {
        // A call may run on a plan whose queue the live one no longer has.
        self.queues
            .entry(waiting.queue.clone())
            .or_insert_with(|| Arc::clone(&waiting.settings));
        self.unclaimed.insert(waiting.key);
        *self.lines.entry(waiting.queue.clone()).or_default() += 1;
        self.callers.insert(call, waiting);
        self.arm(call);
        if !self.is_served(call) {
            self.tell_nobody(call);
        }
    }

    fn leave(&mut self, call: CallId, now: Now) {
        let Some(waiting) = self.callers.get(&call) else {
            return;
        };
        if let Some(claim) = waiting.ringing {
            self.give_up(claim, RingEnd::CallerLeft, now);
        }
        self.take_out(call);
    }

    fn take_out(&mut self, call: CallId) {
        if let Some(waiting) = self.callers.remove(&call) {
            self.unclaimed.remove(&waiting.key);
            self.timers.clear(&Timer::Caller(call));
            let last = self.lines.get_mut(&waiting.queue).is_none_or(|count| {
                *count = count.saturating_sub(1);
                *count == 0
            });
            if last {
                self.lines.remove(&waiting.queue);
            }
        }
    }

    fn claim_of(&self, claim: ClaimId) -> Option<(OperatorId, Claim)> {
        let id = self.claims.get(&claim)?;
        let found = self
            .operators
            .get(id)?
            .claim
            .as_ref()
            .filter(|one| one.id == claim)?;
        Some((id.clone(), found.clone()))
    }

    fn ring_started(&mut self, claim: ClaimId, now: Now) {
        let Some((id, found)) = self.claim_of(claim) else {
            return;
        };
        if let Progress::Claimed { until } = found.progress {
            self.change(&id, now, "the phone rings", |operator| {
                if let Some(claim) = &mut operator.claim {
                    claim.progress = Progress::Ringing { until };
                }
            });
        }
    }

    /// Ends a ring from our side and says so.
    fn give_up(&mut self, claim: ClaimId, why: RingEnd, now: Now) {
        let Some((operator, found)) = self.claim_of(claim) else {
            return;
        };
        let call = found.call;
        self.ring_failed(claim, why.clone(), now);
        self.actions.push_back(Action::StopRinging {
            claim,
            operator,
            call,
            why,
        });
    }

    fn ring_failed(&mut self, claim: ClaimId, why: RingEnd, now: Now) {
        let Some((id, found)) = self.claim_of(claim) else {
            return;
        };
        self.claims.remove(&claim);
        let reason = match why {
            RingEnd::Declined { .. } => "declined",
            RingEnd::NoAnswer => "did not answer",
            RingEnd::Unreachable => "the phone was not reached",
            RingEnd::CallerLeft => "the caller left",
            RingEnd::AnsweredElsewhere => "somebody else answered",
            RingEnd::Withdrawn => "the ring was withdrawn",
        };
        let left = matches!(why, RingEnd::CallerLeft | RingEnd::AnsweredElsewhere);
        if let Some(waiting) = self.callers.get_mut(&found.call)
            && waiting.ringing == Some(claim)
        {
            waiting.ringing = None;
            self.unclaimed.insert(waiting.key);
            if !left && found.queue.is_some() {
                let until = now.at + waiting.settings.peace;
                waiting.refused.insert(id.clone(), until);
            }
            self.arm(found.call);
        }
        self.change(&id, now, reason, |operator| {
            operator.claim = None;
            if !left {
                // Behind the others: else a phone that nobody answers rings first for every caller.
                operator.idle_since = now.wall;
            }
        });
    }

    fn answered(&mut self, claim: ClaimId, now: Now) {
        let Some((id, found)) = self.claim_of(claim) else {
            return;
        };
        if self
            .callers
            .get(&found.call)
            .is_some_and(|waiting| waiting.ringing == Some(claim))
        {
            self.take_out(found.call);
        }
        self.change(&id, now, "answered", |operator| {
            if let Some(claim) = &mut operator.claim {
                claim.progress = Progress::Talking;
            }
        });
    }

    fn talk_ended(&mut self, claim: ClaimId, now: Now) {
        let Some((id, found)) = self.claim_of(claim) else {
            return;
        };
        self.claims.remove(&claim);
        let settings = found
            .queue
            .as_ref()
            .and_then(|queue| self.queues.get(queue));
        let wrap_up = settings.map_or(Duration::ZERO, |settings| settings.wrap_up);
        let talked = found.progress == Progress::Talking;
        self.change(&id, now, "the call is over", |operator| {
            operator.claim = None;
            if talked {
                operator.idle_since = now.wall;
                let rests = operator.logged_in && !wrap_up.is_zero();
                operator.wrap_up_until = rests.then(|| now.at + wrap_up);
            }
        });
        if self
            .operators
            .get(&id)
            .is_some_and(|operator| operator.leaving)
        {
            self.forget(&id, now);
        }
    }

    /// Gives every caller in turn the first free operator who may be rung.
    fn match_all(&mut self, now: Now) {
        if self.free.is_empty() || self.unclaimed.is_empty() {
            return;
        }
        let mut after = Bound::Unbounded;
        while let Some(key) = self.unclaimed.range((after, Bound::Unbounded)).next() {
            let key = *key;
            after = Bound::Excluded(key);
            if let Some((id, reason)) = self.choose(key.1, now) {
                self.ring(key.1, &id, reason, now);
            }
            if self.free.is_empty() {
                return;
            }
        }
    }

    /// The operator to ring for a caller, with the figures behind the choice.
    fn choose(&self, call: CallId, now: Now) -> Option<(OperatorId, String)> {
        let waiting = self.callers.get(&call)?;
        let settings = self.queues.get(&waiting.queue)?;
        let in_peace =
            |id: &OperatorId| waiting.refused.get(id).is_some_and(|until| *until > now.at);
        let (_, id) = self
            .free
            .iter()
            .find(|(_, id)| settings.serves(id) && !in_peace(id))?;
        let idle = self.operators.get(id).map_or(Duration::ZERO, |operator| {
            now.wall.since(operator.idle_since)
        });
        let reason = format!(
            "{}: {id} of {} free, idle for {} s; caller waited {} s",
            LongestIdle.name(),
            self.free.len(),
            idle.as_secs(),
            waiting.waited(now.at).as_secs()
        );
        Some((id.clone(), reason))
    }

    fn ring(&mut self, call: CallId, id: &OperatorId, reason: String, now: Now) {
        let Some(waiting) = self.callers.get(&call) else {
            return;
        };
        let (queue, key) = (waiting.queue.clone(), waiting.key);
        let ring_for = waiting.settings.ring_for;
        let claim = self.new_claim(id);
        let until = now.at + ring_for;
        self.change(id, now, "claimed for a caller", |operator| {
            let progress = Progress::Claimed { until };
            operator.claim = Some(Claim {
                id: claim,
                call,
                queue: Some(queue),
                progress,
            });
        });
        self.unclaimed.remove(&key);
        if let Some(waiting) = self.callers.get_mut(&call) {
            waiting.ringing = Some(claim);
        }
        self.actions.push_back(Action::Ring {
            claim,
            operator: id.clone(),
            call,
            reason,
        });
    }

    /// Whether somebody on shift serves the caller's queue.
    fn is_served(&self, call: CallId) -> bool {
        self.callers
            .get(&call)
            .is_some_and(|waiting| self.serves_somebody(&waiting.queue))
    }

    /// Whether somebody on shift serves the queue.
    fn serves_somebody(&self, queue: &QueueName) -> bool {
        self.queues.get(queue).is_some_and(|settings| {
            self.operators
                .iter()
                .any(|(id, one)| one.is_on_shift() && settings.serves(id))
        })
    }

    fn tell_nobody(&mut self, call: CallId) {
        if let Some(waiting) = self.callers.get_mut(&call)
            && !waiting.told_nobody
        {
            waiting.told_nobody = true;
            self.actions.push_back(Action::NobodyOnShift { call });
        }
    }

    /// When the last operator leaves while callers wait, they are told after a grace.
    fn watch_shift(&mut self, now: Now) {
        let unserved = self.lines.keys().any(|queue| !self.serves_somebody(queue));
        match (unserved, self.timers.deadline(&Timer::Grace)) {
            (true, None) => self.timers.set(Timer::Grace, now.at + GRACE),
            (false, Some(_)) => {
                self.timers.clear(&Timer::Grace);
            }
            _ => {}
        }
        if self.unclaimed.is_empty() {
            self.timers.clear(&Timer::Watch);
        } else if self.timers.deadline(&Timer::Watch).is_none() {
            self.timers.set(Timer::Watch, now.at + WATCH);
        }
    }

    /// The matcher runs after every change; should one be missed, this finds it.
    fn look_for_forgotten(&mut self, now: Now) {
        let forgotten = self
            .unclaimed
            .iter()
            .find_map(|(_, call)| Some((*call, self.choose(*call, now)?.0)));
        if let Some((call, operator)) = forgotten {
            let text = format!("{call} waited although {operator} was free; it is matched now");
            let kind = "waiting-beside-free";
            self.actions.push_back(Action::Alarm { kind, text });
        }
        if !self.unclaimed.is_empty() {
            self.timers.set(Timer::Watch, now.at + WATCH);
        }
    }

    /// Sets the caller's timer to the earliest of all that is due.
    fn arm(&mut self, call: CallId) {
        let Some(waiting) = self.callers.get(&call) else {
            return;
        };
        let peace = waiting.refused.values().min().copied();
        let due = [
            waiting.comfort_at,
            waiting.position_at,
            waiting.threshold_at(),
            peace,
        ];
        self.timers
            .set_or_clear(Timer::Caller(call), due.into_iter().flatten().min());
    }

    /// When [`Domain::handle_timeout`] has something to do.
    pub fn next_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// Lets the timers fire whose time has come.
    pub fn handle_timeout(&mut self, now: Now) {
        let mut fired = false;
        while let Some(timer) = self.timers.pop_due(now.at) {
            fired = true;
            match timer {
                Timer::Operator(id) => self.operator_due(&id, now),
                Timer::Caller(call) => self.caller_due(call, now),
                Timer::Watch => {
                    self.look_for_forgotten(now);
                }
                Timer::Grace => {
                    let all: Vec<CallId> = self.callers.keys().copied().collect();
                    for call in all {
                        if !self.is_served(call) {
                            self.tell_nobody(call);
                        }
                    }
                }
            }
        }
        if fired {
            self.match_all(now);
        }
    }

    fn operator_due(&mut self, id: &OperatorId, now: Now) {
        let Some(operator) = self.operators.get(id) else {
            return;
        };
        match operator
            .claim
            .as_ref()
            .map(|claim| (claim.id, claim.queue.is_some()))
        {
            Some((claim, _)) => self.give_up(claim, RingEnd::NoAnswer, now),
            None => {
                self.change(id, now, "wrap-up is over", |operator| {
                    operator.wrap_up_until = None
                });
            }
        }
    }

    fn caller_due(&mut self, call: CallId, now: Now) {
        let position = self.position(call);
        let Some(waiting) = self.callers.get_mut(&call) else {
            return;
        };
        let settings = Arc::clone(&waiting.settings);
        waiting.refused.retain(|_, until| *until > now.at);
        let mut say = None;
        if waiting.comfort_at.is_some_and(|due| due <= now.at) {
            waiting.comfort_at = settings.comfort.map(|every| now.at + every);
            say = Some(Announcement::Comfort);
        }
        if waiting.position_at.is_some_and(|due| due <= now.at) {
            waiting.position_at = settings.position.map(|every| now.at + every);
            say = Some(Announcement::Position(position));
        }
        if waiting.threshold_at().is_some_and(|due| due <= now.at) {
            let index = waiting.next_threshold;
            waiting.next_threshold += 1;
            self.actions.push_back(Action::Threshold { call, index });
        }
        if let Some(what) = say {
            self.actions.push_back(Action::Announce { call, what });
        }
        self.arm(call);
    }

    /// From 1: how many of the caller's queue are served before, and the caller.
    pub fn position(&self, call: CallId) -> u32 {
        let Some(me) = self.callers.get(&call) else {
            return 0;
        };
        let before = self
            .callers
            .values()
            .filter(|one| one.queue == me.queue && one.key <= me.key);
        u32::try_from(before.count()).unwrap_or(u32::MAX)
    }

    /// What to do next; `None`: nothing.
    pub fn poll(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// Operators who are logged in, not paused, and have a phone that can ring.
    pub fn on_shift(&self) -> usize {
        self.operators
            .values()
            .filter(|operator| operator.is_on_shift())
            .count()
    }

    /// Operators who could be rung now.
    pub fn free(&self) -> usize {
        self.free.len()
    }

    /// Callers in all lines.
    pub fn waiting(&self) -> usize {
        self.callers.len()
    }

    /// What an operator is doing; `None`: there is no such operator.
    pub fn state(&self, id: &OperatorId) -> Option<OperatorState> {
        self.operators.get(id).map(Operator::state)
    }

    /// All operators with their states, by id.
    pub fn states(&self) -> impl Iterator<Item = (&OperatorId, OperatorState)> {
        self.operators
            .iter()
            .map(|(id, operator)| (id, operator.state()))
    }

    /// What survives a restart.
    pub fn snapshot(&self, now: Now) -> Snapshot {
        let operators = self
            .operators
            .iter()
            .map(|(id, operator)| OperatorSnapshot {
                operator: id.clone(),
                logged_in: operator.logged_in,
                paused: operator.paused,
                idle_since: operator.idle_since,
                wrap_up_until: operator.wrap_up_until.map(|until| now.wall_of(until)),
            });
        Snapshot {
            operators: operators.collect(),
        }
    }

    /// Puts known operators back into the states of a snapshot. Calls are restored apart.
    pub fn restore(&mut self, snapshot: &Snapshot, now: Now) {
        for one in &snapshot.operators {
            self.change(&one.operator, now, "restored", |operator| {
                operator.logged_in = one.logged_in;
                operator.paused = one.paused;
                operator.idle_since = one.idle_since;
                let rests = one.wrap_up_until.filter(|until| *until > now.wall);
                operator.wrap_up_until = rests.map(|until| now.instant_of(until));
            });
        }
        self.match_all(now);
    }

    /// A call that was connected before a restart: its operator is talking again.
    pub fn restore_talk(
        &mut self,
        id: &OperatorId,
        call: CallId,
        queue: Option<QueueName>,
        now: Now,
    ) -> Option<ClaimId> {
        self.operators
            .get(id)
            .filter(|operator| operator.claim.is_none())?;
        let claim = self.new_claim(id);
        self.change(id, now, "restored into a call", |operator| {
            operator.claim = Some(Claim {
                id: claim,
                call,
                queue,
                progress: Progress::Talking,
            });
        });
        Some(claim)
    }

    /// The claim goes on for another call: its caller was handed to the operator. `queue`: by which line
    /// that one came, for the rest afterwards.
    pub fn hand_over(&mut self, claim: ClaimId, call: CallId, queue: Option<QueueName>) {
        let holder = self.claims.get(&claim);
        let holder = holder.and_then(|id| self.operators.get_mut(id));
        let held = holder.and_then(|one| one.claim.as_mut());
        if let Some(held) = held.filter(|held| held.id == claim) {
            held.call = call;
            held.queue = queue;
        }
    }

    /// Whether a claim is still held.
    pub fn holds(&self, claim: ClaimId) -> bool {
        self.claim_of(claim).is_some()
    }

    /// The queue that a claim was given for; `None`: a direct ring, or no such claim.
    pub fn queue_of(&self, claim: Option<ClaimId>) -> Option<QueueName> {
        self.claim_of(claim?)?.1.queue
    }

    /// The claims that are held for a call.
    pub fn claims_for(&self, call: CallId) -> Vec<ClaimId> {
        let of_call = |id: &&OperatorId| {
            let claim = self.operators.get(*id).and_then(|one| one.claim.as_ref());
            claim.is_some_and(|claim| claim.call == call)
        };
        let held = self.claims.iter().filter(|(_, id)| of_call(id));
        held.map(|(claim, _)| *claim).collect()
    }

    /// What must always hold; the texts of what does not. For the simulator.
    pub fn violations(&self, now: Instant) -> Vec<String> {
        let mut found = Vec::new();
        for (claim, id) in &self.claims {
            if self.claim_of(*claim).is_none() {
                found.push(format!("{claim:?} on {id} is held by nobody"));
            }
        }
        let held = self
            .operators
            .values()
            .filter(|operator| operator.claim.is_some())
            .count();
        if held != self.claims.len() {
            found.push(format!(
                "{held} operators hold {} claims",
                self.claims.len()
            ));
        }
        for (id, operator) in &self.operators {
            let due = self.timers.deadline(&Timer::Operator(id.clone()));
            let progress = operator.claim.as_ref().map(|claim| claim.progress);
            let rings = progress.is_some_and(|progress| progress != Progress::Talking);
            if rings && due.is_none() {
                found.push(format!("the claim on {id} has no end"));
            }
        }
        for (call, waiting) in &self.callers {
            let claim = waiting.ringing.map(|claim| self.claim_of(claim));
            if claim.is_some_and(|found| found.is_none_or(|(_, claim)| claim.call != *call)) {
                found.push(format!("{call} rings under a claim that is not its own"));
            }
            if self.unclaimed.contains(&waiting.key) != waiting.ringing.is_none() {
                found.push(format!("{call} is in the wrong half of the line"));
            }
            let free = |(_, id): &&Rank| {
                // Peace that ends in this very moment is over when its timer fires, in the next step.
                let settings = self.queues.get(&waiting.queue);
                settings.is_some_and(|settings| settings.serves(id))
                    && waiting.refused.get(id).is_none_or(|until| *until < now)
            };
            if waiting.ringing.is_none() && self.free.iter().any(|rank| free(&rank)) {
                found.push(format!("{call} waits while an eligible operator is free"));
            }
        }
        found
    }
}
