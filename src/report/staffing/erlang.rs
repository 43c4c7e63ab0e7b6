//! Erlang C and Erlang A.
//!
//! A. K. Erlang, "Solution of some problems in the theory of probabilities of significance in automatic telephone
//! exchanges" (1917); C. Palm's extension by impatience, as in Garnett, Mandelbaum and Reiman, "Designing a call
//! center with impatient customers" (2002). Calls come at random at a steady rate; handling and patience are
//! exponential.

use std::time::Duration;

use super::super::figures::Target;

/// More operators than this are not searched for.
const MOST_OPERATORS: u32 = 1_000_000;

/// What weighs less than this beside the greatest no longer counts.
const NEGLIGIBLE: f64 = 1e-18;

/// States of the line on either side of the likeliest that are looked at: far more than weigh anything.
const MOST_STATES: u32 = 50_000_000;

/// What callers ask for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Demand {
    /// Calls an hour.
    pub per_hour: f64,
    /// How long an operator needs for one: talk, hold and wrap-up.
    pub handling: Duration,
}

impl Demand {
    /// A = λ·AHT, in erlangs: so many operators would be busy all the time.
    pub fn load(&self) -> f64 {
        self.per_second() * self.handling.as_secs_f64()
    }

    fn per_second(&self) -> f64 {
        self.per_hour / 3_600.0
    }
}

/// What callers get.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Service {
    /// Probability that a caller waits at all.
    pub waits: f64,
    /// Share of callers who are served within the time that was asked for.
    pub within: f64,
    /// Share who give up.
    pub gives_up: f64,
    /// Mean wait of all callers, of those who give up too.
    pub mean_wait: Duration,
    /// Share of the time that operators are busy.
    pub occupancy: f64,
}

impl Service {
    fn of_nobody_calling() -> Self {
        Self {
            waits: 0.0,
            within: 1.0,
            gives_up: 0.0,
            mean_wait: Duration::ZERO,
            occupancy: 0.0,
        }
    }
}

/// What `operators` give by Erlang C: nobody gives up. `None`: they are too few (N ≤ A), and the line would grow without
/// an end.
pub fn erlang_c(demand: Demand, operators: u32, within: Duration) -> Option<Service> {
    let load = demand.load();
    if load <= 0.0 {
        return Some(Service::of_nobody_calling());
    }
    if f64::from(operators) <= load {
        return None;
    }
    let blocked = (1..=operators).fold(1.0, |blocked, n| blocking(load, n, blocked));
    Some(waiting(demand, operators, within, blocked))
}

/// B by recursion: B ← AB / (n + AB).
fn blocking(load: f64, n: u32, before: f64) -> f64 {
    load * before / (f64::from(n) + load * before)
}

/// C = B / (1 − ρ(1 − B)), and what follows from it.
fn waiting(demand: Demand, operators: u32, within: Duration, blocked: f64) -> Service {
    let (load, handling) = (demand.load(), demand.handling.as_secs_f64());
    let spare = f64::from(operators) - load;
    let occupancy = load / f64::from(operators);
    let waits = blocked / (1.0 - occupancy * (1.0 - blocked));
    Service {
        waits,
        within: 1.0 - waits * (-spare * within.as_secs_f64() / handling).exp(),
        gives_up: 0.0,
        mean_wait: seconds(waits * handling / spare),
        occupancy,
    }
}

/// The fewest operators, at least one, with whom Erlang C meets the target; `None`: more than a million.
pub fn operators_c(demand: Demand, target: Target) -> Option<u32> {
    let load = demand.load();
    if load <= 0.0 {
        return Some(1);
    }
    let mut blocked = 1.0;
    for n in 1..=MOST_OPERATORS {
        blocked = blocking(load, n, blocked);
        let enough = f64::from(n) > load
            && waiting(demand, n, target.within, blocked).within >= share_of(target);
        if enough {
            return Some(n);
        }
    }
    None
}

fn share_of(target: Target) -> f64 {
    f64::from(target.percent) / 100.0
}

/// What `operators` give by Erlang A, where callers give up after `patience` in the mean. However few they are, there
/// is an answer: the more give up.
pub fn erlang_a(
    demand: Demand,
    patience: Duration,
    operators: u32,
    within: Duration,
) -> Option<Service> {
    if demand.load() <= 0.0 {
        return Some(Service::of_nobody_calling());
    }
    if patience.is_zero() {
        return None;
    }
    let line = Line {
        calls: demand.per_second(),
        serves: f64::from(operators) / demand.handling.as_secs_f64(),
        each: 1.0 / demand.handling.as_secs_f64(),
        leaves: 1.0 / patience.as_secs_f64(),
        operators,
    };
    Some(line.service(within))
}

/// The fewest operators, at least one, with whom Erlang A meets the target; `None`: more than a million, or no
/// patience.
pub fn operators_a(demand: Demand, patience: Duration, target: Target) -> Option<u32> {
    let enough = |n| {
        let service = erlang_a(demand, patience, n, target.within)?;
        Some(service.within >= share_of(target))
    };
    // Who gives up makes room: never more are needed than by Erlang C.
    let (mut few, mut enough_are) = (0, operators_c(demand, target)?);
    while few + 1 < enough_are {
        let middle = few + (enough_are - few) / 2;
        match enough(middle)? {
            true => enough_are = middle,
            false => few = middle,
        }
    }
    Some(enough_are)
}

/// A birth and death process: n callers are with operators or in the line.
struct Line {
    /// λ, a second.
    calls: f64,
    /// Nμ: all operators together.
    serves: f64,
    /// μ.
    each: f64,
    /// θ.
    leaves: f64,
    operators: u32,
}

/// Sums over the states, by weights of which the greatest is 1.
#[derive(Default)]
struct Weights {
    all: f64,
    waiting: f64,
    line: f64,
    busy: f64,
}

impl Line {
    /// The rate of n → n − 1.
    fn death(&self, n: u32) -> f64 {
        match n.checked_sub(self.operators) {
            None | Some(0) => f64::from(n) * self.each,
            Some(line) => self.serves + f64::from(line) * self.leaves,
        }
    }

    /// The likeliest state: from there the weights fall to both sides, and none is too great for a number.
    fn likeliest(&self) -> u32 {
        let load = self.calls / self.each;
        let likeliest = match load < f64::from(self.operators) {
            true => load,
            false => f64::from(self.operators) + (self.calls - self.serves) / self.leaves,
        };
        likeliest.min(f64::from(u32::MAX / 2)) as u32
    }

    fn weigh(&self, sums: &mut Weights, n: u32, weight: f64) {
        sums.all += weight;
        sums.busy += weight * f64::from(n.min(self.operators));
        if let Some(line) = n.checked_sub(self.operators) {
            sums.waiting += weight;
            sums.line += weight * f64::from(line);
        }
    }

    fn service(&self, within: Duration) -> Service {
        let mut sums = Weights::default();
        let top = self.likeliest();
        self.weigh(&mut sums, top, 1.0);
        let mut weight = 1.0;
        for n in (1..=top).rev().take(MOST_STATES as usize) {
            weight *= self.death(n) / self.calls;
            self.weigh(&mut sums, n - 1, weight);
            if weight < NEGLIGIBLE {
                break;
            }
        }
        weight = 1.0;
        for n in top + 1..top.saturating_add(MOST_STATES) {
            weight *= self.calls / self.death(n);
            self.weigh(&mut sums, n, weight);
            if weight < NEGLIGIBLE {
                break;
            }
        }
        let waits = sums.waiting / sums.all;
        let line = sums.line / sums.all;
        let served_later = self.served_after_a_wait(within, self.all_busy(top) - sums.all.ln());
        Service {
            waits,
            within: (1.0 - waits + served_later).clamp(0.0, 1.0),
            gives_up: (self.leaves * line / self.calls).clamp(0.0, 1.0),
            mean_wait: seconds(line / self.calls),
            occupancy: match self.operators {
                0 => 1.0,
                all => sums.busy / sums.all / f64::from(all),
            },
        }
    }

    /// The logarithm of the weight of the state in which all are busy and nobody waits.
    fn all_busy(&self, top: u32) -> f64 {
        let step = |n: u32| (self.death(n) / self.calls).ln();
        match self.operators < top {
            true => (self.operators + 1..=top).map(step).sum(),
            false => -(top + 1..=self.operators).map(step).sum::<f64>(),
        }
    }

    /// The probability to wait, to be patient enough, and to be served within a time: the integral over
    /// p(N)·Nμ·exp(−(Nμ + θ)t + (λ/θ)(1 − e^(−θt))), by Simpson's rule. `busy` is ln p(N).
    fn served_after_a_wait(&self, within: Duration, busy: f64) -> f64 {
        let end = within.as_secs_f64();
        if self.operators == 0 || end <= 0.0 {
            return 0.0;
        }
        let at = |t: f64| {
            let came = self.calls / self.leaves * -(-self.leaves * t).exp_m1();
            (busy + self.serves.ln() - (self.serves + self.leaves) * t + came).exp()
        };
        // Fine enough for the fastest of the three rates.
        let fastest = self.serves.max(self.calls).max(self.leaves);
        let halves = (end * fastest * 25.0).clamp(500.0, 2_000_000.0) as u32;
        let step = end / f64::from(2 * halves);
        let inner = (1..2 * halves).map(|n| {
            let weight = if n % 2 == 1 { 4.0 } else { 2.0 };
            weight * at(f64::from(n) * step)
        });
        (at(0.0) + inner.sum::<f64>() + at(end)) * step / 3.0
    }
}

/// A time that may be too long to be told.
fn seconds(time: f64) -> Duration {
    Duration::try_from_secs_f64(time).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn demand(per_hour: f64, handling: u64) -> Demand {
        Demand {
            per_hour,
            handling: Duration::from_secs(handling),
        }
    }

    const WITHIN: Duration = Duration::from_secs(20);
    const PATIENCE: Duration = Duration::from_secs(180);

    fn is(value: f64, wanted: f64, digits: i32) {
        let off = (value - wanted).abs();
        assert!(off <= 0.5 * 10_f64.powi(-digits), "{value} for {wanted}");
    }

    #[test]
    fn erlang_c_as_published() {
        let service = erlang_c(demand(200.0, 180), 14, WITHIN).unwrap();
        is(service.waits, 0.174_132, 6);
        is(service.within, 0.888_350, 6);
        is(service.mean_wait.as_secs_f64(), 7.8359, 4);
        is(service.occupancy, 0.714_286, 6);
    }

    #[test]
    fn erlang_a_as_published() {
        for (operators, waits, gives_up, within) in [
            (10, 0.54207, 0.12511, 0.58698),
            (14, 0.13554, 0.01869, 0.92556),
        ] {
            let service = erlang_a(demand(200.0, 180), PATIENCE, operators, WITHIN).unwrap();
            is(service.waits, waits, 5);
            is(service.gives_up, gives_up, 5);
            is(service.within, within, 5);
        }
    }

    #[test]
    fn too_few_operators_are_told_and_never_a_number_out_of_nothing() {
        assert_eq!(erlang_c(demand(200.0, 180), 10, WITHIN), None);
        assert_eq!(erlang_c(demand(200.0, 180), 0, WITHIN), None);
        let nobody = erlang_a(demand(200.0, 180), PATIENCE, 0, WITHIN).unwrap();
        is(nobody.gives_up, 1.0, 9);
        is(nobody.within, 0.0, 9);
        assert_eq!(
            erlang_a(demand(200.0, 180), Duration::ZERO, 3, WITHIN),
            None
        );
    }

    #[test]
    fn nobody_calls_and_one_is_enough() {
        let target = Target::default();
        assert_eq!(erlang_c(demand(0.0, 180), 1, WITHIN).unwrap().within, 1.0);
        assert_eq!(operators_c(demand(0.0, 180), target), Some(1));
        assert_eq!(operators_a(demand(0.0, 180), PATIENCE, target), Some(1));
    }

    #[test]
    fn great_loads_do_not_overflow() {
        // 10,000 erlangs.
        let great = demand(200_000.0, 180);
        let service = erlang_c(great, 10_100, WITHIN).unwrap();
        assert!(service.waits > 0.1 && service.waits < 0.4, "{service:?}");
        for operators in [1, 5_000, 10_000, 10_100, 20_000] {
            let service = erlang_a(great, PATIENCE, operators, WITHIN).unwrap();
            for share in [service.waits, service.within, service.gives_up] {
                assert!((0.0..=1.0).contains(&share), "{operators}: {service:?}");
            }
            // Whoever is not served gives up.
            let served = f64::from(operators) * service.occupancy;
            is(served / great.load(), 1.0 - service.gives_up, 6);
        }
        let needed = operators_c(great, Target::default()).unwrap();
        assert!((10_000..10_200).contains(&needed), "{needed}");
        assert!(operators_a(great, PATIENCE, Target::default()).unwrap() < needed);
    }

    #[test]
    fn endless_patience_is_erlang_c() {
        let load = demand(200.0, 180);
        let (c, a) = (
            erlang_c(load, 14, WITHIN).unwrap(),
            erlang_a(load, Duration::from_secs(100_000_000), 14, WITHIN).unwrap(),
        );
        is(a.waits, c.waits, 5);
        is(a.within, c.within, 5);
    }

    #[test]
    fn the_fewest_operators_meet_the_target_and_one_fewer_do_not() {
        let target = Target::default();
        for per_hour in [0.6, 3.0, 20.0, 200.0, 900.0] {
            let load = demand(per_hour, 420);
            let c = operators_c(load, target).unwrap();
            let a = operators_a(load, PATIENCE, target).unwrap();
            let met = |service: Option<Service>| service.is_some_and(|one| one.within >= 0.8);
            assert!(met(erlang_c(load, c, target.within)));
            assert!(c == 1 || !met(erlang_c(load, c - 1, target.within)));
            assert!(met(erlang_a(load, PATIENCE, a, target.within)));
            assert!(a == 1 || !met(erlang_a(load, PATIENCE, a - 1, target.within)));
            assert!(a <= c);
        }
    }
}
