//! What each leg hears: a pure engine; its threads are in `server::media`.

pub mod command;

pub use crate::rtp::codec::{Codec, Direction};
pub use command::{Clip, Command, Event, Quality, Stream};
