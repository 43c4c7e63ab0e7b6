//! Contacts from their opening by a call to what people fill in, as the built binary does it; and imports.

#![allow(clippy::unwrap_used, reason = "a test that fails says so")]

mod commands;
mod desk;
mod exports;
mod imports;
mod opening;
