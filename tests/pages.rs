//! Reports as files: HTML, PDF and XLSX hold each figure of the document, in letters and numbers that can be copied.

#![allow(clippy::unwrap_used, reason = "a test that fails says so")]

use std::io::{Cursor, Read, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

use jiff::civil::date;
use qaynar::report::document::{
    Cell, Chart, Column, Document, Kind, Part, Point, Row, Section, Series, Shape, Table, Value,
};
use qaynar::report::language::Language;
use qaynar::report::{html, pdf, xlsx};

const TOPICS: [(&str, u64); 6] = [
    ("Hüquqi", 99),
    ("Təhsil", 81),
    ("Psixoloji", 78),
    ("Səhiyyə", 35),
    ("Sosial", 24),
    ("Digər", 58),
];
const DAYS: [&str; 7] = ["B.e.", "Ç.a.", "Ç.", "C.a.", "C.", "Ş.", "B."];

fn column(key: &str, heading: &str, kind: Kind) -> Column {
    Column {
        key: key.into(),
        heading: heading.into(),
        kind,
    }
}

fn cell(value: Value, text: impl Into<String>) -> Cell {
    Cell {
        value,
        text: text.into(),
        figure: None,
    }
}

fn count(number: u64) -> Cell {
    cell(Value::Count(number), number.to_string())
}

fn row(cells: Vec<Cell>) -> Row {
    Row {
        cells,
        ..Row::default()
    }
}

#[allow(clippy::cast_precision_loss, reason = "small numbers")]
fn share(part: u64, of: u64) -> Cell {
    let share = part as f64 / of as f64;
    let text = format!("{:.1} %", share * 100.0).replace('.', ",");
    cell(Value::Share(share), text)
}

fn topics() -> Table {
    let mut rows: Vec<Row> = TOPICS
        .iter()
        .map(|(name, number)| {
            row(vec![
                Cell::text(*name),
                count(*number).of(format!("topic.{number}")),
                share(*number, 375),
                cell(Value::Change(-7), "−7"),
                Cell::none(),
            ])
        })
        .collect();
    rows.push(Row {
        depth: 1,
        is_total: false,
        cells: vec![
            Cell::text("onlardan “qız”"),
            count(77),
            share(77, 115),
            cell(Value::Change(3), "+3"),
            Cell::none(),
        ],
    });
    rows.push(Row {
        depth: 0,
        is_total: true,
        cells: vec![
            Cell::text("Cəmi"),
            count(375),
            share(375, 375),
            cell(Value::Change(0), "0"),
            Cell::none(),
        ],
    });
    Table {
        key: "topics".into(),
        caption: "Mövzular üzrə zənglər".into(),
        columns: vec![
            column("name", "Mövzu", Kind::Text),
            column("count", "Zəng", Kind::Count),
            column("share", "Pay", Kind::Share),
            column("before", "Əvvəlki dövrdən fərq", Kind::Change),
            column("year", "Keçən ildən fərq", Kind::Change),
        ],
        rows,
    }
}

fn chart(
    key: &str,
    caption: &str,
    shape: Shape,
    labels: Vec<String>,
    series: Vec<(&str, Vec<f64>)>,
) -> Part {
    let series = series.into_iter().map(|(name, values)| Series {
        name: name.into(),
        points: values
            .into_iter()
            .map(|value| Point {
                value: Some(value),
                text: format!("{value}"),
            })
            .collect(),
    });
    Part::Chart(Chart {
        key: key.into(),
        caption: caption.into(),
        shape,
        labels,
        series: series.collect(),
    })
}

fn hours() -> (Part, Table) {
    let labels: Vec<String> = (0..24).map(|hour| format!("{hour:02}")).collect();
    let value =
        |day: usize, hour: u32| f64::from((u32::try_from(day).unwrap() * 7 + hour * hour) % 23);
    let series = DAYS.iter().enumerate();
    let series = series.map(|(day, name)| (*name, (0..24).map(|hour| value(day, hour)).collect()));
    let heat = chart(
        "hours",
        "Saat və həftənin günü",
        Shape::Heat,
        labels.clone(),
        series.collect(),
    );
    let mut columns = vec![column("day", "Gün", Kind::Text)];
    columns.extend(
        labels
            .iter()
            .map(|label| column(&format!("h{label}"), label, Kind::Count)),
    );
    let rows = DAYS.iter().enumerate().map(|(day, name)| {
        let mut cells = vec![Cell::text(*name)];
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "small numbers"
        )]
        cells.extend((0..24).map(|hour| count(value(day, hour) as u64)));
        row(cells)
    });
    let table = Table {
        key: "hours-table".into(),
        caption: String::new(),
        columns,
        rows: rows.collect(),
    };
    (heat, table)
}

/// A table of so many rows.
fn events(rows: u64) -> Table {
    let rows = (1..=rows).map(|number| {
        let title = match number {
            7 => "Uşaq hüquqları üzrə təlim — “Mən də deyə bilərəm” <layihə> & tərəfdaşlar; психологическая помощь детям ".repeat(4),
            _ => format!("Tədbir {number}"),
        };
        row(vec![
            Cell::text(title),
            cell(Value::Date(date(2021, 6, 1)), "1 iyun 2021"),
            cell(Value::Duration(Duration::from_secs(95 * 60)), "1:35:00"),
            cell(Value::Number(1.25), "1,25"),
        ])
    });
    Table {
        key: "events".into(),
        caption: "Tədbirlər".into(),
        columns: vec![
            column("title", "Ad", Kind::Text),
            column("day", "Tarix", Kind::Date),
            column("length", "Müddət", Kind::Duration),
            column("load", "Yük", Kind::Number),
        ],
        rows: rows.collect(),
    }
}

/// How it was in other periods, and when calls came.
fn trend(names: Vec<String>, values: Vec<f64>) -> Section {
    let (heat, hours) = hours();
    let months = ["yanvar", "fevral", "mart", "aprel", "may", "iyun"]
        .map(str::to_owned)
        .to_vec();
    Section {
        key: "trend".into(),
        heading: "Aylar üzrə".into(),
        parts: vec![
            chart(
                "months",
                "Zənglərin sayı",
                Shape::Lines,
                months,
                vec![
                    ("2021", vec![401.0, 455.0, 512.0, 530.0, 488.0, 375.0]),
                    ("2020", vec![300.0, 280.0, 150.0, 90.0, 200.0, 310.0]),
                ],
            ),
            chart(
                "compared",
                "Dövrlər",
                Shape::Bars,
                names,
                vec![("iyun 2021", values.clone()), ("may 2021", values)],
            ),
            heat,
            Part::Table(hours),
        ],
    }
}

fn document(rows: u64) -> Document {
    let names = || {
        TOPICS
            .iter()
            .map(|(name, _)| (*name).to_owned())
            .collect::<Vec<_>>()
    };
    #[allow(clippy::cast_precision_loss, reason = "small numbers")]
    let values = || {
        TOPICS
            .iter()
            .map(|(_, number)| *number as f64)
            .collect::<Vec<_>>()
    };
    Document {
        language: Language::Az,
        title: "Uşaq Qaynar Xəttinin hesabatı".into(),
        period: "iyun 2021".into(),
        from: date(2021, 6, 1),
        to: date(2021, 6, 30),
        sections: vec![
            Section {
                key: "summary".into(),
                heading: "Əsas nəticələr".into(),
                parts: vec![
                    Part::Text(
                        "İyun ayında Uşaq Qaynar Xəttinə 375 zəng daxil olub. Zənglərin ən çoxu (99) hüquqi \
                         məsələlərlə bağlıdır; təhsil və psixoloji mövzular birlikdə 159 zəng təşkil edir. \
                         За июнь поступило 375 обращений: «Ёжик» <b>не</b> тег & не сущность."
                            .into(),
                    ),
                    chart("topics-chart", "Mövzular", Shape::Bars, names(), vec![("Zəng", values())]),
                    Part::Table(topics()),
                    Part::Note("Hesablanan növlər: məsləhət və məlumat; “təkrar və ya naməlum” — 134.".into()),
                ],
            },
            trend(names(), values()),
            Section {
                key: "events".into(),
                heading: "Tədbirlər: təlimlər/maarifləndirmə".into(),
                parts: vec![Part::Table(events(rows))],
            },
        ],
        footer: "Qaynar · 2021-07-01".into(),
        page_of: "səhifə {page} / {pages}".into(),
    }
}

/// All texts that a reader must find.
fn texts(document: &Document) -> Vec<String> {
    let mut texts = vec![document.title.clone(), document.period.clone()];
    for section in &document.sections {
        texts.push(section.heading.clone());
        for part in &section.parts {
            match part {
                Part::Text(text) | Part::Note(text) => texts.push(text.clone()),
                Part::Chart(chart) => texts.push(chart.caption.clone()),
                Part::Table(table) => {
                    texts.push(table.caption.clone());
                    texts.extend(table.columns.iter().map(|column| column.heading.clone()));
                    let cells = table.rows.iter().flat_map(|row| &row.cells);
                    texts.extend(cells.map(|cell| cell.text.clone()));
                }
            }
        }
    }
    texts
}

/// One space between words, so that lines do not matter.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn unescaped(text: &str) -> String {
    let mut text = text.to_owned();
    for (code, letter) in [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#34;", "\""),
        ("&#39;", "'"),
        ("&#60;", "<"),
        ("&#62;", ">"),
        ("&#38;", "&"),
        ("&amp;", "&"),
    ] {
        text = text.replace(code, letter);
    }
    text
}

/// Walks through tags and panics where they do not close each other; what stands between them, and each tag.
fn parsed(html: &str) -> (String, Vec<&str>) {
    let (mut open, mut tags, mut text) = (Vec::new(), Vec::new(), String::new());
    let mut rest = html.strip_prefix("<!DOCTYPE html>").unwrap();
    while let Some(start) = rest.find('<') {
        text.push_str(&rest[..start]);
        text.push(' ');
        let end = start + rest[start..].find('>').expect("a tag ends");
        let tag = &rest[start + 1..end];
        rest = &rest[end + 1..];
        tags.push(tag);
        let name = |tag: &str| tag.split([' ', '\n', '/']).next().unwrap().to_owned();
        match tag.strip_prefix('/') {
            Some(close) => assert_eq!(open.pop().as_deref(), Some(close), "before {rest:.80}"),
            None if tag.ends_with('/') => {}
            None => open.push(name(tag)),
        }
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
    }
    assert!(open.is_empty(), "{open:?}");
    (unescaped(&text), tags)
}

/// To be looked at: `QAYNAR_PAGES=folder cargo test --test pages` leaves the files there.
fn leave(name: &str, bytes: &[u8]) {
    if let Some(folder) = std::env::var_os("QAYNAR_PAGES") {
        std::fs::write(std::path::Path::new(&folder).join(name), bytes).unwrap();
    }
}

#[test]
fn html_is_whole_in_itself_and_holds_each_figure() {
    let document = document(12);
    let html = String::from_utf8(html::render(&document).unwrap()).unwrap();
    leave("report.html", html.as_bytes());
    let (text, tags) = parsed(&html);
    let text = words(&text);
    for wanted in texts(&document) {
        assert!(text.contains(&words(&wanted)), "{wanted:?} is not there");
    }
    assert!(tags.contains(&"html lang=\"az\""));
    for foreign in ["<script", "src=", "@import", "url(", "http://", "https://"] {
        let found = html.replace("http://www.w3.org/2000/svg", "");
        assert!(!found.contains(foreign), "{foreign}");
    }
    let figure = html.contains("data-figure=\"topic.99\">99</td>");
    assert!(figure, "each figure can be asked for by its key");
}

#[test]
fn each_chart_has_a_bar_for_each_of_its_values_and_its_table_beside() {
    let document = document(3);
    let html = String::from_utf8(html::render(&document).unwrap()).unwrap();
    for (name, number) in TOPICS {
        let bar = format!("<title>{name}: {number}</title>");
        assert_eq!(html.matches(&bar).count(), 1, "{bar}");
    }
    let squares = html.matches("<title>00, ").count();
    assert_eq!(squares, 7, "a square for each day at midnight");
    let (chart, table) = (
        html.find("id=\"topics-chart\""),
        html.find("table id=\"topics\""),
    );
    assert!(chart.unwrap() < table.unwrap());
    assert_eq!(html.matches("role=\"img\" aria-label=").count(), 4);
}

fn pdftotext(pdf: &[u8], arguments: &[&str]) -> String {
    let mut child = Command::new("pdftotext")
        .args(arguments)
        .args(["-", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("pdftotext (poppler-utils) is needed");
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(pdf).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn text_of_the_pdf_can_be_copied_letter_by_letter() {
    let document = document(12);
    let pdf = pdf::render(&document).unwrap();
    leave("report.pdf", &pdf);
    let text = words(&pdftotext(&pdf, &["-raw"]));
    for wanted in texts(&document) {
        // Words that are too long for their column stand on two lines; the reader puts them together.
        let wanted = words(&wanted);
        assert!(text.contains(&wanted), "{wanted:?} is not in {text}");
    }
    assert!(text.contains("səhifə 1 / "));
    assert_eq!(
        pdf,
        pdf::render(&document).unwrap(),
        "the same report is the same file"
    );
}

#[test]
fn a_table_of_many_pages_has_its_heads_on_each_and_loses_no_row() {
    let document = document(400);
    let pdf = pdf::render(&document).unwrap();
    let text = pdftotext(&pdf, &["-layout"]);
    let pages: Vec<&str> = text.trim_end_matches('\u{c}').split('\u{c}').collect();
    assert!(pages.len() > 8, "{} pages", pages.len());
    for (number, page) in pages.iter().enumerate() {
        let foot = format!("səhifə {} / {}", number + 1, pages.len());
        assert!(words(page).contains(&foot), "{foot}: {page}");
        if page.contains("Tədbir 1") || page.contains("Tədbir 2") || page.contains("Tədbir 3") {
            assert!(page.contains("Müddət"), "no heads on {page}");
        }
    }
    for number in (1..=400).filter(|number| *number != 7) {
        let line = format!("Tədbir {number} ");
        assert_eq!(text.matches(&line).count(), 1, "{line}");
    }
}

#[test]
fn a_narrow_table_of_many_rows_stands_in_stacks_and_loses_no_row() {
    let mut document = document(0);
    let days = |rows: u64| Table {
        key: "days".into(),
        caption: "Gün üzrə zənglər".into(),
        columns: vec![
            column("day", "Gün", Kind::Date),
            column("count", "Say", Kind::Count),
        ],
        rows: (1..=rows)
            .map(|day| {
                let name = cell(Value::Date(date(2021, 6, 1)), format!("gün-{day}-"));
                row(vec![name, count(day)])
            })
            .collect(),
    };
    for (rows, most) in [(30, 1), (120, 1), (400, 3)] {
        document.sections = vec![Section {
            key: "days".into(),
            heading: "Günlər".into(),
            parts: vec![Part::Table(days(rows))],
        }];
        let pdf = pdf::render(&document).unwrap();
        leave(&format!("days-{rows}.pdf"), &pdf);
        let text = pdftotext(&pdf, &["-layout"]);
        let pages = text.trim_end_matches('\u{c}').split('\u{c}').count();
        assert!(pages <= most, "{rows} rows on {pages} pages");
        for day in 1..=rows {
            let name = format!("gün-{day}-");
            assert_eq!(text.matches(&name).count(), 1, "{name} in {text}");
        }
        let html = String::from_utf8(html::render(&document).unwrap()).unwrap();
        leave(&format!("days-{rows}.html"), html.as_bytes());
        assert!(html.contains("class=\"table long\""));
    }
}

#[test]
fn whatever_a_report_is_made_of_can_be_drawn() {
    let long = "söz".repeat(3_000);
    let many = |columns: usize| Table {
        key: "t".into(),
        caption: long.clone(),
        columns: (0..columns)
            .map(|n| column(&n.to_string(), "Başlıq üçün uzun mətn", Kind::Text))
            .collect(),
        rows: vec![
            row(vec![Cell::text(long.clone()); columns]),
            row(Vec::new()),
        ],
    };
    let parts = vec![
        Part::Text(String::new()),
        Part::Text(format!("{long}\n\n{}", "mətn ".repeat(4_000))),
        Part::Note("\u{0}\u{7}😀 قائمة".into()),
        Part::Table(Table::default()),
        Part::Table(many(1)),
        Part::Table(many(3)),
        chart("a", "", Shape::Bars, Vec::new(), Vec::new()),
        chart(
            "b",
            &long,
            Shape::Lines,
            vec![long.clone()],
            vec![("x", vec![f64::NAN])],
        ),
        chart(
            "c",
            "",
            Shape::Bars,
            (0..900).map(|n| n.to_string()).collect(),
            vec![("x", vec![1.0; 900])],
        ),
    ];
    for parts in std::iter::once(Vec::new()).chain(parts.into_iter().map(|part| vec![part])) {
        let mut document = document(0);
        document.sections = vec![Section {
            key: "s".into(),
            heading: "Bölmə".into(),
            parts,
        }];
        let html = String::from_utf8(html::render(&document).unwrap()).unwrap();
        parsed(&html);
        assert!(pdf::render(&document).unwrap().starts_with(b"%PDF-"));
        assert!(xlsx::render(&document).unwrap().starts_with(b"PK"));
        document.sections.clear();
        assert!(pdf::render(&document).unwrap().starts_with(b"%PDF-"));
        assert!(xlsx::render(&document).unwrap().starts_with(b"PK"));
    }
}

/// A file of a workbook.
fn unzipped(xlsx: &[u8], name: &str) -> String {
    let mut archive = zip::ZipArchive::new(Cursor::new(xlsx)).unwrap();
    let mut text = String::new();
    archive
        .by_name(name)
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    text
}

/// What stands in a cell: its type and its value.
fn in_cell(sheet: &str, place: &str) -> (Option<String>, String) {
    let start = sheet
        .find(&format!("<c r=\"{place}\""))
        .expect("the cell is there");
    let end = start + sheet[start..].find("</c>").unwrap();
    let cell = &sheet[start..end];
    let kind = cell
        .split(" t=\"")
        .nth(1)
        .map(|rest| rest.split('"').next().unwrap().to_owned());
    let value = cell
        .split("<v>")
        .nth(1)
        .unwrap()
        .split("</v>")
        .next()
        .unwrap();
    (kind, value.to_owned())
}

#[test]
fn numbers_of_the_workbook_are_numbers() {
    let xlsx = xlsx::render(&document(3)).unwrap();
    leave("report.xlsx", &xlsx);
    let names = unzipped(&xlsx, "xl/workbook.xml");
    for name in [
        "Əsas nəticələr",
        "Aylar üzrə",
        "Tədbirlər  təlimlər maariflənd",
    ] {
        assert!(names.contains(&format!("name=\"{name}")), "{names}");
    }
    let sheet = unzipped(&xlsx, "xl/worksheets/sheet1.xml");
    let words = unzipped(&xlsx, "xl/sharedStrings.xml");
    for (name, _) in TOPICS {
        assert!(words.contains(name));
    }
    // Heading, title, an empty row, text, an empty row, caption, heads: then the topics.
    for (row, (_, number)) in (8..).zip(TOPICS) {
        assert_eq!(in_cell(&sheet, &format!("A{row}")).0.as_deref(), Some("s"));
        assert_eq!(
            in_cell(&sheet, &format!("B{row}")),
            (None, number.to_string())
        );
    }
    assert_eq!(in_cell(&sheet, "C8"), (None, (99.0 / 375.0).to_string()));
    assert_eq!(in_cell(&sheet, "D8"), (None, "-7".to_owned()));
    assert!(
        sheet.contains("<c r=\"E8\" s="),
        "what is not known is empty"
    );
    let events = unzipped(&xlsx, "xl/worksheets/sheet3.xml");
    assert_eq!(
        in_cell(&events, "B7"),
        (None, "44348".to_owned()),
        "2021-06-01"
    );
    let minutes = in_cell(&events, "C7").1.parse::<f64>().unwrap() * 24.0 * 60.0;
    assert!((minutes - 95.0).abs() < 1e-9, "{minutes}");
    let formats = unzipped(&xlsx, "xl/styles.xml");
    for format in ["0.0%", "#,##0", "[h]:mm:ss", "dd.mm.yyyy"] {
        assert!(
            formats.contains(&format!("formatCode=\"{format}\"")) || format == "#,##0",
            "{format}"
        );
    }
    assert_eq!(
        xlsx,
        xlsx::render(&document(3)).unwrap(),
        "the same report is the same file"
    );
}
