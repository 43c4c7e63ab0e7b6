//! `[path.NAME]` and its steps.

use std::ops::Range;

use serde_spanned::Spanned;
use toml::de::DeValue;

use super::super::number::Number;
use super::super::plan::{Action, Step, Target};
use super::super::read::Table;
use super::{Draft, Reference};
use crate::ids::{OperatorId, PathName, PromptName, QueueName};

/// What a step may do.
const VERBS: [&str; 11] = [
    "play",
    "queue",
    "ring",
    "menu",
    "say",
    "set",
    "voicemail",
    "callback",
    "webhook",
    "go",
    "hang_up",
];

impl Draft {
    pub(super) fn read_path(
        &mut self,
        paths: &Table<'_, '_>,
        name: &str,
        span: Range<usize>,
        value: &Spanned<DeValue<'_>>,
    ) {
        let source = paths.source;
        let Some(table) = value.get_ref().as_table() else {
            source.fault(
                span,
                format!("path {name} is no table"),
                "write [path.NAME] and steps = […]",
            );
            return;
        };
        let table = Table::new(source, span.clone(), format!("path {name}"), table);
        let what = format!("a step of path {name}");
        let steps: Vec<Step> = table
            .tables("steps", &what)
            .into_iter()
            .filter_map(|step| self.read_step(step))
            .collect();
        if !table.has("steps") {
            table.fault(
                format!("path {name} has no steps"),
                "write steps = [ { … }, … ]",
            );
        }
        table.finish();
        if self.paths.insert(PathName::from(name), steps).is_some() {
            source.fault(
                span,
                format!("path {name} is there twice"),
                "give one of them another name",
            );
        }
    }

    fn read_step(&mut self, step: Table<'_, '_>) -> Option<Step> {
        let place = step.place();
        let conditions = self.read_conditions(&step);
        let mut actions = Vec::new();
        if step.has("play") {
            actions.push(Action::Play(self.prompts(&step, "play")));
        }
        if let Some((queue, span)) = step.text("queue") {
            self.queue_references.push(Reference {
                place: step.source.place(&span),
                name: queue.clone(),
            });
            let greet = self.prompts(&step, "greet");
            let wants = self.read_wants(&step);
            actions.push(Action::Queue {
                queue: QueueName(queue),
                greet,
                wants,
            });
        }
        if step.has("ring") {
            actions.extend(self.read_ring(&step));
        }
        if step.has("menu") {
            actions.extend(self.read_menu(&step));
        }
        if step.has("say") {
            actions.extend(self.read_say(&step));
        }
        if step.has("set") {
            actions.extend(self.read_set(&step));
        }
        if let Some(mailbox) = self.read_voicemail_step(&step) {
            actions.push(Action::Voicemail(mailbox));
        }
        let asks = step.has("webhook");
        if asks {
            actions.extend(self.read_webhook(&step));
        } else if let Some((path, span)) = step.text("go") {
            self.path_references.push(Reference {
                place: step.source.place(&span),
                name: path.clone(),
            });
            actions.push(Action::Go(PathName(path)));
        }
        actions.extend(self.read_callback_step(&step));
        if step.flag("hang_up") == Some(true) {
            actions.push(Action::HangUp);
        }
        // Where a webhook leads is its own.
        let verbs = VERBS.into_iter().filter(|verb| !(asks && *verb == "go"));
        let said = verbs.filter(|verb| step.has(verb)).count();
        if said != 1 {
            let what = if said == 0 {
                "the step does nothing"
            } else {
                "the step does several things"
            };
            step.fault(
                what,
                format!("give it exactly one of: {}", VERBS.join(", ")),
            );
        }
        step.finish();
        actions.pop().map(|action| Step {
            place,
            conditions,
            action,
        })
    }

    pub(super) fn target(
        &self,
        step: &Table<'_, '_>,
        text: &str,
        span: Range<usize>,
    ) -> Option<Target> {
        // Operators have short names; a number that one could mistake for one must be told apart.
        let is_name = text.len() <= 5 && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if is_name
            && Number::parse(text).is_none_or(|number| number.as_str() != text || text.len() == 3)
        {
            return Some(Target::Operator(OperatorId::from(text)));
        }
        let number = Number::parse(text).map(Target::Outside);
        if number.is_none() {
            let what = format!("{text:?} is neither an operator nor a number");
            step.source.fault(
                span,
                what,
                "write an operator such as \"101\" or a number such as \"+994501234567\"",
            );
        }
        number
    }

    pub(super) fn prompts(&mut self, table: &Table<'_, '_>, key: &'static str) -> Vec<PromptName> {
        let names = table.texts(key).unwrap_or_default();
        for (name, span) in &names {
            let place = table.source.place(span);
            self.prompts.push(Reference {
                place,
                name: name.clone(),
            });
        }
        names
            .into_iter()
            .map(|(name, _)| PromptName(name))
            .collect()
    }
}
