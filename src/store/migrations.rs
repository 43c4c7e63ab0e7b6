//! The tables of the database, version by version. A version that was released never changes.
//!
//! Steps are written in the words of SQLite (`INTEGER`, `REAL`, `TEXT`, `BLOB`, `STRICT`, `WITHOUT ROWID`; an
//! `INTEGER PRIMARY KEY` counts up by itself), which are translated for PostgreSQL; a line that begins with
//! `/* sqlite */` is for SQLite alone. Steps add: tables, and columns with a default. So an earlier program can
//! go on working with the tables of a later one, and a new version that disappoints can be taken back.

use super::sql::{Sql, values};
use super::trouble::{DatabaseError, Trouble};

/// The first version of this program that can still work with today's tables; a step that takes something
/// away or gives it another meaning raises it to its own number.
const LEAST: usize = 9;

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
        source TEXT NOT NULL, \"user\" TEXT NOT NULL, until INTEGER NOT NULL, body TEXT NOT NULL,
        PRIMARY KEY (source, \"user\")
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
    // 9: what operators did, all of it.
    "
    CREATE TABLE operator_log (
        sequence INTEGER PRIMARY KEY, operator TEXT NOT NULL, at INTEGER NOT NULL, state TEXT NOT NULL,
        reason TEXT NOT NULL
    ) STRICT;
    CREATE INDEX operator_log_by_moment ON operator_log (at, sequence);
    CREATE INDEX operator_log_by_operator ON operator_log (operator, at, sequence);
    /* sqlite */ INSERT INTO operator_log (sequence, operator, at, state, reason) SELECT sequence, body ->> '$.operator', at, body ->> '$.state', coalesce(body ->> '$.reason', '') FROM events WHERE kind = 'operator';
    ",
    // 10: contacts with their former versions, activities, escalations, taxonomies that were added.
    "
    CREATE TABLE contacts (
        id TEXT PRIMARY KEY, version BIGINT NOT NULL, opened BIGINT NOT NULL, channel TEXT NOT NULL, dialled TEXT,
        language TEXT, party TEXT NOT NULL, about TEXT, gender TEXT NOT NULL, age BIGINT, child_age BIGINT,
        child_gender TEXT, topic TEXT, taxonomy BIGINT NOT NULL, issues TEXT NOT NULL, contact_type TEXT,
        first_time TEXT NOT NULL, anonymous BIGINT NOT NULL, risk TEXT, may_call_back TEXT NOT NULL,
        may_refer TEXT NOT NULL, safe_time TEXT, safe_words TEXT, case_id BIGINT, service_tags TEXT NOT NULL,
        region TEXT, heard_from TEXT, referral TEXT, notes TEXT, calls TEXT NOT NULL, caller TEXT, operator TEXT,
        changed BIGINT NOT NULL, changed_how TEXT NOT NULL, changed_by TEXT
    );
    CREATE INDEX contacts_by_opening ON contacts (opened, id);
    CREATE INDEX contacts_by_caller ON contacts (caller, opened) WHERE caller IS NOT NULL;
    CREATE INDEX contacts_by_case ON contacts (case_id) WHERE case_id IS NOT NULL;

    CREATE TABLE contact_versions (
        contact TEXT NOT NULL, version BIGINT NOT NULL, body TEXT NOT NULL,
        changed BIGINT NOT NULL, changed_how TEXT NOT NULL, changed_by TEXT,
        PRIMARY KEY (contact, version)
    );

    CREATE TABLE contact_calls (
        call TEXT NOT NULL, contact TEXT NOT NULL, PRIMARY KEY (call, contact)
    );
    CREATE INDEX contact_calls_by_contact ON contact_calls (contact);

    CREATE TABLE escalations (
        contact TEXT NOT NULL, number BIGINT NOT NULL, at BIGINT NOT NULL, to_whom TEXT NOT NULL,
        made_by TEXT NOT NULL, outcome TEXT, closed BIGINT, PRIMARY KEY (contact, number)
    );

    CREATE TABLE activities (
        id TEXT PRIMARY KEY, kind TEXT NOT NULL, title TEXT, held_on TEXT NOT NULL, ended_on TEXT, case_id BIGINT
    );
    CREATE INDEX activities_by_day ON activities (held_on, id);

    CREATE TABLE taxonomies (version BIGINT PRIMARY KEY, body TEXT NOT NULL, added BIGINT NOT NULL);
    ",
    // 11: users, and keys of programs to the API; the page that an operator is shown of a call.
    "
    ALTER TABLE operators ADD COLUMN screen_pop TEXT;

    CREATE TABLE users (
        name TEXT PRIMARY KEY, role TEXT NOT NULL, permissions TEXT NOT NULL, operator TEXT,
        password TEXT NOT NULL, created BIGINT NOT NULL
    );
    CREATE TABLE tokens (
        id TEXT PRIMARY KEY, name TEXT NOT NULL, hash BLOB NOT NULL, scopes TEXT NOT NULL,
        created BIGINT NOT NULL, expires BIGINT, used BIGINT
    );
    ",
    // 12: changes of contacts that are to be told, and what servers have not taken yet.
    "
    CREATE TABLE contact_changes (
        number INTEGER PRIMARY KEY, contact TEXT NOT NULL, version INTEGER NOT NULL, at INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE deliveries (
        id TEXT NOT NULL, destination TEXT NOT NULL, event TEXT NOT NULL, at BIGINT NOT NULL, body TEXT NOT NULL,
        tries BIGINT NOT NULL, begun BIGINT NOT NULL, due BIGINT NOT NULL, fault TEXT, dead BIGINT,
        PRIMARY KEY (destination, id)
    );
    CREATE INDEX deliveries_by_moment ON deliveries (destination, at, id) WHERE dead IS NULL;
    ",
    // 13: calls that were led past the queues, and why.
    "ALTER TABLE calls ADD COLUMN shut TEXT;",
    // 14: callers' numbers under keys that are dropped; names of keys before; what was done to callers' data.
    "
    CREATE TABLE numbers (
        call TEXT PRIMARY KEY, caller TEXT NOT NULL, sealed TEXT NOT NULL, until BIGINT NOT NULL
    );
    CREATE INDEX numbers_by_end ON numbers (until);
    CREATE INDEX numbers_by_caller ON numbers (caller);
    CREATE INDEX calls_by_caller ON calls (caller, arrived) WHERE caller IS NOT NULL;

    CREATE TABLE renamed (former TEXT PRIMARY KEY, caller TEXT NOT NULL);
    CREATE INDEX renamed_by_caller ON renamed (caller);

    CREATE TABLE audit (
        number BIGINT PRIMARY KEY, at BIGINT NOT NULL, who TEXT NOT NULL, deed TEXT NOT NULL, call TEXT,
        about BIGINT, reason TEXT NOT NULL, mac TEXT NOT NULL
    );
    ",
];

/// Brings the tables to the version of this program, in one transaction.
///
/// # Errors
/// The database is of a version that this program may not use, or cannot be written.
pub(crate) fn migrate(sql: &mut Sql) -> Result<(), DatabaseError> {
    if sql.has("schema_version", "least")? {
        let found = version(sql)?;
        if found.version >= STEPS.len() {
            return found.usable().map_err(|trouble| sql.fault(trouble));
        }
    }
    sql.transaction(|sql| {
        sql.tables(
            "CREATE TABLE IF NOT EXISTS schema_version (version INTEGER PRIMARY KEY, applied TEXT NOT NULL) STRICT",
        )?;
        if !sql.has("schema_version", "least")? {
            sql.tables("ALTER TABLE schema_version ADD COLUMN least INTEGER NOT NULL DEFAULT 0")?;
        }
        let found = version(sql)?;
        found.usable().map_err(|trouble| sql.fault(trouble))?;
        for (step, statements) in STEPS.iter().enumerate().skip(found.version) {
            sql.tables(statements)?;
            sql.execute(
                "INSERT INTO schema_version (version, applied, least) \
                 VALUES (?1, CAST(CURRENT_TIMESTAMP AS TEXT), ?2)",
                values![step + 1, LEAST.min(step + 1)],
            )?;
        }
        Ok(())
    })
}

/// That the tables can be read as they are.
///
/// # Errors
/// They are of a version that this program may not use, or there are none.
pub(crate) fn check(sql: &mut Sql) -> Result<(), DatabaseError> {
    let known = STEPS.len();
    let found = version(sql)?;
    let checked = match found.version {
        0 => Err(Trouble::Missing),
        found if found < known => Err(Trouble::Older { found, known }),
        _ => found.usable(),
    };
    checked.map_err(|trouble| sql.fault(trouble))
}

/// The version of the tables; 0: there are none.
///
/// # Errors
/// The database cannot be read.
pub(crate) fn found(sql: &mut Sql) -> Result<usize, DatabaseError> {
    Ok(version(sql)?.version)
}

/// What the tables say of themselves.
struct Version {
    /// 0: there are none.
    version: usize,
    /// The first version of the program that can work with them.
    least: usize,
}

impl Version {
    fn usable(&self) -> Result<(), Trouble> {
        let known = STEPS.len();
        match self.version > known && self.least > known {
            true => Err(Trouble::Newer {
                found: self.version,
                known,
            }),
            false => Ok(()),
        }
    }
}

fn version(sql: &mut Sql) -> Result<Version, DatabaseError> {
    let mut found = Version {
        version: 0,
        least: 0,
    };
    if !sql.has("schema_version", "version")? {
        return Ok(found);
    }
    // Tables of before there was such a column are known by this program.
    let least = match sql.has("schema_version", "least")? {
        true => "least",
        false => "0",
    };
    let all = format!("SELECT version, {least} FROM schema_version");
    sql.each(&all, &[], |row| {
        // A number below zero is none of ours; it reads as a version later than all that we know.
        let number = |column| {
            row.get(column)
                .or_else(|_| row.get::<i64>(column).map(|_| usize::MAX))
        };
        found.version = found.version.max(number(0)?);
        found.least = found.least.max(number(1)?);
        Ok(())
    })?;
    Ok(found)
}
