//! What a queue is told by the dialplan.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ids::OperatorId;

/// How a queue behaves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueSettings {
    /// How long an operator's phones ring.
    pub ring_for: Duration,
    /// How long an operator rests after a call; zero: not at all.
    pub wrap_up: Duration,
    /// Who answers; `None`: everybody.
    pub operators: Option<Vec<OperatorId>>,
    /// How often callers are comforted.
    pub comfort: Option<Duration>,
    /// How often they are told their position.
    pub position: Option<Duration>,
    /// After how long a caller is asked to go elsewhere, in rising order; each once.
    pub thresholds: Vec<Duration>,
    /// How long an operator who did not take a caller is left in peace with that caller.
    pub peace: Duration,
}

impl Default for QueueSettings {
    fn default() -> Self {
        Self {
            ring_for: Duration::from_secs(15),
            wrap_up: Duration::from_secs(20),
            operators: None,
            comfort: None,
            position: None,
            thresholds: Vec::new(),
            peace: Duration::from_secs(20),
        }
    }
}

impl QueueSettings {
    /// Whether the operator answers this queue.
    pub fn serves(&self, operator: &OperatorId) -> bool {
        self.operators
            .as_ref()
            .is_none_or(|some| some.contains(operator))
    }
}
