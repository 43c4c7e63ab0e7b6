//! `menu`, `say` and `set` steps.

use std::time::Duration;

use super::super::fault::suggest;
use super::super::hours::DAY;
use super::super::menu::{Menu, Saying, Setting};
use super::super::plan::{Action, Target};
use super::super::read::Table;
use super::{Draft, Reference};
use crate::ids::{HoursName, OperatorId, PathName, Skill};

/// How long a key is waited for.
const WAIT: Duration = Duration::from_secs(6);
/// The longest that a caller waits for nothing.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// The most often that a caller hears a menu.
const MOST_TRIES: usize = 5;
/// Beyond this a priority is a slip: everybody else would wait behind for hours.
const HIGHEST_PRIORITY: Duration = Duration::from_secs(DAY as u64 * 60);

impl Draft {
    pub(super) fn read_menu(&mut self, step: &Table<'_, '_>) -> Option<Action> {
        let prompts = self.prompts(step, "menu");
        if prompts.is_empty() {
            let remedy = "name the prompts that tell the keys: menu = [\"menu-topics\"]";
            step.fault("the menu says nothing", remedy);
        }
        let mut keys = std::collections::BTreeMap::new();
        let table = step.table("keys");
        if table.is_none() && !step.has("keys") {
            step.fault(
                "the menu has no keys",
                "write keys = { 1 = \"PATH\", 2 = \"OTHER\" }",
            );
        }
        for (key, span, value) in table.iter().flat_map(Table::entries) {
            let mut letters = key.chars();
            let one = match (letters.next(), letters.next()) {
                (Some(digit @ ('0'..='9' | '*' | '#')), None) => digit,
                _ => {
                    let what = format!("{key:?} is no key");
                    step.source.fault(span, what, "use 0–9, * or #");
                    continue;
                }
            };
            let place = step.source.place(&span);
            let Some(path) = value.get_ref().as_str() else {
                let what = format!("key {key} leads nowhere");
                step.source.fault(span, what, "write the path in quotes");
                continue;
            };
            self.menu_keys.push((place.clone(), one));
            self.path_references.push(Reference {
                place,
                name: path.to_owned(),
            });
            keys.insert(one, PathName::from(path));
        }
        let wait = step.duration("wait", false).unwrap_or(WAIT);
        if wait > LONGEST_WAIT {
            step.fault(
                "the menu waits too long",
                "write wait = \"6s\", at most 60s",
            );
        }
        let tries = step.count("tries").unwrap_or(1);
        if !(1..=MOST_TRIES).contains(&tries) {
            let what = format!("the menu is heard {tries} times");
            step.fault(what, "write tries = 2, from 1 to 5");
        }
        Some(Action::Menu(Menu {
            prompts,
            keys,
            wait,
            tries: u32::try_from(tries).unwrap_or(1),
        }))
    }

    /// A key cannot choose a language and a path.
    pub(super) fn check_menu_keys(&mut self) {
        let keys = std::mem::take(&mut self.menu_keys);
        for (place, key) in keys {
            if let Some(language) = self.keys.get(&key) {
                let what = format!("key {key} chooses the language {language} already");
                self.fault(place, what, "take another key: see language_keys");
            }
        }
    }

    pub(super) fn read_say(&mut self, step: &Table<'_, '_>) -> Option<Action> {
        let (what, span) = step.text("say")?;
        let hours = step.text("hours").map(|(name, span)| {
            let place = step.source.place(&span);
            let reference = name.clone();
            self.hours_references.push(Reference {
                place,
                name: reference,
            });
            HoursName(name)
        });
        let saying = match what.as_str() {
            "time" => Saying::Time,
            "date" => Saying::Date,
            "resumes" => Saying::Resumes(hours),
            other => {
                let mut remedy = suggest(other, ["time", "date", "resumes"]);
                if matches!(other, "position" | "estimate") {
                    remedy = format!("only who waits has one: say_{other} of the queue says it");
                }
                step.source
                    .fault(span, format!("{other:?} cannot be said"), remedy);
                return None;
            }
        };
        self.sayings
            .push((step.source.place(&span), saying.clone()));
        Some(Action::Say(saying))
    }

    pub(super) fn read_set(&mut self, step: &Table<'_, '_>) -> Option<Action> {
        let table = step.table("set")?;
        let language = table.text("language");
        let language =
            language.and_then(|(code, span)| super::head::language(table.source, &code, &span));
        let priority = table.duration("priority", false);
        if priority.is_some_and(|time| time > HIGHEST_PRIORITY) {
            let remedy =
                "write how much longer than others the caller seems to have waited: \"5m\"";
            table.fault("the priority is more than a day", remedy);
        }
        let mut skills = |key| -> Vec<Skill> {
            let texts = table.texts(key).unwrap_or_default();
            for (name, span) in &texts {
                self.skill_references.push(Reference {
                    place: table.source.place(span),
                    name: name.clone(),
                });
            }
            texts.into_iter().map(|(skill, _)| Skill(skill)).collect()
        };
        let setting = Setting {
            language,
            priority,
            needs: skills("needs"),
            prefers: skills("prefers").into_iter().collect(),
        };
        if setting == Setting::default() {
            let remedy = "write language, priority, needs or prefers";
            table.fault("set sets nothing", remedy);
        }
        table.finish();
        Some(Action::Set(setting))
    }

    /// `ring`: an operator, several of them at once, or a number outside.
    pub(super) fn read_ring(&mut self, step: &Table<'_, '_>) -> Option<Action> {
        let named = step.texts("ring").unwrap_or_default();
        let wait = step.duration("for", false);
        if !step.has("for") {
            step.fault("ring without for", "say how long: for = \"25s\"");
        }
        let several = named.len() > 1;
        let mut operators: Vec<OperatorId> = Vec::new();
        let mut outside = None;
        for (text, span) in named {
            match self.target(step, &text, span.clone())? {
                Target::Operator(operator) if operators.contains(&operator) => {
                    let what = format!("operator {operator} is in the group twice");
                    step.source.fault(span, what, "remove one of them");
                }
                Target::Operator(operator) => operators.push(operator),
                _ if several => {
                    let what = format!("{text:?} cannot ring together with operators");
                    step.source
                        .fault(span, what, "ring a number outside in a step of its own");
                }
                other => outside = Some(other),
            }
        }
        let target = match (outside, operators.len()) {
            (Some(outside), _) => outside,
            (None, 0) => {
                step.fault("nobody is rung", "name an operator or a number");
                return None;
            }
            (None, 1) => Target::Operator(operators.pop()?),
            (None, _) => Target::Group(operators),
        };
        Some(Action::Ring {
            target,
            wait: wait?,
        })
    }
}
