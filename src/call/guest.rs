//! Whoever takes part in a talk besides the two that it began with.

use serde::{Deserialize, Serialize};

use super::stage::Outgoing;
use crate::event::{Part, Supervision};
use crate::ids::{LegId, OperatorId};
use crate::time::Wall;

/// As what a guest is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    /// Hears all and is heard by all.
    Party(Part),
    /// Hears all that an operator says and hears.
    Supervisor {
        /// Who else hears it.
        how: Supervision,
        /// Which operator.
        beside: OperatorId,
    },
}

/// Somebody in a talk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guest<C> {
    /// By which leg.
    pub leg: LegId,
    /// As what.
    pub role: Role,
    /// In the journal: an operator's id, a service's number, or the class of a number outside.
    pub who: String,
    /// Under which claim, where it is an operator who was rung.
    pub claim: Option<C>,
    /// Since when.
    pub since: Wall,
    /// What is counted of a number outside.
    pub cost: Option<Outgoing>,
}

impl<C> Guest<C> {
    /// Whether it talks, and does not supervise.
    pub fn is_party(&self) -> bool {
        matches!(self.role, Role::Party(_))
    }

    /// As what it talks.
    pub fn part(&self) -> Option<Part> {
        match self.role {
            Role::Party(part) => Some(part),
            Role::Supervisor { .. } => None,
        }
    }

    /// Who else hears it, where it supervises.
    pub fn supervises(&self) -> Option<(Supervision, &OperatorId)> {
        match &self.role {
            Role::Party(_) => None,
            Role::Supervisor { how, beside } => Some((*how, beside)),
        }
    }
}

/// Somebody who is being called into a talk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coming {
    /// As what.
    pub part: Part,
    /// In the journal.
    pub who: String,
    /// What is counted of a number outside.
    pub cost: Option<Outgoing>,
}
