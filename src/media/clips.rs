//! The sounds that there are: encoded once at load, so that playing is copying.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::sync::Arc;
use std::time::Duration;

use super::command::Clip;
use crate::rtp::codec::Codec;
use crate::rtp::g711;
use crate::rtp::quality::CLOCK_RATE;

/// The longest clip: more is a mistake, and memory.
const MAX_SAMPLES: usize = 15 * 60 * CLOCK_RATE as usize;

/// A WAV file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ClipFault {
    /// Not a WAV file, or cut off.
    #[error("not a readable WAV file ({0}); convert it: sox IN -r 8000 -c 1 -b 16 OUT.wav")]
    Unreadable(String),
    /// Something else under this name.
    #[error(
        "this is {0} that is called .wav; convert it: sox -t {1} IN -r 8000 -c 1 -b 16 OUT.wav"
    )]
    Other(&'static str, &'static str),
    /// Some kind of WAV that we do not read.
    #[error("{0}; convert it: sox IN -r 8000 -c 1 -b 16 OUT.wav")]
    Unsupported(String),
    /// Longer than 15 minutes.
    #[error("longer than 15 minutes; shorten it")]
    TooLong,
}

/// One sound in both encodings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sound {
    alaw: Arc<[u8]>,
    ulaw: Arc<[u8]>,
}

impl Sound {
    /// From samples at 8 kHz.
    pub fn from_samples(samples: &[i16]) -> Self {
        let encode = |codec| {
            samples
                .iter()
                .map(|sample| g711::encode(codec, *sample))
                .collect()
        };
        Self {
            alaw: encode(Codec::Pcma),
            ulaw: encode(Codec::Pcmu),
        }
    }

    /// From a WAV file of any rate and one or two channels, 8 to 32 bits.
    ///
    /// # Errors
    /// See [`ClipFault`].
    pub fn from_wav(bytes: &[u8]) -> Result<Self, ClipFault> {
        if let Some((what, kind)) = other_kind(bytes) {
            return Err(ClipFault::Other(what, kind));
        }
        let unreadable = |error: hound::Error| ClipFault::Unreadable(error.to_string());
        let mut reader = hound::WavReader::new(Cursor::new(bytes)).map_err(unreadable)?;
        let spec = reader.spec();
        if !(1..=2).contains(&spec.channels) || !(4_000..=192_000).contains(&spec.sample_rate) {
            let text = format!("{} channels at {} Hz", spec.channels, spec.sample_rate);
            return Err(ClipFault::Unsupported(text));
        }
        let length = reader.duration() as usize / spec.sample_rate.max(1) as usize;
        if length > MAX_SAMPLES / CLOCK_RATE as usize {
            return Err(ClipFault::TooLong);
        }
        let values: Vec<f32> = match spec.sample_format {
            hound::SampleFormat::Int => {
                let scale = (1_u64 << (spec.bits_per_sample.clamp(1, 32) - 1)) as f32;
                let samples = reader
                    .samples::<i32>()
                    .map(|sample| sample.map(|v| v as f32 / scale));
                samples.collect::<Result<_, _>>().map_err(unreadable)?
            }
            hound::SampleFormat::Float => reader
                .samples::<f32>()
                .collect::<Result<_, _>>()
                .map_err(unreadable)?,
        };
        let mono: Vec<f32> = values
            .chunks(usize::from(spec.channels))
            .map(|frame| frame.iter().sum::<f32>() / frame.len() as f32)
            .collect();
        let at_rate = resample(&mono, spec.sample_rate);
        let samples: Vec<i16> = at_rate
            .iter()
            .map(|value| (value.clamp(-1.0, 1.0) * 32_767.0) as i16)
            .collect();
        Ok(Self::from_samples(&samples))
    }

    /// How long it is heard.
    pub fn duration(&self) -> Duration {
        Duration::from_secs_f64(self.len() as f64 / f64::from(CLOCK_RATE))
    }

    /// The octets in an encoding.
    pub fn octets(&self, codec: Codec) -> &Arc<[u8]> {
        match codec {
            Codec::Pcma => &self.alaw,
            Codec::Pcmu => &self.ulaw,
        }
    }

    /// In samples.
    pub fn len(&self) -> usize {
        self.alaw.len()
    }

    /// Whether there is nothing to hear.
    pub fn is_empty(&self) -> bool {
        self.alaw.is_empty()
    }
}

/// What the first octets tell of files that are named wrongly, with the name that sox has for it.
fn other_kind(bytes: &[u8]) -> Option<(&'static str, &'static str)> {
    let begins = |sign: &[u8]| bytes.starts_with(sign);
    match bytes {
        // An MPEG frame begins with eleven ones; layer III follows.
        [0xff, second, ..] if second & 0xe6 == 0xe2 => Some(("an MP3", "mp3")),
        _ if begins(b"ID3") => Some(("an MP3", "mp3")),
        _ if begins(b"OggS") => Some(("an Ogg", "ogg")),
        _ if begins(b"fLaC") => Some(("a FLAC", "flac")),
        _ if bytes.get(4..8) == Some(b"ftyp") => Some(("an M4A (MPEG-4)", "m4a")),
        _ => None,
    }
}

/// What a WAV file holds where it is not what a telephone carries: it is converted at each load, and
/// simply, so that a studio's tool does it better once.
pub fn converted(bytes: &[u8]) -> Option<String> {
    let spec = hound::WavReader::new(Cursor::new(bytes)).ok()?.spec();
    let kind = match spec.channels {
        1 => "mono",
        _ => "stereo",
    };
    let differs = spec.sample_rate != CLOCK_RATE || spec.channels != 1;
    differs.then(|| format!("{} Hz {kind}", spec.sample_rate))
}

/// To 8 kHz: each sample is the mean of what it spans, which damps what 8 kHz cannot hold.
fn resample(input: &[f32], rate: u32) -> Vec<f32> {
    if rate == CLOCK_RATE {
        return input.to_vec();
    }
    let step = f64::from(rate) / f64::from(CLOCK_RATE);
    let count = (input.len() as f64 / step) as usize;
    (0..count)
        .map(|at| {
            let (from, to) = (at as f64 * step, (at + 1) as f64 * step);
            let span = input.get(from as usize..(to.ceil() as usize).min(input.len()));
            let span = span.unwrap_or_default();
            span.iter().sum::<f32>() / span.len().max(1) as f32
        })
        .collect()
}

/// All sounds of a dialplan.
#[derive(Debug, Clone, Default)]
pub struct Clips {
    sounds: BTreeMap<Clip, Sound>,
}

impl Clips {
    /// Adds or replaces a sound.
    pub fn insert(&mut self, clip: Clip, sound: Sound) {
        self.sounds.insert(clip, sound);
    }

    /// The sound, if there is one.
    pub fn sound(&self, clip: &Clip) -> Option<&Sound> {
        self.sounds.get(clip)
    }

    /// All names.
    pub fn names(&self) -> impl Iterator<Item = &Clip> {
        self.sounds.keys()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wav(rate: u32, channels: u16) -> Vec<u8> {
        let spec = hound::WavSpec {
            channels,
            sample_rate: rate,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut bytes = Cursor::new(Vec::new());
        let mut writer = hound::WavWriter::new(&mut bytes, spec).unwrap();
        for at in 0..rate {
            let phase = f64::from(at) / f64::from(rate) * 440.0 * std::f64::consts::TAU;
            for _ in 0..channels {
                writer
                    .write_sample((phase.sin() * 10_000.0) as i16)
                    .unwrap();
            }
        }
        writer.finalize().unwrap();
        bytes.into_inner()
    }

    fn crossings(sound: &Sound) -> usize {
        let octets = sound.octets(Codec::Pcmu);
        let signs: Vec<bool> = octets
            .iter()
            .map(|octet| g711::decode(Codec::Pcmu, *octet) > 0)
            .collect();
        signs.windows(2).filter(|two| !two[0] && two[1]).count()
    }

    #[test]
    fn studio_formats_keep_their_pitch_and_length() {
        for (rate, channels) in [(8_000, 1), (16_000, 1), (44_100, 2), (48_000, 2)] {
            let sound = Sound::from_wav(&wav(rate, channels)).unwrap();
            assert!(sound.len().abs_diff(8_000) <= 1, "{rate}");
            assert!(
                crossings(&sound).abs_diff(440) <= 2,
                "{rate}: {}",
                crossings(&sound)
            );
        }
    }

    #[test]
    fn what_is_no_wav_is_refused_with_a_remedy() {
        let mut cut = wav(8_000, 1);
        cut.truncate(20);
        let mp3 = Sound::from_wav(&[0xff, 0xfb, 0x90, 0x64]).unwrap_err();
        assert!(mp3.to_string().contains("an MP3"), "{mp3}");
        for bytes in [b"ID3 an mp3".as_slice(), &cut, &[]] {
            let fault = Sound::from_wav(bytes).unwrap_err();
            assert!(fault.to_string().contains("sox"), "{fault}");
        }
    }
}
