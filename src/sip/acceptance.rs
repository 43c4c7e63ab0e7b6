//! The 2xx to an INVITE, sent until its ACK comes (RFC 3261 §13.3.1.4).
//!
//! This belongs to the UAS core and not to the transaction, and holds on every transport: the ACK
//! comes end to end, so a reliable first hop proves nothing.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::transaction::timers::{PATIENCE, T1, T2};
use crate::time::Instant;

/// What the acceptance wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Send the 2xx again.
    Send(Arc<[u8]>),
    /// 64·T1 passed without an ACK: the caller of this machine ends the dialog with BYE.
    NotAcknowledged,
}

/// A 2xx that waits for its ACK. Its first copy goes out through the INVITE's transaction.
#[derive(Debug, Clone)]
pub struct Acceptance {
    /// The 2xx, while it waits.
    response: Option<Arc<[u8]>>,
    /// Of the INVITE: its ACK has the same number (§13.2.2.4).
    cseq: u32,
    resend_after: Duration,
    resend_at: Instant,
    give_up_at: Instant,
    outputs: VecDeque<Output>,
}

impl Acceptance {
    /// The 2xx `response` to the INVITE with the number `cseq` goes out `now`.
    pub fn new(response: Arc<[u8]>, cseq: u32, now: Instant) -> Self {
        Self {
            response: Some(response),
            cseq,
            resend_after: T1,
            resend_at: now + T1,
            give_up_at: now + PATIENCE,
            outputs: VecDeque::new(),
        }
    }

    /// An ACK with the number `cseq` came. Tells whether it was the first for this 2xx.
    pub fn acknowledge(&mut self, cseq: u32) -> bool {
        cseq == self.cseq && self.response.take().is_some()
    }

    /// Whether the ACK is still awaited.
    pub fn is_waiting(&self) -> bool {
        self.response.is_some()
    }

    /// The 2xx, while its ACK is awaited, and the number of its INVITE.
    pub fn response(&self) -> Option<(&[u8], u32)> {
        Some((self.response.as_deref()?, self.cseq))
    }

    /// When [`Self::handle_timeout`] is due.
    pub fn next_timeout(&self) -> Option<Instant> {
        self.response
            .as_ref()
            .map(|_| self.resend_at.min(self.give_up_at))
    }

    /// Sends again or gives up, if the time has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        let Some(response) = &self.response else {
            return;
        };
        if self.give_up_at <= now {
            self.response = None;
            self.outputs.push_back(Output::NotAcknowledged);
        } else if self.resend_at <= now {
            self.resend_after = self.resend_after.saturating_mul(2).min(T2);
            self.resend_at = now + self.resend_after;
            self.outputs.push_back(Output::Send(Arc::clone(response)));
        }
    }

    /// What to do next; `None`: nothing.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_ack_has_the_2xx_sent_again_and_the_call_given_up_at_64_t1() {
        let mut acceptance = Acceptance::new(Arc::from(b"200".as_slice()), 1, Instant(0));
        let mut sent = Vec::new();
        let mut end = None;
        while let Some(at) = acceptance.next_timeout() {
            acceptance.handle_timeout(at);
            match acceptance.poll() {
                Some(Output::Send(_)) => sent.push(at.0 / 1000),
                Some(Output::NotAcknowledged) => end = Some(at),
                None => {}
            }
        }
        let expected = [
            500, 1500, 3500, 7500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500,
        ];
        assert_eq!(sent, expected);
        assert_eq!(end, Some(Instant(32_000_000)));
        assert!(!acceptance.acknowledge(1), "too late");
    }

    #[test]
    fn the_ack_ends_it_and_its_repetition_says_nothing_new() {
        let mut acceptance = Acceptance::new(Arc::from(b"200".as_slice()), 2, Instant(0));
        assert!(!acceptance.acknowledge(1), "of another INVITE");
        assert!(acceptance.acknowledge(2));
        assert!(!acceptance.acknowledge(2));
        assert_eq!(acceptance.next_timeout(), None);
        acceptance.handle_timeout(Instant(u64::MAX));
        assert_eq!(acceptance.poll(), None);
    }
}
