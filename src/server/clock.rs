//! The only reader of clocks.

use std::path::Path;

use crate::time::{Instant, Now, Wall};

/// Where systemd tells whether the clock was set: the folder while its service runs, the file in it from
/// the first time on (systemd-timesyncd.service(8)).
const TIMESYNC: &str = "/run/systemd/timesync";
/// 2024-01-01 UTC: before it this program did not exist.
const FIRST_YEAR: Wall = Wall(1_704_067_200_000_000);

fn is_synchronised(folder: &Path, now: Wall) -> bool {
    let waits = folder.is_dir() && !folder.join("synchronized").exists();
    now >= FIRST_YEAR && !waits
}

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

    /// Whether the system's clock is synchronised, as far as this can be told: a machine that lost its
    /// battery wakes up in another year.
    pub fn is_synchronised(&self) -> bool {
        is_synchronised(Path::new(TIMESYNC), self.now().wall)
    }

    /// When the system's clock shows `at`, for the runtime's timers.
    pub fn system(&self, at: Instant) -> std::time::Instant {
        self.origin + std::time::Duration::from_micros(at.0)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that fails says so")]

    use super::*;

    #[test]
    fn a_clock_counts_as_synchronised_unless_the_system_or_the_year_says_otherwise() {
        let folder = tempfile::tempdir().unwrap();
        let (there, now) = (folder.path(), Wall(1_795_000_000_000_000));
        assert!(is_synchronised(&there.join("nobody"), now));
        assert!(!is_synchronised(there, now));
        std::fs::write(there.join("synchronized"), "").unwrap();
        assert!(is_synchronised(there, now));
        assert!(!is_synchronised(there, Wall(0)), "1970");
    }
}
