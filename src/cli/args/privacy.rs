//! `qaynar reveal`, `audit`, `keys`, `purge` and `forget`.

use clap::{Args, Subcommand};

use crate::ids::CallId;

/// `qaynar reveal`
#[derive(Debug, Args)]
pub struct Reveal {
    /// Of which call; `qaynar calls` lists them.
    #[arg(value_name = "CALL")]
    pub call: CallId,
    /// Why, for who reads the audit log.
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// Who wants to know: a user, or an operator.
    #[arg(long = "as", value_name = "WHO")]
    pub who: String,
    /// It cannot wait for somebody who has the permission. A supervisor reviews it afterwards.
    #[arg(long)]
    pub break_glass: bool,
    /// Print it as JSON.
    #[arg(long)]
    pub json: bool,
}

/// `qaynar audit …`
#[derive(Debug, Subcommand)]
pub enum Audit {
    /// List what was done; exits with 1 where somebody changed the log.
    List {
        /// At or after this: 2026-11-23, 2026-11-23T03:00, with or without an offset.
        #[arg(long, value_name = "MOMENT")]
        from: Option<String>,
        /// Before this; a day alone is meant with its whole length.
        #[arg(long, value_name = "MOMENT")]
        to: Option<String>,
        /// What waits for a supervisor's review alone.
        #[arg(long)]
        pending: bool,
        /// Print it as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Write down that a supervisor looked at what was done.
    Review {
        /// The number of its row.
        number: u64,
        /// Who reviews: a user who may, and not the one who did it.
        #[arg(long = "as", value_name = "USER")]
        who: String,
        /// What is found.
        #[arg(long, value_name = "TEXT")]
        note: String,
    },
}

/// `qaynar keys …`
#[derive(Debug, Subcommand)]
pub enum Keys {
    /// Tell the letters of the keys, which begin each pseudonym.
    List {
        /// Print them as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Make a new key of pseudonyms. Whoever calls again is known by the former one, and gets a new name with all
    /// that is kept of the caller. A running server takes it up at once.
    Rotate {
        /// Who does it, for the audit log.
        #[arg(long = "as", value_name = "WHO", default_value = "admin")]
        who: String,
    },
    /// Drop the former key: whoever has not called since is unknown from then on.
    Retire {
        /// Who does it, for the audit log.
        #[arg(long = "as", value_name = "WHO", default_value = "admin")]
        who: String,
    },
}

/// `qaynar purge`
#[derive(Debug, Args)]
pub struct Purge {
    /// Tell what would go, and erase nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Who does it, for the audit log.
    #[arg(long = "as", value_name = "WHO", default_value = "admin")]
    pub who: String,
    /// Print it as JSON.
    #[arg(long)]
    pub json: bool,
}

/// `qaynar forget`
#[derive(Debug, Args)]
pub struct Forget {
    /// A call of the caller, or the caller's pseudonym.
    #[arg(value_name = "CALL|CALLER")]
    pub whom: String,
    /// Who does it, for the audit log.
    #[arg(long = "as", value_name = "WHO", default_value = "admin")]
    pub who: String,
    /// Why, for the audit log; without names.
    #[arg(long, value_name = "TEXT", default_value = "the caller wants it")]
    pub reason: String,
    /// Print it as JSON.
    #[arg(long)]
    pub json: bool,
}
