//! The dry run: what would happen to a call, step by step, and why.

use serde::Serialize;

use super::number::Number;
use super::outgoing::{Destination, EMERGENCY};
use super::plan::{Ends, Plan};
use super::run::{Facts, Instruction, Note, Run};
use crate::ids::{Language, PathName, TrunkName};
use crate::time::Wall;

/// What is assumed of the call and of the moment.
#[derive(Debug, Clone)]
pub struct Assumed {
    /// When; `None`: outside of all closures.
    pub at: Option<Wall>,
    /// Operators on shift.
    pub operators: usize,
    /// Keys that the caller presses at once.
    pub keys: Vec<char>,
}

/// A call's whole way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Route {
    /// The number in its one form; `None`: it is none.
    pub dialled: Option<Number>,
    /// The plan's hash.
    pub plan: String,
    /// Each decision with its reason.
    pub steps: Vec<Note>,
    /// Where it ends.
    pub ends: Ends,
    /// In which language.
    pub language: Language,
    /// The plan led in a circle until the call was given up.
    pub circles: bool,
}

/// Follows a call. A queue with somebody on shift is an end, since a person answers there; a ring is
/// taken to be unanswered, since the worst way is what one wants to know.
pub fn route(plan: &Plan, dialled: &str, assumed: &Assumed) -> Route {
    let number = Number::parse(dialled);
    let (mut run, first) = Run::start(plan, number.as_ref(), assumed.at);
    let mut steps = vec![first];
    for key in &assumed.keys {
        if let Some(language) = run.press(plan, *key) {
            let reason = format!("key {key}: {language}");
            steps.push(Note {
                path: run.path().clone(),
                place: String::new(),
                reason,
            });
        }
    }
    let facts = Facts {
        on_shift: assumed.operators,
    };
    let mut ends = Ends::HungUp;
    loop {
        let (instruction, mut notes) = run.next(plan, facts);
        steps.append(&mut notes);
        match instruction {
            Instruction::Play(prompts) => {
                ends = prompts
                    .last()
                    .map_or(ends, |last| Ends::Heard(last.clone()));
            }
            Instruction::Queue { queue, .. } if assumed.operators > 0 => {
                ends = Ends::Queue(queue);
                break;
            }
            Instruction::Queue { queue, .. } => {
                let reason = format!("queue {queue} is left: nobody is on shift");
                steps.push(Note {
                    path: run.path().clone(),
                    place: String::new(),
                    reason,
                });
            }
            Instruction::Ring { .. } => {
                let reason = "nobody answers (assumed)".to_owned();
                steps.push(Note {
                    path: run.path().clone(),
                    place: String::new(),
                    reason,
                });
            }
            Instruction::Voicemail(mailbox) => {
                ends = Ends::Voicemail(mailbox);
                break;
            }
            Instruction::HangUp => break,
        }
    }
    Route {
        dialled: number,
        plan: plan.hash.clone(),
        steps,
        ends,
        language: run.language(),
        circles: run.is_circling(),
    }
}

/// What becomes of a number that an operator dials: the helpline itself, a call outside, or a refusal.
/// What was spent today is not looked at.
pub fn route_of_operator(plan: &Plan, dialled: &str, assumed: &Assumed) -> Route {
    let number = Number::parse(dialled);
    if number.as_ref().is_some_and(|one| plan.has_number(one)) {
        return route(plan, dialled, assumed);
    }
    let found = number.as_ref().and_then(|one| plan.destination(one));
    let help = number.as_ref().is_some_and(Number::is_emergency);
    let (ends, reason) = match (found, &number) {
        (_, Some(number)) if help => (
            Ends::Outgoing(EMERGENCY.to_owned()),
            format!("{number} calls for help: always allowed, by any trunk, and no cap counts it"),
        ),
        (Some(one), _) => (Ends::Outgoing(one.name.clone()), allowance(one)),
        (None, Some(_)) => (
            Ends::Refused,
            "no outgoing holds this number: the operator hears a refusal (403)".to_owned(),
        ),
        (None, None) => (Ends::Refused, "this is no number (404)".to_owned()),
    };
    let place = found.map(|one| one.place.to_string()).unwrap_or_default();
    let path = PathName::from("outgoing");
    Route {
        dialled: number,
        plan: plan.hash.clone(),
        steps: vec![Note {
            path,
            place,
            reason,
        }],
        ends,
        language: plan.first_language(),
        circles: false,
    }
}

fn allowance(one: &Destination) -> String {
    let trunks = one.trunks.iter().map(TrunkName::as_str);
    let trunks = match one.trunks.is_empty() {
        true => "trunks by their priority and weight".to_owned(),
        false => format!("trunks {}", trunks.collect::<Vec<_>>().join(", ")),
    };
    let caps = [
        one.calls_a_day.map(|cap| format!("{cap} calls a day")),
        one.minutes_a_day.map(|cap| format!("{cap} minutes a day")),
        one.spend_a_day.map(|cap| format!("{cap} of money a day")),
    ];
    let caps: Vec<_> = caps.into_iter().flatten().collect();
    let caps = match caps.is_empty() {
        true => "no cap".to_owned(),
        false => format!("at most {}", caps.join(", ")),
    };
    format!(
        "{} is allowed: {trunks}, {} a minute, {caps}",
        one.name, one.per_minute
    )
}
