//! `qaynar verify`: whether each call has its one record, beside a running server and without one.

use std::io::Write;
use std::process::ExitCode;

use clap::Args;

use super::CliError;
use super::dialplan::ask;
use crate::config::Settings;
use crate::server::control::{ControlError, Question};
use crate::store::verify::{Difference, Verified, verify};
use crate::switch::Counts;

/// `qaynar verify`
#[derive(Debug, Args)]
pub struct Verify {
    /// Print what was found as JSON.
    #[arg(long)]
    pub json: bool,
}

/// What the running server counts by itself, from SIP.
struct Counted {
    /// The last entry of the journal before it started.
    began_after: u64,
    counts: Counts,
}

/// Does it. Success: nothing differs.
///
/// # Errors
/// Journal or database cannot be read.
pub(super) fn run(
    asked: &Verify,
    settings: &Settings,
    out: &mut dyn Write,
) -> Result<ExitCode, CliError> {
    let before = counted(settings)?;
    let since = before.as_ref().map_or(0, |counted| counted.began_after);
    let storage = &settings.storage;
    let mut found = verify(&storage.database, &storage.journal(), since)?;
    if let (Some(before), Some(after)) = (&before, counted(settings)?)
        && before.began_after == after.began_after
    {
        by_sip(&before.counts, &after.counts, &mut found);
    }
    match asked.json {
        true => {
            let text = serde_json::to_string_pretty(&found).map_err(std::io::Error::from)?;
            writeln!(out, "{text}")?;
        }
        false => tell(&found, before.is_some(), out)?,
    }
    Ok(match found.differences.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// `None`: no server runs.
fn counted(settings: &Settings) -> Result<Option<Counted>, CliError> {
    let answer = match ask(settings, &Question::Status) {
        Err(ControlError::NotRunning(_)) => return Ok(None),
        answer => answer?,
    };
    let strange = || ControlError::Strange(settings.storage.data.clone());
    let counts = serde_json::from_value(answer.data["counts"].clone()).map_err(|_| strange())?;
    let began_after = answer.data["began_after"].as_u64().ok_or_else(strange)?;
    Ok(Some(Counted {
        began_after,
        counts,
    }))
}

/// The records are of a moment between two counts.
fn by_sip(before: &Counts, after: &Counts, found: &mut Verified) {
    let recorded = found.arrived_since;
    if !(before.taken..=after.taken).contains(&recorded) {
        found.differs(Difference::Count {
            what: "callers since the start".into(),
            counted: span(before.taken, after.taken),
            recorded,
        });
    }
    let going_on = |counts: &Counts| (counts.calls + counts.callbacks) as u64;
    // Calls begin and end while this looks; where none did, and the database is not behind, they are the same.
    let is_still = before.taken == after.taken && going_on(before) == going_on(after);
    let is_caught_up = found.applied == found.journal_to;
    if is_still && is_caught_up && going_on(before) != found.open {
        found.differs(Difference::Count {
            what: "calls going on".into(),
            counted: going_on(before).to_string(),
            recorded: found.open,
        });
    }
}

fn span(from: u64, to: u64) -> String {
    match from == to {
        true => from.to_string(),
        false => format!("{from} to {to}"),
    }
}

fn tell(found: &Verified, with_server: bool, out: &mut dyn Write) -> std::io::Result<()> {
    let behind = found.journal_to.saturating_sub(found.applied);
    writeln!(
        out,
        "journal: entries {} to {}; the database holds those up to {}{}",
        found.journal_from,
        found.journal_to,
        found.applied,
        match behind {
            0 => String::new(),
            behind => format!(", {behind} are on their way"),
        }
    )?;
    writeln!(
        out,
        "{} events are the same in both; {} records are what their events tell; {} calls go on",
        found.same_events, found.same_records, found.open
    )?;
    if found.without_events > 0 {
        writeln!(
            out,
            "{} records stand alone: their events were purged",
            found.without_events
        )?;
    }
    match with_server {
        true => writeln!(
            out,
            "{} callers since the server started",
            found.arrived_since
        )?,
        false => writeln!(out, "no server runs: nothing to count against")?,
    }
    for one in &found.differences {
        writeln!(out, "DIFFERS {one}")?;
    }
    if found.more > 0 {
        writeln!(out, "and {} more", found.more)?;
    }
    match found.differences.is_empty() {
        true => writeln!(out, "nothing differs"),
        false => writeln!(
            out,
            "what the journal still holds can be taken in again: stop the server, move the database away or restore \
             a backup, and start"
        ),
    }
}
