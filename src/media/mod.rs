//! What each leg hears: a pure engine; its threads are in `server::media`.

pub mod command;

pub use command::{Clip, Codec, Command, Direction, Event, Quality, Stream};
