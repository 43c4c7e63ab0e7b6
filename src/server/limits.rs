//! How much each may send, before anything is parsed: strangers little, each by itself and all together;
//! phones and trunks more than they need, so that one that went mad harms no other.
//!
//! Datagrams and streams are counted apart. A datagram may bear anybody's address, so whoever floods us
//! under the address of somebody else takes nothing from what that one says by a connection.

use std::collections::HashMap;
use std::hash::RandomState;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use serde::Serialize;

use super::buckets::{Bucket, Buckets, Rate};
use super::clock::Clock;
use crate::config::Rates;
use crate::sip::source::Source;
use crate::time::Instant;

/// Places in each row of the strangers' buckets; four rows are two megabytes.
const STRANGERS: usize = 65_536;
/// The same of phones and trunks, of whom there are fewer.
const KNOWN: usize = 8_192;
/// How many seconds' worth of messages one source may send at once.
const BURST: u32 = 10;
/// The same of all strangers together, and of a trunk.
const BURST_OF_MANY: u32 = 2;
/// How often a flood is told of.
const TELL: Rate = Rate {
    per_second: 1,
    burst: 1,
};

/// Whether a message came by itself or by a connection, whose peer has shown that it is where it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// UDP.
    Datagram,
    /// TCP and what stands upon it.
    Stream,
}

/// What we know of a peer by its address alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// A carrier.
    Trunk,
    /// A phone that an operator registered by.
    Phone,
    /// At the address of such a phone: another phone behind the same NAT, or that phone after a change.
    Neighbour,
    /// Anybody.
    Stranger,
}

/// What was not heard, since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Figures {
    /// Datagrams of strangers that were too many.
    pub dropped_of_strangers: u64,
    /// Datagrams of trunks and phones that were too many.
    pub dropped_of_known: u64,
    /// Datagrams and connections of the banned.
    pub dropped_of_banned: u64,
    /// Connections, and messages by them, that had to wait.
    pub delayed: u64,
}

impl Figures {
    /// Whatever was not heard at all.
    pub fn dropped(&self) -> u64 {
        self.dropped_of_strangers + self.dropped_of_known + self.dropped_of_banned
    }
}

#[derive(Default)]
struct Counters {
    strangers: AtomicU64,
    known: AtomicU64,
    banned: AtomicU64,
    delayed: AtomicU64,
}

/// The strangers' share of one way.
struct Strangers {
    each: Buckets<RandomState>,
    all: Bucket,
}

/// All limits.
pub struct Limits {
    clock: Clock,
    datagrams: Strangers,
    streams: Strangers,
    all: Rate,
    phones: Buckets<RandomState>,
    trunks: Buckets<RandomState>,
    banned: RwLock<HashMap<Source, Instant>>,
    counters: Counters,
    told: Bucket,
    untold: AtomicU64,
}

fn rate(per_second: u32, burst: u32) -> Rate {
    Rate { per_second, burst }
}

fn buckets(per_second: u32, burst: u32, places: usize) -> Buckets<RandomState> {
    let hashers = [RandomState::new(), RandomState::new()];
    Buckets::new(rate(per_second, burst), places, hashers)
}

impl Limits {
    /// Nobody has sent anything yet.
    pub fn new(rates: Rates, clock: Clock) -> Self {
        let strangers = || Strangers {
            each: buckets(rates.stranger, BURST, STRANGERS),
            all: Bucket::default(),
        };
        Self {
            clock,
            datagrams: strangers(),
            streams: strangers(),
            all: rate(rates.strangers, BURST_OF_MANY),
            phones: buckets(rates.phone, BURST, KNOWN),
            trunks: buckets(rates.trunk, BURST_OF_MANY, KNOWN),
            banned: RwLock::default(),
            counters: Counters::default(),
            told: Bucket::default(),
            untold: AtomicU64::new(0),
        }
    }

    fn strangers(&self, way: Way) -> &Strangers {
        match way {
            Way::Datagram => &self.datagrams,
            Way::Stream => &self.streams,
        }
    }

    /// Whether so much may come now.
    ///
    /// # Errors
    /// Not before so long.
    pub fn take(
        &self,
        way: Way,
        remote: SocketAddr,
        standing: Standing,
        count: u32,
    ) -> Result<(), Duration> {
        let (now, source) = (self.clock.now().at, Source::of(remote.ip()));
        let strangers = self.strangers(way);
        match standing {
            Standing::Trunk => self.trunks.take(source, count, now),
            Standing::Phone => self.phones.take(remote, count, now),
            // Not with the many: others' floods do not keep a phone from coming back.
            Standing::Neighbour => strangers.each.take(source, count, now),
            Standing::Stranger => {
                // The source first: what it may not send must not use up what is for all.
                strangers.each.take(source, count, now)?;
                strangers.all.take(self.all, count, now)
            }
        }
    }

    /// Whether a datagram shall be read.
    pub fn lets_datagram_in(&self, remote: SocketAddr, standing: Standing) -> bool {
        if standing == Standing::Stranger && self.is_banned(remote) {
            return false;
        }
        if self.take(Way::Datagram, remote, standing, 1).is_ok() {
            return true;
        }
        let counters = &self.counters;
        let counter = match standing {
            Standing::Stranger | Standing::Neighbour => &counters.strangers,
            Standing::Trunk | Standing::Phone => &counters.known,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        let dropped = self.untold.fetch_add(1, Ordering::Relaxed) + 1;
        if self.told.take(TELL, 1, self.clock.now().at).is_ok() {
            self.untold.fetch_sub(dropped, Ordering::Relaxed);
            // Not whose: the address may be anybody's.
            tracing::warn!(dropped, "flood: datagrams are dropped unread");
        }
        false
    }

    /// Whether a connection may begin: not of a banned source.
    pub fn lets_connection_in(&self, remote: SocketAddr, standing: Standing) -> bool {
        standing != Standing::Stranger || !self.is_banned(remote)
    }

    /// A message by a connection has to wait.
    pub fn delays(&self) {
        self.counters.delayed.fetch_add(1, Ordering::Relaxed);
    }

    /// Nothing more of a source by this way for so long, unless it is known.
    pub fn slow(&self, way: Way, source: Source, time: Duration) {
        let now = self.clock.now().at;
        self.strangers(way).each.empty(source, time, now);
    }

    /// Nothing of a source is heard until then; it is no trunk's and no phone's.
    pub fn ban(&self, source: Source, until: Instant) {
        let now = self.clock.now().at;
        let mut banned = self.banned.write().unwrap_or_else(PoisonError::into_inner);
        banned.retain(|_, until| *until > now);
        banned.insert(source, until);
    }

    /// A source is heard again.
    pub fn lift(&self, source: Source) {
        let mut banned = self.banned.write().unwrap_or_else(PoisonError::into_inner);
        banned.remove(&source);
    }

    fn is_banned(&self, remote: SocketAddr) -> bool {
        let banned = self.banned.read().unwrap_or_else(PoisonError::into_inner);
        if banned.is_empty() {
            return false;
        }
        let until = banned.get(&Source::of(remote.ip()));
        let is_banned = until.is_some_and(|until| self.clock.now().at < *until);
        if is_banned {
            self.counters.banned.fetch_add(1, Ordering::Relaxed);
        }
        is_banned
    }

    /// What was not heard until now.
    pub fn figures(&self) -> Figures {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counters = &self.counters;
        Figures {
            dropped_of_strangers: of(&counters.strangers),
            dropped_of_known: of(&counters.known),
            dropped_of_banned: of(&counters.banned),
            delayed: of(&counters.delayed),
        }
    }
}
