//! How far a caller is in the line.

use super::clip;
use super::number::{below_hundred, cardinal, cardinal_clips};
use crate::ids::{Language, PromptName};

/// Up to here callers hear "you are third in line", beyond it "your number in line is 123": whoever is
/// that far back is not helped by ordinals, and Russian ones of thousands would be a word each.
const MOST_ORDINAL: u32 = 99;

/// "You are third in line". Callers count from 1.
pub fn position(language: Language, position: u32) -> Vec<PromptName> {
    if !(1..=MOST_ORDINAL).contains(&position) {
        let mut said = vec![clip("position-number")];
        said.extend(cardinal(language, position));
        return said;
    }
    let mut said = vec![clip("position-before")];
    said.extend(ordinal(language, position));
    if ends_after_number(language) {
        said.push(clip("position-after"));
    }
    said
}

/// Every clip that [`position`] can ask for.
pub fn position_clips(language: Language) -> Vec<PromptName> {
    let simple = match language {
        Language::Az => 1..=10,
        Language::Ru | Language::En => 1..=19,
    };
    let ordinals = simple.chain((20..=90).step_by(10));
    let mut clips = vec![clip("position-before"), clip("position-number")];
    if ends_after_number(language) {
        clips.push(clip("position-after"));
    }
    clips.extend(cardinal_clips(language));
    clips.extend(ordinals.map(place));
    clips
}

/// The Russian phrase ends with the ordinal: "Ваше место в очереди — третье".
fn ends_after_number(language: Language) -> bool {
    language != Language::Ru
}

/// In all three languages the last word alone is an ordinal: "iyirmi birinci", "двадцать первое",
/// "twenty-first".
fn ordinal(language: Language, position: u32) -> Vec<PromptName> {
    let (tens, units) = match language {
        Language::Az => (position / 10 * 10, position % 10),
        Language::Ru | Language::En => below_hundred(position),
    };
    match (tens, units) {
        (0, units) => vec![place(units)],
        (tens, 0) => vec![place(tens)],
        (tens, units) => vec![clip(format!("number-{tens}")), place(units)],
    }
}

fn place(number: u32) -> PromptName {
    clip(format!("ordinal-{number}"))
}
