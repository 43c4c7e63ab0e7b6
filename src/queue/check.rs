//! What must always hold in a domain.

use super::domain::{Domain, Timer};
use super::operator::Progress;
use crate::time::{Instant, Now, Wall};

impl Domain {
    /// What must always hold; the texts of what does not. For the simulator.
    pub fn violations(&self, at: Instant) -> Vec<String> {
        let mut found = self.broken_claims();
        for (call, waiting) in self.line.callers() {
            let foreign = |claim| {
                self.claim_of(claim)
                    .is_none_or(|(_, held)| held.call != *call)
            };
            if waiting.rings.iter().any(|claim| foreign(*claim)) {
                found.push(format!("{call} rings under a claim that is not its own"));
            }
            if !self.line.is_filed(*call) {
                found.push(format!("{call} is in the wrong half of the line"));
            }
            // What ends in this very moment is over when its timer fires, in the next step.
            let due = self.timers.deadline(&Timer::Caller(*call));
            if waiting.rings.is_empty() && due.is_none_or(|due| due > at) {
                let wall = Wall::default();
                if let Some(choice) = self.choose(*call, Now { at, wall }) {
                    let operator = choice.operator;
                    found.push(format!("{call} waits while {operator} is free"));
                }
            }
        }
        found
    }

    fn broken_claims(&self) -> Vec<String> {
        let mut found = Vec::new();
        for (claim, id) in &self.claims {
            if self.claim_of(*claim).is_none() {
                found.push(format!("{claim:?} on {id} is held by nobody"));
            }
        }
        let operators = self.roster.operators();
        let held = operators.filter(|(_, one)| one.claim.is_some()).count();
        if held != self.claims.len() {
            let claims = self.claims.len();
            found.push(format!("{held} operators hold {claims} claims"));
        }
        let free = self.roster.operators().filter(|(_, one)| one.is_free());
        if free.count() != self.roster.free() {
            found.push("the free operators are counted wrongly".to_owned());
        }
        for (id, operator) in self.roster.operators() {
            let due = self.timers.deadline(&Timer::Operator(id.clone()));
            let progress = operator.claim.as_ref().map(|claim| claim.progress);
            let rings = progress.is_some_and(|one| !matches!(one, Progress::Talking { .. }));
            if rings && due.is_none() {
                found.push(format!("the claim on {id} has no end"));
            }
        }
        found
    }
}
