//! What depends on the time: `[[closed]]`, and `[[expect]]`.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use toml::de::DeValue;

use super::super::number::Number;
use super::super::plan::{Closed, Ends, Expectation, Plan};
use super::super::read::Table;
use super::head::language;
use super::{Draft, Reference};
use crate::ids::{Language, ListName, MailboxName, PathName, PromptName, QueueName, TrunkName};
use crate::time::Wall;

impl Draft {
    pub(super) fn read_closed(&mut self, closed: Table<'_, '_>) {
        let place = closed.place();
        let (from, until) = (moment(&closed, "from"), moment(&closed, "until"));
        let go = closed.text("go");
        if from.is_none() || until.is_none() || go.is_none() {
            closed.fault(
                "closed needs from, until and go",
                "write from = 2026-12-01T02:00:00 and so on",
            );
        }
        if let (Some(from), Some(until), Some((go, span))) = (from, until, go) {
            self.path_references.push(Reference {
                place: closed.source.place(&span),
                name: go.clone(),
            });
            self.closed.push((place, from, until, PathName(go)));
        }
        closed.finish();
    }

    pub(super) fn read_expectation(&mut self, expect: Table<'_, '_>) {
        let dial: Vec<String> = expect
            .texts("dial")
            .unwrap_or_default()
            .into_iter()
            .map(|(text, _)| text)
            .collect();
        if dial.is_empty() {
            expect.fault("the expectation dials nothing", "write dial = \"116111\"");
        }
        let at = moment(&expect, "at");
        let operators = expect.count("operators").unwrap_or(1);
        let keys = expect
            .text("keys")
            .map(|(keys, _)| read_keys(&keys))
            .unwrap_or_default();
        let from = self.read_from(&expect);
        let trunk = expect.text("trunk").map(|(name, _)| TrunkName(name));
        let lists = expect.texts("list").unwrap_or_default();
        let lists = lists.into_iter().map(|(name, _)| ListName(name)).collect();
        let waiting = self.read_waiting_assumed(&expect);
        let calls = expect.count("calls").unwrap_or(1);
        let webhook = expect.texts("webhook").unwrap_or_default();
        let webhook = webhook.into_iter().map(|(answer, _)| answer).collect();
        let by_operator = expect.text("by").is_some_and(|(by, span)| {
            let known = by == "operator" || by == "caller";
            if !known {
                let what = format!("{by:?} is nobody who dials");
                let remedy = "write by = \"operator\", or leave it out: a caller dials";
                expect.source.fault(span, what, remedy);
            }
            by == "operator"
        });
        let ends = expect.table("ends");
        let place = expect.place();
        let read = ends.and_then(read_ends);
        if !expect.has("ends") {
            expect.fault(
                "the expectation has no ends",
                "write ends = { queue = \"…\" }",
            );
        }
        if let Some((ends, language)) = read {
            let expectation = Expectation {
                place,
                dial,
                at: None,
                operators,
                by_operator,
                keys,
                from,
                trunk,
                waiting,
                lists,
                calls,
                webhook,
                ends,
                language,
            };
            self.expectations.push((expectation, at));
        }
        expect.finish();
    }

    /// `from`: a caller's number, or `hidden`.
    fn read_from(&self, expect: &Table<'_, '_>) -> Option<String> {
        let (from, span) = expect.text("from")?;
        if from != "hidden" && Number::parse(&from).is_none() {
            let what = format!("{from:?} is no telephone number");
            let remedy = "write a number such as \"0501234567\", or \"hidden\"";
            expect.source.fault(span, what, remedy);
        }
        Some(from)
    }

    /// `waiting = { children = 12 }`
    fn read_waiting_assumed(&mut self, expect: &Table<'_, '_>) -> BTreeMap<QueueName, usize> {
        let Some(waiting) = expect.table("waiting") else {
            return BTreeMap::new();
        };
        let mut read = BTreeMap::new();
        for (name, span, value) in waiting.entries() {
            let place = waiting.source.place(&span);
            let name = name.to_owned();
            let count = value.get_ref().as_integer();
            let count = count.and_then(|one| usize::from_str_radix(one.as_str(), one.radix()).ok());
            match count {
                Some(count) => {
                    read.insert(QueueName(name.clone()), count);
                }
                None => waiting.source.fault(
                    span,
                    format!("how many wait in {name} is no number"),
                    "write waiting = { children = 12 }",
                ),
            }
            self.queue_references.push(Reference { place, name });
        }
        read
    }

    /// What `closed` means on the clock.
    pub(super) fn closed_times(&mut self, zone: &TimeZone) -> Vec<Closed> {
        let closed = std::mem::take(&mut self.closed);
        let read = closed.into_iter().filter_map(|(place, from, until, go)| {
            let (from, until) = (wall(&from, zone), wall(&until, zone));
            if from.zip(until).is_none_or(|(from, until)| from >= until) {
                self.fault(
                    place.clone(),
                    "the closed time does not end after it begins",
                    "correct from and until",
                );
            }
            Some(Closed {
                place,
                from: from?,
                until: until?,
                go,
            })
        });
        read.collect()
    }

    /// The expectations, their moments on the clock.
    pub(super) fn expectations_in(&mut self, zone: &TimeZone) -> Vec<Expectation> {
        let expectations = std::mem::take(&mut self.expectations);
        let read = expectations.into_iter().map(|(mut expectation, at)| {
            expectation.at = at.as_deref().and_then(|at| wall(at, zone));
            if at.is_some() && expectation.at.is_none() {
                self.fault(
                    expectation.place.clone(),
                    "at is no moment",
                    "write at = 2026-11-23T03:00:00",
                );
            }
            expectation
        });
        read.collect()
    }
}

fn read_ends(ends: Table<'_, '_>) -> Option<(Ends, Option<Language>)> {
    let queue = ends
        .text("queue")
        .map(|(name, _)| Ends::Queue(QueueName(name)));
    let voicemail = ends
        .text("voicemail")
        .map(|(name, _)| Ends::Voicemail(MailboxName(name)));
    let callback = ends
        .text("callback")
        .map(|(name, _)| Ends::Callback(QueueName(name)));
    let heard = ends
        .text("heard")
        .map(|(name, _)| Ends::Heard(PromptName(name)));
    let said_last = ends.text("said").map(|(what, _)| Ends::Said(what));
    let hung_up = ends
        .flag("hung_up")
        .filter(|flag| *flag)
        .map(|_| Ends::HungUp);
    let said = ends
        .text("language")
        .and_then(|(code, span)| language(ends.source, &code, &span));
    let outgoing = ends.text("outgoing").map(|(name, _)| Ends::Outgoing(name));
    let refused = ends
        .flag("refused")
        .filter(|flag| *flag)
        .map(|_| Ends::Refused);
    let found = queue
        .or(voicemail)
        .or(callback)
        .or(heard)
        .or(said_last)
        .or(hung_up)
        .or(outgoing)
        .or(refused);
    if found.is_none() {
        ends.fault(
            "ends says nowhere",
            "give it queue, voicemail, callback, heard, said or hung_up, or with by = \"operator\": outgoing or refused",
        );
    }
    ends.finish();
    found.map(|ends| (ends, said))
}

/// Keys as they are typed: `2,1` or `21`.
pub fn read_keys(text: &str) -> Vec<char> {
    let keys = text.chars();
    keys.filter(|key| !matches!(key, ',' | ' ')).collect()
}

/// A TOML date-time, kept as text until the time zone is known.
fn moment(table: &Table<'_, '_>, key: &'static str) -> Option<String> {
    let value = table.value(key)?;
    match value.get_ref() {
        DeValue::Datetime(moment) => Some(moment.to_string()),
        _ => {
            table.source.fault(
                value.span(),
                format!("{key} is no moment"),
                "write it without quotes: 2026-12-01T02:00:00",
            );
            None
        }
    }
}

/// A moment of the plan on the wall clock; without an offset it is meant in `zone`.
fn wall(text: &str, zone: &TimeZone) -> Option<Wall> {
    if let Ok(stamp) = text.parse::<jiff::Timestamp>() {
        return Some(Wall(stamp.as_microsecond()));
    }
    let local: jiff::civil::DateTime = text.parse().ok()?;
    let stamp = zone
        .to_ambiguous_zoned_datetime(local)
        .compatible()
        .ok()?
        .timestamp();
    Some(Wall(stamp.as_microsecond()))
}

/// A moment as an administrator types it: `2026-11-23T03:00`, in the plan's zone unless it has an offset.
pub fn moment_of(text: &str, plan: &Plan) -> Option<Wall> {
    wall(text.trim(), &plan.zone)
}
