//! A database with the contacts and activities of January to June 2021.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use qaynar::config::Location;
use qaynar::records::contact::{Activity, Channel, Contact, ContactId};
use qaynar::records::fields;
use qaynar::report::account::Report;
use qaynar::report::period::Period;
use qaynar::report::tally::Rules;
use qaynar::store::activities::Activities;
use qaynar::store::contacts::{Contacts, Hand};
use qaynar::store::report::report;
use qaynar::time::Wall;

/// A folder with a configuration and the database that it names.
pub(crate) struct House {
    folder: tempfile::TempDir,
}

impl House {
    /// One with an empty database.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("qaynar.toml"), "").unwrap();
        std::fs::create_dir(folder.path().join("data")).unwrap();
        Self { folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn database(&self) -> Location {
        Location::Sqlite(self.path("data/qaynar.db"))
    }

    pub(crate) fn add(&self, contacts: &[Contact]) {
        let mut table = Contacts::open(&self.database()).unwrap();
        for contact in contacts {
            assert!(table.insert(contact, &Hand::Import, now()).unwrap());
        }
    }

    pub(crate) fn report(&self, from: &str, to: &str) -> Report {
        let period = Period::read(from, Some(to)).unwrap();
        report(&self.database(), period, &Rules::usual_counts(), now()).unwrap()
    }
}

/// Long after the records: 2026-11-29.
pub(crate) fn now() -> Wall {
    fields::moment("2026-11-29T12:00:00Z").unwrap()
}

/// The rows of a file of tests/data.
fn rows(name: &str) -> Vec<BTreeMap<String, String>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(name);
    let mut reader = csv::Reader::from_path(path).unwrap();
    reader.deserialize().map(Result::unwrap).collect()
}

fn contact(row: &BTreeMap<String, String>) -> Contact {
    let id = ContactId(row["contact_id"].clone());
    let mut contact = Contact::new(id, Wall(0), Channel::Phone, 1);
    for (field, text) in row.iter().filter(|(field, _)| *field != "contact_id") {
        fields::set(&mut contact, field, text).unwrap();
    }
    contact
}

/// The half-year, read once.
pub(crate) fn half_year() -> &'static House {
    static HOUSE: LazyLock<House> = LazyLock::new(|| {
        let house = House::new();
        let contacts: Vec<Contact> = rows("contacts-2021-h1.csv").iter().map(contact).collect();
        house.add(&contacts);
        let mut table = Activities::open(&house.database()).unwrap();
        let given = |text: &String| (!text.is_empty()).then(|| text.clone());
        for row in rows("activities-2021-h1.csv") {
            let activity = Activity {
                id: row["activity_id"].clone(),
                kind: row["kind"].clone(),
                title: given(&row["title"]),
                held_on: row["held_on"].parse().unwrap(),
                ended_on: given(&row["ended_on"]).map(|day| day.parse().unwrap()),
                case: None,
            };
            assert!(table.insert(&activity).unwrap());
        }
        house
    });
    &HOUSE
}
