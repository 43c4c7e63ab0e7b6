//! A ladder as a picture.

use std::io::{self, Write};

use jiff::tz::TimeZone;

use super::clock;
use super::ladder::{Content, Ladder};

/// Points from one column's line to the next.
const WIDTH: usize = 260;
/// Points before the first line.
const MARGIN: usize = 150;
/// Points a row.
const ROW: usize = 26;
/// Points a line of details.
const LINE: usize = 14;
/// Where the rows begin.
const TOP: usize = 84;

const STYLE: &str = "text{font:13px sans-serif;fill:#222}.title{font-weight:bold}\
    .time,.more{font-size:11px;fill:#667}.note{font-style:italic;fill:#063}\
    .life{stroke:#bbb}.arrow{stroke:#247;stroke-width:1.4}.again{stroke-dasharray:4 3}";

/// Draws it.
pub(super) fn draw(
    ladder: &Ladder,
    zone: &TimeZone,
    details: bool,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut body = String::new();
    let mut y = TOP;
    for row in &ladder.rows {
        body += &text(8, y, "time", "start", &clock(row.at, zone));
        match &row.what {
            Content::Message {
                from,
                to,
                label,
                again,
                details: more,
            } => {
                body += &arrow(x(*from), x(*to), y, *again);
                let middle = usize::midpoint(x(*from), x(*to));
                body += &text(middle, y - 8, "label", "middle", label);
                for line in more.iter().filter(|_| details) {
                    y += LINE;
                    body += &text(x(*from.min(to)) + 8, y, "more", "start", line);
                }
            }
            Content::Note { text: note } => body += &text(x(0) + 8, y, "note", "start", note),
        }
        y += ROW;
    }
    if ladder.skipped > 0 {
        let left = format!("{} messages of the middle were not kept", ladder.skipped);
        body += &text(8, y, "time", "start", &left);
        y += ROW;
    }
    let width = MARGIN + ladder.columns.len() * WIDTH;
    writeln!(
        out,
        r#"<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{y}" viewBox="0 0 {width} {y}">"#
    )?;
    writeln!(
        out,
        r##"<style>{STYLE}</style><defs><marker id="head" markerWidth="9" markerHeight="8" refX="9" refY="4" orient="auto"><path d="M0,0 L9,4 L0,8 z" fill="#247"/></marker></defs><rect width="{width}" height="{y}" fill="#fff"/>"##
    )?;
    write!(out, "{}", text(8, 24, "title", "start", &ladder.title))?;
    for (place, name) in ladder.columns.iter().enumerate() {
        write!(out, "{}", text(x(place), 52, "title", "middle", name))?;
        writeln!(
            out,
            r#"<line class="life" x1="{0}" y1="60" x2="{0}" y2="{y}"/>"#,
            x(place)
        )?;
    }
    writeln!(out, "{body}</svg>")
}

/// Where a column's line is.
fn x(column: usize) -> usize {
    MARGIN + column * WIDTH
}

fn arrow(from: usize, to: usize, y: usize, again: bool) -> String {
    let class = if again { "arrow again" } else { "arrow" };
    let y = y - 4;
    format!(
        "<line class=\"{class}\" x1=\"{from}\" y1=\"{y}\" x2=\"{to}\" y2=\"{y}\" marker-end=\"url(#head)\"/>\n"
    )
}

fn text(x: usize, y: usize, class: &str, anchor: &str, words: &str) -> String {
    let words = escaped(words);
    format!("<text x=\"{x}\" y=\"{y}\" class=\"{class}\" text-anchor=\"{anchor}\">{words}</text>\n")
}

/// As XML wants it.
fn escaped(words: &str) -> String {
    words
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
