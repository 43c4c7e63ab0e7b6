//! Who is on which list of the dialplan, each until a moment: callers by pseudonym, never by number. Those
//! without an identity are on none, since one cannot be told from another.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::pbx::Switch;
use crate::event::What;
use crate::ids::{ListName, Pseudonym};
use crate::time::{Now, Wall};

/// A caller on a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnList {
    /// Which list: `blocked`.
    pub list: ListName,
    /// Who.
    pub caller: Pseudonym,
    /// Until when.
    pub until: Wall,
}

/// All lists.
#[derive(Debug, Default)]
pub(super) struct Lists {
    by_caller: BTreeMap<Pseudonym, BTreeMap<ListName, Wall>>,
    /// Whether the shell has told them; what it tells at first is no change.
    told: bool,
}

impl Lists {
    /// On which lists a caller is now.
    pub(super) fn of(&self, caller: Option<&Pseudonym>, now: Now) -> BTreeSet<ListName> {
        let lists = caller.and_then(|caller| self.by_caller.get(caller));
        let lists = lists.into_iter().flatten();
        let holds = lists.filter(|(_, until)| now.wall < **until);
        holds.map(|(list, _)| list.clone()).collect()
    }
}

impl Lists {
    /// A caller has another name from now on.
    pub(super) fn rename(&mut self, former: &Pseudonym, caller: &Pseudonym) {
        let Some(lists) = self.by_caller.remove(former) else {
            return;
        };
        let all = self.by_caller.entry(caller.clone()).or_default();
        for (list, until) in lists {
            let known = all.entry(list).or_insert(until);
            *known = until.max(*known);
        }
    }
}

impl Switch {
    /// All entries there are; what differs from before is told, so that each block can be reviewed.
    pub(super) fn set_lists(&mut self, all: Vec<OnList>, now: Now) {
        let mut next = Lists {
            told: true,
            ..Lists::default()
        };
        for one in all.into_iter().filter(|one| now.wall < one.until) {
            let lists = next.by_caller.entry(one.caller).or_default();
            lists.insert(one.list, one.until);
        }
        let before = std::mem::replace(&mut self.lists, next);
        if !before.told {
            return;
        }
        for (caller, list, until) in changes(&before, &self.lists, now) {
            self.emit(
                None,
                What::Listed {
                    caller,
                    list,
                    until,
                },
                now,
            );
        }
    }
}

/// Who came (`Some`: until when), and who went before the time.
fn changes(before: &Lists, after: &Lists, now: Now) -> Vec<(Pseudonym, ListName, Option<Wall>)> {
    let entries = |lists: &Lists| -> BTreeMap<(Pseudonym, ListName), Wall> {
        let all = lists.by_caller.iter();
        let all = all.flat_map(|(caller, lists)| {
            lists
                .iter()
                .map(move |(list, until)| ((caller.clone(), list.clone()), *until))
        });
        all.filter(|(_, until)| now.wall < *until).collect()
    };
    let (before, after) = (entries(before), entries(after));
    let came = after
        .iter()
        .filter(|(who, until)| before.get(*who) != Some(*until));
    let came = came.map(|((caller, list), until)| (caller.clone(), list.clone(), Some(*until)));
    let went = before.keys().filter(|who| !after.contains_key(*who));
    let went = went.map(|(caller, list)| (caller.clone(), list.clone(), None));
    came.chain(went).collect()
}
