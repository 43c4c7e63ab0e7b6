//! Public holidays of Azerbaijan, as data with the years that they cover.

use std::sync::LazyLock;
use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Deserialize;

use super::hours::local;
use crate::time::Wall;

const DATA: &str = include_str!("holidays.toml");
/// So long before the data ends, whoever uses them is warned.
const WARNING: Duration = Duration::from_secs(90 * 86_400);

/// A day on which nobody works.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holiday {
    /// When.
    pub on: Date,
    /// Its name, in Azerbaijani.
    pub name: String,
    /// It follows the moon and is not proclaimed yet.
    #[serde(default)]
    pub forecast: bool,
}

/// All that are known.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holidays {
    /// The first day that is covered.
    pub from: Date,
    /// The last day that is covered.
    pub until: Date,
    /// By date.
    pub holiday: Vec<Holiday>,
}

/// The data of this version.
pub fn known() -> &'static Holidays {
    static KNOWN: LazyLock<Holidays> = LazyLock::new(|| {
        // A test reads them; without them no day is a holiday, and the warning never ends.
        toml::from_str(DATA).unwrap_or(Holidays {
            from: Date::ZERO,
            until: Date::ZERO,
            holiday: Vec::new(),
        })
    });
    &KNOWN
}

/// The holiday on a day.
pub fn on(day: Date) -> Option<&'static Holiday> {
    let all = &known().holiday;
    let at = all.binary_search_by_key(&day, |one| one.on).ok()?;
    all.get(at)
}

/// What to do before, or after, the data has ended.
pub fn warning(now: Wall, zone: &TimeZone) -> Option<String> {
    let last = known().until;
    let soon = local(now + WARNING, zone)?.date();
    if soon <= last {
        return None;
    }
    let today = local(now, zone)?.date();
    Some(match today <= last {
        true => format!(
            "public holidays are known until {last}: install a newer version of qaynar before, or add \
             the dates to except of the hours"
        ),
        false => format!(
            "public holidays are known only until {last}; no day counts as one since: install a newer \
             version of qaynar, or add the dates to except of the hours"
        ),
    })
}
