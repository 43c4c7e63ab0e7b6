//! What the server itself says, as prompts to be played one after the other: numbers by grammar from
//! recorded words, and an operator's state.

pub mod callback;
pub mod errand;
pub mod estimate;
pub mod messages;
pub mod moment;
pub mod number;
pub mod position;
pub mod refusal;
pub mod talk;

pub use callback::callback;
pub use errand::{Done, errand};
pub use estimate::{Rounded, estimate};
pub use number::digits;
pub use position::position;
pub use refusal::refusal;
pub use talk::{Told, talk};

use crate::ids::PromptName;

/// A clip is silent in its name about its language: each language has the words that it needs.
fn clip(name: impl Into<String>) -> PromptName {
    PromptName(name.into())
}
