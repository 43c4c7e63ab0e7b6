//! What is kept of a call.

pub mod build;
pub mod contact;
pub mod durations;
pub mod fields;
pub mod pseudonym;
pub mod quality;
pub mod segments;
pub mod taxonomy;

pub use build::{Applied, Builder};
pub use pseudonym::pseudonym;
