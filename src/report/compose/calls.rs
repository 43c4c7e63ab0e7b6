//! The sections about calls: their figures with definitions, hours, waits, queues and operators.

use std::time::Duration;

use super::super::document::{
    Cell, Chart, Column, Kind, Part, Point, Row, Section, Series, Shape, Table, Value,
};
use super::super::figures::{
    self, CallFigures, Counts, Hour, OperatorFigures, WAIT_BANDS, definitions,
};
use super::super::forms;
use super::super::language::Language;
use super::super::words::{Variable, Words};

/// Before the key of each figure of calls.
pub const PREFIX: &str = "call.";

/// What is told of each queue and line.
const OF_PARTS: [&str; 8] = [
    "offered",
    "answered",
    "abandoned",
    "short_abandoned",
    "abandonment_rate",
    "service_level",
    "asa",
    "longest_wait",
];

/// The sections about calls; none where no call was on record.
pub fn sections(figures: &CallFigures, language: Language) -> Vec<Section> {
    if figures.trunks.is_empty() {
        return Vec::new();
    }
    let writer = Writer {
        figures,
        words: Words::new(language),
    };
    vec![
        writer.section("calls", writer.figures()),
        writer.section("calls-hours", writer.hours()),
        writer.section("calls-waits", writer.waits()),
        writer.section("calls-parts", writer.parts()),
    ]
}

struct Writer<'a> {
    figures: &'a CallFigures,
    words: Words,
}

impl Writer<'_> {
    fn section(&self, key: &str, parts: Vec<Part>) -> Section {
        Section {
            key: key.to_owned(),
            heading: self.text(&format!("section-{key}")),
            parts,
        }
    }

    fn text(&self, key: &str) -> String {
        self.words.text(key)
    }

    fn column(&self, key: &str, kind: Kind) -> Column {
        Column {
            key: key.to_owned(),
            heading: self.text(&format!("column-{key}")),
            kind,
        }
    }

    fn count(&self, count: u64) -> Cell {
        self.cell(figures::Value::Count(count))
    }

    fn cell(&self, value: figures::Value) -> Cell {
        let language = self.words.language();
        let (value, text) = match value {
            figures::Value::Count(count) => (Value::Count(count), forms::count(language, count)),
            figures::Value::Share(Some(share)) => {
                (Value::Share(share), forms::share(language, share))
            }
            figures::Value::Time(Some(time)) => (Value::Duration(time), forms::duration(time)),
            figures::Value::Share(None) | figures::Value::Time(None) => return Cell::none(),
        };
        Cell {
            value,
            text,
            figure: None,
        }
    }

    /// Counts, shares and times apart, each with one kind of cells; then what they mean.
    fn figures(&self) -> Vec<Part> {
        let tables = [
            ("calls", Kind::Count, "count"),
            ("calls-shares", Kind::Share, "share"),
            ("calls-times", Kind::Duration, "duration"),
        ];
        let mut parts: Vec<Part> = tables
            .into_iter()
            .map(|(key, kind, column)| {
                let rows = definitions().iter().filter_map(|one| {
                    let value = one.whole(self.figures);
                    (kind_of(value) == kind).then(|| Row {
                        cells: vec![
                            Cell::text(self.text(&format!("figure-{}", one.key))),
                            self.cell(value).of(format!("{PREFIX}{}", one.key)),
                        ],
                        ..Row::default()
                    })
                });
                Part::Table(Table {
                    key: key.to_owned(),
                    caption: String::new(),
                    columns: vec![self.column("name", Kind::Text), self.column(column, kind)],
                    rows: rows.collect(),
                })
            })
            .collect();
        parts.extend(self.formulas().map(Part::Note));
        parts
    }

    fn formulas(&self) -> impl Iterator<Item = String> {
        let rules = &self.figures.rules;
        let seconds = |time: Duration| {
            let digits = if time.subsec_millis() == 0 { 0 } else { 1 };
            forms::number(self.words.language(), time.as_secs_f64(), digits)
        };
        let short = seconds(rules.short_abandon);
        let within = seconds(rules.target.within);
        let target = rules.target.to_string();
        definitions().iter().filter_map(move |one| {
            let key = format!("formula-{}", one.key);
            let variables = [
                ("short", Variable::Text(&short)),
                ("within", Variable::Text(&within)),
                ("target", Variable::Text(&target)),
            ];
            self.words
                .has(&key)
                .then(|| self.words.with(&key, &variables))
        })
    }

    /// A heat map of the week, and the table of it: hours below each other, days beside each other.
    fn hours(&self) -> Vec<Part> {
        let offered = |hour: Hour| {
            let calls = self.figures.hours.get(hour);
            calls.map_or(0, |calls| calls.offered)
        };
        let weekday = |weekday: usize| self.text(&format!("weekday-{}", weekday + 1));
        let series = (0..7).map(|day| Series {
            name: weekday(day),
            points: (0..24)
                .map(|hour| {
                    let count = offered(Hour { weekday: day, hour });
                    Point {
                        value: Some(count as f64),
                        text: forms::count(self.words.language(), count),
                    }
                })
                .collect(),
        });
        let caption = self.text("caption-hours");
        let chart = Chart {
            key: "calls-hours-chart".to_owned(),
            caption: caption.clone(),
            shape: Shape::Heat,
            labels: (0..24).map(|hour| format!("{hour:02}")).collect(),
            series: series.collect(),
        };
        let days = (0..7).map(|day| Column {
            key: format!("weekday-{}", day + 1),
            heading: weekday(day),
            kind: Kind::Count,
        });
        let rows = (0..24).map(|hour| {
            let cells = (0..7).map(|day| {
                let figure = format!("{PREFIX}hour.{}.{hour}", day + 1);
                self.count(offered(Hour { weekday: day, hour })).of(figure)
            });
            let name = Cell::text(format!("{hour:02}:00"));
            Row {
                cells: std::iter::once(name).chain(cells).collect(),
                ..Row::default()
            }
        });
        let table = Table {
            key: "calls-hours".to_owned(),
            caption,
            columns: std::iter::once(self.column("hour", Kind::Text))
                .chain(days)
                .collect(),
            rows: rows.collect(),
        };
        vec![Part::Chart(chart), Part::Table(table)]
    }

    fn waits(&self) -> Vec<Part> {
        let name = |place: usize| {
            let bound = |place: usize| WAIT_BANDS.get(place).map(u64::to_string);
            let from = bound(place).unwrap_or_default();
            match bound(place + 1) {
                Some(to) => self.words.with(
                    "wait-band",
                    &[("from", Variable::Text(&from)), ("to", Variable::Text(&to))],
                ),
                None => self
                    .words
                    .with("wait-over", &[("from", Variable::Text(&from))]),
            }
        };
        let bands = || self.figures.waits.iter().enumerate();
        let series = |key: &str, of: fn(&figures::WaitBand) -> u64| Series {
            name: self.text(key),
            points: bands()
                .map(|(_, band)| Point {
                    value: Some(of(band) as f64),
                    text: forms::count(self.words.language(), of(band)),
                })
                .collect(),
        };
        let caption = self.text("caption-waits");
        let chart = Chart {
            key: "calls-waits-chart".to_owned(),
            caption: caption.clone(),
            shape: Shape::Bars,
            labels: bands().map(|(place, _)| name(place)).collect(),
            series: vec![
                series("column-figure-answered", |band| band.answered),
                series("column-figure-gave-up", |band| band.gave_up),
            ],
        };
        let rows = bands().map(|(place, band)| {
            let from = WAIT_BANDS.get(place).copied().unwrap_or_default();
            let figure = |which: &str| format!("{PREFIX}wait.{from}.{which}");
            Row {
                cells: vec![
                    Cell::text(name(place)),
                    self.count(band.answered).of(figure("answered")),
                    self.count(band.gave_up).of(figure("gave_up")),
                ],
                ..Row::default()
            }
        });
        let table = Table {
            key: "calls-waits".to_owned(),
            caption,
            columns: vec![
                self.column("wait", Kind::Text),
                self.column("figure-answered", Kind::Count),
                self.column("figure-gave-up", Kind::Count),
            ],
            rows: rows.collect(),
        };
        vec![Part::Chart(chart), Part::Table(table)]
    }

    fn parts(&self) -> Vec<Part> {
        let queues = self.figures.queues.iter();
        let trunks = self.figures.trunks.iter();
        let tables = [
            self.part_table(
                "queue",
                queues.map(|(name, of)| (name.as_str(), of)).collect(),
            ),
            self.part_table(
                "trunk",
                trunks.map(|(name, of)| (name.as_str(), of)).collect(),
            ),
            self.operators(),
        ];
        let told = tables.into_iter().filter(|table| !table.rows.is_empty());
        told.map(Part::Table).collect()
    }

    fn part_table(&self, kind: &str, parts: Vec<(&str, &Counts)>) -> Table {
        let chosen = || {
            definitions()
                .iter()
                .filter(|one| OF_PARTS.contains(&one.key))
        };
        let columns = chosen().map(|one| Column {
            key: one.key.replace('_', "-"),
            heading: self.text(&format!("figure-{}", one.key)),
            kind: kind_of(one.whole(self.figures)),
        });
        let rows = parts.into_iter().map(|(name, counts)| {
            let cells = chosen().filter_map(|one| {
                let figure = format!("{PREFIX}{kind}.{name}.{}", one.key);
                Some(self.cell(one.part(counts)?).of(figure))
            });
            Row {
                cells: std::iter::once(Cell::text(name)).chain(cells).collect(),
                ..Row::default()
            }
        });
        Table {
            key: format!("calls-{kind}s"),
            caption: self.text(&format!("caption-{kind}s")),
            columns: std::iter::once(self.column(kind, Kind::Text))
                .chain(columns)
                .collect(),
            rows: rows.collect(),
        }
    }

    fn operators(&self) -> Table {
        let column = |key: &str, kind| Column {
            key: key.replace('_', "-"),
            heading: self.text(&format!("figure-{key}")),
            kind,
        };
        let row = |one: &OperatorFigures| {
            let occupancy = one.shift.and_then(|shift| shift.occupancy());
            Row {
                cells: vec![
                    Cell::text(one.operator.as_str()),
                    self.count(one.handled)
                        .of(format!("{PREFIX}operator.{}", one.operator)),
                    self.cell(figures::Value::Time(one.aht())),
                    self.cell(figures::Value::Share(occupancy)),
                    self.cell(figures::Value::Time(one.shift.map(|shift| shift.wrap_up))),
                ],
                ..Row::default()
            }
        };
        Table {
            key: "calls-operators".to_owned(),
            caption: self.text("caption-operators"),
            columns: vec![
                self.column("operator", Kind::Text),
                self.column("figure-handled", Kind::Count),
                column("aht", Kind::Duration),
                column("occupancy", Kind::Share),
                column("wrap_up", Kind::Duration),
            ],
            rows: self.figures.operators.iter().map(row).collect(),
        }
    }
}

fn kind_of(value: figures::Value) -> Kind {
    match value {
        figures::Value::Count(_) => Kind::Count,
        figures::Value::Share(_) => Kind::Share,
        figures::Value::Time(_) => Kind::Duration,
    }
}
