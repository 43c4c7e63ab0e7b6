//! RTP of one call: a tone goes out every 20 ms, and what comes in is counted and can be heard.

use std::net::SocketAddr;
use std::time::Duration;

use rtp_rs::{RtpPacketBuilder, RtpReader, Seq};

use super::description::Agreed;
use super::sound::{self, FRAME, Law};
use crate::time::Instant;

/// How long a packet is.
const PACKET_TIME: Duration = Duration::from_millis(20);
/// Frames that are remembered: 200 ms.
const EAR: usize = 10;
/// RFC 4733 §2.5: packets of a key that is held, and copies of its end.
const KEY_PACKETS: u16 = 5;
const END_COPIES: u16 = 3;
/// More streams in one call are not told apart.
const MAX_STREAMS: usize = 64;
/// A phone that was not asked for longer than this does not send what it missed.
const LATE: Duration = Duration::from_millis(200);

/// What a phone heard in one call. Sums over all packets of its peer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Heard {
    /// Audio packets.
    pub packets: u64,
    /// Packets of telephone-events.
    pub events: u64,
    /// Keys that came as telephone-events, each once.
    pub keys: String,
    /// How many streams there were, told by their SSRC: one, if all is well.
    pub streams: u32,
    /// Sequence numbers that were passed over.
    pub missing: u64,
    /// Packets that came after a later one, or twice.
    pub late: u64,
    /// Timestamps that go back, or begin before the packet before has ended.
    pub jumps: u64,
    /// Packets of a payload type that nobody agreed on, or no RTP.
    pub strange: u64,
}

#[derive(Debug, Clone, Copy)]
struct Last {
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
}

#[derive(Debug, Clone, Copy)]
struct Key {
    event: u8,
    sent: u16,
    timestamp: u32,
}

/// Both directions of a call's audio.
#[derive(Debug, Clone)]
pub(super) struct Voice {
    tone: u16,
    frame: [u8; FRAME],
    agreed: Agreed,
    accepted: Vec<Law>,
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    next: Instant,
    keys: Vec<u8>,
    key: Option<Key>,
    pub(super) muted: bool,
    pub(super) heard: Heard,
    last: Option<Last>,
    /// The streams' SSRCs.
    seen: Vec<u32>,
    last_key: Option<u32>,
    ear: Vec<(Law, Vec<u8>)>,
}

impl Voice {
    pub(super) fn new(agreed: Agreed, laws: &[Law], tone: u16, random: u64, now: Instant) -> Self {
        Self {
            tone,
            frame: sound::tone(agreed.law, tone),
            agreed,
            accepted: laws.to_vec(),
            ssrc: random as u32,
            sequence: (random >> 32) as u16,
            timestamp: (random >> 16) as u32,
            next: now,
            keys: Vec::new(),
            key: None,
            muted: false,
            heard: Heard::default(),
            last: None,
            seen: Vec::new(),
            last_key: None,
            ear: Vec::new(),
        }
    }

    /// A newer description of the peer.
    pub(super) fn agree(&mut self, agreed: Agreed) {
        if agreed.law != self.agreed.law {
            self.frame = sound::tone(agreed.law, self.tone);
        }
        self.agreed = agreed;
    }

    pub(super) fn events_agreed(&self) -> bool {
        self.agreed.events.is_some()
    }

    /// Presses a key: its event is sent after those before it.
    pub(super) fn press(&mut self, event: u8) {
        self.keys.push(event);
    }

    /// When the next packet is due.
    pub(super) fn next_timeout(&self) -> Instant {
        self.next
    }

    /// The packet that is due, if one is to be sent.
    pub(super) fn tick(&mut self, now: Instant) -> Option<(SocketAddr, Vec<u8>)> {
        if now < self.next {
            return None;
        }
        if now.since(self.next) > LATE {
            self.next = now;
        }
        self.next = self.next + PACKET_TIME;
        let timestamp = self.timestamp;
        self.timestamp = timestamp.wrapping_add(FRAME as u32);
        if !self.agreed.direction.sends {
            return None;
        }
        let bytes = match self.next_key(timestamp) {
            Some((key, payload, number)) => {
                let first = key.sent == 0;
                self.packet(number, key.timestamp, first, &payload)
            }
            None if self.muted => return None,
            None => {
                let frame = self.frame;
                self.packet(self.agreed.payload_type, timestamp, false, &frame)
            }
        };
        Some((self.agreed.remote, bytes?))
    }

    /// RFC 4733 §2.3: event, end bit and volume, duration so far.
    fn next_key(&mut self, timestamp: u32) -> Option<(Key, [u8; 4], u8)> {
        let number = self.agreed.events?;
        if self.key.is_none() && !self.keys.is_empty() {
            self.key = Some(Key {
                event: self.keys.remove(0),
                sent: 0,
                timestamp,
            });
        }
        let key = self.key?;
        let ends = key.sent >= KEY_PACKETS;
        let length = (key.sent + 1).min(KEY_PACKETS) * FRAME as u16;
        let [high, low] = length.to_be_bytes();
        let flags = if ends { 0x8a } else { 0x0a };
        let sent = key.sent + 1;
        self.key = (sent < KEY_PACKETS + END_COPIES).then_some(Key { sent, ..key });
        Some((key, [key.event, flags, high, low], number))
    }

    fn packet(
        &mut self,
        number: u8,
        timestamp: u32,
        mark: bool,
        payload: &[u8],
    ) -> Option<Vec<u8>> {
        let sequence = self.sequence;
        self.sequence = sequence.wrapping_add(1);
        RtpPacketBuilder::new()
            .payload_type(number)
            .marked(mark)
            .sequence(Seq::from(sequence))
            .timestamp(timestamp)
            .ssrc(self.ssrc)
            .payload(payload)
            .build()
            .ok()
    }

    /// Takes a packet in; returns a key that begins with it.
    pub(super) fn hear(&mut self, bytes: &[u8]) -> Option<char> {
        let Ok(packet) = RtpReader::new(bytes) else {
            self.heard.strange += 1;
            return None;
        };
        let number = packet.payload_type();
        let payload = packet.payload();
        if self.agreed.events == Some(number) {
            self.follow(&packet, None);
            self.heard.events += 1;
            return self.hear_key(packet.timestamp(), payload);
        }
        let same = |law: &Law| law.payload_type() == number;
        let law = if number == self.agreed.payload_type {
            Some(self.agreed.law)
        } else {
            self.accepted.iter().copied().find(same)
        };
        let Some(law) = law else {
            // A stream that says nothing is kept open so (RFC 6263 §4.6).
            match payload.is_empty() {
                true => {
                    self.follow(&packet, None);
                }
                false => self.heard.strange += 1,
            }
            return None;
        };
        self.heard.packets += 1;
        if self.follow(&packet, Some(payload.len())) {
            if self.ear.len() == EAR {
                self.ear.remove(0);
            }
            self.ear.push((law, payload.to_vec()));
        }
        None
    }

    /// Checks that the stream goes on as it should; `false`: the packet is an old one.
    fn follow(&mut self, packet: &RtpReader<'_>, samples: Option<usize>) -> bool {
        let new = Last {
            ssrc: packet.ssrc(),
            sequence: packet.sequence_number().into(),
            timestamp: packet.timestamp(),
        };
        let Some(last) = self.last.filter(|last| last.ssrc == new.ssrc) else {
            if !self.seen.contains(&new.ssrc) && self.seen.len() < MAX_STREAMS {
                self.seen.push(new.ssrc);
                self.heard.streams += 1;
            }
            self.last = Some(new);
            return true;
        };
        let ahead = new.sequence.wrapping_sub(last.sequence);
        if ahead == 0 || ahead > u16::MAX / 2 {
            self.heard.late += 1;
            return false;
        }
        self.heard.missing += u64::from(ahead - 1);
        let step = new.timestamp.wrapping_sub(last.timestamp);
        // Events keep one timestamp; audio goes on by at least its length, by more after a pause.
        if let (Some(samples), 1) = (samples, ahead) {
            let follows = step as usize >= samples && step < u32::MAX / 2;
            self.heard.jumps += u64::from(!follows);
        }
        self.last = Some(new);
        true
    }

    fn hear_key(&mut self, timestamp: u32, payload: &[u8]) -> Option<char> {
        let event = usize::from(*payload.first()?);
        if self.last_key == Some(timestamp) {
            return None;
        }
        self.last_key = Some(timestamp);
        let key = char::from(*KEYS.get(event)?);
        self.heard.keys.push(key);
        Some(key)
    }

    /// The tone in most of the last frames.
    pub(super) fn tone(&self) -> Option<u16> {
        let tones: Vec<u16> = self
            .ear
            .iter()
            .filter_map(|(law, frame)| sound::dominant(*law, frame))
            .collect();
        let count = |tone: &u16| tones.iter().filter(|one| *one == tone).count();
        let most = tones.iter().max_by_key(|tone| count(tone))?;
        (count(most) * 2 > self.ear.len()).then_some(*most)
    }

    /// Forgets what was heard lately.
    pub(super) fn clear_ear(&mut self) {
        self.ear.clear();
    }
}

/// RFC 4733 §3.2.
const KEYS: &[u8] = b"0123456789*#ABCD";

/// The event of a key; `None`: there is no such key.
pub(super) fn event_of(key: char) -> Option<u8> {
    let place = KEYS.iter().position(|one| char::from(*one) == key)?;
    u8::try_from(place).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phone::description::Direction;

    fn voice(tone: u16) -> Voice {
        let agreed = Agreed {
            remote: SocketAddr::from(([192, 0, 2, 1], 4000)),
            law: Law::A,
            payload_type: 8,
            events: Some(101),
            direction: Direction::BOTH,
        };
        Voice::new(agreed, &[Law::A], tone, 0xffff_ffff_ffff_fff0, Instant(0))
    }

    #[test]
    fn one_phone_hears_the_tone_and_the_keys_of_another() {
        let (mut one, mut other) = (voice(1_000), voice(600));
        one.press(5);
        let mut keys = Vec::new();
        for tick in 0..40_u64 {
            let (_, bytes) = one.tick(Instant(tick * 20_000)).unwrap();
            keys.extend(other.hear(&bytes));
        }
        assert_eq!(keys, ['5']);
        assert_eq!(other.tone(), Some(1_000));
        let heard = Heard {
            packets: 32,
            events: 8,
            keys: "5".into(),
            streams: 1,
            ..Heard::default()
        };
        assert_eq!(other.heard, heard);
    }

    #[test]
    fn gaps_copies_and_new_streams_are_counted() {
        let (mut one, mut other, mut third) = (voice(1_000), voice(600), voice(700));
        third.ssrc = 7;
        let packets: Vec<_> = (0..6_u64)
            .filter_map(|tick| one.tick(Instant(tick * 20_000)))
            .collect();
        for at in [0, 1, 1, 4, 3, 5] {
            other.hear(&packets[at].1);
        }
        other.hear(&third.tick(Instant(0)).unwrap().1);
        other.hear(b"not rtp");
        let heard = &other.heard;
        assert_eq!((heard.missing, heard.late), (2, 2));
        assert_eq!((heard.streams, heard.jumps, heard.strange), (2, 0, 1));
    }
}
