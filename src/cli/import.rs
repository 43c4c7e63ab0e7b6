//! `qaynar import`: contacts and activities from a file.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::CliError;
use super::args::contacts::{Import, ImportFile};
use super::calls::zone_of;
use super::contact::day_of;
use crate::config::Settings;
use crate::server::clock::Clock;
use crate::store::import::{Outcome, Told, What, import};

/// So many refused rows the JSON form lists; it counts them all.
const LISTED: usize = 10_000;

/// Imports.
///
/// # Errors
/// The file, its header, or the database.
pub(super) fn run(
    asked: &Import,
    settings: &Settings,
    out: &mut dyn Write,
) -> Result<ExitCode, CliError> {
    let (what, ImportFile { file, strict, json }) = match asked {
        Import::Contacts(file) => (What::Contacts, file),
        Import::Activities(file) => (What::Activities, file),
    };
    let now = Clock::start().now().wall;
    let today = day_of(now, &zone_of(&settings.dialplans.folder));
    let mut listener = Listener {
        file,
        bar: bar(file),
        out,
        refused: json.then(Vec::new),
    };
    let at = &settings.storage.database;
    let outcome = import(at, (what, file), *strict, (now, today), &mut listener);
    listener.bar.finish_and_clear();
    let refused = listener.refused.take();
    let outcome = outcome?;
    match refused {
        Some(refused) => {
            let Outcome { rows, .. } = outcome;
            let taken = rows > 0 && !(*strict && outcome.refused > 0);
            let mut value = serde_json::json!(outcome);
            value["refused_rows"] = refused.into();
            value["written"] = taken.into();
            writeln!(out, "{value}")?;
        }
        None => tell(&outcome, *strict, out)?,
    }
    Ok(match outcome.refused {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

fn tell(outcome: &Outcome, strict: bool, out: &mut dyn Write) -> Result<(), CliError> {
    let Outcome {
        rows,
        added,
        changed,
        unchanged,
        refused,
        doubts,
    } = outcome;
    if strict && *refused > 0 {
        let text = "nothing is imported: correct those rows, or leave --strict out and the others are taken";
        writeln!(out, "{rows} rows, {refused} refused; {text}")?;
        return Ok(());
    }
    writeln!(
        out,
        "{rows} rows: {added} added, {changed} changed, {unchanged} there already, {refused} refused"
    )?;
    for (doubt, count) in doubts {
        writeln!(out, "  doubtful: {doubt}, {count} rows")?;
    }
    Ok(())
}

/// Of bytes; drawn on a terminal alone.
fn bar(file: &Path) -> ProgressBar {
    let length = std::fs::metadata(file).map_or(0, |file| file.len());
    let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr());
    let style = "{bar:40} {bytes}/{total_bytes}, {eta} to go";
    if let Ok(style) = ProgressStyle::with_template(style) {
        bar.set_style(style);
    }
    bar
}

struct Listener<'a> {
    file: &'a Path,
    bar: ProgressBar,
    out: &'a mut dyn Write,
    /// For the JSON form.
    refused: Option<Vec<serde_json::Value>>,
}

impl Told for Listener<'_> {
    fn refused(&mut self, line: u64, reason: &str) {
        match &mut self.refused {
            Some(refused) if refused.len() < LISTED => {
                refused.push(serde_json::json!({ "line": line, "reason": reason }));
            }
            Some(_) => {}
            None => {
                let (file, out) = (self.file.display(), &mut self.out);
                // Whoever stopped reading has seen enough; the import goes on.
                let _ = self
                    .bar
                    .suspend(|| writeln!(out, "{file}:{line}: {reason}"));
            }
        }
    }

    fn read(&mut self, bytes: u64) {
        self.bar.set_position(bytes);
    }
}
