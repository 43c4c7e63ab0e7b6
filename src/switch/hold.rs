//! A phone holds a talk and takes it up again (RFC 3264 §8.4): the operator's state, and what the journal
//! tells of it.

use super::pbx::Switch;
use crate::event::{Side, What};
use crate::ids::{CallId, LegId, OperatorId};
use crate::queue::{ClaimId, Input};
use crate::time::Now;

impl Switch {
    /// What was negotiated holds the talk, or does no more.
    pub(super) fn hold_changed(&mut self, leg: LegId, held: bool, now: Now) {
        let Some((id, side, operator)) = self.talker(leg) else {
            return;
        };
        let Some(one) = self.legs.get_mut(&leg) else {
            return;
        };
        if held == one.media.held_since.is_some() {
            return;
        }
        if !held {
            return self.hold_over(leg, now);
        }
        one.media.held_since = Some(now.wall);
        if let Some(claim) = self.claim_of_talker(id, leg) {
            self.tell_queue(Input::Held(claim, true), now);
        }
        self.emit(Some(id), What::Held { side, operator }, now);
        self.save(id);
    }

    /// Whatever was held is held no more: the phone took it up again, or left.
    pub(super) fn hold_over(&mut self, leg: LegId, now: Now) {
        let Some(one) = self.legs.get_mut(&leg) else {
            return;
        };
        let Some(since) = one.media.held_since.take() else {
            return;
        };
        let Some((id, side, operator)) = self.talker(leg) else {
            return;
        };
        let lasted = now.wall.since(since);
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        if operator.is_some() {
            call.held += lasted;
        }
        let total = call.held;
        if let Some(claim) = self.claim_of_talker(id, leg) {
            self.tell_queue(Input::Held(claim, false), now);
        }
        let what = What::Resumed {
            side,
            operator,
            lasted,
            total,
        };
        self.emit(Some(id), what, now);
        self.save(id);
    }

    /// The call is over, whatever was held.
    pub(super) fn holds_over(&mut self, id: CallId, now: Now) {
        let call = self.calls.get(&id);
        let legs = call.map(|call| [Some(call.caller_leg), call.partner]);
        for leg in legs.into_iter().flatten().flatten() {
            self.hold_over(leg, now);
        }
    }

    /// Whose leg it is, where it is one of a talk.
    fn talker(&self, leg: LegId) -> Option<(CallId, Side, Option<OperatorId>)> {
        let one = self.legs.get(&leg).filter(|one| !one.supervises)?;
        let id = one.call()?;
        let talks = self.calls.get(&id)?.is_talking();
        talks.then(|| (id, one.side, one.operator.clone()))
    }

    /// Under which claim the operator of a leg talks.
    pub(super) fn claim_of_talker(&self, id: CallId, leg: LegId) -> Option<ClaimId> {
        let call = self.calls.get(&id)?;
        if call.partner == Some(leg) {
            return call.operator.as_ref()?.1;
        }
        let mut guests = call.guests.iter().chain(&call.host);
        guests.find(|guest| guest.leg == leg)?.claim
    }
}
