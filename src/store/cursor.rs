//! Reading the journal in order, also while it is being written.
//!
//! A cursor never changes a file. A line that is not finished yet is left for later; a damaged line is
//! reported with its file and number, and skipped.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::line::{self, BadLine, MAX_LINE, Numbered};

/// A line that had to be skipped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}:{line}: {why}; the line was skipped, those around it are used", path.display())]
pub struct Damage {
    /// The segment.
    pub path: PathBuf,
    /// Counted from 1.
    pub line: u64,
    /// What is wrong with it.
    pub why: BadLine,
}

/// What a line gave.
#[derive(Debug, Clone, PartialEq)]
pub enum Found {
    /// An entry.
    Entry(Numbered),
    /// A line to report.
    Damage(Damage),
}

/// The name of the segment whose first entry has this number.
pub(crate) fn segment_path(folder: &Path, first: u64) -> PathBuf {
    folder.join(format!("{first:08}.log"))
}

/// The segments of a folder by the number of their first entry.
///
/// # Errors
/// The folder cannot be read.
pub fn segments(folder: &Path) -> io::Result<Vec<u64>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let first = name
            .to_str()
            .and_then(|name| name.strip_suffix(".log")?.parse::<u64>().ok());
        found.extend(first);
    }
    found.sort_unstable();
    Ok(found)
}

/// A place in the journal from which one reads on.
#[derive(Debug)]
pub struct Cursor {
    folder: PathBuf,
    after: u64,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    first: u64,
    path: PathBuf,
    file: File,
    buffer: Vec<u8>,
    /// How much of `buffer` was given out.
    used: usize,
    line: u64,
    /// Inside a line that is too long: skip to its end.
    skipping: bool,
}

impl Cursor {
    /// Reads the entries whose numbers are greater than `after`.
    pub fn new(folder: &Path, after: u64) -> Self {
        Self {
            folder: folder.to_owned(),
            after,
            open: None,
        }
    }

    /// The number of the last entry that was given out.
    pub fn after(&self) -> u64 {
        self.after
    }

    /// The next line; `None`: there is no finished line at the moment.
    ///
    /// # Errors
    /// A segment cannot be read; the next call tries again from the same place.
    pub fn advance(&mut self) -> io::Result<Option<Found>> {
        loop {
            if self.open.is_none() && !self.enter(None)? {
                return Ok(None);
            }
            let Some(open) = &mut self.open else {
                return Ok(None);
            };
            match open.advance()? {
                Some(read) => {
                    if let Some(found) = self.fresh(read) {
                        return Ok(Some(found));
                    }
                }
                None => {
                    let first = open.first;
                    if !segments(&self.folder)?.iter().any(|other| *other > first) {
                        return Ok(None);
                    }
                    // The next segment exists, so this one is complete now; it may have grown since.
                    if let Some(read) = open.advance()? {
                        match self.fresh(read) {
                            Some(found) => return Ok(Some(found)),
                            None => continue,
                        }
                    }
                    let left = open.left_over();
                    if !self.enter(Some(first))? {
                        return Ok(None);
                    }
                    if let Some(damage) = left {
                        return Ok(Some(Found::Damage(damage)));
                    }
                }
            }
        }
    }

    /// Leaves out what was given out before.
    fn fresh(&mut self, read: Found) -> Option<Found> {
        match &read {
            Found::Entry(found) if found.sequence <= self.after => None,
            Found::Entry(found) => {
                self.after = found.sequence;
                Some(read)
            }
            Found::Damage(_) => Some(read),
        }
    }

    /// Opens the first segment that may hold what comes after `left`, or after our own place.
    fn enter(&mut self, left: Option<u64>) -> io::Result<bool> {
        let found = match segments(&self.folder) {
            Ok(found) => found,
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(fault) => return Err(fault),
        };
        let next = match left {
            Some(left) => found.iter().find(|first| **first > left),
            None => {
                let begun = |first: &&u64| **first <= self.after.saturating_add(1);
                found.iter().rfind(begun).or_else(|| found.first())
            }
        };
        let Some(first) = next.copied() else {
            return Ok(false);
        };
        self.open = Some(Open::new(segment_path(&self.folder, first), first)?);
        Ok(true)
    }
}

impl Open {
    fn new(path: PathBuf, first: u64) -> io::Result<Self> {
        let file = File::open(&path)?;
        Ok(Self {
            first,
            path,
            file,
            buffer: Vec::new(),
            used: 0,
            line: 0,
            skipping: false,
        })
    }

    fn advance(&mut self) -> io::Result<Option<Found>> {
        loop {
            if let Some(length) = self.unread().iter().position(|byte| *byte == b'\n') {
                self.line += 1;
                let whole = !std::mem::take(&mut self.skipping);
                let read = match whole {
                    true => line::read(&self.buffer[self.used..self.used + length]),
                    false => Err(BadLine::TooLong),
                };
                self.used += length + 1;
                return Ok(Some(match read {
                    Ok(found) => Found::Entry(found),
                    Err(why) => Found::Damage(self.damage(self.line, why)),
                }));
            }
            if self.unread().len() > MAX_LINE {
                self.skipping = true;
                self.used = self.buffer.len();
            }
            if !self.fill()? {
                return Ok(None);
            }
        }
    }

    fn unread(&self) -> &[u8] {
        &self.buffer[self.used..]
    }

    fn fill(&mut self) -> io::Result<bool> {
        const CHUNK: usize = 256 * 1024;
        self.buffer.drain(..self.used);
        self.used = 0;
        let had = self.buffer.len();
        self.buffer.resize(had + CHUNK, 0);
        let read = self.file.read(&mut self.buffer[had..]);
        self.buffer
            .truncate(had + read.as_ref().map_or(0, |count| *count));
        Ok(read? > 0)
    }

    /// An unfinished line at the end of a segment that will not grow any more.
    fn left_over(&self) -> Option<Damage> {
        let unfinished = !self.unread().is_empty() || self.skipping;
        unfinished.then(|| self.damage(self.line + 1, BadLine::Checksum))
    }

    fn damage(&self, line: u64, why: BadLine) -> Damage {
        Damage {
            path: self.path.clone(),
            line,
            why,
        }
    }
}

/// Where the last line of a segment stands after a crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tail {
    /// It ends with a newline, or is empty.
    Whole,
    /// The last line is whole, only its newline is missing.
    WithoutNewline,
    /// The last line is torn: the segment is good up to here.
    Torn(u64),
}

/// Looks at the end of the segment `path`.
pub(crate) fn tail(path: &Path) -> io::Result<Tail> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    // Blocks of zeros at the end are what some file systems leave after a power cut; they hold no
    // newline, so they belong to the torn line however long they are.
    let mut at = length;
    let mut last = Vec::new();
    while at > 0 {
        let start = at.saturating_sub(64 * 1024);
        let mut block = vec![0; usize::try_from(at - start).unwrap_or(0)];
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(&mut block)?;
        let newline = block.iter().rposition(|byte| *byte == b'\n');
        let from = newline.map_or(0, |place| place + 1);
        if last.len() <= MAX_LINE {
            last.splice(0..0, block[from..].iter().copied());
        }
        if newline.is_some() || start == 0 {
            let good = start + from as u64;
            return Ok(match good == length {
                true => Tail::Whole,
                false if line::read(&last).is_ok() => Tail::WithoutNewline,
                false => Tail::Torn(good),
            });
        }
        at = start;
    }
    Ok(Tail::Whole)
}
