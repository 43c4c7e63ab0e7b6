//! Contacts and activities from a CSV file: row by row, in short transactions between which others write, in the
//! memory of one batch. An id that is there already is compared: the same again changes nothing.

mod rows;

use std::collections::{BTreeMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::path::{Path, PathBuf};

use jiff::civil::Date;

use self::rows::{Rows, RowsFault};
use super::contacts::{self, Hand, UpdateError};
use super::sql::Sql;
use super::taxonomies;
use super::trouble::DatabaseError;
use super::{activities, contacts::Version};
use crate::config::Location;
use crate::records::columns::{Columns, HeaderFault};
use crate::records::contact::{Activity, Contact};
use crate::records::quality::findings;
use crate::records::{activity, taxonomy::Taxonomy};
use crate::time::Wall;

/// Rows of one transaction: the running server waits for its end.
const TOGETHER: usize = 500;

/// The most rows of one file; each costs some bytes of memory, by which a second row of the same id is told.
const MOST: u64 = 10_000_000;

/// What is imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// Contacts.
    Contacts,
    /// Activities.
    Activities,
}

/// What became of the rows.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Outcome {
    /// How many there were.
    pub rows: u64,
    /// New ones.
    pub added: u64,
    /// Those that say something else than the last import.
    pub changed: u64,
    /// Those that were there already.
    pub unchanged: u64,
    /// Those that were refused.
    pub refused: u64,
    /// Doubts about those that were taken, by their names ([`crate::records::quality::Finding::word`]).
    pub doubts: BTreeMap<&'static str, u64>,
}

/// Hears how it goes on.
pub trait Told {
    /// A row was refused: in which line it begins, and why.
    fn refused(&mut self, line: u64, reason: &str);
    /// So many bytes of the file are read. A file that is read twice begins again at 0.
    fn read(&mut self, bytes: u64);
}

/// Why nothing more was imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file cannot be read.
    #[error("{}: {source}; name a file that this user may read", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Its form.
    #[error("{}:{line}: {reason}", path.display())]
    Form {
        /// Which.
        path: PathBuf,
        /// From 1.
        line: u64,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// Its header.
    #[error("{}:1: {fault}", path.display())]
    Header {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        fault: HeaderFault,
    },
    /// The database.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// Imports a file; good rows are kept. With `strict` it is read twice, and one bad row refuses all. `now` and
/// `today`, the day in Baku, tell what lies in the future.
///
/// # Errors
/// See [`ImportError`]; batches that were written before it stay, and the file can be imported again.
pub fn import(
    at: &Location,
    (what, path): (What, &Path),
    strict: bool,
    (now, today): (Wall, Date),
    told: &mut dyn Told,
) -> Result<Outcome, ImportError> {
    let mut sql = Sql::open(at)?;
    let work = Work {
        path,
        what,
        taxonomies: taxonomies::all(&mut sql)?,
        newest: taxonomies::newest(&mut sql)?,
        now,
        today,
    };
    if strict {
        let checked = work.pass(&mut sql, Pass::Check, told)?;
        if checked.refused > 0 {
            return Ok(checked);
        }
    }
    work.pass(&mut sql, Pass::Write, told)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pass {
    Check,
    Write,
}

struct Work<'a> {
    path: &'a Path,
    what: What,
    taxonomies: Vec<Taxonomy>,
    newest: u32,
    now: Wall,
    today: Date,
}

/// What a row holds.
enum Item {
    Contact(Box<Contact>),
    Activity(Activity),
}

/// What is to be done for a row.
enum Verdict {
    Add,
    /// Write this over what is there.
    Change(Item),
    Same,
    Refuse(String),
}

impl Work<'_> {
    /// One way through the file.
    fn pass(&self, sql: &mut Sql, pass: Pass, told: &mut dyn Told) -> Result<Outcome, ImportError> {
        let mut rows = Rows::open(self.path).map_err(|fault| self.fault(fault))?;
        let header = rows.next().map_err(|fault| self.fault(fault))?;
        let cells = header
            .as_ref()
            .map(|row| row.cells())
            .unwrap_or(Ok(Vec::new()));
        let cells = cells.map_err(|reason| self.form(1, reason))?;
        let columns = match self.what {
            What::Contacts => Columns::of_contacts(cells.into_iter()),
            What::Activities => Columns::of_activities(cells.into_iter()),
        };
        let columns = columns.map_err(|fault| ImportError::Header {
            path: self.path.to_owned(),
            fault,
        })?;
        let mut outcome = Outcome::default();
        let mut ids = Ids::default();
        let mut batch = Vec::with_capacity(TOGETHER);
        while let Some(row) = rows.next().map_err(|fault| self.fault(fault))? {
            outcome.rows += 1;
            if outcome.rows > MOST {
                let reason = format!("more than {MOST} rows; part the file");
                return Err(self.form(row.line, reason));
            }
            let read = row.cells().and_then(|cells| self.item(&columns, &cells));
            match read.and_then(|item| ids.first(item)) {
                Ok(item) => batch.push((row.line, item)),
                Err(reason) => {
                    outcome.refused += 1;
                    told.refused(row.line, &reason);
                }
            }
            if batch.len() == TOGETHER {
                self.settle(sql, (pass, &columns), &mut batch, (&mut outcome, told))?;
                told.read(rows.bytes());
            }
        }
        self.settle(sql, (pass, &columns), &mut batch, (&mut outcome, told))?;
        told.read(rows.bytes());
        Ok(outcome)
    }

    fn item(&self, columns: &Columns, cells: &[&str]) -> Result<Item, String> {
        match self.what {
            What::Contacts => {
                let contact = columns.contact(cells, self.newest)?;
                self.refusals(&contact)?;
                Ok(Item::Contact(Box::new(contact)))
            }
            What::Activities => {
                let one = columns.activity(cells)?;
                activity::check(&one, self.today)?;
                Ok(Item::Activity(one))
            }
        }
    }

    /// That nothing in the contact contradicts itself.
    fn refusals(&self, contact: &Contact) -> Result<(), String> {
        let found = findings(contact, &self.taxonomies, self.now);
        let refused = found.iter().filter(|one| one.is_refused());
        let refused: Vec<String> = refused.map(ToString::to_string).collect();
        match refused.is_empty() {
            true => Ok(()),
            false => Err(refused.join("; ")),
        }
    }

    /// Does what is to be done for the rows of a batch, in one transaction.
    fn settle(
        &self,
        sql: &mut Sql,
        (pass, columns): (Pass, &Columns),
        batch: &mut Vec<(u64, Item)>,
        (outcome, told): (&mut Outcome, &mut dyn Told),
    ) -> Result<(), ImportError> {
        let done = |sql: &mut Sql| -> Result<Vec<Verdict>, DatabaseError> {
            let items = batch.iter();
            items
                .map(|(_, item)| self.one(sql, pass, columns, item))
                .collect()
        };
        let verdicts = match pass {
            Pass::Check => done(sql)?,
            Pass::Write => sql.transaction(done)?,
        };
        for ((line, item), verdict) in batch.drain(..).zip(verdicts) {
            match verdict {
                Verdict::Add => outcome.added += 1,
                Verdict::Change(_) => outcome.changed += 1,
                Verdict::Same => outcome.unchanged += 1,
                Verdict::Refuse(reason) => {
                    outcome.refused += 1;
                    told.refused(line, &reason);
                    continue;
                }
            }
            if let Item::Contact(contact) = item {
                for doubt in findings(&contact, &self.taxonomies, self.now) {
                    *outcome.doubts.entry(doubt.word()).or_default() += 1;
                }
            }
        }
        Ok(())
    }

    fn one(
        &self,
        sql: &mut Sql,
        pass: Pass,
        columns: &Columns,
        item: &Item,
    ) -> Result<Verdict, DatabaseError> {
        let verdict = match item {
            Item::Contact(contact) => self.contact(sql, columns, contact)?,
            Item::Activity(activity) => match activities::get(sql, &activity.id)? {
                None => Verdict::Add,
                Some(there) if there == *activity => Verdict::Same,
                Some(_) => Verdict::Change(Item::Activity(activity.clone())),
            },
        };
        if pass == Pass::Write {
            let wanted = match &verdict {
                Verdict::Add => Some(item),
                Verdict::Change(wanted) => Some(wanted),
                Verdict::Same | Verdict::Refuse(_) => None,
            };
            if let Some(reason) = wanted
                .map(|item| self.write(sql, item))
                .transpose()?
                .flatten()
            {
                return Ok(Verdict::Refuse(reason));
            }
        }
        Ok(verdict)
    }

    /// Compares a row with what is there. Only what an import wrote is changed by an import.
    fn contact(
        &self,
        sql: &mut Sql,
        columns: &Columns,
        row: &Contact,
    ) -> Result<Verdict, DatabaseError> {
        let Some(there) = contacts::current(sql, &row.id)? else {
            return Ok(Verdict::Add);
        };
        let merged = columns.over(&there.contact, row);
        if merged == there.contact {
            return Ok(Verdict::Same);
        }
        if there.hand == Hand::Import {
            return Ok(match self.refusals(&merged) {
                Ok(()) => Verdict::Change(Item::Contact(Box::new(merged))),
                Err(reason) => Verdict::Refuse(reason),
            });
        }
        let history = contacts::history(sql, &row.id)?;
        let imported = history.iter().rev().find(|one| one.hand == Hand::Import);
        let is_known = |one: &Version| columns.over(&one.contact, row) == one.contact;
        Ok(match imported.is_some_and(is_known) {
            true => Verdict::Same,
            false => Verdict::Refuse(format!(
                "contact {id} was written by {hand} here, and the file says something else; nothing is overwritten: \
                 compare `qaynar contact show {id}`, and change it by `qaynar contact set`",
                id = row.id,
                hand = there.hand,
            )),
        })
    }

    /// Writes one; tells why not.
    fn write(&self, sql: &mut Sql, item: &Item) -> Result<Option<String>, DatabaseError> {
        let contact = match item {
            Item::Activity(activity) => return activities::put(sql, activity).map(|_| None),
            Item::Contact(contact) => contact,
        };
        if contacts::insert(sql, contact, &Hand::Import, self.now)? {
            return Ok(None);
        }
        match contacts::update(sql, contact, contact.version, &Hand::Import, self.now) {
            Ok(_) => Ok(None),
            Err(UpdateError::Database(fault)) => Err(fault),
            Err(other) => Ok(Some(other.to_string())),
        }
    }

    fn fault(&self, fault: RowsFault) -> ImportError {
        match fault {
            RowsFault::System(source) => ImportError::Unreadable {
                path: self.path.to_owned(),
                source,
            },
            RowsFault::Form { line, reason } => self.form(line, reason),
        }
    }

    fn form(&self, line: u64, reason: String) -> ImportError {
        ImportError::Form {
            path: self.path.to_owned(),
            line,
            reason,
        }
    }
}

/// The ids of a file, by their hashes: of two different ones the same hash comes once in 30 million files.
#[derive(Default)]
struct Ids {
    seen: HashSet<u64>,
    hashes: RandomState,
}

impl Ids {
    /// The item, if none before had its id.
    fn first(&mut self, item: Item) -> Result<Item, String> {
        let id = match &item {
            Item::Contact(contact) => contact.id.0.as_str(),
            Item::Activity(activity) => activity.id.as_str(),
        };
        match self.seen.insert(self.hashes.hash_one(id)) {
            true => Ok(item),
            false => Err(format!(
                "the id {id} is in this file twice; the first row counts"
            )),
        }
    }
}
