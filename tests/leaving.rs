//! Keys, offers and estimates in a dialplan: what they mean, and each mistake with its line.

#![allow(clippy::unwrap_used, reason = "a test that fails says so")]

use std::collections::BTreeSet;
use std::time::Duration;

use qaynar::dialplan::plan::{Ends, Plan};
use qaynar::dialplan::route::{Assumed, route};
use qaynar::dialplan::{Catalogue, Fault, Number, expect, load};
use qaynar::ids::Language;
use qaynar::time::Wall;

/// All sounds but those that `gone` names.
fn sounds(gone: &str) -> Catalogue {
    let clips = |language| {
        let all = [
            qaynar::speech::callback::callback_clips(language, true),
            qaynar::speech::estimate::estimate_clips(language),
        ];
        let named = ["hello", "sorry"].into_iter().map(Into::into);
        let words = qaynar::speech::errand::CLIPS.into_iter().map(Into::into);
        let all = all.into_iter().flatten().chain(named).chain(words);
        let all = all.map(|clip: qaynar::ids::PromptName| clip.0);
        all.filter(|name| name != gone).collect::<BTreeSet<_>>()
    };
    Catalogue {
        spoken: Language::ALL.map(|one| (one, clips(one))).into(),
        music: ["hold".to_owned()].into(),
        ..Catalogue::default()
    }
}

const HEAD: &str = "numbers = ['116111']\nstart = 'a'\nlanguages = ['az', 'ru']\nlanguage_keys = { 2 = 'ru' }\n\
    [path.a]\nsteps = [{ queue = 'children' }, { callback = 'children' }, { play = 'sorry' }]\n\
    [path.leave]\nsteps = [{ play = 'hello' }]\n[queue.children]\n";

fn loaded(keys: &str, gone: &str) -> Result<Plan, Vec<Fault>> {
    let text = format!("{HEAD}{keys}\n");
    load(&[("main.toml".into(), text)], &sounds(gone))
}

#[test]
fn keys_offers_and_estimates_are_read() {
    let keys = "keys = { 0 = 'leave', '#' = 'a' }\nsay_estimate = '60s'\nif_empty = 'leave'\n\
        if_waiting = [{ for = '1m', go = 'leave' }, { for = '3m', offer = 'callback', key = 1 }, \
        { for = '5m', go = 'leave' }]\n[callback]\nattempts = 2\nevery = '5m'\nnumbers = ['mobile', '012…']\n\
        later = ['20:00', '09:30']\n\
        [[expect]]\ndial = '116111'\noperators = 0\nkeys = '1'\nends = { callback = 'children' }";
    let plan = loaded(keys, "").unwrap();
    let queue = &plan.queues[&"children".into()];
    assert_eq!(queue.keys[&'0'], "leave".into());
    assert_eq!(queue.keys[&'#'], "a".into());
    assert_eq!(queue.if_empty, Some("leave".into()));
    assert_eq!(queue.say_estimate, Some(Duration::from_secs(60)));
    let minute = |count: u64| Duration::from_secs(60 * count);
    let thresholds: Vec<_> = queue.thresholds().into_iter().collect();
    let times: Vec<_> = thresholds
        .iter()
        .map(|(after, go)| (*after, go.is_some()))
        .collect();
    assert_eq!(
        times,
        [(minute(1), true), (minute(3), false), (minute(5), true)]
    );
    assert_eq!(queue.offer.unwrap().key, '1');
    assert_eq!(
        (plan.callback.attempts, plan.callback.every),
        (2, minute(5))
    );
    let may = |number| plan.callback.may_call(&Number::parse(number).unwrap());
    let called = [
        "0501112233",
        "0124930000",
        "0189930000",
        "112",
        "00905321234567",
    ]
    .map(may);
    assert_eq!(called, [true, true, false, false, false]);
    assert_eq!(expect::run(&plan), Ok(1));
}

#[test]
fn a_caller_who_presses_nothing_goes_past_the_offer() {
    let plan = loaded("", "").unwrap();
    let found = route(&plan, "116111", &Assumed::default());
    assert_eq!(found.ends, Ends::Heard("sorry".into()));
    assert!(
        found
            .steps
            .iter()
            .any(|step| step.reason.contains("nobody presses 1"))
    );
}

#[test]
fn the_times_to_choose_from_are_those_that_come_next() {
    let plan = loaded("[callback]\nlater = ['10:00', '16:00']", "").unwrap();
    // 2026-11-23, 12:00 in Baku.
    let noon = Wall(1_795_420_800_000_000);
    let hours = |moment: &Wall| moment.since(noon).as_secs() / 3_600;
    let next: Vec<_> = plan.later_moments(noon).iter().map(hours).collect();
    assert_eq!(next, [4, 22], "today at four, tomorrow at ten");
}

#[test]
fn mistakes_have_their_line_and_a_remedy() {
    for (keys, expected) in [
        (
            "keys = { 2 = 'leave' }",
            "main.toml:10: key 2 chooses the language ru already; take another key",
        ),
        (
            "keys = { 1 = 'leave' }\nif_waiting = [{ for = '3m', offer = 'callback', key = 1 }]",
            "key 1 means two things in queue children",
        ),
        (
            "keys = { 0 = 'leav' }",
            ":10: no path is called \"leav\"; did you mean \"leave\"?",
        ),
        ("keys = { 10 = 'leave' }", ":10: \"10\" is no key"),
        ("keys = { 0 = 5 }", ":10: no path"),
        ("if_empty = 'leav'", ":10: no path is called \"leav\""),
        (
            "say_estimate = '3s'",
            ":10: say_estimate is below 5 seconds",
        ),
        (
            "if_waiting = [{ for = '3m', offer = 'tea', key = 1 }]",
            ":10: \"tea\" cannot be offered",
        ),
        (
            "if_waiting = [{ for = '3m', offer = 'callback' }]",
            ":10: the offer has no key",
        ),
        (
            "if_waiting = [{ for = '3m', offer = 'callback', key = 1, go = 'a' }]",
            "needs for, and one of go, ring and offer",
        ),
        (
            "if_waiting = [{ for = '3m', go = 'a', kei = 1 }]",
            "has no key \"kei\"",
        ),
        (
            "[callback]\nattempts = 99",
            ":10: attempts of the callback: 99",
        ),
        (
            "[callback]\nnumbers = 'mobil'",
            ":11: \"mobil\" names no numbers",
        ),
        (
            "[callback]\nlater = ['25:00']",
            ":11: \"25:00\" is no time of the day",
        ),
        (
            "[callback]\nlatr = ['20:00']",
            ":11: callback of the dialplan has no key \"latr\"",
        ),
        (
            "[[expect]]\ndial = '116111'\noperators = 0\nends = { callback = 'children' }",
            "not in a callback from queue children",
        ),
    ] {
        let found = match loaded(keys, "") {
            Err(found) => found,
            Ok(plan) => expect::run(&plan).unwrap_err(),
        };
        let found: Vec<_> = found.iter().map(ToString::to_string).collect();
        let found = found.join("\n");
        assert!(found.contains(expected), "{expected} is not in:\n{found}");
    }
}

#[test]
fn what_is_said_must_be_there_in_each_language() {
    for (keys, gone, expected) in [
        ("", "callback-neutral", "that offer a callback"),
        ("say_estimate = '60s'", "estimate-soon", "estimate-soon.wav"),
        (
            "[callback]\nlater = ['10:00']",
            "tomorrow",
            "prompts/ru/tomorrow.wav",
        ),
    ] {
        let found = loaded(keys, gone).unwrap_err();
        let found: Vec<_> = found.iter().map(ToString::to_string).collect();
        let found = found.join("\n");
        let expected = if gone == "callback-neutral" {
            "callback-neutral.wav"
        } else {
            expected
        };
        assert!(found.contains(expected), "{expected} is not in:\n{found}");
    }
    assert!(loaded("", "tomorrow").is_ok(), "no time is offered");
    let key = "if_waiting = [{ for = '3m', offer = 'callback', key = '#' }]";
    let found = loaded(key, "").unwrap_err();
    assert!(
        found[0].to_string().contains(":10: the offer's key is #"),
        "{found:?}"
    );
}
