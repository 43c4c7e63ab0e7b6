//! Steps that ask for a key, tell the time, keep what was chosen, and ring several at once: live and in
//! the dry run.

#![allow(clippy::unwrap_used, reason = "a test that fails says so")]
#![allow(dead_code, reason = "the house has more than these tests use")]

#[path = "regressions/house.rs"]
mod house;

use std::time::Duration;

use house::{House, PHONE, SDP, flow};
use qaynar::dialplan::load::moment_of;
use qaynar::dialplan::plan::{Ends, Plan};
use qaynar::dialplan::route::{Assumed, Route, route};
use qaynar::dialplan::{Catalogue, expect, load};
use qaynar::event::What;
use qaynar::ids::Language;
use qaynar::media::{self, Command};
use qaynar::sip::message::Method;
use qaynar::switch::Input;

/// 1 is legal advice, 5 psychology; who presses nothing hears it twice and goes on.
const MENU: &str = r#"
numbers = ["116111"]
start = "welcome"
languages = ["az", "ru", "en"]
language_keys = { 2 = "ru", 3 = "en" }
[path.welcome]
steps = [
  { menu = ["menu-topics"], keys = { 1 = "legal", 5 = "psychology" }, wait = "6s", tries = 2 },
  { play = "nothing-pressed" },
]
[path.legal]
steps = [{ set = { needs = "legal", priority = "5m" } }, { play = "legal" }, { queue = "children" }]
[path.psychology]
steps = [{ set = { language = "en" } }, { play = "psychology" }]
[queue.children]
if_waiting = [{ for = "3m", go = "psychology" }]
[operator.101]
can = "legal"
"#;

const SECOND: Duration = Duration::from_secs(1);

fn loaded(text: &str) -> Result<Plan, Vec<String>> {
    let catalogue = Catalogue {
        on_trust: true,
        ..Catalogue::default()
    };
    let read = load(&[("main.toml".into(), text.into())], &catalogue);
    read.map_err(|faults| faults.iter().map(ToString::to_string).collect())
}

fn with_keys(keys: &str) -> Route {
    let assumed = Assumed {
        operators: 1,
        keys: keys.chars().collect(),
        ..Assumed::default()
    };
    route(&loaded(MENU).unwrap(), "116111", &assumed)
}

#[test]
fn the_dry_run_presses_keys_where_they_mean_something() {
    for (keys, ends, language) in [
        ("", Ends::Heard("nothing-pressed".into()), Language::Az),
        ("1", Ends::Queue("children".into()), Language::Az),
        ("21", Ends::Queue("children".into()), Language::Ru),
        ("5", Ends::Heard("psychology".into()), Language::En),
        // 9 means nothing, 2 chooses a language within the menu.
        ("925", Ends::Heard("psychology".into()), Language::En),
        ("9", Ends::Heard("nothing-pressed".into()), Language::Az),
    ] {
        let found = with_keys(keys);
        assert_eq!((found.ends, found.language), (ends, language), "{keys}");
    }
    let reasons: Vec<String> = with_keys("1")
        .steps
        .into_iter()
        .map(|step| step.reason)
        .collect();
    let expected = [
        "a number of the helpline",
        "menu menu-topics",
        "key 1: go to legal",
        "set as if waiting 300 s longer, needs legal",
        "play legal",
        "queue children",
        "who waits for 180 s goes on with psychology",
    ];
    assert_eq!(reasons, expected);
    let silent: Vec<String> = with_keys("")
        .steps
        .into_iter()
        .map(|step| step.reason)
        .collect();
    assert!(
        silent.contains(&"menu menu-topics, once more (2)".to_owned()),
        "{silent:?}"
    );
}

#[test]
fn expectations_press_keys_in_menus() {
    let plan = loaded(&format!(
        "{MENU}[[expect]]\ndial = '116111'\nkeys = '2,1'\nends = {{ queue = 'children', language = 'ru' }}\n"
    ));
    assert_eq!(expect::run(&plan.unwrap()), Ok(1));
}

#[test]
fn mistakes_in_menus_say_and_set_have_their_line_and_a_remedy() {
    let steps = |step: &str| MENU.replace("{ play = \"nothing-pressed\" },", &format!("{step},"));
    for (step, expected) in [
        (
            "{ menu = 'a', keys = { 2 = 'legal' } }",
            "key 2 chooses the language ru already",
        ),
        (
            "{ menu = 'a', keys = { 1 = 'lega' } }",
            "no path is called \"lega\"; did you mean \"legal\"?",
        ),
        (
            "{ menu = 'a', keys = { 12 = 'legal' } }",
            "\"12\" is no key",
        ),
        ("{ menu = 'a' }", "the menu has no keys"),
        (
            "{ menu = [], keys = { 1 = 'legal' } }",
            "the menu says nothing",
        ),
        (
            "{ menu = 'a', keys = { 1 = 'legal' }, wait = '2m' }",
            "the menu waits too long",
        ),
        (
            "{ menu = 'a', keys = { 1 = 'legal' }, tries = 9 }",
            "the menu is heard 9 times",
        ),
        ("{ say = 'tme' }", "did you mean \"time\"?"),
        ("{ say = 'position' }", "say_position of the queue says it"),
        (
            "{ say = 'resumes', hours = 'office' }",
            "no hours are called \"office\"",
        ),
        ("{ set = {} }", "set sets nothing"),
        (
            "{ set = { language = 'de' } }",
            "\"de\" is no language that is spoken",
        ),
        ("{ set = { needs = 'chess' } }", "no operator can \"chess\""),
        (
            "{ ring = ['101', '+994501234567'], for = '9s' }",
            "cannot ring together with operators",
        ),
        (
            "{ ring = ['101', '101'], for = '9s' }",
            "operator 101 is in the group twice",
        ),
    ] {
        let faults = loaded(&steps(step)).unwrap_err().join("\n");
        assert!(
            faults.contains(expected) && faults.contains("main.toml:9"),
            "{step}: {faults}"
        );
    }
}

/// Office hours end on Friday; a closure follows that ends in the middle of Monday.
#[test]
fn who_comes_too_late_is_told_when_the_line_opens_again() {
    let text = "numbers = ['116111']\nstart = 'a'\n[path.a]\nsteps = [{ if = 'not office open', go = 'late' }, { play = 'open' }]\n\
                [path.late]\nsteps = [{ say = 'time' }, { say = 'resumes' }]\n[hours.office]\nopen = 'mon-fri 09:00-18:00'\n\
                [[closed]]\nfrom = 2026-11-23T00:00:00\nuntil = 2026-11-23T12:00:00\ngo = 'late'\n";
    let plan = loaded(text).unwrap();
    let said = |at: &str| {
        let assumed = Assumed {
            at: moment_of(at, &plan),
            ..Assumed::default()
        };
        let found = route(&plan, "116111", &assumed);
        found.steps.last().unwrap().clone().reason == "the path is over"
            && found.ends == Ends::Said("resumes".into())
    };
    assert!(said("2026-11-20T19:00:00"));
    let resumes = |at: &str| {
        let now = moment_of(at, &plan).unwrap();
        plan.resumes(Some(&"office".into()), now)
    };
    assert_eq!(
        resumes("2026-11-20T19:00:00"),
        moment_of("2026-11-23T12:00:00", &plan)
    );
    assert_eq!(
        resumes("2026-11-23T19:00:00"),
        moment_of("2026-11-24T09:00:00", &plan)
    );
    // Without hours the closure alone counts.
    let now = moment_of("2026-11-23T01:00:00", &plan).unwrap();
    assert_eq!(
        plan.resumes(None, now),
        moment_of("2026-11-23T12:00:00", &plan)
    );
}

impl House {
    fn presses(&mut self, digit: char) {
        let leg = self.legs()[0];
        self.tell(Input::Media(media::Event::Digit { leg, digit }));
    }

    /// The prompts of the last `Play`, each with its language.
    fn plays(&self) -> Vec<String> {
        let last = self.media.iter().rev().find_map(|command| match command {
            Command::Play { clips, .. } => Some(clips),
            _ => None,
        });
        let clip = |clip: &media::Clip| {
            let language = clip.language.map_or("", Language::code);
            format!("{language}/{}", clip.name)
        };
        last.unwrap().iter().map(clip).collect()
    }

    fn reasons(&self) -> Vec<String> {
        let reason = |event: &What| match event {
            What::Step { reason, .. } => Some(reason.clone()),
            _ => None,
        };
        self.events.iter().filter_map(reason).collect()
    }
}

#[test]
fn a_key_of_a_menu_works_while_it_plays_and_after_it() {
    for waits in [false, true] {
        let mut house = House::with_plan(MENU);
        house.standing_call("");
        assert_eq!(house.plays(), ["az/menu-topics"]);
        if waits {
            house.played();
            house.wait(5 * SECOND);
        }
        house.presses('1');
        assert_eq!(house.plays(), ["az/legal"]);
        house.wait(20 * SECOND);
        assert_eq!(
            house.plays(),
            ["az/legal"],
            "the menu's time is over and forgotten"
        );
    }
}

#[test]
fn who_presses_nothing_hears_the_menu_again_and_then_goes_on() {
    let mut house = House::with_plan(MENU);
    house.standing_call("");
    house.played();
    house.wait(5 * SECOND);
    assert_eq!(house.reasons().len(), 2, "the menu still waits");
    house.wait(2 * SECOND);
    house.played();
    house.wait(7 * SECOND);
    assert_eq!(house.plays(), ["az/nothing-pressed"]);
    let reasons = house.reasons().join("\n");
    assert_eq!(reasons.matches("no key within 6 s").count(), 2, "{reasons}");
}

#[test]
fn a_language_key_says_the_menu_again_and_a_strange_key_changes_nothing() {
    let mut house = House::with_plan(MENU);
    house.standing_call("");
    house.presses('9');
    assert_eq!(house.plays(), ["az/menu-topics"]);
    house.played();
    house.presses('2');
    assert_eq!(house.plays(), ["ru/menu-topics"]);
    house.wait(20 * SECOND);
    assert_eq!(
        house.plays(),
        ["ru/menu-topics"],
        "it still plays, no time runs"
    );
    house.presses('5');
    assert_eq!(house.plays(), ["en/psychology"], "set chose the language");
    let told = house
        .events
        .iter()
        .filter(|what| matches!(what, What::Language { .. }));
    assert_eq!(told.count(), 2, "the record knows both languages");
}

#[test]
fn a_menu_begins_again_after_a_restart_in_the_language_that_was_chosen() {
    let mut house = House::with_plan(MENU);
    house.standing_call("");
    house.presses('3');
    house.played();
    house.wait(3 * SECOND);
    house.presses('9');
    house
        .media
        .retain(|command| !matches!(command, Command::Play { .. }));
    house.restart();
    assert_eq!(house.plays(), ["en/menu-topics"]);
    house.played();
    house.presses('1');
    assert_eq!(house.plays(), ["en/legal"]);
}

const GROUP: &str = "numbers = ['116111']\nstart = 'a'\n[path.a]\nsteps = [{ ring = ['101', '102'], for = '20s' }, { play = 'nobody' }]\n";
const OTHER_PHONE: &str = "192.0.2.10:5060";

fn group() -> (House, [qaynar::sip::message::Request; 2]) {
    let phones = [("101", flow(PHONE)), ("102", flow(OTHER_PHONE))];
    let mut house = House::with_plan(GROUP).with_phones(&phones);
    house.standing_call("");
    let invites = [house.request(Method::Invite), house.request(Method::Invite)];
    (house, invites)
}

#[test]
fn a_group_rings_at_once_and_who_answers_first_has_the_caller() {
    let (mut house, [first, second]) = group();
    house.reply(&first, 180, "", "");
    house.reply(&second, 180, "", "");
    house.reply(&second, 200, "", SDP);
    house.request(Method::Ack);
    house.request(Method::Cancel);
    assert_eq!(house.switch.counts().talking, 1);
    let free = house
        .switch
        .operators()
        .filter(|(_, state)| *state == qaynar::event::OperatorState::Talking);
    let talking: Vec<String> = free.map(|(id, _)| id.to_string()).collect();
    assert_eq!(
        talking,
        ["102"],
        "the other one can be rung for somebody else"
    );
}

#[test]
fn a_group_rings_on_while_one_of_it_does_and_no_longer() {
    let (mut house, [first, second]) = group();
    house.reply(&first, 486, "", "");
    house.wait(SECOND);
    assert!(
        house
            .media
            .iter()
            .all(|one| !matches!(one, Command::Play { .. })),
        "the other still rings"
    );
    house.reply(&second, 603, "", "");
    house.wait(SECOND);
    assert_eq!(house.plays(), ["az/nobody"]);
}

#[test]
fn a_group_in_vain_goes_on_after_its_time() {
    let (mut house, [first, second]) = group();
    house.reply(&first, 180, "", "");
    house.reply(&second, 180, "", "");
    house.wait(21 * SECOND);
    assert_eq!(house.plays(), ["az/nobody"]);
}

#[test]
fn the_dry_run_tells_what_follows_for_who_waits_and_where_a_full_line_leads() {
    let text = MENU.replace(
        "if_waiting = [",
        "max_waiting = 12\nif_full = \"full\"\nif_waiting = [{ for = \"1m\", go = \"sorry\" }, ",
    );
    let text = format!(
        "{text}[path.full]\nsteps = [{{ play = 'full' }}]\n[path.sorry]\nsteps = [{{ play = 'sorry' }}, {{ queue = 'late' }}]\n\
         [queue.late]\nif_waiting = [{{ for = '2m', go = 'sorry' }}, {{ for = '5m', go = 'full' }}]\n"
    );
    let plan = loaded(&text).unwrap();
    let assumed = |waiting: usize| Assumed {
        operators: 3,
        keys: vec!['1'],
        waiting: [("children".into(), waiting)].into(),
        ..Assumed::default()
    };
    let found = route(&plan, "116111", &assumed(11));
    let told: Vec<(String, Ends)> = found
        .follows
        .into_iter()
        .map(|one| (one.why, one.ends))
        .collect();
    let heard = |prompt: &str| Ends::Heard(prompt.into());
    let expected = [
        (
            "who waits in children for 60 s".to_owned(),
            Ends::Queue("late".into()),
        ),
        (
            "who waits in children for 180 s".to_owned(),
            heard("psychology"),
        ),
        ("who waits in late for 300 s".to_owned(), heard("full")),
    ];
    assert_eq!(told, expected);
    assert_eq!(route(&plan, "116111", &assumed(12)).ends, heard("full"));
}

/// The caller's number itself is nowhere, and a restart forgets no call.
#[test]
fn who_calls_again_and_again_is_known_by_pseudonym_also_after_a_restart() {
    let text = "numbers = ['116111']\nstart = 'a'\n[path.a]\nsteps = [{ if = 'called 3 times within 1h', go = 'often' }, { play = 'seldom' }]\n\
                [path.often]\nsteps = [{ play = 'often' }]\n";
    let mut house = House::with_plan(text);
    let call = |house: &mut House| {
        let mut peer = house.standing_call("");
        let heard = house.plays();
        let bye = peer.next("BYE", "", "");
        house.receive(house::CARRIER, &bye);
        house.wait(60 * SECOND);
        heard
    };
    assert_eq!(call(&mut house), ["az/seldom"]);
    assert_eq!(call(&mut house), ["az/seldom"]);
    let recent = house.switch.recent_calls();
    assert!(!format!("{recent:?}").contains("501234567"));
    house.restart();
    house.tell(Input::Command(qaynar::switch::Command::RecentCalls(recent)));
    assert_eq!(call(&mut house), ["az/often"]);
    house.wait(3_600 * SECOND);
    assert_eq!(
        call(&mut house),
        ["az/seldom"],
        "the others are an hour ago"
    );
}

#[test]
fn an_unsynchronised_clock_is_told_and_opens_the_hours() {
    let text = "numbers = ['116111']\nstart = 'a'\n[path.a]\nsteps = [{ if = 'office open', go = 'open' }, { play = 'closed' }]\n\
                [path.open]\nsteps = [{ play = 'open' }]\n[hours.office]\nopen = 'on'\n".replace("'on'", "'sat 00:00-00:01'");
    let mut house = House::with_plan(&text);
    let synchronised = |house: &mut House, synchronised| {
        house.tell(Input::Command(qaynar::switch::Command::Clock {
            synchronised,
        }));
    };
    synchronised(&mut house, false);
    synchronised(&mut house, false);
    house.standing_call("");
    assert_eq!(house.plays(), ["az/open"]);
    let alarms = house
        .events
        .iter()
        .filter(|what| matches!(what, What::Alarm { kind, .. } if kind == "clock-unset"));
    assert_eq!(alarms.count(), 1, "told once");
    let mut other = House::with_plan(&text);
    synchronised(&mut other, true);
    other.standing_call("");
    assert_eq!(other.plays(), ["az/closed"]);
}
