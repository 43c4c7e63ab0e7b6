//! A report as JSON: all figures by their keys, then the document as people see it. The names are stable: programs
//! read them; the README describes them.

use std::collections::BTreeMap;

use serde::Serialize;

use super::account::{Account, Report};
use super::document::{Document, Section};
use super::language::Language;
use super::period::Period;

/// Grows when a name changes its meaning.
const FORMAT: u32 = 1;

#[derive(Serialize)]
struct Whole<'a> {
    format: u32,
    language: Language,
    title: &'a str,
    time_zone: &'static str,
    period: Days<'a>,
    previous: Days<'a>,
    year_before: Days<'a>,
    counts: Vec<&'static str>,
    taxonomies: Vec<u32>,
    figures: BTreeMap<&'a str, Figure>,
    sections: &'a [Section],
}

/// A period; `recorded`: its records are whole enough to be compared with.
#[derive(Serialize)]
struct Days<'a> {
    from: String,
    to: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    recorded: bool,
}

/// How many records are part of a figure; null where a period is not recorded.
#[derive(Serialize)]
struct Figure {
    count: u64,
    previous: Option<u64>,
    year_before: Option<u64>,
}

/// Writes it.
pub fn render(report: &Report, document: &Document) -> String {
    let days = |account: &Account, recorded| {
        let period: Period = account.period();
        Days {
            from: period.from().to_string(),
            to: period.to().to_string(),
            text: None,
            recorded,
        }
    };
    let [previous, year_before] = report.compared();
    let mut figures = BTreeMap::new();
    let accounts = [Some(&report.this), previous, year_before];
    for account in accounts.into_iter().flatten() {
        for (figure, _) in account.figures() {
            // Days and months of other periods are none of this one.
            let is_time = ["day.", "month.", "year."]
                .iter()
                .any(|one| figure.starts_with(one));
            if is_time && account.period() != report.period() {
                continue;
            }
            let before = |account: Option<&Account>| match is_time {
                true => None,
                false => account.map(|account| account.count(figure)),
            };
            figures.entry(figure).or_insert_with(|| Figure {
                count: report.count(figure),
                previous: before(previous),
                year_before: before(year_before),
            });
        }
    }
    if !report.not_escalated.is_empty() {
        let figure = Figure {
            count: report.count("quality.no-escalation"),
            previous: None,
            year_before: None,
        };
        figures.insert("quality.no-escalation", figure);
    }
    let mut taxonomies: Vec<u32> = report.taxonomies().iter().map(|one| one.version).collect();
    taxonomies.sort_unstable();
    let whole = Whole {
        format: FORMAT,
        language: document.language,
        title: &document.title,
        time_zone: "Asia/Baku",
        period: Days {
            text: Some(&document.period),
            ..days(&report.this, report.is_recorded(&report.this))
        },
        previous: days(&report.previous, previous.is_some()),
        year_before: days(&report.year_before, year_before.is_some()),
        counts: report.rules.counts.iter().map(|one| one.as_str()).collect(),
        taxonomies,
        figures,
        sections: &document.sections,
    };
    // Texts and numbers alone: always written.
    serde_json::to_string_pretty(&whole).unwrap_or_default() + "\n"
}
