//! `qaynar taxonomy`: versions of topics, issues, services and age bands.

use std::io::Write;

use super::CliError;
use super::args::contacts::Taxonomy as Command;
use crate::config::Settings;
use crate::records::taxonomy::{Taxonomy, shipped};
use crate::server::clock::Clock;
use crate::store::taxonomies::Taxonomies;

/// Lists, prints or adds.
///
/// # Errors
/// No such version, a file with a mistake, or the database.
pub(super) fn run(
    asked: &Command,
    settings: &Settings,
    out: &mut dyn Write,
) -> Result<(), CliError> {
    let mut taxonomies = Taxonomies::open(&settings.storage.database)?;
    match asked {
        Command::List { json: true } => print(&taxonomies.all()?, out),
        Command::List { json: false } => {
            for one in taxonomies.all()? {
                let topics: Vec<&str> = one.topics.iter().map(|term| term.id.as_str()).collect();
                let ours = match shipped().contains(&one) {
                    true => "",
                    false => "  (added here)",
                };
                writeln!(out, "{}: {}{ours}", one.version, topics.join(", "))?;
            }
            Ok(())
        }
        Command::Show { version, json } => {
            let all = taxonomies.all()?;
            let found = match version {
                Some(version) => all.iter().find(|one| one.version == *version),
                None => all.last(),
            };
            let Some(found) = found else {
                let text = "there is no such version; `qaynar taxonomy list` tells which there are";
                return Err(CliError::Arguments(text.into()));
            };
            match json {
                true => print(found, out),
                false => Ok(write!(out, "{}", found.to_toml())?),
            }
        }
        Command::Add { file } => {
            let named = |fault: String| CliError::Arguments(format!("{}: {fault}", file.display()));
            let text = std::fs::read_to_string(file).map_err(|fault| named(fault.to_string()))?;
            let taxonomy = Taxonomy::from_toml(&text).map_err(|fault| named(fault.to_string()))?;
            let now = Clock::start().now().wall;
            let added = taxonomies.add(&taxonomy, now);
            added.map_err(|fault| named(fault.to_string()))?;
            Ok(writeln!(
                out,
                "taxonomy {} is added; new contacts are written with it, old ones keep theirs",
                taxonomy.version
            )?)
        }
    }
}

fn print(value: &impl serde::Serialize, out: &mut dyn Write) -> Result<(), CliError> {
    let text = serde_json::to_string(value).unwrap_or_default();
    Ok(writeln!(out, "{text}")?)
}
