//! What stands in the way of a start is told with what to do about it.

use std::net::{TcpListener, UdpSocket};

use crate::process::Process;
use crate::server::{Place, SOON, Setup};
use crate::sipp::Phone;

/// What a server says that cannot start.
fn told(place: &Place) -> String {
    let mut process = Process::start("cargo build", &mut place.command(&["serve"]));
    assert_eq!(process.ends(SOON).code(), Some(1), "{}", process.said());
    process.says("", SOON);
    process.said()
}

#[test]
fn a_port_that_another_program_has() {
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let place = Setup::new()
        .listen(&format!("\"udp://{address}\""))
        .lay_out();
    let text = told(&place);
    assert!(text.contains(&format!("udp {address}")), "{text}");
    assert!(text.contains("[sip] listen"), "{text}");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let place = Setup::new()
        .listen(&format!("\"tcp://{address}\""))
        .lay_out();
    let text = told(&place);
    assert!(
        text.contains(&format!("tcp {address}")) && text.contains("[sip] listen"),
        "{text}"
    );
}

#[test]
fn dialplans_that_are_missing_or_broken() {
    let place = Setup::new().lay_out();
    let plan = std::fs::read_to_string(place.plan_file()).unwrap();
    std::fs::write(
        place.plan_file(),
        plan.replace("queue = \"children\", greet", "queue = \"childrn\", greet"),
    )
    .unwrap();
    let text = told(&place);
    assert!(
        text.contains("helpline.toml:") && text.contains("childrn"),
        "{text}"
    );
    std::fs::remove_dir_all(place.path().join("dialplans")).unwrap();
    let text = told(&place);
    assert!(
        text.contains("dialplans") && text.contains("[dialplans] dir"),
        "{text}"
    );
}

#[test]
fn a_data_folder_that_is_none() {
    let place = Setup::new().lay_out();
    // A file where the folder should be: root may write everywhere else.
    std::fs::write(place.path().join("data"), "no folder").unwrap();
    let text = told(&place);
    assert!(
        text.contains("data") && text.contains("[storage] data"),
        "{text}"
    );
}

#[test]
fn a_second_server_on_the_same_data() {
    let server = Setup::new().start();
    let mut second = Process::start("cargo build", &mut server.place.command(&["serve"]));
    // What it says is read by a thread that may come behind its end.
    second.says("runs", SOON);
    assert_eq!(second.ends(SOON).code(), Some(1));
    assert_eq!(server.count("calls"), 0, "the first one goes on");
}

#[test]
fn a_database_that_is_none_is_told_and_calls_are_answered_all_the_same() {
    let place = Setup::new().lay_out();
    std::fs::create_dir_all(place.path().join("data")).unwrap();
    std::fs::write(
        place.path().join("data/qaynar.db"),
        "this is no database".repeat(100),
    )
    .unwrap();
    let server = place.start();
    server.logs(&["qaynar.db"]);
    let mut caller = Phone::caller(&server, "0501234567", "116111", 350);
    caller.is_hung_up_on();
    let (_, status) = server.run(&["status"]);
    assert!(
        status.contains("FAULT") && status.contains("qaynar.db"),
        "{status}"
    );
}

#[test]
fn with_a_broken_dialplan_the_last_good_version_runs_loudly() {
    let server = Setup::new().start();
    let live = server.status()["plan"].clone();
    let file = server.place.plan_file();
    let good = std::fs::read_to_string(&file).unwrap();
    std::fs::write(
        &file,
        good.replace("start = \"welcome\"", "start = \"welcom\""),
    )
    .unwrap();
    let server = server.crash_and_start();
    server.logs(&["THE DIALPLAN ON DISK IS BROKEN"]);
    server.logs(&["helpline.toml:", "welcom"]);
    assert_eq!(server.status()["plan"], live);
    let mut caller = Phone::caller(&server, "0501234567", "116111", 350);
    caller.is_hung_up_on();
    server.records(1)[0].ended("completed", "server");
    // Nor does apply make it live, and calls go on.
    let (well, text) = server.run(&["apply"]);
    assert!(
        !well && text.contains("NOT LIVE") && text.contains("helpline.toml:"),
        "{text}"
    );
    std::fs::write(&file, good).unwrap();
    let (well, text) = server.run(&["apply"]);
    assert!(well && text.contains("LIVE"), "{text}");
}
