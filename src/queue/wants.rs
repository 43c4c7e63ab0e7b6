//! What a caller wants of an operator: set by the path on the way into the line.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ids::{OperatorId, Skill};

/// What operators can, or callers need.
pub type Skills = BTreeSet<Skill>;

/// What a caller wants.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Wants {
    /// Without these nobody is rung; each may be let go after some time of waiting, and is a preference
    /// from then on.
    pub required: Vec<Required>,
    /// Who has most of these is rung before the others.
    pub preferred: Skills,
    /// Who knows the caller already: rung first, if free.
    pub operator: Option<OperatorId>,
}

/// One skill that is required.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Required {
    /// Which.
    pub skill: Skill,
    /// Until the caller has waited for so long; `None`: always.
    pub until: Option<Duration>,
}

impl Wants {
    /// What is required of a caller's operator after so long a wait.
    pub(super) fn required_after(&self, waited: Duration) -> Skills {
        let holds = |one: &&Required| one.until.is_none_or(|until| waited < until);
        let required = self.required.iter().filter(holds);
        required.map(|one| one.skill.clone()).collect()
    }

    /// The caller's wishes that somebody with these skills meets.
    pub(super) fn met<'a>(&'a self, skills: &Skills) -> Vec<&'a str> {
        let all = self.required.iter().map(|one| &one.skill);
        let all = all.chain(&self.preferred);
        let met = all.filter(|skill| skills.contains(*skill));
        met.map(Skill::as_str).collect()
    }

    /// How many of the caller's wishes somebody with these skills leaves open.
    pub(super) fn missing(&self, skills: &Skills) -> usize {
        let wished = self.required.iter().map(|one| &one.skill);
        wished
            .chain(&self.preferred)
            .filter(|skill| !skills.contains(*skill))
            .count()
    }

    /// When a requirement is let go next, as time since joining.
    pub(super) fn relaxes(&self, waited: Duration) -> Option<Duration> {
        let ends = self.required.iter().filter_map(|one| one.until);
        ends.filter(|until| *until > waited).min()
    }
}
