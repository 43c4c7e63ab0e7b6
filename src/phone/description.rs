//! Session descriptions by hand (RFC 8866, RFC 3264): one audio line of G.711 with telephone-events.

use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};

use super::sound::Law;

/// The payload type of telephone-events in our offers (RFC 4733 leaves it to each offer).
const EVENTS: u8 = 96;

/// Who may send, seen from us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Direction {
    pub(super) sends: bool,
    pub(super) receives: bool,
}

impl Direction {
    pub(super) const BOTH: Self = Self {
        sends: true,
        receives: true,
    };
    /// We hold the peer: it is to hear us, and be silent.
    pub(super) const HOLD: Self = Self {
        sends: true,
        receives: false,
    };

    fn attribute(self) -> &'static str {
        match (self.sends, self.receives) {
            (true, true) => "sendrecv",
            (true, false) => "sendonly",
            (false, true) => "recvonly",
            (false, false) => "inactive",
        }
    }

    /// What the peer wrote, seen from us (RFC 3264 §6.1).
    fn mirrored(text: &str) -> Option<Self> {
        let (sends, receives) = match text {
            "sendrecv" => (true, true),
            "sendonly" => (false, true),
            "recvonly" => (true, false),
            "inactive" => (false, false),
            _ => return None,
        };
        Some(Self { sends, receives })
    }

    fn both(self, other: Self) -> Self {
        Self {
            sends: self.sends && other.sends,
            receives: self.receives && other.receives,
        }
    }
}

/// Our end, to be described.
#[derive(Debug, Clone)]
pub(super) struct Own<'a> {
    pub(super) media: SocketAddr,
    pub(super) id: u32,
    pub(super) version: u32,
    pub(super) laws: &'a [Law],
    pub(super) direction: Direction,
}

/// What the peer described, as far as we go along with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Agreed {
    pub(super) remote: SocketAddr,
    pub(super) law: Law,
    pub(super) payload_type: u8,
    pub(super) events: Option<u8>,
    pub(super) direction: Direction,
}

/// An offer of all laws that we speak.
pub(super) fn offer(own: &Own<'_>) -> String {
    let mut types: Vec<(u8, &str)> = own
        .laws
        .iter()
        .map(|law| (law.payload_type(), law.encoding()))
        .collect();
    types.push((EVENTS, "telephone-event"));
    write(own, &types, own.direction)
}

/// An answer to `agreed`, which came out of the peer's offer.
pub(super) fn answer(own: &Own<'_>, agreed: &Agreed) -> String {
    let mut types = vec![(agreed.payload_type, agreed.law.encoding())];
    types.extend(agreed.events.map(|number| (number, "telephone-event")));
    write(own, &types, own.direction.both(agreed.direction))
}

fn write(own: &Own<'_>, types: &[(u8, &str)], direction: Direction) -> String {
    let (ip, port) = (own.media.ip(), own.media.port());
    let family = if ip.is_ipv4() { "IP4" } else { "IP6" };
    let (id, version) = (own.id, own.version);
    let mut text = format!(
        "v=0\r\no=phone {id} {version} IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP"
    );
    for (number, _) in types {
        let _ = write!(text, " {number}");
    }
    text.push_str("\r\n");
    for (number, encoding) in types {
        let _ = write!(text, "a=rtpmap:{number} {encoding}/8000\r\n");
        if *encoding == "telephone-event" {
            let _ = write!(text, "a=fmtp:{number} 0-15\r\n");
        }
    }
    let _ = write!(text, "a=ptime:20\r\na={}\r\n", direction.attribute());
    text
}

/// Reads a description; `None`: it has no audio that we can talk by.
pub(super) fn read(body: &[u8], laws: &[Law]) -> Option<Agreed> {
    let text = std::str::from_utf8(body).ok()?;
    let (mut address, mut audio): (Option<IpAddr>, Option<(u16, Vec<u8>)>) = (None, None);
    let (mut maps, mut direction) = (Vec::new(), Direction::BOTH);
    let mut in_audio = true;
    for line in text.lines() {
        if let Some(media) = line.strip_prefix("m=") {
            in_audio = media.starts_with("audio ") && audio.is_none();
            if in_audio {
                audio = media_line(media);
            }
            continue;
        }
        if !in_audio {
            continue;
        }
        if let Some(place) = line.strip_prefix("c=IN ") {
            address = place.split(' ').nth(1).and_then(|ip| ip.parse().ok());
        } else if let Some(map) = line.strip_prefix("a=rtpmap:") {
            maps.extend(mapping(map));
        } else if let Some(found) = line.strip_prefix("a=").and_then(Direction::mirrored) {
            direction = found;
        }
    }
    let (port, formats) = audio?;
    if port == 0 {
        return None;
    }
    let named = |number: u8| maps.iter().find(|(found, _)| *found == number);
    let law_of = |number: u8| match named(number) {
        Some((_, encoding)) => laws.iter().copied().find(|law| law.encoding() == encoding),
        None => laws
            .iter()
            .copied()
            .find(|law| law.payload_type() == number),
    };
    let chosen = formats
        .iter()
        .find_map(|number| Some((*number, law_of(*number)?)));
    let (payload_type, law) = chosen?;
    let is_event =
        |number: &&u8| named(**number).is_some_and(|(_, name)| name == "TELEPHONE-EVENT");
    Some(Agreed {
        remote: SocketAddr::new(address?, port),
        law,
        payload_type,
        events: formats.iter().find(is_event).copied(),
        direction,
    })
}

/// `audio 20000 RTP/AVP 8 0 101`.
fn media_line(line: &str) -> Option<(u16, Vec<u8>)> {
    let mut words = line.split(' ').skip(1);
    let port = words.next()?.parse().ok()?;
    let formats = words.skip(1).filter_map(|word| word.parse().ok());
    Some((port, formats.collect()))
}

/// `8 PCMA/8000`.
fn mapping(text: &str) -> Option<(u8, String)> {
    let (number, encoding) = text.split_once(' ')?;
    let name = encoding.split('/').next()?.to_ascii_uppercase();
    Some((number.parse().ok()?, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offer_is_answered_in_its_first_law_that_both_speak() {
        let own = Own {
            media: SocketAddr::from(([192, 0, 2, 1], 4000)),
            id: 1,
            version: 1,
            laws: &[Law::Mu, Law::A],
            direction: Direction::BOTH,
        };
        let agreed = read(offer(&own).as_bytes(), &[Law::A]).unwrap();
        assert_eq!((agreed.law, agreed.payload_type), (Law::A, 8));
        assert_eq!(agreed.events, Some(EVENTS));
        assert_eq!(agreed.remote, own.media);
        let answered = read(answer(&own, &agreed).as_bytes(), &[Law::A, Law::Mu]).unwrap();
        assert_eq!(answered.law, Law::A);
    }

    #[test]
    fn hold_is_seen_from_the_other_side() {
        let own = Own {
            media: SocketAddr::from(([192, 0, 2, 1], 4000)),
            id: 1,
            version: 2,
            laws: &[Law::A],
            direction: Direction::HOLD,
        };
        let agreed = read(offer(&own).as_bytes(), &[Law::A]).unwrap();
        assert!(!agreed.direction.sends && agreed.direction.receives);
    }

    #[test]
    fn other_streams_and_foreign_codecs_are_passed_over() {
        let text = "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n\
                    m=video 5000 RTP/AVP 97\r\nc=IN IP4 192.0.2.10\r\n\
                    m=audio 4000 RTP/AVP 18 8\r\na=sendrecv\r\n";
        let agreed = read(text.as_bytes(), &[Law::A]).unwrap();
        assert_eq!(agreed.remote, SocketAddr::from(([192, 0, 2, 9], 4000)));
        assert_eq!(agreed.payload_type, 8);
        assert!(read(b"v=0\r\n", &[Law::A]).is_none());
    }
}
