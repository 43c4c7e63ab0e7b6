//! How many calls there were at one moment, by a sweep over their beginnings and ends.

use super::{Course, Seen};
use crate::time::Wall;

/// The most at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peak {
    /// How many.
    pub calls: u64,
    /// When they first were so many.
    pub at: Wall,
}

/// Beginnings and ends of calls.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Overlap {
    begun: Vec<Wall>,
    ended: Vec<Wall>,
}

impl Overlap {
    pub(super) fn add(&mut self, seen: &Seen<'_>) {
        let Some((begun, ended)) = span(seen) else {
            return;
        };
        self.begun.push(begun);
        self.ended.extend(ended);
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.begun.extend(other.begun);
        self.ended.extend(other.ended);
    }

    pub(super) fn peak(mut self) -> Option<Peak> {
        self.begun.sort_unstable();
        self.ended.sort_unstable();
        let mut ended = self.ended.iter().peekable();
        let (mut running, mut peak) = (0, None::<Peak>);
        for at in self.begun {
            // Who leaves at this moment makes room for who comes.
            while ended.next_if(|end| **end <= at).is_some() {
                running -= 1;
            }
            running += 1;
            if peak.is_none_or(|peak| peak.calls < running) {
                peak = Some(Peak { calls: running, at });
            }
        }
        peak
    }
}

/// From when until when a call was there; `None`: for no time at all. A callback is there once the two talk.
pub(super) fn span(seen: &Seen<'_>) -> Option<(Wall, Option<Wall>)> {
    let begun = match seen.course {
        Course::Callback { .. } => seen.record.connected?,
        _ => seen.record.arrived,
    };
    let ended = seen.record.ended;
    let lasts = ended.is_none_or(|ended| ended > begun);
    lasts.then_some((begun, ended))
}
