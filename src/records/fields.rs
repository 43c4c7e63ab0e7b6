//! The fields of a contact by their names, as files, commands and the API spell them: one table for what is read,
//! written and compared.

use std::fmt;

use super::contact::{Contact, ContactId};
use crate::ids::OperatorId;
use crate::time::Wall;

/// All fields that people fill in, in the order of the forms.
pub const FIELDS: &[&str] = &[
    "opened_at",
    "channel",
    "dialled",
    "language",
    "party",
    "about",
    "gender",
    "age",
    "child_age",
    "child_gender",
    "topic",
    "taxonomy",
    "issues",
    "contact_type",
    "first_time",
    "anonymous",
    "risk",
    "may_call_back",
    "may_refer",
    "safe_time",
    "safe_words",
    "case_id",
    "service_tags",
    "region",
    "heard_from",
    "referral",
    "notes",
    "calls",
    "operator",
];

/// The longest notes, in characters.
const LONGEST_NOTES: usize = 20_000;
/// The longest other text.
const LONGEST: usize = 500;
/// The longest id.
const LONGEST_ID: usize = 64;
/// The most entries of a list.
const MOST: usize = 50;

/// A text does not fit a field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FieldError {
    /// There is no such field.
    #[error("a contact has no field {0:?}; it has: {known}", known = FIELDS.join(", "))]
    Unknown(String),
    /// The text cannot be read.
    #[error("{field}: {reason}")]
    Unfit {
        /// Which field.
        field: String,
        /// What is wrong, and what may stand there.
        reason: String,
    },
}

/// Reads an id of a contact or an activity.
///
/// # Errors
/// It is empty, too long, or has letters that cannot be seen.
pub fn id(text: &str) -> Result<String, String> {
    let count = text.chars().count();
    match (1..=LONGEST_ID).contains(&count) && !text.contains(char::is_control) {
        true => Ok(text.to_owned()),
        false => Err(format!(
            "an id has 1 to {LONGEST_ID} characters, all of them visible"
        )),
    }
}

impl std::str::FromStr for ContactId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        id(text.trim()).map(Self)
    }
}

/// Sets a field from its text; an empty one: nothing is known.
///
/// # Errors
/// See [`FieldError`]; the contact is as it was.
pub fn set(contact: &mut Contact, field: &str, text: &str) -> Result<(), FieldError> {
    let text = text.trim();
    let unfit = |reason: String| FieldError::Unfit {
        field: field.to_owned(),
        reason,
    };
    match field {
        "opened_at" => contact.opened = moment(text).map_err(unfit)?,
        "channel" => contact.channel = word(text).map_err(unfit)?,
        "dialled" => contact.dialled = dialled(text).map_err(unfit)?,
        "language" => contact.language = optional(text).map_err(unfit)?,
        "party" => contact.party = word(unknown(text)).map_err(unfit)?,
        "about" => contact.about = optional(text).map_err(unfit)?,
        "gender" => contact.gender = word(unknown(text)).map_err(unfit)?,
        "age" => contact.age = years(text).map_err(unfit)?,
        "child_age" => contact.child_age = years(text).map_err(unfit)?,
        "child_gender" => contact.child_gender = optional(text).map_err(unfit)?,
        "topic" => contact.topic = short(text, LONGEST_ID).map_err(unfit)?,
        "taxonomy" => contact.taxonomy = number(text).map_err(unfit)?,
        "issues" => contact.issues = list(text).map_err(unfit)?,
        "contact_type" => contact.contact_type = optional(text).map_err(unfit)?,
        "first_time" => contact.first_time = word(unknown(text)).map_err(unfit)?,
        "anonymous" => contact.anonymous = truth(text).map_err(unfit)?,
        "risk" => contact.risk = optional(text).map_err(unfit)?,
        "may_call_back" => contact.may_call_back = word(unknown(text)).map_err(unfit)?,
        "may_refer" => contact.may_refer = word(unknown(text)).map_err(unfit)?,
        "safe_time" => contact.safe_time = short(text, LONGEST).map_err(unfit)?,
        "safe_words" => contact.safe_words = short(text, LONGEST).map_err(unfit)?,
        "case_id" => contact.case = case(text).map_err(unfit)?,
        "service_tags" => contact.service_tags = list(text).map_err(unfit)?,
        "region" => contact.region = short(text, LONGEST).map_err(unfit)?,
        "heard_from" => contact.heard_from = short(text, LONGEST).map_err(unfit)?,
        "referral" => contact.referral = short(text, LONGEST).map_err(unfit)?,
        "notes" => contact.notes = short(text, LONGEST_NOTES).map_err(unfit)?,
        "calls" => contact.calls = calls(text).map_err(unfit)?,
        "operator" => {
            contact.operator = short(text, LONGEST_ID).map_err(unfit)?.map(OperatorId);
        }
        _ => return Err(FieldError::Unknown(field.to_owned())),
    }
    Ok(())
}

/// The text of a field, as [`set`] reads it; empty: nothing is known, or there is no such field.
pub fn text(contact: &Contact, field: &str) -> String {
    fn shown<T: fmt::Display>(value: Option<T>) -> String {
        value.map(|value| value.to_string()).unwrap_or_default()
    }
    let one = contact;
    match field {
        "opened_at" => moment_text(one.opened),
        "channel" => one.channel.to_string(),
        "dialled" => shown(one.dialled.as_ref()),
        "language" => shown(one.language),
        "party" => one.party.to_string(),
        "about" => shown(one.about),
        "gender" => one.gender.to_string(),
        "age" => shown(one.age),
        "child_age" => shown(one.child_age),
        "child_gender" => shown(one.child_gender),
        "topic" => shown(one.topic.as_ref()),
        "taxonomy" => one.taxonomy.to_string(),
        "issues" => one.issues.join(";"),
        "contact_type" => shown(one.contact_type),
        "first_time" => one.first_time.to_string(),
        "anonymous" => if one.anonymous { "yes" } else { "no" }.to_owned(),
        "risk" => shown(one.risk),
        "may_call_back" => one.may_call_back.to_string(),
        "may_refer" => one.may_refer.to_string(),
        "safe_time" => shown(one.safe_time.as_ref()),
        "safe_words" => shown(one.safe_words.as_ref()),
        "case_id" => shown(one.case),
        "service_tags" => one.service_tags.join(";"),
        "region" => shown(one.region.as_ref()),
        "heard_from" => shown(one.heard_from.as_ref()),
        "referral" => shown(one.referral.as_ref()),
        "notes" => shown(one.notes.as_ref()),
        "calls" => {
            let calls: Vec<String> = one.calls.iter().map(ToString::to_string).collect();
            calls.join(";")
        }
        "operator" => shown(one.operator.as_ref()),
        _ => String::new(),
    }
}

/// A field that is not the same for all.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Difference {
    /// Which.
    pub field: &'static str,
    /// As it was when it was read.
    pub seen: String,
    /// As it is.
    pub now: String,
    /// As it was to be.
    pub wanted: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            field,
            seen,
            now,
            wanted,
        } = self;
        write!(f, "{field}: you saw {seen:?}, now it is {now:?}")?;
        match wanted == seen {
            true => Ok(()),
            false => write!(f, ", you wanted {wanted:?}"),
        }
    }
}

/// The fields in which a contact that was read, the one that is there, and the one that was to be written differ.
pub fn differences(seen: &Contact, now: &Contact, wanted: &Contact) -> Vec<Difference> {
    let told = FIELDS.iter().map(|field| Difference {
        field,
        seen: text(seen, field),
        now: text(now, field),
        wanted: text(wanted, field),
    });
    told.filter(|one| one.seen != one.now || one.seen != one.wanted)
        .collect()
}

/// Reads a moment with its offset from UTC.
///
/// # Errors
/// It is none.
pub fn moment(text: &str) -> Result<Wall, String> {
    let read: Result<jiff::Timestamp, _> = text.parse();
    let read = read.map_err(|_| {
        format!(
            "{text:?} is no moment with an offset; write 2021-06-01T09:30:00+04:00, or in UTC 2021-06-01T05:30:00Z"
        )
    })?;
    Ok(Wall(read.as_microsecond()))
}

/// As [`moment`] reads it, in UTC.
pub fn moment_text(moment: Wall) -> String {
    jiff::Timestamp::from_microsecond(moment.0)
        .map(|moment| moment.to_string())
        .unwrap_or_default()
}

fn unknown(text: &str) -> &str {
    if text.is_empty() { "unknown" } else { text }
}

fn word<T: std::str::FromStr<Err: fmt::Display>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|fault: T::Err| fault.to_string())
}

fn optional<T: std::str::FromStr<Err: fmt::Display>>(text: &str) -> Result<Option<T>, String> {
    match text {
        "" => Ok(None),
        text => word(text).map(Some),
    }
}

fn truth(text: &str) -> Result<bool, String> {
    match text {
        "yes" => Ok(true),
        "no" | "" => Ok(false),
        _ => Err(format!("{text:?} is neither yes nor no")),
    }
}

fn years(text: &str) -> Result<Option<u8>, String> {
    match text {
        "" => Ok(None),
        text => match text.parse() {
            Ok(years @ 0..=120) => Ok(Some(years)),
            _ => Err(format!("{text:?} is no age; write whole years, 0 to 120")),
        },
    }
}

fn number(text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| {
        format!("{text:?} is no version; `qaynar taxonomy list` tells which there are")
    })
}

fn case(text: &str) -> Result<Option<i64>, String> {
    match text {
        "" => Ok(None),
        text => match text.parse() {
            Ok(id @ 1..) => Ok(Some(id)),
            _ => Err(format!("{text:?} is no number of a case")),
        },
    }
}

/// A number of ours: what stands here is never a caller's, which a short number or one of a table is not.
fn dialled(text: &str) -> Result<Option<String>, String> {
    let digits = text.strip_prefix('+').unwrap_or(text);
    match (1..=15).contains(&digits.len()) && digits.bytes().all(|one| one.is_ascii_digit()) {
        true => Ok(Some(text.to_owned())),
        false if text.is_empty() => Ok(None),
        false => Err(format!(
            "{text:?} is no number; write 116111 or +994506802280"
        )),
    }
}

fn short(text: &str, longest: usize) -> Result<Option<String>, String> {
    match text.chars().count() {
        0 => Ok(None),
        count if count <= longest => Ok(Some(text.to_owned())),
        count => Err(format!("{count} characters are too many; {longest} fit")),
    }
}

fn entries(text: &str) -> Result<Vec<&str>, String> {
    let entries = text.split([';', ',', '|']).map(str::trim);
    let mut found: Vec<&str> = Vec::new();
    for entry in entries.filter(|entry| !entry.is_empty()) {
        if !found.contains(&entry) {
            found.push(entry);
        }
        if found.len() > MOST {
            return Err(format!("more than {MOST} entries"));
        }
    }
    Ok(found)
}

fn list(text: &str) -> Result<Vec<String>, String> {
    let entries = entries(text)?.into_iter();
    entries.map(id).collect()
}

fn calls(text: &str) -> Result<Vec<crate::ids::CallId>, String> {
    entries(text)?.into_iter().map(word).collect()
}
