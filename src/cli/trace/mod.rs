//! `qaynar trace CALL`: the ladder of a call, with the queue's decisions between the arrows.
//!
//! The messages of a finished call are in its record; those of a call in progress are asked of the
//! running server. Both were pseudonymised at capture.

mod ladder;
mod svg;
mod text;

use std::io::Write;

use jiff::tz::TimeZone;

use super::CliError;
use super::args::{Drawing, Trace};
use super::calls::{rfc3339, zone_of};
use crate::config::Settings;
use crate::event::Traced;
use crate::ids::CallId;
use crate::server::control::Question;
use crate::store::calls::timeline;
use crate::time::Wall;
use ladder::Ladder;

/// Does it.
///
/// # Errors
/// No such call, or records that cannot be read.
pub(super) fn run(asked: &Trace, settings: &Settings, out: &mut dyn Write) -> Result<(), CliError> {
    let storage = &settings.storage;
    let running = running(asked.call, settings);
    let events = timeline(&storage.database, &storage.journal(), asked.call)?;
    if events.is_empty() {
        return Err(CliError::Arguments(format!(
            "there is no call {}; `qaynar calls` lists them",
            asked.call
        )));
    }
    let zone = zone_of(&settings.dialplans.folder);
    let ladder = Ladder::of(&events, running);
    match asked.format {
        Drawing::Text => write!(out, "{}", text::draw(&ladder, &zone, asked.details))?,
        Drawing::Svg => write!(out, "{}", svg::draw(&ladder, &zone, asked.details))?,
        Drawing::Json => {
            serde_json::to_writer_pretty(&mut *out, &ladder).map_err(std::io::Error::from)?;
            writeln!(out)?;
        }
    }
    Ok(())
}

/// What the running server knows of a call in progress; none runs, or it is over: nothing.
fn running(call: CallId, settings: &Settings) -> Vec<Traced> {
    let answer = super::dialplan::ask(settings, &Question::Trace { call });
    answer
        .ok()
        .and_then(|answer| serde_json::from_value(answer.data).ok())
        .unwrap_or_default()
}

/// `10:22:02.669`.
fn clock(at: Wall, zone: &TimeZone) -> String {
    let whole = rfc3339(at, zone);
    whole.get(11..23).unwrap_or(&whole).to_owned()
}
