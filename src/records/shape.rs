//! A contact as programs read it: one JSON object, the same from commands, exports and the API.

use serde_json::{Map, Value};

use super::contact::Contact;
use super::fields::moment_text;

/// The fields by their names ([`super::fields::FIELDS`]), and `id`, `version`, `caller`. Moments are RFC 3339 in
/// UTC, years are numbers, lists are lists, `null` is not known.
pub fn object(contact: &Contact) -> Map<String, Value> {
    let Ok(Value::Object(mut object)) = serde_json::to_value(contact) else {
        return Map::new();
    };
    object.remove("opened");
    object.insert("opened_at".into(), moment_text(contact.opened).into());
    let case = object.remove("case").unwrap_or_default();
    object.insert("case_id".into(), case);
    object
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::contact::{Channel, ContactId};
    use crate::records::fields::FIELDS;
    use crate::time::Wall;

    #[test]
    fn each_field_is_there_under_its_name() {
        let contact = Contact::new(ContactId("a".into()), Wall(0), Channel::Phone, 1);
        let object = object(&contact);
        for name in FIELDS.iter().chain(&["id", "version", "caller"]) {
            assert!(object.contains_key(*name), "{name}");
        }
        assert_eq!(object.len(), FIELDS.len() + 3);
        assert_eq!(object["opened_at"], "1970-01-01T00:00:00Z");
    }
}
