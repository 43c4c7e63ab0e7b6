//! People who may look after the helpline: their roles, what each may do beyond, and their passwords, of which
//! only a slow hash is kept (Argon2id, RFC 9106).

use std::fmt;

use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use serde::{Deserialize, Serialize};

use super::operators::{OperatorError, checked_id};
use super::sql::{Row, values};
use super::trouble::{DatabaseError, Trouble};
use super::versioned::Versioned;
use crate::config::Location;
use crate::ids::OperatorId;
use crate::private::Private;
use crate::time::Wall;

/// Letters of the shortest and the longest password.
const PASSWORD: std::ops::RangeInclusive<usize> = 12..=128;
/// What one hash costs: 19 MiB, two passes, one lane (RFC 9106 §4, the smaller machine's choice of OWASP).
const COST: (u32, u32, u32) = (19 * 1024, 2, 1);
/// The most users.
const MOST: usize = 10_000;
/// Grows with each change of the users.
const VERSION: &str = "users";

macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, clap::ValueEnum)]
        pub enum $name { $($(#[$doc])* #[serde(rename = $word)] #[value(name = $word)] $variant),+ }

        impl $name {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The word for it in commands and tables.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// Reads its word.
            pub fn read(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(self.as_str()) }
        }
    };
}

pub(super) use words;

words! {
    /// What somebody is.
    Role {
        /// Looks after the machine: settings, dialplans, accounts, backups.
        Admin = "admin",
        /// Looks after people: operators, contacts, reports, audits.
        Supervisor = "supervisor",
        /// Answers callers.
        Operator = "operator",
    }
}

words! {
    /// What somebody may do beyond the role.
    Permission {
        /// See the number of a caller, with a reason that is audited.
        Reveal = "reveal",
        /// Review what others revealed.
        Review = "review",
    }
}

impl Role {
    /// What somebody of this role may do where nothing else is said: whoever looks after the machine has no
    /// need to know who calls.
    pub fn permissions(self) -> Vec<Permission> {
        match self {
            Self::Supervisor => vec![Permission::Reveal, Permission::Review],
            Self::Admin | Self::Operator => Vec::new(),
        }
    }
}

/// A user, without secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct User {
    /// The name for logging in, as it stands in audits.
    pub name: String,
    /// What they are.
    pub role: Role,
    /// What they may do beyond the role.
    pub permissions: Vec<Permission>,
    /// Which operator they are on the telephone.
    pub operator: Option<OperatorId>,
    /// When the user was added.
    pub created: Wall,
}

impl User {
    /// Whether they may.
    pub fn may(&self, permission: Permission) -> bool {
        self.permissions.contains(&permission)
    }
}

/// Why a user cannot be made or changed.
#[derive(Debug, thiserror::Error)]
pub enum UserError {
    /// The name is not one.
    #[error("{0:?} is no name of a user: 1 to 32 letters, digits, '-', '_' and '.'")]
    BadName(String),
    /// The password is not one.
    #[error("the password must have {} to {} characters, none of them a control character", PASSWORD.start(), PASSWORD.end())]
    BadPassword,
    /// There is one of this name.
    #[error(
        "user {0} exists; `qaynar user set {0}` changes role and permissions, `qaynar user password {0}` the password"
    )]
    Exists(String),
    /// There is none of this name.
    #[error("there is no user {name}; {}", known_text(known))]
    Unknown {
        /// Who was asked for.
        name: String,
        /// Who there is.
        known: Vec<String>,
    },
    /// There is no such operator.
    #[error(transparent)]
    Operator(#[from] OperatorError),
    /// There are as many as may be.
    #[error("there are {MOST} users; `qaynar user remove` makes room")]
    Full,
    /// The last one who may change users and settings.
    #[error("{0} is the last admin; make another one first: `qaynar user add NAME --role admin`")]
    LastAdmin(String),
    /// The password cannot be hashed.
    #[error("the password cannot be hashed: {0}; the machine lacks memory or random bytes")]
    Hash(String),
    /// The database.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

fn known_text(known: &[String]) -> String {
    match known.is_empty() {
        true => "there are none yet: `qaynar user add NAME --role supervisor` adds one".into(),
        false => format!("users are {}", known.join(", ")),
    }
}

/// The table of users.
#[derive(Debug)]
pub struct Users(Versioned);

const COLUMNS: &str = "name, role, permissions, operator, created";

impl Users {
    /// Opens the database, or makes it.
    ///
    /// # Errors
    /// See [`Trouble`].
    pub fn open(at: &Location) -> Result<Self, DatabaseError> {
        Versioned::open(at, VERSION).map(Self)
    }

    /// Adds a user.
    ///
    /// # Errors
    /// See [`UserError`].
    pub fn add(
        &mut self,
        name: &str,
        role: Role,
        permissions: &[Permission],
        operator: Option<&OperatorId>,
        password: &Private<String>,
    ) -> Result<User, UserError> {
        let name = checked_name(name)?;
        let hash = hash(password)?;
        if self.list()?.len() >= MOST {
            return Err(UserError::Full);
        }
        let added = self.0.change(|sql| {
            let now = sql.now()?;
            sql.execute(
                "INSERT INTO users (name, role, permissions, operator, password, created) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING",
                values![
                    name.as_str(),
                    role.as_str(),
                    written(permissions),
                    operator.map(OperatorId::as_str),
                    hash.reveal(),
                    now,
                ],
            )
        })?;
        match added {
            true => self.get(&name),
            false => Err(UserError::Exists(name)),
        }
    }

    /// Gives a user another role, other permissions, another operator. The last admin stays one.
    ///
    /// # Errors
    /// See [`UserError`].
    pub fn set(&mut self, user: &User) -> Result<(), UserError> {
        self.keep_an_admin(&user.name, user.role == Role::Admin)?;
        let changed = self.0.change(|sql| {
            sql.execute(
                "UPDATE users SET role = ?2, permissions = ?3, operator = ?4 WHERE name = ?1",
                values![
                    user.name.as_str(),
                    user.role.as_str(),
                    written(&user.permissions),
                    user.operator.as_ref().map(OperatorId::as_str),
                ],
            )
        })?;
        self.done(changed, &user.name)
    }

    /// Sets another password.
    ///
    /// # Errors
    /// See [`UserError`].
    pub fn set_password(
        &mut self,
        name: &str,
        password: &Private<String>,
    ) -> Result<(), UserError> {
        let hash = hash(password)?;
        let changed = self.0.change(|sql| {
            let change = "UPDATE users SET password = ?2 WHERE name = ?1";
            sql.execute(change, values![name, hash.reveal()])
        })?;
        self.done(changed, name)
    }

    /// Removes a user; what they did stays in the audit.
    ///
    /// # Errors
    /// See [`UserError`].
    pub fn remove(&mut self, name: &str) -> Result<(), UserError> {
        self.keep_an_admin(name, false)?;
        let removed = self
            .0
            .change(|sql| sql.execute("DELETE FROM users WHERE name = ?1", values![name]))?;
        self.done(removed, name)
    }

    /// One user.
    ///
    /// # Errors
    /// There is none, with the names of those there are; or the database.
    pub fn get(&mut self, name: &str) -> Result<User, UserError> {
        let sql = format!("SELECT {COLUMNS} FROM users WHERE name = ?1");
        let found = self.0.rows(&sql, values![name], user_of)?.pop();
        match found {
            Some(user) => Ok(user),
            None => Err(self.unknown(name)?),
        }
    }

    /// All users by name.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn list(&mut self) -> Result<Vec<User>, DatabaseError> {
        let sql = format!("SELECT {COLUMNS} FROM users ORDER BY name");
        self.0.rows(&sql, &[], user_of)
    }

    /// The user of this name, where the password is theirs. A name that nobody has takes as long as one that
    /// somebody has.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn verify(
        &mut self,
        name: &str,
        password: &Private<String>,
    ) -> Result<Option<User>, DatabaseError> {
        let sql = format!("SELECT {COLUMNS}, password FROM users WHERE name = ?1");
        let found = self.0.rows(&sql, values![name], |row| {
            Ok((user_of(row)?, Private::new(row.get::<String>(5)?)))
        })?;
        let Some((user, kept)) = found.into_iter().next() else {
            // As much work as for somebody who is there.
            let _ = hash(&Private::new("nobody has this password".to_owned()));
            return Ok(None);
        };
        let is_theirs = PasswordHash::new(kept.reveal()).is_ok_and(|kept| {
            let given = password.reveal().as_bytes();
            Argon2::default().verify_password(given, &kept).is_ok()
        });
        Ok(is_theirs.then_some(user))
    }

    /// Grows with each change.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn version(&mut self) -> Result<u64, DatabaseError> {
        self.0.version()
    }

    fn keep_an_admin(&mut self, name: &str, stays: bool) -> Result<(), UserError> {
        let admins = self.list()?.into_iter();
        let mut admins = admins.filter(|one| one.role == Role::Admin).peekable();
        let last = admins.next().filter(|_| admins.next().is_none());
        match last.is_some_and(|last| last.name == name) && !stays {
            true => Err(UserError::LastAdmin(name.to_owned())),
            false => Ok(()),
        }
    }

    fn done(&mut self, done: bool, name: &str) -> Result<(), UserError> {
        match done {
            true => Ok(()),
            false => Err(self.unknown(name)?),
        }
    }

    fn unknown(&mut self, name: &str) -> Result<UserError, DatabaseError> {
        let known = self.list()?.into_iter().map(|user| user.name).collect();
        Ok(UserError::Unknown {
            name: name.to_owned(),
            known,
        })
    }
}

fn checked_name(name: &str) -> Result<String, UserError> {
    let checked = checked_id(name).map_err(|_| UserError::BadName(name.to_owned()))?;
    Ok(checked.as_str().to_owned())
}

fn written(permissions: &[Permission]) -> String {
    let mut words: Vec<&str> = permissions.iter().map(|one| one.as_str()).collect();
    words.sort_unstable();
    words.dedup();
    words.join(" ")
}

fn user_of(row: &Row) -> Result<User, Trouble> {
    let words: String = row.get(2)?;
    Ok(User {
        name: row.get(0)?,
        role: Role::read(&row.get::<String>(1)?).ok_or(Trouble::Unreadable { column: 1 })?,
        // What a later version grants and this one does not know is not granted here.
        permissions: words.split(' ').filter_map(Permission::read).collect(),
        operator: row.get::<Option<String>>(3)?.map(OperatorId),
        created: row.get(4)?,
    })
}

/// The hash of a password, in the form of PHC strings: it tells what it cost, so that it can cost more later.
fn hash(password: &Private<String>) -> Result<Private<String>, UserError> {
    let letters = password.reveal().chars();
    if !PASSWORD.contains(&letters.clone().count()) || letters.clone().any(char::is_control) {
        return Err(UserError::BadPassword);
    }
    let fault = |error: &dyn fmt::Display| UserError::Hash(error.to_string());
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|error| fault(&error))?;
    let salt = SaltString::encode_b64(&random).map_err(|error| fault(&error))?;
    let (memory, passes, lanes) = COST;
    let params = Params::new(memory, passes, lanes, None).map_err(|error| fault(&error))?;
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let hashed = argon.hash_password(password.reveal().as_bytes(), &salt);
    Ok(Private::new(
        hashed.map_err(|error| fault(&error))?.to_string(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users() -> (tempfile::TempDir, Users) {
        let folder = tempfile::tempdir().unwrap();
        let users = Users::open(&folder.path().join("qaynar.db").into()).unwrap();
        (folder, users)
    }

    fn secret(text: &str) -> Private<String> {
        Private::new(text.to_owned())
    }

    #[test]
    fn a_user_has_a_role_permissions_and_a_password_of_which_only_a_hash_is_kept() {
        let (folder, mut users) = users();
        let password = secret("a long password");
        let role = Role::Supervisor;
        let made = users.add("leyla", role, &role.permissions(), None, &password);
        let made = made.unwrap();
        assert!(made.may(Permission::Reveal) && made.may(Permission::Review));
        assert_eq!(users.verify("leyla", &password).unwrap(), Some(made));
        let wrong = secret("another password");
        assert_eq!(users.verify("leyla", &wrong).unwrap(), None);
        assert_eq!(users.verify("nobody", &password).unwrap(), None);
        drop(users);
        for entry in std::fs::read_dir(folder.path()).unwrap() {
            let bytes = std::fs::read(entry.unwrap().path()).unwrap();
            let found = bytes.windows(15).any(|part| part == b"a long password");
            assert!(!found, "the password itself is kept");
        }
    }

    #[test]
    fn the_last_admin_stays_and_mistakes_tell_the_way_out() {
        let (_folder, mut users) = users();
        let password = secret("a long password");
        users
            .add("root", Role::Admin, &[], None, &password)
            .unwrap();
        let told = users.remove("root").unwrap_err().to_string();
        assert!(told.contains("last admin"), "{told}");
        let mut lesser = users.get("root").unwrap();
        lesser.role = Role::Operator;
        assert!(matches!(users.set(&lesser), Err(UserError::LastAdmin(_))));
        users
            .add("second", Role::Admin, &[], None, &password)
            .unwrap();
        users.set(&lesser).unwrap();
        let again = users.add("root", Role::Admin, &[], None, &password);
        assert!(matches!(again, Err(UserError::Exists(_))));
        let told = users.get("nobody").unwrap_err().to_string();
        assert!(told.contains("users are root, second"), "{told}");
        let short = users.add("third", Role::Admin, &[], None, &secret("short"));
        assert!(matches!(short, Err(UserError::BadPassword)));
    }
}
