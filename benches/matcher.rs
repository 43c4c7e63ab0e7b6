//! The matcher under a load that no helpline has: growth is what counts.
//! `cargo bench --bench matcher`

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use qaynar::ids::{CallId, OperatorId};
use qaynar::queue::{Action, ClaimId, Domain, Input, Joining, QueueSettings, Wants};
use qaynar::time::{Instant, Now, Wall};

struct Load {
    domain: Domain,
    at: u64,
    next_call: u64,
    ringing: VecDeque<ClaimId>,
    settings: Arc<QueueSettings>,
}

impl Load {
    /// `operators` who all ring, and `waiting` callers behind them.
    fn new(operators: u64, waiting: u64) -> Self {
        let settings = QueueSettings {
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
        };
        load.tell(Input::Queues([("children".into(), settings)].into()));
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
        self.tell(Input::Joined(Joining {
            call: CallId(self.next_call),
            queue: "children".into(),
            joined,
            bonus: Duration::ZERO,
            wants: Wants::default(),
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

fn turns(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("answer, end, ring the next, join");
    for (operators, waiting) in [(10, 100), (100, 1_000), (1_000, 10_000)] {
        let mut load = Load::new(operators, waiting);
        let name = BenchmarkId::from_parameter(format!("{operators} operators, {waiting} waiting"));
        group.bench_function(name, |bencher| bencher.iter(|| load.turn()));
    }
    group.finish();
}

criterion_group!(benches, turns);
criterion_main!(benches);
