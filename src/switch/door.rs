//! What is answered without a transaction (RFC 3261 §8.2.7): a stranger who has proved nothing costs
//! us one datagram of about the size of his own, and no memory.

use super::arrive::number_of;
use super::dialogs::dialog_id;
use super::dispatch::{ALLOW, capabilities, refusal_for_all};
use super::mailbox::known_package;
use super::pbx::Switch;
use super::register::Gate;
use crate::ids::OperatorId;
use crate::sip::flow::{Flow, Transport};
use crate::sip::message::{Method, Name, Request, Response};
use crate::sip::transaction::layer::{Incoming, Kind};
use crate::sip::uri::Uri;
use crate::time::Now;

/// Where replies go to a sender who names no port (§18.2.2).
const DEFAULT_PORT: u16 = 5060;

impl Switch {
    /// Lets in what goes on with something that we know, a call by a trunk, and whoever proves to be
    /// an operator; else the answer is all that comes of it.
    pub(super) fn admit(
        &mut self,
        request: &Request,
        incoming: &Incoming,
        flow: Flow,
        now: Now,
    ) -> Result<Option<OperatorId>, Box<Response>> {
        let refuse = |status| Err(Box::new(Response::to(request, status)));
        if incoming.kind == Kind::Ack || self.layer.knows(&incoming.key) {
            return Ok(None);
        }
        if incoming.kind == Kind::Cancel {
            return match self.layer.knows(&incoming.key.cancelled()) {
                true => Ok(None),
                false => refuse(481),
            };
        }
        if let Some(refusal) = refusal_for_all(request) {
            return Err(Box::new(refusal));
        }
        if request.headers.to().is_ok_and(|to| to.tag().is_some()) {
            let known = self.leg_of(request).is_some()
                || self.ringing_leg_of(request).is_some()
                || dialog_id(request).is_some_and(|id| self.mailboxes.has(&id));
            return match known {
                true => Ok(None),
                false => refuse(481),
            };
        }
        match &request.method {
            Method::Invite if self.needs_proof(request, flow) => {
                self.authenticate(request, flow, Gate::Proxy, now).map(Some)
            }
            Method::Invite => Ok(None),
            // §10.3 step 5: no address of record.
            Method::Register if matches!(request.headers.to(), Ok(to) if matches!(to.uri, Uri::Other(_))) => {
                refuse(400)
            }
            Method::Register => self
                .authenticate(request, flow, Gate::Registrar, now)
                .map(Some),
            Method::Subscribe => {
                known_package(request)?;
                self.authenticate(request, flow, Gate::Registrar, now)
                    .map(Some)
            }
            _ => Err(Box::new(without_state(request))),
        }
    }

    /// Whether the caller has to be an operator: for codes, wherever no trunk is, and to reach operators.
    fn needs_proof(&self, request: &Request, flow: Flow) -> bool {
        let user = request.uri.user().unwrap_or_default();
        let inside = || {
            request.headers.has(Name::Replaces)
                || self.accounts.contains_key(&OperatorId(user.clone()))
                || number_of(&request.uri).is_some_and(|one| !self.plan.has_number(&one))
        };
        // One proxy may be before the phones and a trunk at once.
        let from = request.headers.from();
        let from = from.ok().and_then(|from| from.uri.user());
        let by_operator = from.is_some_and(|user| self.accounts.contains_key(&OperatorId(user)));
        user.starts_with('*')
            || self.trunk_of_request(request, flow).is_none()
            // An operator who calls another one: from a carrier, such a number is the helpline's.
            || (by_operator && inside() && self.is_phone(flow))
    }

    /// The way of our replies (§18.2.2, RFC 3581 §4). A trunk that does not ask for its source port
    /// hears at the port of its Via, if that names the very address that it came from: a NAT would know
    /// the source port alone. So it is with phones, whose way of registration is the way of their calls.
    pub(super) fn way_back(&self, request: &Request, flow: Flow) -> Flow {
        let Ok(via) = request.headers.via() else {
            return flow;
        };
        let stays = flow.transport != Transport::Udp
            || via.parameter("rport").is_some()
            || via.host.address() != Some(flow.remote.ip())
            || request.method == Method::Register
            || self.trunk_behind(flow).is_none()
            || self.is_phone(flow);
        let mut flow = flow;
        if !stays {
            flow.remote.set_port(via.port.unwrap_or(DEFAULT_PORT));
        }
        flow
    }

    /// Whether an operator's phone registered by this way.
    pub(super) fn is_phone(&self, flow: Flow) -> bool {
        let mut bindings = self.registrar.all().flat_map(|(_, bindings)| bindings);
        bindings.any(|binding| {
            binding.flow.transport == flow.transport && binding.flow.remote == flow.remote
        })
    }
}

/// The answer to what neither needs nor makes a dialog or a registration.
fn without_state(request: &Request) -> Response {
    match request.method {
        Method::Options => capabilities(Response::to(request, 200)),
        // Outside a dialog there is nothing that they could mean (§12.2.2, RFC 3262 §3).
        Method::Bye | Method::Prack | Method::Update | Method::Info => Response::to(request, 481),
        // Nobody makes this exchange call somebody from outside a call.
        Method::Refer => Response::to(request, 403),
        Method::Other(_) => Response::to(request, 501).with(Name::Allow, ALLOW),
        _ => Response::to(request, 405).with(Name::Allow, ALLOW),
    }
}
