//! Callers on lists of the dialplan: by the call that they made, for a time, and never by number.

#![allow(clippy::unwrap_used, reason = "a test that fails says so")]

mod desk;
mod house;

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use desk::{Desk, from, settings};
use house::{DOMAIN, House, Server};
use qaynar::dialplan::{Catalogue, load};
use qaynar::event::What;
use qaynar::ids::Pseudonym;
use qaynar::store::signal::Signal;
use qaynar::switch::{Command, Input, OnList};

const SHIPPED: &str = include_str!("../dialplans/helpline.toml");
const SDP: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8\r\n";

/// The shipped plan with its lines about the list made live.
fn with_list() -> String {
    let at = SHIPPED.find("# [[route]]\n# list").unwrap();
    let (head, rest) = SHIPPED.split_at(at);
    let end = rest.find("\n\n").unwrap();
    let (list, tail) = rest.split_at(end);
    let list: Vec<&str> = list
        .lines()
        .map(|line| line.trim_start_matches("# ").trim_start_matches('#'))
        .collect();
    format!("{head}{}{tail}", list.join("\n"))
}

fn request(method: &str, call: &str, number: u32, from: &str, to: &str, body: &str) -> String {
    let kind = if body.is_empty() {
        ""
    } else {
        "Content-Type: application/sdp\r\n"
    };
    format!(
        "{method} sip:116111@{DOMAIN} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;rport;branch=z9hG4bK{call}{number}{method}\r\n\
         Max-Forwards: 70\r\nFrom: {from};tag=f\r\nTo: {to}\r\nCall-ID: {call}\r\nCSeq: {number} {method}\r\n\
         Contact: <sip:x@127.0.0.1:5080>\r\n{kind}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

const LINE: &str = "<sip:116111@qaynar>";

// ── The pure switch ──────────────────────────────────────────────────────────────────────────────

/// Calls and hangs up; the path on which the call began, and who called.
fn called(desk: &mut Desk, call: &str, caller: &str) -> (String, Option<Pseudonym>) {
    desk.events.clear();
    let trunk = from("127.0.0.1:5080");
    let answers = desk.ask(
        trunk,
        request("INVITE", call, 1, caller, LINE, SDP).as_bytes(),
    );
    let to = format!(
        "{LINE};tag={}",
        answers.last().unwrap().headers.to().unwrap().tag().unwrap()
    );
    desk.datagram(trunk, request("ACK", call, 1, caller, &to, "").as_bytes());
    desk.datagram(trunk, request("BYE", call, 2, caller, &to, "").as_bytes());
    let path = desk.events.iter().find_map(|event| match &event.what {
        What::Step { path, .. } => Some(path.to_string()),
        _ => None,
    });
    let caller = desk.events.iter().find_map(|event| match &event.what {
        What::Arrived { caller, .. } => Some(caller.clone()),
        _ => None,
    });
    (path.unwrap(), caller.unwrap())
}

#[test]
fn who_is_on_a_list_goes_its_way_until_the_time_is_over() {
    let mut desk = Desk::new(settings());
    let catalogue = Catalogue {
        on_trust: true,
        ..Catalogue::default()
    };
    let plan = load(&[("a.toml".into(), with_list())], &catalogue).unwrap();
    desk.input(Input::Command(Command::Apply(Arc::new(plan))));
    let (nigar, leyla) = (
        "<sip:+994501234567@samaxi.test>",
        "<sip:+994501234568@samaxi.test>",
    );
    let (path, who) = called(&mut desk, "c1", nigar);
    assert_eq!(path, "welcome");
    let listed = OnList {
        list: "blocked".into(),
        caller: who.unwrap(),
        until: desk.now.wall + Duration::from_secs(3600),
    };
    desk.input(Input::Command(Command::Lists(vec![])));
    desk.input(Input::Command(Command::Lists(vec![listed.clone()])));
    let told = desk.events.iter().any(|event| matches!(&event.what, What::Listed { until: Some(until), .. } if *until == listed.until));
    assert!(told, "each block is on record");
    assert_eq!(called(&mut desk, "c2", nigar).0, "blocked");
    assert_eq!(
        called(&mut desk, "c3", leyla).0,
        "welcome",
        "nobody else is"
    );
    let (path, who) = called(&mut desk, "c4", "<sip:anonymous@anonymous.invalid>");
    assert_eq!((path.as_str(), who), ("welcome", None));
    desk.wait(Duration::from_secs(3601));
    assert_eq!(
        called(&mut desk, "c5", nigar).0,
        "welcome",
        "it ends by itself"
    );
    desk.events.clear();
    desk.input(Input::Command(Command::Lists(vec![])));
    assert!(
        desk.events
            .iter()
            .all(|event| !matches!(event.what, What::Listed { .. })),
        "what was over is no change"
    );
}

// ── The command and the running server ───────────────────────────────────────────────────────────

/// A call to the house from this caller; its id.
fn calls(house: &House, server: &Server, call: &str, caller: &str) -> String {
    let socket = server.socket();
    let mut buffer = [0; 8192];
    socket
        .send(request("INVITE", call, 1, caller, LINE, SDP).as_bytes())
        .unwrap();
    let answer = loop {
        let length = socket.recv(&mut buffer).unwrap();
        let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
        if text.starts_with("SIP/2.0 200") {
            break text;
        }
    };
    let to = answer
        .lines()
        .find_map(|line| line.strip_prefix("To: "))
        .unwrap()
        .trim();
    socket
        .send(request("ACK", call, 1, caller, to, "").as_bytes())
        .unwrap();
    socket
        .send(request("BYE", call, 2, caller, to, "").as_bytes())
        .unwrap();
    let length = socket.recv(&mut buffer).unwrap();
    assert!(buffer[..length].starts_with(b"SIP/2.0 200"));
    let records = said(house, &["calls", "--json"]).1;
    let records: serde_json::Value = serde_json::from_str(&records).unwrap();
    let last = records.as_array().unwrap().last().unwrap().clone();
    last["call"].as_str().unwrap().to_owned()
}

fn said(house: &House, arguments: &[&str]) -> (bool, String) {
    let done = house.run(arguments, "");
    let text = [done.stdout, done.stderr].concat();
    (
        done.status.success(),
        String::from_utf8_lossy(&text).into_owned(),
    )
}

#[test]
fn a_caller_is_blocked_by_a_call_for_a_time_and_no_number_is_kept() {
    let house = House::new("");
    fs::write(house.path().join("dialplans/helpline.toml"), with_list()).unwrap();
    let server = house.serve();
    let nigar = "<sip:+994501234567@samaxi.test>";
    let first = calls(&house, &server, "h1", nigar);
    let (done, text) = said(
        &house,
        &[
            "block", "add", "--call", &first, "--for", "7d", "--reason", "insults",
        ],
    );
    assert!(
        done && text.contains("on the list blocked until") && text.contains("(insults)"),
        "{text}"
    );
    let who = text.split(' ').next().unwrap().to_owned();
    assert!(who.starts_with("C-"), "{who}");
    let (_, listed) = said(&house, &["block", "list", "--json"]);
    assert!(
        listed.contains(&who) && !listed.contains("1234567"),
        "{listed}"
    );

    // The running server takes it up by itself.
    let mut at = 0;
    let blocked = loop {
        at += 1;
        let call = calls(&house, &server, &format!("h2-{at}"), nigar);
        let (_, way) = said(&house, &["calls", "--call", &call, "--json"]);
        if way.contains("caller in list blocked") {
            break way;
        }
        assert!(at < 100, "{way}");
        Signal::default().wait(Duration::from_millis(200));
    };
    assert!(blocked.contains("call-blocked"), "{blocked}");

    let hidden = calls(&house, &server, "h3", "<sip:anonymous@anonymous.invalid>");
    let (done, text) = said(&house, &["block", "add", "--call", &hidden, "--for", "7d"]);
    assert!(
        !done && text.contains("callers who hide their number cannot be told apart"),
        "{text}"
    );
    for wrong in [
        ["--call", &first, "--for", "900d"],
        ["--call", &first, "--for", "7"],
    ] {
        let (done, text) = said(&house, &[&["block", "add"], &wrong[..]].concat());
        assert!(!done && text.contains("is no time"), "{text}");
    }
    let (done, text) = said(&house, &["block", "remove", &who]);
    assert!(done && text.contains("off the list"), "{text}");
    let (done, text) = said(&house, &["block", "remove", &who]);
    assert!(!done && text.contains("is not on the list"), "{text}");
}
