//! A server of the house says where calls go; one that is silent or broken holds nobody.

use std::os::unix::fs::PermissionsExt;

use crate::listeners::{Listener, Manner};
use crate::server::{HOLD, SOON, Server, Setup, tone_of};
use crate::sipp::Phone;

const CALLER: u32 = 350;

/// Calls go where `listener` says, else they hear the greeting.
fn house(listener: &Listener, within: &str) -> Server {
    let steps = format!(
        "[path.known]\nsteps = [{{ play = \"long-wait\" }}]\n\n[path.welcome]\nsteps = [\n  \
         {{ webhook = \"http://{}/route\", within = \"{within}\", go = {{ known = \"known\" }} }},\n  \
         {{ play = \"greeting\" }},",
        listener.at
    );
    let secrets = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&secrets, format!("\"{}\" = \"Bearer sirr\"", listener.at)).unwrap();
    let own = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(&secrets, own).unwrap();
    // It is read at the start.
    let config = format!("[webhooks]\nsecrets = {:?}", secrets.path());
    Setup::new()
        .plan("[path.welcome]\nsteps = [", &steps)
        .config(&config)
        .start()
}

#[test]
fn a_call_goes_where_the_server_of_the_house_says_and_it_learns_no_number() {
    let listener = Listener::new(Manner::Says(200, "{\"answer\":\"known\"}".into()));
    let server = house(&listener, "5s");
    let mut caller = Phone::caller(&server, "0501234567", "116111", CALLER);
    caller.ear.hears(tone_of("az", "long-wait"), SOON);
    caller.is_hung_up_on();
    assert!(caller.ear.never_heard(tone_of("az", "greeting")));
    let told = listener.hears(1).remove(0);
    assert!(
        told.head.starts_with("POST /route HTTP/1.1"),
        "{}",
        told.head
    );
    assert_eq!(told.header("Authorization"), Some("Bearer sirr"));
    let json = told.json();
    let keys: Vec<&String> = json.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["call", "caller", "dialled", "language", "trunk"]);
    assert_eq!(
        (&json["dialled"], &json["language"]),
        (&"116111".into(), &"az".into())
    );
    assert!(!String::from_utf8_lossy(&told.body).contains("501234567"));
    server.records(1)[0].ended("completed", "server");
    server.is_drained();
    server.tells_nobody(&["501234567"]);
}

#[test]
fn a_silent_server_of_the_house_holds_a_caller_no_longer_than_the_plan_says() {
    let listener = Listener::new(Manner::Silent);
    let server = house(&listener, "2s");
    let mut caller = Phone::caller(&server, "0501234567", "116111", CALLER);
    // After a second of silence there is music, then the call goes on.
    caller.ear.hears(HOLD, SOON);
    caller.ear.hears(tone_of("az", "greeting"), SOON);
    assert!(caller.ear.never_heard(tone_of("az", "long-wait")));
    listener.hears(1);
    caller.hangs_up();
    server.records(1);
    server.is_drained();
}

#[test]
fn whatever_else_the_server_of_the_house_does_the_call_goes_on_at_once() {
    let other = Listener::new(Manner::Says(200, "{\"answer\":\"known\"}".into()));
    let listener = Listener::new(Manner::Raves);
    let server = house(&listener, "10s");
    let manners = [
        Manner::Raves,
        Manner::Says(500, "{\"answer\":\"known\"}".into()),
        Manner::Says(200, "known".into()),
        Manner::Says(
            200,
            format!(
                "{{\"answer\":\"known\",\"more\":\"{}\"}}",
                "x".repeat(10_000)
            ),
        ),
        Manner::Points(format!("http://{}/route", other.at)),
    ];
    for (count, manner) in manners.into_iter().enumerate() {
        listener.becomes(manner);
        let mut caller = Phone::caller(&server, "0501234567", "116111", CALLER);
        caller.ear.hears(tone_of("az", "greeting"), SOON);
        assert!(caller.ear.never_heard(tone_of("az", "long-wait")));
        assert!(caller.ear.never_heard(HOLD), "nothing was waited for");
        listener.hears(count + 1);
        caller.hangs_up();
        server.records(count + 1);
    }
    server.is_drained();
}
