//! Keys heard as tones (ITU-T Q.23) where telephone-events were not negotiated, told from speech by
//! the rules of Q.24: level, twist, purity, duration and pause.

use super::codec::Codec;
use super::g711;

/// Samples of a block: 12.75 ms. Blocks overlap by half, so one begins each 51 samples.
const BLOCK: usize = 102;
/// So many blocks of one key in a row make a press: a tone of 40 ms fills four whatever its beginning,
/// one of 20 ms never more than three, even in part.
const HITS: u8 = 4;
/// So many blocks without it end it: a gap of 10 ms touches three, a pause of 40 ms seven.
const MISSES: u8 = 5;
/// Q.23, in Hz: the rows of the keypad and its columns.
const ROWS: [f32; 4] = [697.0, 770.0, 852.0, 941.0];
const COLUMNS: [f32; 4] = [1209.0, 1336.0, 1477.0, 1633.0];
const KEYS: [[char; 4]; 4] = [
    ['1', '2', '3', 'A'],
    ['4', '5', '6', 'B'],
    ['7', '8', '9', 'C'],
    ['*', '0', '#', 'D'],
];
const RATE: f32 = 8_000.0;
/// The weakest amplitude of either tone, about -32 dBm0: Q.24 wants -24 to -25 to be heard.
const FAINTEST: f32 = 560.0;
/// How much the row may exceed the column, in power: 8 dB by Q.24, since lines weaken high tones, and 3 dB
/// for what a short block mismeasures.
const ROW_TWIST: f32 = 12.6;
/// How much the column may exceed the row: 4 dB, and 2 dB.
const COLUMN_TWIST: f32 = 4.0;
/// How much each tone exceeds its neighbours, 8 dB and 6 dB: the other tone leaks into a short block, and
/// the stronger row into the columns most.
const ROW_PEAK: f32 = 7.0;
const COLUMN_PEAK: f32 = 4.0;

/// Which part of a block's energy the two tones have at least: speech has harmonics beside them. It is
/// also the part of the block that they must fill.
const PURITY: f32 = 0.7;

/// One tone's filter (Goertzel).
#[derive(Debug, Clone, Copy, Default)]
struct Filter {
    factor: f32,
    last: f32,
    before: f32,
}

impl Filter {
    fn new(frequency: f32) -> Self {
        Self {
            factor: 2.0 * (std::f32::consts::TAU * frequency / RATE).cos(),
            ..Self::default()
        }
    }

    fn hear(&mut self, sample: f32) {
        let next = sample + self.factor * self.last - self.before;
        self.before = self.last;
        self.last = next;
    }

    /// The tone's power over the block; the filter begins anew.
    fn power(&mut self) -> f32 {
        let (last, before) = (self.last, self.before);
        (self.last, self.before) = (0.0, 0.0);
        last * last + before * before - self.factor * last * before
    }
}

/// The eight filters over one block.
#[derive(Debug, Clone)]
struct Bank {
    rows: [Filter; 4],
    columns: [Filter; 4],
    energy: f32,
    samples: usize,
}

impl Bank {
    /// `samples`: of its first block are taken as heard, in silence.
    fn new(samples: usize) -> Self {
        Self {
            rows: ROWS.map(Filter::new),
            columns: COLUMNS.map(Filter::new),
            energy: 0.0,
            samples,
        }
    }

    /// At the end of a block: what it sounds like.
    fn hear(&mut self, sample: f32) -> Option<Option<char>> {
        for filter in self.rows.iter_mut().chain(&mut self.columns) {
            filter.hear(sample);
        }
        self.energy += sample * sample;
        self.samples += 1;
        (self.samples == BLOCK).then(|| self.judge())
    }

    fn judge(&mut self) -> Option<char> {
        let rows = self.rows.each_mut().map(Filter::power);
        let columns = self.columns.each_mut().map(Filter::power);
        let energy = std::mem::take(&mut self.energy);
        self.samples = 0;
        let (row, low) = peak(&rows, ROW_PEAK)?;
        let (column, high) = peak(&columns, COLUMN_PEAK)?;
        // A tone of amplitude a has the power (N·a/2)², and N·a²/2 of the energy.
        let size = BLOCK as f32;
        let faintest = (size * FAINTEST / 2.0).powi(2);
        let is_level = low >= faintest && high >= faintest;
        let is_even = low <= high * ROW_TWIST && high <= low * COLUMN_TWIST;
        let is_pure = low + high >= PURITY * energy * size / 2.0;
        let key = KEYS.get(row)?.get(column)?;
        (is_level && is_even && is_pure).then_some(*key)
    }
}

/// Listens to one stream, and tells each press once.
#[derive(Debug, Clone)]
pub struct Listener {
    banks: [Bank; 2],
    /// The key of the last block, and how often it came in a row.
    candidate: Option<char>,
    hits: u8,
    pressed: Option<char>,
    misses: u8,
}

impl Default for Listener {
    fn default() -> Self {
        Self {
            banks: [Bank::new(0), Bank::new(BLOCK / 2)],
            candidate: None,
            hits: 0,
            pressed: None,
            misses: 0,
        }
    }
}

impl Listener {
    /// A packet's octets; the key whose press they prove, if any. A packet is too short for two.
    pub fn packet(&mut self, codec: Codec, octets: &[u8]) -> Option<char> {
        let mut pressed = None;
        for octet in octets {
            let sample = f32::from(g711::decode(codec, *octet));
            for bank in 0..self.banks.len() {
                let block = self.banks.get_mut(bank).and_then(|bank| bank.hear(sample));
                if let Some(heard) = block {
                    pressed = self.follow(heard).or(pressed);
                }
            }
        }
        pressed
    }

    fn follow(&mut self, heard: Option<char>) -> Option<char> {
        self.hits = match heard {
            Some(_) if heard == self.candidate => self.hits.saturating_add(1),
            Some(_) => 1,
            None => 0,
        };
        self.candidate = heard;
        if self.pressed.is_some() {
            self.misses = match heard == self.pressed {
                true => 0,
                false => self.misses + 1,
            };
            if self.misses >= MISSES {
                self.pressed = None;
            }
        }
        // Another key after a short gap is another press; the same one goes on.
        if self.hits >= HITS && heard != self.pressed {
            self.pressed = heard;
            self.misses = 0;
            return heard;
        }
        None
    }
}

/// The strongest of a group, if the others are far below it.
fn peak(powers: &[f32; 4], least: f32) -> Option<(usize, f32)> {
    let (at, best) = powers
        .iter()
        .copied()
        .enumerate()
        .max_by(|(_, one), (_, other)| one.total_cmp(other))?;
    let others = powers.iter().enumerate().filter(|(other, _)| *other != at);
    others
        .into_iter()
        .all(|(_, power)| best >= power * least)
        .then_some((at, best))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Samples of 1 ms.
    const MS: usize = 8;
    /// A sine at 0 dBm0 in G.711 (full scale is +3.14).
    const ZERO_DBM0: f32 = 22_377.0;

    fn level(dbm0: f32) -> f32 {
        ZERO_DBM0 * 10_f32.powf(dbm0 / 20.0)
    }

    /// How a key is sent.
    #[derive(Clone, Copy)]
    struct Sent {
        low: f32,
        high: f32,
        /// Off the nominal frequencies.
        detune: f32,
        on: usize,
        off: usize,
        noise: f32,
    }

    const USUAL: Sent = Sent {
        low: -12.0,
        high: -10.0,
        detune: 0.0,
        on: 60,
        off: 60,
        noise: -60.0,
    };

    /// White noise from a fixed seed.
    struct Noise(u64);

    impl Noise {
        fn sample(&mut self) -> f32 {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            ((self.0 >> 40) as f32 / (1_u32 << 23) as f32) - 1.0
        }
    }

    fn frequencies(key: char) -> (f32, f32) {
        let all = KEYS.iter().zip(ROWS);
        let mut all = all.flat_map(|(keys, row)| {
            keys.iter()
                .zip(COLUMNS)
                .map(move |(one, column)| (*one, row, column))
        });
        let (_, row, column) = all.find(|(one, _, _)| *one == key).unwrap();
        (row, column)
    }

    fn dialled(keys: &str, sent: Sent) -> Vec<i16> {
        let mut noise = Noise(7);
        let mut samples = Vec::new();
        for key in keys.chars() {
            let (row, column) = frequencies(key);
            for at in 0..(sent.on + sent.off) * MS {
                let time = at as f32 / RATE * std::f32::consts::TAU * (1.0 + sent.detune);
                let tone =
                    (row * time).sin() * level(sent.low) + (column * time).sin() * level(sent.high);
                let tone = if at < sent.on * MS { tone } else { 0.0 };
                // Of a power as a sine of that level has.
                let noise = noise.sample() * level(sent.noise) * 1.22;
                samples.push((tone + noise) as i16);
            }
        }
        samples
    }

    fn heard(codec: Codec, samples: &[i16], packet: usize) -> String {
        let octets: Vec<u8> = samples
            .iter()
            .map(|sample| g711::encode(codec, *sample))
            .collect();
        let mut listener = Listener::default();
        octets
            .chunks(packet)
            .filter_map(|packet| listener.packet(codec, packet))
            .collect()
    }

    const ALL: &str = "1234567890*#ABCD";

    #[test]
    fn each_key_pressed_once_is_one_digit() {
        for codec in Codec::ALL {
            for packet in [80, 160, 240, 480] {
                assert_eq!(heard(codec, &dialled(ALL, USUAL), packet), ALL);
            }
            // Held for long, and the same key again and again.
            let long = Sent { on: 3_000, ..USUAL };
            assert_eq!(heard(codec, &dialled("5", long), 160), "5");
            assert_eq!(heard(codec, &dialled("1111", USUAL), 160), "1111");
        }
    }

    #[test]
    fn forty_milliseconds_are_a_press_and_a_pause_and_twenty_are_nothing() {
        for offset in 0..BLOCK {
            let lead = vec![0; offset];
            let shortest = Sent {
                on: 40,
                off: 40,
                ..USUAL
            };
            let samples = [lead.clone(), dialled("1199##", shortest)].concat();
            assert_eq!(
                heard(Codec::Pcma, &samples, 160),
                "1199##",
                "offset {offset}"
            );
            let blip = Sent {
                on: 20,
                off: 80,
                ..USUAL
            };
            let samples = [lead, dialled(ALL, blip)].concat();
            assert_eq!(heard(Codec::Pcma, &samples, 160), "", "offset {offset}");
        }
    }

    #[test]
    fn a_gap_of_ten_milliseconds_is_no_second_press() {
        for offset in 0..BLOCK {
            let held = Sent {
                on: 60,
                off: 10,
                ..USUAL
            };
            let samples = [vec![0; offset], dialled("77", held)].concat();
            assert_eq!(heard(Codec::Pcmu, &samples, 160), "7", "offset {offset}");
        }
    }

    #[test]
    fn levels_twist_and_detuning_within_q24_are_heard() {
        for (low, high) in [
            (0.0, 0.0),
            (-3.0, -3.0),
            (-25.0, -25.0),
            (-10.0, -18.0),
            (-14.0, -10.0),
        ] {
            for detune in [-0.015, 0.0, 0.015] {
                let sent = Sent {
                    low: low - 3.0,
                    high: high - 3.0,
                    detune,
                    ..USUAL
                };
                for codec in Codec::ALL {
                    let keys = heard(codec, &dialled(ALL, sent), 160);
                    assert_eq!(keys, ALL, "{low} {high} {detune} {codec:?}");
                }
            }
        }
    }

    #[test]
    fn one_tone_a_crooked_pair_and_whispers_are_no_key() {
        for (low, high) in [
            (-10.0, -90.0),
            (-90.0, -10.0),
            (-10.0, -23.0),
            (-20.0, -11.0),
            (-45.0, -45.0),
        ] {
            let sent = Sent { low, high, ..USUAL };
            assert_eq!(
                heard(Codec::Pcma, &dialled(ALL, sent), 160),
                "",
                "{low} {high}"
            );
        }
    }

    #[test]
    fn noise_of_fifteen_decibels_below_does_not_hide_a_key_and_alone_is_none() {
        let sent = Sent {
            noise: -25.0,
            low: -10.0,
            high: -10.0,
            ..USUAL
        };
        for codec in Codec::ALL {
            assert_eq!(heard(codec, &dialled(ALL, sent), 160), ALL);
        }
        let mut noise = Noise(3);
        let alone: Vec<i16> = (0..8_000 * 60)
            .map(|_| (noise.sample() * level(-10.0)) as i16)
            .collect();
        assert_eq!(heard(Codec::Pcma, &alone, 160), "");
    }
}
