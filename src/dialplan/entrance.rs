//! `[[route]]`: where calls go first of all, by what was dialled, by which trunk, and who calls.

use super::condition::Sort;
use super::facts::{Caller, Facts};
use super::fault::Place;
use super::number::Number;
use crate::ids::{ListName, PathName, TrunkName};

/// One of them. What it does not name does not matter to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entrance {
    /// Where it stands.
    pub place: Place,
    /// What was dialled: one of these.
    pub dial: Vec<Dialled>,
    /// By which trunk: one of these.
    pub trunks: Vec<TrunkName>,
    /// Who calls: of one of these sorts.
    pub from: Vec<Sort>,
    /// The caller is on this list.
    pub list: Option<ListName>,
    /// Where to.
    pub go: PathName,
}

/// A number, or numbers, that are dialled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dialled {
    /// As it was written, for people.
    pub text: String,
    /// The lowest of them, in the one form of numbers.
    low: String,
    /// The highest, as long.
    high: String,
    /// More digits may follow.
    open: bool,
}

/// The most that the numbers of a range may differ: hundreds of lines are a range, millions a slip.
const WIDEST_RANGE: u64 = 100_000;

impl Dialled {
    /// Reads `116111`, `012555xxxx`, `0125…`, `0125551000-0125551099`; an error: what is wrong.
    ///
    /// # Errors
    /// What cannot be read, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if let Some(number) = Number::parse(text) {
            let one = number.as_str();
            return Ok(Self::between(text, one, one));
        }
        if let Some((first, last)) = text.split_once('-')
            && let (Some(first), Some(last)) = (Number::parse(first), Number::parse(last))
        {
            return Self::range(text, first.as_str(), last.as_str());
        }
        let pattern = text.strip_suffix('…').or_else(|| text.strip_suffix("..."));
        let (body, open) = (pattern.unwrap_or(text), pattern.is_some());
        let bare: String = body.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
        let cut = bare.find(['x', 'X']).unwrap_or(bare.len());
        let (head, any) = bare.split_at(cut);
        let any_digits = any.bytes().all(|byte| matches!(byte, b'x' | b'X'));
        let fault = || format!("{text:?} names no numbers");
        if !any_digits || (any.is_empty() && !open) {
            return Err(fault());
        }
        let beginning = Number::beginning(head).ok_or_else(fault)?;
        let filled = |digit: &str| format!("{beginning}{}", digit.repeat(any.len()));
        let (low, high) = (filled("0"), filled("9"));
        // Whether numbers of that length exist at all shows any of them.
        if !open && Number::parse(&low).is_none() {
            return Err(format!("{text:?}: no number has so many digits"));
        }
        Ok(Self {
            open,
            ..Self::between(text, &low, &high)
        })
    }

    fn between(text: &str, low: &str, high: &str) -> Self {
        Self {
            text: text.to_owned(),
            low: low.to_owned(),
            high: high.to_owned(),
            open: false,
        }
    }

    fn range(text: &str, low: &str, high: &str) -> Result<Self, String> {
        let value = |number: &str| number.trim_start_matches('+').parse::<u64>().ok();
        let wide = value(high).zip(value(low));
        let wide = wide.and_then(|(high, low)| high.checked_sub(low));
        match wide {
            _ if low.len() != high.len() => {
                Err(format!("{text:?}: the two numbers differ in length"))
            }
            None => Err(format!("{text:?} ends before it begins")),
            Some(wide) if wide > WIDEST_RANGE => {
                Err(format!("{text:?} holds more than {WIDEST_RANGE} numbers"))
            }
            Some(_) => Ok(Self::between(text, low, high)),
        }
    }

    /// One of them; `None`: they are the beginning of no number.
    pub fn any(&self) -> Option<Number> {
        let mut text = self.low.clone();
        // E.164 §6: fifteen digits at most.
        while text.len() <= 16 {
            if let Some(number) = Number::parse(&text).filter(|one| self.holds(one)) {
                return Some(number);
            }
            text.push('0');
        }
        None
    }

    /// Whether a number is one of these.
    pub fn holds(&self, number: &Number) -> bool {
        let number = number.as_str();
        let long_enough = number.len() == self.low.len() || self.open;
        let head = number.get(..self.low.len()).filter(|_| long_enough);
        head.is_some_and(|head| self.low.as_str() <= head && head <= self.high.as_str())
    }

    /// Whether a number can be one of these and one of those.
    pub fn meets(&self, other: &Self) -> bool {
        let (short, long) = match self.low.len() <= other.low.len() {
            true => (self, other),
            false => (other, self),
        };
        let length = short.low.len();
        let heads = (long.low.get(..length), long.high.get(..length));
        let (Some(low), Some(high)) = heads else {
            return false;
        };
        let fits = length == long.low.len() || short.open;
        fits && short.low.as_str() <= high && low <= short.high.as_str()
    }

    /// Whether every number of the other is one of these.
    pub fn covers(&self, other: &Self) -> bool {
        let length = self.low.len();
        let heads = (other.low.get(..length), other.high.get(..length));
        let (Some(low), Some(high)) = heads else {
            return false;
        };
        let fits = self.open || (!other.open && other.low.len() == length);
        fits && self.low.as_str() <= low && high <= self.high.as_str()
    }
}

impl Entrance {
    /// Whether a call goes this way, and why.
    pub fn takes(
        &self,
        dialled: Option<&Number>,
        trunk: Option<&TrunkName>,
        caller: &Caller,
        facts: &Facts,
    ) -> Option<String> {
        let mut why = Vec::new();
        if !self.dial.is_empty() {
            let fits = |one: &&Dialled| dialled.is_some_and(|number| one.holds(number));
            let one = self.dial.iter().find(fits)?;
            why.push(format!("dialled {}", one.text));
        }
        if !self.trunks.is_empty() {
            let trunk = trunk.filter(|one| self.trunks.contains(one))?;
            why.push(format!("by trunk {trunk}"));
        }
        if !self.from.is_empty() {
            let sort = self.from.iter().find(|sort| caller.is(sort))?;
            why.push(format!("caller {sort}"));
        }
        if let Some(list) = &self.list {
            let list = facts.lists.get(list)?;
            why.push(format!("caller in list {list}"));
        }
        Some(why.join(", "))
    }

    /// Whether this one takes every call that the other would take, so that the other is never asked.
    pub fn hides(&self, other: &Self) -> bool {
        let narrower = |ours: usize, theirs: usize| ours == 0 || theirs > 0;
        let trunks = narrower(self.trunks.len(), other.trunks.len())
            && (self.trunks.is_empty() || other.trunks.iter().all(|one| self.trunks.contains(one)));
        let from = narrower(self.from.len(), other.from.len())
            && (self.from.is_empty() || other.from.iter().all(|one| self.from.contains(one)));
        let list = self.list.is_none() || self.list == other.list;
        let dial = self.dial.is_empty()
            || (!other.dial.is_empty()
                && other
                    .dial
                    .iter()
                    .all(|one| self.dial.iter().any(|ours| ours.covers(one))));
        trunks && from && list && dial
    }

    /// Whether nothing but the number matters to it.
    pub fn asks_for_number_alone(&self) -> bool {
        self.trunks.is_empty() && self.from.is_empty() && self.list.is_none()
    }

    /// Whether both ask for the same of trunk, caller and list, so that a number that both name is named
    /// twice.
    pub fn asks_as(&self, other: &Self) -> bool {
        (&self.trunks, &self.from, &self.list) == (&other.trunks, &other.from, &other.list)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Dialled {
        Dialled::parse(text).unwrap_or_else(|fault| panic!("{fault}"))
    }

    #[test]
    fn numbers_patterns_and_ranges_hold_what_they_name() {
        for (text, number, held) in [
            ("116111", "+994116111", true),
            ("012 555 xx xx", "0125551234", true),
            ("012555xxxx", "0125561234", false),
            ("0125551000-0125551099", "0125551000", true),
            ("0125551000-0125551099", "+994125551099", true),
            ("0125551000-0125551099", "0125551100", false),
            ("050…", "0506802280", true),
            ("050…", "0516802280", false),
            ("+90...", "00902125551234", true),
        ] {
            let number = Number::parse(number).expect("a number");
            assert_eq!(read(text).holds(&number), held, "{text} {number}");
        }
        for text in [
            "",
            "12",
            "01x5551234",
            "012555xx",
            "0125551099-0125551000",
            "x",
            "abc",
        ] {
            assert!(Dialled::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_two_name_alike_is_found() {
        for (one, other, meet) in [
            ("0125551000-0125551099", "012555xxxx", true),
            ("0125551000-0125551099", "0125551050", true),
            ("0125551000-0125551099", "0125551100-0125551199", false),
            ("0125…", "012555xxxx", true),
            ("0126…", "012555xxxx", false),
            ("116111", "012555xxxx", false),
        ] {
            assert_eq!(read(one).meets(&read(other)), meet, "{one} {other}");
            assert_eq!(read(other).meets(&read(one)), meet, "{other} {one}");
        }
        assert!(read("0125…").covers(&read("012555xxxx")));
        assert!(!read("0125551000-0125551099").covers(&read("012555xxxx")));
    }
}
