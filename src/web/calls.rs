//! `/api/calls`

use axum::Json;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::Api;
use super::access::Holder;
use super::asked::{Span, Wanted, after, limit, next};
use super::openapi::Refusal;
use super::problem::Problem;
use super::shown::{Call, rfc3339};
use crate::ids::CallId;
use crate::store::pages;
use crate::store::tokens::Scope;

/// Which calls.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// That arrived at or after this moment, with its offset: `2026-11-23T00:00:00+04:00`.
    from: Option<String>,
    /// That arrived before this moment.
    to: Option<String>,
    /// Of this caller, by pseudonym.
    caller: Option<String>,
    /// Of this operator.
    operator: Option<String>,
    /// Of this queue.
    queue: Option<String>,
    /// The most calls of a page: 1 to 1000; left out: 100.
    limit: Option<usize>,
    /// Go on behind the last page: its `next`.
    after: Option<String>,
}

/// A page of calls, the latest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Calls {
    items: Vec<Call>,
    /// What to send as `after` for the page that follows; null: this is the last one.
    next: Option<String>,
}

/// List calls, the latest first.
#[utoipa::path(get, path = "/api/calls", tag = "calls", params(Which),
    description = "Needs the scope calls:read. A call is here within a second of what happens to it.",
    responses((status = 200, description = "A page", body = Calls), (status = "4XX", description = "Refused", body = Refusal, content_type = "application/problem+json")))]
pub(super) async fn list(
    State(api): State<Api>,
    holder: Holder,
    Wanted(which): Wanted<Which>,
) -> Result<Json<Calls>, Problem> {
    holder.may(Scope::CallsRead)?;
    let span = Span::read(which.from.as_deref(), which.to.as_deref())?;
    let limit = limit(which.limit)?;
    let wanted = pages::Wanted {
        from: span.from,
        to: span.to,
        caller: which.caller.as_deref().map(Into::into),
        operator: which.operator.as_deref().map(Into::into),
        queue: which.queue.as_deref().map(Into::into),
        after: after(which.after.as_deref())?,
        // One more tells whether there is another page.
        limit: limit + 1,
        ..pages::Wanted::default()
    };
    let found = api
        .tables
        .with(move |desk| Ok(desk.reader()?.calls_page(&wanted)?));
    let mut found = found.await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let last = found.last().filter(|_| more);
    Ok(Json(Calls {
        next: last.map(|one| next(one.arrived, &one.call.to_string())),
        items: found.iter().map(|one| Call::new(one, &api.zone)).collect(),
    }))
}

/// Tell one call.
#[utoipa::path(get, path = "/api/calls/{call}", tag = "calls",
    description = "Needs the scope calls:read.",
    params(("call" = String, Path, description = "Which call")),
    responses((status = 200, description = "The call", body = Call), (status = "4XX", description = "Refused", body = Refusal, content_type = "application/problem+json")))]
pub(super) async fn get(
    State(api): State<Api>,
    holder: Holder,
    Path(call): Path<String>,
) -> Result<Json<Call>, Problem> {
    holder.may(Scope::CallsRead)?;
    let id = call_id(&call)?;
    let found = api.tables.with(move |desk| Ok(desk.reader()?.call(id)?));
    let found = found.await?.ok_or_else(|| missing(id))?;
    Ok(Json(Call::new(&found, &api.zone)))
}

/// What happened to a call.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Timeline {
    /// Which call.
    call: String,
    /// In their order.
    events: Vec<Moment>,
}

/// One thing that happened.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Moment {
    /// Its place in the journal.
    sequence: u64,
    /// When.
    at: String,
    /// What, with what belongs to it; `event` names it: arrived, queued, ringing, connected, ended, …
    #[serde(flatten)]
    #[schema(value_type = Object)]
    what: Value,
}

/// Tell all that happened to a call.
#[utoipa::path(get, path = "/api/calls/{call}/timeline", tag = "calls",
    description = "Needs the scope calls:read. SIP messages are left out; `qaynar trace` draws them.",
    params(("call" = String, Path, description = "Which call")),
    responses((status = 200, description = "What happened", body = Timeline), (status = "4XX", description = "Refused", body = Refusal, content_type = "application/problem+json")))]
pub(super) async fn timeline(
    State(api): State<Api>,
    holder: Holder,
    Path(call): Path<String>,
) -> Result<Json<Timeline>, Problem> {
    holder.may(Scope::CallsRead)?;
    let id = call_id(&call)?;
    let found = api.tables.with(move |desk| {
        let reader = desk.reader()?;
        match reader.call(id)? {
            Some(_) => Ok(reader.timeline(id)?),
            None => Err(missing(id)),
        }
    });
    let events = found.await?.into_iter().filter_map(|(sequence, event)| {
        let what = serde_json::to_value(&event.what).ok()?;
        let at = rfc3339(event.at, &api.zone);
        let is_traffic = what["event"] == "messages";
        (!is_traffic).then_some(Moment { sequence, at, what })
    });
    Ok(Json(Timeline {
        call: id.to_string(),
        events: events.collect(),
    }))
}

pub(super) fn call_id(text: &str) -> Result<CallId, Problem> {
    text.parse()
        .map_err(|fault: crate::ids::NotACallId| Problem::missing(fault.to_string()))
}

fn missing(call: CallId) -> Problem {
    Problem::missing(format!(
        "there is no call {call}; GET /api/calls lists them"
    ))
}
