//! Dialogs (RFC 3261 §12): what two peers agree on beyond single transactions.

use serde::{Deserialize, Serialize};

use super::fault::Fault;
use super::flow::Flow;
use super::headers::NameAddr;
use super::message::{Headers, Method, Name, Request, Response};
use super::uri::Uri;

/// §12: exists only once both tags are known, so it never changes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DialogId {
    /// The Call-ID.
    pub call_id: String,
    /// Our tag.
    pub local_tag: String,
    /// The peer's tag; empty for a peer of RFC 2543 that sent none.
    pub remote_tag: String,
}

/// A dialog, seen from one of its ends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Dialog {
    /// Which.
    pub id: DialogId,
    /// Our From or To, with the tag.
    pub local: String,
    /// The peer's From or To, as it came.
    pub remote: String,
    /// Number of our last request.
    pub local_cseq: u32,
    /// Number of the peer's last request; `None`: it has sent none.
    pub remote_cseq: Option<u32>,
    /// Where requests go (§12.1.1: the peer's Contact).
    pub target: String,
    /// Route values, in the order of our requests.
    pub routes: Vec<String>,
    /// Our Contact, to be repeated in target refreshes.
    pub contact: String,
    /// The way by which the peer was reached last.
    pub flow: Flow,
}

/// §8.1.1.6.
pub const MAX_FORWARDS: u8 = 70;

impl Dialog {
    /// The end of the one who is called (§12.1.1).
    ///
    /// # Errors
    /// The request lacks a readable Contact, From or CSeq.
    pub fn as_uas(
        invite: &Request,
        local_tag: &str,
        contact: String,
        flow: Flow,
    ) -> Result<Self, Fault> {
        let headers = &invite.headers;
        let id = DialogId {
            call_id: headers.call_id()?.to_owned(),
            local_tag: local_tag.to_owned(),
            remote_tag: headers.from()?.tag().unwrap_or_default().to_owned(),
        };
        let mut local = headers.to()?;
        local.set_tag(local_tag);
        Ok(Self {
            id,
            local: local.to_string(),
            remote: headers.from()?.to_string(),
            local_cseq: 0,
            remote_cseq: Some(headers.cseq()?.number),
            // Callers from before RFC 3261 have no Contact: From leads to them.
            target: contact_uri(headers)
                .or_else(|_| headers.from().map(|who| who.uri.to_string()))?,
            routes: record_routes(headers),
            contact,
            flow,
        })
    }

    /// The end of the one who called (§12.1.2).
    ///
    /// # Errors
    /// The response lacks a readable Contact or To.
    pub fn as_uac(invite: &Request, response: &Response, flow: Flow) -> Result<Self, Fault> {
        let (ours, theirs) = (&invite.headers, &response.headers);
        let mut routes = record_routes(theirs);
        routes.reverse();
        Ok(Self {
            id: DialogId {
                call_id: ours.call_id()?.to_owned(),
                local_tag: ours.from()?.tag().unwrap_or_default().to_owned(),
                remote_tag: theirs.to()?.tag().unwrap_or_default().to_owned(),
            },
            local: ours.from()?.to_string(),
            remote: theirs.to()?.to_string(),
            local_cseq: ours.cseq()?.number,
            remote_cseq: None,
            target: contact_uri(theirs)?,
            routes,
            contact: ours.text(Name::Contact).unwrap_or_default().into_owned(),
            flow,
        })
    }

    /// A request inside the dialog (§12.2.1.1), complete but for Via and Contact. It takes the next number, save
    /// ACK, which takes `invite_cseq` of what it acknowledges.
    pub fn request(&mut self, method: Method, invite_cseq: Option<u32>) -> Request {
        let number = match invite_cseq {
            Some(number) => number,
            None => {
                self.local_cseq = self.local_cseq.wrapping_add(1) & 0x7fff_ffff;
                self.local_cseq
            }
        };
        let (uri, routes) = self.next_hops();
        let mut headers = Headers::default();
        headers.push(Name::MaxForwards, MAX_FORWARDS.to_string());
        for route in routes {
            headers.push(Name::Route, route);
        }
        headers.push(Name::From, self.local.clone());
        headers.push(Name::To, self.remote.clone());
        headers.push(Name::CallId, self.id.call_id.clone());
        headers.push(Name::CSeq, format!("{number} {}", method.as_str()));
        Request {
            method,
            uri: Uri::parse_lenient(&uri),
            headers,
            body: Vec::new(),
        }
    }

    /// Request-URI and Route values; a strict router at the front (no `lr`) changes both (§12.2.1.1).
    fn next_hops(&self) -> (String, Vec<String>) {
        let Some(first) = self
            .routes
            .first()
            .and_then(|route| NameAddr::parse(route).ok())
        else {
            return (self.target.clone(), Vec::new());
        };
        if first.uri.has_parameter("lr") {
            return (self.target.clone(), self.routes.clone());
        }
        let mut routes: Vec<String> = self.routes.iter().skip(1).cloned().collect();
        routes.push(format!("<{}>", self.target));
        (first.uri.to_string(), routes)
    }

    /// Who gets our requests first (§8.1.2): the first route, else the peer itself.
    pub fn next_hop(&self) -> Option<Uri> {
        let route = self.routes.first();
        match route {
            Some(route) => NameAddr::parse(route).ok().map(|one| one.uri),
            None => Uri::parse(&self.target).ok(),
        }
    }

    /// Takes the number of a request of the peer; `false`: it is old or repeated out of order, and
    /// gets 500 (§12.2.2). ACK and CANCEL repeat numbers by design and are not asked.
    pub fn accepts_cseq(&mut self, number: u32) -> bool {
        if self.remote_cseq.is_some_and(|last| number <= last) {
            return false;
        }
        self.remote_cseq = Some(number);
        true
    }

    /// A target refresh moves the target (§12.2.2); a faulty Contact leaves it.
    pub fn refresh_target(&mut self, headers: &Headers) {
        if let Ok(target) = contact_uri(headers) {
            self.target = target;
        }
    }
}

/// The URI of the only Contact (§12.1.1; §8.1.1.8: exactly one).
fn contact_uri(headers: &Headers) -> Result<String, Fault> {
    let value = headers
        .all(Name::Contact)
        .next()
        .ok_or(Fault::MissingHeader(Name::Contact))?;
    Ok(NameAddr::parse(&value)?.uri.to_string())
}

/// All Record-Route values, in the order of the message.
fn record_routes(headers: &Headers) -> Vec<String> {
    headers
        .all(Name::RecordRoute)
        .map(|value| value.into_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::super::flow::Transport;
    use super::super::message::Message;
    use super::super::parse::parse_datagram;
    use super::*;

    fn flow() -> Flow {
        let address: SocketAddr = "127.0.0.1:5060".parse().unwrap();
        Flow {
            transport: Transport::Udp,
            local: address,
            remote: address,
            connection: None,
        }
    }

    fn invite(routes: &str) -> Request {
        let text = format!(
            "INVITE sip:116111@qaynar SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\n{routes}\
             From: <sip:a@h>;tag=theirs\r\nTo: <sip:116111@qaynar>\r\nCall-ID: c\r\n\
             CSeq: 5 INVITE\r\nContact: <sip:a@192.0.2.9:5080>\r\nContent-Length: 0\r\n\r\n"
        );
        match parse_datagram(text.as_bytes()) {
            Ok(Message::Request(request)) => request,
            other => panic!("{other:?}"),
        }
    }

    fn called(routes: &str) -> Dialog {
        Dialog::as_uas(&invite(routes), "ours", "<sip:us@h>".into(), flow()).unwrap()
    }

    #[test]
    fn the_called_sends_its_bye_to_the_contact_through_the_recorded_route() {
        let mut dialog = called("Record-Route: <sip:p1;lr>, <sip:p2;lr>\r\n");
        let bye = dialog.request(Method::Bye, None);
        assert_eq!(bye.uri.to_string(), "sip:a@192.0.2.9:5080");
        let routes: Vec<_> = bye.headers.all(Name::Route).collect();
        assert_eq!(routes, ["<sip:p1;lr>", "<sip:p2;lr>"]);
        assert_eq!(bye.headers.from().unwrap().tag(), Some("ours"));
        assert_eq!(bye.headers.to().unwrap().tag(), Some("theirs"));
        assert_eq!(bye.headers.cseq().unwrap().number, 1);
    }

    #[test]
    fn a_strict_router_gets_the_request_and_the_target_comes_last() {
        let mut dialog = called("Record-Route: <sip:strict>, <sip:p2;lr>\r\n");
        let bye = dialog.request(Method::Bye, None);
        assert_eq!(bye.uri.to_string(), "sip:strict");
        let routes: Vec<_> = bye.headers.all(Name::Route).collect();
        assert_eq!(routes, ["<sip:p2;lr>", "<sip:a@192.0.2.9:5080>"]);
    }

    #[test]
    fn old_numbers_are_refused_and_new_ones_remembered() {
        let mut dialog = called("");
        assert!(!dialog.accepts_cseq(5));
        assert!(dialog.accepts_cseq(9));
        assert!(!dialog.accepts_cseq(8));
    }

    #[test]
    fn the_caller_reverses_the_recorded_route() {
        let ours = invite("");
        let mut answer = Response::to(&ours, 200).with_tag("theirs2");
        answer
            .headers
            .push(Name::RecordRoute, "<sip:p1;lr>, <sip:p2;lr>");
        answer.headers.push(Name::Contact, "<sip:b@h2>");
        let dialog = Dialog::as_uac(&ours, &answer, flow()).unwrap();
        assert_eq!(dialog.routes, ["<sip:p2;lr>", "<sip:p1;lr>"]);
        assert_eq!(
            (dialog.target.as_str(), dialog.id.remote_tag.as_str()),
            ("sip:b@h2", "theirs2")
        );
    }
}
