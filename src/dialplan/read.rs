//! TOML tables read key by key, so that all faults of a file appear at once, each with its line.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::Range;
use std::time::Duration;

use serde_spanned::Spanned;
use toml::de::{DeTable, DeValue};

use super::fault::{Fault, Place, suggest};

/// The longest file that is read.
const MAX_LENGTH: usize = 4 * 1024 * 1024;
/// More faults than this are one fault: the wrong file.
const MAX_FAULTS: usize = 200;

/// A file with the faults found in it so far.
pub struct Source<'a> {
    /// Its name, for people.
    pub file: &'a str,
    text: &'a str,
    lines: Vec<usize>,
    faults: RefCell<Vec<Fault>>,
}

impl<'a> Source<'a> {
    /// A file's text.
    pub fn new(file: &'a str, text: &'a str) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let lines = breaks.map(|(at, _)| at).collect();
        Self {
            file,
            text,
            lines,
            faults: RefCell::default(),
        }
    }

    /// The whole file as a table; syntax errors become faults, and what could be read is returned.
    pub fn parse(&self) -> Spanned<DeTable<'a>> {
        if self.text.len() > MAX_LENGTH {
            self.fault(
                0..0,
                "the file is larger than 4 MiB",
                "split it, or move data elsewhere",
            );
            return Spanned::new(0..0, DeTable::new());
        }
        let (table, errors) = DeTable::parse_recoverable(self.text);
        for error in errors.into_iter().take(MAX_FAULTS) {
            let what = format!(
                "not TOML: {}",
                error.message().lines().next().unwrap_or_default()
            );
            self.fault(error.span().unwrap_or(0..0), what, "correct the line");
        }
        table
    }

    /// The line of a span.
    pub fn place(&self, span: &Range<usize>) -> Place {
        let line = 1 + self.lines.partition_point(|end| *end < span.start);
        Place {
            file: self.file.to_owned(),
            line,
        }
    }

    /// Notes a fault.
    pub fn fault(&self, span: Range<usize>, what: impl Into<String>, remedy: impl Into<String>) {
        let mut faults = self.faults.borrow_mut();
        if faults.len() < MAX_FAULTS {
            let place = self.place(&span);
            faults.push(Fault {
                place,
                what: what.into(),
                remedy: remedy.into(),
            });
        }
    }

    /// All faults, in the order of the file.
    pub fn into_faults(self) -> Vec<Fault> {
        let mut faults = self.faults.into_inner();
        faults.sort();
        faults.dedup();
        faults
    }
}

/// A table being read; what nobody asked for is an unknown key.
pub struct Table<'s, 'a> {
    /// The file.
    pub source: &'s Source<'a>,
    /// Where the table stands.
    pub span: Range<usize>,
    what: String,
    table: &'s DeTable<'a>,
    asked: RefCell<BTreeSet<&'static str>>,
}

impl<'s, 'a> Table<'s, 'a> {
    /// Begins to read. `what` names the table to people: "queue children".
    pub fn new(
        source: &'s Source<'a>,
        span: Range<usize>,
        what: impl Into<String>,
        table: &'s DeTable<'a>,
    ) -> Self {
        Self {
            source,
            span,
            what: what.into(),
            table,
            asked: RefCell::default(),
        }
    }

    /// Notes a fault at the table itself.
    pub fn fault(&self, what: impl Into<String>, remedy: impl Into<String>) {
        self.source.fault(self.span.clone(), what, remedy);
    }

    /// The place of the table.
    pub fn place(&self) -> Place {
        self.source.place(&self.span)
    }

    /// A key's value, if it is there.
    pub fn value(&self, key: &'static str) -> Option<&'s Spanned<DeValue<'a>>> {
        self.asked.borrow_mut().insert(key);
        self.table.get(key)
    }

    /// Whether the key is there.
    pub fn has(&self, key: &'static str) -> bool {
        self.value(key).is_some()
    }

    fn wrong(&self, key: &str, value: &Spanned<DeValue<'a>>, wanted: &str) {
        let what = format!("{key} of {} is a {}", self.what, value.get_ref().type_str());
        self.source
            .fault(value.span(), what, format!("write {wanted}"));
    }

    /// A text with its place.
    pub fn text(&self, key: &'static str) -> Option<(String, Range<usize>)> {
        let value = self.value(key)?;
        match value.get_ref().as_str() {
            Some(text) => Some((text.to_owned(), value.span())),
            None => {
                self.wrong(key, value, "a text in quotes");
                None
            }
        }
    }

    /// A text, or a list of texts.
    pub fn texts(&self, key: &'static str) -> Option<Vec<(String, Range<usize>)>> {
        let value = self.value(key)?;
        if let Some(text) = value.get_ref().as_str() {
            return Some(vec![(text.to_owned(), value.span())]);
        }
        let Some(list) = value.get_ref().as_array() else {
            self.wrong(key, value, "a text in quotes, or a list of them");
            return None;
        };
        let mut texts = Vec::new();
        for one in list.iter() {
            match one.get_ref().as_str() {
                Some(text) => texts.push((text.to_owned(), one.span())),
                None => self.wrong(key, one, "texts in quotes"),
            }
        }
        Some(texts)
    }

    /// `true` or `false`.
    pub fn flag(&self, key: &'static str) -> Option<bool> {
        let value = self.value(key)?;
        let flag = value.get_ref().as_bool();
        if flag.is_none() {
            self.wrong(key, value, "true or false");
        }
        flag
    }

    /// A whole number, not negative.
    pub fn count(&self, key: &'static str) -> Option<usize> {
        let value = self.value(key)?;
        let number = value.get_ref().as_integer();
        let count = number.and_then(|n| usize::from_str_radix(n.as_str(), n.radix()).ok());
        if count.is_none() {
            self.wrong(key, value, "a whole number");
        }
        count
    }

    /// A time such as `"20s"`, `"3m"`, `"1h"`, `"500ms"`, greater than zero unless `zero` is allowed.
    pub fn duration(&self, key: &'static str, zero: bool) -> Option<Duration> {
        let (text, span) = self.text(key)?;
        match duration(&text) {
            Some(time) if zero || !time.is_zero() => Some(time),
            _ => {
                let what = format!("{key} of {}: {text:?} is no time", self.what);
                self.source.fault(
                    span,
                    what,
                    "write a number with its unit: \"20s\", \"3m\", \"1h\"",
                );
                None
            }
        }
    }

    /// A table in the table.
    pub fn table(&self, key: &'static str) -> Option<Table<'s, 'a>> {
        let value = self.value(key)?;
        match value.get_ref().as_table() {
            Some(table) => {
                let what = format!("{key} of {}", self.what);
                Some(Table::new(self.source, value.span(), what, table))
            }
            None => {
                self.wrong(key, value, "a table: { … }");
                None
            }
        }
    }

    /// A list of tables.
    pub fn tables(&self, key: &'static str, what: &str) -> Vec<Table<'s, 'a>> {
        let Some(value) = self.value(key) else {
            return Vec::new();
        };
        let Some(list) = value.get_ref().as_array() else {
            self.wrong(key, value, "a list of tables");
            return Vec::new();
        };
        let mut tables = Vec::new();
        for one in list.iter() {
            match one.get_ref().as_table() {
                Some(table) => tables.push(Table::new(self.source, one.span(), what, table)),
                None => self.wrong(key, one, "a table: { … }"),
            }
        }
        tables
    }

    /// All entries, for tables whose keys are names: nothing in them is unknown.
    pub fn entries(
        &self,
    ) -> impl Iterator<Item = (&'s str, Range<usize>, &'s Spanned<DeValue<'a>>)> {
        self.table
            .iter()
            .map(|(key, value)| (key.get_ref().as_ref(), key.span(), value))
    }

    /// Every key that nobody asked for is a fault.
    pub fn finish(self) {
        let asked = self.asked.into_inner();
        for (key, _) in self.table.iter() {
            let name: &str = key.get_ref().as_ref();
            if !asked.contains(name) {
                let what = format!("{} has no key {name:?}", self.what);
                let remedy = match name {
                    "include" | "includes" | "import" => {
                        "remove it: all *.toml of the folder are one dialplan".to_owned()
                    }
                    _ => suggest(name, asked.iter().copied()),
                };
                self.source.fault(key.span(), what, remedy);
            }
        }
    }
}

/// Reads `"20s"` and the like.
pub fn duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let unit = text.find(|c: char| !c.is_ascii_digit())?;
    let (digits, unit) = text.split_at(unit);
    let value: u64 = digits.parse().ok()?;
    let micros = match unit.trim() {
        "ms" => 1_000,
        "s" => 1_000_000,
        "m" => 60_000_000,
        "h" => 3_600_000_000,
        "d" => 86_400_000_000,
        _ => return None,
    };
    value.checked_mul(micros).map(Duration::from_micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        assert_eq!(duration("20s"), Some(Duration::from_secs(20)));
        assert_eq!(duration("500ms"), Some(Duration::from_millis(500)));
        for text in [
            "20",
            "s",
            "-1s",
            "1.5s",
            "20 fortnights",
            "99999999999999999999s",
        ] {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    #[test]
    fn all_faults_of_a_broken_file_come_at_once_with_their_lines() {
        let text = "a = 1\nb = \nc = true\nd = 'x'\n";
        let source = Source::new("x.toml", text);
        let parsed = source.parse();
        let table = Table::new(&source, 0..0, "the file", parsed.get_ref());
        assert_eq!(table.count("a"), Some(1));
        assert_eq!(table.text("c"), None);
        table.finish();
        let lines: Vec<usize> = source.into_faults().iter().map(|f| f.place.line).collect();
        assert_eq!(
            lines,
            [2, 2, 3, 4],
            "syntax, the rest of it, wrong type, unknown key"
        );
    }
}
