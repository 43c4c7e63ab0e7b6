//! Flows that phones keep to us, and proxies before them (RFC 5626, RFC 3327).

use std::time::Duration;

use super::pbx::Switch;
use crate::call::Progress;
use crate::ids::{CallId, LegId, OperatorId};
use crate::registrar::Binding;
use crate::sip::headers::{Contacts, NameAddr};
use crate::sip::message::{Headers, Name, Request, Response};
use crate::sip::uri::Uri;
use crate::time::{Now, Wall};

/// A phone shall ping a flow at least so often (RFC 5626 §4.4): what the NATs of offices and homes keep
/// open for connections; for datagrams phones know a shorter time themselves (§4.4.2).
const FLOW_TIMER: Duration = Duration::from_secs(120);
/// The most proxies before a phone.
const MAX_PATH: usize = 8;
/// The most octets of their addresses: they are kept with each binding.
const MAX_PATH_BYTES: usize = 1024;
/// RFC 5626 §6: the first proxy cannot keep a flow to the phone.
const FIRST_HOP_LACKS_OUTBOUND: u16 = 439;
/// RFC 5626 §5.3.1: a proxy before the phone has lost its flow.
const FLOW_FAILED: u16 = 430;

/// What a REGISTER says of the way back to its phone.
pub(super) struct Outbound {
    pub(super) path: Vec<String>,
    pub(super) reg_id: Option<u32>,
}

impl Outbound {
    /// Reads it; the status of the refusal where it cannot be granted.
    pub(super) fn asked(request: &Request, contacts: &Contacts) -> Result<Self, u16> {
        let headers = &request.headers;
        let path: Vec<String> = headers
            .all(Name::Path)
            .map(|one| one.into_owned())
            .collect();
        let octets: usize = path.iter().map(String::len).sum();
        if path.len() > MAX_PATH || octets > MAX_PATH_BYTES {
            return Err(400);
        }
        let read = path.iter().map(|one| NameAddr::parse(one));
        let proxies: Vec<NameAddr> = read.collect::<Result<_, _>>().map_err(|_| 400_u16)?;
        let flows: Vec<&str> = match contacts {
            Contacts::All => Vec::new(),
            Contacts::List(list) => list
                .iter()
                .filter(|one| one.parameter("+sip.instance").is_some())
                .filter_map(|one| one.parameter("reg-id"))
                .collect(),
        };
        let kept = headers.lists(Name::Supported, "outbound");
        let (Some(first), true) = (flows.first(), kept) else {
            // §6: without the option tag, or without an instance, a reg-id means nothing.
            return Ok(Self { path, reg_id: None });
        };
        let number = first.parse::<u32>().ok().filter(|number| *number > 0);
        let one_alone = matches!(contacts, Contacts::List(list) if list.len() == 1);
        let (Some(number), true) = (number, one_alone) else {
            return Err(400);
        };
        // §6: whoever came through proxies needs a first one that keeps the flow. It is the last of
        // Path, and says so by `ob`.
        let direct = headers.all(Name::Via).take(2).count() == 1;
        let keeps = |proxy: &NameAddr| proxy.uri.parameter("ob").is_some();
        if !direct && !proxies.last().is_some_and(keeps) {
            return Err(FIRST_HOP_LACKS_OUTBOUND);
        }
        Ok(Self {
            path,
            reg_id: Some(number),
        })
    }

    /// What goes into the 200.
    pub(super) fn grant(&self, response: &mut Response) {
        let headers = &mut response.headers;
        for proxy in &self.path {
            headers.push(Name::Path, proxy.clone());
        }
        headers.push(Name::Supported, super::dispatch::REGISTRAR_SUPPORTED);
        if self.reg_id.is_some() {
            headers.push(Name::Require, "outbound");
            headers.push(Name::FlowTimer, FLOW_TIMER.as_secs().to_string());
        }
    }
}

/// A binding as the 200 lists it (RFC 3261 §10.3 step 8).
pub(super) fn granted(binding: &Binding, now: Wall) -> String {
    let left = binding.expires.since(now).as_secs();
    let mut text = format!("<{}>;expires={left}", binding.contact);
    if let Some(instance) = &binding.instance {
        text.push_str(&format!(";+sip.instance={instance}"));
    }
    if let Some(number) = binding.reg_id {
        text.push_str(&format!(";reg-id={number}"));
    }
    text
}

/// The way to a binding's phone leads through these (RFC 3327 §5.3).
pub(super) fn route(headers: &mut Headers, binding: &Binding) {
    for proxy in &binding.path {
        headers.push(Name::Route, proxy.clone());
    }
}

impl Switch {
    /// The binding that a ring failed by, where another flow may lead to the same phone: our own network
    /// could not send, or the proxy before the phone has lost it.
    pub(super) fn failed_flow(&self, id: LegId, status: u16) -> Option<(OperatorId, Binding)> {
        let leg = self.legs.get(&id)?;
        let Progress::Calling {
            invite,
            cancelled: false,
            ..
        } = &leg.progress
        else {
            return None;
        };
        if !matches!(status, FLOW_FAILED | 503) {
            return None;
        }
        let operator = leg.operator.clone()?;
        let flows = self.registrar.contacts(&operator).iter();
        let mut flows = flows.filter(|one| one.reg_id.is_some());
        let rung = |one: &&Binding| Uri::parse_lenient(&one.contact) == invite.uri;
        let own = flows
            .clone()
            .find(|one| one.flow == leg.flow && rung(one))
            .cloned();
        // A connection that closed has taken its binding along; its place is the only difference.
        let gone = || {
            let mut other = flows.find(rung)?.clone();
            other.flow = leg.flow;
            Some(other)
        };
        Some((operator.clone(), own.or_else(gone)?))
    }

    /// Forgets a flow that failed, and rings the phone by its next one (RFC 5626 §7).
    pub(super) fn ring_other_flow(
        &mut self,
        call: CallId,
        operator: &OperatorId,
        failed: &Binding,
        now: Now,
    ) {
        let mut others = self.registrar.contacts(operator).iter().rev();
        let other = others
            .find(|one| one.is_same_device(failed) && *one != failed)
            .cloned();
        let change = self.registrar.drop_binding(operator, failed, now);
        if let Some(other) = other {
            self.ring_phone(call, operator, &other, now);
        }
        self.contacts_changed(change.into_iter().collect(), now);
    }
}
