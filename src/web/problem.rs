//! Refusals as programs read them: problem details (RFC 9457), with what to do.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use crate::store::calls::CallsError;
use crate::store::trouble::DatabaseError;

/// The media type of problem details.
const PROBLEM: HeaderValue = HeaderValue::from_static("application/problem+json");

/// Why something was not done.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    detail: String,
    /// What programs can go on with, beside the members of the RFC.
    more: Map<String, Value>,
}

impl Problem {
    pub(super) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            status,
            detail: detail.into(),
            more: Map::new(),
        }
    }

    /// What cannot be read.
    pub(super) fn bad(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// What is not there.
    pub(super) fn missing(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// What can be read and may not be.
    pub(super) fn unfit(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
    }

    /// Nobody that we know asks.
    pub(super) fn stranger() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "send \"Authorization: Bearer TOKEN\" with a token that holds; `qaynar token add` makes one",
        )
    }

    /// Something that a person has to look at; the log tells more.
    pub(super) fn ours(fault: &dyn std::fmt::Display) -> Self {
        tracing::error!("API: {fault}");
        let detail = "something is wrong here; the server's log tells what";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
    }

    /// Later it may be done.
    pub(super) fn busy(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, detail)
    }

    /// With one more member.
    pub(super) fn with(mut self, member: &str, value: Value) -> Self {
        self.more.insert(member.to_owned(), value);
        self
    }

    /// Whether the connection to the database may be of no use any more.
    pub(super) fn is_ours(&self) -> bool {
        self.status.is_server_error()
    }
}

impl From<CallsError> for Problem {
    fn from(fault: CallsError) -> Self {
        match fault {
            CallsError::Database(fault) => fault.into(),
            CallsError::Journal { .. } => Self::ours(&fault),
        }
    }
}

impl From<DatabaseError> for Problem {
    fn from(fault: DatabaseError) -> Self {
        tracing::warn!("API: {fault}");
        Self::busy(
            "the database cannot be used at the moment; try again, the server's log tells why",
        )
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut body = self.more;
        body.insert("type".into(), json!("about:blank"));
        body.insert("status".into(), json!(self.status.as_u16()));
        body.insert("title".into(), json!(self.status.canonical_reason()));
        body.insert("detail".into(), json!(self.detail));
        let body = Value::Object(body).to_string();
        let mut response = (self.status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, PROBLEM);
        match self.status {
            StatusCode::UNAUTHORIZED => {
                let scheme = HeaderValue::from_static("Bearer realm=\"qaynar\"");
                headers.insert(header::WWW_AUTHENTICATE, scheme);
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
            }
            _ => {}
        }
        response
    }
}
