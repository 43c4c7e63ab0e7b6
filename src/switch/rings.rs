//! Ringing operators' phones and outside numbers, and what becomes of it.

use std::collections::BTreeSet;
use std::time::Duration;

use super::arrive::shard_of;
use super::dispatch::{ALLOW, SDP, SUPPORTED};
use super::legs::{local_end, session_expires};
use super::outgoing::Purpose;
use super::pbx::{PlannedCall, Switch, Timer};
use crate::call::{Owner, Progress, Rung, Stage};
use crate::event::{RingEnd, Side, What};
use crate::ids::{CallId, LegId, OperatorId, PathName, TrunkName};
use crate::media::Command;
use crate::queue::{Action, ClaimId, Input};
use crate::registrar::Binding;
use crate::sip::dialog::MAX_FORWARDS;
use crate::sip::digest::Credentials;
use crate::sip::flow::Flow;
use crate::sip::headers::quote;
use crate::sip::message::{Headers, Method, Name, Request};
use crate::sip::session_timer::{Proposal, Settings};
use crate::sip::uri::Uri;
use crate::time::Now;

/// Call-ID and From tag.
pub(super) type Identity = (String, String);

/// What an INVITE of ours names.
pub(super) struct Invitation {
    pub(super) uri: Uri,
    pub(super) to: String,
    pub(super) from: String,
    pub(super) flow: Flow,
    pub(super) operator: Option<OperatorId>,
    pub(super) credentials: Option<Credentials>,
    /// By which trunk it goes out.
    pub(super) trunk: Option<TrunkName>,
    /// `None`: a new one.
    pub(super) identity: Option<Identity>,
    /// The proxies on the way (RFC 3327, RFC 3608).
    pub(super) path: Vec<String>,
}

/// Whose phone answered, and who rang in vain.
pub(super) type Winner = (Rung<ClaimId>, BTreeSet<LegId>, Vec<Rung<ClaimId>>);

impl Switch {
    /// The queue decided something.
    pub(super) fn queue_says(&mut self, action: Action, now: Now) {
        match action {
            Action::Ring {
                claim,
                operator,
                call,
                reason,
            } => {
                // What was decided earlier in the same breath may be taken back by now.
                if !self.domain.holds(claim) {
                    return;
                }
                let what = What::Ringing {
                    operator: operator.clone(),
                    reason,
                };
                self.emit(Some(call), what, now);
                if !self.ring_phones(call, &operator, claim, now) {
                    self.ring_over(call, Some(&operator), &RingEnd::Unreachable, now);
                }
            }
            Action::StopRinging {
                claim, call, why, ..
            } => {
                self.stop_rings(call, Some(claim), &why, now);
            }
            Action::Waits { call, reason } => self.emit(Some(call), What::Waits { reason }, now),
            Action::Full { call } => {
                let path = self.path_if_full(call);
                self.leave_queue(call, path.as_ref(), "the line is full", now);
            }
            Action::Announce { call, what } => self.announce(call, what, now),
            Action::Threshold { call, index } => self.waited_long(call, index, now),
            // Who is to be called back waits for the next shift.
            Action::NobodyOnShift { call }
                if (self.calls.get(&call)).is_some_and(PlannedCall::is_pending_callback) => {}
            Action::NobodyOnShift { call } => {
                let text = "a caller waits and nobody is on shift with a phone that can ring";
                self.alarm(Some(call), "nobody-on-shift", text.to_owned(), now);
                let path = self.path_if_empty(call);
                self.leave_queue(call, path.as_ref(), "nobody is on shift", now);
            }
            Action::Changed {
                operator,
                state,
                reason,
            } => {
                self.emit(
                    None,
                    What::Operator {
                        operator,
                        state,
                        reason,
                    },
                    now,
                );
            }
            Action::Alarm { kind, text } => self.alarm(None, kind, text, now),
        }
    }

    fn path_if_full(&self, call: CallId) -> Option<PathName> {
        let call = self.calls.get(&call)?;
        let Stage::Waiting { queue, .. } = &call.stage else {
            return None;
        };
        let full = call.plan.queues.get(queue)?.full.as_ref()?;
        Some(full.go.clone())
    }

    /// All phones of an operator ring together; `false`: none can.
    pub(super) fn ring_phones(
        &mut self,
        call: CallId,
        operator: &OperatorId,
        claim: ClaimId,
        now: Now,
    ) -> bool {
        let Some(one) = self.calls.get_mut(&call) else {
            // The caller left in the same breath.
            self.tell_queue(Input::RingFailed(claim, RingEnd::CallerLeft), now);
            return true;
        };
        one.rung.push(Rung {
            operator: operator.clone(),
            claim,
            refusal: None,
        });
        self.claims.insert(claim, call);
        let mut later = false;
        for binding in self.phones_of(operator) {
            if self.still_rings(operator, &binding) {
                later = true;
            } else {
                self.ring_phone(call, operator, &binding, now);
            }
        }
        later || self.rings_at(call, operator)
    }

    /// Whether a phone of the operator rings for the call.
    fn rings_at(&self, call: CallId, operator: &OperatorId) -> bool {
        let of_operator = |leg: &LegId| {
            let leg = self.legs.get(leg);
            leg.is_some_and(|leg| leg.operator.as_ref() == Some(operator))
        };
        let one = self.calls.get(&call);
        one.is_some_and(|one| one.rings.iter().any(of_operator))
    }

    /// Whether an INVITE to the phone was given up whose end has not come: CANCEL waits for a
    /// provisional response (§9.1), and until then the phone may ring, so that it would refuse another.
    fn still_rings(&self, operator: &OperatorId, binding: &Binding) -> bool {
        let uri = Uri::parse_lenient(&binding.contact);
        self.legs.values().any(|leg| {
            leg.operator.as_ref() == Some(operator)
                && leg
                    .cancelled_invite()
                    .is_some_and(|invite| invite.uri == uri)
        })
    }

    /// A given-up INVITE has ended: if the operator is claimed for another caller by now, it is the
    /// phone's turn.
    pub(super) fn ring_later(&mut self, operator: &OperatorId, uri: &Uri, now: Now) {
        let rung = |call: &&PlannedCall| {
            let waits = matches!(call.stage, Stage::Waiting { .. } | Stage::Ringing { .. });
            (waits || call.coming.is_some())
                && call.rung.iter().any(|rung| rung.operator == *operator)
        };
        let Some(call) = self.calls.values().find(rung).map(|call| call.id) else {
            return;
        };
        let mut phones = self.phones_of(operator).into_iter();
        let Some(binding) = phones.find(|one| Uri::parse_lenient(&one.contact) == *uri) else {
            return;
        };
        let rings = self.legs.values().any(|leg| {
            leg.call() == Some(call) && leg.operator.as_ref() == Some(operator) && leg.rings(uri)
        });
        if !rings && !self.still_rings(operator, &binding) {
            self.ring_phone(call, operator, &binding, now);
        }
    }

    pub(super) fn ring_phone(
        &mut self,
        call: CallId,
        operator: &OperatorId,
        binding: &Binding,
        now: Now,
    ) {
        let one = self.calls.get(&call);
        let caller = one.and_then(|one| one.caller.as_ref());
        // A colleague is no secret.
        let colleague = one.and_then(|one| self.legs.get(&one.caller_leg)?.operator.clone());
        let back = one.is_some_and(|one| one.callback.is_some());
        let shown = match (&colleague, caller) {
            (Some(colleague), _) => colleague.as_str(),
            (None, Some(caller)) => caller.as_str(),
            (None, None) => "anonymous",
        };
        let domain = &self.settings.domain;
        let invitation = Invitation {
            uri: Uri::parse_lenient(&binding.contact),
            to: format!("<sip:{operator}@{domain}>"),
            from: match back {
                true => format!(
                    "{} <sip:{shown}@{domain}>",
                    quote(&format!("callback {shown}"))
                ),
                false => format!("{} <sip:{shown}@{domain}>", quote(shown)),
            },
            flow: binding.flow,
            operator: Some(operator.clone()),
            credentials: None,
            path: binding.path.clone(),
            trunk: None,
            identity: None,
        };
        self.invite(call, invitation, now);
    }

    /// What stands above the offer.
    fn headers_of(&self, call: CallId, to: &Invitation, (call_id, tag): Identity) -> Headers {
        let proposal = Proposal::new(&Settings::default());
        let mut headers = Headers::with_capacity(14);
        let hops = match (&to.operator, self.calls.get(&call)) {
            (None, Some(call)) => call.hops.saturating_sub(1),
            _ => MAX_FORWARDS,
        };
        headers.push(Name::MaxForwards, hops.to_string());
        for proxy in &to.path {
            headers.push(Name::Route, proxy.as_str());
        }
        headers.push(Name::From, format!("{};tag={tag}", to.from));
        headers.push(Name::To, to.to.clone());
        headers.push(Name::CallId, call_id);
        headers.push(Name::CSeq, "1 INVITE");
        headers.push(
            Name::Contact,
            self.our_contact_as(to.uri.is_sips(), to.flow),
        );
        headers.push(Name::Allow, ALLOW);
        headers.push(Name::Supported, SUPPORTED);
        headers.push(Name::SessionExpires, session_expires(&proposal.header()));
        headers.push(Name::MinSe, proposal.minimum().as_secs().to_string());
        let operator = to.operator.as_ref();
        if let Some(info) = operator.and_then(|operator| self.call_info(call, operator)) {
            headers.push(Name::Other("Call-Info".into()), info);
        }
        headers.push(Name::ContentType, SDP);
        headers
    }

    /// Sends an INVITE as a new leg of a call.
    pub(super) fn invite(
        &mut self,
        call: CallId,
        invitation: Invitation,
        now: Now,
    ) -> Option<LegId> {
        let flow = invitation.flow;
        let place = self.audio_place(flow, &[])?;
        let peer = (invitation.operator.as_ref(), invitation.trunk.as_ref());
        let keying = self.keying_to_ring(call, flow, peer, now)?;
        let Some(media) = self.open_media(place, shard_of(call), now) else {
            let text = "no media port is free; widen [media] ports".to_owned();
            self.alarm_rarely("ports-exhausted", text, now);
            return None;
        };
        let id = media.0;
        let new = (self.token(), self.token());
        let identity = invitation.identity.clone().unwrap_or(new);
        let call_id = identity.0.clone();
        let headers = self.headers_of(call, &invitation, identity);
        let operator = invitation.operator.is_some();
        let codecs = self.codecs_of(flow, invitation.trunk.as_ref(), operator);
        let body = crate::sdp::offer(&local_end(&media.1, keying, codecs));
        let request = Request {
            method: Method::Invite,
            uri: invitation.uri,
            headers,
            body: body.clone(),
        };
        let purpose = Purpose::Invite(id);
        let credentials = invitation.credentials;
        let sent = self.send_request(request.clone(), flow, purpose, credentials.clone(), now);
        let Some(client) = sent else {
            self.closing
                .insert(id, (None, Side::Operator, media.1.port));
            self.media(Command::Close { leg: id });
            return None;
        };
        let invite = Box::new(request);
        let progress = Progress::Calling {
            client,
            invite,
            heard: false,
            ringing: false,
            cancelled: false,
            early: Vec::new(),
        };
        let owner = Owner::Call(call);
        self.new_leg(
            media,
            owner,
            Side::Operator,
            invitation.operator,
            progress,
            flow,
        );
        self.trace(id, &call_id);
        self.described(id, &body);
        if let Some(leg) = self.legs.get_mut(&id) {
            leg.credentials = credentials;
            leg.trunk = invitation.trunk;
        }
        if let Some(call) = self.calls.get_mut(&call) {
            call.rings.insert(id);
        }
        Some(id)
    }

    /// A `ring` step for an operator; `false`: busy, unknown or without a phone.
    pub(super) fn ring_directly(
        &mut self,
        call: CallId,
        operator: &OperatorId,
        wait: Duration,
        now: Now,
    ) -> bool {
        // A direct ring claims too: two calls never ring one operator.
        let Some(claim) = self.domain.claim(operator, call, wait, now) else {
            return false;
        };
        let reason = "ring step of the dialplan".to_owned();
        self.emit(
            Some(call),
            What::Ringing {
                operator: operator.clone(),
                reason,
            },
            now,
        );
        if self.ring_phones(call, operator, claim, now) {
            return true;
        }
        self.claims.remove(&claim);
        if let Some(call) = self.calls.get_mut(&call) {
            call.rung.retain(|rung| rung.claim != claim);
        }
        self.tell_queue(Input::RingFailed(claim, RingEnd::Unreachable), now);
        false
    }

    /// A phone of a ring rings.
    pub(super) fn phone_rings(&mut self, leg: LegId, now: Now) {
        if let Some(claim) = self.claim_of_ring(leg) {
            self.tell_queue(Input::RingStarted(claim), now);
        }
    }

    /// Under which claim a leg rings; `None`: a phone outside, or it rings no more.
    fn claim_of_ring(&self, leg: LegId) -> Option<ClaimId> {
        let leg = self.legs.get(&leg)?;
        let operator = leg.operator.as_ref()?;
        let mut rung = self.calls.get(&leg.call()?)?.rung.iter();
        let found = rung.find(|rung| rung.operator == *operator)?;
        Some(found.claim)
    }

    /// A phone refused or was not reached: the others ring on; with the last one the ring is over.
    pub(super) fn ring_refused(&mut self, id: LegId, status: u16, now: Now) {
        if self.dial_goes_on(id, status, now) {
            return;
        }
        let Some(leg) = self.legs.get(&id) else {
            return;
        };
        let (call, operator) = (leg.call(), leg.operator.clone());
        let failed = self.failed_flow(id, status);
        self.phone_refused(id, status, now);
        self.forget_leg(id, now);
        let Some(call) = call else { return };
        if let Some((operator, binding)) = failed {
            self.ring_other_flow(call, &operator, &binding, now);
        }
        let Some(one) = self.calls.get_mut(&call) else {
            return;
        };
        if !one.rings.remove(&id) {
            return;
        }
        let mut rung = one.rung.iter_mut();
        let rung = rung.find(|rung| Some(&rung.operator) == operator.as_ref());
        let mut said = status;
        if let Some(rung) = rung {
            said = best(rung.refusal, status);
            rung.refusal = Some(said);
        }
        let rings_on = match &operator {
            Some(operator) => self.rings_at(call, operator),
            None => !one.rings.is_empty(),
        };
        if rings_on {
            return;
        }
        let why = match said {
            408 | 503 => RingEnd::Unreachable,
            status => RingEnd::Declined { status },
        };
        self.ring_over(call, operator.as_ref(), &why, now);
    }

    /// No phone of the operator rings any more, and nobody answered; `None`: one outside.
    pub(super) fn ring_over(
        &mut self,
        call: CallId,
        operator: Option<&OperatorId>,
        why: &RingEnd,
        now: Now,
    ) {
        let Some(one) = self.calls.get_mut(&call) else {
            return;
        };
        let direct = matches!(one.stage, Stage::Ringing { .. });
        let outside = one.outgoing.is_some();
        let rung = one
            .rung
            .extract_if(.., |rung| Some(&rung.operator) == operator);
        for Rung {
            operator, claim, ..
        } in rung.collect::<Vec<_>>()
        {
            self.tell_ring_end(call, operator, why, now);
            self.claims.remove(&claim);
            self.tell_queue(Input::RingFailed(claim, why.clone()), now);
        }
        let one = self.calls.get(&call);
        let others = one.is_some_and(|one| !one.rung.is_empty() || !one.rings.is_empty());
        if direct && !others {
            self.timers.clear(&Timer::Call(call));
            let status = match why {
                RingEnd::Declined { status } => *status,
                RingEnd::Unreachable if outside => 503,
                _ => 480,
            };
            self.ring_step_over(call, status, now);
        } else {
            self.not_come(call, why, now);
        }
    }

    fn tell_ring_end(&mut self, call: CallId, operator: OperatorId, why: &RingEnd, now: Now) {
        let why = why.clone();
        self.emit(Some(call), What::RingEnded { operator, why }, now);
    }

    /// Lets all phones be silent that ring for a call (with `claim`: only those that ring under it).
    /// The claim is given up here unless the queue did so already.
    pub(super) fn stop_rings(
        &mut self,
        call: CallId,
        claim: Option<ClaimId>,
        why: &RingEnd,
        now: Now,
    ) {
        let Some(one) = self.calls.get_mut(&call) else {
            return;
        };
        let meant = |rung: &mut Rung<ClaimId>| claim.is_none_or(|claim| rung.claim == claim);
        let stopped: Vec<_> = one.rung.extract_if(.., meant).collect();
        let of_stopped = |leg: &LegId| {
            let operator = self.legs.get(leg).and_then(|leg| leg.operator.as_ref());
            let mut stopped = stopped.iter();
            claim.is_none() || stopped.any(|rung| Some(&rung.operator) == operator)
        };
        let legs: Vec<LegId> = one.rings.extract_if(.., of_stopped).collect();
        for leg in legs {
            if *why == RingEnd::NoAnswer {
                self.rung_in_vain(leg, now);
            }
            self.hang_up(leg, now);
        }
        for rung in stopped {
            self.tell_ring_end(call, rung.operator, why, now);
            self.claims.remove(&rung.claim);
            match claim {
                None => self.tell_queue(Input::RingFailed(rung.claim, why.clone()), now),
                // The queue's clock: nobody came into the talk.
                Some(_) => self.not_come(call, why, now),
            }
        }
    }

    /// A phone answered: the two are connected, and then the other phones stop.
    pub(super) fn ring_answered(&mut self, id: LegId, now: Now) {
        let call = self.legs.get(&id).and_then(|leg| leg.call());
        let Some(call) = call.filter(|call| self.calls.contains_key(call)) else {
            return self.hang_up(id, now);
        };
        if self.guest_answered(call, id, now) {
            return;
        }
        let Some(one) = self.calls.get_mut(&call) else {
            return;
        };
        if one.stage == Stage::Talking || !one.rings.remove(&id) {
            return self.hang_up_loser(id, now);
        }
        if self.callback_answered(call, id, now) {
            return;
        }
        if !self.answer_operator(call, now) {
            return self.hang_up(id, now);
        }
        let Some(one) = self.calls.get_mut(&call) else {
            return;
        };
        one.stage = Stage::Talking;
        one.partner = Some(id);
        if let Some(onward) = &mut one.onward {
            onward.since = Some(now.wall);
        }
        let others = std::mem::take(&mut one.rings);
        let rung = std::mem::take(&mut one.rung);
        let winner = self.legs.get(&id).and_then(|leg| leg.operator.clone());
        let (won, lost): (Vec<_>, Vec<_>) = rung
            .into_iter()
            .partition(|rung| Some(&rung.operator) == winner.as_ref());
        let won = won.into_iter().next();
        one.operator = won
            .as_ref()
            .map(|rung| (rung.operator.clone(), Some(rung.claim)));
        self.dialling.remove(&call);
        self.timers.clear(&Timer::Call(call));
        self.connect_media(id);
        self.wait_is_over(call, now);
        let placed = self.operator_outside(call);
        let claim = won.as_ref().map(|rung| rung.claim);
        let who = won.map(|rung| rung.operator).or(placed);
        let who = who.unwrap_or_else(|| "outside".into());
        self.emit(Some(call), What::Connected { operator: who }, now);
        if let Some(claim) = claim {
            self.tell_queue(Input::Answered(claim), now);
        }
        self.transferred(call, now);
        self.losers_stop(call, others, lost, now);
        self.called_again(call, now);
        self.save(call);
    }

    /// Whose phone answered, with the legs and the operators that rang in vain.
    pub(super) fn take_winner(&mut self, call: CallId, leg: LegId) -> Option<Winner> {
        let operator = self.legs.get(&leg)?.operator.clone();
        let one = self.calls.get_mut(&call)?;
        let others = std::mem::take(&mut one.rings);
        let rung = std::mem::take(&mut one.rung).into_iter();
        let (won, lost): (Vec<_>, Vec<_>) =
            rung.partition(|rung| Some(&rung.operator) == operator.as_ref());
        Some((won.into_iter().next()?, others, lost))
    }

    /// Those who rang in vain stop once the two are connected, not before.
    pub(super) fn losers_stop(
        &mut self,
        call: CallId,
        legs: BTreeSet<LegId>,
        lost: Vec<Rung<ClaimId>>,
        now: Now,
    ) {
        for leg in legs {
            self.hang_up_loser(leg, now);
        }
        for rung in lost {
            self.claims.remove(&rung.claim);
            self.tell_ring_end(call, rung.operator, &RingEnd::AnsweredElsewhere, now);
            // The queue gave up the claims that are its own; those of a group are given up here.
            self.tell_queue(
                Input::RingFailed(rung.claim, RingEnd::AnsweredElsewhere),
                now,
            );
        }
    }
}

/// RFC 3261 §16.7 step 6, as far as it is of use here: a busy or declining phone says more than one
/// that was not reached.
fn best(old: Option<u16>, new: u16) -> u16 {
    match old {
        Some(old) if !matches!(old, 408 | 503) => old,
        _ => new,
    }
}
