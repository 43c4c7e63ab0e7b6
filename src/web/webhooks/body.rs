//! What is sent: one JSON object, in which callers stand by pseudonym, and nothing of what they said.

use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::config::Destination;
use crate::records::contact::Contact;
use crate::records::told::name_of;
use crate::store::deliveries::{Delivery, Happened};
use crate::time::Wall;
use crate::web::shown::{Call, rfc3339};

/// Who is told, and what.
pub(super) fn describe(happened: &Happened, to: &[&Destination], now: Wall) -> Vec<Delivery> {
    let Some((id, name, at, body)) = told(happened) else {
        return Vec::new();
    };
    let wants = |one: &&&Destination| one.events.contains(name);
    let to = to.iter().filter(wants);
    to.map(|destination| Delivery {
        id: id.clone(),
        destination: destination.name.clone(),
        event: name.to_owned(),
        at,
        body: body.to_string(),
        tries: 0,
        since: now,
        due: now,
        fault: None,
        dead: None,
    })
    .collect()
}

fn told(happened: &Happened) -> Option<(String, &'static str, Wall, Value)> {
    match happened {
        Happened::Event {
            sequence,
            event,
            record,
        } => {
            let name = name_of(&event.what)?;
            let id = format!("E-{sequence}");
            let mut data = serde_json::to_value(&event.what).ok()?;
            // The name says it, by a word that stays.
            data.as_object_mut()?.remove("event");
            let mut body = frame(&id, name, event.at);
            body["call"] = json!(event.call);
            body["data"] = data;
            if let Some(record) = record {
                body["record"] = json!(Call::new(record, &TimeZone::UTC));
            }
            Some((id, name, event.at, body))
        }
        Happened::Contact {
            contact,
            version,
            at,
            hand,
        } => {
            let name = match version {
                1 => "contact.opened",
                _ => "contact.changed",
            };
            let id = format!("{}-v{version}", contact.id);
            let mut body = frame(&id, name, *at);
            body["contact"] = of_contact(contact, *version);
            body["by"] = json!(hand.to_string());
            Some((id, name, *at, body))
        }
    }
}

fn frame(id: &str, name: &str, at: Wall) -> Value {
    json!({ "id": id, "event": name, "at": rfc3339(at, &TimeZone::UTC) })
}

/// What a server needs to ask for the rest, which takes a token.
fn of_contact(contact: &Contact, version: u64) -> Value {
    json!({
        "id": contact.id,
        "version": version,
        "channel": contact.channel,
        "calls": contact.calls,
        "caller": contact.caller,
        "operator": contact.operator,
        "case_id": contact.case,
    })
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::dialplan::webhook::Url;
    use crate::records::contact::{Channel, ContactId};
    use crate::store::contacts::Hand;

    #[test]
    fn a_contact_is_told_without_what_was_said() {
        let mut contact = Contact::new(ContactId("K-1".into()), Wall(0), Channel::Phone, 1);
        contact.notes = Some("a secret".into());
        contact.safe_words = Some("a secret".into());
        let happened = Happened::Contact {
            contact: Box::new(contact),
            version: 2,
            at: Wall(0),
            hand: Hand::Person("crm".into()),
        };
        let destination = |events: &[&str]| Destination {
            name: "crm".into(),
            url: Url::parse("https://crm.example/").unwrap(),
            events: events.iter().map(ToString::to_string).collect(),
            secret: PathBuf::new(),
        };
        let (wants, other) = (destination(&["contact.changed"]), destination(&["alarm"]));
        let told = describe(&happened, &[&wants, &other], Wall(9));
        assert_eq!(told.len(), 1);
        assert_eq!(
            (told[0].id.as_str(), told[0].event.as_str()),
            ("K-1-v2", "contact.changed")
        );
        assert!(!told[0].body.contains("secret"), "{}", told[0].body);
        assert!(told[0].body.contains("\"by\":\"crm\""));
    }
}
