//! Callbacks: virtual callers. One keeps the exact place of whoever asked, is rung to an operator when its
//! turn comes, and then the number is called. It has one record and ends in one outcome; the number stands
//! in sealed snapshots alone, survives a restart in them, and is gone with the end.
//!
//! Whoever answers hears words that name nobody (it may be somebody else, or a machine), and is connected
//! by any key. Without one, the attempt was in vain.

use std::time::Duration;

use serde::Serialize;

use super::input::Output;
use super::lines::{queue_settings, wants};
use super::pbx::{PlannedCall, Switch, Timer};
use crate::call::callback::{Callback, Phase};
use crate::call::{Outgoing, Owner, Said, Stage};
use crate::dialplan::Number;
use crate::event::{Cause, Direction, Outcome, RingEnd, Side, What};
use crate::ids::{CallId, LegId, PromptName, Pseudonym, QueueName};
use crate::media::{Clip, Command};
use crate::private::Private;
use crate::queue::{Input, Joining, QueueSettings, Wants};
use crate::speech::callback::{IN_VAIN, NEUTRAL, OPERATOR};
use crate::time::{Now, Wall};

/// The most callers who are to be called back.
pub(super) const MOST: usize = 200;
/// The most of them whose numbers were typed: whoever hides could have strangers called.
const MOST_TYPED: usize = 20;
/// How long the number rings.
const RING_FOR: Duration = Duration::from_secs(40);
/// How long whoever answered may take to press a key.
const KEY_WITHIN: Duration = Duration::from_secs(30);
/// How often the neutral words are said.
const ASKED_AT_MOST: u8 = 3;

/// A callback as `qaynar callbacks` lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// Which.
    pub call: CallId,
    /// Who; `None`: no identity.
    pub caller: Option<Pseudonym>,
    /// In which line.
    pub queue: QueueName,
    /// From which moment the place counts.
    pub joined: Option<Wall>,
    /// Not before.
    pub due: Option<Wall>,
    /// How often the number was called.
    pub attempts: u32,
    /// `waits`, `later`, `dialling`, `answered`, `talking`
    pub state: &'static str,
}

impl Listed {
    /// Whether nobody is on a phone for it.
    pub fn is_pending(&self) -> bool {
        matches!(self.state, "waits" | "later")
    }
}

impl Switch {
    /// All callers who are to be called back, oldest first.
    pub fn callbacks(&self) -> Vec<Listed> {
        let listed = self.calls.values().filter_map(|call| {
            let one = call.callback.as_ref()?;
            let (state, due) = match one.phase {
                Phase::Waits => ("waits", None),
                Phase::Later(due) => ("later", Some(due)),
                Phase::Dialling => ("dialling", None),
                Phase::Asking(_) => ("answered", None),
                Phase::Reached => ("talking", None),
            };
            Some(Listed {
                call: call.id,
                caller: call.caller.clone(),
                queue: one.queue.clone(),
                joined: call.joined.get(&one.queue).copied(),
                due,
                attempts: one.attempts,
                state,
            })
        });
        listed.collect()
    }

    /// Cancels one that nobody is on the phone for; `false`: there is no such one.
    pub(super) fn cancel_callback(&mut self, id: CallId, now: Now) -> bool {
        let pending = self
            .calls
            .get(&id)
            .is_some_and(PlannedCall::is_pending_callback);
        if pending {
            self.end_callback(id, Outcome::Cancelled, now);
        }
        pending
    }

    /// The callback that whoever calls has asked for before.
    pub(super) fn callback_of(&self, id: CallId) -> Option<CallId> {
        let who = self.calls.get(&id)?.caller.as_ref()?;
        let mut all = self.calls.values();
        let same = |one: &&PlannedCall| {
            let callback = one.callback.as_ref();
            let asked = |one: &Callback| one.asker.as_ref() == Some(who);
            callback.is_some_and(|back| asked(back) || one.caller.as_ref() == Some(who))
        };
        all.find(same).map(|one| one.id)
    }

    /// Whether one more number may be typed.
    pub(super) fn takes_typed(&self) -> bool {
        let all = self.calls.values().filter_map(|one| one.callback.as_ref());
        all.filter(|one| one.typed).count() < MOST_TYPED
    }

    pub(super) fn is_called_back(&self, number: &Private<String>) -> bool {
        let mut all = self.calls.values().filter_map(|one| one.callback.as_ref());
        all.any(|one| one.number == *number)
    }

    /// A place in the line for who hangs up now.
    pub(super) fn begin_callback(
        &mut self,
        asker: CallId,
        queue: QueueName,
        number: Private<String>,
        due: Option<Wall>,
        now: Now,
    ) {
        let named = self.name(&number);
        let Some(former) = self.calls.get(&asker) else {
            return;
        };
        let joined = former.joined.get(&queue).or(former.waits_since.as_ref());
        let joined = joined.copied().unwrap_or(now.wall);
        let caller = named.caller.clone();
        let (asker_is, typed) = (
            former.caller.clone(),
            former.number.as_ref() != Some(&number),
        );
        let (plan, run) = (former.plan.clone(), former.run.clone());
        let (dialled, trunk) = (former.dialled.clone(), former.trunk.clone());
        let (hops, ahead, knows) = (former.hops, former.ahead, former.knows.clone());
        let id = self.new_call_id(now);
        let what = What::CallbackAsked {
            callback: id,
            queue: queue.clone(),
            due,
        };
        self.emit(Some(asker), what, now);
        let what = What::Arrived {
            caller: Some(caller.clone()),
            dialled: dialled.clone(),
            trunk: trunk.clone(),
            plan: plan.hash.clone(),
            language: run.language(),
            direction: Direction::Back,
            operator: None,
        };
        self.emit(Some(id), what, now);
        self.tell_renamed(id, &named, now);
        self.outputs.push_back(Output::Number {
            call: id,
            caller: caller.clone(),
            number: number.clone(),
        });
        let leg = self.leg_of_nobody();
        let mut call = PlannedCall::new((id, leg), Some(caller), dialled, trunk, (plan, run), hops);
        call.joined.insert(queue.clone(), joined);
        (call.ahead, call.knows) = (ahead, knows);
        call.callback = Some(Callback {
            number,
            asker: asker_is,
            typed,
            queue,
            phase: due.map_or(Phase::Waits, Phase::Later),
            attempts: 0,
            cost: None,
            asked: now.wall,
            outcome: None,
        });
        self.calls.insert(id, call);
        self.wait_for_turn(id, now);
    }

    /// An id that no leg has: there is nobody on the caller's side yet.
    pub(super) fn leg_of_nobody(&mut self) -> LegId {
        self.last_leg += 1;
        LegId(self.last_leg)
    }

    /// Into the line at the place that was kept, or later.
    pub(super) fn wait_for_turn(&mut self, id: CallId, now: Now) {
        let draining = self.draining;
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        let Some(callback) = &mut call.callback else {
            return;
        };
        match callback.phase {
            Phase::Later(due) if due > now.wall => {
                call.stage = Stage::Arriving;
                self.timers.set(Timer::Callback(id), now.instant_of(due));
            }
            // Whoever is next takes it up again.
            _ if draining => {
                callback.phase = Phase::Waits;
                call.stage = Stage::Arriving;
            }
            _ => {
                callback.phase = Phase::Waits;
                let queue = callback.queue.clone();
                let joined = *call.joined.entry(queue.clone()).or_insert(now.wall);
                let settings = call.plan.queues.get(&queue).map(queue_settings);
                let settings = silent(settings.unwrap_or_default());
                let wants = Wants {
                    operator: call.knows.clone(),
                    ..wants(&call.plan, &call.run, &queue)
                };
                let bonus = call.ahead + call.run.priority();
                call.stage = Stage::Waiting {
                    queue: queue.clone(),
                    joined,
                    speaking: None,
                };
                let what = What::Queued {
                    queue: queue.clone(),
                };
                self.emit(Some(id), what, now);
                let joining = Joining {
                    call: id,
                    queue,
                    joined,
                    bonus,
                    wants,
                    settings: settings.into(),
                };
                self.tell_queue(Input::Joined(joining), now);
            }
        }
        self.save(id);
    }

    /// The process ends under an attempt, which does not count: the next one makes it anew.
    pub(super) fn set_attempts_aside(&mut self, now: Now) {
        let attempt = |one: &&mut PlannedCall| {
            let callback = one.callback.as_ref();
            callback.is_some_and(|one| one.phase.is_attempt())
        };
        let mut ids = Vec::new();
        for call in self.calls.values_mut().filter(attempt) {
            ids.push(call.id);
            if let Some(callback) = &mut call.callback {
                callback.attempts = callback.attempts.saturating_sub(1);
            }
        }
        for id in ids {
            self.attempt_over(id, "the server stops", now);
        }
    }

    /// No new attempts: the next process makes them.
    pub(super) fn rest_callbacks(&mut self, now: Now) {
        let pending = self.calls.values().filter(|one| one.is_pending_callback());
        let pending: Vec<CallId> = pending.map(|one| one.id).collect();
        for id in pending {
            self.tell_queue(Input::Left(id), now);
            self.stop_rings(id, None, &RingEnd::Withdrawn, now);
            self.timers.clear(&Timer::Callback(id));
            if let Some(call) = self.calls.get_mut(&id) {
                call.stage = Stage::Arriving;
            }
        }
    }

    /// A phone answered that rang for a callback: the operator's, or the number. `false`: a call like any
    /// other.
    pub(super) fn callback_answered(&mut self, id: CallId, leg: LegId, now: Now) -> bool {
        let callback = self.calls.get(&id).and_then(|one| one.callback.as_ref());
        match callback.map(|one| one.phase) {
            Some(Phase::Waits) => self.callback_taken(id, leg, now),
            Some(Phase::Dialling) => self.somebody_answered(id, leg, now),
            _ => return false,
        }
        true
    }

    /// An operator is there: the number is called.
    fn callback_taken(&mut self, id: CallId, leg: LegId, now: Now) {
        let Some((won, others, lost)) = self.take_winner(id, leg) else {
            return;
        };
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        let until = now.at + RING_FOR;
        call.stage = Stage::Ringing { until };
        call.partner = Some(leg);
        call.operator = Some((won.operator.clone(), Some(won.claim)));
        let Some(callback) = &mut call.callback else {
            return;
        };
        callback.phase = Phase::Dialling;
        callback.attempts += 1;
        let attempt = callback.attempts;
        let number = Number::parse(callback.number.reveal());
        let plan = call.plan.clone();
        let what = What::CallbackTaken {
            operator: won.operator,
            attempt,
        };
        self.emit(Some(id), what, now);
        self.tell_queue(Input::Answered(won.claim), now);
        self.losers_stop(id, others, lost, now);
        self.speak_to(leg, vec![PromptName::from(OPERATOR)]);
        self.timers.set(Timer::Call(id), until);
        self.save(id);
        let wanted = number.as_ref().and_then(|one| plan.destination(one));
        let class = wanted.map(|one| one.name.clone());
        if let Some(callback) = self.callback_mut(id) {
            // It was promised, so that no cap stops it now; but it counts.
            callback.cost = class.map(|class| Outgoing { class, since: None });
        }
        let wanted = wanted.map(|one| one.trunks.clone()).unwrap_or_default();
        let trunks = self.trunks_out(&wanted);
        let begun = number.is_some_and(|number| self.dial(id, &number, trunks, now));
        if !begun {
            self.attempt_over(id, "no trunk takes the call", now);
        }
    }

    /// The operator hears that nobody was reached, and the leg ends with the words.
    fn tell_in_vain(&mut self, id: LegId, now: Now) {
        let leg = self.legs.get_mut(&id).filter(|leg| leg.is_up());
        let operator = leg.and_then(|leg| {
            let operator = leg.operator.clone().filter(|_| !self.draining)?;
            leg.owner = Owner::Errand(operator.clone());
            Some(operator)
        });
        if operator.is_none() {
            return self.hang_up(id, now);
        }
        self.occupy(id, true, now);
        self.speak_to(id, vec![PromptName::from(IN_VAIN)]);
    }

    /// The words to the operator are out; music until the caller is there.
    pub(super) fn operator_was_told(&mut self, id: CallId, leg: LegId) {
        let waits = self.calls.get(&id).is_some_and(|call| {
            let attempt = call
                .callback
                .as_ref()
                .is_some_and(|one| one.phase.is_attempt());
            attempt && call.partner == Some(leg)
        });
        if waits {
            let (language, name) = (None, PromptName::from("hold"));
            let clip = Clip { language, name };
            self.media(Command::Music { leg, clip });
        }
    }

    /// Somebody took the call outside: is it the caller?
    fn somebody_answered(&mut self, id: CallId, leg: LegId, now: Now) {
        self.dialling.remove(&id);
        let until = now.at + KEY_WITHIN;
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        call.rings.remove(&leg);
        call.caller_leg = leg;
        call.stage = Stage::Ringing { until };
        if let Some(callback) = &mut call.callback {
            callback.phase = Phase::Asking(0);
            if let Some(cost) = &mut callback.cost {
                cost.since = Some(now.wall);
            }
        }
        if let Some(leg) = self.legs.get_mut(&leg) {
            leg.side = Side::Caller;
        }
        self.timers.set(Timer::Call(id), until);
        self.ask_who_answered(id);
        self.save(id);
    }

    /// The neutral words, a few times, where somebody is being asked.
    pub(super) fn ask_who_answered(&mut self, id: CallId) {
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        let Some(Phase::Asking(times)) = call.callback.as_mut().map(|one| &mut one.phase) else {
            return;
        };
        *times = times.saturating_add(1);
        if *times <= ASKED_AT_MOST {
            self.say(id, Said::Prompts(vec![PromptName::from(NEUTRAL)]));
        }
    }

    /// Whoever answered pressed a key: the two are connected. `false`: nobody is being asked.
    pub(super) fn reached_by_key(&mut self, id: CallId, leg: LegId, now: Now) -> bool {
        let Some(call) = self.calls.get_mut(&id) else {
            return false;
        };
        let asked = matches!(
            call.callback.as_ref().map(|one| one.phase),
            Some(Phase::Asking(_))
        );
        if !asked || call.caller_leg != leg {
            return false;
        }
        if let Some(callback) = &mut call.callback {
            callback.phase = Phase::Reached;
        }
        call.stage = Stage::Talking;
        let operator = call.operator.clone();
        self.timers.clear(&Timer::Call(id));
        self.connect_media(leg);
        if let Some((operator, _)) = operator {
            self.emit(Some(id), What::Connected { operator }, now);
        }
        self.save(id);
        true
    }

    /// Nobody took the call in time, or nobody pressed a key; `false`: no attempt.
    pub(super) fn attempt_in_vain(&mut self, id: CallId, status: u16, now: Now) -> bool {
        let callback = self.calls.get(&id).and_then(|one| one.callback.as_ref());
        let reason = match callback.map(|one| one.phase) {
            Some(Phase::Dialling) => format!("the number was not reached ({status})"),
            Some(Phase::Asking(_)) => "whoever answered pressed no key".to_owned(),
            _ => return false,
        };
        self.attempt_over(id, &reason, now);
        true
    }

    /// A leg of an attempt is gone; `false`: it is none of an attempt.
    pub(super) fn attempt_broken(&mut self, id: CallId, leg: LegId, now: Now) -> bool {
        let Some(call) = self.calls.get(&id) else {
            return false;
        };
        let attempt = call
            .callback
            .as_ref()
            .is_some_and(|one| one.phase.is_attempt());
        if !attempt {
            return false;
        }
        let reason = match call.partner == Some(leg) {
            true => "the operator hung up",
            false => "whoever answered hung up without a key",
        };
        self.attempt_over(id, reason, now);
        true
    }

    /// Nobody was reached: the operator is free, and the number is called again later, or not any more.
    pub(super) fn attempt_over(&mut self, id: CallId, reason: &str, now: Now) {
        self.timers.clear(&Timer::Call(id));
        self.stop_dialling(id);
        self.stop_rings(id, None, &RingEnd::NoAnswer, now);
        let nobody = self.leg_of_nobody();
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        let talker = call.operator.take();
        let former = std::mem::replace(&mut call.caller_leg, nobody);
        let partner = call.partner.take();
        call.stage = Stage::Arriving;
        let rules = call.plan.callback.clone();
        let Some(callback) = &mut call.callback else {
            return;
        };
        let attempt = callback.attempts;
        let cost = callback.cost.take();
        let again = attempt < rules.attempts;
        if again {
            callback.phase = Phase::Later(now.wall + rules.every);
        }
        self.hang_up(former, now);
        if let Some(leg) = partner {
            self.tell_in_vain(leg, now);
        }
        self.talk_ended(talker, now);
        self.book(cost, now);
        let then = match again {
            true => format!("again in {} s", rules.every.as_secs()),
            false => "that was the last attempt".to_owned(),
        };
        let reason = format!("{reason}; {then}");
        self.emit(Some(id), What::CallbackFailed { attempt, reason }, now);
        match again {
            true => self.wait_for_turn(id, now),
            false => self.end_callback(id, Outcome::NotReached, now),
        }
    }

    fn callback_mut(&mut self, id: CallId) -> Option<&mut Callback> {
        self.calls.get_mut(&id)?.callback.as_mut()
    }

    pub(super) fn end_callback(&mut self, id: CallId, outcome: Outcome, now: Now) {
        if let Some(callback) = self.callback_mut(id) {
            callback.outcome = Some(outcome);
        }
        let cause = match outcome {
            Outcome::Reached => Cause::HungUp,
            Outcome::NotReached => Cause::NotReached,
            Outcome::Interrupted => Cause::Interrupted,
            Outcome::Cancelled | Outcome::CalledAgain => Cause::Completed,
        };
        self.end_call(id, Side::Server, cause, now);
    }

    /// The one outcome, told once, before the end.
    pub(super) fn tell_outcome(&mut self, id: CallId, callback: Option<Callback>, now: Now) {
        let Some(callback) = callback else {
            return;
        };
        self.timers.clear(&Timer::Callback(id));
        let outcome = callback.outcome.unwrap_or(match callback.phase {
            Phase::Reached => Outcome::Reached,
            _ => Outcome::Interrupted,
        });
        self.book(callback.cost, now);
        self.emit(Some(id), What::CallbackEnded { outcome }, now);
    }

    /// Somebody has the caller who had asked to be called back: that is settled.
    pub(super) fn called_again(&mut self, id: CallId, now: Now) {
        let helped = self.calls.get(&id);
        let helped = helped.is_some_and(|one| one.callback.is_none() && one.outgoing.is_none());
        if let Some(callback) = self.callback_of(id).filter(|_| helped)
            && self
                .calls
                .get(&callback)
                .is_some_and(PlannedCall::is_pending_callback)
        {
            self.end_callback(callback, Outcome::CalledAgain, now);
        }
    }
}

/// Nobody listens: nothing is said, and the place is for ever.
fn silent(settings: QueueSettings) -> QueueSettings {
    QueueSettings {
        comfort: None,
        position: None,
        estimate: None,
        thresholds: Vec::new(),
        max_waiting: None,
        silent: true,
        ..settings
    }
}
