//! A phone hands its peer on (RFC 3515) and hears how it goes.

use std::net::SocketAddr;

use super::machine::Phone;
use super::settings::Event;
use super::transactions::Purpose;
use super::wire::{Message, Method};
use crate::time::Instant;

impl Phone {
    /// Asks the peer of the call to call `uri` instead; `false`: there is no call.
    pub fn transfer(&mut self, uri: &str, now: Instant) -> bool {
        let contact = self.contact();
        let Some(line) = self.line.as_mut().filter(|line| line.voice.is_some()) else {
            return false;
        };
        let mut refer = line.request(Method::Refer, &contact);
        refer.contact = Some(contact);
        refer.more = vec![("Refer-To", format!("<{uri}>"))];
        let to = self.place_of(&refer);
        self.send(refer, to, Purpose::Other, now).is_some()
    }

    /// The peer tells how far the transfer is: the status in a `message/sipfrag` (RFC 3515 §2.4.5).
    pub(super) fn transfer_told(&mut self, notify: &Message, from: SocketAddr, now: Instant) {
        self.respond(notify, 200, from, now);
        let body = String::from_utf8_lossy(notify.body()).into_owned();
        let status = body
            .strip_prefix("SIP/2.0 ")
            .and_then(|rest| rest.get(..3)?.parse().ok());
        if let Some(status) = status {
            self.tell(Event::Transfer { status });
        }
    }
}
