//! The figures as JSON. The keys are stable: programs read them.

use std::time::Duration;

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::{CallFigures, Counts, Definition, Shift, Value, WAIT_BANDS, Week, definitions};

impl Serialize for Value {
    /// A number: shares of 1, times in seconds; null where there is none.
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Count(count) => to.serialize_u64(*count),
            Self::Share(share) => share.serialize(to),
            Self::Time(time) => seconds(*time).serialize(to),
        }
    }
}

fn seconds(time: Option<Duration>) -> Option<f64> {
    time.map(|time| time.as_secs_f64())
}

/// Values by the keys of their figures, in the order of the report.
struct Values<F>(F);

impl<F: Fn(&Definition) -> Option<Value>> Serialize for Values<F> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(None)?;
        for one in definitions() {
            if let Some(value) = (self.0)(one) {
                map.serialize_entry(one.key, &value)?;
            }
        }
        map.end()
    }
}

#[derive(Serialize)]
struct Settings {
    short_abandon: f64,
    service_level: String,
}

#[derive(Serialize)]
struct Note {
    key: &'static str,
    name: &'static str,
    formula: String,
}

#[derive(Serialize)]
struct Band {
    from: u64,
    to: Option<u64>,
    answered: u64,
    gave_up: u64,
}

#[derive(Serialize)]
struct Hours {
    offered: Week<u64>,
    unanswered: Week<u64>,
    shut: Week<u64>,
}

#[derive(Serialize)]
struct Operator<'a> {
    operator: &'a str,
    handled: u64,
    outside: u64,
    aht: Option<f64>,
    occupancy: Option<f64>,
    talk: Option<f64>,
    hold: Option<f64>,
    wrap_up: Option<f64>,
    available: Option<f64>,
    paused: Option<f64>,
    unreachable: Option<f64>,
}

impl Serialize for CallFigures {
    /// An object with `settings`, `figures` by key, `queues`, `trunks`, `operators`, `hours` (by weekday from
    /// Monday, then by hour), `waits`, and `notes` with the formula of each figure. Times are in seconds, shares
    /// of 1, and what there is none of is null.
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let rules = &self.rules;
        let settings = Settings {
            short_abandon: rules.short_abandon.as_secs_f64(),
            service_level: rules.target.to_string(),
        };
        let notes: Vec<Note> = definitions()
            .iter()
            .map(|one| Note {
                key: one.key,
                name: one.name,
                formula: one.formula(rules),
            })
            .collect();
        let hours = Hours {
            offered: self.hours.map(|one| one.offered),
            unanswered: self.hours.map(|one| one.unanswered),
            shut: self.hours.map(|one| one.shut),
        };
        let peak = self.peak.map(|peak| peak.at);
        let mut map = to.serialize_map(None)?;
        map.serialize_entry("settings", &settings)?;
        map.serialize_entry("figures", &Values(|one: &Definition| Some(one.whole(self))))?;
        map.serialize_entry("most_calls_at", &peak)?;
        map.serialize_entry(
            "queues",
            &Parts(
                self.queues
                    .iter()
                    .map(|(name, of)| (name.as_str(), of))
                    .collect(),
            ),
        )?;
        map.serialize_entry(
            "trunks",
            &Parts(
                self.trunks
                    .iter()
                    .map(|(name, of)| (name.as_str(), of))
                    .collect(),
            ),
        )?;
        map.serialize_entry("operators", &operators(self))?;
        map.serialize_entry("hours", &hours)?;
        map.serialize_entry("waits", &bands(self))?;
        map.serialize_entry("notes", &notes)?;
        map.end()
    }
}

/// Figures of parts, by their names.
struct Parts<'a>(Vec<(&'a str, &'a Counts)>);

impl Serialize for Parts<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(self.0.len()))?;
        for (name, counts) in &self.0 {
            map.serialize_entry(name, &Values(|one: &Definition| one.part(counts)))?;
        }
        map.end()
    }
}

fn operators(figures: &CallFigures) -> Vec<Operator<'_>> {
    let each = figures.operators.iter().map(|one| {
        let time = |of: fn(&Shift) -> Duration| seconds(one.shift.as_ref().map(of));
        Operator {
            operator: one.operator.as_str(),
            handled: one.handled,
            outside: one.outside,
            aht: seconds(one.aht()),
            occupancy: one.shift.and_then(|shift| shift.occupancy()),
            talk: time(|shift| shift.talk),
            hold: time(|shift| shift.hold),
            wrap_up: time(|shift| shift.wrap_up),
            available: time(|shift| shift.available),
            paused: time(|shift| shift.paused),
            unreachable: time(|shift| shift.unreachable),
        }
    });
    each.collect()
}

fn bands(figures: &CallFigures) -> Vec<Band> {
    let ends = WAIT_BANDS.iter().skip(1).copied().map(Some).chain([None]);
    let bands = WAIT_BANDS.iter().zip(ends).zip(&figures.waits);
    bands
        .map(|((from, to), band)| Band {
            from: *from,
            to,
            answered: band.answered,
            gave_up: band.gave_up,
        })
        .collect()
}
