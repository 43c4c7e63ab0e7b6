//! Media ports: pairs that are allocated inside the switch and rest before they are used again.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use crate::time::Instant;

/// How long a port pair rests, so that late packets of one call are not heard in the next.
pub(super) const REST: Duration = Duration::from_secs(10);

/// How long a pair rests that another program holds.
const QUARANTINE: Duration = Duration::from_secs(10 * 60);

/// The even ports of a range, in use, at rest or free.
#[derive(Debug, Clone)]
pub(super) struct PortPool {
    free: VecDeque<u16>,
    resting: VecDeque<(Instant, u16)>,
    quarantined: VecDeque<(Instant, u16)>,
    used: BTreeSet<u16>,
}

impl PortPool {
    /// All even ports `p` with `first ≤ p` and `p + 1 ≤ last`.
    pub(super) fn new(first: u16, last: u16) -> Self {
        let free = (first..last).filter(|port| port % 2 == 0).collect();
        Self {
            free,
            resting: VecDeque::new(),
            quarantined: VecDeque::new(),
            used: BTreeSet::new(),
        }
    }

    /// The same, beginning somewhere else: peers of a former process may still send to the pairs that
    /// it used last, and must not be heard in a new call.
    pub(super) fn beginning_at(mut self, place: u32) -> Self {
        if !self.free.is_empty() {
            let count = self.free.len();
            self.free.rotate_left(place as usize % count);
        }
        self
    }

    /// Takes the pair that has been free for longest; `None`: the range is exhausted.
    pub(super) fn take(&mut self, now: Instant) -> Option<u16> {
        for resting in [&mut self.resting, &mut self.quarantined] {
            while let Some((_, port)) = resting.pop_front_if(|(until, _)| *until <= now) {
                self.free.push_back(port);
            }
        }
        let port = self.free.pop_front()?;
        self.used.insert(port);
        Some(port)
    }

    /// Marks a pair as used that a restored leg holds; tells whether it was free to take.
    pub(super) fn claim(&mut self, port: u16) -> bool {
        self.free.retain(|free| *free != port);
        self.used.insert(port)
    }

    /// Gives a pair back, to rest first. Ports that are not in use are ignored.
    pub(super) fn give_back(&mut self, port: u16, now: Instant) {
        if self.used.remove(&port) {
            self.resting.push_back((now + REST, port));
        }
    }

    /// Keeps a pair away for long that turned out to be another program's.
    pub(super) fn quarantine(&mut self, port: u16, now: Instant) {
        if self.used.remove(&port) {
            self.quarantined.push_back((now + QUARANTINE, port));
        }
    }

    /// How many pairs are in use.
    pub(super) fn in_use(&self) -> usize {
        self.used.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_rests_before_it_is_used_again() {
        let mut pool = PortPool::new(20_000, 20_003);
        let start = Instant(0);
        assert_eq!(pool.take(start), Some(20_000));
        assert_eq!(pool.take(start), Some(20_002));
        assert_eq!(pool.take(start), None, "the range is exhausted");
        pool.give_back(20_002, start);
        assert_eq!(pool.take(start + Duration::from_millis(9_999)), None);
        assert_eq!(pool.take(start + REST), Some(20_002));
    }

    #[test]
    fn giving_back_twice_does_not_make_two_of_one() {
        let mut pool = PortPool::new(20_000, 20_001);
        let port = pool.take(Instant(0)).unwrap();
        pool.give_back(port, Instant(0));
        pool.give_back(port, Instant(0));
        let later = Instant(0) + REST;
        assert_eq!(pool.take(later), Some(port));
        assert_eq!(pool.take(later), None);
    }

    #[test]
    fn a_port_of_another_program_is_not_handed_out_again_soon() {
        let mut pool = PortPool::new(20_000, 20_003);
        let taken = pool.take(Instant(0)).unwrap();
        pool.quarantine(taken, Instant(0));
        // The leg ends, and gives back what is no longer its own.
        pool.give_back(taken, Instant(0));
        let other = pool.take(Instant(0) + REST * 2).unwrap();
        assert_ne!(other, taken);
        assert_eq!(pool.take(Instant(0) + REST * 2), None);
        assert_eq!(pool.take(Instant(0) + QUARANTINE), Some(taken));
    }

    #[test]
    fn an_odd_end_leaves_no_half_pair() {
        let mut pool = PortPool::new(20_001, 20_004);
        assert_eq!(pool.take(Instant(0)), Some(20_002));
        assert_eq!(pool.take(Instant(0)), None);
    }
}
