//! An operator calls a number outside: allowed by the dialplan, over the trunks, with early sound.

use std::time::Duration;

use super::arrive::{Called, number_of};
use super::dispatch::ALLOW;
use super::pbx::{PlannedCall, Switch, Timer};
use super::spending::{PastCall, Spent, minutes};
use crate::call::{Outgoing, Owner, Progress, Stage};
use crate::dialplan::outgoing::EMERGENCY;
use crate::dialplan::run::Arrival;
use crate::dialplan::{Number, Run};
use crate::event::{Cause, Direction, Side, What};
use crate::ids::{CallId, LegId, OperatorId, TrunkName};
use crate::media::Command;
use crate::private::Private;
use crate::sip::dialog::MAX_FORWARDS;
use crate::sip::flow::Flow;
use crate::sip::headers::quote;
use crate::sip::message::{Name, Request, Response};
use crate::sip::transaction::layer::ServerId;
use crate::speech::refusal::Why;
use crate::time::Now;

/// How long a number outside may ring (RFC 3261 §16.6, timer C).
const RING_FOR: Duration = Duration::from_secs(180);

/// A call that may be begun.
pub(super) struct Permit {
    pub(super) number: Number,
    pub(super) class: String,
    pub(super) trunks: Vec<TrunkName>,
}

/// Why one may not.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: u16,
    /// For whoever looks at the phone or into the journal.
    pub(super) why: String,
    /// For whoever listens.
    pub(super) words: Why,
}

impl Refusal {
    pub(super) fn new(status: u16, why: impl Into<String>, words: Why) -> Self {
        Self {
            status,
            why: why.into(),
            words,
        }
    }
}

impl Switch {
    /// An operator who proved who that is dialled a number outside.
    pub(super) fn place(
        &mut self,
        id: ServerId,
        request: &Request,
        operator: OperatorId,
        flow: Flow,
        now: Now,
    ) {
        let Some(number) = number_of(&request.uri) else {
            return self.respond_status(id, request, 404, now);
        };
        let called = Called {
            id,
            request,
            flow,
            operator,
        };
        self.place_to(called, number, now);
    }

    /// The same to a number.
    pub(super) fn place_to(&mut self, called: Called<'_>, number: Number, now: Now) {
        let Called {
            id,
            request,
            flow,
            operator,
        } = called;
        let permit = match self.permit(number, now) {
            Ok(permit) => permit,
            Err(refusal) => {
                let what = What::Refused {
                    operator: operator.clone(),
                    why: refusal.why.clone(),
                };
                self.emit(None, what, now);
                let called = Called {
                    id,
                    request,
                    flow,
                    operator,
                };
                return self.refuse_aloud(called, refusal, now);
            }
        };
        if self.can_take(id, request, now).is_err() {
            return;
        }
        let call = self.new_call_id_beside(&operator, now);
        let owner = (Owner::Call(call), Side::Caller);
        let who = Some(operator.clone());
        let Ok(leg) = self.invited_leg(id, request, flow, owner, who, now) else {
            return;
        };
        // What we can agree on with the phone is known before anybody else is disturbed.
        if !request.body.is_empty()
            && let Err(status) = self.describe(leg, request, now)
        {
            self.respond_status(id, request, status, now);
            return self.forget_leg(leg, now);
        }
        self.begin_outgoing(call, leg, request, &permit, operator, now);
        if !self.dial(call, &permit.number, permit.trunks, now) {
            self.outgoing_failed(call, 503, now);
        }
    }

    /// Whether and how a number may be called now.
    pub(super) fn permit(&mut self, number: Number, now: Now) -> Result<Permit, Refusal> {
        let plan = self.plan.clone();
        let found = plan.destination(&number);
        let wanted = found.map(|one| one.trunks.as_slice()).unwrap_or_default();
        let mut trunks = self.trunks_out(wanted);
        if number.is_emergency() {
            // Whatever the plan says of it, any trunk will do in the end.
            for other in self.trunks_out(&[]) {
                if !trunks.contains(&other) {
                    trunks.push(other);
                }
            }
            return some_trunk(trunks).map(|trunks| Permit {
                number,
                class: EMERGENCY.to_owned(),
                trunks,
            });
        }
        let Some(destination) = found else {
            let why = "the dialplan allows no calls to such numbers; see outgoing";
            return Err(Refusal::new(403, why, Why::NotAllowed));
        };
        let Spent { calls, minutes } = self.spent(&destination.name, now);
        if let Some(why) = destination.exhausted(calls, minutes) {
            let why = format!("{}: {why}", destination.name);
            return Err(Refusal::new(403, why, Why::CapReached));
        }
        some_trunk(trunks).map(|trunks| Permit {
            number,
            class: destination.name.clone(),
            trunks,
        })
    }

    /// Whether the caps of today leave room for one more call to this number.
    pub(super) fn is_within_caps(&mut self, number: &Number, now: Now) -> bool {
        let plan = self.plan.clone();
        plan.destination(number).is_none_or(|destination| {
            let Spent { calls, minutes } = self.spent(&destination.name, now);
            destination.exhausted(calls, minutes).is_none()
        })
    }

    /// Today's calls of a class, with those that go on.
    fn spent(&mut self, class: &str, now: Now) -> Spent {
        let zone = self.plan.zone.clone();
        let mut spent = self.spending.of(class, &zone, now.wall);
        for call in self.calls.values() {
            let guests = call.guests.iter().chain(&call.host);
            let guests = guests.filter_map(|guest| guest.cost.as_ref());
            let coming = call.coming.iter().filter_map(|one| one.cost.as_ref());
            let both = call.outgoing.iter().chain(&call.onward);
            let callback = call.callback.iter().filter_map(|one| one.cost.as_ref());
            let both = both.chain(guests).chain(coming).chain(callback);
            for outgoing in both.filter(|one| one.class == class) {
                let since = outgoing.since.map(|since| now.wall.since(since));
                spent.add(since.map_or(0, minutes));
            }
        }
        spent
    }

    /// Its record begins. The number itself stands in no event: a child's may be among them.
    fn begin_outgoing(
        &mut self,
        call: CallId,
        leg: LegId,
        request: &Request,
        permit: &Permit,
        operator: OperatorId,
        now: Now,
    ) {
        let number = permit.number.to_string();
        let mut named = None;
        let (caller, dialled) = match permit.number.is_emergency() {
            true => (None, number),
            false => {
                named = Some(self.name(&Private::new(number)));
                let callee = named.as_ref().map(|named| named.caller.clone());
                (callee, permit.class.clone())
            }
        };
        let plan = self.plan.clone();
        let facts = self.facts(&plan, None, now);
        let (mut run, _) = Run::start(&plan, Arrival::default(), &facts);
        run.end();
        let trunk = permit.trunks.first().cloned();
        let trunk = trunk.unwrap_or_else(|| TrunkName::from("none"));
        let what = What::Arrived {
            caller: caller.clone(),
            dialled: dialled.clone(),
            trunk: trunk.clone(),
            plan: plan.hash.clone(),
            language: run.language(),
            direction: Direction::Out,
            operator: Some(operator),
        };
        self.emit(Some(call), what, now);
        if let Some(named) = named {
            self.tell_renamed(call, &named, now);
        }
        let until = now.at + RING_FOR;
        self.timers.set(Timer::Call(call), until);
        let hops = request.headers.max_forwards().unwrap_or(None);
        let (ids, hops) = ((call, leg), hops.unwrap_or(MAX_FORWARDS));
        let new = PlannedCall::new(ids, caller, dialled, trunk, (plan, run), hops);
        let class = permit.class.clone();
        let placed = PlannedCall {
            stage: Stage::Ringing { until },
            outgoing: Some(Outgoing { class, since: None }),
            ..new
        };
        self.calls.insert(call, placed);
    }

    /// The operator's leg of an outgoing call that nobody has answered.
    fn waiting_operator(&self, leg: LegId) -> Option<(LegId, ServerId, Request)> {
        let call = self.legs.get(&leg)?.call()?;
        let one = self.calls.get(&call).filter(|one| one.outgoing.is_some())?;
        match &self.legs.get(&one.caller_leg)?.progress {
            Progress::Invited { server, invite, .. } => {
                Some((one.caller_leg, *server, (**invite).clone()))
            }
            _ => None,
        }
    }

    /// A provisional response of the carrier: its sound is the operator's from here on, and without one
    /// the phone makes its own ringing tone.
    pub(super) fn tell_progress(&mut self, leg: LegId, response: &Response, first: bool, now: Now) {
        let Some((own, server, invite)) = self.waiting_operator(leg) else {
            return;
        };
        // Whoever wants all of them acknowledged gets none but 100 (RFC 3262 §3 lets us choose).
        if response.status == 100 || invite.headers.lists(Name::Require, "100rel") {
            return;
        }
        let sound = match response.body.is_empty() || invite.body.is_empty() {
            true => None,
            false => self.read_answer(leg, &response.body),
        };
        let status = if sound.is_some() { 183 } else { 180 };
        if sound.is_none() && !first {
            return;
        }
        let Some(one) = self.legs.get(&own) else {
            return;
        };
        let tag = one
            .dialog
            .as_ref()
            .map(|dialog| dialog.id.local_tag.clone());
        let mut progress = Response::to(&invite, status)
            .with_record_route(&invite)
            .with_tag(&tag.unwrap_or_default())
            .with(Name::Contact, one.contact.clone())
            .with(Name::Allow, ALLOW);
        if let Some(agreed) = sound {
            progress
                .headers
                .push(Name::ContentType, super::dispatch::SDP);
            progress.body = one.media.described.reveal().clone().into_bytes();
            self.configure(leg, agreed, now);
            self.media(Command::Bridge {
                a: own,
                b: leg,
                keeps_keys: None,
            });
        }
        let _ = self
            .layer
            .respond(server, status, progress.to_bytes().into(), now.at);
    }

    /// Somebody outside answered: so do we, to the operator. `false`: the operator's phone cannot.
    pub(super) fn answer_operator(&mut self, call: CallId, now: Now) -> bool {
        let Some(one) = self.calls.get_mut(&call) else {
            return false;
        };
        let Some(outgoing) = &mut one.outgoing else {
            return true;
        };
        outgoing.since = Some(now.wall);
        let leg = one.caller_leg;
        self.answer_invite(leg, now);
        let up = self.legs.get(&leg).is_some_and(|leg| leg.is_up());
        if up && self.calls.contains_key(&call) {
            self.emit(Some(call), What::Answered, now);
        }
        up && self.calls.contains_key(&call)
    }

    /// Who called outside, where a call is one.
    pub(super) fn operator_outside(&self, call: CallId) -> Option<OperatorId> {
        let one = self.calls.get(&call).filter(|one| one.outgoing.is_some())?;
        self.legs.get(&one.caller_leg)?.operator.clone()
    }

    /// Nobody outside took the call; the operator's phone says why.
    pub(super) fn outgoing_failed(&mut self, call: CallId, status: u16, now: Now) {
        let Some(one) = self.calls.get(&call) else {
            return;
        };
        let leg = one.caller_leg;
        if let Some(Progress::Invited { server, invite, .. }) =
            self.legs.get(&leg).map(|leg| &leg.progress)
        {
            let (server, invite) = (*server, invite.clone());
            let response = match status {
                404 | 410 | 480 | 484 | 486 | 488 | 600 | 603 | 604 | 606..=608 => {
                    Response::to(&invite, status)
                }
                408 => explained(Response::to(&invite, 480), "nobody answers"),
                _ => explained(Response::to(&invite, 503), "no trunk takes the call now"),
            };
            self.respond(server, &invite, response, now);
            self.forget_leg(leg, now);
        }
        self.end_call(call, Side::Operator, Cause::NotReached, now);
    }

    /// An outgoing call is over: its minutes are booked.
    pub(super) fn book(&mut self, outgoing: Option<Outgoing>, now: Now) {
        if let Some(Outgoing {
            class,
            since: Some(connected),
        }) = outgoing
        {
            let past = PastCall {
                class,
                connected,
                ended: now.wall,
            };
            self.book_past(&past, now);
        }
    }

    /// Books a call of the past, also of a process before.
    pub(super) fn book_past(&mut self, past: &PastCall, now: Now) {
        let zone = self.plan.zone.clone();
        self.spending.book(past, &zone, now.wall);
    }
}

fn some_trunk(trunks: Vec<TrunkName>) -> Result<Vec<TrunkName>, Refusal> {
    match trunks.is_empty() {
        true => {
            let why = "no trunk takes calls: give one a peer";
            Err(Refusal::new(503, why, Why::NoLine))
        }
        false => Ok(trunks),
    }
}

/// With words for whoever looks at the phone (§20.43), which some phones show and others log.
pub(super) fn explained(mut response: Response, why: &str) -> Response {
    response.reason = format!("{} ({why})", response.reason);
    let warning = format!("399 qaynar {}", quote(why));
    response.with(Name::Warning, warning)
}
