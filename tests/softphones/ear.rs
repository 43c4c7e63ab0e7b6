//! An end of an RTP stream: sends a tone and hears one. Reads and writes with rtp-rs and a G.711 of its own,
//! so that the server's is never proven by itself alone.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rtp_rs::{RtpPacketBuilder, RtpReader};

use crate::moment::{eventually, now, throughout};
use crate::ports::free_port;
use crate::tone;

/// Payload type of µ-law (RFC 3551 §6).
pub(crate) const ULAW: u8 = 0;
/// Payload type of A-law.
pub(crate) const ALAW: u8 = 8;
/// Payload type of telephone events in our scenarios.
pub(crate) const EVENTS: u8 = 101;

/// How much of the latest sound is listened to.
const WINDOW: usize = 1_600;

#[derive(Default)]
struct Heard {
    samples: Vec<i16>,
    first: Option<Instant>,
    last: Option<Instant>,
    packets: u64,
    sources: BTreeSet<u32>,
    payload_types: BTreeSet<u8>,
    sizes: BTreeSet<usize>,
    digits: Vec<(u32, u8)>,
    expected: Option<(u16, u32)>,
    breaks: Vec<String>,
}

struct Voice {
    tone: Option<u32>,
    payload_type: u8,
    packet_time: u32,
    remote: Option<SocketAddr>,
    digit: Option<u8>,
    stopped: bool,
}

/// One end.
pub(crate) struct Ear {
    ip: IpAddr,
    port: u16,
    heard: Arc<Mutex<Heard>>,
    voice: Arc<Mutex<Voice>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Ear {
    /// Takes a free port; sends `tone` back to wherever sound comes from.
    pub(crate) fn open(tone: impl Into<Option<u32>>, payload_type: u8) -> Self {
        Self::with_packets_of(20, tone, payload_type)
    }

    /// The same, with packets of so many milliseconds.
    pub(crate) fn with_packets_of(
        packet_time: u32,
        tone: impl Into<Option<u32>>,
        payload_type: u8,
    ) -> Self {
        Self::with(
            [127, 0, 0, 1].into(),
            packet_time,
            tone.into(),
            payload_type,
        )
    }

    /// The same at an address of this machine.
    pub(crate) fn at(ip: IpAddr, tone: impl Into<Option<u32>>, payload_type: u8) -> Self {
        Self::with(ip, 20, tone.into(), payload_type)
    }

    fn with(ip: IpAddr, packet_time: u32, tone: Option<u32>, payload_type: u8) -> Self {
        // A port that the system gives at once to the next ear would bring what a server still sends to
        // the last one.
        let socket = UdpSocket::bind((ip, free_port())).unwrap();
        let port = socket.local_addr().unwrap().port();
        let heard = Arc::new(Mutex::new(Heard::default()));
        let voice = Arc::new(Mutex::new(Voice {
            tone,
            payload_type,
            packet_time,
            remote: None,
            digit: None,
            stopped: false,
        }));
        let (ear, mouth) = (Arc::clone(&heard), Arc::clone(&voice));
        let thread = std::thread::spawn(move || live(&socket, &ear, &mouth));
        Self {
            ip,
            port,
            heard,
            voice,
            thread: Some(thread),
        }
    }

    /// Where it hears.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Speaks to this port of the server, heard or not.
    pub(crate) fn speaks_to(&self, port: u16) {
        self.voice.lock().unwrap().remote = Some((self.ip, port).into());
    }

    /// Speaks another tone, or falls silent.
    pub(crate) fn speak(&self, tone: impl Into<Option<u32>>) {
        self.voice.lock().unwrap().tone = tone.into();
    }

    /// Presses a key (RFC 4733).
    pub(crate) fn press(&self, key: u8) {
        self.voice.lock().unwrap().digit = Some(key);
        eventually("a key to be sent", Duration::from_secs(2), || {
            self.voice.lock().unwrap().digit.is_none().then_some(())
        });
    }

    /// Waits until a tone is heard.
    pub(crate) fn hears(&self, tone: u32, within: Duration) {
        let what = format!("{tone} Hz");
        eventually(&what, within, || self.is_hearing(tone).then_some(()));
    }

    /// Whether the latest sound is this tone.
    pub(crate) fn is_hearing(&self, tone: u32) -> bool {
        let heard = self.heard.lock().unwrap();
        let fresh = heard
            .last
            .is_some_and(|last| now() - last < Duration::from_millis(150));
        let from = heard.samples.len().saturating_sub(WINDOW);
        fresh && tone::is_heard(&heard.samples[from..], tone)
    }

    /// Waits until all of these tones are heard at once.
    pub(crate) fn hears_together(&self, tones: &[u32], within: Duration) {
        let what = format!("{tones:?} Hz together");
        let heard = || {
            let heard = self.heard.lock().unwrap();
            let from = heard.samples.len().saturating_sub(WINDOW);
            tone::are_heard(&heard.samples[from..], tones)
        };
        eventually(&what, within, || heard().then_some(()));
    }

    /// Whether this tone was never heard, not even among others.
    pub(crate) fn never_heard_among(&self, tone: u32) -> bool {
        let samples = self.samples();
        let mut parts = samples.chunks(WINDOW);
        parts.all(|part| tone::share(part, tone) < 0.05)
    }

    /// Whether this tone was never heard.
    pub(crate) fn never_heard(&self, tone: u32) -> bool {
        tone::first_heard(&self.samples(), tone).is_none()
    }

    /// Whether no packet comes for so long.
    pub(crate) fn is_deaf_for(&self, time: Duration) -> bool {
        let before = self.packets();
        throughout(time, || self.packets() == before)
    }

    /// All that was heard.
    pub(crate) fn samples(&self) -> Vec<i16> {
        self.heard.lock().unwrap().samples.clone()
    }

    /// When the first packet came.
    pub(crate) fn first_heard_at(&self) -> Option<Instant> {
        self.heard.lock().unwrap().first
    }

    /// How many packets came.
    pub(crate) fn packets(&self) -> u64 {
        self.heard.lock().unwrap().packets
    }

    /// Payload types that came, without events.
    pub(crate) fn payload_types(&self) -> Vec<u8> {
        let heard = self.heard.lock().unwrap();
        heard.payload_types.iter().copied().collect()
    }

    /// Sizes of the payloads that came.
    pub(crate) fn sizes(&self) -> Vec<usize> {
        self.heard.lock().unwrap().sizes.iter().copied().collect()
    }

    /// Keys that came as events.
    pub(crate) fn digits(&self) -> Vec<u8> {
        let heard = self.heard.lock().unwrap();
        heard.digits.iter().map(|(_, digit)| *digit).collect()
    }

    /// One stream from beginning to end: one source, no gap in the sequence, no time twice. Between two
    /// sounds the timestamp goes on as the clock does.
    pub(crate) fn heard_one_stream(&self) {
        let (sources, breaks) = {
            let heard = self.heard.lock().unwrap();
            (heard.sources.len(), heard.breaks.clone())
        };
        assert_eq!(sources, 1, "one SSRC a leg");
        assert!(breaks.is_empty(), "{breaks:?}");
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        if let Ok(mut voice) = self.voice.lock() {
            voice.stopped = true;
        }
        if let Some(thread) = self.thread.take() {
            // What it panicked of was shown.
            let _ = thread.join();
        }
    }
}

/// The loop of an end: hears until a packet is due, then speaks.
fn live(socket: &UdpSocket, heard: &Mutex<Heard>, voice: &Mutex<Voice>) {
    let mut buffer = [0; 2_000];
    let (mut sequence, mut timestamp, mut due) = (1_000_u16, 5_000_u32, now());
    let mut spoken = ((0, 0), Vec::new());
    loop {
        let wait = due
            .saturating_duration_since(now())
            .max(Duration::from_micros(200));
        socket.set_read_timeout(Some(wait)).unwrap();
        if let Ok((size, from)) = socket.recv_from(&mut buffer) {
            hear(&mut heard.lock().unwrap(), &buffer[..size]);
            voice.lock().unwrap().remote = Some(from);
        }
        if now() < due {
            continue;
        }
        let mut voice = voice.lock().unwrap();
        if voice.stopped {
            return;
        }
        let time = voice.packet_time;
        due += Duration::from_millis(time.into());
        let count = (time * tone::RATE / 1_000) as usize;
        let Some(remote) = voice.remote else { continue };
        if let Some(digit) = voice.digit {
            press(socket, remote, digit, &mut sequence, timestamp);
            voice.digit = None;
        } else if let Some(frequency) = voice.tone {
            let payload_type = voice.payload_type;
            if spoken.0 != (frequency, payload_type) {
                spoken = (
                    (frequency, payload_type),
                    second_of(frequency, payload_type),
                );
            }
            let from = timestamp as usize % spoken.1.len();
            let payload: Vec<u8> = spoken
                .1
                .iter()
                .cycle()
                .skip(from)
                .take(count)
                .copied()
                .collect();
            send(
                socket,
                remote,
                voice.payload_type,
                false,
                sequence,
                timestamp,
                &payload,
            );
            sequence = sequence.wrapping_add(1);
        }
        timestamp = timestamp.wrapping_add(count as u32);
    }
}

fn hear(heard: &mut Heard, packet: &[u8]) {
    let Ok(reader) = RtpReader::new(packet) else {
        return;
    };
    let (payload, at) = (reader.payload(), reader.timestamp());
    if reader.payload_type() == EVENTS {
        let digit = payload[0];
        if !heard.digits.contains(&(at, digit)) {
            heard.digits.push((at, digit));
        }
        heard.expected = None;
        return;
    }
    let sequence: u16 = reader.sequence_number().into();
    if let Some((number, timestamp)) = heard.expected
        && (number != sequence || at.wrapping_sub(timestamp) > i32::MAX as u32)
    {
        heard.breaks.push(format!(
            "packet {}: {sequence}/{at} where {number}/{timestamp} was due",
            heard.packets
        ));
    }
    heard.expected = Some((
        sequence.wrapping_add(1),
        at.wrapping_add(payload.len() as u32),
    ));
    heard.sources.insert(reader.ssrc());
    heard.payload_types.insert(reader.payload_type());
    heard.sizes.insert(payload.len());
    let decoded = payload
        .iter()
        .map(|octet| decode(*octet, reader.payload_type()));
    heard.samples.extend(decoded);
    heard.packets += 1;
    heard.first.get_or_insert_with(now);
    heard.last = Some(now());
}

fn send(
    socket: &UdpSocket,
    remote: SocketAddr,
    payload_type: u8,
    marked: bool,
    sequence: u16,
    timestamp: u32,
    payload: &[u8],
) {
    let packet = RtpPacketBuilder::new()
        .payload_type(payload_type)
        .marked(marked)
        .sequence(sequence.into())
        .timestamp(timestamp)
        .ssrc(0x5151)
        .payload(payload)
        .build()
        .unwrap();
    // A peer that has gone is none of our business.
    let _ = socket.send_to(&packet, remote);
}

/// One packet of a stranger's stream of a tone.
pub(crate) fn packet_of(frequency: u32, number: u32) -> Vec<u8> {
    let second = second_of(frequency, ULAW);
    let from = number as usize * 160 % second.len();
    let payload: Vec<u8> = second
        .iter()
        .cycle()
        .skip(from)
        .take(160)
        .copied()
        .collect();
    let packet = RtpPacketBuilder::new()
        .payload_type(ULAW)
        .sequence((number as u16).into())
        .timestamp(number.wrapping_mul(160))
        .ssrc(0xBAD)
        .payload(&payload);
    packet.build().unwrap()
}

/// A short event whose last packet comes three times (RFC 4733 §2.5.1.4).
fn press(socket: &UdpSocket, remote: SocketAddr, digit: u8, sequence: &mut u16, timestamp: u32) {
    for (number, ends) in [false, false, true, true, true].into_iter().enumerate() {
        let length = 160 * (number as u16).min(2) + 160;
        let flags = if ends { 0x8a } else { 0x0a };
        let payload = [digit, flags, (length >> 8) as u8, length as u8];
        send(
            socket,
            remote,
            EVENTS,
            number == 0,
            *sequence,
            timestamp,
            &payload,
        );
        *sequence = sequence.wrapping_add(1);
    }
}

/// G.711 as its tables say.
pub(crate) fn decode(octet: u8, payload_type: u8) -> i16 {
    if payload_type == ALAW {
        let value = octet ^ 0x55;
        let (exponent, mantissa) = ((value >> 4) & 7, i16::from(value & 15));
        let size = match exponent {
            0 => (mantissa << 4) + 8,
            _ => ((mantissa << 4) + 0x108) << (exponent - 1),
        };
        return if value & 0x80 == 0 { -size } else { size };
    }
    let value = !octet;
    let (exponent, mantissa) = ((value >> 4) & 7, i16::from(value & 15));
    let size = (((mantissa << 3) + 0x84) << exponent) - 0x84;
    if value & 0x80 == 0 { size } else { -size }
}

/// One second of a tone, which then begins again: each octet the one whose sound is nearest.
fn second_of(frequency: u32, payload_type: u8) -> Vec<u8> {
    let mut sounds: Vec<(i16, u8)> = (0..=255)
        .map(|octet| (decode(octet, payload_type), octet))
        .collect();
    sounds.sort_unstable();
    let nearest = |sample: &i16| {
        let place = sounds.partition_point(|(sound, _)| sound < sample);
        sounds[place.min(sounds.len() - 1)].1
    };
    let samples = tone::sine(frequency, 0, tone::RATE as usize);
    samples.iter().map(nearest).collect()
}
