//! Which numbers operators may call, and for how much a day.

use super::fault::Place;
use super::number::{Kind, Number};
use super::plan::Plan;
use crate::ids::TrunkName;

/// An amount of money in thousandths; which money is the administrator's to know.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Money(pub u64);

impl Money {
    /// What so many minutes cost at this price.
    #[must_use]
    pub fn times(self, minutes: u32) -> Self {
        Self(self.0.saturating_mul(u64::from(minutes)))
    }
}

impl std::fmt::Display for Money {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{:03}", self.0 / 1_000, self.0 % 1_000)
    }
}

/// The class of calls for help, which no plan has to name.
pub const EMERGENCY: &str = "emergency";

/// `[[outgoing]]`: a class of numbers that operators may call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// Where it stands.
    pub place: Place,
    /// Its name on records: the number itself stands nowhere.
    pub name: String,
    /// Which numbers.
    pub numbers: Vec<Pattern>,
    /// By which trunks, in this order; none: by priority and weight of the trunks.
    pub trunks: Vec<TrunkName>,
    /// What a minute costs.
    pub per_minute: Money,
    /// The most calls a day; `None`: any.
    pub calls_a_day: Option<u32>,
    /// The most minutes a day.
    pub minutes_a_day: Option<u32>,
    /// The most money a day.
    pub spend_a_day: Option<Money>,
}

impl Destination {
    /// Why a call is not begun today; `None`: it may be. A call that was begun is never cut.
    pub fn exhausted(&self, calls: u32, minutes: u32) -> Option<String> {
        let cost = self.per_minute.times(minutes);
        let over = |cap: Option<u32>, spent: u32| cap.filter(|cap| spent >= *cap);
        if let Some(cap) = over(self.calls_a_day, calls) {
            return Some(format!("{calls} calls today, calls_a_day = {cap}"));
        }
        if let Some(cap) = over(self.minutes_a_day, minutes) {
            return Some(format!("{minutes} minutes today, minutes_a_day = {cap}"));
        }
        let cap = self.spend_a_day.filter(|cap| cost >= *cap)?;
        Some(format!("{cost} spent today, spend_a_day = {cap}"))
    }
}

/// Some numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pattern {
    /// All of a kind.
    Kind(Kind),
    /// All that begin so, in the one form of numbers.
    Beginning(String),
    /// This one.
    Number(Number),
}

impl Pattern {
    /// Reads `mobile`, `0125…`, `+44…`, `050 680 22 80`.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let kind = Kind::ALL.into_iter().find(|(word, _)| *word == text);
        if let Some((_, kind)) = kind {
            return Some(Self::Kind(kind));
        }
        let beginning = text.strip_suffix('…').or_else(|| text.strip_suffix("..."));
        match beginning {
            Some(beginning) => Number::beginning(beginning).map(Self::Beginning),
            None => Number::parse(text).map(Self::Number),
        }
    }

    /// Whether the number is one of these.
    pub fn holds(&self, number: &Number) -> bool {
        match self {
            Self::Kind(kind) => number.kind() == Some(*kind),
            Self::Beginning(beginning) => number.as_str().starts_with(beginning),
            Self::Number(one) => one == number,
        }
    }
}

impl Plan {
    /// The first class that a number belongs to; `None`: operators may not call it, unless for help.
    pub fn destination(&self, number: &Number) -> Option<&Destination> {
        let holds = |one: &&Destination| one.numbers.iter().any(|pattern| pattern.holds(number));
        self.outgoing.iter().find(holds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(pattern: &str, number: &str) -> bool {
        let pattern = Pattern::parse(pattern).unwrap();
        pattern.holds(&Number::parse(number).unwrap())
    }

    #[test]
    fn a_pattern_holds_a_kind_a_beginning_or_one_number() {
        for (pattern, number, held) in [
            ("mobile", "0506802280", true),
            ("mobile", "0125551234", false),
            ("fixed", "0125551234", true),
            ("toll-free", "0881234567", true),
            ("abroad", "00902125551234", true),
            ("abroad", "0506802280", false),
            ("0125…", "0125551234", true),
            ("0125...", "0124551234", false),
            ("+90…", "00902125551234", true),
            ("0090…", "+902125551234", true),
            ("050 680 22 80", "+994506802280", true),
            ("short", "112", true),
            // Numbers of a price of their own belong to no kind.
            ("fixed", "0900123456", false),
        ] {
            assert_eq!(holds(pattern, number), held, "{pattern} {number}");
        }
        for text in ["", "…", "mobil", "+…", "12x…"] {
            assert_eq!(Pattern::parse(text), None, "{text}");
        }
    }

    #[test]
    fn each_cap_ends_the_day_by_itself() {
        let cap = |calls, minutes, spend| Destination {
            place: Place {
                file: "a.toml".into(),
                line: 1,
            },
            name: "mobile".into(),
            numbers: Vec::new(),
            trunks: Vec::new(),
            per_minute: Money(50),
            calls_a_day: calls,
            minutes_a_day: minutes,
            spend_a_day: spend,
        };
        assert_eq!(cap(None, None, None).exhausted(u32::MAX, u32::MAX), None);
        assert!(cap(Some(3), None, None).exhausted(2, 99).is_none());
        assert!(cap(Some(3), None, None).exhausted(3, 0).is_some());
        assert!(cap(None, Some(10), None).exhausted(1, 10).is_some());
        let money = cap(None, None, Some(Money(1_000)));
        assert!(money.exhausted(1, 19).is_none());
        let told = money.exhausted(1, 20).unwrap();
        assert_eq!(told, "1.000 spent today, spend_a_day = 1.000");
    }
}
