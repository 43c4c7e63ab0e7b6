//! What comes from outside and is wrong, too much, or stops in the middle: a clear error or the
//! proper answer, bounded memory, nothing lost, and other calls unharmed.
//!
//! Beside these: `torture.rs` and `mutation.rs` (malformed SIP, SDP, RTP, WAV, TOML), `journal.rs`
//! (disks that are full, broken or cut off), `store::writer` (a database that is locked, read-only
//! or damaged), `server::stream` (half a message, too many connections).

#![allow(clippy::unwrap_used, reason = "a test that fails says so")]

mod desk;
mod house;

use std::fs;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, UdpSocket};
use std::process::{Command, Stdio};
use std::time::Duration;

use desk::{Desk, PASSWORD, from, response, settings};
use house::{House, Server, options, read_message};
use qaynar::sip::digest::Challenge;
use qaynar::sip::flow::Flow;
use qaynar::sip::message::{Name, Response};

const SDP: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8\r\n";

fn request(method: &str, call: &str, number: u32, to: &str, more: &str, body: &str) -> String {
    format!(
        "{method} sip:116111@qaynar SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;rport;branch=z9hG4bK{call}{number}{method}\r\n\
         Max-Forwards: 70\r\nFrom: <sip:nigar@samaxi.test>;tag=f\r\nTo: {to}\r\nCall-ID: {call}\r\nCSeq: {number} {method}\r\n\
         Contact: <sip:nigar@127.0.0.1:5080>\r\n{more}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

const SDP_TYPE: &str = "Content-Type: application/sdp\r\n";
const LINE: &str = "<sip:116111@qaynar>";

fn invite(call: &str) -> String {
    request("INVITE", call, 1, LINE, SDP_TYPE, SDP)
}

fn register(user: &str, call: &str, number: u32, more: &str) -> String {
    let to = format!("<sip:{user}@qaynar>");
    request("REGISTER", call, number, &to, more, "")
}

/// The line that answers a challenge.
fn proof(challenge: &Response, password: &str) -> String {
    let values = challenge
        .headers
        .fields(&Name::WwwAuthenticate)
        .map(String::from_utf8_lossy);
    let challenge = Challenge::best(values).expect("a challenge");
    let proof = challenge.answer("101", password, "REGISTER", "sip:116111@qaynar", "own");
    format!("Authorization: {proof}\r\n")
}

// ── The pure switch ──────────────────────────────────────────────────────────────────────────────

fn one(mut answers: Vec<Response>) -> Response {
    assert_eq!(answers.len(), 1, "{answers:?}");
    answers.pop().unwrap()
}

fn registers(desk: &mut Desk, number: u32) -> u16 {
    let phone = from("198.51.100.7:5090");
    desk.wait(Duration::from_millis(1));
    let asked = one(desk.ask(phone, register("101", "own", number, "").as_bytes()));
    let more = proof(&asked, PASSWORD);
    one(desk.ask(phone, register("101", "own", number + 1, &more).as_bytes())).status
}

#[test]
fn ten_thousand_registers_a_minute_from_strangers_leave_no_trace() {
    let mut desk = Desk::new(settings());
    assert_eq!(registers(&mut desk, 1), 200);
    let call = one(desk.ask(from("127.0.0.1:5080"), invite("calm").as_bytes()));
    assert_eq!(call.status, 200);
    let to = format!("{LINE};tag={}", call.headers.to().unwrap().tag().unwrap());
    let ack = request("ACK", "calm", 1, &to, "", "");
    desk.datagram(from("127.0.0.1:5080"), ack.as_bytes());
    desk.sent.clear();
    let before = desk.switch.counts();
    for at in 0..10_000_u32 {
        let stranger = from(&format!("203.0.113.{}:{}", at % 250, 1_024 + at));
        let text = match at % 3 {
            0 => register("101", &format!("s{at}"), 1, ""),
            1 => register(
                &format!("u{at}"),
                &format!("s{at}"),
                1,
                "Authorization: Digest x\r\n",
            ),
            _ => request("OPTIONS", &format!("s{at}"), 1, LINE, "", ""),
        };
        let answer = one(desk.ask(stranger, text.as_bytes()));
        assert!(matches!(answer.status, 401 | 200));
        if at % 100 == 0 {
            desk.wait(Duration::from_millis(600));
        }
    }
    let after = desk.switch.counts();
    assert!(
        after.transactions <= before.transactions,
        "{before:?} {after:?}"
    );
    assert_eq!((after.calls, after.contacts), (1, 1));
    assert_eq!(
        registers(&mut desk, 10),
        200,
        "the operator's phone stays registered"
    );
}

#[test]
fn a_range_of_ports_that_is_exhausted_refuses_one_call_and_harms_none() {
    let mut narrow = settings();
    narrow.media_ports = (20_000, 20_003);
    let mut desk = Desk::new(narrow);
    let trunk = from("127.0.0.1:5080");
    let tag = |answer: &Response| answer.headers.to().unwrap().tag().unwrap().to_owned();
    let first = one(desk.ask(trunk, invite("c1").as_bytes()));
    let second = one(desk.ask(trunk, invite("c2").as_bytes()));
    assert_eq!((first.status, second.status), (200, 200));
    let third = one(desk.ask(trunk, invite("c3").as_bytes()));
    assert_eq!(third.status, 503);
    assert!(third.headers.has(Name::RetryAfter));
    assert_eq!(desk.alarms(), ["ports-exhausted"], "somebody is told");
    assert_eq!(desk.switch.counts().calls, 2);
    let to = format!("{LINE};tag={}", tag(&first));
    desk.datagram(trunk, request("ACK", "c1", 1, &to, "", "").as_bytes());
    let bye = request("BYE", "c1", 2, &to, "", "");
    assert_eq!(one(desk.ask(trunk, bye.as_bytes())).status, 200);
    desk.wait(Duration::from_secs(11));
    desk.sent.clear();
    let fourth = one(desk.ask(trunk, invite("c4").as_bytes()));
    assert_eq!(
        fourth.status, 200,
        "a port rests for 10 s, then it serves again"
    );
}

#[test]
fn strangers_who_claim_dialogs_do_not_use_up_what_calls_need_to_end() {
    let mut desk = Desk::new(settings());
    let stranger: Flow = from("203.0.113.9:5080");
    for at in 0..2_000 {
        let to = format!("{LINE};tag=none{at}");
        let text = request("BYE", &format!("x{at}"), 1, &to, "", "");
        assert_eq!(one(desk.ask(stranger, text.as_bytes())).status, 481);
    }
    assert_eq!(desk.switch.counts().transactions, 0);
}

// ── The built server ─────────────────────────────────────────────────────────────────────────────

fn ask(socket: &UdpSocket, text: &str) -> Response {
    socket.send(text.as_bytes()).unwrap();
    let mut buffer = vec![0; 65_535];
    loop {
        let length = socket.recv(&mut buffer).expect("no answer");
        let answer = response(&buffer[..length]);
        let asked = text.lines().find_map(|line| line.strip_prefix("Call-ID: "));
        let number = text.lines().find_map(|line| line.strip_prefix("CSeq: "));
        let same = answer.headers.call_id().ok() == asked
            && answer.headers.text(Name::CSeq).as_deref() == number;
        if same && answer.status >= 200 {
            return answer;
        }
    }
}

fn is_well(server: &Server, mark: &str) {
    assert_eq!(ask(&server.socket(), &options(mark, "UDP")).status, 200);
}

fn registers_at(socket: &UdpSocket, number: u32) -> u16 {
    let asked = ask(socket, &register("101", "own", number, ""));
    assert_eq!(asked.status, 401);
    ask(
        socket,
        &register("101", "own", number + 1, &proof(&asked, "gizli-soz-7")),
    )
    .status
}

#[test]
fn a_burst_of_registers_leaves_memory_and_operators_alone() {
    let house = House::new("");
    house.operator("101", "gizli-soz-7");
    let server = house.serve();
    let phone = server.socket();
    assert_eq!(registers_at(&phone, 1), 200);
    let burst = |from: u32, count: u32| {
        let socket = server.socket();
        for at in from..from + count {
            let text = register(&format!("u{at}"), &format!("b{at}"), 1, "");
            socket.send(text.as_bytes()).unwrap();
            // As fast as it is answered: nothing is lost in between, all of it is worked off.
            if at % 50 == 0 {
                assert_eq!(ask(&socket, &options(&format!("p{at}"), "UDP")).status, 200);
            }
        }
    };
    burst(0, 2_000);
    let before = server.memory();
    burst(2_000, 8_000);
    let grown = server.memory().saturating_sub(before);
    assert!(grown < 8_000, "{grown} KiB more after 8,000 REGISTERs");
    assert_eq!(registers_at(&phone, 3), 200);
}

#[test]
fn a_peer_that_never_reads_is_dropped_and_nobody_else_waits() {
    let server = House::new("").serve();
    let before = server.memory();
    let mut deaf = server.connect();
    // Answers of 8 kB each, which nobody takes.
    let hops = "Via: SIP/2.0/TCP hop.test;branch=z9hG4bKfar\r\n".repeat(160);
    let mut dropped = false;
    for at in 0..20_000 {
        let text =
            options(&format!("deaf{at}"), "TCP").replacen("From:", &format!("{hops}From:"), 1);
        if let Err(error) = deaf.write_all(text.as_bytes()) {
            let gone = matches!(
                error.kind(),
                ErrorKind::ConnectionReset | ErrorKind::BrokenPipe
            );
            assert!(gone, "{error}");
            dropped = true;
            break;
        }
        if at % 500 == 0 {
            is_well(&server, &format!("meanwhile{at}"));
        }
    }
    assert!(dropped, "160 MB of answers were kept for one peer");
    let grown = server.memory().saturating_sub(before);
    assert!(grown < 64_000, "{grown} KiB more");
    is_well(&server, "after");
}

#[test]
fn thousands_of_connections_meet_a_limit_and_others_are_served() {
    let server = House::new("").serve();
    let mut held = Vec::new();
    for at in 0..1_000 {
        let Ok(stream) = std::net::TcpStream::connect(server.tcp) else {
            break;
        };
        stream.set_read_timeout(Some(house::PATIENCE)).unwrap();
        held.push(stream);
        if at % 100 == 0 {
            is_well(&server, &format!("door{at}"));
        }
    }
    // The newest meets a closed door, the oldest is served.
    let mut byte = [0];
    let last = held.last_mut().unwrap().read(&mut byte);
    assert!(matches!(last, Ok(0) | Err(_)), "{last:?}");
    let first = &mut held[0];
    first.write_all(options("first", "TCP").as_bytes()).unwrap();
    assert!(read_message(first, &mut Vec::new()).is_some());
    // Who leaves makes room.
    drop(held);
    let room = (0..200).any(|at| {
        is_well(&server, &format!("room{at}"));
        let mut stream = server.connect();
        stream
            .write_all(options(&format!("again{at}"), "TCP").as_bytes())
            .is_ok()
            && read_message(&mut stream, &mut Vec::new()).is_some()
    });
    assert!(room, "nobody is let in any more");
}

#[test]
fn half_a_message_holds_nobody_up() {
    let server = House::new("").serve();
    let mut half = server.connect();
    let text = options("half", "TCP");
    half.write_all(&text.as_bytes()[..text.len() / 2]).unwrap();
    let mut other = server.connect();
    other.write_all(options("whole", "TCP").as_bytes()).unwrap();
    assert!(read_message(&mut other, &mut Vec::new()).is_some());
    half.write_all(&text.as_bytes()[text.len() / 2..]).unwrap();
    assert!(
        read_message(&mut half, &mut Vec::new()).is_some(),
        "late, and still answered"
    );
}

/// A call that is up: the tag of the server's end and where it hears audio.
fn call(socket: &UdpSocket, name: &str) -> (String, SocketAddr) {
    let taken = ask(socket, &invite(name));
    assert_eq!(taken.status, 200, "{taken:?}");
    let tag = taken.headers.to().unwrap().tag().unwrap().to_owned();
    let to = format!("{LINE};tag={tag}");
    socket
        .send(request("ACK", name, 1, &to, "", "").as_bytes())
        .unwrap();
    let body = String::from_utf8(taken.body).unwrap();
    let port = body
        .split("m=audio ")
        .nth(1)
        .unwrap()
        .split(' ')
        .next()
        .unwrap();
    (to, format!("127.0.0.1:{port}").parse().unwrap())
}

fn hang_up(socket: &UdpSocket, name: &str, to: &str) {
    let bye = ask(socket, &request("BYE", name, 2, to, "", ""));
    assert_eq!(bye.status, 200);
}

#[test]
fn rubbish_on_a_calls_media_port_does_not_reach_the_call() {
    let server = House::new("").serve();
    let socket = server.socket();
    let (to, media) = call(&socket, "noise");
    let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
    for at in 0_u32..3_000 {
        let mut bytes: Vec<u8> = (0..at % 300).map(|byte| (byte * 7 + at) as u8).collect();
        if at % 3 == 0 && !bytes.is_empty() {
            bytes[0] = 0x80 | (at as u8 & 0x3f);
        }
        let _ = stranger.send_to(&bytes, media);
        let _ = stranger.send_to(&bytes, SocketAddr::new(media.ip(), media.port() + 1));
    }
    is_well(&server, "noisy");
    hang_up(&socket, "noise", &to);
}

/// The calls on record, once the database has `count` of them.
fn calls(house: &House, count: usize) -> String {
    let mut last = String::new();
    for _ in 0..600 {
        let told = house.run(&["calls", "--format", "json"], "");
        last = String::from_utf8_lossy(&told.stdout).into_owned();
        let found = last.matches("\"cause\"").count() - last.matches("\"cause\":null").count();
        if told.status.success() && found >= count {
            return last;
        }
    }
    panic!("{count} calls never came:\n{last}\n{}", house.log());
}

#[test]
fn a_locked_database_harms_no_call_and_loses_no_record() {
    let house = House::new("");
    let server = house.serve();
    let socket = server.socket();
    let database = rusqlite::Connection::open(house.path().join("data/qaynar.db")).unwrap();
    database.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let (to, _) = call(&socket, "locked");
    hang_up(&socket, "locked", &to);
    is_well(&server, "locked-pulse");
    database.execute_batch("ROLLBACK").unwrap();
    drop(database);
    let told = calls(&house, 1);
    assert!(told.contains("116111"), "{told}");
}

/// Sets how large files of the server may grow: below what they are, each write fails as on a full disk.
fn allow_files(server: &Server, limit: &str) {
    let pid = server.pid().to_string();
    let done = Command::new("prlimit")
        .args(["--pid", &pid, &format!("--fsize={limit}:unlimited")])
        .status();
    let done = done.expect("prlimit is missing: install util-linux");
    assert!(done.success());
}

#[test]
fn a_full_disk_harms_no_call_and_loses_no_record() {
    let house = House::new("");
    let server = house.serve();
    let socket = server.socket();
    let (to, _) = call(&socket, "before");
    hang_up(&socket, "before", &to);
    calls(&house, 1);
    allow_files(&server, "1");
    for at in 0..20 {
        let name = format!("full{at}");
        let (to, _) = call(&socket, &name);
        hang_up(&socket, &name, &to);
    }
    is_well(&server, "full-pulse");
    allow_files(&server, "unlimited");
    let (to, _) = call(&socket, "after");
    hang_up(&socket, "after", &to);
    calls(&house, 22);
}

/// What `serve` says when it cannot start.
fn refusal(house: &House) -> String {
    let mut child = house
        .command(&["serve"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = String::new();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let started = lines.any(|line| {
        let line = line.unwrap_or_default();
        told.push_str(&line);
        line.contains("ready")
    });
    if started {
        child.kill().unwrap();
    }
    let output = child.wait_with_output().unwrap();
    assert!(!started, "it should not start: {told}");
    assert!(!output.status.success());
    told + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn what_keeps_the_server_from_starting_is_named_with_its_place_and_the_way_out() {
    let config = House::new("lisen = 3\n[media]\nports = \"9-3\"");
    let told = refusal(&config);
    assert!(
        told.contains("qaynar.toml:3") && told.contains("lisen"),
        "{told}"
    );
    assert!(
        told.contains("qaynar.toml:5"),
        "all mistakes at once: {told}"
    );

    let plan = House::new("");
    fs::write(
        plan.path().join("dialplans/helpline.toml"),
        "numbers = [\nstart =\n",
    )
    .unwrap();
    let told = refusal(&plan);
    assert!(told.contains("helpline.toml:"), "{told}");

    let sound = House::new("");
    fs::write(
        sound.path().join("dialplans/prompts/az/greeting.wav"),
        b"RIFFnothing",
    )
    .unwrap();
    let told = refusal(&sound);
    assert!(told.contains("greeting.wav"), "{told}");

    let running = House::new("");
    let server = running.serve();
    let taken = House::new("");
    let line = format!("[sip]\nlisten = [\"udp://{}\"]\n", server.udp);
    fs::write(taken.path().join("qaynar.toml"), line).unwrap();
    let told = refusal(&taken);
    assert!(
        told.contains(&server.udp.to_string()) && told.contains("[sip] listen"),
        "{told}"
    );
}

#[test]
fn a_damaged_database_is_named_and_calls_are_answered_all_the_same() {
    let house = House::new("");
    fs::create_dir_all(house.path().join("data")).unwrap();
    fs::write(house.path().join("data/qaynar.db"), [7_u8; 9_000]).unwrap();
    let server = house.serve();
    let socket = server.socket();
    let (to, _) = call(&socket, "damaged");
    hang_up(&socket, "damaged", &to);
    assert!(house.log().contains("qaynar.db"), "{}", house.log());
}
