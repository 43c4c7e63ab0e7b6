//! A day in a minute: callers and operators as a seed draws them.

use std::time::Duration;

use qaynar::phone::{Law, Manner, OnRing};

use crate::dice::Dice;
use crate::house;
use crate::network::Weather;
use crate::players::Role;
use crate::world::{Act, Deed, World};

const SECOND: Duration = Duration::from_secs(1);

/// How large the days are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) callers: u64,
    pub(crate) operators: u64,
    /// During which calls arrive.
    pub(crate) time: Duration,
}

/// What callers dial: the five numbers in several forms, and one that nobody configured.
const DIALLED: [&str; 8] = [
    "116111",
    "+994116111",
    "0506802280",
    "+994506802280",
    "00994515802280",
    "0518801180",
    "0518802280",
    "0501112233",
];

/// Plays one day; the faults are what is wrong with it.
pub(crate) fn day(seed: u64, size: Size, trace: bool) -> World {
    let mut dice = Dice::new(seed ^ 0x5eed);
    let weather = *dice.one_of(&[
        Weather::FAIR,
        Weather::FAIR,
        Weather::WINDY,
        Weather::WINDY,
        Weather::STORM,
    ]);
    let mut world = World::new(seed, weather);
    world.trace = trace.then(Vec::new);
    world.note(|| format!("{weather:?}"));
    carriers(&mut world, &mut dice);
    // Keys are drawn apart, so that days of the past are as they were.
    let mut wishes = Dice::new(seed ^ 0xca11);
    operators(&mut world, &mut dice, size);
    callers(&mut world, &mut dice, &mut wishes, size);
    upheavals(&mut world, &mut dice, size);
    talks(&mut world, &mut Dice::new(seed ^ 0x7a1c), size);
    world.run(size.time);
    world.finish();
    world
}

/// What operators dial outside: for help, allowed in one of the plans, allowed in none.
const OUTSIDE: [&str; 4] = ["112", "0503334455", "0503334455", "0125556677"];

/// One line each: a second call finds it busy, and goes to the other carrier or to nobody.
fn carriers(world: &mut World, dice: &mut Dice) {
    for last in house::CARRIERS {
        let after = dice.between(Duration::ZERO, SECOND * 6);
        let refuses = |status| OnRing::Refuse { after, status };
        let on_ring = match dice.below(10) {
            0..5 => OnRing::Answer { after },
            5 => refuses(486),
            6..8 => refuses(503),
            8 => OnRing::Vanish { after },
            _ => OnRing::Wait,
        };
        let talk_for = dice.chance(50).then(|| dice.between(SECOND, SECOND * 15));
        // A call back is ended by nobody else.
        let talk_for = Some(talk_for.unwrap_or(SECOND * 40));
        let manner = Manner {
            on_ring,
            talk_for,
            // Whoever is called back says so by a key.
            keys: vec![(SECOND * 2, '5')],
            ..Manner::default()
        };
        let laws = laws(dice);
        world.player(Role::Carrier(last), manner, |settings| settings.laws = laws);
    }
}

fn operators(world: &mut World, dice: &mut Dice, size: Size) {
    let count = dice.below(size.operators + 1);
    for number in 0..count {
        let id = format!("{}", 101 + number);
        let phones = if dice.chance(20) { 2 } else { 1 };
        for phone in 0..phones {
            let manner = operator_manner(dice);
            let laws = laws(dice);
            let timer = dice.chance(30).then_some(SECOND * 90);
            let reliable = dice.chance(25);
            let role = Role::Operator(id.as_str().into());
            let player = world.player(role, manner, |settings| {
                settings.laws = laws;
                settings.rings_reliably = reliable;
                settings.timer = timer;
            });
            let after = dice.between(Duration::ZERO, SECOND * 5);
            let expires = dice.between(SECOND * 60, SECOND * 200);
            world.plan_act(after, Act::Do(player, Deed::Register(expires)));
            if phone == 0 {
                shift(world, dice, size, player, after);
            }
        }
    }
}

/// Logs in, perhaps pauses, goes home, or is seen no more.
fn shift(world: &mut World, dice: &mut Dice, size: Size, player: usize, after: Duration) {
    let log_in = after + dice.between(SECOND, SECOND * 4);
    world.plan_act(log_in, Act::Do(player, Deed::Code("*11")));
    let moment = |dice: &mut Dice| dice.between(log_in + SECOND, size.time);
    if dice.chance(25) {
        let pause = moment(dice);
        world.plan_act(pause, Act::Do(player, Deed::Code("*13")));
        let rest = dice.between(SECOND * 2, SECOND * 20);
        world.plan_act(pause + rest, Act::Do(player, Deed::Code("*14")));
    }
    if dice.chance(15) {
        let home = moment(dice);
        world.plan_act(home, Act::Do(player, Deed::Code("*12")));
    }
    if dice.chance(12) {
        let gone = moment(dice);
        world.plan_act(gone, Act::Do(player, Deed::Vanish));
    }
    if dice.chance(10) {
        let away = moment(dice);
        world.plan_act(away, Act::Do(player, Deed::Unregister));
    }
    if dice.chance(30) {
        let to = *dice.one_of(&[
            "101",
            "102",
            "103",
            "children",
            "late",
            "116111",
            "112",
            "0503334455",
        ]);
        let transfer = moment(dice);
        let deed = Deed::Transfer(to.to_owned());
        world.plan_act(transfer, Act::Do(player, deed));
        if dice.chance(50) {
            let rest = dice.between(Duration::ZERO, SECOND * 2);
            world.plan_act(transfer + rest, Act::Do(player, Deed::HangUp));
        }
    }
    if dice.chance(40) {
        let uri = format!("sip:{}@{}", dice.one_of(&OUTSIDE), house::server());
        let begins = moment(dice);
        world.plan_act(begins, Act::Do(player, Deed::Call(uri)));
        let lasts = dice.between(SECOND, SECOND * 40);
        world.plan_act(begins + lasts, Act::Do(player, Deed::HangUp));
    }
    if dice.chance(20) {
        let hold = moment(dice);
        world.plan_act(hold, Act::Do(player, Deed::Hold(true)));
        let rest = dice.between(SECOND, SECOND * 6);
        world.plan_act(hold + rest, Act::Do(player, Deed::Hold(false)));
    }
}

fn operator_manner(dice: &mut Dice) -> Manner {
    let after = dice.between(Duration::ZERO, SECOND * 6);
    let on_ring = match dice.below(20) {
        0..13 => OnRing::Answer { after },
        13..15 => OnRing::Refuse { after, status: 486 },
        15 => OnRing::Refuse { after, status: 603 },
        16 => OnRing::Vanish { after },
        // Not even a ring: unknown here.
        17 => OnRing::Refuse {
            after: Duration::ZERO,
            status: 404,
        },
        _ => OnRing::Wait,
    };
    let talk_for = dice
        .chance(70)
        .then(|| dice.between(Duration::ZERO, SECOND * 15));
    Manner {
        on_ring,
        talk_for,
        ..Manner::default()
    }
}

fn laws(dice: &mut Dice) -> Vec<Law> {
    match dice.below(4) {
        0 => vec![Law::A],
        1 => vec![Law::Mu],
        2 => vec![Law::Mu, Law::A],
        _ => vec![Law::A, Law::Mu],
    }
}

/// Leaves the line by a key, or asks to be called back and agrees, or changes one's mind.
fn wish(wishes: &mut Dice, keys: &mut Vec<(Duration, char)>) {
    let at = wishes.between(SECOND * 8, SECOND * 30);
    let pause = wishes.between(SECOND, SECOND * 4);
    match wishes.below(10) {
        0 => keys.push((at, '0')),
        1..8 => {
            let answers = ["111", "111", "11", "12", "1105#", "112"];
            let answers = wishes.one_of(&answers);
            let timed = answers.chars().zip(0..);
            keys.extend(timed.map(|(key, step)| (at + pause * step, key)));
        }
        _ => {}
    }
}

fn callers(world: &mut World, dice: &mut Dice, wishes: &mut Dice, size: Size) {
    for number in 0..size.callers {
        let patience = match dice.below(10) {
            0 => dice.between(Duration::ZERO, SECOND),
            1..4 => dice.between(Duration::ZERO, SECOND * 10),
            _ => dice.between(SECOND * 5, SECOND * 60),
        };
        let vanish = dice.chance(8);
        let mut keys = if dice.chance(25) {
            let key = *dice.one_of(&['2', '3', '9', '#']);
            vec![(dice.between(Duration::ZERO, SECOND * 10), key)]
        } else {
            Vec::new()
        };
        wish(wishes, &mut keys);
        let manner = Manner {
            patience: Some(patience),
            talk_for: None,
            vanish_after: vanish.then(|| dice.between(Duration::ZERO, patience)),
            keys,
            mute: dice.chance(10),
            ..Manner::default()
        };
        let (laws, mute) = (laws(dice), manner.mute);
        let timer = dice.chance(40).then_some(SECOND * 90);
        let (reliable, late) = (dice.chance(15), dice.chance(10));
        let role = Role::Caller(format!("05011{number:05}"));
        let player = world.player(role, manner, |settings| {
            settings.laws = laws;
            settings.timer = timer;
            settings.requires_reliable = reliable;
            settings.late_offer = late;
        });
        world.players[player].muted = mute;
        let times = if dice.chance(20) { 2 } else { 1 };
        for _ in 0..times {
            let after = dice.between(Duration::ZERO, size.time);
            let uri = format!("sip:{}@{}", dice.one_of(&DIALLED), house::server());
            world.plan_act(after, Act::Do(player, Deed::Call(uri)));
        }
    }
}

/// Codes of supervisors: two of the four operators are such.
const SUPERVISES: [&str; 6] = ["*21101", "*22101", "*23101", "*21102", "*22103", "*23104"];

/// Operators key in who shall come into their talks, and hear those of others. In the evening all go home.
fn talks(world: &mut World, dice: &mut Dice, size: Size) {
    let all = 0..world.players.len();
    let operators: Vec<usize> = all
        .filter(|number| world.players[*number].operator().is_some())
        .collect();
    if operators.is_empty() || dice.chance(40) {
        return;
    }
    for _ in 0..=dice.below(8) {
        let player = *dice.one_of(&operators);
        let begins = dice.between(SECOND * 6, size.time);
        let code = match dice.below(4) {
            0 => "*112#",
            1 => *dice.one_of(&["*3101#", "*3102#", "*3103#", "*3104#"]),
            2 => *dice.one_of(&["*112#*103#", "*30503334455#"]),
            _ => {
                let code = Deed::Code(dice.one_of::<&str>(&SUPERVISES));
                world.plan_act(begins, Act::Do(player, code));
                let lasts = dice.between(SECOND, SECOND * 30);
                world.plan_act(begins + lasts, Act::Do(player, Deed::HangUp));
                continue;
            }
        };
        for (place, key) in (0..).zip(code.chars()) {
            let gap = Duration::from_millis(300) * place;
            world.plan_act(begins + gap, Act::Do(player, Deed::Press(key)));
        }
    }
    // Whom a service and somebody called back are left with, when all operators have gone, is each other.
    let outside = (0..world.players.len())
        .filter(|number| matches!(world.players[*number].role, Role::Carrier(_)));
    let outside: Vec<usize> = outside.collect();
    for player in outside.into_iter().chain(operators) {
        let home = size.time + dice.between(SECOND * 20, SECOND * 60);
        world.plan_act(home, Act::Do(player, Deed::HangUp));
    }
}

fn upheavals(world: &mut World, dice: &mut Dice, size: Size) {
    for _ in 0..dice.below(3) {
        let after = dice.between(Duration::ZERO, size.time);
        let number = dice.below(2) as usize;
        world.plan_act(after, Act::Apply(number));
    }
    if dice.chance(40) {
        for _ in 0..=dice.below(3) {
            let after = dice.between(Duration::ZERO, size.time);
            let pause = if dice.chance(50) {
                Duration::from_millis(1)
            } else {
                dice.between(Duration::ZERO, SECOND * 5)
            };
            world.plan_act(after, Act::Crash(pause));
        }
    }
}
