//! A backup that is being written: it has its name only when all of it is on the disk and was read again.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::{Backup, BackupError, Kept, MANIFEST, Manifest, PIECE, hex, verify};
use crate::store::journal::private_folder;

/// What the names of unfinished backups begin and end with.
const HIDDEN: &str = ".qaynar-";
const PARTIAL: &str = ".partial";
/// How deep folders may lie in each other.
const DEEPEST: usize = 32;

/// A backup that is being written.
pub(super) struct Draft {
    to: PathBuf,
    name: String,
    folder: PathBuf,
    pub(super) manifest: Manifest,
    /// Held until it is finished.
    _lock: File,
}

impl Draft {
    /// Begins one in the folder `to`, and removes what an interrupted one left.
    pub(super) fn begin(to: &Path, prefix: &str, manifest: Manifest) -> Result<Self, BackupError> {
        private_folder(to).map_err(BackupError::at(to))?;
        let path = to.join(".qaynar.lock");
        let lock = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&path);
        let lock = lock.map_err(BackupError::at(&path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Err(BackupError::Busy(to.to_owned())),
            Err(fs::TryLockError::Error(error)) => return Err(BackupError::at(&path)(error)),
        }
        for entry in fs::read_dir(to).map_err(BackupError::at(to))? {
            let path = entry.map_err(BackupError::at(to))?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.starts_with(HIDDEN) && name.ends_with(PARTIAL) {
                fs::remove_dir_all(&path).map_err(BackupError::at(&path))?;
            }
        }
        let first = format!("{prefix}{}", manifest.made.strftime("%Y%m%dT%H%M%SZ"));
        let mut name = first.clone();
        for number in 2..1_000 {
            if !to.join(&name).exists() {
                break;
            }
            name = format!("{first}-{number}");
        }
        let folder = to.join(format!(".{name}{PARTIAL}"));
        private_folder(&folder).map_err(BackupError::at(&folder))?;
        Ok(Self {
            to: to.to_owned(),
            name,
            folder,
            manifest,
            _lock: lock,
        })
    }

    /// Where a file of this name is to be; its folder is there.
    pub(super) fn place(&self, name: &str) -> Result<PathBuf, BackupError> {
        let path = self.folder.join(name);
        if let Some(folder) = path.parent() {
            private_folder(folder).map_err(BackupError::at(folder))?;
        }
        Ok(path)
    }

    /// A file that somebody else wrote at its place.
    pub(super) fn add(&mut self, name: &str) -> Result<(), BackupError> {
        let path = self.folder.join(name);
        let kept = super::measure(&path).map_err(BackupError::at(&path))?;
        let synced = File::open(&path).and_then(|file| file.sync_all());
        synced.map_err(BackupError::at(&path))?;
        self.manifest.files.insert(name.to_owned(), kept);
        Ok(())
    }

    /// Copies a file; one that is gone meanwhile is left out. `lines`: what follows the last line break is not
    /// copied, since its line is still being written.
    pub(super) fn copy(&mut self, from: &Path, name: &str, lines: bool) -> Result<(), BackupError> {
        let mut source = match File::open(from) {
            Ok(source) => source,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(BackupError::at(from)(error)),
        };
        let to = self.place(name)?;
        let target = OpenOptions::new()
            .create_new(true)
            .write(true)
            .mode(0o600)
            .open(&to);
        let mut target = target.map_err(BackupError::at(&to))?;
        let (mut size, mut hash) = (0_u64, Sha256::new());
        let mut write = |bytes: &[u8]| {
            hash.update(bytes);
            size += bytes.len() as u64;
            target.write_all(bytes).map_err(BackupError::at(&to))
        };
        let (mut piece, mut held) = (vec![0; PIECE], Vec::new());
        loop {
            let count = source.read(&mut piece).map_err(BackupError::at(from))?;
            let bytes = &piece[..count];
            if count == 0 {
                break;
            }
            if !lines {
                write(bytes)?;
                continue;
            }
            match bytes.iter().rposition(|byte| *byte == b'\n') {
                Some(last) => {
                    write(&held)?;
                    write(&bytes[..=last])?;
                    held = bytes[last + 1..].to_vec();
                }
                None => held.extend_from_slice(bytes),
            }
        }
        let sha256 = hex(&hash.finalize());
        target.sync_all().map_err(BackupError::at(&to))?;
        self.manifest
            .files
            .insert(name.to_owned(), Kept { size, sha256 });
        Ok(())
    }

    /// Copies what is in a folder; `skip` names what stays out. One that is not there is empty.
    pub(super) fn tree(
        &mut self,
        from: &Path,
        name: &str,
        skip: &dyn Fn(&Path) -> bool,
    ) -> Result<(), BackupError> {
        self.deeper(from, name, skip, 0)
    }

    fn deeper(
        &mut self,
        from: &Path,
        name: &str,
        skip: &dyn Fn(&Path) -> bool,
        depth: usize,
    ) -> Result<(), BackupError> {
        let entries = match fs::read_dir(from) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(BackupError::at(from)(error)),
        };
        for entry in entries {
            let path = entry.map_err(BackupError::at(from))?.path();
            let own = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            let name = format!("{name}/{own}");
            // A link counts as what it leads to; one that leads nowhere, sockets and pipes are nothing to keep.
            let Ok(data) = fs::metadata(&path) else {
                continue;
            };
            if skip(&path) {
                continue;
            }
            if data.is_dir() && depth < DEEPEST {
                self.deeper(&path, &name, skip, depth + 1)?;
            } else if data.is_file() {
                self.copy(&path, &name, false)?;
            }
        }
        Ok(())
    }

    /// Writes the manifest, reads everything again, and gives the backup its name.
    pub(super) fn finish(self) -> Result<Backup, BackupError> {
        let path = self.folder.join(MANIFEST);
        let text = serde_json::to_string_pretty(&self.manifest).unwrap_or_default();
        let file = OpenOptions::new()
            .create_new(true)
            .write(true)
            .mode(0o600)
            .open(&path);
        let written = file.and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        });
        written.map_err(BackupError::at(&path))?;
        verify(&Backup {
            folder: self.folder.clone(),
            manifest: self.manifest.clone(),
        })?;
        let folder = self.to.join(&self.name);
        fs::rename(&self.folder, &folder).map_err(BackupError::at(&folder))?;
        let synced = File::open(&self.to).and_then(|folder| folder.sync_all());
        synced.map_err(BackupError::at(&self.to))?;
        Ok(Backup {
            folder,
            manifest: self.manifest,
        })
    }
}
