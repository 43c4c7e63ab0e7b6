//! Where operators' softphones are, kept so that a restart does not wait for them to register again.

use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};

use super::rows;
use crate::ids::OperatorId;
use crate::time::Wall;

/// The most contacts of one operator that are kept.
pub const MAX_CONTACTS: usize = 32;

/// One contact of an operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BindingRow {
    /// Whose.
    pub operator: OperatorId,
    /// What tells it apart among the operator's contacts: its URI or instance.
    pub contact: String,
    /// All that the registrar knows of it, as JSON.
    pub body: String,
    /// Until when it stands.
    pub expires: Wall,
}

/// All contacts of all operators.
pub(crate) fn all(connection: &Connection) -> rusqlite::Result<Vec<BindingRow>> {
    let mut statement = connection.prepare_cached(
        "SELECT operator, contact, body, expires FROM bindings ORDER BY operator, contact",
    )?;
    let rows = statement.query_map([], |row| {
        Ok(BindingRow {
            operator: rows::text(row, 0)?,
            contact: row.get(1)?,
            body: row.get(2)?,
            expires: Wall(row.get(3)?),
        })
    })?;
    rows.collect()
}

/// Puts these contacts in the place of all that the operator had.
pub(crate) fn replace(
    connection: &Connection,
    operator: &OperatorId,
    contacts: &[BindingRow],
) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM bindings WHERE operator = ?1")?
        .execute([operator.as_str()])?;
    let mut insert =
        connection.prepare_cached("INSERT OR REPLACE INTO bindings VALUES (?1, ?2, ?3, ?4)")?;
    for row in contacts.iter().take(MAX_CONTACTS) {
        insert.execute(params![
            operator.as_str(),
            row.contact,
            row.body,
            row.expires.0
        ])?;
    }
    Ok(())
}
