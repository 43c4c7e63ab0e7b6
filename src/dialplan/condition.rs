//! `if = "…"`: what a step is done for.

use std::fmt;
use std::time::Duration;

use super::hours::{Days, Minute};
use super::number::{Kind, Number};
use crate::ids::{HoursName, Language, ListName, QueueName};

/// `if = "…"`, or one of a list of which all must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// `not …`
    pub not: bool,
    /// What is asked.
    pub test: Test,
}

/// What a condition asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    /// `nobody on shift`, `fewer than 3 on shift`: operators who are logged in and have a phone that
    /// can ring.
    OnShift(Bound),
    /// `office open`, `office closed`
    Hours {
        /// Which.
        hours: HoursName,
        /// Whether they shall be open.
        open: bool,
    },
    /// `holiday`
    Holiday,
    /// `between 22:00 and 06:00`
    Between {
        /// From when.
        from: Minute,
        /// Until when; not later: of the next day.
        until: Minute,
    },
    /// `on sat, sun`
    On(Days),
    /// `more than 10 waiting in children`
    Waiting {
        /// How many.
        bound: Bound,
        /// Where.
        queue: QueueName,
    },
    /// `caller hidden`, `caller abroad`, `caller +99450`
    Caller(Sort),
    /// `caller in list blocked`
    OnList(ListName),
    /// `called 3 times within 1h`
    Called {
        /// This call with them.
        times: usize,
        /// How long ago the first may be.
        within: Duration,
    },
    /// `language ru`
    Language(Language),
}

/// How many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// `fewer than 3`
    Fewer(usize),
    /// `more than 3`
    More(usize),
}

impl Bound {
    /// Whether so many are enough, or few enough.
    pub fn holds(self, count: usize) -> bool {
        match self {
            Self::Fewer(bound) => count < bound,
            Self::More(bound) => count > bound,
        }
    }
}

/// What callers can be told apart by without knowing one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sort {
    /// No identity.
    Hidden,
    /// `mobile`, `abroad` and so on.
    Kind(Kind),
    /// `+99450`: how the number begins.
    Beginning(String),
}

/// The longest beginning of a caller's number: longer ones would name single people, whom lists are
/// for.
const LONGEST_BEGINNING: usize = 9;

impl Sort {
    /// Reads `hidden`, `mobile`, `+99450`, `050…`.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text == "hidden" {
            return Some(Self::Hidden);
        }
        if let Some((_, kind)) = Kind::ALL.into_iter().find(|(word, _)| *word == text) {
            return Some(Self::Kind(kind));
        }
        let bare = text.strip_suffix('…').or_else(|| text.strip_suffix("..."));
        let beginning = Number::beginning(bare.unwrap_or(text))?;
        (beginning.len() <= LONGEST_BEGINNING).then_some(Self::Beginning(beginning))
    }
}

impl fmt::Display for Sort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hidden => f.write_str("hidden"),
            Self::Kind(kind) => {
                let mut all = Kind::ALL.into_iter();
                let word = all.find(|(_, one)| one == kind).map(|(word, _)| word);
                f.write_str(word.unwrap_or_default())
            }
            Self::Beginning(beginning) => f.write_str(beginning),
        }
    }
}
