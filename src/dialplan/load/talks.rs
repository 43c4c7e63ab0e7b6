//! Talks of three or more: the word that all hear when help is called, and who may hear others' talks.

use super::super::fault::suggest;
use super::super::read::Table;
use super::Draft;
use crate::event::Supervision;
use crate::ids::OperatorId;

impl Draft {
    pub(super) fn read_help_word(&mut self, table: &Table<'_, '_>) {
        if !table.has("help_word") {
            return;
        }
        let word = self.prompts(table, "help_word");
        if !self.help_word.is_empty() {
            table.fault("help_word is said twice", "say it in one file");
        }
        self.help_word = word;
    }

    /// `may = ["listen", "whisper", "barge"]` of an operator.
    pub(super) fn read_may(&mut self, operator: &OperatorId, table: &Table<'_, '_>) {
        for (word, span) in table.texts("may").unwrap_or_default() {
            let known = Supervision::ALL.iter().find(|(name, _)| *name == word);
            match known {
                Some((_, how)) => {
                    let may = self.may.entry(operator.clone()).or_default();
                    may.insert(*how);
                }
                None => {
                    let what = format!("operator {operator}: nobody may {word:?}");
                    let words = Supervision::ALL.map(|(name, _)| name);
                    table.source.fault(span, what, suggest(&word, words));
                }
            }
        }
    }
}
