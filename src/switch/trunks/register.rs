//! We register with a carrier (RFC 3261 §10.2), so that it knows where our calls go.

use std::time::Duration;

use rand_chacha::rand_core::RngCore;

use super::lines::TrunkTimer;
use crate::sip::flow::{Flow, Transport};
use crate::sip::headers::{Contacts, NameAddr, seconds};
use crate::sip::message::{Method, Name, Request, Response};
use crate::sip::uri::{Host, Uri};
use crate::switch::outgoing::Purpose;
use crate::switch::pbx::{Switch, Timer};
use crate::time::Now;

/// RFC 5626 §4.5: the wait after the first failure, before it is doubled.
const BASE_TIME: Duration = Duration::from_secs(30);
/// RFC 5626 §4.5: the longest wait.
const MAX_TIME: Duration = Duration::from_secs(1_800);
/// No 423 and no answer makes us ask for longer.
const LONGEST: u64 = 86_400;
/// Where the carrier grants nearly nothing, we refresh no more often.
const CLOSEST: Duration = Duration::from_secs(5);
/// The most routes of a Service-Route that are kept.
const MAX_ROUTES: usize = 8;

impl Switch {
    /// REGISTER, or its refresh.
    pub(super) fn send_register(&mut self, at: usize, now: Now) {
        let Some((trunk, line)) = self.lines.with(&self.settings.trunks).nth(at) else {
            return;
        };
        let Some(wanted) = trunk.register.filter(|_| !line.registration.left) else {
            return;
        };
        let seconds = wanted.as_secs().max(line.registration.least);
        let failures = line.registration.failures;
        match self.way_to_trunk(at, failures) {
            Some(flow) => self.register_by(at, flow, seconds, now),
            None => self.register_failed(at, "DNS names no server of it", None, now),
        }
    }

    fn register_by(&mut self, at: usize, flow: Flow, seconds: u64, now: Now) {
        let Some(trunk) = self.settings.trunks.get(at).cloned() else {
            return;
        };
        self.expect_at(&trunk, flow);
        let Some(uri) = trunk.domain() else { return };
        let Uri::Sip(domain) = &uri else { return };
        let Some(line) = self.lines.lines.get_mut(at) else {
            return;
        };
        line.registration.cseq += 1;
        let own = &line.registration;
        let (call_id, tag, cseq) = (own.call_id.clone(), own.tag.clone(), own.cseq);
        let user = trunk.credentials.as_ref().map(|one| one.user.as_str());
        let user = user.unwrap_or_default();
        let scheme = if domain.secure { "sips" } else { "sip" };
        let address = match domain.port {
            Some(port) => format!("{scheme}:{user}@{}:{port}", domain.host),
            None => format!("{scheme}:{user}@{}", domain.host),
        };
        let identity = (call_id.as_str(), tag.as_str(), cseq);
        // A Service-Route is for other requests than REGISTER (RFC 3608 §5).
        let routes = trunk.proxy_route().into_iter().collect();
        let who = (address.as_str(), address.as_str());
        let mut request =
            self.request_to_trunk(Method::Register, uri.clone(), routes, who, identity);
        let contact = self.trunk_contact(at, flow);
        request
            .headers
            .push(Name::Contact, format!("<{contact}>;expires={seconds}"));
        request.headers.push(Name::Expires, seconds.to_string());
        let purpose = Purpose::Register(at);
        if self
            .send_request(request, flow, purpose, trunk.credentials, now)
            .is_none()
        {
            self.register_failed(at, "too many transactions are under way", None, now);
        }
    }

    /// Our Contact at a registrar: calls to it are that trunk's.
    fn trunk_contact(&self, at: usize, flow: Flow) -> String {
        let user = self.settings.trunks.get(at);
        let user = user
            .map(|trunk| self.contact_user(trunk))
            .unwrap_or_default();
        let (address, port) = self.our_place(flow);
        let transport = match flow.transport {
            Transport::Udp => String::new(),
            other => format!(";transport={}", other.parameter()),
        };
        format!("sip:{user}@{}:{port}{transport}", Host::Address(address))
    }

    /// The registrar's final answer; challenges were answered before.
    pub(in crate::switch) fn register_answered(
        &mut self,
        at: usize,
        request: &Request,
        response: &Response,
        flow: Flow,
        now: Now,
    ) {
        if response.is_provisional() {
            return;
        }
        let number = request.headers.cseq().map_or(0, |cseq| cseq.number);
        let Some(line) = self.lines.lines.get_mut(at) else {
            return;
        };
        let own = &mut line.registration;
        own.cseq = own.cseq.max(number);
        if own.left {
            return;
        }
        let asked = request.headers.expires().map_or(0, |time| time.as_secs());
        match response.status {
            200..=299 => self.register_accepted(at, asked, response, flow, now),
            // §10.2.8: the same again for as long as it wants.
            423 => {
                let least = response.headers.text(Name::MinExpires);
                let least = least
                    .and_then(|text| seconds(&text))
                    .map(|time| time.as_secs());
                match least.filter(|least| *least > asked && *least <= LONGEST) {
                    Some(least) => {
                        own.least = least;
                        self.send_register(at, now);
                    }
                    None => self.register_failed(
                        at,
                        "it wants no time that we can ask for (423)",
                        None,
                        now,
                    ),
                }
            }
            401 | 403 | 407 => {
                let why = format!(
                    "it does not accept our user and password ({})",
                    response.status
                );
                self.register_failed(at, &why, response.headers.retry_after(), now);
            }
            status => {
                let why = format!("it answers REGISTER with {status}");
                self.register_failed(at, &why, response.headers.retry_after(), now);
            }
        }
    }

    fn register_accepted(
        &mut self,
        at: usize,
        asked: u64,
        response: &Response,
        flow: Flow,
        now: Now,
    ) {
        let contact = Uri::parse_lenient(&self.trunk_contact(at, flow));
        let granted = granted(response, &contact).unwrap_or(Duration::from_secs(asked));
        let routes = response.headers.all(Name::from("Service-Route"));
        let routes = routes.filter(|text| NameAddr::parse(text).is_ok());
        let routes = routes
            .take(MAX_ROUTES)
            .map(|text| text.into_owned())
            .collect();
        // Somewhere between half and nine tenths: all nodes of a carrier that restarted are not asked at once.
        let share = 50 + self.random.next_u32() % 41;
        let refresh = (granted * share / 100).max(CLOSEST);
        let Some((trunk, line)) = self.lines.of(&self.settings.trunks, at) else {
            return;
        };
        let own = &mut line.registration;
        own.until = Some(now.at + granted);
        own.failures = 0;
        own.fault = None;
        own.service_route = routes;
        let was_told = std::mem::take(&mut own.told);
        let text = format!("trunk {}: registered again", trunk.name);
        self.timers
            .set(Timer::Trunk(TrunkTimer::Register(at)), now.at + refresh);
        if was_told {
            self.alarm(None, "trunk-registered", text, now);
        }
    }

    /// The registrar was not reached: 408 by silence, 503 by our own network.
    pub(in crate::switch) fn register_unanswered(&mut self, at: usize, status: u16, now: Now) {
        let why = match status {
            408 => "its registrar does not answer",
            _ => "its registrar cannot be reached",
        };
        self.register_failed(at, why, None, now);
    }

    /// RFC 5626 §4.5: the wait doubles with each failure, and is between half and all of that.
    fn register_failed(&mut self, at: usize, why: &str, wanted: Option<Duration>, now: Now) {
        let share = 50 + self.random.next_u32() % 51;
        let Some((trunk, line)) = self.lines.of(&self.settings.trunks, at) else {
            return;
        };
        let own = &mut line.registration;
        if own.left {
            return;
        }
        own.fault = Some(why.to_owned());
        own.failures = own.failures.saturating_add(1);
        let doubled = BASE_TIME * (1 << own.failures.min(6));
        let wait = doubled.min(MAX_TIME) * share / 100;
        let wait = wait.max(wanted.unwrap_or_default().min(MAX_TIME));
        let tell = !std::mem::replace(&mut own.told, true);
        let text = format!(
            "trunk {}: we are not registered: {why}; `qaynar trunk test {}` tells what to ask the carrier",
            trunk.name, trunk.name
        );
        self.timers
            .set(Timer::Trunk(TrunkTimer::Register(at)), now.at + wait);
        if tell {
            self.alarm(None, "trunk-unregistered", text, now);
        }
    }

    /// The house closes: carriers need not try us any more (§10.2.2). Once.
    pub(in crate::switch) fn leave_trunks(&mut self, now: Now) {
        for at in 0..self.lines.lines.len() {
            self.timers.clear(&Timer::Trunk(TrunkTimer::Qualify(at)));
            self.timers.clear(&Timer::Trunk(TrunkTimer::Register(at)));
            let Some(line) = self.lines.lines.get_mut(at) else {
                continue;
            };
            let own = &mut line.registration;
            let known = own.until.is_some_and(|until| until > now.at);
            if std::mem::replace(&mut own.left, true) || !known {
                continue;
            }
            own.until = None;
            if let Some(flow) = self.way_to_trunk(at, 0) {
                self.register_by(at, flow, 0, now);
            }
        }
    }
}

/// How long the carrier keeps our Contact (§10.2.4): as the Contact says, else as the message says.
fn granted(response: &Response, contact: &Uri) -> Option<Duration> {
    let named = match response.headers.contacts() {
        Ok(Contacts::List(all)) => all
            .into_iter()
            .find(|one| one.uri.is_equivalent(contact) || one.uri.user() == contact.user()),
        _ => None,
    };
    let own = named.and_then(|one| seconds(one.parameter("expires")?));
    own.or_else(|| response.headers.expires())
}
