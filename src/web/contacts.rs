//! `/api/contacts`: read, added and changed by versions, so that nobody overwrites what they have not seen.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::{IntoParams, ToSchema};

use super::Api;
use super::access::Holder;
use super::asked::{Body, Span, Wanted, after, limit, next, seen};
use super::calls::call_id;
use super::openapi::{ContactFields, Refusal};
use super::problem::Problem;
use super::shown::rfc3339;
use super::tables::Desk;
use crate::records::contact::{Channel, Contact, ContactId};
use crate::records::fields;
use crate::records::quality::{Finding, findings};
use crate::records::shape;
use crate::store::contacts::{Conflict, Hand, UpdateError, Version, made_id};
use crate::store::pages;
use crate::store::tokens::Scope;
use crate::time::Wall;

/// Which contacts.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// That began at or after this moment, with its offset: `2026-11-23T00:00:00+04:00`.
    from: Option<String>,
    /// That began before this moment.
    to: Option<String>,
    /// Of this caller, by pseudonym.
    caller: Option<String>,
    /// Of this call.
    call: Option<String>,
    /// Of this operator.
    operator: Option<String>,
    /// Of this case.
    case_id: Option<i64>,
    /// Only those whose contact type nobody filled in.
    unfilled: Option<bool>,
    /// The most contacts of a page: 1 to 1000; left out: 100.
    limit: Option<usize>,
    /// Go on behind the last page: its `next`.
    after: Option<String>,
}

/// A page of contacts, the latest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Contacts {
    #[schema(value_type = Vec<ContactFields>)]
    items: Vec<Map<String, Value>>,
    /// What to send as `after` for the page that follows; null: this is the last one.
    next: Option<String>,
}

/// List contacts, the latest first.
#[utoipa::path(get, path = "/api/contacts", tag = "contacts", params(Which),
    description = "Needs the scope contacts:read.",
    responses((status = 200, description = "A page", body = Contacts),
        (status = "4XX", description = "Refused", body = Refusal, content_type = "application/problem+json")))]
pub(super) async fn list(
    State(api): State<Api>,
    holder: Holder,
    Wanted(which): Wanted<Which>,
) -> Result<Json<Contacts>, Problem> {
    holder.may(Scope::ContactsRead)?;
    let span = Span::read(which.from.as_deref(), which.to.as_deref())?;
    let limit = limit(which.limit)?;
    let wanted = pages::Wanted {
        from: span.from,
        to: span.to,
        caller: which.caller.as_deref().map(Into::into),
        operator: which.operator.as_deref().map(Into::into),
        call: which.call.as_deref().map(call_id).transpose()?,
        case: which.case_id,
        unfilled: which.unfilled.unwrap_or(false),
        after: after(which.after.as_deref())?,
        // One more tells whether there is another page.
        limit: limit + 1,
        ..pages::Wanted::default()
    };
    let found = api
        .tables
        .with(move |desk| Ok(desk.contacts()?.page(&wanted)?));
    let mut found = found.await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let last = found.last().filter(|_| more);
    Ok(Json(Contacts {
        next: last.map(|one| next(one.opened, &one.id.0)),
        items: found.iter().map(shape::object).collect(),
    }))
}

/// Tell one contact; its ETag is its version.
#[utoipa::path(get, path = "/api/contacts/{id}", tag = "contacts",
    description = "Needs the scope contacts:read.",
    params(("id" = String, Path, description = "Which contact; of a call: K- and the call's id")),
    responses((status = 200, description = "The contact", body = ContactFields),
        (status = 304, description = "It is as If-None-Match has it"),
        (status = "4XX", description = "Refused", body = Refusal, content_type = "application/problem+json")))]
pub(super) async fn get(
    State(api): State<Api>,
    holder: Holder,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    holder.may(Scope::ContactsRead)?;
    let found = api.tables.with(move |desk| current(desk, &id)).await?;
    let tag = etag(found.contact.version);
    if headers
        .get(header::IF_NONE_MATCH)
        .is_some_and(|seen| seen == tag.as_str())
    {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response());
    }
    Ok(answer(StatusCode::OK, &found.contact, &[]))
}

/// Add a contact that came another way than by a call.
#[utoipa::path(post, path = "/api/contacts", tag = "contacts",
    description = "Needs the scope contacts:write. `channel` is needed. Left out: `id` is made, `opened_at` is now, \
                   `taxonomy` is the newest one. A contact of a call is there by itself.",
    request_body(content = ContactFields, content_type = "application/json"),
    responses((status = 201, description = "The contact, with `doubts` where something is missing", body = ContactFields),
        (status = 409, description = "There is one of this id; it is not changed", body = Refusal, content_type = "application/problem+json"),
        (status = "4XX", description = "Refused", body = Refusal, content_type = "application/problem+json")))]
pub(super) async fn add(
    State(api): State<Api>,
    holder: Holder,
    Body(mut wanted): Body<Map<String, Value>>,
) -> Result<Response, Problem> {
    holder.may(Scope::ContactsWrite)?;
    let now = api.clock.now().wall;
    let id = match wanted.remove("id") {
        None | Some(Value::Null) => made_id(now).map_err(|fault| Problem::ours(&fault))?,
        Some(Value::String(id)) => id.parse().map_err(Problem::unfit)?,
        Some(_) => return Err(Problem::unfit("id: write a text")),
    };
    if !wanted.contains_key("channel") {
        return Err(Problem::unfit(
            "channel: a contact needs one, such as \"webchat\"",
        ));
    }
    let hand = holder.hand();
    let added = api.tables.with(move |desk| {
        let taxonomies = desk.taxonomies()?.all()?;
        let newest = taxonomies.last().map_or(1, |one| one.version);
        let mut contact = Contact::new(id, now, Channel::Phone, newest);
        set_all(&mut contact, &wanted)?;
        case(desk, contact.case)?;
        let doubts = checked(&contact, &findings(&contact, &taxonomies, now))?;
        match desk.contacts()?.insert(&contact, &hand, now)? {
            true => Ok((contact, doubts)),
            false => Err(Problem::new(
                StatusCode::CONFLICT,
                format!(
                    "there is a contact {}; it is as it was: PATCH /api/contacts/{} changes it",
                    contact.id, contact.id
                ),
            )),
        }
    });
    let (contact, doubts) = added.await?;
    let mut response = answer(StatusCode::CREATED, &contact, &doubts);
    let place = format!("/api/contacts/{}", escaped(&contact.id.0));
    if let Ok(place) = place.parse() {
        response.headers_mut().insert(header::LOCATION, place);
    }
    Ok(response)
}

/// Change a contact: the fields that are sent, the others stay.
#[utoipa::path(patch, path = "/api/contacts/{id}", tag = "contacts",
    description = "Needs the scope contacts:write, and in If-Match the ETag of the contact as it was read. Where \
                   somebody changed it meanwhile nothing is written, and the answer shows what differs.",
    params(("id" = String, Path, description = "Which contact"),
        ("If-Match" = String, Header, description = "The ETag of what was read: \"3\", in quotes")),
    request_body(content = ContactFields, content_type = "application/json"),
    responses((status = 200, description = "The contact as it is now", body = ContactFields),
        (status = 412, description = "Somebody was faster: `current` is the contact, `differences` what differs", body = Refusal, content_type = "application/problem+json"),
        (status = 428, description = "If-Match is missing", body = Refusal, content_type = "application/problem+json"),
        (status = "4XX", description = "Refused", body = Refusal, content_type = "application/problem+json")))]
pub(super) async fn change(
    State(api): State<Api>,
    holder: Holder,
    Path(id): Path<String>,
    headers: HeaderMap,
    Body(wanted): Body<Map<String, Value>>,
) -> Result<Response, Problem> {
    holder.may(Scope::ContactsWrite)?;
    let seen = seen(&headers)?;
    let (hand, now) = (holder.hand(), api.clock.now().wall);
    let changed = api
        .tables
        .with(move |desk| write(desk, &id, seen, &wanted, (&hand, now)));
    let (contact, doubts) = changed.await?;
    Ok(answer(StatusCode::OK, &contact, &doubts))
}

fn write(
    desk: &mut Desk,
    id: &str,
    seen: u64,
    wanted: &Map<String, Value>,
    (hand, now): (&Hand, Wall),
) -> Result<(Contact, Vec<Finding>), Problem> {
    let mut contact = current(desk, id)?.contact;
    if contact.version != seen {
        // What was seen is what the change was made from; it tells the two changes apart.
        let former = desk.contacts()?.history(&contact.id)?.into_iter();
        let mut former = former.map(|version| version.contact);
        contact = former
            .find(|former| former.version == seen)
            .unwrap_or(contact);
    }
    let former = contact.case;
    set_all(&mut contact, wanted)?;
    case(desk, contact.case.filter(|_| contact.case != former))?;
    let taxonomies = desk.taxonomies()?.all()?;
    let found = findings(&contact, &taxonomies, now);
    let contacts = desk.contacts()?;
    // A conflict is told first: what contradicts itself may be the other's doing.
    let refused = found.iter().any(Finding::is_refused);
    let is_newest = contacts.get(&contact.id)?.map(|one| one.version) == Some(seen);
    if refused && is_newest {
        checked(&contact, &found)?;
    }
    match contacts.update(&contact, seen, hand, now) {
        Ok(version) => {
            contact.version = version;
            Ok((contact, found))
        }
        Err(UpdateError::Conflict(conflict)) => Err(overtaken(&conflict)),
        Err(UpdateError::Missing(id)) => Err(missing(&id.0)),
        Err(UpdateError::Database(fault)) => Err(fault.into()),
    }
}

fn overtaken(conflict: &Conflict) -> Problem {
    let current = &conflict.current.contact;
    let detail = format!(
        "contact {} was changed by {} while you wrote: it is at version {}, you saw {}; nothing is overwritten: \
         compare, and send your change with If-Match: \"{}\"",
        current.id, conflict.current.hand, current.version, conflict.seen, current.version
    );
    Problem::new(StatusCode::PRECONDITION_FAILED, detail)
        .with("current", Value::Object(shape::object(current)))
        .with("differences", json!(conflict.differences))
}

/// What a contact was.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Former {
    /// The contact as it was then.
    #[schema(value_type = ContactFields)]
    contact: Map<String, Value>,
    /// Since when.
    changed: String,
    /// By whom: `the call`, `an import`, or a name.
    by: String,
}

/// All versions of a contact, from the first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct History {
    versions: Vec<Former>,
}

/// Tell all versions of a contact.
#[utoipa::path(get, path = "/api/contacts/{id}/history", tag = "contacts",
    description = "Needs the scope contacts:read.",
    params(("id" = String, Path, description = "Which contact")),
    responses((status = 200, description = "From the first version to this one", body = History),
        (status = "4XX", description = "Refused", body = Refusal, content_type = "application/problem+json")))]
pub(super) async fn history(
    State(api): State<Api>,
    holder: Holder,
    Path(id): Path<String>,
) -> Result<Json<History>, Problem> {
    holder.may(Scope::ContactsRead)?;
    let found = api.tables.with(move |desk| {
        let versions = desk.contacts()?.history(&ContactId(id.clone()))?;
        match versions.is_empty() {
            true => Err(missing(&id)),
            false => Ok(versions),
        }
    });
    let versions = found.await?.into_iter().map(|version| Former {
        contact: shape::object(&version.contact),
        changed: rfc3339(version.changed, &api.zone),
        by: version.hand.to_string(),
    });
    Ok(Json(History {
        versions: versions.collect(),
    }))
}

fn current(desk: &mut Desk, id: &str) -> Result<Version, Problem> {
    let found = desk.contacts()?.current(&ContactId(id.to_owned()))?;
    found.ok_or_else(|| missing(id))
}

pub(super) fn missing(id: &str) -> Problem {
    Problem::missing(format!(
        "there is no contact {id:?}; GET /api/contacts lists them"
    ))
}

/// Sets all fields that are sent; all mistakes are told at once.
fn set_all(contact: &mut Contact, wanted: &Map<String, Value>) -> Result<(), Problem> {
    let mut faults = Vec::new();
    for (field, value) in wanted {
        let fault = match text_of(value) {
            Ok(text) => fields::set(contact, field, &text)
                .err()
                .map(|fault| fault.to_string()),
            Err(remedy) => Some(format!("{field}: {remedy}")),
        };
        faults.extend(fault.map(|fault| json!({ "field": field, "detail": fault })));
    }
    match faults.is_empty() {
        true => Ok(()),
        false => {
            let first = faults[0]["detail"].as_str().unwrap_or_default().to_owned();
            Err(Problem::unfit(first).with("errors", Value::Array(faults)))
        }
    }
}

/// That there is this case.
pub(super) fn case(desk: &mut Desk, case: Option<i64>) -> Result<(), Problem> {
    let Some(case) = case else { return Ok(()) };
    match desk.cases()?.has(case)? {
        true => Ok(()),
        false => Err(Problem::unfit(format!(
            "case_id: there is no case {case}; `qaynar case list` tells which are open"
        ))),
    }
}

/// A value as the text that [`fields::set`] reads; null: nothing is known.
pub(super) fn text_of(value: &Value) -> Result<String, &'static str> {
    match value {
        Value::Null => Ok(String::new()),
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(truth) => Ok(if *truth { "yes" } else { "no" }.to_owned()),
        Value::Array(entries) => {
            let fits = |text: &&str| !text.contains([';', ',', '|']);
            let texts: Option<Vec<&str>> = entries
                .iter()
                .map(|entry| entry.as_str().filter(fits))
                .collect();
            let texts = texts.ok_or("write a list of texts, without ';', ',' and '|' in them")?;
            Ok(texts.join(";"))
        }
        Value::Object(_) => Err("write a text, a number, true, false, or a list of texts"),
    }
}

/// The doubts about a contact.
///
/// # Errors
/// It contradicts itself.
fn checked(contact: &Contact, found: &[Finding]) -> Result<Vec<Finding>, Problem> {
    let refused: Vec<&Finding> = found.iter().filter(|one| one.is_refused()).collect();
    let Some(first) = refused.first() else {
        return Ok(found.to_vec());
    };
    let errors = refused
        .iter()
        .map(|one| json!({ "kind": one.word(), "detail": one.to_string() }));
    let detail = format!("contact {} is as it was: {first}", contact.id);
    Err(Problem::unfit(detail).with("errors", errors.collect()))
}

fn etag(version: u64) -> String {
    format!("\"{version}\"")
}

fn answer(status: StatusCode, contact: &Contact, doubts: &[Finding]) -> Response {
    let mut body = shape::object(contact);
    if !doubts.is_empty() {
        let doubts = doubts
            .iter()
            .map(|one| json!({ "kind": one.word(), "detail": one.to_string() }));
        body.insert("doubts".into(), doubts.collect());
    }
    let tag: (HeaderName, String) = (header::ETAG, etag(contact.version));
    (status, [tag], Json(body)).into_response()
}

/// An id as a piece of a path (RFC 3986 §3.3).
pub(super) fn escaped(id: &str) -> String {
    let mut text = String::new();
    for byte in id.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                text.push(char::from(byte));
            }
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

/// A taxonomy's topics, issues and service tags.
#[utoipa::path(get, path = "/api/taxonomies", tag = "contacts",
    description = "Needs the scope contacts:read. What `topic`, `issues` and `service_tags` may name, by the \
                   version that stands in `taxonomy`, with labels in az, ru and en.",
    responses((status = 200, description = "All versions", body = Vec<Object>),
        (status = "4XX", description = "Refused", body = Refusal, content_type = "application/problem+json")))]
pub(super) async fn taxonomies(
    State(api): State<Api>,
    holder: Holder,
) -> Result<Json<Value>, Problem> {
    holder.may(Scope::ContactsRead)?;
    let all = api.tables.with(|desk| Ok(desk.taxonomies()?.all()?));
    Ok(Json(json!(all.await?)))
}
