//! Cardinal numbers: `number-20`, `number-1`. Each language has its own few words, and never a file a
//! number.

use super::clip;
use crate::ids::{Language, PromptName};

/// The greatest number that can be spoken; what is greater is spoken as this.
pub const MOST: u32 = 999_999;

/// A number as one counts: Azerbaijani "yüz iyirmi bir", Russian "сто двадцать один", English "one
/// hundred and twenty-one".
pub fn cardinal(language: Language, number: u32) -> Vec<PromptName> {
    let number = number.min(MOST);
    let words = match language {
        Language::Az => azerbaijani(number),
        Language::Ru => russian(number),
        Language::En => english(number),
    };
    words.into_iter().map(clip).collect()
}

/// Every clip that [`cardinal`] can ask for.
pub fn cardinal_clips(language: Language) -> Vec<PromptName> {
    let tens = (20..=90).step_by(10);
    let numbers: Vec<u32> = match language {
        Language::Az => (0..=10).chain(tens).chain([100, 1_000]).collect(),
        Language::Ru => {
            let hundreds = (100..=900).step_by(100);
            let small = (0..=19).chain(tens).chain(hundreds);
            small.chain([1_000]).collect()
        }
        Language::En => (0..=19).chain(tens).chain([100, 1_000]).collect(),
    };
    let forms: &[&str] = match language {
        Language::Az => &[],
        Language::Ru => &["1-feminine", "2-feminine", "1000-few", "1000-many"],
        Language::En => &["and"],
    };
    let forms = forms.iter().map(|form| format!("number-{form}"));
    numbers
        .into_iter()
        .map(word)
        .chain(forms)
        .map(clip)
        .collect()
}

/// Digit by digit, as one reads a telephone number out; what is no digit is left out.
pub fn digits(text: &str) -> Vec<PromptName> {
    let digits = text.chars().filter_map(|c| c.to_digit(10));
    digits.map(word).map(clip).collect()
}

/// Every clip that [`digits`] can ask for.
pub fn digit_clips() -> Vec<PromptName> {
    (0..=9).map(word).map(clip).collect()
}

fn word(number: u32) -> String {
    format!("number-{number}")
}

/// "yüz", "min" where there is one of them; "iki yüz", "iki min" where there are more.
fn azerbaijani(number: u32) -> Vec<String> {
    if number == 0 {
        return vec![word(0)];
    }
    let (thousands, rest) = (number / 1_000, number % 1_000);
    let mut words = Vec::new();
    match thousands {
        0 => {}
        1 => words.push(word(1_000)),
        _ => {
            words = azerbaijani(thousands);
            words.push(word(1_000));
        }
    }
    let (hundreds, rest) = (rest / 100, rest % 100);
    if hundreds > 1 {
        words.push(word(hundreds));
    }
    if hundreds > 0 {
        words.push(word(100));
    }
    let (tens, units) = (rest / 10 * 10, rest % 10);
    words.extend([tens, units].into_iter().filter(|n| *n > 0).map(word));
    words
}

/// Thousands are feminine, and take the form that their last word asks for: "одна тысяча", "две
/// тысячи", "пять тысяч", "одиннадцать тысяч", "двадцать одна тысяча".
fn russian(number: u32) -> Vec<String> {
    if number == 0 {
        return vec![word(0)];
    }
    let (thousands, rest) = (number / 1_000, number % 1_000);
    let mut words = Vec::new();
    if thousands > 0 {
        words = russian_below_thousand(thousands);
        let (form, agreeing) = match (thousands % 100, thousands % 10) {
            (11..=14, _) => ("number-1000-many", None),
            (_, 1) => ("number-1000", Some("number-1-feminine")),
            (_, 2) => ("number-1000-few", Some("number-2-feminine")),
            (_, 3 | 4) => ("number-1000-few", None),
            _ => ("number-1000-many", None),
        };
        if let (Some(agreeing), Some(last)) = (agreeing, words.last_mut()) {
            agreeing.clone_into(last);
        }
        words.push(form.to_owned());
    }
    words.extend(russian_below_thousand(rest));
    words
}

fn russian_below_thousand(number: u32) -> Vec<String> {
    let (hundreds, rest) = (number / 100 * 100, number % 100);
    let below = below_hundred(rest);
    [hundreds, below.0, below.1]
        .into_iter()
        .filter(|n| *n > 0)
        .map(word)
        .collect()
}

/// "and" stands before what is below a hundred, where anything stands before it.
fn english(number: u32) -> Vec<String> {
    if number == 0 {
        return vec![word(0)];
    }
    let (thousands, rest) = (number / 1_000, number % 1_000);
    let mut words = Vec::new();
    if thousands > 0 {
        words = english(thousands);
        words.push(word(1_000));
    }
    let (hundreds, rest) = (rest / 100, rest % 100);
    if hundreds > 0 {
        words.extend([word(hundreds), word(100)]);
    }
    if rest > 0 && !words.is_empty() {
        words.push("number-and".to_owned());
    }
    let (tens, units) = below_hundred(rest);
    words.extend([tens, units].into_iter().filter(|n| *n > 0).map(word));
    words
}

/// Tens and units, where all below twenty are one word: (20, 1), (0, 19).
pub(super) fn below_hundred(number: u32) -> (u32, u32) {
    if number < 20 {
        (0, number)
    } else {
        (number / 10 * 10, number % 10)
    }
}
