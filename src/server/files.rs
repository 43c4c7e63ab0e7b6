//! How many files and sockets the system lets us have open.
//!
//! A call takes four sockets of media, a connection takes one; the usual limit of 1,024 would be
//! reached by some two hundred calls.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What a full house needs: a thousand calls, thousands of phones.
const WANTED: u64 = 16_384;

/// Raises our limit as far as the system allows without privilege.
pub fn raise() {
    let limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.unwrap_or(u64::MAX);
    let wanted = Rlimit {
        current: Some(WANTED.max(limit.current.unwrap_or(0)).min(most)),
        maximum: limit.maximum,
    };
    // Where it is refused, what there is must do.
    let _ = setrlimit(Resource::Nofile, wanted);
    let got = limit_now();
    if got < WANTED {
        tracing::warn!(
            "only {got} files may be open, {WANTED} are wanted for a full house: \
             raise LimitNOFILE of the service or `ulimit -Hn`"
        );
    }
}

/// How many files may be open.
pub fn limit_now() -> u64 {
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}
