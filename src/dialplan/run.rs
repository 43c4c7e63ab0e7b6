//! One call's way through the plan: a pure machine that the live exchange and the dry run share.

use serde::{Deserialize, Serialize};

use super::number::Number;
use super::plan::{Action, Closed, Condition, Plan, Target, Wants};
use crate::ids::{Language, MailboxName, PathName, PromptName, QueueName};
use crate::time::Wall;

/// Steps that may follow each other without the caller hearing anything, before the way is given up.
const MAX_SILENT_STEPS: usize = 1_000;
/// Steps of one call altogether: a plan that plays a prompt in a circle ends some day.
const MAX_STEPS: u32 = 10_000;

/// What decisions depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// Operators who are logged in and have a phone that can ring.
    pub on_shift: usize,
}

/// What is to be done for the caller now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Instruction {
    /// Play, then ask again.
    Play(Vec<PromptName>),
    /// Put into the queue while the greeting plays; ask again if the caller leaves it unanswered.
    Queue {
        /// Which.
        queue: QueueName,
        /// What is heard first.
        greet: Vec<PromptName>,
    },
    /// Ring; ask again if nobody answers.
    Ring {
        /// Whom.
        target: Target,
        /// For how long.
        wait: std::time::Duration,
    },
    /// Record a message; ask again when it is left.
    Voicemail(MailboxName),
    /// The way is over.
    HangUp,
}

/// A decision, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Note {
    /// In which path.
    pub path: PathName,
    /// Of which line of which file; empty where no line decided.
    pub place: String,
    /// What and why.
    pub reason: String,
}

/// Where a call is in its plan. Plain data: it can be written down and read back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    path: PathName,
    step: usize,
    steps: u32,
    language: Language,
}

impl Run {
    /// The beginning of a call's way: by closed times first, then by number. `now` is left out where an
    /// expectation is meant for any moment: outside of all closures.
    pub fn start(plan: &Plan, dialled: Option<&Number>, now: Option<Wall>) -> (Self, Note) {
        let within = |one: &&Closed| now.is_some_and(|now| one.from <= now && now < one.until);
        let closed = plan.closed.iter().find(within);
        let known = dialled.is_some_and(|number| plan.has_number(number));
        let (path, place, reason) = match closed {
            Some(closed) => {
                let reason = format!("closed by {}", closed.place);
                (&closed.go, closed.place.to_string(), reason)
            }
            None if known => (
                &plan.start,
                String::new(),
                "a number of the helpline".to_owned(),
            ),
            None => {
                let reason = "not a number of the helpline: otherwise".to_owned();
                (&plan.otherwise, String::new(), reason)
            }
        };
        let run = Self {
            path: path.clone(),
            step: 0,
            steps: 0,
            language: plan.first_language(),
        };
        let note = Note {
            path: path.clone(),
            place,
            reason,
        };
        (run, note)
    }

    /// The caller was handed to a number of the helpline: its path from the beginning, in the language of
    /// the call.
    pub fn begin_again(&mut self, plan: &Plan, dialled: &Number, now: Wall) -> Note {
        let (next, note) = Self::start(plan, Some(dialled), Some(now));
        let steps = self.steps;
        *self = Self {
            language: self.language,
            steps,
            ..next
        };
        note
    }

    /// A way without a step: of a call that is none of the plan's.
    pub fn end(&mut self) {
        self.go(&PathName::from(""));
    }

    /// What to do next, with the decisions on the way there.
    pub fn next(&mut self, plan: &Plan, facts: Facts) -> (Instruction, Vec<Note>) {
        let mut notes = Vec::new();
        for _ in 0..MAX_SILENT_STEPS {
            let step = plan
                .paths
                .get(&self.path)
                .and_then(|steps| steps.get(self.step));
            let Some(step) = step.filter(|_| self.steps < MAX_STEPS) else {
                self.note(&mut notes, String::new(), "the path is over".to_owned());
                return (Instruction::HangUp, notes);
            };
            self.step += 1;
            self.steps += 1;
            let place = step.place.to_string();
            if let Some(condition) = step.condition {
                let (holds, reason) = judge(condition, facts);
                if !holds {
                    self.note(&mut notes, place, format!("passed by: {reason}"));
                    continue;
                }
                self.note(&mut notes, place.clone(), reason);
            }
            match &step.action {
                Action::Go(path) => {
                    self.note(&mut notes, place, format!("go to {path}"));
                    self.go(path);
                }
                Action::Play(prompts) => {
                    self.note(&mut notes, place, format!("play {}", names(prompts)));
                    return (Instruction::Play(prompts.clone()), notes);
                }
                Action::Queue { queue, greet, .. } => {
                    self.note(&mut notes, place, format!("queue {queue}"));
                    let (queue, greet) = (queue.clone(), greet.clone());
                    return (Instruction::Queue { queue, greet }, notes);
                }
                Action::Ring { target, wait } => {
                    let whom = match target {
                        Target::Operator(operator) => format!("operator {operator}"),
                        Target::Outside(_) => "an outside number".to_owned(),
                    };
                    let (target, wait) = (target.clone(), *wait);
                    let reason = format!("ring {whom} for {} s", wait.as_secs());
                    self.note(&mut notes, place, reason);
                    return (Instruction::Ring { target, wait }, notes);
                }
                Action::Voicemail(mailbox) => {
                    self.note(&mut notes, place, format!("voicemail {mailbox}"));
                    return (Instruction::Voicemail(mailbox.clone()), notes);
                }
                Action::HangUp => {
                    self.note(&mut notes, place, "hang up".to_owned());
                    return (Instruction::HangUp, notes);
                }
            }
        }
        self.note(
            &mut notes,
            String::new(),
            "a circle without a word".to_owned(),
        );
        (Instruction::HangUp, notes)
    }

    /// On with the beginning of another path.
    pub fn go(&mut self, path: &PathName) {
        self.path = path.clone();
        self.step = 0;
    }

    /// A key was pressed; `Some`: the language changed.
    pub fn press(&mut self, plan: &Plan, key: char) -> Option<Language> {
        let chosen = *plan.language_keys.get(&key)?;
        if chosen == self.language {
            return None;
        }
        self.language = chosen;
        Some(chosen)
    }

    /// Whether so many steps were taken that the plan must lead in a circle.
    pub fn is_circling(&self) -> bool {
        self.steps >= MAX_STEPS
    }

    /// What the step wants by which the call came into this queue; `None`: it came otherwise.
    pub fn wants<'a>(&self, plan: &'a Plan, queue: &QueueName) -> Option<&'a Wants> {
        let steps = plan.paths.get(&self.path)?;
        // The step that was taken, or the one that a restored call begins again with.
        let near = [self.step.checked_sub(1), Some(self.step)];
        near.into_iter()
            .flatten()
            .find_map(|step| match &steps.get(step)?.action {
                Action::Queue {
                    queue: named,
                    wants,
                    ..
                } if named == queue => Some(wants),
                _ => None,
            })
    }

    /// In which language the caller is spoken to.
    pub fn language(&self) -> Language {
        self.language
    }

    /// In which path the call is.
    pub fn path(&self) -> &PathName {
        &self.path
    }

    fn note(&self, notes: &mut Vec<Note>, place: String, reason: String) {
        notes.push(Note {
            path: self.path.clone(),
            place,
            reason,
        });
    }
}

fn judge(condition: Condition, facts: Facts) -> (bool, String) {
    let count = facts.on_shift;
    let reason = match count {
        0 => "nobody is on shift with a phone that can ring".to_owned(),
        1 => "1 operator is on shift".to_owned(),
        _ => format!("{count} operators are on shift"),
    };
    match condition {
        Condition::NobodyOnShift => (count == 0, reason),
        Condition::SomebodyOnShift => (count > 0, reason),
    }
}

fn names(prompts: &[PromptName]) -> String {
    prompts
        .iter()
        .map(PromptName::as_str)
        .collect::<Vec<_>>()
        .join(", ")
}
