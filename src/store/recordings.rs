//! Files of recordings: WAV at 8 kHz and 16 bits, for this user alone.
//!
//! A file can be read at any moment, also after a crash: its header is written anew every two seconds. What
//! is missing of a recording is silence in it, so that its time is right. Files are not sealed: other
//! programs play them, and a torn one must stay readable; what keeps them from others is the folder's and
//! the disk's own protection.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::journal::private_folder;
use crate::ids::RecordingId;
use crate::media::{Chunk, ClipFault, Sound};

/// How many samples may be lost by a crash, besides those that wait: two seconds.
const FLUSH: u64 = 16_000;
/// The longest silence that is made up for a piece: a day. Beyond it, something is wrong.
const MAX_GAP: u64 = 24 * 3_600 * 8_000;
/// So many looks without a piece of a recording: it is over, and its last piece was lost.
const IDLE: u32 = 60;

/// Why a recording cannot be heard.
#[derive(Debug, thiserror::Error)]
pub enum ReadFault {
    /// The file.
    #[error("{}: {source}", path.display())]
    Disk {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Its content.
    #[error("{}: {fault}", path.display())]
    Content {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        fault: ClipFault,
    },
}

struct Open {
    writer: hound::WavWriter<BufWriter<File>>,
    path: PathBuf,
    /// In samples of each channel.
    length: u64,
    flushed: u64,
    idle: u32,
}

/// The folders of all recordings, and the files that grow.
pub struct Shelf {
    data: PathBuf,
    /// So many bytes of the disk are left to the journal.
    keep_free: u64,
    open: BTreeMap<RecordingId, Open>,
}

/// Where the file of a recording is.
pub fn path(data: &Path, recording: RecordingId, voicemail: bool) -> PathBuf {
    folder(data, voicemail).join(format!("{recording}.wav"))
}

fn folder(data: &Path, voicemail: bool) -> PathBuf {
    data.join(if voicemail { "voicemail" } else { "recordings" })
}

/// The length of a file, in seconds and their parts; `None`: it cannot be read.
pub fn length(path: &Path) -> Option<std::time::Duration> {
    let reader = hound::WavReader::open(path).ok()?;
    let rate = u64::from(reader.spec().sample_rate.max(1));
    let samples = u64::from(reader.duration());
    Some(std::time::Duration::from_micros(samples * 1_000_000 / rate))
}

impl Shelf {
    /// Files below `data`; the last `keep_free` bytes of the disk are not taken.
    pub fn new(data: &Path, keep_free: u64) -> Self {
        Self {
            data: data.to_owned(),
            keep_free,
            open: BTreeMap::new(),
        }
    }

    /// Whether there is room for more.
    pub fn has_room(&self) -> bool {
        // Where the system does not tell, writing will.
        rustix::fs::statvfs(&self.data).map_or(true, |disk| {
            disk.f_bavail.saturating_mul(disk.f_frsize) >= self.keep_free
        })
    }

    /// Writes a piece to its place.
    ///
    /// # Errors
    /// What the system says; the file stays as it was at the last flush.
    pub fn write(&mut self, chunk: &Chunk) -> io::Result<()> {
        let id = chunk.recording;
        let mut one = match self.open.remove(&id) {
            Some(one) => one,
            None => self.begin(chunk)?,
        };
        one.idle = 0;
        let gap = chunk.at.saturating_sub(one.length).min(MAX_GAP);
        let channels = u64::from(chunk.channels.max(1));
        for _ in 0..gap * channels {
            one.writer.write_sample(0_i16).map_err(fault)?;
        }
        for sample in &chunk.samples {
            one.writer.write_sample(*sample).map_err(fault)?;
        }
        one.length += gap + chunk.samples.len() as u64 / channels;
        if chunk.last {
            return one.finish();
        }
        if one.length - one.flushed >= FLUSH {
            one.writer.flush().map_err(fault)?;
            one.flushed = one.length;
        }
        self.open.insert(id, one);
        Ok(())
    }

    fn begin(&self, chunk: &Chunk) -> io::Result<Open> {
        private_folder(&folder(&self.data, chunk.voicemail))?;
        let path = path(&self.data, chunk.recording, chunk.voicemail);
        let spec = hound::WavSpec {
            channels: chunk.channels,
            sample_rate: 8_000,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).mode(0o600);
        let file = options.open(&path)?;
        // What is there is never written over.
        let writer = match file.metadata()?.len() {
            0 => hound::WavWriter::new(BufWriter::new(file), spec),
            _ => {
                drop(file);
                hound::WavWriter::append(&path)
            }
        };
        Ok(Open {
            writer: writer.map_err(fault)?,
            path,
            length: 0,
            flushed: 0,
            idle: 0,
        })
    }

    /// Called now and then: files that do not grow any more are closed.
    pub fn look(&mut self) {
        for one in self.open.values_mut() {
            one.idle += 1;
        }
        let idle = self.open.extract_if(.., |_, one| one.idle > IDLE);
        for (_, one) in idle.collect::<Vec<_>>() {
            // Whoever reads the file finds what was flushed.
            let _ = one.finish();
        }
    }

    /// A recording as a sound.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn read(&self, recording: RecordingId, voicemail: bool) -> Result<Sound, ReadFault> {
        let path = path(&self.data, recording, voicemail);
        let bytes = fs::read(&path).map_err(|source| ReadFault::Disk {
            path: path.clone(),
            source,
        })?;
        Sound::from_wav(&bytes).map_err(|fault| ReadFault::Content { path, fault })
    }

    /// Removes a file; one that is gone is no fault.
    ///
    /// # Errors
    /// What the system says.
    pub fn erase(&mut self, recording: RecordingId, voicemail: bool) -> io::Result<()> {
        self.open.remove(&recording);
        match fs::remove_file(path(&self.data, recording, voicemail)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

impl Open {
    fn finish(self) -> io::Result<()> {
        self.writer.finalize().map_err(fault)?;
        File::open(self.path)?.sync_all()
    }
}

fn fault(error: hound::Error) -> io::Error {
    match error {
        hound::Error::IoError(error) => error,
        other => io::Error::other(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::CallId;

    fn id() -> RecordingId {
        RecordingId {
            call: CallId(7),
            part: 1,
        }
    }

    fn chunk(at: u64, samples: Vec<i16>, last: bool) -> Chunk {
        Chunk {
            recording: id(),
            voicemail: true,
            channels: 1,
            at,
            samples,
            last,
        }
    }

    fn samples(path: &Path) -> Vec<i16> {
        let mut reader = hound::WavReader::open(path).unwrap();
        reader.samples::<i16>().map(Result::unwrap).collect()
    }

    #[test]
    fn what_a_slow_disk_lost_is_silence_and_nobody_else_may_read() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let mut shelf = Shelf::new(folder.path(), 0);
        shelf.write(&chunk(0, vec![1; 1_600], false)).unwrap();
        shelf.write(&chunk(3_200, vec![2; 1_600], true)).unwrap();
        let file = path(folder.path(), id(), true);
        let found = samples(&file);
        assert_eq!(found.len(), 4_800);
        assert_eq!(
            (found[0], found[1_600], found[3_199], found[3_200]),
            (1, 0, 0, 2)
        );
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&file), 0o600);
        assert_eq!(mode(file.parent().unwrap()), 0o700);
        assert_eq!(length(&file), Some(std::time::Duration::from_millis(600)));
        assert!(shelf.read(id(), true).is_ok());
        shelf.erase(id(), true).unwrap();
        shelf.erase(id(), true).unwrap();
        assert!(!file.exists());
    }

    #[test]
    fn a_file_can_be_read_while_it_grows_and_is_never_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let mut shelf = Shelf::new(folder.path(), 0);
        for turn in 0..12 {
            shelf
                .write(&chunk(turn * 1_600, vec![5; 1_600], false))
                .unwrap();
        }
        let file = path(folder.path(), id(), true);
        // As a crash would leave it: no more is written, not even by the destructor.
        std::mem::forget(shelf);
        assert_eq!(samples(&file).len(), 16_000);
        let mut again = Shelf::new(folder.path(), 0);
        again.write(&chunk(0, vec![6; 1_600], true)).unwrap();
        let found = samples(&file);
        assert_eq!((found.len(), found[0], found[16_000]), (17_600, 5, 6));
    }

    #[test]
    fn a_disk_without_room_says_so() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Shelf::new(folder.path(), 0).has_room());
        assert!(!Shelf::new(folder.path(), u64::MAX).has_room());
    }
}
