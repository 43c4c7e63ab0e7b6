//! Journal, database, keys, and what nodes share.
//!
//! An event is written to the [`journal`] before the packets that it explains go out; the
//! [`database`] follows the journal on a thread of its own. Nothing here ever stops a call: what goes
//! wrong while the server runs is told to [`health`], and made good when the fault is gone.

pub mod activities;
pub mod audit;
pub mod backup;
pub mod bans;
pub mod bindings;
pub mod calls;
pub mod cases;
pub mod contacts;
pub mod cursor;
pub mod database;
pub mod deliveries;
pub mod disk;
pub mod escalations;
pub mod figures;
pub mod folder;
pub mod forget;
pub mod health;
pub mod import;
pub mod journal;
pub mod keys;
pub mod line;
pub mod lists;
pub mod messages;
mod migrations;
pub mod numbers;
mod opening;
pub mod operators;
pub mod pages;
pub mod plans;
pub mod purge;
pub mod recordings;
pub mod recover;
mod renamed;
pub mod report;
pub mod ring;
mod rows;
pub mod seal;
pub mod shared;
pub mod signal;
pub mod sql;
pub mod states;
pub mod taxonomies;
pub mod tokens;
pub mod trouble;
pub mod users;
pub mod verify;
mod versioned;
pub mod writer;
