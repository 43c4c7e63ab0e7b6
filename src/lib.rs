//! Qaynar: the telephone exchange of a helpline.
//!
//! Imports go right or down, never up; `tests/tidy.rs` holds this:
//!
//! ```text
//! main, fuzzing → cli → web → server → store → config, observe    shell: may do IO
//! report → records                                         pure: accounts
//! switch → call, queue, registrar, dialplan, records       pure: decisions
//! sip → sdp → rtp; media → rtp; speech                     pure: protocols
//! event, ids, time, private                                vocabulary
//! phone                                                    the other side of the wire: imports vocabulary alone, for cli
//! ```
//!
//! The heart is [`switch`]: all state machines as one value with `handle(input, now)`, `poll()` and
//! `next_timeout()`. The server and the simulator drive the same code.

pub mod event;
pub mod ids;
pub mod private;
pub mod time;

pub mod media;
pub mod rtp;
pub mod sdp;
pub mod sip;
pub mod speech;

pub mod call;
pub mod dialplan;
pub mod queue;
pub mod records;
pub mod registrar;
pub mod report;
pub mod switch;

pub mod cli;
pub mod config;
pub mod observe;
pub mod server;
pub mod store;
pub mod web;

#[doc(hidden)]
pub mod fuzzing;
pub mod phone;
