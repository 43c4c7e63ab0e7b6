//! Tones: written, and told apart by the algorithm of Goertzel.

use std::f64::consts::TAU;
use std::path::Path;

/// Samples a second.
pub(crate) const RATE: u32 = 8_000;

/// A sine of a frequency in Hz, from sample number `from` on.
pub(crate) fn sine(frequency: u32, from: u64, count: usize) -> Vec<i16> {
    let step = TAU * f64::from(frequency) / f64::from(RATE);
    (from..)
        .take(count)
        .map(|at| ((at as f64 * step).sin() * 9_000.0) as i16)
        .collect()
}

/// The part of the energy of `samples` that lies at a frequency: 1 is a pure tone, 0 is silence or
/// something else.
pub(crate) fn share(samples: &[i16], frequency: u32) -> f64 {
    let omega = TAU * f64::from(frequency) / f64::from(RATE);
    let turn = 2.0 * omega.cos();
    let (mut before, mut last, mut energy) = (0.0, 0.0, 0.0);
    for sample in samples {
        let sample = f64::from(*sample);
        energy += sample * sample;
        let next = sample + turn * last - before;
        (before, last) = (last, next);
    }
    let loudness = (energy / samples.len().max(1) as f64).sqrt();
    if loudness < 200.0 {
        return 0.0;
    }
    let power = last * last + before * before - turn * last * before;
    2.0 * power / (energy * samples.len() as f64)
}

/// Whether the tone is what is heard.
pub(crate) fn is_heard(samples: &[i16], frequency: u32) -> bool {
    share(samples, frequency) > 0.5
}

/// Whether all of these tones are in it, and next to nothing else.
pub(crate) fn are_heard(samples: &[i16], frequencies: &[u32]) -> bool {
    let shares = frequencies.iter().map(|one| share(samples, *one));
    let shares: Vec<f64> = shares.collect();
    shares.iter().all(|share| *share > 0.15) && shares.iter().sum::<f64>() > 0.8
}

/// Root mean square.
pub(crate) fn loudness(samples: &[i16]) -> f64 {
    let energy: f64 = samples.iter().map(|one| f64::from(*one).powi(2)).sum();
    (energy / samples.len().max(1) as f64).sqrt()
}

/// Writes a WAV file of one tone.
pub(crate) fn write_wav(path: &Path, frequency: u32, seconds: f64) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: RATE,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut writer = hound::WavWriter::create(path, spec).unwrap();
    for sample in sine(frequency, 0, (seconds * f64::from(RATE)) as usize) {
        writer.write_sample(sample).unwrap();
    }
    writer.finalize().unwrap();
}

/// The samples of a WAV file, also of one that is still being written: then its header may be empty, and
/// what it tells of its length is never trusted.
pub(crate) fn read_wav(path: &Path) -> Vec<i16> {
    let bytes = std::fs::read(path).unwrap_or_default();
    let start = bytes.windows(4).take(200).position(|four| four == b"data");
    let body = bytes
        .get(start.map_or(44, |at| at + 8)..)
        .unwrap_or_default();
    let rate = bytes
        .get(24..28)
        .map_or(RATE, |four| u32::from_le_bytes(four.try_into().unwrap()));
    let every = (rate / RATE).max(1) as usize;
    body.chunks_exact(2)
        .map(|two| i16::from_le_bytes([two[0], two[1]]))
        .step_by(every)
        .collect()
}

/// Where in a recording a tone is heard for the first time, in samples.
pub(crate) fn first_heard(samples: &[i16], frequency: u32) -> Option<usize> {
    samples
        .chunks(800)
        .position(|part| is_heard(part, frequency))
        .map(|part| part * 800)
}

#[test]
fn a_tone_is_told_from_its_neighbours_and_from_silence() {
    let samples = sine(660, 0, 2_400);
    assert!(share(&samples, 660) > 0.95);
    assert!(share(&samples, 600) < 0.05);
    assert!(!is_heard(&[0; 2_400], 660));
}
