//! Numbers spoken by grammar, from recorded words.

use crate::ids::{Language, PromptName};

/// "You are number N in the line", as prompts to be played one after the other.
pub fn position(language: Language, position: u32) -> Vec<PromptName> {
    let _ = language;
    vec!["you-are-number".into(), PromptName(position.to_string())]
}
