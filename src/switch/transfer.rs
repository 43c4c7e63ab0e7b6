//! An operator hands the caller on by REFER (RFC 3515): to another operator, to a queue, to a number of the
//! helpline, or outside (`onward.rs`). Until somebody has taken the call the operator may have it back.
//!
//! Nothing of the REFER reaches whoever is rung: the new INVITE is written as every one of ours.

use std::time::Duration;

use super::arrive::number_of;
use super::outgoing::Purpose;
use super::pbx::{Switch, Timer};
use super::place::{Permit, explained};
use crate::call::{Guest, Owner, Referral, Stage, Transfer};
use crate::dialplan::Number;
use crate::event::What;
use crate::ids::{CallId, LegId, OperatorId, QueueName};
use crate::media::Command;
use crate::sip::message::{Method, Name, Request, Response};
use crate::sip::refer::ReferTo;
use crate::sip::transaction::layer::ServerId;
use crate::time::Now;

/// How long the phone of whoever shall take the caller rings.
const RING_FOR: Duration = Duration::from_secs(25);
/// How long the implicit subscription lasts (RFC 3515 §2.4.4): longer than any ringing.
const SUBSCRIBED_FOR: Duration = Duration::from_secs(60);

/// To whom a caller is handed.
enum Target {
    Operator(OperatorId),
    Queue(QueueName),
    Number(Number),
    /// By the rules for calls of operators.
    Outside(Permit),
    /// Whoever the operator talks with on this leg.
    Party(LegId),
}

impl Switch {
    /// A REFER inside a dialog.
    pub(super) fn referred(&mut self, id: LegId, server: ServerId, request: &Request, now: Now) {
        let (call, target) = match self.judge_referral(id, request) {
            Ok(judged) => judged,
            Err(status) => return self.respond_status(server, request, status, now),
        };
        let target = match target {
            Target::Number(number) if !self.plan_has(call, &number) => {
                match self.permit_onward(id, number, now) {
                    Ok(permit) => Target::Outside(permit),
                    Err(refusal) => {
                        let response = Response::to(request, refusal.status);
                        let response = explained(response, &refusal.why);
                        return self.respond(server, request, response, now);
                    }
                }
            }
            other => other,
        };
        let wants_no_word = request
            .headers
            .text(Name::Other("Refer-Sub".into()))
            .is_some_and(|value| value.trim().eq_ignore_ascii_case("false"));
        let mut response = Response::to(request, 202);
        if let Some(leg) = self.legs.get_mut(&id) {
            response.headers.push(Name::Contact, leg.contact.clone());
            leg.referrals += 1;
            let number = request.headers.cseq().map_or(0, |cseq| cseq.number);
            let id = (leg.referrals > 1).then_some(number);
            leg.referral = (!wants_no_word).then_some(Referral { id });
        }
        if wants_no_word {
            // RFC 4488 §4.
            response
                .headers
                .push(Name::Other("Refer-Sub".into()), "false");
        }
        self.respond(server, request, response, now);
        self.notify(id, 100, now);
        self.hand_on(call, id, target, now);
    }

    /// Whether this leg may hand its caller on, and to whom; else the status to refuse with.
    fn judge_referral(&self, id: LegId, request: &Request) -> Result<(CallId, Target), u16> {
        let named = ReferTo::of(&request.headers).map_err(|fault| fault.status())?;
        let leg = self.legs.get(&id).ok_or(481_u16)?;
        // Callers and carriers cannot make us call anybody.
        let (Some(operator), Some(call)) = (&leg.operator, leg.call()) else {
            return Err(403);
        };
        let one = self.calls.get(&call).ok_or(481_u16)?;
        if named.method != "INVITE" {
            return Err(403);
        }
        if leg.referral.is_some() {
            return Err(491);
        }
        // Whoever would be handed on is more than one.
        let crowded = one.host.is_some() || one.coming.is_some();
        if crowded || one.guests.iter().any(Guest::is_party) {
            return Err(403);
        }
        if let Some(replaces) = &named.replaces {
            let party = self.dialogs.get(&replaces.dialog()).copied();
            let party = party.filter(|party| *party != id).ok_or(404_u16)?;
            let own = self.legs.get(&party).and_then(|leg| leg.operator.as_ref());
            return match own == Some(operator) {
                true => Ok((call, Target::Party(party))),
                false => Err(403),
            };
        }
        if one.partner != Some(id) || one.stage != Stage::Talking {
            return Err(403);
        }
        let user = named.uri.user().unwrap_or_default();
        let (other, queue) = (OperatorId(user.clone()), QueueName(user.clone()));
        if self.accounts.contains_key(&other) {
            return Ok((call, Target::Operator(other)));
        }
        if one.plan.queues.contains_key(&queue) {
            return Ok((call, Target::Queue(queue)));
        }
        let number = number_of(&named.uri).ok_or(404_u16)?;
        Ok((call, Target::Number(number)))
    }

    fn plan_has(&self, call: CallId, number: &Number) -> bool {
        let one = self.calls.get(&call);
        one.is_some_and(|one| one.plan.has_number(number))
    }

    fn hand_on(&mut self, call: CallId, leg: LegId, target: Target, now: Now) {
        if let Target::Party(other) = target {
            return self.join_parties(leg, other, now);
        }
        let talker = self.calls.get(&call).and_then(|one| one.operator.clone());
        let Some((operator, _)) = talker else {
            return self.notify(leg, 403, now);
        };
        let to = match &target {
            Target::Operator(other) => other.to_string(),
            Target::Queue(queue) => queue.to_string(),
            Target::Number(number) => number.to_string(),
            Target::Outside(permit) => permit.shown(),
            Target::Party(_) => String::new(),
        };
        self.emit(Some(call), What::Transfer { operator, to }, now);
        match target {
            Target::Operator(other) => {
                self.set_aside(call, leg, now);
                let until = now.at + RING_FOR;
                if let Some(one) = self.calls.get_mut(&call) {
                    one.stage = Stage::Ringing { until };
                }
                self.timers.set(Timer::Call(call), until);
                self.wait_with_music(call);
                if !self.ring_directly(call, &other, RING_FOR, now) {
                    self.timers.clear(&Timer::Call(call));
                    self.transfer_failed(call, 486, now);
                }
            }
            Target::Queue(queue) => {
                self.set_aside(call, leg, now);
                let what = What::Queued {
                    queue: queue.clone(),
                };
                self.emit(Some(call), what, now);
                self.join_queue(call, queue, None, now);
                self.transferred(call, now);
                self.save(call);
            }
            Target::Number(number) => {
                self.set_aside(call, leg, now);
                let known = self.calls.get(&call);
                let facts = known.map(|one| self.facts(&one.plan, one.caller.as_ref(), now));
                if let Some((one, facts)) = self.calls.get_mut(&call).zip(facts) {
                    one.stage = Stage::Arriving;
                    let plan = one.plan.clone();
                    let note = one.run.begin_again(&plan, &number, &facts);
                    self.tell_step(call, note, now);
                }
                self.transferred(call, now);
                self.advance(call, now);
            }
            Target::Outside(permit) => self.hand_outside(call, leg, permit, now),
            Target::Party(_) => {}
        }
    }

    /// Caller and operator hear each other no more; the operator's leg stays for the answer.
    pub(super) fn set_aside(&mut self, call: CallId, leg: LegId, now: Now) {
        self.hold_over(leg, now);
        self.talk_broken(call, now);
        let claim = self.calls.get(&call).and_then(|one| one.operator.clone());
        let queue = self.line_of(call, claim.and_then(|(_, claim)| claim));
        self.media(Command::Unbridge { leg });
        let Some(one) = self.calls.get_mut(&call) else {
            return;
        };
        one.partner = None;
        self.tapes.insert(call);
        if let Some((operator, claim)) = one.operator.take() {
            let leg = Some(leg);
            one.transfer = Some(Transfer {
                operator,
                leg,
                claim,
                queue,
            });
        }
    }

    /// Somebody has the caller now: whoever handed on is free.
    pub(super) fn transferred(&mut self, call: CallId, now: Now) {
        let transfer = self
            .calls
            .get_mut(&call)
            .and_then(|one| one.transfer.take());
        let Some(transfer) = transfer else {
            return;
        };
        // Whoever has the caller now rests afterwards as after any call of that line.
        let taken = self.calls.get(&call).and_then(|one| one.operator.clone());
        if let Some((_, Some(claim))) = taken {
            self.domain.hand_over(claim, call, transfer.queue);
        }
        let talker = (transfer.operator, transfer.claim);
        if let Some(leg) = transfer.leg {
            self.tell_parted(call, Some(&talker), "handed the caller on", now);
            self.let_go(leg, 200, now);
        }
        self.talk_ended(Some(talker), now);
    }

    /// A leg whose part is over: its phone is told so, and the leg ends when that is answered.
    pub(super) fn let_go(&mut self, id: LegId, status: u16, now: Now) {
        let Some(leg) = self.legs.get_mut(&id) else {
            return;
        };
        let Some(operator) = leg.operator.clone().filter(|_| leg.referral.is_some()) else {
            return self.hang_up(id, now);
        };
        leg.owner = Owner::Errand(operator);
        self.occupy(id, true, now);
        self.notify(id, status, now);
    }

    /// A `ring` step or a transfer came to nothing.
    pub(super) fn ring_step_over(&mut self, call: CallId, status: u16, now: Now) {
        if self
            .calls
            .get(&call)
            .is_some_and(|one| one.outgoing.is_some())
        {
            return self.outgoing_failed(call, status, now);
        }
        if self.attempt_in_vain(call, status, now) {
            return;
        }
        match self
            .calls
            .get(&call)
            .is_some_and(|one| one.transfer.is_some())
        {
            true => self.transfer_failed(call, status, now),
            false => self.advance(call, now),
        }
    }

    /// Nobody took the caller: back to the operator, or into the line if that one has hung up.
    fn transfer_failed(&mut self, call: CallId, status: u16, now: Now) {
        let transfer = self
            .calls
            .get_mut(&call)
            .and_then(|one| one.transfer.take());
        let Some(transfer) = transfer else {
            return;
        };
        if let Some(one) = self.calls.get_mut(&call) {
            one.onward = None;
        }
        let operator = transfer.operator.clone();
        self.emit(Some(call), What::TransferFailed { operator, status }, now);
        if let (Some(leg), Some(one)) = (transfer.leg, self.calls.get_mut(&call)) {
            one.stage = Stage::Talking;
            one.partner = Some(leg);
            one.operator = Some((transfer.operator.clone(), transfer.claim));
            self.connect_media(leg);
            let operator = transfer.operator;
            self.emit(Some(call), What::Connected { operator }, now);
            self.notify(leg, status, now);
            return self.save(call);
        }
        match transfer.queue {
            Some(queue) => {
                if let Some(one) = self.calls.get_mut(&call) {
                    one.stage = Stage::Arriving;
                }
                let speaking = Some(self.reassure(call, &queue));
                self.join_queue(call, queue, speaking, now);
                self.save(call);
            }
            None => self.advance(call, now),
        }
    }

    /// The leg that handed on is gone before anybody took the call. `false`: it is not such a leg.
    pub(super) fn transferor_left(&mut self, call: CallId, leg: LegId, now: Now) -> bool {
        let one = self.calls.get_mut(&call);
        let transfer = one.and_then(|one| one.transfer.as_mut());
        let Some(transfer) = transfer.filter(|transfer| transfer.leg == Some(leg)) else {
            return false;
        };
        transfer.leg = None;
        let talker = (transfer.operator.clone(), transfer.claim.take());
        self.tell_parted(
            call,
            Some(&talker),
            "hung up while handing the caller on",
            now,
        );
        self.talk_ended(Some(talker), now);
        self.save(call);
        true
    }

    /// Tells whoever handed on how it goes (RFC 3515 §2.4.5); a final status is the last word.
    pub(super) fn notify(&mut self, id: LegId, status: u16, now: Now) {
        let Some(leg) = self.legs.get_mut(&id) else {
            return;
        };
        let Some(referral) = leg.referral.clone() else {
            return;
        };
        let last = status >= 200;
        if last {
            leg.referral = None;
        }
        let event = match referral.id {
            Some(id) => format!("refer;id={id}"),
            None => "refer".to_owned(),
        };
        let state = match last {
            true => "terminated;reason=noresource".to_owned(),
            false => format!("active;expires={}", SUBSCRIBED_FOR.as_secs()),
        };
        let contact = leg.contact.clone();
        let reason = crate::sip::write::reason(status);
        let fill = |request: &mut Request| {
            let headers = &mut request.headers;
            headers.push(Name::Contact, contact);
            headers.push(Name::Event, event);
            headers.push(Name::Other("Subscription-State".into()), state);
            headers.push(Name::ContentType, "message/sipfrag;version=2.0");
            request.body = format!("SIP/2.0 {status} {reason}\r\n").into_bytes();
        };
        let purpose = Purpose::Notify(id, last);
        if self
            .send_in_dialog(id, Method::Notify, purpose, fill, now)
            .is_none()
            && last
        {
            self.notified(id, last, now);
        }
    }

    /// The phone heard our word, or it never will.
    pub(super) fn notified(&mut self, id: LegId, last: bool, now: Now) {
        let over = |leg: &crate::call::Leg| matches!(leg.owner, Owner::Errand(_));
        if last && self.legs.get(&id).is_some_and(over) {
            self.hang_up(id, now);
        }
    }
}
