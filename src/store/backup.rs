//! Backups: all that the house needs to go on elsewhere, as a folder of plain files that is checked before it counts.
//!
//! ```text
//! qaynar-20261129T210000Z/
//!   manifest.json   what is in it: sizes and SHA-256 of all files
//!   database.db     the tables as one SQLite file, whatever program keeps them: it restores into either
//!   journal/        the journal, at least as far as the tables go
//!   data/           recordings, messages, versions of dialplans, and whatever else the data folder has
//!   dialplans/      the folder that people edit
//!   qaynar.toml     the settings
//! ```
//!
//! Keys are never in it: who finds a backup finds pseudonyms and sealed snapshots. They have a backup of their own
//! ([`keys`]), to be kept elsewhere. A backup is made beside the running server, which waits for nothing: SQLite is
//! read in one transaction, PostgreSQL in one snapshot, and the journal after them, so that it tells at least as much.

mod draft;
mod make;
mod restore;
mod tables;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::database::DatabaseError;
use crate::time::Wall;

pub use make::{keys, make, thin};
pub use restore::{Restored, is_half_restored, restore, restore_keys};

/// How backups are laid out today.
const FORMAT: u32 = 1;
/// The file that tells what is in a backup.
pub const MANIFEST: &str = "manifest.json";
/// The longest manifest: some millions of files.
const LONGEST: u64 = 1 << 30;
/// How the names of backups begin.
const RECORDS: &str = "qaynar-";
const KEYS: &str = "qaynar-keys-";
/// Pieces in which files are read.
const PIECE: usize = 1 << 16;

/// Why a backup cannot be made, trusted or restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A file or a folder.
    #[error("{}: {source}; check that the disk is there, has room, and may be read and written by this user", path.display())]
    Disk {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The database.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// A backup is being made there at this moment.
    #[error("{}: another backup is being made there; wait for it", .0.display())]
    Busy(PathBuf),
    /// There is no manifest that can be read.
    #[error("{}: this is no backup: {why}; name the folder that has {MANIFEST} in it", path.display())]
    NoBackup {
        /// Where.
        path: PathBuf,
        /// What is missing.
        why: String,
    },
    /// What is there is not what was written.
    #[error("{}: {why}; the backup is damaged, take another one", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// How it differs.
        why: String,
    },
    /// Made by a later program.
    #[error("{}: it is of format {found}, this qaynar knows {FORMAT}; restore it with the qaynar that made it", path.display())]
    Newer {
        /// Which backup.
        path: PathBuf,
        /// Its format.
        found: u32,
    },
    /// Records where keys are wanted, or the other way round.
    #[error("{}: this is a backup of {found}, {wanted} are wanted here", path.display())]
    Other {
        /// Which backup.
        path: PathBuf,
        /// What it has.
        found: Kind,
        /// What was asked for.
        wanted: Kind,
    },
    /// There is something already.
    #[error(
        "{0}: there are records already, and nothing is overwritten; restore onto an empty machine, or move them away first"
    )]
    NotEmpty(String),
    /// A restore that was interrupted.
    #[error("{}: a restore did not come to its end here; run `qaynar restore` again", .0.display())]
    Half(PathBuf),
    /// The journal grew too fast.
    #[error("{}: the journal moved on while it was copied; try again", .0.display())]
    Moved(PathBuf),
}

impl BackupError {
    fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Disk { path, source }
    }
}

/// What a backup has in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Everything but the keys.
    Records,
    /// The keys alone.
    Keys,
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Records => "records",
            Self::Keys => "keys",
        })
    }
}

/// What is in a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// How it is laid out.
    pub format: u32,
    /// What it has.
    pub kind: Kind,
    /// When it was begun.
    pub made: jiff::Timestamp,
    /// Which qaynar made it.
    pub program: String,
    /// The number of the last journal entry that its tables hold.
    #[serde(default)]
    pub checkpoint: u64,
    /// All its files but this one, by their path in it.
    pub files: BTreeMap<String, Kept>,
}

impl Manifest {
    fn new(kind: Kind, now: Wall) -> Self {
        Self {
            format: FORMAT,
            kind,
            made: timestamp(now),
            program: env!("CARGO_PKG_VERSION").to_owned(),
            checkpoint: 0,
            files: BTreeMap::new(),
        }
    }

    /// How many bytes its files have.
    pub fn size(&self) -> u64 {
        self.files.values().map(|kept| kept.size).sum()
    }

    /// When it was begun.
    pub fn moment(&self) -> Wall {
        Wall(self.made.as_microsecond())
    }
}

/// A file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// How many bytes.
    pub size: u64,
    /// Their SHA-256, in hexadecimal digits.
    pub sha256: String,
}

fn timestamp(now: Wall) -> jiff::Timestamp {
    jiff::Timestamp::from_microsecond(now.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
}

/// A backup that is whole, with its folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    /// Where it is.
    pub folder: PathBuf,
    /// What is in it.
    pub manifest: Manifest,
}

/// The backups in a folder, the oldest first; what is no backup is passed over.
///
/// # Errors
/// The folder cannot be read. One that is not there has none.
pub fn list(folder: &Path, kind: Kind) -> Result<Vec<Backup>, BackupError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(BackupError::at(folder)(error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let folder = entry.map_err(BackupError::at(folder))?.path();
        let name = folder
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if !name.starts_with(RECORDS) {
            continue;
        }
        if let Ok(manifest) = manifest(&folder)
            && manifest.kind == kind
        {
            found.push(Backup { folder, manifest });
        }
    }
    found.sort_by_key(|backup| (backup.manifest.made, backup.folder.clone()));
    Ok(found)
}

/// The backup at a path: the folder itself, or the newest one in it.
///
/// # Errors
/// There is none.
pub fn find(path: &Path, kind: Kind) -> Result<Backup, BackupError> {
    if !path.join(MANIFEST).exists()
        && let Some(newest) = list(path, kind)?.pop()
    {
        return Ok(newest);
    }
    let manifest = manifest(path)?;
    match manifest.kind == kind {
        true => Ok(Backup {
            folder: path.to_owned(),
            manifest,
        }),
        false => Err(BackupError::Other {
            path: path.to_owned(),
            found: manifest.kind,
            wanted: kind,
        }),
    }
}

fn manifest(folder: &Path) -> Result<Manifest, BackupError> {
    #[derive(Deserialize)]
    struct Format {
        format: u32,
    }
    let path = folder.join(MANIFEST);
    let none = |why: String| BackupError::NoBackup {
        path: folder.to_owned(),
        why,
    };
    let mut text = String::new();
    let file = File::open(&path).map_err(|error| none(format!("{MANIFEST}: {error}")))?;
    let read = file.take(LONGEST).read_to_string(&mut text);
    read.map_err(BackupError::at(&path))?;
    let unread = |error: serde_json::Error| none(format!("{MANIFEST}: {error}"));
    let Format { format } = serde_json::from_str(&text).map_err(unread)?;
    if format > FORMAT {
        let path = folder.to_owned();
        return Err(BackupError::Newer {
            path,
            found: format,
        });
    }
    serde_json::from_str(&text).map_err(unread)
}

/// Reads all of a backup again, and the database by its own rules.
///
/// # Errors
/// The first thing that is not as it was written.
pub fn verify(backup: &Backup) -> Result<(), BackupError> {
    for (name, kept) in &backup.manifest.files {
        let path = backup.folder.join(within(&backup.folder, name)?);
        let damaged = |why: String| BackupError::Damaged {
            path: path.clone(),
            why,
        };
        let found = measure(&path).map_err(|error| damaged(error.to_string()))?;
        if found.size != kept.size {
            return Err(damaged(format!(
                "{} bytes, and not {}",
                found.size, kept.size
            )));
        }
        if found.sha256 != kept.sha256 {
            return Err(damaged("its bytes are not those that were written".into()));
        }
    }
    if backup.manifest.kind == Kind::Records {
        let path = backup.folder.join(make::DATABASE);
        tables::check(&path).map_err(|why| BackupError::Damaged { path, why })?;
    }
    Ok(())
}

/// A name of a manifest as a path that stays in its folder: a manifest may have come from anywhere.
fn within(folder: &Path, name: &str) -> Result<PathBuf, BackupError> {
    let path = PathBuf::from(name);
    let mut parts = path.components();
    match !name.is_empty() && parts.all(|part| matches!(part, std::path::Component::Normal(_))) {
        true => Ok(path),
        false => Err(BackupError::Damaged {
            path: folder.join(MANIFEST),
            why: format!("{name:?} is no name of a file in it"),
        }),
    }
}

fn measure(path: &Path) -> io::Result<Kept> {
    let (mut file, mut hash) = (File::open(path)?, Sha256::new());
    let (mut size, mut piece) = (0_u64, vec![0; PIECE]);
    loop {
        match file.read(&mut piece)? {
            0 => break,
            count => {
                hash.update(&piece[..count]);
                size += count as u64;
            }
        }
    }
    Ok(Kept {
        size,
        sha256: hex(&hash.finalize()),
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
