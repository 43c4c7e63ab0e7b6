//! `qaynar operator`: who may answer.

use std::io::{self, BufRead, Write};

use serde::Serialize;

use super::CliError;
use super::args::Operator as Command;
use crate::config::Settings;
use crate::dialplan::Number;
use crate::private::Private;
use crate::store::operators::{Operator, Operators, generate_password};

/// What a phone needs to register. The password stands here where it was made, and nowhere else.
#[derive(Serialize)]
struct Account<'a> {
    id: &'a str,
    domain: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<&'a str>,
}

/// Does it.
///
/// # Errors
/// The account or the database, with the remedy.
pub fn run(command: &Command, settings: &Settings, out: &mut dyn Write) -> Result<(), CliError> {
    let realm = &settings.sip.domain;
    let mut operators = Operators::open(&settings.storage.database)?;
    match command {
        Command::Add {
            id,
            name,
            password_stdin,
            hide_emergency,
            json,
        } => {
            if Number::hides_emergency(id) && !hide_emergency {
                let text = format!(
                    "{id} is an emergency number: operators who dial it would reach this phone and nobody who \
                     helps. Choose another id, such as 2{}; or add --hide-emergency",
                    &id[1..]
                );
                return Err(CliError::Arguments(text));
            }
            let (password, made) = password(*password_stdin)?;
            operators.add(id, name, realm, &password)?;
            tell(out, "added", id, realm, made.then_some(&password), *json)
        }
        Command::Password {
            id,
            password_stdin,
            json,
        } => {
            let (password, made) = password(*password_stdin)?;
            operators.set_password(id, realm, &password)?;
            tell(
                out,
                "has a new password",
                id,
                realm,
                made.then_some(&password),
                *json,
            )
        }
        Command::Set { id, screen_pop } => {
            operators.set_screen_pop(id, screen_pop)?;
            let text = match screen_pop.is_empty() {
                true => format!("operator {id} is shown no page of calls"),
                false => format!("operator {id} is shown {screen_pop} of each call that rings"),
            };
            Ok(writeln!(out, "{text}")?)
        }
        Command::Remove { id } => {
            operators.remove(id)?;
            Ok(writeln!(
                out,
                "operator {id} removed; the calls stay on record"
            )?)
        }
        Command::List { json: true } => {
            serde_json::to_writer_pretty(&mut *out, &operators.list()?).map_err(io::Error::from)?;
            Ok(writeln!(out)?)
        }
        Command::List { json: false } => list(out, &operators.list()?, realm),
    }
}

fn tell(
    out: &mut dyn Write,
    what: &str,
    id: &str,
    domain: &str,
    password: Option<&Private<String>>,
    json: bool,
) -> Result<(), CliError> {
    let password = password.map(|password| password.reveal().as_str());
    if json {
        serde_json::to_writer(
            &mut *out,
            &Account {
                id,
                domain,
                password,
            },
        )
        .map_err(io::Error::from)?;
        return Ok(writeln!(out)?);
    }
    writeln!(out, "operator {id} {what}")?;
    if let Some(password) = password {
        writeln!(
            out,
            "  user      {id}\n  domain    {domain}\n  password  {password}"
        )?;
        writeln!(
            out,
            "The password is shown this once; `qaynar operator password {id}` makes another."
        )?;
    }
    Ok(())
}

fn list(out: &mut dyn Write, operators: &[Operator], realm: &str) -> Result<(), CliError> {
    if operators.is_empty() {
        return Ok(writeln!(
            out,
            "no operators yet: `qaynar operator add 201 --name \"…\"` adds one"
        )?);
    }
    let width = operators
        .iter()
        .map(|operator| operator.id.as_str().len())
        .max()
        .unwrap_or(0)
        .max(2);
    writeln!(out, "{:width$}  name", "id")?;
    for operator in operators {
        write!(out, "{:width$}  {}", operator.id.as_str(), operator.name)?;
        if operator.realm != *realm {
            write!(
                out,
                "  (cannot register: the password is for domain {}, run: qaynar operator password {})",
                operator.realm, operator.id
            )?;
        }
        writeln!(out)?;
    }
    Ok(())
}

/// The password and whether it was made here.
pub(super) fn password(from_stdin: bool) -> Result<(Private<String>, bool), CliError> {
    if !from_stdin {
        return Ok((generate_password()?, true));
    }
    let mut line = String::new();
    // A line is enough; who pipes in something endless gets a refusal, not a full memory.
    io::Read::take(io::stdin().lock(), 4_096).read_line(&mut line)?;
    Ok((
        Private::new(line.trim_end_matches(['\r', '\n']).to_owned()),
        false,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(settings: &Settings, command: &Command) -> Result<String, String> {
        let mut out = Vec::new();
        run(command, settings, &mut out).map_err(|fault| fault.to_string())?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn an_account_is_added_listed_and_removed() {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = Settings::defaults(folder.path());
        let adding = |id: &str, hide_emergency| Command::Add {
            id: id.into(),
            name: "Aygün".into(),
            password_stdin: false,
            hide_emergency,
            json: true,
        };
        let refused = told(&settings, &adding("102", false)).unwrap_err();
        assert!(refused.contains("emergency number"), "{refused}");
        assert!(refused.contains("such as 202"), "{refused}");
        let add = adding("101", true);
        let made: serde_json::Value =
            serde_json::from_str(&told(&settings, &add).unwrap()).unwrap();
        assert_eq!(
            (&made["id"], &made["domain"]),
            (&"101".into(), &"qaynar".into())
        );
        assert_eq!(made["password"].as_str().unwrap().len(), 16);
        assert!(told(&settings, &add).unwrap_err().contains("exists"));
        let list = Command::List { json: false };
        assert_eq!(told(&settings, &list).unwrap(), "id   name\n101  Aygün\n");
        settings.sip.domain = "elsewhere".into();
        assert!(
            told(&settings, &list)
                .unwrap()
                .contains("qaynar operator password 101")
        );
        let mut operators = Operators::open(&settings.storage.database).unwrap();
        let warnings = operators.hidden_emergencies().unwrap();
        assert!(warnings[0].contains("hides the emergency number 101"));
        assert!(told(&settings, &Command::Remove { id: "101".into() }).is_ok());
        assert!(told(&settings, &list).unwrap().contains("no operators yet"));
    }
}
