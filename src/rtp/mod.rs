//! RTP, RTCP, G.711, telephone-events: what is on the wire between two voices.

pub mod codec;
pub mod dtmf;
pub mod g711;
mod gcm;
pub mod packet;
pub mod quality;
pub mod rtcp;
pub mod srtp;
pub mod tones;
