//! `qaynar activity`: meetings, works of rehabilitation, events.

use std::io::Write;

use jiff::civil::Date;

use super::CliError;
use super::args::contacts::Activity as Command;
use super::calls::zone_of;
use super::contact::case_is_known;
use crate::config::Settings;
use crate::records::activity::{begun, check, set};
use crate::records::contact::Activity;
use crate::records::fields;
use crate::server::clock::Clock;
use crate::store::activities::Activities;
use crate::store::contacts::made_id;

/// Adds, lists or removes.
///
/// # Errors
/// A field that cannot be read or contradicts another, no such activity, or the database.
pub(super) fn run(
    asked: &Command,
    settings: &Settings,
    out: &mut dyn Write,
) -> Result<(), CliError> {
    let mut activities = Activities::open(&settings.storage.database)?;
    match asked {
        Command::Add { json, .. } => {
            let activity = read(asked, settings)?;
            if !activities.insert(&activity)? {
                return Err(CliError::Arguments(format!(
                    "there is an activity {} already; `qaynar activity remove` removes it",
                    activity.id
                )));
            }
            match json {
                true => print(&activity, out),
                false => Ok(writeln!(out, "{}", line(&activity))?),
            }
        }
        Command::List { from, to, json } => {
            let from = day(from.as_deref(), Date::MIN, "--from")?;
            let to = day(to.as_deref(), Date::MAX, "--to")?;
            let all = activities.between(from, to)?;
            if *json {
                return print(&all, out);
            }
            for activity in &all {
                writeln!(out, "{}", line(activity))?;
            }
            Ok(writeln!(out, "{} activities", all.len())?)
        }
        Command::Remove { id } => match activities.remove(id)? {
            true => Ok(writeln!(out, "the activity {id} is removed")?),
            false => Err(CliError::Arguments(format!(
                "there is no activity {id:?}; `qaynar activity list` tells which there are"
            ))),
        },
    }
}

/// The activity of `add`.
fn read(asked: &Command, settings: &Settings) -> Result<Activity, CliError> {
    let Command::Add {
        kind,
        on,
        until,
        title,
        case,
        id,
        ..
    } = asked
    else {
        return Err(CliError::Arguments("nothing is to be added".into()));
    };
    let now = Clock::start().now().wall;
    let id = match id {
        Some(id) => {
            fields::id(id).map_err(|reason| CliError::Arguments(format!("--id: {reason}")))?
        }
        None => made_id(now)?.0,
    };
    if let Some(case) = case {
        case_is_known(*case, settings)?;
    }
    let mut activity = begun(id);
    let texts = [
        ("kind", Some(kind)),
        ("held_on", Some(on)),
        ("ended_on", until.as_ref()),
        ("title", title.as_ref()),
    ];
    for (field, text) in texts {
        if let Some(text) = text {
            set(&mut activity, field, text)
                .map_err(|fault| CliError::Arguments(fault.to_string()))?;
        }
    }
    activity.case = *case;
    let zone = zone_of(&settings.dialplans.folder);
    check(&activity, super::contact::day_of(now, &zone)).map_err(CliError::Arguments)?;
    Ok(activity)
}

fn day(text: Option<&str>, otherwise: Date, option: &str) -> Result<Date, CliError> {
    text.map_or(Ok(otherwise), |text| {
        let fault =
            |_| CliError::Arguments(format!("{option} {text:?} is no day; write 2021-06-01"));
        text.parse().map_err(fault)
    })
}

fn line(activity: &Activity) -> String {
    let Activity {
        id,
        kind,
        title,
        held_on,
        ended_on,
        case,
    } = activity;
    let until = ended_on.map(|day| format!(" to {day}")).unwrap_or_default();
    let title = title
        .as_ref()
        .map(|title| format!("  {title}"))
        .unwrap_or_default();
    let case = case
        .map(|case| format!("  (case {case})"))
        .unwrap_or_default();
    format!("{held_on}{until}  {id}  {kind}{title}{case}")
}

fn print(value: &impl serde::Serialize, out: &mut dyn Write) -> Result<(), CliError> {
    let text = serde_json::to_string(value).unwrap_or_default();
    Ok(writeln!(out, "{text}")?)
}
