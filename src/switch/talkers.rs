//! One of a talk leaves. Whoever of three it is, the others talk on; of the last two, the call ends with
//! either. Supervisors do not count.

use super::parting::Talker;
use super::pbx::Switch;
use crate::call::{Guest, Role, Stage};
use crate::event::{Part, RingEnd, What};
use crate::ids::{CallId, LegId, OperatorId};
use crate::queue::ClaimId;
use crate::time::{Instant, Now};

impl Switch {
    /// A leg of a talk is gone. `false`: it was one of the last two, or there is no talk.
    pub(super) fn talks_on_without(
        &mut self,
        id: CallId,
        leg: LegId,
        reason: &str,
        now: Now,
    ) -> bool {
        let Some(call) = self.calls.get_mut(&id).filter(|call| call.is_talking()) else {
            return false;
        };
        call.words.remove(&leg);
        if let Some(at) = call.guests.iter().position(|guest| guest.leg == leg) {
            let guest = call.guests.remove(at);
            self.guest_over(id, guest, reason, now);
            self.connect(id);
            self.save(id);
            return true;
        }
        let is_partner = call.partner == Some(leg);
        // An operator goes on with the caller; whom an operator goes on with is anybody.
        let rank = |guest: &Guest<ClaimId>| (guest.part() == Some(Part::Operator)) != is_partner;
        let heirs = (0..)
            .zip(&call.guests)
            .filter(|(_, guest)| guest.is_party());
        let heir = heirs.min_by_key(|(_, guest)| rank(guest)).map(|(at, _)| at);
        match heir {
            Some(at) if is_partner => self.partner_left(id, leg, at, reason, now),
            Some(at) => self.caller_left(id, leg, at, reason, now),
            None if is_partner => return self.waits_for_help(id, leg, now),
            None => return false,
        }
        self.connect(id);
        self.save(id);
        true
    }

    /// What was a guest's own is given back.
    pub(super) fn guest_over(&mut self, id: CallId, guest: Guest<ClaimId>, reason: &str, now: Now) {
        let Guest {
            role,
            who,
            claim,
            cost,
            since,
            ..
        } = guest;
        match role {
            Role::Supervisor { how, beside } => {
                let what = What::Supervised {
                    supervisor: OperatorId::from(who.as_str()),
                    operator: beside,
                    how,
                    began: since,
                };
                self.emit(Some(id), what, now);
            }
            Role::Party(part) => {
                let (left, reason) = (who.clone(), reason.to_owned());
                let what = What::LeftTalk {
                    who: left,
                    part,
                    reason,
                };
                self.hold_over(guest.leg, now);
                self.emit(Some(id), what, now);
                let operator = OperatorId::from(who.as_str());
                self.dismiss_supervisors(id, Some(&operator), now);
                self.talk_ended(Some((operator, claim)), now);
                self.book(cost, now);
            }
        }
    }

    /// Whoever hears the talk of this operator, or of anybody, hears it no more.
    pub(super) fn dismiss_supervisors(&mut self, id: CallId, whose: Option<&OperatorId>, now: Now) {
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        let meant = |guest: &mut Guest<ClaimId>| {
            let beside = guest.supervises().map(|(_, beside)| beside);
            beside.is_some_and(|beside| whose.is_none_or(|whose| whose == beside))
        };
        let gone: Vec<Guest<ClaimId>> = call.guests.extract_if(.., meant).collect();
        for guest in gone {
            let leg = guest.leg;
            self.guest_over(id, guest, "", now);
            self.hang_up(leg, now);
        }
    }

    /// The two are parted, and the caller goes on alone: nobody comes into their talk, and nobody hears it.
    pub(super) fn talk_broken(&mut self, id: CallId, now: Now) {
        if let Some(call) = self.calls.get_mut(&id) {
            call.wanted.clear();
        }
        if self.brings(id) {
            self.call_off(id, &RingEnd::Withdrawn, now);
        }
        self.dismiss_supervisors(id, None, now);
        if let Some(call) = self.calls.get_mut(&id) {
            call.words.clear();
        }
    }

    /// All guests of a call that is over.
    pub(super) fn guests_over(&mut self, id: CallId, now: Now) {
        self.dismiss_supervisors(id, None, now);
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        call.coming = None;
        let guests = std::mem::take(&mut call.guests);
        let host = call.host.take();
        for guest in guests.into_iter().chain(host) {
            let leg = guest.leg;
            self.guest_over(id, guest, "the call is over", now);
            self.hang_up(leg, now);
        }
    }

    /// The operator left; the guest at this place is the caller's from here on.
    fn partner_left(&mut self, id: CallId, leg: LegId, at: usize, reason: &str, now: Now) {
        self.hold_over(leg, now);
        let talked = self.calls.get(&id).and_then(|call| call.operator.clone());
        let queue = self.line_of(id, talked.as_ref().and_then(|(_, claim)| *claim));
        self.onward_over(id, now);
        self.tell_parted(id, talked.as_ref(), reason, now);
        if let Some((operator, _)) = &talked {
            self.dismiss_supervisors(id, Some(operator), now);
        }
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        let guest = call.guests.remove(at);
        let colleague = guest.part() == Some(Part::Operator);
        let operator = match colleague {
            true => OperatorId::from(guest.who.as_str()),
            false => "outside".into(),
        };
        call.partner = Some(guest.leg);
        call.operator = colleague.then(|| (operator.clone(), guest.claim));
        call.onward = guest.cost;
        if let Some(claim) = guest.claim {
            self.domain.hand_over(claim, id, queue);
        }
        self.talk_ended(talked, now);
        self.emit(Some(id), What::Connected { operator }, now);
    }

    /// The caller left; the guest at this place takes the caller's.
    fn caller_left(&mut self, id: CallId, leg: LegId, at: usize, reason: &str, now: Now) {
        self.hold_over(leg, now);
        // Who called outside is an operator whom somebody may supervise.
        let operator = self.operator_outside(id);
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        let guest = call.guests.remove(at);
        call.caller_leg = guest.leg;
        match call.host.replace(guest) {
            Some(host) => self.guest_over(id, host, reason, now),
            None => {
                let part = Part::Caller;
                let who = operator.as_ref().map_or("caller", OperatorId::as_str);
                let (who, reason) = (who.to_owned(), reason.to_owned());
                self.emit(Some(id), What::LeftTalk { who, part, reason }, now);
            }
        }
        if let Some(operator) = operator {
            self.dismiss_supervisors(id, Some(&operator), now);
        }
    }

    /// The operator left while a service rings: the caller is not left alone, but waits for it, and where
    /// it does not come, for an operator.
    fn waits_for_help(&mut self, id: CallId, leg: LegId, now: Now) -> bool {
        let Some(call) = self.calls.get(&id) else {
            return false;
        };
        let coming = call.coming.as_ref();
        let rings = coming.is_some_and(|coming| coming.part == Part::Service);
        if !rings || call.host.is_some() || call.outgoing.is_some() {
            return false;
        }
        let talked: Option<Talker> = call.operator.clone();
        self.hold_over(leg, now);
        let reason = "hung up; the caller waits for the service";
        self.tell_parted(id, talked.as_ref(), reason, now);
        self.dismiss_supervisors(id, None, now);
        self.onward_over(id, now);
        let timer = super::pbx::Timer::Call(id);
        let until: Instant = self.timers.deadline(&timer).unwrap_or(now.at);
        if let Some(call) = self.calls.get_mut(&id) {
            (call.partner, call.operator, call.coming) = (None, None, None);
            call.wanted.clear();
            call.words.clear();
            call.stage = Stage::Ringing { until };
            call.run = call.resume.clone();
        }
        self.wait_with_music(id);
        self.talk_ended(talked, now);
        self.save(id);
        true
    }
}
