//! Whom to ring: policy, apart from the mechanism.

use crate::ids::OperatorId;
use crate::time::Wall;

/// Orders the free operators: the smallest key rings first. Ties go to the smaller name.
pub trait Strategy {
    /// The key of an operator who has been idle since then.
    fn key(&self, idle_since: Wall) -> i64;

    /// The rule's name, for the record of each decision.
    fn name(&self) -> &'static str;
}

/// Whoever has been without a call for longest.
#[derive(Debug, Clone, Copy, Default)]
pub struct LongestIdle;

impl Strategy for LongestIdle {
    fn key(&self, idle_since: Wall) -> i64 {
        idle_since.0
    }

    fn name(&self) -> &'static str {
        "longest idle"
    }
}

/// A free operator's place in the order.
pub(super) type Rank = (i64, OperatorId);
