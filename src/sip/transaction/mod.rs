//! The four transaction machines (RFC 3261 §17, RFC 6026), their keys and the table that holds them.

pub mod client;
pub mod derived;
pub mod invite_client;
pub mod invite_server;
pub mod key;
pub mod layer;
mod room;
pub mod server;
pub mod timers;
