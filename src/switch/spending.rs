//! What calls of operators to numbers outside have cost today, by class.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::time::Wall;

/// An outgoing call that is over and was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastCall {
    /// Its class: the name of an `[[outgoing]]`.
    pub class: String,
    /// When the two were connected.
    pub connected: Wall,
    /// When it ended.
    pub ended: Wall,
}

/// Calls and minutes of one class.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Spent {
    pub(super) calls: u32,
    pub(super) minutes: u32,
}

impl Spent {
    pub(super) fn add(&mut self, minutes: u32) {
        self.calls = self.calls.saturating_add(1);
        self.minutes = self.minutes.saturating_add(minutes);
    }
}

/// The accounts of one day; the next one begins with empty ones.
#[derive(Debug, Clone, Default)]
pub(super) struct Spending {
    day: Option<Date>,
    classes: BTreeMap<String, Spent>,
}

impl Spending {
    /// Books a call that is over, if it was connected on the day of `now`.
    pub(super) fn book(&mut self, past: &PastCall, zone: &TimeZone, now: Wall) {
        self.turn(zone, now);
        if day(past.connected, zone) == self.day {
            let spent = self.classes.entry(past.class.clone()).or_default();
            spent.add(minutes(past.ended.since(past.connected)));
        }
    }

    /// What was spent today.
    pub(super) fn of(&mut self, class: &str, zone: &TimeZone, now: Wall) -> Spent {
        self.turn(zone, now);
        self.classes.get(class).copied().unwrap_or_default()
    }

    fn turn(&mut self, zone: &TimeZone, now: Wall) {
        let today = day(now, zone);
        if today != self.day {
            self.day = today;
            self.classes.clear();
        }
    }
}

fn day(at: Wall, zone: &TimeZone) -> Option<Date> {
    let stamp = jiff::Timestamp::from_microsecond(at.0).ok()?;
    Some(stamp.to_zoned_datetime(zone.clone()).date())
}

/// As carriers count: a minute that was begun is one.
pub(super) fn minutes(time: Duration) -> u32 {
    let whole = time.as_secs().div_ceil(60).max(1);
    u32::try_from(whole).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_are_counted_as_begun_and_days_by_the_plans_clock() {
        let zone = TimeZone::get("Asia/Baku").unwrap();
        // 2026-11-23, 23:00 in Baku.
        let evening = Wall(1_795_460_400_000_000);
        let minute = Duration::from_secs(60);
        let call = |from: Wall, seconds| PastCall {
            class: "mobile".into(),
            connected: from,
            ended: from + Duration::from_secs(seconds),
        };
        let mut spending = Spending::default();
        spending.book(&call(evening, 61), &zone, evening + 2 * minute);
        spending.book(&call(evening, 0), &zone, evening + 2 * minute);
        let spent = spending.of("mobile", &zone, evening + 3 * minute);
        assert_eq!(
            spent,
            Spent {
                calls: 2,
                minutes: 3
            }
        );
        assert_eq!(spending.of("fixed", &zone, evening), Spent::default());
        // A call that began yesterday is not today's.
        let morning = evening + 90 * minute;
        spending.book(&call(evening, 5_400), &zone, morning);
        assert_eq!(spending.of("mobile", &zone, morning), Spent::default());
    }
}
