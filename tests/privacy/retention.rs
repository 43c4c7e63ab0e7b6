//! What goes when its time is over, at moments of the test's own.

use std::path::Path;
use std::time::Duration;

use qaynar::config::{Location, Settings};
use qaynar::event::{CallRecord, Cause, Direction, Entry, Event, Recording, Side, Traced, What};
use qaynar::ids::{CallId, Language, Pseudonym};
use qaynar::private::Private;
use qaynar::store::audit::{Audit, Deed, Note};
use qaynar::store::calls;
use qaynar::store::database::Reader;
use qaynar::store::health::Health;
use qaynar::store::journal::{self, Journal};
use qaynar::store::keys::Keys;
use qaynar::store::numbers::{self, NumberError};
use qaynar::store::purge::{Gone, Holdings, PurgeError, purge};
use qaynar::store::ring::Ring;
use qaynar::store::writer::Writer;
use qaynar::time::Wall;

const DAY: Duration = Duration::from_secs(24 * 3_600);

fn day(count: u32) -> Wall {
    Wall(1_600_000_000_000_000) + DAY * count
}

struct Place {
    settings: Settings,
    journal: Journal,
    _folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = Settings::defaults(folder.path());
        settings.privacy.retention.calls = Some(DAY * 1_000);
        settings.privacy.retention.audit = Some(DAY * 1_000);
        let place = journal::Settings {
            reserve: 0,
            ..journal::Settings::in_folder(&settings.storage.journal())
        };
        let (journal, _) = Journal::open(place, 0, Health::logged()).unwrap();
        Self {
            settings,
            journal,
            _folder: folder,
        }
    }

    fn database(&self) -> &Location {
        &self.settings.storage.database
    }

    /// A call with its number, as the server writes it down.
    fn call(&self, id: u64, at: Wall) {
        let event = |what| {
            Entry::Event(Event {
                at,
                call: Some(CallId(id)),
                what,
            })
        };
        let caller = Pseudonym(format!("C-{id}"));
        let mut ring = self.ring();
        let number = Private::new(format!("+99450{id:07}"));
        let keep = self.settings.privacy.keep_numbers;
        let number = numbers::seal(&mut ring, CallId(id), &caller, &number, (at, keep));
        self.journal.append(&[
            event(What::Arrived {
                caller: Some(caller),
                dialled: "116111".into(),
                trunk: "azercell".into(),
                plan: "p".into(),
                language: Language::Az,
                direction: Direction::In,
                operator: None,
            }),
            number.unwrap().unwrap(),
            event(What::Ended {
                by: Side::Caller,
                cause: Cause::HungUp,
            }),
            event(What::Messages {
                messages: Vec::<Traced>::new(),
                skipped: 0,
            }),
        ]);
    }

    /// Into the tables with it.
    fn settle(&self) {
        drop(Writer::start(self.database(), &self.journal, &Health::logged()).unwrap());
    }

    fn ring(&self) -> Ring {
        Ring::of_callers(&self.settings.privacy.keys).unwrap()
    }

    fn purge(&self, now: Wall, dry: bool) -> Result<Gone, PurgeError> {
        let mut erase = |_: &Recording| {};
        let mut holdings = Holdings {
            database: self.database(),
            data: &self.settings.storage.data,
            privacy: &self.settings.privacy,
            journal: &self.journal,
            erase: &mut erase,
        };
        purge(&mut holdings, "201", now, dry)
    }

    fn number(&self, database: &Location, id: u64, now: Wall) -> Result<String, NumberError> {
        let journal = self.settings.storage.journal();
        let found = numbers::of(database, &journal, &mut self.ring(), CallId(id), now);
        found.map(|number| number.reveal().clone())
    }

    fn records(&self) -> Vec<CallRecord> {
        let journal = self.settings.storage.journal();
        calls::calls(self.database(), &journal, None, None, 10_000).unwrap()
    }

    fn audit(&self) -> Audit {
        let keys = Keys::load_or_make(&self.settings.privacy.keys).unwrap();
        Audit::open(self.database(), &self.settings.storage.data, &keys.audit).unwrap()
    }
}

fn copied(from: &Path, folder: &Path) -> Location {
    let to = folder.join("copy.db");
    std::fs::copy(from, &to).unwrap();
    to.into()
}

#[test]
fn after_three_days_the_number_is_gone_from_every_copy_too() {
    let place = Place::new();
    place.call(7, day(0));
    place.settle();
    let folder = tempfile::tempdir().unwrap();
    let copy = copied(
        &place.settings.storage.data.join("qaynar.db"),
        folder.path(),
    );
    assert_eq!(
        place.number(place.database(), 7, day(2)).unwrap(),
        "+994500000007"
    );
    assert_eq!(place.number(&copy, 7, day(2)).unwrap(), "+994500000007");
    let told = place.number(place.database(), 7, day(3)).unwrap_err();
    assert!(
        told.to_string().contains("is over"),
        "before any purge: {told}"
    );
    assert_eq!(place.purge(day(2), false).unwrap(), Gone::default());
    let gone = place.purge(day(3), false).unwrap();
    assert_eq!((gone.keys, gone.numbers), (1, 1));
    // Even for who sets the clock back.
    let told = place.number(&copy, 7, day(1)).unwrap_err();
    assert!(matches!(told, NumberError::Dropped(_)), "{told}");
    assert!(place.number(place.database(), 7, day(1)).is_err());
    assert_eq!(place.records().len(), 1, "the call stays");
}

#[test]
fn each_kind_of_data_has_its_time() {
    let place = Place::new();
    for id in 0..500 {
        place.call(id, day(0));
    }
    place.call(900, day(600));
    place.settle();
    let would = place.purge(day(100), true).unwrap();
    assert_eq!(place.records().len(), 501, "a dry run erases nothing");
    let gone = place.purge(day(100), false).unwrap();
    assert_eq!(would, gone);
    assert_eq!((gone.traces, gone.calls, gone.numbers), (500, 0, 500));
    assert_eq!(place.purge(day(100), false).unwrap(), Gone::default());
    let gone = place.purge(day(1_001), false).unwrap();
    assert_eq!((gone.traces, gone.calls), (1, 500));
    let left = place.records();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].call, CallId(900));
    let mut reader = Reader::open(place.database()).unwrap();
    assert!(reader.timeline(CallId(7)).unwrap().is_empty());
    assert_eq!(reader.timeline(CallId(900)).unwrap().len(), 2);
    let rows = place.audit().list(day(0), day(2_000)).unwrap();
    let purged: Vec<_> = rows.iter().map(|row| row.note.deed).collect();
    assert_eq!(purged, [Deed::Purged, Deed::Purged]);
    assert!(rows[1].note.reason.contains("calls 500"), "{rows:?}");
    assert!(place.audit().verify().unwrap().is_empty());
}

#[test]
fn a_purge_whose_disk_refuses_goes_on_where_it_was() {
    let place = Place::new();
    for id in 0..450 {
        place.call(id, day(0));
    }
    place.settle();
    // Somebody else has the tables: what was done by then stays done.
    let path = place.settings.storage.data.join("qaynar.db");
    let other = rusqlite::Connection::open(path).unwrap();
    let refuse = "CREATE TRIGGER refuse BEFORE DELETE ON calls WHEN (SELECT count(*) FROM calls) <= 250 \
                  BEGIN SELECT raise(ABORT, 'the disk is broken'); END";
    other.execute_batch(refuse).unwrap();
    let told = place.purge(day(1_001), false).unwrap_err().to_string();
    assert!(told.contains("the disk is broken"), "{told}");
    assert_eq!(place.records().len(), 250, "a step is whole or not there");
    other.execute_batch("DROP TRIGGER refuse").unwrap();
    assert_eq!(place.purge(day(1_001), false).unwrap().calls, 250);
    assert!(place.records().is_empty());
}

#[test]
fn the_audit_log_keeps_what_nobody_reviewed() {
    let place = Place::new();
    let note = |deed, at| Note {
        at,
        who: "201".into(),
        deed,
        call: None,
        about: None,
        reason: "a child".into(),
    };
    place.audit().add(&note(Deed::Revealed, day(0))).unwrap();
    place.audit().add(&note(Deed::Revealed, day(1))).unwrap();
    place.audit().add(&note(Deed::BrokeGlass, day(2))).unwrap();
    place.audit().add(&note(Deed::Revealed, day(3))).unwrap();
    assert_eq!(place.purge(day(1_500), false).unwrap().audit, 1);
    assert_eq!(place.audit().pending().unwrap().len(), 1);
    assert!(place.audit().verify().unwrap().is_empty());
}
