//! What an operator is doing: an explicit machine. Being busy is a live claim with an end.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::rule::Facts;
use crate::event::OperatorState;
use crate::ids::{CallId, OperatorId, QueueName};
use crate::time::{Instant, Wall};

/// A claim on an operator: taken before anything is sent, so that two calls never ring one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ClaimId(pub u64);

/// What a claim is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) id: ClaimId,
    pub(super) call: CallId,
    /// `None`: a direct ring.
    pub(super) queue: Option<QueueName>,
    pub(super) progress: Progress,
}

/// How far a claim is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// Given, nothing heard of the phones yet.
    Claimed { until: Instant },
    /// The phones ring.
    Ringing { until: Instant },
    /// Caller and operator talk; ends with the call, not with a clock.
    Talking { since: Instant, held: bool },
}

/// One operator.
#[derive(Debug, Clone)]
pub(super) struct Operator {
    pub(super) logged_in: bool,
    /// Why no calls are wanted; `None`: they are.
    pub(super) paused: Option<String>,
    /// Has a registered phone.
    pub(super) reachable: bool,
    pub(super) claim: Option<Claim>,
    /// Calls that the operator began: feature codes, calls to the helpline.
    pub(super) own_calls: u32,
    pub(super) wrap_up_until: Option<Instant>,
    /// Since when the operator has had no call: the longest idle rings first.
    pub(super) idle_since: Wall,
    /// Answered today.
    pub(super) calls: u32,
    /// Talked today.
    pub(super) talked: Duration,
    /// Rings in a row that were not answered.
    pub(super) missed: u32,
    /// See [`Facts::last_ring`].
    pub(super) last_ring: u64,
    /// See [`Facts::draw`].
    pub(super) draw: u64,
    /// On shift before a restart, and no phone was heard since: is not rung, and callers wait until then.
    pub(super) awaited: Option<Instant>,
    /// Was removed while talking.
    pub(super) leaving: bool,
    /// What was told last.
    pub(super) told: OperatorState,
    /// And whether a pause that another state hides was told with it.
    pub(super) told_paused: bool,
}

impl Operator {
    pub(super) fn new(now: Wall) -> Self {
        Self {
            logged_in: false,
            paused: None,
            reachable: false,
            claim: None,
            own_calls: 0,
            wrap_up_until: None,
            idle_since: now,
            calls: 0,
            talked: Duration::ZERO,
            missed: 0,
            last_ring: 0,
            draw: 0,
            awaited: None,
            leaving: false,
            told: OperatorState::LoggedOut,
            told_paused: false,
        }
    }

    /// The one state that all the facts come to.
    pub(super) fn state(&self) -> OperatorState {
        match self.claim.as_ref().map(|claim| claim.progress) {
            Some(Progress::Claimed { .. }) => OperatorState::Claimed,
            Some(Progress::Ringing { .. }) => OperatorState::Ringing,
            Some(Progress::Talking { held: false, .. }) => OperatorState::Talking,
            Some(Progress::Talking { held: true, .. }) => OperatorState::OnHold,
            None if !self.logged_in => OperatorState::LoggedOut,
            None if self.wrap_up_until.is_some() => OperatorState::WrapUp,
            None if self.paused.is_some() => OperatorState::Paused,
            None if !self.reachable => OperatorState::Unreachable,
            None => OperatorState::Free,
        }
    }

    pub(super) fn is_free(&self) -> bool {
        self.state() == OperatorState::Free && self.own_calls == 0 && !self.leaving
    }

    /// Logged in with a phone that can ring or is about to be heard again, and wants calls: counts as
    /// somebody on shift. Callers are not left waiting for somebody who paused for an unknown time.
    pub(super) fn is_on_shift(&self) -> bool {
        let phone = self.reachable || self.awaited.is_some();
        self.logged_in && phone && self.paused.is_none()
    }

    /// When something ends by the clock: a ring, the rest after a call, or the patience after a restart.
    pub(super) fn due(&self) -> Option<Instant> {
        match self.claim.as_ref().map(|claim| claim.progress) {
            Some(Progress::Claimed { until } | Progress::Ringing { until }) => Some(until),
            Some(Progress::Talking { .. }) => None,
            None => [self.wrap_up_until, self.awaited]
                .into_iter()
                .flatten()
                .min(),
        }
    }

    /// What a rule may know.
    pub(super) fn facts(&self, place: u32, weight: u32) -> Facts {
        Facts {
            idle_since: self.idle_since,
            calls: self.calls,
            talked: self.talked,
            last_ring: self.last_ring,
            place,
            weight,
            draw: self.draw,
        }
    }
}

/// What of an operator survives a restart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorSnapshot {
    /// Who.
    pub operator: OperatorId,
    /// On shift.
    pub logged_in: bool,
    /// Why no calls are wanted.
    pub paused: Option<String>,
    /// For the longest idle.
    pub idle_since: Wall,
    /// Rests until then.
    pub wrap_up_until: Option<Wall>,
    /// Answered today.
    #[serde(default)]
    pub calls: u32,
    /// Talked today.
    #[serde(default)]
    pub talked: Duration,
}

impl OperatorSnapshot {
    /// On shift or off it since then, without calls today.
    pub fn new(operator: OperatorId, logged_in: bool, idle_since: Wall) -> Self {
        Self {
            operator,
            logged_in,
            paused: None,
            idle_since,
            wrap_up_until: None,
            calls: 0,
            talked: Duration::ZERO,
        }
    }
}

/// All operators' states.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// In the order of their ids.
    pub operators: Vec<OperatorSnapshot>,
}
