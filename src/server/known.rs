//! Who is no stranger: trunks, and the phones that operators registered by. When there is more than we
//! can take, these come first.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use tokio::sync::mpsc;

use super::clock::Clock;
use super::limits::{Figures, Limits, Standing, Way};
use crate::config::Rates;
use crate::ids::{OperatorId, TrunkName};
use crate::registrar::Binding;
use crate::sip::source::Source;
use crate::switch::Input;

/// Strangers' messages that wait for the switch hold about so many octets, a few times more at worst.
const STRANGERS_BYTES: usize = 16 * 1024 * 1024;

/// A connection costs as much as so many messages: there may be a handshake to compute.
const CONNECTION: u32 = 10;
/// How often whoever has to wait is looked at again: he may have registered meanwhile.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

#[derive(Default)]
struct Table {
    of: BTreeMap<OperatorId, Vec<SocketAddr>>,
    /// How many bindings are at an address.
    at: HashMap<SocketAddr, usize>,
    /// How many are behind one NAT, or in one network of IPv6.
    behind: HashMap<Source, usize>,
    /// Where DNS leads to, trunk by trunk.
    servers: BTreeMap<TrunkName, Vec<IpAddr>>,
}

/// One more, or one less; what nobody holds is forgotten.
fn count<K: std::hash::Hash + Eq>(all: &mut HashMap<K, usize>, one: K, is_more: bool) {
    let held = all.get(&one).copied().unwrap_or_default();
    match (is_more, held) {
        (true, _) => drop(all.insert(one, held + 1)),
        (false, 0 | 1) => drop(all.remove(&one)),
        (false, _) => drop(all.insert(one, held - 1)),
    }
}

type Trusted = dyn Fn(IpAddr) -> bool + Send + Sync;

/// Shared by whoever receives; written when a binding changes.
#[derive(Clone)]
pub struct Known {
    trusted: Arc<Trusted>,
    trusted_names: Arc<[String]>,
    table: Arc<RwLock<Table>>,
    limits: Option<Arc<Limits>>,
}

impl Known {
    /// No phones yet; `trusted` tells trunks.
    pub fn new(trusted: impl Fn(IpAddr) -> bool + Send + Sync + 'static) -> Self {
        Self {
            trusted: Arc::new(trusted),
            trusted_names: Arc::default(),
            table: Arc::default(),
            limits: None,
        }
    }

    /// None may send more than this.
    #[must_use]
    pub fn limited(self, rates: Rates, clock: Clock) -> Self {
        Self {
            limits: Some(Arc::new(Limits::new(rates, clock))),
            ..self
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
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        let table = &mut *table;
        for old in table.of.remove(operator).unwrap_or_default() {
            count(&mut table.at, old, false);
            count(&mut table.behind, Source::of(old.ip()), false);
        }
        if bindings.is_empty() {
            return;
        }
        let places: Vec<SocketAddr> = bindings.iter().map(|one| one.flow.remote).collect();
        for place in &places {
            count(&mut table.at, *place, true);
            count(&mut table.behind, Source::of(place.ip()), true);
        }
        table.of.insert(operator.clone(), places);
    }

    /// A trunk's servers are here from now on.
    pub fn keep_servers(&self, trunk: TrunkName, servers: Vec<IpAddr>) {
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        table.servers.insert(trunk, servers);
    }

    fn table(&self) -> RwLockReadGuard<'_, Table> {
        self.table.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// What we know of a peer.
    pub fn standing(&self, remote: SocketAddr) -> Standing {
        let ip = remote.ip();
        if (self.trusted)(ip) {
            return Standing::Trunk;
        }
        let table = self.table();
        if table.servers.values().any(|all| all.contains(&ip)) {
            Standing::Trunk
        } else if table.at.contains_key(&remote) {
            Standing::Phone
        } else if table.behind.contains_key(&Source::of(ip)) {
            Standing::Neighbour
        } else {
            Standing::Stranger
        }
    }

    /// Whether a peer is a trunk or a registered phone.
    pub fn knows(&self, remote: SocketAddr) -> bool {
        matches!(self.standing(remote), Standing::Trunk | Standing::Phone)
    }

    /// Whether a datagram shall be read: neither of a banned source nor one too many.
    pub fn lets_datagram_in(&self, remote: SocketAddr) -> bool {
        let limits = self.limits.as_ref();
        limits.is_none_or(|limits| limits.lets_datagram_in(remote, self.standing(remote)))
    }

    /// Whether a connection may begin: not of a banned source.
    pub fn lets_connection_in(&self, remote: SocketAddr) -> bool {
        let Some(limits) = &self.limits else {
            return true;
        };
        limits.lets_connection_in(remote, self.standing(remote))
    }

    /// Waits until a connection may begin: a stranger who opens too many is served slowly.
    pub async fn pass_connection(&self, remote: SocketAddr) {
        self.wait(remote, false, CONNECTION).await;
    }

    /// Waits until one more message of a connection may be read: a peer who sends too much feels a slow
    /// reader. `proved`: it is a trunk by its certificate, or we called it.
    pub async fn pass(&self, remote: SocketAddr, proved: bool) {
        self.wait(remote, proved, 1).await;
    }

    async fn wait(&self, remote: SocketAddr, proved: bool, count: u32) {
        let Some(limits) = &self.limits else {
            return;
        };
        let take = || {
            let standing = match proved {
                true => Standing::Trunk,
                false => self.standing(remote),
            };
            limits.take(Way::Stream, remote, standing, count)
        };
        let Err(mut wait) = take() else {
            return;
        };
        limits.delays();
        loop {
            tokio::time::sleep(wait.min(LOOK_AGAIN)).await;
            match take() {
                Ok(()) => return,
                Err(longer) => wait = longer,
            }
        }
    }

    /// A message by a connection has to wait.
    pub fn delays(&self) {
        self.limits().inspect(|limits| limits.delays());
    }

    /// What the switch says of sources that do wrong, and readers of counts; `None`: nothing is limited.
    pub fn limits(&self) -> Option<&Limits> {
        self.limits.as_deref()
    }

    /// What was not heard until now.
    pub fn figures(&self) -> Figures {
        self.limits().map(Limits::figures).unwrap_or_default()
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
    fn each_standing_has_a_limit_of_its_own() {
        let rates = Rates {
            stranger: 1,
            strangers: 10,
            phone: 100,
            trunk: 1_000,
        };
        let known = nobody().limited(rates, Clock::start());
        let phone = "192.0.2.9:5062";
        known.keep(&"101".into(), &[binding(phone)]);
        known.keep_servers("azercell".into(), vec![IpAddr::from([198, 51, 100, 8])]);
        let passed = |remote: &str| {
            let remote = remote.parse().unwrap();
            let sent = (0..3_000).filter(|_| known.lets_datagram_in(remote));
            sent.count()
        };
        // A burst each, and whatever comes back while this test runs.
        let near = |sent: usize, burst: usize| (burst..burst * 3).contains(&sent);
        assert!(near(passed("192.0.2.66:5060"), 10));
        // All strangers together have twenty, of which one has taken ten.
        let all: usize = (70..90)
            .map(|host| passed(&format!("192.0.2.{host}:5060")))
            .sum();
        assert!((10..100).contains(&all), "{all} of 200");
        assert!(near(passed("192.0.2.9:999"), 10), "nobody's flood is his");
        assert!(near(passed(phone), 1_000));
        assert!(near(passed("198.51.100.7:9"), 2_000), "by its sources");
        assert!(near(passed("198.51.100.8:9"), 2_000), "by DNS");
        let figures = known.figures();
        assert!(figures.dropped_of_strangers > 3_000, "{figures:?}");
        assert!(figures.dropped_of_known > 1_000, "{figures:?}");
    }

    #[test]
    fn who_floods_by_datagrams_takes_nothing_from_a_connection_of_the_same_address() {
        let rates = Rates {
            stranger: 1,
            strangers: 1,
            phone: 1,
            trunk: 1,
        };
        let known = nobody().limited(rates, Clock::start());
        let remote: SocketAddr = "192.0.2.66:5060".parse().unwrap();
        while known.lets_datagram_in(remote) {}
        let limits = known.limits().unwrap();
        let taken = limits.take(Way::Stream, remote, Standing::Stranger, 1);
        assert_eq!(taken, Ok(()));
    }

    #[test]
    fn a_banned_source_is_not_heard_until_its_time_is_over_or_it_is_lifted() {
        let clock = Clock::start();
        let known = nobody().limited(crate::config::Rates::default(), clock);
        let (remote, source) = ("192.0.2.66:5060", Source::of([192, 0, 2, 66].into()));
        let remote: SocketAddr = remote.parse().unwrap();
        let limits = known.limits().unwrap();
        let heard = || {
            (
                known.lets_datagram_in(remote),
                known.lets_connection_in(remote),
            )
        };
        limits.ban(source, clock.now().at + Duration::from_secs(600));
        assert_eq!(heard(), (false, false));
        limits.lift(source);
        assert_eq!(heard(), (true, true));
        limits.ban(source, clock.now().at);
        assert_eq!(heard(), (true, true));
        assert_eq!(known.figures().dropped_of_banned, 2);
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
