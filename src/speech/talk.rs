//! What an operator hears who calls others into a talk.

use super::clip;
use crate::ids::PromptName;

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// A service is being called.
    HelpCalled,
    /// Somebody else is.
    CalledIn,
    /// Whoever was called does not come, or cannot be called now.
    DidNotCome,
}

/// The words.
pub fn talk(told: Told) -> Vec<PromptName> {
    vec![clip(match told {
        Told::HelpCalled => "help-called",
        Told::CalledIn => "called-into-talk",
        Told::DidNotCome => "did-not-come",
    })]
}
