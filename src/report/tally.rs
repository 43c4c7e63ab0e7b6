//! Counting: which figures a contact is part of, and how many are part of each.
//!
//! One function ([`figures`]) decides both what a figure counts and which records are listed behind it, so that the
//! two cannot differ. A figure is named by a key: `total`, `topic.legal`, `child.female`. Keys that count toward the
//! published total have no word before them; `all`, `beside`, `type.…` and `quality.…` are of all contacts.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write};

use jiff::tz::TimeZone;

use super::period::{baku, day_of};
use crate::records::contact::{About, Answer, Channel, Contact, ContactType, Gender, Party};
use crate::records::quality::findings;
use crate::records::taxonomy::Taxonomy;
use crate::time::Wall;

/// Where something that can be named was not told.
const NONE: &str = "none";

/// Two topics that are also printed as one figure.
const TOGETHER: [&str; 2] = ["education", "psychological"];

/// By what contacts are counted.
#[derive(Debug, Clone)]
pub struct Rules {
    /// The types that count toward the published total.
    pub counts: BTreeSet<ContactType>,
    /// All versions of the taxonomy.
    pub taxonomies: Vec<Taxonomy>,
    /// Now: what begins later contradicts itself.
    pub now: Wall,
    zone: TimeZone,
}

impl Rules {
    /// Those with which these types count.
    pub fn new(counts: BTreeSet<ContactType>, taxonomies: Vec<Taxonomy>, now: Wall) -> Self {
        Self {
            counts,
            taxonomies,
            now,
            zone: baku(),
        }
    }

    /// Those that count where no setting says otherwise.
    pub fn usual_counts() -> BTreeSet<ContactType> {
        BTreeSet::from([ContactType::Counselling, ContactType::Information])
    }

    /// Whether a contact counts toward the published total. One that nobody filled in does not yet.
    pub fn counts(&self, contact: &Contact) -> bool {
        let kind = contact.contact_type.as_ref();
        kind.is_some_and(|kind| self.counts.contains(kind))
    }

    fn taxonomy(&self, version: u32) -> Option<&Taxonomy> {
        self.taxonomies.iter().find(|one| one.version == version)
    }
}

/// How many contacts are part of each figure.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    counts: BTreeMap<String, u64>,
    taxonomies: BTreeSet<u32>,
    buffer: String,
}

impl Tally {
    /// Counts one.
    pub fn add(&mut self, contact: &Contact, rules: &Rules) {
        self.taxonomies.insert(contact.taxonomy);
        let mut buffer = std::mem::take(&mut self.buffer);
        figures(contact, rules, &mut |key| {
            buffer.clear();
            // Writing to a text does not fail.
            let _ = buffer.write_fmt(key);
            match self.counts.get_mut(&buffer) {
                Some(count) => *count += 1,
                None => {
                    self.counts.insert(buffer.clone(), 1);
                }
            }
        });
        self.buffer = buffer;
    }

    /// How many are part of a figure.
    pub fn count(&self, figure: &str) -> u64 {
        self.counts.get(figure).copied().unwrap_or(0)
    }

    /// All figures of a group by what comes after its name: of `topic.` those of the topics.
    pub fn group<'a>(&'a self, group: &'a str) -> impl Iterator<Item = (&'a str, u64)> {
        self.counts
            .range(group.to_owned()..)
            .map_while(move |(key, count)| Some((key.strip_prefix(group)?, *count)))
    }

    /// All figures.
    pub fn all(&self) -> impl Iterator<Item = (&str, u64)> {
        self.counts
            .iter()
            .map(|(key, count)| (key.as_str(), *count))
    }

    /// The versions of the taxonomy that contacts were written with.
    pub fn taxonomies(&self) -> &BTreeSet<u32> {
        &self.taxonomies
    }
}

/// Whether a contact is part of a figure.
pub fn is_part_of(contact: &Contact, figure: &str, rules: &Rules) -> bool {
    let mut found = false;
    figures(contact, rules, &mut |key| {
        found |= key.to_string() == figure
    });
    found
}

/// Names each figure that a contact is part of, each once.
pub fn figures(contact: &Contact, rules: &Rules, with: &mut dyn FnMut(fmt::Arguments<'_>)) {
    with(format_args!("all"));
    match contact.contact_type {
        Some(kind) => with(format_args!("type.{kind}")),
        None => with(format_args!("type.{NONE}")),
    }
    let mut seen = BTreeSet::new();
    for finding in findings(contact, &rules.taxonomies, rules.now) {
        if seen.insert(finding.word()) {
            with(format_args!("quality.{}", finding.word()));
        }
    }
    if !rules.counts(contact) {
        return with(format_args!("beside"));
    }
    with(format_args!("total"));
    let day = day_of(contact.opened, &rules.zone);
    with(format_args!("day.{day}"));
    with(format_args!("month.{:04}-{:02}", day.year(), day.month()));
    with(format_args!("year.{:04}", day.year()));
    subject(contact, with);
    people(contact, with);
    ages(contact, rules, with);
    way(contact, with);
}

/// What it is about.
fn subject(contact: &Contact, with: &mut dyn FnMut(fmt::Arguments<'_>)) {
    let topic = contact.topic.as_deref();
    with(format_args!("topic.{}", topic.unwrap_or(NONE)));
    if topic.is_some_and(|topic| TOGETHER.contains(&topic)) {
        with(format_args!("topics.{}+{}", TOGETHER[0], TOGETHER[1]));
    }
    for issue in once(&contact.issues) {
        with(format_args!("issue.{issue}"));
    }
    for tag in once(&contact.service_tags) {
        with(format_args!("tag.{tag}"));
    }
    match contact.risk {
        Some(risk) => with(format_args!("risk.{risk}")),
        None => with(format_args!("risk.not-judged")),
    }
}

/// What stands in a list, each once.
fn once(list: &[String]) -> impl Iterator<Item = &String> {
    let first = |(at, one): &(usize, &String)| !list[..*at].contains(one);
    list.iter().enumerate().filter(first).map(|(_, one)| one)
}

/// Who made contact, and about whom.
fn people(contact: &Contact, with: &mut dyn FnMut(fmt::Arguments<'_>)) {
    with(format_args!("party.{}", contact.party));
    with(format_args!("gender.{}", contact.gender));
    if contact.gender != Gender::Unknown {
        with(format_args!("gender.known"));
    }
    if contact.party == Party::Child {
        with(format_args!("child.{}", contact.gender));
    }
    match contact.about {
        Some(about) => with(format_args!("about.{about}")),
        None => with(format_args!("about.{NONE}")),
    }
    match contact.first_time {
        Answer::Yes => with(format_args!("first.yes")),
        // Who did not say it for the first time may have; they are never told to have come again.
        Answer::No | Answer::Unknown => {
            with(format_args!("first.repeat-or-unknown"));
            with(format_args!("first.{}", contact.first_time));
        }
    }
    if contact.anonymous {
        with(format_args!("anonymous"));
    }
    let social = matches!(contact.channel, Channel::Facebook | Channel::Instagram);
    if contact.anonymous && social && contact.party == Party::Unknown {
        with(format_args!("anonymous.social"));
    }
}

/// The bands of age, by the taxonomy that the contact was written with.
fn ages(contact: &Contact, rules: &Rules, with: &mut dyn FnMut(fmt::Arguments<'_>)) {
    let version = contact.taxonomy;
    let band = |age: u8| {
        let taxonomy = rules.taxonomy(version)?;
        taxonomy.bands.get(taxonomy.band(age)?)
    };
    let own = contact.age.filter(|_| contact.party == Party::Child);
    let child = contact.child_age.or(match contact.about {
        Some(About::Oneself) => own,
        Some(About::AnotherChild) | None => None,
    });
    match child.and_then(band) {
        Some(band) => with(format_args!(
            "band.{version}.{}",
            BandKey(band.from, band.to)
        )),
        None => with(format_args!("band.{version}.unknown")),
    }
    if contact.party == Party::Child {
        match own.and_then(band) {
            Some(band) => {
                with(format_args!(
                    "child-band.{version}.{}",
                    BandKey(band.from, band.to)
                ));
            }
            None => with(format_args!("child-band.{version}.unknown")),
        }
    }
}

/// By which way it came.
fn way(contact: &Contact, with: &mut dyn FnMut(fmt::Arguments<'_>)) {
    with(format_args!("channel.{}", contact.channel));
    match contact.language {
        Some(language) => with(format_args!("language.{language}")),
        None => with(format_args!("language.{NONE}")),
    }
    if contact.channel.is_telephone() {
        with(format_args!("telephone"));
        let dialled = contact.dialled.as_deref();
        with(format_args!("dialled.{}", dialled.unwrap_or(NONE)));
    }
}

/// A band in a figure's key: `11-14`, `18+`.
#[derive(Debug, Clone, Copy)]
pub(super) struct BandKey(pub(super) u8, pub(super) Option<u8>);

impl fmt::Display for BandKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1 {
            Some(to) => write!(f, "{}-{to}", self.0),
            None => write!(f, "{}+", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::contact::ContactId;
    use crate::records::taxonomy::shipped;

    fn rules() -> Rules {
        let now = Wall(1_700_000_000_000_000);
        Rules::new(Rules::usual_counts(), shipped().to_vec(), now)
    }

    fn contact(change: impl FnOnce(&mut Contact)) -> Contact {
        let opened = Wall(1_622_491_200_000_000);
        let mut contact = Contact::new(ContactId("a".into()), opened, Channel::Phone, 1);
        contact.contact_type = Some(ContactType::Counselling);
        change(&mut contact);
        contact
    }

    #[test]
    fn a_contact_is_part_of_each_figure_once() {
        let contact = contact(|one| {
            one.topic = Some("legal".into());
            one.issues = vec!["custody".into(), "neglect".into()];
            one.party = Party::Child;
            one.about = Some(About::Oneself);
            one.age = Some(11);
        });
        let mut seen = BTreeSet::new();
        figures(&contact, &rules(), &mut |key| {
            assert!(seen.insert(key.to_string()), "{key} twice");
        });
        for key in [
            "total",
            "topic.legal",
            "issue.custody",
            "issue.neglect",
            "child.unknown",
            "band.1.11-14",
            "child-band.1.11-14",
            "first.repeat-or-unknown",
            "day.2021-06-01",
            "month.2021-06",
        ] {
            assert!(seen.contains(key), "{key} of {seen:?}");
            assert!(is_part_of(&contact, key, &rules()));
        }
        assert!(!is_part_of(&contact, "topic.social", &rules()));
    }

    #[test]
    fn what_does_not_count_is_counted_beside() {
        let mut tally = Tally::default();
        tally.add(
            &contact(|one| one.contact_type = Some(ContactType::Silent)),
            &rules(),
        );
        tally.add(&contact(|one| one.contact_type = None), &rules());
        tally.add(&contact(|_| ()), &rules());
        let count = |key| tally.count(key);
        assert_eq!((count("all"), count("beside"), count("total")), (3, 2, 1));
        assert_eq!((count("type.silent"), count("type.none")), (1, 1));
        assert_eq!(count("quality.no-topic"), 1);
        let types: Vec<_> = tally.group("type.").collect();
        assert_eq!(types, [("counselling", 1), ("none", 1), ("silent", 1)]);
    }

    #[test]
    fn bands_are_those_of_the_contact_s_taxonomy() {
        let band = |taxonomy, age| {
            let contact = contact(|one| {
                one.taxonomy = taxonomy;
                one.child_age = Some(age);
            });
            let mut found = String::new();
            figures(&contact, &rules(), &mut |key| {
                if key.to_string().starts_with("band.") {
                    found = key.to_string();
                }
            });
            found
        };
        assert_eq!(band(1, 18), "band.1.18+");
        assert_eq!(band(2, 18), "band.2.15-18");
        assert_eq!(band(9, 18), "band.9.unknown");
    }
}
