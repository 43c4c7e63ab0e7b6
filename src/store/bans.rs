//! Who is banned, kept so that a restart forgives nobody.

use rusqlite::{Connection, params};

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
pub(crate) fn all(connection: &Connection) -> rusqlite::Result<Vec<BanRow>> {
    let sql = "SELECT source, user, until, body FROM bans ORDER BY source, user";
    let mut statement = connection.prepare(sql)?;
    let read = statement.query_map([], |row| {
        Ok(BanRow {
            source: row.get(0)?,
            user: row.get(1)?,
            until: Wall(row.get(2)?),
            body: row.get(3)?,
        })
    })?;
    read.collect()
}

/// Keeps a ban in the place of what there was, or forgets it.
pub(crate) fn change(
    connection: &Connection,
    who: &Who,
    ban: Option<&BanRow>,
) -> rusqlite::Result<()> {
    let Some(ban) = ban else {
        return connection
            .prepare_cached("DELETE FROM bans WHERE source = ?1 AND user = ?2")?
            .execute(params![who.0, who.1])
            .map(|_| ());
    };
    connection
        .prepare_cached("INSERT OR REPLACE INTO bans VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![ban.source, ban.user, ban.until.0, ban.body])
        .map(|_| ())
}
