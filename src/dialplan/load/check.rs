//! What only the whole tells: names that lead nowhere, and paths without an end.

use std::collections::BTreeSet;

use super::super::fault::{Place, suggest};
use super::super::plan::{Action, Step};
use super::Draft;
use crate::ids::{HoursName, PathName, QueueName, Skill};

impl Draft {
    pub(super) fn check_references(&mut self) {
        let mut found = Vec::new();
        let known: Vec<&str> = self.paths.keys().map(PathName::as_str).collect();
        let ends = self.otherwise.iter().chain(&self.start);
        for reference in self.path_references.iter().chain(ends) {
            if !known.contains(&reference.name.as_str()) {
                let what = format!("no path is called {:?}", reference.name);
                found.push((
                    reference.place.clone(),
                    what,
                    suggest(&reference.name, known.iter().copied()),
                ));
            }
        }
        let known: Vec<&str> = self.queues.keys().map(QueueName::as_str).collect();
        for reference in &self.queue_references {
            if !known.contains(&reference.name.as_str()) {
                let what = format!("no queue is called {:?}", reference.name);
                found.push((
                    reference.place.clone(),
                    what,
                    suggest(&reference.name, known.iter().copied()),
                ));
            }
        }
        let known: Vec<&str> = self.hours.keys().map(HoursName::as_str).collect();
        for reference in &self.hours_references {
            if !known.contains(&reference.name.as_str()) {
                let what = format!("no hours are called {:?}", reference.name);
                let remedy = match known.is_empty() {
                    true => {
                        "say when: [hours.office] with open = \"mon-fri 09:00-18:00\"".to_owned()
                    }
                    false => suggest(&reference.name, known.iter().copied()),
                };
                found.push((reference.place.clone(), what, remedy));
            }
        }
        let known: BTreeSet<&str> = self.skills.values().flatten().map(Skill::as_str).collect();
        for reference in &self.skill_references {
            // The caller's own, whichever that is.
            let is_known = |name: &str| name == "language" || known.contains(name);
            if !is_known(&reference.name) {
                let what = format!("no operator can {:?}", reference.name);
                let remedy = match known.is_empty() {
                    true => "say who can: [operator.201] with can = [\"ru\"]".to_owned(),
                    false => suggest(&reference.name, known.iter().copied()),
                };
                found.push((reference.place.clone(), what, remedy));
            }
        }
        for (place, what, remedy) in found {
            self.fault(place, what, remedy);
        }
    }

    /// Steps that can never be reached, paths that run in circles without a caller being spoken to,
    /// and paths that end without a word.
    pub(super) fn check_paths(&mut self) {
        let mut found = Vec::new();
        for (name, steps) in &self.paths {
            let ends = |step: &Step| {
                step.is_always_done() && matches!(step.action, Action::Go(_) | Action::HangUp)
            };
            if let Some(last) = steps.iter().position(ends)
                && let Some(step) = steps.get(last + 1)
            {
                found.push((
                    step.place.clone(),
                    "this step is never reached".to_owned(),
                    "remove it, or the go or hang_up before it".to_owned(),
                ));
            }
            if let Some(step) = steps.first()
                && self.circles_back(name)
            {
                let what = format!("path {name} runs in a circle without a word to the caller");
                found.push((
                    step.place.clone(),
                    what,
                    "play something in the circle, or hang up".to_owned(),
                ));
            }
            let speaks = steps
                .iter()
                .any(|step| !matches!(step.action, Action::HangUp));
            if !speaks {
                let place = steps.first().map(|step| step.place.clone());
                let place = place.or(self.first.clone()).unwrap_or(Place {
                    file: String::new(),
                    line: 1,
                });
                let what = format!("path {name} hangs up without a word");
                found.push((place, what, "play an explanation first".to_owned()));
            }
        }
        for (place, what, remedy) in found {
            self.fault(place, what, remedy);
        }
    }

    /// Whether `start` can come back to itself by `go` steps alone.
    fn circles_back(&self, start: &PathName) -> bool {
        let mut seen = BTreeSet::new();
        let mut todo = vec![start];
        while let Some(name) = todo.pop() {
            for step in self.paths.get(name).map(Vec::as_slice).unwrap_or_default() {
                match &step.action {
                    Action::Go(next) if next == start => return true,
                    Action::Go(next) if seen.insert(next) => todo.push(next),
                    Action::Go(_) => {}
                    // Whatever takes time breaks the circle, unless a condition may pass it by.
                    _ if step.is_always_done() => break,
                    _ => {}
                }
            }
        }
        false
    }
}
