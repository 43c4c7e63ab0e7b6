//! `qaynar serve`.

use std::io::Write;

use super::CliError;
use crate::config::Settings;
use crate::server::run;

/// Runs the server until it is stopped.
///
/// # Errors
/// It cannot start.
pub fn serve(settings: &Settings, out: &mut dyn Write) -> Result<(), CliError> {
    super::start_logs(settings)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let mut told = Ok(());
    let served = runtime.block_on(run::serve(settings, |line| {
        if told.is_ok() {
            told = writeln!(out, "{line}").and_then(|()| out.flush());
        }
    }));
    served?;
    Ok(())
}
