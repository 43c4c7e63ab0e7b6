//! What comes in on a leg: from whom it is taken (symmetric RTP with an SSRC and source check), and
//! whether it comes at all.

use std::net::SocketAddr;
use std::time::Duration;

use crate::rtp::dtmf;
use crate::rtp::packet::Header;
use crate::rtp::quality::Incoming as Figures;
use crate::time::Instant;

/// Another source is believed only when the old one has been silent for so long.
const SOURCE_REST: Duration = Duration::from_secs(2);
/// The same, where it goes on with the SSRC that we know: a NAT gave it another port.
const SAME_SSRC_REST: Duration = Duration::from_millis(200);

#[derive(Debug, Clone, Copy)]
struct Latch {
    source: SocketAddr,
    ssrc: u32,
    heard: Instant,
}

/// One incoming stream.
#[derive(Debug, Clone, Default)]
pub(super) struct Incoming {
    latch: Option<Latch>,
    pub(super) figures: Figures,
    pub(super) events: dtmf::Reader,
    pub(super) refused: u64,
    last_sequence: Option<u16>,
}

/// What becomes of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// The first of all.
    First,
    /// One more.
    Next,
    /// A copy of the one before.
    Copy,
    /// Not from whom we talk with.
    Refused,
}

impl Incoming {
    /// Judges the source (`described`: what the peer's description says), then counts the packet.
    pub(super) fn take(
        &mut self,
        header: &Header,
        source: SocketAddr,
        described: SocketAddr,
        now: Instant,
    ) -> Taken {
        let first = self.latch.is_none();
        if !self.is_believed(header.ssrc, source, described, now) {
            self.refused += 1;
            return Taken::Refused;
        }
        if self.latch.is_some_and(|latch| latch.ssrc != header.ssrc) {
            self.last_sequence = None;
        }
        self.latch = Some(Latch {
            source,
            ssrc: header.ssrc,
            heard: now,
        });
        if self.last_sequence.replace(header.sequence) == Some(header.sequence) {
            return Taken::Copy;
        }
        self.figures.packet(header.sequence, header.timestamp, now);
        if first { Taken::First } else { Taken::Next }
    }

    fn is_believed(
        &self,
        ssrc: u32,
        source: SocketAddr,
        described: SocketAddr,
        now: Instant,
    ) -> bool {
        let Some(latch) = self.latch else { return true };
        if source == latch.source {
            return true;
        }
        let rest = now.since(latch.heard);
        // Whoever spoke first from elsewhere yields to the place that the peer itself named.
        let named = source == described && latch.source != described;
        named || rest >= SOURCE_REST || (ssrc == latch.ssrc && rest >= SAME_SSRC_REST)
    }

    /// Where the peer really is, once it was heard.
    pub(super) fn source(&self) -> Option<SocketAddr> {
        self.latch.map(|latch| latch.source)
    }

    /// Whose stream it is.
    pub(super) fn ssrc(&self) -> Option<u32> {
        self.latch.map(|latch| latch.ssrc)
    }

    /// When it was heard last.
    pub(super) fn heard(&self) -> Option<Instant> {
        self.latch.map(|latch| latch.heard)
    }

    /// The peer described a new place: the next packet from anywhere is believed.
    pub(super) fn unlatch(&mut self) {
        if let Some(latch) = &mut self.latch {
            latch.heard = Instant(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(ssrc: u32, sequence: u16) -> Header {
        Header {
            marker: false,
            payload_type: 8,
            sequence,
            timestamp: 0,
            ssrc,
        }
    }

    fn at(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }

    const DAY: Instant = Instant(86_400_000_000);

    #[test]
    fn a_stranger_cannot_take_a_running_stream_over() {
        let mut incoming = Incoming::default();
        let described = at(4000);
        assert_eq!(
            incoming.take(&header(1, 1), described, described, DAY),
            Taken::First
        );
        let soon = DAY + Duration::from_millis(20);
        assert_eq!(
            incoming.take(&header(666, 1), at(6), described, soon),
            Taken::Refused
        );
        assert_eq!(
            incoming.take(&header(1, 2), at(6), described, soon),
            Taken::Refused,
            "SSRC guessed"
        );
        assert_eq!((incoming.source(), incoming.refused), (Some(described), 2));
    }

    #[test]
    fn a_peer_whose_nat_moved_is_found_again() {
        let mut incoming = Incoming::default();
        incoming.take(&header(1, 1), at(4000), at(4000), DAY);
        let later = DAY + Duration::from_millis(250);
        assert_eq!(
            incoming.take(&header(1, 2), at(4002), at(4000), later),
            Taken::Next
        );
        let much_later = later + SOURCE_REST;
        assert_eq!(
            incoming.take(&header(9, 2), at(4004), at(4000), much_later),
            Taken::Next
        );
    }

    #[test]
    fn who_spoke_first_from_elsewhere_yields_to_the_described_place() {
        let mut incoming = Incoming::default();
        incoming.take(&header(666, 1), at(6), at(4000), DAY);
        assert_eq!(
            incoming.take(&header(1, 1), at(4000), at(4000), DAY),
            Taken::Next
        );
        assert_eq!(
            incoming.take(&header(666, 2), at(6), at(4000), DAY),
            Taken::Refused
        );
    }

    #[test]
    fn a_copy_counts_once() {
        let mut incoming = Incoming::default();
        incoming.take(&header(1, 1), at(4000), at(4000), DAY);
        assert_eq!(
            incoming.take(&header(1, 1), at(4000), at(4000), DAY),
            Taken::Copy
        );
        assert_eq!(incoming.figures.received, 1);
    }
}
