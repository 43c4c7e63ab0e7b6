//! How each language writes numbers, days and lengths of time.

use std::time::Duration;

use jiff::civil::Date;

use super::language::Language;

/// A space that does not break a line.
const NBSP: char = '\u{a0}';

/// A whole number. Azerbaijani and Russian part the thousands from five digits on: 2761, 12 345; English always.
pub fn count(language: Language, number: u64) -> String {
    let digits = number.to_string();
    let (mark, least) = match language {
        Language::Az | Language::Ru => (NBSP, 5),
        Language::En => (',', 4),
    };
    if digits.len() < least {
        return digits;
    }
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(mark);
        }
        text.push(digit);
    }
    text
}

/// By how many something grew, with its sign; no growth is 0.
pub fn change(language: Language, number: i64) -> String {
    let size = count(language, number.unsigned_abs());
    match number {
        0 => size,
        1.. => format!("+{size}"),
        _ => format!("−{size}"),
    }
}

/// A number with so many decimals.
pub fn number(language: Language, number: f64, decimals: usize) -> String {
    let text = format!("{number:.decimals$}");
    match language {
        Language::Az | Language::Ru => text.replace('.', ","),
        Language::En => text,
    }
}

/// A part of one, in hundredths with one decimal.
pub fn share(language: Language, share: f64) -> String {
    let text = number(language, share * 100.0, 1);
    match language {
        Language::Az | Language::En => format!("{text}%"),
        Language::Ru => format!("{text}{NBSP}%"),
    }
}

/// A length of time: minutes and seconds, with hours where there are any: 1:02:03, 0:08.
pub fn duration(length: Duration) -> String {
    // Half a second and more is the next one.
    let seconds = (length + Duration::from_millis(500)).as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match hours {
        0 => format!("{minutes}:{seconds:02}"),
        _ => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

/// A day in figures: 30.06.2021; in English 30/06/2021, as in Britain.
pub fn date(language: Language, day: Date) -> String {
    let mark = match language {
        Language::Az | Language::Ru => '.',
        Language::En => '/',
    };
    let (year, month, day) = (day.year(), day.month(), day.day());
    format!("{day:02}{mark}{month:02}{mark}{year:04}")
}

/// The ending that makes a number an ordinal in Azerbaijani, after the vowel of its last word: 2021-ci, 2026-cı.
pub fn ordinal_ending(number: u64) -> &'static str {
    match number % 10 {
        1 | 2 | 5 | 7 | 8 => "ci",
        3 | 4 => "cü",
        6 => "cı",
        9 => "cu",
        _ => match number / 10 % 10 {
            2 | 5 | 7 | 8 => "ci",
            1 | 3 => "cu",
            4 | 6 | 9 => "cı",
            // yüz, and its fellows min and milyon where the hundreds are none.
            _ if !(number / 100).is_multiple_of(10) => "cü",
            _ => "ci",
        },
    }
}

/// The same words beginning with a small letter, as within a sentence; in Azerbaijani I has no dot.
pub fn small(language: Language, words: &str) -> String {
    let mut letters = words.chars();
    let first = letters.next();
    // What is written in capitals throughout is a short form, and stays.
    if letters.clone().next().is_some_and(char::is_uppercase) {
        return words.to_owned();
    }
    let small: String = match (first, language) {
        (Some('I'), Language::Az) => "ı".to_owned(),
        (Some('İ'), Language::Az) => "i".to_owned(),
        (Some(first), _) => first.to_lowercase().collect(),
        (None, _) => String::new(),
    };
    small + letters.as_str()
}

/// The same words beginning with a capital, as at the head of a row; in Azerbaijani i keeps its dot.
pub fn large(language: Language, words: &str) -> String {
    let mut letters = words.chars();
    let large: String = match (letters.next(), language) {
        (Some('i'), Language::Az) => "İ".to_owned(),
        (Some('ı'), Language::Az) => "I".to_owned(),
        (Some(first), _) => first.to_uppercase().collect(),
        (None, _) => String::new(),
    };
    large + letters.as_str()
}

/// The days from one to another; a single one stands alone.
pub fn dates(language: Language, from: Date, to: Option<Date>) -> String {
    match to.filter(|to| *to != from) {
        None => date(language, from),
        Some(to) => format!("{}–{}", date(language, from), date(language, to)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Language::{Az, En, Ru};

    #[test]
    fn numbers_are_written_as_each_language_does() {
        assert_eq!(count(Az, 2761), "2761");
        assert_eq!(count(Ru, 12_345), "12\u{a0}345");
        assert_eq!(count(En, 1_234_567), "1,234,567");
        assert_eq!(change(Az, -125), "−125");
        assert_eq!((change(En, 7), change(Ru, 0)), ("+7".into(), "0".into()));
        let shares = [Az, Ru, En].map(|language| share(language, 99.0 / 375.0));
        assert_eq!(shares, ["26,4%", "26,4\u{a0}%", "26.4%"]);
    }

    #[test]
    fn days_and_lengths_too() {
        let day = jiff::civil::date(2021, 6, 3);
        assert_eq!(date(Az, day), "03.06.2021");
        assert_eq!(date(En, day), "03/06/2021");
        assert_eq!(duration(Duration::from_millis(7_836)), "0:08");
        assert_eq!(duration(Duration::from_secs(3_723)), "1:02:03");
    }

    #[test]
    fn azerbaijani_endings_follow_the_vowel() {
        for (year, ending) in [
            (2021, "ci"),
            (2023, "cü"),
            (2024, "cü"),
            (2026, "cı"),
            (2029, "cu"),
            (2010, "cu"),
            (2020, "ci"),
            (2030, "cu"),
            (2040, "cı"),
            (2060, "cı"),
            (2100, "cü"),
            (2000, "ci"),
            (1990, "cı"),
        ] {
            assert_eq!(ordinal_ending(year), ending, "{year}");
        }
    }

    #[test]
    fn words_begin_small_within_a_sentence() {
        assert_eq!(small(Az, "İcma"), "icma");
        assert_eq!(small(Az, "Irqçilik"), "ırqçilik");
        assert_eq!(small(Ru, "Юридические вопросы"), "юридические вопросы");
        assert_eq!(small(En, "UNICEF"), "UNICEF");
        assert_eq!(small(En, ""), "");
        assert_eq!(large(Az, "intihar"), "İntihar");
        assert_eq!(large(En, "intent"), "Intent");
        assert_eq!(large(Ru, "ранний брак"), "Ранний брак");
    }
}
