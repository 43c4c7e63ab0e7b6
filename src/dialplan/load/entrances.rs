//! `[[route]]`: where calls go first of all.

use std::collections::{BTreeMap, BTreeSet};

use super::super::condition::Sort;
use super::super::entrance::{Dialled, Entrance};
use super::super::fault::Place;
use super::super::number::Number;
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
        let mut told = BTreeSet::new();
        for (later, earlier) in self.meeting() {
            let pair = (self.entrances.get(later), self.entrances.get(earlier));
            let (Some(one), Some(other)) = pair else {
                continue;
            };
            let fault = if other.hides(one) {
                let what = format!(
                    "this route is never taken: the one at {} takes all its calls",
                    other.place
                );
                Some((what, "put it before the other, or remove it"))
            } else {
                other
                    .asks_as(one)
                    .then(|| one.shares_with(other))
                    .flatten()
                    .map(|dialled| {
                        let what = format!(
                            "{:?} overlaps with the route at {}",
                            dialled.text, other.place
                        );
                        (what, "let each number go one way")
                    })
            };
            if let Some((what, remedy)) = fault
                && told.insert(later)
            {
                found.push((one.place.clone(), what, remedy));
            }
        }
        let numbers = self
            .numbers
            .iter()
            .map(Number::as_str)
            .zip(&self.number_places);
        let numbers: BTreeMap<&str, &Place> = numbers.collect();
        let plain = self
            .entrances
            .iter()
            .filter(|one| one.asks_for_number_alone());
        for (one, dialled) in
            plain.flat_map(|one| one.dial.iter().map(move |dialled| (one, dialled)))
        {
            let (low, high) = dialled.span();
            for (number, place) in numbers.range(low..=high.as_str()) {
                if Number::parse(number).is_some_and(|number| dialled.holds(&number)) {
                    let what = format!("{number} goes this way, and is one of numbers at {place}");
                    found.push((one.place.clone(), what, "leave it out of one of the two"));
                }
            }
        }
        for (place, what, remedy) in found {
            self.fault(place, what, remedy);
        }
    }

    /// Pairs of routes, the later one first, that some number may lead to both. Sorted by the lowest of
    /// their numbers, only neighbours meet: comparing each with each would take minutes for thousands.
    fn meeting(&self) -> BTreeSet<(usize, usize)> {
        let mut pairs = BTreeSet::new();
        let mut spans = Vec::new();
        for (index, one) in self.entrances.iter().enumerate() {
            spans.extend(one.dial.iter().map(|dialled| (dialled.span(), index)));
            if one.dial.is_empty() {
                let others = 0..self.entrances.len();
                let others = others.filter(|other| *other != index);
                pairs.extend(others.map(|other| (index.max(other), index.min(other))));
            }
        }
        spans.sort();
        let mut open: Vec<(String, usize)> = Vec::new();
        for ((low, high), index) in spans {
            open.retain(|(end, _)| end.as_str() >= low);
            let others = open.iter().filter(|(_, other)| *other != index);
            pairs.extend(others.map(|(_, other)| (index.max(*other), index.min(*other))));
            open.push((high, index));
        }
        pairs
    }
}
