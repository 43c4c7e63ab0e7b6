//! `qaynar bans` and `qaynar bans lift`.

use std::io::Write;
use std::process::ExitCode;

use super::CliError;
use super::args::{BanForm, Bans, BansCommand};
use super::dialplan::{ask, tell};
use crate::config::Settings;
use crate::server::control::Question;
use crate::sip::source::Source;

/// Lists the bans that hold, or lifts some.
///
/// # Errors
/// No server runs, or what is to be lifted is no source.
pub(super) fn run(
    asked: &Bans,
    settings: &Settings,
    out: &mut dyn Write,
) -> Result<ExitCode, CliError> {
    let json = asked.json || asked.format == BanForm::Json;
    let question = match &asked.command {
        None => Question::Bans,
        Some(BansCommand::Lift { source, user }) => {
            let read: Result<Source, _> = source.parse();
            let source = read.map_err(|fault| CliError::Arguments(fault.to_string()))?;
            let user = user.clone();
            Question::LiftBans { source, user }
        }
    };
    let answer = ask(settings, &question)?;
    if json && question == Question::Bans {
        writeln!(out, "{}", answer.data)?;
        return Ok(ExitCode::SUCCESS);
    }
    tell(&answer, json, out)
}
