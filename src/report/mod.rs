//! What the helpline tells of a time: counted from records, worded in a language, and laid out without a format.
//!
//! Records come in one at a time ([`account`], by [`tally`]), [`compose`] makes a [`document::Document`] of the
//! figures, and what draws it ([`text`], [`csv`], [`json`], [`html`], [`pdf`], [`xlsx`]) knows nothing of records.

pub mod account;
pub mod compose;
pub mod csv;
pub mod document;
pub mod figures;
pub mod forms;
pub mod html;
pub mod json;
pub mod language;
pub mod letters;
pub mod pdf;
pub mod period;
pub mod picture;
pub mod staffing;
pub mod tally;
pub mod text;
pub mod words;
pub mod xlsx;
