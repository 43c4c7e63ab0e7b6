//! The wait: keys that leave the line, estimates that are measured, and callers who are called back.

use std::time::Duration;

use qaynar::event::{CallRecord, Direction, Outcome, What};
use qaynar::ids::CallId;
use qaynar::phone::{Manner, OnRing, Stage};

use crate::house;
use crate::players::Role;
use crate::scenarios::{SECOND, answers, caller, dial, ends_well, operator, record, world};
use crate::world::{Act, Deed, World};

/// The plan that offers a callback after ten seconds, by key 1.
fn offering() -> World {
    offering_with("calls_a_day = 8")
}

/// The same, with other caps on calls to mobile numbers.
fn offering_with(caps: &str) -> World {
    let mut world = world();
    let (before, rest) = house::OTHER.split_once("  { menu = ").expect("a menu");
    let (_, rest) = rest.split_once("  { queue = ").expect("a queue");
    let text = format!("{before}  {{ play = \"greeting\" }},\n  {{ queue = {rest}");
    let text = text.replace("calls_a_day = 8", caps);
    world.plans.push(house::plan(&text));
    world.act(Act::Apply(world.plans.len() - 1));
    world
}

/// Somebody who takes calls outside, and presses a key then, or none.
fn callee(world: &mut World, keys: Vec<(Duration, char)>) -> usize {
    let manner = Manner {
        on_ring: OnRing::Answer { after: SECOND * 2 },
        keys,
        ..Manner::default()
    };
    world.player(Role::Carrier(house::CARRIERS[0]), manner, |_| {})
}

fn another(world: &mut World, number: &str) -> usize {
    world.player(Role::Caller(number.into()), Manner::default(), |_| {})
}

fn press(world: &mut World, player: usize, keys: &str) {
    for key in keys.chars() {
        world.deed(player, Deed::Press(key));
        world.run(SECOND);
    }
}

/// A busy operator, and somebody who waited for long enough and asked to be called back.
fn asked() -> (World, usize, usize, usize) {
    asked_in(offering())
}

fn asked_in(mut world: World) -> (World, usize, usize, usize) {
    let operator = operator(&mut world, "101", answers(SECOND));
    let first = another(&mut world, "0501110000");
    dial(&mut world, first);
    world.run(SECOND * 4);
    assert_eq!(world.switch.counts().talking, 1);
    let caller = caller(&mut world);
    dial(&mut world, caller);
    world.run(SECOND * 14);
    press(&mut world, caller, "111");
    world.run(SECOND * 3);
    assert_eq!(world.switch.counts().callbacks, 1);
    assert_eq!(
        world.players[caller].phone.stage(),
        None,
        "the call is over"
    );
    (world, operator, first, caller)
}

fn whats(world: &World) -> Vec<&What> {
    world.books.events.iter().map(|event| &event.what).collect()
}

fn outcomes(world: &World) -> Vec<Outcome> {
    let outcome = |what: &&What| match what {
        What::CallbackEnded { outcome } => Some(*outcome),
        _ => None,
    };
    whats(world).iter().filter_map(outcome).collect()
}

fn back(world: &World) -> CallRecord {
    let calls: Vec<CallId> = world
        .books
        .open
        .iter()
        .chain(&world.books.ended)
        .copied()
        .collect();
    let records = calls.iter().filter_map(|call| world.books.record(*call));
    let mut back = records.filter(|record| record.direction == Direction::Back);
    back.next().expect("a callback has a record").clone()
}

#[test]
fn who_is_called_back_keeps_the_place_and_is_heard() {
    let (mut world, operator, first, caller) = asked();
    let callee = callee(&mut world, vec![(SECOND * 3, '5')]);
    let late = another(&mut world, "0501119999");
    dial(&mut world, late);
    world.run(SECOND * 2);
    world.deed(first, Deed::HangUp);
    world.run(SECOND * 14);
    assert_eq!(world.switch.counts().talking, 1);
    let tone = |player: usize| world.players[player].phone.settings().tone;
    let heard = |player: usize| world.players[player].phone.tone_heard();
    assert_eq!(heard(callee), Some(tone(operator)));
    assert_eq!(heard(operator), Some(tone(callee)));
    let waits = world.books.records_of(late)[0].connected;
    assert_eq!(waits, None, "who came later waits");
    let asked = record(&world, caller);
    let record = back(&world);
    assert_eq!(record.caller, asked.caller, "the same person");
    assert_eq!(record.operator, Some("101".into()));
    world.deed(callee, Deed::HangUp);
    world.run(SECOND * 8);
    assert!(world.books.records_of(late)[0].connected.is_some());
    world.deed(late, Deed::HangUp);
    ends_well(&mut world);
    assert_eq!(outcomes(&world), [Outcome::Reached]);
    let journal = format!("{:?}", world.books.events);
    assert!(!journal.contains("501112233"), "no number is journalled");
}

#[test]
fn who_answers_without_a_key_is_left_in_peace_after_the_last_attempt() {
    let (mut world, operator, first, _) = asked();
    callee(&mut world, Vec::new());
    world.deed(first, Deed::HangUp);
    let told = |world: &World| world.players[operator].phone.tone_heard() == Some(2_850);
    assert!(world.run_until(SECOND * 45, told), "the operator is told");
    world.run(SECOND * 4);
    assert_eq!(world.switch.counts().talking, 0);
    assert_eq!(world.switch.callbacks()[0].state, "later");
    assert_eq!(world.players[operator].phone.stage(), None, "free again");
    world.run(SECOND * 90);
    assert_eq!(outcomes(&world), [Outcome::NotReached]);
    let taken = |what: &&&What| matches!(what, What::CallbackTaken { .. });
    assert_eq!(
        whats(&world).iter().filter(taken).count(),
        2,
        "attempts = 2"
    );
    assert_eq!(back(&world).connected, None);
    ends_well(&mut world);
}

/// A promise is kept though the day's calls are used up by then, and counts among them; no further one is given.
#[test]
fn callbacks_count_among_the_calls_outside() {
    let (mut world, _, first, _) = asked_in(offering_with("calls_a_day = 1"));
    let callee = callee(&mut world, vec![(SECOND * 3, '5')]);
    world.deed(first, Deed::HangUp);
    world.run(SECOND * 14);
    assert_eq!(world.players[callee].phone.stage(), Some(Stage::Up));
    let second = another(&mut world, "0501112244");
    dial(&mut world, second);
    world.run(SECOND * 14);
    press(&mut world, second, "111");
    world.run(SECOND * 3);
    let promised = world.switch.callbacks().len();
    assert_eq!(promised, 1, "the one that goes on, and no other");
    assert_eq!(
        world.players[second].phone.stage(),
        Some(Stage::Up),
        "still in the line"
    );
    world.deed(callee, Deed::HangUp);
    world.run(SECOND * 8);
    assert!(world.books.records_of(second)[0].connected.is_some());
    world.deed(second, Deed::HangUp);
    ends_well(&mut world);
}

#[test]
fn a_callback_outlives_the_process_with_its_place() {
    let (mut world, _, first, _) = asked();
    let callee = callee(&mut world, vec![(SECOND * 3, '5')]);
    let before = world.switch.callbacks();
    world.act(Act::Crash(SECOND));
    world.run(SECOND * 3);
    let after = world.switch.callbacks();
    assert_eq!(after, before);
    world.deed(first, Deed::HangUp);
    world.run(SECOND * 20);
    assert_eq!(world.players[callee].phone.stage(), Some(Stage::Up));
    assert_eq!(world.switch.counts().talking, 1);
    world.deed(callee, Deed::HangUp);
    ends_well(&mut world);
    assert_eq!(outcomes(&world), [Outcome::Reached]);
}

/// The process ends between the operator's answer and the callee's: the next one begins the attempt anew.
#[test]
fn an_attempt_that_a_crash_cut_off_is_made_again() {
    let (mut world, _, first, _) = asked();
    callee(&mut world, vec![(SECOND * 3, '5')]);
    world.deed(first, Deed::HangUp);
    let dialling = |world: &World| world.switch.callbacks()[0].state == "dialling";
    assert!(world.run_until(SECOND * 20, dialling));
    world.act(Act::Crash(SECOND));
    let talking = |world: &World| world.switch.counts().talking == 1;
    assert!(world.run_until(SECOND * 60, talking));
    ends_well_after(&mut world, SECOND * 3);
    assert_eq!(outcomes(&world), [Outcome::Reached]);
}

fn ends_well_after(world: &mut World, time: Duration) {
    world.run(time);
    for player in 0..world.players.len() {
        world.deed(player, Deed::HangUp);
    }
    ends_well(world);
}

#[test]
fn who_calls_again_is_told_of_the_first_and_settles_it_by_talking() {
    let (mut world, _, first, caller) = asked();
    dial(&mut world, caller);
    world.run(SECOND * 14);
    press(&mut world, caller, "1");
    world.run(SECOND * 2);
    assert_eq!(world.switch.counts().callbacks, 1, "no second one");
    assert_eq!(world.switch.counts().waiting, 1, "and waits on");
    world.deed(first, Deed::HangUp);
    // The callback's turn is first; nobody outside takes it, and then the caller is served.
    world.run(SECOND * 5);
    let talking = |world: &World| world.switch.counts().talking == 1;
    assert!(world.run_until(SECOND * 90, talking));
    assert_eq!(outcomes(&world), [Outcome::CalledAgain]);
    assert_eq!(world.switch.counts().callbacks, 0);
    ends_well_after(&mut world, SECOND);
}

#[test]
fn a_hidden_caller_types_a_number_and_others_are_not_called() {
    let mut world = offering();
    operator(&mut world, "101", answers(SECOND));
    let first = another(&mut world, "0501110000");
    dial(&mut world, first);
    world.run(SECOND * 4);
    let hidden = another(&mut world, "anonymous");
    dial(&mut world, hidden);
    world.run(SECOND * 14);
    press(&mut world, hidden, "1");
    // Not for help, not abroad, not the helpline: nothing is agreed to by more keys.
    for number in ["112#", "00905321234567#", "116111#"] {
        press(&mut world, hidden, number);
        assert_eq!(world.switch.counts().callbacks, 0, "{number}");
    }
    assert_eq!(world.switch.counts().waiting, 1, "the place is kept");
    press(&mut world, hidden, "1");
    press(&mut world, hidden, "0501114477#");
    press(&mut world, hidden, "11");
    assert_eq!(world.switch.counts().callbacks, 1);
    let listed = format!("{:?}", world.switch.callbacks());
    assert!(
        listed.contains("C-") && !listed.contains("501114477"),
        "{listed}"
    );
    ends_well_after(&mut world, SECOND);
    assert_eq!(
        outcomes(&world),
        [Outcome::Cancelled],
        "cancelled at the end of the play"
    );
}

#[test]
fn a_time_can_be_chosen_and_silence_is_no_consent() {
    let mut world = offering();
    operator(&mut world, "101", answers(SECOND));
    let first = another(&mut world, "0501110000");
    dial(&mut world, first);
    world.run(SECOND * 4);
    let (silent, later) = (
        another(&mut world, "0501112211"),
        another(&mut world, "0501112222"),
    );
    dial(&mut world, silent);
    dial(&mut world, later);
    world.run(SECOND * 14);
    press(&mut world, silent, "11");
    press(&mut world, later, "112");
    world.run(SECOND * 30);
    let callbacks = world.switch.callbacks();
    assert_eq!(callbacks.len(), 1);
    assert_eq!(callbacks[0].state, "later");
    // 2026-11-23 16:00 in Baku.
    assert_eq!(
        callbacks[0].due.map(|due| due.0),
        Some(1_795_435_200_000_000)
    );
    assert_eq!(
        world.switch.counts().waiting,
        1,
        "who pressed nothing waits on"
    );
    ends_well_after(&mut world, SECOND);
}

#[test]
fn a_key_leaves_the_line_for_its_path() {
    let mut world = offering();
    operator(&mut world, "101", answers(SECOND));
    let first = another(&mut world, "0501110000");
    dial(&mut world, first);
    world.run(SECOND * 4);
    let caller = caller(&mut world);
    dial(&mut world, caller);
    world.run(SECOND * 5);
    press(&mut world, caller, "0");
    let left = |what: &&&What| matches!(what, What::LeftQueue { reason, .. } if reason == "the caller pressed 0");
    assert_eq!(whats(&world).iter().filter(left).count(), 1);
    let record = record(&world, caller);
    assert_eq!(
        record.queue,
        Some("late".into()),
        "the path rings 101, then queues there"
    );
    ends_well_after(&mut world, SECOND * 2);
}

#[test]
fn an_estimate_is_told_only_after_some_calls_and_measured_against_what_came() {
    let mut world = offering();
    operator(&mut world, "101", answers(SECOND));
    let told = |what: &&&What| matches!(what, What::Estimated { .. });
    let met = |what: &&&What| matches!(what, What::EstimateMet { .. });
    // Two wait together: nothing was seen yet, so nothing is told.
    let (first, second) = (
        another(&mut world, "0501110000"),
        another(&mut world, "0501110001"),
    );
    dial(&mut world, first);
    dial(&mut world, second);
    world.run(SECOND * 24);
    assert_eq!(whats(&world).iter().filter(told).count(), 0);
    for player in [first, second, first] {
        world.deed(player, Deed::HangUp);
        world.run(SECOND * 8);
        if world.switch.counts().talking == 0 {
            dial(&mut world, first);
            world.run(SECOND * 20);
        }
    }
    dial(&mut world, first);
    world.run(SECOND * 8);
    dial(&mut world, second);
    world.run(SECOND * 20);
    assert!(whats(&world).iter().filter(told).count() > 0);
    assert_eq!(whats(&world).iter().filter(met).count(), 0);
    world.deed(first, Deed::HangUp);
    world.run(SECOND * 8);
    assert_eq!(whats(&world).iter().filter(met).count(), 1);
    ends_well_after(&mut world, SECOND);
}

/// The days that seeds draw have what their invariants are about.
#[test]
fn callers_of_the_days_are_called_back() {
    let (mut asked, mut reached, mut failed, mut met) = (0, 0, 0, 0);
    for seed in 0..30 {
        let world = crate::crowd::day(seed, crate::SMALL, false);
        for what in whats(&world) {
            match what {
                What::CallbackAsked { .. } => asked += 1,
                What::CallbackFailed { .. } => failed += 1,
                What::CallbackEnded {
                    outcome: Outcome::Reached,
                } => reached += 1,
                What::LeftQueue { reason, .. } if reason == "the caller pressed 0" => met += 1,
                _ => {}
            }
        }
    }
    println!("asked {asked}, reached {reached}, failed {failed}, left by key {met}");
    assert!(asked > 5 && reached + failed > 0 && met > 0);
}
