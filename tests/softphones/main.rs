//! The built binary with real phones on loopback: SIPp as the trunk, baresip, linphone and pjsua2 as operators
//! and callers. Sound is told by the frequency of tones, both ways; each call ends on both sides, leaves one
//! record, and nothing else.

#![allow(
    clippy::unwrap_used,
    reason = "a test may stop where its ground is missing"
)]

mod baresip;
mod certificates;
mod dns;
mod ear;
mod linphone;
mod moment;
mod netns;
mod pjsua;
mod ports;
mod process;
mod record;
mod server;
mod sipp;
mod tone;

mod abuse;
mod calls;
mod codes;
mod extensions;
mod keys;
mod leaving;
mod media;
mod nat;
mod operators;
mod outside;
mod registration;
mod secure;
mod starting;
mod stopping;
mod trace;
mod transfers;
mod trunks;
