//! Each figure that the helpline published, and the records behind it.

use std::collections::BTreeSet;

use qaynar::records::contact::{Channel, Contact, ContactId, ContactType};
use qaynar::records::fields;
use qaynar::report::compose::document;
use qaynar::report::document::{Cell, Document, Value};
use qaynar::report::language::Language;
use qaynar::report::period::Period;
use qaynar::report::tally::Rules;
use qaynar::store::report::{ids, report};

use crate::fixture::{House, half_year, now};

/// Figure, its row in the Azerbaijani report, June, half-year.
const PUBLISHED: &[(&str, &str, u64, u64)] = &[
    (
        "total",
        "Zənglər (bütün kanallar üzrə müraciətlər)",
        375,
        2761,
    ),
    ("topic.legal", "Hüquqi", 99, 580),
    ("topic.education", "Təhsil", 81, 874),
    ("topic.psychological", "Psixoloji", 78, 418),
    (
        "topics.education+psychological",
        "Təhsil və psixoloji birlikdə",
        159,
        1292,
    ),
    ("topic.health", "Səhiyyə", 35, 172),
    ("topic.social", "Sosial", 24, 260),
    ("topic.other", "Digər", 58, 457),
    ("party.adult", "Böyüklər", 248, 2020),
    ("party.child", "Uşaqlar (18 yaşdan kiçik)", 115, 621),
    (
        "anonymous.social",
        "sosial şəbəkələr üzərindən anonim",
        12,
        120,
    ),
    ("first.yes", "İlk dəfə müraciət edənlər", 241, 1741),
    (
        "first.repeat-or-unknown",
        "Təkrar və ya məlum deyil",
        134,
        1020,
    ),
    ("gender.female", "Qadınlar və qızlar", 207, 1410),
    ("gender.male", "Kişilər və oğlanlar", 156, 1231),
    ("activity.meeting", "Ailə ilə görüşlər", 5, 39),
    (
        "activity.rehabilitation",
        "Sosial-psixoloji reabilitasiya işləri",
        11,
        105,
    ),
    ("tag.health access", "Səhiyyə hüququ", 3, 13),
    (
        "tag.disability allowance",
        "Əlillik dərəcəsi və müavinət",
        0,
        12,
    ),
    ("activity.event", "Təlim və maarifləndirmə tədbirləri", 1, 4),
];

fn az(from: &str, to: &str) -> Document {
    let report = half_year().report(from, to);
    document(
        &report,
        Language::Az,
        jiff::civil::date(2026, 11, 29),
        Vec::new(),
    )
}

/// The cells of a figure in the table of the main figures.
fn overview<'a>(document: &'a Document, figure: &str) -> &'a [Cell] {
    let (_, table) = document
        .tables()
        .find(|(_, table)| table.key == "overview")
        .unwrap();
    let of = |cell: &Cell| cell.figure.as_deref() == Some(figure);
    let row = table.rows.iter().find(|row| row.cells.iter().any(of));
    &row.unwrap_or_else(|| panic!("no row of {figure}")).cells
}

#[test]
fn june_and_the_half_year_are_as_published() {
    let (june, half) = (az("2021-06", "2021-06"), az("2021-01", "2021-06"));
    for (figure, name, in_june, in_half) in PUBLISHED {
        for (document, count) in [(&june, in_june), (&half, in_half)] {
            let cells = overview(document, figure);
            let told = (cells[0].text.as_str(), cells[1].text.as_str());
            assert_eq!(told, (*name, count.to_string().as_str()), "{figure}");
            assert_eq!(cells[1].value, Value::Count(*count), "{figure}");
        }
    }
    let of_june = |figure: &str| overview(&june, figure)[1].text.clone();
    assert_eq!(
        (of_june("child.female"), of_june("child.male")),
        ("77".into(), "38".into())
    );
}

#[test]
fn topics_and_parties_add_up_to_the_total() {
    for (from, to) in [
        ("2021-06", "2021-06"),
        ("2021-01", "2021-06"),
        ("2021-02-03", "2021-03-17"),
    ] {
        let report = half_year().report(from, to);
        for group in [
            "topic.",
            "party.",
            "channel.",
            "language.",
            "about.",
            "risk.",
            "band.1.",
            "day.",
        ] {
            let sum: u64 = report
                .this
                .contacts()
                .group(group)
                .map(|(_, count)| count)
                .sum();
            assert_eq!(sum, report.count("total"), "{group} of {from} to {to}");
        }
        let types: u64 = report
            .this
            .contacts()
            .group("type.")
            .map(|(_, count)| count)
            .sum();
        assert_eq!(types, report.count("all"));
        assert_eq!(
            report.count("total") + report.count("beside"),
            report.count("all")
        );
    }
}

#[test]
fn the_records_behind_each_figure_are_as_many_as_it_says() {
    let house = half_year();
    let report = house.report("2021-06", "2021-06");
    let period = report.period();
    let mut looked_at = 0;
    for (figure, count) in report.this.figures() {
        // Days are sums of the same; a few figures of each other kind do.
        if figure.starts_with("day.") && figure != "day.2021-06-30" {
            continue;
        }
        let mut found = BTreeSet::new();
        ids(
            &house.database(),
            period,
            &Rules::usual_counts(),
            now(),
            figure,
            |id| {
                assert!(found.insert(id.to_owned()), "{id} twice behind {figure}");
            },
        )
        .unwrap();
        assert_eq!(found.len() as u64, count, "{figure}");
        looked_at += 1;
    }
    assert!(looked_at > 60, "{looked_at}");
}

#[test]
fn every_printed_count_has_a_figure_with_its_records() {
    let document = az("2021-06", "2021-06");
    let report = half_year().report("2021-06", "2021-06");
    let mut printed = 0;
    for (_, table) in document.tables() {
        for row in &table.rows {
            for (cell, column) in row.cells.iter().zip(&table.columns) {
                if let (Value::Count(count), "count") = (&cell.value, column.key.as_str()) {
                    let figure = cell.figure.as_deref().unwrap();
                    assert_eq!(report.count(figure), *count, "{figure}");
                    printed += 1;
                }
            }
        }
    }
    assert!(printed > 80, "{printed}");
}

#[test]
fn a_month_begins_and_ends_at_midnight_in_baku() {
    // The four contacts at the edges of the half-year, and how they are shared out.
    let house = House::new();
    let edges = [
        ("a", "2021-05-31T23:59:59+04:00"),
        ("b", "2021-05-31T20:00:00Z"),
        ("c", "2021-06-30T23:59:59.999999+04:00"),
        ("d", "2021-06-30T20:00:00Z"),
    ];
    let contacts = edges.map(|(id, opened)| {
        let opened = fields::moment(opened).unwrap();
        let mut contact = Contact::new(ContactId(id.into()), opened, Channel::Phone, 1);
        contact.contact_type = Some(ContactType::Counselling);
        contact
    });
    house.add(&contacts);
    let total = |from, to| house.report(from, to).count("total");
    assert_eq!(
        (total("2021-05", "2021-05"), total("2021-07", "2021-07")),
        (1, 1)
    );
    assert_eq!(total("2021-06", "2021-06"), 2);
    assert_eq!(
        (
            total("2021-06-01", "2021-06-01"),
            total("2021-06-30", "2021-06-30")
        ),
        (1, 1)
    );
    // In the half-year's own records one contact is a second before it, one at its end.
    let of_half = |from, to| half_year().report(from, to).count("total");
    assert_eq!(
        (
            of_half("2020-12-31", "2020-12-31"),
            of_half("2021-07-01", "2021-07-01")
        ),
        (1, 1)
    );
    assert_eq!(of_half("2020-12-31", "2021-07-01"), 2763);
}

#[test]
fn june_stands_beside_may_and_nothing_beside_a_year_without_records() {
    let june = az("2021-06", "2021-06");
    let total = overview(&june, "total");
    let texts: Vec<&str> = total
        .iter()
        .skip(1)
        .map(|cell| cell.text.as_str())
        .collect();
    assert_eq!(texts, ["375", "100,0%", "500", "−125", "–", "–"]);
    let legal: Vec<&str> = overview(&june, "topic.legal")
        .iter()
        .map(|cell| cell.text.as_str())
        .collect();
    assert_eq!(legal[1..5], ["99", "26,4%", "95", "+4"]);
    // One contact of December 2020 is no half-year to compare with.
    let half = az("2021-01", "2021-06");
    assert_eq!(overview(&half, "total")[3].value, Value::None);
    // Shares of women and men are of those whose gender is known.
    assert_eq!(overview(&june, "gender.female")[2].text, "57,0%");
}

#[test]
fn other_types_may_count_by_a_setting() {
    let counts: BTreeSet<ContactType> = ContactType::ALL.iter().copied().collect();
    let period = Period::read("2021-06", None).unwrap();
    let all = report(&half_year().database(), period, &counts, now()).unwrap();
    assert_eq!((all.count("total"), all.count("beside")), (410, 0));
}
