//! What is known of a period and of those that it is compared with, before anybody words it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use super::period::{Period, baku, day_of};
use super::tally::{Rules, Tally};
use crate::records::contact::{Activity, Contact, ContactId};
use crate::records::taxonomy::{Taxonomy, Term};
use crate::time::Wall;

/// A period is compared with where records begin at most so many days after its first.
const LATE_DAYS: i32 = 7;

/// What happened in a period.
#[derive(Debug, Clone)]
pub struct Account {
    period: Period,
    contacts: Tally,
    activities: BTreeMap<String, u64>,
    events: Vec<Activity>,
}

impl Account {
    /// Nothing, yet.
    pub fn new(period: Period) -> Self {
        Self {
            period,
            contacts: Tally::default(),
            activities: BTreeMap::new(),
            events: Vec::new(),
        }
    }

    /// Counts a contact of the period.
    pub fn add(&mut self, contact: &Contact, rules: &Rules) {
        self.contacts.add(contact, rules);
    }

    /// Counts an activity of the period.
    pub fn add_activity(&mut self, activity: &Activity) {
        for figure in activity_figures(activity) {
            *self.activities.entry(figure).or_default() += 1;
        }
        if is_event(activity) {
            self.events.push(activity.clone());
        }
    }

    /// The period.
    pub fn period(&self) -> Period {
        self.period
    }

    /// How many records are part of a figure.
    pub fn count(&self, figure: &str) -> u64 {
        match figure.starts_with("activity.") {
            true => self.activities.get(figure).copied().unwrap_or(0),
            false => self.contacts.count(figure),
        }
    }

    /// All figures and how many records each has.
    pub fn figures(&self) -> impl Iterator<Item = (&str, u64)> {
        let activities = self.activities.iter();
        let activities = activities.map(|(key, count)| (key.as_str(), *count));
        self.contacts.all().chain(activities)
    }

    /// The contacts as they were counted.
    pub fn contacts(&self) -> &Tally {
        &self.contacts
    }

    /// Training and awareness events, by day.
    pub fn events(&self) -> &[Activity] {
        &self.events
    }
}

/// Whether an activity is one of training or awareness, which are told by title.
fn is_event(activity: &Activity) -> bool {
    matches!(activity.kind.as_str(), "training" | "webinar") || activity.title.is_some()
}

/// The figures that an activity is part of.
pub fn activity_figures(activity: &Activity) -> Vec<String> {
    let kind = activity.kind.as_str();
    let mut figures = vec![format!("activity.kind.{kind}")];
    match kind {
        "family meeting" => figures.push("activity.meeting".to_owned()),
        "individual rehabilitation" | "group rehabilitation" => {
            figures.push("activity.rehabilitation".to_owned());
        }
        _ if is_event(activity) => figures.push("activity.event".to_owned()),
        _ => figures.push("activity.other".to_owned()),
    }
    figures
}

/// All that a report tells.
#[derive(Debug, Clone)]
pub struct Report {
    /// By what contacts were counted.
    pub rules: Rules,
    /// The period itself.
    pub this: Account,
    /// The one before it.
    pub previous: Account,
    /// The same a year before.
    pub year_before: Account,
    /// When the earliest contact of all began; `None`: there is none.
    pub records_begin: Option<Wall>,
    /// High risks of the period of which nobody wrote down whom they were passed to.
    pub not_escalated: Vec<ContactId>,
}

impl Report {
    /// One of a period in which nothing is counted yet.
    pub fn new(period: Period, rules: Rules) -> Self {
        Self {
            rules,
            this: Account::new(period),
            previous: Account::new(period.previous()),
            year_before: Account::new(period.year_before()),
            records_begin: None,
            not_escalated: Vec::new(),
        }
    }

    /// The period itself.
    pub fn period(&self) -> Period {
        self.this.period
    }

    /// The day of the earliest record, in Baku.
    pub fn first_day(&self) -> Option<Date> {
        let zone = baku();
        self.records_begin.map(|moment| day_of(moment, &zone))
    }

    /// Whether records of a period are whole enough to be compared with.
    pub fn is_recorded(&self, account: &Account) -> bool {
        let begins = account.period.from();
        self.first_day()
            .is_some_and(|first| (first - begins).get_days() <= LATE_DAYS)
    }

    /// The periods that this one is compared with; `None` in the place of one that is not recorded.
    pub fn compared(&self) -> [Option<&Account>; 2] {
        [&self.previous, &self.year_before].map(|one| self.is_recorded(one).then_some(one))
    }

    /// How many records are part of a figure of the period.
    pub fn count(&self, figure: &str) -> u64 {
        match figure {
            "quality.no-escalation" => u64::try_from(self.not_escalated.len()).unwrap_or(u64::MAX),
            _ => self.this.count(figure),
        }
    }

    /// The taxonomies that the period's contacts were written with, the newest first; of an empty period the newest.
    pub fn taxonomies(&self) -> Vec<&Taxonomy> {
        let used = self.this.contacts.taxonomies();
        let mut found: Vec<&Taxonomy> = self.rules.taxonomies.iter().collect();
        found.sort_by_key(|one| std::cmp::Reverse(one.version));
        match found.iter().any(|one| used.contains(&one.version)) {
            true => found.retain(|one| used.contains(&one.version)),
            false => found.truncate(1),
        }
        found
    }

    /// The ids of a kind of entries: those of the newest taxonomy in use, in its order, then whatever else is counted.
    pub(super) fn ids(&self, group: &str, of: fn(&Taxonomy) -> &[Term]) -> Vec<String> {
        let taxonomies = self.taxonomies();
        let own = taxonomies.first().map_or(&[][..], |one| of(one));
        let mut ids: Vec<String> = own.iter().map(|term| term.id.clone()).collect();
        let [previous, year_before] = self.compared();
        let accounts = [Some(&self.this), previous, year_before];
        for account in accounts.into_iter().flatten() {
            for (id, _) in account.contacts.group(group) {
                if id != "none" && !ids.iter().any(|one| one == id) {
                    ids.push(id.to_owned());
                }
            }
        }
        ids
    }

    /// The entry of an id: of the newest taxonomy in use that has it, else of any.
    pub(super) fn term(&self, id: &str, of: fn(&Taxonomy) -> &[Term]) -> Option<&Term> {
        let all = self.rules.taxonomies.iter().rev();
        let mut all = self.taxonomies().into_iter().chain(all);
        all.find_map(|one| of(one).iter().find(|term| term.id == id))
    }

    /// All figures of the period with something behind them.
    pub fn figures(&self) -> BTreeSet<String> {
        let all = self.this.figures().map(|(figure, _)| figure.to_owned());
        let mut all: BTreeSet<String> = all.collect();
        if !self.not_escalated.is_empty() {
            all.insert("quality.no-escalation".to_owned());
        }
        all
    }
}
