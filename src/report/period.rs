//! The days that a report is of, as Baku counts them, and those that it is compared with.

use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::time::Wall;

/// Months of the helpline are bounded here.
const ZONE: &str = "Asia/Baku";

/// The years that can be asked for.
const YEARS: std::ops::RangeInclusive<i16> = 1900..=2200;

/// The longest period.
const MOST_YEARS: i16 = 100;

/// Days, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period {
    from: Date,
    to: Date,
}

/// What a period is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// One day.
    Day,
    /// A calendar month.
    Month,
    /// Three of them: 1 to 4.
    Quarter(u8),
    /// Six of them: 1 or 2.
    Half(u8),
    /// A calendar year.
    Year,
    /// Anything else.
    Days,
}

/// Why a text is no period.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PeriodError {
    /// Not a day, a month or a year.
    #[error("{0:?} is no day; write 2021-06-01, for a whole month 2021-06, for a year 2021")]
    Form(String),
    /// A month is shorter than that.
    #[error("there is no day {text}: that month has {days} days")]
    NoSuchDay {
        /// What was written.
        text: String,
        /// The month's length.
        days: i8,
    },
    /// It ends before it begins.
    #[error("the period ends ({to}) before it begins ({from}); swap --from and --to")]
    Backwards {
        /// Its first day.
        from: Date,
        /// Its last day.
        to: Date,
    },
    /// Longer than anybody kept records.
    #[error("{from} to {to} is more than {MOST_YEARS} years; ask for less")]
    TooLong {
        /// Its first day.
        from: Date,
        /// Its last day.
        to: Date,
    },
    /// Out of the years that are counted.
    #[error("{0} is out of the years {first} to {last}", first = YEARS.start(), last = YEARS.end())]
    Year(Date),
}

/// The time zone by which days, months and years are bounded.
pub fn baku() -> TimeZone {
    // The zone is built in; Baku has been four hours ahead since 2016.
    TimeZone::get(ZONE).unwrap_or_else(|_| TimeZone::fixed(jiff::tz::offset(4)))
}

/// The day that a moment is in, in Baku.
pub fn day_of(moment: Wall, zone: &TimeZone) -> Date {
    let moment = Timestamp::from_microsecond(moment.0).unwrap_or(match moment.0 < 0 {
        true => Timestamp::MIN,
        false => Timestamp::MAX,
    });
    zone.to_datetime(moment).date()
}

impl Period {
    /// The days from one to another, both included.
    ///
    /// # Errors
    /// See [`PeriodError`].
    pub fn new(from: Date, to: Date) -> Result<Self, PeriodError> {
        if from > to {
            return Err(PeriodError::Backwards { from, to });
        }
        for day in [from, to] {
            if !YEARS.contains(&day.year()) {
                return Err(PeriodError::Year(day));
            }
        }
        if to.year() - from.year() >= MOST_YEARS {
            return Err(PeriodError::TooLong { from, to });
        }
        Ok(Self { from, to })
    }

    /// Reads its ends, each a day, a month or a year: from the first day of the one to the last day of the other.
    /// Without an end it is the day, month or year that `from` names.
    ///
    /// # Errors
    /// See [`PeriodError`].
    pub fn read(from: &str, to: Option<&str>) -> Result<Self, PeriodError> {
        let (first, own_end) = span(from)?;
        let last = to.map_or(Ok(own_end), |to| span(to).map(|(_, last)| last))?;
        Self::new(first, last)
    }

    /// The first day.
    pub fn from(self) -> Date {
        self.from
    }

    /// The last day.
    pub fn to(self) -> Date {
        self.to
    }

    /// Its first moment, and the first one after it, in Baku.
    pub fn bounds(self) -> (Wall, Wall) {
        let zone = baku();
        let start = |day: Date| {
            let moment = day
                .to_zoned_datetime(zone.clone())
                .map(|moment| moment.timestamp());
            Wall(moment.map_or(i64::MAX, |moment| moment.as_microsecond()))
        };
        (start(self.from), start(self.to.saturating_add(1.day())))
    }

    /// How many days.
    pub fn days(self) -> i64 {
        i64::from((self.to - self.from).get_days()) + 1
    }

    /// Each of its days.
    pub fn each_day(self) -> impl Iterator<Item = Date> {
        let end = self.to;
        self.from.series(1.day()).take_while(move |day| *day <= end)
    }

    /// How many calendar months it is made of; `None`: it is not of whole ones.
    pub fn months(self) -> Option<i32> {
        let whole = self.from.day() == 1 && self.to == self.to.last_of_month();
        let years = i32::from(self.to.year()) - i32::from(self.from.year());
        let months = years * 12 + i32::from(self.to.month()) - i32::from(self.from.month()) + 1;
        whole.then_some(months)
    }

    /// The one right before it: as many months if it is of whole ones, else as many days.
    pub fn previous(self) -> Self {
        let to = self.from.saturating_sub(1.day());
        let from = match self.months() {
            Some(months) => self.from.saturating_sub(months.months()),
            None => self.from.saturating_sub(self.days().days()),
        };
        Self { from, to }
    }

    /// The same days a year before; of whole months the same months; for 29 February the 28th.
    pub fn year_before(self) -> Self {
        let from = self.from.saturating_sub(1.year());
        let to = self.to.saturating_sub(1.year());
        let to = match self.months() {
            Some(_) => to.last_of_month(),
            None => to,
        };
        Self { from, to }
    }

    /// What it is called.
    pub fn shape(self) -> Shape {
        let month = self.from.month().unsigned_abs();
        match self.months() {
            Some(1) => Shape::Month,
            Some(3) if month % 3 == 1 => Shape::Quarter(month / 3 + 1),
            Some(6) if month % 6 == 1 => Shape::Half(month / 6 + 1),
            Some(12) if month == 1 => Shape::Year,
            _ if self.from == self.to => Shape::Day,
            _ => Shape::Days,
        }
    }
}

/// The first and last day of a day, a month or a year.
fn span(text: &str) -> Result<(Date, Date), PeriodError> {
    let text = text.trim();
    let form = || PeriodError::Form(text.to_owned());
    let numbers: Option<Vec<i16>> = text
        .split('-')
        .map(|part| match part.bytes().all(|one| one.is_ascii_digit()) {
            true => part.parse().ok(),
            false => None,
        })
        .collect();
    match *numbers.ok_or_else(form)?.as_slice() {
        [year] if text.len() == 4 => Ok((date(year, 1, 1), date(year, 12, 31))),
        [year, month] if text.len() == 7 => {
            let month = i8::try_from(month).map_err(|_| form())?;
            let first = Date::new(year, month, 1).map_err(|_| form())?;
            Ok((first, first.last_of_month()))
        }
        [year, month, day] if text.len() == 10 => {
            let month = i8::try_from(month).map_err(|_| form())?;
            let first = Date::new(year, month, 1).map_err(|_| form())?;
            let day = i8::try_from(day)
                .ok()
                .and_then(|day| Date::new(year, month, day).ok());
            let day = day.ok_or_else(|| PeriodError::NoSuchDay {
                text: text.to_owned(),
                days: first.days_in_month(),
            })?;
            Ok((day, day))
        }
        _ => Err(form()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(from: &str, to: &str) -> Period {
        Period::read(from, Some(to)).unwrap()
    }

    #[test]
    fn days_months_and_years_can_be_written() {
        for (from, to, first, last) in [
            ("2021-06", None, "2021-06-01", "2021-06-30"),
            ("2021-06-05", None, "2021-06-05", "2021-06-05"),
            ("2024", None, "2024-01-01", "2024-12-31"),
            ("2021-01", Some("2021-06"), "2021-01-01", "2021-06-30"),
            ("2024-02", None, "2024-02-01", "2024-02-29"),
            ("2012", Some("2021"), "2012-01-01", "2021-12-31"),
        ] {
            let period = Period::read(from, to).unwrap();
            let days = (period.from.to_string(), period.to.to_string());
            assert_eq!(days, (first.to_owned(), last.to_owned()));
        }
    }

    #[test]
    fn what_is_no_period_is_told_with_the_way_out() {
        for (from, to, told) in [
            ("june", None, "write 2021-06-01"),
            ("2021-6", None, "write 2021-06-01"),
            ("2021-13", None, "write 2021-06-01"),
            ("2021-06-01T00:00", None, "write 2021-06-01"),
            ("2021-02-29", None, "that month has 28 days"),
            ("2021-06-31", None, "that month has 30 days"),
            ("2021-06", Some("2021-05"), "swap --from and --to"),
            ("1021-06", Some("2021-05"), "out of the years 1900 to 2200"),
            ("1920-06", Some("2021-05"), "more than 100 years"),
        ] {
            let fault = Period::read(from, to).unwrap_err().to_string();
            assert!(fault.contains(told), "{from}: {fault}");
        }
    }

    #[test]
    fn it_is_compared_with_the_time_before_and_the_same_time_a_year_before() {
        for (from, to, previous, year_before) in [
            (
                "2021-06-01",
                "2021-06-30",
                "2021-05-01 2021-05-31",
                "2020-06-01 2020-06-30",
            ),
            (
                "2021-01-01",
                "2021-06-30",
                "2020-07-01 2020-12-31",
                "2020-01-01 2020-06-30",
            ),
            (
                "2024-02-01",
                "2024-02-29",
                "2024-01-01 2024-01-31",
                "2023-02-01 2023-02-28",
            ),
            (
                "2025-02-01",
                "2025-02-28",
                "2025-01-01 2025-01-31",
                "2024-02-01 2024-02-29",
            ),
            (
                "2024-02-29",
                "2024-02-29",
                "2024-02-28 2024-02-28",
                "2023-02-28 2023-02-28",
            ),
            (
                "2021-06-10",
                "2021-06-19",
                "2021-05-31 2021-06-09",
                "2020-06-10 2020-06-19",
            ),
        ] {
            let period = read(from, to);
            let told = |one: Period| format!("{} {}", one.from, one.to);
            assert_eq!(told(period.previous()), previous);
            assert_eq!(told(period.year_before()), year_before);
        }
    }

    #[test]
    fn its_edges_are_midnights_in_baku() {
        let wall = |text: &str| Wall(text.parse::<Timestamp>().unwrap().as_microsecond());
        let (start, end) = read("2021-06-01", "2021-06-30").bounds();
        assert_eq!(start, wall("2021-05-31T20:00:00Z"));
        assert_eq!(end, wall("2021-06-30T20:00:00Z"));
        let zone = baku();
        assert_eq!(day_of(start, &zone).to_string(), "2021-06-01");
        assert_eq!(day_of(Wall(start.0 - 1), &zone).to_string(), "2021-05-31");
        // Baku had summer time until 2015.
        let (start, _) = read("2014-06-01", "2014-06-30").bounds();
        assert_eq!(start, wall("2014-05-31T19:00:00Z"));
    }

    #[test]
    fn it_is_called_by_what_it_is() {
        for (from, to, shape) in [
            ("2021-06", "2021-06", Shape::Month),
            ("2021-01", "2021-06", Shape::Half(1)),
            ("2021-07", "2021-12", Shape::Half(2)),
            ("2021-04", "2021-06", Shape::Quarter(2)),
            ("2021-05", "2021-07", Shape::Days),
            ("2021", "2021", Shape::Year),
            ("2021-06-01", "2021-06-01", Shape::Day),
            ("2012", "2021", Shape::Days),
        ] {
            assert_eq!(read(from, to).shape(), shape, "{from} to {to}");
        }
        assert_eq!(read("2012", "2021").months(), Some(120));
        assert_eq!(read("2024-02", "2024-02").each_day().count(), 29);
    }
}
