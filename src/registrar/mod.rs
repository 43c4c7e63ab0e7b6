//! Where operators' softphones are (RFC 3261 §10).
