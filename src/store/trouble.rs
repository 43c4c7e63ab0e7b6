//! What is wrong with a database, and the way out.

use std::error::Error as _;
use std::io;

use postgres::error::SqlState;
use rusqlite::ErrorCode;

use crate::config::Location;

/// What is wrong with a database, and the way out.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// Made by a later version of this program, which says that this one may not use it.
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
    /// Not there, or nothing was ever written into it.
    #[error(
        "there is no such database; `qaynar serve` or `qaynar operator add` makes it; check [storage] url and data"
    )]
    Missing,
    /// The file or its folder.
    #[error("{0}; the database needs a folder that this user may write")]
    Disk(#[from] io::Error),
    /// Nobody vouches for the server of the database.
    #[error(
        "{0}; name the file of those who vouch for the server by ?sslrootcert=FILE in [storage] url"
    )]
    Authorities(String),
    /// A value that this program did not write.
    #[error("column {column} of an answer is not what this qaynar writes; restore a backup")]
    Unreadable {
        /// Which, from 0.
        column: usize,
    },
    /// A value that cannot be written.
    #[error("a value cannot be written: {0}; this is a mistake of qaynar, please report it")]
    Unwritable(#[from] serde_json::Error),
    /// SQLite refuses.
    #[error("{0}; {remedy}", remedy = of_sqlite(.0))]
    Sqlite(#[from] rusqlite::Error),
    /// PostgreSQL refuses or is not reached.
    #[error("{told}; {remedy}", told = told(.0), remedy = of_postgres(.0))]
    Postgres(#[from] postgres::Error),
}

/// A database that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{at}: {trouble}")]
pub struct DatabaseError {
    /// Which.
    pub at: Location,
    /// Why.
    pub trouble: Trouble,
}

impl DatabaseError {
    pub(crate) fn at(at: &Location) -> impl Fn(Trouble) -> Self {
        |trouble| Self {
            at: at.clone(),
            trouble,
        }
    }
}

const LOCKED: &str = "another program has it locked: end that program's transaction";
const FULL: &str = "free some space on its disk";
const DISK: &str = "check the disk";

fn of_sqlite(fault: &rusqlite::Error) -> &'static str {
    match fault.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => LOCKED,
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
        Some(ErrorCode::DiskFull) => FULL,
        Some(ErrorCode::SystemIoFailure) => DISK,
        _ => "check the file",
    }
}

/// What the server said, or else all that led to the fault.
fn told(fault: &postgres::Error) -> String {
    if let Some(said) = fault.as_db_error() {
        return said.message().to_owned();
    }
    let mut text = fault.to_string();
    let mut cause = fault.source();
    while let Some(one) = cause {
        text = format!("{text}: {one}");
        cause = one.source();
    }
    text
}

fn of_postgres(fault: &postgres::Error) -> &'static str {
    let Some(code) = fault.code() else {
        return match told(fault).contains("TLS") {
            true => {
                "the server must encrypt (ssl = on) and show a certificate that is trusted here \
                 (?sslrootcert=FILE); on a wire that nobody else reaches, ?sslmode=disable does without"
            }
            false => {
                "start PostgreSQL; check host and port of [storage] url, and what stands between"
            }
        };
    };
    // PostgreSQL's documentation, appendix A.
    match code.code() {
        "28000" | "28P01" => {
            "check user and password of [storage] url, and what pg_hba.conf grants them"
        }
        "3D000" => "make it: createdb -O USER DATABASE, as PostgreSQL's administrator",
        "53100" => FULL,
        "53300" => {
            "let max_connections of PostgreSQL be larger, or end other programs' connections"
        }
        "25006" => "it may be read only: connect to the primary, not to a standby",
        "42501" => "make the user of [storage] url the owner of the database and its tables",
        "57P01" | "57P02" | "57P03" => "wait until PostgreSQL has started",
        "55P03" | "40P01" | "57014" => LOCKED,
        "53200" => "give PostgreSQL more memory",
        "XX001" | "XX002" => "its files are damaged: restore a backup",
        _ if *code == SqlState::IO_ERROR => DISK,
        _ => "see PostgreSQL's log",
    }
}
