//! What callers and operators hear: sentences in three languages, and the sounds that they are made of.

#![allow(clippy::unwrap_used, reason = "a test that fails says so")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::civil::{DateTime, date, time};

use qaynar::ids::{Language, PromptName};
use qaynar::rtp::codec::Codec;
use qaynar::rtp::g711;
use qaynar::rtp::tones::Listener;
use qaynar::speech::number::{MOST, cardinal, cardinal_clips};
use qaynar::speech::position::position_clips;
use qaynar::speech::{Rounded, estimate, moment};
use qaynar::speech::{digits, errand, position};

const TEXTS: &str = include_str!("../dialplans/prompts/texts.toml");
/// One percent of full scale: below it a caller hears nothing.
const AUDIBLE: i16 = 328;

fn prompts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("dialplans/prompts")
}

/// The words of each clip, by language and name; texts with parts in other languages are left out.
fn texts() -> BTreeMap<(Language, String), String> {
    let table: toml::Table = TEXTS.parse().unwrap();
    let mut texts = BTreeMap::new();
    for (name, languages) in table {
        for language in Language::ALL {
            if let Some(text) = languages
                .get(language.code())
                .and_then(|text| text.as_str())
            {
                texts.insert((language, name.clone()), text.to_owned());
            }
        }
    }
    texts
}

struct Speaker(BTreeMap<(Language, String), String>);

impl Speaker {
    fn says(&self, language: Language, clips: Vec<PromptName>) -> String {
        let words = clips.into_iter().map(|clip| {
            let found = self.0.get(&(language, clip.0.clone()));
            found.unwrap_or_else(|| panic!("texts.toml has no {clip} in {language}"))
        });
        words.map(String::as_str).collect::<Vec<_>>().join(" ")
    }

    fn counts(&self, language: Language, number: u32) -> String {
        self.says(language, cardinal(language, number))
    }
}

/// A number, and how it is said in Azerbaijani, Russian and English.
const NUMBERS: &[(u32, &str, &str, &str)] = &[
    (0, "sıfır", "ноль", "zero"),
    (1, "bir", "один", "one"),
    (10, "on", "десять", "ten"),
    (11, "on bir", "одиннадцать", "eleven"),
    (19, "on doqquz", "девятнадцать", "nineteen"),
    (20, "iyirmi", "двадцать", "twenty"),
    (21, "iyirmi bir", "двадцать один", "twenty one"),
    (99, "doxsan doqquz", "девяносто девять", "ninety nine"),
    (100, "yüz", "сто", "one hundred"),
    (101, "yüz bir", "сто один", "one hundred and one"),
    (
        112,
        "yüz on iki",
        "сто двенадцать",
        "one hundred and twelve",
    ),
    (200, "iki yüz", "двести", "two hundred"),
    (
        345,
        "üç yüz qırx beş",
        "триста сорок пять",
        "three hundred and forty five",
    ),
    (1_000, "min", "одна тысяча", "one thousand"),
    (1_001, "min bir", "одна тысяча один", "one thousand and one"),
    (
        1_100,
        "min yüz",
        "одна тысяча сто",
        "one thousand one hundred",
    ),
    (2_000, "iki min", "две тысячи", "two thousand"),
    (
        2_002,
        "iki min iki",
        "две тысячи два",
        "two thousand and two",
    ),
    (3_000, "üç min", "три тысячи", "three thousand"),
    (4_000, "dörd min", "четыре тысячи", "four thousand"),
    (5_000, "beş min", "пять тысяч", "five thousand"),
    (11_000, "on bir min", "одиннадцать тысяч", "eleven thousand"),
    (12_000, "on iki min", "двенадцать тысяч", "twelve thousand"),
    (20_000, "iyirmi min", "двадцать тысяч", "twenty thousand"),
    (
        21_000,
        "iyirmi bir min",
        "двадцать одна тысяча",
        "twenty one thousand",
    ),
    (
        22_000,
        "iyirmi iki min",
        "двадцать две тысячи",
        "twenty two thousand",
    ),
    (100_000, "yüz min", "сто тысяч", "one hundred thousand"),
    (
        101_000,
        "yüz bir min",
        "сто одна тысяча",
        "one hundred and one thousand",
    ),
    (
        111_000,
        "yüz on bir min",
        "сто одиннадцать тысяч",
        "one hundred and eleven thousand",
    ),
    (
        516_204,
        "beş yüz on altı min iki yüz dörd",
        "пятьсот шестнадцать тысяч двести четыре",
        "five hundred and sixteen thousand two hundred and four",
    ),
    (
        999_999,
        "doqquz yüz doxsan doqquz min doqquz yüz doxsan doqquz",
        "девятьсот девяносто девять тысяч девятьсот девяносто девять",
        "nine hundred and ninety nine thousand nine hundred and ninety nine",
    ),
];

#[test]
fn numbers_are_spoken_as_people_say_them() {
    let speaker = Speaker(texts());
    for &(number, az, ru, en) in NUMBERS {
        assert_eq!(speaker.counts(Language::Az, number), az);
        assert_eq!(speaker.counts(Language::Ru, number), ru);
        assert_eq!(speaker.counts(Language::En, number), en);
    }
    let beyond = speaker.counts(Language::Az, u32::MAX);
    assert_eq!(beyond, speaker.counts(Language::Az, MOST));
}

#[test]
fn positions_are_sentences() {
    let speaker = Speaker(texts());
    for (at, az, ru, en) in [
        (1, "birinci", "первое", "first"),
        (2, "ikinci", "второе", "second"),
        (3, "üçüncü", "третье", "third"),
        (10, "onuncu", "десятое", "tenth"),
        (11, "on birinci", "одиннадцатое", "eleventh"),
        (20, "iyirminci", "двадцатое", "twentieth"),
        (32, "otuz ikinci", "тридцать второе", "thirty second"),
        (99, "doxsan doqquzuncu", "девяносто девятое", "ninety ninth"),
    ] {
        let said = |language| speaker.says(language, position(language, at));
        assert_eq!(said(Language::Az), format!("Siz növbədə {az} yerdəsiniz"));
        assert_eq!(said(Language::Ru), format!("Ваше место в очереди — {ru}"));
        assert_eq!(said(Language::En), format!("You are {en} in line"));
    }
    let said = |language| speaker.says(language, position(language, 123));
    assert_eq!(said(Language::Az), "Növbədə nömrəniz yüz iyirmi üç");
    assert_eq!(said(Language::Ru), "Ваш номер в очереди — сто двадцать три");
    assert_eq!(
        said(Language::En),
        "Your number in line is one hundred and twenty three"
    );
}

/// What a listener understands: thousands and hundreds multiply what stands before them, the rest adds.
fn understood(language: Language, clips: &[PromptName]) -> u32 {
    let (mut thousands, mut sum) = (0, 0);
    for clip in clips {
        let word = clip.as_str().strip_prefix("number-").unwrap();
        match word.split('-').next().unwrap().parse().ok() {
            None => assert_eq!((language, word), (Language::En, "and")),
            Some(1_000) => (thousands, sum) = (sum.max(1) * 1_000, 0),
            Some(100) if language != Language::Ru => sum = sum.max(1) * 100,
            Some(value) => sum += value,
        }
    }
    thousands + sum
}

#[test]
fn every_number_is_understood_and_made_of_known_words_alone() {
    for language in Language::ALL {
        let known: BTreeSet<PromptName> = cardinal_clips(language).into_iter().collect();
        let positions: BTreeSet<PromptName> = position_clips(language).into_iter().collect();
        let mut used = BTreeSet::new();
        for number in (0..=20_000).chain((20_001..=MOST).step_by(37)) {
            let said = cardinal(language, number);
            assert_eq!(understood(language, &said), number, "{language}: {said:?}");
            assert!(said.len() <= 12, "{said:?}");
            used.extend(said);
        }
        assert_eq!(used, known, "what is said, and what the loader demands");
        for number in 0..=2_000 {
            used.extend(position(language, number));
        }
        assert_eq!(used, positions);
    }
}

proptest::proptest! {
    #[test]
    fn any_number_is_understood(number in 0..=MOST) {
        for language in Language::ALL {
            assert_eq!(understood(language, &cardinal(language, number)), number);
        }
    }
}

/// Monday, at ten in the morning.
fn monday() -> DateTime {
    date(2026, 11, 23).at(10, 0, 0, 0)
}

#[test]
fn moments_are_said_as_people_say_them() {
    let speaker = Speaker(texts());
    for (then, az, ru, en) in MOMENTS {
        let then: DateTime = then.parse().unwrap();
        let said = |language| speaker.says(language, moment::moment(language, monday(), then));
        assert_eq!(said(Language::Az), *az, "{then}");
        assert_eq!(said(Language::Ru), *ru, "{then}");
        assert_eq!(said(Language::En), *en, "{then}");
    }
    let said = |language| {
        let then = date(2026, 11, 24).at(9, 0, 0, 0);
        speaker.says(language, moment::resumes(language, monday(), then))
    };
    assert_eq!(
        said(Language::Az),
        "Xəttimiz sabah saat doqquzda yenidən açılacaq"
    );
    assert_eq!(
        said(Language::Ru),
        "Мы снова ответим вам завтра в девять часов утра"
    );
    assert_eq!(
        said(Language::En),
        "We will be here again tomorrow at nine in the morning"
    );
}

/// A moment as seen from Monday, the 23rd of November 2026, and how it is said.
const MOMENTS: &[(&str, &str, &str, &str)] = &[
    (
        "2026-11-24T09:00",
        "sabah saat doqquzda",
        "завтра в девять часов утра",
        "tomorrow at nine in the morning",
    ),
    (
        "2026-11-30T09:00",
        "bazar ertəsi günü noyabrın otuzunda saat doqquzda",
        "в понедельник тридцатого ноября в девять часов утра",
        "on Monday the thirtieth of November at nine in the morning",
    ),
    (
        "2026-11-23T12:00",
        "bu gün günorta saat on ikidə",
        "сегодня в полдень",
        "today at noon",
    ),
    (
        "2026-11-24T00:00",
        "bu gün gecə saat on ikidə",
        "сегодня в полночь",
        "today at midnight",
    ),
    (
        "2026-11-25T00:30",
        "çərşənbə günü gecə saat on iki otuzda",
        "в среду в двенадцать часов тридцать минут ночи",
        "on Wednesday at twelve thirty at night",
    ),
    (
        "2026-11-24T01:00",
        "sabah gecə saat birdə",
        "завтра в час ночи",
        "tomorrow at one in the morning",
    ),
    (
        "2026-11-27T13:21",
        "cümə günü saat on üç iyirmi birdə",
        "в пятницу в час двадцать одну минуту дня",
        "on Friday at one twenty one in the afternoon",
    ),
    (
        "2026-11-29T22:02",
        "bazar günü saat iyirmi iki sıfır ikidə",
        "в воскресенье в десять часов две минуты вечера",
        "on Sunday at ten oh two at night",
    ),
    (
        "2026-11-24T04:11",
        "sabah saat dörd on birdə",
        "завтра в четыре часа одиннадцать минут утра",
        "tomorrow at four eleven in the morning",
    ),
    (
        "2026-12-21T18:40",
        "bazar ertəsi günü dekabrın iyirmi birində saat on səkkiz qırxda",
        "в понедельник двадцать первого декабря в шесть часов сорок минут вечера",
        "on Monday the twenty first of December at six forty in the evening",
    ),
    (
        "2027-01-02T21:04",
        "şənbə günü yanvarın ikisində saat iyirmi bir sıfır dörddə",
        "в субботу второго января в девять часов четыре минуты вечера",
        "on Saturday the second of January at nine oh four at night",
    ),
];

#[test]
fn the_clock_and_the_date_are_read() {
    let speaker = Speaker(texts());
    for (hour, minute, az, ru, en) in [
        (
            9,
            0,
            "saat doqquz",
            "девять часов утра",
            "nine in the morning",
        ),
        (0, 0, "gecə saat on iki", "полночь", "midnight"),
        (12, 0, "günorta saat on iki", "полдень", "noon"),
        (
            15,
            21,
            "saat on beş iyirmi bir",
            "три часа двадцать одна минута дня",
            "three twenty one in the afternoon",
        ),
        (
            1,
            2,
            "gecə saat bir sıfır iki",
            "час две минуты ночи",
            "one oh two in the morning",
        ),
    ] {
        let time = time(hour, minute, 0, 0);
        let said = |language| speaker.says(language, moment::time(language, time));
        assert_eq!(said(Language::Az), format!("İndi {az}"));
        assert_eq!(said(Language::Ru), format!("Сейчас {ru}"));
        assert_eq!(said(Language::En), format!("It is {en}"));
    }
    let said = |language| speaker.says(language, moment::date(language, monday().date()));
    assert_eq!(said(Language::Az), "Bu gün bazar ertəsi iyirmi üç noyabr");
    assert_eq!(
        said(Language::Ru),
        "Сегодня понедельник двадцать третье ноября"
    );
    assert_eq!(
        said(Language::En),
        "Today is Monday the twenty third of November"
    );
}

#[test]
fn an_estimate_is_rounded_up_and_never_a_promise() {
    let speaker = Speaker(texts());
    for (seconds, az, ru, en) in [
        (
            59,
            "Bir dəqiqədən az gözləyəcəksiniz.",
            "Ждать меньше минуты.",
            "The wait is less than a minute.",
        ),
        (
            60,
            "Gözləmə müddəti təxminən bir dəqiqədir",
            "Ждать примерно одну минуту",
            "The wait is about one minute",
        ),
        (
            61,
            "Gözləmə müddəti təxminən iki dəqiqədir",
            "Ждать примерно две минуты",
            "The wait is about two minutes",
        ),
        (
            601,
            "Gözləmə müddəti təxminən on beş dəqiqədir",
            "Ждать примерно пятнадцать минут",
            "The wait is about fifteen minutes",
        ),
        (
            1_801,
            "Gözləmə müddəti təxminən qırx dəqiqədir",
            "Ждать примерно сорок минут",
            "The wait is about forty minutes",
        ),
        (
            3_601,
            "Gözləmə bir saatdan çox çəkə bilər.",
            "Ждать, возможно, больше часа.",
            "The wait may be more than an hour.",
        ),
    ] {
        let rounded = Rounded::up(Duration::from_secs(seconds));
        let said = |language| speaker.says(language, estimate(language, rounded));
        assert_eq!(said(Language::Az), az);
        assert_eq!(said(Language::Ru), ru);
        assert_eq!(said(Language::En), en);
    }
}

#[test]
fn every_moment_is_made_of_the_words_that_the_loader_demands() {
    for language in Language::ALL {
        let known = |clips: Vec<PromptName>| clips.into_iter().collect::<BTreeSet<_>>();
        let (times, dates, resumes, estimates) = (
            known(moment::time_clips(language)),
            known(moment::date_clips(language)),
            known(moment::resumes_clips(language)),
            known(qaynar::speech::estimate::estimate_clips(language)),
        );
        let mut day = monday();
        for step in 0..2_000_u64 {
            day += jiff::Span::new().hours(7).minutes(11);
            for (said, known) in [
                (moment::time(language, day.time()), &times),
                (moment::date(language, day.date()), &dates),
                (moment::resumes(language, monday(), day), &resumes),
                (
                    estimate(language, Rounded::up(Duration::from_secs(step * 3))),
                    &estimates,
                ),
            ] {
                let missing: Vec<_> = said.iter().filter(|clip| !known.contains(*clip)).collect();
                assert!(missing.is_empty(), "{language}, {day}: {missing:?}");
            }
        }
    }
    let read = digits("+994 50 680-22-80");
    let read: Vec<_> = read.iter().map(PromptName::as_str).collect();
    assert_eq!(read.len(), 12);
    assert_eq!(read[3..5], ["number-5", "number-0"]);
}

/// The samples of a shipped sound, which must be of the one shipped format.
fn samples(file: &Path) -> Vec<i16> {
    let mut reader = hound::WavReader::open(file)
        .unwrap_or_else(|error| panic!("{}: {error}; run dialplans/prompts/make", file.display()));
    let spec = reader.spec();
    let format = (spec.sample_rate, spec.channels, spec.bits_per_sample);
    assert_eq!(format, (8_000, 1, 16), "{}", file.display());
    reader.samples().map(Result::unwrap).collect()
}

fn peak(samples: &[i16]) -> u16 {
    samples
        .iter()
        .map(|sample| sample.unsigned_abs())
        .max()
        .unwrap_or(0)
}

#[test]
fn all_that_the_server_says_is_shipped() {
    for language in Language::ALL {
        let errands = errand::CLIPS.into_iter().map(PromptName::from);
        let refusals = qaynar::speech::refusal::CLIPS.map(PromptName::from);
        let words = errands
            .chain(refusals)
            .chain(moment::time_clips(language))
            .chain(moment::date_clips(language))
            .chain(moment::resumes_clips(language))
            .chain(qaynar::speech::estimate::estimate_clips(language))
            .chain(qaynar::speech::callback::callback_clips(language, true));
        for clip in position_clips(language).into_iter().chain(words) {
            samples(&prompts().join(format!("{language}/{clip}.wav")));
        }
    }
}

#[test]
fn every_shipped_sound_has_its_text_and_is_heard_at_once_without_distortion() {
    let table: toml::Table = TEXTS.parse().unwrap();
    for language in Language::ALL {
        let folder = prompts().join(language.code());
        let files = std::fs::read_dir(&folder)
            .unwrap()
            .map(|file| file.unwrap().path());
        let mut there = BTreeSet::new();
        for file in files {
            let samples = samples(&file);
            let loud = |sample: &i16| sample.unsigned_abs() > AUDIBLE.unsigned_abs();
            let first = samples.iter().position(loud).unwrap_or(samples.len());
            assert!(first < 800, "{} begins with a pause", file.display());
            assert!(peak(&samples) < 32_000, "{} is too loud", file.display());
            assert!(peak(&samples) > 4_000, "{} is too quiet", file.display());
            there.insert(file.file_stem().unwrap().to_str().unwrap().to_owned());
        }
        let written = table
            .iter()
            .filter(|(_, texts)| texts.get(language.code()).is_some());
        let written: BTreeSet<String> = written.map(|(name, _)| name.clone()).collect();
        assert_eq!(there, written, "{language}: sounds, and texts");
    }
}

#[test]
fn the_music_is_quiet_and_its_end_runs_on_into_its_beginning() {
    let samples = samples(&prompts().join("music/hold.wav"));
    assert!((160_000..=240_000).contains(&samples.len()), "20 to 30 s");
    assert!((2_000..12_000).contains(&peak(&samples)));
    let step = |a: i16, b: i16| i32::from(a).abs_diff(i32::from(b));
    let steepest = samples
        .windows(2)
        .map(|two| step(two[0], two[1]))
        .max()
        .unwrap();
    let seam = step(*samples.last().unwrap(), samples[0]);
    assert!(
        seam <= steepest / 4,
        "{seam} at the seam, {steepest} at most elsewhere"
    );
}

/// Tones are keys (Q.24) only where nobody speaks: our own prompts are the speech that we have most of.
#[test]
fn no_prompt_talks_a_key_off() {
    let mut seconds = 0;
    for language in Language::ALL {
        for entry in std::fs::read_dir(prompts().join(language.code())).unwrap() {
            let path = entry.unwrap().path();
            let mut reader = hound::WavReader::open(&path).unwrap();
            assert_eq!(reader.spec().sample_rate, 8_000, "{}", path.display());
            let samples: Vec<i16> = reader.samples().map(Result::unwrap).collect();
            // Near and far from the microphone, too.
            for (louder, codec) in [(1, Codec::Pcma), (2, Codec::Pcmu), (4, Codec::Pcma)] {
                seconds += samples.len() / 8_000;
                let loud = |sample: &i16| g711::encode(codec, (sample / 2).saturating_mul(louder));
                let octets: Vec<u8> = samples.iter().map(loud).collect();
                let mut listener = Listener::default();
                let mut keys = octets
                    .chunks(160)
                    .filter_map(|one| listener.packet(codec, one));
                assert_eq!(keys.next(), None, "{}", path.display());
            }
        }
    }
    assert!(seconds > 300, "only {seconds} s of speech were heard");
}
