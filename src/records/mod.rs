//! What is kept of a call.

pub mod activity;
pub mod build;
pub mod columns;
pub mod contact;
pub mod durations;
pub mod export;
pub mod fields;
pub mod pseudonym;
pub mod quality;
pub mod segments;
pub mod shape;
pub mod taxonomy;
pub mod told;

pub use build::{Applied, Builder};
pub use pseudonym::{key_letter, pseudonym};
