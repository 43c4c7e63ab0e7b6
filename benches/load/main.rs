//! The built server under load on loopback, by phones that speak through rsip. It prints what calls cost;
//! nothing here is a test.
//!
//! `cargo bench --bench load` takes two minutes; `cargo bench --bench load -- --long` also makes
//! 100,000 calls and looks at the memory, and `cargo bench --bench load -- flood` has strangers flood it.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a bench reads clocks and prints"
)]

mod flood;
mod people;
mod server;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use qaynar::phone::{Event, Manner, OnRing};

use people::{People, answers, silent};
use server::Server;

/// How long steady states are watched.
const WATCH: Duration = Duration::from_secs(10);

fn main() {
    if std::env::args().any(|one| one == "flood") {
        return flood::flood();
    }
    let long = std::env::args().any(|one| one == "--long");
    registers();
    set_up();
    calls(8_000, 40);
    relayed(100);
    waiting(100);
    waiting(1_000);
    if long {
        flat(100_000);
    }
}

fn micros(time: Duration, count: usize) -> f64 {
    time.as_secs_f64() * 1e6 / count as f64
}

fn percent(cpu: Duration, wall: Duration) -> f64 {
    100.0 * cpu.as_secs_f64() / wall.as_secs_f64()
}

/// Authenticated REGISTERs, each with its challenge.
fn registers() {
    const PHONES: usize = 200;
    const ROUNDS: usize = 25;
    let server = Server::start(PHONES);
    let people = People::new(server.address);
    let phones = people.registered(PHONES);
    let before = server.usage();
    for _ in 0..ROUNDS {
        phones.iter().for_each(|phone| people.register(*phone));
        people.wait_for(PHONES, |event| matches!(event, Event::Registered { .. }));
    }
    let cpu = server.usage().cpu - before.cpu;
    println!(
        "REGISTER           {:6.1} µs CPU each ({} of them)",
        micros(cpu, PHONES * ROUNDS),
        PHONES * ROUNDS
    );
}

/// From a caller's INVITE to the operator's phone that rings, one call at a time.
fn set_up() {
    const CALLS: usize = 500;
    let server = Server::start(1);
    let people = People::new(server.address);
    let talks = Manner {
        talk_for: Some(Duration::ZERO),
        ..answers()
    };
    people.operators(1, &talks);
    let callers = people.callers(1, &silent());
    let mut times = Vec::new();
    for _ in 0..CALLS {
        let uri = people.helpline();
        let sent = people.fleet.ask(callers[0], move |phone, now| {
            phone.call(&uri, now);
            now
        });
        let sent = sent.expect("the caller's phone");
        let mut ended = 0;
        // The caller's end and the operator's.
        while ended < 2 {
            let told = people.told.recv_timeout(Duration::from_secs(10));
            let told = told.expect("the call goes on");
            match told.event {
                Event::Ringing { .. } => {
                    times.push(told.at.saturating_sub(Duration::from_micros(sent.0)));
                }
                Event::Ended { .. } | Event::Failed { .. } => ended += 1,
                _ => {}
            }
        }
    }
    times.sort_unstable();
    let at = |share: usize| times[(times.len() - 1) * share / 100].as_secs_f64() * 1e3;
    println!(
        "INVITE → rings     {:6.2} ms p50, {:.2} ms p99 ({CALLS} calls, one at a time)",
        at(50),
        at(99)
    );
}

/// Whole queue calls without audio of the phones: as many at once as there are operators.
fn calls(count: usize, operators: usize) {
    let server = Server::start(operators);
    let people = People::new(server.address);
    let (cpu, wall, _) = run_calls(&server, &people, count, operators);
    println!(
        "queue call         {:6.0} µs CPU each, {:.0} calls/s beside the phones on this machine, {:.0} calls/s per core",
        micros(cpu, count),
        count as f64 / wall.as_secs_f64(),
        count as f64 / cpu.as_secs_f64()
    );
}

/// A closed loop of calls; returns the server's CPU, the time, and its memory at tenths of the way.
fn run_calls(
    server: &Server,
    people: &People,
    count: usize,
    operators: usize,
) -> (Duration, Duration, Vec<u64>) {
    let talks = Manner {
        talk_for: Some(Duration::ZERO),
        ..answers()
    };
    people.operators(operators, &talks);
    let callers = people.callers(operators, &silent());
    let mine: BTreeSet<_> = callers.iter().copied().collect();
    let (before, start) = (server.usage(), Instant::now());
    callers.iter().for_each(|phone| people.call(*phone));
    let (mut begun, mut ended, mut failed) = (callers.len(), 0, 0);
    let mut memory = Vec::new();
    while ended < count {
        let told = people.told.recv_timeout(Duration::from_secs(30));
        let told = told.expect("calls go on");
        if !mine.contains(&told.phone) {
            continue;
        }
        match told.event {
            Event::Ended { .. } => ended += 1,
            Event::Failed { .. } => {
                failed += 1;
                ended += 1;
            }
            _ => continue,
        }
        if ended % (count / 10).max(1) == 0 {
            memory.push(server.usage().memory);
        }
        if begun < count {
            begun += 1;
            people.call(told.phone);
        }
    }
    if failed > 0 {
        println!("                   {failed} calls failed");
    }
    (server.usage().cpu - before.cpu, start.elapsed(), memory)
}

/// Calls that talk both ways, 50 packets a second in each direction.
fn relayed(count: usize) {
    let server = Server::start(count);
    let people = People::new(server.address);
    let talks = Manner {
        on_ring: OnRing::Answer {
            after: Duration::ZERO,
        },
        ..Manner::default()
    };
    people.operators(count, &talks);
    let callers = people.callers(count, &Manner::default());
    let idle = server.usage();
    callers.iter().for_each(|phone| people.call(*phone));
    // Both ends of each call.
    people.wait_for(2 * count, |event| *event == Event::Connected);
    let (cpu, wall) = watch(&server);
    println!(
        "{count} relayed        {:6.1} % of a core, {:.0} kB each",
        percent(cpu, wall),
        kilobytes(server.usage().memory, idle.memory, count)
    );
    people.hang_up(&callers);
}

/// Callers who wait with music; the one operator never answers.
fn waiting(count: usize) {
    let server = Server::start(1);
    let people = People::new(server.address);
    people.operators(1, &Manner::default());
    let callers = people.callers(count, &silent());
    let idle = server.usage();
    for some in callers.chunks(100) {
        some.iter().for_each(|phone| people.call(*phone));
        people.wait_for(some.len(), |event| *event == Event::Connected);
    }
    let (cpu, wall) = watch(&server);
    println!(
        "{count:4} waiting       {:6.1} % of a core ({:.2} % per 100), {:.0} kB each",
        percent(cpu, wall),
        percent(cpu, wall) * 100.0 / count as f64,
        kilobytes(server.usage().memory, idle.memory, count)
    );
    people.hang_up(&callers);
}

fn watch(server: &Server) -> (Duration, Duration) {
    let (before, start) = (server.usage(), Instant::now());
    std::thread::sleep(WATCH);
    (server.usage().cpu - before.cpu, start.elapsed())
}

fn kilobytes(now: u64, before: u64, count: usize) -> f64 {
    now.saturating_sub(before) as f64 / 1e3 / count as f64
}

/// Memory over many calls: media ports rest, so it is the pace of the ports that limits the calls.
fn flat(count: usize) {
    const OPERATORS: usize = 8;
    let server = Server::start(OPERATORS);
    let people = People::new(server.address);
    let (_, wall, memory) = run_calls(&server, &people, count, OPERATORS);
    let memory: Vec<u64> = memory.iter().map(|bytes| bytes / 1_000_000).collect();
    println!(
        "{count} calls      memory at each tenth in MB: {memory:?} ({:.0} s)",
        wall.as_secs_f64()
    );
}
