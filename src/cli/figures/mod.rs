//! `qaynar figures`: what calls came to; `qaynar forecast`: how many operators the next ones need.

pub mod arguments;
mod columns;
mod forecast;
mod text;

use std::collections::BTreeSet;
use std::io::Write;

use jiff::tz::TimeZone;

use super::CliError;
use super::calls::{between, zone_of};
use crate::config::Settings;
use crate::event::What;
use crate::ids::CallId;
use crate::report::figures::{Basis, Calendar, CallFigures, Key, Listing, Shifts, Tally};
use crate::server::clock::Clock;
use crate::store::calls;
use crate::time::Wall;

pub(super) use forecast::run as forecast;

/// Prints the figures of a time, or lists the calls behind one.
///
/// # Errors
/// A moment that is none, or records that cannot be read.
pub(super) fn run(
    asked: &arguments::Figures,
    settings: &Settings,
    out: &mut dyn Write,
) -> Result<(), CliError> {
    let zone = zone_of(&settings.dialplans.folder);
    let (from, to) = between(&asked.from, &asked.to, &zone)?;
    let time = Time::new(from, to, zone)?;
    if let Some(key) = &asked.ids {
        let found = ids(settings, &time, key)?;
        return match asked.json {
            true => json(out, &found),
            false => found
                .iter()
                .try_for_each(|call| Ok(writeln!(out, "{call}")?)),
        };
    }
    let found = gather(settings, &time)?;
    match asked.json {
        true => json(out, &found),
        false => Ok(text::print(out, &found, &time)?),
    }
}

/// From when until when, by which clocks.
pub(super) struct Time {
    pub(super) from: Option<Wall>,
    pub(super) to: Option<Wall>,
    pub(super) zone: TimeZone,
}

impl Time {
    /// # Errors
    /// It ends before it begins.
    pub(super) fn new(
        from: Option<Wall>,
        to: Option<Wall>,
        zone: TimeZone,
    ) -> Result<Self, CliError> {
        match (from, to) {
            (Some(from), Some(to)) if to <= from => Err(CliError::Arguments(
                "--to is not after --from; write --from 2026-11-01 --to 2026-11-30".to_owned(),
            )),
            _ => Ok(Self { from, to, zone }),
        }
    }
}

/// All calls of a time, and what operators did in it.
///
/// # Errors
/// They cannot be read.
pub(super) fn gather(settings: &Settings, time: &Time) -> Result<CallFigures, CliError> {
    let basis = basis(settings, time)?;
    let mut tally = Tally::new(&basis);
    each(settings, time, |record| tally.add(record))?;
    let now = Clock::start().now().wall;
    let from = time.from.unwrap_or(Wall(0));
    let to = time.to.map_or(now, |to| to.min(now));
    let mut shifts = Shifts::new(from, to);
    let (database, journal) = (&settings.storage.database, settings.storage.journal());
    for row in calls::state_log(database, &journal, from, to)? {
        shifts.add(&row.operator, row.state, row.at);
    }
    Ok(tally.finish(shifts.finish()))
}

/// The calls behind a figure, by arrival.
///
/// # Errors
/// They cannot be read.
pub(super) fn ids(settings: &Settings, time: &Time, key: &Key) -> Result<Vec<CallId>, CliError> {
    let basis = basis(settings, time)?;
    let mut listing = Listing::new(&basis, key);
    each(settings, time, |record| listing.add(record))?;
    Ok(listing.finish())
}

fn each(
    settings: &Settings,
    time: &Time,
    mut tell: impl FnMut(&crate::event::CallRecord),
) -> Result<(), CliError> {
    let (database, journal) = (&settings.storage.database, settings.storage.journal());
    calls::each_without_media(database, &journal, time.from, time.to, |record| {
        tell(&record);
    })?;
    Ok(())
}

fn basis(settings: &Settings, time: &Time) -> Result<Basis, CliError> {
    let (database, journal) = (&settings.storage.database, settings.storage.journal());
    // Who came before the end may have asked after it.
    let asked = calls::events(database, &journal, "callback_asked", time.from, None)?;
    let asked_back: BTreeSet<CallId> = asked
        .into_iter()
        .filter(|event| matches!(event.what, What::CallbackAsked { .. }))
        .filter_map(|event| event.call)
        .collect();
    Ok(Basis {
        rules: settings.report.figures,
        calendar: Calendar::new(time.zone.clone()),
        asked_back,
    })
}

fn json(out: &mut dyn Write, value: &impl serde::Serialize) -> Result<(), CliError> {
    let text = serde_json::to_string_pretty(value).map_err(std::io::Error::from)?;
    Ok(writeln!(out, "{text}")?)
}
