//! Putting a backup onto an empty machine.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::make::{DATA, DATABASE, DIALPLANS, JOURNAL};
use super::{Backup, BackupError, Kind, find, tables, verify, within};
use crate::config::{Location, Settings};
use crate::store::journal::private_folder;

/// Stands in the data folder while a restore goes on, so that nobody takes half of it for all.
const MARK: &str = "restoring";

/// What was put where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// From which backup.
    pub backup: Backup,
    /// How many files.
    pub files: usize,
    /// The dialplans' folder had dialplans already, and was left as it is.
    pub dialplans_kept: bool,
}

/// Whether a restore into this data folder did not come to its end.
pub fn is_half_restored(data: &Path) -> bool {
    data.join(MARK).exists()
}

/// Verifies a backup and puts it where the settings say.
///
/// # Errors
/// See [`BackupError`]. Nothing that was there is overwritten. After an interrupted one it can be run again.
pub fn restore(settings: &Settings, from: &Path) -> Result<Restored, BackupError> {
    let backup = find(from, Kind::Records)?;
    verify(&backup)?;
    tables::are_usable(&backup.folder.join(DATABASE))?;
    let data = &settings.storage.data;
    let again = is_half_restored(data);
    if again {
        clear(settings)?;
    }
    refuse_what_is_there(settings, again)?;
    private_folder(data).map_err(BackupError::at(data))?;
    let mark = data.join(MARK);
    fs::write(&mark, "qaynar restore was interrupted; run it again\n")
        .map_err(BackupError::at(&mark))?;
    let dialplans_kept = has_dialplans(&settings.dialplans.folder);
    let mut files = 0;
    for name in backup.manifest.files.keys() {
        let place = match name.split_once('/') {
            Some((JOURNAL, rest)) => settings.storage.journal().join(within(from, rest)?),
            Some((DATA, rest)) => data.join(within(from, rest)?),
            Some((DIALPLANS, rest)) if !dialplans_kept => {
                settings.dialplans.folder.join(within(from, rest)?)
            }
            // The tables come below; settings are there already, or were put there before they were read.
            _ => continue,
        };
        put(&backup.folder.join(name), &place)?;
        files += 1;
    }
    tables::load(&backup.folder.join(DATABASE), &settings.storage.database)?;
    for folder in [data.clone(), settings.storage.journal()] {
        let synced = File::open(&folder).and_then(|folder| folder.sync_all());
        match synced {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(BackupError::at(&folder)(error));
            }
            _ => {}
        }
    }
    fs::remove_file(&mark).map_err(BackupError::at(&mark))?;
    Ok(Restored {
        backup,
        files: files + 1,
        dialplans_kept,
    })
}

/// Verifies a backup of keys and puts them where the settings say.
///
/// # Errors
/// See [`BackupError`]; keys that are there are never overwritten.
pub fn restore_keys(settings: &Settings, from: &Path) -> Result<usize, BackupError> {
    let backup = find(from, Kind::Keys)?;
    verify(&backup)?;
    let folder = &settings.privacy.keys;
    if fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(BackupError::NotEmpty(folder.display().to_string()));
    }
    for name in backup.manifest.files.keys() {
        let place = folder.join(within(from, name.strip_prefix("keys/").unwrap_or(name))?);
        put(&backup.folder.join(name), &place)?;
    }
    Ok(backup.manifest.files.len())
}

/// A file for this user alone, whole on the disk; never in the place of another one.
fn put(from: &Path, to: &Path) -> Result<(), BackupError> {
    if let Some(folder) = to.parent() {
        private_folder(folder).map_err(BackupError::at(folder))?;
    }
    let mut source = File::open(from).map_err(BackupError::at(from))?;
    let target = OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(to);
    let mut target = target.map_err(BackupError::at(to))?;
    let copied = io::copy(&mut source, &mut target).and_then(|_| target.flush());
    let synced = copied.and_then(|()| target.sync_all());
    synced.map_err(BackupError::at(to))
}

fn has_dialplans(folder: &Path) -> bool {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    paths.any(|path| path.extension().is_some_and(|ending| ending == "toml"))
}

/// What is in the data folder, but for the keys.
fn found(settings: &Settings) -> Vec<PathBuf> {
    let keys = &settings.privacy.keys;
    let entries = fs::read_dir(&settings.storage.data).into_iter().flatten();
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    paths
        .filter(|path| path != keys && !keys.starts_with(path))
        .collect()
}

fn refuse_what_is_there(settings: &Settings, again: bool) -> Result<(), BackupError> {
    if let Some(first) = found(settings).first() {
        return Err(BackupError::NotEmpty(first.display().to_string()));
    }
    let database = &settings.storage.database;
    let taken = match database {
        Location::Sqlite(path) => path.exists(),
        // The tables of a restore that was interrupted are replaced as a whole.
        Location::Postgres(_) => !again && !tables::are_empty(database)?,
    };
    match taken {
        true => Err(BackupError::NotEmpty(database.to_string())),
        false => Ok(()),
    }
}

/// Removes what an interrupted restore wrote: there was nothing before it.
fn clear(settings: &Settings) -> Result<(), BackupError> {
    let mark = settings.storage.data.join(MARK);
    let mut paths = found(settings);
    if let Location::Sqlite(path) = &settings.storage.database {
        paths.push(path.clone());
    }
    for path in paths.into_iter().filter(|path| *path != mark) {
        let removed = match path.is_dir() {
            true => fs::remove_dir_all(&path),
            false => fs::remove_file(&path),
        };
        match removed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(BackupError::at(&path)(error));
            }
            _ => {}
        }
    }
    // The mark goes last: until then this can be done again.
    fs::remove_file(&mark).map_err(BackupError::at(&mark))
}
