//! `qaynar block`: callers on lists of the dialplan, for a time.

use std::io::Write;
use std::time::Duration;

use super::CliError;
use super::args::Block;
use crate::config::Settings;
use crate::dialplan::read::duration;
use crate::event::What;
use crate::ids::{CallId, ListName, Pseudonym};
use crate::server::clock::Clock;
use crate::store::calls;
use crate::store::lists::{Entry, Lists};
use crate::switch::OnList;

/// The longest time on a list: whoever is blocked is looked at again.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);
/// Letters of a reason.
const MAX_REASON: usize = 200;

/// Adds, lists or removes.
///
/// # Errors
/// No such call or entry, a caller without an identity, or the database.
pub(super) fn run(asked: &Block, settings: &Settings, out: &mut dyn Write) -> Result<(), CliError> {
    let now = Clock::start().now().wall;
    let mut lists = Lists::open(&settings.storage.database)?;
    match asked {
        Block::Add {
            call,
            time,
            list,
            reason,
        } => {
            let caller = caller_of(*call, settings)?;
            let entry = Entry {
                listed: OnList {
                    list: named(list)?,
                    caller,
                    until: now + length(time)?,
                },
                since: now,
                reason: reason
                    .chars()
                    .filter(|one| !one.is_control())
                    .take(MAX_REASON)
                    .collect(),
            };
            if !lists.add(&entry)? {
                let text = "the lists are full; `qaynar block remove` makes room";
                return Err(CliError::Arguments(text.to_owned()));
            }
            tell(&entry, out)
        }
        Block::List { json: true } => {
            let all = lists.all(now)?;
            Ok(writeln!(
                out,
                "{}",
                serde_json::to_string(&all).unwrap_or_default()
            )?)
        }
        Block::List { json: false } => {
            let all = lists.all(now)?;
            if all.is_empty() {
                writeln!(out, "nobody is on a list")?;
            }
            all.iter().try_for_each(|entry| tell(entry, out))
        }
        Block::Remove { caller, list } => {
            let list = named(list)?;
            match lists.remove(&list, &Pseudonym::from(caller.as_str()))? {
                true => Ok(writeln!(out, "{caller} is off the list {list}")?),
                false => Err(CliError::Arguments(format!(
                    "{caller:?} is not on the list {list}; `qaynar block list` tells who is"
                ))),
            }
        }
    }
}

fn tell(entry: &Entry, out: &mut dyn Write) -> Result<(), CliError> {
    let Entry { listed, reason, .. } = entry;
    let until = jiff::Timestamp::from_microsecond(listed.until.0).unwrap_or_default();
    let (caller, list) = (&listed.caller, &listed.list);
    let until = until.strftime("%Y-%m-%d %H:%M UTC");
    let reason = match reason.as_str() {
        "" => String::new(),
        reason => format!("  ({reason})"),
    };
    Ok(writeln!(
        out,
        "{caller}  on the list {list} until {until}{reason}"
    )?)
}

/// Whose call it was, by the record alone.
pub(super) fn caller_of(call: CallId, settings: &Settings) -> Result<Pseudonym, CliError> {
    let events = calls::timeline(
        &settings.storage.database,
        &settings.storage.journal(),
        call,
    )?;
    let arrived = events.into_iter().find_map(|event| match event.what {
        What::Arrived { caller, .. } => Some(caller),
        _ => None,
    });
    let text = match arrived {
        Some(Some(caller)) => return Ok(caller),
        Some(None) => format!(
            "the caller of {call} has no identity: callers who hide their number cannot be told apart, and all of \
             them together are never on a list"
        ),
        None => format!("there is no call {call}; see `qaynar calls`"),
    };
    Err(CliError::Arguments(text))
}

fn named(list: &str) -> Result<ListName, CliError> {
    let letters = list
        .chars()
        .all(|one| one.is_alphanumeric() || one == '-' || one == '_');
    match letters && (1..=40).contains(&list.chars().count()) {
        true => Ok(ListName::from(list)),
        false => Err(CliError::Arguments(format!(
            "{list:?} is no list; write letters, digits and hyphens, as the dialplan does: blocked"
        ))),
    }
}

fn length(text: &str) -> Result<Duration, CliError> {
    let time = duration(text).filter(|time| !time.is_zero() && *time <= LONGEST);
    time.ok_or_else(|| {
        CliError::Arguments(format!(
            "{text:?} is no time; write 2h or 7d, a year at most: each block ends by itself"
        ))
    })
}
