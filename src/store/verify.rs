//! Whether journal and database tell the same, and each call has exactly one record: the one that its events make.
//!
//! All that is compared is of one moment of the database; a running server goes on writing meanwhile, and what it
//! wrote since is only counted.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use super::calls::CallsError;
use super::cursor::{Cursor, Found};
use super::database::{DatabaseError, Reader};
use super::rows;
use super::sql::values;
use crate::config::Location;
use crate::event::{CallRecord, Direction, Entry, Event, What};
use crate::ids::CallId;
use crate::records::Builder;

/// The most differences that are listed one by one.
const MAX_LISTED: usize = 1_000;

/// How many calls are compared at once.
const PAGE: usize = 500;

/// Something that is not as it must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(tag = "difference", rename_all = "snake_case")]
pub enum Difference {
    /// A line of the journal that cannot be read.
    #[error("{line}")]
    Damaged {
        /// File, line and why.
        line: String,
    },
    /// An event that is in the journal alone.
    #[error("entry {entry} of the journal is not in the database{}", of(.call))]
    Missing {
        /// Its number.
        entry: u64,
        /// Of which call.
        call: Option<CallId>,
    },
    /// An event that the database has otherwise.
    #[error("entry {entry} is another in the journal than in the database{}", of(.call))]
    Altered {
        /// Its number.
        entry: u64,
        /// Of which call.
        call: Option<CallId>,
    },
    /// An event that is in the database alone, though the journal reaches back to it.
    #[error("entry {entry} is in the database, and not in the journal")]
    Unfounded {
        /// Its number.
        entry: u64,
    },
    /// A call that arrived and has no record.
    #[error("call {call} arrived and has no record")]
    NoRecord {
        /// Which.
        call: CallId,
    },
    /// Events of a call whose arrival is lost.
    #[error("call {call} has events and no arrival")]
    NoArrival {
        /// Which.
        call: CallId,
    },
    /// A record that is not what its events make.
    #[error("the record of call {call} is not what its events tell: {}", .fields.join(", "))]
    OtherRecord {
        /// Which.
        call: CallId,
        /// In what.
        fields: Vec<String>,
    },
    /// A call that ended more than once.
    #[error("call {call} ended {times} times")]
    EndedAgain {
        /// Which.
        call: CallId,
        /// How often.
        times: usize,
    },
    /// The running server counted otherwise.
    #[error("{what}: the running server counted {counted}, the records have {recorded}")]
    Count {
        /// What was counted.
        what: String,
        /// By SIP.
        counted: String,
        /// By the records.
        recorded: u64,
    },
}

fn of(call: &Option<CallId>) -> String {
    call.map_or_else(String::new, |call| format!(" (call {call})"))
}

/// What was looked at, and what differs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// The first entry that the journal still holds; 0: none.
    pub journal_from: u64,
    /// The last entry of the journal.
    pub journal_to: u64,
    /// The last entry that the database holds.
    pub applied: u64,
    /// Events that are in both, and the same.
    pub same_events: u64,
    /// Records that are what their events make.
    pub same_records: u64,
    /// Records whose events were purged: there is nothing to compare them with.
    pub without_events: u64,
    /// Calls that have not ended.
    pub open: u64,
    /// Calls of callers that arrived after the entry that was asked for, in journal and database together.
    pub arrived_since: u64,
    /// What differs, the first of it.
    pub differences: Vec<Difference>,
    /// How many more there are.
    pub more: u64,
}

impl Verified {
    /// Adds a difference, or counts it where there are many.
    pub fn differs(&mut self, difference: Difference) {
        match self.differences.len() < MAX_LISTED {
            true => self.differences.push(difference),
            false => self.more += 1,
        }
    }
}

/// Compares all of the journal that there is with the database, and each record with its events. Callers who
/// arrived after the entry `since` are counted.
///
/// # Errors
/// Journal or database cannot be read.
pub fn verify(database: &Location, journal: &Path, since: u64) -> Result<Verified, CallsError> {
    let mut found = Verified::default();
    let mut reader = Reader::open(database)?;
    reader.frozen(|reader| {
        found.applied = reader.checkpoint()?;
        let mut lines = Lines::open(journal, since);
        events(reader, &mut lines, &mut found)?;
        lines.rest(&mut found)?;
        found.journal_from = lines.first.unwrap_or(0);
        found.journal_to = lines.cursor.after().max(found.applied);
        found.arrived_since = lines.arrived + arrived(reader, since, &lines)?;
        records(reader, &mut found)?;
        Ok(found)
    })
}

/// The events of the journal, in order.
struct Lines<'a> {
    folder: &'a Path,
    cursor: Cursor,
    next: Option<(u64, Event)>,
    first: Option<u64>,
    damaged: bool,
    since: u64,
    arrived: u64,
}

impl<'a> Lines<'a> {
    fn open(folder: &'a Path, since: u64) -> Self {
        Self {
            folder,
            cursor: Cursor::new(folder, 0),
            next: None,
            first: None,
            damaged: false,
            since,
            arrived: 0,
        }
    }

    /// The next event, which stays the next one until it is taken.
    fn peek(&mut self, found: &mut Verified) -> Result<Option<&(u64, Event)>, CallsError> {
        while self.next.is_none() {
            let read = self
                .cursor
                .advance()
                .map_err(|source| CallsError::Journal {
                    folder: self.folder.to_owned(),
                    source,
                })?;
            match read {
                None => return Ok(None),
                Some(Found::Damage(damage)) => {
                    self.damaged = true;
                    let line = damage.to_string();
                    found.differs(Difference::Damaged { line });
                }
                Some(Found::Entry(line)) => {
                    self.first.get_or_insert(line.sequence);
                    if let Entry::Event(event) = line.entry {
                        self.next = Some((line.sequence, event));
                    }
                }
            }
        }
        Ok(self.next.as_ref())
    }

    fn take(&mut self) -> Option<(u64, Event)> {
        let taken = self.next.take()?;
        self.arrived += u64::from(taken.0 > self.since && is_arrival(&taken.1));
        Some(taken)
    }

    /// Those before `entry`, none of which the database has.
    fn before(&mut self, entry: u64, found: &mut Verified) -> Result<(), CallsError> {
        while self.peek(found)?.is_some_and(|(number, _)| *number < entry) {
            if let Some((entry, event)) = self.take() {
                let call = event.call;
                found.differs(Difference::Missing { entry, call });
            }
        }
        Ok(())
    }

    /// All that are left: up to the checkpoint they are missing in the database, after it they are on their way.
    fn rest(&mut self, found: &mut Verified) -> Result<(), CallsError> {
        self.before(found.applied + 1, found)?;
        while self.peek(found)?.is_some() {
            self.take();
        }
        Ok(())
    }
}

fn is_arrival(event: &Event) -> bool {
    matches!(
        event.what,
        What::Arrived {
            direction: Direction::In,
            ..
        }
    )
}

/// Goes through journal and table side by side.
fn events(
    reader: &mut Reader,
    lines: &mut Lines<'_>,
    found: &mut Verified,
) -> Result<(), CallsError> {
    lines.peek(found)?;
    let Some(first) = lines.first else {
        return Ok(());
    };
    let mut fault = None;
    let statement =
        "SELECT sequence, at, call, body FROM events WHERE sequence >= ?1 ORDER BY sequence";
    reader.sql().each(statement, values![first], |row| {
        let entry = row.get(0)?;
        // A body that a later version wrote differs from what this one reads; it is told, not a reason to stop.
        let stored = row.json(3).ok().map(|what| Event {
            at: row.get(1).unwrap_or_default(),
            call: row.optional_word(2).unwrap_or_default(),
            what,
        });
        if fault.is_none() {
            fault = side_by_side(lines, entry, stored.as_ref(), found).err();
        }
        Ok(())
    })?;
    fault.map_or(Ok(()), Err)
}

fn side_by_side(
    lines: &mut Lines<'_>,
    entry: u64,
    stored: Option<&Event>,
    found: &mut Verified,
) -> Result<(), CallsError> {
    lines.before(entry, found)?;
    let is_here = lines
        .peek(found)?
        .is_some_and(|(number, _)| *number == entry);
    if !is_here {
        // On a damaged line the database may have had it before.
        if !lines.damaged {
            found.differs(Difference::Unfounded { entry });
        }
        return Ok(());
    }
    let Some((_, event)) = lines.take() else {
        return Ok(());
    };
    match stored == Some(&event) {
        true => found.same_events += 1,
        false => found.differs(Difference::Altered {
            entry,
            call: event.call,
        }),
    }
    Ok(())
}

/// Arrivals behind `since` that the journal does not hold any more.
fn arrived(reader: &mut Reader, since: u64, lines: &Lines<'_>) -> Result<u64, DatabaseError> {
    let before = lines.first.unwrap_or(u64::MAX >> 1);
    let statement = "SELECT at, call, body FROM events \
                     WHERE kind = 'arrived' AND sequence > ?1 AND sequence < ?2";
    let mut count = 0;
    reader
        .sql()
        .each(statement, values![since, before], |row| {
            let event = Event {
                at: row.get(0)?,
                call: row.optional_word(1)?,
                what: row.json(2)?,
            };
            count += u64::from(is_arrival(&event));
            Ok(())
        })?;
    Ok(count)
}

/// Goes through the calls, some at a time: each has one record, and it is what its events make.
fn records(reader: &mut Reader, found: &mut Verified) -> Result<(), DatabaseError> {
    let mut after = String::new();
    loop {
        let page = rows::page(reader.sql(), &after, PAGE)?;
        let last = page.last().map(|one| one.call.to_string());
        let is_last = page.len() < PAGE;
        let until = last.clone().filter(|_| !is_last);
        let told = timelines(reader, &after, until.as_deref())?;
        compare(page, told, found);
        match last {
            Some(last) if !is_last => after = last,
            _ => return Ok(()),
        }
    }
}

/// What a call's events tell.
#[derive(Default)]
struct Told {
    builder: Builder,
    arrived: bool,
    ended: usize,
}

/// Of the calls behind `after`, up to `until`.
fn timelines(
    reader: &mut Reader,
    after: &str,
    until: Option<&str>,
) -> Result<BTreeMap<CallId, Told>, DatabaseError> {
    let upper = if until.is_some() {
        "call <= ?2"
    } else {
        "?2 = ''"
    };
    let statement = format!(
        "SELECT call, at, body FROM events WHERE call > ?1 AND {upper} ORDER BY call, sequence"
    );
    let mut told: BTreeMap<CallId, Told> = BTreeMap::new();
    let values = values![after, until.unwrap_or_default()];
    reader.sql().each(&statement, values, |row| {
        let call: CallId = row.word(0)?;
        let event = Event {
            at: row.get(1)?,
            call: Some(call),
            what: row.json(2)?,
        };
        let one = told.entry(call).or_default();
        one.arrived |= matches!(event.what, What::Arrived { .. });
        one.ended += usize::from(matches!(event.what, What::Ended { .. }));
        one.builder.apply(&event);
        Ok(())
    })?;
    Ok(told)
}

fn compare(page: Vec<CallRecord>, mut told: BTreeMap<CallId, Told>, found: &mut Verified) {
    for record in page {
        let call = record.call;
        found.open += u64::from(record.ended.is_none());
        let Some(one) = told.remove(&call) else {
            found.without_events += 1;
            continue;
        };
        if one.ended > 1 {
            let times = one.ended;
            found.differs(Difference::EndedAgain { call, times });
        }
        match one.builder.record(call) {
            None => found.differs(Difference::NoArrival { call }),
            Some(made) => match fields(&record, made) {
                fields if fields.is_empty() => found.same_records += 1,
                fields => found.differs(Difference::OtherRecord { call, fields }),
            },
        }
    }
    for (call, one) in told {
        found.differs(match one.arrived {
            true => Difference::NoRecord { call },
            false => Difference::NoArrival { call },
        });
    }
}

/// The names of the fields that differ.
fn fields(stored: &CallRecord, made: &CallRecord) -> Vec<String> {
    let mut made = made.clone();
    // The table counts microseconds.
    let micros = u64::try_from(made.held.as_micros()).unwrap_or(u64::MAX);
    made.held = std::time::Duration::from_micros(micros);
    if *stored == made {
        return Vec::new();
    }
    let object = |record: &CallRecord| serde_json::to_value(record).unwrap_or_default();
    let (stored, made) = (object(stored), object(&made));
    let names = stored.as_object().into_iter().flatten();
    names
        .filter(|(name, value)| made[name.as_str()] != **value)
        .map(|(name, _)| name.clone())
        .collect()
}
