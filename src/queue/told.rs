//! What callers may be told of their wait.

use std::time::Duration;

use super::domain::Domain;
use crate::ids::CallId;

impl Domain {
    /// From 1: how many of the caller's queue are served before, and the caller; 0: does not wait.
    pub fn position(&self, call: CallId) -> u32 {
        u32::try_from(self.line.position(call)).unwrap_or(u32::MAX)
    }

    /// How long the caller may wait from now, by what this queue's calls took lately; `None`: does not
    /// wait, or nobody is on shift. The model knows no skills, levels or other queues of the operators.
    pub fn estimate(&self, call: CallId) -> Option<Duration> {
        let queue = &self.line.get(call)?.queue;
        let ahead = self.line.position(call).saturating_sub(1);
        let servers = self.roster.on_shift_for(queue);
        let pace = self.paces.get(queue).copied().unwrap_or_default();
        match self.roster.free_for(queue) > ahead {
            true => Some(Duration::ZERO),
            false => pace.estimate(ahead, servers),
        }
    }

    /// The same, unless too few calls were seen to tell.
    pub(super) fn known_estimate(&self, call: CallId) -> Option<Duration> {
        let pace = self.paces.get(&self.line.get(call)?.queue)?;
        self.estimate(call).filter(|_| pace.is_known())
    }
}
