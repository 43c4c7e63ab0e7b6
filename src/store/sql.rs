//! A connection to the database that speaks one dialect, whatever program keeps the tables.
//!
//! Statements use what SQLite and PostgreSQL both understand: parameters are `?1`, `?2`, …; moments are
//! microseconds, truths 0 and 1; a row is replaced by `ON CONFLICT (…) DO UPDATE`.

use std::path::PathBuf;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, ToSql, params_from_iter};
use serde::de::DeserializeOwned;

use super::database::{self, DatabaseError, Trouble};
use crate::config::Location;
use crate::time::Wall;

/// What stands in a column.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing.
    Null,
    /// A number, a moment, a truth.
    Integer(i64),
    /// A fraction.
    Real(f64),
    /// A text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        Ok(rusqlite::types::ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Integer(number) => ValueRef::Integer(*number),
            Self::Real(number) => ValueRef::Real(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

macro_rules! from {
    ($($type:ty: $value:ident => $made:expr),+ $(,)?) => {
        $(impl From<$type> for Value { fn from($value: $type) -> Self { $made } })+
    };
}

from! {
    i64: number => Self::Integer(number),
    u32: number => Self::Integer(number.into()),
    u8: number => Self::Integer(number.into()),
    u64: number => Self::Integer(i64::try_from(number).unwrap_or(i64::MAX)),
    usize: number => Self::Integer(i64::try_from(number).unwrap_or(i64::MAX)),
    bool: truth => Self::Integer(truth.into()),
    f64: number => Self::Real(number),
    &str: text => Self::Text(text.to_owned()),
    String: text => Self::Text(text),
    &String: text => Self::Text(text.clone()),
    Wall: moment => Self::Integer(moment.0),
    Vec<u8>: bytes => Self::Bytes(bytes),
    &[u8]: bytes => Self::Bytes(bytes.to_vec()),
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// The values of a statement's parameters, in order.
#[macro_export]
macro_rules! values {
    ($($value:expr),* $(,)?) => { &[$($crate::store::sql::Value::from($value)),*] };
}

/// What a column can be read as.
pub trait Column: Sized {
    /// `None`: it is something else.
    fn read(value: &Value) -> Option<Self>;
}

macro_rules! column {
    ($($type:ty: $pattern:pat => $read:expr),+ $(,)?) => {
        $(impl Column for $type {
            fn read(value: &Value) -> Option<Self> {
                match value { $pattern => $read, _ => None }
            }
        })+
    };
}

column! {
    i64: Value::Integer(number) => Some(*number),
    u64: Value::Integer(number) => u64::try_from(*number).ok(),
    u32: Value::Integer(number) => u32::try_from(*number).ok(),
    u8: Value::Integer(number) => u8::try_from(*number).ok(),
    usize: Value::Integer(number) => usize::try_from(*number).ok(),
    bool: Value::Integer(number) => Some(*number != 0),
    f64: Value::Real(number) => Some(*number),
    String: Value::Text(text) => Some(text.clone()),
    Wall: Value::Integer(number) => Some(Self(*number)),
    Vec<u8>: Value::Bytes(bytes) => Some(bytes.clone()),
}

impl<T: Column> Column for Option<T> {
    fn read(value: &Value) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            other => T::read(other).map(Some),
        }
    }
}

/// One row of an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Row(Vec<Value>);

impl Row {
    /// The value of a column, from 0.
    ///
    /// # Errors
    /// There is none, or it is of another type.
    pub fn get<T: Column>(&self, column: usize) -> Result<T, Trouble> {
        let value = self.0.get(column);
        value
            .and_then(T::read)
            .ok_or(Trouble::Unreadable { column })
    }

    /// A value that was written as the bare word of its serialisation: ids and choices.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub fn word<T: DeserializeOwned>(&self, column: usize) -> Result<T, Trouble> {
        let text: String = self.get(column)?;
        serde_json::from_value(serde_json::Value::String(text))
            .map_err(|_| Trouble::Unreadable { column })
    }

    /// As [`Self::word`], where there may be none.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub fn optional_word<T: DeserializeOwned>(&self, column: usize) -> Result<Option<T>, Trouble> {
        match self.0.get(column) {
            Some(Value::Null) => Ok(None),
            _ => self.word(column).map(Some),
        }
    }

    /// A value that was written as JSON.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub fn json<T: DeserializeOwned>(&self, column: usize) -> Result<T, Trouble> {
        let text: String = self.get(column)?;
        serde_json::from_str(&text).map_err(|_| Trouble::Unreadable { column })
    }
}

/// A connection.
#[derive(Debug)]
pub struct Sql {
    path: PathBuf,
    connection: Connection,
}

impl Sql {
    /// Opens to read and write, makes what is missing, and brings the tables up to date.
    ///
    /// # Errors
    /// See [`Trouble`].
    pub fn open(at: &Location) -> Result<Self, DatabaseError> {
        let Location::Sqlite(path) = at;
        let connection = database::open_to_write(path).map_err(DatabaseError::at(path))?;
        Ok(Self {
            path: path.clone(),
            connection,
        })
    }

    /// Runs a statement; tells how many rows it changed.
    ///
    /// # Errors
    /// See [`Trouble`].
    pub fn execute(&mut self, sql: &str, values: &[Value]) -> Result<u64, DatabaseError> {
        let run = || {
            let mut statement = self.connection.prepare_cached(sql)?;
            let count = statement.execute(params_from_iter(values))?;
            Ok(u64::try_from(count).unwrap_or(u64::MAX))
        };
        run().map_err(DatabaseError::at(&self.path))
    }

    /// Reads each row as it comes; an answer of any length needs the memory of one row.
    ///
    /// # Errors
    /// See [`Trouble`]; what `read` refuses.
    pub fn each(
        &mut self,
        sql: &str,
        values: &[Value],
        mut read: impl FnMut(&Row) -> Result<(), Trouble>,
    ) -> Result<(), DatabaseError> {
        let mut run = || {
            let mut statement = self.connection.prepare_cached(sql)?;
            let columns = statement.column_count();
            let mut rows = statement.query(params_from_iter(values))?;
            while let Some(row) = rows.next()? {
                let row = (0..columns).map(|column| {
                    Ok(match row.get_ref(column)? {
                        ValueRef::Null => Value::Null,
                        ValueRef::Integer(number) => Value::Integer(number),
                        ValueRef::Real(number) => Value::Real(number),
                        ValueRef::Text(text) => {
                            Value::Text(String::from_utf8_lossy(text).into_owned())
                        }
                        ValueRef::Blob(bytes) => Value::Bytes(bytes.to_vec()),
                    })
                });
                let row = row.collect::<Result<Vec<_>, rusqlite::Error>>()?;
                read(&Row(row))?;
            }
            Ok(())
        };
        run().map_err(DatabaseError::at(&self.path))
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

    /// All or nothing of what `with` does. Transactions do not nest.
    ///
    /// # Errors
    /// As `with`; or it cannot be committed.
    pub fn transaction<T, E: From<DatabaseError>>(
        &mut self,
        with: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        self.execute("BEGIN IMMEDIATE", &[])?;
        let done = with(self).and_then(|done| {
            self.execute("COMMIT", &[])?;
            Ok(done)
        });
        if done.is_err() {
            // The fault that is told is the first one.
            let _ = self.execute("ROLLBACK", &[]);
        }
        done
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
