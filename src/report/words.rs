//! The texts of reports in each language, with plurals by its rules (Project Fluent).

use fluent_bundle::{FluentArgs, FluentBundle, FluentResource, FluentValue};

use super::forms;
use super::language::Language;
use super::period::{Period, Shape};

/// The texts of one language.
pub struct Words {
    language: Language,
    bundle: FluentBundle<FluentResource>,
}

impl std::fmt::Debug for Words {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Words({})", self.language)
    }
}

/// The source of a language's texts.
fn source(language: Language) -> &'static str {
    match language {
        Language::Az => concat!(
            include_str!("words/az.ftl"),
            include_str!("words/calls.az.ftl")
        ),
        Language::Ru => concat!(
            include_str!("words/ru.ftl"),
            include_str!("words/calls.ru.ftl")
        ),
        Language::En => concat!(
            include_str!("words/en.ftl"),
            include_str!("words/calls.en.ftl")
        ),
    }
}

/// A number among words, as the language writes it.
fn written(language: Language, value: &FluentValue<'_>) -> Option<String> {
    match value {
        FluentValue::Number(number) => {
            let whole = number.value.max(0.0).round();
            Some(forms::count(language, whole as u64))
        }
        _ => None,
    }
}

impl Words {
    /// Those of a language.
    pub fn new(language: Language) -> Self {
        // A test reads each text in each language: here none is broken.
        let resource = match FluentResource::try_new(source(language).to_owned()) {
            Ok(resource) | Err((resource, _)) => resource,
        };
        let locale = language.code().parse().unwrap_or_default();
        let mut bundle = FluentBundle::new(vec![locale]);
        bundle.set_use_isolating(false);
        bundle.set_formatter(Some(match language {
            Language::Az => |value, _| written(Language::Az, value),
            Language::Ru => |value, _| written(Language::Ru, value),
            Language::En => |value, _| written(Language::En, value),
        }));
        let _ = bundle.add_resource(resource);
        Self { language, bundle }
    }

    /// Which language.
    pub fn language(&self) -> Language {
        self.language
    }

    /// A text without variables.
    pub fn text(&self, key: &str) -> String {
        self.with(key, &[])
    }

    /// A text with its variables filled in.
    pub fn with(&self, key: &str, variables: &[(&str, Variable<'_>)]) -> String {
        let mut arguments = FluentArgs::new();
        for (name, value) in variables {
            let value = match value {
                Variable::Count(count) => FluentValue::from(*count as f64),
                Variable::Text(text) => FluentValue::from(*text),
            };
            arguments.set(*name, value);
        }
        let message = self.bundle.get_message(key);
        let Some(pattern) = message.and_then(|message| message.value()) else {
            return format!("⟦{key}⟧");
        };
        let mut faults = Vec::new();
        let text = self
            .bundle
            .format_pattern(pattern, Some(&arguments), &mut faults);
        match faults.is_empty() {
            true => text.into_owned(),
            false => format!("⟦{key}⟧"),
        }
    }

    /// The text of a key that data made, where there is one.
    pub fn maybe(&self, key: &str) -> Option<String> {
        self.has(key).then(|| self.text(key))
    }

    /// Whether there is a text of a key.
    pub fn has(&self, key: &str) -> bool {
        self.bundle.has_message(key)
    }

    /// A period as a heading names it: "iyun 2021", "I yarımil 2021".
    pub fn period(&self, period: Period) -> String {
        self.of_period(period, "period")
    }

    /// A period as a sentence begins with it: "2021-ci ilin iyun ayı ərzində".
    pub fn during(&self, period: Period) -> String {
        self.of_period(period, "during")
    }

    fn of_period(&self, period: Period, form: &str) -> String {
        let (from, to) = (period.from(), period.to());
        let date = |day| forms::date(self.language, day);
        let year = from.year().unsigned_abs();
        let year_text = year.to_string();
        let ending = forms::ordinal_ending(u64::from(year));
        let base = [
            ("year", Variable::Text(&year_text)),
            ("ending", Variable::Text(ending)),
        ];
        let (from_text, to_text) = (date(from), date(to));
        let month = self.text(&format!("month-{}", from.month()));
        let (kind, more) = match period.shape() {
            Shape::Day => ("day", vec![("day", Variable::Text(&from_text))]),
            Shape::Month => ("month", vec![("month", Variable::Text(&month))]),
            Shape::Quarter(part) => ("quarter", vec![("part", Variable::Count(part.into()))]),
            Shape::Half(part) => ("half", vec![("part", Variable::Count(part.into()))]),
            Shape::Year => ("year", Vec::new()),
            Shape::Days => (
                "days",
                vec![
                    ("from", Variable::Text(&from_text)),
                    ("to", Variable::Text(&to_text)),
                ],
            ),
        };
        let all: Vec<_> = base.into_iter().chain(more).collect();
        self.with(&format!("{form}-{kind}"), &all)
    }
}

/// What stands for a variable of a text.
#[derive(Debug, Clone, Copy)]
pub enum Variable<'a> {
    /// A number, which also decides the plural.
    Count(u64),
    /// Words.
    Text(&'a str),
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// The keys of a source, each with the variables that its text uses.
    fn keys(language: Language) -> BTreeMap<String, Vec<String>> {
        let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut key = String::new();
        for line in source(language)
            .lines()
            .filter(|line| !line.starts_with('#'))
        {
            if let Some((name, _)) = line.split_once(" =")
                && !line.starts_with([' ', '['])
            {
                key = name.to_owned();
            }
            let variables = line.split('$').skip(1).map(|rest| {
                let end = rest.find(|c: char| !c.is_ascii_alphanumeric());
                rest[..end.unwrap_or(rest.len())].to_owned()
            });
            let entry = found.entry(key.clone()).or_default();
            entry.extend(variables);
            entry.sort();
            entry.dedup();
        }
        found.remove("");
        found
    }

    #[test]
    fn all_languages_say_the_same_things() {
        let names = |language| keys(language).into_keys().collect::<Vec<_>>();
        let az = names(Language::Az);
        assert!(az.len() > 100, "{az:?}");
        assert_eq!(names(Language::Ru), az);
        assert_eq!(names(Language::En), az);
    }

    #[test]
    fn each_text_can_be_read_with_each_plural() {
        for language in Language::ALL {
            assert!(FluentResource::try_new(source(*language).to_owned()).is_ok());
            let words = Words::new(*language);
            for (key, variables) in keys(*language) {
                for count in [0, 1, 2, 5, 21] {
                    let filled: Vec<_> = variables
                        .iter()
                        .map(|name| (name.as_str(), Variable::Count(count)))
                        .collect();
                    let text = words.with(&key, &filled);
                    assert!(!text.contains('⟦') && !text.contains('{'), "{text}");
                    assert!(!text.trim().is_empty(), "{key}");
                }
            }
        }
    }

    #[test]
    fn plurals_follow_the_language() {
        let told = |language, count| {
            Words::new(language).with("contacts", &[("n", Variable::Count(count))])
        };
        let ru = [0, 1, 2, 5, 11, 21, 22, 111, 112, 1001].map(|count| told(Language::Ru, count));
        assert_eq!(
            ru,
            [
                "0 обращений",
                "1 обращение",
                "2 обращения",
                "5 обращений",
                "11 обращений",
                "21 обращение",
                "22 обращения",
                "111 обращений",
                "112 обращений",
                "1001 обращение",
            ]
        );
        let en = [0, 1, 2].map(|count| told(Language::En, count));
        assert_eq!(en, ["0 contacts", "1 contact", "2 contacts"]);
        let az = [1, 375, 12_000].map(|count| told(Language::Az, count));
        assert_eq!(az, ["1 zəng", "375 zəng", "12\u{a0}000 zəng"]);
    }

    #[test]
    fn periods_have_names() {
        let of = |from: &str, to: &str| {
            let period = Period::read(from, Some(to)).unwrap();
            Language::ALL
                .iter()
                .map(|language| {
                    let words = Words::new(*language);
                    format!("{} | {}", words.period(period), words.during(period))
                })
                .collect::<Vec<_>>()
        };
        assert_eq!(
            of("2021-06", "2021-06"),
            [
                "iyun 2021 | 2021-ci ilin iyun ayı ərzində",
                "июнь 2021 | За июнь 2021 года",
                "June 2021 | In June 2021",
            ]
        );
        assert_eq!(
            of("2026-01", "2026-06"),
            [
                "2026, I yarımil | 2026-cı ilin ilk altı ayı ərzində",
                "I полугодие 2026 | За первое полугодие 2026 года",
                "first half of 2026 | In the first half of 2026",
            ]
        );
        assert_eq!(
            of("2024-02-29", "2024-03-02"),
            [
                "29.02.2024–02.03.2024 | 29.02.2024–02.03.2024 tarixlərində",
                "29.02.2024–02.03.2024 | За период с 29.02.2024 по 02.03.2024",
                "29/02/2024–02/03/2024 | From 29/02/2024 to 02/03/2024",
            ]
        );
    }
}
