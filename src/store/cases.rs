//! Open cases: whose they are, and who looks after them. A caller with an open case is rung through to that
//! operator first, if free. Callers stand here by pseudonym alone.

use super::sql::values;
use serde::Serialize;

use super::trouble::DatabaseError;
use super::versioned::Versioned;
use crate::config::Location;
use crate::ids::{OperatorId, Pseudonym};
use crate::time::Wall;

/// Grows with each change.
const VERSION: &str = "cases";
/// The most cases that may be open; one more is refused.
const MOST: usize = 10_000;

/// An open case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Case {
    /// Its number, by which contacts and activities name it.
    pub id: i64,
    /// Whose.
    pub caller: Pseudonym,
    /// Who looks after it.
    pub owner: OperatorId,
    /// Since when.
    pub opened: Wall,
}

/// The table of cases.
#[derive(Debug)]
pub struct Cases(Versioned);

impl Cases {
    /// Opens the database, or makes it.
    ///
    /// # Errors
    /// See [`super::trouble::Trouble`].
    pub fn open(at: &Location) -> Result<Self, DatabaseError> {
        Versioned::open(at, VERSION).map(Self)
    }

    /// Opens the case of a caller, or gives an open one to another operator; `false`: too many are open. A running
    /// server takes it up by itself.
    ///
    /// # Errors
    /// The database.
    pub fn put(
        &mut self,
        caller: &Pseudonym,
        owner: &OperatorId,
        now: Wall,
    ) -> Result<bool, DatabaseError> {
        self.0.change(|sql| {
            let count = "SELECT count(*) FROM cases WHERE closed IS NULL AND caller <> ?1";
            let (caller, owner) = (caller.as_str(), owner.as_str());
            let count = sql.first(count, values![caller], |row| row.get::<usize>(0))?;
            if count.unwrap_or(MOST) >= MOST {
                return Ok(0);
            }
            let change = "UPDATE cases SET owner = ?2 WHERE caller = ?1 AND closed IS NULL";
            match sql.execute(change, values![caller, owner])? {
                0 => sql.execute(
                    "INSERT INTO cases (caller, owner, opened) VALUES (?1, ?2, ?3)",
                    values![caller, owner, now],
                ),
                changed => Ok(changed),
            }
        })
    }

    /// Closes the open case of a caller; `false`: there is none.
    ///
    /// # Errors
    /// The database.
    pub fn close(&mut self, caller: &Pseudonym, now: Wall) -> Result<bool, DatabaseError> {
        self.0.change(|sql| {
            let close = "UPDATE cases SET closed = ?2 WHERE caller = ?1 AND closed IS NULL";
            sql.execute(close, values![caller.as_str(), now])
        })
    }

    /// The open ones, the oldest first.
    ///
    /// # Errors
    /// The database.
    pub fn open_ones(&mut self) -> Result<Vec<Case>, DatabaseError> {
        let sql = "SELECT id, caller, owner, opened FROM cases WHERE closed IS NULL ORDER BY opened, caller";
        self.0.rows(sql, &[], |row| {
            Ok(Case {
                id: row.get(0)?,
                caller: Pseudonym(row.get(1)?),
                owner: row.word(2)?,
                opened: row.get(3)?,
            })
        })
    }

    /// Whether there is or was one of this number.
    ///
    /// # Errors
    /// The database.
    pub fn has(&mut self, id: i64) -> Result<bool, DatabaseError> {
        let found = self
            .0
            .rows("SELECT 1 FROM cases WHERE id = ?1", values![id], |_| Ok(()))?;
        Ok(!found.is_empty())
    }

    /// Grows with each change.
    ///
    /// # Errors
    /// The database.
    pub fn version(&mut self) -> Result<u64, DatabaseError> {
        self.0.version()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_has_one_open_case_which_can_change_hands_and_be_closed() {
        let folder = tempfile::tempdir().unwrap();
        let mut cases = Cases::open(&folder.path().join("qaynar.db").into()).unwrap();
        let case = |id, caller: &str, owner: &str, opened| Case {
            id,
            caller: caller.into(),
            owner: owner.into(),
            opened: Wall(opened),
        };
        let mut put = |caller: &str, owner: &str, now| {
            let (caller, owner) = (caller.into(), owner.into());
            cases.put(&caller, &owner, Wall(now)).unwrap()
        };
        assert!(put("C-1", "201", 1));
        assert!(put("C-2", "202", 2));
        assert!(put("C-1", "203", 3));
        let open = [case(1, "C-1", "203", 1), case(2, "C-2", "202", 2)];
        assert_eq!(cases.open_ones().unwrap(), open);
        assert!(cases.close(&"C-1".into(), Wall(4)).unwrap());
        assert!(!cases.close(&"C-1".into(), Wall(5)).unwrap());
        assert_eq!(cases.open_ones().unwrap(), open[1..]);
        assert_eq!(cases.version().unwrap(), 4);
        let again = cases.put(&"C-1".into(), &"201".into(), Wall(6));
        assert!(again.unwrap(), "a new one");
        assert_eq!(
            [1, 3, 4].map(|id| cases.has(id).unwrap()),
            [true, true, false]
        );
    }
}
