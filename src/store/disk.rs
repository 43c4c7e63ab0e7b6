//! The few things that the journal asks of a disk, so that tests can hand it a failing one.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Makes segments and keeps the reserve.
pub trait Disk: Send + Sync {
    /// Opens `path` for appending, making it where it is missing.
    ///
    /// # Errors
    /// What the system says.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn Segment>>;

    /// Fills the file `path` with `size` bytes that no file system can leave out or compress, provided
    /// that as much is still free after it.
    ///
    /// # Errors
    /// What the system says; no part of the file stays.
    fn reserve(&self, path: &Path, size: u64) -> io::Result<()>;

    /// Gives the bytes of the reserve back.
    ///
    /// # Errors
    /// What the system says.
    fn release(&self, path: &Path) -> io::Result<()>;
}

/// A file that only grows.
pub trait Segment: Send + Sync {
    /// One `write(2)` at the end of the file; tells how many bytes went in.
    ///
    /// # Errors
    /// What the system says; then nothing was written.
    fn write(&self, bytes: &[u8]) -> io::Result<usize>;

    /// Cuts the file to `length`.
    ///
    /// # Errors
    /// What the system says.
    fn truncate(&self, length: u64) -> io::Result<()>;

    /// Returns once the data is on the disk.
    ///
    /// # Errors
    /// What the system says.
    fn sync(&self) -> io::Result<()>;
}

/// The real one.
#[derive(Debug, Clone, Copy, Default)]
pub struct Files;

impl Disk for Files {
    fn open(&self, path: &Path) -> io::Result<Arc<dyn Segment>> {
        let file = OpenOptions::new().append(true).create(true).open(path)?;
        let folder = path.parent().map(Path::to_owned);
        Ok(Arc::new(Named {
            file,
            folder,
            synced_name: AtomicBool::new(false),
        }))
    }

    fn reserve(&self, path: &Path, size: u64) -> io::Result<()> {
        let filled = fill(path, size);
        if filled.is_err() {
            // Half a reserve on a full disk only makes it fuller; the first fault is the one to tell.
            let _ = fs::remove_file(path);
        }
        filled
    }

    fn release(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }
}

struct Named {
    file: File,
    folder: Option<PathBuf>,
    synced_name: AtomicBool,
}

impl Segment for Named {
    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        Write::write(&mut &self.file, bytes)
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.file.set_len(length)
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync_data()?;
        // A new name is on the disk only once its folder is.
        if let Some(folder) = &self.folder
            && !self.synced_name.load(Ordering::Relaxed)
        {
            File::open(folder)?.sync_all()?;
            self.synced_name.store(true, Ordering::Relaxed);
        }
        Ok(())
    }
}

fn fill(path: &Path, size: u64) -> io::Result<()> {
    // Zeros would take no room on a file system that compresses.
    let mut block = vec![0; 64 * 1024];
    getrandom::fill(&mut block).map_err(io::Error::other)?;
    let mut file = File::create(path)?;
    // Twice the size must fit, or the reserve itself would fill the disk.
    io::copy(
        &mut Repeated {
            block: &block,
            left: size.saturating_mul(2),
        },
        &mut file,
    )?;
    file.set_len(size)?;
    file.sync_all()
}

struct Repeated<'a> {
    block: &'a [u8],
    left: u64,
}

impl Read for Repeated<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let wanted = usize::try_from(self.left).unwrap_or(usize::MAX);
        let count = into.len().min(self.block.len()).min(wanted);
        into[..count].copy_from_slice(&self.block[..count]);
        self.left -= count as u64;
        Ok(count)
    }
}
