//! The counts of nonces that were proved by (RFC 7616 §3.4, `nc`), so that no proof counts twice.

use std::collections::BTreeMap;

use super::digest::Authorization;

/// The most nonces that are remembered.
const MAX_NONCES: usize = 20_000;

/// The last count of each nonce. Stored after a proof alone, so that strangers cost no memory.
#[derive(Debug, Default)]
pub struct NonceCounts {
    last: BTreeMap<String, u32>,
    /// Nonces begin with their time: all up to this one may have been forgotten, and count no more.
    forgotten: Option<String>,
}

impl NonceCounts {
    /// Takes a proof that fits; `false`: it, or a later one, was seen before. A proof without `qop`
    /// has no count, so its nonce is good for one request (RFC 7616 §5.5 on replays): the phone is
    /// told `stale=true` and asks again with the next.
    pub fn take(&mut self, proof: &Authorization) -> bool {
        let count = proof.count();
        let last = self.last.get(&proof.nonce);
        let is_old = self
            .forgotten
            .as_ref()
            .is_some_and(|one| proof.nonce <= *one);
        if is_old || last.is_some_and(|last| count <= *last) {
            return false;
        }
        if last.is_none()
            && self.last.len() >= MAX_NONCES
            && let Some((oldest, _)) = self.last.pop_first()
        {
            self.forgotten = Some(oldest);
        }
        self.last.insert(proof.nonce.clone(), count);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proof(nonce: &str, count: &str) -> Authorization {
        Authorization::parse(&format!(
            "Digest username=\"1\", realm=\"r\", nonce=\"{nonce}\", uri=\"sip:x\", response=\"0\"{count}"
        ))
        .unwrap()
    }

    #[test]
    fn counts_grow_by_hex_and_a_proof_without_one_counts_once() {
        let mut counts = NonceCounts::default();
        let with = |count: &str| proof("n1", &format!(", qop=auth, cnonce=\"c\", nc={count}"));
        for (count, is_taken) in [
            ("00000009", true),
            ("0000000a", true),
            ("0000000A", false),
            ("00000009", false),
            ("00000010", true),
        ] {
            assert_eq!(counts.take(&with(count)), is_taken, "nc={count}");
        }
        assert!(!counts.take(&proof("n1", "")), "nor without a count");
        assert!(counts.take(&proof("n2", "")));
        assert!(!counts.take(&proof("n2", "")), "a replay");
    }

    #[test]
    fn a_forgotten_nonce_is_not_good_again() {
        let mut counts = NonceCounts::default();
        let name = |number: usize| format!("{number:016x}");
        for number in 1..=MAX_NONCES + 1 {
            assert!(counts.take(&proof(&name(number), "")));
        }
        assert_eq!(counts.last.len(), MAX_NONCES);
        assert!(!counts.take(&proof(&name(1), "")));
        assert!(!counts.take(&proof(&name(2), "")));
        assert!(counts.take(&proof(&name(MAX_NONCES + 2), "")));
    }
}
