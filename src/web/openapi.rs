//! The document of the API (OpenAPI 3.1), made from the handlers themselves.

use serde::Serialize;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::{Modify, OpenApi, ToSchema};

/// Why something was not done (RFC 9457).
#[allow(dead_code, reason = "it describes what is sent")]
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Refusal {
    /// Always about:blank: the status says it.
    r#type: String,
    /// The status of HTTP.
    status: u16,
    /// The status in words.
    title: String,
    /// What is wrong, and what to do.
    detail: String,
    /// Each mistake, where there may be several.
    #[schema(value_type = Vec<Object>)]
    errors: Option<Vec<serde_json::Value>>,
    /// With 412: the contact as it is now.
    current: Option<Box<ContactFields>>,
    /// With 412: the fields that differ, as they were `seen`, are `now`, and were `wanted`.
    #[schema(value_type = Vec<Object>)]
    differences: Option<Vec<serde_json::Value>>,
}

/// A contact. Null: not known. Read alone: version, caller, doubts.
#[allow(dead_code, reason = "it describes what is sent")]
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ContactFields {
    /// Which: 1 to 64 characters; of a call: K- and the call's id.
    id: Option<String>,
    /// Grows by one with each change; the ETag.
    version: Option<u64>,
    /// When it began, with its offset.
    #[schema(example = "2026-11-23T03:00:00Z")]
    opened_at: Option<String>,
    /// How it came: phone, webchat, facebook, instagram, email, app, sms, walk-in, voicemail.
    channel: Option<String>,
    /// The number of ours that was dialled.
    dialled: Option<String>,
    /// az, ru, en, other.
    language: Option<String>,
    /// child, adult, unknown.
    party: Option<String>,
    /// Whom it is about: self, another child.
    about: Option<String>,
    /// Of the contacting person: female, male, unknown.
    gender: Option<String>,
    /// The contacting person's years.
    age: Option<u8>,
    /// The years of the child whom it is about.
    child_age: Option<u8>,
    /// Of the child whom it is about: female, male, unknown.
    child_gender: Option<String>,
    /// The one primary topic, by its id; GET /api/taxonomies lists them.
    topic: Option<String>,
    /// The version of the taxonomy that topic, issues and tags are of.
    taxonomy: Option<u32>,
    /// Finer reasons, by their ids.
    issues: Option<Vec<String>>,
    /// counselling, information, silent, hang-up, joke, abusive, wrong number, test, thanks; null: not filled in.
    contact_type: Option<String>,
    /// yes, no, unknown.
    first_time: Option<String>,
    /// Whether the person wanted no name to be known.
    anonymous: Option<bool>,
    /// none, low, medium, high.
    risk: Option<String>,
    /// yes, no, unknown.
    may_call_back: Option<String>,
    /// yes, no, unknown.
    may_refer: Option<String>,
    /// When it is safe to call back.
    safe_time: Option<String>,
    /// What may be said to somebody else who answers.
    safe_words: Option<String>,
    /// The case that it belongs to.
    case_id: Option<i64>,
    /// Services that were asked for, by their ids.
    service_tags: Option<Vec<String>>,
    /// Where the person lives.
    region: Option<String>,
    /// How the person heard of the helpline.
    heard_from: Option<String>,
    /// Where the person was referred to.
    referral: Option<String>,
    /// What else there is to say.
    notes: Option<String>,
    /// The calls that it belongs to.
    calls: Option<Vec<String>>,
    /// Who called, by pseudonym.
    caller: Option<String>,
    /// Who took it.
    operator: Option<String>,
    /// What is missing or doubtful; in answers to what was written.
    #[schema(value_type = Vec<Object>)]
    doubts: Option<Vec<serde_json::Value>>,
}

/// Each request shows a token.
struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("token", scheme);
        let needs: [&str; 0] = [];
        document.security = Some(vec![SecurityRequirement::new("token", needs)]);
    }
}

/// The document.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Qaynar",
        description = "The exchange of a helpline. Each request shows a token: `Authorization: Bearer …`; \
                       `qaynar token add` makes one. Callers stand here by pseudonym, never by number. Refusals are \
                       problem details (RFC 9457) that say what to do."
    ),
    paths(
        super::calls::list,
        super::calls::get,
        super::calls::timeline,
        super::contacts::list,
        super::contacts::add,
        super::contacts::get,
        super::contacts::change,
        super::contacts::history,
        super::contacts::taxonomies,
        super::escalations::list,
        super::escalations::add,
        super::escalations::close,
        super::activities::list,
        super::activities::add,
        super::activities::remove,
        super::operators::list,
        super::operators::get,
        super::reports::get,
    ),
    modifiers(&Bearer)
)]
struct Document;

/// The document as JSON.
pub fn document() -> String {
    Document::openapi().to_pretty_json().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::fields::FIELDS;

    #[test]
    fn the_document_names_each_field_of_a_contact_and_no_other() {
        let document: serde_json::Value = serde_json::from_str(&document()).unwrap();
        let schema = &document["components"]["schemas"]["ContactFields"]["properties"];
        let told: Vec<&String> = schema.as_object().unwrap().keys().collect();
        let mut known: Vec<&str> = FIELDS.to_vec();
        known.extend(["id", "version", "caller", "doubts"]);
        known.sort_unstable();
        assert_eq!(told, known);
    }
}
