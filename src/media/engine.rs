//! All legs of one shard: commands and packets in, packets and events out. Pure, so that the
//! simulator hears what the threads of the server would send.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;

use super::clips::{Clips, Sound};
use super::command::{Clip, Command, Event, Stream};
use super::incoming::Taken;
use super::leg::{Leg, Notice, Playing, Source};
use super::recording::{Chunk, Recorder};
use super::voice::Voice;
use crate::ids::LegId;
use crate::rtp::packet::{self, Header};
use crate::time::{Instant, Now};

/// Comfort noise (RFC 3389): a sign of life, no audio.
const COMFORT_NOISE: u8 = 13;

/// How many events may wait for the switch, besides those that answer its commands.
const MAX_EVENTS: usize = 4_096;

/// One of a leg's two sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Channel {
    /// Audio.
    Rtp,
    /// Reports.
    Rtcp,
}

/// Where packets go.
pub trait Sink {
    /// Sends from the leg's socket. What cannot be sent is lost, as on any network.
    fn send(&mut self, leg: LegId, channel: Channel, to: SocketAddr, bytes: &[u8]);
}

impl<F: FnMut(LegId, Channel, SocketAddr, &[u8])> Sink for F {
    fn send(&mut self, leg: LegId, channel: Channel, to: SocketAddr, bytes: &[u8]) {
        self(leg, channel, to, bytes);
    }
}

/// The legs of one shard.
#[derive(Debug)]
pub struct Engine {
    clips: Arc<Clips>,
    pub(super) legs: BTreeMap<LegId, Leg>,
    /// What those in rooms say.
    pub(super) voices: BTreeMap<LegId, Voice>,
    events: VecDeque<Event>,
    recorder: Recorder,
}

impl Engine {
    /// No legs yet.
    pub fn new(clips: Arc<Clips>) -> Self {
        Self {
            clips,
            legs: BTreeMap::new(),
            voices: BTreeMap::new(),
            events: VecDeque::new(),
            recorder: Recorder::default(),
        }
    }

    /// Other sounds from now on; what plays goes on.
    pub fn set_clips(&mut self, clips: Arc<Clips>) {
        self.clips = clips;
    }

    /// Carries a command out.
    pub fn handle(&mut self, command: Command, now: Now, sink: &mut impl Sink) {
        match command {
            Command::Open {
                leg,
                ssrc,
                sequence,
                timestamp,
                ..
            } => {
                self.legs
                    .entry(leg)
                    .or_insert_with(|| Leg::new(ssrc, sequence, timestamp));
            }
            Command::Configure { leg, stream } => self.configure(leg, stream, now.at),
            Command::Play {
                leg,
                playback,
                clips,
            } => self.play(leg, &clips, Some(playback), now.at),
            Command::Music { leg, clip } => self.play(leg, &[clip], None, now.at),
            Command::Silence { leg } => self.unbridge(leg, now.at),
            Command::Bridge { a, b, keeps_keys } => self.bridge(a, b, keeps_keys, now.at),
            Command::Mix { room } => self.mix(room, now.at),
            Command::Over {
                leg,
                playback,
                clips,
            } => self.say_over(leg, &clips, playback),
            Command::Unbridge { leg } => self.unbridge(leg, now.at),
            Command::Press { leg, digit } => {
                if let Some(one) = self.legs.get_mut(&leg) {
                    one.press(digit, now.at, |to, bytes| {
                        sink.send(leg, Channel::Rtp, to, bytes);
                    });
                }
            }
            Command::Record { .. }
            | Command::PauseRecording { .. }
            | Command::StopRecording { .. } => {
                let legs = &self.legs;
                let ended = self
                    .recorder
                    .handle(&command, |leg| legs.contains_key(leg), now.at);
                self.events.extend(ended);
            }
            Command::Close { leg } => self.close(leg, now, sink),
        }
    }

    fn configure(&mut self, id: LegId, stream: Stream, now: Instant) {
        let Some(leg) = self.legs.get_mut(&id) else {
            return;
        };
        leg.configure(stream, now);
    }

    fn play(&mut self, id: LegId, clips: &[Clip], playback: Option<u64>, now: Instant) {
        self.unbridge(id, now);
        if self.legs.contains_key(&id) {
            let playing = self.playing(id, clips, playback);
            self.set_source(id, Source::Sound(playing), now);
        }
    }

    pub(super) fn playing(&mut self, id: LegId, clips: &[Clip], playback: Option<u64>) -> Playing {
        let mut sounds = Vec::with_capacity(clips.len());
        for clip in clips {
            match self.clips.sound(clip) {
                Some(sound) => sounds.push(sound.clone()),
                None => {
                    let language = clip.language.map_or("music", |language| language.code());
                    let reason = format!("no sound {language}/{}", clip.name);
                    self.events.push_back(Event::Failed { leg: id, reason });
                }
            }
        }
        Playing {
            sounds,
            clip: 0,
            offset: 0,
            playback,
        }
    }

    /// Plays a sound that is no clip of the plan, as [`Command::Play`] does.
    pub fn play_sound(&mut self, id: LegId, playback: u64, sound: Option<Sound>, now: Instant) {
        self.unbridge(id, now);
        let playing = Playing {
            sounds: sound.into_iter().collect(),
            clip: 0,
            offset: 0,
            playback: Some(playback),
        };
        self.set_source(id, Source::Sound(playing), now);
    }

    pub(super) fn set_source(&mut self, id: LegId, source: Source, now: Instant) {
        self.voices.remove(&id);
        if let Some(leg) = self.legs.get_mut(&id) {
            leg.set_source(source, now);
        }
    }

    /// Both ends of a bridge fall silent.
    pub(super) fn unbridge(&mut self, id: LegId, now: Instant) {
        let Some(leg) = self.legs.get(&id) else {
            return;
        };
        let peer = match leg.source {
            Source::Bridge(peer) => Some(peer),
            _ => None,
        };
        self.set_source(id, Source::Silence, now);
        if let Some(peer) = peer {
            self.set_source(peer, Source::Silence, now);
        }
    }

    fn close(&mut self, id: LegId, now: Now, sink: &mut impl Sink) {
        self.unbridge(id, now.at);
        self.events.extend(self.recorder.leg_closed(id, now.at));
        let Some(mut leg) = self.legs.remove(&id) else {
            let quality = super::Quality::default();
            return self.report(Event::Closed { leg: id, quality });
        };
        if let Some((to, bytes)) = leg.report(now, true) {
            sink.send(id, leg.report_channel(), to, &bytes);
        }
        let quality = leg.quality(now.at);
        self.report(Event::Closed { leg: id, quality });
    }

    /// A packet arrived on a leg's socket. What is not of its peer, or no RTP, is counted and dropped.
    pub fn packet(
        &mut self,
        id: LegId,
        channel: Channel,
        source: SocketAddr,
        bytes: &[u8],
        now: Now,
        sink: &mut impl Sink,
    ) {
        let Some(leg) = self.legs.get_mut(&id) else {
            return;
        };
        // RFC 5761 §4: with multiplexing the second octet tells them apart.
        let is_report =
            channel == Channel::Rtcp || bytes.get(1).is_some_and(|kind| (192..224).contains(kind));
        let mut room = Vec::new();
        let Some(bytes) = leg.incoming.open(is_report, bytes, &mut room) else {
            leg.incoming.refused += 1;
            return;
        };
        if is_report {
            if !leg.receive_report(bytes, source, now) {
                leg.incoming.refused += 1;
            }
            return;
        }
        let Some(stream) = leg.stream.as_ref() else {
            return;
        };
        let Some((header, payload)) = packet::read(bytes) else {
            leg.incoming.refused += 1;
            return;
        };
        let receives = stream.direction.receives();
        let is_event = stream.event_type_in == Some(header.payload_type);
        let mut listed = stream.accepts.iter();
        let listed = listed.find(|(number, _)| *number == header.payload_type);
        let codec = listed.map(|(_, codec)| *codec);
        if codec.is_none() && !is_event && header.payload_type != COMFORT_NOISE {
            leg.incoming.refused += 1;
            return;
        }
        let Some(home) = &leg.home else { return };
        match leg.incoming.take(&header, source, home, !is_event, now.at) {
            Taken::Refused | Taken::Copy => return,
            Taken::First => note(&mut self.events, Event::Heard { leg: id }),
            Taken::Next => {}
        }
        if leg.end_absence(now.at) {
            note(&mut self.events, Event::Returned { leg: id });
        }
        let digit = match codec {
            _ if is_event => leg.incoming.events.packet(header.timestamp, payload),
            Some(codec) => leg.incoming.tone(codec, payload),
            None => None,
        };
        if let Some(digit) = digit {
            note(&mut self.events, Event::Digit { leg: id, digit });
        }
        let audio = codec.filter(|_| !is_event);
        if let (Some(codec), true) = (audio, receives) {
            self.recorder.heard(id, &header, codec, payload, now.at);
        }
        if let (Source::Bridge(peer), true) = (&leg.source, receives) {
            let (peer, crosses) = (*peer, is_event && !leg.keeps_keys);
            self.pass_on(peer, crosses, audio, &header, payload, now.at, sink);
        } else if let (Source::Room(_), true) = (&leg.source, receives) {
            self.in_room(id, audio, (&header, payload), now.at);
        }
    }

    #[allow(
        clippy::too_many_arguments,
        reason = "the hot path: one call a packet, nothing boxed"
    )]
    fn pass_on(
        &mut self,
        to: LegId,
        is_event: bool,
        codec: Option<super::Codec>,
        header: &Header,
        payload: &[u8],
        now: Instant,
        sink: &mut impl Sink,
    ) {
        let Some(leg) = self.legs.get_mut(&to) else {
            return;
        };
        let send = |at: SocketAddr, bytes: &[u8]| sink.send(to, Channel::Rtp, at, bytes);
        match codec {
            _ if is_event => leg.hear_event(header, payload, now, send),
            Some(codec) if payload.len() <= packet::MAX_PAYLOAD => {
                leg.hear(header, codec, payload, now, send);
            }
            _ => leg.out.skip(header),
        }
    }

    fn bridge(&mut self, a: LegId, b: LegId, keeps_keys: Option<LegId>, now: Instant) {
        if !self.legs.contains_key(&a) || !self.legs.contains_key(&b) || a == b {
            return;
        }
        self.unbridge(a, now);
        self.unbridge(b, now);
        for (one, other) in [(a, b), (b, a)] {
            self.set_source(one, Source::Bridge(other), now);
            if let Some(leg) = self.legs.get_mut(&one) {
                leg.keeps_keys = keeps_keys == Some(one);
            }
        }
    }

    /// Sends what is due. Call it at [`Engine::next_timeout`]; later is caught up, not lost.
    pub fn tick(&mut self, now: Now, sink: &mut impl Sink) {
        self.events.extend(self.recorder.tick(now.at));
        for (id, leg) in &mut self.legs {
            if let Some((to, bytes)) = leg.report(now, false) {
                sink.send(*id, leg.report_channel(), to, &bytes);
                leg.keep_alive(now.at, |to, bytes| sink.send(*id, Channel::Rtp, to, bytes));
            }
            if leg.next_timeout().is_none_or(|due| due > now.at) {
                continue;
            }
            let notice = leg.tick(now.at, &self.voices, |to, bytes| {
                sink.send(*id, Channel::Rtp, to, bytes);
            });
            match notice {
                Some(Notice::Played(playback)) => {
                    self.events.push_back(Event::Played { leg: *id, playback });
                }
                Some(Notice::Absent(silent_for)) => {
                    let leg = *id;
                    note(&mut self.events, Event::Absent { leg, silent_for });
                }
                None => {}
            }
        }
    }

    /// When [`Engine::tick`] has something to do; `None`: not before the next command.
    pub fn next_timeout(&self) -> Option<Instant> {
        let legs = self.legs.values().filter_map(Leg::next_timeout);
        legs.chain(self.recorder.next_timeout()).min()
    }

    /// The next piece of a recording, to be written.
    pub fn poll_chunk(&mut self) -> Option<Chunk> {
        self.recorder.poll()
    }

    /// After a fault: what is left of recordings is over, and the switch is to hear so.
    pub fn abandon_recordings(&mut self) -> Vec<Event> {
        self.recorder.abandon()
    }

    /// The next thing to tell the switch.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Adds something to tell the switch, behind what waits.
    pub fn report(&mut self, event: Event) {
        self.events.push_back(event);
    }

    /// Takes an event back that the switch has no room for: it will be the next again.
    pub fn unpoll(&mut self, event: Event) {
        self.events.push_front(event);
    }

    /// Whether there is something to tell the switch.
    pub fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    /// All legs.
    pub fn legs(&self) -> impl Iterator<Item = LegId> {
        self.legs.keys().copied()
    }

    /// How many legs are open.
    pub fn len(&self) -> usize {
        self.legs.len()
    }

    /// Whether none is open.
    pub fn is_empty(&self) -> bool {
        self.legs.is_empty()
    }
}

/// Adds what the peer caused. It may cause much while the switch is busy: the newest is let go then.
/// What answers commands is bounded by the commands, and never lost.
fn note(events: &mut VecDeque<Event>, event: Event) {
    if events.len() < MAX_EVENTS {
        events.push_back(event);
    }
}
