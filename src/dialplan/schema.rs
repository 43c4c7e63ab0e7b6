//! The JSON Schema of the format, for editors that complete and check while one types.

use serde_json::{Map, Value, json};

use super::keys::{DIALPLAN, GUARD, Kind, Section};

/// Of the dialplan's files.
pub fn of_dialplan() -> Value {
    document("A dialplan of Qaynar", &DIALPLAN)
}

/// Of `safety.toml`.
pub fn of_guard() -> Value {
    document("The guard of a dialplan of Qaynar", &GUARD)
}

fn document(title: &str, section: &Section) -> Value {
    let mut schema = table(section);
    if let Some(schema) = schema.as_object_mut() {
        schema.insert(
            "$schema".into(),
            json!("http://json-schema.org/draft-07/schema#"),
        );
        schema.insert("title".into(), json!(title));
    }
    schema
}

fn table(section: &Section) -> Value {
    let properties: Map<String, Value> = section
        .keys
        .iter()
        .map(|key| {
            let mut schema = kind(&key.kind);
            if let Some(schema) = schema.as_object_mut() {
                schema.insert("description".into(), json!(key.about));
            }
            (key.name.to_owned(), schema)
        })
        .collect();
    json!({
        "type": "object",
        "properties": properties,
        "required": section.needed,
        "additionalProperties": false,
    })
}

fn kind(one: &Kind) -> Value {
    let text = json!({ "type": "string" });
    match one {
        Kind::Text => text,
        Kind::Texts => json!({ "anyOf": [text, { "type": "array", "items": text }] }),
        Kind::Words(words) => json!({ "enum": words }),
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Count => json!({ "type": "integer", "minimum": 0 }),
        Kind::Amount => json!({ "type": "number", "minimum": 0 }),
        Kind::Time => json!({ "type": "string", "pattern": "^[0-9]+ *(ms|s|m|h|d)$" }),
        // A moment of TOML is none of JSON's types; editors hand it on as a text.
        Kind::Moment => json!({ "type": "string", "format": "date-time" }),
        Kind::Table(section) => table(section),
        Kind::Tables(section) => json!({ "type": "array", "items": table(section) }),
        Kind::Named(section) => {
            json!({ "type": "object", "additionalProperties": table(section) })
        }
        Kind::Keys => json!({
            "type": "object",
            "propertyNames": { "pattern": "^[0-9*#]$" },
            "additionalProperties": text,
        }),
        Kind::Paths => json!({ "type": "object", "additionalProperties": text }),
        Kind::Counts => json!({
            "type": "object",
            "additionalProperties": { "type": "integer", "minimum": 0 },
        }),
        Kind::List(kinds) => json!({ "type": "array", "items": any(kinds) }),
        Kind::Any(kinds) => any(kinds),
    }
}

fn any(kinds: &[Kind]) -> Value {
    let kinds: Vec<Value> = kinds.iter().map(kind).collect();
    json!({ "anyOf": kinds })
}
