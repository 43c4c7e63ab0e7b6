//! The tables of the database, version by version. A version that was released never changes.

use rusqlite::{Connection, TransactionBehavior};

use super::database::Trouble;

/// Each step leads from the version of its place to the next.
const STEPS: &[&str] = &[
    // 1: calls with their timeline; operators and where their phones are.
    "
    CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;

    CREATE TABLE calls (
        call TEXT PRIMARY KEY,
        caller TEXT, dialled TEXT NOT NULL, trunk TEXT NOT NULL, queue TEXT, operator TEXT,
        language TEXT NOT NULL, plan TEXT NOT NULL,
        arrived INTEGER NOT NULL, answered INTEGER, queued INTEGER, rung INTEGER, connected INTEGER,
        ended INTEGER, ended_by TEXT, cause TEXT, caller_quality TEXT, operator_quality TEXT
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX calls_by_arrival ON calls (arrived);
    CREATE INDEX calls_unended ON calls (call) WHERE ended IS NULL;

    CREATE TABLE events (
        sequence INTEGER PRIMARY KEY, at INTEGER NOT NULL, call TEXT, kind TEXT NOT NULL, body TEXT NOT NULL
    ) STRICT;
    CREATE INDEX events_by_call ON events (call, sequence) WHERE call IS NOT NULL;

    CREATE TABLE operators (
        id TEXT PRIMARY KEY, name TEXT NOT NULL, realm TEXT NOT NULL,
        ha1_md5 TEXT NOT NULL, ha1_sha256 TEXT NOT NULL, created INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE operator_states (
        operator TEXT PRIMARY KEY, state TEXT NOT NULL, at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE bindings (
        operator TEXT NOT NULL, contact TEXT NOT NULL, body TEXT NOT NULL, expires INTEGER NOT NULL,
        PRIMARY KEY (operator, contact)
    ) STRICT, WITHOUT ROWID;
    ",
    // 2: calls of operators to numbers outside.
    "ALTER TABLE calls ADD COLUMN direction TEXT NOT NULL DEFAULT 'in';",
    // 3: guessers and scanners.
    "
    CREATE TABLE bans (
        source TEXT NOT NULL, user TEXT NOT NULL, until INTEGER NOT NULL, body TEXT NOT NULL,
        PRIMARY KEY (source, user)
    ) STRICT, WITHOUT ROWID;
    ",
    // 4: why an operator is in that state.
    "ALTER TABLE operator_states ADD COLUMN reason TEXT NOT NULL DEFAULT '';",
    // 5: callers on lists of the dialplan.
    "
    CREATE TABLE listed (
        list TEXT NOT NULL, caller TEXT NOT NULL, until INTEGER NOT NULL, since INTEGER NOT NULL, reason TEXT NOT NULL,
        PRIMARY KEY (list, caller)
    ) STRICT, WITHOUT ROWID;
    ",
    // 6: open cases and who looks after them.
    "
    CREATE TABLE cases (
        id INTEGER PRIMARY KEY, caller TEXT NOT NULL, owner TEXT NOT NULL,
        opened INTEGER NOT NULL, closed INTEGER
    ) STRICT;
    CREATE UNIQUE INDEX cases_open ON cases (caller) WHERE closed IS NULL;
    ",
    // 7: how long a caller was on hold, in microseconds.
    "ALTER TABLE calls ADD COLUMN held INTEGER NOT NULL DEFAULT 0;",
    // 8: messages of callers, and talks that were recorded.
    "
    CREATE TABLE recordings (
        recording TEXT PRIMARY KEY, begun INTEGER NOT NULL, erased INTEGER, body TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX recordings_by_beginning ON recordings (begun, recording);
    ",
];

/// Brings the tables to the version of this program, in one transaction.
///
/// # Errors
/// The database is of a newer version, or cannot be written.
pub(crate) fn migrate(connection: &mut Connection) -> Result<(), Trouble> {
    if version(connection)? == STEPS.len() {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(
        "CREATE TABLE IF NOT EXISTS schema_version (version INTEGER PRIMARY KEY, applied TEXT NOT NULL) STRICT",
    )?;
    let found = version(&transaction)?;
    if found > STEPS.len() {
        return Err(Trouble::Newer {
            found,
            known: STEPS.len(),
        });
    }
    for (step, statements) in STEPS.iter().enumerate().skip(found) {
        transaction.execute_batch(statements)?;
        transaction.execute(
            "INSERT INTO schema_version VALUES (?1, strftime('%FT%TZ', 'now'))",
            [count(step + 1)],
        )?;
    }
    transaction.commit()?;
    Ok(())
}

/// The version of the tables; 0: there are none.
///
/// # Errors
/// The database cannot be read.
pub(crate) fn version(connection: &Connection) -> Result<usize, rusqlite::Error> {
    let known: bool = connection.query_row(
        "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'schema_version')",
        [],
        |row| row.get(0),
    )?;
    if !known {
        return Ok(0);
    }
    let sql = "SELECT coalesce(max(version), 0) FROM schema_version";
    let version: i64 = connection.query_row(sql, [], |row| row.get(0))?;
    // A number below zero is none of ours; it reads as a version later than all that we know.
    Ok(usize::try_from(version).unwrap_or(usize::MAX))
}

fn count(version: usize) -> i64 {
    i64::try_from(version).unwrap_or(i64::MAX)
}

/// What this program knows.
pub(crate) fn known() -> usize {
    STEPS.len()
}
