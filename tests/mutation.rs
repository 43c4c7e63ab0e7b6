//! Every reader of what comes from outside, fed with whole, cut, spliced and scrambled input.
//!
//! What holds of each is said once, in `src/fuzzing`, for libFuzzer and for these tests; its corpora are
//! `tests/data/corpus`. Mutations come from a seed alone; a failure names it.

#![allow(clippy::unwrap_used, reason = "a test that fails says so")]

mod desk;

#[path = "mutation/dice.rs"]
mod dice;
#[path = "mutation/differential.rs"]
mod differential;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use dice::{Dice, corpus, files, first_fault, messages, mutant};
use qaynar::fuzzing::{TARGETS, run};
use qaynar::sdp::Description;
use qaynar::sip::message::Message;
use qaynar::sip::parse::{Framed, Framer, MAX_HEAD, MAX_MESSAGE, parse_datagram};

/// Mutants of a target; all together take a few seconds. `QAYNAR_MUTANTS=50` makes fifty times as many.
fn count(target: &str) -> u64 {
    let times = std::env::var("QAYNAR_MUTANTS").map_or(1, |text| text.parse().unwrap());
    let once = match target {
        "dialplan" => 1_500,
        "switch" => 400,
        "sound" | "srtp" => 4_000,
        _ => 10_000,
    };
    times * once
}

#[test]
fn whatever_a_target_has_seen_and_mutations_of_it_break_no_promise() {
    let mut broken = Vec::new();
    for (target, _) in TARGETS {
        let mut seen = corpus(target);
        assert!(seen.len() >= 5, "{target}: {} in its corpus", seen.len());
        if target == "message" {
            seen = messages();
        }
        let fault = first_fault(&seen, count(target), |bytes| run(target, bytes));
        broken.extend(fault.map(|fault| format!("{target}, {fault}")));
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn each_target_has_its_corpus_and_its_program_and_none_is_forgotten() {
    let targets: BTreeSet<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    for (folder, what) in [
        ("tests/data/corpus", "corpus"),
        ("fuzz/fuzz_targets", "program"),
    ] {
        let paths = files(folder);
        let there: BTreeSet<&str> = paths
            .iter()
            .filter_map(|path| path.file_stem()?.to_str())
            .collect();
        assert_eq!(there, targets, "each target has a {what}");
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = fs::read_to_string(root.join("fuzz/Cargo.toml")).unwrap();
    for target in targets {
        let program = format!("fuzz/fuzz_targets/{target}.rs");
        let text = fs::read_to_string(root.join(program)).unwrap();
        assert!(
            text.contains(&format!("run(\"{target}\", bytes)")),
            "{text}"
        );
        assert!(
            manifest.contains(&format!("name = \"{target}\"")),
            "{target}"
        );
    }
}

#[test]
fn unknown_methods_and_headers_are_kept_letter_by_letter() {
    let text = "DaNcE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n\
        To: <sip:a@b>\r\nCall-ID: 1\r\nCSeq: 1 DaNcE\r\nx-OWN_thing: \u{18f} \"un\\\"usual\" ;;=,\r\n\
        X-Raw: \u{1}\u{7f}\r\nContent-Length: 0\r\n\r\n";
    let Ok(Message::Request(request)) = parse_datagram(text.as_bytes()) else {
        panic!("it is well-formed");
    };
    assert_eq!(String::from_utf8(request.to_bytes()).unwrap(), text);
}

#[test]
fn the_switch_takes_whatever_comes() {
    let corpus = messages();
    let mut all = settled();
    for seed in 0..3_000 {
        let bytes = mutant(&corpus, &mut Dice::new(seed));
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            all.datagram(desk::from("127.0.0.1:5080"), &bytes);
            all.datagram(desk::from("198.51.100.9:5080"), &bytes);
        }));
        assert!(outcome.is_ok(), "seed {seed}:\n{}", bytes.escape_ascii());
        all.sent.clear();
        all.events.clear();
    }
    assert_eq!(all.switch.violations(all.now), Vec::<String>::new());
    all.wait(std::time::Duration::from_secs(4_000));
    let counts = all.switch.counts();
    assert_eq!(
        (counts.calls, counts.legs, counts.transactions),
        (0, 0, 0),
        "all has drained"
    );
    assert_eq!(all.switch.violations(all.now), Vec::<String>::new());
}

fn settled() -> desk::Desk {
    desk::Desk::new(desk::settings())
}

/// All that comes out of a stream in pieces of these lengths.
fn pulled(bytes: &[u8], mut length: impl FnMut() -> usize) -> Vec<Framed> {
    let (mut framer, mut found, mut at) = (Framer::default(), Vec::new(), 0);
    while at < bytes.len() {
        let end = bytes.len().min(at + length().max(1));
        framer.push(&bytes[at..end]);
        found.extend(std::iter::from_fn(|| framer.pull()));
        at = end;
    }
    found
}

#[test]
fn a_stream_says_the_same_wherever_it_is_cut() {
    let mut stream = Vec::new();
    for message in messages() {
        // Those whose frame is lost would end the stream.
        if let [Framed::Message(_) | Framed::Malformed(_)] = &pulled(&message, || 70_000)[..] {
            stream.extend_from_slice(&message);
            stream.extend_from_slice(b"\r\n\r\n");
        }
    }
    let whole = pulled(&stream, || stream.len());
    assert!(whole.len() > 80, "{} things in the stream", whole.len());
    assert_eq!(whole, pulled(&stream, || 1), "octet by octet");
    let start = &stream[..stream.len().min(2_500)];
    let expected = pulled(start, || start.len());
    for cut in 1..start.len() {
        let mut first = true;
        let length = || {
            if std::mem::take(&mut first) {
                cut
            } else {
                start.len()
            }
        };
        assert_eq!(expected, pulled(start, length), "cut at {cut}");
    }
}

#[test]
fn a_head_without_end_and_a_body_too_long_are_not_waited_for() {
    for endless in [
        &b"A"[..],
        b"A: b\r\n",
        b" ",
        b"\xff",
        b"OPTIONS sip:a SIP/2.0\r\n",
    ] {
        let mut framer = Framer::default();
        let mut taken = 0;
        while framer.pull().is_none() {
            framer.push(endless);
            taken += endless.len();
            assert!(
                taken <= MAX_HEAD + endless.len(),
                "a head without end is kept"
            );
        }
    }
    let head = "OPTIONS sip:a SIP/2.0\r\nContent-Length: 65000\r\n\r\n";
    let lost = pulled(head.replace("65000", "65536").as_bytes(), || 7);
    assert!(
        matches!(lost[..], [Framed::Lost(_)]),
        "a body beyond {MAX_MESSAGE} is not waited for"
    );
    let endless = format!("v=0\r\n{}", "m=audio 1 RTP/AVP 8\r\n".repeat(10_000));
    assert!(Description::parse(endless.as_bytes()).is_err());
}

/// A list that would take minutes, were it looked at more than once a value.
#[test]
fn long_lists_cost_no_more_than_their_length() {
    let mut all = settled();
    for (name, value) in [
        ("Via", "SIP/2.0/UDP h,"),
        ("Via", "a,"),
        ("Contact", "<sip:a@b>,"),
        ("Require", "a,"),
    ] {
        let line = format!("{name}: {}\r\n", value.repeat(15_000 / value.len()));
        let text = format!(
            "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;rport;branch=z9hG4bK{name}{}\r\nFrom: <sip:a@b>;tag=1\r\n\
             To: <sip:a@b>\r\nCall-ID: {name}\r\nCSeq: 1 OPTIONS\r\n{}Content-Length: 0\r\n\r\n",
            value.len(),
            line.repeat(4)
        );
        for _ in 0..4 {
            let answers = all.ask(desk::from("127.0.0.1:5080"), text.as_bytes());
            assert!(answers.iter().all(|one| one.status >= 400), "{name}");
        }
    }
}
