//! Numbers spoken by grammar, from recorded words.
