//! A ladder as a picture.

use std::fmt::Write as _;

use jiff::tz::TimeZone;

use super::ladder::{Arrow, Ladder, Pen};

/// Points from one column's line to the next.
const WIDTH: usize = 260;
/// Points before the first line.
const MARGIN: usize = 150;
/// Points a row.
const ROW: usize = 28;
/// Points a line of details.
const LINE: usize = 14;
/// Where the rows begin.
const TOP: usize = 84;
/// Points that a letter of the widest kind of words takes at most.
const LETTER: usize = 8;

/// Words that columns' lines would cross have a white edge.
const STYLE: &str = "text{font:13px sans-serif;fill:#222}.title{font-weight:bold}\
    .time,.more{font-size:11px;fill:#667}.note{font-style:italic;fill:#063}\
    .label,.more,.note{paint-order:stroke;stroke:#fff;stroke-width:5px;stroke-linejoin:round}\
    .life{stroke:#bbb}.arrow{stroke:#247;stroke-width:1.4}.again{stroke-dasharray:4 3}";

/// Draws it.
pub(super) fn draw(ladder: &Ladder, zone: &TimeZone, details: bool) -> String {
    let mut sheet = Sheet {
        body: String::new(),
        y: TOP,
        right: MARGIN + ladder.columns.len() * WIDTH,
    };
    let title = text(8, 24, "title", "start", &ladder.title);
    sheet.reaches(8, &ladder.title);
    ladder.draw(zone, details, &mut sheet);
    let Sheet {
        body,
        y,
        right: width,
    } = sheet;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{y}\" \
         viewBox=\"0 0 {width} {y}\">\n<style>{STYLE}</style><defs><marker id=\"head\" markerWidth=\"9\" \
         markerHeight=\"8\" refX=\"9\" refY=\"4\" orient=\"auto\"><path d=\"M0,0 L9,4 L0,8 z\" \
         fill=\"#247\"/></marker></defs><rect width=\"{width}\" height=\"{y}\" fill=\"#fff\"/>\n{title}"
    );
    for (place, name) in ladder.columns.iter().enumerate() {
        out += &text(x(place), 52, "title", "middle", name);
        // Writing to a string cannot fail.
        let _ = writeln!(
            out,
            "<line class=\"life\" x1=\"{0}\" y1=\"60\" x2=\"{0}\" y2=\"{y}\"/>",
            x(place)
        );
    }
    out + &body + "</svg>\n"
}

struct Sheet {
    body: String,
    /// Where the next row goes.
    y: usize,
    /// As far as anything reaches.
    right: usize,
}

impl Sheet {
    fn words(&mut self, x: usize, class: &str, words: &str) {
        self.body += &text(x, self.y, class, "start", words);
        self.reaches(x, words);
    }

    fn reaches(&mut self, x: usize, words: &str) {
        self.right = self.right.max(x + (words.chars().count() + 2) * LETTER);
    }
}

impl Pen for Sheet {
    fn arrow(&mut self, time: &str, arrow: &Arrow<'_>) {
        self.words(8, "time", time);
        let (from, to) = (x(arrow.from), x(arrow.to));
        self.body += &shaft(from, to, self.y, arrow.again);
        let middle = usize::midpoint(from, to);
        self.body += &text(middle, self.y - 10, "label", "middle", &arrow.label);
        for detail in arrow.details {
            self.y += LINE;
            self.words(from.min(to) + 8, "more", detail);
        }
        self.y += ROW;
    }

    fn note(&mut self, time: &str, words: &str) {
        self.words(8, "time", time);
        self.words(x(0) + 8, "note", words);
        self.y += ROW;
    }

    fn remark(&mut self, words: &str) {
        self.words(8, "time", words);
        self.y += ROW;
    }
}

/// Where a column's line is.
fn x(column: usize) -> usize {
    MARGIN + column * WIDTH
}

fn shaft(from: usize, to: usize, y: usize, again: bool) -> String {
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
