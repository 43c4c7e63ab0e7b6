//! What can be asked of the database.
//!
//! The one who writes calls is [`super::writer`].

use super::bans::{self, BanRow};
use super::bindings::{self, BindingRow};
use super::messages;
use super::rows::{self, Wanted, Whole};
use super::sql::Sql;
use super::states::{self, StateRow};
use crate::config::Location;
use crate::event::{CallRecord, Event, Recording};
use crate::ids::CallId;
use crate::time::Wall;

pub use super::trouble::{DatabaseError, Trouble};

/// The number of the last journal entry whose effects are in the tables.
pub(crate) const CHECKPOINT: &str = "journal";

/// What can be asked, on a connection that only reads.
#[derive(Debug)]
pub struct Reader {
    sql: Sql,
}

impl Reader {
    /// Opens an existing database.
    ///
    /// # Errors
    /// See [`Trouble`].
    pub fn open(at: &Location) -> Result<Self, DatabaseError> {
        let sql = Sql::open_to_read(at)?;
        Ok(Self { sql })
    }

    /// Calls that arrived at or after `from` and before `to`, by arrival. Where they are more than
    /// `limit`, the latest.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn calls(
        &mut self,
        from: Option<Wall>,
        to: Option<Wall>,
        limit: usize,
    ) -> Result<Vec<CallRecord>, DatabaseError> {
        rows::records(&mut self.sql, Wanted::Arrived { from, to, limit })
    }

    /// Calls without an end, the latest `limit` of them, by arrival.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn unended(&mut self, limit: usize) -> Result<Vec<CallRecord>, DatabaseError> {
        rows::records(&mut self.sql, Wanted::Unended { limit })
    }

    /// One call.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn call(&mut self, call: CallId) -> Result<Option<CallRecord>, DatabaseError> {
        rows::one(&mut self.sql, call)
    }

    /// All events of a call with their journal numbers, in order.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn timeline(&mut self, call: CallId) -> Result<Vec<(u64, Event)>, DatabaseError> {
        rows::timeline(&mut self.sql, call)
    }

    /// All events of a kind at or after `from` and before `to`, in order.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn events(
        &mut self,
        kind: &str,
        from: Option<Wall>,
        to: Option<Wall>,
    ) -> Result<Vec<Event>, DatabaseError> {
        rows::events(&mut self.sql, kind, from, to)
    }

    /// The number of the last journal entry that the tables hold; 0: none.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn checkpoint(&mut self) -> Result<u64, DatabaseError> {
        rows::meta(&mut self.sql, CHECKPOINT).map(Option::unwrap_or_default)
    }

    /// Where operators' phones were at last, expired ones included.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn bindings(&mut self) -> Result<Vec<BindingRow>, DatabaseError> {
        bindings::all(&mut self.sql)
    }

    /// Who was banned at last, bans that are over included.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn bans(&mut self) -> Result<Vec<BanRow>, DatabaseError> {
        bans::all(&mut self.sql)
    }

    /// Messages and recorded talks, erased ones included, the latest `limit` of them.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn recordings(&mut self, limit: usize) -> Result<Vec<Recording>, DatabaseError> {
        messages::all(&mut self.sql, limit)
    }

    /// What operators were doing at last, and since when.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn operator_states(&mut self) -> Result<Vec<StateRow>, DatabaseError> {
        states::all(&mut self.sql)
    }

    /// Hands on all calls that arrived at or after `from` and before `to`, by arrival, one after the other.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn each_call(
        &mut self,
        from: Option<Wall>,
        to: Option<Wall>,
        tell: impl FnMut(CallRecord),
    ) -> Result<(), DatabaseError> {
        rows::each_record(&mut self.sql, from, to, Whole::Yes, tell)
    }

    /// As [`Self::each_call`], without the figures of media: a million calls in a second or two.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn each_call_without_media(
        &mut self,
        from: Option<Wall>,
        to: Option<Wall>,
        tell: impl FnMut(CallRecord),
    ) -> Result<(), DatabaseError> {
        rows::each_record(&mut self.sql, from, to, Whole::WithoutMedia, tell)
    }

    /// What operators did at or after `from` and before `to`, in order; before that what each was doing when
    /// that time began.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn state_log(&mut self, from: Wall, to: Wall) -> Result<Vec<StateRow>, DatabaseError> {
        states::log(&mut self.sql, from, to)
    }

    /// The tables as they are now, for all that `with` asks.
    pub(crate) fn frozen<T, E: From<DatabaseError>>(
        &mut self,
        with: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        self.sql.freeze()?;
        let done = with(self);
        self.sql.close(done)
    }

    /// For what is asked nowhere else.
    pub(crate) fn sql(&mut self) -> &mut Sql {
        &mut self.sql
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fresh_database_is_for_this_user_alone_and_can_be_read() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/qaynar.db");
        drop(Sql::open(&path.clone().into()).unwrap());
        drop(Sql::open(&path.clone().into()).unwrap());
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        let mut reader = Reader::open(&path.clone().into()).unwrap();
        assert_eq!(reader.calls(None, None, 10).unwrap(), []);
        assert_eq!(reader.checkpoint().unwrap(), 0);
    }

    #[test]
    fn each_fault_names_the_file_and_the_way_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("qaynar.db");
        let told = Reader::open(&path.clone().into()).unwrap_err().to_string();
        assert!(
            told.contains("qaynar.db: there is no such database"),
            "{told}"
        );
        std::fs::write(
            &path,
            "no database at all, but long enough to be taken for one: ".repeat(40),
        )
        .unwrap();
        let told = Sql::open(&path.clone().into()).unwrap_err().to_string();
        assert!(told.contains("restore a backup"), "{told}");
        std::fs::remove_file(&path).unwrap();
        let mut sql = Sql::open(&path.clone().into()).unwrap();
        let add =
            "INSERT INTO schema_version (version, applied, least) VALUES (?1, 'tomorrow', ?2)";
        sql.execute(add, crate::store::sql::values![98_i64, 1_i64])
            .unwrap();
        Reader::open(&path.clone().into()).expect("a later version that has only added");
        drop(Sql::open(&path.clone().into()).expect("it may be written too"));
        sql.execute(add, crate::store::sql::values![99_i64, 99_i64])
            .unwrap();
        let told = Reader::open(&path.clone().into()).unwrap_err().to_string();
        assert!(told.contains("run the newer qaynar"), "{told}");
        let told = Sql::open(&path.clone().into()).unwrap_err().to_string();
        assert!(told.contains("run the newer qaynar"), "{told}");
    }
}
