//! How long a wait may last: an estimate from what was seen.

use std::time::Duration;

/// Until calls have been seen, one takes so long with its rest.
const USUAL: Duration = Duration::from_secs(300);
/// How many seen calls weigh as much as all before them.
const MEMORY: f64 = 20.0;
/// Before so many calls were seen an estimate would be a guess.
const ENOUGH: u32 = 3;
/// Longer estimates say nothing.
const LONGEST: Duration = Duration::from_secs(2 * 60 * 60);

/// How fast a queue is served, and how fast callers give up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// Mean time that an operator needs for a call, with the rest after it, in seconds.
    handling: f64,
    /// Calls seen.
    seen: u32,
    /// Callers who gave up, and seconds waited by all, both fading.
    left: f64,
    waited: f64,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            handling: USUAL.as_secs_f64(),
            seen: 0,
            left: 0.0,
            waited: 0.0,
        }
    }
}

impl Pace {
    /// A call is over that kept an operator for so long.
    pub(super) fn handled(&mut self, took: Duration) {
        self.seen = self.seen.saturating_add(1);
        // The plain mean of the first calls, which then fade.
        let weight = f64::from(self.seen).min(MEMORY);
        self.handling += (took.as_secs_f64() - self.handling) / weight;
    }

    /// A wait is over: by an answer, or by giving up.
    pub(super) fn waited(&mut self, waited: Duration, gave_up: bool) {
        let keep = 1.0 - 1.0 / MEMORY;
        self.left = self.left * keep + f64::from(u8::from(gave_up));
        self.waited = self.waited * keep + waited.as_secs_f64();
    }

    /// Whether enough was seen for an estimate that callers may be told.
    pub(super) fn is_known(&self) -> bool {
        self.seen >= ENOUGH
    }

    /// The mean time until somebody with `ahead` callers before is answered by one of `servers`; `None`:
    /// nobody serves.
    ///
    /// Of a line of `n` before one, the next step comes by the end of a call or by somebody ahead who
    /// gives up, at the rate cμ + nθ (Erlang A, the transitions of a birth and death process); the times
    /// of all steps are added.
    pub(super) fn estimate(&self, ahead: usize, servers: usize) -> Option<Duration> {
        if servers == 0 {
            return None;
        }
        let serves = servers as f64 / self.handling.max(1.0);
        let gives_up = self.left / self.waited.max(1.0);
        let steps = (0..=ahead.min(1_000)).map(|before| 1.0 / (serves + before as f64 * gives_up));
        let seconds = steps.sum::<f64>().min(LONGEST.as_secs_f64());
        Some(Duration::from_secs_f64(seconds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_abandonment_each_place_costs_a_call_shared_by_all_operators() {
        let mut pace = Pace::default();
        for _ in 0..1_000 {
            pace.handled(Duration::from_secs(120));
            pace.waited(Duration::from_secs(60), false);
        }
        let estimate = pace.estimate(2, 3).unwrap_or_default();
        assert_eq!(estimate.as_secs(), 120, "three places of 120 s over 3");
        assert_eq!(pace.estimate(0, 0), None);
    }

    #[test]
    fn callers_who_give_up_shorten_the_wait() {
        let mut pace = Pace::default();
        for _ in 0..1_000 {
            pace.handled(Duration::from_secs(100));
            pace.waited(Duration::from_secs(100), true);
        }
        // One gives up each 100 s of waiting: 1/(0.01) + 1/(0.01 + 0.01).
        let estimate = pace.estimate(1, 1).unwrap_or_default();
        assert_eq!(estimate.as_secs(), 150);
    }
}
