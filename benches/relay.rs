//! Media without sockets: what a packet and a played frame cost.
//! `cargo bench --bench relay`

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use qaynar::ids::LegId;
use qaynar::media::{
    Channel, Clip, Clips, Codec, Command, Crypto, Direction, Engine, Sound, Stream,
};
use qaynar::rtp::srtp::{Keys, Sealer, Suite};
use qaynar::time::{Instant, Now, Wall};

const FRAME: Duration = Duration::from_millis(20);

fn address(number: u64) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 30_000 + 2 * number as u16))
}

fn open(engine: &mut Engine, number: u64, codec: Codec, crypto: Option<Crypto>) {
    let here = IpAddr::from([127, 0, 0, 1]);
    let payload_type = if codec == Codec::Pcma { 8 } else { 0 };
    let leg = LegId(number);
    let commands = [
        Command::Open {
            leg,
            shard: 0,
            address: here,
            port: 20_000,
            ssrc: 7,
            sequence: 1,
            timestamp: 1,
        },
        Command::Configure {
            leg,
            stream: Stream {
                remote: address(number),
                signalling: here,
                remote_rtcp: address(number),
                codec,
                payload_type,
                accepts: vec![(payload_type, codec)],
                event_type: None,
                event_type_in: None,
                packet_time: FRAME,
                direction: Direction::SendRecv,
                crypto: crypto.clone(),
                networks: Vec::new(),
                strangers: false,
            },
        },
    ];
    for command in commands {
        engine.handle(command, now(0), &mut nowhere);
    }
}

fn now(microseconds: u64) -> Now {
    Now {
        at: Instant(microseconds),
        wall: Wall(microseconds as i64),
    }
}

fn nowhere(_: LegId, _: Channel, _: SocketAddr, _: &[u8]) {}

/// A packet of 20 ms with the numbers of place `at` in its stream.
fn packet(payload_type: u8, at: u32) -> Vec<u8> {
    let mut bytes = vec![0x80, payload_type];
    bytes.extend((at as u16).to_be_bytes());
    bytes.extend((at * 160).to_be_bytes());
    bytes.extend(99_u32.to_be_bytes());
    bytes.extend([0xd5; 160]);
    bytes
}

fn relayed(criterion: &mut Criterion) {
    for (name, other) in [
        ("relay a packet", Codec::Pcma),
        ("transcode a packet", Codec::Pcmu),
    ] {
        let mut engine = Engine::new(Arc::new(Clips::default()));
        open(&mut engine, 0, Codec::Pcma, None);
        open(&mut engine, 1, other, None);
        let bridge = Command::Bridge {
            a: LegId(0),
            b: LegId(1),
            keeps_keys: None,
        };
        engine.handle(bridge, now(0), &mut nowhere);
        let mut at = 0;
        criterion.bench_function(name, |bencher| {
            bencher.iter(|| {
                at += 1;
                let bytes = packet(8, at);
                let when = now(u64::from(at) * 20_000);
                engine.packet(
                    LegId(0),
                    Channel::Rtp,
                    address(0),
                    &bytes,
                    when,
                    &mut nowhere,
                );
            });
        });
    }
}

/// From one leg under keys to another: opened, and sealed anew.
fn relayed_under_keys(criterion: &mut Criterion) {
    for suite in [Suite::Aes128Tag80, Suite::Aes256Tag80] {
        let keys = Keys::new(suite, &vec![7; suite.secret_length()], 0).expect("keys");
        let crypto = Crypto {
            ours: keys.clone(),
            theirs: keys.clone(),
        };
        let mut engine = Engine::new(Arc::new(Clips::default()));
        for number in 0..2 {
            open(&mut engine, number, Codec::Pcma, Some(crypto.clone()));
        }
        let bridge = Command::Bridge {
            a: LegId(0),
            b: LegId(1),
            keeps_keys: None,
        };
        engine.handle(bridge, now(0), &mut nowhere);
        let mut phone = Sealer::new(&keys).expect("keys");
        let mut at = 0;
        let name = format!("relay a packet, {}", suite.name());
        criterion.bench_function(&name, |bencher| {
            bencher.iter_batched(
                || {
                    at += 1;
                    let mut bytes = packet(8, at);
                    let length = bytes.len();
                    bytes.resize(length + 10, 0);
                    phone.rtp(&mut bytes, length);
                    (at, bytes)
                },
                |(at, bytes)| {
                    let when = now(u64::from(at) * 20_000);
                    engine.packet(
                        LegId(0),
                        Channel::Rtp,
                        address(0),
                        &bytes,
                        when,
                        &mut nowhere,
                    );
                },
                BatchSize::SmallInput,
            );
        });
    }
}

fn played(criterion: &mut Criterion) {
    let clip = Clip {
        language: None,
        name: "hold".into(),
    };
    let mut clips = Clips::default();
    clips.insert(clip.clone(), Sound::from_samples(&[1_000; 80_000]));
    let mut engine = Engine::new(Arc::new(clips));
    for number in 0..100 {
        open(&mut engine, number, Codec::Pcma, None);
        let music = Command::Music {
            leg: LegId(number),
            clip: clip.clone(),
        };
        engine.handle(music, now(0), &mut nowhere);
    }
    let mut at = 0;
    criterion.bench_function("20 ms of music to 100 callers", |bencher| {
        bencher.iter(|| {
            at += 20_000;
            engine.tick(now(at), &mut nowhere);
        });
    });
}

criterion_group!(benches, relayed, relayed_under_keys, played);
criterion_main!(benches);
