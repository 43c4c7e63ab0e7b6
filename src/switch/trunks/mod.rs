//! Carriers' lines: how they are told apart, what they may bring, and whether they live.

pub mod settings;
