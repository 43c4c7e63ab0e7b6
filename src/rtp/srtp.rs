//! RTP and RTCP under keys (RFC 3711): AES in counter mode with HMAC-SHA1, or in Galois/Counter mode, as SDES
//! agrees on them (RFC 4568 §6.2, RFC 6188, RFC 7714). Authentication comes before anything else of a packet is believed.

use aes::cipher::generic_array::GenericArray;
use aes::cipher::{BlockEncrypt, KeyInit};
use aes::{Aes128, Aes256};
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha1::Sha1;
use subtle::ConstantTimeEq;

use super::gcm::{self, Gcm};
use crate::private::Private;

/// Octets of a master salt (RFC 3711 §8.2).
const SALT: usize = 14;
/// The longest master key with its salt.
pub const MAX_SECRET: usize = 32 + SALT;
/// The longest tag of a packet of ours.
pub const MAX_TAG: usize = gcm::TAG;
/// What SRTCP adds besides: E flag and index (§3.4).
const INDEX: usize = 4;
/// The E flag before an index (§3.4).
const ENCRYPTED: u32 = 0x8000_0000;
/// SRTCP's tag has 80 bits in all suites (RFC 4568 §6.2.2).
const RTCP_TAG: usize = 10;
/// RTCP's part in the clear: its first header and SSRC (§3.4).
const RTCP_CLEAR: usize = 8;
/// Blocks that are encrypted at once.
const BATCH: usize = 8;

/// A crypto suite of RFC 4568 §6.2, RFC 6188 or RFC 7714.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Suite {
    /// `AES_CM_128_HMAC_SHA1_80`: everyone has it.
    Aes128Tag80,
    /// `AES_CM_128_HMAC_SHA1_32`.
    Aes128Tag32,
    /// `AES_256_CM_HMAC_SHA1_80`.
    Aes256Tag80,
    /// `AES_256_CM_HMAC_SHA1_32`.
    Aes256Tag32,
    /// `AEAD_AES_128_GCM`.
    Aead128,
    /// `AEAD_AES_256_GCM`.
    Aead256,
}

impl Suite {
    /// All that we can.
    pub const ALL: [Self; 6] = [
        Self::Aes128Tag80,
        Self::Aes128Tag32,
        Self::Aes256Tag80,
        Self::Aes256Tag32,
        Self::Aead128,
        Self::Aead256,
    ];

    /// As in `a=crypto`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Aes128Tag80 => "AES_CM_128_HMAC_SHA1_80",
            Self::Aes128Tag32 => "AES_CM_128_HMAC_SHA1_32",
            Self::Aes256Tag80 => "AES_256_CM_HMAC_SHA1_80",
            Self::Aes256Tag32 => "AES_256_CM_HMAC_SHA1_32",
            Self::Aead128 => "AEAD_AES_128_GCM",
            Self::Aead256 => "AEAD_AES_256_GCM",
        }
    }

    fn key_length(self) -> usize {
        match self {
            Self::Aes128Tag80 | Self::Aes128Tag32 | Self::Aead128 => 16,
            Self::Aes256Tag80 | Self::Aes256Tag32 | Self::Aead256 => 32,
        }
    }

    /// Octets of a master key with its salt.
    pub fn secret_length(self) -> usize {
        let salt = match self.is_aead() {
            true => gcm::SALT,
            false => SALT,
        };
        self.key_length() + salt
    }

    fn is_aead(self) -> bool {
        matches!(self, Self::Aead128 | Self::Aead256)
    }

    fn tag(self) -> usize {
        match self {
            Self::Aead128 | Self::Aead256 => gcm::TAG,
            Self::Aes128Tag80 | Self::Aes256Tag80 => 10,
            Self::Aes128Tag32 | Self::Aes256Tag32 => 4,
        }
    }
}

/// The master key of one direction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keys {
    /// For what.
    pub suite: Suite,
    /// Master key and master salt, as `inline:` has them; as long as the suite wants.
    secret: Private<Vec<u8>>,
    /// Octets of the master key's name in each packet (§3.1); the sender alone says how many.
    mki: u8,
}

impl Keys {
    /// `None`: the secret has not the length that the suite wants.
    pub fn new(suite: Suite, secret: &[u8], mki: u8) -> Option<Self> {
        (secret.len() == suite.secret_length()).then(|| Self {
            suite,
            secret: Private::new(secret.to_vec()),
            mki,
        })
    }

    /// Octets of the master key's name in each packet; 0: it has none.
    pub fn mki(&self) -> u8 {
        self.mki
    }

    /// Master key and salt, for the description that goes to the peer.
    pub fn secret(&self) -> &[u8] {
        self.secret.reveal()
    }
}

/// Both directions of a leg.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Crypto {
    /// What we send under.
    pub ours: Keys,
    /// What the peer sends under.
    pub theirs: Keys,
}

#[derive(Clone)]
enum Cipher {
    Short(Box<Aes128>),
    Long(Box<Aes256>),
}

impl Cipher {
    fn new(key: &[u8]) -> Option<Self> {
        match key.len() {
            16 => Aes128::new_from_slice(key)
                .ok()
                .map(Box::new)
                .map(Self::Short),
            _ => Aes256::new_from_slice(key)
                .ok()
                .map(Box::new)
                .map(Self::Long),
        }
    }

    /// §4.1.1: `data` under the keystream that begins at `counter`, whose last two octets count blocks.
    fn apply(&self, counter: [u8; 16], data: &mut [u8]) {
        let mut number = 0_u16;
        for part in data.chunks_mut(BATCH * 16) {
            let mut blocks = [GenericArray::from([0; 16]); BATCH];
            let used = part.len().div_ceil(16);
            for block in blocks.iter_mut().take(used) {
                *block = GenericArray::from(counter);
                let [.., high, low] = number.to_be_bytes();
                block[14] = high;
                block[15] = low;
                number = number.wrapping_add(1);
            }
            let busy = blocks.get_mut(..used).unwrap_or_default();
            match self {
                Self::Short(aes) => aes.encrypt_blocks(busy),
                Self::Long(aes) => aes.encrypt_blocks(busy),
            }
            for (octet, key) in part.iter_mut().zip(busy.iter().flatten()) {
                *octet ^= key;
            }
        }
    }
}

/// What each packet of one kind is worked on with (§4.3).
#[derive(Clone)]
struct Derived {
    cipher: Cipher,
    salt: [u8; SALT],
    auth: Hmac<Sha1>,
    /// In place of the others (RFC 7714).
    gcm: Option<Gcm>,
}

/// §4.3.1 labels of encryption; authentication and salt are the two after it.
const RTP: u8 = 0;
const RTCP: u8 = 3;

impl Derived {
    fn new(keys: &Keys, first_label: u8) -> Option<Self> {
        let (key, master_salt) = keys.secret().split_at_checked(keys.suite.key_length())?;
        let master = Cipher::new(key)?;
        let derive = |label: u8, out: &mut [u8]| {
            let mut counter = [0; 16];
            for (to, from) in counter.iter_mut().zip(master_salt) {
                *to = *from;
            }
            // §4.3.1: the label stands left of a 48-bit index, which is zero without re-derivation.
            counter[7] ^= label;
            master.apply(counter, out);
        };
        let (mut key, mut auth, mut salt) = ([0; 32], [0; 20], [0; SALT]);
        let key = key.get_mut(..keys.suite.key_length())?;
        derive(first_label, key);
        derive(first_label + 1, &mut auth);
        derive(first_label + 2, &mut salt);
        // RFC 7714 §11: its salts are derived in the same way, of fewer octets.
        let gcm = match keys.suite.is_aead() {
            true => Some(Gcm::new(key, &salt)?),
            false => None,
        };
        Some(Self {
            gcm,
            cipher: Cipher::new(key)?,
            salt,
            auth: <Hmac<Sha1> as Mac>::new_from_slice(&auth).ok()?,
        })
    }

    /// §4.1.1: the salt, the SSRC and the packet's index make the counter.
    fn apply(&self, ssrc: u32, index: u64, data: &mut [u8]) {
        let mut counter = [0; 16];
        for (to, from) in counter.iter_mut().zip(self.salt) {
            *to = from;
        }
        let [_, _, index @ ..] = index.to_be_bytes();
        let numbers = ssrc.to_be_bytes().into_iter().chain(index);
        for (to, from) in counter.iter_mut().skip(4).zip(numbers) {
            *to ^= from;
        }
        self.cipher.apply(counter, data);
    }

    /// §4.2: over the packet and what its index has besides.
    fn tag(&self, packet: &[u8], more: &[u8]) -> [u8; 20] {
        let mut auth = self.auth.clone();
        auth.update(packet);
        auth.update(more);
        auth.finalize().into_bytes().into()
    }

    fn is_tag(&self, packet: &[u8], more: &[u8], tag: &[u8]) -> bool {
        let right = self.tag(packet, more);
        let right = right.get(..tag.len()).unwrap_or_default();
        !tag.is_empty() && right.ct_eq(tag).into()
    }
}

/// The index of a packet in its stream (§3.3.1): roll-over counter and sequence number.
fn estimate(highest: Option<u64>, sequence: u16) -> u64 {
    let Some(highest) = highest else {
        return u64::from(sequence);
    };
    let near = (highest & !0xffff) | u64::from(sequence);
    let half = 0x8000;
    if near + half < highest {
        near + 0x1_0000
    } else if near > highest + half && near >= 0x1_0000 {
        near - 0x1_0000
    } else {
        near
    }
}

/// Which of the last 64 packets came (§3.3.2).
#[derive(Clone, Copy, Default)]
struct Window {
    highest: Option<u64>,
    seen: u64,
}

impl Window {
    fn is_new(&self, index: u64) -> bool {
        let Some(highest) = self.highest else {
            return true;
        };
        match highest.checked_sub(index) {
            None => true,
            Some(behind) => behind < 64 && self.seen & (1 << behind) == 0,
        }
    }

    fn note(&mut self, index: u64) {
        let highest = self.highest.unwrap_or(index);
        if let Some(behind) = highest.checked_sub(index) {
            self.seen |= 1_u64.checked_shl(behind as u32).unwrap_or(0);
            self.highest = Some(highest);
        } else {
            let step = (index - highest).min(64) as u32;
            self.seen = self.seen.checked_shl(step).unwrap_or(0) | 1;
            self.highest = Some(index);
        }
    }
}

/// Where the RTP header ends, contributors and extension included; `None`: it is none.
fn header_length(packet: &[u8]) -> Option<usize> {
    let first = *packet.first()?;
    let mut length = 12 + 4 * usize::from(first & 0x0f);
    if first & 0x10 != 0 {
        let words = packet.get(length + 2..length + 4)?;
        length += 4 + 4 * usize::from(u16::from_be_bytes(words.try_into().ok()?));
    }
    (packet.len() >= length && first >> 6 == 2).then_some(length)
}

fn four(packet: &[u8], at: usize) -> Option<u32> {
    let octets = packet.get(at..at + 4)?;
    Some(u32::from_be_bytes(octets.try_into().ok()?))
}

fn sequence_of(packet: &[u8]) -> Option<u16> {
    let octets = packet.get(2..4)?;
    Some(u16::from_be_bytes(octets.try_into().ok()?))
}

/// What we send, under our key. One stream, one SSRC.
#[derive(Clone)]
pub struct Sealer {
    keys: Keys,
    rtp: Derived,
    rtcp: Derived,
    highest: Option<u64>,
    reports: u32,
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sealer").finish_non_exhaustive()
    }
}

impl Sealer {
    /// `None`: the keys are none.
    pub fn new(keys: &Keys) -> Option<Self> {
        Some(Self {
            keys: keys.clone(),
            rtp: Derived::new(keys, RTP)?,
            rtcp: Derived::new(keys, RTCP)?,
            highest: None,
            reports: 0,
        })
    }

    /// Its keys.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Seals the RTP packet in the first `length` octets of `buffer`; how long it is then.
    pub fn rtp(&mut self, buffer: &mut [u8], length: usize) -> Option<usize> {
        let packet = buffer.get_mut(..length)?;
        let header = header_length(packet)?;
        let (sequence, ssrc) = (sequence_of(packet)?, four(packet, 8)?);
        let index = estimate(self.highest, sequence);
        self.highest = self.highest.max(Some(index));
        if let Some(gcm) = &self.rtp.gcm {
            let (clear, text) = packet.split_at_mut_checked(header)?;
            let tag = gcm.seal((ssrc, index), clear, text)?;
            let end = length + tag.len();
            buffer.get_mut(length..end)?.copy_from_slice(&tag);
            return Some(end);
        }
        self.rtp.apply(ssrc, index, packet.get_mut(header..)?);
        let tag = self.rtp.tag(packet, &roll_over(index));
        let end = length + self.keys.suite.tag();
        let room = buffer.get_mut(length..end)?;
        room.copy_from_slice(tag.get(..room.len())?);
        Some(end)
    }

    /// Seals a compound RTCP packet (§3.4).
    pub fn rtcp(&mut self, packet: &mut Vec<u8>) -> Option<()> {
        let ssrc = four(packet, 4)?;
        self.reports = (self.reports + 1) & 0x7fff_ffff;
        let index = self.reports;
        if let Some(gcm) = &self.rtcp.gcm {
            let word = (index | ENCRYPTED).to_be_bytes();
            let (clear, text) = packet.split_at_mut_checked(RTCP_CLEAR)?;
            let clear = [&*clear, &word].concat();
            let tag = gcm.seal((ssrc, index.into()), &clear, text)?;
            // RFC 7714 §9: unlike that of RFC 3711, the tag comes before the index.
            packet.extend(tag);
            packet.extend(word);
            return Some(());
        }
        self.rtcp
            .apply(ssrc, index.into(), packet.get_mut(RTCP_CLEAR..)?);
        packet.extend((index | ENCRYPTED).to_be_bytes());
        let tag = self.rtcp.tag(packet, &[]);
        packet.extend_from_slice(tag.get(..RTCP_TAG)?);
        Some(())
    }
}

/// §4.2: RTP's tag covers the roll-over counter besides the packet.
fn roll_over(index: u64) -> [u8; 4] {
    ((index >> 16) as u32).to_be_bytes()
}

/// One stream of the peer.
#[derive(Clone, Copy)]
struct Stream {
    ssrc: u32,
    rtp: Window,
    rtcp: Window,
}

/// How many streams of a peer are kept apart: it may begin another one, and late packets of the former
/// still come.
const STREAMS: usize = 4;

/// What comes, under the peer's key.
#[derive(Clone)]
pub struct Opener {
    keys: Keys,
    rtp: Derived,
    rtcp: Derived,
    /// The newest last.
    streams: Vec<Stream>,
}

impl std::fmt::Debug for Opener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opener").finish_non_exhaustive()
    }
}

impl Opener {
    /// `None`: the keys are none.
    pub fn new(keys: &Keys) -> Option<Self> {
        Some(Self {
            keys: keys.clone(),
            rtp: Derived::new(keys, RTP)?,
            rtcp: Derived::new(keys, RTCP)?,
            streams: Vec::new(),
        })
    }

    /// Its keys.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// What is known of a stream; a new one is kept only when its first packet proves genuine.
    fn stream(&self, ssrc: u32) -> Stream {
        let known = self.streams.iter().find(|one| one.ssrc == ssrc);
        known.copied().unwrap_or(Stream {
            ssrc,
            rtp: Window::default(),
            rtcp: Window::default(),
        })
    }

    fn keep(&mut self, stream: Stream) {
        match self.streams.iter_mut().find(|one| one.ssrc == stream.ssrc) {
            Some(known) => *known = stream,
            None => {
                if self.streams.len() == STREAMS {
                    self.streams.remove(0);
                }
                self.streams.push(stream);
            }
        }
    }

    /// Opens the RTP packet in `packet`; `None`: not genuine, or a copy. Else the packet as it was
    /// before it was sealed.
    pub fn rtp<'a>(&mut self, packet: &'a mut [u8]) -> Option<&'a [u8]> {
        if self.rtp.gcm.is_some() {
            return self.rtp_of_gcm(packet);
        }
        let body_end = packet.len().checked_sub(self.keys.suite.tag())?;
        let end = body_end.checked_sub(self.keys.mki.into())?;
        let (sequence, ssrc) = (sequence_of(packet)?, four(packet, 8)?);
        let header = header_length(packet.get(..end)?)?;
        let mut stream = self.stream(ssrc);
        let index = estimate(stream.rtp.highest, sequence);
        let is_genuine = |index| {
            let (body, tag) = (packet.get(..end), packet.get(body_end..));
            body.zip(tag)
                .is_some_and(|(body, tag)| self.rtp.is_tag(body, &roll_over(index), tag))
        };
        // A stream that began just before its numbers rolled over may reach us after it.
        let index = [Some(index), first_after_roll_over(&stream, sequence)]
            .into_iter()
            .flatten()
            .find(|index| stream.rtp.is_new(*index) && is_genuine(*index))?;
        stream.rtp.note(index);
        self.keep(stream);
        self.rtp.apply(ssrc, index, packet.get_mut(header..end)?);
        packet.get(..end)
    }

    /// Opens a compound RTCP packet in the same way.
    pub fn rtcp<'a>(&mut self, packet: &'a mut [u8]) -> Option<&'a [u8]> {
        if self.rtcp.gcm.is_some() {
            return self.rtcp_of_gcm(packet);
        }
        let tag_at = packet.len().checked_sub(RTCP_TAG)?;
        let index_end = tag_at.checked_sub(self.keys.mki.into())?;
        let end = index_end
            .checked_sub(INDEX)
            .filter(|end| *end >= RTCP_CLEAR)?;
        let (ssrc, word) = (four(packet, 4)?, four(packet, end)?);
        let index = u64::from(word & 0x7fff_ffff);
        let mut stream = self.stream(ssrc);
        let (body, tag) = (packet.get(..index_end)?, packet.get(tag_at..)?);
        if !stream.rtcp.is_new(index) || !self.rtcp.is_tag(body, &[], tag) {
            return None;
        }
        stream.rtcp.note(index);
        self.keep(stream);
        if word & ENCRYPTED != 0 {
            self.rtcp
                .apply(ssrc, index, packet.get_mut(RTCP_CLEAR..end)?);
        }
        packet.get(..end)
    }
}

/// In Galois/Counter mode the tag is the end of the encrypted part, and a key's name comes behind it (RFC 7714
/// §8, §9).
impl Opener {
    fn rtp_of_gcm<'a>(&mut self, packet: &'a mut [u8]) -> Option<&'a [u8]> {
        let tag_end = packet.len().checked_sub(self.keys.mki.into())?;
        let end = tag_end.checked_sub(gcm::TAG)?;
        let (sequence, ssrc) = (sequence_of(packet)?, four(packet, 8)?);
        let header = header_length(packet.get(..end)?)?;
        let tag = packet.get(end..tag_end)?.try_into().ok()?;
        let mut stream = self.stream(ssrc);
        let likely = Some(estimate(stream.rtp.highest, sequence));
        let mut guesses = [likely, first_after_roll_over(&stream, sequence)]
            .into_iter()
            .flatten();
        let gcm = self.rtp.gcm.as_ref()?;
        let (clear, text) = packet.get_mut(..end)?.split_at_mut_checked(header)?;
        let opens =
            |index: &u64| stream.rtp.is_new(*index) && gcm.open((ssrc, *index), clear, text, tag);
        let index = guesses.find(opens)?;
        stream.rtp.note(index);
        self.keep(stream);
        packet.get(..end)
    }

    fn rtcp_of_gcm<'a>(&mut self, packet: &'a mut [u8]) -> Option<&'a [u8]> {
        let index_end = packet.len().checked_sub(self.keys.mki.into())?;
        let tag_end = index_end.checked_sub(INDEX)?;
        let end = tag_end
            .checked_sub(gcm::TAG)
            .filter(|end| *end >= RTCP_CLEAR)?;
        let (ssrc, word) = (four(packet, 4)?, four(packet, tag_end)?);
        let tag = packet.get(end..tag_end)?.try_into().ok()?;
        let index = u64::from(word & !ENCRYPTED);
        // What is not encrypted is authenticated all the same (§9.3).
        let clear = match word & ENCRYPTED != 0 {
            true => RTCP_CLEAR,
            false => end,
        };
        let mut stream = self.stream(ssrc);
        let gcm = self.rtcp.gcm.as_ref()?;
        let (clear, text) = packet.get_mut(..end)?.split_at_mut_checked(clear)?;
        let clear = [&*clear, &word.to_be_bytes()].concat();
        if !stream.rtcp.is_new(index) || !gcm.open((ssrc, index), &clear, text, tag) {
            return None;
        }
        stream.rtcp.note(index);
        self.keep(stream);
        packet.get(..end)
    }
}

/// The second guess at the first packet that we hear of a stream (§3.3.1 knows the first by signalling
/// alone): its start was lost, and its numbers have rolled over since.
fn first_after_roll_over(stream: &Stream, sequence: u16) -> Option<u64> {
    let unheard = stream.rtp.highest.is_none();
    unheard.then(|| 0x1_0000 | u64::from(sequence))
}

#[cfg(test)]
#[path = "srtp_tests.rs"]
mod tests;
