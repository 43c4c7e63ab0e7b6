//! `qaynar estimates`: how honest the waits were that callers were told.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use serde::Serialize;

use super::CliError;
use super::args::Estimates;
use super::calls::{between, zone_of};
use crate::config::Settings;
use crate::event::{Event, What};
use crate::ids::QueueName;
use crate::store::calls::events;

/// An estimate that is off by no more than this is a good one.
const GOOD: Duration = Duration::from_secs(120);

/// The figures of one queue.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Figures {
    queue: String,
    /// Waits whose length had been told, and that ended with an operator.
    waits: usize,
    /// Mean of what was told, and of what came, in seconds.
    told: f64,
    came: f64,
    /// Mean of how far off they were, either way, in seconds.
    mean_error: f64,
    /// Shares: off by at most two minutes; longer than told.
    within_two_minutes: f64,
    longer_than_told: f64,
}

/// Does it.
///
/// # Errors
/// A moment that is none, or records that cannot be read.
pub(super) fn run(
    asked: &Estimates,
    settings: &Settings,
    out: &mut dyn Write,
) -> Result<(), CliError> {
    let zone = zone_of(&settings.dialplans.folder);
    let (from, to) = between(&asked.from, &asked.to, &zone)?;
    let (database, journal) = (&settings.storage.database, settings.storage.journal());
    let found = events(database, &journal, "estimate_met", from, to)?;
    let figures = figures(&found);
    if asked.json {
        let text = serde_json::to_string_pretty(&figures).map_err(std::io::Error::from)?;
        return Ok(writeln!(out, "{text}")?);
    }
    if figures.is_empty() {
        return Ok(writeln!(
            out,
            "no caller was told how long it may last; see say_estimate of the queues"
        )?);
    }
    for one in figures {
        writeln!(
            out,
            "queue {}: {} waits; told {:.0} s, came {:.0} s; off by {:.0} s in the mean, {:.0} % by at \
             most two minutes; {:.0} % were longer than told",
            one.queue,
            one.waits,
            one.told,
            one.came,
            one.mean_error,
            one.within_two_minutes * 100.0,
            one.longer_than_told * 100.0,
        )?;
    }
    Ok(())
}

fn figures(events: &[Event]) -> Vec<Figures> {
    let mut by_queue: BTreeMap<&QueueName, Vec<(Duration, Duration)>> = BTreeMap::new();
    for event in events {
        if let What::EstimateMet {
            queue,
            estimate,
            came,
        } = &event.what
        {
            by_queue.entry(queue).or_default().push((*estimate, *came));
        }
    }
    let figures = by_queue.into_iter().map(|(queue, waits)| {
        let count = waits.len() as f64;
        let mean = |value: &dyn Fn(&(Duration, Duration)) -> f64| {
            waits.iter().map(value).sum::<f64>() / count
        };
        let flag = |is: bool| f64::from(u8::from(is));
        Figures {
            queue: queue.to_string(),
            waits: waits.len(),
            told: mean(&|(told, _)| told.as_secs_f64()),
            came: mean(&|(_, came)| came.as_secs_f64()),
            mean_error: mean(&|(told, came)| told.abs_diff(*came).as_secs_f64()),
            within_two_minutes: mean(&|(told, came)| flag(told.abs_diff(*came) <= GOOD)),
            longer_than_told: mean(&|(told, came)| flag(came > told)),
        }
    });
    figures.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::CallId;
    use crate::time::Wall;

    #[test]
    fn the_error_of_estimates_is_told_by_queue() {
        let met = |queue: &str, told, came| Event {
            at: Wall(1),
            call: Some(CallId(1)),
            what: What::EstimateMet {
                queue: queue.into(),
                estimate: Duration::from_secs(told),
                came: Duration::from_secs(came),
            },
        };
        let events = [met("a", 120, 60), met("a", 120, 420), met("b", 60, 30)];
        let found = figures(&events);
        assert_eq!(found.len(), 2);
        let first = found.first().cloned().unwrap();
        assert_eq!((first.waits, first.mean_error), (2, 180.0));
        assert_eq!(
            (first.within_two_minutes, first.longer_than_told),
            (0.5, 0.5)
        );
    }
}
