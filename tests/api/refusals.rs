//! Who is let in, and how what cannot be done is told.

use serde_json::{Value, json};

use crate::client::{ALL, Client, house, token};

#[test]
fn nothing_is_told_without_a_token_and_only_what_its_scopes_allow() {
    let house = house("");
    let narrow = token(&house, "narrow", &["reports:read"]);
    let server = house.serve();
    let (stranger, narrow) = (Client::new(&server, ""), Client::new(&server, &narrow));
    let document = stranger.get("/api/openapi.json").done(200).body;
    let printed = house.run(&["schema", "--api"], "").stdout;
    let printed: Value = serde_json::from_slice(&printed).unwrap();
    assert_eq!(document, printed);
    let mut asked = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            let path = path.replace(['{', '}'], "");
            let query = match (path.as_str(), method.as_str()) {
                ("/api/activities", "get") => "?from=2026-01-01&to=2026-01-02",
                _ => "",
            };
            let method = method.to_uppercase();
            let headers = [("Content-Type", "application/json"), ("If-Match", "\"1\"")];
            let body = ["POST", "PATCH"].contains(&method.as_str()).then_some("{}");
            let path = format!("{path}{query}");
            let refused = stranger.ask(&method, &path, &headers, body);
            let refused = refused.refused(401, "qaynar token add");
            assert!(refused.header("www-authenticate").starts_with("Bearer"));
            if !path.starts_with("/api/report") {
                let refused = narrow.ask(&method, &path, &headers, body);
                refused.refused(403, "has no scope");
            }
            asked += 1;
        }
    }
    assert!(asked >= 14, "{asked}");
}

#[test]
fn a_token_that_was_removed_or_has_ended_opens_nothing_any_more() {
    let house = house("");
    let text = token(&house, "crm", ALL);
    let server = house.serve();
    let client = Client::new(&server, &text);
    client.get("/api/calls").done(200);
    Client::new(&server, &format!("{text}x"))
        .get("/api/calls")
        .refused(401, "Bearer");
    let done = house.run(&["token", "remove", "crm"], "");
    assert!(done.status.success(), "{done:?}");
    client.get("/api/calls").refused(401, "Bearer");
}

#[test]
fn what_cannot_be_done_is_told_with_the_way_out() {
    let house = house("");
    let text = token(&house, "crm", ALL);
    let server = house.serve();
    let client = Client::new(&server, &text);
    let json = ("Content-Type", "application/json");
    client.get("/api/nothing").refused(404, "openapi.json");
    let wrong = client.ask("DELETE", "/api/calls", &[], None);
    let wrong = wrong.refused(405, "DELETE does nothing here");
    assert!(wrong.header("allow").contains("GET"), "{:?}", wrong.head);
    client.get("/api/calls/x").refused(404, "not a call's id");
    client
        .get("/api/calls/0000000000000")
        .refused(404, "there is no call");
    client.get("/api/calls?limit=0").refused(400, "1 to 1000");
    client.get("/api/calls?day=monday").refused(400, "day");
    client
        .get("/api/calls?from=yesterday")
        .refused(400, "no moment with an offset");
    client
        .get("/api/calls?after=x")
        .refused(400, "leave it out");
    client.get("/api/contacts/K-1").refused(404, "no contact");
    let text = [("Content-Type", "text/plain")];
    client
        .ask("POST", "/api/contacts", &text, Some("{}"))
        .refused(415, "application/json");
    client
        .ask("POST", "/api/contacts", &[json], Some("{"))
        .refused(400, "no JSON");
    client
        .ask("POST", "/api/contacts", &[json], Some("[]"))
        .refused(422, "map");
    let long = json!({ "channel": "sms", "notes": "x".repeat(300 << 10) });
    client.post("/api/contacts", long).refused(413, "too long");
    client
        .post("/api/contacts", json!({ "notes": "x" }))
        .refused(422, "channel");
    let strange = json!({ "channel": "sms", "phone": "0501234567", "age": "many" });
    let told = client.post("/api/contacts", strange).refused(422, "");
    assert_eq!(told.body["errors"].as_array().unwrap().len(), 2);
    client
        .get("/api/activities?from=2026-02-30&to=2026-03-01")
        .refused(400, "from");
}

/// Who sends nothing keeps nobody else out.
#[test]
fn connections_that_say_nothing_are_closed_and_others_are_served_meanwhile() {
    let house = house("");
    let text = token(&house, "crm", ALL);
    let server = house.serve();
    let silent: Vec<_> = (0..40).map(|_| server.connect_by("api")).collect();
    Client::new(&server, &text).get("/api/calls").done(200);
    drop(silent);
}
