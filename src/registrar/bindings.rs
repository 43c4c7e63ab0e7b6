//! Bindings of an operator to contacts: added, refreshed, expired, dropped with their flow
//! (RFC 3261 §10.3, RFC 5626 §6), with the proxies that lie before them (RFC 3327).

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ids::OperatorId;
use crate::sip::flow::{ConnectionId, Flow};
use crate::sip::headers::{Contacts, NameAddr, seconds};
use crate::sip::uri::Uri;
use crate::time::{Instant, Now, TimerTable, Wall};

/// The most contacts of one operator: a desk, a laptop, a mobile, and what was forgotten.
pub const MAX_CONTACTS: usize = 10;
/// Where a phone names no time (§10.2).
pub const DEFAULT_EXPIRES: Duration = Duration::from_secs(3_600);
/// Below it, 423 with Min-Expires (§10.3).
pub const MIN_EXPIRES: Duration = Duration::from_secs(60);
/// Longer wishes are cut to this.
pub const MAX_EXPIRES: Duration = Duration::from_secs(7_200);

/// One contact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binding {
    /// As the phone wrote it: what an INVITE is sent to.
    pub contact: String,
    /// `+sip.instance` (RFC 5626): the same device, whatever its address.
    pub instance: Option<String>,
    /// Which of the device's flows this is (RFC 5626 §4.2): one device may hold several, of which one
    /// at a time is used.
    #[serde(default)]
    pub reg_id: Option<u32>,
    /// The proxies between us and the phone, as Route values (RFC 3327 §5.3).
    #[serde(default)]
    pub path: Vec<String>,
    /// The way that the REGISTER took: the way back to the phone.
    pub flow: Flow,
    /// Until when.
    pub expires: Wall,
    /// Of the REGISTER that made it.
    pub call_id: String,
    /// Of the REGISTER that made it.
    pub cseq: u32,
}

/// What a REGISTER asks for.
#[derive(Debug, Clone)]
pub struct Update<'a> {
    /// Whose contacts.
    pub operator: &'a OperatorId,
    /// Which; an empty list asks what there is.
    pub contacts: &'a Contacts,
    /// The Expires header.
    pub expires: Option<Duration>,
    /// The Call-ID.
    pub call_id: &'a str,
    /// The CSeq number.
    pub cseq: u32,
    /// The way that it took.
    pub flow: Flow,
    /// The proxies that it passed.
    pub path: &'a [String],
    /// The flow that it makes, where phone and first hop keep flows (RFC 5626 §6).
    pub reg_id: Option<u32>,
}

/// A REGISTER cannot be granted; nothing has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UpdateFault {
    /// 423 with Min-Expires.
    #[error("the contact would expire too soon")]
    TooBrief,
    /// 400: `*` needs `Expires: 0` (§10.2.2).
    #[error("* without Expires: 0")]
    WildcardNeedsZero,
    /// 500 (§10.3 step 6): an older request came after a newer one.
    #[error("the request is older than the last one")]
    OutOfOrder,
    /// 403: more contacts than [`MAX_CONTACTS`].
    #[error("the operator has {MAX_CONTACTS} contacts already")]
    TooMany,
}

/// What an update or a timer did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Whose contacts.
    pub operator: OperatorId,
    /// How many there are now.
    pub contacts: usize,
    /// For people.
    pub reason: &'static str,
}

/// All bindings.
#[derive(Debug, Clone, Default)]
pub struct Registrar {
    bindings: BTreeMap<OperatorId, Vec<Binding>>,
    timers: TimerTable<OperatorId>,
}

impl Registrar {
    /// Does all that a REGISTER asks for, or nothing (§10.3). `None`: nothing has changed.
    ///
    /// # Errors
    /// See [`UpdateFault`].
    pub fn update(&mut self, asked: &Update<'_>, now: Now) -> Result<Option<Change>, UpdateFault> {
        let old = self
            .bindings
            .get(asked.operator)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let mut next = old.to_vec();
        match asked.contacts {
            Contacts::All if asked.expires != Some(Duration::ZERO) => {
                return Err(UpdateFault::WildcardNeedsZero);
            }
            Contacts::All => {
                if next.iter().any(|binding| is_newer(binding, asked)) {
                    return Err(UpdateFault::OutOfOrder);
                }
                next.clear();
            }
            Contacts::List(list) => {
                for contact in list {
                    apply(&mut next, contact, asked, now)?;
                }
            }
        }
        if next.len() > MAX_CONTACTS {
            return Err(UpdateFault::TooMany);
        }
        let reason = match next.len().cmp(&old.len()) {
            std::cmp::Ordering::Greater => "registered",
            std::cmp::Ordering::Less => "unregistered",
            std::cmp::Ordering::Equal => "refreshed",
        };
        let changed = next.as_slice() != old;
        let count = next.len();
        self.set(asked.operator, next, now);
        let operator = asked.operator.clone();
        Ok(changed.then_some(Change {
            operator,
            contacts: count,
            reason,
        }))
    }

    fn set(&mut self, operator: &OperatorId, bindings: Vec<Binding>, now: Now) {
        let first = bindings.iter().map(|binding| binding.expires).min();
        self.timers
            .set_or_clear(operator.clone(), first.map(|at| now.instant_of(at)));
        if bindings.is_empty() {
            self.bindings.remove(operator);
        } else {
            self.bindings.insert(operator.clone(), bindings);
        }
    }

    /// The contacts of an operator.
    pub fn contacts(&self, operator: &OperatorId) -> &[Binding] {
        self.bindings
            .get(operator)
            .map(Vec::as_slice)
            .unwrap_or_default()
    }

    /// All contacts, by operator.
    pub fn all(&self) -> impl Iterator<Item = (&OperatorId, &[Binding])> {
        self.bindings
            .iter()
            .map(|(operator, bindings)| (operator, bindings.as_slice()))
    }

    /// How many contacts there are.
    pub fn len(&self) -> usize {
        self.bindings.values().map(Vec::len).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.bindings.is_empty()
    }

    /// Takes in contacts that a store kept. Streams did not survive: those contacts are left out,
    /// since nothing can be sent to them until the phone registers again.
    pub fn restore(
        &mut self,
        operator: &OperatorId,
        kept: Vec<Binding>,
        now: Now,
    ) -> Option<Change> {
        let kept = kept.into_iter().filter(|one| one.expires > now.wall);
        let bindings: Vec<Binding> = kept
            .filter_map(Binding::without_connection)
            .take(MAX_CONTACTS)
            .collect();
        let contacts = bindings.len();
        self.set(operator, bindings, now);
        let operator = operator.clone();
        (contacts > 0).then_some(Change {
            operator,
            contacts,
            reason: "restored",
        })
    }

    /// A connection is gone, and with it the contacts that were reached by it (RFC 5626 §6); those behind
    /// a proxy are reached by a new one to the proxy.
    pub fn drop_connection(&mut self, connection: ConnectionId, now: Now) -> Vec<Change> {
        for binding in self.bindings.values_mut().flatten() {
            if binding.flow.connection == Some(connection)
                && let Some(other) = binding.clone().without_connection()
            {
                *binding = other;
            }
        }
        self.retain("the connection closed", now, |binding| {
            binding.flow.connection != Some(connection)
        })
    }

    /// A flow failed (RFC 5626 §6, 430): nobody is reached by it any more.
    pub fn drop_binding(
        &mut self,
        operator: &OperatorId,
        failed: &Binding,
        now: Now,
    ) -> Option<Change> {
        let kept: Vec<Binding> = (self.contacts(operator).iter())
            .filter(|one| *one != failed)
            .cloned()
            .collect();
        let contacts = kept.len();
        if contacts == self.contacts(operator).len() {
            return None;
        }
        self.set(operator, kept, now);
        Some(Change {
            operator: operator.clone(),
            contacts,
            reason: "the flow failed",
        })
    }

    /// An operator was removed.
    pub fn drop_operator(&mut self, operator: &OperatorId) {
        self.bindings.remove(operator);
        self.timers.clear(operator);
    }

    fn retain(
        &mut self,
        reason: &'static str,
        now: Now,
        keep: impl Fn(&Binding) -> bool,
    ) -> Vec<Change> {
        let hit: Vec<OperatorId> = self
            .bindings
            .iter()
            .filter(|(_, bindings)| !bindings.iter().all(&keep))
            .map(|(operator, _)| operator.clone())
            .collect();
        let mut changes = Vec::new();
        for operator in hit {
            let mut bindings = self.bindings.remove(&operator).unwrap_or_default();
            bindings.retain(&keep);
            let contacts = bindings.len();
            self.set(&operator, bindings, now);
            changes.push(Change {
                operator,
                contacts,
                reason,
            });
        }
        changes
    }

    /// When [`Registrar::handle_timeout`] is due.
    pub fn next_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// Lets contacts expire.
    pub fn handle_timeout(&mut self, now: Now) -> Vec<Change> {
        if self.timers.next().is_none_or(|due| due > now.at) {
            return Vec::new();
        }
        while self.timers.pop_due(now.at).is_some() {}
        let changes = self.retain("expired", now, |binding| binding.expires > now.wall);
        // Whoever was due but has nothing expired yet (clocks differ by a step) is armed again.
        let all: Vec<(OperatorId, Vec<Binding>)> = self
            .bindings
            .iter()
            .map(|(operator, list)| (operator.clone(), list.clone()))
            .collect();
        for (operator, list) in all {
            if self.timers.deadline(&operator).is_none() {
                self.set(&operator, list, now);
            }
        }
        changes
    }
}

impl Binding {
    /// Whether both are flows of one device (RFC 5626 §4.1).
    pub fn is_same_device(&self, other: &Self) -> bool {
        self.instance.is_some() && self.instance == other.instance
    }

    /// The same after its connection was closed: with a proxy before it, whose address is known, it is
    /// reached all the same; else not.
    fn without_connection(mut self) -> Option<Self> {
        if self.flow.connection.is_some() {
            let proxy = NameAddr::parse(self.path.first()?).ok()?.uri;
            self.flow.remote = SocketAddr::new(proxy.host()?.address()?, proxy.port());
            self.flow.connection = None;
        }
        Some(self)
    }
}

/// Whether the binding was made by a later request of the same phone (§10.3 steps 6 and 7).
fn is_newer(binding: &Binding, asked: &Update<'_>) -> bool {
    binding.call_id == asked.call_id && binding.cseq >= asked.cseq
}

fn apply(
    bindings: &mut Vec<Binding>,
    contact: &NameAddr,
    asked: &Update<'_>,
    now: Now,
) -> Result<(), UpdateFault> {
    let own = contact.parameter("expires").and_then(seconds);
    let wanted = own.or(asked.expires).unwrap_or(DEFAULT_EXPIRES);
    if !wanted.is_zero() && wanted < MIN_EXPIRES {
        return Err(UpdateFault::TooBrief);
    }
    let instance = contact.parameter("+sip.instance").map(ToOwned::to_owned);
    let same = |binding: &Binding| {
        if instance.is_some() && binding.instance == instance {
            // A flow stands beside the device's others; what is no flow stands alone (RFC 5626 §6).
            return asked.reg_id.is_none()
                || binding.reg_id.is_none()
                || binding.reg_id == asked.reg_id;
        }
        Uri::parse_lenient(&binding.contact).is_equivalent(&contact.uri)
    };
    if bindings
        .iter()
        .any(|binding| same(binding) && is_newer(binding, asked))
    {
        return Err(UpdateFault::OutOfOrder);
    }
    bindings.retain(|binding| !same(binding));
    if !wanted.is_zero() {
        bindings.push(Binding {
            contact: contact.uri.to_string(),
            instance: instance.clone(),
            reg_id: asked.reg_id,
            path: asked.path.to_vec(),
            flow: asked.flow,
            expires: now.wall + wanted.min(MAX_EXPIRES),
            call_id: asked.call_id.to_owned(),
            cseq: asked.cseq,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::flow::Transport;

    fn now(seconds: u64) -> Now {
        Now {
            at: Instant(seconds * 1_000_000),
            wall: Wall(seconds as i64 * 1_000_000),
        }
    }

    fn flow(connection: Option<u64>) -> Flow {
        let address = "127.0.0.1:5070".parse().unwrap();
        let connection = connection.map(ConnectionId);
        Flow {
            transport: Transport::Tcp,
            local: address,
            remote: address,
            connection,
        }
    }

    struct World(Registrar, OperatorId, Vec<String>, Option<u32>);

    impl World {
        fn new() -> Self {
            Self(Registrar::default(), "101".into(), Vec::new(), None)
        }

        fn register(
            &mut self,
            contact: &str,
            expires: Option<u64>,
            cseq: u32,
            at: u64,
        ) -> Result<Option<Change>, UpdateFault> {
            let contacts = match contact {
                "*" => Contacts::All,
                "" => Contacts::List(vec![]),
                text => Contacts::List(vec![NameAddr::parse(text).unwrap()]),
            };
            let expires = expires.map(Duration::from_secs);
            let asked = Update {
                operator: &self.1,
                contacts: &contacts,
                expires,
                call_id: "c",
                cseq,
                flow: flow(Some(1)),
                path: &self.2,
                reg_id: self.3,
            };
            self.0.update(&asked, now(at))
        }

        fn count(&self) -> usize {
            self.0.contacts(&self.1).len()
        }
    }

    #[test]
    fn phones_come_refresh_and_go() {
        let mut world = World::new();
        assert_eq!(
            world
                .register("<sip:101@a>", Some(600), 1, 0)
                .unwrap()
                .unwrap()
                .reason,
            "registered"
        );
        assert_eq!(
            world
                .register("<sip:101@b>", None, 2, 0)
                .unwrap()
                .unwrap()
                .contacts,
            2
        );
        assert_eq!(
            world
                .register("<sip:101@a>", Some(600), 3, 100)
                .unwrap()
                .unwrap()
                .reason,
            "refreshed"
        );
        assert_eq!(
            world
                .register("<sip:101@b>;expires=0", Some(600), 4, 100)
                .unwrap()
                .unwrap()
                .contacts,
            1
        );
        assert_eq!(
            world.register("", None, 5, 100),
            Ok(None),
            "a question changes nothing"
        );
        assert_eq!(
            world
                .register("*", Some(0), 6, 100)
                .unwrap()
                .unwrap()
                .contacts,
            0
        );
        assert!(world.0.is_empty() && world.0.next_timeout().is_none());
    }

    #[test]
    fn contacts_expire_by_themselves() {
        let mut world = World::new();
        world.register("<sip:101@a>", Some(60), 1, 0).unwrap();
        world.register("<sip:101@b>", Some(90), 2, 0).unwrap();
        assert_eq!(world.0.next_timeout(), Some(now(60).at));
        assert_eq!(world.0.handle_timeout(now(60))[0].contacts, 1);
        assert_eq!(world.0.handle_timeout(now(90))[0].contacts, 0);
    }

    #[test]
    fn what_cannot_be_granted_changes_nothing() {
        let mut world = World::new();
        world.register("<sip:101@a>", Some(600), 5, 0).unwrap();
        assert_eq!(
            world.register("<sip:101@b>", Some(30), 6, 0),
            Err(UpdateFault::TooBrief)
        );
        assert_eq!(
            world.register("*", Some(60), 6, 0),
            Err(UpdateFault::WildcardNeedsZero)
        );
        assert_eq!(
            world.register("<sip:101@a>", Some(600), 5, 0),
            Err(UpdateFault::OutOfOrder)
        );
        assert_eq!(
            world.register("*", Some(0), 4, 0),
            Err(UpdateFault::OutOfOrder)
        );
        assert_eq!(world.count(), 1);
        for number in 0..MAX_CONTACTS as u32 - 1 {
            world
                .register(&format!("<sip:101@h{number}>"), None, 10 + number, 0)
                .unwrap();
        }
        assert_eq!(
            world.register("<sip:101@last>", None, 99, 0),
            Err(UpdateFault::TooMany)
        );
    }

    #[test]
    fn the_same_device_at_a_new_address_replaces_its_old_contact() {
        let mut world = World::new();
        world
            .register("<sip:101@a>;+sip.instance=\"<urn:uuid:1>\"", None, 1, 0)
            .unwrap();
        world
            .register("<sip:101@b>;+sip.instance=\"<urn:uuid:1>\"", None, 2, 0)
            .unwrap();
        assert_eq!(world.count(), 1);
        assert_eq!(world.0.contacts(&world.1)[0].contact, "sip:101@b");
    }

    #[test]
    fn flows_of_one_device_stand_side_by_side_and_what_is_no_flow_stands_alone() {
        let mut world = World::new();
        let contact = "<sip:101@a>;+sip.instance=\"<urn:uuid:1>\"";
        let mut come = |reg_id, cseq| {
            world.3 = reg_id;
            world.register(contact, None, cseq, 0).unwrap();
            world.count()
        };
        assert_eq!(come(None, 1), 1);
        assert_eq!(come(Some(1), 2), 1, "the device has begun to keep flows");
        assert_eq!(come(Some(2), 3), 2);
        assert_eq!(come(Some(2), 4), 2, "the flow was made anew");
        assert_eq!(come(None, 5), 1);
    }

    #[test]
    fn behind_a_proxy_a_contact_outlives_the_connection() {
        let mut world = World::new();
        world.2 = vec!["<sip:192.0.2.7:5080;lr;ob>".into()];
        world.register("<sip:101@a>", None, 1, 0).unwrap();
        assert_eq!(world.0.drop_connection(ConnectionId(1), now(0)), []);
        let flow = world.0.contacts(&world.1)[0].flow;
        assert_eq!(flow.connection, None);
        assert_eq!(flow.remote, "192.0.2.7:5080".parse().unwrap());
    }

    #[test]
    fn a_closed_connection_takes_its_contacts_along() {
        let mut world = World::new();
        world.register("<sip:101@a>", None, 1, 0).unwrap();
        assert_eq!(world.0.drop_connection(ConnectionId(2), now(0)), []);
        assert_eq!(
            world.0.drop_connection(ConnectionId(1), now(0))[0].contacts,
            0
        );
    }
}
