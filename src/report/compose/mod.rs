//! From figures to a document: the order of a report, its tables and charts, and its words.

pub mod calls;
mod narrative;
mod notes;
mod rows;
mod sections;

use jiff::civil::Date;

use super::account::Report;
use super::document::{Document, Part, Section};
use super::forms;
use super::language::Language;
use super::words::{Variable, Words};
use rows::Writer;

/// Words a report. `made` is the day on which it was made, in Baku; `calls` are the sections about calls, which stand
/// before what does not count.
pub fn document(report: &Report, language: Language, made: Date, calls: Vec<Section>) -> Document {
    let writer = Writer {
        report,
        words: Words::new(language),
    };
    let mut sections = vec![
        writer.section("summary", narrative::paragraphs(&writer)),
        writer.section("overview", writer.overview()),
        writer.section("course", writer.course()),
        writer.section("people", writer.people()),
        writer.section("issues", writer.issues()),
        writer.section("ages", writer.ages()),
        writer.section("ways", writer.ways()),
        writer.section("activities", writer.activities()),
    ];
    sections.extend(calls);
    sections.push(writer.section("beside", writer.beside()));
    sections.push(writer.section("quality", writer.quality()));
    sections.push(writer.section("notes", writer.notes(made)));
    sections.retain(|section| !section.parts.is_empty());
    let words = &writer.words;
    let period = report.period();
    let made = forms::date(language, made);
    Document {
        language,
        title: words.text("title"),
        period: words.period(period),
        from: period.from(),
        to: period.to(),
        sections,
        footer: words.with("footer", &[("day", Variable::Text(&made))]),
        page_of: words.with(
            "page-of",
            &[
                ("page", Variable::Text("{page}")),
                ("pages", Variable::Text("{pages}")),
            ],
        ),
    }
}

impl Writer<'_> {
    fn section(&self, key: &str, parts: Vec<Part>) -> Section {
        Section {
            key: key.to_owned(),
            heading: self.text(&format!("section-{key}")),
            parts,
        }
    }
}
