//! `[report]`: what is published.

use super::check::each;
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
}
