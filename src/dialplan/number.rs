//! Telephone numbers as they are written in Azerbaijan: all forms of one number are one.
//!
//! Our own rules rather than a general library: those turn 116111 into +994116111, do not know 104,
//! and the country's rules are closed and few.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Digits after the country code.
const NATIONAL: usize = 9;
/// Azerbaijan.
const COUNTRY: &str = "994";
/// Short numbers, dialled as they are: emergency, gas, and the helpline.
const SHORT: [&str; 6] = ["101", "102", "103", "104", "112", "116111"];
/// Those of them that no cap and no limit holds back.
const EMERGENCY: [&str; 4] = ["101", "102", "103", "112"];
/// E.164 §6: fifteen digits at most.
const LONGEST: usize = 15;
/// A foreign number has at least so many.
const SHORTEST_FOREIGN: usize = 7;

/// What sort of number one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A mobile range; whose, nobody can tell: numbers are portable.
    Mobile,
    /// A town's.
    Fixed,
    /// Free for who calls.
    TollFree,
    /// Dialled as it is.
    Short,
    /// Of another country.
    Abroad,
}

impl Kind {
    /// All, with their words.
    pub const ALL: [(&'static str, Self); 5] = [
        ("mobile", Self::Mobile),
        ("fixed", Self::Fixed),
        ("toll-free", Self::TollFree),
        ("short", Self::Short),
        ("abroad", Self::Abroad),
    ];
}

/// A number in its one form: a short number as it is, any other as `+` and digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Number(String);

impl Number {
    /// Reads a number in any form; `None`: it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let bare: String = text
            .trim()
            .chars()
            .filter(|c| !matches!(c, ' ' | '-' | '.' | '(' | ')' | '/' | '\u{a0}'))
            .collect();
        let (plus, digits) = match bare.strip_prefix('+') {
            Some(digits) => (true, digits),
            None => (false, bare.as_str()),
        };
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        if !plus && SHORT.contains(&digits) {
            return Some(Self(digits.to_owned()));
        }
        let international = if plus {
            Some(digits)
        } else {
            digits.strip_prefix("00")
        };
        match international {
            Some(full) => Self::international(full),
            None => Self::national(digits),
        }
    }

    /// Reads the number of a `tel:` URI with its `phone-context` (RFC 3966 §5.1.5).
    pub fn parse_in_context(text: &str, context: Option<&str>) -> Option<Self> {
        match context.and_then(|context| context.strip_prefix('+')) {
            Some(prefix) if !text.trim_start().starts_with('+') => {
                let local = Self::parse(text);
                // 116111 in the context of +994 is the short number, and a trunk zero stays at home.
                if prefix == COUNTRY && local.is_some() {
                    return local;
                }
                Self::parse(&format!("+{prefix}{text}"))
            }
            _ => Self::parse(text),
        }
    }

    fn international(full: &str) -> Option<Self> {
        if let Some(rest) = full.strip_prefix(COUNTRY) {
            if SHORT.contains(&rest) {
                return Some(Self(rest.to_owned()));
            }
            // Some carriers leave the trunk prefix in: +994 0 50 …
            let rest = rest
                .strip_prefix('0')
                .filter(|r| r.len() == NATIONAL)
                .unwrap_or(rest);
            return (rest.len() == NATIONAL).then(|| Self(format!("+{COUNTRY}{rest}")));
        }
        let fits = (SHORTEST_FOREIGN..=LONGEST).contains(&full.len()) && !full.starts_with('0');
        fits.then(|| Self(format!("+{full}")))
    }

    fn national(digits: &str) -> Option<Self> {
        if let Some(rest) = digits.strip_prefix('0')
            && rest.len() == NATIONAL
        {
            return Some(Self(format!("+{COUNTRY}{rest}")));
        }
        if digits.starts_with(COUNTRY) {
            return Self::international(digits);
        }
        (digits.len() == NATIONAL).then(|| Self(format!("+{COUNTRY}{digits}")))
    }

    /// What sort it is; `None`: a range of the country with a price of its own.
    pub fn kind(&self) -> Option<Kind> {
        let Some(full) = self.0.strip_prefix('+') else {
            return Some(Kind::Short);
        };
        let Some(national) = full.strip_prefix(COUNTRY) else {
            return Some(Kind::Abroad);
        };
        match national.get(..2)? {
            "10" | "40" | "44" | "50" | "51" | "55" | "60" | "70" | "77" | "99" => {
                Some(Kind::Mobile)
            }
            "12" | "18" | "36" | "46" => Some(Kind::Fixed),
            "88" => Some(Kind::TollFree),
            town if town.starts_with('2') => Some(Kind::Fixed),
            _ => None,
        }
    }

    /// What numbers begin with that are dialled so: `0125` is `+994125`; `None`: nothing that a number
    /// could begin with.
    pub fn beginning(text: &str) -> Option<String> {
        let bare: String = text.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
        let (international, digits) = match (bare.strip_prefix('+'), bare.strip_prefix("00")) {
            (Some(rest), _) | (None, Some(rest)) => (true, rest),
            (None, None) => (false, bare.strip_prefix('0')?),
        };
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        Some(match international {
            true => format!("+{digits}"),
            false => format!("+{COUNTRY}{digits}"),
        })
    }

    /// Whether an operator of this id would stand between colleagues' phones and an emergency number.
    pub fn hides_emergency(id: &str) -> bool {
        EMERGENCY.contains(&id)
    }

    /// Whether it calls for help: police, fire, ambulance, rescue.
    pub fn is_emergency(&self) -> bool {
        EMERGENCY.contains(&self.as_str())
    }

    /// `116111` or `+994506802280`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether a user part or display name says that there is no identity.
pub fn is_anonymous(text: &str) -> bool {
    let text = text.trim().to_ascii_lowercase();
    [
        "",
        "anonymous",
        "unavailable",
        "restricted",
        "unknown",
        "private",
        "withheld",
    ]
    .contains(&text.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_forms_of_a_number_are_one() {
        for text in [
            "0506802280",
            "050 680 22 80",
            "(050) 680-22-80",
            "994506802280",
            "+994506802280",
            "00994506802280",
            "+9940506802280",
            "506802280",
        ] {
            assert_eq!(
                Number::parse(text).unwrap().as_str(),
                "+994506802280",
                "{text}"
            );
        }
        for text in [
            "116111",
            "+994116111",
            "116 111",
            "00994116111",
            "994116111",
        ] {
            assert_eq!(Number::parse(text).unwrap().as_str(), "116111", "{text}");
        }
        for short in SHORT {
            assert_eq!(Number::parse(short).unwrap().as_str(), short);
        }
    }

    #[test]
    fn a_phone_context_completes_a_local_number() {
        let read = |text, context| Number::parse_in_context(text, Some(context)).unwrap().0;
        assert_eq!(read("116111", "+994"), "116111");
        assert_eq!(read("0506802280", "+994"), "+994506802280");
        assert_eq!(read("506802280", "+994"), "+994506802280");
        assert_eq!(read("2125551234", "+1"), "+12125551234");
        assert_eq!(read("116111", "qaynar.example"), "116111");
    }

    #[test]
    fn foreign_numbers_are_kept_and_words_are_none() {
        assert_eq!(
            Number::parse("0090 212 555 12 34").unwrap().as_str(),
            "+902125551234"
        );
        for text in [
            "",
            "+",
            "alice",
            "12",
            "*11",
            "+1234567890123456",
            "05068022801",
        ] {
            assert_eq!(Number::parse(text), None, "{text}");
        }
    }

    #[test]
    fn hidden_callers_are_recognised_in_any_case() {
        assert!(is_anonymous("Anonymous") && is_anonymous("") && is_anonymous(" UNKNOWN "));
        assert!(!is_anonymous("0506802280"));
    }
}
