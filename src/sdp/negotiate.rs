//! Offer and answer (RFC 3264): one audio stream of G.711 with telephone-events; all else refused
//! per m-line. What we write comes from an allow-list: nothing of one leg passes to another.

use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::crypto::{self, Keying, is_secure};
use super::description::{Description, MediaLine, header};
use crate::rtp::codec::{Codec, Direction};
use crate::rtp::srtp::Crypto;

/// Under which payload type our offers have telephone-events.
const OFFERED_EVENTS: u8 = 101;
/// The profile of our offers. Keys in it are a choice (`a=crypto` may be passed over); the other one
/// wants them.
const PROTOCOL: &str = "RTP/AVP";
const SECURE_PROTOCOL: &str = "RTP/SAVP";
/// RFC 4733 §2.5.1.3: keys 0–9, *, #, A–D.
const EVENTS: &str = "0-15";
/// What the peer gets to hear a packet of, unless it asks for another length.
const PACKET_TIME: Duration = Duration::from_millis(20);

/// Our end of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Local {
    /// What the peer shall read.
    pub address: IpAddr,
    /// RTP; RTCP is one above.
    pub port: u16,
    /// Our codecs, the first preferred; none: what the peer prefers.
    pub codecs: Vec<Codec>,
    /// `o=` id.
    pub id: u64,
    /// `o=` version: one more with each description of a leg.
    pub version: u64,
    /// Whether we want to send and to hear.
    pub direction: Direction,
    /// Under keys, or in the clear.
    pub keying: Keying,
}

/// What was agreed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Negotiated {
    /// Where the peer wants RTP.
    pub remote: SocketAddr,
    /// Where it wants RTCP.
    pub remote_rtcp: SocketAddr,
    /// What we send.
    pub codec: Codec,
    /// Under which type.
    pub payload_type: u8,
    /// What may come: type and codec.
    pub accepts: Vec<(u8, Codec)>,
    /// Telephone-events as we send them.
    pub event_type: Option<u8>,
    /// Telephone-events as they come.
    pub event_type_in: Option<u8>,
    /// How long the packets are that the peer wants.
    pub packet_time: Duration,
    /// Who sends, seen from us.
    pub direction: Direction,
    /// The peer holds us: it does not want to hear what we would bridge to it, or sends music.
    pub held: bool,
    /// The keys of both directions; `None`: in the clear.
    pub crypto: Option<Crypto>,
}

/// Nothing in the description that we can talk by: 488.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "no audio stream with G.711 over RTP at a known address, under keys where they are required"
)]
pub struct NotAcceptable;

/// A payload type that names a codec of ours, by rtpmap or statically.
fn codec_of(line: &MediaLine, format: &str) -> Option<Codec> {
    let number: u8 = format.parse().ok().filter(|number| *number < 128)?;
    match line.mapping(format) {
        Some((encoding, rate)) => Codec::ALL
            .into_iter()
            .find(|codec| rate == "8000" && encoding.eq_ignore_ascii_case(codec.encoding())),
        None => Codec::ALL
            .into_iter()
            .find(|codec| codec.static_type() == number),
    }
}

fn event_type(line: &MediaLine) -> Option<u8> {
    let is_event = |format: &&String| {
        let mapping = line.mapping(format);
        mapping.is_some_and(|(name, rate)| {
            name.eq_ignore_ascii_case("telephone-event") && rate == "8000"
        })
    };
    line.formats
        .iter()
        .find(is_event)?
        .parse()
        .ok()
        .filter(|number| *number < 128)
}

fn is_usable(line: &MediaLine) -> bool {
    line.kind == "audio"
        && line.port != 0
        && matches!(
            line.protocol.as_str(),
            "RTP/AVP" | "RTP/AVPF" | "RTP/SAVP" | "RTP/SAVPF"
        )
        && line.address.is_some()
        && line
            .formats
            .iter()
            .any(|format| codec_of(line, format).is_some())
}

/// What a usable line comes to, `wanted` being our own wish.
fn agree(line: &MediaLine, wanted: Direction, mux: bool) -> Option<Negotiated> {
    let address = line.address?;
    let accepts: Vec<(u8, Codec)> = line
        .formats
        .iter()
        .filter_map(|format| Some((format.parse().ok()?, codec_of(line, format)?)))
        .collect();
    let (payload_type, codec) = *accepts.first()?;
    // RFC 2543 held a stream by the null address (RFC 3264 §8.4).
    let nulled = address.is_unspecified();
    let theirs = if nulled {
        Direction::Inactive
    } else {
        line.direction
    };
    let mirrored = theirs.mirrored();
    let direction = Direction::of(
        mirrored.sends() && wanted.sends(),
        mirrored.receives() && wanted.receives(),
    );
    let events = event_type(line);
    Some(Negotiated {
        remote: SocketAddr::new(address, line.port),
        remote_rtcp: rtcp_address(line, address, mux),
        codec,
        payload_type,
        accepts,
        event_type: events,
        event_type_in: events,
        packet_time: packet_time(line),
        direction,
        held: theirs != Direction::SendRecv,
        crypto: None,
    })
}

/// `a=rtcp` (RFC 3605), `a=rtcp-mux` (RFC 5761), else the next port.
fn rtcp_address(line: &MediaLine, address: IpAddr, mux: bool) -> SocketAddr {
    if mux && line.attribute("rtcp-mux").is_some() {
        return SocketAddr::new(address, line.port);
    }
    let named = line.attribute("rtcp").and_then(|value| {
        let mut words = value.split_ascii_whitespace();
        let port = words.next()?.parse().ok()?;
        let host = words.nth(2).and_then(|host| host.parse().ok());
        Some(SocketAddr::new(host.unwrap_or(address), port))
    });
    named.unwrap_or(SocketAddr::new(address, line.port.saturating_add(1)))
}

/// 10–60 ms in steps of 10, 20 where nothing or nonsense is said.
fn packet_time(line: &MediaLine) -> Duration {
    let asked = line
        .attribute("ptime")
        .and_then(|text| text.trim().parse::<u64>().ok());
    match asked {
        Some(ms @ (10 | 20 | 30 | 40 | 50 | 60)) => Duration::from_millis(ms),
        _ => PACKET_TIME,
    }
}

/// How an audio line of ours is to be written.
struct Form<'a> {
    /// That of the offer: an answer must not change it (RFC 3264 §6).
    protocol: &'a str,
    mux: bool,
    /// `a=crypto`, whole.
    crypto: Option<String>,
}

fn audio_lines(text: &mut String, local: &Local, agreed: &Negotiated, form: &Form<'_>) {
    let _ = write!(text, "m=audio {} {}", local.port, form.protocol);
    for (number, _) in &agreed.accepts {
        let _ = write!(text, " {number}");
    }
    if let Some(events) = agreed.event_type_in {
        let _ = write!(text, " {events}");
    }
    text.push_str("\r\n");
    for (number, codec) in &agreed.accepts {
        let _ = write!(text, "a=rtpmap:{number} {}/8000\r\n", codec.encoding());
    }
    if let Some(events) = agreed.event_type_in {
        let _ = write!(
            text,
            "a=rtpmap:{events} telephone-event/8000\r\na=fmtp:{events} {EVENTS}\r\n"
        );
    }
    let _ = write!(
        text,
        "a=ptime:{}\r\na={}\r\n",
        agreed.packet_time.as_millis(),
        agreed.direction.attribute()
    );
    if form.mux {
        text.push_str("a=rtcp-mux\r\n");
    }
    text.push_str(form.crypto.as_deref().unwrap_or_default());
}

/// The line to take: the first that comes to keys, where they are wanted; else the first in the clear.
fn choose(offer: &Description, keying: &Keying) -> Option<(usize, Option<(String, Crypto)>)> {
    let usable = || {
        offer
            .media
            .iter()
            .enumerate()
            .filter(|(_, line)| is_usable(line))
    };
    let keyed = usable().find_map(|(at, line)| Some((at, Some(keying.answer(line)?))));
    let mut clear =
        usable().filter(|(_, line)| keying.allows_clear() && !is_secure(&line.protocol));
    keyed.or_else(|| clear.next().map(|(at, _)| (at, None)))
}

/// Answers an offer: the first usable audio line is taken, each other line refused with port 0, in
/// the offer's order (RFC 3264 §6).
///
/// # Errors
/// [`NotAcceptable`] where no line can be used.
pub fn answer(offer: &Description, local: &Local) -> Result<(Vec<u8>, Negotiated), NotAcceptable> {
    let (taken, keyed) = choose(offer, &local.keying).ok_or(NotAcceptable)?;
    let line = offer.media.get(taken).ok_or(NotAcceptable)?;
    let mut agreed = agree(line, local.direction, true).ok_or(NotAcceptable)?;
    prefer(&mut agreed, &local.codecs)?;
    let (crypto, keys) = keyed.unzip();
    agreed.crypto = keys;
    let form = Form {
        protocol: &line.protocol,
        mux: line.attribute("rtcp-mux").is_some(),
        crypto,
    };
    let mut text = header(local.address, local.id, local.version);
    for (at, line) in offer.media.iter().enumerate() {
        if at == taken {
            audio_lines(&mut text, local, &agreed, &form);
        } else {
            refuse(&mut text, line);
        }
    }
    Ok((text.into_bytes(), agreed))
}

/// A line that stays with port 0 (RFC 3264 §6, §8.2).
fn refuse(text: &mut String, line: &MediaLine) {
    let _ = write!(text, "m={} 0 {}", line.kind, line.protocol);
    for format in &line.formats {
        let _ = write!(text, " {format}");
    }
    text.push_str("\r\n");
}

/// Our offer: A-law, µ-law and telephone-events. Where keys are a choice, they stand in the plain
/// profile: who knows no `a=crypto` passes it over, and nobody has to be asked twice.
pub fn offer(local: &Local) -> Vec<u8> {
    let mut text = header(local.address, local.id, local.version);
    let form = Form {
        protocol: match local.keying.allows_clear() {
            true => PROTOCOL,
            false => SECURE_PROTOCOL,
        },
        mux: false,
        crypto: local.keying.offer(),
    };
    audio_lines(&mut text, local, &all(local, OFFERED_EVENTS), &form);
    text.into_bytes()
}

/// Our offer in a dialog whose last description of ours is `last`: its lines stay in their places, its
/// refused lines refused, our key and the number of telephone-events are what they were (RFC 3264 §8,
/// §8.3.2).
pub fn offer_again(last: &Description, local: &Local) -> Vec<u8> {
    let Some(ours) = last.media.iter().position(is_usable) else {
        return offer(local);
    };
    let mut text = header(local.address, local.id, local.version);
    for (at, line) in last.media.iter().enumerate() {
        if at == ours {
            let whole = all(local, event_type(line).unwrap_or(OFFERED_EVENTS));
            let crypto = line.attribute("crypto");
            let form = Form {
                protocol: &line.protocol,
                mux: line.attribute("rtcp-mux").is_some(),
                crypto: crypto.map(|value| format!("a=crypto:{value}\r\n")),
            };
            audio_lines(&mut text, local, &whole, &form);
        } else {
            refuse(&mut text, line);
        }
    }
    text.into_bytes()
}

/// Our codecs in our order; where none are set, as the peer prefers (RFC 3264 §6.1).
fn prefer(agreed: &mut Negotiated, codecs: &[Codec]) -> Result<(), NotAcceptable> {
    if codecs.is_empty() {
        return Ok(());
    }
    let place = |(_, codec): &(u8, Codec)| codecs.iter().position(|one| one == codec);
    agreed.accepts.retain(|one| place(one).is_some());
    agreed.accepts.sort_by_key(place);
    let first = agreed.accepts.first().ok_or(NotAcceptable)?;
    (agreed.payload_type, agreed.codec) = *first;
    Ok(())
}

/// All that we can, as our offers say it.
fn all(local: &Local, events: u8) -> Negotiated {
    let codecs = match local.codecs.as_slice() {
        [] => Codec::ALL.as_slice(),
        set => set,
    };
    let first = codecs.first().copied().unwrap_or(Codec::Pcma);
    Negotiated {
        remote: SocketAddr::new(local.address, 0),
        remote_rtcp: SocketAddr::new(local.address, 0),
        codec: first,
        payload_type: first.static_type(),
        accepts: codecs
            .iter()
            .map(|codec| (codec.static_type(), *codec))
            .collect(),
        event_type: Some(events),
        event_type_in: Some(events),
        packet_time: PACKET_TIME,
        direction: local.direction,
        held: false,
        crypto: None,
    }
}

/// Reads the answer to an offer of ours, in the place where that has its audio line.
///
/// # Errors
/// [`NotAcceptable`] where the audio line was refused or cannot be used, or names no key though one is
/// required.
pub fn read_answer(
    answer: &Description,
    offered: &Description,
) -> Result<Negotiated, NotAcceptable> {
    let place = offered.media.iter().position(is_usable);
    let place = place.ok_or(NotAcceptable)?;
    let ours = offered.media.get(place).ok_or(NotAcceptable)?;
    let mux = ours.attribute("rtcp-mux").is_some();
    let offered = agree(ours, Direction::SendRecv, mux).ok_or(NotAcceptable)?;
    let line = answer.media.get(place).filter(|line| is_usable(line));
    // An answer cannot ask for what was not offered (RFC 5761 §5.1.1).
    let mut agreed = line
        .and_then(|line| agree(line, ours.direction, mux))
        .ok_or(NotAcceptable)?;
    // What comes to us is numbered as we offered it (RFC 3264 §6.1), whatever the answer lists.
    agreed.accepts = offered.accepts;
    agreed.event_type_in = agreed.event_type.and(offered.event_type_in);
    let theirs = line.ok_or(NotAcceptable)?;
    agreed.crypto = crypto::agreed(ours, theirs);
    let keyless = agreed.crypto.is_none();
    if keyless && (is_secure(&ours.protocol) || is_secure(&theirs.protocol)) {
        return Err(NotAcceptable);
    }
    Ok(agreed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local() -> Local {
        Local {
            address: IpAddr::from([203, 0, 113, 5]),
            port: 20_000,
            id: 7,
            version: 1,
            direction: Direction::SendRecv,
            keying: Keying::OFF,
            codecs: Vec::new(),
        }
    }

    fn described(lines: &str) -> Description {
        let text = format!(
            "v=0\r\no=x 1 1 IN IP4 192.0.2.9\r\ns=call\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n{lines}"
        );
        Description::parse(text.as_bytes()).unwrap()
    }

    fn answered(lines: &str) -> (String, Negotiated) {
        let (text, agreed) = answer(&described(lines), &local()).unwrap();
        (String::from_utf8(text).unwrap(), agreed)
    }

    #[test]
    fn the_callers_codec_order_and_event_type_are_taken() {
        let (text, agreed) = answered(
            "m=audio 4000 RTP/AVP 111 0 8 97\r\na=rtpmap:111 opus/48000/2\r\n\
             a=rtpmap:97 telephone-event/8000\r\na=ptime:30\r\n",
        );
        assert_eq!((agreed.codec, agreed.payload_type), (Codec::Pcmu, 0));
        assert_eq!(agreed.event_type, Some(97));
        assert_eq!(agreed.packet_time, Duration::from_millis(30));
        assert_eq!(agreed.remote, "192.0.2.9:4000".parse().unwrap());
        assert_eq!(agreed.remote_rtcp.port(), 4001);
        assert!(text.contains("m=audio 20000 RTP/AVP 0 8 97\r\n"), "{text}");
        assert!(
            !text.contains("192.0.2.9"),
            "nothing of the caller's is repeated: {text}"
        );
    }

    #[test]
    fn video_and_fax_are_refused_line_by_line_and_the_call_goes_on() {
        let (text, agreed) = answered(
            "m=image 5000 udptl t38\r\nm=audio 4000 RTP/AVP 8\r\nm=video 4002 RTP/AVP 96 97\r\n",
        );
        let lines: Vec<_> = text.lines().filter(|line| line.starts_with("m=")).collect();
        assert_eq!(
            lines,
            [
                "m=image 0 udptl t38",
                "m=audio 20000 RTP/AVP 8",
                "m=video 0 RTP/AVP 96 97"
            ]
        );
        assert_eq!(agreed.codec, Codec::Pcma);
    }

    #[test]
    fn the_offers_profile_is_kept() {
        let (text, _) = answered("m=audio 4000 RTP/AVPF 8\r\n");
        assert!(text.contains("m=audio 20000 RTP/AVPF 8\r\n"), "{text}");
    }

    #[test]
    fn hold_is_mirrored_in_all_its_forms() {
        for (theirs, ours) in [
            ("sendonly", Direction::RecvOnly),
            ("recvonly", Direction::SendOnly),
            ("inactive", Direction::Inactive),
        ] {
            let (text, agreed) = answered(&format!("m=audio 4000 RTP/AVP 8\r\na={theirs}\r\n"));
            assert_eq!(agreed.direction, ours);
            assert!(agreed.held && text.contains(&format!("a={}\r\n", ours.attribute())));
        }
        let (_, nulled) = answered("m=audio 4000 RTP/AVP 8\r\nc=IN IP4 0.0.0.0\r\n");
        assert_eq!(nulled.direction, Direction::Inactive);
    }

    #[test]
    fn without_common_audio_nothing_is_agreed() {
        for lines in [
            "m=audio 4000 RTP/AVP 18\r\n",
            "m=audio 4000 RTP/SAVP 8\r\n",
            "m=audio 0 RTP/AVP 8\r\n",
            "m=video 4000 RTP/AVP 31\r\n",
            "m=audio 4000 RTP/AVP 8\r\na=rtpmap:8 opus/48000\r\n",
        ] {
            assert_eq!(
                answer(&described(lines), &local()),
                Err(NotAcceptable),
                "{lines}"
            );
        }
    }

    #[test]
    fn an_answer_of_ours_is_read_by_our_offer() {
        let ours = Description::parse(&offer(&local())).unwrap();
        let (text, theirs) = answer(
            &ours,
            &Local {
                port: 30_000,
                ..local()
            },
        )
        .unwrap();
        let agreed = read_answer(&Description::parse(&text).unwrap(), &ours).unwrap();
        assert_eq!((agreed.codec, theirs.codec), (Codec::Pcma, Codec::Pcma));
        assert_eq!(agreed.event_type, Some(101));
        assert_eq!(agreed.remote.port(), 30_000);
        assert!(!agreed.held);
    }

    #[test]
    fn a_later_offer_keeps_the_lines_and_numbers_of_the_dialog() {
        let (answer, _) = answered(
            "m=video 4002 RTP/AVP 96\r\nm=audio 4000 RTP/AVPF 8 97\r\na=rtpmap:97 telephone-event/8000\r\n",
        );
        let last = Description::parse(answer.as_bytes()).unwrap();
        let offer = offer_again(&last, &local());
        let text = String::from_utf8(offer.clone()).unwrap();
        let lines: Vec<_> = text.lines().filter(|line| line.starts_with("m=")).collect();
        assert_eq!(
            lines,
            ["m=video 0 RTP/AVP 96", "m=audio 20000 RTP/AVPF 8 0 97"]
        );
        let theirs = described(
            "m=video 0 RTP/AVP 96\r\nm=audio 4000 RTP/AVPF 0 97\r\na=rtpmap:97 telephone-event/8000\r\n",
        );
        let agreed = read_answer(&theirs, &Description::parse(&offer).unwrap()).unwrap();
        assert_eq!(
            (agreed.codec, agreed.event_type_in),
            (Codec::Pcmu, Some(97))
        );
        let refused = described("m=video 0 RTP/AVP 96\r\nm=audio 0 RTP/AVPF 0\r\n");
        let offered = Description::parse(&offer).unwrap();
        assert_eq!(read_answer(&refused, &offered), Err(NotAcceptable));
    }

    #[test]
    fn reports_share_the_port_only_where_the_peer_offered_it() {
        let line = "m=audio 4000 RTP/AVP 8\r\na=rtcp-mux\r\n";
        let (text, agreed) = answered(line);
        assert!(text.contains("a=rtcp-mux\r\n"));
        assert_eq!(agreed.remote_rtcp, agreed.remote);
        let ours = Description::parse(&offer(&local())).unwrap();
        let unasked = read_answer(&described(line), &ours).unwrap();
        assert_eq!(unasked.remote_rtcp.port(), 4001);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let mut text = b"v=0\r\nm=audio 1 RTP/AVP 8\r\n".to_vec();
            text.extend(bytes);
            if let Ok(description) = Description::parse(&text) {
                let _ = answer(&description, &local());
            }
        }
    }
}
