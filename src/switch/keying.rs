//! Whose audio is encrypted, and our keys for it. SDES writes keys into descriptions, so it is good
//! where others cannot read these (RFC 4568 §7): over TLS.

use std::collections::BTreeSet;

use rand_chacha::rand_core::RngCore;
use serde::{Deserialize, Serialize};

use super::pbx::Switch;
use crate::ids::{CallId, LegId, OperatorId, TrunkName};
use crate::media::Crypto;
use crate::private::Private;
use crate::rtp::srtp::MAX_SECRET;
use crate::sdp::{Keying, Srtp};
use crate::sip::flow::Flow;
use crate::time::Now;

/// What `[media]` says about operators' phones; each trunk has its own.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SrtpSettings {
    /// Of all operators but those named below.
    pub phones: Srtp,
    /// Operators whose audio must be encrypted.
    pub required: BTreeSet<OperatorId>,
    /// Operators whose phones get no word about keys.
    pub off: BTreeSet<OperatorId>,
    /// Keys may be written where others can read them: for trials alone.
    pub keys_in_clear: bool,
}

impl SrtpSettings {
    fn of(&self, operator: &OperatorId) -> Srtp {
        if self.required.contains(operator) {
            Srtp::Required
        } else if self.off.contains(operator) {
            Srtp::Off
        } else {
            self.phones
        }
    }
}

impl Switch {
    /// What a description may say that goes this way. `operator`: whose phone it is.
    pub(super) fn keying(
        &mut self,
        flow: Flow,
        (operator, trunk): (Option<&OperatorId>, Option<&TrunkName>),
        current: Option<Crypto>,
    ) -> Keying {
        let wish = match (operator, trunk) {
            (Some(operator), _) => self.settings.srtp.of(operator),
            // Where DNS led to a trunk, its address names nobody.
            (None, Some(trunk)) => self.settings.trunk_srtp(Some(trunk)),
            (None, None) => self.settings.trunk_srtp(self.trunk_behind(flow).as_ref()),
        };
        let is_safe = flow.transport.is_secure() || self.settings.srtp.keys_in_clear;
        if wish == Srtp::Off || (wish == Srtp::Optional && !is_safe) {
            return Keying::OFF;
        }
        let secret = is_safe.then(|| {
            let mut secret = [0; MAX_SECRET];
            self.random.fill_bytes(&mut secret);
            Private::new(secret)
        });
        Keying {
            wish,
            secret,
            current,
        }
    }

    /// The same for an INVITE of ours; `None`: nobody can be rung this way, and an alarm says why.
    pub(super) fn keying_to_ring(
        &mut self,
        call: CallId,
        flow: Flow,
        peer: (Option<&OperatorId>, Option<&TrunkName>),
        now: Now,
    ) -> Option<Keying> {
        let keying = self.keying(flow, peer, None);
        if keying.wish != Srtp::Required || keying.secret.is_some() {
            return Some(keying);
        }
        let text = format!(
            "audio to {flow} must be encrypted, but the way there is not: let the phone register by \
             TLS, or set srtp to \"optional\""
        );
        self.alarm(Some(call), "srtp-without-tls", text, now);
        None
    }

    /// The same for a leg's next description.
    pub(super) fn keying_of(&mut self, id: LegId) -> Keying {
        let Some(leg) = self.legs.get(&id) else {
            return Keying::OFF;
        };
        let (flow, operator, trunk) = (leg.flow, leg.operator.clone(), leg.trunk.clone());
        let stream = leg.media.stream.as_ref();
        let current = stream.and_then(|stream| stream.crypto.clone());
        self.keying(flow, (operator.as_ref(), trunk.as_ref()), current)
    }
}
