//! `[privacy] smallest_cell`: what tables for publication show.

use super::settings::Privacy;
use crate::dialplan::read::Table;

/// Reads it.
pub(super) fn publish(table: &Table<'_, '_>, privacy: &mut Privacy) {
    let Some(count) = table.count("smallest_cell") else {
        return;
    };
    if count == 0 {
        table.fault(
            "[privacy] smallest_cell is 0: a cell of nobody would be told",
            "write 5, or more; 1 hides nothing",
        );
    }
    privacy.smallest_cell = u64::try_from(count).unwrap_or(u64::MAX);
}
