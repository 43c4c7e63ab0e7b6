//! `qaynar check`, `route`, `apply`, `dialplan` and `status`.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use jiff::tz::TimeZone;

use super::CliError;
use super::args::{Apply, Check, Dialplan, Route, Schema, Status};
use crate::config::Settings;
use crate::dialplan::fault::suggest;
use crate::dialplan::load::{moment_of, read_keys};
use crate::dialplan::plan::Ends;
use crate::dialplan::route::{self, Assumed};
use crate::dialplan::run::Note;
use crate::dialplan::{Fault, Number, Plan, graph, schema};
use crate::ids::{ListName, QueueName, TrunkName};
use crate::server::clock::Clock;
use crate::server::control::{self, Answer, ControlError, Question};
use crate::server::dialplans::Dialplans;
use crate::server::drive::short;
use crate::store::operators::Operators;
use crate::store::plans::{self, PlansError, Versions};
use crate::time::Wall;

fn dialplans(settings: &Settings, folder: Option<&Path>) -> Dialplans {
    let folder = folder.unwrap_or(&settings.dialplans.folder).to_owned();
    Dialplans {
        folder,
        versions: Versions::new(&settings.storage.data),
    }
}

fn loaded(settings: &Settings, folder: Option<&Path>) -> Result<(Plan, Vec<String>), PlansError> {
    let now = Clock::start().now().wall;
    let (loaded, _) = dialplans(settings, folder).check(now)?;
    let unknown = unknown_trunks(&loaded.plan, settings);
    if !unknown.is_empty() {
        return Err(PlansError::Faulty(unknown));
    }
    Ok(((*loaded.plan).clone(), loaded.warnings))
}

/// Trunks that the dialplan names and the configuration does not.
fn unknown_trunks(plan: &Plan, settings: &Settings) -> Vec<Fault> {
    let configured = settings.trunks.iter().map(|one| one.name.as_str());
    // Operators dial the helpline's numbers themselves, and where no trunk is, calls come from this machine.
    let known: Vec<&str> = match settings.trunks.is_empty() {
        true => vec!["loopback", "operators"],
        false => configured.chain(["operators"]).collect(),
    };
    let outgoing = plan.outgoing.iter().flat_map(|one| {
        let what = format!("outgoing {:?}", one.name);
        let names = one.trunks.iter();
        names.map(move |name| (what.clone(), &one.place, name.as_str()))
    });
    let entrances = plan.entrances.iter().flat_map(|one| {
        let names = one.trunks.iter();
        names.map(move |name| ("route".to_owned(), &one.place, name.as_str()))
    });
    let named = outgoing.chain(entrances);
    named
        .filter(|(_, _, name)| !known.contains(name))
        .map(|(what, place, name)| Fault {
            place: place.clone(),
            what: format!("{what}: no trunk is called {name:?}"),
            remedy: suggest(name, known.iter().copied()),
        })
        .collect()
}

/// Operators who stand between their colleagues and an emergency number.
fn hidden_emergencies(settings: &Settings) -> Vec<String> {
    let database = &settings.storage.database;
    // A check makes no database, and one that cannot be read is told of by the server.
    let operators = database.may_exist().then(|| Operators::open(database));
    let found = operators.and_then(Result::ok);
    found.map_or(Vec::new(), |mut found| {
        found.hidden_emergencies().unwrap_or_default()
    })
}

/// Operators whom queues name and who have no account: nobody answers for them.
fn strangers(settings: &Settings, plan: &Plan) -> Vec<String> {
    let database = &settings.storage.database;
    let operators = database.may_exist().then(|| Operators::open(database));
    let Some(Ok(all)) = operators.map(|operators| operators.map(|mut one| one.list())) else {
        return Vec::new();
    };
    let known: Vec<String> = all
        .unwrap_or_default()
        .into_iter()
        .map(|one| one.id.to_string())
        .collect();
    let named = plan.queues.iter().flat_map(|(name, queue)| {
        let members = queue.operators.iter().flatten();
        members.map(move |member| (name, &queue.place, member.operator.as_str()))
    });
    let strangers = named.filter(|(_, _, id)| !known.iter().any(|one| one == id));
    strangers
        .map(|(queue, place, id)| {
            format!("{place}: queue {queue} names operator {id}, who has no account; qaynar operator add {id}, or remove it")
        })
        .collect()
}

/// `qaynar check`: exit 1 with every mistake.
///
/// # Errors
/// The terminal.
pub fn check(
    asked: &Check,
    settings: &Settings,
    out: &mut dyn Write,
) -> Result<ExitCode, CliError> {
    let folder = asked.dialplans.as_deref();
    match loaded(settings, folder) {
        Ok((plan, mut warnings)) => {
            warnings.extend(hidden_emergencies(settings));
            warnings.extend(strangers(settings, &plan));
            warnings.extend(plan.warnings(Clock::start().now().wall));
            let count: usize = plan.expectations.iter().map(|one| one.dial.len()).sum();
            if asked.json {
                let body = serde_json::json!({ "well": true, "plan": plan.hash, "expectations": count, "warnings": warnings });
                writeln!(out, "{body}")?;
            } else {
                for warning in warnings {
                    writeln!(out, "{warning}")?;
                }
                writeln!(
                    out,
                    "well: {} numbers, {} paths, {} queues; {count} expected calls end where they should; version {}",
                    plan.numbers.len(),
                    plan.paths.len(),
                    plan.queues.len(),
                    short(&plan.hash)
                )?;
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(PlansError::Faulty(faults)) => {
            if asked.json {
                writeln!(
                    out,
                    "{}",
                    serde_json::json!({ "well": false, "faults": faults })
                )?;
            } else {
                for fault in &faults {
                    writeln!(out, "{fault}")?;
                }
            }
            Ok(ExitCode::FAILURE)
        }
        Err(other) => Err(CliError::Dialplans(other)),
    }
}

/// `qaynar route`: the way of a call, step by step.
///
/// # Errors
/// The dialplan is faulty, or the moment cannot be read.
pub fn route(asked: &Route, settings: &Settings, out: &mut dyn Write) -> Result<(), CliError> {
    let now = Clock::start().now().wall;
    let (plan, _) = loaded(settings, asked.dialplans.as_deref())?;
    let at = match &asked.at {
        None => now,
        Some(text) => moment_of(text, &plan).ok_or_else(|| {
            CliError::Arguments(format!("{text:?} is no moment; write 2026-11-23T03:00"))
        })?,
    };
    let assumed = assumed(asked, &plan, at)?;
    let found = match asked.as_operator {
        Some(_) => route::route_of_operator(&plan, &asked.number, &assumed),
        None => route::route(&plan, &asked.number, &assumed),
    };
    if asked.json {
        return Ok(writeln!(
            out,
            "{}",
            serde_json::to_string_pretty(&found).unwrap_or_default()
        )?);
    }
    let dialled = found
        .dialled
        .as_ref()
        .map_or("no number", |number| number.as_str());
    let stamp = jiff::Timestamp::from_microsecond(at.0).unwrap_or_default();
    let local = stamp
        .to_zoned_datetime(plan.zone.clone())
        .strftime("%Y-%m-%d %H:%M %Z");
    writeln!(
        out,
        "{} is {dialled}, dialled at {local}; version {}",
        asked.number,
        short(&plan.hash)
    )?;
    print_steps(&found.steps, out)?;
    writeln!(out, "ends {}, in {}", words(&found.ends), found.language)?;
    for one in &found.follows {
        writeln!(out, "{}:", one.why)?;
        print_steps(&one.steps, out)?;
        writeln!(out, "  ends {}", words(&one.ends))?;
    }
    Ok(())
}

fn print_steps(steps: &[Note], out: &mut dyn Write) -> std::io::Result<()> {
    for step in steps {
        let place = match step.place.is_empty() {
            true => String::new(),
            false => format!("  [{}]", step.place),
        };
        writeln!(out, "  {:<12} {}{place}", step.path.as_str(), step.reason)?;
    }
    Ok(())
}

fn words(ends: &Ends) -> String {
    match ends {
        Ends::Queue(queue) => format!("in queue {queue}, to be answered by an operator"),
        Ends::Voicemail(mailbox) => format!("in voicemail {mailbox}: the caller leaves a message"),
        Ends::Callback(queue) => format!("with a place in queue {queue}, to be called back"),
        Ends::Heard(prompt) => format!("after the prompt {prompt}; the line is closed"),
        Ends::Said(what) => format!("after the spoken {what}; the line is closed"),
        Ends::HungUp => "without a word; the line is closed".to_owned(),
        Ends::Outgoing(class) => format!("outside: a call of the class {class}"),
        Ends::Refused => "in a refusal".to_owned(),
    }
}

/// What `qaynar route` was told of the call.
fn assumed(asked: &Route, plan: &Plan, at: Wall) -> Result<Assumed, CliError> {
    let mut waiting = BTreeMap::new();
    for text in &asked.queue {
        let read = text.split_once('=');
        let read = read.and_then(|(queue, count)| Some((queue, count.parse().ok()?)));
        let (queue, count) = read.ok_or_else(|| {
            CliError::Arguments(format!("{text:?} counts nobody; write children=12"))
        })?;
        let queue = QueueName::from(queue);
        if !plan.queues.contains_key(&queue) {
            let known = plan.queues.keys().map(QueueName::as_str);
            let remedy = suggest(queue.as_str(), known);
            let text = format!("no queue is called {:?}; {remedy}", queue.as_str());
            return Err(CliError::Arguments(text));
        }
        waiting.insert(queue, count);
    }
    if let Some(from) = asked.from.as_deref()
        && from != "hidden"
        && Number::parse(from).is_none()
    {
        let text = format!("{from:?} is no telephone number; write one, or hidden");
        return Err(CliError::Arguments(text));
    }
    Ok(Assumed {
        at: Some(at),
        operators: asked.operators.unwrap_or(1),
        keys: read_keys(asked.keys.as_deref().unwrap_or_default()),
        from: asked.from.clone(),
        trunk: asked.trunk.as_deref().map(TrunkName::from),
        waiting,
        lists: asked
            .list
            .iter()
            .map(|list| ListName::from(list.as_str()))
            .collect(),
        calls: asked.calls.unwrap_or(1),
        webhook: asked.webhook.clone(),
    })
}

/// Asks the running server.
pub(super) fn ask(settings: &Settings, question: &Question) -> Result<Answer, ControlError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let data = &settings.storage.data;
    match runtime {
        Ok(runtime) => runtime.block_on(control::ask(data, question)),
        Err(source) => Err(ControlError::Io {
            path: data.clone(),
            source,
        }),
    }
}

/// Prints an answer; the exit code tells whether what was asked was done.
pub(super) fn tell(answer: &Answer, json: bool, out: &mut dyn Write) -> Result<ExitCode, CliError> {
    if json {
        writeln!(out, "{}", serde_json::to_string(answer).unwrap_or_default())?;
    } else {
        writeln!(out, "{}", answer.text)?;
    }
    Ok(if answer.done {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// `qaynar apply`: LIVE, or NOT LIVE and which lines.
///
/// # Errors
/// No server runs.
pub fn apply(
    asked: &Apply,
    settings: &Settings,
    out: &mut dyn Write,
) -> Result<ExitCode, CliError> {
    tell(&ask(settings, &Question::Apply)?, asked.json, out)
}

/// `qaynar status`.
///
/// # Errors
/// No server runs.
pub fn status(
    asked: &Status,
    settings: &Settings,
    out: &mut dyn Write,
) -> Result<ExitCode, CliError> {
    tell(&ask(settings, &Question::Status)?, asked.json, out)
}

/// `qaynar schema`.
///
/// # Errors
/// The terminal.
pub fn schema(asked: &Schema, out: &mut dyn Write) -> Result<(), CliError> {
    if asked.api {
        return Ok(writeln!(out, "{}", crate::web::openapi::document())?);
    }
    let schema = match asked.guard {
        true => schema::of_guard(),
        false => schema::of_dialplan(),
    };
    let text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    Ok(writeln!(out, "{text}")?)
}

/// `qaynar dialplan history|diff|graph|rollback`.
///
/// # Errors
/// No such version, or no server where one is needed.
pub fn dialplan(
    asked: &Dialplan,
    settings: &Settings,
    out: &mut dyn Write,
) -> Result<ExitCode, CliError> {
    let versions = Versions::new(&settings.storage.data);
    match asked {
        Dialplan::History { json: true } => {
            writeln!(
                out,
                "{}",
                serde_json::to_string(&versions.list()).unwrap_or_default()
            )?;
        }
        Dialplan::History { json: false } => {
            for version in versions.list() {
                let stamp = jiff::Timestamp::from_microsecond(version.live.0).unwrap_or_default();
                let zone = TimeZone::get("Asia/Baku").unwrap_or(TimeZone::UTC);
                let local = stamp
                    .to_zoned_datetime(zone)
                    .strftime("%Y-%m-%d %H:%M:%S %Z");
                writeln!(out, "{}  {local}", short(&version.hash))?;
            }
        }
        Dialplan::Diff { version } => {
            let wanted = match version {
                Some(version) => version.clone(),
                None => nth(&versions, 0)?,
            };
            let (_, old) = versions.files(&wanted)?;
            let new = plans::read(&settings.dialplans.folder)?;
            write!(out, "{}", difference(&old, &new))?;
        }
        Dialplan::Graph { dialplans } => {
            let (plan, _) = loaded(settings, dialplans.as_deref())?;
            write!(out, "{}", graph::svg(&plan))?;
        }
        Dialplan::Rollback { version } => {
            let hash = match version {
                Some(version) => version.clone(),
                None => nth(&versions, 1)?,
            };
            return tell(&ask(settings, &Question::UseVersion { hash })?, false, out);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn nth(versions: &Versions, place: usize) -> Result<String, PlansError> {
    let found = versions
        .list()
        .into_iter()
        .nth(place)
        .map(|version| version.hash);
    found.ok_or_else(|| PlansError::NoVersion("the one before".to_owned()))
}

/// Lines that went (`-`) and came (`+`), file by file, by the longest common subsequence.
fn difference(old: &plans::Files, new: &plans::Files) -> String {
    let mut out = String::new();
    let names: std::collections::BTreeSet<&String> =
        old.iter().chain(new).map(|(name, _)| name).collect();
    for name in names {
        let text = |files: &plans::Files| -> Vec<String> {
            let found = files.iter().find(|(one, _)| one == name);
            found
                .map(|(_, text)| text.lines().map(ToOwned::to_owned).collect())
                .unwrap_or_default()
        };
        let lines = changed_lines(&text(old), &text(new));
        if !lines.is_empty() {
            out += &format!("{name}\n{lines}");
        }
    }
    out
}

fn changed_lines(old: &[String], new: &[String]) -> String {
    // What both begin and end with is no change; the table covers only the middle.
    let head = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let (old, new) = (&old[head..], &new[head..]);
    let tail = old
        .iter()
        .rev()
        .zip(new.iter().rev())
        .take_while(|(a, b)| a == b)
        .count();
    let (old, new) = (&old[..old.len() - tail], &new[..new.len() - tail]);
    let mut common = vec![vec![0_usize; new.len() + 1]; old.len() + 1];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            common[i][j] = if old[i] == new[j] {
                common[i + 1][j + 1] + 1
            } else {
                common[i + 1][j].max(common[i][j + 1])
            };
        }
    }
    let (mut i, mut j, mut out) = (0, 0, String::new());
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            (i, j) = (i + 1, j + 1);
        } else if j == new.len() || (i < old.len() && common[i + 1][j] >= common[i][j + 1]) {
            out += &format!("{:>5} - {}\n", head + i + 1, old[i]);
            i += 1;
        } else {
            out += &format!("{:>5} + {}\n", head + j + 1, new[j]);
            j += 1;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diff_shows_what_went_and_what_came_with_its_line() {
        let file = |text: &str| vec![("main.toml".to_owned(), text.to_owned())];
        let shown = difference(&file("a\nb\nc\nd\n"), &file("a\nc\nx\nd\n"));
        assert_eq!(shown, "main.toml\n    2 - b\n    3 + x\n");
        assert_eq!(difference(&file("same"), &file("same")), "");
    }
}
