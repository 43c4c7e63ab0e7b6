//! Rows as CSV, JSON lines or Parquet.

use std::io::{self, Write};

use serde_json::Value;

use super::file::{File, Target};
use super::parquet::Parquet;
use super::text;
use crate::cli::args::export::ExportForm;
use crate::cli::calls::harmless;
use crate::records::export::{Cell, Column};

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Csv,
    JsonLines,
    Parquet,
}

impl From<ExportForm> for Form {
    fn from(form: ExportForm) -> Self {
        match form {
            ExportForm::Csv => Self::Csv,
            ExportForm::Jsonl => Self::JsonLines,
            ExportForm::Parquet => Self::Parquet,
        }
    }
}

/// What is being written.
pub(super) struct Rows<'a, 'b> {
    way: Way<'a, 'b>,
    count: u64,
}

enum Way<'a, 'b> {
    Csv(Box<csv::Writer<&'a mut Target<'b>>>),
    JsonLines(&'a mut Target<'b>, Vec<&'static str>),
    Parquet(Box<Parquet<&'a mut File>>),
}

impl<'a, 'b> Rows<'a, 'b> {
    pub(super) fn new(form: Form, columns: &[Column], out: &'a mut Target<'b>) -> io::Result<Self> {
        let names = || columns.iter().map(|column| column.name);
        let way = match form {
            Form::Csv => {
                let mut csv = csv::Writer::from_writer(out);
                csv.write_record(names())?;
                Way::Csv(Box::new(csv))
            }
            Form::JsonLines => Way::JsonLines(out, names().collect()),
            Form::Parquet => match out {
                Target::File(file, _) => Way::Parquet(Box::new(Parquet::new(columns, file)?)),
                Target::Terminal(_) => return Err(io::ErrorKind::Unsupported.into()),
            },
        };
        Ok(Self { way, count: 0 })
    }

    pub(super) fn add(&mut self, cells: &[Cell]) -> io::Result<()> {
        self.count += 1;
        match &mut self.way {
            Way::Csv(csv) => Ok(csv.write_record(cells.iter().map(|cell| match cell {
                Cell::Text(text) => harmless(text),
                other => text(other),
            }))?),
            Way::JsonLines(out, names) => {
                let mut between = '{';
                for (name, cell) in names.iter().zip(cells) {
                    write!(out, "{between}\"{name}\":{}", json(cell))?;
                    between = ',';
                }
                writeln!(out, "}}")
            }
            Way::Parquet(parquet) => parquet.add(cells),
        }
    }

    /// How many rows there were.
    pub(super) fn finish(self) -> io::Result<u64> {
        match self.way {
            Way::Csv(mut csv) => csv.flush()?,
            Way::JsonLines(..) => {}
            Way::Parquet(parquet) => parquet.finish()?,
        }
        Ok(self.count)
    }
}

fn json(cell: &Cell) -> Value {
    match cell {
        Cell::Nothing => Value::Null,
        Cell::Whole(number) => (*number).into(),
        Cell::Seconds(seconds) => (*seconds).into(),
        Cell::Truth(truth) => (*truth).into(),
        Cell::Text(_) | Cell::Moment(_) => text(cell).into(),
    }
}
