//! RTP and RTCP under AES in Galois/Counter mode (RFC 7714): one pass encrypts and authenticates.

use aes_gcm::aead::{AeadInPlace, KeyInit};
use aes_gcm::{Aes128Gcm, Aes256Gcm, Nonce, Tag};

/// Octets of a tag: the suites with shorter ones are not for SDES (§14.1).
pub(super) const TAG: usize = 16;
/// Octets of a salt and of a nonce (§8.1).
pub(super) const SALT: usize = 12;

#[derive(Clone)]
enum Cipher {
    Short(Box<Aes128Gcm>),
    Long(Box<Aes256Gcm>),
}

/// What packets of one kind are worked on with.
#[derive(Clone)]
pub(super) struct Gcm {
    cipher: Cipher,
    salt: [u8; SALT],
}

impl Gcm {
    /// `None`: the key or the salt has not the length of one.
    pub(super) fn new(key: &[u8], salt: &[u8]) -> Option<Self> {
        let cipher = match key.len() {
            16 => Cipher::Short(Box::new(Aes128Gcm::new_from_slice(key).ok()?)),
            _ => Cipher::Long(Box::new(Aes256Gcm::new_from_slice(key).ok()?)),
        };
        let salt = salt.get(..SALT)?.try_into().ok()?;
        Some(Self { cipher, salt })
    }

    /// §8.1, §9.1: two zeros, the SSRC and the 48-bit index, over the salt.
    fn nonce(&self, ssrc: u32, index: u64) -> Nonce<aes_gcm::aead::consts::U12> {
        let [_, _, index @ ..] = index.to_be_bytes();
        let numbers = [0, 0].into_iter().chain(ssrc.to_be_bytes()).chain(index);
        let mut nonce = self.salt;
        for (octet, number) in nonce.iter_mut().zip(numbers) {
            *octet ^= number;
        }
        nonce.into()
    }

    /// Encrypts `text`; the tag covers `clear` too.
    pub(super) fn seal(
        &self,
        (ssrc, index): (u32, u64),
        clear: &[u8],
        text: &mut [u8],
    ) -> Option<[u8; TAG]> {
        let nonce = self.nonce(ssrc, index);
        let tag = match &self.cipher {
            Cipher::Short(aes) => aes.encrypt_in_place_detached(&nonce, clear, text),
            Cipher::Long(aes) => aes.encrypt_in_place_detached(&nonce, clear, text),
        };
        tag.ok().map(Into::into)
    }

    /// Decrypts `text` if the tag is right; else leaves it as it was.
    pub(super) fn open(
        &self,
        (ssrc, index): (u32, u64),
        clear: &[u8],
        text: &mut [u8],
        tag: [u8; TAG],
    ) -> bool {
        let (nonce, tag) = (self.nonce(ssrc, index), Tag::from(tag));
        let opened = match &self.cipher {
            Cipher::Short(aes) => aes.decrypt_in_place_detached(&nonce, clear, text, &tag),
            Cipher::Long(aes) => aes.decrypt_in_place_detached(&nonce, clear, text, &tag),
        };
        opened.is_ok()
    }
}
