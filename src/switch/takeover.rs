//! Operators call each other, put two of their calls together (attended transfer, RFC 5589 §7), and take
//! over a call from another phone (RFC 3891).

use std::time::Duration;

use super::arrive::shard_of;
use super::pbx::{Switch, Timer};
use crate::call::{Guest, Owner, Stage};
use crate::dialplan::Instruction;
use crate::dialplan::plan::Target;
use crate::event::{Cause, Side, What};
use crate::ids::{CallId, LegId, OperatorId};
use crate::queue::{ClaimId, Input};
use crate::sip::flow::Flow;
use crate::sip::message::Request;
use crate::sip::refer::Replaces;
use crate::sip::transaction::layer::ServerId;
use crate::time::Now;

/// How long a colleague's phone rings.
const RING_FOR: Duration = Duration::from_secs(25);
/// A claim that is confirmed in the same breath: its end is never waited for.
const AT_ONCE: Duration = Duration::from_secs(1);

impl Switch {
    /// The id of a call between colleagues. Whoever talks with a caller may put the two together, and a
    /// bridge needs both legs on one media thread.
    pub(super) fn new_call_id_beside(&mut self, operator: &OperatorId, now: Now) -> CallId {
        let id = self.new_call_id(now);
        let talks = |call: &&super::pbx::PlannedCall| {
            call.stage == Stage::Talking
                && (call.operator.as_ref()).is_some_and(|(talking, _)| talking == operator)
        };
        match self.calls.values().find(talks) {
            Some(call) => CallId((id.0 & !0xffff) | u64::from(shard_of(call.id))),
            None => id,
        }
    }

    /// A call to a colleague is answered: that phone rings, and nothing else comes of it.
    pub(super) fn ring_colleague(&mut self, call: CallId, operator: OperatorId, now: Now) {
        let Some(one) = self.calls.get_mut(&call) else {
            return;
        };
        one.run.end();
        one.resume = one.run.clone();
        let instruction = Instruction::Ring {
            target: Target::Operator(operator),
            wait: RING_FOR,
        };
        if self.carry_out(call, instruction, now) {
            return self.save(call);
        }
        self.timers.clear(&Timer::Call(call));
        self.advance(call, now);
    }

    /// An operator talks with a caller on one leg and with a colleague on another, asks by `asked` and
    /// names `named`: caller and colleague are put together.
    pub(super) fn join_parties(&mut self, asked: LegId, named: LegId, now: Now) {
        let partner_of = |leg: LegId| {
            let call = self.legs.get(&leg)?.call()?;
            let one = self.calls.get(&call)?;
            (one.partner == Some(leg) && one.stage == Stage::Talking).then_some(call)
        };
        let began = |leg: LegId| {
            let call = self.legs.get(&leg)?.call()?;
            let one = self.calls.get(&call)?;
            (one.caller_leg == leg).then_some(call)
        };
        let found = match (partner_of(asked), began(named)) {
            (Some(call), Some(other)) => Some((call, asked, other, named)),
            _ => match (partner_of(named), began(asked)) {
                (Some(call), Some(other)) => Some((call, named, other, asked)),
                _ => None,
            },
        };
        let alone = |call: &CallId| {
            let one = self.calls.get(call);
            one.is_some_and(|one| {
                let crowded = one.host.is_some() || one.coming.is_some();
                !crowded && !one.guests.iter().any(Guest::is_party)
            })
        };
        let Some((call, leg, other, own)) =
            found.filter(|(call, _, other, _)| call != other && alone(call) && alone(other))
        else {
            return self.notify(asked, 481, now);
        };
        if shard_of(call) != shard_of(other) {
            return self.notify(asked, 488, now);
        }
        let talker = self.calls.get(&call).and_then(|one| one.operator.clone());
        let Some((operator, _)) = talker else {
            return self.notify(asked, 480, now);
        };
        let Some((to, to_name, claim)) = self.party_of(other) else {
            return self.notify(asked, 480, now);
        };
        self.emit(
            Some(call),
            What::Transfer {
                operator,
                to: to_name,
            },
            now,
        );
        self.set_aside(call, leg, now);
        let queue = self
            .calls
            .get(&call)
            .and_then(|one| one.transfer.as_ref()?.queue.clone());
        if let Some(claim) = claim {
            self.claims.insert(claim, call);
            self.domain.hand_over(claim, call, queue);
        }
        self.adopt_party(call, other, now);
        // The last word on the leg that is about to end with its call.
        if own == asked && self.is_talking(call) {
            self.notify(asked, 200, now);
        }
        self.end_call(other, Side::Operator, Cause::HungUp, now);
        if self.is_talking(call) {
            self.transferred(call, now);
            self.emit(Some(call), What::Connected { operator: to }, now);
            self.save(call);
        }
    }

    /// With whom an operator talks in a call that the operator began: who that is in the journal, in words,
    /// and under which claim.
    fn party_of(&self, call: CallId) -> Option<(OperatorId, String, Option<ClaimId>)> {
        let one = self.calls.get(&call)?;
        let rings = one.rung.first();
        let rings = rings.map(|rung| (rung.operator.clone(), Some(rung.claim)));
        match (one.operator.clone().or(rings), &one.outgoing) {
            (Some((colleague, claim)), _) => {
                let name = colleague.to_string();
                Some((colleague, name, claim))
            }
            (None, Some(_)) => Some(("outside".into(), one.dialled.clone(), None)),
            (None, None) => None,
        }
    }

    fn is_talking(&self, call: CallId) -> bool {
        self.calls
            .get(&call)
            .is_some_and(|one| one.stage == Stage::Talking)
    }

    /// The colleague's leg, or the phones that still ring, become those of the caller's call.
    fn adopt_party(&mut self, call: CallId, other: CallId, now: Now) {
        let Some(one) = self.calls.get_mut(&other) else {
            return;
        };
        let (partner, operator) = (one.partner.take(), one.operator.take());
        let (rings, rung) = (
            std::mem::take(&mut one.rings),
            std::mem::take(&mut one.rung),
        );
        let onward = one.outgoing.take();
        let until = match one.stage {
            Stage::Ringing { until } => Some(until),
            _ => None,
        };
        for id in partner.iter().chain(&rings) {
            if let Some(leg) = self.legs.get_mut(id) {
                leg.owner = Owner::Call(call);
            }
            self.trace_goes_on(*id, now);
        }
        let Some(one) = self.calls.get_mut(&call) else {
            return;
        };
        one.operator = operator;
        one.onward = onward;
        (one.rings, one.rung) = (rings, rung);
        match (partner, until) {
            (Some(leg), _) => {
                one.partner = Some(leg);
                one.stage = Stage::Talking;
                self.connect_media(leg);
            }
            (None, until) => {
                let until = until.unwrap_or(now.at);
                one.stage = Stage::Ringing { until };
                self.timers.set(Timer::Call(call), until);
                self.wait_with_music(call);
                self.dial_for(call, other);
            }
        }
    }

    /// An operator's phone wants to take the place of a phone that talks with a caller.
    pub(super) fn replace(
        &mut self,
        id: ServerId,
        request: &Request,
        operator: OperatorId,
        flow: Flow,
        now: Now,
    ) {
        let (call, old) = match self.judge_replacement(request) {
            Ok(judged) => judged,
            Err(status) => return self.respond_status(id, request, status, now),
        };
        if self.can_take(id, request, now).is_err() {
            return;
        }
        let talker = self.calls.get(&call).and_then(|one| one.operator.clone());
        let same = talker
            .as_ref()
            .is_some_and(|(talking, _)| *talking == operator);
        let claim = match same {
            true => talker.as_ref().and_then(|(_, claim)| *claim),
            false => match self.domain.claim(&operator, call, AT_ONCE, now) {
                Some(claim) => Some(claim),
                None => return self.respond_status(id, request, 486, now),
            },
        };
        let owner = Owner::Call(call);
        let own = Some(operator.clone());
        let leg = self.invited_leg(id, request, flow, (owner, Side::Operator), own, now);
        let leg = leg.ok();
        if let Some(leg) = leg {
            self.answer_invite(leg, now);
        }
        let Some(leg) = leg.filter(|leg| self.legs.get(leg).is_some_and(|leg| leg.is_up())) else {
            // Refused: it was not even a call with sound.
            if let Some(claim) = claim.filter(|_| !same) {
                let withdrawn = crate::event::RingEnd::Withdrawn;
                self.tell_queue(Input::RingFailed(claim, withdrawn), now);
            }
            return;
        };
        if !same {
            self.tell_parted(call, talker.as_ref(), "a colleague took the call over", now);
            let queue = self.line_of(call, talker.as_ref().and_then(|(_, claim)| *claim));
            if let Some(claim) = claim {
                self.claims.insert(claim, call);
                self.tell_queue(Input::Answered(claim), now);
                self.domain.hand_over(claim, call, queue);
            }
        }
        self.hold_over(old, now);
        if let Some((former, _)) = talker.as_ref().filter(|_| !same) {
            self.dismiss_supervisors(call, Some(former), now);
        }
        if let Some(one) = self.calls.get_mut(&call) {
            one.words.remove(&old);
            one.partner = Some(leg);
            one.operator = Some((operator.clone(), claim));
        }
        // §3: the dialog that is replaced ends with BYE.
        self.hang_up(old, now);
        if !same {
            self.talk_ended(talker, now);
            self.emit(Some(call), What::Connected { operator }, now);
        }
        self.connect_media(leg);
        self.save(call);
    }

    /// The call and the leg that an INVITE with Replaces means (RFC 3891 §3).
    fn judge_replacement(&self, request: &Request) -> Result<(CallId, LegId), u16> {
        let replaces = Replaces::of(&request.headers).map_err(|fault| fault.status())?;
        let replaces = replaces.ok_or(400_u16)?;
        let id = self
            .dialogs
            .get(&replaces.dialog())
            .copied()
            .ok_or(481_u16)?;
        let leg = self.legs.get(&id).ok_or(481_u16)?;
        if leg.ending {
            return Err(603);
        }
        // Callers' and carriers' dialogs are as good as unknown.
        let call = leg
            .call()
            .filter(|_| leg.operator.is_some())
            .ok_or(481_u16)?;
        let one = self.calls.get(&call).ok_or(481_u16)?;
        if one.partner != Some(id) || one.stage != Stage::Talking {
            return Err(481);
        }
        match replaces.early_only {
            true => Err(486),
            false => Ok((call, id)),
        }
    }
}
