//! What operators say of themselves, and what the clock does to them.

use std::time::Duration;

use super::domain::{Domain, PAUSED, Timer};
use super::input::{Action, Input};
use super::operator::{Operator, Progress};
use crate::event::RingEnd;
use crate::ids::OperatorId;
use crate::time::{Instant, Now};

impl Domain {
    pub(super) fn operator_says(&mut self, input: Input, now: Now) {
        match input {
            Input::Add(id) => {
                self.roster.add(id.clone(), Operator::new(now.wall));
                // Removed while talking, and added again before the end of that call.
                self.change(&id, now, "added", |operator| operator.leaving = false);
            }
            Input::Remove(id) => self.remove(&id, now),
            Input::LogIn(id) => self.change(&id, now, "logged in", |operator| {
                if !operator.logged_in {
                    // Who comes on shift does not go before those who have waited there.
                    operator.idle_since = now.wall;
                    operator.missed = 0;
                }
                operator.logged_in = true;
            }),
            Input::LogOut(id) => self.change(&id, now, "logged out", |operator| {
                operator.logged_in = false;
                (operator.paused, operator.wrap_up_until) = (None, None);
            }),
            Input::Pause(id, why) => {
                let reason = format!("{PAUSED}{why}");
                self.change(&id, now, &reason, |operator| operator.paused = Some(why));
            }
            Input::Resume(id) => self.change(&id, now, "resumed", |operator| {
                (operator.paused, operator.wrap_up_until) = (None, None);
                operator.missed = 0;
            }),
            Input::ExtendWrapUp(id, rest) => {
                self.change(&id, now, "wrap-up extended", |operator| {
                    let until = operator.wrap_up_until.map(|_| now.at + rest);
                    operator.wrap_up_until = until;
                });
            }
            Input::Reachable(id, reachable) => {
                let reason = match reachable {
                    true => "a phone can ring",
                    false => "no phone can ring",
                };
                self.change(&id, now, reason, |operator| {
                    operator.reachable = reachable;
                    operator.awaited = operator.awaited.filter(|_| !reachable);
                });
            }
            Input::Occupied(id, occupied) => self.change(&id, now, "own call", |operator| {
                operator.own_calls = match occupied {
                    true => operator.own_calls.saturating_add(1),
                    false => operator.own_calls.saturating_sub(1),
                };
            }),
            _ => {}
        }
    }

    pub(super) fn remove(&mut self, id: &OperatorId, now: Now) {
        let Some(operator) = self.roster.operator(id) else {
            return;
        };
        let claim = operator.claim.as_ref();
        match claim.map(|claim| (claim.id, claim.progress)) {
            Some((_, Progress::Talking { .. })) => {
                let reason = "removed after the call";
                return self.change(id, now, reason, |operator| operator.leaving = true);
            }
            Some((claim, _)) => self.give_up(claim, RingEnd::Withdrawn, now),
            None => {}
        }
        self.forget(id, now);
    }

    pub(super) fn forget(&mut self, id: &OperatorId, now: Now) {
        self.change(id, now, "removed", |operator| {
            (operator.logged_in, operator.leaving, operator.wrap_up_until) = (false, true, None);
        });
        self.roster.remove(id);
        self.timers.clear(&Timer::Operator(id.clone()));
    }

    /// Who let the phone ring too often is paused, but never the last on shift.
    pub(super) fn pause_silent(&mut self, id: &OperatorId, after: Option<u32>, now: Now) {
        let missed = self.roster.operator(id).map_or(0, |one| one.missed);
        if after.is_none_or(|after| missed < after) {
            return;
        }
        if self.roster.is_last(id) {
            let text = format!(
                "{id} did not answer {missed} rings in a row, and stays on shift: nobody else is; look after {id}"
            );
            let kind = "last-operator-silent";
            return self.actions.push_back(Action::Alarm { kind, text });
        }
        let why = format!("did not answer {missed} rings in a row");
        let reason = format!("{PAUSED}{why}");
        self.change(id, now, &reason, |operator| {
            operator.paused = Some(why);
            operator.missed = 0;
        });
    }

    pub(super) fn new_day(&mut self, now: Now) {
        let all: Vec<OperatorId> = self.roster.operators().map(|(id, _)| id.clone()).collect();
        for id in all {
            self.change(&id, now, "a new day", |operator| {
                (operator.calls, operator.talked) = (0, Duration::ZERO);
            });
        }
    }

    pub(super) fn operator_due(&mut self, id: &OperatorId, now: Now) {
        let Some(operator) = self.roster.operator(id) else {
            return;
        };
        match operator.claim.as_ref().map(|claim| claim.id) {
            Some(claim) => self.give_up(claim, RingEnd::NoAnswer, now),
            None => {
                let is_over = |at: &Option<Instant>| at.is_some_and(|at| at <= now.at);
                let reason = match is_over(&operator.wrap_up_until) {
                    true => "wrap-up is over",
                    false => "no phone was heard since the restart",
                };
                self.change(id, now, reason, |operator| {
                    for end in [&mut operator.wrap_up_until, &mut operator.awaited] {
                        *end = end.filter(|at| *at > now.at);
                    }
                });
            }
        }
    }
}
