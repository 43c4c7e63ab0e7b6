//! Who calls, told apart but not told: a keyed name for a number.
//!
//! There are so few telephone numbers that a bare hash of one is undone in a minute; an HMAC (RFC 2104)
//! is undone only by who holds the key.

use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::ids::Pseudonym;
use crate::private::Private;

/// Crockford's base 32, which has no letter that is heard or read as another.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Letters of five bits each: 45 bits, so that two of 100,000 callers share a name once in 7,000 lines.
const LETTERS: usize = 9;

/// The name of the caller with this number: `C-4T0JX9K2M7`.
///
/// `number` is the normalised number, so that all ways to write it give one name. The letter after the
/// hyphen belongs to the key: names with different letters there were made with different keys
/// and say nothing about each other.
pub fn pseudonym(key: &Private<[u8; 32]>, number: &Private<String>) -> Pseudonym {
    let letter = key_letter(key);
    // What is named is prefixed, so that no number can ever equal what other uses of the key hash.
    let digest = keyed(key, &[b"caller\0", number.reveal().as_bytes()]);
    let mut name = format!("C-{letter}");
    let bits = digest
        .iter()
        .take(8)
        .fold(0_u64, |bits, byte| (bits << 8) | u64::from(*byte));
    for place in 0..LETTERS {
        name.push(base32(bits >> (64 - 5 * (place + 1))));
    }
    Pseudonym(name)
}

/// The letter by which people tell keys apart. It reveals five bits of a hash of the key.
pub fn key_letter(key: &Private<[u8; 32]>) -> char {
    base32(u64::from(keyed(key, &[b"key letter\0"])[0] >> 3))
}

fn base32(bits: u64) -> char {
    char::from(ALPHABET[(bits & 31) as usize])
}

fn keyed(key: &Private<[u8; 32]>, parts: &[&[u8]]) -> [u8; 32] {
    // The state of the hash is built from the padded key (RFC 2104 §2); 32 bytes fit in one block.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key.reveal()) else {
        unreachable!("HMAC takes keys of every length");
    };
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(key: u8, number: &str) -> String {
        pseudonym(&Private::new([key; 32]), &Private::new(number.to_owned())).0
    }

    #[test]
    fn one_number_has_one_name_under_one_key() {
        assert_eq!(name(1, "+994501234567"), name(1, "+994501234567"));
        assert_ne!(name(1, "+994501234567"), name(1, "+994501234568"));
        assert_ne!(name(1, "+994501234567"), name(2, "+994501234567"));
    }

    #[test]
    fn a_name_is_short_readable_and_names_its_key() {
        let name = name(1, "+994501234567");
        assert_eq!(name.len(), 12);
        assert!(name.starts_with(&format!("C-{}", key_letter(&Private::new([1; 32])))));
        assert!(name[2..].bytes().all(|letter| ALPHABET.contains(&letter)));
    }

    #[test]
    fn names_of_neighbouring_numbers_do_not_collide() {
        let names: std::collections::BTreeSet<String> = (0..5_000)
            .map(|n| name(3, &format!("+99450{n:07}")))
            .collect();
        assert_eq!(names.len(), 5_000);
    }
}
