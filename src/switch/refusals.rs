//! Callers whom we could not take: counted for the helpline, and told of in bounded numbers. The first of a
//! kind is told at once, those of the minute after it together.

use std::collections::BTreeMap;
use std::time::Duration;

use super::pbx::{Switch, Timer};
use crate::event::{Turned, What};
use crate::ids::TrunkName;
use crate::time::{Instant, Now};

/// How often one kind is told of.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// Of one kind.
#[derive(Debug, Clone, Copy)]
struct Kind {
    /// Not told yet.
    count: u32,
    /// Until when they are gathered.
    until: Instant,
}

/// Refusals of the last minute, and all of this process.
#[derive(Debug, Clone, Default)]
pub(super) struct Refusals {
    kinds: BTreeMap<(TrunkName, Turned), Kind>,
    /// When an alarm of a kind may be told again.
    alarms: BTreeMap<&'static str, Instant>,
    pub(super) total: u64,
    /// Those of callers who were not refused.
    pub(super) taken: u64,
}

impl Switch {
    /// A trunk's caller was refused.
    pub(super) fn turned_away(&mut self, trunk: &TrunkName, why: Turned, now: Now) {
        self.refusals.total = self.refusals.total.saturating_add(1);
        let key = (trunk.clone(), why);
        if let Some(kind) = self.refusals.kinds.get_mut(&key) {
            kind.count = kind.count.saturating_add(1);
            return;
        }
        self.tell_turned(trunk.clone(), why, 1, now);
        let until = now.at + TELL_EVERY;
        self.refusals.kinds.insert(key, Kind { count: 0, until });
        self.arm_refusals();
    }

    /// A minute of some kind is over.
    pub(super) fn refusals_due(&mut self, now: Now) {
        self.tell_refusals(now, |kind| kind.until <= now.at);
    }

    /// The process ends: what was counted is told.
    pub(super) fn tell_all_refusals(&mut self, now: Now) {
        self.tell_refusals(now, |_| true);
    }

    fn tell_refusals(&mut self, now: Now, due: impl Fn(&Kind) -> bool) {
        let kinds = std::mem::take(&mut self.refusals.kinds);
        let (over, rest) = kinds.into_iter().partition(|(_, kind)| due(kind));
        self.refusals.kinds = rest;
        let over: BTreeMap<_, _> = over;
        for ((trunk, why), mut kind) in over {
            if kind.count == 0 {
                continue;
            }
            self.tell_turned(trunk.clone(), why, kind.count, now);
            kind.count = 0;
            kind.until = now.at + TELL_EVERY;
            self.refusals.kinds.insert((trunk, why), kind);
        }
        self.arm_refusals();
    }

    fn arm_refusals(&mut self) {
        match self.refusals.kinds.values().map(|kind| kind.until).min() {
            Some(until) => self.timers.set(Timer::Refusals, until),
            None => {
                self.timers.clear(&Timer::Refusals);
            }
        }
    }

    fn tell_turned(&mut self, trunk: TrunkName, why: Turned, count: u32, now: Now) {
        self.emit(None, What::TurnedAway { trunk, why, count }, now);
    }

    /// An alarm that a flood of calls would raise at each of them: once a minute.
    pub(super) fn alarm_rarely(&mut self, kind: &'static str, text: String, now: Now) {
        let quiet = self.refusals.alarms.get(kind);
        if quiet.is_some_and(|until| *until > now.at) {
            return;
        }
        self.refusals.alarms.insert(kind, now.at + TELL_EVERY);
        self.alarm(None, kind, text, now);
    }
}
