//! `qaynar.toml`: text to settings, with all mistakes at once.

mod abuse;
pub mod backup;
pub mod check;
mod codes;
pub mod load;
mod location;
mod privacy;
mod publish;
mod report;
mod scanners;
pub mod settings;
mod trunks;
mod web;
pub mod webhooks;

pub use check::check;
pub use load::{ConfigError, EXAMPLE, FILE, load};
pub use location::{Address, Location};
pub use settings::{
    Abuse, Apply, Destination, LogFormat, Privacy, Rates, Retention, Settings, Tls,
};
