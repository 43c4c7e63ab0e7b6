//! The calls behind a figure.

use std::collections::BTreeMap;

use super::keys::Of;
use super::overlap::{Overlap, span};
use super::tally::wait_band;
use super::{Basis, Course, Key, Seen};
use crate::event::CallRecord;
use crate::ids::{CallId, Pseudonym};
use crate::time::Wall;

/// Collects them.
#[derive(Debug, Clone)]
pub struct Listing<'a> {
    basis: &'a Basis,
    key: &'a Key,
    found: Vec<Found>,
    overlap: Overlap,
}

#[derive(Debug, Clone)]
struct Found {
    call: CallId,
    caller: Option<Pseudonym>,
    span: Option<(Wall, Option<Wall>)>,
}

impl<'a> Listing<'a> {
    /// Those behind this figure.
    pub fn new(basis: &'a Basis, key: &'a Key) -> Self {
        Self {
            basis,
            key,
            found: Vec::new(),
            overlap: Overlap::default(),
        }
    }

    /// Looks at a call.
    pub fn add(&mut self, record: &CallRecord) {
        let seen = Seen::of(record, self.basis);
        if !self.is_wanted(&seen) {
            return;
        }
        self.overlap.add(&seen);
        self.found.push(Found {
            call: record.call,
            caller: record.caller.clone(),
            span: span(&seen),
        });
    }

    /// Their ids, in the order in which the calls came.
    pub fn finish(self) -> Vec<CallId> {
        let found = match self.key {
            Key::Figure(_, figure) if figure.key.starts_with("repeat") => again(self.found),
            Key::Figure(_, figure) if figure.key == "concurrency" => {
                at_peak(self.found, self.overlap)
            }
            _ => self.found,
        };
        found.into_iter().map(|one| one.call).collect()
    }

    fn is_wanted(&self, seen: &Seen<'_>) -> bool {
        let (rules, record) = (&self.basis.rules, seen.record);
        let among = |of: &Of| match of {
            Of::All => true,
            Of::Queue(queue) => record.queue.as_ref() == Some(queue),
            Of::Trunk(trunk) => record.trunk == *trunk,
        };
        match self.key {
            Key::Figure(of, figure) => among(of) && figure.is_behind(seen, rules),
            Key::Base(of, figure) => among(of) && figure.is_in_base(seen, rules),
            Key::Operator(operator) => {
                seen.course.is_handled() && record.operator.as_ref() == Some(operator)
            }
            Key::Hour(hour) => {
                seen.course.is_offered() && self.basis.calendar.hour(record.arrived) == *hour
            }
            Key::Wait(band, course) => {
                let counts = matches!(seen.course, Course::Answered | Course::Abandoned);
                let wanted = course.is_none_or(|course| course == seen.course);
                counts && wanted && wait_band(seen.wait) == *band
            }
        }
    }
}

/// Calls of callers with two or more.
fn again(found: Vec<Found>) -> Vec<Found> {
    let mut calls: BTreeMap<Option<Pseudonym>, u64> = BTreeMap::new();
    for one in &found {
        *calls.entry(one.caller.clone()).or_default() += 1;
    }
    let again = |one: &Found| calls.get(&one.caller).is_some_and(|calls| *calls > 1);
    found.into_iter().filter(again).collect()
}

/// Calls that were there when there were most.
fn at_peak(found: Vec<Found>, overlap: Overlap) -> Vec<Found> {
    let Some(peak) = overlap.peak() else {
        return Vec::new();
    };
    let there = |one: &Found| {
        one.span.is_some_and(|(begun, ended)| {
            begun <= peak.at && ended.is_none_or(|ended| ended > peak.at)
        })
    };
    found.into_iter().filter(there).collect()
}
