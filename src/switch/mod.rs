//! The whole exchange as one pure value.
