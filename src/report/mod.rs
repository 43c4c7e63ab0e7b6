//! What the helpline tells of a time: counted from records, worded in a language, and laid out without a format.
//!
//! Records come in one at a time and a [`document::Document`] goes out; what draws it (text, JSON, CSV, HTML, PDF,
//! XLSX) knows nothing of records.

pub mod document;
pub mod html;
pub mod language;
pub mod letters;
pub mod pdf;
pub mod picture;
pub mod xlsx;
