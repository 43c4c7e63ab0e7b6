//! Contacts, activities and taxonomies as a user of the commands meets them.

use serde_json::Value;

use crate::desk::Desk;

/// One that came by chat; its id.
fn chat(desk: &Desk) -> String {
    let fields = [
        "channel=webchat",
        "party=child",
        "age=12",
        "topic=education",
        "contact_type=counselling",
    ];
    let mut arguments = vec!["contact", "add", "--json", "--by", "leyla"];
    arguments.extend(fields);
    desk.run(&arguments).json()["id"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[test]
fn a_contact_is_written_down_shown_changed_and_its_history_told() {
    let desk = Desk::new();
    let id = chat(&desk);
    assert!(id.starts_with("H-"), "{id}");
    let told = desk.run(&[
        "contact",
        "set",
        &id,
        "notes=sakit idi",
        "language=az",
        "--version",
        "1",
        "--by",
        "aysel",
    ]);
    assert!(told.done().contains("is at version 2"));
    let shown = desk.run(&["contact", "show", &id, "--json"]).json();
    assert_eq!((&shown["version"], &shown["age"]), (&2.into(), &12.into()));
    assert_eq!(
        (&shown["notes"], &shown["changed_by"]),
        (&"sakit idi".into(), &"aysel".into())
    );
    assert_eq!(
        (&shown["topic"], &shown["caller"]),
        (&"education".into(), &Value::Null)
    );
    let shown = desk.run(&["contact", "show", &id]).done();
    assert!(shown.contains("version 2, by aysel"), "{shown}");
    assert!(shown.contains("notes          sakit idi"), "{shown}");
    let history = desk.run(&["contact", "history", &id]).done();
    assert!(history.contains("version 1, by leyla"), "{history}");
    assert!(history.contains("notes: \"\" → \"sakit idi\""), "{history}");
    let all = desk.run(&["contact", "list", "--json"]).json();
    assert_eq!(
        (all.as_array().unwrap().len(), &all[0]["id"]),
        (1, &id.as_str().into())
    );
    assert_eq!(
        desk.run(&["contact", "list", "--unfilled", "--json"])
            .done(),
        "[]\n"
    );
    assert!(
        desk.run(&["contact", "list", "--to", "2020-01-01"])
            .done()
            .contains("0 contacts")
    );
    desk.run(&["contact", "show", "nobody"])
        .refused(&["no contact nobody", "qaynar contact list"]);
}

#[test]
fn the_second_of_two_who_write_at_once_sees_both_sides_and_overwrites_nothing() {
    let desk = Desk::new();
    let id = chat(&desk);
    let set = |field: &str, by: &str, more: &[&str]| {
        let mut arguments = vec!["contact", "set", &id, field, "--version", "1", "--by", by];
        arguments.extend(more);
        desk.run(&arguments)
    };
    set("topic=legal", "aysel", &[]).done();
    set("topic=social", "murad", &[]).refused(&[
        "changed by aysel",
        "you saw 1",
        "topic: you saw \"education\", now it is \"legal\", you wanted \"social\"",
        "--version 2",
    ]);
    let printed = set("topic=social", "murad", &["--json"]);
    assert!(!printed.good);
    let told: Value = serde_json::from_str(&printed.out).unwrap();
    let differs = &told["conflict"]["differences"][0];
    assert_eq!(
        (&differs["now"], &differs["wanted"]),
        (&"legal".into(), &"social".into())
    );
    assert_eq!(told["conflict"]["version"], 2);
    let contact = desk.contact(&id);
    assert_eq!(
        (contact.version, contact.topic.as_deref()),
        (2, Some("legal"))
    );
}

#[test]
fn what_contradicts_itself_is_refused_with_the_way_out_and_nothing_is_lost() {
    let desk = Desk::new();
    let add = |fields: &[&str]| {
        let mut arguments = vec!["contact", "add", "channel=phone"];
        arguments.extend(fields);
        desk.run(&arguments)
    };
    add(&["party=child", "age=40"]).refused(&["a child, and of 40 years", "correct party or age"]);
    add(&["opened_at=2999-01-01T00:00:00Z"]).refused(&["in the future"]);
    add(&["taxonomy=9"]).refused(&["no taxonomy 9", "1, 2"]);
    add(&["taxonomy=1", "topic=violence"]).refused(&["no topic \"violence\"", "of taxonomy 2"]);
    add(&["topic=sport"]).refused(&["no topic \"sport\"", "qaynar taxonomy show"]);
    add(&["colour=red"]).refused(&["no field \"colour\"", "child_age"]);
    add(&["age=old"]).refused(&["age: \"old\" is no age"]);
    add(&["case_id=4"]).refused(&["no case 4", "qaynar case list"]);
    add(&["opened_at=2023-02-29T10:00:00+04:00"]).refused(&["is no moment"]);
    desk.run(&["contact", "add", "topic=legal"])
        .refused(&["channel=", "walk-in"]);
    assert_eq!(desk.run(&["contact", "list", "--json"]).done(), "[]\n");
    add(&["opened_at=2024-02-29T23:59:59+04:00", "--id", "leap"]).done();
    assert!(desk.found("leap").is_some());
    add(&["--id", "leap"]).refused(&["a contact leap already"]);
    let told = add(&["party=child", "contact_type=counselling"]).done();
    assert!(
        told.contains("doubtful: it counts toward the total and has no topic"),
        "{told}"
    );
}

#[test]
fn a_contact_of_high_risk_is_escalated_and_what_came_of_it_written_down() {
    let desk = Desk::new();
    desk.run(&["contact", "add", "channel=phone", "risk=high", "--id", "a1"])
        .done();
    let shown = desk.run(&["contact", "show", "a1"]).done();
    assert!(
        shown.contains("missing: a contact of high risk needs an escalation"),
        "{shown}"
    );
    let told = desk.run(&[
        "contact",
        "escalate",
        "a1",
        "--to",
        "polis 102",
        "--by",
        "leyla",
    ]);
    assert!(told.done().contains("--number 1"));
    let outcome = [
        "contact",
        "escalate",
        "a1",
        "--number",
        "1",
        "--outcome",
        "uşaq evdədir",
        "--json",
    ];
    let all = desk.run(&outcome).json();
    assert_eq!(
        (&all[0]["to"], &all[0]["outcome"]),
        (&"polis 102".into(), &"uşaq evdədir".into())
    );
    let shown = desk.run(&["contact", "show", "a1"]).done();
    assert!(
        shown.contains("escalation 1: to polis 102, by leyla") && !shown.contains("missing"),
        "{shown}"
    );
    let nobody = [
        "contact",
        "escalate",
        "a1",
        "--number",
        "2",
        "--outcome",
        "x",
    ];
    desk.run(&nobody).refused(&["no escalation 2"]);
}

#[test]
fn a_taxonomy_is_added_and_contacts_written_with_an_older_one_keep_it() {
    let desk = Desk::new();
    desk.run(&[
        "contact",
        "add",
        "channel=phone",
        "topic=violence",
        "--id",
        "a1",
    ])
    .done();
    let second = desk.run(&["taxonomy", "show"]).done();
    let third = second
        .replace("version = 2", "version = 3")
        .replace("\"violence\"", "\"protection\"");
    let file = desk.file("third.toml", &third);
    desk.run(&["taxonomy", "add", &file]).done();
    let listed = desk.run(&["taxonomy", "list"]).done();
    assert!(
        listed.contains("3: ") && listed.contains("(added here)"),
        "{listed}"
    );
    assert_eq!(
        desk.run(&["taxonomy", "list", "--json"])
            .json()
            .as_array()
            .unwrap()
            .len(),
        3
    );
    // The topic is deleted; what was written with it stays, and can be changed on.
    desk.run(&["contact", "set", "a1", "age=30", "--version", "1"])
        .done();
    desk.run(&["contact", "set", "a1", "taxonomy=3", "--version", "2"])
        .refused(&["taxonomy 3 has no topic \"violence\"", "of taxonomy 2"]);
    desk.run(&["taxonomy", "add", &file]).refused(&[
        "third.toml",
        "a taxonomy 3 already",
        "version 4",
    ]);
    let broken = desk.file("broken.toml", "version = 4");
    desk.run(&["taxonomy", "add", &broken])
        .refused(&["broken.toml", "topics"]);
}

#[test]
fn activities_are_added_listed_and_removed() {
    let desk = Desk::new();
    let add = [
        "activity",
        "add",
        "--kind",
        "webinar",
        "--on",
        "2021-06-22",
        "--until",
        "2021-06-24",
        "--title",
        "Təlim",
        "--id",
        "w1",
    ];
    assert!(
        desk.run(&add)
            .done()
            .contains("2021-06-22 to 2021-06-24  w1  webinar  Təlim")
    );
    desk.run(&add).refused(&["an activity w1 already"]);
    let june = [
        "activity",
        "list",
        "--from",
        "2021-06-01",
        "--to",
        "2021-06-30",
        "--json",
    ];
    assert_eq!(desk.run(&june).json()[0]["title"], "Təlim");
    assert!(
        desk.run(&["activity", "list", "--from", "2021-06-23"])
            .done()
            .starts_with("0 activities")
    );
    desk.run(&["activity", "add", "--kind", "webinar", "--on", "2999-01-01"])
        .refused(&["in the future"]);
    desk.run(&["activity", "remove", "w1"]).done();
    desk.run(&["activity", "remove", "w1"])
        .refused(&["no activity \"w1\""]);
}

#[test]
fn a_database_of_a_newer_program_is_left_alone() {
    let desk = Desk::new();
    desk.run(&["contact", "add", "channel=phone", "--id", "a1"])
        .done();
    let mut sql = qaynar::store::sql::Sql::open(&desk.at()).unwrap();
    let newer =
        "INSERT INTO schema_version (version, applied, least) VALUES (999, 'tomorrow', 999)";
    sql.execute(newer, &[]).unwrap();
    desk.run(&["contact", "list"])
        .refused(&["version 999", "run the newer qaynar"]);
    let file = desk.file(
        "a.csv",
        "contact_id,opened_at,channel\nb,2021-06-01T00:00:00Z,sms\n",
    );
    desk.run(&["import", "contacts", &file])
        .refused(&["run the newer qaynar"]);
}
