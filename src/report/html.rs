//! One HTML file with everything in it: no script, nothing from elsewhere, and a page that prints well.
//!
//! It is well-formed XML too, so that other programs can read it by any parser.

mod svg;

use askama::Template;

use super::document::{Cell, Chart, Document, Kind, Part, Row, Section, Shape, Table};
use super::letters::Letters;
use super::picture;

/// How wide charts are laid out, in points; they scale with the page.
const WIDTH: f32 = 470.0;
/// And one that stands beside its table.
const HALF: f32 = 330.0;
/// A narrow table of more rows than these stands in several columns.
const LONG: usize = 12;
/// The most columns of a table that has room beside its chart.
const NARROW: usize = 4;

#[derive(Template)]
#[template(path = "page.html", config = "src/report/html/askama.toml")]
struct Page<'a> {
    document: &'a Document,
    letters: Letters,
}

/// What is laid out as one.
enum Block<'a> {
    Text(&'a str),
    Note(&'a str),
    Table(&'a Table),
    Chart(&'a Chart),
    /// A chart, and beside it the table of its figures.
    Pair(&'a Chart, &'a Table),
}

/// The report as a file for browsers.
///
/// # Errors
/// None that is known: writing into memory does not fail.
pub fn render(document: &Document) -> Result<Vec<u8>, askama::Error> {
    let page = Page {
        document,
        letters: Letters::new(),
    };
    Ok(page.render()?.into_bytes())
}

impl Page<'_> {
    fn blocks<'a>(&self, section: &'a Section) -> Vec<Block<'a>> {
        let mut blocks = Vec::new();
        let mut parts = section.parts.iter().peekable();
        while let Some(part) = parts.next() {
            blocks.push(match part {
                Part::Text(text) => Block::Text(text),
                Part::Note(text) => Block::Note(text),
                Part::Table(table) => Block::Table(table),
                Part::Chart(chart) => match parts.peek() {
                    Some(Part::Table(table)) if beside(chart, table) => {
                        parts.next();
                        Block::Pair(chart, table)
                    }
                    _ => Block::Chart(chart),
                },
            });
        }
        blocks
    }

    /// The cells of a row with what they are.
    fn cells<'a>(&self, table: &'a Table, row: &'a Row) -> Vec<(&'a Cell, &'a Kind)> {
        let kinds = table.columns.iter().map(|column| &column.kind);
        row.cells.iter().zip(kinds).collect()
    }

    /// Words stand on the left, and so does a day that is the name of its row.
    fn words(&self, column: &usize, kind: &Kind) -> bool {
        *kind == Kind::Text || (*column == 0 && *kind == Kind::Date)
    }

    /// Whether a table is so narrow and long that it stands in columns, as those of a newspaper.
    fn is_long(&self, table: &Table) -> bool {
        table.columns.len() <= 2 && table.rows.len() > LONG
    }

    /// The name of a row is a heading too.
    fn tag(&self, column: &usize, kind: &Kind) -> &'static str {
        match *column == 0 && *kind == Kind::Text {
            true => "th",
            false => "td",
        }
    }

    /// `half`: it has half the line, and its table the other half.
    fn svg(&self, chart: &Chart, half: &bool) -> String {
        let width = if *half { HALF } else { WIDTH };
        svg::write(&picture::draw(chart, &self.letters, width), &chart.caption)
    }
}

fn beside(chart: &Chart, table: &Table) -> bool {
    chart.shape == Shape::Bars && chart.series.len() < 2 && table.columns.len() <= NARROW
}
