//! Short codes that operators dial; each is spoken back.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What operators dial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeatureCodes {
    /// Tells the operator's state.
    pub status: String,
    /// On shift.
    pub log_in: String,
    /// Off shift.
    pub log_out: String,
    /// No calls for a while. Followed by a digit of `pause_reasons`: for that reason.
    pub pause: String,
    /// Why operators pause, by the digit that they dial after the code.
    pub pause_reasons: BTreeMap<char, String>,
    /// Calls again; also ends wrap-up.
    pub resume: String,
    /// A longer wrap-up.
    pub extend: String,
    /// For how long from then on.
    pub extend_by: Duration,
    /// Messages of callers are heard.
    pub messages: String,
    /// Pressed in a talk: its recording pauses, or goes on.
    pub pause_recording: String,
    /// Keyed in during a talk: the caller's number is told to the operator, and to the audit log that it was.
    pub reveal: String,
    /// Before an operator's id or a number: into the talk with them.
    pub bring: String,
    /// Before 101, 102, 103 or 112: into the talk with them, whatever caps there are.
    pub help: String,
    /// Before an operator's id: hear that one's talk.
    pub listen: String,
    /// The same, heard by the operator alone.
    pub whisper: String,
    /// The same, heard by all.
    pub barge: String,
}

impl Default for FeatureCodes {
    fn default() -> Self {
        let reasons = [
            ('1', "break"),
            ('2', "lunch"),
            ('3', "after a hard call"),
            ('4', "training"),
        ];
        Self {
            status: "*10".into(),
            log_in: "*11".into(),
            log_out: "*12".into(),
            pause: "*13".into(),
            pause_reasons: reasons.map(|(digit, why)| (digit, why.into())).into(),
            resume: "*14".into(),
            extend: "*15".into(),
            extend_by: Duration::from_secs(300),
            messages: "*97".into(),
            pause_recording: "*5".into(),
            reveal: "*90".into(),
            bring: "*3".into(),
            help: "*".into(),
            listen: "*21".into(),
            whisper: "*22".into(),
            barge: "*23".into(),
        }
    }
}

/// What an operator asks by a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Asked {
    Status,
    LogIn,
    LogOut,
    Pause(String),
    Resume,
    Extend(Duration),
    Messages,
}

impl Asked {
    /// Whether the operator takes no calls afterwards.
    pub(super) fn leaves(&self) -> bool {
        matches!(self, Self::LogOut | Self::Pause(_))
    }
}

impl FeatureCodes {
    /// What was asked by what was dialled; `None`: it is no code.
    pub(super) fn asked(&self, dialled: &str) -> Option<Asked> {
        let plain = [
            (&self.status, Asked::Status),
            (&self.log_in, Asked::LogIn),
            (&self.log_out, Asked::LogOut),
            (&self.pause, Asked::Pause("by code".to_owned())),
            (&self.resume, Asked::Resume),
            (&self.extend, Asked::Extend(self.extend_by)),
            (&self.messages, Asked::Messages),
        ];
        let found = plain.into_iter().find(|(code, _)| *code == dialled);
        found.map(|(_, asked)| asked).or_else(|| {
            let mut reason = dialled.strip_prefix(&self.pause)?.chars();
            let (digit, None) = (reason.next()?, reason.next()) else {
                return None;
            };
            Some(Asked::Pause(self.pause_reasons.get(&digit)?.clone()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digit_after_the_code_tells_why_one_pauses() {
        let codes = FeatureCodes::default();
        assert_eq!(codes.asked("*132"), Some(Asked::Pause("lunch".into())));
        assert_eq!(codes.asked("*13"), Some(Asked::Pause("by code".into())));
        for nothing in ["*139", "*1322", "*1", "13", ""] {
            assert_eq!(codes.asked(nothing), None, "{nothing}");
        }
    }
}
