//! A supervisor hears an operator's talk, whispers to the operator, or speaks with all: by permission of the
//! dialplan, and each time in the journal. Whose call it is knows nothing of it and loses nothing by it.

use super::arrive::Called;
use super::guests::MAX_GUESTS;
use super::pbx::Switch;
use super::place::Refusal;
use crate::call::{Guest, Owner, Role};
use crate::event::{Side, Supervision, What};
use crate::ids::{CallId, OperatorId};
use crate::speech::refusal::Why;
use crate::time::Now;

impl Switch {
    /// An operator who proved who that is dialled the code for it.
    pub(super) fn supervise(
        &mut self,
        called: Called<'_>,
        how: Supervision,
        beside: &OperatorId,
        now: Now,
    ) {
        let supervisor = called.operator.clone();
        let call = match self.may_supervise(&supervisor, how, beside) {
            Ok(call) => call,
            Err(refusal) => {
                let (operator, why) = (supervisor, refusal.why.clone());
                self.emit(None, What::Refused { operator, why }, now);
                return self.refuse_aloud(called, refusal, now);
            }
        };
        let Called {
            id, request, flow, ..
        } = called;
        if self.can_take(id, request, now).is_err() {
            return;
        }
        let owner = (Owner::Call(call), Side::Operator);
        let who = Some(supervisor.clone());
        let Ok(leg) = self.invited_leg(id, request, flow, owner, who, now) else {
            return;
        };
        if let Some(one) = self.legs.get_mut(&leg) {
            one.supervises = true;
        }
        self.occupy(leg, true, now);
        self.answer_invite(leg, now);
        if !self.legs.get(&leg).is_some_and(|leg| leg.is_up()) {
            return;
        }
        let role = Role::Supervisor {
            how,
            beside: beside.clone(),
        };
        let Some(one) = self.calls.get_mut(&call) else {
            return self.hang_up(leg, now);
        };
        one.guests.push(Guest {
            leg,
            role,
            who: supervisor.to_string(),
            claim: None,
            since: now.wall,
            cost: None,
        });
        let operator = beside.clone();
        let what = What::Supervising {
            supervisor,
            operator,
            how,
        };
        self.emit(Some(call), what, now);
        self.connect(call);
        self.save(call);
    }

    /// The talk that may be heard.
    fn may_supervise(
        &self,
        supervisor: &OperatorId,
        how: Supervision,
        beside: &OperatorId,
    ) -> Result<CallId, Refusal> {
        let may = self.plan.may.get(supervisor);
        if !may.is_some_and(|may| may.contains(&how)) {
            let why = "the dialplan does not let you hear others' talks; see may";
            return Err(Refusal::new(403, why, Why::MayNotListen));
        }
        let nobody = || {
            let why = format!("{beside} is in no talk");
            Refusal::new(480, why, Why::NobodyTalks)
        };
        let (call, _) = self.talk_of(beside).ok_or_else(nobody)?;
        let one = self.calls.get(&call).ok_or_else(nobody)?;
        let there = |guest: &Guest<_>| guest.who == supervisor.as_str();
        let busy = self.talk_of(supervisor).is_some() || one.guests.iter().any(there);
        if busy || one.guests.len() >= MAX_GUESTS {
            let why = "you are in a talk already, or too many are in that one";
            return Err(Refusal::new(486, why, Why::NobodyTalks));
        }
        Ok(call)
    }
}
