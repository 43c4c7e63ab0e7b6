//! The languages of reports.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A language that reports are written in.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// Azerbaijani.
    #[default]
    Az,
    /// Russian.
    Ru,
    /// English.
    En,
}

impl Language {
    /// All of them.
    pub const ALL: &[Self] = &[Self::Az, Self::Ru, Self::En];

    /// Its code (BCP 47), as HTML and PDF name it.
    pub fn code(self) -> &'static str {
        match self {
            Self::Az => "az",
            Self::Ru => "ru",
            Self::En => "en",
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// A text names no language of reports.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no language of reports; there are az, ru and en")]
pub struct NoLanguage(String);

impl std::str::FromStr for Language {
    type Err = NoLanguage;

    fn from_str(text: &str) -> Result<Self, NoLanguage> {
        let known = Self::ALL.iter().find(|one| one.code() == text);
        known.copied().ok_or_else(|| NoLanguage(text.to_owned()))
    }
}
