//! Registration (RFC 3261 §10) and the answers to challenges (§22).

use std::time::Duration;

use super::digest::Challenge;
use super::machine::{Phone, Timer};
use super::settings::Event;
use super::transactions::{Client, Purpose};
use super::wire::{Draft, Message, Method};
use crate::time::Instant;

/// After a failure the phone tries again so late.
const RETRY: Duration = Duration::from_secs(30);

/// A registration that is wanted.
#[derive(Debug, Clone)]
pub(super) struct Registration {
    call_id: String,
    tag: String,
    cseq: u32,
    expires: Duration,
    /// The last challenge: its nonce is used again until the server says stale.
    challenge: Option<Challenge>,
}

impl Phone {
    /// Registers with the server, and refreshes at half of what it grants.
    pub fn register(&mut self, password: &str, expires: Duration, now: Instant) {
        self.settings.password = Some(password.to_owned());
        let registration = Registration {
            call_id: self.random.token(),
            tag: self.random.token(),
            cseq: 0,
            expires,
            challenge: None,
        };
        let registration = self.registration.take().unwrap_or(registration);
        self.registration = Some(Registration {
            expires,
            ..registration
        });
        self.send_register(expires, Purpose::Register, now);
    }

    /// Takes the contact away.
    pub fn unregister(&mut self, now: Instant) {
        self.timers.clear(&Timer::Register);
        self.send_register(Duration::ZERO, Purpose::Unregister, now);
    }

    pub(super) fn refresh_registration(&mut self, now: Instant) {
        let Some(expires) = self.registration.as_ref().map(|one| one.expires) else {
            return;
        };
        self.send_register(expires, Purpose::Register, now);
    }

    fn send_register(&mut self, expires: Duration, purpose: Purpose, now: Instant) {
        let own = self.random.token();
        let (user, domain) = (self.settings.user.clone(), self.settings.domain.clone());
        let uri = format!("sip:{}", self.settings.server);
        let password = self.settings.password.clone().unwrap_or_default();
        let contact = self.contact();
        let Some(registration) = &mut self.registration else {
            return;
        };
        registration.cseq += 1;
        let mut more = vec![("Expires", expires.as_secs().to_string())];
        if let Some(challenge) = &mut registration.challenge {
            let answer = challenge.answer(&user, &password, "REGISTER", &uri, &own);
            more.push(("Authorization", answer));
        }
        let place = format!("<sip:{user}@{domain}>");
        let draft = Draft {
            method: Method::Register,
            uri,
            call_id: registration.call_id.clone(),
            cseq: registration.cseq,
            from: format!("{place};tag={}", registration.tag),
            to: place,
            routes: Vec::new(),
            contact: Some(contact),
            more,
            sdp: None,
        };
        let server = self.settings.server;
        self.send(draft, server, purpose, now);
    }

    pub(super) fn registered(
        &mut self,
        client: &Client,
        response: &Message,
        status: u16,
        now: Instant,
    ) {
        if status == 423
            && let Some(least) = response.least_expiry()
        {
            let expires = Duration::from_secs(least);
            if let Some(registration) = &mut self.registration {
                registration.expires = expires;
            }
            return self.send_register(expires, Purpose::Register, now);
        }
        match (client.purpose, status) {
            (Purpose::Unregister, 200..300) => {
                self.registration = None;
                self.tell(Event::Unregistered);
            }
            (_, 200..300) => {
                let own = self.settings.local.to_string();
                let wanted = self.registration.as_ref().map(|one| one.expires);
                let granted = response.granted(&own).map(Duration::from_secs);
                let expires = granted.or(wanted).unwrap_or_default();
                self.set_timer(Timer::Register, Some(expires / 2), now);
                self.tell(Event::Registered { expires });
            }
            _ => self.registration_failed(status, now),
        }
    }

    pub(super) fn registration_failed(&mut self, status: u16, now: Instant) {
        // A refusal is final; who did not answer is asked again.
        let retry = matches!(status, 408 | 500..).then_some(RETRY);
        self.set_timer(Timer::Register, retry, now);
        self.tell(Event::RegistrationFailed { status });
    }

    /// The same request with the proof, a new CSeq and the same Call-ID (§22.2); `true`: on its way.
    pub(super) fn answer_challenge(
        &mut self,
        client: &Client,
        response: &Message,
        now: Instant,
    ) -> bool {
        let Some(password) = self.settings.password.clone() else {
            return false;
        };
        let challenges = response.challenges();
        let modern = self.settings.knows_sha256();
        let Some(mut challenge) = Challenge::choose(&challenges, modern) else {
            return false;
        };
        // The second refusal is believed, unless only the nonce was old.
        if client.challenged && !challenge.stale {
            return false;
        }
        let (user, own) = (self.settings.user.clone(), self.random.token());
        let mut draft = client.draft.clone();
        let method = draft.method.to_string();
        let answer = challenge.answer(&user, &password, &method, &draft.uri, &own);
        let name = match response.status() {
            Some(401) => "Authorization",
            _ => "Proxy-Authorization",
        };
        draft.more.retain(|(found, _)| *found != name);
        draft.more.push((name, answer));
        draft.cseq += 1;
        if draft.method == Method::Register {
            if let Some(registration) = &mut self.registration {
                registration.cseq = draft.cseq;
                registration.challenge = Some(challenge);
            }
        } else if let Some(line) = &mut self.line
            && line.call_id == draft.call_id
        {
            line.cseq = draft.cseq;
        }
        let Some(branch) = self.send(draft, client.to, client.purpose, now) else {
            return false;
        };
        let clients = self.transactions.clients.iter_mut();
        for one in clients.filter(|one| one.branch == branch) {
            one.challenged = true;
        }
        true
    }
}
