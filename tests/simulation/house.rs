//! What the exchange is given: settings, sounds, accounts, dialplans.

use std::collections::BTreeSet;
use std::f64::consts::TAU;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use qaynar::dialplan::{Catalogue, Plan, load};
use qaynar::ids::{Language, PromptName, Rule};
use qaynar::media::{Clip, Clips, Sound};
use qaynar::private::Private;
use qaynar::sip::digest::{Algorithm, ha1};
use qaynar::sip::flow::Transport;
use qaynar::sip::uri::Uri;
use qaynar::switch::{Account, Credentials, FeatureCodes, Settings, Trunk};

pub(crate) const REALM: &str = "qaynar";
pub(crate) const PASSWORD: &str = "correct horse";
/// The shipped one.
pub(crate) const HELPLINE: &str = include_str!("../../dialplans/helpline.toml");
/// Another, with what the first has not: a menu, positions, a way out of the queue, a group that rings.
pub(crate) const OTHER: &str = r#"
numbers = ["116111", "050 680 22 80", "051 580 22 80", "051 880 11 80", "051 880 22 80"]
start = "welcome"
otherwise = "welcome"
languages = ["az", "ru", "en"]
language_keys = { 2 = "ru", 3 = "en" }
time_zone = "Asia/Baku"

[[outgoing]]
name = "mobile"
numbers = "mobile"
per_minute = 0.05
calls_a_day = 8

[callback]
attempts = 2
every = "30s"
later = ["16:00"]

[path.welcome]
steps = [
  { menu = "greeting", keys = { 9 = "later", '#' = "nobody" }, wait = "2s", tries = 2 },
  { if = "called 2 times within 1h", set = { priority = "20s" } },
  { queue = "children", greet = "language-choice" },
  { go = "nobody" },
]

[path.later]
steps = [
  { ring = ["101", "102", "103"], for = "8s" },
  { queue = "late" },
  { go = "nobody" },
]

[path.nobody]
steps = [
  { play = ["nobody-now", "please-call-again"] },
  { hang_up = true },
]

[queue.children]
ring = "longest idle"
ring_for = "10s"
wrap_up = "3s"
say_position = true
say_position_every = "7s"
say_estimate = "15s"
keys = { 0 = "later" }
comfort = { play = "stay-with-us", every = "11s" }
music = "hold"
if_waiting = [{ for = "10s", offer = "callback", key = 1 }, { for = "60s", go = "later" }]

[queue.late]
ring = "longest idle"
ring_for = "6s"
wrap_up = "0s"
music = "hold"
"#;

/// Each prompt is a tone of its own: name, language-free pitch, milliseconds.
const PROMPTS: [(&str, u16, u32); 24] = [
    ("leave-a-message", 2_750, 600),
    ("recording-notice", 2_800, 500),
    ("callback-in-vain", 2_850, 600),
    ("recording-paused", 2_900, 400),
    ("recording-resumed", 2_900, 400),
    ("greeting", 2_000, 1_500),
    ("language-choice", 2_050, 1_200),
    ("stay-with-us", 2_100, 900),
    ("nobody-now", 2_150, 800),
    ("in-danger-call-112", 2_200, 800),
    ("please-call-again", 2_250, 800),
    ("you-are-number", 2_300, 500),
    ("logged-in", 2_350, 400),
    ("logged-out", 2_400, 400),
    ("paused", 2_450, 400),
    ("resumed", 2_500, 400),
    ("callers-waiting", 2_550, 400),
    ("1", 2_600, 300),
    ("long-wait", 2_650, 900),
    ("free", 2_700, 300),
    ("ringing", 2_700, 300),
    ("talking", 2_700, 300),
    ("unreachable", 2_700, 300),
    ("wrap-up", 2_700, 300),
];
/// The tone of the music.
pub(crate) const MUSIC: u16 = 3_000;

pub(crate) fn server() -> SocketAddr {
    SocketAddr::from(([198, 51, 100, 1], 5060))
}

pub(crate) fn settings() -> Settings {
    Settings {
        domain: REALM.into(),
        advertise: Vec::new(),
        local_networks: Vec::new(),
        trunks: vec![trunk(10), trunk(CARRIERS[0]), trunk(CARRIERS[1])],
        media_ports: (20_000, 20_999),
        media_shards: 1,
        listeners: vec![(Transport::Udp, server())],
        pseudonym_key: Private::new([7; 32]),
        former_key: None,
        digest: vec![Algorithm::Sha256, Algorithm::Md5],
        codes: FeatureCodes::default(),
        max_calls: 200,
        srtp: Default::default(),
        early_strangers: false,
        bans: Default::default(),
    }
}

/// Each of them takes calls of ours; the first trunk only brings some.
pub(crate) const CARRIERS: [u8; 2] = [201, 202];
/// Who we are to the first of them, which we register with.
pub(crate) const LINE_USER: &str = "helpline";
pub(crate) const LINE_PASSWORD: &str = "open-sesame";

/// Whether we register with a carrier.
pub(crate) fn registers(last: u8) -> bool {
    last == CARRIERS[0]
}

/// The number that whoever is called outside sees.
const SHOWN: &str = "+994124040404";

fn trunk(last: u8) -> Trunk {
    let address = IpAddr::from([203, 0, 113, last]);
    let peer = Uri::parse(&format!("sip:{address}:5060")).expect("a URI");
    let takes = CARRIERS.contains(&last);
    Trunk {
        sources: vec![address.into()],
        peer: takes.then_some(peer),
        register: registers(last).then_some(Duration::from_secs(60)),
        credentials: registers(last).then(|| Credentials {
            user: LINE_USER.into(),
            password: Private::new(LINE_PASSWORD.into()),
        }),
        qualify_every: takes.then_some(Duration::from_secs(10)),
        from: Some(SHOWN.into()),
        ..Trunk::named(&format!("trunk-{last}"))
    }
}

/// Where a carrier takes calls of ours.
pub(crate) fn carrier_at(last: u8) -> (SocketAddr, SocketAddr) {
    let address = IpAddr::from([203, 0, 113, last]);
    let at = |port| SocketAddr::new(address, port);
    (at(5060), at(30_000))
}

/// What is wrong with a message of ours to a carrier: it tells who calls.
pub(crate) fn tells_who_calls(to: SocketAddr, bytes: &[u8]) -> bool {
    let ours = |last: &u8| to == carrier_at(*last).0;
    let text = String::from_utf8_lossy(bytes);
    // Who is called may be 101 too: the fire brigade.
    let lines = text.lines().skip(1);
    let told: Vec<&str> = lines.filter(|line| !line.starts_with("To:")).collect();
    let told = told.join("\n");
    // Within a random token any digits may stand.
    let begins = |at: usize| !told[..at].ends_with(|one: char| one.is_ascii_alphanumeric());
    // At the carrier's own address it is whom we called: 103, the ambulance.
    let at_theirs = |at: usize, secret: &str| told[at + secret.len()..].starts_with("203.0.113.");
    let tells = |secret: &str| {
        let mut found = told.match_indices(secret);
        found.any(|(at, _)| begins(at) && !at_theirs(at, secret))
    };
    CARRIERS.iter().any(ours)
        && (["10.0.0.10", "sip:101@", "sip:102@", "sip:103@", "05011"].into_iter()).any(tells)
}

/// Where callers are: behind the trunk.
pub(crate) fn caller_at(number: usize) -> (SocketAddr, SocketAddr) {
    places(IpAddr::from([203, 0, 113, 10]), number)
}

/// Where operators are: on the local network.
pub(crate) fn operator_at(number: usize) -> (SocketAddr, SocketAddr) {
    places(IpAddr::from([10, 0, 0, 10]), number)
}

fn places(host: IpAddr, number: usize) -> (SocketAddr, SocketAddr) {
    let number = number as u16;
    (
        SocketAddr::new(host, 5_100 + number),
        SocketAddr::new(host, 30_000 + 2 * number),
    )
}

pub(crate) fn account(operator: &str) -> Account {
    Account {
        operator: operator.into(),
        ha1_md5: Private::new(ha1(Algorithm::Md5, operator, REALM, PASSWORD)),
        ha1_sha256: Private::new(ha1(Algorithm::Sha256, operator, REALM, PASSWORD)),
        screen_pop: None,
    }
}

/// Odd seeds run the plan as it stands; the even ones another rule, more phones for who waits longer, and
/// operators who can different things.
pub(crate) fn of_seed(text: &str, seed: u64) -> String {
    // A day is short: what comes after minutes comes after seconds.
    let text = &with_webhook(&with_recordings(text, seed), seed)
        .replace("{ for = \"3m\", offer", "{ for = \"12s\", offer")
        .replace("every = \"10m\"", "every = \"20s\"")
        .replace(
            "say_position = false",
            "say_position = false\nkeys = { 0 = \"long-wait\" }",
        );
    let may = "\n[operator.101]\nmay = [\"listen\", \"whisper\"]\n[operator.104]\nmay = [\"listen\", \"whisper\", \"barge\"]\n";
    if seed % 2 == 1 {
        return text.to_owned() + may;
    }
    let rule = Rule::ALL[(seed / 2) as usize % Rule::ALL.len()].name();
    let more = match seed / 2 % 3 {
        0 => "",
        1 => "{ for = \"4s\", ring = 2 }, ",
        _ => "{ for = \"4s\", ring = 2, level = 1 }, { for = \"9s\", ring = \"all\" }, ",
    };
    let keys = "operators = [\"101\", { id = \"102\", level = 2, weight = 3 }, \"103\", \"104\"]\npause_after = 3";
    let keys = if seed / 2 % 4 == 3 { keys } else { "" };
    text.replace(
        "ring = \"longest idle\"",
        &format!("ring = \"{rule}\"\n{keys}"),
    )
    .replace("if_waiting = [", &format!("if_waiting = [{more}"))
        + "\n[operator.102]\ncan = [\"ru\", \"legal\"]\n[operator.103]\ncan = [\"ru\"]\n"
        + may
}

/// Every fourth seed asks a server before anybody waits.
fn with_webhook(text: &str, seed: u64) -> String {
    let asks = "{ webhook = \"https://crm.house/\", within = \"2s\", go = { later = \"WAY\", nobody = \"nobody\" } },";
    let way = if text.contains("[path.later]") {
        "later"
    } else {
        "nobody"
    };
    match seed % 4 {
        3 => text.replacen(
            "{ queue = \"children\"",
            &format!("{}\n  {{ queue = \"children\"", asks.replace("WAY", way)),
            1,
        ),
        _ => text.to_owned(),
    }
}

/// Every third seed has a mailbox, every third one a queue that records.
fn with_recordings(text: &str, seed: u64) -> String {
    let play = "{ play = [\"nobody-now\", \"please-call-again\"] },";
    match seed % 3 {
        0 if text.contains(play) => {
            let mailbox = "\n[voicemail.night]\ngreeting = \"leave-a-message\"\nmost = \"15s\"\n";
            text.replace(play, &format!("{play} {{ voicemail = \"night\" }},")) + mailbox
        }
        1 => text
            .replace("wrap_up = \"3s\"", "wrap_up = \"3s\"\nrecord = true")
            .replace("record = false", "record = true"),
        _ => text.to_owned(),
    }
}

pub(crate) fn plan(text: &str) -> Arc<Plan> {
    let spoken: BTreeSet<String> = PROMPTS.iter().map(|(name, ..)| (*name).into()).collect();
    let catalogue = Catalogue {
        spoken: Language::ALL.map(|one| (one, spoken.clone())).into(),
        music: ["hold".to_owned()].into(),
        on_trust: true,
        ..Catalogue::default()
    };
    let files = [("main.toml".to_owned(), text.to_owned())];
    let plan = load(&files, &catalogue).unwrap_or_else(|faults| panic!("{faults:?}"));
    Arc::new(plan)
}

pub(crate) fn clips() -> Arc<Clips> {
    let mut clips = Clips::default();
    let hold = Clip {
        language: None,
        name: "hold".into(),
    };
    clips.insert(hold, tone(MUSIC, 4_000));
    let speak = Clip {
        language: None,
        name: "tone".into(),
    };
    clips.insert(speak, tone(MUSIC, 300));
    for (name, hertz, ms) in PROMPTS {
        let sound = tone(hertz, ms);
        for language in Language::ALL {
            let clip = Clip {
                language: Some(language),
                name: PromptName::from(name),
            };
            clips.insert(clip, sound.clone());
        }
    }
    Arc::new(clips)
}

fn tone(hertz: u16, ms: u32) -> Sound {
    let sample = |at: u32| {
        let turns = f64::from(hertz) * f64::from(at) / 8_000.0;
        (8_000.0 * (TAU * turns).sin()) as i16
    };
    let samples: Vec<i16> = (0..ms * 8).map(sample).collect();
    Sound::from_samples(&samples)
}
