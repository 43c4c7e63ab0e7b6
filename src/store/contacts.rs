//! Contacts: opened by calls, by hand or by an import, and changed in versions. Nobody overwrites what they have not
//! seen: a change names the version that it was made from, and former versions stay.

use super::database::{DatabaseError, Trouble};
use super::deliveries;
use super::sql::{Row, Sql, Value, values};
use crate::config::Location;
use crate::ids::{CallId, OperatorId, Pseudonym};
use crate::records::contact::{Contact, ContactId};
use crate::records::fields::{Difference, differences};
use crate::time::Wall;

/// The columns of a contact, in the order of [`row_of`].
pub(super) const COLUMNS: &str = "id, version, opened, channel, dialled, language, party, about, gender, age, child_age, \
     child_gender, topic, taxonomy, issues, contact_type, first_time, anonymous, risk, may_call_back, may_refer, \
     safe_time, safe_words, case_id, service_tags, region, heard_from, referral, notes, calls, caller, operator";

/// Who made a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hand {
    /// The call that opened it.
    Call,
    /// An import.
    Import,
    /// Somebody, as they are named in commands and the API.
    Person(String),
}

impl Hand {
    /// How, and who.
    fn columns(&self) -> (&'static str, Option<&str>) {
        match self {
            Self::Call => ("call", None),
            Self::Import => ("import", None),
            Self::Person(name) => ("person", Some(name)),
        }
    }

    fn read(row: &Row, how: usize, who: usize) -> Result<Self, Trouble> {
        let how_text: String = row.get(how)?;
        match how_text.as_str() {
            "call" => Ok(Self::Call),
            "import" => Ok(Self::Import),
            _ => Ok(Self::Person(
                row.get::<Option<String>>(who)?.unwrap_or_default(),
            )),
        }
    }
}

impl std::fmt::Display for Hand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Call => f.write_str("the call"),
            Self::Import => f.write_str("an import"),
            Self::Person(name) => f.write_str(name),
        }
    }
}

/// A version of a contact: what it was, since when, and by whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The contact as it was then.
    pub contact: Contact,
    /// Since when.
    pub changed: Wall,
    /// By whom.
    pub hand: Hand,
}

/// Somebody else changed the contact meanwhile; nothing was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The contact as it is now.
    pub current: Version,
    /// The version that the change was made from.
    pub seen: u64,
    /// What differs between what was seen, what is there now and what was to be written.
    pub differences: Vec<Difference>,
}

impl std::fmt::Display for Conflict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Contact { id, version, .. } = &self.current.contact;
        write!(
            f,
            "contact {id} was changed by {} while you wrote: it is at version {version}, you saw {}; nothing is \
             overwritten",
            self.current.hand, self.seen
        )?;
        for one in &self.differences {
            write!(f, "\n  {one}")?;
        }
        write!(
            f,
            "\ncompare, and change version {version} (--version {version})"
        )
    }
}

/// Why a contact was not changed.
#[derive(Debug, thiserror::Error)]
pub enum UpdateError {
    /// Somebody was faster.
    #[error("{0}")]
    Conflict(Box<Conflict>),
    /// It is not there.
    #[error("there is no contact {0}; `qaynar contact list` tells which there are")]
    Missing(ContactId),
    /// The database.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// The table of contacts.
#[derive(Debug)]
pub struct Contacts {
    pub(super) sql: Sql,
}

impl Contacts {
    /// Opens the database, or makes it.
    ///
    /// # Errors
    /// See [`Trouble`].
    pub fn open(at: &Location) -> Result<Self, DatabaseError> {
        Ok(Self {
            sql: Sql::open(at)?,
        })
    }

    /// Contacts that began at or after `from` and before `to`, by their beginning, one at a time.
    ///
    /// # Errors
    /// The database.
    pub fn each(
        &mut self,
        from: Wall,
        to: Wall,
        with: impl FnMut(Contact),
    ) -> Result<(), DatabaseError> {
        each(&mut self.sql, from, to, with)
    }

    /// One contact.
    ///
    /// # Errors
    /// The database.
    pub fn get(&mut self, id: &ContactId) -> Result<Option<Contact>, DatabaseError> {
        Ok(self.current(id)?.map(|version| version.contact))
    }

    /// One contact, since when it is as it is, and by whom.
    ///
    /// # Errors
    /// The database.
    pub fn current(&mut self, id: &ContactId) -> Result<Option<Version>, DatabaseError> {
        current(&mut self.sql, id)
    }

    /// The contacts of a call.
    ///
    /// # Errors
    /// The database.
    pub fn of_call(&mut self, call: CallId) -> Result<Vec<Contact>, DatabaseError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM contacts WHERE id IN \
             (SELECT contact FROM contact_calls WHERE call = ?1) ORDER BY opened, id"
        );
        self.sql.rows(&sql, values![call.to_string()], contact_of)
    }

    /// The contacts of a caller, the latest first, at most `limit`.
    ///
    /// # Errors
    /// The database.
    pub fn of_caller(
        &mut self,
        caller: &Pseudonym,
        limit: usize,
    ) -> Result<Vec<Contact>, DatabaseError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM contacts WHERE caller = ?1 ORDER BY opened DESC, id DESC LIMIT ?2"
        );
        let values = values![caller.as_str(), limit];
        self.sql.rows(&sql, values, contact_of)
    }

    /// Adds a contact at its version 1; `false`: there is one of this id, which stays as it is.
    ///
    /// # Errors
    /// The database.
    pub fn insert(
        &mut self,
        contact: &Contact,
        hand: &Hand,
        now: Wall,
    ) -> Result<bool, DatabaseError> {
        self.sql.transaction(|sql| insert(sql, contact, hand, now))
    }

    /// Changes a contact that was read at version `seen`; tells its version, which stays where nothing changes.
    ///
    /// # Errors
    /// See [`UpdateError`]; then nothing is changed.
    pub fn update(
        &mut self,
        contact: &Contact,
        seen: u64,
        hand: &Hand,
        now: Wall,
    ) -> Result<u64, UpdateError> {
        self.sql
            .transaction(|sql| update(sql, contact, seen, hand, now))
    }

    /// All versions of a contact, from the first; none: there is no such contact.
    ///
    /// # Errors
    /// The database.
    pub fn history(&mut self, id: &ContactId) -> Result<Vec<Version>, DatabaseError> {
        history(&mut self.sql, id)
    }

    /// Those that are wanted, by their beginning; where they are more than the limit, the latest.
    ///
    /// # Errors
    /// The database.
    pub fn list(&mut self, wanted: &Wanted) -> Result<Vec<Contact>, DatabaseError> {
        let mut values = values![
            wanted.from.unwrap_or(Wall(i64::MIN)),
            wanted.to.unwrap_or(Wall(i64::MAX)),
            wanted.limit,
        ]
        .to_vec();
        let mut conditions = String::new();
        let mut also = |condition: &str, value: Value| {
            values.push(value);
            conditions.push_str(&condition.replace('?', &format!("?{}", values.len())));
        };
        if let Some(call) = wanted.call {
            let of_call = " AND id IN (SELECT contact FROM contact_calls WHERE call = ?)";
            also(of_call, call.to_string().into());
        }
        if let Some(caller) = &wanted.caller {
            also(" AND caller = ?", caller.as_str().into());
        }
        if let Some(case) = wanted.case {
            also(" AND case_id = ?", case.into());
        }
        if wanted.unfilled {
            conditions.push_str(" AND contact_type IS NULL");
        }
        let sql = format!(
            "SELECT {COLUMNS} FROM contacts WHERE opened >= ?1 AND opened < ?2{conditions} \
             ORDER BY opened DESC, id DESC LIMIT ?3"
        );
        let mut found = self.sql.rows(&sql, &values, contact_of)?;
        found.reverse();
        Ok(found)
    }
}

/// Which contacts a list wants.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// That began at or after this.
    pub from: Option<Wall>,
    /// That began before this.
    pub to: Option<Wall>,
    /// Of this call.
    pub call: Option<CallId>,
    /// Of this caller.
    pub caller: Option<Pseudonym>,
    /// Of this case.
    pub case: Option<i64>,
    /// Whose contact type nobody filled in.
    pub unfilled: bool,
    /// The most.
    pub limit: usize,
}

/// An id for a contact or an activity that somebody writes down by hand: `H-`, then as a call's, so that ids sort
/// by when they were made.
///
/// # Errors
/// The system has no randomness.
pub fn made_id(now: Wall) -> Result<ContactId, std::io::Error> {
    let mut random = [0; 4];
    getrandom::fill(&mut random).map_err(|fault| std::io::Error::other(fault.to_string()))?;
    let id = CallId::made(now, u32::from_le_bytes(random));
    Ok(ContactId(format!("H-{id}")))
}

/// As [`Contacts::each`], within a transaction.
pub(crate) fn each(
    sql: &mut Sql,
    from: Wall,
    to: Wall,
    mut with: impl FnMut(Contact),
) -> Result<(), DatabaseError> {
    let text = format!(
        "SELECT {COLUMNS} FROM contacts WHERE opened >= ?1 AND opened < ?2 ORDER BY opened, id"
    );
    sql.each(&text, values![from, to], |row| {
        with(contact_of(row)?);
        Ok(())
    })
}

/// As [`Contacts::current`], within a transaction.
pub(crate) fn current(sql: &mut Sql, id: &ContactId) -> Result<Option<Version>, DatabaseError> {
    let text =
        format!("SELECT {COLUMNS}, changed, changed_how, changed_by FROM contacts WHERE id = ?1");
    let read = |row: &Row| {
        Ok(Version {
            contact: contact_of(row)?,
            changed: row.get(32)?,
            hand: Hand::read(row, 33, 34)?,
        })
    };
    Ok(sql.rows(&text, values![id.0.as_str()], read)?.pop())
}

/// As [`Contacts::history`], within a transaction.
pub(crate) fn history(sql: &mut Sql, id: &ContactId) -> Result<Vec<Version>, DatabaseError> {
    let text = "SELECT body, changed, changed_how, changed_by FROM contact_versions WHERE contact = ?1 \
                ORDER BY version";
    let mut all = sql.rows(text, values![id.0.as_str()], former_of)?;
    all.extend(current(sql, id)?);
    Ok(all)
}

/// As [`Contacts::insert`], within a transaction.
pub(crate) fn insert(
    sql: &mut Sql,
    contact: &Contact,
    hand: &Hand,
    now: Wall,
) -> Result<bool, DatabaseError> {
    let places: Vec<String> = (1..=35).map(|number| format!("?{number}")).collect();
    let text = format!(
        "INSERT INTO contacts ({COLUMNS}, changed, changed_how, changed_by) VALUES ({}) \
         ON CONFLICT (id) DO NOTHING",
        places.join(", ")
    );
    let added = sql.execute(&text, &row_of(contact, hand, now))? > 0;
    if added {
        link(sql, contact)?;
        deliveries::note_contact(sql, contact, hand, now)?;
    }
    Ok(added)
}

/// As [`Contacts::update`], within a transaction.
pub(crate) fn update(
    sql: &mut Sql,
    contact: &Contact,
    seen: u64,
    hand: &Hand,
    now: Wall,
) -> Result<u64, UpdateError> {
    let Some(former) = current(sql, &contact.id)? else {
        return Err(UpdateError::Missing(contact.id.clone()));
    };
    let version = former.contact.version;
    if version != seen {
        return Err(conflict(sql, contact, seen, former)?);
    }
    let mut changed = contact.clone();
    changed.version = version;
    if changed == former.contact {
        return Ok(version);
    }
    changed.version = version + 1;
    let sets: Vec<String> = COLUMNS
        .split(", ")
        .chain(["changed", "changed_how", "changed_by"])
        .zip(1..)
        .map(|(column, number)| format!("{column} = ?{number}"))
        .collect();
    let text = format!(
        "UPDATE contacts SET {} WHERE id = ?1 AND version = ?36",
        sets.join(", ")
    );
    let mut values = row_of(&changed, hand, now);
    values.push(version.into());
    if sql.execute(&text, &values)? == 0 {
        // Where a database lets two transactions write at once, the first one was faster just now.
        let Some(faster) = current(sql, &contact.id)? else {
            return Err(UpdateError::Missing(contact.id.clone()));
        };
        return Err(conflict(sql, contact, seen, faster)?);
    }
    let (how, by) = former.hand.columns();
    sql.execute(
        "INSERT INTO contact_versions (contact, version, body, changed, changed_how, changed_by) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        values![
            contact.id.0.as_str(),
            version,
            serde_json::to_string(&former.contact).unwrap_or_default(),
            former.changed,
            how,
            by,
        ],
    )?;
    link(sql, &changed)?;
    deliveries::note_contact(sql, &changed, hand, now)?;
    Ok(changed.version)
}

fn conflict(
    sql: &mut Sql,
    wanted: &Contact,
    seen: u64,
    current: Version,
) -> Result<UpdateError, DatabaseError> {
    let text = "SELECT body, changed, changed_how, changed_by FROM contact_versions \
                WHERE contact = ?1 AND version = ?2";
    let former = sql.rows(text, values![wanted.id.0.as_str(), seen], former_of)?;
    // A version that never was: all that differs from the present one is shown.
    let base = former.into_iter().next();
    let base = base.map_or_else(|| current.contact.clone(), |version| version.contact);
    Ok(UpdateError::Conflict(Box::new(Conflict {
        differences: differences(&base, &current.contact, wanted),
        current,
        seen,
    })))
}

/// Makes the calls of a contact find it.
fn link(sql: &mut Sql, contact: &Contact) -> Result<(), DatabaseError> {
    let id = contact.id.0.as_str();
    if contact.version > 1 {
        sql.execute("DELETE FROM contact_calls WHERE contact = ?1", values![id])?;
    }
    for call in &contact.calls {
        sql.execute(
            "INSERT INTO contact_calls (call, contact) VALUES (?1, ?2) ON CONFLICT (call, contact) DO NOTHING",
            values![call.to_string(), id],
        )?;
    }
    Ok(())
}

fn former_of(row: &Row) -> Result<Version, Trouble> {
    Ok(Version {
        contact: row.json(0)?,
        changed: row.get(1)?,
        hand: Hand::read(row, 2, 3)?,
    })
}

pub(super) fn contact_of(row: &Row) -> Result<Contact, Trouble> {
    Ok(Contact {
        id: ContactId(row.get(0)?),
        version: row.get(1)?,
        opened: row.get(2)?,
        channel: row.word(3)?,
        dialled: row.get(4)?,
        language: row.optional_word(5)?,
        party: row.word(6)?,
        about: row.optional_word(7)?,
        gender: row.word(8)?,
        age: row.get(9)?,
        child_age: row.get(10)?,
        child_gender: row.optional_word(11)?,
        topic: row.get(12)?,
        taxonomy: row.get(13)?,
        issues: row.json(14)?,
        contact_type: row.optional_word(15)?,
        first_time: row.word(16)?,
        anonymous: row.get(17)?,
        risk: row.optional_word(18)?,
        may_call_back: row.word(19)?,
        may_refer: row.word(20)?,
        safe_time: row.get(21)?,
        safe_words: row.get(22)?,
        case: row.get(23)?,
        service_tags: row.json(24)?,
        region: row.get(25)?,
        heard_from: row.get(26)?,
        referral: row.get(27)?,
        notes: row.get(28)?,
        calls: row.json(29)?,
        caller: row.get::<Option<String>>(30)?.map(Pseudonym),
        operator: row.get::<Option<String>>(31)?.map(OperatorId),
    })
}

fn row_of(contact: &Contact, hand: &Hand, now: Wall) -> Vec<Value> {
    let list = |list: &[String]| serde_json::to_string(list).unwrap_or_default();
    let (how, by) = hand.columns();
    let calls: Vec<String> = contact.calls.iter().map(CallId::to_string).collect();
    values![
        contact.id.0.as_str(),
        contact.version,
        contact.opened,
        contact.channel.as_str(),
        contact.dialled.as_deref(),
        contact.language.map(|one| one.as_str()),
        contact.party.as_str(),
        contact.about.map(|one| one.as_str()),
        contact.gender.as_str(),
        contact.age,
        contact.child_age,
        contact.child_gender.map(|one| one.as_str()),
        contact.topic.as_deref(),
        contact.taxonomy,
        list(&contact.issues),
        contact.contact_type.map(|one| one.as_str()),
        contact.first_time.as_str(),
        contact.anonymous,
        contact.risk.map(|one| one.as_str()),
        contact.may_call_back.as_str(),
        contact.may_refer.as_str(),
        contact.safe_time.as_deref(),
        contact.safe_words.as_deref(),
        contact.case,
        list(&contact.service_tags),
        contact.region.as_deref(),
        contact.heard_from.as_deref(),
        contact.referral.as_deref(),
        contact.notes.as_deref(),
        list(&calls),
        contact.caller.as_ref().map(Pseudonym::as_str),
        contact.operator.as_ref().map(OperatorId::as_str),
        now,
        how,
        by,
    ]
    .to_vec()
}
