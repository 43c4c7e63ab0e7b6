//! What comes in on a leg: from whom it is taken (symmetric RTP with a source and SSRC check), and
//! whether it comes at all.
//!
//! Whom we believe, so that nobody else can speak to a caller or listen to one:
//!
//! 1. the very place that the peer described, always;
//! 2. any port of the described address or of the address that signals: the peer itself, behind a
//!    NAT perhaps. Another port than the present one only with the SSRC that we know, or when the
//!    present one has been silent for a while;
//! 3. any address of the carrier's networks: its gateways may speak from another address than they
//!    described. They are heard once the described place has said nothing for two seconds, but sent to
//!    where they described;
//! 4. a stranger whose packets are under the peer's key: nobody else could have made them;
//! 5. a stranger without a key never, unless the settings allow it: then only where the peer is behind a
//!    NAT (it described an address that leads nowhere, and signals from another), within ten seconds of
//!    its description, and while nobody better was heard. Whoever is better takes the
//!    place at once. Without this rule anyone who finds an open port would hear a caller who keeps silent.
//!
//! Who took the place of a peer that had fallen silent gives it back when that one speaks again with
//! its own SSRC.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ipnet::IpNet;

use crate::rtp::codec::Codec;
use crate::rtp::packet::Header;
use crate::rtp::quality::Incoming as Figures;
use crate::rtp::srtp::{Keys, Opener};
use crate::rtp::{dtmf, tones};
use crate::time::Instant;

/// Another port is believed only when the old one has been silent for so long.
const SOURCE_REST: Duration = Duration::from_secs(2);
/// The same, where it goes on with the SSRC that we know: a NAT gave it another port.
const SAME_SSRC_REST: Duration = Duration::from_millis(200);
/// How long after its description a peer behind a NAT may turn up at an address that nobody named.
const STRANGER_WINDOW: Duration = Duration::from_secs(10);

/// What signalling says about the peer's whereabouts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Home {
    /// The place that the peer described.
    pub(super) described: SocketAddr,
    /// The address that signals.
    pub(super) signalling: IpAddr,
    /// When it was described.
    pub(super) since: Instant,
    /// The carrier's networks, whose addresses are as good as the one that signals.
    pub(super) networks: Vec<IpNet>,
    /// Whether strangers are heard at all.
    pub(super) strangers: Strangers,
}

/// Whether a stranger is heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Strangers {
    /// Never.
    Refused,
    /// Early, where the peer is behind a NAT.
    Early,
    /// Their packets are genuine: under the peer's key.
    Proven,
}

/// How good a source is; a better one takes the place of a lesser at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Stranger,
    /// Heard, and sent to where it described.
    Carrier,
    Known,
    Described,
}

impl Home {
    fn rank(&self, source: SocketAddr) -> Rank {
        if source == self.described {
            Rank::Described
        } else if source.ip() == self.described.ip() || source.ip() == self.signalling {
            Rank::Known
        } else if self.networks.iter().any(|one| one.contains(&source.ip())) {
            match self.is_behind_nat() {
                true => Rank::Known,
                false => Rank::Carrier,
            }
        } else {
            Rank::Stranger
        }
    }

    /// Whether a stranger may be the peer, as long as nobody better was heard.
    fn hears_stranger(&self, now: Instant) -> bool {
        let early = self.is_behind_nat() && now.since(self.since) <= STRANGER_WINDOW;
        match self.strangers {
            Strangers::Refused => false,
            Strangers::Early => early,
            Strangers::Proven => true,
        }
    }

    /// Whether the described address may be one of another network, which we cannot reach.
    fn is_behind_nat(&self) -> bool {
        !is_routable(self.described.ip()) && self.described.ip() != self.signalling
    }
}

/// Private (RFC 1918, RFC 4193), shared (RFC 6598), link-local and loopback addresses are not.
fn is_routable(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [first, second, ..] = v4.octets();
            let shared = first == 100 && (64..128).contains(&second);
            !(v4.is_private()
                || shared
                || v4.is_link_local()
                || v4.is_loopback()
                || v4.is_unspecified())
        }
        IpAddr::V6(v6) => {
            !(v6.is_unique_local()
                || v6.is_unicast_link_local()
                || v6.is_loopback()
                || v6.is_unspecified())
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Latch {
    source: SocketAddr,
    rank: Rank,
}

/// One incoming stream.
#[derive(Debug, Clone, Default)]
pub(super) struct Incoming {
    latch: Option<Latch>,
    ssrc: Option<u32>,
    heard: Option<Instant>,
    /// Where the peer was before it described a new place, and when it left.
    left: Option<(SocketAddr, Instant)>,
    pub(super) figures: Figures,
    pub(super) events: dtmf::Reader,
    pub(super) refused: u64,
    opener: Option<Opener>,
    /// Where telephone-events were not negotiated: keys are heard as tones.
    tones: Option<Box<tones::Listener>>,
    last_sequence: Option<u16>,
    /// Who had the place, and with which SSRC, before another took it in silence.
    former: Option<(SocketAddr, u32)>,
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
    /// What comes is under this key from now on, or in the clear.
    pub(super) fn key(&mut self, keys: Option<&Keys>) {
        if self.opener.as_ref().map(Opener::keys) != keys {
            self.opener = keys.and_then(Opener::new);
        }
    }

    /// Keys come as tones from now on, or as telephone-events.
    pub(super) fn listen_for_tones(&mut self, listens: bool) {
        if listens != self.tones.is_some() {
            self.tones = listens.then(Box::default);
        }
    }

    /// The key that audio brings, where tones are listened for.
    pub(super) fn tone(&mut self, codec: Codec, octets: &[u8]) -> Option<char> {
        self.tones.as_mut()?.packet(codec, octets)
    }

    /// The packet without its seal; `None`: it is not genuine. `room` is for what has to be opened.
    pub(super) fn open<'a>(
        &mut self,
        is_report: bool,
        bytes: &'a [u8],
        room: &'a mut Vec<u8>,
    ) -> Option<&'a [u8]> {
        let Some(opener) = &mut self.opener else {
            return Some(bytes);
        };
        room.extend_from_slice(bytes);
        match is_report {
            true => opener.rtcp(room),
            false => opener.rtp(room),
        }
    }

    /// Judges the source, then counts the packet; `timed`: its timestamp is that of its sending.
    pub(super) fn take(
        &mut self,
        header: &Header,
        source: SocketAddr,
        home: &Home,
        timed: bool,
        now: Instant,
    ) -> Taken {
        let first = self.heard.is_none();
        let rank = home.rank(source);
        if !self.is_believed(header.ssrc, source, rank, home, now) {
            self.refused += 1;
            return Taken::Refused;
        }
        if let (Some(latch), Some(ssrc)) = (self.latch, self.ssrc)
            && latch.source != source
        {
            let is_back = self.former == Some((source, header.ssrc));
            // The same SSRC elsewhere is the peer itself, which moved.
            let taken = rank == latch.rank && header.ssrc != ssrc && !is_back;
            self.former = taken.then_some((latch.source, ssrc));
        }
        if self.ssrc.replace(header.ssrc) != Some(header.ssrc) {
            self.last_sequence = None;
            self.figures.begin_anew();
        }
        self.latch = Some(Latch { source, rank });
        self.heard = Some(now);
        if self.last_sequence.replace(header.sequence) == Some(header.sequence) {
            return Taken::Copy;
        }
        let timestamp = timed.then_some(header.timestamp);
        self.figures.packet(header.sequence, timestamp, now);
        if first { Taken::First } else { Taken::Next }
    }

    fn is_believed(
        &self,
        ssrc: u32,
        source: SocketAddr,
        rank: Rank,
        home: &Home,
        now: Instant,
    ) -> bool {
        let Some(latch) = self.latch else {
            // What was on its way from the old place must not call us back there.
            let left = self
                .left
                .is_some_and(|(place, at)| place == source && now.since(at) < SOURCE_REST);
            return match rank {
                Rank::Described => true,
                Rank::Known => !left,
                // Another of the carrier's callers may still speak to a port that was his.
                Rank::Carrier => !left && now.since(home.since) >= SOURCE_REST,
                Rank::Stranger => !left && home.hears_stranger(now),
            };
        };
        if source == latch.source || rank > latch.rank {
            return true;
        }
        if self.former == Some((source, ssrc)) {
            return true;
        }
        let proven = home.strangers == Strangers::Proven;
        if rank == Rank::Stranger && source.ip() != latch.source.ip() && !proven {
            return false;
        }
        let rest = self.heard.map_or(Duration::ZERO, |heard| now.since(heard));
        rest >= SOURCE_REST || (self.ssrc == Some(ssrc) && rest >= SAME_SSRC_REST)
    }

    /// Whether a report about this stream may come from `source`: an address that was named for
    /// RTP, RTCP (`named`) or signalling, or the one where the stream comes from.
    pub(super) fn may_report(&self, source: IpAddr, home: &Home, named: IpAddr) -> bool {
        source == named
            || source == home.described.ip()
            || source == home.signalling
            || self.latch.is_some_and(|latch| latch.source.ip() == source)
    }

    /// Where the peer really is, once it was heard.
    pub(super) fn source(&self) -> Option<SocketAddr> {
        let latch = self.latch.filter(|latch| latch.rank != Rank::Carrier);
        latch.map(|latch| latch.source)
    }

    /// Whose stream it is.
    pub(super) fn ssrc(&self) -> Option<u32> {
        self.ssrc
    }

    /// When it was heard last.
    pub(super) fn heard(&self) -> Option<Instant> {
        self.heard
    }

    /// The peer described a new place: it is there from now on, wherever it was.
    pub(super) fn unlatch(&mut self, now: Instant) {
        if let Some(latch) = self.latch.take() {
            self.left = Some((latch.source, now));
            self.former = None;
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

    fn place(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    const DAY: Instant = Instant(86_400_000_000);
    const LONG: Duration = Duration::from_secs(60);

    fn home(described: &str, signalling: &str) -> Home {
        Home {
            described: place(described),
            signalling: signalling.parse().unwrap(),
            since: DAY,
            networks: vec!["192.0.2.0/24".parse().unwrap()],
            strangers: Strangers::Early,
        }
    }

    #[test]
    fn a_stranger_is_refused_before_the_first_packet_and_in_the_running_stream() {
        let home = home("198.51.100.1:4000", "198.51.100.2");
        let mut incoming = Incoming::default();
        let stranger = place("203.0.113.66:4000");
        let mut take = |ssrc, sequence, from, after| {
            incoming.take(&header(ssrc, sequence), from, &home, true, DAY + after)
        };
        let soon = Duration::from_millis(20);
        assert_eq!(take(666, 1, stranger, soon), Taken::Refused);
        assert_eq!(take(1, 1, home.described, soon), Taken::First);
        assert_eq!(take(666, 2, stranger, soon), Taken::Refused);
        assert_eq!(take(1, 2, stranger, soon), Taken::Refused, "SSRC guessed");
        assert_eq!(take(1, 3, stranger, LONG), Taken::Refused, "while muted");
        assert_eq!(incoming.source(), Some(home.described));
        assert_eq!(incoming.refused, 4);
    }

    #[test]
    fn a_peer_behind_a_nat_is_heard_from_where_it_signals() {
        let home = home("10.0.0.5:4000", "198.51.100.2");
        let mut incoming = Incoming::default();
        let (nat, moved) = (place("198.51.100.2:61000"), place("198.51.100.2:61002"));
        assert_eq!(
            incoming.take(&header(1, 1), nat, &home, true, DAY),
            Taken::First
        );
        // The NAT gives it another port.
        let soon = DAY + Duration::from_millis(20);
        assert_eq!(
            incoming.take(&header(1, 2), moved, &home, true, soon),
            Taken::Refused
        );
        let later = DAY + Duration::from_millis(250);
        assert_eq!(
            incoming.take(&header(1, 2), moved, &home, true, later),
            Taken::Next
        );
        // Another SSRC, another port: only after silence.
        let at = later + Duration::from_millis(250);
        assert_eq!(
            incoming.take(&header(9, 7), nat, &home, true, at),
            Taken::Refused
        );
        let at = later + SOURCE_REST;
        assert_eq!(
            incoming.take(&header(9, 7), nat, &home, true, at),
            Taken::Next
        );
        assert_eq!(incoming.source(), Some(nat));
    }

    #[test]
    fn behind_a_nat_a_third_address_is_taken_early_only_and_yields_to_the_peer() {
        let home = home("192.168.1.5:4000", "198.51.100.2");
        let third = place("198.51.100.77:61000");
        let mut late = Incoming::default();
        let after = DAY + STRANGER_WINDOW + Duration::from_millis(1);
        assert_eq!(
            late.take(&header(1, 1), third, &home, true, after),
            Taken::Refused
        );

        let mut early = Incoming::default();
        assert_eq!(
            early.take(&header(1, 1), third, &home, true, DAY),
            Taken::First
        );
        let other = place("203.0.113.66:9");
        let muted = DAY + LONG;
        assert_eq!(
            early.take(&header(6, 1), other, &home, true, muted),
            Taken::Refused
        );
        let rebound = place("198.51.100.77:61002");
        assert_eq!(
            early.take(&header(1, 2), rebound, &home, true, muted),
            Taken::Next
        );
        let peer = place("198.51.100.2:61000");
        assert_eq!(
            early.take(&header(2, 1), peer, &home, true, muted),
            Taken::Next
        );
        assert_eq!(
            early.take(&header(1, 3), rebound, &home, true, muted + LONG),
            Taken::Refused,
            "the peer has won its place back"
        );
    }

    #[test]
    fn a_peer_that_starts_anew_with_another_ssrc_is_heard() {
        let home = home("198.51.100.1:4000", "198.51.100.1");
        let mut incoming = Incoming::default();
        incoming.take(&header(1, 1), home.described, &home, true, DAY);
        let soon = DAY + Duration::from_millis(20);
        assert_eq!(
            incoming.take(&header(2, 900), home.described, &home, true, soon),
            Taken::Next
        );
        assert_eq!(incoming.ssrc(), Some(2));
    }

    #[test]
    fn who_described_its_place_takes_it_back_from_another_port() {
        let home = home("198.51.100.1:4000", "198.51.100.1");
        let mut incoming = Incoming::default();
        let elsewhere = place("198.51.100.1:6");
        incoming.take(&header(666, 1), elsewhere, &home, true, DAY);
        assert_eq!(
            incoming.take(&header(1, 1), home.described, &home, true, DAY),
            Taken::Next
        );
        assert_eq!(
            incoming.take(&header(666, 2), elsewhere, &home, true, DAY),
            Taken::Refused
        );
    }

    #[test]
    fn a_copy_counts_once() {
        let home = home("198.51.100.1:4000", "198.51.100.1");
        let mut incoming = Incoming::default();
        incoming.take(&header(1, 1), home.described, &home, true, DAY);
        assert_eq!(
            incoming.take(&header(1, 1), home.described, &home, true, DAY),
            Taken::Copy
        );
        assert_eq!(incoming.figures.received, 1);
    }

    #[test]
    fn a_stranger_without_a_key_is_not_heard_where_strangers_are_refused() {
        let home = Home {
            strangers: Strangers::Refused,
            ..home("10.0.0.5:4000", "198.51.100.2")
        };
        let mut incoming = Incoming::default();
        let stranger = place("203.0.113.66:4000");
        // Before the peer, early; and as long as the peer keeps silent.
        for after in [Duration::ZERO, LONG] {
            let taken = incoming.take(&header(1, 1), stranger, &home, true, DAY + after);
            assert_eq!(taken, Taken::Refused);
        }
        assert_eq!(incoming.source(), None);
        let peer = place("198.51.100.2:61000");
        let taken = incoming.take(&header(1, 1), peer, &home, true, DAY + LONG);
        assert_eq!(taken, Taken::First);
    }

    #[test]
    fn a_genuine_packet_may_come_from_anywhere_but_does_not_move_a_running_stream() {
        let home = Home {
            strangers: Strangers::Proven,
            ..home("198.51.100.1:4000", "198.51.100.2")
        };
        let mut incoming = Incoming::default();
        let (third, fourth) = (place("203.0.113.7:1000"), place("203.0.113.8:1000"));
        let mut take = |sequence, from, after| {
            incoming.take(&header(1, sequence), from, &home, true, DAY + after)
        };
        let soon = Duration::from_millis(20);
        assert_eq!(take(1, third, LONG), Taken::First);
        assert_eq!(take(2, fourth, LONG + soon), Taken::Refused);
        assert_eq!(take(3, fourth, LONG + LONG), Taken::Next);
    }

    #[test]
    fn a_carrier_may_speak_from_another_of_its_addresses_and_is_sent_to_where_it_described() {
        let home = home("198.51.100.1:4000", "198.51.100.2");
        let mut incoming = Incoming::default();
        let (other, third) = (place("192.0.2.9:5000"), place("192.0.2.10:5000"));
        let (soon, later) = (DAY + Duration::from_millis(20), DAY + SOURCE_REST);
        let mut take = |ssrc, from, at| incoming.take(&header(ssrc, 1), from, &home, true, at);
        assert_eq!(
            take(1, other, soon),
            Taken::Refused,
            "the described one first"
        );
        assert_eq!(take(1, other, later), Taken::First);
        assert_eq!(take(666, third, later), Taken::Refused, "one at a time");
        assert_eq!(incoming.source(), None);
        incoming.take(&header(1, 2), home.described, &home, true, later);
        assert_eq!(incoming.source(), Some(home.described));
    }

    #[test]
    fn who_took_the_place_in_silence_gives_it_back() {
        let home = home("10.0.0.5:4000", "198.51.100.2");
        let mut incoming = Incoming::default();
        let (peer, thief) = (place("198.51.100.2:61000"), place("198.51.100.2:7"));
        let mut take = |ssrc, sequence, from, after| {
            incoming.take(&header(ssrc, sequence), from, &home, true, DAY + after)
        };
        let soon = Duration::from_millis(20);
        assert_eq!(take(1, 1, peer, Duration::ZERO), Taken::First);
        assert_eq!(take(666, 1, thief, LONG), Taken::Next);
        assert_eq!(take(666, 2, thief, LONG + soon), Taken::Next);
        // Not to whoever asks, but to its owner at once.
        assert_eq!(take(2, 2, peer, LONG + soon), Taken::Refused);
        assert_eq!(take(1, 3, peer, LONG + soon), Taken::Next);
        assert_eq!(take(666, 3, thief, LONG + soon * 2), Taken::Refused);
    }
}
