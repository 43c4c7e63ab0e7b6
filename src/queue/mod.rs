//! Who waits, who is free, and who rings for whom.
//!
//! One [`Domain`] with one matcher for all queues that share operators. It knows callers and
//! operators by id alone: its outputs are actions, and what it is told are facts.

pub mod domain;
pub mod line;
pub mod operator;
pub mod settings;
pub mod strategy;

pub use domain::{Action, Announcement, Domain, Input};
pub use operator::{ClaimId, OperatorSnapshot, Snapshot};
pub use settings::QueueSettings;
