//! An operator leaves a call that goes on: the phone was lost, or the caller was handed to somebody else.

use super::pbx::Switch;
use crate::call::{Said, Stage};
use crate::event::What;
use crate::ids::{CallId, LegId, OperatorId, PromptName, QueueName};
use crate::media::Command;
use crate::queue::{ClaimId, Input};
use crate::time::Now;

/// What a caller hears whose operator was lost, where the queue has no comfort message.
const REASSURANCE: &str = "stay-with-us";

/// Who talks with a caller, and under which claim.
pub(super) type Talker = (OperatorId, Option<ClaimId>);

impl Switch {
    /// The phone of whoever talks with the caller is dead, and the caller is not: back to the head of
    /// the line, or on with the plan where there was no line. `false`: there is nobody to go back.
    pub(super) fn operator_lost(&mut self, call: CallId, leg: LegId, now: Now) -> bool {
        let Some(one) = self.calls.get(&call) else {
            return false;
        };
        let alone = one.outgoing.is_some() || one.host.is_some();
        if alone || one.partner != Some(leg) || one.stage != Stage::Talking {
            return false;
        }
        let talked = one.operator.clone();
        self.hold_over(leg, now);
        self.talk_broken(call, now);
        let queue = self.line_of(call, talked.as_ref().and_then(|(_, claim)| *claim));
        let reason = match queue {
            Some(_) => "the phone does not answer any more; the caller keeps the place in the line",
            None => "the phone does not answer any more; the caller goes on in the dialplan",
        };
        self.tell_parted(call, talked.as_ref(), reason, now);
        self.onward_over(call, now);
        if let Some(one) = self.calls.get_mut(&call) {
            one.partner = None;
            one.operator = None;
            one.stage = Stage::Arriving;
        }
        // Into the line while the operator still counts as on shift: the phone may come back soon.
        if let Some(queue) = &queue {
            let speaking = Some(self.reassure(call, queue));
            self.join_queue(call, queue.clone(), speaking, now);
        }
        // Silent before free: else the next call rings the phone that is dead.
        self.lost_in_call(leg, now);
        self.hang_up(leg, now);
        self.talk_ended(talked, now);
        match queue {
            Some(_) => self.save(call),
            None => self.advance(call, now),
        }
        true
    }

    /// Journals that an operator's part in a call is over.
    pub(super) fn tell_parted(
        &mut self,
        call: CallId,
        who: Option<&Talker>,
        reason: &str,
        now: Now,
    ) {
        let operator = who.map_or_else(|| "outside".into(), |(operator, _)| operator.clone());
        let reason = reason.to_owned();
        self.emit(Some(call), What::Parted { operator, reason }, now);
    }

    /// The claim of whoever talked is given back.
    pub(super) fn talk_ended(&mut self, who: Option<Talker>, now: Now) {
        if let Some((_, Some(claim))) = who {
            self.claims.remove(&claim);
            self.tell_queue(Input::TalkEnded(claim), now);
        }
    }

    /// The line that a caller came to an operator by.
    pub(super) fn line_of(&self, call: CallId, claim: Option<ClaimId>) -> Option<QueueName> {
        let waited = self.calls.get(&call)?.joined.iter();
        let last = || waited.max_by_key(|(_, joined)| **joined);
        let named = self.domain.queue_of(claim);
        named.or_else(|| last().map(|(queue, _)| queue.clone()))
    }

    pub(super) fn reassure(&mut self, call: CallId, queue: &QueueName) -> u64 {
        let one = self.calls.get(&call);
        let comfort = one.and_then(|one| one.plan.queues.get(queue)?.comfort.clone());
        let prompt = comfort.map_or_else(|| PromptName::from(REASSURANCE), |comfort| comfort.play);
        if let Some(leg) = one.map(|one| one.caller_leg) {
            self.media(Command::Unbridge { leg });
        }
        self.say(call, Said::Prompts(vec![prompt]))
    }
}
