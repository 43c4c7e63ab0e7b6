//! The shell around the switch: sockets, threads, clocks.

pub mod clock;
pub mod media;
