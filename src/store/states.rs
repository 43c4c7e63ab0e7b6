//! What operators did: all of it, and what each was doing last, kept for the next start.

use super::rows::word;
use super::sql::{Row, Sql, values};
use super::trouble::{DatabaseError, Trouble};
use crate::event::{Event, OperatorState, What};
use crate::ids::OperatorId;
use crate::time::Wall;

/// An operator's state.
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

/// What each was doing last, by operator.
pub(crate) fn all(sql: &mut Sql) -> Result<Vec<StateRow>, DatabaseError> {
    let statement = "SELECT operator, state, at, reason FROM operator_states ORDER BY operator";
    sql.rows(statement, &[], read)
}

/// All changes at or after `from` and before `to`, in order; before them what each operator was doing when
/// that time began.
pub(crate) fn log(sql: &mut Sql, from: Wall, to: Wall) -> Result<Vec<StateRow>, DatabaseError> {
    let before = "SELECT operator, state, at, reason FROM operator_log AS one WHERE at < ?1 AND sequence = (\
                  SELECT sequence FROM operator_log AS other \
                  WHERE other.operator = one.operator AND at < ?1 ORDER BY at DESC, sequence DESC LIMIT 1) \
                  ORDER BY operator";
    let mut all = sql.rows(before, values![from], read)?;
    let within = "SELECT operator, state, at, reason FROM operator_log WHERE at >= ?1 AND at < ?2 \
                  ORDER BY at, sequence";
    all.extend(sql.rows(within, values![from, to], read)?);
    Ok(all)
}

fn read(row: &Row) -> Result<StateRow, Trouble> {
    Ok(StateRow {
        operator: row.word(0)?,
        state: row.word(1)?,
        at: row.get(2)?,
        reason: row.get(3)?,
    })
}

/// Keeps what an event tells of an operator; a second time changes nothing.
pub(crate) fn note(sql: &mut Sql, sequence: u64, event: &Event) -> Result<(), DatabaseError> {
    let Some(row) = StateRow::of(event) else {
        return Ok(());
    };
    let state = word(&row.state).map_err(|trouble| sql.fault(trouble))?;
    let latest = "INSERT INTO operator_states (operator, state, at, reason) VALUES (?1, ?2, ?3, ?4) \
                  ON CONFLICT (operator) DO UPDATE SET state = excluded.state, at = excluded.at, reason = excluded.reason";
    let values = values![row.operator.as_str(), &state, row.at, &row.reason];
    sql.execute(latest, values)?;
    let log = "INSERT INTO operator_log (sequence, operator, at, state, reason) VALUES (?1, ?2, ?3, ?4, ?5) \
               ON CONFLICT DO NOTHING";
    let values = values![sequence, row.operator.as_str(), row.at, &state, &row.reason];
    sql.execute(log, values).map(|_| ())
}
