//! What peers answer to our requests.

use super::outgoing::{Pending, Purpose};
use super::pbx::Switch;
use crate::call::Progress;
use crate::ids::LegId;
use crate::media::Direction;
use crate::sdp::Description;
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
        if matches!(response.status, 401 | 407)
            && let Some(again) = self.answer_challenge(&pending, response, now)
        {
            return self.asked_again(&pending, id, again);
        }
        match pending.purpose {
            Purpose::Bye => {}
            Purpose::Invite(leg) => self.invite_answered(leg, &pending, response, flow, now),
            Purpose::Probe(_) | Purpose::Refresh(_) if response.is_provisional() => {}
            Purpose::Probe(leg) => {
                if matches!(response.status, 408 | 481) {
                    return self.leg_died(leg, now);
                }
                if let Some(leg) = self.legs.get_mut(&leg) {
                    leg.probing = false;
                }
            }
            Purpose::Refresh(leg) => self.refresh_answered(leg, response, now),
        }
    }

    /// The INVITE of a leg is repeated with credentials: the leg follows its new transaction.
    fn asked_again(&mut self, pending: &Pending, old: ClientId, again: ClientId) {
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
            Purpose::Bye => {}
            Purpose::Invite(leg) => {
                if self.legs.get(&leg).is_some_and(|leg| !leg.is_up()) {
                    self.ring_refused(leg, status, now);
                }
            }
            Purpose::Probe(leg) | Purpose::Refresh(leg) => self.leg_died(leg, now),
        }
    }

    fn refresh_answered(&mut self, id: LegId, response: &Response, now: Now) {
        if matches!(response.status, 408 | 481) {
            return self.leg_died(id, now);
        }
        let Some(leg) = self.legs.get_mut(&id) else {
            return;
        };
        leg.refreshing = false;
        if response.is_success()
            && let Some(agreement) = leg.timer.agreement().copied()
        {
            let proposal = Proposal::refresh(&Settings::default(), &agreement);
            // A peer that answers without the header no longer wants a timer (RFC 4028 §7.2).
            leg.timer
                .start(proposal.agreed(response.headers.session_expires()), now.at);
        }
        self.arm_leg(id);
    }

    fn invite_answered(
        &mut self,
        id: LegId,
        pending: &Pending,
        response: &Response,
        flow: Flow,
        now: Now,
    ) {
        let Some(leg) = self.legs.get_mut(&id) else {
            if response.is_success() {
                self.dismiss(&pending.request, response, flow, now);
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
                    (true, true, Some(ack)) => self.layer.send(leg.flow, ack),
                    // The INVITE was forked, and another branch answered too.
                    (true, false, _) => self.dismiss(&pending.request, response, flow, now),
                    _ => {}
                }
            }
            Progress::Calling {
                ringing, cancelled, ..
            } => {
                if response.is_provisional() {
                    let first = response.status > 100 && !*ringing && !*cancelled;
                    *ringing |= response.status > 100;
                    if first {
                        self.phone_rings(id, now);
                    }
                } else if response.is_success() && *cancelled {
                    // CANCEL and 2xx crossed (§9.1): the call stands for a moment.
                    self.dismiss(&pending.request, response, flow, now);
                    self.forget_leg(id, now);
                } else if response.is_success() {
                    self.phone_answered(id, &pending.request, response, flow, now);
                } else {
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
        let description = Description::parse(&response.body).ok();
        let agreed = description
            .and_then(|answer| crate::sdp::read_answer(&answer, Direction::SendRecv).ok());
        let (Ok(mut dialog), Some(agreed)) = (Dialog::as_uac(invite, response, flow), agreed)
        else {
            self.dismiss(invite, response, flow, now);
            return self.ring_refused(id, 488, now);
        };
        let number = invite.headers.cseq().map_or(1, |cseq| cseq.number);
        let ack = dialog.request(Method::Ack, Some(number));
        let bytes = self.send_ack(&ack, flow);
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
        self.dialogs.insert(dialog.id.clone(), id);
        leg.dialog = Some(dialog);
        self.configure(id, agreed);
        self.arm_leg(id);
        self.ring_answered(id, now);
    }

    /// A 2xx that nobody wants: ACK, then BYE (§13.2.2.4).
    fn dismiss(&mut self, invite: &Request, response: &Response, flow: Flow, now: Now) {
        let Ok(mut dialog) = Dialog::as_uac(invite, response, flow) else {
            return;
        };
        let number = invite.headers.cseq().map_or(1, |cseq| cseq.number);
        let ack = dialog.request(Method::Ack, Some(number));
        self.send_ack(&ack, flow);
        let bye = dialog.request(Method::Bye, None);
        self.send_request(bye, flow, Purpose::Bye, None, now);
    }

    /// A copy of the 2xx that began a dialog which stands, though its INVITE is forgotten: the phone
    /// lacks our ACK, perhaps since it went out just before a restart.
    fn acknowledge_again(&mut self, response: &Response, cseq: u32, flow: Flow) -> bool {
        let headers = &response.headers;
        let (Ok(call_id), Ok(from), Ok(to)) = (headers.call_id(), headers.from(), headers.to())
        else {
            return false;
        };
        let id = DialogId {
            call_id: call_id.to_owned(),
            local_tag: from.tag().unwrap_or_default().to_owned(),
            remote_tag: to.tag().unwrap_or_default().to_owned(),
        };
        let leg = self.dialogs.get(&id).and_then(|leg| self.legs.get_mut(leg));
        let Some(dialog) = leg.and_then(|leg| leg.dialog.as_mut()) else {
            return false;
        };
        let ack = dialog.request(Method::Ack, Some(cseq));
        self.send_ack(&ack, flow);
        true
    }

    /// A 2xx to an INVITE that we do not know, perhaps of before a restart: the phone must not be
    /// left in a call with nobody.
    pub(super) fn stray_answer(&mut self, response: &Response, flow: Flow, now: Now) {
        let cseq = response.headers.cseq().ok();
        let invited = cseq.filter(|cseq| cseq.method == Method::Invite);
        let Some(invited) = invited.filter(|_| response.is_success()) else {
            return;
        };
        if self.acknowledge_again(response, invited.number, flow) {
            return;
        }
        let mut headers = Headers::default();
        for name in [Name::From, Name::CallId, Name::CSeq] {
            if let Some(value) = response.headers.first(&name) {
                headers.push(name.clone(), value.to_vec());
            }
        }
        let uri = Uri::Other(String::new());
        let invite = Request {
            method: Method::Invite,
            uri,
            headers,
            body: Vec::new(),
        };
        self.dismiss(&invite, response, flow, now);
    }
}
