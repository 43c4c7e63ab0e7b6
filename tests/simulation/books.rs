//! What the journal would hold: each call one record, told in the right order.

use std::collections::{BTreeMap, BTreeSet};

use qaynar::event::{CallRecord, Direction, Event, What};
use qaynar::ids::CallId;
use qaynar::records::{Applied, Builder};
use qaynar::switch::PastCall;

#[derive(Debug, Default)]
pub(crate) struct Books {
    builder: Builder,
    pub(crate) open: BTreeSet<CallId>,
    pub(crate) ended: BTreeSet<CallId>,
    /// Which player's INVITE began which call.
    pub(crate) caller_of: BTreeMap<CallId, usize>,
    pub(crate) events: Vec<Event>,
}

impl Books {
    /// Takes an event in; returns what is wrong with it.
    pub(crate) fn write(&mut self, event: &Event) -> Option<String> {
        self.events.push(event.clone());
        let call = event.call?;
        let fault = match &event.what {
            What::Arrived { .. } if self.open.contains(&call) || self.ended.contains(&call) => {
                Some("arrived twice")
            }
            What::Arrived { .. } => {
                self.open.insert(call);
                None
            }
            What::Ended { .. } if !self.open.remove(&call) => Some("ended without being there"),
            What::Ended { .. } => {
                self.ended.insert(call);
                None
            }
            What::Media { .. } | What::Messages { .. } | What::Recording { .. } => None,
            _ if !self.open.contains(&call) => Some("goes on after its end"),
            _ => None,
        };
        let unknown = matches!(self.builder.apply(event), Applied::Unknown(_));
        let fault = fault.or(unknown.then_some("is not on record"))?;
        Some(format!("{call} {fault}: {:?}", event.what))
    }

    pub(crate) fn record(&self, call: CallId) -> Option<&CallRecord> {
        self.builder.record(call)
    }

    /// Calls outside that are over, as a process that begins reads them.
    pub(crate) fn past_calls(&self) -> Vec<PastCall> {
        let records = self.ended.iter().filter_map(|call| self.record(*call));
        let out = records.filter(|record| record.direction == Direction::Out);
        let read = |record: &CallRecord| {
            Some(PastCall {
                class: record.dialled.clone(),
                connected: record.connected?,
                ended: record.ended?,
            })
        };
        out.filter_map(read).collect()
    }

    /// The records of a player's calls, oldest first.
    pub(crate) fn records_of(&self, player: usize) -> Vec<&CallRecord> {
        let calls = self.caller_of.iter().filter(|(_, one)| **one == player);
        calls.filter_map(|(call, _)| self.record(*call)).collect()
    }

    /// What is wrong with the records when all calls are over.
    pub(crate) fn audit(&self) -> Vec<String> {
        let mut faults: Vec<String> = self
            .open
            .iter()
            .map(|call| format!("{call} has no end on record"))
            .collect();
        for call in &self.ended {
            match self.record(*call) {
                Some(record) => faults.extend(arithmetic(record)),
                None => faults.push(format!("{call} has no record")),
            }
        }
        faults.extend(self.audit_callbacks());
        faults
    }
}

/// Who is called back: one outcome, and the place of who asked for it.
impl Books {
    /// What is wrong with the callbacks when all calls are over.
    pub(crate) fn audit_callbacks(&self) -> Vec<String> {
        let outcomes = |call: CallId| {
            let of_call = self.events.iter().filter(|event| event.call == Some(call));
            let ends = of_call.filter(|event| matches!(event.what, What::CallbackEnded { .. }));
            ends.count()
        };
        let all = self.ended.iter().filter_map(|call| self.record(*call));
        let back = all.filter(|record| record.direction == Direction::Back);
        let wrong = back.filter(|record| outcomes(record.call) != 1);
        wrong
            .map(|record| format!("{} has {} outcomes", record.call, outcomes(record.call)))
            .collect()
    }
}

/// arrived ≤ answered ≤ rung ≤ connected ≤ ended, and queued between the second and the last, as far as
/// each is there: a path may ring somebody before it leads into a queue.
fn arithmetic(record: &CallRecord) -> Option<String> {
    let (came, ended) = ([Some(record.arrived), record.answered], [record.ended]);
    let rises = |between: &[_]| {
        let moments = came.iter().chain(between).chain(&ended);
        moments.flatten().is_sorted()
    };
    let in_order = rises(&[record.queued]) && rises(&[record.rung, record.connected]);
    let complete = record.ended.is_some() && record.ended_by.is_some() && record.cause.is_some();
    // Whom an operator calls is rung by somebody else.
    let rung = record.rung.is_some() || record.direction == Direction::Out;
    // Who is called back was not answered by us.
    let back = record.direction == Direction::Back;
    let implied = record.connected.is_none() || (rung && (record.answered.is_some() || back));
    (!in_order || !complete || !implied)
        .then(|| format!("the moments of {} do not fit: {record:?}", record.call))
}
