//! Answers to digest challenges (RFC 2617 §3.2.2) by MD5, which every softphone knows.

use md5::{Digest, Md5};

/// What a server asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Challenge {
    realm: String,
    nonce: String,
    opaque: Option<String>,
    has_auth: bool,
    pub(super) stale: bool,
    /// How often the nonce was used.
    count: u32,
}

impl Challenge {
    /// Reads the value of a challenge header; `None`: no digest, or not by MD5.
    pub(super) fn parse(value: &str) -> Option<Self> {
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
        if find("algorithm").is_some_and(|name| !name.eq_ignore_ascii_case("md5")) {
            return None;
        }
        let offers_auth = |list: String| list.split(',').any(|one| one.trim() == "auth");
        Some(Self {
            realm: find("realm")?,
            nonce: find("nonce")?,
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
             response=\"{response}\", algorithm=MD5{proof}{opaque}"
        )
    }
}

fn hash(text: &str) -> String {
    let bytes = Md5::digest(text.as_bytes());
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
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

    #[test]
    fn other_algorithms_are_left_to_others() {
        let text = "Digest realm=\"x\", nonce=\"y\", algorithm=SHA-256";
        assert_eq!(Challenge::parse(text), None);
        assert_eq!(Challenge::parse("Basic realm=\"x\""), None);
    }
}
