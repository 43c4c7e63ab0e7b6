//! The thread that writes recordings, reads messages and erases both: a slow disk delays nobody else.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::ids::{LegId, RecordingId};
use crate::media::{Chunk, Sound};
use crate::store::recordings::Shelf;

/// Pieces that may wait for the disk: half a minute of a dozen recordings.
const QUEUE: usize = 2_048;
/// How often the disk's room is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// What the thread is asked for.
enum Work {
    Write(Chunk),
    Read {
        recording: RecordingId,
        leg: LegId,
        playback: u64,
    },
    Erase {
        recording: RecordingId,
        voicemail: bool,
    },
    Stop,
}

/// What it tells.
#[derive(Debug)]
pub enum Told {
    /// Whether there is room for recordings: at the start where there is none, and when that changes.
    Room(bool),
    /// A recording cannot be written; the rest of it is not tried.
    Failed {
        /// Which.
        recording: RecordingId,
        /// What the system says.
        reason: String,
    },
    /// The disk did not keep up: so many pieces are silence in their recordings.
    Lost(u64),
    /// A message that somebody wants to hear.
    Sound {
        /// Who.
        leg: LegId,
        /// As asked.
        playback: u64,
        /// What is in it.
        sound: Result<Sound, String>,
    },
}

/// Hands work over and never waits.
#[derive(Clone)]
pub struct Pen {
    works: SyncSender<Work>,
    lost: Arc<AtomicU64>,
}

impl Pen {
    /// A piece of a recording. Where too many wait it is let go, and counted.
    pub fn write(&self, chunk: Chunk) {
        if self.works.try_send(Work::Write(chunk)).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A message is to be heard.
    pub fn read(&self, recording: RecordingId, leg: LegId, playback: u64) {
        let work = Work::Read {
            recording,
            leg,
            playback,
        };
        // Nothing is heard then; whoever listens asks again.
        let _ = self.works.try_send(work);
    }

    /// A file is to go. One that stays for lack of room in the queue is found by the next start.
    pub fn erase(&self, recording: RecordingId, voicemail: bool) {
        let _ = self.works.try_send(Work::Erase {
            recording,
            voicemail,
        });
    }
}

/// The thread; dropping it writes what waits and ends it.
pub struct Scribe {
    pen: Pen,
    thread: Option<JoinHandle<()>>,
}

impl Scribe {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system gives none.
    pub fn start(shelf: Shelf, tell: impl Fn(Told) + Send + 'static) -> io::Result<Self> {
        let (works, queue) = sync_channel(QUEUE);
        let lost = Arc::<AtomicU64>::default();
        let round = Round {
            shelf,
            tell,
            lost: Arc::clone(&lost),
            room: true,
            failed: BTreeSet::new(),
        };
        let thread = std::thread::Builder::new().name("recordings".into());
        Ok(Self {
            pen: Pen { works, lost },
            thread: Some(thread.spawn(move || round.run(&queue))?),
        })
    }

    /// Gives it work.
    pub fn pen(&self) -> Pen {
        self.pen.clone()
    }
}

impl Drop for Scribe {
    fn drop(&mut self) {
        let _ = self.pen.works.send(Work::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Round<T> {
    shelf: Shelf,
    tell: T,
    lost: Arc<AtomicU64>,
    room: bool,
    /// Recordings of which no more is written.
    failed: BTreeSet<RecordingId>,
}

impl<T: Fn(Told)> Round<T> {
    fn run(mut self, queue: &Receiver<Work>) {
        self.look();
        let mut quiet = 0;
        loop {
            match queue.recv_timeout(LOOK) {
                Ok(Work::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {
                    self.look();
                    quiet = 0;
                }
                Ok(work) => {
                    self.work(work);
                    quiet += 1;
                    if quiet >= 32 {
                        self.look();
                        quiet = 0;
                    }
                }
            }
        }
    }

    fn work(&mut self, work: Work) {
        match work {
            Work::Write(chunk) => self.write(&chunk),
            Work::Read {
                recording,
                leg,
                playback,
            } => {
                let sound = self.shelf.read(recording, true);
                (self.tell)(Told::Sound {
                    leg,
                    playback,
                    sound: sound.map_err(|fault| fault.to_string()),
                });
            }
            Work::Erase {
                recording,
                voicemail,
            } => {
                if let Err(error) = self.shelf.erase(recording, voicemail) {
                    tracing::error!(%recording, %error, "a recording cannot be erased; the next start tries again");
                }
            }
            Work::Stop => {}
        }
    }

    fn write(&mut self, chunk: &Chunk) {
        let recording = chunk.recording;
        if self.failed.contains(&recording) {
            if chunk.last {
                self.failed.remove(&recording);
            }
            return;
        }
        let written = match self.room {
            true => self.shelf.write(chunk),
            false => Err(io::Error::from(io::ErrorKind::StorageFull)),
        };
        if let Err(error) = written {
            if !chunk.last {
                self.failed.insert(recording);
            }
            let reason = error.to_string();
            (self.tell)(Told::Failed { recording, reason });
        }
    }

    fn look(&mut self) {
        self.shelf.look();
        let lost = self.lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            (self.tell)(Told::Lost(lost));
        }
        let room = self.shelf.has_room();
        if room != self.room {
            self.room = room;
            (self.tell)(Told::Room(room));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::ids::CallId;

    fn chunk(at: u64, last: bool) -> Chunk {
        Chunk {
            recording: RecordingId {
                call: CallId(7),
                part: 1,
            },
            voicemail: true,
            channels: 1,
            at,
            samples: vec![9; 1_600],
            last,
        }
    }

    #[test]
    fn what_a_slow_disk_leaves_no_room_for_is_let_go_counted_and_told_and_nobody_waits() {
        let folder = tempfile::tempdir().unwrap();
        let (works, queue) = sync_channel(1);
        let pen = Pen {
            works,
            lost: Arc::default(),
        };
        for piece in 0..3 {
            pen.write(chunk(piece * 1_600, false));
        }
        let told = RefCell::new(Vec::new());
        let mut round = Round {
            shelf: Shelf::new(folder.path(), 0),
            tell: |news| told.borrow_mut().push(news),
            lost: Arc::clone(&pen.lost),
            room: true,
            failed: BTreeSet::new(),
        };
        round.work(queue.try_recv().unwrap());
        pen.write(chunk(3 * 1_600, true));
        round.work(queue.try_recv().unwrap());
        round.look();
        assert!(matches!(told.borrow()[..], [Told::Lost(2)]), "{told:?}");
        let sound = round.shelf.read(chunk(0, true).recording, true).unwrap();
        assert_eq!(
            sound.len(),
            4 * 1_600,
            "two pieces are silence of their length"
        );
    }

    #[test]
    fn a_recording_that_cannot_be_written_is_told_once() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let told = RefCell::new(Vec::new());
        let mut round = Round {
            // No folder can be made in a file.
            shelf: Shelf::new(file.path(), 0),
            tell: |news| told.borrow_mut().push(news),
            lost: Arc::default(),
            room: true,
            failed: BTreeSet::new(),
        };
        for piece in 0..3 {
            round.work(Work::Write(chunk(piece * 1_600, piece == 2)));
        }
        assert!(
            matches!(told.borrow()[..], [Told::Failed { .. }]),
            "{told:?}"
        );
        assert!(round.failed.is_empty(), "nothing is kept of what is over");
    }
}
