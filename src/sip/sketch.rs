//! What may be kept of a message for people to look at later: which it was and how it was meant, never
//! whom it names.
//!
//! Everything here comes out of an allow-list: methods, statuses, numbers of the protocol, options and
//! codecs by names that we know. A phone number, a display name, an address or a proof has no way in.

use std::fmt::Write as _;

use super::message::{Headers, Message, Method, Name, Request, Response};

/// The most digits of a number that is kept: a phone number is longer.
const MAX_DIGITS: usize = 6;

/// Options that are named (RFC 3261 §20.37); others are left out.
const OPTIONS: [&str; 14] = [
    "100rel",
    "timer",
    "replaces",
    "norefersub",
    "outbound",
    "path",
    "gruu",
    "precondition",
    "histinfo",
    "privacy",
    "from-change",
    "tdialog",
    "join",
    "eventlist",
];

/// Static payload types and the names that SDP gives to others (RFC 3551 §6); others are left out.
const CODECS: [&str; 12] = [
    "PCMU",
    "PCMA",
    "GSM",
    "G722",
    "G729",
    "telephone-event",
    "opus",
    "iLBC",
    "speex",
    "CN",
    "AMR",
    "red",
];

/// A message as it may be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sketch {
    /// `INVITE`, or `180 Ringing`.
    pub line: String,
    /// `1 INVITE`.
    pub cseq: String,
    /// Such as `Require: 100rel` and `SDP: audio PCMA telephone-event sendrecv`.
    pub details: Vec<String>,
}

impl Sketch {
    /// Of a message.
    pub fn of(message: &Message) -> Self {
        match message {
            Message::Request(request) => Self::of_request(request),
            Message::Response(response) => Self::of_response(response),
        }
    }

    /// Of a request.
    pub fn of_request(request: &Request) -> Self {
        let line = known(&request.method).to_owned();
        Self::new(line, &request.headers, &request.body)
    }

    /// Of a response; its phrase is ours.
    pub fn of_response(response: &Response) -> Self {
        let reason = super::write::reason(response.status);
        let line = format!("{} {reason}", response.status);
        Self::new(line, &response.headers, &response.body)
    }

    fn new(line: String, headers: &Headers, body: &[u8]) -> Self {
        let cseq = headers.cseq().map_or(String::new(), |cseq| {
            format!("{} {}", cseq.number, known(&cseq.method))
        });
        let mut details = details(headers);
        match headers.content_type().as_deref() {
            Some("application/sdp") => details.push(description(body)),
            Some(kind) if kind.starts_with("message/sipfrag") => details.extend(fragment(body)),
            _ => {}
        }
        Self {
            line,
            cseq,
            details,
        }
    }
}

/// The method's name; one that nobody registered could say anything.
fn known(method: &Method) -> &str {
    match method {
        Method::Other(_) => "(another method)",
        method => method.as_str(),
    }
}

fn details(headers: &Headers) -> Vec<String> {
    let mut details = Vec::new();
    for name in [
        Name::MaxForwards,
        Name::Expires,
        Name::MinExpires,
        Name::SessionExpires,
        Name::MinSe,
        Name::RSeq,
        Name::RetryAfter,
    ] {
        let text = headers.text(name.clone()).unwrap_or_default();
        let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
        if !digits.is_empty() && digits.len() <= MAX_DIGITS {
            let refresher = ["uac", "uas"]
                .into_iter()
                .find(|who| text.contains(&format!("refresher={who}")));
            let refresher = refresher.map_or(String::new(), |who| format!(";refresher={who}"));
            details.push(format!("{name}: {digits}{refresher}"));
        }
    }
    for name in [Name::Require, Name::Supported, Name::Unsupported] {
        let listed = headers.tokens(name.clone());
        let named: Vec<&str> = OPTIONS
            .into_iter()
            .filter(|option| listed.iter().any(|one| one.eq_ignore_ascii_case(option)))
            .collect();
        if !named.is_empty() {
            details.push(format!("{name}: {}", named.join(", ")));
        }
    }
    for name in [
        Name::WwwAuthenticate,
        Name::ProxyAuthenticate,
        Name::Authorization,
        Name::ProxyAuthorization,
    ] {
        if headers.has(name.clone()) {
            details.push(format!("{name}: Digest …"));
        }
    }
    details.extend(cause(headers));
    details
}

/// The number of a Reason (RFC 3326); its text is the peer's.
fn cause(headers: &Headers) -> Option<String> {
    let text = headers.text(Name::Reason)?;
    let protocol = ["SIP", "Q.850"]
        .into_iter()
        .find(|name| text.trim_start().starts_with(name))?;
    let digits: String = text
        .split("cause=")
        .nth(1)?
        .chars()
        .take_while(char::is_ascii_digit)
        .take(3)
        .collect();
    Some(format!("Reason: {protocol};cause={digits}"))
}

/// Media, codecs and directions of a description; no address, no port, no name.
fn description(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let mut told = String::from("SDP:");
    for line in text.lines().map(str::trim_end) {
        if let Some(media) = line.strip_prefix("m=") {
            let kind = ["audio", "video", "image", "text", "application", "message"]
                .into_iter()
                .find(|kind| media.starts_with(kind));
            let _ = write!(told, " {}", kind.unwrap_or("(another medium)"));
            if media.split(' ').nth(1) == Some("0") {
                told.push_str(" refused");
            }
            let mut formats = media.split(' ').skip(3);
            let fixed: Vec<&str> = formats
                .by_ref()
                .filter_map(|format| match format {
                    "0" => Some("PCMU"),
                    "8" => Some("PCMA"),
                    _ => None,
                })
                .collect();
            for codec in fixed {
                let _ = write!(told, " {codec}");
            }
        } else if let Some(map) = line.strip_prefix("a=rtpmap:") {
            let name = map
                .split(' ')
                .nth(1)
                .and_then(|rest| rest.split('/').next());
            let codec = name.and_then(|name| {
                let mut all = CODECS.into_iter().skip(2);
                all.find(|codec| codec.eq_ignore_ascii_case(name))
            });
            if let Some(codec) = codec {
                let _ = write!(told, " {codec}");
            }
        } else if let Some(direction) = ["sendrecv", "sendonly", "recvonly", "inactive"]
            .into_iter()
            .find(|way| line.strip_prefix("a=") == Some(*way))
        {
            let _ = write!(told, " {direction}");
        }
    }
    told
}

/// The status that a NOTIFY of a transfer tells (RFC 3515 §2.4.5).
fn fragment(body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(body);
    let status = text.strip_prefix("SIP/2.0 ")?.get(..3)?;
    let status: u16 = status.parse().ok()?;
    Some(format!("tells: {status} {}", super::write::reason(status)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::parse::parse_datagram;

    const INVITE: &str = "INVITE sip:0501234567@trunk.example SIP/2.0\r\n\
        Via: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bK0501234567\r\n\
        From: \"Leyla\" <sip:+994501234567@192.0.2.7>;tag=0501234567\r\n\
        To: <sip:116111@192.0.2.1>\r\nCall-ID: 0501234567@192.0.2.7\r\nCSeq: 7 INVITE\r\n\
        Max-Forwards: 69\r\nSession-Expires: 1800;refresher=uac\r\nExpires: 0501234567\r\n\
        Supported: timer, 0501234567\r\nRequire: 100rel\r\n\
        Contact: <sip:0501234567@192.0.2.7>\r\nP-Asserted-Identity: <tel:+994501234567>\r\n\
        Subject: Leyla\r\nUser-Agent: Leyla 0501234567\r\nX-0501234567: 0501234567\r\n\
        Reason: Q.850;cause=16;text=\"0501234567\"\r\n\
        Proxy-Authorization: Digest username=\"0501234567\"\r\n\
        Content-Type: application/sdp\r\n\r\n\
        v=0\r\no=Leyla 1 1 IN IP4 192.0.2.7\r\ns=0501234567\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\n\
        m=audio 49170 RTP/AVP 8 0 101\r\na=rtpmap:101 telephone-event/8000\r\n\
        a=rtpmap:97 Leyla/8000\r\na=sendonly\r\nm=video 0 RTP/AVP 31\r\n";

    #[test]
    fn what_a_message_meant_is_told() {
        let message = parse_datagram(INVITE.as_bytes()).unwrap();
        let sketch = Sketch::of(&message);
        assert_eq!(
            (sketch.line.as_str(), sketch.cseq.as_str()),
            ("INVITE", "7 INVITE")
        );
        assert_eq!(
            sketch.details,
            [
                "Max-Forwards: 69",
                "Session-Expires: 1800;refresher=uac",
                "Require: 100rel",
                "Supported: timer",
                "Proxy-Authorization: Digest …",
                "Reason: Q.850;cause=16",
                "SDP: audio PCMA PCMU telephone-event sendonly video refused",
            ]
        );
    }

    #[test]
    fn nothing_that_names_anybody_is_kept() {
        let mut words: Vec<String> = vec![INVITE.to_owned()];
        words.push(
            INVITE
                .replacen("INVITE sip", "0501234567 sip", 1)
                .replace("7 INVITE", "7 0501234567"),
        );
        words.push(format!(
            "SIP/2.0 183 Leyla 0501234567\r\n{}",
            INVITE.split_once("\r\n").unwrap().1
        ));
        for text in words {
            let message = parse_datagram(text.as_bytes()).unwrap();
            let told = format!("{:?}", Sketch::of(&message));
            for private in ["50123", "Leyla", "192.0.2", "116111", "49170"] {
                assert!(!told.contains(private), "{private} in {told}");
            }
        }
    }
}
