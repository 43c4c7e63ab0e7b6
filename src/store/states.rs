//! What each operator was doing last, kept for the next start.

use rusqlite::{Connection, Transaction, params};

use super::rows;
use crate::event::{Event, OperatorState, What};
use crate::ids::OperatorId;
use crate::time::Wall;

/// One operator's last state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateRow {
    /// Who.
    pub operator: OperatorId,
    /// What.
    pub state: OperatorState,
    /// Since when.
    pub at: Wall,
    /// Why, for people; of a pause also the reason of the pause.
    pub reason: String,
}

impl StateRow {
    /// The row that an event makes; `None`: it is of something else.
    pub(crate) fn of(event: &Event) -> Option<Self> {
        let What::Operator {
            operator,
            state,
            reason,
        } = &event.what
        else {
            return None;
        };
        Some(Self {
            operator: operator.clone(),
            state: *state,
            at: event.at,
            reason: reason.clone(),
        })
    }
}

/// All of them, by operator.
pub(crate) fn all(connection: &Connection) -> rusqlite::Result<Vec<StateRow>> {
    let sql = "SELECT operator, state, at, reason FROM operator_states ORDER BY operator";
    let mut statement = connection.prepare(sql)?;
    let states = statement.query_map([], |row| {
        Ok(StateRow {
            operator: rows::text(row, 0)?,
            state: rows::text(row, 1)?,
            at: Wall(row.get(2)?),
            reason: row.get(3)?,
        })
    })?;
    states.collect()
}

/// Keeps what an event tells of an operator.
pub(crate) fn note(transaction: &Transaction<'_>, event: &Event) -> rusqlite::Result<()> {
    let Some(row) = StateRow::of(event) else {
        return Ok(());
    };
    let sql = "INSERT OR REPLACE INTO operator_states VALUES (?1, ?2, ?3, ?4)";
    let state = rows::word(&row.state)?;
    transaction.prepare_cached(sql)?.execute(params![
        row.operator.as_str(),
        state,
        row.at.0,
        row.reason
    ])?;
    Ok(())
}
