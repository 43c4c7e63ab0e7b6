//! The messages of each call, in the order in which they came and went: a ring for each call in
//! progress, handed to the record while the call goes on, and for the last time when its last leg is
//! gone. Sketched at capture ([`crate::sip::sketch`]), so nothing private is ever in a ring.
//!
//! Not part of a snapshot: what was handed over is in the journal, and a crash costs a trace the
//! messages of its last seconds alone.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use super::pbx::{Switch, Timer};
use crate::call::Owner;
use crate::event::{Side, Traced, What};
use crate::ids::{CallId, LegId, OperatorId};
use crate::sip::flow::{Flow, Transport};
use crate::sip::message::Headers;
use crate::sip::parse::parse_datagram;
use crate::sip::sketch::Sketch;
use crate::time::Now;

/// How many messages of the beginning of a call are kept …
const FIRST: usize = 64;
/// … and how many of its end. A queue call has some twenty.
const LAST: usize = 64;

/// How long after its last leg a call's trace stays open: for the answer to a BYE, be it sent again. As
/// long a message waits for those after it, so that they go to the record together.
const LINGER: Duration = Duration::from_secs(5);

/// What is kept of one call.
#[derive(Debug, Default)]
struct Ring {
    /// Of the beginning, what is not in the record yet …
    first: Vec<Traced>,
    /// … and how many are.
    told: usize,
    last: VecDeque<Traced>,
    skipped: u32,
    /// Legs that are up, or on their way.
    open: BTreeSet<LegId>,
    /// Legs that were: what is still said for them belongs here too.
    gone: BTreeSet<LegId>,
}

impl Ring {
    fn push(&mut self, message: Traced) {
        if self.told + self.first.len() < FIRST {
            return self.first.push(message);
        }
        if self.last.len() == LAST {
            self.last.pop_front();
            self.skipped += 1;
        }
        self.last.push_back(message);
    }

    /// What of the beginning is not in the record yet.
    fn beginning(&mut self) -> Option<What> {
        let messages = std::mem::take(&mut self.first);
        self.told += messages.len();
        (!messages.is_empty()).then_some(What::Messages {
            messages,
            skipped: 0,
        })
    }

    fn all(self) -> What {
        let mut messages = self.first;
        messages.extend(self.last);
        What::Messages {
            messages,
            skipped: self.skipped,
        }
    }
}

#[derive(Debug)]
struct Party {
    call: CallId,
    call_id: String,
    side: Side,
    operator: Option<OperatorId>,
}

/// The rings, and whose messages belong in which.
#[derive(Debug, Default)]
pub(super) struct Traces {
    rings: BTreeMap<CallId, Ring>,
    parties: BTreeMap<LegId, Party>,
    by_call_id: BTreeMap<String, LegId>,
}

impl Traces {
    /// How many rings there are; zero once all calls are over.
    pub(super) fn len(&self) -> usize {
        self.rings.len()
    }

    /// Keeps a message, if it is of a call: of which.
    fn keep(
        &mut self,
        call_id: &str,
        received: bool,
        transport: Transport,
        sketch: Sketch,
        now: Now,
    ) -> Option<CallId> {
        let party = self.parties.get(self.by_call_id.get(call_id)?)?;
        let Sketch {
            line,
            cseq,
            details,
        } = sketch;
        let traced = Traced {
            at: now.wall,
            received,
            side: party.side,
            operator: party.operator.clone(),
            transport: transport.parameter().to_owned(),
            line,
            cseq,
            details,
        };
        self.rings.entry(party.call).or_default().push(traced);
        Some(party.call)
    }

    /// Takes a ring out, with all that led to it.
    fn take(&mut self, call: CallId) -> Option<Ring> {
        let ring = self.rings.remove(&call)?;
        for leg in ring.open.iter().chain(&ring.gone) {
            if let Some(party) = self.parties.remove(leg) {
                self.by_call_id.remove(&party.call_id);
            }
        }
        Some(ring)
    }
}

impl Switch {
    /// A leg's messages belong to its call from here on; errands have no record.
    pub(super) fn trace(&mut self, id: LegId, call_id: &str) {
        let Some(leg) = self.legs.get(&id) else {
            return;
        };
        let Owner::Call(call) = leg.owner else {
            return;
        };
        let party = Party {
            call,
            call_id: call_id.to_owned(),
            side: leg.side,
            operator: leg.operator.clone(),
        };
        self.traces.rings.entry(call).or_default().open.insert(id);
        self.traces.by_call_id.insert(call_id.to_owned(), id);
        self.traces.parties.insert(id, party);
    }

    /// The leg has another call now.
    pub(super) fn trace_goes_on(&mut self, id: LegId, now: Now) {
        let Some(party) = self.traces.parties.remove(&id) else {
            return;
        };
        if let Some(ring) = self.traces.rings.get_mut(&party.call) {
            ring.open.remove(&id);
        }
        self.trace_over(party.call, now);
        self.trace(id, &party.call_id);
    }

    /// The leg is gone.
    pub(super) fn trace_ends(&mut self, id: LegId, now: Now) {
        let Some(call) = self.traces.parties.get(&id).map(|party| party.call) else {
            return;
        };
        if let Some(ring) = self.traces.rings.get_mut(&call) {
            ring.open.remove(&id);
            ring.gone.insert(id);
        }
        self.trace_over(call, now);
    }

    /// Once a call is over and its legs are gone, its trace waits for the last answers.
    pub(super) fn trace_over(&mut self, call: CallId, now: Now) {
        let silent = |ring: &Ring| ring.open.is_empty();
        if !self.calls.contains_key(&call) && self.traces.rings.get(&call).is_some_and(silent) {
            self.timers.set(Timer::Trace(call), now.at + LINGER);
        }
    }

    /// The trace goes to the call's record: whole if the call is over, else what there is.
    pub(super) fn trace_due(&mut self, call: CallId, now: Now) {
        let goes_on = self.calls.contains_key(&call);
        match self.traces.rings.get_mut(&call) {
            Some(ring) if goes_on || !ring.open.is_empty() => {
                if let Some(beginning) = ring.beginning() {
                    self.emit(Some(call), beginning, now);
                }
            }
            _ => self.trace_goes_over(call, now),
        }
    }

    fn trace_goes_over(&mut self, call: CallId, now: Now) {
        if let Some(ring) = self.traces.take(call) {
            self.emit(Some(call), ring.all(), now);
        }
    }

    /// All traces go to the records: the process ends.
    pub fn hand_over_traces(&mut self, now: Now) {
        let calls: Vec<CallId> = self.traces.rings.keys().copied().collect();
        for call in calls {
            self.trace_goes_over(call, now);
        }
    }

    /// Keeps a message, if it is of a call; soon it goes to the record.
    pub(super) fn trace_message(
        &mut self,
        call_id: &str,
        received: bool,
        transport: Transport,
        sketch: Sketch,
        now: Now,
    ) {
        let kept = self.traces.keep(call_id, received, transport, sketch, now);
        let Some(timer) = kept.map(Timer::Trace) else {
            return;
        };
        if self.timers.deadline(&timer).is_none() {
            self.timers.set(timer, now.at + LINGER);
        }
    }

    /// Whether these are the headers of a call's message.
    pub(super) fn is_traced(&self, headers: &Headers) -> bool {
        let call_id = headers.call_id();
        call_id.is_ok_and(|id| self.traces.by_call_id.contains_key(id))
    }

    /// The leg that began with this Call-ID last.
    pub(super) fn leg_traced(&self, call_id: &str) -> Option<LegId> {
        self.traces.by_call_id.get(call_id).copied()
    }

    /// A message came.
    pub(super) fn trace_received(
        &mut self,
        headers: &Headers,
        sketch: Sketch,
        flow: Flow,
        now: Now,
    ) {
        if let Ok(call_id) = headers.call_id() {
            self.trace_message(call_id, true, flow.transport, sketch, now);
        }
    }

    /// A message goes.
    pub(super) fn trace_sent(&mut self, bytes: &[u8], flow: Flow, now: Now) {
        let Some(call_id) = call_id(bytes) else {
            return;
        };
        if self.traces.by_call_id.contains_key(call_id)
            && let Ok(message) = parse_datagram(bytes)
        {
            let sketch = Sketch::of(&message);
            self.trace_message(call_id, false, flow.transport, sketch, now);
        }
    }

    /// The messages of a call in progress that are not in its record yet.
    pub fn messages(&self, call: CallId) -> Vec<Traced> {
        let ring = self.traces.rings.get(&call);
        let all = ring
            .into_iter()
            .flat_map(|ring| ring.first.iter().chain(&ring.last));
        all.cloned().collect()
    }
}

/// The Call-ID of what we wrote: one field a line, by its full name.
fn call_id(bytes: &[u8]) -> Option<&str> {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let line = lines.find_map(|line| line.strip_prefix(b"Call-ID: "))?;
    std::str::from_utf8(line).ok().map(str::trim_end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Wall;

    fn traced(number: i64) -> Traced {
        Traced {
            at: Wall(number),
            received: true,
            side: Side::Caller,
            operator: None,
            transport: "udp".into(),
            line: "INFO".into(),
            cseq: String::new(),
            details: Vec::new(),
        }
    }

    fn told(what: What) -> (Vec<Traced>, u32) {
        let What::Messages { messages, skipped } = what else {
            panic!("messages");
        };
        (messages, skipped)
    }

    #[test]
    fn a_ring_keeps_beginning_and_end() {
        let mut ring = Ring::default();
        (0..200).for_each(|number| ring.push(traced(number)));
        let (messages, skipped) = told(ring.all());
        assert_eq!((messages.len(), skipped), (FIRST + LAST, 72));
        assert_eq!(messages[FIRST - 1].at, Wall(63));
        assert_eq!(messages[FIRST].at, Wall(136));
        assert_eq!(messages.last().unwrap().at, Wall(199));
    }

    #[test]
    fn what_went_over_in_parts_is_no_more_than_what_goes_over_at_once() {
        let mut ring = Ring::default();
        let mut all = Vec::new();
        for number in 0..200 {
            ring.push(traced(number));
            if number % 50 == 7 {
                all.extend(ring.beginning().into_iter().flat_map(|part| told(part).0));
            }
        }
        assert_eq!(ring.beginning(), None, "each goes over once");
        let (rest, skipped) = told(ring.all());
        all.extend(rest);
        let places: Vec<i64> = all.iter().map(|one| one.at.0).collect();
        let expected: Vec<i64> = (0..64).chain(136..200).collect();
        assert_eq!((places, skipped), (expected, 72));
    }

    #[test]
    fn the_call_id_of_our_own_messages_is_found() {
        let text = b"BYE sip:a@h SIP/2.0\r\nVia: x\r\nCall-ID: 0a@h\r\nCSeq: 1 BYE\r\n\r\n";
        assert_eq!(call_id(text), Some("0a@h"));
        assert_eq!(call_id(b"\r\n"), None);
    }
}
