//! How long a wait may last: rounded, and never shorter than what is known.

use std::time::Duration;

use super::clip;
use super::moment::{russian_minute_clips, russian_minutes};
use super::number::{cardinal, cardinal_clips};
use crate::ids::{Language, PromptName};

/// What callers are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounded {
    /// Less than a minute.
    Soon,
    /// About so many minutes.
    Minutes(u32),
    /// More than an hour: figures would be a promise.
    Long,
}

impl Rounded {
    /// Up to ten minutes to the minute, then to five, from half an hour on to ten. Always up: who is
    /// served earlier than told is glad.
    pub fn up(estimate: Duration) -> Self {
        let minutes = estimate.as_secs().div_ceil(60);
        let step = match minutes {
            ..=10 => 1,
            11..=30 => 5,
            _ => 10,
        };
        let minutes = minutes.div_ceil(step) * step;
        match u32::try_from(minutes) {
            Ok(..=60) if estimate < Duration::from_secs(60) => Self::Soon,
            Ok(minutes @ ..=60) => Self::Minutes(minutes),
            _ => Self::Long,
        }
    }

    /// As a time; what is more than an hour is an hour.
    pub fn time(self) -> Duration {
        match self {
            Self::Soon => Duration::from_secs(60),
            Self::Minutes(minutes) => Duration::from_secs(60) * minutes,
            Self::Long => Duration::from_secs(3_600),
        }
    }
}

/// "Gözləmə müddəti təxminən beş dəqiqədir", "Ждать примерно двадцать минут", "less than a minute".
pub fn estimate(language: Language, rounded: Rounded) -> Vec<PromptName> {
    let minutes = match rounded {
        Rounded::Soon => return vec![clip("estimate-soon")],
        Rounded::Long => return vec![clip("estimate-long")],
        Rounded::Minutes(minutes) => minutes,
    };
    let mut said = vec![clip("estimate-before")];
    match language {
        Language::Ru => said.extend(russian_minutes(minutes, true).into_iter().map(clip)),
        Language::Az => {
            said.extend(cardinal(language, minutes));
            said.push(clip("estimate-after"));
        }
        Language::En => {
            said.extend(cardinal(language, minutes));
            let unit = if minutes == 1 {
                "minute-1"
            } else {
                "minute-many"
            };
            said.push(clip(unit));
        }
    }
    said
}

/// Every clip that [`estimate`] can ask for.
pub fn estimate_clips(language: Language) -> Vec<PromptName> {
    let mut clips = ["estimate-soon", "estimate-long", "estimate-before"]
        .map(clip)
        .to_vec();
    clips.extend(cardinal_clips(language));
    match language {
        Language::Ru => clips.extend(russian_minute_clips(true)),
        Language::Az => clips.push(clip("estimate-after")),
        Language::En => clips.extend([clip("minute-1"), clip("minute-many")]),
    }
    clips
}
