//! Whom to ring: policy, apart from the mechanism.

use std::time::Duration;

use crate::ids::Rule;
use crate::time::{Now, Wall};

/// What a rule may know of a free operator.
#[derive(Debug, Clone, Copy)]
pub struct Facts {
    /// Since when without a call.
    pub idle_since: Wall,
    /// Calls answered today.
    pub calls: u32,
    /// Time talked today.
    pub talked: Duration,
    /// The number of the ring that was the operator's last, counted over all operators; 0: none yet.
    pub last_ring: u64,
    /// Place in the queue's list, from 0; 0 where it has none.
    pub place: u32,
    /// Weight in the queue.
    pub weight: u32,
    /// Drawn anew for each time of being free, even over all of `u64`.
    pub draw: u64,
}

/// Orders the free operators of a queue: the smallest key rings first, ties go to the smaller name.
pub trait Strategy {
    /// The key of an operator. It may change only with the operator's facts, never with time alone.
    fn key(&self, of: &Facts) -> i64;

    /// The figure that decided, for people: `idle for 4 s`.
    fn figure(&self, of: &Facts, now: Now) -> String;
}

/// How a rule decides.
fn strategy(rule: Rule) -> &'static dyn Strategy {
    match rule {
        Rule::LongestIdle => &LongestIdle,
        Rule::RingAll => &RingAll,
        Rule::RoundRobin => &RoundRobin,
        Rule::FewestCalls => &FewestCalls,
        Rule::LeastTalk => &LeastTalk,
        Rule::WeightedRandom => &WeightedRandom,
        Rule::Linear => &Linear,
    }
}

impl Strategy for Rule {
    fn key(&self, of: &Facts) -> i64 {
        strategy(*self).key(of)
    }

    fn figure(&self, of: &Facts, now: Now) -> String {
        strategy(*self).figure(of, now)
    }
}

fn idle(of: &Facts, now: Now) -> String {
    format!("idle for {} s", now.wall.since(of.idle_since).as_secs())
}

struct LongestIdle;

impl Strategy for LongestIdle {
    fn key(&self, of: &Facts) -> i64 {
        of.idle_since.0
    }

    fn figure(&self, of: &Facts, now: Now) -> String {
        idle(of, now)
    }
}

/// Rings everybody; where there are fewer phones than wanted, the longest idle first.
struct RingAll;

impl Strategy for RingAll {
    fn key(&self, of: &Facts) -> i64 {
        of.idle_since.0
    }

    fn figure(&self, of: &Facts, now: Now) -> String {
        idle(of, now)
    }
}

struct RoundRobin;

impl Strategy for RoundRobin {
    fn key(&self, of: &Facts) -> i64 {
        i64::try_from(of.last_ring).unwrap_or(i64::MAX)
    }

    fn figure(&self, of: &Facts, _: Now) -> String {
        match of.last_ring {
            0 => "not rung yet".to_owned(),
            ring => format!("last rung at turn {ring}"),
        }
    }
}

struct FewestCalls;

impl Strategy for FewestCalls {
    fn key(&self, of: &Facts) -> i64 {
        i64::from(of.calls)
    }

    fn figure(&self, of: &Facts, _: Now) -> String {
        format!("{} calls today", of.calls)
    }
}

struct LeastTalk;

impl Strategy for LeastTalk {
    fn key(&self, of: &Facts) -> i64 {
        i64::try_from(of.talked.as_micros()).unwrap_or(i64::MAX)
    }

    fn figure(&self, of: &Facts, _: Now) -> String {
        format!("talked for {} s today", of.talked.as_secs())
    }
}

/// Each free operator draws a waiting time that is exponential with the weight as its rate; the smallest
/// wins with a probability in proportion to its weight (the minimum of independent exponentials).
struct WeightedRandom;

impl Strategy for WeightedRandom {
    fn key(&self, of: &Facts) -> i64 {
        // 53 bits, as a fraction above 0 and at most 1.
        let fraction = ((of.draw >> 11) as f64 + 1.0) / (1_u64 << 53) as f64;
        let waits = -fraction.ln() / f64::from(of.weight.max(1));
        (waits * 1e12) as i64
    }

    fn figure(&self, of: &Facts, _: Now) -> String {
        format!("drawn with weight {}", of.weight)
    }
}

struct Linear;

impl Strategy for Linear {
    fn key(&self, of: &Facts) -> i64 {
        i64::from(of.place)
    }

    fn figure(&self, of: &Facts, _: Now) -> String {
        format!("number {} of the list", of.place + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{RngCore, SeedableRng};

    fn facts(weight: u32, draw: u64) -> Facts {
        Facts {
            idle_since: Wall(0),
            calls: 0,
            talked: Duration::ZERO,
            last_ring: 0,
            place: 0,
            weight,
            draw,
        }
    }

    #[test]
    fn lots_fall_in_proportion_to_the_weights() {
        let mut random = ChaCha8Rng::seed_from_u64(7);
        let mut wins = [0_u32; 3];
        for _ in 0..12_000 {
            let keys = [1, 2, 3].map(|weight| {
                let drawn = facts(weight, random.next_u64());
                (Rule::WeightedRandom.key(&drawn), weight as usize - 1)
            });
            wins[keys.into_iter().min().map_or(0, |(_, who)| who)] += 1;
        }
        for (who, expected) in [2_000, 4_000, 6_000].into_iter().enumerate() {
            assert!(wins[who].abs_diff(expected) < 250, "{wins:?}");
        }
    }
}
