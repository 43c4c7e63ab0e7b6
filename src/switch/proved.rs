//! Trunks that prove by certificate who they are (RFC 5922).

use super::pbx::Switch;
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
        let proved = flow.connection.and_then(|id| self.proved.get(&id));
        proved
            .cloned()
            .or_else(|| self.settings.trunk_of(flow.remote.ip()))
    }
}
