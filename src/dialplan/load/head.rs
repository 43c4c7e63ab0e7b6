//! What a plan says first: numbers, languages, keys.

use std::ops::Range;

use serde_spanned::Spanned;

use super::super::fault::suggest;
use super::super::number::Number;
use super::super::read::{Source, Table};
use super::Draft;
use crate::ids::Language;

impl Draft {
    pub(super) fn read_numbers(&mut self, table: &Table<'_, '_>) {
        for (text, span) in table.texts("numbers").unwrap_or_default() {
            match Number::parse(&text) {
                Some(number) if self.known_numbers.contains(&number) => table.source.fault(
                    span,
                    format!("{text:?} is the number {number} once more"),
                    "list each number once",
                ),
                Some(number) => {
                    self.known_numbers.insert(number.clone());
                    self.numbers.push(number);
                    self.number_places.push(table.source.place(&span));
                }
                None => table.source.fault(
                    span,
                    format!("{text:?} is no telephone number"),
                    "write it as it is dialled, such as \"050 680 22 80\"",
                ),
            }
        }
    }

    pub(super) fn read_languages(&mut self, table: &Table<'_, '_>) {
        if let Some(list) = table.texts("languages") {
            let read = list
                .iter()
                .filter_map(|(code, span)| language(table.source, code, span));
            let span = table.value("languages").map_or(0..0, Spanned::span);
            self.languages = Some((table.source.place(&span), read.collect()));
        }
        let Some(keys) = table.table("language_keys") else {
            return;
        };
        for (key, span, value) in keys.entries() {
            let code = value.get_ref().as_str().unwrap_or_default();
            let Some(language) = language(keys.source, code, &value.span()) else {
                continue;
            };
            let mut letters = key.chars();
            match (letters.next(), letters.next()) {
                (Some(digit @ ('0'..='9' | '*' | '#')), None) => {
                    self.keys.insert(digit, language);
                }
                _ => keys
                    .source
                    .fault(span, format!("{key:?} is no key"), "use 0–9, * or #"),
            }
        }
    }
}

pub(super) fn language(source: &Source<'_>, code: &str, span: &Range<usize>) -> Option<Language> {
    let found = Language::ALL
        .into_iter()
        .find(|language| language.code() == code);
    if found.is_none() {
        let known = Language::ALL.map(Language::code);
        source.fault(
            span.clone(),
            format!("{code:?} is no language that is spoken"),
            suggest(code, known),
        );
    }
    found
}
