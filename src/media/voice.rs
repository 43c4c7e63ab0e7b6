//! What one participant of a room says: a jitter buffer on the room's own clock.
//!
//! Packets find their place by their RTP timestamp, whatever their order; what is lost is silence. Reading
//! takes nothing away, so that each listener reads at a pace of its own.

use std::collections::VecDeque;

use crate::rtp::codec::Codec;
use crate::rtp::g711;
use crate::rtp::packet::Header;
use crate::time::Instant;

/// How long after its arrival a packet is heard, at first: 40 ms, in samples.
const DELAY: i64 = 320;
/// A network that wavers may have so much: 120 ms.
const MAX_DELAY: i64 = 960;
/// What lies further ahead was counted by a faster clock than ours, or anew: 240 ms.
const MAX_LEAD: i64 = 1_920;
/// What was said is kept for listeners who are behind: 200 ms.
const KEPT: i64 = 1_600;
/// So many packets that come too late, one after the other, want a longer delay.
const MAX_LATE: u8 = 3;

/// A moment by the room's clock, in samples.
pub(super) fn place_of(at: Instant) -> i64 {
    i64::try_from(at.0 / 125).unwrap_or(i64::MAX)
}

/// Where their clock and the room's meet.
#[derive(Debug, Clone, Copy)]
struct Line {
    ssrc: u32,
    timestamp: u32,
    place: i64,
}

/// The latest sound of one participant.
#[derive(Debug, Clone)]
pub(super) struct Voice {
    samples: VecDeque<i16>,
    /// The place of the first of them.
    first: i64,
    line: Option<Line>,
    delay: i64,
    late: u8,
}

impl Default for Voice {
    fn default() -> Self {
        Self {
            samples: VecDeque::new(),
            first: 0,
            line: None,
            delay: DELAY,
            late: 0,
        }
    }
}

impl Voice {
    /// Takes a packet in.
    pub(super) fn put(&mut self, header: &Header, codec: Codec, octets: &[u8], now: Instant) {
        let now = place_of(now);
        self.forget_before(now - KEPT);
        let length = i64::try_from(octets.len()).unwrap_or(0);
        let Some(place) = self.place(header, length, now) else {
            return;
        };
        self.line = Some(Line {
            ssrc: header.ssrc,
            timestamp: header.timestamp,
            place,
        });
        let samples = octets.iter().map(|octet| g711::decode(codec, *octet));
        self.write(place, samples);
    }

    /// Adds what is said from `place` on; what is not there is silence.
    pub(super) fn add(&self, place: i64, sum: &mut [i32]) {
        let (skipped, passed) = (self.first - place, place - self.first);
        let sum = sum.get_mut(usize::try_from(skipped).unwrap_or(0)..);
        let samples = self
            .samples
            .iter()
            .skip(usize::try_from(passed).unwrap_or(0));
        for (total, sample) in sum.unwrap_or_default().iter_mut().zip(samples) {
            *total = total.saturating_add(i32::from(*sample));
        }
    }

    /// Where a packet belongs; `None`: it comes too late.
    fn place(&mut self, header: &Header, length: i64, now: i64) -> Option<i64> {
        let anew = now + self.delay;
        let Some(line) = self.line.filter(|line| line.ssrc == header.ssrc) else {
            return Some(anew);
        };
        let ahead = header.timestamp.wrapping_sub(line.timestamp).cast_signed();
        let place = line.place + i64::from(ahead);
        if place + length <= now {
            self.late += 1;
            if self.late < MAX_LATE {
                return None;
            }
            self.late = 0;
            // After a pause of theirs the same delay will do.
            if !header.marker {
                self.delay = (self.delay + DELAY / 2).min(MAX_DELAY);
            }
            return Some(now + self.delay);
        }
        self.late = 0;
        Some(if place - now > MAX_LEAD { anew } else { place })
    }

    fn forget_before(&mut self, place: i64) {
        let past = usize::try_from(place - self.first).unwrap_or(0);
        let past = past.min(self.samples.len());
        self.samples.drain(..past);
        self.first += past as i64;
    }

    fn write(&mut self, place: i64, samples: impl Iterator<Item = i16>) {
        if self.samples.is_empty() {
            self.first = place;
        }
        // What lies before the first of all is past.
        let skipped = usize::try_from(self.first - place).unwrap_or(0);
        let begin = usize::try_from(place - self.first).unwrap_or(0);
        if begin > self.samples.len() {
            self.samples.resize(begin, 0);
        }
        for (at, sample) in (begin..).zip(samples.skip(skipped)) {
            match self.samples.get_mut(at) {
                Some(old) => *old = sample,
                None => self.samples.push_back(sample),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Instant = Instant(86_400_000_000);

    fn header(sequence: u16, timestamp: u32) -> Header {
        Header {
            marker: false,
            payload_type: 8,
            sequence,
            timestamp,
            ssrc: 1,
        }
    }

    /// A packet of 20 ms whose samples are all near `level`.
    fn packet(level: i16) -> [u8; 160] {
        [g711::encode(Codec::Pcma, level); 160]
    }

    fn at(milliseconds: u64) -> Instant {
        Instant(NOW.0 + milliseconds * 1_000)
    }

    /// What is heard in the 20 ms from then on, by its first and last sample.
    fn heard(voice: &Voice, milliseconds: u64) -> (i32, i32) {
        let mut sum = [0; 160];
        voice.add(place_of(at(milliseconds)), &mut sum);
        (sum[0], sum[159])
    }

    fn level(level: i16) -> i32 {
        i32::from(g711::decode(Codec::Pcma, g711::encode(Codec::Pcma, level)))
    }

    #[test]
    fn packets_out_of_order_are_heard_in_order_and_the_lost_one_is_silence() {
        let mut voice = Voice::default();
        voice.put(&header(1, 1_000), Codec::Pcma, &packet(1_000), at(0));
        voice.put(&header(3, 1_320), Codec::Pcma, &packet(3_000), at(35));
        voice.put(&header(2, 1_160), Codec::Pcma, &packet(2_000), at(38));
        voice.put(&header(5, 1_640), Codec::Pcma, &packet(5_000), at(80));
        for (then, expected) in [(40, 1_000), (60, 2_000), (80, 3_000), (120, 5_000)] {
            assert_eq!(heard(&voice, then), (level(expected), level(expected)));
        }
        assert_eq!(heard(&voice, 100), (0, 0));
        assert_eq!(heard(&voice, 140), (0, 0), "nothing more came");
    }

    #[test]
    fn two_listeners_hear_the_same() {
        let mut voice = Voice::default();
        voice.put(&header(1, 1_000), Codec::Pcmu, &packet(1_000), at(0));
        assert_eq!(heard(&voice, 40), heard(&voice, 40));
        assert_ne!(heard(&voice, 40), (0, 0));
    }

    #[test]
    fn a_network_that_became_slower_is_heard_again_with_a_longer_delay() {
        let mut voice = Voice::default();
        let mut number = 0;
        let mut send = |voice: &mut Voice, when| {
            number += 1;
            let header = header(number, u32::from(number) * 160);
            voice.put(&header, Codec::Pcma, &packet(1_000), at(when));
        };
        (0..10).for_each(|turn| send(&mut voice, turn * 20));
        // From here on each packet takes 100 ms more.
        (10..30).for_each(|turn| send(&mut voice, turn * 20 + 100));
        let silent = (0..40)
            .filter(|turn| heard(&voice, 480 + turn * 5) == (0, 0))
            .count();
        assert_eq!(silent, 0, "the latest 200 ms are without a gap");
    }

    #[test]
    fn a_stream_that_begins_anew_or_jumps_is_heard_at_once() {
        let mut voice = Voice::default();
        voice.put(&header(1, 1_000), Codec::Pcma, &packet(1_000), at(0));
        let jump = header(2, 900_000);
        voice.put(&jump, Codec::Pcma, &packet(2_000), at(20));
        assert_eq!(heard(&voice, 60), (level(2_000), level(2_000)));
        let other = Header {
            ssrc: 9,
            ..header(7, 5)
        };
        voice.put(&other, Codec::Pcma, &packet(3_000), at(40));
        assert_eq!(heard(&voice, 80), (level(3_000), level(3_000)));
    }

    #[test]
    fn however_wild_the_timestamps_memory_is_bounded() {
        let mut voice = Voice::default();
        for turn in 0..5_000_u32 {
            let timestamp = turn.wrapping_mul(2_654_435_761);
            let header = header(turn as u16, timestamp);
            let when = at(u64::from(turn) * 7);
            voice.put(&header, Codec::Pcma, &[0; 1_400], when);
            assert!(voice.samples.len() < 8_000, "{}", voice.samples.len());
        }
    }
}
