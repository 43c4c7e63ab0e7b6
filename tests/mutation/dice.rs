//! Input with wounds, from a seed alone: the same on every machine.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// Numbers from a seed (xorshift64*); the same on every machine.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() >> 33) as usize % limit.max(1)
    }
}

/// Pieces that readers tend to stumble over.
const SPICES: &[&[u8]] = &[
    b"\r\n",
    b"\r\n\r\n",
    b"\n",
    b"\0",
    b"\"",
    b"<",
    b">",
    b";",
    b",",
    b"=",
    b":",
    b"@",
    b" ",
    b"\t",
    b"%",
    b"%00",
    b"\\",
    b"[",
    b"]",
    b"[::1]",
    b"4294967296",
    b"-1",
    b"\xff\xfe",
    b"\xc3",
    b"*",
    b"?",
    b"Content-Length: 99999\r\n",
    b"z9hG4bK",
    b"SIP/2.0",
    b";;;;",
    b"''",
    b"{}",
    b"\"\\",
];

/// One of `corpus` with some wounds.
pub(crate) fn mutant(corpus: &[Vec<u8>], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = corpus[dice.below(corpus.len())].clone();
    for _ in 0..=dice.below(4) {
        let at = dice.below(bytes.len() + 1);
        let end = at + dice.below((bytes.len() - at).min(40) + 1);
        match dice.below(7) {
            0 if at < bytes.len() => bytes[at] = dice.next() as u8,
            1 => bytes.truncate(at),
            2 => drop(bytes.drain(at..end)),
            3 => {
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            4 => {
                let spice = SPICES[dice.below(SPICES.len())];
                bytes.splice(at..at, spice.iter().copied());
            }
            5 => {
                let other = &corpus[dice.below(corpus.len())];
                let from = dice.below(other.len() + 1);
                bytes.truncate(at);
                bytes.extend_from_slice(&other[from..]);
            }
            _ => {
                let spice = SPICES[dice.below(SPICES.len())].repeat(1 + dice.below(200));
                bytes.splice(at..at, spice);
            }
        }
    }
    bytes
}

/// Runs `check` on the corpus and on mutants of it; the first that fails, with its seed.
pub(crate) fn first_fault(
    corpus: &[Vec<u8>],
    mutants: u64,
    check: impl Fn(&[u8]),
) -> Option<String> {
    let whole = corpus.iter().enumerate();
    let whole = whole.map(|(place, bytes)| (format!("file {place}"), bytes.clone()));
    let mutants = (0..mutants).map(|seed| {
        let bytes = mutant(corpus, &mut Dice::new(seed));
        (format!("seed {seed}"), bytes)
    });
    let fails = |bytes: &[u8]| catch_unwind(AssertUnwindSafe(|| check(bytes))).is_err();
    let (name, bytes) = whole.chain(mutants).find(|(_, bytes)| fails(bytes))?;
    let text = bytes.escape_ascii().to_string();
    Some(format!("{name}:\n{}", text.replace("\\r\\n", "\r\n")))
}

/// The files of a folder below the project's, in order.
pub(crate) fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// What a target has seen before.
pub(crate) fn corpus(target: &str) -> Vec<Vec<u8>> {
    let files = files(&format!("tests/data/corpus/{target}"));
    files.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// Our torture messages, and those of the corpus.
pub(crate) fn messages() -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = Vec::new();
    for path in files("tests/data/torture") {
        if path.extension().is_some_and(|ending| ending == "sip") {
            let text = fs::read_to_string(path).unwrap().replace('\n', "\r\n");
            let body = text.split_once("\r\n\r\n");
            let length = body.map_or(0, |(_, body)| body.len()).to_string();
            all.push(text.replace("{length}", &length).into_bytes());
        }
    }
    all.extend(corpus("message"));
    all
}
