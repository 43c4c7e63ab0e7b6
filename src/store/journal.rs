//! The journal: what happened, written down before the packets that it explains go out.
//!
//! A batch is one `write(2)`: it survives the death of the process at once, and of the machine as soon
//! as the thread here has synced it, within 50 ms. Signalling never waits for a disk and never
//! fails because of one: what cannot be written waits in memory and is tried again.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

pub mod prune;

use super::cursor::{self, Cursor, Damage, Tail};
use super::disk::{Disk, Files, Segment};
use super::health::{Health, Part};
use super::line;
use super::recover::{self, Recovered};
use super::signal::Signal;
use crate::event::{Entry, Event, What};
use crate::ids::CallId;

/// What waits in memory while the disk refuses. Snapshots are taken up to half of it, so that events
/// find room for longest.
pub const MAX_BACKLOG: usize = 32 << 20;

/// The most calls whose beginnings are remembered to keep their segments.
const MAX_TRACKED: usize = 100_000;

/// How long entries gather before they are synced together.
const GATHER: Duration = Duration::from_millis(15);

/// How often a refused write is tried again when no new entry comes.
const RETRY: Duration = Duration::from_millis(250);

/// How often a reserve that was given up is tried again.
const RESERVE_AFTER: Duration = Duration::from_secs(60);

/// Where and how large.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The folder of the segments.
    pub folder: PathBuf,
    /// A segment that has grown to this many bytes is followed by a new one.
    pub segment_size: u64,
    /// The bytes held back for the day when the disk is full; 0: none.
    pub reserve: u64,
    /// How many segments stay although the database holds all that is in them.
    pub keep: usize,
}

impl Settings {
    /// The usual: 16 MiB each, four segments kept.
    pub fn in_folder(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            segment_size: 16 << 20,
            reserve: 16 << 20,
            keep: 4,
        }
    }
}

/// Why the journal cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Another process has it.
    #[error("another qaynar is running on {}; stop it, or give this one another [storage] data folder", .0.display())]
    InUse(PathBuf),
    /// The folder or a file in it.
    #[error("{}: {source}; the journal needs a folder that this user may write", path.display())]
    Disk {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// The open journal. Clones are one journal; it is closed and synced when the last is dropped.
#[derive(Clone)]
pub struct Journal {
    owner: Arc<Owner>,
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Journal")
            .field("last", &self.last())
            .finish_non_exhaustive()
    }
}

impl Journal {
    /// Opens or begins the journal, cuts a torn last line off, and tells what was going on when it ended.
    ///
    /// `applied` is the last entry that the database holds: numbers go on above it even where the
    /// journal was lost.
    ///
    /// # Errors
    /// The folder cannot be made, read or locked. A full disk is no error.
    pub fn open(
        settings: Settings,
        applied: u64,
        health: Health,
    ) -> Result<(Self, Recovered), JournalError> {
        Self::open_on(Arc::new(Files), settings, applied, health)
    }

    /// The same on another disk.
    ///
    /// # Errors
    /// As [`Journal::open`].
    pub fn open_on(
        disk: Arc<dyn Disk>,
        settings: Settings,
        applied: u64,
        health: Health,
    ) -> Result<(Self, Recovered), JournalError> {
        let folder = settings.folder.clone();
        let fault = |source| JournalError::Disk {
            path: folder.clone(),
            source,
        };
        private_folder(&folder).map_err(fault)?;
        let lock = lock(&folder)?;
        let segments = cursor::segments(&folder).map_err(fault)?;
        let (active, truncated) = reopen(&*disk, &folder, segments.last().copied())?;
        let mut recovered = recover::scan(&folder).map_err(fault)?;
        recovered.truncated = truncated;
        report(&health, &recovered.damage);
        let begun = segments.last().map_or(0, |first| first.saturating_sub(1));
        let last = recovered.last.max(applied).max(begun);
        let writer = Writer {
            disk,
            active,
            segments: segments.into_iter().collect(),
            next: last + 1,
            backlog: Backlog::default(),
            open: recovered
                .calls
                .iter()
                .map(|open| (open.call, open.first))
                .collect(),
            reserve: settings.reserve > 0 && settings.folder.join(RESERVE).exists(),
            unsynced: Vec::new(),
            health,
            settings,
        };
        let shared = Arc::new(Shared {
            writer: Mutex::new(writer),
            sync: Signal::default(),
            readers: Mutex::default(),
            synced: Mutex::new(last),
        });
        let owner = Owner::start(shared, lock).map_err(fault)?;
        Ok((
            Self {
                owner: Arc::new(owner),
            },
            recovered,
        ))
    }

    /// Writes entries with one `write(2)` and returns the number of the last; they are safe from the
    /// death of the process when this returns, and a disk that refuses them is an alarm, not an error.
    pub fn append(&self, entries: &[Entry]) -> u64 {
        let shared = &self.owner.shared;
        let last = {
            let mut writer = shared.lock();
            writer.append(entries);
            writer.next - 1
        };
        if !entries.is_empty() {
            shared.sync.ring();
            for reader in shared
                .readers
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .iter()
            {
                reader.ring();
            }
        }
        last
    }

    /// The number of the last entry.
    pub fn last(&self) -> u64 {
        self.owner.shared.lock().next - 1
    }

    /// The number of the last entry that a power cut would leave.
    pub fn synced(&self) -> u64 {
        *self
            .owner
            .shared
            .synced
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Syncs now; for the end of the process.
    pub fn flush(&self) {
        self.owner.shared.sync_now();
    }

    /// Rings `reader` after each batch.
    pub fn subscribe(&self, reader: Arc<Signal>) {
        self.owner
            .shared
            .readers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(reader);
    }

    /// A reader of this journal that begins after entry `after`.
    pub fn cursor(&self, after: u64) -> Cursor {
        Cursor::new(&self.owner.shared.lock().settings.folder, after)
    }

    /// The database holds all entries up to `sequence`: segments that nobody needs any more go.
    pub fn applied(&self, sequence: u64) {
        // The lock is free again while files are removed.
        let unneeded = self.owner.shared.lock().unneeded(sequence);
        for path in unneeded {
            if let Err(fault) = fs::remove_file(&path) {
                tracing::warn!("{}: {fault}; remove it by hand", path.display());
            }
        }
    }
}

/// Tells of damaged lines. One alarm, however many there are.
pub(crate) fn report(health: &Health, damage: &[Damage]) {
    for damage in damage {
        tracing::warn!("{damage}");
    }
    if let Some(first) = damage.first() {
        let text = format!(
            "{} damaged lines in the journal, the first: {first}; check the disk",
            damage.len()
        );
        health.alarm(Part::JournalLine, text);
    }
}

/// Makes a folder that this user alone may enter, where it is missing.
pub(crate) fn private_folder(folder: &Path) -> io::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
}

const RESERVE: &str = "reserve";

/// A process that is killed, or a child between its birth and its own program, holds the lock for a
/// moment longer.
const LOCK_TRIES: u32 = 20;
const LOCK_PAUSE: Duration = Duration::from_millis(50);

fn lock(folder: &Path) -> Result<File, JournalError> {
    let path = folder.join("lock");
    let file = File::options().create(true).append(true).open(&path);
    let file = file.map_err(|source| JournalError::Disk {
        path: path.clone(),
        source,
    })?;
    for _ in 0..LOCK_TRIES {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_PAUSE),
            Err(TryLockError::Error(source)) => return Err(JournalError::Disk { path, source }),
        }
    }
    Err(JournalError::InUse(folder.to_owned()))
}

/// Opens the newest segment to go on with it, without the torn line at its end.
fn reopen(
    disk: &dyn Disk,
    folder: &Path,
    first: Option<u64>,
) -> Result<(Option<Active>, u64), JournalError> {
    let Some(first) = first else {
        return Ok((None, 0));
    };
    let path = cursor::segment_path(folder, first);
    let fault = |source| JournalError::Disk {
        path: path.clone(),
        source,
    };
    let length = fs::metadata(&path).map_err(fault)?.len();
    let segment = disk.open(&path).map_err(fault)?;
    let mut active = Active {
        segment,
        length,
        torn: false,
    };
    let mut truncated = 0;
    match cursor::tail(&path).map_err(fault)? {
        Tail::Whole => {}
        Tail::WithoutNewline => {
            active.segment.write(b"\n").map_err(fault)?;
            active.length += 1;
        }
        Tail::Torn(good) => {
            active.segment.truncate(good).map_err(fault)?;
            active.length = good;
            truncated = length - good;
            tracing::warn!(
                "{}: {truncated} bytes of an unfinished line were cut off",
                path.display()
            );
        }
    }
    Ok((Some(active), truncated))
}

struct Owner {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    /// Held until the journal is closed.
    _lock: File,
}

impl Owner {
    fn start(shared: Arc<Shared>, lock: File) -> io::Result<Self> {
        let mine = shared.clone();
        let thread = std::thread::Builder::new()
            .name("journal".into())
            .spawn(move || mine.run())?;
        Ok(Self {
            shared,
            thread: Some(thread),
            _lock: lock,
        })
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.shared.sync.stop();
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was already printed.
            let _ = thread.join();
        }
    }
}

struct Shared {
    writer: Mutex<Writer>,
    sync: Signal,
    readers: Mutex<Vec<Arc<Signal>>>,
    synced: Mutex<u64>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        self.keep_reserve();
        let mut passed = Duration::ZERO;
        while !self.sync.stopped() {
            if self.sync.wait(RETRY) {
                self.sync.pause(GATHER);
                passed += GATHER;
            } else {
                passed += RETRY;
            }
            self.lock().write_backlog();
            self.sync_now();
            if passed > RESERVE_AFTER {
                passed = Duration::ZERO;
                self.keep_reserve();
            }
        }
        self.lock().write_backlog();
        self.sync_now();
    }

    /// Makes the reserve where there is none, without holding anybody up.
    fn keep_reserve(&self) {
        let (path, size, disk, health) = {
            let writer = self.lock();
            if writer.reserve || writer.settings.reserve == 0 {
                return;
            }
            let path = writer.settings.folder.join(RESERVE);
            (
                path,
                writer.settings.reserve,
                writer.disk.clone(),
                writer.health.clone(),
            )
        };
        match disk.reserve(&path, size) {
            Ok(()) => {
                self.lock().reserve = true;
                health.well(Part::JournalReserve);
            }
            Err(fault) => {
                let text = format!(
                    "no reserve against a full disk: {fault}; {}",
                    remedy(&fault)
                );
                health.fault(Part::JournalReserve, text);
            }
        }
    }

    /// Syncs what was written so far. The lock is free meanwhile: a slow disk holds nobody up.
    fn sync_now(&self) {
        let (segments, last, health) = {
            let mut writer = self.lock();
            let last = writer.backlog.first.map_or(writer.next, |first| first) - 1;
            (
                std::mem::take(&mut writer.unsynced),
                last,
                writer.health.clone(),
            )
        };
        let mut failed = Vec::new();
        for segment in &segments {
            if let Err(fault) = segment.sync() {
                health.fault(
                    Part::JournalSync,
                    format!("the journal is not safe from a power cut: {fault}; check the disk"),
                );
                failed.push(segment.clone());
            }
        }
        if failed.is_empty() {
            if !segments.is_empty() {
                health.well(Part::JournalSync);
            }
            *self.synced.lock().unwrap_or_else(PoisonError::into_inner) = last;
        } else {
            let mut writer = self.lock();
            writer.unsynced.append(&mut failed);
            // After a failed sync the system may have dropped the pages of this file: trust it no more.
            writer.active = None;
        }
    }
}

#[derive(Default)]
struct Backlog {
    bytes: Vec<u8>,
    entries: usize,
    first: Option<u64>,
}

struct Active {
    segment: Arc<dyn Segment>,
    length: u64,
    /// The last line has no end: the next write begins with one.
    torn: bool,
}

struct Writer {
    settings: Settings,
    disk: Arc<dyn Disk>,
    health: Health,
    active: Option<Active>,
    segments: BTreeSet<u64>,
    next: u64,
    backlog: Backlog,
    /// Calls without an end, by the number of their first entry.
    open: BTreeMap<CallId, u64>,
    reserve: bool,
    unsynced: Vec<Arc<dyn Segment>>,
}

impl Writer {
    fn append(&mut self, entries: &[Entry]) {
        let waiting = !self.backlog.bytes.is_empty();
        let mut lost = 0;
        for entry in entries {
            let sequence = self.next;
            self.next += 1;
            self.track(sequence, entry);
            let most = match entry {
                Entry::Event(_) => MAX_BACKLOG,
                Entry::Snapshot { .. } | Entry::Number { .. } => MAX_BACKLOG / 2,
            };
            if waiting && self.backlog.bytes.len() >= most {
                lost += 1;
                continue;
            }
            match line::write(&mut self.backlog.bytes, sequence, entry) {
                Ok(()) => {
                    self.backlog.entries += 1;
                    self.backlog.first.get_or_insert(sequence);
                }
                Err(why) => {
                    lost += 1;
                    self.health.alarm(
                        Part::Journal,
                        format!("entry {sequence} cannot be written down: {why}"),
                    );
                }
            }
        }
        if lost > 0 {
            self.health.lost(lost);
        }
        self.write_backlog();
    }

    fn track(&mut self, sequence: u64, entry: &Entry) {
        match entry {
            Entry::Event(Event {
                call: Some(call),
                what: What::Ended { .. },
                ..
            }) => {
                self.open.remove(call);
            }
            Entry::Event(Event {
                call: Some(call),
                what: What::Arrived { .. },
                ..
            })
            | Entry::Snapshot { call, .. }
                if self.open.len() < MAX_TRACKED =>
            {
                self.open.entry(*call).or_insert(sequence);
            }
            _ => {}
        }
    }

    /// Writes what waits; what is refused goes on waiting.
    fn write_backlog(&mut self) {
        let Some(first) = self.backlog.first else {
            return;
        };
        let mut written = self.write_from(first);
        if let Err(fault) = &written
            && fault.kind() == io::ErrorKind::StorageFull
            && self.release_reserve()
        {
            written = self.write_from(first);
        }
        match written {
            Ok(()) => {
                self.backlog.bytes.clear();
                // One burst should not hold its memory for ever.
                self.backlog.bytes.shrink_to(1 << 20);
                self.backlog.first = None;
                self.backlog.entries = 0;
                self.health.well(Part::Journal);
            }
            Err(fault) => {
                if fault.kind() != io::ErrorKind::StorageFull {
                    self.active = None;
                }
                let text = format!(
                    "the journal in {} cannot be written: {fault}; calls go on and their events wait in memory; {}",
                    self.settings.folder.display(),
                    remedy(&fault)
                );
                self.health.fault(Part::Journal, text);
            }
        }
        self.health.unwritten(self.backlog.entries);
    }

    fn write_from(&mut self, first: u64) -> io::Result<()> {
        let full = self
            .active
            .as_ref()
            .is_some_and(|active| active.length >= self.settings.segment_size);
        if full || self.active.is_none() {
            let path = cursor::segment_path(&self.settings.folder, first);
            let segment = self.disk.open(&path)?;
            // A file of this name is left over from a write that failed; nothing in it was taken over.
            segment.truncate(0)?;
            self.segments.insert(first);
            self.active = Some(Active {
                segment,
                length: 0,
                torn: false,
            });
        }
        let Some(active) = &mut self.active else {
            return Ok(());
        };
        active.write(&self.backlog.bytes)?;
        if !self
            .unsynced
            .iter()
            .any(|waiting| Arc::ptr_eq(waiting, &active.segment))
        {
            self.unsynced.push(active.segment.clone());
        }
        Ok(())
    }

    fn release_reserve(&mut self) -> bool {
        if !std::mem::take(&mut self.reserve) {
            return false;
        }
        let path = self.settings.folder.join(RESERVE);
        let released = self.disk.release(&path).is_ok();
        let text = format!(
            "the disk of {} is full; the reserve of {} MiB was given up so that calls are still recorded; free some space soon",
            self.settings.folder.display(),
            self.settings.reserve >> 20
        );
        self.health.fault(Part::JournalReserve, text);
        released
    }

    /// Takes out the segments that nobody needs once the database holds all up to `applied`.
    fn unneeded(&mut self, applied: u64) -> Vec<PathBuf> {
        let most = self.settings.keep.max(1);
        if self.segments.len() <= most {
            return Vec::new();
        }
        let oldest_call = self.open.values().min().copied().unwrap_or(u64::MAX);
        let waiting = self.backlog.first.unwrap_or(u64::MAX);
        let needed = oldest_call.min(waiting).min(applied.saturating_add(1));
        let mut paths = Vec::new();
        while self.segments.len() > most {
            let mut oldest = self.segments.iter().copied();
            match (oldest.next(), oldest.next()) {
                (Some(first), Some(next)) if next <= needed => {
                    self.segments.remove(&first);
                    paths.push(cursor::segment_path(&self.settings.folder, first));
                }
                _ => break,
            }
        }
        paths
    }
}

impl Active {
    /// Writes all or nothing, as far as the disk allows.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut at = self.length;
        let ending: &[u8] = if self.torn { b"\n" } else { b"" };
        for part in [ending, bytes] {
            let mut left = part;
            while !left.is_empty() {
                match self.segment.write(left) {
                    Ok(0) => return self.undo(at, io::ErrorKind::StorageFull.into()),
                    Ok(count) => {
                        at += count as u64;
                        left = left.get(count..).unwrap_or_default();
                    }
                    Err(fault) if fault.kind() == io::ErrorKind::Interrupted => {}
                    Err(fault) => return self.undo(at, fault),
                }
            }
        }
        self.length = at;
        self.torn = false;
        Ok(())
    }

    /// Takes back the part of a write that went in before the disk refused the rest.
    fn undo(&mut self, at: u64, fault: io::Error) -> io::Result<()> {
        if at > self.length && self.segment.truncate(self.length).is_err() {
            self.length = at;
            self.torn = true;
        }
        Err(fault)
    }
}

fn remedy(fault: &io::Error) -> &'static str {
    match fault.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "free some space on its disk",
        io::ErrorKind::PermissionDenied => "give this user the right to write there",
        io::ErrorKind::ReadOnlyFilesystem => "mount its disk for writing",
        _ => "check the disk",
    }
}
