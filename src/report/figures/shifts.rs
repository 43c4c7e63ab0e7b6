//! For how long operators did what, out of the changes of their states.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::event::OperatorState;
use crate::ids::OperatorId;
use crate::time::Wall;

/// How an operator spent a time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shift {
    /// Talked.
    pub talk: Duration,
    /// Had a caller on hold.
    pub hold: Duration,
    /// Rested after a call.
    pub wrap_up: Duration,
    /// Was free, or was being rung.
    pub available: Duration,
    /// Did not want calls: a break.
    pub paused: Duration,
    /// Had no phone that could ring.
    pub unreachable: Duration,
}

impl Shift {
    /// With callers, or resting after them.
    pub fn handling(&self) -> Duration {
        self.talk
            .saturating_add(self.hold)
            .saturating_add(self.wrap_up)
    }

    /// Handling ÷ (handling + available): breaks, and phones that do not answer, are left out.
    pub fn occupancy(&self) -> Option<f64> {
        let handling = self.handling();
        let all = handling.saturating_add(self.available);
        (!all.is_zero()).then(|| handling.as_secs_f64() / all.as_secs_f64())
    }

    /// Adds another.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in [
            (&mut self.talk, other.talk),
            (&mut self.hold, other.hold),
            (&mut self.wrap_up, other.wrap_up),
            (&mut self.available, other.available),
            (&mut self.paused, other.paused),
            (&mut self.unreachable, other.unreachable),
        ] {
            *mine = mine.saturating_add(theirs);
        }
    }

    fn of(&mut self, state: OperatorState) -> Option<&mut Duration> {
        match state {
            OperatorState::LoggedOut => None,
            OperatorState::Free | OperatorState::Claimed | OperatorState::Ringing => {
                Some(&mut self.available)
            }
            OperatorState::Talking => Some(&mut self.talk),
            OperatorState::OnHold => Some(&mut self.hold),
            OperatorState::WrapUp => Some(&mut self.wrap_up),
            OperatorState::Paused => Some(&mut self.paused),
            OperatorState::Unreachable => Some(&mut self.unreachable),
        }
    }
}

/// Adds up what operators did from one moment to another.
#[derive(Debug, Clone)]
pub struct Shifts {
    from: Wall,
    to: Wall,
    doing: BTreeMap<OperatorId, (OperatorState, Wall)>,
    done: BTreeMap<OperatorId, Shift>,
}

impl Shifts {
    /// From a moment to another; what is not over yet ends now: `to` is then no later than that.
    pub fn new(from: Wall, to: Wall) -> Self {
        Self {
            from,
            to,
            doing: BTreeMap::new(),
            done: BTreeMap::new(),
        }
    }

    /// An operator does this from a moment on. Changes come in their order; what each was doing when the time
    /// began comes first.
    pub fn add(&mut self, operator: &OperatorId, state: OperatorState, at: Wall) {
        let before = self.doing.insert(operator.clone(), (state, at));
        if let Some((state, since)) = before {
            self.spent(operator, state, since, at);
        }
    }

    /// What each operator's time came to.
    pub fn finish(mut self) -> BTreeMap<OperatorId, Shift> {
        for (operator, (state, since)) in std::mem::take(&mut self.doing) {
            self.spent(&operator, state, since, self.to);
        }
        self.done
    }

    fn spent(&mut self, operator: &OperatorId, state: OperatorState, since: Wall, until: Wall) {
        let (since, until) = (since.max(self.from), until.min(self.to));
        let lasted = until.since(since);
        if lasted.is_zero() {
            return;
        }
        let mut none = Shift::default();
        if none.of(state).is_none() {
            return;
        }
        let shift = self.done.entry(operator.clone()).or_default();
        if let Some(time) = shift.of(state) {
            *time = time.saturating_add(lasted);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use OperatorState::{Free, LoggedOut, OnHold, Paused, Ringing, Talking, WrapUp};

    fn at(second: i64) -> Wall {
        Wall(second * 1_000_000)
    }

    #[test]
    fn each_second_of_a_shift_is_of_one_kind_and_breaks_are_no_idleness() {
        let mut shifts = Shifts::new(at(100), at(1_000));
        let operator = OperatorId::from("201");
        for (state, second) in [
            (Free, 0),
            (Ringing, 200),
            (Talking, 210),
            (OnHold, 250),
            (Talking, 270),
            (WrapUp, 300),
            (Paused, 320),
            (Free, 620),
            (LoggedOut, 700),
        ] {
            shifts.add(&operator, state, at(second));
        }
        let done = shifts.finish();
        let shift = &done[&operator];
        let seconds = |time: Duration| time.as_secs();
        assert_eq!(seconds(shift.available), 100 + 10 + 80);
        assert_eq!((seconds(shift.talk), seconds(shift.hold)), (70, 20));
        assert_eq!((seconds(shift.wrap_up), seconds(shift.paused)), (20, 300));
        assert_eq!(shift.occupancy(), Some(110.0 / 300.0));
    }

    #[test]
    fn what_goes_on_counts_to_the_end_of_the_time_and_no_further() {
        let mut shifts = Shifts::new(at(0), at(60));
        shifts.add(&"201".into(), Talking, at(50));
        shifts.add(&"202".into(), LoggedOut, at(0));
        let done = shifts.finish();
        assert_eq!(done[&OperatorId::from("201")].talk.as_secs(), 10);
        assert_eq!(done.len(), 1, "who was not on shift has none");
        assert_eq!(Shift::default().occupancy(), None);
    }
}
