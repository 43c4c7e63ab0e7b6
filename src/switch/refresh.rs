//! Dialogs are kept alive: the session timer's refreshes (RFC 4028 §7.4) and probes by OPTIONS.

use std::time::Duration;

use rand_chacha::rand_core::RngCore;

use super::dispatch::{ALLOW, SDP, SUPPORTED};
use super::legs::session_expires;
use super::outgoing::{Pending, Purpose};
use super::pbx::Switch;
use crate::call::{Leg, Progress};
use crate::event::Side;
use crate::ids::LegId;
use crate::sip::acceptance::Acceptance;
use crate::sip::message::{Method, Name, Request, Response};
use crate::sip::session_timer::{Proposal, Settings};
use crate::sip::transaction::layer::ClientId;
use crate::time::Now;

/// When a refresh or a probe that failed for no fault of the dialog is tried again.
pub(super) const RETRY: Duration = Duration::from_secs(10);
/// How often a peer is asked from whom no sound is expected.
const QUIET: Duration = Duration::from_secs(30);
/// The longest Retry-After that a refresh waits for: the dialog must not expire meanwhile.
const MAX_RETRY: Duration = Duration::from_secs(30);

impl Switch {
    /// Keeps the dialog alive: by UPDATE without a description where the peer takes it, else by a
    /// re-INVITE with the description as it is.
    pub(super) fn refresh(&mut self, id: LegId, now: Now) {
        let Some(leg) = self.legs.get(&id) else {
            return;
        };
        let Some(agreement) = leg.timer.agreement().copied() else {
            return;
        };
        if leg.refreshing.is_some() {
            return;
        }
        let by_invite = !leg.allows_update;
        // §14.1: one INVITE at a time, in either direction.
        if by_invite && is_inviting(leg) {
            return self.refresh_later(id, RETRY, now);
        }
        let described = leg.media.described.reveal().clone();
        let proposal = Proposal::refresh(&Settings::default(), &agreement);
        let fill = |request: &mut Request| {
            let headers = &mut request.headers;
            headers.push(Name::Allow, ALLOW);
            headers.push(Name::Supported, SUPPORTED);
            headers.push(Name::SessionExpires, session_expires(&proposal.header()));
            headers.push(Name::MinSe, proposal.minimum().as_secs().to_string());
            if by_invite {
                headers.push(Name::ContentType, SDP);
                request.body = described.into_bytes();
            }
        };
        let method = if by_invite {
            Method::Invite
        } else {
            Method::Update
        };
        let sent = self.send_in_dialog(id, method, Purpose::Refresh(id), fill, now);
        let Some(client) = sent else {
            return self.refresh_later(id, RETRY, now);
        };
        if let Some(pending) = self.clients.get_mut(&client) {
            pending.proposal = Some(proposal);
        }
        if let Some(leg) = self.legs.get_mut(&id) {
            leg.refreshing = Some(client);
        }
    }

    /// Whether a re-INVITE of ours waits for its answer: one of the peer's gets 491 (§14.2).
    pub(super) fn reinvites(&self, leg: &Leg) -> bool {
        let pending = leg.refreshing.and_then(|client| self.clients.get(&client));
        pending.is_some_and(|pending| pending.request.method == Method::Invite)
    }

    /// The refresh is over without a word about the peer's life.
    pub(super) fn refresh_later(&mut self, id: LegId, wait: Duration, now: Now) {
        if let Some(leg) = self.legs.get_mut(&id) {
            leg.refreshing = None;
            leg.timer.refresh_again(now.at + wait);
        }
        self.arm_leg(id);
    }

    /// A final answer to a refresh.
    pub(super) fn refresh_answered(
        &mut self,
        id: LegId,
        client: ClientId,
        pending: &Pending,
        response: &Response,
        now: Now,
    ) {
        let invited = pending.request.method == Method::Invite;
        if invited && response.is_success() {
            self.acknowledge_refresh(id, &pending.request, response);
        }
        let Some(leg) = self.legs.get_mut(&id) else {
            return;
        };
        // Else a 2xx that is repeated because our ACK was lost.
        if leg.refreshing != Some(client) {
            return;
        }
        match response.status {
            200..=299 => self.refreshed(id, pending, response, now),
            // §12.2.1.2: the peer knows no such dialog.
            408 | 481 => self.leg_died(id, now),
            405 | 501 if !invited => {
                leg.allows_update = false;
                leg.refreshing = None;
                self.refresh(id, now);
            }
            status => {
                let named = response.headers.retry_after();
                let named = named.map(|wait| wait.clamp(Duration::from_secs(1), MAX_RETRY));
                let wait = match status {
                    491 => self.glare_wait(id),
                    _ => named.unwrap_or(RETRY),
                };
                self.refresh_later(id, wait, now);
            }
        }
    }

    /// The ACK of the 2xx to our re-INVITE, each time that it comes.
    fn acknowledge_refresh(&mut self, id: LegId, invite: &Request, response: &Response) {
        let leg = self.legs.get_mut(&id);
        let Some(dialog) = leg.and_then(|leg| leg.dialog.as_mut()) else {
            return;
        };
        dialog.refresh_target(&response.headers);
        let mut dialog = dialog.clone();
        if let Some(leg) = self.legs.get(&id) {
            let way = self.way_to(leg);
            self.acknowledge(&mut dialog, invite, way);
        }
    }

    fn refreshed(&mut self, id: LegId, pending: &Pending, response: &Response, now: Now) {
        let agreed = self.read_answer(id, &response.body);
        let Some(leg) = self.legs.get_mut(&id) else {
            return;
        };
        leg.refreshing = None;
        if let Some(dialog) = &mut leg.dialog {
            dialog.refresh_target(&response.headers);
        }
        // A peer that answers without the header no longer wants a timer (RFC 4028 §7.2).
        if let Some(proposal) = &pending.proposal {
            let agreement = proposal.agreed(response.headers.session_expires());
            leg.timer.start(agreement, now.at);
        }
        self.arm_leg(id);
        // An answer that cannot be read leaves the sound as it was.
        if pending.request.method == Method::Invite
            && let Some(agreed) = agreed
        {
            self.configure(id, agreed, now);
            self.connect_media(id);
        }
    }

    /// §14.1: whoever made the Call-ID waits for longer, so that the two do not meet again.
    fn glare_wait(&mut self, id: LegId) -> Duration {
        let ours = self.legs.get(&id).is_some_and(|leg| {
            // Who was invited by us has a Call-ID of ours.
            leg.side == Side::Operator && leg.own_call_of().is_none()
        });
        let (least, steps) = if ours { (2_100, 191) } else { (0, 201) };
        let step = u64::from(self.random.next_u32() % steps);
        Duration::from_millis(least + 10 * step)
    }

    /// Is the peer still there? An in-dialog OPTIONS, one at a time.
    pub(super) fn probe(&mut self, id: LegId, now: Now) {
        let idle = |leg: &Leg| leg.is_up() && !leg.probing && !leg.ending;
        if !self.legs.get(&id).is_some_and(idle) {
            return;
        }
        let sent = self.send_in_dialog(id, Method::Options, Purpose::Probe(id), |_| {}, now);
        match (sent, self.legs.get_mut(&id)) {
            (Some(_), Some(leg)) => leg.probing = true,
            _ => self.probe_later(id, now),
        }
    }

    /// A peer that holds us sends no sound that could be missed: it is asked now and then, also where it
    /// knows no session timer.
    pub(super) fn watch_quiet(&mut self, id: LegId, now: Now) {
        let Some(leg) = self.legs.get_mut(&id).filter(|leg| !leg.ending) else {
            return;
        };
        let stream = leg.media.stream.as_ref();
        if stream.is_some_and(|stream| !stream.direction.receives()) {
            leg.probe_at.get_or_insert(now.at + QUIET);
        }
    }

    /// The probe told nothing of the peer: another one goes out.
    pub(super) fn probe_later(&mut self, id: LegId, now: Now) {
        if let Some(leg) = self.legs.get_mut(&id) {
            leg.probing = false;
            leg.probe_at = Some(now.at + RETRY);
        }
        self.arm_leg(id);
    }
}

/// Whether an INVITE of the peer is under way: our 2xx waits for its ACK.
fn is_inviting(leg: &Leg) -> bool {
    let first = match &leg.progress {
        Progress::Up { acceptance, .. } => acceptance.as_ref(),
        Progress::Invited { .. } | Progress::Calling { .. } => return true,
    };
    [first, leg.reinvite.as_ref()]
        .into_iter()
        .flatten()
        .any(Acceptance::is_waiting)
}
