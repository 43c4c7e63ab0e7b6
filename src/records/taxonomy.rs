//! What contacts are about, as data with a version: topics, finer issues, services and age bands with their names
//! in three languages. A contact keeps the version that it was written with, and reports name by it.

use serde::{Deserialize, Serialize};

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
