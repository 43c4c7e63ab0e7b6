//! The commands: arguments in, text and an exit code out.
//!
//! Exit codes: 0: done; 1: it could not be done, or the check found mistakes; 2: the arguments are wrong.

mod activity;
pub mod args;
pub mod backup;
mod bans;
mod block;
mod callbacks;
pub mod calls;
mod case;
mod contact;
pub mod demo;
pub mod dialplan;
mod estimates;
mod export;
pub mod figures;
mod import;
pub mod operator;
mod privacy;
mod recordings;
mod report;
pub mod serve;
mod taxonomy;
mod timeline;
mod trace;
mod trunk;
pub mod user;
mod verify;
pub mod webhooks;
mod words;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;

use crate::config::{self, ConfigError, LogFormat, Settings};
use crate::observe::{self, ObserveError};
use crate::server::backups::BackupMissed;
use crate::server::control::ControlError;
use crate::server::run::StartError;
use crate::store::audit::AuditError;
use crate::store::backup::BackupError;
use crate::store::calls::CallsError;
use crate::store::database::DatabaseError;
use crate::store::import::ImportError;
use crate::store::keys::KeyError;
use crate::store::numbers::NumberError;
use crate::store::operators::OperatorError;
use crate::store::plans::PlansError;
use crate::store::purge::PurgeError;
use crate::store::tokens::TokenError;
use crate::store::users::UserError;
use args::{Arguments, Command};

/// Why a command could not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Accounts.
    #[error(transparent)]
    Operator(#[from] OperatorError),
    /// Users.
    #[error(transparent)]
    User(#[from] UserError),
    /// Tokens.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// Records.
    #[error(transparent)]
    Calls(#[from] CallsError),
    /// The database.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// Backups.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// A backup that was not made or not carried away.
    #[error(transparent)]
    BackupMissed(#[from] BackupMissed),
    /// A file that is imported.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// Keys.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// Callers' numbers.
    #[error(transparent)]
    Number(#[from] NumberError),
    /// The audit log.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// What is to be erased.
    #[error(transparent)]
    Purge(#[from] PurgeError),
    /// Dialplans.
    #[error(transparent)]
    Dialplans(#[from] PlansError),
    /// The running server.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// The server could not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// Logs.
    #[error(transparent)]
    Observe(#[from] ObserveError),
    /// The arguments fit their types but not each other or the installation.
    #[error("{0}")]
    Arguments(String),
    /// Reading or writing the terminal.
    #[error("{0}")]
    Terminal(#[from] io::Error),
}

/// Runs the command of the process's arguments.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut out = io::stdout().lock();
    let done = run(&arguments, &mut out).and_then(|code| Ok(out.flush().map(|()| code)?));
    match done {
        Ok(code) => code,
        // `qaynar calls | head` ends like this; the reader has what it wanted.
        Err(CliError::Terminal(fault)) if fault.kind() == io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(fault) => {
            // Where standard error is closed there is nobody to tell.
            let _ = writeln!(io::stderr(), "{fault}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments, out: &mut dyn Write) -> Result<ExitCode, CliError> {
    let settings = || config::load(arguments.config.as_deref());
    match &arguments.command {
        Command::Operator(command) => operator::run(command, &settings()?, out)?,
        Command::User(command) => user::user(command, &settings()?, out)?,
        Command::Token(command) => user::token(command, &settings()?, out)?,
        Command::Webhooks(command) => webhooks::run(command, &settings()?, out)?,
        Command::Calls(arguments) => calls::run(arguments, &settings()?, out)?,
        Command::Serve(_) => serve::serve(&settings()?, out)?,
        Command::Demo(asked) => demo::demo(asked, &settings()?, out)?,
        Command::Check(asked) => return dialplan::check(asked, &settings()?, out),
        Command::Route(asked) => dialplan::route(asked, &settings()?, out)?,
        Command::Apply(asked) => return dialplan::apply(asked, &settings()?, out),
        Command::Schema(asked) => dialplan::schema(asked, out)?,
        Command::Dialplan(asked) => return dialplan::dialplan(asked, &settings()?, out),
        Command::Trace(asked) => trace::run(asked, &settings()?, out)?,
        Command::Trunk(asked) => return trunk::run(asked, &settings()?, out),
        Command::Block(asked) => block::run(asked, &settings()?, out)?,
        Command::Case(asked) => case::run(asked, &settings()?, out)?,
        Command::Contact(asked) => return contact::run(asked, &settings()?, out),
        Command::Activity(asked) => activity::run(asked, &settings()?, out)?,
        Command::Taxonomy(asked) => taxonomy::run(asked, &settings()?, out)?,
        Command::Export(asked) => export::run(asked, &settings()?, out)?,
        Command::Import(asked) => return import::run(asked, &settings()?, out),
        Command::Voicemail(asked) => return recordings::voicemail(asked, &settings()?, out),
        Command::Recordings(asked) => return recordings::recordings(asked, &settings()?, out),
        Command::Bans(asked) => return bans::run(asked, &settings()?, out),
        Command::Callbacks(asked) => return callbacks::run(asked, &settings()?, out),
        Command::Estimates(asked) => estimates::run(asked, &settings()?, out)?,
        Command::Backup(asked) => backup::backup(asked, &settings()?, out)?,
        Command::Restore(asked) => {
            return backup::restore(asked, arguments.config.as_deref(), out);
        }
        Command::Verify(asked) => return verify::run(asked, &settings()?, out),
        Command::Report(asked) => report::run(asked, &settings()?, out)?,
        Command::Figures(asked) => figures::run(asked, &settings()?, out)?,
        Command::Forecast(asked) => figures::forecast(asked, &settings()?, out)?,
        Command::Reveal(asked) => privacy::reveal::run(asked, &settings()?, out)?,
        Command::Audit(asked) => return privacy::audit::run(asked, &settings()?, out),
        Command::Keys(asked) => privacy::keys::run(asked, &settings()?, out)?,
        Command::Purge(asked) => privacy::purge::run(asked, &settings()?, out)?,
        Command::Forget(asked) => privacy::forget::run(asked, &settings()?, out)?,
        Command::Status(asked) => return dialplan::status(asked, &settings()?, out),
    }
    Ok(ExitCode::SUCCESS)
}

/// Begins to log as the settings say; for commands that run for long.
///
/// # Errors
/// `RUST_LOG` is not understood.
pub fn start_logs(settings: &Settings) -> Result<(), ObserveError> {
    let format = match settings.log.format {
        LogFormat::Text => observe::Format::Text,
        LogFormat::Json => observe::Format::Json,
    };
    observe::start(format, &settings.log.filter)
}
