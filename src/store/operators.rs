//! The operators' accounts. The password itself is never kept: digest needs its HA1 alone.

use super::sql::values;
use serde::Serialize;

use super::trouble::DatabaseError;
use super::versioned::Versioned;
use crate::config::Location;
use crate::dialplan::Number;
use crate::ids::OperatorId;
use crate::private::Private;
use crate::sip::digest::{Algorithm, ha1};
use crate::switch::settings::Account;
use crate::switch::{ScreenPop, ScreenPopFault};
use crate::time::Wall;

/// Letters and digits of an id; also the user part of a SIP URI, so nothing that needs escaping.
const MAX_ID: usize = 32;
/// Letters of a name.
const MAX_NAME: usize = 100;
/// Letters of the shortest and the longest password.
const PASSWORD: std::ops::RangeInclusive<usize> = 8..=128;
/// Letters of a generated password: 80 bits.
const GENERATED: usize = 16;
/// Grows with each change of the accounts.
const VERSION: &str = "operators";

/// An operator, without secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Operator {
    /// The extension, and the user of the softphone: `101`.
    pub id: OperatorId,
    /// For people.
    pub name: String,
    /// The domain for which the password was hashed; with another `[sip] domain` it must be set again.
    pub realm: String,
    /// When the account was made.
    pub created: Wall,
    /// The page that is shown of each call that rings, as a template.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub screen_pop: Option<String>,
}

/// Why an account cannot be made or changed.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// The id is not one.
    #[error("{0:?} is no operator id: 1 to {MAX_ID} letters, digits, '-', '_' and '.'")]
    BadId(String),
    /// The name is not one.
    #[error("the name must have 1 to {MAX_NAME} characters, none of them a control character")]
    BadName,
    /// The password is not one.
    #[error("the password must have {} to {} characters, none of them a control character", PASSWORD.start(), PASSWORD.end())]
    BadPassword,
    /// There is one of this id.
    #[error(
        "operator {0} exists; `qaynar operator password {0}` sets a new password, `qaynar operator remove {0}` removes"
    )]
    Exists(OperatorId),
    /// There is none of this id.
    #[error("there is no operator {id}; {}", known_text(known))]
    Unknown {
        /// Who was asked for.
        id: OperatorId,
        /// Who there is.
        known: Vec<OperatorId>,
    },
    /// The page of calls is none.
    #[error(transparent)]
    BadScreenPop(#[from] ScreenPopFault),
    /// The system gives no randomness.
    #[error("the system gives no random bytes for a password: {0}; give one with --password-stdin")]
    NoRandomness(getrandom::Error),
    /// The database.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

fn known_text(known: &[OperatorId]) -> String {
    if known.is_empty() {
        return "there are none yet: `qaynar operator add 201 --name \"…\"` adds one".into();
    }
    let known: Vec<&str> = known.iter().map(OperatorId::as_str).collect();
    format!("operators are {}", known.join(", "))
}

/// The table of accounts.
#[derive(Debug)]
pub struct Operators(Versioned);

impl Operators {
    /// Opens the database, or makes it.
    ///
    /// # Errors
    /// See [`super::trouble::Trouble`].
    pub fn open(at: &Location) -> Result<Self, DatabaseError> {
        Versioned::open(at, VERSION).map(Self)
    }

    /// What is to be said of accounts whose ids are emergency numbers.
    ///
    /// # Errors
    /// See [`super::trouble::Trouble`].
    pub fn hidden_emergencies(&mut self) -> Result<Vec<String>, OperatorError> {
        let all = self.list()?.into_iter();
        let hiding = all.filter(|one| Number::hides_emergency(one.id.as_str()));
        let text = |one: Operator| {
            let id = one.id;
            format!(
                "operator {id} hides the emergency number {id}: operators who dial it reach that phone. Add another \
                 account and remove this one: `qaynar operator add 2{}`, `qaynar operator remove {id}`",
                id.as_str().get(1..).unwrap_or_default()
            )
        };
        Ok(hiding.map(text).collect())
    }

    /// That there is such an operator.
    ///
    /// # Errors
    /// There is none, with the names of those there are; or the database.
    pub fn known(&mut self, id: &OperatorId) -> Result<(), OperatorError> {
        match self.list()?.iter().any(|one| one.id == *id) {
            true => Ok(()),
            false => Err(self.unknown(id.clone())?),
        }
    }

    /// Adds an account. A running server takes it up by itself.
    ///
    /// # Errors
    /// See [`OperatorError`].
    pub fn add(
        &mut self,
        id: &str,
        name: &str,
        realm: &str,
        password: &Private<String>,
    ) -> Result<(), OperatorError> {
        let id = checked_id(id)?;
        let name = name.trim();
        if name.is_empty() || name.chars().count() > MAX_NAME || name.chars().any(char::is_control)
        {
            return Err(OperatorError::BadName);
        }
        let (md5, sha256) = hashes(&id, realm, password)?;
        let added = self.0.change(|sql| {
            let now = sql.now()?;
            sql.execute(
                "INSERT INTO operators (id, name, realm, ha1_md5, ha1_sha256, created) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING",
                values![id.as_str(), name, realm, md5.reveal(), sha256.reveal(), now],
            )
        })?;
        match added {
            true => Ok(()),
            false => Err(OperatorError::Exists(id)),
        }
    }

    /// Sets another password, for the realm of today.
    ///
    /// # Errors
    /// See [`OperatorError`].
    pub fn set_password(
        &mut self,
        id: &str,
        realm: &str,
        password: &Private<String>,
    ) -> Result<(), OperatorError> {
        let id = checked_id(id)?;
        let (md5, sha256) = hashes(&id, realm, password)?;
        let changed = self.0.change(|sql| {
            sql.execute(
                "UPDATE operators SET realm = ?2, ha1_md5 = ?3, ha1_sha256 = ?4 WHERE id = ?1",
                values![id.as_str(), realm, md5.reveal(), sha256.reveal()],
            )
        })?;
        match changed {
            true => Ok(()),
            false => Err(self.unknown(id)?),
        }
    }

    /// Sets the page that an operator is shown of each call that rings; empty: none.
    ///
    /// # Errors
    /// See [`OperatorError`].
    pub fn set_screen_pop(&mut self, id: &str, template: &str) -> Result<(), OperatorError> {
        let id = checked_id(id)?;
        let template = match template {
            "" => None,
            text => Some(ScreenPop::parse(text)?),
        };
        let changed = self.0.change(|sql| {
            sql.execute(
                "UPDATE operators SET screen_pop = ?2 WHERE id = ?1",
                values![id.as_str(), template.as_ref().map(ScreenPop::as_str)],
            )
        })?;
        match changed {
            true => Ok(()),
            false => Err(self.unknown(id)?),
        }
    }

    /// Removes an account and the contacts of its phones; its calls stay on record.
    ///
    /// # Errors
    /// See [`OperatorError`].
    pub fn remove(&mut self, id: &str) -> Result<(), OperatorError> {
        let id = checked_id(id)?;
        let removed = self.0.change(|sql| {
            let id = values![id.as_str()];
            sql.execute("DELETE FROM bindings WHERE operator = ?1", id)?;
            sql.execute("DELETE FROM operator_states WHERE operator = ?1", id)?;
            sql.execute("DELETE FROM operators WHERE id = ?1", id)
        })?;
        match removed {
            true => Ok(()),
            false => Err(self.unknown(id)?),
        }
    }

    /// All accounts by id.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn list(&mut self) -> Result<Vec<Operator>, DatabaseError> {
        let all = "SELECT id, name, realm, created, screen_pop FROM operators ORDER BY id";
        self.0.rows(all, &[], |row| {
            Ok(Operator {
                id: row.word(0)?,
                name: row.get(1)?,
                realm: row.get(2)?,
                created: row.get(3)?,
                screen_pop: row.get(4)?,
            })
        })
    }

    /// What digest needs to know of the accounts of this realm.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn accounts(&mut self, realm: &str) -> Result<Vec<Account>, DatabaseError> {
        let sql = "SELECT id, ha1_md5, ha1_sha256, screen_pop FROM operators WHERE realm = ?1 ORDER BY id";
        self.0.rows(sql, values![realm], |row| {
            Ok(Account {
                operator: row.word(0)?,
                ha1_md5: Private::new(row.get(1)?),
                ha1_sha256: Private::new(row.get(2)?),
                // One that a later version wrote and this one cannot read is shown to nobody.
                screen_pop: row
                    .get::<Option<String>>(3)?
                    .and_then(|text| ScreenPop::parse(&text).ok()),
            })
        })
    }

    /// A number that grows with each change of the accounts: a server that sees it grow reads them again.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn version(&mut self) -> Result<u64, DatabaseError> {
        self.0.version()
    }

    fn unknown(&mut self, id: OperatorId) -> Result<OperatorError, DatabaseError> {
        let known = self
            .list()?
            .into_iter()
            .map(|operator| operator.id)
            .collect();
        Ok(OperatorError::Unknown { id, known })
    }
}

pub(super) fn checked_id(text: &str) -> Result<OperatorId, OperatorError> {
    let allowed = |letter: u8| letter.is_ascii_alphanumeric() || b"-_.".contains(&letter);
    let fits = (1..=MAX_ID).contains(&text.len()) && text.bytes().all(allowed);
    if fits {
        Ok(OperatorId::from(text))
    } else {
        Err(OperatorError::BadId(text.to_owned()))
    }
}

/// HA1 by MD5 and by SHA-256: `H(user ":" realm ":" password)` (RFC 7616 §3.4.2).
fn hashes(
    id: &OperatorId,
    realm: &str,
    password: &Private<String>,
) -> Result<(Private<String>, Private<String>), OperatorError> {
    let letters = password.reveal().chars();
    if !PASSWORD.contains(&letters.clone().count()) || letters.clone().any(char::is_control) {
        return Err(OperatorError::BadPassword);
    }
    let hash = |algorithm| Private::new(ha1(algorithm, id.as_str(), realm, password.reveal()));
    Ok((hash(Algorithm::Md5), hash(Algorithm::Sha256)))
}

/// A password that can be read out and typed: no letter that is taken for another, 80 random bits.
///
/// # Errors
/// The system gives no randomness.
pub fn generate_password() -> Result<Private<String>, OperatorError> {
    const LETTERS: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz023456789";
    let mut random = [0; GENERATED];
    getrandom::fill(&mut random).map_err(OperatorError::NoRandomness)?;
    Ok(Private::new(
        random
            .iter()
            .map(|byte| char::from(LETTERS[usize::from(byte & 31)]))
            .collect(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operators() -> (tempfile::TempDir, Operators) {
        let folder = tempfile::tempdir().unwrap();
        let operators = Operators::open(&folder.path().join("qaynar.db").into()).unwrap();
        (folder, operators)
    }

    fn secret(text: &str) -> Private<String> {
        Private::new(text.to_owned())
    }

    #[test]
    fn an_account_has_the_hashes_of_the_digest_rfc() {
        let (_folder, mut operators) = operators();
        // The credentials of RFC 7616 §3.9.1.
        let realm = "http-auth@example.org";
        operators
            .add("Mufasa", "Mufasa", realm, &secret("Circle of Life"))
            .unwrap();
        let account = operators.accounts(realm).unwrap().remove(0);
        assert_eq!(account.ha1_md5.reveal(), "3d78807defe7de2157e2b0b6573a855f");
        assert_eq!(
            account.ha1_sha256.reveal(),
            "7987c64c30e25f1b74be53f966b49b90f2808aa92faf9a00262392d7b4794232"
        );
        assert_eq!(operators.accounts("elsewhere").unwrap(), []);
    }

    #[test]
    fn each_change_is_noticed_by_a_running_server() {
        let (folder, mut operators) = operators();
        let mut server = Operators::open(&folder.path().join("qaynar.db").into()).unwrap();
        let first = server.version().unwrap();
        operators
            .add("101", "Aygün", "qaynar", &secret("first password"))
            .unwrap();
        let second = server.version().unwrap();
        operators
            .set_password("101", "qaynar", &secret("other password"))
            .unwrap();
        let third = server.version().unwrap();
        operators.remove("101").unwrap();
        let fourth = server.version().unwrap();
        assert!(first < second && second < third && third < fourth);
        assert_eq!(server.list().unwrap(), []);
    }

    #[test]
    fn mistakes_are_told_with_the_way_out() {
        let (_folder, mut operators) = operators();
        operators
            .add("101", "Aygün", "qaynar", &secret("first password"))
            .unwrap();
        let again = operators.add("101", "Leyla", "qaynar", &secret("first password"));
        assert!(
            again
                .unwrap_err()
                .to_string()
                .contains("operator 101 exists")
        );
        let page = operators.set_screen_pop("101", "crm.example/{call}");
        assert!(matches!(page, Err(OperatorError::BadScreenPop(_))));
        let unknown = operators.remove("102").unwrap_err().to_string();
        assert!(unknown.contains("operators are 101"), "{unknown}");
        assert!(matches!(
            operators.add("1 0", "x", "qaynar", &secret("12345678")),
            Err(OperatorError::BadId(_))
        ));
        assert!(matches!(
            operators.add("103", "x", "qaynar", &secret("short")),
            Err(OperatorError::BadPassword)
        ));
        assert!(matches!(
            operators.add("103", " ", "qaynar", &secret("12345678")),
            Err(OperatorError::BadName)
        ));
    }

    #[test]
    fn generated_passwords_are_readable_and_differ() {
        let (one, other) = (generate_password().unwrap(), generate_password().unwrap());
        assert_ne!(one, other);
        assert_eq!(one.reveal().len(), GENERATED);
        assert!(!one.reveal().contains(['l', 'i', 'o', '1']));
    }
}
