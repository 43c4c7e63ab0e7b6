//! Early dialogs of those whom we call: reliable provisional responses are acknowledged by PRACK
//! (RFC 3262 §4), and whoever rings may change its end by UPDATE (RFC 3311).
//!
//! What a phone or a trunk would let us hear before its answer (early media of a 183) goes to nobody:
//! the caller was answered by us long before, and hears music and messages until two people are connected.

use super::dispatch::{SDP, capabilities};
use super::outgoing::Purpose;
use super::pbx::Switch;
use crate::call::{Early, Progress};
use crate::ids::LegId;
use crate::sip::dialog::Dialog;
use crate::sip::flow::Flow;
use crate::sip::message::{Method, Name, Request, Response};
use crate::sip::transaction::layer::ServerId;
use crate::time::Now;

/// The most branches of one INVITE whose provisional responses are acknowledged.
const MAX_EARLY: usize = 8;
/// What a BYE adds to the number of an INVITE whose early dialogs are forgotten: each PRACK took one.
pub(super) const EARLY_GAP: u32 = 1_000;

impl Switch {
    /// A provisional response above 100 came to an INVITE of ours.
    pub(super) fn acknowledge_early(
        &mut self,
        id: LegId,
        invite: &Request,
        response: &Response,
        flow: Flow,
        now: Now,
    ) {
        let number = |name| response.headers.text(name)?.trim().parse::<u32>().ok();
        let reliable = response.headers.lists(Name::Require, "100rel");
        let (Some(rseq), true) = (number(Name::RSeq).filter(|rseq| *rseq > 0), reliable) else {
            return;
        };
        let Some(prack) = self.prack(id, invite, response, flow, rseq) else {
            return;
        };
        let credentials = self.legs.get(&id).and_then(|leg| leg.credentials.clone());
        let way = self
            .early_dialog(id, &prack)
            .cloned()
            .map_or(flow, |dialog| self.next_hop(&dialog, flow));
        self.send_request(prack, way, Purpose::Prack(id), credentials, now);
    }

    /// The PRACK for a response that is the next of its branch; what comes twice or out of order is
    /// discarded (§4): the transaction of the PRACK takes care of the first.
    fn prack(
        &mut self,
        id: LegId,
        invite: &Request,
        response: &Response,
        flow: Flow,
        rseq: u32,
    ) -> Option<Request> {
        let dialog = Dialog::as_uac(invite, response, flow).ok()?;
        let Progress::Calling { early, .. } = &mut self.legs.get_mut(&id)?.progress else {
            return None;
        };
        let known = early
            .iter()
            .position(|one| one.dialog.id.remote_tag == dialog.id.remote_tag);
        let one = match known {
            Some(at) => early
                .get_mut(at)
                .filter(|one| one.rseq.checked_add(1) == Some(rseq))?,
            None if early.len() < MAX_EARLY => {
                early.push(Early {
                    dialog,
                    rseq,
                    answer: Vec::new(),
                    updated: false,
                });
                early.last_mut()?
            }
            None => return None,
        };
        one.rseq = rseq;
        if response.headers.content_type().as_deref() == Some(SDP) {
            one.answer.clone_from(&response.body);
        }
        let cseq = invite.headers.cseq().map_or(1, |cseq| cseq.number);
        let mut prack = one.dialog.request(Method::Prack, None);
        prack
            .headers
            .push(Name::RAck, format!("{rseq} {cseq} INVITE"));
        Some(prack)
    }

    /// The early dialog of a leg that a request is in.
    pub(super) fn early_dialog(&mut self, id: LegId, request: &Request) -> Option<&mut Dialog> {
        let to = request.headers.to().ok()?;
        let Progress::Calling { early, .. } = &mut self.legs.get_mut(&id)?.progress else {
            return None;
        };
        early
            .iter_mut()
            .map(|one| &mut one.dialog)
            .find(|dialog| Some(dialog.id.remote_tag.as_str()) == to.tag())
    }

    /// The leg whose phone rings and asks for something before it answers: its early dialogs are as many
    /// as its INVITE was forked to, and known by our tag.
    pub(super) fn ringing_leg_of(&self, request: &Request) -> Option<LegId> {
        let headers = &request.headers;
        let id = self.leg_traced(headers.call_id().ok()?)?;
        let Progress::Calling { invite, .. } = &self.legs.get(&id)?.progress else {
            return None;
        };
        let ours = invite.headers.from().ok()?;
        let (to, theirs) = (headers.to().ok()?, headers.from().ok()?);
        (ours.tag() == to.tag() && theirs.tag().is_some()).then_some(id)
    }

    /// A request of a phone that rings.
    pub(super) fn serve_early(&mut self, id: LegId, server: ServerId, request: &Request, now: Now) {
        match request.method {
            Method::Update => self.updated_early(id, server, request, now),
            Method::Options => {
                let response = capabilities(Response::to(request, 200));
                self.respond(server, request, response, now);
            }
            // Our INVITE is in progress (RFC 3261 §14.2).
            Method::Invite => self.respond_status(server, request, 491, now),
            // Whoever was called ends an early dialog by a refusal alone (§15).
            _ => self.respond_status(server, request, 481, now),
        }
    }

    /// UPDATE before the answer (RFC 3311 §5.2). A new offer has its place once our own was answered by a
    /// reliable response.
    fn updated_early(&mut self, id: LegId, server: ServerId, request: &Request, now: Now) {
        let number = request.headers.cseq().map_or(0, |cseq| cseq.number);
        let known = self.early_from(id, request);
        let in_order = known.is_none_or(|one| one.dialog.accepts_cseq(number));
        if !in_order {
            return self.respond_status(server, request, 500, now);
        }
        let known = self.early_from(id, request);
        let settled = known.is_some_and(|one| one.updated || !one.answer.is_empty());
        let body = match (request.body.is_empty(), settled) {
            (true, _) => Ok(Vec::new()),
            (false, true) => self.describe(id, request, now),
            (false, false) => Err(491),
        };
        let body = match body {
            Ok(body) => body,
            Err(status) => return self.respond_status(server, request, status, now),
        };
        if let Some(one) = self.early_from(id, request) {
            one.dialog.refresh_target(&request.headers);
            one.updated |= !body.is_empty();
        }
        let response = self.granted(id, request, body, now);
        self.respond(server, request, response, now);
    }

    /// The early dialog that a request of the peer is in, where it acknowledged by PRACK.
    fn early_from(&mut self, id: LegId, request: &Request) -> Option<&mut Early> {
        let from = request.headers.from().ok()?;
        let Progress::Calling { early, .. } = &mut self.legs.get_mut(&id)?.progress else {
            return None;
        };
        early
            .iter_mut()
            .find(|one| Some(one.dialog.id.remote_tag.as_str()) == from.tag())
    }

    /// What the early dialog came to that a 2xx confirms.
    pub(super) fn early_of(&self, id: LegId, response: &Response) -> Option<Early> {
        let to = response.headers.to().ok()?;
        let Progress::Calling { early, .. } = &self.legs.get(&id)?.progress else {
            return None;
        };
        early
            .iter()
            .find(|one| Some(one.dialog.id.remote_tag.as_str()) == to.tag())
            .cloned()
    }
}
