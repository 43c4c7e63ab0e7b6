//! How much somebody may send: a bucket of tokens per source, looked at before anything is parsed.
//!
//! The buckets are a fixed table, so that an attacker of many addresses can neither fill the memory nor
//! push anybody out. A source has a place in each of two rows and is refused where both are empty: whoever
//! shares one place with an attacker goes on by the other.

use std::hash::{BuildHasher, Hash};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::time::Instant;

/// How many messages a source may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// In the long run, each second.
    pub per_second: u32,
    /// At once, after a rest: as much as comes in so many seconds.
    pub burst: u32,
}

impl Rate {
    /// Microseconds for a token to come.
    fn step(self) -> u64 {
        (1_000_000 / u64::from(self.per_second.max(1))).max(1)
    }

    /// Microseconds for an empty bucket to be full.
    fn depth(self) -> u64 {
        self.step() * u64::from(self.per_second.max(1)) * u64::from(self.burst.max(1))
    }
}

/// One bucket: the moment at which it will be full again (the virtual scheduling of ITU-T I.371 §B.1).
#[derive(Debug, Default)]
pub struct Bucket(AtomicU64);

impl Bucket {
    /// Takes `count` tokens out, where they are there; else tells when they will be.
    ///
    /// # Errors
    /// There are not so many: how long until there are.
    pub fn take(&self, rate: Rate, count: u32, now: Instant) -> Result<(), Duration> {
        let cost = rate.step() * u64::from(count);
        let latest = now.0.saturating_add(rate.depth().max(cost));
        let drain = |full: u64| Some(full.max(now.0) + cost).filter(|full| *full <= latest);
        let order = Ordering::Relaxed;
        let missing = |full: u64| Duration::from_micros((full + cost).saturating_sub(latest));
        self.0
            .fetch_update(order, order, drain)
            .map(|_| ())
            .map_err(missing)
    }

    /// Empties it: nothing may be taken for so long.
    fn empty(&self, rate: Rate, time: Duration, now: Instant) {
        let until = (now + time).0.saturating_add(rate.depth());
        self.0.fetch_max(until, Ordering::Relaxed);
    }
}

/// The buckets of all who are limited alike.
#[derive(Debug)]
pub struct Buckets<S> {
    rate: Rate,
    hashers: [S; 2],
    rows: [Box<[Bucket]>; 2],
}

impl<S: BuildHasher> Buckets<S> {
    /// All full; each row has so many places. The hashers are keyed, or an attacker could choose whose
    /// places he empties.
    pub fn new(rate: Rate, places: usize, hashers: [S; 2]) -> Self {
        let row = || (0..places.max(1)).map(|_| Bucket::default()).collect();
        Self {
            rate,
            hashers,
            rows: [row(), row()],
        }
    }

    fn places(&self, who: impl Hash) -> impl Iterator<Item = &Bucket> {
        let rows = self.hashers.iter().zip(&self.rows);
        rows.filter_map(move |(hasher, row)| {
            let place = hasher.hash_one(&who) % u64::try_from(row.len()).ok()?;
            row.get(usize::try_from(place).ok()?)
        })
    }

    /// Whether this source may send as much as `count` messages more.
    ///
    /// # Errors
    /// Not before so long.
    pub fn take(&self, who: impl Hash, count: u32, now: Instant) -> Result<(), Duration> {
        // Of both rows, whatever the first one says: else a source had twice the rate.
        let (mut taken, mut least) = (false, Duration::MAX);
        for bucket in self.places(who) {
            match bucket.take(self.rate, count, now) {
                Ok(()) => taken = true,
                Err(wait) => least = least.min(wait),
            }
        }
        if taken { Ok(()) } else { Err(least) }
    }

    /// Nothing more of this source for so long.
    pub fn empty(&self, who: impl Hash, time: Duration, now: Instant) {
        for bucket in self.places(who) {
            bucket.empty(self.rate, time, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::source::Source;
    use std::hash::{BuildHasherDefault, DefaultHasher};
    use std::net::IpAddr;

    /// Two hashers that differ by their key alone.
    #[derive(Debug)]
    struct Keyed(u64);

    impl BuildHasher for Keyed {
        type Hasher = DefaultHasher;

        fn build_hasher(&self) -> DefaultHasher {
            let mut hasher = BuildHasherDefault::<DefaultHasher>::default().build_hasher();
            std::hash::Hasher::write_u64(&mut hasher, self.0);
            hasher
        }
    }

    /// Ten a second, and twenty at once.
    const RATE: Rate = Rate {
        per_second: 10,
        burst: 2,
    };
    const SECOND: Instant = Instant(1_000_000);

    fn buckets() -> Buckets<Keyed> {
        Buckets::new(RATE, 65_536, [Keyed(1), Keyed(2)])
    }

    fn passed(buckets: &Buckets<Keyed>, source: &str, now: Instant) -> usize {
        let source: Source = source.parse().unwrap();
        let taken = (0..100).filter(|_| buckets.take(source, 1, now).is_ok());
        taken.count()
    }

    #[test]
    fn a_source_sends_its_burst_and_then_its_rate() {
        let buckets = buckets();
        assert_eq!(passed(&buckets, "192.0.2.1", SECOND), 20);
        assert_eq!(passed(&buckets, "192.0.2.1", Instant(1_300_000)), 3);
        assert_eq!(passed(&buckets, "192.0.2.2", Instant(1_300_000)), 20);
        assert_eq!(passed(&buckets, "192.0.2.1", Instant(60_000_000)), 20);
    }

    #[test]
    fn who_has_to_wait_is_told_for_how_long() {
        let (buckets, who) = (buckets(), IpAddr::from([192, 0, 2, 1]));
        assert_eq!(buckets.take(who, 15, SECOND), Ok(()));
        let wait = buckets.take(who, 10, SECOND).unwrap_err();
        assert_eq!(wait, Duration::from_millis(500));
        assert_eq!(buckets.take(who, 10, SECOND + wait), Ok(()));
        // What costs more than a bucket holds is paid out of a full one.
        let other = IpAddr::from([192, 0, 2, 2]);
        assert_eq!(buckets.take(other, 30, SECOND), Ok(()));
    }

    #[test]
    fn an_emptied_bucket_gives_nothing_until_its_time_is_over() {
        let (buckets, who) = (buckets(), IpAddr::from([192, 0, 2, 1]));
        buckets.empty(who, Duration::from_secs(3), SECOND);
        let wait = buckets.take(who, 1, SECOND).unwrap_err();
        assert_eq!(wait, Duration::from_millis(3_100));
        assert_eq!(buckets.take(who, 1, SECOND + wait), Ok(()));
        assert!(buckets.take(who, 1, SECOND + wait).is_err());
    }

    #[test]
    fn thousands_of_attackers_leave_other_strangers_their_buckets() {
        let buckets = buckets();
        for number in 0..5_000_u32 {
            let source = IpAddr::from((0x0a00_0000 + number).to_be_bytes());
            while buckets.take(source, 1, SECOND).is_ok() {}
        }
        let other = |number: &u32| IpAddr::from((0xc000_0000 + number).to_be_bytes());
        let heard = (0..1_000_u32).filter(|number| buckets.take(other(number), 1, SECOND).is_ok());
        // A place is emptied with 5,000 of 65,536, both with less than one of a hundred.
        assert!(heard.count() > 980);
    }
}
