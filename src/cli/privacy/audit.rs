//! `qaynar audit`: who did what to callers' data. Listening in stands in the journal, and is shown here too.

use std::io::Write;
use std::process::ExitCode;

use jiff::tz::TimeZone;

use super::standing::reviews;
use super::{print, reason};
use crate::cli::CliError;
use crate::cli::args::privacy::Audit as Asked;
use crate::cli::calls::{between, escaped, rfc3339, zone_of};
use crate::config::Settings;
use crate::event::{Event, Supervision, What};
use crate::server::clock::Clock;
use crate::store::audit::{Audit, Deed, Note, Record};
use crate::store::calls::events;
use crate::store::keys::Keys;
use crate::time::Wall;

/// Does it.
///
/// # Errors
/// A moment that is none, a row that waits for no review, or the database.
pub(crate) fn run(
    asked: &Asked,
    settings: &Settings,
    out: &mut dyn Write,
) -> Result<ExitCode, CliError> {
    let keys = Keys::load_or_make(&settings.privacy.keys)?;
    let storage = &settings.storage;
    let mut audit = Audit::open(&storage.database, &storage.data, &keys.audit)?;
    match asked {
        Asked::Review { number, who, note } => {
            let note = reason(note)?;
            reviews(settings, who)?;
            let now = Clock::start().now().wall;
            let row = audit.review(*number, who, &note, now)?;
            writeln!(out, "row {number} is reviewed, as row {row} says")?;
            Ok(ExitCode::SUCCESS)
        }
        Asked::List {
            from,
            to,
            pending,
            json,
        } => {
            let zone = zone_of(&settings.dialplans.folder);
            let (from, to) = between(from, to, &zone)?;
            let faults = audit.verify()?;
            let mut all = match pending {
                true => audit.pending()?,
                false => {
                    audit.list(from.unwrap_or(Wall(i64::MIN)), to.unwrap_or(Wall(i64::MAX)))?
                }
            };
            if !pending {
                let journal = storage.journal();
                let heard = events(&storage.database, &journal, "supervising", from, to)?;
                all.extend(heard.iter().filter_map(listened));
                all.sort_by_key(|one| one.note.at);
            }
            let mut text: Vec<String> = all.iter().map(|one| line(one, &zone)).collect();
            if all.is_empty() {
                text.push("nothing was done".to_owned());
            }
            text.extend(
                faults
                    .iter()
                    .map(|fault| format!("CHANGED BY SOMEBODY: {fault}")),
            );
            let data = serde_json::json!({ "rows": all, "faults": faults });
            print(&text.join("\n"), &data, *json, out)?;
            Ok(match faults.is_empty() {
                true => ExitCode::SUCCESS,
                false => ExitCode::FAILURE,
            })
        }
    }
}

/// A supervisor heard a talk.
fn listened(event: &Event) -> Option<Record> {
    let What::Supervising {
        supervisor,
        operator,
        how,
    } = &event.what
    else {
        return None;
    };
    let deed = match how {
        Supervision::Listen => Deed::Listened,
        Supervision::Whisper => Deed::Whispered,
        Supervision::Barge => Deed::Barged,
    };
    let note = Note {
        at: event.at,
        who: supervisor.to_string(),
        deed,
        call: event.call,
        about: None,
        reason: format!("with operator {operator}"),
    };
    Some(Record { number: None, note })
}

fn line(one: &Record, zone: &TimeZone) -> String {
    let at = rfc3339(one.note.at, zone);
    let at = at.get(..19).unwrap_or(&at).replace('T', " ");
    let number = one
        .number
        .map_or("-".to_owned(), |number| number.to_string());
    let call = one.note.call.map(|call| format!(" of call {call}"));
    let about = one.note.about.map(|about| format!(" (row {about})"));
    let (who, deed, reason) = (&one.note.who, one.note.deed.text(), &one.note.reason);
    let (call, about) = (call.unwrap_or_default(), about.unwrap_or_default());
    format!(
        "{number:>5}  {at}  {}  {deed}{call}{about}: {}",
        escaped(who),
        escaped(reason)
    )
}
