//! Keys of programs to the API: each with the scopes that it was given, and an end. A token is shown once; kept is
//! its hash alone. It is 256 random bits, so a fast hash is enough: nobody guesses it.

use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::sql::{Row, Sql, values};
use super::trouble::{DatabaseError, Trouble};
use super::users::words;
use crate::config::Location;
use crate::private::Private;
use crate::time::Wall;

/// Begins each token, so that one that was left somewhere is known for what it is.
const PREFIX: &str = "qaynar_";
/// Letters of a token's id.
const ID: usize = 8;
/// Letters of a name.
const MAX_NAME: usize = 64;
/// The most tokens.
const MOST: u64 = 1_000;
/// When a token was used last is kept as exactly as this.
const USED: Duration = Duration::from_secs(3_600);

words! {
    /// What a token may be used for.
    Scope {
        /// Read call records and their timelines.
        CallsRead = "calls:read",
        /// Read contacts and their histories.
        ContactsRead = "contacts:read",
        /// Add and change contacts.
        ContactsWrite = "contacts:write",
        /// Read activities.
        ActivitiesRead = "activities:read",
        /// Add and remove activities.
        ActivitiesWrite = "activities:write",
        /// Read what operators are doing.
        OperatorsRead = "operators:read",
        /// Read reports.
        ReportsRead = "reports:read",
    }
}

/// A token, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Token {
    /// Which; it stands in the token in clear.
    pub id: String,
    /// For whom, for people; it stands as the author of what is changed by it.
    pub name: String,
    /// What it may be used for.
    pub scopes: Vec<Scope>,
    /// When it was made.
    pub created: Wall,
    /// Until when it holds; `None`: until it is removed.
    pub expires: Option<Wall>,
    /// When it was used last, to the hour; `None`: never.
    pub used: Option<Wall>,
}

impl Token {
    /// Whether it may be used for this.
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }
}

/// Why a token cannot be made or removed.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The name is not one.
    #[error("the name must have 1 to {MAX_NAME} characters, none of them a control character")]
    BadName,
    /// It may do nothing.
    #[error(
        "a token without a scope is good for nothing; add --scope, such as --scope contacts:read"
    )]
    NoScope,
    /// One of this name is there.
    #[error(
        "there is a token {0:?}; `qaynar token remove {0:?}` removes it, or choose another name"
    )]
    Exists(String),
    /// There are as many as may be.
    #[error("there are {MOST} tokens; `qaynar token remove` makes room")]
    Full,
    /// There is no such token.
    #[error("there is no token {0:?}; `qaynar token list` tells which there are")]
    Unknown(String),
    /// The system gives no randomness.
    #[error("the system gives no random bytes for a token: {0}")]
    NoRandomness(getrandom::Error),
    /// The database.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// The table of tokens.
#[derive(Debug)]
pub struct Tokens {
    sql: Sql,
}

const COLUMNS: &str = "id, name, scopes, created, expires, used";

impl Tokens {
    /// Opens the database, or makes it.
    ///
    /// # Errors
    /// See [`Trouble`].
    pub fn open(at: &Location) -> Result<Self, DatabaseError> {
        Ok(Self {
            sql: Sql::open(at)?,
        })
    }

    /// Makes a token; the text is told this once.
    ///
    /// # Errors
    /// See [`TokenError`].
    pub fn add(
        &mut self,
        name: &str,
        scopes: &[Scope],
        lasts: Option<Duration>,
    ) -> Result<(Token, Private<String>), TokenError> {
        let name = name.trim();
        if !(1..=MAX_NAME).contains(&name.chars().count()) || name.contains(char::is_control) {
            return Err(TokenError::BadName);
        }
        if scopes.is_empty() {
            return Err(TokenError::NoScope);
        }
        let mut scopes = scopes.to_vec();
        scopes.sort_unstable();
        scopes.dedup();
        let (id, text) = make()?;
        let hash = hash(text.reveal());
        self.sql.transaction(|sql| {
            let all = "SELECT name FROM tokens";
            let names = sql.rows(all, &[], |row| row.get::<String>(0))?;
            if names.iter().any(|known| known == name) {
                return Err(TokenError::Exists(name.to_owned()));
            }
            if names.len() as u64 >= MOST {
                return Err(TokenError::Full);
            }
            let now = sql.now()?;
            let token = Token {
                id,
                name: name.to_owned(),
                scopes,
                created: now,
                expires: lasts.map(|lasts| now + lasts),
                used: None,
            };
            sql.execute(
                "INSERT INTO tokens (id, name, hash, scopes, created, expires) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                values![
                    token.id.as_str(),
                    name,
                    hash.as_slice(),
                    written(&token.scopes),
                    now,
                    token.expires,
                ],
            )?;
            Ok((token, text))
        })
    }

    /// All tokens by name, also those that do not hold any more.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn list(&mut self) -> Result<Vec<Token>, DatabaseError> {
        let sql = format!("SELECT {COLUMNS} FROM tokens ORDER BY name");
        self.sql.rows(&sql, &[], token_of)
    }

    /// Removes a token by its name or id: it holds no more, at once.
    ///
    /// # Errors
    /// See [`TokenError`].
    pub fn remove(&mut self, which: &str) -> Result<(), TokenError> {
        let sql = "DELETE FROM tokens WHERE name = ?1 OR id = ?1";
        match self.sql.execute(sql, values![which])? {
            0 => Err(TokenError::Unknown(which.to_owned())),
            _ => Ok(()),
        }
    }

    /// The token that this text is; `None`: it is none, or holds no more.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn verify(&mut self, text: &Private<String>) -> Result<Option<Token>, DatabaseError> {
        let text = text.reveal();
        let id = text.strip_prefix(PREFIX).and_then(|rest| rest.get(..ID));
        let Some(id) = id else { return Ok(None) };
        let sql = format!("SELECT {COLUMNS}, hash FROM tokens WHERE id = ?1");
        let found = self.sql.first(&sql, values![id], |row| {
            Ok((token_of(row)?, row.get::<Vec<u8>>(6)?))
        })?;
        let Some((token, kept)) = found else {
            return Ok(None);
        };
        if !bool::from(kept.ct_eq(hash(text).as_slice())) {
            return Ok(None);
        }
        let now = self.sql.now()?;
        if token.expires.is_some_and(|end| end <= now) {
            return Ok(None);
        }
        if token.used.is_none_or(|used| now.since(used) >= USED) {
            let sql = "UPDATE tokens SET used = ?2 WHERE id = ?1";
            self.sql.execute(sql, values![id, now])?;
        }
        Ok(Some(token))
    }
}

/// A token's id and its whole text.
fn make() -> Result<(String, Private<String>), TokenError> {
    let mut random = [0; 6 + 32];
    getrandom::fill(&mut random).map_err(TokenError::NoRandomness)?;
    let id = URL_SAFE_NO_PAD.encode(&random[..6]);
    let secret = URL_SAFE_NO_PAD.encode(&random[6..]);
    let text = Private::new(format!("{PREFIX}{id}{secret}"));
    Ok((id, text))
}

fn hash(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

fn written(scopes: &[Scope]) -> String {
    let words: Vec<&str> = scopes.iter().map(|one| one.as_str()).collect();
    words.join(" ")
}

fn token_of(row: &Row) -> Result<Token, Trouble> {
    let words: String = row.get(2)?;
    Ok(Token {
        id: row.get(0)?,
        name: row.get(1)?,
        // What a later version grants and this one does not know is not granted here.
        scopes: words.split(' ').filter_map(Scope::read).collect(),
        created: row.get(3)?,
        expires: row.get(4)?,
        used: row.get(5)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_opens_what_it_was_made_for_until_its_end_and_only_its_hash_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let mut tokens = Tokens::open(&folder.path().join("qaynar.db").into()).unwrap();
        let scopes = [Scope::ContactsRead, Scope::CallsRead, Scope::CallsRead];
        let (made, text) = tokens.add("crm", &scopes, None).unwrap();
        assert_eq!(made.scopes, [Scope::CallsRead, Scope::ContactsRead]);
        let found = tokens.verify(&text).unwrap().unwrap();
        assert!(found.may(Scope::CallsRead) && !found.may(Scope::ContactsWrite));
        assert!(tokens.list().unwrap()[0].used.is_some(), "it was used");
        let near = Private::new(format!("{}x", text.reveal()));
        assert_eq!(tokens.verify(&near).unwrap(), None);
        assert_eq!(tokens.verify(&Private::new("é".repeat(20))).unwrap(), None);
        let (_, over) = tokens.add("old", &scopes, Some(Duration::ZERO)).unwrap();
        assert_eq!(tokens.verify(&over).unwrap(), None, "its time is over");
        assert!(matches!(
            tokens.add("crm", &scopes, None),
            Err(TokenError::Exists(_))
        ));
        tokens.remove("crm").unwrap();
        assert_eq!(tokens.verify(&text).unwrap(), None);
        assert!(matches!(tokens.remove("crm"), Err(TokenError::Unknown(_))));
    }
}
