//! One test per bug that was found, named for what a caller, an operator or a peer had to suffer.
//! The switch runs alone, on virtual time; `house` has the peers.

#![allow(clippy::unwrap_used, reason = "a test that fails says so")]

#[path = "regressions/dialogs.rs"]
mod dialogs;
#[path = "regressions/extensions.rs"]
mod extensions;
#[path = "regressions/house.rs"]
mod house;
#[path = "regressions/keys.rs"]
mod keys;
#[path = "regressions/nat.rs"]
mod nat;
#[path = "regressions/onward.rs"]
mod onward;
#[path = "regressions/races.rs"]
mod races;
#[path = "regressions/shift.rs"]
mod shift;
#[path = "regressions/talks.rs"]
mod talks;
#[path = "regressions/transfers.rs"]
mod transfers;
#[path = "regressions/unfit.rs"]
mod unfit;
