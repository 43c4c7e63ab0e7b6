//! Journal and database.
