//! `qaynar keys`: the key that names callers, and the one before it.

use std::io::Write;

use super::{asked as ask, print};
use crate::cli::CliError;
use crate::cli::args::privacy::Keys as Asked;
use crate::config::Settings;
use crate::records::key_letter;
use crate::server::clock::Clock;
use crate::server::control::Question;
use crate::store::audit::{self, Deed, Note};
use crate::store::keys::Keys;

/// Does it.
///
/// # Errors
/// The files, or a rotation that is not over.
pub(crate) fn run(asked: &Asked, settings: &Settings, out: &mut dyn Write) -> Result<(), CliError> {
    let folder = &settings.privacy.keys;
    let keys = Keys::load_or_make(folder)?;
    let present = key_letter(&keys.pseudonym);
    let former = keys.former.as_ref().map(key_letter);
    let (who, deed) = match asked {
        Asked::List { json } => {
            let mut text = format!("callers are named C-{present}…");
            if let Some(former) = former {
                text += &format!(
                    "; whoever has not called since the rotation is known as C-{former}… (`qaynar keys retire` drops that)"
                );
            }
            let data = serde_json::json!({ "present": present, "former": former });
            return print(&text, &data, *json, out);
        }
        Asked::Rotate { who } => (who, Deed::KeysRotated),
        Asked::Retire { who } => (who, Deed::KeysRetired),
    };
    let text = match deed {
        Deed::KeysRotated => {
            let (from, to) = Keys::rotate(folder)?;
            format!(
                "callers are named C-{to}… from now on; who calls again takes along what is known as C-{from}…"
            )
        }
        _ => {
            let letter = Keys::retire(folder)?;
            format!("whoever is known as C-{letter}… is a new caller from now on")
        }
    };
    let storage = &settings.storage;
    let note = Note {
        at: Clock::start().now().wall,
        who: who.clone(),
        deed,
        call: None,
        about: None,
        reason: text.clone(),
    };
    audit::note(&storage.database, &storage.data, &keys.audit, &note)?;
    ask(settings, &Question::Keys)?;
    Ok(writeln!(out, "{text}")?)
}
