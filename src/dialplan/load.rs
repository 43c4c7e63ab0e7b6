//! Files to a checked plan, or all their faults at once. A folder is one version or none.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::Duration;

use jiff::tz::TimeZone;
use serde_spanned::Spanned;
use sha2::{Digest, Sha256};
use toml::de::DeValue;

use super::fault::{Fault, Place, suggest};
use super::number::Number;
use super::plan::{
    Action, Closed, Comfort, Condition, Ends, Expectation, Plan, Queue, Step, Target, Waiting,
};
use super::read::{Source, Table, duration};
use crate::ids::{Language, OperatorId, PathName, PromptName, QueueName};
use crate::time::Wall;

/// The prompts that there are: names by language, and the music that needs none.
#[derive(Debug, Clone, Default)]
pub struct Catalogue {
    /// `prompts/az/greeting.wav` is `greeting` under `Az`.
    pub spoken: BTreeMap<Language, BTreeSet<String>>,
    /// `prompts/music/hold.wav` is `hold`.
    pub music: BTreeSet<String>,
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
        let table = Table::new(source, 0..0, "the dialplan", parsed.get_ref());
        draft.read(table);
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

/// What has been read so far. Moments wait for the time zone, names for the last file.
#[derive(Default)]
struct Draft {
    faults: Vec<Fault>,
    numbers: Vec<Number>,
    otherwise: Option<Reference>,
    start: Option<Reference>,
    languages: Option<Vec<Language>>,
    keys: BTreeMap<char, Language>,
    zone: Option<(Place, String)>,
    paths: BTreeMap<PathName, Vec<Step>>,
    queues: BTreeMap<QueueName, Queue>,
    closed: Vec<(Place, String, String, PathName)>,
    expectations: Vec<(Expectation, Option<String>)>,
    path_references: Vec<Reference>,
    queue_references: Vec<Reference>,
    prompts: Vec<Reference>,
    music: Vec<Reference>,
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
        for one in table.tables("closed", "closed") {
            self.read_closed(one);
        }
        for one in table.tables("expect", "expect") {
            self.read_expectation(one);
        }
        table.finish();
    }

    fn read_numbers(&mut self, table: &Table<'_, '_>) {
        for (text, span) in table.texts("numbers").unwrap_or_default() {
            match Number::parse(&text) {
                Some(number) if self.numbers.contains(&number) => table.source.fault(
                    span,
                    format!("{text:?} is the number {number} once more"),
                    "list each number once",
                ),
                Some(number) => self.numbers.push(number),
                None => table.source.fault(
                    span,
                    format!("{text:?} is no telephone number"),
                    "write it as it is dialled, such as \"050 680 22 80\"",
                ),
            }
        }
    }

    fn read_languages(&mut self, table: &Table<'_, '_>) {
        if let Some(list) = table.texts("languages") {
            let read = list
                .iter()
                .filter_map(|(code, span)| language(table.source, code, span));
            self.languages = Some(read.collect());
        }
        let Some(keys) = table.table("language_keys") else {
            return;
        };
        for (key, span, value) in keys.entries() {
            let code = value.get_ref().as_str().unwrap_or_default();
            let Some(language) = language(keys.source, code, &value.span()) else {
                continue;
            };
            let mut letters = key.chars();
            match (letters.next(), letters.next()) {
                (Some(digit @ ('0'..='9' | '*' | '#')), None) => {
                    self.keys.insert(digit, language);
                }
                _ => keys
                    .source
                    .fault(span, format!("{key:?} is no key"), "use 0–9, * or #"),
            }
        }
    }

    fn read_path(
        &mut self,
        paths: &Table<'_, '_>,
        name: &str,
        span: Range<usize>,
        value: &Spanned<DeValue<'_>>,
    ) {
        let source = paths.source;
        let Some(table) = value.get_ref().as_table() else {
            source.fault(
                span,
                format!("path {name} is no table"),
                "write [path.NAME] and steps = […]",
            );
            return;
        };
        let table = Table::new(source, span.clone(), format!("path {name}"), table);
        let what = format!("a step of path {name}");
        let steps: Vec<Step> = table
            .tables("steps", &what)
            .into_iter()
            .filter_map(|step| self.read_step(step))
            .collect();
        if !table.has("steps") {
            table.fault(
                format!("path {name} has no steps"),
                "write steps = [ { … }, … ]",
            );
        }
        table.finish();
        if self.paths.insert(PathName::from(name), steps).is_some() {
            source.fault(
                span,
                format!("path {name} is there twice"),
                "give one of them another name",
            );
        }
    }

    fn read_step(&mut self, step: Table<'_, '_>) -> Option<Step> {
        let place = step.place();
        let condition = match step.text("if") {
            None => None,
            Some((text, span)) => {
                let found = Condition::ALL.iter().find(|(words, _)| *words == text);
                if found.is_none() {
                    let known = Condition::ALL.map(|(words, _)| words);
                    step.source.fault(
                        span,
                        format!("no condition is called {text:?}"),
                        suggest(&text, known),
                    );
                }
                Some(found?.1)
            }
        };
        let mut actions = Vec::new();
        if step.has("play") {
            actions.push(Action::Play(self.prompts(&step, "play")));
        }
        if let Some((queue, span)) = step.text("queue") {
            self.queue_references.push(Reference {
                place: step.source.place(&span),
                name: queue.clone(),
            });
            let greet = self.prompts(&step, "greet");
            actions.push(Action::Queue {
                queue: QueueName(queue),
                greet,
            });
        }
        if let Some((target, span)) = step.text("ring") {
            let wait = step.duration("for", false);
            if !step.has("for") {
                step.fault("ring without for", "say how long: for = \"25s\"");
            }
            if let (Some(target), Some(wait)) = (self.target(&step, &target, span), wait) {
                actions.push(Action::Ring { target, wait });
            }
        }
        if let Some((path, span)) = step.text("go") {
            self.path_references.push(Reference {
                place: step.source.place(&span),
                name: path.clone(),
            });
            actions.push(Action::Go(PathName(path)));
        }
        if step.flag("hang_up") == Some(true) {
            actions.push(Action::HangUp);
        }
        let verbs = ["play", "queue", "ring", "go", "hang_up"];
        let said = verbs.into_iter().filter(|verb| step.has(verb)).count();
        if said != 1 {
            let what = if said == 0 {
                "the step does nothing"
            } else {
                "the step does several things"
            };
            step.fault(
                what,
                format!("give it exactly one of: {}", verbs.join(", ")),
            );
        }
        step.finish();
        actions.pop().map(|action| Step {
            place,
            condition,
            action,
        })
    }

    fn target(&self, step: &Table<'_, '_>, text: &str, span: Range<usize>) -> Option<Target> {
        // Operators have short names; a number that one could mistake for one must be told apart.
        let is_name = text.len() <= 5 && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if is_name
            && Number::parse(text).is_none_or(|number| number.as_str() != text || text.len() == 3)
        {
            return Some(Target::Operator(OperatorId::from(text)));
        }
        let number = Number::parse(text).map(Target::Outside);
        if number.is_none() {
            let what = format!("{text:?} is neither an operator nor a number");
            step.source.fault(
                span,
                what,
                "write an operator such as \"101\" or a number such as \"+994501234567\"",
            );
        }
        number
    }

    fn prompts(&mut self, table: &Table<'_, '_>, key: &'static str) -> Vec<PromptName> {
        let names = table.texts(key).unwrap_or_default();
        for (name, span) in &names {
            let place = table.source.place(span);
            self.prompts.push(Reference {
                place,
                name: name.clone(),
            });
        }
        names
            .into_iter()
            .map(|(name, _)| PromptName(name))
            .collect()
    }

    fn read_queue(
        &mut self,
        queues: &Table<'_, '_>,
        name: &str,
        span: Range<usize>,
        value: &Spanned<DeValue<'_>>,
    ) {
        let source = queues.source;
        let Some(table) = value.get_ref().as_table() else {
            source.fault(
                span,
                format!("queue {name} is no table"),
                "write [queue.NAME]",
            );
            return;
        };
        let table = Table::new(source, span.clone(), format!("queue {name}"), table);
        if let Some((strategy, at)) = table.text("ring")
            && strategy != "longest idle"
        {
            source.fault(
                at,
                format!("no way to ring is called {strategy:?}"),
                suggest(&strategy, ["longest idle"]),
            );
        }
        let operators = table.texts("operators").map(|list| {
            list.into_iter()
                .map(|(operator, _)| OperatorId(operator))
                .collect::<Vec<_>>()
        });
        if operators.as_ref().is_some_and(Vec::is_empty) {
            table.fault(
                format!("queue {name} has no operators"),
                "name some, or leave operators out for all of them",
            );
        }
        let every = table
            .duration("say_position_every", false)
            .unwrap_or(Duration::from_secs(30));
        let music = match table.text("music") {
            Some((music, at)) => {
                self.music.push(Reference {
                    place: source.place(&at),
                    name: music.clone(),
                });
                music
            }
            None => "hold".to_owned(),
        };
        let queue = Queue {
            place: table.place(),
            ring_for: table
                .duration("ring_for", false)
                .unwrap_or(Duration::from_secs(15)),
            wrap_up: table
                .duration("wrap_up", true)
                .unwrap_or(Duration::from_secs(20)),
            operators,
            say_position: table.flag("say_position").unwrap_or(false).then_some(every),
            comfort: table
                .table("comfort")
                .and_then(|comfort| self.read_comfort(comfort)),
            music: PromptName(music),
            if_waiting: self.read_waiting(&table, name),
        };
        table.finish();
        if self.queues.insert(QueueName::from(name), queue).is_some() {
            source.fault(
                span,
                format!("queue {name} is there twice"),
                "give one of them another name",
            );
        }
    }

    fn read_comfort(&mut self, comfort: Table<'_, '_>) -> Option<Comfort> {
        let play = self.prompts(&comfort, "play").into_iter().next();
        let every = comfort.duration("every", false);
        if play.is_none() || !comfort.has("every") {
            comfort.fault(
                "comfort needs play and every",
                "write { play = \"…\", every = \"20s\" }",
            );
        }
        comfort.finish();
        Some(Comfort {
            play: play?,
            every: every?,
        })
    }

    fn read_waiting(&mut self, table: &Table<'_, '_>, name: &str) -> Vec<Waiting> {
        let mut waiting = Vec::new();
        for one in table.tables("if_waiting", &format!("if_waiting of queue {name}")) {
            let after = one.duration("for", false);
            let go = one.text("go");
            if after.is_none() && !one.has("for") || go.is_none() && !one.has("go") {
                one.fault(
                    "an entry of if_waiting needs for and go",
                    "write { for = \"3m\", go = \"PATH\" }",
                );
            }
            if let (Some(after), Some((go, span))) = (after, go) {
                self.path_references.push(Reference {
                    place: one.source.place(&span),
                    name: go.clone(),
                });
                if waiting
                    .last()
                    .is_some_and(|last: &Waiting| last.after >= after)
                {
                    one.fault(
                        "the times of if_waiting do not rise",
                        "put the shorter time first",
                    );
                }
                waiting.push(Waiting {
                    after,
                    go: PathName(go),
                });
            }
            one.finish();
        }
        waiting
    }

    fn read_closed(&mut self, closed: Table<'_, '_>) {
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

    fn read_expectation(&mut self, expect: Table<'_, '_>) {
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
            .map(|(keys, _)| keys.chars().collect())
            .unwrap_or_default();
        let ends = expect.table("ends");
        let place = expect.place();
        let read = ends.and_then(|ends| {
            let queue = ends
                .text("queue")
                .map(|(name, _)| Ends::Queue(QueueName(name)));
            let heard = ends
                .text("heard")
                .map(|(name, _)| Ends::Heard(PromptName(name)));
            let hung_up = ends
                .flag("hung_up")
                .filter(|flag| *flag)
                .map(|_| Ends::HungUp);
            let said = ends
                .text("language")
                .and_then(|(code, span)| language(ends.source, &code, &span));
            let found = queue.or(heard).or(hung_up);
            if found.is_none() {
                ends.fault("ends says nowhere", "give it queue, heard or hung_up");
            }
            ends.finish();
            found.map(|ends| (ends, said))
        });
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
                keys,
                ends,
                language,
            };
            self.expectations.push((expectation, at));
        }
        expect.finish();
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
        if self.numbers.is_empty() {
            self.fault(
                first.clone(),
                "there are no numbers",
                "write numbers = [\"116111\"]",
            );
        }
        let zone = self.time_zone();
        self.check_references(catalogue);
        self.check_paths();
        let start = self.start.take();
        if start.is_none() {
            self.fault(
                first,
                "start is missing",
                "say which path calls begin with: start = \"welcome\"",
            );
        }
        let closed = std::mem::take(&mut self.closed);
        let closed = closed.into_iter().filter_map(|(place, from, until, go)| {
            let (from, until) = (wall(&from, &zone), wall(&until, &zone));
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
        let closed: Vec<Closed> = closed.collect();
        let expectations = std::mem::take(&mut self.expectations);
        let expectations = expectations.into_iter().map(|(mut expectation, at)| {
            expectation.at = at.as_deref().and_then(|at| wall(at, &zone));
            if at.is_some() && expectation.at.is_none() {
                self.fault(
                    expectation.place.clone(),
                    "at is no moment",
                    "write at = 2026-11-23T03:00:00",
                );
            }
            expectation
        });
        let expectations: Vec<Expectation> = expectations.collect();
        let languages = self.languages.take().filter(|list| !list.is_empty());
        faults.append(&mut self.faults);
        let start = PathName(start?.name);
        Some(Plan {
            hash: hash.to_owned(),
            zone,
            numbers: self.numbers,
            otherwise: self
                .otherwise
                .map_or(start.clone(), |reference| PathName(reference.name)),
            languages: languages.unwrap_or(vec![Language::Az]),
            language_keys: self.keys,
            start,
            paths: self.paths,
            queues: self.queues,
            closed,
            expectations,
        })
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

    fn check_references(&mut self, catalogue: &Catalogue) {
        let mut found = Vec::new();
        let known: Vec<&str> = self.paths.keys().map(PathName::as_str).collect();
        let ends = self.otherwise.iter().chain(&self.start);
        for reference in self.path_references.iter().chain(ends) {
            if !known.contains(&reference.name.as_str()) {
                let what = format!("no path is called {:?}", reference.name);
                found.push((
                    reference.place.clone(),
                    what,
                    suggest(&reference.name, known.iter().copied()),
                ));
            }
        }
        let known: Vec<&str> = self.queues.keys().map(QueueName::as_str).collect();
        for reference in &self.queue_references {
            if !known.contains(&reference.name.as_str()) {
                let what = format!("no queue is called {:?}", reference.name);
                found.push((
                    reference.place.clone(),
                    what,
                    suggest(&reference.name, known.iter().copied()),
                ));
            }
        }
        let none = BTreeSet::new();
        for language in self.languages.as_deref().unwrap_or(&[Language::Az]) {
            let spoken = catalogue.spoken.get(language).unwrap_or(&none);
            for reference in &self.prompts {
                if !spoken.contains(&reference.name) {
                    let what = format!("there is no prompts/{language}/{}.wav", reference.name);
                    let remedy =
                        format!("record it, or: {}", suggest_prompt(&reference.name, spoken));
                    found.push((reference.place.clone(), what, remedy));
                }
            }
        }
        for reference in &self.music {
            if !catalogue.music.contains(&reference.name) {
                let what = format!("there is no prompts/music/{}.wav", reference.name);
                let remedy = suggest(&reference.name, catalogue.music.iter().map(String::as_str));
                found.push((reference.place.clone(), what, remedy));
            }
        }
        for (place, what, remedy) in found {
            self.fault(place, what, remedy);
        }
    }

    /// Steps that can never be reached, paths that run in circles without a caller being spoken to,
    /// and paths that end without a word.
    fn check_paths(&mut self) {
        let mut found = Vec::new();
        for (name, steps) in &self.paths {
            let ends = |step: &Step| {
                step.condition.is_none() && matches!(step.action, Action::Go(_) | Action::HangUp)
            };
            if let Some(last) = steps.iter().position(ends)
                && let Some(step) = steps.get(last + 1)
            {
                found.push((
                    step.place.clone(),
                    "this step is never reached".to_owned(),
                    "remove it, or the go or hang_up before it".to_owned(),
                ));
            }
            if let Some(step) = steps.first()
                && self.circles_back(name)
            {
                let what = format!("path {name} runs in a circle without a word to the caller");
                found.push((
                    step.place.clone(),
                    what,
                    "play something in the circle, or hang up".to_owned(),
                ));
            }
            let speaks = steps
                .iter()
                .any(|step| !matches!(step.action, Action::HangUp));
            if !speaks {
                let place = steps.first().map(|step| step.place.clone());
                let place = place.or(self.first.clone()).unwrap_or(Place {
                    file: String::new(),
                    line: 1,
                });
                let what = format!("path {name} hangs up without a word");
                found.push((place, what, "play an explanation first".to_owned()));
            }
        }
        for (place, what, remedy) in found {
            self.fault(place, what, remedy);
        }
    }

    /// Whether `start` can come back to itself by `go` steps alone.
    fn circles_back(&self, start: &PathName) -> bool {
        let mut seen = BTreeSet::new();
        let mut todo = vec![start];
        while let Some(name) = todo.pop() {
            for step in self.paths.get(name).map(Vec::as_slice).unwrap_or_default() {
                match &step.action {
                    Action::Go(next) if next == start => return true,
                    Action::Go(next) if seen.insert(next) => todo.push(next),
                    Action::Go(_) => {}
                    // Whatever takes time breaks the circle, unless a condition may pass it by.
                    _ if step.condition.is_none() => break,
                    _ => {}
                }
            }
        }
        false
    }
}

fn suggest_prompt(name: &str, spoken: &BTreeSet<String>) -> String {
    match super::fault::nearest(name, spoken.iter().map(String::as_str)) {
        Some(near) => format!("did you mean {near:?}?"),
        None => "use one that is there".to_owned(),
    }
}

fn language(source: &Source<'_>, code: &str, span: &Range<usize>) -> Option<Language> {
    let found = Language::ALL
        .into_iter()
        .find(|language| language.code() == code);
    if found.is_none() {
        let known = Language::ALL.map(Language::code);
        source.fault(
            span.clone(),
            format!("{code:?} is no language that is spoken"),
            suggest(code, known),
        );
    }
    found
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

/// Re-exported for settings that are written like the plan's.
pub fn time_of(text: &str) -> Option<Duration> {
    duration(text)
}
