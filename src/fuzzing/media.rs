//! Descriptions, packets and sounds.

use std::net::{IpAddr, Ipv4Addr};

use crate::media::Direction;
use crate::media::clips::Sound;
use crate::private::Private;
use crate::rtp::codec::Codec;
use crate::rtp::dtmf::Reader;
use crate::rtp::packet::{self, MAX_PACKET, MAX_PAYLOAD};
use crate::rtp::rtcp as reports;
use crate::rtp::srtp::{Keys, MAX_SECRET, Opener, Sealer, Suite};
use crate::rtp::tones::Listener;
use crate::sdp::{Description, Keying, Local, Srtp, answer, offer, offer_again, read_answer};

/// How the lines of a description of ours may begin; nothing else has a way in.
const OURS: [&str; 16] = [
    "v=0",
    "o=- ",
    "s=-",
    "c=IN IP4 127.0.0.1",
    "t=0 0",
    "m=",
    "a=rtpmap:",
    "a=fmtp:",
    "a=ptime:",
    "a=sendrecv",
    "a=sendonly",
    "a=recvonly",
    "a=inactive",
    "a=rtcp-mux",
    "a=crypto:",
    "a=rtcp:",
];

fn local(wish: Srtp) -> Local {
    Local {
        address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        port: 20_000,
        codecs: Vec::new(),
        id: 1,
        version: 1,
        direction: Direction::SendRecv,
        keying: Keying {
            wish,
            secret: Some(Private::new([9; MAX_SECRET])),
            current: None,
        },
    }
}

/// A description is refused, or answered line by line out of our allow-list.
pub(super) fn sdp(bytes: &[u8]) {
    let Ok(theirs) = Description::parse(bytes) else {
        return;
    };
    for wish in [Srtp::Off, Srtp::Optional, Srtp::Required] {
        let local = local(wish);
        let ours = is_ours(&offer(&local), bytes.len());
        if let Ok(agreed) = read_answer(&theirs, &ours) {
            assert!(
                wish != Srtp::Required || agreed.crypto.is_some(),
                "in the clear"
            );
            assert!(wish != Srtp::Off || agreed.crypto.is_none(), "keys unasked");
        }
        if let Ok((body, agreed)) = answer(&theirs, &local) {
            let ours = is_ours(&body, bytes.len());
            let lines = (ours.media.len(), theirs.media.len());
            assert_eq!(lines.0, lines.1, "an answer to each line (RFC 3264 §6)");
            let taken = ours.media.iter().filter(|line| line.port != 0);
            assert_eq!(taken.count(), 1, "one stream");
            assert!(
                wish != Srtp::Required || agreed.crypto.is_some(),
                "in the clear"
            );
            let again = is_ours(&offer_again(&ours, &local), bytes.len());
            assert_eq!(again.media.len(), lines.0, "each line stays (RFC 3264 §8)");
        }
    }
}

/// It can be read, no longer than it may be, and is ours.
fn is_ours(body: &[u8], theirs: usize) -> Description {
    assert!(body.len() <= 2 * theirs + 2_048, "{} octets", body.len());
    let text = std::str::from_utf8(body).expect("words");
    for line in text.lines() {
        assert!(OURS.iter().any(|begin| line.starts_with(begin)), "{line}");
    }
    Description::parse(body).expect("what we write can be read")
}

/// A packet is passed over, or what it says is written so that it says the same; keys are pressed once.
pub(super) fn rtp(bytes: &[u8]) {
    let Some((header, payload)) = packet::read(bytes) else {
        return;
    };
    assert!(payload.len() <= bytes.len());
    let mut buffer = [0; MAX_PACKET];
    match packet::write(&header, payload, &mut buffer) {
        Some(written) => assert_eq!(packet::read(written), Some((header, payload))),
        None => assert!(payload.len() > MAX_PAYLOAD),
    }
    let mut keys = Reader::default();
    let _ = keys.packet(header.timestamp, payload);
    assert_eq!(keys.packet(header.timestamp, payload), None, "pressed once");
    for codec in Codec::ALL {
        let _ = Listener::default().packet(codec, payload);
    }
}

/// A compound packet is passed over, or its reports are bounded and written as they were read.
pub(super) fn rtcp(bytes: &[u8]) {
    let Some(compound) = reports::read(bytes) else {
        return;
    };
    assert!(compound.reports.len() <= 31, "five bits count them");
    let first = compound.reports.first().copied();
    let written = reports::write(compound.ssrc, compound.sender, first, compound.bye);
    let read = reports::read(&written).expect("what we write can be read");
    assert_eq!(
        (read.ssrc, read.sender, read.bye),
        (compound.ssrc, compound.sender, compound.bye)
    );
    assert_eq!(read.reports.first().copied(), first);
    if let Some(report) = first {
        let _ = reports::round_trip(&report, crate::time::Wall(1_795_000_000_000_000));
    }
}

/// What nobody sealed with the key is not opened; what we seal is, once, and is what it was.
pub(super) fn srtp(bytes: &[u8]) {
    for suite in Suite::ALL {
        let secret = vec![7; suite.secret_length()];
        let Some(keys) = Keys::new(suite, &secret, 0) else {
            continue;
        };
        let (Some(mut opener), Some(mut sealer)) = (Opener::new(&keys), Sealer::new(&keys)) else {
            continue;
        };
        assert_eq!(opener.rtp(&mut bytes.to_vec()), None, "a forged packet");
        assert_eq!(opener.rtcp(&mut bytes.to_vec()), None, "a forged report");
        let mut buffer = bytes.to_vec();
        buffer.resize(bytes.len() + 16, 0);
        if let Some(length) = sealer.rtp(&mut buffer, bytes.len()) {
            let mut sealed = buffer.get(..length).unwrap_or_default().to_vec();
            let mut copy = sealed.clone();
            assert_eq!(opener.rtp(&mut sealed), Some(bytes), "sealed by us");
            assert_eq!(opener.rtp(&mut copy), None, "a replay (RFC 3711 §3.3.2)");
        }
        let mut report = bytes.to_vec();
        if sealer.rtcp(&mut report).is_some() {
            let mut copy = report.clone();
            assert_eq!(opener.rtcp(&mut report), Some(bytes), "sealed by us");
            assert_eq!(opener.rtcp(&mut copy), None, "a replay");
        }
    }
}

/// A sound file is refused, or is no longer than its octets can say.
pub(super) fn sound(bytes: &[u8]) {
    if let Ok(sound) = Sound::from_wav(bytes) {
        assert!(sound.len() <= 40 * bytes.len(), "{} samples", sound.len());
    }
}
