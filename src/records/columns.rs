//! The columns of a file that is imported, and its rows as contacts and activities.

use super::contact::{Activity, Channel, Contact, ContactId};
use super::{activity, fields};
use crate::time::Wall;

/// What a file of contacts must have.
const CONTACTS_NEED: &[&str] = &["contact_id", "opened_at", "channel"];
/// What exports write that no import takes: it follows from the rest, or is of this system alone.
const OF_EXPORTS: &[&str] = &["version", "caller", "month", "age_band", "child_age_band"];
/// What a file of activities must have.
const ACTIVITIES_NEED: &[&str] = &["activity_id", "kind", "held_on"];

/// Why a header cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderFault {
    /// A column that nothing is known of: its cells would be lost.
    #[error(
        "there is no field {name:?}: correct its name or remove the column; fields are: {known}"
    )]
    Unknown {
        /// As it stands there.
        name: String,
        /// All that may stand there.
        known: String,
    },
    /// Two columns for one field.
    #[error("the column {0:?} is there twice; remove one")]
    Twice(String),
    /// A column that each row needs.
    #[error(
        "there is no column {0:?}, which each row needs; is the first line the header, with commas or semicolons?"
    )]
    Missing(&'static str),
}

/// A cell under its field.
type Named<'a> = (&'static str, &'a str);

/// The columns of a file, in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Columns {
    /// The field of each; `None`: it is passed over.
    fields: Vec<Option<&'static str>>,
    id: &'static str,
}

impl Columns {
    /// Of a file of contacts: `contact_id` and [`fields::FIELDS`].
    ///
    /// # Errors
    /// See [`HeaderFault`].
    pub fn of_contacts<'a>(header: impl Iterator<Item = &'a str>) -> Result<Self, HeaderFault> {
        Self::read(header, (CONTACTS_NEED, fields::FIELDS), OF_EXPORTS)
    }

    /// Of a file of activities: `activity_id` and [`activity::FIELDS`].
    ///
    /// # Errors
    /// See [`HeaderFault`].
    pub fn of_activities<'a>(header: impl Iterator<Item = &'a str>) -> Result<Self, HeaderFault> {
        Self::read(header, (ACTIVITIES_NEED, activity::FIELDS), &[])
    }

    /// The first of what is needed is the id.
    fn read<'a>(
        header: impl Iterator<Item = &'a str>,
        (needed, known): (&[&'static str], &[&'static str]),
        passed_over: &[&'static str],
    ) -> Result<Self, HeaderFault> {
        let id = needed.first().copied().unwrap_or_default();
        let named = || std::iter::once(id).chain(known.iter().copied());
        let mut columns = Self {
            fields: Vec::new(),
            id,
        };
        for name in header {
            let name = name.trim();
            let field = named().find(|field| field.eq_ignore_ascii_case(name));
            if field.is_some() && columns.fields.contains(&field) {
                return Err(HeaderFault::Twice(name.to_owned()));
            }
            if field.is_none() && !passed_over.contains(&name) {
                return Err(HeaderFault::Unknown {
                    name: name.chars().take(100).collect(),
                    known: named().collect::<Vec<_>>().join(", "),
                });
            }
            columns.fields.push(field);
        }
        match needed.iter().find(|one| !columns.has(one)) {
            Some(missing) => Err(HeaderFault::Missing(missing)),
            None => Ok(columns),
        }
    }

    fn has(&self, field: &str) -> bool {
        self.fields.contains(&Some(field))
    }

    /// The fields that rows set, without the id.
    pub fn set_fields(&self) -> impl Iterator<Item = &'static str> {
        let fields = self.fields.iter().flatten().copied();
        fields.filter(|field| *field != self.id)
    }

    /// The cells with their fields, and the id.
    ///
    /// # Errors
    /// The row has more or fewer cells than the header, or no id.
    fn cells<'a>(&self, row: &[&'a str]) -> Result<(String, Vec<Named<'a>>), String> {
        let (count, wanted) = (row.len(), self.fields.len());
        let surplus = row.iter().skip(wanted).any(|cell| !cell.is_empty());
        if count < wanted || surplus {
            return Err(format!(
                "it has {count} cells, the header {wanted}; is a quotation mark or a separator missing?"
            ));
        }
        let cells = self.fields.iter().zip(row);
        let cells = cells.filter_map(|(field, cell)| Some(((*field)?, cell.trim())));
        let (id, cells): (Vec<_>, Vec<_>) = cells.partition(|(field, _)| *field == self.id);
        let id = id.first().map_or("", |(_, cell)| cell);
        let id = fields::id(id).map_err(|reason| format!("{}: {reason}", self.id))?;
        Ok((id, cells))
    }

    /// A row of contacts. Where the file has no column of that it is of `taxonomy`.
    ///
    /// # Errors
    /// All that is wrong with its cells.
    pub fn contact(&self, row: &[&str], taxonomy: u32) -> Result<Contact, String> {
        let (id, cells) = self.cells(row)?;
        let mut contact = Contact::new(ContactId(id), Wall(0), Channel::Phone, taxonomy);
        let faults = cells.into_iter().filter_map(|(field, cell)| {
            let set = fields::set(&mut contact, field, cell);
            set.err().map(|fault| fault.to_string())
        });
        let faults: Vec<String> = faults.collect();
        match faults.is_empty() {
            true => Ok(contact),
            false => Err(faults.join("; ")),
        }
    }

    /// A row of activities.
    ///
    /// # Errors
    /// All that is wrong with its cells.
    pub fn activity(&self, row: &[&str]) -> Result<Activity, String> {
        let (id, cells) = self.cells(row)?;
        let mut activity = activity::begun(id);
        let faults = cells.into_iter().filter_map(|(field, cell)| {
            let set = activity::set(&mut activity, field, cell);
            set.err().map(|fault| fault.to_string())
        });
        let faults: Vec<String> = faults.collect();
        match faults.is_empty() {
            true => Ok(activity),
            false => Err(faults.join("; ")),
        }
    }

    /// A contact that is there, with what a row says of it.
    pub fn over(&self, there: &Contact, row: &Contact) -> Contact {
        let mut merged = there.clone();
        for field in self.set_fields() {
            // What a row holds was read by the same words.
            let _ = fields::set(&mut merged, field, &fields::text(row, field));
        }
        merged
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(header: &str) -> Result<Columns, HeaderFault> {
        Columns::of_contacts(header.split(','))
    }

    #[test]
    fn a_header_needs_id_moment_and_channel_and_no_column_is_lost() {
        assert!(columns("contact_id,opened_at,channel").is_ok());
        assert!(columns("Channel, contact_id ,opened_at,version,caller").is_ok());
        let told = |header| columns(header).unwrap_err().to_string();
        assert!(told("contact_id,channel").contains("no column \"opened_at\""));
        assert!(told("contact_id,opened_at,channel,chanel").contains("no field \"chanel\""));
        assert!(told("contact_id,contact_id").contains("twice"));
    }

    #[test]
    fn a_row_tells_all_that_is_wrong_with_it() {
        let columns = columns("contact_id,opened_at,channel,age,party").unwrap();
        let read = |row: &str| columns.contact(&row.split(',').collect::<Vec<_>>(), 2);
        let contact = read("a1,2021-06-01T00:30:00+04:00,webchat,12,").unwrap();
        assert_eq!((contact.age, contact.taxonomy), (Some(12), 2));
        assert_eq!(contact.opened, Wall(1_622_493_000_000_000));
        let told = read("a1,yesterday,fax,old,child").unwrap_err();
        for part in ["opened_at: ", "channel: ", "age: "] {
            assert!(told.contains(part), "{told}");
        }
        assert!(read("a1,b").unwrap_err().contains("2 cells, the header 5"));
        assert!(
            read(",2021-06-01T00:30:00Z,sms,,")
                .unwrap_err()
                .contains("contact_id: ")
        );
    }

    #[test]
    fn a_row_changes_what_its_columns_are_of_and_nothing_else() {
        let columns = columns("contact_id,opened_at,channel,age").unwrap();
        let read = |age| {
            let row = ["a1", "2021-06-01T00:30:00Z", "sms", age];
            columns.contact(&row, 1).unwrap()
        };
        let there = Contact {
            notes: Some("kept".into()),
            ..read("12")
        };
        let merged = columns.over(&there, &read("13"));
        assert_eq!(
            (merged.age, merged.notes.as_deref()),
            (Some(13), Some("kept"))
        );
        assert_eq!(columns.over(&there, &read("12")), there);
    }
}
