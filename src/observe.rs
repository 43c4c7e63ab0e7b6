//! Logs: lines of text or JSON on standard error, chosen by a filter.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt;

/// How lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// For machines: an object a line.
    Json,
}

/// Why there are no logs.
#[derive(Debug, thiserror::Error)]
pub enum ObserveError {
    /// The filter is not understood.
    #[error(
        "{filter:?} is no filter of logs: {source}; write a level, or parts: \"info,qaynar::switch=debug\""
    )]
    Filter {
        /// As it was given, by `RUST_LOG` or the configuration.
        filter: String,
        /// What is wrong.
        source: tracing_subscriber::filter::ParseError,
    },
    /// Begun twice.
    #[error("logs are already being written: {0}")]
    Twice(#[from] tracing_subscriber::util::TryInitError),
}

/// Begins to log, for the whole process. `RUST_LOG`, where it is set, goes before `filter`.
///
/// # Errors
/// See [`ObserveError`].
pub fn start(format: Format, filter: &str) -> Result<(), ObserveError> {
    let chosen = std::env::var(EnvFilter::DEFAULT_ENV)
        .ok()
        .filter(|text| !text.is_empty());
    let filter = chosen.unwrap_or_else(|| filter.to_owned());
    let parsed = match filter.parse::<EnvFilter>() {
        Ok(parsed) => parsed,
        Err(source) => return Err(ObserveError::Filter { filter, source }),
    };
    // A line that cannot be written is lost in silence: telling so on the same full disk or closed
    // pipe would panic, in the very task that answers calls.
    let lines = tracing_subscriber::fmt()
        .log_internal_errors(false)
        .with_writer(std::io::stderr)
        .with_env_filter(parsed);
    match format {
        Format::Json => lines.json().flatten_event(true).finish().try_init()?,
        Format::Text => lines
            .with_ansi(std::io::stderr().is_terminal())
            .finish()
            .try_init()?,
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_that_is_none_is_told_with_one_that_is() {
        let told = start(Format::Text, "qaynar=loud").unwrap_err().to_string();
        assert!(
            told.contains("qaynar=loud") && told.contains("switch=debug"),
            "{told}"
        );
    }
}
