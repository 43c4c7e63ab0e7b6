//! `qaynar report` as a user runs it.

use std::process::{Command, Output};

use crate::fixture::{House, half_year};

fn qaynar(house: &House, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_qaynar"))
        .arg("--config")
        .arg(house.path("qaynar.toml"))
        .args(arguments)
        .output()
        .unwrap()
}

fn printed(house: &House, arguments: &[&str]) -> String {
    let output = qaynar(house, arguments);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{told}");
    String::from_utf8(output.stdout).unwrap()
}

fn refused(house: &House, arguments: &[&str]) -> String {
    let output = qaynar(house, arguments);
    assert!(!output.status.success());
    assert!(output.stdout.is_empty());
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn june_is_printed_for_a_terminal() {
    let text = printed(
        half_year(),
        &[
            "report",
            "--from",
            "2021-06-01",
            "--to",
            "2021-06-30",
            "--lang",
            "az",
        ],
    );
    for line in [
        "Azərbaycan “Uşaq Qaynar Xətt” xidmətinin hesabatı\niyun 2021\n",
        "Zənglər (bütün kanallar üzrə müraciətlər)  375  100,0%       500  −125          –     –",
        "  Hüquqi                                    99   26,4%        95    +4",
        "+994506802280",
        "Səssiz",
    ] {
        assert!(text.contains(line), "{line} in\n{text}");
    }
}

#[test]
fn json_has_each_figure_by_its_key() {
    let text = printed(
        half_year(),
        &[
            "report", "--from", "2021-06", "--format", "json", "--lang", "en",
        ],
    );
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["format"], 1);
    assert_eq!(json["period"]["from"], "2021-06-01");
    assert_eq!(json["period"]["text"], "June 2021");
    assert_eq!(
        (
            &json["previous"]["recorded"],
            &json["year_before"]["recorded"]
        ),
        (&true.into(), &false.into())
    );
    assert_eq!(
        json["counts"],
        serde_json::json!(["counselling", "information"])
    );
    let legal = serde_json::json!({"count": 99, "previous": 95, "year_before": null});
    assert_eq!(json["figures"]["topic.legal"], legal);
    assert_eq!(json["sections"][1]["key"], "overview");
}

#[test]
fn csv_has_a_line_for_each_cell() {
    let text = printed(
        half_year(),
        &["report", "--from", "2021-06", "--format", "csv"],
    );
    let text = text.strip_prefix('\u{feff}').unwrap();
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let legal = rows
        .iter()
        .find(|row| &row[1] == "overview" && &row[8] == "topic.legal")
        .unwrap();
    let told: Vec<&str> = legal.iter().skip(3).collect();
    assert_eq!(
        told,
        ["Hüquqi", "count", "count", "99", "99", "topic.legal"]
    );
}

#[test]
fn the_records_behind_a_figure_are_listed() {
    let all = ["report", "--from", "2021-06", "--ids"];
    let with = |figure| printed(half_year(), &[&all[..], &[figure]].concat());
    assert_eq!(with("topic.legal").lines().count(), 99);
    assert_eq!(with("activity.rehabilitation").lines().count(), 11);
    assert_eq!(with("tag.health access").lines().count(), 3);
    assert_eq!(with("tag.disability allowance"), "");
    let told = refused(half_year(), &[&all[..], &["topic.legl"]].concat());
    assert!(
        told.contains("no figure \"topic.legl\"") && told.contains("topic.legal"),
        "{told}"
    );
}

#[test]
fn which_types_count_is_a_setting() {
    let house = House::new();
    let text = "[report]\ncounts = [\"counselling\", \"information\", \"silent\"]\n";
    std::fs::write(house.path("qaynar.toml"), text).unwrap();
    let copy = std::fs::copy(
        half_year().path("data/qaynar.db"),
        house.path("data/qaynar.db"),
    );
    copy.unwrap();
    let text = printed(&house, &["report", "--from", "2021-06", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["figures"]["total"]["count"], 381);
    std::fs::write(
        house.path("qaynar.toml"),
        "[report]\ncounts = [\"quiet\"]\n",
    )
    .unwrap();
    let told = refused(&house, &["report", "--from", "2021-06"]);
    assert!(
        told.contains("qaynar.toml:2") && told.contains("silent"),
        "{told}"
    );
}

#[test]
fn a_file_is_written_in_the_form_that_its_name_says() {
    let house = half_year();
    let path = house.path("june.json");
    let file = path.to_str().unwrap();
    printed(house, &["report", "--from", "2021-06", "--output", file]);
    assert!(std::fs::read_to_string(&path).unwrap().starts_with('{'));
    for (name, begins) in [
        ("june.pdf", "%PDF"),
        ("june.xlsx", "PK"),
        ("june.html", "<!"),
    ] {
        let path = house.path(name);
        let output = path.to_str().unwrap();
        printed(house, &["report", "--from", "2021-06", "--output", output]);
        let made = std::fs::read(&path).unwrap();
        assert!(made.starts_with(begins.as_bytes()), "{name}");
    }
    let told = refused(
        house,
        &["report", "--from", "2021-06", "--output", "june.doc"],
    );
    assert!(told.contains(".doc") && told.contains("--format"), "{told}");
}

#[test]
fn what_cannot_be_reported_is_told_with_the_way_out() {
    let house = half_year();
    for (arguments, told) in [
        (&["--from", "2021-02-29"][..], "28 days"),
        (
            &["--from", "2021-06", "--to", "2021-05"],
            "swap --from and --to",
        ),
        (&["--from", "June"], "2021-06-01"),
        (&["--from", "2021-06", "--lang", "de"], "az, ru and en"),
    ] {
        let fault = refused(house, &[&["report"][..], arguments].concat());
        assert!(fault.contains(told), "{fault}");
    }
}

#[test]
fn ten_years_and_an_empty_database_are_reported() {
    let text = printed(
        half_year(),
        &["report", "--from", "2012", "--to", "2021", "--lang", "en"],
    );
    assert!(text.contains("2763") || text.contains("2,763"), "{text}");
    let empty = printed(
        &House::new(),
        &["report", "--from", "2021-06", "--lang", "en"],
    );
    assert!(
        empty.contains("no contact was recorded that counts"),
        "{empty}"
    );
    assert!(
        empty.contains("There are no records of May 2021"),
        "{empty}"
    );
    let future = printed(half_year(), &["report", "--from", "2199", "--lang", "en"]);
    assert!(future.contains("The period has not begun."), "{future}");
}
