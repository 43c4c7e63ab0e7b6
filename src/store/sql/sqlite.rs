//! SQLite: one file in WAL mode with `synchronous = FULL`, so that what is committed survives a power cut,
//! and readers never wait for the writer.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OpenFlags, ToSql, params_from_iter};

use super::value::{Row, Value};
use crate::store::journal::private_folder;
use crate::store::trouble::Trouble;

/// How long one attempt waits for another program that has the database locked.
const BUSY: Duration = Duration::from_secs(1);

/// How many statements are kept ready.
const READY: usize = 100;

/// So much of the file a reader sees as memory: reading all calls of years is spared the copying.
const MAPPED: i64 = 1 << 30;

/// Opens for reading and writing, and makes what is missing.
pub(super) fn open(path: &Path) -> Result<Connection, Trouble> {
    if let Some(folder) = path.parent() {
        private_folder(folder)?;
    }
    // SQLite would make the file readable for all; it holds what opens the operators' accounts.
    let made = OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(path);
    match made {
        Err(fault) if fault.kind() != io::ErrorKind::AlreadyExists => return Err(fault.into()),
        _ => {}
    }
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(READY);
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    // What goes from a page is written over, as far as that page is written anyway.
    connection.pragma_update(None, "secure_delete", "FAST")?;
    Ok(connection)
}

/// Opens an existing file for reading.
pub(super) fn open_to_read(path: &Path) -> Result<Connection, Trouble> {
    if !path.exists() {
        return Err(Trouble::Missing);
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(READY);
    connection.pragma_update(None, "mmap_size", MAPPED)?;
    Ok(connection)
}

pub(super) fn execute(
    connection: &Connection,
    sql: &str,
    values: &[Value],
) -> Result<u64, Trouble> {
    let mut statement = connection.prepare_cached(sql)?;
    let count = statement.execute(params_from_iter(values))?;
    Ok(u64::try_from(count).unwrap_or(u64::MAX))
}

pub(super) fn each(
    connection: &Connection,
    sql: &str,
    values: &[Value],
    mut read: impl FnMut(&Row) -> Result<(), Trouble>,
) -> Result<(), Trouble> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut row = Row::with(statement.column_count());
    let mut rows = statement.query(params_from_iter(values))?;
    while let Some(found) = rows.next()? {
        for (column, slot) in row.slots() {
            match found.get_ref(column)? {
                ValueRef::Null => *slot = Value::Null,
                ValueRef::Integer(number) => *slot = Value::Integer(number),
                ValueRef::Real(number) => *slot = Value::Real(number),
                ValueRef::Text(text) => slot.set_text(&String::from_utf8_lossy(text)),
                ValueRef::Blob(bytes) => *slot = Value::Bytes(bytes.to_vec()),
            }
        }
        read(&row)?;
    }
    Ok(())
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Integer(number) => ValueRef::Integer(*number),
            Self::Real(number) => ValueRef::Real(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}
