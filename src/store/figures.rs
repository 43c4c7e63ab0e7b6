//! What calls came to, read from the records: the database, and the journal after it.

use std::collections::BTreeSet;
use std::path::PathBuf;

use jiff::tz::TimeZone;

use super::calls::{self, CallsError};
use crate::config::{Location, Settings};
use crate::event::{CallRecord, What};
use crate::ids::CallId;
use crate::report::figures::{Basis, Calendar, CallFigures, Key, Listing, Rules, Shifts, Tally};
use crate::time::Wall;

/// Calls of a time, where their records are, and what they are judged by.
#[derive(Debug, Clone)]
pub struct Calls {
    database: Location,
    journal: PathBuf,
    rules: Rules,
    /// Those that arrived at or after it; `None`: from the first.
    pub from: Option<Wall>,
    /// Those that arrived before it; `None`: to the last.
    pub to: Option<Wall>,
    /// By which clocks days and hours are told.
    pub zone: TimeZone,
}

impl Calls {
    /// Calls of this house.
    pub fn new(
        settings: &Settings,
        (from, to): (Option<Wall>, Option<Wall>),
        zone: TimeZone,
    ) -> Self {
        Self {
            database: settings.storage.database.clone(),
            journal: settings.storage.journal(),
            rules: settings.report.figures,
            from,
            to,
            zone,
        }
    }

    /// Those of another time.
    #[must_use]
    pub fn within(&self, from: Wall, to: Wall, zone: TimeZone) -> Self {
        let (from, to) = (Some(from), Some(to));
        Self {
            from,
            to,
            zone,
            ..self.clone()
        }
    }

    /// All figures, and what operators did in the time up to `now`.
    ///
    /// # Errors
    /// The records cannot be read.
    pub fn figures(&self, now: Wall) -> Result<CallFigures, CallsError> {
        let basis = self.basis()?;
        let mut tally = Tally::new(&basis);
        self.each(|record| tally.add(&record))?;
        let from = self.from.unwrap_or(Wall(0));
        let to = self.to.map_or(now, |to| to.min(now));
        let mut shifts = Shifts::new(from, to);
        for row in calls::state_log(&self.database, &self.journal, from, to)? {
            shifts.add(&row.operator, row.state, row.at);
        }
        Ok(tally.finish(shifts.finish()))
    }

    /// The calls behind a figure, by arrival.
    ///
    /// # Errors
    /// The records cannot be read.
    pub fn behind(&self, key: &Key) -> Result<Vec<CallId>, CallsError> {
        let basis = self.basis()?;
        let mut listing = Listing::new(&basis, key);
        self.each(|record| listing.add(&record))?;
        Ok(listing.finish())
    }

    /// Hands on each record, by arrival, without what media was like.
    ///
    /// # Errors
    /// The records cannot be read.
    pub fn each(&self, tell: impl FnMut(CallRecord)) -> Result<(), CallsError> {
        calls::each_without_media(&self.database, &self.journal, self.from, self.to, tell)
    }

    /// What each call is judged by.
    ///
    /// # Errors
    /// The records cannot be read.
    pub fn basis(&self) -> Result<Basis, CallsError> {
        // Who came before the end may have asked after it.
        let kind = "callback_asked";
        let asked = calls::events(&self.database, &self.journal, kind, self.from, None)?;
        let asked_back: BTreeSet<CallId> = asked
            .into_iter()
            .filter(|event| matches!(event.what, What::CallbackAsked { .. }))
            .filter_map(|event| event.call)
            .collect();
        Ok(Basis {
            rules: self.rules,
            calendar: Calendar::new(self.zone.clone()),
            asked_back,
        })
    }
}
