//! Servers that are told what happens.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::client::{ALL, Client, house, token};
use crate::house::House;
use crate::receiver::Receiver;

const SECRET: &str = "0123456789abcdef0123456789abcdef";

fn told_house(receiver: &Receiver, events: &str) -> House {
    let house = house(&format!(
        "[[webhooks.to]]\nname = \"crm\"\nurl = \"http://{}/hook\"\nevents = [{events}]\nsecret = \"crm.secret\"",
        receiver.place
    ));
    let file = house.path().join("crm.secret");
    fs::write(&file, format!("{SECRET}\n")).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    house
}

fn listed(house: &House, more: &[&str]) -> Value {
    let arguments = [&["webhooks", "list", "--json"], more].concat();
    serde_json::from_slice(&house.run(&arguments, "").stdout).unwrap()
}

#[test]
fn what_a_server_did_not_take_is_sent_again_after_a_crash_too_signed_and_in_order() {
    let receiver = Receiver::start(500);
    let house = told_house(&receiver, "\"contact.opened\", \"contact.changed\"");
    let text = token(&house, "desk", ALL);
    let mut server = house.serve();
    let client = Client::new(&server, &text);
    let wanted = json!({ "id": "W-1", "channel": "sms", "notes": "a word in confidence" });
    client.post("/api/contacts", wanted).done(201);
    let first = receiver.next();
    assert_eq!(
        (first.id.as_str(), first.event.as_str()),
        ("W-1-v1", "contact.opened")
    );
    let change = json!({ "party": "child" });
    client.patch("/api/contacts/W-1", "\"1\"", change).done(200);
    server.kill();
    assert_eq!(listed(&house, &[])[0]["id"], "W-1-v1", "it waits");
    assert_eq!(
        listed(&house, &["--dead"]),
        json!([]),
        "nothing is given up"
    );
    let none = house.run(&["webhooks", "retry", "--to", "nobody"], "");
    assert!(!none.status.success(), "{none:?}");
    let done = house.run(&["webhooks", "retry", "--to", "crm"], "");
    assert!(done.status.success(), "{done:?}");
    receiver.answer(200);
    let _server = house.serve();
    let mut again = receiver.next();
    // What was on its way when the process ended may come once more.
    while again.id == "W-1-v1" {
        assert!(again.is_signed_by(SECRET) && !again.is_signed_by("another"));
        again = receiver.next();
    }
    assert_eq!(
        (again.id.as_str(), again.event.as_str()),
        ("W-1-v2", "contact.changed")
    );
    assert!(again.is_signed_by(SECRET));
    assert_eq!(again.body["contact"]["id"], "W-1");
    assert_eq!(again.body["by"], "desk");
    assert!(!again.body.to_string().contains("confidence"));
}

#[test]
fn a_call_is_told_with_its_record_and_never_by_number() {
    let receiver = Receiver::start(200);
    let house = told_house(&receiver, "\"call.arrived\", \"call.ended\"");
    let server = house.serve();
    let number = "0506802280";
    crate::operators::call_and_leave(&server, number);
    let arrived = receiver.next();
    assert_eq!(arrived.event, "call.arrived");
    assert!(
        arrived.body["data"]["caller"].is_string(),
        "{}",
        arrived.body
    );
    let ended = receiver.next();
    assert_eq!(ended.event, "call.ended");
    assert_eq!(ended.body["call"], arrived.body["call"]);
    assert_eq!(ended.body["record"]["call"], ended.body["call"]);
    assert!(ended.body["record"]["ended"].is_string(), "{}", ended.body);
    for told in [arrived, ended] {
        assert!(!told.body.to_string().contains("6802280"), "{}", told.body);
    }
}
