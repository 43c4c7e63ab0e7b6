//! `qaynar purge`: by the running server, or without one at once.

use std::io::Write;

use super::{asked as ask, print};
use crate::cli::CliError;
use crate::cli::args::privacy::Purge;
use crate::config::Settings;
use crate::server::clock::Clock;
use crate::server::control::Question;
use crate::store::forget::erase_beside;
use crate::store::health::Health;
use crate::store::journal::{self, Journal};
use crate::store::purge::{Holdings, PurgeError, purge};
use crate::time::Wall;

/// Does it.
///
/// # Errors
/// See [`PurgeError`].
pub(crate) fn run(asked: &Purge, settings: &Settings, out: &mut dyn Write) -> Result<(), CliError> {
    let question = Question::Purge {
        who: asked.who.clone(),
        dry_run: asked.dry_run,
    };
    if let Some(answer) = ask(settings, &question)? {
        return print(&answer.text, &answer.data, asked.json, out);
    }
    let gone = beside(settings, |holdings, now| {
        purge(holdings, &asked.who, now, asked.dry_run)
    })?;
    let did = match asked.dry_run {
        true => "would go",
        false => "gone",
    };
    print(&format!("{did}: {gone}"), &gone, asked.json, out)
}

/// With all that holds something of callers, while no server runs.
pub(super) fn beside<T>(
    settings: &Settings,
    with: impl FnOnce(&mut Holdings<'_>, Wall) -> Result<T, PurgeError>,
) -> Result<T, CliError> {
    let storage = &settings.storage;
    let now = Clock::start().now().wall;
    let place = journal::Settings::in_folder(&storage.journal());
    let opened = Journal::open(place, 0, Health::logged());
    let (journal, _) = opened.map_err(|fault| CliError::Arguments(fault.to_string()))?;
    let mut erase = erase_beside(&storage.data, &journal, now);
    let mut holdings = Holdings {
        database: &storage.database,
        data: &storage.data,
        privacy: &settings.privacy,
        journal: &journal,
        erase: &mut erase,
    };
    Ok(with(&mut holdings, now)?)
}
