//! Others are called into a talk: a colleague, a number outside, or by one touch an emergency service. Until
//! they answer, and if they do not, the two talk on as they did.

use std::time::Duration;

use super::pbx::{Switch, Timer};
use super::place::Permit;
use super::room::parties;
use crate::call::{Coming, Guest, Outgoing, Role};
use crate::dialplan::Number;
use crate::event::{Part, RingEnd, What};
use crate::ids::{CallId, LegId, OperatorId, PromptName};
use crate::queue::Input;
use crate::speech::refusal::Why;
use crate::speech::{self, Told};
use crate::time::Now;

/// How long a colleague's phone rings.
const RING_FOR: Duration = Duration::from_secs(25);
/// How long a number outside rings.
const RING_OUTSIDE_FOR: Duration = Duration::from_secs(60);
/// No talk has more who were called into it. Services are beyond it.
pub(super) const MAX_GUESTS: usize = 8;

/// What the operator hears who wanted it.
pub(super) type Answer = Result<Told, Why>;

impl Switch {
    /// An operator wants a service in the talk, at once. What was under way for less yields.
    pub(super) fn bring_help(
        &mut self,
        id: CallId,
        by: &OperatorId,
        number: &Number,
        now: Now,
    ) -> Answer {
        let who = number.to_string();
        let Some(call) = self.calls.get_mut(&id) else {
            return Err(Why::NoLine);
        };
        let named = |one: &String| *one == who;
        let comes = call.coming.as_ref().is_some_and(|one| one.who == who)
            || call.wanted.iter().any(named)
            || call.guests.iter().any(|guest| guest.who == who);
        if comes {
            return Ok(Told::HelpCalled);
        }
        match call.coming.as_ref().map(|coming| coming.part) {
            Some(Part::Service) => {
                call.wanted.push(who);
                return Ok(Told::HelpCalled);
            }
            Some(_) => self.call_off(id, &RingEnd::Withdrawn, now),
            None => {}
        }
        let permit = self.permitted(by, number.clone(), now)?;
        let language = self.calls.get(&id).map(|call| {
            let legs: Vec<LegId> = parties(call).collect();
            (call.run.language(), call.plan.help_word.clone(), legs)
        });
        self.call_outside(id, by, permit, Part::Service, now);
        if let Some((language, word, legs)) = language {
            self.say_over(id, &legs, &word, language);
        }
        Ok(Told::HelpCalled)
    }

    /// An operator wants a colleague in the talk, or somebody outside by the rules for calls there.
    pub(super) fn bring(&mut self, id: CallId, by: &OperatorId, wanted: &str, now: Now) -> Answer {
        let colleague = OperatorId::from(wanted);
        let known = self.accounts.contains_key(&colleague);
        let number = Number::parse(wanted).filter(|_| !known);
        if let Some(number) = number.as_ref().filter(|number| number.is_emergency()) {
            return self.bring_help(id, by, number, now);
        }
        let Some(call) = self.calls.get(&id) else {
            return Err(Why::NotAllowed);
        };
        if call.coming.is_some() || call.guests.len() >= MAX_GUESTS {
            return Ok(Told::DidNotCome);
        }
        match number {
            Some(number) => {
                let permit = self.permitted(by, number, now)?;
                self.call_outside(id, by, permit, Part::Outside, now);
            }
            None if known => self.call_colleague(id, by, &colleague, now),
            None => return Err(Why::NotAllowed),
        }
        Ok(Told::CalledIn)
    }

    fn permitted(&mut self, by: &OperatorId, number: Number, now: Now) -> Result<Permit, Why> {
        self.permit(number, now).map_err(|refusal| {
            let (operator, why) = (by.clone(), refusal.why);
            self.emit(None, What::Refused { operator, why }, now);
            refusal.words
        })
    }

    fn comes(&mut self, id: CallId, by: &OperatorId, coming: Coming, now: Now) {
        let (who, part) = (coming.who.clone(), coming.part);
        if let Some(call) = self.calls.get_mut(&id) {
            call.coming = Some(coming);
        }
        let operator = by.clone();
        let what = What::Bringing {
            operator,
            who,
            part,
        };
        self.emit(Some(id), what, now);
    }

    fn call_outside(&mut self, id: CallId, by: &OperatorId, permit: Permit, part: Part, now: Now) {
        let counts = part == Part::Outside;
        let class = permit.class.clone();
        let coming = Coming {
            part,
            who: permit.shown(),
            cost: counts.then_some(Outgoing { class, since: None }),
        };
        self.comes(id, by, coming, now);
        self.timers.set(Timer::Call(id), now.at + RING_OUTSIDE_FOR);
        if !self.dial(id, &permit.number, permit.trunks, now) {
            self.not_come(id, &RingEnd::Unreachable, now);
        }
    }

    fn call_colleague(&mut self, id: CallId, by: &OperatorId, other: &OperatorId, now: Now) {
        let coming = Coming {
            part: Part::Operator,
            who: other.to_string(),
            cost: None,
        };
        self.comes(id, by, coming, now);
        let Some(claim) = self.domain.claim(other, id, RING_FOR, now) else {
            return self.not_come(id, &RingEnd::Declined { status: 486 }, now);
        };
        let (operator, reason) = (other.clone(), format!("called into the talk by {by}"));
        self.emit(Some(id), What::Ringing { operator, reason }, now);
        if !self.ring_phones(id, other, claim, now) {
            self.ring_over(id, Some(other), &RingEnd::Unreachable, now);
        }
    }

    /// Whether somebody is being called into the call's talk.
    pub(super) fn brings(&self, id: CallId) -> bool {
        let call = self.calls.get(&id);
        call.is_some_and(|call| call.is_talking() && call.coming.is_some())
    }

    /// Whoever is called is called no more.
    pub(super) fn call_off(&mut self, id: CallId, why: &RingEnd, now: Now) {
        self.stop_dialling(id);
        self.stop_rings(id, None, why, now);
        self.not_come(id, why, now);
    }

    /// Whoever was called does not come: the others know, and talk on.
    pub(super) fn not_come(&mut self, id: CallId, why: &RingEnd, now: Now) {
        let Some(call) = self.calls.get_mut(&id).filter(|call| call.is_talking()) else {
            return;
        };
        let Some(Coming { who, part, .. }) = call.coming.take() else {
            return;
        };
        self.timers.clear(&Timer::Call(id));
        let why = why.clone();
        self.emit(Some(id), What::NotJoined { who, part, why }, now);
        self.tell_operators(id, &speech::talk(Told::DidNotCome));
        self.next_help(id, now);
    }

    /// All operators of a talk hear a word.
    pub(super) fn tell_operators(&mut self, id: CallId, words: &[PromptName]) {
        let Some(call) = self.calls.get(&id) else {
            return;
        };
        let is_operator = |leg: &LegId| {
            let leg = self.legs.get(leg);
            leg.is_some_and(|leg| leg.operator.is_some())
        };
        let legs: Vec<LegId> = parties(call).filter(is_operator).collect();
        let language = self.plan.first_language();
        self.say_over(id, &legs, words, language);
    }

    /// The next service that was wanted meanwhile.
    fn next_help(&mut self, id: CallId, now: Now) {
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        if call.wanted.is_empty() {
            return;
        }
        let next = Number::parse(&call.wanted.remove(0));
        let by = call.operator.as_ref().map(|(operator, _)| operator.clone());
        let by = by.or_else(|| self.operator_outside(id));
        if let (Some(number), Some(by)) = (next, by) {
            let _ = self.bring_help(id, &by, &number, now);
        }
    }

    /// A phone of somebody who was called into a talk is answered. `false`: it rang for no such one.
    pub(super) fn guest_answered(&mut self, id: CallId, leg: LegId, now: Now) -> bool {
        let Some(call) = self.calls.get_mut(&id).filter(|call| call.is_talking()) else {
            return false;
        };
        if !call.rings.contains(&leg) {
            return false;
        }
        let Some(coming) = call.coming.take() else {
            return false;
        };
        call.rings.remove(&leg);
        let others = std::mem::take(&mut call.rings);
        let rung = std::mem::take(&mut call.rung);
        let claim = rung.first().map(|rung| rung.claim);
        let (who, part) = (coming.who, coming.part);
        let cost = coming.cost.map(|cost| Outgoing {
            since: Some(now.wall),
            ..cost
        });
        call.guests.push(Guest {
            leg,
            role: Role::Party(part),
            who: who.clone(),
            claim,
            since: now.wall,
            cost,
        });
        self.dialling.remove(&id);
        self.timers.clear(&Timer::Call(id));
        self.connect(id);
        self.emit(Some(id), What::Joined { who, part }, now);
        if let Some(claim) = claim {
            self.tell_queue(Input::Answered(claim), now);
        }
        for other in others {
            self.hang_up_loser(other, now);
        }
        self.save(id);
        self.next_help(id, now);
        true
    }
}
