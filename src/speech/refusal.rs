//! What an operator hears whose call outside is refused.

use super::clip;
use crate::ids::PromptName;

/// Why it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The dialplan allows no calls to such numbers.
    NotAllowed,
    /// Today's calls, minutes or money of the class are spent.
    CapReached,
    /// No carrier takes calls.
    NoLine,
    /// The dialplan does not let one hear others' talks.
    MayNotListen,
    /// There is no such talk.
    NobodyTalks,
}

/// Every clip that [`refusal`] can ask for where a number outside was dialled.
pub const CLIPS: [&str; 3] = ["call-not-allowed", "call-cap-reached", "no-line-outside"];

/// The words.
pub fn refusal(why: Why) -> PromptName {
    let [not_allowed, cap_reached, no_line] = CLIPS;
    clip(match why {
        Why::NotAllowed => not_allowed,
        Why::CapReached => cap_reached,
        Why::NoLine => no_line,
        Why::MayNotListen => "may-not-listen",
        Why::NobodyTalks => "nobody-talks",
    })
}
