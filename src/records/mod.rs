//! What is kept of a call.

pub mod build;
pub mod durations;
pub mod pseudonym;
pub mod segments;

pub use build::{Applied, Builder};
pub use pseudonym::pseudonym;
