//! Callers who were cut off: whoever calls back within minutes comes first, and to the same operator if
//! that one is free. Callers with an open case go to who looks after it, if free. A caller without an identity
//! cannot be known again.

use std::collections::BTreeMap;
use std::time::Duration;

use super::pbx::{PlannedCall, Switch};
use super::snapshot::CallSnapshot;
use crate::event::{Cause, What};
use crate::ids::{CallId, OperatorId, Pseudonym};
use crate::sip::message::{Headers, Name};
use crate::time::{Now, Wall};

/// Within which a caller who was cut off is expected back.
pub const EXPECTED_WITHIN: Duration = Duration::from_secs(10 * 60);
/// So much earlier than it came such a call counts in the line. Others wait for those alone who are cut off
/// meanwhile, and not for longer than this.
const AHEAD: Duration = Duration::from_secs(60 * 60);
/// The most that are remembered; beyond, the oldest are forgotten.
const MOST: usize = 1_000;
/// Causes of Q.850 by which a network ends a call, and no person: out of order, temporary failure, congestion,
/// no circuit, unspecified trouble, and the expiry of a timer.
const BY_THE_NETWORK: [u16; 10] = [27, 34, 38, 41, 42, 43, 44, 47, 58, 102];

/// Somebody whose call broke off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CutOff {
    /// Whose.
    pub caller: Pseudonym,
    /// When.
    pub at: Wall,
    /// With whom the caller talked; `None`: nobody yet.
    pub operator: Option<OperatorId>,
}

#[derive(Debug, Default)]
pub(super) struct Returning {
    expected: BTreeMap<Pseudonym, CutOff>,
    /// Who looks after whose open case.
    pub(super) cases: BTreeMap<Pseudonym, OperatorId>,
}

impl Returning {
    fn note(&mut self, cut: CutOff, now: Wall) {
        self.expected
            .retain(|_, one| now.since(one.at) < EXPECTED_WITHIN);
        if self.expected.len() >= MOST && !self.expected.contains_key(&cut.caller) {
            let oldest = self.expected.values().min_by_key(|one| one.at);
            if let Some(oldest) = oldest.map(|one| one.caller.clone()) {
                self.expected.remove(&oldest);
            }
        }
        self.expected.insert(cut.caller.clone(), cut);
    }

    /// A caller has another name from now on.
    pub(super) fn rename(&mut self, former: &Pseudonym, caller: &Pseudonym) {
        if let Some(cut) = self.expected.remove(former) {
            let cut = CutOff {
                caller: caller.clone(),
                ..cut
            };
            self.expected.entry(caller.clone()).or_insert(cut);
        }
        if let Some(owner) = self.cases.remove(former) {
            self.cases.entry(caller.clone()).or_insert(owner);
        }
    }

    /// Each comes back once: who calls for a third time was not cut off the second.
    fn take(&mut self, caller: &Pseudonym, now: Wall) -> Option<CutOff> {
        let found = self.expected.remove(caller);
        found.filter(|one| now.since(one.at) < EXPECTED_WITHIN)
    }
}

impl Switch {
    /// Callers of a former process who are expected back.
    pub(super) fn expect_back(&mut self, cut: Vec<CutOff>, now: Now) {
        for one in cut {
            self.returning.note(one, now.wall);
        }
    }

    /// A call of the helpline is over: was the caller cut off?
    pub(super) fn ended_for(&mut self, call: &PlannedCall, cause: Cause, now: Now) {
        let broke_off = call.broke_off || matches!(cause, Cause::Lost | Cause::Interrupted);
        let (Some(caller), true, None) = (&call.caller, broke_off, &call.outgoing) else {
            return;
        };
        let talker = call.operator.as_ref().map(|(operator, _)| operator.clone());
        let cut = CutOff {
            caller: caller.clone(),
            at: now.wall,
            operator: talker.or_else(|| call.knows.clone()),
        };
        self.returning.note(cut, now.wall);
    }

    /// A call of a former process cannot go on.
    pub(super) fn interrupted_for(&mut self, call: &CallSnapshot, now: Now) {
        if let Some(cut) = call.cut_off(now.wall) {
            self.returning.note(cut, now.wall);
        }
    }

    /// A BYE that a network sends in the caller's name (RFC 3326 §2, Q.850).
    pub(super) fn note_reason(&mut self, call: Option<CallId>, headers: &Headers) {
        let by_network = headers.text(Name::Reason).is_some_and(|text| {
            let cause = cause_of(&text, "Q.850");
            cause.is_some_and(|cause| BY_THE_NETWORK.contains(&cause))
        });
        if let Some(call) = call.and_then(|call| self.calls.get_mut(&call)) {
            call.broke_off |= by_network;
        }
    }

    /// A call begins: does the caller come back?
    pub(super) fn welcome_back(&mut self, id: CallId, now: Now) {
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        let caller = call.caller.as_ref();
        call.knows = caller.and_then(|caller| self.returning.cases.get(caller).cloned());
        let Some(cut) = caller.and_then(|caller| self.returning.take(caller, now.wall)) else {
            return;
        };
        call.ahead = AHEAD;
        call.knows = cut.operator.clone().or(call.knows.take());
        let operator = cut.operator;
        self.emit(Some(id), What::Returned { operator }, now);
    }
}

/// The cause that a Reason header gives under a protocol; it may name several.
fn cause_of(text: &str, protocol: &str) -> Option<u16> {
    let mut reasons = text.split(',').map(|one| one.split(';').map(str::trim));
    reasons.find_map(|mut parts| {
        let named = parts.next()?.eq_ignore_ascii_case(protocol);
        let cause = parts.find_map(|part| part.strip_prefix("cause="))?;
        cause.trim().parse().ok().filter(|_| named)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_of_its_own_protocol_is_read() {
        let text = "SIP;cause=200;text=\"a, b\", Q.850 ;text=\"x\"; cause=41";
        assert_eq!(cause_of(text, "Q.850"), Some(41));
        assert_eq!(cause_of("SIP;cause=41", "Q.850"), None);
        assert_eq!(cause_of("Q.850;cause=x", "Q.850"), None);
    }

    #[test]
    fn the_oldest_is_forgotten_first_and_each_comes_back_once() {
        let mut returning = Returning::default();
        let cut = |number: usize| CutOff {
            caller: Pseudonym(format!("C-{number}")),
            at: Wall(number as i64),
            operator: None,
        };
        for number in 0..=MOST {
            returning.note(cut(number), Wall(0));
        }
        assert_eq!(returning.expected.len(), MOST);
        assert!(returning.take(&cut(0).caller, Wall(0)).is_none());
        assert!(returning.take(&cut(1).caller, Wall(0)).is_some());
        assert!(returning.take(&cut(1).caller, Wall(0)).is_none());
        let late = Wall(0) + EXPECTED_WITHIN * 2;
        assert!(returning.take(&cut(2).caller, late).is_none());
    }
}
