//! Answers to digest challenges (RFC 7616 §3.4): by MD5, which every softphone knows, and by SHA-256, which
//! newer ones do (RFC 8760).

use md5::{Digest, Md5};
use sha2::Sha256;

/// The hash of a challenge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hash {
    Md5,
    Sha256,
}

impl Hash {
    fn name(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
        }
    }

    fn of(self, text: &str) -> String {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        match self {
            Self::Md5 => hex(&Md5::digest(text.as_bytes())),
            Self::Sha256 => hex(&Sha256::digest(text.as_bytes())),
        }
    }
}

/// What a server asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Challenge {
    realm: String,
    nonce: String,
    hash: Hash,
    opaque: Option<String>,
    has_auth: bool,
    pub(super) stale: bool,
    /// How often the nonce was used.
    count: u32,
}

impl Challenge {
    /// The first of the header values that the phone can answer (RFC 8760 §2.4); `modern`: also by SHA-256.
    pub(super) fn choose(values: &[String], modern: bool) -> Option<Self> {
        let all = values.iter().filter_map(|value| Self::parse(value));
        let mut known = all.filter(|one| modern || one.hash == Hash::Md5);
        known.next()
    }

    /// Reads the value of a challenge header; `None`: no digest, or by another hash.
    fn parse(value: &str) -> Option<Self> {
        let value = value.trim();
        let (scheme, rest) = value.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("digest") {
            return None;
        }
        let fields = fields(rest);
        let find = |name: &str| {
            let found = fields
                .iter()
                .find(|(key, _)| key.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.clone())
        };
        let named = find("algorithm").unwrap_or_else(|| "MD5".to_owned());
        let hash = [Hash::Md5, Hash::Sha256]
            .into_iter()
            .find(|one| one.name().eq_ignore_ascii_case(&named))?;
        let offers_auth = |list: String| list.split(',').any(|one| one.trim() == "auth");
        Some(Self {
            realm: find("realm")?,
            nonce: find("nonce")?,
            hash,
            opaque: find("opaque"),
            has_auth: find("qop").is_some_and(offers_auth),
            stale: find("stale").is_some_and(|value| value.eq_ignore_ascii_case("true")),
            count: 0,
        })
    }

    /// The value of the header that answers; each use of a nonce counts.
    pub(super) fn answer(
        &mut self,
        user: &str,
        password: &str,
        method: &str,
        uri: &str,
        own: &str,
    ) -> String {
        self.count += 1;
        let (realm, nonce) = (&self.realm, &self.nonce);
        let hash = |text: &str| self.hash.of(text);
        let ha1 = hash(&format!("{user}:{realm}:{password}"));
        let ha2 = hash(&format!("{method}:{uri}"));
        let count = format!("{:08x}", self.count);
        let (response, proof) = if self.has_auth {
            let response = hash(&format!("{ha1}:{nonce}:{count}:{own}:auth:{ha2}"));
            (
                response,
                format!(", qop=auth, nc={count}, cnonce=\"{own}\""),
            )
        } else {
            (hash(&format!("{ha1}:{nonce}:{ha2}")), String::new())
        };
        let opaque = self.opaque.as_ref();
        let opaque = opaque.map_or_else(String::new, |opaque| format!(", opaque=\"{opaque}\""));
        format!(
            "Digest username=\"{user}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", \
             response=\"{response}\", algorithm={}{proof}{opaque}",
            self.hash.name()
        )
    }
}

/// `name="value", other=word`: commas inside quotes do not part fields.
fn fields(text: &str) -> Vec<(String, String)> {
    let mut quoted = false;
    let parts = text.split(|letter: char| {
        quoted ^= letter == '"';
        letter == ',' && !quoted
    });
    let pairs = parts.filter_map(|part| part.split_once('='));
    pairs
        .map(|(name, value)| {
            let value = value.trim().trim_matches('"');
            (name.trim().to_owned(), value.to_owned())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_2617() {
        let text = "Digest realm=\"testrealm@host.com\", qop=\"auth,auth-int\", \
                    nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"";
        let mut challenge = Challenge::parse(text).unwrap();
        let answer = challenge.answer(
            "Mufasa",
            "Circle Of Life",
            "GET",
            "/dir/index.html",
            "0a4f113b",
        );
        assert!(
            answer.contains("response=\"6629fae49393a05397450978507c4ef1\""),
            "{answer}"
        );
        assert!(answer.contains("nc=00000001"));
    }

    /// RFC 7616 §3.9.1.
    #[test]
    fn the_example_of_rfc_7616() {
        let text = "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm=SHA-256, \
                    nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", \
                    opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"";
        let mut challenge = Challenge::parse(text).unwrap();
        let own = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
        let answer = challenge.answer("Mufasa", "Circle of Life", "GET", "/dir/index.html", own);
        let wanted = "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1";
        assert!(answer.contains(wanted), "{answer}");
        assert!(answer.contains("algorithm=SHA-256"));
    }

    #[test]
    fn an_older_phone_takes_md5_and_other_algorithms_are_left_to_others() {
        let offer = |name: &str| format!("Digest realm=\"x\", nonce=\"y\", algorithm={name}");
        let both = [offer("SHA-256"), offer("MD5")];
        let chosen = |modern| Challenge::choose(&both, modern).unwrap().hash;
        assert_eq!((chosen(true), chosen(false)), (Hash::Sha256, Hash::Md5));
        assert_eq!(Challenge::parse(&offer("SHA-512-256")), None);
        assert_eq!(Challenge::parse("Basic realm=\"x\""), None);
    }
}
