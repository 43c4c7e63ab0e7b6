//! `qaynar contact`: what operators write down, by hand and of calls.

mod print;

use std::io::Write;
use std::process::ExitCode;

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::CliError;
use super::args::contacts::{Contact as Command, List};
use super::calls::{between, zone_of};
use crate::config::Settings;
use crate::records::contact::{Channel, Contact, ContactId};
use crate::records::fields;
use crate::records::quality::{Finding, findings};
use crate::records::shape::object;
use crate::records::taxonomy::Taxonomy;
use crate::server::clock::Clock;
use crate::store::cases::Cases;
use crate::store::contacts::{Contacts, Hand, UpdateError, Version, Wanted, made_id};
use crate::store::escalations::Escalations;
use crate::store::taxonomies::Taxonomies;
use crate::time::Wall;

/// Does it.
///
/// # Errors
/// No such contact, fields that cannot be read or contradict each other, or the database.
pub(super) fn run(
    asked: &Command,
    settings: &Settings,
    out: &mut dyn Write,
) -> Result<ExitCode, CliError> {
    let mut desk = Desk::open(settings)?;
    match asked {
        Command::Add {
            fields,
            id,
            by,
            json,
        } => desk.add((id.as_ref(), fields), by.as_deref(), *json, out)?,
        Command::Set {
            id,
            fields,
            version,
            by,
            json,
        } => return desk.set((id, *version), fields, by.as_deref(), *json, out),
        Command::Show { id, json } => desk.show(id, *json, out)?,
        Command::List(asked) => desk.list(asked, out)?,
        Command::History { id, json } => desk.history(id, *json, out)?,
        Command::Escalate {
            id,
            to,
            number,
            outcome,
            by,
            json,
        } => {
            let what = match (to, number.zip(outcome.as_ref())) {
                (Some(whom), _) => Escalated::To(whom),
                (None, Some((number, outcome))) => Escalated::CameOf(number, outcome),
                (None, None) => return Err(CliError::Arguments("write --to WHOM".into())),
            };
            desk.escalate(id, what, by.as_deref(), *json, out)?;
        }
        Command::Fields => print::fields(&desk.taxonomies, out)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The day of a moment.
pub(super) fn day_of(moment: Wall, zone: &TimeZone) -> Date {
    let stamp = jiff::Timestamp::from_microsecond(moment.0).unwrap_or_default();
    stamp.to_zoned_datetime(zone.clone()).date()
}

/// That there is such a case.
pub(super) fn case_is_known(case: i64, settings: &Settings) -> Result<(), CliError> {
    match Cases::open(&settings.storage.database)?.has(case)? {
        true => Ok(()),
        false => Err(CliError::Arguments(format!(
            "there is no case {case}; `qaynar case list` tells which are open"
        ))),
    }
}

enum Escalated<'a> {
    To(&'a str),
    CameOf(u32, &'a str),
}

/// The letters of whom a contact was escalated to, and of what came of it.
const LONGEST: usize = 500;

struct Desk<'a> {
    settings: &'a Settings,
    contacts: Contacts,
    taxonomies: Vec<Taxonomy>,
    zone: TimeZone,
    now: Wall,
}

impl<'a> Desk<'a> {
    fn open(settings: &'a Settings) -> Result<Self, CliError> {
        let at = &settings.storage.database;
        Ok(Self {
            settings,
            contacts: Contacts::open(at)?,
            taxonomies: Taxonomies::open(at)?.all()?,
            zone: zone_of(&settings.dialplans.folder),
            now: Clock::start().now().wall,
        })
    }

    fn add(
        &mut self,
        (id, given): (Option<&ContactId>, &[(String, String)]),
        by: Option<&str>,
        json: bool,
        out: &mut dyn Write,
    ) -> Result<(), CliError> {
        if given.iter().all(|(field, _)| field != "channel") {
            let known: Vec<&str> = Channel::ALL.iter().map(|one| one.as_str()).collect();
            let text = format!("write channel=… ; there are: {}", known.join(", "));
            return Err(CliError::Arguments(text));
        }
        let id = match id {
            Some(id) => id.clone(),
            None => made_id(self.now)?,
        };
        let newest = self.taxonomies.last().map_or(1, |one| one.version);
        let mut contact = Contact::new(id, self.now, Channel::Phone, newest);
        self.fill(&mut contact, given)?;
        let hand = Hand::Person(who(by));
        if !self.contacts.insert(&contact, &hand, self.now)? {
            return Err(CliError::Arguments(format!(
                "there is a contact {} already; `qaynar contact set` changes it",
                contact.id
            )));
        }
        self.written(&contact, json, out)
    }

    fn set(
        &mut self,
        (id, seen): (&ContactId, u64),
        given: &[(String, String)],
        by: Option<&str>,
        json: bool,
        out: &mut dyn Write,
    ) -> Result<ExitCode, CliError> {
        let versions = self.contacts.history(id)?;
        let base = versions.iter().find(|one| one.contact.version == seen);
        let base = base.or_else(|| versions.last());
        let mut contact = base.ok_or_else(|| missing(id))?.contact.clone();
        self.fill(&mut contact, given)?;
        let hand = Hand::Person(who(by));
        match self.contacts.update(&contact, seen, &hand, self.now) {
            Ok(version) => {
                contact.version = version;
                self.written(&contact, json, out)?;
                Ok(ExitCode::SUCCESS)
            }
            Err(UpdateError::Conflict(conflict)) if json => {
                let now = &conflict.current;
                let value = serde_json::json!({ "conflict": {
                    "contact": id,
                    "seen": seen,
                    "version": now.contact.version,
                    "changed_by": now.hand.to_string(),
                    "differences": conflict.differences,
                } });
                writeln!(out, "{value}")?;
                Ok(ExitCode::FAILURE)
            }
            Err(UpdateError::Database(fault)) => Err(fault.into()),
            Err(other) => Err(CliError::Arguments(other.to_string())),
        }
    }

    /// Sets fields, and refuses what contradicts itself.
    fn fill(&self, contact: &mut Contact, given: &[(String, String)]) -> Result<(), CliError> {
        for (field, value) in given {
            let set = fields::set(contact, field, value);
            set.map_err(|fault| CliError::Arguments(fault.to_string()))?;
        }
        let refused = self.findings(contact).into_iter();
        let refused: Vec<String> = refused
            .filter(Finding::is_refused)
            .map(|one| one.to_string())
            .collect();
        if !refused.is_empty() {
            let text = format!("nothing is written: {}", refused.join("\n"));
            return Err(CliError::Arguments(text));
        }
        match contact.case {
            Some(case) if given.iter().any(|(field, _)| field == "case_id") => {
                case_is_known(case, self.settings)
            }
            _ => Ok(()),
        }
    }

    fn findings(&self, contact: &Contact) -> Vec<Finding> {
        findings(contact, &self.taxonomies, self.now)
    }

    fn written(
        &mut self,
        contact: &Contact,
        json: bool,
        out: &mut dyn Write,
    ) -> Result<(), CliError> {
        if json {
            return self.show(&contact.id, true, out);
        }
        writeln!(
            out,
            "contact {} is at version {}",
            contact.id, contact.version
        )?;
        for doubt in self.findings(contact) {
            writeln!(out, "  doubtful: {doubt}")?;
        }
        Ok(())
    }

    fn show(&mut self, id: &ContactId, json: bool, out: &mut dyn Write) -> Result<(), CliError> {
        let version = self.contacts.current(id)?.ok_or_else(|| missing(id))?;
        let escalations = Escalations::open(&self.settings.storage.database)?.of(id)?;
        let found = self.findings(&version.contact);
        if !json {
            return Ok(print::contact(
                &version,
                &escalations,
                &found,
                &self.zone,
                out,
            )?);
        }
        let mut value = object(&version.contact);
        let notes = found
            .iter()
            .map(|one| serde_json::json!({ "note": one.word(), "text": one.to_string() }));
        value.insert(
            "changed_at".into(),
            fields::moment_text(version.changed).into(),
        );
        value.insert("changed_by".into(), version.hand.to_string().into());
        value.insert("notes_on_quality".into(), notes.collect());
        let escalations = escalations.iter().map(print::escalation_json);
        value.insert("escalations".into(), escalations.collect());
        Ok(writeln!(out, "{}", serde_json::Value::Object(value))?)
    }

    fn list(&mut self, asked: &List, out: &mut dyn Write) -> Result<(), CliError> {
        let (from, to) = between(&asked.from, &asked.to, &self.zone)?;
        let found = self.contacts.list(&Wanted {
            from,
            to,
            call: asked.call,
            caller: asked.caller.clone(),
            case: asked.case,
            unfilled: asked.unfilled,
            limit: asked.limit,
        })?;
        if !asked.json {
            return Ok(print::table(&found, &self.zone, out)?);
        }
        let all: Vec<_> = found.iter().map(object).collect();
        Ok(writeln!(out, "{}", serde_json::json!(all))?)
    }

    fn history(&mut self, id: &ContactId, json: bool, out: &mut dyn Write) -> Result<(), CliError> {
        let versions = self.contacts.history(id)?;
        if versions.is_empty() {
            return Err(missing(id));
        }
        if !json {
            return Ok(print::history(&versions, &self.zone, out)?);
        }
        let all = versions.iter().map(|one| {
            let Version {
                contact,
                changed,
                hand,
            } = one;
            let mut value = object(contact);
            value.insert("changed_at".into(), fields::moment_text(*changed).into());
            value.insert("changed_by".into(), hand.to_string().into());
            value
        });
        let all: Vec<_> = all.collect();
        Ok(writeln!(out, "{}", serde_json::json!(all))?)
    }

    fn escalate(
        &mut self,
        id: &ContactId,
        what: Escalated<'_>,
        by: Option<&str>,
        json: bool,
        out: &mut dyn Write,
    ) -> Result<(), CliError> {
        if self.contacts.get(id)?.is_none() {
            return Err(missing(id));
        }
        let mut escalations = Escalations::open(&self.settings.storage.database)?;
        let text = match what {
            Escalated::To(whom) => {
                let whom = short("--to", whom)?;
                let number = escalations.add(id, whom, &who(by), self.now)?;
                format!(
                    "contact {id} is escalated to {whom}; what comes of it: `qaynar contact escalate {id} --number {number} --outcome …`"
                )
            }
            Escalated::CameOf(number, outcome) => {
                if !escalations.close(id, number, short("--outcome", outcome)?, self.now)? {
                    return Err(CliError::Arguments(format!(
                        "contact {id} has no escalation {number}; `qaynar contact show {id}` numbers them"
                    )));
                }
                format!("what came of escalation {number} of contact {id} is written down")
            }
        };
        if !json {
            return Ok(writeln!(out, "{text}")?);
        }
        let all = escalations.of(id)?;
        let all: Vec<_> = all.iter().map(print::escalation_json).collect();
        Ok(writeln!(out, "{}", serde_json::json!(all))?)
    }
}

fn missing(id: &ContactId) -> CliError {
    CliError::Arguments(UpdateError::Missing(id.clone()).to_string())
}

fn short<'a>(option: &str, text: &'a str) -> Result<&'a str, CliError> {
    let text = text.trim();
    match text.chars().count() {
        1..=LONGEST => Ok(text),
        _ => Err(CliError::Arguments(format!(
            "{option} wants 1 to {LONGEST} characters"
        ))),
    }
}

/// Who writes: as they say, else the user of the shell.
fn who(by: Option<&str>) -> String {
    let user = || std::env::var("USER").ok().filter(|user| !user.is_empty());
    let by = by.map(str::to_owned).or_else(user);
    by.unwrap_or_else(|| "an administrator".to_owned())
}
