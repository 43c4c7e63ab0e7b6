//! The guard of a plan: whoever calls, whichever number, at any hour of the coming year, pressing nothing,
//! with operators on shift and without: a person, a voicemail or an explanation within a set time.
//!
//! It stands in a file of its own, so that who edits the plan does not edit its guard.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::condition::{Condition, Test};
use super::entrance::Dialled;
use super::facts::{Caller, Facts, MOST_CALLS};
use super::fault::{Fault, Place};
use super::hours::{Minute, Span, local, moment};
use super::judge::Asked;
use super::menu::Spoken;
use super::number::{Kind, Number};
use super::plan::{Closed, Plan};
use super::run::{Arrival, Instruction, Run};
use super::webhook::NoAnswer;
use crate::ids::{Language, ListName, MailboxName, PathName, PromptName, QueueName, TrunkName};
use crate::time::Wall;

/// The file's name.
pub const FILE: &str = "safety.toml";
/// So far ahead is looked.
const AHEAD: Duration = Duration::from_secs(366 * 24 * 3600);
const HOUR: Duration = Duration::from_secs(3600);
/// How many operators are on shift: none, the last one, a full house.
const SHIFTS: [usize; 3] = [0, 1, 100];
/// More than any plan asks for.
const CROWD: usize = 100_000;
/// What a time, a date or the next opening takes to be said.
const SAYING: Duration = Duration::from_secs(8);
/// Ways of one call, by what servers answer: more are not followed, since they lead in a circle.
const MOST_WAYS: usize = 200;

/// `[safety]`: what every call is promised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Safety {
    /// Where it stands.
    pub place: Place,
    /// How soon.
    pub within: Duration,
    /// What counts as an explanation, if it is heard last; empty: any prompt.
    pub explained_by: BTreeSet<PromptName>,
}

/// How long each sound is, by language and name.
pub type Lengths = BTreeMap<(Option<Language>, String), Duration>;

/// How a call that is left alone ends.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Outcome {
    reached: Reached,
    after: Duration,
    /// Paths on the way.
    way: Vec<PathName>,
    /// The line that decided last.
    last: String,
    /// What servers answer on it.
    answers: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Reached {
    Person,
    Voicemail,
    Explanation(PromptName),
    /// When the line is open again.
    Resumes,
    Silence,
    Nowhere,
}

/// Follows all calls of the year from `now` on. Only moments at which something changes are looked at, and
/// numbers that begin with the same path are followed once.
///
/// # Errors
/// One fault for each way that breaks the promise, with the first number and moment that take it.
pub fn check(plan: &Plan, lengths: &Lengths, now: Wall) -> Vec<Fault> {
    let Some(safety) = &plan.safety else {
        return Vec::new();
    };
    let mut found: BTreeMap<String, Broken> = BTreeMap::new();
    let (numbers, callers) = (numbers(plan), callers(plan));
    for (index, moment) in moments(plan, now).into_iter().enumerate() {
        let shifts = SHIFTS.into_iter();
        for (caller, on_shift) in
            shifts.flat_map(|shift| callers.iter().map(move |one| (one, shift)))
        {
            let facts = caller.facts(plan, moment.at, on_shift);
            let mut known = BTreeMap::new();
            for (place, alike) in numbers.iter().enumerate() {
                let (run, _) = Run::start(plan, caller.arrival(alike.number.as_ref()), &facts);
                let outcome = known.entry(run.path().clone()).or_insert_with(|| {
                    let outcomes = ways(plan, lengths, run, &facts).into_iter();
                    let mut broken = outcomes.filter_map(|outcome| {
                        complaint(safety, &outcome).map(|what| (what, outcome.last))
                    });
                    broken.next()
                });
                let Some((what, last)) = outcome else {
                    continue;
                };
                let broken = found.entry(what.clone()).or_insert_with(|| Broken {
                    number: alike.number.clone(),
                    at: moment.at,
                    on_shift,
                    caller: caller.words.clone(),
                    last: last.clone(),
                    numbers: BTreeMap::new(),
                    hours: BTreeMap::new(),
                });
                broken.numbers.insert(place, alike.count);
                broken.hours.insert(index, moment.hours);
            }
        }
    }
    let faults = found.into_iter();
    let faults = faults.map(|(what, one)| one.fault(plan, safety, &what));
    faults.collect()
}

/// Numbers that a plan cannot tell apart.
struct Alike {
    /// The first; `None`: one that nobody configured.
    number: Option<Number>,
    count: usize,
}

/// All numbers, one of each pattern and range, and one that nobody configured; of those that no route tells
/// apart, the first.
fn numbers(plan: &Plan) -> Vec<Alike> {
    let dialled: Vec<&Dialled> = plan.entrances.iter().flat_map(|one| &one.dial).collect();
    let others = dialled.iter().filter_map(|one| one.any());
    let others: BTreeSet<Number> = others
        .filter(|one| !plan.known_numbers.contains_key(one))
        .collect();
    let mut alike: Vec<Alike> = Vec::new();
    let mut seen: BTreeMap<(bool, Vec<bool>), usize> = BTreeMap::new();
    for (known, number) in plan
        .numbers
        .iter()
        .map(|one| (true, one))
        .chain(others.iter().map(|one| (false, one)))
    {
        let held = dialled.iter().map(|one| one.holds(number)).collect();
        let place = *seen.entry((known, held)).or_insert(alike.len());
        match alike.get_mut(place) {
            Some(one) => one.count += 1,
            None => alike.push(Alike {
                number: Some(number.clone()),
                count: 1,
            }),
        }
    }
    alike.push(Alike {
        number: None,
        count: 1,
    });
    alike
}

/// Who calls, as far as plans can tell callers apart, and how it is in the house. From the call of somebody
/// unknown on a quiet day, one thing is changed at a time.
#[derive(Debug, Clone, Default)]
struct Calling {
    /// For people; empty: nobody in particular.
    words: String,
    caller: Caller,
    trunk: Option<TrunkName>,
    lists: BTreeSet<ListName>,
    /// Each queue is as long as can be.
    busy: bool,
    /// The caller called again and again.
    often: bool,
}

fn callers(plan: &Plan) -> Vec<Calling> {
    let quiet = Calling {
        caller: Caller::hidden(),
        ..Calling::default()
    };
    let mut all = vec![quiet.clone()];
    for (word, kind) in Kind::ALL {
        let mut one = quiet.clone();
        one.words = format!("{word} caller");
        one.caller.hidden = false;
        one.caller.kind = Some(kind);
        all.push(one);
    }
    for beginning in &plan.beginnings {
        let mut one = quiet.clone();
        one.words = format!("a caller from {beginning}");
        one.caller.hidden = false;
        one.caller.begins = plan
            .beginnings
            .iter()
            .filter(|other| beginning.starts_with(*other))
            .cloned()
            .collect();
        all.push(one);
    }
    let trunks: BTreeSet<&TrunkName> = plan.entrances.iter().flat_map(|one| &one.trunks).collect();
    all.extend(trunks.into_iter().map(|trunk| Calling {
        words: format!("a call by trunk {trunk}"),
        trunk: Some(trunk.clone()),
        ..quiet.clone()
    }));
    all.extend(lists(plan).into_iter().map(|list| Calling {
        words: format!("a caller on the list {list}"),
        lists: BTreeSet::from([list]),
        ..quiet.clone()
    }));
    all.push(Calling {
        words: "all queues long".to_owned(),
        busy: true,
        ..quiet.clone()
    });
    all.push(Calling {
        words: "somebody who calls again and again".to_owned(),
        often: true,
        ..quiet
    });
    all
}

fn lists(plan: &Plan) -> BTreeSet<ListName> {
    let asked = plan.conditions().filter_map(|one| match &one.test {
        Test::OnList(list) => Some(list),
        _ => None,
    });
    let entered = plan.entrances.iter().filter_map(|one| one.list.as_ref());
    asked.chain(entered).cloned().collect()
}

impl Calling {
    fn arrival<'a>(&'a self, dialled: Option<&'a Number>) -> Arrival<'a> {
        Arrival {
            dialled,
            trunk: self.trunk.as_ref(),
            caller: self.caller.clone(),
        }
    }

    fn facts(&self, plan: &Plan, at: Wall, on_shift: usize) -> Facts {
        let waiting = plan.queues.keys().filter(|_| self.busy);
        let calls = if self.often { MOST_CALLS } else { 1 };
        Facts {
            on_shift,
            now: Some(at),
            waiting: waiting.map(|queue| (queue.clone(), CROWD)).collect(),
            lists: self.lists.clone(),
            calls: vec![at; calls],
            ..Facts::default()
        }
    }
}

/// What a call does that breaks the promise.
struct Broken {
    number: Option<Number>,
    at: Wall,
    on_shift: usize,
    caller: String,
    last: String,
    /// How many numbers, by place in the list.
    numbers: BTreeMap<usize, usize>,
    /// By moment.
    hours: BTreeMap<usize, usize>,
}

impl Broken {
    fn fault(&self, plan: &Plan, safety: &Safety, what: &str) -> Fault {
        let number = match &self.number {
            Some(number) => number.to_string(),
            None => "any other number".to_owned(),
        };
        let more = match self.numbers.values().sum() {
            1_usize => String::new(),
            count => format!(" (and to {} more)", count - 1),
        };
        let shift = match self.on_shift {
            0 => "nobody on shift".to_owned(),
            1 => "one operator on shift".to_owned(),
            count => format!("{count} operators on shift"),
        };
        let caller = match self.caller.as_str() {
            "" => String::new(),
            words => format!(" ({words})"),
        };
        let hours: usize = self.hours.values().sum();
        let local = shown(plan, self.at);
        let dial = self.number.as_ref().map_or("000000000", Number::as_str);
        Fault {
            place: place_of(&self.last).unwrap_or_else(|| safety.place.clone()),
            what: format!(
                "unsafe: a call to {number}{more} on {local} with {shift}{caller}, who presses nothing, {what}; so it is \
                 in {hours} hours of the coming year"
            ),
            remedy: format!(
                "{} wants a person, a voicemail or an explanation; see: qaynar route {dial} --at {} --operators {}",
                safety.place,
                local.replace(' ', "T"),
                self.on_shift
            ),
        }
    }
}

/// As the plan's people write a moment.
fn shown(plan: &Plan, at: Wall) -> String {
    let stamp = jiff::Timestamp::from_microsecond(at.0).unwrap_or_default();
    let local = stamp.to_zoned_datetime(plan.zone.clone());
    local.strftime("%Y-%m-%d %H:%M").to_string()
}

fn place_of(text: &str) -> Option<Place> {
    let (file, line) = text.rsplit_once(':')?;
    Some(Place {
        file: file.to_owned(),
        line: line.parse().ok()?,
    })
}

fn complaint(safety: &Safety, outcome: &Outcome) -> Option<String> {
    let way: Vec<&str> = outcome.way.iter().map(PathName::as_str).collect();
    let mut way = way.join(" → ");
    if !outcome.answers.is_empty() {
        way += &format!("; webhooks answer {}", outcome.answers.join(", "));
    }
    let explains = &safety.explained_by;
    let what = match &outcome.reached {
        Reached::Nowhere => "is led in a circle".to_owned(),
        Reached::Silence => "hears nothing, and the line is closed".to_owned(),
        Reached::Explanation(prompt) if !explains.is_empty() && !explains.contains(prompt) => {
            format!("hears {prompt} last, which explains nothing")
        }
        _ if outcome.after > safety.within => {
            let (after, within) = (outcome.after.as_secs(), safety.within.as_secs());
            format!("is helped after {after} s, not within {within} s")
        }
        _ => return None,
    };
    Some(format!("{what} (way: {way})"))
}

/// A time in which nothing that depends on the clock changes.
struct Moment {
    at: Wall,
    /// How many hours of the year are like it.
    hours: usize,
}

/// The first of each kind of moment: those at which the same holds of all that depends on the clock. Looked
/// at is each full hour, each minute of a day that the plan names, and the edges of closures.
fn moments(plan: &Plan, now: Wall) -> Vec<Moment> {
    let end = now + AHEAD;
    let mut all = vec![now];
    let hour = i64::try_from(HOUR.as_micros()).unwrap_or(i64::MAX);
    let first = Wall((now.0.div_euclid(hour) + 1) * hour);
    let mut next = first;
    while next < end {
        all.push(next);
        next = next + HOUR;
    }
    let closed: Vec<&Closed> = plan
        .closed
        .iter()
        .filter(|one| now < one.until && one.from < end)
        .collect();
    all.extend(closed.iter().flat_map(|one| [one.from, one.until]));
    all.extend(named_minutes(plan, now));
    all.retain(|at| now <= *at && *at < end);
    all.sort();
    all.dedup();
    let asked = clock_tests(plan);
    let mut by_closure: BTreeMap<Option<&PathName>, BTreeMap<Vec<bool>, Moment>> = BTreeMap::new();
    for at in all {
        let holds = |one: &Closed| one.from <= at && at < one.until;
        let closure = closed
            .iter()
            .copied()
            .find(|one| holds(one))
            .map(|one| &one.go);
        let kinds = by_closure.entry(closure).or_default();
        let moment = kinds.entry(signature(plan, &asked, at));
        let moment = moment.or_insert(Moment { at, hours: 0 });
        // Edges between two hours are no hours of their own.
        moment.hours += usize::from(at.0.rem_euclid(hour) == 0);
    }
    let kinds = by_closure.into_values().flat_map(BTreeMap::into_values);
    let mut moments: Vec<Moment> = kinds.collect();
    moments.sort_by_key(|moment| moment.at);
    moments
}

/// The minutes of each day of the year that opening hours and conditions name.
fn named_minutes(plan: &Plan, now: Wall) -> Vec<Wall> {
    let weekly = plan.hours.values().flat_map(|one| &one.weekly);
    let weekly = weekly.map(|(_, span)| *span);
    let except = plan.hours.values().flat_map(|one| &one.except);
    let except = except.flat_map(|one| one.open.iter().copied());
    let between = plan.conditions().filter_map(|one| match &one.test {
        Test::Between { from, until } => Some(Span {
            from: *from,
            until: *until,
        }),
        _ => None,
    });
    let spans = weekly.chain(except).chain(between);
    let minutes: BTreeSet<Minute> = spans.flat_map(|span| [span.from, span.until]).collect();
    let Some(today) = local(now, &plan.zone).map(|at| at.date()) else {
        return Vec::new();
    };
    let days = AHEAD.as_secs() / 86_400 + 1;
    let days = (0..days).filter_map(|day| {
        let day = jiff::Span::new().try_days(i64::try_from(day).ok()?).ok()?;
        today.checked_add(day).ok()
    });
    days.flat_map(|day| {
        minutes
            .iter()
            .filter_map(move |minute| moment(day, *minute, &plan.zone))
    })
    .collect()
}

/// What the plan asks of the clock, each question once.
fn clock_tests(plan: &Plan) -> Vec<Condition> {
    let mut asked: BTreeMap<String, Condition> = BTreeMap::new();
    for one in plan.conditions() {
        let of_clock = matches!(
            one.test,
            Test::Hours { .. } | Test::Holiday | Test::Between { .. } | Test::On(_)
        );
        if of_clock {
            asked
                .entry(format!("{:?}", one.test))
                .or_insert_with(|| one.clone());
        }
    }
    asked.into_values().collect()
}

/// What holds at a moment.
fn signature(plan: &Plan, asked: &[Condition], at: Wall) -> Vec<bool> {
    let facts = Facts {
        now: Some(at),
        ..Facts::default()
    };
    let asker = Asked {
        plan,
        facts: &facts,
        caller: &Caller::hidden(),
        language: plan.first_language(),
    };
    let holds = |one: &Condition| {
        asker
            .all(std::slice::from_ref(one))
            .is_some_and(|(holds, _)| holds)
    };
    asked.iter().map(holds).collect()
}

/// All ways of a call: with each answer that a server may give, as late as it may, and with none.
fn ways(plan: &Plan, lengths: &Lengths, run: Run, facts: &Facts) -> Vec<Outcome> {
    let begun = Outcome {
        reached: Reached::Silence,
        after: Duration::ZERO,
        way: vec![run.path().clone()],
        last: String::new(),
        answers: Vec::new(),
    };
    let (mut open, mut done) = (vec![(run, begun)], Vec::new());
    let mut taken: Vec<(Run, Duration)> = Vec::new();
    while let Some((mut run, mut outcome)) = open.pop() {
        let Some(within) = follow(plan, lengths, &mut run, facts.clone(), &mut outcome) else {
            done.push(outcome);
            continue;
        };
        outcome.after += within;
        let answers = run.answers(plan).into_iter().map(Ok);
        for answer in answers.chain([Err(NoAnswer::Late)]) {
            let (mut next, mut outcome) = (run.clone(), outcome.clone());
            next.answered(plan, answer);
            outcome.answers.extend(answer.map(ToOwned::to_owned));
            if taken.len() >= MOST_WAYS {
                outcome.reached = Reached::Nowhere;
                done.push(outcome);
                return done;
            }
            let known =
                |(one, after): &(Run, Duration)| one.is_like(&next) && *after >= outcome.after;
            if !taken.iter().any(known) {
                taken.push((next.clone(), outcome.after));
                open.push((next, outcome));
            }
        }
    }
    done
}

/// The very machine that the exchange runs, with a caller who only listens. Phones that a step rings are
/// not answered; a queue is answered where somebody is on shift, else it is left at once. `Some`: a server
/// is asked, for so long at most.
fn follow(
    plan: &Plan,
    lengths: &Lengths,
    run: &mut Run,
    mut facts: Facts,
    outcome: &mut Outcome,
) -> Option<Duration> {
    let begun = facts.now;
    loop {
        facts.now = begun.map(|begun| begun + outcome.after);
        let (instruction, notes) = run.next(plan, &facts);
        for note in notes {
            if outcome.way.last() != Some(&note.path) && outcome.way.len() < 20 {
                outcome.way.push(note.path);
            }
            if !note.place.is_empty() {
                outcome.last = note.place;
            }
        }
        match instruction {
            Instruction::Play(prompts) => outcome.hears(&prompts, run.language(), lengths),
            Instruction::Say(spoken) => {
                outcome.after += SAYING;
                if matches!(spoken, Spoken::Resumes { .. }) {
                    outcome.reached = Reached::Resumes;
                }
            }
            Instruction::Menu { prompts, wait } => {
                outcome.hears(&prompts, run.language(), lengths);
                outcome.after += wait;
                run.nothing_chosen(plan);
            }
            Instruction::Queue { queue, .. } if is_full(plan, &queue, &facts) => {
                let full = plan.queues.get(&queue).and_then(|one| one.full.as_ref());
                run.go(full.map_or(&plan.otherwise, |full| &full.go));
            }
            Instruction::Webhook { within, .. } => return Some(within),
            Instruction::Queue { .. } if facts.on_shift > 0 => {
                outcome.reached = Reached::Person;
                return None;
            }
            // Left at once: elsewhere, or on with the next step.
            Instruction::Queue { queue, .. } => {
                let empty = plan
                    .queues
                    .get(&queue)
                    .and_then(|one| one.if_empty.as_ref());
                empty.into_iter().for_each(|path| run.go(path));
            }
            // Who presses nothing is not called back.
            Instruction::Callback { .. } => outcome.after += SAYING,
            Instruction::Ring { wait, .. } => outcome.after += wait,
            Instruction::Voicemail(mailbox) => {
                outcome.greeted_by(plan, &mailbox, run.language(), lengths);
                return None;
            }
            Instruction::HangUp => break,
        }
    }
    if run.is_circling() {
        outcome.reached = Reached::Nowhere;
    }
    None
}

/// Whether nobody more may wait.
fn is_full(plan: &Plan, queue: &QueueName, facts: &Facts) -> bool {
    let full = plan.queues.get(queue).and_then(|one| one.full.as_ref());
    let waiting = facts.waiting.get(queue).copied().unwrap_or(0);
    full.is_some_and(|full| waiting >= full.most)
}

impl Outcome {
    fn greeted_by(
        &mut self,
        plan: &Plan,
        mailbox: &MailboxName,
        language: Language,
        lengths: &Lengths,
    ) {
        if let Some(mailbox) = plan.mailboxes.get(mailbox) {
            self.hears(&mailbox.greeting, language, lengths);
        }
        self.reached = Reached::Voicemail;
    }

    fn hears(&mut self, prompts: &[PromptName], language: Language, lengths: &Lengths) {
        for prompt in prompts {
            let key = (Some(language), prompt.to_string());
            self.after += lengths.get(&key).copied().unwrap_or_default();
        }
        if let Some(last) = prompts.last() {
            self.reached = Reached::Explanation(last.clone());
        }
    }
}
