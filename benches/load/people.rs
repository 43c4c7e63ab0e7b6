//! Phones that speak through rsip: operators and callers, many of each.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::mpsc::Receiver;
use std::time::Duration;

use qaynar::phone::socket::{Fleet, PhoneId, Told};
use qaynar::phone::{Event, Manner, OnRing, Settings};

use super::server::{PASSWORD, operator};

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const EXPIRES: Duration = Duration::from_secs(3_600);
/// No scenario waits longer for anything.
const PATIENCE: Duration = Duration::from_secs(60);

/// Everybody on the other side of the wire.
pub(crate) struct People {
    server: SocketAddr,
    /// All phones.
    pub(crate) fleet: Fleet,
    /// What happens to them.
    pub(crate) told: Receiver<Told>,
}

impl People {
    /// Nobody yet.
    pub(crate) fn new(server: SocketAddr) -> Self {
        let (fleet, told) = Fleet::start().expect("a thread for the phones");
        Self {
            server,
            fleet,
            told,
        }
    }

    /// Where calls go.
    pub(crate) fn helpline(&self) -> String {
        format!("sip:116111@{}", self.server)
    }

    fn add(&self, user: &str, seed: usize) -> PhoneId {
        self.add_at(HERE, user, seed)
    }

    fn add_at(&self, address: IpAddr, user: &str, seed: usize) -> PhoneId {
        let server = self.server;
        let phone = self.fleet.add(address, |local, media| Settings {
            seed: seed as u64,
            ..Settings::new(user, server, local, media)
        });
        phone.expect("two ports; raise `ulimit -n` where they are too many")
    }

    /// Phones of operators who are registered.
    pub(crate) fn registered(&self, count: usize) -> Vec<PhoneId> {
        self.registered_at(HERE, count)
    }

    fn registered_at(&self, address: IpAddr, count: usize) -> Vec<PhoneId> {
        let phones: Vec<PhoneId> = (0..count)
            .map(|number| self.add_at(address, &operator(number), 10_000 + number))
            .collect();
        for phone in &phones {
            self.register(*phone);
        }
        self.wait_for(count, |event| matches!(event, Event::Registered { .. }));
        phones
    }

    /// One REGISTER with its challenge.
    pub(crate) fn register(&self, phone: PhoneId) {
        self.fleet
            .tell(phone, |phone, now| phone.register(PASSWORD, EXPIRES, now));
    }

    /// Operators who are on shift and act so.
    pub(crate) fn operators(&self, count: usize, manner: &Manner) -> Vec<PhoneId> {
        self.operators_at(HERE, count, manner)
    }

    /// The same at another address of this machine.
    pub(crate) fn operators_at(
        &self,
        address: IpAddr,
        count: usize,
        manner: &Manner,
    ) -> Vec<PhoneId> {
        let phones = self.registered_at(address, count);
        for phone in &phones {
            let uri = format!("sip:*11@{}", self.server);
            self.fleet.tell(*phone, move |phone, now| {
                phone.call(&uri, now);
            });
        }
        self.wait_for(count, |event| matches!(event, Event::Ended { .. }));
        for phone in &phones {
            let manner = manner.clone();
            self.fleet.tell(*phone, |phone, _| phone.behave(manner));
        }
        phones
    }

    /// Callers, each with a number of its own.
    pub(crate) fn callers(&self, count: usize, manner: &Manner) -> Vec<PhoneId> {
        let phones: Vec<PhoneId> = (0..count)
            .map(|number| self.add(&format!("050{number:07}"), number))
            .collect();
        for phone in &phones {
            let manner = manner.clone();
            self.fleet.tell(*phone, |phone, _| phone.behave(manner));
        }
        phones
    }

    /// Lets a phone call the helpline.
    pub(crate) fn call(&self, phone: PhoneId) {
        let uri = self.helpline();
        self.fleet.tell(phone, move |phone, now| {
            phone.call(&uri, now);
        });
    }

    /// Lets all end their calls.
    pub(crate) fn hang_up(&self, phones: &[PhoneId]) {
        for phone in phones {
            self.fleet.tell(*phone, |phone, now| phone.hang_up(now));
        }
        self.wait_for(phones.len(), |event| {
            matches!(event, Event::Ended { .. } | Event::Failed { .. })
        });
    }

    /// Waits until the event came so often.
    pub(crate) fn wait_for(&self, count: usize, wanted: impl Fn(&Event) -> bool) {
        let mut found = 0;
        let mut others: BTreeMap<String, usize> = BTreeMap::new();
        while found < count {
            match self.told.recv_timeout(PATIENCE) {
                Ok(told) if wanted(&told.event) => found += 1,
                Ok(told) => *others.entry(format!("{:?}", told.event)).or_default() += 1,
                Err(_) => panic!("{found} of {count}; and {others:?}"),
            }
        }
    }
}

/// Answers at once, and is silent.
pub(crate) fn answers() -> Manner {
    Manner {
        on_ring: OnRing::Answer {
            after: Duration::ZERO,
        },
        mute: true,
        ..Manner::default()
    }
}

/// Calls, and is silent.
pub(crate) fn silent() -> Manner {
    Manner {
        mute: true,
        ..Manner::default()
    }
}
