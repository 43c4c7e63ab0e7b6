//! What holds of each reader of what comes from outside, whatever comes: it never panics, never grows
//! without end, and what we write can be read again and is the same.
//!
//! One function a target. `cargo test` runs them over `tests/data/corpus` and over mutations of it
//! (`tests/mutation.rs`), and `fuzz/run` hands them to libFuzzer. A broken promise is a panic.

mod addresses;
mod media;
mod messages;
mod plans;
mod records;
mod switch;

/// A target: its name, which is that of its corpus, and what holds.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: [Target; 15] = [
    ("message", messages::message),
    ("stream", messages::stream),
    ("address", addresses::address),
    ("digest", addresses::digest),
    ("challenge", addresses::challenge),
    ("stun", messages::stun),
    ("sdp", media::sdp),
    ("rtp", media::rtp),
    ("rtcp", media::rtcp),
    ("srtp", media::srtp),
    ("sound", media::sound),
    ("dialplan", plans::dialplan),
    ("number", plans::number),
    ("journal", records::journal),
    ("switch", switch::switch),
];

/// Runs the target of this name.
///
/// # Panics
/// A promise is broken, or no target has this name.
pub fn run(name: &str, bytes: &[u8]) {
    let target = TARGETS.iter().find(|(one, _)| *one == name);
    let (_, check) = target.unwrap_or_else(|| panic!("no target is called {name}"));
    check(bytes);
}
