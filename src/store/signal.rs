//! A bell between threads: rung many times, heard once.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

#[derive(Debug, Default)]
struct State {
    rung: bool,
    stopped: bool,
}

/// Wakes a thread that has something to do, or should end.
#[derive(Debug, Default)]
pub struct Signal {
    state: Mutex<State>,
    bell: Condvar,
}

impl Signal {
    /// There is something to do.
    pub fn ring(&self) {
        self.lock().rung = true;
        self.bell.notify_all();
    }

    /// The thread should end after what it has to do now.
    pub fn stop(&self) {
        self.lock().stopped = true;
        self.bell.notify_all();
    }

    /// Whether the thread should end.
    pub fn stopped(&self) -> bool {
        self.lock().stopped
    }

    /// Waits until it is rung or stopped, at most for `most`; tells whether it was rung.
    pub fn wait(&self, most: Duration) -> bool {
        let idle = |state: &mut State| !state.rung && !state.stopped;
        let waited = self.bell.wait_timeout_while(self.lock(), most, idle);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut state.rung)
    }

    /// Lets `time` pass unless stopped, so that more can gather; rings are kept.
    pub fn pause(&self, time: Duration) {
        let running = |state: &mut State| !state.stopped;
        drop(self.bell.wait_timeout_while(self.lock(), time, running));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
