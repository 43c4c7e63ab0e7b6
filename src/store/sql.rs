//! A connection to the database that speaks one dialect, whatever program keeps the tables.
//!
//! Statements use what SQLite and PostgreSQL both understand: parameters are `?1`, `?2`, …; moments are
//! microseconds, truths 0 and 1; a row is replaced by `ON CONFLICT (…) DO UPDATE`. An insertion names its
//! columns, so that it holds when a later version has added some. Columns called `user` stand in quotes; a
//! parameter whose type nothing tells is written `CAST(?1 AS TEXT)`; `LIKE` asks no more than `lower(…) LIKE`.

mod dialect;
mod postgres;
mod sqlite;
mod value;

pub(crate) use value::values;
pub use value::{Column, Row, Value};

use self::postgres::Link;
use super::migrations;
use super::trouble::{DatabaseError, Trouble};
use crate::config::Location;
use crate::time::Wall;

/// All who write transactions wait for each other, as in SQLite: what was read within one still holds when it
/// is committed. The number is of this program alone ("qaynar" in ASCII).
const ONE_WRITER: &str = "SELECT pg_advisory_xact_lock(124668977840498)";

/// A connection.
#[derive(Debug)]
pub struct Sql {
    at: Location,
    backend: Backend,
    /// What is lost with its connection cannot be gone on with.
    within: bool,
}

#[derive(Debug)]
enum Backend {
    Sqlite(rusqlite::Connection),
    Postgres(Box<Link>),
}

impl Sql {
    /// Opens to read and write, makes what is missing, and brings the tables up to date.
    ///
    /// # Errors
    /// See [`Trouble`].
    pub fn open(at: &Location) -> Result<Self, DatabaseError> {
        let backend = match at {
            Location::Sqlite(path) => sqlite::open(path).map(Backend::Sqlite),
            Location::Postgres(address) => {
                Link::open(address, false).map(|link| Backend::Postgres(Box::new(link)))
            }
        };
        let mut opened = Self::with(at, backend)?;
        migrations::migrate(&mut opened)?;
        Ok(opened)
    }

    /// Opens what is there, to read alone.
    ///
    /// # Errors
    /// See [`Trouble`].
    pub fn open_to_read(at: &Location) -> Result<Self, DatabaseError> {
        let backend = match at {
            Location::Sqlite(path) => sqlite::open_to_read(path).map(Backend::Sqlite),
            Location::Postgres(address) => {
                Link::open(address, true).map(|link| Backend::Postgres(Box::new(link)))
            }
        };
        let mut opened = Self::with(at, backend)?;
        migrations::check(&mut opened)?;
        Ok(opened)
    }

    fn with(at: &Location, backend: Result<Backend, Trouble>) -> Result<Self, DatabaseError> {
        Ok(Self {
            at: at.clone(),
            backend: backend.map_err(DatabaseError::at(at))?,
            within: false,
        })
    }

    /// Where the tables are.
    pub fn location(&self) -> &Location {
        &self.at
    }

    /// What is wrong, with the place where it is.
    pub fn fault(&self, trouble: Trouble) -> DatabaseError {
        DatabaseError::at(&self.at)(trouble)
    }

    /// Runs a statement; tells how many rows it changed.
    ///
    /// # Errors
    /// See [`Trouble`].
    pub fn execute(&mut self, sql: &str, values: &[Value]) -> Result<u64, DatabaseError> {
        let done = match self.ready()? {
            Backend::Sqlite(connection) => sqlite::execute(connection, sql, values),
            Backend::Postgres(link) => link.execute(sql, values),
        };
        done.map_err(DatabaseError::at(&self.at))
    }

    /// Reads each row as it comes; an answer of any length needs the memory of one row.
    ///
    /// # Errors
    /// See [`Trouble`]; what `read` refuses.
    pub fn each(
        &mut self,
        sql: &str,
        values: &[Value],
        read: impl FnMut(&Row) -> Result<(), Trouble>,
    ) -> Result<(), DatabaseError> {
        let done = match self.ready()? {
            Backend::Sqlite(connection) => sqlite::each(connection, sql, values, read),
            Backend::Postgres(link) => link.each(sql, values, read),
        };
        done.map_err(DatabaseError::at(&self.at))
    }

    /// All rows of an answer that is known to be short.
    ///
    /// # Errors
    /// As [`Self::each`].
    pub fn rows<T>(
        &mut self,
        sql: &str,
        values: &[Value],
        mut read: impl FnMut(&Row) -> Result<T, Trouble>,
    ) -> Result<Vec<T>, DatabaseError> {
        let mut all = Vec::new();
        self.each(sql, values, |row| {
            all.push(read(row)?);
            Ok(())
        })?;
        Ok(all)
    }

    /// The first row of an answer; `None`: there is none.
    ///
    /// # Errors
    /// As [`Self::each`].
    pub fn first<T>(
        &mut self,
        sql: &str,
        values: &[Value],
        read: impl FnMut(&Row) -> Result<T, Trouble>,
    ) -> Result<Option<T>, DatabaseError> {
        Ok(self.rows(sql, values, read)?.into_iter().next())
    }

    /// All or nothing of what `with` does; nobody else changes anything meanwhile. Transactions do not nest.
    ///
    /// # Errors
    /// As `with`; or it cannot be committed.
    pub fn transaction<T, E: From<DatabaseError>>(
        &mut self,
        with: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        match self.ready()? {
            Backend::Sqlite(_) => self.control("BEGIN IMMEDIATE")?,
            Backend::Postgres(_) => self.control("BEGIN")?,
        }
        self.within = true;
        let locked = match &self.backend {
            Backend::Sqlite(_) => Ok(()),
            Backend::Postgres(_) => self.control(ONE_WRITER),
        };
        let done = locked.map_err(E::from).and_then(|()| with(self));
        self.close(done)
    }

    /// All that `with` reads is of one moment, whoever writes meanwhile.
    ///
    /// # Errors
    /// As `with`.
    pub fn snapshot<T, E: From<DatabaseError>>(
        &mut self,
        with: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        self.freeze()?;
        let done = with(self);
        self.close(done)
    }

    /// Begins what [`Self::close`] ends.
    pub(super) fn freeze(&mut self) -> Result<(), DatabaseError> {
        match self.ready()? {
            Backend::Sqlite(_) => self.control("BEGIN")?,
            Backend::Postgres(_) => {
                self.control("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")?
            }
        }
        self.within = true;
        Ok(())
    }

    pub(super) fn close<T, E: From<DatabaseError>>(&mut self, done: Result<T, E>) -> Result<T, E> {
        let done = done.and_then(|done| {
            self.control("COMMIT")?;
            Ok(done)
        });
        if done.is_err() {
            // The fault that is told is the first one.
            let _ = self.control("ROLLBACK");
        }
        self.within = false;
        done
    }

    /// What the clock of the database says.
    ///
    /// # Errors
    /// See [`Trouble`].
    pub fn now(&mut self) -> Result<Wall, DatabaseError> {
        let sql = match &self.backend {
            Backend::Sqlite(_) => "SELECT CAST(unixepoch('subsec') * 1000000 AS INTEGER)",
            Backend::Postgres(_) => {
                "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)"
            }
        };
        let now = self.first(sql, &[], |row| row.get(0))?;
        now.ok_or_else(|| self.fault(Trouble::Unreadable { column: 0 }))
    }

    /// What is deleted by this connection is written over.
    ///
    /// # Errors
    /// See [`Trouble`].
    pub fn erase_for_good(&mut self) -> Result<(), DatabaseError> {
        match self.ready()? {
            Backend::Sqlite(_) => self.control("PRAGMA secure_delete = ON"),
            // Its pages are its own: autovacuum writes them over in time.
            Backend::Postgres(_) => Ok(()),
        }
    }

    /// Brings all that was written into its place, so that no log of it is left.
    ///
    /// # Errors
    /// See [`Trouble`].
    pub fn settle(&mut self) -> Result<(), DatabaseError> {
        match self.ready()? {
            Backend::Sqlite(_) => self.control("PRAGMA wal_checkpoint(TRUNCATE)"),
            Backend::Postgres(_) => Ok(()),
        }
    }

    /// Statements without parameters, of this backend's own words.
    pub(super) fn control(&mut self, sql: &str) -> Result<(), DatabaseError> {
        let done = match &mut self.backend {
            Backend::Sqlite(connection) => connection.execute_batch(sql).map_err(Into::into),
            Backend::Postgres(link) => link.batch(sql),
        };
        done.map_err(DatabaseError::at(&self.at))
    }

    /// Statements that make or change tables, in the words of SQLite.
    pub(super) fn tables(&mut self, sql: &str) -> Result<(), DatabaseError> {
        match &self.backend {
            Backend::Sqlite(_) => self.control(sql),
            Backend::Postgres(_) => self.control(&dialect::tables(sql)),
        }
    }

    /// Whether a table has a column.
    pub(super) fn has(&mut self, table: &str, column: &str) -> Result<bool, DatabaseError> {
        let sql = match &self.backend {
            Backend::Sqlite(_) => "SELECT 1 FROM pragma_table_info(?1) WHERE name = ?2",
            Backend::Postgres(_) => {
                "SELECT 1 FROM information_schema.columns WHERE table_schema = current_schema() \
                 AND table_name = ?1 AND column_name = ?2"
            }
        };
        let found = self.first(sql, values![table, column], |_| Ok(()))?;
        Ok(found.is_some())
    }

    /// The backend, connected.
    fn ready(&mut self) -> Result<&mut Backend, DatabaseError> {
        if let Backend::Postgres(link) = &mut self.backend
            && !self.within
        {
            link.revive().map_err(DatabaseError::at(&self.at))?;
        }
        Ok(&mut self.backend)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(folder: &tempfile::TempDir) -> Sql {
        Sql::open(&Location::Sqlite(folder.path().join("qaynar.db"))).unwrap()
    }

    #[test]
    fn values_are_read_back_as_they_were_written() {
        let folder = tempfile::tempdir().unwrap();
        let mut sql = opened(&folder);
        let read = sql.rows(
            "SELECT CAST(?1 AS TEXT), CAST(?2 AS BIGINT), CAST(?3 AS BIGINT)",
            values!["ə", None::<i64>, Wall(7)],
            |row| {
                Ok((
                    row.get::<String>(0)?,
                    row.get::<Option<i64>>(1)?,
                    row.get::<Wall>(2)?,
                ))
            },
        );
        assert_eq!(read.unwrap(), [("ə".to_owned(), None, Wall(7))]);
    }

    #[test]
    fn a_transaction_that_fails_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut sql = opened(&folder);
        let add = "INSERT INTO meta (key, value) VALUES (?1, ?2)";
        let failed: Result<(), DatabaseError> = sql.transaction(|sql| {
            sql.execute(add, values!["a", 1_i64])?;
            sql.execute(add, values!["a", 2_i64])?;
            Ok(())
        });
        assert!(failed.is_err());
        let count = "SELECT count(*) FROM meta WHERE key = 'a'";
        assert_eq!(sql.rows(count, &[], |row| row.get::<i64>(0)).unwrap(), [0]);
        let kept: Result<u64, DatabaseError> =
            sql.transaction(|sql| sql.execute(add, values!["a", 3_i64]));
        assert_eq!(kept.unwrap(), 1);
        assert_eq!(sql.rows(count, &[], |row| row.get::<i64>(0)).unwrap(), [1]);
    }
}
