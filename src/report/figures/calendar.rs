//! Hours of the week and days, in the zone of the helpline.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::time::Wall;

const SECONDS_A_DAY: i64 = 86_400;
const MICROSECONDS: i64 = 1_000_000;

/// The most hours of which is counted how often each hour of the week comes: more than a hundred years.
const MOST_HOURS: i64 = 1_000_000;

/// An hour of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hour {
    /// From 0, Monday, to 6, Sunday.
    pub weekday: usize,
    /// From 0 to 23.
    pub hour: usize,
}

impl Hour {
    /// All, from Monday's first.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..7).flat_map(|weekday| (0..24).map(move |hour| Self { weekday, hour }))
    }
}

/// Something of each hour of the week.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
#[serde(transparent)]
pub struct Week<T>(pub [[T; 24]; 7]);

impl<T> Week<T> {
    /// That of an hour; `None`: there is no such hour.
    pub fn get(&self, hour: Hour) -> Option<&T> {
        self.0.get(hour.weekday)?.get(hour.hour)
    }

    /// As [`Self::get`].
    pub fn get_mut(&mut self, hour: Hour) -> Option<&mut T> {
        self.0.get_mut(hour.weekday)?.get_mut(hour.hour)
    }

    /// The same of something else.
    pub fn map<U>(&self, of: impl Fn(&T) -> U) -> Week<U> {
        Week(self.0.each_ref().map(|day| day.each_ref().map(&of)))
    }
}

/// Tells hours and days by the clocks of a zone.
#[derive(Debug, Clone)]
pub struct Calendar {
    zone: TimeZone,
}

impl Calendar {
    /// By this zone.
    pub fn new(zone: TimeZone) -> Self {
        Self { zone }
    }

    /// The zone.
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// The hour of the week that a moment is in.
    pub fn hour(&self, at: Wall) -> Hour {
        let local = self.local(at);
        // The first day of the count was a Thursday.
        let weekday = (local.div_euclid(SECONDS_A_DAY) + 3).rem_euclid(7);
        let hour = local.rem_euclid(SECONDS_A_DAY) / 3_600;
        let place = |number: i64| usize::try_from(number).unwrap_or_default();
        Hour {
            weekday: place(weekday),
            hour: place(hour),
        }
    }

    /// The day that a moment is in, counted from 1970-01-01.
    pub fn day(&self, at: Wall) -> i64 {
        self.local(at).div_euclid(SECONDS_A_DAY)
    }

    /// The first moment of the day that a moment is in.
    pub fn start_of_day(&self, at: Wall) -> Wall {
        self.begin_of(self.day(at))
    }

    /// The first moment of the next day.
    pub fn end_of_day(&self, at: Wall) -> Wall {
        self.begin_of(self.day(at) + 1)
    }

    /// When a day begins by the clocks of the zone, where the zone's offset is that of the day's first moment.
    fn begin_of(&self, day: i64) -> Wall {
        let as_utc = Wall(day.saturating_mul(SECONDS_A_DAY * MICROSECONDS));
        let offset = |at: Wall| self.local_microseconds(at) - at.0;
        let near = Wall(as_utc.0.saturating_sub(offset(as_utc)));
        Wall(as_utc.0.saturating_sub(offset(near)))
    }

    /// For how many hours each hour of the week was there from one moment to another.
    pub fn hours_between(&self, from: Wall, to: Wall) -> Week<f64> {
        let mut week = Week::<f64>::default();
        let (mut at, mut left) = (from, MOST_HOURS);
        while at < to && left > 0 {
            let into = self.local_microseconds(at).rem_euclid(3_600 * MICROSECONDS);
            let next = Wall(at.0 + 3_600 * MICROSECONDS - into).min(to);
            if let Some(hours) = week.get_mut(self.hour(at)) {
                *hours += next.since(at).as_secs_f64() / 3_600.0;
            }
            (at, left) = (next, left - 1);
        }
        week
    }

    /// Seconds that clocks of the zone show, as if they were of UTC.
    fn local(&self, at: Wall) -> i64 {
        self.local_microseconds(at).div_euclid(MICROSECONDS)
    }

    fn local_microseconds(&self, at: Wall) -> i64 {
        let moment = Timestamp::from_microsecond(at.0).unwrap_or_default();
        let offset = i64::from(self.zone.to_offset(moment).seconds());
        at.0.saturating_add(offset * MICROSECONDS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn baku() -> Calendar {
        Calendar::new(TimeZone::get("Asia/Baku").unwrap())
    }

    fn at(text: &str) -> Wall {
        Wall(text.parse::<Timestamp>().unwrap().as_microsecond())
    }

    #[test]
    fn the_hour_is_that_of_the_clocks_in_baku() {
        let hour = |text| baku().hour(at(text));
        // Sunday 2021-05-30 19:59:59 UTC is Sunday 23:59:59 in Baku, and a second later Monday.
        let sunday = Hour {
            weekday: 6,
            hour: 23,
        };
        assert_eq!(hour("2021-05-30T19:59:59.999999Z"), sunday);
        let monday = Hour {
            weekday: 0,
            hour: 0,
        };
        assert_eq!(hour("2021-05-30T20:00:00Z"), monday);
        // Summer time was kept until 2015: five hours ahead.
        assert_eq!(hour("2015-07-01T19:00:00Z").hour, 0);
    }

    #[test]
    fn hours_of_a_time_are_counted_by_their_place_in_the_week() {
        let week = baku().hours_between(at("2021-05-31T20:30:00Z"), at("2021-06-15T20:00:00Z"));
        // From Tuesday 00:30 to the end of Tuesday two weeks later.
        let of = |weekday, hour| *week.get(Hour { weekday, hour }).unwrap();
        assert_eq!(
            (of(1, 0), of(1, 1), of(0, 23), of(2, 5)),
            (2.5, 3.0, 2.0, 2.0)
        );
        let total: f64 = week.0.iter().flatten().sum();
        assert_eq!(total, 15.0 * 24.0 - 0.5);
        assert_eq!(baku().hours_between(Wall(5), Wall(5)), Week::default());
    }

    #[test]
    fn a_day_begins_at_midnight_in_baku() {
        let (noon, midnight) = (at("2021-06-01T08:00:00Z"), at("2021-05-31T20:00:00Z"));
        assert_eq!(baku().start_of_day(noon), midnight);
        assert_eq!(baku().start_of_day(midnight), midnight);
        assert_eq!(baku().end_of_day(noon), at("2021-06-01T20:00:00Z"));
    }

    #[test]
    fn no_moment_is_too_far_away() {
        let _ = baku().hour(Wall(i64::MIN));
        let _ = baku().hour(Wall(i64::MAX));
    }
}
