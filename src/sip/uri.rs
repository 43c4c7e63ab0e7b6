//! `sip:`, `sips:` and `tel:` URIs (RFC 3261 §19.1, RFC 3966); others are kept as they came.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use super::fault::Fault;

/// Where a URI leads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Host {
    /// An address; IPv6 is written in brackets.
    Address(IpAddr),
    /// A name.
    Name(String),
}

impl Host {
    /// Reads a host name, an IPv4 address or an IPv6 address in brackets.
    ///
    /// # Errors
    /// Anything else.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        if let Some(inside) = text
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            // The grammar of RFC 3261 allowed a third colon before an IPv4 part (RFC 5118 §4.10).
            return inside
                .replacen(":::", "::", 1)
                .parse::<Ipv6Addr>()
                .map(|address| Self::Address(address.into()))
                .map_err(|_| Fault::BadUri("the IPv6 address"));
        }
        if let Ok(address) = text.parse::<Ipv4Addr>() {
            return Ok(Self::Address(address.into()));
        }
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
        if text.is_empty() || !text.bytes().all(fits) {
            return Err(Fault::BadUri("the host"));
        }
        Ok(Self::Name(text.to_owned()))
    }

    /// The address, where no look-up is needed.
    pub fn address(&self) -> Option<IpAddr> {
        match self {
            Self::Address(address) => Some(*address),
            Self::Name(_) => None,
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(IpAddr::V4(address)) => write!(f, "{address}"),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// Splits `host[:port]`, brackets respected.
pub(super) fn host_and_port(text: &str) -> Result<(Host, Option<u16>), Fault> {
    let bracket = text.rfind(']').map_or(0, |at| at + 1);
    let colon = text
        .get(bracket..)
        .and_then(|rest| rest.find(':'))
        .map(|at| at + bracket);
    let (host, port) = match colon {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    let port = match port {
        None => None,
        Some(digits) => {
            let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            let number = digits.parse().ok().filter(|_| plain);
            Some(number.ok_or(Fault::BadUri("the port"))?)
        }
    };
    Ok((Host::parse(host.trim())?, port))
}

/// `;name` or `;name=value`, as it came.
pub type Parameter = (String, Option<String>);

/// A sip or sips URI.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SipUri {
    /// `sips`.
    pub secure: bool,
    /// Before the `@`, escapes kept; may hold `;` and more.
    pub user: Option<String>,
    /// After a `:` in the user part.
    pub password: Option<String>,
    /// Where.
    pub host: Host,
    /// Which port; `None`: the transport's default.
    pub port: Option<u16>,
    /// `;transport=tcp` and the like.
    pub parameters: Vec<Parameter>,
    /// `?Subject=…`, as it came.
    pub headers: Option<String>,
}

/// A URI.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Uri {
    /// `sip:` or `sips:`.
    Sip(Box<SipUri>),
    /// `tel:`, with its parameters.
    Tel {
        /// Digits, separators, perhaps a leading `+`.
        number: String,
        /// `;phone-context=…` and the like.
        parameters: Vec<Parameter>,
    },
    /// Any other scheme, whole.
    Other(String),
}

impl Uri {
    /// Reads a URI.
    ///
    /// # Errors
    /// No scheme, or a `sip:` or `tel:` URI against its grammar.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let text = text.trim();
        if text
            .bytes()
            .any(|byte| byte <= b' ' || matches!(byte, b'<' | b'>' | b'"'))
        {
            return Err(Fault::BadUri("a character that must be escaped"));
        }
        let (scheme, rest) = text.split_once(':').ok_or(Fault::BadUri("no scheme"))?;
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
        if !scheme
            .bytes()
            .next()
            .is_some_and(|byte| byte.is_ascii_alphabetic())
            || !scheme.bytes().all(letter)
        {
            return Err(Fault::BadUri("the scheme"));
        }
        if scheme.eq_ignore_ascii_case("sip") || scheme.eq_ignore_ascii_case("sips") {
            let secure = scheme.len() == 4;
            return SipUri::parse(secure, rest).map(|uri| Self::Sip(Box::new(uri)));
        }
        if scheme.eq_ignore_ascii_case("tel") {
            let (number, parameters) = split_parameters(rest);
            if number.is_empty() {
                return Err(Fault::BadUri("the number"));
            }
            return Ok(Self::Tel {
                number: number.to_owned(),
                parameters,
            });
        }
        Ok(Self::Other(text.to_owned()))
    }

    /// Reads a URI that was read before; what cannot be read is kept whole.
    pub fn parse_lenient(text: &str) -> Self {
        Self::parse(text).unwrap_or_else(|_| Self::Other(text.to_owned()))
    }

    /// The user part, escapes undone; of `tel:` the number.
    pub fn user(&self) -> Option<String> {
        match self {
            Self::Sip(uri) => uri.user.as_deref().map(unescape),
            Self::Tel { number, .. } => Some(number.clone()),
            Self::Other(_) => None,
        }
    }

    /// The host of a `sip:` URI.
    pub fn host(&self) -> Option<&Host> {
        match self {
            Self::Sip(uri) => Some(&uri.host),
            _ => None,
        }
    }

    /// Whether it is of the scheme `sips`: no hop may be in the clear (§26.2.2).
    pub fn is_sips(&self) -> bool {
        matches!(self, Self::Sip(uri) if uri.secure)
    }

    /// The port of a `sip:` URI, 5060 or 5061 where it names none.
    pub fn port(&self) -> u16 {
        match self {
            Self::Sip(uri) => uri.port.unwrap_or(if uri.secure { 5061 } else { 5060 }),
            _ => 5060,
        }
    }

    fn parameters(&self) -> &[Parameter] {
        match self {
            Self::Sip(uri) => &uri.parameters,
            Self::Tel { parameters, .. } => parameters,
            Self::Other(_) => &[],
        }
    }

    /// The value of a parameter; empty where it has none.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let same = |(one, _): &&Parameter| one.eq_ignore_ascii_case(name);
        self.parameters()
            .iter()
            .find(same)
            .map(|(_, value)| value.as_deref().unwrap_or(""))
    }

    /// Whether it has that parameter.
    pub fn has_parameter(&self, name: &str) -> bool {
        self.parameter(name).is_some()
    }

    /// §19.1.4: whether both lead to the same place.
    pub fn is_equivalent(&self, other: &Self) -> bool {
        match (self, other) {
            // A parameter that stands twice, with two values, equals neither; the whole equals itself.
            (Self::Sip(a), Self::Sip(b)) => a == b || a.is_equivalent(b),
            (Self::Tel { number: a, .. }, Self::Tel { number: b, .. }) => {
                let digits = |text: &str| -> String {
                    text.chars()
                        .filter(|c| !matches!(c, '-' | '.' | '(' | ')'))
                        .collect()
                };
                digits(a).eq_ignore_ascii_case(&digits(b))
                    && self.parameter("phone-context") == other.parameter("phone-context")
            }
            (Self::Other(a), Self::Other(b)) => a == b,
            _ => false,
        }
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sip(uri) => uri.fmt(f),
            Self::Tel { number, parameters } => {
                write!(f, "tel:{number}")?;
                write_parameters(f, parameters)
            }
            Self::Other(text) => f.write_str(text),
        }
    }
}

impl SipUri {
    fn parse(secure: bool, rest: &str) -> Result<Self, Fault> {
        let (before, headers) = match rest.split_once('?') {
            // A `?` may stand in the user part: it counts only after the `@`.
            Some((before, after)) if !after.contains('@') => (before, Some(after.to_owned())),
            _ => (rest, None),
        };
        let (userinfo, place) = match before.rsplit_once('@') {
            Some((userinfo, place)) => (Some(userinfo), place),
            None => (None, before),
        };
        let (user, password) = match userinfo {
            None => (None, None),
            Some("") => return Err(Fault::BadUri("the user part is empty")),
            Some(info) => match info.split_once(':') {
                Some((user, password)) => (Some(user.to_owned()), Some(password.to_owned())),
                None => (Some(info.to_owned()), None),
            },
        };
        let (place, parameters) = split_parameters(place);
        let (host, port) = host_and_port(place)?;
        Ok(Self {
            secure,
            user,
            password,
            host,
            port,
            parameters,
            headers,
        })
    }

    /// As it may stand in a request line.
    pub fn without_headers(&self) -> Self {
        Self {
            headers: None,
            ..self.clone()
        }
    }

    fn is_equivalent(&self, other: &Self) -> bool {
        let text = |part: &Option<String>| part.as_deref().map(unescape);
        let same_host = match (&self.host, &other.host) {
            (Host::Name(a), Host::Name(b)) => a.eq_ignore_ascii_case(b),
            (a, b) => a == b,
        };
        self.secure == other.secure
            && text(&self.user) == text(&other.user)
            && text(&self.password) == text(&other.password)
            && same_host
            && self.port == other.port
            && parameters_match(&self.parameters, &other.parameters)
            && parameters_match(&other.parameters, &self.parameters)
            && self.headers == other.headers
    }
}

/// §19.1.4: what both have must be equal; these four must be in both or in neither.
fn parameters_match(ours: &[Parameter], theirs: &[Parameter]) -> bool {
    ours.iter().all(|(name, value)| {
        match theirs
            .iter()
            .find(|(other, _)| other.eq_ignore_ascii_case(name))
        {
            Some((_, other)) => match (value, other) {
                (Some(a), Some(b)) => a.eq_ignore_ascii_case(b),
                (a, b) => a == b,
            },
            None => !["user", "ttl", "method", "maddr", "transport"]
                .iter()
                .any(|strict| name.eq_ignore_ascii_case(strict)),
        }
    })
}

impl fmt::Display for SipUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.secure { "sips:" } else { "sip:" })?;
        if let Some(user) = &self.user {
            f.write_str(user)?;
            if let Some(password) = &self.password {
                write!(f, ":{password}")?;
            }
            f.write_str("@")?;
        }
        write!(f, "{}", self.host)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        write_parameters(f, &self.parameters)?;
        match &self.headers {
            Some(headers) => write!(f, "?{headers}"),
            None => Ok(()),
        }
    }
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

fn split_parameters(text: &str) -> (&str, Vec<Parameter>) {
    let mut pieces = text.split(';');
    let first = pieces.next().unwrap_or_default();
    let parameters = pieces
        .filter(|piece| !piece.is_empty())
        .map(|piece| match piece.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (piece.to_owned(), None),
        })
        .collect();
    (first, parameters)
}

/// Undoes `%41`; what is no escape stays, and what is not UTF-8 is replaced for reading.
pub fn unescape(text: &str) -> String {
    if !text.contains('%') {
        return text.to_owned();
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let code = bytes
            .get(at + 1..at + 3)
            .and_then(|two| std::str::from_utf8(two).ok());
        match code.and_then(|two| u8::from_str_radix(two, 16).ok()) {
            Some(value) if *byte == b'%' => {
                out.push(value);
                at += 3;
            }
            _ => {
                out.push(*byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &str) -> Uri {
        Uri::parse(text).unwrap()
    }

    #[test]
    fn every_form_of_a_helpline_number_is_read_and_written_back() {
        for text in [
            "sip:116111@203.0.113.5",
            "sip:+994506802280@qaynar.example:5070;user=phone;transport=tcp",
            "sips:0506802280@[2001:db8::1]:5061",
            "tel:0506802280;phone-context=+994",
            "sip:user;par=u%40example.net@example.com",
            "sip:[2001:db8::2]",
            "urn:service:sos",
        ] {
            assert_eq!(uri(text).to_string(), text);
        }
        assert_eq!(
            uri("sips:a@[2001:db8::1]:5061").host().unwrap().to_string(),
            "[2001:db8::1]"
        );
        assert_eq!(
            uri("sip:sips%3Auser%40example.com@example.net")
                .user()
                .unwrap(),
            "sips:user@example.com"
        );
    }

    #[test]
    fn equality_follows_19_1_4() {
        assert!(uri("sip:%61lice@atlanta.com").is_equivalent(&uri("sip:alice@AtLanTa.CoM")));
        assert!(
            uri("sip:c@biloxi.com;newparam=5").is_equivalent(&uri("sip:c@biloxi.com;security=on"))
        );
        assert!(!uri("sip:ALICE@AtLanTa.CoM").is_equivalent(&uri("sip:alice@AtLanTa.CoM")));
        assert!(!uri("sip:bob@biloxi.com").is_equivalent(&uri("sip:bob@biloxi.com:5060")));
        assert!(!uri("sip:bob@biloxi.com;transport=udp").is_equivalent(&uri("sip:bob@biloxi.com")));
    }

    #[test]
    fn what_is_no_uri_is_refused() {
        for text in [
            "",
            "116111",
            "sip:",
            "sip:a@",
            "sip:@b",
            "sip:a@b:x",
            "sip:a@[::g]",
            "sip:a b@c",
            "sip:a@b:99999",
        ] {
            assert!(Uri::parse(text).is_err(), "{text:?}");
        }
    }
}
