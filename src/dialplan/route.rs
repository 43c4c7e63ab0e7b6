//! The dry run: what would happen to a call, step by step, and why.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::Serialize;

use super::facts::{Caller, Facts};
use super::number::{Number, is_anonymous};
use super::outgoing::{Destination, EMERGENCY};
use super::plan::{Ends, Plan};
use super::run::{Arrival, Instruction, Note, Run};
use super::webhook::NoAnswer;
use crate::ids::{Language, ListName, PathName, QueueName, TrunkName};
use crate::time::Wall;

/// Where a caller goes who was not answered in time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Follows {
    /// Who goes this way.
    pub why: String,
    /// Each decision with its reason.
    pub steps: Vec<Note>,
    /// Where it ends.
    pub ends: Ends,
}

/// What is assumed of the call and of the moment.
#[derive(Debug, Clone, Default)]
pub struct Assumed {
    /// When; `None`: outside of all closures, while all hours are open.
    pub at: Option<Wall>,
    /// Operators on shift.
    pub operators: usize,
    /// Keys that the caller presses, in this order, each as soon as it means something.
    pub keys: Vec<char>,
    /// The caller's number; `None`: none came with the call.
    pub from: Option<String>,
    /// By which trunk.
    pub trunk: Option<TrunkName>,
    /// Callers in each line.
    pub waiting: BTreeMap<QueueName, usize>,
    /// Lists that the caller is on.
    pub lists: BTreeSet<ListName>,
    /// How often the caller called in the last hour, this call with them.
    pub calls: usize,
    /// What webhooks answer, in this order; the others say nothing.
    pub webhook: Vec<String>,
}

impl Assumed {
    /// The facts of such a moment.
    fn facts(&self) -> Facts {
        Facts {
            on_shift: self.operators,
            now: self.at,
            clock_unset: false,
            waiting: self.waiting.clone(),
            lists: self.lists.clone(),
            calls: vec![self.at.unwrap_or_default(); self.calls],
        }
    }

    /// Who such a caller is to the plan.
    fn caller(&self, plan: &Plan) -> Caller {
        match self.from.as_deref() {
            None => Caller::hidden(),
            Some(text) if is_anonymous(text) || text == "hidden" => Caller::hidden(),
            Some(text) => Caller::known(plan, Number::parse(text).as_ref()),
        }
    }
}

/// A call's whole way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Route {
    /// The number in its one form; `None`: it is none.
    pub dialled: Option<Number>,
    /// The plan's hash.
    pub plan: String,
    /// Each decision with its reason.
    pub steps: Vec<Note>,
    /// Where it ends.
    pub ends: Ends,
    /// In which language.
    pub language: Language,
    /// What follows for who waits too long where the call ends.
    pub follows: Vec<Follows>,
    /// The plan led in a circle until the call was given up.
    pub circles: bool,
}

/// Follows a call. A queue with somebody on shift is an end, since a person answers there; a ring is
/// taken to be unanswered, since the worst way is what one wants to know.
pub fn route(plan: &Plan, dialled: &str, assumed: &Assumed) -> Route {
    let number = Number::parse(dialled);
    let facts = assumed.facts();
    let arrival = Arrival {
        dialled: number.as_ref(),
        trunk: assumed.trunk.as_ref(),
        caller: assumed.caller(plan),
    };
    let (run, first) = Run::start(plan, arrival, &facts);
    let mut way = Way {
        plan,
        run,
        steps: vec![first],
        keys: assumed.keys.iter().copied().collect(),
        answers: assumed.webhook.iter().cloned().collect(),
    };
    let ends = way.follow(&facts);
    let follows = way.what_follows(&ends, &facts);
    Route {
        dialled: number,
        plan: plan.hash.clone(),
        steps: way.steps,
        ends,
        language: way.run.language(),
        follows,
        circles: way.run.is_circling(),
    }
}

/// A call's way as it is followed.
struct Way<'a> {
    plan: &'a Plan,
    run: Run,
    steps: Vec<Note>,
    /// Those that are still to be pressed.
    keys: VecDeque<char>,
    /// What servers are still to answer.
    answers: VecDeque<String>,
}

impl Way<'_> {
    fn follow(&mut self, facts: &Facts) -> Ends {
        let mut ends = Ends::HungUp;
        loop {
            self.press_languages();
            let (instruction, mut notes) = self.run.next(self.plan, facts);
            self.steps.append(&mut notes);
            match instruction {
                Instruction::Play(prompts) => {
                    let last = prompts.last();
                    ends = last.map_or(ends, |last| Ends::Heard(last.clone()));
                }
                Instruction::Say(spoken) => ends = Ends::Said(spoken.kind().to_owned()),
                Instruction::Menu { prompts, .. } => {
                    let last = prompts.last();
                    ends = last.map_or(ends, |last| Ends::Heard(last.clone()));
                    self.choose();
                }
                Instruction::Webhook { .. } => {
                    let answer = self.answers.pop_front();
                    let answer = answer.as_deref().ok_or(NoAnswer::Assumed);
                    let note = self.run.answered(self.plan, answer);
                    self.steps.extend(note);
                }
                Instruction::Queue { queue, .. } if self.is_full(&queue, facts) => {}
                Instruction::Queue { queue, .. } if facts.on_shift > 0 => {
                    if let Some(ends) = self.wait(queue) {
                        return ends;
                    }
                }
                Instruction::Queue { queue, .. } => {
                    self.tell(format!("queue {queue} is left: nobody is on shift"));
                    self.if_empty(&queue);
                }
                Instruction::Callback { queue } if self.keys.contains(&'1') => {
                    return Ends::Callback(queue);
                }
                Instruction::Callback { .. } => {
                    self.tell("nobody presses 1: no callback (assumed)".to_owned());
                }
                Instruction::Ring { .. } => self.tell("nobody answers (assumed)".to_owned()),
                Instruction::Voicemail(mailbox) => return Ends::Voicemail(mailbox),
                Instruction::HangUp => return ends,
            }
        }
    }

    /// In the line: the next key may lead out of it, or to a callback; `None`: on with another path.
    fn wait(&mut self, queue: QueueName) -> Option<Ends> {
        let settings = self.plan.queues.get(&queue);
        while let Some(key) = self.keys.pop_front() {
            if let Some(go) = settings.and_then(|settings| settings.keys.get(&key)) {
                self.tell(format!("key {key}: out of {queue}, go to {go}"));
                self.run.go(go);
                return None;
            }
            let offer = settings.and_then(|settings| settings.offer);
            if let Some(offer) = offer.filter(|offer| offer.key == key) {
                let after = offer.after.as_secs();
                self.tell(format!(
                    "key {key}, offered after {after} s: to be called back"
                ));
                return Some(Ends::Callback(queue));
            }
            self.tell(format!("key {key} means nothing here"));
        }
        self.tell_waiting(&queue);
        Some(Ends::Queue(queue))
    }

    /// Whether nobody more may wait; then the call goes on where the queue says.
    fn is_full(&mut self, queue: &QueueName, facts: &Facts) -> bool {
        let full = self
            .plan
            .queues
            .get(queue)
            .and_then(|one| one.full.as_ref());
        let waiting = facts.waiting.get(queue).copied().unwrap_or(0);
        let Some(full) = full.filter(|full| waiting >= full.most) else {
            return false;
        };
        self.tell(format!(
            "{waiting} wait in {queue} already: go to {}",
            full.go
        ));
        self.run.go(&full.go);
        true
    }

    /// Where the queue sends its callers while nobody is on shift.
    fn if_empty(&mut self, queue: &QueueName) {
        let queue = self.plan.queues.get(queue);
        if let Some(go) = queue.and_then(|queue| queue.if_empty.as_ref()) {
            self.tell(format!("if_empty: go to {go}"));
            self.run.go(go);
        }
    }

    /// The ways of those who wait too long, each path once.
    fn what_follows(&self, ends: &Ends, facts: &Facts) -> Vec<Follows> {
        let mut follows = Vec::new();
        let mut seen = BTreeSet::new();
        let mut ended = VecDeque::from([(self.run.clone(), ends.clone())]);
        while let Some((run, ends)) = ended.pop_front() {
            let Ends::Queue(queue) = ends else { continue };
            let settings = self.plan.queues.get(&queue);
            for one in settings.into_iter().flat_map(|queue| &queue.if_waiting) {
                if !seen.insert(&one.go) {
                    continue;
                }
                let mut way = Self {
                    plan: self.plan,
                    run: run.clone(),
                    steps: Vec::new(),
                    keys: VecDeque::new(),
                    answers: VecDeque::new(),
                };
                way.run.go(&one.go);
                let ends = way.follow(facts);
                ended.push_back((way.run, ends.clone()));
                follows.push(Follows {
                    why: format!("who waits in {queue} for {} s", one.after.as_secs()),
                    steps: way.steps,
                    ends,
                });
            }
        }
        follows
    }

    /// Of the step that was taken last.
    fn tell(&mut self, reason: String) {
        let last = self.steps.last().map(|last| last.place.clone());
        self.steps.push(Note {
            path: self.run.path().clone(),
            place: last.unwrap_or_default(),
            reason,
            shut: None,
        });
    }

    /// Keys that choose a language are pressed as soon as it is their turn; others wait for a menu.
    fn press_languages(&mut self) {
        while let Some(key) = self.keys.front().copied()
            && self.plan.language_keys.contains_key(&key)
        {
            self.keys.pop_front();
            if let Some(language) = self.run.press(self.plan, key) {
                self.tell(format!("key {key}: {language}"));
            }
        }
    }

    /// The next key in a menu; those that mean nothing there are lost, as they are live.
    fn choose(&mut self) {
        while let Some(key) = self.keys.pop_front() {
            if let Some(note) = self.run.choose(self.plan, key) {
                return self.steps.push(note);
            }
            match self.run.press(self.plan, key) {
                Some(language) => self.tell(format!("key {key}: {language}")),
                None => self.tell(format!("key {key} means nothing here")),
            }
        }
        let note = self.run.nothing_chosen(self.plan);
        self.steps.extend(note);
    }

    /// What follows for who waits long.
    fn tell_waiting(&mut self, queue: &QueueName) {
        let Some(settings) = self.plan.queues.get(queue) else {
            return;
        };
        let place = settings.place.to_string();
        for (after, go) in settings.thresholds() {
            let seconds = after.as_secs();
            let reason = match (go, settings.offer) {
                (Some(go), _) => format!("who waits for {seconds} s goes on with {go}"),
                (None, Some(offer)) => {
                    format!(
                        "who waits for {seconds} s is offered a callback by key {}",
                        offer.key
                    )
                }
                (None, None) => continue,
            };
            self.steps.push(Note {
                path: self.run.path().clone(),
                place: place.clone(),
                reason,
                shut: None,
            });
        }
    }
}

/// What becomes of a number that an operator dials: the helpline itself, a call outside, or a refusal.
/// What was spent today is not looked at.
pub fn route_of_operator(plan: &Plan, dialled: &str, assumed: &Assumed) -> Route {
    let number = Number::parse(dialled);
    if number.as_ref().is_some_and(|one| plan.has_number(one)) {
        return route(plan, dialled, assumed);
    }
    let found = number.as_ref().and_then(|one| plan.destination(one));
    let help = number.as_ref().is_some_and(Number::is_emergency);
    let (ends, reason) = match (found, &number) {
        (_, Some(number)) if help => (
            Ends::Outgoing(EMERGENCY.to_owned()),
            format!("{number} calls for help: always allowed, by any trunk, and no cap counts it"),
        ),
        (Some(one), _) => (Ends::Outgoing(one.name.clone()), allowance(one)),
        (None, Some(_)) => (
            Ends::Refused,
            "no outgoing holds this number: the operator hears a refusal (403)".to_owned(),
        ),
        (None, None) => (Ends::Refused, "this is no number (404)".to_owned()),
    };
    let place = found.map(|one| one.place.to_string()).unwrap_or_default();
    let path = PathName::from("outgoing");
    Route {
        dialled: number,
        plan: plan.hash.clone(),
        steps: vec![Note {
            path,
            place,
            reason,
            shut: None,
        }],
        ends,
        language: plan.first_language(),
        follows: Vec::new(),
        circles: false,
    }
}

fn allowance(one: &Destination) -> String {
    let trunks = one.trunks.iter().map(TrunkName::as_str);
    let trunks = match one.trunks.is_empty() {
        true => "trunks by their priority and weight".to_owned(),
        false => format!("trunks {}", trunks.collect::<Vec<_>>().join(", ")),
    };
    let caps = [
        one.calls_a_day.map(|cap| format!("{cap} calls a day")),
        one.minutes_a_day.map(|cap| format!("{cap} minutes a day")),
        one.spend_a_day.map(|cap| format!("{cap} of money a day")),
    ];
    let caps: Vec<_> = caps.into_iter().flatten().collect();
    let caps = match caps.is_empty() {
        true => "no cap".to_owned(),
        false => format!("at most {}", caps.join(", ")),
    };
    format!(
        "{} is allowed: {trunks}, {} a minute, {caps}",
        one.name, one.per_minute
    )
}
