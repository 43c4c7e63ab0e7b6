//! The rows of a CSV file (RFC 4180), with commas or semicolons, with or without a byte order mark, each with the
//! line that it begins in.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::rc::Rc;

use csv::ByteRecord;

/// The longest row, in bytes: a quotation mark that is never closed swallows no more.
const LONGEST: u64 = 1 << 20;

/// Looked at to find out by what cells are parted.
const LOOKED_AT: usize = 1 << 16;

/// UTF-8's byte order mark.
const MARK: &[u8] = b"\xEF\xBB\xBF";

/// Why there are no more rows.
#[derive(Debug)]
pub(super) enum RowsFault {
    System(io::Error),
    Form { line: u64, reason: String },
}

/// The rows of an open file.
pub(super) struct Rows {
    reader: csv::Reader<Meter>,
    record: ByteRecord,
    progress: Rc<Progress>,
}

/// How far a file is read.
#[derive(Default)]
struct Progress {
    bytes: Cell<u64>,
    /// Of the row that is being read.
    row: Cell<u64>,
}

impl Rows {
    /// Opens a file.
    pub(super) fn open(path: &Path) -> Result<Self, RowsFault> {
        let file = File::open(path).map_err(RowsFault::System)?;
        let mut file = BufReader::with_capacity(LOOKED_AT, file);
        let start = file.fill_buf().map_err(RowsFault::System)?;
        if start.starts_with(b"\xFF\xFE") || start.starts_with(b"\xFE\xFF") {
            return Err(RowsFault::Form {
                line: 1,
                reason: "this is UTF-16; save it as \"CSV UTF-8\"".into(),
            });
        }
        let mark = if start.starts_with(MARK) {
            MARK.len()
        } else {
            0
        };
        let separator = separator(start);
        file.consume(mark);
        let progress = Rc::new(Progress::default());
        let meter = Meter {
            file,
            progress: progress.clone(),
        };
        let reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(separator)
            .from_reader(meter);
        Ok(Self {
            reader,
            record: ByteRecord::new(),
            progress,
        })
    }

    /// The next row that holds anything; `None`: there is none.
    pub(super) fn next(&mut self) -> Result<Option<Line<'_>>, RowsFault> {
        loop {
            self.progress.row.set(0);
            let read = self.reader.read_byte_record(&mut self.record);
            if !read.map_err(|fault| self.fault(fault))? {
                return Ok(None);
            }
            if self.record.iter().any(|cell| !cell.is_empty()) {
                break;
            }
        }
        let line = self.record.position().map_or(0, csv::Position::line);
        Ok(Some(Line {
            line,
            record: &self.record,
        }))
    }

    /// How much of the file is read.
    pub(super) fn bytes(&self) -> u64 {
        self.progress.bytes.get()
    }

    fn fault(&self, fault: csv::Error) -> RowsFault {
        let line = self.reader.position().line();
        match fault.into_kind() {
            csv::ErrorKind::Io(fault) if fault.kind() == io::ErrorKind::InvalidData => {
                RowsFault::Form {
                    line,
                    reason: fault.to_string(),
                }
            }
            csv::ErrorKind::Io(fault) => RowsFault::System(fault),
            other => RowsFault::Form {
                line,
                reason: format!("{other:?}"),
            },
        }
    }
}

/// One row.
pub(super) struct Line<'a> {
    /// Where it begins, from 1.
    pub(super) line: u64,
    record: &'a ByteRecord,
}

impl<'a> Line<'a> {
    /// Its cells.
    pub(super) fn cells(&self) -> Result<Vec<&'a str>, String> {
        let cells = self.record.iter().zip(1..).map(|(cell, place)| {
            std::str::from_utf8(cell).map_err(|_| {
                format!("cell {place} is not UTF-8; save the file as \"CSV UTF-8\", so that ə and ş are kept")
            })
        });
        cells.collect()
    }
}

/// Counts, and ends a row that has no end.
struct Meter {
    file: BufReader<File>,
    progress: Rc<Progress>,
}

impl Read for Meter {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        let Progress { bytes, row } = &*self.progress;
        bytes.set(bytes.get() + count as u64);
        row.set(row.get() + count as u64);
        match row.get() > LONGEST {
            true => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "a row begins here that is longer than a megabyte; close its quotation mark",
            )),
            false => Ok(count),
        }
    }
}

/// What the header has more of, outside of quotation marks.
fn separator(start: &[u8]) -> u8 {
    let (mut quoted, mut semicolons, mut commas) = (false, 0, 0);
    for byte in start {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' | b'\r' if !quoted => break,
            b';' if !quoted => semicolons += 1,
            b',' if !quoted => commas += 1,
            _ => {}
        }
    }
    if semicolons > commas { b';' } else { b',' }
}
