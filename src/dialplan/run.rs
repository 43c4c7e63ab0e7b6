//! One call's way through the plan: a pure machine that the live exchange and the dry run share.

use serde::{Deserialize, Serialize};

use super::facts::{Caller, Facts};
use super::judge::Asked;
use super::menu::{Kept, Spoken};
use super::number::Number;
use super::plan::{Action, Closed, Plan, Step, Target, Wants};
use super::webhook::{NoAnswer, Url};
use crate::event::Shut;
use crate::ids::{Language, MailboxName, PathName, PromptName, QueueName, TrunkName};

/// Steps that may follow each other without the caller hearing anything, before the way is given up.
const MAX_SILENT_STEPS: usize = 1_000;
/// Steps of one call altogether: a plan that plays a prompt in a circle ends some day.
const MAX_STEPS: u32 = 10_000;

/// How a call came.
#[derive(Debug, Clone, Default)]
pub struct Arrival<'a> {
    /// What was dialled; `None`: no number.
    pub dialled: Option<&'a Number>,
    /// By which trunk.
    pub trunk: Option<&'a TrunkName>,
    /// Who calls.
    pub caller: Caller,
}

/// What is to be done for the caller now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Instruction {
    /// Play, then ask again.
    Play(Vec<PromptName>),
    /// Say this, then ask again.
    Say(Spoken),
    /// Play, then wait for a key: [`Run::choose`] or [`Run::nothing_chosen`], then ask again.
    Menu {
        /// What is heard.
        prompts: Vec<PromptName>,
        /// How long a key is waited for after it.
        wait: std::time::Duration,
    },
    /// Ask a server, then [`Run::answered`], then ask again.
    Webhook {
        /// Whom.
        url: Url,
        /// For how long.
        within: std::time::Duration,
    },
    /// Put into the queue while the greeting plays; ask again if the caller leaves it unanswered.
    Queue {
        /// Which.
        queue: QueueName,
        /// What is heard first.
        greet: Vec<PromptName>,
    },
    /// Offer a callback from this line; ask again if it is not wanted.
    Callback {
        /// Which.
        queue: QueueName,
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
    /// That nobody can be reached, where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shut: Option<Shut>,
}

/// Where a call is in its plan. Plain data: it can be written down and read back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    path: PathName,
    step: usize,
    steps: u32,
    language: Language,
    #[serde(default)]
    caller: Caller,
    #[serde(default)]
    trunk: Option<TrunkName>,
    #[serde(default)]
    kept: Kept,
}

impl Run {
    /// The beginning of a call's way: by closed times first, then by the first `[[route]]` that takes it,
    /// then by number. Without a moment (an expectation that is meant for any) nothing is closed, and
    /// neither is it while nobody knows the time.
    pub fn start(plan: &Plan, arrival: Arrival<'_>, facts: &Facts) -> (Self, Note) {
        let Arrival {
            dialled,
            trunk,
            caller,
        } = arrival;
        let now = facts.moment();
        let within = |one: &&Closed| now.is_some_and(|now| one.from <= now && now < one.until);
        let closed = plan.closed.iter().find(within);
        let entered = plan.entrances.iter().find_map(|one| {
            let why = one.takes(dialled, trunk, &caller, facts)?;
            Some((one, why))
        });
        let known = dialled.and_then(|number| plan.known_numbers.get(number));
        let (path, place, reason) = match (closed, entered) {
            (Some(closed), _) => {
                let reason = format!("closed by {}", closed.place);
                (&closed.go, closed.place.to_string(), reason)
            }
            (None, Some((one, why))) => (&one.go, one.place.to_string(), format!("route: {why}")),
            (None, None) => match known {
                Some(place) => {
                    let reason = "a number of the helpline".to_owned();
                    (&plan.start, place.to_string(), reason)
                }
                None => {
                    let reason = "not a number of the helpline: otherwise".to_owned();
                    let place = plan.otherwise_place.as_ref().map(ToString::to_string);
                    (&plan.otherwise, place.unwrap_or_default(), reason)
                }
            },
        };
        let run = Self {
            path: path.clone(),
            step: 0,
            steps: 0,
            language: plan.first_language(),
            caller,
            trunk: trunk.cloned(),
            kept: Kept::default(),
        };
        let note = Note {
            path: path.clone(),
            place,
            reason,
            shut: closed.map(|_| Shut::Closed),
        };
        (run, note)
    }

    /// The caller was handed to a number of the helpline: its path from the beginning, in the language of
    /// the call.
    pub fn begin_again(&mut self, plan: &Plan, dialled: &Number, facts: &Facts) -> Note {
        let trunk = self.trunk.clone();
        let arrival = Arrival {
            dialled: Some(dialled),
            trunk: trunk.as_ref(),
            caller: std::mem::take(&mut self.caller),
        };
        let (next, note) = Self::start(plan, arrival, facts);
        *self = Self {
            language: self.language,
            steps: self.steps,
            kept: std::mem::take(&mut self.kept),
            ..next
        };
        note
    }

    /// A way without a step: of a call that is none of the plan's.
    pub fn end(&mut self) {
        self.go(&PathName::from(""));
    }

    /// What to do next, with the decisions on the way there.
    pub fn next(&mut self, plan: &Plan, facts: &Facts) -> (Instruction, Vec<Note>) {
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
            let asked = Asked {
                plan,
                facts,
                caller: &self.caller,
                language: self.language,
            };
            let shut = asked.shut(&step.conditions);
            let judged = asked.all(&step.conditions);
            self.kept.shut = shut.or(self.kept.shut.take());
            if let Some((holds, reason)) = judged {
                let shut = asked.shut_out(&step.conditions, holds);
                let reason = match holds {
                    true => reason,
                    false => format!("passed by: {reason}"),
                };
                self.note(&mut notes, place, reason);
                if let Some(note) = notes.last_mut() {
                    note.shut = shut;
                }
                if !holds {
                    continue;
                }
            }
            if let Some(instruction) = self.take(step, plan, facts, &mut notes) {
                return (instruction, notes);
            }
        }
        self.note(
            &mut notes,
            String::new(),
            "a circle without a word".to_owned(),
        );
        (Instruction::HangUp, notes)
    }

    /// Takes a step; `None`: it says nothing to the caller, on with the next.
    fn take(
        &mut self,
        step: &Step,
        plan: &Plan,
        facts: &Facts,
        notes: &mut Vec<Note>,
    ) -> Option<Instruction> {
        let (reason, instruction) = match &step.action {
            Action::Go(path) => {
                self.note(notes, step.place.to_string(), format!("go to {path}"));
                self.go(path);
                return None;
            }
            Action::Set(setting) => {
                self.language = setting.language.unwrap_or(self.language);
                (self.kept.set(setting), None)
            }
            Action::Play(prompts) => {
                let play = Instruction::Play(prompts.clone());
                (format!("play {}", names(prompts)), Some(play))
            }
            Action::Say(saying) => match plan.spoken(saying, self.kept.shut.as_ref(), facts) {
                Ok(spoken) => (spoken.to_string(), Some(Instruction::Say(spoken))),
                Err(why) => (format!("says nothing: {why}"), None),
            },
            Action::Menu(menu) => {
                let reason = match self.kept.tries {
                    0 => format!("menu {}", names(&menu.prompts)),
                    tries => format!("menu {}, once more ({})", names(&menu.prompts), tries + 1),
                };
                let (prompts, wait) = (menu.prompts.clone(), menu.wait);
                (reason, Some(Instruction::Menu { prompts, wait }))
            }
            Action::Webhook(webhook) => {
                let (url, within) = (webhook.url.clone(), webhook.within);
                let reason = format!("ask {} within {} ms", url.host(), within.as_millis());
                (reason, Some(Instruction::Webhook { url, within }))
            }
            Action::Queue { queue, greet, .. } => {
                let (queue, greet) = (queue.clone(), greet.clone());
                let reason = format!("queue {queue}");
                (reason, Some(Instruction::Queue { queue, greet }))
            }
            Action::Ring { target, wait } => {
                let reason = format!("ring {target} for {} s", wait.as_secs());
                let (target, wait) = (target.clone(), *wait);
                (reason, Some(Instruction::Ring { target, wait }))
            }
            Action::Voicemail(mailbox) => {
                let reason = format!("voicemail {mailbox}");
                (reason, Some(Instruction::Voicemail(mailbox.clone())))
            }
            Action::Callback(queue) => {
                let queue = queue.clone();
                let reason = format!("offer a callback from queue {queue}");
                (reason, Some(Instruction::Callback { queue }))
            }
            Action::HangUp => ("hang up".to_owned(), Some(Instruction::HangUp)),
        };
        self.note(notes, step.place.to_string(), reason);
        instruction
    }

    /// The step that was taken last.
    fn present<'a>(&self, plan: &'a Plan) -> Option<&'a Step> {
        plan.paths.get(&self.path)?.get(self.step.checked_sub(1)?)
    }

    /// A key was pressed in a menu; `None`: it means nothing there.
    pub fn choose(&mut self, plan: &Plan, key: char) -> Option<Note> {
        let step = self.present(plan)?;
        let Action::Menu(menu) = &step.action else {
            return None;
        };
        let path = menu.keys.get(&key)?;
        let note = Note {
            path: self.path.clone(),
            place: step.place.to_string(),
            reason: format!("key {key}: go to {path}"),
            shut: None,
        };
        self.go(path);
        Some(note)
    }

    /// No key of the menu was pressed in time: it is heard once more, or the next step follows.
    pub fn nothing_chosen(&mut self, plan: &Plan) -> Option<Note> {
        let step = self.present(plan)?;
        let Action::Menu(menu) = &step.action else {
            return None;
        };
        let note = Note {
            path: self.path.clone(),
            place: step.place.to_string(),
            reason: format!("no key within {} s", menu.wait.as_secs()),
            shut: None,
        };
        self.kept.tries += 1;
        match self.kept.tries < menu.tries {
            true => self.step -= 1,
            false => self.kept.tries = 0,
        }
        Some(note)
    }

    /// A server that was asked answered, or did not.
    pub fn answered(&mut self, plan: &Plan, answer: Result<&str, NoAnswer>) -> Option<Note> {
        let step = self.present(plan)?;
        let Action::Webhook(webhook) = &step.action else {
            return None;
        };
        let named = answer
            .ok()
            .and_then(|answer| webhook.go.get_key_value(answer));
        let why = match (named, answer) {
            (Some((answer, _)), _) => format!("it answers {answer}"),
            // Whatever it is: it may be what no record shall hold.
            (None, Ok(_)) => "it answers what the plan does not name".to_owned(),
            (None, Err(none)) => none.to_string(),
        };
        let path = named.map(|(_, path)| path).or(webhook.otherwise.as_ref());
        let reason = match path {
            Some(path) => format!("{why}: go to {path}"),
            None => format!("{why}: on with the next step"),
        };
        let note = Note {
            path: self.path.clone(),
            place: step.place.to_string(),
            reason,
            shut: None,
        };
        if let Some(path) = path {
            self.go(path);
        }
        Some(note)
    }

    /// Answers that the step that was taken last names.
    pub(super) fn answers<'a>(&self, plan: &'a Plan) -> Vec<&'a str> {
        match self.present(plan).map(|step| &step.action) {
            Some(Action::Webhook(webhook)) => webhook.go.keys().map(String::as_str).collect(),
            _ => Vec::new(),
        }
    }

    /// Whether both go on alike, however many steps led here.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        let same = Self {
            steps: other.steps,
            ..self.clone()
        };
        same == *other
    }

    /// On with the beginning of another path.
    pub fn go(&mut self, path: &PathName) {
        self.path = path.clone();
        self.step = 0;
        self.kept.tries = 0;
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

    /// What is wanted of the operator for a call in this queue: by the step that it came by, and by what
    /// was set before.
    pub fn wants(&self, plan: &Plan, queue: &QueueName) -> Wants {
        let steps = plan.paths.get(&self.path);
        // The step that was taken, or the one that a restored call begins again with.
        let near = [self.step.checked_sub(1), Some(self.step)];
        let said = near
            .into_iter()
            .flatten()
            .find_map(|step| match &steps?.get(step)?.action {
                Action::Queue {
                    queue: named,
                    wants,
                    ..
                } if named == queue => Some(wants.clone()),
                _ => None,
            });
        let mut wants = said.unwrap_or_default();
        let set = self.kept.needs.iter();
        let set: Vec<_> = set
            .filter(|one| !wants.needs.contains(one))
            .cloned()
            .collect();
        wants.needs.extend(set);
        wants.prefers.extend(self.kept.prefers.iter().cloned());
        wants
    }

    /// How much longer than others the caller seems to have waited.
    pub fn priority(&self) -> std::time::Duration {
        self.kept.priority
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
            shut: None,
        });
    }
}

fn names(prompts: &[PromptName]) -> String {
    prompts
        .iter()
        .map(PromptName::as_str)
        .collect::<Vec<_>>()
        .join(", ")
}
