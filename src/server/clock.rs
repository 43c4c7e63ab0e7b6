//! The only reader of clocks.

use crate::time::{Instant, Now, Wall};

/// Reads both clocks together. Copies share their origin, so their moments compare.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    origin: std::time::Instant,
}

impl Clock {
    /// Moments count from here.
    #[allow(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn start() -> Self {
        Self {
            origin: std::time::Instant::now(),
        }
    }

    /// This moment.
    #[allow(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn now(&self) -> Now {
        let since_origin = self.origin.elapsed().as_micros();
        let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Now {
            at: Instant(u64::try_from(since_origin).unwrap_or(u64::MAX)),
            wall: Wall(
                since_epoch.map_or(0, |age| i64::try_from(age.as_micros()).unwrap_or(i64::MAX)),
            ),
        }
    }

    /// When the system's clock shows `at`, for the runtime's timers.
    pub fn system(&self, at: Instant) -> std::time::Instant {
        self.origin + std::time::Duration::from_micros(at.0)
    }
}
