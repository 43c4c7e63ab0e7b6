//! Calls of a phone: made, taken, held, ended (RFC 3261 §9, §13–§15).

use std::net::SocketAddr;

use super::description::{self, Agreed, Direction};
use super::line::{Line, SessionTimer, Stage, session_expires};
use super::machine::{Phone, Timer};
use super::settings::{Ender, Event, MAX_RING, OnRing};
use super::transactions::{Client, LIFE, Purpose};
use super::voice::{Voice, event_of};
use super::wire::{self, Draft, Message, Method};
use crate::time::Instant;

impl Phone {
    /// Calls `uri`, such as `sip:116111@192.0.2.1`; `false`: the line is busy, or rsip cannot
    /// write the URI (no `tel:`, no IPv6, no dot in the user part).
    pub fn call(&mut self, uri: &str, now: Instant) -> bool {
        if self.line.is_some() || self.has_vanished() {
            return false;
        }
        let (tag, call_id) = (self.random.token(), self.random.token());
        let user = &self.settings.user;
        let mut line = Line {
            call_id,
            local: format!("\"{user}\" <sip:{user}@{}>;tag={tag}", self.settings.domain),
            local_tag: tag,
            remote_tag: None,
            remote: format!("<{uri}>"),
            target: uri.to_owned(),
            routes: Vec::new(),
            cseq: 0,
            remote_cseq: 0,
            stage: Stage::Calling,
            invite: None,
            description_id: self.random.number() as u32,
            description_version: 0,
            direction: Direction::BOTH,
            voice: None,
            timer: None,
            last_rseq: 0,
            hang_up_on_ack: false,
        };
        let contact = self.contact();
        let mut invite = line.request(Method::Invite, &contact);
        if !self.settings.late_offer {
            let own = line.own(self.settings.media, &self.settings.laws);
            invite.sdp = Some(description::offer(&own));
        }
        invite.more = self.wishes();
        if self.settings.requires_reliable {
            invite.more.push(("Require", "100rel".to_owned()));
        }
        let server = self.settings.server;
        if self.send(invite, server, Purpose::Invite, now).is_none() {
            return false;
        }
        self.line = Some(line);
        self.set_timer(Timer::Patience, self.manner.patience, now);
        self.set_timer(Timer::Vanish, self.manner.vanish_after, now);
        true
    }

    /// Headers that ask for a session timer (RFC 4028 §7.1).
    fn wishes(&self) -> Vec<(&'static str, String)> {
        match self.settings.timer {
            Some(timer) => vec![
                ("Supported", "timer".to_owned()),
                ("Session-Expires", timer.as_secs().to_string()),
            ],
            None => Vec::new(),
        }
    }

    /// Takes the call that rings.
    pub fn answer(&mut self, now: Instant) {
        let Some(line) = &mut self.line else { return };
        let Some((invite, from)) = line.invite.take_if(|_| line.stage == Stage::Ringing) else {
            return;
        };
        let (media, laws) = (self.settings.media, self.settings.laws.clone());
        let (agreed, text) = if invite.body().is_empty() {
            (None, description::offer(&line.own(media, &laws)))
        } else {
            match line.take_offer(invite.body(), media, &laws) {
                Some((agreed, text)) => (Some(agreed), text),
                None => {
                    self.respond(&invite, 488, from, now);
                    return self.end_line();
                }
            }
        };
        line.stage = Stage::Up;
        let more = self.grant_timer(&invite, now);
        self.respond_with(&invite, 200, &more, Some(&text), from, now);
        if let Some(agreed) = agreed {
            self.speak(agreed, now);
        }
        self.connected(now);
    }

    /// Refuses the call that rings.
    pub fn decline(&mut self, status: u16, now: Instant) {
        let Some(line) = &mut self.line else { return };
        if let Some((invite, from)) = line.invite.take_if(|_| line.stage == Stage::Ringing) {
            self.respond(&invite, status, from, now);
            self.end_line();
        }
    }

    /// Gives the call up that is not answered yet. CANCEL waits for a provisional response (§9.1).
    pub fn cancel(&mut self, now: Instant) {
        let Some(line) = &mut self.line else { return };
        match line.stage {
            Stage::Proceeding => {
                line.stage = Stage::Cancelling;
                self.send_cancel(now);
            }
            Stage::Calling => {
                line.stage = Stage::Cancelling;
                let rings = self.invite_client().is_some_and(|one| one.until.is_none());
                if rings {
                    self.send_cancel(now);
                }
            }
            Stage::Cancelling | Stage::Ringing | Stage::Up => {}
        }
    }

    /// Ends the call, whatever its state: CANCEL, 603 or BYE.
    pub fn hang_up(&mut self, now: Instant) {
        match self.stage() {
            Some(Stage::Calling | Stage::Proceeding) => self.cancel(now),
            Some(Stage::Ringing) => self.decline(603, now),
            Some(Stage::Up) => self.say_bye(now),
            Some(Stage::Cancelling) | None => {}
        }
    }

    fn say_bye(&mut self, now: Instant) {
        let Some(line) = &mut self.line else { return };
        if self.transactions.awaits_ack(&line.call_id) {
            // §15: the callee may not send BYE before its 2xx is acknowledged.
            line.hang_up_on_ack = true;
            return;
        }
        let contact = self.contact();
        let Some(line) = &mut self.line else { return };
        let bye = line.request(Method::Bye, &contact);
        let to = self.place_of(&bye);
        self.send(bye, to, Purpose::Bye, now);
        self.end_line();
        self.tell(Event::Ended { by: Ender::Us });
    }

    /// Holds the peer, or takes it back, by re-INVITE.
    pub fn hold(&mut self, hold: bool, now: Instant) {
        let contact = self.contact();
        let Some(line) = self.line.as_mut().filter(|line| line.stage == Stage::Up) else {
            return;
        };
        line.direction = if hold {
            Direction::HOLD
        } else {
            Direction::BOTH
        };
        let mut invite = line.request(Method::Invite, &contact);
        let own = line.own(self.settings.media, &self.settings.laws);
        invite.sdp = Some(description::offer(&own));
        let to = self.place_of(&invite);
        self.send(invite, to, Purpose::Hold(hold), now);
    }

    /// Presses a key; `false`: no call, no such key, or telephone-events were not agreed on.
    pub fn press(&mut self, key: char) -> bool {
        let voice = self.line.as_mut().and_then(|line| line.voice.as_mut());
        match (voice.filter(|voice| voice.events_agreed()), event_of(key)) {
            (Some(voice), Some(event)) => {
                voice.press(event);
                true
            }
            _ => false,
        }
    }

    /// Stops its RTP, or goes on with it.
    pub fn mute(&mut self, mute: bool) {
        self.manner.mute = mute;
        if let Some(voice) = self.line.as_mut().and_then(|line| line.voice.as_mut()) {
            voice.muted = mute;
        }
    }

    fn invite_client(&mut self) -> Option<&mut Client> {
        let call_id = &self.line.as_ref()?.call_id;
        let clients = self.transactions.clients.iter_mut();
        let mut of_call = clients.filter(|one| {
            one.purpose == Purpose::Invite && one.draft.call_id == *call_id && !one.answered
        });
        of_call.next_back()
    }

    fn send_cancel(&mut self, now: Instant) {
        let Some(invite) = self.invite_client() else {
            return;
        };
        // §9.1: if even the CANCEL is not heard, the call is given up.
        (invite.until, invite.cancelled) = (Some(now + LIFE), true);
        let (branch, to) = (invite.branch.clone(), invite.to);
        let cancel = Draft {
            method: Method::Cancel,
            contact: None,
            more: Vec::new(),
            sdp: None,
            ..invite.draft.clone()
        };
        self.send_as(cancel, branch, to, Purpose::Other, now);
    }

    /// A provisional response to our INVITE.
    pub(super) fn proceeding(&mut self, response: &Message, status: u16, now: Instant) {
        let Some(line) = self
            .line
            .as_mut()
            .filter(|line| line.call_id == response.call_id)
        else {
            return;
        };
        if line.stage == Stage::Cancelling {
            let cancelled = self
                .transactions
                .clients
                .iter()
                .any(|one| one.draft.method == Method::Cancel && one.branch == response.branch);
            if !cancelled {
                self.send_cancel(now);
            }
            return;
        }
        if status == 100 {
            return;
        }
        line.stage = Stage::Proceeding;
        let rseq = response.other("RSeq").and_then(|text| text.parse().ok());
        if let Some(rseq) = rseq.filter(|number| *number > line.last_rseq) {
            line.last_rseq = rseq;
            line.learn(response);
            let contact = self.contact();
            self.acknowledge_reliable(rseq, response.cseq, &contact, now);
        }
        self.tell(Event::Progress { status });
    }

    /// RFC 3262 §4.
    fn acknowledge_reliable(&mut self, rseq: u32, cseq: u32, contact: &str, now: Instant) {
        let Some(line) = &mut self.line else { return };
        let mut prack = line.request(Method::PRack, contact);
        prack.more.push(("RAck", format!("{rseq} {cseq} INVITE")));
        let to = self.place_of(&prack);
        self.send(prack, to, Purpose::Other, now);
    }

    /// The ACK of a refusal is part of its transaction (§17.1.1.3).
    pub(super) fn acknowledge_refusal(
        &mut self,
        client: &Client,
        response: &Message,
        _from: SocketAddr,
    ) {
        let ack = Draft {
            method: Method::Ack,
            to: response.to(),
            contact: None,
            more: Vec::new(),
            sdp: None,
            ..client.draft.clone()
        };
        self.send_ack(&ack, client.branch.clone(), client.to, &client.branch);
    }

    /// Sends an ACK, and remembers it for copies of what it acknowledges.
    fn send_ack(&mut self, ack: &Draft, branch: String, to: SocketAddr, of: &str) {
        let Some(bytes) = wire::request(ack, self.settings.local, &branch) else {
            return;
        };
        let invites = self.transactions.clients.iter_mut();
        for one in invites.filter(|one| one.branch == of && one.draft.method == Method::Invite) {
            one.ack = Some((to, bytes.clone()));
        }
        self.outputs
            .push_back(super::settings::Output::Send { to, bytes });
    }

    /// Another branch of a forked INVITE answered too: ACK, and BYE (§13.2.2.4).
    pub(super) fn dismiss_fork(&mut self, client: &Client, response: &Message, now: Instant) {
        if client.draft.method != Method::Invite {
            return;
        }
        let mut routes = response.record_routes();
        routes.reverse();
        let ack = Draft {
            method: Method::Ack,
            uri: response.contact().unwrap_or_default(),
            to: response.to(),
            routes,
            contact: None,
            more: Vec::new(),
            sdp: None,
            ..client.draft.clone()
        };
        let to = self.place_of(&ack);
        let bye = Draft {
            method: Method::Bye,
            cseq: ack.cseq + 1,
            ..ack.clone()
        };
        let branch = format!("z9hG4bK{}", self.random.token());
        self.send_ack(&ack, branch, to, "");
        self.send(bye, to, Purpose::Bye, now);
    }

    /// The final response to the INVITE that began a call.
    pub(super) fn call_answered(
        &mut self,
        client: &Client,
        response: &Message,
        status: u16,
        now: Instant,
    ) {
        let call_id = &client.draft.call_id;
        let Some(line) = self.line.as_mut().filter(|line| line.call_id == *call_id) else {
            return;
        };
        if status >= 300 {
            self.end_line();
            return self.tell(Event::Failed { status });
        }
        line.learn(response);
        let gives_up = line.stage == Stage::Cancelling;
        line.stage = Stage::Up;
        let mut ack = line.ack(response.cseq);
        let (media, laws) = (self.settings.media, self.settings.laws.clone());
        let agreed = if client.draft.sdp.is_some() {
            description::read(response.body(), &laws)
        } else {
            let taken = line.take_offer(response.body(), media, &laws);
            taken.map(|(agreed, text)| {
                ack.sdp = Some(text);
                agreed
            })
        };
        let branch = format!("z9hG4bK{}", self.random.token());
        let to = self.place_of(&ack);
        self.send_ack(&ack, branch, to, &client.branch);
        // §9.1: a 2xx that crossed our CANCEL stands, and is ended; so is a call without sound.
        let Some(agreed) = agreed.filter(|_| !gives_up) else {
            return self.say_bye(now);
        };
        self.restart_timer(response, true, now);
        self.speak(agreed, now);
        self.connected(now);
    }

    fn connected(&mut self, now: Instant) {
        self.set_timer(Timer::Talk, self.manner.talk_for, now);
        let keys: Vec<_> = self.manner.keys.iter().map(|(after, _)| *after).collect();
        for (number, after) in keys.into_iter().enumerate() {
            self.timers.set(Timer::Key(number), now + after);
        }
        self.tell(Event::Connected);
    }

    /// Begins to send and hear, or goes on by a newer description.
    fn speak(&mut self, agreed: Agreed, now: Instant) {
        let random = self.random.number();
        let Some(line) = &mut self.line else { return };
        match &mut line.voice {
            Some(voice) => voice.agree(agreed),
            None => {
                let (laws, tone) = (&self.settings.laws, self.settings.tone);
                let mut voice = Voice::new(agreed, laws, tone, random, now);
                voice.muted = self.manner.mute;
                line.voice = Some(voice);
            }
        }
    }

    pub(super) fn hold_answered(
        &mut self,
        client: &Client,
        response: &Message,
        status: u16,
        now: Instant,
    ) {
        let call_id = &client.draft.call_id;
        let Some(line) = self.line.as_mut().filter(|line| line.call_id == *call_id) else {
            return;
        };
        if status >= 300 {
            if matches!(status, 408 | 481) {
                self.lost(now);
            }
            return;
        }
        line.learn(response);
        let ack = line.ack(response.cseq);
        let branch = format!("z9hG4bK{}", self.random.token());
        let to = self.place_of(&ack);
        self.send_ack(&ack, branch, to, &client.branch);
        if let Some(agreed) = description::read(response.body(), &self.settings.laws) {
            self.speak(agreed, now);
        }
        self.restart_timer(response, true, now);
    }

    /// Where a request inside the dialog goes: to the first route or the target, if they name an
    /// address, else to the server.
    pub(super) fn place_of(&self, draft: &Draft) -> SocketAddr {
        let route = draft.routes.first().map(|route| {
            let inner = route
                .split_once('<')
                .map_or(route.as_str(), |(_, rest)| rest);
            inner.split('>').next().unwrap_or(inner).to_owned()
        });
        let uri = route.as_deref().unwrap_or(&draft.uri);
        wire::address_of(uri).unwrap_or(self.settings.server)
    }

    /// An INVITE outside any dialog.
    pub(super) fn invited(&mut self, invite: &Message, from: SocketAddr, now: Instant) {
        if self.line.is_some() {
            self.respond(invite, 486, from, now);
            return self.tell(Event::SecondCall);
        }
        let tag = self.random.token();
        let mut routes = invite.record_routes();
        routes.truncate(8);
        self.line = Some(Line {
            call_id: invite.call_id.clone(),
            local: format!("{};tag={tag}", invite.to()),
            local_tag: tag,
            remote_tag: Some(invite.from_tag.clone()),
            remote: invite.from(),
            target: invite.contact().unwrap_or_default(),
            routes,
            cseq: 0,
            remote_cseq: invite.cseq,
            stage: Stage::Ringing,
            invite: Some((invite.clone(), from)),
            description_id: self.random.number() as u32,
            description_version: 0,
            direction: Direction::BOTH,
            voice: None,
            timer: None,
            last_rseq: 0,
            hang_up_on_ack: false,
        });
        let more = match self.settings.rings_reliably && invite.knows("100rel") {
            true => vec![("Require", "100rel".to_owned()), ("RSeq", "1".to_owned())],
            false => Vec::new(),
        };
        self.respond_with(invite, 180, &more, None, from, now);
        let name = invite.display_name().unwrap_or_default();
        self.tell(Event::Ringing { name });
        let after = match self.manner.on_ring {
            OnRing::Wait => Some(MAX_RING),
            OnRing::Answer { after } | OnRing::Refuse { after, .. } | OnRing::Vanish { after } => {
                Some(after)
            }
        };
        self.set_timer(Timer::React, after, now);
    }

    pub(super) fn cancelled(&mut self, cancel: &Message, from: SocketAddr, now: Instant) {
        let of_this = |line: &&mut Line| {
            let invite = line.invite.as_ref();
            invite.is_some_and(|(invite, _)| invite.branch == cancel.branch)
        };
        let found = self.line.as_mut().filter(of_this);
        let Some((invite, place)) = found.and_then(|line| line.invite.take()) else {
            // After our final answer it changes nothing (§9.2).
            let status = match self.transactions.knows_invite(&cancel.branch) {
                true => 200,
                false => 481,
            };
            return self.respond(cancel, status, from, now);
        };
        self.respond(cancel, 200, from, now);
        self.respond(&invite, 487, place, now);
        self.end_line();
        self.tell(Event::Cancelled);
    }

    pub(super) fn request_in_dialog(&mut self, request: &Message, from: SocketAddr, now: Instant) {
        let owns = self.line.as_ref().is_some_and(|line| line.owns(request));
        let Some(line) = self.line.as_mut().filter(|_| owns) else {
            return self.respond(request, 481, from, now);
        };
        if request.cseq < line.remote_cseq {
            return self.respond(request, 500, from, now);
        }
        line.remote_cseq = request.cseq;
        match request.method {
            Method::Bye => {
                let call_id = line.call_id.clone();
                self.respond(request, 200, from, now);
                self.transactions.forget_ack(&call_id);
                self.end_line();
                self.tell(Event::Ended { by: Ender::Peer });
            }
            Method::Invite | Method::Update => self.renegotiated(request, from, now),
            Method::Notify => self.transfer_told(request, from, now),
            Method::PRack => {
                let acknowledged = request.other("RAck") == Some("1 1 INVITE");
                let status = if acknowledged { 200 } else { 481 };
                self.respond(request, status, from, now);
            }
            Method::Options | Method::Info => self.respond(request, 200, from, now),
            _ => self.respond(request, 405, from, now),
        }
    }

    /// A re-INVITE or UPDATE of the peer.
    fn renegotiated(&mut self, request: &Message, from: SocketAddr, now: Instant) {
        let Some(line) = &mut self.line else { return };
        if let Some(contact) = request.contact() {
            line.target = contact;
        }
        let (media, laws) = (self.settings.media, self.settings.laws.clone());
        let mut text = None;
        if !request.body().is_empty() {
            let Some((agreed, answer)) = line.take_offer(request.body(), media, &laws) else {
                return self.respond(request, 488, from, now);
            };
            let held = !agreed.direction.sends;
            self.speak(agreed, now);
            self.tell(Event::Held(held));
            text = Some(answer);
        } else if request.method == Method::Invite {
            text = Some(description::offer(&line.own(media, &laws)));
        }
        let more = self.grant_timer(request, now);
        self.respond_with(request, 200, &more, text.as_deref(), from, now);
    }

    /// As UAS: grants the session timer that a request asks for, if this phone knows timers.
    fn grant_timer(&mut self, request: &Message, now: Instant) -> Vec<(&'static str, String)> {
        let asked = request.other("Session-Expires").and_then(session_expires);
        let Some((interval, by_uac)) =
            asked.filter(|_| self.settings.timer.is_some() && request.knows("timer"))
        else {
            return Vec::new();
        };
        let by_uac = by_uac.unwrap_or(true);
        self.set_session(interval, !by_uac, now);
        let who = if by_uac { "uac" } else { "uas" };
        let value = format!("{};refresher={who}", interval.as_secs());
        vec![("Require", "timer".to_owned()), ("Session-Expires", value)]
    }

    /// As UAC: takes up what a 2xx grants.
    pub(super) fn restart_timer(&mut self, response: &Message, as_uac: bool, now: Instant) {
        let granted = response.other("Session-Expires").and_then(session_expires);
        match granted.filter(|_| self.settings.timer.is_some()) {
            Some((interval, by_uac)) => {
                self.set_session(interval, by_uac.unwrap_or(true) == as_uac, now);
            }
            None => {
                self.timers.clear(&Timer::Session);
            }
        }
    }

    fn set_session(&mut self, interval: std::time::Duration, we_refresh: bool, now: Instant) {
        let timer = SessionTimer {
            interval,
            we_refresh,
        };
        if let Some(line) = &mut self.line {
            line.timer = Some(timer);
            self.timers.set(Timer::Session, timer.due(now));
        }
    }

    pub(super) fn session_due(&mut self, now: Instant) {
        let contact = self.contact();
        let Some(line) = self.line.as_mut().filter(|line| line.stage == Stage::Up) else {
            return;
        };
        let Some(timer) = line.timer else { return };
        if !timer.we_refresh {
            self.say_bye(now);
            return;
        }
        let mut update = line.request(Method::Update, &contact);
        let seconds = timer.interval.as_secs();
        update.more = vec![
            ("Supported", "timer".to_owned()),
            ("Session-Expires", format!("{seconds};refresher=uac")),
        ];
        let to = self.place_of(&update);
        self.send(update, to, Purpose::Refresh, now);
    }

    pub(super) fn acknowledged(&mut self, ack: &Message, now: Instant) {
        if !self.transactions.acknowledge(ack) {
            return;
        }
        let Some(line) = self.line.as_mut().filter(|line| line.owns(ack)) else {
            return;
        };
        let wants_end = line.hang_up_on_ack;
        if line.voice.is_none() || !ack.body().is_empty() {
            // The answer to our offer.
            if let Some(agreed) = description::read(ack.body(), &self.settings.laws) {
                self.speak(agreed, now);
            }
        }
        if wants_end {
            self.say_bye(now);
        }
    }

    /// Nobody acknowledged our 2xx: the call is ended (§13.3.1.4).
    pub(super) fn unacknowledged(&mut self, call_id: &str, now: Instant) {
        if self
            .line
            .as_ref()
            .is_some_and(|line| line.call_id == call_id)
        {
            self.transactions.forget_ack(call_id);
            self.say_bye(now);
        }
    }
}
