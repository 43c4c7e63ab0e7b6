//! RTP, RTCP, G.711, telephone-events: what is on the wire between two voices.

pub mod codec;
