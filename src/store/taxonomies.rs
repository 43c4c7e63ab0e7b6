//! Versions of the taxonomy: those that come with the program, and those that were added here.

use super::database::{DatabaseError, Trouble};
use super::sql::{Sql, values};
use crate::config::Location;
use crate::records::taxonomy::{Taxonomy, TaxonomyFault, newest_shipped, shipped};
use crate::time::Wall;

/// Why a taxonomy was not added.
#[derive(Debug, thiserror::Error)]
pub enum AddError {
    /// It contradicts itself.
    #[error(transparent)]
    Fault(#[from] TaxonomyFault),
    /// Its number is taken.
    #[error(
        "there is a taxonomy {taken} already, and what contacts were written with never changes; give this one the \
         version {next}"
    )]
    Taken {
        /// The number.
        taken: u32,
        /// The first one after all.
        next: u32,
    },
    /// The database.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// The taxonomies that contacts can name.
#[derive(Debug)]
pub struct Taxonomies {
    sql: Sql,
}

impl Taxonomies {
    /// Opens the database, or makes it.
    ///
    /// # Errors
    /// See [`Trouble`].
    pub fn open(at: &Location) -> Result<Self, DatabaseError> {
        Ok(Self {
            sql: Sql::open(at)?,
        })
    }

    /// All, by version. One that was added here before a later program came with the same number keeps it.
    ///
    /// # Errors
    /// The database.
    pub fn all(&mut self) -> Result<Vec<Taxonomy>, DatabaseError> {
        all(&mut self.sql)
    }

    /// Adds a version, which then never changes.
    ///
    /// # Errors
    /// See [`AddError`].
    pub fn add(&mut self, taxonomy: &Taxonomy, now: Wall) -> Result<(), AddError> {
        taxonomy.check()?;
        let last = self.all()?.last().map_or(0, |one| one.version);
        let body = serde_json::to_string(taxonomy).unwrap_or_default();
        let sql = "INSERT INTO taxonomies (version, body, added) VALUES (?1, ?2, ?3) ON CONFLICT (version) DO NOTHING";
        let version = taxonomy.version;
        if version <= last || self.sql.execute(sql, values![version, body, now])? == 0 {
            return Err(AddError::Taken {
                taken: version,
                next: last.max(version) + 1,
            });
        }
        Ok(())
    }
}

/// The version that new contacts are written with.
pub(crate) fn newest(sql: &mut Sql) -> Result<u32, DatabaseError> {
    let added = "SELECT MAX(version) FROM taxonomies";
    let added = sql.first(added, &[], |row| row.get::<Option<u32>>(0))?;
    Ok(added.flatten().unwrap_or_default().max(newest_shipped()))
}

/// As [`Taxonomies::all`], within a transaction.
pub(crate) fn all(sql: &mut Sql) -> Result<Vec<Taxonomy>, DatabaseError> {
    let added = "SELECT body FROM taxonomies ORDER BY version";
    let read = |row: &super::sql::Row| -> Result<Taxonomy, Trouble> { row.json(0) };
    let mut all = sql.rows(added, &[], read)?;
    for one in shipped() {
        if all.iter().all(|other| other.version != one.version) {
            all.push(one.clone());
        }
    }
    all.sort_by_key(|one| one.version);
    Ok(all)
}
