//! What a recording holds, of an engine in virtual time: who is on which channel, and that its time is right.

#![allow(clippy::unwrap_used, reason = "a test that fails says so")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use qaynar::event::RecordingEnd;
use qaynar::ids::{CallId, LegId, RecordingId};
use qaynar::media::{Channel, Chunk, Clips, Codec, Command, Direction, Engine, Event, Stream};
use qaynar::rtp::g711;
use qaynar::rtp::packet::{self, Header, MAX_PACKET};
use qaynar::time::{Instant, Now, Wall};

const CALLER: LegId = LegId(1);
const OPERATOR: LegId = LegId(2);
const FRAME: Duration = Duration::from_millis(20);
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3_600);

fn id() -> RecordingId {
    RecordingId {
        call: CallId(9),
        part: 1,
    }
}

/// A peer that speaks one tone.
struct Voice {
    leg: LegId,
    codec: Codec,
    pitch: f64,
    ssrc: u32,
    timestamp: u32,
    sequence: u16,
}

impl Voice {
    fn new(leg: LegId, codec: Codec, pitch: f64) -> Self {
        Self {
            leg,
            codec,
            pitch,
            ssrc: 1 + leg.0 as u32,
            // Wraps soon.
            timestamp: u32::MAX - 1_000,
            sequence: 65_000,
        }
    }

    fn payload_type(&self) -> u8 {
        match self.codec {
            Codec::Pcma => 8,
            Codec::Pcmu => 0,
        }
    }

    /// The next 20 ms as a packet.
    fn packet(&mut self) -> Vec<u8> {
        let sample = |at: u32| {
            let turn = f64::from(self.timestamp.wrapping_add(at)) / 8_000.0 * self.pitch;
            g711::encode(
                self.codec,
                ((turn * std::f64::consts::TAU).sin() * 8_000.0) as i16,
            )
        };
        let payload: Vec<u8> = (0..160).map(sample).collect();
        let header = Header {
            marker: false,
            payload_type: self.payload_type(),
            sequence: self.sequence,
            timestamp: self.timestamp,
            ssrc: self.ssrc,
        };
        self.timestamp = self.timestamp.wrapping_add(160);
        self.sequence = self.sequence.wrapping_add(1);
        packet::write(&header, &payload, &mut [0; MAX_PACKET])
            .unwrap()
            .to_vec()
    }
}

fn place(leg: LegId) -> SocketAddr {
    SocketAddr::from(([198, 51, 100, leg.0 as u8], 4_000))
}

/// An engine with a caller in A-law and an operator in µ-law who hear each other.
struct Studio {
    engine: Engine,
    now: Now,
    voices: Vec<Voice>,
    chunks: Vec<Chunk>,
    ends: Vec<(Duration, bool, RecordingEnd)>,
}

impl Studio {
    fn new() -> Self {
        let mut studio = Self {
            engine: Engine::new(Arc::new(Clips::default())),
            now: Now {
                at: Instant(86_400_000_000),
                wall: Wall(1_795_000_000_000_000),
            },
            voices: vec![
                Voice::new(CALLER, Codec::Pcma, 440.0),
                Voice::new(OPERATOR, Codec::Pcmu, 1_000.0),
            ],
            chunks: Vec::new(),
            ends: Vec::new(),
        };
        for (leg, codec) in [(CALLER, Codec::Pcma), (OPERATOR, Codec::Pcmu)] {
            studio.tell(Command::Open {
                leg,
                shard: 0,
                address: [127, 0, 0, 1].into(),
                port: 20_000 + 2 * leg.0 as u16,
                ssrc: 77,
                sequence: 1,
                timestamp: 1,
            });
            let payload_type = if codec == Codec::Pcma { 8 } else { 0 };
            let stream = Stream {
                remote: place(leg),
                signalling: place(leg).ip(),
                remote_rtcp: SocketAddr::new(place(leg).ip(), 4_001),
                codec,
                payload_type,
                accepts: vec![(payload_type, codec)],
                event_type: Some(101),
                event_type_in: Some(101),
                packet_time: FRAME,
                direction: Direction::SendRecv,
                crypto: None,
                networks: Vec::new(),
                strangers: false,
            };
            studio.tell(Command::Configure { leg, stream });
        }
        studio.tell(Command::Bridge {
            a: CALLER,
            b: OPERATOR,
            keeps_keys: None,
        });
        studio
    }

    fn tell(&mut self, command: Command) {
        self.engine
            .handle(command, self.now, &mut |_, _, _, _: &[u8]| {});
        self.gather();
    }

    fn record(&mut self, right: Option<LegId>, most: Duration, quiet: Option<Duration>) {
        self.tell(Command::Record {
            leg: CALLER,
            right,
            recording: id(),
            voicemail: right.is_none(),
            most,
            quiet,
        });
    }

    fn stop(&mut self) {
        self.tell(Command::StopRecording {
            leg: CALLER,
            recording: id(),
        });
    }

    fn pause(&mut self, paused: bool) {
        self.tell(Command::PauseRecording {
            leg: CALLER,
            recording: id(),
            paused,
        });
    }

    fn gather(&mut self) {
        while let Some(event) = self.engine.poll_event() {
            if let Event::Recorded {
                length,
                silent,
                why,
                ..
            } = event
            {
                self.ends.push((length, silent, why));
            }
        }
        while let Some(chunk) = self.engine.poll_chunk() {
            self.chunks.push(chunk);
        }
    }

    fn arrives(&mut self, leg: LegId, bytes: &[u8]) {
        let from = place(leg);
        let sink = &mut |_, _, _, _: &[u8]| {};
        self.engine
            .packet(leg, Channel::Rtp, from, bytes, self.now, sink);
    }

    /// Time passes; in each 20 ms those speak who do, and what the network drops it drops.
    fn pass(&mut self, time: Duration, speaks: impl Fn(LegId, usize) -> bool) {
        for frame in 0..(time.as_millis() / FRAME.as_millis()) as usize {
            self.wait(FRAME);
            let spoken: Vec<_> = self
                .voices
                .iter_mut()
                .map(|one| (one.leg, one.packet()))
                .collect();
            for (leg, bytes) in spoken {
                if speaks(leg, frame) {
                    self.arrives(leg, &bytes);
                }
            }
        }
    }

    fn wait(&mut self, time: Duration) {
        self.now = Now {
            at: self.now.at + time,
            wall: self.now.wall + time,
        };
        self.engine.tick(self.now, &mut |_, _, _, _: &[u8]| {});
        self.gather();
    }

    /// The file as a writer would write it.
    fn channel(&self, channel: usize) -> Vec<i16> {
        let mut all: Vec<i16> = Vec::new();
        for chunk in &self.chunks {
            all.resize((chunk.at as usize).max(all.len()), 0);
            assert_eq!(chunk.at as usize, all.len(), "no piece overlaps another");
            let channels = usize::from(chunk.channels);
            all.extend(chunk.samples.iter().skip(channel).step_by(channels));
        }
        all
    }
}

fn both(_: LegId, _: usize) -> bool {
    true
}

/// How often per second the samples rise through zero, as far as they are loud.
fn pitch(samples: &[i16]) -> usize {
    let rises = samples.windows(2).filter(|two| two[0] < 0 && two[1] >= 0);
    rises.count() * 8_000 / samples.len().max(1)
}

fn is_silent(samples: &[i16]) -> bool {
    samples.iter().all(|sample| sample.unsigned_abs() <= 8)
}

#[test]
fn the_caller_is_left_and_the_operator_right_whatever_their_codecs() {
    let mut studio = Studio::new();
    studio.record(Some(OPERATOR), HOUR, None);
    studio.pass(3 * SECOND, both);
    studio.stop();
    let (left, right) = (studio.channel(0), studio.channel(1));
    assert_eq!((left.len(), right.len()), (24_000, 24_000));
    assert!(
        pitch(&left[800..23_000]).abs_diff(440) < 8,
        "{}",
        pitch(&left)
    );
    assert!(
        pitch(&right[800..23_000]).abs_diff(1_000) < 12,
        "{}",
        pitch(&right)
    );
    assert_eq!(studio.ends, [(3 * SECOND, false, RecordingEnd::Stopped)]);
    assert!(studio.chunks.last().unwrap().last);
}

#[test]
fn losses_and_pauses_of_a_phone_are_silence_of_their_length() {
    let mut studio = Studio::new();
    studio.record(None, HOUR, None);
    studio.pass(SECOND, both);
    // One second without a packet, as where a phone does not send silence.
    studio.pass(SECOND, |_, _| false);
    studio.pass(SECOND, both);
    // Each fifth packet is lost.
    studio.pass(SECOND, |_, frame| frame % 5 != 0);
    studio.stop();
    let heard = studio.channel(0);
    assert_eq!(heard.len(), 32_000);
    assert!(is_silent(&heard[8_000..16_000]));
    assert!(pitch(&heard[16_200..23_900]).abs_diff(440) < 8);
    assert!(is_silent(&heard[24_000..24_160]));
    assert!(!is_silent(&heard[24_160..24_800]));
    assert!(is_silent(&heard[24_800..24_960]));
}

#[test]
fn packets_in_another_order_come_to_their_places_and_copies_change_nothing() {
    let mut studio = Studio::new();
    studio.record(None, HOUR, None);
    for _ in 0..50 {
        studio.wait(2 * FRAME);
        let (first, second) = (studio.voices[0].packet(), studio.voices[0].packet());
        for bytes in [&second, &first, &first] {
            studio.arrives(CALLER, bytes);
        }
    }
    studio.stop();
    let heard = studio.channel(0);
    assert_eq!(heard.len(), 16_000);
    // A seam out of place would be heard as another pitch, or as a gap.
    assert!(
        pitch(&heard[400..15_600]).abs_diff(440) < 4,
        "{}",
        pitch(&heard)
    );
    assert!(heard[400..15_600].chunks(80).all(|part| !is_silent(part)));
}

#[test]
fn a_pause_is_silence_and_the_time_goes_on() {
    let mut studio = Studio::new();
    studio.record(Some(OPERATOR), HOUR, None);
    studio.pass(SECOND, both);
    studio.pause(true);
    studio.pass(2 * SECOND, both);
    studio.pause(false);
    studio.pass(SECOND, both);
    studio.stop();
    for channel in [0, 1] {
        let heard = studio.channel(channel);
        assert_eq!(heard.len(), 32_000);
        assert!(is_silent(&heard[8_000..24_000]), "channel {channel}");
        assert!(!is_silent(&heard[24_200..24_400]) && !is_silent(&heard[7_000..7_200]));
    }
}

#[test]
fn who_takes_over_the_call_is_on_the_right_from_then_on() {
    let mut studio = Studio::new();
    studio.record(Some(OPERATOR), HOUR, None);
    studio.pass(SECOND, both);
    // The same phone with a new stream, as another leg would bring.
    studio.voices[1] = Voice {
        ssrc: 99,
        ..Voice::new(OPERATOR, Codec::Pcmu, 600.0)
    };
    studio.record(Some(OPERATOR), HOUR, None);
    studio.pass(2 * SECOND, both);
    studio.stop();
    let right = studio.channel(1);
    assert_eq!(right.len(), 24_000, "one recording, whose time goes on");
    assert!(pitch(&right[400..7_600]).abs_diff(1_000) < 12);
    assert!(pitch(&right[8_400..23_600]).abs_diff(600) < 12);
}

#[test]
fn a_recording_ends_at_its_length_with_the_leg_or_by_silence_and_says_so_once() {
    let mut studio = Studio::new();
    studio.record(None, 2 * SECOND, None);
    studio.pass(5 * SECOND, both);
    assert_eq!(studio.ends, [(2 * SECOND, false, RecordingEnd::TooLong)]);
    assert_eq!(studio.channel(0).len(), 16_000);

    let mut studio = Studio::new();
    studio.record(None, HOUR, Some(3 * SECOND));
    studio.pass(2 * SECOND, both);
    studio.pass(6 * SECOND, |_, _| false);
    let (length, silent, why) = studio.ends[0];
    assert_eq!((silent, why), (false, RecordingEnd::Quiet));
    assert!(length.abs_diff(5 * SECOND) < FRAME * 3, "{length:?}");

    let mut studio = Studio::new();
    studio.record(None, HOUR, None);
    studio.pass(4 * SECOND, |_, _| false);
    studio.tell(Command::Close { leg: CALLER });
    studio.stop();
    assert_eq!(studio.ends, [(4 * SECOND, true, RecordingEnd::HungUp)]);
    assert_eq!(studio.channel(0), vec![0; 32_000], "a silent one is kept");

    studio.record(None, HOUR, None);
    assert_eq!(
        studio.ends.len(),
        2,
        "whoever records a leg that is gone hears so"
    );
}

#[test]
fn a_stream_whose_clock_jumps_is_placed_anew_and_a_slow_thread_keeps_time() {
    let mut studio = Studio::new();
    studio.record(None, HOUR, None);
    studio.pass(SECOND, both);
    studio.voices[0].timestamp = studio.voices[0].timestamp.wrapping_add(4_000_000);
    studio.pass(2 * SECOND, both);
    // Nobody ticks for ten minutes.
    studio.wait(600 * SECOND);
    studio.pass(SECOND, both);
    studio.stop();
    let heard = studio.channel(0);
    assert_eq!(heard.len(), 604 * 8_000);
    assert!(pitch(&heard[16_400..23_600]).abs_diff(440) < 8);
    assert!(is_silent(&heard[24_400..600 * 8_000]));
    let last = &heard[604 * 8_000 - 2_000..];
    assert!(pitch(&last[..1_900]).abs_diff(440) < 16, "{}", pitch(last));
}
