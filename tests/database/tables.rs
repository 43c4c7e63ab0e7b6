//! What each table promises, over both databases: the same answers to the same questions.

use jiff::civil::date;
use qaynar::config::Location;
use qaynar::ids::{CallId, OperatorId, Pseudonym};
use qaynar::private::Private;
use qaynar::records::contact::{Activity, Channel, Contact, ContactId, Party};
use qaynar::records::taxonomy::shipped;
use qaynar::store::activities::Activities;
use qaynar::store::calls;
use qaynar::store::cases::Cases;
use qaynar::store::contacts::{Contacts, Hand, UpdateError};
use qaynar::store::escalations::Escalations;
use qaynar::store::health::Health;
use qaynar::store::lists::{Entry, Lists};
use qaynar::store::operators::{OperatorError, Operators};
use qaynar::store::sql::{Sql, Value};
use qaynar::store::taxonomies::Taxonomies;
use qaynar::store::trouble::Trouble;
use qaynar::store::verify::verify;
use qaynar::store::writer::Writer;
use qaynar::switch::OnList;

use crate::events::{arrived, course, journal, second};
use crate::eventually;
use crate::postgres::Postgres;

#[test]
fn sqlite_keeps_what_it_is_given() {
    let folder = tempfile::tempdir().unwrap();
    suite(&folder.path().join("qaynar.db").into());
}

#[test]
fn postgresql_keeps_what_it_is_given() {
    let server = Postgres::start();
    suite(&server.location());
}

fn suite(at: &Location) {
    accounts(at);
    callers(at);
    contacts(at);
    letters_are_ordered_by_their_bytes(at);
    records(at);
    versions(at);
}

fn accounts(at: &Location) {
    let mut operators = Operators::open(at).unwrap();
    let before = operators.version().unwrap();
    let password = || Private::new("uzun bir parol".to_owned());
    operators
        .add("101", "Aygün Əliyeva", "qaynar", &password())
        .unwrap();
    operators
        .add("102", "Şəhla", "qaynar", &password())
        .unwrap();
    let again = operators.add("101", "Aygün", "qaynar", &password());
    assert!(matches!(again, Err(OperatorError::Exists(_))));
    let names: Vec<String> = operators
        .list()
        .unwrap()
        .into_iter()
        .map(|one| one.name)
        .collect();
    assert_eq!(names, ["Aygün Əliyeva", "Şəhla"]);
    let accounts = operators.accounts("qaynar").unwrap();
    operators
        .set_password("101", "qaynar", &Private::new("başqa bir parol".to_owned()))
        .unwrap();
    assert_ne!(operators.accounts("qaynar").unwrap(), accounts);
    operators.remove("102").unwrap();
    assert!(matches!(
        operators.remove("102"),
        Err(OperatorError::Unknown { .. })
    ));
    assert_eq!(operators.list().unwrap().len(), 1);
    assert!(operators.version().unwrap() > before);
}

fn callers(at: &Location) {
    let caller = || Pseudonym("C-1".into());
    let mut cases = Cases::open(at).unwrap();
    let owner = |id: &str| OperatorId(id.into());
    let put = cases.put(&caller(), &owner("101"), second(1)).unwrap();
    let again = cases.put(&caller(), &owner("102"), second(2)).unwrap();
    assert!(put && again);
    let open = cases.open_ones().unwrap();
    assert_eq!((open.len(), open[0].owner.as_str()), (1, "102"));
    assert!(cases.close(&caller(), second(2)).unwrap());
    assert!(!cases.close(&caller(), second(3)).unwrap());
    let mut lists = Lists::open(at).unwrap();
    let entry = |until, reason: &str| Entry {
        listed: OnList {
            list: "blocked".into(),
            caller: caller(),
            until,
        },
        since: second(1),
        reason: reason.into(),
    };
    assert!(lists.add(&entry(second(50), "təhqir")).unwrap());
    assert!(lists.add(&entry(second(90), "yenə")).unwrap());
    let all = lists.all(second(60)).unwrap();
    assert_eq!(all, [entry(second(90), "yenə")]);
    assert_eq!(lists.all(second(90)).unwrap(), []);
    assert!(lists.remove(&"blocked".into(), &caller()).unwrap());
    assert!(!lists.remove(&"blocked".into(), &caller()).unwrap());
}

fn contacts(at: &Location) {
    let mut contacts = Contacts::open(at).unwrap();
    let id = ContactId("K-ə".into());
    let mut contact = Contact::new(id.clone(), second(1), Channel::Phone, 1);
    contact.calls = vec![CallId(7), CallId(8)];
    contact.caller = Some(Pseudonym("C-1".into()));
    contact.issues = vec!["neglect".into()];
    let person = |name: &str| Hand::Person(name.into());
    assert!(contacts.insert(&contact, &Hand::Call, second(2)).unwrap());
    assert!(!contacts.insert(&contact, &Hand::Import, second(3)).unwrap());
    assert_eq!(contacts.of_call(CallId(8)).unwrap(), [contact.clone()]);
    let mut one = contact.clone();
    one.party = Party::Child;
    one.notes = Some("qeyd; \"dırnaq\" ' ?1".into());
    assert_eq!(
        contacts
            .update(&one, 1, &person("aygün"), second(4))
            .unwrap(),
        2
    );
    let mut other = contact.clone();
    other.party = Party::Adult;
    let refused = contacts.update(&other, 1, &person("şəhla"), second(5));
    let Err(UpdateError::Conflict(conflict)) = refused else {
        panic!("{refused:?}");
    };
    let told = conflict.to_string();
    assert!(
        told.contains("aygün") && told.contains("child") && told.contains("adult"),
        "{told}"
    );
    let kept = contacts.get(&id).unwrap().unwrap();
    assert_eq!((kept.party, kept.notes), (Party::Child, one.notes.clone()));
    let history = contacts.history(&id).unwrap();
    let hands: Vec<Hand> = history.into_iter().map(|version| version.hand).collect();
    assert_eq!(hands, [Hand::Call, person("aygün")]);
    let mut escalations = Escalations::open(at).unwrap();
    assert_eq!(escalations.add(&id, "102", "101", second(6)).unwrap(), 1);
    assert_eq!(escalations.add(&id, "103", "101", second(7)).unwrap(), 2);
    assert!(escalations.close(&id, 2, "gəldilər", second(8)).unwrap());
    assert!(!escalations.close(&id, 3, "heç nə", second(8)).unwrap());
    assert_eq!(
        escalations.of(&id).unwrap()[1].outcome.as_deref(),
        Some("gəldilər")
    );
    let mut activities = Activities::open(at).unwrap();
    let activity = |id: &str, day: i8| Activity {
        id: id.into(),
        kind: "training".into(),
        title: Some("“İntihara son deyək!”".into()),
        held_on: date(2021, 6, day),
        ended_on: None,
        case: None,
    };
    assert!(activities.insert(&activity("a", 30)).unwrap());
    assert!(activities.insert(&activity("b", 1)).unwrap());
    assert!(!activities.insert(&activity("a", 2)).unwrap());
    let june = activities
        .between(date(2021, 6, 1), date(2021, 6, 30))
        .unwrap();
    assert_eq!(june, [activity("b", 1), activity("a", 30)]);
    let mut taxonomies = Taxonomies::open(at).unwrap();
    let mut third = shipped()[1].clone();
    third.version = 3;
    taxonomies.add(&third, second(9)).unwrap();
    assert!(taxonomies.add(&third, second(9)).is_err());
    assert_eq!(taxonomies.all().unwrap().last(), Some(&third));
}

/// Pages and merges rely on it.
fn letters_are_ordered_by_their_bytes(at: &Location) {
    let mut contacts = Contacts::open(at).unwrap();
    for id in ["z", "ə", "Z", "a", "ç"] {
        let contact = Contact::new(ContactId(id.into()), second(0), Channel::Email, 1);
        contacts.insert(&contact, &Hand::Import, second(0)).unwrap();
    }
    let mut found = Vec::new();
    contacts
        .each(second(0), second(1), |contact| found.push(contact.id.0))
        .unwrap();
    assert_eq!(found, ["Z", "a", "z", "ç", "ə"]);
}

/// Twice over the same journal, as after a checkpoint that was lost.
fn records(at: &Location) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let (journal, _) = journal(folder.path(), &Health::logged());
    for number in 1..=300 {
        journal.append(&[arrived(number)]);
        journal.append(&course(number));
    }
    let ask = || {
        let records = calls::calls(at, &path, Some(second(100)), Some(second(200)), 1_000).unwrap();
        let mut each = Vec::new();
        calls::each(at, &path, Some(second(100)), Some(second(200)), |one| {
            each.push(one)
        })
        .unwrap();
        assert_eq!(each, records);
        let timeline = calls::timeline(at, &path, CallId(150)).unwrap();
        let queued = calls::events(at, &path, "queued", None, Some(second(50))).unwrap();
        let states = calls::state_log(at, &path, second(100), second(110)).unwrap();
        (records, timeline, queued, states)
    };
    let mut told = Vec::new();
    for _ in 0..2 {
        let writer = Writer::start(at, &journal, &Health::logged()).unwrap();
        eventually("the database holds the journal", || {
            writer.applied() == journal.last()
        });
        drop(writer);
        told.push(ask());
        let mut sql = Sql::open(at).unwrap();
        sql.execute("DELETE FROM meta WHERE key = 'journal'", &[])
            .unwrap();
    }
    assert_eq!(told[0], told[1]);
    let (records, timeline, queued, states) = &told[0];
    assert_eq!((records.len(), timeline.len(), queued.len()), (100, 5, 48));
    // Who talked when the time began, and what happened within it.
    assert_eq!(states.len(), 1 + 7);
    let writer = Writer::start(at, &journal, &Health::logged()).unwrap();
    eventually("the database holds the journal", || {
        writer.applied() == journal.last()
    });
    let found = verify(at, &path, 0).unwrap();
    assert_eq!((found.differences, found.same_records), (vec![], 300));
}

/// Of a later program: one that only added can be worked with, one that says no cannot.
fn versions(at: &Location) {
    let mut sql = Sql::open(at).unwrap();
    let add = "INSERT INTO schema_version (version, applied, least) VALUES (?1, 'tomorrow', ?2)";
    let mut later = |version, least| {
        sql.execute(add, &[Value::Integer(version), Value::Integer(least)])
            .unwrap();
    };
    later(990, 1);
    assert_eq!(Operators::open(at).unwrap().list().unwrap().len(), 1);
    later(999, 999);
    let refused = Operators::open(at).unwrap_err();
    assert!(
        matches!(refused.trouble, Trouble::Newer { found: 999, .. }),
        "{refused}"
    );
}
