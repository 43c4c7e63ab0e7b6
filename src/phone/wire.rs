//! SIP text by the rsip crate, which this file alone knows.

use std::net::SocketAddr;

use rsip::headers::{ToTypedHeader, UntypedHeader};
use rsip::message::{HasHeaders, HeadersExt};
use rsip::{Header, Headers, SipMessage};

pub(super) use rsip::Method;

/// A message as it was read.
#[derive(Debug, Clone)]
pub(super) struct Message {
    inner: SipMessage,
    pub(super) call_id: String,
    pub(super) cseq: u32,
    pub(super) method: Method,
    pub(super) branch: String,
    pub(super) from_tag: String,
    pub(super) to_tag: Option<String>,
}

/// Reads a message; `None`: rsip cannot, or a header that every message has is missing.
pub(super) fn read(bytes: &[u8]) -> Option<Message> {
    let inner = SipMessage::try_from(bytes).ok()?;
    let call_id = inner.call_id_header().ok()?.value().to_owned();
    let cseq = inner.cseq_header().ok()?.typed().ok()?;
    let via = inner.via_header().ok()?.typed().ok()?;
    let tag = |tag: &rsip::param::Tag| tag.value().to_owned();
    let from = inner.from_header().ok()?.typed().ok()?;
    let to = inner.to_header().ok()?.typed().ok()?;
    Some(Message {
        call_id,
        cseq: cseq.seq,
        method: cseq.method,
        branch: via.branch()?.value().to_owned(),
        from_tag: from.tag().map(tag)?,
        to_tag: to.tag().map(tag),
        inner,
    })
}

impl Message {
    /// The status of a response; `None`: a request.
    pub(super) fn status(&self) -> Option<u16> {
        match &self.inner {
            SipMessage::Response(response) => Some(response.status_code.code()),
            SipMessage::Request(_) => None,
        }
    }

    pub(super) fn body(&self) -> &[u8] {
        self.inner.body()
    }

    /// The To header's value, as the ACK of a refusal repeats it (RFC 3261 §17.1.1.3).
    pub(super) fn to(&self) -> String {
        self.inner
            .to_header()
            .map_or_else(|_| String::new(), |to| to.value().to_owned())
    }

    /// The From header's value.
    pub(super) fn from(&self) -> String {
        self.inner
            .from_header()
            .map_or_else(|_| String::new(), |from| from.value().to_owned())
    }

    /// The name that a display shows for the caller.
    pub(super) fn display_name(&self) -> Option<String> {
        let from = self.inner.from_header().ok()?.typed().ok()?;
        from.display_name
            .map(|name| name.trim_matches('"').to_owned())
    }

    /// The Contact's URI.
    pub(super) fn contact(&self) -> Option<String> {
        let contact = self.inner.contact_header().ok()?.typed().ok()?;
        Some(contact.uri.to_string())
    }

    /// The Record-Route entries from top to bottom.
    pub(super) fn record_routes(&self) -> Vec<String> {
        let routes = self
            .inner
            .headers()
            .iter()
            .filter_map(|header| match header {
                Header::RecordRoute(route) => Some(route.value().to_owned()),
                _ => None,
            });
        routes.collect()
    }

    /// All values of a challenge header: 401 has the one, 407 the other.
    pub(super) fn challenges(&self) -> Vec<String> {
        let values = self
            .inner
            .headers()
            .iter()
            .filter_map(|header| match header {
                Header::WwwAuthenticate(value) => Some(value.value().to_owned()),
                Header::ProxyAuthenticate(value) => Some(value.value().to_owned()),
                _ => None,
            });
        values.collect()
    }

    /// A header that rsip has no type for.
    pub(super) fn other(&self, name: &str) -> Option<&str> {
        self.inner.headers().iter().find_map(|header| match header {
            Header::Other(key, value) if key.eq_ignore_ascii_case(name) => Some(value.trim()),
            _ => None,
        })
    }

    /// Whether Supported or Require lists an extension.
    pub(super) fn knows(&self, extension: &str) -> bool {
        let lists = |value: &str| {
            value
                .split(',')
                .any(|one| one.trim().eq_ignore_ascii_case(extension))
        };
        self.inner.headers().iter().any(|header| match header {
            Header::Supported(value) => lists(value.value()),
            Header::Require(value) => lists(value.value()),
            _ => false,
        })
    }

    /// The expiry that a registrar granted to the contact `own`.
    pub(super) fn granted(&self, own: &str) -> Option<u64> {
        self.inner.headers().iter().find_map(|header| match header {
            Header::Contact(contact) if contact.value().contains(own) => {
                let (_, seconds) = contact.value().split_once(";expires=")?;
                let seconds = seconds.split(';').next()?;
                seconds.trim().parse().ok()
            }
            _ => None,
        })
    }

    /// The least expiry of a 423.
    pub(super) fn least_expiry(&self) -> Option<u64> {
        self.inner.headers().iter().find_map(|header| match header {
            Header::MinExpires(least) => least.value().trim().parse().ok(),
            _ => None,
        })
    }
}

/// What a request says, without the headers that follow from its place.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    pub(super) method: Method,
    pub(super) uri: String,
    pub(super) call_id: String,
    pub(super) cseq: u32,
    /// Whole header values, with tags.
    pub(super) from: String,
    pub(super) to: String,
    pub(super) routes: Vec<String>,
    pub(super) contact: Option<String>,
    /// More headers by name.
    pub(super) more: Vec<(&'static str, String)>,
    pub(super) sdp: Option<String>,
}

/// Writes a request; `None`: its URI is none that rsip knows.
pub(super) fn request(draft: &Draft, local: SocketAddr, branch: &str) -> Option<Vec<u8>> {
    let mut headers = Headers::default();
    let via = format!("SIP/2.0/UDP {local};rport;branch={branch}");
    headers.push(Header::Via(via.into()));
    for route in &draft.routes {
        headers.push(Header::Route(route.clone().into()));
    }
    headers.push(Header::MaxForwards("70".into()));
    headers.push(Header::From(draft.from.clone().into()));
    headers.push(Header::To(draft.to.clone().into()));
    headers.push(Header::CallId(draft.call_id.clone().into()));
    let cseq = format!("{} {}", draft.cseq, draft.method);
    headers.push(Header::CSeq(cseq.into()));
    if let Some(contact) = &draft.contact {
        headers.push(Header::Contact(contact.clone().into()));
    }
    let request = rsip::Request {
        method: draft.method,
        uri: rsip::Uri::try_from(draft.uri.as_str()).ok()?,
        version: rsip::Version::V2,
        headers: finish(headers, &draft.more, draft.sdp.as_deref()),
        body: draft.sdp.clone().unwrap_or_default().into_bytes(),
    };
    Some(request.into())
}

/// Writes a response (§8.2.6): Via, From, To, Call-ID and CSeq as they came.
pub(super) fn response(
    to: &Message,
    status: u16,
    tag: &str,
    contact: Option<String>,
    more: &[(&'static str, String)],
    sdp: Option<&str>,
) -> Vec<u8> {
    let mut headers = Headers::default();
    for header in to.inner.headers().iter() {
        match header {
            Header::To(value) if to.to_tag.is_none() => {
                headers.push(Header::To(format!("{};tag={tag}", value.value()).into()));
            }
            Header::RecordRoute(_)
            | Header::Via(_)
            | Header::From(_)
            | Header::To(_)
            | Header::CallId(_)
            | Header::CSeq(_) => headers.push(header.clone()),
            _ => {}
        }
    }
    if let Some(contact) = contact {
        headers.push(Header::Contact(contact.into()));
    }
    let response = rsip::Response {
        status_code: rsip::StatusCode::from(status),
        version: rsip::Version::V2,
        headers: finish(headers, more, sdp),
        body: sdp.unwrap_or_default().as_bytes().to_vec(),
    };
    response.into()
}

fn finish(mut headers: Headers, more: &[(&'static str, String)], sdp: Option<&str>) -> Headers {
    for (name, value) in more {
        headers.push(Header::Other((*name).to_owned(), value.clone()));
    }
    if sdp.is_some() {
        headers.push(Header::ContentType("application/sdp".into()));
    }
    let length = sdp.map_or(0, str::len).to_string();
    headers.push(Header::ContentLength(length.into()));
    headers
}

/// The address in a URI, where it has one: `sip:qaynar@192.0.2.1:5060`.
pub(super) fn address_of(uri: &str) -> Option<SocketAddr> {
    let uri = rsip::Uri::try_from(uri).ok()?;
    let port = uri.port().map_or(5060, |port| u16::from(*port));
    match uri.host() {
        rsip::Host::IpAddr(address) => Some(SocketAddr::new(*address, port)),
        rsip::Host::Domain(_) => None,
    }
}
