//! What would be in the files of recordings, and whether that is what the journal says of them.

use std::collections::BTreeMap;
use std::time::Duration;

use qaynar::event::{Change, Event, Recording, RecordingEnd, What};
use qaynar::ids::{LegId, RecordingId};
use qaynar::media::{self, Chunk};

use crate::world::{Act, World};

/// A sample that is no silence.
const LOUD: u16 = 1_000;

#[derive(Debug, Default)]
struct File {
    channels: u16,
    length: u64,
    whole: bool,
    /// How many samples are loud, of all channels.
    loud: usize,
}

#[derive(Debug, Default)]
pub(crate) struct Tapes {
    files: BTreeMap<RecordingId, File>,
    known: BTreeMap<RecordingId, Recording>,
    /// How often each ended.
    ends: BTreeMap<RecordingId, usize>,
}

impl Tapes {
    /// Takes a piece in; returns what is wrong with it.
    pub(crate) fn write(&mut self, chunk: &Chunk) -> Option<String> {
        let id = chunk.recording;
        let file = self.files.entry(id).or_default();
        let fits = file.channels == 0 || file.channels == chunk.channels;
        if file.whole || !fits || chunk.at < file.length {
            return Some(format!(
                "a piece at {} does not fit into {id}: {file:?}",
                chunk.at
            ));
        }
        file.channels = chunk.channels;
        file.length = chunk.at + chunk.samples.len() as u64 / u64::from(chunk.channels);
        file.whole = chunk.last;
        let loud = |sample: &&i16| sample.unsigned_abs() > LOUD;
        file.loud += chunk.samples.iter().filter(loud).count();
        None
    }

    pub(crate) fn note(&mut self, event: &Event) {
        let What::Recording { recording, change } = &event.what else {
            return;
        };
        if matches!(change, Change::Ended { .. }) {
            *self.ends.entry(*recording).or_default() += 1;
        }
        let former = self.known.remove(recording);
        if let Some(one) = Recording::fold(former, event) {
            self.known.insert(*recording, one);
        }
    }

    /// What a process that begins reads.
    pub(crate) fn kept(&self) -> Vec<Recording> {
        self.known.values().cloned().collect()
    }

    /// How many messages and how many talks there are whose files are whole.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let whole = |one: &&Recording| {
            self.files
                .get(&one.recording)
                .is_some_and(|file| file.whole)
        };
        let (messages, talks): (Vec<_>, Vec<_>) = self
            .known
            .values()
            .filter(whole)
            .partition(|one| one.of.is_voicemail());
        (messages.len(), talks.len())
    }

    /// What is wrong at the end of a day.
    pub(crate) fn audit(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for id in self.files.keys().filter(|id| !self.known.contains_key(id)) {
            faults.push(format!("{id} has a file and no line in the journal"));
        }
        for (id, one) in &self.known {
            if self.ends.get(id) != Some(&1) {
                faults.push(format!("{id} ended {:?} times", self.ends.get(id)));
            }
            faults.extend(self.differs(one));
        }
        faults
    }

    /// A recording that no crash cut has exactly the file that its end tells of.
    fn differs(&self, one: &Recording) -> Option<String> {
        let (Some(length), Some(silent)) = (one.length, one.silent) else {
            return (one.why != Some(RecordingEnd::Interrupted))
                .then(|| format!("nobody knows how long {} is: {one:?}", one.recording));
        };
        let Some(file) = self.files.get(&one.recording) else {
            // The leg was gone before it began.
            return (!length.is_zero()).then(|| format!("{} has no file", one.recording));
        };
        let channels = if one.of.is_voicemail() { 1 } else { 2 };
        let long = Duration::from_micros(file.length * 125);
        let fits = file.whole && file.channels == channels && long == length;
        // Whatever is loud for long is no silence, and what is none is loud somewhere.
        let heard = if silent {
            file.loud < 4_000
        } else {
            file.loud > 0
        };
        (!fits || !heard).then(|| format!("{one:?} is not what its file holds: {file:?}"))
    }
}

impl World {
    /// What the engine gives out goes into the files.
    pub(crate) fn keep_tapes(&mut self) {
        while let Some(chunk) = self.engine.poll_chunk() {
            if let Some(fault) = self.tapes.write(&chunk) {
                self.fault(fault);
            }
        }
    }

    /// An operator hears a message, which is out after a while.
    pub(crate) fn listens(&mut self, leg: LegId, playback: u64) {
        let played = media::Event::Played { leg, playback };
        let act = Act::Media(self.generation, played);
        self.plan_act(Duration::from_secs(1), act);
    }
}
