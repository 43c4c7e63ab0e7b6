//! Boxes and arrows as SVG, without anything from elsewhere.

use std::fmt::Write as _;

use super::layout::{Arrow, GAP, Layout, MARGIN, Place, ROW, TITLE};
use super::{Node, Piece};

/// Between arrows that run side by side.
const STEP: usize = 9;

/// Words that arrows would cross have a white edge.
const STYLE: &str = "text{font:12px sans-serif;fill:#223}.head{font-size:14px;font-weight:bold}\
    .title{font-weight:bold;fill:#fff}.label{font-size:11px;fill:#457;paint-order:stroke;stroke:#fff;\
    stroke-width:4px;stroke-linejoin:round}.end{fill:#a33}.box{fill:#fff;stroke:#9ab}\
    .path{fill:#2a5d8f}.queue{fill:#2d7a4f}.calls{fill:#555}\
    .way{fill:none;stroke:#56789a;stroke-width:1.4}.back{stroke:#b07d2b;stroke-dasharray:5 3}";

pub(super) fn draw(hash: &str, pieces: &[Piece], layout: &Layout) -> String {
    let mut body = String::new();
    for (piece, place) in pieces.iter().zip(&layout.places) {
        body += &draw_box(piece, *place);
    }
    let mut sheet = Sheet {
        layout,
        lane: layout.bottom + STEP,
        turns: vec![0; layout.columns.len() + 1],
        body,
    };
    for arrow in &layout.arrows {
        sheet.arrow(arrow);
    }
    let right = layout.columns.last().map_or(0, |(x, width)| x + width);
    let (width, height) = (right + MARGIN + GAP / 2, sheet.lane + MARGIN);
    let title = escaped(&format!("dialplan {}", hash.get(..12).unwrap_or(hash)));
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\">\n<title>{title}</title><style>{STYLE}</style><defs>\
         <marker id=\"tip\" markerWidth=\"9\" markerHeight=\"8\" refX=\"8\" refY=\"4\" orient=\"auto\">\
         <path d=\"M0,0 L8,4 L0,8 z\" fill=\"#56789a\"/></marker></defs>\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n\
         <text class=\"head\" x=\"{MARGIN}\" y=\"{MARGIN}\">{title}</text>\n{}</svg>\n",
        sheet.body
    )
}

fn draw_box(piece: &Piece, place: Place) -> String {
    let Place {
        x,
        y,
        width,
        height,
        ..
    } = place;
    let (class, round) = match piece.node {
        Node::Calls => ("calls", 2),
        Node::Path(_) => ("path", 4),
        Node::Queue(_) => ("queue", 12),
    };
    let head = TITLE - 5;
    let mut out = format!(
        "<rect class=\"box\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"{round}\"/>\
         <rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{head}\" rx=\"{round}\"/>\
         <text class=\"title\" x=\"{}\" y=\"{}\">{}</text>\n",
        x + 10,
        y + 15,
        escaped(&piece.title)
    );
    for (at, row) in piece.rows.iter().enumerate() {
        let class = if row.end { " class=\"end\"" } else { "" };
        let left = x + 10 + 14 * usize::from(row.more);
        // Writing to a string cannot fail.
        let _ = writeln!(
            out,
            "<text{class} x=\"{left}\" y=\"{}\">{}</text>",
            y + TITLE + at * ROW + 13,
            escaped(&row.text)
        );
    }
    out
}

struct Sheet<'a> {
    layout: &'a Layout,
    /// The height of the next arrow that leads back.
    lane: usize,
    /// How many arrows turn in the gap before each column.
    turns: Vec<usize>,
    body: String,
}

impl Sheet<'_> {
    fn arrow(&mut self, arrow: &Arrow) {
        let place = |piece: usize| self.layout.places.get(piece).copied().unwrap_or_default();
        let (from, to) = (place(arrow.from), place(arrow.to));
        let start = (from.x + from.width, self.layout.row(arrow));
        let end = (to.x, to.y + TITLE / 2);
        match from.column < to.column {
            true => self.forward(arrow, from.column, start, end),
            false => self.back(from.column, to.column, start, end),
        }
        if !arrow.label.is_empty() {
            let (x, y) = (start.0 + 6, start.1 - 4);
            let label = escaped(&shortened(&arrow.label));
            let _ = writeln!(
                self.body,
                "<text class=\"label\" x=\"{x}\" y=\"{y}\">{label}</text>"
            );
        }
    }

    /// From column to column in soft curves, straight where it passes boxes by.
    fn forward(
        &mut self,
        arrow: &Arrow,
        column: usize,
        start: (usize, usize),
        end: (usize, usize),
    ) {
        let mut way = format!("M{},{}", start.0, start.1);
        let (mut x, mut y) = start;
        for (crossed, through) in arrow.through.iter().enumerate() {
            let at = self.layout.columns.get(column + 1 + crossed);
            let (left, width) = at.copied().unwrap_or_default();
            way += &curve((x, y), (left, *through));
            let _ = write!(way, " L{},{through}", left + width);
            (x, y) = (left + width, *through);
        }
        way += &curve((x, y), end);
        self.way("way", &way);
    }

    /// Round below everything, in a lane of its own.
    fn back(&mut self, from: usize, to: usize, start: (usize, usize), end: (usize, usize)) {
        let right = self
            .layout
            .columns
            .get(from)
            .map_or(0, |(x, width)| x + width);
        let out = right + 24 + self.turn(from + 1);
        let into = end.0.saturating_sub(14 + self.turn(to)).max(4);
        let lane = self.lane;
        self.lane += STEP;
        let way = format!(
            "M{},{} L{out},{} L{out},{lane} L{into},{lane} L{into},{} L{},{}",
            start.0, start.1, start.1, end.1, end.0, end.1
        );
        self.way("way back", &way);
    }

    /// A place of its own in the gap before a column, so that arrows do not lie upon each other.
    fn turn(&mut self, column: usize) -> usize {
        let Some(turns) = self.turns.get_mut(column) else {
            return 0;
        };
        *turns += 1;
        (*turns - 1) * STEP % (GAP / 2)
    }

    fn way(&mut self, class: &str, way: &str) {
        let _ = writeln!(
            self.body,
            "<path class=\"{class}\" d=\"{way}\" marker-end=\"url(#tip)\"/>"
        );
    }
}

fn curve(from: (usize, usize), to: (usize, usize)) -> String {
    let half = to.0.saturating_sub(from.0) / 2;
    format!(
        " C{},{} {},{} {},{}",
        from.0 + half,
        from.1,
        to.0.saturating_sub(half),
        to.1,
        to.0,
        to.1
    )
}

/// What fits into a gap.
fn shortened(label: &str) -> String {
    let most = GAP / 7;
    match label.chars().count() > most {
        true => label.chars().take(most - 1).chain(['…']).collect(),
        false => label.to_owned(),
    }
}

/// As XML wants it.
fn escaped(words: &str) -> String {
    words
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
