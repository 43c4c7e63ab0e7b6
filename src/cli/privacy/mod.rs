//! Commands about what is known of callers.

pub(super) mod audit;
pub(super) mod forget;
pub(super) mod keys;
pub(super) mod purge;
pub(super) mod reveal;
mod standing;

use std::io::Write;

use super::CliError;
use super::dialplan::ask;
use crate::config::Settings;
use crate::server::control::{Answer, ControlError, Question};
use crate::store::audit::MAX_REASON;

/// Asks a running server; `None`: none runs.
fn asked(settings: &Settings, question: &Question) -> Result<Option<Answer>, CliError> {
    match ask(settings, question) {
        Ok(answer) if answer.done => Ok(Some(answer)),
        Ok(answer) => Err(CliError::Arguments(answer.text)),
        Err(ControlError::NotRunning(_)) => Ok(None),
        Err(other) => Err(other.into()),
    }
}

/// A reason as it is written down.
fn reason(text: &str) -> Result<String, CliError> {
    let text = text.trim();
    let words = text.chars().filter(|one| one.is_alphanumeric()).count();
    match words >= 3 && text.chars().count() <= MAX_REASON && !text.contains(char::is_control) {
        true => Ok(text.to_owned()),
        false => Err(CliError::Arguments(format!(
            "say in a few words why (at most {MAX_REASON} letters, no number of anybody): --reason \"she is in danger\""
        ))),
    }
}

/// Prints what was done.
fn print(
    text: &str,
    data: &impl serde::Serialize,
    json: bool,
    out: &mut dyn Write,
) -> Result<(), CliError> {
    let text = match json {
        true => serde_json::to_string(data).map_err(std::io::Error::from)?,
        false => text.to_owned(),
    };
    Ok(writeln!(out, "{text}")?)
}
