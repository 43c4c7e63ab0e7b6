//! What can be typed of exports.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// `qaynar export …`
#[derive(Debug, Subcommand)]
pub enum Export {
    /// Call records.
    Calls(Exported),
    /// Contacts.
    Contacts(Exported),
    /// Activities.
    Activities(Exported),
    /// Print the tables and their columns: what each means, and whether it may be published.
    Dictionary {
        /// Print it as JSON.
        #[arg(long)]
        json: bool,
    },
}

/// What is exported, and how.
#[derive(Debug, Args)]
pub struct Exported {
    /// How.
    #[arg(long, value_enum, default_value_t = ExportForm::Csv)]
    pub format: ExportForm,
    /// Which columns, in this order: month,channel,topic; left out: all.
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub columns: Vec<String>,
    /// What began at or after this: 2021-06-01, 2021-06-01T03:00, with or without an offset.
    #[arg(long, value_name = "MOMENT")]
    pub from: Option<String>,
    /// What began before this; a day alone is meant with its whole length.
    #[arg(long, value_name = "MOMENT")]
    pub to: Option<String>,
    /// A new file, for this user alone; left out: print it.
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Count by the columns, without identities and words; cells of few are hidden, and others with them so that
    /// no total tells them (`[privacy] smallest_cell`).
    #[arg(long)]
    pub publish: bool,
}

/// The form of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExportForm {
    /// Comma-separated values with a header.
    Csv,
    /// A JSON object a line.
    Jsonl,
    /// Apache Parquet.
    Parquet,
}
