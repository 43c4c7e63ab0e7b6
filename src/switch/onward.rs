//! An operator hands a caller on to a number outside, by the rules for calls of operators: what the dialplan
//! allows, within its caps, over its trunks; emergency numbers always. Whoever is called sees our own number.

use std::time::Duration;

use super::pbx::{Switch, Timer};
use super::place::{Permit, Refusal};
use crate::call::{Outgoing, Stage};
use crate::dialplan::Number;
use crate::event::What;
use crate::ids::{CallId, LegId};
use crate::time::Now;

/// How long the number outside may ring: less than the subscription of the REFER lasts.
const RING_FOR: Duration = Duration::from_secs(45);

impl Permit {
    /// What the journal may tell of it: a child's number is for nobody.
    pub(super) fn shown(&self) -> String {
        match self.number.is_emergency() {
            true => self.number.to_string(),
            false => self.class.clone(),
        }
    }
}

impl Switch {
    /// Whether the operator on a leg may hand the caller on to this number.
    pub(super) fn permit_onward(
        &mut self,
        leg: LegId,
        number: Number,
        now: Now,
    ) -> Result<Permit, Refusal> {
        let permit = self.permit(number, now);
        let operator = self.legs.get(&leg).and_then(|leg| leg.operator.clone());
        if let (Err(refusal), Some(operator)) = (&permit, operator) {
            let why = refusal.why.clone();
            self.emit(None, What::Refused { operator, why }, now);
        }
        permit
    }

    /// The caller hears music while the number outside rings. If nobody takes the call there, it goes back
    /// to the operator.
    pub(super) fn hand_outside(&mut self, call: CallId, leg: LegId, permit: Permit, now: Now) {
        self.set_aside(call, leg, now);
        let until = now.at + RING_FOR;
        if let Some(one) = self.calls.get_mut(&call) {
            one.stage = Stage::Ringing { until };
            one.onward = Some(Outgoing {
                class: permit.class,
                since: None,
            });
        }
        self.timers.set(Timer::Call(call), until);
        self.wait_with_music(call);
        if !self.dial(call, &permit.number, permit.trunks, now) {
            self.timers.clear(&Timer::Call(call));
            self.ring_step_over(call, 503, now);
        }
    }

    /// The caller is with nobody outside any more, and the call goes on: its minutes are booked.
    pub(super) fn onward_over(&mut self, call: CallId, now: Now) {
        let one = self.calls.get_mut(&call);
        let onward = one.and_then(|one| one.onward.take());
        self.book(onward, now);
    }
}
