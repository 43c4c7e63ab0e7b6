//! `qaynar voicemail` and `qaynar recordings`.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use jiff::tz::TimeZone;

use super::CliError;
use super::args::{Recordings, Voicemail};
use super::calls::{rfc3339, zone_of};
use super::dialplan::{ask, tell};
use crate::config::Settings;
use crate::event::Recording;
use crate::ids::RecordingId;
use crate::server::control::Question;
use crate::store::messages;
use crate::store::recordings::{length, path};

/// The most that are read.
const MOST: usize = 100_000;

/// Messages of callers.
///
/// # Errors
/// What is asked for is not there, or no server runs.
pub(super) fn voicemail(
    asked: &Voicemail,
    settings: &Settings,
    out: &mut dyn Write,
) -> Result<ExitCode, CliError> {
    match asked {
        Voicemail::List { all, json } => list(true, *all, *json, settings, out),
        Voicemail::Export { id, file } => export(*id, true, file, settings, out),
        Voicemail::Handled { id, json } => {
            let recording = known(*id, true, settings)?.recording;
            let answer = ask(settings, &Question::Handled { recording })?;
            tell(&answer, *json, out)
        }
        Voicemail::Delete { id, json } => delete(*id, true, *json, settings, out),
    }
}

/// Talks that were recorded.
///
/// # Errors
/// What is asked for is not there, or no server runs.
pub(super) fn recordings(
    asked: &Recordings,
    settings: &Settings,
    out: &mut dyn Write,
) -> Result<ExitCode, CliError> {
    match asked {
        Recordings::List { all, json } => list(false, *all, *json, settings, out),
        Recordings::Export { id, file } => export(*id, false, file, settings, out),
        Recordings::Delete { id, json } => delete(*id, false, *json, settings, out),
    }
}

fn delete(
    id: RecordingId,
    voicemail: bool,
    json: bool,
    settings: &Settings,
    out: &mut dyn Write,
) -> Result<ExitCode, CliError> {
    let recording = known(id, voicemail, settings)?.recording;
    let answer = ask(settings, &Question::Erase { recording })?;
    tell(&answer, json, out)
}

fn all(settings: &Settings) -> Result<Vec<Recording>, CliError> {
    let storage = &settings.storage;
    let found = messages::recordings(&storage.database, &storage.journal(), MOST)?;
    Ok(found.into_values().collect())
}

/// How many messages nobody handled yet.
///
/// # Errors
/// Database or journal cannot be read.
pub(super) fn waiting(settings: &Settings) -> Result<usize, CliError> {
    Ok(all(settings)?.iter().filter(|one| one.waits()).count())
}

fn known(id: RecordingId, voicemail: bool, settings: &Settings) -> Result<Recording, CliError> {
    let found = all(settings)?
        .into_iter()
        .find(|one| one.recording == id && one.of.is_voicemail() == voicemail);
    let (what, command) = match voicemail {
        true => ("message", "voicemail"),
        false => ("recording", "recordings"),
    };
    let one = found.ok_or_else(|| {
        CliError::Arguments(format!(
            "there is no {what} {id}; `qaynar {command} list --all` lists them"
        ))
    })?;
    match one.erased {
        Some(_) => Err(CliError::Arguments(format!("{what} {id} is erased"))),
        None => Ok(one),
    }
}

fn list(
    voicemail: bool,
    everything: bool,
    json: bool,
    settings: &Settings,
    out: &mut dyn Write,
) -> Result<ExitCode, CliError> {
    let mut found = all(settings)?;
    found.retain(|one| {
        let open = one.erased.is_none() && (one.handled.is_none() || !voicemail);
        one.of.is_voicemail() == voicemail && (everything || open)
    });
    for one in &mut found {
        if one.length.is_none() && one.erased.is_none() {
            one.length = length(&path(&settings.storage.data, one.recording, voicemail));
        }
    }
    if json {
        serde_json::to_writer_pretty(&mut *out, &found).map_err(io::Error::from)?;
        writeln!(out)?;
        return Ok(ExitCode::SUCCESS);
    }
    let zone = zone_of(&settings.dialplans.folder);
    for one in &found {
        writeln!(out, "{}", line(one, &zone))?;
    }
    if found.is_empty() {
        let nothing = match voicemail {
            true => "no message waits to be handled",
            false => "nothing is recorded",
        };
        writeln!(out, "{nothing}")?;
    }
    Ok(ExitCode::SUCCESS)
}

fn line(one: &Recording, zone: &TimeZone) -> String {
    let at = rfc3339(one.begun, zone);
    let at = at.get(..16).unwrap_or(&at).replace('T', " ");
    let caller = one
        .caller
        .as_ref()
        .map_or("hidden", |caller| caller.as_str());
    let length = one.length.map_or(Duration::ZERO, |length| length);
    let (minutes, seconds) = (length.as_secs() / 60, length.as_secs() % 60);
    let silent = if one.silent == Some(true) {
        "silent"
    } else {
        ""
    };
    let operator = one
        .operator
        .as_ref()
        .map_or("", |operator| operator.as_str());
    let (of, language) = (one.of.place(), one.language);
    format!(
        "{}  {at}  {caller:<13}  {of:<12}  {language}  {minutes:>3}:{seconds:02}  {silent:<6}  {operator}{}",
        one.recording,
        state(one)
    )
    .trim_end()
    .to_owned()
}

fn state(one: &Recording) -> String {
    let handled = one.handled_by.as_ref().map_or("", |by| by.as_str());
    match one {
        one if one.erased.is_some() => "  erased".to_owned(),
        one if one.ended.is_none() => "  goes on".to_owned(),
        one if one.handled.is_some() => format!("  handled {handled}"),
        one if !one.of.is_voicemail() => String::new(),
        Recording {
            heard: Some((_, by)),
            ..
        } => format!("heard by {by}"),
        _ => "new".to_owned(),
    }
}

fn export(
    id: RecordingId,
    voicemail: bool,
    file: &Path,
    settings: &Settings,
    out: &mut dyn Write,
) -> Result<ExitCode, CliError> {
    known(id, voicemail, settings)?;
    let from = path(&settings.storage.data, id, voicemail);
    let at =
        |path: &Path, fault: io::Error| CliError::Arguments(format!("{}: {fault}", path.display()));
    let bytes = fs::read(&from).map_err(|fault| at(&from, fault))?;
    let mut options = OpenOptions::new();
    let new = options.write(true).create_new(true).mode(0o600).open(file);
    let mut new = new.map_err(|fault| at(file, fault))?;
    new.write_all(&bytes).map_err(|fault| at(file, fault))?;
    writeln!(out, "{}", file.display())?;
    Ok(ExitCode::SUCCESS)
}
