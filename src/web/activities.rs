//! `/api/activities`: what the helpline did beside contacts.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::{IntoParams, ToSchema};

use super::Api;
use super::access::Holder;
use super::asked::{Body, Wanted};
use super::contacts::{case, escaped, text_of};
use super::openapi::Refusal;
use super::problem::Problem;
use crate::records::activity::{FIELDS, begun, check, set};
use crate::records::contact::{Activity, ContactId};
use crate::store::contacts::made_id;
use crate::store::tokens::Scope;

/// The longest time that is listed at once.
const MOST_DAYS: i32 = 3_660;

/// Which activities.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// From this day on: `2021-06-01`.
    #[param(value_type = String)]
    from: Date,
    /// To this day, with it.
    #[param(value_type = String)]
    to: Date,
}

/// A meeting, a work of rehabilitation, an event.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Shown {
    /// Which.
    id: String,
    /// Of which kind: "family meeting", "training", …
    kind: String,
    /// Its title.
    title: Option<String>,
    /// On which day.
    held_on: String,
    /// The last day of what took several.
    ended_on: Option<String>,
    /// The case that it belongs to.
    case_id: Option<i64>,
}

impl From<&Activity> for Shown {
    fn from(one: &Activity) -> Self {
        Self {
            id: one.id.clone(),
            kind: one.kind.clone(),
            title: one.title.clone(),
            held_on: one.held_on.to_string(),
            ended_on: one.ended_on.map(|day| day.to_string()),
            case_id: one.case,
        }
    }
}

/// The activities of some days.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Activities {
    items: Vec<Shown>,
}

/// List the activities that began in these days.
#[utoipa::path(get, path = "/api/activities", tag = "activities", params(Which),
    description = "Needs the scope activities:read.",
    responses((status = 200, description = "By day", body = Activities),
        (status = "4XX", description = "Refused", body = Refusal, content_type = "application/problem+json")))]
pub(super) async fn list(
    State(api): State<Api>,
    holder: Holder,
    Wanted(Which { from, to }): Wanted<Which>,
) -> Result<Json<Activities>, Problem> {
    holder.may(Scope::ActivitiesRead)?;
    let days = from.until(to).map(|span| span.get_days());
    match days {
        Ok(0..=MOST_DAYS) => {}
        _ => {
            let detail =
                format!("write from and to in their order, at most {MOST_DAYS} days apart");
            return Err(Problem::bad(detail));
        }
    }
    let found = api
        .tables
        .with(move |desk| Ok(desk.activities()?.between(from, to)?));
    let items = found.await?.iter().map(Shown::from).collect();
    Ok(Json(Activities { items }))
}

/// Add an activity.
#[utoipa::path(post, path = "/api/activities", tag = "activities",
    description = "Needs the scope activities:write. `kind` and `held_on` are needed; `id` is made where it is left \
                   out.",
    request_body(content = Shown, content_type = "application/json"),
    responses((status = 201, description = "The activity", body = Shown),
        (status = 409, description = "There is one of this id; it is not changed", body = Refusal, content_type = "application/problem+json"),
        (status = "4XX", description = "Refused", body = Refusal, content_type = "application/problem+json")))]
pub(super) async fn add(
    State(api): State<Api>,
    holder: Holder,
    Body(mut wanted): Body<Map<String, Value>>,
) -> Result<Response, Problem> {
    holder.may(Scope::ActivitiesWrite)?;
    let now = api.clock.now().wall;
    let id = match wanted.remove("id") {
        None | Some(Value::Null) => made_id(now).map_err(|fault| Problem::ours(&fault))?,
        Some(Value::String(id)) => id.parse::<ContactId>().map_err(Problem::unfit)?,
        Some(_) => return Err(Problem::unfit("id: write a text")),
    };
    let mut activity = begun(id.0);
    for (field, value) in &wanted {
        if !FIELDS.contains(&field.as_str()) {
            let detail = format!(
                "an activity has no field {field:?}; it has: {}",
                FIELDS.join(", ")
            );
            return Err(Problem::unfit(detail));
        }
        let text = text_of(value).map_err(|remedy| Problem::unfit(format!("{field}: {remedy}")))?;
        set(&mut activity, field, &text).map_err(|fault| Problem::unfit(fault.to_string()))?;
    }
    let today = Timestamp::from_microsecond(now.0).unwrap_or_default();
    let today = today.to_zoned_datetime(api.zone.clone()).date();
    check(&activity, today).map_err(Problem::unfit)?;
    let added = api.tables.with(move |desk| {
        case(desk, activity.case)?;
        match desk.activities()?.insert(&activity)? {
            true => Ok(activity),
            false => Err(Problem::new(
                StatusCode::CONFLICT,
                format!("there is an activity {:?}; it is as it was", activity.id),
            )),
        }
    });
    let added = added.await?;
    let place = format!("/api/activities/{}", escaped(&added.id));
    let place = [(header::LOCATION, place)];
    Ok((StatusCode::CREATED, place, Json(json!(Shown::from(&added)))).into_response())
}

/// Remove an activity that was written down by mistake.
#[utoipa::path(delete, path = "/api/activities/{id}", tag = "activities",
    description = "Needs the scope activities:write.",
    params(("id" = String, Path, description = "Which activity")),
    responses((status = 204, description = "It is gone"),
        (status = "4XX", description = "Refused", body = Refusal, content_type = "application/problem+json")))]
pub(super) async fn remove(
    State(api): State<Api>,
    holder: Holder,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    holder.may(Scope::ActivitiesWrite)?;
    let asked = id.clone();
    let removed = api
        .tables
        .with(move |desk| Ok(desk.activities()?.remove(&asked)?));
    match removed.await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Problem::missing(format!("there is no activity {id:?}"))),
    }
}
