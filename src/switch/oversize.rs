//! Requests too large for a datagram (RFC 3261 §18.1.1).

use super::input::Route;
use super::outgoing::{Fallback, Pending};
use super::pbx::Switch;
use crate::sip::flow::{Flow, Transport};
use crate::sip::transaction::layer::ClientId;
use crate::time::Now;

/// What fits a datagram where nothing is known of the path: 1500 octets of Ethernet less 200.
pub(super) const LARGEST_DATAGRAM: usize = 1_300;

impl Switch {
    /// The connection by which a request of `length` octets goes instead of a datagram. A phone is reached
    /// by the way that it registered by and by no other, and a trunk whose host was written with `udp://`
    /// wants no connection.
    pub(super) fn way_by_size(&self, pending: &Pending, length: usize) -> Option<Flow> {
        let flow = pending.flow;
        let small = length <= LARGEST_DATAGRAM || flow.transport != Transport::Udp;
        if small || pending.fallback != Fallback::None || self.is_phone(flow) {
            return None;
        }
        let trunk = self.trunk_behind(flow);
        let to = pending.request.uri.host().map(ToString::to_string);
        let pinned = self.settings.trunks.iter().any(|one| {
            let peer = one.peer.as_ref();
            let peer = peer.filter(|peer| {
                let named = peer.parameter("transport");
                named.is_some_and(|name| Transport::named(name) == Some(Transport::Udp))
            });
            let host = peer.and_then(|peer| peer.host()).map(ToString::to_string);
            host.is_some_and(|host| trunk.as_ref() == Some(&one.name) || to.as_ref() == Some(&host))
        });
        if pinned {
            return None;
        }
        let route = Route {
            remote: flow.remote,
            local: Some(flow.local.ip()),
        };
        self.flow_to(route, Transport::Tcp)
    }

    /// The peer takes no connections: the same request as a datagram after all. `false`: it went as one.
    pub(super) fn falls_back(&mut self, id: ClientId, now: Now) -> bool {
        let Some(pending) = self.clients.get(&id) else {
            return false;
        };
        let Fallback::To(flow) = pending.fallback else {
            return false;
        };
        if !self.is_wanted(id, pending) {
            return false;
        }
        let mut next = pending.clone();
        next.flow = flow;
        next.fallback = Fallback::Taken;
        match self.transmit(next.clone(), now) {
            Some(again) => {
                self.asked_again(&next, id, again);
                true
            }
            None => false,
        }
    }
}
