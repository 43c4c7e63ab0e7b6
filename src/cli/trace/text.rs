//! A ladder for a terminal.

use std::fmt::Write as _;

use jiff::tz::TimeZone;

use super::ladder::{Arrow, Ladder, Pen};

/// From one column's line to the next.
const WIDTH: usize = 30;
/// Before the first line: the time.
const MARGIN: usize = 15;

/// Draws it.
pub(super) fn draw(ladder: &Ladder, zone: &TimeZone, details: bool) -> String {
    let mut names = " ".repeat(MARGIN);
    for (place, name) in ladder.columns.iter().enumerate() {
        let middle = MARGIN + place * WIDTH;
        let start = middle.saturating_sub(name.chars().count() / 2);
        pad(&mut names, start);
        names.push_str(name);
    }
    let mut page = Page {
        columns: ladder.columns.len(),
        text: format!("{}\n\n{names}\n", ladder.title),
    };
    ladder.draw(zone, details, &mut page);
    page.text
}

struct Page {
    columns: usize,
    text: String,
}

impl Page {
    /// A time or nothing, and what is beside it. Writing to a string cannot fail.
    fn line(&mut self, time: &str, beside: &str) {
        let _ = writeln!(self.text, "{time:<MARGIN$}{beside}");
    }
}

impl Pen for Page {
    fn arrow(&mut self, time: &str, arrow: &Arrow<'_>) {
        self.line(time, &shaft(self.columns, arrow));
        for detail in arrow.details {
            self.line("", &beside(self.columns, arrow.from.max(arrow.to), detail));
        }
    }

    fn note(&mut self, time: &str, words: &str) {
        self.line(time, &format!("│  {words}"));
    }

    fn remark(&mut self, words: &str) {
        let _ = writeln!(self.text, "{words}");
    }
}

fn pad(text: &mut String, to: usize) {
    let length = text.chars().count();
    text.push_str(&" ".repeat(to.saturating_sub(length)));
}

/// All columns' lines, nothing between them.
fn lifelines(columns: usize) -> String {
    let mut line = String::new();
    for place in 0..columns {
        pad(&mut line, place * WIDTH);
        line.push('│');
    }
    line
}

/// `│◀──── 200 OK (INVITE) ─────│`, the other columns' lines beside it.
fn shaft(columns: usize, arrow: &Arrow<'_>) -> String {
    let (from, to) = (arrow.from, arrow.to);
    let (left, right) = (from.min(to), from.max(to));
    let inner = (right - left) * WIDTH - 1;
    let room = inner.saturating_sub(4);
    let label: String = arrow.label.chars().take(room).collect();
    let dashes = inner.saturating_sub(label.chars().count() + 3);
    let before = dashes / 2;
    let (before, after) = ("─".repeat(before), "─".repeat(dashes - before));
    let arrow = match from < to {
        true => format!("{before} {label} {after}▶"),
        false => format!("◀{before} {label} {after}"),
    };
    let mut line: Vec<char> = lifelines(columns).chars().collect();
    for (place, mark) in arrow.chars().enumerate() {
        if let Some(spot) = line.get_mut(left * WIDTH + 1 + place) {
            *spot = mark;
        }
    }
    line.into_iter().collect()
}

fn beside(columns: usize, column: usize, text: &str) -> String {
    let lines = lifelines(columns);
    let line: String = lines.chars().take(column * WIDTH + 1).collect();
    format!("{line}  {text}")
}
