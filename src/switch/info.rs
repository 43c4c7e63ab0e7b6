//! Keys by INFO, as older phones send them (`application/dtmf-relay`, `application/dtmf`).
//!
//! Whoever talks with such a phone gets them as telephone-events. They count only where telephone-events were not agreed on: a phone that has both sends both.

use super::pbx::Switch;
use crate::call::Stage;
use crate::ids::LegId;
use crate::media::Command;
use crate::sip::message::{Name, Request, Response};
use crate::sip::transaction::layer::ServerId;
use crate::time::Now;

/// The bodies that are read.
const ACCEPT: &str = "application/dtmf-relay, application/dtmf";

impl Switch {
    /// An INFO inside a dialog (RFC 6086 §4.2.2 calls those without a package legacy).
    pub(super) fn informed(&mut self, id: LegId, server: ServerId, request: &Request, now: Now) {
        let package = Name::Other("Info-Package".into());
        if request.headers.has(package) {
            let response = Response::to(request, 469);
            let response = response.with(Name::Other("Recv-Info".into()), "nil");
            return self.respond(server, request, response, now);
        }
        let key = match (
            request.body.is_empty(),
            request.headers.content_type().as_deref(),
        ) {
            (true, _) => None,
            (false, Some("application/dtmf-relay")) => relayed(&request.body),
            (false, Some("application/dtmf")) => plain(&request.body),
            (false, _) => {
                let response = Response::to(request, 415).with(Name::Accept, ACCEPT);
                return self.respond(server, request, response, now);
            }
        };
        self.respond_status(server, request, 200, now);
        let Some(leg) = self.legs.get_mut(&id) else {
            return;
        };
        let stream = leg.media.stream.as_ref();
        let by_events = stream.is_some_and(|stream| stream.event_type_in.is_some());
        if let Some(key) = key.filter(|_| !by_events) {
            leg.keys_by_info = true;
            self.pressed(id, key, now);
            self.pass_key(id, key);
        }
    }

    /// Whoever talks with this leg gets the key as a telephone-event, where that was agreed on. Keys that
    /// come as events or as tones cross the bridge by themselves. An operator's are codes for us, and no
    /// caller has them in the ear.
    fn pass_key(&mut self, id: LegId, digit: char) {
        let call = self.legs.get(&id).and_then(|leg| leg.call());
        let Some(one) = call.and_then(|call| self.calls.get(&call)) else {
            return;
        };
        let other = match (one.partner, one.stage == Stage::Talking) {
            (Some(partner), true) if one.caller_leg == id => partner,
            (Some(partner), true) if partner == id && one.outgoing.is_some() => one.caller_leg,
            _ => return,
        };
        self.media(Command::Press { leg: other, digit });
    }
}

/// `Signal=5`, and on other lines what does not matter here.
fn relayed(body: &[u8]) -> Option<char> {
    let text = std::str::from_utf8(body).ok()?;
    let signal = text.lines().find_map(|line| {
        let (name, value) = line.split_once('=')?;
        name.trim().eq_ignore_ascii_case("Signal").then_some(value)
    })?;
    key(signal)
}

fn plain(body: &[u8]) -> Option<char> {
    key(std::str::from_utf8(body).ok()?)
}

/// A key by its sign, or by its number among the telephone-events (RFC 4733 §3.2).
fn key(text: &str) -> Option<char> {
    let text = text.trim().to_ascii_uppercase();
    let mut letters = text.chars();
    match (letters.next(), letters.next()) {
        (Some(sign), None) => Some(sign).filter(|sign| "0123456789*#ABCD".contains(*sign)),
        _ => match text.as_str() {
            "10" => Some('*'),
            "11" => Some('#'),
            "12" => Some('A'),
            "13" => Some('B'),
            "14" => Some('C'),
            "15" => Some('D'),
            _ => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_as_phones_write_them() {
        for (body, read) in [
            ("Signal=5\r\nDuration=160\r\n", Some('5')),
            ("signal = #\n", Some('#')),
            ("Signal=11", Some('#')),
            ("Signal=d", Some('D')),
            ("Signal=", None),
            ("Signal=99", None),
            ("Duration=160", None),
        ] {
            assert_eq!(relayed(body.as_bytes()), read, "{body:?}");
        }
        assert_eq!(plain(b"7\r\n"), Some('7'));
        assert_eq!(plain(b"\xff"), None);
    }
}
