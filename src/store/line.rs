//! One line of the journal: `crc32-hex space json newline`.
//!
//! The checksum covers the JSON. It tells a line that was half written, or damaged on the disk, from
//! one that was meant.

use std::io::Write;

use serde::{Deserialize, Serialize};

use crate::event::Entry;

/// The longest line that is written or read. A snapshot of a call takes some kilobytes.
pub const MAX_LINE: usize = 1 << 20;

/// The checksum and the space after it.
const PREFIX: usize = 9;

/// An entry and its place in the one order of all entries. Sequences begin at 1 and only grow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Numbered {
    /// Its number.
    pub sequence: u64,
    /// The entry.
    pub entry: Entry,
}

/// The same without owning the entry, for writing.
#[derive(Serialize)]
struct NumberedRef<'a> {
    sequence: u64,
    entry: &'a Entry,
}

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadLine {
    /// Longer than [`MAX_LINE`].
    #[error("longer than {MAX_LINE} bytes")]
    TooLong,
    /// No checksum in front.
    #[error("no checksum at its beginning")]
    NoChecksum,
    /// The checksum is another.
    #[error("its checksum does not match")]
    Checksum,
    /// Whole, but not understood: written by another version.
    #[error("whole, but not an entry that this version knows: {0}")]
    Unknown(String),
}

/// Appends the line of an entry to `buffer`; on refusal `buffer` is as it was.
///
/// # Errors
/// The entry makes a line longer than [`MAX_LINE`], or cannot be written as JSON.
pub fn write(buffer: &mut Vec<u8>, sequence: u64, entry: &Entry) -> Result<(), BadLine> {
    let start = buffer.len();
    buffer.extend_from_slice(b"00000000 ");
    let written = serde_json::to_writer(&mut *buffer, &NumberedRef { sequence, entry });
    let fault = match written {
        Err(fault) => Some(BadLine::Unknown(fault.to_string())),
        Ok(()) if buffer.len() - start >= MAX_LINE => Some(BadLine::TooLong),
        Ok(()) => None,
    };
    if let Some(fault) = fault {
        buffer.truncate(start);
        return Err(fault);
    }
    let checksum = crc32fast::hash(&buffer[start + PREFIX..]);
    let mut prefix = &mut buffer[start..start + PREFIX - 1];
    // Eight hexadecimal digits into eight bytes: this write has no way to fail.
    let _ = write!(prefix, "{checksum:08x}");
    buffer.push(b'\n');
    Ok(())
}

/// Reads a line; `line` is without its newline.
///
/// # Errors
/// See [`BadLine`].
pub fn read(line: &[u8]) -> Result<Numbered, BadLine> {
    if line.len() >= MAX_LINE {
        return Err(BadLine::TooLong);
    }
    let (digits, json) = match line.split_at_checked(PREFIX - 1) {
        Some((digits, [b' ', json @ ..])) => (digits, json),
        _ => return Err(BadLine::NoChecksum),
    };
    let checksum = std::str::from_utf8(digits)
        .ok()
        .and_then(|digits| u32::from_str_radix(digits, 16).ok())
        .ok_or(BadLine::NoChecksum)?;
    if crc32fast::hash(json) != checksum {
        return Err(BadLine::Checksum);
    }
    serde_json::from_slice(json).map_err(|fault| BadLine::Unknown(fault.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::CallId;
    use proptest::prelude::*;

    fn snapshot(sealed: &str) -> Entry {
        Entry::Snapshot {
            call: CallId(7),
            sealed: sealed.to_owned(),
        }
    }

    #[test]
    fn a_line_is_read_as_it_was_written() {
        let mut buffer = Vec::new();
        write(&mut buffer, 42, &snapshot("abc")).unwrap();
        let line = buffer.strip_suffix(b"\n").unwrap();
        assert_eq!(
            read(line),
            Ok(Numbered {
                sequence: 42,
                entry: snapshot("abc")
            })
        );
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let mut buffer = Vec::new();
        write(&mut buffer, 42, &snapshot("abc")).unwrap();
        buffer.pop();
        for place in 0..buffer.len() * 8 {
            let mut damaged = buffer.clone();
            damaged[place / 8] ^= 1 << (place % 8);
            // The digits of the checksum may change case and still be the same number.
            if !damaged.eq_ignore_ascii_case(&buffer) || place / 8 > 8 {
                assert!(read(&damaged).is_err(), "bit {place}");
            }
        }
    }

    #[test]
    fn an_entry_that_is_too_long_leaves_no_trace() {
        let mut buffer = b"before\n".to_vec();
        let entry = snapshot(&"x".repeat(MAX_LINE));
        assert_eq!(write(&mut buffer, 1, &entry), Err(BadLine::TooLong));
        assert_eq!(buffer, b"before\n");
    }

    proptest! {
        #[test]
        fn no_bytes_make_reading_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes);
        }
    }
}
