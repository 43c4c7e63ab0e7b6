//! Carriers' lines: how they are told apart, what they may bring, and whether they live.

mod admit;
mod dialled;
mod find;
mod lines;
mod qualify;
mod register;
pub mod settings;

pub(super) use dialled::dialled_uri;
pub use lines::{LineState, Registered};
pub(super) use lines::{Lines, TrunkTimer};
