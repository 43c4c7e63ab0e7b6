//! Named courses of events.
