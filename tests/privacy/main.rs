//! What is known of callers, for how long, and who saw it: the built binary with real calls, and the stores at moments
//! of their own.

#![allow(
    clippy::unwrap_used,
    reason = "a test may stop where its ground is missing"
)]

mod house;
mod retention;

use house::{House, eventually};

const CHILD: &str = "sip:0501234567@127.0.0.1";
const HIDDEN: &str = "sip:anonymous@anonymous.invalid";
/// However the number may be written, this stands in it.
const DIGITS: [&str; 4] = ["501234567", "50 123 45 67", "50-123-45-67", "123 45 67"];

/// Accounts: an operator without a permission.
fn with_operator(config: &str) -> House {
    let house = House::new(config);
    house.run(&["operator", "add", "201", "--name", "Aygün"]);
    house
}

/// None of the ways to write the number is in any file.
fn is_nowhere(house: &House) {
    for digits in DIGITS {
        assert_eq!(house.holding(digits), Vec::<String>::new(), "{digits}");
    }
}

/// A call of the child, and how 201 asks for the number.
fn called(house: &House) -> String {
    let server = house.serve();
    server.call(CHILD);
    let call = house.calls(1)[0]["call"].as_str().unwrap().to_owned();
    is_nowhere(house);
    server.stop();
    call
}

fn reveal(house: &House, call: &str, more: &[&str]) -> (bool, String) {
    let asked = [
        "reveal",
        call,
        "--as",
        "201",
        "--reason",
        "a child in danger",
    ];
    house.attempt(&[&asked, more].concat())
}

#[test]
fn a_number_is_nowhere_to_be_read_but_by_who_says_why() {
    let house = with_operator("");
    let server = house.serve();
    server.call(CHILD);
    let call = house.calls(1)[0]["call"].as_str().unwrap().to_owned();
    is_nowhere(&house);
    let (shown, told) = reveal(&house, &call, &[]);
    assert!(!shown && told.contains("--break-glass"), "{told}");
    let (_, told) = eventually("the number", || {
        Some(reveal(&house, &call, &["--break-glass"])).filter(|(shown, _)| *shown)
    });
    assert!(told.starts_with("+994501234567\n"), "{told}");
    assert!(told.contains("a supervisor reviews it"), "{told}");
    let told = house.refused(&["reveal", &call, "--as", "999", "--reason", "curious"]);
    assert!(told.contains("is nobody here"), "{told}");
    let told = house.refused(&["reveal", &call, "--as", "201", "--reason", " "]);
    assert!(told.contains("say in a few words why"), "{told}");

    let list = house.json(&["audit", "list", "--json"]);
    let rows = list["rows"].as_array().unwrap().iter();
    let deeds: Vec<&str> = rows.map(|row| row["deed"].as_str().unwrap()).collect();
    assert_eq!(deeds, ["refused", "broke_glass"]);
    let pending = house.json(&["audit", "list", "--pending", "--json"]);
    let number = pending["rows"][0]["number"].to_string();
    let own = house.refused(&[
        "audit",
        "review",
        &number,
        "--as",
        "201",
        "--note",
        "all is well",
    ]);
    assert!(own.contains("review"), "{own}");
    is_nowhere(&house);
    server.stop();
}

#[test]
fn at_night_the_server_and_the_database_may_be_broken() {
    let house = with_operator("");
    let call = called(&house);
    assert!(
        reveal(&house, &call, &["--break-glass"]).0,
        "without a server"
    );
    let data = house.path().join("data");
    let database = std::fs::read(data.join("qaynar.db")).unwrap();
    for file in ["qaynar.db-wal", "qaynar.db-shm"] {
        let _ = std::fs::remove_file(data.join(file));
    }
    std::fs::write(data.join("qaynar.db"), "no database ".repeat(200)).unwrap();
    let (shown, told) = reveal(&house, &call, &["--break-glass"]);
    assert!(shown && told.starts_with("+994501234567\n"), "{told}");
    assert!(told.contains("beside the audit log"), "{told}");
    // When it is back, what was done meanwhile is in it.
    std::fs::write(data.join("qaynar.db"), database).unwrap();
    let pending = house.json(&["audit", "list", "--pending", "--json"]);
    assert_eq!(pending["rows"].as_array().unwrap().len(), 2, "{pending}");
}

#[test]
fn nothing_is_kept_where_the_configuration_says_so() {
    let house = with_operator("[privacy]\nkeep_numbers = \"0s\"");
    let server = house.serve();
    server.call(CHILD);
    let call = house.calls(1)[0]["call"].as_str().unwrap().to_owned();
    server.stop();
    let arguments = [
        "reveal",
        &call,
        "--as",
        "201",
        "--reason",
        "a child",
        "--break-glass",
    ];
    let told = house.refused(&arguments);
    assert!(told.contains("no number is kept"), "{told}");
}

#[test]
fn who_calls_again_after_a_rotation_is_the_same_caller_on_every_list() {
    let house = with_operator("");
    let server = house.serve();
    server.call(CHILD);
    let first = house.calls(1)[0].clone();
    let call = first["call"].as_str().unwrap();
    house.run(&["case", "open", "--call", call, "--operator", "201"]);
    house.run(&[
        "block", "add", "--call", call, "--for", "2h", "--list", "known",
    ]);
    let told = house.run(&["keys", "rotate"]);
    assert!(told.contains("from now on"), "{told}");
    assert!(house.refused(&["keys", "rotate"]).contains("keys retire"));
    server.call(CHILD);
    let calls = house.calls(2);
    let new = calls[1]["caller"].as_str().unwrap().to_owned();
    assert_ne!(first["caller"], new.as_str(), "a new name");
    let known = house.json(&["keys", "list", "--json"]);
    assert_eq!(
        new.chars().nth(2).unwrap().to_string(),
        known["present"].as_str().unwrap()
    );
    eventually("one caller of both calls", || {
        let calls = house.calls(2);
        (calls[0]["caller"] == new.as_str() && calls[1]["caller"] == new.as_str()).then_some(())
    });
    assert_eq!(
        house.json(&["block", "list", "--json"])[0]["caller"],
        new.as_str()
    );
    assert_eq!(
        house.json(&["case", "list", "--json"])[0]["caller"],
        new.as_str()
    );
    house.run(&["keys", "retire"]);
    server.call(CHILD);
    assert_eq!(house.calls(3)[2]["caller"], new.as_str());
    server.stop();
    // A restart names by the same keys.
    let server = house.serve();
    server.call(CHILD);
    assert_eq!(house.calls(4)[3]["caller"], new.as_str());
    server.stop();
}

#[test]
fn callers_who_hide_are_never_taken_for_one() {
    let house = with_operator("");
    let server = house.serve();
    server.call(HIDDEN);
    server.call(HIDDEN);
    let calls = house.calls(2);
    assert!(
        calls.iter().all(|call| call["caller"].is_null()),
        "{calls:?}"
    );
    let call = calls[0]["call"].as_str().unwrap();
    for arguments in [
        vec!["block", "add", "--call", call, "--for", "2h"],
        vec!["case", "open", "--call", call, "--operator", "201"],
        vec!["forget", call],
        vec![
            "reveal",
            call,
            "--as",
            "201",
            "--reason",
            "a child",
            "--break-glass",
        ],
    ] {
        let told = house.refused(&arguments);
        assert!(
            told.contains("no identity")
                || told.contains("no caller")
                || told.contains("no number"),
            "{told}"
        );
    }
    let trace = house.run(&["calls", "--call", call]);
    assert!(!trace.contains("caller: "), "{trace}");
    server.stop();
}

#[test]
fn a_caller_who_is_forgotten_is_in_no_file_any_more() {
    let house = with_operator("");
    let server = house.serve();
    server.call(CHILD);
    server.call("sip:0551234567@127.0.0.1");
    let calls = house.calls(2);
    let call = calls[0]["call"].as_str().unwrap().to_owned();
    let caller = calls[0]["caller"].as_str().unwrap().to_owned();
    let other = calls[1]["caller"].as_str().unwrap().to_owned();
    house.run(&["block", "add", "--call", &call, "--for", "2h"]);
    // A call tells its last a moment after its end.
    let told = eventually("a call that has settled", || {
        let (done, told) = house.attempt(&["forget", &call]);
        assert!(done || told.contains("a moment ago"), "{told}");
        done.then_some(told)
    });
    assert!(told.contains("forgotten: 1 calls"), "{told}");
    let calls = house.calls(2);
    assert!(calls[0]["caller"].is_null() && calls[1]["caller"] == other.as_str());
    assert_eq!(house.run(&["block", "list"]).trim(), "nobody is on a list");
    let arguments = [
        "reveal",
        &call,
        "--as",
        "201",
        "--reason",
        "a child",
        "--break-glass",
    ];
    assert!(house.refused(&arguments).contains("no number is kept"));
    assert!(
        house
            .refused(&["forget", &call])
            .contains("nothing to forget")
    );
    server.stop();
    let found = house.holding(&caller);
    let found: Vec<&String> = found
        .iter()
        .filter(|file| !file.ends_with("/log"))
        .collect();
    assert!(found.is_empty(), "{caller} is in {found:?}");
    assert!(
        !house.holding(&other).is_empty(),
        "the other one is still known"
    );
    // Nothing of it comes back with the journal.
    let server = house.serve();
    assert!(house.calls(2)[0]["caller"].is_null());
    server.stop();
}
