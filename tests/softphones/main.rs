//! The built binary with real phones on loopback: SIPp as the trunk, baresip, linphone, pjsua2 and JsSIP in
//! Chromium as operators and callers, Kamailio between. Sound is told by the frequency of tones, both ways;
//! each call ends on both sides, leaves one record, and nothing else.

#![allow(
    clippy::unwrap_used,
    reason = "a test may stop where its ground is missing"
)]

mod baresip;
mod browser;
mod certificates;
mod dns;
mod ear;
mod kamailio;
mod linphone;
mod listeners;
mod moment;
mod netns;
mod pjsua;
mod ports;
mod process;
mod record;
mod server;
mod sipp;
mod tap;
mod tone;

mod abuse;
mod browsers;
mod calls;
mod carriers;
mod codes;
mod contacts;
mod edge;
mod extensions;
mod failover;
mod flows;
mod keys;
mod leaving;
mod media;
mod menus;
mod nat;
mod onward;
mod operators;
mod outside;
mod probe;
mod recordings;
mod registrar;
mod registration;
mod secure;
mod six;
mod starting;
mod stopping;
mod talks;
mod tls_trunk;
mod trace;
mod transfers;
mod trunks;
mod waits;
mod webhooks;
mod wire;
