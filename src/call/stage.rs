//! A call: one caller's way from the first INVITE to the one record.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::ids::{CallId, LegId, OperatorId, PromptName, Pseudonym, QueueName, TrunkName};
use crate::time::{Instant, Wall};

/// How far a call is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    /// The caller's INVITE is not answered yet.
    Arriving,
    /// A `play` step; `playback` tells its end.
    Playing {
        /// Of the media command.
        playback: u64,
    },
    /// In a queue.
    Waiting {
        /// Which.
        queue: QueueName,
        /// Since when, for the place in it.
        joined: Wall,
        /// A greeting or announcement that still plays.
        speaking: Option<u64>,
    },
    /// A `ring` step.
    Ringing {
        /// When it is given up.
        until: Instant,
    },
    /// Connected with an operator or an outside number.
    Talking,
}

/// One call. `P` is its dialplan, `R` its place in it.
#[derive(Debug, Clone)]
pub struct Call<P, R, C> {
    /// Which.
    pub id: CallId,
    /// Who calls; `None`: no identity.
    pub caller: Option<Pseudonym>,
    /// The dialled number, normalised.
    pub dialled: String,
    /// By which trunk.
    pub trunk: TrunkName,
    /// The dialplan, to the end of the call.
    pub plan: Arc<P>,
    /// Where the call is in it.
    pub run: R,
    /// Where it was before its present step: what a restart begins again with.
    pub resume: R,
    /// What is being said, to be said again in another language.
    pub said: Vec<PromptName>,
    /// How far.
    pub stage: Stage,
    /// When each queue was joined first: the place that is kept.
    pub joined: BTreeMap<QueueName, Wall>,
    /// The caller's leg.
    pub caller_leg: LegId,
    /// Whoever talks with the caller.
    pub partner: Option<LegId>,
    /// Legs that ring.
    pub rings: BTreeSet<LegId>,
    /// Who is rung or talks, and under which claim of the queue.
    pub operator: Option<(OperatorId, Option<C>)>,
    /// The best refusal of the phones that were rung (RFC 3261 §16.7).
    pub best_refusal: Option<u16>,
}
