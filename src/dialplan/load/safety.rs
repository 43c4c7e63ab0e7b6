//! `safety.toml`: the guard, and expectations that guard too.

use std::time::Duration;

use super::super::read::Table;
use super::super::safety::{FILE, Safety};
use super::Draft;
use crate::ids::PromptName;

/// Where `within` is left out.
const WITHIN: Duration = Duration::from_secs(180);

impl Draft {
    /// Whether the file is the guard's.
    pub(super) fn is_guard(file: &str) -> bool {
        file.rsplit('/').next() == Some(FILE)
    }

    pub(super) fn read_guard(&mut self, table: Table<'_, '_>) {
        if let Some(safety) = table.table("safety") {
            self.read_safety(safety);
        } else if !table.has("safety") {
            table.fault("[safety] is missing", "write [safety] and within = \"3m\"");
        }
        for one in table.tables("expect", "expect") {
            self.read_expectation(one);
        }
        table.finish();
    }

    fn read_safety(&mut self, table: Table<'_, '_>) {
        let explained_by = self.prompts(&table, "explained_by");
        self.safety = Some(Safety {
            place: table.place(),
            within: table.duration("within", false).unwrap_or(WITHIN),
            explained_by: explained_by
                .into_iter()
                .collect::<std::collections::BTreeSet<PromptName>>(),
        });
        table.finish();
    }

    /// A guard that can be edited together with what it guards is none.
    pub(super) fn refuse_guard(&self, table: &Table<'_, '_>) {
        if let Some(value) = table.value("safety") {
            table.source.fault(
                value.span(),
                "[safety] does not belong here",
                format!("put it into {FILE}, beside this file"),
            );
        }
    }
}
