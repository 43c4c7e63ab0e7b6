//! Waiting for what happens, with a deadline.

use std::time::{Duration, Instant};

/// How soon a condition is looked at again, at first and in the long run: looking costs.
const LOOK: Duration = Duration::from_millis(10);
const LOOK_LATER: Duration = Duration::from_millis(160);

/// The moment.
#[allow(
    clippy::disallowed_methods,
    reason = "these tests run on real sockets and in real time"
)]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Waits until `found` finds something; fails after `within`, naming what never came.
pub(crate) fn eventually<T>(
    what: &str,
    within: Duration,
    mut found: impl FnMut() -> Option<T>,
) -> T {
    let (deadline, mut pause) = (now() + within, LOOK);
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(now() < deadline, "never came within {within:?}: {what}");
        std::thread::park_timeout(pause);
        pause = (pause * 3 / 2).min(LOOK_LATER);
    }
}

/// Whether it holds for the whole of `time`; for what must not happen.
pub(crate) fn throughout(time: Duration, mut holds: impl FnMut() -> bool) -> bool {
    let end = now() + time;
    while now() < end {
        if !holds() {
            return false;
        }
        std::thread::park_timeout(LOOK_LATER);
    }
    true
}
