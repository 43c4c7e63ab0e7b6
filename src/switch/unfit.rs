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

#[derive(Debug)]
struct Strikes {
    /// Of the registration: another one is of a phone that began anew (§10.2).
    call_id: String,
    count: u32,
}

/// Never more than there are bindings.
#[derive(Debug, Default)]
pub(super) struct Unfit {
    phones: BTreeMap<(OperatorId, String), Strikes>,
}

impl Unfit {
    pub(super) fn len(&self) -> usize {
        let unfit = |one: &&Strikes| one.count >= STRIKES;
        self.phones.values().filter(unfit).count()
    }

    /// Whether a phone is passed by.
    pub(super) fn has(&self, operator: &OperatorId, binding: &Binding) -> bool {
        let phone = (operator.clone(), binding.contact.clone());
        let strikes = self.phones.get(&phone);
        strikes.is_some_and(|one| one.count >= STRIKES && one.call_id == binding.call_id)
    }

    /// Bindings went or were made anew.
    pub(super) fn forget(&mut self, registrar: &Registrar) {
        self.phones.retain(|(operator, contact), strikes| {
            let same = |one: &Binding| one.contact == *contact && one.call_id == strikes.call_id;
            registrar.contacts(operator).iter().any(same)
        });
    }

    /// One more refusal; `true`: from now on the phone is passed by.
    fn count(&mut self, operator: &OperatorId, binding: &Binding) -> bool {
        let phone = (operator.clone(), binding.contact.clone());
        let begun = || Strikes {
            call_id: binding.call_id.clone(),
            count: 0,
        };
        let strikes = self.phones.entry(phone).or_insert_with(begun);
        strikes.count += 1;
        strikes.count == STRIKES
    }

    fn forgive(&mut self, operator: &OperatorId) {
        self.phones.retain(|(who, _), _| who != operator);
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
            self.unfit.phones.remove(&(operator, binding.contact));
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
