//! All records, also of what the database does not hold yet: its rows, and the journal after them.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::cursor::{Cursor, Found};
use super::database::{DatabaseError, Reader};
use super::line::Numbered;
use super::writer;
use crate::event::{CallRecord, Entry, Event};
use crate::ids::CallId;
use crate::records::Builder;
use crate::time::Wall;

/// Records cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum CallsError {
    /// The database.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The journal.
    #[error("{}: {source}; let this user read the journal", folder.display())]
    Journal {
        /// Its folder.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Calls that arrived at or after `from` and before `to`, by arrival; where they are more than `limit`,
/// the latest. Works beside a running server and without one.
///
/// # Errors
/// See [`CallsError`].
pub fn calls(
    database: &Path,
    journal: &Path,
    from: Option<Wall>,
    to: Option<Wall>,
    limit: usize,
) -> Result<Vec<CallRecord>, CallsError> {
    let reader = reader(database, journal)?;
    let fault = |source| CallsError::Journal {
        folder: journal.to_owned(),
        source,
    };
    // Rows and checkpoint of one moment.
    let frozen = reader.as_ref().map(Reader::freeze).transpose()?;
    let mut records: BTreeMap<CallId, CallRecord> = BTreeMap::new();
    let mut applied = 0;
    if let Some(reader) = &reader {
        applied = reader.checkpoint()?;
        records.extend(
            reader
                .calls(from, to, limit)?
                .into_iter()
                .map(|record| (record.call, record)),
        );
    }
    let mut cursor = Cursor::new(journal, applied);
    let mut builder = Builder::default();
    while let Some(found) = cursor.advance().map_err(fault)? {
        let Found::Entry(Numbered {
            entry: Entry::Event(event),
            ..
        }) = found
        else {
            continue;
        };
        let stored = |call| match (records.get(&call), &reader) {
            (Some(record), _) => Ok(Some(record.clone())),
            (None, Some(reader)) => reader.call(call),
            (None, None) => Ok(None),
        };
        if let Some(record) = writer::fold(&mut builder, &event, stored)? {
            records.insert(record.call, record);
        }
    }
    drop(frozen);
    let wanted = |record: &CallRecord| {
        from.is_none_or(|from| record.arrived >= from) && to.is_none_or(|to| record.arrived < to)
    };
    let mut records: Vec<CallRecord> = records.into_values().filter(wanted).collect();
    records.sort_by_key(|record| (record.arrived, record.call));
    let surplus = records.len().saturating_sub(limit);
    records.drain(..surplus);
    Ok(records)
}

/// All events of a kind at or after `from` and before `to`, in order.
///
/// # Errors
/// See [`CallsError`].
pub fn events(
    database: &Path,
    journal: &Path,
    kind: &str,
    from: Option<Wall>,
    to: Option<Wall>,
) -> Result<Vec<Event>, CallsError> {
    let reader = reader(database, journal)?;
    let frozen = reader.as_ref().map(Reader::freeze).transpose()?;
    let (mut found, mut applied) = (Vec::new(), 0);
    if let Some(reader) = &reader {
        applied = reader.checkpoint()?;
        found = reader.events(kind, from, to)?;
    }
    let fault = |source| CallsError::Journal {
        folder: journal.to_owned(),
        source,
    };
    let is_wanted = |event: &Event| {
        from.is_none_or(|from| event.at >= from)
            && to.is_none_or(|to| event.at < to)
            && serde_json::to_value(&event.what).is_ok_and(|what| what["event"] == kind)
    };
    let mut cursor = Cursor::new(journal, applied);
    while let Some(next) = cursor.advance().map_err(fault)? {
        if let Found::Entry(Numbered {
            entry: Entry::Event(event),
            ..
        }) = next
            && is_wanted(&event)
        {
            found.push(event);
        }
    }
    drop(frozen);
    Ok(found)
}

/// All that happened to a call, in order; empty: there is no such call.
///
/// # Errors
/// See [`CallsError`].
pub fn timeline(database: &Path, journal: &Path, call: CallId) -> Result<Vec<Event>, CallsError> {
    let reader = reader(database, journal)?;
    let frozen = reader.as_ref().map(Reader::freeze).transpose()?;
    let (mut events, mut applied) = (Vec::new(), 0);
    if let Some(reader) = &reader {
        applied = reader.checkpoint()?;
        events.extend(reader.timeline(call)?.into_iter().map(|(_, event)| event));
    }
    journalled(journal, applied, |event| {
        if event.call == Some(call) {
            events.push(event);
        }
    })?;
    drop(frozen);
    Ok(events)
}

/// Hands on each event of the journal behind the entry `applied`.
pub(super) fn journalled(
    journal: &Path,
    applied: u64,
    mut tell: impl FnMut(Event),
) -> Result<(), CallsError> {
    let mut cursor = Cursor::new(journal, applied);
    let fault = |source| CallsError::Journal {
        folder: journal.to_owned(),
        source,
    };
    while let Some(found) = cursor.advance().map_err(fault)? {
        if let Found::Entry(Numbered {
            entry: Entry::Event(event),
            ..
        }) = found
        {
            tell(event);
        }
    }
    Ok(())
}

/// Before the first start of a server there is neither, and the answer is: none.
pub(super) fn reader(database: &Path, journal: &Path) -> Result<Option<Reader>, CallsError> {
    if database.exists() || !journal.exists() {
        Ok(Some(Reader::open(database)?))
    } else {
        Ok(None)
    }
}
