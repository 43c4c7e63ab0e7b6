//! Guessers and scanners by SIPp, while an operator at another address works on.

use std::net::{SocketAddr, TcpStream};
use std::path::Path;

use serde_json::Value;

use crate::ear::{Ear, ULAW};
use crate::moment::{eventually, now};
use crate::ports::free_port;
use crate::process::Process;
use crate::server::{SOON, Server, Setup, password};
use crate::sipp::{Phone, Scenario, audio, talk};

/// Where the operator's phone is, and where the attacker: neither is the trunk's address.
const OPERATOR: &str = "127.0.0.3";
const ATTACKER: &str = "127.0.0.9";

/// A trunk at the callers' address, so that others are strangers; few guesses, and short pauses.
fn start(pause: &str) -> Server {
    let bans = format!("[abuse]\nslow_after = 2\nslow_by = \"{pause}\"\nban_user_after = 6");
    Setup::new()
        .config("[[trunks]]\nname = \"carrier\"\nsources = [\"127.0.0.1\"]")
        .config(&bans)
        .operator("101")
        .start()
}

/// An operator's phone at its address, on shift.
fn operator(server: &Server, tone: u32) -> Phone {
    let port = free_port();
    let of = |parts: &[&str]| {
        let scenario = Scenario::of(parts).at_address(OPERATOR);
        scenario
            .with("USER", "101")
            .with("PASSWORD", &password("101"))
    };
    let register = of(&["register.xml"]).at_port(port);
    register.run(server).succeeds();
    let code = Ear::open(None, ULAW);
    let sdp = audio(code.port(), &[ULAW]);
    let on_shift = of(&["code.xml"]).with("CODE", "*11").with("SDP", &sdp);
    on_shift.run(server).succeeds();
    server.is_on_shift("101");
    let ear = Ear::open(tone, ULAW);
    let sdp = audio(ear.port(), &[ULAW]);
    let sipp = Scenario::operator(port, &sdp)
        .at_address(OPERATOR)
        .run(server);
    Phone { sipp, ear }
}

/// One guess, or several with the same outcome, by one connection.
fn guesses(count: usize, word: &str, status: &str) -> Scenario {
    Scenario::of(&vec!["guess.xml"; count])
        .with("USER", "101")
        .with("PASSWORD", word)
        .with("STATUS", status)
        .at_address(ATTACKER)
        .over_tcp()
}

fn bans(server: &Server) -> Vec<Value> {
    let (well, text) = server.run(&["bans", "--format", "json"]);
    assert!(well, "{text}");
    serde_json::from_str(&text).unwrap()
}

/// A call by the trunk is taken by the operator, and both hear each other.
fn a_call_passes(server: &Server, operator: &mut Phone) {
    let mut caller = Phone::caller(server, "0501234567", "116111", 350);
    operator.answers();
    talk((&caller.ear, 350), (&operator.ear, 480));
    caller.sipp.nudge();
    caller.sipp.succeeds();
    operator.is_hung_up_on();
}

/// What README tells fail2ban finds the address in the lines of a log, by the words of fail2ban's own
/// documentation: `<HOST>` is a group of that name.
fn fail2ban_finds(server: &Server) -> String {
    let log = server.place.path().join("log");
    std::fs::write(&log, server.process.said()).unwrap();
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(readme).unwrap();
    let regex = readme
        .lines()
        .find_map(|line| line.trim().strip_prefix("failregex = "));
    let program = "import re, sys\nfound = re.compile(sys.argv[1].replace('<HOST>', r'(?P<host>\\S+)'))\n\
                   for line in open(sys.argv[2]):\n    hit = found.search(line)\n    if hit: print(hit.group('host'))\nprint('done')";
    let mut command = std::process::Command::new("python3");
    command.args(["-c", program, regex.expect("README tells a failregex")]);
    command.arg(log);
    let mut python = Process::start("apt-get install python3", &mut command);
    python.says("done", SOON);
    python.said()
}

#[test]
fn a_guesser_is_slowed_and_banned_while_the_operator_works_and_lifting_lets_in_again() {
    let server = start("200ms");
    let mut operator = operator(&server, 480);
    let begun = now();
    let mut guesser = guesses(6, "guessed", "401").run(&server);
    a_call_passes(&server, &mut operator);
    guesser.succeeds();
    // Pauses after the third guess, the fourth and the fifth.
    let pauses = std::time::Duration::from_millis(200 + 400 + 800);
    assert!(begun.elapsed() >= pauses, "{:?}", begun.elapsed());
    assert!(server.status()["unheard"]["delayed"].as_u64() >= Some(3));
    // Not even the right password helps there, also not after a crash.
    guesses(1, &password("101"), "403").run(&server).succeeds();
    let server = server.crash_and_start();
    guesses(1, &password("101"), "403").run(&server).succeeds();
    let all = bans(&server);
    assert_eq!(all.len(), 1, "{all:?}");
    assert_eq!(
        (&all[0]["source"], &all[0]["user"]),
        (&ATTACKER.into(), &"101".into())
    );
    assert_eq!(server.count("contacts"), 1, "the operator's phone");
    let (well, text) = server.run(&["bans", "lift", ATTACKER, "102"]);
    assert!(!well && text.contains("no ban"), "{text}");
    let (well, text) = server.run(&["bans", "lift", ATTACKER, "101"]);
    assert!(well, "{text}");
    guesses(1, &password("101"), "200").run(&server).succeeds();
    assert!(bans(&server).is_empty());
}

#[test]
fn a_scanner_by_tcp_is_banned_with_a_line_that_fail2ban_reads_and_a_call_passes() {
    let server = start("50ms");
    let mut operator = operator(&server, 480);
    let scan = Scenario::of(&["scan.xml"; 10])
        .at_address(ATTACKER)
        .over_tcp();
    let mut scanner = scan.run(&server);
    eventually("a ban", SOON, || (bans(&server).len() == 1).then_some(()));
    a_call_passes(&server, &mut operator);
    assert!(
        scanner.received("SIP/2.0").is_empty(),
        "no word to a scanner"
    );
    scanner.vanish();
    let all = bans(&server);
    assert_eq!(
        (&all[0]["source"], &all[0]["user"]),
        (&ATTACKER.into(), &Value::Null)
    );
    server.logs(&["qaynar::ban", "banned", ATTACKER]);
    assert_eq!(fail2ban_finds(&server), format!("{ATTACKER}\ndone"));
    assert!(is_closed(&server), "its next connection is closed");
    let (well, text) = server.run(&["bans", "lift", ATTACKER]);
    assert!(well, "{text}");
    guesses(1, &password("101"), "200").run(&server).succeeds();
}

/// Whether a connection of the attacker is closed without a word.
fn is_closed(server: &Server) -> bool {
    use std::io::Read;
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    let own: SocketAddr = (ATTACKER.parse::<std::net::Ipv4Addr>().unwrap(), 0).into();
    socket.bind(&own.into()).unwrap();
    socket.connect(&server.at("tcp").into()).unwrap();
    let mut stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(SOON)).unwrap();
    matches!(stream.read(&mut [0]), Ok(0) | Err(_))
}

#[test]
fn a_scanner_by_udp_gets_no_answer_and_bans_nobody() {
    let server = start("50ms");
    let scan = Scenario::of(&["scan.xml"; 10]).at_address(ATTACKER);
    let mut scanner = scan.run(&server);
    scanner.succeeds();
    assert!(scanner.received("SIP/2.0").is_empty());
    assert!(bans(&server).is_empty());
    // The address may have been borrowed: whose it is registers all the same.
    let register = Scenario::of(&["register.xml"]).at_address(ATTACKER);
    let register = register
        .with("USER", "101")
        .with("PASSWORD", &password("101"));
    register.run(&server).succeeds();
    server.counts("contacts", 1);
}
