//! What was kept for as long as `[privacy]` says goes: from the tables, the journal, the recordings and, by the keys that
//! are dropped, from every copy. It goes in small steps, each whole, so that nobody waits and a purge that was cut off
//! goes on where it was.

use std::io;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use super::audit::{Audit, AuditError, Deed, Note};
use super::database::CHECKPOINT;
use super::journal::Journal;
use super::keys::{KeyError, Keys};
use super::ring::{Erasable, Ring};
use super::rows;
use super::sql::{Sql, Value, values};
use super::trouble::DatabaseError;
use crate::config::{Location, Privacy};
use crate::event::Recording;
use crate::time::Wall;

/// Calls or contacts that go in one step.
const STEP: usize = 200;
/// Events that are looked at in one step.
const RANGE: usize = 5_000;
/// A file of the journal is followed by a new one after so long.
const FILE: Duration = Duration::from_secs(24 * 3_600);

/// Why not all went.
#[derive(Debug, thiserror::Error)]
pub enum PurgeError {
    /// The database.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The keys.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// The audit log.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// The journal.
    #[error("the journal: {0}; let this user read and write its folder")]
    Journal(io::Error),
    /// Somebody is on the line.
    #[error("{0}")]
    Refused(String),
}

/// What went, or would go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Gone {
    /// Keys of numbers and snapshots: what they sealed is unreadable in every copy.
    pub keys: u64,
    /// Sealed numbers.
    pub numbers: u64,
    /// SIP messages of so many calls.
    pub traces: u64,
    /// Calls with their timelines.
    pub calls: u64,
    /// Contacts with their versions.
    pub contacts: u64,
    /// Messages and recorded talks.
    pub recordings: u64,
    /// Rows of the audit log.
    pub audit: u64,
    /// Files of the journal.
    pub journal: u64,
}

impl std::fmt::Display for Gone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            keys,
            numbers,
            traces,
            calls,
            contacts,
            recordings,
            audit,
            journal,
        } = self;
        write!(
            f,
            "keys {keys}, numbers {numbers}, traces {traces}, calls {calls}, contacts {contacts}, \
             recordings {recordings}, rows of the audit log {audit}, files of the journal {journal}"
        )
    }
}

/// All that holds something of callers.
pub struct Holdings<'a> {
    /// The tables.
    pub database: &'a Location,
    /// The folder of the data.
    pub data: &'a Path,
    /// How long what is kept, and where the keys are.
    pub privacy: &'a Privacy,
    /// The journal.
    pub journal: &'a Journal,
    /// Erases the file of a recording, and has it known.
    pub erase: &'a mut dyn FnMut(&Recording),
}

/// Does it, or with `dry` tells what would go. What went is written down as done by `who`.
///
/// # Errors
/// See [`PurgeError`]; what went until then is gone.
pub fn purge(
    holdings: &mut Holdings<'_>,
    who: &str,
    now: Wall,
    dry: bool,
) -> Result<Gone, PurgeError> {
    let keys = Keys::load_or_make(&holdings.privacy.keys)?;
    let mut audit = Audit::open(holdings.database, holdings.data, &keys.audit)?;
    let mut work = Work {
        sql: Sql::open(holdings.database)?,
        now,
        dry,
        gone: Gone::default(),
    };
    work.sql.erase_for_good()?;
    let kept = &holdings.privacy.retention;
    let end = |kept: Option<Duration>| kept.map(|kept| earlier(now, kept));
    work.keys(&holdings.privacy.keys)?;
    work.numbers()?;
    if let Some(end) = end(kept.traces) {
        work.gone.traces = work.events("purged.traces", end, "kind = 'messages'")?;
    }
    if let Some(end) = end(kept.recordings) {
        work.recordings(end, holdings.erase)?;
    }
    if let Some(end) = end(kept.calls) {
        work.calls(end)?;
        work.events("purged.listed", end, "kind = 'listed'")?;
    }
    if let Some(end) = end(kept.contacts) {
        work.contacts(end)?;
    }
    if let Some(end) = end(kept.audit) {
        work.gone.audit = audit.purge(end, now, dry)?;
    }
    if let Some(end) = end(kept.journal) {
        let applied = rows::meta(&mut work.sql, CHECKPOINT)?.unwrap_or_default();
        let pruned = holdings
            .journal
            .prune(end, earlier(now, FILE), applied, dry);
        work.gone.journal = pruned.map_err(PurgeError::Journal)?;
    }
    let gone = work.gone;
    if !dry {
        work.sql.settle()?;
    }
    if !dry && gone != Gone::default() {
        audit.add(&Note {
            at: now,
            who: who.to_owned(),
            deed: Deed::Purged,
            call: None,
            about: None,
            reason: gone.to_string(),
        })?;
    }
    Ok(gone)
}

fn earlier(now: Wall, by: Duration) -> Wall {
    let micros = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
    Wall(now.0.saturating_sub(micros))
}

struct Work {
    sql: Sql,
    now: Wall,
    dry: bool,
    gone: Gone,
}

impl Work {
    fn count(&mut self, sql: &str, values: &[Value]) -> Result<u64, DatabaseError> {
        let count = self.sql.first(sql, values, |row| row.get(0))?;
        Ok(count.unwrap_or_default())
    }

    fn keys(&mut self, folder: &Path) -> Result<(), KeyError> {
        let over = |one: &Erasable| one.until <= self.now;
        for mut ring in [Ring::of_callers(folder)?, Ring::of_snapshots(folder)?] {
            let count = match self.dry {
                true => ring.count(over)?,
                false => ring.erase(over)?,
            };
            self.gone.keys += count as u64;
        }
        Ok(())
    }

    fn numbers(&mut self) -> Result<(), DatabaseError> {
        let now = values![self.now];
        self.gone.numbers = match self.dry {
            true => self.count("SELECT count(*) FROM numbers WHERE until <= ?1", now)?,
            false => self
                .sql
                .execute("DELETE FROM numbers WHERE until <= ?1", now)?,
        };
        Ok(())
    }

    /// Events of a kind go by ranges of their numbers; how far it came is kept under `place`. An event's number grows
    /// with its moment, but for a clock that was set: what it hid goes a range later.
    fn events(&mut self, place: &'static str, end: Wall, kind: &str) -> Result<u64, DatabaseError> {
        let mut done = rows::meta(&mut self.sql, place)?.unwrap_or_default();
        let mut gone = 0;
        loop {
            let range = "SELECT max(sequence), min(at), max(at) FROM (SELECT sequence, at FROM events \
                         WHERE sequence > ?1 ORDER BY sequence LIMIT ?2) AS next";
            type Range = (Option<u64>, Option<Wall>, Option<Wall>);
            let range: Option<Range> = self.sql.first(range, values![done, RANGE], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })?;
            let Some((Some(last), Some(from), Some(to))) = range else {
                return Ok(gone);
            };
            if from >= end {
                return Ok(gone);
            }
            let those = format!(
                "FROM events WHERE sequence > ?1 AND sequence <= ?2 AND at < ?3 AND {kind}"
            );
            let (dry, whole, former) = (self.dry, to < end, done);
            let values = move || [Value::from(former), last.into(), end.into()];
            gone += match dry {
                true => self.count(&format!("SELECT count(*) {those}"), &values())?,
                false => self.sql.transaction(|sql| {
                    let count = sql.execute(&format!("DELETE {those}"), &values())?;
                    if whole {
                        rows::set_meta(sql, place, last)?;
                    }
                    Ok::<u64, DatabaseError>(count)
                })?,
            };
            if !whole {
                return Ok(gone);
            }
            done = last;
        }
    }

    /// Calls that are over.
    fn calls(&mut self, end: Wall) -> Result<(), DatabaseError> {
        let old = "FROM calls WHERE arrived < ?1 AND ended IS NOT NULL";
        if self.dry {
            self.gone.calls = self.count(&format!("SELECT count(*) {old}"), values![end])?;
            return Ok(());
        }
        let some = format!("SELECT call {old} ORDER BY arrived, call LIMIT ?2");
        loop {
            let count = self.sql.transaction(|sql| {
                let calls = sql.rows(&some, values![end, STEP], |row| row.get::<String>(0))?;
                for call in &calls {
                    sql.execute("DELETE FROM events WHERE call = ?1", values![call])?;
                    sql.execute("DELETE FROM numbers WHERE call = ?1", values![call])?;
                    // What is known of a recording whose file is there goes with the file.
                    let known = "DELETE FROM recordings WHERE erased IS NOT NULL AND \
                                 recording >= ?1 AND recording < ?2";
                    sql.execute(known, values![format!("{call}-"), format!("{call}.")])?;
                    sql.execute("DELETE FROM calls WHERE call = ?1", values![call])?;
                }
                Ok::<usize, DatabaseError>(calls.len())
            })?;
            self.gone.calls += count as u64;
            if count < STEP {
                return Ok(());
            }
        }
    }

    /// Contacts that belong to no open case.
    fn contacts(&mut self, end: Wall) -> Result<(), DatabaseError> {
        let old = "FROM contacts WHERE opened < ?1 AND (case_id IS NULL OR case_id NOT IN \
                   (SELECT id FROM cases WHERE closed IS NULL))";
        if self.dry {
            self.gone.contacts = self.count(&format!("SELECT count(*) {old}"), values![end])?;
            return Ok(());
        }
        let some = format!("SELECT id {old} ORDER BY opened, id LIMIT ?2");
        loop {
            let count = self.sql.transaction(|sql| {
                let ids = sql.rows(&some, values![end, STEP], |row| row.get::<String>(0))?;
                for id in &ids {
                    for table in ["contact_versions", "contact_calls", "escalations"] {
                        let delete = format!("DELETE FROM {table} WHERE contact = ?1");
                        sql.execute(&delete, values![id])?;
                    }
                    sql.execute("DELETE FROM contacts WHERE id = ?1", values![id])?;
                }
                Ok::<usize, DatabaseError>(ids.len())
            })?;
            self.gone.contacts += count as u64;
            if count < STEP {
                return Ok(());
            }
        }
    }

    fn recordings(
        &mut self,
        end: Wall,
        erase: &mut dyn FnMut(&Recording),
    ) -> Result<(), DatabaseError> {
        let old = "SELECT body FROM recordings WHERE begun < ?1 AND erased IS NULL";
        let bodies = self
            .sql
            .rows(old, values![end], |row| row.get::<String>(0))?;
        let all = bodies
            .iter()
            .filter_map(|body| serde_json::from_str(body).ok());
        for one in all.filter(|one: &Recording| one.ended.is_some()) {
            self.gone.recordings += 1;
            if !self.dry {
                erase(&one);
            }
        }
        Ok(())
    }
}
