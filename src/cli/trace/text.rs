//! A ladder for a terminal.

use std::io::{self, Write};

use jiff::tz::TimeZone;

use super::clock;
use super::ladder::{Content, Ladder};

/// From one column's line to the next.
const WIDTH: usize = 30;
/// Before the first line: the time.
const MARGIN: usize = 15;

/// Draws it.
pub(super) fn draw(
    ladder: &Ladder,
    zone: &TimeZone,
    details: bool,
    out: &mut dyn Write,
) -> io::Result<()> {
    writeln!(out, "{}\n", ladder.title)?;
    let mut names = " ".repeat(MARGIN);
    for (place, name) in ladder.columns.iter().enumerate() {
        let middle = MARGIN + place * WIDTH;
        let start = middle.saturating_sub(name.chars().count() / 2);
        pad(&mut names, start);
        names.push_str(name);
    }
    writeln!(out, "{names}")?;
    for row in &ladder.rows {
        let time = clock(row.at, zone);
        match &row.what {
            Content::Message {
                from,
                to,
                label,
                again,
                details: more,
            } => {
                let again = if *again { ", again" } else { "" };
                let arrow = arrow(ladder.columns.len(), *from, *to, &format!("{label}{again}"));
                writeln!(out, "{time:<width$}{arrow}", width = MARGIN)?;
                for line in more.iter().filter(|_| details) {
                    writeln!(
                        out,
                        "{:width$}{}",
                        "",
                        beside(ladder, *from.max(to), line),
                        width = MARGIN
                    )?;
                }
            }
            Content::Note { text } => {
                writeln!(out, "{time:<width$}│  {text}", width = MARGIN)?;
            }
        }
    }
    if ladder.skipped > 0 {
        writeln!(
            out,
            "{} messages of the middle were not kept",
            ladder.skipped
        )?;
    }
    Ok(())
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
fn arrow(columns: usize, from: usize, to: usize, label: &str) -> String {
    let (left, right) = (from.min(to), from.max(to));
    let inner = (right - left) * WIDTH - 1;
    let room = inner.saturating_sub(4);
    let label: String = label.chars().take(room).collect();
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

fn beside(ladder: &Ladder, column: usize, text: &str) -> String {
    let mut line: String = lifelines(ladder.columns.len())
        .chars()
        .take(column * WIDTH + 1)
        .collect();
    line.push_str("  ");
    line.push_str(text);
    line
}
