//! What can be typed.

pub mod contacts;
pub mod export;
pub mod privacy;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::figures::arguments::{Figures, Forecast};
use crate::config::EXAMPLE;
use crate::ids::{CallId, OperatorId, RecordingId};

/// The telephone exchange of a helpline.
#[derive(Debug, Parser)]
#[command(name = "qaynar", version)]
pub struct Arguments {
    /// The configuration; left out: qaynar.toml of this folder where there is one, else the defaults.
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the server.
    ///
    /// Without a configuration: SIP on UDP and TCP 5060, dialplans in ./dialplans, data in ./data.
    /// SIGTERM takes no new calls and waits for those in progress; a second one ends them.
    #[command(after_long_help = format!("The configuration, with every setting:\n\n{EXAMPLE}"))]
    Serve(Serve),
    /// Watch simulated callers and operators on loopback, in a temporary folder.
    Demo(Demo),
    /// Check configuration and dialplans, and run the dialplans' own tests.
    Check(Check),
    /// Tell what would happen to a call, step by step, and why.
    Route(Route),
    /// Make the checked dialplans live.
    Apply(Apply),
    /// Print the JSON Schema of dialplans, which editors complete and check by, or the document of the API.
    Schema(Schema),
    /// Versions of the dialplans that were live.
    #[command(subcommand)]
    Dialplan(Dialplan),
    /// Operators' accounts.
    #[command(subcommand)]
    Operator(Operator),
    /// People who look after the helpline: their roles, and what they may do.
    #[command(subcommand)]
    User(super::user::Command),
    /// Keys of programs to the API.
    #[command(subcommand)]
    Token(super::user::TokenCommand),
    /// Servers outside that are told what happens, and what they have not taken yet.
    #[command(subcommand)]
    Webhooks(super::webhooks::Command),
    /// Print call records, by arrival.
    Calls(Calls),
    /// Draw the ladder of a call: its SIP messages, and between them the decisions.
    Trace(Trace),
    /// Carriers' lines.
    #[command(subcommand)]
    Trunk(Trunk),
    /// Callers on lists of the dialplan, each for a time: by the call that they made, never by number.
    #[command(subcommand)]
    Block(Block),
    /// Callers with an open case, and who looks after them.
    #[command(subcommand)]
    Case(Case),
    /// Contacts: what operators write down of a call, a chat, a visit.
    #[command(subcommand)]
    Contact(contacts::Contact),
    /// Meetings, works of rehabilitation, events.
    #[command(subcommand)]
    Activity(contacts::Activity),
    /// Topics, issues, services and age bands, in versions.
    #[command(subcommand)]
    Taxonomy(contacts::Taxonomy),
    /// Take in contacts or activities from a file. An id that is there already is compared: the same file again
    /// changes nothing. Exits with 1 where a row was refused.
    #[command(subcommand)]
    Import(contacts::Import),
    /// Write calls, contacts or activities to a file, or count them for publication.
    #[command(subcommand)]
    Export(export::Export),
    /// Messages that callers left.
    #[command(subcommand)]
    Voicemail(Voicemail),
    /// Talks of queues that record.
    #[command(subcommand)]
    Recordings(Recordings),
    /// Guessers of passwords and scanners who are banned.
    Bans(Bans),
    /// Callers who are to be called back.
    #[command(subcommand)]
    Callbacks(Callbacks),
    /// Compare the waits that callers were told with those that came.
    Estimates(Estimates),
    /// Make a backup beside the running server, and read it again.
    ///
    /// It has all but the keys: tables, journal, recordings, dialplans and settings.
    Backup(super::backup::Backups),
    /// Put a backup onto an empty machine, or check that it is whole.
    Restore(super::backup::Restore),
    /// Compare journal, database and the running server: no call is lost, none is there twice.
    Verify(super::verify::Verify),
    /// Print what is published of a month or another period: contacts, topics, activities, with comparisons.
    Report(super::report::Arguments),
    /// Tell what the calls of a time came to: service level, waits, abandonment, handling, occupancy, each with its
    /// definition.
    Figures(Figures),
    /// Tell how many operators the calls to come need, hour by hour of the week, by those that came.
    Forecast(Forecast),
    /// Read a caller's number, for a rescue or a callback: written down, with who did it and why.
    Reveal(privacy::Reveal),
    /// Who read a number, listened to a talk, purged or forgot, when and why.
    #[command(subcommand)]
    Audit(privacy::Audit),
    /// The keys that name callers.
    #[command(subcommand)]
    Keys(privacy::Keys),
    /// Erase what was kept for as long as [privacy] says. A running server does it by itself each hour.
    Purge(privacy::Purge),
    /// Forget a caller: calls, contacts and their figures stay, and nothing in them leads to anybody.
    Forget(privacy::Forget),
    /// Tell how the running server is.
    Status(Status),
}

/// `qaynar serve`
#[derive(Debug, Args)]
pub struct Serve {}

/// `qaynar demo`
#[derive(Debug, Args)]
pub struct Demo {
    /// How many callers call.
    #[arg(long, default_value_t = 6, value_name = "COUNT")]
    pub callers: u32,
    /// How many operators are on shift.
    #[arg(long, default_value_t = 3, value_name = "COUNT")]
    pub operators: u32,
}

/// `qaynar check`
#[derive(Debug, Args)]
pub struct Check {
    /// Check this folder, not the configured one.
    #[arg(long, value_name = "DIR")]
    pub dialplans: Option<PathBuf>,
    /// Print what was found as JSON.
    #[arg(long)]
    pub json: bool,
}

/// `qaynar route`
#[derive(Debug, Args)]
pub struct Route {
    /// The dialled number, in any form.
    pub number: String,
    /// The caller's number; left out: no identity.
    #[arg(long, value_name = "NUMBER")]
    pub from: Option<String>,
    /// By which trunk the call comes.
    #[arg(long, value_name = "NAME")]
    pub trunk: Option<String>,
    /// A list that the caller is on; may be given several times.
    #[arg(long, value_name = "NAME")]
    pub list: Vec<String>,
    /// How often the caller called in the last hour, this call with them.
    #[arg(long, value_name = "COUNT")]
    pub calls: Option<usize>,
    /// How many wait in a queue: children=12; may be given several times.
    #[arg(long, value_name = "QUEUE=COUNT")]
    pub queue: Vec<String>,
    /// When, in the dialplan's time zone: 2026-11-23T03:00; left out: now.
    #[arg(long, value_name = "MOMENT")]
    pub at: Option<String>,
    /// An operator dials it: would the call go outside, by which trunks, under which caps?
    #[arg(long, value_name = "OPERATOR", num_args = 0..=1, default_missing_value = "")]
    pub as_operator: Option<String>,
    /// How many operators are on shift; left out: one.
    #[arg(long, value_name = "COUNT")]
    pub operators: Option<usize>,
    /// Keys that the caller presses at once: 2 or 2,1.
    #[arg(long, value_name = "KEYS")]
    pub keys: Option<String>,
    /// What a webhook answers; left out: nothing. May be given several times, in the order of the way.
    #[arg(long, value_name = "ANSWER")]
    pub webhook: Vec<String>,
    /// Use this folder, not the configured one.
    #[arg(long, value_name = "DIR")]
    pub dialplans: Option<PathBuf>,
    /// Print the way as JSON.
    #[arg(long)]
    pub json: bool,
}

/// `qaynar apply`
#[derive(Debug, Args)]
pub struct Apply {
    /// Print the outcome as JSON.
    #[arg(long)]
    pub json: bool,
}

/// `qaynar schema`
#[derive(Debug, Args)]
pub struct Schema {
    /// The schema of safety.toml.
    #[arg(long)]
    pub guard: bool,
    /// The API, as OpenAPI; a running server tells it at /api/openapi.json.
    #[arg(long, conflicts_with = "guard")]
    pub api: bool,
}

/// `qaynar dialplan …`
#[derive(Debug, Subcommand)]
pub enum Dialplan {
    /// List the versions that were live, the newest first.
    History {
        /// Print them as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show what differs between a version and the folder.
    Diff {
        /// The version; left out: the live one.
        version: Option<String>,
    },
    /// Draw it: paths and queues as boxes with their steps, and where each leads to. Prints SVG.
    Graph {
        /// Draw this folder, not the configured one.
        #[arg(long, value_name = "DIR")]
        dialplans: Option<PathBuf>,
    },
    /// Make an earlier version live.
    Rollback {
        /// The version; left out: the one before the live one.
        version: Option<String>,
    },
}

/// `qaynar operator …`
#[derive(Debug, Subcommand)]
pub enum Operator {
    /// Add an account; a running server takes it up by itself.
    Add {
        /// The extension, and the user of the softphone: 101.
        id: String,
        /// The name, for people.
        #[arg(long)]
        name: String,
        /// Read the password from standard input; left out: one is made and printed.
        #[arg(long)]
        password_stdin: bool,
        /// Take an id that is an emergency number (101, 102, 103, 112): operators who dial it then reach
        /// this phone, and not the fire brigade or the police.
        #[arg(long)]
        hide_emergency: bool,
        /// Print the account as JSON.
        #[arg(long)]
        json: bool,
    },
    /// List the accounts.
    List {
        /// Print them as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Remove an account; its calls stay on record.
    Remove {
        /// Whose.
        id: String,
    },
    /// Set the page that the operator is shown of each call that rings.
    Set {
        /// Whose.
        id: String,
        /// The page's address, in which {call}, {caller}, {contact}, {operator}, {dialled}, {queue} and
        /// {language} stand for those of the call: `https://crm.example/?contact={contact}`. Empty: none.
        #[arg(long, value_name = "URL")]
        screen_pop: String,
    },
    /// Set another password.
    Password {
        /// Whose.
        id: String,
        /// Read the password from standard input; left out: one is made and printed.
        #[arg(long)]
        password_stdin: bool,
        /// Print the account as JSON.
        #[arg(long)]
        json: bool,
    },
}

/// `qaynar calls`
#[derive(Debug, Args)]
pub struct Calls {
    /// Calls that arrived at or after this: 2026-11-23, 2026-11-23T03:00, with or without an offset;
    /// without one, in the dialplan's time zone.
    #[arg(long, value_name = "MOMENT")]
    pub from: Option<String>,
    /// Calls that arrived before this; a day alone is meant with its whole length.
    #[arg(long, value_name = "MOMENT")]
    pub to: Option<String>,
    /// The most calls to print: where there are more, the latest.
    #[arg(long, default_value_t = 1_000, value_name = "COUNT")]
    pub limit: usize,
    /// Print all that happened to this call, moment by moment.
    #[arg(long, value_name = "ID", conflicts_with_all = ["from", "to", "limit", "operator"])]
    pub call: Option<CallId>,
    /// Calls of this operator alone.
    #[arg(long, value_name = "ID", value_parser = operator_id)]
    pub operator: Option<OperatorId>,
    /// How.
    #[arg(long, value_enum, default_value_t = Form::Text)]
    pub format: Form,
    /// The same as --format json.
    #[arg(long, conflicts_with = "format")]
    pub json: bool,
}

/// `qaynar trace`
#[derive(Debug, Args)]
pub struct Trace {
    /// Which call; `qaynar calls` lists them.
    #[arg(value_name = "CALL")]
    pub call: CallId,
    /// How.
    #[arg(long, value_enum, default_value_t = Drawing::Text)]
    pub format: Drawing,
    /// Tell also what each message required, offered and answered.
    #[arg(long)]
    pub details: bool,
}

/// How a ladder is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Drawing {
    /// For a terminal.
    Text,
    /// A picture for a browser.
    Svg,
    /// Its rows, for programs.
    Json,
}

fn operator_id(text: &str) -> Result<OperatorId, std::convert::Infallible> {
    Ok(OperatorId::from(text))
}

/// How records are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// A table for people.
    Text,
    /// A JSON array, one object a call.
    Json,
    /// Comma-separated values with a header.
    Csv,
}

/// `qaynar trunk …`
#[derive(Debug, Subcommand)]
pub enum Trunk {
    /// List the trunks, with their states where the server runs.
    List {
        /// Print them as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Walk DNS, transport (with certificates), OPTIONS, digest and a call, and tell what is wrong and what to
    /// ask the carrier. It works without a running server and leaves the registration of one as it is. No phone
    /// rings: the call goes to a number that nobody has (+999…), and is taken back where it rings all the same.
    /// Exits with 1 where a step is wrong.
    Test {
        /// Which.
        name: String,
        /// Call this number in place of that: its phone rings for a moment. Emergency numbers are refused.
        #[arg(long, value_name = "NUMBER")]
        call: Option<String>,
        /// How to print the steps.
        #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
        format: StepsFormat,
    },
}

/// How `qaynar trunk test` prints.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum StepsFormat {
    /// A line a step.
    #[default]
    Text,
    /// A list of objects with `step`, `good` (null: left out) and `text`.
    Json,
}

/// `qaynar voicemail …`
#[derive(Debug, Subcommand)]
pub enum Voicemail {
    /// List the messages that wait to be handled, the oldest first.
    List {
        /// Also those that are handled, and what is known of those that are erased.
        #[arg(long)]
        all: bool,
        /// Print them as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Write a message to a WAV file for this user alone.
    Export {
        /// Which; `qaynar voicemail list` names them.
        id: RecordingId,
        /// The new file; one that is there is left alone.
        file: PathBuf,
    },
    /// Say that a message is handled; the operators' phones hear so. Needs a running server.
    Handled {
        /// Which.
        id: RecordingId,
        /// Print the outcome as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Erase a message; what is known of it stays. Needs a running server.
    Delete {
        /// Which.
        id: RecordingId,
        /// Print the outcome as JSON.
        #[arg(long)]
        json: bool,
    },
}

/// `qaynar recordings …`
#[derive(Debug, Subcommand)]
pub enum Recordings {
    /// List the recorded talks, the oldest first.
    List {
        /// Also what is known of those that are erased.
        #[arg(long)]
        all: bool,
        /// Print them as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Write a recording to a WAV file for this user alone: the caller left, the operator right.
    Export {
        /// Which; `qaynar recordings list` names them.
        id: RecordingId,
        /// The new file; one that is there is left alone.
        file: PathBuf,
    },
    /// Erase a recording; what is known of it stays. Needs a running server.
    Delete {
        /// Which.
        id: RecordingId,
        /// Print the outcome as JSON.
        #[arg(long)]
        json: bool,
    },
}

/// `qaynar case …`
#[derive(Debug, Subcommand)]
pub enum Case {
    /// Have the caller of a call looked after by one operator, who is rung first when the caller calls again.
    Open {
        /// The call, as `qaynar calls` names it.
        #[arg(long, value_name = "ID")]
        call: CallId,
        /// Who looks after it.
        #[arg(long, value_name = "OPERATOR")]
        operator: OperatorId,
    },
    /// List the open cases.
    List {
        /// Print them as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Close a case.
    Close {
        /// Whose: the caller's pseudonym.
        caller: String,
    },
}

/// `qaynar block …`
#[derive(Debug, Subcommand)]
pub enum Block {
    /// Put the caller of a call on a list. What callers on it meet, the dialplan says.
    Add {
        /// The call; `qaynar calls` lists them.
        #[arg(long, value_name = "ID")]
        call: CallId,
        /// For how long: 2h, 7d; a year at most.
        #[arg(long = "for", value_name = "TIME")]
        time: String,
        /// Which list of the dialplan.
        #[arg(long, value_name = "NAME", default_value = "blocked")]
        list: String,
        /// Why, for who reviews it.
        #[arg(long, value_name = "TEXT", default_value = "")]
        reason: String,
    },
    /// List who is on a list now.
    List {
        /// Print them as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Take a caller off a list before the time.
    Remove {
        /// Who, as the list tells.
        caller: String,
        /// Which list.
        #[arg(long, value_name = "NAME", default_value = "blocked")]
        list: String,
    },
}

/// `qaynar bans`
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Bans {
    /// Left out: list them.
    #[command(subcommand)]
    pub command: Option<BansCommand>,
    /// How.
    #[arg(long, value_enum, default_value_t = BanForm::Text)]
    pub format: BanForm,
    /// The same as --format json.
    #[arg(long, conflicts_with = "format")]
    pub json: bool,
}

/// How bans are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum BanForm {
    /// For people.
    Text,
    /// A JSON array, one object a ban.
    Json,
}

/// `qaynar bans …`
#[derive(Debug, Subcommand)]
pub enum BansCommand {
    /// Lift bans, and forget what led to them.
    Lift {
        /// Whose: 203.0.113.7, or the /64 of an IPv6 address.
        source: String,
        /// Under this name alone; left out: all of the source.
        user: Option<String>,
    },
}

/// `qaynar callbacks …`
#[derive(Debug, Subcommand)]
pub enum Callbacks {
    /// List them; no number is shown.
    List {
        /// Print them as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Do not call this one back.
    Cancel {
        /// Which, as the list names it.
        call: CallId,
    },
}

/// `qaynar estimates`
#[derive(Debug, Args)]
pub struct Estimates {
    /// Waits that ended at or after this: 2026-11-23, 2026-11-23T03:00, with or without an offset.
    #[arg(long, value_name = "MOMENT")]
    pub from: Option<String>,
    /// Waits that ended before this; a day alone is meant with its whole length.
    #[arg(long, value_name = "MOMENT")]
    pub to: Option<String>,
    /// Print the figures as JSON.
    #[arg(long)]
    pub json: bool,
}

/// `qaynar status`
#[derive(Debug, Args)]
pub struct Status {
    /// Print it as JSON.
    #[arg(long)]
    pub json: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_commands_are_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_help_of_serve_shows_every_setting() {
        let mut serve = Arguments::command();
        let serve = serve.find_subcommand_mut("serve").unwrap();
        let help = serve.render_long_help().to_string();
        assert!(help.contains("[sip]") && help.contains("digest = [\"sha-256\", \"md5\"]"));
    }

    #[test]
    fn the_configuration_may_be_named_anywhere() {
        let typed =
            Arguments::try_parse_from(["qaynar", "calls", "--config", "x.toml", "--json"]).unwrap();
        assert_eq!(typed.config, Some(PathBuf::from("x.toml")));
    }
}
