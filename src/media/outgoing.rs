//! The one RTP stream that a leg sends from its first packet to its last: own SSRC, sequence and
//! timestamp that go on whatever is heard (RFC 3550 §5.1).

use crate::rtp::packet::{Header, MAX_PACKET, write};
use crate::rtp::quality::samples;
use crate::rtp::srtp::{Keys, Sealer};
use crate::time::Instant;

/// How far a relayed packet may lie from the last one before the mapping is made anew.
pub(super) const MAX_JUMP: u32 = 8_000;
/// The same for sequence numbers: a peer that counts anew must not make us skip thousands.
const MAX_SKIP: u16 = 100;
/// How far back a packet may lie behind the newest: older ones are of no use to anybody.
const MAX_LATE: u16 = 1_000;
/// From the beginning of a key to sound of our own: a common frame.
const LEAST_STEP: u32 = 160;

/// How the peer's numbers become ours while it is relayed to somebody.
#[derive(Debug, Clone, Copy)]
struct Mapping {
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    last_in: u32,
    last_sequence: u16,
    /// Our first sequence number under this mapping: what lies before it was used up otherwise.
    floor: u16,
}

/// A telephone-event that is passed on: its beginning is its identity (RFC 4733 §2.5.1.2), so it
/// keeps one timestamp of ours, whatever audio goes between its packets.
#[derive(Debug, Clone, Copy)]
struct Pressed {
    ssrc: u32,
    theirs: u32,
    ours: u32,
}

/// The state of the stream.
#[derive(Debug, Clone)]
pub(super) struct Outgoing {
    ssrc: u32,
    next_sequence: u16,
    start: u32,
    started: Option<Instant>,
    /// Timestamp just behind the last packet.
    end: u32,
    talking: bool,
    mapping: Option<Mapping>,
    /// The last events, newest first: copies of the former may come late.
    pressed: [Option<Pressed>; 2],
    sealer: Option<Sealer>,
    pub(super) packets: u64,
    pub(super) octets: u64,
}

impl Outgoing {
    pub(super) fn new(ssrc: u32, sequence: u16, timestamp: u32) -> Self {
        Self {
            ssrc,
            next_sequence: sequence,
            start: timestamp,
            started: None,
            end: timestamp,
            talking: false,
            mapping: None,
            pressed: [None; 2],
            sealer: None,
            packets: 0,
            octets: 0,
        }
    }

    pub(super) fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// Sends under this key from now on, or in the clear. The same key goes on as it was.
    pub(super) fn key(&mut self, keys: Option<&Keys>) {
        if self.sealer.as_ref().map(Sealer::keys) != keys {
            self.sealer = keys.and_then(Sealer::new);
        }
    }

    fn seal<'a>(
        &mut self,
        header: &Header,
        payload: &[u8],
        buffer: &'a mut [u8; MAX_PACKET],
    ) -> Option<&'a [u8]> {
        let length = write(header, payload, buffer)?.len();
        let sealed = match &mut self.sealer {
            Some(sealer) => sealer.rtp(buffer, length)?,
            None => length,
        };
        buffer.get(..sealed)
    }

    /// Seals a report, where there is a key.
    pub(super) fn seal_report(&mut self, mut report: Vec<u8>) -> Option<Vec<u8>> {
        if let Some(sealer) = &mut self.sealer {
            sealer.rtcp(&mut report)?;
        }
        Some(report)
    }

    /// Starts the stream's clock; later calls change nothing.
    pub(super) fn start(&mut self, now: Instant) {
        self.started.get_or_insert(now);
    }

    /// The timestamp of this moment by the stream's clock, never before what was sent.
    pub(super) fn timestamp(&self, now: Instant) -> u32 {
        let elapsed = self
            .started
            .map_or(0, |started| samples(now.since(started)));
        let clock = self.start.wrapping_add(elapsed);
        // The clock may lag behind a peer whose own clock is fast.
        if clock.wrapping_sub(self.end).cast_signed() < 0 {
            self.end
        } else {
            clock
        }
    }

    /// Sending pauses: the next packet begins a talk spurt.
    pub(super) fn pause(&mut self) {
        self.talking = false;
        self.mapping = None;
    }

    /// Another source is heard from now on: the next relayed packet is mapped anew.
    pub(super) fn unmap(&mut self) {
        self.mapping = None;
    }

    /// Makes the next packet of our own sound at `timestamp`.
    pub(super) fn packet<'a>(
        &mut self,
        payload_type: u8,
        timestamp: u32,
        payload: &[u8],
        buffer: &'a mut [u8; MAX_PACKET],
    ) -> Option<&'a [u8]> {
        let header = Header {
            marker: !self.talking || timestamp != self.end,
            payload_type,
            sequence: self.next_sequence,
            timestamp,
            ssrc: self.ssrc,
        };
        self.talking = true;
        self.mapping = None;
        self.next_sequence = self.next_sequence.wrapping_add(1);
        self.end = timestamp.wrapping_add(payload.len() as u32);
        self.count(payload.len());
        self.seal(&header, payload, buffer)
    }

    /// Passes a packet of another stream on: its gaps stay gaps, its order stays its order, the
    /// numbers are ours. `length` is in samples.
    pub(super) fn relay<'a>(
        &mut self,
        theirs: &Header,
        payload_type: u8,
        length: u32,
        payload: &[u8],
        now: Instant,
        buffer: &'a mut [u8; MAX_PACKET],
    ) -> Option<&'a [u8]> {
        let known = self.known(theirs);
        let fresh = known.is_none();
        let mapping = known.unwrap_or_else(|| Mapping {
            ssrc: theirs.ssrc,
            sequence: self.next_sequence.wrapping_sub(theirs.sequence),
            timestamp: self.timestamp(now).wrapping_sub(theirs.timestamp),
            last_in: theirs.timestamp,
            last_sequence: theirs.sequence,
            floor: self.next_sequence,
        });
        let sequence = self.follow(mapping, theirs, theirs.timestamp)?;
        let timestamp = theirs.timestamp.wrapping_add(mapping.timestamp);
        let header = Header {
            marker: theirs.marker || (fresh && (!self.talking || timestamp != self.end)),
            payload_type,
            sequence,
            timestamp,
            ssrc: self.ssrc,
        };
        self.talking = true;
        let end = timestamp.wrapping_add(length);
        if end.wrapping_sub(self.end).cast_signed() > 0 {
            self.end = end;
        }
        self.count(payload.len());
        self.seal(&header, payload, buffer)
    }

    /// Passes a telephone-event on. All packets of one event have one timestamp.
    pub(super) fn relay_event<'a>(
        &mut self,
        theirs: &Header,
        payload_type: u8,
        payload: &[u8],
        now: Instant,
        buffer: &'a mut [u8; MAX_PACKET],
    ) -> Option<&'a [u8]> {
        let known = self.known(theirs);
        let pressed = self
            .pressed
            .iter()
            .flatten()
            .find(|one| (one.ssrc, one.theirs) == (theirs.ssrc, theirs.timestamp))
            .copied();
        let one = pressed.unwrap_or_else(|| Pressed {
            ssrc: theirs.ssrc,
            theirs: theirs.timestamp,
            ours: match known {
                Some(mapping) => theirs.timestamp.wrapping_add(mapping.timestamp),
                None => self.event_beginning(now),
            },
        });
        if pressed.is_none() {
            let [newest, _] = self.pressed;
            self.pressed = [Some(one), newest];
        }
        let sequence = match known {
            Some(mapping) => {
                let duration = payload.get(2..4).and_then(|two| two.try_into().ok());
                let duration = duration.map_or(0, u16::from_be_bytes);
                let until = theirs.timestamp.wrapping_add(u32::from(duration));
                self.follow(mapping, theirs, until)?
            }
            None => {
                let sequence = self.next_sequence;
                self.next_sequence = sequence.wrapping_add(1);
                sequence
            }
        };
        // Sound of our own that follows, be it while the key is still down, begins behind its beginning.
        let behind = one.ours.wrapping_add(LEAST_STEP);
        if behind.wrapping_sub(self.end).cast_signed() > 0 {
            self.end = behind;
        }
        let header = Header {
            marker: pressed.is_none(),
            payload_type,
            sequence,
            timestamp: one.ours,
            ssrc: self.ssrc,
        };
        self.count(payload.len());
        self.seal(&header, payload, buffer)
    }

    /// A packet of a key of our own: all of one key have one timestamp, the first has the marker.
    pub(super) fn event<'a>(
        &mut self,
        payload_type: u8,
        (timestamp, marker): (u32, bool),
        payload: &[u8],
        buffer: &'a mut [u8; MAX_PACKET],
    ) -> Option<&'a [u8]> {
        let header = Header {
            marker,
            payload_type,
            sequence: self.next_sequence,
            timestamp,
            ssrc: self.ssrc,
        };
        self.next_sequence = self.next_sequence.wrapping_add(1);
        // What is relayed from here on finds its numbers behind this one.
        self.mapping = None;
        if marker {
            let [newest, _] = self.pressed;
            let own = Pressed {
                ssrc: self.ssrc,
                theirs: timestamp,
                ours: timestamp,
            };
            self.pressed = [Some(own), newest];
        }
        self.count(payload.len());
        self.seal(&header, payload, buffer)
    }

    /// A packet of theirs that is not passed on, such as comfort noise, is no loss: what follows
    /// closes up.
    pub(super) fn skip(&mut self, theirs: &Header) {
        if let Some(mapping) = self.known(theirs)
            && theirs.sequence.wrapping_add(mapping.sequence) == self.next_sequence
        {
            self.mapping = Some(Mapping {
                sequence: mapping.sequence.wrapping_sub(1),
                last_in: theirs.timestamp,
                last_sequence: theirs.sequence,
                ..mapping
            });
        }
    }

    /// The mapping, if `theirs` follows closely enough on what it mapped last.
    fn known(&self, theirs: &Header) -> Option<Mapping> {
        self.mapping.filter(|mapping| {
            let jump = theirs.timestamp.wrapping_sub(mapping.last_in).cast_signed();
            let skip = theirs
                .sequence
                .wrapping_sub(mapping.last_sequence)
                .cast_signed();
            mapping.ssrc == theirs.ssrc
                && jump.unsigned_abs() <= MAX_JUMP
                && skip.unsigned_abs() <= MAX_SKIP
        })
    }

    /// Our sequence number for `theirs`, which reaches to `until`; `None`: it is too old.
    fn follow(&mut self, mapping: Mapping, theirs: &Header, until: u32) -> Option<u16> {
        let sequence = theirs.sequence.wrapping_add(mapping.sequence);
        let above = sequence.wrapping_sub(mapping.floor).cast_signed();
        if above < 0 {
            return None;
        }
        let late = above.unsigned_abs() > MAX_LATE;
        self.mapping = Some(Mapping {
            last_in: until,
            last_sequence: theirs.sequence,
            floor: if late {
                sequence.wrapping_sub(MAX_LATE)
            } else {
                mapping.floor
            },
            ..mapping
        });
        let behind = sequence.wrapping_add(1);
        if behind.wrapping_sub(self.next_sequence).cast_signed() > 0 {
            self.next_sequence = behind;
        }
        Some(sequence)
    }

    /// Where an event begins that no mapping places: now, and never where another began.
    pub(super) fn event_beginning(&self, now: Instant) -> u32 {
        let clock = self.timestamp(now);
        let [newest, _] = self.pressed;
        newest.map_or(clock, |one| {
            let after = one.ours.wrapping_add(1);
            if clock.wrapping_sub(after).cast_signed() < 0 {
                after
            } else {
                clock
            }
        })
    }

    fn count(&mut self, octets: usize) {
        self.packets += 1;
        self.octets += octets as u64;
    }
}
