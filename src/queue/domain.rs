//! One dispatch domain: all queues that share operators, with one matcher.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::event::{OperatorState, RingEnd};
use crate::ids::{CallId, OperatorId, QueueName};
use crate::time::{Instant, Now, TimerTable};

use super::input::{Action, Announcement, Input};
use super::line::{Joining, Line, Waiting};
use super::operator::{Claim, ClaimId, Operator, Progress};
use super::pace::Pace;
use super::roster::Roster;
use super::settings::QueueSettings;
use super::wants::Wants;

/// How long a line without anybody on shift is kept, once somebody was: a phone may come back (one that
/// registers anew by TCP takes some seconds), or the pause be short.
pub(super) const GRACE: Duration = Duration::from_secs(20);
/// A caller who waits beside a free operator for so long is a fault of this program: alarm, and repair.
const WATCH: Duration = Duration::from_secs(2);

/// Stands before the reason of a pause.
pub(super) const PAUSED: &str = "paused: ";

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    Operator(OperatorId),
    Caller(CallId),
    Grace,
    Watch,
}

/// Queues, callers and operators.
#[derive(Debug, Clone, Default)]
pub struct Domain {
    pub(super) roster: Roster,
    pub(super) claims: BTreeMap<ClaimId, OperatorId>,
    pub(super) line: Line,
    pub(super) timers: TimerTable<Timer>,
    pub(super) actions: VecDeque<Action>,
    pub(super) paces: BTreeMap<QueueName, Pace>,
    /// Callers whose wait began in this step: unless somebody rings at its end, the reason is told.
    pub(super) fresh: Vec<CallId>,
    last_claim: u64,
    pub(super) last_ring: u64,
}

impl Domain {
    /// Lots of [`super::Rule::WeightedRandom`] are drawn from the seed.
    pub fn new(seed: u64) -> Self {
        Self {
            roster: Roster::seeded(seed),
            ..Self::default()
        }
    }

    /// Takes a fact in; [`Domain::poll`] then tells what is to be done.
    pub fn handle(&mut self, input: Input, now: Now) {
        match input {
            Input::Queues(queues) => self.configure(queues),
            Input::Skills(skills) => self.roster.teach(skills),
            Input::Joined(joining) => self.join(joining, now),
            Input::Wanted(call, wants) => self.want(call, wants, now),
            Input::Left(call) => self.leave(call, now),
            Input::RingStarted(claim) => self.ring_started(claim, now),
            Input::RingFailed(claim, why) => self.ring_failed(claim, &why, now),
            Input::Answered(claim) => self.answered(claim, now),
            Input::Held(claim, held) => self.held(claim, held, now),
            Input::TalkEnded(claim) => self.talk_ended(claim, now),
            Input::NewDay => self.new_day(now),
            of_operator => self.operator_says(of_operator, now),
        }
        self.settle(now);
    }

    /// What follows from any change.
    fn settle(&mut self, now: Now) {
        self.match_all(now);
        self.tell_waits(now);
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
        let operator = self.roster.operator(id)?;
        let busy = operator.claim.is_some() || operator.own_calls > 0;
        if busy || !operator.reachable || operator.leaving {
            return None;
        }
        let until = now.at + wait;
        let progress = Progress::Claimed { until };
        Some(self.give(id, call, None, progress, "rung directly", now))
    }

    /// Gives an operator to a call.
    pub(super) fn give(
        &mut self,
        id: &OperatorId,
        call: CallId,
        queue: Option<QueueName>,
        progress: Progress,
        reason: &str,
        now: Now,
    ) -> ClaimId {
        self.last_claim += 1;
        let claim = ClaimId(self.last_claim);
        self.claims.insert(claim, id.clone());
        self.change(id, now, reason, |operator| {
            operator.claim = Some(Claim {
                id: claim,
                call,
                queue,
                progress,
            });
        });
        claim
    }

    fn configure(&mut self, queues: BTreeMap<QueueName, QueueSettings>) {
        let mut next: BTreeMap<_, _> = queues
            .into_iter()
            .map(|(name, settings)| (name, Arc::new(settings)))
            .collect();
        for queue in self.line.queues() {
            if !next.contains_key(queue)
                && let Some(old) = self.roster.settings(queue)
            {
                next.insert(queue.clone(), Arc::clone(old));
            }
        }
        self.roster.configure(next);
    }

    /// Changes an operator, keeps the index of the free ones and tells the new state.
    pub(super) fn change(
        &mut self,
        id: &OperatorId,
        now: Now,
        reason: &str,
        how: impl FnOnce(&mut Operator),
    ) {
        let Some(operator) = self.roster.change(id, how) else {
            return;
        };
        let due = operator.due().map(|due| due.max(now.at));
        let state = operator.state();
        self.timers.set_or_clear(Timer::Operator(id.clone()), due);
        let paused = operator.paused.is_some();
        if state != operator.told || paused != operator.told_paused {
            (operator.told, operator.told_paused) = (state, paused);
            // A pause is told also where a talk or a lost phone hides it: a restart finds it by that.
            let why = operator.paused.as_ref();
            let why = why.filter(|_| !reason.starts_with(PAUSED));
            let reason = match why {
                Some(why) => format!("{reason}; {PAUSED}{why}"),
                None => reason.to_owned(),
            };
            self.actions.push_back(Action::Changed {
                operator: id.clone(),
                state,
                reason,
            });
        }
    }

    fn join(&mut self, joining: Joining, now: Now) {
        // A call may run on a plan whose queue the live one no longer has.
        self.roster.keep_queue(&joining.queue, &joining.settings);
        let call = joining.call;
        let most = joining.settings.max_waiting;
        if most.is_some_and(|most| self.line.len_of(&joining.queue) >= most) {
            return self.actions.push_back(Action::Full { call });
        }
        self.line.join(Waiting::new(joining, now), now.at);
        self.fresh.push(call);
        self.arm(call, now);
        if !self.is_served(call) {
            self.tell_nobody(call, now);
        }
    }

    /// Whoever rings already goes on ringing: an answer at hand is better than a better one.
    fn want(&mut self, call: CallId, wants: Wants, now: Now) {
        if self.line.get(call).is_none_or(|one| one.wants == wants) {
            return;
        }
        self.line
            .change(call, now.at, |waiting| waiting.wants = wants);
        self.fresh.push(call);
        self.arm(call, now);
    }

    fn leave(&mut self, call: CallId, now: Now) {
        let Some(waiting) = self.line.get(call) else {
            return;
        };
        for claim in waiting.rings.clone() {
            self.give_up(claim, RingEnd::CallerLeft, now);
        }
        self.take_out(call, true, now);
    }

    fn take_out(&mut self, call: CallId, gave_up: bool, now: Now) {
        if let Some(waiting) = self.line.leave(call) {
            self.timers.clear(&Timer::Caller(call));
            if !waiting.settings.silent {
                let pace = self.paces.entry(waiting.queue.clone()).or_default();
                pace.waited(waiting.waited(now.at), gave_up);
            }
        }
    }

    pub(super) fn claim_of(&self, claim: ClaimId) -> Option<(OperatorId, Claim)> {
        let id = self.claims.get(&claim)?;
        let held = self.roster.operator(id)?.claim.as_ref();
        let found = held.filter(|one| one.id == claim)?;
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
    pub(super) fn give_up(&mut self, claim: ClaimId, why: RingEnd, now: Now) {
        let Some((operator, found)) = self.claim_of(claim) else {
            return;
        };
        let call = found.call;
        self.ring_failed(claim, &why, now);
        self.actions.push_back(Action::StopRinging {
            claim,
            operator,
            call,
            why,
        });
    }

    /// A ring came to nothing; the caller goes back to the others unless someone else rings.
    fn ring_failed(&mut self, claim: ClaimId, why: &RingEnd, now: Now) {
        let Some((id, found)) = self.claim_of(claim) else {
            return;
        };
        self.claims.remove(&claim);
        let left = matches!(why, RingEnd::CallerLeft | RingEnd::AnsweredElsewhere);
        let by_queue = found.queue.is_some();
        let mut pause_after = None;
        if let Some(waiting) = self
            .line
            .get(found.call)
            .filter(|one| one.rings.contains(&claim))
        {
            let until = now.at + waiting.settings.peace;
            pause_after = waiting.settings.pause_after;
            self.line.change(found.call, now.at, |waiting| {
                waiting.rings.remove(&claim);
                if !left && by_queue {
                    waiting.refused.insert(id.clone(), until);
                }
            });
            self.fresh.push(found.call);
            self.arm(found.call, now);
        }
        let missed = by_queue && *why == RingEnd::NoAnswer;
        self.change(&id, now, reason_of(why), |operator| {
            operator.claim = None;
            operator.missed += u32::from(missed);
            if !left {
                // Behind the others: else a phone that nobody answers rings first for every caller.
                operator.idle_since = now.wall;
            }
        });
        if missed {
            self.pause_silent(&id, pause_after, now);
        }
    }

    fn answered(&mut self, claim: ClaimId, now: Now) {
        let Some((id, found)) = self.claim_of(claim) else {
            return;
        };
        let waiting = self.line.get(found.call);
        let mine = waiting.filter(|waiting| waiting.rings.contains(&claim));
        if let Some(waiting) = mine {
            let others = waiting.rings.iter().filter(|one| **one != claim);
            for other in others.copied().collect::<Vec<_>>() {
                self.give_up(other, RingEnd::AnsweredElsewhere, now);
            }
            self.take_out(found.call, false, now);
        }
        self.change(&id, now, "answered", |operator| {
            operator.missed = 0;
            operator.calls = operator.calls.saturating_add(1);
            if let Some(claim) = &mut operator.claim {
                let (since, held) = (now.at, false);
                claim.progress = Progress::Talking { since, held };
            }
        });
    }

    fn held(&mut self, claim: ClaimId, on: bool, now: Now) {
        let Some((id, _)) = self.claim_of(claim) else {
            return;
        };
        let reason = if on { "put on hold" } else { "off hold" };
        self.change(&id, now, reason, |operator| {
            let progress = operator.claim.as_mut().map(|claim| &mut claim.progress);
            if let Some(Progress::Talking { held, .. }) = progress {
                *held = on;
            }
        });
    }

    fn talk_ended(&mut self, claim: ClaimId, now: Now) {
        let Some((id, found)) = self.claim_of(claim) else {
            return;
        };
        self.claims.remove(&claim);
        let settings = found.queue.as_ref();
        let settings = settings.and_then(|queue| self.roster.settings(queue));
        let wrap_up = settings.map_or(Duration::ZERO, |settings| settings.wrap_up);
        let talked = match found.progress {
            Progress::Talking { since, .. } => Some(now.at.since(since)),
            _ => None,
        };
        if let (Some(talked), Some(queue)) = (talked, found.queue) {
            self.paces
                .entry(queue)
                .or_default()
                .handled(talked + wrap_up);
        }
        self.change(&id, now, "the call is over", |operator| {
            operator.claim = None;
            if let Some(talked) = talked {
                operator.talked += talked;
                operator.idle_since = now.wall;
                let rests = operator.logged_in && !wrap_up.is_zero();
                operator.wrap_up_until = rests.then(|| now.at + wrap_up);
            }
        });
        let leaving = self.roster.operator(&id).is_some_and(|one| one.leaving);
        if leaving {
            self.forget(&id, now);
        }
    }

    /// Whether somebody on shift serves the caller's queue.
    fn is_served(&self, call: CallId) -> bool {
        let waiting = self.line.get(call);
        waiting.is_some_and(|waiting| self.roster.on_shift_for(&waiting.queue) > 0)
    }

    fn tell_nobody(&mut self, call: CallId, now: Now) {
        let told = self
            .line
            .get(call)
            .is_none_or(|waiting| waiting.told_nobody);
        if !told {
            self.line
                .change(call, now.at, |waiting| waiting.told_nobody = true);
            self.actions.push_back(Action::NobodyOnShift { call });
        }
    }

    /// When the last operator leaves while callers wait, they are told after a grace.
    fn watch_shift(&mut self, now: Now) {
        let mut queues = self.line.queues();
        let unserved = queues.any(|queue| self.roster.on_shift_for(queue) == 0);
        match (unserved, self.timers.deadline(&Timer::Grace)) {
            (true, None) => self.timers.set(Timer::Grace, now.at + GRACE),
            (false, Some(_)) => {
                self.timers.clear(&Timer::Grace);
            }
            _ => {}
        }
        if !self.line.has_unclaimed() {
            self.timers.clear(&Timer::Watch);
        } else if self.timers.deadline(&Timer::Watch).is_none() {
            self.timers.set(Timer::Watch, now.at + WATCH);
        }
    }

    /// Sets the caller's timer to the earliest of all that is due.
    pub(super) fn arm(&mut self, call: CallId, now: Now) {
        let due = self.line.get(call).and_then(|waiting| waiting.due(now.at));
        self.timers.set_or_clear(Timer::Caller(call), due);
    }

    /// When [`Domain::handle_timeout`] has something to do.
    pub fn next_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// Lets the timers fire whose time has come.
    pub fn handle_timeout(&mut self, now: Now) {
        let (mut fired, mut watch) = (false, false);
        while let Some(timer) = self.timers.pop_due(now.at) {
            fired |= timer != Timer::Watch;
            match timer {
                Timer::Operator(id) => self.operator_due(&id, now),
                Timer::Caller(call) => self.caller_due(call, now),
                Timer::Watch => watch = true,
                Timer::Grace => {
                    let all: Vec<CallId> = self.line.callers().map(|(call, _)| *call).collect();
                    for call in all {
                        if !self.is_served(call) {
                            self.tell_nobody(call, now);
                        }
                    }
                }
            }
        }
        if watch && !fired {
            self.look_for_forgotten(now);
        }
        if fired || watch {
            self.settle(now);
        }
    }

    fn caller_due(&mut self, call: CallId, now: Now) {
        let Some(waiting) = self.line.get(call) else {
            return;
        };
        let settings = Arc::clone(&waiting.settings);
        let is_due = |at: Option<Instant>| at.is_some_and(|due| due <= now.at);
        let (comfort, position) = (is_due(waiting.comfort_at), is_due(waiting.position_at));
        let estimate = is_due(waiting.estimate_at);
        let threshold = is_due(waiting.threshold_at()).then_some(waiting.next_threshold);
        self.line.change(call, now.at, |waiting| {
            waiting.refused.retain(|_, until| *until > now.at);
            let again = |every: Option<Duration>| every.map(|every| now.at + every);
            if comfort {
                waiting.comfort_at = again(settings.comfort);
            }
            if position {
                waiting.position_at = again(settings.position);
            }
            if estimate {
                waiting.estimate_at = again(settings.estimate);
            }
            waiting.next_threshold += usize::from(threshold.is_some());
        });
        if let Some(index) = threshold {
            self.actions.push_back(Action::Threshold { call, index });
        }
        // One at a time: what tells most.
        let mut say = comfort.then_some(Announcement::Comfort);
        if position {
            say = Some(Announcement::Position(self.position(call)));
        }
        if estimate && let Some(estimate) = self.known_estimate(call) {
            say = Some(Announcement::Estimate(estimate));
        }
        if let Some(what) = say {
            self.actions.push_back(Action::Announce { call, what });
        }
        self.arm(call, now);
    }

    /// What to do next; `None`: nothing.
    pub fn poll(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// Operators who are logged in, not paused, and have a phone that can ring.
    pub fn on_shift(&self) -> usize {
        self.roster.on_shift()
    }

    /// Whether an operator is one of those.
    pub fn is_on_shift(&self, id: &OperatorId) -> bool {
        self.roster.operator(id).is_some_and(Operator::is_on_shift)
    }

    /// Operators who could be rung now.
    pub fn free(&self) -> usize {
        self.roster.free()
    }

    /// Callers in all lines.
    pub fn waiting(&self) -> usize {
        self.line.len()
    }

    /// Callers in one line.
    pub fn waiting_in(&self, queue: &QueueName) -> usize {
        self.line.len_of(queue)
    }

    /// What an operator is doing; `None`: there is no such operator.
    pub fn state(&self, id: &OperatorId) -> Option<OperatorState> {
        self.roster.operator(id).map(Operator::state)
    }

    /// All operators with their states, by id.
    pub fn states(&self) -> impl Iterator<Item = (&OperatorId, OperatorState)> {
        let operators = self.roster.operators();
        operators.map(|(id, operator)| (id, operator.state()))
    }

    /// All operators with their states and, where a call rings or is talked in, that call and its queue, by id.
    pub fn desks(
        &self,
    ) -> impl Iterator<
        Item = (
            &OperatorId,
            OperatorState,
            Option<(CallId, Option<&QueueName>)>,
        ),
    > {
        self.roster.operators().map(|(id, operator)| {
            let claim = operator.claim.as_ref();
            let claim = claim.map(|claim| (claim.call, claim.queue.as_ref()));
            (id, operator.state(), claim)
        })
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
            let claim = self.roster.operator(id).and_then(|one| one.claim.as_ref());
            claim.is_some_and(|claim| claim.call == call)
        };
        let held = self.claims.iter().filter(|(_, id)| of_call(id));
        held.map(|(claim, _)| *claim).collect()
    }
}

/// Why a ring came to nothing, for people.
fn reason_of(why: &RingEnd) -> &'static str {
    match why {
        RingEnd::NoAnswer => "did not answer",
        RingEnd::Declined { .. } => "declined",
        RingEnd::Unreachable => "the phone could not be reached",
        RingEnd::CallerLeft => "the caller left",
        RingEnd::AnsweredElsewhere => "somebody else answered",
        RingEnd::Withdrawn => "the ring was withdrawn",
    }
}
