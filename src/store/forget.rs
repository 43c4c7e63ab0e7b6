//! "Forget this caller": calls and contacts stay for the figures, and nothing in them leads to anybody. It reaches the
//! tables, the journal, recordings and, by the caller's keys, the number in every copy.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use super::audit::{Audit, Deed, Note};
use super::journal::prune::Change;
use super::keys::Keys;
use super::purge::{Holdings, PurgeError};
use super::renamed;
use super::ring::Ring;
use super::rows;
use super::sql::{Sql, values};
use super::trouble::DatabaseError;
use crate::event::{Change as Recorded, Entry, Event, Recording, What};
use crate::ids::{CallId, Pseudonym};
use crate::time::Wall;

/// Calls tell their last for so long after their end.
const SETTLES: Duration = Duration::from_secs(5);

/// Whom to forget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whom {
    /// Whoever made this call.
    Of(CallId),
    /// Whoever has this pseudonym.
    Named(Pseudonym),
}

/// What there was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Forgotten {
    /// Calls that have no caller any more.
    pub calls: u64,
    /// Contacts without words of the caller.
    pub contacts: u64,
    /// Messages and talks that were erased.
    pub recordings: u64,
    /// Keys of the number that were dropped.
    pub keys: u64,
    /// Entries of the journal that were changed or taken out.
    pub journal: u64,
}

/// Forgets a caller, who is asked for by `who`.
///
/// # Errors
/// There is no such caller, or one who is on the line; what [`PurgeError`] says. It can be done again.
pub fn forget(
    holdings: &mut Holdings<'_>,
    whom: &Whom,
    (who, reason): (&str, &str),
    now: Wall,
) -> Result<Forgotten, PurgeError> {
    let keys = Keys::load_or_make(&holdings.privacy.keys)?;
    let mut audit = Audit::open(holdings.database, holdings.data, &keys.audit)?;
    let mut sql = Sql::open(holdings.database)?;
    sql.erase_for_good()?;
    let names = names(&mut sql, whom)?;
    let calls = calls(&mut sql, &names, now)?;
    let mut gone = Forgotten {
        calls: calls.len() as u64,
        ..Forgotten::default()
    };
    // First what cannot come back: whatever stops us afterwards, the number is gone.
    let mut ring = Ring::of_callers(&holdings.privacy.keys)?;
    gone.keys = ring.erase(|one| names.iter().any(|name| name.as_str() == one.owner))? as u64;
    for call in &calls {
        for one in recordings(&mut sql, *call)? {
            gone.recordings += 1;
            (holdings.erase)(&one);
        }
    }
    gone.contacts = sql.transaction(|sql| blank(sql, &names, &calls, now))?;
    sql.settle()?;
    let calls: BTreeSet<CallId> = calls.into_iter().collect();
    let rewritten = holdings
        .journal
        .rewrite(|entry| without(entry, &names, &calls));
    gone.journal = rewritten.map_err(PurgeError::Journal)?;
    if gone == Forgotten::default() {
        let text = "nothing is known of this caller; `qaynar calls` tells pseudonyms";
        return Err(PurgeError::Refused(text.to_owned()));
    }
    audit.add(&Note {
        at: now,
        who: who.to_owned(),
        deed: Deed::Forgot,
        call: None,
        about: None,
        reason: format!(
            "{reason} ({} calls, {} contacts)",
            gone.calls, gone.contacts
        ),
    })?;
    Ok(gone)
}

/// All names of the caller, by the present key and those before it.
fn names(sql: &mut Sql, whom: &Whom) -> Result<Vec<Pseudonym>, PurgeError> {
    let caller = match whom {
        Whom::Named(caller) => caller.clone(),
        Whom::Of(call) => {
            let none = || {
                PurgeError::Refused(format!(
                    "call {call} has no caller who could be told from others: there is nothing to forget"
                ))
            };
            let record = rows::one(sql, *call)?;
            record.and_then(|record| record.caller).ok_or_else(none)?
        }
    };
    let mut names = renamed::former(sql, &caller)?;
    names.push(caller);
    Ok(names)
}

/// The caller's calls. Nobody is forgotten in the middle of one.
fn calls(sql: &mut Sql, names: &[Pseudonym], now: Wall) -> Result<Vec<CallId>, PurgeError> {
    let mut found = Vec::new();
    for name in names {
        let select = "SELECT call, ended FROM calls WHERE caller = ?1 ORDER BY arrived";
        let rows = sql.rows(select, values![name.as_str()], |row| {
            Ok((row.word::<CallId>(0)?, row.get::<Option<Wall>>(1)?))
        })?;
        for (call, ended) in rows {
            if ended.is_none_or(|ended| now.since(ended) < SETTLES) {
                return Err(PurgeError::Refused(format!(
                    "call {call} of this caller goes on, or ended a moment ago; do it again in a minute"
                )));
            }
            found.push(call);
        }
    }
    Ok(found)
}

fn recordings(sql: &mut Sql, call: CallId) -> Result<Vec<Recording>, DatabaseError> {
    let select = "SELECT body FROM recordings WHERE recording >= ?1 AND recording < ?2";
    let values = values![format!("{call}-"), format!("{call}.")];
    let bodies = sql.rows(select, values, |row| row.get::<String>(0))?;
    let all = bodies
        .iter()
        .filter_map(|body| serde_json::from_str(body).ok());
    Ok(all.filter(|one: &Recording| one.erased.is_none()).collect())
}

/// Takes the caller out of the tables; gives how many contacts there were.
fn blank(
    sql: &mut Sql,
    names: &[Pseudonym],
    calls: &[CallId],
    now: Wall,
) -> Result<u64, DatabaseError> {
    for call in calls {
        timeline(sql, *call, names)?;
        let select =
            "SELECT recording, body FROM recordings WHERE recording >= ?1 AND recording < ?2";
        let values = values![format!("{call}-"), format!("{call}.")];
        let rows = sql.rows(select, values, |row| {
            Ok((row.get::<String>(0)?, row.json::<Recording>(1)?))
        })?;
        for (id, mut one) in rows {
            one.caller = None;
            let body = rows::json(&one).map_err(|trouble| sql.fault(trouble))?;
            let update = "UPDATE recordings SET body = ?2 WHERE recording = ?1";
            sql.execute(update, values![id, body])?;
        }
    }
    let mut contacts = 0;
    for name in names {
        let name = name.as_str();
        contacts += blank_contacts(sql, name, now)?;
        sql.execute(
            "UPDATE calls SET caller = NULL WHERE caller = ?1",
            values![name],
        )?;
        sql.execute("DELETE FROM numbers WHERE caller = ?1", values![name])?;
        sql.execute(
            "DELETE FROM renamed WHERE former = ?1 OR caller = ?1",
            values![name],
        )?;
        for (table, version) in [("cases", "cases"), ("listed", "lists")] {
            let delete = format!("DELETE FROM {table} WHERE caller = ?1");
            if sql.execute(&delete, values![name])? > 0 {
                let number = rows::meta(sql, version)?.unwrap_or_default();
                rows::set_meta(sql, version, number + 1)?;
            }
        }
        let listed = "DELETE FROM events WHERE kind = 'listed' AND body LIKE ?1";
        sql.execute(listed, values![format!("%\"caller\":\"{name}\"%")])?;
    }
    Ok(contacts)
}

/// Contacts keep what the figures count, and nothing that was said. Former versions go.
fn blank_contacts(sql: &mut Sql, name: &str, now: Wall) -> Result<u64, DatabaseError> {
    let select = "SELECT id FROM contacts WHERE caller = ?1";
    let ids = sql.rows(select, values![name], |row| row.get::<String>(0))?;
    for id in &ids {
        sql.execute(
            "DELETE FROM contact_versions WHERE contact = ?1",
            values![id],
        )?;
        let told = "UPDATE escalations SET outcome = '' WHERE contact = ?1 AND outcome IS NOT NULL";
        sql.execute(told, values![id])?;
        let update = "UPDATE contacts SET caller = NULL, notes = NULL, safe_time = NULL, safe_words = NULL, \
                      case_id = NULL, version = version + 1, changed = ?2, changed_how = 'person', \
                      changed_by = 'forgotten' WHERE id = ?1";
        sql.execute(update, values![id, now])?;
    }
    Ok(ids.len() as u64)
}

fn timeline(sql: &mut Sql, call: CallId, names: &[Pseudonym]) -> Result<(), DatabaseError> {
    for (sequence, event) in rows::timeline(sql, call)? {
        match anonymous(&event, names) {
            Change::Stays => {}
            Change::Goes => {
                sql.execute("DELETE FROM events WHERE sequence = ?1", values![sequence])?;
            }
            Change::Becomes(entry) => {
                let Entry::Event(event) = *entry else {
                    continue;
                };
                let body = rows::json(&event.what).map_err(|trouble| sql.fault(trouble))?;
                let update = "UPDATE events SET body = ?2 WHERE sequence = ?1";
                sql.execute(update, values![sequence, body])?;
            }
        }
    }
    Ok(())
}

/// What becomes of an entry of the journal. Snapshots of the calls, which hold the number, go.
fn without(entry: &Entry, names: &[Pseudonym], calls: &BTreeSet<CallId>) -> Change {
    match entry {
        Entry::Event(event) => anonymous(event, names),
        Entry::Snapshot { call, .. } if calls.contains(call) => Change::Goes,
        Entry::Number { caller, .. } if names.contains(caller) => Change::Goes,
        Entry::Snapshot { .. } | Entry::Number { .. } => Change::Stays,
    }
}

/// What becomes of an event.
fn anonymous(event: &Event, names: &[Pseudonym]) -> Change {
    let is_own =
        |caller: &Option<Pseudonym>| caller.as_ref().is_some_and(|one| names.contains(one));
    match &event.what {
        What::Renamed { former, caller } if names.contains(former) || names.contains(caller) => {
            return Change::Goes;
        }
        What::Listed { caller, .. } if names.contains(caller) => return Change::Goes,
        _ => {}
    }
    let mut event = event.clone();
    match &mut event.what {
        What::Arrived { caller, .. } if is_own(caller) => *caller = None,
        What::Recording {
            change: Recorded::Begun { caller, .. },
            ..
        } if is_own(caller) => *caller = None,
        _ => return Change::Stays,
    }
    Change::Becomes(Box::new(Entry::Event(event)))
}

/// Whom a word means: a call's id, or a pseudonym.
///
/// # Errors
/// It is neither.
pub fn whom(text: &str) -> Result<Whom, PurgeError> {
    if let Ok(call) = text.parse() {
        return Ok(Whom::Of(call));
    }
    match text.strip_prefix("C-") {
        Some(rest) if !rest.is_empty() && rest.bytes().all(|one| one.is_ascii_alphanumeric()) => {
            Ok(Whom::Named(Pseudonym::from(text)))
        }
        _ => Err(PurgeError::Refused(format!(
            "{text:?} is neither a call nor a caller; `qaynar calls` tells both: C-4T0JX9K2M7"
        ))),
    }
}

/// Where the files of recordings are erased without a server: at once, and the journal says so.
pub fn erase_beside(
    data: &Path,
    journal: &super::journal::Journal,
    now: Wall,
) -> impl FnMut(&Recording) + use<> {
    let (data, journal) = (data.to_owned(), journal.clone());
    let mut shelf = super::recordings::Shelf::new(&data, 0);
    move |one| {
        let id = one.recording;
        if let Err(error) = shelf.erase(id, one.of.is_voicemail()) {
            tracing::error!(recording = %id, %error, "a recording cannot be erased; the next start tries again");
        }
        let reason = "it was kept for as long as [privacy] says".to_owned();
        journal.append(&[Entry::Event(Event {
            at: now,
            call: Some(id.call),
            what: What::Recording {
                recording: id,
                change: Recorded::Erased { reason },
            },
        })]);
    }
}

impl std::fmt::Display for Forgotten {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            calls,
            contacts,
            recordings,
            keys,
            journal,
        } = self;
        write!(
            f,
            "forgotten: {calls} calls and {contacts} contacts lead to nobody any more; {recordings} recordings, {keys} \
             keys of the number and {journal} entries of the journal are gone or without the caller"
        )
    }
}
