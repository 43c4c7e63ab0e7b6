//! Sealing: what only who holds a key can read.
//!
//! Snapshots hold what is needed to speak to the peers again, callers' numbers among it, so they are
//! encrypted before they reach the journal: XChaCha20-Poly1305 (RFC 8439 with the longer nonce), bound to
//! their call. Their keys are those of [`super::ring`], a new one each day: a snapshot that has become old cannot be
//! opened by anybody, wherever a copy of it lies.

use std::path::Path;
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};

use super::keys::{KeyError, Keys};
use super::ring::{Erasable, Ring};
use crate::ids::CallId;
use crate::private::Private;
use crate::time::Wall;

/// The nonce of XChaCha20: so long that random ones never meet.
const NONCE: usize = 24;
/// Whose the keys of snapshots are.
const OWNER: &str = "snapshots";
/// For so long snapshots can be opened at least, whatever is said of numbers: a night without power is shorter.
const LEAST: Duration = Duration::from_secs(12 * 3_600);
/// Into so many parts the life of a key falls: it seals in the first of them.
const PARTS: u32 = 3;

/// A sealed text cannot be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it cannot be opened: it is damaged, of another call, or its key was dropped")]
pub struct CannotOpen;

/// Seals for a call: base64 of nonce and ciphertext, after the name of the key where it has one.
pub(super) fn seal(
    key: &Private<[u8; 32]>,
    name: &str,
    bound_to: &[u8],
    plain: &[u8],
) -> Result<String, CannotOpen> {
    let mut nonce = [0; NONCE];
    getrandom::fill(&mut nonce).map_err(|_| CannotOpen)?;
    let payload = Payload {
        msg: plain,
        aad: bound_to,
    };
    let cipher = XChaCha20Poly1305::new(key.reveal().into());
    let sealed = cipher.encrypt(XNonce::from_slice(&nonce), payload);
    let sealed = sealed.map_err(|_| CannotOpen)?;
    let text = STANDARD_NO_PAD.encode([nonce.as_slice(), &sealed].concat());
    Ok(format!("{name}:{text}"))
}

/// Opens what [`seal`] made; `text` is without the key's name.
pub(super) fn open(
    key: &Private<[u8; 32]>,
    bound_to: &[u8],
    text: &str,
) -> Result<Vec<u8>, CannotOpen> {
    let bytes = STANDARD_NO_PAD.decode(text).map_err(|_| CannotOpen)?;
    let (nonce, sealed) = bytes.split_at_checked(NONCE).ok_or(CannotOpen)?;
    let payload = Payload {
        msg: sealed,
        aad: bound_to,
    };
    let cipher = XChaCha20Poly1305::new(key.reveal().into());
    let opened = cipher.decrypt(XNonce::from_slice(nonce), payload);
    opened.map_err(|_| CannotOpen)
}

/// Seals and opens snapshots.
pub struct Sealer {
    /// The key of before there were keys by the day.
    first: Private<[u8; 32]>,
    ring: Mutex<Ring>,
    present: RwLock<Erasable>,
    /// For how long snapshots can be opened.
    keep: Duration,
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sealer").finish_non_exhaustive()
    }
}

impl Sealer {
    /// A sealer with the keys of this folder, whose snapshots can be opened for `keep` at most.
    ///
    /// # Errors
    /// The file of its keys, or the system gives no random bytes.
    pub fn new(keys: &Keys, folder: &Path, keep: Duration, now: Wall) -> Result<Self, KeyError> {
        let keep = keep.max(LEAST);
        let mut ring = Ring::of_snapshots(folder)?;
        let present = present(&mut ring, keep, now)?;
        Ok(Self {
            first: keys.snapshot.clone(),
            ring: Mutex::new(ring),
            present: RwLock::new(present),
            keep,
        })
    }

    /// Takes a new key where the present one has sealed for long enough; `true`: all that is to be opened later has to
    /// be sealed again, since the former key is dropped soon.
    ///
    /// # Errors
    /// The file of its keys, or the system gives no random bytes.
    pub fn renew(&self, now: Wall) -> Result<bool, KeyError> {
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        let new = present(&mut ring, self.keep, now)?;
        let mut present = self.present.write().unwrap_or_else(PoisonError::into_inner);
        let changed = present.id != new.id;
        *present = new;
        Ok(changed)
    }

    /// Seals the snapshot of a call.
    ///
    /// # Errors
    /// The snapshot is longer than the cipher allows (256 GiB), or the system gives no random bytes.
    pub fn seal(&self, call: CallId, snapshot: &[u8]) -> Result<String, CannotOpen> {
        let present = self.present.read().unwrap_or_else(PoisonError::into_inner);
        seal(&present.key, &present.id, &call.0.to_be_bytes(), snapshot)
    }

    /// Opens what [`Sealer::seal`] made for this call.
    ///
    /// # Errors
    /// See [`CannotOpen`].
    pub fn open(&self, call: CallId, sealed: &str) -> Result<Vec<u8>, CannotOpen> {
        let bound_to = call.0.to_be_bytes();
        let Some((name, text)) = sealed.split_once(':') else {
            return open(&self.first, &bound_to, sealed);
        };
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        let key = ring.named(name).ok().flatten().ok_or(CannotOpen)?;
        open(&key.key, &bound_to, text)
    }
}

/// The key that seals now. What it seals last is to be opened until its end, so it seals in the first part of its life
/// alone.
fn present(ring: &mut Ring, keep: Duration, now: Wall) -> Result<Erasable, KeyError> {
    let part = keep / PARTS;
    // A ring of snapshots holds a handful of keys, never too many.
    let key = ring.seal_for(OWNER, now, part, keep)?;
    key.ok_or(KeyError::Full)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEEP: Duration = Duration::from_secs(72 * 3_600);

    fn sealer(folder: &tempfile::TempDir, now: Wall) -> Sealer {
        let keys = Keys::load_or_make(folder.path()).unwrap();
        Sealer::new(&keys, folder.path(), KEEP, now).unwrap()
    }

    #[test]
    fn a_snapshot_opens_with_its_key_and_for_its_call_only() {
        let folder = tempfile::tempdir().unwrap();
        let one = sealer(&folder, Wall(0));
        let sealed = one.seal(CallId(7), b"+994501234567").unwrap();
        assert_eq!(one.open(CallId(7), &sealed).unwrap(), b"+994501234567");
        assert_eq!(one.open(CallId(8), &sealed), Err(CannotOpen));
        let other = tempfile::tempdir().unwrap();
        let other = sealer(&other, Wall(0));
        assert_eq!(other.open(CallId(7), &sealed), Err(CannotOpen));
        for text in ["not base64!", "AAAA", "x:AAAA", ":"] {
            assert_eq!(one.open(CallId(7), text), Err(CannotOpen));
        }
        let again = sealer(&folder, Wall(0));
        assert!(again.open(CallId(7), &sealed).is_ok(), "after a restart");
    }

    #[test]
    fn one_snapshot_sealed_twice_looks_different() {
        let folder = tempfile::tempdir().unwrap();
        let one = sealer(&folder, Wall(0));
        let seal = || one.seal(CallId(7), b"x").unwrap();
        assert_ne!(seal(), seal());
    }

    #[test]
    fn what_the_first_version_sealed_is_opened() {
        let folder = tempfile::tempdir().unwrap();
        let keys = Keys::load_or_make(folder.path()).unwrap();
        let text = seal(&keys.snapshot, "", &7_u64.to_be_bytes(), b"x").unwrap();
        let text = text.trim_start_matches(':');
        assert_eq!(
            sealer(&folder, Wall(0)).open(CallId(7), text).unwrap(),
            b"x"
        );
    }

    #[test]
    fn an_old_snapshot_is_opened_by_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let (start, day) = (Wall(0), Duration::from_secs(24 * 3_600));
        let one = sealer(&folder, start);
        let sealed = one.seal(CallId(7), b"+994501234567").unwrap();
        assert!(!one.renew(start + day / 2).unwrap());
        assert!(one.renew(start + day).unwrap(), "each day a new key");
        assert!(one.open(CallId(7), &sealed).is_ok());
        let end = start + KEEP;
        let mut ring = Ring::of_snapshots(folder.path()).unwrap();
        assert_eq!(ring.erase(|key| key.until <= end).unwrap(), 1);
        assert_eq!(one.open(CallId(7), &sealed), Err(CannotOpen));
        assert!(one.seal(CallId(7), b"x").is_ok());
    }
}
