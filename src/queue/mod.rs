//! Who waits, who is free, and who rings for whom.
//!
//! One [`Domain`] with one matcher for all queues that share operators. It knows callers and
//! operators by id alone: its outputs are actions, and what it is told are facts.

mod check;
pub mod domain;
pub mod input;
pub mod line;
mod matcher;
pub mod operator;
mod pace;
mod restore;
mod roster;
pub mod rule;
pub mod settings;
mod shift;
pub mod wants;

pub use crate::ids::Rule;
pub use domain::Domain;
pub use input::{Action, Announcement, Input};
pub use line::Joining;
pub use operator::{ClaimId, OperatorSnapshot, Snapshot};
pub use settings::{Member, QueueSettings, RingStep};
pub use wants::{Required, Skills, Wants};
