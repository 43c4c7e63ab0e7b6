//! Reading and writing SIP: what each message costs before anything is decided.
//! `cargo bench --bench parse`

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use qaynar::sip::parse::parse_datagram;

/// An INVITE as a trunk sends it.
const INVITE: &str = "INVITE sip:116111@203.0.113.5;user=phone SIP/2.0\r\n\
Via: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bK77ef4c2312983;rport\r\n\
Record-Route: <sip:198.51.100.6;lr>\r\n\
Max-Forwards: 68\r\n\
From: \"Anonymous\" <sip:anonymous@anonymous.invalid>;tag=1928301774\r\n\
To: <sip:116111@203.0.113.5;user=phone>\r\n\
Call-ID: a84b4c76e66710@198.51.100.7\r\n\
CSeq: 314159 INVITE\r\n\
Contact: <sip:198.51.100.7:5060>\r\n\
P-Asserted-Identity: <sip:+994501234567@198.51.100.7;user=phone>\r\n\
Privacy: id\r\n\
Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE\r\n\
Supported: 100rel, timer\r\n\
Session-Expires: 1800\r\n\
Content-Type: application/sdp\r\n\
Content-Length: 205\r\n\
\r\n\
v=0\r\n\
o=- 2890844526 2890844526 IN IP4 198.51.100.8\r\n\
s=-\r\n\
c=IN IP4 198.51.100.8\r\n\
t=0 0\r\n\
m=audio 49172 RTP/AVP 8 0 101\r\n\
a=rtpmap:8 PCMA/8000\r\n\
a=rtpmap:0 PCMU/8000\r\n\
a=rtpmap:101 telephone-event/8000\r\n";

fn messages(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("message");
    group.throughput(Throughput::Bytes(INVITE.len() as u64));
    let parsed = parse_datagram(INVITE.as_bytes()).expect("the INVITE is well formed");
    group.bench_function("read an INVITE", |bencher| {
        bencher.iter(|| parse_datagram(black_box(INVITE.as_bytes())).is_ok());
    });
    group.bench_function("write an INVITE", |bencher| {
        bencher.iter(|| black_box(&parsed).to_bytes());
    });
    let junk: Vec<u8> = (0..600_u32).map(|at| (at * 131 % 251) as u8).collect();
    group.bench_function("refuse junk", |bencher| {
        bencher.iter(|| parse_datagram(black_box(&junk)).is_err());
    });
    group.finish();
}

fn descriptions(criterion: &mut Criterion) {
    let body = INVITE.split("\r\n\r\n").nth(1).unwrap_or_default();
    criterion.bench_function("read a description", |bencher| {
        bencher.iter(|| qaynar::sdp::Description::parse(black_box(body.as_bytes())).is_ok());
    });
}

criterion_group!(benches, messages, descriptions);
criterion_main!(benches);
