//! The dialplan as its editors meet it: every mistake with its line, and the shipped plan's promises.

#![allow(clippy::unwrap_used, reason = "a test that fails says so")]

use std::collections::BTreeSet;

use qaynar::dialplan::plan::{Ends, Plan};
use qaynar::dialplan::route::{Assumed, route};
use qaynar::dialplan::{Catalogue, Fault, expect, load};
use qaynar::ids::Language;
use qaynar::time::Wall;

const SHIPPED: &str = include_str!("../dialplans/helpline.toml");
const NOW: Wall = Wall(1_795_000_000_000_000);

fn catalogue() -> Catalogue {
    let names = [
        "greeting",
        "language-choice",
        "stay-with-us",
        "nobody-now",
        "in-danger-call-112",
        "please-call-again",
    ];
    let spoken: BTreeSet<String> = names.into_iter().map(Into::into).collect();
    Catalogue {
        spoken: Language::ALL
            .into_iter()
            .map(|language| (language, spoken.clone()))
            .collect(),
        music: ["hold".to_owned()].into(),
    }
}

fn loaded(text: &str) -> Result<Plan, Vec<Fault>> {
    load(&[("main.toml".into(), text.into())], &catalogue())
}

fn shipped() -> Plan {
    loaded(SHIPPED).unwrap()
}

/// `line: what; remedy` of each fault.
fn faults(text: &str) -> Vec<String> {
    let found = loaded(text).unwrap_err();
    found.iter().map(ToString::to_string).collect()
}

#[test]
fn the_shipped_plan_keeps_its_own_promises() {
    assert_eq!(expect::run(&shipped()), Ok(9));
}

#[test]
fn all_mistakes_are_shown_at_once_each_with_its_line_and_a_remedy() {
    let text = SHIPPED
        .replace("start = \"welcome\"", "start = \"welcom\"")
        .replace("ring_for = \"15s\"", "ring_for = \"15\"")
        .replace("greet = [\"greeting\"", "greet = [\"grreting\"")
        .replace("comfort = {", "confort = {")
        .replace(
            "{ go = \"nobody\" },     ",
            "{ go = \"nobody\", play = \"greeting\" },     ",
        )
        .replace("queue = \"children\", greet", "queue = \"childen\", greet");
    let found = faults(&text).join("\n");
    for expected in [
        "main.toml:9: no path is called \"welcom\"; did you mean \"welcome\"?",
        "main.toml:20: no queue is called \"childen\"; did you mean \"children\"?",
        "main.toml:20: there is no prompts/ru/grreting.wav",
        "main.toml:21: the step does several things",
        "main.toml:34: ring_for of queue children: \"15\" is no time; write a number with its unit",
        "main.toml:37: queue children has no key \"confort\"; did you mean \"comfort\"?",
    ] {
        assert!(found.contains(expected), "{expected} is not in:\n{found}");
    }
}

#[test]
fn a_syntax_error_is_a_fault_with_its_line_and_hides_no_other() {
    let text = SHIPPED
        .replace("wrap_up = \"20s\"", "wrap_up = 20s")
        .replace(
            "go = \"nobody\" },\n  { queue",
            "go = \"nobodi\" },\n  { queue",
        );
    let found = faults(&text).join("\n");
    assert!(found.contains("main.toml:35: not TOML"), "{found}");
    assert!(
        found.contains("main.toml:19: no path is called \"nobodi\""),
        "{found}"
    );
}

#[test]
fn steps_that_nobody_reaches_and_circles_are_found() {
    let unreached = "numbers = ['116111']\nstart = 'a'\n[path.a]\nsteps = [\n { play = 'greeting' },\n { hang_up = true },\n { play = 'greeting' },\n]\n";
    assert!(faults(unreached)[0].starts_with("main.toml:7: this step is never reached"));
    let circle = "numbers = ['116111']\nstart = 'a'\n[path.a]\nsteps = [{ go = 'b' }]\n[path.b]\nsteps = [{ if = 'nobody on shift', play = 'greeting' }, { go = 'a' }]\n";
    let found = faults(circle).join("\n");
    assert!(
        found.contains("main.toml:4: path a runs in a circle"),
        "{found}"
    );
    let silent = "numbers = ['116111']\nstart = 'a'\n[path.a]\nsteps = [{ hang_up = true }]\n";
    assert!(faults(silent)[0].contains("hangs up without a word"));
}

#[test]
fn an_expectation_that_is_not_met_is_a_fault_at_its_line() {
    let text = SHIPPED.replace(
        "ends = { heard = \"please-call-again\" }",
        "ends = { queue = \"children\" }",
    );
    let found = expect::run(&loaded(&text).unwrap()).unwrap_err();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].place.line, 59);
    assert!(found[0].remedy.contains("qaynar route 116111"));
}

#[test]
fn a_planned_closure_begins_and_ends_by_itself() {
    let text = format!(
        "{SHIPPED}\n[[closed]]\nfrom = 2026-12-01T02:00:00\nuntil = 2026-12-01T05:00:00\ngo = 'nobody'\n"
    );
    let plan = loaded(&text).unwrap();
    // Baku is four hours ahead of UTC.
    for (utc, closed) in [
        ("2026-11-30T21:59:59Z", false),
        ("2026-11-30T22:00:00Z", true),
        ("2026-12-01T01:00:00Z", false),
    ] {
        let at = Wall(utc.parse::<jiff::Timestamp>().unwrap().as_microsecond());
        let found = route(
            &plan,
            "116111",
            &Assumed {
                at: Some(at),
                operators: 1,
                keys: vec![],
            },
        );
        let expected = if closed {
            Ends::Heard("please-call-again".into())
        } else {
            Ends::Queue("children".into())
        };
        assert_eq!(found.ends, expected, "{utc}");
    }
}

#[test]
fn every_decision_of_a_route_has_its_reason() {
    let found = route(
        &shipped(),
        "+994 50 680 22 80",
        &Assumed {
            at: Some(NOW),
            operators: 0,
            keys: vec!['3'],
        },
    );
    assert_eq!(found.language, Language::En);
    let reasons: Vec<&str> = found
        .steps
        .iter()
        .map(|step| step.reason.as_str())
        .collect();
    assert_eq!(
        reasons,
        [
            "a number of the helpline",
            "key 3: en",
            "nobody is on shift with a phone that can ring",
            "go to nobody",
            "play nobody-now, in-danger-call-112, please-call-again",
            "hang up",
        ]
    );
}

#[test]
fn the_versions_hash_changes_with_any_letter() {
    assert_ne!(shipped().hash, loaded(&format!("{SHIPPED}#")).unwrap().hash);
    assert_eq!(shipped().hash.len(), 32);
}

proptest::proptest! {
    #[test]
    fn no_mutation_of_a_plan_panics(at in 0usize..4_000, byte in 0x20u8..0x7f) {
        let mut text = SHIPPED.to_owned();
        if text.is_char_boundary(at) && text.is_char_boundary(at + 1) {
            text.replace_range(at..=at, &char::from(byte).to_string());
        }
        if let Ok(plan) = loaded(&text) {
            let _ = expect::run(&plan);
        }
    }
}

#[test]
fn a_circle_that_a_caller_could_not_leave_is_a_mistake() {
    let text = SHIPPED.replace(
        "{ if = \"nobody on shift\", go = \"nobody\" },",
        "{ if = \"somebody on shift\", play = \"greeting\" },",
    );
    let text = text.replace(
        "{ go = \"nobody\" },                         # reached",
        "{ go = \"welcome\" }, # reached",
    );
    let plan = loaded(&text).unwrap();
    let found = expect::run(&plan).unwrap_err();
    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert!(
        found
            .iter()
            .any(|one| one.contains("main.toml:19: path welcome leads in a circle")),
        "{found:?}"
    );
}

/// A plan with a closure at night passed its check by day; a restart within the closure refused it.
#[test]
fn an_expectation_without_a_moment_holds_also_during_a_closure() {
    let always =
        "\n[[closed]]\nfrom = 2020-01-01T00:00:00\nuntil = 2099-01-01T00:00:00\ngo = 'nobody'\n";
    let plan = loaded(&format!("{SHIPPED}{always}")).unwrap();
    let found = expect::run(&plan).unwrap_err();
    assert!(
        found
            .iter()
            .all(|fault| fault.to_string().contains("a call to")),
        "only the one that names a moment within fails: {found:?}"
    );
    assert_eq!(found.len(), 6);
}
