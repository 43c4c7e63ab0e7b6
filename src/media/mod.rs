//! What each leg hears: a pure engine; its threads are in `server::media`.

pub mod clips;
pub mod command;
pub mod engine;
mod incoming;
pub mod leg;
mod mixer;
mod outgoing;
mod pieces;
pub mod recording;
#[cfg(test)]
mod tests;
mod voice;

pub use crate::rtp::codec::{Codec, Direction};
pub use clips::{ClipFault, Clips, Sound, converted};
pub use command::{Clip, Command, Crypto, Event, Quality, Seat, Stream};
pub use engine::{Channel, Engine, Sink};
pub use recording::Chunk;
