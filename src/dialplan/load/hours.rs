//! `[hours.NAME]`: when somebody is there.

use std::ops::Range;

use jiff::civil::Date;
use serde_spanned::Spanned;
use toml::de::DeValue;

use super::super::hours::{DAY, Days, Exception, Hours, Minute, Span};
use super::super::read::Table;
use super::Draft;
use crate::ids::HoursName;

impl Draft {
    pub(super) fn read_hours(
        &mut self,
        all: &Table<'_, '_>,
        name: &str,
        span: Range<usize>,
        value: &Spanned<DeValue<'_>>,
    ) {
        let Some(table) = value.get_ref().as_table() else {
            let what = format!("hours {name} are no table");
            let remedy = "write [hours.NAME] with open = \"mon-fri 09:00-18:00\"";
            return all.source.fault(span, what, remedy);
        };
        let table = Table::new(all.source, span.clone(), format!("hours {name}"), table);
        if name.split_whitespace().count() != 1 || name == "not" {
            let what = format!("hours called {name:?} can be asked for by no condition");
            table.fault(what, "give them a name of one word: office");
        }
        let mut weekly = Vec::new();
        for (text, at) in table.texts("open").unwrap_or_default() {
            match read_weekly(&text) {
                Ok(one) => {
                    if let Some((days, other)) = weekly.iter().find(|other| overlaps(other, &one)) {
                        let what = format!("{text:?} overlaps with {days} {other}");
                        table.source.fault(at, what, "say each time of a day once");
                    }
                    weekly.push(one);
                }
                Err(what) => table.source.fault(at, what, WEEKLY),
            }
        }
        let closed_on_holidays = match table.text("holidays") {
            None => false,
            Some((word, at)) => {
                if word != "closed" && word != "open" {
                    let what = format!("{word:?} says nothing of public holidays");
                    let remedy = "write holidays = \"closed\", or \"open\"";
                    table.source.fault(at, what, remedy);
                }
                word == "closed"
            }
        };
        let hours = Hours {
            place: table.place(),
            weekly,
            closed_on_holidays,
            except: read_exceptions(&table, name),
        };
        if hours.weekly.is_empty() && hours.except.iter().all(|one| one.open.is_empty()) {
            let what = format!("hours {name} are never open");
            table.fault(what, WEEKLY);
        }
        table.finish();
        if self.hours.insert(HoursName::from(name), hours).is_some() {
            let what = format!("hours {name} are there twice");
            all.source
                .fault(span, what, "give one of them another name");
        }
    }
}

const WEEKLY: &str = "write open = [\"mon-fri 09:00-18:00\", \"sun 22:00-02:00\"]";

fn read_exceptions(table: &Table<'_, '_>, name: &str) -> Vec<Exception> {
    let what = format!("except of hours {name}");
    let mut exceptions: Vec<Exception> = Vec::new();
    for one in table.tables("except", &what) {
        let (on, from, until) = (date(&one, "on"), date(&one, "from"), date(&one, "until"));
        let days = match (on, from, until) {
            (Some(on), None, None) => Some((on, on)),
            (None, Some(from), Some(until)) => Some((from, until)),
            _ => {
                let remedy = "write on = \"2026-12-31\", or from and until";
                one.fault("the exception needs a day", remedy);
                None
            }
        };
        let mut open = Vec::new();
        for (text, at) in one.texts("open").unwrap_or_default() {
            match read_span(&text) {
                Some(span) => open.push(span),
                None => {
                    let what = format!("{text:?} is no time of a day");
                    one.source.fault(at, what, "write open = \"09:00-13:00\"");
                }
            }
        }
        if one.has("open") == (one.flag("closed") == Some(true)) {
            let remedy = "write open = \"09:00-13:00\", or closed = true";
            one.fault(
                "the exception says neither open nor closed, or both",
                remedy,
            );
        }
        if let Some((from, until)) = days {
            if from > until {
                let remedy = "correct from and until";
                one.fault("the exception ends before it begins", remedy);
            }
            if exceptions
                .iter()
                .any(|old| old.from <= until && from <= old.until)
            {
                let what = "a day of this exception has another one already";
                one.fault(what, "say each day once");
            }
            exceptions.push(Exception { from, until, open });
        }
        one.finish();
    }
    exceptions
}

/// A date, with or without quotes.
fn date(table: &Table<'_, '_>, key: &'static str) -> Option<Date> {
    let value = table.value(key)?;
    let text = match value.get_ref() {
        DeValue::Datetime(moment) => moment.to_string(),
        other => other.as_str().unwrap_or_default().to_owned(),
    };
    let date = text.parse().ok();
    // A longer text would be taken by its date alone.
    let date = date.filter(|_| text.len() == "2026-12-31".len());
    if date.is_none() {
        let what = format!("{key} is no day that a calendar has");
        table
            .source
            .fault(value.span(), what, "write \"2026-12-31\"");
    }
    date
}

/// `mon-fri 09:00-18:00`, `22:00-06:00` (each day), `mon-sun` (all day).
fn read_weekly(text: &str) -> Result<(Days, Span), String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let all_day = Span {
        from: 0,
        until: DAY,
    };
    let (days, span) = match words.split_last() {
        Some((last, days)) if last.contains(':') => {
            let fault = || format!("{last:?} is no time of a day");
            (days, read_span(last).ok_or_else(fault)?)
        }
        Some(_) => (words.as_slice(), all_day),
        None => return Err("the hours are empty".to_owned()),
    };
    let days = match days.is_empty() {
        true => "mon-sun".to_owned(),
        false => days.concat(),
    };
    let days = read_days(&days).map_err(|word| format!("{word:?} is no day of the week"))?;
    Ok((days, span))
}

/// `mon-fri`, `sat,sun`; an error: the word that is no day.
pub(super) fn read_days(text: &str) -> Result<Days, String> {
    let day = |name: &str| {
        let found = Days::NAMES.iter().position(|one| *one == name);
        found.ok_or_else(|| name.to_owned())
    };
    let mut days = Days::default();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (day(first)?, day(last)?);
        // From Saturday to Monday: over the end of the week.
        let length = (last + 7 - first) % 7;
        days = (first..=first + length).fold(days, Days::with);
    }
    Ok(days)
}

fn read_span(text: &str) -> Option<Span> {
    let (from, until) = text.split_once('-')?;
    let (from, until) = (minute(from)?, minute(until)?);
    (from != until && from < DAY).then_some(Span { from, until })
}

/// `09:00`, and `24:00` for the end of the day.
pub(super) fn minute(text: &str) -> Option<Minute> {
    let (hours, minutes) = text.split_once(':')?;
    if minutes.len() != 2 || !(1..=2).contains(&hours.len()) {
        return None;
    }
    let (hours, minutes): (Minute, Minute) = (hours.parse().ok()?, minutes.parse().ok()?);
    let read = hours.checked_mul(60)?.checked_add(minutes)?;
    (minutes < 60 && read <= DAY).then_some(read)
}

/// Whether two weekly times share a minute.
fn overlaps((days, span): &(Days, Span), (others, other): &(Days, Span)) -> bool {
    let parts = |days: Days, span: &Span| match span.until <= span.from {
        true => vec![(days, span.from, DAY), (days.next(), 0, span.until)],
        false => vec![(days, span.from, span.until)],
    };
    let (ours, theirs) = (parts(*days, span), parts(*others, other));
    ours.iter().any(|(days, from, until)| {
        theirs.iter().any(|(others, begin, end)| {
            !days.both(*others).is_empty() && from < end && begin < until
        })
    })
}
