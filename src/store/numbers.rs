//! Callers' numbers, for a rescue or a callback: each sealed under a key of its caller, which is dropped when
//! `[privacy] keep_numbers` is over or the caller is to be forgotten. Nowhere else a number stands.

use std::path::Path;

use super::calls::{CallsError, frozen};
use super::cursor::{Cursor, Found};
use super::keys::KeyError;
use super::ring::Ring;
use super::seal::{self, CannotOpen};
use super::sql::{Sql, values};
use super::trouble::DatabaseError;
use crate::config::Location;
use crate::event::Entry;
use crate::ids::{CallId, Pseudonym};
use crate::private::Private;
use crate::time::Wall;

/// The longest number or name that is kept.
const LONGEST: usize = 256;

/// A sealed number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// Of which call.
    pub call: CallId,
    /// Whose.
    pub caller: Pseudonym,
    /// The name of its key, and what it sealed.
    pub text: String,
    /// Until when it may be read.
    pub until: Wall,
}

/// Why there is no number.
#[derive(Debug, thiserror::Error)]
pub enum NumberError {
    /// Database or journal.
    #[error(transparent)]
    Calls(#[from] CallsError),
    /// The keys.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// Nothing was kept.
    #[error(
        "no number is kept of call {0}: its caller has none (hidden, or an operator), [privacy] keep_numbers is over, \
         or the caller is forgotten; `qaynar calls` lists calls"
    )]
    NotKept(CallId),
    /// Its key was dropped.
    #[error("the number of call {0} cannot be read any more: its key was dropped")]
    Dropped(CallId),
}

/// What the seal is bound to: one call's number cannot be passed off as another's.
fn bound_to(call: CallId) -> [u8; 15] {
    let mut bytes = *b"number\0\0\0\0\0\0\0\0\0";
    bytes[7..].copy_from_slice(&call.0.to_be_bytes());
    bytes
}

/// Seals the number of a call; `None`: it is too long, or there are too many keys.
///
/// # Errors
/// The file of the keys.
pub fn seal(
    ring: &mut Ring,
    call: CallId,
    caller: &Pseudonym,
    number: &Private<String>,
    (now, keep): (Wall, std::time::Duration),
) -> Result<Option<Entry>, KeyError> {
    if number.reveal().len() > LONGEST {
        return Ok(None);
    }
    let Some(key) = ring.seal_with(caller.as_str(), now, keep)? else {
        return Ok(None);
    };
    let plain = number.reveal().as_bytes();
    let sealed = seal::seal(&key.key, &key.id, &bound_to(call), plain);
    Ok(sealed.ok().map(|sealed| Entry::Number {
        call,
        caller: caller.clone(),
        sealed,
        until: now + keep,
    }))
}

/// The number of a call, as it came.
///
/// # Errors
/// See [`NumberError`].
pub fn of(
    database: &Location,
    journal: &Path,
    ring: &mut Ring,
    call: CallId,
    now: Wall,
) -> Result<Private<String>, NumberError> {
    let found = find(database, journal, call)?;
    let found = found.filter(|one| one.until > now);
    let one = found.ok_or(NumberError::NotKept(call))?;
    let dropped = || NumberError::Dropped(call);
    let (name, text) = one.text.split_once(':').ok_or_else(dropped)?;
    let key = ring.named(name)?.ok_or_else(dropped)?;
    let plain = seal::open(&key.key, &bound_to(call), text).map_err(|CannotOpen| dropped())?;
    let plain = String::from_utf8(plain).map_err(|_| dropped())?;
    Ok(Private::new(plain))
}

/// In the table, or in the journal behind it. Without a database, in what there is of the journal: it keeps what came
/// lately.
fn find(database: &Location, journal: &Path, call: CallId) -> Result<Option<Sealed>, CallsError> {
    let found = frozen(database, journal, |reader, applied| {
        let row = match reader {
            Some(reader) => one(reader.sql(), call)?,
            None => None,
        };
        Ok(journalled(journal, applied, call)?.or(row))
    });
    match found {
        Err(CallsError::Database(error)) => match journalled(journal, 0, call)? {
            Some(found) => Ok(Some(found)),
            None => Err(error.into()),
        },
        found => found,
    }
}

fn journalled(journal: &Path, applied: u64, call: CallId) -> Result<Option<Sealed>, CallsError> {
    let mut cursor = Cursor::new(journal, applied);
    let mut last = None;
    let fault = |source| CallsError::Journal {
        folder: journal.to_owned(),
        source,
    };
    while let Some(read) = cursor.advance().map_err(fault)? {
        if let Found::Entry(numbered) = read {
            let own = Sealed::of(&numbered.entry).filter(|sealed| sealed.call == call);
            last = own.or(last);
        }
    }
    Ok(last)
}

impl Sealed {
    /// What an entry of the journal keeps of a number.
    pub(super) fn of(entry: &Entry) -> Option<Self> {
        let Entry::Number {
            call,
            caller,
            sealed,
            until,
        } = entry
        else {
            return None;
        };
        Some(Self {
            call: *call,
            caller: caller.clone(),
            text: sealed.clone(),
            until: *until,
        })
    }
}

fn one(sql: &mut Sql, call: CallId) -> Result<Option<Sealed>, DatabaseError> {
    let select = "SELECT caller, sealed, until FROM numbers WHERE call = ?1";
    sql.first(select, values![call.to_string()], |row| {
        Ok(Sealed {
            call,
            caller: row.word(0)?,
            text: row.get(1)?,
            until: row.get(2)?,
        })
    })
}

/// Takes an entry of the journal into the table.
pub(crate) fn note(sql: &mut Sql, entry: &Entry) -> Result<(), DatabaseError> {
    let Some(one) = Sealed::of(entry) else {
        return Ok(());
    };
    let insert = "INSERT INTO numbers (call, caller, sealed, until) VALUES (?1, ?2, ?3, ?4) \
                  ON CONFLICT (call) DO UPDATE SET caller = excluded.caller, sealed = excluded.sealed, \
                  until = excluded.until";
    let values = values![
        one.call.to_string(),
        one.caller.as_str(),
        one.text,
        one.until
    ];
    sql.execute(insert, values).map(|_| ())
}
