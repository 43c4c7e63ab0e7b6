//! What the records of today tell a switch that starts: what operators have done, what was spent, and who was
//! cut off and may call back.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::config::Settings;
use crate::dialplan::Plan;
use crate::event::{CallRecord, Cause, Direction, OperatorState};
use crate::ids::{CallId, OperatorId, Pseudonym};
use crate::queue::{OperatorSnapshot, Snapshot};
use crate::records::segments::{Segment, segments};
use crate::store::calls::{calls, timelines};
use crate::store::cases::Cases;
use crate::store::database::Reader;
use crate::store::lists::Lists;
use crate::store::recover::Recovered;
use crate::store::states::StateRow;
use crate::switch::{Command, CutOff, EXPECTED_WITHIN, Input, OnList, PastCall, Switch};
use crate::time::{Now, Wall};

/// No day is longer, with the hour that a change of the clocks may add.
const A_DAY: Duration = Duration::from_secs(25 * 3600);
/// The most calls that are looked at.
const MOST: usize = 100_000;
/// Stands before why an operator is paused, in the last word of the state.
const PAUSED: &str = "paused: ";

/// Tells the switch what it cannot know.
pub(super) fn tell(
    settings: &Settings,
    recovered: &Recovered,
    plan: &Plan,
    switch: &mut Switch,
    now: Now,
) {
    let records = records(settings, now.wall);
    let work = work(settings, &records, plan, now.wall);
    let rows =
        Reader::open(&settings.storage.database).and_then(|mut reader| reader.operator_states());
    let states = states(rows.unwrap_or_default(), recovered, &work);
    let commands = [
        Command::OperatorStates(states),
        Command::PastCalls(past_calls(&records, now.wall)),
        Command::CutOff(cut_off(&records, now.wall)),
        Command::RecentCalls(recent_calls(&records)),
        Command::Lists(lists(settings, now.wall)),
        Command::Cases(cases(settings)),
    ];
    for command in commands {
        switch.handle(Input::Command(command), now);
    }
}

/// Who looks after whose open case.
fn cases(settings: &Settings) -> BTreeMap<Pseudonym, OperatorId> {
    let open = Cases::open(&settings.storage.database).and_then(|mut cases| cases.open_ones());
    let open = open.unwrap_or_default().into_iter();
    open.map(|case| (case.caller, case.owner)).collect()
}

/// Who is on a list of the dialplan.
fn lists(settings: &Settings, now: Wall) -> Vec<OnList> {
    let lists = Lists::open(&settings.storage.database).and_then(|mut lists| lists.all(now));
    let lists = lists.unwrap_or_default();
    lists.into_iter().map(|one| one.listed).collect()
}

fn records(settings: &Settings, now: Wall) -> Vec<CallRecord> {
    let (database, journal) = (&settings.storage.database, settings.storage.journal());
    let day = i64::try_from(A_DAY.as_micros()).unwrap_or(0);
    let from = Some(Wall(now.0.saturating_sub(day)));
    calls(database, &journal, from, None, MOST).unwrap_or_else(|error| {
        tracing::error!(%error, "what happened today is not known: calls and money are counted from nothing");
        Vec::new()
    })
}

/// The calls of operators to numbers outside that today's caps count.
fn past_calls(records: &[CallRecord], now: Wall) -> Vec<PastCall> {
    let out = records.iter().filter(|one| one.direction == Direction::Out);
    out.filter_map(|one| {
        Some(PastCall {
            class: one.dialled.clone(),
            connected: one.connected?,
            // One that a crash ended has no end on record yet.
            ended: one.ended.unwrap_or(now),
        })
    })
    .collect()
}

/// Who called lately, for dialplans that ask how often somebody did.
fn recent_calls(records: &[CallRecord]) -> Vec<(Pseudonym, Wall)> {
    let came = records.iter().filter(|one| one.direction == Direction::In);
    came.filter_map(|one| Some((one.caller.clone()?, one.arrived)))
        .collect()
}

fn cut_off(records: &[CallRecord], now: Wall) -> Vec<CutOff> {
    let broken = |one: &&CallRecord| {
        let lost = matches!(one.cause, Some(Cause::Lost | Cause::Interrupted));
        lost && one.direction == Direction::In
    };
    let cut = records.iter().filter(broken).filter_map(|one| {
        Some(CutOff {
            caller: one.caller.clone()?,
            at: one.ended?,
            operator: one.operator.clone(),
        })
    });
    cut.filter(|one| now.since(one.at) < EXPECTED_WITHIN)
        .collect()
}

/// How many calls each operator has answered since midnight, and for how long they talked.
fn work(
    settings: &Settings,
    records: &[CallRecord],
    plan: &Plan,
    now: Wall,
) -> BTreeMap<OperatorId, (u32, Duration)> {
    let (database, journal) = (&settings.storage.database, settings.storage.journal());
    let day = i64::try_from(A_DAY.as_micros()).unwrap_or(0);
    let yesterday = Wall(now.0.saturating_sub(day));
    let midnight = plan.midnight_after(yesterday).filter(|one| *one <= now);
    let answered = records
        .iter()
        .filter(|one| one.connected.is_some() && one.direction == Direction::In);
    let mut work: BTreeMap<OperatorId, (u32, Duration)> = BTreeMap::new();
    let calls: Vec<CallId> = answered.map(|one| one.call).collect();
    let timelines = timelines(database, &journal, &calls).unwrap_or_default();
    for events in timelines.values() {
        for Segment {
            operator,
            from,
            until,
        } in segments(events)
        {
            if midnight.is_some_and(|midnight| from < midnight) {
                continue;
            }
            let done = work.entry(operator).or_default();
            done.0 = done.0.saturating_add(1);
            done.1 += until.unwrap_or(now).since(from);
        }
    }
    work
}

/// The last states of the database, or of the journal where that is ahead, as the queue wants them.
fn states(
    rows: Vec<StateRow>,
    recovered: &Recovered,
    work: &BTreeMap<OperatorId, (u32, Duration)>,
) -> Snapshot {
    let mut states: BTreeMap<OperatorId, StateRow> = rows
        .into_iter()
        .map(|row| (row.operator.clone(), row))
        .collect();
    states.extend(recovered.operators.clone());
    let operators = states.into_values().map(|row| {
        let on_shift = row.state != OperatorState::LoggedOut;
        let why = row
            .reason
            .rsplit_once(PAUSED)
            .map(|(_, why)| why.to_owned());
        let paused = (row.state == OperatorState::Paused).then(|| "before the restart".to_owned());
        let (calls, talked) = work.get(&row.operator).copied().unwrap_or_default();
        OperatorSnapshot {
            paused: why.filter(|_| on_shift).or(paused),
            calls,
            talked,
            ..OperatorSnapshot::new(row.operator, on_shift, row.at)
        }
    });
    Snapshot {
        operators: operators.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_found_again_also_where_another_state_hid_it() {
        let row = |operator: &str, state, reason: &str| StateRow {
            operator: operator.into(),
            state,
            at: Wall(1),
            reason: reason.into(),
        };
        let rows = vec![
            row("101", OperatorState::Talking, "ringing; paused: lunch"),
            row("102", OperatorState::WrapUp, "after the call"),
            row("103", OperatorState::Paused, "paused"),
            row("104", OperatorState::LoggedOut, "paused: lunch"),
        ];
        let found = states(rows, &Recovered::default(), &BTreeMap::new());
        let found: Vec<_> = found
            .operators
            .iter()
            .map(|one| (one.logged_in, one.paused.as_deref()))
            .collect();
        let unknown = Some("before the restart");
        let expected = [
            (true, Some("lunch")),
            (true, None),
            (true, unknown),
            (false, None),
        ];
        assert_eq!(found, expected);
    }
}
