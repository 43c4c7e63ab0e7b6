//! Simulated phones that speak through rsip: the other side of the wire.
