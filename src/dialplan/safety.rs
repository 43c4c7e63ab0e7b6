//! The guard of a plan: whoever calls, whichever number, at any hour of the coming year, pressing nothing,
//! with operators on shift and without: a person, a voicemail or an explanation within a set time.
//!
//! It stands in a file of its own, so that who edits the plan does not edit its guard.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::fault::{Fault, Place};
use super::number::Number;
use super::plan::{Closed, Plan};
use super::run::{Facts, Instruction, Run};
use crate::ids::{Language, PathName, PromptName};
use crate::time::Wall;

/// The file's name.
pub const FILE: &str = "safety.toml";
/// So far ahead is looked.
const AHEAD: Duration = Duration::from_secs(366 * 24 * 3600);
const HOUR: Duration = Duration::from_secs(3600);
/// How many operators are on shift: none, the last one, a full house.
const SHIFTS: [usize; 3] = [0, 1, 100];

/// `[safety]`: what every call is promised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Safety {
    /// Where it stands.
    pub place: Place,
    /// How soon.
    pub within: Duration,
    /// What counts as an explanation, if it is heard last; empty: any prompt.
    pub explained_by: BTreeSet<PromptName>,
}

/// How long each sound is, by language and name.
pub type Lengths = BTreeMap<(Option<Language>, String), Duration>;

/// How a call that is left alone ends.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Outcome {
    reached: Reached,
    after: Duration,
    /// Paths on the way.
    way: Vec<PathName>,
    /// The line that decided last.
    last: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Reached {
    Person,
    Explanation(PromptName),
    Silence,
    Nowhere,
}

/// Follows all calls of the year from `now` on. Only moments at which something changes are looked at, and
/// numbers that begin with the same path are followed once.
///
/// # Errors
/// One fault for each way that breaks the promise, with the first number and moment that take it.
pub fn check(plan: &Plan, lengths: &Lengths, now: Wall) -> Vec<Fault> {
    let Some(safety) = &plan.safety else {
        return Vec::new();
    };
    let mut found: BTreeMap<String, Broken> = BTreeMap::new();
    let mut known = BTreeMap::new();
    for (index, moment) in moments(plan, now).into_iter().enumerate() {
        for number in plan.numbers.iter().map(Some).chain([None]) {
            let (run, _) = Run::start(plan, number, Some(moment.at));
            for on_shift in SHIFTS {
                let key = (index, run.path().clone(), on_shift);
                let outcome = known.entry(key).or_insert_with(|| {
                    let outcome = follow(plan, lengths, run.clone(), moment.at, on_shift);
                    complaint(safety, &outcome).map(|what| (what, outcome))
                });
                if let Some((what, outcome)) = outcome {
                    let broken = found.entry(what.clone()).or_insert_with(|| Broken {
                        number: number.cloned(),
                        at: moment.at,
                        on_shift,
                        last: outcome.last.clone(),
                        numbers: BTreeSet::new(),
                        hours: BTreeMap::new(),
                    });
                    broken.numbers.insert(number.cloned());
                    broken.hours.insert(index, moment.hours);
                }
            }
        }
    }
    let faults = found
        .into_iter()
        .map(|(what, one)| one.fault(plan, safety, &what));
    faults.collect()
}

/// What a call does that breaks the promise.
struct Broken {
    number: Option<Number>,
    at: Wall,
    on_shift: usize,
    last: String,
    numbers: BTreeSet<Option<Number>>,
    /// By moment.
    hours: BTreeMap<usize, usize>,
}

impl Broken {
    fn fault(&self, plan: &Plan, safety: &Safety, what: &str) -> Fault {
        let number = match &self.number {
            Some(number) => number.to_string(),
            None => "any other number".to_owned(),
        };
        let more = match self.numbers.len() {
            1 => String::new(),
            count => format!(" (and to {} more)", count - 1),
        };
        let shift = match self.on_shift {
            0 => "nobody on shift".to_owned(),
            1 => "one operator on shift".to_owned(),
            count => format!("{count} operators on shift"),
        };
        let hours: usize = self.hours.values().sum();
        let local = local(plan, self.at);
        let dial = self.number.as_ref().map_or("000000000", Number::as_str);
        Fault {
            place: place_of(&self.last).unwrap_or_else(|| safety.place.clone()),
            what: format!(
                "unsafe: a call to {number}{more} on {local} with {shift}, who presses nothing, {what}; so it is \
                 in {hours} hours of the coming year"
            ),
            remedy: format!(
                "{} wants a person, a voicemail or an explanation; see: qaynar route {dial} --at {} --operators {}",
                safety.place,
                local.replace(' ', "T"),
                self.on_shift
            ),
        }
    }
}

/// As the plan's people write a moment.
fn local(plan: &Plan, at: Wall) -> String {
    let stamp = jiff::Timestamp::from_microsecond(at.0).unwrap_or_default();
    let local = stamp.to_zoned_datetime(plan.zone.clone());
    local.strftime("%Y-%m-%d %H:%M").to_string()
}

fn place_of(text: &str) -> Option<Place> {
    let (file, line) = text.rsplit_once(':')?;
    Some(Place {
        file: file.to_owned(),
        line: line.parse().ok()?,
    })
}

fn complaint(safety: &Safety, outcome: &Outcome) -> Option<String> {
    let way: Vec<&str> = outcome.way.iter().map(PathName::as_str).collect();
    let way = way.join(" → ");
    let explains = &safety.explained_by;
    let what = match &outcome.reached {
        Reached::Nowhere => "is led in a circle".to_owned(),
        Reached::Silence => "hears nothing, and the line is closed".to_owned(),
        Reached::Explanation(prompt) if !explains.is_empty() && !explains.contains(prompt) => {
            format!("hears {prompt} last, which explains nothing")
        }
        _ if outcome.after > safety.within => {
            let (after, within) = (outcome.after.as_secs(), safety.within.as_secs());
            format!("is helped after {after} s, not within {within} s")
        }
        _ => return None,
    };
    Some(format!("{what} (way: {way})"))
}

/// A time in which nothing that depends on the clock changes.
struct Moment {
    at: Wall,
    /// How many hours of the year are like it.
    hours: usize,
}

/// The first of each kind of moment: those with the same closures are of one kind.
fn moments(plan: &Plan, now: Wall) -> Vec<Moment> {
    let end = now + AHEAD;
    let mut all = vec![now];
    let hour = i64::try_from(HOUR.as_micros()).unwrap_or(i64::MAX);
    let first = Wall((now.0.div_euclid(hour) + 1) * hour);
    let mut next = first;
    while next < end {
        all.push(next);
        next = next + HOUR;
    }
    let edges = plan.closed.iter().flat_map(|one| [one.from, one.until]);
    all.extend(edges.filter(|edge| now < *edge && *edge < end));
    all.sort();
    let mut kinds: BTreeMap<Vec<u64>, Moment> = BTreeMap::new();
    for at in all {
        let kind = kinds.entry(signature(plan, at));
        let moment = kind.or_insert(Moment { at, hours: 0 });
        // Edges between two hours are no hours of their own.
        moment.hours += usize::from(at.0.rem_euclid(hour) == 0);
    }
    let mut moments: Vec<Moment> = kinds.into_values().collect();
    moments.sort_by_key(|moment| moment.at);
    moments
}

/// All that depends on the clock: which closure holds.
fn signature(plan: &Plan, at: Wall) -> Vec<u64> {
    let holds = |one: &Closed| one.from <= at && at < one.until;
    let closed = plan.closed.iter().position(holds);
    vec![closed.map_or(0, |index| index as u64 + 1)]
}

/// The very machine that the exchange runs, with a caller who only listens. Phones that a step rings are
/// not answered; a queue is answered where somebody is on shift, else it is left at once.
fn follow(plan: &Plan, lengths: &Lengths, run: Run, at: Wall, on_shift: usize) -> Outcome {
    let mut run = run;
    let mut outcome = Outcome {
        reached: Reached::Silence,
        after: Duration::ZERO,
        way: vec![run.path().clone()],
        last: String::new(),
    };
    loop {
        let facts = facts(at + outcome.after, on_shift);
        let (instruction, notes) = run.next(plan, facts);
        for note in notes {
            if outcome.way.last() != Some(&note.path) && outcome.way.len() < 20 {
                outcome.way.push(note.path);
            }
            if !note.place.is_empty() {
                outcome.last = note.place;
            }
        }
        match instruction {
            Instruction::Play(prompts) => {
                for prompt in &prompts {
                    let key = (Some(run.language()), prompt.to_string());
                    outcome.after += lengths.get(&key).copied().unwrap_or_default();
                }
                if let Some(last) = prompts.last() {
                    outcome.reached = Reached::Explanation(last.clone());
                }
            }
            Instruction::Queue { .. } if on_shift > 0 => {
                outcome.reached = Reached::Person;
                return outcome;
            }
            Instruction::Queue { .. } => {}
            Instruction::Ring { wait, .. } => outcome.after += wait,
            Instruction::HangUp => break,
        }
    }
    if run.is_circling() {
        outcome.reached = Reached::Nowhere;
    }
    outcome
}

fn facts(_at: Wall, on_shift: usize) -> Facts {
    Facts { on_shift }
}
