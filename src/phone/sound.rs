//! G.711 and tones: what a phone says, and how it knows what it hears.
//!
//! Tones are multiples of 50 Hz, so that 20 ms hold whole periods: one frame, repeated, is the tone,
//! and in the ear the tones do not disturb each other.

use std::f32::consts::TAU;

/// Samples in 20 ms at 8 kHz.
pub(super) const FRAME: usize = 160;
/// The step between tones: 8000 Hz by [`FRAME`].
const STEP: u16 = 50;
/// What a telephone passes.
const LOWEST: u16 = 300;
const HIGHEST: u16 = 3_400;
/// Loud, and far from clipping.
const AMPLITUDE: f32 = 8_000.0;
/// Quieter frames are silence.
const SILENCE: f32 = 100.0;

/// The two encodings of G.711.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Law {
    /// PCMA, as in Europe and Azerbaijan.
    A,
    /// PCMU.
    Mu,
}

impl Law {
    /// RFC 3551 §6.
    pub(super) fn payload_type(self) -> u8 {
        match self {
            Self::A => 8,
            Self::Mu => 0,
        }
    }

    pub(super) fn encoding(self) -> &'static str {
        match self {
            Self::A => "PCMA",
            Self::Mu => "PCMU",
        }
    }

    fn encode(self, sample: i16) -> u8 {
        match self {
            Self::A => encode_a(sample),
            Self::Mu => encode_mu(sample),
        }
    }

    fn decode(self, octet: u8) -> i16 {
        match self {
            Self::A => decode_a(octet),
            Self::Mu => decode_mu(octet),
        }
    }
}

/// G.711 §3.1: sign, three bits of segment, four of step, every other bit turned.
fn encode_a(sample: i16) -> u8 {
    let (sign, size) = if sample < 0 {
        (0, -(i32::from(sample) + 1))
    } else {
        (0x80, i32::from(sample))
    };
    let size = size >> 4;
    // Segments 0 and 1 are of equal steps; each further one has steps twice as wide.
    let segment = if size < 16 { 0 } else { size.ilog2() - 3 };
    let step = size >> segment.saturating_sub(1);
    let code = sign | ((segment as u8) << 4) | ((step & 0x0f) as u8);
    code ^ 0x55
}

fn decode_a(octet: u8) -> i16 {
    let code = octet ^ 0x55;
    let segment = (code >> 4) & 7;
    let step = i32::from(code & 0x0f);
    let size = match segment {
        0 => (step << 4) + 8,
        segment => ((step << 4) + 0x108) << (segment - 1),
    };
    let sample = if code & 0x80 == 0 { -size } else { size };
    sample as i16
}

/// G.711 §3.2: biased by 33 (132 in 16 bits), all bits turned.
fn encode_mu(sample: i16) -> u8 {
    let sign = if sample < 0 { 0x80 } else { 0 };
    let size = i32::from(sample).abs().min(32_635) + 132;
    let segment = (31 - size.leading_zeros()).saturating_sub(7);
    let step = (size >> (segment + 3)) & 0x0f;
    !(sign | ((segment as u8) << 4) | (step as u8))
}

fn decode_mu(octet: u8) -> i16 {
    let code = !octet;
    let segment = (code >> 4) & 7;
    let size = (((i32::from(code & 0x0f) << 3) + 132) << segment) - 132;
    let sample = if code & 0x80 == 0 { size } else { -size };
    sample as i16
}

/// 20 ms of a tone; it is rounded to a multiple of 50 Hz within the telephone's band.
pub(super) fn tone(law: Law, hertz: u16) -> [u8; FRAME] {
    let hertz = rounded(hertz);
    std::array::from_fn(|at| {
        let turns = f32::from(hertz) * at as f32 / 8_000.0;
        law.encode((AMPLITUDE * (TAU * turns).sin()) as i16)
    })
}

/// The tone that a phone with this number really says.
pub(super) fn rounded(hertz: u16) -> u16 {
    (hertz.clamp(LOWEST, HIGHEST) / STEP) * STEP
}

/// The tone that most of the frame's power is in (Goertzel); `None`: silence, or no one tone.
pub(super) fn dominant(law: Law, frame: &[u8]) -> Option<u16> {
    let samples: Vec<f32> = frame
        .iter()
        .map(|octet| f32::from(law.decode(*octet)))
        .collect();
    let power: f32 = samples.iter().map(|sample| sample * sample).sum();
    let count = samples.len() as f32;
    if count == 0.0 || power / count < SILENCE * SILENCE {
        return None;
    }
    let tones = (LOWEST / STEP..=HIGHEST / STEP).map(|step| step * STEP);
    let (best, strength) = tones
        .map(|hertz| (hertz, goertzel(&samples, hertz)))
        .max_by(|(_, one), (_, other)| one.total_cmp(other))?;
    // A pure tone of amplitude A has A²N/2 of power and |X|² = A²N²/4.
    (strength * 2.0 / count > power / 2.0).then_some(best)
}

fn goertzel(samples: &[f32], hertz: u16) -> f32 {
    let turn = TAU * f32::from(hertz) / 8_000.0;
    let factor = 2.0 * turn.cos();
    let (mut last, mut before) = (0.0, 0.0);
    for sample in samples {
        (last, before) = (sample + factor * last - before, last);
    }
    last * last + before * before - factor * last * before
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_tone_is_heard_as_itself_in_both_laws() {
        for law in [Law::A, Law::Mu] {
            for hertz in (LOWEST..=HIGHEST).step_by(usize::from(STEP)) {
                assert_eq!(dominant(law, &tone(law, hertz)), Some(hertz), "{law:?}");
            }
        }
    }

    #[test]
    fn silence_and_noise_are_no_tone() {
        let silence = [Law::A.encode(0); FRAME];
        assert_eq!(dominant(Law::A, &silence), None);
        let noise: [u8; FRAME] = std::array::from_fn(|at| (at * at * 37 + 11) as u8);
        assert_eq!(dominant(Law::A, &noise), None);
        assert_eq!(dominant(Law::A, &[]), None);
    }

    #[test]
    fn the_laws_keep_samples_within_their_steps() {
        for law in [Law::A, Law::Mu] {
            for sample in (-32_000..32_000).step_by(97) {
                let kept = i32::from(law.decode(law.encode(sample)));
                let error = (kept - i32::from(sample)).abs();
                let step = 16 + i32::from(sample).abs() / 16;
                assert!(error <= step, "{law:?} made {kept} of {sample}");
            }
        }
    }

    #[test]
    fn known_octets_of_the_recommendation() {
        assert_eq!(Law::Mu.encode(0), 0xff);
        assert_eq!(Law::A.encode(0), 0xd5);
        assert_eq!(Law::A.decode(0xd5), 8);
        assert_eq!(Law::Mu.decode(0x80), 32_124);
    }
}
