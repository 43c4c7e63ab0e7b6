//! `[hours.NAME]`: when somebody is there, in the civil time of the dialplan's zone.

use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::TimeZone;

use super::fault::Place;
use super::holidays;
use crate::time::Wall;

/// A minute of the day; 1440: its end.
pub type Minute = u16;
/// Minutes of a day.
pub const DAY: Minute = 24 * 60;
/// So far ahead a change is looked for: hours that know only single dates may be closed for long.
const HORIZON_DAYS: usize = 400;

/// Days of the week.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Days(u8);

impl Days {
    /// With their words, from Monday.
    pub const NAMES: [&'static str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

    /// The day of this number, from 0 for Monday, and those that are there already.
    #[must_use]
    pub fn with(self, day: usize) -> Self {
        Self(self.0 | (1 << (day % 7)))
    }

    /// Whether the day is one of them.
    pub fn has(self, day: Weekday) -> bool {
        self.0 >> day.to_monday_zero_offset() & 1 == 1
    }

    /// Those that are in both.
    #[must_use]
    pub fn both(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Each on the day after.
    #[must_use]
    pub fn next(self) -> Self {
        Self((self.0 << 1 | self.0 >> 6) & 0x7f)
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl std::fmt::Display for Days {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let there = |(day, _): &(usize, &str)| self.0 >> day & 1 == 1;
        let days = Self::NAMES.into_iter().enumerate().filter(there);
        let days: Vec<&str> = days.map(|(_, name)| name).collect();
        f.write_str(&days.join(", "))
    }
}

/// A time of the day as it is written.
pub fn clock(minute: Minute) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

/// A part of a day, or of a night that begins on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// From when.
    pub from: Minute,
    /// Until when; not later than `from`: of the next day.
    pub until: Minute,
}

impl Span {
    fn is_over_midnight(self) -> bool {
        self.until <= self.from
    }

    /// Whether the minute of the day on which the span begins is in it.
    fn begins_around(self, minute: Minute) -> bool {
        self.from <= minute && (self.is_over_midnight() || minute < self.until)
    }

    /// Whether the minute of the next day is in it.
    fn ends_around(self, minute: Minute) -> bool {
        self.is_over_midnight() && minute < self.until
    }

    /// Whether the minute is in it on any day.
    pub fn holds(self, minute: Minute) -> bool {
        self.begins_around(minute) || self.ends_around(minute)
    }
}

impl std::fmt::Display for Span {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", clock(self.from), clock(self.until))
    }
}

/// `except`: days that are not like others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exception {
    /// The first day.
    pub from: Date,
    /// The last day.
    pub until: Date,
    /// When somebody is there; nothing: closed.
    pub open: Vec<Span>,
}

/// When somebody is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hours {
    /// Where they stand.
    pub place: Place,
    /// Each week.
    pub weekly: Vec<(Days, Span)>,
    /// `holidays = "closed"`
    pub closed_on_holidays: bool,
    /// Before the week and the holidays, the first that fits.
    pub except: Vec<Exception>,
}

impl Hours {
    /// Whether they are open, and why.
    pub fn judge(&self, at: DateTime) -> (bool, String) {
        let minute = minute_of(at);
        // What began the evening before goes on, whatever day it is by now.
        let before = at.date().yesterday().ok();
        let night = before.and_then(|day| {
            let spans = self.spans(day).0;
            spans.into_iter().find(|span| span.ends_around(minute))
        });
        if let Some(span) = night {
            return (true, format!("open since yesterday, {span}"));
        }
        let (spans, why) = self.spans(at.date());
        match spans.iter().find(|span| span.begins_around(minute)) {
            Some(span) => (true, format!("open {span}{why}")),
            None if spans.is_empty() => (false, format!("closed all day{why}")),
            None => {
                let spans: Vec<String> = spans.iter().map(ToString::to_string).collect();
                (false, format!("open only {}{why}", spans.join(", ")))
            }
        }
    }

    /// When somebody comes on a day, and why if it is no day as others.
    fn spans(&self, day: Date) -> (Vec<Span>, String) {
        let fits = |one: &&Exception| one.from <= day && day <= one.until;
        if let Some(one) = self.except.iter().find(fits) {
            return (one.open.clone(), format!(" (except on {day})"));
        }
        if self.closed_on_holidays
            && let Some(holiday) = holidays::on(day)
        {
            return (Vec::new(), format!(" ({})", holiday.name));
        }
        let weekly = self.weekly.iter();
        let spans = weekly.filter(|(days, _)| days.has(day.weekday()));
        (spans.map(|(_, span)| *span).collect(), String::new())
    }

    /// Whether they are open at a moment; one that no calendar has is open.
    pub fn are_open(&self, at: Wall, zone: &TimeZone) -> bool {
        local(at, zone).is_none_or(|at| self.judge(at).0)
    }

    /// The next moment at which they open or close; `None`: not within the next year.
    pub fn next_change(&self, after: Wall, zone: &TimeZone) -> Option<Wall> {
        let open = self.are_open(after, zone);
        let mut day = local(after, zone)?.date().yesterday().ok()?;
        for _ in 0..HORIZON_DAYS {
            for moment in self.edges(day, zone) {
                if moment > after && self.are_open(moment, zone) != open {
                    return Some(moment);
                }
            }
            day = day.tomorrow().ok()?;
        }
        None
    }

    /// The next moment at which they are open; now, if they are.
    pub fn next_open(&self, from: Wall, zone: &TimeZone) -> Option<Wall> {
        match self.are_open(from, zone) {
            true => Some(from),
            false => self.next_change(from, zone),
        }
    }

    /// The moments at which spans of a day begin and end, in their order.
    fn edges(&self, day: Date, zone: &TimeZone) -> Vec<Wall> {
        let mut edges: Vec<Wall> = Vec::new();
        for span in self.spans(day).0 {
            let last = match span.is_over_midnight() {
                true => day.tomorrow(),
                false => Ok(day),
            };
            edges.extend(moment(day, span.from, zone));
            edges.extend(last.ok().and_then(|last| moment(last, span.until, zone)));
        }
        edges.sort_unstable();
        edges
    }
}

/// The civil time at a moment; `None`: no calendar has it.
pub fn local(at: Wall, zone: &TimeZone) -> Option<DateTime> {
    let at = jiff::Timestamp::from_microsecond(at.0).ok()?;
    Some(zone.to_datetime(at))
}

/// The minute of the day.
pub fn minute_of(at: DateTime) -> Minute {
    let (hour, minute) = (at.hour().unsigned_abs(), at.minute().unsigned_abs());
    Minute::from(hour) * 60 + Minute::from(minute)
}

/// A minute of a day on the wall clock.
pub(super) fn moment(day: Date, minute: Minute, zone: &TimeZone) -> Option<Wall> {
    let (day, minute) = match minute < DAY {
        true => (day, minute),
        false => (day.tomorrow().ok()?, 0),
    };
    let hour = i8::try_from(minute / 60).ok()?;
    let at = day.at(hour, i8::try_from(minute % 60).ok()?, 0, 0);
    let zoned = zone.to_ambiguous_zoned_datetime(at).compatible().ok()?;
    Some(Wall(zoned.timestamp().as_microsecond()))
}
