//! What the calls of a time come to, by the definitions that call centres share; each figure says its own.
//!
//! Calls come in one by one ([`Tally::add`]), what operators did beside them ([`Shifts::add`]). Tallies of parts,
//! of days for instance, are added up ([`Tally::merge`]) to the same figures as all calls at once.

mod calendar;
mod counts;
mod course;
mod definitions;
mod keys;
mod listing;
mod overlap;
mod shifts;
mod shown;
mod tally;

use std::collections::BTreeSet;
use std::str::FromStr;
use std::time::Duration;

pub use calendar::{Calendar, Hour, Week};
pub use counts::Counts;
pub use course::{Course, Seen};
pub use definitions::{Definition, Scope, Value, definitions};
pub use keys::{Key, Of, UnknownKey};
pub use listing::Listing;
pub use overlap::Peak;
pub use shifts::{Shift, Shifts};
pub use tally::{CallFigures, HourCalls, OperatorFigures, Repeat, Tally, WAIT_BANDS, WaitBand};

use crate::ids::CallId;

/// Where the figures leave a choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Who gives up before is a short abandon (τ).
    pub short_abandon: Duration,
    /// What the service level is measured by.
    pub target: Target,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            short_abandon: Duration::from_secs(10),
            target: Target::default(),
        }
    }
}

/// A service level X/Y: so many of a hundred callers are answered within such a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// X, from 1 to 99.
    pub percent: u8,
    /// Y.
    pub within: Duration,
}

impl Default for Target {
    fn default() -> Self {
        Self {
            percent: 80,
            within: Duration::from_secs(20),
        }
    }
}

/// The text is no service level.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no service level; write percent and seconds: 80/20")]
pub struct NotATarget(String);

impl FromStr for Target {
    type Err = NotATarget;

    fn from_str(text: &str) -> Result<Self, NotATarget> {
        let read = || {
            let (percent, within) = text.trim().split_once('/')?;
            let percent = percent.trim().parse().ok()?;
            let seconds: u32 = within.trim().trim_end_matches('s').parse().ok()?;
            let within = Duration::from_secs(seconds.into());
            let fits = (1..=99).contains(&percent) && seconds <= 3_600;
            fits.then_some(Self { percent, within })
        };
        read().ok_or_else(|| NotATarget(text.to_owned()))
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.percent, self.within.as_secs())
    }
}

/// What calls are judged by.
#[derive(Debug, Clone)]
pub struct Basis {
    /// See there.
    pub rules: Rules,
    /// In which hours and days are counted.
    pub calendar: Calendar,
    /// Calls whose callers asked to be called back: their records do not tell.
    pub asked_back: BTreeSet<CallId>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_level_is_percent_and_seconds() {
        let read = |text: &str| text.parse::<Target>().map(|one| one.to_string());
        assert_eq!(read("80/20"), Ok("80/20".to_owned()));
        assert_eq!(read(" 95/10s"), Ok("95/10".to_owned()));
        for wrong in ["", "80", "0/20", "100/20", "80/-1", "80/5000", "a/b"] {
            let told = read(wrong).unwrap_err().to_string();
            assert!(told.contains("write percent and seconds"), "{told}");
        }
    }
}
