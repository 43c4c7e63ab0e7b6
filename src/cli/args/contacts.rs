//! What can be typed of contacts, activities and taxonomies.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::ids::{CallId, Pseudonym};
use crate::records::contact::ContactId;

/// `qaynar contact …`
#[derive(Debug, Subcommand)]
pub enum Contact {
    /// Write one down that did not come by phone, or that no call opened.
    Add {
        /// Its fields: channel=webchat topic=legal "contact_type=wrong number"; opened_at left out: now. `qaynar
        /// contact fields` lists them.
        #[arg(value_name = "FIELD=VALUE", value_parser = field)]
        fields: Vec<(String, String)>,
        /// Its id; left out: one is made.
        #[arg(long, value_name = "ID")]
        id: Option<ContactId>,
        /// Who writes; left out: the user of this shell.
        #[arg(long, value_name = "NAME")]
        by: Option<String>,
        /// Print it as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Change fields of one; an empty value: nothing is known. Who changed it meanwhile is told, and nothing of
    /// theirs is overwritten.
    Set {
        /// Which.
        id: ContactId,
        /// What: topic=legal age=12 notes=
        #[arg(value_name = "FIELD=VALUE", required = true, value_parser = field)]
        fields: Vec<(String, String)>,
        /// The version that you saw; `qaynar contact show` tells it.
        #[arg(long, value_name = "N")]
        version: u64,
        /// Who writes; left out: the user of this shell.
        #[arg(long, value_name = "NAME")]
        by: Option<String>,
        /// Print it as JSON, also a conflict.
        #[arg(long)]
        json: bool,
    },
    /// Print all that is known of one, and what is doubtful in it.
    Show {
        /// Which.
        id: ContactId,
        /// Print it as JSON.
        #[arg(long)]
        json: bool,
    },
    /// List contacts, by their beginning.
    List(List),
    /// Print what was changed in one, when and by whom.
    History {
        /// Which.
        id: ContactId,
        /// Print its versions as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Write down that one was escalated, or what came of it. A contact of high risk needs one.
    Escalate {
        /// Which.
        id: ContactId,
        /// To whom: a service, a supervisor, the police.
        #[arg(long, value_name = "WHOM", required_unless_present = "number", conflicts_with_all = ["number", "outcome"])]
        to: Option<String>,
        /// Which of its escalations is over; `qaynar contact show` numbers them.
        #[arg(long, value_name = "N", requires = "outcome")]
        number: Option<u32>,
        /// What came of it.
        #[arg(long, value_name = "TEXT", requires = "number")]
        outcome: Option<String>,
        /// Who writes; left out: the user of this shell.
        #[arg(long, value_name = "NAME")]
        by: Option<String>,
        /// Print its escalations as JSON.
        #[arg(long)]
        json: bool,
    },
    /// List the fields of a contact with the words that may stand there.
    Fields,
}

/// `qaynar contact list`
#[derive(Debug, Args)]
pub struct List {
    /// Contacts that began at or after this: 2026-11-23, 2026-11-23T03:00, with or without an offset.
    #[arg(long, value_name = "MOMENT")]
    pub from: Option<String>,
    /// Contacts that began before this; a day alone is meant with its whole length.
    #[arg(long, value_name = "MOMENT")]
    pub to: Option<String>,
    /// Of this call alone.
    #[arg(long, value_name = "ID")]
    pub call: Option<CallId>,
    /// Of this caller alone, by pseudonym.
    #[arg(long, value_name = "CALLER", value_parser = caller)]
    pub caller: Option<Pseudonym>,
    /// Of this case alone.
    #[arg(long, value_name = "N")]
    pub case: Option<i64>,
    /// Those alone whose contact type nobody filled in.
    #[arg(long)]
    pub unfilled: bool,
    /// The most contacts to print: where there are more, the latest.
    #[arg(long, default_value_t = 1_000, value_name = "COUNT")]
    pub limit: usize,
    /// Print them as JSON.
    #[arg(long)]
    pub json: bool,
}

/// `qaynar activity …`
#[derive(Debug, Subcommand)]
pub enum Activity {
    /// Write one down.
    Add {
        /// Its kind: "family meeting", "individual rehabilitation", "group rehabilitation", training, webinar.
        #[arg(long)]
        kind: String,
        /// The day, in Baku: 2021-06-01.
        #[arg(long, value_name = "DAY")]
        on: String,
        /// The last day of what took several.
        #[arg(long, value_name = "DAY")]
        until: Option<String>,
        /// Its title.
        #[arg(long)]
        title: Option<String>,
        /// The case that it belongs to.
        #[arg(long, value_name = "N")]
        case: Option<i64>,
        /// Its id; left out: one is made.
        #[arg(long, value_name = "ID")]
        id: Option<String>,
        /// Print it as JSON.
        #[arg(long)]
        json: bool,
    },
    /// List them by day.
    List {
        /// From this day on; left out: from the first.
        #[arg(long, value_name = "DAY")]
        from: Option<String>,
        /// Up to this day, which is included.
        #[arg(long, value_name = "DAY")]
        to: Option<String>,
        /// Print them as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Remove one.
    Remove {
        /// Which.
        id: String,
    },
}

/// `qaynar taxonomy …`
#[derive(Debug, Subcommand)]
pub enum Taxonomy {
    /// List the versions.
    List {
        /// Print them whole as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Print a version, as a file to begin another from.
    Show {
        /// Which; left out: the newest.
        version: Option<u32>,
        /// Print it as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Add a version, which then never changes: old contacts and reports keep theirs.
    Add {
        /// Its file.
        file: PathBuf,
    },
}

/// `qaynar import …`
#[derive(Debug, Subcommand)]
pub enum Import {
    /// Contacts: columns contact_id, opened_at, channel and any other field.
    Contacts(ImportFile),
    /// Activities: columns activity_id, kind, held_on and, if they are there, title, ended_on, case_id.
    Activities(ImportFile),
}

/// A file to import.
#[derive(Debug, Args)]
pub struct ImportFile {
    /// CSV in UTF-8 with a header, cells parted by commas or semicolons.
    pub file: PathBuf,
    /// Take all rows, or none where one is bad.
    #[arg(long)]
    pub strict: bool,
    /// Print the outcome as JSON.
    #[arg(long)]
    pub json: bool,
}

fn field(text: &str) -> Result<(String, String), String> {
    let (field, value) = text
        .split_once('=')
        .ok_or_else(|| "write FIELD=VALUE, as topic=legal".to_owned())?;
    Ok((field.trim().to_owned(), value.to_owned()))
}

fn caller(text: &str) -> Result<Pseudonym, std::convert::Infallible> {
    Ok(Pseudonym::from(text))
}
