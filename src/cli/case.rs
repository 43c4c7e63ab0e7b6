//! `qaynar case`: callers who are looked after by one operator.

use std::io::Write;

use super::CliError;
use super::args::Case as Command;
use super::block::caller_of;
use crate::config::Settings;
use crate::ids::Pseudonym;
use crate::server::clock::Clock;
use crate::store::cases::{Case, Cases};
use crate::store::operators::Operators;

/// Opens, lists or closes.
///
/// # Errors
/// No such call, operator or case, a caller without an identity, or the database.
pub(super) fn run(
    asked: &Command,
    settings: &Settings,
    out: &mut dyn Write,
) -> Result<(), CliError> {
    let now = Clock::start().now().wall;
    let mut cases = Cases::open(&settings.storage.database)?;
    match asked {
        Command::Open { call, operator } => {
            Operators::open(&settings.storage.database)?.known(operator)?;
            let (caller, owner) = (caller_of(*call, settings)?, operator);
            if !cases.put(&caller, owner, now)? {
                let text = "too many cases are open; `qaynar case close` closes one";
                return Err(CliError::Arguments(text.to_owned()));
            }
            Ok(writeln!(
                out,
                "{caller} is looked after by {owner}, who is rung first for this caller, if free"
            )?)
        }
        Command::List { json } => {
            let all = cases.open_ones()?;
            if *json {
                let text = serde_json::to_string(&all).unwrap_or_default();
                return Ok(writeln!(out, "{text}")?);
            }
            if all.is_empty() {
                writeln!(out, "no case is open")?;
            }
            for Case {
                id,
                caller,
                owner,
                opened,
            } in all
            {
                let since = jiff::Timestamp::from_microsecond(opened.0).unwrap_or_default();
                let since = since.strftime("%Y-%m-%d %H:%M UTC");
                writeln!(
                    out,
                    "case {id}: {caller}  looked after by {owner} since {since}"
                )?;
            }
            Ok(())
        }
        Command::Close { caller } => {
            let known = Pseudonym::from(caller.as_str());
            match cases.close(&known, now)? {
                true => Ok(writeln!(out, "the case of {caller} is closed")?),
                false => Err(CliError::Arguments(format!(
                    "{caller:?} has no open case; `qaynar case list` tells who has"
                ))),
            }
        }
    }
}
