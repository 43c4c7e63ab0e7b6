//! Rows of figures: how many, which part of what, and what it was before.

use super::super::account::{Account, Report};
use super::super::document::{Cell, Column, Kind, Row, Table, Value};
use super::super::forms;
use super::super::language::Language;
use super::super::words::Words;

/// Words and figures of a report in the making.
#[derive(Debug)]
pub(super) struct Writer<'a> {
    pub(super) report: &'a Report,
    pub(super) words: Words,
}

/// A row that is asked for.
#[derive(Debug, Clone)]
pub(super) struct Line {
    name: String,
    figure: String,
    of: Option<&'static str>,
    depth: u8,
    is_total: bool,
}

impl Line {
    /// The row of a figure.
    pub(super) fn new(name: impl Into<String>, figure: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            figure: figure.into(),
            of: Some("total"),
            depth: 0,
            is_total: false,
        }
    }

    /// Its share is one of this figure.
    pub(super) fn of(self, figure: &'static str) -> Self {
        let of = Some(figure);
        Self { of, ..self }
    }

    /// It has no share.
    pub(super) fn whole(self) -> Self {
        Self { of: None, ..self }
    }

    /// So deep.
    pub(super) fn at(self, depth: u8) -> Self {
        Self { depth, ..self }
    }

    /// It is a sum.
    pub(super) fn total(self) -> Self {
        Self {
            is_total: true,
            ..self
        }
    }
}

impl Writer<'_> {
    pub(super) fn language(&self) -> Language {
        self.words.language()
    }

    pub(super) fn text(&self, key: &str) -> String {
        self.words.text(key)
    }

    /// A row by the key of its name.
    pub(super) fn line(&self, key: &str, figure: &str) -> Line {
        Line::new(self.text(key), figure)
    }

    /// A table of figures with both comparisons.
    pub(super) fn table(&self, key: &str, caption: &str, lines: Vec<Line>) -> Table {
        let column = |key: &str, heading: String, kind| Column {
            key: key.to_owned(),
            heading,
            kind,
        };
        let period = |account: &Account| self.words.period(account.period());
        let change = || self.text("column-change");
        Table {
            key: key.to_owned(),
            caption: caption.to_owned(),
            columns: vec![
                column("name", self.text("column-name"), Kind::Text),
                column("count", self.text("column-count"), Kind::Count),
                column("share", self.text("column-share"), Kind::Share),
                column("previous", period(&self.report.previous), Kind::Count),
                column("change", change(), Kind::Change),
                column("year_before", period(&self.report.year_before), Kind::Count),
                column("year_change", change(), Kind::Change),
            ],
            rows: lines.into_iter().map(|line| self.row(line)).collect(),
        }
    }

    fn row(&self, line: Line) -> Row {
        let Line {
            name,
            figure,
            of,
            depth,
            is_total,
        } = line;
        let count = self.report.count(&figure);
        let share = match of.map(|of| self.report.count(of)) {
            Some(whole @ 1..) => self.share(count, whole).of(figure.clone()),
            _ => Cell::none(),
        };
        let mut cells = vec![
            Cell::text(name),
            self.count(count).of(figure.clone()),
            share,
        ];
        for account in self.report.compared() {
            match account.map(|account| account.count(&figure)) {
                Some(before) => {
                    cells.push(self.count(before));
                    cells.push(self.change(count, before));
                }
                None => cells.extend([Cell::none(), Cell::none()]),
            }
        }
        Row {
            depth,
            is_total,
            cells,
        }
    }

    pub(super) fn count(&self, count: u64) -> Cell {
        Cell {
            value: Value::Count(count),
            text: forms::count(self.language(), count),
            figure: None,
        }
    }

    fn share(&self, part: u64, whole: u64) -> Cell {
        let share = part as f64 / whole as f64;
        Cell {
            value: Value::Share(share),
            text: forms::share(self.language(), share),
            figure: None,
        }
    }

    fn change(&self, now: u64, before: u64) -> Cell {
        let signed = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let change = signed(now) - signed(before);
        Cell {
            value: Value::Change(change),
            text: forms::change(self.language(), change),
            figure: None,
        }
    }

    /// The lines whose figures are not zero in any of the periods.
    pub(super) fn told(&self, lines: Vec<Line>) -> Vec<Line> {
        let is_told = |line: &Line| {
            let before = self.report.compared();
            let before = before.into_iter().flatten();
            self.report.count(&line.figure) > 0
                || before.into_iter().any(|one| one.count(&line.figure) > 0)
        };
        lines.into_iter().filter(is_told).collect()
    }

    /// The lines with the greatest first, and those that are equal as they were.
    pub(super) fn ranked(&self, mut lines: Vec<Line>) -> Vec<Line> {
        lines.sort_by_key(|line| std::cmp::Reverse(self.report.count(&line.figure)));
        lines
    }
}
