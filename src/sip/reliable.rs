//! Provisional responses that are sent until a PRACK comes (RFC 3262 §3), as the UAS of one INVITE.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::transaction::timers::{PATIENCE, T1};
use crate::time::Instant;

/// The first RSeq lies between 1 and this (RFC 3262 §3).
pub const MAX_FIRST_RSEQ: u32 = 0x7fff_ffff;

/// What a RAck header names: the response and the request that the PRACK acknowledges (§7.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RAck {
    /// The RSeq of the provisional response.
    pub rseq: u32,
    /// The CSeq number of the INVITE.
    pub cseq: u32,
    /// The method of that CSeq; INVITE, if the peer is right.
    pub method: String,
}

/// Why no reliable provisional response can go out now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotNow {
    /// §3: the next one waits for the PRACK of the one before.
    #[error("the provisional response before it is not acknowledged yet")]
    Outstanding,
    /// A final response went out or nobody acknowledged: there will be no more.
    #[error("no more provisional responses are to be sent")]
    Over,
}

/// The PRACK acknowledges nothing that is outstanding: answer 481 (§3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the RAck matches no unacknowledged provisional response")]
pub struct NoMatch;

/// What the machine wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Send the provisional response again.
    Send(Arc<[u8]>),
    /// 64·T1 passed without PRACK: reject the INVITE with a 5xx (§3).
    NotAcknowledged,
}

#[derive(Debug, Clone)]
struct Outstanding {
    rseq: u32,
    response: Arc<[u8]>,
    resend_after: Duration,
    resend_at: Instant,
    give_up_at: Instant,
}

/// The reliable provisional responses of one INVITE.
#[derive(Debug, Clone)]
pub struct Reliable {
    cseq: u32,
    next_rseq: u32,
    outstanding: Option<Outstanding>,
    over: bool,
    outputs: VecDeque<Output>,
}

impl Reliable {
    /// For the INVITE with CSeq number `cseq`. `random` makes the first RSeq.
    pub fn new(cseq: u32, random: u32) -> Self {
        Self {
            cseq,
            next_rseq: (random & MAX_FIRST_RSEQ).max(1),
            outstanding: None,
            over: false,
            outputs: VecDeque::new(),
        }
    }

    /// The RSeq that the next reliable provisional response carries.
    ///
    /// # Errors
    /// When none may go out now.
    pub fn next_rseq(&self) -> Result<u32, NotNow> {
        if self.over {
            Err(NotNow::Over)
        } else if self.outstanding.is_some() {
            Err(NotNow::Outstanding)
        } else {
            Ok(self.next_rseq)
        }
    }

    /// `response`, which carries [`Self::next_rseq`], goes out `now` for the first time.
    ///
    /// # Errors
    /// When none may go out now; nothing changes then.
    pub fn sent(&mut self, response: Arc<[u8]>, now: Instant) -> Result<(), NotNow> {
        let rseq = self.next_rseq()?;
        self.next_rseq = rseq.saturating_add(1);
        self.outstanding = Some(Outstanding {
            rseq,
            response,
            resend_after: T1,
            resend_at: now + T1,
            give_up_at: now + PATIENCE,
        });
        Ok(())
    }

    /// A PRACK came.
    ///
    /// # Errors
    /// When it acknowledges nothing that is outstanding.
    pub fn acknowledge(&mut self, rack: &RAck) -> Result<(), NoMatch> {
        let matches = rack.cseq == self.cseq
            && rack.method == "INVITE"
            && (self.outstanding.as_ref()).is_some_and(|waiting| waiting.rseq == rack.rseq);
        if !matches {
            return Err(NoMatch);
        }
        self.outstanding = None;
        Ok(())
    }

    /// Whether a PRACK is awaited. An INVITE whose reliable response carried the answer is not to be
    /// accepted before (§3).
    pub fn is_waiting(&self) -> bool {
        self.outstanding.is_some()
    }

    /// The final response goes out: nothing is sent again. A late PRACK still finds its match (§3).
    pub fn finish(&mut self) {
        self.over = true;
    }

    /// When [`Self::handle_timeout`] is due.
    pub fn next_timeout(&self) -> Option<Instant> {
        if self.over {
            return None;
        }
        let waiting = self.outstanding.as_ref()?;
        Some(waiting.resend_at.min(waiting.give_up_at))
    }

    /// Sends again or gives up, if the time has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.over {
            return;
        }
        let Some(waiting) = &mut self.outstanding else {
            return;
        };
        if waiting.give_up_at <= now {
            self.outstanding = None;
            self.over = true;
            self.outputs.push_back(Output::NotAcknowledged);
        } else if waiting.resend_at <= now {
            // §3 doubles without the ceiling that T2 is elsewhere.
            waiting.resend_after = waiting.resend_after.saturating_mul(2);
            waiting.resend_at = now + waiting.resend_after;
            self.outputs
                .push_back(Output::Send(Arc::clone(&waiting.response)));
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

    fn ringing() -> Arc<[u8]> {
        Arc::from(b"180".as_slice())
    }

    fn rack(rseq: u32) -> RAck {
        RAck {
            rseq,
            cseq: 7,
            method: "INVITE".to_owned(),
        }
    }

    #[test]
    fn the_first_rseq_is_in_range_for_any_seed() {
        for random in [0, 1, 0x8000_0000, u32::MAX] {
            let first = Reliable::new(1, random).next_rseq();
            assert!(first.is_ok_and(|rseq| (1..=MAX_FIRST_RSEQ).contains(&rseq)));
        }
    }

    #[test]
    fn without_prack_it_is_sent_again_with_doubled_waits_and_given_up_at_64_t1() {
        let mut reliable = Reliable::new(7, 100);
        assert_eq!(reliable.sent(ringing(), Instant(0)), Ok(()));
        let mut sent = Vec::new();
        let mut end = None;
        while let Some(at) = reliable.next_timeout() {
            reliable.handle_timeout(at);
            match reliable.poll() {
                Some(Output::Send(_)) => sent.push(at.0 / 1000),
                Some(Output::NotAcknowledged) => end = Some(at),
                None => {}
            }
        }
        assert_eq!(sent, [500, 1500, 3500, 7500, 15_500, 31_500]);
        assert_eq!(end, Some(Instant(32_000_000)));
        assert_eq!(reliable.next_rseq(), Err(NotNow::Over));
    }

    #[test]
    fn the_next_response_waits_for_the_prack_of_the_one_before() {
        let mut reliable = Reliable::new(7, 100);
        assert_eq!(reliable.sent(ringing(), Instant(0)), Ok(()));
        assert_eq!(
            reliable.sent(ringing(), Instant(1)),
            Err(NotNow::Outstanding)
        );
        assert_eq!(reliable.acknowledge(&rack(99)), Err(NoMatch));
        let other_request = RAck {
            cseq: 8,
            ..rack(100)
        };
        assert_eq!(reliable.acknowledge(&other_request), Err(NoMatch));
        assert_eq!(reliable.acknowledge(&rack(100)), Ok(()));
        assert_eq!(reliable.acknowledge(&rack(100)), Err(NoMatch), "repeated");
        assert_eq!(reliable.next_rseq(), Ok(101));
        assert_eq!(reliable.next_timeout(), None);
    }

    #[test]
    fn after_the_final_response_nothing_is_sent_again_but_a_late_prack_matches() {
        let mut reliable = Reliable::new(7, 100);
        assert_eq!(reliable.sent(ringing(), Instant(0)), Ok(()));
        reliable.finish();
        assert_eq!(reliable.next_timeout(), None);
        reliable.handle_timeout(Instant(u64::MAX));
        assert_eq!(reliable.poll(), None);
        assert_eq!(reliable.acknowledge(&rack(100)), Ok(()));
    }
}
