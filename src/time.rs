//! Time as the pure code knows it: given, never read.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A moment of the monotonic clock: microseconds since an origin that the shell chose.
/// Meaningless in another process, so it is not serialisable: snapshots store [`Wall`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Instant(pub u64);

impl Instant {
    /// How long ago `earlier` was; zero if it is not earlier.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl std::ops::Add<Duration> for Instant {
    type Output = Self;

    fn add(self, wait: Duration) -> Self {
        Self(
            self.0
                .saturating_add(u64::try_from(wait.as_micros()).unwrap_or(u64::MAX)),
        )
    }
}

/// A moment of the wall clock: microseconds since 1970-01-01 UTC.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Wall(pub i64);

impl Wall {
    /// How long ago `earlier` was; zero if it is not earlier (wall clocks jump).
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl std::ops::Add<Duration> for Wall {
    type Output = Self;

    fn add(self, wait: Duration) -> Self {
        Self(
            self.0
                .saturating_add(i64::try_from(wait.as_micros()).unwrap_or(i64::MAX)),
        )
    }
}

/// Both clocks at one moment, as the shell read them together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Now {
    /// For deadlines.
    pub at: Instant,
    /// For people and for snapshots.
    pub wall: Wall,
}

impl Now {
    /// The monotonic moment that is as far away as the wall moment `deadline`; now, if it has passed.
    pub fn instant_of(self, deadline: Wall) -> Instant {
        self.at + deadline.since(self.wall)
    }

    /// The wall moment that is as far away as the monotonic moment `deadline`; now, if it has passed.
    pub fn wall_of(self, deadline: Instant) -> Wall {
        self.wall + deadline.since(self.at)
    }
}

/// Deadlines by key, each key at most once. The earliest is asked for, never slept on; among equal
/// deadlines the smaller key comes first, so that a run can be repeated.
#[derive(Debug, Clone)]
pub struct TimerTable<K> {
    by_key: BTreeMap<K, Instant>,
    by_time: BTreeSet<(Instant, K)>,
}

impl<K> Default for TimerTable<K> {
    fn default() -> Self {
        Self {
            by_key: BTreeMap::new(),
            by_time: BTreeSet::new(),
        }
    }
}

impl<K: Ord + Clone> TimerTable<K> {
    /// Sets the timer of `key`, replacing the one it had.
    pub fn set(&mut self, key: K, at: Instant) {
        self.clear(&key);
        self.by_time.insert((at, key.clone()));
        self.by_key.insert(key, at);
    }

    /// Sets or, with `None`, clears.
    pub fn set_or_clear(&mut self, key: K, at: Option<Instant>) {
        match at {
            Some(at) => self.set(key, at),
            None => {
                self.clear(&key);
            }
        }
    }

    /// Clears the timer of `key`; tells whether there was one.
    pub fn clear(&mut self, key: &K) -> bool {
        match self.by_key.remove(key) {
            Some(at) => self.by_time.remove(&(at, key.clone())),
            None => false,
        }
    }

    /// Clears all.
    pub fn clear_all(&mut self) {
        self.by_key.clear();
        self.by_time.clear();
    }

    /// When `key` is due, if it is set.
    pub fn deadline(&self, key: &K) -> Option<Instant> {
        self.by_key.get(key).copied()
    }

    /// All keys whose timers are set.
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.by_key.keys()
    }

    /// The earliest deadline.
    pub fn next(&self) -> Option<Instant> {
        self.by_time.first().map(|(at, _)| *at)
    }

    /// Takes out one key whose deadline has come, earliest first.
    pub fn pop_due(&mut self, now: Instant) -> Option<K> {
        let (at, _) = self.by_time.first()?;
        if *at > now {
            return None;
        }
        let (_, key) = self.by_time.pop_first()?;
        self.by_key.remove(&key);
        Some(key)
    }

    /// How many are set.
    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    /// Whether none is set.
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_fire_in_order_once_and_can_be_moved() {
        let mut timers = TimerTable::default();
        timers.set("late", Instant(30));
        timers.set("early", Instant(10));
        timers.set("late", Instant(20));
        assert_eq!(timers.next(), Some(Instant(10)));
        assert_eq!(timers.pop_due(Instant(9)), None);
        assert_eq!(timers.pop_due(Instant(25)), Some("early"));
        assert_eq!(timers.pop_due(Instant(25)), Some("late"));
        assert!(timers.is_empty());
    }

    #[test]
    fn a_deadline_keeps_its_distance_from_clock_to_clock() {
        let now = Now {
            at: Instant(5_000_000),
            wall: Wall(1_000_000_000),
        };
        let deadline = now.at + Duration::from_secs(3);
        assert_eq!(now.instant_of(now.wall_of(deadline)), deadline);
    }
}
