//! What a stream that comes in is like: loss (RFC 3550 §A.3) and jitter (§A.8).

use std::time::Duration;

use crate::time::Instant;

/// G.711's clock.
pub const CLOCK_RATE: u32 = 8_000;
/// A jump of the sequence number by more is a new stream (§A.1, MAX_DROPOUT).
const MAX_DROPOUT: u16 = 3_000;

/// Samples in a time at 8 kHz, modulo 2³².
pub fn samples(time: Duration) -> u32 {
    let samples = time.as_micros() * u128::from(CLOCK_RATE) / 1_000_000;
    (samples % (1 << 32)) as u32
}

/// Figures of one incoming stream.
#[derive(Debug, Clone, Default)]
pub struct Incoming {
    base: Option<u16>,
    highest: u16,
    cycles: u32,
    /// Packets that came.
    pub received: u64,
    /// Expected before the last reset of the sequence.
    expected_before: u64,
    /// Lost of former streams: reports tell of the present one alone (RFC 3550 §6.4.1).
    lost_before: u64,
    previous_expected: u64,
    previous_received: u64,
    last: Option<(Instant, u32)>,
    jitter: f64,
    greatest_jitter: f64,
}

impl Incoming {
    /// The peer's stream begins anew under another SSRC: its numbers have nothing to do with the former.
    pub fn begin_anew(&mut self) {
        self.lost_before = self.lost();
        self.expected_before = self.expected();
        self.base = None;
        self.jitter = 0.0;
    }

    /// A packet came; `timestamp` is `None` where it tells nothing of the moment of sending, as in
    /// telephone-events, which all bear that of their beginning.
    pub fn packet(&mut self, sequence: u16, timestamp: Option<u32>, at: Instant) {
        match self.base {
            None => self.restart(sequence),
            Some(_) => {
                let ahead = sequence.wrapping_sub(self.highest);
                if ahead != 0 && ahead < MAX_DROPOUT {
                    self.cycles += u32::from(sequence < self.highest);
                    self.highest = sequence;
                } else if (MAX_DROPOUT..u16::MAX - 100).contains(&ahead) {
                    self.expected_before = self.expected();
                    self.restart(sequence);
                }
            }
        }
        self.received += 1;
        let Some(timestamp) = timestamp else {
            return;
        };
        if let Some((before, stamp)) = self.last.replace((at, timestamp)) {
            // A gap in talking is no jitter: timestamps go on in it, so the difference stays small.
            let travelled = f64::from(samples(at.since(before)));
            let sent = f64::from(timestamp.wrapping_sub(stamp).cast_signed());
            let difference = (travelled - sent).abs();
            if difference < f64::from(CLOCK_RATE) * 10.0 {
                self.jitter += (difference - self.jitter) / 16.0;
                self.greatest_jitter = self.greatest_jitter.max(self.jitter);
            }
        }
    }

    fn restart(&mut self, sequence: u16) {
        self.base = Some(sequence);
        self.highest = sequence;
        self.cycles = 0;
        self.last = None;
    }

    /// Packets that should have come.
    pub fn expected(&self) -> u64 {
        let Some(base) = self.base else {
            return self.expected_before;
        };
        let extended = (u64::from(self.cycles) << 16) + u64::from(self.highest);
        self.expected_before + extended.saturating_sub(u64::from(base)) + 1
    }

    /// Packets that never came; copies may hide some (§6.4.1).
    pub fn lost(&self) -> u64 {
        self.expected().saturating_sub(self.received)
    }

    /// The same of the present SSRC, as reports have it.
    pub fn lost_of_stream(&self) -> u64 {
        self.lost().saturating_sub(self.lost_before)
    }

    /// Loss since the last call, in 256ths (§A.3).
    pub fn fraction_lost(&mut self) -> u8 {
        let (expected, received) = (self.expected(), self.received);
        let expected_now = expected.saturating_sub(self.previous_expected);
        let received_now = received.saturating_sub(self.previous_received);
        (self.previous_expected, self.previous_received) = (expected, received);
        let lost = expected_now.saturating_sub(received_now);
        let fraction = (lost << 8).checked_div(expected_now).unwrap_or(0);
        u8::try_from(fraction).unwrap_or(u8::MAX)
    }

    /// Cycles and highest sequence number, as reports have it.
    pub fn extended_highest(&self) -> u32 {
        (self.cycles << 16) | u32::from(self.highest)
    }

    /// Jitter now, in samples.
    pub fn jitter_samples(&self) -> u32 {
        self.jitter as u32
    }

    /// The greatest jitter that there was.
    pub fn greatest_jitter(&self) -> Duration {
        Duration::from_secs_f64(self.greatest_jitter / f64::from(CLOCK_RATE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loss_and_jitter_are_those_of_the_rfc() {
        let mut stream = Incoming::default();
        for number in 0..100u16 {
            if number % 10 == 5 {
                continue;
            }
            let at = Instant(u64::from(number) * 20_000 + u64::from(number % 2) * 1_000);
            stream.packet(
                number.wrapping_add(65_500),
                Some(u32::from(number) * 160),
                at,
            );
        }
        assert_eq!((stream.expected(), stream.lost()), (100, 10));
        assert_eq!(stream.fraction_lost(), 25);
        assert_eq!(stream.fraction_lost(), 0, "since the last report");
        let jitter = stream.greatest_jitter();
        assert!(
            jitter > Duration::from_micros(500) && jitter < Duration::from_millis(1),
            "{jitter:?}"
        );
    }

    #[test]
    fn a_stream_that_starts_anew_is_not_a_loss_of_thousands() {
        let mut stream = Incoming::default();
        for sequence in [1u16, 2, 3, 40_000, 40_001] {
            stream.packet(sequence, Some(0), Instant(0));
        }
        assert_eq!(stream.lost(), 0);
    }

    #[test]
    fn another_ssrc_with_numbers_near_the_former_is_no_loss() {
        let mut stream = Incoming::default();
        for sequence in 1..=10 {
            stream.packet(sequence, Some(0), Instant(0));
        }
        stream.begin_anew();
        for sequence in 2_000..2_010 {
            stream.packet(sequence, Some(0), Instant(0));
        }
        assert_eq!((stream.expected(), stream.lost()), (20, 0));
    }

    #[test]
    fn a_key_press_is_no_jitter() {
        let mut stream = Incoming::default();
        for number in 0..100_u16 {
            let at = Instant(u64::from(number) * 20_000);
            let pressed = number % 10 > 3;
            stream.packet(number, (!pressed).then(|| u32::from(number) * 160), at);
        }
        assert_eq!(stream.jitter_samples(), 0);
    }

    #[test]
    fn a_report_tells_the_loss_of_the_present_stream_alone() {
        let mut stream = Incoming::default();
        for number in [1, 2, 5] {
            stream.packet(number, None, Instant(0));
        }
        assert_eq!((stream.lost(), stream.lost_of_stream()), (2, 2));
        stream.begin_anew();
        for number in [900, 902] {
            stream.packet(number, None, Instant(0));
        }
        assert_eq!((stream.lost(), stream.lost_of_stream()), (3, 1));
    }
}
