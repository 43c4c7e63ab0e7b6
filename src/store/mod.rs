//! Journal, database, keys, and what nodes share.
//!
//! An event is written to the [`journal`] before the packets that it explains go out; the
//! [`database`] follows the journal on a thread of its own. Nothing here ever stops a call: what goes
//! wrong while the server runs is told to [`health`], and made good when the fault is gone.

pub mod bans;
pub mod bindings;
pub mod calls;
pub mod cases;
pub mod cursor;
pub mod database;
pub mod disk;
pub mod folder;
pub mod health;
pub mod journal;
pub mod line;
pub mod lists;
pub mod messages;
mod migrations;
pub mod operators;
pub mod plans;
pub mod recordings;
pub mod recover;
mod rows;
pub mod seal;
pub mod shared;
pub mod signal;
pub mod sql;
pub mod states;
mod versioned;
pub mod writer;
