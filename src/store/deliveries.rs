//! What servers outside are to be told, until they have taken it. Events come from the timeline, which the journal
//! feeds, and from the changes of contacts; both are read in the transaction that queues them, so that each is
//! queued once, whenever the process ends.

use serde::Serialize;

use super::contacts::{self, Hand};
use super::rows;
use super::sql::{Row, Sql, values};
use super::trouble::{DatabaseError, Trouble};
use crate::config::Location;
use crate::event::{CallRecord, Event, What};
use crate::records::contact::{Contact, ContactId};
use crate::time::Wall;

/// The number of the last event that was looked at.
const CURSOR: &str = "webhooks";
/// What is looked at in one transaction.
const BATCH: usize = 200;
/// The most that waits or is given up, of one destination.
pub const MOST: usize = 100_000;

/// Something to be told.
#[derive(Debug, Clone, PartialEq)]
pub enum Happened {
    /// An event of the journal.
    Event {
        /// Its number.
        sequence: u64,
        /// What.
        event: Event,
        /// With the end of a call, its record.
        record: Option<Box<CallRecord>>,
    },
    /// A contact was opened or changed.
    Contact {
        /// As it is now.
        contact: Box<Contact>,
        /// The version that was made then; the first one: it was opened.
        version: u64,
        /// When.
        at: Wall,
        /// By whom it was changed last.
        hand: Hand,
    },
}

/// What is to be sent to whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Delivery {
    /// Which: the same however often it is sent.
    pub id: String,
    /// To whom.
    pub destination: String,
    /// By which name.
    pub event: String,
    /// When it happened.
    pub at: Wall,
    /// What is sent.
    #[serde(skip)]
    pub body: String,
    /// How often it was tried in vain.
    pub tries: u32,
    /// Since when it is tried.
    pub since: Wall,
    /// When it is tried again.
    pub due: Wall,
    /// What the last try came to.
    pub fault: Option<String>,
    /// When it was given up.
    pub dead: Option<Wall>,
}

/// What a round of reading found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Fed {
    /// There may be more to read at once.
    pub more: bool,
    /// So many were not queued: too many wait already.
    pub lost: usize,
}

const COLUMNS: &str = "id, destination, event, at, body, tries, begun, due, fault, dead";

/// The table of deliveries.
#[derive(Debug)]
pub struct Deliveries {
    sql: Sql,
}

impl Deliveries {
    /// Opens the database, or makes it.
    ///
    /// # Errors
    /// See [`Trouble`].
    pub fn open(at: &Location) -> Result<Self, DatabaseError> {
        Ok(Self {
            sql: Sql::open(at)?,
        })
    }

    /// Queues what happened since the last time: `describe` tells whom and how. What happened before the first
    /// time is told to nobody.
    ///
    /// # Errors
    /// The database; then all is as it was.
    pub fn feed(
        &mut self,
        describe: impl Fn(&Happened) -> Vec<Delivery>,
    ) -> Result<Fed, DatabaseError> {
        // Most times there is nothing, and nobody is kept from writing for it.
        if !has_news(&mut self.sql)? {
            return Ok(Fed::default());
        }
        self.sql.transaction(|sql| {
            let mut fed = Fed::default();
            let happened = read(sql, &mut fed)?;
            for one in happened.iter().flat_map(describe) {
                let count = "SELECT count(*) FROM deliveries WHERE destination = ?1";
                let waiting = sql.first(count, values![one.destination.as_str()], |row| {
                    row.get::<usize>(0)
                })?;
                match waiting.unwrap_or(MOST) >= MOST {
                    true => fed.lost += 1,
                    false => insert(sql, &one)?,
                }
            }
            Ok(fed)
        })
    }

    /// What is due to a destination, the oldest first.
    ///
    /// # Errors
    /// The database.
    pub fn due(
        &mut self,
        destination: &str,
        now: Wall,
        limit: usize,
    ) -> Result<Vec<Delivery>, DatabaseError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM deliveries WHERE destination = ?1 AND dead IS NULL AND due <= ?2 \
             ORDER BY at, id LIMIT ?3"
        );
        self.sql
            .rows(&sql, values![destination, now, limit], delivery)
    }

    /// It was taken.
    ///
    /// # Errors
    /// The database; it is sent again then.
    pub fn taken(&mut self, one: &Delivery) -> Result<(), DatabaseError> {
        let sql = "DELETE FROM deliveries WHERE destination = ?1 AND id = ?2";
        let values = values![one.destination.as_str(), one.id.as_str()];
        self.sql.execute(sql, values).map(|_| ())
    }

    /// It was not taken: it is tried again at `next`; `None`: it is given up.
    ///
    /// # Errors
    /// The database.
    pub fn failed(
        &mut self,
        one: &Delivery,
        fault: &str,
        next: Option<Wall>,
        now: Wall,
    ) -> Result<(), DatabaseError> {
        let sql = "UPDATE deliveries SET tries = ?3, fault = ?4, due = ?5, dead = ?6 \
                   WHERE destination = ?1 AND id = ?2";
        let dead = next.is_none().then_some(now);
        let values = values![
            one.destination.as_str(),
            one.id.as_str(),
            one.tries.saturating_add(1),
            fault,
            next.unwrap_or(now),
            dead,
        ];
        self.sql.execute(sql, values).map(|_| ())
    }

    /// What waits and what was given up, the oldest first, at most `limit`.
    ///
    /// # Errors
    /// The database.
    pub fn list(&mut self, dead: bool, limit: usize) -> Result<Vec<Delivery>, DatabaseError> {
        let only = if dead { "WHERE dead IS NOT NULL" } else { "" };
        let sql = format!("SELECT {COLUMNS} FROM deliveries {only} ORDER BY at, id LIMIT ?1");
        self.sql.rows(&sql, values![limit], delivery)
    }

    /// Tries again at once what waits or was given up: of this id, or of this destination; tells how many.
    ///
    /// # Errors
    /// The database.
    pub fn retry(
        &mut self,
        id: Option<&str>,
        destination: Option<&str>,
        now: Wall,
    ) -> Result<u64, DatabaseError> {
        let sql = "UPDATE deliveries SET due = ?1, dead = NULL, tries = 0, begun = ?1 \
                   WHERE (CAST(?2 AS TEXT) IS NULL OR id = ?2) AND (CAST(?3 AS TEXT) IS NULL OR destination = ?3)";
        self.sql.execute(sql, values![now, id, destination])
    }

    /// Forgets what was given up before this moment; tells how many.
    ///
    /// # Errors
    /// The database.
    pub fn forget(&mut self, before: Wall) -> Result<u64, DatabaseError> {
        let sql = "DELETE FROM deliveries WHERE dead < ?1";
        self.sql.execute(sql, values![before])
    }
}

fn has_news(sql: &mut Sql) -> Result<bool, DatabaseError> {
    let Some(cursor) = rows::meta(sql, CURSOR)? else {
        return Ok(true);
    };
    let later = "SELECT 1 FROM events WHERE sequence > ?1 LIMIT 1";
    let change = "SELECT 1 FROM contact_changes LIMIT 1";
    Ok(sql.first(later, values![cursor], |_| Ok(()))?.is_some()
        || sql.first(change, &[], |_| Ok(()))?.is_some())
}

/// What is new; it counts as looked at once the transaction is committed.
fn read(sql: &mut Sql, fed: &mut Fed) -> Result<Vec<Happened>, DatabaseError> {
    let mut happened = Vec::new();
    let Some(cursor) = rows::meta(sql, CURSOR)? else {
        let last = "SELECT max(sequence) FROM events";
        let last = sql.first(last, &[], |row| row.get::<Option<u64>>(0))?;
        rows::set_meta(sql, CURSOR, last.flatten().unwrap_or(0))?;
        sql.execute("DELETE FROM contact_changes", &[])?;
        return Ok(happened);
    };
    let events = "SELECT sequence, at, call, body FROM events WHERE sequence > ?1 ORDER BY sequence LIMIT ?2";
    let events = sql.rows(events, values![cursor, BATCH], |row| {
        let event = Event {
            at: row.get(1)?,
            call: row.optional_word(2)?,
            what: row.json(3)?,
        };
        Ok((row.get::<u64>(0)?, event))
    })?;
    fed.more = events.len() == BATCH;
    if let Some((last, _)) = events.last() {
        rows::set_meta(sql, CURSOR, *last)?;
    }
    for (sequence, event) in events {
        let record = match (&event.what, event.call) {
            (What::Ended { .. }, Some(call)) => rows::one(sql, call)?.map(Box::new),
            _ => None,
        };
        happened.push(Happened::Event {
            sequence,
            event,
            record,
        });
    }
    let changes =
        "SELECT number, contact, version, at FROM contact_changes ORDER BY number LIMIT ?1";
    let changes = sql.rows(changes, values![BATCH], |row| {
        Ok((
            row.get::<i64>(0)?,
            row.get::<String>(1)?,
            row.get(2)?,
            row.get(3)?,
        ))
    })?;
    fed.more |= changes.len() == BATCH;
    if let Some((last, ..)) = changes.last() {
        let read = "DELETE FROM contact_changes WHERE number <= ?1";
        sql.execute(read, values![*last])?;
    }
    for (_, id, version, at) in changes {
        // One that was forgotten meanwhile is told to nobody.
        if let Some(found) = contacts::current(sql, &ContactId(id))? {
            happened.push(Happened::Contact {
                contact: Box::new(found.contact),
                version,
                at,
                hand: found.hand,
            });
        }
    }
    Ok(happened)
}

fn insert(sql: &mut Sql, one: &Delivery) -> Result<(), DatabaseError> {
    let text = format!(
        "INSERT INTO deliveries ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, NULL, NULL) \
         ON CONFLICT (destination, id) DO NOTHING"
    );
    let values = values![
        one.id.as_str(),
        one.destination.as_str(),
        one.event.as_str(),
        one.at,
        one.body.as_str(),
        one.tries,
        one.since,
        one.due,
    ];
    sql.execute(&text, values).map(|_| ())
}

fn delivery(row: &Row) -> Result<Delivery, Trouble> {
    Ok(Delivery {
        id: row.get(0)?,
        destination: row.get(1)?,
        event: row.get(2)?,
        at: row.get(3)?,
        body: row.get(4)?,
        tries: row.get(5)?,
        since: row.get(6)?,
        due: row.get(7)?,
        fault: row.get(8)?,
        dead: row.get(9)?,
    })
}

/// Notes that a contact was opened or changed, in the transaction that does it. A whole file that is imported is
/// no news.
pub(super) fn note_contact(
    sql: &mut Sql,
    contact: &Contact,
    hand: &Hand,
    now: Wall,
) -> Result<(), DatabaseError> {
    if *hand == Hand::Import {
        return Ok(());
    }
    let text = "INSERT INTO contact_changes (contact, version, at) VALUES (?1, ?2, ?3)";
    let values = values![contact.id.0.as_str(), contact.version, now];
    sql.execute(text, values).map(|_| ())
}
