//! Figures for people.

use std::io::{self, Write};
use std::time::Duration;

use jiff::Timestamp;

use super::{Time, columns};
use crate::report::figures::{CallFigures, Counts, Scope, Shift, Value, WAIT_BANDS, definitions};
use crate::time::Wall;

/// The days of the week, from Monday.
pub(super) const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// What is told of each queue and trunk.
const OF_PARTS: [&str; 9] = [
    "offered",
    "answered",
    "abandoned",
    "short_abandoned",
    "abandonment_rate",
    "service_level",
    "asa",
    "longest_wait",
    "talk",
];

/// Prints all of them.
pub(super) fn print(out: &mut dyn Write, figures: &CallFigures, time: &Time) -> io::Result<()> {
    writeln!(out, "Calls {}\n", words(time))?;
    let rows = definitions().iter().map(|one| {
        let name = match one.key {
            key if key.starts_with("service_level") => {
                format!("{} {}", one.name, figures.rules.target)
            }
            _ => one.name.to_owned(),
        };
        vec![name, value(one.whole(figures))]
    });
    columns::print(out, &rows.collect::<Vec<_>>())?;
    if let Some(peak) = figures.peak {
        writeln!(out, "most calls at once first: {}", moment(peak.at, time))?;
    }
    parts(
        out,
        "Queue",
        figures.queues.iter().map(|(name, of)| (name.as_str(), of)),
    )?;
    parts(
        out,
        "Trunk",
        figures.trunks.iter().map(|(name, of)| (name.as_str(), of)),
    )?;
    operators(out, figures)?;
    hours(out, figures)?;
    waits(out, figures)?;
    writeln!(out, "\nWhat they mean")?;
    for one in definitions() {
        writeln!(out, "- {}: {}", one.name, one.formula(&figures.rules))?;
    }
    writeln!(
        out,
        "- calls are told by queue, trunk and operator that had them last; operators' times by their states"
    )
}

fn parts<'a>(
    out: &mut dyn Write,
    head: &str,
    parts: impl Iterator<Item = (&'a str, &'a Counts)>,
) -> io::Result<()> {
    let chosen = || {
        let parts = definitions().iter().filter(|one| one.scope == Scope::Parts);
        parts.filter(|one| OF_PARTS.contains(&one.key))
    };
    let heads = chosen().map(|one| one.name.to_owned());
    let mut rows = vec![std::iter::once(head.to_owned()).chain(heads).collect()];
    for (name, counts) in parts {
        let cells = chosen().filter_map(|one| one.part(counts)).map(value);
        rows.push(std::iter::once(name.to_owned()).chain(cells).collect());
    }
    table(out, &rows)
}

fn operators(out: &mut dyn Write, figures: &CallFigures) -> io::Result<()> {
    let heads = [
        "Operator",
        "handled",
        "outside",
        "handling",
        "occupancy",
        "talk",
        "hold",
        "wrap-up",
        "available",
        "breaks",
        "no phone",
    ];
    let mut rows = vec![heads.map(str::to_owned).to_vec()];
    for one in &figures.operators {
        let spent = |of: fn(&Shift) -> Duration| value(Value::Time(one.shift.as_ref().map(of)));
        rows.push(vec![
            one.operator.to_string(),
            one.handled.to_string(),
            one.outside.to_string(),
            value(Value::Time(one.aht())),
            value(Value::Share(one.shift.and_then(|shift| shift.occupancy()))),
            spent(|shift| shift.talk),
            spent(|shift| shift.hold),
            spent(|shift| shift.wrap_up),
            spent(|shift| shift.available),
            spent(|shift| shift.paused),
            spent(|shift| shift.unreachable),
        ]);
    }
    table(out, &rows)
}

/// A table with something below its heads.
fn table(out: &mut dyn Write, rows: &[Vec<String>]) -> io::Result<()> {
    match rows.len() {
        0 | 1 => Ok(()),
        _ => {
            writeln!(out)?;
            columns::print(out, rows)
        }
    }
}

fn hours(out: &mut dyn Write, figures: &CallFigures) -> io::Result<()> {
    writeln!(out, "\nOffered calls by weekday and hour")?;
    let heads = (0..24).map(|hour| format!("{hour:02}"));
    let mut rows = vec![std::iter::once(String::new()).chain(heads).collect()];
    for (name, day) in WEEKDAYS.iter().zip(&figures.hours.0) {
        let cells = day.iter().map(|hour| match hour.offered {
            0 => "·".to_owned(),
            count => count.to_string(),
        });
        rows.push(std::iter::once((*name).to_owned()).chain(cells).collect());
    }
    columns::print(out, &rows)
}

fn waits(out: &mut dyn Write, figures: &CallFigures) -> io::Result<()> {
    let heads = ["Wait", "answered", "gave up"];
    let mut rows = vec![heads.map(str::to_owned).to_vec()];
    for (place, band) in figures.waits.iter().enumerate() {
        let name = match (WAIT_BANDS.get(place), WAIT_BANDS.get(place + 1)) {
            (Some(from), Some(to)) => format!("from {from} to {to} s"),
            (from, _) => format!("from {} s", from.copied().unwrap_or_default()),
        };
        rows.push(vec![
            name,
            band.answered.to_string(),
            band.gave_up.to_string(),
        ]);
    }
    table(out, &rows)
}

/// A value as it is read.
pub(super) fn value(value: Value) -> String {
    match value {
        Value::Count(count) => count.to_string(),
        Value::Share(Some(share)) => format!("{:.1} %", share * 100.0),
        Value::Time(Some(time)) => length(time),
        Value::Share(None) | Value::Time(None) => "–".to_owned(),
    }
}

/// A time: 7.8 s, 3:05, 2:10:00.
pub(super) fn length(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => format!("{:.1} s", time.as_secs_f64()),
        60..3_600 => format!("{}:{:02}", seconds / 60, seconds % 60),
        _ => format!(
            "{}:{:02}:{:02}",
            seconds / 3_600,
            seconds / 60 % 60,
            seconds % 60
        ),
    }
}

/// From when until when.
pub(super) fn words(time: &Time) -> String {
    match (time.from, time.to) {
        (None, None) => "of all the time on record".to_owned(),
        (Some(from), None) => format!("from {} on", moment(from, time)),
        (None, Some(to)) => format!("before {}", moment(to, time)),
        (Some(from), Some(to)) => format!("from {} to {}", moment(from, time), moment(to, time)),
    }
}

fn moment(at: Wall, time: &Time) -> String {
    let stamp = Timestamp::from_microsecond(at.0).unwrap_or_default();
    let local = stamp.to_zoned_datetime(time.zone.clone());
    local.strftime("%Y-%m-%d %H:%M").to_string()
}
