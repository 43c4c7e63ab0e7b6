//! The dialplan as its editors meet it: every mistake with its line, and the shipped plan's promises.

#![allow(clippy::unwrap_used, reason = "a test that fails says so")]

use std::path::Path;
use std::sync::LazyLock;

use qaynar::dialplan::load::moment_of;
use qaynar::dialplan::plan::{Ends, Plan};
use qaynar::dialplan::route::{Assumed, route};
use qaynar::dialplan::{Catalogue, Fault, expect, load};
use qaynar::event::Supervision;
use qaynar::ids::{Language, Rule};
use qaynar::store::plans;
use qaynar::time::Wall;

const SHIPPED: &str = include_str!("../dialplans/helpline.toml");
const NOW: Wall = Wall(1_795_000_000_000_000);

/// The sounds that are shipped.
static SOUNDS: LazyLock<Catalogue> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("dialplans");
    let (catalogue, _, faults) = plans::sounds(&folder);
    assert_eq!(faults, []);
    catalogue
});

fn loaded(text: &str) -> Result<Plan, Vec<Fault>> {
    load(&[("main.toml".into(), text.into())], &SOUNDS)
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
        "main.toml:43: ring_for of queue children: \"15\" is no time; write a number with its unit",
        "main.toml:46: queue children has no key \"confort\"; did you mean \"comfort\"?",
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
    assert!(found.contains("main.toml:44: not TOML"), "{found}");
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

/// A plan with one queue whose keys are these.
fn with_queue(keys: &str) -> String {
    format!(
        "numbers = ['116111']\nstart = 'a'\n[path.a]\nsteps = [{{ queue = 'children' }}, {{ play = 'nobody-now' }}]\n[operator.201]\ncan = ['ru', 'legal']\n[queue.children]\n{keys}\n"
    )
}

#[test]
fn a_queue_names_its_rule_its_operators_and_who_else_rings_later() {
    let keys = "ring = 'round robin'\noperators = ['201', { id = '202', level = 2, weight = 3 }]\nif_waiting = [{ for = '10s', ring = 3, level = 1 }, { for = '20s', ring = 'all' }, { for = '3m', go = 'a' }]\npause_after = 3\nmax_waiting = 9\nif_full = 'a'";
    let plan = loaded(&with_queue(keys)).unwrap();
    let queue = &plan.queues[&"children".into()];
    assert_eq!(queue.ring, Rule::RoundRobin);
    let members = queue.operators.as_ref().unwrap();
    assert_eq!(
        (members[0].level, members[1].level, members[1].weight),
        (1, 2, 3)
    );
    let more: Vec<_> = queue
        .ring_more
        .iter()
        .map(|one| (one.operators, one.level))
        .collect();
    assert_eq!(more, [(3, Some(1)), (usize::MAX, None)]);
    assert_eq!(queue.if_waiting.len(), 1);
    assert_eq!(queue.full.as_ref().unwrap().most, 9);
    assert!(plan.skills[&"201".into()].contains(&"legal".into()));
}

#[test]
fn mistakes_in_a_queue_have_their_line_and_a_remedy() {
    for (keys, expected) in [
        (
            "ring = 'longest idel'",
            ":8: no way to ring is called \"longest idel\"; did you mean \"longest idle\"?",
        ),
        (
            "operators = ['201', '201']",
            ":8: operator 201 is in queue children twice",
        ),
        ("operators = []", "queue children has no operators"),
        (
            "operators = [{ id = '201', level = 0 }]",
            ":8: 0 is no level",
        ),
        ("operators = [{ level = 2 }]", ":8: id is missing"),
        (
            "if_waiting = [{ for = '3s', ring = 0 }]",
            ":8: nobody rings",
        ),
        (
            "if_waiting = [{ for = '3s', ring = 2, go = 'a' }]",
            ":8: an entry of if_waiting needs for, and one of go, ring and offer",
        ),
        (
            "if_waiting = [{ for = '9s', ring = 2 }, { for = '9s', go = 'a' }]",
            ":8: the times of if_waiting do not rise",
        ),
        ("max_waiting = 3", "max_waiting and if_full go together"),
        (
            "max_waiting = 3\nif_full = 'b'",
            ":9: no path is called \"b\"",
        ),
    ] {
        let found = faults(&with_queue(keys)).join("\n");
        assert!(found.contains(expected), "{expected} is not in:\n{found}");
    }
    let step = |keys: &str| with_queue("").replace("queue = 'children'", keys);
    let needs = step("queue = 'children', needs = 'russian'");
    let expected = ":4: no operator can \"russian\"; there are: legal, ru";
    assert!(faults(&needs).join("\n").contains(expected));
    let needs = step("queue = 'children', needs_for = '20s'");
    assert!(
        faults(&needs)
            .join("\n")
            .contains(":4: needs_for without needs")
    );
    assert!(
        loaded(&step(
            "queue = 'children', needs = 'ru', needs_for = '20s', prefers = 'legal'"
        ))
        .is_ok()
    );
}

#[test]
fn a_day_ends_at_midnight_in_baku() {
    let plan = shipped();
    let moment = |text| moment_of(text, &plan).unwrap();
    let next = plan.midnight_after(moment("2026-11-24T23:59:59"));
    assert_eq!(next, Some(moment("2026-11-25T00:00:00")));
    assert_eq!(
        plan.midnight_after(next.unwrap()),
        Some(moment("2026-11-26T00:00:00"))
    );
}

/// The faults where some of the shipped sounds are gone.
fn faults_without(text: &str, gone: fn(Language, &str) -> bool) -> Vec<String> {
    let mut sounds = SOUNDS.clone();
    for (language, names) in &mut sounds.spoken {
        names.retain(|name| !gone(*language, name));
    }
    let loaded = load(&[("main.toml".into(), text.into())], &sounds);
    let found = loaded.map(|_| Vec::new()).unwrap_or_else(|faults| faults);
    found.iter().map(ToString::to_string).collect()
}

#[test]
fn what_feature_codes_say_must_be_there_in_the_first_language() {
    let gone = |_: Language, name: &str| name == "wrap-up" || name == "callers-waiting";
    assert_eq!(
        faults_without(SHIPPED, gone),
        [
            "main.toml:11: there is no prompts/az/callers-waiting.wav; record it, or run prompts/make: operators who dial a feature code hear it",
            "main.toml:11: there is no prompts/az/wrap-up.wav; record it, or run prompts/make: operators who dial a feature code hear it",
        ]
    );
    let short = "numbers = ['116111']\nstart = 'a'\n[path.a]\nsteps = [{ play = 'greeting' }]\n";
    assert!(faults_without(short, gone)[0].starts_with("main.toml:1: there is no prompts/az/"));
    assert_eq!(
        faults_without(&format!("languages = ['ru']\n{short}"), |language, name| {
            language == Language::Az && name == "wrap-up"
        }),
        [""; 0]
    );
}

#[test]
fn the_words_of_numbers_must_be_there_where_a_queue_says_the_position() {
    let no_numbers = |_: Language, name: &str| {
        name.starts_with("number-") || name.starts_with("ordinal-") || name.starts_with("position-")
    };
    // A callback reads numbers out too.
    let shipped = SHIPPED.replace("offer = \"callback\", key = 1", "go = \"long-wait\"");
    assert_eq!(faults_without(&shipped, no_numbers), [""; 0]);
    let says = shipped.replace("say_position = false", "say_position = true");
    let found = faults_without(&says, no_numbers);
    assert_eq!(found.len(), 3, "one for a language: {found:?}");
    assert_eq!(
        found[0],
        "main.toml:45: there is no prompts/az/position-before.wav, nor 41 more of the words that tell callers their position; record them, or run prompts/make, or write say_position = false"
    );
    let one =
        |language: Language, name: &str| language == Language::Ru && name == "number-1000-few";
    assert_eq!(
        faults_without(&says, one),
        [
            "main.toml:45: there is no prompts/ru/number-1000-few.wav; record them, or run prompts/make, or write say_position = false"
        ]
    );
    assert_eq!(faults_without(&says, |_, _| false), [""; 0]);
}

#[test]
fn a_language_that_only_a_key_chooses_needs_its_prompts_too() {
    let plan = SHIPPED.replace(
        "languages = [\"az\", \"ru\", \"en\"]",
        "languages = [\"az\"]",
    );
    let gone = |language: Language, name: &str| language == Language::En && name == "greeting";
    let found = faults_without(&plan, gone).join("\n");
    assert!(
        found.contains("main.toml:20: there is no prompts/en/greeting.wav"),
        "{found}"
    );
}

#[test]
fn music_on_hold_must_be_there_even_if_no_queue_names_it() {
    let short = "numbers = ['116111']\nstart = 'a'\n[path.a]\nsteps = [{ play = 'greeting' }]\n";
    let mut sounds = SOUNDS.clone();
    sounds.music.clear();
    let found = load(&[("main.toml".into(), short.into())], &sounds).unwrap_err();
    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(
        found,
        ["main.toml:1: there is no prompts/music/hold.wav; there is none yet"]
    );
}

#[test]
fn an_expectation_that_is_not_met_is_a_fault_at_its_line() {
    let text = SHIPPED.replace(
        "ends = { voicemail = \"night\" }",
        "ends = { queue = \"children\" }",
    );
    let found = expect::run(&loaded(&text).unwrap()).unwrap_err();
    assert_eq!(found.len(), 1);
    let ends = SHIPPED.find("ends = { voicemail").unwrap();
    let begins = SHIPPED[..ends].rfind("[[expect]]").unwrap();
    let line = SHIPPED[..begins].lines().count() + 1;
    assert_eq!(found[0].place.line, line);
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
                ..Assumed::default()
            },
        );
        let expected = if closed {
            Ends::Voicemail("night".into())
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
            ..Assumed::default()
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
            "play nobody-now, in-danger-call-112",
            "voicemail night",
        ]
    );
}

#[test]
fn mistakes_around_recordings_are_faults_with_their_lines() {
    let plan = |rest: &str| {
        format!(
            "numbers = ['116111']\nstart = 'a'\n[path.a]\nsteps = [{{ queue = 'q' }}, {{ voicemail = 'nigth' }}]\n{rest}"
        )
    };
    let mut sounds = SOUNDS.clone();
    sounds.music.remove("tone");
    for there in sounds.spoken.values_mut() {
        there.remove("recording-notice");
        there.remove("message-keys");
    }
    let text = plan(
        "[voicemail.night]\nmost = '1h'\noperators = []\n[queue.q]\nrecord = true\n[queue.r]\nkeep = '3d'\n",
    );
    let found = load(&[("main.toml".into(), text)], &sounds).unwrap_err();
    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
    for wanted in [
        ":4: no mailbox is called \"nigth\"; there are: night",
        ":5: voicemail night has no greeting",
        ":5: a message may not be longer than ten minutes",
        ":5: nobody hears the messages of voicemail night",
        ":5: there is no prompts/music/tone.wav",
        ":5: there is no prompts/az/message-keys.wav",
        ":9: there is no prompts/az/recording-notice.wav",
        ":10: keep without record",
    ] {
        assert!(
            found.iter().any(|one| one.contains(wanted)),
            "{wanted}: {found:#?}"
        );
    }
    let none = load(&[("main.toml".into(), plan("[queue.q]\n"))], &SOUNDS).unwrap_err();
    assert!(
        none[0].to_string().contains("[voicemail.nigth]"),
        "{none:?}"
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

/// The shipped plan with a class of numbers that operators may call, and a test of it.
fn with_outgoing(more: &str) -> String {
    format!(
        "{SHIPPED}\n[[outgoing]]\nname = \"mobile\"\nnumbers = [\"mobile\", \"0125…\"]\ntrunks = [\"azercell\"]\n\
         per_minute = 0.05\nspend_a_day = 25\n{more}"
    )
}

#[test]
fn what_operators_may_call_is_tested_by_the_plan_itself() {
    let expect = |dial: &str, ends: &str| {
        format!("[[expect]]\ndial = \"{dial}\"\nby = \"operator\"\nends = {{ {ends} }}\n")
    };
    let well = [
        expect("0506802299", "outgoing = \"mobile\""),
        expect("0125551234", "outgoing = \"mobile\""),
        expect("0124551234", "refused = true"),
        expect("112", "outgoing = \"emergency\""),
        expect("116111", "queue = \"children\""),
    ];
    let plan = loaded(&with_outgoing(&well.concat())).unwrap();
    assert!(expect::run(&plan).is_ok());
    let wrong = expect("00902125551234", "outgoing = \"mobile\"");
    let plan = loaded(&with_outgoing(&wrong)).unwrap();
    let told = expect::run(&plan).unwrap_err();
    let told = told[0].to_string();
    assert!(
        told.contains("a refusal") && told.contains("--as-operator"),
        "{told}"
    );
}

#[test]
fn mistakes_of_outgoing_are_found_with_their_lines() {
    let text = with_outgoing(
        "[[outgoing]]\nname = \"mobile\"\nnumbers = \"moblie\"\nper_minute = \"much\"\n[[outgoing]]\nspend_a_day = 1\n",
    );
    let found = faults(&text).join("\n");
    for part in [
        "\"moblie\" names no numbers",
        "per_minute is no amount of money",
        "two outgoing called \"mobile\"",
        "outgoing without a name",
        "outgoing names no numbers",
        "spend_a_day without a price",
    ] {
        assert!(found.contains(part), "{part} in\n{found}");
    }
}

#[test]
fn who_may_supervise_is_said_in_words_and_what_all_hear_when_help_is_called_must_be_there() {
    let keys = "ring = 'longest idle'\n[operator.210]\nmay = ['listen', 'barge']";
    let plan = loaded(&with_queue(keys)).unwrap();
    let may = plan.may.get(&"210".into()).unwrap();
    assert_eq!(
        may.iter().copied().collect::<Vec<_>>(),
        [Supervision::Listen, Supervision::Barge]
    );
    assert_eq!(plan.may.len(), 1, "nobody else may");
    let keys = "ring = 'longest idle'\n[operator.210]\nmay = ['lisen', 'shout']";
    let found = faults(&with_queue(keys)).join("\n");
    for expected in [
        "main.toml:10: operator 210: nobody may \"lisen\"; did you mean \"listen\"?",
        "nobody may \"shout\"; there are: listen, whisper, barge",
    ] {
        assert!(found.contains(expected), "{expected} not in\n{found}");
    }
    let text = format!("help_word = 'help-is-comin'\n{}", with_queue(""));
    let found = faults(&text).join("\n");
    let expected = "main.toml:1: there is no prompts/az/help-is-comin.wav; record it, or: did you mean \"help-is-coming\"?";
    assert!(found.contains(expected), "{found}");
}
