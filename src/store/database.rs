//! The database file: opening it, and what can be asked of it.
//!
//! SQLite in WAL mode with `synchronous = FULL`: what is committed survives a power cut, and readers
//! never wait for the writer. The one who writes calls is [`super::writer`].

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::bans::{self, BanRow};
use super::bindings::{self, BindingRow};
use super::journal::private_folder;
use super::messages;
use super::migrations;
use super::rows::{self, Wanted};
use super::states::{self, StateRow};
use crate::event::{CallRecord, Event, Recording};
use crate::ids::CallId;
use crate::time::Wall;

/// The number of the last journal entry whose effects are in the tables.
pub(crate) const CHECKPOINT: &str = "journal";

/// How long one attempt waits for another program that has the database locked.
const BUSY: Duration = Duration::from_secs(1);

/// What is wrong with a database, and the way out.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// Made by a later version of this program.
    #[error(
        "its tables are of version {found}, this qaynar knows {known}; run the newer qaynar, or restore a backup"
    )]
    Newer {
        /// What it has.
        found: usize,
        /// What we know.
        known: usize,
    },
    /// To be read, and made by an earlier version.
    #[error(
        "its tables are of version {found}, this qaynar needs {known}; start `qaynar serve` once to bring it up to date"
    )]
    Older {
        /// What it has.
        found: usize,
        /// What we need.
        known: usize,
    },
    /// Not there.
    #[error(
        "there is no such database; `qaynar serve` or `qaynar operator add` makes it; check [storage] url and data"
    )]
    Missing,
    /// The file or its folder.
    #[error("{0}; the database needs a folder that this user may write")]
    Disk(#[from] io::Error),
    /// A value that this program did not write.
    #[error("column {column} of an answer is not what this qaynar writes; restore a backup")]
    Unreadable {
        /// Which, from 0.
        column: usize,
    },
    /// SQLite refuses.
    #[error("{0}; {remedy}", remedy = remedy(.0))]
    Sqlite(#[from] rusqlite::Error),
}

/// A database that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {trouble}", path.display())]
pub struct DatabaseError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub trouble: Trouble,
}

impl DatabaseError {
    pub(crate) fn at(path: &Path) -> impl Fn(Trouble) -> Self {
        |trouble| Self {
            path: path.to_owned(),
            trouble,
        }
    }
}

fn remedy(fault: &rusqlite::Error) -> &'static str {
    match fault.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "another program has it locked: end that program's transaction"
        }
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            "give this user the right to write the file and its folder"
        }
        Some(ErrorCode::CannotOpen) => {
            "check that the folder exists and that this user may read and write it"
        }
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            "the file is damaged: stop qaynar, move it and its -wal and -shm away, restore a backup, and start again; \
             what the journal still holds is added by itself"
        }
        Some(ErrorCode::DiskFull) => "free some space on its disk",
        Some(ErrorCode::SystemIoFailure) => "check the disk",
        _ => "check the file",
    }
}

/// Opens for reading and writing, makes what is missing, and brings the tables up to date.
pub(crate) fn open_to_write(path: &Path) -> Result<Connection, Trouble> {
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
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    migrations::migrate(&mut connection)?;
    Ok(connection)
}

/// What can be asked, on a connection that only reads.
#[derive(Debug)]
pub struct Reader {
    path: PathBuf,
    connection: Connection,
}

impl Reader {
    /// Opens an existing database.
    ///
    /// # Errors
    /// See [`Trouble`].
    pub fn open(path: &Path) -> Result<Self, DatabaseError> {
        let open = || {
            if !path.exists() {
                return Err(Trouble::Missing);
            }
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let connection = Connection::open_with_flags(path, flags)?;
            connection.busy_timeout(BUSY)?;
            let (found, known) = (migrations::version(&connection)?, migrations::known());
            match found.cmp(&known) {
                std::cmp::Ordering::Less => Err(Trouble::Older { found, known }),
                std::cmp::Ordering::Equal => Ok(connection),
                std::cmp::Ordering::Greater => Err(Trouble::Newer { found, known }),
            }
        };
        let connection = open().map_err(DatabaseError::at(path))?;
        Ok(Self {
            path: path.to_owned(),
            connection,
        })
    }

    /// Calls that arrived at or after `from` and before `to`, by arrival. Where they are more than
    /// `limit`, the latest.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn calls(
        &self,
        from: Option<Wall>,
        to: Option<Wall>,
        limit: usize,
    ) -> Result<Vec<CallRecord>, DatabaseError> {
        self.told(rows::records(
            &self.connection,
            Wanted::Arrived { from, to, limit },
        ))
    }

    /// Calls without an end, the latest `limit` of them, by arrival.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn unended(&self, limit: usize) -> Result<Vec<CallRecord>, DatabaseError> {
        self.told(rows::records(&self.connection, Wanted::Unended { limit }))
    }

    /// One call.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn call(&self, call: CallId) -> Result<Option<CallRecord>, DatabaseError> {
        self.told(rows::one(&self.connection, call))
    }

    /// All events of a call with their journal numbers, in order.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn timeline(&self, call: CallId) -> Result<Vec<(u64, Event)>, DatabaseError> {
        self.told(rows::timeline(&self.connection, call))
    }

    /// All events of a kind at or after `from` and before `to`, in order.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn events(
        &self,
        kind: &str,
        from: Option<Wall>,
        to: Option<Wall>,
    ) -> Result<Vec<Event>, DatabaseError> {
        self.told(rows::events(&self.connection, kind, from, to))
    }

    /// The number of the last journal entry that the tables hold; 0: none.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn checkpoint(&self) -> Result<u64, DatabaseError> {
        self.told(rows::meta(&self.connection, CHECKPOINT))
            .map(Option::unwrap_or_default)
    }

    /// Where operators' phones were at last, expired ones included.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn bindings(&self) -> Result<Vec<BindingRow>, DatabaseError> {
        self.told(bindings::all(&self.connection))
    }

    /// Who was banned at last, bans that are over included.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn bans(&self) -> Result<Vec<BanRow>, DatabaseError> {
        self.told(bans::all(&self.connection))
    }

    /// Messages and recorded talks, erased ones included, the latest `limit` of them.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn recordings(&self, limit: usize) -> Result<Vec<Recording>, DatabaseError> {
        self.told(messages::all(&self.connection, limit))
    }

    /// What operators were doing at last, and since when.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn operator_states(&self) -> Result<Vec<StateRow>, DatabaseError> {
        self.told(states::all(&self.connection))
    }

    /// Holds the tables as they are now for all that is asked until it is dropped.
    pub(crate) fn freeze(&self) -> Result<rusqlite::Transaction<'_>, DatabaseError> {
        self.told(self.connection.unchecked_transaction())
    }

    fn told<T>(&self, result: rusqlite::Result<T>) -> Result<T, DatabaseError> {
        result.map_err(|fault| DatabaseError {
            path: self.path.clone(),
            trouble: fault.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fresh_database_is_for_this_user_alone_and_can_be_read() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/qaynar.db");
        drop(open_to_write(&path).unwrap());
        drop(open_to_write(&path).unwrap());
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        let reader = Reader::open(&path).unwrap();
        assert_eq!(reader.calls(None, None, 10).unwrap(), []);
        assert_eq!(reader.checkpoint().unwrap(), 0);
    }

    #[test]
    fn each_fault_names_the_file_and_the_way_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("qaynar.db");
        let told = Reader::open(&path).unwrap_err().to_string();
        assert!(
            told.contains("qaynar.db: there is no such database"),
            "{told}"
        );
        std::fs::write(
            &path,
            "no database at all, but long enough to be taken for one: ".repeat(40),
        )
        .unwrap();
        let told = open_to_write(&path).unwrap_err().to_string();
        assert!(told.contains("restore a backup"), "{told}");
        std::fs::remove_file(&path).unwrap();
        let connection = open_to_write(&path).unwrap();
        connection
            .execute("INSERT INTO schema_version VALUES (99, 'tomorrow')", [])
            .unwrap();
        let told = Reader::open(&path).unwrap_err().to_string();
        assert!(told.contains("run the newer qaynar"), "{told}");
        let told = open_to_write(&path).unwrap_err().to_string();
        assert!(told.contains("run the newer qaynar"), "{told}");
    }
}
