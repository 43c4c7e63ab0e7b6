//! The report in sentences, in the order in which the helpline tells it: how many and about what, who, which reasons,
//! what was done, which events, how it was before, what does not count.
//!
//! Each sentence is chosen by the figures: the largest group is "more than half" only where it is, groups of equal
//! size stand side by side, and what is zero is not told.

use super::super::account::Account;
use super::super::document::Part;
use super::super::forms;
use super::super::words::Variable::{self, Count, Text};
use super::rows::Writer;
use crate::records::contact::ContactType;

/// The most reasons that a sentence lists.
const MOST_ISSUES: usize = 5;
/// The most events that a sentence lists.
const MOST_EVENTS: usize = 20;

/// The sentences, by paragraph.
pub(super) fn paragraphs(writer: &Writer<'_>) -> Vec<Part> {
    let total = writer.report.count("total");
    let mut paragraphs = match total {
        0 => vec![writer.empty()],
        _ => vec![writer.what(), writer.who(), writer.reasons()],
    };
    paragraphs.extend([
        writer.work(),
        writer.events(),
        writer.before(),
        writer.uncounted(),
    ]);
    let told = paragraphs.into_iter().map(|sentences| sentences.join(" "));
    told.filter(|text| !text.is_empty())
        .map(Part::Text)
        .collect()
}

impl Writer<'_> {
    fn say(&self, key: &str, variables: &[(&str, Variable<'_>)]) -> String {
        self.words.with(key, variables)
    }

    fn share_text(&self, part: u64, whole: u64) -> String {
        forms::share(self.language(), part as f64 / whole.max(1) as f64)
    }

    fn during(&self) -> String {
        self.words.during(self.report.period())
    }

    fn empty(&self) -> Vec<String> {
        vec![self.say("say-empty", &[("during", Text(&self.during()))])]
    }

    /// How many contacts, and about what.
    fn what(&self) -> Vec<String> {
        let total = self.report.count("total");
        let during = self.during();
        let mut told = vec![self.say(
            "say-total",
            &[("during", Text(&during)), ("n", Count(total))],
        )];
        let topics = self.report.ids("topic.", |one| &one.topics);
        let mut topics: Vec<(String, u64)> = topics
            .into_iter()
            .map(|id| {
                let name = forms::small(self.language(), &self.term(&id, |one| &one.topics));
                (name, self.report.count(&format!("topic.{id}")))
            })
            .filter(|(_, count)| *count > 0)
            .collect();
        topics.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let Some(most) = topics.first().map(|(_, count)| *count) else {
            return told;
        };
        let rest = topics.split_off(topics.partition_point(|(_, count)| *count == most));
        let quoted = topics.iter().map(|(name, _)| self.quoted(name));
        let names = quoted.collect::<Vec<_>>().join(", ");
        let key = match topics.len() {
            1 if most * 2 > total => "say-most-half",
            1 => "say-most",
            _ => "say-most-tied",
        };
        let share = self.share_text(most, total);
        let variables = [
            ("topics", Text(&names)),
            ("n", Count(most)),
            ("share", Text(&share)),
        ];
        told.push(self.say(key, &variables));
        if !rest.is_empty() {
            told.push(self.say("say-rest", &[("list", Text(&self.list(&rest)))]));
        }
        let together = self.report.count("topics.education+psychological");
        if self.report.count("topic.education") > 0 && self.report.count("topic.psychological") > 0
        {
            told.push(self.say("say-together", &[("n", Count(together))]));
        }
        told
    }

    fn quoted(&self, name: &str) -> String {
        use super::super::language::Language;
        match self.language() {
            Language::Ru => format!("«{name}»"),
            Language::Az | Language::En => format!("“{name}”"),
        }
    }

    /// Names with how many contacts each has.
    fn list(&self, items: &[(String, u64)]) -> String {
        let item = |(name, count): &(String, u64)| {
            let count = self.say("contacts", &[("n", Count(*count))]);
            format!("{name} ({count})")
        };
        items.iter().map(item).collect::<Vec<_>>().join(", ")
    }

    /// Who made contact.
    fn who(&self) -> Vec<String> {
        let count = |figure: &str| self.report.count(figure);
        let total = count("total");
        let mut told = Vec::new();
        let first = count("first.yes");
        if first > 0 {
            let key = if first * 2 > total {
                "say-first-half"
            } else {
                "say-first"
            };
            let share = self.share_text(first, total);
            told.push(self.say(key, &[("n", Count(first)), ("share", Text(&share))]));
            let rest = count("first.repeat-or-unknown");
            if rest > 0 {
                told.push(self.say("say-repeat-or-unknown", &[("n", Count(rest))]));
            }
        }
        let people = [
            ("adults", Count(count("party.adult"))),
            ("children", Count(count("party.child"))),
        ];
        if count("party.adult") + count("party.child") > 0 {
            told.push(self.say("say-people", &people));
        }
        let (girls, boys) = (count("child.female"), count("child.male"));
        if girls + boys > 0 {
            told.push(self.say(
                "say-children",
                &[("girls", Count(girls)), ("boys", Count(boys))],
            ));
        }
        let anonymous = count("anonymous.social");
        if anonymous > 0 {
            told.push(self.say("say-anonymous", &[("n", Count(anonymous))]));
        }
        let (women, men) = (count("gender.female"), count("gender.male"));
        if women + men > 0 {
            told.push(self.say(
                "say-gender",
                &[("women", Count(women)), ("men", Count(men))],
            ));
        }
        told
    }

    /// The most frequent reasons.
    fn reasons(&self) -> Vec<String> {
        let mut issues: Vec<(String, u64)> = self
            .report
            .this
            .contacts()
            .group("issue.")
            .map(|(id, count)| (self.term(id, |one| &one.issues), count))
            .collect();
        issues.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        issues.truncate(MOST_ISSUES);
        match issues.is_empty() {
            true => Vec::new(),
            false => vec![self.say("say-issues", &[("list", Text(&self.list(&issues)))])],
        }
    }

    /// What was done, and which services were asked for.
    fn work(&self) -> Vec<String> {
        let (meetings, works) = (
            self.report.count("activity.meeting"),
            self.report.count("activity.rehabilitation"),
        );
        let mut told = Vec::new();
        if meetings + works > 0 {
            let variables = [("meetings", Count(meetings)), ("works", Count(works))];
            told.push(self.say("say-activities", &variables));
        }
        let tags = self.report.ids("tag.", |one| &one.service_tags);
        let tags: Vec<(String, u64)> = tags
            .into_iter()
            .map(|id| {
                let count = self.report.count(&format!("tag.{id}"));
                (self.term(&id, |one| &one.service_tags), count)
            })
            .filter(|(_, count)| *count > 0)
            .collect();
        if !tags.is_empty() {
            told.push(self.say("say-tags", &[("list", Text(&self.list(&tags)))]));
        }
        told
    }

    /// Events by title.
    fn events(&self) -> Vec<String> {
        let event = |event: &crate::records::contact::Activity| {
            let title = self.quoted(event.title.as_deref()?);
            let day = forms::dates(self.language(), event.held_on, event.ended_on);
            Some(format!("{title} ({}, {day})", self.kind(&event.kind)))
        };
        let events: Vec<String> = self.report.this.events().iter().filter_map(event).collect();
        // More are in the table.
        match events.len() {
            1..=MOST_EVENTS => vec![self.say("say-events", &[("list", Text(&events.join(", ")))])],
            _ => Vec::new(),
        }
    }

    /// How it was before.
    fn before(&self) -> Vec<String> {
        let [previous, year_before] = self.report.compared();
        let told = [(previous, ""), (year_before, "-year")];
        told.into_iter()
            .filter_map(|(account, ending)| self.compared(account?, ending))
            .collect()
    }

    fn compared(&self, account: &Account, ending: &str) -> Option<String> {
        let (now, before) = (self.report.count("total"), account.count("total"));
        if before == 0 {
            return None;
        }
        let key = match now.cmp(&before) {
            std::cmp::Ordering::Greater => "say-more",
            std::cmp::Ordering::Less => "say-less",
            std::cmp::Ordering::Equal => "say-same",
        };
        let period = self.words.period(account.period());
        let change = now.abs_diff(before);
        let share = self.share_text(change, before);
        let variables = [
            ("period", Text(&period)),
            ("before", Count(before)),
            ("n", Count(change)),
            ("share", Text(&share)),
        ];
        Some(self.say(&format!("{key}{ending}"), &variables))
    }

    /// What does not count.
    fn uncounted(&self) -> Vec<String> {
        let beside = self.report.count("beside");
        if beside == 0 {
            return Vec::new();
        }
        let language = self.language();
        let counts = &self.report.rules.counts;
        let types = ContactType::ALL.iter().filter(|one| !counts.contains(one));
        let types = types.map(|one| one.to_string()).chain(["none".to_owned()]);
        let told = types.filter_map(|kind| {
            let count = self.report.count(&format!("type.{kind}"));
            let name = self.text(&format!("type-{}", kind.replace(' ', "-")));
            let name = forms::small(language, &name);
            (count > 0).then(|| format!("{name} ({})", forms::count(language, count)))
        });
        let list = told.collect::<Vec<_>>().join(", ");
        vec![self.say("say-beside", &[("n", Count(beside)), ("list", Text(&list))])]
    }
}
