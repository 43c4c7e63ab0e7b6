//! The keys that an installation has for long: each a file in a folder of its own, so that they can be kept apart from
//! the data. Keys that are made to be dropped are [`super::ring`]'s.

use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::private::Private;
use crate::records::key_letter;

/// The key that names callers.
const PSEUDONYM: &str = "pseudonym.key";
/// The one before it, tried by lookups until all who call again have their new names.
const FORMER: &str = "pseudonym.former.key";

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file or its folder.
    #[error("{}: {source}; keys need a folder that this user alone may read and write", path.display())]
    Disk {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Others may read it.
    #[error("{}: others may read this key; run: chmod 600 {}", .0.display(), .0.display())]
    Exposed(PathBuf),
    /// Not what this program writes.
    #[error("{}: a key is 64 hexadecimal digits; restore it from a backup, or move it away to begin with a new one \
             (callers then get new pseudonyms, and snapshots sealed with the old key cannot be opened)", .0.display())]
    Malformed(PathBuf),
    /// The system gives no randomness.
    #[error("the system gives no random bytes: {0}")]
    NoRandomness(getrandom::Error),
    /// A ring of keys holds as many as it may.
    #[error("there are too many keys that are to be dropped; run: qaynar purge")]
    Full,
    /// Two keys before the present one would leave some callers without their past.
    #[error(
        "the key before the present one is still there: callers who have not called since are known by it; \
         `qaynar keys retire` drops it, then rotate again"
    )]
    StillRotating,
    /// There is nothing to drop.
    #[error("there is no former key; `qaynar keys rotate` makes a new one")]
    NoFormer,
}

impl KeyError {
    /// A fault of this file.
    pub(super) fn at(path: &Path) -> impl Fn(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Disk {
            path: path.clone(),
            source,
        }
    }
}

/// The keys of an installation.
#[derive(Debug, Clone)]
pub struct Keys {
    /// Opens snapshots of before there were keys by the day.
    pub snapshot: Private<[u8; 32]>,
    /// Names callers.
    pub pseudonym: Private<[u8; 32]>,
    /// Named them before, while that is not over.
    pub former: Option<Private<[u8; 32]>>,
    /// Chains the audit log.
    pub audit: Private<[u8; 32]>,
}

impl Keys {
    /// Reads the keys of the folder; the first start makes them.
    ///
    /// # Errors
    /// See [`KeyError`].
    pub fn load_or_make(folder: &Path) -> Result<Self, KeyError> {
        private(folder)?;
        let former = folder.join(FORMER);
        Ok(Self {
            snapshot: key(&folder.join("snapshot.key"))?,
            pseudonym: key(&folder.join(PSEUDONYM))?,
            former: former.exists().then(|| key(&former)).transpose()?,
            audit: key(&folder.join("audit.key"))?,
        })
    }

    /// Makes a new key of pseudonyms; the present one becomes the former. Gives the letters of both.
    ///
    /// # Errors
    /// There is a former one already; the disk.
    pub fn rotate(folder: &Path) -> Result<(char, char), KeyError> {
        let keys = Self::load_or_make(folder)?;
        if keys.former.is_some() {
            return Err(KeyError::StillRotating);
        }
        let (present, former) = (folder.join(PSEUDONYM), folder.join(FORMER));
        let before = key_letter(&keys.pseudonym);
        // People tell keys apart by their letters.
        let new = loop {
            let new = Private::new(random()?);
            if key_letter(&new) != before {
                break new;
            }
        };
        // At each moment there is a present key: the former is a second name of it until the new one has come.
        fs::hard_link(&present, &former).map_err(KeyError::at(&former))?;
        let file = written(&new, folder)?;
        let replaced = file.persist(&present);
        replaced.map_err(|fault| KeyError::at(&present)(fault.error))?;
        synced(folder)?;
        Ok((before, key_letter(&new)))
    }

    /// Drops the former key: whoever has not called since the rotation is a new caller from then on. Gives its letter.
    ///
    /// # Errors
    /// There is none; the disk.
    pub fn retire(folder: &Path) -> Result<char, KeyError> {
        let keys = Self::load_or_make(folder)?;
        let former = keys.former.ok_or(KeyError::NoFormer)?;
        overwrite(&folder.join(FORMER))?;
        synced(folder)?;
        Ok(key_letter(&former))
    }
}

/// Makes the folder for this user alone, where it is missing.
pub(super) fn private(folder: &Path) -> Result<(), KeyError> {
    let made = fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder);
    made.map_err(KeyError::at(folder))
}

/// 32 bytes of the system.
pub(super) fn random() -> Result<[u8; 32], KeyError> {
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(KeyError::NoRandomness)?;
    Ok(key)
}

/// Removes a file after its octets have been written over, as far as the disk does that in place.
pub(super) fn overwrite(path: &Path) -> Result<(), KeyError> {
    let fault = KeyError::at(path);
    blank(&fs::File::options().write(true).open(path).map_err(&fault)?).map_err(&fault)?;
    fs::remove_file(path).map_err(&fault)
}

/// Writes zeros over all that a file holds.
pub(super) fn blank(mut file: &fs::File) -> io::Result<()> {
    let length = usize::try_from(file.metadata()?.len()).unwrap_or(0);
    file.write_all(&vec![b'0'; length])?;
    file.sync_all()
}

/// Brings the names of a folder to the disk.
pub(super) fn synced(folder: &Path) -> Result<(), KeyError> {
    let synced = fs::File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(KeyError::at(folder))
}

/// Refuses a file that others may read; `false`: there is none.
pub(super) fn is_private(path: &Path) -> Result<bool, KeyError> {
    match fs::metadata(path) {
        Ok(found) if found.permissions().mode() & 0o077 != 0 => {
            Err(KeyError::Exposed(path.to_owned()))
        }
        Ok(_) => Ok(true),
        Err(missing) if missing.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(other) => Err(KeyError::at(path)(other)),
    }
}

/// Reads a key; makes it where the file is missing.
fn key(path: &Path) -> Result<Private<[u8; 32]>, KeyError> {
    if !is_private(path)? {
        make(path)?;
    }
    let text = fs::read_to_string(path).map_err(KeyError::at(path))?;
    parse(text.trim())
        .map(Private::new)
        .ok_or_else(|| KeyError::Malformed(path.to_owned()))
}

/// 64 hexadecimal digits.
pub(super) fn parse(text: &str) -> Option<[u8; 32]> {
    let mut key = [0; 32];
    let digits = text.as_bytes();
    if digits.len() != 2 * key.len() || !digits.is_ascii() {
        return None;
    }
    for (byte, pair) in key.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(key)
}

/// The same, written.
pub(super) fn hex(key: &[u8]) -> String {
    key.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Makes a key that is whole or not there: written beside, synced, then given its name. Where another
/// process was quicker, its key stays.
fn make(path: &Path) -> Result<(), KeyError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let file = written(&Private::new(random()?), folder)?;
    match file.persist_noclobber(path) {
        Ok(_) => synced(folder),
        Err(taken) if taken.error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(other) => Err(KeyError::at(path)(other.error)),
    }
}

/// A file without a name yet that holds the key, on the disk.
fn written(key: &Private<[u8; 32]>, folder: &Path) -> Result<tempfile::NamedTempFile, KeyError> {
    let fault = KeyError::at(folder);
    let mut file = tempfile::Builder::new()
        .permissions(Permissions::from_mode(0o600))
        .tempfile_in(folder)
        .map_err(&fault)?;
    writeln!(file, "{}", hex(key.reveal())).map_err(&fault)?;
    file.as_file().sync_all().map_err(&fault)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_made_once_for_this_user_alone_and_stay() {
        let folder = tempfile::tempdir().unwrap();
        let keys = folder.path().join("keys");
        let made = Keys::load_or_make(&keys).unwrap();
        assert_ne!(made.snapshot, made.pseudonym);
        let mode = fs::metadata(keys.join("snapshot.key"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(Keys::load_or_make(&keys).unwrap().pseudonym, made.pseudonym);
    }

    #[test]
    fn a_key_that_others_may_read_or_that_is_damaged_is_refused_with_the_way_out() {
        let folder = tempfile::tempdir().unwrap();
        Keys::load_or_make(folder.path()).unwrap();
        let path = folder.path().join("snapshot.key");
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        let told = Keys::load_or_make(folder.path()).unwrap_err().to_string();
        assert!(told.contains("chmod 600"), "{told}");
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, "short").unwrap();
        let told = Keys::load_or_make(folder.path()).unwrap_err().to_string();
        assert!(told.contains("64 hexadecimal digits"), "{told}");
    }

    #[test]
    fn a_rotation_keeps_the_key_before_until_it_is_retired() {
        let folder = tempfile::tempdir().unwrap();
        let before = Keys::load_or_make(folder.path()).unwrap();
        let (old, new) = Keys::rotate(folder.path()).unwrap();
        let after = Keys::load_or_make(folder.path()).unwrap();
        assert_eq!(old, key_letter(&before.pseudonym));
        assert_eq!(new, key_letter(&after.pseudonym));
        assert_ne!(old, new);
        assert_eq!(after.former, Some(before.pseudonym));
        let told = Keys::rotate(folder.path()).unwrap_err().to_string();
        assert!(told.contains("qaynar keys retire"), "{told}");
        assert_eq!(Keys::retire(folder.path()).unwrap(), old);
        let alone = Keys::load_or_make(folder.path()).unwrap();
        assert_eq!((alone.former, alone.pseudonym), (None, after.pseudonym));
        assert!(Keys::retire(folder.path()).is_err());
    }
}
