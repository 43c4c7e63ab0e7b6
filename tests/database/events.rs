//! Calls as the journal tells them.

use qaynar::event::{Cause, Entry, Event, OperatorState, Side, What};
use qaynar::ids::{CallId, Language};
use qaynar::store::health::Health;
use qaynar::store::journal::{Journal, Settings};
use qaynar::store::recover::Recovered;
use qaynar::time::Wall;
use std::path::Path;

/// 2026-11-23, a second per number.
pub(crate) fn second(number: u64) -> Wall {
    Wall(1_795_000_000_000_000 + i64::try_from(number).unwrap() * 1_000_000)
}

pub(crate) fn event(call: u64, at: Wall, what: What) -> Entry {
    Entry::Event(Event {
        at,
        call: Some(CallId(call)),
        what,
    })
}

pub(crate) fn arrived(call: u64) -> Entry {
    event(
        call,
        second(call),
        What::Arrived {
            caller: (!call.is_multiple_of(3)).then(|| format!("C-{}", call % 7).as_str().into()),
            dialled: "116111".into(),
            trunk: "loopback".into(),
            plan: "p1".into(),
            language: Language::Az,
            direction: Default::default(),
            operator: None,
        },
    )
}

/// What follows an arrival; ends by itself.
pub(crate) fn course(call: u64) -> Vec<Entry> {
    let at = |later: u64| second(call + later);
    let operator = || "101".into();
    let mut course = vec![
        event(call, at(0), What::Answered),
        event(
            call,
            at(1),
            What::Queued {
                queue: "children".into(),
            },
        ),
    ];
    if call.is_multiple_of(4) {
        course.push(event(call, at(9), ended(Side::Caller)));
        return course;
    }
    course.push(event(
        call,
        at(5),
        What::Connected {
            operator: operator(),
        },
    ));
    course.push(Entry::Event(Event {
        at: at(5),
        call: None,
        what: What::Operator {
            operator: operator(),
            state: OperatorState::Talking,
            reason: "answered".into(),
        },
    }));
    course.push(event(call, at(60), ended(Side::Operator)));
    course
}

pub(crate) fn ended(by: Side) -> What {
    What::Ended {
        by,
        cause: Cause::HungUp,
    }
}

/// The journal below a folder, in small segments that stay.
pub(crate) fn journal(folder: &Path, health: &Health) -> (Journal, Recovered) {
    let settings = Settings {
        reserve: 0,
        segment_size: 200_000,
        keep: 10_000,
        ..Settings::in_folder(&folder.join("journal"))
    };
    Journal::open(settings, 0, health.clone()).unwrap()
}
