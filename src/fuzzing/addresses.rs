//! Values of single headers.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr};

use crate::sip::digest::{
    Algorithm, Authorization, Challenge, MARK, NonceState, ha1, judge_nonce, nonce,
};
use crate::sip::headers::{NameAddr, Via};
use crate::sip::nonces::NonceCounts;
use crate::sip::uri::Uri;
use crate::time::Wall;

const KEY: [u8; 32] = [7; 32];
const NOW: Wall = Wall(1_795_000_000_000_000);
const PHONE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 9));

/// Addresses and hops are written as they are read.
pub(super) fn address(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(uri) = Uri::parse(&text) {
        let _ = (uri.user(), uri.port());
        assert!(uri.is_equivalent(&uri), "itself (RFC 3261 §19.1.4)");
        assert_eq!(Uri::parse(&uri.to_string()).as_ref(), Ok(&uri));
    }
    if let Ok(who) = NameAddr::parse(&text) {
        let again = NameAddr::parse(&who.to_string()).expect("what we write can be read");
        assert_eq!((&again.uri, &again.parameters), (&who.uri, &who.parameters));
    }
    if let Ok(via) = Via::parse(&text) {
        assert_eq!(Via::parse(&via.to_string()).as_ref(), Ok(&via));
    }
}

/// A proof that nobody made with the password fits no account, and counts once at most.
pub(super) fn digest(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let Some(proof) = Authorization::parse(&text) else {
        return;
    };
    let ours = nonce(&KEY, NOW, PHONE);
    if judge_nonce(&KEY, &proof.nonce, NOW) != NonceState::Forged {
        // The mark at its end says only where it was sent.
        let sealed = ours.len() - MARK;
        assert_eq!(
            proof.nonce.get(..sealed),
            ours.get(..sealed),
            "nobody else's seal"
        );
    }
    for algorithm in [Algorithm::Md5, Algorithm::Sha256] {
        let account = ha1(algorithm, "101", "qaynar", "never told");
        assert!(!proof.is_proof(&account, "REGISTER"), "a guess");
        assert!(!proof.is_proof(algorithm.nobody(), "REGISTER"), "a guess");
    }
    if let Ok(target) = Uri::parse("sip:116111@qaynar") {
        let _ = proof.is_for(&target, "qaynar");
    }
    let mut counts = NonceCounts::default();
    let _ = counts.take(&proof);
    assert!(!counts.take(&proof), "a proof counts once");
}

/// What we answer to a challenge is a header that can be read, and is the proof.
pub(super) fn challenge(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if text.contains(['\r', '\n']) {
        return; // No value of a header has them (`sip/parse.rs`).
    }
    let Some(challenge) = Challenge::best([Cow::Borrowed(&*text)].into_iter()) else {
        return;
    };
    let answer = challenge.answer("101", "secret", "INVITE", "sip:a@b", "own");
    let read = Authorization::parse(&answer).expect("what we write can be read");
    assert_eq!((read.user.as_str(), read.uri.as_str()), ("101", "sip:a@b"));
    let account = ha1(read.algorithm, "101", &read.realm, "secret");
    assert!(read.is_proof(&account, "INVITE"), "{answer}");
    assert!(!answer.contains("secret"), "the password stays here");
}
