//! How callers leave a line by a key, and what they are told of the wait.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use jiff::civil::Time;

use super::super::outgoing::Pattern;
use super::super::plan::{Action, CallBack, Offer};
use super::super::read::{Source, Table};
use super::{Draft, Reference, Spoken};
use crate::ids::{PathName, QueueName};

/// Estimates that come closer together than this only trouble those who wait.
const OFTENEST: Duration = Duration::from_secs(5);

/// Nobody is called more often.
const MOST_ATTEMPTS: u32 = 10;
/// Times of the day to choose from.
const MOST_TIMES: usize = 3;

impl Draft {
    /// `keys = { 0 = "leave-message" }`
    pub(super) fn read_keys(&mut self, table: &Table<'_, '_>) -> BTreeMap<char, PathName> {
        let mut found = BTreeMap::new();
        let Some(keys) = table.table("keys") else {
            return found;
        };
        for (key, span, value) in keys.entries() {
            let (Some(digit), Some(path)) =
                (key_named(keys.source, key, &span), value.get_ref().as_str())
            else {
                if value.get_ref().as_str().is_none() {
                    let remedy = "write the name of a path: 0 = \"leave-message\"";
                    keys.source.fault(value.span(), "no path", remedy);
                }
                continue;
            };
            let go = self.path_reference(&keys, path.to_owned(), &value.span());
            self.waiting_keys.push((keys.source.place(&span), digit));
            found.insert(digit, go);
        }
        found
    }

    /// The entry of `if_waiting` that offers a callback.
    pub(super) fn read_offer(&mut self, table: &Table<'_, '_>, name: &str) -> Option<Offer> {
        let entries = table.tables("if_waiting", &format!("if_waiting of queue {name}"));
        let mut found = None;
        for one in entries.into_iter().filter(|one| one.has("offer")) {
            if let Some((what, span)) = one.text("offer")
                && what != "callback"
            {
                let remedy = "write offer = \"callback\"";
                one.source
                    .fault(span, format!("{what:?} cannot be offered"), remedy);
            }
            let key = one.value("key");
            let digit = key.and_then(|key| {
                let number = key.get_ref().as_integer().map(|n| n.as_str().to_owned());
                let text = key.get_ref().as_str().map(str::to_owned);
                key_named(one.source, &number.or(text)?, &key.span())
            });
            if let Some(key) = digit.filter(|key| !key.is_ascii_digit()) {
                let what = format!("the offer's key is {key}");
                one.fault(what, "take a digit: callers hear it as a number");
            }
            if digit.is_none() {
                one.fault("the offer has no key", "say by which key: key = 1");
            }
            // What is wrong with the time is told where all entries are read.
            let Some(after) = one
                .value("for")
                .and_then(|text| super::super::read::duration(text.get_ref().as_str()?))
            else {
                continue;
            };
            if found.is_some() {
                one.fault(
                    "a callback is offered twice",
                    "offer it once; the key works on",
                );
            }
            self.spoken.push((one.place(), Spoken::Callback));
            if let Some(key) = digit {
                self.waiting_keys.push((one.place(), key));
                found = Some(Offer { after, key });
            }
        }
        found
    }

    /// `{ callback = "children" }`
    pub(super) fn read_callback_step(&mut self, step: &Table<'_, '_>) -> Option<Action> {
        let (queue, span) = step.text("callback")?;
        let place = step.source.place(&span);
        self.spoken.push((place.clone(), Spoken::Callback));
        self.queue_references.push(Reference {
            place,
            name: queue.clone(),
        });
        Some(Action::Callback(QueueName(queue)))
    }

    /// `[callback]`
    pub(super) fn read_callback(&mut self, table: Table<'_, '_>) {
        let mut read = CallBack::default();
        if let Some(attempts) = table.count("attempts") {
            match u32::try_from(attempts) {
                Ok(attempts @ 1..=MOST_ATTEMPTS) => read.attempts = attempts,
                _ => table.fault(
                    format!("attempts of the callback: {attempts}"),
                    format!("write a number from 1 to {MOST_ATTEMPTS}: more would be a siege"),
                ),
            }
        }
        if let Some(every) = table.duration("every", false) {
            read.every = every;
        }
        if let Some(numbers) = table.texts("numbers") {
            read.numbers.clear();
            for (text, span) in numbers {
                match Pattern::parse(&text) {
                    Some(pattern) => read.numbers.push(pattern),
                    None => {
                        let what = format!("{text:?} names no numbers");
                        let remedy = "write \"mobile\", \"fixed\", a beginning such as \"0125…\", or a number";
                        table.source.fault(span, what, remedy);
                    }
                }
            }
        }
        for (text, span) in table.texts("later").unwrap_or_default() {
            match format!("{text}:00").parse::<Time>() {
                Ok(time) if read.later.len() < MOST_TIMES => read.later.push(time),
                Ok(_) => {
                    let what = format!("there are more than {MOST_TIMES} times to choose from");
                    table
                        .source
                        .fault(span, what, "leave the rest out: nobody listens to so many");
                }
                Err(_) => {
                    let what = format!("{text:?} is no time of the day");
                    table.source.fault(span, what, "write \"16:00\"");
                }
            }
        }
        read.later.sort_unstable();
        table.finish();
        self.callback = read;
    }

    /// `say_estimate = "60s"`
    pub(super) fn says_estimate(&mut self, table: &Table<'_, '_>) -> Option<Duration> {
        let value = table.value("say_estimate")?;
        let every = table.duration("say_estimate", false)?;
        if every < OFTENEST {
            let remedy = "write \"60s\" or more: figures that often trouble those who wait";
            let what = "say_estimate is below 5 seconds";
            table.source.fault(value.span(), what, remedy);
        }
        let place = table.source.place(&value.span());
        self.spoken.push((place, Spoken::Estimate));
        Some(every)
    }

    /// A key has one meaning at a moment.
    pub(super) fn check_waiting_keys(&mut self) {
        for (place, key) in std::mem::take(&mut self.waiting_keys) {
            if let Some(language) = self.keys.get(&key) {
                let what = format!("key {key} chooses the language {language} already");
                self.fault(place, what, "take another key, also in language_keys");
            }
        }
        let mut found = Vec::new();
        for (name, queue) in &self.queues {
            if let Some(offer) = queue.offer
                && queue.keys.contains_key(&offer.key)
            {
                let what = format!("key {} means two things in queue {name}", offer.key);
                found.push((queue.place.clone(), what));
            }
        }
        for (place, what) in found {
            self.fault(place, what, "take another key for the callback");
        }
    }
}

fn key_named(source: &Source<'_>, key: &str, span: &Range<usize>) -> Option<char> {
    let mut letters = key.chars();
    match (letters.next(), letters.next()) {
        (Some(digit @ ('0'..='9' | '*' | '#')), None) => Some(digit),
        _ => {
            let what = format!("{key:?} is no key");
            source.fault(span.clone(), what, "use 0–9, * or #");
            None
        }
    }
}
