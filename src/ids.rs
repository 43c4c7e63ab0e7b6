//! Identities that every layer shares. None of them changes once it exists.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::time::Wall;

/// One telephone call: what gets exactly one record.
///
/// 41 bits of milliseconds since 2020-01-01 UTC, then 22 random bits, so that identities sort by
/// arrival and stay unique across restarts without a stored counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct CallId(pub u64);

/// 2020-01-01 UTC, in milliseconds since 1970.
const EPOCH_MS: i64 = 1_577_836_800_000;

impl CallId {
    /// A new one: time first, so that ids sort by arrival, then the upper bits of `random`.
    pub fn made(now: Wall, random: u32) -> Self {
        let ms = (now.0 / 1_000 - EPOCH_MS).max(0).unsigned_abs() & ((1 << 41) - 1);
        Self((ms << 22) | u64::from(random >> 10))
    }
}

/// Crockford's base 32: no letter that is read as a digit.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// 63 bits in groups of five.
const CALL_ID_LENGTH: usize = 13;

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for place in (0..CALL_ID_LENGTH).rev() {
            let digit = (self.0 >> (5 * place)) & 31;
            write!(f, "{}", char::from(ALPHABET[digit as usize]))?;
        }
        Ok(())
    }
}

/// The text is not the name of a call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a call's id; ids have 13 letters and digits, as `qaynar calls` prints them")]
pub struct NotACallId(String);

impl std::str::FromStr for CallId {
    type Err = NotACallId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fault = || NotACallId(text.to_owned());
        if text.len() != CALL_ID_LENGTH {
            return Err(fault());
        }
        let mut value: u64 = 0;
        for byte in text.bytes() {
            let digit = ALPHABET
                .iter()
                .position(|letter| *letter == byte.to_ascii_uppercase())
                .ok_or_else(fault)?;
            value = (value << 5) | digit as u64;
        }
        Ok(Self(value))
    }
}

impl From<CallId> for String {
    fn from(id: CallId) -> Self {
        id.to_string()
    }
}

impl TryFrom<String> for CallId {
    type Error = NotACallId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

/// One recording of a call: of which call, and which of its recordings. A restart begins another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct RecordingId {
    /// Of which call.
    pub call: CallId,
    /// From 1.
    pub part: u16,
}

impl fmt::Display for RecordingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.call, self.part)
    }
}

/// The text is not the name of a recording.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a recording's id; ids are a call's with a number, as `qaynar voicemail list` and \
     `qaynar recordings list` print them"
)]
pub struct NotARecordingId(String);

impl std::str::FromStr for RecordingId {
    type Err = NotARecordingId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fault = || NotARecordingId(text.to_owned());
        let (call, part) = text.split_once('-').ok_or_else(fault)?;
        let call = call.parse().map_err(|_| fault())?;
        let part = part.parse().map_err(|_| fault())?;
        Ok(Self { call, part })
    }
}

impl From<RecordingId> for String {
    fn from(id: RecordingId) -> Self {
        id.to_string()
    }
}

impl TryFrom<String> for RecordingId {
    type Error = NotARecordingId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

/// A dialog with its media, belonging to one call. Unique within one run of the switch and its restores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LegId(pub u64);

impl fmt::Display for LegId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "leg-{}", self.0)
    }
}

/// Makes a name that is one word of text, told apart from other names by its type.
macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }
    };
}

name! {
    /// Who answers calls: `101`. Also the user part of the softphone's address of record.
    OperatorId
}
name! {
    /// A queue of the dialplan: `children`.
    QueueName
}
name! {
    /// What an operator can: a language (`ru`) or a field (`psychology`), a word of the dialplan.
    Skill
}
name! {
    /// A trunk of the configuration; `loopback` where none is configured.
    TrunkName
}
name! {
    /// A path of the dialplan: `welcome`.
    PathName
}
name! {
    /// A mailbox of the dialplan, where callers leave messages: `night`.
    MailboxName
}
name! {
    /// A prompt without its language and ending: `greeting`.
    PromptName
}
name! {
    /// Opening hours of the dialplan: `office`.
    HoursName
}
name! {
    /// A list of callers: `blocked`, `known`.
    ListName
}
name! {
    /// Who calls, by keyed HMAC (DOMAIN: a bare hash of a number falls to brute force). Not private.
    Pseudonym
}

/// A language in which callers are spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// Azerbaijani.
    Az,
    /// Russian.
    Ru,
    /// English.
    En,
}

impl Language {
    /// All that the server speaks, in the order of the helpline.
    pub const ALL: [Self; 3] = [Self::Az, Self::Ru, Self::En];

    /// ISO 639-1.
    pub fn code(self) -> &'static str {
        match self {
            Self::Az => "az",
            Self::Ru => "ru",
            Self::En => "en",
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// Whose phone rings first, by the words of the dialplan.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// Whoever has been without a call for longest.
    #[default]
    LongestIdle,
    /// All who are free together.
    RingAll,
    /// In turn: whose last ring is longest ago.
    RoundRobin,
    /// Whoever answered the fewest calls today.
    FewestCalls,
    /// Whoever talked least today.
    LeastTalk,
    /// By lot, in proportion to the weights.
    WeightedRandom,
    /// In the order of the queue's list.
    Linear,
}

impl Rule {
    /// All, in the order of the manual.
    pub const ALL: [Self; 7] = [
        Self::LongestIdle,
        Self::RingAll,
        Self::RoundRobin,
        Self::FewestCalls,
        Self::LeastTalk,
        Self::WeightedRandom,
        Self::Linear,
    ];

    /// As the dialplan writes it, and as each decision records it.
    pub fn name(self) -> &'static str {
        match self {
            Self::LongestIdle => "longest idle",
            Self::RingAll => "ring all",
            Self::RoundRobin => "round robin",
            Self::FewestCalls => "fewest calls",
            Self::LeastTalk => "least talk",
            Self::WeightedRandom => "weighted random",
            Self::Linear => "linear",
        }
    }

    /// The rule of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rule| rule.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_is_found_by_its_name() {
        for rule in Rule::ALL {
            assert_eq!(Rule::named(rule.name()), Some(rule));
        }
        assert_eq!(Rule::named("loudest"), None);
    }

    #[test]
    fn a_recording_id_survives_being_printed_and_read_by_a_person() {
        let id = RecordingId {
            call: CallId(0x1234_5678_9abc_def0),
            part: 2,
        };
        assert_eq!(id.to_string().to_lowercase().parse(), Ok(id));
        for text in [
            "",
            "1",
            "../../etc/passwd-1",
            "0000000000000",
            "0000000000000-x",
        ] {
            let told = text.parse::<RecordingId>().unwrap_err().to_string();
            assert!(told.contains("voicemail list"), "{told}");
        }
    }

    #[test]
    fn a_call_id_survives_being_printed_and_read_by_a_person() {
        let id = CallId(0x1234_5678_9abc_def0);
        let printed = id.to_string();
        assert_eq!(printed.len(), 13);
        assert_eq!(printed.to_lowercase().parse(), Ok(id));
        assert!("short".parse::<CallId>().is_err());
        assert!(
            "UUUUUUUUUUUUU".parse::<CallId>().is_err(),
            "U is not in the alphabet"
        );
    }
}
