//! Phones that cannot talk with us. Who declines is a person, and may take the next call; a phone that
//! refuses what we offer (a browser without a way for our audio, a codec that was switched off) refuses it
//! to each caller, who would wait for it in turn. So it is passed by until it can be another phone by now.

use std::collections::BTreeMap;

use super::pbx::Switch;
use crate::ids::{LegId, OperatorId};
use crate::registrar::{Binding, Registrar};
use crate::time::Now;

/// So many such refusals in a row: one may be chance.
const STRIKES: u32 = 2;

/// Whether a refusal speaks of the phone, rather than of the person before it (RFC 3261 §21.4, §21.6): it
/// does not understand the request, or has nothing to talk by.
fn is_inability(status: u16) -> bool {
    matches!(status, 415 | 420 | 488 | 501 | 505 | 513 | 606)
}

/// A binding by what stays when it is refreshed: whose, its contact, and the Call-ID of its registration;
/// with another one a phone began anew (RFC 3261 §10.2).
type Phone = (OperatorId, String, String);

fn phone(operator: &OperatorId, binding: &Binding) -> Phone {
    let (contact, call_id) = (binding.contact.clone(), binding.call_id.clone());
    (operator.clone(), contact, call_id)
}

/// How often phones refused in a row. Never more than there are bindings.
#[derive(Debug, Default)]
pub(super) struct Unfit {
    strikes: BTreeMap<Phone, u32>,
}

impl Unfit {
    pub(super) fn len(&self) -> usize {
        let counts = self.strikes.values();
        counts.filter(|count| **count >= STRIKES).count()
    }

    /// Whether a phone is passed by.
    pub(super) fn has(&self, operator: &OperatorId, binding: &Binding) -> bool {
        let count = self.strikes.get(&phone(operator, binding));
        count.is_some_and(|count| *count >= STRIKES)
    }

    /// Bindings went or were made anew.
    pub(super) fn forget(&mut self, registrar: &Registrar) {
        self.strikes.retain(|one, _| {
            let mut bindings = registrar.contacts(&one.0).iter();
            bindings.any(|binding| phone(&one.0, binding) == *one)
        });
    }

    /// One more refusal; `true`: from now on the phone is passed by.
    fn count(&mut self, operator: &OperatorId, binding: &Binding) -> bool {
        let count = self.strikes.entry(phone(operator, binding)).or_default();
        *count += 1;
        *count == STRIKES
    }

    fn forgive(&mut self, operator: &OperatorId) {
        self.strikes.retain(|one, _| one.0 != *operator);
    }
}

impl Switch {
    /// A phone refused a ring with this status.
    pub(super) fn phone_refused(&mut self, id: LegId, status: u16, now: Now) {
        if !is_inability(status) {
            return;
        }
        let Some((operator, binding)) = self.rung_binding(id) else {
            return;
        };
        if !self.unfit.count(&operator, &binding) {
            return;
        }
        let text = format!(
            "a phone of operator {operator} at {} refuses our calls with {status}: it cannot talk with us. It \
             is not rung until it registers anew or the operator goes on shift again: is it a browser, or \
             were PCMA and PCMU switched off, or does it demand encryption that is off here?",
            binding.flow.remote
        );
        self.alarm(None, "phone-unfit", text, now);
        self.phones_changed(operator, "a phone cannot talk with us", now);
    }

    /// A phone took a call: what it refused before was chance.
    pub(super) fn phone_is_fit(&mut self, id: LegId) {
        if let Some((operator, binding)) = self.rung_binding(id) {
            self.unfit.strikes.remove(&phone(&operator, &binding));
        }
    }

    /// The operator says to be there: each phone gets another chance.
    pub(super) fn forgive_phones(&mut self, operator: &OperatorId, now: Now) {
        let before = self.phones_of(operator).len();
        self.unfit.forgive(operator);
        if self.phones_of(operator).len() != before {
            self.phones_changed(operator.clone(), "the operator is back", now);
        }
    }
}
