//! What happened: the shared vocabulary.
