//! What the domain is told, and what it wants done.

use std::collections::BTreeMap;
use std::time::Duration;

use super::line::Joining;
use super::operator::ClaimId;
use super::settings::QueueSettings;
use super::wants::{Skills, Wants};
use crate::event::{OperatorState, RingEnd};
use crate::ids::{CallId, OperatorId, QueueName};

/// What the domain is told.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// These queues with these settings: who serves them from now on, and how operators rest. What a
    /// waiting caller hears and when one goes elsewhere stays as it was at joining.
    Queues(BTreeMap<QueueName, QueueSettings>),
    /// What operators can; who is not named can nothing special.
    Skills(BTreeMap<OperatorId, Skills>),
    /// There is such an operator.
    Add(OperatorId),
    /// There is no such operator any more, after the call if there is one.
    Remove(OperatorId),
    /// On shift.
    LogIn(OperatorId),
    /// Off shift; a call in progress goes on.
    LogOut(OperatorId),
    /// No calls for a while, and why.
    Pause(OperatorId, String),
    /// Calls again; ends wrap-up too.
    Resume(OperatorId),
    /// Wrap-up lasts for so long from now; nothing for who is not in wrap-up.
    ExtendWrapUp(OperatorId, Duration),
    /// Has a registered phone, or none.
    Reachable(OperatorId, bool),
    /// A caller joins.
    Joined(Joining),
    /// A waiting caller wants something else of an operator from now on: another language was chosen.
    Wanted(CallId, Wants),
    /// A caller is gone, or goes elsewhere.
    Left(CallId),
    /// The operator is in a call of one's own (a feature code, a call to the helpline), or no more.
    /// Calls are counted: each `true` wants its `false`.
    Occupied(OperatorId, bool),
    /// A phone of the claim rings.
    RingStarted(ClaimId),
    /// No phone of the claim rings any more.
    RingFailed(ClaimId, RingEnd),
    /// An operator answered: caller and operator talk.
    Answered(ClaimId),
    /// The caller is on hold, or no more.
    Held(ClaimId, bool),
    /// They talk no more.
    TalkEnded(ClaimId),
    /// A new day of the helpline: calls and talk are counted from nothing.
    NewDay,
}

/// What is to be said to a waiting caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Announcement {
    /// The comfort message.
    Comfort,
    /// The position, from 1.
    Position(u32),
    /// How long it may last from now.
    Estimate(Duration),
}

/// What the domain wants done.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Ring the operator's phones. The claim is taken already.
    Ring {
        /// Under which claim.
        claim: ClaimId,
        /// Whom.
        operator: OperatorId,
        /// For which caller.
        call: CallId,
        /// The decision, for the record.
        reason: String,
    },
    /// Let the phones be silent. The claim is given up already.
    StopRinging {
        /// Which claim.
        claim: ClaimId,
        /// Whose phones.
        operator: OperatorId,
        /// For which caller.
        call: CallId,
        /// Why.
        why: RingEnd,
    },
    /// Nobody rings for the caller.
    Waits {
        /// Who.
        call: CallId,
        /// Why, for the record.
        reason: String,
    },
    /// Say something to a caller.
    Announce {
        /// To whom.
        call: CallId,
        /// What.
        what: Announcement,
    },
    /// The caller has waited for so long as the threshold says.
    Threshold {
        /// Who.
        call: CallId,
        /// Which of the queue's thresholds.
        index: usize,
    },
    /// Nobody is on shift who serves the caller's queue.
    NobodyOnShift {
        /// Who waits.
        call: CallId,
    },
    /// As many wait as may: the caller is not in the line.
    Full {
        /// Who.
        call: CallId,
    },
    /// An operator's state changed.
    Changed {
        /// Who.
        operator: OperatorId,
        /// To what.
        state: OperatorState,
        /// Why, for people.
        reason: String,
    },
    /// A person should look.
    Alarm {
        /// A stable name.
        kind: &'static str,
        /// For people.
        text: String,
    },
}
