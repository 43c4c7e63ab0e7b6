//! Who waits: an order that is fixed when a caller joins, so that nobody can starve.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::ids::{CallId, OperatorId, QueueName};
use crate::time::{Instant, Wall};

use super::operator::ClaimId;
use super::settings::QueueSettings;

/// Place in the line: arrival less a bonus in microseconds of the monotonic clock (negative: before this
/// process began; the wall clock may be set back), then the call's own number.
pub(super) type Key = (i64, CallId);

/// One caller.
#[derive(Debug, Clone)]
pub(super) struct Waiting {
    pub(super) queue: QueueName,
    /// As in the dialplan that the call runs on, to the end of the call.
    pub(super) settings: Arc<QueueSettings>,
    pub(super) key: Key,
    pub(super) ringing: Option<ClaimId>,
    /// Operators who did not take this caller, until when they are left in peace.
    pub(super) refused: BTreeMap<OperatorId, Instant>,
    pub(super) comfort_at: Option<Instant>,
    pub(super) position_at: Option<Instant>,
    joined_ago: Instant,
    pub(super) next_threshold: usize,
    pub(super) told_nobody: bool,
}

impl Waiting {
    pub(super) fn new(
        queue: QueueName,
        call: CallId,
        joined: Wall,
        bonus: Duration,
        settings: Arc<QueueSettings>,
        now: crate::time::Now,
    ) -> Self {
        let waited = now.wall.since(joined);
        // The monotonic moment of joining; a caller restored after a restart joined before our origin.
        let ago = u64::try_from(waited.as_micros()).unwrap_or(0);
        let joined_at = Instant(now.at.0.saturating_sub(ago));
        let micros = |time: Duration| i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
        let arrival = i64::try_from(now.at.0).unwrap_or(i64::MAX) - micros(waited);
        let passed = settings
            .thresholds
            .iter()
            .filter(|after| **after <= waited)
            .count();
        Self {
            queue,
            key: (arrival.saturating_sub(micros(bonus)), call),
            ringing: None,
            refused: BTreeMap::new(),
            comfort_at: settings.comfort.map(|every| now.at + every),
            position_at: settings.position.map(|every| now.at + every),
            joined_ago: joined_at,
            next_threshold: passed,
            told_nobody: false,
            settings,
        }
    }

    /// When the next threshold is reached.
    pub(super) fn threshold_at(&self) -> Option<Instant> {
        self.settings
            .thresholds
            .get(self.next_threshold)
            .map(|after| self.joined_ago + *after)
    }

    /// How long the caller has waited.
    pub(super) fn waited(&self, now: Instant) -> Duration {
        now.since(self.joined_ago)
    }
}
