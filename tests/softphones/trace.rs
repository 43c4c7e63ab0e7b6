//! `qaynar trace`: the ladder of a real call, and nobody's number in it.

use crate::server::{Server, Setup};
use crate::sipp::{Phone, talk};

fn ladder(server: &Server, call: &str, more: &[&str]) -> String {
    let (well, text) = server.run(&[&["trace", call], more].concat());
    assert!(well, "{text}");
    text
}

/// The lines, in this order, each with all of its words.
fn tells(text: &str, wanted: &[&[&str]]) {
    let mut lines = text.lines();
    for words in wanted {
        let found = lines.any(|line| words.iter().all(|word| line.contains(word)));
        assert!(found, "{words:?} is not told in its place:\n{text}");
    }
}

#[test]
fn a_calls_ladder_shows_messages_and_decisions_and_no_number() {
    let server = Setup::new().operator("101").start();
    let mut operator = Phone::operator(&server, "101", 480);
    let mut caller = Phone::caller(&server, "0501234567", "116111", 350);
    operator.answers();
    talk((&caller.ear, 350), (&operator.ear, 480));
    let (_, calls) = server.run(&["calls", "--json"]);
    let calls: serde_json::Value = serde_json::from_str(&calls).unwrap();
    let call = calls[0]["call"].as_str().unwrap().to_owned();
    let begun: &[&[&str]] = &[
        &["dials 116111 by loopback"],
        &["loopback", "qaynar", "101"],
        &["─ INVITE ─", "▶"],
        &["queue children"],
        &["rings at 101", "longest idle"],
        &["◀", "200 OK (INVITE)"],
        &["─ INVITE ─", "▶"],
        &["◀", "180 Ringing (INVITE)"],
        &["◀", "200 OK (INVITE)"],
        &["talks with 101"],
    ];
    tells(&ladder(&server, &call, &[]), begun);
    caller.hangs_up();
    operator.is_hung_up_on();
    server.records(1);
    server.is_drained();
    let whole = ladder(&server, &call, &[]);
    server.counts("traces", 0);
    assert_eq!(
        ladder(&server, &call, &[]),
        whole,
        "on record as it was told"
    );
    tells(&whole, begun);
    tells(
        &whole,
        &[
            &["─ BYE ─", "▶"],
            &["is over: hung up (caller)"],
            &["200 OK (BYE)"],
        ],
    );
    assert!(ladder(&server, &call, &["--details"]).contains("SDP: audio PCMU PCMA"));
    let picture = ladder(&server, &call, &["--format", "svg", "--details"]);
    assert!(
        picture.starts_with("<svg") && picture.contains(">BYE</text>"),
        "{picture}"
    );
    let rows: serde_json::Value =
        serde_json::from_str(&ladder(&server, &call, &["--format", "json"])).unwrap();
    assert_eq!(
        rows["columns"],
        serde_json::json!(["loopback", "qaynar", "101"])
    );
    for text in [whole, picture] {
        assert!(!text.contains("50123456"), "{text}");
    }
    server.tells_nobody(&["501234567"]);
    let (well, text) = server.run(&["trace", "0000000000000"]);
    assert!(!well && text.contains("qaynar calls"), "{text}");
}
