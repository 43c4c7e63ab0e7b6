//! The audit log: who did what to callers' data, when and why. Rows are only added; each carries an HMAC over itself and
//! the one before it, so that a row that was changed, put in or taken out shows. Nobody's number or pseudonym stands
//! here: calls are named by their ids.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::keys::hex;
use super::rows::word;
use super::sql::{Row, Sql, Value, values};
use super::trouble::{DatabaseError, Trouble};
use crate::config::Location;
use crate::ids::CallId;
use crate::private::Private;
use crate::time::Wall;

/// Letters of a reason.
pub const MAX_REASON: usize = 500;
/// Rows that may wait for the database.
const MOST_WAITING: usize = 10_000;
const COLUMNS: &str = "number, at, who, deed, call, about, reason, mac";

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    /// A number was read by permission.
    Revealed,
    /// A number was read without permission, because it could not wait. A supervisor reviews it.
    BrokeGlass,
    /// Somebody wanted a number and did not get it.
    Refused,
    /// A supervisor looked at what was done.
    Reviewed,
    /// Callers get new pseudonyms.
    KeysRotated,
    /// The former names are no more.
    KeysRetired,
    /// What was kept for long enough went.
    Purged,
    /// A caller was forgotten.
    Forgot,
    /// The beginning of this log went.
    AuditPurged,
    /// A supervisor heard a talk.
    Listened,
    /// A supervisor heard a talk and spoke to the operator.
    Whispered,
    /// A supervisor spoke in a talk.
    Barged,
}

impl Deed {
    /// For people.
    pub fn text(self) -> &'static str {
        match self {
            Self::Revealed => "read the number",
            Self::BrokeGlass => "BROKE THE GLASS and read the number",
            Self::Refused => "was refused the number",
            Self::Reviewed => "reviewed",
            Self::KeysRotated => "rotated the key of pseudonyms",
            Self::KeysRetired => "retired the former key of pseudonyms",
            Self::Purged => "purged",
            Self::Forgot => "had a caller forgotten",
            Self::AuditPurged => "purged the beginning of this log",
            Self::Listened => "listened to the talk",
            Self::Whispered => "whispered in the talk",
            Self::Barged => "spoke in the talk",
        }
    }
}

/// What is to be written down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// When.
    pub at: Wall,
    /// Who, as users and operators are named; `qaynar`: by schedule.
    pub who: String,
    /// What.
    pub deed: Deed,
    /// To which call.
    pub call: Option<CallId>,
    /// To which row of this log, or up to which.
    pub about: Option<u64>,
    /// Why, for people.
    pub reason: String,
}

/// A row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Record {
    /// Counted from 1; `None`: it is an event of the journal, or waits for the database.
    pub number: Option<u64>,
    /// What it says.
    #[serde(flatten)]
    pub note: Note,
}

/// Where a note went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noted {
    /// Into the log, as this row.
    Row(u64),
    /// Beside the log, until the database is back.
    Waits,
}

/// Why nothing was written down.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The database.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// Neither the database nor the file beside it.
    #[error("{}: {source}; nothing is done that cannot be written down: give this user the right to write there", path.display())]
    Disk {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is no such row, or it needs no review.
    #[error(
        "row {0} of the audit log waits for no review; `qaynar audit list --pending` tells which do"
    )]
    NotPending(u64),
    /// Nobody reviews what they did.
    #[error("{0} did it: somebody else reviews it")]
    OwnDeed(String),
}

/// The log.
#[derive(Debug)]
pub struct Audit {
    sql: Sql,
    key: Private<[u8; 32]>,
}

impl Audit {
    /// Opens the database, or makes it; takes in what waited beside it in the folder `data`.
    ///
    /// # Errors
    /// See [`AuditError`].
    pub fn open(at: &Location, data: &Path, key: &Private<[u8; 32]>) -> Result<Self, AuditError> {
        let sql = Sql::open(at)?;
        let key = key.clone();
        let mut audit = Self { sql, key };
        audit.take_in(&waiting(data))?;
        Ok(audit)
    }

    /// Adds a row; gives its number.
    ///
    /// # Errors
    /// The database.
    pub fn add(&mut self, note: &Note) -> Result<u64, DatabaseError> {
        let key = self.key.clone();
        self.sql.transaction(|sql| append(sql, &key, note))
    }

    /// Rows at or after `from` and before `to`, in order.
    ///
    /// # Errors
    /// The database.
    pub fn list(&mut self, from: Wall, to: Wall) -> Result<Vec<Record>, DatabaseError> {
        let select =
            format!("SELECT {COLUMNS} FROM audit WHERE at >= ?1 AND at < ?2 ORDER BY number");
        let read = |row: &Row| read(row).map(|(record, _)| record);
        self.sql.rows(&select, values![from, to], read)
    }

    /// Rows that wait for a supervisor's review, the oldest first.
    ///
    /// # Errors
    /// The database.
    pub fn pending(&mut self) -> Result<Vec<Record>, DatabaseError> {
        let select = format!(
            "SELECT {COLUMNS} FROM audit WHERE deed = 'broke_glass' AND number NOT IN \
             (SELECT about FROM audit WHERE deed = 'reviewed' AND about IS NOT NULL) ORDER BY number"
        );
        let read = |row: &Row| read(row).map(|(record, _)| record);
        self.sql.rows(&select, &[], read)
    }

    /// Writes down that somebody reviewed a row.
    ///
    /// # Errors
    /// The row waits for no review, or is the reviewer's own; the database.
    pub fn review(
        &mut self,
        number: u64,
        who: &str,
        note: &str,
        at: Wall,
    ) -> Result<u64, AuditError> {
        let pending = self.pending()?;
        let mut pending = pending.into_iter();
        let found = pending.find(|one| one.number == Some(number));
        let found = found.ok_or(AuditError::NotPending(number))?;
        if found.note.who == who {
            return Err(AuditError::OwnDeed(who.to_owned()));
        }
        Ok(self.add(&Note {
            at,
            who: who.to_owned(),
            deed: Deed::Reviewed,
            call: found.note.call,
            about: Some(number),
            reason: note.to_owned(),
        })?)
    }

    /// What is wrong with the chain; empty: nothing.
    ///
    /// # Errors
    /// The database.
    pub fn verify(&mut self) -> Result<Vec<String>, DatabaseError> {
        let (key, mut faults) = (self.key.clone(), Vec::new());
        let (mut last, mut first): (Option<(u64, String)>, Option<u64>) = (None, None);
        let mut purged = BTreeSet::new();
        let select = format!("SELECT {COLUMNS} FROM audit ORDER BY number");
        self.sql.each(&select, &[], |row| {
            let (record, mac) = read(row)?;
            let number = record.number.unwrap_or_default();
            if record.note.deed == Deed::AuditPurged {
                purged.extend(record.note.about);
            }
            // The first that is left can be compared with nothing, unless it is the first of all.
            let before = match &last {
                Some((before, _)) if *before + 1 != number => {
                    faults.push(format!("rows {} to {} are missing", before + 1, number - 1));
                    None
                }
                Some((_, mac)) => Some(mac.as_str()),
                None if number == 1 => Some(""),
                None => None,
            };
            if before.is_some_and(|before| seal(&key, before, number, &record.note) != mac) {
                faults.push(format!("row {number} is not as it was written"));
            }
            first.get_or_insert(number);
            last = Some((number, mac));
            Ok(())
        })?;
        if let Some(first) = first.filter(|first| *first > 1 && !purged.contains(&(first - 1))) {
            faults.push(format!("rows 1 to {} are missing", first - 1));
        }
        Ok(faults)
    }

    /// Rows that came before `before` go, but for those that wait for a review and all after them; gives how many.
    /// The log says so itself. With `dry`, they are only counted.
    ///
    /// # Errors
    /// The database.
    pub fn purge(&mut self, before: Wall, now: Wall, dry: bool) -> Result<u64, DatabaseError> {
        let unreviewed = self.pending()?.first().and_then(|one| one.number);
        let key = self.key.clone();
        self.sql.transaction(|sql| {
            let young = "SELECT min(number) FROM audit WHERE at >= ?1";
            let newest = "SELECT max(number) FROM audit";
            let number = |sql: &mut Sql, select: &str, values: &[Value]| {
                let found = sql.first(select, values, |row| row.get::<Option<u64>>(0));
                found.map(Option::flatten)
            };
            let young = number(sql, young, values![before])?;
            let Some(young) = young.or(number(sql, newest, &[])?) else {
                return Ok(0);
            };
            // One that is left is compared with by the next.
            let end = young.min(unreviewed.unwrap_or(u64::MAX)).saturating_sub(1);
            let count = "SELECT count(*) FROM audit WHERE number < ?1";
            let count = sql.first(count, values![end], |row| row.get::<u64>(0))?;
            let count = count.unwrap_or_default();
            if count == 0 || dry {
                return Ok(count);
            }
            sql.execute("DELETE FROM audit WHERE number < ?1", values![end])?;
            let note = Note {
                at: now,
                who: "qaynar".into(),
                deed: Deed::AuditPurged,
                call: None,
                about: Some(end - 1),
                reason: format!("{count} rows were kept for long enough"),
            };
            append(sql, &key, &note)?;
            Ok(count)
        })
    }

    fn take_in(&mut self, path: &Path) -> Result<(), AuditError> {
        let fault = |source| AuditError::Disk {
            path: path.to_owned(),
            source,
        };
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(none) if none.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(other) => return Err(fault(other)),
        };
        // A torn line was never acted upon.
        let notes = text
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok());
        let notes: Vec<Note> = notes.take(MOST_WAITING).collect();
        let key = self.key.clone();
        self.sql.transaction(|sql| {
            let known = "SELECT count(*) FROM audit WHERE at = ?1 AND who = ?2";
            for note in &notes {
                // It may have been taken in when the file could not be removed.
                let twice =
                    sql.first(known, values![note.at, &note.who], |row| row.get::<u64>(0))?;
                if twice.unwrap_or_default() == 0 {
                    append(sql, &key, note)?;
                }
            }
            Ok::<(), DatabaseError>(())
        })?;
        fs::remove_file(path).map_err(fault)
    }
}

/// Writes a note down before what it says is done: into the log, and where the database cannot be written, into a file
/// of the folder `data` that the log takes in later. A lone operator at night must not be kept from a number by that.
///
/// # Errors
/// Neither can be written.
pub fn note(
    at: &Location,
    data: &Path,
    key: &Private<[u8; 32]>,
    note: &Note,
) -> Result<Noted, AuditError> {
    let done = Audit::open(at, data, key).and_then(|mut audit| Ok(audit.add(note)?));
    match done {
        Ok(number) => Ok(Noted::Row(number)),
        Err(error) => {
            tracing::warn!(%error, "the audit log waits for the database");
            let path = waiting(data);
            let written = wait(&path, note);
            written.map_err(|source| AuditError::Disk { path, source })?;
            Ok(Noted::Waits)
        }
    }
}

fn waiting(data: &Path) -> PathBuf {
    data.join("audit.waiting")
}

fn wait(path: &Path, note: &Note) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options.create(true).append(true).mode(0o600).open(path)?;
    let line = serde_json::to_string(note)?;
    file.write_all(format!("{line}\n").as_bytes())?;
    file.sync_all()
}

fn append(sql: &mut Sql, key: &Private<[u8; 32]>, note: &Note) -> Result<u64, DatabaseError> {
    let last = "SELECT number, mac FROM audit ORDER BY number DESC LIMIT 1";
    let last = sql.first(last, &[], |row| {
        Ok((row.get::<u64>(0)?, row.get::<String>(1)?))
    })?;
    let (number, before) = last.unwrap_or_default();
    let number = number + 1;
    let mac = seal(key, &before, number, note);
    let insert = format!("INSERT INTO audit ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");
    let deed = word(&note.deed).map_err(|trouble| sql.fault(trouble))?;
    let values = values![
        number,
        note.at,
        &note.who,
        deed,
        note.call.map(|call| call.to_string()),
        note.about,
        &note.reason,
        mac,
    ];
    sql.execute(&insert, values)?;
    Ok(number)
}

/// Each part is preceded by its length, so that no other parts give the same octets.
fn seal(key: &Private<[u8; 32]>, before: &str, number: u64, note: &Note) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key.reveal()) else {
        unreachable!("HMAC takes keys of every length");
    };
    let deed = word(&note.deed).unwrap_or_default();
    let call = note.call.map(|call| call.to_string());
    let about = note.about.map(|about| about.to_string());
    let (number, at) = (number.to_string(), note.at.0.to_string());
    let parts = [
        before,
        &number,
        &at,
        &note.who,
        &deed,
        call.as_deref().unwrap_or_default(),
        about.as_deref().unwrap_or_default(),
        &note.reason,
    ];
    for part in parts {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part.as_bytes());
    }
    hex(&mac.finalize().into_bytes())
}

fn read(row: &Row) -> Result<(Record, String), Trouble> {
    let note = Note {
        at: row.get(1)?,
        who: row.get(2)?,
        deed: row.word(3)?,
        call: row.optional_word(4)?,
        about: row.get(5)?,
        reason: row.get(6)?,
    };
    let number = Some(row.get(0)?);
    Ok((Record { number, note }, row.get(7)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(at: i64, who: &str, deed: Deed) -> Note {
        Note {
            at: Wall(at),
            who: who.into(),
            deed,
            call: Some(CallId(7)),
            about: None,
            reason: "a child in danger".into(),
        }
    }

    fn opened(folder: &Path) -> Audit {
        let at = folder.join("qaynar.db").into();
        Audit::open(&at, folder, &Private::new([7; 32])).unwrap()
    }

    #[test]
    fn what_was_changed_put_in_or_taken_out_shows() {
        let folder = tempfile::tempdir().unwrap();
        let mut audit = opened(folder.path());
        for at in 1..=4 {
            audit.add(&said(at, "201", Deed::Revealed)).unwrap();
        }
        assert_eq!(audit.verify().unwrap(), Vec::<String>::new());
        let mut broken = |change: &str, undo: &str| {
            audit.sql.execute(change, &[]).unwrap();
            let found = audit.verify().unwrap().join("; ");
            audit.sql.execute(undo, &[]).unwrap();
            found
        };
        let reason = |text: &str| format!("UPDATE audit SET reason = '{text}' WHERE number = 2");
        let found = broken(&reason("none"), &reason("a child in danger"));
        assert_eq!(found, "row 2 is not as it was written");
        let number =
            |from: u64, to: u64| format!("UPDATE audit SET number = {to} WHERE number = {from}");
        let found = broken(&number(2, 12), &number(12, 2));
        assert!(found.contains("rows 2 to 2 are missing"), "{found}");
        let found = broken(&number(1, 11), &number(11, 1));
        assert!(found.contains("rows 1 to 1 are missing"), "{found}");
        assert_eq!(audit.verify().unwrap(), Vec::<String>::new());
    }

    #[test]
    fn a_broken_glass_waits_for_somebody_elses_review() {
        let folder = tempfile::tempdir().unwrap();
        let mut audit = opened(folder.path());
        let number = audit.add(&said(1, "201", Deed::BrokeGlass)).unwrap();
        audit.add(&said(2, "gunay", Deed::Revealed)).unwrap();
        assert_eq!(audit.pending().unwrap().len(), 1);
        let told = audit.review(number, "201", "mine", Wall(3)).unwrap_err();
        assert!(told.to_string().contains("somebody else"), "{told}");
        let told = audit.review(2, "gunay", "no need", Wall(3)).unwrap_err();
        assert!(told.to_string().contains("--pending"), "{told}");
        audit.review(number, "gunay", "rightly", Wall(3)).unwrap();
        assert!(audit.pending().unwrap().is_empty());
        assert!(audit.review(number, "gunay", "again", Wall(4)).is_err());
        let all = audit.list(Wall(0), Wall(9)).unwrap();
        assert_eq!(all.last().unwrap().note.about, Some(number));
    }

    #[test]
    fn without_a_database_it_is_written_beside_it_and_taken_in_once() {
        let folder = tempfile::tempdir().unwrap();
        let (data, key) = (folder.path(), Private::new([7; 32]));
        let nowhere: Location = data.join("audit.waiting/none.db").into();
        let one = said(1, "201", Deed::BrokeGlass);
        std::fs::write(data.join("audit.waiting"), "").unwrap();
        assert_eq!(note(&nowhere, data, &key, &one).unwrap(), Noted::Waits);
        let mut audit = opened(data);
        assert_eq!(audit.pending().unwrap().len(), 1);
        assert!(!data.join("audit.waiting").exists());
        drop(audit);
        assert_eq!(opened(data).list(Wall(0), Wall(9)).unwrap().len(), 1);
    }

    #[test]
    fn the_beginning_goes_but_nothing_that_waits_for_a_review() {
        let folder = tempfile::tempdir().unwrap();
        let mut audit = opened(folder.path());
        for at in 1..=5 {
            let deed = [Deed::Revealed, Deed::BrokeGlass][usize::from(at == 4)];
            audit.add(&said(at, "201", deed)).unwrap();
        }
        assert_eq!(audit.purge(Wall(6), Wall(7), true).unwrap(), 2);
        assert_eq!(audit.purge(Wall(6), Wall(7), false).unwrap(), 2);
        assert_eq!(audit.verify().unwrap(), Vec::<String>::new());
        assert_eq!(audit.purge(Wall(6), Wall(7), false).unwrap(), 0);
        audit.review(4, "gunay", "rightly", Wall(8)).unwrap();
        assert_eq!(audit.purge(Wall(8), Wall(9), false).unwrap(), 3);
        assert_eq!(audit.verify().unwrap(), Vec::<String>::new());
    }
}
