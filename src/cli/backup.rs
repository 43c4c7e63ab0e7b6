//! `qaynar backup` and `qaynar restore`.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::CliError;
use crate::config::{self, Settings};
use crate::server::backups::now_and_away;
use crate::server::clock::Clock;
use crate::server::control;
use crate::store::backup::{self, Backup, Kind};

/// `qaynar backup`
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Backups {
    /// Of the keys, or which there are; left out: make one of everything else.
    #[command(subcommand)]
    pub command: Option<BackupCommand>,
    /// The folder that the backup is made in; left out: [backup] to, with its command and keep.
    #[arg(value_name = "FOLDER")]
    pub to: Option<PathBuf>,
    /// Also make one of the keys, in this folder; keep it elsewhere.
    #[arg(long, value_name = "FOLDER")]
    pub keys_to: Option<PathBuf>,
    /// Print what was made as JSON.
    #[arg(long)]
    pub json: bool,
}

/// `qaynar backup …`
#[derive(Debug, Subcommand)]
pub enum BackupCommand {
    /// Make a backup of the keys alone: who has it and the records can find callers' numbers.
    Keys {
        /// The folder that it is made in.
        to: PathBuf,
    },
    /// List the backups in a folder, the oldest first.
    List {
        /// Which; left out: [backup] to.
        folder: Option<PathBuf>,
        /// Print them as JSON.
        #[arg(long)]
        json: bool,
    },
}

/// `qaynar restore`
#[derive(Debug, Args)]
pub struct Restore {
    /// The backup, or a folder with backups, of which the newest is taken.
    pub from: PathBuf,
    /// The backup of the keys.
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["without_keys", "check"])]
    pub keys: Option<PathBuf>,
    /// Do without keys, or with those that are there: where there are none, the server makes new ones, callers
    /// get new pseudonyms, and what was sealed stays closed.
    #[arg(long)]
    pub without_keys: bool,
    /// Read all of the backup and say whether it is whole; restore nothing.
    #[arg(long)]
    pub check: bool,
    /// Print the outcome as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Makes or lists backups.
///
/// # Errors
/// See [`backup::BackupError`].
pub(super) fn backup(
    asked: &Backups,
    settings: &Settings,
    out: &mut dyn Write,
) -> Result<(), CliError> {
    let now = Clock::start().now().wall;
    match &asked.command {
        Some(BackupCommand::Keys { to }) => {
            let made = backup::keys(settings, to, now)?;
            return tell("made", &made, asked.json, out);
        }
        Some(BackupCommand::List { folder, json }) => {
            return list(folder.as_deref(), *json, settings, out);
        }
        None => {}
    }
    let made = match &asked.to {
        Some(to) => backup::make(settings, to, now)?,
        None if settings.backup.to.is_some() => now_and_away(settings, now)?,
        None => return Err(nowhere()),
    };
    tell("made", &made, asked.json, out)?;
    if let Some(to) = &asked.keys_to {
        let keys = backup::keys(settings, to, now)?;
        return tell("made", &keys, asked.json, out);
    }
    if !asked.json {
        writeln!(
            out,
            "the keys are not in it: `qaynar backup keys FOLDER` keeps them apart"
        )?;
    }
    Ok(())
}

fn nowhere() -> CliError {
    CliError::Arguments("name the folder, or set [backup] to in qaynar.toml".into())
}

fn list(
    folder: Option<&Path>,
    json: bool,
    settings: &Settings,
    out: &mut dyn Write,
) -> Result<(), CliError> {
    let folder = folder
        .or(settings.backup.to.as_deref())
        .ok_or_else(nowhere)?;
    let mut all = backup::list(folder, Kind::Records)?;
    all.extend(backup::list(folder, Kind::Keys)?);
    all.sort_by_key(|backup| backup.manifest.made);
    if json {
        let all: Vec<_> = all.iter().map(object).collect();
        serde_json::to_writer_pretty(&mut *out, &all).map_err(io::Error::from)?;
        writeln!(out)?;
        return Ok(());
    }
    for one in &all {
        line("", one, out)?;
    }
    if all.is_empty() {
        writeln!(out, "{}: no backup is there", folder.display())?;
    }
    Ok(())
}

fn object(one: &Backup) -> serde_json::Value {
    let manifest = &one.manifest;
    serde_json::json!({
        "folder": one.folder,
        "kind": manifest.kind,
        "made": manifest.made,
        "program": manifest.program,
        "files": manifest.files.len(),
        "bytes": manifest.size(),
    })
}

fn line(done: &str, one: &Backup, out: &mut dyn Write) -> io::Result<()> {
    let manifest = &one.manifest;
    let (files, size) = (manifest.files.len(), manifest.size());
    let (kind, made) = (
        manifest.kind,
        manifest.made.strftime("%Y-%m-%d %H:%M:%S UTC"),
    );
    writeln!(
        out,
        "{done}{}  {kind} of {made}, {files} files, {size} bytes",
        one.folder.display()
    )
}

fn tell(done: &str, one: &Backup, json: bool, out: &mut dyn Write) -> Result<(), CliError> {
    match json {
        true => writeln!(out, "{}", object(one))?,
        false => line(&format!("{done} and read again: "), one, out)?,
    }
    Ok(())
}

/// Verifies a backup, and puts it onto this machine.
///
/// # Errors
/// See [`backup::BackupError`]; nothing is overwritten.
pub(super) fn restore(
    asked: &Restore,
    file: Option<&Path>,
    out: &mut dyn Write,
) -> Result<ExitCode, CliError> {
    if asked.check {
        return check(asked, out);
    }
    let found = backup::find(&asked.from, Kind::Records)?;
    let file = settings_file(&found, file, out)?;
    let settings = config::load(file.as_deref())?;
    if control::path(&settings.storage.data).exists() {
        let text = "a server runs or ran on this data folder; restore onto an empty machine";
        return Err(CliError::Arguments(text.into()));
    }
    let keys = &settings.privacy.keys;
    let has_keys = fs::read_dir(keys).is_ok_and(|mut entries| entries.next().is_some());
    if asked.keys.is_none() && !asked.without_keys && !has_keys {
        let text = "the keys are missing: name their backup with --keys, or take new ones with --without-keys \
                    (callers then get new pseudonyms, and what was sealed stays closed)";
        return Err(CliError::Arguments(text.into()));
    }
    let restored = backup::restore(&settings, &found.folder)?;
    if let Some(from) = &asked.keys {
        backup::restore_keys(&settings, from)?;
    }
    if asked.json {
        let mut object = object(&restored.backup);
        object["dialplans_kept"] = restored.dialplans_kept.into();
        writeln!(out, "{object}")?;
        return Ok(ExitCode::SUCCESS);
    }
    line("restored ", &restored.backup, out)?;
    if restored.dialplans_kept {
        let folder = settings.dialplans.folder.display();
        let saved = restored.backup.folder.join("dialplans");
        writeln!(
            out,
            "{folder} has dialplans already and is left as it is; the saved ones are in {}",
            saved.display()
        )?;
    }
    writeln!(
        out,
        "the data is in {}; start it with `qaynar serve`",
        settings.storage.data.display()
    )?;
    Ok(ExitCode::SUCCESS)
}

/// On an empty machine the settings come out of the backup first, since they say where all else belongs.
fn settings_file(
    found: &Backup,
    file: Option<&Path>,
    out: &mut dyn Write,
) -> Result<Option<PathBuf>, CliError> {
    let wanted = file.unwrap_or(Path::new(config::FILE));
    let saved = found.folder.join(config::FILE);
    if wanted.exists() || !found.manifest.files.contains_key(config::FILE) {
        return Ok(file.map(Path::to_owned));
    }
    backup::verify(found)?;
    let at =
        |path: &Path, fault: io::Error| CliError::Arguments(format!("{}: {fault}", path.display()));
    let text = fs::read(&saved).map_err(|fault| at(&saved, fault))?;
    let new = OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(wanted);
    let mut new = new.map_err(|fault| at(wanted, fault))?;
    new.write_all(&text).map_err(|fault| at(wanted, fault))?;
    writeln!(out, "{} is the saved one", wanted.display())?;
    Ok(Some(wanted.to_owned()))
}

fn check(asked: &Restore, out: &mut dyn Write) -> Result<ExitCode, CliError> {
    let kind = match backup::find(&asked.from, Kind::Records) {
        Err(backup::BackupError::Other { found, .. }) => found,
        _ => Kind::Records,
    };
    let found = backup::find(&asked.from, kind)?;
    backup::verify(&found)?;
    match asked.json {
        true => writeln!(out, "{}", object(&found))?,
        false => line("whole: ", &found, out)?,
    }
    Ok(ExitCode::SUCCESS)
}
