//! The API and webhooks of the built server, as programs use them: over HTTP on loopback.

#![allow(clippy::unwrap_used, reason = "a test that fails says so")]

#[path = "../house/mod.rs"]
mod house;

mod client;
mod contacts;
mod operators;
mod receiver;
mod refusals;

mod users;
mod webhooks;
