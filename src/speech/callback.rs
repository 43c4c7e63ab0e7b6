//! What is said to callers who want to be called back, and to whoever takes that call.

use jiff::civil::DateTime;

use super::clip;
use super::moment::{moment, resumes_clips};
use super::number::{digit_clips, digits};
use crate::ids::{Language, PromptName};

/// Whoever is called back hears this first: it names nobody, since it may be the wrong person.
pub const NEUTRAL: &str = "callback-neutral";
/// The operator who took it, while the number rings.
pub const OPERATOR: &str = "callback-operator";
/// The same operator, where nobody was reached.
pub const IN_VAIN: &str = "callback-in-vain";

/// A question or a word of the conversation that is held by keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Words {
    /// It can be had by this key.
    Offer(char),
    /// Is this the number?
    Number(String),
    /// Type it.
    Type,
    /// That one cannot be called; type it again.
    WrongNumber,
    /// When is it safe to talk? With this moment, and others for the keys from 2 on.
    When(DateTime, Vec<DateTime>),
    /// It is noted.
    Noted,
    /// It was noted before.
    Already,
    /// It cannot be had now.
    NotNow,
}

/// The words.
pub fn callback(language: Language, words: &Words) -> Vec<PromptName> {
    match words {
        Words::Offer(key) => {
            let mut said = vec![clip("callback-offer")];
            said.extend(press(language, *key));
            said
        }
        Words::Number(number) => {
            let mut said = vec![clip("callback-number")];
            said.extend(digits(number));
            said.push(clip("callback-confirm"));
            said
        }
        Words::Type => vec![clip("callback-type")],
        Words::WrongNumber => vec![clip("callback-wrong-number"), clip("callback-type")],
        Words::When(now, later) => {
            let mut said = vec![clip("callback-when")];
            for (then, key) in later.iter().zip('2'..='9') {
                if language != Language::Az {
                    said.push(clip("callback-later-before"));
                }
                said.extend(moment(language, *now, *then));
                said.push(clip("callback-later-key"));
                said.extend(press(language, key));
            }
            said
        }
        Words::Noted => vec![clip("callback-noted")],
        Words::Already => vec![clip("callback-already")],
        Words::NotNow => vec![clip("callback-not-now")],
    }
}

/// "bir düyməsini basın"; in Russian and English "press" stands before it.
fn press(language: Language, key: char) -> Vec<PromptName> {
    let mut said = digits(key.encode_utf8(&mut [0; 4]));
    if language == Language::Az {
        said.push(clip("press-after"));
    }
    said
}

/// Every clip that is needed where a callback is offered. `later`: also at other times.
pub fn callback_clips(language: Language, later: bool) -> Vec<PromptName> {
    let mut clips: Vec<PromptName> = [
        "callback-offer",
        "callback-number",
        "callback-confirm",
        "callback-type",
        "callback-wrong-number",
        "callback-when",
        "callback-noted",
        "callback-already",
        "callback-not-now",
        NEUTRAL,
        OPERATOR,
        IN_VAIN,
    ]
    .map(clip)
    .into();
    clips.extend(digit_clips());
    if language == Language::Az {
        clips.push(clip("press-after"));
    }
    if later {
        clips.push(clip("callback-later-key"));
        if language != Language::Az {
            clips.push(clip("callback-later-before"));
        }
        clips.extend(resumes_clips(language));
    }
    clips
}
