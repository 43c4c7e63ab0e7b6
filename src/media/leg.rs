//! One leg: the stream that goes out, the stream that comes in, and what the leg hears.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use super::clips::Sound;
use super::command::{Quality, Stream};
use super::engine::Channel;
use super::incoming::{Home, Incoming, Strangers};
use super::mixer::Hearing;
use super::outgoing::Outgoing;
use super::pieces::Pieces;
use super::voice::Voice;
use crate::ids::LegId;
use crate::rtp::codec::{Codec, Direction};
use crate::rtp::packet::MAX_PACKET;
use crate::rtp::quality::samples;
use crate::rtp::{dtmf, g711, rtcp};
use crate::time::{Instant, Now};

/// How long a key of ours is pressed: 100 ms, in samples.
const KEY: u16 = 800;
/// How loud it is: -10 dBm0 (RFC 4733 §2.3.4).
const KEY_VOLUME: u8 = 10;

/// No audio for so long, though it should come, is an alarm.
pub const ABSENCE: Duration = Duration::from_secs(5);
/// How often the alarm is repeated.
const ABSENCE_AGAIN: Duration = Duration::from_secs(30);
/// RFC 3550 §6.2: five seconds, for two parties without reduction.
const REPORT_INTERVAL: Duration = Duration::from_secs(5);
/// RFC 6263 §7: a NAT or a firewall on the way forgets a stream of which it sees nothing; 15 s.
const QUIET_REPORTS: u8 = 3;
/// RFC 6263 §4.6: a packet without sound, under a number that nobody negotiated.
const KEEP_ALIVE: u8 = 126;
/// Frames begin on this grid, so that one wake-up serves all legs.
const GRID: u64 = 5_000;
/// A thread that was held up sends at most so many frames at once; older ones are let go.
const MAX_BACKLOG: u32 = 5;

/// One sound being played.
#[derive(Debug, Clone)]
pub(super) struct Playing {
    /// One after the other; in both encodings, since the leg's may change while it plays.
    pub(super) sounds: Vec<Sound>,
    pub(super) clip: usize,
    pub(super) offset: usize,
    /// `None`: music, again and again.
    pub(super) playback: Option<u64>,
}

impl Playing {
    /// Fills `frame`; `true`: nothing is left.
    pub(super) fn fill(&mut self, codec: Codec, frame: &mut [u8]) -> bool {
        let mut filled = 0;
        // A music of empty clips must not turn for ever.
        let mut turns = 0;
        while filled < frame.len() {
            let Some(sound) = self.sounds.get(self.clip) else {
                if self.playback.is_some() || self.sounds.is_empty() || turns > 1 {
                    return true;
                }
                (self.clip, self.offset, turns) = (0, 0, turns + 1);
                continue;
            };
            let left = sound.octets(codec).get(self.offset..).unwrap_or_default();
            let count = left.len().min(frame.len() - filled);
            if let (Some(to), Some(from)) =
                (frame.get_mut(filled..filled + count), left.get(..count))
            {
                to.copy_from_slice(from);
            }
            filled += count;
            self.offset += count;
            if count == left.len() {
                (self.clip, self.offset) = (self.clip + 1, 0);
            }
        }
        self.playback.is_some() && self.clip >= self.sounds.len()
    }
}

/// What the leg hears.
#[derive(Debug, Clone)]
pub(super) enum Source {
    Silence,
    Sound(Playing),
    Bridge(LegId),
    Room(Hearing),
}

#[derive(Debug, Clone, Copy, Default)]
struct Absence {
    since: Option<Instant>,
    reported: Option<Instant>,
    total: Duration,
}

/// What the clock tells of a leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Notice {
    Played(u64),
    Absent(Duration),
}

/// A leg.
#[derive(Debug, Clone)]
pub(super) struct Leg {
    pub(super) stream: Option<Stream>,
    pub(super) out: Outgoing,
    pub(super) incoming: Incoming,
    pub(super) source: Source,
    /// Its telephone-events do not cross the bridge.
    pub(super) keeps_keys: bool,
    /// Where the peer is, as signalling has it.
    pub(super) home: Option<Home>,
    next_frame: Option<Instant>,
    pieces: Pieces,
    listening_since: Option<Instant>,
    absence: Absence,
    next_report: Option<Instant>,
    /// How many packets were out at the last report, and for how many reports there were no more.
    quiet: (u64, u8),
    rtcp_source: Option<SocketAddr>,
    last_sender_report: Option<(u32, Instant)>,
    remote_lost: Option<u32>,
    remote_jitter: Option<u32>,
    round_trip: Option<Duration>,
}

impl Leg {
    pub(super) fn new(ssrc: u32, sequence: u16, timestamp: u32) -> Self {
        Self {
            stream: None,
            out: Outgoing::new(ssrc, sequence, timestamp),
            incoming: Incoming::default(),
            source: Source::Silence,
            keeps_keys: false,
            home: None,
            next_frame: None,
            pieces: Pieces::default(),
            listening_since: None,
            absence: Absence::default(),
            next_report: None,
            quiet: (0, 0),
            rtcp_source: None,
            last_sender_report: None,
            remote_lost: None,
            remote_jitter: None,
            round_trip: None,
        }
    }

    /// The stream was negotiated, perhaps anew.
    pub(super) fn configure(&mut self, stream: Stream, now: Instant) {
        self.settle(&stream, now);
        let crypto = stream.crypto.as_ref();
        self.out.key(crypto.map(|keys| &keys.ours));
        self.incoming.key(crypto.map(|keys| &keys.theirs));
        self.incoming
            .listen_for_tones(stream.event_type_in.is_none());
        let grid = Instant(now.0.div_ceil(GRID) * GRID);
        self.out.start(grid);
        self.next_frame.get_or_insert(grid);
        self.next_report.get_or_insert(now + REPORT_INTERVAL);
        let listened = self
            .stream
            .as_ref()
            .is_some_and(|old| old.direction == Direction::SendRecv);
        // A peer that holds us may send music, or nothing: only a talk can lack a voice.
        match (listened, stream.direction == Direction::SendRecv) {
            (false, true) => self.listening_since = Some(now),
            (true, false) => {
                self.end_absence(now);
                self.listening_since = None;
            }
            _ => {}
        }
        self.stream = Some(stream);
    }

    /// Takes note of where the peer is. A new place holds at once: what was latched is left.
    fn settle(&mut self, stream: &Stream, now: Instant) {
        let (described, signalling) = (stream.remote, stream.signalling);
        let strangers = match (&stream.crypto, stream.strangers) {
            (Some(_), _) => Strangers::Proven,
            (None, true) => Strangers::Early,
            (None, false) => Strangers::Refused,
        };
        match &mut self.home {
            // A hold by the null address (RFC 3264 §8.4) names no new place.
            Some(home) if home.described == described || described.ip().is_unspecified() => {
                home.signalling = signalling;
                home.strangers = strangers;
                home.networks.clone_from(&stream.networks);
            }
            home => {
                *home = Some(Home {
                    described,
                    signalling,
                    since: now,
                    networks: stream.networks.clone(),
                    strangers,
                });
                self.incoming.unlatch(now);
                self.rtcp_source = None;
            }
        }
    }

    /// Where our packets go.
    pub(super) fn destination(&self) -> Option<SocketAddr> {
        let stream = self.stream.as_ref()?;
        let to = self.incoming.source().unwrap_or(stream.remote);
        // The null address is a hold of old (RFC 3264 §8.4): nothing can be sent there.
        (!to.ip().is_unspecified() && to.port() != 0).then_some(to)
    }

    fn rtcp_destination(&self) -> Option<SocketAddr> {
        let stream = self.stream.as_ref()?;
        if stream.is_multiplexed() {
            return self.destination();
        }
        let to = self.rtcp_source.or_else(|| {
            // Behind a NAT the described address leads nowhere; the source of RTP may.
            let source = self
                .incoming
                .source()
                .filter(|source| *source != stream.remote);
            source.map(|at| SocketAddr::new(at.ip(), at.port().saturating_add(1)))
        });
        let to = to.unwrap_or(stream.remote_rtcp);
        (!to.ip().is_unspecified() && to.port() != 0).then_some(to)
    }

    /// When [`Leg::tick`] has something to do.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        let frame = self
            .next_frame
            .filter(|_| matches!(self.source, Source::Sound(_) | Source::Room(_)));
        let absence = self.absence_due();
        [frame, self.next_report, absence]
            .into_iter()
            .flatten()
            .min()
    }

    fn absence_due(&self) -> Option<Instant> {
        let since = self.listening_since?;
        let last = self
            .incoming
            .heard()
            .map_or(since, |heard| heard.max(since));
        Some(match self.absence.reported {
            Some(reported) => reported + ABSENCE_AGAIN,
            None => last + ABSENCE,
        })
    }

    /// Sends the frames that are due; tells what ended or is missing.
    pub(super) fn tick(
        &mut self,
        now: Instant,
        voices: &BTreeMap<LegId, Voice>,
        mut send: impl FnMut(SocketAddr, &[u8]),
    ) -> Option<Notice> {
        if self.absence_due().is_some_and(|due| due <= now) {
            return Some(self.report_absence(now));
        }
        let (Some(stream), Some(mut frame_at)) = (self.stream.as_ref(), self.next_frame) else {
            return None;
        };
        let frame_time = stream.packet_time;
        let (codec, payload_type) = (stream.codec, stream.payload_type);
        let destination = self.destination().filter(|_| stream.direction.sends());
        if now.since(frame_at) > frame_time * MAX_BACKLOG {
            let missed = now.since(frame_at).as_micros() / frame_time.as_micros();
            frame_at = frame_at + frame_time * u32::try_from(missed).unwrap_or(u32::MAX);
        }
        let mut ended = None;
        let length = samples(frame_time) as usize;
        while frame_at <= now && ended.is_none() {
            let mut frame = [0; 480];
            let frame = frame.get_mut(..length).unwrap_or_default();
            let sounds = match &mut self.source {
                Source::Sound(playing) => {
                    frame.fill(g711::silence(codec));
                    if playing.fill(codec, frame) {
                        ended = playing.playback.map(Notice::Played);
                        self.source = Source::Silence;
                    }
                    true
                }
                Source::Room(hearing) => {
                    let said = hearing.fill(voices, codec, frame_at, frame);
                    ended = said.map(Notice::Played);
                    true
                }
                Source::Silence => {
                    self.out.pause();
                    false
                }
                Source::Bridge(_) => false,
            };
            if sounds {
                let timestamp = self.out.timestamp(frame_at);
                let mut buffer = [0; MAX_PACKET];
                if let Some(to) = destination {
                    if let Some(bytes) =
                        self.out.packet(payload_type, timestamp, frame, &mut buffer)
                    {
                        send(to, bytes);
                    }
                } else {
                    self.out.pause();
                }
            }
            frame_at = frame_at + frame_time;
        }
        self.next_frame = Some(frame_at);
        ended
    }

    /// Sound of the other leg of a bridge, to be heard here.
    pub(super) fn hear(
        &mut self,
        theirs: &crate::rtp::packet::Header,
        codec: Codec,
        payload: &[u8],
        now: Instant,
        mut send: impl FnMut(SocketAddr, &[u8]),
    ) {
        let Some(stream) = self
            .stream
            .as_ref()
            .filter(|stream| stream.direction.sends())
        else {
            return self.out.pause();
        };
        let Some(to) = self.destination() else {
            return self.out.pause();
        };
        let length = samples(stream.packet_time) as usize;
        let (own, payload_type) = (stream.codec, stream.payload_type);
        let mut buffer = [0; MAX_PACKET];
        if payload.len() == length && self.pieces.is_empty() {
            let mut other = Vec::new();
            let payload = if own == codec {
                payload
            } else {
                g711::transcode(payload, codec, own, &mut other);
                &other
            };
            let packet = self.out.relay(
                theirs,
                payload_type,
                length as u32,
                payload,
                now,
                &mut buffer,
            );
            if let Some(bytes) = packet {
                send(to, bytes);
            }
            return;
        }
        let clock = self.out.timestamp(now);
        if theirs.marker {
            self.out.pause();
        }
        let Some(octets) = self
            .pieces
            .line_up(theirs, payload.len(), g711::silence(own), clock)
        else {
            return;
        };
        g711::transcode(payload, codec, own, octets);
        let out = &mut self.out;
        while self.pieces.take(length, |timestamp, frame| {
            if let Some(bytes) = out.packet(payload_type, timestamp, frame, &mut buffer) {
                send(to, bytes);
            }
        }) {}
    }

    /// A telephone-event of the other leg of a bridge.
    pub(super) fn hear_event(
        &mut self,
        theirs: &crate::rtp::packet::Header,
        payload: &[u8],
        now: Instant,
        mut send: impl FnMut(SocketAddr, &[u8]),
    ) {
        let stream = self
            .stream
            .as_ref()
            .filter(|stream| stream.direction.sends());
        let (Some(to), Some(event_type)) = (
            self.destination(),
            stream.and_then(|stream| stream.event_type),
        ) else {
            return self.out.skip(theirs);
        };
        let mut buffer = [0; MAX_PACKET];
        if let Some(bytes) = self
            .out
            .relay_event(theirs, event_type, payload, now, &mut buffer)
        {
            send(to, bytes);
        }
    }

    /// The peer gets a key as a telephone-event, where it takes them: a beginning, and its end three times
    /// (RFC 4733 §2.5.1.4).
    pub(super) fn press(
        &mut self,
        key: char,
        now: Instant,
        mut send: impl FnMut(SocketAddr, &[u8]),
    ) {
        let stream = self.stream.as_ref();
        let stream = stream.filter(|stream| stream.direction.sends());
        let (Some(to), Some(event_type), Some(event)) = (
            self.destination(),
            stream.and_then(|stream| stream.event_type),
            dtmf::event(key),
        ) else {
            return;
        };
        let mut buffer = [0; MAX_PACKET];
        let parts = [(false, KEY / 2), (true, KEY), (true, KEY), (true, KEY)];
        let begins = self.out.event_beginning(now);
        for (number, (end, duration)) in parts.into_iter().enumerate() {
            let payload = dtmf::payload(event, end, KEY_VOLUME, duration);
            let own = (begins, number == 0);
            if let Some(bytes) = self.out.event(event_type, own, &payload, &mut buffer) {
                send(to, bytes);
            }
        }
    }

    /// What the leg hears from now on.
    pub(super) fn set_source(&mut self, source: Source, now: Instant) {
        self.pieces = Pieces::default();
        self.out.unmap();
        self.source = source;
        // Frames that nobody was to hear are not made up for in a burst.
        if let (Some(stream), Some(frame_at)) = (&self.stream, &mut self.next_frame) {
            let behind = now
                .since(*frame_at)
                .as_micros()
                .div_ceil(stream.packet_time.as_micros());
            *frame_at = *frame_at + stream.packet_time * u32::try_from(behind).unwrap_or(u32::MAX);
        }
    }

    fn report_absence(&mut self, now: Instant) -> Notice {
        let since = self.listening_since.unwrap_or(now);
        let last = self
            .incoming
            .heard()
            .map_or(since, |heard| heard.max(since));
        self.absence.since.get_or_insert(last);
        self.absence.reported = Some(now);
        Notice::Absent(now.since(last))
    }

    /// A packet came: `true`, if it ends an absence that was reported.
    pub(super) fn end_absence(&mut self, now: Instant) -> bool {
        self.absence.reported = None;
        match self.absence.since.take() {
            Some(since) => {
                self.absence.total += now.since(since);
                true
            }
            None => false,
        }
    }

    /// Reads a report of the peer.
    pub(super) fn receive_report(&mut self, bytes: &[u8], source: SocketAddr, now: Now) -> bool {
        let (Some(home), Some(stream)) = (&self.home, &self.stream) else {
            return false;
        };
        let named = stream.remote_rtcp.ip();
        if !self.incoming.may_report(source.ip(), home, named) {
            return false;
        }
        let Some(compound) = rtcp::read(bytes) else {
            return false;
        };
        let known = self.incoming.ssrc();
        if known.is_some_and(|ssrc| compound.ssrc != ssrc) {
            return false;
        }
        self.rtcp_source = Some(source);
        if let Some(info) = compound.sender {
            self.last_sender_report = Some((rtcp::middle(info.ntp), now.at));
        }
        for report in compound
            .reports
            .iter()
            .filter(|report| report.ssrc == self.out.ssrc())
        {
            self.remote_lost = Some(report.lost);
            self.remote_jitter = Some(report.jitter.max(self.remote_jitter.unwrap_or(0)));
            self.round_trip = rtcp::round_trip(report, now.wall).or(self.round_trip);
        }
        true
    }

    /// From which of our ports reports leave.
    pub(super) fn report_channel(&self) -> Channel {
        match &self.stream {
            Some(stream) if stream.is_multiplexed() => Channel::Rtp,
            _ => Channel::Rtcp,
        }
    }

    /// Keeps the way of a stream open on which nothing was sent for a while, whatever its direction
    /// (RFC 6263 §4); to be asked with each report. Where RTCP shares its port, that does it (§4.3).
    pub(super) fn keep_alive(&mut self, now: Instant, send: impl FnOnce(SocketAddr, &[u8])) {
        let (packets, quiet) = self.quiet;
        self.quiet = match packets == self.out.packets {
            true => (packets, quiet + 1),
            false => (self.out.packets, 0),
        };
        let Some(stream) = self.stream.as_ref().filter(|one| !one.is_multiplexed()) else {
            return;
        };
        let known = stream.accepts.iter().map(|(number, _)| *number);
        let mut taken = known.chain(stream.event_type).chain([stream.payload_type]);
        let number = match taken.any(|number| number == KEEP_ALIVE) {
            true => KEEP_ALIVE - 1,
            false => KEEP_ALIVE,
        };
        let Some(to) = self.destination().filter(|_| self.quiet.1 >= QUIET_REPORTS) else {
            return;
        };
        let (timestamp, mut buffer) = (self.out.timestamp(now), [0; MAX_PACKET]);
        if let Some(bytes) = self.out.packet(number, timestamp, &[], &mut buffer) {
            send(to, bytes);
        }
        self.out.pause();
        self.quiet = (self.out.packets, 0);
    }

    /// Our report, when it is due, or at the end with BYE.
    pub(super) fn report(&mut self, now: Now, bye: bool) -> Option<(SocketAddr, Vec<u8>)> {
        let due = self.next_report.is_some_and(|due| due <= now.at);
        if !due && !bye {
            return None;
        }
        self.next_report = Some(now.at + REPORT_INTERVAL);
        let to = self.rtcp_destination()?;
        let sender = (self.out.packets > 0).then(|| rtcp::SenderInfo {
            ntp: rtcp::ntp(now.wall),
            timestamp: self.out.timestamp(now.at),
            packets: self.out.packets as u32,
            octets: self.out.octets as u32,
        });
        let block = self.incoming.ssrc().map(|ssrc| {
            let figures = &mut self.incoming.figures;
            rtcp::Report {
                ssrc,
                fraction_lost: figures.fraction_lost(),
                lost: u32::try_from(figures.lost_of_stream()).unwrap_or(u32::MAX),
                highest: figures.extended_highest(),
                jitter: figures.jitter_samples(),
                last_report: self.last_sender_report.map_or(0, |(middle, _)| middle),
                delay: self
                    .last_sender_report
                    .map_or(0, |(_, heard)| rtcp::delay_since(heard, now.at)),
            }
        });
        let report = rtcp::write(self.out.ssrc(), sender, block, bye);
        Some((to, self.out.seal_report(report)?))
    }

    /// The leg's figures.
    pub(super) fn quality(&mut self, now: Instant) -> Quality {
        if self.absence.since.is_none()
            && let Some(since) = self.listening_since
        {
            let last = self
                .incoming
                .heard()
                .map_or(since, |heard| heard.max(since));
            if now.since(last) >= ABSENCE {
                self.absence.since = Some(last);
            }
        }
        self.end_absence(now);
        let per_10k = |lost: u64, of: u64| {
            u32::try_from((lost * 10_000).checked_div(of).unwrap_or(0)).unwrap_or(u32::MAX)
        };
        let figures = &self.incoming.figures;
        let in_time = |jitter: u32| Duration::from_micros(u64::from(jitter) * 125);
        Quality {
            received: figures.received,
            sent: self.out.packets,
            lost_per_10k: per_10k(figures.lost(), figures.expected()),
            remote_lost_per_10k: self
                .remote_lost
                .map(|lost| per_10k(u64::from(lost), self.out.packets)),
            jitter: figures.greatest_jitter(),
            remote_jitter: self.remote_jitter.map(in_time),
            round_trip: self.round_trip,
            absent: self.absence.total,
            refused: self.incoming.refused,
        }
    }
}
