//! Callers who have a new name since the key of pseudonyms was changed: what is stored of them follows them.

use super::rows;
use super::sql::{Sql, values};
use super::trouble::DatabaseError;
use crate::event::{Event, What};
use crate::ids::Pseudonym;

/// Tables that name callers, and the number that tells a running server to read them anew.
const NAMED: [(&str, Option<&str>); 5] = [
    ("calls", None),
    ("numbers", None),
    ("contacts", None),
    ("cases", Some("cases")),
    ("listed", Some("lists")),
];

/// Takes an event in.
pub(crate) fn note(sql: &mut Sql, event: &Event) -> Result<(), DatabaseError> {
    let What::Renamed { former, caller } = &event.what else {
        return Ok(());
    };
    let known =
        "INSERT INTO renamed (former, caller) VALUES (?1, ?2) ON CONFLICT (former) DO NOTHING";
    sql.execute(known, values![former.as_str(), caller.as_str()])?;
    for (table, version) in NAMED {
        if table == "listed" {
            // A caller is on a list once: the entry under the new name is the later one.
            let twice = "DELETE FROM listed WHERE caller = ?1 AND list IN \
                         (SELECT list FROM listed WHERE caller = ?2)";
            sql.execute(twice, values![former.as_str(), caller.as_str()])?;
        }
        let follow = format!("UPDATE {table} SET caller = ?2 WHERE caller = ?1");
        let count = sql.execute(&follow, values![former.as_str(), caller.as_str()])?;
        if let Some(version) = version.filter(|_| count > 0) {
            let number = rows::meta(sql, version)?.unwrap_or_default();
            rows::set_meta(sql, version, number + 1)?;
        }
    }
    Ok(())
}

/// The names that a caller had under keys before.
pub(crate) fn former(sql: &mut Sql, caller: &Pseudonym) -> Result<Vec<Pseudonym>, DatabaseError> {
    let select = "SELECT former FROM renamed WHERE caller = ?1";
    sql.rows(select, values![caller.as_str()], |row| row.word(0))
}
