//! What is known of recordings and messages, by the database and the journal after it.

use std::collections::BTreeMap;
use std::path::Path;

use super::calls::{CallsError, frozen, journalled};
use super::rows::json;
use super::sql::{Sql, values};
use super::trouble::DatabaseError;
use crate::config::Location;
use crate::event::{Event, Recording, What};
use crate::ids::RecordingId;

/// Takes an event into the table.
pub(crate) fn note(sql: &mut Sql, event: &Event) -> Result<(), DatabaseError> {
    let What::Recording { recording, .. } = &event.what else {
        return Ok(());
    };
    let id = recording.to_string();
    let former = "SELECT body FROM recordings WHERE recording = ?1";
    let former = sql.first(former, values![&id], |row| row.get::<String>(0))?;
    let former = former.and_then(|body| serde_json::from_str(&body).ok());
    let Some(one) = Recording::fold(former, event) else {
        return Ok(());
    };
    let body = json(&one).map_err(|trouble| sql.fault(trouble))?;
    let statement = "INSERT INTO recordings (recording, begun, erased, body) VALUES (?1, ?2, ?3, ?4) \
                     ON CONFLICT (recording) DO UPDATE SET \
                     begun = excluded.begun, erased = excluded.erased, body = excluded.body";
    sql.execute(statement, values![id, one.begun, one.erased, body])
        .map(|_| ())
}

/// All, by their ids and so by their calls' arrival; where there are more than the limit, the latest.
pub(crate) fn all(sql: &mut Sql, limit: usize) -> Result<Vec<Recording>, DatabaseError> {
    let statement = "SELECT body FROM recordings ORDER BY begun DESC, recording DESC LIMIT ?1";
    let bodies = sql.rows(statement, values![limit], |row| row.get::<String>(0))?;
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
    database: &Location,
    journal: &Path,
    limit: usize,
) -> Result<BTreeMap<RecordingId, Recording>, CallsError> {
    frozen(database, journal, |mut reader, applied| {
        let mut found = BTreeMap::new();
        if let Some(reader) = &mut reader {
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
        Ok(found)
    })
}
