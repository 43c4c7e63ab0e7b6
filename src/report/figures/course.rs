//! What became of a call: exactly one of these.

use std::time::Duration;

use super::Basis;
use crate::event::{CallRecord, Cause, Direction, Shut};

/// What became of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Course {
    /// An operator called somebody outside.
    Outside,
    /// A callback: whether caller and operator talked.
    Callback {
        /// They did.
        reached: bool,
    },
    /// It rang without a queue, by a `ring` step.
    Direct {
        /// Somebody took it.
        answered: bool,
    },
    /// Never in a queue, and none of the following three.
    IvrOnly,
    /// Never in a queue: the helpline was closed.
    Closed,
    /// Never in a queue: nobody was on shift.
    NobodyOnShift,
    /// Out of a queue to an operator.
    Answered,
    /// The caller gave up in the queue.
    Abandoned,
    /// The caller left the queue, and is called back.
    AskedBack,
    /// The path led out of the queue, and to its end: to a message, or a word.
    LedOn,
    /// The line broke, or the process ended.
    Lost,
    /// It waits still.
    Waiting,
}

impl Course {
    /// That of a call.
    pub fn of(record: &CallRecord, basis: &Basis) -> Self {
        match record.direction {
            Direction::Out => return Self::Outside,
            Direction::Back => {
                let reached = record.connected.is_some();
                return Self::Callback { reached };
            }
            Direction::In => {}
        }
        let answered = record.connected.is_some();
        if record.queued.is_none() {
            return match record.shut {
                _ if answered || record.rung.is_some() => Self::Direct { answered },
                None => Self::IvrOnly,
                Some(Shut::Closed) => Self::Closed,
                Some(Shut::NobodyOnShift) => Self::NobodyOnShift,
            };
        }
        match record.cause {
            _ if answered => Self::Answered,
            _ if record.ended.is_none() => Self::Waiting,
            _ if basis.asked_back.contains(&record.call) => Self::AskedBack,
            Some(Cause::Abandoned | Cause::HungUp) => Self::Abandoned,
            Some(Cause::Completed | Cause::NotReached) => Self::LedOn,
            None | Some(Cause::Lost | Cause::Refused | Cause::Interrupted | Cause::ShutDown) => {
                Self::Lost
            }
        }
    }

    /// Entered a queue.
    pub fn is_offered(self) -> bool {
        matches!(
            self,
            Self::Answered
                | Self::Abandoned
                | Self::AskedBack
                | Self::LedOn
                | Self::Lost
                | Self::Waiting
        )
    }

    /// An operator talked with the caller.
    pub fn is_handled(self) -> bool {
        matches!(
            self,
            Self::Answered | Self::Direct { answered: true } | Self::Callback { reached: true }
        )
    }

    /// The caller came to us.
    pub fn is_incoming(self) -> bool {
        !matches!(self, Self::Outside | Self::Callback { .. })
    }
}

/// A call as it is counted.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// The call.
    pub record: &'a CallRecord,
    /// What became of it.
    pub course: Course,
    /// How long the caller waited, or gave up after; of a callback nothing: nobody listened.
    pub wait: Duration,
}

impl<'a> Seen<'a> {
    /// Looks at a call.
    pub fn of(record: &'a CallRecord, basis: &Basis) -> Self {
        let course = Course::of(record, basis);
        let wait = match course.is_offered() {
            true => record.waited().unwrap_or_default(),
            false => Duration::ZERO,
        };
        Self {
            record,
            course,
            wait,
        }
    }
}
