//! RTCP (RFC 3550 §6): sender and receiver reports, CNAME, BYE.

use std::time::Duration;

use crate::time::{Instant, Wall};

/// §6.4: 1900 to 1970.
const NTP_OFFSET: u64 = 2_208_988_800;
/// The most reports in a packet (§6.4.1: five bits).
const MAX_REPORTS: usize = 31;

/// The wall clock as a 64-bit NTP timestamp.
pub fn ntp(wall: Wall) -> u64 {
    let micros = u64::try_from(wall.0).unwrap_or(0);
    let seconds = micros / 1_000_000 + NTP_OFFSET;
    let fraction = ((micros % 1_000_000) << 32) / 1_000_000;
    (seconds << 32) | fraction
}

/// The middle 32 bits: what LSR holds.
pub fn middle(ntp: u64) -> u32 {
    (ntp >> 16) as u32
}

/// One report block (§6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// About whose stream.
    pub ssrc: u32,
    /// Lost since the last report, in 256ths.
    pub fraction_lost: u8,
    /// Lost in all; 24 bits. Copies may make it negative on the wire: then nothing was lost.
    pub lost: u32,
    /// Extended highest sequence number.
    pub highest: u32,
    /// In samples.
    pub jitter: u32,
    /// Middle of the last sender report's NTP time; 0: none came.
    pub last_report: u32,
    /// Since then, in 65,536ths of a second.
    pub delay: u32,
}

/// What a sender says of itself (§6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderInfo {
    /// When.
    pub ntp: u64,
    /// The same moment in samples.
    pub timestamp: u32,
    /// Packets sent.
    pub packets: u32,
    /// Payload octets sent.
    pub octets: u32,
}

/// What of a compound packet media acts on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Compound {
    /// Who reports.
    pub ssrc: u32,
    /// If it sends.
    pub sender: Option<SenderInfo>,
    /// Of what it hears.
    pub reports: Vec<Report>,
    /// It says that it leaves.
    pub bye: bool,
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes
        .get(at..at + 4)?
        .try_into()
        .ok()
        .map(u32::from_be_bytes)
}

/// Reads a compound packet, which begins with a report (§6.1); `None`: it is not RTCP.
pub fn read(bytes: &[u8]) -> Option<Compound> {
    let mut rest = bytes;
    if !matches!(bytes.get(1), Some(200 | 201)) {
        return None;
    }
    let mut found = Compound {
        ssrc: u32_at(bytes, 4)?,
        ..Compound::default()
    };
    while !rest.is_empty() {
        let [first, kind, high, low] = *rest.first_chunk::<4>()?;
        let length = 4 * (usize::from(u16::from_be_bytes([high, low])) + 1);
        let packet = rest.get(..length)?;
        rest = rest.get(length..)?;
        if first >> 6 != 2 {
            return None;
        }
        let count = usize::from(first & 31);
        match kind {
            200 => {
                found.sender = Some(SenderInfo {
                    ntp: (u64::from(u32_at(packet, 8)?) << 32) | u64::from(u32_at(packet, 12)?),
                    timestamp: u32_at(packet, 16)?,
                    packets: u32_at(packet, 20)?,
                    octets: u32_at(packet, 24)?,
                });
                read_reports(packet, 28, count, &mut found.reports)?;
            }
            201 => {
                read_reports(packet, 8, count, &mut found.reports)?;
            }
            203 => found.bye = true,
            _ => {}
        }
    }
    Some(found)
}

fn read_reports(packet: &[u8], start: usize, count: usize, out: &mut Vec<Report>) -> Option<()> {
    for index in 0..count.min(MAX_REPORTS) {
        let at = start + 24 * index;
        let loss = u32_at(packet, at + 4)?;
        if out.len() < MAX_REPORTS {
            out.push(Report {
                ssrc: u32_at(packet, at)?,
                fraction_lost: (loss >> 24) as u8,
                lost: lost_of(loss),
                highest: u32_at(packet, at + 8)?,
                jitter: u32_at(packet, at + 12)?,
                last_report: u32_at(packet, at + 16)?,
                delay: u32_at(packet, at + 20)?,
            });
        }
    }
    Some(())
}

/// The lower 24 bits are signed (§6.4.1).
fn lost_of(word: u32) -> u32 {
    let lost = word & 0x00ff_ffff;
    if lost & 0x0080_0000 == 0 { lost } else { 0 }
}

/// Writes SR or RR with at most one block, then SDES with a CNAME that tells nothing (RFC 7022).
pub fn write(ssrc: u32, sender: Option<SenderInfo>, report: Option<Report>, bye: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(96);
    let count = u8::from(report.is_some());
    let words = 1 + 5 * u16::from(sender.is_some()) + 6 * u16::from(count);
    out.extend([0x80 | count, if sender.is_some() { 200 } else { 201 }]);
    out.extend(words.to_be_bytes());
    out.extend(ssrc.to_be_bytes());
    if let Some(info) = sender {
        out.extend(info.ntp.to_be_bytes());
        out.extend(info.timestamp.to_be_bytes());
        out.extend(info.packets.to_be_bytes());
        out.extend(info.octets.to_be_bytes());
    }
    if let Some(report) = report {
        let loss = (u32::from(report.fraction_lost) << 24) | report.lost.min(0x007f_ffff);
        for word in [
            report.ssrc,
            loss,
            report.highest,
            report.jitter,
            report.last_report,
            report.delay,
        ] {
            out.extend(word.to_be_bytes());
        }
    }
    // One chunk: SSRC, CNAME of eight hex digits, end, padding to a word.
    let name = format!("{ssrc:08x}");
    out.extend([0x81, 202, 0, 4]);
    out.extend(ssrc.to_be_bytes());
    out.extend([1, 8]);
    out.extend(name.as_bytes());
    out.extend([0, 0]);
    if bye {
        out.extend([0x81, 203, 0, 1]);
        out.extend(ssrc.to_be_bytes());
    }
    out
}

/// §6.4.1: the round trip from a block about our stream; `None`: the peer had no report of ours yet.
pub fn round_trip(report: &Report, now: Wall) -> Option<Duration> {
    if report.last_report == 0 {
        return None;
    }
    let arrived = middle(ntp(now));
    let travelled = arrived
        .wrapping_sub(report.last_report)
        .wrapping_sub(report.delay);
    // A peer with a broken clock yields nonsense: more than a minute is none.
    (travelled < 60 << 16).then(|| Duration::from_secs_f64(f64::from(travelled) / 65_536.0))
}

/// DLSR: the time since `heard`, in 65,536ths of a second.
pub fn delay_since(heard: Instant, now: Instant) -> u32 {
    let ticks = now.since(heard).as_micros() * 65_536 / 1_000_000;
    u32::try_from(ticks).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        Report {
            ssrc: 9,
            fraction_lost: 3,
            lost: 77,
            highest: 65_600,
            jitter: 12,
            last_report: 5,
            delay: 6,
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let info = SenderInfo {
            ntp: 1 << 40,
            timestamp: 8,
            packets: 9,
            octets: 10,
        };
        for sender in [None, Some(info)] {
            let bytes = write(4, sender, Some(report()), true);
            assert_eq!(bytes.len() % 4, 0);
            let expected = Compound {
                ssrc: 4,
                sender,
                reports: vec![report()],
                bye: true,
            };
            assert_eq!(read(&bytes), Some(expected));
        }
    }

    #[test]
    fn copies_of_packets_are_not_read_as_a_loss_of_millions() {
        let mut bytes = write(4, None, Some(report()), false);
        for octet in bytes.get_mut(13..16).unwrap() {
            *octet = 0xff;
        }
        assert_eq!(read(&bytes).unwrap().reports[0].lost, 0);
    }

    #[test]
    fn the_round_trip_is_what_is_left_when_the_peers_delay_is_taken_off() {
        let sent = Wall(1_795_000_000_000_000);
        let block = Report {
            last_report: middle(ntp(sent)),
            delay: 65_536,
            ..report()
        };
        let trip = round_trip(&block, sent + Duration::from_millis(1_250)).unwrap();
        assert!(
            trip.abs_diff(Duration::from_millis(250)) < Duration::from_millis(1),
            "{trip:?}"
        );
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = read(&bytes);
        }
    }
}
