//! Requests inside dialogs: the peer hangs up, holds, refreshes, acknowledges.

use super::dispatch::{ALLOW, SDP, SUPPORTED, capabilities};
use super::legs::{asked, session_expires};
use super::pbx::Switch;
use crate::call::Progress;
use crate::ids::LegId;
use crate::media::Direction;
use crate::sdp::Description;
use crate::sip::acceptance::Acceptance;
use crate::sip::dialog::DialogId;
use crate::sip::flow::Flow;
use crate::sip::message::{Method, Name, Request, Response};
use crate::sip::session_timer;
use crate::sip::transaction::layer::ServerId;
use crate::time::Now;

/// The dialog that a request of the peer names.
fn dialog_id(request: &Request) -> Option<DialogId> {
    let headers = &request.headers;
    Some(DialogId {
        call_id: headers.call_id().ok()?.to_owned(),
        local_tag: headers.to().ok()?.tag()?.to_owned(),
        remote_tag: headers.from().ok()?.tag().unwrap_or_default().to_owned(),
    })
}

impl Switch {
    fn leg_of(&self, request: &Request) -> Option<LegId> {
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
        let Some(leg_id) = self.leg_of(request) else {
            return self.respond_status(id, request, 481, now);
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
        match request.method {
            Method::Bye => {
                self.respond_status(id, request, 200, now);
                self.party_left(leg_id, now);
            }
            Method::Invite => self.reinvited(leg_id, id, request, now),
            Method::Update => self.updated(leg_id, id, request, now),
            Method::Prack => self.pracked(leg_id, id, request, now),
            Method::Options => {
                let response = capabilities(Response::to(request, 200));
                self.respond(id, request, response, now);
            }
            Method::Info => self.respond_status(id, request, 200, now),
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
        let unacknowledged = leg.reinvite.as_ref().is_some_and(Acceptance::is_waiting);
        let invited = matches!(leg.progress, Progress::Invited { .. });
        if request.method == Method::Invite && (unacknowledged || invited) {
            return Some(Response::to(request, 500).with(Name::RetryAfter, "1"));
        }
        if leg.refreshing {
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
        let body = match self.describe(id, request) {
            Ok(body) => body,
            // The call goes on as it was (§14.2).
            Err(status) => return self.respond_status(server, request, status, now),
        };
        let response = self.granted(id, request, body, now);
        let bytes: std::sync::Arc<[u8]> = response.to_bytes().into();
        if let Some(leg) = self.legs.get_mut(&id) {
            leg.reinvite = Some(Acceptance::new(bytes.clone(), now.at));
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
            self.describe(id, request)
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
    fn granted(&mut self, id: LegId, request: &Request, body: Vec<u8>, now: Now) -> Response {
        let mut response = Response::to(request, 200)
            .with(Name::Allow, ALLOW)
            .with(Name::Supported, SUPPORTED);
        let asked = asked(request);
        let Some(leg) = self.legs.get_mut(&id) else {
            return response;
        };
        response.headers.push(Name::Contact, leg.contact.clone());
        if let Some(dialog) = &mut leg.dialog {
            dialog.refresh_target(&request.headers);
        }
        let agreement = session_timer::answer(&asked, &session_timer::Settings::default()).ok();
        let agreement = agreement.filter(|_| asked.supported || asked.session_expires.is_some());
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
                self.respond_status(server, request, 200, now);
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
        let first = acceptance.as_mut().is_some_and(Acceptance::acknowledge);
        let again = !first && leg.reinvite.as_mut().is_some_and(Acceptance::acknowledge);
        if first {
            *acceptance = None;
        }
        if again {
            leg.reinvite = None;
        }
        let due = std::mem::take(answer_due);
        if leg.ending {
            return self.hang_up(id, now);
        }
        let call = leg.call();
        self.arm_leg(id);
        if !due {
            return;
        }
        let answer = Description::parse(&request.body).ok();
        let agreed =
            answer.and_then(|answer| crate::sdp::read_answer(&answer, Direction::SendRecv).ok());
        match agreed {
            Some(agreed) => {
                self.configure(id, agreed);
                self.connect_media(id);
                // Until here the call's snapshot told that the answer was owed.
                call.into_iter().for_each(|call| self.save(call));
            }
            // Without an answer there is no sound in either direction (RFC 3264 §4).
            None => self.leg_died(id, now),
        }
    }
}
