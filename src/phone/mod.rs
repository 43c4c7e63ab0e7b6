//! Simulated phones that speak through rsip: the other side of the wire.
//!
//! Tests, `qaynar demo` and the load bench call through them. They use nothing of `sip`, `sdp` and
//! `rtp`, so that the exchange's own reader and writer are never proven only against themselves.
//! A [`Phone`] is pure: no socket, clock, thread or randomness, and cheap enough that one process
//! can run some thousands.
//!
//! What rsip 0.4 cannot do, a phone does not do: compact header forms, folded lines, IPv6, `tel:`.

mod calls;
mod description;
mod digest;
mod line;
mod machine;
mod register;
mod settings;
pub mod socket;
mod sound;
#[cfg(test)]
mod tests;
mod transactions;
mod transfer;
mod voice;
mod wire;

pub use line::Stage;
pub use machine::Phone;
pub use settings::{Ender, Event, Manner, OnRing, Output, Settings};
pub use sound::Law;
pub use voice::Heard;
