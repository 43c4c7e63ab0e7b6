//! The database, kept by SQLite and by PostgreSQL: one suite over both, and what no outage may lose.

#![allow(
    clippy::unwrap_used,
    reason = "a test may stop where its ground is missing"
)]

mod events;
mod outages;
mod postgres;
mod tables;
mod verify;

use std::time::Duration;

use qaynar::store::signal::Signal;

/// Waits until it holds, a minute at most.
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let bell = Signal::default();
    for _ in 0..2_400 {
        if holds() {
            return;
        }
        bell.wait(Duration::from_millis(25));
    }
    panic!("never came: {what}");
}
