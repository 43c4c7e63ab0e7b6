//! The timers of RFC 3261 §17 (table 4) and RFC 6026 §7.

use std::time::Duration;

use crate::time::Instant;

/// Estimate of a round trip, from which the other times follow (§17.1.1.1).
pub const T1: Duration = Duration::from_millis(500);

/// The longest wait between two retransmissions of anything but an INVITE (§17.1.2.2).
pub const T2: Duration = Duration::from_secs(4);

/// How long a message may stay in the network (§17.1.2.2).
pub const T4: Duration = Duration::from_secs(5);

/// 64·T1: how long the silence of a peer is borne (timers B, F, H, J, L and M).
pub const PATIENCE: Duration = T1.saturating_mul(64);

/// Timer D over an unreliable transport: at least 32 seconds (§17.1.1.2).
pub const TIMER_D: Duration = Duration::from_secs(32);

/// What a transaction waits for, by the letter of its figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// The INVITE is sent again.
    A,
    /// No answer to the INVITE.
    B,
    /// No more retransmitted failures are to be acknowledged.
    D,
    /// The request is sent again.
    E,
    /// No final answer to the request.
    F,
    /// The failure response is sent again.
    G,
    /// No ACK for the failure response.
    H,
    /// No more retransmitted ACKs are to be absorbed.
    I,
    /// No more retransmitted requests are to be answered.
    J,
    /// No more retransmitted responses are to be absorbed.
    K,
    /// No more ACKs for the 2xx, no more retransmitted INVITEs (RFC 6026 §7.1).
    L,
    /// No more 2xx, retransmitted or forked (RFC 6026 §7.2).
    M,
    /// No final answer after our CANCEL (§9.1 names the time and gives it no letter).
    Cancelled,
}

const TIMERS: usize = Timer::Cancelled as usize + 1;

/// The timers of one transaction.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Timers([Option<Instant>; TIMERS]);

impl Timers {
    pub(super) fn set(&mut self, timer: Timer, at: Instant) {
        self.0[timer as usize] = Some(at);
    }

    pub(super) fn clear(&mut self, timer: Timer) {
        self.0[timer as usize] = None;
    }

    pub(super) fn is_set(&self, timer: Timer) -> bool {
        self.0[timer as usize].is_some()
    }

    pub(super) fn clear_all(&mut self) {
        self.0 = [None; TIMERS];
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.0.iter().flatten().min().copied()
    }

    /// Takes out one timer whose time has come, the earliest first and of equal ones the one with
    /// the later letter: a transaction that is out of patience does not retransmit first.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<Timer> {
        const BY_INDEX: [Timer; TIMERS] = [
            Timer::A,
            Timer::B,
            Timer::D,
            Timer::E,
            Timer::F,
            Timer::G,
            Timer::H,
            Timer::I,
            Timer::J,
            Timer::K,
            Timer::L,
            Timer::M,
            Timer::Cancelled,
        ];
        let mut due: Option<(Instant, Timer)> = None;
        for (slot, timer) in self.0.iter().zip(BY_INDEX) {
            if let Some(at) = *slot
                && at <= now
                && due.is_none_or(|(earliest, _)| at <= earliest)
            {
                due = Some((at, timer));
            }
        }
        let (_, timer) = due?;
        self.clear(timer);
        Some(timer)
    }
}

/// Zero over a transport that loses nothing (timers D, I, J and K), else `wait`.
pub(super) fn unless_reliable(reliable: bool, wait: Duration) -> Duration {
    if reliable { Duration::ZERO } else { wait }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_ends_before_one_more_retransmission() {
        let mut timers = Timers::default();
        timers.set(Timer::A, Instant(10));
        timers.set(Timer::B, Instant(10));
        timers.set(Timer::M, Instant(11));
        assert_eq!(timers.next(), Some(Instant(10)));
        assert_eq!(timers.pop_due(Instant(10)), Some(Timer::B));
        assert_eq!(timers.pop_due(Instant(10)), Some(Timer::A));
        assert_eq!(timers.pop_due(Instant(10)), None);
        assert_eq!(timers.next(), Some(Instant(11)));
        timers.clear_all();
        assert_eq!(timers.next(), None);
    }
}
