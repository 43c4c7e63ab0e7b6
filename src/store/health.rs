//! What is wrong with the stores at the moment, and whom to tell.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A store that can fail while calls go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// Writing the journal.
    Journal,
    /// Bringing the journal safely to the disk.
    JournalSync,
    /// The reserve that is given up when the disk is full.
    JournalReserve,
    /// Reading the journal: a line is damaged.
    JournalLine,
    /// The database.
    Database,
    /// The shared state of nodes.
    Redis,
    /// The files of certificates.
    Certificates,
    /// The last backup.
    Backup,
    /// Keeping callers' numbers for a while.
    Vault,
    /// Somebody broke the glass, and nobody reviewed it.
    Review,
    /// Erasing what was kept for long enough.
    Purge,
    /// The live dialplan breaks the promise of its guard in the coming year.
    Guard,
    /// The API.
    Web,
    /// Webhooks.
    Webhooks,
}

impl Part {
    /// A stable name for alarms.
    pub fn alarm(self) -> &'static str {
        match self {
            Self::Journal => "journal-unwritten",
            Self::JournalSync => "journal-unsynced",
            Self::JournalReserve => "disk-full",
            Self::JournalLine => "journal-damaged",
            Self::Database => "database-unwritten",
            Self::Redis => "redis-away",
            Self::Certificates => "certificate",
            Self::Backup => "backup-missed",
            Self::Vault => "numbers-not-kept",
            Self::Review => "glass-broken",
            Self::Purge => "not-purged",
            Self::Guard => "dialplan-guard",
            Self::Web => "api-unheard",
            Self::Webhooks => "webhook-not-taken",
        }
    }
}

/// Something a person should look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alarm {
    /// A stable name, as [`Part::alarm`] gives it.
    pub kind: &'static str,
    /// For people, with the remedy; no caller data.
    pub text: String,
}

/// The state of the stores, for `qaynar status`.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Report {
    /// What is wrong now, by part.
    pub faults: BTreeMap<Part, String>,
    /// Journal entries that wait in memory because they cannot be written.
    pub unwritten: usize,
    /// Journal entries given up because memory for them ran out.
    pub lost: u64,
}

type Listener = Box<dyn Fn(Alarm) + Send + Sync>;

/// Collects faults of all stores. Cloned freely; all clones are one.
#[derive(Clone)]
pub struct Health {
    report: Arc<Mutex<Report>>,
    listener: Arc<Listener>,
}

impl std::fmt::Debug for Health {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Health")
            .field("report", &self.report())
            .finish_non_exhaustive()
    }
}

impl Health {
    /// `listener` hears each fault once, when it begins. It is called with store locks held: it must
    /// hand the alarm on (to a channel) and never call back into a store.
    pub fn new(listener: impl Fn(Alarm) + Send + Sync + 'static) -> Self {
        Self {
            report: Arc::default(),
            listener: Arc::new(Box::new(listener)),
        }
    }

    /// A health that only logs: for commands that run without a server.
    pub fn logged() -> Self {
        Self::new(|_| {})
    }

    /// What is wrong at the moment.
    pub fn report(&self) -> Report {
        self.lock().clone()
    }

    /// A part fails. The alarm goes out where the part was well before, or fails in another way.
    pub fn fault(&self, part: Part, text: impl Into<String>) {
        let text = text.into();
        let before = self.lock().faults.insert(part, text.clone());
        if before.as_ref() != Some(&text) {
            self.alarm(part, text);
        }
    }

    /// An alarm that leaves no lasting fault behind.
    pub fn alarm(&self, part: Part, text: impl Into<String>) {
        let text = text.into();
        tracing::error!(alarm = part.alarm(), "{text}");
        (self.listener)(Alarm {
            kind: part.alarm(),
            text,
        });
    }

    /// A part works again.
    pub fn well(&self, part: Part) {
        if self.lock().faults.remove(&part).is_some() {
            tracing::info!(alarm = part.alarm(), "works again");
        }
    }

    /// How many journal entries wait in memory.
    pub fn unwritten(&self, entries: usize) {
        self.lock().unwritten = entries;
    }

    /// Entries were given up.
    pub fn lost(&self, entries: u64) {
        let mut report = self.lock();
        report.lost = report.lost.saturating_add(entries);
    }

    fn lock(&self) -> MutexGuard<'_, Report> {
        // A panic elsewhere leaves this plain data whole, so the poison says nothing.
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lasting_fault_is_told_once_and_its_return_again() {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let ear = heard.clone();
        let health = Health::new(move |alarm| ear.lock().unwrap().push(alarm.kind));
        for _ in 0..3 {
            health.fault(Part::Database, "locked");
        }
        assert_eq!(health.report().faults.len(), 1);
        health.well(Part::Database);
        assert!(health.report().faults.is_empty());
        health.fault(Part::Database, "locked");
        assert_eq!(
            *heard.lock().unwrap(),
            ["database-unwritten", "database-unwritten"]
        );
    }
}
