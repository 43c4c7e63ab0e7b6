//! `qaynar trunk list` and `qaynar trunk test`.

use std::io::Write;
use std::process::ExitCode;

use super::CliError;
use super::args::{StepsFormat, Trunk};
use super::dialplan::ask;
use crate::config::Settings;
use crate::dialplan::Number;
use crate::dialplan::fault::suggest;
use crate::server::control::Question;
use crate::server::probe::{self, Step};
use crate::switch::{LineState, Registered};

/// Runs `qaynar trunk …`.
///
/// # Errors
/// No trunk of that name.
pub(super) fn run(
    asked: &Trunk,
    settings: &Settings,
    out: &mut dyn Write,
) -> Result<ExitCode, CliError> {
    match asked {
        Trunk::List { json } => list(settings, *json, out),
        Trunk::Test { name, call, format } => {
            let number = call.as_deref().map(callable).transpose()?;
            test(settings, name, number.as_ref(), *format, out)
        }
    }
}

/// The states, where the server runs; else the names.
fn list(settings: &Settings, json: bool, out: &mut dyn Write) -> Result<ExitCode, CliError> {
    let answer = ask(settings, &Question::Status).ok();
    let states = answer.and_then(|answer| {
        let states = answer.data.get("trunks")?.clone();
        serde_json::from_value::<Vec<LineState>>(states).ok()
    });
    if json {
        let names: Vec<_> = settings
            .trunks
            .iter()
            .map(|one| one.name.as_str())
            .collect();
        let value = match &states {
            Some(states) => serde_json::json!(states),
            None => serde_json::json!(names),
        };
        writeln!(out, "{value}")?;
        return Ok(ExitCode::SUCCESS);
    }
    match states {
        Some(states) => {
            for state in states {
                writeln!(out, "{}", line(&state))?;
            }
        }
        None => {
            for trunk in &settings.trunks {
                writeln!(
                    out,
                    "{}: no server runs, so nothing is known of it",
                    trunk.name
                )?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A trunk's state in words.
pub(super) fn line(state: &LineState) -> String {
    let mut text = format!("{}: {} calls", state.name, state.calls);
    match (state.registered, &state.fault) {
        (Registered::NotWanted, _) => {}
        (Registered::Yes, _) => text.push_str(", registered"),
        (Registered::No, Some(why)) => text.push_str(&format!(", NOT registered: {why}")),
        (Registered::No, None) => text.push_str(", not registered yet"),
    }
    match (state.alive, state.status) {
        (None, _) => {}
        (Some(false), _) => text.push_str(", DOWN: it does not answer OPTIONS"),
        (Some(true), Some(status)) => text.push_str(&format!(", alive (OPTIONS: {status})")),
        (Some(true), None) => text.push_str(", not asked yet"),
    }
    text
}

/// The number of `--call`, which may ring.
fn callable(text: &str) -> Result<Number, CliError> {
    let Some(number) = Number::parse(text) else {
        let text = format!("{text:?} is no telephone number; write it as \"0501234567\"");
        return Err(CliError::Arguments(text));
    };
    if number.is_emergency() {
        let text = format!("{number} is for emergencies, never for tests; name a phone beside you");
        return Err(CliError::Arguments(text));
    }
    Ok(number)
}

fn test(
    settings: &Settings,
    name: &str,
    number: Option<&Number>,
    format: StepsFormat,
    out: &mut dyn Write,
) -> Result<ExitCode, CliError> {
    let trunks = settings.trunks.iter();
    let names = trunks.clone().map(|one| one.name.as_str());
    let Some(trunk) = trunks.clone().find(|one| one.name.as_str() == name) else {
        let text = format!("no trunk is called {name:?}; {}", suggest(name, names));
        return Err(CliError::Arguments(text));
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let steps = runtime.block_on(probe::walk(settings, trunk, number));
    if format == StepsFormat::Json {
        writeln!(out, "{}", serde_json::to_string(&steps).unwrap_or_default())?;
    } else {
        for Step { step, good, text } in &steps {
            let word = match good {
                Some(true) => "ok",
                Some(false) => "WRONG",
                None => "-",
            };
            writeln!(out, "{step:<10} {word:<6} {text}")?;
        }
    }
    let wrong = steps.iter().any(|step| step.good == Some(false));
    Ok(if wrong {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}
