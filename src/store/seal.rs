//! Keys, and what is sealed with them.
//!
//! Snapshots hold what is needed to speak to the peers again, callers' numbers among it, so they are
//! encrypted before they reach the journal: XChaCha20-Poly1305 (RFC 8439 with the longer nonce), bound to
//! their call. The keys lie in a folder of their own, so that they can be kept apart from the data.

use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};

use crate::ids::CallId;
use crate::private::Private;

/// The nonce of XChaCha20.
const NONCE: usize = 24;

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
}

/// Both keys of an installation.
#[derive(Debug, Clone)]
pub struct Keys {
    /// Seals snapshots.
    pub snapshot: Private<[u8; 32]>,
    /// Names callers.
    pub pseudonym: Private<[u8; 32]>,
}

impl Keys {
    /// Reads `snapshot.key` and `pseudonym.key` of the folder; the first start makes them.
    ///
    /// # Errors
    /// See [`KeyError`].
    pub fn load_or_make(folder: &Path) -> Result<Self, KeyError> {
        let made = fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder);
        made.map_err(|source| KeyError::Disk {
            path: folder.to_owned(),
            source,
        })?;
        Ok(Self {
            snapshot: key(&folder.join("snapshot.key"))?,
            pseudonym: key(&folder.join("pseudonym.key"))?,
        })
    }
}

/// Reads a key; makes it where the file is missing.
fn key(path: &Path) -> Result<Private<[u8; 32]>, KeyError> {
    let fault = |source| KeyError::Disk {
        path: path.to_owned(),
        source,
    };
    match fs::metadata(path) {
        Ok(found) if found.permissions().mode() & 0o077 != 0 => {
            return Err(KeyError::Exposed(path.to_owned()));
        }
        Ok(_) => {}
        Err(missing) if missing.kind() == io::ErrorKind::NotFound => make(path)?,
        Err(other) => return Err(fault(other)),
    }
    let text = fs::read_to_string(path).map_err(fault)?;
    parse(text.trim())
        .map(Private::new)
        .ok_or_else(|| KeyError::Malformed(path.to_owned()))
}

fn parse(text: &str) -> Option<[u8; 32]> {
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

/// Makes a key that is whole or not there: written beside, synced, then given its name. Where another
/// process was quicker, its key stays.
fn make(path: &Path) -> Result<(), KeyError> {
    let fault = |source| KeyError::Disk {
        path: path.to_owned(),
        source,
    };
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(KeyError::NoRandomness)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new()
        .permissions(Permissions::from_mode(0o600))
        .tempfile_in(folder)
        .map_err(fault)?;
    for byte in key {
        write!(file, "{byte:02x}").map_err(fault)?;
    }
    writeln!(file).map_err(fault)?;
    file.as_file().sync_all().map_err(fault)?;
    match file.persist_noclobber(path) {
        Ok(_) => fs::File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(fault),
        Err(taken) if taken.error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(other) => Err(fault(other.error)),
    }
}

/// A sealed text cannot be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the snapshot cannot be opened: it is damaged, of another call, or sealed with another key than keys/snapshot.key"
)]
pub struct CannotOpen;

/// Seals and opens snapshots.
pub struct Sealer {
    cipher: XChaCha20Poly1305,
    /// Random at each start; with the counter it makes a nonce that never comes twice.
    prefix: [u8; 16],
    count: AtomicU64,
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sealer").finish_non_exhaustive()
    }
}

impl Sealer {
    /// A sealer with this key.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub fn new(key: &Private<[u8; 32]>) -> Result<Self, KeyError> {
        let mut prefix = [0; 16];
        getrandom::fill(&mut prefix).map_err(KeyError::NoRandomness)?;
        let cipher = XChaCha20Poly1305::new(key.reveal().into());
        Ok(Self {
            cipher,
            prefix,
            count: AtomicU64::new(0),
        })
    }

    /// Seals the snapshot of a call: base64 of nonce and ciphertext.
    ///
    /// # Errors
    /// The snapshot is longer than the cipher allows (256 GiB).
    pub fn seal(&self, call: CallId, snapshot: &[u8]) -> Result<String, CannotOpen> {
        let mut nonce = [0; NONCE];
        let (prefix, count) = nonce.split_at_mut(self.prefix.len());
        prefix.copy_from_slice(&self.prefix);
        count.copy_from_slice(&self.count.fetch_add(1, Ordering::Relaxed).to_be_bytes());
        let payload = Payload {
            msg: snapshot,
            aad: &call.0.to_be_bytes(),
        };
        let sealed = self
            .cipher
            .encrypt(XNonce::from_slice(&nonce), payload)
            .map_err(|_| CannotOpen)?;
        Ok(STANDARD_NO_PAD.encode([nonce.as_slice(), &sealed].concat()))
    }

    /// Opens what [`Sealer::seal`] made for this call.
    ///
    /// # Errors
    /// See [`CannotOpen`].
    pub fn open(&self, call: CallId, sealed: &str) -> Result<Vec<u8>, CannotOpen> {
        let bytes = STANDARD_NO_PAD.decode(sealed).map_err(|_| CannotOpen)?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE).ok_or(CannotOpen)?;
        let payload = Payload {
            msg: sealed,
            aad: &call.0.to_be_bytes(),
        };
        self.cipher
            .decrypt(XNonce::from_slice(nonce), payload)
            .map_err(|_| CannotOpen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_opens_with_its_key_and_for_its_call_only() {
        let sealer = Sealer::new(&Private::new([1; 32])).unwrap();
        let sealed = sealer.seal(CallId(7), b"+994501234567").unwrap();
        assert_eq!(sealer.open(CallId(7), &sealed).unwrap(), b"+994501234567");
        assert_eq!(sealer.open(CallId(8), &sealed), Err(CannotOpen));
        let other = Sealer::new(&Private::new([2; 32])).unwrap();
        assert_eq!(other.open(CallId(7), &sealed), Err(CannotOpen));
        assert_eq!(sealer.open(CallId(7), "not base64!"), Err(CannotOpen));
        assert_eq!(sealer.open(CallId(7), "AAAA"), Err(CannotOpen));
    }

    #[test]
    fn one_snapshot_sealed_twice_looks_different() {
        let sealer = Sealer::new(&Private::new([1; 32])).unwrap();
        assert_ne!(
            sealer.seal(CallId(7), b"x").unwrap(),
            sealer.seal(CallId(7), b"x").unwrap()
        );
    }

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
}
