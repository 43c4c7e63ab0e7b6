//! The engine as its peers hear it, in virtual time.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::{Channel, Clip, Clips, Codec, Command, Direction, Engine, Event, Sound, Stream};
use crate::ids::LegId;
use crate::rtp::packet::{self, Header, MAX_PACKET};
use crate::rtp::rtcp;
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
    at: Instant,
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
                at: now.at,
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
    assert!(world.heard_by(A).is_empty(), "nobody listens");
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
