//! What only the whole tells: names that lead nowhere, and needs that nobody can meet.

use std::collections::BTreeSet;

use super::super::fault::suggest;
use super::super::plan::Action;
use super::Draft;
use crate::ids::{HoursName, MailboxName, PathName, QueueName, Skill};

impl Draft {
    pub(super) fn check_references(&mut self) {
        let mut found = Vec::new();
        let known: BTreeSet<&str> = self.paths.keys().map(PathName::as_str).collect();
        let ends = self.otherwise.iter().chain(&self.start);
        for reference in self.path_references.iter().chain(ends) {
            if !known.contains(reference.name.as_str()) {
                let what = format!("no path is called {:?}", reference.name);
                found.push((
                    reference.place.clone(),
                    what,
                    suggest(&reference.name, known.iter().copied()),
                ));
            }
        }
        let known: BTreeSet<&str> = self.queues.keys().map(QueueName::as_str).collect();
        for reference in &self.queue_references {
            if !known.contains(reference.name.as_str()) {
                let what = format!("no queue is called {:?}", reference.name);
                found.push((
                    reference.place.clone(),
                    what,
                    suggest(&reference.name, known.iter().copied()),
                ));
            }
        }
        let known: BTreeSet<&str> = self.mailboxes.keys().map(MailboxName::as_str).collect();
        for reference in &self.mailbox_references {
            if !known.contains(reference.name.as_str()) {
                let what = format!("no mailbox is called {:?}", reference.name);
                let remedy = match known.is_empty() {
                    true => format!("write [voicemail.{}] with greeting = \"…\"", reference.name),
                    false => suggest(&reference.name, known.iter().copied()),
                };
                found.push((reference.place.clone(), what, remedy));
            }
        }
        let known: BTreeSet<&str> = self.hours.keys().map(HoursName::as_str).collect();
        for reference in &self.hours_references {
            if !known.contains(reference.name.as_str()) {
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

    /// What a path needs must be there among those who answer in the queue.
    pub(super) fn check_needs(&mut self) {
        let mut found = Vec::new();
        for step in self.paths.values().flatten() {
            let Action::Queue { queue, wants, .. } = &step.action else {
                continue;
            };
            let members = self.queues.get(queue);
            let Some(members) = members.and_then(|queue| queue.operators.as_ref()) else {
                continue;
            };
            let can = |skill: &Skill| {
                let skills = members.iter().map(|one| self.skills.get(&one.operator));
                skills.flatten().any(|skills| skills.contains(skill))
            };
            let known = |skill: &&Skill| self.skills.values().any(|can| can.contains(*skill));
            let missing = wants.needs.iter().filter(|skill| !can(skill)).filter(known);
            found.extend(missing.map(|skill| {
                let what = format!("nobody in queue {queue} can {:?}", skill.as_str());
                let remedy =
                    format!("let somebody of queue {queue} have it: [operator.ID] with can");
                (step.place.clone(), what, remedy)
            }));
        }
        for (place, what, remedy) in found {
            self.fault(place, what, remedy);
        }
    }
}
