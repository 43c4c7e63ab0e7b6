//! The shell around the switch: sockets, threads, clocks.

pub mod agent;
mod answers;
mod asker;
pub mod backups;
pub mod buckets;
pub mod clock;
pub mod control;
pub mod dialplans;
pub mod drive;
pub mod files;
pub mod guard;
pub mod identity;
pub mod keeper;
pub mod known;
pub mod limits;
pub mod media;
pub mod probe;
mod purger;
mod resolve;
pub mod run;
pub mod scribe;
pub mod stream;
pub mod tls;
mod today;
pub mod udp;
pub mod vault;
