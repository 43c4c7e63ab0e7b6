//! Who asks: each request shows a token (RFC 6750), and each handler says which scope it takes.

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;

use super::Api;
use super::problem::Problem;
use crate::private::Private;
use crate::store::contacts::Hand;
use crate::store::tokens::{Scope, Token};

/// The longest header that can be a token.
const LONGEST: usize = 200;

/// A program whose token holds.
pub(super) struct Holder(Token);

impl Holder {
    /// That the token may be used for this.
    pub(super) fn may(&self, scope: Scope) -> Result<(), Problem> {
        if self.0.may(scope) {
            return Ok(());
        }
        Err(Problem::new(
            StatusCode::FORBIDDEN,
            format!(
                "this token has no scope {scope}; `qaynar token add NAME --scope {scope}` makes one that has"
            ),
        ))
    }

    /// As what it changes contacts.
    pub(super) fn hand(&self) -> Hand {
        Hand::Person(self.0.name.clone())
    }
}

impl FromRequestParts<Api> for Holder {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let mut shown = parts.headers.get_all(AUTHORIZATION).iter();
        let (Some(shown), None) = (shown.next(), shown.next()) else {
            return Err(Problem::stranger());
        };
        let text = shown.to_str().ok().filter(|text| text.len() <= LONGEST);
        let (scheme, token) = text
            .and_then(|text| text.split_once(' '))
            .ok_or_else(Problem::stranger)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(Problem::stranger());
        }
        let token = Private::new(token.trim().to_owned());
        let known = api
            .tables
            .with(move |desk| Ok(desk.tokens()?.verify(&token)?));
        known.await?.map(Self).ok_or_else(Problem::stranger)
    }
}
