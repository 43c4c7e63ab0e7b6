//! What a reader must know to judge the figures: doubts about the data, and what was counted how.

use jiff::civil::Date;

use super::super::account::Account;
use super::super::document::{Part, Row, Table};
use super::super::forms;
use super::super::words::Variable::Text;
use super::rows::{Line, Writer};
use crate::records::contact::ContactType;

impl Writer<'_> {
    /// Contradictions and doubts, with how many records have them.
    pub(super) fn quality(&self) -> Vec<Part> {
        let this = self.report.this.contacts();
        let words = this.group("quality.").map(|(word, _)| word.to_owned());
        let mut words: Vec<String> = words.collect();
        if !self.report.not_escalated.is_empty() {
            words.push("no-escalation".to_owned());
        }
        let line = |word: &String| {
            let key = format!("quality-{word}");
            let name = self.words.maybe(&key).unwrap_or_else(|| word.clone());
            Line::new(name, format!("quality.{word}")).of("all")
        };
        let lines = self.ranked(words.iter().map(line).collect());
        if lines.is_empty() {
            return vec![Part::Note(self.text("note-no-findings"))];
        }
        let mut table = self.table("findings", &self.text("caption-findings"), lines);
        keep_own_columns(&mut table);
        vec![Part::Table(table), Part::Note(self.text("note-findings"))]
    }

    /// Which types count.
    pub(super) fn note_counts(&self) -> String {
        let counts = &self.report.rules.counts;
        let name = |one: &ContactType| {
            let name = self.text(&format!("type-{}", one.as_str().replace(' ', "-")));
            forms::small(self.language(), &name)
        };
        let names: Vec<String> = counts.iter().map(name).collect();
        let list = names.join(", ");
        self.words.with("note-counts", &[("list", Text(&list))])
    }

    /// How it was counted.
    pub(super) fn notes(&self, made: Date) -> Vec<Part> {
        let words = &self.words;
        let period = self.report.period();
        let date = |day| forms::date(self.language(), day);
        let mut notes = Vec::new();
        if period.from() > made {
            notes.push(self.text("note-future"));
        } else if period.to() >= made {
            notes.push(self.text("note-not-over"));
        }
        let (from, to) = (date(period.from()), date(period.to()));
        notes.push(self.note_counts());
        notes.push(self.text("note-channels"));
        notes.push(words.with("note-zone", &[("from", Text(&from)), ("to", Text(&to))]));
        let name = |account: &Account| words.period(account.period());
        let (previous, before) = (name(&self.report.previous), name(&self.report.year_before));
        let variables = [("previous", Text(&previous)), ("before", Text(&before))];
        notes.push(words.with("note-compared", &variables));
        for account in [&self.report.previous, &self.report.year_before] {
            notes.extend(self.unrecorded(account));
        }
        notes.push(self.text("note-shares"));
        notes.push(self.text("note-gender"));
        let versions = self.report.taxonomies().into_iter().rev();
        let versions: Vec<String> = versions.map(|one| one.version.to_string()).collect();
        let list = versions.join(", ");
        notes.push(words.with("note-taxonomy", &[("list", Text(&list))]));
        notes.into_iter().map(Part::Note).collect()
    }

    /// Why nothing is compared with a period.
    fn unrecorded(&self, account: &Account) -> Option<String> {
        if self.report.is_recorded(account) {
            return None;
        }
        let period = self.words.period(account.period());
        let first = self.report.first_day();
        let first = first.filter(|day| *day <= account.period().to());
        Some(match first {
            Some(day) => {
                let day = forms::date(self.language(), day);
                let variables = [("period", Text(&period)), ("day", Text(&day))];
                self.words.with("note-not-recorded", &variables)
            }
            None => self
                .words
                .with("note-none-recorded", &[("period", Text(&period))]),
        })
    }
}

/// Leaves name, count and share: what is wrong now was looked at with today's eyes, and is not compared.
fn keep_own_columns(table: &mut Table) {
    table.columns.truncate(3);
    for row in &mut table.rows {
        let Row { cells, .. } = row;
        cells.truncate(3);
    }
}
