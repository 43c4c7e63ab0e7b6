//! The guard of a dialplan: what every caller is promised, at every hour of the coming year.

#![allow(clippy::disallowed_methods, reason = "a test measures")]
#![allow(clippy::unwrap_used, reason = "a test that fails says so")]

use std::path::Path;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use qaynar::dialplan::{Catalogue, Plan, load, safety};
use qaynar::store::plans;
use qaynar::time::Wall;

const SHIPPED: &str = include_str!("../dialplans/helpline.toml");
const GUARD: &str = include_str!("../dialplans/safety.toml");
/// 2026-11-20, before midnight in Baku.
const NOW: Wall = Wall(1_795_200_000_000_000);

static SOUNDS: LazyLock<Catalogue> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("dialplans");
    plans::sounds(&folder).0
});

fn loaded(text: &str, guard: &str) -> Plan {
    let files = [
        ("main.toml".into(), text.into()),
        ("plans/safety.toml".into(), guard.into()),
    ];
    load(&files, &SOUNDS).unwrap()
}

fn unsafe_ways(text: &str, guard: &str) -> Vec<String> {
    let plan = loaded(text, guard);
    let found = safety::check(&plan, &SOUNDS.lengths, NOW);
    found.iter().map(ToString::to_string).collect()
}

#[test]
fn the_shipped_plan_is_safe_for_a_year() {
    assert_eq!(unsafe_ways(SHIPPED, GUARD), [""; 0]);
}

#[test]
fn a_night_without_an_explanation_is_found_months_before_it_comes() {
    // Half an hour, between two full hours, in spring.
    let text = format!(
        "{SHIPPED}\n[[closed]]\nfrom = 2027-03-20T02:10:00\nuntil = 2027-03-20T02:40:00\ngo = 'holiday'\n\
         [path.holiday]\nsteps = [{{ play = 'greeting' }}, {{ hang_up = true }}]\n"
    );
    let found = unsafe_ways(&text, GUARD);
    assert_eq!(found.len(), 1, "{found:?}");
    for told in [
        "main.toml:",
        "116111 (and to 5 more)",
        "2027-03-20 02:10",
        "nobody on shift",
        "hears greeting last",
        "(way: holiday)",
        "qaynar route 116111 --at 2027-03-20T02:10 --operators 0",
    ] {
        assert!(found[0].contains(told), "{told} is not in {}", found[0]);
    }
    let line = 1 + text
        .lines()
        .position(|line| line.starts_with("steps = [{ play = 'greeting' }"))
        .unwrap();
    assert!(
        found[0].starts_with(&format!("main.toml:{line}:")),
        "{found:?}"
    );
    // A closure that lies further ahead than a year is looked at when it comes near.
    let later = text.replace("2027-03-20", "2028-03-20");
    assert_eq!(unsafe_ways(&later, GUARD), [""; 0]);
}

#[test]
fn time_is_counted_in_prompts_and_in_phones_that_nobody_answers() {
    let text = SHIPPED.replace(
        "  { play = [\"nobody-now\"",
        "  { ring = \"+994500000001\", for = \"170s\" },\n  { play = [\"nobody-now\"",
    );
    let found = unsafe_ways(&text, GUARD);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].contains("with nobody on shift") && found[0].contains("not within 180 s"),
        "{found:?}"
    );
    assert!(found[0].contains("(way: welcome → nobody)"), "{found:?}");
    let shorter = text.replace("170s", "120s");
    assert_eq!(unsafe_ways(&shorter, GUARD), [""; 0]);
    let stricter = GUARD.replace("3m", "1s");
    let found = unsafe_ways(SHIPPED, &stricter);
    assert!(
        found.len() == 1 && found[0].contains("not within 1 s"),
        "an explanation takes longer: {found:?}"
    );
}

#[test]
fn a_number_that_nobody_configured_is_guarded_too() {
    let text = SHIPPED.replace("otherwise = \"welcome\"", "otherwise = \"sorry\"")
        + "\n[path.sorry]\nsteps = [{ play = 'greeting' }, { hang_up = true }]\n";
    let text = text.replace(
        "dial = \"0501112233\"\nends = { queue = \"children\" }",
        "dial = \"0501112233\"\nends = { heard = \"greeting\" }",
    );
    let found = unsafe_ways(&text, GUARD);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].contains("a call to any other number on"),
        "{found:?}"
    );
    assert!(found[0].contains("8784 hours"), "always: {found:?}");
}

#[test]
fn without_its_file_nothing_guards_and_the_plan_says_so() {
    let plan = load(&[("main.toml".into(), SHIPPED.into())], &SOUNDS).unwrap();
    let told: Vec<String> = plan.remarks.iter().map(ToString::to_string).collect();
    assert!(
        told.iter()
            .any(|one| one.contains("there is no safety.toml")),
        "{told:?}"
    );
    assert_eq!(loaded(SHIPPED, GUARD).remarks, []);
}

#[test]
fn the_guard_cannot_be_edited_in_the_plan_nor_the_plan_in_the_guard() {
    let faults = |text: &str, guard: &str| {
        let files = [
            ("main.toml".into(), text.into()),
            ("safety.toml".into(), guard.into()),
        ];
        let found = load(&files, &SOUNDS).unwrap_err();
        found
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("\n")
    };
    let told = faults(&format!("{SHIPPED}\n[safety]\nwithin = '1h'\n"), GUARD);
    assert!(
        told.contains("[safety] does not belong here; put it into safety.toml"),
        "{told}"
    );
    let told = faults(SHIPPED, &format!("start = 'x'\n{GUARD}"));
    assert!(
        told.contains("safety.toml:1: the guard has no key \"start\""),
        "{told}"
    );
    let told = faults(SHIPPED, "[safety]\nwithn = '3m'\n");
    assert!(told.contains("did you mean \"within\"?"), "{told}");
    let told = faults(SHIPPED, "");
    assert!(
        told.contains("safety.toml:1: [safety] is missing"),
        "{told}"
    );
    let told = faults(SHIPPED, "[safety]\nexplained_by = 'please-cal-again'\n");
    assert!(
        told.contains("did you mean \"please-call-again\"?"),
        "{told}"
    );
}

#[test]
fn a_year_with_hundreds_of_closures_and_numbers_is_followed_in_a_moment() {
    let mut text = SHIPPED.to_owned();
    for day in 1..=300 {
        let date = jiff::civil::date(2027, 1, 1).saturating_add(jiff::Span::new().days(day));
        text += &format!(
            "[[closed]]\nfrom = {date}T02:00:00\nuntil = {date}T05:00:00\ngo = 'nobody'\n"
        );
    }
    let numbers: String = (0..500).map(|at| format!("'05022{at:05}', ")).collect();
    let text = text.replace("numbers = [", &format!("numbers = [{numbers}"));
    let begun = Instant::now();
    assert_eq!(unsafe_ways(&text, GUARD), [""; 0]);
    assert!(
        begun.elapsed() < Duration::from_secs(20),
        "{:?}",
        begun.elapsed()
    );
}
