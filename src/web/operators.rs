//! `/api/operators`: what operators are doing at this moment, from the running exchange.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use utoipa::ToSchema;

use super::Api;
use super::access::Holder;
use super::openapi::Refusal;
use super::problem::Problem;
use super::shown::rfc3339;
use crate::ids::OperatorId;
use crate::server::control::Question;
use crate::store::states::StateRow;
use crate::store::tokens::Scope;

/// What was told is told again for so long: the exchange is not asked for each request.
const FRESH: Duration = Duration::from_millis(250);
/// So long its answer may take: calls go first.
const PATIENCE: Duration = Duration::from_secs(2);

/// What an operator is doing.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct Operator {
    /// Who.
    operator: String,
    /// The name, for people.
    name: String,
    /// logged_out, free, claimed, ringing, talking, on_hold, wrap_up, paused, unreachable.
    state: String,
    /// Since when; null: since just now.
    since: Option<String>,
    /// Why, for people.
    reason: Option<String>,
    /// The call that rings or is talked in.
    call: Option<String>,
    /// The queue that it came by.
    queue: Option<String>,
    /// Who calls, by pseudonym; null: no identity, or no call.
    caller: Option<String>,
    /// The page to be shown of the call, where `qaynar operator set --screen-pop` names one.
    screen_pop: Option<String>,
}

/// What the exchange tells.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Told {
    operator: OperatorId,
    state: crate::event::OperatorState,
    call: Option<String>,
    queue: Option<String>,
    caller: Option<String>,
    screen_pop: Option<String>,
}

/// What all operators are doing.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Operators {
    items: Vec<Operator>,
}

/// Tell what all operators are doing.
#[utoipa::path(get, path = "/api/operators", tag = "operators",
    description = "Needs the scope operators:read. It is asked of the running exchange, at most four times a second.",
    responses((status = 200, description = "By id", body = Operators),
        (status = "4XX", description = "Refused", body = Refusal, content_type = "application/problem+json")))]
pub(super) async fn list(
    State(api): State<Api>,
    holder: Holder,
) -> Result<Json<Operators>, Problem> {
    holder.may(Scope::OperatorsRead)?;
    let items = all(&api).await?;
    Ok(Json(Operators { items }))
}

/// Tell what one operator is doing.
#[utoipa::path(get, path = "/api/operators/{operator}", tag = "operators",
    description = "Needs the scope operators:read.",
    params(("operator" = String, Path, description = "Who")),
    responses((status = 200, description = "The operator", body = Operator),
        (status = "4XX", description = "Refused", body = Refusal, content_type = "application/problem+json")))]
pub(super) async fn get(
    State(api): State<Api>,
    holder: Holder,
    Path(operator): Path<String>,
) -> Result<Json<Operator>, Problem> {
    holder.may(Scope::OperatorsRead)?;
    let mut all = all(&api).await?.into_iter();
    let found = all.find(|one| one.operator == operator);
    found.map(Json).ok_or_else(|| {
        Problem::missing(format!(
            "there is no operator {operator:?}; GET /api/operators lists them"
        ))
    })
}

async fn all(api: &Api) -> Result<Vec<Operator>, Problem> {
    let told = told(api).await?;
    let known = api.tables.with(|desk| {
        let names = desk.operators()?.list()?.into_iter();
        let names: BTreeMap<OperatorId, String> = names.map(|one| (one.id, one.name)).collect();
        let states = desk.reader()?.operator_states()?.into_iter();
        let states: BTreeMap<OperatorId, StateRow> =
            states.map(|row| (row.operator.clone(), row)).collect();
        Ok((names, states))
    });
    // What the exchange knows is told also while the database is away.
    let (mut names, mut states) = known.await.unwrap_or_default();
    let shown = told.into_iter().map(|one| {
        // The database is a moment behind: what it says of another state is not of this one.
        let row = states.remove(&one.operator);
        let row = row.filter(|row| row.state == one.state);
        Operator {
            name: names.remove(&one.operator).unwrap_or_default(),
            operator: one.operator.to_string(),
            state: super::shown::word(one.state),
            since: row.as_ref().map(|row| rfc3339(row.at, &api.zone)),
            reason: row.map(|row| row.reason),
            call: one.call,
            queue: one.queue,
            caller: one.caller,
            screen_pop: one.screen_pop,
        }
    });
    Ok(shown.collect())
}

/// What the exchange says, or said a moment ago.
async fn told(api: &Api) -> Result<Vec<Told>, Problem> {
    let mut last = api.told.lock().await;
    let now = api.clock.now().at;
    if let Some((at, told)) = &*last
        && now.since(*at) < FRESH
    {
        return Ok(told.clone());
    }
    let busy = || Problem::busy("the exchange is busy with calls; ask again");
    let (answer, answered) = oneshot::channel();
    api.questions
        .try_send((Question::Operators, answer))
        .map_err(|_| busy())?;
    let answer = tokio::time::timeout(PATIENCE, answered).await;
    let answer = answer.ok().and_then(Result::ok).ok_or_else(busy)?;
    let told: Vec<Told> =
        serde_json::from_value(answer.data).map_err(|fault| Problem::ours(&fault))?;
    *last = Some((now, told.clone()));
    Ok(told)
}
