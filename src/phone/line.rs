//! One call of a phone: its dialog (RFC 3261 §12) and its audio.

use super::description::{self, Agreed, Direction, Own};
use super::voice::Voice;
use super::wire::{Draft, Message, Method};
use crate::time::Instant;
use std::time::Duration;

/// How far a call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// We called; nothing but perhaps a 100 has come.
    Calling,
    /// We called and the other side rings.
    Proceeding,
    /// We called and have given up; the final answer is awaited.
    Cancelling,
    /// We are called and ring.
    Ringing,
    /// Connected.
    Up,
}

/// RFC 4028, as far as a phone needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SessionTimer {
    pub(super) interval: Duration,
    pub(super) we_refresh: bool,
}

impl SessionTimer {
    /// When there is something to do: refresh at half of the interval (§7.2), or hang up a little
    /// before its end (§10).
    pub(super) fn due(self, now: Instant) -> Instant {
        if self.we_refresh {
            return now + self.interval / 2;
        }
        let before = (self.interval / 3).min(Duration::from_secs(32));
        now + (self.interval - before)
    }
}

/// A call.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) call_id: String,
    pub(super) local_tag: String,
    pub(super) remote_tag: Option<String>,
    /// Our own From of requests, with its tag.
    pub(super) local: String,
    /// The To of our requests, with its tag once there is one.
    pub(super) remote: String,
    pub(super) target: String,
    pub(super) routes: Vec<String>,
    pub(super) cseq: u32,
    pub(super) remote_cseq: u32,
    pub(super) stage: Stage,
    /// The INVITE that we have not answered, and from where.
    pub(super) invite: Option<(Message, std::net::SocketAddr)>,
    pub(super) description_id: u32,
    pub(super) description_version: u32,
    pub(super) direction: Direction,
    pub(super) voice: Option<Voice>,
    pub(super) timer: Option<SessionTimer>,
    pub(super) last_rseq: u32,
    /// BYE as soon as our 2xx is acknowledged (§15).
    pub(super) hang_up_on_ack: bool,
}

impl Line {
    /// Whether a request of the peer belongs to this dialog.
    pub(super) fn owns(&self, request: &Message) -> bool {
        self.call_id == request.call_id
            && request.to_tag.as_deref() == Some(self.local_tag.as_str())
    }

    /// A request inside the dialog.
    pub(super) fn request(&mut self, method: Method, contact: &str) -> Draft {
        self.cseq += 1;
        let makes_target = matches!(method, Method::Invite | Method::Update);
        Draft {
            method,
            uri: self.target.clone(),
            call_id: self.call_id.clone(),
            cseq: self.cseq,
            from: self.local.clone(),
            to: self.remote.clone(),
            routes: self.routes.clone(),
            contact: makes_target.then(|| contact.to_owned()),
            more: Vec::new(),
            sdp: None,
        }
    }

    /// The ACK of a 2xx to the INVITE with this CSeq (§13.2.2.4).
    pub(super) fn ack(&self, cseq: u32) -> Draft {
        Draft {
            method: Method::Ack,
            uri: self.target.clone(),
            call_id: self.call_id.clone(),
            cseq,
            from: self.local.clone(),
            to: self.remote.clone(),
            routes: self.routes.clone(),
            contact: None,
            more: Vec::new(),
            sdp: None,
        }
    }

    /// Our end for the next description.
    pub(super) fn own<'a>(
        &mut self,
        media: std::net::SocketAddr,
        laws: &'a [super::sound::Law],
    ) -> Own<'a> {
        self.description_version += 1;
        Own {
            media,
            id: self.description_id,
            version: self.description_version,
            laws,
            direction: self.direction,
        }
    }

    /// Takes an offer, and returns the answer to it; `None`: nothing to talk by.
    pub(super) fn take_offer(
        &mut self,
        body: &[u8],
        media: std::net::SocketAddr,
        laws: &[super::sound::Law],
    ) -> Option<(Agreed, String)> {
        let agreed = description::read(body, laws)?;
        let text = description::answer(&self.own(media, laws), &agreed);
        Some((agreed, text))
    }

    /// What a response that makes or refreshes the dialog says about the peer (§12.1.2).
    pub(super) fn learn(&mut self, response: &Message) {
        if self.remote_tag.is_none() {
            self.remote_tag = response.to_tag.clone();
            self.remote = response.to();
            self.routes = response.record_routes();
            self.routes.reverse();
        }
        if let Some(contact) = response.contact() {
            self.target = contact;
        }
    }
}

/// `1800;refresher=uac`: the interval, and whether the UAC refreshes, if it is told.
pub(super) fn session_expires(value: &str) -> Option<(Duration, Option<bool>)> {
    let mut parts = value.split(';');
    let seconds = parts.next()?.trim().parse().ok()?;
    let refresher = parts.find_map(|part| part.trim().strip_prefix("refresher="));
    let by_uac = refresher.map(|who| who.eq_ignore_ascii_case("uac"));
    Some((Duration::from_secs(seconds), by_uac))
}
