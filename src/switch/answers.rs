//! What peers answer to our requests.

use std::sync::Arc;

use super::early::EARLY_GAP;
use super::legs::COMPLETED_ELSEWHERE;
use super::outgoing::{Pending, Purpose};
use super::pbx::{Switch, Timer};
use super::refresh::RETRY;
use crate::call::Progress;
use crate::ids::LegId;
use crate::sip::dialog::{Dialog, DialogId};
use crate::sip::flow::Flow;
use crate::sip::message::{Headers, Method, Name, Request, Response};
use crate::sip::session_timer::{Proposal, Settings};
use crate::sip::transaction::layer::ClientId;
use crate::sip::uri::Uri;
use crate::time::Now;

impl Switch {
    /// A response to a request of ours.
    pub(super) fn answered(&mut self, id: ClientId, response: &Response, flow: Flow, now: Now) {
        let Some(pending) = self.clients.get(&id).cloned() else {
            return;
        };
        if let Purpose::Invite(leg) = pending.purpose {
            self.timers.clear(&Timer::Unheard(leg));
        }
        if matches!(response.status, 401 | 407)
            && self.is_wanted(id, &pending)
            && let Some(again) = self.answer_challenge(&pending, response, now)
        {
            return self.asked_again(&pending, id, again);
        }
        if response.status == 422
            && self.is_wanted(id, &pending)
            && let Some(again) = self.propose_more(&pending, response, now)
        {
            return self.asked_again(&pending, id, again);
        }
        match pending.purpose {
            Purpose::Bye | Purpose::Prack(_) => {}
            Purpose::Notify(..) if response.is_provisional() => {}
            Purpose::Notify(leg, last) => self.notified(leg, last, now),
            Purpose::Summary(number) => self.summary_answered(number, response.status),
            Purpose::Ask(number) => self.phone_spoke(number, now),
            Purpose::Qualify(at) => self.trunk_answered(at, id, response.status, now),
            Purpose::Register(at) => {
                self.register_answered(at, &pending.request, response, pending.flow, now);
            }
            Purpose::Invite(leg) => self.invite_answered(leg, &pending, response, flow, now),
            Purpose::Probe(_) | Purpose::Refresh(_) if response.is_provisional() => {}
            Purpose::Probe(leg) => {
                if matches!(response.status, 408 | 481) {
                    return self.leg_died(leg, now);
                }
                if let Some(leg) = self.legs.get_mut(&leg) {
                    leg.probing = false;
                }
                self.watch_quiet(leg, now);
                self.arm_leg(leg);
            }
            Purpose::Refresh(leg) => self.refresh_answered(leg, id, &pending, response, now),
        }
    }

    /// Whether a request is still the one that its purpose waits for. An INVITE that was cancelled is
    /// not asked again: nobody would cancel the second.
    pub(super) fn is_wanted(&self, id: ClientId, pending: &Pending) -> bool {
        let leg = match pending.purpose {
            Purpose::Invite(leg) => leg,
            Purpose::Refresh(leg) => {
                return self
                    .legs
                    .get(&leg)
                    .is_some_and(|leg| leg.refreshing == Some(id));
            }
            Purpose::Probe(_)
            | Purpose::Bye
            | Purpose::Ask(_)
            | Purpose::Prack(_)
            | Purpose::Summary(_)
            | Purpose::Register(_)
            | Purpose::Qualify(_)
            | Purpose::Notify(..) => return true,
        };
        self.legs.get(&leg).is_some_and(|leg| {
            matches!(leg.progress, Progress::Calling { client, cancelled: false, .. } if client == id)
        })
    }

    /// A request is repeated with credentials or a longer interval: the leg follows its new transaction.
    pub(super) fn asked_again(&mut self, pending: &Pending, old: ClientId, again: ClientId) {
        if let Purpose::Refresh(leg) = pending.purpose
            && let Some(leg) = self.legs.get_mut(&leg)
        {
            leg.refreshing = Some(again);
        }
        if let Purpose::Invite(leg) = pending.purpose
            && let Some(leg) = self.legs.get_mut(&leg)
            && let Progress::Calling { client, invite, .. } = &mut leg.progress
            && *client == old
            && let Some(next) = self.clients.get(&again)
        {
            *client = again;
            **invite = next.request.clone();
        }
    }

    /// A request of ours found nobody: `status` is 408 or 503 (§8.1.3.1).
    pub(super) fn unanswered(&mut self, id: ClientId, status: u16, now: Now) {
        let Some(pending) = self.clients.get(&id).cloned() else {
            return;
        };
        match pending.purpose {
            Purpose::Bye | Purpose::Prack(_) => {}
            Purpose::Notify(leg, last) => self.notified(leg, last, now),
            Purpose::Summary(number) => self.summary_answered(number, status),
            Purpose::Ask(number) => self.ask_later(number, now),
            Purpose::Qualify(at) if status == 503 => self.trunk_unreachable(at, id, now),
            // Its silence was counted when the patience was over.
            Purpose::Qualify(_) => {}
            Purpose::Register(at) => self.register_unanswered(at, status, now),
            Purpose::Invite(leg) => {
                let waits = self.legs.get(&leg).is_some_and(
                    |leg| matches!(leg.progress, Progress::Calling { client, .. } if client == id),
                );
                if waits && status == 408 {
                    self.rung_in_vain(leg, now);
                }
                if waits {
                    self.ring_refused(leg, status, now);
                }
            }
            // Our own side of the network could not send: that says nothing of the peer.
            Purpose::Probe(leg) if status == 503 => self.probe_later(leg, now),
            Purpose::Refresh(leg) if status == 503 => self.refresh_later(leg, RETRY, now),
            Purpose::Probe(leg) | Purpose::Refresh(leg) => self.leg_died(leg, now),
        }
    }

    fn invite_answered(
        &mut self,
        id: LegId,
        pending: &Pending,
        response: &Response,
        flow: Flow,
        now: Now,
    ) {
        // The way of the ACK, also when it goes out again.
        let way = self.legs.get(&id).map(|leg| self.way_to(leg));
        let (Some(way), Some(leg)) = (way, self.legs.get_mut(&id)) else {
            if response.is_success() {
                self.dismiss(&pending.request, response, flow, None, now);
            }
            return;
        };
        match &mut leg.progress {
            Progress::Up { ack, .. } => {
                let ours = leg
                    .dialog
                    .as_ref()
                    .map(|dialog| dialog.id.remote_tag.clone());
                let theirs = response.headers.to().ok();
                let same = theirs.and_then(|to| to.tag().map(ToOwned::to_owned)) == ours;
                match (response.is_success(), same, ack.clone()) {
                    // Our ACK was lost (§13.2.2.4).
                    (true, true, Some(ack)) => self.layer.send(way, ack),
                    // The INVITE was forked, and another branch answered too.
                    (true, false, _) => {
                        let why = Some(COMPLETED_ELSEWHERE);
                        self.dismiss(&pending.request, response, flow, why, now);
                    }
                    _ => {}
                }
            }
            Progress::Calling {
                heard,
                ringing,
                cancelled,
                ..
            } => {
                *heard = true;
                if response.is_provisional() {
                    let first = response.status > 100 && !*ringing && !*cancelled;
                    *ringing |= response.status > 100;
                    self.acknowledge_early(id, &pending.request, response, flow, now);
                    if first {
                        self.phone_rings(id, now);
                    }
                    self.tell_progress(id, response, first, now);
                } else if response.is_success() && *cancelled {
                    // CANCEL and 2xx crossed (§9.1): the call stands for a moment.
                    let why = leg.elsewhere.then_some(COMPLETED_ELSEWHERE);
                    self.dismiss(&pending.request, response, flow, why, now);
                    self.forget_leg(id, now);
                } else if response.is_success() {
                    self.phone_answered(id, &pending.request, response, flow, now);
                } else {
                    self.note_retry_after(id, response);
                    self.ring_refused(id, response.status, now);
                }
            }
            Progress::Invited { .. } => {}
        }
    }

    /// A phone took the call: ACK, and if we can talk with it, the two are connected.
    fn phone_answered(
        &mut self,
        id: LegId,
        invite: &Request,
        response: &Response,
        flow: Flow,
        now: Now,
    ) {
        let early = self.early_of(id, response);
        let answer = match (&early, response.body.is_empty()) {
            (Some(early), true) => &early.answer,
            _ => &response.body,
        };
        // The first answer counts (RFC 3261 §13.2.1), and an UPDATE has its own.
        let settled = early.as_ref().is_some_and(|early| early.updated);
        let agreed = match settled {
            true => None,
            false => self.read_answer(id, answer),
        };
        let dialog = Dialog::as_uac(invite, response, flow).ok();
        let Some(mut dialog) = dialog.filter(|_| settled || agreed.is_some()) else {
            self.dismiss(invite, response, flow, None, now);
            return self.ring_refused(id, 488, now);
        };
        if let Some(early) = early {
            dialog.local_cseq = early.dialog.local_cseq;
        }
        self.phone_is_fit(id);
        let way = self.next_hop(&dialog, flow);
        let bytes = self.acknowledge(&mut dialog, invite, way);
        let Some(leg) = self.legs.get_mut(&id) else {
            return;
        };
        let proposal = Proposal::new(&Settings::default());
        leg.timer
            .start(proposal.agreed(response.headers.session_expires()), now.at);
        leg.progress = Progress::Up {
            acceptance: None,
            answer_due: false,
            ack: Some(bytes),
        };
        leg.flow = flow;
        leg.allows_update = response.headers.lists(Name::Allow, "UPDATE");
        self.dialogs.insert(dialog.id.clone(), id);
        leg.dialog = Some(dialog);
        if let Some(agreed) = agreed {
            self.configure(id, agreed, now);
        }
        self.arm_leg(id);
        self.ring_answered(id, now);
    }

    /// The ACK of a 2xx: with the INVITE's number and the INVITE's credentials (§13.2.2.4).
    pub(super) fn acknowledge(
        &mut self,
        dialog: &mut Dialog,
        invite: &Request,
        flow: Flow,
    ) -> Arc<[u8]> {
        let number = invite.headers.cseq().map_or(1, |cseq| cseq.number);
        let mut ack = dialog.request(Method::Ack, Some(number));
        for name in [Name::Authorization, Name::ProxyAuthorization] {
            for value in invite.headers.fields(&name) {
                ack.headers.push(name.clone(), value.to_vec());
            }
        }
        self.send_ack(&ack, flow)
    }

    /// A 2xx that nobody wants: ACK, then BYE (§13.2.2.4).
    fn dismiss(
        &mut self,
        invite: &Request,
        response: &Response,
        flow: Flow,
        why: Option<&'static str>,
        now: Now,
    ) {
        let Ok(mut dialog) = Dialog::as_uac(invite, response, flow) else {
            return;
        };
        let way = self.next_hop(&dialog, flow);
        self.acknowledge(&mut dialog, invite, way);
        dialog.local_cseq += EARLY_GAP;
        let mut bye = dialog.request(Method::Bye, None);
        if let Some(why) = why {
            bye.headers.push(Name::Reason, why);
        }
        self.send_request(bye, way, Purpose::Bye, None, now);
    }

    /// A 2xx to an INVITE whose transaction is over. In a call that stands, our ACK was lost; else the
    /// phone must not be left in a call with nobody, perhaps of before a restart. Strangers are not
    /// heard (RFC 6026 §7.2), and each datagram is answered once, without a transaction: the next 2xx
    /// brings the same again.
    pub(super) fn stray_answer(&mut self, response: &Response, flow: Flow) {
        let Ok(cseq) = response.headers.cseq() else {
            return;
        };
        if !response.is_success() || cseq.method != Method::Invite {
            return;
        }
        if let Some((mut dialog, flow)) = self.answered_dialog(response) {
            let ack = dialog.request(Method::Ack, Some(cseq.number));
            self.send_ack(&ack, flow);
            return;
        }
        if !self.is_carriers(flow) && !self.is_phone(flow) {
            return;
        }
        let mut headers = Headers::default();
        for name in [Name::From, Name::CallId, Name::CSeq] {
            if let Some(value) = response.headers.first(&name) {
                headers.push(name.clone(), value.to_vec());
            }
        }
        let invite = Request {
            method: Method::Invite,
            uri: Uri::Other(String::new()),
            headers,
            body: Vec::new(),
        };
        let Ok(mut dialog) = Dialog::as_uac(&invite, response, flow) else {
            return;
        };
        // Back where it came from, never where it points to.
        let ack = dialog.request(Method::Ack, Some(cseq.number));
        self.send_ack(&ack, flow);
        dialog.local_cseq += EARLY_GAP;
        let bye = dialog.request(Method::Bye, None);
        self.send_ack(&bye, flow);
    }

    /// The living dialog of ours that a response names, and the way to its peer.
    fn answered_dialog(&self, response: &Response) -> Option<(Dialog, Flow)> {
        let headers = &response.headers;
        let id = DialogId {
            call_id: headers.call_id().ok()?.to_owned(),
            local_tag: headers.from().ok()?.tag()?.to_owned(),
            remote_tag: headers.to().ok()?.tag().unwrap_or_default().to_owned(),
        };
        let leg = self.legs.get(self.dialogs.get(&id)?)?;
        Some((leg.dialog.clone()?, self.way_to(leg)))
    }
}
