//! G.711: 16-bit samples to an octet and back, by tables made at compile time (ITU-T G.711).

use super::codec::Codec;

/// Largest magnitude that µ-law holds, before its bias.
const ULAW_CLIP: i32 = 32_635;
/// Added before the segment is sought, so that each segment begins at a power of two.
const ULAW_BIAS: i32 = 0x84;

const fn ulaw_to_linear(octet: u8) -> i16 {
    let inverted = !octet;
    let segment = ((inverted >> 4) & 7) as i32;
    let step = (inverted & 15) as i32;
    let magnitude = (((step << 3) + ULAW_BIAS) << segment) - ULAW_BIAS;
    (if inverted & 0x80 != 0 {
        -magnitude
    } else {
        magnitude
    }) as i16
}

const fn linear_to_ulaw(sample: i16) -> u8 {
    let negative = sample < 0;
    let mut magnitude = if negative {
        -(sample as i32)
    } else {
        sample as i32
    };
    if magnitude > ULAW_CLIP {
        magnitude = ULAW_CLIP;
    }
    magnitude += ULAW_BIAS;
    let mut segment = 7;
    while segment > 0 && magnitude & (0x80 << segment) == 0 {
        segment -= 1;
    }
    let step = (magnitude >> (segment + 3)) & 15;
    let octet = ((segment << 4) | step) as u8;
    !(if negative { octet | 0x80 } else { octet })
}

const fn alaw_to_linear(octet: u8) -> i16 {
    let toggled = octet ^ 0x55;
    let segment = ((toggled >> 4) & 7) as i32;
    let step = (toggled & 15) as i32;
    let magnitude = if segment == 0 {
        (step << 4) + 8
    } else {
        ((step << 4) + 0x108) << (segment - 1)
    };
    (if toggled & 0x80 != 0 {
        magnitude
    } else {
        -magnitude
    }) as i16
}

const fn linear_to_alaw(sample: i16) -> u8 {
    let negative = sample < 0;
    // One's complement, as the standard has it: −1 and 0 are the two smallest steps.
    let magnitude = if negative {
        !(sample as i32)
    } else {
        sample as i32
    } >> 4;
    let mut segment = 0;
    while segment < 7 && magnitude >> (4 + segment) != 0 {
        segment += 1;
    }
    let step = if segment == 0 {
        magnitude & 15
    } else {
        (magnitude >> (segment - 1)) & 15
    };
    let octet = ((segment << 4) | step) as u8;
    (if negative { octet } else { octet | 0x80 }) ^ 0x55
}

const fn decode_table(alaw: bool) -> [i16; 256] {
    let mut table = [0; 256];
    let mut octet = 0;
    while octet < 256 {
        let code = octet as u8;
        table[octet] = if alaw {
            alaw_to_linear(code)
        } else {
            ulaw_to_linear(code)
        };
        octet += 1;
    }
    table
}

const fn cross_table(from_alaw: bool) -> [u8; 256] {
    let mut table = [0; 256];
    let mut octet = 0;
    while octet < 256 {
        let code = octet as u8;
        table[octet] = if from_alaw {
            linear_to_ulaw(alaw_to_linear(code))
        } else {
            linear_to_alaw(ulaw_to_linear(code))
        };
        octet += 1;
    }
    table
}

static FROM_ALAW: [i16; 256] = decode_table(true);
static FROM_ULAW: [i16; 256] = decode_table(false);
static ALAW_TO_ULAW: [u8; 256] = cross_table(true);
static ULAW_TO_ALAW: [u8; 256] = cross_table(false);

/// An octet's sample.
pub fn decode(codec: Codec, octet: u8) -> i16 {
    match codec {
        Codec::Pcma => FROM_ALAW[usize::from(octet)],
        Codec::Pcmu => FROM_ULAW[usize::from(octet)],
    }
}

/// A sample's octet.
pub fn encode(codec: Codec, sample: i16) -> u8 {
    match codec {
        Codec::Pcma => linear_to_alaw(sample),
        Codec::Pcmu => linear_to_ulaw(sample),
    }
}

/// The octet of silence.
pub fn silence(codec: Codec) -> u8 {
    encode(codec, 0)
}

/// Appends `payload`, in `from`, to `out`, in `to`.
pub fn transcode(payload: &[u8], from: Codec, to: Codec, out: &mut Vec<u8>) {
    match (from, to) {
        (Codec::Pcma, Codec::Pcmu) => {
            out.extend(
                payload
                    .iter()
                    .map(|octet| ALAW_TO_ULAW[usize::from(*octet)]),
            );
        }
        (Codec::Pcmu, Codec::Pcma) => {
            out.extend(
                payload
                    .iter()
                    .map(|octet| ULAW_TO_ALAW[usize::from(*octet)]),
            );
        }
        _ => out.extend_from_slice(payload),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_octet_comes_back_from_its_sample() {
        for octet in 0..=255u8 {
            for codec in Codec::ALL {
                let again = encode(codec, decode(codec, octet));
                // µ-law has two zeros.
                let zero = codec == Codec::Pcmu && octet == 0x7f;
                assert!(again == octet || zero, "{codec:?} {octet:#x} {again:#x}");
            }
        }
    }

    #[test]
    fn known_values_of_the_standard() {
        assert_eq!(silence(Codec::Pcma), 0xD5);
        assert_eq!(silence(Codec::Pcmu), 0xFF);
        assert_eq!(decode(Codec::Pcmu, 0x80), 32_124);
        assert_eq!(decode(Codec::Pcma, 0xAA), 32_256);
        assert_eq!(encode(Codec::Pcma, i16::MAX), 0xAA);
        assert_eq!(encode(Codec::Pcmu, i16::MIN), 0x00);
    }

    #[test]
    fn no_sample_is_off_by_more_than_its_step() {
        for sample in (i16::MIN..=i16::MAX).step_by(7) {
            for codec in Codec::ALL {
                let error = i32::from(decode(codec, encode(codec, sample))) - i32::from(sample);
                let magnitude = i32::from(sample).abs();
                assert!(
                    error.abs() <= 16 + magnitude / 16 + 132 * i32::from(magnitude > 32_000),
                    "{codec:?} {sample} {error}"
                );
            }
        }
    }
}
