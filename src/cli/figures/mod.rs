//! `qaynar figures`: what calls came to; `qaynar forecast`: how many operators the next ones need.

pub mod arguments;
mod columns;
mod forecast;
mod text;

use std::io::Write;

use jiff::tz::TimeZone;

use super::CliError;
use super::calls::{between, zone_of};
use crate::config::Settings;
use crate::server::clock::Clock;
use crate::store::figures::Calls;
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
        let found = calls(settings, &time).behind(key)?;
        return match asked.json {
            true => json(out, &found),
            false => found
                .iter()
                .try_for_each(|call| Ok(writeln!(out, "{call}")?)),
        };
    }
    let found = calls(settings, &time).figures(Clock::start().now().wall)?;
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

/// The calls of a time.
pub(super) fn calls(settings: &Settings, time: &Time) -> Calls {
    Calls::new(settings, (time.from, time.to), time.zone.clone())
}

fn json(out: &mut dyn Write, value: &impl serde::Serialize) -> Result<(), CliError> {
    let text = serde_json::to_string_pretty(value).map_err(std::io::Error::from)?;
    Ok(writeln!(out, "{text}")?)
}
