//! `[abuse]`: what is done against attackers.

use super::settings::Abuse;
use crate::dialplan::read::Table;

/// The most messages a second: more than a core can read.
const MAX_RATE: u32 = 1_000_000;

/// Reads the section.
pub(super) fn abuse(table: &Table<'_, '_>, abuse: &mut Abuse) {
    let rates = &mut abuse.rates;
    number(table, "stranger_rate", MAX_RATE, &mut rates.stranger);
    number(table, "strangers_rate", MAX_RATE, &mut rates.strangers);
    number(table, "phone_rate", MAX_RATE, &mut rates.phone);
    number(table, "trunk_rate", MAX_RATE, &mut rates.trunk);
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
