//! SIP (RFC 3261): messages, transactions, dialogs.

pub mod flow;
pub mod transaction;
