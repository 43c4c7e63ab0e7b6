//! `/api/report`: what is published of a period, as `qaynar report --format json` has it.

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;

use super::Api;
use super::access::Holder;
use super::asked::Wanted;
use super::openapi::Refusal;
use super::problem::Problem;
use crate::report::language::Language;
use crate::report::period::{Period, PeriodError, baku, day_of};
use crate::report::{compose, json};
use crate::store::report;
use crate::store::tokens::Scope;

/// Which report.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// The first day, in Baku: `2021-06-01`; of a whole month `2021-06`, of a year `2021`.
    from: String,
    /// The last day, month or year; left out: that of `from`.
    to: Option<String>,
    /// In which language the words are: az, ru or en; left out: az.
    lang: Option<String>,
}

/// Tell what is published of a period, with the one before and the year before.
#[utoipa::path(get, path = "/api/report", tag = "reports", params(Which),
    description = "Needs the scope reports:read. The same as `qaynar report --format json`.",
    responses((status = 200, description = "All figures by key, and the document", body = Object),
        (status = "4XX", description = "Refused", body = Refusal, content_type = "application/problem+json")))]
pub(super) async fn get(
    State(api): State<Api>,
    holder: Holder,
    Wanted(which): Wanted<Which>,
) -> Result<Response, Problem> {
    holder.may(Scope::ReportsRead)?;
    let period = Period::read(&which.from, which.to.as_deref());
    let period = period.map_err(|fault: PeriodError| Problem::bad(fault.to_string()))?;
    let language: Language = match which.lang.as_deref() {
        None => Language::Az,
        Some(text) => text
            .parse()
            .map_err(|_| Problem::bad(format!("lang={text}: write az, ru or en")))?,
    };
    let (now, parts) = (api.clock.now().wall, api.clone());
    let told = api.tables.with(move |_| {
        let report = report::report(&parts.database, period, &parts.counts, now)?;
        let (from, to) = period.bounds();
        let calls = parts.calls.within(from, to, baku());
        let calls = compose::calls::sections(&calls.figures(now)?, language);
        let document = compose::document(&report, language, day_of(now, &baku()), calls);
        Ok(json::render(&report, &document))
    });
    let json = HeaderValue::from_static("application/json");
    Ok(([(header::CONTENT_TYPE, json)], told.await?).into_response())
}
