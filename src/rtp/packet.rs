//! RTP packets (RFC 3550 §5.1) by the rtp-rs crate, which this file alone knows.

use rtp_rs::{RtpPacketBuilder, RtpReader, Seq};

/// The longest payload that is written: 60 ms of G.711, with room for what a peer bridges.
pub const MAX_PAYLOAD: usize = 1_400;
/// Longest packet: header without CSRC, the payload, and a tag of SRTP.
pub const MAX_PACKET: usize = 12 + MAX_PAYLOAD + super::srtp::MAX_TAG;

/// The header fields that media acts on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// First packet of a talk spurt, or of an event.
    pub marker: bool,
    /// 0–127.
    pub payload_type: u8,
    /// Counts packets, modulo 2¹⁶.
    pub sequence: u16,
    /// Counts samples, modulo 2³².
    pub timestamp: u32,
    /// Whose stream.
    pub ssrc: u32,
}

/// Reads a packet; `None`: it is not RTP.
pub fn read(bytes: &[u8]) -> Option<(Header, &[u8])> {
    let reader = RtpReader::new(bytes).ok()?;
    let header = Header {
        marker: reader.mark(),
        payload_type: reader.payload_type(),
        sequence: reader.sequence_number().into(),
        timestamp: reader.timestamp(),
        ssrc: reader.ssrc(),
    };
    Some((header, reader.payload()))
}

/// Writes a packet into `out`; `None`: it does not fit.
pub fn write<'a>(
    header: &Header,
    payload: &[u8],
    out: &'a mut [u8; MAX_PACKET],
) -> Option<&'a [u8]> {
    if payload.len() > MAX_PAYLOAD {
        return None;
    }
    let length = RtpPacketBuilder::new()
        .marked(header.marker)
        .payload_type(header.payload_type)
        .sequence(Seq::from(header.sequence))
        .timestamp(header.timestamp)
        .ssrc(header.ssrc)
        .payload(payload)
        .build_into(out)
        .ok()?;
    out.get(..length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let header = Header {
            marker: true,
            payload_type: 8,
            sequence: 65_535,
            timestamp: u32::MAX,
            ssrc: 0xDEAD_BEEF,
        };
        let mut buffer = [0; MAX_PACKET];
        let bytes = write(&header, &[1, 2, 3], &mut buffer).unwrap();
        assert_eq!(bytes.len(), 15);
        assert_eq!(read(bytes), Some((header, [1, 2, 3].as_slice())));
    }

    #[test]
    fn too_long_a_payload_is_refused() {
        let header = Header {
            marker: false,
            payload_type: 0,
            sequence: 0,
            timestamp: 0,
            ssrc: 0,
        };
        assert_eq!(
            write(&header, &[0; MAX_PAYLOAD + 1], &mut [0; MAX_PACKET]),
            None
        );
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = read(&bytes);
        }
    }
}
