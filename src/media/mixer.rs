//! A room: each participant hears those whom the room's table names, mixed; nobody hears oneself.

use std::collections::BTreeMap;

use super::command::{Clip, Seat};
use super::engine::Engine;
use super::leg::{Playing, Source};
use super::voice::{Voice, place_of};
use super::{Codec, Event};
use crate::ids::LegId;
use crate::rtp::g711;
use crate::rtp::packet::{Header, MAX_PAYLOAD};
use crate::time::Instant;

/// The longest frame: 60 ms.
const LONGEST: usize = 480;
/// The common frame: 20 ms.
const SHORT: i64 = 160;
/// Below it a sum is left as it is; above it is bent, so that it never reaches the end of the scale.
const KNEE: i64 = 24_000;

/// What a participant hears.
#[derive(Debug, Clone, Default)]
pub(super) struct Hearing {
    /// Of whom.
    pub(super) voices: Vec<LegId>,
    /// A word over it.
    pub(super) over: Option<Playing>,
}

impl Hearing {
    /// Fills a frame that begins then; the number of a word that ended with it.
    pub(super) fn fill(
        &mut self,
        voices: &BTreeMap<LegId, Voice>,
        codec: Codec,
        at: Instant,
        frame: &mut [u8],
    ) -> Option<u64> {
        let mut sum = [0_i32; LONGEST];
        let sum = sum.get_mut(..frame.len()).unwrap_or_default();
        // A long frame tells of what was, so that no voice is too late for its end.
        let from = place_of(at) + SHORT - frame.len() as i64;
        for voice in self.voices.iter().filter_map(|leg| voices.get(leg)) {
            voice.add(from, sum);
        }
        let mut ended = None;
        if let Some(word) = &mut self.over {
            frame.fill(g711::silence(codec));
            if word.fill(codec, frame) {
                ended = word.playback;
            }
            for (total, octet) in sum.iter_mut().zip(&*frame) {
                *total = total.saturating_add(i32::from(g711::decode(codec, *octet)));
            }
        }
        if ended.is_some() {
            self.over = None;
        }
        for (octet, total) in frame.iter_mut().zip(sum) {
            *octet = g711::encode(codec, limited(*total));
        }
        ended
    }
}

/// A sum of voices as a sample: loud ones are bent, and none wraps.
fn limited(sum: i32) -> i16 {
    let room = i64::from(i16::MAX) - KNEE;
    let (size, sign) = (i64::from(sum).abs(), i64::from(sum.signum()));
    let bent = match size - KNEE {
        over if over > 0 => KNEE + room * over / (room + over),
        _ => size,
    };
    i16::try_from(sign * bent).unwrap_or(i16::MAX)
}

impl Engine {
    /// Seats legs in a room. Who sat there already hears on without a gap.
    pub(super) fn mix(&mut self, room: Vec<Seat>, now: Instant) {
        for Seat { leg, hears } in room {
            let Some(one) = self.legs.get(&leg) else {
                continue;
            };
            if !matches!(one.source, Source::Room(_)) {
                self.unbridge(leg, now);
                self.set_source(leg, Source::Room(Hearing::default()), now);
            }
            self.voices.entry(leg).or_default();
            if let Some(one) = self.legs.get_mut(&leg)
                && let Source::Room(hearing) = &mut one.source
            {
                hearing.voices = hears.into_iter().filter(|other| *other != leg).collect();
            }
        }
    }

    /// A word over what a participant hears.
    pub(super) fn say_over(&mut self, id: LegId, clips: &[Clip], playback: u64) {
        let word = self.playing(id, clips, Some(playback));
        match self.legs.get_mut(&id).map(|leg| &mut leg.source) {
            Some(Source::Room(hearing)) => hearing.over = Some(word),
            // Nobody waits for a word that is not said.
            Some(_) => self.report(Event::Played { leg: id, playback }),
            None => {}
        }
    }

    /// A packet of a participant. Keys stay with us: in a talk of several nobody is to hear them.
    pub(super) fn in_room(
        &mut self,
        id: LegId,
        codec: Option<Codec>,
        (header, payload): (&Header, &[u8]),
        now: Instant,
    ) {
        if let (Some(codec), Some(voice)) = (codec, self.voices.get_mut(&id))
            && payload.len() <= MAX_PAYLOAD
        {
            voice.put(header, codec, payload, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quiet_sums_are_exact_and_loud_ones_bend_without_wrapping() {
        assert_eq!(limited(0), 0);
        assert_eq!(limited(-23_999), -23_999);
        let loud: Vec<i16> = (24_000..600_000).step_by(7).map(limited).collect();
        assert!(loud.is_sorted(), "louder is never quieter");
        assert!(loud.iter().all(|sample| *sample > 23_000));
        assert_eq!(limited(-100_000), -limited(100_000));
        assert_eq!(limited(i32::MIN), -limited(i32::MAX));
    }
}
