//! Making backups beside the running server.

use std::fs;
use std::path::{Path, PathBuf};

use super::draft::Draft;
use super::{Backup, BackupError, KEYS, Kind, Manifest, RECORDS, list, tables};
use crate::config::{Location, Settings};
use crate::store::cursor::segments;
use crate::store::ring;
use crate::time::Wall;

/// The tables.
pub(super) const DATABASE: &str = "database.db";
/// The folders.
pub(super) const JOURNAL: &str = "journal";
pub(super) const DATA: &str = "data";
pub(super) const DIALPLANS: &str = "dialplans";
/// The settings.
pub(super) const SETTINGS: &str = "qaynar.toml";
/// What they name: patterns of scanners.
const SCANNERS: &str = "scanners.toml";
/// How often the journal is copied anew when it moves on meanwhile.
const TRIES: usize = 3;

/// Makes a backup of everything but the keys in the folder `to`, and reads it again.
///
/// # Errors
/// See [`BackupError`]; then nothing of this backup is left that could be taken for one.
pub fn make(settings: &Settings, to: &Path, now: Wall) -> Result<Backup, BackupError> {
    let mut draft = Draft::begin(to, RECORDS, Manifest::new(Kind::Records, now))?;
    let place = draft.place(DATABASE)?;
    // First the tables, then the journal: it must hold what they do not.
    let checkpoint = tables::save(&settings.storage.database, &place)?;
    draft.manifest.checkpoint = checkpoint;
    draft.add(DATABASE)?;
    journal(&mut draft, &settings.storage.journal(), checkpoint)?;
    let data = settings.storage.data.clone();
    let apart = Apart::of(settings, to);
    draft.tree(&data, DATA, &|path| apart.has(path))?;
    draft.tree(&settings.dialplans.folder, DIALPLANS, &|path| {
        apart.has(path)
    })?;
    if let Some(file) = &settings.file {
        draft.copy(file, SETTINGS, false)?;
    }
    if let Some(file) = &settings.abuse.scanners {
        draft.copy(file, SCANNERS, false)?;
    }
    draft.finish()
}

/// Makes a backup of the keys alone in the folder `to`.
///
/// # Errors
/// See [`BackupError`].
pub fn keys(settings: &Settings, to: &Path, now: Wall) -> Result<Backup, BackupError> {
    let folder = &settings.privacy.keys;
    // To be told of keys that are not there is better than to keep nothing for years.
    fs::read_dir(folder).map_err(BackupError::at(folder))?;
    let mut draft = Draft::begin(to, KEYS, Manifest::new(Kind::Keys, now))?;
    let own = to.canonicalize().unwrap_or_else(|_| to.to_owned());
    let apart = |path: &Path| {
        // Keys that are made to be dropped: a copy would undo it.
        path.ends_with(ring::FOLDER) || path.canonicalize().is_ok_and(|path| path.starts_with(&own))
    };
    draft.tree(folder, "keys", &apart)?;
    draft.finish()
}

/// Removes the oldest backups of records in a folder beyond `keep`; tells how many.
///
/// # Errors
/// The disk.
pub fn thin(folder: &Path, keep: usize) -> Result<usize, BackupError> {
    let all = list(folder, Kind::Records)?;
    let surplus = all.len().saturating_sub(keep.max(1));
    for old in &all[..surplus] {
        // What is removed half is no backup any more.
        let manifest = old.folder.join(super::MANIFEST);
        fs::remove_file(&manifest).map_err(BackupError::at(&manifest))?;
        fs::remove_dir_all(&old.folder).map_err(BackupError::at(&old.folder))?;
    }
    Ok(surplus)
}

/// The segments from the one on that has the entry after `checkpoint`.
fn journal(draft: &mut Draft, folder: &Path, checkpoint: u64) -> Result<(), BackupError> {
    if !folder.exists() {
        return Ok(());
    }
    for _ in 0..TRIES {
        let before = segments(folder).map_err(BackupError::at(folder))?;
        draft
            .manifest
            .files
            .retain(|name, _| !name.starts_with(JOURNAL));
        let place = draft.place(&format!("{JOURNAL}/x"))?;
        if let Some(copied) = place.parent() {
            fs::remove_dir_all(copied).map_err(BackupError::at(copied))?;
        }
        for first in &before {
            let name = format!("{first:08}.log");
            draft.copy(&folder.join(&name), &format!("{JOURNAL}/{name}"), true)?;
        }
        // Those that nobody needed any more may be gone meanwhile; those after the tables may not.
        let needed = before.iter().rev().find(|first| **first <= checkpoint + 1);
        let from = needed.copied().unwrap_or(0);
        let mut needed = before.iter().filter(|first| **first >= from);
        let has = |first: &u64| {
            let name = format!("{JOURNAL}/{first:08}.log");
            draft.manifest.files.contains_key(&name)
        };
        if needed.all(has) {
            return Ok(());
        }
    }
    Err(BackupError::Moved(folder.to_owned()))
}

/// What stays out of a backup: keys and other secrets, what was copied already, and backups.
struct Apart {
    /// Files and folders, as they are without links and detours.
    paths: Vec<PathBuf>,
}

impl Apart {
    fn of(settings: &Settings, to: &Path) -> Self {
        let mut paths = vec![
            to.to_owned(),
            settings.privacy.keys.clone(),
            settings.storage.journal(),
        ];
        let secrets = [&settings.webhooks.secrets, &settings.tls.key];
        paths.extend(secrets.into_iter().flatten().cloned());
        if let Location::Sqlite(path) = &settings.storage.database {
            // With what SQLite puts beside it.
            let beside = ["", "-wal", "-shm", "-journal"].map(|end| {
                let mut name = path.clone().into_os_string();
                name.push(end);
                PathBuf::from(name)
            });
            paths.extend(beside);
        }
        let real = |path: PathBuf| path.canonicalize().unwrap_or(path);
        let paths = paths.into_iter().map(real).collect();
        Self { paths }
    }

    fn has(&self, path: &Path) -> bool {
        let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        self.paths.iter().any(|apart| real.starts_with(apart))
    }
}
