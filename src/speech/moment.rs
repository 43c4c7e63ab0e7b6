//! When: times of the day, days and dates, as one says them.
//!
//! Azerbaijani counts the hours to 24 ("saat on səkkizdə") and puts the ending of "at" on the last word;
//! Russian and English count to twelve and name the part of the day. Midnight belongs to the day that
//! ends with it, as people speak: "today at midnight" is still to come.

use jiff::ToSpan;
use jiff::civil::{Date, DateTime, Time, Weekday};

use super::clip;
use super::number::{below_hundred, cardinal, cardinal_clips};
use crate::ids::{Language, PromptName};

/// From so many days on a weekday alone would be misunderstood, and the date is said too.
const A_WEEK: i32 = 7;
const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// A moment that is to come, as seen from `now`: "sabah saat doqquzda", "в понедельник в девять часов
/// утра", "on Monday, the seventh of December, at noon".
pub fn moment(language: Language, now: DateTime, then: DateTime) -> Vec<PromptName> {
    let midnight = then.time() == Time::midnight();
    let yesterday = || then.date().yesterday().unwrap_or(then.date());
    let date = if midnight { yesterday() } else { then.date() };
    let days = now.date().until(date).map_or(0, |span| span.get_days());
    let mut said = match days {
        ..=0 => vec![clip("today")],
        1 => vec![clip("tomorrow")],
        2..A_WEEK => vec![clip(format!("on-{}", weekday(date)))],
        _ => {
            let mut said = vec![clip(format!("on-{}", weekday(date)))];
            said.extend(on_date(language, date));
            said
        }
    };
    said.extend(at_time(language, then.time()));
    said
}

/// "İndi saat doqquz otuz", "Сейчас девять часов тридцать минут утра", "It is nine thirty in the morning".
pub fn time(language: Language, time: Time) -> Vec<PromptName> {
    let mut said = vec![clip("time-is")];
    said.extend(clock(language, time, Form::Now));
    said
}

/// "Bu gün bazar ertəsi, iyirmi üç noyabr", "Сегодня понедельник, двадцать третье ноября".
pub fn date(language: Language, date: Date) -> Vec<PromptName> {
    let mut said = vec![clip("date-is"), clip(format!("day-{}", weekday(date)))];
    let (day, month) = (day_of(date), month_of(date));
    match language {
        Language::Az => {
            said.extend(cardinal(language, day));
            said.push(clip(format!("month-{month}")));
        }
        Language::Ru => {
            said.extend(with_last(day, |last| format!("ordinal-{last}")));
            said.push(clip(format!("of-{month}")));
        }
        Language::En => said.extend(on_date(language, date)),
    }
    said
}

/// "The line opens again tomorrow at nine".
pub fn resumes(language: Language, now: DateTime, then: DateTime) -> Vec<PromptName> {
    let mut said = vec![clip("resumes-before")];
    said.extend(moment(language, now, then));
    if language == Language::Az {
        said.push(clip("resumes-after"));
    }
    said
}

/// Every clip that [`time`] can ask for.
pub fn time_clips(language: Language) -> Vec<PromptName> {
    let mut clips = vec![clip("time-is")];
    clips.extend(clock_clips(language, Form::Now));
    clips
}

/// Every clip that [`date`] can ask for.
pub fn date_clips(language: Language) -> Vec<PromptName> {
    let mut clips = vec![clip("date-is")];
    clips.extend(weekdays().map(|day| clip(format!("day-{day}"))));
    clips.extend(cardinal_clips(language));
    match language {
        Language::Az => clips.extend(MONTHS.map(|month| clip(format!("month-{month}")))),
        Language::Ru => clips.extend(days_of_month().map(|day| clip(format!("ordinal-{day}")))),
        Language::En => {}
    }
    if language != Language::Az {
        clips.extend(on_date_clips(language));
    }
    clips
}

/// Every clip that [`resumes`] can ask for.
pub fn resumes_clips(language: Language) -> Vec<PromptName> {
    let mut clips = vec![clip("resumes-before")];
    clips.extend([clip("today"), clip("tomorrow")]);
    clips.extend(weekdays().map(|day| clip(format!("on-{day}"))));
    clips.extend(on_date_clips(language));
    clips.extend(clock_clips(language, Form::At));
    if language == Language::Az {
        clips.push(clip("resumes-after"));
    }
    clips
}

/// Whether a clock is read, or a time is named at which something happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Now,
    At,
}

fn at_time(language: Language, time: Time) -> Vec<PromptName> {
    clock(language, time, Form::At)
}

fn clock(language: Language, time: Time, form: Form) -> Vec<PromptName> {
    let (hour, minute) = (u32::from(time.hour().unsigned_abs()), minute_of(time));
    let words = match language {
        Language::Az => azerbaijani(hour, minute, form),
        Language::Ru => russian(hour, minute, form),
        Language::En => english(hour, minute, form),
    };
    words.into_iter().map(clip).collect()
}

/// "gecə saat on ikidə", "saat doqquz sıfır beşdə", "saat on səkkiz otuzda".
fn azerbaijani(hour: u32, minute: u32, form: Form) -> Vec<String> {
    let part = match hour {
        0..=3 => Some("part-night"),
        12 if minute == 0 => Some("part-noon"),
        _ => None,
    };
    let mut words: Vec<String> = part.into_iter().map(str::to_owned).collect();
    words.push("clock".to_owned());
    let mut numbers = names(cardinal(Language::Az, if hour == 0 { 12 } else { hour }));
    if (1..10).contains(&minute) {
        numbers.push("number-0".to_owned());
    }
    if minute > 0 {
        numbers.extend(names(cardinal(Language::Az, minute)));
    }
    if let (Form::At, Some(last)) = (form, numbers.last_mut()) {
        // The ending follows the vowels of the number: "altıda", "yeddidə".
        *last = last.replace("number-", "at-");
    }
    words.extend(numbers);
    words
}

/// "в час дня", "в два часа ночи", "в девять часов двадцать одну минуту утра".
fn russian(hour: u32, minute: u32, form: Form) -> Vec<String> {
    if let Some(name) = named(hour, minute, form) {
        return vec![name];
    }
    let part = match hour {
        0..=3 => "part-night",
        4..=11 => "part-morning",
        12..=16 => "part-day",
        _ => "part-evening",
    };
    let hour = to_twelve(hour);
    let mut words = Vec::new();
    if form == Form::At {
        words.push("at".to_owned());
    }
    if hour > 1 {
        words.extend(names(cardinal(Language::Ru, hour)));
    }
    words.push(format!("hour-{}", plural(hour)));
    if minute > 0 {
        words.extend(russian_minutes(minute, form == Form::At));
    }
    words.push(part.to_owned());
    words
}

/// "двадцать одна минута"; `accusative`: "двадцать одну минуту", as after "в" and "ждать".
pub(super) fn russian_minutes(minutes: u32, accusative: bool) -> Vec<String> {
    let mut words = names(cardinal(Language::Ru, minutes));
    let case = if accusative { "accusative" } else { "feminine" };
    let form = plural(minutes);
    if let Some(last) = words.last_mut() {
        match last.as_str() {
            "number-1" => *last = format!("number-1-{case}"),
            "number-2" => "number-2-feminine".clone_into(last),
            _ => {}
        }
    }
    let unit = match (form, accusative) {
        ("1", true) => "minute-1-accusative".to_owned(),
        _ => format!("minute-{form}"),
    };
    words.push(unit);
    words
}

/// The clips of [`russian_minutes`].
pub(super) fn russian_minute_clips(accusative: bool) -> Vec<PromptName> {
    let case = if accusative { "accusative" } else { "feminine" };
    let one = match accusative {
        true => "minute-1-accusative",
        false => "minute-1",
    };
    let mut clips = vec![clip(one), clip("minute-few"), clip("minute-many")];
    clips.push(clip(format!("number-1-{case}")));
    clips.push(clip("number-2-feminine"));
    clips
}

/// "at nine oh five in the morning", "at noon".
fn english(hour: u32, minute: u32, form: Form) -> Vec<String> {
    if let Some(name) = named(hour, minute, form) {
        return vec![name];
    }
    let part = match hour {
        1..=11 => "part-morning",
        12..=16 => "part-day",
        17..=20 => "part-evening",
        _ => "part-night",
    };
    let mut words = Vec::new();
    if form == Form::At {
        words.push("at".to_owned());
    }
    words.extend(names(cardinal(Language::En, to_twelve(hour))));
    if (1..10).contains(&minute) {
        words.push("minute-oh".to_owned());
    }
    if minute > 0 {
        words.extend(names(cardinal(Language::En, minute)));
    }
    words.push(part.to_owned());
    words
}

/// Noon and midnight have names.
fn named(hour: u32, minute: u32, form: Form) -> Option<String> {
    let name = match (hour, minute) {
        (0, 0) => "midnight",
        (12, 0) => "noon",
        _ => return None,
    };
    Some(match form {
        Form::At => format!("at-{name}"),
        Form::Now => name.to_owned(),
    })
}

fn clock_clips(language: Language, form: Form) -> Vec<PromptName> {
    let mut clips = cardinal_clips(language);
    let mut add = |names: &[&str]| clips.extend(names.iter().map(|name| clip(*name)));
    match (language, form) {
        (Language::Az, _) => add(&["clock", "part-night", "part-noon"]),
        _ => add(&["part-morning", "part-day", "part-evening", "part-night"]),
    }
    match (language, form) {
        (Language::Az, Form::Now) => {}
        (Language::Az, Form::At) => {
            let tens = (20..=50).step_by(10);
            let all = (1..=10).chain(tens).map(|n: u32| clip(format!("at-{n}")));
            clips.extend(all);
        }
        (_, Form::Now) => add(&["midnight", "noon"]),
        (_, Form::At) => add(&["at", "at-midnight", "at-noon"]),
    }
    match language {
        Language::Az => {}
        Language::Ru => {
            clips.extend(["hour-1", "hour-few", "hour-many"].map(clip));
            clips.extend(russian_minute_clips(form == Form::At));
        }
        Language::En => clips.push(clip("minute-oh")),
    }
    clips
}

/// "noyabrın iyirmi üçündə", "двадцать третьего ноября", "the twenty-third of November".
fn on_date(language: Language, date: Date) -> Vec<PromptName> {
    let (day, month) = (day_of(date), clip(format!("of-{}", month_of(date))));
    match language {
        Language::Az => {
            let mut words = names(cardinal(language, day));
            if let Some(last) = words.last_mut() {
                *last = last.replace("number-", "date-");
            }
            let words = words.into_iter().map(clip);
            std::iter::once(month).chain(words).collect()
        }
        Language::Ru => {
            let mut said = with_last(day, |last| format!("date-{last}"));
            said.push(month);
            said
        }
        Language::En => {
            let mut said = vec![clip("date-the")];
            said.extend(with_last(day, |last| format!("ordinal-{last}")));
            said.push(month);
            said
        }
    }
}

fn on_date_clips(language: Language) -> Vec<PromptName> {
    let mut clips: Vec<PromptName> = MONTHS.map(|month| clip(format!("of-{month}"))).into();
    clips.push(clip("number-20"));
    match language {
        Language::Az => {
            let days = (1..=10).chain([20, 30]);
            clips.extend(days.map(|day: u32| clip(format!("date-{day}"))));
            clips.extend(cardinal_clips(language));
        }
        Language::Ru => {
            clips.extend(days_of_month().map(|day| clip(format!("date-{day}"))));
            clips.push(clip("number-30"));
        }
        Language::En => {
            clips.push(clip("date-the"));
            clips.extend(days_of_month().map(|day| clip(format!("ordinal-{day}"))));
            clips.push(clip("number-30"));
        }
    }
    clips
}

/// The last words of the days of a month.
fn days_of_month() -> impl Iterator<Item = u32> {
    (1..=20).chain([30])
}

/// A number whose last word has a form of its own.
fn with_last(number: u32, form: impl Fn(u32) -> String) -> Vec<PromptName> {
    match below_hundred(number) {
        (tens, 0) => vec![clip(form(tens))],
        (0, units) => vec![clip(form(units))],
        (tens, units) => vec![clip(format!("number-{tens}")), clip(form(units))],
    }
}

/// Which form a Russian noun has after a number.
fn plural(number: u32) -> &'static str {
    match (number % 100, number % 10) {
        (11..=14, _) => "many",
        (_, 1) => "1",
        (_, 2..=4) => "few",
        _ => "many",
    }
}

fn to_twelve(hour: u32) -> u32 {
    match hour % 12 {
        0 => 12,
        hour => hour,
    }
}

fn names(clips: Vec<PromptName>) -> Vec<String> {
    clips.into_iter().map(|clip| clip.0).collect()
}

fn minute_of(time: Time) -> u32 {
    u32::from(time.minute().unsigned_abs())
}

fn day_of(date: Date) -> u32 {
    u32::from(date.day().unsigned_abs())
}

fn month_of(date: Date) -> &'static str {
    let index = usize::from(date.month().unsigned_abs()).saturating_sub(1);
    MONTHS.get(index).copied().unwrap_or("january")
}

fn weekday(date: Date) -> &'static str {
    match date.weekday() {
        Weekday::Monday => "monday",
        Weekday::Tuesday => "tuesday",
        Weekday::Wednesday => "wednesday",
        Weekday::Thursday => "thursday",
        Weekday::Friday => "friday",
        Weekday::Saturday => "saturday",
        Weekday::Sunday => "sunday",
    }
}

fn weekdays() -> impl Iterator<Item = &'static str> {
    let monday = jiff::civil::date(2024, 1, 1);
    (0..7).filter_map(move |days: i32| Some(weekday(monday.checked_add(days.days()).ok()?)))
}
