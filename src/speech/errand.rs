//! What an operator hears who dialled a feature code.

use super::clip;
use crate::event::OperatorState;
use crate::ids::PromptName;

/// What a feature code did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    /// The operator is on shift now.
    LoggedIn,
    /// And is not any more.
    LoggedOut,
    /// Wants no calls for now.
    Paused,
    /// Wants them again.
    Resumed,
    /// Rests for longer.
    Extended,
}

/// Every clip that operators may hear who dial a code, in any language: those of [`errand`], and those of
/// codes for talks of three and for supervisors.
pub const CLIPS: [&str; 17] = [
    "logged-in",
    "logged-out",
    "paused",
    "resumed",
    "free",
    "ringing",
    "talking",
    "wrap-up",
    "unreachable",
    "callers-waiting",
    "help-called",
    "called-into-talk",
    "did-not-come",
    "may-not-listen",
    "nobody-talks",
    "press-1-to-leave",
    "extended",
];

/// Said to who would leave callers alone, after "callers are waiting".
pub fn question() -> PromptName {
    clip("press-1-to-leave")
}

/// What was done, then the state that the operator is in now, since that may be another than was
/// asked for: who logs in from one phone may be in a call on the next. `waiting`: callers are left behind.
pub fn errand(done: Option<Done>, state: OperatorState, waiting: bool) -> Vec<PromptName> {
    let done = done.map(|done| match done {
        Done::LoggedIn => "logged-in",
        Done::LoggedOut => "logged-out",
        Done::Paused => "paused",
        Done::Resumed => "resumed",
        Done::Extended => "extended",
    });
    let state = match state {
        OperatorState::LoggedOut => "logged-out",
        OperatorState::Free => "free",
        OperatorState::Claimed | OperatorState::Ringing => "ringing",
        OperatorState::Talking | OperatorState::OnHold => "talking",
        OperatorState::WrapUp => "wrap-up",
        OperatorState::Paused => "paused",
        OperatorState::Unreachable => "unreachable",
    };
    let state = Some(state).filter(|state| done != Some(*state));
    let waiting = waiting.then_some("callers-waiting");
    [done, state, waiting]
        .into_iter()
        .flatten()
        .map(clip)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(done: Option<Done>, state: OperatorState, waiting: bool) -> String {
        let said = errand(done, state, waiting);
        said.iter()
            .map(PromptName::as_str)
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn an_operator_hears_the_truth_not_the_wish() {
        use OperatorState::{Free, LoggedOut, Paused, Ringing, Talking, Unreachable, WrapUp};
        for (done, state, waiting, expected) in [
            (None, Free, false, "free"),
            (None, Ringing, false, "ringing"),
            (None, Talking, false, "talking"),
            (None, WrapUp, false, "wrap-up"),
            (None, Unreachable, false, "unreachable"),
            (None, LoggedOut, false, "logged-out"),
            (Some(Done::LoggedIn), Free, false, "logged-in free"),
            (
                Some(Done::LoggedIn),
                Unreachable,
                false,
                "logged-in unreachable",
            ),
            (Some(Done::LoggedIn), Paused, false, "logged-in paused"),
            (
                Some(Done::LoggedOut),
                LoggedOut,
                true,
                "logged-out callers-waiting",
            ),
            (Some(Done::Paused), Paused, false, "paused"),
            (
                Some(Done::Paused),
                Talking,
                true,
                "paused talking callers-waiting",
            ),
            (Some(Done::Resumed), LoggedOut, false, "resumed logged-out"),
        ] {
            assert_eq!(said(done, state, waiting), expected);
        }
    }
}
