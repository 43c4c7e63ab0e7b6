//! `[abuse]`: what is done against attackers.

use std::path::Path;

use super::check::networks;
use super::settings::Abuse;
use crate::dialplan::read::Table;

/// The most messages a second: more than a core can read.
const MAX_RATE: u32 = 1_000_000;
/// The most wrong passwords that may be wanted for a ban: more are no limit.
const MAX_WRONG: u32 = 10_000;

/// Reads the section; a file that it names is taken from `base`.
pub(super) fn abuse(table: &Table<'_, '_>, base: &Path, abuse: &mut Abuse) {
    let rates = &mut abuse.rates;
    number(table, "stranger_rate", MAX_RATE, &mut rates.stranger);
    number(table, "strangers_rate", MAX_RATE, &mut rates.strangers);
    number(table, "phone_rate", MAX_RATE, &mut rates.phone);
    number(table, "trunk_rate", MAX_RATE, &mut rates.trunk);
    let bans = &mut abuse.bans;
    number(table, "slow_after", MAX_WRONG, &mut bans.slow_after);
    number(table, "ban_user_after", MAX_WRONG, &mut bans.user_after);
    number(table, "ban_source_after", MAX_WRONG, &mut bans.source_after);
    for (key, time) in [
        ("slow_by", &mut bans.slow_by),
        ("remember_for", &mut bans.memory),
        ("ban_for", &mut bans.first),
        ("ban_longest", &mut bans.longest),
    ] {
        *time = table.duration(key, false).unwrap_or(*time);
    }
    if bans.longest < bans.first {
        table.fault(
            "[abuse] ban_longest is shorter than ban_for",
            "write a longer one, or the same twice for bans that do not grow",
        );
    }
    bans.never = networks(table, "never_ban").unwrap_or_default();
    abuse.scanners = table.text("scanners").map(|(file, _)| base.join(file));
    abuse.log_sources = table.flag("log_sources").unwrap_or(abuse.log_sources);
}

/// A number from 1 to `most`.
fn number(table: &Table<'_, '_>, key: &'static str, most: u32, setting: &mut u32) {
    let Some(count) = table.count(key) else {
        return;
    };
    match u32::try_from(count) {
        Ok(count) if (1..=most).contains(&count) => *setting = count,
        _ => {
            let span = table.value(key).map_or(0..0, |value| value.span());
            table.source.fault(
                span,
                format!("[abuse] {key} = {count} is out of range"),
                format!("write a number from 1 to {most}"),
            );
        }
    }
}
