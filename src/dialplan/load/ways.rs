//! Ways through the plan: steps that nobody reaches, paths without an end, circles without a word, and
//! paths and queues that no call comes to. Linear in the plan's size.

use std::collections::{BTreeMap, BTreeSet};

use super::super::fault::{Fault, Place};
use super::super::plan::{Action, Step};
use super::Draft;
use crate::ids::{PathName, QueueName};

impl Draft {
    /// Faults of paths. A plan that was live before is not asked for what later versions demand.
    pub(super) fn check_paths(&mut self, on_trust: bool) {
        let mut found = self.circles();
        for (name, steps) in &self.paths {
            found.extend(unreached(steps));
            if !on_trust {
                found.extend(without_end(name, steps));
            }
            if steps.iter().all(|step| step.action == Action::HangUp) {
                let place = steps.first().map(|step| step.place.clone());
                let place = place.or(self.first.clone());
                found.push(Fault {
                    place: place.unwrap_or(Place {
                        file: String::new(),
                        line: 1,
                    }),
                    what: format!("path {name} hangs up without a word"),
                    remedy: "play an explanation first".to_owned(),
                });
            }
        }
        self.faults.append(&mut found);
    }

    /// Circles of `go` steps in which no caller hears anything: one fault for each.
    fn circles(&self) -> Vec<Fault> {
        let edges: BTreeMap<&PathName, Vec<&PathName>> = self
            .paths
            .iter()
            .map(|(name, steps)| (name, silent_ways(steps)))
            .collect();
        let circles = circles(&edges);
        let faults = circles.into_iter().filter_map(|circle| {
            let name = circle.first()?;
            let place = self.paths.get(*name)?.first()?.place.clone();
            let shown = circle.iter().take(5).map(|name| name.as_str());
            let shown = shown.collect::<Vec<_>>().join(", ");
            let more = if circle.len() > 5 { ", …" } else { "" };
            Some(Fault {
                place,
                what: match circle.len() {
                    1 => format!("path {name} runs in a circle without a word to the caller"),
                    _ => format!(
                        "path {name} runs in a circle without a word to the caller: {shown}{more}"
                    ),
                },
                remedy: "play something in the circle, or hang up".to_owned(),
            })
        });
        faults.collect()
    }

    /// Paths and queues that no call can come to.
    pub(super) fn unused(&self) -> Vec<Fault> {
        let (paths, queues) = self.used();
        let forgotten = self.paths.iter().filter(|(name, _)| !paths.contains(name));
        let forgotten = forgotten.map(|(name, steps)| {
            let place = steps.first().map(|step| step.place.clone());
            warning(place, &format!("path {name}"), "let a step go there")
        });
        let empty = self
            .queues
            .iter()
            .filter(|(name, _)| !queues.contains(name));
        let empty = empty.map(|(name, queue)| {
            let place = Some(queue.place.clone());
            warning(place, &format!("queue {name}"), "let a path queue there")
        });
        forgotten.chain(empty).collect()
    }

    fn used(&self) -> (BTreeSet<&PathName>, BTreeSet<&QueueName>) {
        let (mut paths, mut queues) = (BTreeSet::new(), BTreeSet::new());
        let named = self.start.iter().chain(&self.otherwise);
        let mut todo: Vec<PathName> = named.map(|one| PathName(one.name.clone())).collect();
        todo.extend(self.entrances.iter().map(|one| one.go.clone()));
        todo.extend(self.closed.iter().map(|(_, _, _, go)| go.clone()));
        while let Some(name) = todo.pop() {
            let Some((name, steps)) = self.paths.get_key_value(&name) else {
                continue;
            };
            if !paths.insert(name) {
                continue;
            }
            for step in steps {
                todo.extend(leads_to(&step.action).into_iter().cloned());
                let (Action::Queue { queue, .. } | Action::Callback(queue)) = &step.action else {
                    continue;
                };
                let Some((name, queue)) = self.queues.get_key_value(queue) else {
                    continue;
                };
                if queues.insert(name) {
                    todo.extend(queue.if_waiting.iter().map(|one| one.go.clone()));
                    todo.extend(queue.full.iter().map(|full| full.go.clone()));
                    todo.extend(queue.keys.values().chain(&queue.if_empty).cloned());
                }
            }
        }
        (paths, queues)
    }
}

fn warning(place: Option<Place>, what: &str, remedy: &str) -> Fault {
    Fault {
        place: place.unwrap_or(Place {
            file: String::new(),
            line: 1,
        }),
        what: format!("{what} is never used"),
        remedy: format!("{remedy}, or remove it"),
    }
}

/// Paths that a step may go on with.
fn leads_to(action: &Action) -> Vec<&PathName> {
    match action {
        Action::Go(path) => vec![path],
        Action::Menu(menu) => menu.keys.values().collect(),
        Action::Webhook(webhook) => webhook.paths().collect(),
        _ => Vec::new(),
    }
}

/// Whether nothing comes after it.
fn is_last(step: &Step) -> bool {
    let ends = match &step.action {
        Action::Go(_) | Action::HangUp => true,
        Action::Webhook(webhook) => webhook.otherwise.is_some(),
        _ => false,
    };
    step.is_always_done() && ends
}

fn unreached(steps: &[Step]) -> Option<Fault> {
    let last = steps.iter().position(is_last)?;
    let step = steps.get(last + 1)?;
    Some(Fault {
        place: step.place.clone(),
        what: "this step is never reached".to_owned(),
        remedy: "remove it, or the go, hang_up or otherwise before it".to_owned(),
    })
}

/// What a path may end with: it goes elsewhere, hangs up, or has spoken. A queue that is left and a phone
/// that nobody answers are followed by nothing, and so is a step whose condition does not hold.
fn without_end(name: &PathName, steps: &[Step]) -> Option<Fault> {
    let last = steps.last()?;
    let why = match &last.action {
        _ if !last.is_always_done() => "its last step may be passed by",
        Action::Queue { .. } => "nobody may answer in the queue",
        Action::Ring { .. } => "nobody may answer the phone",
        Action::Menu(_) | Action::Callback(_) => "nobody has to press a key",
        Action::Webhook(webhook) if webhook.otherwise.is_none() => "the webhook may not answer",
        Action::Set(_) => "its last step is heard by nobody",
        Action::Play(_)
        | Action::Say(_)
        | Action::Voicemail(_)
        | Action::Webhook(_)
        | Action::Go(_)
        | Action::HangUp => return None,
    };
    Some(Fault {
        place: last.place.clone(),
        what: format!("path {name} has no end: {why}, and the line is closed without a word"),
        remedy: "add a last step: { go = \"…\" }, or { play = \"…\" } with what to do now"
            .to_owned(),
    })
}

/// Where a path can lead before its caller has heard anything.
fn silent_ways(steps: &[Step]) -> Vec<&PathName> {
    let mut ways = Vec::new();
    for step in steps {
        match &step.action {
            Action::Go(path) => ways.push(path),
            Action::Set(_) => continue,
            // A server may answer at once.
            Action::Webhook(webhook) => {
                ways.extend(webhook.paths());
                if webhook.otherwise.is_none() {
                    continue;
                }
            }
            _ => {}
        }
        // Whatever takes time breaks a circle, unless a condition may pass it by.
        if step.is_always_done() {
            break;
        }
    }
    ways
}

/// The strongly connected parts in which one can walk for ever (Tarjan), without recursion: a plan may
/// be a chain of ten thousand paths.
fn circles<'a>(edges: &BTreeMap<&'a PathName, Vec<&'a PathName>>) -> Vec<Vec<&'a PathName>> {
    let mut walk = Walk::default();
    for start in edges.keys() {
        walk.from(start, edges);
    }
    walk.found
}

#[derive(Default)]
struct Walk<'a> {
    /// When each was seen first, and the earliest that it leads back to.
    seen: BTreeMap<&'a PathName, (usize, usize)>,
    open: Vec<&'a PathName>,
    is_open: BTreeSet<&'a PathName>,
    found: Vec<Vec<&'a PathName>>,
}

impl<'a> Walk<'a> {
    fn from(&mut self, start: &'a PathName, edges: &BTreeMap<&'a PathName, Vec<&'a PathName>>) {
        if self.seen.contains_key(start) {
            return;
        }
        let mut stack = vec![(start, 0)];
        self.enter(start);
        while let Some((name, at)) = stack.pop() {
            let next = edges.get(name).and_then(|ways| ways.get(at)).copied();
            let Some(next) = next else {
                self.leave(name, edges);
                if let Some((parent, _)) = stack.last() {
                    self.lower(parent, self.low(name));
                }
                continue;
            };
            stack.push((name, at + 1));
            if !edges.contains_key(next) {
                continue;
            }
            if !self.seen.contains_key(next) {
                self.enter(next);
                stack.push((next, 0));
            } else if self.is_open.contains(next) {
                let first = self.seen.get(next).map_or(0, |seen| seen.0);
                self.lower(name, first);
            }
        }
    }

    fn enter(&mut self, name: &'a PathName) {
        let count = self.seen.len();
        self.seen.insert(name, (count, count));
        self.open.push(name);
        self.is_open.insert(name);
    }

    fn low(&self, name: &PathName) -> usize {
        self.seen.get(name).map_or(0, |seen| seen.1)
    }

    fn lower(&mut self, name: &PathName, to: usize) {
        if let Some(seen) = self.seen.get_mut(name) {
            seen.1 = seen.1.min(to);
        }
    }

    fn leave(&mut self, name: &'a PathName, edges: &BTreeMap<&'a PathName, Vec<&'a PathName>>) {
        if self.seen.get(name).is_none_or(|seen| seen.0 != seen.1) {
            return;
        }
        let mut part = Vec::new();
        while let Some(one) = self.open.pop() {
            self.is_open.remove(one);
            part.push(one);
            if one == name {
                break;
            }
        }
        let to_itself = edges.get(name).is_some_and(|ways| ways.contains(&name));
        if part.len() > 1 || to_itself {
            part.sort();
            self.found.push(part);
        }
    }
}
