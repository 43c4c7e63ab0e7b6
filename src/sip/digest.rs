//! Digest authentication (RFC 7616, RFC 8760) as server and as client.
//!
//! Nonces are stateless: the time and its HMAC, so that strangers cost no memory.

use std::net::IpAddr;
use std::time::Duration;

use hmac::{Hmac, Mac};
use md5::Md5;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::headers::quote;
use super::uri::{Host, Uri};
use crate::private::Private;
use crate::time::Wall;

/// How long a nonce is good for; then the peer gets `stale=true` and tries again by itself.
pub const NONCE_LIFETIME: Duration = Duration::from_secs(300);
/// Hex digits of the HMAC in a nonce.
const SEAL: usize = 24;
/// Hex digits of the HMAC over the address that a nonce is sent to.
pub(crate) const MARK: usize = 8;

/// The longest HA1 of no account.
const NOBODY: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// A hash of RFC 8760.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Algorithm {
    /// For the phones that know nothing else.
    Md5,
    /// Preferred.
    Sha256,
}

impl Algorithm {
    /// As in `algorithm=`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
        }
    }

    fn of(name: &str) -> Option<Self> {
        [Self::Md5, Self::Sha256]
            .into_iter()
            .find(|one| one.name().eq_ignore_ascii_case(name))
    }

    /// An HA1 of no account, as long as any other: a proof against it takes as long to fail.
    pub fn nobody(self) -> &'static str {
        match self {
            Self::Md5 => &NOBODY[..32],
            Self::Sha256 => NOBODY,
        }
    }

    /// The hash of `text` in lower-case hex.
    pub fn hash(self, text: &str) -> String {
        #[cfg(test)]
        HASHED.with(|work| work.borrow_mut().push((self, text.len())));
        match self {
            Self::Md5 => hex(&Md5::digest(text.as_bytes())),
            Self::Sha256 => hex(&Sha256::digest(text.as_bytes())),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

#[cfg(test)]
thread_local! {
    /// What was hashed on this thread: by which hash, and how many octets.
    pub(crate) static HASHED: std::cell::RefCell<Vec<(Algorithm, usize)>> =
        const { std::cell::RefCell::new(Vec::new()) };
}

/// `H(user:realm:password)` (RFC 7616 §3.4.2): all that is stored of a password.
pub fn ha1(algorithm: Algorithm, user: &str, realm: &str, password: &str) -> String {
    algorithm.hash(&format!("{user}:{realm}:{password}"))
}

/// A name and its password, where it is we who are challenged.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The digest user.
    pub user: String,
    /// Its password.
    pub password: Private<String>,
}

/// A nonce made at `now`, for whoever is at this address. It is good from everywhere: phones move. But
/// where it comes back from there, its sender has shown to hear what is sent there.
pub fn nonce(key: &[u8; 32], now: Wall, to: IpAddr) -> String {
    let time = format!("{:016x}", now.0);
    let seal = seal(key, &time);
    let mark = mark(key, &time, to);
    time + &seal + &mark
}

fn seal(key: &[u8; 32], time: &str) -> String {
    keyed(key, &[b"nonce:", time.as_bytes()], SEAL)
}

fn mark(key: &[u8; 32], time: &str, to: IpAddr) -> String {
    let to = to.to_canonical().to_string();
    keyed(key, &[b"sent:", time.as_bytes(), to.as_bytes()], MARK)
}

fn keyed(key: &[u8; 32], parts: &[&[u8]], digits: usize) -> String {
    // HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        return String::new();
    };
    parts.iter().for_each(|part| mac.update(part));
    let mut text = hex(&mac.finalize().into_bytes());
    text.truncate(digits);
    text
}

/// Whether a nonce of ours was sent to this address.
pub fn was_sent_to(key: &[u8; 32], nonce: &str, to: IpAddr) -> bool {
    let parts = nonce.split_at_checked(16);
    parts.is_some_and(|(time, rest)| {
        let theirs = rest.get(SEAL..).unwrap_or_default();
        mark(key, time, to)
            .as_bytes()
            .ct_eq(theirs.as_bytes())
            .into()
    })
}

/// What a nonce is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NonceState {
    /// Ours and young.
    Fresh,
    /// Ours and too old.
    Stale,
    /// Not ours.
    Forged,
}

/// Judges a nonce.
pub fn judge_nonce(key: &[u8; 32], nonce: &str, now: Wall) -> NonceState {
    let Some((time, theirs)) = nonce.split_at_checked(16) else {
        return NonceState::Forged;
    };
    let Some((theirs, _mark)) = theirs
        .split_at_checked(SEAL)
        .filter(|(_, mark)| mark.len() == MARK)
    else {
        return NonceState::Forged;
    };
    let ours = seal(key, time);
    if !bool::from(ours.as_bytes().ct_eq(theirs.as_bytes())) {
        return NonceState::Forged;
    }
    let Ok(made) = i64::from_str_radix(time, 16) else {
        return NonceState::Forged;
    };
    // A clock that was set back must not make old nonces young again for ever.
    let age = Duration::from_micros(now.0.abs_diff(made));
    if age <= NONCE_LIFETIME {
        NonceState::Fresh
    } else {
        NonceState::Stale
    }
}

/// The value of a WWW-Authenticate or Proxy-Authenticate header.
pub fn challenge(realm: &str, nonce: &str, algorithm: Algorithm, stale: bool) -> String {
    let stale = if stale { ", stale=true" } else { "" };
    let name = algorithm.name();
    format!("Digest realm=\"{realm}\", nonce=\"{nonce}\", algorithm={name}, qop=\"auth\"{stale}")
}

/// `name=value` pairs after `Digest`, quoted or not, names in lower case.
fn pairs(value: &str) -> Option<Vec<(String, String)>> {
    let (scheme, mut rest) = value.trim().split_once(char::is_whitespace)?;
    if !scheme.eq_ignore_ascii_case("Digest") {
        return None;
    }
    let mut out = Vec::new();
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == ',');
        if rest.is_empty() {
            return Some(out);
        }
        let (name, after) = rest.split_once('=')?;
        let after = after.trim_start();
        let (value, remaining) = match after.strip_prefix('"') {
            Some(quoted) => super::headers::unquote(quoted)?,
            None => {
                let end = after.find([',', ' ', '\t']).unwrap_or(after.len());
                (after[..end].to_owned(), &after[end..])
            }
        };
        out.push((name.trim().to_ascii_lowercase(), value));
        rest = remaining;
    }
}

fn take(pairs: &[(String, String)], name: &str) -> Option<String> {
    pairs
        .iter()
        .find(|(one, _)| one == name)
        .map(|(_, value)| value.clone())
}

/// What an Authorization or Proxy-Authorization header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorization {
    /// Who.
    pub user: String,
    /// For which realm.
    pub realm: String,
    /// Our nonce.
    pub nonce: String,
    /// The request URI as the peer wrote it.
    pub uri: String,
    /// The proof.
    pub response: String,
    /// By which hash.
    pub algorithm: Algorithm,
    /// `qop=auth`: the count, as hex text, and the client's nonce; `None`: the form of RFC 2069.
    pub count: Option<(String, String)>,
}

impl Authorization {
    /// Reads the header's value; `None`: it is not one that we can check.
    pub fn parse(value: &str) -> Option<Self> {
        let pairs = pairs(value)?;
        let algorithm = match take(&pairs, "algorithm") {
            Some(name) => Algorithm::of(&name)?,
            None => Algorithm::Md5,
        };
        let count = match take(&pairs, "qop") {
            Some(qop) if qop.eq_ignore_ascii_case("auth") => {
                let count = take(&pairs, "nc")?;
                u32::from_str_radix(&count, 16)
                    .ok()
                    .filter(|_| count.len() == 8)?;
                Some((count, take(&pairs, "cnonce")?))
            }
            Some(_) => return None,
            None => None,
        };
        Some(Self {
            user: take(&pairs, "username")?,
            realm: take(&pairs, "realm")?,
            nonce: take(&pairs, "nonce")?,
            uri: take(&pairs, "uri")?,
            response: take(&pairs, "response")?,
            algorithm,
            count,
        })
    }

    /// The `nc` as a number; 0 without `qop`.
    pub fn count(&self) -> u32 {
        let text = self.count.as_ref().map_or("0", |(count, _)| count);
        u32::from_str_radix(text, 16).unwrap_or(0)
    }

    /// Whether the proof is meant for this target (RFC 7616 §3.4.6). Proxies may move ports, parameters
    /// and, where the peer named our own domain, the host; the user they leave alone. Some peers name
    /// the server alone (SIPp does): the method is proved all the same.
    pub fn is_for(&self, target: &Uri, domain: &str) -> bool {
        let Ok(theirs) = Uri::parse(&self.uri) else {
            return false;
        };
        let is_host = |host: &Host| {
            target.host() == Some(host) || host.to_string().eq_ignore_ascii_case(domain)
        };
        theirs.is_equivalent(target)
            || (theirs.user().is_none() || theirs.user() == target.user())
                && theirs.host().is_some_and(is_host)
    }

    /// Whether the proof fits, compared in constant time.
    pub fn is_proof(&self, ha1: &str, method: &str) -> bool {
        let count = self
            .count
            .as_ref()
            .map(|(count, own)| (count.as_str(), own.as_str()));
        let ours = proof(self.algorithm, ha1, &self.nonce, count, method, &self.uri);
        ours.as_bytes()
            .ct_eq(self.response.to_ascii_lowercase().as_bytes())
            .into()
    }
}

/// RFC 7616 §3.4.1.
fn proof(
    algorithm: Algorithm,
    ha1: &str,
    nonce: &str,
    count: Option<(&str, &str)>,
    method: &str,
    uri: &str,
) -> String {
    let ha2 = algorithm.hash(&format!("{method}:{uri}"));
    match count {
        Some((count, own)) => algorithm.hash(&format!("{ha1}:{nonce}:{count}:{own}:auth:{ha2}")),
        None => algorithm.hash(&format!("{ha1}:{nonce}:{ha2}")),
    }
}

/// What a peer challenges us with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    realm: String,
    nonce: String,
    algorithm: Algorithm,
    opaque: Option<String>,
    with_count: bool,
}

impl Challenge {
    /// The best of the header values that we can answer (RFC 8760 §2.4: the topmost that one
    /// supports; we prefer the stronger).
    pub fn best<'a>(values: impl Iterator<Item = std::borrow::Cow<'a, str>>) -> Option<Self> {
        values
            .filter_map(|value| Self::parse(&value))
            .max_by_key(|one| one.algorithm)
    }

    fn parse(value: &str) -> Option<Self> {
        let pairs = pairs(value)?;
        let algorithm = match take(&pairs, "algorithm") {
            Some(name) => Algorithm::of(&name)?,
            None => Algorithm::Md5,
        };
        let with_count = match take(&pairs, "qop") {
            Some(list)
                if list
                    .split(',')
                    .any(|one| one.trim().eq_ignore_ascii_case("auth")) =>
            {
                true
            }
            Some(_) => return None,
            None => false,
        };
        Some(Self {
            realm: take(&pairs, "realm")?,
            nonce: take(&pairs, "nonce")?,
            algorithm,
            opaque: take(&pairs, "opaque"),
            with_count,
        })
    }

    /// The header value that answers it. `own_nonce` is random hex, new each time.
    pub fn answer(
        &self,
        user: &str,
        password: &str,
        method: &str,
        uri: &str,
        own_nonce: &str,
    ) -> String {
        let ha1 = ha1(self.algorithm, user, &self.realm, password);
        let count = self.with_count.then_some(("00000001", own_nonce));
        let response = proof(self.algorithm, &ha1, &self.nonce, count, method, uri);
        let mut text = format!(
            "Digest username={}, realm={}, nonce={}, uri=\"{uri}\", response=\"{response}\", algorithm={}",
            quote(user),
            quote(&self.realm),
            quote(&self.nonce),
            self.algorithm.name()
        );
        if let Some((count, own)) = count {
            text += &format!(", qop=auth, nc={count}, cnonce=\"{own}\"");
        }
        if let Some(opaque) = &self.opaque {
            text += &format!(", opaque={}", quote(opaque));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 9));

    /// RFC 7616 §3.9.1 with both hashes.
    #[test]
    fn the_proofs_of_rfc_7616_come_out() {
        let nonce = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v";
        let own = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
        for (algorithm, expected) in [
            (Algorithm::Md5, "8ca523f5e9506fed4657c9700eebdbec"),
            (
                Algorithm::Sha256,
                "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
            ),
        ] {
            let ha1 = ha1(
                algorithm,
                "Mufasa",
                "http-auth@example.org",
                "Circle of Life",
            );
            let count = Some(("00000001", own));
            assert_eq!(
                proof(algorithm, &ha1, nonce, count, "GET", "/dir/index.html"),
                expected
            );
        }
    }

    #[test]
    fn our_client_convinces_our_server_and_a_wrong_password_does_not() {
        let (key, now) = ([7; 32], Wall(1_000_000));
        for algorithm in [Algorithm::Md5, Algorithm::Sha256] {
            let value = challenge("qaynar", &nonce(&key, now, HERE), algorithm, false);
            let theirs = Challenge::best([value.into()].into_iter()).unwrap();
            let text = theirs.answer("101", "secret", "REGISTER", "sip:qaynar", "abcd");
            let read = Authorization::parse(&text).unwrap();
            assert_eq!(judge_nonce(&key, &read.nonce, now), NonceState::Fresh);
            assert!(read.is_proof(&ha1(algorithm, "101", "qaynar", "secret"), "REGISTER"));
            assert!(!read.is_proof(&ha1(algorithm, "101", "qaynar", "Secret"), "REGISTER"));
            assert!(!read.is_proof(&ha1(algorithm, "101", "qaynar", "secret"), "INVITE"));
        }
    }

    #[test]
    fn nonces_age_and_cannot_be_made_up() {
        let (key, now) = ([7; 32], Wall(1_000_000));
        let ours = nonce(&key, now, HERE);
        let later = now + NONCE_LIFETIME + Duration::from_secs(1);
        assert_eq!(judge_nonce(&key, &ours, later), NonceState::Stale);
        assert_eq!(judge_nonce(&[8; 32], &ours, now), NonceState::Forged);
        assert_eq!(judge_nonce(&key, "ə", now), NonceState::Forged);
        assert_eq!(judge_nonce(&key, &ours[..40], now), NonceState::Forged);
        assert!(was_sent_to(&key, &ours, HERE));
        let elsewhere = IpAddr::from([192, 0, 2, 10]);
        assert!(!was_sent_to(&key, &ours, elsewhere));
        assert_eq!(judge_nonce(&key, &ours, now), NonceState::Fresh);
    }

    #[test]
    fn the_strongest_challenge_is_taken_and_hex_counts_are_read() {
        let offers = [
            "Digest realm=\"r\", nonce=\"n\"",
            "Digest realm=\"r\",nonce=\"n\",algorithm=sha-256,qop=\"auth,auth-int\"",
        ];
        let best = Challenge::best(offers.into_iter().map(Into::into)).unwrap();
        assert_eq!((best.algorithm, best.with_count), (Algorithm::Sha256, true));
        let value = "Digest username=\"a\\\"b\", realm=r, nonce=\"n\", uri=\"sip:x\", response=\"AB\", qop=auth, nc=0000001F, cnonce=\"c\"";
        let read = Authorization::parse(value).unwrap();
        assert_eq!((read.user.as_str(), read.count()), ("a\"b", 31));
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text: String) {
            let _ = Authorization::parse(&format!("Digest {text}"));
            let _ = Challenge::parse(&format!("Digest {text}"));
            let _ = judge_nonce(&[0; 32], &text, Wall(0));
            let _ = was_sent_to(&[0; 32], &text, HERE);
        }
    }
}
