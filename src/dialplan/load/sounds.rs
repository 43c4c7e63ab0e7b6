//! Every sound that the plan names or that the server itself plays must be there: a caller who should
//! hear something never hears nothing.

use std::collections::BTreeSet;

use super::super::fault::{Place, nearest, suggest};
use super::super::menu::Saying;
use super::{Catalogue, Draft, Spoken};
use crate::ids::{Language, PromptName};
use crate::speech::{self, moment};

impl Draft {
    /// `first`: where the fault is when no line of the plan asks for the sound.
    pub(super) fn check_sounds(&mut self, catalogue: &Catalogue, first: &Place) {
        if catalogue.on_trust {
            return;
        }
        let (place, languages) = match self.languages.clone() {
            Some((place, list)) if !list.is_empty() => (place, list),
            _ => (first.clone(), vec![Language::Az]),
        };
        let mut found = Vec::new();
        let none = BTreeSet::new();
        let spoken = |language| catalogue.spoken.get(&language).unwrap_or(&none);
        if let Some(language) = languages.first() {
            found.extend(self.missing_of_listening(*language, spoken(*language)));
            let outgoing = !self.outgoing.is_empty();
            found.extend(missing_words(
                *language,
                spoken(*language),
                outgoing,
                &place,
            ));
        }
        // A key may choose a language that the list does not have.
        let all: BTreeSet<Language> = languages
            .into_iter()
            .chain(self.keys.values().copied())
            .collect();
        for language in all {
            let there = spoken(language);
            for wanted in self.prompts.iter().filter(|one| !there.contains(&one.name)) {
                let what = format!("there is no prompts/{language}/{}.wav", wanted.name);
                let remedy = match catalogue.other(Some(language), &wanted.name) {
                    Some(other) => format!("{other} is no WAV; {}", convert(other)),
                    None => format!("record it, or: {}", suggest_prompt(&wanted.name, there)),
                };
                found.push((wanted.place.clone(), what, remedy));
            }
            found.extend(self.missing_by_grammar(language, there));
            found.extend(self.missing_of_recordings(language, there));
        }
        found.extend(self.missing_music(catalogue, first));
        for (place, what, remedy) in found {
            self.fault(place, what, remedy);
        }
    }

    /// What is joined by grammar: a fault a place.
    fn missing_by_grammar(&self, language: Language, there: &BTreeSet<String>) -> Vec<Found> {
        let mut found = Vec::new();
        for place in &self.positions {
            let wanted = speech::position::position_clips(language);
            let (what, remedy) = ("tell callers their position", "say_position = false");
            found.extend(missing_clips(
                language,
                there,
                place,
                &wanted,
                (what, remedy),
            ));
        }
        for (place, spoken) in &self.spoken {
            let (wanted, what, remedy) = match spoken {
                Spoken::Estimate => (
                    speech::estimate::estimate_clips(language),
                    "tell callers how long it may last",
                    "no say_estimate",
                ),
                Spoken::Callback => (
                    speech::callback::callback_clips(language, self.callback.is_later()),
                    "offer a callback",
                    "no offer",
                ),
            };
            let reason = (what, remedy);
            found.extend(missing_clips(language, there, place, &wanted, reason));
        }
        for (place, saying) in &self.sayings {
            let (wanted, what) = match saying {
                Saying::Time => (moment::time_clips(language), "tell the time"),
                Saying::Date => (moment::date_clips(language), "tell the date"),
                Saying::Resumes(_) => (
                    moment::resumes_clips(language),
                    "tell when the line opens again",
                ),
            };
            found.extend(missing_clips(
                language,
                there,
                place,
                &wanted,
                (what, "no say"),
            ));
        }
        found
    }

    fn missing_music(&self, catalogue: &Catalogue, first: &Place) -> Vec<Found> {
        let named = self.music.iter().map(|one| (&one.place, one.name.as_str()));
        let mut wanted: Vec<(&Place, &str)> = named.collect();
        // Whoever is put on hold hears it, whatever the queues play.
        if wanted.iter().all(|(_, name)| *name != super::HOLD) {
            wanted.push((first, super::HOLD));
        }
        wanted.extend(self.wanted_tone());
        let missing = wanted
            .into_iter()
            .filter(|(_, name)| !catalogue.music.contains(*name));
        missing
            .map(|(place, name)| {
                let what = format!("there is no prompts/music/{name}.wav");
                let remedy = suggest(name, catalogue.music.iter().map(String::as_str));
                (place.clone(), what, remedy)
            })
            .collect()
    }
}

/// Place, what, remedy.
pub(super) type Found = (Place, String, String);

/// Operators hear these when they dial, in the first language. `outgoing`: also numbers outside.
fn missing_words(
    language: Language,
    there: &BTreeSet<String>,
    outgoing: bool,
    place: &Place,
) -> Vec<Found> {
    let codes = speech::errand::CLIPS
        .into_iter()
        .map(|name| (name, "operators who dial a feature code hear it"));
    let refusals = speech::refusal::CLIPS
        .into_iter()
        .map(|name| (name, "operators whose call outside is refused hear it"))
        .filter(|_| outgoing);
    let missing = codes
        .chain(refusals)
        .filter(|(name, _)| !there.contains(*name));
    missing
        .map(|(name, who)| {
            let what = format!("there is no prompts/{language}/{name}.wav");
            let remedy = format!("record it, or run prompts/make: {who}");
            (place.clone(), what, remedy)
        })
        .collect()
}

/// One fault for a language: whoever recorded no numbers needs no list of forty.
fn missing_clips(
    language: Language,
    there: &BTreeSet<String>,
    place: &Place,
    wanted: &[PromptName],
    (what_for, without): (&str, &str),
) -> Option<Found> {
    let missing: Vec<&PromptName> = wanted
        .iter()
        .filter(|clip| !there.contains(clip.as_str()))
        .collect();
    let (one, more) = (missing.first()?, missing.len() - 1);
    let mut what = format!("there is no prompts/{language}/{one}.wav");
    if more > 0 {
        what += &format!(", nor {more} more of the words that {what_for}");
    }
    let remedy = format!("record them, or run prompts/make, or write {without}");
    Some((place.clone(), what, remedy))
}

/// How a file of another kind becomes a prompt.
fn convert(other: &str) -> String {
    let stem = other.rsplit_once('.').map_or(other, |(stem, _)| stem);
    format!("convert it: sox {other} -r 8000 -c 1 -b 16 {stem}.wav")
}

impl Catalogue {
    /// A file of that name that is no WAV.
    fn other(&self, language: Option<Language>, name: &str) -> Option<&str> {
        let other = self.others.get(&(language, name.to_owned()))?;
        Some(other)
    }
}

fn suggest_prompt(name: &str, spoken: &BTreeSet<String>) -> String {
    match nearest(name, spoken.iter().map(String::as_str)) {
        Some(near) => format!("did you mean {near:?}?"),
        None => "use one that is there".to_owned(),
    }
}
