//! Rows as Parquet: gathered to groups, and each group written column by column. Every cell may be nothing.

use std::io::{self, Write};
use std::sync::Arc;

use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use crate::records::export::{Cell, Column, Kind};

/// The rows of one group, which are in memory together.
const GROUP: usize = 10_000;

/// A Parquet file that is being written.
pub(super) struct Parquet<W: Write + Send> {
    writer: SerializedFileWriter<W>,
    columns: Vec<Gathered>,
    rows: usize,
}

/// The cells of a column that are there, and for each row whether it has one (definition levels).
struct Gathered {
    values: Values,
    there: Vec<i16>,
}

enum Values {
    Text(Vec<ByteArray>),
    Whole(Vec<i64>),
    Fraction(Vec<f64>),
    Truth(Vec<bool>),
}

impl Gathered {
    fn new(kind: Kind) -> Self {
        let values = match kind {
            Kind::Text => Values::Text(Vec::new()),
            Kind::Whole | Kind::Moment => Values::Whole(Vec::new()),
            Kind::Seconds => Values::Fraction(Vec::new()),
            Kind::Truth => Values::Truth(Vec::new()),
        };
        Self {
            values,
            there: Vec::new(),
        }
    }

    fn add(&mut self, cell: &Cell) {
        let is_there = match (&mut self.values, cell) {
            (Values::Text(values), Cell::Text(text)) => {
                values.push(ByteArray::from(text.as_str()));
                true
            }
            (Values::Whole(values), Cell::Whole(number)) => {
                values.push(*number);
                true
            }
            (Values::Whole(values), Cell::Moment(moment)) => {
                values.push(moment.0);
                true
            }
            (Values::Fraction(values), Cell::Seconds(seconds)) => {
                values.push(*seconds);
                true
            }
            (Values::Truth(values), Cell::Truth(truth)) => {
                values.push(*truth);
                true
            }
            _ => false,
        };
        self.there.push(is_there.into());
    }
}

impl<W: Write + Send> Parquet<W> {
    pub(super) fn new(columns: &[Column], out: W) -> io::Result<Self> {
        let fields = columns.iter().map(|column| {
            let name = column.name;
            match column.kind {
                Kind::Text => format!("OPTIONAL BYTE_ARRAY {name} (UTF8);"),
                Kind::Whole => format!("OPTIONAL INT64 {name};"),
                Kind::Seconds => format!("OPTIONAL DOUBLE {name};"),
                Kind::Truth => format!("OPTIONAL BOOLEAN {name};"),
                Kind::Moment => format!("OPTIONAL INT64 {name} (TIMESTAMP(MICROS,true));"),
            }
        });
        let fields: Vec<String> = fields.collect();
        let schema = format!("message qaynar {{ {} }}", fields.join(" "));
        let schema = parse_message_type(&schema).map_err(fault)?;
        let properties = Arc::new(WriterProperties::builder().build());
        let writer = SerializedFileWriter::new(out, Arc::new(schema), properties).map_err(fault)?;
        Ok(Self {
            writer,
            columns: columns
                .iter()
                .map(|column| Gathered::new(column.kind))
                .collect(),
            rows: 0,
        })
    }

    pub(super) fn add(&mut self, cells: &[Cell]) -> io::Result<()> {
        for (column, cell) in self.columns.iter_mut().zip(cells) {
            column.add(cell);
        }
        self.rows += 1;
        match self.rows < GROUP {
            true => Ok(()),
            false => self.write().map_err(fault),
        }
    }

    fn write(&mut self) -> Result<(), ParquetError> {
        let mut group = self.writer.next_row_group()?;
        for column in &mut self.columns {
            let Some(mut writer) = group.next_column()? else {
                break;
            };
            let there = Some(column.there.as_slice());
            match &mut column.values {
                Values::Text(all) => {
                    writer
                        .typed::<ByteArrayType>()
                        .write_batch(all, there, None)?;
                    all.clear();
                }
                Values::Whole(all) => {
                    writer.typed::<Int64Type>().write_batch(all, there, None)?;
                    all.clear();
                }
                Values::Fraction(all) => {
                    writer.typed::<DoubleType>().write_batch(all, there, None)?;
                    all.clear();
                }
                Values::Truth(all) => {
                    writer.typed::<BoolType>().write_batch(all, there, None)?;
                    all.clear();
                }
            }
            writer.close()?;
            column.there.clear();
        }
        group.close()?;
        self.rows = 0;
        Ok(())
    }

    pub(super) fn finish(mut self) -> io::Result<()> {
        if self.rows > 0 {
            self.write().map_err(fault)?;
        }
        self.writer.close().map_err(fault)?;
        Ok(())
    }
}

fn fault(fault: ParquetError) -> io::Error {
    io::Error::other(fault.to_string())
}
