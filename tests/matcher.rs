//! The queue beside its rules in their plainest form: lists that are searched from the beginning each time.
//! Both must come to the same decisions, whatever happens.

#![allow(clippy::unwrap_used, reason = "a test that fails says so")]

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use qaynar::event::RingEnd;
use qaynar::ids::{CallId, OperatorId, QueueName};
use qaynar::queue::{
    Action, ClaimId, Domain, Input, Joining, Member, QueueSettings, Required, RingStep, Rule,
    Skills, Wants,
};
use qaynar::time::{Instant, Now, Wall};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

const SECOND: u64 = 1_000_000;
const SKILLS: [&str; 3] = ["ru", "legal", "psychology"];
const QUEUES: [&str; 2] = ["children", "parents"];

fn now(at: u64) -> Now {
    Now {
        at: Instant(at * SECOND),
        wall: Wall(1_795_000_000_000_000 + (at * SECOND) as i64),
    }
}

/// What happens by chance.
struct Chance(ChaCha8Rng);

impl Chance {
    fn below(&mut self, many: usize) -> usize {
        self.0.next_u32() as usize % many
    }

    fn one_in(&mut self, many: usize) -> bool {
        self.below(many) == 0
    }

    fn skills(&mut self, one_in: usize) -> Skills {
        let some = SKILLS.iter().filter(|_| self.one_in(one_in));
        some.map(|name| (*name).into()).collect()
    }

    fn queue(&mut self, operators: usize) -> QueueSettings {
        // Lots cannot be foretold: their proportion is a test of the rule.
        let rules = Rule::ALL
            .into_iter()
            .filter(|rule| *rule != Rule::WeightedRandom);
        let rules: Vec<Rule> = rules.collect();
        let rule = rules[self.below(rules.len())];
        let mut members = Vec::new();
        for number in 0..operators {
            let level = 1 + self.below(3) as u8;
            if !self.one_in(4) {
                let id = OperatorId(number.to_string());
                members.push(Member {
                    level,
                    ..Member::new(id)
                });
            }
        }
        members.sort_by_key(|_| self.below(100));
        let mut after = 0;
        let steps = (0..self.below(3)).map(|_| {
            after += 1 + self.below(15) as u64;
            RingStep {
                after: Duration::from_secs(after),
                operators: 1 + self.below(3),
                level: (!self.one_in(3)).then(|| 1 + self.below(3) as u8),
            }
        });
        let steps = steps.collect();
        QueueSettings {
            rule,
            members: (!self.one_in(3)).then_some(members),
            steps,
            wrap_up: Duration::ZERO,
            ring_for: Duration::from_secs(3 + self.below(20) as u64),
            ..QueueSettings::default()
        }
    }

    fn wants(&mut self, operators: usize) -> Wants {
        let required = self.skills(6).into_iter().map(|skill| Required {
            skill,
            until: (!self.one_in(3)).then(|| Duration::from_secs(1 + self.below(30) as u64)),
        });
        let required = required.collect();
        let known = self.below(operators * 2);
        Wants {
            required,
            preferred: self.skills(4),
            operator: (known < operators).then(|| OperatorId(known.to_string())),
        }
    }
}

/// An operator as the plain rules see one.
#[derive(Debug, Clone, Default)]
struct Person {
    skills: Skills,
    free: bool,
    paused: bool,
    idle_since: u64,
    calls: u64,
    talked: u64,
    last_ring: u64,
}

#[derive(Debug, Clone)]
struct Caller {
    queue: QueueName,
    joined: u64,
    place: (i64, CallId),
    wants: Wants,
    rings: BTreeSet<ClaimId>,
    peace: BTreeMap<OperatorId, u64>,
}

/// The plain rules.
#[derive(Default)]
struct Plain {
    queues: BTreeMap<QueueName, QueueSettings>,
    people: BTreeMap<OperatorId, Person>,
    callers: BTreeMap<CallId, Caller>,
    rings: u64,
}

impl Plain {
    /// Who may be rung for a caller, the best first.
    fn eligible(&self, caller: &Caller, at: u64) -> Option<OperatorId> {
        let settings = &self.queues[&caller.queue];
        let waited = at - caller.joined;
        let (_, level) = reach(settings, waited);
        let mut best = Vec::new();
        for (id, person) in &self.people {
            let everybody = || Some((1, 0));
            let Some((of_level, place)) = settings.members.as_ref().map_or_else(everybody, |all| {
                let place = all.iter().position(|one| one.operator == *id)?;
                Some((all[place].level, place))
            }) else {
                continue;
            };
            let holds = |one: &&Required| one.until.is_none_or(|until| waited < until.as_secs());
            let mut required = caller.wants.required.iter().filter(holds);
            let can = required.all(|one| person.skills.contains(&one.skill));
            let in_peace = caller.peace.get(id).is_some_and(|until| *until > at);
            if !person.free || person.paused || of_level > level || !can || in_peace {
                continue;
            }
            let wished = caller.wants.required.iter().map(|one| &one.skill);
            let wished = wished.chain(&caller.wants.preferred);
            let met = wished
                .filter(|skill| person.skills.contains(*skill))
                .count();
            let figure = match settings.rule {
                Rule::LongestIdle | Rule::RingAll => person.idle_since,
                Rule::RoundRobin => person.last_ring,
                Rule::FewestCalls => person.calls,
                Rule::LeastTalk => person.talked,
                Rule::Linear => place as u64,
                Rule::WeightedRandom => unreachable!("not drawn in these tests"),
            };
            let known = caller.wants.operator.as_ref() == Some(id);
            best.push((Reverse(known), Reverse(met), of_level, figure, id.clone()));
        }
        best.into_iter().min().map(|best| best.4)
    }

    /// All rings that are due, in order.
    fn decide(&mut self, at: u64) -> Vec<(CallId, OperatorId)> {
        let mut rings = Vec::new();
        let mut order: Vec<_> = self.callers.values().map(|one| one.place).collect();
        order.sort_unstable();
        // First one operator for each who has none; then more, where more may ring.
        for first in [true, false] {
            for (_, call) in &order {
                loop {
                    let caller = &self.callers[call];
                    let (most, _) = reach(&self.queues[&caller.queue], at - caller.joined);
                    let has =
                        caller.rings.len() + rings.iter().filter(|(of, _)| of == call).count();
                    if has >= if first { 1 } else { most } {
                        break;
                    }
                    let Some(id) = self.eligible(caller, at) else {
                        break;
                    };
                    self.rings += 1;
                    let person = self.people.get_mut(&id).unwrap();
                    (person.free, person.last_ring) = (false, self.rings);
                    rings.push((*call, id));
                }
            }
        }
        rings
    }
}

/// How many may ring, up to which level.
fn reach(settings: &QueueSettings, waited: u64) -> (usize, u8) {
    let begun: Vec<_> = settings
        .steps
        .iter()
        .filter(|step| step.after.as_secs() <= waited)
        .collect();
    let all = settings.rule == Rule::RingAll;
    let most = begun.iter().map(|step| step.operators).max().unwrap_or(1);
    let named = settings.steps.iter().any(|step| step.level.is_some());
    let level = match begun.last() {
        Some(step) => step.level.unwrap_or(u8::MAX),
        None => {
            if named {
                1
            } else {
                u8::MAX
            }
        }
    };
    (if all { usize::MAX } else { most }, level)
}

/// The queue and the plain rules, told the same.
struct Both {
    seed: u64,
    at: u64,
    chance: Chance,
    domain: Domain,
    plain: Plain,
    /// Claims that ring.
    ringing: BTreeMap<ClaimId, (CallId, OperatorId)>,
    /// Claims that talk, since when.
    talking: BTreeMap<ClaimId, (OperatorId, u64)>,
    last_call: u64,
    decisions: usize,
}

impl Both {
    fn new(seed: u64) -> Self {
        let mut chance = Chance(ChaCha8Rng::seed_from_u64(seed));
        let operators = 1 + chance.below(6);
        let queues = QUEUES.map(|name| (QueueName::from(name), chance.queue(operators)));
        let queues = BTreeMap::from(queues);
        let mut both = Self {
            seed,
            at: 1_000,
            chance,
            domain: Domain::new(seed),
            plain: Plain {
                queues: queues.clone(),
                ..Plain::default()
            },
            ringing: BTreeMap::new(),
            talking: BTreeMap::new(),
            last_call: 0,
            decisions: 0,
        };
        both.tell(Input::Queues(queues));
        let can: BTreeMap<_, _> = (0..operators)
            .map(|number| (OperatorId(number.to_string()), both.chance.skills(2)))
            .collect();
        both.tell(Input::Skills(can.clone()));
        for (id, skills) in can {
            both.at += 1;
            let person = Person {
                skills,
                free: true,
                idle_since: both.at,
                ..Person::default()
            };
            both.plain.people.insert(id.clone(), person);
            both.tell(Input::Add(id.clone()));
            both.tell(Input::Reachable(id.clone(), true));
            both.tell(Input::LogIn(id));
        }
        both
    }

    fn tell(&mut self, input: Input) {
        self.domain.handle(input, now(self.at));
    }

    /// Both decide; they must agree.
    fn compare(&mut self) {
        let mut rings = Vec::new();
        while let Some(action) = self.domain.poll() {
            match action {
                Action::Ring {
                    claim,
                    operator,
                    call,
                    ..
                } => rings.push((call, operator, claim)),
                Action::StopRinging { claim, why, .. } => {
                    self.ring_over(claim, why == RingEnd::NoAnswer)
                }
                Action::Alarm { kind, text } => panic!("seed {}: {kind}: {text}", self.seed),
                _ => {}
            }
        }
        let broken = self.domain.violations(now(self.at).at);
        assert!(broken.is_empty(), "seed {}: {broken:?}", self.seed);
        let expected = self.plain.decide(self.at);
        let found: Vec<_> = rings
            .iter()
            .map(|(call, id, _)| (*call, id.clone()))
            .collect();
        assert_eq!(found, expected, "seed {} at {}", self.seed, self.at);
        self.decisions += found.len();
        for (call, id, claim) in rings {
            self.plain
                .callers
                .get_mut(&call)
                .unwrap()
                .rings
                .insert(claim);
            self.ringing.insert(claim, (call, id));
        }
    }

    /// A ring ended; `let_ring`: the operator did not take the caller.
    fn ring_over(&mut self, claim: ClaimId, let_ring: bool) {
        let Some((call, id)) = self.ringing.remove(&claim) else {
            return;
        };
        let person = self.plain.people.get_mut(&id).unwrap();
        person.free = true;
        if let_ring {
            person.idle_since = self.at;
        }
        if let Some(caller) = self.plain.callers.get_mut(&call) {
            caller.rings.remove(&claim);
            if let_ring {
                caller.peace.insert(id, self.at + 20);
            }
        }
    }

    fn join(&mut self) {
        self.last_call += 1;
        let call = CallId(self.last_call);
        let queue = QueueName::from(QUEUES[self.chance.below(2)]);
        let bonus = if self.chance.one_in(5) { 30 } else { 0 };
        let wants = self.chance.wants(self.plain.people.len());
        let caller = Caller {
            queue: queue.clone(),
            joined: self.at,
            place: (self.at as i64 - bonus as i64, call),
            wants: wants.clone(),
            rings: BTreeSet::new(),
            peace: BTreeMap::new(),
        };
        self.plain.callers.insert(call, caller);
        self.tell(Input::Joined(Joining {
            call,
            settings: Arc::new(self.plain.queues[&queue].clone()),
            queue,
            joined: now(self.at).wall,
            bonus: Duration::from_secs(bonus),
            wants,
        }));
    }

    fn some_ring(&mut self) -> Option<ClaimId> {
        let many = self.ringing.len();
        (many > 0).then(|| *self.ringing.keys().nth(self.chance.below(many)).unwrap())
    }

    fn answer(&mut self) {
        let Some(claim) = self.some_ring() else {
            return;
        };
        let (call, id) = self.ringing[&claim].clone();
        self.ringing.remove(&claim);
        self.plain.callers.remove(&call);
        self.plain.people.get_mut(&id).unwrap().calls += 1;
        self.talking.insert(claim, (id, self.at));
        self.tell(Input::Answered(claim));
    }

    fn end_talk(&mut self) {
        let Some((claim, (id, since))) = self.talking.pop_first() else {
            return;
        };
        let person = self.plain.people.get_mut(&id).unwrap();
        person.talked += self.at - since;
        (person.free, person.idle_since) = (true, self.at);
        self.tell(Input::TalkEnded(claim));
    }

    fn decline(&mut self) {
        let Some(claim) = self.some_ring() else {
            return;
        };
        self.ring_over(claim, true);
        self.tell(Input::RingFailed(claim, RingEnd::Declined { status: 486 }));
    }

    fn leave(&mut self) {
        let many = self.plain.callers.len();
        if many == 0 {
            return;
        }
        let call = *self
            .plain
            .callers
            .keys()
            .nth(self.chance.below(many))
            .unwrap();
        self.plain.callers.remove(&call);
        self.tell(Input::Left(call));
    }

    fn pause(&mut self) {
        let who = self.chance.below(self.plain.people.len());
        let (id, person) = self.plain.people.iter_mut().nth(who).unwrap();
        person.paused = !person.paused;
        let input = match person.paused {
            true => Input::Pause(id.clone(), "lunch".into()),
            false => Input::Resume(id.clone()),
        };
        self.tell(input);
    }

    fn step(&mut self) {
        for _ in 0..self.chance.below(7) {
            self.at += 1;
            self.domain.handle_timeout(now(self.at));
            self.compare();
        }
        match self.chance.below(8) {
            0..=2 => self.join(),
            3 => self.decline(),
            4 => self.answer(),
            5 => self.end_talk(),
            6 => self.leave(),
            _ => self.pause(),
        }
        self.compare();
    }
}

#[test]
fn plain_rules_come_to_the_same_decisions() {
    let mut decisions = 0;
    for seed in 0..300 {
        let mut both = Both::new(seed);
        for _ in 0..150 {
            both.step();
        }
        decisions += both.decisions;
    }
    assert!(decisions > 10_000, "only {decisions} rings were compared");
}
