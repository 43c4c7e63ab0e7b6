//! The engine as its peers hear it, in virtual time.

mod keys;
mod srtp;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::{Channel, Clip, Clips, Codec, Command, Direction, Engine, Event, Sound, Stream};
use crate::ids::LegId;
use crate::rtp::packet::{self, Header, MAX_PACKET};
use crate::rtp::{dtmf, g711, rtcp};
use crate::time::{Instant, Now, Wall};

const A: LegId = LegId(1);
const B: LegId = LegId(2);
const FRAME: Duration = Duration::from_millis(20);
const ATTACKER: &str = "203.0.113.66:4000";

/// What left a leg.
#[derive(Debug, Clone)]
struct Sent {
    leg: LegId,
    channel: Channel,
    to: SocketAddr,
    bytes: Vec<u8>,
}

impl Sent {
    fn header(&self) -> Header {
        packet::read(&self.bytes).unwrap().0
    }
}

/// An engine, its clock, and all that it sent and told.
struct World {
    engine: Engine,
    now: Now,
    sent: Vec<Sent>,
    events: Vec<Event>,
}

fn place(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn music() -> Clip {
    Clip {
        language: None,
        name: "hold".into(),
    }
}

/// A stream of A-law at a public address that also signals.
fn stream(remote: &str) -> Stream {
    let remote = place(remote);
    Stream {
        remote,
        signalling: remote.ip(),
        remote_rtcp: SocketAddr::new(remote.ip(), remote.port() + 1),
        codec: Codec::Pcma,
        payload_type: 8,
        accepts: vec![(8, Codec::Pcma)],
        event_type: Some(101),
        event_type_in: Some(101),
        packet_time: FRAME,
        direction: Direction::SendRecv,
        crypto: None,
        networks: Vec::new(),
        strangers: false,
    }
}

impl World {
    /// Legs `A` and `B`, open and silent.
    fn new() -> Self {
        let mut clips = Clips::default();
        clips.insert(music(), Sound::from_samples(&[1_000; 8_000]));
        let mut world = Self {
            engine: Engine::new(Arc::new(clips)),
            now: Now {
                at: Instant(86_400_000_000),
                wall: Wall(1_795_000_000_000_000),
            },
            sent: Vec::new(),
            events: Vec::new(),
        };
        for leg in [A, B] {
            world.tell(Command::Open {
                leg,
                shard: 0,
                address: [127, 0, 0, 1].into(),
                port: 20_000,
                ssrc: 7_000 + leg.0 as u32,
                sequence: 65_530,
                timestamp: u32::MAX - 400,
            });
        }
        world
    }

    fn tell(&mut self, command: Command) {
        self.within(|engine, now, mut sink| engine.handle(command, now, &mut sink));
    }

    fn configure(&mut self, leg: LegId, stream: Stream) {
        self.tell(Command::Configure { leg, stream });
    }

    fn within(
        &mut self,
        act: impl FnOnce(&mut Engine, Now, &mut dyn FnMut(LegId, Channel, SocketAddr, &[u8])),
    ) {
        let (now, sent) = (self.now, &mut self.sent);
        let mut sink = |leg, channel, to, bytes: &[u8]| {
            sent.push(Sent {
                leg,
                channel,
                to,
                bytes: bytes.to_vec(),
            });
        };
        act(&mut self.engine, now, &mut sink);
        self.events
            .extend(std::iter::from_fn(|| self.engine.poll_event()));
    }

    /// Lets time pass, with a tick whenever one is due.
    fn pass(&mut self, time: Duration) {
        let end = self.now.at + time;
        while let Some(due) = self.engine.next_timeout().filter(|due| *due <= end) {
            self.advance(due.max(self.now.at));
            self.within(|engine, now, mut sink| engine.tick(now, &mut sink));
        }
        self.advance(end);
    }

    fn advance(&mut self, at: Instant) {
        let step = at.since(self.now.at);
        self.now = Now {
            at,
            wall: self.now.wall + step,
        };
    }

    fn arrives(&mut self, leg: LegId, channel: Channel, from: &str, bytes: &[u8]) {
        let from = place(from);
        self.within(|engine, now, mut sink| {
            engine.packet(leg, channel, from, bytes, now, &mut sink);
        });
    }

    /// An audio packet of `samples` samples.
    fn speak(&mut self, leg: LegId, from: &str, ssrc: u32, (sequence, timestamp): (u16, u32)) {
        let bytes = rtp(8, ssrc, sequence, timestamp, &[0x55; 160]);
        self.arrives(leg, Channel::Rtp, from, &bytes);
    }

    /// RTP that went to a leg's peer since it was asked last.
    fn heard_by(&mut self, leg: LegId) -> Vec<Sent> {
        let (taken, kept) = std::mem::take(&mut self.sent)
            .into_iter()
            .partition(|sent| sent.leg == leg && sent.channel == Channel::Rtp);
        self.sent = kept;
        taken
    }

    fn absences(&self) -> usize {
        let absent = |event: &&Event| matches!(event, Event::Absent { .. });
        self.events.iter().filter(absent).count()
    }
}

fn rtp(payload_type: u8, ssrc: u32, sequence: u16, timestamp: u32, payload: &[u8]) -> Vec<u8> {
    let header = Header {
        marker: false,
        payload_type,
        sequence,
        timestamp,
        ssrc,
    };
    packet::write(&header, payload, &mut [0; MAX_PACKET])
        .unwrap()
        .to_vec()
}

#[test]
fn music_goes_to_the_peer_and_never_to_a_stranger() {
    let mut world = World::new();
    world.configure(A, stream("198.51.100.1:4000"));
    world.tell(Command::Music {
        leg: A,
        clip: music(),
    });
    world.speak(A, ATTACKER, 666, (1, 160));
    world.pass(FRAME);
    world.speak(A, "198.51.100.1:4000", 1, (1, 160));
    // The caller mutes itself, and RTP stops.
    world.pass(Duration::from_secs(3));
    world.speak(A, ATTACKER, 666, (2, 320));
    world.speak(A, ATTACKER, 1, (3, 480));
    world.pass(FRAME);
    let heard = world.heard_by(A);
    assert!(heard.len() > 150, "{}", heard.len());
    assert!(
        heard
            .iter()
            .all(|sent| sent.to == place("198.51.100.1:4000"))
    );
}

#[test]
fn reports_are_taken_from_the_peer_alone_and_for_its_stream_alone() {
    let mut world = World::new();
    world.configure(A, stream("198.51.100.1:4000"));
    world.speak(A, "198.51.100.1:4000", 1, (1, 160));
    let of = |ssrc| rtcp::write(ssrc, None, None, false);
    world.arrives(A, Channel::Rtcp, ATTACKER, &of(1));
    world.arrives(A, Channel::Rtcp, "198.51.100.1:9", &of(666));
    // A lone BYE says nothing of whom it is.
    let bye = [0x80, 203, 0, 0];
    world.arrives(A, Channel::Rtcp, "198.51.100.1:9", &bye);
    world.pass(Duration::from_secs(5));
    let report = world.sent.pop().unwrap();
    assert_eq!(report.to, place("198.51.100.1:4001"));
    world.arrives(A, Channel::Rtcp, "198.51.100.1:9", &of(1));
    world.pass(Duration::from_secs(5));
    assert_eq!(world.sent.pop().unwrap().to, place("198.51.100.1:9"));
}

#[test]
fn a_peer_that_describes_a_new_place_is_sent_to_there_at_once() {
    let (old, new) = ("198.51.100.1:4000", "198.51.100.9:5000");
    let mut world = World::new();
    world.configure(A, stream(old));
    world.tell(Command::Music {
        leg: A,
        clip: music(),
    });
    world.speak(A, old, 1, (1, 160));
    world.pass(FRAME);
    // The signalling address stays, as with a trunk whose media server changes.
    let moved = Stream {
        signalling: place(old).ip(),
        ..stream(new)
    };
    world.configure(A, moved);
    world.heard_by(A);
    world.pass(FRAME);
    world.speak(A, old, 1, (2, 320));
    world.pass(FRAME * 3);
    let heard = world.heard_by(A);
    assert!(!heard.is_empty());
    assert!(heard.iter().all(|sent| sent.to == place(new)), "{heard:?}");
    world.speak(A, new, 2, (1, 160));
    world.pass(FRAME);
    assert!(world.heard_by(A).iter().all(|sent| sent.to == place(new)));
}

#[test]
fn a_hold_by_the_null_address_does_not_lose_a_peer_behind_a_nat() {
    let behind = Stream {
        signalling: [198, 51, 100, 2].into(),
        ..stream("10.0.0.5:4000")
    };
    let held = Stream {
        remote: place("0.0.0.0:4000"),
        direction: Direction::Inactive,
        ..behind.clone()
    };
    let mut world = World::new();
    world.configure(A, behind.clone());
    world.tell(Command::Music {
        leg: A,
        clip: music(),
    });
    world.speak(A, "198.51.100.2:61000", 1, (1, 160));
    world.configure(A, held);
    world.heard_by(A);
    world.pass(Duration::from_secs(20));
    let heard = world.heard_by(A);
    assert!(
        heard.iter().all(|sent| sent.bytes.len() == 12),
        "nobody listens"
    );
    assert!(!heard.is_empty(), "and the NAT is kept awake");
    world.configure(A, behind);
    world.pass(FRAME);
    let heard = world.heard_by(A);
    assert!(!heard.is_empty());
    assert!(
        heard
            .iter()
            .all(|sent| sent.to == place("198.51.100.2:61000"))
    );
}

#[test]
fn a_hold_is_no_absence() {
    let mut world = World::new();
    for direction in [
        Direction::RecvOnly,
        Direction::SendOnly,
        Direction::Inactive,
    ] {
        let held = Stream {
            direction,
            ..stream("198.51.100.1:4000")
        };
        world.configure(A, held);
        world.pass(Duration::from_secs(60));
        assert_eq!(world.absences(), 0, "{direction:?}");
    }
    world.configure(A, stream("198.51.100.1:4000"));
    world.pass(Duration::from_secs(6));
    assert_eq!(world.absences(), 1, "a talk without a voice");
    world.speak(A, "198.51.100.1:4000", 1, (1, 160));
    assert!(world.events.contains(&Event::Returned { leg: A }));
}

const PEER: &str = "198.51.100.1:4000";
const OTHER: &str = "198.51.100.2:4000";

/// `A` and `B` hear each other; `B` wants packets of another length.
fn bridged(packet_time: Duration) -> World {
    let mut world = World::new();
    world.configure(A, stream(PEER));
    let other = Stream {
        packet_time,
        ..stream(OTHER)
    };
    world.configure(B, other);
    world.tell(Command::Bridge {
        a: A,
        b: B,
        keeps_keys: None,
    });
    world
}

fn pressed(sequence: u16, timestamp: u32, (end, duration): (bool, u16)) -> Vec<u8> {
    let payload = dtmf::payload(5, end, 10, duration);
    rtp(101, 1, sequence, timestamp, &payload)
}

/// Each key press in `heard` by its timestamp, with the markers of its packets.
fn events_of(heard: &[Sent]) -> Vec<(u32, Vec<bool>)> {
    let mut found: Vec<(u32, Vec<bool>)> = Vec::new();
    for header in heard.iter().map(Sent::header) {
        if header.payload_type != 101 {
            continue;
        }
        match found
            .iter_mut()
            .find(|(stamp, _)| *stamp == header.timestamp)
        {
            Some((_, markers)) => markers.push(header.marker),
            None => found.push((header.timestamp, vec![header.marker])),
        }
    }
    found
}

fn assert_in_sequence(heard: &[Sent]) {
    for two in heard.windows(2) {
        let (before, after) = (two[0].header().sequence, two[1].header().sequence);
        assert_eq!(after, before.wrapping_add(1), "{heard:?}");
    }
}

#[test]
fn a_key_press_stays_one_event_whatever_the_packets_lengths_and_audio_between() {
    for milliseconds in [20, 30, 40, 10] {
        let mut world = bridged(Duration::from_millis(milliseconds));
        let mut sequence = 0;
        let mut next = || {
            sequence += 1;
            sequence
        };
        for press in 0..2_u32 {
            let began = 1_000 + press * 4_000;
            for step in 0..6_u16 {
                // This peer sends audio beside its event.
                let stamp = began + u32::from(step) * 160;
                world.speak(A, PEER, 1, (next(), stamp));
                let event = pressed(next(), began, (step > 3, 160 * (step + 1)));
                world.arrives(A, Channel::Rtp, PEER, &event);
                world.pass(FRAME);
            }
            world.pass(Duration::from_millis(380));
        }
        let heard = world.heard_by(B);
        let events = events_of(&heard);
        assert_eq!(events.len(), 2, "{milliseconds} ms: {events:?}");
        for (_, markers) in &events {
            assert_eq!(markers[..], [true, false, false, false, false, false]);
        }
        assert_in_sequence(&heard);
        let digits = world
            .events
            .iter()
            .filter(|event| matches!(event, Event::Digit { .. }));
        assert_eq!(digits.count(), 2);
    }
}

#[test]
fn a_key_that_came_otherwise_goes_out_as_one_event_between_the_audio() {
    let mut world = bridged(FRAME);
    for number in 0..5_u16 {
        world.speak(A, PEER, 1, (number, u32::from(number) * 160));
        world.pass(FRAME);
    }
    for digit in ['5', '#'] {
        world.tell(Command::Press { leg: B, digit });
    }
    for number in 5..10_u16 {
        world.speak(A, PEER, 1, (number, u32::from(number) * 160));
        world.pass(FRAME);
    }
    let heard = world.heard_by(B);
    assert_in_sequence(&heard);
    let events = events_of(&heard);
    assert_eq!(events.len(), 2, "{events:?}");
    for (_, markers) in &events {
        assert_eq!(markers[..], [true, false, false, false]);
    }
    let mut reader = dtmf::Reader::default();
    let keys = heard.iter().filter(|one| one.header().payload_type == 101);
    let keys: String = keys
        .filter_map(|one| reader.packet(one.header().timestamp, packet::read(&one.bytes)?.1))
        .collect();
    assert_eq!(keys, "5#");
}

#[test]
fn packets_of_another_length_have_timestamps_without_wobble() {
    for milliseconds in [10, 30, 40, 60] {
        let mut world = bridged(Duration::from_millis(milliseconds));
        for number in 0..60_u16 {
            world.speak(A, PEER, 1, (number, u32::from(number) * 160));
            // The network is uneven.
            world.pass(Duration::from_millis(if number % 2 == 0 { 5 } else { 35 }));
        }
        let heard = world.heard_by(B);
        let length = 8 * milliseconds as u32;
        assert_eq!(heard.len() as u32, 60 * 160 / length);
        for two in heard.windows(2) {
            let step = two[1]
                .header()
                .timestamp
                .wrapping_sub(two[0].header().timestamp);
            assert_eq!(step, length);
            assert!(!two[1].header().marker);
        }
        assert!(heard[0].header().marker);
        assert_in_sequence(&heard);
    }
}

#[test]
fn a_pause_of_the_peer_stays_a_pause_of_the_same_length() {
    let mut world = bridged(Duration::from_millis(40));
    for number in [0_u16, 1, 2, 3] {
        world.speak(A, PEER, 1, (number, u32::from(number) * 160));
    }
    // One packet is lost in the middle of a frame, then half a second is silent.
    for number in [4_u16, 6, 7] {
        world.speak(A, PEER, 1, (number, u32::from(number) * 160));
    }
    for number in [8_u16, 9] {
        world.speak(A, PEER, 1, (number, u32::from(number) * 160 + 4_000));
    }
    let heard = world.heard_by(B);
    let first = heard[0].header().timestamp;
    let stamps: Vec<u32> = heard
        .iter()
        .map(|sent| sent.header().timestamp.wrapping_sub(first))
        .collect();
    assert_eq!(stamps, [0, 320, 640, 960, 8 * 160 + 4_000]);
    assert!(heard[4].header().marker, "a talk spurt");
}

#[test]
fn comfort_noise_that_is_not_passed_on_is_no_loss() {
    let mut world = bridged(FRAME);
    let noise = |sequence| rtp(13, 1, sequence, u32::from(sequence) * 160, &[40]);
    for number in 0..20_u16 {
        if number % 3 == 2 {
            world.arrives(A, Channel::Rtp, PEER, &noise(number));
        } else {
            world.speak(A, PEER, 1, (number, u32::from(number) * 160));
        }
        world.pass(FRAME);
    }
    let heard = world.heard_by(B);
    assert_eq!(heard.len(), 14);
    assert_in_sequence(&heard);
}

#[test]
fn multiplexed_reports_leave_from_the_port_of_the_audio() {
    let mut world = World::new();
    let muxed = Stream {
        remote_rtcp: place(PEER),
        ..stream(PEER)
    };
    world.configure(A, muxed);
    world.pass(Duration::from_secs(5));
    let latched = "198.51.100.1:61000";
    world.speak(A, latched, 1, (1, 160));
    world.tell(Command::Close { leg: A });
    let reports: Vec<_> = world
        .sent
        .iter()
        .map(|sent| (sent.channel, sent.to))
        .collect();
    assert_eq!(
        reports,
        [(Channel::Rtp, place(PEER)), (Channel::Rtp, place(latched))]
    );
    let last = rtcp::read(&world.sent[1].bytes).unwrap();
    assert!(last.bye);
}

#[test]
fn a_sound_that_began_before_the_codec_was_agreed_is_heard_right() {
    let mut world = World::new();
    world.tell(Command::Music {
        leg: A,
        clip: music(),
    });
    for (codec, payload_type) in [(Codec::Pcmu, 0), (Codec::Pcma, 8), (Codec::Pcmu, 0)] {
        let agreed = Stream {
            codec,
            payload_type,
            accepts: vec![(payload_type, codec)],
            ..stream(PEER)
        };
        world.configure(A, agreed);
        world.pass(FRAME * 5);
        let heard = world.heard_by(A);
        assert!(heard.len() >= 4);
        let sample = crate::rtp::g711::encode(codec, 1_000);
        for sent in &heard {
            let (header, payload) = packet::read(&sent.bytes).unwrap();
            assert_eq!(header.payload_type, payload_type);
            assert!(payload.iter().all(|octet| *octet == sample), "{codec:?}");
        }
    }
}

#[test]
fn music_is_paced_without_drift_over_an_hour() {
    let mut world = World::new();
    world.configure(A, stream(PEER));
    world.tell(Command::Music {
        leg: A,
        clip: music(),
    });
    let hour = Duration::from_secs(3_600);
    world.pass(hour);
    let heard = world.heard_by(A);
    assert_eq!(heard.len() as u32 / 180_000, 1);
    assert!(heard.len() <= 180_001);
    let markers = heard.iter().filter(|sent| sent.header().marker).count();
    assert_eq!(markers, 1, "one talk spurt");
    assert_in_sequence(&heard);
    let (first, last) = (heard[0].header(), heard[heard.len() - 1].header());
    let passed = last.timestamp.wrapping_sub(first.timestamp);
    assert_eq!(passed, 160 * (heard.len() as u32 - 1));
}

#[test]
fn one_stream_goes_on_through_prompt_silence_bridge_and_hold() {
    let mut world = World::new();
    world.configure(A, stream(PEER));
    world.configure(B, stream(OTHER));
    let talk = |world: &mut World, from: u16| {
        for number in from..from + 50 {
            world.speak(A, PEER, 1, (number, u32::from(number) * 160));
            world.pass(FRAME);
        }
    };
    world.tell(Command::Play {
        leg: B,
        playback: 1,
        clips: vec![music()],
    });
    world.pass(Duration::from_secs(3));
    world.tell(Command::Bridge {
        a: A,
        b: B,
        keeps_keys: None,
    });
    talk(&mut world, 0);
    let held = Stream {
        direction: Direction::Inactive,
        ..stream(OTHER)
    };
    world.configure(B, held);
    talk(&mut world, 50);
    world.configure(B, stream(OTHER));
    talk(&mut world, 100);
    let heard = world.heard_by(B);
    assert_eq!(heard.len(), 150);
    assert_in_sequence(&heard);
    let headers: Vec<Header> = heard.iter().map(Sent::header).collect();
    let spurts: Vec<usize> = (0..150).filter(|at| headers[*at].marker).collect();
    assert_eq!(spurts, [0, 50, 100]);
    for two in headers.windows(2) {
        assert_eq!(two[0].ssrc, two[1].ssrc);
        let step = two[1].timestamp.wrapping_sub(two[0].timestamp);
        // Three seconds less one of prompt, then a second of hold, to a frame.
        let wanted = match two[1].marker {
            true => 8_000..=16_320,
            false => 160..=160,
        };
        assert!(wanted.contains(&step), "{step}");
    }
}

#[test]
fn a_key_is_heard_as_a_tone_only_where_telephone_events_were_not_negotiated() {
    let tone = |at: u32| {
        let time = at as f32 / 8_000.0 * std::f32::consts::TAU;
        ((697.0 * time).sin() + (1_209.0 * time).sin()) * 6_000.0
    };
    for (event_type_in, digits) in [(None, 1), (Some(101), 0)] {
        let mut world = World::new();
        let plain = Stream {
            event_type_in,
            ..stream("198.51.100.1:4000")
        };
        world.configure(A, plain);
        for number in 0..10_u16 {
            let from = u32::from(number) * 160;
            let octets = (from..from + 160).map(|at| g711::encode(Codec::Pcma, tone(at) as i16));
            let octets: Vec<u8> = octets.collect();
            let packet = rtp(8, 1, number, from, &octets);
            // Each comes twice, as some networks do.
            world.arrives(A, Channel::Rtp, "198.51.100.1:4000", &packet);
            world.arrives(A, Channel::Rtp, "198.51.100.1:4000", &packet);
        }
        let pressed = Event::Digit { leg: A, digit: '1' };
        let count = world
            .events
            .iter()
            .filter(|event| **event == pressed)
            .count();
        assert_eq!(count, digits);
    }
}

#[test]
fn a_stream_without_sound_keeps_its_way_open_and_one_with_sound_is_left_alone() {
    let held = Stream {
        direction: Direction::RecvOnly,
        ..stream("198.51.100.1:4000")
    };
    let mut world = World::new();
    world.configure(A, held);
    world.configure(B, stream("198.51.100.2:4000"));
    world.tell(Command::Music {
        leg: B,
        clip: music(),
    });
    world.pass(Duration::from_secs(61));
    let heard = world.heard_by(A);
    assert_eq!(heard.len(), 4, "one each 15 s");
    for (at, sent) in heard.iter().enumerate() {
        assert_eq!(sent.to, place("198.51.100.1:4000"));
        assert_eq!(sent.bytes.len(), 12, "no sound");
        assert_eq!(sent.header().payload_type, 126);
        assert_eq!(sent.header().sequence, 65_530_u16.wrapping_add(at as u16));
    }
    let heard = world.heard_by(B);
    assert!(heard.iter().all(|sent| sent.header().payload_type == 8));
}
