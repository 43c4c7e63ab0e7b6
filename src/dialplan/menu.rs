//! Steps that ask, tell and remember: `menu`, `say`, `set`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::civil::{Date, DateTime, Time};

use super::facts::Facts;
use super::hours::local;
use super::plan::Plan;
use crate::ids::{HoursName, Language, PathName, PromptName, Skill};
use crate::time::Wall;

/// `menu`: who presses one of its keys goes another way; who presses nothing goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Menu {
    /// What is heard; the keys work meanwhile.
    pub prompts: Vec<PromptName>,
    /// Where each key leads.
    pub keys: BTreeMap<char, PathName>,
    /// How long a key is waited for after the prompts.
    pub wait: Duration,
    /// How often it is heard altogether.
    pub tries: u32,
}

/// `set`: what is kept of a caller for the rest of the way.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Setting {
    /// In which language the caller is spoken to.
    pub language: Option<Language>,
    /// How much longer than others the caller seems to have waited.
    pub priority: Option<Duration>,
    /// What operators must be able to do.
    pub needs: Vec<Skill>,
    /// What operators had better be able to do.
    pub prefers: BTreeSet<Skill>,
}

/// What a `say` step says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Saying {
    /// The time of the day.
    Time,
    /// The day.
    Date,
    /// When the line is open again: by these hours, or by those that led here.
    Resumes(Option<HoursName>),
}

/// What is said, worked out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Spoken {
    /// "It is nine thirty."
    Time(Time),
    /// "Today is Monday, the twenty-third of November."
    Date(Date),
    /// "The line opens again tomorrow at nine."
    Resumes {
        /// Seen from this moment.
        now: DateTime,
        /// When it opens.
        then: DateTime,
    },
}

impl Spoken {
    /// The word of the `say` step.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Time(_) => "time",
            Self::Date(_) => "date",
            Self::Resumes { .. } => "resumes",
        }
    }
}

impl std::fmt::Display for Spoken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Time(time) => write!(f, "say that it is {}", time.strftime("%H:%M")),
            Self::Date(date) => write!(f, "say that it is {date}"),
            Self::Resumes { then, .. } => {
                write!(
                    f,
                    "say that the line opens again at {}",
                    then.strftime("%Y-%m-%d %H:%M")
                )
            }
        }
    }
}

/// Closures and hours that follow each other are followed so often.
const MOST_TURNS: usize = 100;

impl Plan {
    /// When nothing is closed: no `[[closed]]`, and these hours are open; `None`: not within a year.
    pub fn resumes(&self, hours: Option<&HoursName>, now: Wall) -> Option<Wall> {
        let hours = hours.and_then(|name| self.hours.get(name));
        let mut then = now;
        for _ in 0..MOST_TURNS {
            let holds = |one: &&super::plan::Closed| one.from <= then && then < one.until;
            let after = match self.closed.iter().find(holds) {
                Some(closed) => closed.until,
                None => hours.map_or(Some(then), |hours| hours.next_open(then, &self.zone))?,
            };
            if after == then {
                return Some(then);
            }
            then = after;
        }
        None
    }

    /// What a step says now; an error: why it says nothing.
    pub(super) fn spoken(
        &self,
        saying: &Saying,
        shut: Option<&HoursName>,
        facts: &Facts,
    ) -> Result<Spoken, &'static str> {
        let now = facts.moment().ok_or("nobody knows the time")?;
        let civil = |at| local(at, &self.zone).ok_or("no calendar has the moment");
        let here = civil(now)?;
        match saying {
            Saying::Time => Ok(Spoken::Time(here.time())),
            Saying::Date => Ok(Spoken::Date(here.date())),
            Saying::Resumes(hours) => {
                let then = self.resumes(hours.as_ref().or(shut), now);
                let then = then.ok_or("nobody knows when it opens again")?;
                match then > now {
                    true => Ok(Spoken::Resumes {
                        now: here,
                        then: civil(then)?,
                    }),
                    false => Err("nothing is closed"),
                }
            }
        }
    }
}

/// What `set` steps, and the menu, have left in a call's way.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Kept {
    /// See [`Setting::priority`].
    pub priority: Duration,
    /// See [`Setting::needs`].
    pub needs: Vec<Skill>,
    /// See [`Setting::prefers`].
    pub prefers: BTreeSet<Skill>,
    /// How often the present menu was heard in vain.
    pub(super) tries: u32,
    /// The hours that were found closed last.
    pub(super) shut: Option<HoursName>,
}

impl Kept {
    /// Takes in what a step sets; the words for it.
    pub(super) fn set(&mut self, setting: &Setting) -> String {
        let mut words = Vec::new();
        if let Some(language) = setting.language {
            words.push(format!("language {language}"));
        }
        if let Some(priority) = setting.priority {
            self.priority = priority;
            words.push(format!("as if waiting {} s longer", priority.as_secs()));
        }
        let skills = |all: &mut dyn Iterator<Item = &Skill>| {
            let names: Vec<&str> = all.map(Skill::as_str).collect();
            names.join(", ")
        };
        if !setting.needs.is_empty() {
            let new = setting.needs.iter();
            let new: Vec<Skill> = new
                .filter(|one| !self.needs.contains(one))
                .cloned()
                .collect();
            self.needs.extend(new);
            words.push(format!("needs {}", skills(&mut setting.needs.iter())));
        }
        if !setting.prefers.is_empty() {
            self.prefers.extend(setting.prefers.iter().cloned());
            words.push(format!("prefers {}", skills(&mut setting.prefers.iter())));
        }
        format!("set {}", words.join(", "))
    }
}
