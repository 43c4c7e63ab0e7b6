//! `[privacy]`: what is kept of callers, and for how long.

use std::path::Path;
use std::time::Duration;

use super::check::one;
use super::settings::{Privacy, Retention};
use crate::dialplan::read::{Table, duration};

/// The longest that numbers are kept: what is kept for longer is no emergency.
const LONGEST: Duration = Duration::from_secs(31 * 24 * 3_600);
/// What is kept at all is kept for a day, so that nothing goes while it is still looked at.
const LEAST: Duration = Duration::from_secs(24 * 3_600);

/// Reads the section; the folder of the keys is taken from `base`.
pub(super) fn privacy(table: &Table<'_, '_>, base: &Path, privacy: &mut Privacy) {
    if let Some((folder, _)) = table.text("keys") {
        privacy.keys = base.join(folder);
    }
    if let Some(keep) = table.duration("keep_numbers", true) {
        privacy.keep_numbers = keep;
        if keep > LONGEST {
            table.fault(
                "[privacy] keep_numbers is longer than 31 days",
                "numbers are kept for a rescue or a callback: write \"72h\", or \"0s\" to keep none",
            );
        }
    }
    if let Some(table) = table.table("retention") {
        retention(&table, &mut privacy.retention);
        table.finish();
    }
}

fn retention(table: &Table<'_, '_>, retention: &mut Retention) {
    for (key, time) in [
        ("calls", &mut retention.calls),
        ("contacts", &mut retention.contacts),
        ("recordings", &mut retention.recordings),
        ("traces", &mut retention.traces),
        ("audit", &mut retention.audit),
        ("journal", &mut retention.journal),
    ] {
        let remedy = "write days, at least one, or \"forever\": \"90d\", \"1830d\"";
        if let Some(read) = one(table, key, "time to keep data for", remedy, kept) {
            *time = read;
        }
    }
}

/// `Some(None)`: for ever.
fn kept(text: &str) -> Option<Option<Duration>> {
    match text {
        "forever" => Some(None),
        _ => duration(text).filter(|time| *time >= LEAST).map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::check;

    #[test]
    fn times_are_days_or_for_ever_and_a_slip_erases_nothing() {
        let read = |text: &str| check("qaynar.toml", text, Path::new("/srv"));
        let text = "[privacy]\nkeep_numbers = \"0s\"\n[privacy.retention]\ncalls = \"1830d\"\ntraces = \"forever\"\n";
        let privacy = read(text).unwrap().privacy;
        assert!(privacy.keep_numbers.is_zero());
        assert_eq!(privacy.retention.calls, Some(1_830 * LEAST));
        assert_eq!(privacy.retention.traces, None);
        for (line, told) in [
            (
                "[privacy.retention]\ncalls = \"90s\"",
                "qaynar.toml:2: \"90s\" is no time to keep data for",
            ),
            ("[privacy.retention]\ncall = \"90d\"", "call"),
            ("[privacy]\nkeep_numbers = \"90d\"", "31 days"),
        ] {
            let faults = read(line).unwrap_err();
            assert!(faults[0].to_string().contains(told), "{}", faults[0]);
        }
    }
}
