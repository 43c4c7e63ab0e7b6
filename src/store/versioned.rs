//! A table that people change while the server runs: each change raises a number, by which the server notices.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, Params, Row};

use super::database::{self, DatabaseError, Trouble};
use super::rows;

/// The database, and the number of one table.
#[derive(Debug)]
pub(super) struct Versioned {
    path: PathBuf,
    connection: Connection,
    /// The number's name among all.
    key: &'static str,
}

impl Versioned {
    /// Opens the database, or makes it.
    pub(super) fn open(path: &Path, key: &'static str) -> Result<Self, DatabaseError> {
        let connection = database::open_to_write(path).map_err(DatabaseError::at(path))?;
        Ok(Self {
            path: path.to_owned(),
            connection,
            key,
        })
    }

    /// Grows with each change.
    pub(super) fn version(&self) -> Result<u64, DatabaseError> {
        self.told(rows::meta(&self.connection, self.key))
            .map(Option::unwrap_or_default)
    }

    /// All rows of a query.
    pub(super) fn rows<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, DatabaseError> {
        let all = || {
            let mut statement = self.connection.prepare_cached(sql)?;
            statement.query_map(params, read)?.collect()
        };
        self.told(all())
    }

    /// Changes rows in one transaction; `false`: nothing was changed.
    pub(super) fn change(
        &mut self,
        with: impl FnOnce(&Connection) -> rusqlite::Result<usize>,
    ) -> Result<bool, DatabaseError> {
        let immediate = rusqlite::TransactionBehavior::Immediate;
        let changed = || {
            let transaction = self.connection.transaction_with_behavior(immediate)?;
            let count = with(&transaction)?;
            if count > 0 {
                let version = rows::meta(&transaction, self.key)?.unwrap_or_default();
                rows::set_meta(&transaction, self.key, version + 1)?;
            }
            transaction.commit()?;
            Ok(count > 0)
        };
        let changed = changed();
        self.told(changed)
    }

    fn told<T>(&self, result: rusqlite::Result<T>) -> Result<T, DatabaseError> {
        result.map_err(|fault| DatabaseError::at(&self.path)(Trouble::Sqlite(fault)))
    }
}
