//! The one RTP stream that a leg sends from its first packet to its last: own SSRC, sequence and
//! timestamp that go on whatever is heard (RFC 3550 §5.1).

use crate::rtp::packet::{Header, MAX_PACKET, write};
use crate::rtp::quality::samples;
use crate::time::Instant;

/// How far a relayed packet may lie from the last one before the mapping is made anew.
const MAX_JUMP: u32 = 8_000;

/// How the peer's numbers become ours while it is relayed to somebody.
#[derive(Debug, Clone, Copy)]
struct Mapping {
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    last_in: u32,
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
            packets: 0,
            octets: 0,
        }
    }

    pub(super) fn ssrc(&self) -> u32 {
        self.ssrc
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

    /// Makes the next packet of our own sound at `timestamp`.
    pub(super) fn packet<'a>(
        &mut self,
        payload_type: u8,
        timestamp: u32,
        payload: &[u8],
        buffer: &'a mut [u8; MAX_PACKET],
    ) -> Option<&'a [u8]> {
        let header = Header {
            marker: !self.talking,
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
        write(&header, payload, buffer)
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
        let known = self.mapping.filter(|mapping| {
            let jump = theirs.timestamp.wrapping_sub(mapping.last_in).cast_signed();
            mapping.ssrc == theirs.ssrc && jump.unsigned_abs() <= MAX_JUMP
        });
        let fresh = known.is_none();
        let mapping = known.unwrap_or_else(|| Mapping {
            ssrc: theirs.ssrc,
            sequence: self.next_sequence.wrapping_sub(theirs.sequence),
            timestamp: self.timestamp(now).wrapping_sub(theirs.timestamp),
            last_in: theirs.timestamp,
        });
        self.mapping = Some(Mapping {
            last_in: theirs.timestamp,
            ..mapping
        });
        let header = Header {
            marker: theirs.marker || (fresh && !self.talking),
            payload_type,
            sequence: theirs.sequence.wrapping_add(mapping.sequence),
            timestamp: theirs.timestamp.wrapping_add(mapping.timestamp),
            ssrc: self.ssrc,
        };
        self.talking = true;
        let behind = header.sequence.wrapping_add(1);
        if behind.wrapping_sub(self.next_sequence).cast_signed() > 0 {
            self.next_sequence = behind;
        }
        let end = header.timestamp.wrapping_add(length);
        if end.wrapping_sub(self.end).cast_signed() > 0 {
            self.end = end;
        }
        self.count(payload.len());
        write(&header, payload, buffer)
    }

    fn count(&mut self, octets: usize) {
        self.packets += 1;
        self.octets += octets as u64;
    }
}
