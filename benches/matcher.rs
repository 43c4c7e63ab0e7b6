//! The matcher under a load that no helpline has: growth is what counts, O(distinct skill sets × log n).
//! `cargo bench --bench matcher`

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use qaynar::ids::{CallId, OperatorId, Skill};
use qaynar::queue::{
    Action, ClaimId, Domain, Input, Joining, QueueSettings, Required, Rule, Wants,
};
use qaynar::time::{Instant, Now, Wall};

struct Load {
    domain: Domain,
    at: u64,
    next_call: u64,
    ringing: VecDeque<ClaimId>,
    settings: Arc<QueueSettings>,
    /// How many sets of skills there are, of operators and of wants.
    sets: u64,
}

impl Load {
    /// `operators` who all ring, and `waiting` callers behind them. With `sets` of skills each operator can
    /// one of so many things, and each caller needs one of them.
    fn new(operators: u64, waiting: u64, sets: u64, rule: Rule) -> Self {
        let settings = QueueSettings {
            rule,
            wrap_up: Duration::ZERO,
            ring_for: Duration::from_secs(1_000_000),
            comfort: None,
            ..QueueSettings::default()
        };
        let mut load = Self {
            domain: Domain::default(),
            at: 1,
            next_call: 0,
            ringing: VecDeque::new(),
            settings: Arc::new(settings.clone()),
            sets,
        };
        load.tell(Input::Queues([("children".into(), settings)].into()));
        let skills = (0..operators).filter(|_| sets > 1).map(|number| {
            let skills = BTreeSet::from([skill(number % sets)]);
            (OperatorId(number.to_string()), skills)
        });
        load.tell(Input::Skills(skills.collect::<BTreeMap<_, _>>()));
        for number in 0..operators {
            let id = OperatorId(number.to_string());
            load.tell(Input::Add(id.clone()));
            load.tell(Input::Reachable(id.clone(), true));
            load.tell(Input::LogIn(id));
        }
        for _ in 0..operators + waiting {
            load.join();
        }
        load
    }

    fn tell(&mut self, input: Input) {
        self.at += 1;
        let now = Now {
            at: Instant(self.at),
            wall: Wall(self.at as i64),
        };
        self.domain.handle(input, now);
        while let Some(action) = self.domain.poll() {
            if let Action::Ring { claim, .. } = action {
                self.ringing.push_back(claim);
            }
        }
    }

    fn join(&mut self) {
        self.next_call += 1;
        let joined = Wall(self.at as i64);
        let needs = (self.sets > 1).then(|| Required {
            skill: skill(self.next_call % self.sets),
            until: None,
        });
        let wants = Wants {
            required: needs.into_iter().collect(),
            ..Wants::default()
        };
        self.tell(Input::Joined(Joining {
            call: CallId(self.next_call),
            queue: "children".into(),
            joined,
            bonus: Duration::ZERO,
            wants,
            settings: Arc::clone(&self.settings),
        }));
    }

    /// One caller is answered, talks, goes; the operator rings for the next; another caller joins.
    fn turn(&mut self) {
        if let Some(claim) = self.ringing.pop_front() {
            self.tell(Input::Answered(claim));
            self.tell(Input::TalkEnded(claim));
        }
        self.join();
    }
}

fn skill(number: u64) -> Skill {
    Skill(format!("skill-{number}"))
}

fn turns(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("answer, end, ring the next, join");
    for (operators, waiting) in [(10, 100), (100, 1_000), (1_000, 10_000)] {
        let mut load = Load::new(operators, waiting, 1, Rule::default());
        let name = BenchmarkId::from_parameter(format!("{operators} operators, {waiting} waiting"));
        group.bench_function(name, |bencher| bencher.iter(|| load.turn()));
    }
    for sets in [1, 10, 100] {
        let mut load = Load::new(1_000, 10_000, sets, Rule::default());
        let name =
            BenchmarkId::from_parameter(format!("1000 operators, 10000 waiting, {sets} sets"));
        group.bench_function(name, |bencher| bencher.iter(|| load.turn()));
    }
    group.finish();
}

/// Each rule alone: none costs more than the others by much.
fn rules(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("1000 operators, 10000 waiting, by rule");
    // All ring together there: ten thousand rings for each caller are no matcher's work.
    for rule in Rule::ALL.into_iter().filter(|rule| *rule != Rule::RingAll) {
        let mut load = Load::new(1_000, 10_000, 1, rule);
        let name = BenchmarkId::from_parameter(format!("{rule:?}"));
        group.bench_function(name, |bencher| bencher.iter(|| load.turn()));
    }
    group.finish();
}

criterion_group!(benches, turns, rules);
criterion_main!(benches);
