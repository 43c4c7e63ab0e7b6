//! Files of contacts and activities.

use crate::desk::{Desk, data};

fn counts(desk: &Desk, what: &str, file: &str) -> [u64; 4] {
    let printed = desk.run(&["import", what, file, "--json"]);
    let told: serde_json::Value = serde_json::from_str(&printed.out).unwrap();
    ["added", "changed", "unchanged", "refused"].map(|name| told[name].as_u64().unwrap())
}

#[test]
fn the_half_year_of_2021_comes_in_whole_and_a_second_time_changes_nothing() {
    let desk = Desk::new();
    let contacts = data("contacts-2021-h1.csv").display().to_string();
    let told = desk.run(&["import", "contacts", &contacts]).done();
    assert!(
        told.contains("2943 rows: 2943 added, 0 changed, 0 there already, 0 refused"),
        "{told}"
    );
    assert_eq!(counts(&desk, "contacts", &contacts), [0, 0, 2943, 0]);
    let activities = data("activities-2021-h1.csv").display().to_string();
    assert_eq!(counts(&desk, "activities", &activities), [148, 0, 0, 0]);
    assert_eq!(counts(&desk, "activities", &activities), [0, 0, 148, 0]);
    let june = [
        "contact",
        "list",
        "--from",
        "2021-06-01",
        "--to",
        "2021-06-30",
        "--limit",
        "10000",
        "--json",
    ];
    let june = desk.run(&june).json();
    let counted = june.as_array().unwrap().iter().filter(|one| {
        ["counselling", "information"].contains(&one["contact_type"].as_str().unwrap_or_default())
    });
    assert_eq!(counted.count(), 375, "as published");
    let training = desk
        .run(&[
            "activity",
            "list",
            "--from",
            "2021-06-22",
            "--to",
            "2021-06-22",
        ])
        .done();
    assert!(
        training.contains("Bağlılıq, Tənzimləmə və Səriştəlilik"),
        "{training}"
    );
}

#[test]
fn a_file_of_a_spreadsheet_has_a_mark_semicolons_and_other_line_ends() {
    let desk = Desk::new();
    let text = "\u{feff}contact_id;opened_at;channel;notes;issues\r\n\
                a1;2021-06-01T00:30:00+04:00;webchat;\"ə; ğ \"\"ı\"\"\nş\";\"exams;custody\"\r\n\
                a2;2021-06-01T00:31:00+04:00;sms;;\r\n;;;;\r\n\r\n";
    let file = desk.file("a.csv", text);
    assert_eq!(counts(&desk, "contacts", &file), [2, 0, 0, 0]);
    let contact = desk.contact("a1");
    assert_eq!(contact.notes.as_deref(), Some("ə; ğ \"ı\"\nş"));
    assert_eq!(contact.issues, ["exams", "custody"]);
    assert_eq!(
        contact.taxonomy, 2,
        "the newest, where there is no such column"
    );
}

/// A good row, then bad ones; the numbers of lines count a cell of two lines.
const MIXED: &str = "contact_id,opened_at,channel,party,age,topic,taxonomy,notes\n\
    good,2021-06-01T00:30:00Z,phone,child,12,legal,1,\"two\nlines\"\n\
    forty,2021-06-01T00:30:00Z,phone,child,40,legal,1,\n\
    fax,2021-06-01T00:30:00Z,fax,child,x,legal,1,\n\
    short,2021-06-01T00:30:00Z,phone\n\
    good,2021-06-01T00:30:00Z,phone,child,13,legal,1,\n\
    gone,2021-06-01T00:30:00Z,phone,child,13,violence,1,\n\
    future,2999-06-01T00:30:00Z,phone,child,13,legal,7,\n\
    last,2021-06-01T00:30:00Z,phone,adult,,legal,1,\n";

#[test]
fn bad_rows_are_told_by_line_and_the_good_ones_taken_or_none() {
    let desk = Desk::new();
    let file = desk.file("mixed.csv", MIXED);
    let strict = desk.run(&["import", "contacts", &file, "--strict"]);
    strict.refused(&["8 rows, 6 refused; nothing is imported", "mixed.csv:4: "]);
    assert_eq!(desk.found("good"), None);
    let told = desk.run(&["import", "contacts", &file]).refused(&[
        "mixed.csv:4: the party is a child, and of 40 years",
        "mixed.csv:5: channel: \"fax\" is no channel",
        "; age: \"x\" is no age",
        "mixed.csv:6: it has 3 cells, the header 8",
        "mixed.csv:7: the id good is in this file twice",
        "mixed.csv:8: taxonomy 1 has no topic \"violence\"; it is one of taxonomy 2",
        "mixed.csv:9: it begins in the future",
        "there is no taxonomy 7",
        "8 rows: 2 added, 0 changed, 0 there already, 6 refused",
    ]);
    assert!(!told.contains("mixed.csv:2:"), "{told}");
    assert_eq!(desk.contact("good").age, Some(12));
    assert!(desk.found("last").is_some());
    let told = desk.run(&["import", "contacts", &file, "--json"]);
    let told: serde_json::Value = serde_json::from_str(&told.out).unwrap();
    assert_eq!(
        (&told["unchanged"], &told["refused_rows"][0]["line"]),
        (&2.into(), &4.into())
    );
}

#[test]
fn a_corrected_file_changes_what_an_import_wrote_and_nothing_that_people_wrote() {
    let desk = Desk::new();
    let file = |age: &str| {
        let text = format!(
            "contact_id,opened_at,channel,age\na1,2021-06-01T00:30:00Z,sms,{age}\nb1,2021-06-01T00:30:00Z,sms,{age}\n"
        );
        desk.file("a.csv", text)
    };
    assert_eq!(counts(&desk, "contacts", &file("30")), [2, 0, 0, 0]);
    desk.run(&[
        "contact",
        "set",
        "b1",
        "notes=zəng etdi",
        "--version",
        "1",
        "--by",
        "leyla",
    ])
    .done();
    // The same again says nothing new.
    assert_eq!(counts(&desk, "contacts", &file("30")), [0, 0, 2, 0]);
    let told = desk
        .run(&["import", "contacts", &file("31")])
        .refused(&["contact b1 was written by leyla", "nothing is overwritten"]);
    assert!(
        told.contains("1 changed") && told.contains("a.csv:3: "),
        "{told}"
    );
    let (first, second) = (desk.contact("a1"), desk.contact("b1"));
    assert_eq!((first.age, first.version), (Some(31), 2));
    assert_eq!(
        (second.age, second.notes.as_deref()),
        (Some(30), Some("zəng etdi"))
    );
}

#[test]
fn a_file_that_is_none_is_told_with_the_way_out() {
    let desk = Desk::new();
    let import = |name: &str, text: &[u8]| {
        let file = desk.file(name, text);
        desk.run(&["import", "contacts", &file])
    };
    import("empty.csv", b"").refused(&["empty.csv:1: ", "no column \"contact_id\""]);
    import("typo.csv", b"contact_id,opened_at,chanel\n")
        .refused(&["no field \"chanel\"", "channel"]);
    import("wide.csv", b"\xFF\xFEc\0").refused(&["UTF-16", "CSV UTF-8"]);
    let latin = b"contact_id,opened_at,channel,notes\na,2021-06-01T00:30:00Z,sms,\xFE\n";
    import("latin.csv", latin).refused(&["latin.csv:2: cell 4 is not UTF-8"]);
    let mut open = b"contact_id,opened_at,channel\n\"a".to_vec();
    open.resize(3 << 20, b'x');
    import("open.csv", &open).refused(&["open.csv:", "close its quotation mark"]);
    desk.run(&["import", "contacts", "nowhere.csv"])
        .refused(&["nowhere.csv", "may read"]);
}
