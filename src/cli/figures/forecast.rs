//! `qaynar forecast`: operators for the calls to come, out of those that came.

use std::io::Write;
use std::time::Duration;

use serde::Serialize;

use super::super::CliError;
use super::super::calls::{between, zone_of};
use super::arguments::Forecast as Asked;
use super::text::{WEEKDAYS, length, words};
use super::{Time, columns, json};
use crate::config::Settings;
use crate::report::figures::{Calendar, Hour, Shifts, Tally};
use crate::report::staffing::{self, Forecast, HourForecast, Met, Range, Service, WhatIf, what_if};
use crate::server::clock::Clock;
use crate::store::calls::state_log;

/// What must be known to read the numbers.
const NOTES: [&str; 4] = [
    "calls are all who wanted somebody, also while the helpline was closed or nobody was on shift",
    "the band holds the mean number of calls with 95 % probability (a gamma interval of the Poisson count); operators \
     are told for its ends too",
    "Erlang C: callers wait however long it takes. Erlang A: they give up after their patience, here all waits ÷ all who \
     gave up. Both take calls as random at a steady rate within the hour",
    "a helpline has at least one operator, whatever the formula says; nights, breaks and illness come on top",
];

/// Does it.
///
/// # Errors
/// A moment that is none, records that cannot be read, or nothing to learn from.
pub(in super::super) fn run(
    asked: &Asked,
    settings: &Settings,
    out: &mut dyn Write,
) -> Result<(), CliError> {
    let zone = zone_of(&settings.dialplans.folder);
    let (from, to) = between(&asked.from, &asked.to, &zone)?;
    let time = Time::new(from, to, zone)?;
    let target = asked.target.unwrap_or(settings.report.figures.target);
    let (found, learnt) = learn(settings, &time, target)?;
    let ifs: Vec<WhatIf> = asked
        .on_shift
        .iter()
        .map(|operators| what_if(&found, *operators))
        .collect();
    match asked.json {
        true => json(out, &Shown::of(&found, &ifs)),
        false => text(out, &found, &learnt, &ifs),
    }
}

/// Learns from whole days: from that of the first call to that of the last, or to the end that was asked for.
fn learn(
    settings: &Settings,
    time: &Time,
    target: crate::report::figures::Target,
) -> Result<(Forecast, Time), CliError> {
    let calls = super::calls(settings, time);
    let basis = calls.basis()?;
    let (mut tally, mut first, mut last) = (Tally::new(&basis), None, None);
    calls.each(|record| {
        first.get_or_insert(record.arrived);
        last = Some(record.arrived);
        tally.add(&record);
    })?;
    let now = Clock::start().now().wall;
    let calendar = Calendar::new(time.zone.clone());
    let begin = first.map(|first| calendar.start_of_day(first));
    let end = last.map(|last| calendar.end_of_day(last));
    let from = begin.max(time.from).unwrap_or(now);
    let to = time.to.or(end).unwrap_or(now).min(now).max(from);
    let mut shifts = Shifts::new(from, to);
    let (database, journal) = (&settings.storage.database, settings.storage.journal());
    for row in state_log(database, &journal, from, to)? {
        shifts.add(&row.operator, row.state, row.at);
    }
    let figures = tally.finish(shifts.finish());
    let found = staffing::forecast(&figures, &calendar, from, to, target);
    let found = found.map_err(|fault| CliError::Arguments(fault.to_string()))?;
    let learnt = Time {
        from: Some(from),
        to: Some(to),
        zone: time.zone.clone(),
    };
    Ok((found, learnt))
}

fn text(
    out: &mut dyn Write,
    found: &Forecast,
    learnt: &Time,
    ifs: &[WhatIf],
) -> Result<(), CliError> {
    writeln!(
        out,
        "Operators so that {} % are answered within {}, by the calls {}",
        found.target.percent,
        length(found.target.within),
        words(learnt)
    )?;
    let patience = match found.patience {
        Some(patience) => format!(
            "{} gave up: patience {} in the mean",
            found.gave_up,
            length(patience)
        ),
        None => "nobody gave up: patience is not known, and Erlang A is left out".to_owned(),
    };
    writeln!(
        out,
        "{} calls, {:.1} a day; one takes {} (mean of {} handled); {patience}",
        found.calls,
        found.a_day(),
        length(found.handling),
        found.handled
    )?;
    if found.is_little_data() {
        writeln!(
            out,
            "This is little data: {:.1} calls for each hour of the week. Trust the bands in brackets, not the numbers \
             before them.",
            found.calls as f64 / (7.0 * 24.0)
        )?;
    }
    writeln!(out, "\nBy Erlang C")?;
    week(out, found, |hour| Some(hour.needed.erlang_c))?;
    if found.patience.is_some() {
        writeln!(out, "\nBy Erlang A")?;
        week(out, found, |hour| hour.needed.erlang_a)?;
    }
    writeln!(out)?;
    for one in ifs {
        tell_if(out, one)?;
    }
    writeln!(out)?;
    for note in NOTES {
        writeln!(out, "- {note}")?;
    }
    Ok(())
}

/// Hours from top to bottom, days from left to right.
fn week(
    out: &mut dyn Write,
    found: &Forecast,
    of: impl Fn(&HourForecast) -> Option<Range<Option<u32>>>,
) -> Result<(), CliError> {
    let heads = WEEKDAYS.map(str::to_owned);
    let mut rows = vec![
        std::iter::once("Hour".to_owned())
            .chain(heads)
            .collect::<Vec<_>>(),
    ];
    for hour in 0..24 {
        let cells = (0..7).map(|weekday| {
            let there = found.hours.get(Hour { weekday, hour });
            let needed = there.and_then(Option::as_ref).and_then(&of);
            needed.map_or("–".to_owned(), band)
        });
        rows.push(std::iter::once(format!("{hour:02}")).chain(cells).collect());
    }
    Ok(columns::print(out, &rows)?)
}

fn band(needed: Range<Option<u32>>) -> String {
    let number = |number: Option<u32>| match number {
        Some(number) => number.to_string(),
        None => "over a million".to_owned(),
    };
    let (low, mean, high) = (number(needed.low), number(needed.mean), number(needed.high));
    match low == high {
        true => mean,
        false => format!("{mean} ({low}–{high})"),
    }
}

fn tell_if(out: &mut dyn Write, one: &WhatIf) -> Result<(), CliError> {
    let are = if one.operators == 1 { "is" } else { "are" };
    writeln!(out, "If {} {are} on shift all week:", one.operators)?;
    let met = |met: &Met| {
        let gives_up = match met.gives_up > 0.0 {
            true => format!(", {:.1} % give up", met.gives_up * 100.0),
            false => String::new(),
        };
        format!(
            "{:.1} % served in time{gives_up}, mean wait {}",
            met.within * 100.0,
            length(met.mean_wait)
        )
    };
    let too_few = "too few in some hour: the line would grow without end";
    let by_c = one.erlang_c.as_ref().map_or(too_few.to_owned(), met);
    writeln!(out, "  Erlang C: {by_c}")?;
    if let Some(by_a) = &one.erlang_a {
        writeln!(out, "  Erlang A: {}", met(by_a))?;
    }
    let Some(busiest) = &one.busiest else {
        return Ok(());
    };
    let day = WEEKDAYS
        .get(busiest.hour.weekday)
        .copied()
        .unwrap_or_default();
    let service = busiest.erlang_a.or(busiest.erlang_c);
    let told = service.map_or(too_few.to_owned(), |service| {
        format!(
            "{:.1} % have to wait, {:.1} % served in time",
            service.waits * 100.0,
            service.within * 100.0
        )
    });
    Ok(writeln!(
        out,
        "  in the busiest hour ({day} from {:02}:00): {told}",
        busiest.hour.hour
    )?)
}

/// As JSON: times in seconds, shares of 1. The names are stable.
#[derive(Serialize)]
struct Shown {
    target: String,
    calls: u64,
    days: f64,
    calls_a_day: f64,
    is_little_data: bool,
    handling: f64,
    handled: u64,
    patience: Option<f64>,
    gave_up: u64,
    hours: Vec<ShownHour>,
    what_if: Vec<ShownIf>,
    notes: [&'static str; 4],
}

#[derive(Serialize)]
struct ShownHour {
    /// 1 is Monday.
    weekday: usize,
    hour: usize,
    calls: u64,
    hours_seen: f64,
    per_hour: Band<f64>,
    erlang_c: Band<Option<u32>>,
    erlang_a: Option<Band<Option<u32>>>,
}

#[derive(Serialize)]
struct Band<T> {
    low: T,
    mean: T,
    high: T,
}

impl<T> From<Range<T>> for Band<T> {
    fn from(range: Range<T>) -> Self {
        let Range { low, mean, high } = range;
        Self { low, mean, high }
    }
}

#[derive(Serialize)]
struct ShownIf {
    operators: u32,
    erlang_c: Option<ShownMet>,
    erlang_a: Option<ShownMet>,
    busiest: Option<ShownBusiest>,
}

#[derive(Serialize)]
struct ShownMet {
    within: f64,
    gives_up: f64,
    mean_wait: f64,
}

#[derive(Serialize)]
struct ShownBusiest {
    weekday: usize,
    hour: usize,
    erlang_c: Option<ShownService>,
    erlang_a: Option<ShownService>,
}

#[derive(Serialize)]
struct ShownService {
    waits: f64,
    within: f64,
    gives_up: f64,
    mean_wait: f64,
    occupancy: f64,
}

impl Shown {
    fn of(found: &Forecast, ifs: &[WhatIf]) -> Self {
        let hours = found.hours().map(|one| ShownHour {
            weekday: one.hour.weekday + 1,
            hour: one.hour.hour,
            calls: one.calls,
            hours_seen: one.seen,
            per_hour: one.per_hour.into(),
            erlang_c: one.needed.erlang_c.into(),
            erlang_a: one.needed.erlang_a.map(Band::from),
        });
        Self {
            target: found.target.to_string(),
            calls: found.calls,
            days: found.days,
            calls_a_day: found.a_day(),
            is_little_data: found.is_little_data(),
            handling: found.handling.as_secs_f64(),
            handled: found.handled,
            patience: found.patience.as_ref().map(Duration::as_secs_f64),
            gave_up: found.gave_up,
            hours: hours.collect(),
            what_if: ifs.iter().map(shown_if).collect(),
            notes: NOTES,
        }
    }
}

fn shown_if(one: &WhatIf) -> ShownIf {
    let met = |met: Met| ShownMet {
        within: met.within,
        gives_up: met.gives_up,
        mean_wait: met.mean_wait.as_secs_f64(),
    };
    let service = |service: Service| ShownService {
        waits: service.waits,
        within: service.within,
        gives_up: service.gives_up,
        mean_wait: service.mean_wait.as_secs_f64(),
        occupancy: service.occupancy,
    };
    ShownIf {
        operators: one.operators,
        erlang_c: one.erlang_c.map(met),
        erlang_a: one.erlang_a.map(met),
        busiest: one.busiest.map(|busiest| ShownBusiest {
            weekday: busiest.hour.weekday + 1,
            hour: busiest.hour.hour,
            erlang_c: busiest.erlang_c.map(service),
            erlang_a: busiest.erlang_a.map(service),
        }),
    }
}
