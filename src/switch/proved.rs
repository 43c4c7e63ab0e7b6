//! TLS as decisions see it: who proved to be a trunk (RFC 5922), and what must not go in the clear.

use super::input::Output;
use super::pbx::Switch;
use super::settings::Trunk;
use crate::ids::TrunkName;
use crate::sip::flow::{ConnectionId, Flow};

impl Switch {
    /// The certificate of a connection's peer was verified, and bears these names.
    pub(super) fn proved(&mut self, connection: ConnectionId, names: &[String]) {
        if let Some(trunk) = self.settings.trunk_named(names) {
            self.proved.insert(connection, trunk);
        }
    }

    /// The trunk behind a way: by what it proved, or by where it comes from.
    pub(super) fn trunk_behind(&self, flow: Flow) -> Option<TrunkName> {
        // Any page that a person visits can open a WebSocket from that person's machine, which may be one
        // of a trunk's: the address proves nothing there.
        if flow.transport.is_websocket() {
            return None;
        }
        let proved = flow.connection.and_then(|id| self.proved.get(&id));
        proved.cloned().or_else(|| self.trunk_at(flow.remote.ip()))
    }

    /// A trunk's server that we are about to connect to must prove to be the trunk's host, whatever the
    /// names are that DNS led over.
    pub(super) fn expect_at(&mut self, trunk: &Trunk, flow: Flow) {
        if let Some(peer) = trunk.peer.as_ref().and_then(|peer| peer.host())
            && flow.transport.is_secure()
        {
            self.outputs.push_back(Output::Expect {
                remote: flow.remote,
                host: peer.to_string(),
            });
        }
    }
}
