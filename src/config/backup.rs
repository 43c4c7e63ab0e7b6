//! `[backup]`: where backups go, how often, and how many stay.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::dialplan::read::Table;

/// Backups by the clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backups {
    /// The folder that they are made in; none: there are none by themselves.
    pub to: Option<PathBuf>,
    /// How often.
    pub every: Duration,
    /// How many stay; the oldest go first.
    pub keep: usize,
    /// What carries each one away: a program and its words, with `{backup}` for the folder; empty: nothing.
    pub command: Vec<String>,
}

impl Default for Backups {
    fn default() -> Self {
        Self {
            to: None,
            every: Duration::from_secs(24 * 3600),
            keep: 14,
            command: Vec::new(),
        }
    }
}

pub(super) fn backup(table: &Table<'_, '_>, base: &Path, backup: &mut Backups) {
    backup.to = table.text("to").map(|(folder, _)| base.join(folder));
    if let Some(every) = table.duration("every", false) {
        backup.every = every;
    }
    if let Some(keep) = table.count("keep") {
        backup.keep = keep;
        if keep == 0 {
            table.fault(
                "[backup] keep is 0: no backup would stay",
                "write how many: keep = 14",
            );
        }
    }
    if let Some(words) = table.texts("command") {
        backup.command = words.into_iter().map(|(word, _)| word).collect();
        if !backup.command.iter().any(|word| word.contains("{backup}")) {
            table.fault(
                "[backup] command does not say what it carries away",
                "write {backup} where the folder stands: command = [\"rsync\", \"-a\", \"{backup}\", \"host:backups/\"]",
            );
        }
    }
    if backup.to.is_none() && !backup.command.is_empty() {
        table.fault(
            "[backup] command has nothing to carry away",
            "write where backups are made: to = \"/var/backups/qaynar\"",
        );
    }
}
