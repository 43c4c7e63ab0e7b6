//! What requests ask for: moments, limits, pages, bodies; each read once, with a refusal that says what to write.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::Api;
use super::problem::Problem;
use crate::records::fields::moment;
use crate::time::Wall;

/// Rows of a page where nothing is said.
pub(super) const PAGE: usize = 100;
/// The most rows of a page.
pub(super) const LONGEST_PAGE: usize = 1_000;

/// The query of a request, as `T` has it; a name that nobody knows is a mistake.
pub(super) struct Wanted<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequestParts<Api> for Wanted<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Self, Problem> {
        let read = Query::<T>::try_from_uri(&parts.uri);
        let Query(read) = read.map_err(|fault| Problem::bad(fault.body_text()))?;
        Ok(Self(read))
    }
}

/// A JSON body.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Api> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Problem> {
        let kind = request.headers().get(header::CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        let is_json = ["application/json", "application/merge-patch+json"]
            .iter()
            .any(|known| kind.eq_ignore_ascii_case(known));
        if !is_json {
            let detail = "send JSON, with \"Content-Type: application/json\"";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
        }
        let bytes =
            Bytes::from_request(request, api)
                .await
                .map_err(|fault| match fault.status() {
                    StatusCode::PAYLOAD_TOO_LARGE => Problem::new(
                        StatusCode::PAYLOAD_TOO_LARGE,
                        format!(
                            "the body is too long: {} octets are taken",
                            super::LONGEST_BODY
                        ),
                    ),
                    _ => Problem::bad("the body broke off"),
                })?;
        match serde_json::from_slice(&bytes) {
            Ok(read) => Ok(Self(read)),
            Err(fault) if fault.is_data() => Err(Problem::unfit(fault.to_string())),
            Err(fault) => Err(Problem::bad(format!("the body is no JSON: {fault}"))),
        }
    }
}

/// From when to when, and which page.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Span {
    /// At or after it.
    pub(super) from: Option<Wall>,
    /// Before it.
    pub(super) to: Option<Wall>,
}

impl Span {
    /// Reads both ends.
    pub(super) fn read(from: Option<&str>, to: Option<&str>) -> Result<Self, Problem> {
        let read = |name: &str, text: Option<&str>| {
            // A plus sign that nobody escaped came as a blank.
            let text = text.map(|text| text.trim().replace(' ', "+"));
            let read = text.as_deref().map(moment).transpose();
            read.map_err(|fault| Problem::bad(format!("{name}: {fault}")))
        };
        let span = Self {
            from: read("from", from)?,
            to: read("to", to)?,
        };
        match (span.from, span.to) {
            (Some(from), Some(to)) if to < from => {
                Err(Problem::bad("to is before from: exchange them"))
            }
            _ => Ok(span),
        }
    }
}

/// How many rows.
pub(super) fn limit(wanted: Option<usize>) -> Result<usize, Problem> {
    match wanted.unwrap_or(PAGE) {
        limit @ 1..=LONGEST_PAGE => Ok(limit),
        other => Err(Problem::bad(format!(
            "limit={other}: write 1 to {LONGEST_PAGE}; `next` of the answer leads to more"
        ))),
    }
}

/// Where a page goes on: the moment and the id of the last row of the one before, as `next` told it.
pub(super) fn after(text: Option<&str>) -> Result<Option<(Wall, String)>, Problem> {
    let Some(text) = text else { return Ok(None) };
    let read = text.split_once('_').and_then(|(moment, id)| {
        let moment = moment.parse().ok()?;
        Some((Wall(moment), id.to_owned()))
    });
    let fault = || Problem::bad("after is none that `next` told; leave it out to begin anew");
    read.map(Some).ok_or_else(fault)
}

/// As [`after`] reads it.
pub(super) fn next(moment: Wall, id: &str) -> String {
    format!("{}_{id}", moment.0)
}

/// The version that a change was made from: `If-Match: "3"` (RFC 9110 §13.1.1).
pub(super) fn seen(headers: &HeaderMap) -> Result<u64, Problem> {
    let needed = || {
        Problem::new(
            StatusCode::PRECONDITION_REQUIRED,
            "say which version you saw: \"If-Match: \" and the ETag of what you read, such as \"3\" in quotes; \
             then nobody's change is overwritten unseen",
        )
    };
    let text = headers.get(header::IF_MATCH).ok_or_else(needed)?;
    let text = text.to_str().unwrap_or_default().trim();
    let version = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'));
    version
        .and_then(|text| text.parse().ok())
        .ok_or_else(needed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_goes_on_where_the_last_one_ended() {
        let read = after(Some(&next(Wall(-5), "K-1_2"))).unwrap();
        assert_eq!(read, Some((Wall(-5), "K-1_2".into())));
        assert!(after(Some("yesterday")).is_err());
        assert!(limit(Some(0)).is_err() && limit(Some(1_001)).is_err());
    }

    #[test]
    fn a_span_is_read_also_where_nobody_escaped_the_plus() {
        let span = Span::read(Some("2021-06-01T00:00:00 04:00"), None).unwrap();
        assert_eq!(span.from, Some(Wall(1_622_491_200_000_000)));
        let (later, earlier) = ("2021-06-02T00:00:00Z", "2021-06-01T00:00:00Z");
        assert!(Span::read(Some(later), Some(earlier)).is_err());
        assert!(Span::read(Some("2021-06-31T00:00:00Z"), None).is_err());
    }
}
