//! `qaynar.toml`.
