//! The tables as one SQLite file, and back into the database of the settings.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags, OptionalExtension};

use crate::config::Location;
use crate::store::database::{CHECKPOINT, DatabaseError, Trouble};
use crate::store::journal::private_folder;
use crate::store::migrations;
use crate::store::sql::{Sql, Value, values};

/// How often a database that somebody has locked is tried again, and after what time.
const TRIES: u32 = 100;
const PAUSE: Duration = Duration::from_millis(100);

/// Writes the tables of `from` into a new file; tells up to which journal entry they go.
pub(super) fn save(from: &Location, to: &Path) -> Result<u64, DatabaseError> {
    let target = Location::Sqlite(to.to_owned());
    match from {
        // Of any version: what is copied page by page loses nothing.
        Location::Sqlite(path) if path.exists() => {
            duplicate(path, to).map_err(DatabaseError::at(from))?;
        }
        // A house in which nothing has happened yet has a backup too.
        Location::Sqlite(_) => drop(Sql::open(&target)?),
        Location::Postgres(_) => {
            let (mut source, mut copy) = (Sql::open_to_read(from)?, Sql::open(&target)?);
            source.snapshot(|source| copy_all(source, &mut copy))?;
        }
    }
    single(to).map_err(|fault| DatabaseError::at(&target)(fault.into()))
}

/// Makes it one file without a journal beside it, so that it can be read where nothing may be written; tells up to
/// which journal entry its tables go.
fn single(path: &Path) -> rusqlite::Result<u64> {
    let connection = Connection::open(path)?;
    connection.pragma_update(None, "journal_mode", "DELETE")?;
    let checkpoint = "SELECT value FROM meta WHERE key = ?1";
    let found = connection.query_row(checkpoint, [CHECKPOINT], |row| row.get::<_, i64>(0));
    Ok(found
        .optional()?
        .and_then(|found| u64::try_from(found).ok())
        .unwrap_or(0))
}

/// Whether this program may use saved tables; those of an earlier one it will bring up to date.
pub(super) fn are_usable(path: &Path) -> Result<(), DatabaseError> {
    match Sql::open_to_read(&Location::Sqlite(path.to_owned())) {
        Err(error) if !matches!(error.trouble, Trouble::Older { .. }) => Err(error),
        _ => Ok(()),
    }
}

/// One step copies all pages in one transaction of reading: in WAL mode it holds nobody up, and nobody's writing
/// makes it begin anew.
fn duplicate(from: &Path, to: &Path) -> Result<(), Trouble> {
    if let Some(folder) = to.parent() {
        private_folder(folder)?;
    }
    // SQLite would make the file readable for all.
    OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(to)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let source = Connection::open_with_flags(from, flags)?;
    let mut target = Connection::open(to)?;
    let backup = Backup::new(&source, &mut target)?;
    for _ in 0..TRIES {
        match backup.step(-1)? {
            StepResult::Done => return Ok(()),
            _ => std::thread::sleep(PAUSE),
        }
    }
    let busy = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY);
    Err(rusqlite::Error::SqliteFailure(busy, None).into())
}

/// Whether SQLite finds the file whole.
pub(super) fn check(path: &Path) -> Result<(), String> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let found = Connection::open_with_flags(path, flags).and_then(|connection| {
        connection.query_row("PRAGMA integrity_check(1)", [], |row| {
            row.get::<_, String>(0)
        })
    });
    match found {
        Ok(said) if said == "ok" => Ok(()),
        Ok(said) => Err(said),
        Err(fault) => Err(fault.to_string()),
    }
}

/// Puts saved tables into a database that has none.
pub(super) fn load(from: &Path, to: &Location) -> Result<(), DatabaseError> {
    match to {
        Location::Sqlite(path) => duplicate(from, path).map_err(DatabaseError::at(to))?,
        Location::Postgres(_) => {
            // Those of an earlier version are brought up to date first, beside the backup.
            let folder =
                tempfile::tempdir().map_err(|fault| DatabaseError::at(to)(fault.into()))?;
            let copy = folder.path().join("copy.db");
            duplicate(from, &copy).map_err(DatabaseError::at(to))?;
            let mut source = Sql::open(&copy.into())?;
            let mut target = Sql::open(to)?;
            target.transaction(|target| copy_all(&mut source, target))?;
            count_on(&mut target)?;
        }
    }
    // As the server will find them: brought up to date, in its own mode.
    Sql::open(to).map(drop)
}

/// Whether there are rows in any table but those that each database has from the beginning.
pub(super) fn are_empty(at: &Location) -> Result<bool, DatabaseError> {
    let mut sql = match Sql::open_to_read(at) {
        Ok(sql) => sql,
        Err(error) if matches!(error.trouble, Trouble::Missing) => return Ok(true),
        Err(error) => return Err(error),
    };
    for table in names(&mut sql)? {
        if ["schema_version", "meta"].contains(&table.as_str()) {
            continue;
        }
        let any = format!("SELECT 1 FROM {table} LIMIT 1");
        if sql.first(&any, &[], |_| Ok(()))?.is_some() {
            return Ok(false);
        }
    }
    Ok(true)
}

fn names(sql: &mut Sql) -> Result<Vec<String>, DatabaseError> {
    let all = match sql.location() {
        Location::Sqlite(_) => {
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
        }
        Location::Postgres(_) => {
            "SELECT CAST(table_name AS TEXT) FROM information_schema.tables \
             WHERE table_schema = current_schema() AND table_type = 'BASE TABLE' ORDER BY 1"
        }
    };
    sql.rows(all, &[], |row| row.get(0))
}

fn columns(sql: &mut Sql, table: &str) -> Result<Vec<String>, DatabaseError> {
    let all = match sql.location() {
        Location::Sqlite(_) => "SELECT name FROM pragma_table_info(?1)",
        Location::Postgres(_) => {
            "SELECT CAST(column_name AS TEXT) FROM information_schema.columns \
             WHERE table_schema = current_schema() AND table_name = ?1 ORDER BY ordinal_position"
        }
    };
    sql.rows(all, values![table], |row| row.get(0))
}

/// Each row of each table, in the place of what there was.
fn copy_all(from: &mut Sql, to: &mut Sql) -> Result<(), DatabaseError> {
    for table in names(from)? {
        let columns = columns(from, &table)?;
        let quoted: Vec<String> = columns
            .iter()
            .map(|column| format!("\"{column}\""))
            .collect();
        let quoted = quoted.join(", ");
        for column in &columns {
            // Of a later version: nothing is left out silently.
            if !to.has(&table, column)? {
                let (found, known) = (migrations::found(from)?, migrations::found(to)?);
                return Err(from.fault(Trouble::Newer { found, known }));
            }
        }
        to.execute(&format!("DELETE FROM {table}"), &[])?;
        let places: Vec<String> = (1..=columns.len())
            .map(|number| format!("?{number}"))
            .collect();
        let insert = format!(
            "INSERT INTO {table} ({quoted}) VALUES ({})",
            places.join(", ")
        );
        from.each(&format!("SELECT {quoted} FROM {table}"), &[], |row| {
            let values: &[Value] = row.values();
            to.execute(&insert, values)
                .map(drop)
                .map_err(|error| error.trouble)
        })?;
    }
    Ok(())
}

/// Keys that count up go on above what was copied.
fn count_on(sql: &mut Sql) -> Result<(), DatabaseError> {
    let counting = "SELECT CAST(table_name AS TEXT), CAST(column_name AS TEXT) FROM information_schema.columns \
                    WHERE table_schema = current_schema() AND is_identity = 'YES'";
    let counting: Vec<(String, String)> =
        sql.rows(counting, &[], |row| Ok((row.get(0)?, row.get(1)?)))?;
    for (table, column) in counting {
        let next = format!(
            "SELECT setval(pg_get_serial_sequence(?1, ?2), (SELECT coalesce(max(\"{column}\"), 0) + 1 FROM {table}), false)"
        );
        sql.first(&next, values![table, column], |_| Ok(()))?;
    }
    Ok(())
}
