//! Packets of one length out of packets of another, where the two ends of a bridge pack differently.

use super::outgoing::MAX_JUMP;
use crate::rtp::packet::Header;

/// The longest gap inside a frame that is filled with silence: one packet of the longest kind.
const MAX_FILL: usize = 480;

/// What came and was not sent yet: less than a frame.
#[derive(Debug, Clone, Default)]
pub(super) struct Pieces {
    octets: Vec<u8>,
    /// Our timestamp of the first octet.
    timestamp: u32,
    /// Whose stream it is, and its timestamp just behind the last octet.
    next: Option<(u32, u32)>,
}

impl Pieces {
    pub(super) fn is_empty(&self) -> bool {
        self.octets.is_empty()
    }

    /// Makes room for their packet of `samples` just behind what is there, and lends the buffer to
    /// append to; `None`: the packet comes too late. The timestamps follow the peer's, so they do
    /// not wobble with the network; `clock` is asked only where a stream begins or jumps.
    pub(super) fn line_up(
        &mut self,
        theirs: &Header,
        samples: usize,
        silence: u8,
        clock: u32,
    ) -> Option<&mut Vec<u8>> {
        let gap = self.next.and_then(|(ssrc, next)| {
            let gap = theirs.timestamp.wrapping_sub(next).cast_signed();
            (ssrc == theirs.ssrc && gap.unsigned_abs() <= MAX_JUMP).then_some(gap)
        });
        match gap.map(usize::try_from) {
            Some(Err(_)) => return None,
            Some(Ok(gap)) if gap <= MAX_FILL && !self.octets.is_empty() => {
                self.octets.resize(self.octets.len() + gap, silence);
            }
            Some(Ok(gap)) => {
                // The rest of a frame before a pause would come too late to be of use.
                let passed = self.octets.len() + gap;
                self.timestamp = self.timestamp.wrapping_add(passed as u32);
                self.octets.clear();
            }
            None => {
                self.timestamp = clock;
                self.octets.clear();
            }
        }
        self.next = Some((theirs.ssrc, theirs.timestamp.wrapping_add(samples as u32)));
        Some(&mut self.octets)
    }

    /// The next whole frame with its timestamp is given to `send` and taken out; `false`: there is none.
    pub(super) fn take(&mut self, length: usize, send: impl FnOnce(u32, &[u8])) -> bool {
        let Some(frame) = self.octets.get(..length).filter(|_| length > 0) else {
            return false;
        };
        send(self.timestamp, frame);
        self.timestamp = self.timestamp.wrapping_add(length as u32);
        self.octets.drain(..length);
        true
    }
}
