//! Rooms as their participants hear them: each speaks a tone of its own frequency, and the tones that reach
//! each of them tell whom it hears.

#![allow(clippy::unwrap_used, reason = "a test that fails says so")]

use std::collections::VecDeque;
use std::f64::consts::TAU;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use qaynar::ids::LegId;
use qaynar::media::{
    Channel, Clip, Clips, Codec, Command, Direction, Engine, Event, Seat, Sound, Stream,
};
use qaynar::rtp::g711;
use qaynar::rtp::packet::{self, Header, MAX_PACKET};
use qaynar::time::{Instant, Now, Wall};

/// Whose voice has which tone, in Hz: the leg's number is the place.
const TONES: [u32; 5] = [400, 600, 900, 1_300, 1_900];
/// What the clip of the tests sounds like.
const WORD: u32 = 2_500;
const FRAME: Duration = Duration::from_millis(20);

fn leg(number: usize) -> LegId {
    LegId(number as u64 + 1)
}

fn place(number: usize) -> SocketAddr {
    SocketAddr::from(([198, 51, 100, 1 + number as u8], 4_000))
}

fn sine(frequency: u32, from: usize, count: usize, height: f64) -> Vec<i16> {
    let step = TAU * f64::from(frequency) / 8_000.0;
    let samples = (from..from + count).map(|at| ((at as f64 * step).sin() * height) as i16);
    samples.collect()
}

/// The part of the energy that lies at a frequency (Goertzel).
fn share(samples: &[i16], frequency: u32) -> f64 {
    let turn = 2.0 * (TAU * f64::from(frequency) / 8_000.0).cos();
    let (mut before, mut last, mut energy) = (0.0, 0.0, 1.0);
    for sample in samples {
        let sample = f64::from(*sample);
        energy += sample * sample;
        (before, last) = (last, sample + turn * last - before);
    }
    let power = last * last + before * before - turn * last * before;
    2.0 * power / (energy * samples.len().max(1) as f64)
}

/// One participant: a voice, an ear, and the network from it.
struct Peer {
    codec: Codec,
    frame: Duration,
    height: f64,
    sequence: u16,
    spoken: usize,
    /// Each packet that is lost, by its number: every so many.
    loses: Option<usize>,
    /// Every second packet comes after the one that follows it.
    swaps: bool,
    waiting: Option<Vec<u8>>,
    heard: Vec<i16>,
    last: Option<(Header, usize)>,
    breaks: Vec<String>,
}

struct World {
    engine: Engine,
    now: Now,
    peers: Vec<Peer>,
    events: VecDeque<Event>,
}

fn word() -> Clip {
    Clip {
        language: None,
        name: "word".into(),
    }
}

impl World {
    /// So many legs, which speak and hear A-law in packets of 20 ms.
    fn new(count: usize) -> Self {
        let mut clips = Clips::default();
        clips.insert(word(), Sound::from_samples(&sine(WORD, 0, 8_000, 6_000.0)));
        let mut world = Self {
            engine: Engine::new(Arc::new(clips)),
            now: Now {
                at: Instant(86_400_000_000),
                wall: Wall(1_795_000_000_000_000),
            },
            peers: Vec::new(),
            events: VecDeque::new(),
        };
        for number in 0..count {
            world.tell(Command::Open {
                leg: leg(number),
                shard: 0,
                address: [127, 0, 0, 1].into(),
                port: 20_000 + 2 * number as u16,
                ssrc: 7_000 + number as u32,
                sequence: 65_500,
                timestamp: u32::MAX - 4_000,
            });
            world.peers.push(Peer {
                codec: Codec::Pcma,
                frame: FRAME,
                height: 5_000.0,
                sequence: 65_530,
                spoken: 100_000 * number,
                loses: None,
                swaps: false,
                waiting: None,
                heard: Vec::new(),
                last: None,
                breaks: Vec::new(),
            });
            world.negotiate(number, Direction::SendRecv);
        }
        world
    }

    fn negotiate(&mut self, number: usize, direction: Direction) {
        let (codec, remote) = (self.peers[number].codec, place(number));
        let stream = Stream {
            remote,
            signalling: remote.ip(),
            remote_rtcp: SocketAddr::new(remote.ip(), 4_001),
            codec,
            payload_type: codec.static_type(),
            accepts: vec![(codec.static_type(), codec)],
            event_type: Some(101),
            event_type_in: Some(101),
            packet_time: self.peers[number].frame,
            direction,
            crypto: None,
            networks: Vec::new(),
            strangers: false,
        };
        let leg = leg(number);
        self.tell(Command::Configure { leg, stream });
    }

    fn within(&mut self, act: impl FnOnce(&mut Engine, Now, &mut Sent)) {
        let mut sent = Vec::new();
        let mut sink = |leg: LegId, channel: Channel, _: SocketAddr, bytes: &[u8]| {
            if channel == Channel::Rtp {
                sent.push((leg, bytes.to_vec()));
            }
        };
        act(&mut self.engine, self.now, &mut Sent(&mut sink));
        self.events
            .extend(std::iter::from_fn(|| self.engine.poll_event()));
        for (leg, bytes) in sent {
            self.peers[leg.0 as usize - 1].hears(&bytes);
        }
    }

    fn tell(&mut self, command: Command) {
        self.within(|engine, now, sink| engine.handle(command, now, &mut sink.0));
    }

    /// Everybody in the room hears everybody else.
    fn meet(&mut self, who: &[usize]) {
        let all: Vec<usize> = who.to_vec();
        let table: Vec<(usize, Vec<usize>)> = who.iter().map(|one| (*one, all.clone())).collect();
        self.seat(&table);
    }

    fn seat(&mut self, table: &[(usize, Vec<usize>)]) {
        let seat = |(one, hears): &(usize, Vec<usize>)| Seat {
            leg: leg(*one),
            hears: hears.iter().map(|other| leg(*other)).collect(),
        };
        let room = table.iter().map(seat).collect();
        self.tell(Command::Mix { room });
    }

    /// All speak, and hear.
    fn talk(&mut self, time: Duration) {
        let end = self.now.at + time;
        while self.now.at < end {
            for number in 0..self.peers.len() {
                let spoken = self.now.at.0 / 1_000;
                let frame = self.peers[number].frame.as_millis() as u64;
                if spoken.is_multiple_of(frame) {
                    self.speak(number);
                }
            }
            let step = Duration::from_millis(5);
            self.now = Now {
                at: self.now.at + step,
                wall: self.now.wall + step,
            };
            self.within(|engine, now, sink| engine.tick(now, &mut sink.0));
        }
    }

    fn speak(&mut self, number: usize) {
        for bytes in self.peers[number].says(number) {
            let from = place(number);
            self.within(|engine, now, sink| {
                engine.packet(leg(number), Channel::Rtp, from, &bytes, now, &mut sink.0);
            });
        }
    }

    /// Whose tones reach this one in the half second from now on, after the last ones have faded.
    fn heard_by(&mut self, number: usize) -> Vec<usize> {
        let samples = self.peers[number].heard.clone();
        let tail = samples.get(samples.len().saturating_sub(3_200)..).unwrap();
        let loud = (0..TONES.len()).filter(|other| share(tail, TONES[*other]) > 0.05);
        loud.collect()
    }

    fn is_whole(&self) {
        for (number, peer) in self.peers.iter().enumerate() {
            assert_eq!(peer.breaks, Vec::<String>::new(), "participant {number}");
        }
    }
}

/// What goes out, to be told from other closures.
type Hear<'a> = &'a mut dyn FnMut(LegId, Channel, SocketAddr, &[u8]);

struct Sent<'a>(Hear<'a>);

impl Peer {
    /// Its next packet, as it reaches us: perhaps none, perhaps two.
    fn says(&mut self, number: usize) -> Vec<Vec<u8>> {
        let count = self.frame.as_millis() as usize * 8;
        let samples = sine(TONES[number], self.spoken, count, self.height);
        let octets: Vec<u8> = samples
            .iter()
            .map(|sample| g711::encode(self.codec, *sample))
            .collect();
        let header = Header {
            marker: false,
            payload_type: self.codec.static_type(),
            sequence: self.sequence,
            timestamp: self.spoken as u32,
            ssrc: 90 + number as u32,
        };
        let turn = self.spoken / count;
        self.sequence = self.sequence.wrapping_add(1);
        self.spoken += count;
        let mut buffer = [0; MAX_PACKET];
        let bytes = packet::write(&header, &octets, &mut buffer)
            .unwrap()
            .to_vec();
        if self.loses.is_some_and(|every| turn.is_multiple_of(every)) {
            return Vec::new();
        }
        if let Some(late) = self.waiting.take() {
            return vec![bytes, late];
        }
        if self.swaps && turn.is_multiple_of(2) {
            self.waiting = Some(bytes);
            return Vec::new();
        }
        vec![bytes]
    }

    /// One stream: one source, no gap, no jump.
    fn hears(&mut self, bytes: &[u8]) {
        let (header, payload) = packet::read(bytes).unwrap();
        if let Some((last, length)) = self.last.replace((header, payload.len())) {
            if header.ssrc != last.ssrc || header.sequence != last.sequence.wrapping_add(1) {
                self.breaks.push(format!("{header:?} after {last:?}"));
            }
            let gap = header
                .timestamp
                .wrapping_sub(last.timestamp.wrapping_add(length as u32));
            // A pause between two kinds of sound is one, never a step back.
            if gap > 1_600 {
                self.breaks.push(format!("{gap} samples before {header:?}"));
            }
        }
        let samples = payload.iter().map(|octet| g711::decode(self.codec, *octet));
        self.heard.extend(samples);
    }
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn in_a_room_of_five_each_hears_the_four_others_and_nobody_oneself() {
    let mut world = World::new(5);
    world.meet(&[0, 1, 2, 3, 4]);
    world.talk(SECOND);
    for number in 0..5 {
        let others: Vec<usize> = (0..5).filter(|other| *other != number).collect();
        assert_eq!(world.heard_by(number), others);
    }
    world.is_whole();
}

#[test]
fn the_rooms_table_tells_who_hears_whom() {
    let mut world = World::new(4);
    let (caller, operator, listener, whisperer) = (0, 1, 2, 3);
    world.seat(&[
        (caller, vec![operator]),
        (operator, vec![caller, whisperer]),
        (listener, vec![caller, operator]),
        (whisperer, vec![caller, operator]),
    ]);
    world.talk(SECOND);
    assert_eq!(world.heard_by(caller), [operator]);
    assert_eq!(world.heard_by(operator), [caller, whisperer]);
    assert_eq!(world.heard_by(listener), [caller, operator]);
    assert_eq!(world.heard_by(whisperer), [caller, operator]);
    // The whisperer speaks up.
    world.meet(&[caller, operator, whisperer]);
    world.talk(SECOND);
    assert_eq!(world.heard_by(caller), [operator, whisperer]);
    world.is_whole();
}

#[test]
fn a_call_becomes_a_room_and_a_call_again_in_one_stream_each() {
    let mut world = World::new(3);
    let bridge = || Command::Bridge {
        a: leg(0),
        b: leg(1),
        keeps_keys: None,
    };
    world.tell(bridge());
    world.talk(SECOND);
    assert_eq!(world.heard_by(0), [1]);
    world.meet(&[0, 1, 2]);
    world.talk(SECOND);
    assert_eq!(world.heard_by(0), [1, 2]);
    assert_eq!(world.heard_by(2), [0, 1]);
    world.tell(Command::Close { leg: leg(2) });
    world.tell(bridge());
    world.talk(SECOND);
    assert_eq!((world.heard_by(0), world.heard_by(1)), (vec![1], vec![0]));
    world.meet(&[0, 1]);
    world.talk(SECOND);
    assert_eq!((world.heard_by(0), world.heard_by(1)), (vec![1], vec![0]));
    world.is_whole();
}

#[test]
fn codecs_and_packets_of_all_kinds_meet_in_one_room() {
    let mut world = World::new(4);
    for (number, codec, frame) in [
        (0, Codec::Pcma, 20),
        (1, Codec::Pcmu, 20),
        (2, Codec::Pcmu, 60),
        (3, Codec::Pcma, 10),
    ] {
        world.peers[number].codec = codec;
        world.peers[number].frame = Duration::from_millis(frame);
        world.negotiate(number, Direction::SendRecv);
    }
    world.meet(&[0, 1, 2, 3]);
    world.talk(SECOND * 2);
    for number in 0..4 {
        let others: Vec<usize> = (0..4).filter(|other| *other != number).collect();
        assert_eq!(world.heard_by(number), others);
        // A pure sum: next to nothing lies beside the tones.
        let tail = &world.peers[number].heard[8_000..];
        let pure: f64 = others.iter().map(|one| share(tail, TONES[*one])).sum();
        assert!(pure > 0.95, "{number}: {pure}");
    }
    world.is_whole();
}

#[test]
fn voices_at_the_top_of_the_scale_do_not_wrap() {
    let mut world = World::new(5);
    world
        .peers
        .iter_mut()
        .for_each(|peer| peer.height = 32_000.0);
    world.meet(&[0, 1, 2, 3, 4]);
    world.talk(SECOND);
    for number in 0..5 {
        let others: Vec<usize> = (0..5).filter(|other| *other != number).collect();
        assert_eq!(world.heard_by(number), others);
        let tail = world.peers[number].heard[3_200..].to_vec();
        // A sample that wrapped would be as loud as any, at no frequency of these.
        let tones: f64 = others.iter().map(|one| share(&tail, TONES[*one])).sum();
        assert!(tones > 0.8, "{tones}: bent, not broken");
    }
}

#[test]
fn lost_packets_are_gaps_and_those_out_of_order_are_none() {
    let mut world = World::new(3);
    world.peers[1].swaps = true;
    world.peers[2].loses = Some(10);
    world.meet(&[0, 1, 2]);
    world.talk(SECOND * 4);
    assert_eq!(world.heard_by(0), [1, 2]);
    world.is_whole();
    // Of what was swapped nothing is missing.
    world.seat(&[(0, vec![1])]);
    world.peers[0].heard.clear();
    world.talk(SECOND);
    let whole = share(&world.peers[0].heard[1_600..], TONES[1]);
    assert!(whole > 0.98, "{whole}");
    // Of the lost ones a tenth is silence, and nothing else is heard in its place.
    world.seat(&[(0, vec![2])]);
    world.peers[0].heard.clear();
    world.talk(SECOND * 2);
    let heard = &world.peers[0].heard[1_600..];
    let silent = heard.chunks(160).filter(|frame| {
        let loudest = frame.iter().map(|sample| sample.abs()).max();
        loudest.unwrap() < 50
    });
    let silent = silent.count();
    assert!(
        (7..=11).contains(&silent),
        "{silent} of {}",
        heard.len() / 160
    );
}

#[test]
fn who_is_held_sends_no_packet_and_who_holds_is_not_heard() {
    let mut world = World::new(3);
    world.meet(&[0, 1, 2]);
    world.talk(SECOND);
    world.negotiate(1, Direction::Inactive);
    world.peers.iter_mut().for_each(|peer| peer.heard.clear());
    world.talk(SECOND);
    assert_eq!(world.heard_by(0), [2]);
    assert_eq!(world.peers[1].heard, Vec::<i16>::new());
    world.negotiate(1, Direction::SendRecv);
    world.talk(SECOND);
    assert_eq!(world.heard_by(0), [1, 2]);
    assert_eq!(world.heard_by(1), [0, 2]);
}

#[test]
fn a_word_is_heard_over_the_talk_by_whom_it_is_for_and_its_end_is_told() {
    let mut world = World::new(2);
    world.meet(&[0, 1]);
    world.talk(SECOND);
    world.tell(Command::Over {
        leg: leg(0),
        playback: 7,
        clips: vec![word()],
    });
    world.peers.iter_mut().for_each(|peer| peer.heard.clear());
    world.talk(SECOND / 2);
    assert!(share(&world.peers[0].heard, WORD) > 0.3);
    assert_eq!(world.heard_by(0), [1]);
    assert!(share(&world.peers[1].heard, WORD) < 0.01);
    let told = |world: &World| {
        let played = |event: &&Event| matches!(event, Event::Played { playback: 7, .. });
        world.events.iter().filter(played).count()
    };
    assert_eq!(told(&world), 0);
    world.talk(SECOND);
    assert_eq!(told(&world), 1);
    world.peers[0].heard.clear();
    world.talk(SECOND / 2);
    assert!(share(&world.peers[0].heard, WORD) < 0.01);
    // Outside a room nobody waits for it.
    world.tell(Command::Silence { leg: leg(0) });
    let (leg, clips) = (leg(0), vec![word()]);
    let playback = 8;
    world.tell(Command::Over {
        leg,
        playback,
        clips,
    });
    assert!(world.events.contains(&Event::Played { leg, playback }));
    world.is_whole();
}

#[test]
fn a_key_is_told_and_reaches_nobody_in_the_room() {
    let mut world = World::new(3);
    world.meet(&[0, 1, 2]);
    world.talk(SECOND);
    let header = Header {
        marker: true,
        payload_type: 101,
        sequence: world.peers[1].sequence,
        timestamp: world.peers[1].spoken as u32,
        ssrc: 91,
    };
    let payload = qaynar::rtp::dtmf::payload(5, false, 10, 160);
    let mut buffer = [0; MAX_PACKET];
    let bytes = packet::write(&header, &payload, &mut buffer).unwrap();
    let mut sink = |_: LegId, _: Channel, _: SocketAddr, _: &[u8]| panic!("a packet goes out");
    let now = world.now;
    let engine = &mut world.engine;
    engine.packet(leg(1), Channel::Rtp, place(1), bytes, now, &mut sink);
    let told = Event::Digit {
        leg: leg(1),
        digit: '5',
    };
    assert_eq!(engine.poll_event(), Some(told));
}
