//! `qaynar calls`: the records as a table, JSON or CSV.
//!
//! Works beside a running server and without one, and shows also what the journal holds alone.

use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::args::{Calls, Form};
use super::{CliError, timeline};
use crate::config::Settings;
use crate::store::calls::calls;
use crate::time::Wall;
use crate::web::shown::Call as Line;
pub(super) use crate::web::shown::rfc3339;

/// The zone of dialplans that name none.
const ZONE: &str = "Asia/Baku";

/// Does it.
///
/// # Errors
/// A moment that is none, or records that cannot be read.
pub fn run(arguments: &Calls, settings: &Settings, out: &mut dyn Write) -> Result<(), CliError> {
    let zone = zone_of(&settings.dialplans.folder);
    if let Some(call) = arguments.call {
        return timeline::run(call, arguments, settings, &zone, out);
    }
    let (from, to) = between(&arguments.from, &arguments.to, &zone)?;
    let limit = if arguments.operator.is_some() {
        usize::MAX
    } else {
        arguments.limit
    };
    let mut records = calls(
        &settings.storage.database,
        &settings.storage.journal(),
        from,
        to,
        limit,
    )?;
    if let Some(operator) = &arguments.operator {
        records.retain(|record| record.operator.as_ref() == Some(operator));
        records.drain(..records.len().saturating_sub(arguments.limit));
    }
    let rows: Vec<Line> = records
        .iter()
        .map(|record| Line::new(record, &zone))
        .collect();
    match (arguments.format, arguments.json) {
        (Form::Json, _) | (_, true) => json(out, &rows)?,
        (Form::Csv, false) => csv(out, &rows)?,
        (Form::Text, false) => {
            table(out, &rows, &zone)?;
            let waiting = super::recordings::waiting(settings)?;
            if waiting > 0 {
                writeln!(
                    out,
                    "{waiting} messages wait to be handled; `qaynar voicemail list` lists them"
                )?;
            }
        }
    }
    Ok(())
}

/// The moments of `--from` and `--to`.
pub(super) fn between(
    from: &Option<String>,
    to: &Option<String>,
    zone: &TimeZone,
) -> Result<(Option<Wall>, Option<Wall>), CliError> {
    let read = |option: &str, text: &Option<String>, end: bool| match text {
        None => Ok(None),
        Some(text) => moment(text, zone, end).map(Some).ok_or_else(|| {
            CliError::Arguments(format!(
                "{option} {text:?} is no moment; write 2026-11-23, 2026-11-23T03:00 or \
                 2026-11-23T03:00+04:00"
            ))
        }),
    };
    Ok((read("--from", from, false)?, read("--to", to, true)?))
}

/// The time zone that the dialplans of a folder name. Found also where they have mistakes: records must
/// be readable then too.
pub(super) fn zone_of(folder: &Path) -> TimeZone {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let toml = files.filter(|file| {
        file.path()
            .extension()
            .is_some_and(|ending| ending == "toml")
    });
    let named = toml.filter_map(|file| {
        let text = std::fs::read_to_string(file.path()).ok()?;
        let table: toml::Table = text.parse().ok()?;
        TimeZone::get(table.get("time_zone")?.as_str()?).ok()
    });
    named
        .last()
        .or_else(|| TimeZone::get(ZONE).ok())
        .unwrap_or(TimeZone::UTC)
}

/// A moment as it is typed. A day alone begins at its first moment; as an end, at the first of the next.
fn moment(text: &str, zone: &TimeZone, end: bool) -> Option<Wall> {
    let text = text.trim();
    let wall = |moment: Timestamp| Wall(moment.as_microsecond());
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Some(wall(moment));
    }
    let mut local: DateTime = text.parse().ok()?;
    if end && text.len() <= "2026-11-23".len() && text.parse::<Date>().is_ok() {
        local = local.checked_add(1.day()).ok()?;
    }
    Some(wall(
        zone.to_ambiguous_zoned_datetime(local)
            .compatible()
            .ok()?
            .timestamp(),
    ))
}

fn json(out: &mut dyn Write, rows: &[Line]) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, rows)?;
    writeln!(out)
}

/// RFC 4180, but with plain line ends. The columns are the keys of the JSON form; figures of media are spread
/// over columns of their own.
fn csv(out: &mut dyn Write, rows: &[Line]) -> io::Result<()> {
    const COLUMNS: [&str; 20] = [
        "call",
        "caller",
        "dialled",
        "trunk",
        "queue",
        "operator",
        "language",
        "arrived",
        "answered",
        "queued",
        "rung",
        "connected",
        "ended",
        "ended_by",
        "cause",
        "waited",
        "talked",
        "lasted",
        "plan",
        "direction",
    ];
    const FIGURES: [&str; 7] = [
        "received",
        "sent",
        "lost_per_10k",
        "remote_lost_per_10k",
        "jitter_ms",
        "round_trip_ms",
        "absent_ms",
    ];
    let mut header: Vec<String> = COLUMNS.iter().map(ToString::to_string).collect();
    for side in ["caller", "operator"] {
        header.extend(FIGURES.iter().map(|figure| format!("{side}_{figure}")));
    }
    writeln!(out, "{}", header.join(","))?;
    for row in rows {
        let row = serde_json::to_value(row)?;
        let mut cells: Vec<String> = COLUMNS.iter().map(|column| cell(&row[*column])).collect();
        for side in ["caller_quality", "operator_quality"] {
            cells.extend(FIGURES.iter().map(|figure| cell(&row[side][*figure])));
        }
        writeln!(out, "{}", cells.join(","))?;
    }
    Ok(())
}

fn cell(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::Null => String::new(),
        serde_json::Value::String(text) => escaped(text),
        other => other.to_string(),
    }
}

/// What a spreadsheet would take for a formula is made a text: dialled numbers come from outside.
pub(super) fn harmless(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']) && !is_number(text);
    if formula {
        format!("'{text}")
    } else {
        text.to_owned()
    }
}

/// Quotes what needs it, and makes it [`harmless`].
pub(super) fn escaped(text: &str) -> String {
    let text = harmless(text);
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit())
}

fn table(out: &mut dyn Write, rows: &[Line], zone: &TimeZone) -> io::Result<()> {
    if rows.is_empty() {
        return writeln!(out, "no calls");
    }
    let header = [
        "arrived", "call", "caller", "dialled", "queue", "operator", "waited", "talked", "end",
    ];
    let mut lines: Vec<[String; 9]> = vec![header.map(str::to_owned)];
    let text = |value: Option<&str>| value.unwrap_or("–").to_owned();
    for row in rows {
        let end = match (&row.cause, &row.ended_by) {
            (Some(cause), Some(by)) => format!("{} ({by})", cause.replace('_', " ")),
            _ => "in progress".into(),
        };
        lines.push([
            row.arrived.get(..19).unwrap_or_default().replace('T', " "),
            row.call.clone(),
            text(row.caller.as_deref()),
            match row.direction.as_str() {
                "out" => format!("→ {}", row.dialled),
                _ => row.dialled.to_owned(),
            },
            text(row.queue.as_deref()),
            text(row.operator.as_deref()),
            clock(row.waited),
            clock(row.talked),
            end,
        ]);
    }
    let widths: Vec<usize> = (0..header.len())
        .map(|column| {
            lines
                .iter()
                .filter_map(|line| line.get(column))
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or(0)
        })
        .collect();
    for line in &lines {
        let cells: Vec<String> = line
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{}{}", cell, " ".repeat(width - cell.chars().count())))
            .collect();
        writeln!(out, "{}", cells.join("  ").trim_end())?;
    }
    let name = zone.iana_name().unwrap_or("UTC");
    writeln!(out, "{} calls; moments in {name}", rows.len())
}

/// Minutes and seconds.
fn clock(seconds: Option<f64>) -> String {
    seconds.map_or("–".into(), |seconds| {
        let seconds = Duration::from_secs_f64(seconds.max(0.0)).as_secs();
        format!("{}:{:02}", seconds / 60, seconds % 60)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Entry;
    use crate::records::build::samples::call;
    use crate::store::health::Health;
    use crate::store::journal::{Journal, Settings as JournalSettings};

    fn baku() -> TimeZone {
        TimeZone::get(ZONE).unwrap()
    }

    fn printed(settings: &Settings, form: Form, from: Option<&str>, to: Option<&str>) -> String {
        let arguments = Calls {
            from: from.map(str::to_owned),
            to: to.map(str::to_owned),
            limit: 100,
            call: None,
            operator: None,
            format: form,
            json: false,
        };
        let mut out = Vec::new();
        run(&arguments, settings, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    /// Two calls, at 03:00 and 23:59:30 of a day in Baku, in the journal alone.
    fn two_calls() -> (tempfile::TempDir, Settings) {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings::defaults(folder.path());
        let journal = JournalSettings {
            reserve: 0,
            ..JournalSettings::in_folder(&settings.storage.journal())
        };
        let (journal, _) = Journal::open(journal, 0, Health::logged()).unwrap();
        for (id, at) in [(1, "2026-11-23T03:00"), (2, "2026-11-23T23:59:30")] {
            let start = moment(at, &baku(), false).unwrap().0 / 1_000_000;
            let entries: Vec<Entry> = call(id, start).into_iter().map(Entry::Event).collect();
            journal.append(&entries);
        }
        (folder, settings)
    }

    #[test]
    fn a_table_is_read_by_people() {
        let (_folder, settings) = two_calls();
        let text = printed(&settings, Form::Text, None, None);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with("arrived"), "{text}");
        assert!(
            lines[1].starts_with("2026-11-23 03:00:00  0000000000001  C-A1"),
            "{text}"
        );
        assert!(
            lines[1].ends_with("0:10    1:00    hung up (caller)"),
            "{text}"
        );
        assert_eq!(lines[3], "2 calls; moments in Asia/Baku");
    }

    #[test]
    fn a_day_is_meant_with_its_whole_length_in_the_zone_of_the_dialplan() {
        let (folder, settings) = two_calls();
        let count = |from, to| printed(&settings, Form::Csv, from, to).lines().count() - 1;
        assert_eq!(count(Some("2026-11-23"), Some("2026-11-23")), 2);
        assert_eq!(count(Some("2026-11-24"), None), 0);
        assert_eq!(count(None, Some("2026-11-23T03:00")), 0);
        assert_eq!(
            count(Some("2026-11-22T23:00:00Z"), Some("2026-11-22T23:00:01Z")),
            1
        );
        let plans = folder.path().join("dialplans");
        std::fs::create_dir(&plans).unwrap();
        std::fs::write(
            plans.join("main.toml"),
            "time_zone = \"UTC\"\nnonsense = 1\n",
        )
        .unwrap();
        assert_eq!(count(Some("2026-11-23"), None), 1);
    }

    #[test]
    fn json_and_csv_carry_the_same_figures() {
        let (_folder, settings) = two_calls();
        let rows: serde_json::Value =
            serde_json::from_str(&printed(&settings, Form::Json, None, None)).unwrap();
        assert_eq!(rows[0]["arrived"], "2026-11-23T03:00:00.000+04:00");
        assert_eq!(
            (&rows[0]["waited"], &rows[0]["talked"]),
            (&10.0.into(), &60.0.into())
        );
        assert_eq!(rows[0]["operator_quality"]["received"], 3_000);
        let text = printed(&settings, Form::Csv, None, None);
        let (header, first) = (text.lines().next().unwrap(), text.lines().nth(1).unwrap());
        let columns: Vec<(&str, &str)> = header.split(',').zip(first.split(',')).collect();
        assert_eq!(header.split(',').count(), first.split(',').count());
        assert!(columns.contains(&("talked", "60.0")));
        assert!(columns.contains(&("operator_received", "3000")));
        assert!(columns.contains(&("cause", "hung_up")));
    }

    #[test]
    fn cells_from_outside_break_neither_the_csv_nor_a_spreadsheet() {
        assert_eq!(escaped("a,\"b\""), "\"a,\"\"b\"\"\"");
        assert_eq!(escaped("=cmd()"), "'=cmd()");
        assert_eq!(escaped("+994501234567"), "+994501234567");
    }

    #[test]
    fn a_moment_that_is_none_is_told_with_ones_that_are() {
        let (_folder, settings) = two_calls();
        let arguments = Calls {
            from: Some("yesterday".into()),
            to: None,
            limit: 1,
            call: None,
            operator: None,
            format: Form::Text,
            json: false,
        };
        let told = run(&arguments, &settings, &mut Vec::new())
            .unwrap_err()
            .to_string();
        assert!(
            told.contains("--from \"yesterday\"") && told.contains("2026-11-23T03:00"),
            "{told}"
        );
    }
}
