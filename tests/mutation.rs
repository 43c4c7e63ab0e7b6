//! Every reader of what comes from outside, fed with whole, cut, spliced and scrambled input: it
//! never panics, never grows without end, and keeps what it does not know as it came.
//!
//! Mutations come from a seed alone; a failure names it.

#![allow(clippy::unwrap_used, reason = "a test that fails says so")]

mod desk;

use std::fs;
use std::path::Path;

use qaynar::event::{Cause, Entry, Event, Side, What};
use qaynar::ids::CallId;
use qaynar::media::Direction;
use qaynar::media::clips::Sound;
use qaynar::rtp::dtmf::Reader;
use qaynar::rtp::{packet, rtcp};
use qaynar::sdp::{Description, Local, answer, read_answer};
use qaynar::sip::digest::{Authorization, Challenge};
use qaynar::sip::headers::{NameAddr, Via};
use qaynar::sip::message::{Headers, Message, Name};
use qaynar::sip::parse::{Framed, Framer, MAX_HEAD, MAX_MESSAGE, parse_datagram};
use qaynar::sip::uri::Uri;
use qaynar::store::line;
use qaynar::time::Wall;

/// Numbers from a seed (xorshift64*); the same on every machine.
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() >> 33) as usize % limit.max(1)
    }
}

/// Pieces that readers tend to stumble over.
const SPICES: &[&[u8]] = &[
    b"\r\n",
    b"\r\n\r\n",
    b"\n",
    b"\0",
    b"\"",
    b"<",
    b">",
    b";",
    b",",
    b"=",
    b":",
    b"@",
    b" ",
    b"\t",
    b"%",
    b"%00",
    b"\\",
    b"[",
    b"]",
    b"[::1]",
    b"4294967296",
    b"-1",
    b"\xff\xfe",
    b"\xc3",
    b"*",
    b"?",
    b"Content-Length: 99999\r\n",
    b"z9hG4bK",
    b"SIP/2.0",
    b";;;;",
    b"''",
    b"{}",
    b"\"\\",
];

/// One of `corpus` with some wounds.
fn mutant(corpus: &[Vec<u8>], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = corpus[dice.below(corpus.len())].clone();
    for _ in 0..=dice.below(4) {
        let at = dice.below(bytes.len() + 1);
        let end = at + dice.below((bytes.len() - at).min(40) + 1);
        match dice.below(7) {
            0 if at < bytes.len() => bytes[at] = dice.next() as u8,
            1 => bytes.truncate(at),
            2 => drop(bytes.drain(at..end)),
            3 => {
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            4 => {
                let spice = SPICES[dice.below(SPICES.len())];
                bytes.splice(at..at, spice.iter().copied());
            }
            5 => {
                let other = &corpus[dice.below(corpus.len())];
                let from = dice.below(other.len() + 1);
                bytes.truncate(at);
                bytes.extend_from_slice(&other[from..]);
            }
            _ => {
                let spice = SPICES[dice.below(SPICES.len())].repeat(1 + dice.below(200));
                bytes.splice(at..at, spice);
            }
        }
    }
    bytes
}

/// Runs `check` on mutants; the seed of the one that fails is printed.
fn each(corpus: &[Vec<u8>], count: u64, check: impl Fn(&[u8]) + std::panic::RefUnwindSafe) {
    for seed in 0..count {
        let bytes = mutant(corpus, &mut Dice::new(seed));
        let outcome = std::panic::catch_unwind(|| check(&bytes));
        assert!(
            outcome.is_ok(),
            "seed {seed}:\n{}",
            bytes.escape_ascii().to_string().replace("\\r\\n", "\r\n")
        );
    }
}

/// Our torture messages.
fn messages() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/torture");
    let mut paths: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "sip"))
        .collect();
    paths.sort();
    let read = |path| {
        let text = fs::read_to_string(path).unwrap().replace('\n', "\r\n");
        let length = text
            .split_once("\r\n\r\n")
            .map_or(0, |(_, body)| body.len());
        text.replace("{length}", &length.to_string()).into_bytes()
    };
    let mut all: Vec<Vec<u8>> = paths.iter().map(read).collect();
    all.push(
        b"REGISTER sip:qaynar SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5090;rport;branch=z9hG4bK7\r\n\
          From: <sip:101@qaynar>;tag=1\r\nTo: <sip:101@qaynar>\r\nCall-ID: r\r\nCSeq: 2 REGISTER\r\n\
          Contact: <sip:101@127.0.0.1>;expires=60;+sip.instance=\"<urn:uuid:1>\", <sip:b@c>;q=0.1\r\n\
          Authorization: Digest username=\"101\", realm=\"qaynar\", nonce=\"0\", uri=\"sip:qaynar\", \
          response=\"0\", qop=auth, nc=00000001, cnonce=\"x\", algorithm=MD5\r\n\
          RAck: 1 2 INVITE\r\nSession-Expires: 1800;refresher=uac\r\nMin-SE: 90\r\nExpires: 60\r\n\
          Privacy: id;critical\r\nP-Asserted-Identity: \"A\" <tel:+994125550101>\r\n\
          Content-Length: 0\r\n\r\n"
            .to_vec(),
    );
    all
}

/// Touches every typed reading.
fn read_all(headers: &Headers) {
    let _ = (headers.vias(), headers.via(), headers.from(), headers.to());
    let _ = (headers.call_id(), headers.cseq(), headers.max_forwards());
    let _ = (headers.contacts(), headers.expires(), headers.rack());
    let _ = (
        headers.session_expires(),
        headers.min_se(),
        headers.content_type(),
    );
    let _ = (
        headers.tokens(Name::Require),
        headers.lists(Name::Supported, "timer"),
    );
    for value in headers.all(Name::Authorization) {
        let _ = Authorization::parse(&value);
    }
    let challenges = headers
        .fields(&Name::WwwAuthenticate)
        .map(String::from_utf8_lossy);
    let _ = Challenge::best(challenges);
}

/// The fields but for Content-Length, which is computed.
fn fields(headers: &Headers) -> Vec<(&str, &[u8])> {
    headers
        .iter()
        .filter(|(name, _)| **name != Name::ContentLength)
        .map(|(name, value)| (name.as_str(), value))
        .collect()
}

#[test]
fn a_message_that_can_be_read_is_written_so_that_it_is_the_same() {
    let check = |bytes: &[u8]| {
        let Ok(message) = parse_datagram(bytes) else {
            return;
        };
        read_all(message.headers());
        let again = message.to_bytes();
        let read = parse_datagram(&again).expect("what we write can be read");
        assert_eq!(fields(message.headers()), fields(read.headers()));
        match (&message, &read) {
            (Message::Request(one), Message::Request(two)) => {
                assert_eq!((&one.method, &one.body), (&two.method, &two.body));
                assert_eq!(one.uri, two.uri);
            }
            (Message::Response(one), Message::Response(two)) => {
                assert_eq!(
                    (one.status, &one.reason, &one.body),
                    (two.status, &two.reason, &two.body)
                );
            }
            _ => panic!("a request became a response"),
        }
    };
    let corpus = messages();
    for bytes in &corpus {
        check(bytes);
    }
    each(&corpus, 10_000, check);
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

#[test]
fn addresses_are_written_as_they_are_read() {
    let corpus: Vec<Vec<u8>> = [
        "sip:116111@qaynar;user=phone;transport=tcp?Subject=x",
        "sips:a;b=c%40d:secret@[2001:db8::1]:5061;lr",
        "tel:+994-12-555;phone-context=+994",
        "\"N \\\"Q\\\"\" <sip:a@b;x=y>;tag=1;q=0.5;+sip.instance=\"<urn:uuid:1>\"",
        "Nigar <sip:a@192.0.2.1:99999>;expires=1",
        "SIP / 2.0 / UDP [::1]:5060 ; branch = z9hG4bK1 ;rport;received=[::2]",
        "Digest realm=\"a\\\"b\", nonce=\"c\", qop=\"auth,auth-int\", algorithm=SHA-256, stale=TRUE",
    ]
    .map(|text| text.as_bytes().to_vec())
    .into();
    each(&corpus, 10_000, |bytes| {
        let text = String::from_utf8_lossy(bytes);
        if let Ok(uri) = Uri::parse(&text) {
            let _ = (uri.user(), uri.port(), uri.is_equivalent(&uri));
            assert_eq!(Uri::parse(&uri.to_string()).as_ref(), Ok(&uri));
        }
        if let Ok(who) = NameAddr::parse(&text) {
            let again = NameAddr::parse(&who.to_string()).expect("what we write can be read");
            assert_eq!((&again.uri, &again.parameters), (&who.uri, &who.parameters));
        }
        if let Ok(via) = Via::parse(&text) {
            assert_eq!(Via::parse(&via.to_string()).as_ref(), Ok(&via));
        }
        let _ = Authorization::parse(&text);
        if let Some(challenge) = Challenge::best([text].into_iter()) {
            let _ = challenge.answer("u", "p", "INVITE", "sip:a@b", "own");
        }
    });
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
fn a_stream_says_the_same_however_it_is_cut() {
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
fn a_scrambled_stream_ends_or_goes_on_and_never_grows() {
    let corpus = messages();
    for seed in 0..1_000 {
        let mut dice = Dice::new(seed);
        let stream: Vec<u8> = (0..3).flat_map(|_| mutant(&corpus, &mut dice)).collect();
        let found = pulled(&stream, || dice.below(900));
        let lost = found.iter().position(|one| matches!(one, Framed::Lost(_)));
        assert!(
            lost.is_none_or(|at| at + 1 == found.len()),
            "seed {seed}: words after the end"
        );
    }
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

#[test]
fn descriptions_are_read_or_refused() {
    let corpus: Vec<Vec<u8>> = [
        "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0 8 101\r\n\
         a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendonly\r\na=rtcp:40001 IN IP4 192.0.2.1\r\n\
         m=video 40002 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\nm=image 40004 udptl t38\r\n",
        "v=0\r\no=- 1 1 IN IP6 ::1\r\ns=-\r\nt=0 0\r\nm=audio 0 RTP/SAVP 8\r\nc=IN IP6 2001:db8::1/127/3\r\na=rtcp-mux\r\na=inactive\r\n",
    ]
    .map(|text| text.as_bytes().to_vec())
    .into();
    let local = Local {
        address: "127.0.0.1".parse().unwrap(),
        port: 20_000,
        id: 1,
        version: 1,
        direction: Direction::SendRecv,
        keying: qaynar::sdp::Keying::OFF,
        codecs: Vec::new(),
    };
    each(&corpus, 8_000, |bytes| {
        let Ok(description) = Description::parse(bytes) else {
            return;
        };
        let _ = read_answer(&description, &description);
        let Ok((body, _)) = answer(&description, &local) else {
            return;
        };
        let ours = Description::parse(&body).expect("what we write can be read");
        assert_eq!(
            ours.media.len(),
            description.media.len(),
            "an answer to each line (RFC 3264 §6)"
        );
        assert!(body.len() < 16 * 1024);
    });
    let endless = format!("v=0\r\n{}", "m=audio 1 RTP/AVP 8\r\n".repeat(10_000));
    assert!(Description::parse(endless.as_bytes()).is_err());
}

#[test]
fn packets_are_read_or_passed_over() {
    let report = rtcp::write(7, None, None, true);
    let mut corpus = vec![
        report,
        vec![0x80, 8, 0, 1, 0, 0, 0, 9, 1, 2, 3, 4, 0xd5, 0xd5],
    ];
    // With a CSRC, an extension and padding; a compound of SR, SDES and BYE.
    corpus.push(vec![
        0xb1, 0x88, 0, 2, 0, 0, 1, 0, 1, 2, 3, 4, 9, 9, 9, 9, 0xbe, 0xde, 0, 1, 1, 2, 3, 4, 7, 7,
        0, 2,
    ]);
    corpus.push(
        [
            &[0x81, 200, 0, 12][..],
            &[1; 48],
            &[0x81, 202, 0, 2, 0, 0, 0, 1, 1, 1, 0x61, 0],
            &[0x81, 203, 0, 1, 0, 0, 0, 1],
        ]
        .concat(),
    );
    each(&corpus, 10_000, |bytes| {
        if let Some((_, payload)) = packet::read(bytes) {
            assert!(payload.len() <= bytes.len());
            let mut keys = Reader::default();
            let _ = keys.packet(1, payload);
        }
        let _ = rtcp::read(bytes);
    });
}

#[test]
fn sounds_are_read_or_refused() {
    let spec = hound::WavSpec {
        channels: 2,
        sample_rate: 16_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut file = std::io::Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut file, spec).unwrap();
    for at in 0..400_i16 {
        writer.write_sample(at * 50).unwrap();
    }
    writer.finalize().unwrap();
    let whole = file.into_inner();
    assert_eq!(Sound::from_wav(&whole).unwrap().len(), 100);
    each(&[whole], 4_000, |bytes| {
        if let Ok(sound) = Sound::from_wav(bytes) {
            assert!(sound.len() <= 40 * bytes.len(), "{} samples", sound.len());
        }
    });
}

#[test]
fn dialplans_are_loaded_or_every_mistake_is_told() {
    let shipped = include_str!("../dialplans/helpline.toml")
        .as_bytes()
        .to_vec();
    let catalogue = qaynar::dialplan::Catalogue::default();
    each(&[shipped], 300, |bytes| {
        let text = String::from_utf8_lossy(bytes).into_owned();
        if let Err(faults) = qaynar::dialplan::load(&[("a.toml".into(), text)], &catalogue) {
            assert!(!faults.is_empty());
        }
    });
}

#[test]
fn a_journal_line_is_whole_or_refused() {
    let ended = What::Ended {
        by: Side::Caller,
        cause: Cause::HungUp,
    };
    let entry = Entry::Event(Event {
        at: Wall(1),
        call: Some(CallId(7)),
        what: ended,
    });
    let mut whole = Vec::new();
    line::write(&mut whole, 9, &entry).unwrap();
    let text = whole.strip_suffix(b"\n").unwrap();
    assert_eq!(line::read(text).unwrap().entry, entry);
    each(&[text.to_vec()], 20_000, |bytes| {
        // A checksum of 32 bits lets no mutant through that says something else.
        if let Ok(numbered) = line::read(bytes) {
            assert_eq!((numbered.sequence, &numbered.entry), (9, &entry));
        }
    });
}

/// Another reader of SIP, by other people: where both take a message, both see the same in it.
#[test]
fn our_reader_and_rsip_agree_where_both_accept() {
    use rsip::prelude::*;
    let corpus = messages();
    let (mut both, mut seed) = (0, 0);
    while seed < 10_000 {
        let bytes = match corpus.get(seed as usize) {
            Some(whole) => whole.clone(),
            None => mutant(&corpus, &mut Dice::new(seed)),
        };
        seed += 1;
        let Ok(Message::Request(ours)) = parse_datagram(&bytes) else {
            continue;
        };
        // Long names alone: rsip knows few compact ones; and it does not join folded lines.
        let plain = ours.to_bytes();
        let theirs = std::panic::catch_unwind(|| rsip::Request::try_from(plain.as_slice()));
        let Ok(Ok(theirs)) = theirs else { continue };
        let (Ok(call_id), Ok(cseq)) = (theirs.call_id_header(), theirs.cseq_header()) else {
            continue;
        };
        let Ok(cseq) = cseq.typed() else { continue };
        both += 1;
        let text = plain.escape_ascii();
        assert_eq!(
            ours.method.as_str(),
            theirs.method().to_string(),
            "seed {seed}: {text}"
        );
        assert_eq!(
            ours.headers.call_id(),
            Ok(call_id.value()),
            "seed {seed}: {text}"
        );
        assert_eq!(
            ours.headers.cseq().unwrap().number,
            cseq.seq,
            "seed {seed}: {text}"
        );
        let vias = theirs
            .headers()
            .iter()
            .filter(|one| matches!(one, rsip::Header::Via(_)));
        assert_eq!(
            ours.headers.fields(&Name::Via).count(),
            vias.count(),
            "seed {seed}: {text}"
        );
    }
    assert!(both > 400, "only {both} messages were taken by both");
}
