//! Files that leave the house: whole for those who may read them, as counts for publication.

use std::os::unix::fs::PermissionsExt;

use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::RowAccessor;

use crate::desk::{Desk, data};

fn half_year() -> Desk {
    let desk = Desk::new();
    for what in ["contacts", "activities"] {
        let file = data(&format!("{what}-2021-h1.csv")).display().to_string();
        desk.run(&["import", what, &file]).done();
    }
    desk
}

#[test]
fn contacts_go_out_as_they_came_in_and_can_come_in_again() {
    let desk = half_year();
    let path = desk.path().join("june.csv").display().to_string();
    let june = [
        "export",
        "contacts",
        "--from",
        "2021-06-01",
        "--to",
        "2021-06-30",
        "--output",
        &path,
    ];
    let told = desk.run(&june).done();
    assert!(
        told.contains("rows are in") && told.contains("june.csv"),
        "{told}"
    );
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    desk.run(&june).refused(&["june.csv", "is there already"]);
    let again = desk.run(&["import", "contacts", &path, "--json"]).json();
    assert_eq!(
        (&again["changed"], &again["added"], &again["refused"]),
        (&0.into(), &0.into(), &0.into())
    );
    let lines = desk.run(&[
        "export",
        "contacts",
        "--format",
        "jsonl",
        "--columns",
        "contact_id,age_band,opened_at,issues",
    ]);
    let lines = lines.done();
    assert_eq!(lines.lines().count(), 2943);
    let first = lines.lines().next().unwrap();
    assert_eq!(
        first,
        "{\"contact_id\":\"2021-edge0\",\"age_band\":null,\"opened_at\":\"2020-12-31T19:59:59Z\",\"issues\":null}"
    );
    desk.run(&["export", "contacts", "--columns", "colour"])
        .refused(&["no column \"colour\"", "child_age_band"]);
}

#[test]
fn parquet_holds_the_same_rows_with_their_types() {
    let desk = half_year();
    let path = desk.path().join("all.parquet");
    let name = path.display().to_string();
    let columns = "contact_id,opened_at,age,anonymous,topic,month";
    desk.run(&[
        "export",
        "contacts",
        "--format",
        "parquet",
        "--columns",
        columns,
        "--output",
        &name,
    ])
    .done();
    let reader = SerializedFileReader::new(std::fs::File::open(&path).unwrap()).unwrap();
    assert_eq!(reader.metadata().file_metadata().num_rows(), 2943);
    let rows: Vec<_> = reader
        .get_row_iter(None)
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(rows.len(), 2943);
    assert_eq!(rows[0].get_string(0).unwrap(), "2021-edge0");
    assert_eq!(
        rows[0].get_timestamp_micros(1).unwrap(),
        1_609_444_799_000_000
    );
    assert!(rows[0].get_long(2).is_err(), "no age is known");
    assert!(!rows[0].get_bool(3).unwrap());
    let legal = rows
        .iter()
        .filter(|row| row.get_string(4).is_ok_and(|topic| topic == "legal"));
    assert!(legal.count() >= 580);
    assert!(rows.iter().any(|row| row.get_long(2).is_ok()));
    desk.run(&["export", "contacts", "--format", "parquet"])
        .refused(&["--output"]);
}

#[test]
fn what_is_published_has_no_small_cell_and_none_that_totals_tell() {
    let desk = half_year();
    let publish =
        |columns: &str| desk.run(&["export", "contacts", "--publish", "--columns", columns]);
    let table = publish("topic,gender").done();
    let rows: Vec<Vec<&str>> = table
        .lines()
        .skip(1)
        .map(|line| line.split(',').collect())
        .collect();
    assert!(table.starts_with("topic,gender,count\n"), "{table}");
    let counts = rows
        .iter()
        .map(|row| row[2])
        .filter(|count| !count.is_empty());
    assert!(
        counts
            .clone()
            .all(|count| count.parse::<u64>().unwrap() >= 5)
    );
    assert!(counts.count() > 10, "{table}");
    let hidden: Vec<&Vec<&str>> = rows.iter().filter(|row| row[2].is_empty()).collect();
    assert_ne!(hidden.len(), 1, "the total would tell it: {table}");
    publish("topic,notes").refused(&["notes is never published"]);
    publish("caller").refused(&["caller is never published"]);
    publish("age").refused(&["age is never published", "dictionary"]);
    desk.run(&["export", "contacts", "--publish"])
        .refused(&["--columns month,topic"]);
    desk.file("qaynar.toml", "[privacy]\nsmallest_cell = 2000\n");
    let table = publish("topic").done();
    assert!(
        table.lines().skip(1).all(|line| line.ends_with(',')),
        "{table}"
    );
    desk.file("qaynar.toml", "[privacy]\nsmallest_cell = 0\n");
    publish("topic").refused(&["qaynar.toml:1", "smallest_cell"]);
}

#[test]
fn activities_go_out_by_day_and_the_dictionary_tells_every_column() {
    let desk = half_year();
    let june = [
        "export",
        "activities",
        "--from",
        "2021-06-01",
        "--to",
        "2021-06-30",
        "--columns",
        "kind,held_on",
    ];
    let told = desk.run(&june).done();
    assert_eq!(
        told.lines()
            .filter(|line| line.starts_with("family meeting,2021-06-"))
            .count(),
        5
    );
    let dictionary = desk.run(&["export", "dictionary", "--json"]).json();
    for table in ["calls", "contacts", "activities"] {
        let columns = dictionary[table].as_array().unwrap();
        assert!(
            columns
                .iter()
                .all(|one| !one["about"].as_str().unwrap().is_empty())
        );
    }
    let text = desk.run(&["export", "dictionary"]).done();
    assert!(
        text.contains("caller") && text.contains("identity, never published"),
        "{text}"
    );
}
