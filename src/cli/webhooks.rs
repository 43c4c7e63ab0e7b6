//! `qaynar webhooks`: what servers outside have not taken yet.

use std::io::{self, Write};

use clap::Subcommand;

use super::CliError;
use crate::config::Settings;
use crate::server::clock::Clock;
use crate::store::deliveries::{Deliveries, Delivery};
use crate::time::Wall;

/// The most that is listed.
const MOST: usize = 1_000;

/// `qaynar webhooks …`
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List what waits to be sent, and what was given up; the oldest first.
    List {
        /// Only what was given up.
        #[arg(long)]
        dead: bool,
        /// Print it as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Send again at once what waits or was given up.
    #[command(group(clap::ArgGroup::new("which").required(true).multiple(true)))]
    Retry {
        /// Only this one, as the list names it.
        #[arg(value_name = "ID", group = "which")]
        id: Option<String>,
        /// Only what is for this webhook.
        #[arg(long, value_name = "NAME", group = "which")]
        to: Option<String>,
        /// All.
        #[arg(long, group = "which", conflicts_with_all = ["id", "to"])]
        all: bool,
    },
}

/// Does it.
///
/// # Errors
/// There is nothing of that name, or the database.
pub(super) fn run(
    command: &Command,
    settings: &Settings,
    out: &mut dyn Write,
) -> Result<(), CliError> {
    let mut deliveries = Deliveries::open(&settings.storage.database)?;
    match command {
        Command::List { dead, json } => {
            let all = deliveries.list(*dead, MOST)?;
            if *json {
                serde_json::to_writer_pretty(&mut *out, &all).map_err(io::Error::from)?;
                return Ok(writeln!(out)?);
            }
            if all.is_empty() {
                writeln!(out, "nothing waits to be sent")?;
            }
            for one in &all {
                writeln!(out, "{}", line(one))?;
            }
            Ok(())
        }
        Command::Retry { id, to, .. } => {
            let now = Clock::start().now().wall;
            match deliveries.retry(id.as_deref(), to.as_deref(), now)? {
                0 => {
                    let text = "nothing of that name waits; `qaynar webhooks list` tells what does";
                    Err(CliError::Arguments(text.to_owned()))
                }
                count => Ok(writeln!(
                    out,
                    "{count} will be sent again by the running server"
                )?),
            }
        }
    }
}

fn line(one: &Delivery) -> String {
    let Delivery {
        id,
        destination,
        event,
        at,
        tries,
        due,
        ..
    } = one;
    let at = moment(*at);
    let state = match one.dead {
        Some(dead) => format!("given up {}", moment(dead)),
        None => format!("next try {}", moment(*due)),
    };
    let fault = one
        .fault
        .as_ref()
        .map_or(String::new(), |fault| format!("; {fault}"));
    format!("{at}  {destination}  {event}  {id}  {tries} tries, {state}{fault}")
}

fn moment(at: Wall) -> String {
    let at = jiff::Timestamp::from_microsecond(at.0).unwrap_or_default();
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}
