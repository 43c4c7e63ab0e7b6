//! `qaynar.toml`: text to settings, with all mistakes at once.

mod abuse;
pub mod backup;
pub mod check;
pub mod load;
mod location;
mod publish;
mod scanners;
pub mod settings;
mod trunks;
pub mod webhooks;

pub use check::check;
pub use load::{ConfigError, EXAMPLE, FILE, load};
pub use location::{Address, Location};
pub use settings::{Abuse, Apply, LogFormat, Rates, Settings, Tls};
