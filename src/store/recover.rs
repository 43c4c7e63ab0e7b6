//! What the journal tells of the run before: which calls had no end yet.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::path::Path;
use std::time::Duration;

use super::cursor::{Cursor, Damage, Found};
use super::states::StateRow;
use crate::event::{Cause, Entry, Event, Side, What};
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

/// For how long a BYE is sent again (RFC 3261 §17.1.2.2, timer F) and some delay of the journal: whoever
/// ended earlier has heard of it.
const FAREWELL: Duration = Duration::from_secs(35);
/// The most calls whose last words are said again.
const MAX_PARTED: usize = 20_000;

/// A call that ended so shortly before the journal that its last BYE may not have been heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartedCall {
    /// Which.
    pub call: CallId,
    /// When it ended.
    pub ended: Wall,
    /// Its latest snapshot, still sealed.
    pub snapshot: String,
}

/// What was found when the journal was opened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Calls without an end, oldest first.
    pub calls: Vec<OpenCall>,
    /// Calls whose peers may not know of the end yet.
    pub parted: Vec<PartedCall>,
    /// What each operator was doing last, as far as the journal reaches back. The database may be behind.
    pub operators: BTreeMap<OperatorId, StateRow>,
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
    let mut parted = VecDeque::new();
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
                at,
            }) => {
                ended.insert(call);
                let snapshot = open.remove(&call).and_then(|open| open.snapshot);
                keep_parted(&mut parted, call, at, snapshot);
                continue;
            }
            Entry::Event(Event {
                call: Some(call),
                what: What::Arrived { .. },
                ..
            }) => (call, None),
            Entry::Snapshot { call, sealed } => (call, Some(sealed)),
            Entry::Number { .. } => continue,
            Entry::Event(event) => {
                if let Some(row) = StateRow::of(&event) {
                    operators.insert(row.operator.clone(), row);
                }
                continue;
            }
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
        parted: parted.into(),
        operators,
        last: cursor.after(),
        damage,
        truncated: 0,
    })
}

/// A call ended `now`; those that ended long before are forgotten.
fn keep_parted(
    parted: &mut VecDeque<PartedCall>,
    call: CallId,
    now: Wall,
    snapshot: Option<String>,
) {
    parted.extend(snapshot.map(|snapshot| PartedCall {
        call,
        ended: now,
        snapshot,
    }));
    let old = |one: &PartedCall| now.since(one.ended) > FAREWELL;
    while parted.front().is_some_and(old) || parted.len() > MAX_PARTED {
        parted.pop_front();
    }
}
