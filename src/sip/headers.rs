//! Typed readings of the headers that we act on.

use std::fmt;
use std::time::Duration;

use super::fault::Fault;
use super::message::{Headers, Method, Name, required};
use super::reliable::RAck;
use super::session_timer::{Refresher, SessionExpires};
use super::uri::{Host, Parameter, Uri, host_and_port};

/// The most Via values that are read; more is a loop or an attack (§16.3 has 70 hops).
const MAX_VIAS: usize = 70;
/// The most contacts of one message.
const MAX_CONTACTS: usize = 32;

fn bad(name: &Name, what: &'static str) -> Fault {
    Fault::BadHeader {
        name: name.clone(),
        what,
    }
}

/// `;name=value` pieces outside quotes, white space around separators allowed (§7.3.1).
fn parameters(text: &str, name: &Name) -> Result<Vec<Parameter>, Fault> {
    let mut out = Vec::new();
    let mut rest = text.trim();
    while let Some(after) = rest.strip_prefix(';') {
        let end = end_of_parameter(after);
        let piece = after[..end].trim();
        rest = after[end..].trim_start();
        let (key, value) = match piece.split_once('=') {
            Some((key, value)) => (key.trim(), Some(value.trim())),
            None => (piece, None),
        };
        if key.is_empty() || value == Some("") {
            return Err(bad(name, "an empty parameter"));
        }
        out.push((key.to_owned(), value.map(ToOwned::to_owned)));
    }
    if rest.is_empty() {
        Ok(out)
    } else {
        Err(bad(name, "text after the parameters"))
    }
}

fn end_of_parameter(text: &str) -> usize {
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b';' if !quoted => return at,
            _ => {}
        }
    }
    text.len()
}

fn find<'a>(parameters: &'a [Parameter], name: &str) -> Option<&'a str> {
    let same = |(one, _): &&Parameter| one.eq_ignore_ascii_case(name);
    parameters
        .iter()
        .find(same)
        .map(|(_, value)| value.as_deref().unwrap_or(""))
}

fn write_parameters(f: &mut fmt::Formatter<'_>, parameters: &[Parameter]) -> fmt::Result {
    for (name, value) in parameters {
        match value {
            Some(value) => write!(f, ";{name}={value}")?,
            None => write!(f, ";{name}")?,
        }
    }
    Ok(())
}

/// A name and an address: From, To, Contact, Route, P-Asserted-Identity (§20.10).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameAddr {
    /// What is shown, quotes and escapes undone.
    pub display: Option<String>,
    /// Who.
    pub uri: Uri,
    /// Header parameters such as `tag` and `expires`.
    pub parameters: Vec<Parameter>,
}

impl NameAddr {
    /// Reads one value.
    ///
    /// # Errors
    /// Open quotes or brackets, or an unreadable URI.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        Self::read(text, &Name::Contact)
    }

    fn read(text: &str, name: &Name) -> Result<Self, Fault> {
        let text = text.trim();
        let (display, rest) = if let Some(quoted) = text.strip_prefix('"') {
            let (display, after) = unquote(quoted).ok_or_else(|| bad(name, "open quotes"))?;
            (Some(display), after.trim_start())
        } else {
            match text.find('<') {
                Some(0) | None => (None, text),
                Some(at) => (Some(text[..at].trim().to_owned()), &text[at..]),
            }
        };
        let bracketed = rest.starts_with('<');
        let (uri, rest) = match rest.strip_prefix('<') {
            Some(inside) => inside
                .split_once('>')
                .ok_or_else(|| bad(name, "an open bracket"))?,
            None if display.is_some() => return Err(bad(name, "no address in brackets")),
            // Without brackets, parameters belong to the header (§20.10).
            None => rest.split_at(rest.find(';').unwrap_or(rest.len())),
        };
        if !bracketed && uri.contains(['?', ',']) {
            return Err(bad(name, "an address with ? or , needs brackets")); // §20.
        }
        let uri = Uri::parse(uri).map_err(|_| bad(name, "the URI"))?;
        Ok(Self {
            display,
            uri,
            parameters: parameters(rest, name)?,
        })
    }

    /// The tag, if there is one.
    pub fn tag(&self) -> Option<&str> {
        find(&self.parameters, "tag").filter(|tag| !tag.is_empty())
    }

    /// Sets or replaces the tag.
    pub fn set_tag(&mut self, tag: &str) {
        self.parameters
            .retain(|(name, _)| !name.eq_ignore_ascii_case("tag"));
        self.parameters
            .push(("tag".to_owned(), Some(tag.to_owned())));
    }

    /// A header parameter; empty where it has no value.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        find(&self.parameters, name)
    }
}

impl fmt::Display for NameAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(display) = &self.display {
            write!(f, "{} ", quote(display))?;
        }
        write!(f, "<{}>", self.uri)?;
        write_parameters(f, &self.parameters)
    }
}

/// A quoted string (§25.1).
pub fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for letter in text.chars() {
        if matches!(letter, '"' | '\\') {
            out.push('\\');
        }
        out.push(letter);
    }
    out.push('"');
    out
}

/// The inside of a quoted string whose opening quote is gone, and what follows it.
pub(super) fn unquote(text: &str) -> Option<(String, &str)> {
    let (mut out, mut escaped) = (String::new(), false);
    for (at, letter) in text.char_indices() {
        match letter {
            _ if escaped => {
                out.push(letter);
                escaped = false;
            }
            '\\' => escaped = true,
            '"' => return Some((out, &text[at + 1..])),
            _ => out.push(letter),
        }
    }
    None
}

/// One hop of a request's way (§20.42).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Via {
    /// `UDP`, `TCP`, `TLS`, … as it came.
    pub transport: String,
    /// Who sent it.
    pub host: Host,
    /// From which port, if not the default.
    pub port: Option<u16>,
    /// `branch`, `received`, `rport` and more.
    pub parameters: Vec<Parameter>,
}

impl Via {
    /// Reads one value.
    ///
    /// # Errors
    /// Against the grammar of §25.1.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let fault = |what| bad(&Name::Via, what);
        let (head, rest) = text.split_at(text.find(';').unwrap_or(text.len()));
        let mut protocol = head.splitn(3, '/').map(str::trim);
        let (Some(sip), Some(version), Some(rest_of_head)) =
            (protocol.next(), protocol.next(), protocol.next())
        else {
            return Err(fault("the protocol"));
        };
        if !sip.eq_ignore_ascii_case("SIP") || version != "2.0" {
            return Err(fault("the protocol"));
        }
        let (transport, sent_by) = rest_of_head
            .split_once(char::is_whitespace)
            .ok_or_else(|| fault("no sent-by"))?;
        // White space may stand around the colon (§25.1, HCOLON).
        let sent_by: String = sent_by.chars().filter(|c| !c.is_whitespace()).collect();
        let (host, port) = host_and_port(&sent_by).map_err(|_| fault("the sent-by"))?;
        let parameters = parameters(rest, &Name::Via)?;
        Ok(Self {
            transport: transport.to_owned(),
            host,
            port,
            parameters,
        })
    }

    /// The branch; empty for peers of RFC 2543 that send none.
    pub fn branch(&self) -> &str {
        find(&self.parameters, "branch").unwrap_or("")
    }

    /// A parameter; empty where it has no value.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        find(&self.parameters, name)
    }

    /// Replaces a parameter, or adds it.
    pub fn set_parameter(&mut self, name: &str, value: String) {
        match self
            .parameters
            .iter_mut()
            .find(|(one, _)| one.eq_ignore_ascii_case(name))
        {
            Some((_, old)) => *old = Some(value),
            None => self.parameters.push((name.to_owned(), Some(value))),
        }
    }

    /// `host:port` as far as given, in lower case: part of the transaction's key (§17.2.3).
    pub fn sent_by(&self) -> String {
        match self.port {
            Some(port) => format!("{}:{port}", self.host).to_ascii_lowercase(),
            None => self.host.to_string().to_ascii_lowercase(),
        }
    }
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SIP/2.0/{} {}", self.transport, self.host)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        write_parameters(f, &self.parameters)
    }
}

/// A request's number (§20.16).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CSeq {
    /// Below 2³¹ (§8.1.1.5).
    pub number: u32,
    /// Of which method.
    pub method: Method,
}

/// The Contact headers of a REGISTER (§10.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Contacts {
    /// `*`: all of them.
    All,
    /// These; may be none.
    List(Vec<NameAddr>),
}

fn number(text: &str, name: &Name) -> Result<u32, Fault> {
    let text = text.trim();
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse()
        .ok()
        .filter(|_| plain)
        .ok_or_else(|| bad(name, "the number"))
}

impl Headers {
    /// All Via values, topmost first.
    ///
    /// # Errors
    /// None, too many, or an unreadable one.
    pub fn vias(&self) -> Result<Vec<Via>, Fault> {
        let vias: Vec<Via> = self
            .all(Name::Via)
            .take(MAX_VIAS + 1)
            .map(|text| Via::parse(&text))
            .collect::<Result<_, _>>()?;
        match vias.len() {
            0 => Err(Fault::MissingHeader(Name::Via)),
            count if count > MAX_VIAS => Err(Fault::TooLarge("more than 70 Via values")),
            _ => Ok(vias),
        }
    }

    /// The topmost Via.
    ///
    /// # Errors
    /// None, or an unreadable one.
    pub fn via(&self) -> Result<Via, Fault> {
        let first = self
            .all(Name::Via)
            .next()
            .ok_or(Fault::MissingHeader(Name::Via))?;
        Via::parse(&first)
    }

    /// Who asks.
    ///
    /// # Errors
    /// Missing or unreadable.
    pub fn from(&self) -> Result<NameAddr, Fault> {
        NameAddr::read(&required(self, &Name::From)?, &Name::From)
    }

    /// Who is asked.
    ///
    /// # Errors
    /// Missing or unreadable.
    pub fn to(&self) -> Result<NameAddr, Fault> {
        NameAddr::read(&required(self, &Name::To)?, &Name::To)
    }

    /// The Call-ID.
    ///
    /// # Errors
    /// Missing, empty, or not text.
    pub fn call_id(&self) -> Result<&str, Fault> {
        let value = self
            .first(&Name::CallId)
            .ok_or(Fault::MissingHeader(Name::CallId))?;
        match std::str::from_utf8(value) {
            Ok(text) if !text.is_empty() => Ok(text),
            _ => Err(bad(&Name::CallId, "not a word")),
        }
    }

    /// The request's number.
    ///
    /// # Errors
    /// Missing, not a number below 2³¹, or without a method.
    pub fn cseq(&self) -> Result<CSeq, Fault> {
        let text = required(self, &Name::CSeq)?;
        let (digits, method) = text
            .trim()
            .split_once(|c: char| c.is_ascii_whitespace())
            .ok_or_else(|| bad(&Name::CSeq, "no method"))?;
        let number = number(digits, &Name::CSeq)?;
        if number >= 1 << 31 {
            return Err(bad(&Name::CSeq, "the number is not below 2^31"));
        }
        Ok(CSeq {
            number,
            method: Method::from(method.trim()),
        })
    }

    /// Hops left; `None`: the header is missing.
    ///
    /// # Errors
    /// Not a number up to 255.
    pub fn max_forwards(&self) -> Result<Option<u8>, Fault> {
        self.text(Name::MaxForwards)
            .map(|text| {
                let number = number(&text, &Name::MaxForwards)?;
                u8::try_from(number).map_err(|_| bad(&Name::MaxForwards, "above 255"))
            })
            .transpose()
    }

    /// The Contact values.
    ///
    /// # Errors
    /// An unreadable one, `*` beside others, or too many.
    pub fn contacts(&self) -> Result<Contacts, Fault> {
        let values: Vec<_> = self
            .all(Name::Contact)
            .filter(|value| !value.is_empty())
            .take(MAX_CONTACTS + 1)
            .collect();
        if values.len() > MAX_CONTACTS {
            return Err(Fault::TooLarge("more than 32 contacts"));
        }
        if values.iter().any(|value| value == "*") {
            return match values.len() {
                1 => Ok(Contacts::All),
                _ => Err(bad(&Name::Contact, "* beside others")),
            };
        }
        values
            .iter()
            .map(|value| NameAddr::read(value, &Name::Contact))
            .collect::<Result<_, _>>()
            .map(Contacts::List)
    }

    /// Expires in seconds; values above 2³²−1 count as that (§20.19), unreadable ones as absent
    /// (§10.2.1.1 lets a registrar take its own default).
    pub fn expires(&self) -> Option<Duration> {
        let text = self.text(Name::Expires)?;
        seconds(&text)
    }

    /// What a PRACK acknowledges.
    ///
    /// # Errors
    /// Missing or unreadable.
    pub fn rack(&self) -> Result<RAck, Fault> {
        let text = required(self, &Name::RAck)?;
        let mut words = text.split_ascii_whitespace();
        let (Some(response), Some(request), Some(method)) =
            (words.next(), words.next(), words.next())
        else {
            return Err(bad(&Name::RAck, "three words are needed"));
        };
        Ok(RAck {
            rseq: number(response, &Name::RAck)?,
            cseq: number(request, &Name::RAck)?,
            method: method.to_owned(),
        })
    }

    /// Session-Expires, if it is there and readable.
    pub fn session_expires(&self) -> Option<SessionExpires> {
        let text = self.text(Name::SessionExpires)?;
        let (interval, rest) = text.split_at(text.find(';').unwrap_or(text.len()));
        let parameters = parameters(rest, &Name::SessionExpires).ok()?;
        let refresher = match find(&parameters, "refresher") {
            Some(who) if who.eq_ignore_ascii_case("uac") => Some(Refresher::Uac),
            Some(who) if who.eq_ignore_ascii_case("uas") => Some(Refresher::Uas),
            _ => None,
        };
        Some(SessionExpires {
            interval: seconds(interval)?,
            refresher,
        })
    }

    /// Min-SE, if it is there and readable.
    pub fn min_se(&self) -> Option<Duration> {
        let text = self.text(Name::MinSe)?;
        seconds(text.split(';').next().unwrap_or_default())
    }

    /// Retry-After (§20.33), without its comment and duration.
    pub fn retry_after(&self) -> Option<Duration> {
        let text = self.text(Name::RetryAfter)?;
        seconds(text.split([';', '(']).next()?)
    }

    /// The body's type without parameters, in lower case.
    pub fn content_type(&self) -> Option<String> {
        let text = self.text(Name::ContentType)?;
        let bare: String = text
            .split(';')
            .next()?
            .chars()
            .filter(|c| !c.is_whitespace())
            .collect();
        Some(bare.to_ascii_lowercase())
    }
}

/// Delta-seconds (§25.1); too large a number is the largest.
pub fn seconds(text: &str) -> Option<Duration> {
    let text = text.trim();
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let value = text.parse::<u32>().unwrap_or(u32::MAX);
    Some(Duration::from_secs(value.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_display_name_keeps_its_quotes_and_a_tag_its_place() {
        let text = r#""Əli \"A\" B" <sip:a@h;x=1> ; tag = 7"#;
        let read = NameAddr::parse(text).unwrap();
        assert_eq!(read.display.as_deref(), Some("Əli \"A\" B"));
        assert_eq!(read.tag(), Some("7"));
        assert_eq!(read.to_string(), r#""Əli \"A\" B" <sip:a@h;x=1>;tag=7"#);
        let bare = NameAddr::parse("sip:a@h;tag=9").unwrap();
        assert_eq!(
            (bare.tag(), bare.uri.to_string()),
            (Some("9"), "sip:a@h".to_owned())
        );
    }

    #[test]
    fn a_via_may_have_white_space_everywhere() {
        let via =
            Via::parse("SIP  / 2.0 / UDP  192.0.2.2 : 5060 ;branch = z9hG4bK1 ; rport").unwrap();
        assert_eq!(via.branch(), "z9hG4bK1");
        assert_eq!(via.sent_by(), "192.0.2.2:5060");
        assert_eq!(via.parameter("rport"), Some(""));
        assert!(Via::parse("SIP/2.0/UDP 192.0.2.15;;,;,,").is_err());
    }

    #[test]
    fn numbers_out_of_range_are_told_apart_from_small_ones() {
        let mut headers = Headers::default();
        headers.push(Name::CSeq, "36893488147419103232 REGISTER");
        assert!(headers.cseq().is_err());
        headers.set(Name::CSeq, "0009 INVITE");
        assert_eq!(headers.cseq().unwrap().number, 9);
        headers.set(Name::Expires, "1000000000000000");
        assert_eq!(
            headers.expires(),
            Some(Duration::from_secs(u32::MAX.into()))
        );
    }
}
