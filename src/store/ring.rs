//! Keys that are made to be dropped: what was sealed with one is unreadable wherever it lies (journal, database,
//! backups) as soon as its key is gone. One file a kind, beside the keys that stay, and in no backup.
//!
//! A line is `id owner made until key`; of several lines with one id the last holds. Adding is appending, dropping is
//! writing anew; the octets of the former file are written over.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::keys::{self, KeyError};
use crate::private::Private;
use crate::time::Wall;

/// The folder within that of the keys. Whoever backs up keys leaves it out.
pub const FOLDER: &str = "erasable";
/// The most keys of a ring; who comes beyond it has nothing kept.
const MOST: usize = 200_000;
/// Letters of the name of a key.
const NAME: usize = 12;

/// A key that ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erasable {
    /// Its name, which stands before what is sealed with it.
    pub id: String,
    /// Whose it is: a caller's pseudonym, or a use.
    pub owner: String,
    /// It seals nothing new after it has lived as long as what it seals is kept.
    pub made: Wall,
    /// When it is to be dropped.
    pub until: Wall,
    /// The key.
    pub key: Private<[u8; 32]>,
}

impl Erasable {
    fn line(&self) -> String {
        let Self {
            id,
            owner,
            made,
            until,
            key,
        } = self;
        format!(
            "{id} {owner} {} {} {}\n",
            made.0,
            until.0,
            keys::hex(key.reveal())
        )
    }

    fn read(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let mut word = || words.next();
        Some(Self {
            id: word()?.to_owned(),
            owner: word()?.to_owned(),
            made: Wall(word()?.parse().ok()?),
            until: Wall(word()?.parse().ok()?),
            key: Private::new(keys::parse(word()?)?),
        })
    }
}

/// A file of such keys. Several processes may use one file.
#[derive(Debug)]
pub struct Ring {
    path: PathBuf,
    all: BTreeMap<String, Erasable>,
    /// How much of which file was read.
    seen: Option<Stamp>,
}

impl Ring {
    /// The keys of callers' numbers.
    ///
    /// # Errors
    /// See [`KeyError`].
    pub fn of_callers(keys: &Path) -> Result<Self, KeyError> {
        Self::open(keys, "callers.keys")
    }

    /// The keys of snapshots.
    ///
    /// # Errors
    /// See [`KeyError`].
    pub fn of_snapshots(keys: &Path) -> Result<Self, KeyError> {
        Self::open(keys, "snapshots.keys")
    }

    fn open(keys: &Path, name: &str) -> Result<Self, KeyError> {
        let folder = keys.join(FOLDER);
        keys::private(&folder)?;
        let mut ring = Self {
            path: folder.join(name),
            all: BTreeMap::new(),
            seen: None,
        };
        ring.locked(|_, _| Ok(()))?;
        Ok(ring)
    }

    /// A key of this owner that was made less than `keep` ago, else a new one. What is sealed with it now can be opened
    /// for `keep`. `None`: there are too many keys.
    ///
    /// # Errors
    /// The file, or the system gives no randomness.
    pub fn seal_with(
        &mut self,
        owner: &str,
        now: Wall,
        keep: Duration,
    ) -> Result<Option<Erasable>, KeyError> {
        self.take(owner, now, keep, |_| now + keep)
    }

    /// As [`Self::seal_with`], of a key that was made less than `fresh` ago and that ends `keep` after it was made.
    ///
    /// # Errors
    /// As [`Self::seal_with`].
    pub fn seal_for(
        &mut self,
        owner: &str,
        now: Wall,
        fresh: Duration,
        keep: Duration,
    ) -> Result<Option<Erasable>, KeyError> {
        self.take(owner, now, fresh, |made| made + keep)
    }

    fn take(
        &mut self,
        owner: &str,
        now: Wall,
        fresh: Duration,
        end: impl Fn(Wall) -> Wall,
    ) -> Result<Option<Erasable>, KeyError> {
        self.locked(|ring, file| {
            let own = ring.all.values().filter(|one| one.owner == owner);
            let young = own.filter(|one| one.made <= now && now.since(one.made) < fresh);
            let found = young.max_by_key(|one| one.made).cloned();
            let mut one = match found {
                Some(one) => one,
                None if ring.all.len() >= MOST => return Ok(None),
                None => Erasable {
                    id: keys::hex(&keys::random()?[..NAME / 2]),
                    owner: owner.to_owned(),
                    made: now,
                    until: now,
                    key: Private::new(keys::random()?),
                },
            };
            let until = end(one.made);
            if until > one.until {
                one.until = until;
                let fault = KeyError::at(&ring.path);
                file.write_all(one.line().as_bytes()).map_err(&fault)?;
                file.sync_all().map_err(&fault)?;
                ring.all.insert(one.id.clone(), one.clone());
                ring.seen = stamp(file);
            }
            Ok(Some(one))
        })
    }

    /// A key by its name; `None`: it was dropped.
    ///
    /// # Errors
    /// The file.
    pub fn named(&mut self, id: &str) -> Result<Option<Erasable>, KeyError> {
        self.locked(|ring, _| Ok(ring.all.get(id).cloned()))
    }

    /// Drops the keys of which `over` says so; gives how many.
    ///
    /// # Errors
    /// The file.
    pub fn erase(&mut self, over: impl Fn(&Erasable) -> bool) -> Result<usize, KeyError> {
        self.locked(|ring, former| {
            let before = ring.all.len();
            ring.all.retain(|_, one| !over(one));
            let dropped = before - ring.all.len();
            if dropped == 0 {
                return Ok(0);
            }
            let fault = KeyError::at(&ring.path);
            let folder = ring.path.parent().unwrap_or(Path::new("."));
            let mut new = tempfile::Builder::new()
                .permissions(Permissions::from_mode(0o600))
                .tempfile_in(folder)
                .map_err(&fault)?;
            for one in ring.all.values() {
                new.write_all(one.line().as_bytes()).map_err(&fault)?;
            }
            new.as_file().sync_all().map_err(&fault)?;
            let new = new
                .persist(&ring.path)
                .map_err(|error| fault(error.error))?;
            ring.seen = stamp(&new);
            keys::synced(folder)?;
            former.seek(SeekFrom::Start(0)).map_err(&fault)?;
            keys::blank(&*former).map_err(&fault)?;
            Ok(dropped)
        })
    }

    /// How many would be dropped.
    ///
    /// # Errors
    /// The file.
    pub fn count(&mut self, over: impl Fn(&Erasable) -> bool) -> Result<usize, KeyError> {
        self.locked(|ring, _| Ok(ring.all.values().filter(|one| over(one)).count()))
    }

    /// With the file as it is now, and nobody else at it.
    fn locked<T>(
        &mut self,
        with: impl FnOnce(&mut Self, &mut File) -> Result<T, KeyError>,
    ) -> Result<T, KeyError> {
        let lock = self.path.with_extension("lock");
        let guard = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&lock);
        let guard = guard.map_err(KeyError::at(&lock))?;
        guard.lock().map_err(KeyError::at(&lock))?;
        keys::is_private(&self.path)?;
        let fault = KeyError::at(&self.path);
        // Not for appending: what is dropped is written over.
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .mode(0o600)
            .open(&self.path);
        let mut file = file.map_err(&fault)?;
        if self.seen.is_none() || self.seen != stamp(&file) {
            self.read(&mut file)?;
        }
        file.seek(SeekFrom::End(0)).map_err(&fault)?;
        let done = with(self, &mut file);
        // The lock goes with its file.
        drop(guard);
        done
    }

    fn read(&mut self, file: &mut File) -> Result<(), KeyError> {
        let fault = KeyError::at(&self.path);
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(&fault)?;
        self.all.clear();
        for line in text.lines() {
            match Erasable::read(line) {
                Some(one) => drop(self.all.insert(one.id.clone(), one)),
                // A torn line never sealed anything: it was to be on the disk first.
                None => tracing::warn!("{}: a line is no key and was skipped", self.path.display()),
            }
        }
        if !text.is_empty() && !text.ends_with('\n') {
            file.write_all(b"\n").map_err(&fault)?;
        }
        self.seen = stamp(file);
        Ok(())
    }
}

/// Tells whether a file is still as it was read: which it is, how long, and changed when.
type Stamp = (u64, u64, i64, i64);

fn stamp(file: &File) -> Option<Stamp> {
    let data: fs::Metadata = file.metadata().ok()?;
    Some((data.ino(), data.len(), data.mtime(), data.mtime_nsec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    fn hour(count: u32) -> Wall {
        Wall(0) + HOUR * count
    }

    #[test]
    fn a_key_seals_for_a_while_lives_on_a_while_and_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let mut ring = Ring::of_callers(folder.path()).unwrap();
        let mut key = |owner: &str, at| {
            let key = ring.seal_with(owner, hour(at), HOUR * 72);
            key.unwrap().unwrap()
        };
        let first = key("C-1", 0);
        assert_eq!(key("C-1", 71).id, first.id, "one key for one caller");
        assert_ne!(key("C-2", 71).id, first.id);
        let second = key("C-1", 72);
        assert_ne!(second.id, first.id, "nobody's key is renewed for ever");
        let mut other = Ring::of_callers(folder.path()).unwrap();
        assert_eq!(
            other.named(&first.id).unwrap().unwrap().until,
            hour(71 + 72)
        );
        let over = |at| move |one: &Erasable| one.until <= hour(at);
        assert_eq!(ring.erase(over(142)).unwrap(), 0);
        assert_eq!(ring.erase(over(143)).unwrap(), 2);
        assert_eq!(other.named(&first.id).unwrap(), None, "for all who read");
        assert_eq!(other.named(&second.id).unwrap(), Some(second));
    }

    #[test]
    fn a_torn_line_hides_no_other_and_a_dropped_key_is_in_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let mut ring = Ring::of_callers(folder.path()).unwrap();
        let mut key = |owner: &str| ring.seal_with(owner, hour(1), HOUR).unwrap().unwrap();
        let first = key("C-1");
        let path = folder.path().join(FOLDER).join("callers.keys");
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"abc C-9 1").unwrap();
        let second = key("C-2");
        let mut again = Ring::of_callers(folder.path()).unwrap();
        assert_eq!(again.named(&second.id).unwrap(), Some(second));
        let mut former = File::open(&path).unwrap();
        assert_eq!(again.erase(|one| one.owner == "C-1").unwrap(), 1);
        let mut text = fs::read_to_string(&path).unwrap();
        former.read_to_string(&mut text).unwrap();
        assert!(!text.contains(&keys::hex(first.key.reveal())), "{text}");
    }

    #[test]
    fn a_ring_that_others_may_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        drop(Ring::of_snapshots(folder.path()).unwrap());
        let path = folder.path().join(FOLDER).join("snapshots.keys");
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(
            Ring::of_snapshots(folder.path()),
            Err(KeyError::Exposed(_))
        ));
    }
}
