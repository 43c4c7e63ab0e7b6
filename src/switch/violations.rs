//! What must always hold, for the simulator: the texts of what does not.

use super::pbx::{PlannedCall, Switch, Timer};
use crate::call::{Owner, Phase, Progress, Stage};
use crate::event::Part;
use crate::time::Now;

impl Switch {
    /// All broken invariants; empty is well.
    pub fn violations(&self, now: Now) -> Vec<String> {
        let mut found = self.domain.violations(now.at);
        for (id, leg) in &self.legs {
            let cancelled = matches!(
                leg.progress,
                Progress::Calling {
                    cancelled: true,
                    ..
                }
            );
            match &leg.owner {
                Owner::Call(call) => {
                    let owned = self.calls.get(call).is_some_and(|call| {
                        call.caller_leg == *id
                            || call.partner == Some(*id)
                            || call.rings.contains(id)
                            || call.guests.iter().any(|guest| guest.leg == *id)
                            || call
                                .transfer
                                .as_ref()
                                .is_some_and(|one| one.leg == Some(*id))
                    });
                    if !owned && !cancelled && !leg.ending {
                        found.push(format!("{id} has no owner"));
                    }
                }
                Owner::Errand(_) => {}
            }
            if let Some(dialog) = &leg.dialog
                && self.dialogs.get(&dialog.id) != Some(id)
            {
                found.push(format!("the dialog of {id} is not in the table"));
            }
        }
        for (id, call) in &self.calls {
            let unborn =
                call.callback.is_some() && (call.is_pending_callback() || self.dialling_back(call));
            if !unborn && !self.legs.contains_key(&call.caller_leg) {
                found.push(format!("{id} has no caller"));
            }
            let strays = !call.guests.is_empty() || call.host.is_some() || call.coming.is_some();
            if strays && call.stage != Stage::Talking {
                found.push(format!("{id} has guests without a talk"));
            }
            if matches!(call.stage, Stage::Inquiring { .. })
                && self.timers.deadline(&Timer::Call(*id)).is_none()
            {
                found.push(format!("{id} waits for a server for ever"));
            }
            if call.stage == Stage::Talking && call.partner.is_none() {
                found.push(format!("{id} talks with nobody"));
            }
        }
        found.extend(self.broken_talks());
        for (claim, call) in &self.claims {
            if !self.calls.contains_key(call) {
                found.push(format!("{claim:?} is of a call that is over"));
            }
        }
        if self.calls.is_empty() && self.legs.is_empty() {
            found.extend(self.leftovers());
        }
        found
    }

    /// Who talks in two calls, and who takes part without a leg.
    fn broken_talks(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut talking = std::collections::BTreeSet::new();
        for call in self
            .calls
            .values()
            .filter(|call| call.stage == Stage::Talking)
        {
            let guests = call.guests.iter().chain(&call.host);
            let colleagues = guests.filter(|guest| guest.part() == Some(Part::Operator));
            let partner = call
                .operator
                .iter()
                .map(|(operator, _)| operator.to_string());
            for operator in partner.chain(colleagues.map(|guest| guest.who.clone())) {
                if !talking.insert(operator.clone()) {
                    found.push(format!("{operator} is in two calls"));
                }
            }
            for guest in call.guests.iter().chain(&call.host) {
                if !self.legs.contains_key(&guest.leg) {
                    found.push(format!("{id} has a guest without a leg", id = call.id));
                }
            }
        }
        found
    }

    /// Whether the operator is there already, and whoever is called back is not.
    fn dialling_back(&self, call: &PlannedCall) -> bool {
        let phase = call.callback.as_ref().map(|one| one.phase);
        let operator = call.partner.is_some_and(|leg| self.legs.contains_key(&leg));
        phase == Some(Phase::Dialling) && operator
    }

    /// What is left in the tables when nobody is in a call, apart from transactions, which end by
    /// their own timers.
    fn leftovers(&self) -> Vec<String> {
        // Those of traces, of carriers and of phones go on when nobody is in a call.
        let of_calls =
            |timer: &&Timer| matches!(timer, Timer::Leg(_) | Timer::Call(_) | Timer::Unheard(_));
        let tables = [
            ("dialogs", self.dialogs.len()),
            ("claims", self.claims.len()),
            ("waiting callers", self.domain.waiting()),
            ("questions to the resolver", self.resolving.len()),
            ("numbers outside", self.dialling.len()),
            ("INVITEs to answer", self.servers.len()),
            ("refusals", self.refusing.len()),
            ("questions", self.leaving.len()),
            ("timers", self.timers.keys().filter(of_calls).count()),
        ];
        let left = tables.into_iter().filter(|(_, count)| *count > 0);
        left.map(|(name, count)| format!("{count} {name} are left"))
            .collect()
    }
}
