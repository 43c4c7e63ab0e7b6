//! What of a domain survives a restart, and calls that go on under another name.

use crate::ids::{CallId, OperatorId, QueueName};
use crate::time::Now;

use super::domain::{Domain, GRACE};
use super::operator::{ClaimId, OperatorSnapshot, Progress, Snapshot};

impl Domain {
    /// What survives a restart.
    pub fn snapshot(&self, now: Now) -> Snapshot {
        let operators = self.roster.operators();
        let operators = operators.map(|(id, operator)| OperatorSnapshot {
            operator: id.clone(),
            logged_in: operator.logged_in,
            paused: operator.paused.clone(),
            idle_since: operator.idle_since,
            wrap_up_until: operator.wrap_up_until.map(|until| now.wall_of(until)),
            calls: operator.calls,
            talked: operator.talked,
        });
        Snapshot {
            operators: operators.collect(),
        }
    }

    /// Puts known operators back into the states of a snapshot. Calls are restored apart. Nobody is rung
    /// before one of their phones was heard: whoever was free before a power cut need not be there after it.
    pub fn restore(&mut self, snapshot: &Snapshot, now: Now) {
        for one in &snapshot.operators {
            self.change(&one.operator, now, "restored", |operator| {
                operator.logged_in = one.logged_in;
                operator.paused.clone_from(&one.paused);
                operator.idle_since = one.idle_since;
                let hoped = one.logged_in && !operator.reachable;
                operator.awaited = hoped.then(|| now.at + GRACE);
                (operator.calls, operator.talked) = (one.calls, one.talked);
                let rests = one.wrap_up_until.filter(|until| *until > now.wall);
                operator.wrap_up_until = rests.map(|until| now.instant_of(until));
            });
        }
        self.match_all(now);
    }

    /// A call that was connected before a restart: its operator is talking again.
    pub fn restore_talk(
        &mut self,
        id: &OperatorId,
        call: CallId,
        queue: Option<QueueName>,
        now: Now,
    ) -> Option<ClaimId> {
        let operator = self.roster.operator(id)?;
        if operator.claim.is_some() {
            return None;
        }
        let (since, held) = (now.at, false);
        let progress = Progress::Talking { since, held };
        Some(self.give(id, call, queue, progress, "restored into a call", now))
    }

    /// The claim goes on for another call: its caller was handed to the operator. `queue`: by which line
    /// that one came, for the rest afterwards.
    pub fn hand_over(&mut self, claim: ClaimId, call: CallId, queue: Option<QueueName>) {
        let Some((id, _)) = self.claim_of(claim) else {
            return;
        };
        self.roster.change(&id, |operator| {
            if let Some(held) = &mut operator.claim {
                held.call = call;
                held.queue = queue;
            }
        });
    }
}
