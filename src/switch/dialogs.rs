//! Requests inside dialogs: the peer hangs up, holds, refreshes, acknowledges.

use super::dispatch::{ALLOW, SDP, SUPPORTED, capabilities};
use super::legs::{asked, session_expires};
use super::pbx::Switch;
use crate::call::Progress;
use crate::ids::LegId;
use crate::sip::acceptance::Acceptance;
use crate::sip::dialog::DialogId;
use crate::sip::flow::Flow;
use crate::sip::message::{Method, Name, Request, Response};
use crate::sip::session_timer;
use crate::sip::transaction::layer::ServerId;
use crate::time::Now;

/// The dialog that a request of the peer names.
pub(super) fn dialog_id(request: &Request) -> Option<DialogId> {
    let headers = &request.headers;
    Some(DialogId {
        call_id: headers.call_id().ok()?.to_owned(),
        local_tag: headers.to().ok()?.tag()?.to_owned(),
        remote_tag: headers.from().ok()?.tag().unwrap_or_default().to_owned(),
    })
}

impl Switch {
    pub(super) fn leg_of(&self, request: &Request) -> Option<LegId> {
        self.dialogs.get(&dialog_id(request)?).copied()
    }

    /// A request with a To tag (§12.2.2).
    pub(super) fn serve_in_dialog(
        &mut self,
        id: ServerId,
        request: &Request,
        flow: Flow,
        now: Now,
    ) {
        if let Some(dialog) = dialog_id(request).filter(|id| self.mailboxes.has(id)) {
            return self.resubscribed(id, request, &dialog, flow, now);
        }
        let Some(leg_id) = self.leg_of(request) else {
            return match self.ringing_leg_of(request) {
                Some(leg) => self.serve_early(leg, id, request, now),
                None => self.respond_status(id, request, 481, now),
            };
        };
        let number = request.headers.cseq().map_or(0, |cseq| cseq.number);
        let Some(leg) = self.legs.get_mut(&leg_id) else {
            return;
        };
        if !leg
            .dialog
            .as_mut()
            .is_some_and(|dialog| dialog.accepts_cseq(number))
        {
            return self.respond_status(id, request, 500, now);
        }
        // A phone that came by another connection or through a new NAT port is answered there.
        leg.flow = flow;
        if leg.ending && request.method != Method::Bye {
            return self.respond_status(id, request, 481, now);
        }
        match request.method {
            Method::Bye => {
                self.respond_status(id, request, 200, now);
                let call = self.legs.get(&leg_id).and_then(|leg| leg.call());
                self.note_reason(call, &request.headers);
                self.party_left(leg_id, now);
            }
            Method::Invite => self.reinvited(leg_id, id, request, now),
            Method::Update => self.updated(leg_id, id, request, now),
            Method::Prack => self.pracked(leg_id, id, request, now),
            Method::Options => {
                let response = capabilities(Response::to(request, 200));
                self.respond(id, request, response, now);
            }
            Method::Refer => self.referred(leg_id, id, request, now),
            Method::Info => self.informed(leg_id, id, request, now),
            Method::Other(_) => {
                let response = Response::to(request, 501).with(Name::Allow, ALLOW);
                self.respond(id, request, response, now);
            }
            _ => {
                let response = Response::to(request, 405).with(Name::Allow, ALLOW);
                self.respond(id, request, response, now);
            }
        }
    }

    /// What stands against a new offer now (§14.2, RFC 3311 §5.2, RFC 4028 §9).
    fn objection(&self, id: LegId, request: &Request) -> Option<Response> {
        let leg = self.legs.get(&id)?;
        let invites = request.method == Method::Invite;
        let unacknowledged = leg.reinvite.as_ref().is_some_and(Acceptance::is_waiting);
        let (invited, answer_due) = match leg.progress {
            Progress::Invited { .. } => (true, false),
            Progress::Calling { .. } => (false, false),
            Progress::Up { answer_due, .. } => (false, answer_due),
        };
        let offers = invites || !request.body.is_empty();
        // The peer owes an answer to an offer of ours before it may make one.
        if offers && answer_due {
            return Some(Response::to(request, 491));
        }
        if (invites && unacknowledged) || (offers && invited) {
            return Some(Response::to(request, 500).with(Name::RetryAfter, "1"));
        }
        // A refresh by UPDATE has no offer and stands against nothing.
        if offers && self.reinvites(leg) {
            return Some(Response::to(request, 491));
        }
        let timers = session_timer::answer(&asked(request), &session_timer::Settings::default());
        timers.err().map(|small| {
            let least = small.minimum.as_secs().to_string();
            Response::to(request, 422).with(Name::MinSe, least)
        })
    }

    fn reinvited(&mut self, id: LegId, server: ServerId, request: &Request, now: Now) {
        if let Some(objection) = self.objection(id, request) {
            return self.respond(server, request, objection, now);
        }
        let body = match self.describe(id, request, now) {
            Ok(body) => body,
            // The call goes on as it was (§14.2).
            Err(status) => return self.respond_status(server, request, status, now),
        };
        let response = self.granted(id, request, body, now);
        let bytes: std::sync::Arc<[u8]> = response.to_bytes().into();
        let cseq = request.headers.cseq().map_or(0, |cseq| cseq.number);
        if let Some(leg) = self.legs.get_mut(&id) {
            leg.reinvite = Some(Acceptance::new(bytes.clone(), cseq, now.at));
            if let Progress::Up { answer_due, .. } = &mut leg.progress {
                *answer_due = request.body.is_empty();
            }
        }
        let _ = self.layer.respond(server, 200, bytes, now.at);
        self.arm_leg(id);
        self.connect_media(id);
    }

    fn updated(&mut self, id: LegId, server: ServerId, request: &Request, now: Now) {
        if let Some(objection) = self.objection(id, request) {
            return self.respond(server, request, objection, now);
        }
        let body = if request.body.is_empty() {
            Ok(Vec::new())
        } else {
            self.describe(id, request, now)
        };
        match body {
            Ok(body) => {
                let response = self.granted(id, request, body, now);
                self.respond(server, request, response, now);
                self.arm_leg(id);
                self.connect_media(id);
            }
            Err(status) => self.respond_status(server, request, status, now),
        }
    }

    /// The 200 of a target refresh, with the session timer begun anew.
    pub(super) fn granted(
        &mut self,
        id: LegId,
        request: &Request,
        body: Vec<u8>,
        now: Now,
    ) -> Response {
        let mut response = Response::to(request, 200)
            .with(Name::Allow, ALLOW)
            .with(Name::Supported, SUPPORTED);
        let asked = asked(request);
        let Some(leg) = self.legs.get_mut(&id) else {
            return response;
        };
        response.headers.push(Name::Contact, leg.contact.clone());
        if request.headers.has(Name::Allow) {
            leg.allows_update = request.headers.lists(Name::Allow, "UPDATE");
        }
        if let Some(dialog) = &mut leg.dialog {
            dialog.refresh_target(&request.headers);
        }
        // Before our answer to its INVITE there is no dialog that could expire.
        let agreement = if leg.is_up() {
            let settings = session_timer::Settings::default();
            session_timer::answer_again(&asked, leg.timer.agreement(), &settings).unwrap_or(None)
        } else {
            None
        };
        if let Some(agreed) = agreement {
            response
                .headers
                .push(Name::SessionExpires, session_expires(&agreed.header()));
            if agreed.require {
                response.headers.push(Name::Require, "timer");
            }
        }
        leg.timer.start(agreement, now.at);
        if !body.is_empty() {
            response.headers.push(Name::ContentType, SDP);
            response.body = body;
        }
        response
    }

    fn pracked(&mut self, id: LegId, server: ServerId, request: &Request, now: Now) {
        let acknowledged = request.headers.rack().ok().and_then(|rack| {
            let leg = self.legs.get_mut(&id)?;
            let Progress::Invited {
                reliable: Some(machine),
                ..
            } = &mut leg.progress
            else {
                return None;
            };
            machine.acknowledge(&rack).ok()
        });
        match acknowledged {
            Some(()) => {
                // The INVITE's offer is not answered yet: there is no room for another (RFC 3262 §5).
                let status = if request.body.is_empty() { 200 } else { 488 };
                self.respond_status(server, request, status, now);
                self.answer_call(id, now);
            }
            None => self.respond_status(server, request, 481, now),
        }
    }

    /// An ACK of our 2xx, perhaps with the answer to our offer.
    pub(super) fn acknowledged(&mut self, request: &Request, now: Now) {
        let Some(id) = self.leg_of(request) else {
            return;
        };
        let Some(leg) = self.legs.get_mut(&id) else {
            return;
        };
        let Progress::Up {
            acceptance,
            answer_due,
            ..
        } = &mut leg.progress
        else {
            return;
        };
        let cseq = request.headers.cseq().map_or(0, |cseq| cseq.number);
        let acknowledges = |machine: &mut Acceptance| machine.acknowledge(cseq);
        if acceptance.take_if(acknowledges).is_none()
            && leg.reinvite.take_if(acknowledges).is_none()
        {
            // Of an INVITE that was acknowledged before, or of none.
            return;
        }
        if leg.ending {
            return self.hang_up(id, now);
        }
        let due = std::mem::take(answer_due);
        let call = leg.call();
        self.arm_leg(id);
        if !due {
            return;
        }
        match self.read_answer(id, &request.body) {
            Some(agreed) => {
                self.configure(id, agreed, now);
                self.connect_media(id);
                // Until here the call's snapshot told that the answer was owed.
                call.into_iter().for_each(|call| self.save(call));
            }
            // Without an answer there is no sound in either direction (RFC 3264 §4).
            None => self.leg_died(id, now),
        }
    }
}
