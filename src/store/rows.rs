//! Records to rows and back.

use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, ToSql, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::event::{CallRecord, Event};
use crate::ids::{CallId, OperatorId, Pseudonym, QueueName};
use crate::time::Wall;

const COLUMNS: &str = "call, caller, dialled, trunk, queue, operator, language, plan, arrived, answered, queued, \
     rung, connected, ended, ended_by, cause, caller_quality, operator_quality, direction, held";

/// Writes the record, whether or not there is one of this call.
pub(crate) fn upsert(connection: &Connection, record: &CallRecord) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(&format!(
        "INSERT OR REPLACE INTO calls ({COLUMNS}) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20)"
    ))?;
    let wall = |moment: Option<Wall>| moment.map(|moment| moment.0);
    statement.execute(params![
        record.call.to_string(),
        record.caller.as_ref().map(Pseudonym::as_str),
        record.dialled,
        record.trunk.as_str(),
        record.queue.as_ref().map(QueueName::as_str),
        record.operator.as_ref().map(OperatorId::as_str),
        word(&record.language)?,
        record.plan,
        record.arrived.0,
        wall(record.answered),
        wall(record.queued),
        wall(record.rung),
        wall(record.connected),
        wall(record.ended),
        record.ended_by.as_ref().map(word).transpose()?,
        record.cause.as_ref().map(word).transpose()?,
        record.caller_quality.as_ref().map(json).transpose()?,
        record.operator_quality.as_ref().map(json).transpose()?,
        word(&record.direction)?,
        i64::try_from(record.held.as_micros()).unwrap_or(i64::MAX),
    ])?;
    Ok(())
}

/// Which calls a query wants.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Wanted {
    One(CallId),
    Arrived {
        from: Option<Wall>,
        to: Option<Wall>,
        limit: usize,
    },
    Unended {
        limit: usize,
    },
}

/// Reads records, by arrival; where there are more than the limit, the latest of them.
pub(crate) fn records(
    connection: &Connection,
    wanted: Wanted,
) -> rusqlite::Result<Vec<CallRecord>> {
    let (condition, values): (&str, Vec<Box<dyn ToSql>>) = match wanted {
        Wanted::One(call) => ("WHERE call = ?1", vec![Box::new(call.to_string())]),
        Wanted::Arrived { from, to, limit } => (
            "WHERE arrived >= ?1 AND arrived < ?2 ORDER BY arrived DESC, call DESC LIMIT ?3",
            vec![
                Box::new(from.map_or(i64::MIN, |moment| moment.0)),
                Box::new(to.map_or(i64::MAX, |moment| moment.0)),
                Box::new(i64::try_from(limit).unwrap_or(i64::MAX)),
            ],
        ),
        Wanted::Unended { limit } => (
            "WHERE ended IS NULL ORDER BY call DESC LIMIT ?1",
            vec![Box::new(i64::try_from(limit).unwrap_or(i64::MAX))],
        ),
    };
    let mut statement =
        connection.prepare_cached(&format!("SELECT {COLUMNS} FROM calls {condition}"))?;
    let values = rusqlite::params_from_iter(values);
    let mut found = statement
        .query_map(values, record)?
        .collect::<Result<Vec<_>, _>>()?;
    found.reverse();
    Ok(found)
}

/// One record.
pub(crate) fn one(connection: &Connection, call: CallId) -> rusqlite::Result<Option<CallRecord>> {
    Ok(records(connection, Wanted::One(call))?.pop())
}

fn record(row: &Row<'_>) -> rusqlite::Result<CallRecord> {
    let moment = |column: usize| row.get(column).map(|moment: Option<i64>| moment.map(Wall));
    Ok(CallRecord {
        call: text(row, 0)?,
        caller: optional(row, 1)?,
        dialled: row.get(2)?,
        trunk: text(row, 3)?,
        queue: optional(row, 4)?,
        operator: optional(row, 5)?,
        language: text(row, 6)?,
        plan: row.get(7)?,
        arrived: Wall(row.get(8)?),
        answered: moment(9)?,
        queued: moment(10)?,
        rung: moment(11)?,
        connected: moment(12)?,
        ended: moment(13)?,
        ended_by: optional(row, 14)?,
        cause: optional(row, 15)?,
        caller_quality: from_json(row, 16)?,
        operator_quality: from_json(row, 17)?,
        direction: text(row, 18)?,
        held: std::time::Duration::from_micros(counted(row.get(19)?)),
    })
}

/// What an event is called.
#[derive(serde::Deserialize)]
struct Kind<'a> {
    event: &'a str,
}

/// Writes an event into the timeline; a second time changes nothing.
pub(crate) fn insert_event(
    connection: &Connection,
    sequence: u64,
    event: &Event,
) -> rusqlite::Result<()> {
    let body = serde_json::to_string(&event.what).map_err(cannot_write)?;
    let kind: Kind<'_> = serde_json::from_str(&body).map_err(cannot_write)?;
    let mut statement =
        connection.prepare_cached("INSERT OR IGNORE INTO events VALUES (?1, ?2, ?3, ?4, ?5)")?;
    statement.execute(params![
        stored(sequence),
        event.at.0,
        event.call.map(|call| call.to_string()),
        kind.event,
        body
    ])?;
    Ok(())
}

/// The timeline of a call, in order.
pub(crate) fn timeline(
    connection: &Connection,
    call: CallId,
) -> rusqlite::Result<Vec<(u64, Event)>> {
    let mut statement = connection.prepare_cached(
        "SELECT sequence, at, body FROM events WHERE call = ?1 ORDER BY sequence",
    )?;
    let read = |row: &Row<'_>| {
        let body: String = row.get(2)?;
        let what = serde_json::from_str(&body).map_err(|fault| cannot_read(2, fault))?;
        Ok((
            counted(row.get(0)?),
            Event {
                at: Wall(row.get(1)?),
                call: Some(call),
                what,
            },
        ))
    };
    statement.query_map([call.to_string()], read)?.collect()
}

/// All events of a kind, in order.
pub(crate) fn events(
    connection: &Connection,
    kind: &str,
    from: Option<Wall>,
    to: Option<Wall>,
) -> rusqlite::Result<Vec<Event>> {
    let mut statement = connection.prepare_cached(
        "SELECT at, call, body FROM events WHERE kind = ?1 AND at >= ?2 AND at < ?3 ORDER BY sequence",
    )?;
    let read = |row: &Row<'_>| {
        let body: String = row.get(2)?;
        let what = serde_json::from_str(&body).map_err(|fault| cannot_read(2, fault))?;
        Ok(Event {
            at: Wall(row.get(0)?),
            call: optional(row, 1)?,
            what,
        })
    };
    let (from, to) = (
        from.map_or(i64::MIN, |one| one.0),
        to.map_or(i64::MAX, |one| one.0),
    );
    statement
        .query_map(params![kind, from, to], read)?
        .collect()
}

/// A number of the `meta` table.
pub(crate) fn meta(connection: &Connection, key: &str) -> rusqlite::Result<Option<u64>> {
    let mut statement = connection.prepare_cached("SELECT value FROM meta WHERE key = ?1")?;
    statement
        .query_row([key], |row| row.get(0).map(counted))
        .optional()
}

/// Sets it.
pub(crate) fn set_meta(connection: &Connection, key: &str, value: u64) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO meta VALUES (?1, ?2)")?
        .execute(params![key, stored(value)])?;
    Ok(())
}

/// SQLite's integers have a sign; numbers of entries stay far below where that matters.
fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn counted(stored: i64) -> u64 {
    u64::try_from(stored).unwrap_or(0)
}

/// A value that serde writes as one word: `hung_up`.
pub(crate) fn word<T: Serialize>(value: &T) -> rusqlite::Result<String> {
    let text = json(value)?;
    Ok(text.trim_matches('"').to_owned())
}

fn json<T: Serialize>(value: &T) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(cannot_write)
}

/// A column that [`word`] filled.
pub(crate) fn text<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    let word: String = row.get(column)?;
    from_word(word, column)
}

fn optional<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<T>> {
    let word: Option<String> = row.get(column)?;
    word.map(|word| from_word(word, column)).transpose()
}

fn from_word<T: DeserializeOwned>(word: String, column: usize) -> rusqlite::Result<T> {
    serde_json::from_value(serde_json::Value::String(word))
        .map_err(|fault| cannot_read(column, fault))
}

fn from_json<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<T>> {
    let text: Option<String> = row.get(column)?;
    text.map(|text| serde_json::from_str(&text).map_err(|fault| cannot_read(column, fault)))
        .transpose()
}

fn cannot_write(fault: serde_json::Error) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(fault.into())
}

fn cannot_read(column: usize, fault: serde_json::Error) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, fault.into())
}
