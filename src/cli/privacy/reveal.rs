//! `qaynar reveal`: a caller's number, for a rescue or a callback. It is written down first, and shown then.

use std::io::Write;

use super::standing::{Standing, reveals};
use super::{print, reason};
use crate::cli::CliError;
use crate::cli::args::privacy::Reveal;
use crate::config::Settings;
use crate::server::clock::Clock;
use crate::store::audit::{self, Deed, Note, Noted};
use crate::store::keys::Keys;
use crate::store::numbers;
use crate::store::ring::Ring;

/// Does it.
///
/// # Errors
/// No permission and no broken glass; nothing is kept; nothing can be written down.
pub(crate) fn run(
    asked: &Reveal,
    settings: &Settings,
    out: &mut dyn Write,
) -> Result<(), CliError> {
    let reason = reason(&asked.reason)?;
    let standing = reveals(settings, &asked.who)?;
    let now = Clock::start().now().wall;
    let (storage, privacy) = (&settings.storage, &settings.privacy);
    let keys = Keys::load_or_make(&privacy.keys)?;
    let note = |deed| {
        let note = Note {
            at: now,
            who: asked.who.clone(),
            deed,
            call: Some(asked.call),
            about: None,
            reason: reason.clone(),
        };
        audit::note(&storage.database, &storage.data, &keys.audit, &note)
    };
    let deed = match (standing, asked.break_glass) {
        (Standing::May, _) => Deed::Revealed,
        (Standing::Known | Standing::Untold, true) => Deed::BrokeGlass,
        (Standing::Known | Standing::Untold, false) => {
            note(Deed::Refused)?;
            return Err(CliError::Arguments(format!(
                "{} has no permission to see numbers; this was written down. Where it cannot wait, add --break-glass: \
                 the number is shown at once, and a supervisor reviews it",
                asked.who
            )));
        }
    };
    let mut ring = Ring::of_callers(&privacy.keys)?;
    let journal = storage.journal();
    let number = numbers::of(&storage.database, &journal, &mut ring, asked.call, now)?;
    let noted = note(deed)?;
    let row = match noted {
        Noted::Row(number) => Some(number),
        Noted::Waits => None,
    };
    let shown = number.reveal();
    let place = row.map_or("beside the audit log".to_owned(), |row| {
        format!("as row {row} of the audit log")
    });
    let review = match deed {
        Deed::BrokeGlass => "; a supervisor reviews it",
        _ => "",
    };
    let text = format!("{shown}\nwritten down {place}{review}");
    let data = serde_json::json!({
        "call": asked.call, "number": shown, "row": row, "review": deed == Deed::BrokeGlass
    });
    print(&text, &data, asked.json, out)
}
