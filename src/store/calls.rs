//! All records, also of what the database does not hold yet: its rows, and the journal after them.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::cursor::{Cursor, Found};
use super::database::{DatabaseError, Reader};
use super::line::Numbered;
use super::rows::Whole;
use super::states::StateRow;
use super::trouble::Trouble;
use super::writer;
use crate::config::Location;
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
    database: &Location,
    journal: &Path,
    from: Option<Wall>,
    to: Option<Wall>,
    limit: usize,
) -> Result<Vec<CallRecord>, CallsError> {
    frozen(database, journal, |mut reader, applied| {
        let later = later(journal, applied, &mut reader)?;
        let mut records: BTreeMap<CallId, CallRecord> = BTreeMap::new();
        if let Some(reader) = reader {
            let rows = reader.calls(from, to, limit)?.into_iter();
            records.extend(rows.map(|record| (record.call, record)));
        }
        records.extend(later);
        let mut records: Vec<CallRecord> = records
            .into_values()
            .filter(|record| is_between(record, from, to))
            .collect();
        records.sort_by_key(|record| (record.arrived, record.call));
        let surplus = records.len().saturating_sub(limit);
        records.drain(..surplus);
        Ok(records)
    })
}

/// Hands on all calls that arrived at or after `from` and before `to`, by arrival, however many they are:
/// only what the database does not hold yet is kept in memory.
///
/// # Errors
/// See [`CallsError`].
pub fn each(
    database: &Location,
    journal: &Path,
    from: Option<Wall>,
    to: Option<Wall>,
    tell: impl FnMut(CallRecord),
) -> Result<(), CallsError> {
    each_as(database, journal, (from, to), Whole::Yes, tell)
}

/// As [`each`]; the figures of media may be left out, and it is faster.
///
/// # Errors
/// See [`CallsError`].
pub fn each_without_media(
    database: &Location,
    journal: &Path,
    from: Option<Wall>,
    to: Option<Wall>,
    tell: impl FnMut(CallRecord),
) -> Result<(), CallsError> {
    each_as(database, journal, (from, to), Whole::WithoutMedia, tell)
}

fn each_as(
    database: &Location,
    journal: &Path,
    (from, to): (Option<Wall>, Option<Wall>),
    whole: Whole,
    mut tell: impl FnMut(CallRecord),
) -> Result<(), CallsError> {
    frozen(database, journal, |mut reader, applied| {
        let later = later(journal, applied, &mut reader)?.into_values();
        let mut later: Vec<CallRecord> = later
            .filter(|record| is_between(record, from, to))
            .collect();
        later.sort_by_key(|record| (record.arrived, record.call));
        let mut later = later.into_iter().peekable();
        if let Some(reader) = reader {
            let merge = |row: CallRecord| {
                let key = (row.arrived, row.call);
                while let Some(one) = later.next_if(|one| (one.arrived, one.call) < key) {
                    tell(one);
                }
                tell(later.next_if(|one| one.call == row.call).unwrap_or(row));
            };
            match whole {
                Whole::Yes => reader.each_call(from, to, merge)?,
                Whole::WithoutMedia => reader.each_call_without_media(from, to, merge)?,
            }
        }
        later.for_each(tell);
        Ok(())
    })
}

fn is_between(record: &CallRecord, from: Option<Wall>, to: Option<Wall>) -> bool {
    from.is_none_or(|from| record.arrived >= from) && to.is_none_or(|to| record.arrived < to)
}

/// The records that the journal behind the entry `applied` makes or changes.
fn later(
    journal: &Path,
    applied: u64,
    reader: &mut Option<&mut Reader>,
) -> Result<BTreeMap<CallId, CallRecord>, CallsError> {
    let mut records: BTreeMap<CallId, CallRecord> = BTreeMap::new();
    let mut builder = Builder::default();
    let mut fault = None;
    journalled(journal, applied, |event| {
        let stored = |call| match (records.get(&call), reader.as_deref_mut()) {
            (Some(record), _) => Ok(Some(record.clone())),
            (None, Some(reader)) => reader.call(call),
            (None, None) => Ok(None),
        };
        match writer::fold(&mut builder, &event, stored) {
            Ok(Some(record)) => {
                records.insert(record.call, record);
            }
            Ok(None) => {}
            Err(error) => fault = fault.take().or(Some(error)),
        }
    })?;
    match fault {
        Some(fault) => Err(fault.into()),
        None => Ok(records),
    }
}

/// All events of a kind at or after `from` and before `to`, in order.
///
/// # Errors
/// See [`CallsError`].
pub fn events(
    database: &Location,
    journal: &Path,
    kind: &str,
    from: Option<Wall>,
    to: Option<Wall>,
) -> Result<Vec<Event>, CallsError> {
    frozen(database, journal, |reader, applied| {
        let mut found = match reader {
            Some(reader) => reader.events(kind, from, to)?,
            None => Vec::new(),
        };
        journalled(journal, applied, |event| {
            let is_wanted = from.is_none_or(|from| event.at >= from)
                && to.is_none_or(|to| event.at < to)
                && serde_json::to_value(&event.what).is_ok_and(|what| what["event"] == kind);
            if is_wanted {
                found.push(event);
            }
        })?;
        Ok(found)
    })
}

/// What operators did at or after `from` and before `to`, in order; before that what each was doing when that
/// time began.
///
/// # Errors
/// See [`CallsError`].
pub fn state_log(
    database: &Location,
    journal: &Path,
    from: Wall,
    to: Wall,
) -> Result<Vec<StateRow>, CallsError> {
    frozen(database, journal, |reader, applied| {
        let mut rows = match reader {
            Some(reader) => reader.state_log(from, to)?,
            None => Vec::new(),
        };
        journalled(journal, applied, |event| {
            rows.extend(StateRow::of(&event).filter(|row| row.at < to));
        })?;
        let mut before: BTreeMap<_, StateRow> = BTreeMap::new();
        let (earlier, within): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| row.at < from);
        for row in earlier {
            before.insert(row.operator.clone(), row);
        }
        Ok(before.into_values().chain(within).collect())
    })
}

/// All that happened to a call, in order; empty: there is no such call.
///
/// # Errors
/// See [`CallsError`].
pub fn timeline(
    database: &Location,
    journal: &Path,
    call: CallId,
) -> Result<Vec<Event>, CallsError> {
    let mut events = timelines(database, journal, &[call])?;
    Ok(events.remove(&call).unwrap_or_default())
}

/// As [`timeline`], of many calls at once.
///
/// # Errors
/// See [`CallsError`].
pub fn timelines(
    database: &Location,
    journal: &Path,
    calls: &[CallId],
) -> Result<BTreeMap<CallId, Vec<Event>>, CallsError> {
    frozen(database, journal, |reader, applied| {
        let empty = calls.iter().map(|call| (*call, Vec::new()));
        let mut events: BTreeMap<CallId, Vec<Event>> = empty.collect();
        if let Some(reader) = reader {
            for (call, events) in &mut events {
                let rows = reader.timeline(*call)?.into_iter();
                events.extend(rows.map(|(_, event)| event));
            }
        }
        journalled(journal, applied, |event| {
            let call = event.call.and_then(|call| events.get_mut(&call));
            if let Some(events) = call {
                events.push(event);
            }
        })?;
        Ok(events)
    })
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

/// Rows and checkpoint of one moment, for all that `with` asks. Before the first start of a server there is
/// neither database nor journal; while the database was never reached, the journal alone.
pub(super) fn frozen<T>(
    database: &Location,
    journal: &Path,
    with: impl FnOnce(Option<&mut Reader>, u64) -> Result<T, CallsError>,
) -> Result<T, CallsError> {
    let mut reader = match Reader::open(database) {
        Err(error) if matches!(error.trouble, Trouble::Missing) && journal.exists() => {
            return with(None, 0);
        }
        reader => reader?,
    };
    reader.frozen(|reader| {
        let applied = reader.checkpoint()?;
        with(Some(reader), applied)
    })
}
