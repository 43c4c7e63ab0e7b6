//! Contacts, activities and calls over the API.

use serde_json::json;

use crate::client::{ALL, Client, house, token};

#[test]
fn a_contact_is_added_changed_by_versions_and_nobody_overwrites_what_they_have_not_seen() {
    let house = house("");
    let text = token(&house, "crm", ALL);
    let server = house.serve();
    let client = Client::new(&server, &text);
    let wanted = json!({
        "id": "W-1", "channel": "webchat", "opened_at": "2026-11-23T03:00:00+04:00", "party": "child", "age": 12,
        "issues": [], "language": "az", "anonymous": true,
    });
    let added = client.post("/api/contacts", wanted.clone()).done(201);
    assert_eq!(added.header("location"), "/api/contacts/W-1");
    assert_eq!(
        (added.header("etag"), &added.body["version"]),
        ("\"1\"", &json!(1))
    );
    assert_eq!(added.body["opened_at"], "2026-11-22T23:00:00Z");
    assert_eq!(added.body["doubts"][0]["kind"], "not-filled-in");
    client
        .post("/api/contacts", wanted)
        .refused(409, "as it was");

    let path = "/api/contacts/W-1";
    let same = client.ask("GET", path, &[("If-None-Match", "\"1\"")], None);
    assert_eq!(same.status, 304);
    let json_alone = [("Content-Type", "application/json")];
    client
        .ask("PATCH", path, &json_alone, Some("{\"age\": 13}"))
        .refused(428, "If-Match");
    client
        .patch(path, "*", json!({ "age": 13 }))
        .refused(428, "If-Match");
    let first = json!({ "age": 13, "notes": "talked about school" });
    let changed = client.patch(path, "\"1\"", first.clone()).done(200);
    assert_eq!(
        (changed.header("etag"), &changed.body["age"]),
        ("\"2\"", &json!(13))
    );
    assert_eq!(changed.body["language"], "az", "what was not sent stays");
    let again = client.patch(path, "\"2\"", first).done(200);
    assert_eq!(again.header("etag"), "\"2\"", "nothing was changed");

    let late = client.patch(path, "\"1\"", json!({ "age": 14 }));
    let late = late.refused(412, "changed by crm while you wrote");
    assert_eq!(late.body["current"]["version"], 2);
    let age = json!({ "field": "age", "seen": "12", "now": "13", "wanted": "14" });
    assert!(late.body["differences"].as_array().unwrap().contains(&age));

    let child = json!({ "age": 40 });
    let told = client.patch(path, "\"2\"", child).refused(422, "child");
    assert_eq!(told.body["errors"][0]["kind"], "child-of-age");
    let topic = json!({ "topic": "gone" });
    client.patch(path, "\"2\"", topic).refused(422, "no topic");
    let case = json!({ "case_id": 77 });
    client.patch(path, "\"2\"", case).refused(422, "no case 77");
    let future = json!({ "opened_at": "2100-01-01T00:00:00Z" });
    client.patch(path, "\"2\"", future).refused(422, "future");

    let history = client.get("/api/contacts/W-1/history").done(200).body;
    let versions = history["versions"].as_array().unwrap();
    assert_eq!(versions.len(), 2);
    assert_eq!(versions[0]["contact"]["age"], 12);
    assert_eq!(versions[1]["by"], "crm");
    assert_eq!(client.get(path).done(200).body["age"], 13);
}

#[test]
fn pages_lead_through_all_contacts_once() {
    let house = house("");
    let text = token(&house, "crm", ALL);
    let server = house.serve();
    let client = Client::new(&server, &text);
    for number in 0..12 {
        let wanted = json!({
            "id": format!("W-{number:02}"), "channel": "sms", "opened_at": "2026-11-22T23:00:00Z",
        });
        client.post("/api/contacts", wanted).done(201);
    }
    let (mut path, mut seen) = ("/api/contacts?limit=5".to_owned(), Vec::new());
    loop {
        let page = client.get(&path).done(200).body;
        let items = page["items"].as_array().unwrap();
        seen.extend(
            items
                .iter()
                .map(|one| one["id"].as_str().unwrap().to_owned()),
        );
        let Some(next) = page["next"].as_str() else {
            break;
        };
        path = format!("/api/contacts?limit=5&after={next}");
    }
    let expected: Vec<String> = (0..12)
        .rev()
        .map(|number| format!("W-{number:02}"))
        .collect();
    assert_eq!(seen, expected);
    let none = client
        .get("/api/contacts?from=2026-11-23T00:00:00Z")
        .done(200);
    assert_eq!(none.body["items"], json!([]));
    let filled = client.get("/api/contacts?unfilled=true&limit=3").done(200);
    assert_eq!(filled.body["items"].as_array().unwrap().len(), 3);
}

#[test]
fn activities_are_added_listed_and_removed_and_taxonomies_told() {
    let house = house("");
    let text = token(&house, "crm", ALL);
    let server = house.serve();
    let client = Client::new(&server, &text);
    let wanted = json!({ "id": "A-1", "kind": "training", "title": "Uşaq hüquqları", "held_on": "2021-06-10" });
    client.post("/api/activities", wanted.clone()).done(201);
    client
        .post("/api/activities", wanted)
        .refused(409, "as it was");
    let wrong = json!({ "kind": "training", "held_on": "2021-02-29" });
    client.post("/api/activities", wrong).refused(422, "no day");
    let path = "/api/activities?from=2021-06-01&to=2021-06-30";
    let listed = client.get(path).done(200).body;
    assert_eq!(listed["items"][0]["title"], "Uşaq hüquqları");
    let gone = client.ask("DELETE", "/api/activities/A-1", &[], None);
    assert_eq!(gone.status, 204);
    client
        .ask("DELETE", "/api/activities/A-1", &[], None)
        .refused(404, "no activity");
    let taxonomies = client.get("/api/taxonomies").done(200).body;
    assert!(taxonomies.as_array().unwrap().len() >= 2, "{taxonomies}");
}

#[test]
fn a_contact_is_escalated_and_what_came_of_it_is_written_down() {
    let house = house("");
    let text = token(&house, "crm", ALL);
    let server = house.serve();
    let client = Client::new(&server, &text);
    let path = "/api/contacts/W-1";
    let wanted = json!({ "id": "W-1", "channel": "sms" });
    client.post("/api/contacts", wanted).done(201);
    let up = format!("{path}/escalations");
    let to = json!({ "to": "the police" });
    client.post(&up, to).done(201);
    client
        .post(&up, json!({ "to": "" }))
        .refused(422, "to: write");
    let came = json!({ "outcome": "the child is safe" });
    let first = format!("{up}/1");
    let closed = client.patch(&first, "", came.clone()).done(200).body;
    assert_eq!(closed["items"][0]["to"], "the police");
    assert_eq!(closed["items"][0]["outcome"], "the child is safe");
    client
        .patch(&format!("{up}/2"), "", came)
        .refused(404, "no escalation");
    client
        .get("/api/contacts/W-2/escalations")
        .refused(404, "no contact");
}
