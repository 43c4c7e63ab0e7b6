//! Where operators' softphones are (RFC 3261 §10).

pub mod bindings;

pub use bindings::{Binding, Change, Registrar, Update, UpdateFault};
