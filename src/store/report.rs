//! What a report tells, read from the tables as they are at one moment.

use std::collections::BTreeSet;

use super::database::DatabaseError;
use super::sql::Sql;
use super::taxonomies::Taxonomies;
use super::{activities, contacts, escalations};
use crate::config::Location;
use crate::records::contact::ContactType;
use crate::report::account::{Account, Report, activity_figures};
use crate::report::period::Period;
use crate::report::tally::{Rules, is_part_of};
use crate::time::Wall;

/// Counts a period and those that it is compared with, in the memory of one contact. `counts`: the types that count
/// toward the published total.
///
/// # Errors
/// The database.
pub fn report(
    at: &Location,
    period: Period,
    counts: &BTreeSet<ContactType>,
    now: Wall,
) -> Result<Report, DatabaseError> {
    let rules = rules(at, counts, now)?;
    let mut report = Report::new(period, rules);
    Sql::open(at)?.snapshot(|sql| {
        let first = "SELECT MIN(opened) FROM contacts";
        let first = sql.first(first, &[], |row| row.get::<Option<Wall>>(0))?;
        report.records_begin = first.flatten();
        let (from, to) = period.bounds();
        report.not_escalated = escalations::missing(sql, from, to)?;
        let rules = &report.rules;
        for account in [
            &mut report.this,
            &mut report.previous,
            &mut report.year_before,
        ] {
            count(sql, account, rules)?;
        }
        Ok::<(), DatabaseError>(())
    })?;
    Ok(report)
}

fn count(sql: &mut Sql, account: &mut Account, rules: &Rules) -> Result<(), DatabaseError> {
    let period = account.period();
    let (from, to) = period.bounds();
    contacts::each(sql, from, to, |contact| account.add(&contact, rules))?;
    for activity in activities::between(sql, period.from(), period.to())? {
        account.add_activity(&activity);
    }
    Ok(())
}

fn rules(at: &Location, counts: &BTreeSet<ContactType>, now: Wall) -> Result<Rules, DatabaseError> {
    let taxonomies = Taxonomies::open(at)?.all()?;
    Ok(Rules::new(counts.clone(), taxonomies, now))
}

/// Hands on the ids of the records behind a figure of a period, one at a time, by when they began.
///
/// # Errors
/// The database.
pub fn ids(
    at: &Location,
    period: Period,
    counts: &BTreeSet<ContactType>,
    now: Wall,
    figure: &str,
    mut with: impl FnMut(&str),
) -> Result<(), DatabaseError> {
    let rules = rules(at, counts, now)?;
    let mut sql = Sql::open(at)?;
    let (from, to) = period.bounds();
    if figure == "quality.no-escalation" {
        let missing = escalations::missing(&mut sql, from, to)?;
        missing.iter().for_each(|id| with(&id.0));
    } else if figure.starts_with("activity.") {
        for activity in activities::between(&mut sql, period.from(), period.to())? {
            if activity_figures(&activity).iter().any(|one| one == figure) {
                with(&activity.id);
            }
        }
    } else {
        contacts::each(&mut sql, from, to, |contact| {
            if is_part_of(&contact, figure, &rules) {
                with(&contact.id.0);
            }
        })?;
    }
    Ok(())
}
