//! What the helpline did beside contacts: meetings, works of rehabilitation, events.

use jiff::civil::Date;

use super::database::{DatabaseError, Trouble};
use super::sql::{Row, Sql, values};
use crate::config::Location;
use crate::records::contact::Activity;

const COLUMNS: &str = "id, kind, title, held_on, ended_on, case_id";

/// The table of activities.
#[derive(Debug)]
pub struct Activities {
    sql: Sql,
}

impl Activities {
    /// Opens the database, or makes it.
    ///
    /// # Errors
    /// See [`Trouble`].
    pub fn open(at: &Location) -> Result<Self, DatabaseError> {
        Ok(Self {
            sql: Sql::open(at)?,
        })
    }

    /// Those that began in these days, both included, by day; what takes several days counts on its first.
    ///
    /// # Errors
    /// The database.
    pub fn between(&mut self, from: Date, to: Date) -> Result<Vec<Activity>, DatabaseError> {
        between(&mut self.sql, from, to)
    }

    /// One of them.
    ///
    /// # Errors
    /// The database.
    pub fn get(&mut self, id: &str) -> Result<Option<Activity>, DatabaseError> {
        get(&mut self.sql, id)
    }

    /// Adds one; `false`: there is one of this id, which stays as it is.
    ///
    /// # Errors
    /// The database.
    pub fn insert(&mut self, activity: &Activity) -> Result<bool, DatabaseError> {
        insert(&mut self.sql, activity)
    }

    /// Removes one; `false`: there is none of this id.
    ///
    /// # Errors
    /// The database.
    pub fn remove(&mut self, id: &str) -> Result<bool, DatabaseError> {
        let text = "DELETE FROM activities WHERE id = ?1";
        Ok(self.sql.execute(text, values![id])? > 0)
    }
}

/// As [`Activities::between`], within a transaction.
pub(crate) fn between(sql: &mut Sql, from: Date, to: Date) -> Result<Vec<Activity>, DatabaseError> {
    let text = format!(
        "SELECT {COLUMNS} FROM activities WHERE held_on >= ?1 AND held_on <= ?2 ORDER BY held_on, id"
    );
    let values = values![from.to_string(), to.to_string()];
    sql.rows(&text, values, activity_of)
}

/// As [`Activities::get`], within a transaction.
pub(crate) fn get(sql: &mut Sql, id: &str) -> Result<Option<Activity>, DatabaseError> {
    let text = format!("SELECT {COLUMNS} FROM activities WHERE id = ?1");
    Ok(sql.rows(&text, values![id], activity_of)?.pop())
}

/// As [`Activities::insert`], within a transaction.
pub(crate) fn insert(sql: &mut Sql, activity: &Activity) -> Result<bool, DatabaseError> {
    write(sql, activity, "DO NOTHING")
}

/// Writes one in the place of what was there.
pub(crate) fn put(sql: &mut Sql, activity: &Activity) -> Result<bool, DatabaseError> {
    let replace = "DO UPDATE SET kind = excluded.kind, title = excluded.title, held_on = excluded.held_on, \
                   ended_on = excluded.ended_on, case_id = excluded.case_id";
    write(sql, activity, replace)
}

fn write(sql: &mut Sql, activity: &Activity, otherwise: &str) -> Result<bool, DatabaseError> {
    let text = format!(
        "INSERT INTO activities ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (id) {otherwise}"
    );
    let values = values![
        activity.id.as_str(),
        activity.kind.as_str(),
        activity.title.as_deref(),
        activity.held_on.to_string(),
        activity.ended_on.map(|day| day.to_string()),
        activity.case,
    ];
    Ok(sql.execute(&text, values)? > 0)
}

fn activity_of(row: &Row) -> Result<Activity, Trouble> {
    Ok(Activity {
        id: row.get(0)?,
        kind: row.get(1)?,
        title: row.get(2)?,
        held_on: row.word(3)?,
        ended_on: row.optional_word(4)?,
        case: row.get(5)?,
    })
}
