//! `qaynar callbacks list` and `qaynar callbacks cancel`.

use std::io::Write;
use std::process::ExitCode;

use super::CliError;
use super::args::Callbacks;
use super::dialplan::{ask, tell};
use crate::config::Settings;
use crate::server::control::Question;

/// Lists who is to be called back, or cancels one.
///
/// # Errors
/// No server runs.
pub(super) fn run(
    asked: &Callbacks,
    settings: &Settings,
    out: &mut dyn Write,
) -> Result<ExitCode, CliError> {
    match asked {
        Callbacks::List { json: true } => {
            let answer = ask(settings, &Question::Callbacks)?;
            writeln!(out, "{}", answer.data)?;
            Ok(ExitCode::SUCCESS)
        }
        Callbacks::List { json: false } => tell(&ask(settings, &Question::Callbacks)?, false, out),
        Callbacks::Cancel { call } => {
            let question = Question::CancelCallback { call: *call };
            tell(&ask(settings, &question)?, false, out)
        }
    }
}
