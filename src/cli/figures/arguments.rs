//! What can be typed for figures and forecasts.

use clap::Args;

use crate::report::figures::{Key, Target};

/// `qaynar figures`
#[derive(Debug, Args)]
pub struct Figures {
    /// Calls that arrived at or after this: 2026-11-01, 2026-11-01T03:00, with or without an offset.
    #[arg(long, value_name = "MOMENT")]
    pub from: Option<String>,
    /// Calls that arrived before this; a day alone is meant with its whole length.
    #[arg(long, value_name = "MOMENT")]
    pub to: Option<String>,
    /// List the calls behind a figure, one id a line: abandoned, service_level.base, queue.children.offered,
    /// operator.201, hour.1.14 (Monday from 14:00), wait.20.
    #[arg(long, value_name = "FIGURE", value_parser = key)]
    pub ids: Option<Key>,
    /// Print them as JSON.
    #[arg(long)]
    pub json: bool,
}

/// `qaynar forecast`
#[derive(Debug, Args)]
pub struct Forecast {
    /// Learn from calls that arrived at or after this; left out: from the first.
    #[arg(long, value_name = "MOMENT")]
    pub from: Option<String>,
    /// Learn from calls that arrived before this; a day alone is meant with its whole length.
    #[arg(long, value_name = "MOMENT")]
    pub to: Option<String>,
    /// Percent of callers to answer, and within how many seconds; left out: `[report] service_level`.
    #[arg(long, value_name = "X/Y")]
    pub target: Option<Target>,
    /// What if so many operators were on shift? May be given several times.
    #[arg(long, value_name = "COUNT", default_values_t = [1, 2])]
    pub on_shift: Vec<u32>,
    /// Print it as JSON.
    #[arg(long)]
    pub json: bool,
}

fn key(text: &str) -> Result<Key, String> {
    text.parse::<Key>().map_err(|fault| fault.to_string())
}
