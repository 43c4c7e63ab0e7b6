//! `/api/contacts/{id}/escalations`: to whom a contact was handed up, and what came of it.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use jiff::tz::TimeZone;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::Api;
use super::access::Holder;
use super::asked::Body;
use super::contacts::missing;
use super::openapi::Refusal;
use super::problem::Problem;
use super::shown::rfc3339;
use super::tables::Desk;
use crate::records::contact::ContactId;
use crate::store::escalations;
use crate::store::tokens::Scope;

/// Letters of the longest text.
const LONGEST: usize = 500;

/// One.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Escalation {
    /// From 1, within the contact.
    number: u32,
    /// When.
    at: String,
    /// To whom: a service, a supervisor, the police.
    to: String,
    /// Who escalated.
    by: String,
    /// What came of it.
    outcome: Option<String>,
    /// When that was written down.
    closed_at: Option<String>,
}

/// Those of a contact, in order.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Escalations {
    items: Vec<Escalation>,
}

/// A new one.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct New {
    /// To whom: a service, a supervisor, the police.
    to: String,
}

/// What came of one.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Outcome {
    /// In words.
    outcome: String,
}

/// List the escalations of a contact.
#[utoipa::path(get, path = "/api/contacts/{id}/escalations", tag = "contacts",
    description = "Needs the scope contacts:read.",
    params(("id" = String, Path, description = "Which contact")),
    responses((status = 200, description = "In order", body = Escalations),
        (status = "4XX", description = "Refused", body = Refusal, content_type = "application/problem+json")))]
pub(super) async fn list(
    State(api): State<Api>,
    holder: Holder,
    Path(id): Path<String>,
) -> Result<Json<Escalations>, Problem> {
    holder.may(Scope::ContactsRead)?;
    Ok(Json(api.tables.with(move |desk| all(desk, &id)).await?))
}

/// Write down that a contact was escalated, which one of high risk needs.
#[utoipa::path(post, path = "/api/contacts/{id}/escalations", tag = "contacts",
    description = "Needs the scope contacts:write.",
    params(("id" = String, Path, description = "Which contact")),
    request_body(content = New, content_type = "application/json"),
    responses((status = 201, description = "All of the contact", body = Escalations),
        (status = "4XX", description = "Refused", body = Refusal, content_type = "application/problem+json")))]
pub(super) async fn add(
    State(api): State<Api>,
    holder: Holder,
    Path(id): Path<String>,
    Body(wanted): Body<Value>,
) -> Result<(StatusCode, Json<Escalations>), Problem> {
    holder.may(Scope::ContactsWrite)?;
    let New { to } = read(wanted)?;
    let (to, by, now) = (text("to", &to)?, holder.hand(), api.clock.now().wall);
    let added = api.tables.with(move |desk| {
        // First: nothing is written down of a contact that is not there.
        all(desk, &id)?;
        let contact = ContactId(id.clone());
        desk.escalations()?
            .add(&contact, &to, &by.to_string(), now)?;
        all(desk, &id)
    });
    Ok((StatusCode::CREATED, Json(added.await?)))
}

/// Write down what came of an escalation.
#[utoipa::path(patch, path = "/api/contacts/{id}/escalations/{number}", tag = "contacts",
    description = "Needs the scope contacts:write.",
    params(("id" = String, Path, description = "Which contact"),
        ("number" = String, Path, description = "Which of its escalations")),
    request_body(content = Outcome, content_type = "application/json"),
    responses((status = 200, description = "All of the contact", body = Escalations),
        (status = "4XX", description = "Refused", body = Refusal, content_type = "application/problem+json")))]
pub(super) async fn close(
    State(api): State<Api>,
    holder: Holder,
    Path((id, number)): Path<(String, String)>,
    Body(wanted): Body<Value>,
) -> Result<Json<Escalations>, Problem> {
    holder.may(Scope::ContactsWrite)?;
    let Outcome { outcome } = read(wanted)?;
    let (outcome, now) = (text("outcome", &outcome)?, api.clock.now().wall);
    let done = api.tables.with(move |desk| {
        let contact = ContactId(id.clone());
        let known = number.parse().ok();
        let closed = match known {
            Some(known) => desk.escalations()?.close(&contact, known, &outcome, now)?,
            None => false,
        };
        match closed {
            true => all(desk, &id),
            false => Err(Problem::missing(format!(
                "contact {id:?} has no escalation {number:?}"
            ))),
        }
    });
    Ok(Json(done.await?))
}

fn all(desk: &mut Desk, id: &str) -> Result<Escalations, Problem> {
    let contact = ContactId(id.to_owned());
    if desk.contacts()?.get(&contact)?.is_none() {
        return Err(missing(id));
    }
    let found = desk.escalations()?.of(&contact)?;
    Ok(Escalations {
        items: found.into_iter().map(shown).collect(),
    })
}

fn shown(one: escalations::Escalation) -> Escalation {
    Escalation {
        number: one.number,
        at: rfc3339(one.at, &TimeZone::UTC),
        to: one.to_whom,
        by: one.by,
        outcome: one.outcome,
        closed_at: one.closed.map(|at| rfc3339(at, &TimeZone::UTC)),
    }
}

/// Read once it is clear that the token may be used for it.
fn read<T: DeserializeOwned>(wanted: Value) -> Result<T, Problem> {
    serde_json::from_value(wanted).map_err(|fault| Problem::unfit(fault.to_string()))
}

fn text(name: &str, text: &str) -> Result<String, Problem> {
    let text = text.trim();
    match text.chars().count() {
        1..=LONGEST if !text.contains(char::is_control) => Ok(text.to_owned()),
        _ => Err(Problem::unfit(format!(
            "{name}: write 1 to {LONGEST} characters"
        ))),
    }
}
