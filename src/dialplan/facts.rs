//! What decisions depend on, as it is when they are made. No number of a caller is among it: what the
//! plan wants to know of one is told when the call arrives, and the number is forgotten.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::condition::Sort;
use super::number::Number;
use super::plan::Plan;
use crate::ids::{ListName, QueueName};
use crate::time::Wall;

/// So far back calls of a caller are remembered.
pub const MEMORY: Duration = Duration::from_secs(86_400);
/// So many calls of one caller are.
pub const MOST_CALLS: usize = 32;

/// What a decision depends on besides the call's own way.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// Operators who are logged in and have a phone that can ring.
    pub on_shift: usize,
    /// This moment; `None`: any moment outside of closures, when all hours are open.
    pub now: Option<Wall>,
    /// The clock is not synchronised: nobody knows the time, so all hours are open.
    pub clock_unset: bool,
    /// Callers in each line.
    pub waiting: BTreeMap<QueueName, usize>,
    /// Lists that the caller is on.
    pub lists: BTreeSet<ListName>,
    /// When the caller called lately, this time with them; none: nobody knows who calls.
    pub calls: Vec<Wall>,
}

impl Facts {
    /// This moment, as far as it can be told.
    pub fn moment(&self) -> Option<Wall> {
        self.now.filter(|_| !self.clock_unset)
    }

    /// How often the caller called within the time before now, this call with them.
    pub fn calls_within(&self, time: Duration) -> usize {
        let Some(now) = self.now.or_else(|| self.calls.iter().max().copied()) else {
            return self.calls.len();
        };
        let lately = |call: &&Wall| now.since(**call) <= time;
        self.calls.iter().filter(lately).count()
    }
}

/// What a plan knows of whoever calls.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caller {
    /// No identity came with the call.
    pub hidden: bool,
    /// Of what kind the number is.
    pub kind: Option<super::number::Kind>,
    /// Which of the beginnings that the plan names it has: `+99450`.
    pub begins: BTreeSet<String>,
}

impl Caller {
    /// A caller without an identity.
    pub fn hidden() -> Self {
        Self {
            hidden: true,
            ..Self::default()
        }
    }

    /// A caller with a number, or with an identity that is none.
    pub fn known(plan: &Plan, number: Option<&Number>) -> Self {
        let begins = |one: &&String| number.is_some_and(|full| full.as_str().starts_with(*one));
        Self {
            hidden: false,
            kind: number.and_then(Number::kind),
            begins: plan.beginnings.iter().filter(begins).cloned().collect(),
        }
    }

    /// Whether the caller is of a sort.
    pub fn is(&self, sort: &Sort) -> bool {
        match sort {
            Sort::Hidden => self.hidden,
            Sort::Kind(kind) => self.kind == Some(*kind),
            Sort::Beginning(beginning) => self.begins.contains(beginning),
        }
    }
}
