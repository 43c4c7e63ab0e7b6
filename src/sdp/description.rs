//! The part of RFC 8866 that audio needs, read leniently and written strictly.

use std::fmt::Write;
use std::net::IpAddr;

use crate::rtp::codec::Direction;

/// The longest description.
const MAX_LENGTH: usize = 16 * 1024;
/// The most m-lines: audio, video, a screen, a fax, and room.
const MAX_MEDIA: usize = 16;
/// The most lines.
const MAX_LINES: usize = 512;

/// Why a description cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SdpFault {
    /// Above our limits.
    #[error("the description is too large")]
    TooLarge,
    /// RFC 8866 §5: `v=0` comes first.
    #[error("the description does not begin with v=0")]
    BadVersion,
    /// A line without a letter and `=`, or a c-, m- line against its grammar.
    #[error("line {0} of the description cannot be read")]
    BadLine(usize),
    /// Nothing to talk by.
    #[error("the description has no m-line")]
    NoMedia,
}

/// One m-line with its attributes, as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaLine {
    /// `audio`, `video`, `image`, …
    pub kind: String,
    /// 0: refused or ended.
    pub port: u16,
    /// `RTP/AVP`, `udptl`, …
    pub protocol: String,
    /// Payload types, or what else the protocol has.
    pub formats: Vec<String>,
    /// Its own c-line or that of the description; `None`: a name, or none.
    pub address: Option<IpAddr>,
    /// `a=` lines of this m-line, without `a=`.
    pub attributes: Vec<String>,
    /// `a=sendrecv` and the like, of the line or else of the description.
    pub direction: Direction,
}

impl MediaLine {
    /// The value of the first attribute of that name; empty where it has none.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find_map(|line| match line.split_once(':') {
                Some((one, value)) if one == name => Some(value),
                None if line == name => Some(""),
                _ => None,
            })
    }

    /// The values of all attributes of that name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let named = |line: &'a String| line.split_once(':');
        let lines = self.attributes.iter().filter_map(named);
        lines.filter_map(move |(one, value)| (one == name).then_some(value))
    }

    /// What `a=rtpmap` says of a payload type: encoding and clock rate.
    pub fn mapping(&self, payload_type: &str) -> Option<(&str, &str)> {
        self.attributes.iter().find_map(|line| {
            let rest = line.strip_prefix("rtpmap:")?;
            let (number, encoding) = rest.split_once(' ')?;
            if number.trim() != payload_type {
                return None;
            }
            let mut parts = encoding.trim().split('/');
            Some((parts.next()?, parts.next().unwrap_or("")))
        })
    }
}

/// A description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// In their order, which an answer must keep.
    pub media: Vec<MediaLine>,
}

impl Description {
    /// Reads a description. Lines that we do not know are passed over (RFC 8866 §5).
    ///
    /// # Errors
    /// See [`SdpFault`].
    pub fn parse(bytes: &[u8]) -> Result<Self, SdpFault> {
        if bytes.len() > MAX_LENGTH {
            return Err(SdpFault::TooLarge);
        }
        let text = String::from_utf8_lossy(bytes);
        let mut lines = text.lines().enumerate();
        if lines
            .next()
            .is_none_or(|(_, line)| line.trim_end() != "v=0")
        {
            return Err(SdpFault::BadVersion);
        }
        let (mut address, mut direction) = (None, Direction::SendRecv);
        let mut media: Vec<MediaLine> = Vec::new();
        for (at, line) in lines {
            let line = line.trim_end();
            if line.is_empty() {
                continue;
            }
            if at > MAX_LINES || media.len() > MAX_MEDIA {
                return Err(SdpFault::TooLarge);
            }
            let fault = SdpFault::BadLine(at + 1);
            let (kind, value) = line.split_once('=').ok_or(fault.clone())?;
            match (kind, media.last_mut()) {
                ("c", None) => address = connection(value).ok_or(fault)?,
                ("c", Some(last)) => last.address = connection(value).ok_or(fault)?,
                ("a", None) => direction = direction_of(value).unwrap_or(direction),
                ("a", Some(last)) => {
                    last.direction = direction_of(value).unwrap_or(last.direction);
                    last.attributes.push(value.to_owned());
                }
                ("m", _) => media.push(media_line(value, address, direction).ok_or(fault)?),
                _ if kind.len() == 1 => {}
                _ => return Err(fault),
            }
        }
        if media.is_empty() {
            Err(SdpFault::NoMedia)
        } else {
            Ok(Self { media })
        }
    }
}

/// `IN IP4 192.0.2.1`; a host name is not looked up and counts as unknown.
fn connection(value: &str) -> Option<Option<IpAddr>> {
    let mut words = value.split_ascii_whitespace();
    let (Some("IN"), Some("IP4" | "IP6"), Some(address)) =
        (words.next(), words.next(), words.next())
    else {
        return None;
    };
    Some(
        address
            .split('/')
            .next()
            .and_then(|plain| plain.parse().ok())
            // An IPv4 socket cannot send to `::ffff:192.0.2.1` (RFC 5118 §4.9).
            .map(|address: IpAddr| address.to_canonical()),
    )
}

fn direction_of(attribute: &str) -> Option<Direction> {
    [
        Direction::SendRecv,
        Direction::SendOnly,
        Direction::RecvOnly,
        Direction::Inactive,
    ]
    .into_iter()
    .find(|direction| direction.attribute() == attribute)
}

fn media_line(value: &str, address: Option<IpAddr>, direction: Direction) -> Option<MediaLine> {
    let mut words = value.split_ascii_whitespace();
    let kind = words.next()?.to_owned();
    let port = words.next()?.split('/').next()?.parse().ok()?;
    let protocol = words.next()?.to_owned();
    let formats = words.map(ToOwned::to_owned).collect();
    Some(MediaLine {
        kind,
        port,
        protocol,
        formats,
        address,
        attributes: Vec::new(),
        direction,
    })
}

/// The lines before the first m-line.
pub(super) fn header(address: IpAddr, id: u64, version: u64) -> String {
    let family = if address.is_ipv4() { "IP4" } else { "IP6" };
    let mut text = String::with_capacity(320);
    // Writing to a string cannot fail.
    let _ = write!(
        text,
        "v=0\r\no=- {id} {version} IN {family} {address}\r\ns=-\r\nc=IN {family} {address}\r\nt=0 0\r\n"
    );
    text
}
