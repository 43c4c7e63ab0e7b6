//! Digest as phones and guessers meet it (RFC 7616, RFC 8760), by the pure switch.

#![allow(clippy::unwrap_used, reason = "a test that fails says so")]

mod desk;

use std::time::Duration;

use desk::{Desk, PASSWORD, from, settings};
use qaynar::private::Private;
use qaynar::sip::digest::{Algorithm, Challenge, NONCE_LIFETIME, ha1};
use qaynar::sip::message::{Name, Response};
use qaynar::store::operators::Operators;

/// A REGISTER for `operator`, with a proof or without.
fn register(desk: &mut Desk, operator: &str, number: u32, proof: Option<&str>) -> Response {
    let lines = [
        format!("Via: SIP/2.0/UDP 192.0.2.9:5062;rport;branch=z9hG4bK{number}"),
        // The tag of our answer is made from this line.
        "From: <sip:phone@qaynar>;tag=phone".into(),
        format!("To: <sip:{operator}@qaynar>"),
        "Call-ID: id".into(),
        format!("CSeq: {number} REGISTER"),
        format!("Contact: <sip:{operator}@192.0.2.9:5062>"),
        proof.map_or("X-None: 1".into(), |proof| {
            format!("Authorization: {proof}")
        }),
    ];
    let text = format!(
        "REGISTER sip:101@qaynar SIP/2.0\r\n{}\r\nContent-Length: 0\r\n\r\n",
        lines.join("\r\n")
    );
    let flow = from("192.0.2.9:5062");
    desk.ask(flow, text.as_bytes()).remove(0)
}

fn offers(response: &Response) -> Vec<String> {
    let fields = response.headers.fields(&Name::WwwAuthenticate);
    fields
        .map(|value| String::from_utf8_lossy(value).into_owned())
        .collect()
}

/// What a phone that knows this hash alone answers to the offers.
fn answer(offers: &[String], algorithm: Algorithm, user: &str, uri: &str) -> String {
    let name = format!("algorithm={},", algorithm.name());
    let one = offers.iter().find(|one| one.contains(&name)).unwrap();
    let challenge = Challenge::best([one.as_str().into()].into_iter()).unwrap();
    challenge.answer(user, PASSWORD, "REGISTER", uri, "own")
}

const TARGET: &str = "sip:101@qaynar";

#[test]
fn both_hashes_are_offered_the_stronger_first_and_either_proves() {
    // RFC 8760 §2.3 and §2.4: one header field each, in the order of preference.
    for algorithm in [Algorithm::Sha256, Algorithm::Md5] {
        let mut desk = Desk::new(settings());
        let asked = register(&mut desk, "101", 1, None);
        let offers = offers(&asked);
        assert_eq!((asked.status, offers.len()), (401, 2));
        assert!(offers[0].contains("algorithm=SHA-256"), "{}", offers[0]);
        assert!(offers[1].contains("algorithm=MD5"), "{}", offers[1]);
        assert!(offers.iter().all(|one| one.contains("qop=\"auth\"")));
        let proof = answer(&offers, algorithm, "101", TARGET);
        assert_eq!(register(&mut desk, "101", 2, Some(&proof)).status, 200);
    }
}

#[test]
fn a_hash_that_is_not_offered_proves_nothing() {
    let mut settings = settings();
    settings.digest = vec![Algorithm::Sha256];
    let mut desk = Desk::new(settings);
    let asked = offers(&register(&mut desk, "101", 1, None));
    let weaker = [asked[0].replace("SHA-256", "MD5")];
    let proof = answer(&weaker, Algorithm::Md5, "101", TARGET);
    assert_eq!(register(&mut desk, "101", 2, Some(&proof)).status, 401);
}

#[test]
fn a_count_that_does_not_grow_is_stale_and_so_is_a_replay_without_one() {
    let mut desk = Desk::new(settings());
    let asked = offers(&register(&mut desk, "101", 1, None));
    let proof = answer(&asked, Algorithm::Sha256, "101", TARGET);
    assert_eq!(register(&mut desk, "101", 2, Some(&proof)).status, 200);
    let again = register(&mut desk, "101", 3, Some(&proof));
    assert_eq!(again.status, 401);
    assert!(offers(&again)[0].contains("stale=true"));

    // The form of RFC 2069: good for one request.
    desk.wait(Duration::from_millis(1));
    let asked = offers(&register(&mut desk, "101", 4, None));
    let bare: Vec<String> = asked
        .iter()
        .map(|one| one.replace(", qop=\"auth\"", ""))
        .collect();
    let bare: Vec<String> = bare.iter().map(|one| format!("{one},")).collect();
    let proof = answer(&bare, Algorithm::Md5, "101", TARGET);
    assert!(!proof.contains("qop"));
    assert_eq!(register(&mut desk, "101", 5, Some(&proof)).status, 200);
    let again = register(&mut desk, "101", 6, Some(&proof));
    assert_eq!(again.status, 401);
    assert!(offers(&again)[0].contains("stale=true"));
}

#[test]
fn an_old_nonce_is_stale() {
    let mut desk = Desk::new(settings());
    let asked = offers(&register(&mut desk, "101", 1, None));
    desk.wait(NONCE_LIFETIME + Duration::from_secs(1));
    let proof = answer(&asked, Algorithm::Sha256, "101", TARGET);
    let old = register(&mut desk, "101", 2, Some(&proof));
    assert_eq!(old.status, 401);
    assert!(offers(&old).iter().all(|one| one.contains("stale=true")));
}

#[test]
fn a_proof_is_for_its_target_alone() {
    // RFC 7616 §3.4.6; what a proxy may have changed on the way is let pass.
    for (uri, status) in [
        ("sip:101@qaynar:5060;transport=tcp", 200),
        ("sip:qaynar:5060", 200),
        ("sip:102@qaynar", 400),
        ("sip:101@elsewhere", 400),
        ("nonsense", 400),
    ] {
        let mut desk = Desk::new(settings());
        let asked = offers(&register(&mut desk, "101", 1, None));
        let proof = answer(&asked, Algorithm::Sha256, "101", uri);
        let got = register(&mut desk, "101", 2, Some(&proof)).status;
        assert_eq!(got, status, "{uri}");
    }
}

#[test]
fn no_answer_tells_whether_an_operator_exists() {
    let told = |operator: &str, uri: &str| {
        let mut desk = Desk::new(settings());
        let first = register(&mut desk, operator, 1, None);
        let proof = answer(&offers(&first), Algorithm::Sha256, operator, uri);
        let wrong = proof.replace("response=\"", "response=\"0");
        let second = register(&mut desk, operator, 2, Some(&wrong));
        [first, second].map(|one| {
            let text = String::from_utf8(one.to_bytes()).unwrap();
            text.replace(operator, "OPERATOR")
        })
    };
    for uri in [TARGET, "sip:102@qaynar"] {
        assert_eq!(told("101", uri), told("999", uri));
    }
}

/// baresip 1.0 answers no challenge at all where one of them is not MD5.
#[test]
fn a_phone_that_is_confused_by_two_offers_gets_md5_alone() {
    let mut desk = Desk::new(settings());
    let agent = "baresip v1.0.0 (x86_64/linux)";
    let text = format!(
        "REGISTER sip:qaynar SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9:5062;branch=z9hG4bK1\r\n\
         From: <sip:101@qaynar>;tag=1\r\nTo: <sip:101@qaynar>\r\nCall-ID: 1\r\nCSeq: 1 REGISTER\r\n\
         User-Agent: {agent}\r\nContent-Length: 0\r\n\r\n"
    );
    let offers = offers(&desk.ask(from("192.0.2.9:5062"), text.as_bytes())[0]);
    assert_eq!(offers.len(), 1);
    assert!(offers[0].contains("algorithm=MD5"));
}

/// HA1 by algorithm and realm, and nothing else of it.
#[test]
fn a_password_stands_nowhere_in_the_database() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("qaynar.db");
    let password = Private::new("Besikde-yatan-7".to_owned());
    let mut operators = Operators::open(&path.clone().into()).unwrap();
    operators.add("201", "Aygün", "qaynar", &password).unwrap();
    let account = operators.accounts("qaynar").unwrap().remove(0);
    let hash = |algorithm| ha1(algorithm, "201", "qaynar", password.reveal());
    assert_eq!(*account.ha1_md5.reveal(), hash(Algorithm::Md5));
    assert_eq!(*account.ha1_sha256.reveal(), hash(Algorithm::Sha256));
    let connection = rusqlite::Connection::open(&path).unwrap();
    let mut columns = connection
        .prepare("SELECT name FROM pragma_table_info('operators')")
        .unwrap();
    let names = columns.query_map([], |row| row.get::<_, String>(0));
    let names: Vec<String> = names.unwrap().map(Result::unwrap).collect();
    let wanted = [
        "id",
        "name",
        "realm",
        "ha1_md5",
        "ha1_sha256",
        "created",
        "screen_pop",
    ];
    assert_eq!(names, wanted);
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        let secret = password.reveal().as_bytes();
        assert!(!bytes.windows(secret.len()).any(|part| part == secret));
    }
}
