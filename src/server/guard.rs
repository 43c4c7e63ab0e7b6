//! What the shell does for the switch against guessers and scanners: it hears them later, or not at all,
//! keeps their bans, and writes the line that fail2ban reads.

use std::net::IpAddr;
use std::time::Duration;

use super::known::Known;
use super::limits::Way;
use super::stream::Streams;
use crate::sip::flow::{Flow, Transport};
use crate::sip::source::Source;
use crate::store::bans::BanRow;
use crate::store::writer::Writer;
use crate::switch::Ban;
use crate::time::Now;

/// Has a hand on all doors.
pub struct Guard {
    /// Who may send how much.
    pub known: Known,
    /// Connections.
    pub streams: Streams,
    /// Keeps bans for the next start.
    pub writer: Writer,
    /// Whether the log tells addresses.
    pub log_sources: bool,
}

impl Guard {
    /// A peer is not heard for a moment: its address by this way, or its connection alone.
    pub fn slow(&self, flow: Flow, time: Duration, whole: bool) {
        if let Some(connection) = flow.connection {
            self.streams.slow(connection, time);
        }
        let way = match flow.transport {
            Transport::Udp => Way::Datagram,
            _ => Way::Stream,
        };
        if let Some(limits) = self.known.limits().filter(|_| whole) {
            limits.slow(way, Source::of(flow.remote.ip()), time);
        }
    }

    /// Somebody is banned from now on.
    pub fn ban(&self, ban: &Ban, address: IpAddr, known_operator: bool, now: Now) {
        self.close(ban, now);
        let (source, user) = (ban.source.to_string(), ban.user.clone());
        self.writer.ban(BanRow {
            source,
            user: user.unwrap_or_default(),
            until: ban.until,
            body: serde_json::to_string(ban).unwrap_or_default(),
        });
        // What a stranger calls himself is not written into the log.
        let user = match &ban.user {
            Some(user) if known_operator => user.as_str(),
            Some(_) => "unknown",
            None => "any",
        };
        let seconds = ban.until.since(now.wall).as_secs();
        let address = match self.log_sources {
            true => address.to_canonical().to_string(),
            false => "-".to_owned(),
        };
        // README tells fail2ban how this line looks; a test holds both together.
        tracing::warn!(target: "qaynar::ban", %address, user, seconds, why = ban.why, "banned");
    }

    /// A ban of a whole source is kept at the doors.
    pub fn close(&self, ban: &Ban, now: Now) {
        if ban.user.is_some() {
            return;
        }
        if let Some(limits) = self.known.limits() {
            limits.ban(ban.source, now.instant_of(ban.until));
        }
        self.streams.close(ban.source);
    }

    /// A ban is over before its time.
    pub fn lift(&self, source: Source, user: Option<String>) {
        if let Some(limits) = self.known.limits().filter(|_| user.is_none()) {
            limits.lift(source);
        }
        self.writer
            .lift(source.to_string(), user.unwrap_or_default());
    }
}
