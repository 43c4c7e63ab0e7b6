//! Who is no stranger: trunks, and the phones that operators registered by. When there is more than we
//! can take, these come first.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::mpsc;

use crate::ids::OperatorId;
use crate::registrar::Binding;
use crate::switch::Input;

/// Strangers' messages that wait for the switch hold about so many octets, a few times more at worst.
const STRANGERS_BYTES: usize = 16 * 1024 * 1024;

#[derive(Default)]
struct Phones {
    of: BTreeMap<OperatorId, Vec<SocketAddr>>,
    /// How many bindings are at an address.
    at: HashMap<SocketAddr, usize>,
}

type Trusted = dyn Fn(IpAddr) -> bool + Send + Sync;

/// Shared by whoever receives; written when a binding changes.
#[derive(Clone)]
pub struct Known {
    trusted: Arc<Trusted>,
    trusted_names: Arc<[String]>,
    phones: Arc<RwLock<Phones>>,
}

impl Known {
    /// No phones yet; `trusted` tells trunks.
    pub fn new(trusted: impl Fn(IpAddr) -> bool + Send + Sync + 'static) -> Self {
        Self {
            trusted: Arc::new(trusted),
            trusted_names: Arc::default(),
            phones: Arc::default(),
        }
    }

    /// With the names that trunks' certificates bear.
    #[must_use]
    pub fn with_names(self, names: impl IntoIterator<Item = String>) -> Self {
        let trusted_names = names.into_iter().collect();
        Self {
            trusted_names,
            ..self
        }
    }

    /// Whether one of the names that a certificate proves is a trunk's.
    pub fn trusts(&self, names: &[String]) -> bool {
        self.trusted_names.iter().any(|name| names.contains(name))
    }

    /// These are an operator's phones from now on.
    pub fn keep(&self, operator: &OperatorId, bindings: &[Binding]) {
        let mut phones = self.phones.write().unwrap_or_else(PoisonError::into_inner);
        for old in phones.of.remove(operator).unwrap_or_default() {
            if let Some(count) = phones.at.get_mut(&old) {
                *count -= 1;
                if *count == 0 {
                    phones.at.remove(&old);
                }
            }
        }
        if bindings.is_empty() {
            return;
        }
        let places: Vec<SocketAddr> = bindings.iter().map(|one| one.flow.remote).collect();
        for place in &places {
            *phones.at.entry(*place).or_default() += 1;
        }
        phones.of.insert(operator.clone(), places);
    }

    /// Whether a peer is a trunk or a registered phone.
    pub fn knows(&self, remote: SocketAddr) -> bool {
        let phones = || self.phones.read().unwrap_or_else(PoisonError::into_inner);
        (self.trusted)(remote.ip()) || phones().at.contains_key(&remote)
    }

    /// Whether a message of `length` octets may join those that wait for the switch: of a stranger only
    /// while half of the places are free, and the longer the message is, the more of them.
    pub fn lets_in(&self, remote: SocketAddr, length: usize, inputs: &mpsc::Sender<Input>) -> bool {
        let most = inputs.max_capacity();
        let waiting = most - inputs.capacity();
        let room = waiting < most / 2 && waiting.saturating_mul(length) <= STRANGERS_BYTES;
        room || self.knows(remote)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::flow::{ConnectionId, Flow, Transport};
    use crate::time::Wall;

    fn binding(remote: &str) -> Binding {
        let flow = Flow {
            transport: Transport::Udp,
            local: "127.0.0.1:5060".parse().unwrap(),
            remote: remote.parse().unwrap(),
            connection: None,
        };
        Binding {
            contact: "sip:101@192.0.2.9".into(),
            instance: None,
            reg_id: None,
            path: Vec::new(),
            flow,
            expires: Wall(0),
            call_id: "r".into(),
            cseq: 1,
        }
    }

    fn nobody() -> Known {
        Known::new(|ip| ip == IpAddr::from([198, 51, 100, 7]))
    }

    #[test]
    fn a_phone_is_known_for_as_long_as_any_operator_registers_by_it() {
        let known = nobody();
        let (phone, trunk) = ("192.0.2.9:5062", "198.51.100.7:9".parse().unwrap());
        let place: SocketAddr = phone.parse().unwrap();
        assert!(known.knows(trunk) && !known.knows(place));
        known.keep(&"101".into(), &[binding(phone)]);
        known.keep(&"102".into(), &[binding(phone)]);
        known.keep(&"101".into(), &[]);
        assert!(known.knows(place));
        known.keep(&"102".into(), &[]);
        assert!(!known.knows(place));
    }

    #[test]
    fn long_messages_of_strangers_wait_in_small_numbers_alone() {
        let (inputs, _heard) = mpsc::channel(10_000);
        let (known, stranger) = (nobody(), "192.0.2.66:5060".parse().unwrap());
        let mut octets = 0;
        // The worst that a stranger can do: always the longest that is let in.
        for length in (1..=64).rev().map(|kilo| kilo * 1_000) {
            while known.lets_in(stranger, length, &inputs) {
                let connection = ConnectionId(1);
                inputs.try_send(Input::FlowClosed { connection }).unwrap();
                octets += length;
            }
        }
        assert!(octets < 5 * STRANGERS_BYTES, "{octets}");
        assert!(inputs.capacity() >= 5_000);
        assert!(known.lets_in("198.51.100.7:9".parse().unwrap(), 64_000, &inputs));
    }
}
