//! `qaynar forget`: by the running server, or without one at once.

use std::io::Write;

use super::purge::beside;
use super::{asked as ask, print, reason};
use crate::cli::CliError;
use crate::cli::args::privacy::Forget;
use crate::config::Settings;
use crate::server::control::Question;
use crate::store::forget::{forget, whom};

/// Does it.
///
/// # Errors
/// No such caller, or one who is on the line.
pub(crate) fn run(
    asked: &Forget,
    settings: &Settings,
    out: &mut dyn Write,
) -> Result<(), CliError> {
    let reason = reason(&asked.reason)?;
    let whom = whom(&asked.whom)?;
    let question = Question::Forget {
        whom: asked.whom.clone(),
        who: asked.who.clone(),
        reason: reason.clone(),
    };
    if let Some(answer) = ask(settings, &question)? {
        return print(&answer.text, &answer.data, asked.json, out);
    }
    let gone = beside(settings, |holdings, now| {
        forget(holdings, &whom, (&asked.who, &reason), now)
    })?;
    print(&gone.to_string(), &gone, asked.json, out)
}
