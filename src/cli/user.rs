//! `qaynar user` and `qaynar token`: who may look after the helpline, and which programs may use its API.

use std::io::{self, Write};
use std::time::Duration;

use clap::Subcommand;

use super::CliError;
use super::operator::password;
use crate::config::Settings;
use crate::dialplan::read::duration;
use crate::ids::OperatorId;
use crate::store::operators::Operators;
use crate::store::tokens::{Scope, Token, Tokens};
use crate::store::users::{Permission, Role, User, Users};
use crate::time::Wall;

/// The longest life of a token that has an end.
const LONGEST: Duration = Duration::from_secs(10 * 366 * 24 * 3_600);

/// `qaynar user …`
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Add a user. A supervisor may reveal numbers and review that others did; others get that by --may.
    Add {
        /// The name for logging in, as it stands in audits.
        name: String,
        /// What the user is.
        #[arg(long, value_enum)]
        role: Role,
        /// What the user may do beyond; may be given several times.
        #[arg(long, value_enum, value_name = "PERMISSION")]
        may: Vec<Permission>,
        /// Which operator the user is on the telephone.
        #[arg(long, value_name = "OPERATOR")]
        operator: Option<String>,
        /// Read the password from standard input; left out: one is made and printed.
        #[arg(long)]
        password_stdin: bool,
        /// Print the user as JSON.
        #[arg(long)]
        json: bool,
    },
    /// List the users.
    List {
        /// Print them as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Change what a user is and may do.
    Set {
        /// Who.
        name: String,
        /// What the user is from now on.
        #[arg(long, value_enum)]
        role: Option<Role>,
        /// What the user may do beyond, in the place of what was; may be given several times.
        #[arg(long, value_enum, value_name = "PERMISSION")]
        may: Vec<Permission>,
        /// The user may do nothing beyond the role.
        #[arg(long, conflicts_with = "may")]
        may_nothing: bool,
        /// Which operator the user is on the telephone; empty: none.
        #[arg(long, value_name = "OPERATOR")]
        operator: Option<String>,
    },
    /// Set another password.
    Password {
        /// Whose.
        name: String,
        /// Read the password from standard input; left out: one is made and printed.
        #[arg(long)]
        password_stdin: bool,
    },
    /// Remove a user; what they did stays in the audit.
    Remove {
        /// Who.
        name: String,
    },
}

/// `qaynar token …`
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Make a token. It is shown this once.
    Add {
        /// For which program; it stands as the author of what is changed by it.
        name: String,
        /// What it may be used for; may be given several times.
        #[arg(long, value_enum, required = true)]
        scope: Vec<Scope>,
        /// For how long it holds: 90d; left out: until it is removed.
        #[arg(long = "for", value_name = "TIME")]
        time: Option<String>,
        /// Print the token as JSON.
        #[arg(long)]
        json: bool,
    },
    /// List the tokens, without their secrets.
    List {
        /// Print them as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Remove a token: it holds no more, at once.
    Remove {
        /// Its name or id.
        name: String,
    },
}

/// Does it.
///
/// # Errors
/// The user or the database, with the remedy.
pub(super) fn user(
    command: &Command,
    settings: &Settings,
    out: &mut dyn Write,
) -> Result<(), CliError> {
    let mut users = Users::open(&settings.storage.database)?;
    match command {
        Command::Add {
            name,
            role,
            may,
            operator,
            password_stdin,
            json,
        } => {
            let operator = operator.as_deref().map(|id| known(id, settings));
            let operator = operator.transpose()?.flatten();
            let may = match may.is_empty() {
                true => role.permissions(),
                false => may.clone(),
            };
            let (password, made) = password(*password_stdin)?;
            let user = users.add(name, *role, &may, operator.as_ref(), &password)?;
            added(&user, made.then(|| password.reveal().as_str()), *json, out)
        }
        Command::List { json: true } => print(out, &users.list()?),
        Command::List { json: false } => list(&users.list()?, out),
        Command::Set {
            name,
            role,
            may,
            may_nothing,
            operator,
        } => {
            let mut user = users.get(name)?;
            user.role = role.unwrap_or(user.role);
            if *may_nothing || !may.is_empty() {
                user.permissions.clone_from(may);
            }
            if let Some(id) = operator {
                user.operator = known(id, settings)?;
            }
            users.set(&user)?;
            Ok(writeln!(out, "{}", told(&users.get(name)?))?)
        }
        Command::Password {
            name,
            password_stdin,
        } => {
            let (password, made) = password(*password_stdin)?;
            users.set_password(name, &password)?;
            writeln!(out, "{name} has a new password")?;
            show(out, made.then(|| password.reveal().as_str()), name)
        }
        Command::Remove { name } => {
            users.remove(name)?;
            Ok(writeln!(
                out,
                "user {name} removed; what they did stays in the audit"
            )?)
        }
    }
}

fn added(
    user: &User,
    password: Option<&str>,
    json: bool,
    out: &mut dyn Write,
) -> Result<(), CliError> {
    if json {
        let mut value = serde_json::json!(user);
        value["password"] = serde_json::json!(password);
        return print(out, &value);
    }
    writeln!(out, "{}", told(user))?;
    show(out, password, &user.name)
}

fn list(all: &[User], out: &mut dyn Write) -> Result<(), CliError> {
    if all.is_empty() {
        writeln!(
            out,
            "no users yet: `qaynar user add NAME --role supervisor` adds one"
        )?;
    }
    for user in all {
        writeln!(out, "{}", told(user))?;
    }
    Ok(())
}

/// Does it.
///
/// # Errors
/// The token or the database, with the remedy.
pub(super) fn token(
    command: &TokenCommand,
    settings: &Settings,
    out: &mut dyn Write,
) -> Result<(), CliError> {
    let mut tokens = Tokens::open(&settings.storage.database)?;
    match command {
        TokenCommand::Add {
            name,
            scope,
            time,
            json,
        } => {
            let lasts = time.as_deref().map(life).transpose()?;
            let (token, text) = tokens.add(name, scope, lasts)?;
            if *json {
                let mut value = serde_json::json!(token);
                value["token"] = serde_json::json!(text.reveal());
                return print(out, &value);
            }
            writeln!(out, "{}\n  {}", line(&token), text.reveal())?;
            Ok(writeln!(
                out,
                "The token is shown this once; send it as \"Authorization: Bearer …\"."
            )?)
        }
        TokenCommand::List { json: true } => print(out, &tokens.list()?),
        TokenCommand::List { json: false } => {
            let all = tokens.list()?;
            if all.is_empty() {
                writeln!(
                    out,
                    "no tokens yet: `qaynar token add NAME --scope calls:read` makes one"
                )?;
            }
            for token in &all {
                writeln!(out, "{}", line(token))?;
            }
            Ok(())
        }
        TokenCommand::Remove { name } => {
            tokens.remove(name)?;
            Ok(writeln!(out, "token {name} removed; it holds no more")?)
        }
    }
}

/// An operator who is there; empty: none.
fn known(id: &str, settings: &Settings) -> Result<Option<OperatorId>, CliError> {
    if id.is_empty() {
        return Ok(None);
    }
    let id = OperatorId::from(id);
    Operators::open(&settings.storage.database)?.known(&id)?;
    Ok(Some(id))
}

fn life(text: &str) -> Result<Duration, CliError> {
    let time = duration(text).filter(|time| !time.is_zero() && *time <= LONGEST);
    time.ok_or_else(|| {
        CliError::Arguments(format!("{text:?} is no time; write 90d, ten years at most"))
    })
}

fn told(user: &User) -> String {
    let mut text = format!("{}  {}", user.name, user.role);
    if let Some(operator) = &user.operator {
        text.push_str(&format!(", operator {operator}"));
    }
    if !user.permissions.is_empty() {
        let words: Vec<&str> = user.permissions.iter().map(|one| one.as_str()).collect();
        text.push_str(&format!("; may {}", words.join(", ")));
    }
    text
}

fn line(token: &Token) -> String {
    let scopes: Vec<&str> = token.scopes.iter().map(|one| one.as_str()).collect();
    let until = token.expires.map_or(String::new(), |end| {
        format!("; holds until {}", moment(end))
    });
    let used = token.used.map_or("never used".to_owned(), |used| {
        format!("used about {}", moment(used))
    });
    let Token { id, name, .. } = token;
    format!("{name}  ({id})  {}{until}; {used}", scopes.join(" "))
}

fn moment(at: Wall) -> String {
    let at = jiff::Timestamp::from_microsecond(at.0).unwrap_or_default();
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

fn show(out: &mut dyn Write, password: Option<&str>, name: &str) -> Result<(), CliError> {
    if let Some(password) = password {
        writeln!(out, "  password  {password}")?;
        writeln!(
            out,
            "The password is shown this once; `qaynar user password {name}` makes another."
        )?;
    }
    Ok(())
}

fn print(out: &mut dyn Write, value: &impl serde::Serialize) -> Result<(), CliError> {
    serde_json::to_writer_pretty(&mut *out, value).map_err(io::Error::from)?;
    Ok(writeln!(out)?)
}
