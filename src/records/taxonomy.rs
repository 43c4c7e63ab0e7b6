//! What contacts are about, as data with a version: topics, finer issues, services and age bands with their names
//! in three languages. A contact keeps the version that it was written with, and reports name by it.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

/// Those that come with the program, as text.
const SHIPPED: &str = include_str!("taxonomies.toml");

/// The most entries of one kind.
const MOST: usize = 500;

/// The longest name and the longest id, in characters.
const LONGEST: usize = 64;

/// One version. A version that contacts were written with never changes; a new one is added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Taxonomy {
    /// From 1.
    pub version: u32,
    /// Of which a contact has exactly one, in the order of the reports.
    pub topics: Vec<Term>,
    /// Finer reasons.
    #[serde(default)]
    pub issues: Vec<Term>,
    /// Services that are asked for.
    #[serde(default)]
    pub service_tags: Vec<Term>,
    /// Bands of age, without gaps, from the youngest.
    pub bands: Vec<Band>,
}

/// An entry: its id, which never changes, and its names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Term {
    /// As contacts name it.
    pub id: String,
    /// In Azerbaijani.
    pub az: String,
    /// In Russian.
    pub ru: String,
    /// In English.
    pub en: String,
    /// Of an issue: the topic that it is below.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
}

/// Years from and to, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Band {
    /// The youngest.
    pub from: u8,
    /// The oldest; `None`: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<u8>,
}

/// Why a list is no taxonomy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TaxonomyFault {
    /// Not in the form of a taxonomy.
    #[error("this is no taxonomy: {0}; `qaynar taxonomy show VERSION` prints one to begin from")]
    Form(String),
    /// Versions begin at 1.
    #[error("a taxonomy's version is 1 or greater")]
    Version,
    /// A contact needs a topic.
    #[error("a taxonomy has 1 to {MOST} topics, and at most so many issues and service tags")]
    Count,
    /// An id or name that cannot be used.
    #[error(
        "the entry {0:?} needs an id and names in az, ru and en of 1 to {LONGEST} characters, and an id without comma, \
         semicolon or bar, by which lists of ids are parted"
    )]
    Words(String),
    /// An id twice among entries of one kind.
    #[error("the id {0:?} is there twice; each of a kind has its own")]
    Twice(String),
    /// An issue below no topic.
    #[error("the issue {issue:?} is below {topic:?}, which is no topic of this taxonomy")]
    Topic {
        /// Which.
        issue: String,
        /// Below what.
        topic: String,
    },
    /// Bands leave out a year or name one twice.
    #[error(
        "bands of age begin at 0, follow each other without a gap, and the last one alone has no end"
    )]
    Bands,
}

impl Taxonomy {
    /// Reads one from TOML, as [`Self::to_toml`] writes it.
    ///
    /// # Errors
    /// See [`TaxonomyFault`].
    pub fn from_toml(text: &str) -> Result<Self, TaxonomyFault> {
        let fault = |fault: toml::de::Error| TaxonomyFault::Form(fault.to_string());
        let taxonomy: Self = toml::from_str(text).map_err(fault)?;
        taxonomy.check().map(|()| taxonomy)
    }

    /// As people edit it.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).unwrap_or_default()
    }

    /// Whether contacts can be written with it.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<(), TaxonomyFault> {
        if self.version == 0 {
            return Err(TaxonomyFault::Version);
        }
        let kinds = [&self.topics, &self.issues, &self.service_tags];
        if self.topics.is_empty() || kinds.iter().any(|kind| kind.len() > MOST) {
            return Err(TaxonomyFault::Count);
        }
        for kind in kinds {
            let mut seen = BTreeSet::new();
            for term in kind {
                term.check()?;
                if !seen.insert(&term.id) {
                    return Err(TaxonomyFault::Twice(term.id.clone()));
                }
            }
        }
        for issue in &self.issues {
            if let Some(topic) = &issue.topic
                && self.topic(topic).is_none()
            {
                let (issue, topic) = (issue.id.clone(), topic.clone());
                return Err(TaxonomyFault::Topic { issue, topic });
            }
        }
        let mut next = Some(0_u16);
        for band in &self.bands {
            let to = band.to.map(u16::from);
            if next != Some(band.from.into()) || to.is_some_and(|to| to < band.from.into()) {
                return Err(TaxonomyFault::Bands);
            }
            next = to.map(|to| to + 1);
        }
        match next {
            None => Ok(()),
            Some(_) => Err(TaxonomyFault::Bands),
        }
    }

    /// The topic of this id.
    pub fn topic(&self, id: &str) -> Option<&Term> {
        self.topics.iter().find(|term| term.id == id)
    }

    /// The issue of this id.
    pub fn issue(&self, id: &str) -> Option<&Term> {
        self.issues.iter().find(|term| term.id == id)
    }

    /// The service of this id.
    pub fn service_tag(&self, id: &str) -> Option<&Term> {
        self.service_tags.iter().find(|term| term.id == id)
    }

    /// The place of the band that these years are in.
    pub fn band(&self, age: u8) -> Option<usize> {
        let within = |band: &Band| band.from <= age && band.to.is_none_or(|to| age <= to);
        self.bands.iter().position(within)
    }
}

impl Term {
    fn check(&self) -> Result<(), TaxonomyFault> {
        let fits = |text: &str| (1..=LONGEST).contains(&text.trim().chars().count());
        let names = [&self.id, &self.az, &self.ru, &self.en];
        match names.iter().all(|name| fits(name)) && !self.id.contains([',', ';', '|']) {
            true => Ok(()),
            false => Err(TaxonomyFault::Words(self.id.clone())),
        }
    }
}

/// Those that come with the program, by version.
pub fn shipped() -> &'static [Taxonomy] {
    #[derive(Deserialize)]
    struct All {
        taxonomy: Vec<Taxonomy>,
    }
    static ALL: LazyLock<Vec<Taxonomy>> = LazyLock::new(|| {
        // A test reads the text; it is never anything else.
        toml::from_str::<All>(SHIPPED).map_or_else(|_| Vec::new(), |all| all.taxonomy)
    });
    &ALL
}

/// The version that new contacts are written with where none was added.
pub fn newest_shipped() -> u32 {
    shipped().last().map_or(1, |one| one.version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_come_with_the_program_are_whole_and_can_be_edited() {
        let versions: Vec<u32> = shipped().iter().map(|one| one.version).collect();
        assert_eq!(versions, [1, 2]);
        for one in shipped() {
            assert_eq!(one.check(), Ok(()));
            assert_eq!(Taxonomy::from_toml(&one.to_toml()).as_ref(), Ok(one));
        }
        let (first, second) = (&shipped()[0], &shipped()[1]);
        assert_eq!(first.topic("violence"), None);
        assert_eq!(second.topic("violence").unwrap().az, "Zorakılıq");
        let bands =
            |one: &Taxonomy| [0, 10, 11, 14, 15, 17, 18, 99].map(|age| one.band(age).unwrap());
        assert_eq!(bands(first), [0, 0, 1, 1, 2, 2, 3, 3]);
        assert_eq!(bands(second), [0, 0, 1, 1, 2, 2, 2, 3]);
    }

    #[test]
    fn what_contradicts_itself_is_told() {
        let broken = |change: fn(&mut Taxonomy)| {
            let mut one = shipped()[0].clone();
            change(&mut one);
            one.check().unwrap_err().to_string()
        };
        for (told, wanted) in [
            (broken(|one| one.version = 0), "1 or greater"),
            (broken(|one| one.topics.clear()), "1 to 500 topics"),
            (
                broken(|one| one.topics[1].id = "legal".into()),
                "\"legal\" is there twice",
            ),
            (
                broken(|one| one.issues[0].topic = Some("sport".into())),
                "\"sport\", which is no topic",
            ),
            (
                broken(|one| one.topics[0].ru.clear()),
                "names in az, ru and en",
            ),
            (
                broken(|one| one.service_tags[0].id = "a;b".into()),
                "without comma",
            ),
            (broken(|one| one.bands[1].from = 12), "without a gap"),
            (
                broken(|one| one.bands[3].to = Some(99)),
                "the last one alone has no end",
            ),
            (broken(|one| one.bands.clear()), "begin at 0"),
        ] {
            assert!(told.contains(wanted), "{told}");
        }
        let told = Taxonomy::from_toml("version = 3").unwrap_err().to_string();
        assert!(
            told.contains("topics") && told.contains("qaynar taxonomy show"),
            "{told}"
        );
    }
}
