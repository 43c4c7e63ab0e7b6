//! `qaynar.toml`: text to settings, with all mistakes at once.

mod abuse;
pub mod check;
pub mod load;
mod scanners;
pub mod settings;
mod trunks;

pub use check::check;
pub use load::{ConfigError, EXAMPLE, load};
pub use settings::{Abuse, Apply, Location, LogFormat, Rates, Settings, Tls};
