//! What the dialplan decides by, gathered from the switch.

use std::collections::{BTreeMap, BTreeSet};

use super::pbx::Switch;
use crate::dialplan::Plan;
use crate::dialplan::facts::{Facts, MEMORY, MOST_CALLS};
use crate::ids::{Pseudonym, QueueName};
use crate::time::{Now, Wall};

/// The calls of so many callers are remembered; beyond it those are forgotten who called longest ago.
const MOST_CALLERS: usize = 20_000;

/// Who called lately, and when.
#[derive(Debug, Default)]
pub(super) struct Recent {
    calls: BTreeMap<Pseudonym, Vec<Wall>>,
    by_last: BTreeSet<(Wall, Pseudonym)>,
}

impl Recent {
    /// A call of this caller begins.
    pub(super) fn note(&mut self, caller: &Pseudonym, at: Wall) {
        let calls = self.calls.entry(caller.clone()).or_default();
        if calls.contains(&at) {
            return;
        }
        if let Some(last) = calls.last() {
            self.by_last.remove(&(*last, caller.clone()));
        }
        let place = calls.partition_point(|one| *one < at);
        calls.insert(place, at);
        let last = calls.last().copied().unwrap_or(at);
        calls.retain(|one| last.since(*one) <= MEMORY);
        if calls.len() > MOST_CALLS {
            calls.remove(0);
        }
        self.by_last.insert((last, caller.clone()));
        while let Some((first, _)) = self.by_last.first() {
            if self.by_last.len() <= MOST_CALLERS && at.since(*first) <= MEMORY {
                return;
            }
            if let Some((_, forgotten)) = self.by_last.pop_first() {
                self.calls.remove(&forgotten);
            }
        }
    }

    /// A caller has another name from now on.
    pub(super) fn rename(&mut self, former: &Pseudonym, caller: &Pseudonym) {
        let Some(calls) = self.calls.remove(former) else {
            return;
        };
        if let Some(last) = calls.last() {
            self.by_last.remove(&(*last, former.clone()));
        }
        for at in calls {
            self.note(caller, at);
        }
    }

    fn of(&self, caller: Option<&Pseudonym>) -> Vec<Wall> {
        let calls = caller.and_then(|caller| self.calls.get(caller));
        calls.cloned().unwrap_or_default()
    }
}

/// Told while the clock is not synchronised.
pub const CLOCK_UNSET: &str = "the clock is not synchronised: all hours of the dialplan count as open; start a \
                               time service (systemd-timesyncd or chrony) and let it reach its servers";

impl Switch {
    /// The shell found out whether the clock is synchronised.
    pub(super) fn clock_found(&mut self, synchronised: bool, now: Now) {
        let before = std::mem::replace(&mut self.clock_unset, !synchronised);
        if self.clock_unset && !before {
            self.alarm(None, "clock-unset", CLOCK_UNSET.to_owned(), now);
        }
    }

    /// Whether the shell says that the clock is not synchronised.
    pub fn is_clock_unset(&self) -> bool {
        self.clock_unset
    }

    /// What decisions about a caller depend on now.
    pub(super) fn facts(&self, plan: &Plan, caller: Option<&Pseudonym>, now: Now) -> Facts {
        let waiting = |queue: &QueueName| (queue.clone(), self.domain.waiting_in(queue));
        Facts {
            on_shift: self.domain.on_shift(),
            now: Some(now.wall),
            clock_unset: self.clock_unset,
            waiting: plan.queues.keys().map(waiting).collect(),
            lists: self.lists.of(caller, now),
            calls: self.recent.of(caller),
        }
    }

    /// Who called within the last day, to be told to a switch that takes over.
    pub fn recent_calls(&self) -> Vec<(Pseudonym, Wall)> {
        let calls = self.recent.calls.iter();
        let calls = calls.flat_map(|(caller, all)| all.iter().map(|at| (caller.clone(), *at)));
        calls.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_of_callers_has_its_limits() {
        let second = |count: usize| Wall(1_000_000 * i64::try_from(count).unwrap_or(0));
        let who = |count: usize| Pseudonym(format!("C-{count}"));
        let mut recent = Recent::default();
        for count in 0..MOST_CALLERS + 10 {
            recent.note(&who(count), second(count));
        }
        assert_eq!(
            (recent.calls.len(), recent.by_last.len()),
            (MOST_CALLERS, MOST_CALLERS)
        );
        assert!(
            recent.of(Some(&who(9))).is_empty(),
            "who called longest ago is forgotten"
        );
        let last = who(MOST_CALLERS);
        for count in 0..100 {
            recent.note(&last, second(MOST_CALLERS + count));
        }
        assert_eq!(recent.of(Some(&last)).len(), MOST_CALLS);
        let tomorrow = second(MOST_CALLERS + 100) + MEMORY;
        recent.note(&last, tomorrow);
        assert_eq!(recent.of(Some(&last)), [tomorrow]);
        assert_eq!(
            recent.calls.len(),
            1,
            "a day later nobody else is remembered"
        );
    }
}
