//! The queue's promises, each by the name of the failure that it rules out.

#![allow(clippy::unwrap_used, reason = "a test that fails says so")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use qaynar::event::{OperatorState, RingEnd};
use qaynar::ids::{CallId, OperatorId};
use qaynar::queue::{
    Action, Announcement, ClaimId, Domain, Input, Joining, Member, QueueSettings, Required,
    RingStep, Rule, Wants,
};
use qaynar::time::{Instant, Now, Wall};

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
        self.join_with(call, Wants::default());
    }

    fn join_with(&mut self, call: u64, wants: Wants) {
        self.join_before(call, wants, Duration::ZERO);
    }

    fn join_before(&mut self, call: u64, wants: Wants, bonus: Duration) {
        self.tell(Input::Joined(Joining {
            call: CallId(call),
            queue: "children".into(),
            joined: now(self.at).wall,
            bonus,
            wants,
            settings: Arc::clone(&self.settings),
        }));
    }

    /// Who began to wait since the last question, and why.
    fn waits(&mut self) -> Vec<(u64, String)> {
        let waits = self.actions.iter().filter_map(|action| match action {
            Action::Waits { call, reason } => Some((call.0, reason.clone())),
            _ => None,
        });
        let waits = waits.collect();
        self.actions
            .retain(|action| !matches!(action, Action::Waits { .. }));
        waits
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

/// Everybody rings; who is faster has the caller, and the others stop without a mark against them.
#[test]
fn all_ring_together_and_stop_when_one_answers() {
    let mut exchange = Exchange::new(3, by(Rule::RingAll));
    exchange.join(1);
    let rings = exchange.rings();
    assert_eq!(rings.len(), 3, "{rings:?}");
    exchange.tell(Input::Answered(rings[1].2));
    assert_eq!(
        exchange.stops(),
        [RingEnd::AnsweredElsewhere, RingEnd::AnsweredElsewhere]
    );
    exchange.join(2);
    let rings = exchange.rings();
    let rung: Vec<_> = rings.iter().map(|ring| ring.1.as_str()).collect();
    assert_eq!(rung, ["1", "3"], "both at once, in the old order");
}

#[test]
fn each_waiting_caller_has_a_phone_before_anybody_has_two() {
    let mut exchange = Exchange::new(0, by(Rule::RingAll));
    exchange.join(1);
    exchange.join(2);
    for number in 1..=3 {
        exchange.tell(Input::Add(operator(number)));
        exchange.tell(Input::Reachable(operator(number), true));
        exchange.tell(Input::LogIn(operator(number)));
    }
    let rung: Vec<_> = exchange
        .rings()
        .into_iter()
        .map(|ring| (ring.0, ring.1))
        .collect();
    let expected = [(1, "1"), (2, "2"), (1, "3")];
    assert_eq!(rung, expected.map(|(call, id)| (call, id.to_owned())));
}

#[test]
fn more_operators_ring_and_higher_levels_the_longer_a_caller_waits() {
    let step = |after, operators, level| RingStep {
        after: Duration::from_secs(after),
        operators,
        level,
    };
    let mut settings = QueueSettings {
        ring_for: Duration::from_secs(60),
        members: Some(
            (1..=4)
                .map(|number| Member::new(operator(number)))
                .collect(),
        ),
        steps: vec![step(10, 3, Some(1)), step(30, 4, Some(2))],
        ..QueueSettings::default()
    };
    if let Some(members) = &mut settings.members {
        members[3].level = 2;
    }
    let mut exchange = Exchange::new(4, settings);
    exchange.join(1);
    assert_eq!(exchange.rings().len(), 1);
    exchange.wait(9);
    assert_eq!(exchange.rings().len(), 0);
    exchange.wait(1);
    assert_eq!(exchange.rings().len(), 2, "two more after 10 s");
    exchange.wait(19);
    assert_eq!(exchange.rings().len(), 0, "4 is of level 2");
    exchange.wait(1);
    assert_eq!(exchange.rings()[0].1, "4");
}

#[test]
fn who_does_not_answer_is_paused_but_never_the_last_on_shift() {
    let settings = QueueSettings {
        pause_after: Some(2),
        peace: Duration::from_secs(1),
        ..QueueSettings::default()
    };
    let mut exchange = Exchange::new(2, settings);
    exchange.join(1);
    exchange.wait(15 * 3 + 1);
    assert_eq!(exchange.state(1), OperatorState::Paused, "after two rings");
    exchange.wait(15 * 4);
    assert_ne!(
        exchange.state(2),
        OperatorState::Paused,
        "nobody else is there"
    );
    let alarm = |action: &Action| {
        matches!(
            action,
            Action::Alarm {
                kind: "last-operator-silent",
                ..
            }
        )
    };
    assert!(exchange.actions.iter().any(alarm), "a person should look");
    exchange.tell(Input::Resume(operator(1)));
    assert_eq!(exchange.domain.on_shift(), 2);
}

#[test]
fn a_required_skill_is_waited_for_and_let_go_in_time() {
    let mut exchange = Exchange::new(2, QueueSettings::default());
    let skills = |names: &[&str]| names.iter().map(|name| (*name).into()).collect();
    let russian = [(operator(2), skills(&["ru"]))];
    exchange.tell(Input::Skills(russian.into()));
    let required = |until: Option<u64>| Wants {
        required: vec![Required {
            skill: "ru".into(),
            until: until.map(Duration::from_secs),
        }],
        ..Wants::default()
    };
    exchange.join_with(1, required(None));
    assert_eq!(
        exchange.rings()[0].1,
        "2",
        "1 is idle for longer, and cannot"
    );
    exchange.join_with(2, required(Some(30)));
    assert_eq!(
        exchange.waits(),
        [(2, "nobody who is free can ru".to_owned())]
    );
    exchange.wait(29);
    let rung = exchange.rings();
    assert_eq!((rung[0].0, rung[0].1.as_str()), (2, "2"), "let 1 ring");
    assert_eq!(rung.len(), 1);
    exchange.wait(1);
    let rung = exchange.rings();
    assert_eq!((rung[0].0, rung[0].1.as_str()), (2, "1"), "let go at 30 s");
}

#[test]
fn a_caller_who_was_cut_off_comes_first_and_to_the_same_operator() {
    let mut exchange = Exchange::new(3, QueueSettings::default());
    for call in 1..=3 {
        exchange.join(call);
    }
    let rings = exchange.rings();
    for ring in &rings {
        exchange.tell(Input::Answered(ring.2));
    }
    exchange.at += 60;
    exchange.join(4);
    exchange.at += 1;
    let known = Wants {
        operator: Some(operator(2)),
        ..Wants::default()
    };
    exchange.join_before(5, known, Duration::from_secs(3_600));
    assert_eq!(exchange.domain.position(CallId(5)), 1);
    for ring in &rings {
        exchange.tell(Input::TalkEnded(ring.2));
    }
    for number in 1..=3 {
        exchange.tell(Input::Resume(operator(number)));
    }
    let rung: Vec<_> = exchange
        .rings()
        .into_iter()
        .map(|ring| (ring.0, ring.1))
        .collect();
    assert_eq!(
        rung[0],
        (5, "1".to_owned()),
        "whoever is free first, at once"
    );
    exchange.join_with(
        6,
        Wants {
            operator: Some(operator(3)),
            ..Wants::default()
        },
    );
    assert_eq!(exchange.rings()[0].1, "3");
}

#[test]
fn every_wait_has_its_reason() {
    let mut exchange = Exchange::new(2, QueueSettings::default());
    exchange.join(1);
    let claim = exchange.rings()[0].2;
    exchange.tell(Input::Answered(claim));
    exchange.join(2);
    exchange.join(3);
    let reason = "nobody is free: 1 ring, 1 talk".to_owned();
    assert_eq!(exchange.waits(), [(3, reason)]);
    exchange.tell(Input::Held(claim, true));
    assert_eq!(exchange.state(1), OperatorState::OnHold);
    exchange.join(4);
    let reason = "nobody is free: 1 ring, 1 hold a call".to_owned();
    assert_eq!(exchange.waits(), [(4, reason)]);
}

#[test]
fn a_full_line_says_so() {
    let settings = QueueSettings {
        max_waiting: Some(1),
        ..QueueSettings::default()
    };
    let mut exchange = Exchange::new(1, settings);
    exchange.join(1);
    exchange.join(2);
    assert!(exchange.actions.contains(&Action::Full { call: CallId(2) }));
    assert_eq!(exchange.domain.waiting(), 1);
}

#[test]
fn estimates_follow_what_calls_took() {
    let settings = QueueSettings {
        wrap_up: Duration::ZERO,
        ..QueueSettings::default()
    };
    let mut exchange = Exchange::new(2, settings);
    for call in 1..=200 {
        exchange.join(call);
        let claim = exchange.rings()[0].2;
        exchange.tell(Input::Answered(claim));
        exchange.at += 100;
        exchange.tell(Input::TalkEnded(claim));
    }
    for call in 301..=304 {
        exchange.join(call);
    }
    for ring in exchange.rings() {
        exchange.tell(Input::Answered(ring.2));
    }
    let estimate = exchange.domain.estimate(CallId(304)).unwrap();
    assert_eq!(estimate.as_secs(), 100, "two places of 100 s over 2");
    assert_eq!(exchange.domain.estimate(CallId(1)), None, "waits no more");
}

#[test]
fn a_new_day_counts_from_nothing() {
    let mut exchange = Exchange::new(2, by(Rule::FewestCalls));
    exchange.join(1);
    let ring = exchange.rings().remove(0);
    assert_eq!(ring.1, "1");
    exchange.tell(Input::Answered(ring.2));
    exchange.tell(Input::TalkEnded(ring.2));
    exchange.tell(Input::Resume(operator(1)));
    exchange.join(2);
    let ring = exchange.rings().remove(0);
    assert_eq!(ring.1, "2", "1 has had a call today");
    exchange.tell(Input::Left(CallId(2)));
    exchange.tell(Input::NewDay);
    exchange.join(3);
    assert_eq!(exchange.rings()[0].1, "1");
}

fn by(rule: Rule) -> QueueSettings {
    QueueSettings {
        rule,
        ..QueueSettings::default()
    }
}
