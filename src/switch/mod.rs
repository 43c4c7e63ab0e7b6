//! The whole exchange as one pure value: messages, media events and commands in; messages, media
//! commands and events out.
//!
//! [`Switch::handle`] takes an input, [`Switch::poll`] gives what is to be done, and
//! [`Switch::next_timeout`] tells when [`Switch::handle_timeout`] is due. Nothing here reads a clock,
//! opens a socket or draws randomness; the seed comes in at start and at restore.

mod answers;
mod arrive;
mod asking;
pub mod bans;
mod callback;
mod calls;
mod codes;
mod dial;
mod dialogs;
mod dispatch;
mod door;
mod early;
mod errands;
mod facts;
mod family;
mod glass;
mod guard;
mod guests;
mod hold;
mod info;
pub mod input;
mod keying;
mod legs;
mod lines;
mod listed;
mod listening;
mod mailbox;
mod menu;
mod onward;
mod outbound;
mod outgoing;
mod oversize;
mod parting;
mod pbx;
mod pinhole;
mod place;
mod ports;
mod proved;
mod recordings;
mod refresh;
mod refusals;
mod refusing;
mod register;
mod renamed;
mod returning;
mod rings;
mod room;
mod scanners;
mod screen;
pub mod settings;
mod silent;
pub mod snapshot;
mod spending;
mod supervise;
mod takeover;
mod talkers;
mod taping;
mod traces;
mod transfer;
pub mod trunks;
mod typed;
mod unfit;
mod violations;
mod voicemail;
mod waits;
mod ways;
mod webhook;

pub use bans::{Ban, BanSettings};
pub use callback::Listed;
pub use facts::CLOCK_UNSET;
pub use input::{Command, Counts, Input, Inquiry, Output, Route};
pub use listed::OnList;
pub use pbx::Switch;
pub use returning::{CutOff, EXPECTED_WITHIN};
pub use scanners::{Scanner, Scanners};
pub use screen::{Desk, ScreenPop, ScreenPopFault};
pub use settings::{Account, Credentials, FeatureCodes, Settings, Trunk};
pub use snapshot::CallSnapshot;
pub use spending::PastCall;
pub use trunks::{LineState, Registered};
