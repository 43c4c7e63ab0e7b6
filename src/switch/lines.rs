//! The queues of the dialplan, in the words of the queue.

use crate::dialplan::plan;
use crate::dialplan::run::Run;
use crate::ids::{QueueName, Skill};
use crate::queue::{Member, QueueSettings, Required, RingStep, Wants};

/// What the queue needs to know of the dialplan's.
pub(super) fn queue_settings(queue: &plan::Queue) -> QueueSettings {
    let member = |one: &plan::Member| Member {
        operator: one.operator.clone(),
        level: one.level,
        weight: one.weight,
    };
    let step = |one: &plan::RingMore| RingStep {
        after: one.after,
        operators: one.operators,
        level: one.level,
    };
    let members = queue.operators.as_ref();
    QueueSettings {
        rule: queue.ring,
        ring_for: queue.ring_for,
        wrap_up: queue.wrap_up,
        members: members.map(|all| all.iter().map(member).collect()),
        steps: queue.ring_more.iter().map(step).collect(),
        comfort: queue.comfort.as_ref().map(|comfort| comfort.every),
        position: queue.say_position,
        estimate: queue.say_estimate,
        thresholds: queue.thresholds().iter().map(|(after, _)| *after).collect(),
        pause_after: queue.pause_after,
        max_waiting: queue.full.as_ref().map(|full| full.most),
        ..QueueSettings::default()
    }
}

/// `needs = ["language"]`: whichever the caller speaks.
const OF_THE_CALLER: &str = "language";

/// What is wanted of the operator for a call in this line: what the path says, and who speaks the
/// caller's language first.
pub(super) fn wants(plan: &plan::Plan, run: &Run, queue: &QueueName) -> Wants {
    let said = run.wants(plan, queue);
    let spoken = Skill::from(run.language().code());
    let required = said.needs.into_iter().map(|skill| Required {
        skill: match skill.as_str() {
            OF_THE_CALLER => spoken.clone(),
            _ => skill,
        },
        until: said.needs_for,
    });
    let mut preferred = said.prefers;
    preferred.insert(spoken.clone());
    Wants {
        required: required.collect(),
        preferred,
        operator: None,
    }
}
