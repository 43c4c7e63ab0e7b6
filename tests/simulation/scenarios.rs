//! Named courses of events, each on the same world as the days that seeds draw.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use qaynar::event::{CallRecord, Cause, RingEnd, Side, What};
use qaynar::phone::{Ender, Event, Manner, OnRing, Stage};

use crate::house;
use crate::network::{Datagram, Filter, Weather};
use crate::players::Role;
use crate::world::{Act, Deed, World};

pub(crate) const SECOND: Duration = Duration::from_secs(1);

pub(crate) fn answers(after: Duration) -> Manner {
    Manner {
        on_ring: OnRing::Answer { after },
        ..Manner::default()
    }
}

fn refuses(status: u16) -> Manner {
    let after = SECOND;
    Manner {
        on_ring: OnRing::Refuse { after, status },
        ..Manner::default()
    }
}

pub(crate) fn world() -> World {
    let mut world = World::new(1, Weather::FAIR);
    world.trace = Some(Vec::new());
    world
}

/// An operator on shift.
pub(crate) fn operator(world: &mut World, id: &str, manner: Manner) -> usize {
    let player = phone_of(world, id, manner);
    world.deed(player, Deed::Code("*11"));
    world.run(SECOND * 3);
    player
}

/// One more phone of an operator.
fn phone_of(world: &mut World, id: &str, manner: Manner) -> usize {
    let player = world.player(Role::Operator(id.into()), manner, |_| {});
    world.deed(player, Deed::Register(SECOND * 3_600));
    world.run(SECOND);
    player
}

pub(crate) fn caller(world: &mut World) -> usize {
    let role = Role::Caller("0501112233".into());
    world.player(role, Manner::default(), |_| {})
}

pub(crate) fn dial(world: &mut World, player: usize) {
    world.deed(
        player,
        Deed::Call(format!("sip:116111@{}", house::server())),
    );
}

pub(crate) fn record(world: &World, player: usize) -> CallRecord {
    let records = world.books.records_of(player);
    assert_eq!(records.len(), 1, "one call, one record");
    records[0].clone()
}

/// Lets all come to rest; then nothing may be wrong or left.
pub(crate) fn ends_well(world: &mut World) {
    world.finish();
    for line in world
        .trace
        .iter()
        .flatten()
        .filter(|_| !world.faults.is_empty())
    {
        println!("{line}");
    }
    assert!(world.faults.is_empty(), "{:?}", world.faults);
}

fn ring_ends(world: &World) -> Vec<RingEnd> {
    let events = world.books.events.iter();
    let ends = events.filter_map(|event| match &event.what {
        What::RingEnded { why, .. } => Some(why.clone()),
        _ => None,
    });
    ends.collect()
}

/// A call that talks: world, caller, operator.
pub(crate) fn talking() -> (World, usize, usize) {
    let mut world = world();
    let operator = operator(&mut world, "101", answers(SECOND));
    let caller = caller(&mut world);
    dial(&mut world, caller);
    world.run(SECOND * 3);
    assert_eq!(world.switch.counts().talking, 1);
    (world, caller, operator)
}

#[test]
fn a_caller_is_greeted_queued_answered_and_hangs_up() {
    let (mut world, caller, operator) = talking();
    let tone = |player: usize| world.players[player].phone.settings().tone;
    let tones = (tone(operator), tone(caller));
    assert_eq!(world.players[caller].phone.tone_heard(), Some(tones.0));
    assert_eq!(world.players[operator].phone.tone_heard(), Some(tones.1));
    world.deed(caller, Deed::HangUp);
    ends_well(&mut world);
    let record = record(&world, caller);
    assert_eq!(
        (record.ended_by, record.cause),
        (Some(Side::Caller), Some(Cause::HungUp))
    );
    assert!(world.players[operator].says(&Event::Ended { by: Ender::Peer }));
}

#[test]
fn the_operator_hangs_up() {
    let (mut world, caller, operator) = talking();
    world.deed(operator, Deed::HangUp);
    ends_well(&mut world);
    assert_eq!(record(&world, caller).ended_by, Some(Side::Operator));
    assert!(world.players[caller].says(&Event::Ended { by: Ender::Peer }));
}

#[test]
fn a_caller_cancels_before_the_answer() {
    let mut world = world();
    operator(&mut world, "101", answers(SECOND));
    let role = Role::Caller("0501112233".into());
    let caller = world.player(role, Manner::default(), |settings| {
        settings.requires_reliable = true;
    });
    // The PRACK is lost again and again, so that the 200 does not follow the 180.
    world.network.filter = Some(Box::new(|one: &Datagram| one.line().starts_with("PRACK")));
    dial(&mut world, caller);
    world.run(SECOND);
    world.deed(caller, Deed::HangUp);
    ends_well(&mut world);
    assert!(world.players[caller].says(&Event::Failed { status: 487 }));
    assert_eq!(record(&world, caller).cause, Some(Cause::Abandoned));
}

#[test]
fn a_caller_hangs_up_while_waiting_and_while_a_phone_rings() {
    let mut world = world();
    let busy = operator(&mut world, "101", Manner::default());
    let (first, second) = (caller(&mut world), caller(&mut world));
    dial(&mut world, first);
    world.run(SECOND);
    dial(&mut world, second);
    world.run(SECOND);
    assert_eq!(world.players[busy].phone.stage(), Some(Stage::Ringing));
    assert_eq!(world.switch.counts().waiting, 2);
    world.deed(second, Deed::HangUp);
    world.run(SECOND);
    world.deed(first, Deed::HangUp);
    world.run(SECOND);
    assert!(world.players[busy].says(&Event::Cancelled));
    ends_well(&mut world);
    assert_eq!(record(&world, first).cause, Some(Cause::Abandoned));
    assert_eq!(record(&world, second).rung, None);
}

#[test]
fn busy_declining_and_silent_operators_are_passed_over() {
    for (manner, end) in [
        (refuses(486), RingEnd::Declined { status: 486 }),
        (refuses(603), RingEnd::Declined { status: 603 }),
        (Manner::default(), RingEnd::NoAnswer),
    ] {
        let mut world = world();
        operator(&mut world, "101", manner);
        // Idle for less long, so rung second.
        let good = operator(&mut world, "102", answers(SECOND));
        let caller = caller(&mut world);
        dial(&mut world, caller);
        world.run(SECOND * 20);
        assert_eq!(ring_ends(&world), [end]);
        assert_eq!(world.players[good].phone.stage(), Some(Stage::Up));
        world.deed(caller, Deed::HangUp);
        ends_well(&mut world);
    }
}

#[test]
fn an_operator_who_vanished_is_passed_over() {
    let mut world = world();
    let gone = operator(&mut world, "101", Manner::default());
    let good = operator(&mut world, "102", answers(SECOND));
    world.deed(gone, Deed::Vanish);
    let caller = caller(&mut world);
    dial(&mut world, caller);
    world.run(SECOND * 20);
    assert_eq!(world.players[good].phone.stage(), Some(Stage::Up));
    world.deed(caller, Deed::HangUp);
    ends_well(&mut world);
}

#[test]
fn nobody_registered_is_an_explanation_and_an_end() {
    let mut world = world();
    let caller = caller(&mut world);
    dial(&mut world, caller);
    ends_well(&mut world);
    assert_eq!(record(&world, caller).cause, Some(Cause::Completed));
    assert!(
        world.players[caller].phone.heard().packets > 50,
        "something is said"
    );
}

#[test]
fn a_2xx_that_crosses_cancel_is_ended_by_bye() {
    let mut world = world();
    let rung = operator(&mut world, "101", Manner::default());
    let caller = caller(&mut world);
    dial(&mut world, caller);
    world.run(SECOND);
    world.deed(caller, Deed::HangUp);
    // The BYE needs 5 ms and the CANCEL 5 more.
    world.run(Duration::from_millis(7));
    world.with(rung, |phone, now| phone.answer(now));
    world.run(SECOND);
    assert!(world.players[rung].says(&Event::Connected));
    assert!(world.players[rung].says(&Event::Ended { by: Ender::Peer }));
    ends_well(&mut world);
}

/// Loses the first `count` datagrams whose line begins so.
fn loses(start: &'static str, count: usize) -> Option<Filter> {
    let mut left = count;
    Some(Box::new(move |one: &Datagram| {
        let hit = left > 0 && !one.is_audio && one.line().starts_with(start);
        left -= usize::from(hit);
        hit
    }))
}

#[test]
fn lost_messages_are_made_good() {
    for (start, count) in [("ACK", 2), ("BYE", 3), ("INVITE", 2), ("SIP/2.0 200", 3)] {
        let mut world = world();
        let operator = operator(&mut world, "101", answers(SECOND));
        let caller = caller(&mut world);
        world.network.filter = loses(start, count);
        dial(&mut world, caller);
        world.run(SECOND * 12);
        assert_eq!(world.switch.counts().talking, 1, "{count} {start} lost");
        assert_eq!(world.players[operator].phone.stage(), Some(Stage::Up));
        world.deed(caller, Deed::HangUp);
        ends_well(&mut world);
        record(&world, caller);
    }
}

#[test]
fn an_ack_that_never_comes_ends_the_call() {
    let mut world = world();
    operator(&mut world, "101", Manner::default());
    let caller = caller(&mut world);
    world.network.filter = loses("ACK sip:qaynar", 1_000);
    dial(&mut world, caller);
    ends_well(&mut world);
    assert_eq!(record(&world, caller).cause, Some(Cause::Lost));
}

#[test]
fn a_phone_whose_given_up_ring_has_not_ended_is_not_rung_for_another_caller() {
    let mut world = world();
    let rung = operator(&mut world, "101", Manner::default());
    let (first, second) = (caller(&mut world), caller(&mut world));
    // Without a provisional response CANCEL has to wait (§9.1), and the phone rings on.
    world.network.filter = loses("SIP/2.0 180", 3);
    dial(&mut world, first);
    world.run(SECOND / 10);
    dial(&mut world, second);
    world.run(SECOND / 10);
    world.deed(first, Deed::HangUp);
    world.run(SECOND * 10);
    assert!(!world.players[rung].says(&Event::SecondCall));
    assert!(world.players[rung].says(&Event::Cancelled));
    assert_eq!(world.players[rung].phone.stage(), Some(Stage::Ringing));
    world.with(rung, |phone, now| phone.answer(now));
    world.run(SECOND);
    assert_eq!(world.switch.counts().talking, 1);
    world.deed(second, Deed::HangUp);
    ends_well(&mut world);
}

#[test]
fn both_phones_of_an_operator_ring_and_one_answers() {
    let mut world = world();
    let first = operator(&mut world, "101", answers(SECOND));
    let second = phone_of(&mut world, "101", Manner::default());
    let caller = caller(&mut world);
    dial(&mut world, caller);
    world.run(SECOND * 3);
    assert_eq!(world.players[first].phone.stage(), Some(Stage::Up));
    assert!(world.players[second].says(&Event::Cancelled));
    world.deed(first, Deed::HangUp);
    ends_well(&mut world);
}

#[test]
fn two_phones_that_answer_at_once_leave_one_call() {
    let mut world = world();
    let first = operator(&mut world, "101", answers(SECOND));
    let second = phone_of(&mut world, "101", answers(SECOND));
    let caller = caller(&mut world);
    dial(&mut world, caller);
    world.run(SECOND * 3);
    let up = |player: usize| world.players[player].phone.stage() == Some(Stage::Up);
    assert!(up(first) != up(second), "the loser gets ACK and BYE");
    world.deed(caller, Deed::HangUp);
    ends_well(&mut world);
}

#[test]
fn a_second_2xx_of_a_forked_invite_is_ended() {
    let mut world = world();
    let operator = operator(&mut world, "101", answers(SECOND));
    let caller = caller(&mut world);
    let seen: Rc<RefCell<Vec<Datagram>>> = Rc::default();
    let from = world.players[operator].phone.settings().local;
    let copies = Rc::clone(&seen);
    world.network.filter = Some(Box::new(move |one: &Datagram| {
        if !one.is_audio && (one.from == from || one.to == from) {
            copies.borrow_mut().push(one.clone());
        }
        false
    }));
    dial(&mut world, caller);
    world.run(SECOND * 3);
    let of_200 = |one: &&Datagram| one.line() == "SIP/2.0 200 OK | 1 INVITE";
    let mut forked = seen.borrow().iter().find(of_200).expect("a 200").clone();
    let text = String::from_utf8(forked.bytes).unwrap();
    let place = text.find("To: ").unwrap();
    let tag = place + text[place..].find("tag=").unwrap() + 4;
    forked.bytes = format!("{}f0f0{}", &text[..tag], &text[tag + 4..]).into_bytes();
    seen.borrow_mut().clear();
    world.post(forked);
    world.run(SECOND);
    let sent: Vec<String> = seen.borrow().iter().map(Datagram::line).collect();
    assert!(sent.iter().any(|line| line.starts_with("ACK ")), "{sent:?}");
    assert!(sent.iter().any(|line| line.starts_with("BYE ")), "{sent:?}");
    assert_eq!(world.switch.counts().talking, 1, "the call goes on");
    world.deed(caller, Deed::HangUp);
    ends_well(&mut world);
}

#[test]
fn a_caller_who_vanishes_is_found_out_by_a_probe() {
    let mut world = world();
    operator(&mut world, "101", Manner::default());
    let caller = caller(&mut world);
    dial(&mut world, caller);
    world.run(SECOND * 3);
    world.deed(caller, Deed::Vanish);
    world.run(SECOND * 60);
    assert_eq!(record(&world, caller).cause, Some(Cause::Lost));
    ends_well(&mut world);
}

#[test]
fn a_silent_caller_is_never_cut_off() {
    let (mut world, caller, operator) = talking();
    world.deed(caller, Deed::Mute(true));
    world.deed(operator, Deed::Mute(true));
    world.run(SECOND * 600);
    assert_eq!(world.switch.counts().talking, 1, "ten minutes of silence");
    let told = |event: &qaynar::event::Event| matches!(event.what, What::AudioAbsent { .. });
    assert!(world.books.events.iter().any(told), "an alarm it is");
    world.deed(caller, Deed::HangUp);
    ends_well(&mut world);
    assert_eq!(record(&world, caller).cause, Some(Cause::HungUp));
}

#[test]
fn who_is_held_hears_music_until_taken_back() {
    let (mut world, caller, operator) = talking();
    world.deed(operator, Deed::Hold(true));
    world.run(SECOND);
    assert_eq!(world.players[caller].phone.tone_heard(), Some(house::MUSIC));
    world.deed(operator, Deed::Hold(false));
    world.run(SECOND);
    let tone = world.players[operator].phone.settings().tone;
    assert_eq!(world.players[caller].phone.tone_heard(), Some(tone));
    world.deed(operator, Deed::HangUp);
    ends_well(&mut world);
}

#[test]
fn keys_choose_the_language_and_pass_to_the_operator() {
    let mut world = world();
    let operator = operator(&mut world, "101", answers(SECOND * 3));
    let caller = caller(&mut world);
    dial(&mut world, caller);
    world.run(SECOND);
    world.deed(caller, Deed::Press('2'));
    world.run(SECOND * 4);
    world.deed(caller, Deed::Press('7'));
    world.run(SECOND);
    assert_eq!(world.players[operator].phone.heard().keys, "7");
    world.deed(caller, Deed::HangUp);
    ends_well(&mut world);
    assert_eq!(record(&world, caller).language, qaynar::ids::Language::Ru);
}

#[test]
fn a_bye_that_was_lost_in_the_moment_of_a_crash_is_sent_again_after_it() {
    let (mut world, caller, operator) = talking();
    world.network.filter = loses("BYE sip:101", 1_000);
    world.deed(caller, Deed::HangUp);
    world.run(SECOND);
    assert_eq!(world.players[operator].phone.stage(), Some(Stage::Up));
    world.act(Act::Crash(SECOND));
    world.network.filter = None;
    world.run(SECOND * 2);
    assert_eq!(world.players[operator].phone.stage(), None);
    ends_well(&mut world);
    assert_eq!(record(&world, caller).cause, Some(Cause::HungUp));
}

#[test]
fn a_caller_whose_operator_vanished_goes_back_into_the_line_and_is_told_so() {
    let (mut world, caller, gone) = talking();
    let waits = world.player(Role::Caller("0502223344".into()), Manner::default(), |_| {});
    dial(&mut world, waits);
    world.run(SECOND);
    world.deed(gone, Deed::Vanish);
    world.run(SECOND * 45);
    let parted = |event: &qaynar::event::Event| matches!(&event.what, What::Parted { operator, .. } if operator.as_str() == "101");
    assert!(world.books.events.iter().any(parted));
    // The one who was in a call comes before the one who waits, and both are still there.
    let good = operator(&mut world, "102", answers(SECOND));
    world.run(SECOND * 3);
    let tone = world.players[good].phone.settings().tone;
    assert_eq!(world.players[caller].phone.tone_heard(), Some(tone));
    assert_eq!(world.switch.counts().waiting, 1);
    world.deed(caller, Deed::HangUp);
    world.deed(waits, Deed::HangUp);
    ends_well(&mut world);
    let record = record(&world, caller);
    assert_eq!(record.cause, Some(Cause::HungUp));
    assert_eq!(record.operator, Some("102".into()));
}

#[test]
fn a_caller_is_handed_to_another_operator_and_the_two_hear_each_other() {
    let (mut world, caller, first) = talking();
    let second = operator(&mut world, "102", answers(SECOND));
    world.deed(first, Deed::Transfer("102".into()));
    world.run(SECOND / 2);
    assert_eq!(world.players[caller].phone.tone_heard(), Some(house::MUSIC));
    world.run(SECOND * 3);
    let tone = |player: usize| world.players[player].phone.settings().tone;
    let tones = (tone(second), tone(caller));
    assert_eq!(world.players[caller].phone.tone_heard(), Some(tones.0));
    assert_eq!(world.players[second].phone.tone_heard(), Some(tones.1));
    for status in [100, 200] {
        assert!(world.players[first].says(&Event::Transfer { status }));
    }
    assert_eq!(world.players[first].phone.stage(), None);
    world.deed(caller, Deed::HangUp);
    world.run(SECOND);
    let rests = |event: &qaynar::event::Event| {
        matches!(&event.what, What::Operator { operator, state, .. }
            if operator.as_str() == "102" && *state == qaynar::event::OperatorState::WrapUp)
    };
    assert!(
        world.books.events.iter().any(rests),
        "as after any call of the line"
    );
    ends_well(&mut world);
    let record = record(&world, caller);
    assert_eq!(record.operator, Some("102".into()));
    assert_eq!(record.ended_by, Some(Side::Caller));
}

#[test]
fn a_crash_while_a_caller_is_handed_on_gives_the_call_back() {
    let (mut world, caller, first) = talking();
    let second = operator(&mut world, "102", Manner::default());
    world.deed(first, Deed::Transfer("102".into()));
    world.run(SECOND * 2);
    assert_eq!(world.players[second].phone.stage(), Some(Stage::Ringing));
    world.act(Act::Crash(SECOND));
    world.run(SECOND * 3);
    let tone = world.players[first].phone.settings().tone;
    assert_eq!(world.players[caller].phone.tone_heard(), Some(tone));
    world.deed(second, Deed::HangUp);
    world.deed(first, Deed::HangUp);
    ends_well(&mut world);
    assert_eq!(record(&world, caller).operator, Some("101".into()));
}

#[test]
fn a_phone_whose_ringing_wants_to_be_acknowledged_gets_it_though_the_first_two_are_lost() {
    let mut world = world();
    let role = Role::Operator("101".into());
    let phone = world.player(role, answers(SECOND * 4), |settings| {
        settings.rings_reliably = true;
    });
    world.deed(phone, Deed::Register(SECOND * 3_600));
    world.run(SECOND);
    world.deed(phone, Deed::Code("*11"));
    world.run(SECOND * 3);
    let caller = caller(&mut world);
    let seen: Rc<RefCell<usize>> = Rc::default();
    let count = Rc::clone(&seen);
    world.network.filter = Some(Box::new(move |one: &Datagram| {
        let hit = !one.is_audio && one.line().starts_with("PRACK");
        *count.borrow_mut() += usize::from(hit);
        hit && *count.borrow() < 3
    }));
    dial(&mut world, caller);
    world.run(SECOND * 6);
    assert_eq!(*seen.borrow(), 3, "0, 0.5 and 1.5 s");
    assert_eq!(world.switch.counts().talking, 1);
    world.deed(caller, Deed::HangUp);
    ends_well(&mut world);
}
