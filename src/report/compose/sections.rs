//! The sections of a report about contacts and activities.

use super::super::document::{
    Cell, Chart, Column, Kind, Part, Point, Row, Series, Shape, Table, Value,
};
use super::super::forms;
use super::super::language::Language;
use super::super::tally::BandKey;
use super::super::words::Variable;
use super::rows::{Line, Writer};
use crate::records::contact::{About, Channel, ContactType, Risk, Spoken};
use crate::records::taxonomy::{Band, Taxonomy, Term};

/// A period of at most so many days is shown by day.
const MOST_DAYS: i64 = 62;
/// One of at most so many years by month.
const MOST_MONTHS_YEARS: i16 = 5;
/// The most bars of a chart of reasons or numbers.
const MOST_BARS: usize = 15;

/// The name of an entry in a language.
pub(super) fn name(term: &Term, language: Language) -> &str {
    match language {
        Language::Az => &term.az,
        Language::Ru => &term.ru,
        Language::En => &term.en,
    }
}

impl Writer<'_> {
    /// The name of an entry; of one that no taxonomy has, its id.
    pub(super) fn term(&self, id: &str, of: fn(&Taxonomy) -> &[Term]) -> String {
        let term = self.report.term(id, of);
        term.map_or_else(
            || id.to_owned(),
            |term| name(term, self.language()).to_owned(),
        )
    }

    /// A row for each topic, and one for contacts without.
    fn topics(&self) -> Vec<Line> {
        let ids = self.report.ids("topic.", |one| &one.topics);
        let line = |id: String| Line::new(self.term(&id, |one| &one.topics), format!("topic.{id}"));
        let mut lines: Vec<Line> = ids.into_iter().map(line).collect();
        lines.extend(self.told(vec![self.line("row-no-topic", "topic.none")]));
        lines
    }

    fn tags(&self) -> Vec<Line> {
        let ids = self.report.ids("tag.", |one| &one.service_tags);
        let name =
            |id: &str| forms::large(self.language(), &self.term(id, |one| &one.service_tags));
        let line = |id: String| Line::new(name(&id), format!("tag.{id}"));
        ids.into_iter().map(line).collect()
    }

    /// What is published.
    pub(super) fn overview(&self) -> Vec<Part> {
        let mut lines = vec![self.line("row-total", "total").total()];
        lines.extend(self.topics().into_iter().map(|line| line.at(1)));
        let together = self
            .line("row-together", "topics.education+psychological")
            .at(1);
        lines.extend(self.told(vec![together]));
        lines.extend([
            self.line("row-adults", "party.adult"),
            self.line("row-children", "party.child"),
            self.line("row-girls", "child.female")
                .of("party.child")
                .at(1),
            self.line("row-boys", "child.male").of("party.child").at(1),
        ]);
        let unknown = self.line("row-child-unknown", "child.unknown");
        lines.extend(self.told(vec![unknown.of("party.child").at(1)]));
        lines.extend([
            self.line("row-age-unknown", "party.unknown"),
            self.line("row-anonymous-social", "anonymous.social").at(1),
            self.line("row-first", "first.yes"),
            self.line("row-repeat-or-unknown", "first.repeat-or-unknown"),
            self.line("row-women", "gender.female").of("gender.known"),
            self.line("row-men", "gender.male").of("gender.known"),
            self.line("row-meetings", "activity.meeting").whole(),
            self.line("row-rehabilitation", "activity.rehabilitation")
                .whole(),
        ]);
        lines.extend(self.tags());
        lines.push(self.line("row-events", "activity.event").whole());
        let chart = self.bars("topics-chart", "caption-topics", &self.topics());
        let table = self.table("overview", "", lines);
        chart.into_iter().chain([Part::Table(table)]).collect()
    }

    /// Bars of the lines of a table, if any has a length.
    fn bars(&self, key: &str, caption: &str, lines: &[Line]) -> Option<Part> {
        let table = self.table("", "", lines.to_vec());
        let rows = || table.rows.iter().take(MOST_BARS);
        let points: Vec<Point> = rows()
            .filter_map(|row| row.cells.get(1))
            .map(|cell| Point {
                value: match cell.value {
                    Value::Count(count) => Some(count as f64),
                    _ => None,
                },
                text: cell.text.clone(),
            })
            .collect();
        let is_drawn = points.iter().any(|point| point.value > Some(0.0));
        let labels = rows().filter_map(|row| row.cells.first());
        is_drawn.then(|| {
            Part::Chart(Chart {
                key: key.to_owned(),
                caption: self.text(caption),
                shape: Shape::Bars,
                labels: labels.map(|cell| cell.text.clone()).collect(),
                series: vec![Series {
                    name: self.text("column-count"),
                    points,
                }],
            })
        })
    }

    /// By day, month or year.
    pub(super) fn course(&self) -> Vec<Part> {
        let period = self.report.period();
        let language = self.language();
        let years = period.to().year() - period.from().year();
        let (unit, figures): (&str, Vec<(String, String)>) = if period.days() <= MOST_DAYS {
            let name = |day| (forms::date(language, day), format!("day.{day}"));
            ("day", period.each_day().map(name).collect())
        } else if years < MOST_MONTHS_YEARS {
            let mut months: Vec<_> = period
                .each_day()
                .map(|day| (day.year(), day.month()))
                .collect();
            months.dedup();
            let name = |(year, month): (i16, i8)| {
                let name = self.text(&format!("month-{month}"));
                (
                    format!("{name} {year}"),
                    format!("month.{year:04}-{month:02}"),
                )
            };
            ("month", months.into_iter().map(name).collect())
        } else {
            let all = period.from().year()..=period.to().year();
            let name = |year: i16| (year.to_string(), format!("year.{year:04}"));
            ("year", all.map(name).collect())
        };
        if figures.len() < 2 || self.report.count("total") == 0 {
            return Vec::new();
        }
        let count = |figure: &str| self.report.count(figure);
        let points = figures.iter().map(|(_, figure)| Point {
            value: Some(count(figure) as f64),
            text: forms::count(language, count(figure)),
        });
        let caption = self
            .words
            .with("caption-course", &[("unit", Variable::Text(unit))]);
        let chart = Chart {
            key: "course-chart".to_owned(),
            caption: caption.clone(),
            shape: Shape::Lines,
            labels: figures.iter().map(|(name, _)| name.clone()).collect(),
            series: vec![Series {
                name: self.text("column-count"),
                points: points.collect(),
            }],
        };
        let rows = figures.iter().map(|(name, figure)| Row {
            cells: vec![
                Cell::text(name.clone()),
                self.count(count(figure)).of(figure.clone()),
            ],
            ..Row::default()
        });
        let table = Table {
            key: "course".to_owned(),
            caption: String::new(),
            columns: vec![
                self.column(unit, Kind::Text),
                self.column("count", Kind::Count),
            ],
            rows: rows.collect(),
        };
        vec![Part::Chart(chart), Part::Table(table)]
    }

    fn column(&self, key: &str, kind: Kind) -> Column {
        Column {
            key: key.to_owned(),
            heading: self.text(&format!("column-{key}")),
            kind,
        }
    }

    /// Who made contact: first time, gender, about whom, risk.
    pub(super) fn people(&self) -> Vec<Part> {
        let first = vec![
            self.line("row-first", "first.yes"),
            self.line("row-repeat-or-unknown", "first.repeat-or-unknown"),
            self.line("row-not-first", "first.no").at(1),
            self.line("row-first-unknown", "first.unknown").at(1),
            self.line("row-women", "gender.female").of("gender.known"),
            self.line("row-men", "gender.male").of("gender.known"),
            self.line("row-gender-unknown", "gender.unknown"),
            self.line("row-anonymous", "anonymous"),
        ];
        let about = About::ALL.iter().map(|about| {
            let key = match about {
                About::Oneself => "row-about-self",
                About::AnotherChild => "row-about-another",
            };
            self.line(key, &format!("about.{about}"))
        });
        let about = about
            .chain([self.line("row-not-told", "about.none")])
            .collect();
        let risk = Risk::ALL.iter().rev().map(Risk::to_string);
        let risk = risk.chain(["not-judged".to_owned()]);
        let risk = risk.map(|risk| self.line(&format!("risk-{risk}"), &format!("risk.{risk}")));
        let risk = risk.collect();
        vec![
            Part::Table(self.table("people", "", first)),
            Part::Table(self.table("about", &self.text("caption-about"), about)),
            Part::Table(self.table("risk", &self.text("caption-risk"), risk)),
        ]
    }

    /// Finer reasons, the most frequent first.
    pub(super) fn issues(&self) -> Vec<Part> {
        let lines = self.issue_lines();
        if lines.is_empty() {
            return Vec::new();
        }
        let chart = self.bars("issues-chart", "section-issues", &lines);
        let table = Part::Table(self.table("issues", "", lines));
        let note = Part::Note(self.text("note-issues"));
        chart.into_iter().chain([table, note]).collect()
    }

    fn issue_lines(&self) -> Vec<Line> {
        let ids = self.report.ids("issue.", |one| &one.issues);
        let name = |id: &str| forms::large(self.language(), &self.term(id, |one| &one.issues));
        let line = |id: String| Line::new(name(&id), format!("issue.{id}"));
        let lines = ids.into_iter().map(line).collect();
        self.ranked(self.told(lines))
    }

    /// Bands of age, by each taxonomy that is in use.
    pub(super) fn ages(&self) -> Vec<Part> {
        let taxonomies = self.report.taxonomies();
        let mut parts = Vec::new();
        for (group, of) in [("band", "total"), ("child-band", "party.child")] {
            for taxonomy in &taxonomies {
                let version = taxonomy.version;
                let figure = |key: &str| format!("{group}.{version}.{key}");
                let line = |band: &Band| {
                    let figure = figure(&BandKey(band.from, band.to).to_string());
                    Line::new(self.band(*band), figure).of(of)
                };
                let mut lines: Vec<Line> = taxonomy.bands.iter().map(line).collect();
                if group == "child-band" {
                    lines = self.told(lines);
                }
                let unknown = figure("unknown");
                lines.extend(self.told(vec![self.line("row-unknown", &unknown).of(of)]));
                if lines.is_empty() {
                    continue;
                }
                let mut caption = self.text(&format!("caption-{group}s"));
                if taxonomies.len() > 1 {
                    let version = version.to_string();
                    let variables = [
                        ("caption", Variable::Text(&caption)),
                        ("version", Variable::Text(&version)),
                    ];
                    caption = self.words.with("caption-bands-of", &variables);
                }
                let key = format!("{group}-{version}");
                if group == "band" {
                    let known: Vec<Line> = taxonomy.bands.iter().map(line).collect();
                    parts.extend(self.bars(&format!("{key}-chart"), "caption-bands", &known));
                }
                parts.push(Part::Table(self.table(&key, &caption, lines)));
            }
        }
        parts
    }

    fn band(&self, band: Band) -> String {
        let from = band.from.to_string();
        let to = band.to.map(|to| to.to_string());
        match (band.from, &to) {
            (0, Some(to)) => self.words.with("row-under", &[("to", Variable::Text(to))]),
            (_, Some(to)) => {
                let variables = [("from", Variable::Text(&from)), ("to", Variable::Text(to))];
                self.words.with("row-band", &variables)
            }
            (_, None) => self
                .words
                .with("row-over", &[("from", Variable::Text(&from))]),
        }
    }

    /// Channels, languages and dialled numbers.
    pub(super) fn ways(&self) -> Vec<Part> {
        let channels = Channel::ALL.iter();
        let channels =
            channels.map(|one| self.line(&format!("channel-{one}"), &format!("channel.{one}")));
        let channels = self.ranked(self.told(channels.collect()));
        let languages = Spoken::ALL.iter();
        let languages =
            languages.map(|one| self.line(&format!("language-{one}"), &format!("language.{one}")));
        let languages = languages.chain([self.line("row-not-told", "language.none")]);
        let languages = self.ranked(self.told(languages.collect()));
        let numbers = self.report.ids("dialled.", |_| &[]);
        let numbers = numbers
            .into_iter()
            .map(|one| Line::new(one.clone(), format!("dialled.{one}")))
            .chain([self.line("row-not-told", "dialled.none")])
            .map(|line| line.of("telephone"));
        let numbers = self.ranked(self.told(numbers.collect()));
        let mut parts = Vec::new();
        parts.extend(self.bars("channels-chart", "caption-channels", &channels));
        for (key, lines) in [
            ("channels", channels),
            ("languages", languages),
            ("dialled", numbers),
        ] {
            if !lines.is_empty() {
                let caption = self.text(&format!("caption-{key}"));
                parts.push(Part::Table(self.table(key, &caption, lines)));
            }
        }
        if self.report.count("telephone") > 0 {
            let count = Variable::Count(self.report.count("telephone"));
            parts.push(Part::Note(self.words.with("note-dialled", &[("n", count)])));
        }
        parts
    }

    /// What the helpline did beside contacts.
    pub(super) fn activities(&self) -> Vec<Part> {
        let lines = vec![
            self.line("row-meetings", "activity.meeting"),
            self.line("row-rehabilitation", "activity.rehabilitation"),
            self.line("row-individual", "activity.kind.individual rehabilitation")
                .at(1),
            self.line("row-group", "activity.kind.group rehabilitation")
                .at(1),
            self.line("row-events", "activity.event"),
        ];
        let other = self.told(vec![self.line("row-other-activities", "activity.other")]);
        let lines = lines.into_iter().chain(other).map(Line::whole).collect();
        let mut parts = vec![Part::Table(self.table("activities", "", lines))];
        let events = self.report.this.events();
        if events.is_empty() {
            return parts;
        }
        let rows = events.iter().map(|event| {
            let days = Cell {
                value: Value::Date(event.held_on),
                text: forms::dates(self.language(), event.held_on, event.ended_on),
                figure: None,
            };
            Row {
                cells: vec![
                    days,
                    Cell::text(self.kind(&event.kind)),
                    Cell::text(event.title.clone().unwrap_or_default()),
                ],
                ..Row::default()
            }
        });
        parts.push(Part::Table(Table {
            key: "events".to_owned(),
            caption: self.text("caption-events"),
            columns: vec![
                self.column("date", Kind::Date),
                self.column("kind", Kind::Text),
                self.column("title", Kind::Text),
            ],
            rows: rows.collect(),
        }));
        if events.iter().any(|event| event.ended_on.is_some()) {
            parts.push(Part::Note(self.text("note-started")));
        }
        parts
    }

    /// The name of a kind of activity; of one that we do not know, as it is.
    pub(super) fn kind(&self, kind: &str) -> String {
        let key = format!("activity-{}", kind.replace(' ', "-"));
        self.words.maybe(&key).unwrap_or_else(|| kind.to_owned())
    }

    /// All records by type: what counts and what does not.
    pub(super) fn beside(&self) -> Vec<Part> {
        let line = |key: &str, figure: &str| self.line(key, figure).of("all");
        let counts = |kind: &ContactType| self.report.rules.counts.contains(kind);
        let (counted, beside): (Vec<_>, Vec<_>) =
            ContactType::ALL.iter().partition(|one| counts(one));
        let typed = |types: Vec<&ContactType>| {
            let lines = types
                .into_iter()
                .map(|one| self.type_line(*one).of("all").at(1));
            self.ranked(lines.collect())
        };
        let mut lines = vec![line("row-all", "all").total(), line("row-counted", "total")];
        lines.extend(typed(counted));
        lines.push(line("row-beside", "beside"));
        lines.extend(typed(beside));
        lines.extend(self.told(vec![line("type-none", "type.none").at(1)]));
        vec![
            Part::Table(self.table("types", &self.text("caption-types"), lines)),
            Part::Note(self.note_counts()),
        ]
    }

    pub(super) fn type_line(&self, kind: ContactType) -> Line {
        let key = format!("type-{}", kind.as_str().replace(' ', "-"));
        self.line(&key, &format!("type.{kind}"))
    }
}
