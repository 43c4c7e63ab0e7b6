//! Whether conditions hold, and why: the words stand in the record and in the dry run.

use super::condition::{Condition, Test};
use super::facts::{Caller, Facts};
use super::holidays;
use super::hours::{Span, clock, local, minute_of};
use super::plan::Plan;
use crate::event::Shut;
use crate::ids::{HoursName, Language};

/// Of whom and of when one asks.
pub(super) struct Asked<'a> {
    pub(super) plan: &'a Plan,
    pub(super) facts: &'a Facts,
    pub(super) caller: &'a Caller,
    pub(super) language: Language,
}

/// What is said while nobody knows the time.
const UNSET: &str = "the clock is not synchronised";
/// What is said of an expectation without a moment.
const ANY: &str = "no moment is assumed";

impl Asked<'_> {
    /// Whether all hold; the reason of the one that does not, or of all. `None`: there are none.
    pub(super) fn all(&self, conditions: &[Condition]) -> Option<(bool, String)> {
        let mut reasons = Vec::new();
        for one in conditions {
            let (holds, reason) = self.one(one);
            if !holds {
                return Some((false, reason));
            }
            reasons.push(reason);
        }
        (!reasons.is_empty()).then(|| (true, reasons.join(", ")))
    }

    /// The hours among what is asked that are closed now.
    pub(super) fn shut(&self, conditions: &[Condition]) -> Option<HoursName> {
        let now = self
            .facts
            .moment()
            .and_then(|now| local(now, &self.plan.zone))?;
        let mut named = conditions.iter().filter_map(|one| match &one.test {
            Test::Hours { hours, .. } => Some(hours),
            _ => None,
        });
        let shut = named.find(|name| {
            let hours = self.plan.hours.get(*name);
            hours.is_some_and(|hours| !hours.judge(now).0)
        });
        shut.cloned()
    }

    /// Whether these conditions, of which all hold or not, lead a caller past the queues: because the helpline is
    /// closed now, or because nobody is on shift.
    pub(super) fn shut_out(&self, conditions: &[Condition], hold: bool) -> Option<Shut> {
        let by_calendar = |one: &Condition| {
            matches!(one.test, Test::Holiday | Test::Between { .. } | Test::On(_))
        };
        if self.shut(conditions).is_some() || (hold && conditions.iter().any(by_calendar)) {
            return Some(Shut::Closed);
        }
        let on_shift = |one: &Condition| matches!(one.test, Test::OnShift(_));
        let nobody = self.facts.on_shift == 0 && conditions.iter().any(on_shift);
        nobody.then_some(Shut::NobodyOnShift)
    }

    /// What nobody can tell holds neither way: a step that asks for it is passed by.
    fn one(&self, condition: &Condition) -> (bool, String) {
        let (holds, reason) = self.test(&condition.test);
        let holds = holds.map(|holds| holds != condition.not);
        (holds.unwrap_or(false), reason)
    }

    fn test(&self, test: &Test) -> (Option<bool>, String) {
        let facts = self.facts;
        let (holds, reason) = match test {
            Test::Hours { hours, open } => self.hours(hours, *open),
            Test::Holiday | Test::Between { .. } | Test::On(_) => return self.calendar(test),
            Test::OnShift(bound) => (bound.holds(facts.on_shift), on_shift(facts.on_shift)),
            Test::Waiting { bound, queue } => {
                let count = facts.waiting.get(queue).copied().unwrap_or(0);
                let are = if count == 1 { "waits" } else { "wait" };
                (bound.holds(count), format!("{count} {are} in {queue}"))
            }
            Test::Caller(sort) => {
                let is = self.caller.is(sort);
                let word = if is { "is" } else { "is not" };
                (is, format!("the caller {word} {sort}"))
            }
            Test::OnList(list) => {
                let is = facts.lists.contains(list);
                let word = if is { "is" } else { "is not" };
                (is, format!("the caller {word} in list {list}"))
            }
            Test::Called { times, within } => {
                let count = facts.calls_within(*within);
                let minutes = within.as_secs().div_ceil(60);
                let reason = format!("the caller called {count} times within {minutes} min");
                (count >= *times, reason)
            }
            Test::Language(language) => {
                let spoken = self.language;
                (spoken == *language, format!("the language is {spoken}"))
            }
        };
        (Some(holds), reason)
    }

    fn hours(&self, hours: &HoursName, open: bool) -> (bool, String) {
        let now = self
            .facts
            .moment()
            .and_then(|now| local(now, &self.plan.zone));
        let known = self.plan.hours.get(hours);
        let (is_open, why) = match (known, now) {
            (Some(known), Some(now)) => known.judge(now),
            _ if self.facts.clock_unset => (true, format!("counts as open: {UNSET}")),
            _ => (true, format!("counts as open: {ANY}")),
        };
        (is_open == open, format!("{hours} {why}"))
    }

    fn calendar(&self, test: &Test) -> (Option<bool>, String) {
        let Some(now) = self
            .facts
            .moment()
            .and_then(|now| local(now, &self.plan.zone))
        else {
            let why = if self.facts.clock_unset { UNSET } else { ANY };
            return (None, why.to_owned());
        };
        let minute = minute_of(now);
        let (holds, reason) = match test {
            Test::Holiday => {
                let holiday = holidays::on(now.date());
                let name = holiday.map_or("no public holiday", |one| one.name.as_str());
                (holiday.is_some(), format!("{} is {name}", now.date()))
            }
            Test::Between { from, until } => {
                let (from, until) = (*from, *until);
                let span = Span { from, until };
                (span.holds(minute), format!("it is {}", clock(minute)))
            }
            Test::On(days) => {
                let day = now.date().strftime("%A");
                (days.has(now.weekday()), format!("it is {day}"))
            }
            _ => (false, String::new()),
        };
        (Some(holds), reason)
    }
}

fn on_shift(count: usize) -> String {
    match count {
        0 => "nobody is on shift with a phone that can ring".to_owned(),
        1 => "1 operator is on shift".to_owned(),
        _ => format!("{count} operators are on shift"),
    }
}
