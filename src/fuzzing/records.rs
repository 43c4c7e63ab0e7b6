//! What is read back from the disk.

use crate::store::line;

/// A line of the journal is refused, or says again what it said. The same with a checksum that fits: what
/// another version wrote is whole.
pub(super) fn journal(bytes: &[u8]) {
    let json = bytes.get(9..).unwrap_or(bytes);
    let mut whole = format!("{:08x} ", crc32fast::hash(json)).into_bytes();
    whole.extend_from_slice(json);
    for text in [bytes, &whole] {
        let Ok(numbered) = line::read(text) else {
            continue;
        };
        let mut again = Vec::new();
        line::write(&mut again, numbered.sequence, &numbered.entry).expect("it was a line before");
        let text = again.strip_suffix(b"\n").unwrap_or_default();
        assert_eq!(line::read(text).expect("our own line"), numbered);
    }
}
