//! Where operators' softphones are, kept so that a restart does not wait for them to register again.

use serde::{Deserialize, Serialize};

use super::sql::{Sql, values};
use super::trouble::DatabaseError;
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
pub(crate) fn all(sql: &mut Sql) -> Result<Vec<BindingRow>, DatabaseError> {
    let statement =
        "SELECT operator, contact, body, expires FROM bindings ORDER BY operator, contact";
    sql.rows(statement, &[], |row| {
        Ok(BindingRow {
            operator: row.word(0)?,
            contact: row.get(1)?,
            body: row.get(2)?,
            expires: row.get(3)?,
        })
    })
}

/// Puts these contacts in the place of all that the operator had.
pub(crate) fn replace(
    sql: &mut Sql,
    operator: &OperatorId,
    contacts: &[BindingRow],
) -> Result<(), DatabaseError> {
    let statement = "DELETE FROM bindings WHERE operator = ?1";
    sql.execute(statement, values![operator.as_str()])?;
    let statement = "INSERT INTO bindings (operator, contact, body, expires) VALUES (?1, ?2, ?3, ?4) \
                     ON CONFLICT (operator, contact) DO UPDATE SET body = excluded.body, expires = excluded.expires";
    for row in contacts.iter().take(MAX_CONTACTS) {
        let values = values![operator.as_str(), &row.contact, &row.body, row.expires];
        sql.execute(statement, values)?;
    }
    Ok(())
}
