//! The queue's promises, each by the name of the failure that it rules out, and a naive matcher that
//! must come to the same decisions.

#![allow(clippy::unwrap_used, reason = "a test that fails says so")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use qaynar::event::{OperatorState, RingEnd};
use qaynar::ids::{CallId, OperatorId};
use qaynar::queue::{Action, Announcement, ClaimId, Domain, Input, Joining, QueueSettings, Wants};
use qaynar::time::{Instant, Now, Wall};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

const EPOCH: i64 = 1_795_000_000_000_000;

fn now(seconds: u64) -> Now {
    Now {
        at: Instant(seconds * 1_000_000),
        wall: Wall(EPOCH + seconds as i64 * 1_000_000),
    }
}

fn operator(number: u64) -> OperatorId {
    OperatorId(number.to_string())
}

struct Exchange {
    domain: Domain,
    at: u64,
    actions: Vec<Action>,
    settings: Arc<QueueSettings>,
}

impl Exchange {
    fn new(operators: u64, settings: QueueSettings) -> Self {
        let mut exchange = Self {
            domain: Domain::default(),
            at: 1_000,
            actions: Vec::new(),
            settings: Arc::new(settings.clone()),
        };
        exchange.tell(Input::Queues([("children".into(), settings)].into()));
        for number in 1..=operators {
            exchange.tell(Input::Add(operator(number)));
            exchange.tell(Input::Reachable(operator(number), true));
            exchange.at += 1;
            exchange.tell(Input::LogIn(operator(number)));
        }
        exchange.actions.clear();
        exchange
    }

    fn tell(&mut self, input: Input) {
        self.domain.handle(input, now(self.at));
        self.collect();
    }

    fn collect(&mut self) {
        while let Some(action) = self.domain.poll() {
            self.actions.push(action);
        }
        let broken = self.domain.violations(now(self.at).at);
        assert!(broken.is_empty(), "{broken:?}");
    }

    fn wait(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.at += 1;
            self.domain.handle_timeout(now(self.at));
            self.collect();
        }
    }

    fn join(&mut self, call: u64) {
        let joined = now(self.at).wall;
        let queue = "children".into();
        self.tell(Input::Joined(Joining {
            call: CallId(call),
            queue,
            joined,
            bonus: Duration::ZERO,
            wants: Wants::default(),
            settings: Arc::clone(&self.settings),
        }));
    }

    /// Rings since the last question: call, operator, claim.
    fn rings(&mut self) -> Vec<(u64, String, ClaimId)> {
        let rings = self.actions.iter().filter_map(|action| match action {
            Action::Ring {
                claim,
                operator,
                call,
                ..
            } => Some((call.0, operator.0.clone(), *claim)),
            _ => None,
        });
        let rings = rings.collect();
        self.actions
            .retain(|action| !matches!(action, Action::Ring { .. }));
        rings
    }

    fn stops(&mut self) -> Vec<RingEnd> {
        let stops = self.actions.iter().filter_map(|action| match action {
            Action::StopRinging { why, .. } => Some(why.clone()),
            _ => None,
        });
        let stops = stops.collect();
        self.actions
            .retain(|action| !matches!(action, Action::StopRinging { .. }));
        stops
    }

    fn state(&self, number: u64) -> OperatorState {
        self.domain.state(&operator(number)).unwrap()
    }
}

#[test]
fn the_longest_idle_operator_rings_and_callers_are_served_in_their_order() {
    let mut exchange = Exchange::new(2, QueueSettings::default());
    exchange.join(7);
    exchange.at += 1;
    exchange.join(8);
    exchange.at += 1;
    exchange.join(9);
    let rings = exchange.rings();
    assert_eq!(
        (rings[0].0, rings[0].1.as_str()),
        (7, "1"),
        "1 logged in first"
    );
    assert_eq!((rings[1].0, rings[1].1.as_str()), (8, "2"));
    exchange.tell(Input::Answered(rings[0].2));
    exchange.tell(Input::TalkEnded(rings[0].2));
    assert_eq!(exchange.state(1), OperatorState::WrapUp);
    exchange.wait(20);
    let rings = exchange.rings();
    let rings: Vec<_> = rings.iter().map(|ring| (ring.0, ring.1.as_str())).collect();
    assert_eq!(
        rings,
        [(9, "2"), (8, "1")],
        "2 let 8 ring for 15 s and is left in peace with 8"
    );
}

#[test]
fn one_operator_is_never_rung_for_two_calls() {
    let mut exchange = Exchange::new(1, QueueSettings::default());
    exchange.join(1);
    exchange.join(2);
    assert_eq!(exchange.rings().len(), 1);
    let direct = exchange.domain.claim(
        &operator(1),
        CallId(3),
        Duration::from_secs(5),
        now(exchange.at),
    );
    assert_eq!(direct, None, "a direct ring claims too");
}

#[test]
fn operators_do_not_stay_stuck_in_ringing() {
    let mut exchange = Exchange::new(1, QueueSettings::default());
    exchange.join(1);
    let claim = exchange.rings()[0].2;
    exchange.tell(Input::RingStarted(claim));
    assert_eq!(exchange.state(1), OperatorState::Ringing);
    exchange.wait(15);
    assert_eq!(exchange.stops(), [RingEnd::NoAnswer]);
    assert_eq!(exchange.state(1), OperatorState::Free);
}

#[test]
fn an_operator_who_declined_is_left_in_peace_while_the_others_are_tried() {
    let mut exchange = Exchange::new(2, QueueSettings::default());
    exchange.join(1);
    let claim = exchange.rings()[0].2;
    exchange.tell(Input::RingFailed(claim, RingEnd::Declined { status: 486 }));
    let rings = exchange.rings();
    assert_eq!(rings[0].1, "2");
    exchange.tell(Input::RingFailed(
        rings[0].2,
        RingEnd::Declined { status: 603 },
    ));
    assert!(exchange.rings().is_empty(), "no endless ringing in circles");
    exchange.wait(20);
    assert_eq!(exchange.rings()[0].1, "1", "tried again after the peace");
}

#[test]
fn no_ghost_rings_when_the_caller_has_left() {
    let mut exchange = Exchange::new(1, QueueSettings::default());
    exchange.join(1);
    let claim = exchange.rings()[0].2;
    exchange.tell(Input::Left(CallId(1)));
    assert_eq!(exchange.stops(), [RingEnd::CallerLeft]);
    assert_eq!(exchange.state(1), OperatorState::Free, "without wrap-up");
    exchange.tell(Input::Answered(claim));
    assert_eq!(
        exchange.state(1),
        OperatorState::Free,
        "a late answer changes nothing"
    );
    assert_eq!(exchange.domain.waiting(), 0);
}

#[test]
fn wrap_up_is_a_state_of_its_own_and_can_be_ended() {
    let mut exchange = Exchange::new(1, QueueSettings::default());
    exchange.join(1);
    let claim = exchange.rings()[0].2;
    exchange.tell(Input::Answered(claim));
    assert_eq!(exchange.state(1), OperatorState::Talking);
    exchange.tell(Input::TalkEnded(claim));
    exchange.join(2);
    assert!(exchange.rings().is_empty(), "wrap-up is not cut short");
    exchange.tell(Input::Resume(operator(1)));
    assert_eq!(exchange.rings()[0].0, 2);
}

#[test]
fn nobody_on_shift_is_told_at_once_and_after_a_grace_when_the_last_one_leaves() {
    let mut exchange = Exchange::new(1, QueueSettings::default());
    exchange.tell(Input::LogOut(operator(1)));
    exchange.join(1);
    assert!(
        exchange
            .actions
            .contains(&Action::NobodyOnShift { call: CallId(1) })
    );
    exchange.tell(Input::Left(CallId(1)));
    exchange.tell(Input::LogIn(operator(1)));
    let busy = exchange.domain.claim(
        &operator(1),
        CallId(9),
        Duration::from_secs(60),
        now(exchange.at),
    );
    assert!(busy.is_some());
    exchange.join(2);
    exchange.actions.clear();
    exchange.tell(Input::Reachable(operator(1), false));
    exchange.wait(19);
    assert_eq!(exchange.actions.len(), 0, "{:?}", exchange.actions);
    exchange.wait(1);
    assert_eq!(
        exchange.actions,
        [Action::NobodyOnShift { call: CallId(2) }]
    );
}

#[test]
fn comfort_position_and_thresholds_come_in_time_and_once() {
    let settings = QueueSettings {
        comfort: Some(Duration::from_secs(20)),
        position: Some(Duration::from_secs(30)),
        thresholds: vec![Duration::from_secs(35)],
        ..QueueSettings::default()
    };
    let mut exchange = Exchange::new(1, settings);
    let long = Duration::from_secs(1_000);
    exchange
        .domain
        .claim(&operator(1), CallId(9), long, now(exchange.at));
    exchange.join(1);
    exchange.at += 1;
    exchange.join(2);
    exchange.actions.clear();
    exchange.wait(41);
    let of_two: Vec<_> = exchange
        .actions
        .iter()
        .filter_map(|action| match action {
            Action::Announce {
                call: CallId(2),
                what,
            } => Some(format!("{what:?}")),
            Action::Threshold {
                call: CallId(2),
                index,
            } => Some(format!("threshold {index}")),
            _ => None,
        })
        .collect();
    let position = format!("{:?}", Announcement::Position(2));
    assert_eq!(of_two, ["Comfort", &position, "threshold 0", "Comfort"]);
}

#[test]
fn a_phone_that_nobody_answers_does_not_ring_first_for_every_caller() {
    let mut exchange = Exchange::new(2, QueueSettings::default());
    exchange.join(1);
    let ring = exchange.rings().remove(0);
    assert_eq!(ring.1, "1");
    exchange.tell(Input::RingFailed(ring.2, RingEnd::NoAnswer));
    let ring = exchange.rings().remove(0);
    exchange.tell(Input::Answered(ring.2));
    exchange.tell(Input::TalkEnded(ring.2));
    exchange.wait(21);
    exchange.join(2);
    assert_eq!(exchange.rings()[0].1, "1", "still rung, in turn");
    exchange.join(3);
    assert_eq!(exchange.rings()[0].1, "2");
}

#[test]
fn an_operator_in_a_call_of_ones_own_is_not_rung_meanwhile() {
    let mut exchange = Exchange::new(1, QueueSettings::default());
    exchange.tell(Input::LogOut(operator(1)));
    exchange.tell(Input::Occupied(operator(1), true));
    exchange.tell(Input::LogIn(operator(1)));
    exchange.join(1);
    assert!(exchange.rings().is_empty(), "the code is being spoken back");
    exchange.tell(Input::Occupied(operator(1), false));
    assert_eq!(exchange.rings()[0].1, "1");
}

#[test]
fn an_operator_who_was_removed_and_added_again_while_talking_stays() {
    let mut exchange = Exchange::new(1, QueueSettings::default());
    exchange.join(1);
    let claim = exchange.rings()[0].2;
    exchange.tell(Input::Answered(claim));
    exchange.tell(Input::Remove(operator(1)));
    exchange.tell(Input::Add(operator(1)));
    exchange.tell(Input::TalkEnded(claim));
    assert_eq!(exchange.state(1), OperatorState::WrapUp);
}

#[test]
fn a_caller_whose_queue_the_live_plan_no_longer_has_is_served_all_the_same() {
    let mut exchange = Exchange::new(1, QueueSettings::default());
    exchange.tell(Input::Queues(BTreeMap::new()));
    exchange.join(1);
    assert_eq!(exchange.rings()[0].0, 1);
}

#[test]
fn nobody_is_on_shift_while_the_only_operator_is_paused() {
    let mut exchange = Exchange::new(1, QueueSettings::default());
    exchange.tell(Input::Pause(operator(1), "lunch".into()));
    assert_eq!(exchange.domain.on_shift(), 0);
    exchange.join(1);
    let told = Action::NobodyOnShift { call: CallId(1) };
    assert!(exchange.actions.contains(&told));
}

#[test]
fn an_operator_who_is_removed_while_talking_finishes_the_call() {
    let mut exchange = Exchange::new(1, QueueSettings::default());
    exchange.join(1);
    let claim = exchange.rings()[0].2;
    exchange.tell(Input::Answered(claim));
    exchange.tell(Input::Remove(operator(1)));
    assert_eq!(exchange.state(1), OperatorState::Talking);
    exchange.tell(Input::TalkEnded(claim));
    assert_eq!(exchange.domain.state(&operator(1)), None);
}

#[test]
fn a_caller_keeps_the_place_of_the_first_joining() {
    let mut exchange = Exchange::new(1, QueueSettings::default());
    exchange.tell(Input::Pause(operator(1), "lunch".into()));
    exchange.join(1);
    exchange.at += 10;
    let joined = now(exchange.at - 60).wall;
    let queue = "children".into();
    exchange.tell(Input::Joined(Joining {
        call: CallId(2),
        queue,
        joined,
        bonus: Duration::ZERO,
        wants: Wants::default(),
        settings: Arc::clone(&exchange.settings),
    }));
    assert_eq!(exchange.domain.position(CallId(2)), 1);
    assert_eq!(exchange.domain.position(CallId(1)), 2);
}

#[test]
fn operators_states_survive_a_restart() {
    let mut exchange = Exchange::new(3, QueueSettings::default());
    exchange.tell(Input::Pause(operator(2), "lunch".into()));
    exchange.tell(Input::LogOut(operator(3)));
    let snapshot = exchange.domain.snapshot(now(exchange.at));
    let mut after = Exchange::new(0, QueueSettings::default());
    for number in 1..=3 {
        after.tell(Input::Add(operator(number)));
        after.tell(Input::Reachable(operator(number), true));
    }
    after.domain.restore(&snapshot, now(5));
    assert_eq!(after.state(1), OperatorState::Free);
    assert_eq!(after.state(2), OperatorState::Paused);
    assert_eq!(after.state(3), OperatorState::LoggedOut);
}

/// The rules in their plainest form: sorted lists, searched from the beginning each time.
#[derive(Default)]
struct Naive {
    /// Idle since, name.
    free: BTreeSet<(i64, OperatorId)>,
    /// Joined, call.
    waiting: BTreeSet<(i64, CallId)>,
    peace: BTreeMap<(CallId, OperatorId), u64>,
}

impl Naive {
    fn decide(&mut self, at: u64) -> Vec<(CallId, OperatorId)> {
        let mut rings = Vec::new();
        for caller in self.waiting.clone() {
            let chosen = self.free.iter().find(|(_, id)| {
                self.peace
                    .get(&(caller.1, id.clone()))
                    .is_none_or(|until| *until <= at)
            });
            if let Some(chosen) = chosen.cloned() {
                self.free.remove(&chosen);
                self.waiting.remove(&caller);
                rings.push((caller.1, chosen.1));
            }
        }
        rings
    }
}

#[test]
fn a_naive_matcher_comes_to_the_same_decisions() {
    for seed in 0..200 {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let settings = QueueSettings {
            wrap_up: Duration::ZERO,
            ring_for: Duration::from_secs(100_000),
            ..QueueSettings::default()
        };
        let mut exchange = Exchange::new(3, settings);
        let mut naive = Naive::default();
        for number in 1..=3 {
            // All have been idle since they logged in, a second after each other.
            let since = EPOCH + (1_000 + number) * 1_000_000;
            naive.free.insert((since, operator(number as u64)));
        }
        let mut rung: Vec<(CallId, OperatorId, ClaimId, i64)> = Vec::new();
        let mut joined: BTreeMap<CallId, i64> = BTreeMap::new();
        let mut next_call = 0;
        for _ in 0..200 {
            for _ in 0..=random.next_u32() % 7 {
                exchange.wait(1);
                // What the passing of time alone decided.
                check(&mut exchange, &mut naive, &mut rung, &joined, seed);
            }
            match random.next_u32() % 4 {
                0 | 1 => {
                    next_call += 1;
                    let at = now(exchange.at).wall.0;
                    joined.insert(CallId(next_call), at);
                    naive.waiting.insert((at, CallId(next_call)));
                    exchange.join(next_call);
                }
                2 if !rung.is_empty() => {
                    let at = random.next_u32() as usize % rung.len();
                    let (call, id, claim, since) = rung.remove(at);
                    // Who let a caller ring goes behind the others.
                    let refused = now(exchange.at).wall.0;
                    naive.free.insert((refused, id.clone()));
                    naive.waiting.insert((since, call));
                    naive.peace.insert((call, id), exchange.at + 20);
                    exchange.tell(Input::RingFailed(claim, RingEnd::Declined { status: 486 }));
                }
                3 if !rung.is_empty() => {
                    let at = random.next_u32() as usize % rung.len();
                    let (_, id, claim, _) = rung.remove(at);
                    exchange.tell(Input::Answered(claim));
                    exchange.tell(Input::TalkEnded(claim));
                    let since = now(exchange.at).wall.0;
                    naive.free.insert((since, id));
                }
                _ => {}
            }
            check(&mut exchange, &mut naive, &mut rung, &joined, seed);
        }
    }
}

fn check(
    exchange: &mut Exchange,
    naive: &mut Naive,
    rung: &mut Vec<(CallId, OperatorId, ClaimId, i64)>,
    joined: &BTreeMap<CallId, i64>,
    seed: u64,
) {
    let expected: BTreeSet<_> = naive.decide(exchange.at).into_iter().collect();
    let rings = exchange.rings();
    let found: BTreeSet<_> = rings
        .iter()
        .map(|(call, id, _)| (CallId(*call), OperatorId(id.clone())))
        .collect();
    assert_eq!(found, expected, "seed {seed} at {}", exchange.at);
    for (call, id, claim) in rings {
        rung.push((CallId(call), OperatorId(id), claim, joined[&CallId(call)]));
    }
}
