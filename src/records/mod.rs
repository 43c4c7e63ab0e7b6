//! What is kept of a call.

pub mod build;
pub mod contact;
pub mod durations;
pub mod pseudonym;
pub mod segments;
pub mod taxonomy;

pub use build::{Applied, Builder};
pub use pseudonym::pseudonym;
