//! `[report]`: what is published, and what figures of calls are judged by.

use super::check::{each, one};
use super::settings::Report;
use crate::dialplan::read::Table;
use crate::records::contact::ContactType;

/// Reads the section.
pub(super) fn report(table: &Table<'_, '_>, report: &mut Report) {
    let known: Vec<&str> = ContactType::ALL.iter().map(|one| one.as_str()).collect();
    let remedy = format!("write some of: {}", known.join(", "));
    let read = |text: &str| text.parse::<ContactType>().ok();
    if let Some(counts) = each(table, "counts", "contact type", &remedy, read) {
        if counts.is_empty() {
            table.fault(
                "[report] counts is empty, and no contact would be published",
                remedy,
            );
        }
        report.counts = counts.into_iter().collect();
    }
    if let Some(time) = table.duration("short_abandon", true) {
        report.figures.short_abandon = time;
    }
    let remedy = "write percent and seconds: \"80/20\"";
    let read = |text: &str| text.parse().ok();
    if let Some(target) = one(table, "service_level", "service level", remedy, read) {
        report.figures.target = target;
    }
}
