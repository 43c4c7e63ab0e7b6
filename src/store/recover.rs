//! What the journal tells of the run before: which calls had no end yet.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

use super::cursor::{Cursor, Damage, Found};
use crate::event::{Cause, Entry, Event, OperatorState, Side, What};
use crate::ids::{CallId, OperatorId};
use crate::time::Wall;

/// The most damaged lines that are listed one by one.
const MAX_LISTED: usize = 1_000;

/// A call that was going on when the journal ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenCall {
    /// Which.
    pub call: CallId,
    /// The number of its first entry in the journal.
    pub first: u64,
    /// Its latest snapshot, still sealed; `None`: it had none.
    pub snapshot: Option<String>,
}

impl OpenCall {
    /// The entry that closes it: its legs are gone with the process before.
    pub fn interrupted(&self, at: Wall) -> Entry {
        let what = What::Ended {
            by: Side::Server,
            cause: Cause::Interrupted,
        };
        Entry::Event(Event {
            at,
            call: Some(self.call),
            what,
        })
    }
}

/// What was found when the journal was opened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Calls without an end, oldest first.
    pub calls: Vec<OpenCall>,
    /// What each operator was doing last, as far as the journal reaches back. The database may be behind.
    pub operators: BTreeMap<OperatorId, (OperatorState, Wall)>,
    /// The number of the last entry; 0: none.
    pub last: u64,
    /// Damaged lines, the first of them.
    pub damage: Vec<Damage>,
    /// How many bytes of a torn last line were cut off.
    pub truncated: u64,
}

/// Reads all segments of a folder.
pub(crate) fn scan(folder: &Path) -> io::Result<Recovered> {
    let mut cursor = Cursor::new(folder, 0);
    let mut open: BTreeMap<CallId, OpenCall> = BTreeMap::new();
    let (mut ended, mut operators) = (BTreeSet::new(), BTreeMap::new());
    let mut damage = Vec::new();
    while let Some(read) = cursor.advance()? {
        let found = match read {
            Found::Entry(found) => found,
            Found::Damage(found) => {
                if damage.len() < MAX_LISTED {
                    damage.push(found);
                }
                continue;
            }
        };
        let (call, sealed) = match found.entry {
            Entry::Event(Event {
                call: Some(call),
                what: What::Ended { .. },
                ..
            }) => {
                open.remove(&call);
                ended.insert(call);
                continue;
            }
            Entry::Event(Event {
                call: Some(call),
                what: What::Arrived { .. },
                ..
            }) => (call, None),
            Entry::Snapshot { call, sealed } => (call, Some(sealed)),
            Entry::Event(Event {
                at,
                what: What::Operator {
                    operator, state, ..
                },
                ..
            }) => {
                operators.insert(operator, (state, at));
                continue;
            }
            Entry::Event(_) => continue,
        };
        // A snapshot that comes in the same breath as the end does not open the call again.
        if !ended.contains(&call) {
            let first = found.sequence;
            let known = open.entry(call).or_insert(OpenCall {
                call,
                first,
                snapshot: None,
            });
            known.snapshot = sealed.or(known.snapshot.take());
        }
    }
    let calls = open.into_values().collect();
    Ok(Recovered {
        calls,
        operators,
        last: cursor.after(),
        damage,
        truncated: 0,
    })
}
