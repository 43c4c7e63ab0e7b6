//! Strangers flood the server while operators work: what calls and phones notice of it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use qaynar::phone::socket::PhoneId;
use qaynar::phone::{Event, Manner, OnRing};

use super::people::People;
use super::percent;
use super::server::Server;

/// Callers come by a trunk at 127.0.0.1 alone, so that all other addresses of loopback are strangers.
const CONFIG: &str = "[[trunks]]\nname = \"carrier\"\nsources = [\"127.0.0.1\"]\n";
/// Where the operators' phones are: known by their registrations alone.
const OFFICE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
/// Junk a second.
const RATE: u64 = 20_000;
/// From so many addresses.
const STRANGERS: u8 = 200;
/// Calls that talk all the while.
const RUNNING: usize = 20;
/// Calls of each phase, one after the other.
const CALLS: usize = 300;
/// From the beginning of one to that of the next: a phase takes ten seconds.
const PACE: Duration = Duration::from_millis(33);
/// A phase is no longer.
const LONGEST: Duration = Duration::from_secs(60);

/// Calls are set up one by one without the flood, with it, and after it.
pub(crate) fn flood() {
    let server = Server::start_with(RUNNING + 1, CONFIG);
    let people = People::new(server.address);
    let talks = Manner {
        on_ring: OnRing::Answer {
            after: Duration::ZERO,
        },
        ..Manner::default()
    };
    let operators = people.operators_at(OFFICE, RUNNING + 1, &talks);
    let callers = people.callers(RUNNING + 1, &Manner::default());
    let Some((&caller, running)) = callers.split_last() else {
        return;
    };
    running.iter().for_each(|phone| people.call(*phone));
    people.wait_for(2 * RUNNING, |event| *event == Event::Connected);
    phase("without the flood", &server, &people, caller);
    let junk = Junk::start(server.address);
    phase("with the flood", &server, &people, caller);
    let (sent, time) = junk.stop();
    phase("after it", &server, &people, caller);
    let status = server.ask(&["status", "--json"]);
    println!(
        "sent               {sent} packets, {:.0} a second; not heard: {}",
        sent as f64 / time.as_secs_f64(),
        status["data"]["unheard"]
    );
    let counts = &status["data"]["counts"];
    println!(
        "phones             {} of {} registered; {} calls run on",
        counts["contacts"],
        operators.len(),
        counts["talking"]
    );
    people.hang_up(running);
    audio(&server);
}

/// Set-up times of calls, one after the other; each is ended at once.
fn phase(name: &str, server: &Server, people: &People, caller: PhoneId) {
    let (before, start) = (server.usage(), Instant::now());
    let (mut times, mut failed) = (Vec::new(), 0);
    while times.len() + failed < CALLS && start.elapsed() < LONGEST {
        let due = PACE * u32::try_from(times.len() + failed).unwrap_or(u32::MAX);
        std::thread::sleep(due.saturating_sub(start.elapsed()));
        // What others did meanwhile.
        while people.told.try_recv().is_ok() {}
        match set_up(people, caller) {
            Some(time) => times.push(time),
            None => failed += 1,
        }
    }
    let cpu = server.usage().cpu - before.cpu;
    times.sort_unstable();
    let at = |share: usize| {
        let last = times.len().saturating_sub(1);
        times
            .get(last * share / 100)
            .map_or(0.0, Duration::as_secs_f64)
            * 1e3
    };
    println!(
        "{name:18} INVITE → rings {:.2} ms p50, {:.2} ms p99, {:.2} ms at most; {} calls, {failed} failed; {:.0} % of a core",
        at(50),
        at(99),
        at(100),
        times.len(),
        percent(cpu, start.elapsed())
    );
}

/// From the caller's INVITE to the operator's phone that rings; the caller hangs up then.
fn set_up(people: &People, caller: PhoneId) -> Option<Duration> {
    let uri = people.helpline();
    let sent = people.fleet.ask(caller, move |phone, now| {
        phone.call(&uri, now);
        now
    });
    let sent = Duration::from_micros(sent.ok()?.0);
    let (mut rang, mut ended, mut failed) = (None, 0, false);
    // The caller's end and the operator's.
    while ended < 2 {
        let told = people.told.recv_timeout(Duration::from_secs(35)).ok()?;
        match told.event {
            Event::Ringing { .. } => rang = Some(told.at.saturating_sub(sent)),
            Event::Connected if told.phone != caller => {
                people.fleet.tell(caller, |phone, now| phone.hang_up(now));
            }
            Event::Ended { .. } => ended += 1,
            event @ Event::Failed { .. } => {
                println!("                   {event:?}");
                failed = true;
                ended += 1;
            }
            _ => {}
        }
    }
    rang.filter(|_| !failed)
}

/// What the running calls lost, by their records.
fn audio(server: &Server) {
    std::thread::sleep(Duration::from_secs(2));
    let calls = server.ask(&["calls", "--json", "--limit", "100000"]);
    let all = calls.as_array().map(Vec::as_slice).unwrap_or_default();
    // Those that had many packets: the running ones.
    let sides = all
        .iter()
        .flat_map(|call| [&call["caller_quality"], &call["operator_quality"]]);
    let long: Vec<_> = sides
        .filter(|side| side["received"].as_u64() > Some(500))
        .collect();
    let most = |key: &str| long.iter().filter_map(|side| side[key].as_u64()).max();
    let absent = long
        .iter()
        .filter(|side| side["absent"]["secs"].as_u64() > Some(0));
    println!(
        "audio of {:2} sides   lost at most {} of 10,000 packets; {} sides were silent for a second or more",
        long.len(),
        most("lost_per_10k").unwrap_or_default(),
        absent.count()
    );
}

/// A thread that sends junk.
struct Junk {
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
    begun: Instant,
    thread: JoinHandle<()>,
}

impl Junk {
    fn start(server: SocketAddr) -> Self {
        let sockets: Vec<UdpSocket> = (0..STRANGERS)
            .map(|host| {
                let own = Ipv4Addr::new(127, 0, 1 + host % 4, 1 + host);
                let socket = UdpSocket::bind((own, 0)).expect("an address of loopback");
                socket.connect(server).expect("the server's address");
                socket
                    .set_nonblocking(true)
                    .expect("a socket that does not wait");
                socket
            })
            .collect();
        let (stop, sent) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicU64::new(0)),
        );
        let (until, count) = (Arc::clone(&stop), Arc::clone(&sent));
        let begun = Instant::now();
        let thread = std::thread::spawn(move || {
            while !until.load(Ordering::Relaxed) {
                // As many as are due by now: sleeping is not exact.
                let due = begun.elapsed().as_micros() as u64 * RATE / 1_000_000;
                for number in count.load(Ordering::Relaxed)..due {
                    let at = number as usize % sockets.len();
                    // Whatever answers come are not read.
                    let _ = sockets[at].send(&packet(number, server));
                    count.fetch_add(1, Ordering::Relaxed);
                }
                std::thread::sleep(Duration::from_micros(500));
            }
        });
        Self {
            stop,
            sent,
            begun,
            thread,
        }
    }

    fn stop(self) -> (u64, Duration) {
        self.stop.store(true, Ordering::Relaxed);
        let time = self.begun.elapsed();
        self.thread.join().expect("it ends when it is told");
        (self.sent.load(Ordering::Relaxed), time)
    }
}

/// Octets of no meaning, and what begins calls, registrations and questions.
fn packet(number: u64, server: SocketAddr) -> Vec<u8> {
    let (method, more) = match number % 4 {
        0 => {
            return (0..200)
                .map(|at| (number * 31 + at * 17) as u8 | 0x80)
                .collect();
        }
        1 => ("OPTIONS", ""),
        2 => ("REGISTER", "Contact: <sip:x@127.0.1.1>\r\n"),
        _ => ("INVITE", "Contact: <sip:x@127.0.0.1>\r\n"),
    };
    let text = format!(
        "{method} sip:{number}@{server} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK{number}\r\n\
         Max-Forwards: 70\r\nFrom: <sip:116111@127.0.0.1>;tag={number}\r\nTo: <sip:{number}@{server}>\r\n\
         Call-ID: junk{number}\r\nCSeq: 1 {method}\r\n{more}Content-Length: 0\r\n\r\n"
    );
    text.into_bytes()
}
