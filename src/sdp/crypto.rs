//! Keys in descriptions (SDES, RFC 4568): one `a=crypto` of an offer is answered by one of ours, each
//! side naming the key that it sends under.

use std::fmt::Write;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::{Deserialize, Serialize};

use super::description::MediaLine;
use crate::private::Private;
use crate::rtp::srtp::{Crypto, Keys, MAX_SECRET, Suite};

/// Some phones leave the padding out.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
/// The tag of our offers.
const TAG: &str = "1";
/// The suite of our offers: each implementation has it (RFC 4568 §6.2).
const SUITE: Suite = Suite::Aes128Tag80;
/// §9.1: a tag has so many digits at most.
const MAX_TAG: usize = 9;

/// Whether a peer's audio is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Srtp {
    /// Never.
    Off,
    /// Where the peer can.
    #[default]
    Optional,
    /// Or there is no audio at all: 488.
    Required,
}

/// What a description of ours may say about keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keying {
    /// What is wanted.
    pub wish: Srtp,
    /// Random octets for a new key of ours; `None`: none may be written, since others could read it.
    pub secret: Option<Private<[u8; MAX_SECRET]>>,
    /// The keys in force: ours stays while the peer's does.
    pub current: Option<Crypto>,
}

impl Keying {
    /// No word about keys.
    pub const OFF: Self = Self {
        wish: Srtp::Off,
        secret: None,
        current: None,
    };

    /// Whether audio may go in the clear.
    pub(super) fn allows_clear(&self) -> bool {
        self.wish != Srtp::Required
    }

    fn fresh(&self, suite: Suite) -> Option<Keys> {
        let secret = self.secret.as_ref()?.reveal();
        Keys::new(suite, secret.get(..suite.secret_length())?, 0)
    }

    /// Takes the first line of the offer that we can use, and answers it (§5.1.2).
    pub(super) fn answer(&self, line: &MediaLine) -> Option<(String, Crypto)> {
        if self.wish == Srtp::Off {
            return None;
        }
        let (tag, theirs) = line.all("crypto").find_map(read)?;
        let current = self.current.as_ref().filter(|now| now.theirs == theirs);
        // Keys that the peer keeps are no reason to change ours; a new one of its gets a new one.
        let ours = match current {
            Some(now) => now.ours.clone(),
            None => self.fresh(theirs.suite)?,
        };
        Some((written(tag, &ours), Crypto { ours, theirs }))
    }

    /// The line of an offer of ours; `None`: it is to be in the clear.
    pub(super) fn offer(&self) -> Option<String> {
        let wanted = self.wish != Srtp::Off;
        wanted
            .then(|| self.fresh(SUITE))
            .flatten()
            .map(|keys| written(TAG, &keys))
    }
}

/// What an answer's lines come to under the one that we offered: same tag, same suite (§5.1.3).
pub(super) fn agreed(ours: &MediaLine, theirs: &MediaLine) -> Option<Crypto> {
    let (tag, ours) = ours.attribute("crypto").and_then(read)?;
    let mut lines = theirs.all("crypto").filter_map(read);
    let (_, theirs) = lines.find(|(one, keys)| *one == tag && keys.suite == ours.suite)?;
    Some(Crypto { ours, theirs })
}

/// Whether the profile has audio under keys alone (RFC 3711 §12, RFC 5124).
pub(super) fn is_secure(protocol: &str) -> bool {
    matches!(protocol, "RTP/SAVP" | "RTP/SAVPF")
}

fn written(tag: &str, keys: &Keys) -> String {
    let mut text = String::with_capacity(96);
    let secret = LENIENT.encode(keys.secret());
    let _ = write!(
        text,
        "a=crypto:{tag} {} inline:{secret}\r\n",
        keys.suite.name()
    );
    text
}

/// A line that we can use: tag and key.
fn read(value: &str) -> Option<(&str, Keys)> {
    let mut words = value.split_ascii_whitespace();
    let tag = words.next()?;
    let is_tag = (1..=MAX_TAG).contains(&tag.len()) && tag.bytes().all(|one| one.is_ascii_digit());
    let name = words.next()?;
    let suite = Suite::ALL
        .into_iter()
        .find(|suite| suite.name().eq_ignore_ascii_case(name))?;
    // Several keys would change by their names in mid-stream; nobody sends them.
    let key = words
        .next()?
        .strip_prefix("inline:")
        .filter(|key| !key.contains(';'))?;
    // §6.3.7: what must be understood and is not makes the line useless. A window is a hint (§6.3.6).
    if words.any(|parameter| !parameter.starts_with(['-']) && !parameter.starts_with("WSH=")) {
        return None;
    }
    let mut parts = key.split('|');
    let secret = LENIENT.decode(parts.next()?).ok()?;
    // A lifetime is the sender's own affair; a name in each packet has to be passed over.
    let name = parts.find_map(|part| part.split_once(':'));
    let mki = match name {
        Some((_, length)) => length.parse().ok().filter(|length| *length <= 128)?,
        None => 0,
    };
    is_tag.then_some((tag, Keys::new(suite, &secret, mki)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd";

    #[test]
    fn lines_are_read_with_lifetimes_names_and_hints() {
        for (rest, mki) in [
            ("", 0),
            ("|2^20", 0),
            ("|2^48|1:4", 4),
            ("|1:1", 1),
            (" WSH=128", 0),
            (" -KNOWN=3", 0),
        ] {
            let line = format!("7 AES_CM_128_HMAC_SHA1_80 inline:{KEY}{rest}");
            let wanted: Vec<u8> = (0..30).collect();
            let keys = Keys::new(Suite::Aes128Tag80, &wanted, mki).unwrap();
            assert_eq!(read(&line), Some(("7", keys)), "{line}");
        }
    }

    #[test]
    fn lines_that_we_cannot_keep_are_passed_over() {
        for line in [
            "",
            "1",
            "x AES_CM_128_HMAC_SHA1_80 inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd",
            "1 F8_128_HMAC_SHA1_80 inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd",
            "1 AES_CM_128_HMAC_SHA1_80 inline:AAEC",
            "1 AES_256_CM_HMAC_SHA1_80 inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd",
            "1 AES_CM_128_HMAC_SHA1_80 inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd UNENCRYPTED_SRTP",
            "1 AES_CM_128_HMAC_SHA1_80 inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd|1:4;inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd|2:4",
        ] {
            assert_eq!(read(line), None, "{line}");
        }
    }

    use crate::rtp::codec::Direction;
    use crate::sdp::{Description, Local, Negotiated, NotAcceptable};

    const OTHER: &str = "HRwbGhkYFxYVFBMSERAPDg0MCwoJCAcGBQQDAgEA";

    fn local(wish: Srtp) -> Local {
        Local {
            address: [203, 0, 113, 5].into(),
            port: 20_000,
            id: 7,
            version: 1,
            direction: Direction::SendRecv,
            codecs: Vec::new(),
            keying: Keying {
                wish,
                secret: Some(Private::new([9; MAX_SECRET])),
                current: None,
            },
        }
    }

    fn described(lines: &str) -> Description {
        let head = "v=0\r\no=x 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n";
        Description::parse(format!("{head}{lines}").as_bytes()).unwrap()
    }

    fn answered(lines: &str, local: &Local) -> Result<(String, Negotiated), NotAcceptable> {
        let (text, agreed) = crate::sdp::answer(&described(lines), local)?;
        Ok((String::from_utf8(text).unwrap(), agreed))
    }

    fn lines_of<'a>(text: &'a str, start: &str) -> Vec<&'a str> {
        text.lines()
            .filter(|line| line.starts_with(start))
            .collect()
    }

    #[test]
    fn an_offer_with_keys_gets_one_line_of_ours_in_its_own_profile() {
        for profile in ["RTP/SAVP", "RTP/AVP", "RTP/SAVPF"] {
            let offer = format!(
                "m=audio 4000 {profile} 8\r\na=crypto:1 F8_128_HMAC_SHA1_80 inline:{KEY}\r\n\
                 a=crypto:2 AES_CM_128_HMAC_SHA1_32 inline:{KEY}|2^20\r\n\
                 a=crypto:3 AES_CM_128_HMAC_SHA1_80 inline:{KEY}\r\n"
            );
            for wish in [Srtp::Optional, Srtp::Required] {
                let (text, agreed) = answered(&offer, &local(wish)).unwrap();
                assert_eq!(
                    lines_of(&text, "m="),
                    [format!("m=audio 20000 {profile} 8")]
                );
                let ours = "CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJ";
                let line = format!("a=crypto:2 AES_CM_128_HMAC_SHA1_32 inline:{ours}");
                assert_eq!(lines_of(&text, "a=crypto"), [line]);
                let crypto = agreed.crypto.unwrap();
                assert_eq!(crypto.theirs.secret(), (0..30).collect::<Vec<u8>>());
                assert_eq!(crypto.ours.secret(), [9; 30]);
            }
        }
    }

    #[test]
    fn what_is_required_and_absent_or_offered_and_unwanted_is_not_acceptable() {
        let clear = "m=audio 4000 RTP/AVP 8\r\n";
        let keyless = "m=audio 4000 RTP/SAVP 8\r\n";
        let keyed = format!(
            "m=audio 4000 RTP/SAVP 8\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}\r\n"
        );
        assert!(answered(clear, &local(Srtp::Required)).is_err());
        assert!(answered(keyless, &local(Srtp::Required)).is_err());
        assert!(answered(keyless, &local(Srtp::Optional)).is_err());
        assert!(answered(&keyed, &local(Srtp::Off)).is_err());
        let (text, agreed) = answered(clear, &local(Srtp::Optional)).unwrap();
        assert!(agreed.crypto.is_none() && !text.contains("crypto"));
        // A key may not be written where others read it.
        let mut unsafe_way = local(Srtp::Required);
        unsafe_way.keying.secret = None;
        assert!(answered(&keyed, &unsafe_way).is_err());
    }

    #[test]
    fn of_two_lines_the_one_with_keys_is_taken() {
        let offer = format!(
            "m=audio 4000 RTP/AVP 8\r\nm=audio 4002 RTP/SAVP 8\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}\r\n"
        );
        let (text, agreed) = answered(&offer, &local(Srtp::Optional)).unwrap();
        let lines = ["m=audio 0 RTP/AVP 8", "m=audio 20000 RTP/SAVP 8"];
        assert_eq!(lines_of(&text, "m="), lines);
        assert_eq!(agreed.remote.port(), 4002);
        let (text, agreed) = answered(&offer, &local(Srtp::Off)).unwrap();
        let lines = ["m=audio 20000 RTP/AVP 8", "m=audio 0 RTP/SAVP 8"];
        assert_eq!(lines_of(&text, "m="), lines);
        assert!(agreed.crypto.is_none());
    }

    #[test]
    fn our_key_stays_while_the_peers_does_and_changes_with_it() {
        let offer = |key: &str| {
            format!(
                "m=audio 4000 RTP/SAVP 8\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{key}\r\n"
            )
        };
        let first = answered(&offer(KEY), &local(Srtp::Optional)).unwrap().1;
        let mut again = local(Srtp::Optional);
        again.keying.current = first.crypto.clone();
        again.keying.secret = Some(Private::new([77; MAX_SECRET]));
        assert_eq!(
            answered(&offer(KEY), &again).unwrap().1.crypto,
            first.crypto
        );
        let rekeyed = answered(&offer(OTHER), &again).unwrap().1.crypto.unwrap();
        assert_eq!(rekeyed.ours.secret(), [77; 30]);
        assert_ne!(rekeyed.theirs, first.crypto.unwrap().theirs);
    }

    #[test]
    fn an_offer_of_ours_is_answered_with_keys_or_without() {
        let read = |offer: &str, answer: &str| {
            let offer = Description::parse(offer.as_bytes()).unwrap();
            crate::sdp::read_answer(&described(answer), &offer)
        };
        let text = |wish| String::from_utf8(crate::sdp::offer(&local(wish))).unwrap();
        let keyed = |profile, tag, suite| {
            format!("m=audio 4000 {profile} 8\r\na=crypto:{tag} {suite} inline:{KEY}\r\n")
        };
        let right = "AES_CM_128_HMAC_SHA1_80";
        let clear = "m=audio 4000 RTP/AVP 8\r\n";
        let optional = text(Srtp::Optional);
        assert!(optional.contains("RTP/AVP 8") && optional.contains("a=crypto:1 "));
        let crypto = read(&optional, &keyed("RTP/AVP", 1, right))
            .unwrap()
            .crypto
            .unwrap();
        assert_eq!(
            (crypto.ours.secret(), crypto.theirs.mki()),
            ([9; 30].as_slice(), 0)
        );
        assert_eq!(read(&optional, clear).unwrap().crypto, None);
        let required = text(Srtp::Required);
        assert!(required.contains("RTP/SAVP 8"));
        assert!(read(&required, &keyed("RTP/SAVP", 1, right)).is_ok());
        for answer in [
            clear.to_owned(),
            keyed("RTP/SAVP", 2, right),
            keyed("RTP/SAVP", 1, "AES_CM_128_HMAC_SHA1_32"),
        ] {
            assert!(read(&required, &answer).is_err(), "{answer}");
        }
        // Offered again in the dialog, our key is what it was.
        let last = Description::parse(required.as_bytes()).unwrap();
        let again = crate::sdp::offer_again(&last, &local(Srtp::Required));
        let again = String::from_utf8(again).unwrap();
        assert_eq!(
            lines_of(&again, "a=crypto"),
            lines_of(&required, "a=crypto")
        );
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text: String) {
            let _ = read(&text);
        }
    }
}
