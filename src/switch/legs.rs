//! Legs: opened with their ports, kept alive, closed with everything that is theirs.

use std::net::IpAddr;

use super::arrive::wants_sips;
use super::outgoing::Purpose;
use super::pbx::{Switch, Timer};
use crate::call::{Leg, Media, Owner, Progress};
use crate::event::{Side, What};
use crate::ids::{LegId, OperatorId};
use crate::media::{self, Command, Direction, Stream};
use crate::private::Private;
use crate::queue::Input;
use crate::rtp::codec::Codec;
use crate::sdp::{Keying, Local, Negotiated};
use crate::sip::flow::Flow;
use crate::sip::message::{Method, Name};
use crate::sip::reliable;
use crate::sip::session_timer::{self, Asked, SessionTimer};
use crate::sip::transaction::layer::ServerId;
use crate::sip::{acceptance, message::Request};
use crate::time::{Instant, Now};
use rand_chacha::rand_core::RngCore;

/// Why a phone that rang for somebody who is served by now is silent again: it is no missed call (RFC 3326
/// §3.1).
pub(super) const COMPLETED_ELSEWHERE: &str = "SIP;cause=200;text=\"Call completed elsewhere\"";

impl Switch {
    /// A leg's ids and ports; `None`: no port is free.
    pub(super) fn open_media(
        &mut self,
        (address, advertised): (IpAddr, IpAddr),
        shard: u32,
        now: Now,
    ) -> Option<(LegId, Media)> {
        let port = self.ports.take(now.at)?;
        self.last_leg += 1;
        let id = LegId(self.last_leg);
        let media = Media {
            address,
            advertised,
            port,
            description_id: u64::from(self.random.next_u32()),
            description_version: 1,
            described: Private::default(),
            stream: None,
            held: false,
            held_since: None,
        };
        self.open_stream(id, &media, shard);
        Some((id, media))
    }

    /// Tells media to take the ports, with a stream of new numbers.
    pub(super) fn open_stream(&mut self, leg: LegId, media: &Media, shard: u32) {
        let (ssrc, timestamp) = (self.random.next_u32(), self.random.next_u32());
        let sequence = (self.random.next_u32() >> 16) as u16;
        let (address, port) = (media.address, media.port);
        self.media(Command::Open {
            leg,
            shard,
            address,
            port,
            ssrc,
            sequence,
            timestamp,
        });
    }

    pub(super) fn new_leg(
        &mut self,
        (id, media): (LegId, Media),
        owner: Owner,
        side: Side,
        operator: Option<OperatorId>,
        progress: Progress,
        flow: Flow,
    ) -> LegId {
        let secure = match &progress {
            Progress::Invited { invite, .. } => wants_sips(invite),
            Progress::Calling { invite, .. } => invite.uri.is_sips(),
            Progress::Up { .. } => false,
        };
        let credentials = self.credentials_for(flow, side, operator.is_some());
        let leg = Leg {
            id,
            owner,
            side,
            operator,
            progress,
            dialog: None,
            trunk: None,
            contact: self.our_contact_as(secure, flow),
            flow,
            media,
            credentials,
            timer: SessionTimer::default(),
            ending: false,
            keys_by_info: false,
            referral: None,
            referrals: 0,
            elsewhere: false,
            probing: false,
            probe_at: None,
            allows_update: false,
            refreshing: None,
            supervises: false,
            reinvite: None,
        };
        self.legs.insert(id, leg);
        id
    }

    /// Our end of a leg's stream for its next description.
    fn local(&mut self, id: LegId) -> Option<Local> {
        let keying = self.keying_of(id);
        let leg = self.legs.get(&id)?;
        let codecs = self.codecs_of(leg.flow, leg.trunk.as_ref(), leg.operator.is_some());
        Some(local_end(&leg.media, keying, codecs))
    }

    /// A description of ours goes out; the next one has the next version.
    pub(super) fn described(&mut self, id: LegId, body: &[u8]) {
        if let Some(leg) = self.legs.get_mut(&id) {
            leg.media.described = Private::new(String::from_utf8_lossy(body).into_owned());
            leg.media.description_version += 1;
        }
    }

    /// What the peer's answer to our last offer comes to; `None`: nothing to talk by.
    pub(super) fn read_answer(&self, id: LegId, answer: &[u8]) -> Option<Negotiated> {
        let media = &self.legs.get(&id)?.media;
        let offered = media.described.reveal().as_bytes();
        let offered = crate::sdp::Description::parse(offered).ok()?;
        let answer = crate::sdp::Description::parse(answer).ok()?;
        let agreed = crate::sdp::read_answer(&answer, &offered).ok()?;
        let nowhere = agreed.remote.ip().is_unspecified();
        (nowhere || agreed.remote.is_ipv4() == media.address.is_ipv4()).then_some(agreed)
    }

    /// What was negotiated takes effect.
    pub(super) fn configure(&mut self, id: LegId, agreed: Negotiated, now: Now) {
        let Some(leg) = self.legs.get_mut(&id) else {
            return;
        };
        let networks = match leg.operator {
            Some(_) => Vec::new(),
            None => self.settings.networks_of(leg.flow.remote.ip()),
        };
        let stream = Stream {
            remote: agreed.remote,
            signalling: leg.flow.remote.ip(),
            remote_rtcp: agreed.remote_rtcp,
            codec: agreed.codec,
            payload_type: agreed.payload_type,
            accepts: agreed.accepts,
            event_type: agreed.event_type,
            event_type_in: agreed.event_type_in,
            packet_time: agreed.packet_time,
            direction: agreed.direction,
            crypto: agreed.crypto,
            networks,
            strangers: self.settings.early_strangers,
        };
        leg.media.held = agreed.held;
        leg.media.stream = Some(stream.clone());
        leg.probe_at = None;
        self.hold_changed(id, agreed.held, now);
        self.media(Command::Configure { leg: id, stream });
        self.watch_quiet(id, now);
    }

    /// Arms the leg's timer for the earliest of its machines.
    pub(super) fn arm_leg(&mut self, id: LegId) {
        let due = self.legs.get(&id).and_then(leg_timeout);
        self.timers.set_or_clear(Timer::Leg(id), due);
    }

    /// A leg's machine is due.
    pub(super) fn leg_due(&mut self, id: LegId, now: Now) {
        let Some(leg) = self.legs.get_mut(&id) else {
            return;
        };
        let flow = leg.flow;
        let (mut resend, mut dead, mut refresh) = (Vec::new(), false, false);
        let mut unheard = false;
        let probe = leg.probe_at.take_if(|at| *at <= now.at).is_some();
        let waiting = match &mut leg.progress {
            Progress::Up { acceptance, .. } => [acceptance.as_mut(), leg.reinvite.as_mut()],
            _ => [None, leg.reinvite.as_mut()],
        };
        for machine in waiting.into_iter().flatten() {
            machine.handle_timeout(now.at);
            while let Some(output) = machine.poll() {
                match output {
                    acceptance::Output::Send(bytes) => resend.push(bytes),
                    acceptance::Output::NotAcknowledged => unheard = true,
                }
            }
        }
        let mut provisional = Vec::new();
        let mut unacknowledged = None;
        if let Progress::Invited {
            server,
            reliable: Some(machine),
            ..
        } = &mut leg.progress
        {
            machine.handle_timeout(now.at);
            while let Some(output) = machine.poll() {
                match output {
                    reliable::Output::Send(bytes) => provisional.push((*server, bytes)),
                    reliable::Output::NotAcknowledged => unacknowledged = Some(*server),
                }
            }
        }
        leg.timer.handle_timeout(now.at);
        while let Some(output) = leg.timer.poll() {
            match output {
                session_timer::Output::Refresh => refresh = true,
                session_timer::Output::Expired => dead = true,
            }
        }
        for bytes in resend {
            self.layer.send(flow, bytes);
        }
        for (server, bytes) in provisional {
            let _ = self.layer.respond(server, 180, bytes, now.at);
        }
        if unacknowledged.is_some() {
            // RFC 3262 §3 would refuse the call; a child is answered all the same.
            self.answer_call(id, now);
        }
        if unheard {
            self.tell_no_ack(id, now);
        }
        if dead || unheard {
            return self.leg_died(id, now);
        }
        if refresh {
            self.refresh(id, now);
        }
        if probe {
            self.probe(id, now);
        }
        self.arm_leg(id);
    }

    /// The commonest cause of calls that end after 32 s: the peer sends its ACK to a Contact that it
    /// cannot reach.
    fn tell_no_ack(&mut self, id: LegId, now: Now) {
        let Some(leg) = self.legs.get(&id) else {
            return;
        };
        let text = format!(
            "our 200 was never acknowledged: the peer sends its ACK to our Contact {}; if it cannot \
             reach that, set advertise in [sip] to the address that peers see, and local_networks to \
             those that see the machine's own",
            leg.contact
        );
        // A call that is over has had its last event.
        let call = leg.call().filter(|call| self.calls.contains_key(call));
        self.alarm(call, "no-ack", text, now);
    }

    /// Ends a leg from our side, whatever its state: BYE, CANCEL, or a refusal; then it is forgotten.
    /// A leg that still rings is forgotten when its INVITE ends, and one whose 2xx is not
    /// acknowledged when it is: the callee may not send BYE before (§15).
    pub(super) fn hang_up(&mut self, id: LegId, now: Now) {
        let Some(leg) = self.legs.get_mut(&id) else {
            return;
        };
        match &mut leg.progress {
            Progress::Invited { server, invite, .. } => {
                let (server, invite) = (*server, invite.clone());
                self.respond_status(server, &invite, 480, now);
                self.forget_leg(id, now);
            }
            Progress::Calling {
                cancelled: true, ..
            } => {}
            Progress::Calling {
                client, cancelled, ..
            } => {
                let client = *client;
                *cancelled = true;
                let why = leg.elsewhere.then_some(COMPLETED_ELSEWHERE);
                if self.layer.cancel(client, why, now.at).is_err() {
                    self.forget_leg(id, now);
                }
            }
            // §15: no BYE before the ACK of our 2xx, or before it is given up.
            Progress::Up {
                acceptance: Some(acceptance),
                ..
            } if acceptance.is_waiting() => {
                leg.timer.stop();
                self.release(id, now);
                self.arm_leg(id);
            }
            Progress::Up { .. } => {
                let why = leg.elsewhere.then_some(COMPLETED_ELSEWHERE);
                let fill = |bye: &mut Request| {
                    if let Some(why) = why {
                        bye.headers.push(Name::Reason, why);
                    }
                };
                self.send_in_dialog(id, Method::Bye, Purpose::Bye, fill, now);
                self.forget_leg(id, now);
            }
        }
    }

    /// The same to a phone that lost: another one answered.
    pub(super) fn hang_up_loser(&mut self, id: LegId, now: Now) {
        if let Some(leg) = self.legs.get_mut(&id) {
            leg.elsewhere = true;
        }
        self.hang_up(id, now);
    }

    /// Whoever began the leg is not rung while it lasts.
    pub(super) fn occupy(&mut self, id: LegId, occupied: bool, now: Now) {
        let operator = self
            .legs
            .get(&id)
            .and_then(|leg| leg.own_call_of().cloned());
        if let Some(operator) = operator {
            self.tell_queue(Input::Occupied(operator, occupied), now);
        }
    }

    /// Closes a leg's media, once: from here on only its dialog is left.
    fn release(&mut self, id: LegId, now: Now) {
        let Some(leg) = self.legs.get_mut(&id).filter(|leg| !leg.ending) else {
            return;
        };
        leg.ending = true;
        self.tapes.extend(leg.call());
        // What a supervisor's leg was like is nothing of the call's.
        let call = leg.call().filter(|_| !leg.supervises);
        self.closing.insert(id, (call, leg.side, leg.media.port));
        self.media(Command::Close { leg: id });
        self.occupy(id, false, now);
    }

    /// Removes a leg and all that is its own.
    pub(super) fn forget_leg(&mut self, id: LegId, now: Now) {
        self.release(id, now);
        let Some(leg) = self.legs.remove(&id) else {
            return;
        };
        self.trace_ends(id, now);
        if let Some(dialog) = &leg.dialog {
            self.dialogs.remove(&dialog.id);
        }
        if let Progress::Invited { server, .. } = leg.progress {
            self.servers.remove(&server);
        }
        self.timers.clear(&Timer::Leg(id));
        self.timers.clear(&Timer::Unheard(id));
        self.refusing.remove(&id);
        self.listener_left(id);
        self.typed.remove(&id);
        self.leaving.remove(&id);
        self.timers.clear(&Timer::Leaving(id));
        let operator = leg.operator.as_ref();
        if let (Some(operator), Some(invite)) = (operator, leg.cancelled_invite()) {
            self.ring_later(operator, &invite.uri, now);
        }
    }

    /// Media tells something.
    pub(super) fn heard(&mut self, event: media::Event, now: Now) {
        match event {
            media::Event::Played { leg, playback } => self.played(leg, playback, now),
            media::Event::Digit { leg, digit } => {
                if !self.legs.get(&leg).is_some_and(|leg| leg.keys_by_info) {
                    self.pressed(leg, digit, now);
                }
            }
            media::Event::Heard { .. } => {}
            media::Event::Absent { leg, silent_for } => {
                if let Some((call, side)) = self.party(leg) {
                    self.emit(Some(call), What::AudioAbsent { side, silent_for }, now);
                }
                self.probe(leg, now);
            }
            media::Event::Returned { leg } => {
                if let Some((call, side)) = self.party(leg) {
                    self.emit(Some(call), What::AudioReturned { side }, now);
                }
            }
            media::Event::Unopened { leg, reason } => {
                let open = self.legs.get(&leg).map(|leg| (leg.call(), leg.media.port));
                let closing = self.closing.get(&leg).map(|(call, _, port)| (*call, *port));
                if let Some((call, port)) = open.or(closing) {
                    self.ports.quarantine(port, now.at);
                    let text = format!(
                        "{reason}; the leg has no sound, and the port is left alone: keep other programs off [media] ports"
                    );
                    self.alarm(call, "media-port-taken", text, now);
                }
            }
            media::Event::Failed { leg, reason } => {
                let call = self.legs.get(&leg).and_then(Leg::call);
                self.alarm(call, "media-failed", reason, now);
            }
            recorded @ media::Event::Recorded { .. } => self.recorded(&recorded, now),
            media::Event::Closed { leg, quality } => {
                let Some((call, side, port)) = self.closing.remove(&leg) else {
                    return;
                };
                self.ports.give_back(port, now.at);
                // Phones that rang in vain have no streams worth a line.
                if call.is_some() && (quality.sent > 0 || quality.received > 0) {
                    self.emit(call, What::Media { side, quality }, now);
                }
            }
        }
    }

    fn party(&self, leg: LegId) -> Option<(crate::ids::CallId, Side)> {
        self.legs
            .get(&leg)
            .filter(|leg| !leg.ending)
            .and_then(|leg| Some((leg.call()?, leg.side)))
    }

    /// Answers a call that came in, by the leg's own offer or answer.
    pub(super) fn answer_invite(&mut self, id: LegId, now: Now) {
        let Some(leg) = self.legs.get(&id) else {
            return;
        };
        let Progress::Invited { server, invite, .. } = &leg.progress else {
            return;
        };
        let (server, invite) = (*server, invite.clone());
        self.accept(id, server, &invite, now);
    }

    fn accept(&mut self, id: LegId, server: ServerId, invite: &Request, now: Now) {
        let body = match self.early_answer(id, invite) {
            Some(body) => Ok(body),
            None => self.describe(id, invite, now),
        };
        let body = match body {
            Ok(body) => body,
            Err(status) => {
                self.respond_status(server, invite, status, now);
                return self.leg_refused(id, now);
            }
        };
        let asked = asked(invite);
        let agreement = session_timer::answer(&asked, &session_timer::Settings::default()).ok();
        let Some(leg) = self.legs.get_mut(&id) else {
            return;
        };
        let tag = leg
            .dialog
            .as_ref()
            .map(|dialog| dialog.id.local_tag.clone());
        let mut response = crate::sip::message::Response::to(invite, 200)
            .with_record_route(invite)
            .with_tag(&tag.unwrap_or_default())
            .with(Name::Contact, leg.contact.clone())
            .with(Name::Allow, super::dispatch::ALLOW)
            .with(Name::Supported, super::dispatch::SUPPORTED);
        // A peer that knows nothing of timers gets none: nobody would refresh (RFC 4028 §9).
        let agreement = agreement.filter(|_| asked.supported || asked.session_expires.is_some());
        if let Some(agreed) = agreement {
            response
                .headers
                .push(Name::SessionExpires, session_expires(&agreed.header()));
            if agreed.require {
                response.headers.push(Name::Require, "timer");
            }
        }
        response
            .headers
            .push(Name::ContentType, super::dispatch::SDP);
        response.body = body;
        let bytes: std::sync::Arc<[u8]> = response.to_bytes().into();
        let cseq = invite.headers.cseq().map_or(0, |cseq| cseq.number);
        leg.timer.start(agreement, now.at);
        leg.allows_update = invite.headers.lists(Name::Allow, "UPDATE");
        leg.progress = Progress::Up {
            acceptance: Some(acceptance::Acceptance::new(bytes.clone(), cseq, now.at)),
            answer_due: invite.body.is_empty(),
            ack: None,
        };
        self.servers.remove(&server);
        let _ = self.layer.respond(server, 200, bytes, now.at);
        self.arm_leg(id);
    }

    /// The answer that an INVITE was given before its 2xx, which repeats it (RFC 3261 §13.2.1).
    fn early_answer(&self, id: LegId, invite: &Request) -> Option<Vec<u8>> {
        let media = &self.legs.get(&id)?.media;
        let given = media.stream.is_some() && !invite.body.is_empty();
        given.then(|| media.described.reveal().clone().into_bytes())
    }

    /// The description for our 2xx: an answer, or an offer where the INVITE brought none.
    pub(super) fn describe(
        &mut self,
        id: LegId,
        request: &Request,
        now: Now,
    ) -> Result<Vec<u8>, u16> {
        let local = self.local(id).ok_or(500_u16)?;
        if request.body.is_empty() {
            let last = self
                .legs
                .get(&id)
                .map(|leg| leg.media.described.reveal().as_bytes());
            let last = last.and_then(|last| crate::sdp::Description::parse(last).ok());
            let body = match last {
                Some(last) => crate::sdp::offer_again(&last, &local),
                None => crate::sdp::offer(&local),
            };
            self.described(id, &body);
            return Ok(body);
        }
        let offer = crate::sdp::Description::parse(&request.body).map_err(|_| 400_u16)?;
        let (body, agreed) = crate::sdp::answer(&offer, &local).map_err(|_| 488_u16)?;
        // The socket is of one family for as long as the leg lives.
        if agreed.remote.is_ipv4() != local.address.is_ipv4()
            && !agreed.remote.ip().is_unspecified()
        {
            return Err(488);
        }
        self.described(id, &body);
        self.configure(id, agreed, now);
        Ok(body)
    }
}

/// Our end as its next description has it.
pub(super) fn local_end(media: &Media, keying: Keying, codecs: Vec<Codec>) -> Local {
    Local {
        address: media.advertised,
        port: media.port,
        id: media.description_id,
        version: media.description_version,
        direction: Direction::SendRecv,
        keying,
        codecs,
    }
}

fn leg_timeout(leg: &Leg) -> Option<Instant> {
    let progress = match &leg.progress {
        Progress::Up { acceptance, .. } => acceptance.as_ref().and_then(|one| one.next_timeout()),
        Progress::Invited { reliable, .. } => reliable.as_ref().and_then(|one| one.next_timeout()),
        Progress::Calling { .. } => None,
    };
    let reinvite = leg.reinvite.as_ref().and_then(|one| one.next_timeout());
    [progress, reinvite, leg.timer.next_timeout(), leg.probe_at]
        .into_iter()
        .flatten()
        .min()
}

/// What a request says about session timers.
pub(super) fn asked(request: &Request) -> Asked {
    let headers = &request.headers;
    Asked {
        supported: headers.lists(Name::Supported, "timer") || headers.lists(Name::Require, "timer"),
        session_expires: headers.session_expires(),
        minimum: headers.min_se(),
    }
}

/// As on the wire.
pub(super) fn session_expires(header: &session_timer::SessionExpires) -> String {
    let seconds = header.interval.as_secs();
    match header.refresher {
        Some(refresher) => format!("{seconds};refresher={}", refresher.parameter()),
        None => seconds.to_string(),
    }
}
