//! A table that people change while the server runs: each change raises a number, by which the server notices.

use super::rows;
use super::sql::{Row, Sql, Value};
use super::trouble::{DatabaseError, Trouble};
use crate::config::Location;

/// The database, and the number of one table.
#[derive(Debug)]
pub(super) struct Versioned {
    sql: Sql,
    /// The number's name among all.
    key: &'static str,
}

impl Versioned {
    /// Opens the database, or makes it.
    pub(super) fn open(at: &Location, key: &'static str) -> Result<Self, DatabaseError> {
        let sql = Sql::open(at)?;
        Ok(Self { sql, key })
    }

    /// Grows with each change.
    pub(super) fn version(&mut self) -> Result<u64, DatabaseError> {
        Ok(rows::meta(&mut self.sql, self.key)?.unwrap_or_default())
    }

    /// All rows of a query.
    pub(super) fn rows<T>(
        &mut self,
        sql: &str,
        values: &[Value],
        read: impl FnMut(&Row) -> Result<T, Trouble>,
    ) -> Result<Vec<T>, DatabaseError> {
        self.sql.rows(sql, values, read)
    }

    /// Changes rows in one transaction; `false`: nothing was changed.
    pub(super) fn change(
        &mut self,
        with: impl FnOnce(&mut Sql) -> Result<u64, DatabaseError>,
    ) -> Result<bool, DatabaseError> {
        let key = self.key;
        self.sql.transaction(|sql| {
            let count = with(sql)?;
            if count > 0 {
                let version = rows::meta(sql, key)?.unwrap_or_default();
                rows::set_meta(sql, key, version + 1)?;
            }
            Ok(count > 0)
        })
    }
}
