//! Which path leads where; limits that hold for all.

use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, patch};

use super::problem::Problem;
use super::{
    Api, LONGEST_BODY, activities, calls, contacts, escalations, openapi, operators, reports,
};

/// How long a request may take, its body included.
const PATIENCE: Duration = Duration::from_secs(20);

/// All paths.
pub(super) fn routes(api: Api) -> Router {
    Router::new()
        .route("/api/openapi.json", get(document))
        .route("/api/calls", get(calls::list))
        .route("/api/calls/{call}", get(calls::get))
        .route("/api/calls/{call}/timeline", get(calls::timeline))
        .route("/api/contacts", get(contacts::list).post(contacts::add))
        .route(
            "/api/contacts/{id}",
            get(contacts::get).patch(contacts::change),
        )
        .route("/api/contacts/{id}/history", get(contacts::history))
        .route(
            "/api/contacts/{id}/escalations",
            get(escalations::list).post(escalations::add),
        )
        .route(
            "/api/contacts/{id}/escalations/{number}",
            patch(escalations::close),
        )
        .route("/api/taxonomies", get(contacts::taxonomies))
        .route(
            "/api/activities",
            get(activities::list).post(activities::add),
        )
        .route("/api/activities/{id}", delete(activities::remove))
        .route("/api/report", get(reports::get))
        .route("/api/operators", get(operators::list))
        .route("/api/operators/{operator}", get(operators::get))
        .fallback(nowhere)
        .method_not_allowed_fallback(otherwise)
        .layer(DefaultBodyLimit::max(LONGEST_BODY))
        .layer(from_fn(in_time))
        .with_state(api)
}

async fn document() -> Response {
    let json = HeaderValue::from_static("application/json");
    ([(header::CONTENT_TYPE, json)], openapi::document()).into_response()
}

async fn nowhere(uri: Uri) -> Problem {
    Problem::missing(format!(
        "there is nothing at {}; GET /api/openapi.json tells what there is",
        uri.path()
    ))
}

async fn otherwise(method: Method) -> Problem {
    let detail = format!("{method} does nothing here; the Allow header tells what does");
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail)
}

/// Ends requests that take too long, and keeps answers out of caches: they are of people.
async fn in_time(request: Request, next: Next) -> Response {
    let mut response = match tokio::time::timeout(PATIENCE, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::busy("this took too long; ask for less, or again later").into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let nosniff = HeaderValue::from_static("nosniff");
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
    response
}
