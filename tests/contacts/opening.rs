//! A call that reaches an operator opens its contact, once, whatever is applied again.

use qaynar::event::{Cause, Change, Direction, Entry, Event, Recorded, Side, What};
use qaynar::ids::{CallId, Language, RecordingId};
use qaynar::records::contact::{Channel, ContactId, Spoken};
use qaynar::store::contacts::{Contacts, Hand, Wanted};
use qaynar::store::health::Health;
use qaynar::store::journal::{Journal, Settings};
use qaynar::store::sql::Sql;
use qaynar::store::writer::Writer;
use qaynar::time::Wall;

use crate::desk::Desk;

/// A journal and the database behind it.
struct House {
    desk: Desk,
    journal: Journal,
    health: Health,
}

const CALL: CallId = CallId(7 << 22);
/// It arrives at this second.
const ARRIVAL: i64 = 1_622_490_000;

impl House {
    fn new() -> Self {
        let desk = Desk::new();
        let health = Health::logged();
        let settings = Settings {
            reserve: 0,
            ..Settings::in_folder(&desk.path().join("data/journal"))
        };
        let (journal, _) = Journal::open(settings, 0, health.clone()).unwrap();
        Self {
            desk,
            journal,
            health,
        }
    }

    /// Journals what happens to a call, a second after the other, and has all in the database.
    fn happens(&self, call: CallId, what: &[What]) {
        let entries = what.iter().zip(ARRIVAL..).map(|(what, second)| {
            Entry::Event(Event {
                at: Wall(second * 1_000_000),
                call: Some(call),
                what: what.clone(),
            })
        });
        self.journal.append(&entries.collect::<Vec<_>>());
        self.catches_up();
    }

    /// A writer that stops has written what was left.
    fn catches_up(&self) {
        drop(Writer::start(&self.desk.at(), &self.journal, &self.health).unwrap());
    }

    fn forgets_its_checkpoint(&self) {
        let mut sql = Sql::open(&self.desk.at()).unwrap();
        sql.execute("DELETE FROM meta", &[]).unwrap();
    }

    fn contacts(&self) -> Contacts {
        Contacts::open(&self.desk.at()).unwrap()
    }

    fn count(&self) -> usize {
        let all = Wanted {
            limit: 100,
            ..Wanted::default()
        };
        self.contacts().list(&all).unwrap().len()
    }
}

fn arrived(trunk: &str, direction: Direction) -> What {
    What::Arrived {
        caller: Some("C-A1".into()),
        dialled: "116111".into(),
        trunk: trunk.into(),
        plan: "p1".into(),
        language: Language::Ru,
        direction,
        operator: None,
    }
}

fn queued() -> What {
    What::Queued {
        queue: "children".into(),
    }
}

fn connected(operator: &str) -> What {
    What::Connected {
        operator: operator.into(),
    }
}

fn ended() -> What {
    What::Ended {
        by: Side::Caller,
        cause: Cause::HungUp,
    }
}

fn message() -> What {
    What::Recording {
        recording: RecordingId {
            call: CALL,
            part: 1,
        },
        change: Change::Begun {
            of: Recorded::Voicemail {
                mailbox: "night".into(),
            },
            caller: Some("C-A1".into()),
            language: Language::Az,
            operator: None,
        },
    }
}

#[test]
fn a_call_that_reaches_an_operator_opens_its_contact() {
    let house = House::new();
    let way = [
        arrived("line", Direction::In),
        queued(),
        connected("101"),
        ended(),
    ];
    house.happens(CALL, &way);
    let id = ContactId::from(CALL);
    let opened = house.contacts().current(&id).unwrap().unwrap();
    assert_eq!(opened.hand, Hand::Call);
    let contact = opened.contact;
    assert_eq!(contact.opened, Wall(ARRIVAL * 1_000_000), "its arrival");
    assert_eq!((contact.channel, contact.version), (Channel::Phone, 1));
    assert_eq!(contact.dialled.as_deref(), Some("116111"));
    assert_eq!(contact.language, Some(Spoken::Ru));
    assert_eq!(contact.caller, Some("C-A1".into()));
    assert_eq!(contact.operator, Some("101".into()));
    assert_eq!((contact.calls, contact.taxonomy), (vec![CALL], 2));
    assert_eq!(house.contacts().of_call(CALL).unwrap().len(), 1);
}

#[test]
fn a_caller_who_is_handed_on_is_one_contact_and_stays_as_people_wrote_it() {
    let house = House::new();
    let begun = [arrived("line", Direction::In), queued(), connected("101")];
    house.happens(CALL, &begun);
    let id = ContactId::from(CALL);
    let mut contact = house.contacts().get(&id).unwrap().unwrap();
    contact.notes = Some("əl ilə".into());
    let hand = Hand::Person("leyla".into());
    let written = house.contacts().update(&contact, 1, &hand, Wall(9));
    assert_eq!(written.unwrap(), 2);
    house.happens(CALL, &[connected("102"), ended()]);
    house.forgets_its_checkpoint();
    house.catches_up();
    contact.version = 2;
    assert_eq!(house.contacts().get(&id).unwrap(), Some(contact));
    assert_eq!(
        (house.count(), house.contacts().history(&id).unwrap().len()),
        (1, 2)
    );
}

#[test]
fn a_message_opens_one_of_its_own_channel_which_an_operator_makes_a_talk() {
    let house = House::new();
    house.happens(CALL, &[arrived("line", Direction::In), message()]);
    let id = ContactId::from(CALL);
    let contact = house.contacts().get(&id).unwrap().unwrap();
    assert_eq!(
        (contact.channel, contact.operator),
        (Channel::Voicemail, None)
    );
    assert_eq!(contact.dialled.as_deref(), Some("116111"));
    house.happens(CALL, &[queued(), connected("101"), ended()]);
    let contact = house.contacts().get(&id).unwrap().unwrap();
    assert_eq!((contact.channel, contact.version), (Channel::Phone, 2));
    assert_eq!(contact.operator, Some("101".into()));
    house.forgets_its_checkpoint();
    house.catches_up();
    assert_eq!(house.contacts().get(&id).unwrap(), Some(contact));
}

#[test]
fn callbacks_are_contacts_and_calls_among_operators_or_outside_are_none() {
    let house = House::new();
    house.happens(
        CallId(1),
        &[arrived("line", Direction::In), queued(), ended()],
    );
    house.happens(
        CallId(2),
        &[arrived("operators", Direction::In), connected("102")],
    );
    house.happens(
        CallId(3),
        &[arrived("line", Direction::Out), connected("101")],
    );
    assert_eq!(house.count(), 0);
    house.happens(
        CallId(4),
        &[arrived("line", Direction::Back), connected("101")],
    );
    let contact = house.contacts().get(&ContactId::from(CallId(4))).unwrap();
    assert_eq!(contact.unwrap().channel, Channel::Phone);
    assert_eq!(house.count(), 1);
}
