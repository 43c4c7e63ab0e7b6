//! A message finds its transaction, its dialog, or its refusal.

use super::pbx::Switch;
use crate::call::Leg;
use crate::ids::{LegId, OperatorId};
use crate::sip::dialog::DialogId;
use crate::sip::flow::Flow;
use crate::sip::headers::Via;
use crate::sip::message::{Message, Method, Name, Request, Response};
use crate::sip::parse::Malformed;
use crate::sip::sketch::Sketch;
use crate::sip::transaction::key::{ClientKey, MergeKey, OldFacts, ServerKey, TopVia};
use crate::sip::transaction::layer::{Answered, CancelTarget, Incoming, Kind, Received, ServerId};
use crate::time::Now;

/// What we understand (RFC 3261 §20.5).
pub(super) const ALLOW: &str =
    "INVITE, ACK, CANCEL, BYE, OPTIONS, REGISTER, PRACK, UPDATE, INFO, REFER, SUBSCRIBE";
/// Extensions that we have (§20.37).
pub(super) const SUPPORTED: &str = "100rel, timer, replaces, norefersub";
/// What we can as a registrar (RFC 5626 §6, RFC 3327 §5.3).
pub(super) const REGISTRAR_SUPPORTED: &str = "outbound, path";
/// The only bodies that we read.
pub(super) const SDP: &str = "application/sdp";

/// The most tokens that Unsupported gives back: a list of thousands makes no answer of its length.
const MAX_UNSUPPORTED: usize = 32;

impl Switch {
    /// A message that could be read.
    pub(super) fn receive(&mut self, message: Message, flow: Flow, now: Now) {
        match message {
            Message::Request(request) => self.receive_request(request, flow, now),
            Message::Response(response) => {
                if self.is_traced(&response.headers) {
                    let sketch = Sketch::of_response(&response);
                    self.trace_received(&response.headers, sketch, flow, now);
                }
                self.receive_response(response, flow, now);
            }
        }
    }

    /// What cannot be read but can be answered is told so, without a transaction (§8.2.7).
    pub(super) fn refuse_malformed(&mut self, malformed: &Malformed, flow: Flow) {
        let Some(request) = &malformed.answerable else {
            return;
        };
        let mut request = (**request).clone();
        mark_received(&mut request, flow);
        let flow = self.way_back(&request, flow);
        let response = Response::to(&request, malformed.fault.status());
        self.answer_without_state(&request, response, flow);
    }

    fn receive_request(&mut self, mut request: Request, flow: Flow, now: Now) {
        mark_received(&mut request, flow);
        let Some(incoming) = keys(&request) else {
            return;
        };
        if self.ignores(&request, &incoming, flow, now) {
            return;
        }
        let flow = self.way_back(&request, flow);
        let operator = match self.admit(&request, &incoming, flow, now) {
            Ok(operator) => operator,
            Err(refusal) => return self.answer_without_state(&request, *refusal, flow),
        };
        let begins = request.method == Method::Invite;
        let sketch = (begins || self.is_traced(&request.headers)).then(|| {
            (
                request.headers.call_id().unwrap_or_default().to_owned(),
                Sketch::of_request(&request),
            )
        });
        self.received(incoming, request, operator, flow, now);
        // Only now the call of a first INVITE is there; what is sent for it goes out later.
        if let Some((call_id, sketch)) = sketch {
            self.trace_message(&call_id, true, flow.transport, sketch, now);
        }
    }

    /// A request that was let in finds its transaction.
    fn received(
        &mut self,
        incoming: Incoming,
        request: Request,
        operator: Option<OperatorId>,
        flow: Flow,
        now: Now,
    ) {
        match self.layer.receive_request(incoming, flow, now.at) {
            Received::New { id, merged: true } => self.respond_status(id, &request, 482, now),
            Received::New { id, merged: false } => self.serve(id, request, operator, flow, now),
            Received::Cancel { id, target } => self.cancelled(id, &request, target, now),
            Received::Ack => self.acknowledged(&request, now),
            Received::Absorbed => {}
            Received::Full => {
                let wait = Self::RETRY_AFTER.as_secs().to_string();
                let response = Response::to(&request, 503).with(Name::RetryAfter, wait);
                self.answer_without_state(&request, response, flow);
            }
        }
    }

    /// Once, and forgotten: if it is lost, the peer's repetition brings it again (§8.2.7).
    fn answer_without_state(&mut self, request: &Request, response: Response, flow: Flow) {
        let tag = self.stateless_tag(request);
        let bytes = response.with_tag(&tag).to_bytes();
        self.layer.send(flow, bytes.into());
    }

    /// A new request that was let in: inside a dialog, or outside.
    fn serve(
        &mut self,
        id: ServerId,
        request: Request,
        operator: Option<OperatorId>,
        flow: Flow,
        now: Now,
    ) {
        if request.headers.to().is_ok_and(|to| to.tag().is_some()) {
            return self.serve_in_dialog(id, &request, flow, now);
        }
        match (&request.method, operator) {
            (Method::Register, Some(operator)) => {
                self.register(id, &request, &operator, flow, now);
            }
            (Method::Subscribe, Some(operator)) => {
                self.subscribed(id, &request, operator, flow, now);
            }
            (_, operator) => match self.began_by(&request) {
                Some(leg) => self.answer_copy(id, &request, leg, now),
                None => self.invited(id, request, operator, flow, now),
            },
        }
    }

    /// The leg whose first INVITE this is, though its transaction is forgotten: the copy was long under
    /// way, or this process has begun since (§8.2.2.2 without the transaction). One with a higher CSeq is
    /// no copy but another attempt.
    fn began_by(&self, request: &Request) -> Option<LegId> {
        let headers = &request.headers;
        let (call_id, from) = (headers.call_id().ok()?, headers.from().ok()?);
        let number = headers.cseq().ok()?.number;
        let first = DialogId {
            call_id: call_id.to_owned(),
            local_tag: String::new(),
            remote_tag: String::new(),
        };
        let same = |id: &DialogId| id.remote_tag == from.tag().unwrap_or_default();
        let may_be_copy = |leg: &LegId| {
            let dialog = self.legs.get(leg).and_then(|leg| leg.dialog.as_ref());
            dialog.is_none_or(|dialog| dialog.remote_cseq.is_none_or(|last| number <= last))
        };
        self.dialogs
            .range(first..)
            .take_while(|(id, _)| id.call_id == call_id)
            .find(|(id, leg)| same(id) && may_be_copy(leg))
            .map(|(_, leg)| *leg)
    }

    /// The same 2xx while its ACK is awaited; who has acknowledged it waits for no answer.
    fn answer_copy(&mut self, id: ServerId, request: &Request, leg: LegId, now: Now) {
        let acceptance = self.legs.get(&leg).and_then(Leg::acceptance);
        match acceptance.and_then(|(acceptance, _)| acceptance.response()) {
            Some((response, _)) => {
                let _ = self.layer.respond(id, 200, response.into(), now.at);
            }
            None => self.respond_status(id, request, 482, now),
        }
    }

    /// Answers with a status alone.
    pub(super) fn respond_status(
        &mut self,
        id: ServerId,
        request: &Request,
        status: u16,
        now: Now,
    ) {
        let response = match status {
            488 => self.not_acceptable(request),
            _ => Response::to(request, status),
        };
        self.respond(id, request, response, now);
    }

    /// Answers in a transaction; the To gets a tag where it has none: that of the early dialog which
    /// provisional responses made, if they did (§12.1).
    pub(super) fn respond(
        &mut self,
        id: ServerId,
        request: &Request,
        response: Response,
        now: Now,
    ) {
        let leg = self.servers.get(&id).and_then(|leg| self.legs.get(leg));
        let dialog = leg.and_then(|leg| leg.dialog.as_ref());
        let tag = match dialog {
            Some(dialog) => dialog.id.local_tag.clone(),
            None => self.stateless_tag(request),
        };
        let response = response.with_tag(&tag);
        // The transaction may have ended by a transport error meanwhile; nothing is left to tell.
        let _ = self
            .layer
            .respond(id, response.status, response.to_bytes().into(), now.at);
    }

    /// A tag that is the same for the repetitions of a request (§8.2.7), and no secret.
    pub(super) fn stateless_tag(&self, request: &Request) -> String {
        let call_id = request.headers.text(Name::CallId).unwrap_or_default();
        let from = request.headers.text(Name::From).unwrap_or_default();
        let mut digest = <sha2::Sha256 as sha2::Digest>::new_with_prefix(self.nonce_key);
        sha2::Digest::update(&mut digest, call_id.as_bytes());
        sha2::Digest::update(&mut digest, from.as_bytes());
        let bytes = sha2::Digest::finalize(digest);
        bytes
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    fn cancelled(&mut self, id: ServerId, request: &Request, target: CancelTarget, now: Now) {
        match target {
            CancelTarget::Unknown => self.respond_status(id, request, 481, now),
            CancelTarget::Answered(_) => self.respond_status(id, request, 200, now),
            CancelTarget::Pending(invite) => {
                self.respond_status(id, request, 200, now);
                if let Some(leg) = self.servers.get(&invite).copied() {
                    self.caller_cancelled(leg, now);
                }
            }
        }
    }

    fn receive_response(&mut self, response: Response, flow: Flow, now: Now) {
        let (Ok(via), Ok(cseq)) = (response.headers.via(), response.headers.cseq()) else {
            return;
        };
        // §18.1.2: what is not addressed to us is dropped; else a stranger's 2xx would have us send
        // ACK and BYE.
        let (address, port) = self.our_place(flow);
        let ours = via.host.address() == Some(address) && via.port.unwrap_or(5060) == port;
        if !ours || response.headers.vias().map_or(0, |vias| vias.len()) != 1 {
            return;
        }
        let key = ClientKey::new(via.branch(), cseq.method.as_str());
        let to = response
            .headers
            .text(Name::To)
            .unwrap_or_default()
            .into_owned();
        match self
            .layer
            .receive_response(&key, response.status, &to, now.at)
        {
            Answered::ToUser(id) => self.answered(id, &response, flow, now),
            Answered::Absorbed => {}
            Answered::Stray => self.stray_answer(&response, flow),
        }
    }
}

/// §18.2.1 and RFC 3581: where the request really came from.
fn mark_received(request: &mut Request, flow: Flow) {
    let Ok(mut via) = request.headers.via() else {
        return;
    };
    let differs = via.host.address() != Some(flow.remote.ip());
    let asks_port = via.parameter("rport") == Some("");
    if !differs && !asks_port {
        return;
    }
    if differs || asks_port {
        via.set_parameter("received", flow.remote.ip().to_string());
    }
    if asks_port {
        via.set_parameter("rport", flow.remote.port().to_string());
    }
    request.headers.set_top_via(&via);
}

fn keys(request: &Request) -> Option<Incoming> {
    let headers = &request.headers;
    let via: Via = headers.via().ok()?;
    let (from, to) = (headers.from().ok()?, headers.to().ok()?);
    let cseq = headers.cseq().ok()?;
    let (uri, whole_via, sent_by) = (request.uri.to_string(), via.to_string(), via.sent_by());
    let old = OldFacts {
        request_uri: &uri,
        call_id: headers.call_id().ok()?,
        from_tag: from.tag(),
        to_tag: to.tag(),
        cseq: cseq.number,
    };
    let top = TopVia {
        branch: Some(via.branch()).filter(|branch| !branch.is_empty()),
        sent_by: &sent_by,
        whole: &whole_via,
    };
    let method = request.method.as_str();
    Some(Incoming {
        key: ServerKey::new(top, method, old),
        merge: MergeKey::new(method, old),
        kind: Kind::of(method),
    })
}

/// What is refused whatever it asks (§8.2.1–§8.2.3).
pub(super) fn refusal_for_all(request: &Request) -> Option<Response> {
    use crate::sip::uri::Uri;
    if matches!(request.uri, Uri::Other(_)) {
        return Some(Response::to(request, 416));
    }
    if matches!(request.headers.max_forwards(), Ok(Some(0))) && request.method != Method::Options {
        return Some(Response::to(request, 483));
    }
    let has = |token: &String| {
        let registrar = match request.method {
            Method::Register => REGISTRAR_SUPPORTED,
            _ => "",
        };
        SUPPORTED
            .split(", ")
            .chain(registrar.split(", "))
            .any(|ours| ours.eq_ignore_ascii_case(token))
    };
    let required = request.headers.tokens(Name::Require);
    let proxied = request.headers.tokens(Name::ProxyRequire);
    let unknown: Vec<String> = required
        .into_iter()
        .filter(|token| !has(token))
        .chain(proxied)
        .take(MAX_UNSUPPORTED)
        .collect();
    if !unknown.is_empty() {
        let response = Response::to(request, 420);
        return Some(response.with(Name::Unsupported, unknown.join(", ")));
    }
    let encoded = request.headers.text(Name::ContentEncoding);
    if encoded.is_some_and(|encoding| !encoding.eq_ignore_ascii_case("identity")) {
        let response = Response::to(request, 415);
        return Some(response.with(Name::AcceptEncoding, "identity"));
    }
    let reads_body = matches!(
        request.method,
        Method::Invite | Method::Update | Method::Prack
    );
    let optional = request.headers.text(Name::ContentDisposition);
    let optional = optional.is_some_and(|text| text.contains("handling=optional"));
    if reads_body
        && !request.body.is_empty()
        && !optional
        && request.headers.content_type().as_deref() != Some(SDP)
    {
        return Some(Response::to(request, 415).with(Name::Accept, SDP));
    }
    let accepts = |mut list: Vec<String>| {
        list.iter_mut().for_each(|one| one.make_ascii_lowercase());
        list.iter().any(|one| {
            one.starts_with(SDP) || one.starts_with("*/*") || one.starts_with("application/*")
        })
    };
    if request.method == Method::Invite
        && request.headers.has(Name::Accept)
        && !accepts(request.headers.tokens(Name::Accept))
    {
        return Some(Response::to(request, 406));
    }
    None
}

/// Tells what we can (§11.2).
pub(super) fn capabilities(response: Response) -> Response {
    response
        .with(Name::Allow, ALLOW)
        .with(Name::Accept, SDP)
        .with(Name::AcceptEncoding, "identity")
        .with(
            Name::Supported,
            format!("{SUPPORTED}, {REGISTRAR_SUPPORTED}"),
        )
        .with(Name::AllowEvents, super::mailbox::ALLOW_EVENTS)
}
