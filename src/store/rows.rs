//! Records to rows and back.

use std::time::Duration;

use serde::Serialize;

use super::sql::{Row, Sql, Value, values};
use super::trouble::{DatabaseError, Trouble};
use crate::event::{CallRecord, Event};
use crate::ids::{CallId, OperatorId, Pseudonym, QueueName};
use crate::time::Wall;

pub(super) const COLUMNS: &str = "call, caller, dialled, trunk, queue, operator, language, plan, arrived, answered, queued, \
     rung, connected, ended, ended_by, cause, caller_quality, operator_quality, direction, held, shut";

/// How many events one statement writes.
const TOGETHER: usize = 50;

/// Writes the record, whether or not there is one of this call.
pub(crate) fn upsert(sql: &mut Sql, record: &CallRecord) -> Result<(), DatabaseError> {
    let values = values_of(record).map_err(|trouble| sql.fault(trouble))?;
    let changed = COLUMNS.split(", ").skip(1);
    let changed: Vec<String> = changed
        .map(|column| format!("{column} = excluded.{column}"))
        .collect();
    let statement = format!(
        "INSERT INTO calls ({COLUMNS}) VALUES ({}) ON CONFLICT (call) DO UPDATE SET {}",
        places(0, values.len()),
        changed.join(", ")
    );
    sql.execute(&statement, &values).map(|_| ())
}

fn values_of(record: &CallRecord) -> Result<Vec<Value>, Trouble> {
    Ok(vec![
        record.call.to_string().into(),
        record.caller.as_ref().map(Pseudonym::as_str).into(),
        record.dialled.as_str().into(),
        record.trunk.as_str().into(),
        record.queue.as_ref().map(QueueName::as_str).into(),
        record.operator.as_ref().map(OperatorId::as_str).into(),
        word(&record.language)?.into(),
        record.plan.as_str().into(),
        record.arrived.into(),
        record.answered.into(),
        record.queued.into(),
        record.rung.into(),
        record.connected.into(),
        record.ended.into(),
        record.ended_by.as_ref().map(word).transpose()?.into(),
        record.cause.as_ref().map(word).transpose()?.into(),
        record.caller_quality.as_ref().map(json).transpose()?.into(),
        record
            .operator_quality
            .as_ref()
            .map(json)
            .transpose()?
            .into(),
        word(&record.direction)?.into(),
        i64::try_from(record.held.as_micros())
            .unwrap_or(i64::MAX)
            .into(),
        record.shut.as_ref().map(word).transpose()?.into(),
    ])
}

/// `?1, ?2, …` behind so many.
fn places(behind: usize, count: usize) -> String {
    let places = (1..=count).map(|place| format!("?{}", behind + place));
    places.collect::<Vec<_>>().join(", ")
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
pub(crate) fn records(sql: &mut Sql, wanted: Wanted) -> Result<Vec<CallRecord>, DatabaseError> {
    let (condition, values): (&str, &[Value]) = match wanted {
        Wanted::One(call) => ("WHERE call = ?1", values![call.to_string()]),
        Wanted::Arrived { from, to, limit } => (
            "WHERE arrived >= ?1 AND arrived < ?2 ORDER BY arrived DESC, call DESC LIMIT ?3",
            values![from.unwrap_or(FIRST), to.unwrap_or(LAST), limit],
        ),
        Wanted::Unended { limit } => (
            "WHERE ended IS NULL ORDER BY call DESC LIMIT ?1",
            values![limit],
        ),
    };
    let statement = format!("SELECT {COLUMNS} FROM calls {condition}");
    let mut found = sql.rows(&statement, values, record)?;
    found.reverse();
    Ok(found)
}

const FIRST: Wall = Wall(i64::MIN);
const LAST: Wall = Wall(i64::MAX);

/// How much of a record is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whole {
    /// All of it.
    Yes,
    /// Without the figures of media, which take most of the time.
    WithoutMedia,
}

/// Hands on all records of a time, by arrival, one after the other.
pub(crate) fn each_record(
    sql: &mut Sql,
    from: Option<Wall>,
    to: Option<Wall>,
    whole: Whole,
    mut tell: impl FnMut(CallRecord),
) -> Result<(), DatabaseError> {
    let columns = match whole {
        Whole::Yes => COLUMNS.to_owned(),
        Whole::WithoutMedia => COLUMNS.replace("caller_quality, operator_quality", "NULL, NULL"),
    };
    let statement = format!(
        "SELECT {columns} FROM calls WHERE arrived >= ?1 AND arrived < ?2 ORDER BY arrived, call"
    );
    let values = values![from.unwrap_or(FIRST), to.unwrap_or(LAST)];
    sql.each(&statement, values, |row| {
        tell(record(row)?);
        Ok(())
    })
}

/// Records by call, those behind `after`, so many at most.
pub(crate) fn page(
    sql: &mut Sql,
    after: &str,
    limit: usize,
) -> Result<Vec<CallRecord>, DatabaseError> {
    let statement = format!("SELECT {COLUMNS} FROM calls WHERE call > ?1 ORDER BY call LIMIT ?2");
    sql.rows(&statement, values![after, limit], record)
}

/// One record.
pub(crate) fn one(sql: &mut Sql, call: CallId) -> Result<Option<CallRecord>, DatabaseError> {
    Ok(records(sql, Wanted::One(call))?.pop())
}

pub(super) fn record(row: &Row) -> Result<CallRecord, Trouble> {
    Ok(CallRecord {
        call: row.word(0)?,
        caller: row.optional_word(1)?,
        dialled: row.get(2)?,
        trunk: row.word(3)?,
        queue: row.optional_word(4)?,
        operator: row.optional_word(5)?,
        language: row.word(6)?,
        plan: row.get(7)?,
        arrived: row.get(8)?,
        answered: row.get(9)?,
        queued: row.get(10)?,
        rung: row.get(11)?,
        connected: row.get(12)?,
        ended: row.get(13)?,
        ended_by: row.optional_word(14)?,
        cause: row.optional_word(15)?,
        caller_quality: row.optional_json(16)?,
        operator_quality: row.optional_json(17)?,
        direction: row.word(18)?,
        held: Duration::from_micros(row.get(19)?),
        shut: row.optional_word(20)?,
    })
}

/// What an event is called.
#[derive(serde::Deserialize)]
struct Kind<'a> {
    event: &'a str,
}

/// Writes events into the timeline; a second time changes nothing.
pub(crate) fn insert_events<'a>(
    sql: &mut Sql,
    events: impl Iterator<Item = (u64, &'a Event)>,
) -> Result<(), DatabaseError> {
    let mut values = Vec::with_capacity(TOGETHER * 5);
    for (sequence, event) in events {
        let write = || {
            let body = serde_json::to_string(&event.what)?;
            let kind: Kind<'_> = serde_json::from_str(&body)?;
            let kind = Value::from(kind.event);
            let call = event.call.map(|call| call.to_string());
            Ok([
                sequence.into(),
                event.at.into(),
                call.into(),
                kind,
                body.into(),
            ])
        };
        values.extend(write().map_err(|trouble| sql.fault(trouble))?);
        if values.len() == TOGETHER * 5 {
            insert_rows(sql, &values)?;
            values.clear();
        }
    }
    for row in values.chunks_exact(5) {
        insert_rows(sql, row)?;
    }
    Ok(())
}

fn insert_rows(sql: &mut Sql, values: &[Value]) -> Result<(), DatabaseError> {
    let rows = (0..values.len() / 5).map(|row| format!("({})", places(row * 5, 5)));
    let statement = format!(
        "INSERT INTO events (sequence, at, call, kind, body) VALUES {} ON CONFLICT DO NOTHING",
        rows.collect::<Vec<_>>().join(", ")
    );
    sql.execute(&statement, values).map(|_| ())
}

/// The timeline of a call, in order.
pub(crate) fn timeline(sql: &mut Sql, call: CallId) -> Result<Vec<(u64, Event)>, DatabaseError> {
    let statement = "SELECT sequence, at, body FROM events WHERE call = ?1 ORDER BY sequence";
    sql.rows(statement, values![call.to_string()], |row| {
        let event = Event {
            at: row.get(1)?,
            call: Some(call),
            what: row.json(2)?,
        };
        Ok((row.get(0)?, event))
    })
}

/// All events of a kind, in order.
pub(crate) fn events(
    sql: &mut Sql,
    kind: &str,
    from: Option<Wall>,
    to: Option<Wall>,
) -> Result<Vec<Event>, DatabaseError> {
    let statement = "SELECT at, call, body FROM events WHERE kind = ?1 AND at >= ?2 AND at < ?3 ORDER BY sequence";
    let values = values![kind, from.unwrap_or(FIRST), to.unwrap_or(LAST)];
    sql.rows(statement, values, |row| {
        Ok(Event {
            at: row.get(0)?,
            call: row.optional_word(1)?,
            what: row.json(2)?,
        })
    })
}

/// A number of the `meta` table.
pub(crate) fn meta(sql: &mut Sql, key: &str) -> Result<Option<u64>, DatabaseError> {
    let statement = "SELECT value FROM meta WHERE key = ?1";
    sql.first(statement, values![key], |row| row.get(0))
}

/// Sets it.
pub(crate) fn set_meta(sql: &mut Sql, key: &str, value: u64) -> Result<(), DatabaseError> {
    let statement = "INSERT INTO meta (key, value) VALUES (?1, ?2) \
                     ON CONFLICT (key) DO UPDATE SET value = excluded.value";
    sql.execute(statement, values![key, value]).map(|_| ())
}

/// A value that serde writes as one word: `hung_up`.
pub(crate) fn word<T: Serialize>(value: &T) -> Result<String, Trouble> {
    let text = json(value)?;
    Ok(text.trim_matches('"').to_owned())
}

pub(crate) fn json<T: Serialize>(value: &T) -> Result<String, Trouble> {
    Ok(serde_json::to_string(value)?)
}
