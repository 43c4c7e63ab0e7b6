//! What an export holds: the columns of each table, with what they mean and whether they may be published. Files,
//! dictionary and the tables for publication are made from these lists alone.

mod activities;
mod calls;
mod contacts;
pub mod publish;

use jiff::Timestamp;
use jiff::tz::TimeZone;

pub use activities::Activities;
pub use calls::Calls;
pub use contacts::Contacts;

use super::taxonomy::Taxonomy;
use crate::time::Wall;

/// What stands in a cell.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// Not known.
    Nothing,
    /// A word or a text; of a list the entries, parted by semicolons.
    Text(String),
    /// A whole number.
    Whole(i64),
    /// Seconds.
    Seconds(f64),
    /// Yes or no.
    Truth(bool),
    /// A moment.
    Moment(Wall),
}

impl Cell {
    /// A text; an empty one is nothing.
    fn text(text: impl Into<String>) -> Self {
        let text = text.into();
        if text.is_empty() {
            Self::Nothing
        } else {
            Self::Text(text)
        }
    }

    fn of<T>(value: Option<T>, made: impl FnOnce(T) -> Self) -> Self {
        value.map_or(Self::Nothing, made)
    }
}

/// Of which kind the cells of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Words, texts, lists.
    Text,
    /// Whole numbers.
    Whole,
    /// Seconds, with a fraction.
    Seconds,
    /// `true` and `false`; in CSV yes and no.
    Truth,
    /// RFC 3339 in UTC; microseconds since 1970 in Parquet.
    Moment,
}

/// Whether a column may be published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Use {
    /// One of few values: what is published is counted by these.
    Dimension,
    /// Of one row: never published.
    Detail,
    /// Tells who it was, or ties rows together: never published.
    Identity,
    /// What somebody wrote: never published.
    Words,
}

/// A column.
#[derive(Debug, Clone, Copy, serde::Serialize)]
pub struct Column {
    /// Its name, which never changes.
    pub name: &'static str,
    /// Of which kind its cells are.
    pub kind: Kind,
    /// Whether it may be published.
    #[serde(rename = "use")]
    pub used: Use,
    /// What it means.
    pub about: &'static str,
}

const fn column(name: &'static str, kind: Kind, used: Use, about: &'static str) -> Column {
    Column {
        name,
        kind,
        used,
        about,
    }
}

/// What cells are computed with.
#[derive(Debug)]
pub struct Context<'a> {
    /// The zone that months and hours are of.
    pub zone: TimeZone,
    /// All versions, for bands of age.
    pub taxonomies: &'a [Taxonomy],
}

impl Context<'_> {
    fn local(&self, moment: Wall) -> jiff::civil::DateTime {
        let stamp = Timestamp::from_microsecond(moment.0).unwrap_or_default();
        stamp.to_zoned_datetime(self.zone.clone()).datetime()
    }

    /// `2021-06`
    fn month(&self, moment: Wall) -> Cell {
        let day = self.local(moment).date();
        Cell::Text(format!("{:04}-{:02}", day.year(), day.month()))
    }

    /// `15–17`, by the bands of a taxonomy.
    fn band(&self, age: Option<u8>, taxonomy: u32) -> Cell {
        let found = self.taxonomies.iter().find(|one| one.version == taxonomy);
        let band = age.zip(found).and_then(|(age, found)| {
            let band = found.bands.get(found.band(age)?)?;
            Some(match band.to {
                Some(to) => format!("{}–{to}", band.from),
                None => format!("{}+", band.from),
            })
        });
        Cell::of(band, Cell::Text)
    }
}

/// A table that is exported.
pub trait Table {
    /// What a row is made of.
    type Row;
    /// Its name in the dictionary.
    const NAME: &'static str;
    /// All columns, in the order of a file that names none.
    const COLUMNS: &'static [Column];

    /// What stands in a column of a row; nothing where there is no such column.
    fn cell(row: &Self::Row, column: &str, context: &Context<'_>) -> Cell;
}

/// The columns of these names, in this order.
///
/// # Errors
/// The first name that is none, with those that there are.
pub fn chosen(all: &'static [Column], names: &[String]) -> Result<Vec<Column>, String> {
    if names.is_empty() {
        return Ok(all.to_vec());
    }
    let mut chosen: Vec<Column> = Vec::new();
    for name in names {
        let Some(column) = all.iter().find(|column| column.name == name) else {
            let known: Vec<&str> = all.iter().map(|column| column.name).collect();
            return Err(format!(
                "there is no column {name:?}; there are: {}",
                known.join(", ")
            ));
        };
        if chosen.iter().all(|one| one.name != column.name) {
            chosen.push(*column);
        }
    }
    Ok(chosen)
}
