//! The way back to phones behind a NAT stays open: a NAT forgets a phone that neither sends nor hears
//! (RFC 4787 §4.3: after two minutes, many after thirty seconds), and no call would reach it.

use std::time::Duration;

use super::pbx::{Switch, Timer};
use crate::registrar::Binding;
use crate::sip::dialog::MAX_FORWARDS;
use crate::sip::flow::Transport;
use crate::sip::message::{Headers, Method, Name, Request};
use crate::sip::uri::Uri;
use crate::time::Now;

/// As RFC 5626 §4.4.2 has it for UDP: 24 to 29 s.
const EVERY: Duration = Duration::from_secs(25);

impl Switch {
    /// Begins to keep ways open, if there is one to keep.
    pub(super) fn watch_pinholes(&mut self, now: Now) {
        if self.timers.deadline(&Timer::Pinholes).is_none() && self.behind_nat().next().is_some() {
            self.timers.set(Timer::Pinholes, now.at + EVERY);
        }
    }

    fn behind_nat(&self) -> impl Iterator<Item = &Binding> {
        let all = self.registrar.all().flat_map(|(_, bindings)| bindings);
        all.filter(|binding| is_behind_nat(binding))
    }

    /// An OPTIONS to each phone behind a NAT, without a transaction: its answer opens the way from
    /// inside, which every NAT counts, and nothing waits for it. A lost one is made good by the next.
    pub(super) fn keep_pinholes(&mut self, now: Now) {
        let bindings: Vec<Binding> = self.behind_nat().cloned().collect();
        for binding in &bindings {
            let (tag, call_id) = (self.token(), self.token());
            let domain = &self.settings.domain;
            let mut headers = Headers::with_capacity(8);
            headers.push(Name::MaxForwards, MAX_FORWARDS.to_string());
            headers.push(Name::From, format!("<sip:qaynar@{domain}>;tag={tag}"));
            headers.push(
                Name::To,
                format!("<{}>", Uri::parse_lenient(&binding.contact)),
            );
            headers.push(Name::CallId, call_id);
            headers.push(Name::CSeq, "1 OPTIONS");
            let request = Request {
                method: Method::Options,
                uri: Uri::parse_lenient(&binding.contact),
                headers,
                body: Vec::new(),
            };
            self.send_ack(&request, binding.flow);
        }
        self.watch_pinholes(now);
    }
}

/// By UDP the phone was seen elsewhere than it believes to be. Connections are kept by the phone
/// (RFC 5626 §4.4.1) and break audibly; the way behind a proxy is the proxy's (RFC 3327).
fn is_behind_nat(binding: &Binding) -> bool {
    if !binding.path.is_empty() {
        return false;
    }
    let seen = binding.flow.remote;
    let contact = Uri::parse_lenient(&binding.contact);
    let named = contact.host().and_then(|host| host.address());
    let moved = named.is_some_and(|named| named != seen.ip() || contact.port() != seen.port());
    binding.flow.transport == Transport::Udp && moved
}
