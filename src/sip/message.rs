//! Requests and responses (RFC 3261 §7), header values kept as they came.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::fault::Fault;
use super::uri::Uri;

/// What a request asks. Case matters (§7.1), and unknown methods are kept so that they get 501.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Method {
    /// RFC 3261 §13.
    Invite,
    /// RFC 3261 §13.
    Ack,
    /// RFC 3261 §15.
    Bye,
    /// RFC 3261 §9.
    Cancel,
    /// RFC 3261 §10.
    Register,
    /// RFC 3261 §11.
    Options,
    /// RFC 3262.
    Prack,
    /// RFC 3311.
    Update,
    /// RFC 3515.
    Refer,
    /// RFC 6665.
    Notify,
    /// RFC 6665.
    Subscribe,
    /// RFC 6086.
    Info,
    /// RFC 3428.
    Message,
    /// RFC 3903.
    Publish,
    /// Anything else.
    Other(String),
}

const METHODS: [(&str, Method); 14] = [
    ("INVITE", Method::Invite),
    ("ACK", Method::Ack),
    ("BYE", Method::Bye),
    ("CANCEL", Method::Cancel),
    ("REGISTER", Method::Register),
    ("OPTIONS", Method::Options),
    ("PRACK", Method::Prack),
    ("UPDATE", Method::Update),
    ("REFER", Method::Refer),
    ("NOTIFY", Method::Notify),
    ("SUBSCRIBE", Method::Subscribe),
    ("INFO", Method::Info),
    ("MESSAGE", Method::Message),
    ("PUBLISH", Method::Publish),
];

impl Method {
    /// As on the wire.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Other(name) => name,
            known => METHODS
                .iter()
                .find(|(_, method)| method == known)
                .map_or("", |(name, _)| name),
        }
    }
}

impl From<&str> for Method {
    fn from(text: &str) -> Self {
        METHODS.iter().find(|(name, _)| *name == text).map_or_else(
            || Self::Other(text.to_owned()),
            |(_, method)| method.clone(),
        )
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Declares the header names that we act on, with their full and compact forms.
macro_rules! names {
    ($($variant:ident = $full:literal $(/ $compact:literal)?),+ $(,)?) => {
        /// A header's name. Names compare without case (§7.3.1); unknown ones are kept as they came.
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum Name {
            $(#[doc = $full] $variant,)+
            /// Any other.
            Other(String),
        }

        impl Name {
            /// The full form, as we write it.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $full,)+
                    Self::Other(name) => name,
                }
            }

            fn known(text: &str) -> Option<Self> {
                // Length and first letter tell nearly all names apart before letters are compared.
                $(if text.len() == $full.len() && text.eq_ignore_ascii_case($full) {
                    return Some(Self::$variant);
                })+
                $($(if text.eq_ignore_ascii_case($compact) {
                    return Some(Self::$variant);
                })?)+
                None
            }
        }
    };
}

names! {
    Via = "Via" / "v",
    From = "From" / "f",
    To = "To" / "t",
    CallId = "Call-ID" / "i",
    CSeq = "CSeq",
    MaxForwards = "Max-Forwards",
    Contact = "Contact" / "m",
    ContentLength = "Content-Length" / "l",
    ContentType = "Content-Type" / "c",
    ContentEncoding = "Content-Encoding" / "e",
    ContentDisposition = "Content-Disposition",
    Accept = "Accept",
    AcceptEncoding = "Accept-Encoding",
    Allow = "Allow",
    AllowEvents = "Allow-Events" / "u",
    Authorization = "Authorization",
    AuthenticationInfo = "Authentication-Info",
    Date = "Date",
    Event = "Event" / "o",
    Expires = "Expires",
    FlowTimer = "Flow-Timer",
    MinExpires = "Min-Expires",
    MinSe = "Min-SE",
    PAssertedIdentity = "P-Asserted-Identity",
    Path = "Path",
    Privacy = "Privacy",
    ProxyAuthenticate = "Proxy-Authenticate",
    ProxyAuthorization = "Proxy-Authorization",
    ProxyRequire = "Proxy-Require",
    RAck = "RAck",
    Reason = "Reason",
    RecordRoute = "Record-Route",
    ReferTo = "Refer-To" / "r",
    Replaces = "Replaces",
    Require = "Require",
    RetryAfter = "Retry-After",
    Route = "Route",
    RSeq = "RSeq",
    Server = "Server",
    SessionExpires = "Session-Expires" / "x",
    Subject = "Subject" / "s",
    Supported = "Supported" / "k",
    Timestamp = "Timestamp",
    Unsupported = "Unsupported",
    UserAgent = "User-Agent",
    Warning = "Warning",
    WwwAuthenticate = "WWW-Authenticate",
}

impl From<&str> for Name {
    fn from(text: &str) -> Self {
        Self::known(text).unwrap_or_else(|| Self::Other(text.to_owned()))
    }
}

impl Name {
    /// Whether `other` names the same header.
    fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Other(a), Self::Other(b)) => a.eq_ignore_ascii_case(b),
            _ => self == other,
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Header fields in their order. Values are bytes: what is not UTF-8 goes back to its sender as it came.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Headers {
    fields: Vec<(Name, Box<[u8]>)>,
}

impl Headers {
    /// Room for `count` fields.
    pub fn with_capacity(count: usize) -> Self {
        Self {
            fields: Vec::with_capacity(count),
        }
    }

    /// Appends a field.
    pub fn push(&mut self, name: Name, value: impl Into<Vec<u8>>) {
        self.fields.push((name, value.into().into_boxed_slice()));
    }

    /// Puts a field before all others.
    pub fn push_front(&mut self, name: Name, value: impl Into<Vec<u8>>) {
        self.fields
            .insert(0, (name, value.into().into_boxed_slice()));
    }

    /// Replaces all fields of that name by one.
    pub fn set(&mut self, name: Name, value: impl Into<Vec<u8>>) {
        self.remove(&name);
        self.push(name, value);
    }

    /// Takes out all fields of that name.
    pub fn remove(&mut self, name: &Name) {
        self.fields.retain(|(field, _)| !field.is(name));
    }

    /// All fields in order.
    pub fn iter(&self) -> impl Iterator<Item = (&Name, &[u8])> {
        self.fields
            .iter()
            .map(|(name, value)| (name, value.as_ref()))
    }

    /// How many fields there are.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// The values of the fields of that name, whole.
    pub fn fields<'a>(&'a self, name: &'a Name) -> impl Iterator<Item = &'a [u8]> {
        self.fields
            .iter()
            .filter(|(field, _)| field.is(name))
            .map(|(_, value)| value.as_ref())
    }

    /// The first field of that name.
    pub fn first(&self, name: &Name) -> Option<&[u8]> {
        self.fields
            .iter()
            .find(|(field, _)| field.is(name))
            .map(|(_, value)| value.as_ref())
    }

    /// The first field of that name as text; what is not UTF-8 is replaced for reading.
    pub fn text(&self, name: Name) -> Option<Cow<'_, str>> {
        self.first(&name).map(String::from_utf8_lossy)
    }

    /// Whether there is such a field.
    pub fn has(&self, name: Name) -> bool {
        self.first(&name).is_some()
    }

    /// Each value of a list header: fields in order, comma lists taken apart (§7.3.1).
    pub fn all(&self, name: Name) -> impl Iterator<Item = Cow<'_, str>> {
        self.fields
            .iter()
            .filter(move |(field, _)| field.is(&name))
            .flat_map(|(_, value)| Commas { rest: Some(value) })
            .map(String::from_utf8_lossy)
    }

    /// Replaces the topmost Via value; all others stay as they came, however many they are.
    pub fn set_top_via(&mut self, via: &super::headers::Via) {
        let first = self.fields.iter_mut().find(|(name, _)| *name == Name::Via);
        let Some((_, field)) = first else {
            return;
        };
        let mut values = Commas { rest: Some(field) };
        values.next();
        let mut next = via.to_string().into_bytes();
        if let Some(rest) = values.rest {
            next.extend_from_slice(b", ");
            next.extend_from_slice(rest.trim_ascii());
        }
        *field = next.into_boxed_slice();
    }

    /// The tokens of a list header such as Require or Supported.
    pub fn tokens(&self, name: Name) -> Vec<String> {
        self.all(name)
            .map(|token| token.into_owned())
            .filter(|token| !token.is_empty())
            .collect()
    }

    /// Whether a list header holds `token`, compared without case.
    pub fn lists(&self, name: Name, token: &str) -> bool {
        self.all(name).any(|one| one.eq_ignore_ascii_case(token))
    }
}

/// Values between commas that are neither quoted nor in angle brackets.
struct Commas<'a> {
    rest: Option<&'a [u8]>,
}

impl<'a> Iterator for Commas<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest?;
        let (mut quoted, mut escaped, mut bracketed) = (false, false, false);
        for (at, byte) in rest.iter().enumerate() {
            match byte {
                _ if escaped => escaped = false,
                b'\\' if quoted => escaped = true,
                b'"' => quoted = !quoted,
                b'<' if !quoted => bracketed = true,
                b'>' if !quoted => bracketed = false,
                b',' if !quoted && !bracketed => {
                    self.rest = rest.get(at + 1..);
                    return Some(rest.get(..at).unwrap_or_default().trim_ascii());
                }
                _ => {}
            }
        }
        self.rest = None;
        Some(rest.trim_ascii())
    }
}

/// A request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// What is asked.
    pub method: Method,
    /// Of whom.
    pub uri: Uri,
    /// Header fields.
    pub headers: Headers,
    /// The body, as long as Content-Length says.
    pub body: Vec<u8>,
}

/// A response.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Response {
    /// 100–699.
    pub status: u16,
    /// For people; may be empty.
    pub reason: String,
    /// Header fields.
    pub headers: Headers,
    /// The body.
    pub body: Vec<u8>,
}

impl Response {
    /// The response to `request` with what §8.2.6.2 copies: Via, From, To, Call-ID, CSeq; and
    /// Timestamp into a 100 (§8.2.6.1). The To gets no tag here.
    pub fn to(request: &Request, status: u16) -> Self {
        let mut headers = Headers::with_capacity(12);
        for (name, value) in request.headers.iter() {
            let copied = matches!(
                name,
                Name::Via | Name::From | Name::To | Name::CallId | Name::CSeq
            ) || (status == 100 && matches!(name, Name::Timestamp));
            if copied {
                headers.push(name.clone(), value.to_vec());
            }
        }
        Self {
            status,
            reason: super::write::reason(status).to_owned(),
            headers,
            body: Vec::new(),
        }
    }

    /// Copies the Record-Route fields, as a dialog-forming response does (§12.1.1).
    #[must_use]
    pub fn with_record_route(mut self, request: &Request) -> Self {
        for value in request.headers.fields(&Name::RecordRoute) {
            self.headers.push(Name::RecordRoute, value.to_vec());
        }
        self
    }

    /// Gives the To its tag unless it has one (§8.2.6.2).
    #[must_use]
    pub fn with_tag(mut self, tag: &str) -> Self {
        if let Ok(mut to) = self.headers.to()
            && to.tag().is_none()
        {
            to.set_tag(tag);
            self.headers.set(Name::To, to.to_string());
        }
        self
    }

    /// Adds a field.
    #[must_use]
    pub fn with(mut self, name: Name, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push(name, value);
        self
    }

    /// Whether the transaction goes on.
    pub fn is_provisional(&self) -> bool {
        self.status < 200
    }

    /// Whether it grants what was asked.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// Either.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// A request.
    Request(Request),
    /// A response.
    Response(Response),
}

impl Message {
    /// The header fields of either.
    pub fn headers(&self) -> &Headers {
        match self {
            Self::Request(request) => &request.headers,
            Self::Response(response) => &response.headers,
        }
    }
}

/// A typed reading of one header, or why it cannot be read.
pub(super) fn required<'a>(headers: &'a Headers, name: &Name) -> Result<Cow<'a, str>, Fault> {
    headers
        .first(name)
        .map(String::from_utf8_lossy)
        .ok_or_else(|| Fault::MissingHeader(name.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_compare_without_case_and_by_their_compact_form() {
        assert_eq!(Name::from("v"), Name::Via);
        assert_eq!(Name::from("cALL-id"), Name::CallId);
        assert_eq!(Name::from("X-Own"), Name::Other("X-Own".into()));
        assert!(Name::from("x-own").is(&Name::from("X-Own")));
    }

    #[test]
    fn commas_inside_quotes_and_brackets_do_not_part_values() {
        let mut headers = Headers::default();
        headers.push(
            Name::Contact,
            "\"a, \\\" b\" <sip:a@h;x=1,2>;q=1 , <sip:b@h>",
        );
        headers.push(Name::Contact, "sip:c@h");
        let values: Vec<_> = headers.all(Name::Contact).collect();
        assert_eq!(
            values,
            ["\"a, \\\" b\" <sip:a@h;x=1,2>;q=1", "<sip:b@h>", "sip:c@h"]
        );
    }

    #[test]
    fn method_case_matters() {
        assert_eq!(Method::from("INVITE"), Method::Invite);
        assert_eq!(Method::from("invite"), Method::Other("invite".into()));
    }
}
