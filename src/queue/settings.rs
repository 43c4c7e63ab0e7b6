//! What a queue is told by the dialplan.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ids::{OperatorId, Rule};

/// How a queue behaves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct QueueSettings {
    /// Whose phone rings first.
    pub rule: Rule,
    /// How long an operator's phones ring.
    pub ring_for: Duration,
    /// How long an operator rests after a call; zero: not at all.
    pub wrap_up: Duration,
    /// Who answers, in the order of the list; `None`: everybody, at level 1.
    pub members: Option<Vec<Member>>,
    /// How many operators ring for a caller, and who may, by how long the caller has waited; in rising
    /// order. Before the first, one operator rings, of any level.
    pub steps: Vec<RingStep>,
    /// How often callers are comforted.
    pub comfort: Option<Duration>,
    /// How often they are told their position.
    pub position: Option<Duration>,
    /// How often they are told how long it may last.
    pub estimate: Option<Duration>,
    /// After how long a caller is asked to go elsewhere, in rising order; each once.
    pub thresholds: Vec<Duration>,
    /// How long an operator who did not take a caller is left in peace with that caller.
    pub peace: Duration,
    /// After how many rings in a row that were not answered an operator is paused; never the last on
    /// shift.
    pub pause_after: Option<u32>,
    /// How many may wait; one more is told so, and goes elsewhere.
    pub max_waiting: Option<usize>,
    /// Nobody is on the phone: it is a place for who is to be called back. It fills no line, and says
    /// nothing of how long callers wait.
    pub silent: bool,
}

/// An operator's place in a queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Who.
    pub operator: OperatorId,
    /// From 1: the lower levels are rung first, and others where none of them is free.
    pub level: u8,
    /// From 1, for [`Rule::WeightedRandom`]: who has 3 is rung three times as often as who has 1.
    pub weight: u32,
}

impl Member {
    /// At level 1, with weight 1.
    pub fn new(operator: OperatorId) -> Self {
        Self {
            operator,
            level: 1,
            weight: 1,
        }
    }
}

/// From some moment of a caller's wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RingStep {
    /// Once the caller has waited for so long.
    pub after: Duration,
    /// So many operators ring together, if so many are free; `usize::MAX`: all.
    pub operators: usize,
    /// Levels up to this one may be rung; `None`: all.
    pub level: Option<u8>,
}

impl Default for QueueSettings {
    fn default() -> Self {
        Self {
            rule: Rule::default(),
            ring_for: Duration::from_secs(15),
            wrap_up: Duration::from_secs(20),
            members: None,
            steps: Vec::new(),
            comfort: None,
            position: None,
            estimate: None,
            thresholds: Vec::new(),
            peace: Duration::from_secs(20),
            pause_after: None,
            max_waiting: None,
            silent: false,
        }
    }
}

impl QueueSettings {
    /// How many operators may ring for a caller who has waited for so long, and up to which level.
    pub(super) fn reach(&self, waited: Duration) -> Reach {
        let begun = self.steps.iter().take_while(|step| step.after <= waited);
        let first = match self.rule {
            Rule::RingAll => usize::MAX,
            _ => 1,
        };
        let widest = begun
            .clone()
            .map(|step| step.operators)
            .fold(first, usize::max);
        // A line that names levels in its later steps begins with the first level.
        let names_levels = self.steps.iter().any(|step| step.level.is_some());
        let level = match begun.last() {
            Some(step) => step.level.unwrap_or(u8::MAX),
            None if names_levels => 1,
            None => u8::MAX,
        };
        Reach {
            operators: widest,
            level,
        }
    }

    /// When the reach grows next, as time since joining.
    pub(super) fn reach_grows(&self, waited: Duration) -> Option<Duration> {
        let later = self.steps.iter().map(|step| step.after);
        later.filter(|after| *after > waited).min()
    }
}

/// How many operators ring for a caller, and up to which level they may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reach {
    pub(super) operators: usize,
    pub(super) level: u8,
}
