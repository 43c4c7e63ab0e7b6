//! The whole exchange as one pure value.

pub mod ports;
pub mod settings;
