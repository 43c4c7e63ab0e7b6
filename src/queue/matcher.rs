//! Who rings for whom: every ring and every wait is one decision that names its rule.

use std::time::Duration;

use crate::event::OperatorState;
use crate::ids::CallId;
use crate::time::Now;

use super::domain::Domain;
use super::input::Action;
use super::line::Waiting;
use super::operator::Progress;
use super::roster::{Ask, Choice};
use super::rule::Strategy;

impl Domain {
    /// Gives every caller in turn the first operator who may be rung; then, who is left to callers for
    /// whom more than one may ring.
    pub(super) fn match_all(&mut self, now: Now) {
        while self.roster.free() > 0 && self.match_one(now) {}
        for (_, call) in self.line.widening() {
            while self.roster.free() > 0 && self.widens(call, now) {
                let Some(choice) = self.choose(call, now) else {
                    break;
                };
                self.ring(call, &choice, now);
            }
        }
    }

    /// Rings for the first caller for whom somebody is free; `false`: there is none.
    fn match_one(&mut self, now: Now) -> bool {
        for (_, call) in self.line.heads() {
            if let Some(choice) = self.choose(call, now) {
                self.ring(call, &choice, now);
                return true;
            }
        }
        false
    }

    fn widens(&self, call: CallId, now: Now) -> bool {
        self.line.get(call).is_some_and(|waiting| {
            let reach = waiting.settings.reach(waiting.waited(now.at));
            waiting.rings.len() < reach.operators
        })
    }

    /// The operator to ring for a caller.
    pub(super) fn choose(&self, call: CallId, now: Now) -> Option<Choice> {
        let waiting = self.line.get(call)?;
        let class = waiting.class(now.at);
        self.roster.choose(&Ask {
            queue: &class.queue,
            required: &class.required,
            wants: &waiting.wants,
            level: class.level,
            in_peace: &|id| waiting.leaves_in_peace(id, now.at),
        })
    }

    fn ring(&mut self, call: CallId, choice: &Choice, now: Now) {
        let Some(waiting) = self.line.get(call) else {
            return;
        };
        let reason = self.why_rings(waiting, choice, now);
        let queue = Some(waiting.queue.clone());
        let until = now.at + waiting.settings.ring_for;
        let (id, progress) = (&choice.operator, Progress::Claimed { until });
        let claim = self.give(id, call, queue, progress, "claimed for a caller", now);
        self.last_ring += 1;
        let ring = self.last_ring;
        self.roster.change(id, |operator| operator.last_ring = ring);
        self.line.change(call, now.at, |waiting| {
            waiting.rings.insert(claim);
        });
        self.actions.push_back(Action::Ring {
            claim,
            operator: id.clone(),
            call,
            reason,
        });
    }

    fn why_rings(&self, waiting: &Waiting, choice: &Choice, now: Now) -> String {
        let id = &choice.operator;
        let rule = self.roster.settings(&waiting.queue).map(|one| one.rule);
        let rule = rule.unwrap_or_default();
        let facts = self.roster.facts(&waiting.queue, id);
        let figure = facts.map_or_else(String::new, |facts| rule.figure(&facts, now));
        let by = if choice.known {
            "knows the caller"
        } else {
            rule.name()
        };
        let mut reason = format!(
            "{by}: {id} of {} free, {figure}; caller waited {} s",
            self.roster.free_for(&waiting.queue),
            waiting.waited(now.at).as_secs()
        );
        if choice.level > 1 {
            reason.push_str(&format!("; level {}", choice.level));
        }
        let met = self
            .roster
            .skills(id)
            .map(|skills| waiting.wants.met(skills));
        if let Some(met) = met.filter(|met| !met.is_empty()) {
            reason.push_str(&format!("; can {}", met.join(" and ")));
        }
        if !waiting.rings.is_empty() {
            reason.push_str(&format!("; beside {} who ring", waiting.rings.len()));
        }
        reason
    }

    /// Those whose wait began in this step and for whom nobody rings are told of with the reason.
    pub(super) fn tell_waits(&mut self, now: Now) {
        let mut fresh = std::mem::take(&mut self.fresh);
        fresh.sort_unstable();
        fresh.dedup();
        for call in fresh {
            let waiting = self.line.get(call).filter(|one| one.rings.is_empty());
            if let Some(waiting) = waiting {
                let reason = self.why_waits(waiting, now);
                self.actions.push_back(Action::Waits { call, reason });
            }
        }
    }

    fn why_waits(&self, waiting: &Waiting, now: Now) -> String {
        let queue = &waiting.queue;
        if self.roster.on_shift_for(queue) == 0 {
            return "nobody is on shift".to_owned();
        }
        if self.roster.free_for(queue) == 0 {
            let busy = self.roster.states_for(queue).filter_map(|(state, count)| {
                let what = doing(state)?;
                Some(format!("{count} {what}"))
            });
            return format!("nobody is free: {}", busy.collect::<Vec<_>>().join(", "));
        }
        let class = waiting.class(now.at);
        let ask = |level, peace: bool| {
            self.roster.choose(&Ask {
                queue,
                required: &class.required,
                wants: &waiting.wants,
                level,
                in_peace: &|id| peace && waiting.leaves_in_peace(id, now.at),
            })
        };
        if ask(class.level, false).is_some() {
            "who is free did not take this caller just now".to_owned()
        } else if let Some(later) = ask(u8::MAX, true) {
            let next = waiting.settings.reach_grows(waiting.waited(now.at));
            let next = next.unwrap_or(Duration::ZERO).as_secs();
            format!(
                "who is free is of level {}; the reach grows at {next} s",
                later.level
            )
        } else {
            let wanted: Vec<&str> = class.required.iter().map(|skill| skill.as_str()).collect();
            format!("nobody who is free can {}", wanted.join(" and "))
        }
    }

    /// The matcher runs after every change; should one be missed, this finds it: to be asked when nothing
    /// else has changed.
    pub(super) fn look_for_forgotten(&mut self, now: Now) {
        let heads = self.line.heads();
        let forgotten = heads
            .into_iter()
            .find_map(|(_, call)| Some((call, self.choose(call, now)?.operator)));
        if let Some((call, operator)) = forgotten {
            let text = format!("{call} waited although {operator} was free; it is matched now");
            let kind = "waiting-beside-free";
            self.actions.push_back(Action::Alarm { kind, text });
        }
    }
}

/// What those do who could serve a caller and are not free.
fn doing(state: OperatorState) -> Option<&'static str> {
    match state {
        OperatorState::Claimed | OperatorState::Ringing => Some("ring"),
        OperatorState::Talking => Some("talk"),
        OperatorState::OnHold => Some("hold a call"),
        OperatorState::WrapUp => Some("rest after a call"),
        OperatorState::Paused => Some("are paused"),
        OperatorState::Unreachable => Some("have no phone"),
        // In calls of their own.
        OperatorState::Free => Some("are in calls of their own"),
        OperatorState::LoggedOut => None,
    }
}
