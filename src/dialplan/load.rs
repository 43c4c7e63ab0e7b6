//! Files to a checked plan, or all their faults at once. A folder is one version or none.

mod check;
mod conditions;
mod entrances;
mod head;
mod hours;
mod leaving;
mod menus;
mod moments;
mod outgoing;
mod paths;
mod queues;
mod safety;
mod sounds;
mod talks;
mod voicemail;
mod ways;
mod webhooks;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};

use super::entrance::Entrance;
use super::fault::{Fault, Place};
use super::hours::Hours;
use super::menu::Saying;
use super::number::Number;
use super::outgoing::Destination;
use super::plan::{CallBack, Expectation, Mailbox, Plan, Queue, Step};
use super::read::{Source, Table};
use super::safety::{FILE, Safety};
use crate::event::Supervision;
use crate::ids::{
    HoursName, Language, MailboxName, OperatorId, PathName, PromptName, QueueName, Skill,
};

pub use moments::{moment_of, read_keys};

/// What callers hear on hold, and in queues that name no music.
const HOLD: &str = "hold";

/// The prompts that there are: names by language, and the music that needs none.
#[derive(Debug, Clone, Default)]
pub struct Catalogue {
    /// `prompts/az/greeting.wav` is `greeting` under `Az`.
    pub spoken: BTreeMap<Language, BTreeSet<String>>,
    /// `prompts/music/hold.wav` is `hold`.
    pub music: BTreeSet<String>,
    /// How long each sound is; `None`: music.
    pub lengths: BTreeMap<(Option<Language>, String), Duration>,
    /// Files beside them that are no WAV, by the name of the sound that they would be: `greeting.mp3`.
    pub others: BTreeMap<(Option<Language>, String), String>,
    /// Sounds that can be used and should be made better.
    pub notes: Vec<Fault>,
    /// Every sound is taken as there. A plan that was live before runs also while a sound is gone:
    /// silence and an alarm are better than no line.
    pub on_trust: bool,
}

/// Loads a folder's files, `(name, text)` each.
///
/// # Errors
/// All faults of all files, in order. Expectations are run apart, by `expect::run`.
pub fn load(files: &[(String, String)], catalogue: &Catalogue) -> Result<Plan, Vec<Fault>> {
    let mut draft = Draft::default();
    let sources: Vec<Source<'_>> = files
        .iter()
        .map(|(name, text)| Source::new(name, text))
        .collect();
    for source in &sources {
        let parsed = source.parse();
        let guard = Draft::is_guard(source.file);
        let what = if guard { "the guard" } else { "the dialplan" };
        let table = Table::new(source, 0..0, what, parsed.get_ref());
        match guard {
            true => draft.read_guard(table),
            false => draft.read(table),
        }
    }
    let mut faults: Vec<Fault> = sources.into_iter().flat_map(Source::into_faults).collect();
    faults.append(&mut draft.faults);
    let plan = draft.finish(&hash(files), catalogue, &mut faults);
    faults.sort();
    faults.dedup();
    match plan {
        Some(plan) if faults.is_empty() => Ok(plan),
        _ => Err(faults),
    }
}

/// First half of the SHA-256 over names and texts, hex.
pub fn hash(files: &[(String, String)]) -> String {
    let mut digest = Sha256::new();
    for (name, text) in files {
        digest.update(name.as_bytes());
        digest.update([0]);
        digest.update(text.as_bytes());
        digest.update([0]);
    }
    digest
        .finalize()
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// A name that something refers to.
struct Reference {
    place: Place,
    name: String,
}

/// What is said by grammar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spoken {
    Estimate,
    Callback,
}

/// What has been read so far. Moments wait for the time zone, names for the last file.
#[derive(Default)]
struct Draft {
    faults: Vec<Fault>,
    numbers: Vec<Number>,
    /// Where each of them stands.
    known_numbers: BTreeMap<Number, Place>,
    entrances: Vec<Entrance>,
    otherwise: Option<Reference>,
    start: Option<Reference>,
    languages: Option<(Place, Vec<Language>)>,
    keys: BTreeMap<char, Language>,
    zone: Option<(Place, String)>,
    paths: BTreeMap<PathName, Vec<Step>>,
    queues: BTreeMap<QueueName, Queue>,
    hours: BTreeMap<HoursName, Hours>,
    hours_references: Vec<Reference>,
    closed: Vec<(Place, String, String, PathName)>,
    callback: CallBack,
    outgoing: Vec<Destination>,
    expectations: Vec<(Expectation, Option<String>)>,
    path_references: Vec<Reference>,
    queue_references: Vec<Reference>,
    mailboxes: BTreeMap<MailboxName, Mailbox>,
    mailbox_references: Vec<Reference>,
    /// Where queues record.
    recording: Vec<Place>,
    skills: BTreeMap<OperatorId, BTreeSet<Skill>>,
    may: BTreeMap<OperatorId, BTreeSet<Supervision>>,
    help_word: Vec<PromptName>,
    skill_references: Vec<Reference>,
    prompts: Vec<Reference>,
    music: Vec<Reference>,
    /// Where queues say the position.
    positions: Vec<Place>,
    safety: Option<Safety>,
    /// Where something else is said that is joined by grammar.
    spoken: Vec<(Place, Spoken)>,
    /// Keys that mean something while callers wait.
    waiting_keys: Vec<(Place, char)>,
    /// What steps say by grammar.
    sayings: Vec<(Place, Saying)>,
    /// Keys of menus.
    menu_keys: Vec<(Place, char)>,
    first: Option<Place>,
}

impl Draft {
    fn fault(&mut self, place: Place, what: impl Into<String>, remedy: impl Into<String>) {
        self.faults.push(Fault {
            place,
            what: what.into(),
            remedy: remedy.into(),
        });
    }

    fn read(&mut self, table: Table<'_, '_>) {
        self.first.get_or_insert_with(|| table.place());
        self.refuse_guard(&table);
        self.read_numbers(&table);
        for (slot, key) in [(0, "otherwise"), (1, "start")] {
            if let Some((name, span)) = table.text(key) {
                let reference = Reference {
                    place: table.source.place(&span),
                    name,
                };
                let slot = if slot == 0 {
                    &mut self.otherwise
                } else {
                    &mut self.start
                };
                if slot.replace(reference).is_some() {
                    table
                        .source
                        .fault(span, format!("{key} is said twice"), "say it in one file");
                }
            }
        }
        self.read_languages(&table);
        self.read_help_word(&table);
        if let Some((zone, span)) = table.text("time_zone") {
            self.zone = Some((table.source.place(&span), zone));
        }
        if let Some(paths) = table.table("path") {
            for (name, span, value) in paths.entries() {
                self.read_path(&paths, name, span, value);
            }
        }
        if let Some(queues) = table.table("queue") {
            for (name, span, value) in queues.entries() {
                self.read_queue(&queues, name, span, value);
            }
        }
        if let Some(mailboxes) = table.table("voicemail") {
            for (name, span, value) in mailboxes.entries() {
                self.read_mailbox(&mailboxes, name, span, value);
            }
        }
        if let Some(operators) = table.table("operator") {
            for (id, span, value) in operators.entries() {
                self.read_operator(&operators, id, span, value);
            }
        }
        if let Some(hours) = table.table("hours") {
            for (name, span, value) in hours.entries() {
                self.read_hours(&hours, name, span, value);
            }
        }
        for one in table.tables("route", "route") {
            self.read_entrance(one);
        }
        for one in table.tables("closed", "closed") {
            self.read_closed(one);
        }
        if let Some(callback) = table.table("callback") {
            self.read_callback(callback);
        }
        for one in table.tables("outgoing", "outgoing") {
            self.read_outgoing(one);
        }
        for one in table.tables("expect", "expect") {
            self.read_expectation(one);
        }
        table.finish();
    }

    /// Checks what only the whole tells, and makes the plan.
    fn finish(
        mut self,
        hash: &str,
        catalogue: &Catalogue,
        faults: &mut Vec<Fault>,
    ) -> Option<Plan> {
        let first = self.first.clone().unwrap_or(Place {
            file: "dialplans".into(),
            line: 1,
        });
        self.check_numbers(&first);
        let zone = self.time_zone();
        self.check_references();
        self.check_entrances();
        self.check_menu_keys();
        self.check_waiting_keys();
        self.check_sounds(catalogue, &first);
        if !catalogue.on_trust {
            self.check_needs();
        }
        self.check_paths(catalogue.on_trust);
        let remarks = self.remarks(catalogue, &first);
        let start = self.start.take();
        if start.is_none() {
            self.fault(
                first,
                "start is missing",
                "say which path calls begin with: start = \"welcome\"",
            );
        }
        let closed = self.closed_times(&zone);
        let expectations = self.expectations_in(&zone);
        let spoken = self.languages.take().map(|(_, list)| list);
        let languages = spoken.filter(|list| !list.is_empty());
        faults.append(&mut self.faults);
        let start = PathName(start?.name);
        let mut plan = Plan {
            hash: hash.to_owned(),
            zone,
            numbers: self.numbers,
            known_numbers: self.known_numbers,
            otherwise_place: self.otherwise.as_ref().map(|one| one.place.clone()),
            otherwise: self
                .otherwise
                .map_or(start.clone(), |reference| PathName(reference.name)),
            languages: languages.unwrap_or(vec![Language::Az]),
            language_keys: self.keys,
            start,
            paths: self.paths,
            queues: self.queues,
            mailboxes: self.mailboxes,
            skills: self.skills,
            may: self.may,
            help_word: self.help_word,
            closed,
            callback: self.callback,
            outgoing: self.outgoing,
            expectations,
            safety: self.safety,
            remarks,
            entrances: self.entrances,
            hours: self.hours,
            beginnings: BTreeSet::new(),
        };
        plan.note_beginnings();
        Some(plan)
    }

    fn check_numbers(&mut self, first: &Place) {
        if self.numbers.is_empty() && self.entrances.is_empty() {
            let remedy = "write numbers = [\"116111\"]";
            self.fault(first.clone(), "there are no numbers", remedy);
        }
    }

    /// What is no mistake and yet not as it should be.
    fn remarks(&self, catalogue: &Catalogue, first: &Place) -> Vec<Fault> {
        let mut remarks = self.unused();
        remarks.extend(catalogue.notes.iter().cloned());
        if self.safety.is_none() {
            remarks.push(Fault {
                place: first.clone(),
                what: format!("there is no {FILE}: nothing guards what every caller is promised"),
                remedy: "put the shipped one back beside this file".to_owned(),
            });
        }
        remarks
    }

    fn time_zone(&mut self) -> TimeZone {
        let (place, name) = match self.zone.take() {
            Some((place, name)) => (Some(place), name),
            None => (None, "Asia/Baku".to_owned()),
        };
        TimeZone::get(&name).unwrap_or_else(|_| {
            if let Some(place) = place {
                self.fault(
                    place,
                    format!("no time zone is called {name:?}"),
                    "write \"Asia/Baku\"",
                );
            }
            TimeZone::UTC
        })
    }
}
