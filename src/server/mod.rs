//! The shell around the switch: sockets, threads, clocks.
