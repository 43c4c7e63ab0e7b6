//! What is known of recordings and messages, by the database and the journal after it.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::{Connection, OptionalExtension, params};

use super::calls::{CallsError, journalled, reader};
use super::database::Reader;
use crate::event::{Event, Recording, What};
use crate::ids::RecordingId;

/// Takes an event into the table.
pub(crate) fn note(connection: &Connection, event: &Event) -> rusqlite::Result<()> {
    let What::Recording { recording, .. } = &event.what else {
        return Ok(());
    };
    let id = recording.to_string();
    let body: Option<String> = connection
        .prepare_cached("SELECT body FROM recordings WHERE recording = ?1")?
        .query_row([&id], |row| row.get(0))
        .optional()?;
    let former = body.and_then(|body| serde_json::from_str(&body).ok());
    let Some(one) = Recording::fold(former, event) else {
        return Ok(());
    };
    let body = serde_json::to_string(&one)
        .map_err(|fault| rusqlite::Error::ToSqlConversionFailure(fault.into()))?;
    connection
        .prepare_cached("INSERT OR REPLACE INTO recordings VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![
            id,
            one.begun.0,
            one.erased.map(|moment| moment.0),
            body
        ])
        .map(|_| ())
}

/// All, by their ids and so by their calls' arrival; where there are more than the limit, the latest.
pub(crate) fn all(connection: &Connection, limit: usize) -> rusqlite::Result<Vec<Recording>> {
    let sql = "SELECT body FROM recordings ORDER BY begun DESC, recording DESC LIMIT ?1";
    let mut statement = connection.prepare(sql)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let bodies = statement.query_map([limit], |row| row.get::<_, String>(0))?;
    let bodies: Vec<String> = bodies.collect::<Result<_, _>>()?;
    // A row of a later version that cannot be read is left alone.
    let read = bodies
        .iter()
        .filter_map(|body| serde_json::from_str(body).ok());
    Ok(read.collect())
}

/// What is known of all recordings, erased ones included, by id. Works beside a running server and without
/// one.
///
/// # Errors
/// See [`CallsError`].
pub fn recordings(
    database: &Path,
    journal: &Path,
    limit: usize,
) -> Result<BTreeMap<RecordingId, Recording>, CallsError> {
    let reader = reader(database, journal)?;
    let frozen = reader.as_ref().map(Reader::freeze).transpose()?;
    let (mut found, mut applied) = (BTreeMap::new(), 0);
    if let Some(reader) = &reader {
        applied = reader.checkpoint()?;
        let rows = reader.recordings(limit)?.into_iter();
        found.extend(rows.map(|one| (one.recording, one)));
    }
    journalled(journal, applied, |event| {
        if let What::Recording { recording, .. } = &event.what
            && let Some(one) = Recording::fold(found.remove(recording), &event)
        {
            found.insert(*recording, one);
        }
    })?;
    drop(frozen);
    Ok(found)
}
