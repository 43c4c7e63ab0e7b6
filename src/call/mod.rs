//! Calls and their legs.
