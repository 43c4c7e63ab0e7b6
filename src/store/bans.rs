//! Who is banned, kept so that a restart forgives nobody.

use super::sql::{Sql, values};
use super::trouble::DatabaseError;
use crate::time::Wall;

/// Of whom a ban is: the source, and the name, or an empty one.
pub(crate) type Who = (String, String);

/// A ban.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BanRow {
    /// Whose address.
    pub source: String,
    /// Under which name alone; empty: under all.
    pub user: String,
    /// Until when it holds.
    pub until: Wall,
    /// All of it, as JSON.
    pub body: String,
}

/// All bans, those that are over included.
pub(crate) fn all(sql: &mut Sql) -> Result<Vec<BanRow>, DatabaseError> {
    let statement = "SELECT source, \"user\", until, body FROM bans ORDER BY source, \"user\"";
    sql.rows(statement, &[], |row| {
        Ok(BanRow {
            source: row.get(0)?,
            user: row.get(1)?,
            until: row.get(2)?,
            body: row.get(3)?,
        })
    })
}

/// Keeps a ban in the place of what there was, or forgets it.
pub(crate) fn change(sql: &mut Sql, who: &Who, ban: Option<&BanRow>) -> Result<(), DatabaseError> {
    let Some(ban) = ban else {
        let statement = "DELETE FROM bans WHERE source = ?1 AND \"user\" = ?2";
        return sql.execute(statement, values![&who.0, &who.1]).map(|_| ());
    };
    let statement = "INSERT INTO bans (source, \"user\", until, body) VALUES (?1, ?2, ?3, ?4) \
                     ON CONFLICT (source, \"user\") DO UPDATE SET until = excluded.until, body = excluded.body";
    let values = values![&ban.source, &ban.user, ban.until, &ban.body];
    sql.execute(statement, values).map(|_| ())
}
