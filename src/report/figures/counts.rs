//! Sums over calls, and what is computed from them.

use std::time::Duration;

use super::{Course, Rules, Seen};

/// Sums over calls. Those of parts add up to those of the whole.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Entered a queue: all from here to `waiting` together.
    pub offered: u64,
    /// See [`Course`].
    pub answered: u64,
    /// Gave up after τ or later.
    pub abandoned: u64,
    /// Gave up before τ.
    pub short_abandoned: u64,
    /// See [`Course`].
    pub asked_back: u64,
    /// See [`Course`].
    pub led_on: u64,
    /// See [`Course`].
    pub lost: u64,
    /// See [`Course`].
    pub waiting: u64,
    /// See [`Course`].
    pub ivr_only: u64,
    /// See [`Course`].
    pub closed: u64,
    /// See [`Course`].
    pub nobody_on_shift: u64,
    /// See [`Course`].
    pub direct: u64,
    /// Of them, those that somebody took.
    pub direct_answered: u64,
    /// See [`Course`].
    pub callbacks: u64,
    /// Of them, those whose callers were reached.
    pub callbacks_reached: u64,
    /// See [`Course`].
    pub outside: u64,
    /// Answered within Y.
    pub answered_within: u64,
    /// Gave up after more than Y.
    pub abandoned_beyond: u64,
    /// Waits of the answered together.
    pub waited: Duration,
    /// Waits of all who gave up, early ones too.
    pub gave_up_after: Duration,
    /// Of those who were answered or gave up.
    pub longest_wait: Option<Duration>,
    /// Handled calls that are over.
    pub over: u64,
    /// Their talk, without hold.
    pub talk: Duration,
    /// Their time on hold.
    pub hold: Duration,
}

impl Counts {
    /// Counts a call.
    pub fn add(&mut self, seen: &Seen<'_>, rules: &Rules) {
        self.count(seen.course, seen.wait < rules.short_abandon);
        let within = seen.wait <= rules.target.within;
        match seen.course {
            Course::Answered => {
                self.answered_within += u64::from(within);
                self.waited = self.waited.saturating_add(seen.wait);
                self.longest_wait = self.longest_wait.max(Some(seen.wait));
            }
            Course::Abandoned => {
                self.abandoned_beyond += u64::from(!within);
                self.gave_up_after = self.gave_up_after.saturating_add(seen.wait);
                self.longest_wait = self.longest_wait.max(Some(seen.wait));
            }
            _ => {}
        }
        if seen.course.is_handled()
            && let Some(talked) = seen.record.talked()
        {
            let held = seen.record.held.min(talked);
            self.over += 1;
            self.talk = self.talk.saturating_add(talked - held);
            self.hold = self.hold.saturating_add(held);
        }
    }

    fn count(&mut self, course: Course, short: bool) {
        self.offered += u64::from(course.is_offered());
        match course {
            Course::Outside => self.outside += 1,
            Course::Callback { reached } => {
                self.callbacks += 1;
                self.callbacks_reached += u64::from(reached);
            }
            Course::Direct { answered } => {
                self.direct += 1;
                self.direct_answered += u64::from(answered);
            }
            Course::IvrOnly => self.ivr_only += 1,
            Course::Closed => self.closed += 1,
            Course::NobodyOnShift => self.nobody_on_shift += 1,
            Course::Answered => self.answered += 1,
            Course::Abandoned if short => self.short_abandoned += 1,
            Course::Abandoned => self.abandoned += 1,
            Course::AskedBack => self.asked_back += 1,
            Course::LedOn => self.led_on += 1,
            Course::Lost => self.lost += 1,
            Course::Waiting => self.waiting += 1,
        }
    }

    /// Adds those of other calls.
    pub fn merge(&mut self, other: &Self) {
        let counts = [
            (&mut self.offered, other.offered),
            (&mut self.answered, other.answered),
            (&mut self.abandoned, other.abandoned),
            (&mut self.short_abandoned, other.short_abandoned),
            (&mut self.asked_back, other.asked_back),
            (&mut self.led_on, other.led_on),
            (&mut self.lost, other.lost),
            (&mut self.waiting, other.waiting),
            (&mut self.ivr_only, other.ivr_only),
            (&mut self.closed, other.closed),
            (&mut self.nobody_on_shift, other.nobody_on_shift),
            (&mut self.direct, other.direct),
            (&mut self.direct_answered, other.direct_answered),
            (&mut self.callbacks, other.callbacks),
            (&mut self.callbacks_reached, other.callbacks_reached),
            (&mut self.outside, other.outside),
            (&mut self.answered_within, other.answered_within),
            (&mut self.abandoned_beyond, other.abandoned_beyond),
            (&mut self.over, other.over),
        ];
        for (mine, theirs) in counts {
            *mine += theirs;
        }
        let times = [
            (&mut self.waited, other.waited),
            (&mut self.gave_up_after, other.gave_up_after),
            (&mut self.talk, other.talk),
            (&mut self.hold, other.hold),
        ];
        for (mine, theirs) in times {
            *mine = mine.saturating_add(theirs);
        }
        self.longest_wait = self.longest_wait.max(other.longest_wait);
    }

    /// Calls in which an operator talked with the caller: answered ones, direct ones, reached callbacks.
    pub fn handled(&self) -> u64 {
        self.answered + self.direct_answered + self.callbacks_reached
    }

    /// All who gave up, short ones too.
    pub fn gave_up(&self) -> u64 {
        self.abandoned + self.short_abandoned
    }

    /// Abandoned ÷ (handled + abandoned), short ones left out.
    pub fn abandonment_rate(&self) -> Option<f64> {
        share(self.abandoned, self.handled() + self.abandoned)
    }

    /// Answered ÷ offered.
    pub fn answer_rate(&self) -> Option<f64> {
        share(self.answered, self.offered)
    }

    /// Answered within Y ÷ (answered + gave up after more than Y).
    pub fn service_level(&self) -> Option<f64> {
        share(self.answered_within, self.answered + self.abandoned_beyond)
    }

    /// Answered within Y ÷ offered.
    pub fn service_level_strict(&self) -> Option<f64> {
        share(self.answered_within, self.offered)
    }

    /// Mean wait of the answered.
    pub fn asa(&self) -> Option<Duration> {
        mean(self.waited, self.answered)
    }

    /// Mean talk with hold, of handled calls that are over.
    pub fn mean_talk(&self) -> Option<Duration> {
        mean(self.talk.saturating_add(self.hold), self.over)
    }

    /// (Talk + hold + wrap-up) ÷ handled.
    pub fn aht(&self, wrap_up: Duration) -> Option<Duration> {
        let all = self.talk.saturating_add(self.hold).saturating_add(wrap_up);
        mean(all, self.over)
    }

    /// How long callers are ready to wait in the mean, if they give up at a steady rate: all waits ÷ all who
    /// gave up. `None`: nobody did.
    pub fn patience(&self) -> Option<Duration> {
        mean(
            self.waited.saturating_add(self.gave_up_after),
            self.gave_up(),
        )
    }
}

/// A share; `None`: of nothing.
pub(super) fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// A mean to the microsecond; `None`: of nothing.
pub(super) fn mean(sum: Duration, count: u64) -> Option<Duration> {
    let each = sum.as_micros().checked_div(count.into())?;
    Some(Duration::from_micros(
        u64::try_from(each).unwrap_or(u64::MAX),
    ))
}
