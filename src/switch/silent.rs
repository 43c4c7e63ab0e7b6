//! Phones that say nothing. A laptop without power keeps its binding for hours (RFC 3261 §10.3), and
//! each caller would wait for it in turn. So whoever did not answer an INVITE by a single word, or was not
//! heard since a restart, is passed by, and asked by OPTIONS (§11) until a word comes, or a new registration.

use std::collections::BTreeMap;
use std::time::Duration;

use super::outbound;
use super::outgoing::Purpose;
use super::pbx::Switch;
use crate::call::Progress;
use crate::ids::{LegId, OperatorId};
use crate::registrar::{Binding, Change};
use crate::sip::dialog::MAX_FORWARDS;
use crate::sip::message::{Headers, Method, Name, Request};
use crate::sip::uri::Uri;
use crate::time::{Now, TimerTable};

/// How long after a question was given up the next one goes out.
const ASK_AGAIN: Duration = Duration::from_secs(30);

/// Never more than there are bindings.
#[derive(Debug, Default)]
pub(super) struct Silent {
    /// The whole binding: one that was refreshed is another, of a phone that speaks.
    phones: BTreeMap<u64, (OperatorId, Binding)>,
    pub(super) timers: TimerTable<u64>,
    last: u64,
}

impl Silent {
    pub(super) fn len(&self) -> usize {
        self.phones.len()
    }

    fn has(&self, operator: &OperatorId, binding: &Binding) -> bool {
        let same = |(who, which): &(OperatorId, Binding)| who == operator && which == binding;
        self.phones.values().any(same)
    }

    fn note(&mut self, operator: &OperatorId, binding: Binding) -> u64 {
        self.last += 1;
        self.phones.insert(self.last, (operator.clone(), binding));
        self.last
    }
}

impl Switch {
    /// The phones of an operator that may be rung: of each device the flow that was made last, since the
    /// same phone must not ring twice (RFC 5626 §7).
    pub(super) fn phones_of(&self, operator: &OperatorId) -> Vec<Binding> {
        let contacts = self.registrar.contacts(operator).iter();
        let speaks = |binding: &&Binding| {
            !self.silent.has(operator, binding) && !self.unfit.has(operator, binding)
        };
        let mut phones: Vec<Binding> = Vec::new();
        for binding in contacts.filter(speaks) {
            phones.retain(|other| !other.is_same_device(binding));
            phones.push(binding.clone());
        }
        phones
    }

    /// An INVITE was out for as long as it may be: was there a word at all?
    pub(super) fn rung_in_vain(&mut self, id: LegId, now: Now) {
        let Some(leg) = self.legs.get(&id) else {
            return;
        };
        if !matches!(leg.progress, Progress::Calling { heard: false, .. }) {
            return;
        }
        if let Some((operator, binding)) = self.rung_binding(id) {
            self.fall_silent(operator, binding, now);
        }
    }

    /// The binding by which a leg rings, or was rung.
    pub(super) fn rung_binding(&self, id: LegId) -> Option<(OperatorId, Binding)> {
        let leg = self.legs.get(&id)?;
        let operator = leg.operator.clone()?;
        let Progress::Calling { invite, .. } = &leg.progress else {
            return None;
        };
        let rung = |binding: &&Binding| {
            binding.flow == leg.flow
                && Uri::parse_lenient(&binding.contact).is_equivalent(&invite.uri)
        };
        let binding = self.registrar.contacts(&operator).iter().find(rung);
        Some((operator, binding?.clone()))
    }

    /// The phone of a leg does not answer inside its dialog either: nobody else waits for it.
    pub(super) fn lost_in_call(&mut self, id: LegId, now: Now) {
        let Some(leg) = self.legs.get(&id) else {
            return;
        };
        let (Some(operator), Some(dialog)) = (leg.operator.clone(), &leg.dialog) else {
            return;
        };
        let target = Uri::parse_lenient(&dialog.target);
        let same = |binding: &&Binding| {
            let named = Uri::parse_lenient(&binding.contact).is_equivalent(&target);
            binding.flow.remote == leg.flow.remote || named
        };
        let binding = self.registrar.contacts(&operator).iter().find(same);
        if let Some(binding) = binding.cloned() {
            self.fall_silent(operator, binding, now);
        }
    }

    fn fall_silent(&mut self, operator: OperatorId, binding: Binding, now: Now) {
        if self.silent.has(&operator, &binding) {
            return;
        }
        let text = format!(
            "a phone of operator {operator} at {} does not say a word to our requests; it is not rung \
             until it answers OPTIONS or registers again: is it switched on, and does its network let \
             our requests through?",
            binding.flow.remote
        );
        self.alarm(None, "phone-silent", text, now);
        let number = self.silent.note(&operator, binding);
        self.phones_changed(operator, "a phone is silent", now);
        self.ask_phone(number, now);
    }

    /// A phone that was there before a restart, or a power cut: it is rung once it was heard again.
    pub(super) fn await_word(&mut self, operator: &OperatorId, now: Now) {
        for binding in self.registrar.contacts(operator).to_vec() {
            if !self.silent.has(operator, &binding) {
                let number = self.silent.note(operator, binding);
                self.ask_phone(number, now);
            }
        }
    }

    /// It said something, whatever it was.
    pub(super) fn phone_spoke(&mut self, number: u64, now: Now) {
        self.silent.timers.clear(&number);
        if let Some((operator, _)) = self.silent.phones.remove(&number) {
            self.phones_changed(operator, "a phone answers again", now);
        }
    }

    /// It said nothing again, or our own network could not ask.
    pub(super) fn ask_later(&mut self, number: u64, now: Now) {
        if self.silent.phones.contains_key(&number) {
            self.silent.timers.set(number, now.at + ASK_AGAIN);
        }
    }

    /// Asks whom it is time to ask.
    pub(super) fn ask_silent(&mut self, now: Now) {
        while let Some(number) = self.silent.timers.pop_due(now.at) {
            self.ask_phone(number, now);
        }
    }

    /// Bindings went or were made anew: those are no longer ours.
    pub(super) fn forget_silent(&mut self) {
        let (registrar, silent) = (&self.registrar, &mut self.silent);
        silent.phones.retain(|number, (operator, binding)| {
            let stands = registrar.contacts(operator).contains(binding);
            if !stands {
                silent.timers.clear(number);
            }
            stands
        });
        self.unfit.forget(registrar);
    }

    pub(super) fn phones_changed(&mut self, operator: OperatorId, reason: &'static str, now: Now) {
        let contacts = self.registrar.contacts(&operator).len();
        let change = Change {
            operator,
            contacts,
            reason,
        };
        self.contacts_changed(vec![change], now);
    }

    fn ask_phone(&mut self, number: u64, now: Now) {
        let Some((operator, binding)) = self.silent.phones.get(&number).cloned() else {
            return;
        };
        let (tag, call_id) = (self.token(), self.token());
        let (flow, domain) = (binding.flow, &self.settings.domain);
        let mut headers = Headers::with_capacity(8);
        headers.push(Name::MaxForwards, MAX_FORWARDS.to_string());
        headers.push(Name::From, format!("<sip:qaynar@{domain}>;tag={tag}"));
        headers.push(Name::To, format!("<sip:{operator}@{domain}>"));
        headers.push(Name::CallId, call_id);
        headers.push(Name::CSeq, "1 OPTIONS");
        outbound::route(&mut headers, &binding);
        headers.push(Name::Contact, self.our_contact(flow));
        headers.push(Name::Accept, super::dispatch::SDP);
        let request = Request {
            method: Method::Options,
            uri: Uri::parse_lenient(&binding.contact),
            headers,
            body: Vec::new(),
        };
        let purpose = Purpose::Ask(number);
        if self
            .send_request(request, flow, purpose, None, now)
            .is_none()
        {
            self.ask_later(number, now);
        }
    }
}
