//! The report over the helpline's own half-year: the published figures, to the last one, in each language.

#![allow(clippy::unwrap_used, reason = "a test that fails says so")]

mod command;
mod fixture;
mod published;
mod words;
