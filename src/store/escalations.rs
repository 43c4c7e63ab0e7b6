//! Escalations of contacts: to whom, when, and what came of it.

use serde::Serialize;

use super::database::{DatabaseError, Trouble};
use super::sql::{Row, Sql, values};
use crate::config::Location;
use crate::records::contact::ContactId;
use crate::time::Wall;

/// One.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Escalation {
    /// Of which contact.
    pub contact: ContactId,
    /// From 1, within the contact.
    pub number: u32,
    /// When.
    pub at: Wall,
    /// To whom: a service, a supervisor, the police.
    pub to_whom: String,
    /// Who escalated.
    pub by: String,
    /// What came of it, once that is known.
    pub outcome: Option<String>,
    /// When that was written down.
    pub closed: Option<Wall>,
}

/// The table of escalations.
#[derive(Debug)]
pub struct Escalations {
    sql: Sql,
}

impl Escalations {
    /// Opens the database, or makes it.
    ///
    /// # Errors
    /// See [`Trouble`].
    pub fn open(at: &Location) -> Result<Self, DatabaseError> {
        Ok(Self {
            sql: Sql::open(at)?,
        })
    }

    /// Writes one down; tells its number.
    ///
    /// # Errors
    /// The database.
    pub fn add(
        &mut self,
        contact: &ContactId,
        to_whom: &str,
        by: &str,
        now: Wall,
    ) -> Result<u32, DatabaseError> {
        let id = contact.0.as_str();
        self.sql.transaction(|sql| {
            let next = "SELECT COALESCE(MAX(number), 0) + 1 FROM escalations WHERE contact = ?1";
            let next = sql.rows(next, values![id], |row| row.get::<u32>(0))?;
            let number = next.first().copied().unwrap_or(1);
            sql.execute(
                "INSERT INTO escalations (contact, number, at, to_whom, made_by) VALUES (?1, ?2, ?3, ?4, ?5)",
                values![id, number, now, to_whom, by],
            )?;
            Ok(number)
        })
    }

    /// Writes down what came of one; `false`: there is none of this number.
    ///
    /// # Errors
    /// The database.
    pub fn close(
        &mut self,
        contact: &ContactId,
        number: u32,
        outcome: &str,
        now: Wall,
    ) -> Result<bool, DatabaseError> {
        let sql =
            "UPDATE escalations SET outcome = ?3, closed = ?4 WHERE contact = ?1 AND number = ?2";
        let values = values![contact.0.as_str(), number, outcome, now];
        Ok(self.sql.execute(sql, values)? > 0)
    }

    /// Those of a contact, in order.
    ///
    /// # Errors
    /// The database.
    pub fn of(&mut self, contact: &ContactId) -> Result<Vec<Escalation>, DatabaseError> {
        let sql = "SELECT contact, number, at, to_whom, made_by, outcome, closed FROM escalations \
                   WHERE contact = ?1 ORDER BY number";
        self.sql
            .rows(sql, values![contact.0.as_str()], escalation_of)
    }

    /// Contacts of high risk that began at or after `from` and before `to` and that nobody escalated.
    ///
    /// # Errors
    /// The database.
    pub fn missing(&mut self, from: Wall, to: Wall) -> Result<Vec<ContactId>, DatabaseError> {
        missing(&mut self.sql, from, to)
    }
}

/// As [`Escalations::missing`], within a transaction.
pub(crate) fn missing(
    sql: &mut Sql,
    from: Wall,
    to: Wall,
) -> Result<Vec<ContactId>, DatabaseError> {
    let text = "SELECT id FROM contacts WHERE risk = 'high' AND opened >= ?1 AND opened < ?2 \
                AND NOT EXISTS (SELECT 1 FROM escalations WHERE contact = contacts.id) ORDER BY opened, id";
    sql.rows(text, values![from, to], |row| Ok(ContactId(row.get(0)?)))
}

fn escalation_of(row: &Row) -> Result<Escalation, Trouble> {
    Ok(Escalation {
        contact: ContactId(row.get(0)?),
        number: row.get(1)?,
        at: row.get(2)?,
        to_whom: row.get(3)?,
        by: row.get(4)?,
        outcome: row.get(5)?,
        closed: row.get(6)?,
    })
}
