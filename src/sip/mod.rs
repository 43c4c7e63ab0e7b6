//! SIP (RFC 3261): messages, transactions, dialogs.
//!
//! Reader and writer are our own: a message that is misread is a call that is lost.

pub mod acceptance;
pub mod dialog;
pub mod digest;
pub mod fault;
pub mod flow;
pub mod headers;
pub mod locate;
pub mod message;
pub mod nonces;
pub mod parse;
pub mod refer;
pub mod reliable;
pub mod session_timer;
pub mod sketch;
pub mod source;
pub mod stun;
pub mod transaction;
pub mod uri;
pub mod write;
