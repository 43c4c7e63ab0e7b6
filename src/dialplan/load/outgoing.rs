//! `[[outgoing]]`: whom operators may call.

use super::super::outgoing::{Destination, Money, Pattern};
use super::super::read::Table;
use super::Draft;
use crate::ids::TrunkName;

impl Draft {
    pub(super) fn read_outgoing(&mut self, table: Table<'_, '_>) {
        let name = table.text("name").map(|(name, _)| name);
        let mut numbers = Vec::new();
        for (text, span) in table.texts("numbers").unwrap_or_default() {
            match Pattern::parse(&text) {
                Some(pattern) => numbers.push(pattern),
                None => table.source.fault(
                    span,
                    format!("{text:?} names no numbers"),
                    "write \"mobile\", \"fixed\", \"toll-free\", \"short\", \"abroad\", a beginning such as \"0125…\", or a number",
                ),
            }
        }
        if name.is_none() {
            table.fault(
                "outgoing without a name",
                "write name = \"mobile\": it stands on records in place of the number",
            );
        }
        if !table.has("numbers") {
            table.fault("outgoing names no numbers", "write numbers = [\"mobile\"]");
        }
        let trunks = table.texts("trunks").unwrap_or_default();
        let trunks = trunks.into_iter().map(|(name, _)| TrunkName(name));
        let count = |key| {
            let count = table.count(key)?;
            Some(u32::try_from(count).unwrap_or(u32::MAX))
        };
        let destination = Destination {
            place: table.place(),
            name: name.unwrap_or_default(),
            numbers,
            trunks: trunks.collect(),
            per_minute: money(&table, "per_minute").unwrap_or_default(),
            calls_a_day: count("calls_a_day"),
            minutes_a_day: count("minutes_a_day"),
            spend_a_day: money(&table, "spend_a_day"),
        };
        if destination.spend_a_day.is_some() && destination.per_minute == Money(0) {
            table.fault(
                "spend_a_day without a price would never end",
                "write what a minute costs: per_minute = 0.05",
            );
        }
        if self.outgoing.iter().any(|one| one.name == destination.name) {
            table.fault(
                format!("there are two outgoing called {:?}", destination.name),
                "give each its own name: caps are counted by it",
            );
        }
        table.finish();
        self.outgoing.push(destination);
    }
}

/// `0.05`, `3`, to thousandths.
fn money(table: &Table<'_, '_>, key: &'static str) -> Option<Money> {
    let value = table.value(key)?;
    let number = value.get_ref();
    let text = number
        .as_float()
        .map(|float| float.as_str().to_owned())
        .or_else(|| number.as_integer().map(|whole| whole.as_str().to_owned()));
    let read = text.as_deref().and_then(thousandths);
    if read.is_none() {
        table.source.fault(
            value.span(),
            format!("{key} is no amount of money"),
            "write a number with at most three decimals: 0.05",
        );
    }
    read.map(Money)
}

fn thousandths(text: &str) -> Option<u64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    if part.len() > 3 || !part.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let part: u64 = format!("{part:0<3}").parse().ok()?;
    whole
        .parse::<u64>()
        .ok()?
        .checked_mul(1_000)?
        .checked_add(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_read_to_thousandths() {
        for (text, read) in [
            ("0.05", Some(50)),
            ("3", Some(3_000)),
            ("12.5", Some(12_500)),
            ("0.0005", None),
            ("-1", None),
            ("1e3", None),
        ] {
            assert_eq!(thousandths(text), read, "{text}");
        }
    }
}
