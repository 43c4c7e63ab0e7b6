//! Who may what.

use crate::cli::CliError;
use crate::config::Settings;
use crate::store::operators::Operators;
use crate::store::users::{Permission, User, Users};

/// What somebody may see of callers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Has the permission.
    May,
    /// Is known and has none.
    Known,
    /// The database does not answer: nobody can tell.
    Untold,
}

/// What somebody of this name may do.
///
/// # Errors
/// Nobody has this name.
pub(super) fn reveals(settings: &Settings, who: &str) -> Result<Standing, CliError> {
    let database = &settings.storage.database;
    let Ok(mut operators) = Operators::open(database) else {
        return Ok(Standing::Untold);
    };
    if let Some(user) = user(settings, who)? {
        return Ok(match user.may(Permission::Reveal) {
            true => Standing::May,
            false => Standing::Known,
        });
    }
    let operators = operators.list()?;
    match operators.iter().any(|one| one.id.as_str() == who) {
        true => Ok(Standing::Known),
        false => Err(CliError::Arguments(format!(
            "{who:?} is nobody here: name a user (`qaynar user list`) or an operator (`qaynar operator list`)"
        ))),
    }
}

/// Refuses who may not review what others did.
///
/// # Errors
/// Nobody has this name, or the permission is lacking.
pub(super) fn reviews(settings: &Settings, who: &str) -> Result<(), CliError> {
    let user = user(settings, who)?;
    match user.is_some_and(|user| user.may(Permission::Review)) {
        true => Ok(()),
        false => Err(CliError::Arguments(format!(
            "{who:?} is no user who may review; `qaynar user list` tells who may, `qaynar user set {who} --may review` \
             gives the permission"
        ))),
    }
}

fn user(settings: &Settings, who: &str) -> Result<Option<User>, CliError> {
    let all = Users::open(&settings.storage.database)?.list()?;
    Ok(all.into_iter().find(|user| user.name == who))
}
