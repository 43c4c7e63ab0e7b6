//! `[[route]]`: where calls go first of all.

use super::super::condition::Sort;
use super::super::entrance::{Dialled, Entrance};
use super::super::read::Table;
use super::{Draft, Reference};
use crate::ids::{ListName, PathName, TrunkName};

impl Draft {
    pub(super) fn read_entrance(&mut self, table: Table<'_, '_>) {
        let mut dial = Vec::new();
        for (text, span) in table.texts("dial").unwrap_or_default() {
            match Dialled::parse(&text) {
                Ok(dialled) => dial.push(dialled),
                Err(what) => table.source.fault(
                    span,
                    what,
                    "write a number, \"012555xxxx\", \"0125…\", or \"0125551000-0125551099\"",
                ),
            }
        }
        let mut from = Vec::new();
        for (text, span) in table.texts("from").unwrap_or_default() {
            match Sort::parse(&text) {
                Some(sort) => from.push(sort),
                None => table.source.fault(
                    span,
                    format!("{text:?} is no sort of callers"),
                    "write hidden, mobile, fixed, toll-free, short, abroad, or a beginning of at most eight digits \
                     such as +99450; single callers belong in a list",
                ),
            }
        }
        let trunks = table.texts("trunk").unwrap_or_default();
        let trunks: Vec<TrunkName> = trunks
            .into_iter()
            .map(|(name, _)| TrunkName(name))
            .collect();
        let list = table.text("list").map(|(name, _)| ListName(name));
        let asks = ["dial", "from", "trunk", "list"];
        if !asks.into_iter().any(|key| table.has(key)) {
            table.fault(
                "the route takes every call",
                "give it dial, from, trunk or list; where all other calls go is otherwise = \"PATH\"",
            );
        }
        let go = table.text("go");
        if go.is_none() && !table.has("go") {
            table.fault("the route leads nowhere", "write go = \"PATH\"");
        }
        if let Some((go, span)) = go {
            let place = table.source.place(&span);
            self.path_references.push(Reference {
                place,
                name: go.clone(),
            });
            self.entrances.push(Entrance {
                place: table.place(),
                dial,
                trunks,
                from,
                list,
                go: PathName(go),
            });
        }
        table.finish();
    }

    /// Numbers that lead two ways, and routes that an earlier one hides.
    pub(super) fn check_entrances(&mut self) {
        let mut found = Vec::new();
        for (index, one) in self.entrances.iter().enumerate() {
            let earlier = self.entrances.get(..index).unwrap_or_default();
            if let Some(other) = earlier.iter().find(|other| other.hides(one)) {
                found.push((
                    one.place.clone(),
                    format!(
                        "this route is never taken: the one at {} takes all its calls",
                        other.place
                    ),
                    "put it before the other, or remove it",
                ));
                continue;
            }
            let meeting = earlier.iter().filter(|other| other.asks_as(one));
            let twice = meeting.into_iter().find_map(|other| {
                let mut pairs = one
                    .dial
                    .iter()
                    .flat_map(|ours| other.dial.iter().map(move |theirs| (ours, theirs)));
                let (ours, _) = pairs.find(|(ours, theirs)| ours.meets(theirs))?;
                Some((ours, other))
            });
            if let Some((dialled, other)) = twice {
                found.push((
                    one.place.clone(),
                    format!(
                        "{:?} overlaps with the route at {}",
                        dialled.text, other.place
                    ),
                    "let each number go one way",
                ));
            }
        }
        let plain = self
            .entrances
            .iter()
            .filter(|one| one.asks_for_number_alone());
        for one in plain {
            let numbers = self.numbers.iter().zip(&self.number_places);
            let hidden =
                numbers.filter(|(number, _)| one.dial.iter().any(|dialled| dialled.holds(number)));
            for (number, place) in hidden {
                found.push((
                    one.place.clone(),
                    format!("{number} goes this way, and is one of numbers at {place}"),
                    "leave it out of one of the two",
                ));
            }
        }
        for (place, what, remedy) in found {
            self.fault(place, what, remedy);
        }
    }
}
