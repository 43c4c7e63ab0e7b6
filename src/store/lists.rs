//! Who is on which list of the dialplan: pseudonyms with an end, and why. No number is kept.

use super::sql::values;
use serde::Serialize;

use super::trouble::DatabaseError;
use super::versioned::Versioned;
use crate::config::Location;
use crate::ids::{ListName, Pseudonym};
use crate::switch::OnList;
use crate::time::Wall;

/// Grows with each change.
const VERSION: &str = "lists";
/// The most entries there can be; one more is refused.
const MOST: usize = 10_000;

/// An entry, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Who, on which list, until when.
    #[serde(flatten)]
    pub listed: OnList,
    /// Since when.
    pub since: Wall,
    /// Why.
    pub reason: String,
}

/// The table of lists.
#[derive(Debug)]
pub struct Lists(Versioned);

impl Lists {
    /// Opens the database, or makes it.
    ///
    /// # Errors
    /// See [`super::trouble::Trouble`].
    pub fn open(at: &Location) -> Result<Self, DatabaseError> {
        Versioned::open(at, VERSION).map(Self)
    }

    /// Puts a caller on a list, in the place of what there was; `false`: there are too many. A running
    /// server takes it up by itself.
    ///
    /// # Errors
    /// The database.
    pub fn add(&mut self, entry: &Entry) -> Result<bool, DatabaseError> {
        let one = &entry.listed;
        self.0.change(|sql| {
            let over = "DELETE FROM listed WHERE until <= ?1";
            sql.execute(over, values![entry.since])?;
            let count = sql.first("SELECT count(*) FROM listed", &[], |row| row.get::<usize>(0))?;
            if count.unwrap_or(MOST) >= MOST {
                return Ok(0);
            }
            sql.execute(
                "INSERT INTO listed (list, caller, until, since, reason) VALUES (?1, ?2, ?3, ?4, ?5) \
                 ON CONFLICT (list, caller) DO UPDATE SET \
                 until = excluded.until, since = excluded.since, reason = excluded.reason",
                values![
                    one.list.as_str(),
                    one.caller.as_str(),
                    one.until,
                    entry.since,
                    &entry.reason
                ],
            )
        })
    }

    /// Takes a caller off a list; `false`: nobody of this name is on it.
    ///
    /// # Errors
    /// The database.
    pub fn remove(&mut self, list: &ListName, caller: &Pseudonym) -> Result<bool, DatabaseError> {
        self.0.change(|sql| {
            let statement = "DELETE FROM listed WHERE list = ?1 AND caller = ?2";
            sql.execute(statement, values![list.as_str(), caller.as_str()])
        })
    }

    /// Those that hold now, by list and end.
    ///
    /// # Errors
    /// The database.
    pub fn all(&mut self, now: Wall) -> Result<Vec<Entry>, DatabaseError> {
        let sql = "SELECT list, caller, until, since, reason FROM listed WHERE until > ?1 \
                   ORDER BY list, until, caller";
        self.0.rows(sql, values![now], |row| {
            Ok(Entry {
                listed: OnList {
                    list: ListName(row.get(0)?),
                    caller: Pseudonym(row.get(1)?),
                    until: row.get(2)?,
                },
                since: row.get(3)?,
                reason: row.get(4)?,
            })
        })
    }

    /// Grows with each change.
    ///
    /// # Errors
    /// The database.
    pub fn version(&mut self) -> Result<u64, DatabaseError> {
        self.0.version()
    }
}
