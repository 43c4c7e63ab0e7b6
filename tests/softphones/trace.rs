//! `qaynar trace`: the ladder of a real call, and nobody's number in it.

use crate::moment::eventually;
use crate::server::{SOON, Server, Setup};
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
    let from = "\"Leyla\" <sip:0501234567@[local_ip]>";
    let mut caller = Phone::caller_named(&server, from, "116111", 350);
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
    tells_nothing_private(&server, &call, &["Leyla", "Aygün"]);
    server.tells_nobody(&["501234567"]);
    let (well, text) = server.run(&["trace", "0000000000000"]);
    assert!(!well && text.contains("qaynar calls"), "{text}");
}

/// By their form, whatever they are: no number, name, address, URI, proof or key stands in any drawing of a
/// call.
pub(crate) fn tells_nothing_private(server: &Server, call: &str, names: &[&str]) {
    for format in ["text", "svg", "json"] {
        let drawn = ladder(server, call, &["--details", "--format", format]);
        let mut body = drawn.as_str();
        if format == "svg" {
            // The picture's own frame has addresses of XML and numbers of points.
            body = body.split_once("</defs>").unwrap().1;
        }
        for private in [
            "127.0.0",
            "::1",
            "@",
            "sip:",
            "tel:",
            "tag",
            "branch",
            "inline",
            "crypto:",
            "nonce=",
            "response=",
            "uri=",
            "realm",
            "username",
            "secret",
            "z9hG4bK",
        ] {
            assert!(!body.contains(private), "{private} in {format}:\n{drawn}");
        }
        for name in names {
            assert!(!body.contains(name), "{name} in {format}:\n{drawn}");
        }
        let digits = body.split(|letter: char| !letter.is_ascii_digit());
        let long: Vec<&str> = digits.filter(|run| run.len() > 6).collect();
        // Moments in microseconds have sixteen digits; no number has.
        let moments = format == "json" && long.iter().all(|run| run.len() == 16);
        assert!(long.is_empty() || moments, "{long:?} in {format}:\n{drawn}");
        // A key, a proof or a tag: letters and digits without a break.
        let mut words = body.split(|letter: char| !letter.is_ascii_alphanumeric());
        let opaque = words.find(|word| {
            word.len() > 16
                && word.bytes().any(|one| one.is_ascii_digit())
                && word.bytes().any(|one| one.is_ascii_alphabetic())
        });
        assert_eq!(opaque, None, "in {format}:\n{drawn}");
    }
}

#[test]
fn after_a_crash_a_ladder_goes_on_from_what_was_before() {
    let server = Setup::new().operator("101").start();
    let operator = Phone::operator(&server, "101", 480);
    let caller = Phone::caller(&server, "0501234567", "116111", 350);
    operator.answers();
    talk((&caller.ear, 350), (&operator.ear, 480));
    let (_, calls) = server.run(&["calls", "--json"]);
    let calls: serde_json::Value = serde_json::from_str(&calls).unwrap();
    let call = calls[0]["call"].as_str().unwrap().to_owned();
    // What came in the first seconds goes to the record while the two talk.
    eventually("messages in the record", SOON, || {
        let (well, text) = server.run(&["calls", "--call", &call]);
        (well && text.contains("`qaynar trace` draws them")).then_some(())
    });
    let server = server.crash_and_start();
    server.records(1);
    server.is_drained();
    server.counts("traces", 0);
    let told: &[&[&str]] = &[
        &["─ INVITE ─", "▶"],
        &["rings at 101"],
        &["◀", "200 OK (INVITE)"],
        &["talks with 101"],
        &["─ BYE ─"],
    ];
    tells(&ladder(&server, &call, &[]), told);
}
