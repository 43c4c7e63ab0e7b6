//! Contacts for people.

use std::io::{self, Write};

use jiff::tz::TimeZone;

use crate::cli::calls::rfc3339;
use crate::records::contact::{
    About, Answer, Channel, Contact, ContactType, Gender, Party, Risk, Spoken,
};
use crate::records::fields::{FIELDS, moment_text, text};
use crate::records::quality::Finding;
use crate::records::taxonomy::{Taxonomy, Term};
use crate::store::contacts::Version;
use crate::store::escalations::Escalation;
use crate::time::Wall;

/// All that is known of one.
pub(super) fn contact(
    version: &Version,
    escalations: &[Escalation],
    found: &[Finding],
    zone: &TimeZone,
    out: &mut dyn Write,
) -> io::Result<()> {
    let contact = &version.contact;
    let (changed, hand) = (short(version.changed, zone), &version.hand);
    let Contact { id, version, .. } = contact;
    writeln!(out, "contact {id}, version {version}, by {hand}, {changed}")?;
    for field in FIELDS {
        let value = match *field {
            "opened_at" => rfc3339(contact.opened, zone),
            field => text(contact, field),
        };
        if !value.is_empty() {
            writeln!(out, "  {field:<13}  {value}")?;
        }
    }
    if let Some(caller) = &contact.caller {
        writeln!(out, "  {:<13}  {caller}", "caller")?;
    }
    for one in escalations {
        let (number, at) = (one.number, short(one.at, zone));
        write!(
            out,
            "escalation {number}: to {}, by {}, {at}",
            one.to_whom, one.by
        )?;
        match &one.outcome {
            Some(outcome) => writeln!(out, "; {outcome}")?,
            None => writeln!(out, "; open")?,
        }
    }
    let needs = contact.risk == Some(Risk::High) && escalations.is_empty();
    if needs {
        writeln!(out, "missing: a contact of high risk needs an escalation")?;
    }
    for one in found {
        writeln!(out, "doubtful: {one}")?;
    }
    Ok(())
}

/// A line each.
pub(super) fn table(contacts: &[Contact], zone: &TimeZone, out: &mut dyn Write) -> io::Result<()> {
    for contact in contacts {
        let opened = short(contact.opened, zone);
        let word = |value: Option<&str>| value.unwrap_or("–").to_owned();
        let kind = contact.contact_type.map(ContactType::as_str);
        let (topic, channel) = (word(contact.topic.as_deref()), contact.channel);
        let operator = word(contact.operator.as_ref().map(|one| one.as_str()));
        writeln!(
            out,
            "{opened}  {id:<15}  {channel:<9}  {party:<7}  {topic:<13}  {kind:<12}  {operator}",
            id = contact.id.0,
            channel = channel.as_str(),
            party = contact.party.as_str(),
            kind = word(kind),
        )?;
    }
    let name = zone.iana_name().unwrap_or("UTC");
    writeln!(out, "{} contacts; moments in {name}", contacts.len())
}

/// What each version changed.
pub(super) fn history(
    versions: &[Version],
    zone: &TimeZone,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut former: Option<&Contact> = None;
    for one in versions {
        let (version, at) = (one.contact.version, short(one.changed, zone));
        writeln!(out, "version {version}, by {}, {at}", one.hand)?;
        for field in FIELDS {
            let (was, is) = (
                former.map(|one| text(one, field)),
                text(&one.contact, field),
            );
            match was {
                Some(was) if was != is => writeln!(out, "  {field}: {was:?} → {is:?}")?,
                None if !is.is_empty() => writeln!(out, "  {field}: {is:?}")?,
                _ => {}
            }
        }
        former = Some(&one.contact);
    }
    Ok(())
}

/// As programs read it.
pub(super) fn escalation_json(one: &Escalation) -> serde_json::Value {
    serde_json::json!({
        "number": one.number,
        "at": moment_text(one.at),
        "to": one.to_whom,
        "by": one.by,
        "outcome": one.outcome,
        "closed_at": one.closed.map(moment_text),
    })
}

/// The fields, and what may stand there.
pub(super) fn fields(taxonomies: &[Taxonomy], out: &mut dyn Write) -> io::Result<()> {
    fn words<T: Copy>(all: &[T], word: fn(T) -> &'static str) -> String {
        all.iter()
            .map(|one| word(*one))
            .collect::<Vec<_>>()
            .join(" | ")
    }
    let ids = |terms: fn(&Taxonomy) -> &[Term]| {
        let terms = taxonomies.last().map(terms).unwrap_or_default();
        let ids: Vec<&str> = terms.iter().map(|term| term.id.as_str()).collect();
        ids.join(" | ")
    };
    let answers = words(Answer::ALL, Answer::as_str);
    for field in FIELDS {
        let may = match *field {
            "opened_at" => "2021-06-01T09:30:00+04:00".into(),
            "channel" => words(Channel::ALL, Channel::as_str),
            "language" => words(Spoken::ALL, Spoken::as_str),
            "party" => words(Party::ALL, Party::as_str),
            "about" => words(About::ALL, About::as_str),
            "gender" | "child_gender" => words(Gender::ALL, Gender::as_str),
            "age" | "child_age" => "years".into(),
            "topic" => ids(|one| &one.topics),
            "issues" => format!("{}; several: a;b", ids(|one| &one.issues)),
            "service_tags" => format!("{}; several: a;b", ids(|one| &one.service_tags)),
            "taxonomy" => "its version".into(),
            "contact_type" => words(ContactType::ALL, ContactType::as_str),
            "first_time" | "may_call_back" | "may_refer" => answers.clone(),
            "anonymous" => "yes | no".into(),
            "risk" => words(Risk::ALL, Risk::as_str),
            "case_id" => "as `qaynar case list` numbers it".into(),
            "calls" => "ids of calls, parted by semicolons".into(),
            "dialled" => "a number of ours".into(),
            "operator" => "an operator's id".into(),
            _ => "text".into(),
        };
        writeln!(out, "{field:<13}  {may}")?;
    }
    Ok(())
}

/// A moment to the second.
fn short(moment: Wall, zone: &TimeZone) -> String {
    let text = rfc3339(moment, zone);
    text.get(..19).unwrap_or_default().replace('T', " ")
}
