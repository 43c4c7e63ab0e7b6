//! Events to call records: a fold that may be repeated.
//!
//! Moments are kept at their first value and names at their last, so that applying a stretch of the
//! journal a second time changes nothing. After `Ended` only the figures of media may still come.

use std::collections::BTreeMap;

use crate::event::{CallRecord, Direction, Event, Side, What};
use crate::ids::CallId;
use crate::time::Wall;

/// The most calls that are held while they run. Beyond it the oldest is set aside: its next event is
/// [`Applied::Unknown`], and [`Builder::resume`] brings it back from where records are stored.
pub const MAX_OPEN: usize = 20_000;

/// How many ended calls are held for figures of media that come late.
pub const MAX_ENDED: usize = 2_000;

/// What an event did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Applied<'a> {
    /// The record is now this; store it.
    Changed(&'a CallRecord),
    /// It belongs to no call, or tells nothing that a record keeps, or nothing new.
    Unchanged,
    /// It belongs to a call that is not held: [`Builder::resume`] it, then apply the event again.
    Unknown(CallId),
}

/// Calls being recorded.
#[derive(Debug, Clone, Default)]
pub struct Builder {
    open: BTreeMap<CallId, CallRecord>,
    ended: BTreeMap<CallId, CallRecord>,
}

impl Builder {
    /// Takes in one event.
    pub fn apply(&mut self, event: &Event) -> Applied<'_> {
        let Some(call) = event.call else {
            return Applied::Unchanged;
        };
        if let What::Arrived { .. } = event.what {
            return self.begin(call, event);
        }
        let changed = match (self.ended.get_mut(&call), self.open.get_mut(&call)) {
            (Some(record), _) => after_end(record, &event.what),
            (None, Some(record)) => fold(record, event.at, &event.what),
            (None, None) => return Applied::Unknown(call),
        };
        if !changed {
            return Applied::Unchanged;
        }
        if let Some(record) = self.open.get(&call)
            && record.ended.is_some()
        {
            self.resume(record.clone());
        }
        self.record(call)
            .map_or(Applied::Unchanged, Applied::Changed)
    }

    /// Takes back a record that was stored, so that further events of its call find it.
    pub fn resume(&mut self, record: CallRecord) {
        let (records, others, most) = match record.ended {
            Some(_) => (&mut self.ended, &mut self.open, MAX_ENDED),
            None => (&mut self.open, &mut self.ended, MAX_OPEN),
        };
        others.remove(&record.call);
        records.insert(record.call, record);
        if records.len() > most {
            // Ids sort by arrival: the first is the oldest.
            records.pop_first();
        }
    }

    /// The record of a call that is held.
    pub fn record(&self, call: CallId) -> Option<&CallRecord> {
        self.open.get(&call).or_else(|| self.ended.get(&call))
    }

    /// The calls that have not ended, oldest first.
    pub fn open(&self) -> impl Iterator<Item = &CallRecord> {
        self.open.values()
    }

    /// Forgets every call; the next event of each is [`Applied::Unknown`].
    pub fn clear(&mut self) {
        self.open.clear();
        self.ended.clear();
    }

    fn begin(&mut self, call: CallId, event: &Event) -> Applied<'_> {
        if self.record(call).is_some() {
            return Applied::Unchanged;
        }
        let Some(record) = begun(call, event) else {
            return Applied::Unchanged;
        };
        self.resume(record);
        self.record(call)
            .map_or(Applied::Unchanged, Applied::Changed)
    }
}

/// The record as it is when a call arrives; `None` for any other event.
fn begun(call: CallId, event: &Event) -> Option<CallRecord> {
    let What::Arrived {
        caller,
        dialled,
        trunk,
        plan,
        language,
        direction,
        operator,
    } = &event.what
    else {
        return None;
    };
    Some(CallRecord {
        call,
        caller: caller.clone(),
        dialled: dialled.clone(),
        trunk: trunk.clone(),
        direction: *direction,
        queue: None,
        operator: operator.clone(),
        language: *language,
        plan: plan.clone(),
        arrived: event.at,
        answered: None,
        queued: None,
        rung: None,
        connected: None,
        ended: None,
        held: std::time::Duration::ZERO,
        shut: None,
        ended_by: None,
        cause: None,
        caller_quality: None,
        operator_quality: None,
    })
}

/// Takes in an event of a running call; tells whether the record changed.
fn fold(record: &mut CallRecord, at: Wall, what: &What) -> bool {
    match what {
        What::Answered => first(&mut record.answered, at),
        What::Language { language } => last(&mut record.language, *language),
        What::Step { shut, .. } => least(&mut record.shut, *shut),
        What::Queued { queue } => {
            let moment = first(&mut record.queued, at);
            last(&mut record.queue, Some(queue.clone())) || moment
        }
        // Whoever is called into a talk rings when others talk already.
        What::Ringing { .. } => record.connected.is_none() && first(&mut record.rung, at),
        What::Dialling { trunk, .. } if record.direction != Direction::In => {
            last(&mut record.trunk, trunk.clone())
        }
        What::Dialling { .. } => false,
        What::Connected { operator } => {
            let moment = first(&mut record.connected, at);
            last(&mut record.operator, Some(operator.clone())) || moment
        }
        What::Resumed { total, .. } => {
            let most = record.held.max(*total);
            last(&mut record.held, most)
        }
        What::Ended { by, cause } => {
            record.ended_by = Some(*by);
            record.cause = Some(*cause);
            first(&mut record.ended, at)
        }
        What::Media { .. } => after_end(record, what),
        What::Arrived { .. }
        | What::Waits { .. }
        | What::Returned { .. }
        | What::Renamed { .. }
        | What::GlassBroken { .. }
        | What::LeftQueue { .. }
        | What::Estimated { .. }
        | What::EstimateMet { .. }
        | What::CallbackAsked { .. }
        | What::CallbackTaken { .. }
        | What::CallbackFailed { .. }
        | What::CallbackEnded { .. }
        | What::RingEnded { .. }
        | What::Parted { .. }
        | What::Bringing { .. }
        | What::Joined { .. }
        | What::NotJoined { .. }
        | What::LeftTalk { .. }
        | What::Supervising { .. }
        | What::Supervised { .. }
        | What::Held { .. }
        | What::Transfer { .. }
        | What::TransferFailed { .. }
        | What::Refused { .. }
        | What::TurnedAway { .. }
        | What::DialFailed { .. }
        | What::AudioAbsent { .. }
        | What::AudioReturned { .. }
        | What::Messages { .. }
        | What::Recording { .. }
        | What::Operator { .. }
        | What::Binding { .. }
        | What::Alarm { .. }
        | What::Banned { .. }
        | What::BansLifted { .. }
        | What::Listed { .. }
        | What::Started { .. }
        | What::Applied { .. } => false,
    }
}

/// What may change a record at any time: the figures of its media.
fn after_end(record: &mut CallRecord, what: &What) -> bool {
    let What::Media { side, quality } = what else {
        return false;
    };
    match side {
        Side::Caller => last(&mut record.caller_quality, Some(quality.clone())),
        Side::Operator => last(&mut record.operator_quality, Some(quality.clone())),
        Side::Server => false,
    }
}

fn first(moment: &mut Option<Wall>, at: Wall) -> bool {
    let unset = moment.is_none();
    moment.get_or_insert(at);
    unset
}

/// That nobody is on shift is no wonder while the helpline is closed: the first of the two tells more.
fn least<T: Ord + Copy>(value: &mut Option<T>, new: Option<T>) -> bool {
    let least = value.iter().copied().chain(new).min();
    last(value, least)
}

fn last<T: PartialEq>(value: &mut T, new: T) -> bool {
    let differs = *value != new;
    *value = new;
    differs
}

#[cfg(test)]
pub(crate) mod samples {
    use super::*;
    use crate::event::Cause;
    use crate::ids::Language;
    use crate::media::Quality;

    /// Of an operator's call outside the record said that it rang after it was connected.
    #[test]
    fn who_is_called_into_a_talk_rings_for_nobody_who_waits() {
        let rings = |at| {
            let reason = "called into the talk by 102".into();
            let operator = "101".into();
            event(at, 7, What::Ringing { operator, reason })
        };
        let connected = What::Connected {
            operator: "102".into(),
        };
        let record = folded(&[event(1, 7, arrived()), event(2, 7, connected), rings(3)]);
        assert_eq!(record.rung, None);
    }

    pub(crate) fn event(seconds: i64, call: u64, what: What) -> Event {
        Event {
            at: Wall(seconds * 1_000_000),
            call: Some(CallId(call)),
            what,
        }
    }

    pub(crate) fn arrived() -> What {
        What::Arrived {
            caller: Some("C-A1".into()),
            dialled: "116111".into(),
            trunk: "loopback".into(),
            plan: "p1".into(),
            language: Language::Az,
            direction: Direction::In,
            operator: None,
        }
    }

    /// One call from its arrival to the figures of its legs, 72 seconds long.
    pub(crate) fn call(id: u64, start: i64) -> Vec<Event> {
        let quality = Quality {
            received: 3_000,
            ..Quality::default()
        };
        let happened = [
            (0, arrived()),
            (1, What::Answered),
            (
                2,
                What::Queued {
                    queue: "children".into(),
                },
            ),
            (
                3,
                What::Ringing {
                    operator: "101".into(),
                    reason: "longest idle".into(),
                },
            ),
            (
                5,
                What::Language {
                    language: Language::Ru,
                },
            ),
            (
                12,
                What::Connected {
                    operator: "101".into(),
                },
            ),
            (
                72,
                What::Ended {
                    by: Side::Caller,
                    cause: Cause::HungUp,
                },
            ),
            (
                72,
                What::Media {
                    side: Side::Caller,
                    quality: quality.clone(),
                },
            ),
            (
                73,
                What::Media {
                    side: Side::Operator,
                    quality,
                },
            ),
        ];
        happened
            .into_iter()
            .map(|(after, what)| event(start + after, id, what))
            .collect()
    }

    pub(crate) fn connected_call() -> Vec<Event> {
        call(7, 1_000)
    }

    pub(crate) fn folded(events: &[Event]) -> CallRecord {
        let mut builder = Builder::default();
        for event in events {
            builder.apply(event);
        }
        let call = events[0].call.unwrap();
        builder.record(call).unwrap().clone()
    }
}

#[cfg(test)]
mod tests {
    use super::samples::{arrived, call, connected_call, event, folded};
    use super::*;
    use crate::event::{Cause, Shut};
    use crate::ids::Language;
    use crate::media::Quality;
    use proptest::prelude::*;

    #[test]
    fn a_call_leaves_every_moment_on_its_record() {
        let record = folded(&connected_call());
        let second = |after: i64| Some(Wall((1_000 + after) * 1_000_000));
        assert_eq!(Some(record.arrived), second(0));
        assert_eq!(record.answered, second(1));
        assert_eq!(record.queued, second(2));
        assert_eq!(record.rung, second(3));
        assert_eq!(record.connected, second(12));
        assert_eq!(record.ended, second(72));
        assert_eq!(record.queue, Some("children".into()));
        assert_eq!(record.operator, Some("101".into()));
        assert_eq!(record.language, Language::Ru);
        assert_eq!(
            (record.ended_by, record.cause),
            (Some(Side::Caller), Some(Cause::HungUp))
        );
    }

    #[test]
    fn why_a_call_was_led_past_the_queues_stands_on_its_record() {
        let step = |shut| {
            let (path, reason) = ("nobody".into(), "nobody on shift".into());
            event(1, 7, What::Step { path, reason, shut })
        };
        let shut = |found: &[Option<Shut>]| {
            let steps = found.iter().map(|found| step(*found));
            let all: Vec<_> = [event(0, 7, arrived())].into_iter().chain(steps).collect();
            folded(&all).shut
        };
        let (closed, nobody) = (Some(Shut::Closed), Some(Shut::NobodyOnShift));
        assert_eq!(shut(&[None]), None);
        assert_eq!(shut(&[nobody, None]), nobody);
        assert_eq!(shut(&[nobody, closed, nobody]), closed);
    }

    #[test]
    fn media_after_the_end_still_reaches_the_record() {
        let mut builder = Builder::default();
        let mut events = connected_call();
        let late = events.pop().unwrap();
        for event in &events {
            builder.apply(event);
        }
        let Applied::Changed(record) = builder.apply(&late) else {
            panic!("must be stored again")
        };
        assert_eq!(
            record
                .operator_quality
                .as_ref()
                .map(|figures| figures.received),
            Some(3_000)
        );
        assert_eq!(builder.apply(&late), Applied::Unchanged);
    }

    #[test]
    fn nothing_but_media_changes_an_ended_call() {
        let mut builder = Builder::default();
        for event in connected_call() {
            builder.apply(&event);
        }
        let again = event(
            2_000,
            7,
            What::Ended {
                by: Side::Server,
                cause: Cause::Interrupted,
            },
        );
        assert_eq!(builder.apply(&again), Applied::Unchanged);
        assert_eq!(
            builder.record(CallId(7)).unwrap().cause,
            Some(Cause::HungUp)
        );
    }

    #[test]
    fn an_event_of_a_call_that_is_not_held_asks_for_its_record() {
        let mut builder = Builder::default();
        let answered = event(1, 7, What::Answered);
        assert_eq!(builder.apply(&answered), Applied::Unknown(CallId(7)));
        builder.resume(begun(CallId(7), &event(0, 7, arrived())).unwrap());
        assert!(matches!(builder.apply(&answered), Applied::Changed(_)));
    }

    #[test]
    fn memory_is_bounded_and_the_oldest_call_goes_first() {
        let mut builder = Builder::default();
        for id in 0..MAX_OPEN as u64 + 1 {
            builder.apply(&event(0, id, arrived()));
        }
        assert_eq!(builder.open().count(), MAX_OPEN);
        assert_eq!(builder.record(CallId(0)), None);
        for id in 100_000..100_000 + MAX_ENDED as u64 + 5 {
            for event in call(id, 0) {
                builder.apply(&event);
            }
        }
        assert_eq!(builder.ended.len(), MAX_ENDED);
    }

    proptest! {
        #[test]
        fn a_stretch_of_the_journal_applied_twice_gives_the_same_record(cut in 0_usize..9, media in 0_u64..9) {
            let mut events = connected_call();
            let quality = Quality { received: media, ..Quality::default() };
            events.push(event(1_080, 7, What::Media { side: Side::Caller, quality }));
            let mut twice = events.clone();
            twice.splice(cut..cut, events[..cut].to_vec());
            twice.extend(events.clone());
            prop_assert_eq!(folded(&twice), folded(&events));
        }
    }
}
