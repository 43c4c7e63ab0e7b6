//! The way of a request inside a dialog (RFC 3261 §8.1.2, §12.2.1.1), also after its connection closed.

use std::net::{IpAddr, SocketAddr};

use super::input::Route;
use super::pbx::Switch;
use crate::call::Leg;
use crate::sip::dialog::Dialog;
use crate::sip::flow::{ConnectionId, Flow, Transport};
use crate::sip::locate::Target;
use crate::sip::uri::Uri;

impl Switch {
    /// The way to a leg's peer. A phone is reached by the way that it took to us (RFC 5626 §5.3), or
    /// when that is gone, by the way that it registered by since.
    pub(super) fn way_to(&self, leg: &Leg) -> Flow {
        if let Some(operator) = &leg.operator {
            if !leg.flow.is_closed() {
                return leg.flow;
            }
            // What was secret stays so (RFC 3261 §26.2.2).
            let secure = leg.flow.transport.is_secure();
            let bindings = self.registrar.contacts(operator).iter().rev();
            let mut good = bindings.filter(|one| one.flow.transport.is_secure() || !secure);
            // Its own flow of now, rather than that of another phone.
            let target = leg.dialog.as_ref().map(|dialog| dialog.target.as_str());
            let own = good
                .clone()
                .find(|one| target == Some(one.contact.as_str()));
            if let Some(binding) = own.or_else(|| good.next()) {
                return binding.flow;
            }
        }
        match &leg.dialog {
            Some(dialog) if leg.trunk.is_some() => self.trunks_hop(dialog, leg.flow),
            Some(dialog) => self.next_hop(dialog, leg.flow),
            None => leg.flow,
        }
    }

    /// Whether a trunk is there: one that brings calls from there, or that takes ours there.
    pub(super) fn is_carriers(&self, flow: Flow) -> bool {
        let mut taking = self.last_targets.values().flatten();
        let there = |one: &Target| {
            one.remote == flow.remote && one.protocol.transport() == Some(flow.transport)
        };
        self.trunk_behind(flow).is_some() || taking.any(there)
    }

    /// A trunk is reached as its route or its Contact says, where that is an address; whoever sits
    /// behind a NAT by `flow`. What cannot be better than `flow` leaves it.
    pub(super) fn next_hop(&self, dialog: &Dialog, flow: Flow) -> Flow {
        let trunk = self.is_carriers(flow) && !self.is_phone(flow);
        if !trunk && !flow.is_closed() {
            return flow;
        }
        self.trunks_hop(dialog, flow)
    }

    fn trunks_hop(&self, dialog: &Dialog, flow: Flow) -> Flow {
        let hop = dialog
            .next_hop()
            .and_then(|uri| place(&uri, flow.transport));
        let Some((remote, transport)) = hop else {
            return flow;
        };
        if !may_lie_behind(flow.remote.ip(), remote.ip()) {
            return flow;
        }
        if flow.transport.is_secure() && !transport.is_secure() {
            return flow;
        }
        let same = transport == flow.transport;
        // RFC 5923: a connection that stands is good for both directions.
        let stands = flow.connection.is_some() && !flow.is_closed();
        if same && stands && remote.ip() == flow.remote.ip() {
            return flow;
        }
        let local = match same && remote.is_ipv4() == flow.local.is_ipv4() {
            true => flow.local,
            false => match self.flow_to(
                Route {
                    remote,
                    local: None,
                },
                transport,
            ) {
                Some(other) => other.local,
                None => return flow,
            },
        };
        Flow {
            transport,
            local,
            remote,
            connection: None,
        }
    }

    /// A connection closed under legs. A trunk's leg takes its other way at once, also for a 2xx that
    /// waits for its ACK; a phone comes back by a way of its own, which is looked up when it is needed.
    pub(super) fn reroute(&mut self, connection: ConnectionId) {
        let on_it = |leg: &&mut Leg| leg.flow.connection == Some(connection);
        let mut trunks = Vec::new();
        for leg in self.legs.values_mut().filter(on_it) {
            leg.flow = leg.flow.closed();
            if leg.operator.is_none() {
                trunks.push(leg.id);
            }
        }
        for id in trunks {
            let way = self.legs.get(&id).map(|leg| self.way_to(leg));
            if let (Some(way), Some(leg)) = (way, self.legs.get_mut(&id)) {
                leg.flow = way;
            }
        }
    }
}

/// The address of a URI that names one, and the transport to it; `current` where it names none.
fn place(uri: &Uri, current: Transport) -> Option<(SocketAddr, Transport)> {
    let address = uri.host()?.address()?;
    let transport = match uri.parameter("transport") {
        None => current,
        Some(name) => Transport::named(name)?,
    };
    let transport = match uri.is_sips() {
        // Whatever it names, it is TLS upon that (§26.2.2).
        true => Transport::Tls,
        false => transport,
    };
    Some((SocketAddr::new(address, uri.port()), transport))
}

/// Whether a peer seen at `seen` may mean what it calls `named`: private addresses are good on private
/// networks alone, and loopback on loopback.
fn may_lie_behind(seen: IpAddr, named: IpAddr) -> bool {
    let is_private = |ip: IpAddr| match ip {
        IpAddr::V4(v4) => v4.is_private() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local(),
    };
    let near = is_private(seen) || seen.is_loopback();
    let nowhere = named.is_unspecified() || named.is_multicast();
    !nowhere && (!named.is_loopback() || seen.is_loopback()) && (!is_private(named) || near)
}
