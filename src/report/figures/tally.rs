//! Calls in, one by one; figures out.

use std::collections::BTreeMap;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::overlap::{Overlap, Peak};
use super::{Basis, Counts, Course, Rules, Seen, Shift, Week};
use crate::event::CallRecord;
use crate::ids::{OperatorId, Pseudonym, QueueName, TrunkName};

/// Where the bands of the distribution of waits begin, in seconds; the last has no end.
pub const WAIT_BANDS: [u64; 9] = [0, 5, 10, 20, 30, 60, 120, 300, 600];

/// What is added up.
#[derive(Debug, Clone)]
pub struct Tally<'a> {
    basis: &'a Basis,
    whole: Counts,
    queues: BTreeMap<QueueName, Counts>,
    trunks: BTreeMap<TrunkName, Counts>,
    operators: BTreeMap<OperatorId, OperatorCalls>,
    hours: Week<HourCalls>,
    waits: [WaitBand; WAIT_BANDS.len()],
    /// One of each call whose caller is known.
    callers: Vec<u128>,
    without_identity: u64,
    overlap: Overlap,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct OperatorCalls {
    handled: u64,
    outside: u64,
}

/// Calls of an hour of the week.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HourCalls {
    /// Entered a queue.
    pub offered: u64,
    /// Of them, those that no operator took.
    pub unanswered: u64,
    /// Not offered, because the helpline was closed or nobody was on shift.
    pub shut: u64,
}

impl HourCalls {
    /// All who wanted somebody.
    pub fn arrived(&self) -> u64 {
        self.offered + self.shut
    }
}

/// Offered calls by how long callers waited.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WaitBand {
    /// Answered.
    pub answered: u64,
    /// Gave up.
    pub gave_up: u64,
}

/// Callers who came again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Repeat {
    /// Different pseudonyms.
    pub callers: u64,
    /// Of them, those with two calls or more.
    pub again: u64,
    /// Calls of nobody who is known.
    pub without_identity: u64,
}

/// The calls and the time of an operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorFigures {
    /// Who.
    pub operator: OperatorId,
    /// Handled calls; a call that was handed on is of who talked last.
    pub handled: u64,
    /// Own calls outside.
    pub outside: u64,
    /// How the time was spent; `None`: nothing is known of it.
    pub shift: Option<Shift>,
}

impl OperatorFigures {
    /// (Talk + hold + wrap-up) ÷ handled, by the operator's states.
    pub fn aht(&self) -> Option<Duration> {
        super::counts::mean(self.shift?.handling(), self.handled)
    }
}

/// What the calls of a time come to.
#[derive(Debug, Clone, PartialEq)]
pub struct CallFigures {
    /// What was chosen.
    pub rules: Rules,
    /// All calls.
    pub whole: Counts,
    /// By the last queue of each call that was in one.
    pub queues: BTreeMap<QueueName, Counts>,
    /// By trunk.
    pub trunks: BTreeMap<TrunkName, Counts>,
    /// By operator.
    pub operators: Vec<OperatorFigures>,
    /// By hour of the week, of the arrival.
    pub hours: Week<HourCalls>,
    /// By the length of the wait, see [`WAIT_BANDS`].
    pub waits: [WaitBand; WAIT_BANDS.len()],
    /// See there.
    pub repeat: Repeat,
    /// The most at once; `None`: there were none.
    pub peak: Option<Peak>,
}

impl CallFigures {
    /// The time of all operators together; `None`: nobody was on shift, or nothing is known.
    pub fn on_shift(&self) -> Option<Shift> {
        let mut shifts = self.operators.iter().filter_map(|one| one.shift).peekable();
        shifts.peek()?;
        let mut all = Shift::default();
        shifts.for_each(|one| all.merge(&one));
        Some(all)
    }

    /// (Talk + hold + wrap-up) ÷ handled, of calls that are over.
    pub fn aht(&self) -> Option<Duration> {
        let wrap_up = self.on_shift().map_or(Duration::ZERO, |all| all.wrap_up);
        self.whole.aht(wrap_up)
    }
}

impl<'a> Tally<'a> {
    /// None yet.
    pub fn new(basis: &'a Basis) -> Self {
        Self {
            basis,
            whole: Counts::default(),
            queues: BTreeMap::new(),
            trunks: BTreeMap::new(),
            operators: BTreeMap::new(),
            hours: Week::default(),
            waits: <[WaitBand; WAIT_BANDS.len()]>::default(),
            callers: Vec::new(),
            without_identity: 0,
            overlap: Overlap::default(),
        }
    }

    /// Counts a call, each once. Their order makes no difference.
    pub fn add(&mut self, record: &CallRecord) {
        let (seen, rules) = (Seen::of(record, self.basis), &self.basis.rules);
        self.whole.add(&seen, rules);
        if let Some(queue) = &record.queue {
            at(&mut self.queues, queue, |counts| counts.add(&seen, rules));
        }
        at(&mut self.trunks, &record.trunk, |counts| {
            counts.add(&seen, rules)
        });
        if let Some(operator) = &record.operator {
            at(&mut self.operators, operator, |calls| {
                calls.handled += u64::from(seen.course.is_handled());
                calls.outside += u64::from(seen.course == Course::Outside);
            });
        }
        self.count_hour(&seen);
        self.count_wait(&seen);
        if seen.course.is_incoming() {
            match &record.caller {
                Some(caller) => self.callers.push(packed(caller)),
                None => self.without_identity += 1,
            }
        }
        self.overlap.add(&seen);
    }

    /// Adds the calls of another tally on the same basis.
    pub fn merge(&mut self, other: Self) {
        self.whole.merge(&other.whole);
        for (queue, counts) in &other.queues {
            at(&mut self.queues, queue, |mine| mine.merge(counts));
        }
        for (trunk, counts) in &other.trunks {
            at(&mut self.trunks, trunk, |mine| mine.merge(counts));
        }
        for (operator, calls) in &other.operators {
            at(&mut self.operators, operator, |mine| {
                mine.handled += calls.handled;
                mine.outside += calls.outside;
            });
        }
        let hours = self.hours.0.iter_mut().flatten();
        for (mine, theirs) in hours.zip(other.hours.0.iter().flatten()) {
            mine.offered += theirs.offered;
            mine.unanswered += theirs.unanswered;
            mine.shut += theirs.shut;
        }
        for (mine, theirs) in self.waits.iter_mut().zip(other.waits) {
            mine.answered += theirs.answered;
            mine.gave_up += theirs.gave_up;
        }
        self.callers.extend(other.callers);
        self.without_identity += other.without_identity;
        self.overlap.merge(other.overlap);
    }

    /// What they come to, with how operators spent the time ([`super::Shifts::finish`]).
    pub fn finish(mut self, mut shifts: BTreeMap<OperatorId, Shift>) -> CallFigures {
        for operator in shifts.keys() {
            at(&mut self.operators, operator, |_| ());
        }
        let operators = self.operators.into_iter().map(|(operator, calls)| {
            let shift = shifts.remove(&operator);
            OperatorFigures {
                operator,
                handled: calls.handled,
                outside: calls.outside,
                shift,
            }
        });
        CallFigures {
            rules: self.basis.rules,
            whole: self.whole,
            queues: self.queues,
            trunks: self.trunks,
            operators: operators.collect(),
            hours: self.hours,
            waits: self.waits,
            repeat: repeat(self.callers, self.without_identity),
            peak: self.overlap.peak(),
        }
    }

    fn count_hour(&mut self, seen: &Seen<'_>) {
        let hour = self.basis.calendar.hour(seen.record.arrived);
        let Some(calls) = self.hours.get_mut(hour) else {
            return;
        };
        match seen.course {
            Course::Closed | Course::NobodyOnShift => calls.shut += 1,
            course if course.is_offered() => {
                calls.offered += 1;
                let open = matches!(course, Course::Answered | Course::Waiting);
                calls.unanswered += u64::from(!open);
            }
            _ => {}
        }
    }

    fn count_wait(&mut self, seen: &Seen<'_>) {
        let Some(band) = self.waits.get_mut(wait_band(seen.wait)) else {
            return;
        };
        match seen.course {
            Course::Answered => band.answered += 1,
            Course::Abandoned => band.gave_up += 1,
            _ => {}
        }
    }
}

/// The place of the band that a wait is in.
pub(super) fn wait_band(wait: Duration) -> usize {
    let seconds = wait.as_secs();
    WAIT_BANDS
        .iter()
        .rposition(|from| *from <= seconds)
        .unwrap_or_default()
}

/// Changes the value of a key; the key is copied where it is new.
fn at<K: Ord + Clone, V: Default>(of: &mut BTreeMap<K, V>, key: &K, change: impl FnOnce(&mut V)) {
    match of.get_mut(key) {
        Some(value) => change(value),
        None => {
            let mut value = V::default();
            change(&mut value);
            of.insert(key.clone(), value);
        }
    }
}

fn repeat(mut callers: Vec<u128>, without_identity: u64) -> Repeat {
    callers.sort_unstable();
    let mut repeat = Repeat {
        without_identity,
        ..Repeat::default()
    };
    for one in callers.chunk_by(|one, other| one == other) {
        repeat.callers += 1;
        repeat.again += u64::from(one.len() > 1);
    }
    repeat
}

/// A pseudonym in sixteen bytes, so that a million of them are kept in little room: its own letters, or of a
/// longer one a digest.
fn packed(caller: &Pseudonym) -> u128 {
    let letters = caller.as_str().as_bytes();
    let mut bytes = [0; 16];
    match bytes.get_mut(..letters.len()) {
        Some(place) => place.copy_from_slice(letters),
        None => bytes.copy_from_slice(&Sha256::digest(letters)[..16]),
    }
    u128::from_be_bytes(bytes)
}
