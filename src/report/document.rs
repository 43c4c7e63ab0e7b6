//! A report without a format: headings, sentences, tables and charts in one language, as all renderers draw it.
//!
//! Each cell carries its value for programs and spreadsheets, its text for people, and the key of the figure that it
//! prints; a chart carries the same texts as the table beside it. Renderers so neither count nor translate.

use std::time::Duration;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::language::Language;

/// A whole report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Document {
    /// The language of all texts in it.
    pub language: Language,
    /// Its title.
    pub title: String,
    /// The period as people read it: "iyun 2021".
    pub period: String,
    /// The first day.
    pub from: Date,
    /// The last day, which is part of the period.
    pub to: Date,
    /// Its parts, in order.
    pub sections: Vec<Section>,
    /// A line for the foot of each page: when it was made, and by what.
    pub footer: String,
    /// How pages are numbered: a text with `{page}` and `{pages}` in it.
    pub page_of: String,
}

/// A heading and what is below it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Section {
    /// A stable name: "topics". Of ASCII letters, digits and `-`, unique in the document.
    pub key: String,
    /// The heading; short enough for the name of a sheet.
    pub heading: String,
    /// What is below it, in order.
    pub parts: Vec<Part>,
}

/// A piece of a section.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// A paragraph.
    Text(String),
    /// A remark in small letters: a definition, a doubt about the data.
    Note(String),
    /// A table.
    Table(Table),
    /// A chart. A table with its figures always follows.
    Chart(Chart),
}

/// Rows below headings.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Table {
    /// A stable name, unique in the document, of the letters of [`Section::key`].
    pub key: String,
    /// What it shows; empty where the heading says it.
    pub caption: String,
    /// Its columns, the names of the rows first.
    pub columns: Vec<Column>,
    /// Its rows; each has a cell for each column.
    pub rows: Vec<Row>,
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// A stable name, unique in the table: "count".
    pub key: String,
    /// What is above it.
    pub heading: String,
    /// What its cells are.
    pub kind: Kind,
}

/// What the cells of a column are, which decides on their side and their format in a spreadsheet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Words, on the left. All others stand on the right.
    Text,
    /// A whole number.
    Count,
    /// A part of one, printed in hundredths: 0.264 as 26,4 %.
    Share,
    /// By how many it grew: a whole number with its sign.
    Change,
    /// A number with decimals.
    Number,
    /// A length of time.
    Duration,
    /// A day.
    Date,
}

/// A row of a table.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Row {
    /// How deep it stands below the last row of less depth: 1 for "of them girls". At most 3.
    pub depth: u8,
    /// A sum of the rows above it or below it, in strong letters.
    pub is_total: bool,
    /// A cell for each column.
    pub cells: Vec<Cell>,
}

/// A cell of a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// For programs and spreadsheets.
    pub value: Value,
    /// For people, in the language of the document; "–" where nothing is known.
    pub text: String,
    /// The figure that it prints, by which its records can be listed: "topic.legal".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub figure: Option<String>,
}

/// A value without its words.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Value {
    /// Not known, or not to be told.
    None,
    /// Words: the text of the cell.
    Text,
    /// A whole number.
    Count(u64),
    /// A part of one, 0 to 1.
    Share(f64),
    /// By how many it grew.
    Change(i64),
    /// A number with decimals.
    Number(f64),
    /// A length of time.
    Duration(Duration),
    /// A day.
    Date(Date),
}

/// What is drawn: for each series a value at each label.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Chart {
    /// A stable name, unique in the document, of the letters of [`Section::key`].
    pub key: String,
    /// What it shows.
    pub caption: String,
    /// How it is drawn.
    pub shape: Shape,
    /// The names along its long side: topics of bars, moments of lines, hours of a heat map.
    pub labels: Vec<String>,
    /// Groups of bars, lines, or rows of a heat map (weekdays); each has a point for each label.
    pub series: Vec<Series>,
}

/// How a chart is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Shape {
    /// Bars from zero.
    Bars,
    /// Lines from zero.
    Lines,
    /// A field of squares, the darker the more.
    Heat,
}

/// One line, one colour of bars, or one row of a heat map.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// Its name.
    pub name: String,
    /// A point for each label.
    pub points: Vec<Point>,
}

/// A value in a chart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Zero or greater; `None`: not known, nothing is drawn.
    pub value: Option<f64>,
    /// As it is printed beside it.
    pub text: String,
}

impl Cell {
    /// Words.
    pub fn text(text: impl Into<String>) -> Self {
        let text = text.into();
        Self {
            value: Value::Text,
            text,
            figure: None,
        }
    }

    /// Nothing is known.
    pub fn none() -> Self {
        Self {
            value: Value::None,
            text: "–".to_owned(),
            figure: None,
        }
    }

    /// The same cell, as the print of a figure.
    #[must_use]
    pub fn of(self, figure: impl Into<String>) -> Self {
        let figure = Some(figure.into());
        Self { figure, ..self }
    }
}

impl Document {
    /// All tables, in order, each with its section.
    pub fn tables(&self) -> impl Iterator<Item = (&Section, &Table)> {
        self.sections.iter().flat_map(|section| {
            let tables = section.parts.iter().filter_map(|part| match part {
                Part::Table(table) => Some(table),
                Part::Text(_) | Part::Note(_) | Part::Chart(_) => None,
            });
            tables.map(move |table| (section, table))
        })
    }
}
