//! Calls and their legs: what is known of each. What is done with them is `switch`.

pub mod asking;
pub mod callback;
pub mod guest;
pub mod leg;
pub mod stage;

pub use asking::Asking;
pub use callback::{Callback, Phase};
pub use guest::{Coming, Guest, Role};
pub use leg::{Early, Leg, Media, Owner, Progress, Referral};
pub use stage::{Call, Outgoing, Rung, Said, Stage, Tape, Told, Transfer};
