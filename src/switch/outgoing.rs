//! Requests of our own: written, sent, and sent again where the peer asks who we are (RFC 3261 §22).

use std::net::{IpAddr, SocketAddr};

use super::input::Route;
use super::legs::session_expires;
use super::pbx::Switch;
use crate::event::Side;
use crate::ids::{LegId, TrunkName};
use crate::sip::digest::{Challenge, Credentials};
use crate::sip::flow::{Flow, Transport};
use crate::sip::message::{Method, Name, Request, Response};
use crate::sip::session_timer::{self, Proposal};
use crate::sip::transaction::layer::{ClientId, Outgoing};
use crate::sip::uri::Host;
use crate::time::Now;

/// A refusal of our credentials is believed after so many attempts.
const MAX_TRIES: u8 = 2;

/// What a request of ours is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// A leg's first INVITE.
    Invite(LegId),
    /// The end of a leg that is forgotten already.
    Bye,
    /// Is the peer there?
    Probe(LegId),
    /// A session refresh (RFC 4028).
    Refresh(LegId),
    /// Does a silent phone speak again?
    Ask(u64),
    /// How a transfer goes (RFC 3515 §2.4.4); `true`: that was the last word, and the leg ends with it.
    Notify(LegId, bool),
    /// What is in a mailbox (RFC 3842).
    Summary(u64),
    /// A provisional response is acknowledged (RFC 3262 §4).
    Prack(LegId),
    /// A carrier learns where our calls go; the trunk's place in the settings.
    Register(usize),
    /// Does a carrier live?
    Qualify(usize),
}

/// Whether a large request can still go as a datagram (RFC 3261 §18.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fallback {
    /// It goes by the way that was chosen for it.
    None,
    /// It goes by a connection, and where that is refused, by this.
    To(Flow),
    /// The connection was refused.
    Taken,
}

/// A request of ours that is under way.
#[derive(Debug, Clone)]
pub(super) struct Pending {
    pub(super) purpose: Purpose,
    /// Without Via, to be sent again.
    pub(super) request: Request,
    pub(super) flow: Flow,
    /// What it proposes as session timer; `None`: that of a first INVITE.
    pub(super) proposal: Option<Proposal>,
    /// What becomes of it where a connection was tried since it is large.
    pub(super) fallback: Fallback,
    tries: u8,
    credentials: Option<Credentials>,
}

impl Switch {
    /// Our host and port as the peer behind a flow shall read them.
    pub(super) fn our_place(&self, flow: Flow) -> (IpAddr, u16) {
        let address = self.settings.address_for(flow.remote.ip(), flow.local.ip());
        // A connection that we opened has a port of its own; requests come to the listener's.
        let listener = self.settings.listeners.iter().find(|(transport, local)| {
            *transport == flow.transport
                && (local.ip() == flow.local.ip() || local.ip().is_unspecified())
        });
        let port = match flow.transport {
            Transport::Udp => flow.local.port(),
            _ => listener.map_or(flow.local.port(), |(_, local)| local.port()),
        };
        (address, port)
    }

    /// Our Contact towards the peer behind a flow.
    pub(super) fn our_contact(&self, flow: Flow) -> String {
        let (address, port) = self.our_place(flow);
        let host = Host::Address(address);
        match flow.transport {
            Transport::Udp => format!("<sip:qaynar@{host}:{port}>"),
            other => {
                let transport = other.parameter();
                format!("<sip:qaynar@{host}:{port};transport={transport}>")
            }
        }
    }

    /// The same inside a dialog of `sips`, whose Contacts are of that scheme too (§12.1.1, RFC 5630 §5.1).
    pub(super) fn our_contact_as(&self, secure: bool, flow: Flow) -> String {
        if !secure || !flow.transport.is_secure() {
            return self.our_contact(flow);
        }
        let (address, port) = self.our_place(flow);
        let host = Host::Address(address);
        match flow.transport.is_websocket() {
            true => format!("<sips:qaynar@{host}:{port};transport=ws>"),
            false => format!("<sips:qaynar@{host}:{port}>"),
        }
    }

    /// Writes the Via and the common headers: the whole request.
    fn complete(&mut self, request: &Request, flow: Flow) -> (String, Request) {
        let branch = format!("z9hG4bK{}", self.token());
        let (address, port) = self.our_place(flow);
        let transport = flow.transport.via_name();
        let via = format!(
            "SIP/2.0/{transport} {}:{port};rport;branch={branch}",
            Host::Address(address)
        );
        let mut request = request.clone();
        request.headers.push_front(Name::Via, via);
        (branch, request)
    }

    /// Sends a request in a transaction; `None`: there are too many.
    pub(super) fn send_request(
        &mut self,
        request: Request,
        flow: Flow,
        purpose: Purpose,
        credentials: Option<Credentials>,
        now: Now,
    ) -> Option<ClientId> {
        let pending = Pending {
            purpose,
            request,
            flow,
            proposal: None,
            fallback: Fallback::None,
            tries: 0,
            credentials,
        };
        self.transmit(pending, now)
    }

    pub(super) fn transmit(&mut self, mut pending: Pending, now: Now) -> Option<ClientId> {
        let (mut branch, mut whole) = self.complete(&pending.request, pending.flow);
        let mut bytes = whole.to_bytes();
        if let Some(connection) = self.way_by_size(&pending, bytes.len()) {
            pending.fallback = Fallback::To(pending.flow);
            pending.flow = connection;
            (branch, whole) = self.complete(&pending.request, connection);
            bytes = whole.to_bytes();
        }
        let outgoing = Outgoing {
            branch: &branch,
            method: pending.request.method.as_str(),
            bytes: bytes.into(),
            flow: pending.flow,
        };
        let id = self.layer.start(outgoing, now.at).ok()?;
        self.clients.insert(id, pending);
        Some(id)
    }

    /// Sends an ACK of a 2xx, or the BYE that goes with it, outside any transaction (§13.2.2.4);
    /// returns its bytes for repetitions.
    pub(super) fn send_ack(&mut self, ack: &Request, flow: Flow) -> std::sync::Arc<[u8]> {
        let (_, whole) = self.complete(ack, flow);
        let bytes: std::sync::Arc<[u8]> = whole.to_bytes().into();
        self.layer.send(flow, bytes.clone());
        bytes
    }

    /// The peer asked who we are: the same request again with the proof, a new CSeq and the same
    /// Call-ID (§22.2). `true`: it is on its way.
    pub(super) fn answer_challenge(
        &mut self,
        pending: &Pending,
        response: &Response,
        now: Now,
    ) -> Option<ClientId> {
        let (asks, answers) = match response.status {
            401 => (Name::WwwAuthenticate, Name::Authorization),
            407 => (Name::ProxyAuthenticate, Name::ProxyAuthorization),
            _ => return None,
        };
        let credentials = pending.credentials.clone()?;
        if pending.tries >= MAX_TRIES {
            return None;
        }
        let values = response.headers.fields(&asks).map(String::from_utf8_lossy);
        let challenge = Challenge::best(values)?;
        let mut next = pending.clone();
        next.tries += 1;
        let uri = next.request.uri.to_string();
        let method = next.request.method.as_str().to_owned();
        let own = self.token();
        let value = challenge.answer(
            &credentials.user,
            credentials.password.reveal(),
            &method,
            &uri,
            &own,
        );
        next.request.headers.set(answers, value);
        self.transmit_again(next, now)
    }

    /// 422: the same request again with the longer interval that the peer wants (RFC 4028 §7.3).
    pub(super) fn propose_more(
        &mut self,
        pending: &Pending,
        response: &Response,
        now: Now,
    ) -> Option<ClientId> {
        let first = || Proposal::new(&session_timer::Settings::default());
        let proposal = pending.proposal.unwrap_or_else(first);
        let raised = proposal.raised(response.headers.min_se()?)?;
        let mut next = pending.clone();
        next.proposal = Some(raised);
        let headers = &mut next.request.headers;
        headers.set(Name::SessionExpires, session_expires(&raised.header()));
        headers.set(Name::MinSe, raised.minimum().as_secs().to_string());
        self.transmit_again(next, now)
    }

    /// The same request with a new CSeq.
    fn transmit_again(&mut self, mut next: Pending, now: Now) -> Option<ClientId> {
        let number = self.next_cseq(&next.purpose, &next.request);
        let value = format!("{number} {}", next.request.method.as_str());
        next.request.headers.set(Name::CSeq, value);
        self.transmit(next, now)
    }

    /// The number for a repeated request: of its dialog, where that still exists.
    fn next_cseq(&mut self, purpose: &Purpose, request: &Request) -> u32 {
        let last = request.headers.cseq().map_or(0, |cseq| cseq.number);
        let dialog = match purpose {
            Purpose::Probe(leg) | Purpose::Refresh(leg) | Purpose::Notify(leg, _) => {
                self.legs.get_mut(leg).and_then(|leg| leg.dialog.as_mut())
            }
            Purpose::Prack(leg) => self.early_dialog(*leg, request),
            Purpose::Invite(_)
            | Purpose::Bye
            | Purpose::Ask(_)
            | Purpose::Summary(_)
            | Purpose::Register(_)
            | Purpose::Qualify(_) => None,
        };
        match dialog {
            Some(dialog) => {
                dialog.local_cseq = dialog.local_cseq.max(last) + 1;
                dialog.local_cseq
            }
            None => last + 1,
        }
    }

    /// Those of our listeners that may send to `remote`.
    pub(super) fn ways_out(
        &self,
        remote: SocketAddr,
        transport: Transport,
    ) -> impl Iterator<Item = SocketAddr> + Clone {
        let near = move |local: &SocketAddr| local.ip().is_loopback() == remote.ip().is_loopback();
        let fits = move |(own, local): &(Transport, SocketAddr)| {
            *own == transport && local.is_ipv4() == remote.is_ipv4()
        };
        let all = self.settings.listeners.iter().copied().filter(fits);
        let all = all.map(|(_, local)| local);
        let any_near = all.clone().any(|local| near(&local));
        all.filter(move |local| !any_near || near(local))
    }

    /// The way to a place that a URI or a resolver named: from the address that the system would send
    /// from, where that is known and one of ours.
    pub(super) fn flow_to(&self, route: Route, transport: Transport) -> Option<Flow> {
        let remote = route.remote;
        let mut listeners = self.ways_out(remote, transport);
        let told = |local: &SocketAddr| Some(local.ip()) == route.local;
        let local = listeners.clone().find(told).or_else(|| listeners.next())?;
        Some(Flow {
            transport,
            local,
            remote,
            connection: None,
        })
    }

    /// Who we are to a trunk.
    pub(super) fn credentials_of(&self, trunk: Option<&TrunkName>) -> Option<Credentials> {
        let trunks = self.settings.trunks.iter();
        let trunk = trunks.into_iter().find(|one| Some(&one.name) == trunk)?;
        trunk.credentials.clone()
    }

    /// Who we are to the peer of a leg: to the trunk that brought it, or that takes outside calls. An
    /// operator's phone never sees a digest of a trunk's password.
    pub(super) fn credentials_for(
        &self,
        flow: Flow,
        side: Side,
        operator: bool,
    ) -> Option<Credentials> {
        let trunks = &self.settings.trunks;
        let trunk = match side {
            _ if operator => None,
            Side::Operator => trunks.iter().find(|trunk| trunk.peer.is_some()),
            Side::Caller | Side::Server => {
                let name = self.trunk_behind(flow)?;
                trunks.iter().find(|trunk| trunk.name == name)
            }
        };
        trunk?.credentials.clone()
    }

    /// A request inside a leg's dialog.
    pub(super) fn send_in_dialog(
        &mut self,
        id: LegId,
        method: Method,
        purpose: Purpose,
        fill: impl FnOnce(&mut Request),
        now: Now,
    ) -> Option<ClientId> {
        let flow = self.way_to(self.legs.get(&id)?);
        let leg = self.legs.get_mut(&id)?;
        let (contact, credentials) = (leg.contact.clone(), leg.credentials.clone());
        let request_makes_target = matches!(method, Method::Invite | Method::Update);
        let mut request = leg.dialog.as_mut()?.request(method, None);
        if request_makes_target {
            request.headers.push(Name::Contact, contact);
        }
        fill(&mut request);
        self.send_request(request, flow, purpose, credentials, now)
    }
}
