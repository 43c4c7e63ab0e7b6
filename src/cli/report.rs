//! `qaynar report`: what is published of a period, and which records are behind a figure.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::CliError;
use crate::config::Settings;
use crate::report::account::Report;
use crate::report::document::Document;
use crate::report::figures::Key;
use crate::report::language::Language;
use crate::report::period::{Period, PeriodError, baku, day_of};
use crate::report::{compose, csv, html, json, pdf, text, xlsx};
use crate::server::clock::Clock;
use crate::store::figures::Calls;
use crate::store::report;
use crate::time::Wall;

/// `qaynar report`
#[derive(Debug, Args)]
pub struct Arguments {
    /// The first day, in Baku: 2021-06-01; of a whole month 2021-06, of a year 2021.
    #[arg(long, value_name = "DAY")]
    from: String,
    /// The last day, month or year; left out: that of --from.
    #[arg(long, value_name = "DAY")]
    to: Option<String>,
    /// In which language: az, ru or en.
    #[arg(long, default_value = "az", value_name = "LANGUAGE")]
    lang: Language,
    /// How it is written; left out: as the ending of --output says, else as text.
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// List the records behind a figure, as the JSON names it: topic.legal
    #[arg(long, value_name = "FIGURE")]
    ids: Option<String>,
    /// Write to this file.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For a terminal.
    Text,
    /// All figures by key, and the document.
    Json,
    /// A line for each cell.
    Csv,
    /// A page for a browser, and to be printed from there.
    Html,
    /// Pages for a printer.
    Pdf,
    /// A sheet for each section.
    Xlsx,
}

/// Does it.
///
/// # Errors
/// A period that is none, an unknown figure, the database, or the file.
pub(super) fn run(
    asked: &Arguments,
    settings: &Settings,
    out: &mut dyn Write,
) -> Result<(), CliError> {
    let period = Period::read(&asked.from, asked.to.as_deref());
    let period = period.map_err(|fault: PeriodError| CliError::Arguments(fault.to_string()))?;
    let now = Clock::start().now().wall;
    let format = format(asked)?;
    let made = match &asked.ids {
        Some(figure) => ids(figure, period, format, settings, now)?.into_bytes(),
        None => {
            let counts = &settings.report.counts;
            let report = report::report(&settings.storage.database, period, counts, now)?;
            let made = day_of(now, &baku());
            let calls = calls_of(settings, period).figures(now)?;
            let calls = compose::calls::sections(&calls, asked.lang);
            let document = compose::document(&report, asked.lang, made, calls);
            render(&report, &document, format)?
        }
    };
    match &asked.output {
        None => Ok(out.write_all(&made)?),
        Some(path) => std::fs::write(path, &made).map_err(|fault| {
            CliError::Arguments(format!(
                "{}: {fault}; choose another --output",
                path.display()
            ))
        }),
    }
}

/// Calls that arrived in a period.
fn calls_of(settings: &Settings, period: Period) -> Calls {
    let (from, to) = period.bounds();
    Calls::new(settings, (Some(from), Some(to)), baku())
}

fn format(asked: &Arguments) -> Result<Format, CliError> {
    let ending = asked.output.as_deref().and_then(|path| path.extension());
    let ending = ending.and_then(|ending| ending.to_str());
    match (asked.format, ending) {
        (Some(format), _) => Ok(format),
        (None, None | Some("txt")) => Ok(Format::Text),
        (None, Some(ending)) => Format::from_str(ending, true).map_err(|_| {
            let text = format!("no report ends in .{ending}; say which it is by --format");
            CliError::Arguments(text)
        }),
    }
}

fn render(report: &Report, document: &Document, format: Format) -> Result<Vec<u8>, CliError> {
    fn told(fault: impl std::error::Error) -> CliError {
        CliError::Arguments(format!("{fault}; choose another --format"))
    }
    match format {
        Format::Text => Ok(text::render(document).into_bytes()),
        Format::Json => Ok(json::render(report, document).into_bytes()),
        Format::Csv => Ok(csv::render(document).into_bytes()),
        Format::Html => html::render(document).map_err(told),
        Format::Pdf => pdf::render(document).map_err(told),
        Format::Xlsx => xlsx::render(document).map_err(told),
    }
}

/// The ids behind a figure: a line each, or a JSON list.
fn ids(
    figure: &str,
    period: Period,
    format: Format,
    settings: &Settings,
    now: Wall,
) -> Result<String, CliError> {
    let (at, counts) = (&settings.storage.database, &settings.report.counts);
    let mut found: Vec<String> = Vec::new();
    if let Some(key) = figure.strip_prefix(compose::calls::PREFIX) {
        let key = key.parse::<Key>();
        let key = key.map_err(|fault| CliError::Arguments(fault.to_string()))?;
        let calls = calls_of(settings, period).behind(&key)?;
        found.extend(calls.iter().map(ToString::to_string));
    } else {
        report::ids(at, period, counts, now, figure, |id| {
            found.push(id.to_owned())
        })?;
        if found.is_empty() {
            let report = report::report(at, period, counts, now)?;
            unknown(figure, &report)?;
        }
    }
    Ok(match format {
        Format::Json => serde_json::to_string(&found).unwrap_or_default() + "\n",
        _ => found.iter().map(|id| format!("{id}\n")).collect(),
    })
}

/// A figure without records is zero, or there is none of this name.
fn unknown(figure: &str, report: &Report) -> Result<(), CliError> {
    let document = compose::document(report, Language::En, report.period().to(), Vec::new());
    let cells = document.tables().flat_map(|(_, table)| &table.rows);
    let printed = cells
        .flat_map(|row| &row.cells)
        .filter_map(|cell| cell.figure.clone());
    let mut known: BTreeSet<String> = printed.collect();
    if known.contains(figure) {
        return Ok(());
    }
    known.retain(|one| !one.starts_with("day.") && !one.starts_with("month."));
    let known: Vec<String> = known.into_iter().collect();
    Err(CliError::Arguments(format!(
        "the report has no figure {figure:?}; it has: {}",
        known.join(", ")
    )))
}
