//! `qaynar serve`.

use std::io::Write;

use super::CliError;
use super::calls::zone_of;
use crate::config::Settings;
use crate::server::run;
use crate::web;

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
    let zone = zone_of(&settings.dialplans.folder);
    let beside = |running: &run::Running, tell: &mut dyn FnMut(&str)| {
        let web = web::start(settings, running, zone);
        for place in web.serving.iter().flat_map(|serving| &serving.listeners) {
            tell(&format!("API on http://{place}"));
        }
        web
    };
    let served = runtime.block_on(run::serve(settings, beside, |line| {
        if told.is_ok() {
            told = writeln!(out, "{line}").and_then(|()| out.flush());
        }
    }));
    served?;
    Ok(())
}
