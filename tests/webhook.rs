//! A server of the house is asked where calls go: in the plan, in the dry run, under the guard, live.

#![allow(clippy::unwrap_used, reason = "a test that fails says so")]
#![allow(dead_code, reason = "the house has more than these tests use")]

#[path = "regressions/house.rs"]
mod house;

use std::collections::BTreeSet;
use std::time::Duration;

use house::{CARRIER, House, Peer, RINGS};
use qaynar::dialplan::load::moment_of;
use qaynar::dialplan::plan::{Ends, Plan};
use qaynar::dialplan::route::{Assumed, route};
use qaynar::dialplan::webhook::NoAnswer;
use qaynar::dialplan::{Catalogue, expect, graph, load, safety};
use qaynar::event::What;
use qaynar::ids::Language;
use qaynar::media::Command;
use qaynar::sip::message::{Method, Name};
use qaynar::switch::{self, Input, Inquiry, ScreenPop};

const SECOND: Duration = Duration::from_secs(1);
/// Known children go to their own path, others on.
const ASKS: &str = r#"
numbers = ["116111"]
start = "welcome"
[path.welcome]
steps = [
  { webhook = "https://crm.example/route?key=1", within = "3s", go = { known = "known", gone = "gone" }, otherwise = "new" },
]
[path.known]
steps = [{ play = "welcome-back" }]
[path.gone]
steps = [{ play = "call-112" }]
[path.new]
steps = [{ play = "welcome" }]
"#;

fn loaded(text: &str) -> Result<Plan, Vec<String>> {
    let catalogue = Catalogue {
        on_trust: true,
        ..Catalogue::default()
    };
    let read = load(&[("main.toml".into(), text.into())], &catalogue);
    read.map_err(|faults| faults.iter().map(ToString::to_string).collect())
}

#[test]
fn the_dry_run_is_told_what_the_server_answers() {
    let plan = loaded(ASKS).unwrap();
    for (answers, heard, reason) in [
        (
            vec!["known"],
            "welcome-back",
            "it answers known: go to known",
        ),
        (vec!["gone"], "call-112", "it answers gone: go to gone"),
        (
            vec!["0501234567"],
            "welcome",
            "it answers what the plan does not name: go to new",
        ),
        (vec![], "welcome", "no answer (assumed): go to new"),
    ] {
        let assumed = Assumed {
            webhook: answers.iter().map(|one| (*one).to_owned()).collect(),
            ..Assumed::default()
        };
        let found = route(&plan, "116111", &assumed);
        assert_eq!(found.ends, Ends::Heard(heard.into()), "{answers:?}");
        let reasons: Vec<&str> = found.steps.iter().map(|one| one.reason.as_str()).collect();
        // The address holds what people need not read.
        assert_eq!(reasons[1], "ask crm.example within 3000 ms");
        assert_eq!(reasons[2], reason);
    }
}

#[test]
fn expectations_say_what_is_answered() {
    let expects = |answer: &str, heard: &str| {
        let text = format!(
            "{ASKS}\n[[expect]]\ndial = \"116111\"\nwebhook = {answer}\nends = {{ heard = \"{heard}\" }}"
        );
        expect::run(&loaded(&text).unwrap())
    };
    assert_eq!(expects("\"known\"", "welcome-back"), Ok(1));
    assert_eq!(expects("[]", "welcome"), Ok(1));
    let fault = expects("\"gone\"", "welcome").unwrap_err().remove(0);
    assert!(fault.what.contains("call-112"), "{fault}");
}

#[test]
fn each_mistake_is_told_with_its_line() {
    let words = ["welcome-back", "call-112", "welcome", "x"];
    let words: BTreeSet<String> = words.map(ToOwned::to_owned).into();
    let catalogue = Catalogue {
        spoken: [(Language::Az, words)].into(),
        music: ["hold".to_owned()].into(),
        ..Catalogue::default()
    };
    for (was, is, told) in [
        (
            "https://crm.example/route?key=1",
            "http://crm.example/",
            "main.toml:6: \"http://crm.example/\" is not secure",
        ),
        (
            "https://crm.example/route?key=1",
            "https://me:word@crm.example/",
            "holds a password",
        ),
        (
            "within = \"3s\"",
            "within = \"30s\"",
            "no time to keep a caller",
        ),
        (
            "go = { known = \"known\", gone = \"gone\" }, ",
            "",
            "no answer of the webhook leads",
        ),
        (
            "gone = \"gone\"",
            "gone = \"goone\"",
            "no path is called \"goone\"",
        ),
        (
            "otherwise = \"new\"",
            "otherwise = \"nwe\"",
            "no path is called \"nwe\"",
        ),
        (
            "otherwise = \"new\"",
            "otherwize = \"new\"",
            "has no key \"otherwize\"",
        ),
        (
            ", otherwise = \"new\"",
            "",
            "path welcome has no end: the webhook may not answer",
        ),
        (
            "otherwise = \"new\" },",
            "otherwise = \"new\" }, { play = \"x\" },",
            "this step is never reached",
        ),
        (
            "gone = \"gone\"",
            "gone = \"welcome\"",
            "path welcome runs in a circle without a word",
        ),
    ] {
        let files = [("main.toml".to_owned(), ASKS.replace(was, is))];
        let faults = load(&files, &catalogue).expect_err(told);
        let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert!(
            faults.iter().any(|fault| fault.contains(told)),
            "{faults:?}"
        );
    }
}

#[test]
fn the_guard_follows_every_answer_and_the_lack_of_one() {
    let guarded = |text: &str| {
        let files = [
            ("main.toml".to_owned(), text.to_owned()),
            (
                "safety.toml".to_owned(),
                "[safety]\nwithin = \"30s\"\nexplained_by = [\"welcome\", \"welcome-back\", \"call-112\"]".to_owned(),
            ),
        ];
        let catalogue = Catalogue {
            on_trust: true,
            ..Catalogue::default()
        };
        let plan = load(&files, &catalogue).unwrap();
        let now = moment_of("2026-11-23T03:00", &plan).unwrap();
        let faults = safety::check(&plan, &catalogue.lengths, now);
        faults.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(guarded(ASKS), [""; 0]);
    for (was, told) in [
        (
            "call-112",
            "hears jingle last, which explains nothing (way: welcome → gone; webhooks answer gone)",
        ),
        (
            "welcome\" }]",
            "hears jingle last, which explains nothing (way: welcome → new)",
        ),
    ] {
        let faults =
            guarded(&ASKS.replace(was, &was.replace(was.trim_end_matches("\" }]"), "jingle")));
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert!(faults[0].contains(told), "{faults:?}");
    }
    // Each of them is waited for as long as may be.
    let slow = |count: usize| {
        let asks =
            "{ webhook = \"https://crm.example/\", within = \"10s\", go = { known = \"known\" } },"
                .repeat(count);
        ASKS.replace("steps = [\n", &format!("steps = [\n{asks}\n"))
    };
    assert_eq!(guarded(&slow(2)), [""; 0]);
    let faults = guarded(&slow(3));
    assert!(
        faults
            .iter()
            .any(|one| one.contains("is helped after 33 s, not within 30 s")),
        "{faults:?}"
    );
    // A server that says "again" for ever keeps a caller for ever.
    let circle = ASKS.replace(
        "{ play = \"call-112\" }",
        "{ play = \"call-112\" }, { go = \"welcome\" }",
    );
    let faults = guarded(&circle);
    assert!(
        faults
            .iter()
            .any(|one| one.contains("webhooks answer gone, gone")),
        "{faults:?}"
    );
}

#[test]
fn the_picture_shows_where_each_answer_leads() {
    let svg = graph::svg(&loaded(ASKS).unwrap());
    for text in [
        "ask crm.example, at most 3 s",
        "known: go to known",
        "otherwise: go to new",
    ] {
        assert!(svg.contains(text), "{text}");
    }
    assert!(!svg.contains("key=1"));
}

/// A call that has asked.
fn asking() -> (House, Inquiry) {
    let (house, inquiry, _) = asking_of();
    (house, inquiry)
}

/// The same with whoever calls.
fn asking_of() -> (House, Inquiry, Peer) {
    let mut house = House::with_plan(ASKS);
    let peer = house.standing_call("");
    let inquiry = house.inquiries.pop().expect("the server is asked");
    (house, inquiry, peer)
}

fn says(house: &mut House, inquiry: &Inquiry, answer: Result<&str, NoAnswer>) {
    house.tell(Input::Informed {
        call: inquiry.call,
        number: inquiry.number,
        answer: answer.map(ToOwned::to_owned),
    });
}

/// The first prompt that was played.
fn heard(house: &House) -> Option<String> {
    house.media.iter().find_map(|command| match command {
        Command::Play { clips, .. } => clips.first().map(|clip| clip.name.to_string()),
        _ => None,
    })
}

fn music(house: &House) -> bool {
    let music = |command: &Command| matches!(command, Command::Music { .. });
    house.media.iter().any(music)
}

fn reasons(house: &House) -> Vec<&str> {
    let step = |what: &'_ What| matches!(what, What::Step { .. });
    let steps = house.events.iter().filter(|what| step(what));
    let reason = steps.filter_map(|what| match what {
        What::Step { reason, .. } => Some(reason.as_str()),
        _ => None,
    });
    reason.collect()
}

#[test]
fn what_the_server_answers_leads_on_and_no_number_is_sent() {
    let (mut house, inquiry) = asking();
    assert_eq!(inquiry.url.as_str(), "https://crm.example/route?key=1");
    assert_eq!(
        (inquiry.dialled.as_str(), inquiry.language),
        ("116111", Language::Az)
    );
    assert_eq!(inquiry.trunk.as_str(), "azercell");
    let caller = inquiry
        .caller
        .clone()
        .expect("a caller with an identity has a pseudonym");
    assert!(caller.as_str().starts_with("C-"), "{caller:?}");
    assert!(
        !format!("{inquiry:?}").contains("50123"),
        "no number of a caller"
    );
    assert_eq!(heard(&house), None, "nothing yet");
    says(&mut house, &inquiry, Ok("known"));
    assert_eq!(heard(&house).as_deref(), Some("welcome-back"));
    assert!(!music(&house), "a quick answer is followed by no music");
    assert_eq!(
        reasons(&house)[1..3],
        [
            "ask crm.example within 3000 ms",
            "it answers known: go to known"
        ]
    );
    // What comes once more means nothing.
    house.media.clear();
    says(&mut house, &inquiry, Ok("gone"));
    assert!(house.media.is_empty());
}

#[test]
fn a_silent_server_keeps_nobody() {
    let (mut house, inquiry) = asking();
    house.wait(SECOND - Duration::from_millis(1));
    assert!(!music(&house));
    house.wait(Duration::from_millis(2));
    assert!(music(&house), "after a second the line is heard to live");
    house.wait(SECOND * 2 - Duration::from_millis(2));
    assert_eq!(heard(&house), None);
    house.wait(Duration::from_millis(1));
    assert_eq!(heard(&house).as_deref(), Some("welcome"));
    assert_eq!(reasons(&house)[2], "no answer in time: go to new");
    let told = house.events.iter().any(|what| {
        matches!(what, What::Alarm { kind, text } if kind == "webhook-silent"
            && text == "webhook crm.example: no answer in time; calls go on without it")
    });
    assert!(told, "whoever looks after the house hears of it");
    house.media.clear();
    says(&mut house, &inquiry, Ok("known"));
    assert!(house.media.is_empty(), "it is too late");
}

#[test]
fn a_broken_answer_leads_on_at_once() {
    for none in [NoAnswer::Busy, NoAnswer::Refused(500), NoAnswer::TooLong] {
        let (mut house, inquiry) = asking();
        says(&mut house, &inquiry, Err(none));
        assert_eq!(heard(&house).as_deref(), Some("welcome"), "{none}");
    }
}

#[test]
fn another_process_asks_again() {
    let (mut house, before) = asking();
    house.wait(SECOND * 2);
    house.restart();
    let again = house.inquiries.pop().expect("asked again");
    assert_eq!((again.call, &again.url), (before.call, &before.url));
    assert_ne!(again.number, before.number);
    house.media.clear();
    says(&mut house, &before, Ok("gone"));
    assert_eq!(
        heard(&house),
        None,
        "that was the question of another process"
    );
    says(&mut house, &again, Ok("known"));
    assert_eq!(heard(&house).as_deref(), Some("welcome-back"));
}

#[test]
fn whoever_hangs_up_is_asked_about_no_more() {
    let (mut house, inquiry, mut peer) = asking_of();
    house.receive(CARRIER, &peer.next("BYE", "", ""));
    says(&mut house, &inquiry, Ok("known"));
    assert_eq!(heard(&house), None);
    house.wait(SECOND * 60);
    assert_eq!(house.switch.counts().calls, 0);
    assert_eq!(house.switch.violations(house.now()), [""; 0]);
}

/// RFC 3261 §20.9.
#[test]
fn a_phone_is_told_which_page_of_the_house_shows_the_call_that_rings() {
    let mut house = House::new(RINGS).with_phone();
    let accounts = house.known.iter().find_map(|command| match command {
        switch::Command::Operators(accounts) => Some(accounts.clone()),
        _ => None,
    });
    let mut accounts = accounts.unwrap();
    let page = "https://crm.example/{contact}?who={caller}&of={operator}";
    accounts[0].screen_pop = ScreenPop::parse(page).ok();
    house.tell(Input::Command(switch::Command::Operators(accounts)));
    house.standing_call("");
    let invite = house.request(Method::Invite);
    let info = invite.headers.text(Name::from("Call-Info")).unwrap();
    let page = info.strip_prefix('<').unwrap();
    let page = page.strip_suffix(">;purpose=info").unwrap();
    assert!(page.starts_with("https://crm.example/K-"), "{page}");
    assert!(page.ends_with("&of=101"), "{page}");
    let desks = house.switch.desks();
    assert_eq!(desks[0].screen_pop.as_deref(), Some(page));
    let caller = desks[0].caller.as_ref().unwrap().as_str();
    assert!(page.contains(&format!("?who={caller}&")), "{page}");
}
