//! What is wrong with a contact: contradictions, which nobody may write, and doubts, which are told and counted.
//!
//! A contradiction makes a figure false (a child of 40 is a child or 40 years old), so commands, imports and the API
//! refuse it with a word that says why; what was sent stays where it is. A doubt makes a figure incomplete, and the
//! report tells how many there are.

use std::fmt;
use std::time::Duration;

use super::contact::{About, Contact, ContactType, Gender, Party};
use super::taxonomy::Taxonomy;
use crate::time::Wall;

/// Whoever has so many years is no child any more.
pub const OF_AGE: u8 = 18;

/// So far ahead a clock elsewhere may be.
const AHEAD: Duration = Duration::from_secs(300);

/// 2000-01-01 UTC: no contact of this helpline is older.
const EARLIEST: Wall = Wall(946_684_800_000_000);

/// Something wrong with a contact.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Finding {
    /// A child of 18 or more years.
    ChildOfAge(u8),
    /// An adult of less than 18 years.
    AdultUnderAge(u8),
    /// The child whom it is about has 18 or more years.
    AboutOfAge(u8),
    /// It begins after now.
    InFuture,
    /// Its taxonomy is not known.
    UnknownTaxonomy {
        /// Which it names.
        version: u32,
        /// Which there are.
        known: Vec<u32>,
    },
    /// Its topic is not in its taxonomy.
    UnknownTopic {
        /// Which it names.
        topic: String,
        /// The version that it is looked for in.
        taxonomy: u32,
        /// Versions that have it.
        elsewhere: Vec<u32>,
    },
    /// An issue is not in its taxonomy.
    UnknownIssue {
        /// Which it names.
        issue: String,
        /// The version that it is looked for in.
        taxonomy: u32,
    },
    /// A service is not in its taxonomy.
    UnknownTag {
        /// Which it names.
        tag: String,
        /// The version that it is looked for in.
        taxonomy: u32,
    },
    /// It began before the helpline.
    TooEarly,
    /// Nobody filled it in.
    NotFilledIn,
    /// It counts, and has no topic.
    NoTopic,
    /// An issue stands below another topic.
    IssueElsewhere(String),
    /// A child without an age.
    ChildWithoutAge,
    /// It is about the child who calls, and has two ages.
    TwoAges(u8, u8),
    /// It is about the child who calls, who is told once a girl and once a boy.
    TwoGenders,
    /// A number was dialled, and it did not come by phone.
    DialledElsewhere,
}

impl Finding {
    /// Whether it is a contradiction, which nobody may write; else it is a doubt.
    pub fn is_refused(&self) -> bool {
        match self {
            Self::ChildOfAge(_)
            | Self::AdultUnderAge(_)
            | Self::AboutOfAge(_)
            | Self::InFuture
            | Self::UnknownTaxonomy { .. }
            | Self::UnknownTopic { .. }
            | Self::UnknownIssue { .. }
            | Self::UnknownTag { .. } => true,
            Self::TooEarly
            | Self::NotFilledIn
            | Self::NoTopic
            | Self::IssueElsewhere(_)
            | Self::ChildWithoutAge
            | Self::TwoAges(..)
            | Self::TwoGenders
            | Self::DialledElsewhere => false,
        }
    }

    /// A stable name for counts and programs.
    pub fn word(&self) -> &'static str {
        match self {
            Self::ChildOfAge(_) => "child-of-age",
            Self::AdultUnderAge(_) => "adult-under-age",
            Self::AboutOfAge(_) => "about-of-age",
            Self::InFuture => "in-future",
            Self::UnknownTaxonomy { .. } => "unknown-taxonomy",
            Self::UnknownTopic { .. } => "unknown-topic",
            Self::UnknownIssue { .. } => "unknown-issue",
            Self::UnknownTag { .. } => "unknown-service-tag",
            Self::TooEarly => "too-early",
            Self::NotFilledIn => "not-filled-in",
            Self::NoTopic => "no-topic",
            Self::IssueElsewhere(_) => "issue-of-other-topic",
            Self::ChildWithoutAge => "child-without-age",
            Self::TwoAges(..) => "two-ages",
            Self::TwoGenders => "two-genders",
            Self::DialledElsewhere => "dialled-without-phone",
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ChildOfAge(age) => write!(
                f,
                "the party is a child, and of {age} years; a child is under {OF_AGE}: correct party or age"
            ),
            Self::AdultUnderAge(age) => write!(
                f,
                "the party is an adult, and of {age} years; who is under {OF_AGE} is a child: correct party or age"
            ),
            Self::AboutOfAge(age) => write!(
                f,
                "the child whom it is about has {age} years; a child is under {OF_AGE}: correct child_age"
            ),
            Self::InFuture => {
                f.write_str("it begins in the future: correct opened_at, or this clock")
            }
            Self::UnknownTaxonomy { version, known } => write!(
                f,
                "there is no taxonomy {version}; there are: {}; `qaynar taxonomy add` adds one",
                Listed(known)
            ),
            Self::UnknownTopic {
                topic,
                taxonomy,
                elsewhere,
            } => {
                write!(f, "taxonomy {taxonomy} has no topic {topic:?}")?;
                match elsewhere.is_empty() {
                    true => write!(f, "; `qaynar taxonomy show {taxonomy}` tells which it has"),
                    false => write!(
                        f,
                        "; it is one of taxonomy {}: choose another topic, or that taxonomy",
                        Listed(elsewhere)
                    ),
                }
            }
            Self::UnknownIssue { issue, taxonomy } => write!(
                f,
                "taxonomy {taxonomy} has no issue {issue:?}; `qaynar taxonomy show {taxonomy}` tells which it has"
            ),
            Self::UnknownTag { tag, taxonomy } => write!(
                f,
                "taxonomy {taxonomy} has no service tag {tag:?}; `qaynar taxonomy show {taxonomy}` tells which it has"
            ),
            Self::TooEarly => f.write_str("it begins before the year 2000"),
            Self::NotFilledIn => f.write_str("nobody filled in what kind of contact it was"),
            Self::NoTopic => f.write_str("it counts toward the total and has no topic"),
            Self::IssueElsewhere(issue) => {
                write!(f, "the issue {issue:?} stands below another topic")
            }
            Self::ChildWithoutAge => f.write_str("the party is a child without an age"),
            Self::TwoAges(age, child) => write!(
                f,
                "it is about the caller, whose age is {age} and as the child's {child}"
            ),
            Self::TwoGenders => {
                f.write_str("it is about the caller, whose gender differs from the child's")
            }
            Self::DialledElsewhere => {
                f.write_str("a number was dialled, and it did not come by phone")
            }
        }
    }
}

struct Listed<'a>(&'a [u32]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&words.join(", "))
    }
}

/// All that is wrong with a contact, contradictions first.
pub fn findings(contact: &Contact, taxonomies: &[Taxonomy], now: Wall) -> Vec<Finding> {
    let mut found = ages(contact);
    if contact.opened > now + AHEAD {
        found.push(Finding::InFuture);
    }
    if contact.opened < EARLIEST {
        found.push(Finding::TooEarly);
    }
    found.extend(terms(contact, taxonomies));
    match contact.contact_type {
        None => found.push(Finding::NotFilledIn),
        Some(ContactType::Counselling | ContactType::Information) if contact.topic.is_none() => {
            found.push(Finding::NoTopic);
        }
        Some(_) => {}
    }
    if contact.dialled.is_some() && !contact.channel.is_telephone() {
        found.push(Finding::DialledElsewhere);
    }
    found.sort_by_key(|one| !one.is_refused());
    found
}

fn ages(contact: &Contact) -> Vec<Finding> {
    let of_age = |age: &u8| *age >= OF_AGE;
    let mut found = Vec::new();
    match (contact.party, contact.age) {
        (Party::Child, Some(age)) if of_age(&age) => found.push(Finding::ChildOfAge(age)),
        (Party::Adult, Some(age)) if !of_age(&age) => found.push(Finding::AdultUnderAge(age)),
        (Party::Child, None) => found.push(Finding::ChildWithoutAge),
        _ => {}
    }
    // An adult may ask for themselves; then the age of a child is none of theirs.
    let about_child = contact.about != Some(About::Oneself) || contact.party == Party::Child;
    found.extend(
        contact
            .child_age
            .filter(|age| of_age(age) && about_child)
            .map(Finding::AboutOfAge),
    );
    if contact.about == Some(About::Oneself) && contact.party == Party::Child {
        if let (Some(own), Some(child)) = (contact.age, contact.child_age)
            && own != child
        {
            found.push(Finding::TwoAges(own, child));
        }
        if let (own @ (Gender::Female | Gender::Male), Some(child)) =
            (contact.gender, contact.child_gender)
            && child != Gender::Unknown
            && own != child
        {
            found.push(Finding::TwoGenders);
        }
    }
    found
}

fn terms(contact: &Contact, taxonomies: &[Taxonomy]) -> Vec<Finding> {
    let version = contact.taxonomy;
    let Some(taxonomy) = taxonomies.iter().find(|one| one.version == version) else {
        let known = taxonomies.iter().map(|one| one.version).collect();
        return vec![Finding::UnknownTaxonomy { version, known }];
    };
    let mut found = Vec::new();
    if let Some(topic) = &contact.topic
        && taxonomy.topic(topic).is_none()
    {
        let having = taxonomies.iter().filter(|one| one.topic(topic).is_some());
        found.push(Finding::UnknownTopic {
            topic: topic.clone(),
            taxonomy: version,
            elsewhere: having.map(|one| one.version).collect(),
        });
    }
    for issue in &contact.issues {
        match taxonomy.issue(issue) {
            None => found.push(Finding::UnknownIssue {
                issue: issue.clone(),
                taxonomy: version,
            }),
            Some(term) if term.topic.is_some() && term.topic != contact.topic => {
                found.push(Finding::IssueElsewhere(issue.clone()));
            }
            Some(_) => {}
        }
    }
    for tag in &contact.service_tags {
        if taxonomy.service_tag(tag).is_none() {
            let tag = tag.clone();
            found.push(Finding::UnknownTag {
                tag,
                taxonomy: version,
            });
        }
    }
    found
}
