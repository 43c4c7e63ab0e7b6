//! Recordings: what comes from one leg, or from two on two channels, in its time.
//!
//! Samples are placed by their RTP timestamps on the recording's own clock, so that what was lost, what a
//! silent phone does not send, and keys are silence of the right length. They leave as [`Chunk`]s behind a
//! short delay in which late packets find their place; a chunk knows where it belongs, and whoever writes it
//! fills what is missing with silence. Pauses are silence too: the recording is as long as the talk.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::command::{Command, Event};
use crate::event::RecordingEnd;
use crate::ids::{LegId, RecordingId};
use crate::rtp::codec::Codec;
use crate::rtp::g711;
use crate::rtp::packet::{Header, MAX_PAYLOAD};
use crate::rtp::quality::CLOCK_RATE;
use crate::time::Instant;

/// How long samples wait for packets that come late.
const DELAY: i64 = 3_200;
/// How far ahead of its time a packet may be: a clock that is fast, or a burst.
const AHEAD: i64 = 1_600;
/// Chunks are as long as this: 200 ms.
const CHUNK: i64 = 1_600;
/// So many packets in a row that are out of time show that the stream's clock jumped.
const STRIKES: u8 = 25;
/// The longest piece: a minute.
const MAX_LENGTH: usize = 60 * CLOCK_RATE as usize;
/// Mean magnitude of a packet above which it may be a voice: −44 dB of full scale.
const LOUD: u64 = 200;
/// How much of that is no mere click: 200 ms.
const VOICE: u64 = 1_600;
/// Pieces that may wait for the writer; what comes on top is missing, and silence in the file.
const MAX_CHUNKS: usize = 2_048;

/// A piece of a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// Of which.
    pub recording: RecordingId,
    /// Among which files it belongs.
    pub voicemail: bool,
    /// 1, or 2: left and right in turn.
    pub channels: u16,
    /// Where it begins, in samples of each channel.
    pub at: u64,
    /// Its samples at 8 kHz.
    pub samples: Vec<i16>,
    /// Nothing follows.
    pub last: bool,
}

/// All recordings of an engine.
#[derive(Debug, Default)]
pub(super) struct Recorder {
    recordings: BTreeMap<RecordingId, Recording>,
    /// Which recording holds a leg, and on which channel.
    taps: BTreeMap<LegId, (RecordingId, usize)>,
    chunks: VecDeque<Chunk>,
}

impl Recorder {
    /// Carries a command out; what it ends is told.
    pub(super) fn handle(
        &mut self,
        command: &Command,
        is_open: impl Fn(&LegId) -> bool,
        now: Instant,
    ) -> Option<Event> {
        match command {
            Command::Record {
                leg,
                right,
                recording,
                voicemail,
                most,
                quiet,
            } => {
                let id = *recording;
                if !is_open(leg) {
                    // Its close may have crossed the command: whoever asked hears of the end all the same.
                    return Some(never_begun(id));
                }
                let legs = [Some(*leg), *right];
                let fresh = || {
                    let settings = (*voicemail, *most, *quiet);
                    Recording::new(id, 1 + usize::from(right.is_some()), settings, now)
                };
                let recording = self.recordings.entry(id).or_insert_with(fresh);
                recording.legs = legs;
                recording.paused = false;
                self.taps.retain(|_, (held, _)| *held != id);
                for (channel, leg) in legs.into_iter().enumerate() {
                    if let Some(leg) = leg {
                        recording.forget_stream(channel);
                        self.taps.insert(leg, (id, channel));
                    }
                }
                None
            }
            Command::PauseRecording {
                recording, paused, ..
            } => {
                let recording = self.recordings.get_mut(recording)?;
                recording.flush(now, &mut self.chunks);
                recording.paused = *paused;
                None
            }
            Command::StopRecording { recording, .. } => {
                self.end(*recording, RecordingEnd::Stopped, now)
            }
            _ => None,
        }
    }

    /// Audio of a leg. The hot path: a leg that nobody records costs one look-up.
    pub(super) fn heard(
        &mut self,
        leg: LegId,
        header: &Header,
        codec: Codec,
        payload: &[u8],
        now: Instant,
    ) {
        let Some((id, channel)) = self.taps.get(&leg) else {
            return;
        };
        if let Some(recording) = self.recordings.get_mut(id)
            && payload.len() <= MAX_PAYLOAD
        {
            recording.flush(now, &mut self.chunks);
            recording.heard(*channel, header, codec, payload, now);
        }
    }

    /// A leg is closed: the only or left one ends its recording.
    pub(super) fn leg_closed(&mut self, leg: LegId, now: Instant) -> Option<Event> {
        let (id, channel) = self.taps.remove(&leg)?;
        match channel {
            0 => self.end(id, RecordingEnd::HungUp, now),
            _ => None,
        }
    }

    /// Hands out what is due; recordings that are long enough end.
    pub(super) fn tick(&mut self, now: Instant) -> Vec<Event> {
        let mut over = Vec::new();
        for (id, recording) in &mut self.recordings {
            if recording.next_chunk() <= now {
                recording.flush(now, &mut self.chunks);
            }
            if let Some(why) = recording.is_over(now) {
                over.push((*id, why));
            }
        }
        let over = over.into_iter();
        over.filter_map(|(id, why)| self.end(id, why, now))
            .collect()
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.recordings.values().map(Recording::due).min()
    }

    pub(super) fn poll(&mut self) -> Option<Chunk> {
        self.chunks.pop_front()
    }

    /// After a fault of the engine.
    pub(super) fn abandon(&mut self) -> Vec<Event> {
        let recordings = std::mem::take(&mut self.recordings).into_values();
        recordings
            .map(|one| one.told(RecordingEnd::Failed))
            .collect()
    }

    fn end(&mut self, id: RecordingId, why: RecordingEnd, now: Instant) -> Option<Event> {
        let mut recording = self.recordings.remove(&id)?;
        self.taps.retain(|_, (held, _)| *held != id);
        recording.finish(now, &mut self.chunks);
        Some(recording.told(why))
    }
}

fn never_begun(recording: RecordingId) -> Event {
    Event::Recorded {
        recording,
        length: Duration::ZERO,
        silent: true,
        why: RecordingEnd::HungUp,
    }
}

/// Where a stream's timestamps lie on the recording's clock.
#[derive(Debug, Clone, Copy)]
struct Mapping {
    ssrc: u32,
    timestamp: u32,
    at: i64,
    /// Packets in a row that were out of time.
    strikes: u8,
}

/// Samples that are not out yet, from where the recording's chunks end.
#[derive(Debug, Default)]
struct Track {
    samples: VecDeque<i16>,
    mapping: Option<Mapping>,
}

#[derive(Debug)]
struct Recording {
    id: RecordingId,
    voicemail: bool,
    begun: Instant,
    legs: [Option<LegId>; 2],
    tracks: Vec<Track>,
    /// How much is out.
    out: i64,
    paused: bool,
    most: i64,
    quiet: Option<i64>,
    /// The end of what may be a voice, and how much of that there was.
    voice: (i64, u64),
}

fn in_samples(time: Duration) -> i64 {
    let samples = time.as_micros() * u128::from(CLOCK_RATE) / 1_000_000;
    i64::try_from(samples).unwrap_or(i64::MAX)
}

fn in_time(samples: i64) -> Duration {
    Duration::from_micros(samples.max(0).unsigned_abs() * 1_000_000 / u64::from(CLOCK_RATE))
}

impl Recording {
    fn new(
        id: RecordingId,
        channels: usize,
        (voicemail, most, quiet): (bool, Duration, Option<Duration>),
        now: Instant,
    ) -> Self {
        Self {
            id,
            voicemail,
            begun: now,
            legs: [None; 2],
            tracks: (0..channels).map(|_| Track::default()).collect(),
            out: 0,
            paused: false,
            most: in_samples(most),
            quiet: quiet.map(in_samples),
            voice: (0, 0),
        }
    }

    fn clock(&self, now: Instant) -> i64 {
        in_samples(now.since(self.begun)).min(self.most)
    }

    /// Another peer speaks on the channel from now on.
    fn forget_stream(&mut self, channel: usize) {
        if let Some(track) = self.tracks.get_mut(channel) {
            track.mapping = None;
        }
    }

    fn heard(
        &mut self,
        channel: usize,
        header: &Header,
        codec: Codec,
        payload: &[u8],
        now: Instant,
    ) {
        let clock = in_samples(now.since(self.begun));
        let length = i64::try_from(payload.len()).unwrap_or(0);
        let (out, paused) = (self.out, self.paused);
        let Some(track) = self.tracks.get_mut(channel) else {
            return;
        };
        let Some(at) = track.place(header, length, (out, clock)) else {
            return;
        };
        if paused {
            return;
        }
        let level: u64 = payload
            .iter()
            .map(|octet| u64::from(g711::decode(codec, *octet).unsigned_abs()))
            .sum();
        if level > LOUD * payload.len() as u64 {
            let (until, sum) = self.voice;
            self.voice = (until.max(at + length), sum + payload.len() as u64);
        }
        let end = (at + length - out).max(0);
        let wanted = usize::try_from(end).unwrap_or(0);
        if track.samples.len() < wanted {
            track.samples.resize(wanted, 0);
        }
        for (place, octet) in (at - out..).zip(payload) {
            let slot = usize::try_from(place).ok();
            if let Some(slot) = slot.and_then(|place| track.samples.get_mut(place)) {
                *slot = g711::decode(codec, *octet);
            }
        }
    }

    /// Gives out all whole chunks whose time is over.
    fn flush(&mut self, now: Instant, chunks: &mut VecDeque<Chunk>) {
        let ready = (self.clock(now) - DELAY - self.out) / CHUNK * CHUNK;
        if ready > 0 {
            self.give(ready, false, chunks);
        }
    }

    /// Gives out the rest.
    fn finish(&mut self, now: Instant, chunks: &mut VecDeque<Chunk>) {
        let rest = (self.clock(now) - self.out).max(0);
        self.give(rest, true, chunks);
    }

    fn give(&mut self, count: i64, last: bool, chunks: &mut VecDeque<Chunk>) {
        let length = usize::try_from(count).unwrap_or(0);
        let held = self.tracks.iter().map(|track| track.samples.len());
        let held = held.max().unwrap_or(0).min(length);
        // A thread that slept for long owes silence, which the writer makes by itself.
        let wanted = if length > MAX_LENGTH { held } else { length };
        let channels = self.tracks.len();
        let mut samples = vec![0; wanted * channels];
        for (channel, track) in self.tracks.iter_mut().enumerate() {
            let held = wanted.min(track.samples.len());
            for (place, sample) in track.samples.drain(..held).enumerate() {
                if let Some(slot) = samples.get_mut(place * channels + channel) {
                    *slot = sample;
                }
            }
        }
        let at = self.out.unsigned_abs();
        self.out += count;
        let done = wanted == length;
        self.push(at, samples, last && done, chunks);
        if last && !done {
            self.push(self.out.unsigned_abs(), Vec::new(), true, chunks);
        }
    }

    fn push(&self, at: u64, samples: Vec<i16>, last: bool, chunks: &mut VecDeque<Chunk>) {
        if chunks.len() < MAX_CHUNKS || last {
            chunks.push_back(Chunk {
                recording: self.id,
                voicemail: self.voicemail,
                channels: u16::try_from(self.tracks.len()).unwrap_or(1),
                at,
                samples,
                last,
            });
        }
    }

    fn is_over(&self, now: Instant) -> Option<RecordingEnd> {
        let clock = self.clock(now);
        let quiet = self
            .quiet
            .is_some_and(|quiet| clock - self.voice.0 >= quiet);
        match clock >= self.most {
            true => Some(RecordingEnd::TooLong),
            false => quiet.then_some(RecordingEnd::Quiet),
        }
    }

    fn next_chunk(&self) -> Instant {
        self.moment(self.out + CHUNK + DELAY)
    }

    fn due(&self) -> Instant {
        let quiet = self.quiet.map(|quiet| self.moment(self.voice.0 + quiet));
        let end = self.moment(self.most);
        self.next_chunk().min(end).min(quiet.unwrap_or(end))
    }

    /// When the clock shows so many samples, and not a moment before.
    fn moment(&self, samples: i64) -> Instant {
        self.begun + in_time(samples) + Duration::from_micros(1)
    }

    fn told(&self, why: RecordingEnd) -> Event {
        Event::Recorded {
            recording: self.id,
            length: in_time(self.out),
            silent: self.voice.1 < VOICE,
            why,
        }
    }
}

impl Track {
    /// Where a packet's samples belong; `None`: out of time. A stream that stays so is placed anew.
    fn place(&mut self, header: &Header, length: i64, (out, clock): (i64, i64)) -> Option<i64> {
        let anew = || Mapping {
            ssrc: header.ssrc,
            timestamp: header.timestamp,
            at: (clock - length).max(out),
            strikes: 0,
        };
        let known = self.mapping.filter(|known| known.ssrc == header.ssrc);
        let mut mapping = known.unwrap_or_else(anew);
        let passed = header
            .timestamp
            .wrapping_sub(mapping.timestamp)
            .cast_signed();
        let at = mapping.at + i64::from(passed);
        let in_time = at + length > out && at + length <= clock + AHEAD;
        if !in_time && mapping.strikes + 1 < STRIKES {
            mapping.strikes += 1;
            self.mapping = Some(mapping);
            return None;
        }
        let mapping = match in_time {
            true => Mapping {
                timestamp: header.timestamp,
                at,
                strikes: 0,
                ..mapping
            },
            false => anew(),
        };
        self.mapping = Some(mapping);
        Some(mapping.at)
    }
}
