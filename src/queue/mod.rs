//! Who waits, who is free, and who rings for whom.
